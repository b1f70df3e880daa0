/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a class, and the table by which na_transport.c knows this transport.
 *
 * A class is one fabric and one domain, shared by its contexts, and one identity: the port of its
 * passive endpoint, or the address of a datagram endpoint that context 0 takes over. Opening and
 * closing are for one thread.
 */
#include "na/ofi/ofi_class.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "na/ofi/ofi_av.h"
#include "na/ofi/ofi_connect.h"
#include "na/ofi/ofi_context.h"
#include "na/ofi/ofi_cq.h"
#include "na/ofi/ofi_endpoint.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_fabric.h"
#include "na/ofi/ofi_list.h"
#include "na/ofi/ofi_listen.h"
#include "na/ofi/ofi_mr.h"
#include "na/ofi/ofi_rma.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_send.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"

enum {
    FRAME_DEFAULT = 16 * 1024, /* larger messages are unsound on some providers, see ofi_provider.c */
    FRAME_LIMIT = 1024 * 1024,
    CONNECT_TIMEOUT_MS = 10000,
    FRAME_ROUNDING = 4096,
    SLOTS_MAX = 1024,
};
#define RMA_LIMIT (UINT64_C(1) << 30)

static void ofi_class_stop_listening(struct na_class *base)
{
    ofi_listen_stop(ofi_class_of(base));
}

const struct na_transport ofi_transport = {
    .name = "ofi",
    .serves = ofi_provider_serves,
    .protocols = ofi_provider_names,
    .class_open = ofi_class_open,
    .class_close = ofi_class_close,
    .class_stop_listening = ofi_class_stop_listening,
    .class_resolve = ofi_class_resolve,
    .context_open = ofi_context_open,
    .context_close = ofi_context_close,
    .context_stop_listening = ofi_context_stop_listening,
    .route_open = ofi_connect_route_open,
    .route_lost = ofi_route_lost,
    .route_close = ofi_route_close,
    .route_cut = ofi_route_cut,
    .frame_get = ofi_send_frame_get,
    .frame_put = ofi_send_frame_put,
    .send = ofi_send_frame,
    .mem_register = ofi_mr_register,
    .mem_deregister = ofi_mr_deregister,
    .mem_describe = ofi_mr_describe,
    .rma_post = ofi_rma_post,
    .rma_cancel = ofi_rma_cancel,
    .progress = ofi_cq_progress,
    .wait_prepare = ofi_wait_prepare,
    .wait_finish = ofi_wait_finish,
    .wake = ofi_wait_wake,
    .next_deadline_ns = ofi_wait_deadline_ns,
    .list = ofi_list_make,
    .version = ofi_list_version,
};

