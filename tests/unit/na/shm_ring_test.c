/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Both ends of a ring, by turns in one thread: what goes in comes out, in order and once; and whatever the
 * other side writes into the shared part, neither end leaves it. The shared part is a heap block of exactly its
 * size, so that AddressSanitizer sees who does.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "na/shm/shm_ring.h"
#include "tests/support/support_guard.h"
#include "util/util_rand.h"

TestSuite(shm_ring, .init = support_begin, .fini = support_end, .timeout = 120);

enum { HEADER = 8, KINDS = 5, PENDING_MAX = SHM_RING_SIZE / HEADER };

struct pair {
    struct shm_ring_shared *shared; /* owned */
    struct shm_ring_out out;
    struct shm_ring_in in;
};

static void pair_open(struct pair *pair)
{
    pair->shared = aligned_alloc(64, sizeof(*pair->shared));
    cr_assert_not_null(pair->shared);
    memset(pair->shared, 0, sizeof(*pair->shared));
    shm_ring_out_init(&pair->out, pair->shared);
    shm_ring_in_init(&pair->in, pair->shared);
}

static void pair_close(struct pair *pair)
{
    free(pair->shared);
}

/* Puts both ends, with nothing in between, to a position. */
static void pair_move_to(struct pair *pair, uint64_t position)
{
    atomic_store(&pair->shared->tail, position);
    atomic_store(&pair->shared->head, position);
    pair->out.tail = position;
    pair->out.head = position;
    pair->in.head = position;
    pair->in.released = position;
}

static unsigned char pattern(uint64_t number, size_t i)
{
    return (unsigned char)(number * 37 + i * 11 + (i >> 8));
}

/* Sends one record; false when there is no room. */
static bool send_record(struct pair *pair, uint64_t number, uint32_t kind, size_t size)
{
    unsigned char *room = shm_ring_reserve(&pair->out, size);

    if (room == NULL)
        return false;
    cr_assert_eq((uintptr_t)room % 8, 0);
    cr_assert(room >= pair->shared->bytes && room + size <= pair->shared->bytes + SHM_RING_SIZE);
    for (size_t i = 0; i < size; i++)
        room[i] = pattern(number, i);
    shm_ring_publish(&pair->out, kind, size);
    return true;
}

static void check_record(struct pair *pair, uint64_t number, uint32_t kind, size_t size)
{
    struct shm_ring_record record;

    cr_assert_not(shm_ring_empty(&pair->in));
    cr_assert_eq(shm_ring_peek(&pair->in, &record), 1);
    cr_assert_eq(record.kind, kind);
    cr_assert_eq(record.size, size);
    cr_assert_eq((uintptr_t)record.data % 8, 0);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(record.data[i], pattern(number, i));
    shm_ring_take(&pair->in, &record);
}

static void check_empty(const struct pair *pair)
{
    struct shm_ring_record record;

    cr_assert(shm_ring_empty(&pair->in));
    cr_assert_eq(shm_ring_peek(&pair->in, &record), 0);
}

/* Mostly small, often at one of the limits. */
static size_t random_size(struct util_prng *prng)
{
    switch (util_prng_below(prng, 8)) {
    case 0:
        return 0;
    case 1:
        return SHM_RING_RECORD_MAX;
    case 2:
        return SHM_RING_RECORD_MAX - util_prng_below(prng, 16);
    case 3:
        return util_prng_below(prng, SHM_RING_RECORD_MAX + 1);
    default:
        return util_prng_below(prng, 200);
    }
}

/* --- honest ends ------------------------------------------------------------------------------------- */

/* What was sent and not yet received. */
struct expected {
    uint64_t number;
    uint32_t kind;
    size_t size;
};

