/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of waiting: the descriptor becomes readable when there is something to do, no
 * wake-up is lost, and a sleeper costs nothing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "tests/contract/na_contract.h"
#include "tests/contract/na_node.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_idle.h"
#include "util/util_clock.h"

enum { LOST_MS = 3000 };

/* Sleeps until there is work, at most so long; false when the time ran out. */
static bool node_sleep(struct node *node, int max_ms)
{
    struct pollfd pollfd = {.fd = na_wait_fd(node->context), .events = POLLIN};
    int ready = 1;

    SUPPORT_CHECK(pollfd.fd >= 0);
    if (na_wait_prepare(node->context)) {
        uint64_t deadline_ns = na_next_deadline_ns(node->context);
        int ms = util_clock_poll_ms(util_clock_now_ns(), deadline_ns, max_ms);
        ready = poll(&pollfd, 1, ms);
        if (ready == 0 && ms < max_ms)
            ready = 1; /* a deadline, not a lost wake-up */
    }
    na_wait_finish(node->context);
    return ready != 0;
}

/* Runs until the condition's counter reaches a value, asleep between turns; false when a wake-up was lost. */
static bool node_sleep_until(struct node *node, const uint64_t *counter, uint64_t value)
{
    while (*counter < value) {
        if (node_pump(node) == 0 && *counter < value && !node_sleep(node, LOST_MS))
            return false;
    }
    return true;
}

/* --- an echo server in a thread of its own, which sleeps when idle ------------------------------------- */

struct server {
    pthread_t thread;
    struct node node;
    char address[NA_ADDRESS_MAX];
    atomic_bool ready;
    atomic_bool stop;
    bool lost;
};

static void *server_main(void *arg)
{
    struct server *server = arg;

    node_open(&server->node, true);
    memcpy(server->address, na_class_address(server->node.na_class), sizeof(server->address));
    atomic_store(&server->ready, true);
    while (!atomic_load(&server->stop)) {
        if (node_pump(&server->node) == 0)
            (void)node_sleep(&server->node, LOST_MS);
    }
    return NULL;
}

static void server_start(struct server *server)
{
    memset(server, 0, sizeof(*server));
    SUPPORT_CHECK(pthread_create(&server->thread, NULL, server_main, server) == 0);
    while (!atomic_load(&server->ready))
        (void)usleep(100);
}

static void server_stop(struct server *server)
{
    atomic_store(&server->stop, true);
    na_wake(server->node.context);
    SUPPORT_CHECK(pthread_join(server->thread, NULL) == 0);
    node_close(&server->node);
}

static void no_wake_up_is_lost_between_sleepers(void)
{
    enum { ROUNDS = 5000 };
    struct server server;
    struct node client;
    struct na_route *route;

    server_start(&server);
    node_open(&client, true);
    route = node_route(&client, server.address);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        int ret = -EAGAIN;
        NODE_UNTIL((ret = node_send(&client, route, NODE_KIND_ECHO, i, i % 3 == 0 ? 3000 : 300)) == 0, 5000)
        (void)node_pump(&client);
        SUPPORT_CHECK(ret == 0);
        if (!node_sleep_until(&client, &client.frames, i + 1))
            support_suite_fail("a wake-up was lost in round %llu", (unsigned long long)i);
    }
    SUPPORT_CHECK(client.bad_frames == 0 && client.out_of_order == 0);
    na_route_close(route);
    server_stop(&server);
    node_close(&client);
}

static void idle_round(void *arg)
{
    struct node *node = arg;

    (void)node_pump(node);
    (void)node_sleep(node, 50);
}

/* The client's thread only: the server's is another one of the same kind. */
static void an_idle_sleeper_costs_nothing(void)
{
    struct server server;
    struct node client;
    struct na_route *route;

    server_start(&server);
    node_open(&client, true);
    route = node_route(&client, server.address);
    node_send_surely(&client, NULL, route, NODE_KIND_ECHO, 0, 1000);
    SUPPORT_CHECK(node_sleep_until(&client, &client.frames, 1));
    support_idle_check(idle_round, &client, CLOCK_THREAD_CPUTIME_ID, 2);
    na_route_close(route);
    server_stop(&server);
    node_close(&client);
}

/* As many as a program may ask for: a transport that takes fewer is no reason to stay awake. */
static void more_receive_buffers_cost_a_sleeper_nothing(void)
{
    struct node node;

    node_open_config(&node, &(struct na_config){.listen = true, .recv_buffers = 16});
    support_idle_check(idle_round, &node, CLOCK_THREAD_CPUTIME_ID, 2);
    node_close(&node);
}

/* --- contexts of one class, each in a thread of its own ----------------------------------------------------- */

struct worker {
    pthread_t thread;
    struct na_context *context;
    atomic_ullong frames;
    atomic_bool stop;
};

static void worker_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    (void)route;
    (void)data;
    (void)size;
    atomic_fetch_add(&((struct worker *)arg)->frames, 1);
}

static const struct na_upcalls worker_upcalls = {.frame = worker_frame,
                                                 .accept = node_upcall_ignore,
                                                 .route_up = node_upcall_ignore,
                                                 .route_down = node_upcall_close};

