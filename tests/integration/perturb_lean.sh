#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,reduced
# The lean library holds nothing of the points of disturbance; the oracle library does.
set -euo pipefail

points() {
  nm "${GT_BUILD_DIR:?}/libgt_rt_$1.a" 2>/dev/null | grep -cE ' gt_perturb_(pass|section|take|stream|round)$' || true
}

lean=$(points lean)
oracle=$(points oracle)
if [ "$lean" -ne 0 ]; then
  echo "lean: $lean symbols of points"
  exit 1
fi
if [ "$oracle" -lt 10 ]; then
  echo "oracle: only $oracle symbols of points: this test looks at the wrong thing"
  exit 1
fi
