/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_missing.h
 * Calls that got lost. Where there is no connection whose end would tell, a request or its answer can get lost while
 * both processes live, with a connection that the provider had below. So an origin asks, of calls that have waited for
 * long, whether the target has them still; one that it has not, nor had a while before, will not be answered, and ends
 * with HG_HOSTUNREACH, or is tried again. Needs the context's lock.
 */

#ifndef HG_HG_MISSING_H
#define HG_HG_MISSING_H

#include <stdint.h>

struct hg_session;

/** What a handle knows of it. */
struct hg_missing {
    uint16_t looks;   /**< origin: that its call has waited for, up to a limit */
    uint16_t doubted; /**< origin: the look after which the target did not know it; 0: none */
    uint32_t to_come; /**< target: bytes of the input that were missing when it was asked for last */
};

/** The timer of the session looks at it: asks for calls whose turn it is. The session may have ended on return. */
void hg_missing_look_locked(struct hg_session *session);

/** The peer asks for a request of its own. */
void hg_missing_asked_locked(struct hg_session *session, uint64_t tag);

/** The peer says that it does not have this request. */
void hg_missing_told_locked(struct hg_session *session, uint64_t tag);

#endif
