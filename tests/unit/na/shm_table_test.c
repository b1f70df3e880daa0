/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table of registered memory, as its owner and as a peer sees it: the right range for the right key,
 * direction and bounds, and nothing else.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "na/na.h"
#include "na/shm/shm_memfd.h"
#include "na/shm/shm_table.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_rand.h"

TestSuite(shm_table, .init = support_begin, .fini = support_end, .timeout = 60);

#define READ             ((unsigned int)NA_ACCESS_REMOTE_READ)
#define WRITE            ((unsigned int)NA_ACCESS_REMOTE_WRITE)
#define BOTH             (READ | WRITE)
#define KEY              UINT64_C(0x1122334455667788)
#define ENTRY_OF(number) ((uint64_t)(number) << SHM_TABLE_OFFSET_BITS)
#define TABLE_BYTES      (SHM_TABLE_ENTRIES * 32UL)

/* A table and what a peer has of it. */
struct both {
    struct shm_table *table;
    struct shm_table_view *view;
};

static void both_open(struct both *both)
{
    cr_assert_eq(shm_table_create(&both->table), 0);
    cr_assert_eq(shm_table_view_open(shm_table_fd(both->table), &both->view), 0);
}

static void both_close(struct both *both)
{
    shm_table_view_close(both->view);
    shm_table_destroy(both->table);
}

static uint64_t add(struct both *both, uint64_t base, uint64_t size, unsigned int access, uint64_t key)
{
    struct shm_table_range range = {.base = base, .size = size, .access = access};
    uint64_t address = 0;

    cr_assert_eq(shm_table_add(both->table, &range, key, &address), 0);
    cr_assert_neq(address, 0);
    return address;
}

static int find(const struct both *both, uint64_t address, uint64_t key, uint64_t size, unsigned int access)
{
    uint64_t base = 0;

    return shm_table_view_find(both->view, address, key, size, access, &base);
}

Test(shm_table, peer_finds_what_was_added_until_it_is_removed)
{
    struct both both;
    uint64_t base = 0;
    uint64_t one;
    uint64_t two;

    both_open(&both);
    one = add(&both, 0x10000, 4096, BOTH, KEY);
    two = add(&both, 0x90000, 100, READ, KEY + 1);
    cr_assert_neq(one, two);
    cr_assert_eq(shm_table_view_find(both.view, one, KEY, 4096, READ, &base), 0);
    cr_assert_eq(base, 0x10000);
    cr_assert_eq(shm_table_view_find(both.view, one + 4000, KEY, 96, WRITE, &base), 0);
    cr_assert_eq(base, 0x10000 + 4000);
    cr_assert_eq(shm_table_view_find(both.view, two + 99, KEY + 1, 1, READ, &base), 0);
    cr_assert_eq(base, 0x90000 + 99);
    shm_table_remove(both.table, one);
    cr_assert_eq(find(&both, one, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, one, 0, 1, READ), -EACCES, "no key, no entry");
    cr_assert_eq(find(&both, two, KEY + 1, 1, READ), 0);
    both_close(&both);
}

Test(shm_table, another_key_finds_nothing)
{
    struct both both;
    uint64_t one;
    uint64_t two;

    both_open(&both);
    one = add(&both, 0x10000, 4096, BOTH, KEY);
    two = add(&both, 0x20000, 4096, BOTH, KEY + 1);
    for (unsigned int bit = 0; bit < 64; bit++)
        cr_assert_eq(find(&both, one, KEY ^ (UINT64_C(1) << bit), 1, READ), -EACCES);
    cr_assert_eq(find(&both, one, KEY + 1, 1, READ), -EACCES, "that of another entry");
    cr_assert_eq(find(&both, two, KEY, 1, READ), -EACCES);
    both_close(&both);
}

Test(shm_table, reused_entry_does_not_answer_to_its_old_key)
{
    struct both both;
    uint64_t one;
    uint64_t again;

    both_open(&both);
    one = add(&both, 0x10000, 4096, BOTH, KEY);
    shm_table_remove(both.table, one);
    again = add(&both, 0x20000, 4096, BOTH, KEY + 1);
    cr_assert_eq(again, one, "entries are used again");
    cr_assert_eq(find(&both, one, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, one, KEY + 1, 1, READ), 0);
    both_close(&both);
}

