/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The hash table of mercury_hash_table.h: chains of entries in an array of a power of two, which doubles when there are
 * more entries than chains. Hashes come from the user and are often poor (a pointer, a counter), so they are mixed
 * before the low bits choose a chain. Each entry keeps its mixed hash: growing calls nobody.
 *
 * Nothing here locks: that is the caller's affair.
 */
#include "mercury_hash_table.h"

#include "util/util_alloc.h"
#include "util/util_hash.h"

#define COMPAT_HASH_TABLE_MIN 16U
#define COMPAT_HASH_TABLE_MAX (1U << 31)

struct hg_hash_table_entry {
    hg_hash_table_key_t key;
    hg_hash_table_value_t value;
    struct hg_hash_table_entry *next; /* of the same chain */
    uint32_t hash;                    /* mixed */
};

struct hg_hash_table {
    hg_hash_table_hash_func_t hash_func;
    hg_hash_table_equal_func_t equal_func;
    hg_hash_table_key_free_func_t key_free_func;     /* NULL: keys are the user's */
    hg_hash_table_value_free_func_t value_free_func; /* NULL: values are the user's */

    struct hg_hash_table_entry **chains; /* owned, with the entries */
    uint32_t chain_count;                /* a power of two */
    unsigned int entry_count;
};

/* Every bit of the user's hash reaches the low bits. */
static uint32_t compat_hash_table_hash(const struct hg_hash_table *table, hg_hash_table_key_t key)
{
    return (uint32_t)util_hash_u64(table->hash_func(key));
}

/* The link that points to the entry with this key, or to the NULL at the end of its chain. */
static struct hg_hash_table_entry **compat_hash_table_find(struct hg_hash_table *table, uint32_t hash,
                                                           hg_hash_table_key_t key)
{
    struct hg_hash_table_entry **link = &table->chains[hash & (table->chain_count - 1)];

    while (*link != NULL && ((*link)->hash != hash || table->equal_func((*link)->key, key) == 0))
        link = &(*link)->next;
    return link;
}

/* Frees what the table owns of an entry's contents. */
static void compat_hash_table_drop(const struct hg_hash_table *table, hg_hash_table_key_t key,
                                   hg_hash_table_value_t value)
{
    if (table->key_free_func != NULL)
        table->key_free_func(key);
    if (table->value_free_func != NULL)
        table->value_free_func(value);
}

/* Without memory the table stays as it is, with longer chains. */
static void compat_hash_table_grow(struct hg_hash_table *table)
{
    uint32_t count = table->chain_count * 2;
    struct hg_hash_table_entry **chains;

    if (table->chain_count >= COMPAT_HASH_TABLE_MAX)
        return;
    chains = util_calloc(count, sizeof(struct hg_hash_table_entry *));
    if (chains == NULL)
        return;
    for (uint32_t i = 0; i < table->chain_count; i++) {
        struct hg_hash_table_entry *next;

        for (struct hg_hash_table_entry *entry = table->chains[i]; entry != NULL; entry = next) {
            struct hg_hash_table_entry **chain = &chains[entry->hash & (count - 1)];

            next = entry->next;
            entry->next = *chain;
            *chain = entry;
        }
    }
    util_free(table->chains);
    table->chains = chains;
    table->chain_count = count;
}

hg_hash_table_t *hg_hash_table_new(hg_hash_table_hash_func_t hash_func, hg_hash_table_equal_func_t equal_func)
{
    struct hg_hash_table *table;

    if (hash_func == NULL || equal_func == NULL)
        return NULL;
    table = util_calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    table->chains = util_calloc(COMPAT_HASH_TABLE_MIN, sizeof(struct hg_hash_table_entry *));
    if (table->chains == NULL) {
        util_free(table);
        return NULL;
    }
    table->hash_func = hash_func;
    table->equal_func = equal_func;
    table->chain_count = COMPAT_HASH_TABLE_MIN;
    return table;
}

void hg_hash_table_free(hg_hash_table_t *hash_table)
{
    if (hash_table == NULL)
        return;
    for (uint32_t i = 0; i < hash_table->chain_count; i++) {
        struct hg_hash_table_entry *next;

        for (struct hg_hash_table_entry *entry = hash_table->chains[i]; entry != NULL; entry = next) {
            next = entry->next;
            compat_hash_table_drop(hash_table, entry->key, entry->value);
            util_free(entry);
        }
    }
    util_free(hash_table->chains);
    util_free(hash_table);
}

