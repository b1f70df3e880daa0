/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Records that are not what they should be, and transfers that nobody asked for.
 */
#include <errno.h>
#include <string.h>

#include "na/shm/shm_progress.h"
#include "tests/fault/shm_scene.h"
#include "util/util_bytes.h"
#include "util/util_rand.h"

/* --- records ---------------------------------------------------------------------------------------------------- */

/* One record that costs the route. */
struct bad_record {
    const char *what;
    uint32_t kind;
    size_t size;
    size_t count; /* of words */
    uint64_t words[4];
};

static const struct bad_record bad_records[] = {
    {"an unknown kind", 6, 32, 0, {0}},
    {"a kind far from all", UINT32_MAX, 0, 0, {0}},
    {"too large a frame", SHM_RECORD_FRAME, SHM_FRAME_MAX + 1, 0, {0}},
    {"the largest record as a frame", SHM_RECORD_FRAME, SHM_RING_RECORD_MAX, 0, {0}},
    {"an empty question", SHM_RECORD_GET, 0, 0, {0}},
    {"a short question", SHM_RECORD_GET, 31, 0, {0}},
    {"a long question", SHM_RECORD_GET, 33, 0, {0}},
    {"data without a header", SHM_RECORD_DATA, 0, 0, {0}},
    {"data with half a header", SHM_RECORD_DATA, 15, 0, {0}},
    {"data that nobody asked for", SHM_RECORD_DATA, 48, 2, {1, 32}},
    {"no data that nobody asked for", SHM_RECORD_DATA, 16, 2, {1, 0}},
    {"more data than is left", SHM_RECORD_DATA, 48, 2, {1, 31}},
    {"data of which nothing is left", SHM_RECORD_DATA, 48, 2, {1, 0}},
    {"stores without a header", SHM_RECORD_PUT, 31, 0, {0}},
    {"more to be stored than is left", SHM_RECORD_PUT, 64, 4, {1, 2, 3, 31}},
    {"more to be stored than nothing", SHM_RECORD_PUT, 33, 4, {1, 2, 3, 0}},
    {"the largest record that stores more than is left", SHM_RECORD_PUT, SHM_RING_RECORD_MAX, 4, {1, 2, 3, 5}},
    {"an end of half a record", SHM_RECORD_END, 8, 1, {1}},
    {"an end with more to it", SHM_RECORD_END, 24, 3, {1, 0, 0}},
    {"an end that nobody waits for", SHM_RECORD_END, 16, 2, {1, 0}},
    {"a refusal that nobody waits for", SHM_RECORD_END, 16, 2, {1, (uint64_t)-13}},
    {"an end with a status that cannot be", SHM_RECORD_END, 16, 2, {1, 1}},
    {"an end with a status from far away", SHM_RECORD_END, 16, 2, {1, (uint64_t)INT64_MIN}},
};

static void bad_records_cost_the_route(void)
{
    scene_begin();
    for (size_t i = 0; i < sizeof(bad_records) / sizeof(bad_records[0]); i++) {
        const struct bad_record *bad = &bad_records[i];
        uint32_t downs = scene.victim.downs;
        struct shm_raw raw;

        scene_accept(&raw);
        SUPPORT_CHECK(shm_raw_send_words(&raw, bad->kind, bad->words, bad->count, bad->size));
        scene_expect_down(&raw, downs, -EPROTO, bad->what);
        shm_raw_close(&raw);
        scene_check_clean();
    }
    SUPPORT_CHECK(bytes_are(scene.memory, 0, sizeof(scene.memory), 2));
    scene_end();
}

/* What the positions and headers of the ring are bent to. */
static void bend_ring(struct shm_raw *raw, unsigned int fault)
{
    static const uint64_t tails[] = {8, 4, 16, SHM_RING_SIZE + 8, UINT64_MAX, UINT64_MAX - 7, INT64_MAX};
    const uint32_t sizes[] = {UINT32_MAX, SHM_RING_SIZE, SHM_RING_RECORD_MAX + 1, 25};
    struct shm_ring_shared *shared = raw->out.shared;

    if (fault < 7) {
        memset(shared->bytes, 0xff, 16); /* a record larger than what was written, in any case */
        atomic_store(&shared->tail, tails[fault]);
        return;
    }
    memset(shared->bytes, 0, 64);
    memcpy(shared->bytes, &sizes[(fault - 7) % 4], sizeof(sizes[0]));
    shared->bytes[4] = fault < 11; /* a frame, or a filler */
    atomic_store(&shared->tail, 32);
}

