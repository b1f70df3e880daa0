/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Descriptors: exact bytes, round trips of random handles, every truncation and every flipped bit,
 * and what a forged descriptor must not achieve.
 */
#include "bulk/bulk_wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "tests/support/fake_na.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

/* Two processes: what one describes, the other decodes. */
static struct fake_na fake;
static struct bulk_owner here;
static struct bulk_owner there;

static void set_up(void)
{
    support_begin();
    fake_na_init(&fake);
    bulk_owner_init(&here, fake.na_class, NULL);
    bulk_owner_init(&there, fake.na_class, NULL);
}

static void tear_down(void)
{
    bulk_owner_fini(&here);
    bulk_owner_fini(&there);
    fake_na_fini(&fake);
    support_end();
}

TestSuite(bulk_wire, .init = set_up, .fini = tear_down);

static struct hg_bulk *make(uint32_t count, void *const *bases, const uint64_t *sizes, unsigned int access)
{
    struct bulk_handle_args args = {
        .owner = &here,
        .count = count,
        .bases = bases,
        .sizes = sizes,
        .access = access,
    };
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_create(&args, &handle), 0);
    return handle;
}

static struct hg_bulk *decode(const void *bytes, size_t size)
{
    struct hg_bulk *handle;

    cr_assert_eq(bulk_wire_decode(&there, bytes, size, NULL, &handle, NULL), 0);
    return handle;
}

/* A remote handle as if another process had sent these bytes: segment of 5 bytes at 0x1122334455667788. */
static const uint8_t golden_plain[] = {
    0xB5, 1,    3,    1,    48,   0,    0,    0,    1,   0,   0,   0,   0x08, 0x07, 0x06, 0x05,
    0x04, 0x03, 0x02, 0x01, 5,    0,    0,    0,    0,   0,   0,   0,   0,    8,    0,    0,
    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 'k', 'e', 'y', '0', '1',  '2',  '3',  '4',
};

/* Two segments of 1 and 2 bytes, bound to "x://y" in context 7, with their data. */
static const uint8_t golden_data[] = {
    0xB5, 1, 13, 0, 46, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,   0,   0,   0,   0x80, 1,   0,   0,
    0,    0, 0,  0, 0,  2, 0, 0, 0, 0, 0, 0, 0, 7, 5, 'x', ':', '/', '/', 'y',  'a', 'b', 'c',
};

Test(bulk_wire, golden_bytes_of_a_plain_descriptor)
{
    struct hg_bulk *handle = decode(golden_plain, sizeof(golden_plain));
    uint8_t again[sizeof(golden_plain)];
    size_t used = 0;

    cr_assert_eq(handle->kind, BULK_KIND_REMOTE);
    cr_assert_eq(handle->access, BULK_ACCESS_ALL);
    cr_assert_eq(handle->id, UINT64_C(0x0102030405060708));
    cr_assert_eq(handle->size, 5);
    cr_assert_eq(handle->segment_count, 1);
    cr_assert_eq(handle->segments[0].size, 5);
    cr_assert_null(handle->segments[0].base);
    cr_assert_eq(handle->paths[BULK_TRANSPORT_OWN].remotes[0].address, UINT64_C(0x1122334455667788));
    cr_assert_eq(handle->paths[BULK_TRANSPORT_OWN].key_size, 8);
    cr_assert_arr_eq(handle->paths[BULK_TRANSPORT_OWN].remotes[0].key, "key01234", 8);
    cr_assert_eq(bulk_wire_size(handle, 0), sizeof(golden_plain));
    cr_assert_eq(bulk_wire_encode(handle, 0, again, sizeof(again), &used), 0);
    cr_assert_eq(used, sizeof(golden_plain));
    cr_assert_arr_eq(again, golden_plain, sizeof(golden_plain), "passed on unchanged");
    bulk_handle_unref(handle);
}

Test(bulk_wire, golden_bytes_of_a_bound_descriptor_with_data)
{
    struct hg_bulk *handle = decode(golden_data, sizeof(golden_data));
    uint8_t again[sizeof(golden_data)];

    cr_assert(handle->has_data);
    cr_assert_eq(handle->size, 3);
    cr_assert_eq(((char *)handle->segments[0].base)[0], 'a');
    cr_assert_arr_eq(handle->segments[1].base, "bc", 2);
    cr_assert_str_eq(handle->bound_address, "x://y");
    cr_assert_eq(handle->bound_context, 7);
    cr_assert_eq(bulk_wire_encode(handle, 0, again, sizeof(again), NULL), 0,
                 "the data goes on, as there is no other way to it");
    cr_assert_arr_eq(again, golden_data, sizeof(golden_data));
    bulk_handle_unref(handle);
}

