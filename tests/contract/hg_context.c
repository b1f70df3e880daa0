/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Several contexts in a class, several threads: each context makes progress by itself, and requests reach
 * the context that they name.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

static atomic_uint served[HG_PAIR_CONTEXTS_MAX];

static hg_return_t count_context(hg_handle_t handle)
{
    atomic_fetch_add(&served[HG_Context_get_id(HG_Get_info(handle)->context)], 1);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static hg_id_t register_counter(struct hg_pair *pair)
{
    hg_id_t id = hg_pair_register_both(pair, "which context", NULL, NULL, count_context);

    return id;
}

/* Every context of the origin to every context of the target. */
static void target_id_picks_the_context(void)
{
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 3, .origin_contexts = 2});
    id = register_counter(&pair);
    for (uint8_t from = 0; from < 2; from++) {
        for (uint8_t to = 0; to < 3; to++) {
            struct hg_pair_call call = {.pair = &pair};

            HG_PAIR_OK(HG_Create(pair.origin.contexts[from], pair.addr, id, &call.handle));
            HG_PAIR_OK(HG_Set_target_id(call.handle, to));
            SUPPORT_CHECK(HG_Get_info(call.handle)->context_id == to);
            hg_pair_call_forward(&call, NULL);
            HG_PAIR_OK(hg_pair_call_wait(&call));
            SUPPORT_CHECK(atomic_load(&served[to]) == from + 1U);
            hg_pair_call_end(&call);
        }
    }
    hg_pair_close(&pair);
}

static void reset_clears_the_target_id(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 2});
    call.pair = &pair;
    id = register_counter(&pair);
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, id, &call.handle));
    HG_PAIR_OK(HG_Set_target_id(call.handle, 1));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, 0));
    SUPPORT_CHECK(HG_Get_info(call.handle)->context_id == 0);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(atomic_load(&served[0]) == 1 && atomic_load(&served[1]) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void call_to_a_context_that_is_not_there_fails(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Set_target_id(call.handle, 9));
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 3000000));
    hg_pair_call_forward(&call, NULL);
    /* Refused by the target, or by the transport, which finds nobody under that name. */
    SUPPORT_CHECK(hg_pair_call_wait(&call) == HG_NOENTRY || call.ret == HG_HOSTUNREACH);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void handles_at_the_target_tell_the_origins_context(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_handle_t held;
    hg_addr_t first;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_contexts = 3});
    call.pair = &pair;
    for (unsigned int i = 0; i < 3; i++) {
        HG_PAIR_OK(HG_Create(pair.origin.contexts[i], pair.addr, pair.origin.ids[HG_PAIR_HOLD], &call.handle));
        hg_pair_call_forward(&call, &in);
        held = hg_pair_wait_held(&pair);
        SUPPORT_CHECK(HG_Get_info(held)->context_id == i);
        /* Whichever context sent it, the address is that of the peer. */
        if (i == 0)
            HG_PAIR_OK(HG_Addr_dup(pair.target.hg_class, HG_Get_info(held)->addr, &first));
        SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, first, HG_Get_info(held)->addr));
        hg_pair_respond(held, &in);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(HG_Destroy(call.handle));
    }
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, first));
    hg_pair_close(&pair);
}

/* Context 0 exists and nobody drives it; calls, replies, large payloads and bulk through context 1 work. */
struct lonely {
    struct hg_pair *pair;
    atomic_bool stop;
    pthread_t thread;
};

static void *drive_second(void *arg)
{
    struct lonely *lonely = arg;

    while (!atomic_load(&lonely->stop)) {
        unsigned int count;

        (void)HG_Progress(lonely->pair->target.contexts[1], 20);
        while (HG_Trigger(lonely->pair->target.contexts[1], 0, 16, &count) == HG_SUCCESS && count > 0)
            continue;
    }
    return NULL;
}

static hg_return_t pulled(const struct hg_cb_info *info)
{
    hg_handle_t handle = info->arg;
    unsigned char *data = NULL;
    hg_size_t size = 0;
    uint32_t count = 0;
    uint32_t good;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Bulk_access(info->info.bulk.local_handle, 0, info->info.bulk.size, HG_BULK_READWRITE, 1,
                              (void **)&data, &size, &count));
    good = count == 1 && hg_pair_is_filled(data, size, 8);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, &good));
    return HG_Destroy(handle);
}

static hg_return_t pull_handler(hg_handle_t handle)
{
    HG_PAIR_OK(hg_pair_pull(handle, pulled, true));
    return HG_SUCCESS;
}

