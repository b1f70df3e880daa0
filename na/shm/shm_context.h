/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Contexts: na_context_open and its namesakes. The caller serialises each context.
 */
#ifndef NA_SHM_SHM_CONTEXT_H
#define NA_SHM_SHM_CONTEXT_H

#include "na/shm/shm_objects.h"

int shm_context_open(struct na_class *base, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                     struct na_context **context_out);
void shm_context_close(struct na_context *base, uint32_t linger_ms);
void shm_context_stop_listening(struct na_context *base);

#endif /* NA_SHM_SHM_CONTEXT_H */
