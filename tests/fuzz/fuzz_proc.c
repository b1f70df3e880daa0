/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Decoding with every type of processor. The input is a program and a message: a byte with the number
 * of steps, a byte per step with the type to decode, and the rest is what is decoded from.
 *
 * Checked beyond "no crash, no leak": a step never takes more than there is, a failed step leaves
 * its data as it was, and what was decoded encodes and decodes again to the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_procs.h"
#include "mercury.h"
#include "quicksilver.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"

#define STEPS_MAX 16U

MERCURY_GEN_PROC(fuzz_inner_t, ((hg_string_t)(name))((uint16_t)(port)))
MERCURY_GEN_PROC(fuzz_outer_t, ((uint8_t)(kind))((fuzz_inner_t)(first))((hg_const_string_t)(title))(
                                   (fuzz_inner_t)(second))((hg_bulk_t)(bulk))((hg_size_t)(size)))

enum step_kind {
    STEP_U8,
    STEP_U16,
    STEP_U32,
    STEP_U64,
    STEP_BYTES,
    STEP_RAW,
    STEP_STRING,
    STEP_CONST_STRING,
    STEP_OBJECT,
    STEP_BULK,
    STEP_STRUCT,
    STEP_KIND_COUNT,
};

enum { MEMORY_STEP = 4096 }; /* what one value takes besides its bytes: a bulk handle with its paths */

struct step {
    enum step_kind kind;
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        uint8_t bytes[32];
        hg_string_t string;
        hg_const_string_t const_string;
        hg_string_object_t object;
        hg_bulk_t bulk;
        fuzz_outer_t outer;
    } value;
};

/* Bytes by save_ptr, as many as the kind's own size says. */
static hg_return_t step_raw(hg_proc_t proc, uint8_t *bytes, size_t size)
{
    void *place = hg_proc_save_ptr(proc, size);

    if (hg_proc_get_op(proc) == HG_FREE)
        return HG_SUCCESS;
    if (place == NULL) {
        SUPPORT_CHECK(hg_proc_flush(proc) != HG_SUCCESS);
        return HG_OVERFLOW;
    }
    if (hg_proc_get_op(proc) == HG_ENCODE)
        memcpy(place, bytes, size);
    else
        memcpy(bytes, place, size);
    return hg_proc_restore_ptr(proc, place, size);
}

static hg_return_t step_run(hg_proc_t proc, struct step *step)
{
    switch (step->kind) {
    case STEP_U8:
        return hg_proc_uint8_t(proc, &step->value.u8);
    case STEP_U16:
        return hg_proc_uint16_t(proc, &step->value.u16);
    case STEP_U32:
        return hg_proc_uint32_t(proc, &step->value.u32);
    case STEP_U64:
        return hg_proc_uint64_t(proc, &step->value.u64);
    case STEP_BYTES:
        return hg_proc_bytes(proc, step->value.bytes, sizeof(step->value.bytes));
    case STEP_RAW:
        return step_raw(proc, step->value.bytes, sizeof(step->value.bytes));
    case STEP_STRING:
        return hg_proc_hg_string_t(proc, &step->value.string);
    case STEP_CONST_STRING:
        return hg_proc_hg_const_string_t(proc, &step->value.const_string);
    case STEP_OBJECT:
        return hg_proc_hg_string_object_t(proc, &step->value.object);
    case STEP_BULK:
        return hg_proc_hg_bulk_t(proc, &step->value.bulk);
    case STEP_STRUCT:
    case STEP_KIND_COUNT:
    default:
        return hg_proc_fuzz_outer_t(proc, &step->value.outer);
    }
}

/* Decodes until a step fails; gives the number of steps that did not. */
static size_t decode(struct step *steps, size_t count, const uint8_t *message, size_t size)
{
    struct hg_proc proc;

    hg_procs_init(&proc, NULL, size > 0 ? (void *)(uintptr_t)message : NULL, size, HG_DECODE);
    for (size_t i = 0; i < count; i++) {
        struct step before = steps[i];
        hg_return_t ret = step_run(&proc, &steps[i]);

        SUPPORT_CHECK(hg_proc_get_size_used(&proc) <= size);
        SUPPORT_CHECK(hg_proc_get_size_left(&proc) == size - hg_proc_get_size_used(&proc));
        if (ret != HG_SUCCESS) {
            /* A struct may keep the fields that came before the failure; what they owned is gone. */
            SUPPORT_CHECK(steps[i].kind == STEP_STRUCT || memcmp(&before, &steps[i], sizeof(before)) == 0);
            return i;
        }
    }
    return count;
}

static void release(struct step *steps, size_t count)
{
    struct hg_proc proc;

    hg_procs_init(&proc, NULL, NULL, 0, HG_FREE);
    for (size_t i = 0; i < count; i++)
        SUPPORT_CHECK(step_run(&proc, &steps[i]) == HG_SUCCESS);
}

/* Encodes; the caller frees what it gets. */
static void *encode(struct step *steps, size_t count, hg_size_t *size)
{
    struct hg_proc proc;

    *size = 0;
    hg_procs_init(&proc, NULL, NULL, 0, HG_ENCODE);
    for (size_t i = 0; i < count; i++)
        SUPPORT_CHECK(step_run(&proc, &steps[i]) == HG_SUCCESS);
    return hg_procs_take_extra(&proc, size);
}

/* Decoding what was encoded and encoding it again must give the same bytes. */
static void check_round_trip(const struct step *steps, size_t count, const void *bytes, hg_size_t size)
{
    struct step again[STEPS_MAX];
    hg_size_t size_again = 0;
    void *bytes_again = NULL;

    memset(again, 0, sizeof(again));
    for (size_t i = 0; i < count; i++)
        again[i].kind = steps[i].kind;
    SUPPORT_CHECK(decode(again, count, bytes, (size_t)size) == count);
    bytes_again = encode(again, count, &size_again);
    SUPPORT_CHECK(size_again == size);
    SUPPORT_CHECK(size == 0 || memcmp(bytes, bytes_again, (size_t)size) == 0);
    util_free(bytes_again);
    release(again, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct step steps[STEPS_MAX];
    size_t count = size > 0 ? data[0] % (STEPS_MAX + 1) : 0;
    size_t decoded = 0;
    hg_size_t encoded_size = 0;
    void *encoded = NULL;
    uint64_t before;

    if (size < 1 + count)
        return 0;
    HG_Set_log_level("none");
    memset(steps, 0, sizeof(steps));
    for (size_t i = 0; i < count; i++)
        steps[i].kind = (enum step_kind)(data[1 + i] % STEP_KIND_COUNT);
    before = fuzz_memory_begin();
    decoded = decode(steps, count, data + 1 + count, size - 1 - count);
    fuzz_memory_check(before, size, count * MEMORY_STEP);
    encoded = encode(steps, decoded, &encoded_size);
    check_round_trip(steps, decoded, encoded, encoded_size);
    util_free(encoded);
    release(steps, decoded);
    return 0;
}
