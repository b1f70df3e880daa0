/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Bulk descriptors: the bytes by which one process lets others reach a bulk handle. This file is
 * the sole owner of their layout. Any thread.
 *
 * Layout of version 1. All numbers are little-endian and follow each other without padding.
 *
 *   offset  size  field
 *        0     1  magic, 0xB5
 *        1     1  version, 1
 *        2     1  flags: 1 remote may read, 2 remote may write, 4 data inside, 8 bound, 16 digest; others 0
 *        3     1  number of paths, 0 to 8
 *        4     4  size of the whole descriptor
 *        8     4  number of segments n, 1 to 65,536
 *       12     8  id: random, names the handle at its owner, not 0
 *       20    8n  size of each segment; their sum fits in 64 bits
 *                 then per path:
 *              1    transport: 0 the class's own, 1 shared memory beside it
 *              1    key size k, 1 to 64
 *              2    0
 *      n*(8+k)      per segment: address, key
 *                 then, if bound:
 *              1    context id of the owner
 *              1    length of the owner's address, 1 to 255
 *        length     the address, printable text without a terminator
 *                 then, if there is a digest:
 *              1    its kind: 1 CRC-32C
 *              3    0
 *              4    the checksum of the bytes of all segments
 *                 then, if data is inside:
 *           sum     the bytes of all segments
 *
 * One segment with an 8-byte key takes 48 bytes, and 68 with a path by shared memory. A path says how
 * to reach all segments through one transport; a class writes one for each of its own, each transport
 * at most once and in the order of their numbers, and reads over those of transports that it does not
 * know. There is none where the data is inside: it may only be read, and needs no key then.
 *
 * The first 8 bytes keep their meaning in all versions, so that a reader can say what it refuses and
 * how much to step over. Bytes after the descriptor are ignored. A reader trusts nothing: each
 * length is checked against the bytes present before it is used, what is allocated is bounded by
 * the bytes present, and no field ever says what memory this process frees or touches.
 */
#ifndef BULK_BULK_WIRE_H
#define BULK_BULK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulk/bulk_owner.h"

struct hg_bulk;

#define BULK_WIRE_MAGIC       0xB5U
#define BULK_WIRE_VERSION     1U
#define BULK_WIRE_HEADER_SIZE 20U
#define BULK_WIRE_PATHS_MAX   8U

enum bulk_wire_flag {
    BULK_WIRE_FLAG_READ = 1,
    BULK_WIRE_FLAG_WRITE = 2,
    BULK_WIRE_FLAG_DATA = 4,
    BULK_WIRE_FLAG_BOUND = 8,
    BULK_WIRE_FLAG_DIGEST = 16,
};

#define BULK_WIRE_FLAGS_KNOWN   0x1FU
#define BULK_WIRE_DIGEST_CRC32C 1U

/* One path of a descriptor: segment_count times address and key. */
struct bulk_wire_path {
    const uint8_t *body; /* NULL: there is none */
    uint8_t key_size;
};

/* A descriptor that was checked whole. The pointers are into the buffer that was parsed. */
struct bulk_wire_view {
    uint8_t flags; /* enum bulk_wire_flag bits */
    uint32_t segment_count;
    uint64_t id;
    size_t total_size;    /* of the segments */
    const uint8_t *sizes; /* segment_count numbers of 8 bytes */
    struct bulk_wire_path paths[BULK_TRANSPORTS_MAX];
    const uint8_t *bound; /* the address, bound_length bytes; or NULL */
    uint8_t bound_length;
    uint8_t bound_context;
    bool has_digest;
    uint32_t digest;
    const uint8_t *data; /* total_size bytes, or NULL */
    size_t wire_size;    /* of the descriptor */
};

/* Checks a descriptor at the front of a buffer; allocates nothing. -EOVERFLOW when it ends too
 * early, -EPROTONOSUPPORT for a version that we do not speak, -EPROTO when it makes no sense. The
 * sentence is in util_detail. */
int bulk_wire_parse(const void *buf, size_t buf_size, struct bulk_wire_view *view);

/* The bytes that bulk_wire_encode writes with the same data_max; 0 for a handle that cannot be
 * described (local_only). */
size_t bulk_wire_size(const struct hg_bulk *handle, size_t data_max);

/* Writes the descriptor. The data rides inside when the handle is in host memory, may be read and
 * not written by the remote side, and has at most data_max bytes (0: never, unless it came that
 * way and there is no other way to reach it). -EOVERFLOW when the buffer is too small, -EACCES for
 * a local_only handle, -ENOMEM. *used, which may be NULL, is the size written. */
int bulk_wire_encode(struct hg_bulk *handle, size_t data_max, void *buf, size_t buf_size, size_t *used);

/* Makes a handle, with one reference for the caller, from the descriptor at the front of a buffer.
 * One of our own that lives still gives the very handle that it describes. `released` is called as
 * in bulk_handle_create, for a new handle only. Errors of bulk_wire_parse, and -ENOMEM. *used,
 * which may be NULL, is the size of the descriptor. */
int bulk_wire_decode(struct bulk_owner *owner, const void *buf, size_t buf_size,
                     void (*released)(struct hg_bulk *handle), struct hg_bulk **out, size_t *used);

#endif /* BULK_BULK_WIRE_H */
