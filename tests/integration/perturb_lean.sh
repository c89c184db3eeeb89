#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The lean library holds nothing of the points of disturbance; the oracle library does.
set -u
symbols() { nm "$GT_BUILD_DIR/libgt_rt_$1.a" 2>/dev/null | grep -cE ' gt_perturb_(pass|section|take|stream|round)$'; }
echo "TAP version 13"
echo "1..2"
lean=$(symbols lean)
oracle=$(symbols oracle)
[ "$lean" -eq 0 ] && echo "ok 1 - lean: no point, no draw" || echo "not ok 1 - lean: $lean symbols of points"
[ "$oracle" -gt 10 ] && echo "ok 2 - oracle: points in $oracle places" || echo "not ok 2 - oracle: $oracle symbols"
[ "$lean" -eq 0 ] && [ "$oracle" -gt 10 ]
