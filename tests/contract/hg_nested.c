/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Progress and trigger from inside callbacks, and progress beside peers that are in trouble.
 */
#include <string.h>

#include "tests/contract/hg_contract.h"

/* --- inside callbacks -------------------------------------------------------------------------------- */

enum { DEPTH = 40 };

/* A chain of calls, each made and awaited inside the callback of the one before. */
static struct {
    struct hg_pair *pair;
    unsigned int begun;
    unsigned int ended;
    unsigned int deepest; /* callbacks that were running at once */
    unsigned int running;
} chain;

static hg_return_t chain_ended(const struct hg_cb_info *info);

static void chain_begin(enum hg_pair_rpc rpc)
{
    struct hg_pair_blob in = {0};
    hg_handle_t handle;

    chain.begun++;
    HG_PAIR_OK(HG_Create(chain.pair->origin.contexts[0], chain.pair->addr, chain.pair->origin.ids[rpc], &handle));
    HG_PAIR_OK(HG_Forward(handle, chain_ended, NULL, &in));
    HG_PAIR_OK(HG_Destroy(handle));
}

static hg_return_t chain_ended(const struct hg_cb_info *info)
{
    unsigned int link = chain.begun;

    HG_PAIR_OK(info->ret);
    chain.running++;
    if (chain.running > chain.deepest)
        chain.deepest = chain.running;
    if (link < DEPTH) {
        chain_begin(HG_PAIR_ECHO);
        HG_PAIR_UNTIL(chain.pair, chain.ended == DEPTH - link);
    }
    chain.running--;
    chain.ended++;
    return HG_SUCCESS;
}

static void callbacks_may_wait_for_calls_of_their_own_at_any_depth(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    chain.pair = &pair;
    chain_begin(HG_PAIR_ECHO);
    HG_PAIR_UNTIL(&pair, chain.ended == DEPTH);
    SUPPORT_CHECK(chain.deepest == DEPTH && chain.running == 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* A handler that calls back to its caller and drives both sides until it has the answer; the answer's handler does the
 * same, down to the end. */
struct bounce_answer {
    bool come;
};

static hg_id_t bounce_id;
static unsigned int bounced;

static hg_return_t bounce_answered(const struct hg_cb_info *info)
{
    HG_PAIR_OK(info->ret);
    ((struct bounce_answer *)info->arg)->come = true;
    return HG_SUCCESS;
}

static hg_return_t bounce(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_handle_t back;
    struct bounce_answer answer = {0};

    if (bounced++ < DEPTH) {
        HG_PAIR_OK(HG_Create(info->context, info->addr, bounce_id, &back));
        HG_PAIR_OK(HG_Forward(back, bounce_answered, &answer, NULL));
        HG_PAIR_UNTIL(chain.pair, answer.come);
        HG_PAIR_OK(HG_Destroy(back));
    }
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static void handlers_may_call_back_and_wait_at_any_depth(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true});
    chain.pair = &pair;
    bounce_id = HG_Register_name(pair.target.hg_class, "bounce", NULL, NULL, bounce);
    SUPPORT_CHECK(bounce_id == HG_Register_name(pair.origin.hg_class, "bounce", NULL, NULL, bounce));
    hg_pair_call_start_id(&pair, &call, bounce_id, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    SUPPORT_CHECK(bounced == DEPTH + 1);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* --- peers in trouble -------------------------------------------------------------------------------- */

/* Progress and trigger until the call has ended; neither ever says anything but success or time-out. */
static void drive_calmly(struct hg_pair *pair, struct hg_pair_call *call)
{
    for (struct hg_pair_patience patience = {0}; atomic_load(&call->calls) == 0;) {
        hg_return_t ret = HG_Progress(pair->origin.contexts[0], 20);

        SUPPORT_CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
        ret = HG_Trigger(pair->origin.contexts[0], 0, 1, NULL);
        SUPPORT_CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
        hg_pair_patience_check(&patience, "the call to a peer in trouble ends");
    }
}

static void progress_never_fails_for_a_peer_that_is_not_there(void)
{
    char text[HG_PAIR_TEXT];
    struct hg_pair pair;
    hg_class_t *gone;
    hg_addr_t addr;

    hg_pair_open(&pair, NULL);
    gone = hg_pair_init(true, NULL);
    hg_pair_address(gone, text);
    HG_PAIR_OK(HG_Finalize(gone));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;

        hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
        HG_PAIR_OK(HG_Reset(call.handle, addr, 0));
        HG_PAIR_OK(qs_handle_set_timeout(call.handle, 3000000));
        if (HG_Forward(call.handle, hg_pair_call_cb, &call, &in) == HG_SUCCESS)
            drive_calmly(&pair, &call);
        SUPPORT_CHECK(call.ret == HG_HOSTUNREACH || call.ret == HG_TIMEOUT || atomic_load(&call.calls) == 0);
        hg_pair_call_end(&call);
    }
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void progress_never_fails_for_a_peer_that_goes_away(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    struct hg_pair other;

    hg_pair_open(&pair, NULL);
    hg_pair_open(&other, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, 3000000));
    HG_PAIR_OK(HG_Destroy(hg_pair_take_held(&pair))); /* answered for, perhaps */
    hg_pair_close_target(&pair);
    drive_calmly(&pair, &call);
    SUPPORT_CHECK(call.ret != HG_SUCCESS);
    hg_pair_call_end(&call);
    hg_pair_check_works(&other);
    hg_pair_close(&other);
    hg_pair_close_origin(&pair);
}

const struct support_case hg_nested_cases[] = {
    SUPPORT_CASE(callbacks_may_wait_for_calls_of_their_own_at_any_depth),
    SUPPORT_CASE(handlers_may_call_back_and_wait_at_any_depth),
    SUPPORT_CASE(progress_never_fails_for_a_peer_that_is_not_there),
    SUPPORT_CASE(progress_never_fails_for_a_peer_that_goes_away),
    {NULL, NULL, 0},
};
