/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_bulk_digest.h
 * Digests of bulk data: CRC-32C over the bytes of a range, whatever the segments. Pure but for the memory behind the handle;
 * any thread.
 */

#ifndef HG_HG_BULK_DIGEST_H
#define HG_HG_BULK_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hg_bulk;

/** The digest of a range inside the handle, whose memory the processor can reach. */
uint32_t hg_bulk_digest_of(const struct hg_bulk *handle, size_t offset, size_t size);

/** Whether a pull of @p size bytes from @p origin brings all that the origin's digest is of, to where it can be looked at. */
bool hg_bulk_digest_applies(const struct hg_bulk *origin, const struct hg_bulk *local, size_t size);

#endif
