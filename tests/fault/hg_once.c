/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls that are repeated, over a network whose connections are cut: what must run once runs once, whenever that
 * happens. What the target remembers of them is in hg_once_records.c.
 */
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_retry.h"
#include "tests/fault/once_scene.h"
#include "util/util_clock.h"

/* --- what is repeated ---------------------------------------------------------------------------------------- */

static void lost_answer_is_given_again(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    call = lose_the_answer();
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(strstr(call->detail, "2 attempts") != NULL);
    SUPPORT_CHECK(hg_pair_counters(origin.hg_class).retries == 1);
    SUPPORT_CHECK(hg_pair_counters(target.hg_class).repeats == 1);
    close_both();
}

static void lost_answers_of_all_sizes_are_given_again(void)
{
    static const uint32_t sizes[] = {0, 100, 5000, 20000, 60000};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        open_both(QS_METHOD_AT_MOST_ONCE, NULL);
        target.answer_size = sizes[i];
        expect(lose_the_answer(), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
        close_both();
    }
}

static void running_handler_answers_the_next_attempt(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    call = call_start(0);
    for (unsigned int i = 0; i < 2; i++) {
        UNTIL(target.executed[0] == 1 && hg_pair_counters(target.hg_class).repeats == i);
        cut();
    }
    UNTIL(hg_pair_counters(target.hg_class).repeats == 2);
    SUPPORT_CHECK(!qs_handle_cancelled(target.held[0]));
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 3, 1);
    close_both();
}

static void answer_without_a_connection_waits_for_the_next_attempt(void)
{
    const struct qs_retry slow = {.pause_us = 1000000, .attempts_max = 5};
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &slow);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    cut();
    (void)hg_pair_step(target.context); /* which learns of it, and answers nobody */
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

static void idempotent_call_runs_again(void)
{
    open_both(QS_METHOD_IDEMPOTENT, NULL);
    expect(lose_the_answer(), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 2);
    close_both();
}

static void call_without_a_method_is_tried_once(void)
{
    const struct qs_retry many = {.attempts_max = 10};

    open_both(QS_METHOD_ONCE, NULL);
    expect(lose_the_answer(), HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 1, 1);
    close_both();
    open_both(QS_METHOD_ONCE, &many);
    expect(lose_the_answer(), HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 1, 1);
    close_both();
}

/* Nobody is there when it is made. */
static void call_that_was_not_sent_is_sent_later(void)
{
    const struct qs_retry many = {.attempts_max = 50, .pause_max_us = 20000};
    static const enum qs_method methods[] = {QS_METHOD_ONCE, QS_METHOD_IDEMPOTENT, QS_METHOD_AT_MOST_ONCE};

    for (unsigned int i = 0; i < 3; i++) {
        struct once_call *call;

        memset(&target, 0, sizeof(target));
        open_origin(methods[i], &many);
        call = call_start(0);
        for (unsigned int turns = 0; turns < 30; turns++)
            turn();
        SUPPORT_CHECK(call->ended == 0 && hg_pair_counters(origin.hg_class).retries > 0);
        open_target();
        UNTIL(call->ended > 0);
        expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, call->result.attempts, 1);
        SUPPORT_CHECK(call->result.attempts > 1);
        close_both();
    }
}

/* --- what is not ----------------------------------------------------------------------------------------------- */

static void attempts_have_an_end(void)
{
    const struct qs_retry four = {.attempts_max = 4};
    struct once_call *call;

    memset(&target, 0, sizeof(target));
    open_origin(QS_METHOD_IDEMPOTENT, &four);
    call = call_start(0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_NOT_SENT, 4, 0);
    SUPPORT_CHECK(strstr(call->detail, "after 4 attempts") != NULL);
    /* The handle's word counts more than the RPC's. */
    HG_PAIR_OK(qs_handle_set_retry(call->handle, &(struct qs_retry){.attempts_max = 2}));
    call->ended = 0;
    call_forward(0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_NOT_SENT, 2, 0);
    close_origin();
}

