/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/core_bench.h"
#include "cli.h"
const struct gt_bench_row *gt_bench_row_at(size_t i)
{
    (void)i;
    return 0;
}
const struct gt_verb gt_verb_bench = {.name = "bench", .args = "", .summary = ""};
