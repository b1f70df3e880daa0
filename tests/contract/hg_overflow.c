/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Payloads beyond an eager message: the no_overflow option, what HG_Get_*_payload_size and the extra
 * buffers show, and that no old output shines through after one that overflowed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

static struct hg_init_info without_overflow(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    init.no_overflow = true;
    return init;
}

static void no_overflow_refuses_a_large_input(void)
{
    struct hg_init_info init = without_overflow();
    struct hg_pair_blob in = {.size = 100000};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    in.data = calloc(1, in.size);
    hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, &in), HG_OVERFLOW);
    SUPPORT_CHECK(HG_Ref_get(call.handle) == 1);
    /* Larger than one eager message, smaller than a few: fragments are refused, too. */
    in.size = HG_Class_get_input_eager_size(pair.origin.hg_class) + 1;
    HG_PAIR_RET(HG_Forward(call.handle, hg_pair_call_cb, &call, &in), HG_OVERFLOW);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    in.size = HG_Class_get_input_eager_size(pair.origin.hg_class) - sizeof(uint64_t);
    hg_pair_call_forward(&call, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    free(in.data);
    hg_pair_close(&pair);
}

static void no_overflow_refuses_a_large_output(void)
{
    struct hg_init_info init = without_overflow();
    struct hg_pair_move_in in = {.seed = 1, .out_size = 100000};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_call_start(&pair, &call, HG_PAIR_MOVE, &in);
    /* The handler's HG_Respond fails with HG_OVERFLOW; it gives up, and the origin hears of it. */
    SUPPORT_CHECK(hg_pair_call_wait(&call) != HG_SUCCESS);
    hg_pair_call_end(&call);
    hg_pair_move(&pair, 10, 10);
    hg_pair_close(&pair);
}

static void eager_size_is_what_one_message_carries(void)
{
    struct hg_pair pair;
    uint64_t in_size;
    uint64_t out_size;

    hg_pair_open(&pair, NULL);
    /* Numbers in front of the bytes: seed, out_size, size; and good, size. */
    in_size = HG_Class_get_input_eager_size(pair.origin.hg_class) - 24;
    out_size = HG_Class_get_output_eager_size(pair.origin.hg_class) - 12;
    hg_pair_move(&pair, in_size, out_size);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).overflow_in == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).overflow_out == 0);
    hg_pair_close(&pair);
}

static void a_small_answer_after_a_large_one_is_its_own(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    static const uint64_t out_sizes[] = {300000, 10, 20000, 5, 300000, 0};

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_MOVE);
    for (unsigned int i = 0; i < sizeof(out_sizes) / sizeof(out_sizes[0]); i++) {
        struct hg_pair_move_in in = {.seed = i, .out_size = out_sizes[i]};
        struct hg_pair_move_out out = {0};

        /* The same handle, without HG_Reset in between. */
        hg_pair_call_forward(&call, &in);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(HG_Get_output(call.handle, &out));
        SUPPORT_CHECK(out.blob.size == out_sizes[i]);
        SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out.blob.size, i + 1));
        HG_PAIR_OK(HG_Free_output(call.handle, &out));
    }
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void an_output_can_be_read_twice(void)
{
    struct hg_pair_move_in in = {.seed = 3, .out_size = 70000};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_MOVE, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_move_out out = {0};

        HG_PAIR_OK(HG_Get_output(call.handle, &out));
        SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out.blob.size, 4));
        HG_PAIR_OK(HG_Free_output(call.handle, &out));
    }
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void extra_buffers_are_there_only_after_an_overflow(void)
{
    static const uint64_t sizes[] = {100, 20000, 300000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = malloc(sizes[i])};
        struct hg_pair_call call;
        hg_handle_t held;
        unsigned char *extra = NULL;
        hg_size_t extra_size = 0;

        hg_pair_fill(in.data, in.size, 9);
        held = hg_pair_call_hold(&pair, &call, &in);
        HG_PAIR_OK(HG_Get_input_extra_buf(held, (void **)&extra, &extra_size));
        SUPPORT_CHECK((extra != NULL) == (i > 0));
        SUPPORT_CHECK(extra_size == (i > 0 ? in.size + 8 : 0));
        if (extra != NULL)
            SUPPORT_CHECK(hg_pair_is_filled(extra + 8, in.size, 9));
        hg_pair_respond(held, &in);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(HG_Get_output_extra_buf(call.handle, (void **)&extra, &extra_size));
        SUPPORT_CHECK((extra != NULL) == (i > 0));
        SUPPORT_CHECK(extra_size == (i > 0 ? in.size + 8 : 0));
        hg_pair_call_end(&call);
        free(in.data);
    }
    hg_pair_close(&pair);
}

