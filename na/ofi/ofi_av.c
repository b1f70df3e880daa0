/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses of datagram endpoints.
 *
 * An address leaves the vector with its last route, if the provider's row allows it. libfabric's shm
 * writes into the peer's memory when an address is removed: at a wrong place if the two never
 * exchanged ids, into freed memory if the peer was an endpoint of this process. There, an address
 * is removed only when the peer is a process of its own that died, which must be, lest its successor of
 * the same name gets nothing; others stay for the next route to them, and go when the vector is
 * full (shm: 256 places). av.lock guards the map and the counts; a lock of its own, the names of this
 * process.
 */
#include "na/ofi/ofi_av.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_error.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

int ofi_av_open(struct ofi_class *owner)
{
    struct fi_av_attr attr = {.type = FI_AV_TABLE};
    int ret;

    if (owner->connected)
        return 0;
    ret = fi_av_open(owner->domain, &attr, &owner->av.fid, NULL);
    if (ret != 0) { /* some providers have maps only */
        attr.type = FI_AV_MAP;
        ret = fi_av_open(owner->domain, &attr, &owner->av.fid, NULL);
    }
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%s has no address vector: %s", owner->base.provider,
                               ofi_error_text(ret));
    return 0;
}

void ofi_av_close(struct ofi_class *owner)
{
    size_t cursor = 0;
    struct ofi_av_entry *entry;

    while ((entry = util_map_next(&owner->av.entries, &cursor, NULL)) != NULL) {
        while (entry != NULL) {
            struct ofi_av_entry *next = entry->next;
            util_free(entry);
            entry = next;
        }
    }
    util_map_fini(&owner->av.entries);
    if (owner->av.fid != NULL)
        (void)fi_close(&owner->av.fid->fid);
    owner->av.fid = NULL;
}

/* Names of endpoints that this process opened; never forgotten. local_lock also spans posts to them and their close. */
static pthread_mutex_t local_lock = PTHREAD_MUTEX_INITIALIZER;
static struct util_map local_names; /* under local_lock: hash of the text to one of the two below */
static char local_open;
static char local_closed;

static void av_set_local(const char *text, char *state)
{
    uint64_t hash = util_hash_string64(text);

    if (local_names.capacity == 0)
        util_map_init(&local_names, 0);
    (void)util_map_remove(&local_names, hash);
    (void)util_map_put(&local_names, hash, state);
}

void ofi_av_note_local(const char *text)
{
    (void)pthread_mutex_lock(&local_lock);
    av_set_local(text, &local_open);
    (void)pthread_mutex_unlock(&local_lock);
}

void ofi_av_local_close(const char *text, struct fid_ep *ep)
{
    (void)pthread_mutex_lock(&local_lock);
    av_set_local(text, &local_closed);
    (void)fi_close(&ep->fid);
    (void)pthread_mutex_unlock(&local_lock);
}

bool ofi_av_local_enter(const struct ofi_av_entry *entry)
{
    if (entry == NULL || !entry->local)
        return true;
    (void)pthread_mutex_lock(&local_lock);
    if (util_map_get(&local_names, util_hash_string64(entry->text)) != &local_closed)
        return true;
    (void)pthread_mutex_unlock(&local_lock);
    return false;
}

void ofi_av_local_leave(const struct ofi_av_entry *entry)
{
    if (entry != NULL && entry->local)
        (void)pthread_mutex_unlock(&local_lock);
}

static bool av_is_local(const char *text)
{
    bool local;

    (void)pthread_mutex_lock(&local_lock);
    local = util_map_get(&local_names, util_hash_string64(text)) != NULL;
    (void)pthread_mutex_unlock(&local_lock);
    return local;
}

