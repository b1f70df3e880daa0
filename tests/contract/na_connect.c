/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of routes: how they come up, how they are refused, how their end is told, and that
 * nothing that strangers do on a port matters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/contract/na_contract.h"
#include "tests/contract/na_node.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"
#include "util/util_rand.h"

/* --- plain sockets ------------------------------------------------------------------------------------ */

static int address_port(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon != NULL ? atoi(colon + 1) : 0;
}

static bool provider_has_ports(void)
{
    return strstr(node_uri(), "127.0.0.1") != NULL;
}

static int socket_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SUPPORT_CHECK(fd >= 0);
    SUPPORT_CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* A socket that listens and never answers. */
static int socket_listen(int *port_out)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SUPPORT_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 5) == 0);
    SUPPORT_CHECK(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *port_out = ntohs(at.sin_port);
    return fd;
}

/* --- refusals -------------------------------------------------------------------------------------------- */

/* Sends, which is what shows an absent peer where there are no connections, until the route is down. */
static void expect_down(struct node *client, struct na_route *route, unsigned int ms)
{
    NODE_UNTIL(client->downs > 0, ms)
    {
        (void)node_send(client, route, NODE_KIND_DATA, 0, 1000);
        if (node_pump(client) == 0)
            (void)usleep(100);
    }
    SUPPORT_CHECK(client->downs == 1);
    SUPPORT_CHECK(client->down_route == route);
}

static void nobody_there_is_told(void)
{
    struct node client;
    struct node server;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];

    node_open(&server, true);
    (void)snprintf(address, sizeof(address), "%s", na_class_address(server.na_class));
    node_close(&server);
    node_open_config(&client, &(struct na_config){.connect_timeout_ms = 700});
    route = node_route(&client, address);
    expect_down(&client, route, 3000);
    if (na_class_limits(client.na_class)->death_notice)
        SUPPORT_CHECK(client.down_error == -ECONNREFUSED);
    else
        SUPPORT_CHECK(client.down_error == -ETIMEDOUT || client.down_error == -ECONNREFUSED ||
                      client.down_error == -EHOSTUNREACH);
    na_route_close(route);
    node_close(&client);
}

/* The one that closes may have seen anything of the newcomer, or nothing; no descriptor stays open. */
static void a_class_may_close_before_it_answers_a_newcomer(void)
{
    enum { TIMES = 20, STEP_US = 20 };

    for (unsigned int i = 0; i < TIMES; i++) {
        struct node client;
        struct node server;
        struct na_route *route;
        uint64_t begin_us;

        node_open(&server, true);
        node_open(&client, false);
        route = node_route(&client, na_class_address(server.na_class));
        for (unsigned int turn = 0; turn < 12; turn++)
            (void)node_pump(&client);
        begin_us = support_suite_now_us();
        while (support_suite_now_us() - begin_us < i * STEP_US)
            (void)node_pump(&server);
        node_close(&server);
        na_route_close(route);
        node_close(&client);
    }
}

/* Whoever is never idle looks for newcomers all the same. */
static void a_newcomer_is_served_beside_busy_traffic(void)
{
    struct node busy;
    struct node server;
    struct node newcomer;
    struct na_route *busy_route;
    struct na_route *route;
    uint64_t seq = 1;

    node_open(&server, true);
    node_open(&busy, false);
    node_open(&newcomer, false);
    busy_route = node_meet(&busy, &server, na_class_address(server.na_class));
    route = node_route(&newcomer, na_class_address(server.na_class));
    /* Two echoes are always under way, so that hardly a turn of the server finds nothing. */
    node_send_surely(&busy, &server, busy_route, NODE_KIND_ECHO, seq++, 1000);
    NODE_UNTIL(newcomer.frames > 0, 5000)
    {
        uint64_t frames = busy.frames;

        node_send_surely(&busy, &server, busy_route, NODE_KIND_ECHO, seq++, 1000);
        (void)node_send(&newcomer, route, NODE_KIND_ECHO, 0, 1000);
        for (unsigned int turn = 0; turn < 200 && busy.frames == frames; turn++) {
            (void)node_pump(&server);
            (void)node_pump(&busy);
        }
        (void)node_pump(&newcomer);
    }
    SUPPORT_CHECK(newcomer.frames > 0);
    na_route_close(busy_route);
    na_route_close(route);
    node_close(&newcomer);
    node_close(&busy);
    node_close(&server);
}

