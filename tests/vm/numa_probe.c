/* SPDX-License-Identifier: Apache-2.0 */
/* GT_VM: offline=2 */
/* GT_VM: offline=4 */
/*
 * Is the virtual NUMA machine of scripts/numa-vm what it says it is?
 *
 * Everything else that runs there believes the machine; this probe does not. It uses system calls
 * and /sys only, so that it shares no mistake with hwloc or libnuma. In the offline form (node
 * GT_VM_OFFLINE_NODE is outside the cpuset) it checks that the kernel refuses that node, too.
 *
 * TAP 13; exits 0 when all points hold, 1 when one does not, 77 outside the machine.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
    NODES = 5,
    CPU_NODES = 4,
    MEMORY_ONLY = 4,
    PAGES = 16,
    GUARD_INSTALL = 102, /* MADV_GUARD_INSTALL, Linux 6.13; older headers lack it */
    GUARD_INSTALL_SINCE = 6 * 1000 + 13,
};

static int points, failures;
static int offline = -1; /* node outside the cpuset, or -1 */
static cpu_set_t cpus_of[NODES];

/* ------------------------------------------------------------------ output */

__attribute__((format(printf, 2, 3))) static void point(bool ok, const char *format, ...)
{
    va_list args;
    printf("%s %d - ", ok ? "ok" : "not ok", ++points);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    if (!ok)
        failures++;
}

static void give_up(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

/* -------------------------------------------------------------- /sys files */

/* First line of a file under /sys/devices/system/node, without its newline; false if unreadable. */
__attribute__((format(printf, 3, 4))) static bool node_file(char *line, size_t size,
                                                            const char *format, ...)
{
    char path[128];
    int used = snprintf(path, sizeof path, "/sys/devices/system/node/");
    va_list args;
    va_start(args, format);
    vsnprintf(path + used, sizeof path - (size_t)used, format, args);
    va_end(args);

    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool ok = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (ok)
        line[strcspn(line, "\n")] = '\0';
    return ok;
}

/* A list such as "0-1,4" into a set; an empty list is an empty set. */
static void parse_list(const char *list, cpu_set_t *set)
{
    CPU_ZERO(set);
    while (*list) {
        char *end;
        long first = strtol(list, &end, 10);
        long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (long i = first; i <= last; i++)
            CPU_SET((size_t)i, set);
        if (end == list)
            return;
        list = *end == ',' ? end + 1 : end;
    }
}

static void read_node_cpus(void)
{
    for (int node = 0; node < NODES; node++) {
        char line[256] = "";
        CPU_ZERO(&cpus_of[node]);
        if (node_file(line, sizeof line, "node%d/cpulist", node))
            parse_list(line, &cpus_of[node]);
    }
}

static int first_cpu(int node)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &cpus_of[node]))
            return cpu;
    return -1;
}

/* ------------------------------------------------------------ system calls */

static int pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

static size_t area_size(void)
{
    return PAGES * (size_t)getpagesize();
}