static void pull_through(struct hg_pair *pair, hg_id_t id, hg_size_t size)
{
    struct hg_pair_call call = {.pair = pair};
    unsigned char *data = malloc(size);
    uint32_t good = 0;
    hg_bulk_t bulk;

    hg_pair_fill(data, size, 8);
    HG_PAIR_OK(HG_Bulk_create(pair->origin.hg_class, 1, (void **)&data, &size, HG_BULK_READWRITE, &bulk));
    HG_PAIR_OK(HG_Create(pair->origin.contexts[1], pair->addr, id, &call.handle));
    HG_PAIR_OK(HG_Set_target_id(call.handle, 1));
    hg_pair_call_forward(&call, &bulk);
    for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;) {
        (void)hg_pair_step(pair->origin.contexts[1]);
        hg_pair_patience_check(&patience, "a call with a pull through context 1");
    }
    HG_PAIR_OK(call.ret);
    HG_PAIR_OK(HG_Get_output(call.handle, &good));
    SUPPORT_CHECK(good == 1);
    HG_PAIR_OK(HG_Free_output(call.handle, &good));
    HG_PAIR_OK(HG_Destroy(call.handle));
    HG_PAIR_OK(HG_Bulk_free(bulk));
    free(data);
}

static void one_context_works_while_the_other_is_not_driven(void)
{
    struct lonely lonely;
    struct hg_pair pair;
    hg_id_t id;

    if (strstr(support_suite_parameter(), "ofi_rxm") != NULL)
        support_suite_skip("its further contexts are reached through context 0");
    hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 2, .origin_contexts = 2, .silent_target = true});
    lonely = (struct lonely){.pair = &pair};
    id = hg_pair_register_both(&pair, "pull", hg_proc_hg_bulk_t, hg_proc_uint32_t, pull_handler);
    SUPPORT_CHECK(pthread_create(&lonely.thread, NULL, drive_second, &lonely) == 0);
    pull_through(&pair, id, 100);
    pull_through(&pair, id, 100000);
    pull_through(&pair, id, 5000000);
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = i * 200000};
        struct hg_pair_call call = {.pair = &pair, .read_blob = true};

        in.data = calloc(1, in.size + 1);
        HG_PAIR_OK(HG_Create(pair.origin.contexts[1], pair.addr, pair.origin.ids[HG_PAIR_ECHO], &call.handle));
        HG_PAIR_OK(HG_Set_target_id(call.handle, 1));
        hg_pair_call_forward(&call, &in);
        for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;) {
            (void)hg_pair_step(pair.origin.contexts[1]);
            hg_pair_patience_check(&patience, "a call through context 1");
        }
        HG_PAIR_OK(call.ret);
        SUPPORT_CHECK(call.out.size == in.size);
        hg_pair_call_end(&call);
        free(in.data);
    }
    atomic_store(&lonely.stop, true);
    SUPPORT_CHECK(pthread_join(lonely.thread, NULL) == 0);
    hg_pair_close(&pair);
}

static void contexts_have_the_ids_that_they_were_given(void)
{
    hg_class_t *hg_class = hg_pair_init(true, NULL);
    hg_context_t *five = HG_Context_create_id(hg_class, 5);
    hg_context_t *next = HG_Context_create(hg_class);

    SUPPORT_CHECK(five != NULL && HG_Context_get_id(five) == 5);
    SUPPORT_CHECK(next != NULL && HG_Context_get_id(next) == 0);
    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Context_create_id(hg_class, 5) == NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "5") != NULL);
    HG_PAIR_OK(HG_Context_destroy(five));
    five = HG_Context_create_id(hg_class, 5);
    SUPPORT_CHECK(five != NULL);
    HG_PAIR_OK(HG_Context_destroy(five));
    HG_PAIR_OK(HG_Context_destroy(next));
    HG_PAIR_OK(HG_Finalize(hg_class));
}

/* The request is received by one context and handed over to another, which may be gone by then. */
static void destroyed_context_refuses_what_was_for_it(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 2});
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Set_target_id(call.handle, 1));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Context_destroy(pair.target.contexts[1]));
    pair.target.context_count = 1;
    hg_pair_settle(&pair);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 3000000));
    hg_pair_call_forward(&call, NULL);
    SUPPORT_CHECK(hg_pair_call_wait(&call) != HG_SUCCESS && call.ret != HG_TIMEOUT);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void unposted_context_refuses_new_requests_and_answers_old_ones(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call late;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(HG_Context_unpost(pair.target.contexts[0]));
    hg_pair_call_start(&pair, &late, HG_PAIR_ECHO, &in);
    SUPPORT_CHECK(hg_pair_call_wait(&late) != HG_SUCCESS);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_call_end(&late);
    hg_pair_close(&pair);
}

static hg_handle_t pull_held;

static hg_return_t hold_for_pull(hg_handle_t handle)
{
    pull_held = handle;
    return HG_SUCCESS;
}

