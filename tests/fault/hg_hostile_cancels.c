/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Cancels that come at a bad moment: a peer sends them when it likes, whatever the threads of the target are at.
 */
#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_handle.h"
#include "tests/fault/hg_raw.h"

static unsigned int told;

static void note_cancel(hg_handle_t handle, void *arg)
{
    SUPPORT_CHECK(handle != HG_HANDLE_NULL && arg == &told);
    told++;
}

/* The request is received by one context and served by another: the word of the cancel waits there when the answer is given. */
static void cancel_of_an_answered_request_is_not_told_elsewhere(void)
{
    struct hg_header request = hg_raw_request(HG_PAIR_HOLD, 1);
    const struct hg_header cancel = {.type = HG_MESSAGE_CANCEL, .tag = 1};
    struct hg_pair_blob out = {0};
    uint64_t zero = 0;
    hg_context_t *other = HG_Context_create(pair.target.hg_class);
    hg_handle_t held;

    for (unsigned int i = 0; i < 2; i++) {
        request.target_context = 1;
        request.payload_size = 8;
        request.tag = 1;
        hg_raw_add(&request, &zero, 8);
        hg_raw_send();
        while ((held = hg_pair_take_held(&pair)) == HG_HANDLE_NULL)
            (void)hg_pair_step(other);
        SUPPORT_CHECK(HG_Get_info(held)->context == other && held->owner == pair.target.contexts[0]);
        HG_PAIR_OK(qs_handle_set_cancel_callback(held, note_cancel, &told));
        hg_raw_add(&cancel, NULL, 0);
        hg_raw_send();
        if (i == 0)
            hg_pair_respond(held, &out);
        while (hg_pair_step(other) > 0)
            continue;
        SUPPORT_CHECK(told == i);
        if (i == 1)
            hg_pair_respond(held, &out);
        hg_raw_turn();
    }
    HG_PAIR_OK(HG_Context_destroy(other));
    hg_raw_finish();
}

static hg_handle_t silent;

static hg_return_t silent_handler(hg_handle_t handle)
{
    silent = handle;
    return HG_SUCCESS;
}

/* A thread that drops the last reference counts down first, and takes the lock then. What it finds in between is what a cancel has
 * found: the handle in its table, and nobody to be told. */
static void cancel_does_not_take_up_a_handle_that_is_ending(void)
{
    struct hg_header request = hg_raw_request(HG_PAIR_EMPTY, 1);

    request.rpc_id = HG_Register_name(pair.target.hg_class, "silent", NULL, NULL, silent_handler);
    request.flags = HG_MESSAGE_NO_RESPONSE;
    hg_raw_add(&request, NULL, 0);
    hg_raw_send();
    SUPPORT_CHECK(silent != HG_HANDLE_NULL);
    HG_PAIR_OK(qs_handle_set_cancel_callback(silent, note_cancel, &told));
    SUPPORT_CHECK(atomic_fetch_sub(&silent->refs, 1) == 1); /* as hg_handle_unref() does */
    util_lock_take(&pair.target.contexts[0]->lock);
    hg_cancel_all_locked(pair.target.contexts[0]);
    SUPPORT_CHECK(atomic_load(&silent->refs) == 0);
    util_lock_drop(&pair.target.contexts[0]->lock);
    (void)atomic_fetch_add(&silent->refs, 1);
    HG_PAIR_OK(HG_Destroy(silent)); /* and goes on */
    hg_raw_turn();
    SUPPORT_CHECK(told == 0);
    hg_raw_finish();
}

const struct support_case hg_hostile_cancel_cases[] = {
    SUPPORT_CASE(cancel_of_an_answered_request_is_not_told_elsewhere),
    SUPPORT_CASE(cancel_does_not_take_up_a_handle_that_is_ending),
    {NULL, NULL, 0},
};
