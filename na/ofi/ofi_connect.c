/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Ways out.
 *
 * Whatever is wrong with the peer rather than with the arguments is told by route_down in a later
 * turn, even where libfabric knows it at once, so that a caller has one place to handle it. Callers
 * serialise per context.
 */
#include "na/ofi/ofi_connect.h"

#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_av.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_fabric.h"
#include "na/ofi/ofi_listen.h"
#include "na/ofi/ofi_resolve.h"
#include "na/ofi/ofi_route.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"

/* Layout: magic 4, version 1, target 1, source 1, zero 1, id 8. */
enum { PRIVATE_VERSION = 1 };
static const unsigned char private_magic[4] = {'q', 's', 'n', 'a'};

void ofi_connect_private_encode(const struct ofi_connect_private *in, unsigned char out[OFI_CONNECT_PRIVATE_SIZE])
{
    memcpy(out, private_magic, sizeof(private_magic));
    out[4] = PRIVATE_VERSION;
    out[5] = in->target;
    out[6] = in->source;
    out[7] = 0;
    util_bytes_put64(out + 8, in->id);
}

int ofi_connect_private_decode(const void *bytes, size_t size, struct ofi_connect_private *out)
{
    const unsigned char *in = bytes;

    if (size < OFI_CONNECT_PRIVATE_SIZE || memcmp(in, private_magic, sizeof(private_magic)) != 0 ||
        in[4] != PRIVATE_VERSION)
        return -EPROTO;
    out->target = in[5];
    out->source = in[6];
    out->id = util_bytes_get64(in + 8);
    return 0;
}

/* Binds an endpoint to the queues of the route's context, and puts it into the route. It is closed where that fails. */
static int connect_bind(struct ofi_route *route, struct fid_ep *ep)
{
    struct ofi_context *context = route->owner;
    struct ofi_class *owner = context->owner;
    int ret = fi_ep_bind(ep, &owner->cm.eq->fid, 0);

    if (ret == 0)
        ret = fi_ep_bind(ep, &context->endpoint.cq->fid, FI_TRANSMIT | FI_RECV);
    if (ret == 0)
        ret = fi_ep_bind(ep, &context->endpoint.rx->fid, 0);
    if (ret == 0)
        ret = fi_enable(ep);
    if (ret != 0) {
        (void)fi_close(&ep->fid);
        return ret;
    }
    route->ep = ep;
    /* From here on another context may read an event of this endpoint, under this lock, and finds the route through
     * it. libfabric orders the two by locks of its own; this makes the order visible to tools as well. */
    util_lock_take(&owner->cm.lock);
    util_lock_drop(&owner->cm.lock);
    return 0;
}

int ofi_connect_endpoint(struct ofi_route *route, struct fi_info *info)
{
    struct fid_ep *ep;
    int ret = fi_endpoint(route->owner->owner->domain, info, &ep, route);

    return ret == 0 ? connect_bind(route, ep) : ret;
}

/* What an endpoint for a connection to `address` is made from, to be freed: our own address, so that it leaves by the device that
 * the class has opened, and the peer's. NULL: no memory. */
static struct fi_info *connect_info_for(const struct ofi_class *owner, const struct ofi_address *address)
{
    struct ofi_address own = owner->address;
    struct fi_info *info = fi_dupinfo(owner->connect_info);

    if (info == NULL)
        return NULL;
    ofi_address_clear_port(&own);
    if (ofi_fabric_info_address(&info->src_addr, &info->src_addrlen, &own) == 0 &&
        ofi_fabric_info_address(&info->dest_addr, &info->dest_addrlen, address) == 0)
        return info;
    fi_freeinfo(info);
    return NULL;
}

void ofi_connect_fail(struct ofi_route *route, int error)
{
    UTIL_LOG_INFO(UTIL_LOG_AREA_OFI, "no connection to %s can be made: %s", route->base.text, ofi_error_text(error));
    ofi_route_end(route, ofi_error_connect(error));
}

