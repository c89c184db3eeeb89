/* SPDX-License-Identifier: Apache-2.0 */
/* The port's atomics for plugins: GT_C_ONLY. A plugin that spins through gt_await
 * puts GT_PLUGIN_AWAIT(its host pointer) in one of its files. */
#pragma once
#include "port/atomic.h"
