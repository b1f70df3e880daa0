/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Strings and string objects: the wire form, its bounds, and who frees what.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_procs.h"
#include "mercury_proc_string.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"

TestSuite(proc_string, .init = support_begin, .fini = support_end);

/* Encodes into a heap block of exactly the size used. */
static uint8_t *proc_string_encode(const char *text, size_t *size)
{
    struct hg_proc proc;
    hg_const_string_t copy = text;
    hg_size_t used = 0;
    void *extra = NULL;
    uint8_t *exact = NULL;

    hg_procs_init(&proc, NULL, NULL, 0, HG_ENCODE);
    cr_assert_eq(hg_proc_hg_const_string_t(&proc, &copy), HG_SUCCESS);
    extra = hg_procs_take_extra(&proc, &used);
    exact = malloc((size_t)used);
    memcpy(exact, extra, (size_t)used);
    util_free(extra);
    *size = (size_t)used;
    return exact;
}

static hg_return_t proc_string_decode(uint8_t *buf, size_t size, hg_string_t *out)
{
    struct hg_proc proc;

    hg_procs_init(&proc, NULL, size > 0 ? buf : NULL, size, HG_DECODE);
    return hg_proc_hg_string_t(&proc, out);
}

static void proc_string_free(hg_string_t *text)
{
    struct hg_proc proc;

    hg_procs_init(&proc, NULL, NULL, 0, HG_FREE);
    cr_assert_eq(hg_proc_hg_string_t(&proc, text), HG_SUCCESS);
    cr_assert_null(*text);
}

Test(proc_string, strings_survive_a_round_trip)
{
    static const char *const texts[] = {"", "a", "hello", "a somewhat longer text, with \xff bytes"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size = 0;
        uint8_t *buf = proc_string_encode(texts[i], &size);
        hg_string_t out = NULL;

        cr_assert_eq(size, 8 + strlen(texts[i]) + 1 + 2);
        cr_assert_eq(proc_string_decode(buf, size, &out), HG_SUCCESS);
        cr_assert_str_eq(out, texts[i]);
        proc_string_free(&out);
        free(buf);
    }
}

Test(proc_string, null_stays_null)
{
    size_t size = 0;
    uint8_t *buf = proc_string_encode(NULL, &size);
    char other[] = "x";
    hg_string_t out = other;

    cr_assert_eq(proc_string_decode(buf, size, &out), HG_SUCCESS);
    cr_assert_null(out);
    proc_string_free(&out);
    free(buf);
}

Test(proc_string, the_wire_form_is_length_bytes_and_two_flags)
{
    static const uint8_t wire[] = {3, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 0, 1, 0};
    size_t size = 0;
    uint8_t *buf = proc_string_encode("hi", &size);

    cr_assert_eq(size, sizeof(wire));
    cr_assert_eq(memcmp(buf, wire, sizeof(wire)), 0);
    free(buf);
}

Test(proc_string, every_prefix_fails_to_decode)
{
    size_t size = 0;
    uint8_t *whole = proc_string_encode("some text", &size);

    for (size_t part = 0; part < size; part++) {
        uint8_t *buf = malloc(part > 0 ? part : 1);
        char other[] = "x";
        hg_string_t out = other;

        memcpy(buf, whole, part);
        cr_assert_eq(proc_string_decode(buf, part, &out), HG_OVERFLOW, "prefix of %zu bytes", part);
        cr_assert_eq((void *)out, (void *)other);
        free(buf);
    }
    free(whole);
}

Test(proc_string, a_length_that_wraps_is_refused_without_allocating)
{
    for (unsigned int shift = 0; shift < 12; shift++) {
        uint64_t length = UINT64_MAX - shift;
        uint8_t buf[16] = {0};
        hg_string_t out = NULL;

        memcpy(buf, &length, sizeof(length));
        util_alloc_fail_at(UINT64_MAX);
        cr_assert_eq(proc_string_decode(buf, sizeof(buf), &out), HG_OVERFLOW);
        cr_assert_eq(util_alloc_count(), 0U);
        util_alloc_fail_at(0);
    }
}

