/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The first datagram that each side of a doorbell link sends: who it is, the descriptor of its page,
 * and what the doorbell's user wants the peer to have. Sole owner of its layout.
 *
 *   0  magic 0x51534248    u32, little-endian like all that follows
 *   4  version, 1          u16
 *   6  size of the datagram u16
 *   8  random id of the bell u64
 *  16  flags, none known   u32
 *  20  size of the name    u16
 *  22  size of the gift    u8
 *  23  descriptors of the gift, behind the page's u8
 *  24  name, printable ASCII, no terminator
 *      gift
 *
 * Decoding is pure; any thread.
 */
#ifndef NA_OFI_SHM_DOORBELL_HELLO_H
#define NA_OFI_SHM_DOORBELL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "na/shm/shm_doorbell.h"

#define SHM_DOORBELL_HELLO_MAGIC       UINT32_C(0x51534248)
#define SHM_DOORBELL_HELLO_VERSION     1U
#define SHM_DOORBELL_HELLO_HEADER_SIZE 24U
/* The longest name, with its terminator; equals SHM_DOORBELL_NAME_MAX. */
#define SHM_DOORBELL_HELLO_NAME_MAX 256U
#define SHM_DOORBELL_HELLO_MAX \
    (SHM_DOORBELL_HELLO_HEADER_SIZE + SHM_DOORBELL_HELLO_NAME_MAX - 1U + SHM_DOORBELL_GIFT_SIZE)

struct shm_doorbell_hello {
    uint64_t id; /* never 0 */
    char name[SHM_DOORBELL_HELLO_NAME_MAX];
    struct shm_doorbell_gift gift; /* its descriptors are in no bytes: encoding and decoding leave them alone */
};

/* Whether the text can be an endpoint's name: 1 to 255 printable ASCII characters. */
int shm_doorbell_hello_check_name(const char *name);

/* Fills `buf` of SHM_DOORBELL_HELLO_MAX bytes, gives the size. */
size_t shm_doorbell_hello_encode(const struct shm_doorbell_hello *hello, unsigned char *buf);

/* 0, or -EPROTO when the bytes are no hello of a version that we know. */
int shm_doorbell_hello_decode(const unsigned char *buf, size_t size, struct shm_doorbell_hello *hello);

/* Sends the hello with the page's descriptor and those of the gift, without blocking: 0 or a negative
 * errno value. */
int shm_doorbell_hello_send(int socket_fd, const struct shm_doorbell_hello *hello, int page_fd);

/* Receives the peer's, without blocking. On 0 the caller owns *page_fd_out and the gift's descriptors.
 * -EAGAIN: not here yet; -ECONNRESET: hung up; -EPROTO: anything but one hello with as many
 * descriptors as it says. All descriptors that came with a refused datagram are closed. */
int shm_doorbell_hello_receive(int socket_fd, struct shm_doorbell_hello *hello, int *page_fd_out);

#endif /* NA_OFI_SHM_DOORBELL_HELLO_H */