static void time_limit_ends_the_attempts(void)
{
    const struct qs_retry many = {.attempts_max = 1000, .pause_max_us = 20000};
    uint64_t begin_ns;
    struct once_call *call;

    memset(&target, 0, sizeof(target));
    open_origin(QS_METHOD_IDEMPOTENT, &many);
    call = call_begin(0);
    HG_PAIR_OK(qs_handle_set_timeout(call->handle, 200000));
    begin_ns = now_ns;
    call_forward(0);
    UNTIL(call->ended > 0);
    SUPPORT_CHECK(call->result.outcome == QS_OUTCOME_NOT_SENT && call->result.attempts > 1);
    SUPPORT_CHECK(now_ns - begin_ns <= 205 * UTIL_CLOCK_NS_PER_MS);
    close_origin();
}

static void call_between_two_attempts_can_be_cancelled(void)
{
    const struct qs_retry slow = {.attempts_max = 10, .pause_us = 1000000, .pause_max_us = 100000000};
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &slow);
    call = lose_the_answer();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    HG_PAIR_OK(HG_Cancel(call->handle));
    expect(call, HG_CANCELED, QS_OUTCOME_UNKNOWN, 1, 1);
    /* And one when the context goes. */
    call = call_start(1);
    target.holds = true;
    UNTIL(target.executed[1] == 1);
    cut();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    HG_PAIR_RET(HG_Context_destroy(origin.context), HG_BUSY); /* handles are open */
    SUPPORT_CHECK(call->ended == 1 && call->ret == HG_CANCELED);
    SUPPORT_CHECK(call->result.outcome == QS_OUTCOME_UNKNOWN);
    close_both();
}

static void restarted_target_does_not_run_what_its_predecessor_may_have(void)
{
    hg_class_t *dead;
    hg_context_t *dead_context;
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    fake_wire_kill("wire://target");
    dead = target.hg_class;
    dead_context = target.context;
    HG_PAIR_OK(HG_Destroy(target.held[0]));
    target.held[0] = HG_HANDLE_NULL;
    target.holds = false;
    open_target();
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    SUPPORT_CHECK(strstr(call->detail, "restarted") != NULL);
    /* New calls are the successor's. */
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Context_destroy(dead_context));
    HG_PAIR_OK(HG_Finalize(dead));
    close_both();
}

static void open_durable(void)
{
    memset(&target, 0, sizeof(target));
    target.identity = 77;
    open_origin(QS_METHOD_AT_MOST_ONCE, NULL);
    open_target();
}

/* Kills the target, whose handler for the call runs, and starts another one in its place. */
static void restart_target(uint32_t number, uint64_t identity)
{
    hg_class_t *dead = target.hg_class;
    hg_context_t *dead_context = target.context;

    fake_wire_kill("wire://target");
    if (target.held[number] != HG_HANDLE_NULL)
        HG_PAIR_OK(HG_Destroy(target.held[number]));
    target.held[number] = HG_HANDLE_NULL;
    target.holds = false;
    target.identity = identity;
    HG_PAIR_OK(HG_Context_destroy(dead_context));
    HG_PAIR_OK(HG_Finalize(dead));
    open_target();
}

static void service_with_records_answers_after_its_restart(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    restart_target(0, 77);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 1);
    /* New calls are no repetitions, and what the new life has seen it answers from the library's records. */
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(target.recalled == 1);
    call = lose_the_answer_of(2);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 1);
    close_both();
}

/* A handler that had not committed when it died has not run. */
static void service_with_records_runs_what_is_not_in_them(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    target.executed[0] = 0;
    restart_target(0, 77);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 0);
    close_both();
}

