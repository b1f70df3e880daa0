/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The public HG_Bulk_* calls over real transports: two classes in one process, one thread that
 * makes progress on both. Each test runs over tcp and over shm.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "mercury.h"
#include "mercury_bulk.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_log.h"

TestSuite(hg_bulk_api, .timeout = 120);

struct side {
    hg_class_t *hg_class;
    hg_context_t *context;
    char address[256];
};

/* What a callback was told. */
struct told {
    unsigned int count;
    hg_return_t ret;
    hg_size_t size;
    hg_bulk_op_t op;
    hg_bulk_t origin;
    hg_bulk_t local;
};

struct world {
    struct side origin; /* owns the memory */
    struct side local;  /* moves it */
    hg_addr_t addr;     /* the origin, as the local side knows it */
    struct told told;

    /* Of world_bulks: memory at each side, and the origin's descriptor, decoded at the local side. */
    hg_bulk_t theirs;
    hg_bulk_t ours;
    hg_bulk_t remote;
};

static const char *const protocols[] = {"tcp", "shm"};

static void side_open(struct side *side, const char *protocol)
{
    hg_addr_t self;
    hg_size_t size = sizeof(side->address);
    char uri[64];

    snprintf(uri, sizeof(uri), "%s%s", protocol, strcmp(protocol, "tcp") == 0 ? "://127.0.0.1" : "");
    side->hg_class = HG_Init(uri, true);
    cr_assert_not_null(side->hg_class, "%s: %s", uri, qs_error_detail());
    side->context = HG_Context_create(side->hg_class);
    cr_assert_not_null(side->context, "%s", qs_error_detail());
    cr_assert_eq(HG_Addr_self(side->hg_class, &self), HG_SUCCESS);
    cr_assert_eq(HG_Addr_to_string(side->hg_class, side->address, &size, self), HG_SUCCESS);
    cr_assert_eq(HG_Addr_free(side->hg_class, self), HG_SUCCESS);
}

static void side_close(struct side *side)
{
    cr_assert_eq(HG_Context_destroy(side->context), HG_SUCCESS, "%s", qs_error_detail());
    cr_assert_eq(HG_Finalize(side->hg_class), HG_SUCCESS, "%s", qs_error_detail());
}

static void world_open(struct world *world, const char *protocol)
{
    support_begin();
    memset(world, 0, sizeof(*world));
    side_open(&world->origin, protocol);
    side_open(&world->local, protocol);
    cr_assert_eq(HG_Addr_lookup2(world->local.hg_class, world->origin.address, &world->addr), HG_SUCCESS, "%s",
                 qs_error_detail());
}

static void world_close(struct world *world)
{
    cr_assert_eq(HG_Addr_free(world->local.hg_class, world->addr), HG_SUCCESS);
    side_close(&world->local);
    side_close(&world->origin);
    support_end();
}

static void side_turn(struct side *side)
{
    unsigned int count;

    (void)HG_Progress(side->context, 0);
    while (HG_Trigger(side->context, 0, 16, &count) == HG_SUCCESS && count > 0)
        continue;
}

/* Until `count` callbacks have come. */
static void run(struct world *world, unsigned int count)
{
    uint64_t limit = util_clock_now_ns() + 60 * UTIL_CLOCK_NS_PER_S;

    while (world->told.count < count && util_clock_now_ns() < limit) {
        side_turn(&world->local);
        side_turn(&world->origin);
    }
    cr_assert_eq(world->told.count, count, "the callback did not come");
}

static hg_return_t note(const struct hg_cb_info *info)
{
    struct told *told = info->arg;

    cr_assert_eq(info->type, HG_CB_BULK);
    told->count++;
    told->ret = info->ret;
    told->size = info->info.bulk.size;
    told->op = info->info.bulk.op;
    told->origin = info->info.bulk.origin_handle;
    told->local = info->info.bulk.local_handle;
    return HG_SUCCESS;
}

static hg_bulk_t make(struct side *side, void *base, hg_size_t size, uint8_t flags)
{
    hg_bulk_t handle;

    cr_assert_eq(HG_Bulk_create(side->hg_class, 1, &base, &size, flags, &handle), HG_SUCCESS, "%s", qs_error_detail());
    return handle;
}

