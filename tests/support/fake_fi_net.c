/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The time line of the fake libfabric, and what happens on it: packets that travel, and processes that die. What is done
 * at one time is done in the order in which it was put there, never in that of addresses in memory.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi_net.h"
#include "util/util_clock.h"

#define START_NS   UTIL_CLOCK_NS_PER_S
#define RETRY_NS   (2 * UTIL_CLOCK_NS_PER_MS)  /* between two looks at a link that is cut */
#define FULL_NS    (20 * UTIL_CLOCK_NS_PER_US) /* and at a receiver without buffers */
#define GIVE_UP_NS (400 * UTIL_CLOCK_NS_PER_MS)

struct fake_net fake_net;

static struct util_prng library_prng; /* what the library takes for unpredictable */

/* --- small things ---------------------------------------------------------------------------------- */

void fake_trace(const char *format, ...)
{
    char line[256];
    va_list args;

    if (fake_net.trace == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fake_net.trace(line);
}

void fake_misuse(const char *what)
{
    fake_net.counts.misuses++;
    fake_trace("MISUSE of libfabric: %s", what);
}

uint64_t fake_below(uint64_t bound)
{
    return util_prng_below(&fake_net.prng, bound);
}

bool fake_chance(uint32_t permille)
{
    return permille > 0 && fake_below(1000) < permille;
}

void *fake_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        abort();
    return memory;
}

bool fake_link_cut(unsigned int from, unsigned int to)
{
    return fake_net.links[from][to].cut;
}

uint64_t fake_travel_ns(unsigned int from, unsigned int to, bool connection)
{
    const struct fake_fi_link *link = &fake_net.links[from][to];
    uint64_t ns = link->delay_ns;

    if (link->jitter_ns > 0)
        ns += fake_below(link->jitter_ns);
    if (connection && fake_chance(link->drop_permille))
        ns += 5 * UTIL_CLOCK_NS_PER_MS + fake_below(50 * UTIL_CLOCK_NS_PER_MS);
    return ns;
}

/* --- the heap of events ------------------------------------------------------------------------------ */