static void *worker_main(void *arg)
{
    struct worker *worker = arg;

    while (!atomic_load(&worker->stop)) {
        struct pollfd pollfd = {.fd = na_wait_fd(worker->context), .events = POLLIN};
        if (na_progress(worker->context) > 0)
            continue;
        if (na_wait_prepare(worker->context)) {
            int ms = util_clock_poll_ms(util_clock_now_ns(), na_next_deadline_ns(worker->context), LOST_MS);
            (void)poll(&pollfd, 1, ms);
        }
        na_wait_finish(worker->context);
    }
    return NULL;
}

static void contexts_work_in_threads_of_their_own(void)
{
    enum { WORKERS = 3, ROUNDS = 300 };
    static struct worker workers[WORKERS];
    struct na_route *routes[WORKERS];
    struct na_class *na_class;
    struct node client;

    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = node_uri(), .listen = true, .context_count_max = WORKERS},
                                &na_class) == 0);
    for (uint8_t i = 0; i < WORKERS; i++) {
        SUPPORT_CHECK(na_context_open(na_class, i, &worker_upcalls, &workers[i], &workers[i].context) == 0);
        SUPPORT_CHECK(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) == 0);
    }
    node_open(&client, false);
    for (uint8_t i = 0; i < WORKERS; i++) {
        bool connections = na_class_limits(na_class)->connections;
        const char *address = connections ? na_class_address(na_class) : na_context_address(workers[i].context);
        SUPPORT_CHECK(na_route_open(client.context, address, connections ? i : 0, NULL, &routes[i]) == 0);
    }
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < WORKERS; i++)
            node_send_surely(&client, NULL, routes[i], NODE_KIND_DATA, round, 1000);
        for (int i = 0; i < WORKERS; i++)
            NODE_UNTIL(atomic_load(&workers[i].frames) >= round, 5000)(void) node_pump(&client);
    }
    for (int i = 0; i < WORKERS; i++) {
        SUPPORT_CHECK(atomic_load(&workers[i].frames) == ROUNDS);
        na_route_close(routes[i]);
    }
    for (int i = 0; i < 100; i++)
        (void)node_pump(&client);
    for (int i = WORKERS - 1; i >= 0; i--) {
        atomic_store(&workers[i].stop, true);
        na_wake(workers[i].context);
        SUPPORT_CHECK(pthread_join(workers[i].thread, NULL) == 0);
        na_context_close(workers[i].context, 100);
    }
    node_close(&client);
    na_class_close(na_class);
}

/* --- one thread sends, another one sleeps --------------------------------------------------------------------- */

/* A client that threads share. Who finds frames that were refused sends them when there is room, as na.h says: in a later
 * turn; so there must be one. */
struct shared {
    pthread_t thread;
    pthread_mutex_t lock; /* all below, and the node */
    struct node node;
    struct na_route *route;
    uint64_t sent;
    uint64_t wanted;
    atomic_bool stop;
    bool lost;
};

static void shared_send_locked(struct shared *shared)
{
    while (shared->sent < shared->wanted &&
           node_send(&shared->node, shared->route, NODE_KIND_DATA, shared->sent, 4000) == 0)
        shared->sent++;
}

/* Sleeps whenever there is nothing to do, be it that frames are refused. */
static void *shared_main(void *arg)
{
    struct shared *shared = arg;
    struct pollfd pollfd = {.fd = na_wait_fd(shared->node.context), .events = POLLIN};

    (void)pthread_mutex_lock(&shared->lock);
    while (!atomic_load(&shared->stop) && !shared->lost) {
        int events = node_pump(&shared->node);
        bool sleeps;

        shared_send_locked(shared);
        if (events > 0)
            continue;
        sleeps = na_wait_prepare(shared->node.context);
        (void)pthread_mutex_unlock(&shared->lock);
        if (sleeps && poll(&pollfd, 1, LOST_MS * (int)support_slowness()) == 0)
            shared->lost = shared->sent < shared->wanted;
        (void)pthread_mutex_lock(&shared->lock);
        na_wait_finish(shared->node.context);
    }
    (void)pthread_mutex_unlock(&shared->lock);
    return NULL;
}

static void room_wakes_a_sleeper_whoever_sent(void)
{
    enum { BURST = 120 };
    const uint64_t rounds = 300 / support_slowness();
    static struct shared shared;
    struct server server;

    server_start(&server);
    (void)pthread_mutex_init(&shared.lock, NULL);
    node_open(&shared.node, false);
    shared.route = node_route(&shared.node, server.address);
    node_send_surely(&shared.node, NULL, shared.route, NODE_KIND_DATA, 0, 1000);
    SUPPORT_CHECK(pthread_create(&shared.thread, NULL, shared_main, &shared) == 0);
    for (uint64_t round = 0; round < rounds; round++) {
        bool done = false;

        (void)pthread_mutex_lock(&shared.lock);
        shared.wanted += BURST;
        shared_send_locked(&shared);
        (void)pthread_mutex_unlock(&shared.lock);
        while (!done) {
            (void)sched_yield();
            (void)pthread_mutex_lock(&shared.lock);
            done = shared.sent == shared.wanted || shared.lost;
            (void)pthread_mutex_unlock(&shared.lock);
        }
        if (shared.lost)
            support_suite_fail("nobody woke the sleeper when there was room again, in round %llu",
                               (unsigned long long)round);
    }
    atomic_store(&shared.stop, true);
    na_wake(shared.node.context);
    SUPPORT_CHECK(pthread_join(shared.thread, NULL) == 0);
    na_route_close(shared.route);
    node_close(&shared.node);
    server_stop(&server);
}

