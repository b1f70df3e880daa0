/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Bulk transfers over the transport. The origin of the pair owns the memory and sends its descriptor; the
 * target moves the data, as a service does, under the control of the test: the handler keeps the descriptor in
 * struct mover, and the test starts transfers there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

struct mover {
    struct hg_pair pair;
    struct hg_pair_call call;
    hg_id_t id;

    /* Of mover_begin: as many bytes at each side. */
    unsigned char *theirs; /* the origin's */
    unsigned char *ours;   /* the target's */
    hg_bulk_t origin;      /* over theirs */
    hg_bulk_t local;       /* over ours */

    /* The target's side: what one call brought. */
    hg_handle_t held;
    hg_bulk_t remote; /* the decoded descriptor */
    atomic_uint done;
    hg_return_t ret;
    hg_size_t moved;
};

static struct mover mover;

static hg_return_t keep_descriptor(hg_handle_t handle)
{
    hg_bulk_t bulk = HG_BULK_NULL;

    HG_PAIR_OK(HG_Get_input(handle, &bulk));
    HG_PAIR_OK(HG_Bulk_ref_incr(bulk));
    mover.remote = bulk;
    HG_PAIR_OK(HG_Free_input(handle, &bulk));
    mover.held = handle;
    return HG_SUCCESS;
}

static void mover_open(const struct hg_pair_options *options)
{
    memset(&mover, 0, sizeof(mover));
    hg_pair_open(&mover.pair, options);
    mover.id = HG_Register_name(mover.pair.target.hg_class, "mover", hg_proc_hg_bulk_t, NULL, keep_descriptor);
    SUPPORT_CHECK(mover.id == HG_Register_name(mover.pair.origin.hg_class, "mover", hg_proc_hg_bulk_t, NULL, NULL));
}

/* Sends the descriptor of `bulk` from the origin to the target. */
static void mover_send(hg_bulk_t bulk)
{
    mover.remote = HG_BULK_NULL;
    hg_pair_call_start_id(&mover.pair, &mover.call, mover.id, &bulk);
    HG_PAIR_UNTIL(&mover.pair, mover.remote != HG_BULK_NULL);
}

/* Lets the call end. */
static void mover_answer(void)
{
    HG_PAIR_OK(HG_Bulk_free(mover.remote));
    HG_PAIR_OK(HG_Respond(mover.held, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(mover.held));
    HG_PAIR_FINISH(&mover.call, HG_SUCCESS);
}

static hg_bulk_t bulk_over(hg_class_t *hg_class, void *data, hg_size_t size, uint8_t flags)
{
    hg_bulk_t bulk;

    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, &data, &size, flags, &bulk));
    return bulk;
}

/* Zeroed memory at both sides, with handles over it. */
static void mover_begin(hg_size_t size, uint8_t origin_flags, uint8_t local_flags)
{
    mover.theirs = calloc(1, size + 1);
    mover.ours = calloc(1, size + 1);
    SUPPORT_CHECK(mover.theirs != NULL && mover.ours != NULL);
    mover.origin = bulk_over(mover.pair.origin.hg_class, mover.theirs, size, origin_flags);
    mover.local = bulk_over(mover.pair.target.hg_class, mover.ours, size, local_flags);
}

static void mover_end(void)
{
    HG_PAIR_OK(HG_Bulk_free(mover.origin));
    HG_PAIR_OK(HG_Bulk_free(mover.local));
    free(mover.theirs);
    free(mover.ours);
}

/* All of a case that has one call: the pair, the memory, and the descriptor at the target. */
static void mover_set_up(hg_size_t size, uint8_t origin_flags)
{
    mover_open(NULL);
    mover_begin(size, origin_flags, HG_BULK_READWRITE);
    mover_send(mover.origin);
}

static void mover_tear_down(void)
{
    mover_answer();
    hg_pair_check_works(&mover.pair);
    mover_end();
    hg_pair_close(&mover.pair);
}

static hg_return_t mover_cb(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(info->type == HG_CB_BULK);
    mover.ret = info->ret;
    mover.moved = info->info.bulk.size;
    atomic_fetch_add(&mover.done, 1);
    return HG_SUCCESS;
}

static hg_return_t mover_start(hg_bulk_op_t op, hg_size_t remote_offset, hg_bulk_t local, hg_size_t local_offset,
                               hg_size_t size, hg_op_id_t *op_id)
{
    atomic_store(&mover.done, 0);
    return HG_Bulk_transfer(mover.pair.target.contexts[0], mover_cb, NULL, op, HG_Get_info(mover.held)->addr,
                            mover.remote, remote_offset, local, local_offset, size, op_id);
}