/* Three bytes "abc" inside, with their CRC-32C. */
static const uint8_t golden_digest[] = {
    0xB5, 1, 21, 0, 39, 0, 0, 0, 1, 0, 0, 0, 1,    0,    0,    0,    0,   0,   0,   0x80,
    3,    0, 0,  0, 0,  0, 0, 0, 1, 0, 0, 0, 0xb7, 0x3f, 0x4b, 0x36, 'a', 'b', 'c',
};

Test(bulk_wire, golden_bytes_of_a_descriptor_with_a_digest)
{
    struct hg_bulk *handle = decode(golden_digest, sizeof(golden_digest));
    uint8_t again[sizeof(golden_digest)];

    cr_assert(handle->has_digest);
    cr_assert_eq(handle->digest, 0x364b3fb7);
    cr_assert_eq(bulk_wire_encode(handle, 0, again, sizeof(again), NULL), 0);
    cr_assert_arr_eq(again, golden_digest, sizeof(golden_digest));
    bulk_handle_unref(handle);
}

Test(bulk_wire, senseless_digests_are_refused)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{2, 23}, {28, 0}, {28, 2}, {29, 1}, {30, 1}, {31, 1}, {4, 30}};
    struct hg_bulk *handle;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint8_t bytes[sizeof(golden_digest)];

        memcpy(bytes, golden_digest, sizeof(bytes));
        bytes[changes[i].at] = changes[i].value;
        cr_assert_eq(bulk_wire_decode(&there, bytes, sizeof(bytes), NULL, &handle, NULL), -EPROTO, "change %zu", i);
    }
}

Test(bulk_wire, one_segment_takes_48_bytes)
{
    char buf[100];
    void *base = buf;
    uint64_t size = sizeof(buf);
    struct hg_bulk *handle = make(1, &base, &size, BULK_ACCESS_READ);

    cr_assert_eq(bulk_wire_size(handle, 0), 48);
    bulk_handle_unref(handle);
}

Test(bulk_wire, own_descriptor_gives_the_very_handle_while_it_lives)
{
    uint64_t size = 10;
    struct hg_bulk *handle = make(1, NULL, &size, BULK_ACCESS_ALL);
    uint8_t bytes[48];
    struct hg_bulk *again;

    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, sizeof(bytes), NULL), 0);
    cr_assert_eq(bulk_wire_decode(&here, bytes, sizeof(bytes), NULL, &again, NULL), 0);
    cr_assert_eq(again, handle);
    bulk_handle_unref(handle);
    cr_assert_eq(again->size, 10, "held by the reference of the decode");
    bulk_handle_unref(again);
    cr_assert_eq(fake.registered, 0);
    cr_assert_eq(bulk_wire_decode(&here, bytes, sizeof(bytes), NULL, &again, NULL), 0);
    cr_assert_eq(again->kind, BULK_KIND_REMOTE, "gone: no address of ours is ever taken from it");
    cr_assert_null(again->segments[0].base);
    bulk_handle_unref(again);
}

Test(bulk_wire, a_forged_copy_of_our_descriptor_changes_nothing_of_ours)
{
    uint64_t size = 10;
    struct hg_bulk *handle = make(1, NULL, &size, BULK_ACCESS_READ);
    uint8_t bytes[48];
    struct hg_bulk *again;

    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, sizeof(bytes), NULL), 0);
    bytes[2] = BULK_WIRE_FLAG_READ | BULK_WIRE_FLAG_WRITE;
    bytes[20] = 200;
    cr_assert_eq(bulk_wire_decode(&here, bytes, sizeof(bytes), NULL, &again, NULL), 0);
    cr_assert_eq(again, handle);
    cr_assert_eq(again->access, BULK_ACCESS_READ);
    cr_assert_eq(again->size, 10);
    bulk_handle_unref(again);
    bulk_handle_unref(handle);
}

