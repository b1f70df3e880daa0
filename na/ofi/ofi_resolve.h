/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Endpoints for connections whose making waits for the network.
 *
 * An RDMA device must know the hardware address of its peer before it has a queue pair for it. libfabric before 1.21
 * asks for that inside fi_endpoint, which returns when the answer has come, or after 2 s (VERBS_RESOLVE_TIMEOUT in
 * its prov/verbs/src/fi_verbs.h). Called in a turn of progress, it would hold up all other peers of the context for as
 * long as one host is away. So it is called by a thread that lives for this.
 */
#ifndef NA_OFI_OFI_RESOLVE_H
#define NA_OFI_OFI_RESOLVE_H

#include "na/ofi/ofi_objects.h"

/* Asking for a hardware address and answering are a packet each that may be lost. The kernel asks three times, a second apart, and
 * begins anew only when it is asked to after that, which is with the third try. */
#define OFI_RESOLVE_TRIES 3U

/* Whether fi_endpoint may wait in this class, and may be called by another thread. */
bool ofi_resolve_waits(const struct ofi_class *owner);

/* Begins to make an endpoint from `info`, which is taken in any case, for a route in state CONNECTING that is to lead
 * to `address`. Its clock starts when its turn comes. ofi_connect_resolved follows in a later turn, unless the route is
 * given up before. -ENOMEM. */
int ofi_resolve_start(struct ofi_route *route, struct fi_info *info, const struct ofi_address *address);

/* The route does not wait any more; what comes of it is closed. */
void ofi_resolve_give_up(struct ofi_route *route);

/* Hands over what is ready; gives the number of endpoints and errors. */
int ofi_resolve_turn(struct ofi_context *context);

/* Waits for the threads, at most for the time that one fi_endpoint takes, and closes what they have made. No route of the
 * context waits any more. */
void ofi_resolve_close(struct ofi_context *context);

#endif
