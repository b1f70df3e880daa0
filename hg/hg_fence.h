/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_fence.h
 * What a call that ends early owes to the memory that it has shown to its target.
 *
 * The input of a call may bring the target descriptors of memory. When such a call ends by its time limit or a cancel, the
 * target may be writing there; or reading, and memory that is withdrawn while it reads costs the connection, with all other calls
 * on it. So the callback waits for the release by which the target answers a cancel: it says that nothing moves to or from the
 * memory of that call any more. A target that is stopped, busy or cut off does not say so; then the callback comes when the
 * class's grace is over, and the handles of that memory are held (bulk_owner.h): of those that are freed before the release, or
 * the end of the session, what the library provided outlives them; for the user's own memory that the target can write to the
 * connection is cut, where the transport would go on writing.
 *
 * Nothing is done for calls that are answered, but to note the ids of their handles. The functions need the lock of the
 * handle's owner unless they say otherwise.
 */

#ifndef HG_HG_FENCE_H
#define HG_HG_FENCE_H

#include <stdbool.h>
#include <stdint.h>

struct bulk_owner;
struct hg_bulk;
struct hg_fence;
struct hg_handle;
struct hg_session;
struct util_timer;

/** The input of the handle, which the calling thread is encoding, describes this memory. -ENOMEM. No lock needed. */
int hg_fence_note(struct hg_handle *handle, const struct hg_bulk *bulk);
/** A new input is about to be encoded; handle->fence is not NULL. No lock needed. */
void hg_fence_forget(struct hg_handle *handle);
/** Frees what was noted, with the handle. */
void hg_fence_free(struct hg_handle *handle);

/** Whether the target of the handle's call has been shown memory. */
bool hg_fence_is_due(const struct hg_handle *handle);

/** The call ends early, and a cancel for its tag is about to go to the target: it will be completed when that has answered. */
void hg_fence_raise_locked(struct hg_handle *handle, uint64_t tag);
/** The same for an attempt, after which the call goes on. False: no memory. */
bool hg_fence_raise_attempt_locked(struct hg_handle *handle, uint64_t tag);

/** What the input of the handle's call has shown, for an attempt that is left behind; NULL: no memory. To be raised or dropped. */
struct hg_fence *hg_fence_copy(const struct hg_handle *handle);
void hg_fence_drop(struct hg_fence *copy);
/** The call ends early, and a cancel for that attempt is about to go to its target. */
void hg_fence_raise_copy_locked(struct hg_fence *fence, struct hg_handle *handle, struct hg_session *session,
                                uint64_t tag);

/** Puts an ended call, whose fences are up, into the completion queue: when they are down, or have been up for long enough. */
void hg_fence_complete_locked(struct hg_handle *handle);

/** The peer has released what belongs to this tag. */
void hg_fence_released_locked(struct hg_session *session, uint64_t tag);
/** Whether a peer may be writing to memory of calls on this session that end with it. */
bool hg_fence_session_is_due(const struct hg_session *session);
/** The session's route has been closed: nothing comes by it any more. */
void hg_fence_session_ended_locked(struct hg_session *session);

/** The grace of a call is over. */
void hg_fence_fired(struct util_timer *timer);

/** bulk_owner.halt. No lock held. */
void hg_fence_halt(struct bulk_owner *owner, uint64_t id);

#endif
