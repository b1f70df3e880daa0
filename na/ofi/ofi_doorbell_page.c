/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Making, sealing, checking and mapping the page of ofi_doorbell_page.h. What its words mean is
 * ofi_doorbell.c's business. Any thread.
 */
#include "na/ofi/ofi_doorbell_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* In Linux since 5.1, in some C libraries later. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static int ofi_doorbell_page_seal(int fd)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    /* The owner's own mapping exists already and stays writable. */
    if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE) == 0)
        return 0;
    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : -errno;
}

int ofi_doorbell_page_create(struct ofi_doorbell_page **page_out, int *fd_out)
{
    int fd = memfd_create("quicksilver-doorbell", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map = MAP_FAILED;
    int error = 0;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, OFI_DOORBELL_PAGE_SIZE) != 0)
        error = -errno;
    if (error == 0) {
        map = mmap(NULL, OFI_DOORBELL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = map == MAP_FAILED ? -errno : ofi_doorbell_page_seal(fd);
    }
    if (error != 0) {
        if (map != MAP_FAILED)
            (void)munmap(map, OFI_DOORBELL_PAGE_SIZE);
        (void)close(fd);
        return error;
    }
    ((struct ofi_doorbell_page *)map)->magic = OFI_DOORBELL_PAGE_MAGIC;
    ((struct ofi_doorbell_page *)map)->version = OFI_DOORBELL_PAGE_VERSION;
    *page_out = (struct ofi_doorbell_page *)map;
    *fd_out = fd;
    return 0;
}

int ofi_doorbell_page_map(int fd, const struct ofi_doorbell_page **page_out)
{
    const struct ofi_doorbell_page *page;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    void *map;

    /* Only shared-memory files have seals, so this also refuses files whose reads could block or
     * fail. The exact size refuses huge pages. */
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        return -EPROTO;
    if (fstat(fd, &status) != 0 || status.st_size != (off_t)OFI_DOORBELL_PAGE_SIZE)
        return -EPROTO;
    map = mmap(NULL, OFI_DOORBELL_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    page = (const struct ofi_doorbell_page *)map;
    if (page->magic != OFI_DOORBELL_PAGE_MAGIC || page->version != OFI_DOORBELL_PAGE_VERSION) {
        (void)munmap(map, OFI_DOORBELL_PAGE_SIZE);
        return -EPROTO;
    }
    *page_out = page;
    return 0;
}

void ofi_doorbell_page_unmap(const struct ofi_doorbell_page *page)
{
    if (page != NULL)
        (void)munmap((void *)(uintptr_t)page, OFI_DOORBELL_PAGE_SIZE);
}
