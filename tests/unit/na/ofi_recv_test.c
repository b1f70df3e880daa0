/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * How many receive buffers a context has, and of which kind: the part of multi_recv_op_max and no_multi_recv that is not
 * seen from above. And a completion that uses one up and is no frame.
 */
#include <criterion/criterion.h>

#include "na/ofi/ofi_objects.h"
#include "na/ofi/ofi_recv.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"
#include "util/util_log.h"

TestSuite(ofi_recv, .init = support_begin, .fini = support_end);

static const struct na_upcalls no_upcalls;

struct shape {
    bool multi;
    uint32_t count;
    uint32_t idle; /* of these, refused by libfabric */
};

/* What a context of a class with this configuration receives into. */
static bool shape_of(const struct na_config *config, struct shape *out)
{
    struct na_class *na_class = NULL;
    struct na_context *context = NULL;

    if (na_class_open(config, &na_class) != 0)
        return false;
    cr_assert_eq(na_context_open(na_class, 0, &no_upcalls, NULL, &context), 0, "%s", util_detail_get());
    *out = (struct shape){
        .multi = ofi_context_of(context)->recv.multi,
        .count = ofi_context_of(context)->recv.buf_count,
        .idle = ofi_context_of(context)->recv.idle_count,
    };
    na_context_close(context, 0);
    na_class_close(na_class);
    return true;
}

Test(ofi_recv, small_buffers_grow_with_the_number_of_large_ones)
{
    struct shape shape;
    struct shape twice;

    cr_assert(shape_of(&(struct na_config){.uri = "tcp://127.0.0.1", .listen = true}, &shape));
    cr_assert(shape_of(&(struct na_config){.uri = "tcp://127.0.0.1", .listen = true, .recv_buffers = 8}, &twice));
    cr_assert(!shape.multi && !twice.multi);
    cr_assert(shape.count > 0 && twice.count == 2 * shape.count);
}

Test(ofi_recv, buffers_are_not_more_than_libfabric_takes)
{
    static const char *const uris[] = {"tcp://127.0.0.1", "tcp;ofi_rxm://127.0.0.1", "sockets://127.0.0.1"};
    unsigned int opened = 0;

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        struct shape shape;
        struct na_config config = {.uri = uris[i], .listen = true, .recv_buffers = 16, .recv_single = true};
        if (!shape_of(&config, &shape))
            continue;
        opened++;
        cr_assert(!shape.multi);
        cr_assert_gt(shape.count, 0);
        cr_assert_eq(shape.idle, 0, "%s: %u of %u buffers are refused", uris[i], shape.idle, shape.count);
    }
    cr_assert_gt(opened, 0);
}

Test(ofi_recv, large_buffers_are_as_many_as_wished_and_can_be_declined)
{
    struct shape shape;

    if (!shape_of(&(struct na_config){.uri = "sockets://127.0.0.1", .listen = true}, &shape))
        cr_skip("no provider with multi-receive buffers: %s", util_detail_get());
    cr_assert(shape.multi);
    cr_assert_eq(shape.count, 4);
    cr_assert(shape_of(&(struct na_config){.uri = "sockets://127.0.0.1", .listen = true, .recv_buffers = 7}, &shape));
    cr_assert(shape.multi);
    cr_assert_eq(shape.count, 7);
    cr_assert(shape_of(&(struct na_config){.uri = "sockets://127.0.0.1", .listen = true, .recv_single = true}, &shape));
    cr_assert(!shape.multi);
    cr_assert_gt(shape.count, 7);
}

static unsigned int frames;

static void count_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    (void)arg;
    (void)route;
    (void)data;
    cr_assert_eq(size, 100);
    frames++;
}

/* Over verbs a peer that was given a key can write with immediate data, which takes a receive buffer, as a frame does, and
 * leaves in it what came before. */
Test(ofi_recv, a_write_that_takes_a_buffer_is_no_frame)
{
    static const struct na_upcalls upcalls = {.frame = count_frame};
    static const struct na_config config = {
        .uri = "tcp;ofi_rxm://127.0.0.1", .listen = true, .recv_buffers = 4, .recv_single = true};
    struct fi_cq_data_entry entry = {.flags = FI_RMA | FI_REMOTE_WRITE | FI_REMOTE_CQ_DATA, .len = 100};
    struct na_class *na_class = NULL;
    struct na_context *base = NULL;
    struct ofi_context *context;
    uint32_t idle;

    if (na_class_open(&config, &na_class) != 0)
        cr_skip("no datagrams: %s", util_detail_get());
    cr_assert_eq(na_context_open(na_class, 0, &upcalls, NULL, &base), 0, "%s", util_detail_get());
    context = ofi_context_of(base);
    idle = context->recv.idle_count;
    ofi_recv_done(context, &context->recv.bufs[0], &entry);
    cr_assert_eq(frames, 0);
    cr_assert_eq(context->dropped_frames, 1);
    cr_assert_eq(context->recv.idle_count, idle + 1, "the buffer is lost");
    entry.flags = FI_RECV | FI_MSG;
    ofi_recv_done(context, &context->recv.bufs[1], &entry);
    cr_assert_eq(frames, 1);
    cr_assert_eq(context->dropped_frames, 1);
    na_context_close(base, 0);
    na_class_close(na_class);
}
