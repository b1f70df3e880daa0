/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * From an info string to an open fabric and domain.
 *
 * Everything that is asked of libfabric is asked by hints; no environment variable is set. Set-up
 * only: one thread per class.
 */
#include "na/ofi/ofi_fabric.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "na/ofi/ofi_device.h"
#include "na/ofi/ofi_error.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_log.h"

/* Registration modes that ofi_mr.c can deal with; FI_MR_VIRT_ADDR and FI_MR_HMEM are offered where
 * wanted. */
#define MR_MODES (FI_MR_LOCAL | FI_MR_PROV_KEY | FI_MR_ALLOCATED | FI_MR_ENDPOINT | FI_MR_RAW)

enum { ID_SIZE_LEAST = 4 }; /* bytes that must come with a message to name its connection */

/* Copies for libfabric, which frees with free(). */
static char *fabric_copy(const void *bytes, size_t size)
{
    char *copy = malloc(size);

    if (copy != NULL)
        memcpy(copy, bytes, size);
    return copy;
}

int ofi_fabric_info_address(void **bytes, size_t *size, const struct ofi_address *address)
{
    char *copy = fabric_copy(address->bytes, address->size);

    if (copy == NULL)
        return -FI_ENOMEM;
    free(*bytes);
    *bytes = copy;
    *size = address->size;
    return 0;
}

static int fabric_hints_address(struct fi_info *hints, const struct ofi_address *address)
{
    hints->addr_format = address->format;
    return ofi_fabric_info_address(&hints->src_addr, &hints->src_addrlen, address);
}

/* libfabric's number for a value of enum na_traffic_class, which the caller has checked. */
static uint32_t fabric_traffic_class(unsigned int traffic_class)
{
    static const uint32_t numbers[] = {FI_TC_UNSPEC,           FI_TC_BEST_EFFORT, FI_TC_LOW_LATENCY, FI_TC_BULK_DATA,
                                       FI_TC_DEDICATED_ACCESS, FI_TC_SCAVENGER,   FI_TC_NETWORK_CTRL};

    return traffic_class < sizeof(numbers) / sizeof(numbers[0]) ? numbers[traffic_class] : FI_TC_UNSPEC;
}

static int fabric_hints(struct fi_info *hints, const struct ofi_provider *row, const char *protocol,
                        const struct na_uri *uri, const struct na_config *config)
{
    const char *provider = ofi_provider_name(row, protocol);

    hints->caps = FI_MSG | FI_RMA;
    hints->mode = FI_CONTEXT | FI_CONTEXT2 | (row->cq_data_mode ? FI_RX_CQ_DATA : 0);
    hints->ep_attr->type = row->ep_type;
    if (row->ep_type == FI_EP_MSG)
        hints->ep_attr->rx_ctx_cnt = FI_SHARED_CONTEXT;
    hints->domain_attr->mr_mode = (int)(MR_MODES | (row->virt_addr ? FI_MR_VIRT_ADDR : 0));
    hints->domain_attr->threading = FI_THREAD_SAFE;
    hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
    hints->tx_attr->size = row->queue_size;
    hints->rx_attr->size = row->queue_size;
    if (config != NULL && config->device_memory) {
        hints->caps |= FI_HMEM;
        hints->domain_attr->mr_mode |= FI_MR_HMEM;
    }
    if (config != NULL && config->single_threaded)
        hints->domain_attr->threading = FI_THREAD_DOMAIN;
    if (config != NULL && config->traffic_class != 0)
        hints->tx_attr->tclass = fabric_traffic_class(config->traffic_class);
    hints->fabric_attr->prov_name = fabric_copy(provider, strlen(provider) + 1);
    if (hints->fabric_attr->prov_name == NULL)
        return -FI_ENOMEM;
    if (uri != NULL && uri->domain[0] != '\0') {
        hints->domain_attr->name = fabric_copy(uri->domain, strlen(uri->domain) + 1);
        if (hints->domain_attr->name == NULL)
            return -FI_ENOMEM;
    }
    return 0;
}

static bool fabric_is_domain(const struct fi_info *info, const char *domain)
{
    return domain[0] == '\0' || (info->domain_attr->name != NULL && strcmp(info->domain_attr->name, domain) == 0);
}

/* libfabric may offer layered providers for a plain name, and some versions ignore a wish for a domain:
 * takes the first that is what was asked for. NULL if there is none in that domain. */
