/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the doorbell's tests share: an endpoint that counts its upcalls, turns of progress until
 * something is true, and raw sockets that speak to a doorbell as a stranger would.
 */
#ifndef DOORBELL_SUPPORT_H
#define DOORBELL_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "na/shm/shm_doorbell.h"

/* An endpoint with one link of its own, which accepts whoever comes. */
struct end {
    char name[SHM_DOORBELL_NAME_MAX];
    struct shm_doorbell *bell;
    struct shm_doorbell_link *link;
    struct shm_doorbell_link *accepted; /* the last that a peer made */
    struct shm_doorbell_gift gift;      /* that came with the last link; its descriptors are not kept */
    int refusal;                        /* what the next upcalls about links that come up answer */
    int accepts;
    int rings;
    int ups;
    int downs;
    int error; /* of the last link_down */
    bool hang_up_in_upcall;
};

/* Opens an endpoint with a name of this process and `tag`. */
void end_open(struct end *end, const char *tag);
/* The same with a limit on handshakes and links; 0 for the defaults. */
void end_open_with(struct end *end, const char *tag, uint32_t connect_timeout_ms, uint32_t links_max);
void end_close(struct end *end);
/* Connects to another endpoint by name, without a gift: the result of shm_doorbell_connect. */
int end_connect(struct end *end, const char *name);

/* Makes progress on the ends (NULLs are skipped) until *counter reaches value; aborts after 10 s. */
void ends_until(struct end *a, struct end *b, const int *counter, int value);
/* Makes progress on the ends until the link of `a` is up. */
void ends_until_up(struct end *a, struct end *b);
/* Some turns of progress, for what must not happen. */
void ends_turns(struct end *a, struct end *b, int turns);
/* Whether the endpoint's epoll set is readable within timeout_ms. */
bool end_readable(struct end *end, int timeout_ms);

/* A raw connected socket to the endpoint of that name. */
int raw_connect(const char *name);
/* A raw listener in the place of the endpoint of that name. */
int raw_listen(const char *name, int backlog);
/* Sends a datagram with `fd_count` copies of fd. */
void raw_send(int socket_fd, const void *data, size_t size, int fd, size_t fd_count);
/* A well-formed hello; gives its size. */
size_t raw_hello(unsigned char *buf, const char *name);
/* Makes progress on the endpoint until the raw socket is hung up on; reads away what was sent to it. */
void raw_until_hung_up(struct end *end, int socket_fd);

/* A memfd with a page's content, `size` bytes, with these seals. */
int raw_page(size_t size, int seals);

#endif /* DOORBELL_SUPPORT_H */
