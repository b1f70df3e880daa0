/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Bulk handles: `struct hg_bulk`, the thing behind the public hg_bulk_t.
 *
 * A handle is either local (memory of this process, registered with the class's transports for as
 * long as the handle lives) or remote (what a descriptor told us about memory of a peer, perhaps with
 * the data itself). It is counted by reference; everything but the bind information and the hooks is
 * constant from creation on, so handles may be created, shared, read and freed by any thread.
 *
 * A handle is one allocation: the struct, its segment list, and for a remote one the addresses,
 * keys and data behind it. Memory that the library provides is a second one.
 *
 * Flags say what the REMOTE side may do, as in Mercury: a pull reads its origin and writes its
 * local handle, a push the other way round.
 *
 * bulk_wire.h turns handles into descriptors and back; bulk_transfer.h moves the data.
 */
#ifndef BULK_BULK_HANDLE_H
#define BULK_BULK_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulk/bulk_owner.h"
#include "bulk/bulk_segments.h"
#include "na/na.h"

/* What the remote side may do. The values are those of the public HG_BULK_* flags and travel in
 * descriptors. */
enum bulk_access {
    BULK_ACCESS_READ = 1,
    BULK_ACCESS_WRITE = 2,
};

#define BULK_ACCESS_ALL ((unsigned int)(BULK_ACCESS_READ | BULK_ACCESS_WRITE))

/* The most segments of one handle: what a descriptor can name. */
#define BULK_SEGMENTS_MAX UINT32_C(65536)

enum bulk_kind {
    BULK_KIND_LOCAL,  /* memory of this process */
    BULK_KIND_REMOTE, /* memory of a peer, from a descriptor */
};

/* How to reach one remote segment. The size is in the segment list. */
struct bulk_remote {
    uint64_t address;
    const uint8_t *key; /* inside the handle's allocation */
};

/* How to reach a remote handle's memory by one transport. */
struct bulk_path {
    struct bulk_remote *remotes; /* one per segment, inside the handle's allocation; NULL: there is no such way */
    uint8_t key_size;            /* of each */
};

/* Which call brought us a descriptor: values of the layer above, only to be compared. */
struct bulk_sender {
    void *addr;          /* the peer; a reference of the layer above, or NULL: not known */
    const void *context; /* ours, that received the call; NULL: it came otherwise */
    uint32_t session_index;
    uint32_t session_key;
    uint64_t tag;
    uint8_t origin_context;
};

struct hg_bulk {
    /* Identity. */
    enum bulk_kind kind;
    uint8_t access;           /* enum bulk_access bits */
    uint8_t mem_kind;         /* enum na_mem_kind */
    bool borrows;             /* local: some of the memory is the user's */
    bool local_only;          /* registered for our own transfers, never to be described to a peer */
    uint64_t device;          /* of device memory */
    struct bulk_owner *owner; /* borrowed: the class outlives its handles */
    _Atomic uint64_t id;      /* in descriptors; local: 0 until the first, set under the owner's lock */

    /* Memory. */
    size_t size; /* of all segments */
    uint32_t segment_count;
    struct na_segment *segments;                 /* bases are NULL in a remote handle without data */
    struct na_mem *mems[BULK_TRANSPORTS_MAX];    /* local: the registrations, owned; NULL: no such transport, or it
                                                    did not take the memory */
    void *provided;                              /* local: memory that the library allocated, owned, or NULL */
    struct bulk_path paths[BULK_TRANSPORTS_MAX]; /* remote */
    bool has_data;                               /* remote: the data came with the descriptor; the bases point at it */

    /* The checksum of all the memory; written once it is known, before the handle is shared. */
    bool has_digest;
    uint32_t digest; /* CRC-32C */

    /* Holds on a local handle (bulk_owner.h); under the owner's lock. */
    uint32_t holds;
    bool kept;                   /* freed, and only kept for them */
    struct util_list freed_link; /* owner->freed */

    /* Where the owner is: its context that sent us the descriptor (0 unless the layer above says), and
     * the address that it bound the handle to. Written once, before the handle is shared. */
    uint8_t sender_context;
    struct bulk_sender sender;
    char *bound_address; /* owned; NULL while unbound */
    uint8_t bound_context;

    /* The layer above. */
    atomic_uintptr_t user;                    /* its own; see released */
    void (*released)(struct hg_bulk *handle); /* called by the thread that drops the last reference,
                                                 while all fields are still valid; or NULL */
    atomic_uint refs;
};