static void silence_ends_within_the_limit(void)
{
    struct node client;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];
    uint64_t begin_us;
    int port;
    int fd;

    if (!provider_has_ports())
        support_suite_skip("the provider has no ports");
    fd = socket_listen(&port);
    node_open_config(&client, &(struct na_config){.connect_timeout_ms = 500});
    (void)snprintf(address, sizeof(address), "%s:%d", node_uri(), port);
    begin_us = support_suite_now_us();
    route = node_route(&client, address);
    SUPPORT_CHECK(na_next_deadline_ns(client.context) != UINT64_MAX || !na_class_limits(client.na_class)->connections);
    expect_down(&client, route, 3000);
    SUPPORT_CHECK(client.down_error == -ETIMEDOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 400000);
    na_route_close(route);
    node_close(&client);
    (void)close(fd);
}

static void who_does_not_listen_is_not_reached(void)
{
    struct node client;
    struct node silent;
    struct na_route *route;

    node_open(&silent, false);
    SUPPORT_CHECK(!na_class_listens(silent.na_class));
    node_open_config(&client, &(struct na_config){.connect_timeout_ms = 1000});
    if (!na_class_limits(client.na_class)->connections)
        support_suite_skip("the transport cannot help receiving");
    route = node_route(&client, na_class_address(silent.na_class));
    NODE_UNTIL(client.downs > 0, 3000) node_pump_both(&client, &silent);
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNREFUSED);
    na_route_close(route);
    node_close(&client);
    node_close(&silent);
}

static void who_stopped_listening_refuses_newcomers(void)
{
    struct node client;
    struct node late;
    struct node server;
    struct na_route *route;
    struct na_route *late_route;

    node_open(&server, true);
    node_open(&client, false);
    if (!na_class_limits(client.na_class)->connections)
        support_suite_skip("the transport has no connections");
    route = node_route(&client, na_class_address(server.na_class));
    node_send_surely(&client, &server, route, NODE_KIND_ECHO, 0, 1000);
    NODE_UNTIL(client.frames == 1, 5000) node_pump_both(&client, &server);
    na_context_stop_listening(server.context);
    node_open_config(&late, &(struct na_config){.connect_timeout_ms = 2000});
    late_route = node_route(&late, na_class_address(server.na_class));
    NODE_UNTIL(late.downs > 0, 5000) node_pump_both(&late, &server);
    SUPPORT_CHECK(late.downs == 1 && late.down_error == -ECONNREFUSED);
    /* What was open goes on. */
    node_send_surely(&client, &server, route, NODE_KIND_ECHO, 1, 1000);
    NODE_UNTIL(client.frames == 2, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(client.frames == 2);
    na_route_close(late_route);
    node_close(&late);
    node_close(&client);
    node_close(&server);
}

static void an_address_in_use_is_said(void)
{
    struct node server;
    struct na_class *second = NULL;
    char address[NA_ADDRESS_MAX];
    int ret;

    node_open(&server, true);
    (void)snprintf(address, sizeof(address), "%s", na_class_address(server.na_class));
    util_detail_clear();
    ret = na_class_open(&(struct na_config){.uri = address, .listen = true}, &second);
    if (ret == 0) {
        /* Some providers find out with the first context. */
        na_class_close(second);
        support_suite_skip("the provider opens an address twice");
    }
    SUPPORT_CHECK(ret == -EADDRINUSE);
    SUPPORT_CHECK(strstr(util_detail_get(), "in use") != NULL);
    node_close(&server);
}

static void unknown_things_are_named(void)
{
    struct na_class *na_class = NULL;
    struct node node;
    struct na_route *route = NULL;
    char canonical[NA_ADDRESS_MAX];

    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = "nonsense://1.2.3.4"}, &na_class) == -EPROTONOSUPPORT);
    SUPPORT_CHECK(strstr(util_detail_get(), "tcp") != NULL && strstr(util_detail_get(), "shm") != NULL);
    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = "tcp://["}, &na_class) == -EINVAL);
    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = NULL}, &na_class) == -EINVAL);
    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = "tcp://no-such-host.invalid"}, &na_class) == -ENOENT);
    SUPPORT_CHECK(na_class_open(&(struct na_config){.uri = "tcp", .ip_subnet = "203.0.113.0/24"}, &na_class) ==
                  -ENODEV);
    node_open(&node, true);
    SUPPORT_CHECK(na_class_resolve(node.na_class, "nonsense://1.2.3.4:5", canonical) == -EPROTONOSUPPORT);
    SUPPORT_CHECK(na_class_resolve(node.na_class, "", canonical) == -EINVAL);
    SUPPORT_CHECK(na_route_open(node.context, "nonsense://1.2.3.4:5", 0, NULL, &route) == -EPROTONOSUPPORT);
    SUPPORT_CHECK(na_class_resolve(node.na_class, na_class_address(node.na_class), canonical) == 0);
    SUPPORT_CHECK(strcmp(canonical, na_class_address(node.na_class)) == 0);
    node_close(&node);
}

