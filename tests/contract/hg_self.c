/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls to one's own address, by its text or by HG_Addr_self: to the same context, to another one, large,
 * one-way, cancelled. The target of the pair calls itself; the origin stays out of it.
 */
#include <stdlib.h>

#include "tests/contract/hg_contract.h"

/* Turns the pair's calls to the target's own class. */
static void begin_self(struct hg_pair *pair, struct hg_pair_call *call, enum hg_pair_rpc rpc)
{
    hg_addr_t self;

    *call = (struct hg_pair_call){.pair = pair};
    HG_PAIR_OK(HG_Addr_self(pair->target.hg_class, &self));
    HG_PAIR_OK(HG_Create(pair->target.contexts[0], self, pair->target.ids[rpc], &call->handle));
    HG_PAIR_OK(HG_Addr_free(pair->target.hg_class, self));
}

static void move_self(struct hg_pair *pair, uint8_t context_id, uint64_t in_size, uint64_t out_size)
{
    struct hg_pair_move_in in = {.seed = in_size, .out_size = out_size, .blob = {.size = in_size}};
    struct hg_pair_move_out out = {0};
    struct hg_pair_call call;

    in.blob.data = malloc(in_size + 1);
    hg_pair_fill(in.blob.data, in_size, in.seed);
    begin_self(pair, &call, HG_PAIR_MOVE);
    HG_PAIR_OK(HG_Set_target_id(call.handle, context_id));
    hg_pair_call_forward(&call, &in);
    free(in.blob.data);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Get_output(call.handle, &out));
    SUPPORT_CHECK(out.good == 1 && out.blob.size == out_size);
    SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out_size, in.seed + 1));
    HG_PAIR_OK(HG_Free_output(call.handle, &out));
    hg_pair_call_end(&call);
}

static void calls_to_oneself_of_all_sizes_work(void)
{
    static const uint64_t sizes[] = {0, 1, 100, 4000, 4032, 5000, 30000, 100000, 5000000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        move_self(&pair, 0, sizes[i], 0);
        move_self(&pair, 0, 0, sizes[i]);
        move_self(&pair, 0, sizes[i], sizes[i] + 1);
    }
    hg_pair_close(&pair);
}

static void calls_to_another_context_of_oneself_work(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 3});
    for (unsigned int i = 0; i < 20; i++) {
        move_self(&pair, 1, 100, 50);
        move_self(&pair, 2, 20000, 30000);
    }
    hg_pair_close(&pair);
}

static void call_to_a_context_that_does_not_exist_fails(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    begin_self(&pair, &call, HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Set_target_id(call.handle, 7));
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, NULL), HG_NOENTRY);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    HG_PAIR_OK(HG_Set_target_id(call.handle, 0));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void own_address_by_its_text_is_oneself(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_addr_t self;
    hg_addr_t looked_up;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    looked_up = hg_pair_lookup(pair.target.hg_class, pair.target.hg_class);
    SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, self, looked_up));
    call.pair = &pair;
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], looked_up, pair.target.ids[HG_PAIR_EMPTY], &call.handle));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, looked_up));
    hg_pair_close(&pair);
}

static void call_empty_at(struct hg_pair *pair, hg_addr_t addr)
{
    struct hg_pair_call call = {.pair = pair};

    HG_PAIR_OK(HG_Create(pair->target.contexts[0], addr, pair->target.ids[HG_PAIR_EMPTY], &call.handle));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
}

/* Looked up, duplicated, received with a call, found in a bulk handle: no frame leaves for any of them. */
static void own_address_however_obtained_needs_no_transport(void)
{
    struct hg_pair_blob in = {0};
    hg_size_t size = 100;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_class_t *hg_class;
    hg_bulk_t bulk;
    hg_addr_t looked_up;
    hg_addr_t dup;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_class = pair.target.hg_class;
    looked_up = hg_pair_lookup(hg_class, hg_class);
    call_empty_at(&pair, looked_up);
    HG_PAIR_OK(HG_Addr_dup(hg_class, looked_up, &dup));
    call_empty_at(&pair, dup);
    begin_self(&pair, &call, HG_PAIR_HOLD);
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, (held = hg_pair_take_held(&pair)) != HG_HANDLE_NULL);
    SUPPORT_CHECK(HG_Addr_cmp(hg_class, HG_Get_info(held)->addr, looked_up));
    call_empty_at(&pair, HG_Get_info(held)->addr);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, NULL, &size, HG_BULK_READWRITE, &bulk));
    HG_PAIR_OK(HG_Bulk_bind(bulk, pair.target.contexts[0]));
    call_empty_at(&pair, HG_Bulk_get_addr(bulk));
    SUPPORT_CHECK(hg_pair_counters(hg_class).frames_sent == 0);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    HG_PAIR_OK(HG_Addr_free(hg_class, dup));
    HG_PAIR_OK(HG_Addr_free(hg_class, looked_up));
    hg_pair_close(&pair);
}

