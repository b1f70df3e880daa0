/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See ofi_files.h. Nobody tells that descriptors are short, so it is asked when reading the event queue has brought nothing many
 * times in a row and the queue is readable all the same.
 */
#include "na/ofi/ofi_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "na/ofi/ofi_error.h"
#include "util/util_clock.h"
#include "util/util_log.h"

enum { FRUITLESS_MAX = 64 };

#define REST_NS (20 * UTIL_CLOCK_NS_PER_MS)

static bool files_are_short(int any_fd)
{
    int fd = fcntl(any_fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return errno == EMFILE || errno == ENFILE;
    (void)close(fd);
    return false;
}

bool ofi_files_rests_locked(const struct ofi_class *owner, uint64_t now_ns)
{
    return now_ns < atomic_load_explicit(&owner->cm.rest_until_ns, memory_order_relaxed);
}

void ofi_files_read_locked(struct ofi_class *owner, bool something, uint64_t now_ns)
{
    struct pollfd queue = {.fd = owner->cm.eq_fd, .events = POLLIN};
    uint64_t rest_until_ns = 0;

    if (!something && ++owner->cm.fruitless < FRUITLESS_MAX)
        return;
    owner->cm.fruitless = 0;
    if (!something && owner->cm.listening && poll(&queue, 1, 0) == 1 && files_are_short(owner->cm.eq_fd)) {
        owner->cm.fruitless = FRUITLESS_MAX - 1; /* the next read decides again */
        rest_until_ns = now_ns + REST_NS;
        if (atomic_load_explicit(&owner->cm.rest_until_ns, memory_order_relaxed) == 0)
            util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_OFI,
                             "%s: peers that connect have to wait: the process has no descriptors left (RLIMIT_NOFILE)",
                             owner->base.address);
    }
    /* Relaxed: a time, which may be seen late. */
    atomic_store_explicit(&owner->cm.rest_until_ns, rest_until_ns, memory_order_relaxed);
}

void ofi_files_prepare(struct ofi_context *context)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};
    uint64_t rest_until_ns = atomic_load_explicit(&context->owner->cm.rest_until_ns, memory_order_relaxed);
    bool mute = rest_until_ns != 0 && util_clock_now_ns() < rest_until_ns;

    if (mute == context->events_muted)
        return;
    context->events_muted = mute;
    if (epoll_ctl(context->waker.epoll_fd, mute ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, context->owner->cm.eq_fd, &event) != 0)
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_OFI, "%s: connections are noticed late: epoll_ctl: %s",
                         context->base.address, ofi_error_text(errno));
}

uint64_t ofi_files_deadline_ns(const struct ofi_context *context)
{
    uint64_t rest_until_ns = atomic_load_explicit(&context->owner->cm.rest_until_ns, memory_order_relaxed);

    return rest_until_ns != 0 ? rest_until_ns : UINT64_MAX;
}
