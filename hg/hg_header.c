/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Encoding and decoding of message headers. The layout is drawn in hg_header.h; nothing outside this
 * file knows an offset. Decoding takes bytes from the network: each length is checked before it is
 * used, and nothing is believed that is not inside the bytes at hand.
 */

#include "hg/hg_header.h"

#include <assert.h>
#include <errno.h>

#include "hg/hg_proc_crc.h"
#include "util/util_bytes.h"

#define HEADER_COMMON_SIZE   16U
#define HEADER_PART_SIZE     8U /* of each part */
#define HEADER_SEQUENCE_BITS 56U
#define HEADER_SEQUENCE_MASK ((UINT64_C(1) << HEADER_SEQUENCE_BITS) - 1)

/* What the header of each type has behind the common part: a part of its own, or none, and those that flags call for. */
static const struct {
    bool request; /* the RPC id */
    bool status;
    uint16_t parts; /* flags */
} header_types[HG_MESSAGE_TYPES] = {
    [HG_MESSAGE_REQUEST] = {.request = true,
                            .parts = HG_MESSAGE_TERMS | HG_MESSAGE_FRAGMENT | HG_MESSAGE_SEQUENCED |
                                     HG_MESSAGE_REPEATED | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_RESPONSE] = {.status = true, .parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_MORE_DATA | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_NACK] = {.status = true, .parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_CANCEL] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_RELEASE] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_PING] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_PONG] = {.status = true, .parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_END] = {.status = true, .parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_WINDOW] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_GOAWAY] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_ASK] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
    [HG_MESSAGE_GONE] = {.parts = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED},
};

/* The flags as they are written: whether a request has terms is seen from its fields. */
static uint16_t header_flags(const struct hg_header *header)
{
    bool terms = header->remaining_us != 0 || header->target_context != 0 || header->origin_context != 0;

    if (header->type == HG_MESSAGE_REQUEST && terms)
        return header->flags | HG_MESSAGE_TERMS;
    return header->flags;
}

/* Those of the flags that call for a part. Most messages have none of them. */
static uint16_t header_parts(uint8_t type, uint16_t flags)
{
    return flags & header_types[type].parts;
}

/* Bytes of a header with the given parts. */
static size_t header_parts_size(uint8_t type, uint16_t parts)
{
    size_t size = HEADER_COMMON_SIZE;
    uint32_t left;

    if (header_types[type].request || header_types[type].status)
        size += HEADER_PART_SIZE;
    for (left = parts; left != 0; left &= left - 1)
        size += HEADER_PART_SIZE;
    return size;
}

size_t hg_header_size(const struct hg_header *header)
{
    return header_parts_size(header->type, header_parts(header->type, header_flags(header)));
}

static void header_encode_terms(const struct hg_header *header, unsigned char *at)
{
    util_bytes_put64(at, header->remaining_us | (uint64_t)header->target_context << 32 |
                             (uint64_t)header->origin_context << 40);
}

static void header_encode_sequence(const struct hg_header *header, unsigned char *at)
{
    assert(header->sequence <= HEADER_SEQUENCE_MASK);
    util_bytes_put64(at, header->sequence | (uint64_t)header->behind << HEADER_SEQUENCE_BITS);
}

/* Writes the parts that flags call for, and returns where they end. The checksum of the header itself comes later. */
static unsigned char *header_encode_parts(const struct hg_header *header, uint16_t parts, unsigned char *at)
{
    if ((parts & HG_MESSAGE_TERMS) != 0) {
        header_encode_terms(header, at);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_FRAGMENT) != 0) {
        util_bytes_put32(at, header->total_size);
        util_bytes_put32(at + 4, header->offset);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_MORE_DATA) != 0) {
        util_bytes_put64(at, header->release_tag);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_SEQUENCED) != 0) {
        header_encode_sequence(header, at);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_REPEATED) != 0) {
        util_bytes_put64(at, header->epoch | (uint64_t)header->attempt << 32);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_CHECKED) != 0) {
        util_bytes_put32(at, header->payload_check);
        at += HEADER_PART_SIZE;
    }
    return at;
}

