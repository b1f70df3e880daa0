/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_class.h
 * What an hg_class_t points at: one identity on the network, its transport, its registered RPCs, its
 * addresses and its contexts. Everything that a call needs on its way is in the context; the class holds
 * what is constant, or changes rarely under a lock of its own.
 */

#ifndef HG_HG_CLASS_H
#define HG_HG_CLASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulk/bulk_owner.h"
#include "hg/hg_flusher.h"
#include "hg/hg_rpc.h"
#include "mercury.h"
#include "na/na.h"
#include "quicksilver.h"
#include "util/util_list.h"
#include "util/util_lock.h"

#define HG_CLASS_ADDR_BUCKETS 256U

/** What a class and its addresses are called outside, as in Mercury: "ofi", "tcp" and "ofi+tcp://...", or "na", "sm" and
 *  "na+sm://..." where the program asked for that. Inside, and on the wire, addresses are "tcp://..." and "shm://...". */
struct hg_class_names {
    const char *name;
    const char *protocol;
    const char *prefix; /**< what the text of an address begins with, */
    size_t skip;        /**< in place of so many bytes of ours */
};

/** The user's pointer with the function that frees it. */
struct hg_user_data {
    void *data;
    void (*free_callback)(void *);
};

struct hg_class {
    /* Identity; constant after HG_Init. */
    struct util_list all_link; /**< under the lock of all classes, in hg_class.c */
    uint64_t number;           /**< counts the classes of this process from 1 */
    struct na_class *na;
    uint64_t incarnation; /**< random and not 0, new for every class: tells a restarted process apart */
    struct hg_addr *self; /**< a reference */
    struct hg_class_names names;
    struct na_limits limits;

    /* Options; constant after HG_Init unless atomic. */
    struct hg_init_info options;
    size_t eager_size[2];        /**< payload bytes of one eager message: [0] input, [1] output */
    size_t user_offset[2];       /**< bytes in front of the encoded data that are the user's own: input, output */
    _Atomic uint64_t timeout_us; /**< of calls that have no limit of their own; 0: none */
    atomic_bool batching;        /**< several messages in one frame */
    uint32_t context_max;

    /* Tables. */
    struct hg_rpc_table rpcs;
    struct util_lock addr_lock; /**< addr_buckets and the death of addresses */
    struct util_list addr_buckets[HG_CLASS_ADDR_BUCKETS];
    struct util_lock
        context_lock;           /**< creation and destruction of contexts, closed_counters; taken before their locks */
    struct util_lock post_lock; /**< keeps a context in `contexts` while a parcel is posted to it; taken after them */
    _Atomic(struct hg_context *) contexts[NA_CONTEXTS_MAX];

    struct hg_flusher flusher;

    /* Open objects of the user: HG_Finalize says HG_BUSY while any is above 0. */
    atomic_uint context_count;
    atomic_uint addr_count;
    struct bulk_owner bulks; /**< what all bulk handles of the class share; its user is this class */

    struct qs_counters closed_counters; /**< what destroyed contexts have counted */
    struct hg_user_data user;
    hg_return_t (*handle_create)(hg_handle_t, void *);
    void *handle_create_arg;
};

/** The open class after number @p after (0: the first): its number, or 0 when there is none. Copies its address (cut to
 *  what fits) and its counters; the class itself may be gone when this returns. */
uint64_t hg_class_next(uint64_t after, char *address, size_t address_size, struct qs_counters *counters);

/** Replaces the user's pointer, freeing nothing (as Mercury's *_set_data do). */
static inline void hg_user_data_set(struct hg_user_data *user, void *data, void (*free_callback)(void *))
{
    user->data = data;
    user->free_callback = free_callback;
}

/** Runs the free callback, once. */
static inline void hg_user_data_free(struct hg_user_data *user)
{
    if (user->free_callback != NULL && user->data != NULL)
        user->free_callback(user->data);
    hg_user_data_set(user, NULL, NULL);
}

#endif
