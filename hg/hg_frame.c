/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Encoding and decoding of frame headers and hellos. The layout is drawn in hg_frame.h. Decoding
 * takes bytes from the network and believes nothing that is not inside them.
 */

#include "hg/hg_frame.h"

#include <errno.h>
#include <string.h>

#include "hg/hg_proc_crc.h"
#include "util/util_bytes.h"

#define FRAME_HELLO_FIXED_SIZE 48U
#define FRAME_CHECK_OFFSET     10U

static void frame_encode_prefix(unsigned char *out, uint8_t version)
{
    util_bytes_put32(out, HG_FRAME_MAGIC);
    out[4] = version;
    out[5] = HG_FRAME_VERSION_MIN;
    out[6] = HG_FRAME_VERSION;
    out[7] = 0;
}

/* Of the header and of what stands behind it up to @end, without the place of the checksum itself. */
static uint16_t frame_check(const unsigned char *bytes, size_t end)
{
    uint64_t state = hg_proc_crc_update(HG_CRC16, hg_proc_crc_start(HG_CRC16), bytes, FRAME_CHECK_OFFSET);

    state = hg_proc_crc_update(HG_CRC16, state, bytes + FRAME_CHECK_OFFSET + 2, end - FRAME_CHECK_OFFSET - 2);
    return (uint16_t)hg_proc_crc_finish(HG_CRC16, state);
}

/* Where the messages start in a frame of our own. */
static size_t frame_body_offset(const unsigned char *out, uint16_t flags)
{
    const unsigned char *hello = out + HG_FRAME_HEADER_SIZE;

    if ((flags & HG_FRAME_HELLO) == 0)
        return HG_FRAME_HEADER_SIZE;
    return HG_FRAME_HEADER_SIZE +
           util_bytes_align8(FRAME_HELLO_FIXED_SIZE + util_bytes_get16(hello + 34) + util_bytes_get16(hello + 36));
}

void hg_frame_update_hello(unsigned char *hello, uint64_t peer_incarnation)
{
    util_bytes_put64(hello + 8, peer_incarnation);
}

void hg_frame_encode(const struct hg_frame_header *header, unsigned char *out)
{
    frame_encode_prefix(out, HG_FRAME_VERSION);
    util_bytes_put16(out + 8, header->flags);
    util_bytes_put16(out + 10, 0);
    util_bytes_put32(out + 12, header->size);
    util_bytes_put32(out + 16, header->session_index);
    util_bytes_put32(out + 20, header->session_key);
    util_bytes_put32(out + 24, header->incarnation);
    util_bytes_put32(out + 28, header->credit);
    if ((header->flags & HG_FRAME_CHECKED) != 0)
        util_bytes_put16(out + FRAME_CHECK_OFFSET, frame_check(out, frame_body_offset(out, header->flags)));
}

void hg_frame_encode_refusal(unsigned char *out)
{
    frame_encode_prefix(out, 0);
}

size_t hg_frame_hello_size(const struct hg_frame_hello *hello)
{
    return util_bytes_align8(FRAME_HELLO_FIXED_SIZE + strlen(hello->class_address) + strlen(hello->route_address));
}

void hg_frame_encode_hello(const struct hg_frame_hello *hello, unsigned char *out)
{
    size_t class_size = strlen(hello->class_address);
    size_t route_size = strlen(hello->route_address);
    size_t size = hg_frame_hello_size(hello);
    size_t used = FRAME_HELLO_FIXED_SIZE + class_size + route_size;

    util_bytes_put64(out, hello->incarnation);
    util_bytes_put64(out + 8, hello->peer_incarnation);
    util_bytes_put32(out + 16, hello->session_index);
    util_bytes_put32(out + 20, hello->session_key);
    util_bytes_put32(out + 24, hello->features);
    util_bytes_put32(out + 28, hello->window);
    out[32] = hello->context;
    out[33] = hello->target_context;
    util_bytes_put16(out + 34, (uint16_t)class_size);
    util_bytes_put16(out + 36, (uint16_t)route_size);
    util_bytes_put16(out + 38, 0);
    util_bytes_put32(out + 40, hello->records_epoch);
    util_bytes_put32(out + 44, hello->session_number);
    memcpy(out + FRAME_HELLO_FIXED_SIZE, hello->class_address, class_size);
    memcpy(out + FRAME_HELLO_FIXED_SIZE + class_size, hello->route_address, route_size);
    memset(out + used, 0, size - used);
}

