/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Encoding, decoding, sending and receiving the doorbell's hello, with the descriptor that rides
 * beside it. Knows nothing of links. Any thread.
 */
#include "na/shm/shm_doorbell_hello.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/util_bytes.h"

/* Room for more descriptors than one, to receive, and then close, what a peer should not send. What
 * does not fit is closed by the kernel. */
#define SHM_DOORBELL_HELLO_FDS (SHM_DOORBELL_GIFT_FDS + 4U)

union shm_doorbell_hello_control {
    struct cmsghdr align;
    unsigned char bytes[CMSG_SPACE(SHM_DOORBELL_HELLO_FDS * sizeof(int))];
};

int shm_doorbell_hello_check_name(const char *name)
{
    size_t size = name == NULL ? 0 : strnlen(name, SHM_DOORBELL_HELLO_NAME_MAX);

    if (size == 0 || size == SHM_DOORBELL_HELLO_NAME_MAX)
        return -EINVAL;
    for (size_t i = 0; i < size; i++)
        if (name[i] < ' ' || name[i] > '~')
            return -EINVAL;
    return 0;
}

size_t shm_doorbell_hello_encode(const struct shm_doorbell_hello *hello, unsigned char *buf)
{
    size_t name_size = strlen(hello->name);
    size_t size = SHM_DOORBELL_HELLO_HEADER_SIZE + name_size + hello->gift.size;

    util_bytes_put32(buf, SHM_DOORBELL_HELLO_MAGIC);
    util_bytes_put16(buf + 4, SHM_DOORBELL_HELLO_VERSION);
    util_bytes_put16(buf + 6, (uint16_t)size);
    util_bytes_put64(buf + 8, hello->id);
    util_bytes_put32(buf + 16, 0);
    util_bytes_put16(buf + 20, (uint16_t)name_size);
    buf[22] = hello->gift.size;
    buf[23] = hello->gift.fd_count;
    memcpy(buf + SHM_DOORBELL_HELLO_HEADER_SIZE, hello->name, name_size);
    memcpy(buf + SHM_DOORBELL_HELLO_HEADER_SIZE + name_size, hello->gift.data, hello->gift.size);
    return size;
}

int shm_doorbell_hello_decode(const unsigned char *buf, size_t size, struct shm_doorbell_hello *hello)
{
    struct shm_doorbell_hello got;
    size_t name_size;

    if (size < SHM_DOORBELL_HELLO_HEADER_SIZE || size > SHM_DOORBELL_HELLO_MAX)
        return -EPROTO;
    if (util_bytes_get32(buf) != SHM_DOORBELL_HELLO_MAGIC || util_bytes_get16(buf + 4) != SHM_DOORBELL_HELLO_VERSION ||
        util_bytes_get16(buf + 6) != size)
        return -EPROTO;
    memset(&got, 0, sizeof(got));
    name_size = util_bytes_get16(buf + 20);
    got.gift.size = buf[22];
    got.gift.fd_count = buf[23];
    if (name_size >= sizeof(got.name) || got.gift.size > sizeof(got.gift.data) ||
        got.gift.fd_count > SHM_DOORBELL_GIFT_FDS || SHM_DOORBELL_HELLO_HEADER_SIZE + name_size + got.gift.size != size)
        return -EPROTO;
    got.id = util_bytes_get64(buf + 8);
    memcpy(got.name, buf + SHM_DOORBELL_HELLO_HEADER_SIZE, name_size);
    memcpy(got.gift.data, buf + SHM_DOORBELL_HELLO_HEADER_SIZE + name_size, got.gift.size);
    /* A terminator inside the name would make it shorter than it claims. */
    if (got.id == 0 || strlen(got.name) != name_size || shm_doorbell_hello_check_name(got.name) != 0)
        return -EPROTO;
    *hello = got;
    return 0;
}

int shm_doorbell_hello_send(int socket_fd, const struct shm_doorbell_hello *hello, int page_fd)
{
    unsigned char buf[SHM_DOORBELL_HELLO_MAX];
    struct iovec part = {.iov_base = buf, .iov_len = shm_doorbell_hello_encode(hello, buf)};
    union shm_doorbell_hello_control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *rights;

    size_t fds_size = (1U + hello->gift.fd_count) * sizeof(int);

    memset(&control, 0, sizeof(control));
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds_size);
    rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds_size);
    memcpy(CMSG_DATA(rights), &page_fd, sizeof(int));
    memcpy(CMSG_DATA(rights) + sizeof(int), hello->gift.fds, hello->gift.fd_count * sizeof(int));
    return sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Collects the descriptors that arrived; gives their number. */
static size_t shm_doorbell_hello_take_fds(struct msghdr *message, int fds[SHM_DOORBELL_HELLO_FDS])
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        size_t here;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < SHM_DOORBELL_HELLO_FDS; i++)
            memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return count;
}

int shm_doorbell_hello_receive(int socket_fd, struct shm_doorbell_hello *hello, int *page_fd_out)
{
    unsigned char buf[SHM_DOORBELL_HELLO_MAX];
    struct iovec part = {.iov_base = buf, .iov_len = sizeof(buf)};
    union shm_doorbell_hello_control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[SHM_DOORBELL_HELLO_FDS];
    size_t fd_count;
    ssize_t size;
    int error;

    memset(&control, 0, sizeof(control));
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    size = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
    fd_count = shm_doorbell_hello_take_fds(&message, fds);
    if (size == 0 && fd_count == 0)
        return -ECONNRESET;
    error = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 ? shm_doorbell_hello_decode(buf, (size_t)size, hello)
                                                                : -EPROTO;
    if (error == 0 && fd_count == 1U + hello->gift.fd_count) {
        *page_fd_out = fds[0];
        memcpy(hello->gift.fds, fds + 1, hello->gift.fd_count * sizeof(int));
        return 0;
    }
    error = -EPROTO;
    for (size_t i = 0; i < fd_count; i++)
        (void)close(fds[i]);
    return error;
}
