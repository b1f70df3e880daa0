/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Connections of the fake libfabric: who listens, who asks, who accepts. A request outlives both of its ends, until the
 * network ends, so that steps of it may name it at any time.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi_net.h"
#include "util/util_clock.h"

#define RETRY_NS (20 * UTIL_CLOCK_NS_PER_MS) /* of a request or an answer that finds the link cut */

enum step_kind {
    STEP_REQUEST,     /* arrives at the target */
    STEP_REFUSED,     /* arrives at the origin */
    STEP_ACCEPTED,    /* the same */
    STEP_ESTABLISHED, /* the target learns that all is well */
};

struct connect_step {
    struct fake_event event;
    enum step_kind kind;
    struct fake_request *request;
    unsigned char param[FAKE_PRIVATE_MAX];
    size_t param_size;
};

static void step_drop(struct fake_event *event)
{
    free(util_container_of(event, struct connect_step, event));
}

static struct fake_ep *living(uint64_t number)
{
    struct fake_ep *ep = fake_ep_find(number);

    return ep != NULL && !fake_ep_dead(ep) ? ep : NULL;
}

static struct fake_pep *pep_at(const struct sockaddr_in *address)
{
    util_list_each (node, &fake_net.peps) {
        struct fake_pep *pep = util_container_of(node, struct fake_pep, link);

        if (!pep->life->dead && pep->address.sin_port == address->sin_port &&
            pep->address.sin_addr.s_addr == address->sin_addr.s_addr)
            return pep;
    }
    return NULL;
}

static void step_run(struct fake_event *event);

static struct connect_step *step_put(struct fake_request *request, enum step_kind kind)
{
    struct connect_step *step = fake_alloc(sizeof(*step));
    bool forth = kind == STEP_REQUEST || kind == STEP_ESTABLISHED;
    unsigned int from = forth ? request->origin_node : request->target_node;
    unsigned int to = forth ? request->target_node : request->origin_node;

    step->event.run = step_run;
    step->event.drop = step_drop;
    step->kind = kind;
    step->request = request;
    fake_event_put(&step->event, fake_net.now_ns + fake_travel_ns(from, to, true));
    return step;
}

/* What fi_endpoint is given by who accepts. */
static struct fi_info *request_info(struct fake_request *request)
{
    struct fi_info *info = fake_info_new();
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(1)};

    from.sin_addr.s_addr = htonl(UINT32_C(0x0a000001) + request->origin_node);
    info->ep_attr->type = FI_EP_MSG;
    info->handle = &request->fid;
    info->addr_format = FI_SOCKADDR_IN;
    info->dest_addrlen = sizeof(from);
    info->dest_addr = memcpy(fake_alloc(sizeof(from)), &from, sizeof(from));
    return info;
}

static void step_request(struct fake_request *request)
{
    struct fake_pep *pep = pep_at(&request->to);

    if (living(request->origin) == NULL)
        return;
    if (pep == NULL || !pep->listening) {
        request->answered = true;
        (void)step_put(request, STEP_REFUSED);
        return;
    }
    request->pep = pep;
    fake_eq_add(pep->eq, FI_CONNREQ, &pep->fid.fid, request_info(request), 0, request->param, request->param_size);
}

static void step_refused(struct fake_request *request)
{
    struct fake_ep *ep = living(request->origin);

    if (ep == NULL || ep->state != FAKE_EP_CONNECTING)
        return;
    fake_trace("node %u is refused by node %u", request->origin_node, request->target_node);
    ep->state = FAKE_EP_SHUT;
    fake_eq_add(ep->eq, 0, &ep->rx.fid.fid, NULL, FI_ECONNREFUSED, NULL, 0);
}

