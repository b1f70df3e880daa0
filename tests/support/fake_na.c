/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The scripted transport: see fake_na.h. All registrations of the process, whichever fake made
 * them, are in one table, so that memory of one fake can be reached from another by its key.
 */
#include "tests/support/fake_na.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_detail.h"

struct na_class {
    struct fake_na *fake;
};

struct na_context {
    struct fake_na *fake;
};

struct na_route {
    struct fake_na *fake;
};

struct na_mem {
    struct util_list link; /* fake_na_table */
    struct fake_na *fake;
    unsigned int access;
    uint32_t count;
    struct na_segment *segments;
    uint64_t first_key; /* of segment 0; the others follow */
    uint8_t key_size;
};

/* What na_rma.transport holds. */
struct fake_na_op {
    struct util_list link;
    struct na_rma *rma;
    bool cancelled;
};

_Static_assert(sizeof(struct fake_na_op) <= sizeof(((struct na_rma *)NULL)->transport),
               "the operation's own memory holds the fake's part");

static pthread_mutex_t fake_na_lock = PTHREAD_MUTEX_INITIALIZER; /* the table, and counts of memory */
static struct util_list fake_na_table = UTIL_LIST_INIT(fake_na_table);

/* What the next bits of a raw key look like: a wrong byte anywhere makes a key unknown. */
static uint8_t fake_na_key_byte(uint64_t key, unsigned int index)
{
    return (uint8_t)(key >> (8U * (index % 8U))) ^ (uint8_t)(index / 8U);
}

static bool fake_na_key_fits(uint64_t key, const uint8_t *bytes, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++) {
        if (bytes[i] != fake_na_key_byte(key, i))
            return false;
    }
    return true;
}

void fake_na_init(struct fake_na *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->na_class = calloc(1, sizeof(*fake->na_class));
    fake->context = calloc(1, sizeof(*fake->context));
    fake->route = calloc(1, sizeof(*fake->route));
    SUPPORT_CHECK(fake->na_class != NULL && fake->context != NULL && fake->route != NULL);
    fake->na_class->fake = fake;
    fake->context->fake = fake;
    fake->route->fake = fake;
    fake->key_size = 8;
    fake->limits = (struct na_limits){
        .frame_max = 8192,
        .batch_size = 8192,
        .rma_max = SIZE_MAX,
        .rma_chunk = (size_t)1 << 20,
        .rma_depth = 4,
        .chosen_keys = true,
        .revocable = true,
    };
    util_list_init(&fake->posted);
    util_prng_init(&fake->prng, 1);
}

void fake_na_fini(struct fake_na *fake)
{
    SUPPORT_CHECK(fake->registered == 0);
    SUPPORT_CHECK(fake->in_flight == 0);
    free(fake->route);
    free(fake->context);
    free(fake->na_class);
}

const struct na_limits *na_class_limits(const struct na_class *na_class)
{
    return &na_class->fake->limits;
}

/* --- memory ------------------------------------------------------------------------------------ */

int na_mem_register(struct na_class *na_class, const struct na_segment *segments, uint32_t count, unsigned access,
                    enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out)
{
    struct fake_na *fake = na_class->fake;
    struct na_mem *mem;
    int error = fake->fail_register;

    if (error != 0) {
        fake->fail_register = 0;
        return util_detail_set(error, "the fake transport was told to refuse memory");
    }
    if (kind != NA_MEM_HOST && !fake->takes_devices)
        return util_detail_set(-EOPNOTSUPP, "the fake transport has no device memory");
    mem = calloc(1, sizeof(*mem));
    SUPPORT_CHECK(mem != NULL);
    mem->segments = calloc(count, sizeof(*mem->segments));
    SUPPORT_CHECK(mem->segments != NULL);
    memcpy(mem->segments, segments, count * sizeof(*segments));
    mem->fake = fake;
    mem->access = access;
    mem->count = count;
    mem->key_size = fake->key_size;
    mem->first_key = util_rand_u64();
    pthread_mutex_lock(&fake_na_lock);
    util_list_push(&fake_na_table, &mem->link);
    fake->registered++;
    fake->last_access = access;
    fake->last_kind = kind;
    fake->last_device = device;
    pthread_mutex_unlock(&fake_na_lock);
    *mem_out = mem;
    return 0;
}

void na_mem_deregister(struct na_mem *mem)
{
    if (mem == NULL)
        return;
    pthread_mutex_lock(&fake_na_lock);
    util_list_remove(&mem->link);
    mem->fake->registered--;
    pthread_mutex_unlock(&fake_na_lock);
    free(mem->segments);
    free(mem);
}

void na_mem_describe(const struct na_mem *mem, uint32_t index, struct na_remote_segment *out)
{
    SUPPORT_CHECK(index < mem->count);
    memset(out, 0, sizeof(*out));
    out->address = (uint64_t)(uintptr_t)mem->segments[index].base;
    out->key_size = mem->key_size;
    for (unsigned int i = 0; i < mem->key_size; i++)
        out->key[i] = fake_na_key_byte(mem->first_key + index, i);
}

