/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The epoll set and the eventfd of a context. The flag saves the system call of waking twice; it is
 * cleared before the eventfd is read, so that a wake-up in between sets it again, and then forbids the
 * next sleep.
 */
#include "na/na_waker.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/util_detail.h"

void na_waker_init(struct na_waker *waker)
{
    waker->epoll_fd = -1;
    waker->event_fd = -1;
    atomic_init(&waker->woken, false);
}

int na_waker_open(struct na_waker *waker)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};

    waker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    waker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waker->epoll_fd >= 0 && waker->event_fd >= 0 &&
        epoll_ctl(waker->epoll_fd, EPOLL_CTL_ADD, waker->event_fd, &event) == 0)
        return 0;
    return util_detail_set(-errno, "no descriptor to wait with: %s", strerror(errno));
}

void na_waker_close(struct na_waker *waker)
{
    if (waker->event_fd >= 0)
        (void)close(waker->event_fd);
    if (waker->epoll_fd >= 0)
        (void)close(waker->epoll_fd);
    na_waker_init(waker);
}

void na_waker_wake(struct na_waker *waker)
{
    const uint64_t one = 1;
    int saved = errno;

    if (waker->event_fd >= 0 && !atomic_exchange_explicit(&waker->woken, true, memory_order_acq_rel)) {
        if (write(waker->event_fd, &one, sizeof(one)) < 0)
            atomic_store_explicit(&waker->woken, false, memory_order_relaxed);
    }
    errno = saved;
}

void na_waker_clear(struct na_waker *waker)
{
    uint64_t count;

    if (waker->event_fd < 0)
        return;
    /* Acquire and release: against na_waker_wake. */
    (void)atomic_exchange_explicit(&waker->woken, false, memory_order_acq_rel);
    if (read(waker->event_fd, &count, sizeof(count)) < 0)
        return; /* nobody has written, or not yet */
}
