/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a cancel does at the target: a queued request does not run, a running one is told, and what was begun for it
 * ends where that is wanted.
 */
#include <stdlib.h>

#include "tests/contract/hg_contract.h"

enum { LIMIT_US = 50000 };

/* --- queued and running ---------------------------------------------------------------------------------- */

static void queued_request_does_not_run(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    for (struct hg_pair_patience patience = {0}; HG_Progress(pair.target.contexts[0], 0) != HG_SUCCESS;) {
        (void)hg_pair_step_origin(&pair);
        hg_pair_patience_check(&patience, "the request is received");
    }
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    /* Only the events: HG_Progress does nothing while callbacks are ready. */
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair.target.hg_class).cancelled == 0;) {
        unsigned int count;

        HG_PAIR_OK(HG_Event_progress(pair.target.contexts[0], &count));
        (void)hg_pair_step_origin(&pair);
        hg_pair_patience_check(&patience, "the cancel is received");
    }
    HG_PAIR_OK(HG_Trigger(pair.target.contexts[0], 0, 1, NULL));
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 0);
    pair.options.silent_target = false;
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

struct notice {
    hg_handle_t handle;
    unsigned int calls;
};

static void noticed(hg_handle_t handle, void *arg)
{
    struct notice *notice = arg;

    SUPPORT_CHECK(handle == notice->handle && qs_handle_cancelled(handle));
    notice->calls++;
}

static void running_handler_is_told_once(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct notice notice = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    notice.handle = hg_pair_call_hold(&pair, &call, &in);
    SUPPORT_CHECK(!qs_handle_cancelled(notice.handle) && !qs_handle_cancelled(HG_HANDLE_NULL));
    HG_PAIR_OK(qs_handle_set_cancel_callback(notice.handle, noticed, &notice));
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_UNTIL(&pair, notice.calls == 1);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).cancelled == 1);
    HG_PAIR_RET(qs_handle_set_cancel_callback(notice.handle, noticed, &notice), HG_CANCELED);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(notice.calls == 1);
    hg_pair_respond(notice.handle, &in);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void time_limit_tells_the_handler_too(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct notice notice = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, LIMIT_US * 10));
    hg_pair_call_forward(&call, &in);
    notice.handle = hg_pair_wait_held(&pair);
    HG_PAIR_OK(qs_handle_set_cancel_callback(notice.handle, noticed, &notice));
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
    HG_PAIR_UNTIL(&pair, notice.calls == 1);
    hg_pair_respond(notice.handle, &in);
    hg_pair_close(&pair);
}

static void answered_request_is_told_nothing(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct notice notice = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    notice.handle = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_RET(qs_handle_set_cancel_callback(call.handle, noticed, &notice), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_cancel_callback(HG_HANDLE_NULL, noticed, &notice), HG_INVALID_ARG);
    HG_PAIR_OK(qs_handle_set_cancel_callback(notice.handle, noticed, &notice));
    HG_PAIR_OK(HG_Ref_incr(notice.handle));
    hg_pair_respond(notice.handle, &in);
    HG_PAIR_RET(qs_handle_set_cancel_callback(notice.handle, noticed, &notice), HG_BUSY);
    HG_PAIR_OK(HG_Cancel(call.handle));
    (void)hg_pair_call_finish_raced(&call);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(notice.calls == 0);
    HG_PAIR_OK(HG_Destroy(notice.handle));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* The cancel is queued behind the callback that answers. */
static void answer_before_the_callbacks_turn_spares_it(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct notice notice = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    notice.handle = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(qs_handle_set_cancel_callback(notice.handle, noticed, &notice));
    HG_PAIR_OK(HG_Cancel(call.handle));
    for (struct hg_pair_patience patience = {0}; !qs_handle_cancelled(notice.handle);) {
        (void)HG_Progress(pair.target.contexts[0], 0);
        (void)HG_Progress(pair.origin.contexts[0], 0);
        hg_pair_patience_check(&patience, "the cancel is received");
    }
    hg_pair_respond(notice.handle, &in);
    HG_PAIR_FINISH(&call, HG_CANCELED);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(notice.calls == 0);
    hg_pair_close(&pair);
}

static void call_to_oneself_is_told(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct notice notice = {0};
    struct hg_pair pair;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    call = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], self, pair.target.ids[HG_PAIR_HOLD], &call.handle));
    hg_pair_call_forward(&call, &in);
    notice.handle = hg_pair_wait_held(&pair);
    HG_PAIR_OK(qs_handle_set_cancel_callback(notice.handle, noticed, &notice));
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_UNTIL(&pair, notice.calls == 1);
    hg_pair_respond(notice.handle, &in);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    hg_pair_close(&pair);
}