Test(shm_ring, random_records_come_out_as_they_went_in)
{
    static struct expected queue[PENDING_MAX];
    struct util_prng prng;
    struct pair pair;
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t refused = 0;

    util_prng_init(&prng, support_seed());
    pair_open(&pair);
    for (int i = 0; i < 60000; i++) {
        if (util_prng_below(&prng, 2) == 0) {
            struct expected next = {
                .number = sent, .kind = 1 + (uint32_t)util_prng_below(&prng, KINDS), .size = random_size(&prng)};
            bool room = shm_ring_has_room(&pair.out, next.size);

            cr_assert_eq(send_record(&pair, next.number, next.kind, next.size), room);
            refused += !room;
            if (room)
                queue[sent++ % PENDING_MAX] = next;
        } else if (received < sent) {
            const struct expected *next = &queue[received++ % PENDING_MAX];

            check_record(&pair, next->number, next->kind, next->size);
        }
        if (received == sent)
            check_empty(&pair);
        if (util_prng_below(&prng, 3) == 0)
            cr_assert_not(shm_ring_release(&pair.in));
    }
    cr_assert_gt(refused, 0);
    cr_assert_gt(pair.out.tail, 100 * (uint64_t)SHM_RING_SIZE);
    pair_close(&pair);
}

Test(shm_ring, empty_ring_takes_the_largest_record_at_every_position)
{
    struct pair pair;

    pair_open(&pair);
    for (uint64_t position = 0; position < SHM_RING_SIZE; position += 8) {
        pair_move_to(&pair, position);
        cr_assert(shm_ring_has_room(&pair.out, SHM_RING_RECORD_MAX));
        cr_assert_not_null(shm_ring_reserve(&pair.out, SHM_RING_RECORD_MAX));
        shm_ring_publish(&pair.out, 1, SHM_RING_RECORD_MAX);
        struct shm_ring_record record;
        cr_assert_eq(shm_ring_peek(&pair.in, &record), 1);
        cr_assert_eq(record.size, SHM_RING_RECORD_MAX);
        shm_ring_take(&pair.in, &record);
        check_empty(&pair);
    }
    pair_close(&pair);
}

Test(shm_ring, positions_may_pass_the_largest_number)
{
    struct pair pair;

    pair_open(&pair);
    pair_move_to(&pair, UINT64_MAX - 7 - 3 * 1024);
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert(send_record(&pair, i, 1, 100));
        check_record(&pair, i, 1, 100);
        cr_assert_not(shm_ring_release(&pair.in));
    }
    cr_assert_lt(pair.out.tail, 100U * 200U);
    pair_close(&pair);
}

Test(shm_ring, full_ring_refuses_until_room_is_given_back)
{
    enum { SIZE = 1000, WHOLE = 1008 };
    struct pair pair;
    uint64_t count = 0;

    pair_open(&pair);
    while (send_record(&pair, count, 1, SIZE))
        count++;
    cr_assert_eq(count, SHM_RING_SIZE / WHOLE);
    cr_assert_not(shm_ring_has_room(&pair.out, SIZE));
    cr_assert_eq(shm_ring_free(&pair.out), SHM_RING_SIZE % WHOLE);
    check_record(&pair, 0, 1, SIZE);
    cr_assert_null(shm_ring_reserve(&pair.out, SIZE), "taken is not yet given back");
    cr_assert_eq(shm_ring_free(&pair.out), SHM_RING_SIZE % WHOLE);
    cr_assert_not(shm_ring_release(&pair.in));
    cr_assert_null(shm_ring_reserve(&pair.out, SIZE + 8), "with the filler that is more than there is");
    cr_assert(send_record(&pair, count, 2, SIZE));
    for (uint64_t i = 1; i < count; i++)
        check_record(&pair, i, 1, SIZE);
    check_record(&pair, count, 2, SIZE);
    check_empty(&pair);
    pair_close(&pair);
}

Test(shm_ring, ring_may_be_full_to_the_last_byte)
{
    struct pair pair;

    pair_open(&pair);
    for (uint64_t i = 0; i < SHM_RING_SIZE / HEADER; i++)
        cr_assert(send_record(&pair, i, 1, 0));
    cr_assert_null(shm_ring_reserve(&pair.out, 0));
    for (uint64_t i = 0; i < SHM_RING_SIZE / HEADER; i++)
        check_record(&pair, i, 1, 0);
    check_empty(&pair);
    cr_assert_not(shm_ring_release(&pair.in));
    cr_assert(send_record(&pair, 7, 3, 0));
    check_record(&pair, 7, 3, 0);
    pair_close(&pair);
}

