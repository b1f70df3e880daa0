/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a target remembers of calls that run at most once: where their answers are, how long, and what happens when there is no room.
 */
#include <string.h>

#include "hg/hg_class.h"
#include "tests/fault/once_scene.h"

/* A repetition comes so late that others come before it. */
static const struct qs_retry late = {.pause_us = 1000000, .attempts_max = 5};

static size_t kept_bytes(void)
{
    return target.hg_class->once.bytes;
}

/* --- another origin --------------------------------------------------------------------------------------------------- */

struct other {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_handle_t handle;
    hg_addr_t addr;
};

static void other_open(struct other *other, enum qs_method method)
{
    hg_id_t id;

    other->hg_class = open_class("wire://other", false, 0, &other->context);
    id = register_count(other->hg_class, method, NULL);
    HG_PAIR_OK(HG_Addr_lookup2(other->hg_class, "wire://target", &other->addr));
    HG_PAIR_OK(HG_Create(other->context, other->addr, id, &other->handle));
}

/* It calls, and is answered or refused; nothing else happens meanwhile. */
static void other_calls(struct other *other, uint32_t number)
{
    HG_PAIR_OK(HG_Forward(other->handle, NULL, NULL, &number));
    for (unsigned int i = 0; i < 20; i++) {
        (void)hg_pair_step(other->context);
        (void)hg_pair_step(target.context);
    }
}

static void other_close(struct other *other)
{
    HG_PAIR_OK(HG_Destroy(other->handle));
    HG_PAIR_OK(HG_Addr_free(other->hg_class, other->addr));
    HG_PAIR_OK(HG_Context_destroy(other->context));
    HG_PAIR_OK(HG_Finalize(other->hg_class));
}

/* A target that keeps records of one origin only, with two that may call it. */
static void open_for_one(struct other *other)
{
    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    other_open(other, QS_METHOD_AT_MOST_ONCE);
    target.hg_class->once.origins_max = 1;
}

/* The call is given up while its handler runs, which goes on. */
static void give_up(uint32_t number)
{
    struct once_call *call;

    target.holds = true;
    call = call_start(number);
    UNTIL(target.executed[number] == 1);
    HG_PAIR_OK(HG_Cancel(call->handle));
    expect(call, HG_CANCELED, QS_OUTCOME_UNKNOWN, 1, 1);
}

/* Call 0 is lost, and its repetition not due yet. */
static struct once_call *lose_the_answer_for_now(void)
{
    struct once_call *call = lose_the_answer();

    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    return call;
}

/* --- where answers are ------------------------------------------------------------------------------------------------- */

/* Nothing is copied of an answer that its origin has got before its handle is needed again. */
static void answers_that_have_come_are_not_copied(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.answer_size = 100;
    for (uint32_t i = 0; i < 100; i++) {
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
        SUPPORT_CHECK(kept_bytes() == 0);
    }
    close_both();
}

/* The service still has the handle that it has answered: the repetition is given what that holds. */
static void answer_is_given_from_a_handle_that_is_kept(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.answer_size = 100;
    target.keeps = true;
    call = lose_the_answer();
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(kept_bytes() == 0);
    let_go(0);
    close_both();
}

/* Programs may write to the buffer of an answer that they have given, or ask for it then. */
static void answer_is_given_as_it_was(void)
{
    struct once_call *call;
    void *buf;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 100, 1000));
    target.answer_size = 100;
    target.keeps = true;
    target.asks = true;
    call = lose_the_answer_for_now();
    memset(target.asked[0], 0xff, 100);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    target.asks = false;
    call = lose_the_answer_of(1);
    HG_PAIR_OK(HG_Get_output_buf(target.kept[1], &buf, NULL));
    memset(buf, 0xff, 100);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    let_go(0);
    let_go(1);
    close_both();
}

/* A handle with an answer that may still be asked for serves a call of @method next. */
static void play_answer_outlives_its_handle(enum qs_method method)
{
    struct once_call *call;
    struct other other;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    other_open(&other, method);
    target.answer_size = 100;
    call = lose_the_answer_for_now();
    SUPPORT_CHECK(kept_bytes() == 0);
    other_calls(&other, 7);
    SUPPORT_CHECK(target.executed[7] == 1 && kept_bytes() > 100);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    other_close(&other);
    close_both();
}

static void answer_outlives_its_handle(void)
{
    play_answer_outlives_its_handle(QS_METHOD_AT_MOST_ONCE);
}

static void answer_outlives_its_handle_to_a_call_without_a_number(void)
{
    play_answer_outlives_its_handle(QS_METHOD_ONCE);
}

