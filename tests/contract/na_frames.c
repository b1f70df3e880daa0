/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of frames: they arrive whole and once, in both directions, and those that were
 * refused are still the sender's.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/contract/na_contract.h"
#include "tests/contract/na_node.h"
#include "tests/support/support_guard.h"
#include "util/util_rand.h"

static void frames_go_both_ways_with_their_content(void)
{
    static const size_t sizes[] = {NODE_HEADER_SIZE, 281, 512, 1000, 4095, 4096, 4097, 8192, 12345};
    struct node client;
    struct node server;
    struct na_route *route;
    size_t frame_max;
    uint64_t count = 0;

    node_open(&server, true);
    node_open(&client, false);
    frame_max = na_class_limits(client.na_class)->frame_max;
    route = node_route(&client, na_class_address(server.na_class));
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            if (sizes[i] <= frame_max)
                node_send_surely(&client, &server, route, NODE_KIND_ECHO, count++, sizes[i]);
        }
    }
    node_send_surely(&client, &server, route, NODE_KIND_ECHO, count++, frame_max);
    NODE_UNTIL(client.frames == count, 10000) node_pump_both(&client, &server);
    SUPPORT_CHECK(server.frames == count);
    SUPPORT_CHECK(client.frames == count);
    SUPPORT_CHECK(server.bad_frames == 0 && client.bad_frames == 0);
    SUPPORT_CHECK(node_kept_order(&server) && node_kept_order(&client));
    na_route_close(route);
    node_close(&client);
    node_close(&server);
}

static void refused_frames_are_not_lost(void)
{
    enum { COUNT = 20000 };
    struct util_prng prng;
    struct node client;
    struct node server;
    struct na_route *route;
    uint64_t sent = 0;
    uint64_t refused = 0;

    util_prng_init(&prng, support_seed());
    node_open(&server, true);
    node_open(&client, false);
    route = node_route(&client, na_class_address(server.na_class));
    NODE_UNTIL(sent == COUNT, 15000)
    {
        size_t size = NODE_HEADER_SIZE + (size_t)util_prng_below(&prng, 3800);
        int ret = node_send(&client, route, NODE_KIND_DATA, sent, size);
        SUPPORT_CHECK(ret == 0 || ret == -EAGAIN);
        if (ret == 0) {
            sent++;
        } else {
            /* The server looks only when we are refused, and not always then. */
            refused++;
            (void)node_pump(&client);
            if (refused % 2 == 0)
                (void)node_pump(&server);
        }
    }
    NODE_UNTIL(server.frames == COUNT, 15000) node_pump_both(&client, &server);
    SUPPORT_CHECK(refused > 0);
    SUPPORT_CHECK(server.frames == COUNT);
    SUPPORT_CHECK(server.bad_frames == 0 && node_kept_order(&server));
    na_route_close(route);
    node_close(&client);
    node_close(&server);
}

static void stalled_peers_do_not_stop_the_others(void)
{
    enum { STALLED = 6 };
    struct node client;
    struct node stalled[STALLED];
    struct node server;
    struct na_route *to_stalled[STALLED];
    struct na_route *to_server;
    uint64_t before;

    node_open(&server, true);
    node_open(&client, false);
    for (int i = 0; i < STALLED; i++) {
        node_open(&stalled[i], true);
        to_stalled[i] = node_route(&client, na_class_address(stalled[i].na_class));
        node_send_surely(&client, &stalled[i], to_stalled[i], NODE_KIND_DATA, 0, 1000);
    }
    to_server = node_route(&client, na_class_address(server.na_class));
    node_send_surely(&client, &server, to_server, NODE_KIND_DATA, 0, 1000);
    NODE_UNTIL(server.frames == 1, 5000) node_pump_both(&client, &server);
    /* As much as the stalled ones take, for a while. */
    for (uint64_t i = 0; i < 5000; i++) {
        bool refused = true;

        for (int j = 0; j < STALLED; j++)
            refused &= node_send(&client, to_stalled[j], NODE_KIND_DATA, i + 1, 4000) != 0;
        if (refused)
            (void)node_pump(&client);
    }
    before = server.frames;
    for (uint64_t i = 0; i < 200; i++)
        node_send_surely(&client, &server, to_server, NODE_KIND_DATA, i + 1, 3000);
    NODE_UNTIL(server.frames == before + 200, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(server.frames == before + 200 && server.bad_frames == 0);
    node_close(&client);
    for (int i = 0; i < STALLED; i++)
        node_close(&stalled[i]);
    node_close(&server);
}

/* A peer that is stopped takes nothing and is no dead one, however much it has been sent (two seconds of refusals would be a death over
 * datagrams); when it is killed then, it is. */
static void a_full_and_stopped_peer_is_not_dead_until_it_is(void)
{
    struct node_child child;
    struct node client;
    struct na_route *route;
    char address[NA_ADDRESS_MAX];
    uint64_t sent = 0;
    uint64_t refused = 0;
    uint64_t end_us;

    node_child_start(&child, node_child_serve, node_uri());
    node_child_line(&child, address, sizeof(address));
    node_open(&client, true);
    route = node_meet(&client, NULL, address);
    SUPPORT_CHECK(kill(child.pid, SIGSTOP) == 0);
    end_us = support_suite_now_us() + 2600000;
    while (client.downs == 0 && support_suite_now_us() < end_us) {
        if (node_send(&client, route, NODE_KIND_DATA, sent + 1, refused % 2 == 0 ? 4000 : 400) == 0)
            sent++;
        else
            refused++;
        (void)node_pump(&client);
    }
    SUPPORT_CHECK(sent > 10 && refused > 0);
    SUPPORT_CHECK(client.downs == 0);
    SUPPORT_CHECK(kill(child.pid, SIGKILL) == 0);
    NODE_UNTIL(client.downs > 0, 3500)
    {
        (void)node_send(&client, route, NODE_KIND_DATA, ++sent, 400);
        (void)node_pump(&client);
    }
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNRESET);
    na_route_close(route);
    node_close(&client);
    node_child_kill(&child);
}

