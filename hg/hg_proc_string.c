/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Strings on the wire: uint64 length with terminator (0 for NULL), the bytes, one byte "is constant",
 * one byte "is owned".
 *
 * What a peer sends decides nothing about memory: the length is checked against what is there before
 * anything is allocated, the terminator is verified, and what has been decoded is always our own
 * allocation, freed by the HG_FREE pass with free() or by whoever takes it over.
 */
#include "mercury_proc_string.h"

#include "hg/hg_error.h"
#include "util/util_alloc.h"
#include "util/util_log.h"

#define HG_PROC_STRING_FLAGS 2 /* bytes after the string */

static hg_return_t hg_proc_string_encode(hg_proc_t proc, const char *data, bool is_const, bool is_owned)
{
    uint64_t length = data != NULL ? (uint64_t)strlen(data) + 1 : 0;
    uint8_t flags[HG_PROC_STRING_FLAGS] = {is_const, is_owned};
    hg_return_t ret = qs_proc_reserve(proc, sizeof(length) + length + sizeof(flags));

    if (ret != HG_SUCCESS)
        return ret;
    (void)hg_proc_uint64_t(proc, &length);
    (void)hg_proc_bytes(proc, (void *)(uintptr_t)data, length);
    (void)hg_proc_bytes(proc, flags, sizeof(flags));
    return HG_SUCCESS;
}

/* Whether `length` bytes at `data` are one string: a zero at the end and nowhere else. */
static bool hg_proc_string_terminated(const char *data, uint64_t length)
{
    return memchr(data, '\0', (size_t)length) == data + length - 1;
}

/* Allocates and copies a string of `length` bytes, which are there, from the current position. */
static hg_return_t hg_proc_string_copy(hg_proc_t proc, uint64_t length, char **out)
{
    char *copy = NULL;

    if (!hg_proc_string_terminated(proc->pos, length)) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_PROC,
                         "decoding a string of %llu bytes whose only zero byte is not the last",
                         (unsigned long long)length);
        return hg_error_set(HG_PROTOCOL_ERROR, "decoding: a string of %llu bytes without its terminator",
                            (unsigned long long)length);
    }
    copy = util_malloc((size_t)length);
    if (copy == NULL)
        return hg_error_set(HG_NOMEM, "decoding: no memory for a string of %llu bytes", (unsigned long long)length);
    (void)hg_proc_bytes(proc, copy, length);
    *out = copy;
    return HG_SUCCESS;
}

static hg_return_t hg_proc_string_decode(hg_proc_t proc, char **out, bool *is_const)
{
    uint64_t length = 0;
    char *copy = NULL;
    uint8_t flags[HG_PROC_STRING_FLAGS] = {0};
    hg_return_t ret = hg_proc_uint64_t(proc, &length);

    if (ret != HG_SUCCESS)
        return ret;
    if (length > proc->size_left || proc->size_left - length < sizeof(flags))
        return qs_proc_reserve(proc, length > proc->size_left ? length : length + sizeof(flags));
    if (length > 0) {
        ret = hg_proc_string_copy(proc, length, &copy);
        if (ret != HG_SUCCESS)
            return ret;
    }
    (void)hg_proc_bytes(proc, flags, sizeof(flags));
    *out = copy;
    *is_const = flags[0] != 0;
    return HG_SUCCESS;
}

hg_return_t hg_proc_hg_string_object_t(hg_proc_t proc, void *string)
{
    hg_string_object_t *object = string;
    bool is_const = false;
    hg_return_t ret = HG_SUCCESS;

    if (proc == HG_PROC_NULL || object == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_hg_string_object_t: no processor or no string object");
    switch (hg_proc_get_op(proc)) {
    case HG_ENCODE:
        return hg_proc_string_encode(proc, object->data, object->is_const, object->is_owned);
    case HG_DECODE:
        ret = hg_proc_string_decode(proc, &object->data, &is_const);
        if (ret != HG_SUCCESS)
            return ret;
        object->is_const = is_const;
        object->is_owned = true;
        return HG_SUCCESS;
    case HG_FREE:
        return hg_string_object_free(object);
    default:
        return hg_error_set(HG_INVALID_ARG, "processor: unknown operation %d", (int)hg_proc_get_op(proc));
    }
}

/* The two plain kinds differ in one flag on the wire only. */
static hg_return_t hg_proc_string_plain(hg_proc_t proc, char **data, bool is_const)
{
    bool was_const = false;

    if (proc == HG_PROC_NULL || data == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_hg_string_t: no processor or no string");
    switch (hg_proc_get_op(proc)) {
    case HG_ENCODE:
        return hg_proc_string_encode(proc, *data, is_const, false);
    case HG_DECODE:
        return hg_proc_string_decode(proc, data, &was_const);
    case HG_FREE:
        util_free(*data);
        *data = NULL;
        return HG_SUCCESS;
    default:
        return hg_error_set(HG_INVALID_ARG, "processor: unknown operation %d", (int)hg_proc_get_op(proc));
    }
}

hg_return_t hg_proc_hg_const_string_t(hg_proc_t proc, void *data)
{
    return hg_proc_string_plain(proc, data, true);
}

hg_return_t hg_proc_hg_string_t(hg_proc_t proc, void *data)
{
    return hg_proc_string_plain(proc, data, false);
}
