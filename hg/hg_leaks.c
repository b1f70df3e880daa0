/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Words for what is still open. A list shows its first few members, and how many there are besides.
 */

#include "hg/hg_leaks.h"

#include <stdarg.h>
#include <stdio.h>

#include "bulk/bulk_handle.h"
#include "hg/hg_addr.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_handle.h"

/* Members of one kind that are named. */
#define LEAKS_NAMED 4U

/* A text that grows at its end, and is cut where there is no more room. */
struct leaks_text {
    char *text;
    size_t used;
};

static void __attribute__((format(printf, 2, 3))) leaks_add(struct leaks_text *out, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(out->text + out->used, HG_LEAKS_TEXT - out->used, format, args);
    va_end(args);
    if (length < 0)
        return;
    out->used += (size_t)length;
    if (out->used >= HG_LEAKS_TEXT)
        out->used = HG_LEAKS_TEXT - 1;
}

/* How many there are besides those that were named. */
static void leaks_add_rest(struct leaks_text *out, unsigned int count, unsigned int named)
{
    if (named > 0 && count > named)
        leaks_add(out, " and %u more", count - named);
}

/* --- handles ------------------------------------------------------------------------------------------- */

static void leaks_add_handle(struct leaks_text *out, const struct hg_handle *handle)
{
    const char *state = hg_handle_state_text(hg_handle_state(handle));

    if (handle->rpc != NULL && handle->rpc->name != NULL)
        leaks_add(out, "%.80s (%s)", handle->rpc->name, state);
    else
        leaks_add(out, "RPC id %#llx (%s)", (unsigned long long)handle->info.id, state);
}

void hg_leaks_of_context_locked(struct hg_context *context, char text[HG_LEAKS_TEXT])
{
    struct leaks_text out = {.text = text};
    unsigned int count = 0;
    unsigned int named = 0;

    text[0] = '\0';
    util_list_each (node, &context->handles_all) {
        const struct hg_handle *handle = util_container_of(node, struct hg_handle, all_link);

        if (!util_list_empty(&handle->idle_link))
            continue;
        count++;
        if (named == LEAKS_NAMED)
            continue;
        leaks_add(&out, "%s", named > 0 ? ", " : "");
        leaks_add_handle(&out, handle);
        named++;
    }
    leaks_add_rest(&out, count, named);
}

/* --- a class ------------------------------------------------------------------------------------------- */

static void leaks_add_contexts(struct leaks_text *out, struct hg_class *hg_class, unsigned int count)
{
    unsigned int named = 0;

    for (unsigned int id = 0; id < NA_CONTEXTS_MAX && named < LEAKS_NAMED; id++)
        if (hg_context_by_id(hg_class, (uint8_t)id) != NULL)
            leaks_add(out, "%s%u", named++ > 0 ? ", " : " (id ", id);
    leaks_add_rest(out, count, named);
    leaks_add(out, "%s", named > 0 ? ")" : "");
}

static void leaks_add_addrs(struct leaks_text *out, struct hg_class *hg_class, unsigned int count)
{
    unsigned int users = 0; /* references of the addresses that were named */
    unsigned int named = 0;

    util_lock_take(&hg_class->addr_lock);
    for (unsigned int i = 0; i < HG_CLASS_ADDR_BUCKETS; i++) {
        util_list_each (node, &hg_class->addr_buckets[i]) {
            const struct hg_addr *addr = util_container_of(node, struct hg_addr, link);
            unsigned int held = atomic_load_explicit(&addr->users, memory_order_relaxed);

            if (held == 0 || named == LEAKS_NAMED)
                continue;
            leaks_add(out, "%s%s%.100s", named++ > 0 ? ", " : " (", hg_class->names.prefix,
                      addr->text + hg_class->names.skip);
            if (held > 1)
                leaks_add(out, " %u times", held);
            users += held;
        }
    }
    util_lock_drop(&hg_class->addr_lock);
    leaks_add_rest(out, count, users);
    leaks_add(out, "%s", named > 0 ? ")" : "");
}

static void leaks_add_bulks(struct leaks_text *out, struct hg_class *hg_class, unsigned int count)
{
    struct bulk_owner *owner = &hg_class->bulks;
    const struct hg_bulk *handle;
    unsigned int named = 0;
    size_t cursor = 0;
    uint64_t id;

    util_lock_take(&owner->lock);
    while (named < LEAKS_NAMED && (handle = util_map_next(&owner->by_id, &cursor, &id)) != NULL)
        leaks_add(out, "%s%zu", named++ > 0 ? ", " : " (of bytes ", handle->size);
    util_lock_drop(&owner->lock);
    leaks_add_rest(out, count, named);
    leaks_add(out, "%s", named > 0 ? ")" : "");
}

void hg_leaks_of_class(struct hg_class *hg_class, char text[HG_LEAKS_TEXT])
{
    struct leaks_text out = {.text = text};
    unsigned int contexts = atomic_load(&hg_class->context_count);
    unsigned int addrs = atomic_load(&hg_class->addr_count);
    unsigned int bulks = bulk_owner_handle_count(&hg_class->bulks);

    leaks_add(&out, "%u contexts", contexts);
    leaks_add_contexts(&out, hg_class, contexts);
    leaks_add(&out, ", %u addresses", addrs);
    leaks_add_addrs(&out, hg_class, addrs);
    leaks_add(&out, ", %u bulk handles", bulks);
    leaks_add_bulks(&out, hg_class, bulks);
}
