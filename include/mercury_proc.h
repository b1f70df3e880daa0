/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_proc.h
 * Processors: one proc function per type encodes it, decodes it and frees what decoding allocated, depending on the
 * operation of the processor that it is given.
 *
 * The wire form of the basic types is little-endian of fixed width, without padding or alignment.
 *
 * Encoding writes to the buffer that the processor was given; when that is full it goes on in an extra buffer that
 * grows by doubling and holds everything from the first byte on. Decoding never reads past the end: it fails with
 * HG_OVERFLOW and leaves the data untouched. A proc function that fails in decoding has freed what it allocated; the
 * generated ones (mercury_macros.h) keep to that, and so should those written by hand.
 *
 * A processor belongs to one thread at a time. Inside a proc function, it is only borrowed.
 */

#ifndef MERCURY_PROC_H
#define MERCURY_PROC_H

#include "mercury_types.h"

#include <string.h>

/** Checksums that a processor can compute over what it has encoded or decoded: CRC-16/T10-DIF (2 bytes), CRC-32C (4
 * bytes), CRC-64/XZ (8 bytes) or none. */
typedef enum { HG_CRC16, HG_CRC32, HG_CRC64, HG_NOHASH } hg_proc_hash_t;

/** Flags of a processor. */
#define HG_PROC_SM         (1 << 0) /**< the peer is on the same host */
#define HG_PROC_BULK_EAGER (1 << 1) /**< small read-only bulk data may ride inside its descriptor */

#if defined(__GNUC__) || defined(__clang__)
#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#else
#ifndef likely
#define likely(x) (x)
#endif
#ifndef unlikely
#define unlikely(x) (x)
#endif
#endif

/**
 * A processor. The layout is public for the inline functions below only; use those.
 */
struct hg_proc {
    /* The current buffer: the given one, or the extra one after an overflow. */
    char *pos;           /* next byte */
    hg_size_t size_left; /* bytes from pos to the end */
    char *base;          /* first byte */
    hg_size_t size;      /* bytes from base to the end */

    void *extra;          /* the extra buffer, malloc'd, or NULL */
    hg_size_t extra_size; /* its capacity */
    hg_size_t extra_max;  /* bound on its capacity; 0: there must be none */

    hg_class_t *hg_class; /* borrowed */
    hg_handle_t handle;   /* borrowed */
    hg_proc_op_t op;
    hg_proc_hash_t hash;
    hg_return_t failed;     /* error that hg_proc_save_ptr() could not return */
    uint8_t flags;          /* HG_PROC_ flags */
    uint8_t extra_is_yours; /* the caller frees the extra buffer */
    uint8_t on_heap;        /* made by hg_proc_create() */
    uint8_t hash_done;      /* hash_value is that of the whole content */
    uint64_t hash_seed;     /* running sum of hg_proc_checksum_update() */
    uint64_t hash_value;    /* set by hg_proc_flush() */
};

