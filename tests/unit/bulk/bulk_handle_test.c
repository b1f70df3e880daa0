/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Bulk handles over the scripted transport: what is registered, provided, refused and freed.
 */
#include "bulk/bulk_handle.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/fake_na.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

static struct fake_na fake;
static struct bulk_owner owner;
static unsigned int released_count;

static void set_up(void)
{
    support_begin();
    fake_na_init(&fake);
    bulk_owner_init(&owner, fake.na_class, NULL);
    released_count = 0;
}

static void tear_down(void)
{
    cr_assert_eq(bulk_owner_handle_count(&owner), 0);
    bulk_owner_fini(&owner);
    fake_na_fini(&fake);
    support_end();
}

TestSuite(bulk_handle, .init = set_up, .fini = tear_down);

static void count_release(struct hg_bulk *handle)
{
    cr_assert_not_null(handle->mems[BULK_TRANSPORT_OWN], "the registration still stands");
    released_count++;
}

static struct bulk_handle_args args_of(uint32_t count, void *const *bases, const uint64_t *sizes)
{
    return (struct bulk_handle_args){
        .owner = &owner,
        .count = count,
        .bases = bases,
        .sizes = sizes,
        .access = BULK_ACCESS_ALL,
        .released = count_release,
    };
}

Test(bulk_handle, create_copies_the_arrays_and_registers)
{
    char a[10];
    char b[20];
    void *bases[] = {a, b};
    uint64_t sizes[] = {10, 20};
    struct bulk_handle_args args = args_of(2, bases, sizes);
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    memset(bases, 0, sizeof(bases));
    memset(sizes, 0, sizeof(sizes));
    cr_assert_eq(handle->size, 30);
    cr_assert_eq(handle->segment_count, 2);
    cr_assert_eq(handle->segments[1].base, b);
    cr_assert_eq(handle->segments[1].size, 20);
    cr_assert_eq(fake.registered, 1);
    cr_assert_eq(fake.last_access, NA_ACCESS_LOCAL | NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE);
    bulk_handle_unref(handle);
    cr_assert_eq(fake.registered, 0);
    cr_assert_eq(released_count, 1);
}

Test(bulk_handle, flags_say_what_the_remote_side_may_do)
{
    char buf[8];
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_wrap(&owner, buf, 8, BULK_ACCESS_READ, false, &handle), 0);
    cr_assert_eq(fake.last_access, NA_ACCESS_LOCAL | NA_ACCESS_REMOTE_READ);
    bulk_handle_unref(handle);
    cr_assert_eq(bulk_handle_wrap(&owner, buf, 8, BULK_ACCESS_WRITE, false, &handle), 0);
    cr_assert_eq(fake.last_access, NA_ACCESS_LOCAL | NA_ACCESS_REMOTE_WRITE);
    bulk_handle_unref(handle);
    cr_assert_eq(bulk_handle_wrap(&owner, buf, 8, BULK_ACCESS_ALL, true, &handle), 0);
    cr_assert_eq(fake.last_access, NA_ACCESS_LOCAL, "local_only is for nobody else");
    bulk_handle_unref(handle);
}

Test(bulk_handle, missing_memory_is_provided_zeroed_and_apart)
{
    char own[5] = "own";
    void *bases[] = {NULL, own, NULL, NULL};
    uint64_t sizes[] = {3, 5, 0, 100};
    struct bulk_handle_args args = args_of(4, bases, sizes);
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    cr_assert_eq(handle->segments[1].base, own);
    for (uint32_t i = 0; i < 4; i += 3) {
        const char *base = handle->segments[i].base;

        cr_assert_not_null(base);
        cr_assert_eq((uintptr_t)base % 64, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq(base[j], 0);
    }
    memset(handle->segments[0].base, 1, 3);
    memset(handle->segments[3].base, 2, 100);
    cr_assert_eq(((char *)handle->segments[0].base)[2], 1);
    bulk_handle_unref(handle);
}

Test(bulk_handle, bad_arguments_are_refused_with_a_sentence)
{
    uint64_t sizes[] = {8, SIZE_MAX - 4};
    uint64_t huge[] = {UINT64_MAX};
    char buf[8];
    void *bases[] = {buf, buf};
    struct hg_bulk *handle = NULL;
    struct bulk_handle_args args = args_of(0, bases, sizes);

    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL);
    cr_assert_neq(strlen(util_detail_get()), 0);
    args.count = BULK_SEGMENTS_MAX + 1;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL);
    args.count = 2;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EOVERFLOW);
    args.bases = NULL;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EOVERFLOW);
    args.count = 1;
    args.sizes = huge;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EOVERFLOW);
    args.sizes = NULL;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL);
    args.sizes = sizes;
    args.access = 0;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL);
    args.access = 4;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL);
    cr_assert_null(handle);
    cr_assert_eq(released_count, 0);
}