Test(shm_table, directions_are_kept_apart)
{
    struct both both;
    uint64_t reading;
    uint64_t writing;
    uint64_t neither;

    both_open(&both);
    reading = add(&both, 0x10000, 4096, READ, KEY);
    writing = add(&both, 0x20000, 4096, WRITE, KEY);
    neither = add(&both, 0x30000, 4096, NA_ACCESS_LOCAL, KEY);
    cr_assert_eq(find(&both, reading, KEY, 1, READ), 0);
    cr_assert_eq(find(&both, reading, KEY, 1, WRITE), -EACCES);
    cr_assert_eq(find(&both, reading, KEY, 1, BOTH), -EACCES);
    cr_assert_eq(find(&both, writing, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, writing, KEY, 1, WRITE), 0);
    cr_assert_eq(find(&both, neither, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, neither, KEY, 1, WRITE), -EACCES);
    both_close(&both);
}

Test(shm_table, bounds_hold_for_sums_that_overflow)
{
    enum { SIZE = 4096 };
    struct both both;
    uint64_t address;

    both_open(&both);
    address = add(&both, 0x10000, SIZE, BOTH, KEY);
    cr_assert_eq(find(&both, address, KEY, SIZE, READ), 0);
    cr_assert_eq(find(&both, address, KEY, SIZE + 1, READ), -EFAULT);
    cr_assert_eq(find(&both, address + SIZE, KEY, 0, READ), 0, "nothing, at the end");
    cr_assert_eq(find(&both, address + SIZE, KEY, 1, READ), -EFAULT);
    cr_assert_eq(find(&both, address + SIZE + 1, KEY, 0, READ), -EFAULT);
    cr_assert_eq(find(&both, address + 1, KEY, SIZE, READ), -EFAULT);
    cr_assert_eq(find(&both, address + 1, KEY, UINT64_MAX, READ), -EFAULT);
    cr_assert_eq(find(&both, address + SIZE, KEY, UINT64_MAX - SIZE + 1, READ), -EFAULT);
    cr_assert_eq(find(&both, address + SHM_TABLE_SIZE_MAX - 1, KEY, 1, READ), -EFAULT);
    cr_assert_eq(find(&both, address + SHM_TABLE_SIZE_MAX - 1, KEY, UINT64_MAX, READ), -EFAULT);
    cr_assert_eq(find(&both, address - 1, KEY, 1, READ), -EACCES, "the entry before it");
    cr_assert_eq(find(&both, address + SHM_TABLE_SIZE_MAX, KEY, 1, READ), -EACCES, "the entry behind it");
    both_close(&both);
}

Test(shm_table, addresses_of_no_entry_find_nothing)
{
    struct both both;
    struct util_prng prng;

    both_open(&both);
    util_prng_init(&prng, support_seed());
    (void)add(&both, 0x10000, 4096, BOTH, KEY);
    cr_assert_eq(find(&both, 0, 0, 0, 0), -EACCES, "the table's head");
    cr_assert_eq(find(&both, 0, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, UINT64_MAX, KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, ENTRY_OF(SHM_TABLE_ENTRIES - 1), KEY, 1, READ), -EACCES);
    cr_assert_eq(find(&both, ENTRY_OF(2), 0, 0, 0), -EACCES, "an entry that was never used");
    for (int i = 0; i < 100000; i++) {
        uint64_t address = util_prng_next(&prng);

        if (shm_table_entry_of(address) != 1)
            cr_assert_eq(find(&both, address, KEY, 1, READ), -EACCES);
    }
    both_close(&both);
}

