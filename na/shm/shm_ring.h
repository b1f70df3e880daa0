/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A ring of records in memory that two processes share: one writes, the other reads.
 *
 * A record is a header of 8 bytes (size of the content, kind) and the content, padded to 8 bytes, never
 * wrapped: what does not fit before the ring's end leaves a filler there and starts at the front. The
 * two ends share two positions, which count bytes and never wrap: `tail`, written by the producer, and
 * `head`, written by the consumer. Each keeps its own in private memory and reads only the other's.
 *
 * Neither end trusts the other. Whatever the peer writes into the shared memory, at any time, a consumer
 * reads inside the ring only, and takes sizes and kinds from one read each; a producer writes inside the
 * ring only. Contents may change while they are read: copy first, then look.
 *
 * Beside the positions there are two words for sleeping and polling, see shm_ring_blocked and
 * shm_ring_polled. One thread at a time on each end; the two ends run at the same time.
 */
#ifndef NA_SHM_SHM_RING_H
#define NA_SHM_SHM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of records of one ring; a power of two. Some of the largest frames fit, and all of it into a
 * second-level cache. */
#define SHM_RING_SIZE (128U * 1024U)
/* The largest content of a record. */
#define SHM_RING_RECORD_MAX (32U * 1024U)

/* What lies in shared memory. */
struct shm_ring_shared {
    _Alignas(64) _Atomic uint64_t tail;    /* bytes ever written; by the producer */
    _Alignas(64) _Atomic uint64_t head;    /* bytes ever taken; by the consumer */
    _Alignas(64) _Atomic uint64_t polled;  /* by the consumer: odd while it does not look at this ring by itself */
    _Alignas(64) _Atomic uint32_t blocked; /* set by a producer that waits for room, cleared by the consumer */
    _Alignas(64) unsigned char bytes[SHM_RING_SIZE];
};

/* The writing end. */
struct shm_ring_out {
    struct shm_ring_shared *shared;
    uint64_t tail;
    uint64_t head; /* of the consumer when it was last looked at */
};

/* The reading end. */
struct shm_ring_in {
    struct shm_ring_shared *shared;
    uint64_t head;
    uint64_t released; /* what the producer knows of head */
    uint64_t polled;   /* what shared->polled says: it is never read back */
};

/* A record as found by shm_ring_peek. */
struct shm_ring_record {
    uint32_t kind;
    uint32_t size;
    const unsigned char *data; /* in shared memory, 8-byte aligned */
    uint64_t next;             /* for shm_ring_take */
};

/* Attach to one end of a ring whose shared part was zeroed by its maker. */
void shm_ring_out_init(struct shm_ring_out *ring, struct shm_ring_shared *shared);
void shm_ring_in_init(struct shm_ring_in *ring, struct shm_ring_shared *shared);

/* Room for one record with `size` bytes of content, to be filled in place, or NULL when there is none now.
 * At most SHM_RING_RECORD_MAX. Nothing is visible to the consumer until shm_ring_publish. */
unsigned char *shm_ring_reserve(struct shm_ring_out *ring, size_t size);
/* Shows the record reserved last, of exactly that size, to the consumer. `kind` is the caller's, not 0. */
void shm_ring_publish(struct shm_ring_out *ring, uint32_t kind, size_t size);

/* Whether a record of `size` bytes would find room now. */
bool shm_ring_has_room(struct shm_ring_out *ring, size_t size);

/* Bytes that are free now. */
size_t shm_ring_free(struct shm_ring_out *ring);

/* Asks the consumer, who is to ring when there is room again. Check for room once more afterwards. */
void shm_ring_block(struct shm_ring_out *ring);

/* The next record: 1, 0 if there is none, -EPROTO if the producer broke the ring. */
int shm_ring_peek(const struct shm_ring_in *ring, struct shm_ring_record *record);
/* Moves behind the record. */
void shm_ring_take(struct shm_ring_in *ring, const struct shm_ring_record *record);
/* Gives the room of what was taken back to the producer. True when it waits for that and is to be rung. */
bool shm_ring_release(struct shm_ring_in *ring);

static inline bool shm_ring_empty(const struct shm_ring_in *ring)
{
    /* Acquire: what is looked at next was written before. */
    return atomic_load_explicit(&ring->shared->tail, memory_order_acquire) == ring->head;
}

/* The consumer says whether it looks at the ring by itself. After saying no it must look once more. */
void shm_ring_set_polled(struct shm_ring_in *ring, bool polled);
static inline bool shm_ring_is_polled(const struct shm_ring_in *ring)
{
    return (ring->polled & 1) == 0;
}

#endif /* NA_SHM_SHM_RING_H */
