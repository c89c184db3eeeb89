/* SPDX-License-Identifier: Apache-2.0 */
#include "results/revision.h"

#include "gt_revision.h" /* written at each build, when it changed */

const struct gt_revision *gt_revision(void)
{
    static const struct gt_revision revision = {
        .commit = GT_REVISION_COMMIT,
        .dirty_diff = GT_REVISION_DIRTY,
        .compiler = GT_COMPILER,
        .flags = GT_FLAGS,
        .preset = GT_PRESET,
        .hwloc = GT_HWLOC_VERSION,
        .libdw = GT_LIBDW_VERSION,
        .jemalloc = GT_JEMALLOC_VERSION,
        .inih = GT_INIH_VERSION,
    };
    return &revision;
}
