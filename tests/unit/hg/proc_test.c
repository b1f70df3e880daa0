/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Processors: buffers, bounds, growth, raw access and checksums.
 *
 * Buffers to decode from are heap blocks of exactly their size, so that AddressSanitizer sees a read
 * past the end.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_procs.h"
#include "mercury.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

TestSuite(proc, .init = support_begin, .fini = support_end);

struct proc_basics {
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    char bytes[5];
};

#define PROC_BASICS_SIZE 35U

static const struct proc_basics proc_sample = {
    -1, 0xfe, -2, 0xfedc, -3, 0xfedcba98, -4, UINT64_C(0xfedcba9876543210), "abcd",
};

static hg_return_t proc_basics(hg_proc_t proc, struct proc_basics *b)
{
    hg_return_t ret = hg_proc_int8_t(proc, &b->i8);

    ret = ret != HG_SUCCESS ? ret : hg_proc_uint8_t(proc, &b->u8);
    ret = ret != HG_SUCCESS ? ret : hg_proc_int16_t(proc, &b->i16);
    ret = ret != HG_SUCCESS ? ret : hg_proc_uint16_t(proc, &b->u16);
    ret = ret != HG_SUCCESS ? ret : hg_proc_int32_t(proc, &b->i32);
    ret = ret != HG_SUCCESS ? ret : hg_proc_uint32_t(proc, &b->u32);
    ret = ret != HG_SUCCESS ? ret : hg_proc_int64_t(proc, &b->i64);
    ret = ret != HG_SUCCESS ? ret : hg_proc_uint64_t(proc, &b->u64);
    return ret != HG_SUCCESS ? ret : hg_proc_bytes(proc, b->bytes, sizeof(b->bytes));
}

static void proc_check_sample(const struct proc_basics *b)
{
    cr_assert_eq(b->i8, proc_sample.i8);
    cr_assert_eq(b->u8, proc_sample.u8);
    cr_assert_eq(b->i16, proc_sample.i16);
    cr_assert_eq(b->u16, proc_sample.u16);
    cr_assert_eq(b->i32, proc_sample.i32);
    cr_assert_eq(b->u32, proc_sample.u32);
    cr_assert_eq(b->i64, proc_sample.i64);
    cr_assert_eq(b->u64, proc_sample.u64);
    cr_assert_eq(memcmp(b->bytes, proc_sample.bytes, sizeof(b->bytes)), 0);
}

/* Encodes the sample into a heap block of exactly its size. */
static uint8_t *proc_encode_sample(void)
{
    struct hg_proc proc;
    struct proc_basics copy = proc_sample;
    uint8_t *buf = malloc(PROC_BASICS_SIZE);

    hg_procs_init(&proc, NULL, buf, PROC_BASICS_SIZE, HG_ENCODE);
    cr_assert_eq(proc_basics(&proc, &copy), HG_SUCCESS);
    cr_assert_eq(hg_proc_get_size_used(&proc), PROC_BASICS_SIZE);
    cr_assert_eq(hg_proc_get_size_left(&proc), 0U);
    cr_assert_null(hg_proc_get_extra_buf(&proc));
    hg_procs_fini(&proc);
    return buf;
}

Test(proc, basic_types_survive_a_round_trip)
{
    struct hg_proc proc;
    struct proc_basics out;
    uint8_t *buf = proc_encode_sample();

    memset(&out, 0, sizeof(out));
    hg_procs_init(&proc, NULL, buf, PROC_BASICS_SIZE, HG_DECODE);
    cr_assert_eq(proc_basics(&proc, &out), HG_SUCCESS);
    proc_check_sample(&out);
    cr_assert_eq(hg_proc_flush(&proc), HG_SUCCESS);
    hg_procs_fini(&proc);
    free(buf);
}

Test(proc, wire_form_is_little_endian)
{
    static const uint8_t wire[] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
    struct hg_proc proc;
    uint64_t value = UINT64_C(0xfedcba9876543210);
    uint8_t buf[8];

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    cr_assert_eq(hg_proc_hg_size_t(&proc, &value), HG_SUCCESS);
    cr_assert_eq(memcmp(buf, wire, sizeof(wire)), 0);
    hg_procs_fini(&proc);
}

Test(proc, an_rpc_id_keeps_all_its_bits)
{
    struct hg_proc proc;
    hg_id_t id = UINT64_C(0xffff000012345678);
    hg_id_t out = 0;
    uint8_t buf[16];

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    cr_assert_eq(hg_proc_hg_id_t(&proc, &id), HG_SUCCESS);
    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_DECODE);
    cr_assert_eq(hg_proc_hg_id_t(&proc, &out), HG_SUCCESS);
    cr_assert_eq(out, id);
}