static void records_of_another_name_are_not_asked(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    restart_target(0, 78);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    target.holds = true;
    call = call_start(1);
    UNTIL(target.executed[1] == 1);
    restart_target(1, 0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    SUPPORT_CHECK(target.recalled == 0);
    HG_PAIR_RET(qs_class_set_durable_records(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_durable_records(target.hg_class, 0), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_durable_records(target.hg_class, 79), HG_INVALID_ARG); /* it has a context */
    close_both();
}

/* A target that refuses everything is not asked much more often than it was called. */
static void budget_bounds_the_repetitions(void)
{
    const struct qs_retry many = {.attempts_max = 20};
    uint64_t begin_ns;
    uint64_t retries;

    open_both(QS_METHOD_IDEMPOTENT, &many);
    expect(call_start(0), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Context_unpost(target.context));
    begin_ns = now_ns;
    for (uint32_t i = 1; i < CALLS; i++)
        (void)call_start(i);
    for (uint32_t i = 1; i < CALLS; i++) {
        UNTIL(origin.calls[i].ended > 0);
        SUPPORT_CHECK(origin.calls[i].ret == HG_CANCELED && origin.calls[i].result.outcome == QS_OUTCOME_NOT_EXECUTED);
    }
    SUPPORT_CHECK(strstr(origin.calls[CALLS - 1].detail, "the budget of repetitions is used up") != NULL);
    retries = hg_pair_counters(origin.hg_class).retries;
    SUPPORT_CHECK(retries > 0);
    SUPPORT_CHECK(retries <= CALLS / 10 + 11 + (now_ns - begin_ns) / UTIL_CLOCK_NS_PER_MS / 100);
    close_both();
}

/* --- time of attempts ---------------------------------------------------------------------------------------- */

static void attempt_that_takes_too_long_is_given_up(void)
{
    const struct qs_retry patient = {.attempts_max = 4, .attempt_timeout_us = 50000};
    struct once_call *call;

    open_both(QS_METHOD_IDEMPOTENT, &patient);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 2); /* count_handler() checks that the first one was told */
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 2);
    call = call_start(1);
    expect(call, HG_TIMEOUT, QS_OUTCOME_UNKNOWN, 4, 4);
    close_both();
    open_both(QS_METHOD_AT_MOST_ONCE, &patient);
    target.holds = true;
    call = call_start(0);
    UNTIL(hg_pair_counters(target.hg_class).repeats == 2);
    SUPPORT_CHECK(!qs_handle_cancelled(target.held[0]));
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 3, 1);
    close_both();
}

static hg_return_t refuse_once(hg_handle_t handle, void *arg)
{
    bool *refused = arg;

    (void)handle;
    if (*refused)
        return HG_SUCCESS;
    *refused = true;
    return HG_NOMEM;
}

/* The next attempt comes while the refusal of the first one is still on its way out: it is a new request. */
static void refused_attempt_is_forgotten_at_once(void)
{
    const struct qs_retry patient = {.attempts_max = 4, .attempt_timeout_us = 50000};
    struct once_call *call;
    bool refused = false;

    open_both(QS_METHOD_AT_MOST_ONCE, &patient);
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(target.hg_class, refuse_once, &refused));
    /* Handles that were used before are not asked again: the held one leaves none. */
    target.holds = true;
    (void)call_start(2);
    UNTIL(target.executed[2] == 1);
    target.holds = false;
    call = call_start(0);
    for (unsigned int turns = 0; target.executed[0] == 0; turns++) {
        SUPPORT_CHECK(turns < 1000 && call->ended == 0);
        fake_wire.refuse = 100; /* of the target's frames alone */
        (void)hg_pair_step(target.context);
        fake_wire.refuse = 0;
        (void)hg_pair_step(origin.context);
        now_ns += UTIL_CLOCK_NS_PER_MS;
    }
    SUPPORT_CHECK(refused);
    answer_one(2);
    UNTIL(call->ended > 0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, call->result.attempts, 1);
    SUPPORT_CHECK(call->result.attempts > 1);
    close_both();
}

/* --- many ---------------------------------------------------------------------------------------------------- */

