/* SPDX-License-Identifier: Apache-2.0 */
/* docs/checker.md is what the table of rules says; `trace_rules_test --write` makes it anew. GT_TEST: lean */
#include "tap.h"
#include "trace/rules.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char intro[] =
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
    "<!-- Made from trace/rules.def by tests/unit/trace_rules_test.c --write. Do not edit. -->\n"
    "# The rules of the checker\n"
    "\n"
    "`gauntlet check` replays a trace: it puts the events of all threads in one order and keeps "
    "the\n"
    "state of every goroutine (G), processor (P) and thread (M). Where an event contradicts that\n"
    "state, a rule is broken. Each rule has a *class*, which findings and `--json` name, and an "
    "id.\n"
    "\n"
    "**Tier 1** is what Go's own reader demands: `--rules=go` checks it and nothing else, accepts "
    "what\n"
    "Go accepts, and names first what Go names. **Tier 2** is what Go's own trace tests demand\n"
    "beyond that, **tier 3** what Go lets pass although it cannot be true. `--rules=strict` "
    "checks\n"
    "all three.\n"
    "\n"
    "Go stops at the first error. This checker reports it as the first and goes on: it makes true\n"
    "what the event implies, forgets what it can no longer know (which G a thread runs, say) and\n"
    "excuses what fails only because of that. One lost event so gives one or two findings.\n"
    "\n"
    "\"failed-to-advance\" is special. Events with a sequence number wait for their turn; when "
    "every\n"
    "thread waits, one event is missing, doubled or in the wrong place, and no single place is to\n"
    "blame. The report lists what each thread waits for and which event would free it. The "
    "finding\n"
    "itself stands at the earliest one that nothing in the rest of the generation could free.\n";

struct out {
    char text[65536];
    size_t n;
};

static __attribute__((format(printf, 2, 3))) void put(struct out *o, const char *fmt, ...)
{
    __builtin_va_list ap;
    __builtin_va_start(ap, fmt);
    o->n += (size_t)vsnprintf(o->text + o->n, sizeof o->text - o->n, fmt, ap);
    __builtin_va_end(ap);
    if (o->n >= sizeof o->text) {
        bail_out("the page outgrew its buffer");
    }
}

/* A cell of a table: `|` would end it. */
static void put_cell(struct out *o, const char *text)
{
    for (; *text; text++) {
        put(o, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void put_tier(struct out *o, int tier, const char *title)
{
    put(o, "\n## Tier %d: %s\n\n", tier, title);
    put(o, tier == 3
               ? "| rule | class | what it means |\n| --- | --- | --- |\n"
               : "| rule | class | what it means | Go's words |\n| --- | --- | --- | --- |\n");
    for (int i = 1; i < GT_RULE_COUNT; i++) {
        const struct gt_rule_info *r = gt_rule_info((enum gt_rule)i);
        if (r->tier != tier) {
            continue;
        }
        put(o, "| %s | `%s` | ", r->id, r->class_name);
        put_cell(o, r->explain);
        if (tier != 3) {
            put(o, " | ");
            if (r->go_text) {
                put(o, "`%s`", r->go_text);
            }
        }
        put(o, " |\n");
    }
}

static void make_page(struct out *o)
{
    put(o, "%s", intro);
    put_tier(o, 1, "what Go's reader demands");
    put_tier(o, 2, "what Go's trace tests demand");
    put_tier(o, 3, "what Go lets pass");
}

static void page_is_current(const char *root, bool write)
{
    static struct out page, file;
    char path[4096];
    make_page(&page);
    snprintf(path, sizeof path, "%s/docs/checker.md", root);
    FILE *f = fopen(path, write ? "w" : "r");
    if (f == NULL) {
        fail("%s: cannot open", path);
        return;
    }
    if (write) {
        ok(fwrite(page.text, 1, page.n, f) == page.n, "%s written", path);
    } else {
        file.n = fread(file.text, 1, sizeof file.text - 1, f);
        ok(file.n == page.n && memcmp(file.text, page.text, page.n) == 0,
           "docs/checker.md is current (else: trace_rules_test --write)");
    }
    if (fclose(f) != 0) {
        fail("%s: close", path);
    }
}

static void classes_are_unique(void)
{
    unsigned same = 0, empty = 0;
    for (int i = 1; i < GT_RULE_COUNT; i++) {
        const struct gt_rule_info *r = gt_rule_info((enum gt_rule)i);
        same += gt_rule_of_class(r->class_name) != (enum gt_rule)i;
        empty += !*r->id || !*r->explain || r->tier < 1 || r->tier > 3 ||
                 (r->tier == 3 && r->go_text != NULL);
    }
    is_int(same, 0, "each class names one rule");
    is_int(empty, 0, "each row is complete, and Go has no words for tier 3");
    is_str(gt_rule_info((enum gt_rule)9999)->class_name, "none", "an unknown number is no rule");
    is_int(gt_rule_of_class("no-such-class"), GT_RULE_NONE, "nor is an unknown class");
}

/* A text that a row's glob stands for must lead back to that row. */
static void go_texts_are_distinct(void)
{
    for (int i = 1; i < GT_RULE_COUNT; i++) {
        const struct gt_rule_info *r = gt_rule_info((enum gt_rule)i);
        char text[256] = "";
        for (const char *p = r->go_text; p && *p && strlen(text) < 250; p++) {
            strcat(text, *p == '*' ? "7" : (char[]){*p, 0});
        }
        if (r->go_text && gt_rule_of_go_text(text) != (enum gt_rule)i) {
            fail("\"%s\" leads to %s", text, gt_rule_info(gt_rule_of_go_text(text))->class_name);
        }
    }
    pass("Go's words lead to one row each");
}

int main(int argc, char **argv)
{
    const char *root = getenv("GT_SOURCE_DIR");
    page_is_current(root ? root : ".", argc > 1 && strcmp(argv[1], "--write") == 0);
    classes_are_unique();
    go_texts_are_distinct();
    return done_testing();
}
