/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_bulk.h
 * Bulk data: memory that a peer reads or writes without going through an RPC's arguments. The owner of the memory (the
 * origin) makes a handle and sends its descriptor as an argument; the other side pulls from it or pushes to it.
 *
 * A handle is counted by reference. A transfer holds its handles and its address until its callback, so the caller
 * may free them right after the submit; the memory itself must stay valid until then.
 */

#ifndef MERCURY_BULK_H
#define MERCURY_BULK_H

#include "mercury_types.h"

/** What the remote side may do with the memory. */
#define HG_BULK_READ_ONLY  (1 << 0)
#define HG_BULK_WRITE_ONLY (1 << 1)
#define HG_BULK_READWRITE  (HG_BULK_READ_ONLY | HG_BULK_WRITE_ONLY)

/** Options of HG_Bulk_get_serialize_size() and HG_Bulk_serialize(). */
#define HG_BULK_EAGER (1 << 2) /**< small read-only data may ride inside the descriptor */
#define HG_BULK_SM    (1 << 3) /**< the reader is on the same host */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make memory available to peers, or to transfers of one's own.
 *
 * \param hg_class [IN]  the class
 * \param count [IN]     number of segments, at least 1
 * \param buf_ptrs [IN]  their addresses, copied; NULL: the library allocates zeroed memory, freed with the handle
 * \param buf_sizes [IN] their sizes in bytes, copied; 0 is allowed
 * \param flags [IN]     HG_BULK_READ_ONLY, HG_BULK_WRITE_ONLY or HG_BULK_READWRITE
 * \param handle [OUT]   the handle, to be freed with HG_Bulk_free()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, HG_OVERFLOW (sizes add up to too much), HG_NOMEM, HG_FAULT (memory cannot be
 *         registered)
 */
HG_PUBLIC hg_return_t HG_Bulk_create(hg_class_t *hg_class, uint32_t count, void **buf_ptrs, const hg_size_t *buf_sizes,
                                     uint8_t flags, hg_bulk_t *handle);

/**
 * The same for memory with attributes, such as that of a device.
 *
 * \param hg_class [IN]  the class
 * \param count [IN]     as for HG_Bulk_create()
 * \param buf_ptrs [IN]  as for HG_Bulk_create(); NULL for host memory only
 * \param buf_sizes [IN] as for HG_Bulk_create()
 * \param flags [IN]     as for HG_Bulk_create()
 * \param attrs [IN]     kind of memory and device
 * \param handle [OUT]   the handle, to be freed with HG_Bulk_free()
 *
 * \return as HG_Bulk_create(); HG_OPNOTSUPPORTED if the transport cannot reach such memory
 */
HG_PUBLIC hg_return_t HG_Bulk_create_attr(hg_class_t *hg_class, uint32_t count, void **buf_ptrs,
                                          const hg_size_t *buf_sizes, uint8_t flags, const struct hg_bulk_attr *attrs,
                                          hg_bulk_t *handle);

/**
 * Drop a reference to a handle; the last one ends the peers' access. Where a call that has ended by its time limit or a cancel has shown
 * memory of the user to its target, and that has not answered yet, the connection to it may be cut (docs/bulk-path.md).
 *
 * \param handle [IN] the handle; HG_BULK_NULL is allowed
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t HG_Bulk_free(hg_bulk_t handle);

/**
 * Take a reference to a handle.
 *
 * \param handle [IN] the handle
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Bulk_ref_incr(hg_bulk_t handle);

/**
 * Put the address of its owner into a handle, so that whoever gets its descriptor, also through others, can reach the
 * memory with HG_Bulk_bind_transfer(). Done once, by the owner.
 *
 * \param handle [IN]  the handle, made here
 * \param context [IN] the context that peers should address
 *
 * \return HG_SUCCESS, or HG_INVALID_ARG, also if it is bound already
 */
