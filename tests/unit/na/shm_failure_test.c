/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Shared memory where something runs out: each allocation in turn, descriptors, address space. Two classes are opened,
 * connected, exchange a frame and a transfer, and are closed, as far as that goes. Whatever fails is told, the rest is
 * taken back, and nothing is left: no memory, no descriptor, no mapping.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "na/na.h"
#include "tests/support/support_fds.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_maps.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_log.h"

TestSuite(shm_failure, .init = support_begin, .fini = support_end, .timeout = 120);

enum { LIMIT_MS = 5000, CONNECT_MS = 150, MEMORY_SIZE = 50000 };

struct side {
    struct na_class *na_class;
    struct na_context *context;
    struct na_mem *mem;
    struct na_route *route;
    unsigned char memory[MEMORY_SIZE];
    unsigned int ups;
    unsigned int downs;
    unsigned int frames;
};

struct play {
    struct side target;
    struct side origin;
    struct na_rma rma;
    unsigned int ends;
    int error;
};

static void on_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct side *side = arg;

    (void)route;
    cr_assert_eq(size, 1000);
    cr_assert_eq(*(const unsigned char *)data, 'f');
    side->frames++;
}

static void on_accept(void *arg, struct na_route *route)
{
    struct side *side = arg;

    cr_assert_null(side->route);
    side->route = route;
}

static void on_up(void *arg, struct na_route *route)
{
    struct side *side = arg;

    cr_assert_eq(side->route, route);
    side->ups++;
}

static void on_down(void *arg, struct na_route *route, int error)
{
    struct side *side = arg;

    cr_assert_eq(side->route, route);
    cr_assert_lt(error, 0);
    side->downs++;
    side->route = NULL;
    na_route_close(route);
}

static const struct na_upcalls upcalls = {
    .frame = on_frame, .accept = on_accept, .route_up = on_up, .route_down = on_down};

static void on_done(struct na_rma *rma, int error)
{
    struct play *play = (struct play *)(void *)((char *)rma - offsetof(struct play, rma));

    play->ends++;
    play->error = error;
}

static bool side_open(struct side *side, bool listen)
{
    struct na_config config = {.uri = "shm", .listen = listen, .connect_timeout_ms = CONNECT_MS};
    struct na_segment segment = {.base = side->memory, .size = sizeof(side->memory)};

    return na_class_open(&config, &side->na_class) == 0 &&
           na_context_open(side->na_class, 0, &upcalls, side, &side->context) == 0 &&
           na_mem_register(side->na_class, &segment, 1, NA_ACCESS_LOCAL | NA_ACCESS_REMOTE_READ, NA_MEM_HOST, 0,
                           &side->mem) == 0;
}

static void side_close(struct side *side)
{
    na_mem_deregister(side->mem);
    if (side->context != NULL)
        na_context_close(side->context, 0);
    na_class_close(side->na_class);
}

static void turn(struct play *play)
{
    cr_assert_geq(na_progress(play->target.context), 0);
    cr_assert_geq(na_progress(play->origin.context), 0);
}

/* Turns until the condition holds, but not for ever. */
#define TURNS_UNTIL(play, condition)                               \
    for (uint64_t deadline_ns_ = util_clock_deadline_ms(LIMIT_MS); \
         !(condition) && util_clock_now_ns() < deadline_ns_;)      \
    turn(play)

/* Connects: true when that went well. A refusal is told, and does not take for ever. */
static bool connects(struct play *play)
{
    struct side *origin = &play->origin;

    if (na_route_open(origin->context, na_class_address(play->target.na_class), 0, NULL, &origin->route) != 0)
        return false;
    TURNS_UNTIL(play, origin->downs == 1 || (origin->ups == 1 && play->target.route != NULL));
    cr_assert(origin->downs == 1 || origin->ups == 1);
    return origin->downs == 0;
}

static bool sends(struct play *play)
{
    struct na_frame *frame = na_frame_get(play->origin.context);

    if (frame == NULL)
        return false;
    memset(frame->data, 'f', 1000);
    frame->size = 1000;
    if (na_send(play->origin.route, frame) != 0) {
        na_frame_put(play->origin.context, frame);
        return false;
    }
    TURNS_UNTIL(play, play->target.frames == 1);
    return play->target.frames == 1;
}

