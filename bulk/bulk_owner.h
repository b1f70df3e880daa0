/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the bulk handles of one class share: the transports that their memory is registered with,
 * the number of handles open, and the table that recognises our own descriptors.
 *
 * A descriptor carries a random 64-bit id. When one of ours comes back (a call to one's own
 * address, a descriptor that went round through peers), decoding finds the id here and gives the
 * very handle that it was made from; so nothing that a sender wrote is ever taken for an address of
 * this process. A handle enters the table with its first descriptor: handles that are never
 * described pay nothing.
 *
 * A peer that was told of a handle may be writing into its memory when the call that told it ends early. The layer above then
 * puts a hold on the handle, by its id, until the peer is known to be done.
 *
 * The RPC core embeds one owner in each class. All functions may be called by any thread.
 */
#ifndef BULK_BULK_OWNER_H
#define BULK_BULK_OWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/util_hash.h"
#include "util/util_list.h"
#include "util/util_lock.h"

struct hg_bulk;
struct na_class;

/* The transports by which memory can be reached. The values travel in descriptors. */
enum bulk_transport {
    BULK_TRANSPORT_OWN = 0, /* the one that the class's address names */
    BULK_TRANSPORT_SM = 1,  /* shared memory beside it */
    BULK_TRANSPORTS_MAX = 2,
};

struct bulk_owner {
    struct na_class
        *na_classes[BULK_TRANSPORTS_MAX]; /* by enum bulk_transport; borrowed; constant once handles exist */
    uint32_t transport_count;             /* of those */
    void *user;                           /* the layer above; constant */
    atomic_uint handle_count;             /* handles open, local and remote */
    /* Ends what peers may still be writing into a handle that is being freed, where withdrawing its memory does not:
     * called without a lock, by the thread that drops the last reference; constant, or NULL. */
    void (*halt)(struct bulk_owner *owner, uint64_t id);
    struct util_lock lock;  /* protects the next two, and the id and the holds of each local handle */
    struct util_map by_id;  /* id -> local handle that has been described; borrowed, no reference */
    struct util_list freed; /* handles that have been freed while there were holds on them */
};

void bulk_owner_init(struct bulk_owner *owner, struct na_class *na_class, void *user);

/* The class has shared memory besides. Before the first handle. */
void bulk_owner_add_sm(struct bulk_owner *owner, struct na_class *na_class);

/* Every handle must be gone: asserted. Takes NULL. */
void bulk_owner_fini(struct bulk_owner *owner);

/* Handles open now. */
uint32_t bulk_owner_handle_count(struct bulk_owner *owner);

/* The id of a local handle, which enters the table when it has none: 0 or -ENOMEM. */
int bulk_owner_identify(struct bulk_owner *owner, struct hg_bulk *handle, uint64_t *id);

/* The living local handle with this id, with a reference for the caller, or NULL. */
struct hg_bulk *bulk_owner_find(struct bulk_owner *owner, uint64_t id);

/* Takes a local handle out of the table, if it is there. Called by its last unref. True: there are holds on it, and
 * bulk_owner_keep must follow. */
bool bulk_owner_forget(struct bulk_owner *owner, struct hg_bulk *handle);

/* --- holds: memory that a peer may still be writing to ------------------------------------------- */

/* A call that brought the peer the descriptor with this id has ended, and the peer may still be at work. Memory that
 * the library provided then outlives its handle, and stays registered: the peer finds what it was shown. False: that handle
 * has been freed before. */
bool bulk_owner_hold(struct bulk_owner *owner, uint64_t id);

/* The peer is known to be done. To be called once for each hold. */
void bulk_owner_release(struct bulk_owner *owner, uint64_t id);

/* A handle with holds is freed. If some of its memory is the user's, its registration has ended, and halt is called. True: the
 * handle is kept until the last release, for what the library provided; the caller frees it otherwise. */
bool bulk_owner_keep(struct bulk_owner *owner, struct hg_bulk *handle);

#endif /* BULK_BULK_OWNER_H */