/* Sends a descriptor from one side to the other, as an RPC would. */
static hg_bulk_t hand_over(struct side *to, hg_bulk_t handle, unsigned long flags)
{
    hg_size_t size = HG_Bulk_get_serialize_size(handle, flags);
    void *buf = malloc(size);
    hg_bulk_t remote;

    cr_assert_neq(size, 0);
    cr_assert_eq(HG_Bulk_serialize(buf, size - 1, flags, handle), HG_OVERFLOW);
    cr_assert_eq(HG_Bulk_serialize(buf, size, flags, handle), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_deserialize(to->hg_class, &remote, buf, size - 1), HG_OVERFLOW);
    cr_assert_eq(HG_Bulk_deserialize(to->hg_class, &remote, buf, size), HG_SUCCESS, "%s", qs_error_detail());
    free(buf);
    return remote;
}

static void world_bulks(struct world *world, void *theirs, void *ours, size_t size, uint8_t flags)
{
    world->theirs = make(&world->origin, theirs, size, flags);
    world->ours = make(&world->local, ours, size, HG_BULK_READWRITE);
    world->remote = hand_over(&world->local, world->theirs, 0);
}

static void world_bulks_free(struct world *world)
{
    cr_assert_eq(HG_Bulk_free(world->remote), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_free(world->ours), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_free(world->theirs), HG_SUCCESS);
}

/* Moves bytes between those two. */
static hg_return_t transfer(struct world *world, hg_bulk_op_t op, hg_size_t remote_offset, hg_size_t local_offset,
                            hg_size_t size, hg_op_id_t *op_id)
{
    return HG_Bulk_transfer(world->local.context, note, &world->told, op, world->addr, world->remote, remote_offset,
                            world->ours, local_offset, size, op_id);
}

static void fill(unsigned char *bytes, size_t size, unsigned int seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 4093 + seed);
}

#define ON_EACH_PROTOCOL(name)                       \
    static void name(const char *protocol);          \
    ParameterizedTestParameters(hg_bulk_api, name)   \
    {                                                \
        static int indices[] = {0, 1};               \
        return cr_make_param_array(int, indices, 2); \
    }                                                \
    ParameterizedTest(int *index, hg_bulk_api, name) \
    {                                                \
        name(protocols[*index]);                     \
    }                                                \
    static void name(const char *protocol)

ON_EACH_PROTOCOL(pull_and_push_move_every_byte)
{
    const size_t sizes[] = {1, 1000, 65536, (1 << 20) + 17, 9 << 20};
    struct world world;

    world_open(&world, protocol);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];
        unsigned char *theirs = malloc(size);
        unsigned char *ours = malloc(size);
        const struct told *told = &world.told;
        hg_op_id_t op_id = HG_OP_ID_NULL;

        world.told.count = 0;
        world_bulks(&world, theirs, ours, size, HG_BULK_READWRITE);
        fill(theirs, size, 1);
        fill(ours, size, 2);
        cr_assert_eq(transfer(&world, HG_BULK_PULL, 0, 0, size, &op_id), HG_SUCCESS, "%s", qs_error_detail());
        cr_assert_neq(op_id, HG_OP_ID_NULL);
        cr_assert_eq(told->count, 0);
        run(&world, 1);
        cr_assert_eq(told->ret, HG_SUCCESS, "%s: %s", protocol, HG_Error_to_string(told->ret));
        cr_assert_eq(told->size, size);
        cr_assert_eq(told->op, HG_BULK_PULL);
        cr_assert(told->origin == world.remote && told->local == world.ours);
        cr_assert_eq(memcmp(ours, theirs, size), 0);

        fill(ours, size, 3);
        cr_assert_eq(transfer(&world, HG_BULK_PUSH, 0, 0, size, HG_OP_ID_IGNORE), HG_SUCCESS, "%s", qs_error_detail());
        run(&world, 2);
        cr_assert_eq(told->ret, HG_SUCCESS, "%s", HG_Error_to_string(told->ret));
        cr_assert_eq(memcmp(ours, theirs, size), 0);
        cr_assert_eq(HG_Bulk_cancel(op_id), HG_SUCCESS, "long over: harmless");
        world_bulks_free(&world);
        free(ours);
        free(theirs);
    }
    world_close(&world);
}

