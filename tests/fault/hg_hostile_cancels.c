/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Cancels that come at a bad moment: a peer sends them when it likes, whatever the threads of the target are at. And pieces of
 * requests of which nothing is wanted any more.
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

/* A piece of a request, of two. */
static void add_piece(uint64_t rpc_id, uint64_t tag, unsigned int piece)
{
    const unsigned char bytes[8] = {0};
    const struct hg_header header = {.type = HG_MESSAGE_REQUEST,
                                     .flags = HG_MESSAGE_FRAGMENT,
                                     .tag = tag,
                                     .rpc_id = rpc_id,
                                     .payload_size = sizeof(bytes),
                                     .total_size = 2 * sizeof(bytes),
                                     .offset = piece * (uint32_t)sizeof(bytes)};

    hg_raw_add(&header, bytes, sizeof(bytes));
}

/* Nothing is kept of requests that are not whole and will not be. */
static void expect_nothing_kept(void)
{
    const struct hg_context *context = pair.target.contexts[0];

    SUPPORT_CHECK(context->handles_count[1] == context->handles_idle_count[1] && context->admit.requests == 0);
}

/* Pieces of requests that were refused come in any order. */
static void pieces_of_refused_requests_are_dropped(void)
{
    unsigned int refusals = 0;

    for (unsigned int piece = 0; piece < 2; piece++)
        for (uint64_t tag = 1; tag <= 4; tag++)
            add_piece(0xdead, tag, piece);
    hg_raw_send();
    for (unsigned int i = 0; i < raw.kept_count; i++)
        refusals += raw.kept[i].type == HG_MESSAGE_NACK;
    SUPPORT_CHECK(refusals == 4);
    expect_nothing_kept();
    hg_raw_finish();
}

static void pieces_that_come_after_the_cancel_are_dropped(void)
{
    const struct hg_header cancel = {.type = HG_MESSAGE_CANCEL, .tag = 1};

    add_piece(pair.target.ids[HG_PAIR_ECHO], 1, 0);
    hg_raw_add(&cancel, NULL, 0);
    add_piece(pair.target.ids[HG_PAIR_ECHO], 1, 1);
    hg_raw_send();
    expect_nothing_kept();
    hg_raw_finish();
}

const struct support_case hg_hostile_cancel_cases[] = {
    SUPPORT_CASE(cancel_of_an_answered_request_is_not_told_elsewhere),
    SUPPORT_CASE(cancel_does_not_take_up_a_handle_that_is_ending),
    SUPPORT_CASE(pieces_of_refused_requests_are_dropped),
    SUPPORT_CASE(pieces_that_come_after_the_cancel_are_dropped),
    {NULL, NULL, 0},
};
