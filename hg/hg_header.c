/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Encoding and decoding of message headers. The layout is drawn in hg_header.h; nothing outside this
 * file knows an offset. Decoding takes bytes from the network: each length is checked before it is
 * used, and nothing is believed that is not inside the bytes at hand.
 */

#include "hg/hg_header.h"

#include <errno.h>

#include "hg/hg_proc_crc.h"
#include "util/util_bytes.h"

#define HEADER_COMMON_SIZE   16U
#define HEADER_REQUEST_SIZE  8U
#define HEADER_TERMS_SIZE    8U
#define HEADER_STATUS_SIZE   8U
#define HEADER_FRAGMENT_SIZE 8U
#define HEADER_RELEASE_SIZE  8U
#define HEADER_SEQUENCE_SIZE 24U
#define HEADER_CHECK_SIZE    8U

/* Flags that may add a part. Most messages have none of them. */
#define HEADER_PART_FLAGS \
    (HG_MESSAGE_TERMS | HG_MESSAGE_FRAGMENT | HG_MESSAGE_MORE_DATA | HG_MESSAGE_SEQUENCED | HG_MESSAGE_CHECKED)

static bool header_has_status(const struct hg_header *header)
{
    return header->type == HG_MESSAGE_RESPONSE || header->type == HG_MESSAGE_NACK || header->type == HG_MESSAGE_END ||
           header->type == HG_MESSAGE_PONG;
}

static bool header_has_release_tag(const struct hg_header *header)
{
    return header->type == HG_MESSAGE_RESPONSE && (header->flags & HG_MESSAGE_MORE_DATA) != 0;
}

static bool header_has_sequence(uint8_t type, uint16_t flags)
{
    return type == HG_MESSAGE_REQUEST && (flags & HG_MESSAGE_SEQUENCED) != 0;
}

static bool header_has_terms(uint8_t type, uint16_t flags)
{
    return type == HG_MESSAGE_REQUEST && (flags & HG_MESSAGE_TERMS) != 0;
}

/* The flags as they are written: whether a request has terms is seen from its fields. */
static uint16_t header_flags(const struct hg_header *header)
{
    bool terms = header->remaining_us != 0 || header->target_context != 0 || header->origin_context != 0;

    if (header->type == HG_MESSAGE_REQUEST && terms)
        return header->flags | HG_MESSAGE_TERMS;
    return header->flags;
}

/* Bytes of a header with the given flags. */
static size_t header_parts_size(const struct hg_header *header, uint16_t flags)
{
    size_t size = HEADER_COMMON_SIZE;

    if (header->type == HG_MESSAGE_REQUEST)
        size += HEADER_REQUEST_SIZE;
    else if (header_has_status(header))
        size += HEADER_STATUS_SIZE;
    if ((flags & HEADER_PART_FLAGS) == 0)
        return size;
    if (header_has_terms(header->type, flags))
        size += HEADER_TERMS_SIZE;
    if ((flags & HG_MESSAGE_FRAGMENT) != 0)
        size += HEADER_FRAGMENT_SIZE;
    if (header_has_release_tag(header))
        size += HEADER_RELEASE_SIZE;
    if (header_has_sequence(header->type, flags))
        size += HEADER_SEQUENCE_SIZE;
    if ((flags & HG_MESSAGE_CHECKED) != 0)
        size += HEADER_CHECK_SIZE;
    return size;
}

size_t hg_header_size(const struct hg_header *header)
{
    return header_parts_size(header, header_flags(header));
}

static unsigned char *header_encode_request(const struct hg_header *header, uint16_t flags, unsigned char *at)
{
    util_bytes_put64(at, header->rpc_id);
    at += HEADER_REQUEST_SIZE;
    if (!header_has_terms(header->type, flags))
        return at;
    util_bytes_put32(at, header->remaining_us);
    at[4] = header->target_context;
    at[5] = header->origin_context;
    util_bytes_put16(at + 6, 0);
    return at + HEADER_TERMS_SIZE;
}

static unsigned char *header_encode_sequence(const struct hg_header *header, unsigned char *at)
{
    util_bytes_put64(at, header->sequence);
    util_bytes_put32(at + 8, header->behind);
    util_bytes_put32(at + 12, header->epoch);
    util_bytes_put16(at + 16, header->attempt);
    util_bytes_put16(at + 18, 0);
    util_bytes_put32(at + 20, 0);
    return at + HEADER_SEQUENCE_SIZE;
}

