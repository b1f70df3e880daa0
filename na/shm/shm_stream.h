/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Put and get through the ring, for where the system does not let one process reach another's memory.
 *
 * Records, after their ring header, native-endian numbers of 8 bytes:
 *
 *   GET   id, key, address, size          asks for data
 *   DATA  id, bytes left with these, data in order
 *   PUT   id, key, address, bytes left with these, data    in order, one transfer after the other
 *   END   id, status (negative errno)     a PUT is stored as a whole or was refused, a GET was refused
 *
 * A side has at most SHM_STREAM_MAX transfers open with the peer, which is what the peer keeps places for.
 * Callers serialise per context.
 */
#ifndef NA_SHM_SHM_STREAM_H
#define NA_SHM_SHM_STREAM_H

#include "na/shm/shm_objects.h"
#include "na/shm/shm_ring.h"

/* Works on our transfers and on what the peer is owed, for at most *budget bytes; adds the transfers that ended to
 * *count. True when there is more to do and room for it. */
bool shm_stream_work(struct shm_route *route, size_t *budget, int *count);
/* The second half of it: what the peer is owed. */
bool shm_stream_serve(struct shm_route *route, size_t *budget);

/* Takes in a record that is no frame. Negative when the peer broke the protocol, or there is no memory to serve it. */
int shm_stream_receive(struct shm_route *route, const struct shm_ring_record *record);

#endif /* NA_SHM_SHM_STREAM_H */