size_t hg_header_encode(const struct hg_header *header, unsigned char *out)
{
    uint16_t flags = header_flags(header);
    uint16_t parts = header_parts(header->type, flags);
    unsigned char *at = out + HEADER_COMMON_SIZE;

    out[0] = header->type;
    util_bytes_put16(out + 2, flags);
    util_bytes_put32(out + 4, header->payload_size);
    util_bytes_put64(out + 8, header->tag);
    if (header_types[header->type].request) {
        util_bytes_put64(at, header->rpc_id);
        at += HEADER_PART_SIZE;
    } else if (header_types[header->type].status) {
        util_bytes_put32(at, header->status);
        util_bytes_put32(at + 4, header->type == HG_MESSAGE_NACK ? header->retry_after_us : 0);
        at += HEADER_PART_SIZE;
    }
    if (parts == HG_MESSAGE_TERMS) {
        header_encode_terms(header, at);
        at += HEADER_PART_SIZE;
    } else if (parts == HG_MESSAGE_SEQUENCED) {
        header_encode_sequence(header, at);
        at += HEADER_PART_SIZE;
    } else if (parts != 0) {
        at = header_encode_parts(header, parts, at);
    }
    out[1] = (unsigned char)((size_t)(at - out) / 8U);
    if ((parts & HG_MESSAGE_CHECKED) != 0)
        util_bytes_put32(at - 4, hg_proc_crc_32c(out, (size_t)(at - out) - 4));
    return (size_t)(at - out);
}

static void header_decode_terms(const unsigned char *at, struct hg_header *header)
{
    header->remaining_us = util_bytes_get32(at);
    header->target_context = at[4];
    header->origin_context = at[5];
}

static void header_decode_sequence(const unsigned char *at, struct hg_header *header)
{
    header->sequence = util_bytes_get64(at) & HEADER_SEQUENCE_MASK;
    header->behind = at[HEADER_SEQUENCE_BITS / 8U];
    header->attempt = 1;
}

/* Reads the parts that flags call for. */
static void header_decode_parts(const unsigned char *at, uint16_t parts, struct hg_header *header)
{
    if ((parts & HG_MESSAGE_TERMS) != 0) {
        header_decode_terms(at, header);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_FRAGMENT) != 0) {
        header->total_size = util_bytes_get32(at);
        header->offset = util_bytes_get32(at + 4);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_MORE_DATA) != 0) {
        header->release_tag = util_bytes_get64(at);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_SEQUENCED) != 0) {
        header_decode_sequence(at, header);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_REPEATED) != 0) {
        header->epoch = util_bytes_get32(at);
        header->attempt = util_bytes_get16(at + 4);
        at += HEADER_PART_SIZE;
    }
    if ((parts & HG_MESSAGE_CHECKED) != 0)
        header->payload_check = util_bytes_get32(at);
}

/* Whether what the parts say can be. */
static bool header_parts_right(const struct hg_header *header, uint16_t parts)
{
    if ((parts & HG_MESSAGE_FRAGMENT) != 0 &&
        (header->offset > header->total_size || header->payload_size > header->total_size - header->offset ||
         header->payload_size == 0))
        return false;
    if ((parts & HG_MESSAGE_REPEATED) != 0 && ((parts & HG_MESSAGE_SEQUENCED) == 0 || header->attempt < 2))
        return false;
    return (parts & HG_MESSAGE_SEQUENCED) == 0 || header->sequence > header->behind;
}

/* Reads what is behind the common part, whose presence the caller has checked. False: it contradicts itself. */
static bool header_decode_rest(const unsigned char *at, uint16_t parts, struct hg_header *header)
{
    if (header_types[header->type].request) {
        header->rpc_id = util_bytes_get64(at);
        at += HEADER_PART_SIZE;
    } else if (header_types[header->type].status) {
        header->status = util_bytes_get32(at);
        header->retry_after_us = header->type == HG_MESSAGE_NACK ? util_bytes_get32(at + 4) : 0;
        at += HEADER_PART_SIZE;
    }
    if (parts == 0)
        return true;
    if (parts == HG_MESSAGE_TERMS) {
        header_decode_terms(at, header);
        return true;
    }
    if (parts == HG_MESSAGE_SEQUENCED) {
        header_decode_sequence(at, header);
        return header->sequence > header->behind;
    }
    header_decode_parts(at, parts, header);
    return header_parts_right(header, parts);
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
    uint16_t parts;

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
    parts = header_parts(header->type, header->flags);
    known_size = header_parts_size(header->type, parts);
    if (header_size < known_size || header_size > size)
        return -EBADMSG;
    if ((parts & HG_MESSAGE_CHECKED) != 0 &&
        util_bytes_get32(bytes + known_size - 4) != hg_proc_crc_32c(bytes, known_size - 4))
        return -EILSEQ;
    if (header->payload_size > size - header_size)
        return -EBADMSG;
    padded = util_bytes_align8(header_size + header->payload_size);
    if (padded > size)
        return -EBADMSG;
    if (!header_decode_rest(bytes + HEADER_COMMON_SIZE, parts, header))
        return -EBADMSG;
    header->flags &= (uint16_t)~HG_MESSAGE_TERMS;
    *payload = bytes + header_size;
    *message_size = padded;
    return 0;
}
