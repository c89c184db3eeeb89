/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What looks after a cell from outside its runtime: ends rounds in time, notices that
 * nothing goes on any more, and tells what stood where when the process crashes.
 *
 * A hang ends the process with GT_CELL_LATE, a crash by its signal. Before, "Bail out!"
 * goes to the cell's bail_fd, and every G, M and P to its dump file and standard error; the
 * cell's `words` say how far that came. What happens before its start and after its stop ends
 * the process without.
 *
 * Thread-safety: one cell at a time in a process; the functions from the cell's thread.
 */
#pragma once
#include "harness/cell.h"

struct gt_watch;
/* NULL: no memory, no thread. Installs the crash handlers (not under sanitizers, whose own
 * reports are better): before the runtime claims signals. */
struct gt_watch *gt_watch_start(struct gt_cell_life *l);
/* A round of so many ns begins; l->rt and l->before are set. */
void gt_watch_round(struct gt_watch *w, int64_t ns, uint64_t most_transitions);
/* It ended: nothing is expected to move. */
void gt_watch_rest(struct gt_watch *w);
void gt_watch_stop(struct gt_watch *w);