ON_EACH_PROTOCOL(unequal_segments_and_offsets)
{
    static unsigned char theirs[100000];
    static unsigned char ours[100000];
    static unsigned char expected[100000];
    void *origin_bases[] = {theirs, theirs + 1, theirs + 1, theirs + 40001};
    hg_size_t origin_sizes[] = {1, 0, 40000, 59999};
    void *local_bases[] = {ours, ours + 50000, ours + 50007};
    hg_size_t local_sizes[] = {50000, 7, 49993};
    struct world world;
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_bulk_t remote;

    world_open(&world, protocol);
    fill(theirs, sizeof(theirs), 1);
    fill(ours, sizeof(ours), 2);
    cr_assert_eq(HG_Bulk_create(world.origin.hg_class, 4, origin_bases, origin_sizes, HG_BULK_READ_ONLY, &origin),
                 HG_SUCCESS);
    cr_assert_eq(HG_Bulk_create(world.local.hg_class, 3, local_bases, local_sizes, HG_BULK_WRITE_ONLY, &local),
                 HG_SUCCESS);
    remote = hand_over(&world.local, origin, 0);
    cr_assert_eq(HG_Bulk_get_segment_count(remote), 4);
    cr_assert_eq(HG_Bulk_get_size(remote), 100000);
    cr_assert_eq(HG_Bulk_get_flags(remote), HG_BULK_READ_ONLY);
    memcpy(expected, ours, sizeof(ours));
    memcpy(expected + 123, theirs + 456, 90000);
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PULL, world.addr, remote, 456, local,
                                  123, 90000, HG_OP_ID_IGNORE),
                 HG_SUCCESS);
    /* All may be freed right after the submit, but the origin's registration. */
    HG_Bulk_free(remote);
    HG_Bulk_free(local);
    run(&world, 1);
    cr_assert_eq(world.told.ret, HG_SUCCESS, "%s", HG_Error_to_string(world.told.ret));
    cr_assert_eq(memcmp(ours, expected, sizeof(ours)), 0);
    HG_Bulk_free(origin);
    world_close(&world);
}

ON_EACH_PROTOCOL(small_data_rides_in_the_descriptor)
{
    char theirs[] = "the quick brown fox";
    char ours[sizeof(theirs)] = "";
    struct world world;
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_bulk_t remote;
    void *base = NULL;
    hg_size_t size = 0;
    uint32_t count = 0;

    world_open(&world, protocol);
    origin = make(&world.origin, theirs, sizeof(theirs), HG_BULK_READ_ONLY);
    local = make(&world.local, ours, sizeof(ours), HG_BULK_WRITE_ONLY);
    remote = hand_over(&world.local, origin, HG_BULK_EAGER);
    HG_Bulk_free(origin);
    memset(theirs, 'x', sizeof(theirs));
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PULL, world.addr, remote, 4, local, 0,
                                  5, HG_OP_ID_IGNORE),
                 HG_SUCCESS);
    cr_assert_eq(world.told.count, 0, "never inside the submit");
    run(&world, 1);
    cr_assert_eq(world.told.ret, HG_SUCCESS);
    cr_assert_str_eq(ours, "quick");
    cr_assert_eq(HG_Bulk_access(remote, 4, 5, HG_BULK_READ_ONLY, 1, &base, &size, &count), HG_SUCCESS);
    cr_assert(count == 1 && size == 5 && memcmp(base, "quick", 5) == 0);
    HG_Bulk_free(remote);
    HG_Bulk_free(local);
    world_close(&world);
}

