/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_sm.h
 * Shared memory beside the class's own transport (the option auto_sm): opening it, and the name by which a
 * peer is found there.
 *
 * The name is made of the peer's address, so nothing about shared memory travels in addresses or hellos: an
 * endpoint of that name exists on this host exactly where the peer is, and has shared memory, too.
 */

#ifndef HG_HG_SM_H
#define HG_HG_SM_H

#include <stdbool.h>

#include "na/na.h"

struct hg_class;
struct hg_init_info;

/** Opens shared memory as the class's second transport if @p options ask for it; the first must be open. Does nothing
 *  where that is shared memory itself. -EINVAL: sm_info_string is none of shared memory. Leaves a util_detail. */
int hg_sm_open(struct hg_class *hg_class, bool listen, const struct hg_init_info *options);

/** The address in shared memory of the class whose address is @p text. */
void hg_sm_address(const char *text, char address[NA_ADDRESS_MAX]);

#endif