Test(shm_table, sizes_that_cannot_be_are_refused)
{
    struct shm_table_range none = {.base = 0x1000, .size = 0, .access = BOTH};
    struct shm_table_range large = {.base = 0x1000, .size = SHM_TABLE_SIZE_MAX + 1, .access = BOTH};
    struct both both;
    uint64_t address = 5;

    both_open(&both);
    cr_assert_eq(shm_table_add(both.table, &none, KEY, &address), -EINVAL);
    cr_assert_eq(shm_table_add(both.table, &large, KEY, &address), -EINVAL);
    cr_assert_eq(address, 5);
    address = add(&both, 0, SHM_TABLE_SIZE_MAX, BOTH, KEY);
    cr_assert_eq(find(&both, address, KEY, SHM_TABLE_SIZE_MAX, BOTH), 0);
    cr_assert_eq(find(&both, address, KEY, SHM_TABLE_SIZE_MAX + 1, BOTH), -EFAULT);
    both_close(&both);
}

/* --- serving from it ------------------------------------------------------------------------------------ */

Test(shm_table, owner_copies_for_peers_within_the_same_limits)
{
    enum { SIZE = 1000 };
    unsigned char memory[SIZE];
    unsigned char copy[SIZE] = {0};
    struct both both;
    uint64_t reading;
    uint64_t writing;

    both_open(&both);
    for (size_t i = 0; i < SIZE; i++)
        memory[i] = (unsigned char)(i * 7);
    reading = add(&both, (uintptr_t)memory, SIZE, READ, KEY);
    writing = add(&both, (uintptr_t)memory, SIZE, WRITE, KEY + 1);
    cr_assert_eq(shm_table_read(both.table, reading + 10, KEY, SIZE - 10, copy, 100), 0);
    cr_assert_eq(memcmp(copy, memory + 10, 100), 0);
    cr_assert_eq(shm_table_write(both.table, writing + 900, KEY + 1, 100, copy, 100), 0);
    cr_assert_eq(memcmp(memory + 900, copy, 100), 0);
    memset(copy, 0xee, sizeof(copy));
    cr_assert_eq(shm_table_read(both.table, reading + 10, KEY, SIZE - 9, copy, 100), -EFAULT, "the rest counts");
    cr_assert_eq(shm_table_read(both.table, writing, KEY + 1, 1, copy, 1), -EACCES);
    cr_assert_eq(shm_table_read(both.table, reading, KEY + 1, 1, copy, 1), -EACCES);
    cr_assert_eq(shm_table_write(both.table, reading, KEY, 1, copy, 1), -EACCES);
    cr_assert_eq(shm_table_write(both.table, writing + SIZE, KEY + 1, 1, copy, 1), -EFAULT);
    cr_assert_eq(copy[0], 0xee);
    shm_table_remove(both.table, writing);
    cr_assert_eq(shm_table_write(both.table, writing, KEY + 1, 1, copy, 1), -EACCES);
    cr_assert_eq(memory[0], 0);
    both_close(&both);
}

/* --- as many as there can be ------------------------------------------------------------------------------- */

Test(shm_table, full_table_refuses_and_takes_again_what_became_free)
{
    struct shm_table_range range = {.size = 64, .access = BOTH};
    uint64_t *addresses = calloc(SHM_TABLE_ENTRIES, sizeof(*addresses));
    struct both both;
    uint64_t address = 0;
    uint32_t count = 0;

    cr_assert_not_null(addresses);
    both_open(&both);
    for (; count < SHM_TABLE_ENTRIES; count++) {
        range.base = 0x1000 + count * 64ULL;
        if (shm_table_add(both.table, &range, KEY + count, &addresses[count]) != 0)
            break;
    }
    cr_assert_eq(count, SHM_TABLE_ENTRIES - 1);
    cr_assert_eq(shm_table_add(both.table, &range, KEY, &address), -ENOSPC);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(shm_table_view_find(both.view, addresses[i], KEY + i, 64, BOTH, &address), 0);
    cr_assert_eq(address, 0x1000 + (count - 1) * 64ULL);
    shm_table_remove(both.table, addresses[77]);
    cr_assert_eq(add(&both, 0x5000, 10, BOTH, 3), addresses[77]);
    cr_assert_eq(shm_table_add(both.table, &range, KEY, &address), -ENOSPC);
    for (uint32_t i = 0; i < count; i++)
        shm_table_remove(both.table, addresses[i]);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(shm_table_add(both.table, &range, KEY, &address), 0);
    both_close(&both);
    free(addresses);
}

