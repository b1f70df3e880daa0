/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What shared memory offers on this machine: na_transport_list. Any thread.
 */
#ifndef NA_SHM_SHM_LIST_H
#define NA_SHM_SHM_LIST_H

#include <stddef.h>

#include "na/na.h"

int shm_list_make(const char *protocol, struct na_transport_info **list, size_t *count);

#endif /* NA_SHM_SHM_LIST_H */
