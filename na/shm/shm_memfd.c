/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * memfd_create, seals, and the checks of what a peer sends. No state; any thread.
 */
#include "na/shm/shm_memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* In Linux since 5.1, in some C libraries later. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static int memfd_seal(int fd, bool own)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    /* The owner's own mapping exists already and stays writable. */
    if (own && fcntl(fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE) == 0)
        return 0;
    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : -errno;
}

int shm_memfd_create(const char *name, size_t size, bool own, void **memory_out, int *fd_out)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map = MAP_FAILED;
    int error = 0;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) != 0)
        error = -errno;
    if (error == 0) {
        map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = map == MAP_FAILED ? -errno : memfd_seal(fd, own);
    }
    if (error != 0) {
        if (map != MAP_FAILED)
            (void)munmap(map, size);
        (void)close(fd);
        return error;
    }
    *memory_out = map;
    *fd_out = fd;
    return 0;
}

int shm_memfd_map(int fd, size_t size, bool writable, void **memory_out)
{
    struct statfs system;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    void *map;

    /* Only memory has seals, so this also refuses files whose reads could block or fail. */
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        return -EPROTO;
    if (fstat(fd, &status) != 0 || status.st_size != (off_t)size)
        return -EPROTO;
    /* Memory of huge pages has seals as well, but there is a fixed number of these: not for a peer to have us hold. */
    if (fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC)
        return -EPROTO;
    map = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return errno == EACCES || errno == EPERM ? -EPROTO : -errno;
    *memory_out = map;
    return 0;
}

void shm_memfd_unmap(void *memory, size_t size)
{
    if (memory != NULL)
        (void)munmap(memory, size);
}
