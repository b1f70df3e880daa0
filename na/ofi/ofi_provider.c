/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The one table of providers. Each row's comment gives the reason for what is unusual in it; the
 * figures behind batch sizes and the choice of endpoint are in docs/adr/0001-rdm-or-msg.md and
 * docs/performance.md. Constant data; any thread.
 */
#include "na/ofi/ofi_provider.h"

#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_compat.h"

#define VERSION_ANY UINT32_MAX
#define VERSION_TCP FI_VERSION(1, 18) /* `net` became `tcp` */

enum { KIB = 1024, MIB = 1024 * 1024 };

static const struct ofi_provider rows[] = {
    /* The socket provider with its own message layer: `net` until 1.17, whose wait descriptor stays
     * readable for ever after the first completion, and whose fi_close of a registration changes the
     * table of keys under a lock that it made a no-op, while other threads walk that table. */
    {
        .protocol = "tcp",
        .provider = "net",
        .version_min = 0,
        .version_end = VERSION_TCP,
        .ep_type = FI_EP_MSG,
        .forgets_requests = true,
        .guard_keys = true,
        .wait = OFI_PROVIDER_WAIT_SET,
        .addressing = OFI_PROVIDER_ADDRESSING_IP,
        .listed = true,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .death_notice = true,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
    {
        .protocol = "net",
        .version_min = 0,
        .version_end = VERSION_TCP,
        .ep_type = FI_EP_MSG,
        .forgets_requests = true,
        .guard_keys = true,
        .wait = OFI_PROVIDER_WAIT_SET,
        .addressing = OFI_PROVIDER_ADDRESSING_IP,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .death_notice = true,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
    {
        .protocol = "tcp",
        .version_min = VERSION_TCP,
        .version_end = VERSION_ANY,
        .ep_type = FI_EP_MSG,
        .forgets_requests = true,
        .wait = OFI_PROVIDER_WAIT_FD,
        .addressing = OFI_PROVIDER_ADDRESSING_IP,
        .listed = true,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .death_notice = true,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
    /* Datagrams emulated over connections. Multi-receive buffers are completed out of order and
     * cancelled when any peer dies, so it gets buffers of one frame. Its completion queue takes
     * memory for the product of queue sizes and FI_UNIVERSE_SIZE, hence small queues. */
    {
        .protocol = "tcp;ofi_rxm",
        .version_min = 0,
        .version_end = VERSION_ANY,
        .ep_type = FI_EP_RDM,
        .guard_keys = true, /* 1.17 looks keys up without a lock */
        .wait = OFI_PROVIDER_WAIT_FD,
        .addressing = OFI_PROVIDER_ADDRESSING_IP,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .cut_by_address = true,
        .queue_size = 256,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
    /* Queue pairs of an RDMA device, made by its connection manager; docs/adr/0010 says why not by way of rxm. Receives are
     * shared by all of them. */
    {
        .protocol = "verbs",
        .version_min = 0,
        .version_end = VERSION_ANY,
        .ep_type = FI_EP_MSG,
        .wait = OFI_PROVIDER_WAIT_FD,
        .addressing = OFI_PROVIDER_ADDRESSING_DEVICE,
        .listed = true,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .virt_addr = true,
        .death_notice = true,
        .caches_memory = true,
        .peer_in_info = true,
        .cq_data_mode = true,
        .silent_inject = true,
        .failure_ends = true,
        .closes_late = true,
        .exact_queue = true,
        /* The rdma_rxe of Linux 6.1 seems to start its timer for this anew with each answer that it gets. */
        .quiet_resend = true,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
    {
        .protocol = "verbs;ofi_rxm",
        .version_min = 0,
        .version_end = VERSION_ANY,
        .ep_type = FI_EP_RDM,
        .wait = OFI_PROVIDER_WAIT_FD,
        .addressing = OFI_PROVIDER_ADDRESSING_DEVICE,
        .ordered = true,
        .keys_checked = true,
        .revocable = true,
        .virt_addr = true,
        .caches_memory = true,
        .queue_size = 256,
        .recv_count = 128,
        .batch_size = 8 * KIB,
        .rma_chunk = MIB,
        .rma_depth = 16,
    },
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* Any other provider string. Nothing is known of it, so that it gets what the interface itself promises. */
static const struct ofi_provider default_row = {
    .version_min = 0,
    .version_end = VERSION_ANY,
    .ep_type = FI_EP_RDM,
    .multi_recv = true,
    .wait = OFI_PROVIDER_WAIT_FD,
    .addressing = OFI_PROVIDER_ADDRESSING_ANY,
    .keys_checked = true,
    .virt_addr = true,
    .recv_count = 128,
    .batch_size = 8 * KIB,
    .rma_chunk = MIB,
    .rma_depth = 16,
};

static bool provider_current(const struct ofi_provider *row)
{
    uint32_t version = ofi_compat_runtime();

    return version >= row->version_min && version < row->version_end;
}

const struct ofi_provider *ofi_provider_find(const char *protocol)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].protocol, protocol) == 0 && provider_current(&rows[i]))
            return &rows[i];
    }
    return &default_row;
}

const char *ofi_provider_name(const struct ofi_provider *row, const char *protocol)
{
    return row->provider != NULL ? row->provider : protocol;
}

bool ofi_provider_serves(const char *protocol)
{
    struct fi_info *hints;
    struct fi_info *info = NULL;
    bool found;

    if (ofi_provider_find(protocol) != &default_row)
        return true;
    hints = fi_allocinfo();
    if (hints == NULL)
        return false;
    hints->fabric_attr->prov_name = strdup(protocol); /* fi_freeinfo frees it with free() */
    hints->caps = FI_MSG | FI_RMA;
    hints->ep_attr->type = FI_EP_RDM;
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->domain_attr->mr_mode =
        FI_MR_LOCAL | FI_MR_PROV_KEY | FI_MR_ALLOCATED | FI_MR_ENDPOINT | FI_MR_RAW | FI_MR_VIRT_ADDR;
    found = hints->fabric_attr->prov_name != NULL && fi_getinfo(ofi_compat_api(), NULL, NULL, 0, hints, &info) == 0;
    if (found)
        fi_freeinfo(info);
    fi_freeinfo(hints);
    return found;
}

void ofi_provider_names(char *text, size_t size)
{
    size_t used = 0;
    const struct ofi_provider *row;

    if (size == 0)
        return;
    text[0] = '\0';
    for (size_t i = 0; (row = ofi_provider_listed(i)) != NULL && used < size; i++) {
        int length = snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", row->protocol);
        if (length < 0)
            return;
        used += (size_t)length;
    }
}

const struct ofi_provider *ofi_provider_listed(size_t index)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!rows[i].listed || !provider_current(&rows[i]))
            continue;
        if (index-- == 0)
            return &rows[i];
    }
    return NULL;
}