static void *wake_main(void *arg)
{
    (void)usleep(50000);
    na_wake(arg);
    return NULL;
}

static void another_thread_can_wake(void)
{
    struct node node;
    pthread_t thread;
    uint64_t begin_us;

    node_open(&node, true);
    for (int i = 0; i < 5; i++)
        (void)node_pump(&node);
    for (int round = 0; round < 3; round++) {
        begin_us = support_suite_now_us();
        SUPPORT_CHECK(pthread_create(&thread, NULL, wake_main, node.context) == 0);
        while (support_suite_now_us() - begin_us < 40000)
            (void)node_sleep(&node, 2000);
        SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
        SUPPORT_CHECK(support_suite_now_us() - begin_us < 1000000);
        (void)node_pump(&node);
    }
    /* A wake-up before the sleep forbids it. */
    na_wake(node.context);
    SUPPORT_CHECK(!na_wait_prepare(node.context));
    na_wait_finish(node.context);
    node_close(&node);
}

static void the_descriptor_fits_into_epoll(void)
{
    struct node node;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int fd;

    node_open(&node, true);
    fd = na_wait_fd(node.context);
    SUPPORT_CHECK(fd >= 0 && epoll_fd >= 0);
    SUPPORT_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
    for (int i = 0; i < 50; i++)
        (void)node_pump(&node);
    if (na_wait_prepare(node.context))
        SUPPORT_CHECK(epoll_wait(epoll_fd, &event, 1, 10) >= 0);
    na_wait_finish(node.context);
    na_wake(node.context);
    SUPPORT_CHECK(epoll_wait(epoll_fd, &event, 1, 1000) == 1);
    na_wait_finish(node.context);
    SUPPORT_CHECK(na_wait_fd(node.context) == fd);
    (void)close(epoll_fd);
    node_close(&node);
}

static void a_sleeper_wakes_for_a_death(void)
{
    struct node_child child;
    struct node client;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];
    uint64_t begin_us;

    node_child_start(&child, node_child_serve, node_uri());
    node_child_line(&child, address, sizeof(address));
    node_open(&client, true);
    node_child_must_be_missed(&child, &client);
    route = node_route(&client, address);
    node_send_surely(&client, NULL, route, NODE_KIND_ECHO, 0, 1000);
    SUPPORT_CHECK(node_sleep_until(&client, &client.frames, 1));
    for (int i = 0; i < 100; i++)
        (void)node_pump(&client);
    node_child_kill(&child);
    begin_us = support_suite_now_us();
    while (client.downs == 0 && support_suite_now_us() - begin_us < 4000000) {
        if (node_pump(&client) == 0)
            SUPPORT_CHECK(node_sleep(&client, LOST_MS));
    }
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNRESET);
    /* Well before the end of a sleep: it was woken. */
    SUPPORT_CHECK(support_suite_now_us() - begin_us < LOST_MS * 1000ULL / 2);
    na_route_close(route);
    node_close(&client);
}

static void never_block_has_no_descriptor(void)
{
    struct node client;
    struct node server;
    struct na_route *route;

    node_open_config(&server, &(struct na_config){.listen = true, .never_block = true});
    node_open_config(&client, &(struct na_config){.never_block = true});
    SUPPORT_CHECK(na_wait_fd(client.context) == -1);
    route = node_route(&client, na_class_address(server.na_class));
    for (uint64_t i = 0; i < 100; i++)
        node_send_surely(&client, &server, route, NODE_KIND_ECHO, i, 1000);
    NODE_UNTIL(client.frames == 100, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(client.frames == 100);
    na_wake(client.context);
    na_route_close(route);
    node_close(&client);
    node_close(&server);
}

const struct support_case na_wait_cases[] = {
    SUPPORT_CASE(no_wake_up_is_lost_between_sleepers),
    SUPPORT_CASE(an_idle_sleeper_costs_nothing),
    SUPPORT_CASE(more_receive_buffers_cost_a_sleeper_nothing),
    SUPPORT_CASE(contexts_work_in_threads_of_their_own),
    SUPPORT_CASE(room_wakes_a_sleeper_whoever_sent),
    SUPPORT_CASE(another_thread_can_wake),
    SUPPORT_CASE(the_descriptor_fits_into_epoll),
    SUPPORT_CASE(a_sleeper_wakes_for_a_death),
    SUPPORT_CASE(never_block_has_no_descriptor),
    {NULL, NULL, 0},
};
