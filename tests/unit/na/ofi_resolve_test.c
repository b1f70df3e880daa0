/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Endpoints that are made by threads: many hosts that are not there, no threads to be had, routes that are given up and
 * contexts that close meanwhile. ofi_resolve.c is built into this program, which plays the domain beneath it, the routes
 * above it, and the maker of threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "na/ofi/ofi_connect.h"
#include "na/ofi/ofi_resolve.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_wait.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_clock.h"
#include "util/util_list.h"
#include "util/util_thread.h"

/* THREADS_MAX is RESOLVE_THREADS_MAX of ofi_resolve.c. */
enum { HOSTS_MAX = 200, THREADS_MAX = 64, ASKING_US = 5000, LIMIT_MS = 10000 };

/* One that a route is to lead to. */
struct host {
    struct ofi_route route; /* first: it is the endpoint's user pointer */
    bool there;
    atomic_uint tries;
    unsigned int clocks; /* started */
    unsigned int ends;
    int error;
    unsigned int order; /* of its end among all */
    struct fid_ep *ep;
};

static struct host hosts[HOSTS_MAX];
static struct ofi_context context;
static struct ofi_class owner;
static unsigned int ended;

static atomic_uint asking;        /* calls of fi_endpoint at this moment */
static atomic_uint asking_most;   /* the most there have been */
static atomic_int endpoints;      /* that are open */
static unsigned int threads_left; /* that may still be had; UINT32_MAX: any number */
static pthread_t progress_thread;
static atomic_uint asked_in_progress; /* calls of fi_endpoint without a thread of their own */

/* --- beneath ------------------------------------------------------------------------------------------------------- */

static int ep_close(struct fid *fid)
{
    free(fid);
    (void)atomic_fetch_sub(&endpoints, 1);
    return 0;
}

static struct fi_ops ep_ops = {.size = sizeof(ep_ops), .close = ep_close};

static int domain_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep, void *user)
{
    struct host *host = user;
    unsigned int now = atomic_fetch_add(&asking, 1) + 1;
    unsigned int most = atomic_load(&asking_most);

    (void)domain;
    (void)info;
    while (now > most && !atomic_compare_exchange_weak(&asking_most, &most, now))
        continue;
    if (pthread_equal(pthread_self(), progress_thread))
        (void)atomic_fetch_add(&asked_in_progress, 1);
    (void)atomic_fetch_add(&host->tries, 1);
    if (!host->there)
        (void)usleep(ASKING_US);
    (void)atomic_fetch_sub(&asking, 1);
    if (!host->there)
        return -FI_ETIMEDOUT;
    *ep = calloc(1, sizeof(**ep));
    if (*ep == NULL)
        return -FI_ENOMEM;
    (*ep)->fid.ops = &ep_ops;
    (void)atomic_fetch_add(&endpoints, 1);
    return 0;
}

static struct fi_ops_domain domain_ops = {.size = sizeof(domain_ops), .endpoint = domain_endpoint};
static struct fid_domain domain = {.ops = &domain_ops};

int util_thread_start(pthread_t *thread, void *(*function)(void *arg), void *arg)
{
    if (threads_left == 0)
        return -EAGAIN;
    threads_left--;
    return -pthread_create(thread, NULL, function, arg);
}

/* --- above --------------------------------------------------------------------------------------------------------- */

void ofi_wait_wake(struct na_context *base)
{
    SUPPORT_CHECK(base == &context.base);
}

void ofi_route_start_clock(struct ofi_route *route)
{
    struct host *host = util_container_of(route, struct host, route);

    SUPPORT_CHECK(util_list_empty(&route->state_node));
    util_list_push(&context.connecting, &route->state_node);
    host->clocks++;
}

void ofi_connect_resolved(struct ofi_route *route, const struct ofi_address *address, struct fid_ep *ep, int error)
{
    struct host *host = util_container_of(route, struct host, route);

    (void)address;
    host->ends++;
    host->error = error;
    host->order = ++ended;
    host->ep = error == 0 ? ep : NULL;
    util_list_remove(&route->state_node);
}

/* --- the tests ----------------------------------------------------------------------------------------------------- */

static void begin(unsigned int threads)
{
    progress_thread = pthread_self();
    threads_left = threads;
    owner.domain = &domain;
    context.owner = &owner;
    util_list_init(&context.connecting);
    util_list_init(&context.resolving);
}

static void start(struct host *host, bool there)
{
    static const struct ofi_address nowhere;
    struct fi_info *info = fi_allocinfo();

    SUPPORT_CHECK(info != NULL);
    host->there = there;
    host->route.owner = &context;
    util_list_init(&host->route.state_node);
    SUPPORT_CHECK(ofi_resolve_start(&host->route, info, &nowhere) == 0);
}

