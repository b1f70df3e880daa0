/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The one source of time. All deadlines of the library are points on this clock, in nanoseconds of
 * CLOCK_MONOTONIC, as uint64_t; UTIL_CLOCK_NEVER stands for "no deadline".
 *
 * A test may replace the clock by a function of its own, and so run hours of protocol in
 * microseconds. Blocking waits (util_cond_wait, poll) still count real time: a simulation
 * must not block.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define UTIL_CLOCK_NEVER UINT64_MAX

#define UTIL_CLOCK_NS_PER_US UINT64_C(1000)
#define UTIL_CLOCK_NS_PER_MS UINT64_C(1000000)
#define UTIL_CLOCK_NS_PER_S  UINT64_C(1000000000)

/* The clock that a test has put in place; NULL: the real one. Relaxed suffices: a test swaps it while nothing else runs. */
extern uint64_t (*_Atomic util_clock_replacement)(void);

/* Now, by the clock in force. Any thread. Inline, because a call with a time limit asks three times. */
static inline uint64_t util_clock_now_ns(void)
{
    uint64_t (*now)(void) = atomic_load_explicit(&util_clock_replacement, memory_order_relaxed);
    struct timespec ts;

    if (__builtin_expect(now != NULL, 0))
        return now();
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UTIL_CLOCK_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Seconds since 1970, for people to read; no deadline counts by it, and it is never replaced. */
uint64_t util_clock_wall_s(void);

/* Makes `now` the clock of the whole process; NULL restores the real one. `now` is called by any
 * thread and must never go backwards. */
void util_clock_replace(uint64_t (*now)(void));

/* Makes `sleep_ns` what util_clock_sleep_ns does; NULL restores the real sleep. */
void util_clock_replace_sleep(void (*sleep_ns)(uint64_t rest_ns));

/* now + timeout, saturating at UTIL_CLOCK_NEVER. */
uint64_t util_clock_deadline_ms(uint64_t timeout_ms);
uint64_t util_clock_deadline_ns(uint64_t timeout_ns);

/* Sleeps in real time, whatever the clock in force, unless a test has replaced the sleep, too; a signal ends it early. */
void util_clock_sleep_ns(uint64_t rest_ns);

/* Milliseconds from now_ns to deadline_ns, rounded up and limited to max_ms, as poll(2) wants
 * them: 0 when the deadline has passed, max_ms when there is none. */
int util_clock_poll_ms(uint64_t now_ns, uint64_t deadline_ns, int max_ms);

#endif /* UTIL_CLOCK_H */
