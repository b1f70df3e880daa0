/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The registration table and the public calls on it (HG_Register and its family). See hg_rpc.h for how
 * lookups do without a lock: a reader loads the array with acquire, then an entry with acquire; both were
 * published with release after they were complete, and neither is freed before the class is.
 */

#include "hg/hg_rpc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_hash.h"
#include "util/util_log.h"

#define RPC_SLOTS_FIRST 64U
#define RPC_COUNT_MAX   (1U << 20)

static struct hg_rpc_slots *rpc_slots_create(uint32_t count)
{
    struct hg_rpc_slots *slots = util_calloc(1, sizeof(*slots) + (size_t)count * sizeof(slots->slot[0]));

    if (slots != NULL)
        slots->mask = count - 1;
    return slots;
}

int hg_rpc_table_init(struct hg_rpc_table *table)
{
    struct hg_rpc_slots *slots = rpc_slots_create(RPC_SLOTS_FIRST);

    if (slots == NULL)
        return -ENOMEM;
    util_lock_init(&table->lock);
    atomic_init(&table->slots, slots);
    table->count = 0;
    return 0;
}

void hg_rpc_table_fini(struct hg_rpc_table *table)
{
    struct hg_rpc_slots *slots = atomic_load(&table->slots);
    uint32_t i;

    if (slots == NULL)
        return;
    for (i = 0; i <= slots->mask; i++) {
        struct hg_rpc *rpc = atomic_load(&slots->slot[i]);
        void *data = rpc != NULL ? atomic_load(&rpc->data) : NULL;

        if (data != NULL && rpc->data_free != NULL)
            rpc->data_free(data);
        if (rpc != NULL)
            util_free(rpc->name);
        util_free(rpc);
    }
    while (slots != NULL) {
        struct hg_rpc_slots *older = slots->older;

        util_free(slots);
        slots = older;
    }
    util_lock_fini(&table->lock);
}

/* The entry with this id, registered or not. */
static struct hg_rpc *rpc_find_any(struct hg_rpc_table *table, hg_id_t id)
{
    struct hg_rpc_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    uint32_t i = (uint32_t)util_hash_u64(id) & slots->mask;

    for (;; i = (i + 1) & slots->mask) {
        struct hg_rpc *rpc = atomic_load_explicit(&slots->slot[i], memory_order_acquire);

        if (rpc == NULL || rpc->id == id)
            return rpc;
    }
}

struct hg_rpc *hg_rpc_find(struct hg_rpc_table *table, hg_id_t id)
{
    struct hg_rpc *rpc = rpc_find_any(table, id);

    return rpc != NULL && hg_rpc_is_registered(rpc) ? rpc : NULL;
}

static void rpc_insert(struct hg_rpc_slots *slots, struct hg_rpc *rpc)
{
    uint32_t i = (uint32_t)util_hash_u64(rpc->id) & slots->mask;

    while (atomic_load_explicit(&slots->slot[i], memory_order_relaxed) != NULL)
        i = (i + 1) & slots->mask;
    atomic_store_explicit(&slots->slot[i], rpc, memory_order_release);
}

/* Keeps the array at most half full, so that every lookup meets a free place. */
static int rpc_grow(struct hg_rpc_table *table)
{
    struct hg_rpc_slots *old = atomic_load(&table->slots);
    struct hg_rpc_slots *slots;
    uint32_t i;

    if ((table->count + 1) * 2 <= old->mask + 1)
        return 0;
    if (table->count >= RPC_COUNT_MAX)
        return util_detail_set(-ENOSPC, "%u RPCs are registered already", table->count);
    slots = rpc_slots_create((old->mask + 1) * 2);
    if (slots == NULL)
        return -ENOMEM;
    slots->older = old;
    for (i = 0; i <= old->mask; i++) {
        struct hg_rpc *rpc = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

        if (rpc != NULL)
            rpc_insert(slots, rpc);
    }
    atomic_store_explicit(&table->slots, slots, memory_order_release);
    return 0;
}

/* Two names may have the same id. The second one is refused: a call by it would run the first one's function. */
static bool rpc_has_other_name(const struct hg_rpc *rpc, const char *name)
{
    return rpc->name != NULL && strcmp(rpc->name, name) != 0;
}

