/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Encoding, decoding, sending and receiving the doorbell's hello, with the descriptor that rides
 * beside it. Knows nothing of links. Any thread.
 */
#include "na/ofi/ofi_doorbell_hello.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/util_bytes.h"

/* Room for more descriptors than one, to receive, and then close, what a peer should not send. What
 * does not fit is closed by the kernel. */
#define OFI_DOORBELL_HELLO_FDS 4U

union ofi_doorbell_hello_control {
    struct cmsghdr align;
    unsigned char bytes[CMSG_SPACE(OFI_DOORBELL_HELLO_FDS * sizeof(int))];
};

int ofi_doorbell_hello_check_name(const char *name)
{
    size_t size = name == NULL ? 0 : strnlen(name, OFI_DOORBELL_HELLO_NAME_MAX);

    if (size == 0 || size == OFI_DOORBELL_HELLO_NAME_MAX)
        return -EINVAL;
    for (size_t i = 0; i < size; i++)
        if (name[i] < ' ' || name[i] > '~')
            return -EINVAL;
    return 0;
}

size_t ofi_doorbell_hello_encode(const struct ofi_doorbell_hello *hello, unsigned char *buf)
{
    size_t name_size = strlen(hello->name);
    size_t size = OFI_DOORBELL_HELLO_HEADER_SIZE + name_size;

    util_bytes_put32(buf, OFI_DOORBELL_HELLO_MAGIC);
    util_bytes_put16(buf + 4, OFI_DOORBELL_HELLO_VERSION);
    util_bytes_put16(buf + 6, (uint16_t)size);
    util_bytes_put64(buf + 8, hello->id);
    util_bytes_put32(buf + 16, 0);
    util_bytes_put16(buf + 20, (uint16_t)name_size);
    util_bytes_put16(buf + 22, 0);
    memcpy(buf + OFI_DOORBELL_HELLO_HEADER_SIZE, hello->name, name_size);
    return size;
}

int ofi_doorbell_hello_decode(const unsigned char *buf, size_t size, struct ofi_doorbell_hello *hello)
{
    struct ofi_doorbell_hello got;
    size_t name_size;

    if (size < OFI_DOORBELL_HELLO_HEADER_SIZE || size > OFI_DOORBELL_HELLO_MAX)
        return -EPROTO;
    if (util_bytes_get32(buf) != OFI_DOORBELL_HELLO_MAGIC || util_bytes_get16(buf + 4) != OFI_DOORBELL_HELLO_VERSION ||
        util_bytes_get16(buf + 6) != size)
        return -EPROTO;
    name_size = util_bytes_get16(buf + 20);
    if (name_size != size - OFI_DOORBELL_HELLO_HEADER_SIZE)
        return -EPROTO;
    memset(&got, 0, sizeof(got));
    got.id = util_bytes_get64(buf + 8);
    memcpy(got.name, buf + OFI_DOORBELL_HELLO_HEADER_SIZE, name_size);
    /* A terminator inside the name would make it shorter than it claims. */
    if (got.id == 0 || strlen(got.name) != name_size || ofi_doorbell_hello_check_name(got.name) != 0)
        return -EPROTO;
    *hello = got;
    return 0;
}

int ofi_doorbell_hello_send(int socket_fd, const struct ofi_doorbell_hello *hello, int page_fd)
{
    unsigned char buf[OFI_DOORBELL_HELLO_MAX];
    struct iovec part = {.iov_base = buf, .iov_len = ofi_doorbell_hello_encode(hello, buf)};
    union ofi_doorbell_hello_control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *rights;

    memset(&control, 0, sizeof(control));
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &page_fd, sizeof(int));
    return sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Collects the descriptors that arrived; gives their number. */
static size_t ofi_doorbell_hello_take_fds(struct msghdr *message, int fds[OFI_DOORBELL_HELLO_FDS])
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        size_t here;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < OFI_DOORBELL_HELLO_FDS; i++)
            memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return count;
}

int ofi_doorbell_hello_receive(int socket_fd, struct ofi_doorbell_hello *hello, int *page_fd_out)
{
    unsigned char buf[OFI_DOORBELL_HELLO_MAX];
    struct iovec part = {.iov_base = buf, .iov_len = sizeof(buf)};
    union ofi_doorbell_hello_control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[OFI_DOORBELL_HELLO_FDS];
    size_t fd_count;
    ssize_t size;
    int error;

    memset(&control, 0, sizeof(control));
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    size = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
    fd_count = ofi_doorbell_hello_take_fds(&message, fds);
    if (size == 0 && fd_count == 0)
        return -ECONNRESET;
    error = fd_count == 1 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0
                ? ofi_doorbell_hello_decode(buf, (size_t)size, hello)
                : -EPROTO;
    if (error == 0) {
        *page_fd_out = fds[0];
        return 0;
    }
    for (size_t i = 0; i < fd_count; i++)
        (void)close(fds[i]);
    return error;
}