static hg_return_t mover_wait(void)
{
    HG_PAIR_UNTIL(&mover.pair, atomic_load(&mover.done) > 0);
    SUPPORT_CHECK(atomic_load(&mover.done) == 1);
    return mover.ret;
}

static void mover_move(hg_bulk_op_t op, hg_size_t remote_offset, hg_bulk_t local, hg_size_t local_offset,
                       hg_size_t size)
{
    HG_PAIR_OK(mover_start(op, remote_offset, local, local_offset, size, HG_OP_ID_IGNORE));
    HG_PAIR_OK(mover_wait());
    SUPPORT_CHECK(mover.moved == size);
}

/* --- moving -------------------------------------------------------------------------------------- */

static void pull_and_push(hg_size_t size)
{
    mover_begin(size, HG_BULK_READWRITE, HG_BULK_READWRITE);
    hg_pair_fill(mover.theirs, size, 1);
    mover_send(mover.origin);
    SUPPORT_CHECK(HG_Bulk_get_size(mover.remote) == size && HG_Bulk_get_segment_count(mover.remote) == 1);
    SUPPORT_CHECK(HG_Bulk_get_flags(mover.remote) == HG_BULK_READWRITE);
    mover_move(HG_BULK_PULL, 0, mover.local, 0, size);
    SUPPORT_CHECK(hg_pair_is_filled(mover.ours, size, 1));
    hg_pair_fill(mover.ours, size, 2);
    mover_move(HG_BULK_PUSH, 0, mover.local, 0, size);
    SUPPORT_CHECK(hg_pair_is_filled(mover.theirs, size, 2));
    mover_answer();
    mover_end();
}

static void pull_and_push_of_all_sizes_move_every_byte(void)
{
    static const hg_size_t sizes[] = {1,     8,     100,    4095,    4096,    8192,    8193,    65535,
                                      65536, 65537, 300001, 1048575, 1048576, 1048577, 5000000, 16777216};

    mover_open(NULL);
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        pull_and_push(sizes[i]);
    hg_pair_close(&mover.pair);
}

static void zero_bytes_are_moved_with_a_callback(void)
{
    mover_set_up(8, HG_BULK_READWRITE);
    mover_move(HG_BULK_PULL, 0, mover.local, 0, 0);
    mover_move(HG_BULK_PUSH, 8, mover.local, 8, 0);
    mover_tear_down();
}

/* One block of memory, described as many uneven segments, some of them empty. */
static hg_bulk_t bulk_segments(hg_class_t *hg_class, unsigned char *data, hg_size_t size, unsigned int step)
{
    void *bases[64];
    hg_size_t sizes[64];
    uint32_t count = 0;
    hg_size_t used = 0;
    hg_bulk_t bulk;

    while (used < size) {
        hg_size_t piece = count == 63 ? size - used : (hg_size_t)(count * step) % 5000;

        if (piece > size - used)
            piece = size - used;
        bases[count] = data + used;
        sizes[count] = piece;
        used += piece;
        count++;
    }
    HG_PAIR_OK(HG_Bulk_create(hg_class, count, bases, sizes, HG_BULK_READWRITE, &bulk));
    return bulk;
}

static void uneven_segments_and_offsets_move_the_right_bytes(void)
{
    enum { SIZE = 100000 };
    unsigned char *theirs = malloc(SIZE);
    unsigned char *ours = malloc(SIZE);
    unsigned char *model = malloc(SIZE);
    uint64_t state = support_seed();
    hg_bulk_t remote;
    hg_bulk_t local;

    mover_open(NULL);
    remote = bulk_segments(mover.pair.origin.hg_class, theirs, SIZE, 1237);
    local = bulk_segments(mover.pair.target.hg_class, ours, SIZE, 911);
    mover_send(remote);
    SUPPORT_CHECK(HG_Bulk_get_size(mover.remote) == SIZE);
    for (unsigned int i = 0; i < 60; i++) {
        bool pull = i % 2 == 0;
        hg_size_t remote_offset;
        hg_size_t local_offset;
        hg_size_t size;

        state = state * 6364136223846793005U + 1442695040888963407U;
        remote_offset = (state >> 20) % SIZE;
        local_offset = (state >> 40) % SIZE;
        size = (state >> 3) % (SIZE - (remote_offset > local_offset ? remote_offset : local_offset) + 1);
        hg_pair_fill(theirs, SIZE, i);
        hg_pair_fill(ours, SIZE, i + 1000);
        if (pull) {
            memcpy(model, ours, SIZE);
            memcpy(model + local_offset, theirs + remote_offset, size);
        } else {
            memcpy(model, theirs, SIZE);
            memcpy(model + remote_offset, ours + local_offset, size);
        }
        mover_move(pull ? HG_BULK_PULL : HG_BULK_PUSH, remote_offset, local, local_offset, size);
        SUPPORT_CHECK(memcmp(model, pull ? ours : theirs, SIZE) == 0);
    }
    mover_answer();
    HG_PAIR_OK(HG_Bulk_free(remote));
    HG_PAIR_OK(HG_Bulk_free(local));
    free(theirs);
    free(ours);
    free(model);
    hg_pair_close(&mover.pair);
}

