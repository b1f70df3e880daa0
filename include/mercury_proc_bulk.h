/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_proc_bulk.h
 * Bulk handles as arguments of an RPC.
 */

#ifndef MERCURY_PROC_BULK_H
#define MERCURY_PROC_BULK_H

#include "mercury_proc.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Process a bulk handle. What is encoded is its descriptor, with its length in front (8 bytes; 0 for HG_BULK_NULL).
 * Decoding makes a handle with one reference in the processor's class, which the HG_FREE pass drops; to keep it longer,
 * take another with HG_Bulk_ref_incr().
 *
 * \param proc [IN]     the processor; it must have a class for decoding
 * \param data [IN/OUT] address of an hg_bulk_t
 *
 * \return HG_SUCCESS, HG_OVERFLOW, HG_PROTOCOL_ERROR, HG_INVALID_ARG, HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_proc_hg_bulk_t(hg_proc_t proc, void *data);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_PROC_BULK_H */
