/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What libfabric offers on this machine, for tools that show it. No state; any thread.
 */
#ifndef NA_OFI_OFI_LIST_H
#define NA_OFI_OFI_LIST_H

#include "na/na.h"

/* na_transport_list, na_transport_version. */
int ofi_list_make(const char *protocol, struct na_transport_info **list, size_t *count);
const char *ofi_list_version(void);

#endif