Test(bulk_handle, a_refused_registration_leaves_nothing)
{
    uint64_t sizes[] = {8};
    struct bulk_handle_args args = args_of(1, NULL, sizes);
    struct hg_bulk *handle = NULL;

    fake.fail_register = -ENOMEM;
    cr_assert_eq(bulk_handle_create(&args, &handle), -ENOMEM);
    cr_assert_null(handle);
    cr_assert_eq(released_count, 0, "only what was made is released");
    args.mem_kind = NA_MEM_CUDA;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EINVAL, "no device memory is provided");
}

Test(bulk_handle, device_memory_that_the_transport_cannot_take_is_refused)
{
    char buf[8];
    void *bases[] = {buf};
    uint64_t sizes[] = {8};
    struct bulk_handle_args args = args_of(1, bases, sizes);
    struct hg_bulk *handle = NULL;

    args.mem_kind = NA_MEM_CUDA;
    cr_assert_eq(bulk_handle_create(&args, &handle), -EOPNOTSUPP);
    cr_assert_null(handle);
}

Test(bulk_handle, every_failed_allocation_is_survived)
{
    uint64_t sizes[] = {8, 100};
    struct bulk_handle_args args = args_of(2, NULL, sizes);
    struct hg_bulk *handle = NULL;
    int ret = -ENOMEM;
    uint64_t n;

    for (n = 1; ret == -ENOMEM; n++) {
        util_alloc_fail_at(n);
        ret = bulk_handle_create(&args, &handle);
    }
    util_alloc_fail_at(0);
    cr_assert_eq(ret, 0);
    cr_assert_eq(n, 4, "the handle and its memory: two allocations");
    bulk_handle_unref(handle);
}

Test(bulk_handle, one_segment_costs_one_allocation)
{
    char buf[8];
    struct hg_bulk *handle;

    util_alloc_fail_at(UINT64_MAX);
    cr_assert_eq(bulk_handle_wrap(&owner, buf, 8, BULK_ACCESS_READ, false, &handle), 0);
    cr_assert_eq(util_alloc_count(), 1);
    bulk_handle_unref(handle);
}

Test(bulk_handle, references_keep_it_until_the_last)
{
    uint64_t sizes[] = {8};
    struct bulk_handle_args args = args_of(1, NULL, sizes);
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    bulk_handle_ref(handle);
    bulk_handle_unref(handle);
    cr_assert_eq(released_count, 0);
    cr_assert_eq(bulk_owner_handle_count(&owner), 1);
    bulk_handle_unref(handle);
    cr_assert_eq(released_count, 1);
    bulk_handle_unref(NULL);
}

Test(bulk_handle, access_gives_the_pieces_of_a_range)
{
    char a[10];
    char b[20];
    void *bases[] = {a, NULL, b};
    uint64_t sizes[] = {10, 0, 20};
    struct bulk_handle_args args = args_of(3, bases, sizes);
    struct hg_bulk *handle;
    void *got[3];
    uint64_t got_sizes[3];
    uint32_t count = 9;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    cr_assert_eq(bulk_handle_access(handle, 4, 10, 3, got, got_sizes, &count), 0);
    cr_assert_eq(count, 2);
    cr_assert(got[0] == a + 4 && got_sizes[0] == 6);
    cr_assert(got[1] == b && got_sizes[1] == 4);
    cr_assert_eq(bulk_handle_access(handle, 4, 10, 1, got, NULL, &count), 0);
    cr_assert_eq(count, 1);
    cr_assert_eq(bulk_handle_access(handle, 30, 0, 3, got, got_sizes, &count), 0);
    cr_assert_eq(count, 0, "set even where there is nothing");
    count = 9;
    cr_assert_eq(bulk_handle_access(handle, 0, 5, 0, NULL, NULL, &count), 0);
    cr_assert_eq(count, 0);
    count = 9;
    cr_assert_eq(bulk_handle_access(handle, 0, 31, 3, got, got_sizes, &count), -EINVAL);
    cr_assert_eq(count, 0);
    cr_assert_eq(bulk_handle_access(handle, UINT64_MAX, 2, 3, got, got_sizes, NULL), -EINVAL);
    bulk_handle_unref(handle);
}

