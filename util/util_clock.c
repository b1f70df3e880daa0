/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The clock: CLOCK_MONOTONIC through the vDSO, unless a test has put its own in place.
 */
#include "util/util_clock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

uint64_t (*_Atomic util_clock_replacement)(void);
static void (*_Atomic sleep_replacement)(uint64_t rest_ns);

uint64_t util_clock_wall_s(void)
{
    return (uint64_t)time(NULL);
}

void util_clock_replace(uint64_t (*now)(void))
{
    atomic_store_explicit(&util_clock_replacement, now, memory_order_relaxed);
}

void util_clock_replace_sleep(void (*sleep_ns)(uint64_t rest_ns))
{
    atomic_store_explicit(&sleep_replacement, sleep_ns, memory_order_relaxed);
}

uint64_t util_clock_deadline_ns(uint64_t timeout_ns)
{
    uint64_t now_ns = util_clock_now_ns();

    return timeout_ns > UTIL_CLOCK_NEVER - now_ns ? UTIL_CLOCK_NEVER : now_ns + timeout_ns;
}

uint64_t util_clock_deadline_ms(uint64_t timeout_ms)
{
    if (timeout_ms > UTIL_CLOCK_NEVER / UTIL_CLOCK_NS_PER_MS)
        return UTIL_CLOCK_NEVER;
    return util_clock_deadline_ns(timeout_ms * UTIL_CLOCK_NS_PER_MS);
}

void util_clock_sleep_ns(uint64_t rest_ns)
{
    void (*sleep_ns)(uint64_t) = atomic_load_explicit(&sleep_replacement, memory_order_relaxed);
    struct timespec rest = {.tv_sec = (time_t)(rest_ns / UTIL_CLOCK_NS_PER_S),
                            .tv_nsec = (long)(rest_ns % UTIL_CLOCK_NS_PER_S)};

    if (sleep_ns != NULL) {
        sleep_ns(rest_ns);
        return;
    }
    (void)nanosleep(&rest, NULL);
}

int util_clock_poll_ms(uint64_t now_ns, uint64_t deadline_ns, int max_ms)
{
    uint64_t rest_ms;

    if (deadline_ns <= now_ns)
        return 0;
    rest_ms = (deadline_ns - now_ns - 1) / UTIL_CLOCK_NS_PER_MS + 1;
    return rest_ms < (uint64_t)max_ms ? (int)rest_ms : max_ms;
}
