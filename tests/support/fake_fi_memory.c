/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Registrations of the fake libfabric. Connected domains let the user choose keys and address memory from 0; datagram
 * domains make keys, address memory by its address, and want local buffers registered.
 */
#include <stdlib.h>

#include "tests/support/fake_fi_net.h"

static struct fake_mr *mr_find(struct fake_domain *domain, uint64_t key)
{
    util_list_each (node, &domain->memory) {
        struct fake_mr *mr = util_container_of(node, struct fake_mr, link);

        if (mr->fid.key == key)
            return mr;
    }
    return NULL;
}

int fake_mr_check(struct fake_domain *domain, const struct fake_packet *packet, uint64_t access, size_t size,
                  unsigned char **memory_out)
{
    const struct fake_mr *mr = mr_find(domain, packet->key);
    uint64_t first = domain->datagram && mr != NULL ? (uintptr_t)mr->base : 0;
    uint64_t offset = packet->address - first;

    if (mr == NULL || (mr->access & access) == 0)
        return FI_EACCES;
    if (packet->address < first || offset > mr->size || size > mr->size - offset)
        return FI_EACCES;
    *memory_out = mr->base + offset;
    return 0;
}

void fake_mr_check_local(const struct fake_ep *ep, const void *buf, size_t size, const void *desc)
{
    const struct fake_mr *mr = desc;
    const unsigned char *first = buf;

    if (!ep->domain->datagram)
        return;
    if (mr == NULL || first < mr->base || size > mr->size || first + size > mr->base + mr->size)
        fake_misuse("a local buffer is not inside the registration that is named for it");
}

static int mr_close(struct fid *fid)
{
    struct fake_mr *mr = util_container_of(fid, struct fake_mr, fid.fid);

    util_list_remove(&mr->link);
    fake_net.counts.registrations--;
    free(mr);
    return 0;
}

static struct fi_ops mr_fid_ops = {.size = sizeof(struct fi_ops), .close = mr_close};

static int mr_regattr(struct fid *fid, const struct fi_mr_attr *attr, uint64_t flags, struct fid_mr **out)
{
    struct fake_domain *domain = util_container_of(fid, struct fake_domain, fid.fid);
    uint64_t key = domain->datagram ? util_prng_next(&fake_net.prng) : attr->requested_key;
    struct fake_mr *mr;
    int error = fault_point_hit("fi_mr_regattr");

    (void)flags;
    if (error != 0)
        return -error;
    if (fake_chance(fake_net.troubles[domain->life->node].memory_permille))
        return -FI_ENOMEM;
    if (attr->iov_count != 1)
        return -FI_EINVAL;
    if (mr_find(domain, key) != NULL)
        return -FI_ENOKEY;
    mr = fake_alloc(sizeof(*mr));
    mr->fid.fid = (struct fid){.fclass = FI_CLASS_MR, .context = attr->context, .ops = &mr_fid_ops};
    mr->fid.mem_desc = mr;
    mr->fid.key = key;
    mr->domain = domain;
    mr->base = attr->mr_iov[0].iov_base;
    mr->size = attr->mr_iov[0].iov_len;
    mr->access = attr->access;
    util_list_push(&domain->memory, &mr->link);
    fake_net.counts.registrations++;
    *out = &mr->fid;
    return 0;
}

struct fi_ops_mr fake_mr_ops = {.size = sizeof(struct fi_ops_mr), .regattr = mr_regattr};
