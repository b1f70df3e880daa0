/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of a route: connecting, being connected to, and the end. Callers serialise per context.
 */
#ifndef NA_SHM_SHM_ROUTE_H
#define NA_SHM_SHM_ROUTE_H

#include "na/shm/shm_objects.h"

/* na_route_open, na_route_close. */
int shm_route_open(struct na_context *base, const char *address, uint8_t target_context, void *user,
                   struct na_route **route_out);
void shm_route_close(struct na_route *base);

/* The doorbell's upcalls; the argument is the context. */
int shm_route_on_accept(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift);
int shm_route_on_up(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift);
void shm_route_on_rung(void *arg, struct shm_doorbell_link *link);
void shm_route_on_down(void *arg, struct shm_doorbell_link *link, int error);

/* Ends the route for a reason of our own; its owner is told in the next turn. */
void shm_route_end(struct shm_route *route, int error);

/* What posting to a route that is not up gives: -EAGAIN while it is connecting, else why it ended. */
int shm_route_refusal(const struct shm_route *route);

/* The peer has something new in its ring: rings if it sleeps, pokes it if it does not look there. */
void shm_route_notify(struct shm_route *route);
/* Room for a record in the peer's ring, or NULL: the route is then on the list of those that wait, and the peer is
 * asked to ring. */
unsigned char *shm_route_reserve(struct shm_route *route, size_t size);
/* There is room for any record: takes the route off that list, and puts up its transfers, which are not tried again
 * otherwise. */
void shm_route_unblock(struct shm_route *route);

/* Looks at the routes that change; gives the number of upcalls made. */
int shm_route_turn(struct shm_context *context);

/* Closes and frees all routes without upcalls; their transfers end without done calls. */
void shm_route_free_all(struct shm_context *context);

#endif /* NA_SHM_SHM_ROUTE_H */
