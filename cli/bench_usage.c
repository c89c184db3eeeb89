/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_usage.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double cpu_of(int who)
{
    struct rusage ru;
    if (getrusage(who, &ru) != 0)
        return 0;
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

struct gt_usage gt_usage_now(void)
{
    struct gt_usage u = {0};
    double v[8] = {0}; /* user nice system idle iowait irq softirq steal */
    FILE *f = fopen("/proc/stat", "re");
    if (f && fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4],
                    &v[5], &v[6], &v[7]) == 8) {
        for (int i = 0; i < 8; i++)
            u.all += v[i];
        u.busy = u.all - v[3] - v[4];
    }
    if (f)
        fclose(f);
    u.ours = cpu_of(RUSAGE_CHILDREN) + cpu_of(RUSAGE_SELF);
    return u;
}

double gt_usage_foreign(const struct gt_usage *before, const struct gt_usage *after)
{
    double all = after->all - before->all;
    double ours = (after->ours - before->ours) * (double)sysconf(_SC_CLK_TCK);
    if (before->all <= 0 || all <= 0)
        return -1;
    double share = (after->busy - before->busy - ours) / all;
    return share > 0 ? share : 0;
}
