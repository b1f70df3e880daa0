/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One link of a doorbell: its address and socket, the checks of who is there, the hello in each
 * direction, ringing, taking wake-ups off the socket, and the end.
 *
 * It leaves to shm_doorbell.c when any of this happens, which list of the bell a new link is on,
 * and the upcalls: a link that came up or ended is only put on bell->reports. The reasoning behind
 * the fence in shm_doorbell_ring is at the top of that file. The caller serialises.
 */
#include "na/shm/shm_doorbell_link.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_hash.h"
#include "util/util_log.h"

#define SHM_DOORBELL_LINK_PREFIX "quicksilver-doorbell/1/"

/* Wake-ups taken off one link in one turn. */
#define SHM_DOORBELL_LINK_DRAIN 16

/* --- addresses and credentials ------------------------------------------------------------------ */

/* The abstract address that an endpoint's name stands for. Names beyond its 107 bytes are hashed:
 * the hello tells names apart if two ever share an address. */
socklen_t shm_doorbell_link_address(const char *name, struct sockaddr_un *address)
{
    size_t room = sizeof(address->sun_path) - 1;
    int size;

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    size = snprintf(address->sun_path + 1, room, SHM_DOORBELL_LINK_PREFIX "%s", name);
    if ((size_t)size >= room)
        size = snprintf(address->sun_path + 1, room, SHM_DOORBELL_LINK_PREFIX "#%016llx-%zu-%.40s",
                        (unsigned long long)util_hash_string64(name), strlen(name), name);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
}

/* Whether the process at the other end may be trusted: ours or root's. */
bool shm_doorbell_link_allowed(int fd, pid_t *pid_out)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    if (peer.uid == geteuid() || peer.uid == 0) {
        *pid_out = peer.pid;
        return true;
    }
    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA,
                     "refused a shared-memory peer: process %d runs as user %u, we as %u", (int)peer.pid,
                     (unsigned)peer.uid, (unsigned)geteuid());
    return false;
}

/* --- links -------------------------------------------------------------------------------------- */

struct shm_doorbell_link *shm_doorbell_link_create(struct shm_doorbell *bell, int fd)
{
    struct shm_doorbell_link *link = util_calloc(1, sizeof(*link));

    if (link == NULL)
        return NULL;
    link->bell = bell;
    link->fd = fd;
    link->state = SHM_DOORBELL_LINK_HELLO;
    link->deadline_ns = util_clock_deadline_ns(bell->connect_timeout_ns);
    util_list_init(&link->node);
    util_list_init(&link->report);
    bell->open_count++;
    return link;
}

/* Frees a link that is down, or has it freed at the end of the turn. */
void shm_doorbell_link_free(struct shm_doorbell_link *link)
{
    util_list_remove(&link->node);
    util_list_remove(&link->report);
    if (link->bell->in_progress)
        util_list_push(&link->bell->garbage, &link->node);
    else
        util_free(link);
}

