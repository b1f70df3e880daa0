/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_rpc.h
 * The registration table of a class: RPC id to procs, callback, options and user data.
 *
 * Looked up for each request, changed rarely. Lookups take no lock: the table is an array of atomic
 * pointers, published whole; entries live until the class is finalized, and a deregistered one only
 * loses its mark. Changes are made under the table's own lock.
 */

#ifndef HG_HG_RPC_H
#define HG_HG_RPC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mercury_types.h"
#include "quicksilver.h"
#include "util/util_lock.h"

struct hg_rpc {
    hg_id_t id;
    uint32_t number;                /**< of the order in which they came; constant */
    _Atomic(hg_proc_cb_t) in_proc;  /**< these six may change while calls run, hence atomic (relaxed: */
    _Atomic(hg_proc_cb_t) out_proc; /*   a call under way may see the old or the new value) */
    _Atomic(hg_rpc_cb_t) callback;
    atomic_bool no_response;
    atomic_bool registered;      /**< false after HG_Deregister */
    _Atomic uint64_t timeout_us; /**< QS_TIMEOUT_UNSET-like: 0 means "as the class says" */
    _Atomic(enum qs_method) method;
    struct qs_retry retry; /**< under the table's lock; read only where method is not ONCE or retry_set */
    atomic_bool retry_set;
    void *_Atomic data;        /**< the user's */
    void (*data_free)(void *); /**< under the table's lock, as is */
    char *name;                /**< owned; NULL: registered by its number only, or not any more */
};

struct hg_rpc_slots {
    struct hg_rpc_slots *older; /**< smaller arrays that a reader may still be looking at; freed at the end */
    uint32_t mask;
    _Atomic(struct hg_rpc *) slot[];
};

struct hg_rpc_table {
    struct util_lock lock; /**< everything but lookups */
    _Atomic(struct hg_rpc_slots *) slots;
    uint32_t count; /**< entries, registered or not */
};

int hg_rpc_table_init(struct hg_rpc_table *table);
/** Runs the data's free callbacks and frees all entries. */
void hg_rpc_table_fini(struct hg_rpc_table *table);

/** Whether an entry is registered. Any thread, no lock; once it is, the entry is seen with its procs. */
static inline bool hg_rpc_is_registered(struct hg_rpc *rpc)
{
    /* Acquire: pairs with hg_rpc_add. */
    return atomic_load_explicit(&rpc->registered, memory_order_acquire);
}

/** The registered entry, or NULL. Any thread, no lock. */
struct hg_rpc *hg_rpc_find(struct hg_rpc_table *table, hg_id_t id);

/** Copies the name, cut off where it does not fit; false: the entry has none. */
bool hg_rpc_copy_name(struct hg_rpc_table *table, const struct hg_rpc *rpc, char *name, size_t name_size);

/** Adds or changes an entry. @p name is copied; an entry that has one keeps it when @p name is NULL, and is left as it is
 *  when they differ: -EEXIST. */
int hg_rpc_add(struct hg_rpc_table *table, hg_id_t id, const char *name, hg_proc_cb_t in_proc, hg_proc_cb_t out_proc,
               hg_rpc_cb_t callback);

/** Whether the id is registered, and not under another name than this. */
bool hg_rpc_is_named(struct hg_rpc_table *table, hg_id_t id, const char *name);

#endif