/* An address must be printable text that fits; it ends up in log lines and in lookups. */
static bool frame_copy_address(char *out, const unsigned char *bytes, size_t size)
{
    size_t i;

    if (size >= NA_ADDRESS_MAX)
        return false;
    for (i = 0; i < size; i++)
        if (bytes[i] <= ' ' || bytes[i] >= 127)
            return false;
    memcpy(out, bytes, size);
    out[size] = '\0';
    return true;
}

/* Decodes the hello that should start at @bytes; the number of its bytes, or 0 when it is malformed. */
static size_t frame_decode_hello(const unsigned char *bytes, size_t size, struct hg_frame_hello *hello)
{
    size_t class_size;
    size_t route_size;
    size_t total;

    if (size < FRAME_HELLO_FIXED_SIZE)
        return 0;
    class_size = util_bytes_get16(bytes + 34);
    route_size = util_bytes_get16(bytes + 36);
    total = util_bytes_align8(FRAME_HELLO_FIXED_SIZE + class_size + route_size);
    if (total > size || class_size == 0)
        return 0;
    hello->incarnation = util_bytes_get64(bytes);
    hello->peer_incarnation = util_bytes_get64(bytes + 8);
    hello->session_index = util_bytes_get32(bytes + 16);
    hello->session_key = util_bytes_get32(bytes + 20);
    hello->features = util_bytes_get32(bytes + 24);
    hello->window = util_bytes_get32(bytes + 28);
    hello->context = bytes[32];
    hello->target_context = bytes[33];
    hello->records_epoch = util_bytes_get32(bytes + 40);
    hello->session_number = util_bytes_get32(bytes + 44);
    if (!frame_copy_address(hello->class_address, bytes + FRAME_HELLO_FIXED_SIZE, class_size) ||
        !frame_copy_address(hello->route_address, bytes + FRAME_HELLO_FIXED_SIZE + class_size, route_size))
        return 0;
    if (hello->incarnation == 0 || hello->session_key == 0 || hello->window == 0)
        return 0;
    return total;
}

static bool frame_intact(const unsigned char *bytes, const struct hg_frame_header *header,
                         const struct hg_frame_hello *hello, size_t body_offset)
{
    if ((header->flags & HG_FRAME_CHECKED) != 0)
        return util_bytes_get16(bytes + FRAME_CHECK_OFFSET) == frame_check(bytes, body_offset);
    return hello == NULL || (hello->features & HG_FRAME_FEATURE_CHECKED) == 0;
}

enum hg_frame_kind hg_frame_decode(const unsigned char *bytes, size_t size, struct hg_frame_header *header,
                                   struct hg_frame_hello *hello, bool *has_hello, size_t *body_offset)
{
    size_t hello_size = 0;

    if (size < HG_FRAME_REFUSAL_SIZE || util_bytes_get32(bytes) != HG_FRAME_MAGIC)
        return HG_FRAME_KIND_GARBAGE;
    if (bytes[4] == 0)
        return HG_FRAME_KIND_REFUSAL;
    if (bytes[4] < HG_FRAME_VERSION_MIN || bytes[4] > HG_FRAME_VERSION)
        return HG_FRAME_KIND_FOREIGN_VERSION;
    if (size < HG_FRAME_HEADER_SIZE)
        return HG_FRAME_KIND_GARBAGE;
    header->flags = util_bytes_get16(bytes + 8);
    header->size = util_bytes_get32(bytes + 12);
    header->session_index = util_bytes_get32(bytes + 16);
    header->session_key = util_bytes_get32(bytes + 20);
    header->incarnation = util_bytes_get32(bytes + 24);
    header->credit = util_bytes_get32(bytes + 28);
    if (header->size != size)
        return HG_FRAME_KIND_GARBAGE;
    *has_hello = (header->flags & HG_FRAME_HELLO) != 0;
    if (*has_hello) {
        hello_size = frame_decode_hello(bytes + HG_FRAME_HEADER_SIZE, size - HG_FRAME_HEADER_SIZE, hello);
        if (hello_size == 0)
            return HG_FRAME_KIND_GARBAGE;
    }
    *body_offset = HG_FRAME_HEADER_SIZE + hello_size;
    if (!frame_intact(bytes, header, *has_hello ? hello : NULL, *body_offset))
        return HG_FRAME_KIND_DAMAGED;
    return HG_FRAME_KIND_FRAME;
}

void hg_frame_decode_id(const unsigned char *bytes, size_t size, struct hg_frame_header *header)
{
    memset(header, 0, sizeof(*header));
    if (size < HG_FRAME_HEADER_SIZE)
        return;
    header->session_index = util_bytes_get32(bytes + 16);
    header->session_key = util_bytes_get32(bytes + 20);
    header->incarnation = util_bytes_get32(bytes + 24);
}
