/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The one table of providers: what a protocol maps to, per libfabric version, and every quirk.
 *
 * Code elsewhere asks a row's fields and never the provider's name. A provider string that no row
 * names is served by the default row, with the careful choice in every field. Constant data; any
 * thread.
 */
#ifndef NA_OFI_OFI_PROVIDER_H
#define NA_OFI_OFI_PROVIDER_H

#include <rdma/fabric.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to sleep until an endpoint has something to do. */
enum ofi_provider_wait {
    OFI_PROVIDER_WAIT_FD,  /* FI_WAIT_FD and fi_trywait; without wait objects, short sleeps */
    OFI_PROVIDER_WAIT_SET, /* FI_WAIT_FD never resets: a wait set around each queue */
};

/* What an address is made of. */
enum ofi_provider_addressing {
    OFI_PROVIDER_ADDRESSING_IP,     /* host and port */
    OFI_PROVIDER_ADDRESSING_DEVICE, /* the same, of an interface that one of the provider's devices serves */
    OFI_PROVIDER_ADDRESSING_ANY,    /* as the provider says: IP, a name, or bytes written in hex */
};

struct ofi_provider {
    const char *protocol; /* as in info strings; NULL in the default row */
    const char *provider; /* libfabric's name; NULL: the same as the protocol */
    uint32_t version_min; /* first runtime version that the row is for */
    uint32_t version_end; /* first one that it is not for any more */
    enum fi_ep_type ep_type;
    enum ofi_provider_wait wait;
    enum ofi_provider_addressing addressing;
    bool listed;           /* named in messages about unknown protocols and by na_transport_list */
    bool multi_recv;       /* receive buffers take many frames each where the provider can; otherwise one */
    bool ordered;          /* frames to one peer keep their order */
    bool keys_checked;     /* wrong keys and ranges are refused, and directions unless caches_memory */
    bool forgets_requests; /* closing a port leaves the sockets of unread connect requests open (a TODO in libfabric's
                            * xnet_pep_close, 1.17 to 2.6) */
    bool revocable;        /* a closed registration is refused to peers */
    bool
        cut_by_address; /* datagrams: no connection is left below when an address is removed, if libfabric is told so */
    bool guard_keys;    /* closing a registration does not lock the table of keys: ofi_guard.h does */
    bool virt_addr;     /* offer FI_MR_VIRT_ADDR; some providers then skip the check of keys */
    bool death_notice;  /* a peer's end is reported without traffic */
    bool caches_memory; /* registrations go into a cache of libfabric's: ofi_mr.c */
    /* Connections that are queue pairs of a device (docs/rdma.md): */
    bool peer_in_info;   /* an endpoint is made for a peer, whose address is in the info that it is made from */
    bool cq_data_mode;   /* data comes with a message only where FI_RX_CQ_DATA was asked for */
    bool silent_inject;  /* a failed inject is not reported, and costs as much as a send */
    bool failure_ends;   /* a failed operation is its connection's last; prov_errno has the device's status */
    bool closes_late;    /* closing an endpoint loses what it received and nobody has read: it is shut down first */
    bool exact_queue;    /* the completion queue breaks when it overflows: it must hold all that is posted */
    bool quiet_resend;   /* na_limits::quiet_resend */
    uint32_t queue_size; /* asked for as tx and rx size; 0: the provider's default */
    uint32_t recv_count; /* receive buffers of one frame each, per context (multi_recv: 4 large ones) */
    size_t batch_size;   /* na_limits::batch_size */
    size_t rma_chunk;    /* na_limits::rma_chunk */
    uint32_t rma_depth;  /* na_limits::rma_depth */
};

/* The row for a protocol on the running library; the default row if none names it. Never NULL. */
const struct ofi_provider *ofi_provider_find(const char *protocol);

/* libfabric's name for the protocol's provider. */
const char *ofi_provider_name(const struct ofi_provider *row, const char *protocol);

/* True if the protocol has a row, or libfabric has a provider of that name (slow to find out). */
bool ofi_provider_serves(const char *protocol);

/* Writes the listed protocols, comma-separated. */
void ofi_provider_names(char *text, size_t size);

/* Row @p index of those listed for the running library, or NULL at the end. */
const struct ofi_provider *ofi_provider_listed(size_t index);

#endif