Test(bulk_wire, data_rides_inside_only_when_small_and_never_written)
{
    char buf[] = "0123456789";
    void *bases[] = {buf + 5, NULL, buf};
    uint64_t sizes[] = {5, 0, 5};
    struct hg_bulk *handle = make(3, bases, sizes, BULK_ACCESS_READ);
    size_t plain = bulk_wire_size(handle, 0);
    uint8_t bytes[256];
    size_t used;
    struct hg_bulk *remote;

    cr_assert_eq(bulk_wire_size(handle, 9), plain);
    cr_assert_eq(bulk_wire_size(handle, 10), 20 + 24 + 10);
    cr_assert_eq(bulk_wire_encode(handle, 10, bytes, sizeof(bytes), &used), 0);
    remote = decode(bytes, used);
    cr_assert(remote->has_data);
    cr_assert_null(remote->paths[BULK_TRANSPORT_OWN].remotes);
    cr_assert_arr_eq(remote->segments[0].base, "56789", 5);
    cr_assert_arr_eq(remote->segments[2].base, "01234", 5);
    bulk_handle_unref(remote);
    bulk_handle_unref(handle);

    handle = make(3, bases, sizes, BULK_ACCESS_ALL);
    cr_assert_eq(bulk_wire_size(handle, 100), plain, "what may be written is not copied early");
    bulk_handle_unref(handle);
}

Test(bulk_wire, empty_handles_travel)
{
    uint64_t sizes[] = {0, 0};
    struct hg_bulk *handle = make(2, NULL, sizes, BULK_ACCESS_READ);
    uint8_t bytes[128];
    size_t used;
    struct hg_bulk *remote;

    for (size_t data_max = 0; data_max < 2; data_max++) {
        cr_assert_eq(bulk_wire_encode(handle, data_max, bytes, sizeof(bytes), &used), 0);
        remote = decode(bytes, used);
        cr_assert_eq(remote->size, 0);
        cr_assert_eq(remote->segment_count, 2);
        bulk_handle_unref(remote);
    }
    bulk_handle_unref(handle);
}

Test(bulk_wire, local_only_memory_is_never_described)
{
    char buf[8];
    uint8_t bytes[128];
    struct hg_bulk *handle;

    cr_assert_eq(bulk_handle_wrap(&here, buf, 8, BULK_ACCESS_ALL, true, &handle), 0);
    cr_assert_eq(bulk_wire_size(handle, 0), 0);
    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, sizeof(bytes), NULL), -EACCES);
    bulk_handle_unref(handle);
}

Test(bulk_wire, encode_needs_the_room_that_size_names)
{
    uint64_t size = 10;
    struct hg_bulk *handle = make(1, NULL, &size, BULK_ACCESS_ALL);
    uint8_t bytes[48];

    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, 47, NULL), -EOVERFLOW);
    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, 0, NULL), -EOVERFLOW);
    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, 48, NULL), 0);
    bulk_handle_unref(handle);
}

Test(bulk_wire, bytes_after_the_descriptor_are_ignored)
{
    uint8_t bytes[sizeof(golden_plain) + 9];
    size_t used = 0;
    struct hg_bulk *handle;

    memset(bytes, 0xff, sizeof(bytes));
    memcpy(bytes, golden_plain, sizeof(golden_plain));
    cr_assert_eq(bulk_wire_decode(&there, bytes, sizeof(bytes), NULL, &handle, &used), 0);
    cr_assert_eq(used, sizeof(golden_plain));
    bulk_handle_unref(handle);
}

Test(bulk_wire, every_truncation_is_refused)
{
    struct bulk_wire_view view;

    for (size_t size = 0; size < sizeof(golden_plain); size++)
        cr_assert_eq(bulk_wire_parse(golden_plain, size, &view), -EOVERFLOW);
    for (size_t size = 0; size < sizeof(golden_data); size++)
        cr_assert_eq(bulk_wire_parse(golden_data, size, &view), -EOVERFLOW);
}

/* Also where the size field is made to agree: then some part inside does not fit. */
Test(bulk_wire, every_truncation_with_a_matching_size_field_is_refused)
{
    const struct {
        const uint8_t *bytes;
        size_t size;
    } goldens[] = {{golden_plain, sizeof(golden_plain)}, {golden_data, sizeof(golden_data)}};
    struct bulk_wire_view view;
    uint8_t copy[64];

    for (size_t i = 0; i < 2; i++) {
        memcpy(copy, goldens[i].bytes, goldens[i].size);
        for (size_t size = 0; size < goldens[i].size; size++) {
            copy[4] = (uint8_t)size;
            cr_assert_eq(bulk_wire_parse(copy, goldens[i].size, &view), -EPROTO, "size %zu", size);
        }
    }
}