/* --- deaths -------------------------------------------------------------------------------------------------- */

static void a_killed_peer_is_noticed(void)
{
    struct node_child child;
    struct node client;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];
    uint64_t begin_us;

    node_child_start(&child, node_child_serve, node_uri());
    node_child_line(&child, address, sizeof(address));
    node_open(&client, false);
    node_child_must_be_missed(&child, &client);
    route = node_meet(&client, NULL, address);
    begin_us = support_suite_now_us();
    node_child_kill(&child);
    NODE_UNTIL(client.downs > 0, 5000)(void) node_pump(&client);
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNRESET && client.down_route == route);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 1000000ULL * support_slowness());
    na_route_close(route);
    node_close(&client);
}

/* Serves at the address that the control pipe says when it is time. */
static void child_serve_later(int out_fd, int control_fd, const char *nothing)
{
    char address[NA_ADDRESS_MAX] = "";

    (void)nothing;
    for (size_t used = 0; used + 1 < sizeof(address) && read(control_fd, &address[used], 1) == 1; used++) {
        if (address[used] == '\n')
            break;
    }
    address[strcspn(address, "\n")] = '\0';
    if (address[0] != '\0')
        node_child_serve(out_fd, control_fd, address);
}

static void a_successor_on_the_same_address_is_reached(void)
{
    struct node_child first;
    struct node_child second;
    struct node client;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];
    char again[NA_ADDRESS_MAX];
    uint64_t frames;

    node_child_start(&first, node_child_serve, node_uri());
    node_child_start(&second, child_serve_later, "");
    node_child_line(&first, address, sizeof(address));
    node_open(&client, false);
    route = node_meet(&client, NULL, address);
    node_child_kill(&first);
    if (na_class_limits(client.na_class)->death_notice) {
        NODE_UNTIL(client.downs > 0, 5000)(void) node_pump(&client);
        SUPPORT_CHECK(client.downs == 1);
    }
    na_route_close(route);
    (void)node_pump(&client);
    (void)node_pump(&client);
    SUPPORT_CHECK(dprintf(second.control, "%s\n", address) > 0);
    node_child_line(&second, again, sizeof(again));
    SUPPORT_CHECK(strcmp(address, again) == 0);
    route = node_route(&client, address);
    frames = client.frames;
    /* Without connections, a frame or two may go to the dead one, and a route may end with them. */
    NODE_UNTIL(client.frames > frames, 10000)
    {
        int ret = node_send(&client, route, NODE_KIND_ECHO, 1, 1000);
        if (ret != 0 && ret != -EAGAIN) {
            na_route_close(route);
            route = node_route(&client, address);
        }
        for (int i = 0; i < 100 && client.frames == frames; i++) {
            (void)node_pump(&client);
            (void)usleep(100);
        }
    }
    SUPPORT_CHECK(client.frames > frames && client.bad_frames == 0);
    na_route_close(route);
    node_close(&client);
    node_child_end(&second);
}