void hg_hash_table_register_free_functions(hg_hash_table_t *hash_table, hg_hash_table_key_free_func_t key_free_func,
                                           hg_hash_table_value_free_func_t value_free_func)
{
    if (hash_table == NULL)
        return;
    hash_table->key_free_func = key_free_func;
    hash_table->value_free_func = value_free_func;
}

int hg_hash_table_insert(hg_hash_table_t *hash_table, hg_hash_table_key_t key, hg_hash_table_value_t value)
{
    struct hg_hash_table_entry **link;
    struct hg_hash_table_entry *entry;
    uint32_t hash;

    if (hash_table == NULL)
        return 0;
    hash = compat_hash_table_hash(hash_table, key);
    link = compat_hash_table_find(hash_table, hash, key);
    if (*link != NULL) {
        entry = *link;
        /* Putting the same pointers again must not free them. */
        if (entry->key != key && hash_table->key_free_func != NULL)
            hash_table->key_free_func(entry->key);
        if (entry->value != value && hash_table->value_free_func != NULL)
            hash_table->value_free_func(entry->value);
        entry->key = key;
        entry->value = value;
        return 1;
    }
    entry = util_malloc(sizeof(*entry));
    if (entry == NULL)
        return 0;
    *entry = (struct hg_hash_table_entry){.key = key, .value = value, .hash = hash};
    *link = entry;
    if (++hash_table->entry_count > hash_table->chain_count)
        compat_hash_table_grow(hash_table);
    return 1;
}

hg_hash_table_value_t hg_hash_table_lookup(hg_hash_table_t *hash_table, hg_hash_table_key_t key)
{
    struct hg_hash_table_entry *entry;

    if (hash_table == NULL)
        return HG_HASH_TABLE_NULL;
    entry = *compat_hash_table_find(hash_table, compat_hash_table_hash(hash_table, key), key);
    return entry != NULL ? entry->value : HG_HASH_TABLE_NULL;
}

int hg_hash_table_remove(hg_hash_table_t *hash_table, hg_hash_table_key_t key)
{
    struct hg_hash_table_entry **link;
    struct hg_hash_table_entry *entry;

    if (hash_table == NULL)
        return 0;
    link = compat_hash_table_find(hash_table, compat_hash_table_hash(hash_table, key), key);
    entry = *link;
    if (entry == NULL)
        return 0;
    *link = entry->next;
    hash_table->entry_count--;
    compat_hash_table_drop(hash_table, entry->key, entry->value);
    util_free(entry);
    return 1;
}

unsigned int hg_hash_table_num_entries(hg_hash_table_t *hash_table)
{
    return hash_table != NULL ? hash_table->entry_count : 0;
}

/* Moves on to the first entry of the next chain that has one, if the chain in hand has come to its end. */
static void compat_hash_table_iter_settle(hg_hash_table_iter_t *iter)
{
    while (iter->ahead == NULL && iter->chain < iter->table->chain_count)
        iter->ahead = iter->table->chains[iter->chain++];
}

void hg_hash_table_iterate(hg_hash_table_t *hash_table, hg_hash_table_iter_t *iter)
{
    if (iter == NULL)
        return;
    *iter = (hg_hash_table_iter_t){.table = hash_table};
    if (hash_table != NULL)
        compat_hash_table_iter_settle(iter);
}

int hg_hash_table_iter_has_more(hg_hash_table_iter_t *iterator)
{
    return iterator != NULL && iterator->ahead != NULL;
}

/* The walk is one entry ahead of what it gave, so that this may be removed. */
hg_hash_table_value_t hg_hash_table_iter_next(hg_hash_table_iter_t *iterator)
{
    struct hg_hash_table_entry *entry;

    if (iterator == NULL || iterator->ahead == NULL)
        return HG_HASH_TABLE_NULL;
    entry = iterator->ahead;
    iterator->ahead = entry->next;
    compat_hash_table_iter_settle(iterator);
    return entry->value;
}
