/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_frame.h
 * The header of one frame and the hello that may follow it: the only place that knows their layout.
 *
 * A frame is what the transport moves as one message. It holds a frame header, a hello if the flag
 * says so, then any number of messages (hg_header.h) for the same peer.
 *
 *     0  u32  magic                     'QSVR'
 *     4  u8   version of this frame     0: a refusal of the receiver's version, nothing follows byte 8
 *     5  u8   lowest version that the sender understands
 *     6  u8   highest version that the sender understands
 *     7  u8   zero
 *   so far fixed for ever; version 1 goes on with
 *     8  u16  flags                     (HG_FRAME_*)
 *    10  u16  with HG_FRAME_CHECKED: CRC-16/T10-DIF of the header and the hello without these two bytes; else zero
 *    12  u32  size of the frame in bytes
 *    16  u32  receiver's session index  both 0 while the sender does not know them,
 *    20  u32  receiver's session key    which is only legal together with a hello
 *    24  u32  low half of the receiver's incarnation
 *    28  u32  credit: number of requests of this session that were taken up for execution, modulo 2^32
 *   hello:
 *     0  u64  incarnation of the sender
 *     8  u64  incarnation of the receiver as far as the sender knows it, or 0
 *    16  u32  session index that the receiver shall use from now on
 *    20  u32  session key that the receiver shall use from now on
 *    24  u32  feature bits               (HG_FRAME_FEATURE_*; unknown ones are ignored)
 *    28  u32  window: requests that the sender is ready to hold before they are executed
 *    32  u8   context id of the sender
 *    33  u8   context id that is meant at the receiver
 *    34  u16  length of the sender's class address
 *    36  u16  length of the sender's route address, 0 where routes are connections
 *    38  u16  zero
 *    40  u32  records epoch of the sender's class: grows when it forgets what it has executed for somebody
 *    44  u32  number of the session at the sender: one that was begun later has a greater one, modulo 2^32
 *    48  the two addresses, without terminators, then zeros up to a multiple of 8
 *
 * Pure functions, any thread.
 */

#ifndef HG_HG_FRAME_H
#define HG_HG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "na/na.h"

#define HG_FRAME_MAGIC       0x52565351U
#define HG_FRAME_VERSION     1U
#define HG_FRAME_VERSION_MIN 1U

/** A hello follows the header. */
#define HG_FRAME_HELLO 1U
/** Header and hello carry a checksum. */
#define HG_FRAME_CHECKED 2U

/** Feature: all frames of the sender are HG_FRAME_CHECKED, and all its messages HG_MESSAGE_CHECKED. One that is not has
 *  been damaged. */
#define HG_FRAME_FEATURE_CHECKED 1U
/** The sender's service keeps records of what has run beyond its own life: the records epoch names them, and its successors have
 *  the same. */
#define HG_FRAME_FEATURE_DURABLE 2U

#define HG_FRAME_HEADER_SIZE  32U
#define HG_FRAME_REFUSAL_SIZE 8U

/** The largest hello that is ever written. */
#define HG_FRAME_HELLO_MAX (48U + 2U * NA_ADDRESS_MAX)

struct hg_frame_header {
    uint16_t flags;
    uint32_t size;
    uint32_t session_index;
    uint32_t session_key;
    uint32_t incarnation;
    uint32_t credit;
};

struct hg_frame_hello {
    uint64_t incarnation;
    uint64_t peer_incarnation;
    uint32_t session_index;
    uint32_t session_key;
    uint32_t features;
    uint32_t window;
    uint32_t records_epoch;
    uint32_t session_number;
    uint8_t context;
    uint8_t target_context;
    char class_address[NA_ADDRESS_MAX];
    char route_address[NA_ADDRESS_MAX]; /**< empty where routes are connections */
};

/** What a hello says of the process that it comes from. */
struct hg_frame_process {
    uint64_t incarnation;
    uint32_t epoch;    /**< of its records (hg_once.h) */
    uint32_t features; /**< HG_FRAME_FEATURE_* */
};

/** What a frame's first bytes turned out to be. */
enum hg_frame_kind {
    HG_FRAME_KIND_FRAME,           /**< a frame of a version that we understand */
    HG_FRAME_KIND_REFUSAL,         /**< the peer refuses our version */
    HG_FRAME_KIND_FOREIGN_VERSION, /**< from a peer whose version we do not understand: to be refused */
    HG_FRAME_KIND_GARBAGE,         /**< not a frame, or one that contradicts itself */
    HG_FRAME_KIND_DAMAGED,         /**< a frame whose checksum is wrong or missing */
};

/** Writes HG_FRAME_HEADER_SIZE bytes. With HG_FRAME_CHECKED the hello, if there is one, must stand behind them already. */
void hg_frame_encode(const struct hg_frame_header *header, unsigned char *out);

/** Classifies @p size bytes and, for HG_FRAME_KIND_FRAME, decodes them; *@p body_offset is where the messages start.
 *  @p hello is filled only when *@p has_hello is set. */
enum hg_frame_kind hg_frame_decode(const unsigned char *bytes, size_t size, struct hg_frame_header *header,
                                   struct hg_frame_hello *hello, bool *has_hello, size_t *body_offset);

/** Reads the receive id of a frame that hg_frame_decode() did not accept, where there are so many bytes: it may be right,
 *  since damage is seldom everywhere. The other fields are 0. */
void hg_frame_decode_id(const unsigned char *bytes, size_t size, struct hg_frame_header *header);

/** Bytes that hg_frame_encode_hello() will write. */
size_t hg_frame_hello_size(const struct hg_frame_hello *hello);
void hg_frame_encode_hello(const struct hg_frame_hello *hello, unsigned char *out);
/** Makes an encoded hello name another incarnation of the receiver. */
void hg_frame_update_hello(unsigned char *hello, uint64_t peer_incarnation);

/** Writes the HG_FRAME_REFUSAL_SIZE bytes that refuse a peer's version. */
void hg_frame_encode_refusal(unsigned char *out);

#endif
