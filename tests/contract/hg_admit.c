/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a target takes in: requests beyond its limits are refused as not executed, with a time to come back, and nothing that
 * was taken in is lost; one peer leaves room for others; the window can be changed at any time.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"
#include "util/util_clock.h"

static void admit(struct hg_pair *pair, const struct qs_admission *admission)
{
    HG_PAIR_OK(qs_class_set_admission(pair->target.hg_class, admission));
}

/* Waits for the end of a call that must have been refused; what it was told. */
static uint64_t expect_refused(struct hg_pair_call *call)
{
    struct qs_result result;

    HG_PAIR_RET(hg_pair_call_wait(call), HG_AGAIN);
    HG_PAIR_OK(qs_handle_get_result(call->handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_EXECUTED);
    SUPPORT_CHECK(strstr(result.detail, "lack of room") != NULL);
    hg_pair_call_end(call);
    return result.retry_after_us;
}

/* The target receives, but runs no handler: HG_Progress would not while some are ready to run. */
static void receive_turn(struct hg_pair *pair)
{
    unsigned int ready;

    HG_PAIR_OK(HG_Event_progress(pair->target.contexts[0], &ready));
}

/* Until so many requests were received in all. */
static void receive_only(struct hg_pair *pair, uint64_t requests)
{
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair->target.hg_class).rpc_req_recv < requests;
         hg_pair_patience_check(&patience, "requests are received")) {
        receive_turn(pair);
        (void)hg_pair_step_origin(pair);
    }
}

/* So many further turns of that kind. */
static void receive_turns(struct hg_pair *pair, unsigned int turns)
{
    for (unsigned int i = 0; i < turns; i++) {
        receive_turn(pair);
        (void)hg_pair_step_origin(pair);
    }
}

static void requests_beyond_the_limit_are_refused(void)
{
    enum { MOST = 4 };
    struct hg_pair_call calls[MOST + 1];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    uint64_t after_us;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = MOST});
    for (unsigned int i = 0; i < MOST; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == MOST);
    hg_pair_call_start(&pair, &calls[MOST], HG_PAIR_HOLD, &in);
    after_us = expect_refused(&calls[MOST]);
    SUPPORT_CHECK(after_us >= 1000 && after_us <= 1000000);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).shed == 1);
    /* An answer makes room. */
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&calls[0], HG_SUCCESS);
    hg_pair_check_works(&pair);
    for (unsigned int i = 1; i < MOST; i++) {
        SUPPORT_CHECK(hg_pair_answer(&pair));
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    }
    hg_pair_close(&pair);
}

static void refused_callers_are_told_when_to_come_back(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call refused;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = 1, .retry_after_us = 12345});
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_call_start(&pair, &refused, HG_PAIR_ECHO, &in);
    SUPPORT_CHECK(expect_refused(&refused) == 12345);
    /* What was refused leaves nothing behind, and the defaults take it in again. */
    admit(&pair, NULL);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* A call with attempts left comes back after the time that it was told, and not before. */
static void turn_for(struct hg_pair *pair, uint64_t time_us)
{
    for (uint64_t end_us = support_suite_now_us() + time_us; support_suite_now_us() < end_us;)
        hg_pair_turn(pair);
}

/* Nobody who is here will wait for longer than that: by then there is room, whatever the pace. */
static void limit_for_waiting_bounds_when_to_come_back(void)
{
    enum { COUNT = 3, PACE_US = 60000, LIMIT_US = 20000 };
    struct hg_pair_blob in = {0};
    struct hg_pair_call calls[2 * COUNT];
    struct hg_pair_call refused;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = COUNT});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == COUNT);
    for (unsigned int i = 0; i < COUNT - 1; i++) {
        turn_for(&pair, PACE_US);
        SUPPORT_CHECK(hg_pair_answer(&pair));
        hg_pair_call_start(&pair, &calls[COUNT + i], HG_PAIR_HOLD, &in);
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == COUNT);
    }
    hg_pair_call_start(&pair, &refused, HG_PAIR_ECHO, &in);
    SUPPORT_CHECK(expect_refused(&refused) > LIMIT_US);
    admit(&pair, &(struct qs_admission){.requests_max = COUNT, .wait_max_us = LIMIT_US});
    hg_pair_call_start(&pair, &refused, HG_PAIR_ECHO, &in);
    SUPPORT_CHECK(expect_refused(&refused) <= LIMIT_US);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 0; i < 2 * COUNT - 1; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static void refused_calls_come_back_by_themselves(void)
{
    enum { PAUSE_US = 20000 };
    struct qs_retry retry = {.attempts_max = 20};
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call patient;
    struct hg_pair pair;
    struct qs_result result;
    uint64_t begin_us;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = 1, .retry_after_us = PAUSE_US});
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_call_begin(&pair, &patient, HG_PAIR_ECHO);
    HG_PAIR_OK(qs_handle_set_retry(patient.handle, &retry));
    begin_us = support_suite_now_us();
    hg_pair_call_forward(&patient, &in);
    HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).shed == 3);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 2 * PAUSE_US);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(hg_pair_call_wait(&patient));
    HG_PAIR_OK(qs_handle_get_result(patient.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.attempts >= 4 && result.outcome == QS_OUTCOME_EXECUTED);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_pair_call_end(&patient);
    hg_pair_close(&pair);
}

