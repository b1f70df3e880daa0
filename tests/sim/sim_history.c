/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One history: what a seed has planned, played. It has four parts: calls and faults; healing, in which all faults end and
 * the dead boot again; rest, until every call has ended; and probes, which must succeed. Then everything is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum {
    CALLS = 200,
    CALLS_MORE = 40,
    FAULTS = 5,
    FAULTS_MORE = 8,
    MESSAGES_PER_CALL = 20, /* at most; there are 5 or so */
    ITEMS_MAX = 2 * (CALLS + CALLS_MORE) + 4 * (FAULTS + FAULTS_MORE) + SIM_NODES_MAX,
};
#define MS            UTIL_CLOCK_NS_PER_MS
#define ROUND_NS      (1 * MS)       /* every node has a turn at least so often, while calls are open */
#define STEP_NS       UINT64_C(2000) /* what happens within is one step */
#define REST_NS       (40 * UTIL_CLOCK_NS_PER_S)
#define PROBE_NS      (15 * UTIL_CLOCK_NS_PER_S)
#define PROBE_STEP_NS (50 * MS)
#define LATE_NS       (2 * UTIL_CLOCK_NS_PER_S)
#define SURE_NS       (2 * UTIL_CLOCK_NS_PER_S)

enum item_kind {
    ITEM_CALL,
    ITEM_CANCEL,
    ITEM_FAULT,
    ITEM_FAULT_END,
};

/* To add a fault: its name here, what it does in fault_begin(), and in fault_end() how it is undone. */
enum fault {
    FAULT_CUT,      /* both directions between two nodes */
    FAULT_CUT_HALF, /* one direction */
    FAULT_DELAY,    /* packets take long, and by very different times */
    FAULT_DROP,     /* packets are lost; over connections they come late */
    FAULT_DOUBLE,   /* datagrams come twice */
    FAULT_RESET,    /* a connection ends */
    FAULT_HALF,     /* a connection ends, and one end does not know for long */
    FAULT_CRASH,    /* a process is killed, and started again later */
    FAULT_EAGAIN,   /* the provider takes little */
    FAULT_MEMORY,   /* registrations fail */
    FAULT_STALL,    /* a node makes no progress */
    FAULT_LEAVE,    /* a node stops with grace, and a successor takes its place */
    FAULT_LIMIT,    /* a node takes in little */
    FAULT_COUNT,
};

struct item {
    uint64_t at_ns;
    unsigned int order;
    enum item_kind kind;
    struct sim_call *call;
    enum fault fault;
    unsigned int a, b;
    uint64_t for_ns;
};

struct sim sim;
unsigned char sim_pattern[SIM_PATTERN_SIZE];

static struct item items[ITEMS_MAX];
static unsigned int item_count;

static const struct fake_fi_link link_healthy = {.delay_ns = 4000, .jitter_ns = 3000};

/* --- the plan -------------------------------------------------------------------------------------------- */

static struct item *plan_item(enum item_kind kind, uint64_t at_ns)
{
    struct item *item = &items[item_count];

    *item = (struct item){.at_ns = at_ns, .order = item_count, .kind = kind};
    item_count++;
    return item;
}

static void plan_calls(uint64_t start_ns, uint64_t length_ns)
{
    unsigned int count = CALLS + (unsigned int)sim_below(CALLS_MORE);
    uint64_t at_ns = start_ns;

    for (unsigned int i = 0; i < count; i++) {
        struct sim_call *call = sim_call_plan((unsigned int)sim_below(sim.node_count));

        if (sim_below(4) != 0) /* otherwise at the time of the one before: they come in bursts */
            at_ns = start_ns + sim_below(length_ns);
        plan_item(ITEM_CALL, at_ns)->call = call;
        if (sim_below(8) == 0)
            plan_item(ITEM_CANCEL, at_ns + sim_below(sim_below(2) == 0 ? 100 * UTIL_CLOCK_NS_PER_US : 20 * MS))->call =
                call;
    }
}

static enum fault plan_fault(void)
{
    for (;;) {
        enum fault fault = (enum fault)sim_below(FAULT_COUNT);

        if (sim.datagrams && (fault == FAULT_RESET || fault == FAULT_HALF))
            continue;
        if (fault == FAULT_DOUBLE && !sim.duplicates)
            continue;
        return fault;
    }
}

/* The most interesting time for one end of a call to die is while the call is on its way, and the first calls between two
 * nodes are more interesting than later ones. */
