/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of events.h: lttng-provider.so. It alone is linked to liblttng-ust, whose constructor
 * starts threads in whatever process loads it; session.c loads it where a trace is wanted.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_PROBE_DYNAMIC_LINKAGE
#include "events.h"
