/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frames out: na_frame_get and its namesakes. Callers serialise per context.
 */
#ifndef NA_SHM_SHM_SEND_H
#define NA_SHM_SHM_SEND_H

#include "na/shm/shm_objects.h"

struct na_frame *shm_send_frame_get(struct na_context *base);
void shm_send_frame_put(struct na_context *base, struct na_frame *frame);
int shm_send_frame(struct na_route *base, struct na_frame *frame);
size_t shm_send_room(struct na_route *base);

/* Frees the frames of a context. */
void shm_send_close(struct shm_context *context);

#endif /* NA_SHM_SHM_SEND_H */
