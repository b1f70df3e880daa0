/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_queue.h
 * The completion queue of a context: what HG_Trigger() will run, in the order in which it became ready.
 *
 * An entry is embedded in the object that completes and is on the queue at most once. Entries of the
 * context itself are queued under its lock; other contexts and threads that must not take that lock hand
 * theirs over through the inbox, which has a lock of its own that is never held while another is taken.
 */

#ifndef HG_HG_QUEUE_H
#define HG_HG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "mercury_types.h"
#include "util/util_list.h"

struct hg_class;
struct hg_context;

/** Something that HG_Trigger() runs. Embedded; the object it is embedded in stays until run() is over. */
struct hg_completion {
    struct util_list link;
    /** Takes the entry's own effects under the context's lock, right after it left the queue; NULL: none. False: the
     *  entry is dropped, run() is not called. */
    bool (*take_locked)(struct hg_completion *completion);
    /** Runs the user's callback, no lock held. */
    void (*run)(struct hg_completion *completion);
};

/** Something handed over by another context. Embedded or allocated by the sender, who names its end. */
struct hg_parcel {
    struct util_list link;
    /** Called under the receiving context's lock. Owns the parcel. */
    void (*open_locked)(struct hg_parcel *parcel, struct hg_context *context);
    /** Called instead when the receiving context goes away. Owns the parcel. */
    void (*discard)(struct hg_parcel *parcel);
};

/** Queues an entry and wakes whoever waits for one. Needs the context's lock. */
void hg_queue_push_locked(struct hg_context *context, struct hg_completion *completion);

/** Hands a parcel to any context of the process; takes only the inbox lock. */
void hg_queue_post(struct hg_context *context, struct hg_parcel *parcel);

/** The same to the context with this id, which cannot go away meanwhile. False: there is none, nothing was posted. */
bool hg_queue_post_to(struct hg_class *hg_class, uint8_t id, struct hg_parcel *parcel);

/** Opens what has arrived in the inbox. Needs the context's lock. Returns the number of parcels. */
unsigned int hg_queue_drain_inbox_locked(struct hg_context *context);

/** Runs up to @p max_count entries; returns how many ran. No lock held. */
unsigned int hg_queue_run(struct hg_context *context, unsigned int max_count);

/** Whether a message that the calling thread adds now shall wait for others: it is inside a callback that this context
 *  runs, and more callbacks are to follow, or the callback has sent something already. The first message of the last
 *  callback leaves at once, and takes along what was gathered for its peer. Needs the context's lock. */
bool hg_queue_gathers_locked(struct hg_context *context);

#endif