/* Many at once, in another order than they came. */
static void each_cancel_finds_its_own_request(void)
{
    enum { COUNT = 400 };
    static struct hg_pair_call calls[COUNT];
    static hg_handle_t held[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    unsigned int count = 0;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < COUNT; i++)
        held[i] = hg_pair_call_hold(&pair, &calls[i], &in);
    for (unsigned int i = 0; i < COUNT; i += 2)
        HG_PAIR_OK(HG_Cancel(calls[(i * 7) % COUNT].handle));
    HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).cancelled == COUNT / 2);
    for (unsigned int i = 0; i < COUNT; i++)
        count += qs_handle_cancelled(held[i]);
    SUPPORT_CHECK(count == COUNT / 2);
    for (unsigned int i = 0; i < COUNT; i++) {
        SUPPORT_CHECK(qs_handle_cancelled(held[(i * 7) % COUNT]) == (i % 2 == 0));
        hg_pair_respond(held[(i * 7) % COUNT], &in);
        HG_PAIR_FINISH(&calls[(i * 7) % COUNT], i % 2 == 0 ? HG_CANCELED : HG_SUCCESS);
    }
    hg_pair_close(&pair);
}

/* --- what was begun for it --------------------------------------------------------------------------------- */

enum nested_way {
    NESTED_PLAIN, /* as a program for Mercury */
    NESTED_CLASS, /* the class says that nested calls end */
    NESTED_TOLD,  /* the handle says whom it serves */
};

/* A handler that calls back, and one that keeps that call. */
static struct {
    enum nested_way way;
    hg_id_t keep;
    hg_handle_t serving;
    hg_handle_t kept;
    unsigned int ended;
    hg_return_t ret;
    hg_return_t transfer_ret;
} nested;

static hg_return_t keep_handler(hg_handle_t handle)
{
    nested.kept = handle;
    return HG_SUCCESS;
}

/* When its call has ended, it tries to go on with the memory that came with the request. */
static hg_return_t nested_ended(const struct hg_cb_info *info)
{
    nested.ret = info->ret;
    nested.transfer_ret = hg_pair_pull(nested.serving, NULL, false);
    nested.ended++;
    return HG_Destroy(info->info.forward.handle);
}

static hg_return_t nested_handler(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_handle_t call;

    nested.serving = handle;
    HG_PAIR_OK(HG_Create(info->context, info->addr, nested.keep, &call));
    if (nested.way == NESTED_TOLD)
        HG_PAIR_OK(qs_handle_set_parent(call, handle));
    HG_PAIR_OK(HG_Forward(call, nested_ended, NULL, NULL));
    return HG_SUCCESS;
}

static hg_id_t nested_open(struct hg_pair *pair, enum nested_way way)
{
    hg_pair_open(pair, &(struct hg_pair_options){.origin_listens = true});
    nested.way = way;
    nested.ended = 0;
    nested.serving = nested.kept = HG_HANDLE_NULL;
    HG_PAIR_OK(qs_class_set_cancel_nested(pair->target.hg_class, way == NESTED_CLASS));
    nested.keep = HG_Register_name(pair->origin.hg_class, "keep", NULL, NULL, keep_handler);
    SUPPORT_CHECK(nested.keep == HG_Register_name(pair->target.hg_class, "keep", NULL, NULL, NULL));
    return hg_pair_register_both(pair, "nested", hg_proc_hg_bulk_t, NULL, nested_handler);
}

