/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One line: shared memory is there wherever the kernel has memfd_create. No state; any thread.
 */
#include "na/shm/shm_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/util_alloc.h"
#include "util/util_detail.h"

int shm_list_make(const char *protocol, struct na_transport_info **list, size_t *count)
{
    struct na_transport_info *item = util_calloc(1, sizeof(*item));
    int fd;

    (void)protocol;
    if (item == NULL)
        return util_detail_set(-ENOMEM, "no memory for the list of transports");
    (void)snprintf(item->protocol, sizeof(item->protocol), "shm");
    (void)snprintf(item->provider, sizeof(item->provider), "rings");
    (void)snprintf(item->domain, sizeof(item->domain), "shm");
    fd = memfd_create("quicksilver-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    item->usable = fd >= 0;
    if (fd < 0)
        (void)snprintf(item->why, sizeof(item->why), "memfd_create: %s", strerror(errno));
    else
        (void)close(fd);
    *list = item;
    *count = 1;
    return 0;
}
