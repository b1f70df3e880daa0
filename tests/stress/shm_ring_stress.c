/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A ring with its two ends at work at the same time.
 *
 * First two threads: records of random sizes arrive whole, in order and once, and both sides sleep on the ring's
 * own words, the producer when there is no room, the consumer when there is nothing. A sleep that nobody ends is a
 * lost wake-up, and ends the test. Then a process that writes random bytes over the shared part while we read and
 * write it: the ring lies between pages that nobody may touch, so that whoever leaves it is killed.
 *
 * The number of records may be given as argument.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_page.h"
#include "na/shm/shm_ring.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

#define LOST_S             20
#define SCRIBBLER_LIMIT_NS (60 * UTIL_CLOCK_NS_PER_S)
#define PAGE_SIZE          4096UL

/* --- two threads ------------------------------------------------------------------------------------- */

struct game {
    struct shm_ring_shared *shared;
    uint64_t count; /* of records */
    sem_t room;     /* the consumer's way to wake the producer */
    sem_t records;  /* and the other way round */
    uint64_t producer_sleeps;
    uint64_t consumer_sleeps;
};

static void sleep_until_rung(sem_t *bell, const char *who)
{
    struct timespec limit;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LOST_S;
    while (sem_timedwait(bell, &limit) != 0) {
        if (errno == EINTR)
            continue;
        fprintf(stderr, "nobody woke the %s: the wake-up was lost\n", who);
        abort();
    }
}

static size_t size_of(struct util_prng *prng)
{
    uint64_t dice = util_prng_below(prng, 64);

    if (dice == 0)
        return SHM_RING_RECORD_MAX;
    return (size_t)util_prng_below(prng, dice < 8 ? 20000 : 64);
}

static unsigned char *wait_for_room(struct game *game, struct shm_ring_out *ring, size_t size)
{
    unsigned char *room;

    while ((room = shm_ring_reserve(ring, size)) == NULL) {
        shm_ring_block(ring);
        if (shm_ring_has_room(ring, size))
            continue;
        game->producer_sleeps++;
        sleep_until_rung(&game->room, "producer");
    }
    return room;
}

static void *produce(void *arg)
{
    struct game *game = arg;
    struct shm_ring_out ring;
    struct util_prng prng;
    uint64_t rung = 0;

    util_prng_init(&prng, support_seed());
    shm_ring_out_init(&ring, game->shared);
    for (uint64_t i = 0; i < game->count; i++) {
        size_t size = size_of(&prng);
        unsigned char *room = wait_for_room(game, &ring, size);
        uint64_t polled;

        memset(room, (int)(i & 0xff), size);
        shm_ring_publish(&ring, 1 + (uint32_t)(i % 5), size);
        shm_doorbell_page_fence();
        polled = atomic_load_explicit(&game->shared->polled, memory_order_relaxed);
        if ((polled & 1) != 0 && polled != rung) {
            rung = polled;
            (void)sem_post(&game->records);
        }
        if (util_prng_below(&prng, 5000) == 0)
            (void)usleep(200);
    }
    return NULL;
}

static void check_bytes(const struct shm_ring_record *record, uint64_t i)
{
    const unsigned char byte = (unsigned char)(i & 0xff);

    if (record->size == 0)
        return;
    SUPPORT_CHECK(record->data[0] == byte && record->data[record->size - 1] == byte);
    SUPPORT_CHECK(memcmp(record->data, record->data + 1, record->size - 1) == 0);
}

/* Looks at the ring no more until it is rung. */
static void wait_for_records(struct game *game, struct shm_ring_in *ring)
{
    shm_ring_set_polled(ring, false);
    if (shm_ring_empty(ring)) {
        game->consumer_sleeps++;
        sleep_until_rung(&game->records, "consumer");
    }
    shm_ring_set_polled(ring, true);
}

static void consume(struct game *game)
{
    struct util_prng prng;
    struct util_prng patience;
    struct shm_ring_in ring;
    uint64_t i = 0;

    util_prng_init(&prng, support_seed());
    util_prng_init(&patience, support_seed() + 1);
    shm_ring_in_init(&ring, game->shared);
    while (i < game->count) {
        uint64_t batch = 1 + util_prng_below(&patience, 32);
        struct shm_ring_record record;
        int ret = 0;

        for (; batch > 0 && (ret = shm_ring_peek(&ring, &record)) == 1; batch--, i++) {
            SUPPORT_CHECK(record.size == size_of(&prng) && record.kind == 1 + (uint32_t)(i % 5));
            check_bytes(&record, i);
            shm_ring_take(&ring, &record);
            (void)util_prng_below(&prng, 5000); /* as the producer did */
        }
        SUPPORT_CHECK(ret >= 0);
        if (shm_ring_release(&ring))
            (void)sem_post(&game->room);
        if (ret == 0 && i < game->count)
            wait_for_records(game, &ring);
    }
    SUPPORT_CHECK(shm_ring_empty(&ring));
}

static void play_threads(uint64_t count)
{
    struct game game = {.count = count};
    uint64_t start_ns = util_clock_now_ns();
    pthread_t producer;

    game.shared = aligned_alloc(64, sizeof(*game.shared));
    SUPPORT_CHECK(game.shared != NULL);
    memset(game.shared, 0, sizeof(*game.shared));
    SUPPORT_CHECK(sem_init(&game.room, 0, 0) == 0 && sem_init(&game.records, 0, 0) == 0);
    SUPPORT_CHECK(pthread_create(&producer, NULL, produce, &game) == 0);
    consume(&game);
    SUPPORT_CHECK(pthread_join(producer, NULL) == 0);
    (void)sem_destroy(&game.room);
    (void)sem_destroy(&game.records);
    free(game.shared);
    printf("threads: %llu records, %llu and %llu sleeps, %.1f s\n", (unsigned long long)count,
           (unsigned long long)game.producer_sleeps, (unsigned long long)game.consumer_sleeps,
           (double)(util_clock_now_ns() - start_ns) / 1e9);
}

