/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's turn of progress: na_progress. Callers serialise per context.
 */
#ifndef NA_SHM_SHM_PROGRESS_H
#define NA_SHM_SHM_PROGRESS_H

#include "na/shm/shm_objects.h"

/* Kinds of records in a ring. */
enum shm_record {
    SHM_RECORD_FRAME = 1,
    SHM_RECORD_GET,  /* asks for data */
    SHM_RECORD_DATA, /* some of it */
    SHM_RECORD_PUT,  /* data to be stored */
    SHM_RECORD_END,  /* a transfer is over */
};

int shm_progress_turn(struct na_context *base);

/* Reads a batch of records of one route; gives their number. A peer that breaks the ring loses the route. */
int shm_progress_receive(struct shm_route *route);

#endif /* NA_SHM_SHM_PROGRESS_H */