static void handles_may_be_freed_right_after_submit(void)
{
    enum { SIZE = 3000000 };

    mover_set_up(SIZE, HG_BULK_READ_ONLY);
    hg_pair_fill(mover.theirs, SIZE, 7);
    HG_PAIR_OK(mover_start(HG_BULK_PULL, 0, mover.local, 0, SIZE, HG_OP_ID_IGNORE));
    HG_PAIR_OK(HG_Bulk_free(mover.local));
    mover.local = HG_BULK_NULL;
    HG_PAIR_OK(HG_Bulk_ref_incr(mover.remote));
    HG_PAIR_OK(HG_Bulk_free(mover.remote));
    HG_PAIR_OK(mover_wait());
    SUPPORT_CHECK(hg_pair_is_filled(mover.ours, SIZE, 7));
    mover_tear_down();
}

static void many_transfers_at_once_all_end_well(void)
{
    enum { COUNT = 200, SIZE = 20000 };
    const hg_size_t all = (hg_size_t)COUNT * SIZE;

    mover_set_up(all, HG_BULK_READWRITE);
    hg_pair_fill(mover.theirs, all, 3);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_OK(HG_Bulk_transfer(mover.pair.target.contexts[0], mover_cb, NULL, HG_BULK_PULL,
                                    HG_Get_info(mover.held)->addr, mover.remote, (hg_size_t)i * SIZE, mover.local,
                                    (hg_size_t)i * SIZE, SIZE, HG_OP_ID_IGNORE));
    HG_PAIR_UNTIL(&mover.pair, atomic_load(&mover.done) == COUNT);
    SUPPORT_CHECK(hg_pair_is_filled(mover.ours, all, 3));
    SUPPORT_CHECK(hg_pair_counters(mover.pair.target.hg_class).bulk_ops == COUNT);
    SUPPORT_CHECK(hg_pair_counters(mover.pair.target.hg_class).bulk_bytes == all);
    mover_tear_down();
}

static hg_return_t count_cb(const struct hg_cb_info *info)
{
    atomic_uint *count = info->arg;

    HG_PAIR_OK(info->ret);
    atomic_fetch_add(count, 1);
    return HG_SUCCESS;
}

