/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See doorbell_support.h. Failures abort with the place: these helpers serve programs with and
 * without a test framework.
 */
#include "tests/unit/na/doorbell_support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "na/shm/shm_doorbell_link.h"
#include "na/shm/shm_doorbell_page.h"
#include "tests/support/support_guard.h"

#define LIMIT_MS 10000

static int on_accept(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift)
{
    struct end *end = arg;

    if (end->refusal != 0)
        return end->refusal;
    SUPPORT_CHECK(shm_doorbell_link_up(link));
    shm_doorbell_link_set_user(link, end);
    end->accepts++;
    end->accepted = link;
    end->gift = *gift;
    return 0;
}

static int on_up(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift)
{
    struct end *end = arg;

    SUPPORT_CHECK(shm_doorbell_link_user(link) == end);
    if (end->refusal != 0)
        return end->refusal;
    end->gift = *gift;
    end->ups++;
    if (end->hang_up_in_upcall) {
        shm_doorbell_disconnect(link);
        end->link = NULL;
    }
    return 0;
}

static void on_rung(void *arg, struct shm_doorbell_link *link)
{
    struct end *end = arg;

    SUPPORT_CHECK(shm_doorbell_link_user(link) == end);
    end->rings++;
}

static void on_down(void *arg, struct shm_doorbell_link *link, int error)
{
    struct end *end = arg;

    SUPPORT_CHECK(shm_doorbell_link_user(link) == end);
    SUPPORT_CHECK(!shm_doorbell_link_up(link));
    if (link != end->link && !link->dialled) { /* a peer made it */
        shm_doorbell_disconnect(link);
        end->accepted = NULL;
        end->accepts--;
        return;
    }
    end->downs++;
    end->error = error;
    if (end->hang_up_in_upcall) {
        shm_doorbell_disconnect(link);
        end->link = NULL;
    }
}

static const struct shm_doorbell_upcalls upcalls = {
    .link_accept = on_accept, .link_up = on_up, .link_rung = on_rung, .link_down = on_down};

void end_open_with(struct end *end, const char *tag, uint32_t connect_timeout_ms, uint32_t links_max)
{
    struct shm_doorbell_config config = {
        .name = end->name,
        .epoll_fd = -1,
        .socket_fd = -1,
        .connect_timeout_ms = connect_timeout_ms,
        .links_max = links_max,
        .upcalls = &upcalls,
        .arg = end,
    };

    memset(end, 0, sizeof(*end));
    (void)snprintf(end->name, sizeof(end->name), "test-%d-%s", (int)getpid(), tag);
    SUPPORT_CHECK(shm_doorbell_open(&config, &end->bell) == 0);
}

void end_open(struct end *end, const char *tag)
{
    end_open_with(end, tag, 0, 0);
}

void end_close(struct end *end)
{
    shm_doorbell_close(end->bell);
    end->bell = NULL;
    end->link = NULL;
}

int end_connect(struct end *end, const char *name)
{
    return shm_doorbell_connect(end->bell, name, NULL, end, &end->link);
}

bool end_readable(struct end *end, int timeout_ms)
{
    struct pollfd wait = {.fd = shm_doorbell_fd(end->bell), .events = POLLIN};

    return poll(&wait, 1, timeout_ms) == 1;
}

/* One turn of both; waits up to 1 ms for one of them to have something. */
static void ends_turn(struct end *a, struct end *b)
{
    struct pollfd waits[2] = {{.fd = a != NULL ? shm_doorbell_fd(a->bell) : -1, .events = POLLIN},
                              {.fd = b != NULL ? shm_doorbell_fd(b->bell) : -1, .events = POLLIN}};

    (void)poll(waits, 2, 1);
    if (a != NULL)
        (void)shm_doorbell_progress(a->bell);
    if (b != NULL)
        (void)shm_doorbell_progress(b->bell);
}

void ends_until(struct end *a, struct end *b, const int *counter, int value)
{
    for (int i = 0; i < LIMIT_MS && *counter < value; i++)
        ends_turn(a, b);
    SUPPORT_CHECK(*counter == value);
}

void ends_until_up(struct end *a, struct end *b)
{
    for (int i = 0; i < LIMIT_MS && !shm_doorbell_link_up(a->link); i++)
        ends_turn(a, b);
    SUPPORT_CHECK(shm_doorbell_link_up(a->link));
}

void ends_turns(struct end *a, struct end *b, int turns)
{
    for (int i = 0; i < turns; i++)
        ends_turn(a, b);
}

int raw_connect(const char *name)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(connect(fd, (struct sockaddr *)&address, size) == 0);
    return fd;
}

int raw_listen(const char *name, int backlog)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
    SUPPORT_CHECK(listen(fd, backlog) == 0);
    return fd;
}

void raw_send(int socket_fd, const void *data, size_t size, int fd, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    SUPPORT_CHECK(fd_count <= 16);
    memset(&control, 0, sizeof(control));
    if (fd_count > 0) {
        struct cmsghdr *rights = &control.align;

        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        for (size_t i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    }
    SUPPORT_CHECK(sendmsg(socket_fd, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

size_t raw_hello(unsigned char *buf, const char *name)
{
    struct shm_doorbell_hello hello = {.id = 77};

    (void)snprintf(hello.name, sizeof(hello.name), "%s", name);
    return shm_doorbell_hello_encode(&hello, buf);
}

void raw_until_hung_up(struct end *end, int socket_fd)
{
    char buf[512];
    ssize_t size = -1;

    for (int i = 0; i < LIMIT_MS && size != 0; i++) {
        ends_turn(end, NULL);
        do {
            size = recv(socket_fd, buf, sizeof(buf), MSG_DONTWAIT);
        } while (size > 0);
        if (size < 0 && errno == ECONNRESET)
            return;
    }
    SUPPORT_CHECK(size == 0);
}

int raw_page(size_t size, int seals)
{
    struct shm_doorbell_page page = {.magic = SHM_DOORBELL_PAGE_MAGIC, .version = SHM_DOORBELL_PAGE_VERSION};
    int fd = memfd_create("test-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(pwrite(fd, &page, sizeof(page), 0) == (ssize_t)sizeof(page));
    SUPPORT_CHECK(ftruncate(fd, (off_t)size) == 0);
    if (seals != 0)
        SUPPORT_CHECK(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}