/* The segment that a key names, if the range lies inside it and the access is allowed. */
static int fake_na_target(const struct na_rma *rma, void **target)
{
    unsigned int wanted = rma->op == NA_RMA_PUT ? NA_ACCESS_REMOTE_WRITE : NA_ACCESS_REMOTE_READ;

    util_list_each (pos, &fake_na_table) {
        const struct na_mem *mem = util_container_of(pos, struct na_mem, link);

        for (uint32_t i = 0; i < mem->count; i++) {
            uint64_t base = (uint64_t)(uintptr_t)mem->segments[i].base;

            if (mem->key_size != rma->key_size || !fake_na_key_fits(mem->first_key + i, rma->key, rma->key_size))
                continue;
            if ((mem->access & wanted) == 0)
                return -EACCES;
            if (rma->remote_address < base || rma->size > mem->segments[i].size ||
                rma->remote_address - base > mem->segments[i].size - rma->size)
                return -EFAULT;
            *target = (void *)(uintptr_t)rma->remote_address;
            return 0;
        }
    }
    return -EACCES;
}

/* --- operations -------------------------------------------------------------------------------- */

static struct fake_na_op *fake_na_op(struct na_rma *rma)
{
    return (struct fake_na_op *)(void *)rma->transport;
}

/* The local side must lie inside the segment that it claims. */
static void fake_na_check_local(const struct na_rma *rma)
{
    const struct na_segment *segment;
    uintptr_t local = (uintptr_t)rma->local;

    SUPPORT_CHECK(rma->local_mem != NULL && rma->local_index < rma->local_mem->count);
    SUPPORT_CHECK((rma->local_mem->access & NA_ACCESS_LOCAL) != 0);
    segment = &rma->local_mem->segments[rma->local_index];
    SUPPORT_CHECK(rma->size > 0 && rma->size <= segment->size);
    SUPPORT_CHECK(local >= (uintptr_t)segment->base);
    SUPPORT_CHECK(local - (uintptr_t)segment->base <= segment->size - rma->size);
}

static bool fake_na_refuses(struct fake_na *fake)
{
    bool refuses = fake->slots > 0 && fake->in_flight >= fake->slots;

    if (fake->refuse_posts > 0) {
        fake->refuse_posts--;
        refuses = true;
    }
    if (fake->refuse_percent > 0 && util_prng_below(&fake->prng, 100) < fake->refuse_percent)
        refuses = true;
    fake->refused += refuses;
    return refuses;
}

int na_rma_post(struct na_rma *rma)
{
    struct fake_na *fake = rma->route->fake;
    struct fake_na_op *op = fake_na_op(rma);

    fake_na_check_local(rma);
    SUPPORT_CHECK(rma->size <= fake->limits.rma_max);
    if (fake_na_refuses(fake))
        return -EAGAIN;
    if (fake->fail_post != 0 && fake->fail_post_after-- == 0) {
        int error = fake->fail_post;

        fake->fail_post = 0;
        return util_detail_set(error, "the fake transport was told to fail a post");
    }
    op->rma = rma;
    op->cancelled = false;
    util_list_push(&fake->posted, &op->link);
    fake->posts++;
    fake->in_flight++;
    if (fake->in_flight > fake->in_flight_max)
        fake->in_flight_max = fake->in_flight;
    if (rma->size > fake->size_max)
        fake->size_max = rma->size;
    return 0;
}

void na_rma_cancel(struct na_rma *rma)
{
    rma->route->fake->cancels++;
    if (!rma->route->fake->deaf_to_cancel)
        fake_na_op(rma)->cancelled = true;
}

/* How an operation ends; moves its bytes if it ends well. */
static int fake_na_outcome(struct fake_na *fake, const struct fake_na_op *op)
{
    const struct na_rma *rma = op->rma;
    void *target = NULL;
    int error;

    if (op->cancelled)
        return -ECANCELED;
    if (fake->fail_done != 0 && fake->fail_done_after-- == 0) {
        error = fake->fail_done;
        fake->fail_done = 0;
        return error;
    }
    pthread_mutex_lock(&fake_na_lock);
    error = fake_na_target(rma, &target);
    if (error == 0 && rma->op == NA_RMA_PUT)
        memcpy(target, rma->local, rma->size);
    else if (error == 0)
        memcpy(rma->local, target, rma->size);
    pthread_mutex_unlock(&fake_na_lock);
    return error;
}

static struct util_list *fake_na_next(struct fake_na *fake)
{
    struct util_list *node = fake->posted.next;
    uint64_t skip = 0;

    if (fake->order == FAKE_NA_ORDER_LIFO)
        return fake->posted.prev;
    if (fake->order == FAKE_NA_ORDER_RANDOM)
        skip = util_prng_below(&fake->prng, fake->in_flight);
    for (; skip > 0; skip--)
        node = node->next;
    return node;
}

/* Delivers what was in flight when the turn began, at most turn_max. */
int na_progress(struct na_context *context)
{
    struct fake_na *fake = context->fake;
    unsigned int limit = fake->turn_max > 0 ? fake->turn_max : fake->in_flight;
    int count = 0;

    for (; limit > 0 && fake->in_flight > 0; limit--) {
        struct util_list *node = fake_na_next(fake);
        struct fake_na_op *op = util_container_of(node, struct fake_na_op, link);
        struct na_rma *rma = op->rma;
        int error = fake_na_outcome(fake, op);

        util_list_remove(node);
        fake->in_flight--;
        rma->done(rma, error);
        count++;
    }
    return count;
}

const char *na_route_text(const struct na_route *route)
{
    (void)route;
    return "fake://peer";
}
