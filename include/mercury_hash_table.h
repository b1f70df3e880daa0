/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_hash_table.h
 * A hash table from keys to values, both pointers of the caller's; it grows as it is filled. Not thread-safe: who shares
 * a table holds a lock.
 */

#ifndef MERCURY_HASH_TABLE_H
#define MERCURY_HASH_TABLE_H

#include "mercury_util_config.h"

/** A table, and an entry of one: both are opaque. */
typedef struct hg_hash_table hg_hash_table_t;
typedef struct hg_hash_table_entry hg_hash_table_entry_t;

typedef void *hg_hash_table_key_t;
typedef void *hg_hash_table_value_t;

/** No value. */
#define HG_HASH_TABLE_NULL ((void *)0)

/** Where a walk over a table has come to. Its fields are for hg_hash_table_iter_next() alone. */
typedef struct hg_hash_table_iter hg_hash_table_iter_t;

struct hg_hash_table_iter {
    hg_hash_table_t *table;
    hg_hash_table_entry_t *ahead; /**< what it gives next, NULL at the end */
    unsigned int chain;           /**< where to look after that */
};

/** Hashes a key: equal keys must have equal hashes. Need not be a good hash: the table mixes it. */
typedef unsigned int (*hg_hash_table_hash_func_t)(hg_hash_table_key_t key);

/** Compares two keys: not 0 if they are equal. */
typedef int (*hg_hash_table_equal_func_t)(hg_hash_table_key_t key1, hg_hash_table_key_t key2);

/** Frees a key, or a value. Must not use the table. */
typedef void (*hg_hash_table_key_free_func_t)(hg_hash_table_key_t key);
typedef void (*hg_hash_table_value_free_func_t)(hg_hash_table_value_t value);

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a table, empty.
 *
 * \param hash_func [IN]  hashes keys
 * \param equal_func [IN] compares keys
 *
 * \return the table, to be freed with hg_hash_table_free(), or NULL
 */
HG_UTIL_PUBLIC hg_hash_table_t *hg_hash_table_new(hg_hash_table_hash_func_t hash_func,
                                                  hg_hash_table_equal_func_t equal_func);

/**
 * Free a table, and its keys and values with the functions that were registered.
 *
 * \param hash_table [IN] the table; NULL is allowed
 */
HG_UTIL_PUBLIC void hg_hash_table_free(hg_hash_table_t *hash_table);

/**
 * Have the table own its keys, its values, or both: they are freed when they leave it.
 *
 * \param hash_table [IN/OUT]  the table
 * \param key_free_func [IN]   frees keys; NULL: they are the caller's
 * \param value_free_func [IN] frees values; NULL: they are the caller's
 */
HG_UTIL_PUBLIC void hg_hash_table_register_free_functions(hg_hash_table_t *hash_table,
                                                          hg_hash_table_key_free_func_t key_free_func,
                                                          hg_hash_table_value_free_func_t value_free_func);

/**
 * Put a value into a table. A value that is there under an equal key is replaced, and so is its key.
 *
 * \param hash_table [IN/OUT] the table
 * \param key [IN]            the key
 * \param value [IN]          the value
 *
 * \return not 0, or 0 if memory ran out: then nothing has changed
 */
HG_UTIL_PUBLIC int hg_hash_table_insert(hg_hash_table_t *hash_table, hg_hash_table_key_t key,
                                        hg_hash_table_value_t value);

/**
 * Find a value.
 *
 * \param hash_table [IN] the table
 * \param key [IN]        the key
 *
 * \return the value, or HG_HASH_TABLE_NULL
 */
HG_UTIL_PUBLIC hg_hash_table_value_t hg_hash_table_lookup(hg_hash_table_t *hash_table, hg_hash_table_key_t key);

/**
 * Take a value out of a table.
 *
 * \param hash_table [IN/OUT] the table
 * \param key [IN]            the key
 *
 * \return not 0 if it was there
 */
HG_UTIL_PUBLIC int hg_hash_table_remove(hg_hash_table_t *hash_table, hg_hash_table_key_t key);

/**
 * Count the values.
 *
 * \param hash_table [IN] the table
 *
 * \return how many there are
 */
HG_UTIL_PUBLIC unsigned int hg_hash_table_num_entries(hg_hash_table_t *hash_table);

/**
 * Begin a walk over a table, in no particular order. Until its end nothing may be inserted, and nothing be removed but
 * the value that hg_hash_table_iter_next() gave last.
 *
 * \param hash_table [IN] the table
 * \param iter [OUT]      the walk; it needs no freeing
 */
HG_UTIL_PUBLIC void hg_hash_table_iterate(hg_hash_table_t *hash_table, hg_hash_table_iter_t *iter);

/**
 * Has the walk more to give?
 *
 * \param iterator [IN] the walk
 *
 * \return not 0 if it has
 */
HG_UTIL_PUBLIC int hg_hash_table_iter_has_more(hg_hash_table_iter_t *iterator);

/**
 * Go on with a walk.
 *
 * \param iterator [IN/OUT] the walk
 *
 * \return the next value, or HG_HASH_TABLE_NULL at the end
 */
HG_UTIL_PUBLIC hg_hash_table_value_t hg_hash_table_iter_next(hg_hash_table_iter_t *iterator);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_HASH_TABLE_H */
