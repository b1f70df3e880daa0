/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Transfers over the scripted transport. The origin and the local side are two owners on one fake,
 * so that the origin's descriptor becomes a remote handle, and its memory is reached by key.
 */
#include "bulk/bulk_transfer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk/bulk_wire.h"
#include "tests/support/fake_na.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

#define BYTES 4096U
#define LANES 6U

static struct fake_na fake;
static struct bulk_owner local_owner;
static struct bulk_owner origin_owner;
static struct util_pool pieces;
static struct bulk_env env;
/* Of routes that are one to the transport; new transfers take the one that is chosen. */
static struct bulk_lane lanes[LANES];
static unsigned int chosen;

static unsigned char origin_bytes[BYTES];
static unsigned char local_bytes[BYTES];
static struct hg_bulk *origin; /* as its owner has it */
static struct hg_bulk *remote; /* as we decode it */
static struct hg_bulk *local;

/* A transfer with what its end said. */
struct ending {
    struct bulk_transfer transfer;
    unsigned int count;
    int error;
    unsigned int turn; /* na_progress turns before it */
};

static unsigned int turns;

static void set_up(void)
{
    support_begin();
    fake_na_init(&fake);
    bulk_owner_init(&local_owner, fake.na_class, NULL);
    bulk_owner_init(&origin_owner, fake.na_class, NULL);
    turns = 0;
}

static void set_env(size_t chunk, uint32_t depth, size_t piece_max)
{
    fake.limits.rma_chunk = chunk;
    fake.limits.rma_depth = depth;
    util_pool_init(&pieces, bulk_env_piece_size(), 8, piece_max);
    bulk_env_init(&env, &fake.limits, &pieces);
    for (unsigned int i = 0; i < LANES; i++)
        bulk_lane_init(&lanes[i]);
    chosen = 0;
}

static void tear_down(void)
{
    bulk_env_fini(&env);
    util_pool_fini(&pieces);
    bulk_handle_unref(local);
    bulk_handle_unref(remote);
    bulk_handle_unref(origin);
    bulk_owner_fini(&local_owner);
    bulk_owner_fini(&origin_owner);
    fake_na_fini(&fake);
    support_end();
}

TestSuite(bulk_transfer, .init = set_up, .fini = tear_down);

static void fill(unsigned char *bytes, unsigned int seed)
{
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static struct hg_bulk *cut(struct bulk_owner *owner, unsigned char *bytes, uint32_t count, const uint64_t *sizes,
                           unsigned int access)
{
    void *bases[64];
    struct bulk_handle_args args = {
        .owner = owner,
        .count = count,
        .bases = bases,
        .sizes = sizes,
        .access = access,
    };
    struct hg_bulk *handle;

    for (uint32_t i = 0; i < count; i++) {
        bases[i] = bytes;
        bytes += sizes[i];
    }
    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    return handle;
}

static struct hg_bulk *describe(struct hg_bulk *handle, size_t data_max)
{
    static uint8_t bytes[16384];
    struct hg_bulk *decoded;
    size_t used;

    cr_assert_eq(bulk_wire_encode(handle, data_max, bytes, sizeof(bytes), &used), 0);
    cr_assert_eq(bulk_wire_decode(&local_owner, bytes, used, NULL, &decoded, NULL), 0);
    return decoded;
}

/* Both sides as one segment of BYTES, readable and writable. */
static void set_handles(void)
{
    uint64_t size = BYTES;

    fill(origin_bytes, 1);
    fill(local_bytes, 2);
    origin = cut(&origin_owner, origin_bytes, 1, &size, BULK_ACCESS_ALL);
    remote = describe(origin, 0);
    local = cut(&local_owner, local_bytes, 1, &size, BULK_ACCESS_ALL);
}

static void note_end(struct bulk_transfer *transfer, int error)
{
    struct ending *ending = util_container_of(transfer, struct ending, transfer);

    ending->count++;
    ending->error = error;
    ending->turn = turns;
}

static struct bulk_transfer_args args_of(enum bulk_op op, uint64_t size)
{
    return (struct bulk_transfer_args){
        .op = op,
        .origin = remote,
        .local = local,
        .size = size,
        .route = fake.route,
        .lane = &lanes[chosen],
        .done = note_end,
    };
}

/* Turns until nothing is left, at most `max` of them. */
static void run(unsigned int max)
{
    for (unsigned int i = 0; i < max && !bulk_env_idle(&env); i++) {
        turns++;
        (void)na_progress(fake.context);
        (void)bulk_env_resume(&env);
    }
    cr_assert(bulk_env_idle(&env), "still not over after %u turns", max);
    cr_assert_eq(util_pool_in_use(&pieces), 0);
    for (unsigned int i = 0; i < LANES; i++)
        cr_assert(lanes[i].bytes == 0 && lanes[i].pieces == 0 && util_list_empty(&lanes[i].waiting));
}

/* The lanes go with their route. */
static void lose_route(void)
{
    bulk_env_fail_route(&env, fake.route, -ECONNRESET);
    for (unsigned int i = 0; i < LANES; i++) {
        cr_assert(util_list_empty(&lanes[i].waiting));
        memset(&lanes[i], 0xa5, sizeof(lanes[i]));
        bulk_lane_init(&lanes[i]);
    }
}

static void start(struct ending *ending, enum bulk_op op, uint64_t size)
{
    struct bulk_transfer_args args = args_of(op, size);
    unsigned int before = ending->count;

    cr_assert_eq(bulk_transfer_start(&env, &ending->transfer, &args), 0);
    cr_assert_eq(ending->count, before, "never inside start");
}

Test(bulk_transfer, pull_moves_the_bytes_in_pieces_of_the_chunk_size)
{
    struct ending ending = {.count = 0};

    set_env(1000, 2, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, BYTES);
    cr_assert_eq(fake.in_flight, 2);
    run(10);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, origin_bytes, BYTES);
    cr_assert_eq(fake.posts, 5);
    cr_assert_eq(fake.size_max, 1000);
    cr_assert_eq(fake.in_flight_max, 2);
    cr_assert_eq(env.counters.bytes, BYTES);
    cr_assert_eq(ending.transfer.moved, BYTES);
}

