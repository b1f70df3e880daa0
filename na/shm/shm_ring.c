/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Both ends of a ring. The orders of memory accesses: a producer releases `tail` after the record's
 * bytes, a consumer acquires it before reading them; a consumer releases `head` after its last read of
 * them, a producer acquires it before writing there again. The words for sleeping are pairs of "write
 * mine, full fence, read yours" like the doorbell's epoch (shm_doorbell.c).
 */
#include "na/shm/shm_ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "na/shm/shm_doorbell_page.h"
#include "util/util_bytes.h"

#define SHM_RING_HEADER_SIZE 8U
#define SHM_RING_KIND_FILLER 0U
#define SHM_RING_MASK        (SHM_RING_SIZE - 1U)

_Static_assert((SHM_RING_SIZE & SHM_RING_MASK) == 0, "positions are masked");
_Static_assert(SHM_RING_RECORD_MAX + SHM_RING_HEADER_SIZE <= SHM_RING_SIZE / 2, "a filler and a record fit together");

void shm_ring_out_init(struct shm_ring_out *ring, struct shm_ring_shared *shared)
{
    *ring = (struct shm_ring_out){.shared = shared};
}

void shm_ring_in_init(struct shm_ring_in *ring, struct shm_ring_shared *shared)
{
    *ring = (struct shm_ring_in){.shared = shared};
}

static size_t ring_record_size(size_t size)
{
    return SHM_RING_HEADER_SIZE + util_bytes_align8(size);
}

/* Bytes between the tail and the ring's end. */
static size_t ring_to_end(const struct shm_ring_out *ring)
{
    return SHM_RING_SIZE - (size_t)(ring->tail & SHM_RING_MASK);
}

/* Headers are the ring's own, not the network's: both ends are on one machine. */
static void ring_write_header(unsigned char *at, uint32_t kind, uint32_t size)
{
    memcpy(at, &size, sizeof(size));
    memcpy(at + sizeof(size), &kind, sizeof(kind));
}

/* Looks at what the consumer has taken. A head beyond the tail is a peer's lie, and gives no room: now, nor by being
 * remembered. */
static void ring_look(struct shm_ring_out *ring)
{
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

    if (ring->tail - head <= SHM_RING_SIZE)
        ring->head = head;
}

bool shm_ring_has_room(struct shm_ring_out *ring, size_t size)
{
    size_t need = ring_record_size(size);
    size_t to_end = ring_to_end(ring);

    if (need > to_end)
        need += to_end;
    if (ring->tail + need - ring->head <= SHM_RING_SIZE)
        return true;
    ring_look(ring);
    return ring->tail + need - ring->head <= SHM_RING_SIZE;
}

size_t shm_ring_free(struct shm_ring_out *ring)
{
    ring_look(ring);
    return SHM_RING_SIZE - (size_t)(ring->tail - ring->head);
}

unsigned char *shm_ring_reserve(struct shm_ring_out *ring, size_t size)
{
    size_t to_end = ring_to_end(ring);

    assert(size <= SHM_RING_RECORD_MAX);
    if (!shm_ring_has_room(ring, size))
        return NULL;
    if (ring_record_size(size) > to_end) {
        /* Becomes visible together with the record. */
        ring_write_header(ring->shared->bytes + (ring->tail & SHM_RING_MASK), SHM_RING_KIND_FILLER,
                          (uint32_t)(to_end - SHM_RING_HEADER_SIZE));
        ring->tail += to_end;
    }
    return ring->shared->bytes + (ring->tail & SHM_RING_MASK) + SHM_RING_HEADER_SIZE;
}

void shm_ring_publish(struct shm_ring_out *ring, uint32_t kind, size_t size)
{
    ring_write_header(ring->shared->bytes + (ring->tail & SHM_RING_MASK), kind, (uint32_t)size);
    ring->tail += ring_record_size(size);
    atomic_store_explicit(&ring->shared->tail, ring->tail, memory_order_release);
}

void shm_ring_block(struct shm_ring_out *ring)
{
    atomic_store_explicit(&ring->shared->blocked, 1, memory_order_relaxed);
    /* Between our write of `blocked` and our next read of `head`. */
    shm_doorbell_page_fence();
}

/* The record at `at`, of which `ready` bytes have been written; false if that cannot be. */
static bool ring_read_record(const struct shm_ring_in *ring, uint64_t at, uint64_t ready,
                             struct shm_ring_record *record)
{
    size_t offset = (size_t)(at & SHM_RING_MASK);
    const unsigned char *header = ring->shared->bytes + offset;
    uint64_t need;

    /* One read, into our own memory, before anything is checked. */
    memcpy(&record->size, header, sizeof(record->size));
    memcpy(&record->kind, header + sizeof(record->size), sizeof(record->kind));
    atomic_signal_fence(memory_order_seq_cst); /* and not once more by the compiler's choice */
    need = SHM_RING_HEADER_SIZE + (((uint64_t)record->size + 7U) & ~UINT64_C(7));
    if (need > ready || need > SHM_RING_SIZE - offset)
        return false;
    record->data = header + SHM_RING_HEADER_SIZE;
    record->next = at + need;
    return true;
}

int shm_ring_peek(const struct shm_ring_in *ring, struct shm_ring_record *record)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    uint64_t ready = tail - ring->head;
    uint64_t filler;

    if (ready == 0)
        return 0;
    if (ready > SHM_RING_SIZE || (ready & 7) != 0 || !ring_read_record(ring, ring->head, ready, record))
        return -EPROTO;
    if (record->kind != SHM_RING_KIND_FILLER)
        return record->size <= SHM_RING_RECORD_MAX ? 1 : -EPROTO;
    /* A filler reaches to the end, and a record follows it. */
    filler = record->next - ring->head;
    if ((record->next & SHM_RING_MASK) != 0 || filler == ready ||
        !ring_read_record(ring, record->next, ready - filler, record))
        return -EPROTO;
    return record->kind != SHM_RING_KIND_FILLER && record->size <= SHM_RING_RECORD_MAX ? 1 : -EPROTO;
}

void shm_ring_take(struct shm_ring_in *ring, const struct shm_ring_record *record)
{
    ring->head = record->next;
}

bool shm_ring_release(struct shm_ring_in *ring)
{
    if (ring->released == ring->head)
        return false;
    ring->released = ring->head;
    atomic_store_explicit(&ring->shared->head, ring->head, memory_order_release);
    /* Between our write of `head` and our read of `blocked`. */
    shm_doorbell_page_fence();
    if (atomic_load_explicit(&ring->shared->blocked, memory_order_relaxed) == 0)
        return false;
    return atomic_exchange_explicit(&ring->shared->blocked, 0, memory_order_relaxed) != 0;
}

void shm_ring_set_polled(struct shm_ring_in *ring, bool polled)
{
    if (polled == shm_ring_is_polled(ring))
        return;
    ring->polled++;
    atomic_store_explicit(&ring->shared->polled, ring->polled, memory_order_relaxed);
    /* Between our write of `polled` and our next read of `tail`. */
    if (!polled)
        shm_doorbell_page_fence();
}
