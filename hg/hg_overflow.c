/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Payloads that the receiver pulls. The sender's side is an exposure: its encoded data, registered for
 * reading for as long as the call (or the response) lives. The receiver's side is a pull, which owns the
 * memory it writes to, so that a handle may end before the transport is through with it.
 */

#include "hg/hg_overflow.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "bulk/bulk_transfer.h"
#include "bulk/bulk_wire.h"
#include "hg/hg_addr.h"
#include "hg/hg_handle.h"
#include "hg/hg_payload.h"
#include "hg/hg_proc_crc.h"
#include "util/util_alloc.h"
#include "util/util_bytes.h"
#include "util/util_detail.h"

/* The largest payload that we pull for a peer that asks us to. */
#ifndef HG_OVERFLOW_SIZE_MAX /* the simulation's is smaller */
#define HG_OVERFLOW_SIZE_MAX ((size_t)1 << 30)
#endif
#define OVERFLOW_PREFIX_SIZE 8U

struct hg_overflow_exposure {
    struct hg_bulk *bulk;  /* a reference: over the handle's encoded data */
    struct util_list link; /* session->orphans, once the call has ended */
    uint64_t tag;          /* of an orphan: what the peer will release */
    void *memory;          /* of an orphan: owned, what the bulk handle is over */
    size_t message_size;
    unsigned char message[]; /* what travels in place of the payload */
};

struct hg_overflow_pull {
    struct bulk_transfer transfer;
    struct hg_handle *handle; /* borrowed; NULL once abandoned */
    void (*done)(struct hg_handle *handle, int error);
    struct hg_session *session; /* a reference, once abandoned with something to release */
    uint64_t release_tag;
    size_t inline_size;
    size_t size;
    bool checked;       /* `check` is the checksum of what is pulled */
    uint32_t check;     /* CRC-32C */
    unsigned char *buf; /* owned: inline_size bytes of the user's own, then what is pulled */
};

/* Builds the message: the user's own bytes, then the descriptor. */
static struct hg_overflow_exposure *overflow_build(struct hg_bulk *bulk, const unsigned char *own, size_t own_size,
                                                   uint32_t check)
{
    size_t descriptor_size = bulk_wire_size(bulk, 0);
    size_t own_padded = util_bytes_align8(own_size);
    size_t size = OVERFLOW_PREFIX_SIZE + own_padded + descriptor_size;
    struct hg_overflow_exposure *exposure = util_malloc(sizeof(*exposure) + size);

    if (exposure == NULL)
        return NULL;
    exposure->bulk = bulk;
    util_list_init(&exposure->link);
    exposure->tag = 0;
    exposure->memory = NULL;
    exposure->message_size = size;
    util_bytes_put32(exposure->message, (uint32_t)own_size);
    util_bytes_put32(exposure->message + 4, check);
    memset(exposure->message + OVERFLOW_PREFIX_SIZE, 0, own_padded);
    if (own_size > 0)
        memcpy(exposure->message + OVERFLOW_PREFIX_SIZE, own, own_size);
    if (bulk_wire_encode(bulk, 0, exposure->message + OVERFLOW_PREFIX_SIZE + own_padded, descriptor_size, NULL) != 0) {
        util_free(exposure);
        return NULL;
    }
    return exposure;
}

static int overflow_expose(struct hg_handle *handle)
{
    struct hg_class *hg_class = handle->info.hg_class;
    size_t own_size = hg_class->user_offset[handle->target ? 1 : 0];
    struct hg_handle_encoded *encoded = &handle->encoded;
    void *data = encoded->extra != NULL ? encoded->extra : encoded->buf + own_size;
    size_t data_size = encoded->extra != NULL ? encoded->extra_size : encoded->size - own_size;
    struct hg_bulk *bulk;
    bool checked;
    int error = bulk_handle_wrap(&hg_class->bulks, data, data_size, BULK_ACCESS_READ, false, &bulk);

    if (error != 0)
        return error;
    if (!bulk_handle_has_path(bulk, handle->session->port->transport)) {
        bulk_handle_unref(bulk);
        return util_detail_set(-ENOMEM, "a payload of %zu bytes could not be registered with shared memory", data_size);
    }
    checked = (hg_class->message_flags & HG_MESSAGE_CHECKED_PAYLOAD) != 0;
    handle->exposure = overflow_build(bulk, encoded->buf, own_size, checked ? hg_proc_crc_32c(data, data_size) : 0);
    if (handle->exposure == NULL) {
        bulk_handle_unref(bulk);
        return -ENOMEM;
    }
    return 0;
}

