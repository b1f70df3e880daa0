/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What is known of a call that has ended: whether it was executed, in as far as that can be known, and a sentence.
 */
#include <stdio.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

enum { LIMIT_US = 100000 };

static struct qs_result result_of(hg_handle_t handle)
{
    struct qs_result result;

    HG_PAIR_OK(qs_handle_get_result(handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.detail != NULL && result.detail[0] != '\0');
    SUPPORT_CHECK(strstr(result.detail, qs_outcome_text(result.outcome)) != NULL);
    return result;
}

/* Waits for the end of the call, and checks what is known of it. */
static void expect(struct hg_pair_call *call, hg_return_t ret, enum qs_outcome outcome, const char *words)
{
    struct qs_result result;

    HG_PAIR_RET(hg_pair_call_wait(call), ret);
    result = result_of(call->handle);
    HG_PAIR_RET(result.ret, ret);
    if (result.outcome != outcome || strstr(result.detail, words) == NULL)
        fprintf(stderr, "not %s with \"%s\": %s\n", qs_outcome_text(outcome), words, result.detail);
    SUPPORT_CHECK(result.outcome == outcome && strstr(result.detail, words) != NULL);
    SUPPORT_CHECK(result.attempts == 1);
    hg_pair_call_end(call);
}

static void answered_calls_are_executed(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    expect(&call, HG_SUCCESS, QS_OUTCOME_EXECUTED, "answered");
    hg_pair_call_start(&pair, &call, HG_PAIR_DROP, &in);
    expect(&call, HG_OTHER_ERROR, QS_OUTCOME_EXECUTED, "HG_OTHER_ERROR");
    hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
    expect(&call, HG_SUCCESS, QS_OUTCOME_UNKNOWN, "no answer is wanted");
    hg_pair_close(&pair);
}

static void refused_calls_are_not_executed(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = HG_Register_name(pair.origin.hg_class, "unknown there", NULL, NULL, NULL);
    hg_pair_call_start_id(&pair, &call, id, NULL);
    expect(&call, HG_NOENTRY, QS_OUTCOME_NOT_EXECUTED, "refused with HG_NOENTRY");
    id = hg_pair_register_both(&pair, "no handler", NULL, NULL, NULL);
    hg_pair_call_start_id(&pair, &call, id, NULL);
    expect(&call, HG_INVALID_ARG, QS_OUTCOME_NOT_EXECUTED, "refused with HG_INVALID_ARG");
    HG_PAIR_OK(HG_Context_unpost(pair.target.contexts[0]));
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    expect(&call, HG_CANCELED, QS_OUTCOME_NOT_EXECUTED, "refused with HG_CANCELED");
    hg_pair_close(&pair);
}

static void calls_without_an_answer_may_have_been_executed(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, LIMIT_US));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    SUPPORT_CHECK(result_of(call.handle).elapsed_us >= LIMIT_US);
    expect(&call, HG_TIMEOUT, QS_OUTCOME_UNKNOWN, "no answer in time");
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 2);
    HG_PAIR_OK(HG_Cancel(call.handle));
    expect(&call, HG_CANCELED, QS_OUTCOME_UNKNOWN, "cancelled");
    hg_pair_close(&pair);
}

/* Behind a closed window a call has not left. */
static void calls_that_wait_are_not_sent(void)
{
    enum { COUNT = 600, SURELY_SENT = 512 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (unsigned int i = SURELY_SENT; i < COUNT; i++) {
        HG_PAIR_OK(HG_Cancel(calls[i].handle));
        expect(&calls[i], HG_CANCELED, QS_OUTCOME_NOT_SENT, "cancelled");
    }
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < SURELY_SENT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static void calls_to_nobody_are_not_sent(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    char text[HG_PAIR_TEXT];
    struct hg_pair pair;
    struct qs_result result;
    hg_class_t *gone;
    hg_addr_t addr;

    hg_pair_open(&pair, NULL);
    gone = hg_pair_init(true, NULL);
    hg_pair_address(gone, text);
    HG_PAIR_OK(HG_Finalize(gone));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
    hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
    HG_PAIR_OK(HG_Reset(call.handle, addr, 0));
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 3000000));
    if (HG_Forward(call.handle, hg_pair_call_cb, &call, &in) == HG_SUCCESS) {
        (void)hg_pair_call_wait(&call);
        result = result_of(call.handle);
        /* A provider without connections may take what nobody will receive. */
        SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_SENT ||
                      (result.outcome == QS_OUTCOME_UNKNOWN && strstr(hg_pair_uri(), "rxm") != NULL));
        SUPPORT_CHECK(call.ret == HG_TIMEOUT || strstr(result.detail, "connection failed") != NULL);
    }
    hg_pair_call_end(&call);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    hg_pair_close(&pair);
}

