/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Tables of libfabric's objects with points in them: see wrap_fabric.h.
 */
#include "tests/support/wrap_fabric.h"

#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_rma.h>
#include <stddef.h>

#include "tests/support/fault_point.h"

/* A table of ours, and the one that it was made from. */
#define TABLE(type, name)    \
    static struct type name; \
    static struct type *name##_real

TABLE(fi_ops_fabric, fabric_ops);
TABLE(fi_ops_domain, domain_ops);
TABLE(fi_ops_mr, mr_ops);
TABLE(fi_ops_cq, cq_ops);
TABLE(fi_ops_eq, eq_ops);
TABLE(fi_ops, pep_fid_ops);
TABLE(fi_ops, ep_fid_ops);
TABLE(fi_ops_cm, pep_cm_ops);
TABLE(fi_ops_cm, ep_cm_ops);
TABLE(fi_ops_msg, ep_msg_ops);
TABLE(fi_ops_msg, srx_msg_ops);
TABLE(fi_ops_rma, ep_rma_ops);

/* Whether the table in an object is to be replaced: the first of its kind, or the same as that. */
#define ADOPTS(name, table) (name##_real == NULL || name##_real == (table))
#define ADOPT(name, table)       \
    do {                         \
        if (name##_real == NULL) \
            name = *(table);     \
        name##_real = (table);   \
        (table) = &name;         \
    } while (0)

#define POINT(name)                         \
    do {                                    \
        int error_ = fault_point_hit(name); \
        if (error_ != 0)                    \
            return -error_;                 \
    } while (0)

/* --- data ------------------------------------------------------------------------------------------- */

static ssize_t on_recvmsg(struct fid_ep *ep, const struct fi_msg *msg, uint64_t flags)
{
    POINT("fi_recvmsg");
    return srx_msg_ops_real->recvmsg(ep, msg, flags);
}

static ssize_t on_senddata(struct fid_ep *ep, const void *buf, size_t size, void *desc, uint64_t data, fi_addr_t to,
                           void *context)
{
    POINT("fi_send");
    return ep_msg_ops_real->senddata(ep, buf, size, desc, data, to, context);
}

static ssize_t on_injectdata(struct fid_ep *ep, const void *buf, size_t size, uint64_t data, fi_addr_t to)
{
    POINT("fi_inject");
    return ep_msg_ops_real->injectdata(ep, buf, size, data, to);
}

static ssize_t on_read(struct fid_ep *ep, void *buf, size_t size, void *desc, fi_addr_t to, uint64_t address,
                       uint64_t key, void *context)
{
    POINT("fi_rma");
    return ep_rma_ops_real->read(ep, buf, size, desc, to, address, key, context);
}

static ssize_t on_writemsg(struct fid_ep *ep, const struct fi_msg_rma *msg, uint64_t flags)
{
    POINT("fi_rma");
    return ep_rma_ops_real->writemsg(ep, msg, flags);
}

/* --- endpoints --------------------------------------------------------------------------------------- */

static int on_ep_bind(struct fid *fid, struct fid *to, uint64_t flags)
{
    POINT("fi_ep_bind");
    return ep_fid_ops_real->bind(fid, to, flags);
}

static int on_ep_control(struct fid *fid, int command, void *arg)
{
    if (command == FI_ENABLE)
        POINT("fi_enable");
    return ep_fid_ops_real->control(fid, command, arg);
}

static int on_connect(struct fid_ep *ep, const void *addr, const void *param, size_t size)
{
    POINT("fi_connect");
    return ep_cm_ops_real->connect(ep, addr, param, size);
}

static int on_accept(struct fid_ep *ep, const void *param, size_t size)
{
    POINT("fi_accept");
    return ep_cm_ops_real->accept(ep, param, size);
}

static int on_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep, void *context)
{
    int ret;

    POINT("fi_endpoint");
    ret = domain_ops_real->endpoint(domain, info, ep, context);
    if (ret != 0 || !ADOPTS(ep_fid_ops, (*ep)->fid.ops) || !ADOPTS(ep_msg_ops, (*ep)->msg))
        return ret;
    ADOPT(ep_fid_ops, (*ep)->fid.ops);
    ADOPT(ep_cm_ops, (*ep)->cm);
    ADOPT(ep_msg_ops, (*ep)->msg);
    ADOPT(ep_rma_ops, (*ep)->rma);
    ep_fid_ops.bind = on_ep_bind;
    ep_fid_ops.control = on_ep_control;
    ep_cm_ops.connect = on_connect;
    ep_cm_ops.accept = on_accept;
    ep_msg_ops.senddata = on_senddata;
    ep_msg_ops.injectdata = on_injectdata;
    ep_rma_ops.read = on_read;
    ep_rma_ops.writemsg = on_writemsg;
    return 0;
}