int hg_overflow_expose_locked(struct hg_handle *handle, struct hg_outbox_payload *payload)
{
    struct qs_counters *counters = &handle->owner->counters;
    int error;

    if (handle->exposure == NULL) {
        if (handle->target) {
            error = hg_context_slot_get(handle->owner, handle, &handle->release_tag);
            if (error != 0)
                return error;
        }
        error = overflow_expose(handle);
        if (error != 0)
            return error;
        counters->overflow_out += handle->target;
        counters->overflow_in += !handle->target;
    }
    assert(handle->exposure != NULL);
    *payload = (struct hg_outbox_payload){
        .head = handle->exposure->message,
        .head_size = handle->exposure->message_size,
    };
    return 0;
}

static void overflow_free(struct hg_overflow_exposure *exposure)
{
    bulk_handle_unref(exposure->bulk);
    util_free(exposure->memory);
    util_free(exposure);
}

void hg_overflow_free_locked(struct hg_handle *handle)
{
    struct hg_overflow_exposure *exposure = handle->exposure;

    if (exposure == NULL)
        return;
    handle->exposure = NULL;
    overflow_free(exposure);
}

void hg_overflow_orphan_locked(struct hg_handle *handle, uint64_t tag)
{
    struct hg_overflow_exposure *exposure = handle->exposure;
    struct hg_session *session = handle->session;
    void **memory = handle->encoded.extra != NULL ? &handle->encoded.extra : (void **)&handle->encoded.buf;

    exposure->tag = tag;
    exposure->memory = *memory;
    *memory = NULL;
    handle->exposure = NULL;
    if (session->orphan_count == HG_OVERFLOW_ORPHANS_MAX) {
        overflow_free(util_container_of(util_list_pop(&session->orphans), struct hg_overflow_exposure, link));
        session->orphan_count--;
    }
    util_list_push(&session->orphans, &exposure->link);
    session->orphan_count++;
}

void hg_overflow_release_orphan_locked(struct hg_session *session, uint64_t tag)
{
    util_list_each_safe (node, next, &session->orphans) {
        struct hg_overflow_exposure *exposure = util_container_of(node, struct hg_overflow_exposure, link);

        if (exposure->tag != tag)
            continue;
        util_list_remove(node);
        session->orphan_count--;
        overflow_free(exposure);
        return;
    }
}

void hg_overflow_free_orphans_locked(struct hg_session *session)
{
    struct util_list *node;

    while ((node = util_list_pop(&session->orphans)) != NULL)
        overflow_free(util_container_of(node, struct hg_overflow_exposure, link));
    session->orphan_count = 0;
}

/* Nothing writes to the buffer or reads from the peer any more. */
static void overflow_end_abandoned(struct hg_overflow_pull *pull)
{
    if (pull->session != NULL) {
        hg_session_control(pull->session, HG_MESSAGE_RELEASE, pull->release_tag);
        hg_session_unref(pull->session);
    }
    util_free(pull->buf);
    util_free(pull);
}

static bool overflow_intact(const struct hg_overflow_pull *pull)
{
    return !pull->checked ||
           hg_proc_crc_32c(pull->buf + pull->inline_size, pull->size - pull->inline_size) == pull->check;
}

static void overflow_pulled(struct bulk_transfer *transfer, int error)
{
    struct hg_overflow_pull *pull = util_container_of(transfer, struct hg_overflow_pull, transfer);
    struct hg_handle *handle = pull->handle;

    if (handle == NULL) {
        overflow_end_abandoned(pull);
        return;
    }
    handle->pull = NULL;
    hg_handle_drop_received_locked(handle);
    if (error == -ECONNRESET && transfer->route != NULL)
        hg_liveness_doubt(na_route_user(transfer->route));
    if (error == 0 && !overflow_intact(pull)) {
        handle->owner->counters.checksum_errors++;
        error = -EILSEQ;
    }
    if (error == 0) {
        handle->received.buf = pull->buf;
        handle->received.from_heap = true;
        handle->received.size = pull->size;
        handle->received.eager_size = pull->inline_size;
    } else {
        util_free(pull->buf);
    }
    pull->done(handle, error);
    util_free(pull);
}

