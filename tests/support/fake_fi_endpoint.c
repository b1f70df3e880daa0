/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of endpoints and shared receive contexts of the fake libfabric.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi_net.h"

static struct fake_ep *ep_of(struct fid *fid)
{
    return util_container_of(fid, struct fake_ep, rx.fid.fid);
}

struct fake_ep *fake_ep_find(uint64_t number)
{
    util_list_each (node, &fake_net.endpoints) {
        struct fake_ep *ep = util_container_of(node, struct fake_ep, link);

        if (ep->number == number)
            return ep;
    }
    return NULL;
}

struct fake_ep *fake_ep_at(const struct sockaddr_in *address)
{
    util_list_each (node, &fake_net.endpoints) {
        struct fake_ep *ep = util_container_of(node, struct fake_ep, link);

        if (ep->domain->datagram && !fake_ep_dead(ep) && ep->address.sin_port == address->sin_port &&
            ep->address.sin_addr.s_addr == address->sin_addr.s_addr)
            return ep;
    }
    return NULL;
}

/* --- ends --------------------------------------------------------------------------------------------- */

void fake_ep_flush(struct fake_ep *ep, int error)
{
    struct util_list *node;

    while ((node = util_list_first(&ep->operations)) != NULL) {
        struct fake_op *op = util_container_of(node, struct fake_op, link);

        if (error != 0) {
            fake_op_end(ep, op->number, error);
            continue;
        }
        util_list_remove(&op->link);
        free(op);
    }
}

void fake_ep_shut(struct fake_ep *ep)
{
    if (ep->state != FAKE_EP_UP)
        return;
    ep->state = FAKE_EP_SHUT;
    fake_ep_flush(ep, fake_below(4) > 0 ? FI_ECANCELED : 0); /* sometimes the provider forgets them */
    fake_eq_add(ep->eq, FI_SHUTDOWN, &ep->rx.fid.fid, NULL, 0, NULL, 0);
}

static void rx_free_buffers(struct fake_rx *rx)
{
    struct util_list *node;

    while ((node = util_list_pop(&rx->buffers)) != NULL)
        free(util_container_of(node, struct fake_buffer, link));
}

static int ep_close(struct fid *fid)
{
    struct fake_ep *ep = ep_of(fid);

    /* What the provider still held is lost by chance, and whether that is told, too. */
    fake_pipe_end(ep->out, fake_below(4) == 0);
    fake_ep_flush(ep, fake_below(2) == 0 && ep->cq != NULL ? FI_ECANCELED : 0);
    fake_eq_purge(ep->eq, fid);
    rx_free_buffers(&ep->rx);
    util_list_remove(&ep->link);
    fake_net.counts.endpoints--;
    free(ep);
    return 0;
}

static int srx_close(struct fid *fid)
{
    struct fake_rx *rx = util_container_of(fid, struct fake_rx, fid.fid);

    rx_free_buffers(rx);
    fake_net.counts.endpoints--;
    free(rx);
    return 0;
}

/* --- set-up --------------------------------------------------------------------------------------------- */

static int ep_bind(struct fid *fid, struct fid *bfid, uint64_t flags)
{
    struct fake_ep *ep = ep_of(fid);
    int error = fault_point_hit("fi_ep_bind");

    (void)flags;
    if (error != 0)
        return -error;
    switch (bfid->fclass) {
    case FI_CLASS_EQ:
        ep->eq = util_container_of(bfid, struct fake_eq, fid.fid);
        return 0;
    case FI_CLASS_CQ:
        ep->cq = util_container_of(bfid, struct fake_cq, fid.fid);
        return 0;
    case FI_CLASS_SRX_CTX:
        ep->receives = util_container_of(bfid, struct fake_rx, fid.fid);
        return 0;
    case FI_CLASS_AV:
        ep->av = util_container_of(bfid, struct fake_av, fid.fid);
        return 0;
    default:
        return -FI_EINVAL;
    }
}

static int ep_control(struct fid *fid, int command, void *arg)
{
    const struct fake_ep *ep = ep_of(fid);
    int error = fault_point_hit("fi_enable");

    (void)arg;
    if (command != FI_ENABLE)
        return -FI_ENOSYS;
    if (error != 0)
        return -error;
    if (ep->cq == NULL || (ep->domain->datagram ? ep->av == NULL : ep->eq == NULL || ep->receives == &ep->rx))
        return -FI_EOPBADSTATE;
    return 0;
}

