/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of the timing wheel, tried one by one and then against a plain list over random
 * operations.
 */
#include <criterion/criterion.h>

#include "tests/support/support_guard.h"
#include "util/util_rand.h"
#include "util/util_timer.h"

TestSuite(util_timer, .init = support_begin, .fini = support_end);

#define MS UINT64_C(1000000)

struct probe {
    struct util_timer timer;
    unsigned int fired;
};

static struct util_wheel wheel;
static uint64_t now_ns;

static void probe_fire(struct util_timer *timer)
{
    struct probe *probe = util_container_of(timer, struct probe, timer);

    cr_assert(timer->deadline_ns <= now_ns, "early by %llu ns", (unsigned long long)(timer->deadline_ns - now_ns));
    cr_assert_not(util_timer_armed(timer));
    probe->fired++;
}

static void probe_init(struct probe *probe)
{
    probe->fired = 0;
    util_timer_init(&probe->timer, probe_fire);
}

static size_t advance_to(uint64_t to_ns)
{
    now_ns = to_ns;
    return util_wheel_advance(&wheel, now_ns);
}

Test(util_timer, fires_at_its_deadline_and_not_a_nanosecond_early)
{
    static const uint64_t distances_ns[] = {0,
                                            1,
                                            65535,
                                            65536,
                                            65537,
                                            4 * MS,
                                            5 * MS,
                                            300 * MS,
                                            30000 * MS,
                                            4000000 * MS,
                                            UINT64_C(1) << 50,
                                            UINT64_C(1) << 62};

    for (size_t i = 0; i < sizeof(distances_ns) / sizeof(distances_ns[0]); i++) {
        uint64_t start_ns = 123456789;
        uint64_t deadline_ns = start_ns + distances_ns[i];
        struct probe probe;

        probe_init(&probe);
        util_wheel_init(&wheel, start_ns);
        util_timer_arm(&wheel, &probe.timer, deadline_ns);
        cr_assert_eq(util_wheel_next_ns(&wheel), deadline_ns);
        cr_assert_eq(advance_to(deadline_ns - 1), 0);
        cr_assert_eq(util_wheel_next_ns(&wheel), deadline_ns);
        cr_assert_eq(advance_to(deadline_ns), 1);
        cr_assert_eq(probe.fired, 1);
        cr_assert_eq(util_wheel_next_ns(&wheel), UINT64_MAX);
    }
}

Test(util_timer, disarm_is_idempotent_and_keeps_it_from_firing)
{
    struct probe probe;

    probe_init(&probe);
    util_wheel_init(&wheel, 0);
    util_timer_disarm(&wheel, &probe.timer);
    util_timer_arm(&wheel, &probe.timer, 5 * MS);
    cr_assert(util_timer_armed(&probe.timer));
    util_timer_disarm(&wheel, &probe.timer);
    util_timer_disarm(&wheel, &probe.timer);
    cr_assert_not(util_timer_armed(&probe.timer));
    cr_assert_eq(util_wheel_next_ns(&wheel), UINT64_MAX);
    cr_assert_eq(advance_to(10 * MS), 0);
    cr_assert_eq(probe.fired, 0);
}

Test(util_timer, arming_again_moves_the_deadline)
{
    struct probe probe;

    probe_init(&probe);
    util_wheel_init(&wheel, 0);
    util_timer_arm(&wheel, &probe.timer, 5 * MS);
    util_timer_arm(&wheel, &probe.timer, 50 * MS);
    cr_assert_eq(advance_to(49 * MS), 0);
    cr_assert_eq(advance_to(50 * MS), 1);
    util_timer_arm(&wheel, &probe.timer, 500 * MS);
    util_timer_arm(&wheel, &probe.timer, UINT64_MAX);
    cr_assert_not(util_timer_armed(&probe.timer));
}

Test(util_timer, a_deadline_in_the_past_fires_at_the_next_advance)
{
    struct probe probe;

    probe_init(&probe);
    util_wheel_init(&wheel, 100 * MS);
    util_timer_arm(&wheel, &probe.timer, 3);
    cr_assert_eq(advance_to(100 * MS), 1);
}

static struct probe other;

