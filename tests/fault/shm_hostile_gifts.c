/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Gifts that are not what they should be, from those who connect and from those who are connected to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_link.h"
#include "na/shm/shm_progress.h"
#include "tests/fault/shm_scene.h"
#include "util/util_bytes.h"

#define SEALS ((unsigned)F_SEAL_SHRINK | (unsigned)F_SEAL_GROW | (unsigned)F_SEAL_SEAL)

/* --- gifts --------------------------------------------------------------------------------------------------- */

/* Descriptors in place of those that are right. */
static int fd_memory(size_t size, unsigned int seals, uint64_t magic, uint64_t size_said)
{
    struct shm_segment head = {.magic = magic, .size = size_said};
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    SUPPORT_CHECK(fd >= 0 && pwrite(fd, &head, 16, 0) == 16 && ftruncate(fd, (off_t)size) == 0);
    if (seals != 0)
        SUPPORT_CHECK(fcntl(fd, F_ADD_SEALS, (int)seals) == 0);
    return fd;
}

static int fd_segment(size_t size, unsigned int seals)
{
    return fd_memory(size, seals, SHM_SEGMENT_MAGIC, sizeof(struct shm_segment));
}

enum gift_fault {
    GIFT_RIGHT,
    GIFT_EMPTY,
    GIFT_MAGIC,
    GIFT_VERSION,
    GIFT_RING_SIZE,
    GIFT_RECORD_SIZE,
    GIFT_SHORT,
    GIFT_NO_TABLE,
    GIFT_TABLE_ZERO,
    GIFT_TABLE_SMALL,
    GIFT_TABLE_LOOSE,
    GIFT_TABLE_PAGE,
    GIFT_TABLE_SEGMENT,
    GIFT_TABLE_HUGE,
    GIFT_BOTH_SIDES, /* what follows is for those who connect */
    GIFT_NO_SEGMENT,
    GIFT_SEGMENT_MAGIC,
    GIFT_SEGMENT_SIZE_SAID,
    GIFT_SEGMENT_SMALL,
    GIFT_SEGMENT_LARGE,
    GIFT_SEGMENT_LOOSE,
    GIFT_SEGMENT_READ_ONLY,
    GIFT_SEGMENT_PAGE,
    GIFT_SWAPPED,
    GIFT_FAULTS,
};

/* Another descriptor in place of one; it is closed once the hello is sent. -1: none. */
static int gift_fd(enum gift_fault fault, const struct shm_raw *raw)
{
    const size_t table_size = SHM_TABLE_ENTRIES * 32UL;
    int fd;

    switch (fault) {
    case GIFT_TABLE_ZERO:
        return fd_memory(table_size, SEALS, 0, 0);
    case GIFT_TABLE_SMALL:
        return fd_memory(table_size - 4096, SEALS, 0, 0);
    case GIFT_TABLE_LOOSE:
        return fd_memory(table_size, 0, 0, 0);
    case GIFT_TABLE_SEGMENT:
        return fd_segment(sizeof(struct shm_segment), SEALS);
    case GIFT_TABLE_HUGE:
        fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
        if (fd >= 0)
            SUPPORT_CHECK(ftruncate(fd, (off_t)table_size) == 0 && fcntl(fd, F_ADD_SEALS, (int)SEALS) == 0);
        return fd >= 0 ? fd : fd_memory(table_size, 0, 0, 0);
    case GIFT_TABLE_PAGE:
    case GIFT_SEGMENT_PAGE:
        return dup(raw->page_fd);
    case GIFT_SEGMENT_MAGIC:
        return fd_memory(sizeof(struct shm_segment), SEALS, 7, sizeof(struct shm_segment));
    case GIFT_SEGMENT_SIZE_SAID:
        return fd_memory(sizeof(struct shm_segment), SEALS, SHM_SEGMENT_MAGIC, 7);
    case GIFT_SEGMENT_SMALL:
        return fd_segment(sizeof(struct shm_segment) - 64, SEALS);
    case GIFT_SEGMENT_LARGE:
        return fd_segment(sizeof(struct shm_segment) + 64, SEALS);
    case GIFT_SEGMENT_LOOSE:
        return fd_segment(sizeof(struct shm_segment), F_SEAL_GROW);
    case GIFT_SEGMENT_READ_ONLY:
        return fd_segment(sizeof(struct shm_segment), SEALS | F_SEAL_WRITE);
    default:
        return -1;
    }
}

