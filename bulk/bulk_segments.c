/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Segment arithmetic: see bulk_segments.h for the contract. A place is kept normal at all times,
 * that is, it never stands at the end of a segment while another byte follows; so peek is a
 * comparison of three lengths and needs no loop.
 */
#include "bulk/bulk_segments.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int bulk_segments_total(struct bulk_segments segments, size_t *total)
{
    size_t sum = 0;

    for (uint32_t i = 0; i < segments.count; i++) {
        if (__builtin_add_overflow(sum, segments.list[i].size, &sum))
            return -EOVERFLOW;
    }
    *total = sum;
    return 0;
}

/* Moves a place that may stand at the end of a segment to the next byte, past empty segments. */
static struct bulk_segments_place bulk_segments_normal(struct bulk_segments segments, struct bulk_segments_place place)
{
    while (place.index < segments.count && place.inner >= segments.list[place.index].size) {
        place.inner -= segments.list[place.index].size;
        place.index++;
    }
    assert(place.index < segments.count || place.inner == 0);
    return place;
}

struct bulk_segments_place bulk_segments_find(struct bulk_segments segments, size_t offset)
{
    struct bulk_segments_place place = {.index = 0, .inner = offset};

    return bulk_segments_normal(segments, place);
}

void bulk_segments_walk_init(struct bulk_segments_walk *walk, struct bulk_segments local, size_t local_offset,
                             struct bulk_segments remote, size_t remote_offset, size_t size)
{
    walk->local = local;
    walk->remote = remote;
    walk->local_place = bulk_segments_find(local, local_offset);
    walk->remote_place = bulk_segments_find(remote, remote_offset);
    walk->left = size;
}

/* The bytes from a place to the end of its segment. */
static size_t bulk_segments_rest(struct bulk_segments segments, struct bulk_segments_place place)
{
    assert(place.index < segments.count);
    return segments.list[place.index].size - place.inner;
}

static size_t bulk_segments_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool bulk_segments_walk_peek(const struct bulk_segments_walk *walk, size_t max_size, struct bulk_segments_piece *piece)
{
    const struct na_segment *local;
    size_t size = bulk_segments_min(walk->left, max_size);

    assert(max_size > 0);
    if (walk->left == 0)
        return false;
    size = bulk_segments_min(size, bulk_segments_rest(walk->local, walk->local_place));
    size = bulk_segments_min(size, bulk_segments_rest(walk->remote, walk->remote_place));
    local = &walk->local.list[walk->local_place.index];
    /* Through an integer: a list without memory has a NULL base, to which nothing may be added. */
    piece->local = (void *)((uintptr_t)local->base + walk->local_place.inner);
    piece->local_index = walk->local_place.index;
    piece->remote_index = walk->remote_place.index;
    piece->remote_inner = walk->remote_place.inner;
    piece->size = size;
    return true;
}

void bulk_segments_walk_advance(struct bulk_segments_walk *walk, size_t size)
{
    assert(size <= walk->left);
    walk->left -= size;
    walk->local_place.inner += size;
    walk->local_place = bulk_segments_normal(walk->local, walk->local_place);
    walk->remote_place.inner += size;
    walk->remote_place = bulk_segments_normal(walk->remote, walk->remote_place);
}

void bulk_segments_copy(struct bulk_segments dst, size_t dst_offset, struct bulk_segments src, size_t src_offset,
                        size_t size)
{
    struct bulk_segments_walk walk;
    struct bulk_segments_piece piece;

    bulk_segments_walk_init(&walk, dst, dst_offset, src, src_offset, size);
    while (bulk_segments_walk_peek(&walk, SIZE_MAX, &piece)) {
        const char *from = (const char *)src.list[piece.remote_index].base + piece.remote_inner;

        memmove(piece.local, from, piece.size);
        bulk_segments_walk_advance(&walk, piece.size);
    }
}

void bulk_segments_gather(void *buf, struct bulk_segments src, size_t offset, size_t size)
{
    struct na_segment flat = {.base = buf, .size = size};
    struct bulk_segments dst = {.list = &flat, .count = 1};

    bulk_segments_copy(dst, 0, src, offset, size);
}
