/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_admit.h
 * What a target takes in: how many requests may be here at once and wait for their handlers, and what each peer may have of
 * that (struct qs_admission). A request counts from its first piece until it is answered. One that finds no room is refused
 * before anything is kept for it, with a time after which it is worth trying again; one that has waited too long for its handler is
 * refused instead of run. One-way requests count, but are not refused, since nobody would be told: the window bounds them.
 *
 * A peer's share is kept by the context, and is made with its first request or connection. All functions need the context's lock.
 */

#ifndef HG_HG_ADMIT_H
#define HG_HG_ADMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mercury_types.h"
#include "quicksilver.h"
#include "util/util_hash.h"

struct hg_context;
struct hg_handle;
struct hg_header;
struct hg_session;

/** What a class allows; all read without a lock. The greatest number of a type stands for no limit. */
struct hg_admission {
    _Atomic uint32_t requests_max;
    _Atomic uint32_t waiting_max;
    _Atomic uint64_t wait_max_ns;
    _Atomic uint32_t peer_requests_max;
    _Atomic uint64_t peer_bytes_max;
    _Atomic uint32_t peer_sessions_max;
    _Atomic uint32_t retry_after_us; /**< 0: estimated */
    atomic_bool timed;               /**< requests are to be timed: one of the first three is a limit */
};

/** What one peer has here. */
struct hg_share {
    uint64_t key;      /**< in the context's map: its address, which those who refer to the share keep */
    uint32_t refs;     /**< sessions; requests have theirs by their session */
    uint32_t sessions; /**< that it has opened */
    uint32_t requests; /**< not answered yet */
    uint32_t waiting;  /**< of those, the ones that wait for their handlers */
    uint64_t bytes;    /**< of their inputs */
};

/** What all peers have in a context. */
struct hg_admit {
    struct util_map shares; /**< by address */
    uint32_t requests;      /**< not answered yet, those from this class included */
    uint32_t waiting;       /**< of those from peers, the ones that wait for their handlers */
    uint64_t ended_ns;      /**< when the last one ended, where they are timed */
    const char *refusal;    /**< why the last request was refused for lack of room: constant text */
    uint64_t interval_ns;   /**< from one end to the next while there was something to do; smoothed */
};

void hg_admission_init(struct hg_admission *admission);
void hg_admit_init(struct hg_admit *admit);
void hg_admit_fini(struct hg_admit *admit);

/** A peer opens a session. -ENOSPC: it has too many. */
int hg_admit_session_locked(struct hg_session *session);
/** The session ends. */
void hg_admit_session_ended_locked(struct hg_session *session);
/** The session is freed. */
void hg_admit_session_freed_locked(struct hg_session *session);

/** Makes the share of the session's peer; NULL: no memory. */
struct hg_share *hg_admit_share_locked(struct hg_session *session);

/** Whether there is room for a request that begins to arrive: HG_SUCCESS, HG_AGAIN, or HG_NOMEM. Then the session has a share. */
hg_return_t hg_admit_check_locked(struct hg_session *session, const struct hg_header *header);

/** A request is taken in, which hg_admit_check_locked() has let pass. */
void hg_admit_enter_locked(struct hg_handle *handle);
/** It brings so many bytes. -EAGAIN: more than its peer may have here; they do not count then. */
int hg_admit_bytes_locked(struct hg_handle *handle, uint64_t bytes);
/** Its answer holds so many bytes until it has left, or its peer has fetched it. */
void hg_admit_output_locked(struct hg_handle *handle, uint64_t bytes);
/** A kept answer of so many bytes is given again by the handle: HG_SUCCESS, HG_AGAIN (its peer has too many bytes here), or HG_NOMEM.
 *  It is no further request. */
hg_return_t hg_admit_again_locked(struct hg_handle *handle, uint64_t bytes);
/** It waits for its handler; */
void hg_admit_ready_locked(struct hg_handle *handle);
/** and no longer. */
void hg_admit_taken_locked(struct hg_handle *handle);
/** It goes on in another session, which may be that of another peer. */
void hg_admit_move_locked(struct hg_handle *handle, struct hg_session *to);
/** It has been answered, or will not be. Harmless when told again. */
void hg_admit_leave_locked(struct hg_handle *handle);

/** Whether a request whose turn has come has waited for too long. No lock is needed. */
bool hg_admit_too_late(const struct hg_handle *handle);

/** What a refused origin is told: microseconds after which there may be room. */
uint32_t hg_admit_retry_after_us_locked(const struct hg_context *context);

#endif