/* --- a process that means harm ------------------------------------------------------------------------ */

/* Maps a ring that ends at a page that nobody may touch; its header begins in the page in front. */
static struct shm_ring_shared *map_ring(unsigned char **map_out, size_t *size_out)
{
    size_t pages = (sizeof(struct shm_ring_shared) + PAGE_SIZE - 1) / PAGE_SIZE;
    size_t size = (pages + 2) * PAGE_SIZE;
    unsigned char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    SUPPORT_CHECK(map != MAP_FAILED);
    SUPPORT_CHECK(mprotect(map, PAGE_SIZE, PROT_NONE) == 0);
    SUPPORT_CHECK(mprotect(map + (pages + 1) * PAGE_SIZE, PAGE_SIZE, PROT_NONE) == 0);
    *map_out = map;
    *size_out = size;
    return (struct shm_ring_shared *)(void *)(map + (pages + 1) * PAGE_SIZE - sizeof(struct shm_ring_shared));
}

static _Noreturn void scribble(struct shm_ring_shared *shared, uint64_t seed)
{
    struct util_prng prng;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    util_prng_init(&prng, seed);
    for (;;) {
        uint64_t tail = atomic_load(&shared->tail);
        uint64_t head = atomic_load(&shared->head);
        uint32_t header[2] = {(uint32_t)util_prng_next(&prng) >> util_prng_below(&prng, 32),
                              (uint32_t)util_prng_below(&prng, 3)};

        switch (util_prng_below(&prng, 5)) {
        case 0:
            atomic_store(&shared->tail, tail + (util_prng_below(&prng, 8192) & ~UINT64_C(7)));
            break;
        case 1:
            atomic_store(&shared->head, tail - util_prng_below(&prng, 8192));
            break;
        case 2:
            atomic_store(&shared->polled, util_prng_next(&prng));
            atomic_store(&shared->blocked, 1);
            break;
        default:
            memcpy(shared->bytes + ((head + 8 * util_prng_below(&prng, 8)) & (SHM_RING_SIZE - 8)), header,
                   sizeof(header));
        }
    }
}

/* Reads all of a record, as far as it is what it seemed when it was found. */
static unsigned int read_record(const struct shm_ring_shared *shared, const struct shm_ring_record *record)
{
    unsigned int sum = 0;

    SUPPORT_CHECK(record->size <= SHM_RING_RECORD_MAX);
    SUPPORT_CHECK(record->data >= shared->bytes && record->data + record->size <= shared->bytes + SHM_RING_SIZE);
    for (uint32_t i = 0; i < record->size; i++)
        sum += record->data[i];
    return sum;
}

/*
 * One end of each kind on the same ring: at least @count rounds, and as many more as it takes until records were found
 * and refused, since a busy machine may let the scribbler start late. Gives the number of records found, and of
 * refusals by *broken_out.
 */
static uint64_t suffer(struct shm_ring_shared *shared, uint64_t count, uint64_t *broken_out)
{
    struct shm_ring_out out;
    struct shm_ring_in in;
    struct util_prng prng;
    uint64_t deadline_ns = util_clock_now_ns() + SCRIBBLER_LIMIT_NS;
    uint64_t broken = 0;
    uint64_t found = 0;
    unsigned int sum = 0;

    util_prng_init(&prng, support_seed() + 3);
    shm_ring_out_init(&out, shared);
    shm_ring_in_init(&in, shared);
    for (uint64_t i = 0; i < count || found == 0 || broken == 0; i++) {
        size_t size = (size_t)util_prng_below(&prng, 200);
        unsigned char *room = shm_ring_reserve(&out, size);
        struct shm_ring_record record;
        int ret;

        SUPPORT_CHECK(i < count || util_clock_now_ns() < deadline_ns);
        if (room != NULL) {
            memset(room, 1, size);
            shm_ring_publish(&out, 1, size);
        } else {
            shm_ring_block(&out);
        }
        ret = shm_ring_peek(&in, &record);
        SUPPORT_CHECK(ret == 0 || ret == 1 || ret == -EPROTO);
        if (ret == 1) {
            found++;
            sum += read_record(shared, &record);
            shm_ring_take(&in, &record);
        } else if (ret == -EPROTO) {
            broken++;
            in.head = out.tail; /* a fresh start, where a route would be closed */
            out.head = out.tail;
        }
        (void)shm_ring_release(&in);
        shm_ring_set_polled(&in, i % 64 != 0);
    }
    SUPPORT_CHECK(sum != 1); /* it is used */
    *broken_out = broken;
    return found;
}

static void play_scribbler(uint64_t count)
{
    uint64_t start_ns = util_clock_now_ns();
    struct shm_ring_shared *shared;
    unsigned char *map = NULL;
    size_t size = 0;
    uint64_t broken = 0;
    uint64_t found;
    pid_t child;

    shared = map_ring(&map, &size);
    (void)fflush(NULL);
    child = fork();
    SUPPORT_CHECK(child >= 0);
    if (child == 0)
        scribble(shared, support_seed() + 2);
    found = suffer(shared, count, &broken);
    SUPPORT_CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    SUPPORT_CHECK(munmap(map, size) == 0);
    printf("scribbler: %llu records found, %llu refusals, %.1f s\n", (unsigned long long)found,
           (unsigned long long)broken, (double)(util_clock_now_ns() - start_ns) / 1e9);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000000 / support_slowness();

    support_begin();
    play_scribbler(count);
    play_threads(count);
    support_end();
    return 0;
}
