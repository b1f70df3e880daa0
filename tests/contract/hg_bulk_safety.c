/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What keeps bulk data safe beyond keys: transfers that end with the call whose memory they move, whoever began them;
 * descriptors that lead to third parties; digests. What lands in memory that was handed back is tests/fault/hg_canary.c.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

/* A call that brings a descriptor, which the target keeps. */
static struct keeper {
    struct hg_pair pair;
    struct hg_pair_call call;
    hg_id_t id;
    hg_handle_t held;
    hg_bulk_t remote;
    atomic_uint ended;
    hg_return_t ret;
} keeper;

static hg_return_t keeper_handler(hg_handle_t handle)
{
    HG_PAIR_OK(HG_Get_input(handle, &keeper.remote));
    keeper.held = handle;
    return HG_SUCCESS;
}

static void keeper_open(const struct hg_pair_options *options)
{
    memset(&keeper, 0, sizeof(keeper));
    hg_pair_open(&keeper.pair, options);
    keeper.id = hg_pair_register_both(&keeper.pair, "keeper", hg_proc_hg_bulk_t, NULL, keeper_handler);
}

static void keeper_send(hg_bulk_t bulk)
{
    keeper.held = HG_HANDLE_NULL;
    hg_pair_call_start_id(&keeper.pair, &keeper.call, keeper.id, &bulk);
    HG_PAIR_UNTIL(&keeper.pair, keeper.held != HG_HANDLE_NULL);
}

static void keeper_answer(hg_return_t expected)
{
    HG_PAIR_OK(HG_Free_input(keeper.held, &keeper.remote));
    HG_PAIR_OK(HG_Respond(keeper.held, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(keeper.held));
    HG_PAIR_FINISH(&keeper.call, expected);
}

static hg_return_t keeper_ended(const struct hg_cb_info *info)
{
    keeper.ret = info->ret;
    atomic_fetch_add(&keeper.ended, 1);
    return HG_SUCCESS;
}

static hg_bulk_t bulk_over(hg_class_t *hg_class, void *data, hg_size_t size, uint8_t flags)
{
    hg_bulk_t bulk;

    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, &data, &size, flags, &bulk));
    return bulk;
}

/* A transfer of `size` bytes at the front, begun by the test and not by the handler. */
static hg_return_t keeper_move(hg_context_t *context, hg_bulk_op_t op, hg_bulk_t local, hg_size_t size)
{
    atomic_store(&keeper.ended, 0);
    return HG_Bulk_transfer(context, keeper_ended, NULL, op, HG_Get_info(keeper.held)->addr, keeper.remote, 0, local, 0,
                            size, HG_OP_ID_IGNORE);
}

static hg_return_t keeper_wait(void)
{
    HG_PAIR_UNTIL(&keeper.pair, atomic_load(&keeper.ended) > 0);
    return keeper.ret;
}

/* --- transfers end with the call ------------------------------------------------------------------------- */

enum { LARGE = 48 << 20 };

/* As a service does whose handlers only put work on a queue. */
static void transfer_begun_elsewhere_ends_with_the_call(void)
{
    unsigned char *theirs = calloc(1, LARGE);
    unsigned char *ours = calloc(1, LARGE);
    hg_bulk_t origin;
    hg_bulk_t local;

    keeper_open(NULL);
    HG_PAIR_OK(qs_class_set_bulk_grace(keeper.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    origin = bulk_over(keeper.pair.origin.hg_class, theirs, LARGE, HG_BULK_READWRITE);
    local = bulk_over(keeper.pair.target.hg_class, ours, LARGE, HG_BULK_READWRITE);
    keeper_send(origin);
    HG_PAIR_OK(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PUSH, local, LARGE));
    HG_PAIR_OK(HG_Cancel(keeper.call.handle));
    /* The callback says that the transfer is over, too. */
    HG_PAIR_RET(hg_pair_call_wait(&keeper.call), HG_CANCELED);
    HG_PAIR_UNTIL(&keeper.pair, atomic_load(&keeper.ended) > 0);
    SUPPORT_CHECK(keeper.ret == HG_CANCELED || keeper.ret == HG_SUCCESS);
    HG_PAIR_RET(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PUSH, local, 1), HG_CANCELED);
    keeper_answer(HG_CANCELED);
    HG_PAIR_OK(HG_Bulk_free(origin));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_check_works(&keeper.pair);
    SUPPORT_CHECK(hg_pair_counters(keeper.pair.origin.hg_class).route_down == 0);
    hg_pair_close(&keeper.pair);
    free(theirs);
    free(ours);
}

