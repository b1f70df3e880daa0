/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Time limits on their way: what is left is told to the target and to the calls that it makes meanwhile, and what has
 * expired does not run.
 */
#include <string.h>

#include "tests/contract/hg_contract.h"

enum { LIMIT_US = 50000, LARGE = 3000 };

static void wait_us(uint64_t rest_us)
{
    uint64_t end_us = support_suite_now_us() + rest_us;

    while (support_suite_now_us() < end_us)
        continue;
}

static void expired_request_does_not_run(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct qs_result result;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, LIMIT_US * 10));
    hg_pair_call_forward(&call, &in);
    /* It is received, and its turn does not come; nor does the origin's, who could take it back. */
    for (struct hg_pair_patience patience = {0}; HG_Progress(pair.target.contexts[0], 0) != HG_SUCCESS;) {
        (void)HG_Progress(pair.origin.contexts[0], 0);
        hg_pair_patience_check(&patience, "the request is received");
    }
    wait_us(LIMIT_US * 11);
    HG_PAIR_OK(HG_Trigger(pair.target.contexts[0], 0, 1, NULL));
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).expired == 1);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    HG_PAIR_OK(qs_handle_get_result(call.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_EXECUTED || result.outcome == QS_OUTCOME_UNKNOWN);
    hg_pair_call_end(&call);
    pair.options.silent_target = false;
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* A target that was away notices it before it has received anything, and is then kept from receiving for a while, so that
 * neither its look at the clock nor the time since then says that what it receives may be old. */
/* Both of each request fit into the receive buffers of an RDMA device. */
static void withdrawn_requests_do_not_run(uint64_t size)
{
    enum { COUNT = 60, AWAY_US = 30000, KEPT_US = 2000, LOOKS = 1000, STEPS = 50 };
    static struct hg_pair_call calls[COUNT];
    static unsigned char data[LARGE];
    struct hg_pair_blob in = {.size = size, .data = data};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    pair.options.silent_target = true;
    wait_us(AWAY_US);
    for (unsigned int look = 0; look < LOOKS; look++)
        (void)hg_pair_step_target(&pair);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_HOLD);
        HG_PAIR_OK(qs_handle_set_timeout(calls[i].handle, LIMIT_US * 100));
        hg_pair_call_forward(&calls[i], &in);
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        HG_PAIR_OK(HG_Cancel(calls[i].handle));
        HG_PAIR_FINISH(&calls[i], HG_CANCELED);
    }
    for (unsigned int step = 0; step < STEPS; step++)
        (void)hg_pair_step_origin(&pair); /* all of it leaves */
    wait_us(KEPT_US);
    pair.options.silent_target = false;
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 0);
    /* What had no room was not sent. */
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).cancelled <= COUNT);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).cancelled == COUNT || size > 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void withdrawn_requests_do_not_run_however_late_they_are_received(void)
{
    withdrawn_requests_do_not_run(0);
}

/* More than the ring of shared memory holds. */
static void requests_leave_room_for_what_withdraws_them(void)
{
    withdrawn_requests_do_not_run(LARGE);
}

static void expired_call_to_oneself_does_not_run(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_self(pair.origin.hg_class, &self));
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(HG_Reset(call.handle, self, pair.origin.ids[HG_PAIR_HOLD]));
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, LIMIT_US));
    hg_pair_call_forward(&call, &in);
    wait_us(LIMIT_US * 2);
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 0);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, self));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* What is left of a call with this limit, as its handler sees it. */
static uint64_t seen_at_target(struct hg_pair *pair, uint64_t limit_us)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    uint64_t left_us;
    hg_handle_t held;

    hg_pair_call_begin(pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, limit_us));
    SUPPORT_CHECK(qs_handle_remaining(call.handle) == UINT64_MAX);
    hg_pair_call_forward(&call, &in);
    SUPPORT_CHECK(limit_us == 0 ? qs_handle_remaining(call.handle) == UINT64_MAX
                                : qs_handle_remaining(call.handle) <= limit_us);
    held = hg_pair_wait_held(pair);
    left_us = qs_handle_remaining(held);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    return left_us;
}

static void handler_sees_what_is_left(void)
{
    const uint64_t second_us = 1000000;
    struct hg_pair pair;
    uint64_t left_us;

    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(seen_at_target(&pair, 0) == UINT64_MAX);
    left_us = seen_at_target(&pair, 60 * second_us);
    SUPPORT_CHECK(left_us > 0 && left_us <= 60 * second_us);
    /* Beyond what the message can say it is no limit at the target, rather than a shorter one. */
    SUPPORT_CHECK(seen_at_target(&pair, 3600 * 24 * second_us) == UINT64_MAX);
    SUPPORT_CHECK(qs_handle_remaining(HG_HANDLE_NULL) == UINT64_MAX);
    hg_pair_close(&pair);
}

