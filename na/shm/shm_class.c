/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a class, and the table by which na_transport.c knows this transport.
 *
 * A class is a name, held by a socket from the start to the end, and a table of the memory that peers may reach.
 * Opening and closing are for one thread.
 */
#include "na/shm/shm_class.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "na/shm/shm_context.h"
#include "na/shm/shm_list.h"
#include "na/shm/shm_mem.h"
#include "na/shm/shm_name.h"
#include "na/shm/shm_progress.h"
#include "na/shm/shm_rma.h"
#include "na/shm/shm_route.h"
#include "na/shm/shm_send.h"
#include "na/shm/shm_wait.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_rand.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    BATCH_SIZE = 8 * 1024,
    RMA_CHUNK = 1024 * 1024, /* measured: larger ones are no faster, and hold up frames */
    RMA_DEPTH = 16,
    NUMBERS_MAX = 65536, /* classes of one process that were given no name */
};
#define RMA_LIMIT (UINT64_C(1) << 30)

/* Set to "off" it keeps the library from copying into and out of peers' memory by itself, where the system would
 * allow it: everything then goes through the rings. */
#define DIRECT_VARIABLE "QS_SHM_DIRECT"

static bool class_serves(const char *protocol)
{
    return strcmp(protocol, "shm") == 0;
}

static void class_protocols(char *text, size_t size)
{
    (void)snprintf(text, size, "shm");
}

const struct na_transport shm_transport = {
    .name = "shm",
    .serves = class_serves,
    .protocols = class_protocols,
    .class_open = shm_class_open,
    .class_close = shm_class_close,
    .class_stop_listening = shm_class_stop_listening,
    .class_resolve = shm_class_resolve,
    .context_open = shm_context_open,
    .context_close = shm_context_close,
    .context_stop_listening = shm_context_stop_listening,
    .route_open = shm_route_open,
    .route_close = shm_route_close,
    .frame_get = shm_send_frame_get,
    .frame_put = shm_send_frame_put,
    .send = shm_send_frame,
    .room = shm_send_room,
    .mem_register = shm_mem_register,
    .mem_deregister = shm_mem_deregister,
    .mem_describe = shm_mem_describe,
    .rma_post = shm_rma_post,
    .rma_cancel = shm_rma_cancel,
    .progress = shm_progress_turn,
    .wait_prepare = shm_wait_prepare,
    .wait_finish = shm_wait_finish,
    .wake = shm_wait_wake,
    .next_deadline_ns = shm_wait_deadline_ns,
    .list = shm_list_make,
};

static void class_give_up_name(struct shm_class *owner)
{
    if (owner->socket_fd >= 0)
        (void)close(owner->socket_fd);
    if (owner->name_fd >= 0)
        (void)close(owner->name_fd);
    owner->socket_fd = -1;
    owner->name_fd = -1;
}

static bool class_copies_direct(void)
{
    const char *value = getenv(DIRECT_VARIABLE);

    return value == NULL || strcmp(value, "off") != 0;
}

static int class_check_config(const struct na_config *config)
{
    if (config->auth_key != NULL && config->auth_key[0] != '\0')
        return util_detail_set(-EOPNOTSUPP, "shm takes no authentication key");
    if (config->device_memory)
        return util_detail_set(-EOPNOTSUPP, "shm cannot reach device memory");
    if (config->ip_subnet != NULL && config->ip_subnet[0] != '\0')
        return util_detail_set(-EOPNOTSUPP, "shm has no interfaces, and none in the ip_subnet %.80s",
                               config->ip_subnet);
    if (config->traffic_class > NA_TRAFFIC_BEST_EFFORT)
        return util_detail_set(-EOPNOTSUPP, "shm has no traffic classes (traffic_class %u)", config->traffic_class);
    if (config->frame_size > SHM_FRAME_MAX)
        return util_detail_set(-EMSGSIZE, "shm cannot send frames of %zu bytes", config->frame_size);
    return 0;
}

static void class_set_limits(struct na_limits *limits)
{
    *limits = (struct na_limits){
        .frame_max = SHM_FRAME_MAX,
        .batch_size = BATCH_SIZE,
        .inject_size = SHM_FRAME_MAX,
        .rma_max = RMA_LIMIT,
        .rma_chunk = RMA_CHUNK,
        .rma_depth = RMA_DEPTH,
        .connections = true,
        .ordered = true,
        .death_notice = true,
        .chosen_keys = true,
        .keys_checked = true,
        .rights_checked = true,
        .revocable = true,
        .writes_halted = true,
    };
}

