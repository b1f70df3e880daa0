/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Handles shared by threads: each thread makes handles of its own, describes them, decodes the
 * descriptors of all threads, and drops references in whatever order. Under TSan this checks the
 * table of our own descriptors against the last unref.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "bulk/bulk_wire.h"
#include "tests/support/fake_na.h"
#include "tests/support/support_guard.h"

#define THREADS 4
#define ROUNDS  20000

static struct fake_na fake;
static struct bulk_owner owner;
static atomic_uint released_count;
static char memory[THREADS][16]; /* outlives the thread, as other threads may still read it */

/* The last descriptor of each thread, which the others decode. */
static struct {
    pthread_mutex_t lock;
    uint8_t bytes[64];
    size_t size;
} slots[THREADS];

static void count_release(struct hg_bulk *handle)
{
    (void)handle;
    atomic_fetch_add(&released_count, 1);
}

static unsigned int made_count(void)
{
    return THREADS * ROUNDS;
}

static void publish(int index, struct hg_bulk *handle)
{
    pthread_mutex_lock(&slots[index].lock);
    SUPPORT_CHECK(bulk_wire_encode(handle, 0, slots[index].bytes, sizeof(slots[index].bytes), &slots[index].size) == 0);
    pthread_mutex_unlock(&slots[index].lock);
}

/* The handle of another thread: its own if it still lives, a remote one otherwise. */
static void visit(int index)
{
    struct hg_bulk *handle;
    uint8_t bytes[64];
    size_t size;

    pthread_mutex_lock(&slots[index].lock);
    size = slots[index].size;
    memcpy(bytes, slots[index].bytes, size);
    pthread_mutex_unlock(&slots[index].lock);
    if (size == 0)
        return;
    SUPPORT_CHECK(bulk_wire_decode(&owner, bytes, size, NULL, &handle, NULL) == 0);
    SUPPORT_CHECK(handle->size == 16);
    if (handle->kind == BULK_KIND_LOCAL)
        SUPPORT_CHECK(((const char *)handle->segments[0].base)[0] == 'x');
    bulk_handle_unref(handle);
}

static void *work(void *arg)
{
    int self = (int)(intptr_t)arg;
    void *base = memory[self];
    uint64_t size = sizeof(memory[self]);
    struct bulk_handle_args args = {
        .owner = &owner,
        .count = 1,
        .bases = &base,
        .sizes = &size,
        .access = BULK_ACCESS_READ,
        .released = count_release,
    };

    for (int round = 0; round < ROUNDS; round++) {
        struct hg_bulk *handle;

        SUPPORT_CHECK(bulk_handle_create(&args, &handle) == 0);
        publish(self, handle);
        for (int i = 0; i < THREADS; i++)
            visit(i);
        bulk_handle_unref(handle);
    }
    return NULL;
}

static int stress(void)
{
    pthread_t threads[THREADS];

    fake_na_init(&fake);
    bulk_owner_init(&owner, fake.na_class, NULL);
    for (int i = 0; i < THREADS; i++) {
        memory[i][0] = 'x';
        pthread_mutex_init(&slots[i].lock, NULL);
    }
    for (int i = 0; i < THREADS; i++)
        SUPPORT_CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    SUPPORT_CHECK(atomic_load(&released_count) == made_count());
    SUPPORT_CHECK(bulk_owner_handle_count(&owner) == 0);
    bulk_owner_fini(&owner);
    fake_na_fini(&fake);
    return 0;
}

SUPPORT_MAIN(stress)