/* More transfers than a context has pieces in flight, with a peer that makes no progress; those of others go on. */
static void peer_that_does_nothing_holds_up_no_transfers_of_others(void)
{
    enum { COUNT = 5000, SIZE = 64, OTHERS = 50000 };
    const hg_size_t all = (hg_size_t)COUNT * SIZE;
    unsigned char *theirs = malloc(all);
    unsigned char *ours = calloc(1, all);
    hg_context_t *context;
    struct hg_pair idle;
    atomic_uint done = 0;
    hg_bulk_t exposed;
    hg_bulk_t remote;
    hg_bulk_t local;
    unsigned char wire[1000];
    hg_size_t size;

    SUPPORT_CHECK(theirs != NULL && ours != NULL);
    mover_set_up(OTHERS, HG_BULK_READWRITE);
    context = mover.pair.target.contexts[0];
    hg_pair_open(&idle, &(struct hg_pair_options){.origin_listens = true});
    hg_pair_fill(theirs, all, 4);
    hg_pair_fill(mover.theirs, OTHERS, 5);
    exposed = bulk_over(idle.origin.hg_class, theirs, all, HG_BULK_READWRITE);
    HG_PAIR_OK(HG_Bulk_bind(exposed, idle.origin.contexts[0]));
    size = HG_Bulk_get_serialize_size(exposed, 0);
    SUPPORT_CHECK(size <= sizeof(wire));
    HG_PAIR_OK(HG_Bulk_serialize(wire, size, 0, exposed));
    HG_PAIR_OK(HG_Bulk_deserialize(mover.pair.target.hg_class, &remote, wire, size));
    local = bulk_over(mover.pair.target.hg_class, ours, all, HG_BULK_READWRITE);
    for (hg_size_t i = 0; i < COUNT; i++) {
        HG_PAIR_OK(HG_Bulk_bind_transfer(context, count_cb, &done, HG_BULK_PULL, remote, i * SIZE, local, i * SIZE,
                                         SIZE, HG_OP_ID_IGNORE));
        /* The first one makes the connection. */
        if (i == 0)
            HG_PAIR_UNTIL(&mover.pair, (hg_pair_turn(&idle), atomic_load(&done) == 1));
    }
    for (unsigned int i = 0; i < 10; i++)
        mover_move(HG_BULK_PULL, 0, mover.local, 0, OTHERS);
    SUPPORT_CHECK(hg_pair_is_filled(mover.ours, OTHERS, 5));
    HG_PAIR_UNTIL(&mover.pair, (hg_pair_turn(&idle), atomic_load(&done) == COUNT));
    SUPPORT_CHECK(hg_pair_is_filled(ours, all, 4));
    HG_PAIR_OK(HG_Bulk_free(remote));
    HG_PAIR_OK(HG_Bulk_free(exposed));
    HG_PAIR_OK(HG_Bulk_free(local));
    free(theirs);
    free(ours);
    hg_pair_close(&idle);
    mover_tear_down();
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void permissions_are_checked_before_anything_is_posted(void)
{
    unsigned char theirs[100];
    unsigned char ours[100];
    hg_bulk_t remote;
    hg_bulk_t readable;
    hg_bulk_t writable;

    mover_open(NULL);
    readable = bulk_over(mover.pair.target.hg_class, ours, 100, HG_BULK_READ_ONLY);
    writable = bulk_over(mover.pair.target.hg_class, ours, 100, HG_BULK_WRITE_ONLY);
    remote = bulk_over(mover.pair.origin.hg_class, theirs, 100, HG_BULK_READ_ONLY);
    mover_send(remote);
    HG_PAIR_RET(mover_start(HG_BULK_PUSH, 0, readable, 0, 100, HG_OP_ID_IGNORE), HG_PERMISSION);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 0, readable, 0, 100, HG_OP_ID_IGNORE), HG_PERMISSION);
    mover_move(HG_BULK_PULL, 0, writable, 0, 100);
    mover_answer();
    HG_PAIR_OK(HG_Bulk_free(remote));
    remote = bulk_over(mover.pair.origin.hg_class, theirs, 100, HG_BULK_WRITE_ONLY);
    mover_send(remote);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 0, writable, 0, 100, HG_OP_ID_IGNORE), HG_PERMISSION);
    HG_PAIR_RET(mover_start(HG_BULK_PUSH, 0, writable, 0, 100, HG_OP_ID_IGNORE), HG_PERMISSION);
    mover_move(HG_BULK_PUSH, 0, readable, 0, 100);
    hg_pair_settle(&mover.pair);
    SUPPORT_CHECK(atomic_load(&mover.done) == 1);
    mover_answer();
    HG_PAIR_OK(HG_Bulk_free(remote));
    HG_PAIR_OK(HG_Bulk_free(readable));
    HG_PAIR_OK(HG_Bulk_free(writable));
    hg_pair_close(&mover.pair);
}

static void ranges_are_checked_before_anything_is_posted(void)
{
    unsigned char ours[200];
    hg_bulk_t local;

    mover_set_up(100, HG_BULK_READWRITE);
    local = bulk_over(mover.pair.target.hg_class, ours, 200, HG_BULK_READWRITE);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 0, local, 0, 101, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 1, local, 0, 100, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 101, local, 0, 0, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PULL, 0, local, 150, 60, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PUSH, UINT64_MAX, local, 0, 2, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PUSH, 2, local, 0, UINT64_MAX, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    HG_PAIR_RET(mover_start(HG_BULK_PUSH, 50, local, UINT64_MAX - 10, 20, HG_OP_ID_IGNORE), HG_INVALID_ARG);
    hg_pair_settle(&mover.pair);
    SUPPORT_CHECK(atomic_load(&mover.done) == 0);
    mover_move(HG_BULK_PULL, 99, local, 199, 1);
    HG_PAIR_OK(HG_Bulk_free(local));
    mover_tear_down();
}