/* Closes what the link has open and takes it out of its list. */
void shm_doorbell_link_release(struct shm_doorbell_link *link)
{
    struct shm_doorbell *bell = link->bell;

    if (link->state == SHM_DOORBELL_LINK_DOWN)
        return;
    if (link->state == SHM_DOORBELL_LINK_WAITING || link->hello_due)
        bell->waiting_count--;
    link->hello_due = false;
    if (link->state == SHM_DOORBELL_LINK_HELLO && !link->dialled)
        bell->greeting_count--;
    bell->open_count--;
    shm_doorbell_link_close_received(link);
    /* A child forked by the user holds copies of the descriptor: closing ours alone would neither
     * leave the epoll set nor tell the peer. */
    (void)epoll_ctl(bell->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
    (void)shutdown(link->fd, SHUT_RDWR);
    (void)close(link->fd);
    link->fd = -1;
    shm_doorbell_page_unmap(link->page);
    link->page = NULL;
    link->state = SHM_DOORBELL_LINK_DOWN;
    util_list_remove(&link->node);
}

void shm_doorbell_link_close_received(struct shm_doorbell_link *link)
{
    for (unsigned int i = 0; i < link->received.fd_count; i++)
        (void)close(link->received.fds[i]);
    link->received.fd_count = 0;
}

/* Ends a link for a reason that its owner, if any, will be told. */
void shm_doorbell_link_end(struct shm_doorbell_link *link, int error)
{
    shm_doorbell_link_release(link);
    if (!link->owned) {
        shm_doorbell_link_free(link);
        return;
    }
    link->error = error;
    util_list_push(&link->bell->ended, &link->node);
    util_list_remove(&link->report);
    util_list_push(&link->bell->reports, &link->report);
}

/* Short of memory; or, for a user of whom more descriptors are under way than one process may have open (which many
 * processes that connect to each other at once can reach), of such. */
static bool shm_doorbell_link_is_passing(int error)
{
    return error == -EAGAIN || error == -EINTR || error == -ENOBUFS || error == -ENOMEM || error == -ETOOMANYREFS;
}

int shm_doorbell_link_say_hello(struct shm_doorbell_link *link)
{
    struct shm_doorbell *bell = link->bell;
    struct shm_doorbell_hello hello = {.id = bell->id, .gift = link->gift};
    bool was_due = link->hello_due;
    int error;

    memcpy(hello.name, bell->name, sizeof(hello.name));
    error = shm_doorbell_hello_send(link->fd, &hello, bell->page_fd);
    link->hello_due = shm_doorbell_link_is_passing(error);
    bell->waiting_count += (uint32_t)link->hello_due - (uint32_t)was_due;
    if (!link->hello_due)
        return error;
    bell->retry_ns = util_clock_deadline_ns(SHM_DOORBELL_RETRY_NS);
    return 0;
}

/* Puts the connected socket into the epoll set and says hello. */
int shm_doorbell_link_greet(struct shm_doorbell_link *link)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = link};

    if (epoll_ctl(link->bell->epoll_fd, EPOLL_CTL_ADD, link->fd, &event) != 0)
        return -errno;
    return shm_doorbell_link_say_hello(link);
}

/* Checks a hello against what is known of the peer, and brings the link up. */
static int shm_doorbell_link_accept_hello(struct shm_doorbell_link *link, const struct shm_doorbell_hello *hello,
                                          int page_fd)
{
    struct shm_doorbell *bell = link->bell;
    int error;

    /* Only if the addresses of two names collide. */
    if (link->dialled && strcmp(link->name, hello->name) != 0)
        return -ECONNREFUSED;
    error = shm_doorbell_page_map(page_fd, &link->page);
    if (error != 0)
        return error;
    memcpy(link->name, hello->name, sizeof(link->name));
    link->id = hello->id;
    if (!link->dialled)
        bell->greeting_count--;
    link->state = SHM_DOORBELL_LINK_UP;
    link->received = hello->gift;
    util_list_remove(&link->node);
    util_list_push(&bell->links, &link->node);
    util_list_push(&bell->reports, &link->report);
    if (link->ring_pending)
        shm_doorbell_ring(link);
    return 0;
}

void shm_doorbell_link_read_hello(struct shm_doorbell_link *link)
{
    struct shm_doorbell_hello hello;
    int page_fd = -1;
    int error = shm_doorbell_hello_receive(link->fd, &hello, &page_fd);

    if (error == -EAGAIN)
        return;
    if (error == 0) {
        error = shm_doorbell_link_accept_hello(link, &hello, page_fd);
        (void)close(page_fd);
        if (error == 0)
            return;
        for (unsigned int i = 0; i < hello.gift.fd_count; i++)
            (void)close(hello.gift.fds[i]);
    }
    if (error == -ECONNRESET) {
        /* Gone, or it would not have us, before it answered. */
        error = -ECONNREFUSED;
    } else {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA, "shared-memory peer %s: bad hello (%s), link closed",
                         link->name[0] != '\0' ? link->name : "(unknown)", strerror(-error));
    }
    shm_doorbell_link_end(link, error);
}