/* A handler that answers first and pushes then does wrong, but the origin's memory is not the worse for it. */
static void transfer_of_an_answered_call_ends_with_its_cancel(void)
{
    unsigned char *theirs = calloc(1, LARGE);
    unsigned char *ours = calloc(1, LARGE);
    struct hg_pair_patience patience = {0};
    hg_bulk_t origin;
    hg_bulk_t local;

    keeper_open(NULL);
    HG_PAIR_OK(qs_class_set_bulk_grace(keeper.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    memset(ours, 0x5a, LARGE);
    origin = bulk_over(keeper.pair.origin.hg_class, theirs, LARGE, HG_BULK_READWRITE);
    local = bulk_over(keeper.pair.target.hg_class, ours, LARGE, HG_BULK_READWRITE);
    keeper_send(origin);
    HG_PAIR_OK(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PUSH, local, LARGE));
    HG_PAIR_OK(HG_Free_input(keeper.held, &keeper.remote));
    HG_PAIR_OK(HG_Respond(keeper.held, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(keeper.held));
    HG_PAIR_OK(HG_Cancel(keeper.call.handle)); /* before the answer has been read */
    HG_PAIR_FINISH(&keeper.call, HG_CANCELED);
    HG_PAIR_OK(HG_Bulk_free(origin));
    memset(theirs, 0xc5, LARGE);
    while (atomic_load(&keeper.ended) == 0) {
        hg_pair_turn(&keeper.pair);
        hg_pair_patience_check(&patience, "the transfer ends");
    }
    hg_pair_settle(&keeper.pair);
    for (size_t i = 0; i < LARGE; i++)
        SUPPORT_CHECK(theirs[i] == 0xc5);
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_check_works(&keeper.pair);
    hg_pair_close(&keeper.pair);
    free(theirs);
    free(ours);
}

/* The context that received the call cannot say when the other's transfer is over, so it says nothing. */
static void transfer_of_another_context_is_not_said_to_be_over(void)
{
    unsigned char *theirs = calloc(1, LARGE);
    unsigned char *ours = calloc(1, LARGE);
    struct hg_pair *pair = &keeper.pair;
    struct hg_pair_patience patience = {0};
    hg_bulk_t origin;
    hg_bulk_t local;
    uint64_t begin_us;

    keeper_open(&(struct hg_pair_options){.origin_listens = true, .target_contexts = 2});
    origin = bulk_over(pair->origin.hg_class, theirs, LARGE, HG_BULK_READWRITE);
    local = bulk_over(pair->target.hg_class, ours, LARGE, HG_BULK_READWRITE);
    keeper_send(origin);
    HG_PAIR_OK(keeper_move(pair->target.contexts[1], HG_BULK_PUSH, local, LARGE));
    begin_us = support_suite_now_us();
    HG_PAIR_OK(HG_Cancel(keeper.call.handle));
    while (atomic_load(&keeper.call.calls) == 0) { /* the other context stands still */
        (void)hg_pair_step(pair->target.contexts[0]);
        (void)hg_pair_step_origin(pair);
        hg_pair_patience_check(&patience, "the callback comes");
    }
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= QS_BULK_GRACE_DEFAULT_US);
    (void)keeper_wait();
    keeper_answer(HG_CANCELED);
    HG_PAIR_OK(HG_Bulk_free(origin));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_check_works(pair);
    hg_pair_close(pair);
    free(theirs);
    free(ours);
}

/* Memory that the target may only read is no reason to wait. */
static void call_with_memory_to_be_read_ends_at_once(void)
{
    unsigned char theirs[100] = {0};
    hg_bulk_t origin;

    keeper_open(NULL);
    HG_PAIR_OK(qs_class_set_bulk_grace(keeper.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    origin = bulk_over(keeper.pair.origin.hg_class, theirs, sizeof(theirs), HG_BULK_READ_ONLY);
    keeper_send(origin);
    HG_PAIR_OK(HG_Cancel(keeper.call.handle));
    HG_PAIR_OK(HG_Trigger(keeper.pair.origin.contexts[0], 0, 1, NULL));
    SUPPORT_CHECK(atomic_load(&keeper.call.calls) == 1);
    keeper_answer(HG_CANCELED);
    HG_PAIR_OK(HG_Bulk_free(origin));
    hg_pair_close(&keeper.pair);
}

/* An attempt that was given up has let go of the memory before its call ends well by the second one. */
static void given_up_attempt_lets_go_of_the_memory(void)
{
    const struct qs_retry retry = {.attempts_max = 2, .attempt_timeout_us = 300000 * support_slowness()};
    unsigned char *theirs = calloc(1, LARGE);
    unsigned char *ours = calloc(1, LARGE);
    struct hg_pair *pair = &keeper.pair;
    hg_handle_t first;
    hg_bulk_t first_remote;
    hg_bulk_t origin;
    hg_bulk_t local;

    keeper_open(NULL);
    HG_PAIR_OK(qs_class_set_bulk_grace(pair->origin.hg_class, QS_BULK_GRACE_MAX_US));
    HG_PAIR_OK(qs_registered_set_method(pair->origin.hg_class, keeper.id, QS_METHOD_IDEMPOTENT, &retry));
    origin = bulk_over(pair->origin.hg_class, theirs, LARGE, HG_BULK_READWRITE);
    local = bulk_over(pair->target.hg_class, ours, LARGE, HG_BULK_READWRITE);
    keeper_send(origin);
    first = keeper.held;
    first_remote = keeper.remote;
    keeper.held = HG_HANDLE_NULL;
    HG_PAIR_UNTIL(pair, keeper.held != HG_HANDLE_NULL);
    SUPPORT_CHECK(qs_handle_cancelled(first) && keeper.held != first);
    /* It does not take the first one's word for anything: nothing is begun with its descriptor any more. */
    HG_PAIR_RET(HG_Bulk_transfer(pair->target.contexts[0], keeper_ended, NULL, HG_BULK_PUSH, HG_Get_info(first)->addr,
                                 first_remote, 0, local, 0, LARGE, HG_OP_ID_IGNORE),
                HG_CANCELED);
    HG_PAIR_OK(keeper_move(pair->target.contexts[0], HG_BULK_PUSH, local, LARGE));
    HG_PAIR_OK(keeper_wait());
    keeper_answer(HG_SUCCESS);
    HG_PAIR_OK(HG_Free_input(first, &first_remote));
    HG_PAIR_OK(HG_Respond(first, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(first));
    HG_PAIR_OK(HG_Bulk_free(origin));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_check_works(pair);
    hg_pair_close(pair);
    free(theirs);
    free(ours);
}

/* A context that goes away while its call waits for the target. */
static void destroyed_context_waits_for_no_target(void)
{
    unsigned char theirs[100] = {0};
    hg_bulk_t origin;

    keeper_open(NULL);
    HG_PAIR_OK(qs_class_set_bulk_grace(keeper.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    origin = bulk_over(keeper.pair.origin.hg_class, theirs, sizeof(theirs), HG_BULK_READWRITE);
    keeper_send(origin);
    HG_PAIR_OK(HG_Cancel(keeper.call.handle));
    SUPPORT_CHECK(atomic_load(&keeper.call.calls) == 0);
    HG_PAIR_OK(HG_Destroy(keeper.call.handle));
    HG_PAIR_OK(HG_Bulk_free(origin));
    hg_pair_close_origin(&keeper.pair);
    SUPPORT_CHECK(atomic_load(&keeper.call.calls) == 1 && keeper.call.ret == HG_CANCELED);
    HG_PAIR_OK(HG_Free_input(keeper.held, &keeper.remote));
    HG_PAIR_OK(HG_Destroy(keeper.held));
    hg_pair_close_target(&keeper.pair);
}

/* --- descriptors that lead elsewhere --------------------------------------------------------------------- */

/* A pull from the address in the descriptor: what the submit said, and if it was taken, how it ended. */
static hg_return_t keeper_pull_bound(struct hg_pair *also, hg_bulk_t local, hg_size_t size)
{
    hg_return_t ret;

    atomic_store(&keeper.ended, 0);
    ret = HG_Bulk_bind_transfer(keeper.pair.target.contexts[0], keeper_ended, NULL, HG_BULK_PULL, keeper.remote, 0,
                                local, 0, size, HG_OP_ID_IGNORE);
    if (ret != HG_SUCCESS)
        return ret;
    HG_PAIR_UNTIL(&keeper.pair, (hg_pair_turn(also), atomic_load(&keeper.ended) > 0));
    return keeper.ret;
}

static void descriptor_leads_to_third_parties_only_where_allowed(void)
{
    enum { SIZE = 50000 };
    static unsigned char theirs[SIZE];
    static unsigned char ours[SIZE];
    unsigned char wire[1000];
    struct hg_pair third;
    hg_bulk_t own;
    hg_bulk_t bound;
    hg_bulk_t passed;
    hg_bulk_t local;

    keeper_open(&(struct hg_pair_options){.origin_listens = true});
    hg_pair_open(&third, NULL);
    hg_pair_fill(theirs, SIZE, 3);
    local = bulk_over(keeper.pair.target.hg_class, ours, SIZE, HG_BULK_READWRITE);
    bound = bulk_over(third.target.hg_class, theirs, SIZE, HG_BULK_READ_ONLY);
    HG_PAIR_OK(HG_Bulk_bind(bound, third.target.contexts[0]));
    HG_PAIR_OK(HG_Bulk_serialize(wire, sizeof(wire), 0, bound));
    HG_PAIR_OK(HG_Bulk_deserialize(keeper.pair.origin.hg_class, &passed, wire, sizeof(wire)));
    keeper_send(passed);
    HG_PAIR_OK(keeper_pull_bound(&third, local, SIZE));
    SUPPORT_CHECK(hg_pair_is_filled(ours, SIZE, 3));
    HG_PAIR_OK(qs_class_set_bulk_forward(keeper.pair.target.hg_class, false));
    HG_PAIR_RET(keeper_pull_bound(&third, local, SIZE), HG_PERMISSION);
    SUPPORT_CHECK(strstr(qs_error_detail(), "leads to") != NULL);
    keeper_answer(HG_SUCCESS);
    /* What is the sender's own may be bound. */
    own = bulk_over(keeper.pair.origin.hg_class, theirs, SIZE, HG_BULK_READ_ONLY);
    HG_PAIR_OK(HG_Bulk_bind(own, keeper.pair.origin.contexts[0]));
    keeper_send(own);
    HG_PAIR_OK(keeper_pull_bound(&third, local, SIZE));
    keeper_answer(HG_SUCCESS);
    HG_PAIR_RET(qs_class_set_bulk_forward(NULL, true), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_free(own));
    HG_PAIR_OK(HG_Bulk_free(passed));
    HG_PAIR_OK(HG_Bulk_free(bound));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_close(&third);
    hg_pair_close(&keeper.pair);
}

/* --- digests --------------------------------------------------------------------------------------------- */

static void digest_is_of_the_bytes_alone(void)
{
    unsigned char bytes[10000];
    void *bases[] = {bytes, bytes + 1, bytes + 5000};
    hg_size_t sizes[] = {1, 4999, 5000};
    uint64_t one = 0;
    uint64_t other = 1;
    hg_class_t *hg_class;
    hg_bulk_t whole;
    hg_bulk_t parts;

    keeper_open(NULL);
    hg_class = keeper.pair.origin.hg_class;
    hg_pair_fill(bytes, sizeof(bytes), 8);
    whole = bulk_over(hg_class, bytes, sizeof(bytes), HG_BULK_READWRITE);
    HG_PAIR_OK(HG_Bulk_create(hg_class, 3, bases, sizes, HG_BULK_READWRITE, &parts));
    HG_PAIR_OK(qs_bulk_digest(whole, 17, 9000, &one));
    HG_PAIR_OK(qs_bulk_digest(parts, 17, 9000, &other));
    SUPPORT_CHECK(one == other);
    bytes[8000] ^= 1;
    HG_PAIR_OK(qs_bulk_digest(parts, 17, 9000, &other));
    SUPPORT_CHECK(one != other);
    memcpy(bytes, "123456789", 9);
    HG_PAIR_OK(qs_bulk_digest(parts, 0, 9, &other));
    SUPPORT_CHECK(other == 0xe3069283); /* the check value of CRC-32C */
    HG_PAIR_OK(qs_bulk_digest(parts, 9, 0, &other));
    SUPPORT_CHECK(other == 0);
    HG_PAIR_RET(qs_bulk_digest(parts, 1, sizeof(bytes), &other), HG_INVALID_ARG);
    HG_PAIR_RET(qs_bulk_digest(parts, UINT64_MAX, 2, &other), HG_INVALID_ARG);
    HG_PAIR_RET(qs_bulk_digest(HG_BULK_NULL, 0, 1, &other), HG_INVALID_ARG);
    HG_PAIR_RET(qs_bulk_digest(parts, 0, 1, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_bulk_set_digest(whole), HG_PERMISSION);
    HG_PAIR_RET(qs_bulk_set_digest(HG_BULK_NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_bulk_get_digest(whole, &other), HG_NOENTRY);
    HG_PAIR_RET(qs_bulk_get_digest(whole, NULL), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_free(whole));
    HG_PAIR_OK(HG_Bulk_free(parts));
    hg_pair_close(&keeper.pair);
}

/* A digest, and then other bytes than it is of: what the network would have done to them. */
static void pull_of_the_whole_is_checked(hg_size_t size)
{
    unsigned char *theirs = malloc(size);
    unsigned char *ours = calloc(1, size + 10);
    uint64_t digest = 0;
    uint64_t got = 1;
    hg_bulk_t origin;
    hg_bulk_t local;

    keeper_open(NULL);
    HG_Set_log_level("none");
    hg_pair_fill(theirs, size, 5);
    origin = bulk_over(keeper.pair.origin.hg_class, theirs, size, HG_BULK_READ_ONLY);
    local = bulk_over(keeper.pair.target.hg_class, ours, size + 10, HG_BULK_READWRITE);
    HG_PAIR_OK(qs_bulk_set_digest(origin));
    HG_PAIR_OK(qs_bulk_digest(origin, 0, size, &digest));
    keeper_send(origin);
    HG_PAIR_OK(qs_bulk_get_digest(keeper.remote, &got));
    SUPPORT_CHECK(got == digest);
    HG_PAIR_OK(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PULL, local, size));
    HG_PAIR_OK(keeper_wait());
    SUPPORT_CHECK(hg_pair_is_filled(ours, size, 5));
    keeper_answer(HG_SUCCESS);
    theirs[size / 2] ^= 4;
    keeper_send(origin);
    HG_PAIR_OK(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PULL, local, size));
    HG_PAIR_RET(keeper_wait(), HG_CHECKSUM_ERROR);
    HG_PAIR_OK(keeper_move(keeper.pair.target.contexts[0], HG_BULK_PULL, local, size - 1)); /* not the whole */
    HG_PAIR_OK(keeper_wait());
    HG_PAIR_RET(qs_bulk_set_digest(keeper.remote), HG_INVALID_ARG);
    keeper_answer(HG_SUCCESS);
    HG_PAIR_OK(HG_Bulk_free(origin));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_close(&keeper.pair);
    free(theirs);
    free(ours);
}

static void pull_of_the_whole_is_checked_by_its_digest(void)
{
    pull_of_the_whole_is_checked(3 << 20);
}

static void data_inside_a_descriptor_is_checked_by_its_digest(void)
{
    pull_of_the_whole_is_checked(300);
}

const struct support_case hg_bulk_safety_cases[] = {
    SUPPORT_CASE(transfer_begun_elsewhere_ends_with_the_call),
    SUPPORT_CASE(transfer_of_an_answered_call_ends_with_its_cancel),
    SUPPORT_CASE(transfer_of_another_context_is_not_said_to_be_over),
    SUPPORT_CASE(call_with_memory_to_be_read_ends_at_once),
    SUPPORT_CASE(given_up_attempt_lets_go_of_the_memory),
    SUPPORT_CASE(destroyed_context_waits_for_no_target),
    SUPPORT_CASE(descriptor_leads_to_third_parties_only_where_allowed),
    SUPPORT_CASE(digest_is_of_the_bytes_alone),
    SUPPORT_CASE(pull_of_the_whole_is_checked_by_its_digest),
    SUPPORT_CASE(data_inside_a_descriptor_is_checked_by_its_digest),
    {NULL, NULL, 0},
};
