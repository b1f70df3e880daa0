/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What may be true. rule_of() is the one place that says which ends of a call allow how many runs of its handler; whoever
 * adds outcomes or kinds of calls adds them there. It is asked when a call ends, for what must be true by then, and when
 * everything is at rest, for what must be true for ever.
 */
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "tests/sim/sim.h"
#include "tests/support/fake_alloc.h"

/* How late a time limit may be noticed by a node that takes its turns. */
#define SLACK_NS (2 * UTIL_CLOCK_NS_PER_MS)

/* How often the handler of a call may have run. */
struct rule {
    unsigned int least, most;
};

/* How often at most, whatever comes of it. */
static unsigned int most_of(const struct sim_call *call)
{
    if (call->kind == SIM_AGAIN)
        return UINT32_MAX;
    return sim.duplicates && call->kind != SIM_ONCE ? 2 : 1;
}

static struct rule rule_of(const struct sim_call *call)
{
    struct rule rule = {0, most_of(call)};

    if (!call->forwarded && !call->abandoned)
        return (struct rule){0, 0};
    if (!call->ended || call->abandoned)
        return rule;
    /* Of a request that came twice, one may be refused and the other run. */
    if (call->outcome == QS_OUTCOME_NOT_SENT ||
        (call->outcome == QS_OUTCOME_NOT_EXECUTED && (!sim.duplicates || call->kind == SIM_ONCE)))
        rule.most = 0;
    if (call->outcome == QS_OUTCOME_EXECUTED || (call->ret == HG_SUCCESS && call->kind != SIM_QUIET))
        rule.least = 1;
    return rule;
}

static void check_rule(const struct sim_call *call)
{
    struct rule rule = rule_of(call);

    if (call->executed < rule.least || call->executed > rule.most)
        sim_fail("call %llu, which %s, %s, ran %u times and not %u to %u times", (unsigned long long)call->id,
                 call->ended ? HG_Error_to_string(call->ret) : "has not ended", qs_outcome_text(call->outcome),
                 call->executed, rule.least, rule.most);
}

void sim_check_executed(struct sim_call *call, const struct sim_node *node, const struct sim_in *in)
{
    if (call->target != node->number)
        sim_fail("call %llu is for node %u and runs at node %u", (unsigned long long)call->id, call->target,
                 node->number);
    if (in->size != call->in_size || (in->size > 0 && memcmp(in->data, sim_input_bytes(call), in->size) != 0))
        sim_fail("call %llu: its input is not what was sent", (unsigned long long)call->id);
    if (call->executed > most_of(call))
        sim_fail("call %llu runs %u times", (unsigned long long)call->id, call->executed);
    if (call->wanted != 0 && call->wanted != node->hg_class->incarnation)
        sim_fail("call %llu was for an earlier incarnation of node %u", (unsigned long long)call->id, node->number);
}

/* Whether the target says in its answer how what it did for the call went; not so for nested calls in the ledger, which are
 * echoes. */
static bool reports_move(enum sim_kind kind)
{
    return kind == SIM_NESTED || kind == SIM_PULL || kind == SIM_PUSH;
}

void sim_check_ended(const struct sim_call *call, const struct sim_node *node)
{
    uint64_t deadline_ns = call->forwarded_ns + call->timeout_ns;
    uint64_t seen_ns = node->turned_ns;

    check_rule(call);
    if (call->sure && (call->ret != HG_SUCCESS || (reports_move(call->kind) && !call->moved)))
        sim_fail("call %llu ends with %s though all is well", (unsigned long long)call->id,
                 HG_Error_to_string(call->ret));
    /* An answer in the queue beats the clock: what came before this turn began was there to be read. The callback of one that
     * has shown memory may be some turns behind its end. */
    if (reports_move(call->kind) && deadline_ns < seen_ns)
        seen_ns = deadline_ns;
    if (call->ret == HG_TIMEOUT && call->answered_ns != 0 && call->answered_ns <= seen_ns)
        sim_fail("call %llu has timed out with its answer in the queue", (unsigned long long)call->id);
    /* Attempts of repeated calls have limits of their own, and nested calls that of the one that they serve. */
    if (call->ret == HG_TIMEOUT && !sim_repeats(call->kind) && !call->nested) {
        if (call->timeout_ns == 0)
            sim_fail("call %llu has timed out without a limit", (unsigned long long)call->id);
        if (fake_fi_now_ns() < deadline_ns)
            sim_fail("call %llu has timed out too early", (unsigned long long)call->id);
    }
    /* A call whose target may be at its memory waits for it, but not for ever: from when it noticed. */
    if (reports_move(call->kind))
        deadline_ns += QS_BULK_GRACE_DEFAULT_US * UTIL_CLOCK_NS_PER_US + node->away_ns;
    /* A node that was away may be late by that; the turn before this one must have been in time. */
    if (call->timeout_ns != 0 && node->turned_before_ns > deadline_ns + SLACK_NS)
        sim_fail("call %llu ends %llu us after its limit", (unsigned long long)call->id,
                 (unsigned long long)((fake_fi_now_ns() - deadline_ns) / UTIL_CLOCK_NS_PER_US));
}

