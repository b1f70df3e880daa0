/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_serving.h
 * The requests of one peer that have been received whole and not been answered, by their tags: a cancel finds what
 * it means here, and a nested call the request that it serves. A set of lists that grows with what is in it, so that an
 * idle peer costs one list head. Needs the lock of the context that received them.
 */

#ifndef HG_HG_SERVING_H
#define HG_HG_SERVING_H

#include <stdint.h>

#include "util/util_list.h"

struct hg_handle;

struct hg_serving {
    struct util_list first;    /**< the only list, until there are more */
    struct util_list *buckets; /**< owned; NULL: first is all there is */
    uint64_t salt;             /**< spreads tags over them; odd */
    uint32_t mask;             /**< their number less one */
    uint32_t count;
};

void hg_serving_init(struct hg_serving *serving);
/** It must be empty. */
void hg_serving_fini(struct hg_serving *serving);

/** Adds a handle by its tag, and its origin's context where it is a call to oneself; handle->link is in no list. */
void hg_serving_add(struct hg_serving *serving, struct hg_handle *handle);
void hg_serving_remove(struct hg_serving *serving, struct hg_handle *handle);

/** All lists of the set, for who walks it; their number. */
uint32_t hg_serving_buckets(struct hg_serving *serving, struct util_list **buckets);

/** The request with this tag of the origin's context @p origin_context, or NULL. */
struct hg_handle *hg_serving_find(const struct hg_serving *serving, uint64_t tag, uint8_t origin_context);

#endif
