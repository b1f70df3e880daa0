/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_pin.h. The set of allowed cores is read once, before the first pinning: afterwards
 * the kernel would report the one core that we chose ourselves.
 */
#include "tools/bench_pin.h"

#include <sched.h>
#include <stddef.h>

static cpu_set_t allowed;
static bool known;

static void read_allowed(void)
{
    if (known)
        return;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0) {
        CPU_ZERO(&allowed);
        CPU_SET(0, &allowed);
    }
    known = true;
}

unsigned int bench_pin_count(void)
{
    read_allowed();
    return (unsigned int)CPU_COUNT(&allowed);
}

int bench_pin_first(void)
{
    int core = 0;

    read_allowed();
    while (core < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)core, &allowed))
        core++;
    return core;
}

int bench_pin_last(void)
{
    int core = CPU_SETSIZE - 1;

    read_allowed();
    while (core > 0 && !CPU_ISSET((size_t)core, &allowed))
        core--;
    return core;
}

bool bench_pin_to(int core)
{
    cpu_set_t set;

    if (core < 0 || core >= CPU_SETSIZE)
        return false;
    read_allowed();
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

void bench_pin_release(void)
{
    read_allowed();
    (void)sched_setaffinity(0, sizeof(allowed), &allowed);
}
