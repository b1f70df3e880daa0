/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Contexts with several ports. Shared memory costs a turn a few loads, the network several times that, and a system
 * call with some providers. So as long as shared memory is busy and the network is not, only one turn in a few looks
 * at the network. Whoever is about to sleep, or to let a timer fire, looks at both.
 */

#include "hg/hg_port.h"

#include "hg/hg_receive.h"

/* Turns from one look at an idle network to the next, while shared memory is busy (measured: no gain beyond). */
#define PORT_REST_TURNS 8U
/* Shared memory is busy for so many turns after it brought something. */
#define PORT_BUSY_TURNS 64U

int hg_port_open_all(struct hg_context *context)
{
    struct hg_class *hg_class = context->hg_class;
    unsigned int i;

    for (i = 0; i < hg_class->transport_count; i++) {
        struct hg_port *port = &context->ports[i];
        int error;

        port->context = context;
        port->limits = &hg_class->transports[i].limits;
        port->transport = (enum bulk_transport)i;
        error = na_context_open(hg_class->transports[i].na, context->id, &hg_receive_upcalls, port, &port->na);
        if (error != 0) {
            hg_port_close_all(context, 0);
            return error;
        }
        context->port_count++;
    }
    context->na = context->ports[BULK_TRANSPORT_OWN].na;
    return 0;
}

void hg_port_close_all(struct hg_context *context, uint32_t linger_ms)
{
    while (context->port_count > 0) {
        struct hg_port *port = &context->ports[--context->port_count];

        na_context_close(port->na, linger_ms);
        port->na = NULL;
    }
}

void hg_port_stop_listening_all(struct hg_context *context)
{
    unsigned int i;

    for (i = 0; i < context->port_count; i++)
        na_context_stop_listening(context->ports[i].na);
}

bool hg_port_can_wait(const struct hg_context *context)
{
    unsigned int i;

    for (i = 0; i < context->port_count; i++)
        if (na_wait_fd(context->ports[i].na) < 0)
            return false;
    return true;
}

/* Both events, or the one that is an error. */
static int port_sum(int near, int far)
{
    if (near < 0 || far < 0)
        return near < 0 ? near : far;
    return near + far;
}

int hg_port_progress_many(struct hg_context *context)
{
    int near = na_progress(context->ports[BULK_TRANSPORT_SM].na);
    int far;

    if (near != 0)
        context->port_busy = PORT_BUSY_TURNS;
    else if (context->port_busy > 0)
        context->port_busy--;
    if (context->port_busy > 0 && context->port_rest > 0) {
        context->port_rest--;
        return near;
    }
    far = na_progress(context->na);
    context->port_rest = far != 0 ? 0 : PORT_REST_TURNS;
    return port_sum(near, far);
}

int hg_port_progress_all(struct hg_context *context)
{
    int near = context->port_count > 1 ? na_progress(context->ports[BULK_TRANSPORT_SM].na) : 0;

    return port_sum(near, na_progress(context->na));
}

bool hg_port_wait_prepare_many(struct hg_context *context)
{
    unsigned int i;

    for (i = 0; i < context->port_count; i++)
        if (!na_wait_prepare(context->ports[i].na))
            return false;
    return true;
}

void hg_port_wait_finish_many(struct hg_context *context)
{
    unsigned int i;

    for (i = 0; i < context->port_count; i++)
        na_wait_finish(context->ports[i].na);
}

uint64_t hg_port_next_deadline_many(const struct hg_context *context)
{
    uint64_t next_ns = UINT64_MAX;
    unsigned int i;

    for (i = 0; i < context->port_count; i++) {
        uint64_t port_ns = na_next_deadline_ns(context->ports[i].na);

        if (port_ns < next_ns)
            next_ns = port_ns;
    }
    return next_ns;
}
