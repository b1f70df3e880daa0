/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Sleeping until there is work. The doorbell tells peers that we sleep; whatever they had put into a ring
 * before they could know is found by one more look. shm_wait_wake may be called by any thread and from
 * signal handlers; the rest is serialised per context.
 */
#include "na/shm/shm_wait.h"

#include "na/shm/shm_route.h"

int shm_wait_open(struct shm_context *context)
{
    int error = context->owner->never_block ? 0 : na_waker_open(&context->waker);

    context->base.wait_fd = context->waker.epoll_fd;
    return error;
}

/* Whether there is something that no peer rings for: it came before they knew that we sleep. */
static bool wait_has_missed(struct shm_context *context)
{
    util_list_each (node, &context->polled) {
        if (!shm_ring_empty(&util_container_of(node, struct shm_route, polled_node)->in))
            return true;
    }
    util_list_each (node, &context->blocked) {
        struct shm_route *route = util_container_of(node, struct shm_route, blocked_node);

        shm_ring_block(&route->out);
        if (shm_ring_has_room(&route->out, SHM_RING_RECORD_MAX)) {
            shm_route_unblock(route); /* whoever has a frame for it tries again in the turn to come */
            return true;
        }
    }
    return false;
}

bool shm_wait_prepare(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);

    if (na_waker_is_woken(&context->waker) || !util_list_empty(&context->changing) ||
        !util_list_empty(&context->copying))
        return false;
    context->armed = true;
    shm_doorbell_sleep_begin(context->doorbell);
    return !wait_has_missed(context);
}

void shm_wait_finish(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);

    context->armed = false;
    shm_doorbell_sleep_end(context->doorbell);
    na_waker_clear(&context->waker);
}

void shm_wait_wake(struct na_context *base)
{
    na_waker_wake(&shm_context_of(base)->waker);
}

uint64_t shm_wait_deadline_ns(const struct na_context *base)
{
    const struct shm_context *context = util_container_of(base, const struct shm_context, base);

    return shm_doorbell_next_deadline_ns(context->doorbell);
}
