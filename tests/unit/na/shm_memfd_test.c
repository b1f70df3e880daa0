/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Memory that is handed over as a descriptor: what we make keeps its promises, and what a peer made is
 * mapped only if it can do us no harm.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "na/shm/shm_memfd.h"
#include "tests/support/support_guard.h"

TestSuite(shm_memfd, .init = support_begin, .fini = support_end);

#define SIZE  12288UL
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int make(unsigned int flags, size_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | flags);

    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    if (seals != 0)
        cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* What mapping a descriptor gives; it is closed. */
static int map_result(int fd, bool writable)
{
    void *memory = NULL;
    int error = shm_memfd_map(fd, SIZE, writable, &memory);

    cr_assert_eq(memory == NULL, error != 0);
    shm_memfd_unmap(memory, SIZE);
    if (fd >= 0)
        close(fd);
    return error;
}

Test(shm_memfd, both_sides_see_the_same_memory)
{
    unsigned char *ours = NULL;
    unsigned char *theirs = NULL;
    int fd = -1;

    cr_assert_eq(shm_memfd_create("test", SIZE, false, (void **)&ours, &fd), 0);
    cr_assert_eq(shm_memfd_map(fd, SIZE, true, (void **)&theirs), 0);
    close(fd);
    for (size_t i = 0; i < SIZE; i++)
        cr_assert_eq(theirs[i], 0);
    ours[5] = 1;
    theirs[SIZE - 1] = 2;
    cr_assert_eq(theirs[5], 1);
    cr_assert_eq(ours[SIZE - 1], 2);
    shm_memfd_unmap(ours, SIZE);
    shm_memfd_unmap(theirs, SIZE);
    shm_memfd_unmap(NULL, SIZE);
}

Test(shm_memfd, what_we_make_keeps_its_size_and_its_seals)
{
    for (int own = 0; own < 2; own++) {
        void *memory = NULL;
        int fd = -1;

        cr_assert_eq(shm_memfd_create("test", SIZE, own != 0, &memory, &fd), 0);
        cr_assert_neq(ftruncate(fd, (off_t)SIZE - 1), 0);
        cr_assert_neq(ftruncate(fd, (off_t)SIZE + 1), 0);
        cr_assert_neq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
        cr_assert_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        shm_memfd_unmap(memory, SIZE);
        close(fd);
    }
}

Test(shm_memfd, what_is_our_own_nobody_else_writes)
{
    unsigned char *ours = NULL;
    void *theirs = NULL;
    int fd = -1;

    cr_assert_eq(shm_memfd_create("test", SIZE, true, (void **)&ours, &fd), 0);
    cr_assert_eq(shm_memfd_map(fd, SIZE, true, &theirs), -EPROTO);
    cr_assert_eq(shm_memfd_map(fd, SIZE, false, &theirs), 0);
    cr_assert_neq(mprotect(theirs, SIZE, PROT_READ | PROT_WRITE), 0);
    cr_assert_lt(pwrite(fd, "x", 1, 0), 0);
    ours[0] = 7;
    cr_assert_eq(*(unsigned char *)theirs, 7);
    shm_memfd_unmap(theirs, SIZE);
    shm_memfd_unmap(ours, SIZE);
    close(fd);
}

Test(shm_memfd, wrong_sizes_are_refused)
{
    static const size_t sizes[] = {0, 1, SIZE - 4096, SIZE - 1, SIZE + 1, SIZE + 4096, 1UL << 40};

    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, SEALS), true), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, sizes[i], SEALS), true), -EPROTO);
        cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, sizes[i], SEALS), false), -EPROTO);
    }
}

Test(shm_memfd, what_can_shrink_is_refused)
{
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, 0), false), -EPROTO);
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, F_SEAL_GROW), false), -EPROTO);
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, F_SEAL_GROW | F_SEAL_SEAL), true), -EPROTO);
    cr_assert_eq(map_result(make(0, SIZE, 0), false), -EPROTO, "not to be sealed at all");
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, F_SEAL_SHRINK), true), 0, "growing harms nobody");
}

Test(shm_memfd, what_cannot_be_written_is_refused_for_writing)
{
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, SEALS | F_SEAL_WRITE), true), -EPROTO);
    cr_assert_eq(map_result(make(MFD_ALLOW_SEALING, SIZE, SEALS | F_SEAL_WRITE), false), 0);
}

Test(shm_memfd, descriptors_opened_for_one_direction_are_refused)
{
    int fd = make(MFD_ALLOW_SEALING, SIZE, SEALS);
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    cr_assert_eq(map_result(open(path, O_RDONLY | O_CLOEXEC), true), -EPROTO);
    cr_assert_eq(map_result(open(path, O_WRONLY | O_CLOEXEC), false), -EPROTO);
    cr_assert_eq(map_result(open(path, O_PATH | O_CLOEXEC), false), -EPROTO);
    close(fd);
}

/* There are few of them, and whoever maps such memory takes his share. */
Test(shm_memfd, huge_pages_are_refused)
{
    const size_t size = 8UL << 20;
    void *memory = NULL;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

    if (fd < 0)
        cr_skip_test("no huge pages here");
    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, SEALS), 0);
    cr_assert_eq(shm_memfd_map(fd, size, false, &memory), -EPROTO);
    close(fd);
}

Test(shm_memfd, what_is_no_memory_is_refused)
{
    int pipes[2];
    int sockets[2];
    char path[] = "/tmp/qs-test-XXXXXX";
    int file = mkstemp(path);

    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    cr_assert_geq(file, 0);
    cr_assert_eq(ftruncate(file, (off_t)SIZE), 0);
    unlink(path);
    for (int writable = 0; writable < 2; writable++) {
        cr_assert_eq(map_result(-1, writable != 0), -EPROTO);
        cr_assert_eq(map_result(dup(pipes[0]), writable != 0), -EPROTO);
        cr_assert_eq(map_result(dup(sockets[0]), writable != 0), -EPROTO);
        cr_assert_eq(map_result(dup(file), writable != 0), -EPROTO, "a file can be cut short");
        cr_assert_eq(map_result(open("/dev/zero", O_RDWR | O_CLOEXEC), writable != 0), -EPROTO);
        cr_assert_eq(map_result(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), writable != 0), -EPROTO);
        cr_assert_eq(map_result(eventfd(0, EFD_CLOEXEC), writable != 0), -EPROTO);
    }
    close(file);
    for (int i = 0; i < 2; i++) {
        close(pipes[i]);
        close(sockets[i]);
    }
}
