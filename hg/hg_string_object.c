/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * String objects: a string, and whether it is constant and owned. The wire form is hg_proc_string's
 * affair. The objects are plain values of the caller's; nothing here is shared between threads.
 *
 * Strings are allocated so that free() releases them: programs take them over.
 */
#include "mercury_string_object.h"

#include "hg/hg_error.h"
#include "util/util_alloc.h"

static hg_return_t hg_string_object_fill(hg_string_object_t *string, char *s, bool is_const, bool is_owned)
{
    if (string == NULL)
        return hg_error_set(HG_INVALID_ARG, "string object: no place for it");
    string->data = s;
    string->is_const = is_const;
    string->is_owned = is_owned;
    return HG_SUCCESS;
}

hg_return_t hg_string_object_init(hg_string_object_t *string)
{
    return hg_string_object_fill(string, NULL, false, false);
}

hg_return_t hg_string_object_init_char(hg_string_object_t *string, char *s, uint8_t is_owned)
{
    return hg_string_object_fill(string, s, false, is_owned != 0);
}

hg_return_t hg_string_object_init_const_char(hg_string_object_t *string, const char *s, uint8_t is_owned)
{
    /* The struct has one pointer for both kinds; is_const remembers that it must not be written to. */
    return hg_string_object_fill(string, (char *)(uintptr_t)s, true, is_owned != 0);
}

hg_return_t hg_string_object_free(hg_string_object_t *string)
{
    if (string == NULL)
        return HG_SUCCESS;
    if (string->is_owned)
        util_free(string->data);
    string->data = NULL;
    string->is_owned = false;
    return HG_SUCCESS;
}

hg_return_t hg_string_object_dup(hg_string_object_t string, hg_string_object_t *new_string)
{
    char *copy = NULL;

    if (new_string == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_string_object_dup: no place for the copy");
    if (string.data != NULL) {
        copy = util_strdup(string.data);
        if (copy == NULL)
            return hg_error_set(HG_NOMEM, "hg_string_object_dup: out of memory");
    }
    return hg_string_object_fill(new_string, copy, false, true);
}

char *hg_string_object_swap(hg_string_object_t *string, char *s)
{
    char *old = NULL;

    if (string == NULL)
        return NULL;
    old = string->data;
    string->data = s;
    return old;
}