/* A repetition of a call that is here already is not a further request: it joins the first one although there is no room. */
static void repetitions_take_no_room(void)
{
    struct qs_retry retry = {.attempts_max = 3, .attempt_timeout_us = 50000};
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = 1});
    HG_PAIR_OK(
        qs_registered_set_method(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], QS_METHOD_AT_MOST_ONCE, &retry));
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).repeats == 1);
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 1);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).shed == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* Half of the places, where it is alone; the other half is for whoever comes. */
static void one_peer_leaves_room_for_others(void)
{
    enum { PLACES = 8, COUNT = 20 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    struct hg_pair other;
    hg_addr_t addr;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    hg_pair_open(&other, &(struct hg_pair_options){.silent_target = true});
    admit(&pair, &(struct qs_admission){.waiting_max = PLACES});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    receive_only(&pair, PLACES / 2);
    for (unsigned int i = PLACES / 2; i < COUNT; i++)
        for (struct hg_pair_patience patience = {0}; atomic_load(&calls[i].calls) == 0;
             hg_pair_patience_check(&patience, "the others are refused"))
            receive_turns(&pair, 1);
    addr = hg_pair_lookup(other.origin.hg_class, pair.target.hg_class);
    hg_pair_call_begin(&other, &call, HG_PAIR_ECHO);
    HG_PAIR_OK(HG_Reset(call.handle, addr, 0));
    hg_pair_call_forward(&call, &in);
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair.target.hg_class).rpc_req_recv < PLACES / 2 + 1;
         hg_pair_patience_check(&patience, "the other's request is received")) {
        receive_turn(&pair);
        (void)hg_pair_step_origin(&other);
    }
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    pair.options.silent_target = false;
    for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;
         hg_pair_patience_check(&patience, "the other is answered")) {
        hg_pair_turn(&pair);
        (void)hg_pair_step_origin(&other);
    }
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    for (unsigned int i = 0; i < PLACES / 2; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    for (unsigned int i = PLACES / 2; i < COUNT; i++)
        (void)expect_refused(&calls[i]);
    HG_PAIR_OK(HG_Addr_free(other.origin.hg_class, addr));
    hg_pair_close(&other);
    hg_pair_close(&pair);
}

static void requests_that_have_waited_too_long_do_not_run(void)
{
    enum { COUNT = 3, WAIT_US = 20000 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    admit(&pair, &(struct qs_admission){.wait_max_us = WAIT_US});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    receive_only(&pair, COUNT);
    util_clock_sleep_ns((WAIT_US + 1000) * UTIL_CLOCK_NS_PER_US);
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < COUNT; i++)
        (void)expect_refused(&calls[i]);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void one_way_requests_are_never_refused(void)
{
    enum { COUNT = 50 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.requests_max = 1, .waiting_max = 1, .wait_max_us = 1, .peer_requests_max = 1});
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    for (struct hg_pair_patience patience = {0}; atomic_load(&pair.held_count) == 0;
         hg_pair_patience_check(&patience, "one request is taken in")) {
        hg_pair_turn(&pair);
        if (atomic_load(&call.calls) == 0)
            continue;
        (void)expect_refused(&call); /* it has waited for longer than a microsecond */
        admit(&pair, &(struct qs_admission){.requests_max = 1, .waiting_max = 1, .peer_requests_max = 1});
        hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    }
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_QUIET, &in);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == COUNT);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* Inputs in a message, in fragments and by descriptor. */
static void inputs_of_one_peer_are_bounded(void)
{
    static const uint64_t sizes[] = {500, 30000, 300000};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};
        struct hg_pair_call call;
        struct hg_pair_call refused;
        struct hg_pair pair;

        hg_pair_open(&pair, NULL);
        admit(&pair, &(struct qs_admission){.peer_bytes_max = sizes[i] + sizes[i] / 2});
        hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
        hg_pair_call_start(&pair, &refused, HG_PAIR_ECHO, &in);
        (void)expect_refused(&refused);
        SUPPORT_CHECK(hg_pair_answer(&pair));
        HG_PAIR_FINISH(&call, HG_SUCCESS);
        hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
        hg_pair_close(&pair);
        free(in.data);
    }
}