size_t hg_header_encode(const struct hg_header *header, unsigned char *out)
{
    uint16_t flags = header_flags(header);
    size_t size = header_parts_size(header, flags);
    unsigned char *at = out + HEADER_COMMON_SIZE;

    out[0] = header->type;
    out[1] = (unsigned char)(size / 8U);
    util_bytes_put16(out + 2, flags);
    util_bytes_put32(out + 4, header->payload_size);
    util_bytes_put64(out + 8, header->tag);
    if (header->type == HG_MESSAGE_REQUEST) {
        at = header_encode_request(header, flags, at);
    } else if (header_has_status(header)) {
        util_bytes_put32(at, header->status);
        util_bytes_put32(at + 4, header->type == HG_MESSAGE_NACK ? header->retry_after_us : 0);
        at += HEADER_STATUS_SIZE;
    }
    if ((flags & HEADER_PART_FLAGS) == 0)
        return size;
    if ((flags & HG_MESSAGE_FRAGMENT) != 0) {
        util_bytes_put32(at, header->total_size);
        util_bytes_put32(at + 4, header->offset);
        at += HEADER_FRAGMENT_SIZE;
    }
    if (header_has_release_tag(header)) {
        util_bytes_put64(at, header->release_tag);
        at += HEADER_RELEASE_SIZE;
    }
    if (header_has_sequence(header->type, flags))
        at = header_encode_sequence(header, at);
    if ((flags & HG_MESSAGE_CHECKED) != 0) {
        util_bytes_put32(at, header->payload_check);
        util_bytes_put32(at + 4, hg_proc_crc_32c(out, size - 4));
    }
    return size;
}

/* Reads the parts behind the common one, whose presence the caller has checked. */
static void header_decode_parts(const unsigned char *at, struct hg_header *header)
{
    if (header->type == HG_MESSAGE_REQUEST) {
        header->rpc_id = util_bytes_get64(at);
        at += HEADER_REQUEST_SIZE;
    } else if (header_has_status(header)) {
        header->status = util_bytes_get32(at);
        header->retry_after_us = header->type == HG_MESSAGE_NACK ? util_bytes_get32(at + 4) : 0;
        at += HEADER_STATUS_SIZE;
    }
    if ((header->flags & HEADER_PART_FLAGS) == 0)
        return;
    if (header_has_terms(header->type, header->flags)) {
        header->remaining_us = util_bytes_get32(at);
        header->target_context = at[4];
        header->origin_context = at[5];
        at += HEADER_TERMS_SIZE;
    }
    if ((header->flags & HG_MESSAGE_FRAGMENT) != 0) {
        header->total_size = util_bytes_get32(at);
        header->offset = util_bytes_get32(at + 4);
        at += HEADER_FRAGMENT_SIZE;
    }
    if (header_has_release_tag(header)) {
        header->release_tag = util_bytes_get64(at);
        at += HEADER_RELEASE_SIZE;
    }
    if (header_has_sequence(header->type, header->flags)) {
        header->sequence = util_bytes_get64(at);
        header->behind = util_bytes_get32(at + 8);
        header->epoch = util_bytes_get32(at + 12);
        header->attempt = util_bytes_get16(at + 16);
        at += HEADER_SEQUENCE_SIZE;
    }
    if ((header->flags & HG_MESSAGE_CHECKED) != 0)
        header->payload_check = util_bytes_get32(at);
}

bool hg_header_payload_intact(const struct hg_header *header, const unsigned char *payload)
{
    const uint16_t both = HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;

    return (header->flags & both) != both || hg_proc_crc_32c(payload, header->payload_size) == header->payload_check;
}

int hg_header_decode(const unsigned char *bytes, size_t size, struct hg_header *header, const unsigned char **payload,
                     size_t *message_size)
{
    size_t header_size;
    size_t known_size;
    size_t padded;

    *header = (struct hg_header){0};
    if (size < HEADER_COMMON_SIZE)
        return -EBADMSG;
    header->type = bytes[0];
    header_size = (size_t)bytes[1] * 8U;
    header->flags = util_bytes_get16(bytes + 2);
    header->payload_size = util_bytes_get32(bytes + 4);
    header->tag = util_bytes_get64(bytes + 8);
    if (header->type < HG_MESSAGE_REQUEST || header->type >= HG_MESSAGE_TYPES)
        return -EBADMSG;
    known_size = header_parts_size(header, header->flags);
    if (header_size < known_size || header_size > size)
        return -EBADMSG;
    if ((header->flags & HG_MESSAGE_CHECKED) != 0 &&
        util_bytes_get32(bytes + known_size - 4) != hg_proc_crc_32c(bytes, known_size - 4))
        return -EILSEQ;
    if (header->payload_size > size - header_size)
        return -EBADMSG;
    padded = util_bytes_align8(header_size + header->payload_size);
    if (padded > size)
        return -EBADMSG;
    header_decode_parts(bytes + HEADER_COMMON_SIZE, header);
    if ((header->flags & HG_MESSAGE_FRAGMENT) != 0 &&
        (header->offset > header->total_size || header->payload_size > header->total_size - header->offset ||
         header->payload_size == 0))
        return -EBADMSG;
    if (header_has_sequence(header->type, header->flags) &&
        (header->behind >= HG_HEADER_BEHIND_MAX || header->sequence <= header->behind || header->attempt == 0))
        return -EBADMSG;
    header->flags &= (uint16_t)~HG_MESSAGE_TERMS;
    *payload = bytes + header_size;
    *message_size = padded;
    return 0;
}