HG_PUBLIC hg_return_t HG_Bulk_bind(hg_bulk_t handle, hg_context_t *context);

/**
 * Get the address that a handle is bound to.
 *
 * \param handle [IN] the handle
 *
 * \return the address, borrowed from the handle; HG_ADDR_NULL if it is not bound
 */
HG_PUBLIC hg_addr_t HG_Bulk_get_addr(hg_bulk_t handle);

/**
 * Get the context id that a handle is bound to.
 *
 * \param handle [IN] the handle
 *
 * \return the id, 0 if it is not bound
 */
HG_PUBLIC uint8_t HG_Bulk_get_context_id(hg_bulk_t handle);

/**
 * Reach the memory behind a handle of one's own process (or data that came inside the descriptor).
 *
 * \param handle [IN]        the handle
 * \param offset [IN]        where to start in the sequence of all segments
 * \param size [IN]          how many bytes
 * \param flags [IN]         of no effect: those of the handle bind peers only
 * \param max_count [IN]     room in the arrays
 * \param buf_ptrs [OUT]     addresses of the pieces; may be NULL
 * \param buf_sizes [OUT]    sizes of the pieces; may be NULL
 * \param actual_count [OUT] number of pieces, 0 if size or max_count is 0; may be NULL
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (range outside the handle, memory of another process)
 */
HG_PUBLIC hg_return_t HG_Bulk_access(hg_bulk_t handle, hg_size_t offset, hg_size_t size, uint8_t flags,
                                     uint32_t max_count, void **buf_ptrs, hg_size_t *buf_sizes, uint32_t *actual_count);

/**
 * Size of the memory behind a handle.
 *
 * \param handle [IN] the handle
 *
 * \return bytes of all segments; 0 if the handle is HG_BULK_NULL
 */
HG_PUBLIC hg_size_t HG_Bulk_get_size(hg_bulk_t handle);

/**
 * Number of segments behind a handle.
 *
 * \param handle [IN] the handle
 *
 * \return the number; 0 if the handle is HG_BULK_NULL
 */
HG_PUBLIC uint32_t HG_Bulk_get_segment_count(hg_bulk_t handle);

/**
 * What peers may do with the memory behind a handle.
 *
 * \param handle [IN] the handle
 *
 * \return the flags given to HG_Bulk_create(); 0 if the handle is HG_BULK_NULL
 */
HG_PUBLIC uint8_t HG_Bulk_get_flags(hg_bulk_t handle);

/**
 * Size of the descriptor of a handle.
 *
 * \param handle [IN] the handle
 * \param flags [IN]  0, or HG_BULK_EAGER and HG_BULK_SM bits
 *
 * \return bytes that HG_Bulk_serialize() needs with the same flags; 0 if the handle is HG_BULK_NULL
 */
HG_PUBLIC hg_size_t HG_Bulk_get_serialize_size(hg_bulk_t handle, unsigned long flags);

/**
 * Write the descriptor of a handle, which lets a peer reach the memory as long as the handle lives.
 *
 * \param buf [OUT]     where to
 * \param buf_size [IN] its size
 * \param flags [IN]    as for HG_Bulk_get_serialize_size()
 * \param handle [IN]   the handle
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_OVERFLOW if the buffer is too small
 */
HG_PUBLIC hg_return_t HG_Bulk_serialize(void *buf, hg_size_t buf_size, unsigned long flags, hg_bulk_t handle);

