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
 * The RPC core embeds one owner in each class. All functions may be called by any thread.
 */
#ifndef BULK_BULK_OWNER_H
#define BULK_BULK_OWNER_H

#include <stdatomic.h>
#include <stdint.h>

#include "util/util_hash.h"
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
    struct util_lock lock;                /* protects by_id, and the id of each local handle */
    struct util_map by_id;                /* id -> local handle that has been described; borrowed, no reference */
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

/* Takes a local handle out of the table, if it is there. Called by its last unref. */
void bulk_owner_forget(struct bulk_owner *owner, struct hg_bulk *handle);

#endif /* BULK_BULK_OWNER_H */