static void answer_outlives_its_handle_to_a_call_of_the_target_itself(void)
{
    uint32_t number = 9;
    hg_handle_t handle;
    struct once_call *call;
    hg_addr_t self;
    hg_bool_t flag;
    hg_id_t id;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    target.answer_size = 100;
    call = lose_the_answer_for_now();
    HG_PAIR_OK(HG_Addr_self(target.hg_class, &self));
    HG_PAIR_OK(HG_Registered_name(target.hg_class, "count", &id, &flag));
    SUPPORT_CHECK(flag);
    HG_PAIR_OK(HG_Create(target.context, self, id, &handle));
    HG_PAIR_OK(HG_Forward(handle, NULL, NULL, &number));
    for (unsigned int i = 0; i < 20; i++)
        (void)hg_pair_step(target.context);
    SUPPORT_CHECK(target.executed[9] == 1 && kept_bytes() > 100);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    HG_PAIR_OK(HG_Destroy(handle));
    HG_PAIR_OK(HG_Addr_free(target.hg_class, self));
    close_both();
}

/* The class goes on without the context that has answered, and answers again with another one. */
static void answer_outlives_its_context(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    target.answer_size = 100;
    call = lose_the_answer_for_now();
    SUPPORT_CHECK(kept_bytes() == 0);
    HG_PAIR_OK(HG_Context_destroy(target.context));
    SUPPORT_CHECK(kept_bytes() > 100);
    target.context = HG_Context_create(target.hg_class);
    SUPPORT_CHECK(target.context != NULL);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* Other contexts may be asked for what the first one has answered, so it is put where all can look. */
static void answers_leave_their_handles_when_a_second_context_comes(void)
{
    struct once_call *call;
    hg_context_t *second;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    target.answer_size = 100;
    call = lose_the_answer_for_now();
    SUPPORT_CHECK(kept_bytes() == 0);
    second = HG_Context_create_id(target.hg_class, 1);
    SUPPORT_CHECK(second != NULL && kept_bytes() > 100);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    /* And while there are two it is put there at once. */
    target.answer_size = 300;
    expect(lose_the_answer_of(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(kept_bytes() > 300);
    HG_PAIR_OK(HG_Context_destroy(second));
    close_both();
}

/* The memory of an answer serves the next ones, and no more of it is held than small ones need. */
static void answers_take_the_places_of_others(void)
{
    static const uint32_t sizes[] = {10, 300, 0, 100, 5000, 200, 10};
    uint32_t number;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 100, 1000));
    for (number = 0; number < 40; number++) {
        target.answer_size = sizes[number % (sizeof(sizes) / sizeof(sizes[0]))];
        expect(lose_the_answer_of(number), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
        SUPPORT_CHECK(kept_bytes() >= target.answer_size); /* the repetition needed the handle */
    }
    target.answer_size = 0;
    expect(call_start(number), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(kept_bytes() <= 8U * 256U);
    close_both();
}

/* A call that is given up leaves its number, though its handler goes on: others come to its place in the ring. */
static void handler_outlives_its_place(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    give_up(0);
    for (uint32_t i = 1; i < 16; i++) {
        (void)call_start(i);
        UNTIL(target.executed[i] == 1);
        answer_one(i);
        expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    }
    /* The ring has 8 places: number 9 has come to that of number 1, and 17 comes there now. */
    call = call_start(16);
    UNTIL(target.executed[16] == 1);
    fake_wire.drop = 100;
    answer_one(16);
    answer_one(0);
    fake_wire.drop = 0;
    cut();
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* The same where the handler has answered and keeps the handle: its answer goes with the place. */
static void kept_handle_outlives_its_place(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 100, 1000));
    target.keeps = true;
    for (uint32_t i = 0; i < 3; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.keeps = false;
    for (uint32_t i = 3; i < 40; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    for (uint32_t i = 0; i < 3; i++)
        let_go(i);
    for (uint32_t i = 40; i < 60; i++)
        expect(lose_the_answer_of(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* --- no room ----------------------------------------------------------------------------------------------------------- */

static void answer_too_large_to_keep_is_known_to_be_lost(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.answer_size = 150000;
    expect(lose_the_answer(), HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* Forgotten records are not new calls. */
static void play_forgotten(bool keeps)
{
    struct once_call *call;
    struct other other;

    open_for_one(&other);
    target.keeps = keeps;
    call = lose_the_answer_for_now();
    target.keeps = false;
    other_calls(&other, 7); /* it takes the only place */
    SUPPORT_CHECK(target.executed[7] == 1);
    expect(call, HG_NODEV, QS_OUTCOME_UNKNOWN, 2, 1);
    if (keeps)
        let_go(0);
    other_close(&other);
    close_both();
}

static void target_that_has_forgotten_refuses(void)
{
    play_forgotten(false);
}

/* A handle that has the answer does not keep its origin from being forgotten. */
static void target_with_a_kept_handle_forgets(void)
{
    play_forgotten(true);
}

/* A handler whose place others have taken is not found by the records: its origin stays, with all answers that it may ask for. */
static void origin_with_a_handler_that_is_not_found_keeps_its_answers(void)
{
    struct once_call *call;
    struct other other;

    open_for_one(&other);
    give_up(100);
    target.holds = false;
    for (uint32_t i = 101; i < 120; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.keeps = true;
    call = lose_the_answer_for_now();
    target.keeps = false;
    other_calls(&other, 7);
    SUPPORT_CHECK(target.executed[7] == 0 && target.hg_class->once.evicted == 0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    answer_one(100);
    let_go(0);
    other_close(&other);
    close_both();
}

/* Handles that have answered, idle or still with the service, do not keep their origin from being forgotten. */
static void origin_of_idle_handles_is_forgotten(void)
{
    struct other other;

    open_for_one(&other);
    target.keeps = true;
    for (uint32_t i = 0; i < 5; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.keeps = false;
    for (uint32_t i = 0; i < 5; i += 2)
        let_go(i);
    for (uint32_t i = 5; i < 40; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    other_calls(&other, 50);
    SUPPORT_CHECK(target.executed[50] == 1 && target.hg_class->once.evicted == 1);
    for (uint32_t i = 1; i < 5; i += 2)
        let_go(i);
    other_close(&other);
    close_both();
}

/* A handler that runs does. */
static void origin_with_a_running_handler_is_not_forgotten(void)
{
    struct once_call *call;
    struct other other;

    open_for_one(&other);
    target.keeps = true;
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.keeps = false;
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    other_calls(&other, 7);
    SUPPORT_CHECK(target.executed[7] == 0 && target.hg_class->once.evicted == 0);
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    let_go(1);
    other_close(&other);
    close_both();
}

static void answers_beyond_the_bound_are_dropped_oldest_first(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &late);
    target.hg_class->once.bytes_max = 300;
    target.answer_size = 200;
    call = lose_the_answer_for_now();
    SUPPORT_CHECK(kept_bytes() == 0);
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(kept_bytes() > 200 && kept_bytes() <= 300);
    /* The one before is not known to have come either: that of call 0 is needed, and both do not fit. */
    expect(call_start(2), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(kept_bytes() > 200 && kept_bytes() <= 300);
    expect(call, HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.hg_class->once.dropped > 0);
    /* One that never fits. */
    target.hg_class->once.bytes_max = 100;
    expect(lose_the_answer_of(3), HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* More than there are numbers: they wait for each other, and other calls do not. */
static void calls_beyond_the_numbers_wait(void)
{
    enum { LAST = CALLS - 1 };
    uint32_t begun = 0;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    target.answer_size = 300;
    for (uint32_t i = 0; i < LAST; i++)
        (void)call_start(i);
    for (unsigned int i = 0; i < 100; i++)
        turn();
    for (uint32_t i = 0; i < LAST; i++)
        begun += target.executed[i];
    SUPPORT_CHECK(begun == 256);
    target.holds = false;
    for (uint32_t i = 0; i < LAST; i++)
        if (target.held[i] != HG_HANDLE_NULL)
            answer_one(i);
    for (uint32_t i = 0; i < LAST; i++)
        expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    /* The next one says that all answers have come. */
    expect(call_start(LAST), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(kept_bytes() == 0);
    close_both();
}

const struct support_case once_record_cases[] = {
    SUPPORT_CASE(answers_that_have_come_are_not_copied),
    SUPPORT_CASE(answer_is_given_from_a_handle_that_is_kept),
    SUPPORT_CASE(answer_is_given_as_it_was),
    SUPPORT_CASE(answer_outlives_its_handle),
    SUPPORT_CASE(answer_outlives_its_handle_to_a_call_without_a_number),
    SUPPORT_CASE(answer_outlives_its_handle_to_a_call_of_the_target_itself),
    SUPPORT_CASE(answer_outlives_its_context),
    SUPPORT_CASE(answers_leave_their_handles_when_a_second_context_comes),
    SUPPORT_CASE(answers_take_the_places_of_others),
    SUPPORT_CASE(handler_outlives_its_place),
    SUPPORT_CASE(kept_handle_outlives_its_place),
    SUPPORT_CASE(answer_too_large_to_keep_is_known_to_be_lost),
    SUPPORT_CASE(target_that_has_forgotten_refuses),
    SUPPORT_CASE(target_with_a_kept_handle_forgets),
    SUPPORT_CASE(origin_with_a_handler_that_is_not_found_keeps_its_answers),
    SUPPORT_CASE(origin_of_idle_handles_is_forgotten),
    SUPPORT_CASE(origin_with_a_running_handler_is_not_forgotten),
    SUPPORT_CASE(answers_beyond_the_bound_are_dropped_oldest_first),
    SUPPORT_CASE(calls_beyond_the_numbers_wait),
    {NULL, NULL, 0},
};