static int ep_setopt(fid_t fid, int level, int name, const void *value, size_t size)
{
    int error = fault_point_hit("fi_setopt");

    if (error != 0)
        return -error;
    if (level != FI_OPT_ENDPOINT || name != FI_OPT_MIN_MULTI_RECV || size != sizeof(size_t))
        return -FI_ENOPROTOOPT;
    memcpy(&ep_of(fid)->rx.room, value, size);
    return 0;
}

static int ep_getname(fid_t fid, void *addr, size_t *size)
{
    const struct fake_ep *ep = ep_of(fid);
    int error = fault_point_hit("fi_getname");

    if (error != 0)
        return -error;
    if (*size < sizeof(ep->address))
        return -FI_ETOOSMALL;
    memcpy(addr, &ep->address, sizeof(ep->address));
    *size = sizeof(ep->address);
    return 0;
}

static struct fi_ops ep_fid_ops = {
    .size = sizeof(struct fi_ops), .close = ep_close, .bind = ep_bind, .control = ep_control};
static struct fi_ops srx_fid_ops = {.size = sizeof(struct fi_ops), .close = srx_close};
static struct fi_ops_ep ep_ops = {.size = sizeof(struct fi_ops_ep), .setopt = ep_setopt};
static struct fi_ops_cm ep_cm_ops = {
    .size = sizeof(struct fi_ops_cm), .getname = ep_getname, .connect = fake_ep_connect, .accept = fake_ep_accept};

static void rx_init(struct fake_rx *rx, struct fake_domain *domain, size_t fclass, struct fi_ops *ops, void *context)
{
    rx->fid.fid = (struct fid){.fclass = fclass, .context = context, .ops = ops};
    rx->fid.ops = &ep_ops;
    rx->fid.msg = &fake_msg_ops;
    rx->domain = domain;
    util_list_init(&rx->buffers);
    fake_net.counts.endpoints++;
}

/* A datagram endpoint has its address from the start. */
static int ep_take_address(struct fake_ep *ep, const struct fi_info *info)
{
    ep->address = *(const struct sockaddr_in *)info->src_addr;
    if (ep->address.sin_port == 0)
        ep->address.sin_port = htons((uint16_t)(40000 + ++fake_net.numbers % 20000));
    return fake_ep_at(&ep->address) != NULL ? -FI_EADDRINUSE : 0;
}

int fake_ep_open(struct fid_domain *fid, struct fi_info *info, struct fid_ep **out, void *context)
{
    struct fake_domain *domain = util_container_of(fid, struct fake_domain, fid);
    int error = fault_point_hit("fi_endpoint");
    struct fake_ep *ep;

    if (error != 0)
        return -error;
    ep = fake_alloc(sizeof(*ep));
    if (domain->datagram) {
        int ret = ep_take_address(ep, info);
        if (ret != 0) {
            free(ep);
            return ret;
        }
    }
    rx_init(&ep->rx, domain, FI_CLASS_EP, &ep_fid_ops, context);
    ep->rx.fid.cm = &ep_cm_ops;
    ep->rx.fid.rma = &fake_rma_ops;
    ep->domain = domain;
    ep->number = ++fake_net.numbers;
    ep->receives = &ep->rx;
    ep->state = domain->datagram ? FAKE_EP_UP : FAKE_EP_NEW;
    if (info->handle != NULL)
        ep->request = util_container_of(info->handle, struct fake_request, fid);
    util_list_init(&ep->operations);
    util_list_push(&fake_net.endpoints, &ep->link);
    *out = &ep->rx.fid;
    return 0;
}

int fake_srx_open(struct fid_domain *fid, struct fi_rx_attr *attr, struct fid_ep **out, void *context)
{
    int error = fault_point_hit("fi_srx_context");
    struct fake_rx *rx;

    (void)attr;
    if (error != 0)
        return -error;
    rx = fake_alloc(sizeof(*rx));
    rx_init(rx, util_container_of(fid, struct fake_domain, fid), FI_CLASS_SRX_CTX, &srx_fid_ops, context);
    *out = &rx->fid;
    return 0;
}
