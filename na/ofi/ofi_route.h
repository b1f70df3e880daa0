/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of a route, whatever it runs over: making, ending, closing, freeing, and the deadlines.
 *
 * A route is freed in a turn of progress only, never inside an upcall: after its owner closed it
 * and after libfabric has given back everything that it held for the route. Callers serialise per
 * context.
 *
 *   CONNECTING -> UP                    a way out was made
 *   ACCEPTING  -> UP                    a way in was made, and the owner told
 *   CONNECTING, ACCEPTING, UP -> ENDING connection over; -> DOWN once the owner was told
 *   any -> CLOSED                       the owner closed it; UP by way of CLOSING while frames leave
 */
#ifndef NA_OFI_OFI_ROUTE_H
#define NA_OFI_OFI_ROUTE_H

#include "na/ofi/ofi_objects.h"

/* Injected frames in a row before one that asks for a completion. */
#define OFI_ROUTE_INJECT_RUN 64U

/* Makes a route and gives it an id. -ENOMEM. */
int ofi_route_create(struct ofi_context *context, enum ofi_route_state state, struct ofi_route **route_out);

/* The route that a frame with this id came by, ready to be named in an upcall; NULL if there is
 * none. May make the accept upcall first. */
struct ofi_route *ofi_route_receiving(struct ofi_context *context, uint64_t id);

/* Moves. up: the other side answered. end: the connection is over or never came; route_down follows
 * in a later turn. Both do nothing in states that they do not fit. */
void ofi_route_up(struct ofi_route *route);
void ofi_route_end(struct ofi_route *route, int error);

/* Starts the clock of a connection attempt. */
void ofi_route_start_clock(struct ofi_route *route);

/* libfabric took a frame, refused one, or gave the last operation back. */
void ofi_route_sent(struct ofi_route *route);
void ofi_route_refused(struct ofi_route *route);
void ofi_route_settled(struct ofi_route *route);

/* na_route_lost, na_route_close, na_route_cut: the provider writes what it receives in our turns, and not after fi_close. */
void ofi_route_lost(struct na_route *base);
void ofi_route_close(struct na_route *base);
void ofi_route_cut(struct na_route *base);

/* Looks after deadlines and changes; gives the number of upcalls made. */
int ofi_route_turn(struct ofi_context *context);

/* The next deadline among the context's routes, UINT64_MAX if none. */
uint64_t ofi_route_deadline_ns(const struct ofi_context *context);

/* Closes and frees all routes without upcalls; the context is being closed. Before the endpoint is
 * closed (connections) respectively after it (datagrams). */
void ofi_route_close_connections(struct ofi_context *context);
void ofi_route_free_all(struct ofi_context *context);

#endif
