/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's endpoint. Set-up only; the caller serialises per class.
 */
#include "na/ofi/ofi_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "na/ofi/ofi_device.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_recv.h"
#include "util/util_detail.h"

enum {
    QUEUE_SIZE = 2048,
    QUEUE_LEAST = 64, /* for sends, and for puts and gets */
};

static size_t endpoint_queue_size(const struct ofi_class *owner)
{
    return owner->queue_size > 0 ? owner->queue_size : QUEUE_SIZE;
}

int ofi_endpoint_fit_queue(struct ofi_class *owner)
{
    size_t receives = ofi_recv_count(owner);
    size_t size = ofi_device_queue_max(owner->domain, QUEUE_SIZE + receives);
    size_t rest = size > receives ? (size - receives) / 2 : 0;

    if (rest < QUEUE_LEAST)
        return util_detail_set(-ENOBUFS,
                               "a completion queue of %s holds at most %zu entries, but %zu receive buffers and %u "
                               "operations need one each",
                               owner->info->domain_attr->name, size, receives, 2U * QUEUE_LEAST);
    owner->queue_size = size;
    if (owner->slots > rest)
        owner->slots = (uint32_t)rest;
    owner->rma_slots = (uint32_t)rest;
    return 0;
}

/* Opens the queue with something to wait on, as the provider's row says. Gives libfabric's error. */
static int endpoint_open_waitable(struct ofi_class *owner, struct ofi_endpoint *endpoint)
{
    struct fi_cq_attr attr = {.size = endpoint_queue_size(owner), .format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_FD};
    int ret = 0;

    if (owner->provider->wait == OFI_PROVIDER_WAIT_SET) {
        ret = ofi_compat_wait_open(owner->fabric, &endpoint->wait_set, &endpoint->cq_fd);
        attr.wait_obj = FI_WAIT_SET;
        attr.wait_set = endpoint->wait_set;
    }
    if (ret == 0)
        ret = fi_cq_open(owner->domain, &attr, &endpoint->cq, NULL);
    if (ret == 0 && attr.wait_obj == FI_WAIT_FD)
        ret = fi_control(&endpoint->cq->fid, FI_GETWAIT, &endpoint->cq_fd);
    return ret;
}

static int endpoint_open_queue(struct ofi_class *owner, struct ofi_endpoint *endpoint)
{
    struct fi_cq_attr attr = {
        .size = endpoint_queue_size(owner), .format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_NONE};
    int ret = -FI_ENOSYS;

    endpoint->cq_fd = -1;
    if (!owner->never_block)
        ret = endpoint_open_waitable(owner, endpoint);
    /* A provider that has no wait objects is polled, with short sleeps: see ofi_wait.c. */
    if (ret == -FI_ENOSYS)
        ret = fi_cq_open(owner->domain, &attr, &endpoint->cq, NULL);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%s has no completion queue: %s", owner->base.provider,
                               ofi_error_text(ret));
    return 0;
}

/* The least room that a multi-receive buffer must have left to be used further. */
static int endpoint_set_recv_room(struct ofi_class *owner, struct fid_ep *ep)
{
    size_t room = owner->base.limits.frame_max;

    return fi_setopt(&ep->fid, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, &room, sizeof(room));
}

static int endpoint_enable(struct ofi_class *owner, struct ofi_endpoint *endpoint)
{
    int ret = fi_ep_bind(endpoint->tx, &owner->av.fid->fid, 0);

    if (ret == 0)
        ret = fi_ep_bind(endpoint->tx, &endpoint->cq->fid, FI_TRANSMIT | FI_RECV);
    if (ret == 0 && owner->multi_recv)
        ret = endpoint_set_recv_room(owner, endpoint->tx);
    return ret != 0 ? ret : fi_enable(endpoint->tx);
}

static int endpoint_fail(struct ofi_class *owner, const struct ofi_address *address, int ret)
{
    char text[NA_ADDRESS_MAX] = "an endpoint";
    char cure[256];
    int error = ofi_error(ret);

    if (ofi_device_explain_layer(owner, ret, cure, sizeof(cure)))
        return util_detail_set(error, "%s", cure);

    if (address->size > 0)
        (void)ofi_address_text(address, owner->base.protocol, text);
    if (error == -EADDRINUSE || error == -EBUSY)
        return util_detail_set(-EADDRINUSE, "%s is in use by another process", text);
    if (error == -EADDRNOTAVAIL)
        return util_detail_set(error, "%s is not an address of this machine", text);
    return util_detail_set(error, "%s cannot open %s: %s", owner->base.provider, text, ofi_error_text(ret));
}

static int endpoint_open_datagram(struct ofi_class *owner, const struct ofi_address *address,
                                  struct ofi_endpoint *endpoint)
{
    struct fi_info *info = fi_dupinfo(owner->info);
    int ret = 0;

    if (info == NULL)
        return util_detail_set(-ENOMEM, "no memory for an endpoint");
    if (address->size > 0) {
        free(info->src_addr);
        info->src_addr = malloc(address->size);
        info->src_addrlen = address->size;
        if (info->src_addr != NULL)
            memcpy(info->src_addr, address->bytes, address->size);
        else
            ret = -FI_ENOMEM;
    }
    if (ret == 0)
        ret = fi_endpoint(owner->domain, info, &endpoint->tx, NULL);
    endpoint->rx = endpoint->tx;
    if (ret == 0)
        ret = endpoint_enable(owner, endpoint);
    if (ret == 0) {
        endpoint->address.format = info->addr_format;
        endpoint->address.size = sizeof(endpoint->address.bytes);
        ret = fi_getname(&endpoint->tx->fid, endpoint->address.bytes, &endpoint->address.size);
    }
    fi_freeinfo(info);
    if (ret != 0)
        return endpoint_fail(owner, address, ret);
    return 0;
}

/* The shared receive context, which must hold all receives where a device makes it. */
static int endpoint_open_shared(struct ofi_class *owner, struct ofi_endpoint *endpoint)
{
    struct fi_rx_attr attr = *owner->info->rx_attr;
    int ret;

    if (owner->provider->exact_queue)
        attr.size = ofi_recv_count(owner);
    ret = fi_srx_context(owner->domain, &attr, &endpoint->rx, NULL);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%s has no shared receive context of %zu buffers: %s",
                               owner->base.provider, attr.size, ofi_error_text(ret));
    return 0;
}

int ofi_endpoint_open(struct ofi_class *owner, const struct ofi_address *address, struct ofi_endpoint *endpoint)
{
    int ret;

    memset(endpoint, 0, sizeof(*endpoint));
    ret = endpoint_open_queue(owner, endpoint);
    if (ret != 0)
        return ret;
    if (!owner->connected)
        return endpoint_open_datagram(owner, address, endpoint);
    return endpoint_open_shared(owner, endpoint);
}

void ofi_endpoint_close(struct ofi_endpoint *endpoint)
{
    if (endpoint->rx != NULL)
        (void)fi_close(&endpoint->rx->fid);
    if (endpoint->cq != NULL)
        (void)fi_close(&endpoint->cq->fid);
    if (endpoint->wait_set != NULL)
        (void)fi_close(&endpoint->wait_set->fid);
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->cq_fd = -1;
}