/* An origin that makes no progress, nor has a thread that does, fetches no large answers. */
static void outputs_that_a_peer_does_not_fetch_are_bounded(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair_move_in in = {.out_size = 800000};
    struct hg_pair_call calls[2];
    struct hg_pair_call refused;
    struct hg_pair pair;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_check_works(&pair);
    admit(&pair, &(struct qs_admission){.peer_bytes_max = 1000000});
    for (unsigned int i = 0; i < 2; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_MOVE, &in);
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair.target.hg_class).rpc_resp_sent < 1 + 2;
         hg_pair_patience_check(&patience, "both are answered"))
        (void)hg_pair_step_target(&pair);
    hg_pair_call_start(&pair, &refused, HG_PAIR_EMPTY, NULL);
    (void)expect_refused(&refused);
    for (unsigned int i = 0; i < 2; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void requests_of_one_peer_are_bounded(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call refused;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    admit(&pair, &(struct qs_admission){.peer_requests_max = 1});
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_call_start(&pair, &refused, HG_PAIR_ECHO, &in);
    (void)expect_refused(&refused);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* Each context of the origin has a connection of its own. */
static void connections_of_one_peer_are_bounded(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    if (strstr(hg_pair_uri(), "rxm") != NULL)
        support_suite_skip("without connections nobody can be told");
    hg_pair_open(&pair, &(struct hg_pair_options){.origin_contexts = 2});
    HG_Set_log_level("none");
    admit(&pair, &(struct qs_admission){.peer_sessions_max = 1});
    hg_pair_check_works(&pair);
    call = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.origin.contexts[1], pair.addr, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    hg_pair_call_forward(&call, NULL);
    for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;
         hg_pair_patience_check(&patience, "the second connection is refused")) {
        hg_pair_turn(&pair);
        (void)hg_pair_step(pair.origin.contexts[1]);
    }
    HG_PAIR_RET(call.ret, HG_HOSTUNREACH);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* How many of so many calls the target receives while it runs no handler. */
static uint64_t received_of(struct hg_pair *pair, struct hg_pair_call *calls, unsigned int count)
{
    uint64_t before = hg_pair_counters(pair->target.hg_class).rpc_req_recv;
    struct hg_pair_blob in = {0};

    for (unsigned int i = 0; i < count; i++)
        hg_pair_call_start(pair, &calls[i], HG_PAIR_ECHO, &in);
    receive_turns(pair, 200);
    return hg_pair_counters(pair->target.hg_class).rpc_req_recv - before;
}

static void the_window_can_be_lowered_and_raised(void)
{
    enum { COUNT = 40 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair pair;
    uint64_t before;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 4));
    hg_pair_settle(&pair);
    pair.options.silent_target = true;
    before = hg_pair_counters(pair.target.hg_class).rpc_req_recv;
    SUPPORT_CHECK(received_of(&pair, calls, COUNT) == 4);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 8));
    receive_only(&pair, before + 8);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 1));
    receive_turns(&pair, 50);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).rpc_req_recv == before + 8);
    pair.options.silent_target = false;
    /* One at a time, and none is lost. */
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 0));
    hg_pair_settle(&pair);
    pair.options.silent_target = true;
    SUPPORT_CHECK(received_of(&pair, calls, COUNT) == COUNT);
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

/* Peers that come later are told the window that counts then. */
static void newcomers_get_the_window_in_force(void)
{
    enum { COUNT = 40 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 2));
    hg_pair_check_works(&pair);
    pair.options.silent_target = true;
    SUPPORT_CHECK(received_of(&pair, calls, COUNT) == 2);
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static void bad_limits_are_refused(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_RET(qs_class_set_admission(NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_window(NULL, 4), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_window(pair.target.hg_class, 513), HG_INVALID_ARG);
    SUPPORT_CHECK(strstr(qs_error_detail(), "qs_class_set_window") != NULL);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

const struct support_case hg_admit_cases[] = {
    SUPPORT_CASE(requests_beyond_the_limit_are_refused),
    SUPPORT_CASE(refused_callers_are_told_when_to_come_back),
    SUPPORT_CASE(limit_for_waiting_bounds_when_to_come_back),
    SUPPORT_CASE(refused_calls_come_back_by_themselves),
    SUPPORT_CASE(repetitions_take_no_room),
    SUPPORT_CASE(one_peer_leaves_room_for_others),
    SUPPORT_CASE(requests_that_have_waited_too_long_do_not_run),
    SUPPORT_CASE(one_way_requests_are_never_refused),
    SUPPORT_CASE(inputs_of_one_peer_are_bounded),
    SUPPORT_CASE(outputs_that_a_peer_does_not_fetch_are_bounded),
    SUPPORT_CASE(requests_of_one_peer_are_bounded),
    SUPPORT_CASE(connections_of_one_peer_are_bounded),
    SUPPORT_CASE(the_window_can_be_lowered_and_raised),
    SUPPORT_CASE(newcomers_get_the_window_in_force),
    SUPPORT_CASE(bad_limits_are_refused),
    {NULL, NULL, 0},
};