Test(bulk_handle, binding_is_done_once_by_the_owner)
{
    uint64_t sizes[] = {8};
    struct bulk_handle_args args = args_of(1, NULL, sizes);
    struct hg_bulk *handle;
    char too_long[NA_ADDRESS_MAX + 1];

    memset(too_long, 'a', NA_ADDRESS_MAX);
    too_long[NA_ADDRESS_MAX] = '\0';
    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    cr_assert_eq(bulk_handle_bind(handle, "", 0), -EINVAL);
    cr_assert_eq(bulk_handle_bind(handle, too_long, 0), -EINVAL);
    cr_assert_not(bulk_handle_is_bound(handle));
    cr_assert_eq(bulk_handle_bind(handle, "fake://me", 3), 0);
    cr_assert_str_eq(handle->bound_address, "fake://me");
    cr_assert_eq(handle->bound_context, 3);
    cr_assert_eq(bulk_handle_bind(handle, "fake://other", 4), -EINVAL);
    cr_assert_str_eq(handle->bound_address, "fake://me");
    bulk_handle_unref(handle);
}

/* --- holds ------------------------------------------------------------------------------------------- */

static struct {
    unsigned int calls;
    uint64_t id;
    int registered;
} halted;

static void note_halt(struct bulk_owner *of, uint64_t id)
{
    cr_assert_eq(of, &owner);
    halted.calls++;
    halted.id = id;
    halted.registered = (int)fake.registered;
}

/* A handle that has been described, over this memory or the library's. */
static struct hg_bulk *described(void *base, uint64_t size, uint64_t *id)
{
    struct bulk_handle_args args = args_of(1, base == NULL ? NULL : &base, &size);
    struct hg_bulk *handle;

    halted.calls = 0;
    owner.halt = note_halt;
    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    cr_assert_eq(bulk_owner_identify(&owner, handle, id), 0);
    return handle;
}

Test(bulk_handle, held_memory_of_the_library_outlives_its_handle_registered)
{
    uint64_t id;
    struct hg_bulk *handle = described(NULL, 5000, &id);
    volatile unsigned char *memory = handle->segments[0].base;

    cr_assert(bulk_owner_hold(&owner, id));
    cr_assert(bulk_owner_hold(&owner, id));
    bulk_handle_unref(handle);
    cr_assert_eq(released_count, 1);
    cr_assert_eq(bulk_owner_handle_count(&owner), 0, "to the user it is gone");
    cr_assert_null(bulk_owner_find(&owner, id));
    cr_assert_not(bulk_owner_hold(&owner, id), "no further calls can have shown it");
    cr_assert_eq(fake.registered, 1);
    memory[4999] = 1;
    bulk_owner_release(&owner, id);
    memory[4999] = 2;
    bulk_owner_release(&owner, id);
    cr_assert_eq(fake.registered, 0);
    cr_assert_eq(halted.calls, 0);
}

Test(bulk_handle, held_memory_of_the_user_is_withdrawn_and_then_halted)
{
    char memory[100];
    uint64_t id;
    struct hg_bulk *handle = described(memory, sizeof(memory), &id);

    cr_assert(bulk_owner_hold(&owner, id));
    bulk_handle_unref(handle);
    cr_assert_eq(halted.calls, 1);
    cr_assert_eq(halted.id, id);
    cr_assert_eq(halted.registered, 0);
    cr_assert_eq(fake.registered, 0);
    bulk_owner_release(&owner, id); /* late */
}

Test(bulk_handle, of_mixed_memory_the_users_is_halted_and_the_librarys_kept)
{
    char memory[100];
    void *bases[] = {memory, NULL};
    uint64_t sizes[] = {sizeof(memory), 64};
    struct bulk_handle_args args = args_of(2, bases, sizes);
    volatile unsigned char *kept;
    struct hg_bulk *handle;
    uint64_t id;

    halted.calls = 0;
    owner.halt = note_halt;
    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    cr_assert_eq(bulk_owner_identify(&owner, handle, &id), 0);
    kept = handle->segments[1].base;
    cr_assert(bulk_owner_hold(&owner, id));
    bulk_handle_unref(handle);
    cr_assert_eq(halted.calls, 1);
    cr_assert_eq(fake.registered, 0);
    kept[63] = 1;
    bulk_owner_release(&owner, id);
}

Test(bulk_handle, released_holds_leave_nothing)
{
    char memory[100];
    uint64_t id;
    struct hg_bulk *handle = described(memory, sizeof(memory), &id);

    cr_assert_not(bulk_owner_hold(&owner, id + 1));
    bulk_owner_release(&owner, id + 1);
    cr_assert(bulk_owner_hold(&owner, id));
    bulk_owner_release(&owner, id);
    bulk_handle_unref(handle);
    cr_assert_eq(halted.calls, 0);
    cr_assert_eq(fake.registered, 0);
}
