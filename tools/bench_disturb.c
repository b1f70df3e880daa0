/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_disturb.h. The kernel counts in hundredths of a second, which is fine for seconds of
 * measuring.
 */
#include "tools/bench_disturb.h"

#include "util/util_clock.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double busy_seconds(void)
{
    unsigned long long user, nice, sys, idle, wait, irq, soft, steal;
    FILE *file = fopen("/proc/stat", "r");
    double busy = -1.0;

    if (file == NULL)
        return busy;
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle, &wait, &irq, &soft,
               &steal) == 8)
        busy = (double)(user + nice + sys + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
    (void)fclose(file);
    return busy;
}

static double used_seconds(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage) != 0)
        return 0.0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void bench_disturb_read(struct bench_disturb *point)
{
    point->wall_s = (double)util_clock_now_ns() / 1e9;
    point->busy_s = busy_seconds();
    point->own_s = used_seconds(RUSAGE_SELF) + used_seconds(RUSAGE_CHILDREN);
}

double bench_disturb_since(const struct bench_disturb *start)
{
    struct bench_disturb end;
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN), share;

    bench_disturb_read(&end);
    if (start->busy_s < 0 || end.busy_s < 0 || cores < 1 || end.wall_s <= start->wall_s)
        return -1.0;
    share = ((end.busy_s - start->busy_s) - (end.own_s - start->own_s)) / (cores * (end.wall_s - start->wall_s));
    return share < 0 ? 0 : share;
}