static void plan_at_call(struct item *item)
{
    const struct item *chosen = NULL;

    for (unsigned int tries = 1 + (unsigned int)sim_below(2) * 20; tries > 0; tries--) {
        const struct item *other = &items[sim_below(item_count)];
        if (other->kind == ITEM_CALL && (chosen == NULL || other->at_ns < chosen->at_ns))
            chosen = other;
    }
    if (chosen == NULL)
        return;
    item->at_ns = chosen->at_ns + sim_below((sim_below(2) == 0 ? 15 : 60) * UTIL_CLOCK_NS_PER_US);
    item->a = sim_below(2) == 0 ? chosen->call->origin : chosen->call->target;
}

static void plan_faults(uint64_t start_ns, uint64_t length_ns)
{
    unsigned int count = FAULTS + (unsigned int)sim_below(FAULTS_MORE);

    for (unsigned int i = 0; i < count; i++) {
        struct item *item = plan_item(ITEM_FAULT, start_ns + sim_below(length_ns));
        struct item *end;

        item->fault = plan_fault();
        item->a = (unsigned int)sim_below(sim.node_count);
        item->b = (item->a + 1 + (unsigned int)sim_below(sim.node_count - 1)) % sim.node_count;
        item->for_ns = sim_between(1, sim_below(2) == 0 ? 20 : 500) * MS;
        if (item->fault == FAULT_CRASH && sim_below(2) == 0)
            plan_at_call(item);
        end = plan_item(ITEM_FAULT_END, item->at_ns + item->for_ns);
        end->fault = item->fault;
        end->a = item->a;
        end->b = item->b;
    }
}

static int item_compare(const void *a, const void *b)
{
    const struct item *first = a;
    const struct item *second = b;

    if (first->at_ns != second->at_ns)
        return first->at_ns < second->at_ns ? -1 : 1;
    return first->order < second->order ? -1 : 1;
}

/* --- faults ------------------------------------------------------------------------------------------------ */

static const char *const fault_names[FAULT_COUNT] = {"cut",   "half cut",    "delay", "drop",   "double",
                                                     "reset", "half closed", "crash", "eagain", "memory",
                                                     "stall", "leave",       "limit"};

static void fault_link(unsigned int a, unsigned int b, const struct fake_fi_link *link)
{
    *fake_fi_link(a, b) = *link;
    *fake_fi_link(b, a) = *link;
}

static void fault_begin(const struct item *item)
{
    struct fake_fi_link link = link_healthy;

    sim_trace("fault: %s, node %u, node %u, for %llu ms", fault_names[item->fault], item->a, item->b,
              (unsigned long long)(item->for_ns / MS));
    sim.faults++;
    switch (item->fault) {
    case FAULT_CUT:
        link.cut = true;
        fault_link(item->a, item->b, &link);
        break;
    case FAULT_CUT_HALF:
        fake_fi_link(item->a, item->b)->cut = true;
        break;
    case FAULT_DELAY:
        link.delay_ns = (uint32_t)(5 * MS);
        link.jitter_ns = (uint32_t)(20 * MS);
        fault_link(item->a, item->b, &link);
        break;
    case FAULT_DROP:
        link.drop_permille = 200;
        fault_link(item->a, item->b, &link);
        break;
    case FAULT_DOUBLE:
        link.duplicate_permille = 300;
        fault_link(item->a, item->b, &link);
        break;
    case FAULT_RESET:
    case FAULT_HALF:
        sim.half_closed |= item->fault == FAULT_HALF;
        (void)fake_fi_reset_connection(item->fault == FAULT_HALF);
        break;
    case FAULT_CRASH:
        if (sim.nodes[item->a].alive)
            sim_node_kill(&sim.nodes[item->a]);
        break;
    case FAULT_EAGAIN:
        fake_fi_trouble(item->a)->eagain_permille = 800;
        break;
    case FAULT_MEMORY:
        fake_fi_trouble(item->a)->memory_permille = 700;
        break;
    case FAULT_STALL:
        sim.nodes[item->a].stalled_until_ns = fake_fi_now_ns() + item->for_ns;
        break;
    case FAULT_LEAVE:
        if (sim.nodes[item->a].alive)
            sim_node_leave(&sim.nodes[item->a]);
        break;
    case FAULT_LIMIT:
        if (sim.nodes[item->a].alive)
            sim_node_limit(&sim.nodes[item->a], true);
        break;
    case FAULT_COUNT:
        break;
    }
}

