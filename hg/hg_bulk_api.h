/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_bulk_api.h
 * What a context keeps for the public HG_Bulk_* calls.
 */

#ifndef HG_HG_BULK_API_H
#define HG_HG_BULK_API_H

#include <stdbool.h>
#include <stdint.h>

#include "mercury_types.h"
#include "util/util_list.h"

struct hg_context;
struct hg_handle;
struct hg_session;

/** Makes the context's pool of bulk operations, allocates nothing, and makes the context known to HG_Bulk_cancel(). */
void hg_bulk_api_init(struct hg_context *context);
/** Every operation must have ended. From here on its operation ids name nothing. */
void hg_bulk_api_fini(struct hg_context *context);
/** In a forked child: no operation id leads to a context. */
void hg_bulk_api_forget_all(void);

/** Cancels the operations of a list that bulk transfers are in as long as the request that they serve is not answered. Needs
 *  the context's lock. */
void hg_bulk_api_cancel_all_locked(struct util_list *transfers);

/** Target: the origin on this session has cancelled the call with this tag. Transfers with the memory that came with it are
 *  cancelled, among them those of @p handle, the request as far as it is not answered, or NULL. True: the release that
 *  answers the cancel is not to be sent now; it follows with the end of the last of them. Needs the lock of the session's context. */
bool hg_bulk_api_withdraw_locked(struct hg_session *session, uint64_t tag, struct hg_handle *handle);

/** Notes who sent the descriptor of a handle that was just decoded: transfers take the route to that context, since only
 *  there somebody is known to make progress, and end with the call that it came with. NULL is allowed. No lock held. */
void hg_bulk_api_set_sender(hg_bulk_t bulk, struct hg_handle *handle);

#endif