Test(shm_table, add_fails_cleanly_without_memory)
{
    struct shm_table_range range = {.base = 0x1000, .size = 64, .access = BOTH};
    uint64_t address = 5;
    struct both both;
    unsigned int refused = 0;

    both_open(&both);
    for (unsigned int i = 0; i < 200; i++) {
        int error;

        util_alloc_fail_at(1);
        error = shm_table_add(both.table, &range, KEY, &address);
        util_alloc_fail_at(0);
        cr_assert(error == 0 || error == -ENOMEM);
        refused += error != 0;
        if (error != 0)
            (void)add(&both, 0x1000, 64, BOTH, KEY);
    }
    cr_assert_geq(refused, 1);
    util_alloc_fail_at(1);
    cr_assert_eq(shm_table_view_open(shm_table_fd(both.table), &(struct shm_table_view *){NULL}), -ENOMEM);
    util_alloc_fail_at(1);
    cr_assert_eq(shm_table_create(&(struct shm_table *){NULL}), -ENOMEM);
    util_alloc_fail_at(0);
    both_close(&both);
}

/* --- what is no table ---------------------------------------------------------------------------------------- */

Test(shm_table, peers_cannot_write_to_it)
{
    struct both both;
    void *map;

    both_open(&both);
    map = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, shm_table_fd(both.table), 0);
    cr_assert_eq(map, MAP_FAILED);
    cr_assert_lt(pwrite(shm_table_fd(both.table), "x", 1, 64), 0);
    cr_assert_neq(ftruncate(shm_table_fd(both.table), 0), 0);
    both_close(&both);
}

Test(shm_table, view_of_what_is_no_table_is_refused)
{
    struct shm_table_view *view = NULL;
    void *memory;
    int fd;

    cr_assert_eq(shm_table_view_open(-1, &view), -EPROTO);
    cr_assert_eq(shm_memfd_create("test", TABLE_BYTES, true, &memory, &fd), 0);
    cr_assert_eq(shm_table_view_open(fd, &view), -EPROTO, "all zero");
    shm_memfd_unmap(memory, TABLE_BYTES);
    close(fd);
    cr_assert_eq(shm_memfd_create("test", 4096, true, &memory, &fd), 0);
    cr_assert_eq(shm_table_view_open(fd, &view), -EPROTO, "too small");
    shm_memfd_unmap(memory, 4096);
    close(fd);
    cr_assert_null(view);
    shm_table_view_close(NULL);
    shm_table_destroy(NULL);
}

/* A peer may write what it likes into its own table: whatever is found is within the range that it names. */
Test(shm_table, random_entries_do_no_harm)
{
    struct shm_table_view *view = NULL;
    struct util_prng prng;
    struct both both;
    uint64_t head[4];
    unsigned int found = 0;
    void *memory;
    int fd;

    util_prng_init(&prng, support_seed());
    both_open(&both);
    cr_assert_eq(pread(shm_table_fd(both.table), head, sizeof(head), 0), sizeof(head));
    both_close(&both);
    cr_assert_eq(shm_memfd_create("test", TABLE_BYTES, true, &memory, &fd), 0);
    memcpy(memory, head, sizeof(head));
    for (size_t i = 4; i < 4UL * 1000; i++)
        ((uint64_t *)memory)[i] = util_prng_next(&prng) >> util_prng_below(&prng, 64);
    cr_assert_eq(shm_table_view_open(fd, &view), 0);
    for (uint64_t i = 1; i < 1000; i++) {
        const uint64_t *entry = (const uint64_t *)memory + i * 4;
        uint64_t size = entry[3] >> 3;
        uint64_t base = 0;

        if (shm_table_view_find(view, ENTRY_OF(i) + 5, entry[1], 3, 0, &base) == 0) {
            found++;
            cr_assert_geq(size, 8);
            cr_assert_eq(base, entry[2] + 5);
        }
    }
    cr_assert_gt(found, 10);
    shm_table_view_close(view);
    shm_memfd_unmap(memory, TABLE_BYTES);
    close(fd);
}
