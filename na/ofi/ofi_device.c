/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * RDMA devices: which one a class uses, by what address, and what it can hold.
 *
 * libfabric lists one fi_info for each address of each device; the choice is made among those, since an address that no
 * device serves (loopback, an ordinary network) cannot be used however well it is reachable.
 */
#include "na/ofi/ofi_device.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_fabric.h"
#include "na/ofi/ofi_system.h"
#include "util/util_detail.h"

enum {
    QUEUE_STEPS = 16,       /* fractions of the wanted size that are tried */
    LAYER_QUEUE = 128,      /* entries that rxm asks for, for each peer, to send and again to receive */
    LAYER_UNIVERSE = 256,   /* peers that it reckons with by default */
    LAYER_QUEUE_MAX = 65536 /* what it asks for then */
};

/* What the user asked for. */
struct device_wish {
    const char *domain;      /* "": any */
    const char *ip_subnet;   /* NULL: any */
    int addr_format;         /* 4, 6 or 0 */
    struct ofi_address host; /* size 0: any */
};

static bool device_family_fits(const struct ofi_address *address, int addr_format)
{
    if (address->format == FI_SOCKADDR_IN)
        return addr_format != 6;
    return address->format == FI_SOCKADDR_IN6 && addr_format != 4;
}

bool ofi_device_address(const struct fi_info *info, struct ofi_address *out)
{
    memset(out, 0, sizeof(*out));
    if (info->src_addr == NULL || info->src_addrlen > sizeof(out->bytes) || info->domain_attr->name == NULL ||
        (info->addr_format != FI_SOCKADDR_IN && info->addr_format != FI_SOCKADDR_IN6))
        return false;
    out->format = info->addr_format;
    out->size = info->src_addrlen;
    memcpy(out->bytes, info->src_addr, info->src_addrlen);
    return out->format == FI_SOCKADDR_IN ||
           !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)&out->storage)->sin6_addr);
}

/* 1 if it is what was asked for, 0 if not, or an error in the wish. */
static int device_fits(const struct fi_info *info, const struct ofi_address *address, const struct device_wish *wish)
{
    if (!device_family_fits(address, wish->addr_format))
        return 0;
    if (wish->domain[0] != '\0' && strcmp(info->domain_attr->name, wish->domain) != 0)
        return 0;
    if (wish->host.size > 0)
        return ofi_address_same_host(address, &wish->host);
    return wish->ip_subnet != NULL && wish->ip_subnet[0] != '\0' ? ofi_address_inside(address, wish->ip_subnet) : 1;
}

/* The best of the list into *out and its info into *found (NULL if there is none). */
static int device_find(const struct ofi_class *owner, const struct fi_info *list, const struct device_wish *wish,
                       struct ofi_address *out, const struct fi_info **found)
{
    *found = NULL;
    for (const struct fi_info *info = list; info != NULL; info = info->next) {
        struct ofi_address address;
        int fits;

        if (strcasecmp(info->fabric_attr->prov_name, owner->base.provider) != 0 ||
            !ofi_device_address(info, &address) ||
            (info->ep_attr->protocol == FI_PROTO_RDMA_CM_IB_XRC && wish->domain[0] == '\0'))
            continue;
        fits = device_fits(info, &address, wish);
        if (fits < 0)
            return fits;
        if (fits == 0 || (*found != NULL && (out->format == FI_SOCKADDR_IN || address.format != FI_SOCKADDR_IN)))
            continue;
        *found = info;
        *out = address;
    }
    return 0;
}

/* The host part: an address, a name, or an interface; the same goes for a domain that is no device's name. */
static int device_wish_make(const struct na_config *config, const struct na_uri *uri, struct device_wish *wish)
{
    struct na_uri other = *uri;

    *wish =
        (struct device_wish){.domain = uri->domain, .ip_subnet = config->ip_subnet, .addr_format = config->addr_format};
    if (uri->host[0] == '\0' && ofi_system_is_interface(uri->domain)) {
        wish->domain = "";
        memcpy(other.host, uri->domain, sizeof(uri->domain));
    }
    if (other.host[0] == '\0')
        return 0;
    return ofi_address_local_ip(&other, NULL, config->addr_format, &wish->host);
}

