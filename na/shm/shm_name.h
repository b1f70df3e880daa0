/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The names of endpoints: shm://NAME is a class, and its context 0; its further contexts are NAME#INDEX. NAME# is no
 * endpoint: a class holds it as long as it lives. Pure but for the asking for our process id; any thread.
 */
#ifndef NA_SHM_SHM_NAME_H
#define NA_SHM_SHM_NAME_H

#include <stdint.h>

#include "na/na.h"

/* The name in an info string or address, "" if it has none. -EINVAL, -EPROTONOSUPPORT with a detail. */
int shm_name_local(const char *text, char name[NA_ADDRESS_MAX]);
/* The name of a class that was given none, if it is free: PID-NUMBER, as in Mercury. */
void shm_name_numbered(uint32_t number, char name[NA_ADDRESS_MAX]);
/* The name in a peer's address, which must have one. -EINVAL, -EPROTONOSUPPORT with a detail. */
int shm_name_remote(const char *text, char name[NA_ADDRESS_MAX]);

/* The endpoint name of a context. */
void shm_name_of_context(const char *name, uint8_t context, char out[NA_ADDRESS_MAX]);
/* What a class holds, so that nobody else takes its name. */
void shm_name_of_class(const char *name, char out[NA_ADDRESS_MAX]);
/* The canonical address. */
void shm_name_text(const char *name, char text[NA_ADDRESS_MAX]);

#endif /* NA_SHM_SHM_NAME_H */