static void step_accepted(const struct connect_step *step)
{
    struct fake_ep *ep = living(step->request->origin);
    struct fake_pipe *back = NULL;

    util_list_each (node, &fake_net.pipes) {
        struct fake_pipe *pipe = util_container_of(node, struct fake_pipe, link);
        if (pipe->from_ep == step->request->origin)
            back = pipe;
    }
    if (back == NULL)
        return;
    if (ep == NULL || ep->state != FAKE_EP_CONNECTING) {
        fake_pipe_end(back, false); /* who asked has gone meanwhile */
        return;
    }
    ep->state = FAKE_EP_UP;
    ep->out = back;
    fake_trace("node %u is connected to node %u", step->request->origin_node, step->request->target_node);
    fake_eq_add(ep->eq, FI_CONNECTED, &ep->rx.fid.fid, NULL, 0, step->param, step->param_size);
}

static void step_established(const struct fake_request *request)
{
    struct fake_ep *ep = living(request->target);

    if (ep != NULL && ep->state == FAKE_EP_UP)
        fake_eq_add(ep->eq, FI_CONNECTED, &ep->rx.fid.fid, NULL, 0, NULL, 0);
}

static void step_run(struct fake_event *event)
{
    struct connect_step *step = util_container_of(event, struct connect_step, event);
    struct fake_request *request = step->request;

    if (fake_link_cut(request->origin_node, request->target_node) ||
        fake_link_cut(request->target_node, request->origin_node)) {
        fake_event_put(event, fake_net.now_ns + RETRY_NS);
        return;
    }
    switch (step->kind) {
    case STEP_REQUEST:
        step_request(request);
        break;
    case STEP_REFUSED:
        step_refused(request);
        break;
    case STEP_ACCEPTED:
        step_accepted(step);
        break;
    case STEP_ESTABLISHED:
        step_established(request);
        break;
    }
    free(step);
}

int fake_ep_connect(struct fid_ep *fid, const void *addr, const void *param, size_t paramlen)
{
    struct fake_ep *ep = util_container_of(fid, struct fake_ep, rx.fid);
    struct fake_request *request;
    int error = fault_point_hit("fi_connect");

    if (error != 0)
        return -error;
    if (ep->state != FAKE_EP_NEW || paramlen > FAKE_PRIVATE_MAX)
        return -FI_EINVAL;
    if (fake_ep_dead(ep))
        return -FI_ENETDOWN;
    request = fake_alloc(sizeof(*request));
    request->fid.fclass = FI_CLASS_CONNREQ;
    request->origin = ep->number;
    request->origin_node = ep->domain->life->node;
    request->to = *(const struct sockaddr_in *)addr;
    request->target_node = fake_node_of(&request->to);
    request->param_size = paramlen;
    memcpy(request->param, param, paramlen);
    if (request->target_node == FAKE_FI_NODES) {
        free(request);
        return -FI_EHOSTUNREACH;
    }
    util_list_push(&fake_net.requests, &request->link);
    ep->state = FAKE_EP_CONNECTING;
    (void)step_put(request, STEP_REQUEST);
    return 0;
}

int fake_ep_accept(struct fid_ep *fid, const void *param, size_t paramlen)
{
    struct fake_ep *ep = util_container_of(fid, struct fake_ep, rx.fid);
    struct fake_request *request = ep->request;
    struct connect_step *step;
    int error = fault_point_hit("fi_accept");

    if (error != 0)
        return -error;
    if (fake_ep_dead(ep))
        return -FI_ENETDOWN;
    if (request == NULL || request->answered || paramlen > FAKE_PRIVATE_MAX) {
        fake_misuse("a connection was accepted that nobody asked for");
        return -FI_EINVAL;
    }
    request->answered = true;
    request->target = ep->number;
    ep->out = fake_pipe_make(ep, request->origin_node, request->origin);
    ep->out->back = fake_alloc(sizeof(*ep->out->back));
    *ep->out->back = (struct fake_pipe){.event = ep->out->event,
                                        .from_node = request->origin_node,
                                        .from_ep = request->origin,
                                        .to_node = request->target_node,
                                        .to_ep = ep->number,
                                        .back = ep->out};
    util_list_init(&ep->out->back->packets);
    util_list_push(&fake_net.pipes, &ep->out->back->link);
    ep->state = FAKE_EP_UP;
    step = step_put(request, STEP_ACCEPTED);
    memcpy(step->param, param, paramlen);
    step->param_size = paramlen;
    (void)step_put(request, STEP_ESTABLISHED);
    return 0;
}

