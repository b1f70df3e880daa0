/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Inputs and outputs as the caller meets them: when they are encoded, what the raw buffers and sizes show, decoding by
 * hand, and what is left of a call whose proc fails.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

/* A message, a few fragments, and what is pulled. */
static const uint64_t sizes[] = {100, 20000, 300000};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static struct hg_pair_blob blob_of(uint64_t size, uint64_t seed)
{
    struct hg_pair_blob blob = {.size = size, .data = malloc(size + 1)};

    SUPPORT_CHECK(blob.data != NULL);
    hg_pair_fill(blob.data, size, seed);
    return blob;
}

static void blob_is(const struct hg_pair_blob *blob, uint64_t size, uint64_t seed)
{
    SUPPORT_CHECK(blob->size == size && hg_pair_is_filled(blob->data, size, seed));
}

static void input_and_output_are_encoded_before_the_call_returns(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < SIZES; i++) {
        struct hg_pair_blob blob = blob_of(sizes[i], 1);
        struct hg_pair_blob got = {0};
        struct hg_pair_call call;
        hg_handle_t held;

        hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
        call.read_blob = true;
        hg_pair_call_forward(&call, &blob);
        hg_pair_fill(blob.data, blob.size, 2);
        held = hg_pair_wait_held(&pair);
        HG_PAIR_OK(HG_Get_input(held, &got));
        blob_is(&got, sizes[i], 1);
        HG_PAIR_OK(HG_Free_input(held, &got));
        hg_pair_respond(held, &blob);
        hg_pair_fill(blob.data, blob.size, 3);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(call.read_ret);
        blob_is(&call.out, sizes[i], 2);
        hg_pair_call_end(&call);
        free(blob.data);
    }
    hg_pair_close(&pair);
}

static void null_struct_encodes_nothing(void)
{
    struct hg_pair_blob blob = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, NULL);
    SUPPORT_CHECK(HG_Get_input_payload_size(held) == 0);
    HG_PAIR_RET(HG_Get_input(held, &blob), HG_OVERFLOW);
    SUPPORT_CHECK(HG_Ref_get(held) == 1);
    hg_pair_respond(held, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(HG_Get_output_payload_size(call.handle) == 0);
    HG_PAIR_RET(HG_Get_output(call.handle, &blob), HG_OVERFLOW);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* What moved by other means is in the extra buffer, and counts for nothing here. */
static void payload_size_is_that_of_the_message_itself(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < SIZES; i++) {
        uint64_t expected = i == 0 ? sizes[i] + sizeof(uint64_t) : 0;
        struct hg_pair_blob blob = blob_of(sizes[i], 1);
        struct hg_pair_call call;
        hg_handle_t held;

        hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
        SUPPORT_CHECK(HG_Get_output_payload_size(call.handle) == 0);
        hg_pair_call_forward(&call, &blob);
        held = hg_pair_wait_held(&pair);
        SUPPORT_CHECK(HG_Get_input_payload_size(held) == expected && HG_Get_output_payload_size(held) == 0);
        hg_pair_respond(held, &blob);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        SUPPORT_CHECK(HG_Get_output_payload_size(call.handle) == expected);
        SUPPORT_CHECK(HG_Get_input_payload_size(call.handle) == 0);
        hg_pair_call_end(&call);
        free(blob.data);
    }
    hg_pair_close(&pair);
}

