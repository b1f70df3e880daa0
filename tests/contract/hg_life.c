/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of handles: references, reuse, reset, destruction at odd times, data attached to them.
 */
#include <stdlib.h>
#include <string.h>

#include "hg/hg_context.h"
#include "tests/contract/hg_contract.h"
#include "tests/support/support_log.h"

static void handle_has_one_reference_and_two_in_flight(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    hg_pair_call_forward(&call, &in);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 2);
    held = hg_pair_wait_held(&pair);
    SUPPORT_CHECK(HG_Ref_get(held) == 1);
    HG_PAIR_OK(HG_Get_input(held, &in));
    SUPPORT_CHECK(HG_Ref_get(held) == 2);
    HG_PAIR_OK(HG_Free_input(held, &in));
    SUPPORT_CHECK(HG_Ref_get(held) == 1);
    hg_pair_respond(held, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    HG_PAIR_OK(HG_Get_output(call.handle, &in));
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 2);
    HG_PAIR_OK(HG_Free_output(call.handle, &in));
    HG_PAIR_OK(HG_Ref_incr(call.handle));
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 2);
    HG_PAIR_OK(HG_Destroy(call.handle));
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void forward_of_a_handle_in_flight_is_busy(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call other = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    other.handle = call.handle;
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &other, &in), HG_BUSY);
    HG_PAIR_RET(HG_Reset(call.handle, pair.addr, pair.origin.ids[HG_PAIR_ECHO]), HG_BUSY);
    HG_PAIR_RET(HG_Set_target_id(call.handle, 0), HG_BUSY);
    HG_PAIR_RET(qs_handle_set_timeout(call.handle, 1), HG_BUSY);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 2);
    HG_PAIR_UNTIL(&pair, hg_pair_answer(&pair));
    /* The first call's callback and argument are untouched. */
    HG_PAIR_OK(hg_pair_call_wait(&call));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&other.calls) == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void handle_may_be_destroyed_right_after_forward(void)
{
    static const uint64_t sizes[] = {0, 100, 20000, 200000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 4; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i] + 1)};
        struct hg_pair_call call;

        hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
        call.read_blob = true;
        hg_pair_call_forward(&call, &in);
        HG_PAIR_OK(HG_Destroy(call.handle));
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(call.read_ret);
        SUPPORT_CHECK(call.out.size == sizes[i]);
        free(call.out.data);
        free(in.data);
    }
    hg_pair_close(&pair);
}

static hg_return_t destroy_in_callback(const struct hg_cb_info *info)
{
    (void)hg_pair_call_cb(info);
    return HG_Destroy(info->info.forward.handle);
}

static void handle_may_be_destroyed_in_its_callback(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 10; i++) {
        hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
        HG_PAIR_OK(HG_Forward(call.handle, destroy_in_callback, &call, &in));
        HG_PAIR_OK(hg_pair_call_wait(&call));
    }
    hg_pair_close(&pair);
}

struct chain {
    struct hg_pair_call call;
    unsigned int left;
    atomic_uint ended;
};

static hg_return_t forward_again(const struct hg_cb_info *info)
{
    struct chain *chain = info->arg;
    struct hg_pair_blob in = {0};

    HG_PAIR_OK(info->ret);
    SUPPORT_CHECK(HG_Ref_get(info->info.forward.handle) == 2);
    if (chain->left-- == 0) {
        atomic_store(&chain->ended, 1);
        return HG_SUCCESS;
    }
    HG_PAIR_OK(HG_Forward(info->info.forward.handle, forward_again, chain, &in));
    return HG_SUCCESS;
}

static void handle_may_be_forwarded_again_in_its_callback(void)
{
    struct hg_pair_blob in = {0};
    struct chain chain = {.left = 500};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &chain.call, HG_PAIR_ECHO);
    HG_PAIR_OK(HG_Forward(chain.call.handle, forward_again, &chain, &in));
    HG_PAIR_UNTIL(&pair, atomic_load(&chain.ended) == 1);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 501);
    hg_pair_call_end(&chain.call);
    hg_pair_close(&pair);
}

static void reset_turns_a_handle_to_another_rpc(void)
{
    unsigned char text[] = "x";
    struct hg_pair_blob in = {.size = 1, .data = text};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, pair.origin.ids[HG_PAIR_ECHO]));
    call.read_blob = true;
    hg_pair_call_forward(&call, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(call.out.size == 1 && call.out.data[0] == 'x');
    HG_PAIR_RET(HG_Reset(call.handle, pair.addr, 12345678), HG_NOENTRY);
    SUPPORT_CHECK(HG_Get_info(call.handle)->id == pair.origin.ids[HG_PAIR_ECHO]);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* As handle caches do it: create without a target, fill it in later. */
static void handle_without_target_can_be_filled_in_later(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    call.pair = &pair;
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], HG_ADDR_NULL, 0, &call.handle));
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, NULL), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Reset(call.handle, pair.addr, 0));
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, NULL), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, pair.origin.ids[HG_PAIR_EMPTY]));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_RET(HG_Create(pair.origin.contexts[0], pair.addr, 12345678, &call.handle), HG_NOENTRY);
    hg_pair_close(&pair);
}