Test(shm_ring, reserved_record_is_invisible_and_may_become_a_smaller_one)
{
    struct pair pair;

    pair_open(&pair);
    cr_assert_not_null(shm_ring_reserve(&pair.out, 5000));
    check_empty(&pair);
    cr_assert(send_record(&pair, 1, 2, 40));
    check_record(&pair, 1, 2, 40);
    /* Before the end, where the larger one left a filler. */
    pair_move_to(&pair, SHM_RING_SIZE - 64);
    cr_assert_eq(shm_ring_reserve(&pair.out, 5000), pair.shared->bytes + HEADER);
    check_empty(&pair);
    cr_assert(send_record(&pair, 2, 3, 16));
    check_record(&pair, 2, 3, 16);
    check_empty(&pair);
    pair_close(&pair);
}

/* --- words for sleeping and polling ------------------------------------------------------------------ */

Test(shm_ring, blocked_producer_is_to_be_rung_once)
{
    struct pair pair;

    pair_open(&pair);
    cr_assert(send_record(&pair, 1, 1, 10));
    cr_assert(send_record(&pair, 2, 1, 10));
    cr_assert(send_record(&pair, 3, 1, 10));
    cr_assert_not(shm_ring_release(&pair.in), "nothing was taken");
    shm_ring_block(&pair.out);
    shm_ring_block(&pair.out);
    cr_assert_not(shm_ring_release(&pair.in), "there is still nothing to be told");
    check_record(&pair, 1, 1, 10);
    cr_assert(shm_ring_release(&pair.in));
    check_record(&pair, 2, 1, 10);
    cr_assert_not(shm_ring_release(&pair.in), "it asked once");
    shm_ring_block(&pair.out);
    check_record(&pair, 3, 1, 10);
    cr_assert(shm_ring_release(&pair.in));
    pair_close(&pair);
}

Test(shm_ring, polled_word_counts_and_is_never_read_back)
{
    struct pair pair;

    pair_open(&pair);
    cr_assert(shm_ring_is_polled(&pair.in));
    shm_ring_set_polled(&pair.in, true);
    cr_assert_eq(atomic_load(&pair.shared->polled), 0);
    shm_ring_set_polled(&pair.in, false);
    shm_ring_set_polled(&pair.in, false);
    cr_assert_not(shm_ring_is_polled(&pair.in));
    cr_assert_eq(atomic_load(&pair.shared->polled), 1);
    atomic_store(&pair.shared->polled, 88);
    cr_assert_not(shm_ring_is_polled(&pair.in));
    shm_ring_set_polled(&pair.in, true);
    cr_assert(shm_ring_is_polled(&pair.in));
    cr_assert_eq(atomic_load(&pair.shared->polled), 2);
    pair_close(&pair);
}

/* --- a hostile producer ------------------------------------------------------------------------------- */

/* Writes a header as the producer would. */
static void forge(struct pair *pair, uint64_t position, uint32_t kind, uint32_t size)
{
    unsigned char *at = pair->shared->bytes + position % SHM_RING_SIZE;

    memcpy(at, &size, sizeof(size));
    memcpy(at + sizeof(size), &kind, sizeof(kind));
}

static int peek_at(struct pair *pair, uint64_t head, uint64_t tail)
{
    struct shm_ring_record record;

    pair_move_to(pair, head);
    atomic_store(&pair->shared->tail, tail);
    return shm_ring_peek(&pair->in, &record);
}