/* The reserved space counts, as in Mercury; a buffer that was given back is not shown. */
static void reserved_space_counts_until_the_buffer_is_released(void)
{
    enum { SPACE = 24, SIZE = 100 };
    struct hg_pair_blob blob = blob_of(SIZE, 1);
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_size_t size = 0;
    hg_handle_t held;
    void *buf = NULL;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_input_offset(pair.origin.hg_class, SPACE));
    HG_PAIR_OK(HG_Class_set_input_offset(pair.target.hg_class, SPACE));
    held = hg_pair_call_hold(&pair, &call, &blob);
    SUPPORT_CHECK(HG_Get_input_payload_size(held) == SPACE + sizeof(uint64_t) + SIZE);
    HG_PAIR_OK(HG_Get_input_buf(held, &buf, &size));
    SUPPORT_CHECK(buf != NULL && size == SPACE + sizeof(uint64_t) + SIZE);
    HG_PAIR_OK(HG_Release_input_buf(held));
    buf = NULL;
    HG_PAIR_RET(HG_Get_input_buf(held, &buf, &size), HG_FAULT);
    SUPPORT_CHECK(buf == NULL && HG_Get_input_payload_size(held) == 0);
    hg_pair_respond(held, &blob);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    /* The handle is used again for the next request. */
    held = hg_pair_call_hold(&pair, &call, &blob);
    HG_PAIR_OK(HG_Get_input_buf(held, &buf, &size));
    hg_pair_respond(held, &blob);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
    free(blob.data);
}

/* The processor is the program's own, and knows nothing of the handle. */
static void decode_by_hand(hg_handle_t held, struct hg_pair_blob *blob)
{
    hg_class_t *hg_class = HG_Get_info(held)->hg_class;
    hg_proc_t proc = HG_PROC_NULL;
    hg_size_t size = 0;
    void *buf = NULL;

    HG_PAIR_OK(HG_Get_input_extra_buf(held, &buf, &size));
    if (buf == NULL)
        HG_PAIR_OK(HG_Get_input_buf(held, &buf, &size));
    HG_PAIR_OK(hg_proc_create_set(hg_class, buf, size, HG_DECODE, HG_NOHASH, &proc));
    HG_PAIR_OK(hg_pair_proc_blob(proc, blob));
    HG_PAIR_OK(hg_proc_flush(proc));
    SUPPORT_CHECK(hg_proc_get_size_used(proc) == size);
    HG_PAIR_OK(hg_proc_free(proc));
}

/* As CaRT does it. */
static void input_decoded_by_hand_is_freed_with_a_reference_of_the_users(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < SIZES; i++) {
        struct hg_pair_blob blob = blob_of(sizes[i], 7);
        struct hg_pair_blob got = {0};
        struct hg_pair_call call;
        hg_handle_t held;

        held = hg_pair_call_hold(&pair, &call, &blob);
        decode_by_hand(held, &got);
        blob_is(&got, sizes[i], 7);
        HG_PAIR_OK(HG_Release_input_buf(held));
        HG_PAIR_OK(HG_Ref_incr(held));
        SUPPORT_CHECK(HG_Ref_get(held) == 2);
        HG_PAIR_OK(HG_Free_input(held, &got)); /* no HG_Get_input came before */
        SUPPORT_CHECK(HG_Ref_get(held) == 1 && got.data == NULL);
        hg_pair_respond(held, &blob);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
        free(blob.data);
    }
    hg_pair_close(&pair);
}

/* --- procs that fail --------------------------------------------------------------------------------- */

/* Encodes nothing and fails with the code that it is given. */
static hg_return_t proc_of_code(hg_proc_t proc, void *data)
{
    return hg_proc_get_op(proc) == HG_ENCODE ? *(hg_return_t *)data : HG_SUCCESS;
}

static hg_handle_t failing_held;

static hg_return_t hold_failing(hg_handle_t handle)
{
    failing_held = handle;
    return HG_SUCCESS;
}

static hg_id_t register_failing(struct hg_pair *pair)
{
    hg_id_t id = hg_pair_register_both(pair, "procs that fail", proc_of_code, proc_of_code, hold_failing);

    failing_held = HG_HANDLE_NULL;
    return id;
}

static const hg_return_t codes[] = {HG_NOMEM, HG_PROTOCOL_ERROR, HG_OTHER_ERROR};
enum { CODES = sizeof(codes) / sizeof(codes[0]) };