/* Takes the name, and with it the names of all contexts, for as long as the class lives: their own sockets come and
 * go (HG_Context_unpost ends one), and a name that is free in between would lead peers to another class. */
static int class_hold_name(struct shm_class *owner, bool listen)
{
    char held[NA_ADDRESS_MAX];
    int error;

    shm_name_of_class(owner->name, held);
    error = shm_doorbell_bind(held, true, &owner->name_fd);
    if (error != 0)
        return error;
    error = shm_doorbell_bind(owner->name, !listen, &owner->socket_fd);
    if (error != 0) {
        (void)close(owner->name_fd);
        owner->name_fd = -1;
    }
    return error;
}

/* The name that was asked for, or the first numbered one that is free. One that is taken need not be ours: a process
 * of another pid namespace may have our id, and a child that a dead process forked may still hold its sockets. */
static int class_find_name(struct shm_class *owner, const struct na_config *config)
{
    int error = shm_name_local(config->uri, owner->name);

    if (error != 0)
        return error;
    if (owner->name[0] != '\0') {
        error = class_hold_name(owner, config->listen);
        if (error == -EADDRINUSE)
            (void)util_detail_set(error, "the shared-memory name %s is in use by another class", owner->name);
        return error;
    }
    for (uint32_t number = 0; number < NUMBERS_MAX; number++) {
        shm_name_numbered(number, owner->name);
        error = class_hold_name(owner, config->listen);
        if (error == 0)
            util_detail_clear(); /* of the names that were taken */
        if (error != -EADDRINUSE)
            return error;
    }
    return util_detail_set(error, "all shared-memory names of this process are in use, up to %s", owner->name);
}

static int class_build(struct shm_class *owner, const struct na_config *config)
{
    int error = class_check_config(config);

    if (error == 0)
        error = class_find_name(owner, config);
    if (error != 0)
        return error;
    error = shm_table_create(&owner->table);
    if (error != 0)
        return util_detail_set(error, "no shared memory for the class: %s", strerror(-error));
    shm_name_text(owner->name, owner->base.address);
    return 0;
}

static void class_destroy(struct shm_class *owner)
{
    shm_table_destroy(owner->table);
    class_give_up_name(owner);
    util_lock_fini(&owner->lock);
    util_free(owner);
}

int shm_class_open(const struct na_config *config, struct na_class **class_out)
{
    struct shm_class *owner = util_calloc(1, sizeof(*owner));
    int error;

    if (owner == NULL)
        return util_detail_set(-ENOMEM, "no memory to open %s", config->uri);
    owner->base.transport = &shm_transport;
    owner->base.listens = config->listen;
    (void)snprintf(owner->base.protocol, sizeof(owner->base.protocol), "shm");
    (void)snprintf(owner->base.provider, sizeof(owner->base.provider), "rings");
    class_set_limits(&owner->base.limits);
    owner->name_fd = -1;
    owner->socket_fd = -1;
    owner->never_block = config->never_block;
    owner->copies_direct = class_copies_direct();
    owner->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    owner->cookie = util_rand_u64();
    util_lock_init(&owner->lock);
    util_list_init(&owner->exposed);
    error = class_build(owner, config);
    if (error != 0) {
        class_destroy(owner);
        return error;
    }
    UTIL_LOG_INFO(UTIL_LOG_AREA_CLS, "%s is open", owner->base.address);
    *class_out = &owner->base;
    return 0;
}

void shm_class_close(struct na_class *base)
{
    struct shm_class *owner = shm_class_of(base);

    assert(util_list_empty(&owner->exposed));
    class_destroy(owner);
}

void shm_class_stop_listening(struct na_class *base)
{
    struct shm_class *owner = shm_class_of(base);

    util_lock_take(&owner->lock);
    class_give_up_name(owner);
    util_lock_drop(&owner->lock);
}

int shm_class_resolve(struct na_class *base, const char *text, char canonical[NA_ADDRESS_MAX])
{
    char name[NA_ADDRESS_MAX];
    int error = shm_name_remote(text, name);

    (void)base;
    if (error == 0)
        shm_name_text(name, canonical);
    return error;
}
