/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzzes what a route reads from its peer: the ring, and the records of frames and transfers in it.
 *
 * The bytes are steps of a play between the peer, who publishes records that are nearly right or writes into the
 * ring what it likes, and the route, which has transfers of its own, receives, and serves. Nothing may be read or
 * written outside the ring, the frames and the memory that was registered; every transfer ends once; and at the end
 * nothing is left.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "na/shm/shm_class.h"
#include "na/shm/shm_mem.h"
#include "na/shm/shm_progress.h"
#include "na/shm/shm_rma.h"
#include "na/shm/shm_route.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPS = 48, MEMORY_SIZE = 40000, STEPS_MAX = 2000, PAGE_SIZE = 4096 };

/* The segment ends where the last page begins, which nobody may touch. */
#define SEGMENT_PAGES ((sizeof(struct shm_segment) + PAGE_SIZE - 1) / PAGE_SIZE + 1)
#define SEGMENT_ROOM  (SEGMENT_PAGES * PAGE_SIZE)

_Static_assert(sizeof(struct shm_segment) % PAGE_SIZE != 0 && sizeof(struct shm_segment) % 64 == 0, "see make_route");

/* One transfer of the route's. */
struct op {
    struct na_rma rma; /* first: the end finds the op by it */
    unsigned int ends;
    bool posted;
};

/* All of one play. */
struct play {
    struct shm_class owner;
    struct shm_context context;
    struct shm_route *route; /* NULL: gone */
    bool down;
    bool close_in_frame;

    /* The peer's side. */
    unsigned char *map; /* of SEGMENT_ROOM bytes, with the segment in it */
    struct shm_segment *segment;
    struct shm_ring_out out;
    struct shm_ring_in in;

    /* Ours. */
    struct na_mem *mem;
    struct na_remote_segment at;
    unsigned char *memory;
    struct op ops[OPS];
    unsigned int op_count;

    const uint8_t *data;
    size_t size;
    unsigned int sum; /* of all bytes read, so that they are */
};

/* --- input ------------------------------------------------------------------------------------------------ */

static uint64_t take(struct play *play, size_t bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0) {
        value <<= 8;
        if (play->size > 0) {
            value |= *play->data++;
            play->size--;
        }
    }
    return value;
}

/* A number that is often near one that matters. */
static uint64_t take_number(struct play *play, uint64_t near)
{
    uint64_t how = take(play, 1);

    switch (how >> 6) {
    case 0:
        return near;
    case 1:
        return near + (how & 31) - 16;
    case 2:
        return take(play, 2);
    default:
        return take(play, 8);
    }
}

/* --- upcalls ------------------------------------------------------------------------------------------------ */

static void on_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct play *play = arg;

    SUPPORT_CHECK(size <= SHM_FRAME_MAX && ((uintptr_t)data & 7) == 0);
    for (size_t i = 0; i < size; i++)
        play->sum += ((const unsigned char *)data)[i];
    if (play->close_in_frame && play->route != NULL) {
        play->route = NULL;
        shm_route_close(route);
    }
}

static void on_down(void *arg, struct na_route *route, int error)
{
    struct play *play = arg;

    SUPPORT_CHECK(!play->down && error == -EPROTO);
    play->down = true;
    play->route = NULL;
    shm_route_close(route);
}

static const struct na_upcalls upcalls = {.frame = on_frame, .route_down = on_down};

static void on_done(struct na_rma *rma, int error)
{
    struct op *op = (struct op *)(void *)rma;

    SUPPORT_CHECK(op->posted && op->ends == 0 && error <= 0 && error >= -4095);
    op->ends++;
}

/* --- the scene ------------------------------------------------------------------------------------------------ */

static void make_context(struct play *play)
{
    struct shm_class *owner = &play->owner;
    struct shm_context *context = &play->context;

    owner->base.transport = &shm_transport;
    owner->socket_fd = -1;
    util_lock_init(&owner->lock);
    util_list_init(&owner->exposed);
    SUPPORT_CHECK(shm_table_create(&owner->table) == 0);
    context->base.transport = &shm_transport;
    context->base.na_class = &owner->base;
    context->base.upcalls = &upcalls;
    context->base.arg = play;
    context->owner = owner;
    na_waker_init(&context->waker);
    util_list_init(&context->routes);
    util_list_init(&context->polled);
    util_list_init(&context->changing);
    util_list_init(&context->copying);
    util_list_init(&context->blocked);
    context->bounce = util_aligned(64, SHM_RING_RECORD_MAX);
    SUPPORT_CHECK(context->bounce != NULL);
}