Test(proc, every_prefix_fails_to_decode)
{
    uint8_t *whole = proc_encode_sample();

    for (size_t size = 0; size < PROC_BASICS_SIZE; size++) {
        struct hg_proc proc;
        struct proc_basics out;
        uint8_t *part = malloc(size > 0 ? size : 1);

        memcpy(part, whole, size);
        hg_procs_init(&proc, NULL, size > 0 ? part : NULL, size, HG_DECODE);
        cr_assert_eq(proc_basics(&proc, &out), HG_OVERFLOW, "prefix of %zu bytes", size);
        hg_procs_fini(&proc);
        free(part);
    }
    free(whole);
}

Test(proc, decoding_past_the_end_leaves_the_data_alone)
{
    struct hg_proc proc;
    uint32_t value = 7;
    uint8_t buf[3] = {1, 2, 3};

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_DECODE);
    cr_assert_eq(hg_proc_uint32_t(&proc, &value), HG_OVERFLOW);
    cr_assert_eq(value, 7U);
    cr_assert_eq(hg_proc_get_size_left(&proc), 3U);
    cr_assert_neq(strlen(qs_error_detail()), 0U);
}

Test(proc, sizes_near_the_limit_do_not_wrap)
{
    static const hg_size_t sizes[] = {UINT64_MAX,          UINT64_MAX - 1,          UINT64_MAX - 8,
                                      (uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_C(1) << 62};
    struct hg_proc proc;
    uint8_t buf[16] = {0};
    uint8_t first = 1;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_DECODE);
        cr_assert_eq(hg_proc_bytes(&proc, buf, sizes[i]), HG_OVERFLOW);
        cr_assert_null(hg_proc_save_ptr(&proc, sizes[i]));
        cr_assert_eq(hg_proc_set_size(&proc, sizes[i]), HG_OVERFLOW);

        hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
        hg_procs_limit(&proc, 1 << 20);
        cr_assert_eq(hg_proc_uint8_t(&proc, &first), HG_SUCCESS);
        cr_assert_null(hg_proc_save_ptr(&proc, sizes[i]));
        cr_assert_eq(hg_proc_set_size(&proc, sizes[i]), HG_OVERFLOW);
        cr_assert_eq(hg_proc_get_size_used(&proc), 1U);
        hg_procs_fini(&proc);
    }
}

Test(proc, encoding_goes_on_in_an_extra_buffer_that_holds_everything)
{
    struct hg_proc proc;
    uint8_t small[16];
    uint8_t out = 0;
    hg_size_t used = 0;
    void *extra = NULL;

    hg_procs_init(&proc, NULL, small, sizeof(small), HG_ENCODE);
    for (unsigned int i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        cr_assert_eq(hg_proc_uint8_t(&proc, &byte), HG_SUCCESS);
        cr_assert_eq(hg_proc_get_extra_buf(&proc) != NULL, i >= sizeof(small));
    }
    cr_assert_eq(hg_proc_get_size_used(&proc), 100000U);
    cr_assert_geq(hg_proc_get_extra_size(&proc), 100000U);
    cr_assert_lt(hg_proc_get_extra_size(&proc), 300000U);
    extra = hg_procs_take_extra(&proc, &used);
    cr_assert_eq(used, 100000U);
    hg_procs_fini(&proc);

    hg_procs_init(&proc, NULL, extra, used, HG_DECODE);
    for (unsigned int i = 0; i < 100000; i++) {
        cr_assert_eq(hg_proc_uint8_t(&proc, &out), HG_SUCCESS);
        cr_assert_eq(out, (uint8_t)(i * 7));
    }
    cr_assert_eq(hg_proc_uint8_t(&proc, &out), HG_OVERFLOW);
    util_free(extra);
}

Test(proc, growth_by_random_pieces_keeps_all_bytes)
{
    struct util_prng prng;
    struct hg_proc proc;
    uint8_t start[32];
    uint8_t *model = malloc(1 << 20);

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < 50; round++) {
        size_t total = 0;

        hg_procs_init(&proc, NULL, start, util_prng_next(&prng) % (sizeof(start) + 1), HG_ENCODE);
        for (unsigned int piece = 0; piece < 40; piece++) {
            size_t size = (size_t)(util_prng_next(&prng) % 20000);

            memset(model + total, (int)piece, size);
            cr_assert_eq(hg_proc_bytes(&proc, model + total, size), HG_SUCCESS);
            total += size;
        }
        cr_assert_eq(hg_proc_get_size_used(&proc), total);
        cr_assert_eq(memcmp(hg_proc_get_extra_buf(&proc), model, total), 0);
        hg_procs_fini(&proc);
    }
    free(model);
}