static int parse_changed(const uint8_t *golden, size_t size, size_t at, uint8_t value)
{
    struct bulk_wire_view view;
    uint8_t copy[64];

    memcpy(copy, golden, size);
    copy[at] = value;
    return bulk_wire_parse(copy, size, &view);
}

Test(bulk_wire, each_senseless_field_is_refused)
{
    const size_t size = sizeof(golden_plain);

    cr_assert_eq(parse_changed(golden_plain, size, 0, 0), -EPROTO, "magic");
    cr_assert_eq(parse_changed(golden_plain, size, 1, 2), -EPROTONOSUPPORT, "version");
    cr_assert_eq(parse_changed(golden_plain, size, 2, 0), -EPROTO, "no access at all");
    cr_assert_eq(parse_changed(golden_plain, size, 2, 0x13), -EPROTO, "unknown flag");
    cr_assert_eq(parse_changed(golden_plain, size, 2, 7), -EPROTO, "data that may be written");
    cr_assert_eq(parse_changed(golden_plain, size, 3, 0), -EPROTO, "bytes that belong to nothing");
    cr_assert_eq(parse_changed(golden_plain, size, 3, 9), -EPROTO, "paths");
    cr_assert_eq(parse_changed(golden_plain, size, 7, 1), -EOVERFLOW, "16 MiB that are not there");
    cr_assert_eq(parse_changed(golden_plain, size, 8, 0), -EPROTO, "no segments");
    cr_assert_eq(parse_changed(golden_plain, size, 8, 2), -EPROTO, "segments that are not there");
    cr_assert_eq(parse_changed(golden_plain, size, 11, 1), -EPROTO, "16 million segments");
    cr_assert_eq(parse_changed(golden_plain, size, 29, 0), -EPROTO, "no key");
    cr_assert_eq(parse_changed(golden_plain, size, 29, 65), -EPROTO, "key size");
    cr_assert_eq(parse_changed(golden_plain, size, 30, 1), -EPROTO, "reserved");
    cr_assert_eq(parse_changed(golden_data, sizeof(golden_data), 37, 0), -EPROTO, "no address");
    cr_assert_eq(parse_changed(golden_data, sizeof(golden_data), 38, 0), -EPROTO, "unprintable");
    cr_assert_eq(parse_changed(golden_data, sizeof(golden_data), 27, 0xff), -EPROTO, "data size");
}

Test(bulk_wire, sizes_that_wrap_are_refused)
{
    struct bulk_wire_view view;
    uint8_t copy[sizeof(golden_data)];

    memcpy(copy, golden_data, sizeof(copy));
    memset(copy + 20, 0xff, 8);
    cr_assert_eq(bulk_wire_parse(copy, sizeof(copy), &view), -EPROTO);
}

Test(bulk_wire, unknown_paths_are_read_over)
{
    uint8_t bytes[sizeof(golden_plain) + 14];
    struct hg_bulk *handle;

    /* A path of transport 9 with a 2-byte key goes in front of ours. */
    memcpy(bytes, golden_plain, 28);
    memcpy(bytes + 28, "\x09\x02\0\0aaaaaaaakk", 14);
    memcpy(bytes + 42, golden_plain + 28, sizeof(golden_plain) - 28);
    bytes[3] = 2;
    bytes[4] = sizeof(bytes);
    handle = decode(bytes, sizeof(bytes));
    cr_assert_eq(handle->paths[BULK_TRANSPORT_OWN].remotes[0].address, UINT64_C(0x1122334455667788));
    bulk_handle_unref(handle);
    /* Ours twice says two different things. */
    bytes[28] = 0;
    struct bulk_wire_view view;
    cr_assert_eq(bulk_wire_parse(bytes, sizeof(bytes), &view), -EPROTO);
}

/* Whatever a peer changes: refused, or a handle that says only what the bytes say. */
Test(bulk_wire, no_changed_byte_does_harm)
{
    for (size_t at = 0; at < sizeof(golden_data); at++) {
        for (unsigned int value = 0; value < 256; value++) {
            uint8_t copy[sizeof(golden_data)];
            struct hg_bulk *handle;

            memcpy(copy, golden_data, sizeof(copy));
            copy[at] = (uint8_t)value;
            if (bulk_wire_decode(&there, copy, sizeof(copy), NULL, &handle, NULL) != 0)
                continue;
            cr_assert_leq(handle->size, handle->has_data ? sizeof(copy) : SIZE_MAX);
            cr_assert_null(handle->mems[BULK_TRANSPORT_OWN]);
            cr_assert_null(handle->provided);
            bulk_handle_unref(handle);
        }
    }
}

