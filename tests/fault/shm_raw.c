/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See shm_raw.h. Failures abort with the place.
 */
#include "tests/fault/shm_raw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "na/shm/shm_doorbell_link.h"
#include "na/shm/shm_memfd.h"
#include "tests/support/support_guard.h"

/* Bells have ids other than 0, and other ones each. */
static uint64_t next_id = 1;

static void make_segment(struct shm_raw *raw)
{
    void *memory = NULL;

    SUPPORT_CHECK(shm_memfd_create("test-rings", sizeof(*raw->segment), false, &memory, &raw->segment_fd) == 0);
    raw->segment = memory;
    raw->segment->magic = SHM_SEGMENT_MAGIC;
    raw->segment->size = sizeof(*raw->segment);
    atomic_store(&raw->segment->busy[0].door, SHM_DOOR_OPEN);
}

void shm_raw_make_gift(struct shm_raw *raw, uint64_t cookie_address)
{
    shm_gift_encode(&(struct shm_gift){.cookie_address = cookie_address != 0 ? cookie_address : (uintptr_t)&raw->cookie,
                                       .cookie = raw->cookie,
                                       .table_fd = shm_table_fd(raw->table),
                                       .segment_fd = raw->segment_fd},
                    &raw->gift);
}

void shm_raw_open(struct shm_raw *raw)
{
    memset(raw, 0, sizeof(*raw));
    raw->socket_fd = -1;
    raw->cookie = UINT64_C(0x0123456789abcdef) + next_id;
    (void)snprintf(raw->name, sizeof(raw->name), "raw-%d-%u", (int)getpid(), (unsigned)next_id);
    SUPPORT_CHECK(shm_doorbell_page_create(&raw->page, &raw->page_fd) == 0);
    SUPPORT_CHECK(shm_table_create(&raw->table) == 0);
    make_segment(raw);
    shm_raw_make_gift(raw, 0);
}

void shm_raw_close(struct shm_raw *raw)
{
    shm_raw_hang_up(raw);
    shm_doorbell_page_unmap(raw->page);
    (void)close(raw->page_fd);
    shm_table_destroy(raw->table);
    shm_memfd_unmap(raw->segment, sizeof(*raw->segment));
    if (raw->segment_fd >= 0)
        (void)close(raw->segment_fd);
    memset(raw, 0, sizeof(*raw));
    raw->socket_fd = -1;
}

/* Attaches to the rings: side 0 made the segment. */
static void attach(struct shm_raw *raw, unsigned int side)
{
    shm_ring_out_init(&raw->out, &raw->segment->rings[side]);
    shm_ring_in_init(&raw->in, &raw->segment->rings[1 - side]);
}

void shm_raw_say_hello(struct shm_raw *raw)
{
    struct shm_doorbell_hello hello = {.id = next_id++, .gift = raw->gift};

    (void)snprintf(hello.name, sizeof(hello.name), "%s", raw->name);
    SUPPORT_CHECK(shm_doorbell_hello_send(raw->socket_fd, &hello, raw->page_fd) == 0);
}

void shm_raw_dial(struct shm_raw *raw, const char *endpoint)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(endpoint, &address);

    raw->socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    SUPPORT_CHECK(raw->socket_fd >= 0);
    SUPPORT_CHECK(connect(raw->socket_fd, (struct sockaddr *)&address, size) == 0);
    attach(raw, 0);
}

void shm_raw_connect(struct shm_raw *raw, const char *endpoint)
{
    shm_raw_open(raw);
    shm_raw_dial(raw, endpoint);
    shm_raw_say_hello(raw);
}

void shm_raw_answer(struct shm_raw *raw, int socket_fd)
{
    struct shm_doorbell_hello hello;
    void *memory = NULL;
    int page_fd = -1;

    raw->socket_fd = socket_fd;
    SUPPORT_CHECK(shm_doorbell_hello_receive(socket_fd, &hello, &page_fd) == 0);
    SUPPORT_CHECK(hello.gift.fd_count == 2);
    (void)close(page_fd);
    (void)close(hello.gift.fds[0]);
    shm_memfd_unmap(raw->segment, sizeof(*raw->segment));
    (void)close(raw->segment_fd);
    raw->segment_fd = -1;
    SUPPORT_CHECK(shm_memfd_map(hello.gift.fds[1], sizeof(*raw->segment), true, &memory) == 0);
    (void)close(hello.gift.fds[1]);
    raw->segment = memory;
    attach(raw, 1);
    atomic_store(&raw->segment->busy[1].door, SHM_DOOR_OPEN);
    shm_raw_make_gift(raw, 0);
}

void shm_raw_hang_up(struct shm_raw *raw)
{
    if (raw->socket_fd >= 0)
        (void)close(raw->socket_fd);
    raw->socket_fd = -1;
}

bool shm_raw_is_hung_up(const struct shm_raw *raw)
{
    char bytes[512];
    ssize_t size;

    do {
        size = recv(raw->socket_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    } while (size > 0);
    return size == 0 || errno == ECONNRESET;
}

bool shm_raw_send(struct shm_raw *raw, uint32_t kind, const void *data, size_t size)
{
    unsigned char *room = shm_ring_reserve(&raw->out, size);

    if (room == NULL)
        return false;
    if (data != NULL)
        memcpy(room, data, size);
    else
        memset(room, 0, size);
    shm_ring_publish(&raw->out, kind, size);
    return true;
}

bool shm_raw_send_words(struct shm_raw *raw, uint32_t kind, const uint64_t *words, size_t count, size_t size)
{
    unsigned char *room = shm_ring_reserve(&raw->out, size);

    SUPPORT_CHECK(count * sizeof(*words) <= size);
    if (room == NULL)
        return false;
    memset(room, 0, size);
    memcpy(room, words, count * sizeof(*words));
    shm_ring_publish(&raw->out, kind, size);
    return true;
}

bool shm_raw_take(struct shm_raw *raw, uint32_t *kind, void *data, size_t room, size_t *size)
{
    struct shm_ring_record record;
    int ret = shm_ring_peek(&raw->in, &record);

    SUPPORT_CHECK(ret >= 0);
    if (ret == 0)
        return false;
    *kind = record.kind;
    *size = record.size;
    memcpy(data, record.data, record.size < room ? record.size : room);
    shm_ring_take(&raw->in, &record);
    (void)shm_ring_release(&raw->in);
    return true;
}
