/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_left.h
 * Attempts that an origin has left behind: those of calls that run at most once whose own time was over. They are not taken
 * back, since the next attempt asks for the same, and may be running. When the call itself ends early their target is told, and
 * the memory that they have shown is fenced (hg_fence.h), as it is for the attempt under way. Everything needs the lock of the
 * handle's owner.
 */

#ifndef HG_HG_LEFT_H
#define HG_HG_LEFT_H

#include <stdbool.h>

struct hg_handle;
struct hg_session;
struct util_list;

/** The attempt of the handle, which was sent whole, is about to be left behind. False: no memory. */
bool hg_left_note_locked(struct hg_handle *handle);

/** The open session of the last attempt that was left behind, or NULL. */
struct hg_session *hg_left_session_locked(const struct hg_handle *handle);

/** The call ends early: moves what it has left behind to @p left, and raises the fences, for which its callback waits. */
void hg_left_take_locked(struct hg_handle *handle, struct util_list *left);
/** Tells the targets of those on the list, and frees them. It may send. */
void hg_left_cancel_locked(struct util_list *left);

/** The call has ended, and its target is through with it, or cannot be told. */
void hg_left_forget_locked(struct hg_handle *handle);

#endif