ON_EACH_PROTOCOL(own_memory_is_moved_within_the_process)
{
    char theirs[] = "0123456789";
    char ours[sizeof(theirs)] = "";
    struct world world;
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_bulk_t again;
    hg_addr_t self;

    world_open(&world, protocol);
    origin = make(&world.local, theirs, sizeof(theirs), HG_BULK_READWRITE);
    local = make(&world.local, ours, sizeof(ours), HG_BULK_READWRITE);
    again = hand_over(&world.local, origin, 0);
    cr_assert_eq(HG_Addr_self(world.local.hg_class, &self), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PULL, self, again, 0, local, 0,
                                  sizeof(theirs), HG_OP_ID_IGNORE),
                 HG_SUCCESS, "%s", qs_error_detail());
    cr_assert_eq(world.told.count, 0);
    run(&world, 1);
    cr_assert(world.told.ret == HG_SUCCESS && strcmp(ours, theirs) == 0);
    ours[0] = 'X';
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PUSH, self, origin, 0, local, 0, 1,
                                  HG_OP_ID_IGNORE),
                 HG_SUCCESS);
    run(&world, 2);
    cr_assert_eq(theirs[0], 'X');
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PULL, world.addr, origin, 0, local, 0,
                                  1, HG_OP_ID_IGNORE),
                 HG_INVALID_ARG, "our handle, another's address");
    HG_Addr_free(world.local.hg_class, self);
    HG_Bulk_free(again);
    HG_Bulk_free(origin);
    HG_Bulk_free(local);
    world_close(&world);
}

ON_EACH_PROTOCOL(bound_handles_carry_their_owner)
{
    char theirs[] = "bound";
    char ours[sizeof(theirs)] = "";
    char text[256];
    hg_size_t text_size = sizeof(text);
    struct world world;
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_bulk_t remote;

    world_open(&world, protocol);
    origin = make(&world.origin, theirs, sizeof(theirs), HG_BULK_READ_ONLY);
    local = make(&world.local, ours, sizeof(ours), HG_BULK_READWRITE);
    cr_assert_eq(HG_Bulk_get_addr(origin), HG_ADDR_NULL);
    cr_assert_eq(HG_Bulk_bind(origin, world.local.context), HG_INVALID_ARG, "another class");
    cr_assert_eq(HG_Bulk_bind(origin, world.origin.context), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_bind(origin, world.origin.context), HG_INVALID_ARG, "twice");
    remote = hand_over(&world.local, origin, 0);
    cr_assert_eq(HG_Addr_to_string(world.local.hg_class, text, &text_size, HG_Bulk_get_addr(remote)), HG_SUCCESS);
    cr_assert_str_eq(text, world.origin.address);
    cr_assert_eq(HG_Bulk_get_context_id(remote), 0);
    cr_assert_eq(HG_Bulk_transfer(world.local.context, note, &world.told, HG_BULK_PULL, world.addr, remote, 0, local, 0,
                                  5, HG_OP_ID_IGNORE),
                 HG_INVALID_ARG, "bound: not this way");
    cr_assert_eq(HG_Bulk_bind_transfer(world.local.context, note, &world.told, HG_BULK_PULL, local, 0, local, 0, 5,
                                       HG_OP_ID_IGNORE),
                 HG_INVALID_ARG, "not bound");
    cr_assert_eq(HG_Bulk_bind_transfer(world.local.context, note, &world.told, HG_BULK_PULL, remote, 0, local, 0, 5,
                                       HG_OP_ID_IGNORE),
                 HG_SUCCESS, "%s", qs_error_detail());
    run(&world, 1);
    cr_assert(world.told.ret == HG_SUCCESS && strcmp(ours, "bound") == 0);
    HG_Bulk_free(remote);
    HG_Bulk_free(local);
    HG_Bulk_free(origin);
    world_close(&world);
}

