/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The sweep on the libfabric in memory: allocations, and each function of libfabric that the library calls. Argument:
 * connections or datagrams.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_alloc.h"
#include "tests/support/fake_fi.h"
#include "tests/sweep/sweep.h"
#include "util/util_clock.h"
#include "util/util_hook.h"
#include "util/util_mutant.h"

/* What the library of the simulation has, and is not used here. */
enum util_mutant util_mutant_on;
void (*util_hook)(enum util_hook_place place, const void *object);

enum { SEED = 7, NODES = 2 };
#define IDLE_NS (20 * UTIL_CLOCK_NS_PER_US)
#define STEP_NS (UTIL_CLOCK_NS_PER_MS)

static uint64_t live_before;

static void tell(const char *line)
{
    fprintf(stderr, "# %llu us: %s\n", (unsigned long long)(fake_fi_now_ns() / UTIL_CLOCK_NS_PER_US), line);
}

static void begin(void)
{
    live_before = fake_alloc_live();
    fake_fi_begin(SEED);
    fake_fi_set_trace(sweep_trace ? tell : NULL);
    fake_fi_set_idle_ns(IDLE_NS);
    for (unsigned int from = 0; from < NODES; from++)
        for (unsigned int to = 0; to < NODES; to++)
            fake_fi_link(from, to)->delay_ns = 5 * UTIL_CLOCK_NS_PER_US;
}

static void end(void)
{
    struct fake_fi_counts counts = fake_fi_counts();

    fake_fi_end();
    if (counts.misuses > 0)
        sweep_fail("libfabric was used in %u ways that it does not allow", counts.misuses);
    if (counts.fabrics + counts.domains + counts.queues + counts.endpoints + counts.registrations + counts.addresses +
            counts.infos >
        0)
        sweep_fail(
            "left open: %u fabrics, %u domains, %u queues, %u endpoints, %u registrations, %u addresses, %u infos",
            counts.fabrics, counts.domains, counts.queues, counts.endpoints, counts.registrations, counts.addresses,
            counts.infos);
    if (fake_alloc_live() != live_before)
        sweep_fail("%lld allocations are left", (long long)(fake_alloc_live() - live_before));
}

static void rest(bool idle)
{
    uint64_t next_ns = fake_fi_next_ns();
    uint64_t to_ns = fake_fi_now_ns() + (idle ? STEP_NS : IDLE_NS);

    (void)fake_fi_advance(next_ns < to_ns && next_ns > fake_fi_now_ns() ? next_ns : to_ns);
}

#define POINT(text, number)                         \
    {                                               \
        .name = text, .what = text, .error = number \
    }
#define POINT_SILENT(text, number)                                  \
    {                                                               \
        .name = text, .what = text, .error = number, .silent = true \
    }
#define POINT_MANY(text, number, every)                              \
    {                                                                \
        .name = text, .what = text, .error = number, .stride = every \
    }

static const struct sweep_point memory[] = {{.what = "an allocation", .error = ENOMEM}, {.what = NULL}};
static const struct sweep_point memory_silent[] = {{.what = "an allocation", .error = ENOMEM, .silent = true},
                                                   {.what = NULL}};

static const struct sweep_point opening[] = {
    POINT("fi_getinfo", ENODATA),
    POINT("fi_getinfo", ENOMEM),
    POINT("fi_dupinfo", ENOMEM),
    POINT("fi_fabric", ENOMEM),
    POINT("fi_domain", ENODEV),
    POINT("fi_cq_open", ENOMEM),
    POINT("fi_endpoint", ENOMEM),
    POINT("fi_ep_bind", EINVAL),
    POINT("fi_enable", EBUSY),
    POINT("fi_getname", EIO),
    POINT("fi_mr_regattr", ENOMEM),
    POINT("fi_mr_regattr", EPERM),
    {.what = NULL},
};

static const struct sweep_point connecting[] = {
    POINT("fi_eq_open", EMFILE),      POINT("fi_passive_ep", EADDRINUSE),
    POINT("fi_pep_bind", EINVAL),     POINT("fi_listen", EADDRINUSE),
    POINT("fi_connect", ENOMEM),      POINT("fi_connect", EHOSTUNREACH),
    POINT("fi_accept", ENOMEM),       POINT("fi_srx_context", ENOMEM),
    POINT_MANY("fi_eq_read", EIO, 7), {.what = NULL},
};

static const struct sweep_point addressing[] = {
    POINT("fi_av_open", ENOMEM),
    POINT_SILENT("fi_av_insert", ENOMEM),
    POINT("fi_setopt", EINVAL),
    {.what = NULL},
};

static const struct sweep_point moving[] = {
    POINT("fi_send", EAGAIN),
    POINT("fi_inject", EAGAIN),
    POINT("fi_rma", EAGAIN),
    POINT_SILENT("fi_send", EIO),
    POINT_SILENT("fi_send", ENOMEM),
    POINT_SILENT("fi_inject", EIO),
    POINT_SILENT("fi_rma", EIO),
    POINT_SILENT("send completion", EIO),
    POINT_SILENT("send completion", ECONNRESET),
    POINT_SILENT("receive completion", EIO),
    POINT_SILENT("rma completion", EIO),
    POINT_SILENT("rma completion", EACCES),
    POINT_MANY("fi_recvmsg", EAGAIN, 17),
    POINT_MANY("fi_recvmsg", ENOMEM, 17),
    POINT_MANY("fi_cq_read", EIO, 23),
    {.what = NULL},
};

static const struct sweep_world connections = {
    .tables = (const struct sweep_point *const[]){memory, opening, connecting, moving, NULL},
    .target_uri = "tcp://10.0.0.1:5000",
    .origin_uri = "tcp://10.0.0.2:5000",
    .begin = begin,
    .end = end,
    .rest = rest,
    .now_ns = fake_fi_now_ns,
};
static const struct sweep_world datagrams = {
    .tables = (const struct sweep_point *const[]){memory_silent, opening, addressing, moving, NULL},
    .target_uri = FAKE_FI_DATAGRAM "://10.0.0.1:5000",
    .origin_uri = FAKE_FI_DATAGRAM "://10.0.0.2:5000",
    .begin = begin,
    .end = end,
    .rest = rest,
    .now_ns = fake_fi_now_ns,
};

static const struct sweep_world *choose(const char *parameter)
{
    if (strcmp(parameter, "connections") == 0)
        return &connections;
    return strcmp(parameter, "datagrams") == 0 ? &datagrams : NULL;
}

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, choose);
}