/* What a context keeps for peers has a bound; numbers go on where they were. */
static void peers_that_are_left_alone_are_forgotten_without_harm(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    for (uint32_t i = 0; i < 20; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(origin.context->retry_peers.count == 1);
    util_lock_take(&origin.context->lock);
    hg_retry_sweep_locked(origin.context);
    util_lock_drop(&origin.context->lock);
    SUPPORT_CHECK(origin.context->retry_peers.count == 0);
    for (uint32_t i = 20; i < 40; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.holds = true;
    (void)call_start(40);
    UNTIL(target.executed[40] == 1);
    util_lock_take(&origin.context->lock);
    hg_retry_sweep_locked(origin.context);
    util_lock_drop(&origin.context->lock);
    SUPPORT_CHECK(origin.context->retry_peers.count == 1); /* one that is in use stays */
    answer_one(40);
    expect(&origin.calls[40], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    close_both();
}

/* Cuts at random moments, with answers and requests lost on the way. */
static void each_runs_once_whenever_the_connection_ends(void)
{
    const struct qs_retry many = {.attempts_max = 1000, .pause_max_us = 10000};
    uint64_t repeats = 0;

    for (unsigned int round = 0; round < 30; round++) {
        uint32_t started = 0;
        uint32_t ended = 0;

        open_both(QS_METHOD_AT_MOST_ONCE, &many);
        HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 1000, 10000));
        while (ended < 200) {
            uint32_t more = (uint32_t)util_prng_below(&fake_wire.prng, 8);

            for (; more > 0 && started < 200; more--)
                (void)call_start(started++);
            target.holds = util_prng_below(&fake_wire.prng, 3) == 0;
            target.answer_size = (uint32_t)util_prng_below(&fake_wire.prng, 3) * 9000;
            for (uint32_t i = 0; i < started && !target.holds; i++)
                if (target.held[i] != HG_HANDLE_NULL && util_prng_below(&fake_wire.prng, 2) == 0)
                    answer_one(i);
            if (util_prng_below(&fake_wire.prng, 10) == 0) {
                fake_wire.drop = 60;
                turn();
                fake_wire.drop = 0;
                cut();
            }
            turn();
            ended = 0;
            for (uint32_t i = 0; i < started; i++)
                ended += origin.calls[i].ended;
        }
        for (uint32_t i = 0; i < 200; i++)
            expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, origin.calls[i].result.attempts, 1);
        repeats += hg_pair_counters(target.hg_class).repeats;
        close_both();
    }
    SUPPORT_CHECK(repeats > 0);
}

static void arguments_are_checked(void)
{
    struct once_call *call;

    open_both(QS_METHOD_ONCE, NULL);
    HG_PAIR_RET(qs_registered_set_method(NULL, origin.id, QS_METHOD_ONCE, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_registered_set_method(origin.hg_class, 12345, QS_METHOD_ONCE, NULL), HG_NOENTRY);
    HG_PAIR_RET(qs_registered_set_method(origin.hg_class, origin.id, (enum qs_method)3, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_retry_budget(NULL, 1, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_retry(HG_HANDLE_NULL, NULL), HG_INVALID_ARG);
    target.holds = true;
    call = call_start(0);
    HG_PAIR_RET(qs_handle_set_retry(call->handle, NULL), HG_BUSY);
    UNTIL(target.executed[0] == 1);
    HG_PAIR_RET(qs_handle_set_retry(target.held[0], NULL), HG_INVALID_ARG);
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    close_both();
}

static const struct support_case once_cases[] = {
    SUPPORT_CASE(lost_answer_is_given_again),
    SUPPORT_CASE(lost_answers_of_all_sizes_are_given_again),
    SUPPORT_CASE(running_handler_answers_the_next_attempt),
    SUPPORT_CASE(answer_without_a_connection_waits_for_the_next_attempt),
    SUPPORT_CASE(idempotent_call_runs_again),
    SUPPORT_CASE(call_without_a_method_is_tried_once),
    SUPPORT_CASE(call_that_was_not_sent_is_sent_later),
    SUPPORT_CASE(attempts_have_an_end),
    SUPPORT_CASE(time_limit_ends_the_attempts),
    SUPPORT_CASE(call_between_two_attempts_can_be_cancelled),
    SUPPORT_CASE(restarted_target_does_not_run_what_its_predecessor_may_have),
    SUPPORT_CASE(service_with_records_answers_after_its_restart),
    SUPPORT_CASE(service_with_records_runs_what_is_not_in_them),
    SUPPORT_CASE(records_of_another_name_are_not_asked),
    SUPPORT_CASE(budget_bounds_the_repetitions),
    SUPPORT_CASE(attempt_that_takes_too_long_is_given_up),
    SUPPORT_CASE(refused_attempt_is_forgotten_at_once),
    SUPPORT_CASE(peers_that_are_left_alone_are_forgotten_without_harm),
    SUPPORT_CASE(each_runs_once_whenever_the_connection_ends),
    SUPPORT_CASE(arguments_are_checked),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {once_cases, once_record_cases, NULL};

    return support_suite_main(argc, argv, tables, once_setup);
}
