/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Registered memory. Registering enters a segment into the class's table; nothing is pinned.
 *
 * Deregistering takes effect when it returns: no peer finds the entry after that, and one that had found
 * it says on its route's segment that it is still copying, which is waited for. A peer writes that word
 * before it looks the entry up, we withdraw the entry before we look at the word, with full fences in
 * between, so that at least one sees the other. Any thread.
 */
#include "na/shm/shm_mem.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "na/shm/shm_rma.h"
#include "util/util_alloc.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_rand.h"

static bool mem_has_entry(const struct shm_mem *mem, uint64_t entry)
{
    for (uint32_t i = 0; i < mem->count; i++) {
        if (mem->segments[i].address != 0 && shm_table_entry_of(mem->segments[i].address) == entry)
            return true;
    }
    return false;
}

/* A peer that has been waited for in vain so often is not waited for until so much time has passed: it may be making fun of us. */
enum { OVERSTAYS_MAX = 3 };
#define OVERSTAYS_NS (10U * UTIL_CLOCK_NS_PER_S)

/* Whether the peer is worth the wait. */
static bool mem_is_patient(struct shm_route *route)
{
    if (route->overstays > 0 && util_clock_now_ns() - route->overstay_ns > OVERSTAYS_NS)
        route->overstays = 0;
    return route->overstays < OVERSTAYS_MAX;
}

/* Whether a peer copies from or to the memory; if so, its name for the log. It is noted if that is the end of the wait. */
static bool mem_is_busy(const struct shm_mem *mem, bool over, char text[NA_ADDRESS_MAX])
{
    bool busy = false;

    util_lock_take(&mem->owner->lock);
    util_list_each (node, &mem->owner->exposed) {
        struct shm_route *route = util_container_of(node, struct shm_route, exposed_node);
        /* Acquire: the copy is over when the word has changed. */
        uint64_t word = atomic_load_explicit(&route->peer_busy->entry, memory_order_acquire);

        if (word != 0 && mem_has_entry(mem, word - 1) && mem_is_patient(route)) {
            busy = true;
            if (over) {
                route->overstays++;
                route->overstay_ns = util_clock_now_ns();
            }
            memcpy(text, route->base.text, NA_ADDRESS_MAX);
            break;
        }
    }
    util_lock_drop(&mem->owner->lock);
    return busy;
}

static void mem_wait(const struct shm_mem *mem)
{
    char text[NA_ADDRESS_MAX];
    uint64_t deadline_ns = 0;

    while (mem_is_busy(mem, false, text)) {
        if (deadline_ns == 0)
            deadline_ns = util_clock_deadline_ns(SHM_RMA_WAIT_NS);
        if (util_clock_now_ns() >= deadline_ns && mem_is_busy(mem, true, text)) {
            util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA,
                             "memory is withdrawn although %s, which must have been stopped, is copying one more piece",
                             text);
            return;
        }
        (void)sched_yield();
    }
}

static int mem_enter(struct shm_class *owner, const struct na_segment *segment, unsigned access,
                     struct shm_mem_segment *out)
{
    struct shm_table_range range = {.base = (uintptr_t)segment->base, .size = segment->size, .access = access};
    uint64_t key = util_rand_u64();
    int error;

    if (segment->size == 0 || (access & (NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE)) == 0)
        return 0;
    error = shm_table_add(owner->table, &range, key, &out->address);
    if (error == -ENOSPC)
        return util_detail_set(-ENOMEM, "%u segments are registered already, which is the most for shm",
                               SHM_TABLE_ENTRIES - 1U);
    if (error != 0)
        return util_detail_set(error, "%zu bytes could not be registered with shm: %s", segment->size,
                               strerror(-error));
    out->key = key;
    return 0;
}

int shm_mem_register(struct na_class *base, const struct na_segment *segments, uint32_t count, unsigned access,
                     enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out)
{
    struct shm_class *owner = shm_class_of(base);
    struct shm_mem *mem;

    (void)device;
    if (kind != NA_MEM_HOST)
        return util_detail_set(-EOPNOTSUPP, "%s cannot take device memory: shm reaches host memory only",
                               base->address);
    mem = util_calloc(1, sizeof(*mem) + count * sizeof(mem->segments[0]));
    if (mem == NULL)
        return util_detail_set(-ENOMEM, "no memory to register %u segments", count);
    mem->base.transport = base->transport;
    mem->base.na_class = base;
    mem->owner = owner;
    mem->count = count;
    for (uint32_t i = 0; i < count; i++) {
        int error = mem_enter(owner, &segments[i], access, &mem->segments[i]);

        if (error != 0) {
            shm_mem_deregister(&mem->base);
            return error;
        }
    }
    *mem_out = &mem->base;
    return 0;
}

void shm_mem_deregister(struct na_mem *base)
{
    struct shm_mem *mem = util_container_of(base, struct shm_mem, base);
    bool withdrawn = false;

    for (uint32_t i = 0; i < mem->count; i++) {
        if (mem->segments[i].address == 0)
            continue;
        shm_table_remove(mem->owner->table, mem->segments[i].address);
        withdrawn = true;
    }
    if (withdrawn)
        mem_wait(mem);
    util_free(mem);
}

void shm_mem_describe(const struct na_mem *base, uint32_t index, struct na_remote_segment *out)
{
    const struct shm_mem *mem = util_container_of(base, const struct shm_mem, base);

    memset(out, 0, sizeof(*out));
    out->address = mem->segments[index].address;
    out->key_size = sizeof(uint64_t);
    util_bytes_put64(out->key, mem->segments[index].key);
}
