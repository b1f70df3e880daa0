/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Timers on a hierarchical timing wheel: arming and disarming cost a few list operations, however
 * many timers there are.
 *
 * Eight levels of 64 slots, each slot of a level as wide as the whole level below; the lowest slot
 * is 65.5 us wide. Together they cover every uint64_t deadline, so none is out of range. Within its
 * slot a timer still has its exact deadline: none fires early, and none late by more than the gap
 * between two calls of util_wheel_advance.
 *
 * Not thread-safe: the owner's lock covers the wheel and the timers armed on it. The callbacks run
 * inside util_wheel_advance, hence under that lock: let them only move their object to a list.
 */
#ifndef UTIL_TIMER_H
#define UTIL_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/util_list.h"

#define UTIL_WHEEL_LEVELS 8U
#define UTIL_WHEEL_SLOTS  64U

/* Embedded in the object that waits; the owner keeps it alive while it is armed. */
struct util_timer {
    struct util_list link; /* in a slot, or in the wheel's list of due timers */
    uint64_t deadline_ns;
    void (*fire)(struct util_timer *timer);
    uint8_t level; /* UTIL_WHEEL_LEVELS: on the list of due timers */
    uint8_t slot;
    bool armed;
};

struct util_wheel {
    uint64_t tick;    /* number of lowest-level slots passed since time 0 */
    uint64_t next_ns; /* not after the earliest deadline; UINT64_MAX when none */
    size_t count;     /* armed timers */
    bool next_stale;  /* next_ns belonged to a timer that was disarmed or fired */
    uint8_t levels;   /* bit per level that has an occupied slot */
    uint64_t occupied[UTIL_WHEEL_LEVELS];
    struct util_list slots[UTIL_WHEEL_LEVELS][UTIL_WHEEL_SLOTS];
    struct util_list due; /* collected by util_wheel_advance, not yet fired */
};

/* Makes an empty wheel that starts at now_ns. There is nothing to free. */
void util_wheel_init(struct util_wheel *wheel, uint64_t now_ns);

/* Makes a disarmed timer that will call `fire` with itself. */
void util_timer_init(struct util_timer *timer, void (*fire)(struct util_timer *timer));

/* Arms the timer for deadline_ns, or moves it there when it is armed already. A deadline in the
 * past fires at the next advance; UINT64_MAX means never and only disarms. */
void util_timer_arm(struct util_wheel *wheel, struct util_timer *timer, uint64_t deadline_ns);

/* Disarms the timer; a disarmed one stays so. Afterwards `fire` is not called. */
void util_timer_disarm(struct util_wheel *wheel, struct util_timer *timer);

static inline bool util_timer_armed(const struct util_timer *timer)
{
    return timer->armed;
}

/* The time at which util_wheel_advance should next be called: never after the earliest deadline,
 * and the deadline itself in the common case; UINT64_MAX when no timer is armed. When the earliest
 * timer was disarmed it may be too early, once for each level; the advance then fires nothing and
 * leaves a later time here, so a loop of advance and sleep never spins. */
uint64_t util_wheel_next_ns(struct util_wheel *wheel);

/* Moves the wheel to now_ns and fires every timer whose deadline is not after it, in order of
 * their slots; gives the number fired. The callbacks may arm and disarm any timer; one armed by a
 * callback for a time already past fires at the next advance, so the call ends. */
size_t util_wheel_advance(struct util_wheel *wheel, uint64_t now_ns);

#endif /* UTIL_TIMER_H */