Test(bulk_transfer, push_with_offsets_touches_nothing_else)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;
    unsigned char expected[BYTES];

    set_env(64, 4, 0);
    set_handles();
    args = args_of(BULK_OP_PUSH, 500);
    args.origin_offset = 100;
    args.local_offset = 33;
    memcpy(expected, origin_bytes, BYTES);
    memcpy(expected + 100, local_bytes + 33, 500);
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    run(20);
    cr_assert_arr_eq(origin_bytes, expected, BYTES);
}

Test(bulk_transfer, pieces_are_never_larger_than_the_transport_allows)
{
    struct ending ending = {.count = 0};

    fake.limits.rma_max = 100;
    set_env(1000, 2, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, BYTES);
    run(100);
    cr_assert_eq(fake.size_max, 100);
    cr_assert_arr_eq(local_bytes, origin_bytes, BYTES);
}

Test(bulk_transfer, permissions_and_ranges_are_checked_before_anything_is_posted)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;
    uint64_t size = BYTES;
    struct hg_bulk *read_only;

    set_env(1000, 2, 0);
    set_handles();
    args = args_of(BULK_OP_PULL, BYTES);
    args.origin_offset = 1;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EINVAL);
    args.origin_offset = UINT64_MAX;
    args.size = 2;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EINVAL);
    args.origin_offset = 0;
    args.local_offset = BYTES;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EINVAL);
    args = args_of(BULK_OP_PULL, BYTES);
    args.local = remote;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EINVAL);
    args = args_of(BULK_OP_PULL, BYTES);
    args.route = NULL;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EINVAL);

    read_only = cut(&local_owner, local_bytes, 1, &size, BULK_ACCESS_READ);
    args = args_of(BULK_OP_PULL, BYTES);
    args.local = read_only;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EACCES);
    args.op = BULK_OP_PUSH;
    args.origin = read_only;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -EACCES);
    bulk_handle_unref(read_only);
    cr_assert_eq(fake.posts, 0);
    cr_assert_eq(ending.count, 0);
    cr_assert(bulk_env_idle(&env));
}

Test(bulk_transfer, size_zero_ends_well_in_the_next_resume)
{
    struct ending ending = {.count = 0};

    set_env(1000, 2, 0);
    set_handles();
    start(&ending, BULK_OP_PUSH, 0);
    cr_assert(bulk_env_ready(&env));
    cr_assert_eq(bulk_env_resume(&env), 1);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_eq(fake.posts, 0);
}

