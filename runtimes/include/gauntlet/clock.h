/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's cheap counter for tracers: gt_ticks(). Its rate: gt_os.ticks_hz. GT_C_ONLY */
#pragma once
#include "port/clock.h"
