/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table of our own descriptors: see bulk_owner.h. The table holds no reference, so that it
 * never keeps memory alive; a lookup takes one only while the count has not reached zero, and the
 * last unref takes the handle out under the same lock before it frees it.
 */
#include "bulk/bulk_owner.h"

#include <assert.h>
#include <errno.h>

#include "bulk/bulk_handle.h"
#include "util/util_rand.h"

void bulk_owner_init(struct bulk_owner *owner, struct na_class *na_class, void *user)
{
    owner->na_classes[BULK_TRANSPORT_OWN] = na_class;
    owner->na_classes[BULK_TRANSPORT_SM] = NULL;
    owner->transport_count = 1;
    owner->user = user;
    atomic_init(&owner->handle_count, 0);
    owner->halt = NULL;
    util_lock_init(&owner->lock);
    util_list_init(&owner->freed);
    util_map_init(&owner->by_id, 0);
}

void bulk_owner_add_sm(struct bulk_owner *owner, struct na_class *na_class)
{
    assert(bulk_owner_handle_count(owner) == 0);
    owner->na_classes[BULK_TRANSPORT_SM] = na_class;
    owner->transport_count = BULK_TRANSPORT_SM + 1;
}

void bulk_owner_fini(struct bulk_owner *owner)
{
    if (owner == NULL)
        return;
    assert(bulk_owner_handle_count(owner) == 0);
    assert(util_list_empty(&owner->freed));
    util_map_fini(&owner->by_id);
    util_lock_fini(&owner->lock);
}

uint32_t bulk_owner_handle_count(struct bulk_owner *owner)
{
    /* Acquire: whoever reads 0 goes on to tear down what the last handle used. */
    return atomic_load_explicit(&owner->handle_count, memory_order_acquire);
}

/* Gives the handle an id that no other has. */
static int bulk_owner_add_locked(struct bulk_owner *owner, struct hg_bulk *handle)
{
    uint64_t id;
    int ret;

    util_lock_assert_held(&owner->lock);
    do {
        id = util_rand_u64();
        ret = id == 0 ? -EEXIST : util_map_put(&owner->by_id, id, handle);
    } while (ret == -EEXIST);
    /* Release: see the load in bulk_owner_identify. */
    if (ret == 0)
        atomic_store_explicit(&handle->id, id, memory_order_release);
    return ret;
}

int bulk_owner_identify(struct bulk_owner *owner, struct hg_bulk *handle, uint64_t *id)
{
    uint64_t known;
    int ret = 0;

    assert(handle->kind == BULK_KIND_LOCAL);
    /* Acquire: an id that is seen here is in the table. It never changes, so the second descriptor
     * of a handle takes no lock. */
    known = atomic_load_explicit(&handle->id, memory_order_acquire);
    if (known == 0) {
        util_lock_take(&owner->lock);
        if (atomic_load_explicit(&handle->id, memory_order_relaxed) == 0)
            ret = bulk_owner_add_locked(owner, handle);
        known = atomic_load_explicit(&handle->id, memory_order_relaxed);
        util_lock_drop(&owner->lock);
    }
    if (ret == 0)
        *id = known;
    return ret;
}

struct hg_bulk *bulk_owner_find(struct bulk_owner *owner, uint64_t id)
{
    struct hg_bulk *handle;

    util_lock_take(&owner->lock);
    handle = util_map_get(&owner->by_id, id);
    if (handle != NULL && !bulk_handle_ref_if_alive(handle))
        handle = NULL;
    util_lock_drop(&owner->lock);
    return handle;
}

bool bulk_owner_forget(struct bulk_owner *owner, struct hg_bulk *handle)
{
    /* Relaxed: nobody else has the handle any more, and the drop of each reference was a release, so
     * an id given by another thread is seen. */
    uint64_t id = atomic_load_explicit(&handle->id, memory_order_relaxed);
    bool held;

    if (id == 0)
        return false;
    util_lock_take(&owner->lock);
    (void)util_map_remove(&owner->by_id, id);
    held = handle->holds > 0;
    if (held)
        util_list_push(&owner->freed, &handle->freed_link);
    util_lock_drop(&owner->lock);
    return held;
}

bool bulk_owner_hold(struct bulk_owner *owner, uint64_t id)
{
    struct hg_bulk *handle;

    util_lock_take(&owner->lock);
    handle = util_map_get(&owner->by_id, id);
    if (handle != NULL)
        handle->holds++;
    util_lock_drop(&owner->lock);
    return handle != NULL;
}

/* The freed handle with this id, or NULL. There are few: each has a peer that does not answer. */
static struct hg_bulk *bulk_owner_find_freed(struct bulk_owner *owner, uint64_t id)
{
    util_lock_assert_held(&owner->lock);
    util_list_each (node, &owner->freed) {
        struct hg_bulk *handle = util_container_of(node, struct hg_bulk, freed_link);

        if (atomic_load_explicit(&handle->id, memory_order_relaxed) == id)
            return handle;
    }
    return NULL;
}

void bulk_owner_release(struct bulk_owner *owner, uint64_t id)
{
    struct hg_bulk *handle;
    bool last;

    util_lock_take(&owner->lock);
    handle = util_map_get(&owner->by_id, id);
    if (handle == NULL)
        handle = bulk_owner_find_freed(owner, id);
    if (handle != NULL)
        handle->holds--;
    last = handle != NULL && handle->holds == 0 && handle->kept;
    if (last)
        util_list_remove(&handle->freed_link);
    util_lock_drop(&owner->lock);
    if (last)
        bulk_handle_dispose(handle);
}

bool bulk_owner_keep(struct bulk_owner *owner, struct hg_bulk *handle)
{
    bool keep;

    if (handle->borrows && owner->halt != NULL)
        owner->halt(owner, atomic_load_explicit(&handle->id, memory_order_relaxed));
    util_lock_take(&owner->lock);
    keep = handle->holds > 0 && handle->provided != NULL;
    handle->kept = keep;
    if (!keep)
        util_list_remove(&handle->freed_link);
    util_lock_drop(&owner->lock);
    return keep;
}