#ifdef __cplusplus
extern "C" {
#endif

/** \name Life of a processor
 * \{ */

/**
 * Create a processor without a buffer; hg_proc_reset() gives it one.
 *
 * \param hg_class [IN] the class that decoded bulk handles will belong to; may be NULL if there are none
 * \param hash [IN]     the checksum to compute
 * \param proc_p [OUT]  the processor, to be freed with hg_proc_free()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_proc_create(hg_class_t *hg_class, hg_proc_hash_t hash, hg_proc_t *proc_p);

/**
 * Create a processor over a buffer of the caller's. It needs no handle.
 *
 * \param hg_class [IN] as for hg_proc_create()
 * \param buf [IN]      the buffer, borrowed until the next hg_proc_reset() or hg_proc_free()
 * \param buf_size [IN] its size; for HG_DECODE the number of bytes that are there
 * \param op [IN]       what to do
 * \param hash [IN]     the checksum to compute
 * \param proc_p [OUT]  the processor, to be freed with hg_proc_free()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_proc_create_set(hg_class_t *hg_class, void *buf, hg_size_t buf_size, hg_proc_op_t op,
                                         hg_proc_hash_t hash, hg_proc_t *proc_p);

/**
 * Free a processor and its extra buffer, unless that has been given away.
 *
 * \param proc [IN] the processor; HG_PROC_NULL is allowed
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t hg_proc_free(hg_proc_t proc);

/**
 * Use a processor again: new buffer, new operation, no flags, no extra buffer.
 *
 * \param proc [IN]     the processor
 * \param buf [IN]      as for hg_proc_create_set()
 * \param buf_size [IN] as for hg_proc_create_set()
 * \param op [IN]       as for hg_proc_create_set()
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t hg_proc_reset(hg_proc_t proc, void *buf, hg_size_t buf_size, hg_proc_op_t op);

/**
 * End the encoding or decoding: compute the checksum, and report what could not be reported before.
 *
 * \param proc [IN] the processor
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or the reason for which hg_proc_save_ptr() returned NULL earlier
 */
HG_PUBLIC hg_return_t hg_proc_flush(hg_proc_t proc);

/** \}
 * \name Accessors
 * \{ */

/** Get the class of a processor, NULL if it has none. */
static HG_INLINE hg_class_t *hg_proc_get_class(hg_proc_t proc)
{
    return proc->hg_class;
}

/** Tell a processor which handle it works for. The handle is borrowed. */
static HG_INLINE void hg_proc_set_handle(hg_proc_t proc, hg_handle_t handle)
{
    proc->handle = handle;
}

/** Get the handle that a processor works for, HG_HANDLE_NULL if none. */
static HG_INLINE hg_handle_t hg_proc_get_handle(hg_proc_t proc)
{
    return proc->handle;
}

/** Get the operation of a processor. */
static HG_INLINE hg_proc_op_t hg_proc_get_op(hg_proc_t proc)
{
    return proc->op;
}

/** Set the HG_PROC_ flags of a processor; hg_proc_reset() clears them. */
static HG_INLINE void hg_proc_set_flags(hg_proc_t proc, uint8_t flags)
{
    proc->flags = flags;
}

/** Get the HG_PROC_ flags of a processor. */
static HG_INLINE uint8_t hg_proc_get_flags(hg_proc_t proc)
{
    return proc->flags;
}

/** Get the size of the current buffer, in bytes. */
static HG_INLINE hg_size_t hg_proc_get_size(hg_proc_t proc)
{
    return proc->size;
}

/** Get the number of bytes encoded or decoded so far. */
static HG_INLINE hg_size_t hg_proc_get_size_used(hg_proc_t proc)
{
    return proc->size - proc->size_left;
}

/** Get the number of bytes left in the current buffer. */
static HG_INLINE hg_size_t hg_proc_get_size_left(hg_proc_t proc)
{
    return proc->size_left;
}

/** Get the extra buffer: everything encoded so far, if it did not fit in the buffer given; else NULL. */
static HG_INLINE void *hg_proc_get_extra_buf(hg_proc_t proc)
{
    return proc->extra;
}

/** Get the capacity of the extra buffer, 0 if there is none. What is used of it is hg_proc_get_size_used(). */
static HG_INLINE hg_size_t hg_proc_get_extra_size(hg_proc_t proc)
{
    return proc->extra_size;
}

/**
 * Make the current buffer at least so large. Encoding moves to the extra buffer if need be; decoding cannot grow.
 *
 * \param proc [IN]     the processor
 * \param buf_size [IN] bytes
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, HG_OVERFLOW (decoding, or too large), HG_NOMEM
 */
HG_PUBLIC hg_return_t hg_proc_set_size(hg_proc_t proc, hg_size_t buf_size);

/**
 * Say who frees the extra buffer.
 *
 * \param proc [IN] the processor
 * \param mine [IN] true: it is the caller's, who frees it with free(); false: the processor frees it, the default
 *
 * \return HG_SUCCESS, or HG_INVALID_ARG if there is no extra buffer
 */
HG_PUBLIC hg_return_t hg_proc_set_extra_buf_is_mine(hg_proc_t proc, uint8_t mine);

/**
 * Make sure that so many more bytes can be encoded or decoded. Proc functions for types of fixed size call it when
 * the current buffer is too short.
 *
 * \param proc [IN]      the processor
 * \param data_size [IN] bytes
 *
 * \return HG_SUCCESS, HG_OVERFLOW (decoding past the end, or too large), HG_NOMEM
 */
HG_PUBLIC hg_return_t qs_proc_reserve(hg_proc_t proc, hg_size_t data_size);

/** \}
 * \name Raw access
 * \{ */

/**
 * Take the next bytes of the buffer, to encode or decode them by hand.
 *
 * \param proc [IN]      the processor
 * \param data_size [IN] bytes
 *
 * \return their address, without any alignment, valid until the next growth; NULL in the HG_FREE pass and if there are
 *         not so many, which hg_proc_flush() then reports, too
 */
HG_PUBLIC void *hg_proc_save_ptr(hg_proc_t proc, hg_size_t data_size);

/**
 * Say that the bytes taken with hg_proc_save_ptr() are done.
 *
 * \param proc [IN]      the processor
 * \param data [IN]      as hg_proc_save_ptr() returned it
 * \param data_size [IN] as given to it
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t hg_proc_restore_ptr(hg_proc_t proc, void *data, hg_size_t data_size);

/** \}
 * \name Checksum
 * \{ */

/**
 * Get the checksum of everything encoded or decoded, after hg_proc_flush().
 *
 * \param proc [IN]      the processor
 * \param hash [OUT]     the checksum, little-endian
 * \param hash_size [IN] room, at least the size of the checksum (see hg_proc_hash_t)
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (no checksum, not flushed), HG_OVERFLOW (no room)
 */
HG_PUBLIC hg_return_t hg_proc_checksum_get(hg_proc_t proc, void *hash, hg_size_t hash_size);

/**
 * Compare the checksum of everything decoded, after hg_proc_flush().
 *
 * \param proc [IN]      the processor
 * \param hash [IN]      the checksum to compare with, as hg_proc_checksum_get() gave it
 * \param hash_size [IN] its size
 *
 * \return HG_SUCCESS if they agree, HG_CHECKSUM_ERROR if not, HG_INVALID_ARG (no checksum, not flushed, wrong size)
 */
HG_PUBLIC hg_return_t hg_proc_checksum_verify(hg_proc_t proc, const void *hash, hg_size_t hash_size);

/**
 * Add bytes to the checksum that are not in the buffer. What is encoded and decoded counts by itself.
 *
 * \param proc [IN]      the processor
 * \param data [IN]      the bytes
 * \param data_size [IN] how many
 */
HG_PUBLIC void hg_proc_checksum_update(hg_proc_t proc, void *data, hg_size_t data_size);

/** \} */

/* Moves one value of a basic type between data and the wire: on a little-endian machine a copy. */
#if defined(__BYTE_ORDER__) && (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
static HG_INLINE void qs_proc_copy(void *dst, const void *src, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        ((char *)dst)[i] = ((const char *)src)[size - 1 - i];
}
#else
static HG_INLINE void qs_proc_copy(void *dst, const void *src, size_t size)
{
    memcpy(dst, src, size);
}
#endif

/* The body of all basic types; size is a constant, so this is a comparison and a move. */
static HG_INLINE hg_return_t qs_proc_basic(hg_proc_t proc, void *data, size_t size)
{
    if (proc->op == HG_FREE)
        return HG_SUCCESS;
    if (unlikely(proc->size_left < size)) {
        hg_return_t ret = qs_proc_reserve(proc, size);

        if (ret != HG_SUCCESS)
            return ret;
    }
    if (proc->op == HG_ENCODE)
        qs_proc_copy(proc->pos, data, size);
    else
        qs_proc_copy(data, proc->pos, size);
    proc->pos += size;
    proc->size_left -= size;
    return HG_SUCCESS;
}

/** \name Basic types
 * Each takes the processor and the address of a value of its type, and returns HG_SUCCESS, HG_OVERFLOW (decoding past
 * the end; encoding beyond the bound) or HG_NOMEM (encoding).
 * \{ */

static HG_INLINE hg_return_t hg_proc_int8_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(int8_t));
}