Test(bulk_transfer, own_memory_is_copied_without_the_transport)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;

    set_env(1000, 2, 0);
    set_handles();
    args = args_of(BULK_OP_PULL, BYTES - 10);
    args.origin = origin;
    args.origin_offset = 10;
    args.route = NULL;
    cr_assert_not(bulk_transfer_needs_route(BULK_OP_PULL, origin));
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    cr_assert_eq(ending.count, 0);
    cr_assert_arr_eq(local_bytes, origin_bytes + 10, BYTES - 10);
    run(1);
    cr_assert(ending.count == 1 && ending.error == 0);
    args.op = BULK_OP_PUSH;
    fill(local_bytes, 77);
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    cr_assert_arr_eq(local_bytes, origin_bytes + 10, BYTES - 10);
    run(1);
    cr_assert_eq(fake.posts, 0);
}

Test(bulk_transfer, data_that_came_along_is_copied)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;
    uint64_t sizes[] = {100, 0, 300};

    set_env(1000, 2, 0);
    fill(origin_bytes, 1);
    origin = cut(&origin_owner, origin_bytes, 3, sizes, BULK_ACCESS_READ);
    remote = describe(origin, 400);
    local = cut(&local_owner, local_bytes, 1, (uint64_t[]){BYTES}, BULK_ACCESS_WRITE);
    args = args_of(BULK_OP_PULL, 350);
    args.origin_offset = 50;
    args.route = NULL;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    run(1);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, origin_bytes + 50, 350);
    cr_assert_eq(fake.posts, 0);
}

Test(bulk_transfer, refusals_are_waited_out)
{
    struct ending ending = {.count = 0};

    set_env(100, 3, 0);
    set_handles();
    fake.refuse_posts = 50;
    start(&ending, BULK_OP_PULL, BYTES);
    cr_assert_eq(fake.in_flight, 0);
    run(200);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, origin_bytes, BYTES);
    cr_assert_eq(env.counters.refused, 50);
}

Test(bulk_transfer, a_lane_in_which_nothing_has_moved_for_a_while_stands)
{
    const uint64_t still = BULK_LANE_STILL_NS;
    struct ending first = {.count = 0};
    struct ending second = {.count = 0};
    uint64_t now = 1000;

    set_env(1000, 2, 0);
    set_handles();
    cr_assert_not(bulk_lane_stands(&lanes[0], now), "nothing is under way");
    start(&first, BULK_OP_PULL, BYTES);
    start(&second, BULK_OP_PULL, BYTES);
    now += 10 * still;
    cr_assert_not(bulk_lane_stands(&lanes[0], now), "it has just begun");
    cr_assert_not(bulk_lane_stands(&lanes[0], now + still - 1), "asked twice at short notice");
    cr_assert(bulk_lane_stands(&lanes[0], now + still));
    cr_assert_not(bulk_lane_stands(&lanes[1], now + still), "another route");
    fake.turn_max = 1;
    fake.order = FAKE_NA_ORDER_LIFO;
    (void)na_progress(fake.context);
    now += still;
    cr_assert_not(bulk_lane_stands(&lanes[0], now), "a piece has moved, whosever it is");
    cr_assert(bulk_lane_stands(&lanes[0], now + still));
    run(20);
    cr_assert_not(bulk_lane_stands(&lanes[0], now + 2 * still));
    /* What begins later is not told from what was seen before. */
    start(&first, BULK_OP_PULL, BYTES);
    cr_assert_not(bulk_lane_stands(&lanes[0], now + 4 * still));
    run(20);
}

Test(bulk_transfer, first_error_wins_and_waits_for_the_pieces_in_flight)
{
    struct ending ending = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    fake.fail_done = -EIO;
    fake.fail_done_after = 5;
    fake.turn_max = 1;
    start(&ending, BULK_OP_PULL, BYTES);
    while (fake.fail_done != 0)
        (void)na_progress(fake.context);
    cr_assert_eq(fake.in_flight, 3, "nothing is posted any more");
    cr_assert_eq(ending.count, 0);
    fake.fail_done = -EFAULT;
    fake.fail_done_after = 0;
    run(5);
    cr_assert(ending.count == 1 && ending.error == -EIO);
    cr_assert_eq(fake.posts, 9);
}

Test(bulk_transfer, a_post_that_fails_at_once_takes_nothing)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;

    set_env(100, 4, 0);
    set_handles();
    fake.fail_post = -ENETDOWN;
    args = args_of(BULK_OP_PULL, BYTES);
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -ENETDOWN);
    cr_assert(bulk_env_idle(&env));
    cr_assert_eq(util_pool_in_use(&pieces), 0);
    cr_assert_not(bulk_transfer_active(&ending.transfer));
}

