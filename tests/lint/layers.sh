#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may name threads, atomics and system calls, and who may include whom: see layers.py.
source "$(dirname "$0")/lib.sh"

check() { python3 "$lint_dir/layers.py" "$1"; }

caught() { # FILE TEXT PATTERN
  plant "$1" <<<"$2"
  expect_caught "$1: $2" "$3"
}
caught runtimes/core/a.c '_Atomic int x;' 'names _Atomic'
caught runtimes/core/a.c '#include <stdatomic.h>' 'names stdatomic\.h'
caught runtimes/schedulers/a.c 'void f(void) { __sync_synchronize(); }' 'names __sync_'
caught runtimes/tracers/a.c 'void f(void) { pthread_self(); }' 'names pthread_'
caught runtimes/core/a.c 'void f(void) { mmap(0, 1, 0, 0, 0, 0); }' 'names mmap'
caught workloads/a.c 'static __thread int x;' 'names __thread'
caught runtimes/core/a.c 'void f(void) { read(0, b, 1); }' 'names read\('
caught runtimes/schedulers/a.c '#include "core/core.h"' 'may not include "core/core\.h"'
caught runtimes/core/a.c '#include "schedulers/worksteal.h"' 'may not include'
caught trace/a.c '#include "gauntlet/tracer.h"' 'may not include'
caught workloads/a.c '#include "core/core.h"' 'may not include'
caught runtimes/port/a.c '#include "core/core.h"' 'may not include'
plant runtimes/port/a.c < <(printf '#include <pthread.h>\n#include "port/port.h"\n_Atomic int x;\n')
plant runtimes/core/a.c < <(printf '/* _Atomic, mmap() */\n#include "core/core.h"\n#include "runtimes.def"\n')
plant runtimes/core/b.c < <(printf 'void f(struct s *o) { o->read(1); gt_read(2); o.write(3); p("mmap("); }\n')
plant runtimes/schedulers/a.c <<<'#include "gauntlet/scheduler.h"'
plant tests/unit/a_test.c <<<'#include <pthread.h>'
expect_clean 'the port may, the others keep to their layer'
finish