static bool moves(struct play *play)
{
    struct na_remote_segment there;

    na_mem_describe(play->target.mem, 0, &there);
    play->rma = (struct na_rma){
        .op = NA_RMA_GET,
        .route = play->origin.route,
        .local = play->origin.memory,
        .local_mem = play->origin.mem,
        .size = MEMORY_SIZE,
        .remote_address = there.address,
        .key = there.key,
        .key_size = there.key_size,
        .done = on_done,
    };
    if (na_rma_post(&play->rma) != 0)
        return false;
    TURNS_UNTIL(play, play->ends == 1);
    cr_assert_eq(play->ends, 1);
    if (play->error == 0)
        cr_assert_eq(memcmp(play->origin.memory, play->target.memory, MEMORY_SIZE), 0);
    return play->error == 0;
}

/* All of it: true when nothing failed. */
static bool run(void)
{
    static struct play whole;
    struct play *play = &whole;
    bool good;

    memset(play, 0, sizeof(*play));
    memset(play->target.memory, 't', MEMORY_SIZE);
    good = side_open(&play->target, true) && side_open(&play->origin, false) && connects(play) && sends(play) &&
           moves(play);
    side_close(&play->origin);
    side_close(&play->target);
    return good;
}

/* The first run opens what stays open, such as the source of random numbers. */
static void warm_up(const char *direct)
{
    cr_assert_eq(setenv("QS_SHM_DIRECT", direct, 1), 0);
    util_log_set_level(UTIL_LOG_LEVEL_NONE);
    cr_assert(run());
}

static void each_allocation(const char *direct)
{
    uint64_t count = 0;
    uint64_t failed = 0;
    int fds;
    int maps;

    warm_up(direct);
    fds = support_fds_count();
    maps = support_maps_count("memfd:");
    for (uint64_t n = 1; n == 1 || count >= n - 1; n++) {
        bool good;

        util_alloc_fail_at(n);
        good = run();
        count = util_alloc_count();
        util_alloc_fail_at(0);
        failed += !good;
        cr_assert(good || count >= n, "it failed though each allocation succeeded");
        cr_assert_eq(support_fds_count(), fds, "after the failure of allocation %llu", (unsigned long long)n);
        cr_assert_eq(support_maps_count("memfd:"), maps);
    }
    cr_assert_gt(failed, 5);
    cr_assert(run());
}

Test(shm_failure, each_allocation_may_fail)
{
    each_allocation("on");
}

Test(shm_failure, each_allocation_may_fail_where_transfers_go_through_the_ring)
{
    each_allocation("off");
}

Test(shm_failure, descriptors_may_run_out)
{
    struct rlimit old;
    unsigned int failed = 0;
    int maps;
    int fds;

    warm_up("on");
    fds = support_fds_count();
    maps = support_maps_count("memfd:");
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (unsigned int spare = 0; spare < 40; spare++) {
        struct rlimit limit = old;
        bool good;

        limit.rlim_cur = (rlim_t)fds + spare;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        good = run();
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
        failed += !good;
        cr_assert_eq(support_fds_count(), fds, "with %u descriptors to spare", spare);
        cr_assert_eq(support_maps_count("memfd:"), maps);
    }
    cr_assert_gt(failed, 5);
    cr_assert_lt(failed, 40, "so many are not needed");
}

/* What the process has mapped, in bytes. */
static size_t address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * 4096;
}

Test(shm_failure, address_space_may_run_out)
{
    struct rlimit old;
    unsigned int failed = 0;
    int fds;
    int maps;

    if (UTIL_ASAN)
        cr_skip_test("AddressSanitizer takes all the address space there is");
    warm_up("on");
    fds = support_fds_count();
    maps = support_maps_count("memfd:");
    cr_assert_eq(getrlimit(RLIMIT_AS, &old), 0);
    for (size_t spare = 0; spare < 40U << 20; spare += 200000) {
        struct rlimit limit = old;
        bool good;

        limit.rlim_cur = address_space() + spare;
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        good = run();
        cr_assert_eq(setrlimit(RLIMIT_AS, &old), 0);
        failed += !good;
        cr_assert_eq(support_fds_count(), fds, "with %zu bytes to spare", spare);
        cr_assert_eq(support_maps_count("memfd:"), maps);
    }
    cr_assert_gt(failed, 5);
    cr_assert(run());
}