Test(bulk_transfer, a_post_that_fails_later_is_told_by_done)
{
    for (unsigned int after = 1; after < 12; after++) {
        struct ending ending = {.count = 0};

        if (after == 1) {
            set_env(100, 4, 0);
            set_handles();
        }
        fake.fail_post = -ENETDOWN;
        fake.fail_post_after = after;
        start(&ending, BULK_OP_PULL, BYTES);
        run(50);
        cr_assert(ending.count == 1 && ending.error == -ENETDOWN);
    }
}

Test(bulk_transfer, cancel_ends_once_after_the_last_piece)
{
    struct ending ending = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, BYTES);
    bulk_transfer_cancel(&ending.transfer);
    cr_assert_eq(ending.count, 0, "never inside cancel");
    cr_assert_eq(fake.cancels, 4);
    bulk_transfer_cancel(&ending.transfer);
    run(5);
    cr_assert(ending.count == 1 && ending.error == -ECANCELED);
    cr_assert_eq(fake.posts, 4);
    bulk_transfer_cancel(&ending.transfer);
    cr_assert_eq(bulk_env_resume(&env), 0);
    cr_assert_eq(ending.count, 1, "a late cancel does nothing");
}

Test(bulk_transfer, cancel_is_kept_where_the_transport_is_deaf_to_it)
{
    struct ending ending = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    fake.deaf_to_cancel = true;
    start(&ending, BULK_OP_PULL, BYTES);
    bulk_transfer_cancel(&ending.transfer);
    run(5);
    cr_assert(ending.count == 1 && ending.error == -ECANCELED);
}

Test(bulk_transfer, cancel_of_a_blocked_one_ends_in_resume)
{
    struct ending ending = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    fake.refuse_posts = 1;
    start(&ending, BULK_OP_PULL, BYTES);
    cr_assert_eq(env.blocked_count, 1);
    bulk_transfer_cancel(&ending.transfer);
    cr_assert_eq(env.blocked_count, 0);
    cr_assert_eq(ending.count, 0);
    cr_assert_eq(bulk_env_resume(&env), 1);
    cr_assert(ending.count == 1 && ending.error == -ECANCELED);
    cr_assert_eq(fake.posts, 0);
}

Test(bulk_transfer, a_copy_that_is_done_keeps_its_success_when_cancelled)
{
    struct ending ending = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, 0);
    bulk_transfer_cancel(&ending.transfer);
    run(1);
    cr_assert(ending.count == 1 && ending.error == 0);
}

Test(bulk_transfer, a_route_that_goes_takes_its_transfers_with_it)
{
    struct ending in_flight = {.count = 0};
    struct ending blocked = {.count = 0};

    set_env(100, 4, 0);
    set_handles();
    start(&in_flight, BULK_OP_PULL, BYTES);
    fake.refuse_posts = 1;
    start(&blocked, BULK_OP_PULL, BYTES);
    lose_route();
    cr_assert_eq(in_flight.count + blocked.count, 0);
    run(5);
    cr_assert(in_flight.count == 1 && in_flight.error == -ECONNRESET);
    cr_assert(blocked.count == 1 && blocked.error == -ECONNRESET);
    cr_assert_eq(fake.posts, 4);
}

Test(bulk_transfer, a_revoked_origin_is_an_error_of_the_transfer)
{
    struct ending ending = {.count = 0};

    set_env(1000, 2, 0);
    set_handles();
    bulk_handle_unref(origin);
    origin = NULL;
    start(&ending, BULK_OP_PULL, BYTES);
    run(5);
    cr_assert(ending.count == 1 && ending.error == -EACCES);
}

Test(bulk_transfer, handles_are_held_until_the_end)
{
    struct ending ending = {.count = 0};

    set_env(1000, 2, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, BYTES);
    bulk_handle_unref(local);
    bulk_handle_unref(remote);
    local = NULL;
    remote = NULL;
    run(10);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, origin_bytes, BYTES);
    cr_assert_eq(fake.registered, 1, "the origin's own");
}

Test(bulk_transfer, serials_find_only_what_is_not_over)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;

    set_env(1000, 2, 0);
    set_handles();
    args = args_of(BULK_OP_PULL, BYTES);
    args.serial = 99;
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    cr_assert_eq(bulk_env_find(&env, 99), &ending.transfer);
    cr_assert_null(bulk_env_find(&env, 98));
    run(10);
    cr_assert_null(bulk_env_find(&env, 99));
}

