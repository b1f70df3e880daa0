/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_once.h
 * What a target remembers of requests that run at most once: for each origin context that sends such, a ring of records
 * by sequence number, with the answer once there is one. Later requests say which records are not needed any more.
 *
 * An answer stays where it is, in the handle of its request, which keeps its place in the ring, until the handle is needed for
 * another request: by then the origin has said most often that it does not need the answer, else the record gets a copy
 * (hg_once_settle()). Where another context of the class may be asked for it, the handle's buffer does not hold all of it, or the
 * program has that buffer (HG_Get_output_buf()), the record gets the copy at once.
 *
 * A request whose number is in the ring has been received before. One that is not is new, unless the target has
 * forgotten something since the origin numbered it: its records epoch tells, and such a request is refused.
 *
 * The table belongs to the class and has a lock of its own, which is taken under the lock of a context.
 */

#ifndef HG_HG_ONCE_H
#define HG_HG_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mercury_types.h"
#include "util/util_hash.h"
#include "util/util_list.h"
#include "util/util_lock.h"

/** The largest answer that is kept. */
#define HG_ONCE_ANSWER_MAX (64U * 1024U)
/** Bytes of answers that a class keeps; beyond them the answers of those heard of longest ago are dropped. */
#define HG_ONCE_BYTES_MAX (64U * 1024U * 1024U)
/** Origin contexts that a class keeps records of; beyond them those heard of longest ago are forgotten. */
#define HG_ONCE_ORIGINS_MAX 16384U

struct hg_handle;
struct hg_header;
struct hg_once_origin;
struct hg_once_record;
struct hg_outbox_payload;
struct hg_session;

struct hg_once {
    struct util_lock lock;
    struct util_map origins;     /**< by a mixture of incarnation and context id */
    struct util_list by_use;     /**< the same, those heard of longest ago first */
    struct hg_once_origin *last; /**< of them, the last */
    uint64_t generation;         /**< grows when one of them goes; from 1 on, which no new session has */
    struct util_list holding;    /**< those of them that have memory for answers, in about that order */
    uint32_t count;
    uint32_t origins_max;     /**< HG_ONCE_ORIGINS_MAX, less in tests */
    size_t bytes_max;         /**< HG_ONCE_BYTES_MAX, less in tests */
    size_t bytes;             /**< of memory for answers */
    uint64_t evicted;         /**< origins that were forgotten though they may ask again */
    uint64_t dropped;         /**< answers that were not kept */
    _Atomic uint32_t epoch;   /**< grows when records are forgotten whose calls may still be repeated */
    _Atomic uint32_t durable; /**< names the records that the service itself keeps beyond its life; 0: it keeps none */
};

/** A received request's place in the ring. But for the record, written under the lock of the handle's owner. */
struct hg_once_place {
    struct hg_once_origin *origin; /**< NULL: there is none; it stays while there is a place in it */
    struct hg_once_record *record; /**< NULL: another call has it by now; under the lock of the table */
    uint64_t sequence;
    uint16_t attempt;  /**< the last one that has come */
    bool may_have_run; /**< in an earlier life of the service, which alone can know */
    bool answered;     /**< with success, and the answer is what the handle has encoded, even when the handle is idle */
    uint8_t behind;    /**< the origin may still ask for numbers from so many before it on */
};

void hg_once_init(struct hg_once *once);
void hg_once_fini(struct hg_once *once);

/** What to do with a request. */
enum hg_once_verdict {
    HG_ONCE_NEW,      /**< to run; it has a place now */
    HG_ONCE_RUNNING,  /**< it is here already, in handle, whose owner's lock the caller holds */
    HG_ONCE_ANSWERED, /**< it was answered: the answer is at hand */
    HG_ONCE_REFUSED,  /**< not to run, but answered with status */
};

struct hg_once_found {
    enum hg_once_verdict verdict;
    struct hg_handle *handle; /**< RUNNING */
    hg_return_t status;       /**< ANSWERED, REFUSED */
    bool executed;            /**< REFUSED: it has run, but its answer is not kept any more */
    void *answer;             /**< ANSWERED: a copy, owned by the caller */
    size_t answer_size;
    size_t answer_eager; /**< of it, the part in front that goes in the message itself; see hg_payload_view() */
};

/** Looks a request up, and gives it a place in @p handle->once if it is new: true; @p found is set else. Needs the lock of the
 *  session's context. */
bool hg_once_look_up_any(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle,
                         struct hg_once_found *found);

/** The request in @p handle has been answered with @p status and @p payload, of which a copy is kept. Its place is given up. */
void hg_once_answered(struct hg_handle *handle, uint32_t status, const struct hg_outbox_payload *payload);

/** The same with success and the answer that @p handle has encoded: when the handle is to serve another request or goes, or somebody
 *  else may look for the answer, or write to it. Needs the lock of the handle's owner. */
void hg_once_settle(struct hg_handle *handle);

/** The request in @p handle will not run: as if it had never come. Its place is given up. */
void hg_once_forget(struct hg_handle *handle);

#endif