static HG_INLINE hg_return_t hg_proc_uint8_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(uint8_t));
}

static HG_INLINE hg_return_t hg_proc_int16_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(int16_t));
}

static HG_INLINE hg_return_t hg_proc_uint16_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(uint16_t));
}

static HG_INLINE hg_return_t hg_proc_int32_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(int32_t));
}

static HG_INLINE hg_return_t hg_proc_uint32_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(uint32_t));
}

static HG_INLINE hg_return_t hg_proc_int64_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(int64_t));
}

static HG_INLINE hg_return_t hg_proc_uint64_t(hg_proc_t proc, void *data)
{
    return qs_proc_basic(proc, data, sizeof(uint64_t));
}

/**
 * Encode or decode bytes as they are. Their number is not encoded: the receiver must know it.
 *
 * \param proc [IN]      the processor
 * \param data [IN/OUT]  the bytes
 * \param data_size [IN] how many
 *
 * \return as the basic types
 */
static HG_INLINE hg_return_t hg_proc_bytes(hg_proc_t proc, void *data, hg_size_t data_size)
{
    if (proc->op == HG_FREE || data_size == 0)
        return HG_SUCCESS;
    if (unlikely(data == NULL))
        return HG_INVALID_ARG;
    if (unlikely(proc->size_left < data_size)) {
        hg_return_t ret = qs_proc_reserve(proc, data_size);

        if (ret != HG_SUCCESS)
            return ret;
    }
    if (proc->op == HG_ENCODE)
        memcpy(proc->pos, data, (size_t)data_size);
    else
        memcpy(data, proc->pos, (size_t)data_size);
    proc->pos += data_size;
    proc->size_left -= data_size;
    return HG_SUCCESS;
}

