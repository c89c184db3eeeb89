/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the Python package and an interpreter that has what the verb imports; becomes it. */
#include "script.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

/* What a verb's interpreter must be able to import; the standard library may be built without sqlite3. */
#define NEEDS_STORE "sqlite3"
#define NEEDS_STATISTICS "numpy, scipy, statsmodels, sqlite3"
#define PACKAGES "python3-numpy python3-scipy python3-statsmodels"

struct place {
    char program[PATH_MAX]; /* this one */
    char share[PATH_MAX];   /* holds gauntlet_results/ */
};

/* ---- the package --------------------------------------------------------- */
static bool holds_package(const char *share)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/gauntlet_results/__main__.py", share);
    return access(path, R_OK) == 0;
}

static bool try_share(struct place *p, const char *folder, const char *below)
{
    int n = snprintf(p->share, sizeof p->share, "%s%s", folder, below);
    return n > 0 && (size_t)n < sizeof p->share && holds_package(p->share);
}

static bool find_share(struct place *p)
{
    const char *named = getenv("GAUNTLET_SHARE");
    if (named && *named)
        return try_share(p, named, "");
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", p->program);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return try_share(p, folder, "/share/gauntlet") || try_share(p, folder, "/../share/gauntlet");
}

static int no_package(const struct gt_verb *v)
{
    const char *named = getenv("GAUNTLET_SHARE");
    if (named && *named)
        gt_say(
            v->name,
            "GAUNTLET_SHARE=%s holds no gauntlet_results: unset it, or name the folder that does",
            named);
    else
        gt_say(v->name, "share/gauntlet/gauntlet_results is neither beside this program nor in "
                        "../share/gauntlet: "
                        "build or install it again, or name its folder in GAUNTLET_SHARE");
    return GT_EXIT_BROKEN;
}

/* ---- the interpreter ------------------------------------------------------- */
static const char *needs_of(const struct gt_verb *v)
{
    bool store_only = strcmp(v->name, "collect") == 0 || strcmp(v->name, "export") == 0;
    return store_only ? NEEDS_STORE : NEEDS_STATISTICS;
}

/* Quiet: an interpreter that is not there, or lacks a module, is passed over. */
static bool can_import(const char *python, const char *modules)
{
    char script[256];
    snprintf(script, sizeof script, "import sys; assert sys.version_info >= (3, 11); import %s",
             modules);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr))
            execlp(python, python, "-P", "-c", script, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const char *find_python(const char *modules)
{
    const char *named = getenv("GAUNTLET_PYTHON");
    if (named && *named)
        return can_import(named, modules) ? named : NULL;
    static const char *const usual[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (can_import(usual[i], modules))
            return usual[i];
    return NULL;
}

static int no_python(const struct gt_verb *v, const char *modules)
{
    const char *named = getenv("GAUNTLET_PYTHON");
    gt_say(v->name,
           "%s is no Python 3.11 or newer that imports %s: install " PACKAGES
           " (scripts/setup does), or name an interpreter in GAUNTLET_PYTHON",
           named && *named ? named : "neither python3 nor /usr/bin/python3", modules);
    return GT_EXIT_VOID;
}

/* ---- becoming it --------------------------------------------------------------- */
/* The package is found before anything else of that name; the folder we stand in is not searched. */
static bool set_paths(const struct place *p)
{
    char paths[2 * PATH_MAX];
    const char *old = getenv("PYTHONPATH");
    int n =
        snprintf(paths, sizeof paths, "%s%s%s", p->share, old && *old ? ":" : "", old ? old : "");
    return n > 0 && (size_t)n < sizeof paths && setenv("PYTHONPATH", paths, 1) == 0 &&
           setenv("GAUNTLET_PROGRAM", p->program, 1) == 0 &&
           setenv("GAUNTLET_SHARE", p->share, 1) == 0;
}

static int become(const struct gt_verb *v, const char *python, int argc, char **argv)
{
    const char **args = calloc((size_t)argc + 6, sizeof *args);
    int n = 0;
    if (!args) {
        gt_say(v->name, "out of memory");
        return GT_EXIT_BROKEN;
    }
    args[n++] = python;
    args[n++] = "-P";
    args[n++] = "-m";
    args[n++] = "gauntlet_results";
    args[n++] = v->name;
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    fflush(NULL);
    execvp(python, (char *const *)args);
    gt_say(v->name, "%s: %s", python, strerror(errno));
    free(args);
    return GT_EXIT_VOID;
}

int gt_script_exec(const struct gt_verb *v, int argc, char **argv)
{
    struct place p;
    (void)gt_self(p.program, sizeof p.program);
    if (!find_share(&p))
        return no_package(v);
    const char *modules = needs_of(v);
    const char *python = find_python(modules);
    if (!python)
        return no_python(v, modules);
    if (!set_paths(&p)) {
        gt_say(v->name, "the environment cannot be set: %s", strerror(errno));
        return GT_EXIT_BROKEN;
    }
    return become(v, python, argc, argv);
}

/* ---- the verbs -------------------------------------------------------------------- */
const struct gt_verb gt_verb_collect = {
    .name = "collect",
    .args = "PATH...",
    .summary = "import runs into the store",
    .run = gt_script_exec,
    .script = true,
};
const struct gt_verb gt_verb_export = {
    .name = "export",
    .args = "SELECTOR",
    .summary = "a result set in the format of another tool",
    .run = gt_script_exec,
    .script = true,
};
const struct gt_verb gt_verb_compare = {
    .name = "compare",
    .args = "BASE NEW",
    .summary = "two result sets: what became better or worse, and how surely",
    .run = gt_script_exec,
    .script = true,
};
const struct gt_verb gt_verb_gate = {
    .name = "gate",
    .args = "BASE NEW",
    .summary = "the same, with an exit status for CI",
    .run = gt_script_exec,
    .script = true,
};
const struct gt_verb gt_verb_noise = {
    .name = "noise",
    .args = "[WORKLOAD...]",
    .summary = "A against A on this machine: what differs when nothing does",
    .run = gt_script_exec,
    .script = true,
};
const struct gt_verb gt_verb_report = {
    .name = "report",
    .args = "",
    .summary = "the page: every implementation, workload and run in the store",
    .run = gt_script_exec,
    .script = true,
};