/* --- strangers --------------------------------------------------------------------------------------------------- */

static void garbage_on_the_port_harms_nothing(void)
{
    enum { STRANGERS = 12 };
    struct util_prng prng;
    struct node client;
    struct node server;
    struct na_route *route;
    int fds[STRANGERS];

    if (!provider_has_ports())
        support_suite_skip("the provider has no ports");
    util_prng_init(&prng, support_seed());
    node_open(&server, true);
    node_open(&client, false);
    route = node_route(&client, na_class_address(server.na_class));
    node_send_surely(&client, &server, route, NODE_KIND_ECHO, 0, 1000);
    for (int i = 0; i < STRANGERS; i++) {
        unsigned char bytes[600];
        size_t size = i == 0 ? 0 : 1 + (size_t)util_prng_below(&prng, sizeof(bytes));
        for (size_t k = 0; k < size; k++)
            bytes[k] = (unsigned char)util_prng_next(&prng);
        fds[i] = socket_connect(address_port(na_class_address(server.na_class)));
        SUPPORT_CHECK(send(fds[i], bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
        for (int k = 0; k < 50; k++)
            node_pump_both(&client, &server);
    }
    for (uint64_t i = 1; i < 100; i++)
        node_send_surely(&client, &server, route, NODE_KIND_ECHO, i, 1000);
    NODE_UNTIL(client.frames == 100, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(client.frames == 100 && client.bad_frames == 0 && server.bad_frames == 0);
    SUPPORT_CHECK(client.downs == 0);
    for (int i = 0; i < STRANGERS; i++)
        (void)close(fds[i]);
    NODE_UNTIL(false, 200) node_pump_both(&client, &server);
    node_close(&client);
    node_close(&server);
}

/* --- contexts and oneself ------------------------------------------------------------------------------------------- */

static void a_route_to_oneself_works(void)
{
    struct node node;
    struct na_route *route;

    node_open(&node, true);
    route = node_route(&node, na_class_address(node.na_class));
    for (uint64_t i = 0; i < 50; i++)
        node_send_surely(&node, NULL, route, NODE_KIND_DATA, i, 2000);
    NODE_UNTIL(node.frames == 50, 5000)(void) node_pump(&node);
    SUPPORT_CHECK(node.frames == 50 && node.bad_frames == 0);
    na_route_close(route);
    for (int i = 0; i < 10; i++)
        (void)node_pump(&node);
    node_close(&node);
}

struct counter {
    uint64_t frames;
    uint32_t accepted;
};

static void count_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct counter *counter = arg;

    (void)route;
    (void)data;
    (void)size;
    counter->frames++;
}

static void count_accept(void *arg, struct na_route *route)
{
    struct counter *counter = arg;

    (void)route;
    counter->accepted++;
}

static const struct na_upcalls counting = {
    .frame = count_frame, .accept = count_accept, .route_up = node_upcall_ignore, .route_down = node_upcall_close};

static void each_context_gets_what_is_for_it(void)
{
    enum { CONTEXTS = 3, FRAMES = 20 };
    struct node client;
    struct node server;
    struct na_context *more[CONTEXTS] = {NULL};
    struct counter counters[CONTEXTS] = {{0}};
    struct na_route *routes[CONTEXTS];
    bool connections;

    node_open_config(&server, &(struct na_config){.listen = true, .context_count_max = CONTEXTS});
    connections = na_class_limits(server.na_class)->connections;
    for (uint8_t i = 1; i < CONTEXTS; i++)
        SUPPORT_CHECK(na_context_open(server.na_class, i, &counting, &counters[i], &more[i]) == 0);
    SUPPORT_CHECK(na_context_open(server.na_class, 1, &counting, &counters[1], &more[1]) == -EBUSY);
    node_open(&client, false);
    for (uint8_t i = 1; i < CONTEXTS; i++) {
        /* Without connections, a context has an address of its own. */
        const char *address = connections ? na_class_address(server.na_class) : na_context_address(more[i]);
        SUPPORT_CHECK(na_route_open(client.context, address, connections ? i : 0, NULL, &routes[i]) == 0);
    }
    for (uint64_t n = 0; n < FRAMES; n++) {
        for (uint8_t i = 1; i < CONTEXTS; i++) {
            int ret = -EAGAIN;
            NODE_UNTIL((ret = node_send(&client, routes[i], NODE_KIND_DATA, n, 500)) == 0, 5000)
            {
                node_pump_both(&client, &server);
                SUPPORT_CHECK(na_progress(more[1]) >= 0 && na_progress(more[2]) >= 0);
            }
            SUPPORT_CHECK(ret == 0);
        }
    }
    NODE_UNTIL(counters[1].frames == FRAMES && counters[2].frames == FRAMES, 5000)
    {
        node_pump_both(&client, &server);
        SUPPORT_CHECK(na_progress(more[1]) >= 0 && na_progress(more[2]) >= 0);
    }
    SUPPORT_CHECK(counters[1].frames == FRAMES && counters[2].frames == FRAMES);
    SUPPORT_CHECK(server.frames == 0);
    if (connections) {
        SUPPORT_CHECK(counters[1].accepted == 1 && counters[2].accepted == 1);
        SUPPORT_CHECK(na_route_target_context(routes[2]) == 2);
    }
    node_close(&client);
    na_context_close(more[2], 0);
    na_context_close(more[1], 0);
    node_close(&server);
}

static void a_missing_context_leads_to_context_0(void)
{
    struct node client;
    struct node server;
    struct na_route *route;

    node_open(&server, true);
    node_open(&client, false);
    SUPPORT_CHECK(na_route_open(client.context, na_class_address(server.na_class), 7, NULL, &route) == 0);
    node_send_surely(&client, &server, route, NODE_KIND_DATA, 0, 1000);
    NODE_UNTIL(server.frames == 1, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(server.frames == 1);
    SUPPORT_CHECK(na_route_target_context(route) == 0);
    node_close(&client);
    node_close(&server);
}

static void connections_come_and_go_without_a_trace(void)
{
    enum { ROUNDS = 200 };
    struct node client;
    struct node server;

    node_open(&server, true);
    node_open(&client, false);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct na_route *route = node_route(&client, na_class_address(server.na_class));
        uint64_t frames = server.frames;
        node_send_surely(&client, &server, route, NODE_KIND_DATA, i, 600);
        NODE_UNTIL(server.frames == frames + 1, 5000) node_pump_both(&client, &server);
        SUPPORT_CHECK(server.frames == frames + 1);
        na_route_close(route);
        NODE_UNTIL(server.accepted_count == 0, 5000) node_pump_both(&client, &server);
        SUPPORT_CHECK(server.accepted_count == 0);
    }
    node_close(&client);
    node_close(&server);
}

const struct support_case na_connect_cases[] = {
    SUPPORT_CASE(nobody_there_is_told),
    SUPPORT_CASE(a_class_may_close_before_it_answers_a_newcomer),
    SUPPORT_CASE(a_newcomer_is_served_beside_busy_traffic),
    SUPPORT_CASE(silence_ends_within_the_limit),
    SUPPORT_CASE(who_does_not_listen_is_not_reached),
    SUPPORT_CASE(who_stopped_listening_refuses_newcomers),
    SUPPORT_CASE(an_address_in_use_is_said),
    SUPPORT_CASE(unknown_things_are_named),
    SUPPORT_CASE(a_killed_peer_is_noticed),
    SUPPORT_CASE(a_successor_on_the_same_address_is_reached),
    SUPPORT_CASE(garbage_on_the_port_harms_nothing),
    SUPPORT_CASE(a_route_to_oneself_works),
    SUPPORT_CASE(each_context_gets_what_is_for_it),
    SUPPORT_CASE(a_missing_context_leads_to_context_0),
    SUPPORT_CASE(connections_come_and_go_without_a_trace),
    {NULL, NULL, 0},
};