static int on_srx_context(struct fid_domain *domain, struct fi_rx_attr *attr, struct fid_ep **ep, void *context)
{
    int ret;

    POINT("fi_srx_context");
    ret = domain_ops_real->srx_ctx(domain, attr, ep, context);
    if (ret != 0 || !ADOPTS(srx_msg_ops, (*ep)->msg))
        return ret;
    ADOPT(srx_msg_ops, (*ep)->msg);
    srx_msg_ops.recvmsg = on_recvmsg;
    return 0;
}

/* --- domains ------------------------------------------------------------------------------------------- */

static int on_mr_regattr(struct fid *fid, const struct fi_mr_attr *attr, uint64_t flags, struct fid_mr **mr)
{
    POINT("fi_mr_regattr");
    return mr_ops_real->regattr(fid, attr, flags, mr);
}

static ssize_t on_cq_read(struct fid_cq *cq, void *buf, size_t count)
{
    POINT("fi_cq_read");
    return cq_ops_real->read(cq, buf, count);
}

static int on_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **cq, void *context)
{
    int ret;

    POINT("fi_cq_open");
    ret = domain_ops_real->cq_open(domain, attr, cq, context);
    if (ret != 0 || !ADOPTS(cq_ops, (*cq)->ops))
        return ret;
    ADOPT(cq_ops, (*cq)->ops);
    cq_ops.read = on_cq_read;
    return 0;
}

static int on_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context)
{
    int ret;

    POINT("fi_domain");
    ret = fabric_ops_real->domain(fabric, info, domain, context);
    if (ret != 0 || !ADOPTS(domain_ops, (*domain)->ops))
        return ret;
    ADOPT(domain_ops, (*domain)->ops);
    ADOPT(mr_ops, (*domain)->mr);
    domain_ops.cq_open = on_cq_open;
    domain_ops.endpoint = on_endpoint;
    domain_ops.srx_ctx = on_srx_context;
    mr_ops.regattr = on_mr_regattr;
    return 0;
}

/* --- listening ------------------------------------------------------------------------------------------- */

static int on_pep_bind(struct fid *fid, struct fid *to, uint64_t flags)
{
    POINT("fi_pep_bind");
    return pep_fid_ops_real->bind(fid, to, flags);
}

static int on_listen(struct fid_pep *pep)
{
    POINT("fi_listen");
    return pep_cm_ops_real->listen(pep);
}

static int on_getname(fid_t fid, void *addr, size_t *size)
{
    POINT("fi_getname");
    return pep_cm_ops_real->getname(fid, addr, size);
}

static int on_passive_ep(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **pep, void *context)
{
    int ret;

    POINT("fi_passive_ep");
    ret = fabric_ops_real->passive_ep(fabric, info, pep, context);
    if (ret != 0 || !ADOPTS(pep_fid_ops, (*pep)->fid.ops))
        return ret;
    ADOPT(pep_fid_ops, (*pep)->fid.ops);
    ADOPT(pep_cm_ops, (*pep)->cm);
    pep_fid_ops.bind = on_pep_bind;
    pep_cm_ops.listen = on_listen;
    pep_cm_ops.getname = on_getname;
    return 0;
}

static ssize_t on_eq_read(struct fid_eq *eq, uint32_t *event, void *buf, size_t size, uint64_t flags)
{
    POINT("fi_eq_read");
    return eq_ops_real->read(eq, event, buf, size, flags);
}

static int on_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq, void *context)
{
    int ret;

    POINT("fi_eq_open");
    ret = fabric_ops_real->eq_open(fabric, attr, eq, context);
    if (ret != 0 || !ADOPTS(eq_ops, (*eq)->ops))
        return ret;
    ADOPT(eq_ops, (*eq)->ops);
    eq_ops.read = on_eq_read;
    return 0;
}

void wrap_fabric(struct fid_fabric *fabric)
{
    if (fabric->ops == &fabric_ops || !ADOPTS(fabric_ops, fabric->ops))
        return;
    ADOPT(fabric_ops, fabric->ops);
    fabric_ops.domain = on_domain;
    fabric_ops.passive_ep = on_passive_ep;
    fabric_ops.eq_open = on_eq_open;
}
