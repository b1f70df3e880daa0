/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the fake libfabric offers, and the fabrics and domains that are opened by it. The name of a fabric is its node's
 * address, which is how an object knows where it lives.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/support/fake_fi_net.h"

#define NODE_FIRST UINT32_C(0x0a000001) /* 10.0.0.1 */

unsigned int fake_node_of(const struct sockaddr_in *address)
{
    uint32_t number = ntohl(address->sin_addr.s_addr) - NODE_FIRST;

    return number < FAKE_FI_NODES ? number : FAKE_FI_NODES;
}

/* --- infos --------------------------------------------------------------------------------------------- */

static void *copy_bytes(const void *bytes, size_t size)
{
    return bytes != NULL && size > 0 ? memcpy(fake_alloc(size), bytes, size) : NULL;
}

static char *copy_text(const char *text)
{
    return text != NULL ? copy_bytes(text, strlen(text) + 1) : NULL;
}

/* Copies what an attribute points to; without one to copy, an empty attribute. */
#define COPY_ATTR(to, from, field)                      \
    do {                                                \
        (to)->field = fake_alloc(sizeof(*(to)->field)); \
        if ((from) != NULL && (from)->field != NULL)    \
            *(to)->field = *(from)->field;              \
    } while (0)

static struct fi_info *info_copy(const struct fi_info *info)
{
    struct fi_info *copy = fake_alloc(sizeof(*copy));

    if (info != NULL)
        *copy = *info;
    copy->next = NULL;
    copy->src_addr = copy_bytes(copy->src_addr, copy->src_addrlen);
    copy->dest_addr = copy_bytes(copy->dest_addr, copy->dest_addrlen);
    COPY_ATTR(copy, info, tx_attr);
    COPY_ATTR(copy, info, rx_attr);
    COPY_ATTR(copy, info, ep_attr);
    COPY_ATTR(copy, info, domain_attr);
    COPY_ATTR(copy, info, fabric_attr);
    copy->domain_attr->name = copy_text(copy->domain_attr->name);
    copy->fabric_attr->name = copy_text(copy->fabric_attr->name);
    copy->fabric_attr->prov_name = copy_text(copy->fabric_attr->prov_name);
    fake_net.counts.infos++;
    return copy;
}

struct fi_info *fake_info_new(void)
{
    return info_copy(NULL);
}

/* Hints are from here, too: fi_allocinfo. */
struct fi_info *fi_dupinfo(const struct fi_info *info)
{
    return fault_point_hit("fi_dupinfo") != 0 ? NULL : info_copy(info);
}

void fi_freeinfo(struct fi_info *info)
{
    while (info != NULL) {
        struct fi_info *next = info->next;

        free(info->src_addr);
        free(info->dest_addr);
        free(info->tx_attr);
        free(info->rx_attr);
        free(info->ep_attr);
        free(info->domain_attr->name);
        free(info->domain_attr);
        free(info->fabric_attr->name);
        free(info->fabric_attr->prov_name);
        free(info->fabric_attr);
        free(info);
        fake_net.counts.infos--;
        info = next;
    }
}

/* The endpoint type of a provider; FI_EP_UNSPEC: there is none of that name. */
static enum fi_ep_type provider_type(const char *name)
{
    if (name != NULL && strcasecmp(name, "tcp") == 0)
        return FI_EP_MSG;
    if (name != NULL && strcasecmp(name, FAKE_FI_DATAGRAM) == 0)
        return FI_EP_RDM;
    return FI_EP_UNSPEC;
}

static void info_fill(struct fi_info *info, bool datagram)
{
    info->addr_format = FI_SOCKADDR_IN;
    info->caps = FI_MSG | FI_RMA | (datagram ? FI_MULTI_RECV : 0);
    info->tx_attr->inject_size = FAKE_INJECT_MAX;
    info->tx_attr->size = 256;
    info->rx_attr->size = 256;
    info->ep_attr->max_msg_size = FAKE_MESSAGE_MAX;
    info->domain_attr->mr_key_size = 8;
    info->domain_attr->cq_data_size = 8;
    info->domain_attr->mr_mode = datagram ? FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_PROV_KEY | FI_MR_ALLOCATED : 0;
    if (info->domain_attr->name == NULL)
        info->domain_attr->name = copy_text("fake");
}

int fi_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
               struct fi_info **info_out)
{
    enum fi_ep_type type = hints != NULL ? provider_type(hints->fabric_attr->prov_name) : FI_EP_UNSPEC;
    char name[INET_ADDRSTRLEN] = "";
    struct fi_info *info;
    int error = fault_point_hit("fi_getinfo");

    (void)version;
    (void)node;
    (void)service;
    (void)flags;
    if (error != 0)
        return -error;
    if (type == FI_EP_UNSPEC || hints->ep_attr->type != type ||
        (hints->src_addr != NULL && fake_node_of(hints->src_addr) == FAKE_FI_NODES))
        return -FI_ENODATA;
    if (type == FI_EP_RDM && ((unsigned int)hints->domain_attr->mr_mode & FI_MR_LOCAL) == 0)
        return -FI_ENODATA;
    info = info_copy(hints);
    info_fill(info, type == FI_EP_RDM);
    if (info->src_addr != NULL)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)info->src_addr)->sin_addr, name, sizeof(name));
    free(info->fabric_attr->name);
    info->fabric_attr->name = copy_text(name);
    *info_out = info;
    return 0;
}