/* Calls that it has, calls of its own, cancels and transfers go on; only requests that come later do not. */
static void unposted_context_goes_on_with_calls_cancels_and_bulk_data(void)
{
    enum { SIZE = 300000 };
    unsigned char *data = malloc(SIZE);
    hg_size_t size = SIZE;
    struct hg_pair_blob in = {0};
    struct hg_pair_call pull;
    struct hg_pair_call cancelled;
    struct hg_pair_call back = {0};
    struct hg_pair pair;
    uint32_t good = 0;
    hg_bulk_t bulk;
    hg_id_t id;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true});
    id = HG_Register_name(pair.target.hg_class, "pull later", hg_proc_hg_bulk_t, hg_proc_uint32_t, hold_for_pull);
    SUPPORT_CHECK(id ==
                  HG_Register_name(pair.origin.hg_class, "pull later", hg_proc_hg_bulk_t, hg_proc_uint32_t, NULL));
    hg_pair_fill(data, size, 8);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, (void **)&data, &size, HG_BULK_READWRITE, &bulk));
    hg_pair_call_start_id(&pair, &pull, id, &bulk);
    hg_pair_call_start(&pair, &cancelled, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, pull_held != HG_HANDLE_NULL && atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(HG_Context_unpost(pair.target.contexts[0]));

    HG_PAIR_OK(HG_Cancel(cancelled.handle));
    HG_PAIR_FINISH(&cancelled, HG_CANCELED);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    back.pair = &pair;
    HG_PAIR_OK(
        HG_Create(pair.target.contexts[0], HG_Get_info(pull_held)->addr, pair.target.ids[HG_PAIR_HOLD], &back.handle));
    hg_pair_call_forward(&back, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(HG_Cancel(back.handle));
    HG_PAIR_RET(hg_pair_call_wait(&back), HG_CANCELED);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_OK(HG_Reset(back.handle, HG_ADDR_NULL, pair.target.ids[HG_PAIR_ECHO]));
    hg_pair_call_forward(&back, &in);
    HG_PAIR_FINISH(&back, HG_SUCCESS);

    HG_PAIR_OK(hg_pair_pull(pull_held, pulled, false));
    HG_PAIR_OK(hg_pair_call_wait(&pull));
    HG_PAIR_OK(HG_Get_output(pull.handle, &good));
    SUPPORT_CHECK(good == 1);
    HG_PAIR_OK(HG_Free_output(pull.handle, &good));
    hg_pair_call_end(&pull);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    free(data);
    hg_pair_close(&pair);
}

/* Also where one context receives for all. */
static void unposting_one_context_leaves_the_others_to_their_requests(void)
{
    for (uint8_t unposted = 0; unposted < 2; unposted++) {
        struct hg_pair_call calls[2];
        struct hg_pair pair;

        hg_pair_open(&pair, &(struct hg_pair_options){.target_contexts = 2});
        for (uint8_t i = 0; i < 2; i++) {
            hg_pair_call_begin(&pair, &calls[i], HG_PAIR_EMPTY);
            HG_PAIR_OK(HG_Set_target_id(calls[i].handle, i));
            hg_pair_call_forward(&calls[i], NULL);
            HG_PAIR_OK(hg_pair_call_wait(&calls[i]));
        }
        HG_PAIR_OK(HG_Context_unpost(pair.target.contexts[unposted]));
        hg_pair_call_forward(&calls[unposted], NULL);
        HG_PAIR_FINISH(&calls[unposted], HG_CANCELED);
        hg_pair_call_forward(&calls[1 - unposted], NULL);
        HG_PAIR_FINISH(&calls[1 - unposted], HG_SUCCESS);
        hg_pair_close(&pair);
    }
}

static void several_classes_live_in_one_process(void)
{
    struct hg_pair pairs[3];

    for (unsigned int i = 0; i < 3; i++)
        hg_pair_open(&pairs[i], NULL);
    for (unsigned int i = 0; i < 30; i++)
        hg_pair_check_works(&pairs[i % 3]);
    for (unsigned int i = 0; i < 3; i++)
        hg_pair_close(&pairs[i]);
}

static void classes_come_and_go(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        struct hg_pair pair;

        hg_pair_open(&pair, NULL);
        hg_pair_check_works(&pair);
        hg_pair_close(&pair);
    }
}

const struct support_case hg_context_cases[] = {
    SUPPORT_CASE(target_id_picks_the_context),
    SUPPORT_CASE(reset_clears_the_target_id),
    SUPPORT_CASE(call_to_a_context_that_is_not_there_fails),
    SUPPORT_CASE(handles_at_the_target_tell_the_origins_context),
    SUPPORT_CASE(one_context_works_while_the_other_is_not_driven),
    SUPPORT_CASE(contexts_have_the_ids_that_they_were_given),
    SUPPORT_CASE(destroyed_context_refuses_what_was_for_it),
    SUPPORT_CASE(unposted_context_refuses_new_requests_and_answers_old_ones),
    SUPPORT_CASE(unposted_context_goes_on_with_calls_cancels_and_bulk_data),
    SUPPORT_CASE(unposting_one_context_leaves_the_others_to_their_requests),
    SUPPORT_CASE(several_classes_live_in_one_process),
    SUPPORT_CASE(classes_come_and_go),
    {NULL, NULL, 0},
};
