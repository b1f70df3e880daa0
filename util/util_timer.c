/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The timing wheel.
 *
 * Time is counted in ticks of 2^16 ns; a tick number is eight groups of 6 bits, one per level. A
 * timer lies at the level of the highest group in which its tick differs from the wheel's, in the
 * slot that the group's value names. So whatever is at a level lies ahead of all that is at the
 * levels below, and within a level the lowest occupied slot comes first: the earliest slot is
 * found by two bit scans, and time can jump over empty slots.
 *
 * When the wheel reaches a slot above level 0, its timers now agree with the wheel in that group
 * and are put in again, further down. At level 0 they are due, or will be within the tick.
 */
#include "util/util_timer.h"

#include <assert.h>

#define TICK_SHIFT 16U
#define SLOT_BITS  6U
#define SLOT_MASK  ((uint64_t)UTIL_WHEEL_SLOTS - 1)

static unsigned int lowest_bit(uint64_t bits)
{
    return (unsigned int)__builtin_ctzll((unsigned long long)bits);
}

/* The tick at which a slot begins. */
static uint64_t slot_tick(const struct util_wheel *wheel, unsigned int level, unsigned int slot)
{
    unsigned int shift = level * SLOT_BITS;
    uint64_t above = (wheel->tick >> shift) & ~SLOT_MASK;

    return (above | slot) << shift;
}

/* Links an armed timer into the slot where it belongs now. */
static void wheel_insert(struct util_wheel *wheel, struct util_timer *timer)
{
    uint64_t tick = timer->deadline_ns >> TICK_SHIFT;
    unsigned int level = 0;
    unsigned int slot;
    uint64_t diff;

    if (tick < wheel->tick)
        tick = wheel->tick;
    diff = tick ^ wheel->tick;
    if (diff != 0)
        level = (63U - (unsigned int)__builtin_clzll((unsigned long long)diff)) / SLOT_BITS;
    slot = (unsigned int)((tick >> (level * SLOT_BITS)) & SLOT_MASK);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    util_list_push(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= UINT64_C(1) << slot;
    wheel->levels = (uint8_t)(wheel->levels | (1U << level));
}

/* Unlinks a timer from its slot or from the list of due ones. */
static void wheel_remove(struct util_wheel *wheel, struct util_timer *timer)
{
    unsigned int level = timer->level;
    unsigned int slot = timer->slot;

    util_list_remove(&timer->link);
    if (level == UTIL_WHEEL_LEVELS || !util_list_empty(&wheel->slots[level][slot]))
        return;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    if (wheel->occupied[level] == 0)
        wheel->levels = (uint8_t)(wheel->levels & ~(1U << level));
}

void util_wheel_init(struct util_wheel *wheel, uint64_t now_ns)
{
    wheel->tick = now_ns >> TICK_SHIFT;
    wheel->next_ns = UINT64_MAX;
    wheel->count = 0;
    wheel->next_stale = false;
    wheel->levels = 0;
    util_list_init(&wheel->due);
    for (unsigned int level = 0; level < UTIL_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned int slot = 0; slot < UTIL_WHEEL_SLOTS; slot++)
            util_list_init(&wheel->slots[level][slot]);
    }
}

void util_timer_init(struct util_timer *timer, void (*fire)(struct util_timer *timer))
{
    util_list_init(&timer->link);
    timer->deadline_ns = UINT64_MAX;
    timer->fire = fire;
    timer->level = 0;
    timer->slot = 0;
    timer->armed = false;
}

void util_timer_arm(struct util_wheel *wheel, struct util_timer *timer, uint64_t deadline_ns)
{
    util_timer_disarm(wheel, timer);
    if (deadline_ns == UINT64_MAX)
        return;
    timer->deadline_ns = deadline_ns;
    timer->armed = true;
    wheel->count++;
    wheel_insert(wheel, timer);
    if (deadline_ns < wheel->next_ns) {
        wheel->next_ns = deadline_ns;
        wheel->next_stale = false;
    }
}

void util_timer_disarm(struct util_wheel *wheel, struct util_timer *timer)
{
    if (!timer->armed)
        return;
    wheel_remove(wheel, timer);
    timer->armed = false;
    wheel->count--;
    if (timer->deadline_ns == wheel->next_ns || wheel->count == 0)
        wheel->next_stale = true;
}

/* The earliest deadline where that is cheap to say, else the beginning of the earliest slot. */
static uint64_t wheel_earliest_ns(const struct util_wheel *wheel)
{
    uint64_t earliest_ns = UINT64_MAX;
    unsigned int level;
    unsigned int slot;

    if (wheel->levels == 0)
        return UINT64_MAX;
    level = lowest_bit(wheel->levels);
    slot = lowest_bit(wheel->occupied[level]);
    if (level > 0)
        return slot_tick(wheel, level, slot) << TICK_SHIFT;
    util_list_each (pos, &wheel->slots[level][slot]) {
        struct util_timer *timer = util_container_of(pos, struct util_timer, link);

        if (timer->deadline_ns < earliest_ns)
            earliest_ns = timer->deadline_ns;
    }
    return earliest_ns;
}

uint64_t util_wheel_next_ns(struct util_wheel *wheel)
{
    if (wheel->next_stale) {
        wheel->next_ns = wheel_earliest_ns(wheel);
        wheel->next_stale = false;
    }
    return wheel->next_ns;
}

/* Empties the slot that the wheel has reached: what is due goes to the due list, the rest to where
 * it belongs as seen from the new tick. */
static void wheel_sort_slot(struct util_wheel *wheel, struct util_list *slot_head, uint64_t now_ns)
{
    struct util_list timers;

    util_list_init(&timers);
    util_list_splice(&timers, slot_head);
    util_list_each_safe (pos, tmp, &timers) {
        struct util_timer *timer = util_container_of(pos, struct util_timer, link);

        util_list_remove(pos);
        if (timer->deadline_ns <= now_ns) {
            timer->level = UTIL_WHEEL_LEVELS;
            util_list_push(&wheel->due, pos);
        } else {
            wheel_insert(wheel, timer);
        }
    }
}

/* Moves the wheel's tick to now, slot by occupied slot, and collects what is due. */
static void wheel_collect(struct util_wheel *wheel, uint64_t now_ns)
{
    uint64_t now_tick = now_ns >> TICK_SHIFT;

    while (wheel->levels != 0) {
        unsigned int level = lowest_bit(wheel->levels);
        unsigned int slot = lowest_bit(wheel->occupied[level]);
        uint64_t tick = slot_tick(wheel, level, slot);

        if (tick > now_tick)
            break;
        wheel->tick = tick;
        wheel->occupied[level] &= ~(UINT64_C(1) << slot);
        if (wheel->occupied[level] == 0)
            wheel->levels = (uint8_t)(wheel->levels & ~(1U << level));
        wheel_sort_slot(wheel, &wheel->slots[level][slot], now_ns);
        /* At level 0 only the current tick's slot can keep timers for later. */
        if (level == 0 && tick == now_tick)
            break;
    }
    if (now_tick > wheel->tick)
        wheel->tick = now_tick;
    wheel->next_stale = true;
}

size_t util_wheel_advance(struct util_wheel *wheel, uint64_t now_ns)
{
    struct util_list *link;
    size_t fired = 0;

    if (now_ns < util_wheel_next_ns(wheel))
        return 0;
    wheel_collect(wheel, now_ns);
    while ((link = util_list_pop(&wheel->due)) != NULL) {
        struct util_timer *timer = util_container_of(link, struct util_timer, link);

        timer->armed = false;
        wheel->count--;
        timer->fire(timer);
        fired++;
    }
    return fired;
}