/* Gives the entry its name, if it has none and there is one. */
static int rpc_set_name(struct hg_rpc *rpc, const char *name)
{
    if (name == NULL || rpc->name != NULL)
        return 0;
    rpc->name = util_strdup(name);
    return rpc->name != NULL ? 0 : -ENOMEM;
}

/* A new entry, not in the array yet, for which there is room. NULL: *error says why. */
static struct hg_rpc *rpc_create_locked(struct hg_rpc_table *table, hg_id_t id, int *error)
{
    struct hg_rpc *rpc;

    *error = rpc_grow(table);
    if (*error != 0)
        return NULL;
    *error = -ENOMEM;
    rpc = util_calloc(1, sizeof(*rpc));
    if (rpc != NULL) {
        rpc->id = id;
        rpc->number = table->count;
    }
    return rpc;
}

static int rpc_add_locked(struct hg_rpc_table *table, hg_id_t id, const char *name, hg_proc_cb_t in_proc,
                          hg_proc_cb_t out_proc, hg_rpc_cb_t callback)
{
    struct hg_rpc *rpc = rpc_find_any(table, id);
    bool fresh = rpc == NULL;
    int error = 0;

    if (fresh)
        rpc = rpc_create_locked(table, id, &error);
    if (rpc == NULL)
        return error;
    if (name != NULL && rpc_has_other_name(rpc, name))
        return util_detail_set(-EEXIST, "the RPC \"%s\" has the id %#llx, under which \"%s\" is registered already",
                               name, (unsigned long long)id, rpc->name);
    error = rpc_set_name(rpc, name);
    if (error != 0) {
        if (fresh)
            util_free(rpc);
        return error;
    }
    atomic_store_explicit(&rpc->in_proc, in_proc, memory_order_relaxed);
    atomic_store_explicit(&rpc->out_proc, out_proc, memory_order_relaxed);
    atomic_store_explicit(&rpc->callback, callback, memory_order_relaxed);
    atomic_store_explicit(&rpc->registered, true, memory_order_release);
    if (fresh) {
        table->count++;
        rpc_insert(atomic_load(&table->slots), rpc);
    }
    return 0;
}

int hg_rpc_add(struct hg_rpc_table *table, hg_id_t id, const char *name, hg_proc_cb_t in_proc, hg_proc_cb_t out_proc,
               hg_rpc_cb_t callback)
{
    int error;

    util_lock_take(&table->lock);
    error = rpc_add_locked(table, id, name, in_proc, out_proc, callback);
    util_lock_drop(&table->lock);
    return error;
}

bool hg_rpc_is_named(struct hg_rpc_table *table, hg_id_t id, const char *name)
{
    struct hg_rpc *rpc;
    bool named;

    util_lock_take(&table->lock);
    rpc = hg_rpc_find(table, id);
    named = rpc != NULL && !rpc_has_other_name(rpc, name);
    util_lock_drop(&table->lock);
    return named;
}

bool hg_rpc_copy_name(struct hg_rpc_table *table, const struct hg_rpc *rpc, char *name, size_t name_size)
{
    bool named;

    util_lock_take(&table->lock);
    named = rpc->name != NULL;
    if (named)
        (void)snprintf(name, name_size, "%s", rpc->name);
    util_lock_drop(&table->lock);
    return named;
}

/* The registered entry for a public call that needs one. */
static hg_return_t rpc_get(const hg_class_t *hg_class, hg_id_t id, const char *function, struct hg_rpc **rpc)
{
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "%s: the class is NULL", function);
    /* Lookups do not change the table; Mercury's signatures have const classes. */
    *rpc = hg_rpc_find(&((hg_class_t *)(uintptr_t)hg_class)->rpcs, id);
    if (*rpc == NULL)
        return hg_error_set(HG_NOENTRY, "%s: RPC id %#llx is not registered", function, (unsigned long long)id);
    return HG_SUCCESS;
}

