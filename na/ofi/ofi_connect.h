/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Ways out: routes to an address, over a connection or a datagram endpoint, and the 16 bytes that
 * two ends of a connection tell each other while it is made. Callers serialise per context.
 */
#ifndef NA_OFI_OFI_CONNECT_H
#define NA_OFI_OFI_CONNECT_H

#include "na/ofi/ofi_objects.h"

#define OFI_CONNECT_PRIVATE_SIZE 16U

/* What a connect request and its answer carry. */
struct ofi_connect_private {
    uint64_t id;    /* to be put into each message to the writer of this */
    uint8_t target; /* request: the context that is wished for; answer: the one that answers */
    uint8_t source; /* request: the context that asks */
};

void ofi_connect_private_encode(const struct ofi_connect_private *in, unsigned char out[OFI_CONNECT_PRIVATE_SIZE]);
/* -EPROTO when the bytes are not ours or of another version. */
int ofi_connect_private_decode(const void *bytes, size_t size, struct ofi_connect_private *out);

/* na_route_open. */
int ofi_connect_route_open(struct na_context *base, const char *address, uint8_t target_context, void *user,
                           struct na_route **route_out);

/* Makes a connection's endpoint from `info`, bound to the context's queues, and puts it into the
 * route. Gives libfabric's error. */
int ofi_connect_endpoint(struct ofi_route *route, struct fi_info *info);

/* The endpoint of a route in state CONNECTING has been made (ofi_resolve.h), and is the route's now; or there is none, and
 * `error` is libfabric's. */
void ofi_connect_resolved(struct ofi_route *route, const struct ofi_address *address, struct fid_ep *ep, int error);

/* A connection could not be made, which is the peer's failure, the network's, or ours: it becomes route_down. Libfabric's error. */
void ofi_connect_fail(struct ofi_route *route, int error);

/* The connection that is being made has failed with `error`, positive, as the event queue says. True where that may be a lost packet of
 * those that ask for the peer's hardware address, and it is begun anew: libfabric 1.21 and later ask once, for 2 s, and tell by an
 * event. (The ones before wait in fi_endpoint, see ofi_resolve.h.) */
bool ofi_connect_again(struct ofi_route *route, int error);

#endif