/* What bulk_handle_create is asked for. Zero in a field asks for its default. */
struct bulk_handle_args {
    struct bulk_owner *owner;
    uint32_t count;        /* segments, at least 1 */
    void *const *bases;    /* NULL, or NULL in a place: the library provides zeroed memory there */
    const uint64_t *sizes; /* may be 0 */
    unsigned int access;   /* enum bulk_access bits, at least one */
    bool local_only;       /* only the local side of transfers: peers get no access at all */
    enum na_mem_kind mem_kind;
    uint64_t device;
    void (*released)(struct hg_bulk *handle);
};

/* Makes a local handle with one reference. The arrays are copied, the memory is borrowed until the
 * last reference goes. Shared memory beside the class's own transport may decline (device memory):
 * peers then take the other way. -EINVAL (arguments), -EOVERFLOW (sizes add up to too much), -ENOMEM, or what
 * na_mem_register says; a sentence is left in util_detail. Any thread. */
int bulk_handle_create(const struct bulk_handle_args *args, struct hg_bulk **out);

/* The same over one contiguous buffer: one allocation and one registration. */
int bulk_handle_wrap(struct bulk_owner *owner, void *base, size_t size, unsigned int access, bool local_only,
                     struct hg_bulk **out);

/* What bulk_handle_create_remote is asked for: sizes and lengths only, the caller (bulk_wire) then
 * fills the arrays of the new handle. */
struct bulk_remote_args {
    struct bulk_owner *owner;
    uint32_t count;
    uint8_t key_sizes[BULK_TRANSPORTS_MAX]; /* of each segment, by transport; 0: no path */
    size_t data_size;                       /* bytes of data that came along, all of the handle's; with has_data */
    bool has_data;
    size_t bound_length; /* of the bound address without terminator; 0: not bound */
    void (*released)(struct hg_bulk *handle);
};

/* Makes a remote handle with one reference, its arrays zeroed and wired up; `keys`, one for each
 * transport, and `data` receive the places to be filled. -ENOMEM. Any thread. */
int bulk_handle_create_remote(const struct bulk_remote_args *args, uint8_t *keys[BULK_TRANSPORTS_MAX], void **data,
                              struct hg_bulk **out);

/* Takes a reference. Any thread. */
void bulk_handle_ref(struct hg_bulk *handle);

/* Takes a reference unless the last one is already gone; for lookups under the owner's lock. */
bool bulk_handle_ref_if_alive(struct hg_bulk *handle);

/* Drops a reference; the last one calls `released`, ends the registration and frees. Takes NULL.
 * Any thread. */
void bulk_handle_unref(struct hg_bulk *handle);

/* For bulk_owner.c: frees what was kept of a freed handle. */
void bulk_handle_dispose(struct hg_bulk *handle);

/* Gives the memory of [offset, offset + size) as up to max_count pieces, empty ones left out. The
 * arrays may be NULL; *count, which may be too, is always written (0 on error). -EINVAL for a range
 * outside the handle and for memory that this process cannot reach. */
int bulk_handle_access(const struct hg_bulk *handle, uint64_t offset, uint64_t size, uint32_t max_count, void **bases,
                       uint64_t *sizes, uint32_t *count);

/* Stores where the owner of a local handle can be reached: -EINVAL when it is remote, local_only
 * or bound already, -ENOMEM. The caller shares the handle with other threads only afterwards. */
int bulk_handle_bind(struct hg_bulk *handle, const char *address, uint8_t context);

/* Whether peers (local handle) or we (remote handle) can reach the memory by this transport. */
static inline bool bulk_handle_has_path(const struct hg_bulk *handle, enum bulk_transport transport)
{
    return handle->kind == BULK_KIND_LOCAL ? handle->mems[transport] != NULL : handle->paths[transport].remotes != NULL;
}

static inline bool bulk_handle_is_bound(const struct hg_bulk *handle)
{
    return handle->bound_address != NULL;
}

/* The segment list, for bulk_segments. */
static inline struct bulk_segments bulk_handle_segments(const struct hg_bulk *handle)
{
    return (struct bulk_segments){.list = handle->segments, .count = handle->segment_count};
}

/* Whether the bytes are in this process and may be reached by the processor. */
static inline bool bulk_handle_is_memory(const struct hg_bulk *handle)
{
    return (handle->kind == BULK_KIND_LOCAL || handle->has_data) && handle->mem_kind == NA_MEM_HOST;
}

#endif /* BULK_BULK_HANDLE_H */