/* 32 bits, as Mercury's; 0 stands for no RPC. */
static hg_id_t rpc_id_of_name(const char *name)
{
    hg_id_t id = util_hash_string64(name) & UINT32_MAX;

    return id != 0 ? id : 1;
}

hg_id_t HG_Register_name(hg_class_t *hg_class, const char *func_name, hg_proc_cb_t in_proc_cb, hg_proc_cb_t out_proc_cb,
                         hg_rpc_cb_t rpc_cb)
{
    hg_id_t id;
    int error;

    if (hg_fork_stops(hg_class, "HG_Register_name"))
        return 0;
    if (hg_class == NULL || func_name == NULL) {
        (void)util_detail_set(-EINVAL, "HG_Register_name: the %s is NULL", hg_class == NULL ? "class" : "name");
        return 0;
    }
    id = rpc_id_of_name(func_name);
    error = hg_rpc_add(&hg_class->rpcs, id, func_name, in_proc_cb, out_proc_cb, rpc_cb);
    if (error == 0)
        return id;
    if (error == -ENOMEM)
        (void)util_detail_set(error, "no memory to register the RPC \"%s\"", func_name);
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "%s", util_detail_get());
    return 0;
}

hg_return_t HG_Registered_name(hg_class_t *hg_class, const char *func_name, hg_id_t *id_p, uint8_t *flag_p)
{
    hg_id_t id;
    bool found;

    if (hg_fork_stops(hg_class, "HG_Registered_name"))
        return HG_FAULT;
    if (hg_class == NULL || func_name == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Registered_name: the %s is NULL", hg_class == NULL ? "class" : "name");
    id = rpc_id_of_name(func_name);
    found = hg_rpc_is_named(&hg_class->rpcs, id, func_name);
    if (!found && flag_p == NULL)
        return hg_error_set(HG_NOENTRY, "HG_Registered_name: \"%s\" is not registered", func_name);
    if (flag_p != NULL)
        *flag_p = found;
    if (found && id_p != NULL)
        *id_p = id;
    return HG_SUCCESS;
}

hg_return_t HG_Register(hg_class_t *hg_class, hg_id_t id, hg_proc_cb_t in_proc_cb, hg_proc_cb_t out_proc_cb,
                        hg_rpc_cb_t rpc_cb)
{
    if (hg_fork_stops(hg_class, "HG_Register"))
        return HG_FAULT;
    if (hg_class == NULL || id == 0)
        return hg_error_set(HG_INVALID_ARG, "HG_Register: the %s", hg_class == NULL ? "class is NULL" : "id is 0");
    return hg_error_from(hg_rpc_add(&hg_class->rpcs, id, NULL, in_proc_cb, out_proc_cb, rpc_cb));
}

hg_return_t qs_registered_set_method(hg_class_t *hg_class, hg_id_t id, enum qs_method method,
                                     const struct qs_retry *retry)
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret = rpc_get(hg_class, id, "qs_registered_set_method", &rpc);

    if (hg_fork_stops(hg_class, "qs_registered_set_method"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    if ((unsigned int)method > QS_METHOD_AT_MOST_ONCE)
        return hg_error_set(HG_INVALID_ARG, "qs_registered_set_method: there is no method %d", (int)method);
    util_lock_take(&hg_class->rpcs.lock);
    rpc->retry = retry != NULL ? *retry : (struct qs_retry){0};
    atomic_store_explicit(&rpc->retry_set, retry != NULL, memory_order_relaxed);
    atomic_store_explicit(&rpc->method, method, memory_order_relaxed);
    util_lock_drop(&hg_class->rpcs.lock);
    return HG_SUCCESS;
}

hg_return_t HG_Deregister(hg_class_t *hg_class, hg_id_t id)
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret = rpc_get(hg_class, id, "HG_Deregister", &rpc);
    void (*data_free)(void *);
    void *data;

    if (hg_fork_stops(hg_class, "HG_Deregister"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    util_lock_take(&hg_class->rpcs.lock);
    atomic_store_explicit(&rpc->registered, false, memory_order_release);
    atomic_store_explicit(&rpc->no_response, false, memory_order_relaxed);
    atomic_store_explicit(&rpc->retry_set, false, memory_order_relaxed);
    atomic_store_explicit(&rpc->method, QS_METHOD_ONCE, memory_order_relaxed);
    atomic_store_explicit(&rpc->timeout_us, 0, memory_order_relaxed);
    data = atomic_exchange(&rpc->data, NULL);
    data_free = rpc->data_free;
    rpc->data_free = NULL;
    util_free(rpc->name);
    rpc->name = NULL;
    util_lock_drop(&hg_class->rpcs.lock);
    if (data != NULL && data_free != NULL)
        data_free(data);
    return HG_SUCCESS;
}

hg_return_t HG_Registered(hg_class_t *hg_class, hg_id_t id, uint8_t *flag_p)
{
    if (hg_fork_stops(hg_class, "HG_Registered"))
        return HG_FAULT;
    if (hg_class == NULL || flag_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Registered: a NULL argument");
    *flag_p = hg_rpc_find(&hg_class->rpcs, id) != NULL;
    return HG_SUCCESS;
}

hg_return_t HG_Registered_proc_cb(hg_class_t *hg_class, hg_id_t id, uint8_t *flag_p, hg_proc_cb_t *in_proc_cb_p,
                                  hg_proc_cb_t *out_proc_cb_p)
{
    struct hg_rpc *rpc;

    if (hg_class == NULL || flag_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Registered_proc_cb: a NULL argument");
    rpc = hg_rpc_find(&hg_class->rpcs, id);
    *flag_p = rpc != NULL;
    if (rpc == NULL)
        return HG_SUCCESS;
    if (in_proc_cb_p != NULL)
        *in_proc_cb_p = atomic_load_explicit(&rpc->in_proc, memory_order_relaxed);
    if (out_proc_cb_p != NULL)
        *out_proc_cb_p = atomic_load_explicit(&rpc->out_proc, memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t HG_Register_data(hg_class_t *hg_class, hg_id_t id, void *data, void (*free_callback)(void *))
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret = rpc_get(hg_class, id, "HG_Register_data", &rpc);

    if (hg_fork_stops(hg_class, "HG_Register_data"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    util_lock_take(&hg_class->rpcs.lock);
    atomic_store(&rpc->data, data);
    rpc->data_free = free_callback;
    util_lock_drop(&hg_class->rpcs.lock);
    return HG_SUCCESS;
}

void *HG_Registered_data(hg_class_t *hg_class, hg_id_t id)
{
    struct hg_rpc *rpc = NULL;

    if (rpc_get(hg_class, id, "HG_Registered_data", &rpc) != HG_SUCCESS)
        return NULL;
    return atomic_load(&rpc->data);
}

hg_return_t HG_Registered_disable_response(hg_class_t *hg_class, hg_id_t id, uint8_t disable)
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret = rpc_get(hg_class, id, "HG_Registered_disable_response", &rpc);

    if (hg_fork_stops(hg_class, "HG_Registered_disable_response"))
        return HG_FAULT;
    if (ret == HG_SUCCESS)
        atomic_store_explicit(&rpc->no_response, disable != 0, memory_order_relaxed);
    return ret;
}

hg_return_t HG_Registered_disabled_response(hg_class_t *hg_class, hg_id_t id, uint8_t *disabled_p)
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret;

    if (disabled_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Registered_disabled_response: a NULL argument");
    ret = rpc_get(hg_class, id, "HG_Registered_disabled_response", &rpc);
    if (ret == HG_SUCCESS)
        *disabled_p = atomic_load_explicit(&rpc->no_response, memory_order_relaxed);
    return ret;
}

hg_return_t qs_registered_set_timeout(hg_class_t *hg_class, hg_id_t id, uint64_t timeout_us)
{
    struct hg_rpc *rpc = NULL;
    hg_return_t ret = rpc_get(hg_class, id, "qs_registered_set_timeout", &rpc);

    if (hg_fork_stops(hg_class, "qs_registered_set_timeout"))
        return HG_FAULT;
    if (ret == HG_SUCCESS)
        atomic_store_explicit(&rpc->timeout_us, timeout_us, memory_order_relaxed);
    return ret;
}