Test(bulk_transfer, a_small_pool_is_shared_and_starves_nobody)
{
    struct ending endings[6] = {{.count = 0}};
    unsigned int first = UINT32_MAX;
    unsigned int last = 0;

    set_env(64, 8, 3);
    set_handles();
    for (chosen = 0; chosen < 6; chosen++)
        start(&endings[chosen], BULK_OP_PULL, BYTES);
    cr_assert_eq(fake.in_flight, 3);
    run(500);
    for (unsigned int i = 0; i < 6; i++) {
        cr_assert(endings[i].count == 1 && endings[i].error == 0);
        first = endings[i].turn < first ? endings[i].turn : first;
        last = endings[i].turn > last ? endings[i].turn : last;
    }
    cr_assert_eq(fake.in_flight_max, 3);
    cr_assert_leq(last - first, 12, "equal transfers end together: turns %u to %u", first, last);
}

Test(bulk_transfer, a_full_lane_is_shared_and_starves_nobody)
{
    struct ending endings[6] = {{.count = 0}};
    unsigned int first = UINT32_MAX;
    unsigned int last = 0;

    fake.limits.rma_count = 33; /* 25 are shared, of which one route has a quarter of the other 20 */
    set_env(64, 4, 0);
    set_handles();
    for (unsigned int i = 0; i < 6; i++)
        start(&endings[i], BULK_OP_PULL, BYTES);
    cr_assert_eq(fake.in_flight, 5);
    cr_assert_eq(env.blocked_count, 0, "it is not the transport that refuses");
    run(500);
    for (unsigned int i = 0; i < 6; i++) {
        cr_assert(endings[i].count == 1 && endings[i].error == 0);
        first = endings[i].turn < first ? endings[i].turn : first;
        last = endings[i].turn > last ? endings[i].turn : last;
    }
    cr_assert_eq(fake.in_flight_max, 5);
    cr_assert_leq(last - first, 12, "equal transfers end together: turns %u to %u", first, last);
    cr_assert_arr_eq(local_bytes, origin_bytes, BYTES);
}

Test(bulk_transfer, bytes_in_a_lane_are_bounded_whatever_the_pieces)
{
    struct ending large = {.count = 0};
    struct ending small[20] = {{.count = 0}};

    fake.limits.rma_route_bytes = 2500;
    set_env(1000, 4, 0);
    set_handles();
    start(&large, BULK_OP_PULL, BYTES);
    cr_assert_eq(fake.in_flight, 3, "the last one may be in part above");
    for (unsigned int i = 0; i < 20; i++)
        start(&small[i], BULK_OP_PULL, 100);
    cr_assert_eq(fake.in_flight, 3);
    fake.turn_max = 1;
    (void)na_progress(fake.context);
    cr_assert_eq(fake.in_flight, 3, "the first one had found it full first");
    (void)na_progress(fake.context);
    cr_assert_eq(fake.in_flight, 2 + 5, "then as many of the others as have room");
    run(100);
    cr_assert(large.count == 1 && large.error == 0);
    for (unsigned int i = 0; i < 20; i++)
        cr_assert(small[i].count == 1 && small[i].error == 0);
}

/* Each of them takes less than those before, and there is always some left. */
Test(bulk_transfer, peers_that_stand_still_leave_room_for_the_others)
{
    struct ending stuck[LANES][8] = {{{.count = 0}}};
    unsigned int expected[LANES] = {15, 12, 9, 8, 6, 5};
    struct ending other = {.count = 0};
    struct bulk_transfer_args args;
    struct bulk_lane other_lane;
    struct fake_na far;

    fake_na_init(&far);
    bulk_lane_init(&other_lane);
    set_env(10, 4, 100); /* 75 are shared */
    set_handles();
    for (chosen = 0; chosen < LANES; chosen++) {
        for (unsigned int i = 0; i < 8; i++)
            start(&stuck[chosen][i], BULK_OP_PULL, 100);
        cr_assert_eq(lanes[chosen].pieces, expected[chosen]);
    }
    args = args_of(BULK_OP_PULL, BYTES);
    args.route = far.route;
    args.lane = &other_lane;
    cr_assert_eq(bulk_transfer_start(&env, &other.transfer, &args), 0);
    cr_assert_eq(far.in_flight, 4, "a transfer has its full depth");
    for (unsigned int i = 0; i < 200 && other.count == 0; i++) {
        (void)na_progress(far.context);
        (void)bulk_env_resume(&env);
    }
    cr_assert(other.count == 1 && other.error == 0, "it waits for peers that it has nothing to do with");
    cr_assert_eq(fake.in_flight, 55);
    run(200);
    fake_na_fini(&far);
}

