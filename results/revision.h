/* SPDX-License-Identifier: Apache-2.0 */
/* Of which source, and how, this program was built. Constant; any thread. */
#pragma once

struct gt_revision {
    const char *commit;     /* "unknown" without git */
    const char *dirty_diff; /* hash of what differs from the commit, "" nothing */
    const char *compiler, *flags, *preset;
    const char *hwloc, *libdw, *jemalloc, *inih; /* versions built against */
};
const struct gt_revision *gt_revision(void);