static void make_route(struct play *play)
{
    struct shm_route *route = util_calloc(1, sizeof(*route));

    SUPPORT_CHECK(route != NULL);
    play->map = mmap(NULL, SEGMENT_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SUPPORT_CHECK(play->map != MAP_FAILED);
    SUPPORT_CHECK(mprotect(play->map + SEGMENT_ROOM - PAGE_SIZE, PAGE_SIZE, PROT_NONE) == 0);
    /* Not at the beginning of a page, so that the route, which unmaps it when it is freed, does not. */
    play->segment = (struct shm_segment *)(void *)(play->map + SEGMENT_ROOM - PAGE_SIZE - sizeof(struct shm_segment));
    shm_ring_out_init(&play->out, &play->segment->rings[0]);
    shm_ring_in_init(&play->in, &play->segment->rings[1]);
    route->base.transport = &shm_transport;
    route->base.context = &play->context.base;
    route->owner = &play->context;
    route->state = SHM_ROUTE_STATE_UP;
    route->segment_fd = -1;
    route->segment = play->segment;
    route->busy = &play->segment->busy[1];
    route->peer_busy = &play->segment->busy[0];
    shm_ring_out_init(&route->out, &play->segment->rings[1]);
    shm_ring_in_init(&route->in, &play->segment->rings[0]);
    util_list_push(&play->context.routes, &route->node);
    util_list_init(&route->polled_node);
    util_list_init(&route->change_node);
    util_list_init(&route->copy_node);
    util_list_init(&route->blocked_node);
    util_list_init(&route->exposed_node);
    util_list_init(&route->rma);
    play->route = route;
}

static void make_memory(struct play *play)
{
    struct na_segment segment = {.size = MEMORY_SIZE};

    play->memory = malloc(MEMORY_SIZE);
    SUPPORT_CHECK(play->memory != NULL);
    memset(play->memory, 3, MEMORY_SIZE);
    segment.base = play->memory;
    SUPPORT_CHECK(shm_mem_register(&play->owner.base, &segment, 1, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE,
                                   NA_MEM_HOST, 0, &play->mem) == 0);
    shm_mem_describe(play->mem, 0, &play->at);
}

static void play_open(struct play *play)
{
    make_context(play);
    make_route(play);
    make_memory(play);
}

static void play_close(struct play *play)
{
    if (play->route != NULL) {
        shm_route_close(&play->route->base);
        play->route = NULL;
    }
    while (!util_list_empty(&play->context.changing))
        (void)shm_route_turn(&play->context);
    SUPPORT_CHECK(util_list_empty(&play->context.routes) && util_list_empty(&play->owner.exposed));
    SUPPORT_CHECK(util_list_empty(&play->context.copying) && util_list_empty(&play->context.blocked));
    for (unsigned int i = 0; i < play->op_count; i++)
        SUPPORT_CHECK(play->ops[i].ends == (play->ops[i].posted ? 1 : 0));
    SUPPORT_CHECK(munmap(play->map, SEGMENT_ROOM) == 0);
    shm_mem_deregister(play->mem);
    util_free(play->context.bounce);
    shm_table_destroy(play->owner.table);
    util_lock_fini(&play->owner.lock);
    free(play->memory);
}

/* --- steps ---------------------------------------------------------------------------------------------------- */

/* The peer publishes a record whose first words may be right. */
static void step_publish(struct play *play)
{
    uint32_t kind = (uint32_t)take(play, 1) % 7;
    size_t size = (size_t)(take(play, 2) % (SHM_RING_RECORD_MAX + 1));
    uint64_t words[4];
    unsigned char *room;

    words[0] = take_number(play, play->op_count);
    words[1] = take_number(play, kind == SHM_RECORD_DATA ? size - 16 : util_bytes_get64(play->at.key));
    words[2] = take_number(play, play->at.address);
    words[3] = take_number(play, kind == SHM_RECORD_PUT ? size - 32 : 1000);
    if ((kind == SHM_RECORD_GET || kind == SHM_RECORD_END) && take(play, 1) < 250)
        size = kind == SHM_RECORD_GET ? 32 : 16;
    if (kind == SHM_RECORD_END && take(play, 1) < 250)
        words[1] = take(play, 1) < 128 ? 0 : (uint64_t)-EACCES;
    room = shm_ring_reserve(&play->out, size);
    if (room == NULL)
        return;
    memset(room, (int)kind, size);
    memcpy(room, words, size < sizeof(words) ? size : sizeof(words));
    shm_ring_publish(&play->out, kind, size);
}

/* The peer writes into shared memory. */
static void step_scribble(struct play *play)
{
    struct shm_ring_shared *to_route = &play->segment->rings[0];
    struct shm_ring_shared *from_route = &play->segment->rings[1];

    switch (take(play, 1) % 6) {
    case 0:
        atomic_store(&to_route->tail, take_number(play, play->out.tail));
        break;
    case 1:
        atomic_store(&from_route->head, take_number(play, atomic_load(&from_route->tail)));
        break;
    case 2:
        atomic_store(&from_route->polled, take(play, 1));
        break;
    case 3:
        atomic_store(&play->segment->busy[0].door, (uint32_t)take(play, 1) % 4);
        break;
    default: {
        uint64_t at = (play->out.tail - 64 + take(play, 1)) % SHM_RING_SIZE;

        for (uint64_t count = take(play, 1) % 16; count > 0 && at < SHM_RING_SIZE; count--)
            to_route->bytes[at++] = (unsigned char)take(play, 1);
        break;
    }
    }
}

/* The peer takes what the route sent. */
static void step_consume(struct play *play)
{
    struct shm_ring_record record;

    for (uint64_t count = take(play, 1); count > 0; count--) {
        /* Having forged its own head, it may have lost its place. */
        if (shm_ring_peek(&play->in, &record) != 1)
            break;
        for (uint32_t i = 0; i < record.size; i += 97)
            play->sum += record.data[i];
        shm_ring_take(&play->in, &record);
    }
    (void)shm_ring_release(&play->in);
}

static void step_post(struct play *play)
{
    struct op *op = &play->ops[play->op_count];
    size_t offset;

    if (play->op_count == OPS)
        return;
    play->op_count++;
    op->rma.op = take(play, 1) % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT;
    op->rma.route = &play->route->base;
    op->rma.size = (size_t)(take(play, 2) % (MEMORY_SIZE + 1));
    offset = (size_t)(take(play, 2) % (MEMORY_SIZE - op->rma.size + 1));
    op->rma.local = play->memory + offset;
    op->rma.local_mem = play->mem;
    op->rma.remote_address = play->at.address;
    op->rma.key = play->at.key;
    op->rma.key_size = 8;
    op->rma.done = on_done;
    op->posted = shm_rma_post(&op->rma) == 0;
}

static void step_cancel(struct play *play)
{
    struct op *op = &play->ops[take(play, 1) % OPS];

    if (op->posted && op->ends == 0)
        shm_rma_cancel(&op->rma);
}

static void step_work(struct play *play)
{
    size_t budget = 1 + (size_t)take(play, 2) * 16;

    if (play->route->state == SHM_ROUTE_STATE_UP)
        (void)shm_rma_work(play->route, &budget);
}

static void step(struct play *play)
{
    switch (take(play, 1) % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_publish(play);
        break;
    case 4:
        step_scribble(play);
        break;
    case 5:
        step_consume(play);
        break;
    case 6:
        step_post(play);
        break;
    case 7:
        step_cancel(play);
        break;
    case 8:
        play->close_in_frame = take(play, 1) % 16 == 0;
        break;
    case 9:
        step_work(play);
        break;
    default:
        if (play->route->state == SHM_ROUTE_STATE_UP)
            (void)shm_progress_receive(play->route);
        (void)shm_route_turn(&play->context);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play play;

    memset(&play, 0, sizeof(play));
    play.data = data;
    play.size = size;
    play_open(&play);
    for (unsigned int steps = 0; steps < STEPS_MAX && play.size > 0 && play.route != NULL; steps++)
        step(&play);
    play_close(&play);
    return 0;
}