Test(bulk_transfer, cancel_of_those_that_wait_for_a_lane_ends_in_resume)
{
    struct ending first = {.count = 0};
    struct ending waits[3] = {{.count = 0}};

    fake.limits.rma_count = 12;
    set_env(1000, 2, 0);
    set_handles();
    start(&first, BULK_OP_PULL, BYTES);
    for (unsigned int i = 0; i < 3; i++)
        start(&waits[i], BULK_OP_PULL, BYTES);
    bulk_transfer_cancel(&waits[1].transfer);
    cr_assert_eq(waits[1].count, 0, "never inside cancel");
    cr_assert_eq(bulk_env_resume(&env), 1);
    cr_assert(waits[1].count == 1 && waits[1].error == -ECANCELED);
    bulk_transfer_cancel(&first.transfer);
    run(20);
    cr_assert(first.count == 1 && first.error == -ECANCELED);
    for (unsigned int i = 0; i < 3; i += 2)
        cr_assert(waits[i].count == 1 && waits[i].error == 0, "the room of those that ended is used");
}

/* Refused by the transport when its turn has come: it waits as any other that is refused. */
Test(bulk_transfer, who_leaves_a_lane_can_be_refused)
{
    struct ending endings[4] = {{.count = 0}};

    fake.limits.rma_count = 5;
    set_env(1000, 2, 0);
    set_handles();
    for (unsigned int i = 0; i < 4; i++)
        start(&endings[i], BULK_OP_PULL, BYTES);
    fake.refuse_posts = 5;
    (void)na_progress(fake.context);
    cr_assert_eq(fake.in_flight, 0);
    cr_assert_eq(env.blocked_count, 4);
    bulk_transfer_cancel(&endings[1].transfer);
    run(100);
    for (unsigned int i = 0; i < 4; i++)
        cr_assert(endings[i].count == 1 && endings[i].error == (i == 1 ? -ECANCELED : 0));
    cr_assert_eq(fake.in_flight_max, 1);
}

Test(bulk_transfer, a_post_that_fails_in_a_lane_leaves_its_room_to_the_next)
{
    struct ending endings[4] = {{.count = 0}};

    fake.limits.rma_count = 5;
    set_env(1000, 2, 0);
    set_handles();
    for (unsigned int i = 0; i < 4; i++)
        start(&endings[i], BULK_OP_PULL, 1000);
    fake.fail_post = -ENETDOWN;
    run(20);
    cr_assert_eq(endings[1].error, -ENETDOWN);
    for (unsigned int i = 0; i < 4; i++)
        cr_assert(endings[i].count == 1 && endings[i].error == (i == 1 ? -ENETDOWN : 0));
}

Test(bulk_transfer, a_route_that_goes_takes_those_that_wait_for_it)
{
    struct ending endings[3] = {{.count = 0}};

    fake.limits.rma_count = 12;
    set_env(1000, 2, 0);
    set_handles();
    for (unsigned int i = 0; i < 3; i++)
        start(&endings[i], BULK_OP_PULL, BYTES);
    lose_route();
    run(5);
    for (unsigned int i = 0; i < 3; i++)
        cr_assert(endings[i].count == 1 && endings[i].error == -ECONNRESET);
}

Test(bulk_transfer, without_memory_for_a_piece_start_fails)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;

    set_env(64, 8, 0);
    set_handles();
    args = args_of(BULK_OP_PULL, BYTES);
    util_alloc_fail_at(1);
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), -ENOMEM);
    util_alloc_fail_at(0);
    cr_assert(bulk_env_idle(&env));
}

Test(bulk_transfer, a_transfer_allocates_nothing_once_the_pool_is_warm)
{
    struct ending ending = {.count = 0};

    set_env(64, 8, 0);
    set_handles();
    start(&ending, BULK_OP_PULL, BYTES);
    run(100);
    util_alloc_fail_at(UINT64_MAX);
    start(&ending, BULK_OP_PUSH, BYTES);
    run(100);
    cr_assert_eq(util_alloc_count(), 0);
}

/* Starts itself again from done, as a chain of chunks would. */
static unsigned int chain_left;