static void handler_and_callback_run_in_trigger_only(void)
{
    struct hg_pair_call call;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    begin_self(&pair, &call, HG_PAIR_ECHO);
    hg_pair_call_forward(&call, &in);
    (void)HG_Progress(pair.target.contexts[0], 0);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 0 && atomic_load(&call.calls) == 0);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void oneway_calls_to_oneself_run(void)
{
    static const uint64_t sizes[] = {0, 100, 30000, 300000};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 4; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = malloc(sizes[i] + 1)};

        hg_pair_fill(in.data, in.size, in.size);
        begin_self(&pair, &call, HG_PAIR_QUIET);
        hg_pair_call_forward(&call, &in);
        free(in.data);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == i + 1);
        hg_pair_call_end(&call);
    }
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    hg_pair_close(&pair);
}

static void cancel_of_a_call_to_oneself_calls_back_once(void)
{
    struct hg_pair_call call;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int turns = 0; turns < 6; turns++) {
        begin_self(&pair, &call, HG_PAIR_HOLD);
        hg_pair_call_forward(&call, &in);
        for (unsigned int turn = 0; turn < turns; turn++)
            (void)hg_pair_step_target(&pair);
        HG_PAIR_OK(HG_Cancel(call.handle));
        HG_PAIR_RET(hg_pair_call_wait(&call), HG_CANCELED);
        hg_pair_settle(&pair);
        while (hg_pair_answer(&pair))
            continue;
        hg_pair_settle(&pair);
        SUPPORT_CHECK(atomic_load(&call.calls) == 1);
        hg_pair_call_end(&call);
    }
    move_self(&pair, 0, 5, 5);
    hg_pair_close(&pair);
}

static void call_to_oneself_times_out(void)
{
    struct hg_pair_call call;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    begin_self(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 20000));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void unknown_rpc_and_dropped_handle_reach_oneself(void)
{
    struct hg_pair_call call;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    begin_self(&pair, &call, HG_PAIR_DROP);
    hg_pair_call_forward(&call, &in);
    HG_PAIR_FINISH(&call, HG_OTHER_ERROR);
    id = HG_Register_name(pair.target.hg_class, "nobody runs it", NULL, NULL, NULL);
    begin_self(&pair, &call, HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, id));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_INVALID_ARG);
    hg_pair_close(&pair);
}

/* Mercury has one handle for both ends of such a call; Margo takes the end that sees one reference as the last. */
static void handler_of_a_call_to_oneself_sees_the_origins_reference(void)
{
    struct hg_pair_call call;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    begin_self(&pair, &call, HG_PAIR_HOLD);
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, (held = hg_pair_take_held(&pair)) != HG_HANDLE_NULL);
    SUPPORT_CHECK(HG_Ref_get(held) == 2);
    HG_PAIR_OK(HG_Respond(held, NULL, NULL, &in));
    HG_PAIR_OK(hg_pair_call_wait(&call));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(HG_Ref_get(held) == 2);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    HG_PAIR_OK(HG_Destroy(held));
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void no_loopback_sends_calls_to_oneself_through_the_transport(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;

    init.no_loopback = true;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    for (unsigned int i = 0; i < 5; i++) {
        move_self(&pair, 0, 100, 100);
        move_self(&pair, 0, 20000, 100);
        move_self(&pair, 0, 200000, 200000);
    }
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).frames_sent > 0);
    hg_pair_close(&pair);
}

const struct support_case hg_self_cases[] = {
    SUPPORT_CASE(calls_to_oneself_of_all_sizes_work),
    SUPPORT_CASE(calls_to_another_context_of_oneself_work),
    SUPPORT_CASE(call_to_a_context_that_does_not_exist_fails),
    SUPPORT_CASE(own_address_by_its_text_is_oneself),
    SUPPORT_CASE(own_address_however_obtained_needs_no_transport),
    SUPPORT_CASE(handler_and_callback_run_in_trigger_only),
    SUPPORT_CASE(oneway_calls_to_oneself_run),
    SUPPORT_CASE(cancel_of_a_call_to_oneself_calls_back_once),
    SUPPORT_CASE(call_to_oneself_times_out),
    SUPPORT_CASE(unknown_rpc_and_dropped_handle_reach_oneself),
    SUPPORT_CASE(handler_of_a_call_to_oneself_sees_the_origins_reference),
    SUPPORT_CASE(no_loopback_sends_calls_to_oneself_through_the_transport),
    {NULL, NULL, 0},
};
