/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Sleeping until there is work. The doorbell tells peers that we sleep; whatever they had put into a ring
 * before they could know is found by one more look. shm_wait_wake may be called by any thread and from
 * signal handlers; the rest is serialised per context.
 */
#include "na/shm/shm_wait.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "na/shm/shm_route.h"
#include "util/util_detail.h"

int shm_wait_open(struct shm_context *context)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};

    if (context->owner->never_block)
        return 0;
    context->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    context->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (context->epoll_fd < 0 || context->wake_fd < 0 ||
        epoll_ctl(context->epoll_fd, EPOLL_CTL_ADD, context->wake_fd, &event) != 0)
        return util_detail_set(-errno, "no descriptor to wait with: %s", strerror(errno));
    context->base.wait_fd = context->epoll_fd;
    return 0;
}

void shm_wait_close(struct shm_context *context)
{
    if (context->wake_fd >= 0)
        (void)close(context->wake_fd);
    if (context->epoll_fd >= 0)
        (void)close(context->epoll_fd);
    context->wake_fd = -1;
    context->epoll_fd = -1;
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

    if (atomic_load_explicit(&context->woken, memory_order_acquire) || !util_list_empty(&context->changing) ||
        !util_list_empty(&context->copying))
        return false;
    context->armed = true;
    shm_doorbell_sleep_begin(context->doorbell);
    return !wait_has_missed(context);
}

void shm_wait_finish(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);
    uint64_t count;

    context->armed = false;
    shm_doorbell_sleep_end(context->doorbell);
    if (context->wake_fd < 0)
        return;
    /* The flag goes first: a wake-up in between sets it again, and then forbids the next sleep. Acquire and release: what
     * the waker wrote before waking is seen from here on. */
    (void)atomic_exchange_explicit(&context->woken, false, memory_order_acq_rel);
    if (read(context->wake_fd, &count, sizeof(count)) < 0)
        return; /* nobody has written, or not yet */
}

void shm_wait_wake(struct na_context *base)
{
    struct shm_context *context = shm_context_of(base);
    const uint64_t one = 1;
    int saved = errno;

    if (context->wake_fd >= 0 && !atomic_exchange_explicit(&context->woken, true, memory_order_acq_rel)) {
        if (write(context->wake_fd, &one, sizeof(one)) < 0)
            atomic_store_explicit(&context->woken, false, memory_order_relaxed);
    }
    errno = saved;
}

uint64_t shm_wait_deadline_ns(const struct na_context *base)
{
    const struct shm_context *context = util_container_of(base, const struct shm_context, base);

    return shm_doorbell_next_deadline_ns(context->doorbell);
}