ON_EACH_PROTOCOL(what_cannot_be_is_refused_before_anything_moves)
{
    char theirs[64] = "";
    char ours[64] = "";
    struct world world;
    struct told *told = &world.told;
    hg_context_t *context;
    hg_bulk_t readable;

    world_open(&world, protocol);
    context = world.local.context;
    world_bulks(&world, theirs, ours, sizeof(theirs), HG_BULK_READ_ONLY);
    readable = make(&world.local, ours, sizeof(ours), HG_BULK_READ_ONLY);
    cr_assert_eq(HG_Bulk_transfer(context, note, told, HG_BULK_PUSH, world.addr, world.remote, 0, readable, 0, 8, NULL),
                 HG_PERMISSION);
    cr_assert_eq(HG_Bulk_transfer(context, note, told, HG_BULK_PULL, world.addr, world.remote, 0, readable, 0, 8, NULL),
                 HG_PERMISSION);
    HG_Bulk_free(readable);
    cr_assert_eq(transfer(&world, HG_BULK_PULL, 60, 0, 8, NULL), HG_INVALID_ARG);
    cr_assert_eq(transfer(&world, HG_BULK_PULL, UINT64_MAX, 0, 8, NULL), HG_INVALID_ARG);
    cr_assert_eq(transfer(&world, (hg_bulk_op_t)7, 0, 0, 8, NULL), HG_INVALID_ARG);
    cr_assert_eq(
        HG_Bulk_transfer(context, note, told, HG_BULK_PULL, HG_ADDR_NULL, world.remote, 0, world.ours, 0, 8, NULL),
        HG_INVALID_ARG);
    cr_assert_eq(
        HG_Bulk_transfer(context, note, told, HG_BULK_PULL, world.addr, world.remote, 0, world.remote, 0, 8, NULL),
        HG_PERMISSION);
    cr_assert_eq(HG_Bulk_transfer(NULL, note, told, HG_BULK_PULL, world.addr, world.remote, 0, world.ours, 0, 8, NULL),
                 HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_access(world.remote, 0, 8, HG_BULK_READ_ONLY, 0, NULL, NULL, NULL), HG_INVALID_ARG,
                 "memory of another process");
    cr_assert_eq(HG_Finalize(world.local.hg_class), HG_BUSY);
    cr_assert_eq(told->count, 0);
    world_bulks_free(&world);
    world_close(&world);
}

ON_EACH_PROTOCOL(empty_transfers_call_back)
{
    char theirs[8];
    char ours[8];
    struct world world;

    world_open(&world, protocol);
    world_bulks(&world, theirs, ours, 8, HG_BULK_READ_ONLY);
    cr_assert_eq(transfer(&world, HG_BULK_PULL, 8, 0, 0, HG_OP_ID_IGNORE), HG_SUCCESS);
    cr_assert_eq(world.told.count, 0);
    run(&world, 1);
    cr_assert(world.told.ret == HG_SUCCESS && world.told.size == 0);
    world_bulks_free(&world);
    world_close(&world);
}

ON_EACH_PROTOCOL(cancelled_transfers_call_back_once)
{
    const size_t size = 16 << 20;
    unsigned char *theirs = calloc(1, size);
    unsigned char *ours = calloc(1, size);
    struct world world;
    struct told *told = &world.told;

    world_open(&world, protocol);
    world_bulks(&world, theirs, ours, size, HG_BULK_READ_ONLY);
    for (unsigned int turns = 0; turns < 6; turns++) {
        hg_op_id_t op_id;

        told->count = 0;
        cr_assert_eq(transfer(&world, HG_BULK_PULL, 0, 0, size, &op_id), HG_SUCCESS);
        for (unsigned int i = 0; i < turns * turns; i++) {
            side_turn(&world.local);
            side_turn(&world.origin);
        }
        cr_assert_eq(HG_Bulk_cancel(op_id), HG_SUCCESS);
        run(&world, 1);
        cr_assert(told->ret == HG_CANCELED || told->ret == HG_SUCCESS, "%s", HG_Error_to_string(told->ret));
        if (turns == 0)
            cr_assert_eq(told->ret, HG_CANCELED);
        for (unsigned int i = 0; i < 10; i++)
            side_turn(&world.local);
        cr_assert_eq(told->count, 1);
        cr_assert_eq(HG_Bulk_cancel(op_id), HG_SUCCESS, "a late cancel hits nobody");
    }
    cr_assert_eq(HG_Bulk_cancel(HG_OP_ID_NULL), HG_INVALID_ARG);
    world_bulks_free(&world);
    world_close(&world);
    free(ours);
    free(theirs);
}

