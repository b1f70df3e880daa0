/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_nested.h
 * Which received request the user's code is serving: known while its handler runs, and passed on to the callbacks of
 * calls and bulk transfers that were begun meanwhile. It is kept as values, not as a pointer to the handle, which
 * may be answered and gone by the time that somebody asks: whoever asks looks it up, and finds it or not.
 */

#ifndef HG_HG_NESTED_H
#define HG_HG_NESTED_H

#include <stdbool.h>
#include <stdint.h>

struct hg_context;
struct hg_handle;
struct hg_session;

struct hg_nested {
    const struct hg_context *context; /**< that received the request, only to be compared; NULL: none is served */
    uint32_t session_index;           /**< whose request it is; */
    uint32_t session_key;             /*   0: a call to oneself */
    uint8_t origin_context;
    uint64_t tag;
    uint64_t deadline_ns; /**< UINT64_MAX: none */
};

/** A received request is about to run: notes in it what it is to those who serve it. That stays so until it is answered, also when a
 *  later attempt of its call gives it another session and tag. Needs the lock of its owner. */
void hg_nested_begin_locked(struct hg_handle *handle);
/** The request has been given another session and tag. Needs the lock of its owner. */
void hg_nested_rejoined_locked(struct hg_handle *handle);

/** What a request on this session is called by its origin. */
struct hg_nested hg_nested_by_tag(const struct hg_session *session, uint64_t tag);

/** What this thread serves now; all zero: nothing. */
void hg_nested_now(struct hg_nested *nested);

/** From now on this thread serves @p nested, which stays valid until it is told otherwise (NULL: nobody). Gives what it
 *  was before, to be put back. No lock needed. */
const struct hg_nested *hg_nested_swap(const struct hg_nested *nested);

/** The request is about to be answered: what this thread does from here on does not serve it any more. */
void hg_nested_answered(const struct hg_handle *handle);

/** Whether the request was answered meanwhile. Only the context that received it can tell; elsewhere false. Needs the
 *  lock of @p context. */
bool hg_nested_over_locked(struct hg_context *context, const struct hg_nested *nested);

/** The request, if it was received by @p context and is not answered yet; else NULL. Needs the context's lock. */
struct hg_handle *hg_nested_find_locked(struct hg_context *context, const struct hg_nested *nested);

#endif
