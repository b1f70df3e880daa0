/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Generated structs and procs: none to many fields, nested, and what a failure half way leaves behind.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_procs.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

TestSuite(proc_macros, .init = support_begin, .fini = support_end);

MERCURY_GEN_PROC(none_t, )
MERCURY_GEN_PROC(one_t, ((int32_t)(number)))
MERCURY_GEN_PROC(inner_t, ((hg_string_t)(name))((uint16_t)(port)))
MERCURY_GEN_PROC(outer_t,
                 ((uint8_t)(kind))((inner_t)(first))((hg_const_string_t)(title))((inner_t)(second))((hg_bool_t)(last)))
MERCURY_GEN_PROC(outest_t, ((outer_t)(left))((none_t)(nothing))((outer_t)(right)))

/* A field list may be a macro, and a struct may be the program's own, with members that are not sent. */
#define LISTED_FIELDS ((hg_size_t)(size))((hg_id_t)(id))
typedef struct {
    void *mine;
    hg_size_t size;
    hg_id_t id;
} listed_t;
MERCURY_GEN_STRUCT_PROC(listed_t, LISTED_FIELDS)

/* 128 fields: f00 ... f7f. */
#define FIELDS_16(p)                                                                                                 \
    ((uint16_t)(p##0))((uint16_t)(p##1))((uint16_t)(p##2))((uint16_t)(p##3))((uint16_t)(p##4))((uint16_t)(p##5))(    \
        (uint16_t)(p##6))((uint16_t)(p##7))((uint16_t)(p##8))((uint16_t)(p##9))((uint16_t)(p##a))((uint16_t)(p##b))( \
        (uint16_t)(p##c))((uint16_t)(p##d))((uint16_t)(p##e))((uint16_t)(p##f))
#define FIELDS_128 \
    FIELDS_16(f0) FIELDS_16(f1) FIELDS_16(f2) FIELDS_16(f3) FIELDS_16(f4) FIELDS_16(f5) FIELDS_16(f6) FIELDS_16(f7)
MERCURY_GEN_PROC(many_t, FIELDS_128)

/* Encodes with a proc into a heap block of exactly the size used. */
static uint8_t *proc_macros_encode(hg_proc_cb_t cb, void *data, size_t *size)
{
    struct hg_proc proc;
    hg_size_t used = 0;
    void *extra = NULL;
    uint8_t *exact = NULL;

    hg_procs_init(&proc, NULL, NULL, 0, HG_ENCODE);
    cr_assert_eq(cb(&proc, data), HG_SUCCESS);
    extra = hg_procs_take_extra(&proc, &used);
    exact = malloc(used > 0 ? (size_t)used : 1);
    if (used > 0)
        memcpy(exact, extra, (size_t)used);
    util_free(extra);
    *size = (size_t)used;
    return exact;
}

static hg_return_t proc_macros_run(hg_proc_cb_t cb, void *buf, size_t size, hg_proc_op_t op, void *data)
{
    struct hg_proc proc;

    hg_procs_init(&proc, NULL, size > 0 ? buf : NULL, size, op);
    return cb(&proc, data);
}

static outest_t proc_macros_sample(void)
{
    static char name[] = "name";
    static char empty[] = "";
    outest_t sample = {
        .left = {1, {name, 2}, "title", {empty, 3}, 1},
        .right = {4, {NULL, 5}, NULL, {name, 6}, 0},
    };

    return sample;
}

Test(proc_macros, a_struct_without_fields_encodes_to_nothing)
{
    none_t none;
    size_t size = 1;
    uint8_t *buf = proc_macros_encode(hg_proc_none_t, &none, &size);

    cr_assert_eq(size, 0U);
    cr_assert_eq(proc_macros_run(hg_proc_none_t, buf, 0, HG_DECODE, &none), HG_SUCCESS);
    free(buf);
}

Test(proc_macros, a_struct_of_one_field_round_trips)
{
    one_t in = {-5};
    one_t out = {0};
    size_t size = 0;
    uint8_t *buf = proc_macros_encode(hg_proc_one_t, &in, &size);

    cr_assert_eq(size, 4U);
    cr_assert_eq(proc_macros_run(hg_proc_one_t, buf, size, HG_DECODE, &out), HG_SUCCESS);
    cr_assert_eq(out.number, -5);
    free(buf);
}

Test(proc_macros, a_struct_of_128_fields_round_trips)
{
    many_t in;
    many_t out;
    uint16_t values[128];
    size_t size = 0;
    uint8_t *buf = NULL;

    cr_assert_eq(sizeof(many_t), sizeof(values));
    for (uint16_t i = 0; i < 128; i++)
        values[i] = (uint16_t)(i * 257);
    memcpy(&in, values, sizeof(in));
    memset(&out, 0, sizeof(out));
    buf = proc_macros_encode(hg_proc_many_t, &in, &size);
    cr_assert_eq(size, sizeof(values));
    cr_assert_eq(proc_macros_run(hg_proc_many_t, buf, size, HG_DECODE, &out), HG_SUCCESS);
    cr_assert_eq(memcmp(&out, &in, sizeof(in)), 0);
    cr_assert_eq(out.f7f, 127U * 257U);
    free(buf);
}

Test(proc_macros, members_that_are_not_listed_are_left_alone)
{
    int mark = 0;
    listed_t in = {&mark, 1, 2};
    listed_t out = {&mark, 0, 0};
    size_t size = 0;
    uint8_t *buf = proc_macros_encode(hg_proc_listed_t, &in, &size);

    cr_assert_eq(size, 16U);
    cr_assert_eq(proc_macros_run(hg_proc_listed_t, buf, size, HG_DECODE, &out), HG_SUCCESS);
    cr_assert_eq(out.mine, (void *)&mark);
    cr_assert_eq(out.id, 2U);
    free(buf);
}

Test(proc_macros, nested_structs_round_trip)
{
    outest_t in = proc_macros_sample();
    outest_t out;
    size_t size = 0;
    uint8_t *buf = proc_macros_encode(hg_proc_outest_t, &in, &size);

    cr_assert_eq(proc_macros_run(hg_proc_outest_t, buf, size, HG_DECODE, &out), HG_SUCCESS);
    cr_assert_str_eq(out.left.first.name, "name");
    cr_assert_str_eq(out.left.title, "title");
    cr_assert_str_eq(out.left.second.name, "");
    cr_assert_eq(out.left.second.port, 3U);
    cr_assert_null(out.right.first.name);
    cr_assert_null(out.right.title);
    cr_assert_str_eq(out.right.second.name, "name");
    cr_assert_eq(proc_macros_run(hg_proc_outest_t, NULL, 0, HG_FREE, &out), HG_SUCCESS);
    cr_assert_null(out.left.first.name);
    free(buf);
}

/* That nothing leaks is checked by the end of the test under AddressSanitizer. */
Test(proc_macros, every_prefix_fails_to_decode_and_leaves_nothing_allocated)
{
    outest_t in = proc_macros_sample();
    size_t size = 0;
    uint8_t *whole = proc_macros_encode(hg_proc_outest_t, &in, &size);

    for (size_t part = 0; part < size; part++) {
        outest_t out;
        uint8_t *buf = malloc(part > 0 ? part : 1);

        memcpy(buf, whole, part);
        cr_assert_eq(proc_macros_run(hg_proc_outest_t, buf, part, HG_DECODE, &out), HG_OVERFLOW);
        free(buf);
    }
    free(whole);
}

Test(proc_macros, running_out_of_memory_anywhere_leaves_nothing_allocated)
{
    outest_t in = proc_macros_sample();
    size_t size = 0;
    uint8_t *buf = proc_macros_encode(hg_proc_outest_t, &in, &size);
    hg_return_t ret = HG_NOMEM;
    outest_t out;
    uint64_t n = 0;

    while (ret == HG_NOMEM) {
        util_alloc_fail_at(++n);
        ret = proc_macros_run(hg_proc_outest_t, buf, size, HG_DECODE, &out);
        util_alloc_fail_at(0);
    }
    cr_assert_eq(ret, HG_SUCCESS);
    cr_assert_eq(n, 5U, "four strings are allocated, so the fifth attempt succeeds");
    cr_assert_eq(proc_macros_run(hg_proc_outest_t, NULL, 0, HG_FREE, &out), HG_SUCCESS);
    free(buf);
}

Test(proc_macros, damaged_bytes_never_crash)
{
    outest_t in = proc_macros_sample();
    size_t size = 0;
    uint8_t *whole = proc_macros_encode(hg_proc_outest_t, &in, &size);
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < 20000; round++) {
        uint8_t *buf = malloc(size);
        outest_t out;

        memcpy(buf, whole, size);
        for (unsigned int i = 0; i <= round % 4; i++)
            buf[util_prng_next(&prng) % size] = (uint8_t)util_prng_next(&prng);
        if (proc_macros_run(hg_proc_outest_t, buf, size, HG_DECODE, &out) == HG_SUCCESS)
            cr_assert_eq(proc_macros_run(hg_proc_outest_t, NULL, 0, HG_FREE, &out), HG_SUCCESS);
        free(buf);
    }
    free(whole);
}

Test(proc_macros, a_null_bulk_handle_is_eight_zero_bytes)
{
    static const uint8_t zeros[8] = {0};
    int mark = 0;
    hg_bulk_t in = HG_BULK_NULL;
    hg_bulk_t out = (hg_bulk_t)(void *)&mark;
    size_t size = 0;
    uint8_t *buf = proc_macros_encode(hg_proc_hg_bulk_t, &in, &size);

    cr_assert_eq(size, sizeof(zeros));
    cr_assert_eq(memcmp(buf, zeros, sizeof(zeros)), 0);
    cr_assert_eq(proc_macros_run(hg_proc_hg_bulk_t, buf, size, HG_DECODE, &out), HG_SUCCESS);
    cr_assert_null(out);
    cr_assert_eq(proc_macros_run(hg_proc_hg_bulk_t, NULL, 0, HG_FREE, &out), HG_SUCCESS);
    free(buf);
}

Test(proc_macros, a_bulk_descriptor_longer_than_the_message_is_refused)
{
    uint8_t buf[32] = {0};
    hg_bulk_t out = HG_BULK_NULL;

    for (unsigned int i = 0; i < 8; i++) {
        memset(buf, 0, sizeof(buf));
        buf[i] = 0xff;
        cr_assert_eq(proc_macros_run(hg_proc_hg_bulk_t, buf, sizeof(buf), HG_DECODE, &out), HG_OVERFLOW);
    }
    cr_assert_null(out);
}