/* The user's own bytes in front of the encoded data stay in the message, however large the rest is. */
static void offsets_leave_room_for_a_header_of_the_users(void)
{
    static const uint64_t sizes[] = {50, 20000, 300000};
    enum { OFFSET = 24 };
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Class_set_input_offset(pair.origin.hg_class, OFFSET));
    HG_PAIR_OK(HG_Class_set_input_offset(pair.target.hg_class, OFFSET));
    HG_PAIR_OK(HG_Class_set_output_offset(pair.origin.hg_class, OFFSET));
    HG_PAIR_OK(HG_Class_set_output_offset(pair.target.hg_class, OFFSET));
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = malloc(sizes[i])};
        struct hg_pair_call call;
        hg_handle_t held;
        void *buf = NULL;
        hg_size_t buf_size = 0;
        struct hg_pair_blob got = {0};

        hg_pair_fill(in.data, in.size, 5);
        hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
        call.read_blob = true;
        HG_PAIR_OK(HG_Get_input_buf(call.handle, &buf, &buf_size));
        SUPPORT_CHECK(buf_size >= OFFSET);
        memcpy(buf, "the user's own header..", OFFSET);
        hg_pair_call_forward(&call, &in);
        held = hg_pair_wait_held(&pair);
        HG_PAIR_OK(HG_Get_input_buf(held, &buf, &buf_size));
        SUPPORT_CHECK(buf_size >= OFFSET && memcmp(buf, "the user's own header..", OFFSET) == 0);
        HG_PAIR_OK(HG_Get_input(held, &got));
        SUPPORT_CHECK(got.size == in.size && hg_pair_is_filled(got.data, got.size, 5));
        HG_PAIR_OK(HG_Get_output_buf(held, &buf, &buf_size));
        memcpy(buf, "and one for the answer.", OFFSET);
        HG_PAIR_OK(HG_Respond(held, NULL, NULL, &got));
        HG_PAIR_OK(HG_Free_input(held, &got));
        HG_PAIR_OK(HG_Destroy(held));
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(HG_Get_output_buf(call.handle, &buf, &buf_size));
        SUPPORT_CHECK(buf_size >= OFFSET && memcmp(buf, "and one for the answer.", OFFSET) == 0);
        SUPPORT_CHECK(call.out.size == in.size && hg_pair_is_filled(call.out.data, call.out.size, 5));
        hg_pair_call_end(&call);
        free(in.data);
    }
    hg_pair_close(&pair);
}

/* What the class says is left still travels in the message. */
static void offsets_are_taken_from_the_eager_sizes(void)
{
    enum { OFFSET = 100 };
    hg_class_t *classes[2];
    struct hg_pair pair;
    hg_size_t in;
    hg_size_t out;

    hg_pair_open(&pair, NULL);
    in = HG_Class_get_input_eager_size(pair.origin.hg_class);
    out = HG_Class_get_output_eager_size(pair.origin.hg_class);
    classes[0] = pair.origin.hg_class;
    classes[1] = pair.target.hg_class;
    for (unsigned int i = 0; i < 2; i++) {
        HG_PAIR_OK(HG_Class_set_input_offset(classes[i], OFFSET));
        HG_PAIR_OK(HG_Class_set_output_offset(classes[i], 2 * OFFSET));
        SUPPORT_CHECK(HG_Class_get_input_eager_size(classes[i]) == in - OFFSET);
        SUPPORT_CHECK(HG_Class_get_output_eager_size(classes[i]) == out - 2 * OFFSET);
    }
    hg_pair_move(&pair, in - OFFSET - 24, out - 2 * OFFSET - 12);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).overflow_in == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).overflow_out == 0);
    hg_pair_move(&pair, in - OFFSET, out - 2 * OFFSET);
    hg_pair_close(&pair);
}

static void released_input_buffer_is_gone(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(HG_Release_input_buf(held));
    SUPPORT_CHECK(HG_Get_input(held, &in) != HG_SUCCESS);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void a_quarter_of_a_gibibyte_arrives_whole(void)
{
    struct hg_pair pair;

    if (getenv("QS_TEST_SLOW") == NULL)
        support_suite_skip("takes memory and time; set QS_TEST_SLOW=1");
    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_move(&pair, 256U << 20, 0);
    hg_pair_move(&pair, 0, 256U << 20);
    hg_pair_close(&pair);
}

const struct support_case hg_overflow_cases[] = {
    SUPPORT_CASE(no_overflow_refuses_a_large_input),
    SUPPORT_CASE(no_overflow_refuses_a_large_output),
    SUPPORT_CASE(eager_size_is_what_one_message_carries),
    SUPPORT_CASE(a_small_answer_after_a_large_one_is_its_own),
    SUPPORT_CASE(an_output_can_be_read_twice),
    SUPPORT_CASE(extra_buffers_are_there_only_after_an_overflow),
    SUPPORT_CASE(offsets_leave_room_for_a_header_of_the_users),
    SUPPORT_CASE(offsets_are_taken_from_the_eager_sizes),
    SUPPORT_CASE(released_input_buffer_is_gone),
    {"a_quarter_of_a_gibibyte_arrives_whole", a_quarter_of_a_gibibyte_arrives_whole, 60},
    {NULL, NULL, 0},
};
