/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The first datagram that each side of a doorbell link sends: who it is, and the descriptor of its
 * page. Sole owner of its layout.
 *
 *   0  magic 0x51534248    u32, little-endian like all that follows
 *   4  version, 1          u16
 *   6  size of the datagram u16
 *   8  random id of the bell u64
 *  16  flags, none known   u32
 *  20  size of the name    u16
 *  22  zero                u16
 *  24  name, printable ASCII, no terminator
 *
 * Decoding is pure; any thread.
 */
#ifndef NA_OFI_OFI_DOORBELL_HELLO_H
#define NA_OFI_OFI_DOORBELL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#define OFI_DOORBELL_HELLO_MAGIC       UINT32_C(0x51534248)
#define OFI_DOORBELL_HELLO_VERSION     1U
#define OFI_DOORBELL_HELLO_HEADER_SIZE 24U
/* The longest name, with its terminator; equals OFI_DOORBELL_NAME_MAX. */
#define OFI_DOORBELL_HELLO_NAME_MAX 256U
#define OFI_DOORBELL_HELLO_MAX      (OFI_DOORBELL_HELLO_HEADER_SIZE + OFI_DOORBELL_HELLO_NAME_MAX - 1U)

struct ofi_doorbell_hello {
    uint64_t id; /* never 0 */
    char name[OFI_DOORBELL_HELLO_NAME_MAX];
};

/* Whether the text can be an endpoint's name: 1 to 255 printable ASCII characters. */
int ofi_doorbell_hello_check_name(const char *name);

/* Fills `buf` of OFI_DOORBELL_HELLO_MAX bytes, gives the size. */
size_t ofi_doorbell_hello_encode(const struct ofi_doorbell_hello *hello, unsigned char *buf);

/* 0, or -EPROTO when the bytes are no hello of a version that we know. */
int ofi_doorbell_hello_decode(const unsigned char *buf, size_t size, struct ofi_doorbell_hello *hello);

/* Sends the hello with the page's descriptor, without blocking: 0 or a negative errno value. */
int ofi_doorbell_hello_send(int socket_fd, const struct ofi_doorbell_hello *hello, int page_fd);

/* Receives the peer's, without blocking. On 0 the caller owns *page_fd_out. -EAGAIN: not here yet;
 * -ECONNRESET: hung up; -EPROTO: anything but one hello with one descriptor. All descriptors that
 * came with a refused datagram are closed. */
int ofi_doorbell_hello_receive(int socket_fd, struct ofi_doorbell_hello *hello, int *page_fd_out);

#endif /* NA_OFI_OFI_DOORBELL_HELLO_H */