uint32_t fi_version(void)
{
    return FI_VERSION(1, 20);
}

const char *fi_strerror(int errnum)
{
    return errnum == FI_EAVAIL ? "an error is there to be read" : strerror(errnum);
}

/* --- fabrics and domains -------------------------------------------------------------------------------- */

static int life_close(struct fid *fid)
{
    struct fake_life *life = util_container_of(fid, struct fake_life, fid.fid);

    util_list_remove(&life->link);
    fake_net.counts.fabrics--;
    free(life);
    return 0;
}

static struct fi_ops life_fid_ops = {.size = sizeof(struct fi_ops), .close = life_close};
static struct fi_ops_fabric life_ops = {.size = sizeof(struct fi_ops_fabric),
                                        .domain = fake_domain_open,
                                        .passive_ep = fake_pep_open,
                                        .eq_open = fake_eq_open};

int fi_fabric(struct fi_fabric_attr *attr, struct fid_fabric **fabric_out, void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int error = fault_point_hit("fi_fabric");
    struct fake_life *life;

    if (error != 0)
        return -error;
    life = fake_alloc(sizeof(*life));
    (void)inet_pton(AF_INET, attr->name, &address.sin_addr);
    life->fid.fid = (struct fid){.fclass = FI_CLASS_FABRIC, .context = context, .ops = &life_fid_ops};
    life->fid.ops = &life_ops;
    life->node = fake_node_of(&address);
    life->number = (unsigned int)++fake_net.numbers;
    util_list_push(&fake_net.lives, &life->link);
    fake_net.counts.fabrics++;
    *fabric_out = &life->fid;
    return 0;
}

static int domain_close(struct fid *fid)
{
    struct fake_domain *domain = util_container_of(fid, struct fake_domain, fid.fid);

    if (!util_list_empty(&domain->memory))
        fake_misuse("a domain was closed with registrations open");
    fake_net.counts.domains--;
    free(domain);
    return 0;
}

static struct fi_ops domain_fid_ops = {.size = sizeof(struct fi_ops), .close = domain_close};
static struct fi_ops_domain domain_ops = {.size = sizeof(struct fi_ops_domain),
                                          .av_open = fake_av_open,
                                          .cq_open = fake_cq_open,
                                          .endpoint = fake_ep_open,
                                          .srx_ctx = fake_srx_open};

int fake_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **out, void *context)
{
    struct fake_domain *domain;
    int error = fault_point_hit("fi_domain");

    if (error != 0)
        return -error;
    domain = fake_alloc(sizeof(*domain));
    domain->fid.fid = (struct fid){.fclass = FI_CLASS_DOMAIN, .context = context, .ops = &domain_fid_ops};
    domain->fid.ops = &domain_ops;
    domain->fid.mr = &fake_mr_ops;
    domain->life = util_container_of(fabric, struct fake_life, fid);
    domain->datagram = info->ep_attr->type == FI_EP_RDM;
    util_list_init(&domain->memory);
    fake_net.counts.domains++;
    *out = &domain->fid;
    return 0;
}

/* --- address vectors ---------------------------------------------------------------------------------------- */

static int av_insert(struct fid_av *fid, const void *addr, size_t count, fi_addr_t *out, uint64_t flags, void *context)
{
    struct fake_av *av = util_container_of(fid, struct fake_av, fid);
    size_t i = 0;
    int error = fault_point_hit("fi_av_insert");

    (void)flags;
    (void)context;
    if (error != 0)
        return -error;
    if (count != 1)
        return -FI_EINVAL;
    while (i < av->count && av->addresses[i].sin_family != 0)
        i++;
    if (i == av->count) {
        av->addresses = realloc(av->addresses, ++av->count * sizeof(*av->addresses));
        if (av->addresses == NULL)
            abort();
    }
    av->addresses[i] = *(const struct sockaddr_in *)addr;
    fake_net.counts.addresses++;
    *out = i;
    return 1;
}

static int av_remove(struct fid_av *fid, fi_addr_t *addrs, size_t count, uint64_t flags)
{
    struct fake_av *av = util_container_of(fid, struct fake_av, fid);

    (void)flags;
    for (size_t i = 0; i < count; i++) {
        if (addrs[i] >= av->count || av->addresses[addrs[i]].sin_family == 0) {
            fake_misuse("an address was removed that is not there");
            return -FI_EINVAL;
        }
        av->addresses[addrs[i]].sin_family = 0;
        fake_net.counts.addresses--;
    }
    return 0;
}

static int av_close(struct fid *fid)
{
    struct fake_av *av = util_container_of(fid, struct fake_av, fid.fid);

    for (size_t i = 0; i < av->count; i++)
        fake_net.counts.addresses -= av->addresses[i].sin_family != 0;
    free(av->addresses);
    free(av);
    return 0;
}

static struct fi_ops av_fid_ops = {.size = sizeof(struct fi_ops), .close = av_close};
static struct fi_ops_av av_ops = {.size = sizeof(struct fi_ops_av), .insert = av_insert, .remove = av_remove};

int fake_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **out, void *context)
{
    int error = fault_point_hit("fi_av_open");
    struct fake_av *av;

    (void)domain;
    (void)attr;
    if (error != 0)
        return -error;
    av = fake_alloc(sizeof(*av));
    av->fid.fid = (struct fid){.fclass = FI_CLASS_AV, .context = context, .ops = &av_fid_ops};
    av->fid.ops = &av_ops;
    *out = &av->fid;
    return 0;
}