/* Its handle keeps the context, which works on; but its calls have ended, and say why. */
static void calls_of_a_context_that_was_to_be_destroyed_say_so(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_RET(HG_Context_destroy(pair.origin.contexts[0]), HG_BUSY);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1); /* called back by that */
    expect(&call, HG_CANCELED, QS_OUTCOME_UNKNOWN, "its context was destroyed");
    HG_PAIR_OK(HG_Destroy(held));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* By the name under which it is registered, else by its number. */
static void rpcs_are_named(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id = 4711;

    hg_pair_open(&pair, NULL);
    (void)hg_pair_register_both(&pair, "something to look at", NULL, NULL, NULL);
    hg_pair_call_start_id(&pair, &call,
                          HG_Register_name(pair.origin.hg_class, "something to look at", NULL, NULL, NULL), &in);
    expect(&call, HG_INVALID_ARG, QS_OUTCOME_NOT_EXECUTED, "call of something to look at to ");
    HG_PAIR_OK(HG_Register(pair.origin.hg_class, id, NULL, NULL, NULL));
    hg_pair_call_start_id(&pair, &call, id, &in);
    expect(&call, HG_NOENTRY, QS_OUTCOME_NOT_EXECUTED, "call of RPC id 0x1267 to ");
    hg_pair_close(&pair);
}

static void results_belong_to_the_last_call(void)
{
    struct hg_pair_blob in = {0};
    struct qs_result result;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_RET(qs_handle_get_result(call.handle, &result, sizeof(result)), HG_NOENTRY);
    HG_PAIR_RET(qs_handle_get_result(HG_HANDLE_NULL, &result, sizeof(result)), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_get_result(call.handle, NULL, sizeof(result)), HG_INVALID_ARG);
    hg_pair_call_forward(&call, &in);
    held = hg_pair_wait_held(&pair);
    HG_PAIR_RET(qs_handle_get_result(call.handle, &result, sizeof(result)), HG_NOENTRY);
    HG_PAIR_RET(qs_handle_get_result(held, &result, sizeof(result)), HG_INVALID_ARG);
    hg_pair_respond(held, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    /* A program that was compiled when the struct was smaller, and one from the future. */
    memset(&result, 0x5a, sizeof(result));
    HG_PAIR_OK(qs_handle_get_result(call.handle, &result, sizeof(result.ret)));
    SUPPORT_CHECK(result.ret == HG_SUCCESS && result.attempts == 0x5a5a5a5a);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, 0));
    HG_PAIR_RET(qs_handle_get_result(call.handle, &result, sizeof(result)), HG_NOENTRY);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

const struct support_case hg_result_cases[] = {
    SUPPORT_CASE(answered_calls_are_executed),
    SUPPORT_CASE(refused_calls_are_not_executed),
    SUPPORT_CASE(calls_without_an_answer_may_have_been_executed),
    SUPPORT_CASE(calls_that_wait_are_not_sent),
    SUPPORT_CASE(calls_to_nobody_are_not_sent),
    SUPPORT_CASE(calls_of_a_context_that_was_to_be_destroyed_say_so),
    SUPPORT_CASE(rpcs_are_named),
    SUPPORT_CASE(results_belong_to_the_last_call),
    {NULL, NULL, 0},
};
