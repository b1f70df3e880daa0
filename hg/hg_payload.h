/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_payload.h
 * From the user's struct to bytes and back. A payload is the user's own space (the offset set with
 * HG_Class_set_input_offset() or _output_offset()) followed by what the proc has encoded.
 *
 * Encoding and decoding run the user's procs, so no lock is held; the handle belongs to the caller meanwhile.
 */

#ifndef HG_HG_PAYLOAD_H
#define HG_HG_PAYLOAD_H

#include "hg/hg_handle.h"
#include "hg/hg_outbox.h"
#include "mercury_types.h"

/** Makes sure that handle->encoded has its buffer. HG_NOMEM. */
hg_return_t hg_payload_reserve(struct hg_handle *handle);

/** Encodes @p data as the handle's input (origin) or output (target). A NULL struct or proc encodes nothing. */
hg_return_t hg_payload_encode(struct hg_handle *handle, hg_op_t which, void *data);

/** Decodes what was received into @p data. */
hg_return_t hg_payload_decode(struct hg_handle *handle, hg_op_t which, void *data);

/** Runs the proc's free pass. */
hg_return_t hg_payload_free(struct hg_handle *handle, hg_op_t which, void *data);

/** Frees what did not fit into the buffer. */
void hg_payload_drop_extra(struct hg_handle *handle);

/** All bytes of the encoded payload, in up to two pieces. */
static inline void hg_payload_view(const struct hg_handle *handle, struct hg_outbox_payload *payload)
{
    payload->head = handle->encoded.buf;
    payload->head_size = handle->encoded.size;
    payload->tail = handle->encoded.extra;
    payload->tail_size = handle->encoded.extra_size;
}

/** The @p size bytes at @p offset of a payload. */
struct hg_outbox_payload hg_payload_slice(const struct hg_outbox_payload *payload, size_t offset, size_t size);

static inline size_t hg_payload_size(const struct hg_outbox_payload *payload)
{
    return payload->head_size + payload->tail_size;
}

#endif
