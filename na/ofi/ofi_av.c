/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses of datagram endpoints. An address leaves the vector with its last route. av.lock guards the
 * map and the counts.
 */
#include "na/ofi/ofi_av.h"

#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_error.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_mutant.h"

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
    inserted = fi_av_insert(owner->av.fid, address->bytes, 1, &entry->addr, 0, NULL);
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
    if (entry == NULL) {
        ret = av_insert_locked(owner, address, text, entry_out);
    } else {
        entry->refs++;
        *entry_out = entry;
    }
    util_lock_drop(&owner->av.lock);
    return ret;
}

void ofi_av_put(struct ofi_class *owner, struct ofi_av_entry *entry)
{
    if (entry == NULL)
        return;
    util_lock_take(&owner->av.lock);
    if (--entry->refs == 0 || UTIL_MUTANT(ADDRESS_REMOVED_EARLY))
        av_remove_locked(owner, entry);
    util_lock_drop(&owner->av.lock);
}
