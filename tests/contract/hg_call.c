/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls that go well and calls that the target refuses: payloads of all sizes in both directions, unknown
 * RPCs, handlers that fail.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

static void echo_brings_the_input_back(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 100; i++)
        hg_pair_check_works(&pair);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 100);
    hg_pair_close(&pair);
}

static void echo_works_with_a_thread_at_the_target(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int i = 0; i < 100; i++)
        hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void empty_call_has_an_empty_answer(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(HG_Get_output_payload_size(call.handle) == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* Every way that a payload can take, and the borders between them, in both directions. */
static void payloads_of_all_sizes_arrive_whole(void)
{
    static const uint64_t sizes[] = {0,     1,     7,     8,     100,   1000,  3900,  3968,   3976,   4000,   4032,
                                     4096,  7900,  8000,  8100,  8192,  8193,  12000, 16384,  16385,  31000,  50000,
                                     60000, 61000, 62000, 64000, 65536, 65537, 70000, 131072, 300000, 1048576};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        hg_pair_move(&pair, sizes[i], 0);
        hg_pair_move(&pair, 0, sizes[i]);
        hg_pair_move(&pair, sizes[i], sizes[i] + 3);
    }
    hg_pair_close(&pair);
}

static void every_size_around_the_borders_arrives_whole(void)
{
    struct hg_pair pair;
    uint64_t eager;

    hg_pair_open(&pair, NULL);
    eager = HG_Class_get_input_eager_size(pair.origin.hg_class);
    for (uint64_t size = eager - 60; size < eager + 20; size++)
        hg_pair_move(&pair, size, size);
    for (uint64_t size = 7000; size < 8400; size += 17)
        hg_pair_move(&pair, size, size);
    hg_pair_close(&pair);
}

static void sixteen_mebibytes_arrive_whole(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_move(&pair, 16U << 20, 0);
    hg_pair_move(&pair, 0, 16U << 20);
    hg_pair_close(&pair);
}

static void random_sizes_arrive_whole(void)
{
    uint64_t state = support_seed();
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int i = 0; i < 300; i++) {
        uint64_t in_size;
        uint64_t out_size;

        state = state * 6364136223846793005U + 1442695040888963407U;
        in_size = (state >> 33) % (UINT64_C(1) << (i % 19));
        out_size = (state >> 13) % (UINT64_C(1) << (i * 7 % 19));
        hg_pair_move(&pair, in_size, out_size);
    }
    hg_pair_close(&pair);
}

/* Many calls at once, finished in any order, each with its own answer. */
static void concurrent_calls_get_their_own_answers(void)
{
    enum { COUNT = 64 };
    struct hg_pair_call calls[COUNT];
    unsigned char data[COUNT][200];
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = 100 + i, .data = data[i]};

        hg_pair_fill(data[i], sizeof(data[i]), i);
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_ECHO);
        calls[i].read_blob = true;
        hg_pair_call_forward(&calls[i], &in);
    }
    for (unsigned int i = COUNT; i-- > 0;) {
        HG_PAIR_OK(hg_pair_call_wait(&calls[i]));
        SUPPORT_CHECK(calls[i].out.size == 100 + i && hg_pair_is_filled(calls[i].out.data, calls[i].out.size, i));
        hg_pair_call_end(&calls[i]);
    }
    hg_pair_close(&pair);
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void unknown_rpc_ends_with_noentry(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = HG_Register_name(pair.origin.hg_class, "only the origin knows it", NULL, NULL, NULL);
    SUPPORT_CHECK(id != 0);
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_NOENTRY);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).unknown_rpc == 1);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void unknown_rpc_with_a_large_input_ends_with_noentry(void)
{
    static const uint64_t sizes[] = {20000, 200000};
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = HG_Register_name(pair.origin.hg_class, "large and unknown", hg_pair_proc_blob, NULL, NULL);
    SUPPORT_CHECK(id != 0);
    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};
        struct hg_pair_call call;

        hg_pair_call_start_id(&pair, &call, id, &in);
        HG_PAIR_FINISH(&call, HG_NOENTRY);
        free(in.data);
        hg_pair_check_works(&pair);
    }
    hg_pair_close(&pair);
}

static void rpc_without_a_handler_ends_with_invalid_arg(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = hg_pair_register_both(&pair, "no handler", NULL, NULL, NULL);
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_FINISH(&call, HG_INVALID_ARG);
    hg_pair_close(&pair);
}