static void forward_whose_proc_fails_takes_nothing_and_never_calls_back(void)
{
    struct hg_pair_call call = {0};
    hg_return_t good = HG_SUCCESS;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    call.pair = &pair;
    id = register_failing(&pair);
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, id, &call.handle));
    for (unsigned int i = 0; i < CODES; i++) {
        hg_return_t bad = codes[i];

        HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, &bad), codes[i]);
        SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    }
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0 && failing_held == HG_HANDLE_NULL);
    hg_pair_call_forward(&call, &good);
    HG_PAIR_UNTIL(&pair, failing_held != HG_HANDLE_NULL);
    hg_pair_respond(failing_held, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void respond_whose_proc_fails_may_be_repeated(void)
{
    struct hg_pair_call call;
    hg_return_t good = HG_SUCCESS;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = register_failing(&pair);
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_UNTIL(&pair, failing_held != HG_HANDLE_NULL);
    for (unsigned int i = 0; i < CODES; i++) {
        hg_return_t bad = codes[i];

        HG_PAIR_RET(HG_Respond(failing_held, NULL, NULL, &bad), codes[i]);
        SUPPORT_CHECK(HG_Ref_get(failing_held) == 1);
    }
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    HG_PAIR_OK(HG_Respond(failing_held, NULL, NULL, &good));
    HG_PAIR_OK(HG_Destroy(failing_held));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void handler_that_gives_up_after_a_failed_respond_is_answered_for(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = register_failing(&pair);
    for (unsigned int i = 0; i < CODES; i++) {
        hg_return_t bad = codes[i];

        failing_held = HG_HANDLE_NULL;
        hg_pair_call_start_id(&pair, &call, id, NULL);
        HG_PAIR_UNTIL(&pair, failing_held != HG_HANDLE_NULL);
        HG_PAIR_RET(HG_Respond(failing_held, NULL, NULL, &bad), codes[i]);
        HG_PAIR_OK(HG_Destroy(failing_held));
        HG_PAIR_FINISH(&call, HG_OTHER_ERROR);
    }
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* --- what there is none of --------------------------------------------------------------------------- */

static void output_of_a_failed_call_is_refused_with_the_reason(void)
{
    struct hg_pair_blob blob = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_DROP, &blob);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_OTHER_ERROR);
    HG_PAIR_RET(HG_Get_output(call.handle, &blob), HG_INVALID_ARG);
    SUPPORT_CHECK(strstr(qs_error_detail(), "HG_OTHER_ERROR") != NULL);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* The first call has not left, since the target has not taken the connection up: its input is still here. */
static void busy_forward_leaves_the_first_input_alone(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < SIZES; i++) {
        struct hg_pair_blob first = blob_of(sizes[i], 1);
        struct hg_pair_blob second = blob_of(sizes[SIZES - 1 - i], 2);
        struct hg_pair_call call;

        pair.options.silent_target = true;
        hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
        call.read_blob = true;
        hg_pair_call_forward(&call, &first);
        HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, &second), HG_BUSY);
        pair.options.silent_target = false;
        HG_PAIR_OK(hg_pair_call_wait(&call));
        blob_is(&call.out, sizes[i], 1);
        hg_pair_call_end(&call);
        free(first.data);
        free(second.data);
    }
    hg_pair_close(&pair);
}

const struct support_case hg_payload_cases[] = {
    SUPPORT_CASE(input_and_output_are_encoded_before_the_call_returns),
    SUPPORT_CASE(null_struct_encodes_nothing),
    SUPPORT_CASE(payload_size_is_that_of_the_message_itself),
    SUPPORT_CASE(reserved_space_counts_until_the_buffer_is_released),
    SUPPORT_CASE(input_decoded_by_hand_is_freed_with_a_reference_of_the_users),
    SUPPORT_CASE(forward_whose_proc_fails_takes_nothing_and_never_calls_back),
    SUPPORT_CASE(respond_whose_proc_fails_may_be_repeated),
    SUPPORT_CASE(handler_that_gives_up_after_a_failed_respond_is_answered_for),
    SUPPORT_CASE(output_of_a_failed_call_is_refused_with_the_reason),
    SUPPORT_CASE(busy_forward_leaves_the_first_input_alone),
    {NULL, NULL, 0},
};
