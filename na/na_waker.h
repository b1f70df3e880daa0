/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a context sleeps on: an epoll set, to which its transport adds what it waits for, and in it an
 * eventfd by which any thread wakes the sleeper.
 *
 * Without a set (the user never sleeps) both descriptors are -1 and waking does nothing. na_waker_wake
 * may be called by any thread and from signal handlers; the rest is serialised per context.
 */
#ifndef NA_NA_WAKER_H
#define NA_NA_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>

struct na_waker {
    int epoll_fd;
    int event_fd;
    atomic_bool woken; /* and not yet cleared */
};

/* Makes it empty, so that closing it is harmless. */
void na_waker_init(struct na_waker *waker);
/* Opens set and eventfd. Entries that others add must not have data.u64 0. A negative errno value with a detail. */
int na_waker_open(struct na_waker *waker);
void na_waker_close(struct na_waker *waker);

/* Makes the set readable until na_waker_clear. */
void na_waker_wake(struct na_waker *waker);
/* Undoes wake-ups. What the wakers wrote before they woke us is seen from here on. */
void na_waker_clear(struct na_waker *waker);

/* True when somebody woke us since it was cleared last: nothing to sleep for. */
static inline bool na_waker_is_woken(struct na_waker *waker)
{
    /* Acquire: pairs with the waker's exchange. */
    return atomic_load_explicit(&waker->woken, memory_order_acquire);
}

#endif /* NA_NA_WAKER_H */
