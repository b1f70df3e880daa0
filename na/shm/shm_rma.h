/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Put and get: na_rma_post, na_rma_cancel, and the work on them in each turn. Callers serialise per
 * context.
 */
#ifndef NA_SHM_SHM_RMA_H
#define NA_SHM_SHM_RMA_H

#include "na/shm/shm_objects.h"
#include "util/util_clock.h"

/* How long a peer that is copying from or to our memory is waited for. A piece takes a fraction of a millisecond; a peer that
 * is stopped in the middle could take for ever. */
#define SHM_RMA_WAIT_NS (100U * UTIL_CLOCK_NS_PER_MS)

int shm_rma_post(struct na_rma *rma);
void shm_rma_cancel(struct na_rma *rma);

/* Works on a route's transfers and on what its peer is owed, for at most *budget bytes, and puts the route up again
 * if there is more to do. Gives the number of transfers that ended. */
int shm_rma_work(struct shm_route *route, size_t *budget);

/* Puts the route on the list of those to be worked on. */
void shm_rma_schedule(struct shm_route *route);

/* Ends one transfer, with its done call. */
void shm_rma_end(struct shm_rma_op *op, int error);
/* Ends all of a route, those that were cancelled with -ECANCELED. */
void shm_rma_end_all(struct shm_route *route, int error);
/* Marks all of a route as cancelled. */
void shm_rma_cancel_route(struct shm_route *route);
/* Ends all of a route without done calls. */
void shm_rma_forget(struct shm_route *route);

#endif /* NA_SHM_SHM_RMA_H */