/** \} */

/* Names for the types of this library. An RPC id is encoded with all of its 64 bits. */
#define hg_proc_hg_size_t   hg_proc_uint64_t
#define hg_proc_hg_id_t     hg_proc_uint64_t
#define hg_proc_hg_int8_t   hg_proc_int8_t
#define hg_proc_hg_uint8_t  hg_proc_uint8_t
#define hg_proc_hg_int16_t  hg_proc_int16_t
#define hg_proc_hg_uint16_t hg_proc_uint16_t
#define hg_proc_hg_int32_t  hg_proc_int32_t
#define hg_proc_hg_uint32_t hg_proc_uint32_t
#define hg_proc_hg_int64_t  hg_proc_int64_t
#define hg_proc_hg_uint64_t hg_proc_uint64_t
#define hg_proc_hg_bool_t   hg_proc_uint8_t
#define hg_proc_hg_ptr_t    hg_proc_uint64_t

#define hg_proc_memcpy hg_proc_raw
#define hg_proc_raw    hg_proc_bytes

/**
 * \name Building blocks of Mercury's own proc functions
 * Programs that copied the pattern of Mercury's inline functions use these; their jumps to a label of the caller are
 * part of the interface. New code calls hg_proc_bytes() and the basic types.
 * \{ */

/** Make sure that \a size more bytes can be processed; else set \a ret and jump to \a label. */
#define HG_PROC_CHECK_SIZE(proc, size, label, ret)                       \
    do {                                                                 \
        if (unlikely(hg_proc_get_size_left(proc) < (hg_size_t)(size))) { \
            (ret) = qs_proc_reserve((proc), (hg_size_t)(size));          \
            if ((ret) != HG_SUCCESS)                                     \
                goto label;                                              \
        }                                                                \
    } while (0)

/** Copy \a size bytes to the current position. Does not move it. */
#define HG_PROC_TYPE_ENCODE(proc, data, size) memcpy(((struct hg_proc *)(proc))->pos, (data), (size_t)(size))

/** Copy \a size bytes from the current position. Does not move it. */
#define HG_PROC_TYPE_DECODE(proc, data, size) memcpy((data), ((struct hg_proc *)(proc))->pos, (size_t)(size))

/** Move the current position by \a size bytes, which HG_PROC_CHECK_SIZE() has made sure of. */
#define HG_PROC_UPDATE(proc, size)                       \
    do {                                                 \
        ((struct hg_proc *)(proc))->pos += (size);       \
        ((struct hg_proc *)(proc))->size_left -= (size); \
    } while (0)

/** Nothing to do: the checksum is computed over the buffer by hg_proc_flush(). */
#define HG_PROC_CHECKSUM_UPDATE(proc, data, size) ((void)(proc), (void)(data), (void)(size))

/** Process a value of the integer type \a type; jump to \a label on failure and in the HG_FREE pass. */
#define HG_PROC_TYPE(proc, type, data, label, ret)           \
    do {                                                     \
        if (hg_proc_get_op(proc) == HG_FREE)                 \
            goto label;                                      \
        (ret) = qs_proc_basic((proc), (data), sizeof(type)); \
        if ((ret) != HG_SUCCESS)                             \
            goto label;                                      \
    } while (0)

/** Process \a size bytes; jump to \a label on failure and in the HG_FREE pass. */
#define HG_PROC_BYTES(proc, data, size, label, ret)    \
    do {                                               \
        if (hg_proc_get_op(proc) == HG_FREE)           \
            goto label;                                \
        (ret) = hg_proc_bytes((proc), (data), (size)); \
        if ((ret) != HG_SUCCESS)                       \
            goto label;                                \
    } while (0)

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_PROC_H */
