/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_string_object.h
 * A string that knows whether it may be changed and who frees it. The objects are values in the caller's memory and
 * are not thread-safe.
 */

#ifndef MERCURY_STRING_OBJECT_H
#define MERCURY_STRING_OBJECT_H

#include "mercury_types.h"

typedef struct hg_string_object {
    char *data;    /**< ended by a zero byte; NULL is a value of its own */
    bool is_const; /**< must not be written to */
    bool is_owned; /**< hg_string_object_free() frees it, with free() */
} hg_string_object_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make an object without a string.
 *
 * \param string [OUT] the object
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t hg_string_object_init(hg_string_object_t *string);

/**
 * Make an object of a string.
 *
 * \param string [OUT]  the object
 * \param s [IN]        the string, or NULL
 * \param is_owned [IN] true: the object takes it and frees it with free(); false: it is borrowed
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t hg_string_object_init_char(hg_string_object_t *string, char *s, uint8_t is_owned);

/**
 * The same with a string that must not be changed.
 *
 * \param string [OUT]  the object
 * \param s [IN]        the string, or NULL
 * \param is_owned [IN] as for hg_string_object_init_char()
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t hg_string_object_init_const_char(hg_string_object_t *string, const char *s, uint8_t is_owned);

/**
 * Free the string of an object if it owns it; the object is then without a string.
 *
 * \param string [IN/OUT] the object; NULL is allowed
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t hg_string_object_free(hg_string_object_t *string);

/**
 * Copy an object and its string.
 *
 * \param string [IN]      the object
 * \param new_string [OUT] an object that owns its string, to be freed with hg_string_object_free()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_string_object_dup(hg_string_object_t string, hg_string_object_t *new_string);

/**
 * Exchange the string of an object. Neither string is freed, and the object keeps its flags.
 *
 * \param string [IN/OUT] the object
 * \param s [IN]          the new string, or NULL
 *
 * \return the string that it had, now the caller's
 */
HG_PUBLIC char *hg_string_object_swap(hg_string_object_t *string, char *s);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_STRING_OBJECT_H */
