/* SPDX-License-Identifier: Apache-2.0 */
#include "results/environment.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "results/revision.h"

const char *gt_environment_date(char buf[32])
{
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        buf[0] = '\0';
    return buf;
}

/* What is no UTF-8 is null. */
static json_t *text_or_null(const char *s)
{
    json_t *v = s && *s ? json_string(s) : NULL;
    return v ? v : json_null();
}

/* The first line of a small file. */
static const char *first_line(const char *path, char *buf, int size)
{
    FILE *f = fopen(path, "re");
    const char *line = f ? fgets(buf, size, f) : NULL;
    if (f)
        fclose(f);
    if (!line)
        return NULL;
    buf[strcspn(buf, "\n")] = '\0';
    return buf;
}

static json_t *cpu_model(void)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    json_t *model = NULL;
    while (f && !model && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        line[strcspn(line, "\n")] = '\0';
        if (colon && strncmp(line, "model name", 10) == 0)
            model = text_or_null(colon + 1 + strspn(colon + 1, " "));
    }
    if (f)
        fclose(f);
    return model ? model : json_null();
}

static json_t *kernel(void)
{
    struct utsname u;
    if (uname(&u) != 0)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:s}", "system", u.sysname, "release", u.release, "version",
                     u.version, "machine", u.machine);
}

static json_t *topology(void)
{
    hwloc_topology_t t;
    json_t *v = NULL;
    if (hwloc_topology_init(&t) != 0)
        return json_null();
    if (hwloc_topology_load(t) == 0) {
        hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(t);
        char *cpus = NULL;
        (void)hwloc_bitmap_list_asprintf(&cpus, allowed);
        v = json_pack("{s:i, s:i, s:i, s:i, s:s?, s:b}", "packages",
                      hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE), "numa_nodes",
                      hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE), "cores",
                      hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE), "pus",
                      hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU), "allowed", cpus, "this_machine",
                      hwloc_topology_is_thissystem(t));
        free(cpus);
    }
    hwloc_topology_destroy(t);
    return v ? v : json_null();
}

static json_t *mitigations(void)
{
    static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
    char path[512], line[256];
    struct dirent *e;
    json_t *all = json_object();
    DIR *d = opendir(folder);
    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        json_object_set_new(all, e->d_name, text_or_null(first_line(path, line, sizeof line)));
    }
    if (d)
        closedir(d);
    return all;
}

static json_t *settings(void)
{
    static const struct {
        const char *key, *path;
    } files[] = {
        {"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"},
        {"driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"},
        {"clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
        {"transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled"},
        {"numa_balancing", "/proc/sys/kernel/numa_balancing"},
        {"aslr", "/proc/sys/kernel/randomize_va_space"},
        {"loadavg", "/proc/loadavg"},
        {"cgroup_cpu_max", "/sys/fs/cgroup/cpu.max"},
    };
    char line[256];
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        json_object_set_new(all, files[i].key,
                            text_or_null(first_line(files[i].path, line, sizeof line)));
    return all;
}

static json_t *build(void)
{
    const struct gt_revision *r = gt_revision();
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "preset", r->preset, "compiler", r->compiler,
                     "flags", r->flags, "revision", r->commit, "dirty_diff",
                     text_or_null(r->dirty_diff));
}

static json_t *libraries(void)
{
    const struct gt_revision *r = gt_revision();
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "libc", gnu_get_libc_version(), "hwloc",
                     r->hwloc, "libdw", r->libdw, "jemalloc", r->jemalloc, "jansson",
                     jansson_version_str(), "inih", r->inih);
}

json_t *gt_environment(void)
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    return json_pack("{s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "host", text_or_null(host),
                     "cpu", cpu_model(), "num_cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "kernel",
                     kernel(), "topology", topology(), "settings", settings(), "mitigations",
                     mitigations(), "build", build(), "libraries", libraries());
}
