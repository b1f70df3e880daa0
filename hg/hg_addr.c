/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Addresses: one struct per canonical text and class, and the public HG_Addr_* calls. Looking an address
 * up contacts nobody; the transport turns what the user wrote into canonical form, so that two spellings of
 * one peer are one address, and one's own is recognised however it was obtained.
 */

#include "hg/hg_addr.h"

#include <errno.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_queue.h"
#include "hg/hg_session.h"
#include "mercury.h"
#include "util/util_alloc.h"
#include "util/util_hash.h"

static struct util_list *addr_bucket(struct hg_class *hg_class, const char *canonical)
{
    return &hg_class->addr_buckets[util_hash_string64(canonical) % HG_CLASS_ADDR_BUCKETS];
}

static struct hg_addr *addr_find(struct hg_class *hg_class, const char *canonical)
{
    util_list_each (node, addr_bucket(hg_class, canonical)) {
        struct hg_addr *addr = util_container_of(node, struct hg_addr, link);

        if (strcmp(addr->text, canonical) == 0)
            return addr;
    }
    return NULL;
}

static struct hg_addr *addr_create(struct hg_class *hg_class, const char *canonical)
{
    size_t size = strlen(canonical) + 1;
    struct hg_addr *addr = util_calloc(1, sizeof(*addr) + size);

    if (addr == NULL)
        return NULL;
    addr->hg_class = hg_class;
    hg_peer_init(&addr->peer);
    addr->self = strcmp(canonical, na_class_address(hg_class->na)) == 0;
    memcpy(addr->text, canonical, size);
    util_list_push(addr_bucket(hg_class, canonical), &addr->link);
    return addr;
}

struct hg_addr *hg_addr_intern(struct hg_class *hg_class, const char *canonical)
{
    struct hg_addr *addr;

    util_lock_take(&hg_class->addr_lock);
    addr = addr_find(hg_class, canonical);
    if (addr == NULL)
        addr = addr_create(hg_class, canonical);
    if (addr != NULL)
        hg_addr_ref(addr);
    util_lock_drop(&hg_class->addr_lock);
    return addr;
}

void hg_addr_ref(struct hg_addr *addr)
{
    /* Relaxed: whoever adds a reference holds one, or the lock. */
    (void)atomic_fetch_add_explicit(&addr->refs, 1, memory_order_relaxed);
}

void hg_addr_unref(struct hg_addr *addr)
{
    struct hg_class *hg_class;
    unsigned int refs;

    if (addr == NULL)
        return;
    refs = atomic_load_explicit(&addr->refs, memory_order_relaxed);
    /* Not the last one: no lock. */
    while (refs > 1)
        if (atomic_compare_exchange_weak_explicit(&addr->refs, &refs, refs - 1, memory_order_release,
                                                  memory_order_relaxed))
            return;
    /* Perhaps the last: it goes under the lock, so that nobody finds the address meanwhile. */
    hg_class = addr->hg_class;
    util_lock_take(&hg_class->addr_lock);
    if (atomic_fetch_sub_explicit(&addr->refs, 1, memory_order_acq_rel) == 1) {
        util_list_remove(&addr->link);
        util_free(addr);
    }
    util_lock_drop(&hg_class->addr_lock);
}

/* Counts the address among those that the user holds. */
static hg_addr_t addr_give(struct hg_addr *addr)
{
    atomic_fetch_add_explicit(&addr->users, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&addr->hg_class->addr_count, 1, memory_order_relaxed);
    return addr;
}