static void fire_and_rearm(struct util_timer *timer)
{
    util_timer_arm(&wheel, timer, 1);
    util_timer_disarm(&wheel, &other.timer);
}

Test(util_timer, callbacks_may_rearm_themselves_and_disarm_others_that_are_due)
{
    struct util_timer timer;

    probe_init(&other);
    util_timer_init(&timer, fire_and_rearm);
    util_wheel_init(&wheel, 0);
    util_timer_arm(&wheel, &timer, 1 * MS);
    util_timer_arm(&wheel, &other.timer, 1 * MS);
    cr_assert_eq(advance_to(2 * MS), 1);
    cr_assert_eq(other.fired, 0);
    cr_assert_eq(advance_to(2 * MS), 1, "armed for the past in a callback: due at the next advance");
}

Test(util_timer, sleeping_until_next_never_spins)
{
    struct probe probes[200];
    unsigned int wakes = 0;

    util_wheel_init(&wheel, 0);
    for (unsigned int i = 0; i < 200; i++) {
        probe_init(&probes[i]);
        util_timer_arm(&wheel, &probes[i].timer, 30000 * MS + i * MS);
    }
    for (unsigned int i = 0; i < 199; i++)
        util_timer_disarm(&wheel, &probes[i].timer);
    now_ns = 0;
    while (util_timer_armed(&probes[199].timer)) {
        uint64_t next_ns = util_wheel_next_ns(&wheel);

        cr_assert(next_ns > now_ns || wakes == 0);
        cr_assert(next_ns <= probes[199].timer.deadline_ns);
        (void)advance_to(next_ns);
        wakes++;
    }
    cr_assert_eq(now_ns, 30199 * MS);
    cr_assert(wakes <= UTIL_WHEEL_LEVELS, "%u wakes", wakes);
}

#define MODEL_TIMERS 300U

static uint64_t random_distance(struct util_prng *prng)
{
    return util_prng_next(prng) >> (20 + util_prng_below(prng, 44));
}

/* Nothing that is due may be left, and nothing that was not may have fired. */
static void check_model(struct probe *probes, const uint64_t *deadlines_ns, unsigned int *expected)
{
    uint64_t earliest_ns = UINT64_MAX;

    for (unsigned int i = 0; i < MODEL_TIMERS; i++) {
        if (util_timer_armed(&probes[i].timer)) {
            cr_assert(deadlines_ns[i] > now_ns);
            earliest_ns = deadlines_ns[i] < earliest_ns ? deadlines_ns[i] : earliest_ns;
        }
        cr_assert_eq(probes[i].fired, expected[i]);
    }
    cr_assert(util_wheel_next_ns(&wheel) <= earliest_ns);
    cr_assert(util_wheel_next_ns(&wheel) > now_ns);
    cr_assert((earliest_ns == UINT64_MAX) == (util_wheel_next_ns(&wheel) == UINT64_MAX));
}

Test(util_timer, agrees_with_a_plain_list_over_random_operations)
{
    static struct probe probes[MODEL_TIMERS];
    static uint64_t deadlines_ns[MODEL_TIMERS];
    static unsigned int expected[MODEL_TIMERS];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    now_ns = util_prng_next(&prng) >> 2;
    util_wheel_init(&wheel, now_ns);
    for (unsigned int i = 0; i < MODEL_TIMERS; i++)
        probe_init(&probes[i]);
    for (unsigned int step = 0; step < 4000; step++) {
        for (unsigned int k = 0; k < 10; k++) {
            unsigned int i = (unsigned int)util_prng_below(&prng, MODEL_TIMERS);

            if (util_prng_below(&prng, 3) == 0) {
                util_timer_disarm(&wheel, &probes[i].timer);
            } else {
                deadlines_ns[i] = now_ns + random_distance(&prng);
                util_timer_arm(&wheel, &probes[i].timer, deadlines_ns[i]);
            }
        }
        now_ns += random_distance(&prng) >> util_prng_below(&prng, 20);
        for (unsigned int i = 0; i < MODEL_TIMERS; i++) {
            if (util_timer_armed(&probes[i].timer) && deadlines_ns[i] <= now_ns)
                expected[i]++;
        }
        (void)util_wheel_advance(&wheel, now_ns);
        check_model(probes, deadlines_ns, expected);
    }
}