static void bounded_call_has_a_limit_by_default(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 2; i++) {
        uint64_t limit_us = i == 0 ? QS_TIMEOUT_DEFAULT_US : UINT64_C(60000000);

        hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
        if (i == 1)
            HG_PAIR_OK(qs_handle_set_timeout(call.handle, limit_us));
        HG_PAIR_OK(qs_forward(call.handle, hg_pair_call_cb, &call, &in));
        held = hg_pair_wait_held(&pair);
        SUPPORT_CHECK(qs_handle_remaining(held) <= limit_us && qs_handle_remaining(held) > limit_us / 4 * 3);
        hg_pair_respond(held, &in);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        /* Forwarded as for Mercury, the same handle has none. */
        HG_PAIR_OK(qs_handle_set_timeout(call.handle, 0));
        atomic_store(&call.calls, 0);
        hg_pair_call_forward(&call, &in);
        held = hg_pair_wait_held(&pair);
        SUPPORT_CHECK(qs_handle_remaining(held) == UINT64_MAX);
        hg_pair_respond(held, &in);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
    }
    HG_PAIR_RET(qs_forward(HG_HANDLE_NULL, NULL, NULL, NULL), HG_INVALID_ARG);
    hg_pair_close(&pair);
}

/* --- nested calls ---------------------------------------------------------------------------------------- */

/* How the relay, which serves a call by one of its own, makes it. */
enum relay_way {
    RELAY_PLAIN,
    RELAY_SHORTER,   /* with a limit of its own that is shorter */
    RELAY_LONGER,    /* and longer */
    RELAY_OPEN,      /* without any */
    RELAY_ANSWERED,  /* when it has answered */
    RELAY_STRANGER,  /* for nobody */
    RELAY_CALLBACK,  /* in the callback of another call */
    RELAY_LATE_WAYS, /* from here on: not in the handler */
    RELAY_OUTSIDE,   /* later, without a word */
    RELAY_TOLD,      /* later, with qs_handle_set_parent */
};

static struct {
    struct hg_pair *pair;
    enum relay_way way;
    hg_id_t probe;
    hg_handle_t serving;
    hg_handle_t swallowed;
    uint64_t seen_us; /* what was left at the far end */
    unsigned int probed;
    unsigned int ended;
    hg_return_t ret;
} relay;

static hg_return_t probe_handler(hg_handle_t handle)
{
    relay.seen_us = qs_handle_remaining(handle);
    relay.probed++;
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

/* At the far end, where nobody answers in time. */
static hg_return_t swallow_handler(hg_handle_t handle)
{
    relay.swallowed = handle;
    return HG_SUCCESS;
}

static hg_return_t relay_ended(const struct hg_cb_info *info)
{
    relay.ret = info->ret;
    relay.ended++;
    return HG_Destroy(info->info.forward.handle);
}

static void relay_forward(hg_cb_t callback)
{
    const struct hg_info *info = HG_Get_info(relay.serving);
    hg_handle_t handle;

    HG_PAIR_OK(HG_Create(info->context, info->addr, relay.probe, &handle));
    if (relay.way == RELAY_SHORTER)
        HG_PAIR_OK(qs_handle_set_timeout(handle, LIMIT_US * 2));
    if (relay.way == RELAY_LONGER)
        HG_PAIR_OK(qs_handle_set_timeout(handle, UINT64_C(3600) * 1000000U));
    if (relay.way == RELAY_OPEN)
        HG_PAIR_OK(qs_handle_set_timeout(handle, UINT64_MAX));
    if (relay.way == RELAY_STRANGER)
        HG_PAIR_OK(qs_handle_set_parent(handle, HG_HANDLE_NULL));
    if (relay.way == RELAY_TOLD)
        HG_PAIR_OK(qs_handle_set_parent(handle, relay.serving));
    HG_PAIR_OK(HG_Forward(handle, callback, NULL, NULL));
}

static hg_return_t relay_again(const struct hg_cb_info *info)
{
    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Destroy(info->info.forward.handle));
    relay.probed = 0;
    relay_forward(relay_ended);
    return HG_SUCCESS;
}

static hg_return_t relay_handler(hg_handle_t handle)
{
    relay.serving = handle;
    if (relay.way == RELAY_ANSWERED)
        HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    if (relay.way < RELAY_LATE_WAYS)
        relay_forward(relay.way == RELAY_CALLBACK ? relay_again : relay_ended);
    return HG_SUCCESS;
}