hg_return_t HG_Addr_lookup2(hg_class_t *hg_class, const char *name, hg_addr_t *addr_p)
{
    char canonical[NA_ADDRESS_MAX];
    struct hg_addr *addr;
    int error;

    if (hg_fork_stops(hg_class, "HG_Addr_lookup2"))
        return HG_FAULT;
    if (hg_class == NULL || name == NULL || addr_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_lookup2: a NULL argument");
    error = na_class_resolve(hg_class->na, name, canonical);
    if (error != 0)
        return hg_error_from(error);
    addr = hg_addr_intern(hg_class, canonical);
    if (addr == NULL)
        return hg_error_set(HG_NOMEM, "HG_Addr_lookup2: no memory");
    *addr_p = addr_give(addr);
    return HG_SUCCESS;
}

hg_return_t HG_Addr_free(hg_class_t *hg_class, hg_addr_t addr)
{
    unsigned int users;

    if (hg_fork_stops(hg_class, "HG_Addr_free"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_free: the class is NULL");
    if (addr == NULL)
        return HG_SUCCESS;
    if (addr->hg_class != hg_class)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_free: %s belongs to another class", addr->text);
    users = atomic_load_explicit(&addr->users, memory_order_relaxed);
    do {
        if (users == 0)
            return hg_error_set(HG_INVALID_ARG, "HG_Addr_free: %s was not looked up, duplicated or asked for",
                                addr->text);
    } while (!atomic_compare_exchange_weak_explicit(&addr->users, &users, users - 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    atomic_fetch_sub_explicit(&hg_class->addr_count, 1, memory_order_relaxed);
    hg_addr_unref(addr);
    return HG_SUCCESS;
}

/* Ends the idle sessions of a context with this peer: those with calls or transfers in progress go on. */
static void addr_forget_sessions(struct hg_context *context, const struct hg_addr *addr)
{
    util_lock_take(&context->lock);
    util_list_each_safe (node, next, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (session->addr == addr && session->refs == 1 && !bulk_env_uses_route(&context->bulk, session->route))
            hg_session_end(session, -ECONNRESET);
    }
    util_lock_drop(&context->lock);
}

hg_return_t HG_Addr_set_remove(hg_class_t *hg_class, hg_addr_t addr)
{
    unsigned int i;

    if (hg_fork_stops(hg_class, "HG_Addr_set_remove"))
        return HG_FAULT;
    if (hg_class == NULL || addr == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_set_remove: a NULL argument");
    util_lock_take(&hg_class->context_lock);
    for (i = 0; i < NA_CONTEXTS_MAX; i++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)i);

        if (context != NULL)
            addr_forget_sessions(context, addr);
    }
    util_lock_drop(&hg_class->context_lock);
    return HG_SUCCESS;
}

hg_return_t HG_Addr_self(hg_class_t *hg_class, hg_addr_t *addr_p)
{
    if (hg_fork_stops(hg_class, "HG_Addr_self"))
        return HG_FAULT;
    if (hg_class == NULL || addr_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_self: a NULL argument");
    hg_addr_ref(hg_class->self);
    *addr_p = addr_give(hg_class->self);
    return HG_SUCCESS;
}

hg_return_t HG_Addr_dup(hg_class_t *hg_class, hg_addr_t addr, hg_addr_t *new_addr_p)
{
    if (hg_fork_stops(hg_class, "HG_Addr_dup"))
        return HG_FAULT;
    if (hg_class == NULL || addr == NULL || new_addr_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_dup: a NULL argument");
    hg_addr_ref(addr);
    *new_addr_p = addr_give(addr);
    return HG_SUCCESS;
}

uint8_t HG_Addr_cmp(hg_class_t *hg_class, hg_addr_t addr1, hg_addr_t addr2)
{
    /* One struct per text and class, so equal addresses are the same pointer. */
    (void)hg_class;
    return addr1 == addr2;
}

hg_return_t HG_Addr_to_string(hg_class_t *hg_class, char *buf, hg_size_t *buf_size_p, hg_addr_t addr)
{
    const char *text;
    hg_size_t prefix_size;
    hg_size_t size;
    bool fits;

    if (hg_class == NULL || buf_size_p == NULL || addr == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_to_string: a NULL argument");
    text = addr->text + hg_class->names.skip;
    prefix_size = strlen(hg_class->names.prefix);
    size = prefix_size + strlen(text) + 1;
    fits = *buf_size_p >= size;
    *buf_size_p = size;
    if (buf == NULL)
        return HG_SUCCESS;
    if (!fits)
        return hg_error_set(HG_MSGSIZE, "HG_Addr_to_string: %s needs %zu bytes", addr->text, (size_t)size);
    memcpy(buf, hg_class->names.prefix, prefix_size);
    memcpy(buf + prefix_size, text, size - prefix_size);
    return HG_SUCCESS;
}

/* A lookup on its way to its callback. */
struct hg_addr_lookup {
    struct hg_completion completion;
    hg_cb_t callback;
    void *arg;
    struct hg_addr *addr; /* owned by the callback */
};

static void addr_lookup_run(struct hg_completion *completion)
{
    struct hg_addr_lookup *lookup = util_container_of(completion, struct hg_addr_lookup, completion);
    struct hg_cb_info info = {
        .info.lookup.addr = lookup->addr,
        .arg = lookup->arg,
        .type = HG_CB_LOOKUP,
        .ret = HG_SUCCESS,
    };

    (void)lookup->callback(&info);
    util_free(lookup);
}

hg_return_t HG_Addr_lookup1(hg_context_t *context, hg_cb_t callback, void *arg, const char *name, hg_op_id_t *op_id_p)
{
    struct hg_addr_lookup *lookup;
    hg_return_t ret;

    if (hg_fork_stops_context(context, "HG_Addr_lookup1"))
        return HG_FAULT;
    if (context == NULL || callback == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Addr_lookup1: a NULL argument");
    lookup = util_calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return hg_error_set(HG_NOMEM, "HG_Addr_lookup1: no memory");
    ret = HG_Addr_lookup2(context->hg_class, name, &lookup->addr);
    if (ret != HG_SUCCESS) {
        util_free(lookup);
        return ret;
    }
    lookup->callback = callback;
    lookup->arg = arg;
    util_list_init(&lookup->completion.link);
    lookup->completion.run = addr_lookup_run;
    if (op_id_p != NULL && op_id_p != HG_OP_ID_IGNORE)
        *op_id_p = HG_OP_ID_NULL; /* over before it could be cancelled */
    util_lock_take(&context->lock);
    hg_queue_push_locked(context, &lookup->completion);
    util_lock_drop(&context->lock);
    return HG_SUCCESS;
}