static bool event_before(const struct fake_event *a, const struct fake_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_swap(size_t i, size_t j)
{
    struct fake_event *event = fake_net.heap[i];

    fake_net.heap[i] = fake_net.heap[j];
    fake_net.heap[j] = event;
}

void fake_event_put(struct fake_event *event, uint64_t at_ns)
{
    size_t i = fake_net.heap_count++;

    if (fake_net.heap_count > fake_net.heap_capacity) {
        fake_net.heap_capacity = fake_net.heap_capacity == 0 ? 256 : fake_net.heap_capacity * 2;
        fake_net.heap = realloc(fake_net.heap, fake_net.heap_capacity * sizeof(struct fake_event *));
        if (fake_net.heap == NULL)
            abort();
    }
    event->at_ns = at_ns > fake_net.now_ns ? at_ns : fake_net.now_ns;
    event->order = fake_net.order++;
    fake_net.heap[i] = event;
    for (; i > 0 && event_before(fake_net.heap[i], fake_net.heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_swap(i, (i - 1) / 2);
}

static struct fake_event *event_take(void)
{
    struct fake_event *first = fake_net.heap[0];
    size_t i = 0;

    fake_net.heap[0] = fake_net.heap[--fake_net.heap_count];
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < fake_net.heap_count && event_before(fake_net.heap[child], fake_net.heap[least]))
                least = child;
        if (least == i)
            return first;
        heap_swap(i, least);
        i = least;
    }
}

/* --- packets ------------------------------------------------------------------------------------------- */

struct fake_packet *fake_packet_make(enum fake_packet_kind kind, const void *bytes, size_t size)
{
    struct fake_packet *packet = fake_alloc(sizeof(*packet) + size);

    packet->kind = kind;
    packet->size = size;
    if (size > 0)
        memcpy(packet->bytes, bytes, size);
    util_list_init(&packet->link);
    return packet;
}

static void packet_uncount(struct fake_packet *packet)
{
    struct fake_ep *ep = packet->counted ? fake_ep_find(packet->from_ep) : NULL;

    if (ep != NULL)
        ep->sending--;
    packet->counted = false;
}

static void datagram_drop(struct fake_event *event)
{
    free(util_container_of(event, struct fake_packet, event));
}

/* Tries to deliver a datagram; what cannot be delivered yet goes back on the time line. */
static void datagram_run(struct fake_event *event)
{
    struct fake_packet *packet = util_container_of(event, struct fake_packet, event);
    struct fake_ep *ep = NULL;

    if (!fake_link_cut(packet->from_node, packet->to_node))
        ep = packet->to_ep != 0 ? fake_ep_find(packet->to_ep) : fake_ep_at(&packet->to);
    if (ep == NULL || fake_ep_dead(ep)) {
        if (fake_net.now_ns < packet->give_up_ns) {
            fake_event_put(event, fake_net.now_ns + RETRY_NS);
            return;
        }
        fake_trace("datagram %u>%u lost", packet->from_node, packet->to_node);
        packet_uncount(packet);
        fake_data_lost(packet);
        free(packet);
        return;
    }
    if (!fake_data_arrive(ep, packet)) {
        fake_event_put(event, fake_net.now_ns + FULL_NS);
        return;
    }
    fake_net.touched |= 1U << packet->to_node | 1U << packet->from_node;
    packet_uncount(packet);
    free(packet);
}

static void datagram_put(struct fake_packet *packet)
{
    packet->event.run = datagram_run;
    packet->event.drop = datagram_drop;
    fake_event_put(&packet->event, fake_net.now_ns + fake_travel_ns(packet->from_node, packet->to_node,
                                                                    packet->kind != FAKE_PACKET_MESSAGE));
}

static void datagram_duplicate(const struct fake_packet *packet)
{
    struct fake_packet *copy = fake_packet_make(packet->kind, packet->bytes, packet->size);

    copy->from_node = packet->from_node;
    copy->to_node = packet->to_node;
    copy->to = packet->to;
    copy->data = packet->data;
    copy->give_up_ns = packet->give_up_ns;
    fake_trace("datagram %u>%u doubled", packet->from_node, packet->to_node);
    datagram_put(copy);
}

static void datagram_send(struct fake_ep *ep, struct fake_packet *packet)
{
    const struct fake_fi_link *link = &fake_net.links[packet->from_node][packet->to_node];

    packet->give_up_ns = fake_net.now_ns + GIVE_UP_NS + fake_below(4 * GIVE_UP_NS);
    if (packet->kind == FAKE_PACKET_MESSAGE) {
        if (fake_chance(link->drop_permille)) {
            fake_trace("datagram %u>%u dropped", packet->from_node, packet->to_node);
            if (packet->op != 0)
                fake_op_end(ep, packet->op, 0);
            free(packet);
            return;
        }
        if (fake_chance(link->duplicate_permille))
            datagram_duplicate(packet);
        packet->counted = true;
        ep->sending++;
    }
    datagram_put(packet);
}

/* --- connections: packets in order ------------------------------------------------------------------------ */

static void pipe_run(struct fake_event *event);

static void pipe_drop(struct fake_event *event)
{
    (void)event; /* pipes are freed by themselves */
}

static void pipe_arm(struct fake_pipe *pipe, uint64_t at_ns)
{
    if (pipe->armed)
        return;
    pipe->armed = true;
    fake_event_put(&pipe->event, at_ns);
}

static void pipe_run(struct fake_event *event)
{
    struct fake_pipe *pipe = util_container_of(event, struct fake_pipe, event);
    struct util_list *first = util_list_first(&pipe->packets);
    struct fake_packet *packet;
    struct fake_ep *ep;

    pipe->armed = false;
    if (first == NULL)
        return;
    packet = util_container_of(first, struct fake_packet, link);
    if (packet->ready_ns > fake_net.now_ns) {
        pipe_arm(pipe, packet->ready_ns);
        return;
    }
    if (fake_link_cut(pipe->from_node, pipe->to_node)) {
        pipe_arm(pipe, fake_net.now_ns + RETRY_NS);
        return;
    }
    ep = fake_ep_find(pipe->to_ep);
    if (ep != NULL && !fake_ep_dead(ep) && !fake_data_arrive(ep, packet)) {
        pipe_arm(pipe, fake_net.now_ns + FULL_NS);
        return;
    }
    fake_net.touched |= 1U << pipe->to_node | 1U << pipe->from_node;
    util_list_remove(&packet->link);
    pipe->count--;
    free(packet);
    first = util_list_first(&pipe->packets);
    if (first != NULL)
        pipe_arm(pipe, util_container_of(first, struct fake_packet, link)->ready_ns);
}

struct fake_pipe *fake_pipe_make(const struct fake_ep *from, unsigned int to_node, uint64_t to_ep)
{
    struct fake_pipe *pipe = fake_alloc(sizeof(*pipe));

    pipe->event.run = pipe_run;
    pipe->event.drop = pipe_drop;
    pipe->from_node = from->domain->life->node;
    pipe->from_ep = from->number;
    pipe->to_node = to_node;
    pipe->to_ep = to_ep;
    util_list_init(&pipe->packets);
    util_list_push(&fake_net.pipes, &pipe->link);
    return pipe;
}

static void pipe_put(struct fake_pipe *pipe, struct fake_packet *packet)
{
    uint64_t ready_ns = fake_net.now_ns + fake_travel_ns(pipe->from_node, pipe->to_node, true);

    if (pipe->broken) {
        free(packet);
        return;
    }
    if (ready_ns <= pipe->last_ns)
        ready_ns = pipe->last_ns + 1;
    pipe->last_ns = ready_ns;
    packet->ready_ns = ready_ns;
    packet->from_node = pipe->from_node;
    packet->to_node = pipe->to_node;
    util_list_push(&pipe->packets, &packet->link);
    pipe->count++;
    pipe_arm(pipe, ready_ns);
}

void fake_pipe_end(struct fake_pipe *pipe, bool lose)
{
    if (pipe == NULL || pipe->broken)
        return;
    if (lose)
        fake_pipe_clear(pipe);
    pipe_put(pipe, fake_packet_make(FAKE_PACKET_END, NULL, 0));
    pipe->broken = true;
}

void fake_pipe_clear(struct fake_pipe *pipe)
{
    struct util_list *node;

    while (pipe != NULL && (node = util_list_pop(&pipe->packets)) != NULL) {
        free(util_container_of(node, struct fake_packet, link));
        pipe->count--;
    }
}

void fake_packet_send(struct fake_ep *ep, struct fake_packet *packet)
{
    packet->from_ep = ep->number;
    packet->from_node = ep->domain->life->node;
    if (ep->domain->datagram)
        datagram_send(ep, packet);
    else
        pipe_put(ep->out, packet);
}

/* --- what dies ---------------------------------------------------------------------------------------------- */

static void kill_endpoint(struct fake_ep *ep)
{
    fake_pipe_end(ep->out, fake_below(2) == 0);
    fake_ep_flush(ep, FI_ECANCELED);
    if (!ep->domain->datagram)
        fake_ep_shut(ep);
}

void fake_fi_kill(unsigned int node)
{
    fake_trace("node %u is killed", node);
    util_list_each (at, &fake_net.lives) {
        struct fake_life *life = util_container_of(at, struct fake_life, link);

        if (life->node != node || life->dead)
            continue;
        life->dead = true;
        util_list_each (pos, &fake_net.peps) {
            struct fake_pep *pep = util_container_of(pos, struct fake_pep, link);

            if (pep->life != life)
                continue;
            pep->listening = false;
            fake_connect_forget(pep);
        }
        util_list_each (pos, &fake_net.endpoints) {
            struct fake_ep *ep = util_container_of(pos, struct fake_ep, link);

            if (ep->domain->life == life)
                kill_endpoint(ep);
        }
    }
}

/* The end of a connection comes to an endpoint at its time. */
struct fake_reset {
    struct fake_event event;
    uint64_t ep;
};

static void reset_drop(struct fake_event *event)
{
    free(util_container_of(event, struct fake_reset, event));
}

static void reset_run(struct fake_event *event)
{
    struct fake_ep *ep = fake_ep_find(util_container_of(event, struct fake_reset, event)->ep);

    if (ep != NULL && !fake_ep_dead(ep) && ep->state == FAKE_EP_UP) {
        fake_trace("node %u learns that a connection ended", ep->domain->life->node);
        fake_net.touched |= 1U << ep->domain->life->node;
        fake_ep_shut(ep);
    }
    reset_drop(event);
}

static void reset_put(uint64_t ep, uint64_t in_ns)
{
    struct fake_reset *reset = fake_alloc(sizeof(*reset));

    reset->event.run = reset_run;
    reset->event.drop = reset_drop;
    reset->ep = ep;
    fake_event_put(&reset->event, fake_net.now_ns + in_ns);
}

/* Whether both ends believe in the connection. */
static bool pipe_alive(const struct fake_pipe *pipe)
{
    const struct fake_ep *from = fake_ep_find(pipe->from_ep);
    const struct fake_ep *to = fake_ep_find(pipe->to_ep);

    return !pipe->broken && !pipe->back->broken && from != NULL && to != NULL && from->state == FAKE_EP_UP &&
           to->state == FAKE_EP_UP;
}

bool fake_fi_reset_connection(bool half)
{
    struct fake_pipe *chosen = NULL;
    uint64_t seen = 0;

    util_list_each (pos, &fake_net.pipes) {
        struct fake_pipe *pipe = util_container_of(pos, struct fake_pipe, link);

        if (pipe_alive(pipe) && fake_below(++seen) == 0)
            chosen = pipe;
    }
    if (chosen == NULL)
        return false;
    fake_trace("connection %u-%u is %s", chosen->from_node, chosen->to_node, half ? "half closed" : "reset");
    fake_pipe_clear(chosen);
    fake_pipe_clear(chosen->back);
    chosen->broken = true;
    chosen->back->broken = true;
    reset_put(chosen->from_ep, fake_below(UTIL_CLOCK_NS_PER_MS));
    reset_put(chosen->to_ep,
              half ? UTIL_CLOCK_NS_PER_S + fake_below(2 * UTIL_CLOCK_NS_PER_S) : fake_below(5 * UTIL_CLOCK_NS_PER_MS));
    return true;
}

/* --- the caller's side -------------------------------------------------------------------------------------- */

static uint64_t net_clock(void)
{
    return fake_net.now_ns;
}

static void net_sleep(uint64_t rest_ns)
{
    fake_net.touched |= fake_fi_advance(fake_net.now_ns + rest_ns);
}

static uint64_t net_rand(void)
{
    return util_prng_next(&library_prng);
}

void fake_fi_begin(uint64_t seed)
{
    const struct fake_net before = fake_net;

    memset(&fake_net, 0, sizeof(fake_net));
    fake_net.trace = before.trace;
    fake_net.arrival = before.arrival;
    util_prng_init(&fake_net.prng, seed);
    util_prng_init(&library_prng, ~seed);
    fake_net.now_ns = START_NS;
    util_list_init(&fake_net.lives);
    util_list_init(&fake_net.pipes);
    util_list_init(&fake_net.endpoints);
    util_list_init(&fake_net.peps);
    util_list_init(&fake_net.requests);
    for (unsigned int from = 0; from < FAKE_FI_NODES; from++)
        for (unsigned int to = 0; to < FAKE_FI_NODES; to++)
            fake_net.links[from][to] = (struct fake_fi_link){.delay_ns = 4000, .jitter_ns = 3000};
    util_clock_replace(net_clock);
    util_clock_replace_sleep(net_sleep);
    util_rand_replace(net_rand);
}

void fake_fi_end(void)
{
    struct util_list *node;

    while (fake_net.heap_count > 0) {
        struct fake_event *event = event_take();
        event->drop(event);
    }
    while ((node = util_list_pop(&fake_net.pipes)) != NULL) {
        struct fake_pipe *pipe = util_container_of(node, struct fake_pipe, link);
        fake_pipe_clear(pipe);
        free(pipe);
    }
    fake_connect_free_all();
    free(fake_net.heap);
    fake_net.heap = NULL;
    fake_net.heap_count = fake_net.heap_capacity = 0;
    util_clock_replace(NULL);
    util_clock_replace_sleep(NULL);
    util_rand_replace(NULL);
}

void fake_fi_set_trace(void (*trace)(const char *line))
{
    fake_net.trace = trace;
}

void fake_fi_set_arrival(void (*arrival)(unsigned int node, const void *bytes, size_t size))
{
    fake_net.arrival = arrival;
}

uint64_t fake_fi_now_ns(void)
{
    return fake_net.now_ns;
}

uint64_t fake_fi_next_ns(void)
{
    return fake_net.heap_count > 0 ? fake_net.heap[0]->at_ns : UINT64_MAX;
}

unsigned int fake_fi_advance(uint64_t to_ns)
{
    unsigned int touched;

    while (fake_net.heap_count > 0 && fake_net.heap[0]->at_ns <= to_ns) {
        struct fake_event *event = event_take();

        if (event->at_ns > fake_net.now_ns)
            fake_net.now_ns = event->at_ns;
        event->run(event);
    }
    if (to_ns > fake_net.now_ns)
        fake_net.now_ns = to_ns;
    touched = fake_net.touched;
    fake_net.touched = 0;
    return touched;
}

void fake_fi_set_idle_ns(uint64_t idle_ns)
{
    fake_net.idle_ns = idle_ns;
}

struct fake_fi_link *fake_fi_link(unsigned int from, unsigned int to)
{
    return &fake_net.links[from][to];
}

struct fake_fi_trouble *fake_fi_trouble(unsigned int node)
{
    return &fake_net.troubles[node];
}

struct fake_fi_counts fake_fi_counts(void)
{
    return fake_net.counts;
}