static void bent_rings_cost_the_route(void)
{
    scene_begin();
    for (unsigned int fault = 0; fault < 15; fault++) {
        uint32_t downs = scene.victim.downs;
        struct shm_raw raw;

        scene_accept(&raw);
        bend_ring(&raw, fault);
        scene_expect_down(&raw, downs, -EPROTO, "a bent ring");
        shm_raw_close(&raw);
        scene_check_clean();
    }
    scene_end();
}

static void a_false_head_stops_only_what_goes_there(void)
{
    static const uint64_t heads[] = {8, SHM_RING_SIZE, INT64_MAX, UINT64_MAX - SHM_RING_SIZE};

    scene_begin();
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct na_route *route;
        struct shm_raw raw;
        uint64_t sent = 0;

        shm_raw_connect(&raw, scene_victim_name());
        route = scene_until_accepted();
        for (uint64_t k = 0; k < 500; k++) {
            atomic_store(&raw.in.shared->head, raw.in.shared->tail + heads[i]);
            sent += node_send(&scene.victim, route, NODE_KIND_DATA, k, 2000) == 0;
            if (k % 50 == 0)
                scene_pump();
        }
        SUPPORT_CHECK(sent >= 60 && sent < 100);
        shm_raw_close(&raw);
        scene_check_clean();
    }
    scene_end();
}

/* --- transfers ---------------------------------------------------------------------------------------------------- */

/* The words of a question, or of something to be stored. */
static void ask(struct shm_raw *raw, uint32_t kind, uint64_t id, uint64_t key, uint64_t address, uint64_t left,
                size_t piece)
{
    uint64_t words[4] = {id, key, address, left};

    SUPPORT_CHECK(shm_raw_send_words(raw, kind, words, 4, 32 + piece));
}

/* The victim's answer: its kind, and the first words. */
static uint32_t answer(struct shm_raw *raw, uint64_t words[2])
{
    static unsigned char record[SHM_RING_RECORD_MAX];
    uint32_t kind = 0;
    size_t size = 0;
    bool got = false;

    NODE_UNTIL((got = shm_raw_take(raw, &kind, record, sizeof(record), &size)), SCENE_LIMIT_MS)
    scene_pump();
    SUPPORT_CHECK(got && size >= 16);
    memcpy(words, record, 16);
    return kind;
}

static void expect_end(struct shm_raw *raw, uint64_t id, int status)
{
    uint64_t words[2];

    SUPPORT_CHECK(answer(raw, words) == SHM_RECORD_END);
    SUPPORT_CHECK(words[0] == id && (int64_t)words[1] == status);
}

static void wrong_keys_and_bounds_are_refused_one_by_one(void)
{
    uint64_t key;
    uint64_t words[2];
    struct shm_raw raw;

    scene_begin();
    key = util_bytes_get64(scene.memory_at.key);
    scene_accept(&raw);
    for (uint32_t kind = SHM_RECORD_GET; kind <= SHM_RECORD_PUT; kind += SHM_RECORD_PUT - SHM_RECORD_GET) {
        size_t piece = kind == SHM_RECORD_PUT ? 100 : 0;

        ask(&raw, kind, 11, key ^ 1, scene.memory_at.address, 100, piece);
        expect_end(&raw, 11, -EACCES);
        ask(&raw, kind, 12, key, 0, 100, piece);
        expect_end(&raw, 12, -EACCES);
        ask(&raw, kind, 13, key, UINT64_MAX, 100, piece);
        expect_end(&raw, 13, -EACCES);
        ask(&raw, kind, 14, key, scene.memory_at.address + SCENE_MEMORY_SIZE - 99, 100, piece);
        expect_end(&raw, 14, -EFAULT);
        ask(&raw, kind, 15, key, scene.memory_at.address + SHM_TABLE_SIZE_MAX - 50, 100, piece);
        expect_end(&raw, 15, -EFAULT);
    }
    ask(&raw, SHM_RECORD_GET, 16, key, scene.memory_at.address, UINT64_MAX, 0);
    expect_end(&raw, 16, -EFAULT);
    ask(&raw, SHM_RECORD_PUT, 17, key, scene.memory_at.address + 1, UINT64_MAX, 100);
    ask(&raw, SHM_RECORD_PUT, 18, key, scene.memory_at.address, 0, 0);
    expect_end(&raw, 18, 0);
    SUPPORT_CHECK(bytes_are(scene.memory, 0, sizeof(scene.memory), 2));
    /* And what is right is still served. */
    ask(&raw, SHM_RECORD_GET, 19, key, scene.memory_at.address, 100, 0);
    SUPPORT_CHECK(answer(&raw, words) == SHM_RECORD_DATA && words[0] == 19 && words[1] == 100);
    SUPPORT_CHECK(scene.victim.accepted_count == 2);
    shm_raw_close(&raw);
    scene_end();
}