Test(bulk_wire, random_handles_survive_the_round_trip)
{
    static uint8_t bytes[1 << 16];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < 500; round++) {
        uint32_t count = 1 + (uint32_t)util_prng_below(&prng, 40);
        uint64_t sizes[40];
        struct hg_bulk *handle;
        struct hg_bulk *remote;
        size_t used;

        fake.key_size = (uint8_t)(1 + util_prng_below(&prng, NA_KEY_MAX));
        for (uint32_t i = 0; i < count; i++)
            sizes[i] = util_prng_below(&prng, 50);
        handle = make(count, NULL, sizes, 1 + (unsigned int)util_prng_below(&prng, 3));
        if (util_prng_below(&prng, 2) == 0)
            cr_assert_eq(bulk_handle_bind(handle, "tcp://127.0.0.1:1", (uint8_t)round), 0);
        cr_assert_eq(bulk_wire_encode(handle, 500, bytes, sizeof(bytes), &used), 0);
        cr_assert_eq(used, bulk_wire_size(handle, 500));
        remote = decode(bytes, used);
        cr_assert_eq(remote->size, handle->size);
        cr_assert_eq(remote->segment_count, count);
        cr_assert_eq(remote->access, handle->access);
        cr_assert_eq(remote->id, handle->id);
        cr_assert_eq(bulk_handle_is_bound(remote), bulk_handle_is_bound(handle));
        cr_assert_eq(remote->bound_context, handle->bound_context);
        for (uint32_t i = 0; i < count; i++) {
            struct na_remote_segment expected;

            cr_assert_eq(remote->segments[i].size, sizes[i]);
            if (remote->paths[BULK_TRANSPORT_OWN].remotes == NULL)
                continue;
            na_mem_describe(handle->mems[BULK_TRANSPORT_OWN], i, &expected);
            cr_assert_eq(remote->paths[BULK_TRANSPORT_OWN].remotes[i].address, expected.address);
            cr_assert_eq(remote->paths[BULK_TRANSPORT_OWN].key_size, expected.key_size);
            cr_assert_arr_eq(remote->paths[BULK_TRANSPORT_OWN].remotes[i].key, expected.key, expected.key_size);
        }
        bulk_handle_unref(remote);
        bulk_handle_unref(handle);
    }
}

Test(bulk_wire, decode_costs_one_allocation_and_survives_its_failure)
{
    struct hg_bulk *handle = NULL;

    util_alloc_fail_at(1);
    cr_assert_eq(bulk_wire_decode(&there, golden_plain, sizeof(golden_plain), NULL, &handle, NULL), -ENOMEM);
    util_alloc_fail_at(UINT64_MAX);
    cr_assert_eq(bulk_wire_decode(&there, golden_plain, sizeof(golden_plain), NULL, &handle, NULL), 0);
    cr_assert_eq(util_alloc_count(), 1);
    util_alloc_fail_at(0);
    bulk_handle_unref(handle);
    for (uint64_t n = 1; n <= 2; n++) {
        util_alloc_fail_at(n);
        cr_assert_eq(bulk_wire_decode(&there, golden_data, sizeof(golden_data), NULL, &handle, NULL), -ENOMEM);
    }
}

/* --- two transports ---------------------------------------------------------------------------- */

/* golden_plain with a path by shared memory behind the other: address 0x20, key "sm". */
static const uint8_t golden_sm[] = {
    0xB5, 1,   3,   2,   62,  0,   0, 0, 1, 0, 0,    0,    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 5,
    0,    0,   0,   0,   0,   0,   0, 0, 8, 0, 0,    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 'k',  'e',
    'y',  '0', '1', '2', '3', '4', 1, 2, 0, 0, 0x20, 0,    0,    0,    0,    0,    0,    0,    's',  'm',
};