Test(shm_ring, tails_that_cannot_be_are_refused)
{
    struct pair pair;

    pair_open(&pair);
    forge(&pair, 64, 1, 0);
    cr_assert_eq(peek_at(&pair, 64, 64 + 8), 1);
    cr_assert_eq(peek_at(&pair, 64, 64 + SHM_RING_SIZE), 1);
    cr_assert_eq(peek_at(&pair, 64, 56), -EPROTO, "behind the head");
    cr_assert_eq(peek_at(&pair, 64, 64 + SHM_RING_SIZE + 8), -EPROTO, "more than there can be");
    cr_assert_eq(peek_at(&pair, 64, UINT64_MAX - 7), -EPROTO);
    for (uint64_t i = 1; i < 8; i++)
        cr_assert_eq(peek_at(&pair, 64, 64 + i), -EPROTO, "not aligned");
    pair_close(&pair);
}

Test(shm_ring, records_that_cannot_be_are_refused)
{
    static const uint32_t sizes[] = {33,
                                     40,
                                     4096,
                                     SHM_RING_RECORD_MAX,
                                     SHM_RING_RECORD_MAX + 1,
                                     SHM_RING_SIZE - HEADER,
                                     SHM_RING_SIZE,
                                     INT32_MAX,
                                     UINT32_MAX - 8,
                                     UINT32_MAX - 7,
                                     UINT32_MAX - 6,
                                     UINT32_MAX};
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        forge(&pair, 0, 1, sizes[i]);
        cr_assert_eq(peek_at(&pair, 0, 40), -EPROTO, "%u bytes, of which 32 were written", sizes[i]);
        forge(&pair, SHM_RING_SIZE - 40, 1, sizes[i]);
        cr_assert_eq(peek_at(&pair, SHM_RING_SIZE - 40, 2 * SHM_RING_SIZE - 40), -EPROTO, "%u bytes, 32 before the end",
                     sizes[i]);
    }
    forge(&pair, 0, 1, SHM_RING_RECORD_MAX + 1);
    cr_assert_eq(peek_at(&pair, 0, SHM_RING_SIZE), -EPROTO, "larger than any record");
    forge(&pair, 0, UINT32_MAX, SHM_RING_RECORD_MAX);
    cr_assert_eq(peek_at(&pair, 0, SHM_RING_SIZE), 1, "kinds are the caller's");
    pair_close(&pair);
}

Test(shm_ring, fillers_that_cannot_be_are_refused)
{
    const uint64_t at = SHM_RING_SIZE - 40;
    struct pair pair;

    pair_open(&pair);
    forge(&pair, at, 0, 32);
    forge(&pair, 0, 1, 8);
    cr_assert_eq(peek_at(&pair, at, at + 40 + 16), 1);
    cr_assert_eq(peek_at(&pair, at, at + 40), -EPROTO, "nothing behind it");
    cr_assert_eq(peek_at(&pair, at, at + 40 + 8), -EPROTO, "the record behind it is cut short");
    forge(&pair, 0, 0, 8);
    cr_assert_eq(peek_at(&pair, at, at + 40 + 16), -EPROTO, "another filler behind it");
    forge(&pair, 0, 1, SHM_RING_RECORD_MAX + 8);
    cr_assert_eq(peek_at(&pair, at, at + SHM_RING_SIZE), -EPROTO, "too large a record behind it");
    forge(&pair, at, 0, 24);
    forge(&pair, 0, 1, 8);
    cr_assert_eq(peek_at(&pair, at, at + 40 + 16), -EPROTO, "it ends before the end");
    forge(&pair, at, 0, 40);
    cr_assert_eq(peek_at(&pair, at, at + 40 + 16), -EPROTO, "it ends behind the end");
    forge(&pair, 0, 0, SHM_RING_SIZE - HEADER);
    cr_assert_eq(peek_at(&pair, 0, SHM_RING_SIZE), -EPROTO, "the whole ring is one");
    pair_close(&pair);
}

Test(shm_ring, what_was_found_does_not_change_with_the_shared_part)
{
    struct shm_ring_record record;
    struct pair pair;

    pair_open(&pair);
    cr_assert(send_record(&pair, 1, 2, 24));
    cr_assert_eq(shm_ring_peek(&pair.in, &record), 1);
    forge(&pair, 0, 9, UINT32_MAX);
    atomic_store(&pair.shared->tail, 3);
    atomic_store(&pair.shared->head, 5);
    cr_assert_eq(record.size, 24);
    cr_assert_eq(record.kind, 2);
    shm_ring_take(&pair.in, &record);
    cr_assert_eq(pair.in.head, 32);
    pair_close(&pair);
}

