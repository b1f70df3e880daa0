/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_proc_string.h
 * Strings as arguments of an RPC. On the wire a string is its length with the terminating zero byte (8 bytes; 0 stands
 * for NULL), its bytes, and two bytes that say whether the sender's string was constant and owned. Decoding checks the
 * length against what is there and that the last byte, and no other, is zero. The second flag is not believed: what
 * has been decoded is always allocated, and freed by the HG_FREE pass.
 */

#ifndef MERCURY_PROC_STRING_H
#define MERCURY_PROC_STRING_H

#include "mercury_proc.h"
#include "mercury_string_object.h"

typedef const char *hg_const_string_t;
typedef char *hg_string_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Process a string that is not changed.
 *
 * \param proc [IN]     the processor
 * \param data [IN/OUT] address of an hg_const_string_t
 *
 * \return HG_SUCCESS, HG_OVERFLOW (it ends too early), HG_PROTOCOL_ERROR (no terminator), HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_proc_hg_const_string_t(hg_proc_t proc, void *data);

/**
 * Process a string.
 *
 * \param proc [IN]     the processor
 * \param data [IN/OUT] address of an hg_string_t
 *
 * \return as hg_proc_hg_const_string_t()
 */
HG_PUBLIC hg_return_t hg_proc_hg_string_t(hg_proc_t proc, void *data);

/**
 * Process a string object. A decoded one owns its string; in the HG_FREE pass it is freed if it is owned.
 *
 * \param proc [IN]       the processor
 * \param string [IN/OUT] address of an hg_string_object_t
 *
 * \return as hg_proc_hg_const_string_t()
 */
HG_PUBLIC hg_return_t hg_proc_hg_string_object_t(hg_proc_t proc, void *string);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_PROC_STRING_H */
