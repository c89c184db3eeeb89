/* SPDX-License-Identifier: Apache-2.0 */
/* What a run with a planted fault is like where the command line does not say: as the fault's
 * line in faults.def has it. */
#include <string.h>

#include "gauntlet/fault.h"
#include "gauntlet/perturb.h"
#include "harness/seer.h"
#include "stress_verb.h"

#define AIM_OPTIONS                                                                                \
    (GT_OPT_SCHEDULER | GT_OPT_TRACER | GT_OPT_PROCS | GT_OPT_GENERATION | GT_OPT_PERTURB |         \
     GT_OPT_GC | GT_OPT_TRACE)
#define WORDS_MOST 8

/* text is cut into words. */
static int cut(char *text, char **words)
{
    int n = 0;
    for (char *at = NULL, *w = strtok_r(text, " ", &at); w && n < WORDS_MOST; w = strtok_r(NULL, " ", &at))
        words[n++] = w;
    return n;
}

/* What o does not say is as in a. */
static void take_lists(struct gt_options *o, const struct gt_options *a)
{
    if (o->n_schedulers == 0) {
        memcpy(o->schedulers, a->schedulers, sizeof o->schedulers);
        o->n_schedulers = a->n_schedulers;
    }
    if (o->n_tracers == 0) {
        memcpy(o->tracers, a->tracers, sizeof o->tracers);
        o->n_tracers = a->n_tracers;
    }
    if (o->n_procs == 0) {
        memcpy(o->procs, a->procs, sizeof o->procs);
        o->n_procs = a->n_procs;
    }
}

static void take_rest(struct gt_options *o, const struct gt_options *a)
{
    static const struct gt_gc_options none;
    if (o->generation_ns < 0)
        o->generation_ns = a->generation_ns;
    if (!o->perturb_given)
        o->perturb = a->perturb_given ? a->perturb : GT_PERTURB_MEDIUM;
    if (!o->trace)
        o->trace = a->trace;
    if (memcmp(&o->gc, &none, sizeof none) == 0)
        o->gc = a->gc;
}

int gt_stress_aim(struct gt_stress_plan *p, char *err, size_t size)
{
    const struct gt_fault_info *f = gt_fault_named(p->o.fault);
    struct gt_options aim;
    char *words[WORDS_MOST];
    if (!f)
        return 0;
    snprintf(p->aim, sizeof p->aim, "%s", f->options);
    int rc = gt_options_parse(&aim, "faults.def", AIM_OPTIONS, cut(p->aim, words), words, err, size);
    if (rc != 0)
        return rc;
    take_lists(&p->o, &aim);
    take_rest(&p->o, &aim);
    return 0;
}
