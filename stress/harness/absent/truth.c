/* SPDX-License-Identifier: Apache-2.0 */
/* Until the oracle is there. */
#include "harness/truth.h"
#include <string.h>
const char *gt_truth_name(enum gt_truth_class c) { (void)c; return "?"; }
const char *gt_truth_text(enum gt_truth_class c) { (void)c; return "?"; }
int gt_truth_compare(struct gt_jentry *e, size_t n, uint64_t lost, const int *traces, size_t n_traces, const struct gt_truth_options *o, struct gt_truth_result *out)
{ (void)e; (void)n; (void)lost; (void)traces; (void)n_traces; (void)o; memset(out, 0, sizeof *out); return 0; }
int gt_journal_save(FILE *f, const struct gt_jentry *e, size_t n, uint64_t lost) { (void)lost; return fwrite(e, sizeof *e, n, f) == n ? 0 : -5; }