static char *map_pages(void)
{
    void *area =
        mmap(NULL, area_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        give_up("mmap");
    return area;
}

static void unmap_pages(char *area)
{
    munmap(area, area_size());
}

static long bind_pages(char *area, int node)
{
    unsigned long mask = 1UL << node;
    return syscall(SYS_mbind, area, area_size(), MPOL_BIND, &mask, 8 * sizeof mask, 0);
}

/* Touches every page; the node that all of them lie on, -1 if they differ or are nowhere. */
static int touch_and_locate(char *area)
{
    void *pages[PAGES];
    int status[PAGES];
    for (int i = 0; i < PAGES; i++) {
        pages[i] = area + (ptrdiff_t)i * getpagesize();
        *(volatile char *)pages[i] = 1;
        status[i] = -1;
    }
    if (syscall(SYS_move_pages, 0, PAGES, pages, NULL, status, 0) != 0)
        return -1;
    for (int i = 1; i < PAGES; i++)
        if (status[i] != status[0])
            return -1;
    return status[0];
}

/* ------------------------------------------------------------ the topology */

static void check_nodes(void)
{
    char line[256] = "";
    node_file(line, sizeof line, "online");
    point(strcmp(line, "0-4") == 0, "five nodes online (%s)", line);
    node_file(line, sizeof line, "has_memory");
    point(strcmp(line, "0-4") == 0, "each of them has memory (%s)", line);
    node_file(line, sizeof line, "has_cpu");
    point(strcmp(line, "0-3") == 0 && CPU_COUNT(&cpus_of[MEMORY_ONLY]) == 0,
          "node %d has memory only (nodes with CPUs: %s)", MEMORY_ONLY, line);
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    for (int node = 0; node < CPU_NODES; node++)
        point(CPU_COUNT(&cpus_of[node]) * CPU_NODES == configured,
              "node %d has its share of the %ld CPUs", node, configured);
}

/* The table that the machine was given, and the shape for which it was chosen: each node with
   CPUs has exactly one near and two far ones. */
static void check_distances(void)
{
    const char *wanted = getenv("GT_VM_DISTANCES");
    for (int node = 0; node < NODES; node++) {
        char line[256] = "";
        node_file(line, sizeof line, "node%d/distance", node);
        size_t length = wanted ? strcspn(wanted, ";") : 0;
        point(length > 0 && strlen(line) == length && memcmp(line, wanted, length) == 0,
              "distances from node %d as configured (%s)", node, line);
        if (wanted)
            wanted += length + (wanted[length] == ';');

        int d[NODES] = {0};
        int near = 0, far = 0;
        sscanf(line, "%d %d %d %d %d", &d[0], &d[1], &d[2], &d[3], &d[4]);
        for (int other = 0; other < CPU_NODES; other++) {
            near += other != node && d[other] > 10 && d[other] <= 20;
            far += other != node && d[other] > 20;
        }
        if (node < CPU_NODES)
            point(near == 1 && far == 2, "node %d has one near and two far nodes", node);
    }
}

/* -------------------------------------------------------------- the memory */

/* The thread stands on another node, so a page that lands right was not put there by first touch. */
static void check_bound_memory(int node)
{
    int from = (node + 1) % CPU_NODES;
    if (from == offline)
        from = (from + 1) % CPU_NODES;
    if (pin(first_cpu(from)) != 0)
        give_up("sched_setaffinity");

    char *area = map_pages();
    long bound = bind_pages(area, node);
    if (node == offline) {
        point(bound == -1 && errno == EINVAL, "mbind to node %d, outside the cpuset, is refused",
              node);
    } else {
        int at = bound == 0 ? touch_and_locate(area) : -1;
        point(at == node, "pages bound to node %d from node %d lie on node %d", node, from, at);
    }
    unmap_pages(area);
}

static void check_first_touch(int node)
{
    if (pin(first_cpu(node)) != 0)
        give_up("sched_setaffinity");
    char *area = map_pages();
    int at = touch_and_locate(area);
    point(at == node, "pages first touched on node %d lie on node %d", node, at);
    unmap_pages(area);
}

static void check_memory(void)
{
    for (int node = 0; node < NODES; node++)
        check_bound_memory(node);
    for (int node = 0; node < CPU_NODES; node++)
        if (node != offline)
            check_first_touch(node);
}

/* ---------------------------------------------------------------- the CPUs */

static void check_affinity(int node)
{
    int cpu = first_cpu(node);
    int result = cpu < 0 ? -2 : pin(cpu);
    if (node == offline) {
        point(result == -1 && errno == EINVAL, "CPU %d of node %d, outside the cpuset, is refused",
              cpu, node);
        return;
    }
    unsigned now_cpu = ~0U, now_node = ~0U;
    getcpu(&now_cpu, &now_node);
    point(result == 0 && (int)now_cpu == cpu && (int)now_node == node,
          "bound to CPU %d of node %d, runs on CPU %d of node %d", cpu, node, (int)now_cpu,
          (int)now_node);
}

/* What the kernel lets this process use is all nodes but the offline one. */
static void check_allowed(const cpu_set_t *at_start)
{
    cpu_set_t wanted_cpus;
    unsigned long wanted_mems = 0;
    unsigned long mems[16] = {0};
    CPU_ZERO(&wanted_cpus);
    for (int node = 0; node < NODES; node++) {
        if (node == offline)
            continue;
        CPU_OR(&wanted_cpus, &wanted_cpus, &cpus_of[node]);
        wanted_mems |= 1UL << node;
    }
    point(CPU_EQUAL(at_start, &wanted_cpus), "sched_getaffinity gives %d CPUs of %d allowed",
          CPU_COUNT(at_start), CPU_COUNT(&wanted_cpus));
    long result =
        syscall(SYS_get_mempolicy, NULL, mems, 8 * sizeof mems, NULL, MPOL_F_MEMS_ALLOWED);
    point(result == 0 && mems[0] == wanted_mems, "MPOL_F_MEMS_ALLOWED is %#lx, wanted %#lx",
          mems[0], wanted_mems);
}

/* ---------------------------------------------------------- the guard page */

/* The kernel's answer to a buffer in the page: EFAULT when it is a guard. */
static bool page_faults(char *page)
{
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1)
        give_up("pipe");
    bool faults = read(ends[0], page, 1) == -1 && errno == EFAULT;
    close(ends[0]);
    close(ends[1]);
    return faults;
}

static int kernel_version(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
        give_up("uname");
    return major * 1000 + minor;
}

static void check_guards(void)
{
    char *area = map_pages();
    size_t page = (size_t)getpagesize();
    bool has_guards = kernel_version() >= GUARD_INSTALL_SINCE;
    int result = madvise(area, page, GUARD_INSTALL);
    int error = result == 0 ? 0 : errno;
    point(has_guards ? result == 0 : error == EINVAL, "MADV_GUARD_INSTALL is %s (%s)",
          has_guards ? "there" : "refused", strerror(error));
    point(!page_faults(area + page), "an ordinary page is no guard");
    point(mprotect(area + page, page, PROT_NONE) == 0 && page_faults(area + page),
          "mprotect makes it one");
    unmap_pages(area);
}

/* -------------------------------------------------------------------- main */

int main(void)
{
    cpu_set_t at_start;
    const char *excluded = getenv("GT_VM_OFFLINE_NODE");
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("TAP version 13");
    if (!getenv("GT_IN_NUMA_VM")) {
        puts("1..0 # SKIP not inside scripts/numa-vm");
        return 77;
    }
    if (excluded && *excluded)
        offline = atoi(excluded);
    if (sched_getaffinity(0, sizeof at_start, &at_start) != 0)
        give_up("sched_getaffinity");

    read_node_cpus();
    check_nodes();
    check_distances();
    check_allowed(&at_start);
    check_memory();
    for (int node = 0; node < CPU_NODES; node++)
        check_affinity(node);
    check_guards();
    printf("1..%d\n", points);
    return failures > 0;
}