/* Pieces of several transfers by turns, which no honest peer sends: each is stored where it says, or nowhere. */
static void mixed_up_pieces_stay_within_bounds(void)
{
    struct util_prng prng;
    struct shm_raw raw;
    uint64_t key;

    scene_begin();
    util_prng_init(&prng, support_seed());
    key = util_bytes_get64(scene.memory_at.key);
    scene_accept(&raw);
    for (int i = 0; i < 2000 && scene.victim.accepted_count == 2; i++) {
        uint64_t piece = util_prng_below(&prng, 2000);
        uint64_t offset = util_prng_below(&prng, SCENE_MEMORY_SIZE + 5000);
        uint64_t words[4] = {1 + util_prng_below(&prng, 3), key, scene.memory_at.address + offset,
                             piece + util_prng_below(&prng, 3) * 1000};

        (void)shm_raw_send_words(&raw, SHM_RECORD_PUT, words, 4, 32 + piece);
        (void)node_pump(&scene.victim);
        (void)shm_raw_take(&raw, &(uint32_t){0}, words, sizeof(words), &(size_t){0});
    }
    SUPPORT_CHECK(scene.victim.accepted_count == 2);
    shm_raw_close(&raw);
    scene_end();
}

static void more_questions_than_allowed_cost_the_route(void)
{
    uint32_t downs;
    struct shm_raw raw;

    scene_begin();
    downs = scene.victim.downs;
    scene_accept(&raw);
    /* Each answer fills the ring, which is not emptied. */
    for (uint64_t i = 0; i <= SHM_STREAM_MAX + 1; i++)
        ask(&raw, SHM_RECORD_GET, 1 + i, util_bytes_get64(scene.memory_at.key), scene.memory_at.address,
            SCENE_MEMORY_SIZE, 0);
    scene_expect_down(&raw, downs, -EPROTO, "more questions than allowed");
    shm_raw_close(&raw);
    scene_end();
}

static void as_many_questions_as_allowed_are_answered(void)
{
    uint64_t words[2];
    struct shm_raw raw;

    scene_begin();
    scene_accept(&raw);
    for (uint64_t i = 0; i < SHM_STREAM_MAX; i++)
        ask(&raw, SHM_RECORD_GET, 1 + i, util_bytes_get64(scene.memory_at.key), scene.memory_at.address,
            SCENE_MEMORY_SIZE, 0);
    for (uint64_t i = 0; i < SHM_STREAM_MAX; i++) {
        for (uint64_t left = SCENE_MEMORY_SIZE; left > 0; left -= left < 16384 ? left : 16384) {
            SUPPORT_CHECK(answer(&raw, words) == SHM_RECORD_DATA);
            SUPPORT_CHECK(words[0] == 1 + i && words[1] == left);
        }
    }
    SUPPORT_CHECK(scene.victim.accepted_count == 2);
    shm_raw_close(&raw);
    scene_end();
}

/* The victim asks a raw peer for data, or sends it some; gives the id. */
static uint64_t victim_posts(struct shm_raw *raw, struct op *op, enum na_rma_op kind, size_t size)
{
    struct na_remote_segment there = {.address = UINT64_C(1) << SHM_TABLE_OFFSET_BITS, .key_size = 8};
    struct bench mirror = {.client_mem = scene.mem, .client_bytes = scene.memory, .size = sizeof(scene.memory)};
    uint64_t words[2];

    shm_raw_open(raw);
    shm_raw_make_gift(raw, 8); /* not to be reached but by the ring */
    shm_raw_dial(raw, scene_victim_name());
    shm_raw_say_hello(raw);
    mirror.route = scene_until_accepted();
    op_fill(op, &mirror, kind, 1000, size, &there);
    op->rma.key = scene.memory_at.key;
    SUPPORT_CHECK(na_rma_post(&op->rma) == 0);
    SUPPORT_CHECK(answer(raw, words) == (kind == NA_RMA_GET ? SHM_RECORD_GET : SHM_RECORD_PUT));
    return words[0];
}

