/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The server's own memory for bulk transfers: registered once, used again. Entries are found by
 * size; idle ones make room when the bound on memory or on their number is reached, so a client
 * that dies in mid-transfer costs one entry until its transfer ends.
 */
#ifndef TOOLS_BENCH_STORE_H
#define TOOLS_BENCH_STORE_H

#include "tools/bench_rpc.h"

#include <stdbool.h>
#include <stddef.h>

#define BENCH_STORE_ENTRIES 4096U

/* A buffer, and the one call that uses it. */
struct bench_store_entry {
    void *buf;      /* owned; NULL = unused entry */
    hg_size_t size; /* bytes */
    hg_bulk_t bulk; /* of buf, owned */
    bool busy;

    hg_handle_t handle;      /* the call being served, owned while busy */
    struct bench_move_in in; /* its decoded input */
};

struct bench_store {
    hg_class_t *hg_class;
    struct bench_store_entry *entries; /* owned, BENCH_STORE_ENTRIES of them */
    uint64_t bytes;                    /* allocated now */
    unsigned int used_end;             /* entries at and above were never used */
};

bool bench_store_init(struct bench_store *store, hg_class_t *hg_class);

/* Frees all buffers; none may be busy. */
void bench_store_fini(struct bench_store *store);

/* A buffer of exactly `size` bytes, marked busy; NULL when there is no memory for it. */
struct bench_store_entry *bench_store_get(struct bench_store *store, hg_size_t size);
void bench_store_put(struct bench_store_entry *entry);

#endif
