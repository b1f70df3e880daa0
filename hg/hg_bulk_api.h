/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_bulk_api.h
 * What a context keeps for the public HG_Bulk_* calls.
 */

#ifndef HG_HG_BULK_API_H
#define HG_HG_BULK_API_H

#include <stdint.h>

#include "mercury_types.h"
#include "util/util_list.h"

struct hg_context;

/** Makes the context's pool of bulk operations, allocates nothing, and makes the context known to HG_Bulk_cancel(). */
void hg_bulk_api_init(struct hg_context *context);
/** Every operation must have ended. From here on its operation ids name nothing. */
void hg_bulk_api_fini(struct hg_context *context);
/** In a forked child: no operation id leads to a context. */
void hg_bulk_api_forget_all(void);

/** Cancels the operations of a list that bulk transfers are in as long as the request that they serve is not answered. Needs
 *  the context's lock. */
void hg_bulk_api_cancel_all_locked(struct util_list *transfers);

/** Notes which context of its owner sent the descriptor of a handle that was just decoded: transfers take the route
 *  to that context, since only there somebody is known to make progress. NULL is allowed. */
void hg_bulk_api_set_sender(hg_bulk_t handle, uint8_t context_id);

#endif
