/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Stopping with grace: what is there is answered, what is new is refused as not executed, peers are told, and a successor
 * may have the address.
 */
#include <pthread.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

/* A new call ends without having been executed, and says why. */
static void expect_refused(struct hg_pair *pair)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct qs_result result;

    hg_pair_call_start(pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
    HG_PAIR_OK(qs_handle_get_result(call.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_EXECUTED || result.outcome == QS_OUTCOME_NOT_SENT);
    hg_pair_call_end(&call);
}

static void running_requests_are_answered_and_new_ones_refused(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    SUPPORT_CHECK(!qs_class_drained(pair.target.hg_class));
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    expect_refused(&pair);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 0 && atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(!qs_class_drained(pair.target.hg_class));
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, qs_class_drained(pair.target.hg_class));
    HG_PAIR_OK(qs_class_drain(pair.target.hg_class, 1000000));
    hg_pair_close(&pair);
}

static enum qs_peer_state told;

static void tell(const struct qs_peer_change *change, void *arg)
{
    (void)arg;
    if (change->after == QS_PEER_LEAVING)
        told = change->after;
}

static void peers_are_told(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    told = QS_PEER_UNKNOWN;
    HG_PAIR_OK(qs_class_set_peer_callback(pair.origin.hg_class, tell, NULL));
    hg_pair_check_works(&pair);
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    HG_PAIR_UNTIL(&pair, told == QS_PEER_LEAVING);
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, pair.addr) == QS_PEER_LEAVING);
    SUPPORT_CHECK(strcmp(qs_peer_state_text(QS_PEER_LEAVING), "leaving") == 0);
    expect_refused(&pair);
    hg_pair_close_target(&pair);
    HG_PAIR_OK(qs_class_set_peer_callback(pair.origin.hg_class, NULL, NULL));
    hg_pair_close_origin(&pair);
}

/* Requests that were received before the stop, but whose handlers have not begun. */
static void waiting_requests_run(void)
{
    enum { COUNT = 30 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    unsigned int ready;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair.target.hg_class).rpc_req_recv < COUNT;
         hg_pair_patience_check(&patience, "requests are received")) {
        HG_PAIR_OK(HG_Event_progress(pair.target.contexts[0], &ready));
        (void)hg_pair_step_origin(&pair);
    }
    HG_PAIR_OK(qs_class_drain(pair.target.hg_class, 10000000));
    SUPPORT_CHECK(atomic_load(&pair.echoed) == COUNT);
    SUPPORT_CHECK(qs_class_drained(pair.target.hg_class));
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

/* A handler that does not answer in time is told; what it answers late still arrives. */
static void what_takes_too_long_is_cancelled(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_RET(qs_class_drain(pair.target.hg_class, 20000), HG_TIMEOUT);
    SUPPORT_CHECK(strstr(qs_error_detail(), "1 requests") != NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "1 of them have not ended") != NULL);
    SUPPORT_CHECK(qs_handle_cancelled(held));
    SUPPORT_CHECK(!qs_class_drained(pair.target.hg_class));
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, qs_class_drained(pair.target.hg_class));
    hg_pair_close(&pair);
}

static void give_up(hg_handle_t handle, void *arg)
{
    *(hg_handle_t *)arg = HG_HANDLE_NULL;
    HG_PAIR_OK(HG_Destroy(handle));
}

static void handlers_that_give_up_end_the_drain(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(qs_handle_set_cancel_callback(held, give_up, &held));
    HG_PAIR_RET(qs_class_drain(pair.target.hg_class, 20000), HG_TIMEOUT);
    SUPPORT_CHECK(strstr(qs_error_detail(), "0 of them have not ended") != NULL);
    SUPPORT_CHECK(held == HG_HANDLE_NULL && qs_class_drained(pair.target.hg_class));
    HG_PAIR_FINISH(&call, HG_OTHER_ERROR);
    hg_pair_close(&pair);
}

/* The drain of a class whose contexts have threads of their own. */
static void other_threads_may_make_progress_meanwhile(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    hg_pair_call_end(&call);
    HG_PAIR_OK(qs_class_drain(pair.target.hg_class, 5000000));
    expect_refused(&pair);
    hg_pair_close(&pair);
}

/* The class's calls to itself are not those of a peer. */
static void calls_to_oneself_go_on(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    call = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], self, pair.target.ids[HG_PAIR_ECHO], &call.handle));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    hg_pair_close(&pair);
}

/* The new process listens on the old one's address while that still works; each answers its own calls. */
static void a_successor_takes_the_address(void)
{
    struct hg_pair_blob in = {0};
    char address[HG_PAIR_TEXT];
    struct hg_pair_call call;
    struct hg_pair pair;
    struct hg_side heir = {0};
    struct hg_side old;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, address);
    if (strstr(hg_pair_uri(), "rxm") != NULL)
        support_suite_skip("without connections an address belongs to its class for as long as that is open");
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    expect_refused(&pair);
    heir.hg_class = hg_pair_try_init(address, true, NULL);
    SUPPORT_CHECK(heir.hg_class != NULL);
    heir.contexts[0] = HG_Context_create(heir.hg_class);
    heir.context_count = 1;
    SUPPORT_CHECK(heir.contexts[0] != NULL);
    hg_pair_register(&pair, &heir);
    old = pair.target;
    pair.target = heir;
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, pair.addr) == QS_PEER_ALIVE);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    pair.target = old;
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Context_destroy(heir.contexts[0]));
    HG_PAIR_OK(HG_Finalize(heir.hg_class));
    hg_pair_close(&pair);
}

static void bad_arguments_are_refused(void)
{
    HG_PAIR_RET(qs_class_stop(NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_drain(NULL, 0), HG_INVALID_ARG);
    SUPPORT_CHECK(!qs_class_drained(NULL));
}

const struct support_case hg_drain_cases[] = {
    SUPPORT_CASE(running_requests_are_answered_and_new_ones_refused),
    SUPPORT_CASE(peers_are_told),
    SUPPORT_CASE(waiting_requests_run),
    SUPPORT_CASE(what_takes_too_long_is_cancelled),
    SUPPORT_CASE(handlers_that_give_up_end_the_drain),
    SUPPORT_CASE(other_threads_may_make_progress_meanwhile),
    SUPPORT_CASE(calls_to_oneself_go_on),
    SUPPORT_CASE(a_successor_takes_the_address),
    SUPPORT_CASE(bad_arguments_are_refused),
    {NULL, NULL, 0},
};
