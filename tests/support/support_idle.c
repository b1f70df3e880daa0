/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * CPU time of an idle program. See support_idle.h.
 */
#include "tests/support/support_idle.h"

#include <stdint.h>
#include <stdio.h>

#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"

#define IDLE_TIMES  3U
#define IDLE_FOR_US 500000U

static uint64_t idle_cpu_us(clockid_t clock)
{
    struct timespec now;

    SUPPORT_CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

/* CPU time in parts per 10,000 of the time that went by. */
static uint64_t idle_measure(void (*round)(void *arg), void *arg, clockid_t clock)
{
    uint64_t begin_us = support_suite_now_us();
    uint64_t cpu_us = idle_cpu_us(clock);
    uint64_t took_us;

    do {
        round(arg);
        took_us = support_suite_now_us() - begin_us;
    } while (took_us < IDLE_FOR_US);
    return (idle_cpu_us(clock) - cpu_us) * 10000U / took_us;
}

void support_idle_check(void (*round)(void *arg), void *arg, clockid_t clock, unsigned int percent)
{
    uint64_t used[IDLE_TIMES];
    unsigned int too_much = 0;

    for (unsigned int i = 0; i < IDLE_TIMES; i++) {
        used[i] = idle_measure(round, arg, clock);
        too_much += used[i] > (uint64_t)percent * 100U * support_slowness();
        printf("# idle: %llu.%02llu %% of the CPU\n", (unsigned long long)used[i] / 100,
               (unsigned long long)used[i] % 100);
    }
    if (too_much > IDLE_TIMES / 2)
        support_suite_fail("more than %u %% of the CPU while idle, %u of %u times", percent * support_slowness(),
                           too_much, IDLE_TIMES);
}
