/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table of registered memory with its owner and its readers at work at the same time. Threads register and
 * withdraw ranges whose base, size and key belong together; others look up what they were told of, and may find
 * it or not, but never a mixture of two registrations, and never one that was withdrawn before they began to look.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "na/na.h"
#include "na/shm/shm_table.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

enum { WRITERS = 2, READERS = 3, SLOTS = 16, BYTES = 256 };

/* What was registered, told to the readers; a writer's own slot. */
struct slot {
    _Alignas(64) _Atomic uint64_t address;
    _Atomic uint64_t key;
    _Atomic uint64_t withdrawn; /* keys up to this are gone: they grow */
};

struct game {
    struct shm_table *table;
    struct shm_table_view *view;
    struct slot slots[SLOTS];
    unsigned char memory[SLOTS][BYTES]; /* what the owner serves from */
    uint64_t rounds;
    atomic_uint writers_left;
    _Atomic uint64_t found;
    _Atomic uint64_t missed;
};

struct player {
    struct game *game;
    unsigned int index;
};

/* The range that belongs to a key: its base is the slot's memory, or a number that is never touched. */
static struct shm_table_range range_of(struct game *game, unsigned int slot, uint64_t key)
{
    return (struct shm_table_range){.base = (uintptr_t)game->memory[slot],
                                    .size = 1 + key % BYTES,
                                    .access = key % 2 == 0 ? NA_ACCESS_REMOTE_READ
                                                           : NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE};
}

static void *write_play(void *arg)
{
    const struct player *player = arg;
    struct game *game = player->game;
    struct util_prng prng;

    util_prng_init(&prng, support_seed() + player->index);
    for (uint64_t i = 1; i <= game->rounds; i++) {
        unsigned int index = player->index + WRITERS * (unsigned int)util_prng_below(&prng, SLOTS / WRITERS);
        struct slot *slot = &game->slots[index];
        uint64_t old = atomic_load(&slot->address);
        uint64_t key = (i << 8 | index) + 1;
        struct shm_table_range range = range_of(game, index, key);
        uint64_t address = 0;

        if (old != 0) {
            shm_table_remove(game->table, old);
            atomic_store(&slot->withdrawn, atomic_load(&slot->key));
        }
        SUPPORT_CHECK(shm_table_add(game->table, &range, key, &address) == 0);
        atomic_store(&slot->key, key);
        atomic_store(&slot->address, address);
    }
    atomic_fetch_sub(&game->writers_left, 1);
    return NULL;
}

/* Looks one registration up as a peer would; its owner's own look-up is tried as well. */
static void look(struct game *game, unsigned int index, struct util_prng *prng)
{
    struct slot *slot = &game->slots[index];
    uint64_t withdrawn = atomic_load(&slot->withdrawn);
    uint64_t address = atomic_load(&slot->address);
    uint64_t key = atomic_load(&slot->key);
    struct shm_table_range range = range_of(game, index, key);
    uint64_t offset = util_prng_below(prng, range.size);
    unsigned char bytes[BYTES];
    uint64_t base = 0;
    int error = shm_table_view_find(game->view, address + offset, key, range.size - offset, range.access, &base);

    if (error == 0) {
        SUPPORT_CHECK(base == range.base + offset);
        SUPPORT_CHECK(key > withdrawn);
        atomic_fetch_add(&game->found, 1);
    } else {
        SUPPORT_CHECK(error == -EACCES); /* the key matched no entry; one that matches has these bounds */
        atomic_fetch_add(&game->missed, 1);
    }
    error = shm_table_read(game->table, address + offset, key, range.size - offset, bytes, range.size - offset);
    SUPPORT_CHECK(error == 0 || error == -EACCES);
    SUPPORT_CHECK(shm_table_view_find(game->view, address + offset, key ^ 0x80, 1, range.access, &base) == -EACCES);
}

static void *read_play(void *arg)
{
    const struct player *player = arg;
    struct util_prng prng;

    util_prng_init(&prng, support_seed() + 100 + player->index);
    while (atomic_load(&player->game->writers_left) > 0)
        look(player->game, (unsigned int)util_prng_below(&prng, SLOTS), &prng);
    return NULL;
}

static int play(void)
{
    static struct game game;
    struct player players[WRITERS + READERS];
    pthread_t threads[WRITERS + READERS];
    uint64_t start_ns = util_clock_now_ns();

    (void)support_seed(); /* before there are threads */
    game.rounds = 1000000 / support_slowness();
    atomic_store(&game.writers_left, WRITERS);
    SUPPORT_CHECK(shm_table_create(&game.table) == 0);
    SUPPORT_CHECK(shm_table_view_open(shm_table_fd(game.table), &game.view) == 0);
    for (unsigned int i = 0; i < WRITERS + READERS; i++) {
        players[i] = (struct player){.game = &game, .index = i};
        SUPPORT_CHECK(pthread_create(&threads[i], NULL, i < WRITERS ? write_play : read_play, &players[i]) == 0);
    }
    for (unsigned int i = 0; i < WRITERS + READERS; i++)
        SUPPORT_CHECK(pthread_join(threads[i], NULL) == 0);
    shm_table_view_close(game.view);
    shm_table_destroy(game.table);
    printf("%llu registrations, %llu found, %llu not, %.1f s\n", (unsigned long long)game.rounds * WRITERS,
           (unsigned long long)atomic_load(&game.found), (unsigned long long)atomic_load(&game.missed),
           (double)(util_clock_now_ns() - start_ns) / 1e9);
    SUPPORT_CHECK(atomic_load(&game.found) > 0);
    return 0;
}

SUPPORT_MAIN(play)
