/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The halves of the buffer set that meet the allocator: first use of a class, buffers beyond the
 * largest class, and what is above a class's bound.
 */
#include "util/util_buf.h"

#include <string.h>

void util_bufs_init(struct util_bufs *bufs)
{
    memset(bufs, 0, sizeof(*bufs));
}

void util_bufs_fini(struct util_bufs *bufs)
{
    if (bufs == NULL)
        return;
    assert(bufs->in_use == 0);
    for (unsigned int i = 0; i < UTIL_BUFS_CLASSES; i++) {
        while (bufs->free[i] != NULL) {
            struct util_bufs_header *header = bufs->free[i];

            bufs->free[i] = header->u.next;
            util_alloc_unpoison(header + 1, util_bufs_class_size(i));
            util_free(header);
        }
        bufs->kept[i] = 0;
    }
}

void *util_bufs_get_slow(struct util_bufs *bufs, size_t size)
{
    unsigned int class_index = util_bufs_class(size);
    size_t capacity = class_index == UTIL_BUFS_CLASSES ? size : util_bufs_class_size(class_index);
    struct util_bufs_header *header;

    if (capacity > SIZE_MAX - sizeof(*header))
        return NULL;
    header = util_malloc(sizeof(*header) + capacity);
    if (header == NULL)
        return NULL;
    header->u.capacity = capacity;
    header->class_index = class_index;
    bufs->in_use++;
    return header + 1;
}

void util_bufs_put_slow(struct util_bufs *bufs, struct util_bufs_header *header)
{
    bufs->in_use--;
    util_free(header);
}