static void chain_next(struct bulk_transfer *transfer, int error)
{
    struct bulk_transfer_args args = args_of(BULK_OP_PULL, chain_left % 2 == 0 ? 100 : 0);

    cr_assert_eq(error, 0);
    if (chain_left-- == 0)
        return;
    args.done = chain_next;
    cr_assert_eq(bulk_transfer_start(&env, transfer, &args), 0);
}

Test(bulk_transfer, done_may_start_the_same_transfer_again)
{
    struct bulk_transfer transfer = {.serial = 0};

    set_env(64, 8, 0);
    set_handles();
    chain_left = 10;
    chain_next(&transfer, 0);
    run(100);
    cr_assert_eq(env.counters.ended, 10);
}

static void free_transfer(struct bulk_transfer *transfer, int error)
{
    cr_assert_eq(error, 0);
    free(transfer);
}

Test(bulk_transfer, done_may_free_the_transfer)
{
    struct bulk_transfer_args args;

    set_env(64, 2, 0);
    set_handles();
    for (unsigned int i = 0; i < 4; i++) {
        struct bulk_transfer *transfer = calloc(1, sizeof(*transfer));

        args = args_of(BULK_OP_PULL, i % 2 == 0 ? 500 : 0);
        args.done = free_transfer;
        cr_assert_eq(bulk_transfer_start(&env, transfer, &args), 0);
    }
    run(100);
}

Test(bulk_transfer, a_descriptor_and_a_buffer_are_enough)
{
    struct ending ending = {.count = 0};
    uint8_t bytes[48];
    struct bulk_transfer_descriptor_args args = {
        .op = BULK_OP_PULL,
        .owner = &local_owner,
        .descriptor = bytes,
        .descriptor_size = sizeof(bytes),
        .buf = local_bytes,
        .size = 1000,
        .route = fake.route,
        .lane = &lanes[chosen],
        .done = note_end,
    };

    set_env(300, 2, 0);
    set_handles();
    cr_assert_eq(bulk_wire_encode(origin, 0, bytes, sizeof(bytes), NULL), 0);
    cr_assert_eq(bulk_transfer_start_descriptor(&env, &ending.transfer, &args), 0);
    cr_assert_eq(fake.last_access, NA_ACCESS_LOCAL);
    memset(bytes, 0, sizeof(bytes));
    run(10);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, origin_bytes, 1000);
    cr_assert_eq(bulk_owner_handle_count(&local_owner), 2, "its handles went with it");

    cr_assert_eq(bulk_transfer_start_descriptor(&env, &ending.transfer, &args), -EPROTO);
    cr_assert_eq(bulk_wire_encode(origin, 0, bytes, sizeof(bytes), NULL), 0);
    args.size = BYTES + 1;
    cr_assert_eq(bulk_transfer_start_descriptor(&env, &ending.transfer, &args), -EINVAL);
    cr_assert_eq(bulk_owner_handle_count(&local_owner), 2);
}

/* --- everything at once -------------------------------------------------------------------------- */

/* Cuts BYTES into at most 64 random segments. */
static uint32_t random_cut(struct util_prng *prng, uint64_t sizes[64])
{
    uint64_t left = BYTES;
    uint32_t count = 0;

    while (left > 0 && count < 63) {
        sizes[count] = util_prng_below(prng, 4) == 0 ? 0 : 1 + util_prng_below(prng, 300);
        sizes[count] = sizes[count] > left ? left : sizes[count];
        left -= sizes[count++];
    }
    sizes[count++] = left;
    return count;
}

static void random_script(struct util_prng *prng)
{
    fake.order = (enum fake_na_order)util_prng_below(prng, 3);
    fake.refuse_percent = (unsigned int)util_prng_below(prng, 80);
    fake.slots = (unsigned int)util_prng_below(prng, 4);
    fake.turn_max = (unsigned int)util_prng_below(prng, 4);
    fake.limits.rma_count = (uint32_t)util_prng_below(prng, 20);
    fake.limits.rma_route_bytes = (size_t)util_prng_below(prng, 3) * 600;
    fake.key_size = util_prng_below(prng, 2) == 0 ? 8 : 33;
}