Test(proc, a_limit_of_zero_forbids_the_extra_buffer)
{
    struct hg_proc proc;
    uint64_t value = 1;
    uint8_t buf[8];

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    hg_procs_limit(&proc, 0);
    cr_assert_eq(hg_proc_uint64_t(&proc, &value), HG_SUCCESS);
    cr_assert_eq(hg_proc_uint64_t(&proc, &value), HG_OVERFLOW);
    cr_assert_null(hg_proc_get_extra_buf(&proc));
    cr_assert_eq(hg_proc_get_size_used(&proc), 8U);
    hg_procs_fini(&proc);
}

Test(proc, a_limit_is_used_up_to_the_last_byte)
{
    struct hg_proc proc;
    uint8_t value = 1;

    hg_procs_init(&proc, NULL, NULL, 0, HG_ENCODE);
    hg_procs_limit(&proc, 5000);
    for (unsigned int i = 0; i < 5000; i++)
        cr_assert_eq(hg_proc_uint8_t(&proc, &value), HG_SUCCESS);
    cr_assert_eq(hg_proc_uint8_t(&proc, &value), HG_OVERFLOW);
    hg_procs_fini(&proc);
}

Test(proc, running_out_of_memory_keeps_what_is_encoded)
{
    struct hg_proc proc;
    uint64_t value = 42;
    uint8_t buf[8];

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    cr_assert_eq(hg_proc_uint64_t(&proc, &value), HG_SUCCESS);
    util_alloc_fail_at(1);
    cr_assert_eq(hg_proc_uint64_t(&proc, &value), HG_NOMEM);
    util_alloc_fail_at(0);
    cr_assert_eq(hg_proc_get_size_used(&proc), 8U);
    cr_assert_eq(hg_proc_uint64_t(&proc, &value), HG_SUCCESS);
    cr_assert_eq(hg_proc_get_size_used(&proc), 16U);
    hg_procs_fini(&proc);
}

Test(proc, save_ptr_reserves_and_moves_on)
{
    struct hg_proc proc;
    uint8_t buf[16];
    char *place = NULL;
    uint32_t after = 5;

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    place = hg_proc_save_ptr(&proc, 10);
    cr_assert_eq((void *)place, (void *)buf);
    memcpy(place, "0123456789", 10);
    cr_assert_eq(hg_proc_restore_ptr(&proc, place, 10), HG_SUCCESS);
    cr_assert_eq(hg_proc_uint32_t(&proc, &after), HG_SUCCESS);
    cr_assert_eq(hg_proc_get_size_used(&proc), 14U);

    hg_procs_init(&proc, NULL, buf, 14, HG_DECODE);
    place = hg_proc_save_ptr(&proc, 10);
    cr_assert_eq(memcmp(place, "0123456789", 10), 0);
    after = 0;
    cr_assert_eq(hg_proc_uint32_t(&proc, &after), HG_SUCCESS);
    cr_assert_eq(after, 5U);
    hg_procs_fini(&proc);
}

Test(proc, flush_reports_a_save_ptr_that_failed)
{
    struct hg_proc proc;
    uint8_t buf[4] = {0};

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_DECODE);
    cr_assert_null(hg_proc_save_ptr(&proc, 5));
    cr_assert_eq(hg_proc_flush(&proc), HG_OVERFLOW);
}

Test(proc, save_ptr_gives_nothing_in_the_free_pass)
{
    struct hg_proc proc;
    uint8_t buf[4] = {0};

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_FREE);
    cr_assert_null(hg_proc_save_ptr(&proc, 4));
    cr_assert_eq(hg_proc_flush(&proc), HG_SUCCESS);
}

Test(proc, the_free_pass_touches_neither_buffer_nor_data)
{
    struct hg_proc proc;
    struct proc_basics copy = proc_sample;

    hg_procs_init(&proc, NULL, NULL, 0, HG_FREE);
    cr_assert_eq(proc_basics(&proc, &copy), HG_SUCCESS);
    proc_check_sample(&copy);
}

