/* SPDX-License-Identifier: Apache-2.0 */
/* The end of `gauntlet run`: the store and the page, by the verb `report` in a process of its own. */
#include "run_page.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "results/process.h"

#define PAGE_TIMEOUT 600000000000ll
#define NEWEST "--newest=100" /* runs: a store of years must not make each run end later */

struct call {
    char program[PATH_MAX], collect[PATH_MAX + 16], store[PATH_MAX + 16], page[PATH_MAX + 32];
    char *argv[7];
};

static bool prepare(struct call *c, const struct gt_options *o, const char *folder)
{
    if (!gt_self(c->program, sizeof c->program))
        return false;
    snprintf(c->collect, sizeof c->collect, "--collect=%s", folder);
    snprintf(c->page, sizeof c->page, o->page ? "--page=%s" : "--page=%s/report.html",
             o->page ? o->page : folder);
    char *const fixed[] = {c->program, "report", c->collect, c->page, NEWEST};
    memcpy(c->argv, fixed, sizeof fixed);
    if (o->store) {
        snprintf(c->store, sizeof c->store, "--store=%s", o->store);
        c->argv[5] = c->store;
    }
    return true;
}

/* The last line that it said, without its prefix. */
static const char *last_line(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    const char *prefix = "gauntlet report: ";
    return strncmp(line, prefix, strlen(prefix)) == 0 ? line + strlen(prefix) : line;
}

/* The page's path is what it prints once the page is there; with another status than 0 the
 * collector complained. */
static void tell(const struct gt_process_end *end, const char *folder)
{
    char how[128];
    int page = end->out ? (int)strcspn(end->out, "\n") : 0;
    bool said = end->how == GT_PROCESS_EXITED && end->err && *end->err;
    bool good = end->how == GT_PROCESS_EXITED && end->code == 0;
    if (page > 0)
        gt_say("run", "page in %.*s", page, end->out);
    if (page > 0 && !good)
        gt_say("run", "not all of this run is in the store: `gauntlet collect %s` says why",
               folder);
    if (page > 0 || good)
        return;
    if (said)
        gt_say("run", "no page: %s", last_line(end->err));
    else
        gt_say("run", "no page: gauntlet report: %s", gt_process_describe(end, how, sizeof how));
}

void gt_run_page(const struct gt_options *o, const char *folder)
{
    struct call *c = calloc(1, sizeof *c);
    struct gt_process_end end = {0};
    if (!c || !prepare(c, o, folder)) {
        gt_say("run", "no page: out of memory, or /proc is not there");
        free(c);
        return;
    }
    const struct gt_process p = {
        .argv = c->argv, .timeout_ns = PAGE_TIMEOUT, .stop = &gt_stop_asked};
    int rc = gt_process_run(&p, &end);
    if (rc != 0) {
        gt_say("run", "no page: gauntlet report: %s", strerror(-rc));
    } else {
        tell(&end, folder);
        gt_process_free(&end);
    }
    free(c);
}
