/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_header.h
 * The header of one message: the only place that knows its layout.
 *
 * A message is its header, its payload, and zeros up to the next multiple of 8. The header is a
 * common part of 16 bytes, then the parts that the type and the flags call for, in this order:
 *
 *     0  u8   type                      (enum hg_message_type)
 *     1  u8   header size / 8           a larger header than expected is accepted, its end skipped
 *     2  u16  flags                     (HG_MESSAGE_*; unknown ones are ignored)
 *     4  u32  payload size in bytes     of this message
 *     8  u64  tag                       of the call, chosen by its origin
 *   request:
 *    16  u64  RPC id
 *   request with HG_MESSAGE_TERMS:
 *     +  u32  remaining time, us        0: no limit; UINT32_MAX: so much or more
 *     +  u8   target context id
 *     +  u8   origin context id
 *     +  u16  zero
 *   response, nack, end and pong:
 *    16  u32  status                    (hg_return_t); pong: requests of this session received so far, modulo 2^32
 *    20  u32  nack: after so many us it is worth trying again, 0: it does not say; else zero
 *   with HG_MESSAGE_FRAGMENT (the whole header is repeated in each fragment):
 *     +  u32  total payload size
 *     +  u32  offset of this piece
 *   response with HG_MESSAGE_MORE_DATA:
 *     +  u64  tag to be named in the release message
 *   request with HG_MESSAGE_SEQUENCED:
 *     +  u56  sequence number           of the calls of one origin context that run at most once at this target, from 1 on
 *     +  u8   how many numbers back the oldest one is whose call has not ended
 *   request with HG_MESSAGE_REPEATED:
 *     +  u32  records epoch             as the target's hello said at the first attempt that may have run
 *     +  u16  attempt                   from 2 on
 *     +  u16  zero
 *   with HG_MESSAGE_CHECKED:
 *     +  u32  CRC-32C of the payload bytes in this message, with HG_MESSAGE_CHECKED_PAYLOAD; else 0
 *     +  u32  CRC-32C of all bytes of the header in front of this one
 *
 * What a later version adds comes behind all of these, or a receiver that skips it would misread them.
 *
 * Pure functions, any thread.
 */

#ifndef HG_HG_HEADER_H
#define HG_HG_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hg_message_type {
    HG_MESSAGE_REQUEST = 1,
    HG_MESSAGE_RESPONSE = 2,
    HG_MESSAGE_NACK = 3,    /**< the request was not executed; status says why */
    HG_MESSAGE_CANCEL = 4,  /**< the origin no longer waits for this tag */
    HG_MESSAGE_RELEASE = 5, /**< the receiver's overflow buffer behind this tag may go */
    HG_MESSAGE_PING = 6,    /**< answered by a pong, without running any code of the user */
    HG_MESSAGE_PONG = 7,
    HG_MESSAGE_END = 8,     /**< the sender ends the session; status says why */
    HG_MESSAGE_WINDOW = 9,  /**< the sender's window changes: see hg_session_window_tag() */
    HG_MESSAGE_GOAWAY = 10, /**< the sender takes no new requests; what it has it will answer */
    HG_MESSAGE_ASK = 11,    /**< is the request of this tag, or its answer, still there? */
    HG_MESSAGE_GONE = 12,   /**< it is not: answered before, or never received */
    HG_MESSAGE_TYPES,       /**< one more than the last */
};

/* Flags. */
#define HG_MESSAGE_NO_RESPONSE 1U /**< request: nobody waits for a response */
#define HG_MESSAGE_MORE_DATA   2U /**< the payload is a descriptor of where the real payload can be got */
#define HG_MESSAGE_FRAGMENT    4U /**< the payload is one piece of a larger one */
#define HG_MESSAGE_CHECKED     8U /**< the header carries checksums */
/** The payload has one, too, as has what a descriptor stands for; only with HG_MESSAGE_CHECKED. */
#define HG_MESSAGE_CHECKED_PAYLOAD 16U
/** Request: a time limit and context ids are in the header; without it all are 0. Only on the wire: the encoder
 *  sets it, the decoder takes it away. */
#define HG_MESSAGE_TERMS 32U

/** Request: it runs at most once, however often it comes. */
#define HG_MESSAGE_SEQUENCED 64U
/** Request, only with the flag before: this is not the first attempt. */
#define HG_MESSAGE_REPEATED 128U

/** The largest header that is ever written. */
#define HG_HEADER_MAX 64U

/** Sequence numbers that may be under way at once: what the field for them can tell. */
#define HG_HEADER_BEHIND_MAX 256U

_Static_assert(HG_HEADER_BEHIND_MAX == UINT8_MAX + 1U, "the field for it is a byte");

struct hg_header {
    uint8_t type;
    uint16_t flags;
    uint32_t payload_size;
    uint64_t tag;
    uint64_t rpc_id;       /**< request */
    uint32_t remaining_us; /**< request, as the next two: 0 costs nothing on the wire */
    uint8_t target_context;
    uint8_t origin_context;
    uint32_t status;         /**< response, nack, end; pong: a count */
    uint32_t retry_after_us; /**< nack */
    uint32_t total_size;     /**< fragment */
    uint32_t offset;         /**< fragment */
    uint64_t release_tag;    /**< response with more data */
    uint64_t sequence;       /**< sequenced, as the next two; below 2^56 */
    uint16_t attempt;        /**< on the wire with repeated alone: without it the decoder says 1 */
    uint8_t behind;
    uint32_t epoch;         /**< repeated */
    uint32_t payload_check; /**< checked: CRC-32C of the payload, or 0; that of the header is not shown */
};

/** Bytes that hg_header_encode() will write. */
size_t hg_header_size(const struct hg_header *header);

/** Writes the header to @p out, which has room for hg_header_size() bytes, and returns that size. */
size_t hg_header_encode(const struct hg_header *header, unsigned char *out);

/** Reads the message that starts at @p bytes, of which @p size are there. 0 and *@p message_size = all its
 *  bytes with padding, *@p payload inside @p bytes; -EBADMSG when anything does not fit or the type is unknown; -EILSEQ
 *  when the header's checksum is wrong; @p header is of no use then. The payload's is left to hg_header_payload_intact(). */
int hg_header_decode(const unsigned char *bytes, size_t size, struct hg_header *header, const unsigned char **payload,
                     size_t *message_size);

/** Whether the payload is what its checksum says; true where it has none. */
bool hg_header_payload_intact(const struct hg_header *header, const unsigned char *payload);

#endif
