/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Nodes: boot, turn, death, and the orderly end. A node is one class with one context. The class is single-threaded and
 * never blocks, so that nothing of it runs but in a turn: no thread sends in the background, nobody sleeps.
 */
#include <stdio.h>
#include <string.h>

#include "hg/hg_context.h"
#include "hg/hg_session.h"
#include "tests/sim/sim.h"

enum {
    TURN_ROUNDS = 24, /* at most, of progress and callbacks */
    TURN_IDLE = 4,    /* that find nothing: connection events are read in some of them only */
    CLOSE_TRIES = 50,
    PORT = 5000,
};
/* How much time passes with each look while the library waits by itself. */
#define IDLE_NS (20 * UTIL_CLOCK_NS_PER_US)

static void node_uri(unsigned int number, char *text, size_t size)
{
    (void)snprintf(text, size, "%s://10.0.0.%u:%u", sim.datagrams ? FAKE_FI_DATAGRAM : "tcp", number + 1, PORT);
}

static void node_open(struct sim_node *node)
{
    struct hg_init_info info = HG_INIT_INFO_INITIALIZER;
    char uri[64];

    info.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    info.na_init_info.progress_mode = NA_NO_BLOCK;
    node_uri(node->number, uri, sizeof(uri));
    node->hg_class = HG_Init_opt2(uri, 1, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &info);
    if (node->hg_class == NULL)
        sim_fail("node %u does not start: %s", node->number, qs_error_detail());
    node->context = HG_Context_create(node->hg_class);
    if (node->context == NULL)
        sim_fail("node %u has no context: %s", node->number, qs_error_detail());
}

void sim_node_boot(struct sim_node *node)
{
    struct fake_fi_trouble trouble = *fake_fi_trouble(node->number);
    char uri[64];

    *fake_fi_trouble(node->number) = (struct fake_fi_trouble){0};
    util_list_init(&node->works);
    node_open(node);
    *fake_fi_trouble(node->number) = trouble;
    sim_serve_register(node);
    for (unsigned int i = 0; i < sim.node_count; i++) {
        node_uri(i, uri, sizeof(uri));
        if (HG_Addr_lookup2(node->hg_class, uri, &node->peers[i]) != HG_SUCCESS)
            sim_fail("node %u does not know %s: %s", node->number, uri, qs_error_detail());
    }
    node->alive = true;
    node->leaving = false;
    node->boots++;
    node->stalled_until_ns = 0;
    node->turned_ns = node->turned_before_ns = fake_fi_now_ns();
    node->away_ns = 0;
    sim_trace("node %u has booted (%u)", node->number, node->boots);
}

static void node_free_addresses(struct sim_node *node)
{
    for (unsigned int i = 0; i < sim.node_count; i++)
        if (HG_Addr_free(node->hg_class, node->peers[i]) != HG_SUCCESS)
            sim_fail("an address of node %u cannot be freed: %s", node->number, qs_error_detail());
}

/* The context may be destroyed only when what it runs has ended: a few turns may be needed. */
static void node_destroy(struct sim_node *node)
{
    hg_return_t ret = HG_Context_destroy(node->context);
    unsigned int count;

    for (unsigned int i = 0; ret == HG_BUSY && i < CLOSE_TRIES; i++) {
        (void)HG_Progress(node->context, 0);
        while (HG_Trigger(node->context, 0, 64, &count) == HG_SUCCESS && count > 0)
            continue;
        ret = HG_Context_destroy(node->context);
    }
    if (ret != HG_SUCCESS)
        sim_fail("the context of node %u cannot be destroyed: %s", node->number, qs_error_detail());
    ret = HG_Finalize(node->hg_class);
    if (ret != HG_SUCCESS)
        sim_fail("the class of node %u cannot be finalized: %s", node->number, qs_error_detail());
    node->context = NULL;
    node->hg_class = NULL;
}

static void node_end(struct sim_node *node)
{
    node->alive = false;
    node->leaving = false;
    sim_serve_drop(node);
    node_free_addresses(node);
    fake_fi_set_idle_ns(IDLE_NS);
    node_destroy(node);
    fake_fi_set_idle_ns(0);
}

void sim_node_kill(struct sim_node *node)
{
    fake_fi_kill(node->number);
    for (unsigned int i = 0; i < sim.call_count; i++) {
        struct sim_call *call = &sim.calls[i];

        if (call->origin != node->number || !call->forwarded || call->ended || call->abandoned)
            continue;
        call->abandoned = true;
        sim.open_calls--;
    }
    node_end(node);
}

void sim_node_close(struct sim_node *node)
{
    sim_trace("node %u is closed", node->number);
    node_end(node);
}

void sim_node_leave(struct sim_node *node)
{
    node->leaving = true;
    if (qs_class_stop(node->hg_class) != HG_SUCCESS)
        sim_fail("node %u does not stop: %s", node->number, qs_error_detail());
}

void sim_node_succeed(struct sim_node *node)
{
    sim_trace("node %u has %s", node->number, qs_class_drained(node->hg_class) ? "answered all" : "requests left");
    sim_node_close(node);
    sim_node_boot(node);
}

void sim_node_limit(struct sim_node *node, bool on)
{
    struct qs_admission admission = {0};

    if (on && sim_below(2) == 0)
        admission.requests_max = 1 + (uint32_t)sim_below(6);
    if (on && sim_below(2) == 0)
        admission.waiting_max = 1 + (uint32_t)sim_below(6);
    if (on && sim_below(3) == 0)
        admission.wait_max_us = 1 + sim_below(3000);
    if (on && sim_below(3) == 0)
        admission.peer_bytes_max = 1 + sim_below(50000);
    if (qs_class_set_admission(node->hg_class, &admission) != HG_SUCCESS ||
        qs_class_set_window(node->hg_class, on ? 1 + (uint32_t)sim_below(HG_SESSION_WINDOW) : 0) != HG_SUCCESS)
        sim_fail("node %u cannot be limited: %s", node->number, qs_error_detail());
}

void sim_node_turn(struct sim_node *node)
{
    unsigned int idle = 0;

    if (!node->alive || node->stalled_until_ns > fake_fi_now_ns())
        return;
    node->turned_before_ns = node->turned_ns;
    node->turned_ns = fake_fi_now_ns();
    if (node->turned_ns - node->turned_before_ns > node->away_ns)
        node->away_ns = node->turned_ns - node->turned_before_ns;
    sim_serve_turn(node);
    for (unsigned int round = 0; round < TURN_ROUNDS && idle < TURN_IDLE; round++) {
        unsigned int limit = sim_below(8) == 0 ? 1 : 256;
        unsigned int count = 0;
        hg_return_t ret = HG_Progress(node->context, 0);

        if (ret != HG_SUCCESS && ret != HG_TIMEOUT)
            sim_fail("progress of node %u fails: %s", node->number, qs_error_detail());
        ret = HG_Trigger(node->context, 0, limit, &count);
        if (ret != HG_SUCCESS && ret != HG_TIMEOUT)
            sim_fail("HG_Trigger of node %u fails: %s", node->number, qs_error_detail());
        idle = count > 0 ? 0 : idle + 1;
    }
}

uint64_t sim_node_next_ns(struct sim_node *node)
{
    uint64_t next_ns;
    uint64_t answer_ns;

    if (!node->alive)
        return UINT64_MAX;
    next_ns = util_wheel_next_ns(&node->context->wheel);
    answer_ns = sim_serve_next_ns(node);
    if (answer_ns < next_ns)
        next_ns = answer_ns;
    return next_ns > node->stalled_until_ns ? next_ns : node->stalled_until_ns;
}