static void handler_that_drops_its_handle_is_answered_for(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_DROP, &in);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_OTHER_ERROR);
    SUPPORT_CHECK(HG_Get_output(call.handle, &in) != HG_SUCCESS);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static hg_return_t decode_too_much(hg_handle_t handle)
{
    struct hg_pair *pair = hg_pair_of(handle);
    struct hg_pair_move_in in;

    /* Its proc wants more bytes than came: the decoder must not run past the end. */
    if (HG_Get_input(handle, &in) == HG_OVERFLOW)
        atomic_fetch_add(&pair->bad_inputs, 1);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static void handler_that_cannot_decode_may_still_answer(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    uint32_t in = 7;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = HG_Register_name(pair.origin.hg_class, "mismatch", hg_proc_uint32_t, NULL, NULL);
    SUPPORT_CHECK(id ==
                  HG_Register_name(pair.target.hg_class, "mismatch", hg_pair_proc_move_in, NULL, decode_too_much));
    hg_pair_call_start_id(&pair, &call, id, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void output_that_is_too_short_is_an_overflow(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t out = 0;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = pair.target.ids[HG_PAIR_EMPTY];
    HG_PAIR_OK(HG_Register(pair.origin.hg_class, id, NULL, hg_proc_uint64_t, NULL));
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_RET(HG_Get_output(call.handle, &out), HG_OVERFLOW);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void second_answer_is_refused(void)
{
    unsigned char text[] = "once";
    struct hg_pair_blob in = {.size = sizeof(text), .data = text};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    call.read_blob = true;
    hg_pair_call_forward(&call, &in);
    held = hg_pair_wait_held(&pair);
    HG_PAIR_OK(HG_Respond(held, NULL, NULL, &in));
    HG_PAIR_RET(HG_Respond(held, NULL, NULL, &in), HG_BUSY);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_RET(HG_Respond(held, NULL, NULL, &in), HG_BUSY);
    SUPPORT_CHECK(call.out.size == sizeof(text) && memcmp(call.out.data, text, sizeof(text)) == 0);
    HG_PAIR_OK(HG_Destroy(held));
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static hg_return_t count_respond(const struct hg_cb_info *info)
{
    atomic_uint *count = info->arg;

    SUPPORT_CHECK(info->type == HG_CB_RESPOND);
    HG_PAIR_OK(info->ret);
    atomic_fetch_add(count, 1);
    return HG_SUCCESS;
}

/* Also for answers that the origin has to pull. */
static void respond_callback_comes_once(void)
{
    static const uint64_t sizes[] = {10, 20000, 400000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};
        struct hg_pair_call call;
        atomic_uint responded = 0;
        hg_handle_t held;

        held = hg_pair_call_hold(&pair, &call, &in);
        HG_PAIR_OK(HG_Respond(held, count_respond, &responded, &in));
        SUPPORT_CHECK(HG_Ref_get(held) == 2);
        HG_PAIR_OK(HG_Destroy(held));
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_UNTIL(&pair, atomic_load(&responded) == 1);
        hg_pair_settle(&pair);
        SUPPORT_CHECK(atomic_load(&responded) == 1);
        hg_pair_call_end(&call);
        free(in.data);
    }
    hg_pair_close(&pair);
}

static void origin_address_at_the_target_can_be_kept(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_addr_t first;
    hg_handle_t held;
    char text[256];
    char own_text[HG_PAIR_TEXT];
    hg_size_t size = sizeof(text);

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_OK(HG_Addr_dup(pair.target.hg_class, HG_Get_info(held)->addr, &first));
    hg_pair_respond(held, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Addr_to_string(pair.target.hg_class, text, &size, first));
    hg_pair_address(pair.origin.hg_class, own_text);
    SUPPORT_CHECK(strcmp(text, own_text) == 0);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, first));
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* The target calls back to an origin that does not listen, on the route that the origin opened. */
static void target_can_call_an_origin_that_does_not_listen(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call back;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    back = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(
        HG_Create(pair.target.contexts[0], HG_Get_info(held)->addr, pair.target.ids[HG_PAIR_EMPTY], &back.handle));
    hg_pair_call_forward(&back, NULL);
    HG_PAIR_FINISH(&back, HG_SUCCESS);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* The first calls of two peers to each other cross on their way. */
static void simultaneous_first_contact_works(void)
{
    struct hg_pair_call call;
    struct hg_pair_call back;
    struct hg_pair pair;
    hg_addr_t other;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true});
    other = hg_pair_lookup(pair.target.hg_class, pair.origin.hg_class);
    back = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], other, pair.target.ids[HG_PAIR_EMPTY], &back.handle));
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    for (unsigned int i = 0; i < 20; i++) {
        hg_pair_call_forward(&back, NULL);
        hg_pair_call_forward(&call, NULL);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(hg_pair_call_wait(&back));
    }
    hg_pair_call_end(&call);
    hg_pair_call_end(&back);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, other));
    hg_pair_close(&pair);
}

const struct support_case hg_call_cases[] = {
    SUPPORT_CASE(echo_brings_the_input_back),
    SUPPORT_CASE(echo_works_with_a_thread_at_the_target),
    SUPPORT_CASE(empty_call_has_an_empty_answer),
    SUPPORT_CASE(payloads_of_all_sizes_arrive_whole),
    SUPPORT_CASE(every_size_around_the_borders_arrives_whole),
    SUPPORT_CASE(sixteen_mebibytes_arrive_whole),
    SUPPORT_CASE(random_sizes_arrive_whole),
    SUPPORT_CASE(concurrent_calls_get_their_own_answers),
    SUPPORT_CASE(unknown_rpc_ends_with_noentry),
    SUPPORT_CASE(unknown_rpc_with_a_large_input_ends_with_noentry),
    SUPPORT_CASE(rpc_without_a_handler_ends_with_invalid_arg),
    SUPPORT_CASE(handler_that_drops_its_handle_is_answered_for),
    SUPPORT_CASE(handler_that_cannot_decode_may_still_answer),
    SUPPORT_CASE(output_that_is_too_short_is_an_overflow),
    SUPPORT_CASE(second_answer_is_refused),
    SUPPORT_CASE(respond_callback_comes_once),
    SUPPORT_CASE(origin_address_at_the_target_can_be_kept),
    SUPPORT_CASE(target_can_call_an_origin_that_does_not_listen),
    SUPPORT_CASE(simultaneous_first_contact_works),
    {NULL, NULL, 0},
};