static void scribble(struct util_prng *prng, struct pair *pair)
{
    unsigned char *at = (unsigned char *)pair->shared;
    size_t size = 1 + util_prng_below(prng, 24);

    switch (util_prng_below(prng, 6)) {
    case 0: /* the positions, near the truth or far from it */
        atomic_fetch_add(&pair->shared->tail, (util_prng_below(prng, 4096) & ~UINT64_C(7)));
        return;
    case 1:
        atomic_store(&pair->shared->head, pair->out.tail - util_prng_below(prng, 4096));
        return;
    case 2: /* a header at a likely place */
        forge(pair, pair->in.head, (uint32_t)util_prng_below(prng, 3), (uint32_t)util_prng_below(prng, 300));
        return;
    case 3:
        forge(pair, pair->in.head, (uint32_t)util_prng_below(prng, 3), (uint32_t)util_prng_next(prng));
        return;
    default:
        at += util_prng_below(prng, sizeof(*pair->shared) - size);
        for (size_t i = 0; i < size; i++)
            at[i] = (unsigned char)util_prng_next(prng);
    }
}

/* Reads the whole record. */
static unsigned int touch(const struct shm_ring_record *record)
{
    unsigned int sum = 0;

    for (uint32_t i = 0; i < record->size; i++)
        sum += record->data[i];
    return sum;
}

Test(shm_ring, random_bytes_never_lead_outside)
{
    struct util_prng prng;
    struct pair pair;
    unsigned int found = 0;
    unsigned int broken = 0;
    unsigned int sum = 0;

    util_prng_init(&prng, support_seed() + 1);
    pair_open(&pair);
    for (int i = 0; i < 300000; i++) {
        struct shm_ring_record record;
        int ret;

        if (util_prng_below(&prng, 4) == 0)
            scribble(&prng, &pair);
        if (util_prng_below(&prng, 2) == 0)
            (void)send_record(&pair, 0, 1, util_prng_below(&prng, 100));
        ret = shm_ring_peek(&pair.in, &record);
        cr_assert(ret == 0 || ret == 1 || ret == -EPROTO);
        if (ret == 1) {
            found++;
            cr_assert(record.data >= pair.shared->bytes + HEADER);
            cr_assert_leq(record.size, SHM_RING_RECORD_MAX);
            cr_assert(record.data + record.size <= pair.shared->bytes + SHM_RING_SIZE);
            sum += touch(&record);
            shm_ring_take(&pair.in, &record);
            (void)shm_ring_release(&pair.in);
        } else if (ret == -EPROTO) {
            broken++;
            pair_move_to(&pair, util_prng_below(&prng, 1U << 20) & ~UINT64_C(7));
        }
    }
    cr_assert_gt(found, 1000);
    cr_assert_gt(broken, 1000);
    cr_assert_neq(sum, 0);
    pair_close(&pair);
}

/* --- a hostile consumer ------------------------------------------------------------------------------- */

Test(shm_ring, heads_that_cannot_be_give_no_room)
{
    struct pair pair;
    uint64_t count = 0;

    pair_open(&pair);
    while (send_record(&pair, count, 1, 1000))
        count++;
    for (uint64_t lie = 8; lie <= 1U << 20; lie *= 2) {
        atomic_store(&pair.shared->head, pair.out.tail + lie);
        for (int i = 0; i < 3; i++)
            cr_assert_null(shm_ring_reserve(&pair.out, 1000), "ahead of the tail by %llu", (unsigned long long)lie);
    }
    atomic_store(&pair.shared->head, 0 - UINT64_C(4096));
    for (int i = 0; i < 3; i++)
        cr_assert_null(shm_ring_reserve(&pair.out, 1000), "behind what was ever sent");
    /* The truth is still understood. */
    atomic_store(&pair.shared->head, pair.out.tail);
    cr_assert(send_record(&pair, count, 1, 1000));
    pair_close(&pair);
}
