/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_once_next.h
 * What the records of hg_once.h are made of, and the short way to look one up, which is the way of nearly all requests that run at
 * most once: inline, since it is counted in tens of instructions. All but hg_once_look_up_next(), which takes it, needs hg_once::lock,
 * and that of the handle's owner.
 */

#ifndef HG_HG_ONCE_NEXT_H
#define HG_HG_ONCE_NEXT_H

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_handle.h"
#include "hg/hg_header.h"
#include "hg/hg_once.h"
#include "hg/hg_session.h"

enum hg_once_state {
    HG_ONCE_FREE,
    HG_ONCE_HELD, /* by the handle that the request was received in, which may have its answer */
    HG_ONCE_KEPT, /* with its answer, unless that is not kept */
};

struct hg_once_record {
    uint64_t sequence;
    struct hg_handle *handle; /* HELD; but for its once.record, touched under the lock of its owner only */
    void *answer;             /* owned; it may outlive the record */
    uint32_t capacity;        /* bytes at answer */
    uint32_t size;            /* of them, the answer; KEPT, as are the next three */
    uint32_t eager;
    uint32_t status;
    bool dropped; /* there was an answer, which is not kept */
    enum hg_once_state state;
};

struct hg_once_origin {
    uint64_t incarnation;
    uint8_t context;
    struct util_list use_link;  /* once->by_use */
    struct util_list hold_link; /* once->holding, with bytes > 0 */
    size_t bytes;               /* of memory for answers */
    uint32_t held;              /* places that handles have */
    uint32_t epoch;             /* when it was first heard of */
    uint64_t floor;             /* numbers below have ended at their origin */
    uint32_t large;             /* records with more memory for an answer than stays with its place */
    uint32_t ring_mask;         /* places of the ring, a power of two up to HG_HEADER_BEHIND_MAX, less one */
    uint32_t quick;             /* so many numbers in a row may be looked up the short way: all of the ring, or none */
    struct hg_once_record *ring;
};

static inline struct hg_once_record *hg_once_place_of(const struct hg_once_origin *origin, uint64_t sequence)
{
    return &origin->ring[sequence & origin->ring_mask];
}

/** Gives a new request its place, which no other handle has. handle->once.origin is set already. */
static inline void hg_once_occupy(struct hg_once_record *record, uint64_t sequence, uint8_t behind, uint16_t attempt,
                                  struct hg_handle *handle)
{
    record->sequence = sequence;
    record->state = HG_ONCE_HELD;
    record->handle = handle;
    handle->once.record = record;
    handle->once.sequence = sequence;
    handle->once.behind = behind;
    handle->once.attempt = attempt;
    handle->once.may_have_run = attempt > 1;
    handle->once.answered = false;
}

/** The record's handle loses its place. One that has answered and is of @p context, whose lock is held, lets go of its origin, too; one
 *  of another context does when it serves its next request. */
static inline void hg_once_displace(struct hg_once_origin *origin, struct hg_once_record *record,
                                    const struct hg_context *context)
{
    struct hg_once_place *place = &record->handle->once;

    place->record = NULL;
    record->state = HG_ONCE_FREE;
    if (record->handle->owner != context || !place->answered)
        return;
    place->origin = NULL;
    origin->held--;
}

/** The record gets a copy of the answer that @p handle has, if that fits into the memory which the record has. */
bool hg_once_copy(struct hg_once_origin *origin, struct hg_once_record *record, const struct hg_handle *handle);

/** Most requests come for the first time, and find their place free or with an answer that is not wanted any more: a lower number in it
 *  is a whole ring back at least, and so below the floor that this request sets, since `behind` is less than the ring's size. Most handles
 *  have a place of the same origin, which that does not need any more, or whose answer is small. Others are left as they are: false. */
static inline bool hg_once_add_next(struct hg_once_origin *origin, const struct hg_header *header,
                                    struct hg_handle *handle)
{
    const struct hg_once_place *place = &handle->once;
    uint64_t sequence = header->sequence;
    uint8_t behind = header->behind;
    uint64_t first = sequence - behind;
    struct hg_once_record *record = hg_once_place_of(origin, sequence);

    if (header->attempt != 1 || first < origin->floor || behind >= origin->quick || record->sequence >= sequence)
        return false;
    if (record->state == HG_ONCE_HELD)
        hg_once_displace(origin, record, handle->owner);
    if (place->origin == NULL) {
        handle->once.origin = origin;
        origin->held++;
    } else {
        if (place->origin != origin)
            return false;
        if (place->record != NULL && place->sequence < first)
            place->record->state = HG_ONCE_FREE;
        else if (place->record != NULL && !hg_once_copy(origin, place->record, handle))
            return false;
    }
    origin->floor = first;
    hg_once_occupy(record, sequence, behind, 1, handle);
    return true;
}

/** The short way, for the origin that was heard of last; false: it does not lead there, or the lock is taken. */
static inline bool hg_once_look_up_next(const struct hg_session *session, const struct hg_header *header,
                                        struct hg_handle *handle)
{
    struct hg_once *once = &session->context->hg_class->once;
    bool is_new;

    if (!util_lock_try(&once->lock))
        return false;
    is_new = session->once_generation == once->generation && session->once_origin == once->last &&
             hg_once_add_next(session->once_origin, header, handle);
    util_lock_drop(&once->lock);
    return is_new;
}

#endif