static atomic_uint frees;

static void count_free(void *data)
{
    SUPPORT_CHECK(data == &frees);
    atomic_fetch_add(&frees, 1);
}

static void data_of_a_handle_survives_reset_and_is_freed_once(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    SUPPORT_CHECK(HG_Get_data(call.handle) == NULL);
    HG_PAIR_OK(HG_Set_data(call.handle, &frees, count_free));
    HG_PAIR_OK(HG_Reset(call.handle, pair.addr, pair.origin.ids[HG_PAIR_EMPTY]));
    SUPPORT_CHECK(HG_Get_data(call.handle) == &frees);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(HG_Get_data(call.handle) == &frees && atomic_load(&frees) == 0);
    hg_pair_call_end(&call);
    SUPPORT_CHECK(atomic_load(&frees) == 1);
    hg_pair_close(&pair);
    SUPPORT_CHECK(atomic_load(&frees) == 1);
}

static hg_return_t count_create(hg_handle_t handle, void *arg)
{
    atomic_uint *count = arg;

    atomic_fetch_add(count, 1);
    return HG_Set_data(handle, &frees, count_free);
}

/* At the target a handle keeps its data from one request to the next. */
static void create_callback_sees_each_handle_of_the_target_once(void)
{
    atomic_uint created = 0;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(pair.target.hg_class, count_create, &created));
    for (unsigned int i = 0; i < 10; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;
        hg_handle_t held;

        held = hg_pair_call_hold(&pair, &call, &in);
        SUPPORT_CHECK(HG_Get_data(held) == &frees);
        hg_pair_respond(held, &in);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
    }
    SUPPORT_CHECK(atomic_load(&created) >= 1 && atomic_load(&created) <= 10);
    hg_pair_close(&pair);
    SUPPORT_CHECK(atomic_load(&frees) == atomic_load(&created));
}

static hg_return_t refuse_create(hg_handle_t handle, void *arg)
{
    (void)handle;
    (void)arg;
    return HG_NOMEM;
}

static void create_callback_that_fails_makes_the_creation_fail(void)
{
    hg_handle_t handle = HG_HANDLE_NULL;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(pair.origin.hg_class, refuse_create, NULL));
    HG_PAIR_RET(HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_EMPTY], &handle), HG_NOMEM);
    SUPPORT_CHECK(handle == HG_HANDLE_NULL);
    hg_pair_close(&pair);
}

struct refusals {
    unsigned int left;
};

static hg_return_t refuse_with_reason(hg_handle_t handle, void *arg)
{
    struct refusals *refusals = arg;

    (void)handle;
    return refusals->left-- > 0 ? HG_NOMEM : HG_SUCCESS;
}

/* The handler never sees a handle without the data that the callback should have attached. */
static void create_callback_that_fails_at_the_target_answers_in_the_handlers_place(void)
{
    struct refusals refusals = {.left = 2};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(pair.target.hg_class, refuse_with_reason, &refusals));
    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;

        hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
        HG_PAIR_FINISH(&call, HG_NOMEM);
        SUPPORT_CHECK(atomic_load(&pair.echoed) == 0);
    }
    /* Asked again, it agrees; dropped handles have their own code again. */
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;

        hg_pair_call_start(&pair, &call, HG_PAIR_DROP, &in);
        HG_PAIR_FINISH(&call, HG_OTHER_ERROR);
    }
    hg_pair_close(&pair);
}

/* Nobody waits for an answer: the log tells. */
static void create_callback_that_fails_for_a_oneway_call_is_logged(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct refusals refusals = {.left = 1};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(pair.target.hg_class, refuse_with_reason, &refusals));
    HG_Set_log_func(support_log_line);
    HG_Set_log_level("warning");
    hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, refusals.left == 0);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(strstr(support_log_text(), "callback refused a request") != NULL);
    SUPPORT_CHECK(strstr(support_log_text(), "HG_NOMEM") != NULL);
    SUPPORT_CHECK(atomic_load(&pair.quiet_count) == 0);
    HG_Set_log_level("error");
    HG_Set_log_func(NULL);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void data_of_a_handle_at_the_target_stays_for_later_requests_and_is_freed_once(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 5; i++) {
        struct hg_pair_call call;
        hg_handle_t held = hg_pair_call_hold(&pair, &call, &in);

        SUPPORT_CHECK(HG_Get_data(held) == (i == 0 ? NULL : &frees));
        if (i == 0)
            HG_PAIR_OK(HG_Set_data(held, &frees, count_free));
        hg_pair_respond(held, &in);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
        hg_pair_settle(&pair);
        SUPPORT_CHECK(atomic_load(&frees) == 0);
    }
    hg_pair_close(&pair);
    SUPPORT_CHECK(atomic_load(&frees) == 1);
}