ON_EACH_PROTOCOL(many_transfers_at_once_all_call_back)
{
    enum { COUNT = 300, SIZE = 5000 };
    const size_t all = (size_t)COUNT * SIZE;
    unsigned char *theirs = malloc(all);
    unsigned char *ours = calloc(1, all);
    struct world world;

    world_open(&world, protocol);
    fill(theirs, all, 5);
    world_bulks(&world, theirs, ours, all, HG_BULK_READ_ONLY);
    for (hg_size_t at = 0; at < all; at += SIZE)
        cr_assert_eq(transfer(&world, HG_BULK_PULL, at, at, SIZE, HG_OP_ID_IGNORE), HG_SUCCESS);
    run(&world, COUNT);
    cr_assert_eq(memcmp(ours, theirs, all), 0);
    world_bulks_free(&world);
    world_close(&world);
    free(ours);
    free(theirs);
}

ON_EACH_PROTOCOL(an_owner_that_has_gone_is_an_error_of_the_transfer)
{
    char theirs[64];
    char ours[64];
    struct world world;
    uint64_t limit;

    world_open(&world, protocol);
    world_bulks(&world, theirs, ours, sizeof(theirs), HG_BULK_READ_ONLY);
    HG_Bulk_free(world.theirs);
    side_close(&world.origin);
    if (transfer(&world, HG_BULK_PULL, 0, 0, 64, HG_OP_ID_IGNORE) == HG_SUCCESS) {
        limit = util_clock_now_ns() + 30 * UTIL_CLOCK_NS_PER_S;
        while (world.told.count == 0 && util_clock_now_ns() < limit)
            side_turn(&world.local);
        cr_assert_eq(world.told.count, 1);
        cr_assert_neq(world.told.ret, HG_SUCCESS);
    }
    HG_Bulk_free(world.remote);
    HG_Bulk_free(world.ours);
    HG_Addr_free(world.local.hg_class, world.addr);
    side_close(&world.local);
    support_end();
}

Test(hg_bulk_api, create_refuses_what_makes_no_sense)
{
    struct side side;
    char buf[8];
    void *base = buf;
    hg_size_t size = sizeof(buf);
    hg_size_t huge[] = {UINT64_MAX, 2};
    void *bases[] = {buf, buf};
    struct hg_bulk_attr cuda = {.mem_type = HG_MEM_TYPE_CUDA};
    struct hg_bulk_attr unknown = {.mem_type = HG_MEM_TYPE_UNKNOWN};
    hg_bulk_t handle = HG_BULK_NULL;

    support_begin();
    side_open(&side, "tcp");
    util_log_set_level(UTIL_LOG_LEVEL_NONE);
    cr_assert_eq(HG_Bulk_create(NULL, 1, &base, &size, 1, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 1, &base, &size, 1, NULL), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 0, &base, &size, 1, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 1, &base, NULL, 1, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 1, &base, &size, 0, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 1, &base, &size, 4, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 2, bases, huge, 1, &handle), HG_OVERFLOW);
    cr_assert_eq(HG_Bulk_create_attr(side.hg_class, 1, &base, &size, 1, &unknown, &handle), HG_INVALID_ARG);
    cr_assert_eq(HG_Bulk_create_attr(side.hg_class, 1, &base, &size, 1, &cuda, &handle), HG_OPNOTSUPPORTED);
    cr_assert_neq(strlen(qs_error_detail()), 0);
    cr_assert_null(handle);
    cr_assert_eq(HG_Bulk_create(side.hg_class, 1, NULL, &size, 3, &handle), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_access(handle, 0, 8, 3, 1, &base, NULL, NULL), HG_SUCCESS);
    cr_assert_eq(((char *)base)[7], 0);
    cr_assert_eq(HG_Bulk_ref_incr(handle), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_free(handle), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_get_size(handle), 8);
    cr_assert_eq(HG_Bulk_free(handle), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_free(HG_BULK_NULL), HG_SUCCESS);
    cr_assert_eq(HG_Bulk_get_size(HG_BULK_NULL), 0);
    cr_assert_eq(HG_Bulk_ref_incr(HG_BULK_NULL), HG_INVALID_ARG);
    side_close(&side);
    support_end();
}