Test(bulk_wire, path_by_shared_memory_is_kept_and_passed_on)
{
    struct hg_bulk *handle = decode(golden_sm, sizeof(golden_sm));
    uint8_t bytes[sizeof(golden_sm)];
    size_t used;

    cr_assert_eq(handle->paths[BULK_TRANSPORT_OWN].remotes[0].address, UINT64_C(0x1122334455667788));
    cr_assert_eq(handle->paths[BULK_TRANSPORT_OWN].key_size, 8);
    cr_assert_arr_eq(handle->paths[BULK_TRANSPORT_OWN].remotes[0].key, "key01234", 8);
    cr_assert_eq(handle->paths[BULK_TRANSPORT_SM].remotes[0].address, 0x20);
    cr_assert_eq(handle->paths[BULK_TRANSPORT_SM].key_size, 2);
    cr_assert_arr_eq(handle->paths[BULK_TRANSPORT_SM].remotes[0].key, "sm", 2);
    cr_assert_eq(bulk_wire_size(handle, 0), sizeof(golden_sm));
    cr_assert_eq(bulk_wire_encode(handle, 0, bytes, sizeof(bytes), &used), 0);
    cr_assert_eq(used, sizeof(golden_sm));
    cr_assert_arr_eq(bytes, golden_sm, sizeof(golden_sm));
    bulk_handle_unref(handle);
}

Test(bulk_wire, path_by_shared_memory_alone_is_a_way)
{
    uint8_t bytes[sizeof(golden_plain)];
    struct hg_bulk *handle;

    memcpy(bytes, golden_plain, sizeof(bytes));
    bytes[28] = BULK_TRANSPORT_SM;
    handle = decode(bytes, sizeof(bytes));
    cr_assert(bulk_handle_has_path(handle, BULK_TRANSPORT_SM));
    cr_assert(!bulk_handle_has_path(handle, BULK_TRANSPORT_OWN));
    bulk_handle_unref(handle);
}

Test(bulk_wire, every_truncation_of_two_paths_is_refused)
{
    struct bulk_wire_view view;
    uint8_t copy[sizeof(golden_sm)];

    memcpy(copy, golden_sm, sizeof(copy));
    for (size_t size = 0; size < sizeof(golden_sm); size++) {
        cr_assert_eq(bulk_wire_parse(golden_sm, size, &view), -EOVERFLOW);
        copy[4] = (uint8_t)size;
        cr_assert_eq(bulk_wire_parse(copy, sizeof(copy), &view), -EPROTO, "size %zu", size);
    }
    cr_assert_eq(parse_changed(golden_sm, sizeof(golden_sm), 48, 0), -EPROTO, "the same path twice");
    cr_assert_eq(parse_changed(golden_sm, sizeof(golden_sm), 28, 1), -EPROTO, "the same path twice");
    cr_assert_eq(parse_changed(golden_sm, sizeof(golden_sm), 49, 3), -EPROTO, "key size");
    cr_assert_eq(parse_changed(golden_sm, sizeof(golden_sm), 3, 1), -EPROTO, "bytes that belong to nothing");
}

/* Random handles of a class with two transports: each path is what its transport says. */
Test(bulk_wire, handles_of_two_transports_describe_both)
{
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    bulk_owner_add_sm(&here, fake.na_class);
    for (int round = 0; round < 200; round++) {
        uint32_t count = 1 + (uint32_t)util_prng_below(&prng, 5);
        uint64_t sizes[5];
        uint8_t bytes[1024];
        struct hg_bulk *handle;
        struct hg_bulk *remote;
        size_t used;

        for (uint32_t i = 0; i < count; i++)
            sizes[i] = util_prng_below(&prng, 100);
        handle = make(count, NULL, sizes, BULK_ACCESS_ALL);
        cr_assert_eq(bulk_wire_encode(handle, 0, bytes, sizeof(bytes), &used), 0);
        cr_assert_eq(used, bulk_wire_size(handle, 0));
        remote = decode(bytes, used);
        for (unsigned int t = 0; t < BULK_TRANSPORTS_MAX; t++) {
            for (uint32_t i = 0; i < count; i++) {
                struct na_remote_segment expected;

                na_mem_describe(handle->mems[t], i, &expected);
                cr_assert_eq(remote->paths[t].remotes[i].address, expected.address);
                cr_assert_eq(remote->paths[t].key_size, expected.key_size);
                cr_assert_arr_eq(remote->paths[t].remotes[i].key, expected.key, expected.key_size);
            }
        }
        bulk_handle_unref(remote);
        bulk_handle_unref(handle);
    }
}