static void fault_end(const struct item *item)
{
    switch (item->fault) {
    case FAULT_CUT:
    case FAULT_CUT_HALF:
    case FAULT_DELAY:
    case FAULT_DROP:
    case FAULT_DOUBLE:
        fault_link(item->a, item->b, &link_healthy);
        break;
    case FAULT_CRASH:
        if (!sim.nodes[item->a].alive)
            sim_node_boot(&sim.nodes[item->a]);
        break;
    case FAULT_EAGAIN:
        fake_fi_trouble(item->a)->eagain_permille = 0;
        break;
    case FAULT_MEMORY:
        fake_fi_trouble(item->a)->memory_permille = 0;
        break;
    case FAULT_LEAVE:
        if (sim.nodes[item->a].leaving)
            sim_node_succeed(&sim.nodes[item->a]);
        break;
    case FAULT_LIMIT:
        if (sim.nodes[item->a].alive)
            sim_node_limit(&sim.nodes[item->a], false);
        break;
    case FAULT_RESET:
    case FAULT_HALF:
    case FAULT_STALL:
    case FAULT_COUNT:
        break;
    }
}

static void heal(void)
{
    sim_trace("everything heals");
    for (unsigned int a = 0; a < sim.node_count; a++) {
        for (unsigned int b = 0; b < sim.node_count; b++)
            *fake_fi_link(a, b) = link_healthy;
        *fake_fi_trouble(a) = (struct fake_fi_trouble){0};
        sim.nodes[a].stalled_until_ns = 0;
        if (!sim.nodes[a].alive)
            sim_node_boot(&sim.nodes[a]);
        else if (sim.nodes[a].leaving)
            sim_node_succeed(&sim.nodes[a]);
        sim_node_limit(&sim.nodes[a], false);
    }
}

/* --- playing -------------------------------------------------------------------------------------------------- */

static void play_item(const struct item *item)
{
    switch (item->kind) {
    case ITEM_CALL:
        sim_call_forward(item->call);
        break;
    case ITEM_CANCEL:
        sim_call_cancel(item->call);
        break;
    case ITEM_FAULT:
        fault_begin(item);
        break;
    case ITEM_FAULT_END:
        fault_end(item);
        break;
    }
}

/* When anything will happen, at most at until_ns. */
static uint64_t play_next_ns(uint64_t until_ns)
{
    uint64_t next_ns = fake_fi_next_ns();

    for (unsigned int i = 0; i < sim.node_count; i++) {
        uint64_t node_ns = sim_node_next_ns(&sim.nodes[i]);
        if (node_ns < next_ns)
            next_ns = node_ns;
    }
    if (next_ns > fake_fi_now_ns() + ROUND_NS)
        next_ns = fake_fi_now_ns() + ROUND_NS;
    if (next_ns < fake_fi_now_ns() + STEP_NS)
        next_ns = fake_fi_now_ns() + STEP_NS;
    return next_ns < until_ns ? next_ns : until_ns;
}

/* Time moves, then the nodes have turns: those at which something happened, and now and then all. */
static void play_step(uint64_t until_ns)
{
    static uint64_t round_ns;
    unsigned int touched = fake_fi_advance(play_next_ns(until_ns));
    unsigned int first = (unsigned int)sim_below(sim.node_count);

    if (fake_fi_now_ns() - round_ns >= ROUND_NS || fake_fi_now_ns() < round_ns) {
        touched = UINT32_MAX;
        round_ns = fake_fi_now_ns();
    }
    sim.steps++;
    if (fake_fi_counts().messages > MESSAGES_PER_CALL * sim.call_count)
        sim_fail("%u messages for %u calls: they follow one another without end", fake_fi_counts().messages,
                 sim.call_count);
    for (unsigned int i = 0; i < sim.node_count; i++) {
        struct sim_node *node = &sim.nodes[(first + i) % sim.node_count];

        if ((touched & 1U << node->number) != 0 || sim_node_next_ns(node) <= fake_fi_now_ns())
            sim_node_turn(node);
    }
}

static void play_until(uint64_t until_ns)
{
    while (fake_fi_now_ns() < until_ns)
        play_step(until_ns);
}

static void play_items(void)
{
    for (unsigned int i = 0; i < item_count; i++) {
        play_until(items[i].at_ns);
        play_item(&items[i]);
    }
}

/* Until every call has ended. */
static void play_rest(uint64_t limit_ns)
{
    uint64_t until_ns = fake_fi_now_ns() + limit_ns;

    while (sim.open_calls > 0 && fake_fi_now_ns() < until_ns)
        play_step(until_ns);
}

