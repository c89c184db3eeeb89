/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that are written in Python: results/gauntlet_results. */
#pragma once

struct gt_verb;

/*
 * Becomes `python3 -m gauntlet_results VERB ARGUMENT...`: exit status, signals and output are the
 * script's own. Returns only when that cannot be, after one line: GT_EXIT_VOID, or GT_EXIT_BROKEN.
 */
int gt_script_exec(const struct gt_verb *v, int argc, char **argv);
