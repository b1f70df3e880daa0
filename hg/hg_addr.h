/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_addr.h
 * What an hg_addr_t points at: the identity of a peer, which is its class address in canonical form.
 *
 * Each class keeps one hg_addr per canonical text, so that comparing addresses is comparing pointers.
 * An address is not a connection: sessions (hg_session.h) hold those and refer to the address.
 *
 * An address carries what the class knows of the peer (hg_peer.h).
 *
 * Two counts: refs keeps the memory (sessions and handles hold it too), users counts what the
 * user holds (looked up, duplicated, own) and keeps HG_Finalize() from succeeding.
 */

#ifndef HG_HG_ADDR_H
#define HG_HG_ADDR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hg/hg_peer.h"
#include "mercury_types.h"
#include "na/na.h"
#include "util/util_list.h"

struct hg_addr {
    struct hg_class *hg_class; /**< borrowed: the class outlives its addresses */
    struct util_list link;     /**< in the class's bucket, under its addr_lock */
    atomic_uint refs;          /**< 0 only under addr_lock, then it is freed */
    atomic_uint users;
    struct hg_peer peer; /**< what is known of it; under the class's peer_lock */
    bool self;           /**< the class's own address */
    char text[];         /**< canonical, constant */
};

/** The address with this canonical text, made if there is none; a reference for the caller. NULL: no memory. */
struct hg_addr *hg_addr_intern(struct hg_class *hg_class, const char *canonical);
void hg_addr_ref(struct hg_addr *addr);
/** NULL is allowed. Any thread. */
void hg_addr_unref(struct hg_addr *addr);

#endif