/**
 * Make a handle from a descriptor.
 *
 * \param hg_class [IN] the class
 * \param handle [OUT]  the handle, to be freed with HG_Bulk_free()
 * \param buf [IN]      the descriptor, which may go afterwards; it is not trusted
 * \param buf_size [IN] its size
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, HG_OVERFLOW (it ends too early), HG_PROTOCOL_ERROR (it makes no sense), HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Bulk_deserialize(hg_class_t *hg_class, hg_bulk_t *handle, const void *buf, hg_size_t buf_size);

/**
 * Move data between a peer's memory and one's own.
 *
 * \param context [IN]       whose HG_Trigger() calls back, and whose route is used
 * \param callback [IN]      told the end in info.bulk; NULL for none
 * \param arg [IN]           passed on to the callback
 * \param op [IN]            HG_BULK_PULL: from origin to local; HG_BULK_PUSH: from local to origin
 * \param origin_addr [IN]   the owner of the origin handle
 * \param origin_handle [IN] a handle that was decoded, not bound
 * \param origin_offset [IN] bytes
 * \param local_handle [IN]  a handle made here
 * \param local_offset [IN]  bytes
 * \param size [IN]          bytes; 0 is allowed
 * \param op_id [OUT]        names the transfer for HG_Bulk_cancel(), until its callback; HG_OP_ID_IGNORE or NULL
 *
 * \return HG_SUCCESS; on failure no callback comes: HG_INVALID_ARG (also a range outside a handle), HG_PERMISSION,
 *         HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Bulk_transfer(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op,
                                       hg_addr_t origin_addr, hg_bulk_t origin_handle, hg_size_t origin_offset,
                                       hg_bulk_t local_handle, hg_size_t local_offset, hg_size_t size,
                                       hg_op_id_t *op_id);

/**
 * Move data to or from the memory behind a bound handle: the owner's address is in the handle.
 *
 * \param context [IN]       as for HG_Bulk_transfer()
 * \param callback [IN]      as for HG_Bulk_transfer()
 * \param arg [IN]           as for HG_Bulk_transfer()
 * \param op [IN]            as for HG_Bulk_transfer()
 * \param origin_handle [IN] a handle that its owner bound with HG_Bulk_bind()
 * \param origin_offset [IN] bytes
 * \param local_handle [IN]  a handle made here
 * \param local_offset [IN]  bytes
 * \param size [IN]          bytes
 * \param op_id [OUT]        as for HG_Bulk_transfer()
 *
 * \return as HG_Bulk_transfer(); HG_INVALID_ARG if the handle is not bound; HG_PERMISSION also for an address that the class does
 *         not follow descriptors to (qs_class_set_bulk_forward(); it follows all by default)
 */
HG_PUBLIC hg_return_t HG_Bulk_bind_transfer(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op,
                                            hg_bulk_t origin_handle, hg_size_t origin_offset, hg_bulk_t local_handle,
                                            hg_size_t local_offset, hg_size_t size, hg_op_id_t *op_id);

/**
 * Move data to or from a given context of a peer.
 *
 * \param context [IN]       as for HG_Bulk_transfer()
 * \param callback [IN]      as for HG_Bulk_transfer()
 * \param arg [IN]           as for HG_Bulk_transfer()
 * \param op [IN]            as for HG_Bulk_transfer()
 * \param origin_addr [IN]   as for HG_Bulk_transfer()
 * \param origin_id [IN]     id of the owner's context
 * \param origin_handle [IN] as for HG_Bulk_transfer()
 * \param origin_offset [IN] bytes
 * \param local_handle [IN]  a handle made here
 * \param local_offset [IN]  bytes
 * \param size [IN]          bytes
 * \param op_id [OUT]        as for HG_Bulk_transfer()
 *
 * \return as HG_Bulk_transfer()
 */
HG_PUBLIC hg_return_t HG_Bulk_transfer_id(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op,
                                          hg_addr_t origin_addr, uint8_t origin_id, hg_bulk_t origin_handle,
                                          hg_size_t origin_offset, hg_bulk_t local_handle, hg_size_t local_offset,
                                          hg_size_t size, hg_op_id_t *op_id);

/**
 * Cancel a transfer. Its callback still comes, once, with HG_CANCELED or, if it was faster, with HG_SUCCESS.
 *
 * \param op_id [IN] as the transfer gave it; one that has ended is recognised and left alone
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Bulk_cancel(hg_op_id_t op_id);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_BULK_H */