static void cancel_nested(enum nested_way way)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id = nested_open(&pair, way);
    char memory[100000];
    void *base = memory;
    hg_size_t size = sizeof(memory);
    hg_bulk_t bulk;

    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, &base, &size, HG_BULK_READWRITE, &bulk));
    hg_pair_call_start_id(&pair, &call, id, &bulk);
    HG_PAIR_UNTIL(&pair, nested.kept != HG_HANDLE_NULL);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_UNTIL(&pair, qs_handle_cancelled(nested.serving));
    if (way == NESTED_PLAIN) {
        hg_pair_settle(&pair);
        SUPPORT_CHECK(nested.ended == 0);
    } else {
        HG_PAIR_UNTIL(&pair, nested.ended == 1 && qs_handle_cancelled(nested.kept));
        HG_PAIR_RET(nested.ret, HG_CANCELED);
    }
    HG_PAIR_OK(HG_Respond(nested.kept, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(nested.kept));
    HG_PAIR_UNTIL(&pair, nested.ended == 1);
    HG_PAIR_RET(nested.ret, way == NESTED_PLAIN ? HG_SUCCESS : HG_CANCELED);
    /* The memory was handed back: nothing is begun with it any more. */
    HG_PAIR_RET(nested.transfer_ret, HG_CANCELED);
    HG_PAIR_OK(HG_Respond(nested.serving, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(nested.serving));
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void nested_calls_go_on_unless_told_otherwise(void)
{
    cancel_nested(NESTED_PLAIN);
}

static void nested_calls_end_where_the_class_says_so(void)
{
    cancel_nested(NESTED_CLASS);
}

static void nested_calls_end_with_the_parent_they_were_given(void)
{
    cancel_nested(NESTED_TOLD);
}

/* A request that is cancelled by the time that its handler makes a call for it. */
static void nested_call_for_a_cancelled_request_is_not_sent(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call late;
    struct qs_result result;
    struct hg_pair pair;
    hg_handle_t held;
    hg_addr_t back;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true});
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_UNTIL(&pair, qs_handle_cancelled(held));
    back = hg_pair_lookup(pair.target.hg_class, pair.origin.hg_class);
    late = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], back, pair.target.ids[HG_PAIR_ECHO], &late.handle));
    HG_PAIR_OK(qs_handle_set_parent(late.handle, held));
    hg_pair_call_forward(&late, &in);
    HG_PAIR_RET(hg_pair_call_wait(&late), HG_CANCELED);
    HG_PAIR_OK(qs_handle_get_result(late.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_SENT);
    hg_pair_call_end(&late);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, back));
    hg_pair_respond(held, &in);
    hg_pair_close(&pair);
}

/* --- transfers under way ------------------------------------------------------------------------------------- */

static struct {
    hg_handle_t serving;
    unsigned int ended;
    hg_return_t ret;
} puller;

static hg_return_t puller_ended(const struct hg_cb_info *info)
{
    puller.ret = info->ret;
    puller.ended++;
    return HG_SUCCESS;
}

static hg_return_t puller_handler(hg_handle_t handle)
{
    puller.serving = handle;
    HG_PAIR_OK(hg_pair_pull(handle, puller_ended, false));
    return HG_SUCCESS;
}

static void transfer_under_way_ends_with_the_call(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_size_t size = 64U << 20;
    void *base = calloc(1, size);
    hg_bulk_t bulk;
    hg_id_t id;

    SUPPORT_CHECK(base != NULL);
    hg_pair_open(&pair, NULL);
    puller.serving = HG_HANDLE_NULL;
    puller.ended = 0;
    id = hg_pair_register_both(&pair, "puller", hg_proc_hg_bulk_t, NULL, puller_handler);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, &base, &size, HG_BULK_READWRITE, &bulk));
    hg_pair_call_start_id(&pair, &call, id, &bulk);
    HG_PAIR_UNTIL(&pair, puller.serving != HG_HANDLE_NULL);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_UNTIL(&pair, puller.ended == 1);
    /* By shared memory it may have been quicker than the cancel. */
    SUPPORT_CHECK(puller.ret == HG_CANCELED || puller.ret == HG_SUCCESS);
    HG_PAIR_OK(HG_Respond(puller.serving, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(puller.serving));
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
    free(base);
}

const struct support_case hg_cancelled_cases[] = {
    SUPPORT_CASE(queued_request_does_not_run),
    SUPPORT_CASE(running_handler_is_told_once),
    SUPPORT_CASE(time_limit_tells_the_handler_too),
    SUPPORT_CASE(answered_request_is_told_nothing),
    SUPPORT_CASE(answer_before_the_callbacks_turn_spares_it),
    SUPPORT_CASE(call_to_oneself_is_told),
    SUPPORT_CASE(each_cancel_finds_its_own_request),
    SUPPORT_CASE(nested_calls_go_on_unless_told_otherwise),
    SUPPORT_CASE(nested_calls_end_where_the_class_says_so),
    SUPPORT_CASE(nested_calls_end_with_the_parent_they_were_given),
    SUPPORT_CASE(nested_call_for_a_cancelled_request_is_not_sent),
    SUPPORT_CASE(transfer_under_way_ends_with_the_call),
    {NULL, NULL, 0},
};
