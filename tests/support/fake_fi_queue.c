/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Completion queues and event queues of the fake libfabric. Neither can be waited for: the library is told that there are
 * no wait objects, and the simulation lets it look.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi_net.h"

struct fake_entry {
    struct util_list link;
    struct fi_cq_data_entry data;
    int error; /* 0: good */
};

struct fake_notice {
    struct util_list link;
    uint32_t kind; /* 0: an error */
    int error;
    fid_t fid;
    struct fi_info *info; /* owned */
    unsigned char param[FAKE_PRIVATE_MAX];
    size_t param_size;
};

/* --- completion queues --------------------------------------------------------------------------------- */

void fake_cq_add(struct fake_cq *cq, const struct fi_cq_data_entry *data, int error)
{
    struct fake_entry *entry = fake_alloc(sizeof(*entry));

    entry->data = *data;
    entry->error = error;
    util_list_push(&cq->entries, &entry->link);
}

static struct fake_entry *cq_first(const struct fake_cq *cq)
{
    struct util_list *node = util_list_first(&cq->entries);

    return node != NULL ? util_container_of(node, struct fake_entry, link) : NULL;
}

static void cq_pop(struct fake_entry *entry)
{
    util_list_remove(&entry->link);
    free(entry);
}

static ssize_t cq_read(struct fid_cq *fid, void *buf, size_t count)
{
    struct fake_cq *cq = util_container_of(fid, struct fake_cq, fid);
    struct fi_cq_data_entry *out = buf;
    struct fake_entry *entry;
    size_t done = 0;
    int error = fault_point_hit("fi_cq_read");

    if (error != 0)
        return -error;
    if (util_list_empty(&cq->entries) && fake_net.idle_ns > 0)
        fake_net.touched |= fake_fi_advance(fake_net.now_ns + fake_net.idle_ns);
    while (done < count && (entry = cq_first(cq)) != NULL && entry->error == 0) {
        out[done++] = entry->data;
        cq_pop(entry);
    }
    if (done > 0)
        return (ssize_t)done;
    return cq_first(cq) != NULL ? -FI_EAVAIL : -FI_EAGAIN;
}

static ssize_t cq_readerr(struct fid_cq *fid, struct fi_cq_err_entry *out, uint64_t flags)
{
    struct fake_entry *entry = cq_first(util_container_of(fid, struct fake_cq, fid));

    (void)flags;
    if (entry == NULL || entry->error == 0)
        return -FI_EAGAIN;
    memset(out, 0, sizeof(*out));
    out->op_context = entry->data.op_context;
    out->flags = entry->data.flags;
    out->err = entry->error;
    cq_pop(entry);
    return 1;
}

static int cq_close(struct fid *fid)
{
    struct fake_cq *cq = util_container_of(fid, struct fake_cq, fid.fid);
    struct fake_entry *entry;

    while ((entry = cq_first(cq)) != NULL)
        cq_pop(entry);
    fake_net.counts.queues--;
    free(cq);
    return 0;
}

static struct fi_ops cq_fid_ops = {.size = sizeof(struct fi_ops), .close = cq_close};
static struct fi_ops_cq cq_ops = {.size = sizeof(struct fi_ops_cq), .read = cq_read, .readerr = cq_readerr};

int fake_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **out, void *context)
{
    struct fake_cq *cq;
    int error = fault_point_hit("fi_cq_open");

    if (error != 0)
        return -error;
    if (attr->wait_obj != FI_WAIT_NONE)
        return -FI_ENOSYS;
    if (attr->format != FI_CQ_FORMAT_DATA)
        return -FI_EINVAL;
    cq = fake_alloc(sizeof(*cq));
    cq->fid.fid = (struct fid){.fclass = FI_CLASS_CQ, .context = context, .ops = &cq_fid_ops};
    cq->fid.ops = &cq_ops;
    cq->life = util_container_of(domain, struct fake_domain, fid)->life;
    util_list_init(&cq->entries);
    fake_net.counts.queues++;
    *out = &cq->fid;
    return 0;
}