static struct fi_info *fabric_choose(struct fi_info *list, const char *provider, const char *domain)
{
    struct fi_info *second = NULL;

    for (struct fi_info *info = list; info != NULL; info = info->next) {
        if (!fabric_is_domain(info, domain))
            continue;
        if (strcasecmp(info->fabric_attr->prov_name, provider) == 0)
            return info;
        if (second == NULL)
            second = info;
    }
    return second;
}

static int fabric_getinfo(const struct ofi_provider *row, const char *protocol, const struct na_uri *uri,
                          const struct ofi_address *address, const struct na_config *config, struct fi_info **list_out)
{
    struct fi_info *hints = fi_allocinfo();
    int ret;

    if (hints == NULL)
        return -FI_ENOMEM;
    ret = fabric_hints(hints, row, protocol, uri, config);
    if (ret == 0 && address != NULL)
        ret = fabric_hints_address(hints, address);
    if (ret == 0 && row->multi_recv && (config == NULL || !config->recv_single)) {
        hints->caps |= FI_MULTI_RECV;
        ret = fi_getinfo(ofi_compat_api(), NULL, NULL, 0, hints, list_out);
        if (ret == 0) {
            fi_freeinfo(hints);
            return 0;
        }
        hints->caps &= ~FI_MULTI_RECV;
        ret = 0;
    }
    if (ret == 0)
        ret = fi_getinfo(ofi_compat_api(), NULL, NULL, 0, hints, list_out);
    fi_freeinfo(hints);
    return ret;
}

int ofi_fabric_query_all(const struct ofi_provider *row, const char *protocol, struct fi_info **list_out)
{
    return fabric_getinfo(row, protocol, NULL, NULL, NULL, list_out);
}

/* Our own address as far as it is known before anything is open. */
static int fabric_own_address(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri)
{
    switch (owner->provider->addressing) {
    case OFI_PROVIDER_ADDRESSING_DEVICE:
        return ofi_device_choose(owner, config, uri);
    case OFI_PROVIDER_ADDRESSING_IP:
        return ofi_address_local_ip(uri, config->ip_subnet, config->addr_format, &owner->address);
    case OFI_PROVIDER_ADDRESSING_ANY:
        memset(&owner->address, 0, sizeof(owner->address));
        if (uri->host[0] == '\0' && uri->port < 0 && config->ip_subnet == NULL && config->addr_format < 4)
            return 0;
        return ofi_address_local_ip(uri, config->ip_subnet, config->addr_format, &owner->address);
    }
    return -EINVAL;
}

/* The port goes into the info. */
static int fabric_set_source(struct ofi_class *owner)
{
    if (owner->provider->addressing != OFI_PROVIDER_ADDRESSING_DEVICE)
        return 0;
    return ofi_fabric_info_address(&owner->info->src_addr, &owner->info->src_addrlen, &owner->address);
}

static int fabric_find(struct ofi_class *owner, const struct na_config *config, const struct na_uri *uri)
{
    struct ofi_address address = owner->address;
    struct fi_info *list = NULL;
    struct fi_info *found = NULL;
    int ret;

    /* A device's port is taken already while it is looked for; whoever opens it later says what is wrong with it. */
    if (owner->provider->addressing == OFI_PROVIDER_ADDRESSING_DEVICE)
        ofi_address_clear_port(&address);
    ret = fabric_getinfo(owner->provider, owner->base.protocol, uri, address.size > 0 ? &address : NULL, config, &list);
    if (ret == 0)
        found = fabric_choose(list, owner->base.provider, uri->domain);
    if (ret == -FI_ENODATA || (ret == 0 && found == NULL)) {
        if (list != NULL)
            fi_freeinfo(list);
        return util_detail_set(-ENODEV,
                               "libfabric %u.%u has no provider '%s' that can serve %s on this machine%s%s%s%s",
                               FI_MAJOR(ofi_compat_runtime()), FI_MINOR(ofi_compat_runtime()), owner->base.provider,
                               config->uri, uri->domain[0] != '\0' ? " with the domain " : "", uri->domain,
                               config->device_memory ? ", with device memory (request_mem_device)" : "",
                               config->traffic_class != 0 ? ", with that traffic_class" : "");
    }
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "libfabric cannot serve %s: %s", config->uri, ofi_error_text(ret));
    owner->info = fi_dupinfo(found);
    fi_freeinfo(list);
    if (owner->info == NULL || (owner->address.size > 0 && fabric_set_source(owner) != 0))
        return util_detail_set(-ENOMEM, "no memory to open %s", owner->base.provider);
    if (owner->provider->cq_data_mode && owner->info->domain_attr->cq_data_size < ID_SIZE_LEAST)
        return util_detail_set(
            -EOPNOTSUPP, "the device %s sends no data with messages (iWARP); use verbs;ofi_rxm in the place of %s",
            owner->info->domain_attr->name, owner->base.protocol);
    owner->multi_recv = owner->provider->multi_recv && !config->recv_single && (owner->info->caps & FI_MULTI_RECV) != 0;
    owner->recv_buffers = config->recv_buffers;
    return 0;
}