/* Takes wake-ups off the socket of a link that is up; gives their number. Ends the link on hang-up
 * and on anything that is no wake-up. */
int shm_doorbell_link_drain(struct shm_doorbell_link *link)
{
    for (int count = 0; count < SHM_DOORBELL_LINK_DRAIN; count++) {
        char byte;
        /* Without room for control data the kernel itself closes descriptors sent to us. */
        ssize_t size = recv(link->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);

        if (size == 1)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return count;
        if (size > 1)
            util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA,
                             "shared-memory peer %s: a datagram of %zd bytes, link closed", link->name, size);
        shm_doorbell_link_end(link, size > 1 ? -EPROTO : -ECONNRESET);
        return count;
    }
    return SHM_DOORBELL_LINK_DRAIN;
}

/* Connects the socket and says hello: 0; -EAGAIN when the peer's backlog is full; else it failed. */
int shm_doorbell_link_dial(struct shm_doorbell_link *link)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(link->name, &address);
    int error;

    if (connect(link->fd, (struct sockaddr *)&address, size) != 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (!shm_doorbell_link_allowed(link->fd, &link->pid))
        return -ECONNREFUSED;
    error = shm_doorbell_link_greet(link);
    /* A socket that closed between the two calls is a peer that died. */
    return error == -EPIPE || error == -ECONNRESET ? -ECONNREFUSED : error;
}

/* --- ringing -------------------------------------------------------------------------------- */

/* True when the peer's socket has something to read. */
static bool shm_doorbell_link_send_byte(struct shm_doorbell_link *link)
{
    /* A socket too full for the byte holds others unread, which wake the peer as well. */
    if (send(link->fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN)
        return true;
    if (errno == ENOBUFS || errno == ENOMEM || errno == EINTR) {
        link->ring_pending = true;
        link->bell->rings_pending = true;
        link->bell->attention = true;
    }
    /* Anything else is a peer that hung up, which progress is about to find. */
    return false;
}

void shm_doorbell_ring(struct shm_doorbell_link *link)
{
    uint64_t epoch;

    if (link->state != SHM_DOORBELL_LINK_UP) {
        link->ring_pending = link->state != SHM_DOORBELL_LINK_DOWN;
        return;
    }
    /* Between our write to the peer's queue and our read of its epoch: see the top of
     * shm_doorbell.c. */
    shm_doorbell_page_fence();
    epoch = atomic_load_explicit(&link->page->epoch, memory_order_relaxed);
    link->ring_pending = false;
    if ((epoch & 1) != 0 && epoch != link->rung_epoch && shm_doorbell_link_send_byte(link))
        link->rung_epoch = epoch;
}

void shm_doorbell_poke(struct shm_doorbell_link *link)
{
    if (link->state == SHM_DOORBELL_LINK_UP)
        link->poke_pending = !shm_doorbell_link_send_byte(link);
}

/* --- what is known of it -------------------------------------------------------------------- */

bool shm_doorbell_link_up(const struct shm_doorbell_link *link)
{
    return link->state == SHM_DOORBELL_LINK_UP;
}

void *shm_doorbell_link_user(const struct shm_doorbell_link *link)
{
    return link->user;
}

void shm_doorbell_link_set_user(struct shm_doorbell_link *link, void *user)
{
    link->user = user;
}

const char *shm_doorbell_link_name(const struct shm_doorbell_link *link)
{
    return link->name;
}

uint64_t shm_doorbell_link_id(const struct shm_doorbell_link *link)
{
    return link->id;
}

pid_t shm_doorbell_link_pid(const struct shm_doorbell_link *link)
{
    return link->pid;
}