static void null_arguments_are_refused(void)
{
    unsigned char data[10];
    hg_size_t size = 10;
    hg_context_t *context;
    hg_bulk_t bulk;
    hg_bulk_t none = HG_BULK_NULL;

    mover_open(NULL);
    context = mover.pair.target.contexts[0];
    bulk = bulk_over(mover.pair.target.hg_class, data, 10, HG_BULK_READWRITE);
    HG_PAIR_OK(HG_Bulk_free(HG_BULK_NULL));
    HG_PAIR_RET(HG_Bulk_create(NULL, 1, NULL, &size, HG_BULK_READWRITE, &none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_create(mover.pair.target.hg_class, 0, NULL, &size, HG_BULK_READWRITE, &none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_create(mover.pair.target.hg_class, 1, NULL, NULL, HG_BULK_READWRITE, &none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_create(mover.pair.target.hg_class, 1, NULL, &size, 0, &none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_create(mover.pair.target.hg_class, 1, NULL, &size, 99, &none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_create(mover.pair.target.hg_class, 1, NULL, &size, HG_BULK_READWRITE, NULL), HG_INVALID_ARG);
    SUPPORT_CHECK(none == HG_BULK_NULL);
    HG_PAIR_RET(HG_Bulk_transfer(NULL, mover_cb, NULL, HG_BULK_PULL, mover.pair.addr, bulk, 0, bulk, 0, 1, NULL),
                HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_transfer(context, mover_cb, NULL, HG_BULK_PULL, HG_ADDR_NULL, bulk, 0, bulk, 0, 1, NULL),
                HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_transfer(context, mover_cb, NULL, HG_BULK_PULL, mover.pair.addr, none, 0, bulk, 0, 1, NULL),
                HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_bind_transfer(context, mover_cb, NULL, HG_BULK_PULL, bulk, 0, bulk, 0, 1, NULL),
                HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_serialize(NULL, 100, 0, bulk), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_serialize(data, 10, 0, none), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_serialize(data, 10, 0, bulk), HG_OVERFLOW);
    HG_PAIR_RET(HG_Bulk_deserialize(NULL, &none, data, 10), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_deserialize(mover.pair.target.hg_class, &none, NULL, 10), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_cancel(HG_OP_ID_NULL), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Bulk_get_size(none) == 0 && HG_Bulk_get_segment_count(none) == 0);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_close(&mover.pair);
}

/* Bytes of a descriptor bent at every place: an error or a handle, never a crash, and the peer lives on. */
static void descriptors_with_wrong_bytes_harm_nobody(void)
{
    unsigned char wire[512];
    hg_size_t wire_size;
    hg_class_t *target;

    HG_Set_log_level("none");
    mover_open(NULL);
    target = mover.pair.target.hg_class;
    mover_begin(5000, HG_BULK_READWRITE, HG_BULK_READWRITE);
    wire_size = HG_Bulk_get_serialize_size(mover.origin, 0);
    SUPPORT_CHECK(wire_size > 0 && wire_size <= sizeof(wire));
    HG_PAIR_OK(HG_Bulk_serialize(wire, wire_size, 0, mover.origin));
    for (hg_size_t size = 0; size < wire_size; size++) {
        hg_bulk_t bulk = HG_BULK_NULL;

        SUPPORT_CHECK(HG_Bulk_deserialize(target, &bulk, wire, size) != HG_SUCCESS && bulk == HG_BULK_NULL);
    }
    for (hg_size_t i = 0; i < wire_size; i++) {
        unsigned char kept = wire[i];
        hg_bulk_t bulk = HG_BULK_NULL;

        wire[i] ^= 0xff;
        if (HG_Bulk_deserialize(target, &bulk, wire, wire_size) == HG_SUCCESS)
            HG_PAIR_OK(HG_Bulk_free(bulk));
        wire[i] = kept;
    }
    hg_pair_check_works(&mover.pair);
    mover_end();
    hg_pair_close(&mover.pair);
}

/* The owner has freed the handle: whoever still has the descriptor gets an error, and the owner lives on. */
static void transfer_with_a_freed_origin_fails(void)
{
    enum { SIZE = 100000 };

    if (strstr(support_suite_parameter(), "ofi_rxm") != NULL)
        support_suite_skip("rxm ends the connection on a key that is refused, and tells nobody");
    mover_set_up(SIZE, HG_BULK_READWRITE);
    HG_PAIR_OK(HG_Bulk_free(mover.origin));
    mover.origin = HG_BULK_NULL;
    HG_Set_log_level("none");
    if (mover_start(HG_BULK_PULL, 0, mover.local, 0, SIZE, HG_OP_ID_IGNORE) == HG_SUCCESS)
        SUPPORT_CHECK(mover_wait() != HG_SUCCESS);
    HG_Set_log_level("error");
    HG_PAIR_OK(HG_Bulk_free(mover.remote));
    (void)HG_Respond(mover.held, NULL, NULL, NULL);
    HG_PAIR_OK(HG_Destroy(mover.held));
    (void)hg_pair_call_wait(&mover.call);
    hg_pair_call_end(&mover.call);
    hg_pair_check_works(&mover.pair);
    mover_end();
    hg_pair_close(&mover.pair);
}

/* --- descriptors --------------------------------------------------------------------------------- */

static void memory_of_the_library_is_zeroed_and_accessible(void)
{
    hg_size_t sizes[2] = {1000, 24};
    hg_size_t got[4];
    void *ptrs[4];
    uint32_t count = 77;
    hg_bulk_t bulk;

    mover_open(NULL);
    HG_PAIR_OK(HG_Bulk_create(mover.pair.origin.hg_class, 2, NULL, sizes, HG_BULK_READWRITE, &bulk));
    SUPPORT_CHECK(HG_Bulk_get_size(bulk) == 1024 && HG_Bulk_get_segment_count(bulk) == 2);
    HG_PAIR_OK(HG_Bulk_access(bulk, 990, 20, HG_BULK_READWRITE, 4, ptrs, got, &count));
    SUPPORT_CHECK(count == 2 && got[0] == 10 && got[1] == 10);
    for (unsigned int i = 0; i < 10; i++)
        SUPPORT_CHECK(((unsigned char *)ptrs[0])[i] == 0 && ((unsigned char *)ptrs[1])[i] == 0);
    HG_PAIR_OK(HG_Bulk_access(bulk, 0, 0, HG_BULK_READWRITE, 4, ptrs, got, &count));
    SUPPORT_CHECK(count == 0);
    HG_PAIR_RET(HG_Bulk_access(bulk, 1000, 25, HG_BULK_READWRITE, 4, ptrs, got, &count), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_close(&mover.pair);
}

static void small_read_only_data_rides_in_the_descriptor(void)
{
    unsigned char wire[1000];
    hg_size_t size;
    hg_bulk_t decoded;

    mover_open(NULL);
    mover_begin(200, HG_BULK_READ_ONLY, HG_BULK_READWRITE);
    hg_pair_fill(mover.theirs, 200, 5);
    size = HG_Bulk_get_serialize_size(mover.origin, HG_BULK_EAGER);
    SUPPORT_CHECK(size > 200 && size <= sizeof(wire));
    HG_PAIR_OK(HG_Bulk_serialize(wire, size, HG_BULK_EAGER, mover.origin));
    HG_PAIR_OK(HG_Bulk_deserialize(mover.pair.target.hg_class, &decoded, wire, size));
    mover_send(mover.origin);
    /* The data came along: the owner is not needed any more. */
    HG_PAIR_OK(HG_Bulk_free(mover.remote));
    mover.remote = decoded;
    mover_move(HG_BULK_PULL, 10, mover.local, 0, 190);
    SUPPORT_CHECK(memcmp(mover.ours, mover.theirs + 10, 190) == 0);
    mover_tear_down();
}

/* A third process gets the descriptor from the second one, and goes to the owner, whose address is inside. */
static void bound_descriptor_can_be_passed_on(void)
{
    enum { SIZE = 50000 };
    unsigned char *theirs = malloc(SIZE);
    unsigned char *ours = calloc(1, SIZE);
    unsigned char wire[1000];
    struct hg_pair other;
    hg_size_t size;
    hg_bulk_t remote;
    hg_bulk_t second;
    hg_bulk_t third;
    hg_bulk_t local;

    mover_open(&(struct hg_pair_options){.origin_listens = true});
    hg_pair_open(&other, NULL);
    hg_pair_fill(theirs, SIZE, 6);
    remote = bulk_over(mover.pair.origin.hg_class, theirs, SIZE, HG_BULK_READWRITE);
    HG_PAIR_OK(HG_Bulk_bind(remote, mover.pair.origin.contexts[0]));
    HG_PAIR_RET(HG_Bulk_bind(remote, mover.pair.origin.contexts[0]), HG_INVALID_ARG);
    size = HG_Bulk_get_serialize_size(remote, 0);
    HG_PAIR_OK(HG_Bulk_serialize(wire, size, 0, remote));
    HG_PAIR_OK(HG_Bulk_deserialize(mover.pair.target.hg_class, &second, wire, size));
    SUPPORT_CHECK(HG_Bulk_get_addr(second) != HG_ADDR_NULL && HG_Bulk_get_context_id(second) == 0);
    size = HG_Bulk_get_serialize_size(second, 0);
    HG_PAIR_OK(HG_Bulk_serialize(wire, size, 0, second));
    HG_PAIR_OK(HG_Bulk_deserialize(other.target.hg_class, &third, wire, size));
    local = bulk_over(other.target.hg_class, ours, SIZE, HG_BULK_READWRITE);
    atomic_store(&mover.done, 0);
    HG_PAIR_RET(HG_Bulk_transfer(other.target.contexts[0], mover_cb, NULL, HG_BULK_PULL, HG_Bulk_get_addr(third), third,
                                 0, local, 0, SIZE, HG_OP_ID_IGNORE),
                HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_bind_transfer(other.target.contexts[0], mover_cb, NULL, HG_BULK_PULL, third, 0, local, 0, SIZE,
                                     HG_OP_ID_IGNORE));
    HG_PAIR_UNTIL(&mover.pair, (hg_pair_turn(&other), atomic_load(&mover.done) == 1));
    HG_PAIR_OK(mover.ret);
    SUPPORT_CHECK(hg_pair_is_filled(ours, SIZE, 6));
    HG_PAIR_OK(HG_Bulk_free(third));
    HG_PAIR_OK(HG_Bulk_free(second));
    HG_PAIR_OK(HG_Bulk_free(remote));
    HG_PAIR_OK(HG_Bulk_free(local));
    free(theirs);
    free(ours);
    hg_pair_close(&other);
    hg_pair_close(&mover.pair);
}

static void transfer_to_oneself_is_a_copy_with_a_callback(void)
{
    enum { SIZE = 70000 };
    unsigned char *from = malloc(SIZE);
    unsigned char *to = calloc(1, SIZE);
    hg_class_t *hg_class;
    hg_bulk_t from_bulk;
    hg_bulk_t to_bulk;
    hg_addr_t self;

    mover_open(NULL);
    hg_class = mover.pair.target.hg_class;
    hg_pair_fill(from, SIZE, 4);
    from_bulk = bulk_over(hg_class, from, SIZE, HG_BULK_READ_ONLY);
    to_bulk = bulk_over(hg_class, to, SIZE, HG_BULK_WRITE_ONLY);
    HG_PAIR_OK(HG_Addr_self(hg_class, &self));
    HG_PAIR_OK(HG_Bulk_transfer(mover.pair.target.contexts[0], mover_cb, NULL, HG_BULK_PULL, self, from_bulk, 0,
                                to_bulk, 0, SIZE, HG_OP_ID_IGNORE));
    SUPPORT_CHECK(atomic_load(&mover.done) == 0);
    HG_PAIR_OK(mover_wait());
    SUPPORT_CHECK(hg_pair_is_filled(to, SIZE, 4));
    HG_PAIR_OK(HG_Addr_free(hg_class, self));
    HG_PAIR_OK(HG_Bulk_free(from_bulk));
    HG_PAIR_OK(HG_Bulk_free(to_bulk));
    free(from);
    free(to);
    hg_pair_close(&mover.pair);
}

/* --- ends ---------------------------------------------------------------------------------------- */

static void cancelled_transfer_calls_back_once(void)
{
    enum { SIZE = 32 << 20 };
    unsigned int cancelled = 0;

    HG_Set_log_level("none");
    mover_set_up(SIZE, HG_BULK_READWRITE);
    for (unsigned int turns = 0; turns < 12; turns += 3) {
        hg_op_id_t op_id = HG_OP_ID_NULL;

        HG_PAIR_OK(mover_start(turns % 2 == 0 ? HG_BULK_PULL : HG_BULK_PUSH, 0, mover.local, 0, SIZE, &op_id));
        SUPPORT_CHECK(op_id != HG_OP_ID_NULL);
        for (unsigned int i = 0; i < turns; i++)
            hg_pair_turn(&mover.pair);
        HG_PAIR_OK(HG_Bulk_cancel(op_id));
        SUPPORT_CHECK(mover_wait() == HG_SUCCESS || mover.ret == HG_CANCELED);
        cancelled += mover.ret == HG_CANCELED;
        HG_PAIR_OK(HG_Bulk_cancel(op_id));
        hg_pair_settle(&mover.pair);
        SUPPORT_CHECK(atomic_load(&mover.done) == 1);
    }
    SUPPORT_CHECK(cancelled > 0);
    /* The connection is as good as before. */
    mover_move(HG_BULK_PULL, 0, mover.local, 0, 100000);
    mover_tear_down();
}

static void finished_operation_is_recognised_by_cancel(void)
{
    hg_op_id_t old = HG_OP_ID_NULL;
    hg_op_id_t fresh = HG_OP_ID_NULL;

    mover_set_up(100, HG_BULK_READWRITE);
    HG_PAIR_OK(mover_start(HG_BULK_PULL, 0, mover.local, 0, 100, &old));
    HG_PAIR_OK(mover_wait());
    HG_PAIR_OK(mover_start(HG_BULK_PULL, 0, mover.local, 0, 100, &fresh));
    HG_PAIR_OK(HG_Bulk_cancel(old));
    HG_PAIR_OK(mover_wait());
    mover_tear_down();
}

/* The whole of a service's day: pull the argument, work, push the result, answer. */
static hg_return_t pushed_back(const struct hg_cb_info *info)
{
    hg_handle_t handle = info->arg;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static hg_return_t pulled_here(const struct hg_cb_info *info)
{
    hg_handle_t handle = info->arg;
    const struct hg_info *hg_info = HG_Get_info(handle);
    hg_bulk_t local = info->info.bulk.local_handle;
    hg_bulk_t origin = info->info.bulk.origin_handle;
    unsigned char *data;
    hg_size_t size;
    uint32_t count;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Bulk_access(local, 0, info->info.bulk.size, HG_BULK_READWRITE, 1, (void **)&data, &size, &count));
    SUPPORT_CHECK(count == 1);
    for (hg_size_t i = 0; i < size; i++)
        data[i] ^= 0x5a;
    HG_PAIR_OK(HG_Bulk_transfer(hg_info->context, pushed_back, handle, HG_BULK_PUSH, hg_info->addr, origin, 0, local, 0,
                                size, HG_OP_ID_IGNORE));
    return HG_SUCCESS;
}

static hg_return_t transform(hg_handle_t handle)
{
    HG_PAIR_OK(hg_pair_pull(handle, pulled_here, false));
    return HG_SUCCESS;
}

static void handler_pulls_works_pushes_and_answers(void)
{
    enum { COUNT = 30 };
    struct hg_pair_call calls[COUNT];
    unsigned char *data[COUNT];
    hg_bulk_t bulks[COUNT];
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    id = hg_pair_register_both(&pair, "transform", hg_proc_hg_bulk_t, NULL, transform);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_size_t size = 1 + (hg_size_t)i * i * 400;

        data[i] = malloc(size);
        hg_pair_fill(data[i], size, i);
        bulks[i] = bulk_over(pair.origin.hg_class, data[i], size, HG_BULK_READWRITE);
        hg_pair_call_start_id(&pair, &calls[i], id, &bulks[i]);
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_size_t size = 1 + (hg_size_t)i * i * 400;

        HG_PAIR_OK(hg_pair_call_wait(&calls[i]));
        for (hg_size_t j = 0; j < size; j++)
            data[i][j] ^= 0x5a;
        SUPPORT_CHECK(hg_pair_is_filled(data[i], size, i));
        hg_pair_call_end(&calls[i]);
        HG_PAIR_OK(HG_Bulk_free(bulks[i]));
        free(data[i]);
    }
    hg_pair_close(&pair);
}

const struct support_case hg_bulk_cases[] = {
    SUPPORT_CASE(pull_and_push_of_all_sizes_move_every_byte),
    SUPPORT_CASE(zero_bytes_are_moved_with_a_callback),
    SUPPORT_CASE(uneven_segments_and_offsets_move_the_right_bytes),
    SUPPORT_CASE(handles_may_be_freed_right_after_submit),
    SUPPORT_CASE(many_transfers_at_once_all_end_well),
    SUPPORT_CASE(peer_that_does_nothing_holds_up_no_transfers_of_others),
    SUPPORT_CASE(permissions_are_checked_before_anything_is_posted),
    SUPPORT_CASE(ranges_are_checked_before_anything_is_posted),
    SUPPORT_CASE(null_arguments_are_refused),
    SUPPORT_CASE(descriptors_with_wrong_bytes_harm_nobody),
    SUPPORT_CASE(transfer_with_a_freed_origin_fails),
    SUPPORT_CASE(memory_of_the_library_is_zeroed_and_accessible),
    SUPPORT_CASE(small_read_only_data_rides_in_the_descriptor),
    SUPPORT_CASE(bound_descriptor_can_be_passed_on),
    SUPPORT_CASE(transfer_to_oneself_is_a_copy_with_a_callback),
    SUPPORT_CASE(cancelled_transfer_calls_back_once),
    SUPPORT_CASE(finished_operation_is_recognised_by_cancel),
    SUPPORT_CASE(handler_pulls_works_pushes_and_answers),
    {NULL, NULL, 0},
};