/* Whether libfabric closes the connection below with the last route to an address, as this variable of its own asks for. */
static bool class_cleans_up(void)
{
    static const char *const words[] = {"1", "yes", "true", "on"};
    const char *value = getenv("FI_AV_REMOVE_CLEANUP");

    for (size_t i = 0; value != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

/* How much of a route's id travels with a message. */
static uint64_t class_id_mask(const struct ofi_class *owner)
{
    size_t size = owner->info->domain_attr->cq_data_size;

    return size == 0 || size >= sizeof(uint64_t) ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

static void class_set_rma_limits(struct ofi_class *owner)
{
    struct na_limits *limits = &owner->base.limits;

    limits->rma_count = owner->rma_slots;
    if (!owner->connected && owner->info->tx_attr->size < limits->rma_count)
        limits->rma_count = (uint32_t)owner->info->tx_attr->size;
    /* What is enough for one transfer is enough for many. */
    limits->rma_route_bytes = limits->rma_chunk * limits->rma_depth;
}

static int class_set_limits(struct ofi_class *owner, const struct na_config *config)
{
    struct na_limits *limits = &owner->base.limits;
    size_t wanted = config->frame_size > FRAME_DEFAULT ? config->frame_size : FRAME_DEFAULT;
    size_t message_max = owner->info->ep_attr->max_msg_size;

    limits->frame_max = (wanted + FRAME_ROUNDING - 1) / FRAME_ROUNDING * FRAME_ROUNDING;
    if (limits->frame_max > message_max)
        limits->frame_max = message_max;
    if (limits->frame_max < config->frame_size || limits->frame_max > FRAME_LIMIT)
        return util_detail_set(-EMSGSIZE, "%s cannot send frames of %zu bytes", owner->base.provider,
                               config->frame_size);
    limits->batch_size =
        owner->provider->batch_size < limits->frame_max ? owner->provider->batch_size : limits->frame_max;
    limits->inject_size = owner->provider->silent_inject ? 0 : owner->info->tx_attr->inject_size;
    limits->rma_max = message_max < RMA_LIMIT ? message_max : RMA_LIMIT;
    limits->rma_chunk = owner->provider->rma_chunk < limits->rma_max ? owner->provider->rma_chunk : limits->rma_max;
    limits->rma_depth = owner->provider->rma_depth;
    /* Connections have queues of their own; one datagram endpoint has one for all peers. */
    owner->slots = SLOTS_MAX;
    if (!owner->connected && owner->info->tx_attr->size < SLOTS_MAX)
        owner->slots = (uint32_t)owner->info->tx_attr->size;
    owner->id_mask = class_id_mask(owner);
    owner->rma_slots = UINT32_MAX;
    if (owner->provider->exact_queue) {
        int ret = ofi_endpoint_fit_queue(owner);

        if (ret != 0)
            return ret;
    }
    class_set_rma_limits(owner);
    limits->connections = owner->connected;
    limits->ordered = owner->provider->ordered;
    limits->death_notice = owner->provider->death_notice;
    limits->quiet_resend = owner->provider->quiet_resend;
    limits->chosen_keys = (owner->mr_mode & (FI_MR_PROV_KEY | FI_MR_RAW)) == 0;
    limits->keys_checked = owner->provider->keys_checked;
    limits->rights_checked = owner->provider->keys_checked && !ofi_mr_all_rights(owner);
    limits->revocable = owner->provider->revocable;
    limits->cuttable = owner->connected || (owner->provider->cut_by_address && class_cleans_up());
    return 0;
}

/* Makes the class's address complete: a port, or the name that the endpoint got. */
static int class_open_identity(struct ofi_class *owner)
{
    int ret;

    if (owner->connected) {
        ret = ofi_listen_open(owner);
    } else {
        ret = ofi_endpoint_open(owner, &owner->address, &owner->endpoint);
        if (ret == 0) {
            owner->endpoint_ready = true;
            owner->address = owner->endpoint.address;
        }
    }
    if (ret != 0)
        return ret;
    ofi_address_make_concrete(&owner->address);
    return ofi_address_text(&owner->address, owner->base.protocol, owner->base.address);
}

static int class_build(struct ofi_class *owner, const struct na_config *config, struct na_uri *uri)
{
    int ret = ofi_fabric_open(owner, config, uri);

    if (ret == 0)
        ret = class_set_limits(owner, config);
    if (ret == 0)
        ret = ofi_av_open(owner);
    if (ret == 0)
        ret = class_open_identity(owner);
    return ret;
}

static void class_destroy(struct ofi_class *owner)
{
    ofi_endpoint_close(&owner->endpoint);
    ofi_listen_close(owner);
    ofi_av_close(owner);
    ofi_fabric_close(owner);
    util_lock_fini(&owner->key_lock);
    util_lock_fini(&owner->av.lock);
    util_lock_fini(&owner->cm.lock);
    util_free(owner);
}

int ofi_class_open(const struct na_config *config, struct na_class **class_out)
{
    struct ofi_class *owner;
    struct na_uri uri;
    uint32_t timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    int ret = ofi_address_parse(config->uri, &uri);

    if (ret != 0)
        return ret;
    owner = util_calloc(1, sizeof(*owner));
    if (owner == NULL)
        return util_detail_set(-ENOMEM, "no memory to open %s", config->uri);
    util_lock_init(&owner->cm.lock);
    util_lock_init(&owner->av.lock);
    util_lock_init(&owner->key_lock);
    util_map_init(&owner->av.entries, 0);
    owner->cm.eq_fd = -1;
    owner->endpoint.cq_fd = -1;
    owner->provider = ofi_provider_find(uri.protocol);
    owner->connected = owner->provider->ep_type == FI_EP_MSG;
    owner->never_block = config->never_block;
    owner->connect_timeout_ns = timeout_ms * UTIL_CLOCK_NS_PER_MS;
    owner->base.transport = &ofi_transport;
    owner->base.listens = config->listen;
    (void)snprintf(owner->base.protocol, sizeof(owner->base.protocol), "%s", uri.protocol);
    (void)snprintf(owner->base.provider, sizeof(owner->base.provider), "%s",
                   ofi_provider_name(owner->provider, uri.protocol));
    ret = class_build(owner, config, &uri);
    if (ret != 0) {
        class_destroy(owner);
        return ret;
    }
    UTIL_LOG_INFO(UTIL_LOG_AREA_CLS, "%s is open: provider %s, libfabric %u.%u", owner->base.address,
                  owner->base.provider, FI_MAJOR(ofi_compat_runtime()), FI_MINOR(ofi_compat_runtime()));
    *class_out = &owner->base;
    return 0;
}

void ofi_class_close(struct na_class *base)
{
    struct ofi_class *owner = ofi_class_of(base);

    assert(atomic_load_explicit(&owner->mem_count, memory_order_relaxed) == 0);
    class_destroy(owner);
}

int ofi_class_resolve(struct na_class *base, const char *text, char canonical[NA_ADDRESS_MAX])
{
    struct ofi_class *owner = ofi_class_of(base);
    struct ofi_address address;
    int ret = ofi_fabric_peer_address(owner, text, true, &address);

    if (ret != 0)
        return ret;
    return ofi_address_text(&address, base->protocol, canonical);
}
