/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The receiving side of connection management: the class's port, its event queue, and the hand-over
 * of what comes by it to the contexts. Classes with connected endpoints only; the functions do
 * nothing for others.
 *
 * Whichever context's thread comes first reads the event queue, under cm.lock. What it finds is left
 * for the context that it is for, which is woken; that context acts on it in its own turn, so that
 * routes and endpoints are only ever touched under their context's serialisation.
 */
#ifndef NA_OFI_OFI_LISTEN_H
#define NA_OFI_OFI_LISTEN_H

#include "na/ofi/ofi_objects.h"

/* Binds the class's port, and listens on it if the class does; writes the class's address.
 * -EADDRINUSE and others, with a detail. */
int ofi_listen_open(struct ofi_class *owner);
void ofi_listen_close(struct ofi_class *owner);

/* Gives up the port: the contexts have stopped listening. Connections go on. */
void ofi_listen_stop(struct ofi_class *owner);

/* Reads the event queue and hands over. `caller` is not woken, since it is awake. */
void ofi_listen_poll(struct ofi_class *owner, struct ofi_context *caller);

/* Acts on what was handed over to the context: accepts, ups and downs. Gives their number. */
int ofi_listen_turn(struct ofi_context *context);

/* Acts on what was handed over for one route. */
void ofi_listen_take_event(struct ofi_route *route);

/* Closes a route's connection, with all events about it. */
void ofi_listen_close_connection(struct ofi_route *route);

/* Refuses the connect requests that wait for the context. */
void ofi_listen_refuse_all(struct ofi_context *context);

#endif
