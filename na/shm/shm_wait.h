/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Sleeping until there is work: one epoll set per context, with the doorbell's sockets and an eventfd for
 * other threads.
 */
#ifndef NA_SHM_SHM_WAIT_H
#define NA_SHM_SHM_WAIT_H

#include "na/shm/shm_objects.h"

/* Makes the set, unless the user never blocks. Sets the context's wait_fd. */
int shm_wait_open(struct shm_context *context);

/* na_wait_prepare, na_wait_finish, na_wake, na_next_deadline_ns. */
bool shm_wait_prepare(struct na_context *base);
void shm_wait_finish(struct na_context *base);
void shm_wait_wake(struct na_context *base);
uint64_t shm_wait_deadline_ns(const struct na_context *base);

#endif /* NA_SHM_SHM_WAIT_H */