static int fabric_open_domain(struct ofi_class *owner)
{
    int ret = fi_fabric(owner->info->fabric_attr, &owner->fabric, NULL);

    if (ret == 0)
        ret = fi_domain(owner->fabric, owner->info, &owner->domain, NULL);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "the provider %s cannot be opened: %s", owner->base.provider,
                               ofi_error_text(ret));
    return 0;
}

/* Outgoing connections leave by whatever address the system picks, and by no fixed port. */
static int fabric_make_connect_info(struct ofi_class *owner)
{
    owner->connect_info = fi_dupinfo(owner->info);
    if (owner->connect_info == NULL)
        return util_detail_set(-ENOMEM, "no memory to open %s", owner->base.provider);
    free(owner->connect_info->src_addr);
    owner->connect_info->src_addr = NULL;
    owner->connect_info->src_addrlen = 0;
    return 0;
}

int ofi_fabric_open(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri)
{
    int ret;

    if (config->auth_key != NULL && config->auth_key[0] != '\0')
        return util_detail_set(-EOPNOTSUPP, "%s takes no authentication key", owner->base.provider);
    ret = fabric_own_address(owner, config, uri);
    if (ret == 0)
        ret = fabric_find(owner, config, uri);
    if (ret == 0)
        ret = fabric_make_connect_info(owner);
    if (ret == 0)
        ret = fabric_open_domain(owner);
    if (ret == 0)
        owner->mr_mode = (uint64_t)(unsigned int)owner->info->domain_attr->mr_mode;
    return ret;
}

void ofi_fabric_close(struct ofi_class *owner)
{
    if (owner->domain != NULL)
        (void)fi_close(&owner->domain->fid);
    if (owner->fabric != NULL)
        (void)fi_close(&owner->fabric->fid);
    if (owner->info != NULL)
        fi_freeinfo(owner->info);
    if (owner->connect_info != NULL)
        fi_freeinfo(owner->connect_info);
    owner->domain = NULL;
    owner->fabric = NULL;
    owner->info = NULL;
    owner->connect_info = NULL;
}

/* Whether an address of this protocol can be reached by the class: the same, or another name for
 * the same provider. */
static bool fabric_speaks(const struct ofi_class *owner, const char *protocol)
{
    const struct ofi_provider *row;

    if (strcmp(protocol, owner->base.protocol) == 0)
        return true;
    row = ofi_provider_find(protocol);
    return row->ep_type == owner->provider->ep_type &&
           strcasecmp(ofi_provider_name(row, protocol), owner->base.provider) == 0;
}

int ofi_fabric_peer_address(const struct ofi_class *owner, const char *text, bool named, struct ofi_address *out)
{
    struct na_uri uri;
    int ret = ofi_address_parse(text, &uri);

    if (ret != 0)
        return ret;
    if (!fabric_speaks(owner, uri.protocol))
        return util_detail_set(-EPROTONOSUPPORT, "'%.200s' is an address of %s, but this class speaks %s", text,
                               uri.protocol, owner->base.protocol);
    switch (owner->address.format) {
    case FI_SOCKADDR:
    case FI_SOCKADDR_IN:
    case FI_SOCKADDR_IN6:
        return ofi_address_remote_ip(&uri, owner->address.sa.sa_family, named, out);
    case FI_ADDR_STR:
        return ofi_address_name(&uri, out);
    default:
        return ofi_address_hex(&uri, owner->address.format, out);
    }
}
