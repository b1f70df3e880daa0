/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Sleeping until there is work.
 *
 * Before each sleep libfabric is asked whether its descriptors can be relied on (fi_trywait, or the
 * wait sets that stand in for it); whatever arrives after a yes makes a descriptor readable. Only
 * reading the event queue quiets its descriptor, so after each sleep one read is due. A provider
 * without descriptors is looked at every millisecond. ofi_wait_wake may be called by any thread and
 * from signal handlers; the rest is serialised per context.
 */
#include "na/ofi/ofi_wait.h"

#include <sys/epoll.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_files.h"
#include "na/ofi/ofi_guard.h"
#include "na/ofi/ofi_recv.h"
#include "na/ofi/ofi_route.h"
#include "util/util_clock.h"
#include "util/util_detail.h"

#define RESTLESS_NS UTIL_CLOCK_NS_PER_MS

static int wait_add(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};

    if (fd < 0)
        return 0;
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int ofi_wait_open(struct ofi_context *context)
{
    int ret;

    if (context->owner->never_block)
        return 0;
    ret = na_waker_open(&context->waker);
    if (ret != 0)
        return ret;
    ret = wait_add(context->waker.epoll_fd, context->endpoint.cq_fd);
    if (ret == 0 && context->owner->connected)
        ret = wait_add(context->waker.epoll_fd, context->owner->cm.eq_fd);
    if (ret != 0)
        return util_detail_set(ret, "%s gives a descriptor that cannot be waited for: %s",
                               context->owner->base.provider, ofi_error_text(ret));
    context->base.wait_fd = context->waker.epoll_fd;
    return 0;
}

/* True when the event queue is empty and will make its descriptor readable when it is not. */
static bool wait_try_events(struct ofi_class *owner)
{
    bool safe;

    if (!owner->connected || owner->cm.wait_set == NULL)
        return true;
    util_lock_take(&owner->cm.lock);
    safe = ofi_compat_wait_try(owner->cm.wait_set) == 0;
    /* The set says nothing of events that were queued before it was reset. */
    if (safe) {
        ofi_guard_enter(owner);
        safe = fi_eq_read(owner->cm.eq, NULL, NULL, 0, FI_PEEK) == -FI_EAGAIN;
        ofi_guard_leave(owner);
    }
    util_lock_drop(&owner->cm.lock);
    return safe;
}

static bool wait_try_queue(struct ofi_context *context)
{
    struct fid *fids[2] = {&context->endpoint.cq->fid, NULL};
    int count = 1;

    if (context->endpoint.wait_set != NULL)
        return ofi_compat_wait_try(context->endpoint.wait_set) == 0;
    if (context->endpoint.cq_fd < 0)
        return true;
    if (context->owner->connected)
        fids[count++] = &context->owner->cm.eq->fid;
    return fi_trywait(context->owner->fabric, fids, count) == 0;
}

/* Whether the context has work that needs no news from libfabric. Receive buffers that libfabric refuses can wait for
 * the next message, as long as it has others to put that one into. */
static bool wait_has_work(struct ofi_context *context)
{
    return na_waker_is_woken(&context->waker) || atomic_load_explicit(&context->handed_over, memory_order_acquire) ||
           !util_list_empty(&context->changing) || context->recv.idle_count == context->recv.buf_count;
}

bool ofi_wait_prepare(struct na_context *base)
{
    struct ofi_context *context = ofi_context_of(base);

    ofi_recv_repost(context);
    if (context->owner->connected)
        ofi_files_prepare(context);
    if (wait_has_work(context))
        return false;
    if (!wait_try_events(context->owner)) {
        atomic_store_explicit(&context->owner->cm.due, true, memory_order_relaxed);
        return false;
    }
    if (!wait_try_queue(context)) {
        atomic_store_explicit(&context->owner->cm.due, true, memory_order_relaxed);
        return false;
    }
    return true;
}

void ofi_wait_finish(struct na_context *base)
{
    struct ofi_context *context = ofi_context_of(base);

    /* Relaxed: only asks for a read of the event queue, which has its own lock. */
    atomic_store_explicit(&context->owner->cm.due, true, memory_order_relaxed);
    na_waker_clear(&context->waker);
}

void ofi_wait_wake(struct na_context *base)
{
    na_waker_wake(&ofi_context_of(base)->waker);
}

uint64_t ofi_wait_deadline_ns(const struct na_context *base)
{
    const struct ofi_context *context = util_container_of(base, const struct ofi_context, base);
    uint64_t deadline_ns = ofi_route_deadline_ns(context);
    uint64_t files_ns = ofi_files_deadline_ns(context);

    if (files_ns < deadline_ns)
        deadline_ns = files_ns;
    if (context->endpoint.cq_fd < 0) {
        uint64_t look_ns = util_clock_now_ns() + RESTLESS_NS;
        if (look_ns < deadline_ns)
            deadline_ns = look_ns;
    }
    return deadline_ns;
}