/* --- listening ------------------------------------------------------------------------------------------- */

static void request_refuse(struct fake_request *request)
{
    if (request->answered)
        return;
    request->answered = true;
    (void)step_put(request, STEP_REFUSED);
}

static int pep_reject(struct fid_pep *fid, fid_t handle, const void *param, size_t paramlen)
{
    struct fake_request *request = util_container_of(handle, struct fake_request, fid);

    int error = fault_point_hit("fi_reject");

    (void)fid;
    (void)param;
    (void)paramlen;
    if (error != 0)
        return -error;
    request_refuse(request);
    return 0;
}

void fake_connect_forget(struct fake_pep *pep)
{
    util_list_each (node, &fake_net.requests) {
        struct fake_request *request = util_container_of(node, struct fake_request, link);

        if (request->pep == pep && !request->answered)
            request_refuse(request);
        if (request->pep == pep)
            request->pep = NULL;
    }
}

void fake_connect_free_all(void)
{
    struct util_list *node;

    while ((node = util_list_pop(&fake_net.requests)) != NULL)
        free(util_container_of(node, struct fake_request, link));
}

static int pep_listen(struct fid_pep *fid)
{
    int error = fault_point_hit("fi_listen");

    util_container_of(fid, struct fake_pep, fid)->listening = error == 0;
    return -error;
}

static int pep_getname(fid_t fid, void *addr, size_t *size)
{
    const struct fake_pep *pep = util_container_of(fid, struct fake_pep, fid.fid);
    int error = fault_point_hit("fi_getname");

    if (error != 0)
        return -error;
    if (*size < sizeof(pep->address))
        return -FI_ETOOSMALL;
    memcpy(addr, &pep->address, sizeof(pep->address));
    *size = sizeof(pep->address);
    return 0;
}

static int pep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
    int error = fault_point_hit("fi_pep_bind");

    (void)flags;
    if (error != 0)
        return -error;
    util_container_of(fid, struct fake_pep, fid.fid)->eq = util_container_of(bfid, struct fake_eq, fid.fid);
    return 0;
}

static int pep_close(struct fid *fid)
{
    struct fake_pep *pep = util_container_of(fid, struct fake_pep, fid.fid);

    fake_connect_forget(pep);
    fake_eq_purge(pep->eq, fid);
    util_list_remove(&pep->link);
    fake_net.counts.endpoints--;
    free(pep);
    return 0;
}

static struct fi_ops pep_fid_ops = {.size = sizeof(struct fi_ops), .close = pep_close, .bind = pep_bind};
static struct fi_ops_cm pep_cm_ops = {
    .size = sizeof(struct fi_ops_cm), .getname = pep_getname, .listen = pep_listen, .reject = pep_reject};

int fake_pep_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **out, void *context)
{
    struct sockaddr_in address = *(const struct sockaddr_in *)info->src_addr;
    struct fake_pep *pep;
    int error = fault_point_hit("fi_passive_ep");

    if (error != 0)
        return -error;
    if (address.sin_port == 0)
        address.sin_port = htons((uint16_t)(40000 + ++fake_net.numbers % 20000));
    if (pep_at(&address) != NULL)
        return -FI_EADDRINUSE;
    pep = fake_alloc(sizeof(*pep));
    pep->fid.fid = (struct fid){.fclass = FI_CLASS_PEP, .context = context, .ops = &pep_fid_ops};
    pep->fid.cm = &pep_cm_ops;
    pep->life = util_container_of(fabric, struct fake_life, fid);
    pep->address = address;
    util_list_push(&fake_net.peps, &pep->link);
    fake_net.counts.endpoints++;
    *out = &pep->fid;
    return 0;
}