Test(proc, create_set_works_on_the_callers_buffer_without_a_handle)
{
    hg_proc_t proc = HG_PROC_NULL;
    struct proc_basics out;
    uint8_t *buf = proc_encode_sample();

    cr_assert_eq(hg_proc_create_set(NULL, buf, PROC_BASICS_SIZE, HG_DECODE, HG_NOHASH, &proc), HG_SUCCESS);
    cr_assert_null(hg_proc_get_handle(proc));
    cr_assert_null(hg_proc_get_class(proc));
    cr_assert_eq(hg_proc_get_op(proc), HG_DECODE);
    cr_assert_eq(proc_basics(proc, &out), HG_SUCCESS);
    proc_check_sample(&out);
    cr_assert_eq(hg_proc_get_size_used(proc), PROC_BASICS_SIZE);
    cr_assert_eq(hg_proc_free(proc), HG_SUCCESS);
    free(buf);
}

Test(proc, reset_starts_over)
{
    hg_proc_t proc = HG_PROC_NULL;
    uint64_t value = 3;
    uint8_t buf[4];

    cr_assert_eq(hg_proc_create(NULL, HG_NOHASH, &proc), HG_SUCCESS);
    cr_assert_eq(hg_proc_reset(proc, buf, sizeof(buf), HG_ENCODE), HG_SUCCESS);
    hg_proc_set_flags(proc, HG_PROC_SM);
    cr_assert_eq(hg_proc_uint64_t(proc, &value), HG_SUCCESS);
    cr_assert_not_null(hg_proc_get_extra_buf(proc));
    cr_assert_eq(hg_proc_reset(proc, buf, sizeof(buf), HG_DECODE), HG_SUCCESS);
    cr_assert_null(hg_proc_get_extra_buf(proc));
    cr_assert_eq(hg_proc_get_extra_size(proc), 0U);
    cr_assert_eq(hg_proc_get_flags(proc), 0U);
    cr_assert_eq(hg_proc_get_size_left(proc), sizeof(buf));
    cr_assert_eq(hg_proc_free(proc), HG_SUCCESS);
}

Test(proc, an_extra_buffer_that_is_the_callers_outlives_the_processor)
{
    hg_proc_t proc = HG_PROC_NULL;
    uint64_t value = 3;
    void *extra = NULL;

    cr_assert_eq(hg_proc_create_set(NULL, NULL, 0, HG_ENCODE, HG_NOHASH, &proc), HG_SUCCESS);
    cr_assert_eq(hg_proc_set_extra_buf_is_mine(proc, 1), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_uint64_t(proc, &value), HG_SUCCESS);
    extra = hg_proc_get_extra_buf(proc);
    cr_assert_eq(hg_proc_set_extra_buf_is_mine(proc, 1), HG_SUCCESS);
    cr_assert_eq(hg_proc_free(proc), HG_SUCCESS);
    cr_assert_eq(*(uint8_t *)extra, 3U);
    free(extra);
}

Test(proc, bad_arguments_are_refused)
{
    hg_proc_t proc = HG_PROC_NULL;
    uint8_t buf[4];

    cr_assert_eq(hg_proc_create(NULL, HG_NOHASH, NULL), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_create(NULL, (hg_proc_hash_t)9, &proc), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_create_set(NULL, NULL, 4, HG_ENCODE, HG_NOHASH, &proc), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_create_set(NULL, buf, 4, (hg_proc_op_t)9, HG_NOHASH, &proc), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_create_set(NULL, buf, UINT64_MAX, HG_DECODE, HG_NOHASH, &proc), HG_INVALID_ARG);
    cr_assert_null(proc);
    cr_assert_eq(hg_proc_free(HG_PROC_NULL), HG_SUCCESS);
    cr_assert_eq(hg_proc_reset(HG_PROC_NULL, buf, 4, HG_ENCODE), HG_INVALID_ARG);
    cr_assert_eq(hg_proc_flush(HG_PROC_NULL), HG_INVALID_ARG);
}