static void many_peers_are_told_apart(void)
{
    enum { PEERS = 6, ROUNDS = 300 };
    struct node server;
    struct node clients[PEERS];
    struct na_route *routes[PEERS];

    node_open(&server, true);
    for (int i = 0; i < PEERS; i++) {
        node_open(&clients[i], false);
        routes[i] = node_route(&clients[i], na_class_address(server.na_class));
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PEERS; i++)
            node_send_surely(&clients[i], &server, routes[i], NODE_KIND_DATA, round, 300 + (size_t)i * 600);
    }
    NODE_UNTIL(server.frames == (uint64_t)PEERS * ROUNDS, 10000)
    {
        for (int i = 0; i < PEERS; i++)
            (void)node_pump(&clients[i]);
        (void)node_pump(&server);
    }
    SUPPORT_CHECK(server.frames == (uint64_t)PEERS * ROUNDS && server.bad_frames == 0);
    if (na_class_limits(server.na_class)->connections)
        SUPPORT_CHECK(server.accepted_count == PEERS);
    for (int i = 0; i < PEERS; i++)
        node_close(&clients[i]);
    node_close(&server);
}

static void a_route_may_be_closed_inside_an_upcall(void)
{
    struct node client;
    struct node server;
    struct na_route *route;

    node_open(&server, true);
    if (!na_class_limits(server.na_class)->connections) {
        node_close(&server);
        return;
    }
    node_open(&client, false);
    server.close_on_frame = true;
    route = node_route(&client, na_class_address(server.na_class));
    node_send_surely(&client, &server, route, NODE_KIND_DATA, 0, 1000);
    NODE_UNTIL(client.downs == 1, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(server.frames == 1);
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNRESET && client.down_route == route);
    SUPPORT_CHECK(node_send(&client, route, NODE_KIND_DATA, 1, 1000) == -ECONNRESET);
    na_route_close(route);
    node_close(&client);
    node_close(&server);
}

static void a_route_may_be_closed_as_soon_as_it_is_there(void)
{
    enum { ROUNDS = 20 };
    struct node client;
    struct node server;
    struct na_route *route;

    node_open(&server, true);
    if (!na_class_limits(server.na_class)->connections) {
        node_close(&server);
        return;
    }
    node_open(&client, false);
    server.close_on_accept = true;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        route = node_route(&client, na_class_address(server.na_class));
        NODE_UNTIL(client.downs == i + 1, 5000) node_pump_both(&client, &server);
        SUPPORT_CHECK(client.downs == i + 1 && client.down_route == route);
        SUPPORT_CHECK(client.down_error == -ECONNRESET || client.down_error == -ECONNREFUSED);
        na_route_close(route);
    }
    server.close_on_accept = false;
    client.close_on_up = true;
    client.ups = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        (void)node_route(&client, na_class_address(server.na_class));
        NODE_UNTIL(client.ups == i + 1, 5000) node_pump_both(&client, &server);
        SUPPORT_CHECK(client.ups == i + 1 && client.downs == ROUNDS);
    }
    client.close_on_up = false;
    NODE_UNTIL(server.accepted_count == 0, 5000) node_pump_both(&client, &server);
    route = node_route(&client, na_class_address(server.na_class));
    node_send_surely(&client, &server, route, NODE_KIND_ECHO, 0, 1000);
    NODE_UNTIL(client.frames == 1, 5000) node_pump_both(&client, &server);
    SUPPORT_CHECK(client.frames == 1);
    na_route_close(route);
    node_close(&client);
    node_close(&server);
}

const struct support_case na_frames_cases[] = {
    SUPPORT_CASE(frames_go_both_ways_with_their_content),
    SUPPORT_CASE(refused_frames_are_not_lost),
    SUPPORT_CASE(stalled_peers_do_not_stop_the_others),
    SUPPORT_CASE(a_full_and_stopped_peer_is_not_dead_until_it_is),
    SUPPORT_CASE(many_peers_are_told_apart),
    SUPPORT_CASE(a_route_may_be_closed_inside_an_upcall),
    SUPPORT_CASE(a_route_may_be_closed_as_soon_as_it_is_there),
    {NULL, NULL, 0},
};