static hg_return_t count_answer(const struct hg_cb_info *info)
{
    HG_PAIR_OK(info->ret);
    atomic_fetch_add((atomic_uint *)info->arg, 1);
    return HG_SUCCESS;
}

/* The only handle that the target may have: answered but held, and let go but with its answer still to be pulled. */
static void handle_of_the_target_is_free_again_when_answered_and_destroyed(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair_blob in = {0};
    struct hg_pair_blob large = {.size = 400000};
    const uint32_t *idle;
    atomic_uint answers = 0;
    struct hg_pair_call call;
    struct hg_pair_call more;
    struct hg_pair pair;
    hg_handle_t held;

    init.request_post_init = 1;
    init.request_post_incr = -1;
    large.data = calloc(1, large.size);
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    idle = &pair.target.contexts[0]->handles_idle_count[1];
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(HG_Respond(held, NULL, NULL, &in));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(*idle == 0);
    hg_pair_call_start(&pair, &more, HG_PAIR_ECHO, &in);
    HG_PAIR_FINISH(&more, HG_AGAIN);
    HG_PAIR_OK(HG_Destroy(held));
    SUPPORT_CHECK(*idle == 1);

    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(HG_Respond(held, count_answer, &answers, &large));
    HG_PAIR_OK(HG_Destroy(held));
    for (unsigned int i = 0; i < 100; i++)
        (void)hg_pair_step_target(&pair);
    SUPPORT_CHECK(*idle == 0 && atomic_load(&answers) == 0);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&answers) == 1);
    SUPPORT_CHECK(*idle == 1);
    hg_pair_check_works(&pair);
    free(large.data);
    hg_pair_close(&pair);
}

static void info_of_a_handle_says_what_it_is_for(void)
{
    struct hg_pair_blob in = {0};
    const struct hg_info *info;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    info = HG_Get_info(call.handle);
    SUPPORT_CHECK(info->hg_class == pair.origin.hg_class && info->context == pair.origin.contexts[0]);
    SUPPORT_CHECK(info->addr == pair.addr && info->id == pair.origin.ids[HG_PAIR_HOLD] && info->context_id == 0);
    hg_pair_call_forward(&call, &in);
    held = hg_pair_wait_held(&pair);
    info = HG_Get_info(held);
    SUPPORT_CHECK(info->hg_class == pair.target.hg_class && info->context == pair.target.contexts[0]);
    SUPPORT_CHECK(info->id == pair.target.ids[HG_PAIR_HOLD] && info->context_id == 0 && info->addr != HG_ADDR_NULL);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* Destroying a context ends the calls that wait there, each with its callback. */
static void destroying_a_context_ends_its_calls(void)
{
    enum { COUNT = 700 }; /* more than the window: some are waiting, some are sent */
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
        HG_PAIR_OK(HG_Destroy(calls[i].handle));
    }
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) > 10);
    hg_pair_close_origin(&pair);
    for (unsigned int i = 0; i < COUNT; i++) {
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        SUPPORT_CHECK(calls[i].ret != HG_SUCCESS);
    }
    hg_pair_settle(&pair);
    hg_pair_close(&pair);
}

const struct support_case hg_life_cases[] = {
    SUPPORT_CASE(handle_has_one_reference_and_two_in_flight),
    SUPPORT_CASE(forward_of_a_handle_in_flight_is_busy),
    SUPPORT_CASE(handle_may_be_destroyed_right_after_forward),
    SUPPORT_CASE(handle_may_be_destroyed_in_its_callback),
    SUPPORT_CASE(handle_may_be_forwarded_again_in_its_callback),
    SUPPORT_CASE(reset_turns_a_handle_to_another_rpc),
    SUPPORT_CASE(handle_without_target_can_be_filled_in_later),
    SUPPORT_CASE(data_of_a_handle_survives_reset_and_is_freed_once),
    SUPPORT_CASE(create_callback_sees_each_handle_of_the_target_once),
    SUPPORT_CASE(create_callback_that_fails_makes_the_creation_fail),
    SUPPORT_CASE(create_callback_that_fails_at_the_target_answers_in_the_handlers_place),
    SUPPORT_CASE(create_callback_that_fails_for_a_oneway_call_is_logged),
    SUPPORT_CASE(data_of_a_handle_at_the_target_stays_for_later_requests_and_is_freed_once),
    SUPPORT_CASE(handle_of_the_target_is_free_again_when_answered_and_destroyed),
    SUPPORT_CASE(info_of_a_handle_says_what_it_is_for),
    SUPPORT_CASE(destroying_a_context_ends_its_calls),
    {NULL, NULL, 0},
};
