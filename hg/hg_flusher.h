/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_flusher.h
 * Sends what the transport refused at first (a connection that is not up yet, full buffers) when no thread of
 * the user makes progress: a one-way call followed by sleep() must arrive. It is one thread per class, started
 * with the first need and asleep otherwise. It makes progress turns, so completions may be queued by it, but it
 * never runs a callback. A class whose user promised a single thread has none.
 */

#ifndef HG_HG_FLUSHER_H
#define HG_HG_FLUSHER_H

#include <pthread.h>
#include <stdbool.h>

#include "util/util_list.h"
#include "util/util_lock.h"

struct hg_context;

struct hg_flusher {
    struct util_lock lock;   /**< everything here; a leaf */
    struct util_cond cond;   /**< work has come, the current context is done with, or stop */
    struct util_list queue;  /**< contexts with something to send, by flush_link */
    struct hg_context *busy; /**< the one that the thread is at */
    pthread_t thread;
    bool started;
    bool stop;
    bool disabled; /**< constant: the user promised a single thread */
};

void hg_flusher_init(struct hg_flusher *flusher, bool disabled);
/** Ends the thread. No context may be left. */
void hg_flusher_fini(struct hg_flusher *flusher);

/** Asks for help if something waits for the transport and no thread of the user is there. Needs the context's lock. */
void hg_flusher_check_locked(struct hg_context *context);

/** A callback has gathered a message that leaves when the callbacks end. If the thread that makes progress sleeps, and this
 *  callback waits for an answer, nobody else would send it. Needs the context's lock. */
void hg_flusher_deferred_locked(struct hg_context *context);

/** The context goes away: returns when the thread will not touch it any more. No lock held. */
void hg_flusher_forget(struct hg_context *context);

#endif