/* One transfer over random lists through a badly behaved transport, against memcpy. */
static void random_transfer(struct util_prng *prng)
{
    struct ending ending = {.count = 0};
    struct bulk_transfer_args args;
    uint64_t sizes[64];
    unsigned char expected_origin[BYTES];
    unsigned char expected_local[BYTES];
    uint32_t count;

    fill(origin_bytes, (unsigned int)util_prng_next(prng));
    fill(local_bytes, (unsigned int)util_prng_next(prng));
    count = random_cut(prng, sizes);
    origin = cut(&origin_owner, origin_bytes, count, sizes, BULK_ACCESS_ALL);
    remote = describe(origin, 0);
    count = random_cut(prng, sizes);
    local = cut(&local_owner, local_bytes, count, sizes, BULK_ACCESS_ALL);

    args = args_of(util_prng_below(prng, 2) == 0 ? BULK_OP_PULL : BULK_OP_PUSH, 0);
    args.origin_offset = util_prng_below(prng, BYTES);
    args.local_offset = util_prng_below(prng, BYTES);
    args.size = BYTES - (args.origin_offset > args.local_offset ? args.origin_offset : args.local_offset);
    args.size = util_prng_below(prng, args.size + 1);
    memcpy(expected_origin, origin_bytes, BYTES);
    memcpy(expected_local, local_bytes, BYTES);
    if (args.op == BULK_OP_PULL)
        memcpy(expected_local + args.local_offset, origin_bytes + args.origin_offset, args.size);
    else
        memcpy(expected_origin + args.origin_offset, local_bytes + args.local_offset, args.size);
    cr_assert_eq(bulk_transfer_start(&env, &ending.transfer, &args), 0);
    run(20000);
    cr_assert(ending.count == 1 && ending.error == 0);
    cr_assert_arr_eq(local_bytes, expected_local, BYTES);
    cr_assert_arr_eq(origin_bytes, expected_origin, BYTES);
    bulk_handle_unref(local);
    bulk_handle_unref(remote);
    bulk_handle_unref(origin);
    local = remote = origin = NULL;
}

Test(bulk_transfer, any_lists_over_any_transport_move_exactly_the_range)
{
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    util_prng_init(&fake.prng, support_seed());
    for (unsigned int round = 0; round < 300; round++) {
        random_script(&prng);
        set_env(1 + (size_t)util_prng_below(&prng, 500), 1 + (uint32_t)util_prng_below(&prng, 6),
                1 + (size_t)util_prng_below(&prng, 8));
        random_transfer(&prng);
        bulk_env_fini(&env);
        util_pool_fini(&pieces);
    }
    set_env(1, 1, 1);
}

/* Many transfers that fail, are cancelled and refused at random: each ends exactly once, and
 * nothing is left over. */
Test(bulk_transfer, storms_end_every_transfer_once)
{
    struct ending endings[32];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    util_prng_init(&fake.prng, support_seed());
    set_env(100, 3, 7);
    set_handles();
    for (unsigned int round = 0; round < 200; round++) {
        unsigned int expected = 0;

        memset(endings, 0, sizeof(endings));
        random_script(&prng);
        env.ways[0].pieces_max = 1 + (uint32_t)util_prng_below(&prng, 30);
        env.ways[0].lane_bytes = 1 + (size_t)util_prng_below(&prng, 900);
        for (unsigned int i = 0; i < 32; i++) {
            struct bulk_transfer_args args =
                args_of(util_prng_below(&prng, 2) == 0 ? BULK_OP_PULL : BULK_OP_PUSH, util_prng_below(&prng, BYTES));
            unsigned int dice = (unsigned int)util_prng_below(&prng, 8);

            args.lane = &lanes[i % LANES];
            if (dice == 0) {
                fake.fail_post = -ENETDOWN;
                fake.fail_post_after = (unsigned int)util_prng_below(&prng, 20);
            } else if (dice == 1) {
                fake.fail_done = -EIO;
                fake.fail_done_after = (unsigned int)util_prng_below(&prng, 20);
            } else if (dice == 2) {
                (void)na_progress(fake.context);
                (void)bulk_env_resume(&env);
            }
            if (bulk_transfer_start(&env, &endings[i].transfer, &args) == 0)
                expected |= 1U << i;
            if (dice == 3)
                bulk_transfer_cancel(&endings[i / 2].transfer);
            if (dice == 4 && round % 10 == 0)
                lose_route();
        }
        if (round % 7 == 0)
            bulk_env_cancel_all(&env);
        run(20000);
        for (unsigned int i = 0; i < 32; i++)
            cr_assert_eq(endings[i].count, expected >> i & 1U);
        fake.fail_post = 0;
        fake.fail_done = 0;
    }
    cr_assert_eq(env.counters.started, env.counters.ended);
}