/* Takes an entry out of the map and the vector, and frees it. */
static void av_remove_locked(struct ofi_class *owner, struct ofi_av_entry *entry)
{
    uint64_t hash = util_hash_string64(entry->text);
    struct ofi_av_entry *first = util_map_remove(&owner->av.entries, hash);
    struct ofi_av_entry **link = &first;

    while (*link != NULL && *link != entry)
        link = &(*link)->next;
    if (*link != NULL)
        *link = entry->next;
    if (first != NULL) /* cannot fail: its place was just freed */
        (void)util_map_put(&owner->av.entries, hash, first);
    (void)fi_av_remove(owner->av.fid, &entry->addr, 1, 0);
    util_free(entry);
}

/* Makes room in a full vector: false when every address is in use. */
static bool av_evict_locked(struct ofi_class *owner)
{
    size_t cursor = 0;
    struct ofi_av_entry *entry;

    while ((entry = util_map_next(&owner->av.entries, &cursor, NULL)) != NULL) {
        for (; entry != NULL; entry = entry->next) {
            if (entry->refs == 0 && !av_is_local(entry->text)) {
                av_remove_locked(owner, entry);
                return true;
            }
        }
    }
    return false;
}

static int av_insert_locked(struct ofi_class *owner, const struct ofi_address *address, const char *text,
                            struct ofi_av_entry **entry_out)
{
    uint64_t hash = util_hash_string64(text);
    struct ofi_av_entry *entry = util_calloc(1, sizeof(*entry));
    int inserted = 0;

    if (entry == NULL)
        return util_detail_set(-ENOMEM, "no memory for the address %s", text);
    entry->addr = FI_ADDR_UNSPEC;
    entry->refs = 1;
    (void)snprintf(entry->text, sizeof(entry->text), "%s", text);
    do {
        inserted = fi_av_insert(owner->av.fid, address->bytes, 1, &entry->addr, 0, NULL);
    } while (inserted != 1 && av_evict_locked(owner));
    if (inserted == 1) {
        struct ofi_av_entry *others = util_map_get(&owner->av.entries, hash);

        if (others != NULL) { /* same hash: behind the first */
            entry->next = others->next;
            others->next = entry;
            *entry_out = entry;
            return 0;
        }
        if (util_map_put(&owner->av.entries, hash, entry) == 0) {
            *entry_out = entry;
            return 0;
        }
        (void)fi_av_remove(owner->av.fid, &entry->addr, 1, 0);
    }
    util_free(entry);
    return util_detail_set(-ENOMEM, "%s has no room for the address %s", owner->base.provider, text);
}

int ofi_av_get(struct ofi_class *owner, const struct ofi_address *address, const char *text,
               struct ofi_av_entry **entry_out)
{
    struct ofi_av_entry *entry;
    int ret = 0;

    util_lock_take(&owner->av.lock);
    entry = util_map_get(&owner->av.entries, util_hash_string64(text));
    while (entry != NULL && strcmp(entry->text, text) != 0)
        entry = entry->next;
    if (entry != NULL && entry->dead && entry->refs == 0) {
        av_remove_locked(owner, entry);
        entry = NULL;
    }
    if (entry == NULL) {
        ret = av_insert_locked(owner, address, text, entry_out);
    } else if (entry->dead) {
        ret = -ECONNREFUSED;
    } else {
        entry->refs++;
        *entry_out = entry;
    }
    /* Others who have the entry read this without the lock, and must find at the end of a call what they found at its
     * beginning: it is written by the first one only. */
    if (ret == 0 && (*entry_out)->refs == 1)
        (*entry_out)->local = owner->provider->guard_local && av_is_local(text);
    util_lock_drop(&owner->av.lock);
    return ret;
}

void ofi_av_put(struct ofi_class *owner, struct ofi_av_entry *entry, bool dead)
{
    if (entry == NULL)
        return;
    util_lock_take(&owner->av.lock);
    if (dead && !av_is_local(entry->text))
        entry->dead = true;
    /* What a dead peer sent before is still being read, and names its entry: it goes when somebody asks for the
     * address again, or when there is no room for another. */
    if (--entry->refs == 0 && !owner->provider->keep_addresses)
        av_remove_locked(owner, entry);
    util_lock_drop(&owner->av.lock);
}
