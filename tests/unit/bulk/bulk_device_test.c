/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Memory of a device, played by pages that this process may not touch: what the library does itself with such memory
 * ends the test with a signal. Only while the scripted transport moves bytes, as a device would, are they open.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bulk/bulk_transfer.h"
#include "bulk/bulk_wire.h"
#include "tests/support/fake_na.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"

#define BYTES 4096U

static struct fake_na fake;
static struct bulk_owner here;
static struct bulk_owner there;
static struct util_pool pieces;
static struct bulk_env env;
static struct bulk_lane lane;

static unsigned char *device; /* BYTES, closed */
static unsigned char host[BYTES];

static void device_open(bool open)
{
    cr_assert_eq(mprotect(device, BYTES, open ? PROT_READ | PROT_WRITE : PROT_NONE), 0);
}

static void set_up(void)
{
    support_begin();
    fake_na_init(&fake);
    fake.takes_devices = true;
    fake.limits.rma_chunk = 1000;
    bulk_owner_init(&here, fake.na_class, NULL);
    bulk_owner_init(&there, fake.na_class, NULL);
    util_pool_init(&pieces, bulk_env_piece_size(), 8, 0);
    bulk_env_init(&env, &fake.limits, &pieces);
    bulk_lane_init(&lane);
    device = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(device, MAP_FAILED);
    memset(device, 'd', BYTES);
    device_open(false);
    memset(host, 'h', BYTES);
}

static void tear_down(void)
{
    cr_assert_eq(munmap(device, BYTES), 0);
    bulk_env_fini(&env);
    util_pool_fini(&pieces);
    bulk_owner_fini(&here);
    bulk_owner_fini(&there);
    fake_na_fini(&fake);
    support_end();
}

TestSuite(bulk_device, .init = set_up, .fini = tear_down);

static struct hg_bulk *create(struct bulk_owner *owner, void *base, enum na_mem_kind kind, unsigned int access)
{
    uint64_t size = BYTES;
    struct bulk_handle_args args = {
        .owner = owner,
        .count = 1,
        .bases = &base,
        .sizes = &size,
        .access = access,
        .mem_kind = kind,
        .device = 7,
    };
    struct hg_bulk *handle = NULL;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0, "%s", util_detail_get());
    return handle;
}

static struct hg_bulk *describe(struct hg_bulk *handle, size_t data_max)
{
    static uint8_t bytes[2 * BYTES];
    struct hg_bulk *decoded = NULL;

    cr_assert_eq(bulk_wire_encode(handle, data_max, bytes, sizeof(bytes), NULL), 0);
    cr_assert_eq(bulk_wire_decode(&here, bytes, sizeof(bytes), NULL, &decoded, NULL), 0);
    return decoded;
}

static unsigned int ended;

static void note_end(struct bulk_transfer *transfer, int error)
{
    (void)transfer;
    cr_assert_eq(error, 0);
    ended++;
}

static int start(struct bulk_transfer *transfer, enum bulk_op op, struct hg_bulk *origin, struct hg_bulk *local)
{
    struct bulk_transfer_args args = {
        .op = op,
        .origin = origin,
        .local = local,
        .size = BYTES,
        .route = fake.route,
        .lane = &lane,
        .done = note_end,
    };
    int ret = bulk_transfer_check(&args);

    return ret != 0 ? ret : bulk_transfer_start(&env, transfer, &args);
}

/* Bytes move only here. */
static void run(void)
{
    for (unsigned int i = 0; i < 20 && !bulk_env_idle(&env); i++) {
        device_open(true);
        (void)na_progress(fake.context);
        device_open(false);
        (void)bulk_env_resume(&env);
    }
    cr_assert(bulk_env_idle(&env));
}

Test(bulk_device, kind_and_number_of_the_device_reach_the_transport)
{
    struct hg_bulk *handle = create(&here, device, NA_MEM_ROCM, BULK_ACCESS_ALL);

    cr_assert_eq(fake.last_kind, NA_MEM_ROCM);
    cr_assert_eq(fake.last_device, 7);
    bulk_handle_unref(handle);
}

Test(bulk_device, memory_of_a_device_moves_without_being_touched_here)
{
    struct bulk_transfer transfer = {.state = BULK_TRANSFER_IDLE};
    struct hg_bulk *origin = create(&there, host, NA_MEM_HOST, BULK_ACCESS_ALL);
    struct hg_bulk *remote = describe(origin, 0);
    struct hg_bulk *local = create(&here, device, NA_MEM_CUDA, BULK_ACCESS_ALL);

    cr_assert_eq(start(&transfer, BULK_OP_PULL, remote, local), 0, "%s", util_detail_get());
    run();
    cr_assert_eq(ended, 1);
    device_open(true);
    cr_assert_arr_eq(device, host, BYTES);
    memset(device, 'e', BYTES);
    device_open(false);
    cr_assert_eq(start(&transfer, BULK_OP_PUSH, remote, local), 0, "%s", util_detail_get());
    run();
    cr_assert_eq(ended, 2);
    cr_assert(host[0] == 'e' && host[BYTES - 1] == 'e');
    bulk_handle_unref(local);
    bulk_handle_unref(remote);
    bulk_handle_unref(origin);
}

Test(bulk_device, read_only_memory_of_a_device_never_rides_in_its_descriptor)
{
    struct bulk_transfer transfer = {.state = BULK_TRANSFER_IDLE};
    struct hg_bulk *origin = create(&there, device, NA_MEM_CUDA, BULK_ACCESS_READ);
    struct hg_bulk *remote = describe(origin, BYTES);
    struct hg_bulk *local = create(&here, host, NA_MEM_HOST, BULK_ACCESS_ALL);

    cr_assert(!remote->has_data);
    cr_assert_eq(start(&transfer, BULK_OP_PULL, remote, local), 0, "%s", util_detail_get());
    run();
    cr_assert(ended == 1 && host[0] == 'd' && host[BYTES - 1] == 'd');
    bulk_handle_unref(local);
    bulk_handle_unref(remote);
    bulk_handle_unref(origin);
}

/* Within the process, and from data that came along, bytes are copied by the processor, which must not touch a device. */
Test(bulk_device, copies_to_and_from_a_device_are_refused_with_a_word)
{
    struct bulk_transfer transfer = {.state = BULK_TRANSFER_IDLE};
    struct hg_bulk *on_device = create(&here, device, NA_MEM_CUDA, BULK_ACCESS_ALL);
    struct hg_bulk *on_host = create(&here, host, NA_MEM_HOST, BULK_ACCESS_ALL);
    struct hg_bulk *small = create(&there, host, NA_MEM_HOST, BULK_ACCESS_READ);
    struct hg_bulk *with_data = describe(small, BYTES);

    cr_assert(with_data->has_data);
    cr_assert_eq(start(&transfer, BULK_OP_PULL, on_device, on_host), -EOPNOTSUPP);
    cr_assert_not_null(strstr(util_detail_get(), "device memory"));
    cr_assert_eq(start(&transfer, BULK_OP_PUSH, on_host, on_device), -EOPNOTSUPP);
    cr_assert_eq(start(&transfer, BULK_OP_PULL, with_data, on_device), -EOPNOTSUPP);
    cr_assert_not_null(strstr(util_detail_get(), "no_bulk_eager"));
    bulk_handle_unref(with_data);
    bulk_handle_unref(small);
    bulk_handle_unref(on_host);
    bulk_handle_unref(on_device);
}