/* The published check values of the three polynomials, over "123456789". */
Test(proc, checksums_are_the_published_ones)
{
    static const struct {
        hg_proc_hash_t hash;
        size_t size;
        uint64_t value;
    } known[] = {
        {HG_CRC16, 2, 0xd0db},
        {HG_CRC32, 4, 0xe3069283},
        {HG_CRC64, 8, UINT64_C(0x995dc9bbdf1939fa)},
    };
    char digits[] = "123456789";

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        hg_proc_t proc = HG_PROC_NULL;
        uint8_t buf[16];
        uint8_t sum[8] = {0};
        uint64_t value = 0;

        cr_assert_eq(hg_proc_create_set(NULL, buf, 4, HG_ENCODE, known[i].hash, &proc), HG_SUCCESS);
        cr_assert_eq(hg_proc_checksum_get(proc, sum, sizeof(sum)), HG_INVALID_ARG, "before the flush");
        cr_assert_eq(hg_proc_bytes(proc, digits, 9), HG_SUCCESS);
        cr_assert_eq(hg_proc_flush(proc), HG_SUCCESS);
        cr_assert_eq(hg_proc_checksum_get(proc, sum, known[i].size - 1), HG_OVERFLOW);
        cr_assert_eq(hg_proc_checksum_get(proc, sum, known[i].size), HG_SUCCESS);
        for (size_t b = 0; b < known[i].size; b++)
            value |= (uint64_t)sum[b] << (8 * b);
        cr_assert_eq(value, known[i].value);
        cr_assert_eq(hg_proc_checksum_verify(proc, sum, known[i].size), HG_SUCCESS);
        sum[0] ^= 1;
        cr_assert_eq(hg_proc_checksum_verify(proc, sum, known[i].size), HG_CHECKSUM_ERROR);
        cr_assert_eq(hg_proc_free(proc), HG_SUCCESS);
    }
}

Test(proc, the_checksum_of_the_decoder_is_that_of_the_encoder)
{
    hg_proc_t proc = HG_PROC_NULL;
    struct proc_basics data = proc_sample;
    uint8_t buf[64];
    uint8_t sum[4];
    char more[] = "seen by both";

    cr_assert_eq(hg_proc_create_set(NULL, buf, sizeof(buf), HG_ENCODE, HG_CRC32, &proc), HG_SUCCESS);
    hg_proc_checksum_update(proc, more, sizeof(more));
    cr_assert_eq(proc_basics(proc, &data), HG_SUCCESS);
    cr_assert_eq(hg_proc_flush(proc), HG_SUCCESS);
    cr_assert_eq(hg_proc_checksum_get(proc, sum, sizeof(sum)), HG_SUCCESS);
    cr_assert_eq(hg_proc_reset(proc, buf, sizeof(buf), HG_DECODE), HG_SUCCESS);
    hg_proc_checksum_update(proc, more, sizeof(more));
    cr_assert_eq(proc_basics(proc, &data), HG_SUCCESS);
    cr_assert_eq(hg_proc_flush(proc), HG_SUCCESS);
    cr_assert_eq(hg_proc_checksum_verify(proc, sum, sizeof(sum)), HG_SUCCESS);
    cr_assert_eq(hg_proc_free(proc), HG_SUCCESS);
}

/* The macros that programs copied from Mercury's own functions. */
static hg_return_t proc_by_macros(hg_proc_t proc, void *data)
{
    struct proc_basics *b = data;
    hg_return_t ret = HG_SUCCESS;

    HG_PROC_TYPE(proc, uint64_t, &b->u64, done, ret);
    HG_PROC_BYTES(proc, b->bytes, sizeof(b->bytes), done, ret);
    HG_PROC_CHECK_SIZE(proc, sizeof(b->u8), done, ret);
    if (hg_proc_get_op(proc) == HG_ENCODE)
        HG_PROC_TYPE_ENCODE(proc, &b->u8, sizeof(b->u8));
    else
        HG_PROC_TYPE_DECODE(proc, &b->u8, sizeof(b->u8));
    HG_PROC_UPDATE(proc, sizeof(b->u8));
    HG_PROC_CHECKSUM_UPDATE(proc, &b->u8, sizeof(b->u8));
done:
    return ret;
}

Test(proc, the_macros_of_mercury_encode_decode_and_stop_at_the_end)
{
    struct hg_proc proc;
    struct proc_basics in = proc_sample;
    struct proc_basics out = {0};
    uint8_t buf[4];
    hg_size_t used = 0;
    void *extra = NULL;

    hg_procs_init(&proc, NULL, buf, sizeof(buf), HG_ENCODE);
    cr_assert_eq(proc_by_macros(&proc, &in), HG_SUCCESS);
    extra = hg_procs_take_extra(&proc, &used);
    cr_assert_eq(used, 14U);
    for (hg_size_t size = 0; size <= used; size++) {
        hg_procs_init(&proc, NULL, extra, size, HG_DECODE);
        cr_assert_eq(proc_by_macros(&proc, &out), size == used ? HG_SUCCESS : HG_OVERFLOW);
    }
    cr_assert_eq(out.u64, in.u64);
    cr_assert_eq(out.u8, in.u8);
    hg_procs_init(&proc, NULL, NULL, 0, HG_FREE);
    cr_assert_eq(proc_by_macros(&proc, &out), HG_SUCCESS);
    util_free(extra);
}
