/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The sweep on the real transports: allocations, and calls of the system and of libfabric that the library makes itself.
 * Argument: shm, shm-stream (where the system does not let one process reach another's memory), tcp, or tcp+sm. The clock runs ahead
 * where nothing happens.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/fake_alloc.h"
#include "tests/support/support_fds.h"
#include "tests/support/support_maps.h"
#include "tests/sweep/sweep.h"
#include "util/util_clock.h"

/* How far the clock is put forward by a turn in which nothing happened. */
#define SKIP_NS (100 * UTIL_CLOCK_NS_PER_US)

static atomic_ullong skipped_ns;
static uint64_t live_before;
static int fds_before;
static int maps_before;
static bool warm; /* what stays open for good has been opened */

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UTIL_CLOCK_NS_PER_S + (uint64_t)now.tv_nsec + atomic_load(&skipped_ns);
}

static void begin(void)
{
    util_clock_replace(now_ns);
    live_before = fake_alloc_live();
    fds_before = support_fds_count();
    maps_before = support_maps_count("memfd:");
}

static void end(void)
{
    util_clock_replace(NULL);
    if (warm && support_fds_count() != fds_before) {
        support_fds_print();
        sweep_fail("%d descriptors were open before, and now %d", fds_before, support_fds_count());
    }
    if (warm && support_maps_count("memfd:") != maps_before)
        sweep_fail("%d memory files were mapped before, and now %d", maps_before, support_maps_count("memfd:"));
    if (warm && fake_alloc_live() != live_before)
        sweep_fail("%lld allocations are left", (long long)(fake_alloc_live() - live_before));
    warm = true;
}

static void rest(bool idle)
{
    if (!idle)
        return;
    atomic_fetch_add(&skipped_ns, SKIP_NS);
    (void)sched_yield();
}

#define POINT(text, number)                         \
    {                                               \
        .name = text, .what = text, .error = number \
    }
#define POINT_MANY(text, number, every)                              \
    {                                                                \
        .name = text, .what = text, .error = number, .stride = every \
    }

#define POINT_SILENT(text, number)                                  \
    {                                                               \
        .name = text, .what = text, .error = number, .silent = true \
    }

static const struct sweep_point memory[] = {{.what = "an allocation", .error = ENOMEM}, {.what = NULL}};

static const struct sweep_point sleeping[] = {
    POINT("epoll_create1", EMFILE),  POINT("epoll_ctl", ENOMEM),      POINT("eventfd", EMFILE),
    POINT("timerfd_create", EMFILE), POINT("pthread_create", EAGAIN), {.what = NULL},
};

static const struct sweep_point sockets[] = {
    POINT("socket", EMFILE),
    POINT("bind", EADDRINUSE),
    POINT("bind", ENOMEM),
    POINT("listen", EADDRINUSE),
    POINT("accept4", EMFILE),
    POINT("accept4", ECONNABORTED),
    POINT("connect", ECONNREFUSED),
    POINT("connect", EAGAIN),
    POINT("sendmsg", EAGAIN),
    POINT("sendmsg", EPIPE),
    POINT("sendmsg", ENOBUFS),
    POINT("recvmsg", ECONNRESET),
    POINT("recvmsg", EINTR),
    POINT("getsockopt", ENOBUFS),
    POINT_MANY("epoll_wait", EINTR, 7),
    {.what = NULL},
};

static const struct sweep_point shared[] = {
    POINT("memfd_create", EMFILE),
    POINT("memfd_create", ENOMEM),
    POINT("ftruncate", ENOSPC),
    POINT("fcntl", EPERM),
    POINT("fstat", EIO),
    POINT("mmap", ENOMEM),
    {.what = NULL},
};

static const struct sweep_point direct[] = {
    POINT("process_vm_readv", EPERM),  POINT("process_vm_readv", EFAULT),  POINT("process_vm_readv", ESRCH),
    POINT("process_vm_writev", EPERM), POINT("process_vm_writev", EFAULT), {.what = NULL},
};

/* Those of libfabric that sweep_fake.c has, too: here they are the real ones otherwise. */
static const struct sweep_point fabric[] = {
    POINT("fi_domain", ENOMEM),
    POINT("fi_cq_open", EMFILE),
    POINT("fi_eq_open", EMFILE),
    POINT("fi_passive_ep", ENOMEM),
    POINT("fi_pep_bind", EINVAL),
    POINT("fi_listen", EADDRINUSE),
    POINT("fi_getname", EIO),
    POINT("fi_srx_context", ENOMEM),
    POINT("fi_endpoint", EMFILE),
    POINT("fi_ep_bind", ENOMEM),
    POINT("fi_enable", ENOMEM),
    POINT("fi_connect", ENOMEM),
    POINT("fi_accept", ENOMEM),
    POINT("fi_mr_regattr", ENOMEM),
    POINT("fi_send", EAGAIN),
    POINT("fi_inject", EAGAIN),
    POINT("fi_rma", EAGAIN),
    POINT_SILENT("fi_send", ENOMEM),
    POINT_SILENT("fi_inject", ENOMEM),
    POINT_SILENT("fi_rma", EIO),
    POINT_MANY("fi_recvmsg", EAGAIN, 50),
    POINT_MANY("fi_recvmsg", ENOMEM, 50),
    POINT_MANY("fi_cq_read", EIO, 50),
    POINT_MANY("fi_eq_read", EIO, 20),
    {.what = NULL},
};

static const struct sweep_point opening[] = {
    POINT("fi_getinfo", ENODATA),
    POINT("fi_getinfo", ENOMEM),
    POINT("fi_dupinfo", ENOMEM),
    POINT("fi_fabric", ENOMEM),
    {.what = NULL},
};

#define WORLD(target, besides, ...)                                                                                   \
    {                                                                                                                 \
        .tables = (const struct sweep_point *const[]){__VA_ARGS__, NULL}, .target_uri = target, .origin_uri = target, \
        .auto_sm = besides, .threaded = true, .begin = begin, .end = end, .rest = rest, .now_ns = now_ns              \
    }

static const struct sweep_world shm = WORLD("shm", false, memory, sleeping, sockets, shared, direct);
static const struct sweep_world shm_stream = WORLD("shm", false, memory, sockets, shared);
static const struct sweep_world tcp = WORLD("tcp://127.0.0.1", false, memory, sleeping, opening, fabric);

static const struct sweep_world tcp_sm = WORLD("tcp://127.0.0.1", true, memory, sockets, shared, opening);

static const struct sweep_world *choose(const char *parameter)
{
    if (strcmp(parameter, "shm-stream") == 0)
        return setenv("QS_SHM_DIRECT", "off", 1) == 0 ? &shm_stream : NULL;
    if (strcmp(parameter, "shm") == 0)
        return &shm;
    if (strcmp(parameter, "tcp+sm") == 0)
        return &tcp_sm;
    return strcmp(parameter, "tcp") == 0 ? &tcp : NULL;
}

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, choose);
}