Test(proc_string, a_missing_terminator_is_refused)
{
    size_t size = 0;
    uint8_t *buf = proc_string_encode("text", &size);
    hg_string_t out = NULL;

    buf[8 + 4] = '!';
    cr_assert_eq(proc_string_decode(buf, size, &out), HG_PROTOCOL_ERROR);
    buf[8 + 4] = 0;
    buf[8 + 1] = 0;
    cr_assert_eq(proc_string_decode(buf, size, &out), HG_PROTOCOL_ERROR, "a zero byte inside");
    cr_assert_null(out);
    free(buf);
}

Test(proc_string, the_owned_flag_of_a_peer_decides_nothing)
{
    size_t size = 0;
    uint8_t *buf = proc_string_encode("text", &size);

    for (unsigned int flags = 0; flags < 4; flags++) {
        struct hg_proc proc;
        hg_string_object_t object;

        buf[size - 2] = (uint8_t)((flags & 1) * 0xff);
        buf[size - 1] = (uint8_t)((flags & 2) * 0x7f);
        hg_procs_init(&proc, NULL, buf, size, HG_DECODE);
        cr_assert_eq(hg_proc_hg_string_object_t(&proc, &object), HG_SUCCESS);
        cr_assert(object.is_owned);
        cr_assert_str_eq(object.data, "text");
        hg_procs_init(&proc, NULL, NULL, 0, HG_FREE);
        cr_assert_eq(hg_proc_hg_string_object_t(&proc, &object), HG_SUCCESS);
        cr_assert_null(object.data);
    }
    free(buf);
}

Test(proc_string, running_out_of_memory_is_an_error)
{
    size_t size = 0;
    uint8_t *buf = proc_string_encode("text", &size);
    hg_string_t out = NULL;

    util_alloc_fail_at(1);
    cr_assert_eq(proc_string_decode(buf, size, &out), HG_NOMEM);
    util_alloc_fail_at(0);
    cr_assert_null(out);
    free(buf);
}

Test(proc_string, objects_free_only_what_they_own)
{
    hg_string_object_t object;
    char local[] = "local";

    cr_assert_eq(hg_string_object_init(&object), HG_SUCCESS);
    cr_assert_null(object.data);
    cr_assert_eq(hg_string_object_init_char(&object, local, 0), HG_SUCCESS);
    cr_assert_eq(hg_string_object_free(&object), HG_SUCCESS);
    cr_assert_eq(hg_string_object_init_const_char(&object, "constant", 0), HG_SUCCESS);
    cr_assert(object.is_const);
    cr_assert_eq(hg_string_object_free(&object), HG_SUCCESS);
    cr_assert_eq(hg_string_object_init_char(&object, strdup("owned"), 1), HG_SUCCESS);
    cr_assert_eq(hg_string_object_free(&object), HG_SUCCESS);
    cr_assert_eq(hg_string_object_free(&object), HG_SUCCESS, "twice");
    cr_assert_eq(hg_string_object_free(NULL), HG_SUCCESS);
    cr_assert_eq(hg_string_object_init(NULL), HG_INVALID_ARG);
}

Test(proc_string, a_duplicate_owns_its_string)
{
    hg_string_object_t object;
    hg_string_object_t copy;
    char local[] = "local";

    cr_assert_eq(hg_string_object_init_char(&object, local, 0), HG_SUCCESS);
    cr_assert_eq(hg_string_object_dup(object, &copy), HG_SUCCESS);
    local[0] = 'L';
    cr_assert_str_eq(copy.data, "local");
    cr_assert(copy.is_owned);
    cr_assert_eq(hg_string_object_dup(object, NULL), HG_INVALID_ARG);
    cr_assert_eq(hg_string_object_free(&copy), HG_SUCCESS);
}

Test(proc_string, swap_exchanges_and_frees_nothing)
{
    hg_string_object_t object;
    char first[] = "first";
    char second[] = "second";

    cr_assert_eq(hg_string_object_init_char(&object, first, 0), HG_SUCCESS);
    cr_assert_eq((void *)hg_string_object_swap(&object, second), (void *)first);
    cr_assert_eq((void *)object.data, (void *)second);
    cr_assert_eq((void *)hg_string_object_swap(&object, NULL), (void *)second);
}