/* One call with a limit of 20 s that is served in this way: what its relay's own call had left. */
static uint64_t relay_once(struct hg_pair *pair, hg_id_t id, enum relay_way way)
{
    struct hg_pair_call call = {.pair = pair};

    relay.way = way;
    relay.probed = relay.ended = 0;
    relay.serving = HG_HANDLE_NULL;
    HG_PAIR_OK(qs_class_set_timeout(pair->origin.hg_class, UINT64_C(20000000)));
    hg_pair_call_start_id(pair, &call, id, NULL);
    HG_PAIR_UNTIL(pair, relay.serving != HG_HANDLE_NULL);
    if (way > RELAY_LATE_WAYS)
        relay_forward(relay_ended);
    HG_PAIR_UNTIL(pair, relay.ended == 1);
    HG_PAIR_OK(relay.ret);
    SUPPORT_CHECK(relay.probed == 1);
    if (way != RELAY_ANSWERED)
        HG_PAIR_OK(HG_Respond(relay.serving, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(relay.serving));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    return relay.seen_us;
}

static hg_id_t relay_open(struct hg_pair *pair)
{
    hg_id_t id;

    hg_pair_open(pair, &(struct hg_pair_options){.origin_listens = true});
    relay.pair = pair;
    relay.probe = HG_Register_name(pair->origin.hg_class, "probe", NULL, NULL, probe_handler);
    SUPPORT_CHECK(relay.probe == HG_Register_name(pair->target.hg_class, "probe", NULL, NULL, NULL));
    id = hg_pair_register_both(pair, "relay", NULL, NULL, relay_handler);
    return id;
}

static void nested_call_inherits_what_is_left(void)
{
    static const enum relay_way limited[] = {RELAY_PLAIN, RELAY_LONGER, RELAY_CALLBACK, RELAY_TOLD};
    static const enum relay_way unlimited[] = {RELAY_OPEN, RELAY_ANSWERED, RELAY_STRANGER, RELAY_OUTSIDE};
    struct hg_pair pair;
    hg_id_t id = relay_open(&pair);

    for (unsigned int i = 0; i < sizeof(limited) / sizeof(limited[0]); i++) {
        uint64_t left_us = relay_once(&pair, id, limited[i]);

        SUPPORT_CHECK(left_us > 0 && left_us <= 20000000);
    }
    SUPPORT_CHECK(relay_once(&pair, id, RELAY_SHORTER) <= LIMIT_US * 2);
    for (unsigned int i = 0; i < sizeof(unlimited) / sizeof(unlimited[0]); i++)
        SUPPORT_CHECK(relay_once(&pair, id, unlimited[i]) == UINT64_MAX);
    hg_pair_close(&pair);
}

/* The far end holds it; the relay's call ends when its own caller's time is over. */
static void nested_call_ends_with_the_time_of_the_outer_one(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_id_t id = relay_open(&pair);
    uint64_t begin_us;

    relay.way = RELAY_PLAIN;
    relay.ended = 0;
    relay.probe = HG_Register_name(pair.origin.hg_class, "swallow", NULL, NULL, swallow_handler);
    SUPPORT_CHECK(relay.probe == HG_Register_name(pair.target.hg_class, "swallow", NULL, NULL, NULL));
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, LIMIT_US * 4));
    begin_us = support_suite_now_us();
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_UNTIL(&pair, relay.ended == 1);
    HG_PAIR_RET(relay.ret, HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= LIMIT_US * 4 - 1000);
    HG_PAIR_OK(HG_Respond(relay.serving, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(relay.serving));
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
    HG_PAIR_OK(HG_Destroy(relay.swallowed));
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, 0));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void parent_is_checked(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_RET(qs_handle_set_parent(HG_HANDLE_NULL, held), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_parent(held, held), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_parent(call.handle, call.handle), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_parent(call.handle, held), HG_BUSY);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

const struct support_case hg_deadline_cases[] = {
    SUPPORT_CASE(expired_request_does_not_run),
    SUPPORT_CASE(withdrawn_requests_do_not_run_however_late_they_are_received),
    SUPPORT_CASE(requests_leave_room_for_what_withdraws_them),
    SUPPORT_CASE(expired_call_to_oneself_does_not_run),
    SUPPORT_CASE(handler_sees_what_is_left),
    SUPPORT_CASE(bounded_call_has_a_limit_by_default),
    SUPPORT_CASE(nested_call_inherits_what_is_left),
    SUPPORT_CASE(nested_call_ends_with_the_time_of_the_outer_one),
    SUPPORT_CASE(parent_is_checked),
    {NULL, NULL, 0},
};