/* The route has its endpoint, unless `ret` says that there is none. */
static void connect_go_on(struct ofi_route *route, const struct ofi_address *address, int ret)
{
    struct ofi_connect_private private = {
        .id = route->id, .target = route->base.target_context, .source = route->owner->base.index};
    unsigned char bytes[OFI_CONNECT_PRIVATE_SIZE];

    ofi_connect_private_encode(&private, bytes);
    if (ret == 0)
        ret = fi_connect(route->ep, address->bytes, bytes, sizeof(bytes));
    if (ret != 0)
        ofi_connect_fail(route, ret);
}

void ofi_connect_resolved(struct ofi_route *route, const struct ofi_address *address, struct fid_ep *ep, int error)
{
    if (error == 0)
        error = connect_bind(route, ep);
    connect_go_on(route, address, error == -FI_ETIMEDOUT ? -EHOSTUNREACH : error); /* nobody has the address */
}

/* An endpoint that is made for its peer, which may take a while. */
static void connect_start_for_peer(struct ofi_route *route, const struct ofi_address *address)
{
    struct ofi_class *owner = route->owner->owner;
    struct fi_info *info = connect_info_for(owner, address);
    struct fid_ep *ep = NULL;
    int ret = -FI_ENOMEM;

    if (info != NULL && ofi_resolve_waits(owner)) {
        ret = ofi_resolve_start(route, info, address);
        if (ret != 0)
            ofi_connect_fail(route, ret);
        return;
    }
    ofi_route_start_clock(route);
    if (info != NULL)
        ret = fi_endpoint(owner->domain, info, &ep, route);
    fi_freeinfo(info);
    ofi_connect_resolved(route, address, ep, ret);
}

bool ofi_connect_again(struct ofi_route *route, int error)
{
    struct ofi_class *owner = route->owner->owner;
    struct ofi_address address;

    if (!owner->provider->peer_in_info || ofi_resolve_waits(owner) || error != ETIMEDOUT)
        return false;
    route->tries++;
    if (route->tries >= OFI_RESOLVE_TRIES || ofi_fabric_peer_address(owner, route->base.text, false, &address) != 0)
        return false;
    UTIL_LOG_INFO(UTIL_LOG_AREA_OFI, "nobody says that he is %s, asking again", route->base.text);
    ofi_listen_close_connection(route);
    connect_start_for_peer(route, &address);
    return true;
}

static void connect_start(struct ofi_route *route, const struct ofi_address *address)
{
    struct ofi_class *owner = route->owner->owner;

    if (owner->provider->peer_in_info) {
        connect_start_for_peer(route, address);
    } else {
        ofi_route_start_clock(route);
        connect_go_on(route, address, ofi_connect_endpoint(route, owner->connect_info));
    }
}

/* A datagram route is up at once; whether anybody is there turns out when sending. It leads to context 0: the addresses
 * of further contexts do not follow from the class's. */
static int connect_datagram(struct ofi_route *route, const struct ofi_address *address)
{
    struct ofi_context *context = route->owner;
    int ret;

    (void)ofi_address_text(address, context->owner->base.protocol, route->base.text);
    ret = ofi_av_get(context->owner, address, route->base.text, &route->av_entry);
    if (ret != 0)
        return ret;
    route->ep = context->endpoint.tx;
    route->addr = route->av_entry->addr;
    ofi_route_up(route);
    return 0;
}

int ofi_connect_route_open(struct na_context *base, const char *text, uint8_t target_context, void *user,
                           struct na_route **route_out)
{
    struct ofi_context *context = ofi_context_of(base);
    struct ofi_class *owner = context->owner;
    struct ofi_address address;
    struct ofi_route *route;
    int ret = ofi_fabric_peer_address(owner, text, false, &address);

    if (ret == 0)
        ret = ofi_route_create(context, OFI_ROUTE_STATE_CONNECTING, &route);
    if (ret != 0)
        return ret;
    route->base.user = user;
    if (owner->connected) {
        (void)ofi_address_text(&address, owner->base.protocol, route->base.text);
        route->base.target_context = target_context;
        connect_start(route, &address);
    } else {
        ret = connect_datagram(route, &address);
    }
    if (ret != 0) {
        ofi_route_close(&route->base);
        return ret;
    }
    *route_out = &route->base;
    return 0;
}