static void until_ended(unsigned int count)
{
    uint64_t deadline_ns = util_clock_deadline_ns(LIMIT_MS * UTIL_CLOCK_NS_PER_MS * support_slowness());

    while (ended < count && util_clock_now_ns() < deadline_ns) {
        if (ofi_resolve_turn(&context) == 0)
            (void)usleep(100);
    }
    SUPPORT_CHECK(ended == count);
}

static void finish(void)
{
    ofi_resolve_close(&context);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        if (hosts[i].ep != NULL)
            (void)fi_close(&hosts[i].ep->fid);
    SUPPORT_CHECK(atomic_load(&endpoints) == 0);
    SUPPORT_CHECK(context.resolve_threads == 0);
    SUPPORT_CHECK(util_list_empty(&context.resolving));
}

static void expect_absent(const struct host *host)
{
    SUPPORT_CHECK(host->ends == 1);
    SUPPORT_CHECK(host->error == -FI_ETIMEDOUT);
    SUPPORT_CHECK(atomic_load(&host->tries) == OFI_RESOLVE_TRIES);
    SUPPORT_CHECK(host->clocks == OFI_RESOLVE_TRIES);
}

static void expect_reached(const struct host *host)
{
    SUPPORT_CHECK(host->ends == 1);
    SUPPORT_CHECK(host->error == 0);
    SUPPORT_CHECK(atomic_load(&host->tries) == 1);
}

/* The last one is there, and waits for a thread behind all the others. */
static void hosts_that_are_away_hold_up_others_for_one_try_only(void)
{
    enum { AWAY = HOSTS_MAX - 1 };

    begin(UINT32_MAX);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        start(&hosts[i], i == AWAY);
    SUPPORT_CHECK(context.resolve_threads == THREADS_MAX);
    until_ended(HOSTS_MAX);
    for (size_t i = 0; i < AWAY; i++)
        expect_absent(&hosts[i]);
    expect_reached(&hosts[AWAY]);
    SUPPORT_CHECK(hosts[AWAY].order == 1); /* before others were asked for again */
    SUPPORT_CHECK(atomic_load(&asking_most) <= THREADS_MAX);
    SUPPORT_CHECK(atomic_load(&asked_in_progress) == 0);
    finish();
}

static void without_any_thread_each_is_asked_for_in_a_turn(void)
{
    enum { AWAY = 5 };

    begin(0);
    for (size_t i = 0; i <= AWAY; i++)
        start(&hosts[i], i == AWAY);
    until_ended(AWAY + 1);
    for (size_t i = 0; i < AWAY; i++)
        expect_absent(&hosts[i]);
    expect_reached(&hosts[AWAY]);
    SUPPORT_CHECK(atomic_load(&asked_in_progress) == AWAY * OFI_RESOLVE_TRIES + 1);
    finish();
}

/* A thread that was had is waited for, rather than to ask without. */
static void threads_that_run_out_are_waited_for(void)
{
    begin(1);
    start(&hosts[0], false);
    start(&hosts[1], true);
    SUPPORT_CHECK(context.resolve_threads == 1);
    SUPPORT_CHECK(atomic_load(&hosts[1].tries) == 0);
    until_ended(2);
    expect_absent(&hosts[0]);
    expect_reached(&hosts[1]);
    finish();
}

/* Some have a thread, some wait for one; those that are there come to nothing. */
static void routes_that_are_given_up_hear_nothing_any_more(void)
{
    begin(UINT32_MAX);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        start(&hosts[i], i % 2 == 0);
    for (size_t i = 0; i < HOSTS_MAX; i += 1 + i % 3)
        ofi_resolve_give_up(&hosts[i].route);
    for (size_t i = 0; i < HOSTS_MAX; i++)
        ofi_resolve_give_up(&hosts[i].route);
    for (int turn = 0; turn < 20; turn++) {
        (void)ofi_resolve_turn(&context);
        (void)usleep(ASKING_US / 10);
    }
    SUPPORT_CHECK(ended == 0);
    finish();
}

static void closing_waits_for_the_threads_and_closes_what_they_made(void)
{
    begin(UINT32_MAX);
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        start(&hosts[i], i % 2 == 0);
        if (i % 5 == 0)
            (void)ofi_resolve_turn(&context);
    }
    for (size_t i = 0; i < HOSTS_MAX; i++)
        if (hosts[i].ends == 0)
            ofi_resolve_give_up(&hosts[i].route);
    finish();
    SUPPORT_CHECK(atomic_load(&asking) == 0);
}

static const struct support_case cases[] = {
    SUPPORT_CASE(hosts_that_are_away_hold_up_others_for_one_try_only),
    SUPPORT_CASE(without_any_thread_each_is_asked_for_in_a_turn),
    SUPPORT_CASE(threads_that_run_out_are_waited_for),
    SUPPORT_CASE(routes_that_are_given_up_hear_nothing_any_more),
    SUPPORT_CASE(closing_waits_for_the_threads_and_closes_what_they_made),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
