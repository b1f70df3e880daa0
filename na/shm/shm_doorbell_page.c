/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Making, checking and mapping the page of shm_doorbell_page.h. What its words mean is
 * shm_doorbell.c's business. Any thread.
 */
#include "na/shm/shm_doorbell_page.h"

#include <errno.h>

#include "na/shm/shm_memfd.h"

int shm_doorbell_page_create(struct shm_doorbell_page **page_out, int *fd_out)
{
    void *memory = NULL;
    int error = shm_memfd_create("quicksilver-doorbell", SHM_DOORBELL_PAGE_SIZE, true, &memory, fd_out);

    if (error != 0)
        return error;
    *page_out = memory;
    (*page_out)->magic = SHM_DOORBELL_PAGE_MAGIC;
    (*page_out)->version = SHM_DOORBELL_PAGE_VERSION;
    return 0;
}

int shm_doorbell_page_map(int fd, const struct shm_doorbell_page **page_out)
{
    const struct shm_doorbell_page *page;
    void *memory = NULL;
    int error = shm_memfd_map(fd, SHM_DOORBELL_PAGE_SIZE, false, &memory);

    if (error != 0)
        return error;
    page = memory;
    if (page->magic != SHM_DOORBELL_PAGE_MAGIC || page->version != SHM_DOORBELL_PAGE_VERSION) {
        shm_doorbell_page_unmap(page);
        return -EPROTO;
    }
    *page_out = page;
    return 0;
}

void shm_doorbell_page_unmap(const struct shm_doorbell_page *page)
{
    shm_memfd_unmap((void *)(uintptr_t)page, SHM_DOORBELL_PAGE_SIZE);
}