static void bend_gift(struct shm_raw *raw, enum gift_fault fault, int fd)
{
    struct shm_doorbell_gift *gift = &raw->gift;
    int table_fd = gift->fds[0];

    switch (fault) {
    case GIFT_EMPTY:
        *gift = (struct shm_doorbell_gift){0};
        break;
    case GIFT_MAGIC:
        gift->data[0] ^= 1;
        break;
    case GIFT_VERSION:
        gift->data[4]++;
        break;
    case GIFT_RING_SIZE:
        util_bytes_put32(gift->data + 8, SHM_RING_SIZE * 2);
        break;
    case GIFT_RECORD_SIZE:
        util_bytes_put32(gift->data + 12, SHM_RING_RECORD_MAX * 2);
        break;
    case GIFT_SHORT:
        gift->size--;
        break;
    case GIFT_NO_TABLE:
        gift->fd_count = 0;
        break;
    case GIFT_NO_SEGMENT:
        gift->fd_count = 1;
        break;
    case GIFT_SWAPPED:
        gift->fds[0] = gift->fds[1];
        gift->fds[1] = table_fd;
        break;
    default:
        if (fd >= 0)
            gift->fds[fault < GIFT_BOTH_SIDES ? 0 : 1] = fd;
        break;
    }
}

static void bad_gifts_of_a_caller_are_refused(void)
{
    scene_begin();
    for (enum gift_fault fault = GIFT_RIGHT + 1; fault < GIFT_FAULTS; fault++) {
        struct shm_raw raw;
        int fd;

        if (fault == GIFT_BOTH_SIDES)
            continue;
        shm_raw_open(&raw);
        fd = gift_fd(fault, &raw);
        bend_gift(&raw, fault, fd);
        shm_raw_dial(&raw, scene_victim_name());
        shm_raw_say_hello(&raw);
        if (fd >= 0)
            (void)close(fd);
        scene_until_hung_up(&raw);
        if (scene.victim.accepted_count != 1)
            support_suite_fail("gift %d was taken", (int)fault);
        shm_raw_close(&raw);
        scene_check_clean();
    }
    scene_end();
}

/* A plain listener with an endpoint's name. */
static int listen_as(const char *name)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    SUPPORT_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 5) == 0);
    return fd;
}

/* The victim calls a raw listener, which answers; gives the victim's route. */
static struct na_route *victim_calls(struct shm_raw *raw, int listen_fd)
{
    char address[NA_ADDRESS_MAX];
    struct na_route *route;

    (void)snprintf(address, sizeof(address), "shm://%s", raw->name);
    route = node_route(&scene.victim, address);
    shm_raw_answer(raw, accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    return route;
}

static void bad_gifts_of_a_listener_end_the_route(void)
{
    scene_begin();
    for (enum gift_fault fault = GIFT_RIGHT + 1; fault < GIFT_BOTH_SIDES; fault++) {
        uint32_t downs = scene.victim.downs;
        struct na_route *route;
        struct shm_raw raw;
        int listen_fd;
        int fd;

        shm_raw_open(&raw);
        listen_fd = listen_as(raw.name);
        route = victim_calls(&raw, listen_fd);
        fd = gift_fd(fault, &raw);
        bend_gift(&raw, fault, fd);
        shm_raw_say_hello(&raw);
        if (fd >= 0)
            (void)close(fd);
        scene_expect_down(&raw, downs, -EPROTO, "a bad gift");
        SUPPORT_CHECK(scene.victim.down_route == route && scene.victim.ups == 0);
        na_route_close(route);
        shm_raw_close(&raw);
        (void)close(listen_fd);
        scene_check_clean();
    }
    scene_end();
}

static void cookies_that_lead_nowhere_cost_only_speed(void)
{
    static const uint64_t places[] = {8, 0x10, UINT64_MAX - 7, UINT64_MAX, UINT64_C(0x7fffffffffff), 0xdeadbeef};

    scene_begin();
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct shm_raw raw;
        struct op op = {0};
        struct bench mirror = {.client_mem = scene.mem, .client_bytes = scene.memory, .size = sizeof(scene.memory)};
        struct na_remote_segment nothing = {.address = UINT64_C(1) << SHM_TABLE_OFFSET_BITS, .key_size = 8};
        unsigned char record[64];
        uint32_t kind = 0;
        size_t size = 0;

        shm_raw_open(&raw);
        shm_raw_make_gift(&raw, places[i]);
        shm_raw_dial(&raw, scene_victim_name());
        shm_raw_say_hello(&raw);
        mirror.route = scene_until_accepted();
        /* A transfer goes through the ring, then. */
        op_fill(&op, &mirror, NA_RMA_GET, 0, 1000, &nothing);
        SUPPORT_CHECK(na_rma_post(&op.rma) == 0);
        NODE_UNTIL(shm_raw_take(&raw, &kind, record, sizeof(record), &size), SCENE_LIMIT_MS) scene_pump();
        SUPPORT_CHECK(kind == SHM_RECORD_GET && size == 32);
        shm_raw_close(&raw);
        NODE_UNTIL(op.ends > 0, SCENE_LIMIT_MS) scene_pump();
        SUPPORT_CHECK(op.ends == 1 && op.error == -ECONNRESET);
        scene_check_clean();
    }
    scene_end();
}

const struct support_case shm_gift_cases[] = {
    SUPPORT_CASE(bad_gifts_of_a_caller_are_refused),
    SUPPORT_CASE(bad_gifts_of_a_listener_end_the_route),
    SUPPORT_CASE(cookies_that_lead_nowhere_cost_only_speed),
    {NULL, NULL, 0},
};
