/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/truth_internal.h"

static const char *const names[] = {
#define GT_TRUTH(sym, name, text) name,
#include "harness/truth.def"
#undef GT_TRUTH
};
static const char *const texts[] = {
#define GT_TRUTH(sym, name, text) text,
#include "harness/truth.def"
#undef GT_TRUTH
};

const char *gt_truth_name(enum gt_truth_class c)
{
    return (unsigned)c < GT_TRUTH_CLASSES ? names[c] : "?";
}

const char *gt_truth_text(enum gt_truth_class c)
{
    return (unsigned)c < GT_TRUTH_CLASSES ? texts[c] : "?";
}

static const char *name_of(int32_t i, const char *const *all, int32_t n)
{
    return i >= 0 && i < n ? all[i] : "?";
}

const char *gt_said_text(const struct gt_said *s, char *buf, size_t size)
{
    const char *name = gt_ev_spec(s->type)->name;
    unsigned long long id = s->id;
    switch (s->type) {
    case GT_EV_GO_START:
    case GT_EV_GO_UNBLOCK:
    case GT_EV_GO_SWITCH:
    case GT_EV_GO_SWITCH_DESTROY:
        snprintf(buf, size, "%s g=%llu g_seq=%u", name, id, s->seq);
        break;
    case GT_EV_GO_CREATE:
    case GT_EV_GO_CREATE_BLOCKED:
    case GT_EV_GO_CREATE_SYSCALL:
        snprintf(buf, size, "%s new_g=%llu", name, id);
        break;
    case GT_EV_PROC_START:
        snprintf(buf, size, "%s p=%llu p_seq=%u", name, id, s->seq);
        break;
    case GT_EV_PROC_STEAL:
        snprintf(buf, size, "%s p=%llu p_seq=%u m=%d", name, id, s->seq, s->aux);
        break;
    case GT_EV_GO_SYSCALL_BEGIN:
        snprintf(buf, size, "%s p_seq=%u", name, s->seq);
        break;
    case GT_EV_GO_STOP:
        snprintf(buf, size, "%s \"%s\"", name,
                 name_of(s->aux, gt_wire_stop_names, GT_WIRE_STOP_COUNT));
        break;
    case GT_EV_GO_BLOCK:
        snprintf(buf, size, "%s \"%s\"", name,
                 name_of(s->aux, gt_wire_block_names, GT_WIRE_BLOCK_COUNT));
        break;
    case GT_EV_STW_BEGIN:
        snprintf(buf, size, "%s \"%s\"", name,
                 name_of(s->aux, gt_wire_stw_names, GT_WIRE_STW_COUNT));
        break;
    default:
        if (id)
            snprintf(buf, size, "%s %llu", name, id);
        else
            snprintf(buf, size, "%s", name);
        break;
    }
    return buf;
}