/* A call between the two succeeds soon: the first may still meet what the faults have left behind. */
static void probe_pair(unsigned int origin, unsigned int target)
{
    uint64_t until_ns = fake_fi_now_ns() + PROBE_NS;

    while (fake_fi_now_ns() < until_ns) {
        struct sim_call *call = sim_call_plan(origin);

        if (call == NULL)
            return;
        call->kind = SIM_ECHO;
        call->target = target;
        call->bulk_size = 0;
        call->timeout_ns = 60 * PROBE_STEP_NS;
        sim_call_forward(call);
        while (call->forwarded && !call->ended)
            play_step(fake_fi_now_ns() + PROBE_STEP_NS);
        if (call->ended && call->ret == HG_SUCCESS)
            return;
        play_until(fake_fi_now_ns() + PROBE_STEP_NS);
    }
    sim_fail("node %u cannot call node %u after everything has healed", origin, target);
}

/* Datagrams that come twice break what a transport promises (na.h). A session may end for it at one side only, and over
 * datagrams the other never learns that. */
static bool probe_wanted(unsigned int origin, unsigned int target)
{
    return !sim.duplicates || origin == target;
}

/* Calls of all kinds, many at once, from a node to one that is known to answer. They must succeed. */
static void probe_burst(unsigned int origin, unsigned int target)
{
    unsigned int count = 1 + (unsigned int)sim_below(sim_below(3) == 0 ? 40 : 4);

    for (unsigned int i = 0; i < count; i++) {
        struct sim_call *call = sim_call_plan(origin);

        if (call == NULL)
            return;
        call->target = target;
        call->third = target;
        /* Where requests got lost the window may stay closed for longer than the attempts of a repeated call last. */
        call->sure = !sim.datagrams || !sim_repeats(call->kind);
        if (call->timeout_ns != 0)
            call->timeout_ns = SURE_NS;
        if (sim_repeats(call->kind))
            call->hold_ns = sim_below(2 * MS); /* the first attempt is to do */
        sim_call_forward(call);
    }
}

static void probe_all(void)
{
    if (sim.datagrams) /* until what is late has come or is given up */
        play_until(fake_fi_now_ns() + LATE_NS);
    for (unsigned int a = 0; a < sim.node_count; a++)
        for (unsigned int b = 0; b < sim.node_count; b++)
            if (probe_wanted(a, b))
                probe_pair(a, b);
    for (unsigned int a = 0; a < sim.node_count; a++)
        for (unsigned int b = 0; b < sim.node_count; b++)
            if (probe_wanted(a, b))
                probe_burst(a, b);
    play_rest(REST_NS);
}

static void history_begin(uint64_t seed)
{
    struct util_prng pattern;

    memset(&sim, 0, sizeof(sim));
    sim.seed = seed;
    util_prng_init(&sim.prng, seed * UINT64_C(0x9e3779b97f4a7c15) + 1);
    util_prng_init(&pattern, 1);
    for (size_t i = 0; sim_pattern[0] == 0 && i < SIM_PATTERN_SIZE; i += 8) {
        uint64_t number = util_prng_next(&pattern) | 1; /* so that the first byte is not 0 */
        memcpy(sim_pattern + i, &number, sizeof(number));
    }
    sim.datagrams = sim_below(3) == 0;
    sim.lossy = sim.datagrams;
    sim.duplicates = sim.datagrams && sim_below(3) == 0;
    sim.node_count = 3U + (sim_below(4) == 0) + (sim_below(8) == 0);
    fake_fi_set_arrival(sim_check_arrival);
    fake_fi_begin(seed);
    item_count = 0;
    for (unsigned int i = 0; i < sim.node_count; i++) {
        sim.nodes[i].number = i;
        sim_node_boot(&sim.nodes[i]);
    }
}

void sim_history_play(uint64_t seed)
{
    uint64_t start_ns;
    uint64_t length_ns;

    history_begin(seed);
    start_ns = fake_fi_now_ns();
    length_ns = sim_between(20, 800) * MS;
    sim_trace("seed %llu: %u nodes, %s%s, %llu ms", (unsigned long long)seed, sim.node_count,
              sim.datagrams ? "datagrams" : "connections", sim.duplicates ? " that come twice" : "",
              (unsigned long long)(length_ns / MS));
    plan_calls(start_ns, length_ns);
    plan_faults(start_ns, length_ns);
    qsort(items, item_count, sizeof(items[0]), item_compare);
    play_items();
    heal();
    play_rest(REST_NS);
    sim_check_all_ended();
    probe_all();
    play_until(fake_fi_now_ns() + PROBE_STEP_NS); /* what was pulled last is being released */
    sim_check_nobody_held();
    for (unsigned int i = 0; i < sim.node_count; i++)
        sim_node_close(&sim.nodes[i]);
    sim_check_all_ended();
    sim_call_free_all();
    fake_fi_end();
    sim_check_nothing_open();
    sim_trace("%u steps", sim.steps);
}