/* An answer to the victim's transfer of 1,000 bytes that cannot be. */
struct bad_answer {
    const char *what;
    enum na_rma_op op;
    size_t op_size;
    uint32_t kind;
    size_t size;
    uint64_t second; /* word; the first is the id */
};

static const struct bad_answer bad_answers[] = {
    {"too little is left", NA_RMA_GET, 1000, SHM_RECORD_DATA, 16 + 100, 999},
    {"too much is left", NA_RMA_GET, 1000, SHM_RECORD_DATA, 16 + 100, 1001},
    {"more data than asked for", NA_RMA_GET, 1000, SHM_RECORD_DATA, 16 + 1008, 1008},
    {"more data than it says", NA_RMA_GET, 1000, SHM_RECORD_DATA, 16 + 1001, 1000},
    {"data for what is to be stored", NA_RMA_PUT, 250000, SHM_RECORD_DATA, 16 + 100, 50},
    {"stored before it was sent", NA_RMA_PUT, 250000, SHM_RECORD_END, 16, 0},
    {"refused before it was sent", NA_RMA_PUT, 250000, SHM_RECORD_END, 16, (uint64_t)-13},
    {"a status that is none", NA_RMA_PUT, 1000, SHM_RECORD_END, 16, 5},
};

static void bad_answers_end_the_transfer_with_the_route(void)
{
    scene_begin();
    for (size_t i = 0; i < sizeof(bad_answers) / sizeof(bad_answers[0]); i++) {
        const struct bad_answer *bad = &bad_answers[i];
        uint32_t downs = scene.victim.downs;
        struct shm_raw raw;
        struct op op;
        uint64_t words[2];

        words[0] = victim_posts(&raw, &op, bad->op, bad->op_size);
        words[1] = bad->second;
        SUPPORT_CHECK(shm_raw_send_words(&raw, bad->kind, words, 2, bad->size));
        scene_expect_down(&raw, downs, -EPROTO, bad->what);
        SUPPORT_CHECK(op.ends == 1 && op.error == -ECONNRESET);
        SUPPORT_CHECK(bytes_are(scene.memory, 0, sizeof(scene.memory), 2));
        shm_raw_close(&raw);
        scene_check_clean();
    }
    scene_end();
}

static void false_ends_harm_nobody_else(void)
{
    uint64_t words[2];
    struct shm_raw raw;
    struct op op;

    scene_begin();
    words[0] = victim_posts(&raw, &op, NA_RMA_GET, 1000);
    words[1] = (uint64_t)-EINVAL; /* what an honest peer would not say */
    SUPPORT_CHECK(shm_raw_send_words(&raw, SHM_RECORD_END, words, 2, 16));
    NODE_UNTIL(op.ends > 0, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(op.ends == 1 && op.error == -EINVAL);
    shm_raw_close(&raw);
    scene_check_clean();
    /* Said to be stored, and never read: a lie that only hurts the liar's caller. */
    words[0] = victim_posts(&raw, &op, NA_RMA_PUT, 1000);
    words[1] = 0;
    SUPPORT_CHECK(shm_raw_send_words(&raw, SHM_RECORD_END, words, 2, 16));
    NODE_UNTIL(op.ends > 0, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(op.ends == 1 && op.error == 0);
    shm_raw_close(&raw);
    scene_end();
}

const struct support_case shm_record_cases[] = {
    SUPPORT_CASE(bad_records_cost_the_route),
    SUPPORT_CASE(bent_rings_cost_the_route),
    SUPPORT_CASE(a_false_head_stops_only_what_goes_there),
    SUPPORT_CASE(wrong_keys_and_bounds_are_refused_one_by_one),
    SUPPORT_CASE(mixed_up_pieces_stay_within_bounds),
    SUPPORT_CASE(more_questions_than_allowed_cost_the_route),
    SUPPORT_CASE(as_many_questions_as_allowed_are_answered),
    SUPPORT_CASE(bad_answers_end_the_transfer_with_the_route),
    SUPPORT_CASE(false_ends_harm_nobody_else),
    {NULL, NULL, 0},
};
