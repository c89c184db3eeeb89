/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "options.h"

/*
 * A finished run goes into the store, and the page is made of what is in it: `gauntlet report`, as a child. Prints the
 * page's path, or why there is none, to standard error. The run's exit status is not its concern.
 */
void gt_run_page(const struct gt_options *o, const char *folder);