static int device_fail(const struct ofi_class *owner, const struct na_config *config, const struct fi_info *list,
                       const struct device_wish *wish)
{
    char text[300] = "";
    size_t used = 0;

    if (list == NULL || (wish->domain[0] != '\0' && wish->host.size == 0)) {
        ofi_system_why(OFI_SYSTEM_ROOT, wish->domain, text, sizeof(text));
        return util_detail_set(-ENODEV, "%s cannot be served: %s", config->uri, text);
    }
    for (const struct fi_info *info = list; info != NULL && used < sizeof(text); info = info->next) {
        struct ofi_address address;
        char name[NA_ADDRESS_MAX];

        if (!ofi_device_address(info, &address) || ofi_address_text(&address, "", name) != 0 ||
            strrchr(name, ':') == NULL)
            continue;
        *strrchr(name, ':') = '\0'; /* "://10.0.0.1:0" */
        if (strstr(text, name + strlen("://")) != NULL)
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s of %s", used > 0 ? ", " : "",
                                 name + strlen("://"), info->domain_attr->name);
    }
    return util_detail_set(-ENODEV, "%s is at no address of a device that %s can use%s%s%s", config->uri,
                           owner->base.provider, used > 0 ? " (those are " : "", text, used > 0 ? ")" : "");
}

int ofi_device_choose(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri)
{
    struct device_wish wish;
    struct fi_info *list = NULL;
    const struct fi_info *found = NULL;
    int ret = device_wish_make(config, uri, &wish);

    if (ret != 0)
        return ret;
    ret = ofi_fabric_query_all(owner->provider, owner->base.protocol, &list);
    if (ret != 0 && ret != -FI_ENODATA)
        return util_detail_set(ofi_error(ret), "libfabric cannot serve %s: %s", config->uri, ofi_error_text(ret));
    ret = device_find(owner, list, &wish, &owner->address, &found);
    if (ret == 0 && found == NULL)
        ret = device_fail(owner, config, list, &wish);
    if (ret == 0 && found != NULL) {
        (void)snprintf(uri->domain, sizeof(uri->domain), "%.63s", found->domain_attr->name);
        ofi_address_set_port(&owner->address, uri->port > 0 ? uri->port : 0);
    }
    if (list != NULL)
        fi_freeinfo(list);
    return ret;
}

size_t ofi_device_queue_max(struct fid_domain *domain, size_t wanted)
{
    for (size_t step = QUEUE_STEPS; step > 0; step--) {
        struct fi_cq_attr attr = {
            .size = wanted * step / QUEUE_STEPS, .format = FI_CQ_FORMAT_DATA, .wait_obj = FI_WAIT_NONE};
        struct fid_cq *cq = NULL;

        if (attr.size > 0 && fi_cq_open(domain, &attr, &cq, NULL) == 0) {
            (void)fi_close(&cq->fid);
            return attr.size;
        }
    }
    return 0;
}

/* The largest queue that the device below makes. */
static size_t device_queue_below(const struct ofi_class *owner)
{
    const struct ofi_provider *row = ofi_provider_find("verbs");
    struct fi_info *list = NULL;
    struct fid_fabric *fabric = NULL;
    struct fid_domain *domain = NULL;
    const struct fi_info *info;
    size_t size = 0;

    if (ofi_fabric_query_all(row, "verbs", &list) != 0)
        return 0;
    for (info = list; info != NULL; info = info->next) {
        if (strcmp(info->domain_attr->name, owner->info->domain_attr->name) == 0)
            break;
    }
    if (info != NULL && fi_fabric(info->fabric_attr, &fabric, NULL) == 0 &&
        fi_domain(fabric, (struct fi_info *)info, &domain, NULL) == 0)
        size = ofi_device_queue_max(domain, LAYER_QUEUE_MAX);
    if (domain != NULL)
        (void)fi_close(&domain->fid);
    if (fabric != NULL)
        (void)fi_close(&fabric->fid);
    fi_freeinfo(list);
    return size;
}

bool ofi_device_explain_layer(const struct ofi_class *owner, int ret, char *text, size_t size)
{
    size_t queue;

    if (owner->connected || owner->provider->addressing != OFI_PROVIDER_ADDRESSING_DEVICE || ret != -FI_EINVAL)
        return false;
    queue = device_queue_below(owner);
    if (queue == 0 || queue >= LAYER_QUEUE_MAX)
        return false;
    (void)snprintf(text, size,
                   "%s asks for a completion queue for FI_UNIVERSE_SIZE (%d by default) peers, and %s makes none above "
                   "%zu entries: set FI_UNIVERSE_SIZE=%zu, or use verbs://",
                   owner->base.provider, LAYER_UNIVERSE, owner->info->domain_attr->name, queue,
                   queue / (2U * LAYER_QUEUE));
    return true;
}
