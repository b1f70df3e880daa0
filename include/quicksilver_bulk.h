/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver_bulk.h
 * Part of quicksilver.h: what becomes of memory when a call ends early, where descriptors lead, and digests of data.
 */

#ifndef QUICKSILVER_BULK_H
#define QUICKSILVER_BULK_H

#include "mercury.h"
#include "mercury_bulk.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \name Safety of bulk data
 * When a call ends by its time limit or by HG_Cancel(), its target may be at work on memory that the call's input describes (by
 * hg_proc_hg_bulk_t()). If the target may read or write there, the callback waits until it has said that it moves nothing any more,
 * but not longer than a grace. From the callback on, or from HG_Bulk_free() on where the target did not say so, no byte of
 * that target lands in the memory: docs/bulk-path.md says for each transport how far that is true, and what it takes.
 * \{ */

/** How long the callback of a call that ended early waits for its target, unless said otherwise: 250 ms. */
#define QS_BULK_GRACE_DEFAULT_US UINT64_C(250000)
/** The most that can be asked for: an hour. */
#define QS_BULK_GRACE_MAX_US UINT64_C(3600000000)

/**
 * Set how long the callback of a call that ends early waits for the target to let go of the memory that it was shown. When a
 * bulk handle of such memory is freed before the target has answered, memory that the library allocated is kept
 * until it does; for memory of the user the connection is cut where the transport would go on writing, which ends the
 * other calls to that target, too.
 *
 * \param hg_class [IN] the class
 * \param grace_us [IN] microseconds, at most QS_BULK_GRACE_MAX_US; 0: callbacks wait for nobody
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_bulk_grace(hg_class_t *hg_class, uint64_t grace_us);

/**
 * Say whether HG_Bulk_bind_transfer() follows a descriptor to another address than that of the peer which sent it. On by
 * default: this is what HG_Bulk_bind() is for. A service that takes descriptors from those whom it does not trust, and
 * expects none that were passed on, turns it off; such a transfer is then refused with HG_PERMISSION, as is one with a
 * descriptor that came otherwise than by hg_proc_hg_bulk_t(). Transfers by HG_Bulk_transfer() and HG_Bulk_transfer_id() go to the
 * address that the program names, always.
 *
 * \param hg_class [IN]     the class
 * \param bulk_forward [IN] false for off
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t qs_class_set_bulk_forward(hg_class_t *hg_class, bool bulk_forward);

/**
 * Compute a digest of memory: of one's own, or of data that came inside its descriptor. Two processes that compare the
 * digests of what one has sent and the other has received find nearly all damage; a digest is no protection against intent.
 *
 * \param handle [IN]  the handle, of memory of this host
 * \param offset [IN]  where to start in the sequence of all segments
 * \param size [IN]    how many bytes
 * \param digest [OUT] the digest; it depends on the bytes alone, not on the segments: CRC-32C in this version
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (range outside the handle, memory of another process), or HG_OPNOTSUPPORTED for the
 *         memory of a device
 */
HG_PUBLIC hg_return_t qs_bulk_digest(hg_bulk_t handle, hg_size_t offset, hg_size_t size, uint64_t *digest);

/**
 * Compute the digest of all memory behind a handle, and put it into each descriptor that is made from now on. A pull of the
 * whole is then checked by who pulls, before its callback, and ends with HG_CHECKSUM_ERROR if what arrived is not what was
 * here. The memory must not change meanwhile. It costs a pass over the memory here, and one there. To be called before the
 * handle is shared with other threads. A second call takes the digest anew.
 *
 * \param handle [IN] the handle, made here with HG_BULK_READ_ONLY
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (not made here), HG_PERMISSION (peers may write to the memory), or HG_OPNOTSUPPORTED
 *         for the memory of a device
 */
HG_PUBLIC hg_return_t qs_bulk_set_digest(hg_bulk_t handle);

/**
 * Get the digest that a handle carries, to compare it with that of what was pulled in parts.
 *
 * \param handle [IN]  the handle
 * \param digest [OUT] the digest of all its memory, as its owner has computed it
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if it carries none
 */
HG_PUBLIC hg_return_t qs_bulk_get_digest(hg_bulk_t handle, uint64_t *digest);

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* QUICKSILVER_BULK_H */