/* Answers that come whole and in one message, over connections: those may not be lost any more. */
void sim_check_arrival(unsigned int node, const void *bytes, size_t size)
{
    struct hg_frame_header frame;
    struct hg_frame_hello hello;
    const unsigned char *at = bytes;
    size_t offset = 0;
    bool has_hello;

    if (sim.datagrams || hg_frame_decode(at, size, &frame, &hello, &has_hello, &offset) != HG_FRAME_KIND_FRAME)
        return;
    while (offset < size) {
        struct hg_header header;
        const unsigned char *payload;
        size_t message_size;
        uint64_t id;

        if (hg_header_decode(at + offset, size - offset, &header, &payload, &message_size) != 0)
            return;
        offset += message_size;
        if (header.type != HG_MESSAGE_RESPONSE || (header.flags & (HG_MESSAGE_FRAGMENT | HG_MESSAGE_MORE_DATA)) != 0 ||
            header.payload_size < sizeof(id))
            continue;
        memcpy(&id, payload, sizeof(id));
        if (id < sim.call_count && sim.calls[id].origin == node && !sim.calls[id].abandoned &&
            !sim_repeats(sim.calls[id].kind))
            sim.calls[id].answered_ns = fake_fi_now_ns();
    }
}

void sim_check_refused(const struct sim_call *call)
{
    check_rule(call);
}

void sim_check_output(const struct sim_call *call, const struct sim_out *out)
{
    if (out->id != call->id)
        sim_fail("call %llu got the answer to call %llu", (unsigned long long)call->id, (unsigned long long)out->id);
    if (out->size != call->out_size || (out->size > 0 && memcmp(out->data, sim_output_bytes(call), out->size) != 0))
        sim_fail("call %llu: its output is not what was sent", (unsigned long long)call->id);
}

void sim_check_all_ended(void)
{
    for (unsigned int i = 0; i < sim.call_count; i++) {
        const struct sim_call *call = &sim.calls[i];

        if (call->forwarded && !call->ended && !call->abandoned)
            sim_fail("call %llu has not ended", (unsigned long long)call->id);
        check_rule(call);
    }
}

/* Of a datagram that was lost the rest stays as long as its session, and a connection whose end one side does not know stays
 * for long. */
void sim_check_nobody_held(void)
{
    if (sim.datagrams || sim.half_closed)
        return;
    for (unsigned int i = 0; i < sim.node_count; i++) {
        const struct sim_node *node = &sim.nodes[i];

        if (util_list_empty(&node->works) && (node->context->admit.requests > 0 || node->context->admit.waiting > 0))
            sim_fail("node %u counts %u requests as here, and %u as waiting", i, node->context->admit.requests,
                     node->context->admit.waiting);
    }
}

void sim_check_nothing_open(void)
{
    struct fake_fi_counts counts = fake_fi_counts();

    if (counts.fabrics + counts.domains + counts.queues + counts.endpoints + counts.registrations + counts.addresses +
            counts.infos >
        0)
        sim_fail("left open: %u fabrics, %u domains, %u queues, %u endpoints, %u registrations, %u addresses, %u infos",
                 counts.fabrics, counts.domains, counts.queues, counts.endpoints, counts.registrations,
                 counts.addresses, counts.infos);
    if (counts.misuses > 0)
        sim_fail("libfabric was misused %u times", counts.misuses);
    if (fake_alloc_live() > 0)
        sim_fail("%llu allocations are left", (unsigned long long)fake_alloc_live());
}