/* Reads the message that came in place of the payload. */
static int overflow_parse(const struct hg_handle_received *received, size_t *own_size, const unsigned char **descriptor,
                          size_t *descriptor_size, size_t *data_size)
{
    struct bulk_wire_view view;
    size_t own_padded;
    int error;

    if (received->size < OVERFLOW_PREFIX_SIZE)
        return util_detail_set(-EBADMSG, "a payload descriptor of %zu bytes is too short", received->size);
    *own_size = util_bytes_get32(received->buf);
    own_padded = util_bytes_align8(*own_size);
    if (own_padded > received->size - OVERFLOW_PREFIX_SIZE)
        return util_detail_set(-EBADMSG, "an inline part of %zu bytes is larger than its message", *own_size);
    *descriptor = received->buf + OVERFLOW_PREFIX_SIZE + own_padded;
    *descriptor_size = received->size - OVERFLOW_PREFIX_SIZE - own_padded;
    error = bulk_wire_parse(*descriptor, *descriptor_size, &view);
    if (error != 0)
        return error;
    if (view.total_size > HG_OVERFLOW_SIZE_MAX)
        return util_detail_set(-EMSGSIZE, "a payload of %zu bytes is larger than the limit of %zu", view.total_size,
                               (size_t)HG_OVERFLOW_SIZE_MAX);
    *data_size = view.total_size;
    return 0;
}

int hg_overflow_pull_locked(struct hg_handle *handle, void (*done)(struct hg_handle *handle, int error))
{
    struct bulk_transfer_descriptor_args args = {
        .op = BULK_OP_PULL,
        .ours = handle->info.addr->self && handle->info.hg_class->options.no_loopback, /* else it is a claim */
        .owner = &handle->info.hg_class->bulks,
        .route = handle->session->route,
        .lane = &handle->session->lane,
        .transport = handle->session->port->transport,
        .done = overflow_pulled,
    };
    const unsigned char *descriptor = NULL;
    struct hg_overflow_pull *pull;
    size_t own_size = 0;
    int error = overflow_parse(&handle->received, &own_size, &descriptor, &args.descriptor_size, &args.size);

    if (error == 0 && handle->target)
        error = hg_admit_bytes_locked(handle, args.size);
    if (error != 0)
        return error;
    pull = util_calloc(1, sizeof(*pull));
    if (pull == NULL)
        return -ENOMEM;
    pull->buf = util_malloc(own_size + args.size);
    if (pull->buf == NULL) {
        util_free(pull);
        return util_detail_set(-ENOMEM, "no memory for a payload of %zu bytes", args.size);
    }
    memcpy(pull->buf, handle->received.buf + OVERFLOW_PREFIX_SIZE, own_size);
    pull->handle = handle;
    pull->done = done;
    pull->checked = handle->received.checked;
    pull->check = util_bytes_get32(handle->received.buf + 4);
    pull->inline_size = own_size;
    pull->size = own_size + args.size;
    args.descriptor = descriptor;
    args.buf = pull->buf + own_size;
    error = bulk_transfer_start_descriptor(&handle->owner->bulk, &pull->transfer, &args);
    if (error != 0) {
        util_free(pull->buf);
        util_free(pull);
        return error;
    }
    handle->pull = pull;
    return 0;
}

void hg_overflow_abandon_locked(struct hg_handle *handle, uint64_t release_tag)
{
    struct hg_overflow_pull *pull = handle->pull;

    if (pull == NULL)
        return;
    handle->pull = NULL;
    pull->handle = NULL;
    if (release_tag != 0) {
        hg_session_ref(handle->session);
        pull->session = handle->session;
        pull->release_tag = release_tag;
    }
    bulk_transfer_cancel(&pull->transfer);
}