/* --- event queues ----------------------------------------------------------------------------------------- */

void fake_eq_add(struct fake_eq *eq, uint32_t kind, fid_t fid, struct fi_info *info, int error, const void *param,
                 size_t param_size)
{
    struct fake_notice *notice = fake_alloc(sizeof(*notice));

    notice->kind = kind;
    notice->error = error;
    notice->fid = fid;
    notice->info = info;
    notice->param_size = param_size;
    if (param_size > 0)
        memcpy(notice->param, param, param_size);
    util_list_push(&eq->events, &notice->link);
    fake_net.touched |= 1U << eq->life->node;
}

static struct fake_notice *eq_first(const struct fake_eq *eq)
{
    struct util_list *node = util_list_first(&eq->events);

    return node != NULL ? util_container_of(node, struct fake_notice, link) : NULL;
}

static void eq_pop(struct fake_notice *notice, bool give_info)
{
    util_list_remove(&notice->link);
    if (notice->info != NULL && !give_info)
        fi_freeinfo(notice->info);
    free(notice);
}

void fake_eq_purge(struct fake_eq *eq, const struct fid *fid)
{
    if (eq == NULL)
        return;
    util_list_each_safe (node, next, &eq->events) {
        struct fake_notice *notice = util_container_of(node, struct fake_notice, link);

        if (notice->fid == fid)
            eq_pop(notice, false);
    }
}

static ssize_t eq_read(struct fid_eq *fid, uint32_t *event, void *buf, size_t len, uint64_t flags)
{
    struct fake_notice *notice = eq_first(util_container_of(fid, struct fake_eq, fid));
    struct fi_eq_cm_entry *entry = buf;
    size_t size;
    int error = fault_point_hit("fi_eq_read");

    (void)flags;
    if (error != 0)
        return -error;
    if (notice == NULL)
        return -FI_EAGAIN;
    if (notice->kind == 0)
        return -FI_EAVAIL;
    size = sizeof(*entry) + notice->param_size;
    if (len < size)
        return -FI_ETOOSMALL;
    *event = notice->kind;
    entry->fid = notice->fid;
    entry->info = notice->info;
    memcpy(entry->data, notice->param, notice->param_size);
    eq_pop(notice, true);
    return (ssize_t)size;
}

static ssize_t eq_readerr(struct fid_eq *fid, struct fi_eq_err_entry *out, uint64_t flags)
{
    struct fake_notice *notice = eq_first(util_container_of(fid, struct fake_eq, fid));

    (void)flags;
    if (notice == NULL || notice->kind != 0)
        return -FI_EAGAIN;
    memset(out, 0, sizeof(*out));
    out->fid = notice->fid;
    out->err = notice->error;
    eq_pop(notice, false);
    return sizeof(*out);
}

static int eq_close(struct fid *fid)
{
    struct fake_eq *eq = util_container_of(fid, struct fake_eq, fid.fid);
    struct fake_notice *notice;

    while ((notice = eq_first(eq)) != NULL)
        eq_pop(notice, false);
    fake_net.counts.queues--;
    free(eq);
    return 0;
}

static struct fi_ops eq_fid_ops = {.size = sizeof(struct fi_ops), .close = eq_close};
static struct fi_ops_eq eq_ops = {.size = sizeof(struct fi_ops_eq), .read = eq_read, .readerr = eq_readerr};

int fake_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **out, void *context)
{
    struct fake_eq *eq;
    int error = fault_point_hit("fi_eq_open");

    if (error != 0)
        return -error;
    if (attr->wait_obj != FI_WAIT_NONE)
        return -FI_ENOSYS;
    eq = fake_alloc(sizeof(*eq));
    eq->fid.fid = (struct fid){.fclass = FI_CLASS_EQ, .context = context, .ops = &eq_fid_ops};
    eq->fid.ops = &eq_ops;
    eq->life = util_container_of(fabric, struct fake_life, fid);
    util_list_init(&eq->events);
    fake_net.counts.queues++;
    *out = &eq->fid;
    return 0;
}
