/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A gateway in front of a store, in three processes. The gateway is a server and a client at once: its handler
 * forwards to the store, or to the gateway itself, and answers from the callback of that call. The store may in turn
 * call the client that waits, before it answers. Nobody ever waits inside a handler.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* depth: how often the gateway calls itself before it asks the store. notify: an address to be told, or NULL. */
MERCURY_GEN_PROC(read_in_t, ((hg_string_t)(key))((hg_string_t)(notify))((uint32_t)(depth)))
MERCURY_GEN_PROC(read_out_t, ((int32_t)(error))((uint32_t)(hops))((hg_string_t)(value)))
MERCURY_GEN_PROC(notify_in_t, ((hg_const_string_t)(key)))

enum { KEYS = 64, ROUNDS = 4, KEY_SIZE = 16 };

/* Every fourth value is larger than a message, one is much larger. */
static char *value_of(unsigned int key)
{
    size_t length = key == 7 ? 400000 : key % 4 == 3 ? 9000 + key : key;
    char *value = malloc(length + 1);

    CHECK(value != NULL);
    memset(value, (int)('A' + key % 26), length);
    value[length] = '\0';
    return value;
}

static void key_text(unsigned int key, char text[KEY_SIZE])
{
    (void)snprintf(text, KEY_SIZE, "key-%u", key);
}

/* --- a call on behalf of another ---------------------------------------------------------------------- */

struct relay {
    struct server *server;
    hg_handle_t from; /* to be answered */
    read_in_t in;
    read_out_t out;
};

struct server {
    struct program_node node;
    hg_id_t read_id;
    hg_id_t notify_id;
    hg_addr_t self;
    hg_addr_t store; /* at the gateway */
    unsigned int relays;
};

static struct relay *relay_begin(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct relay *relay = calloc(1, sizeof(*relay));

    CHECK(relay != NULL);
    relay->server = HG_Registered_data(info->hg_class, info->id);
    relay->from = handle;
    relay->server->relays++;
    CHECK_OK(HG_Get_input(handle, &relay->in));
    return relay;
}

static hg_return_t relay_over(const struct hg_cb_info *info)
{
    struct relay *relay = info->arg;

    CHECK_INT(info->type, HG_CB_RESPOND);
    CHECK_OK(info->ret);
    CHECK(info->info.respond.handle == relay->from);
    CHECK_OK(HG_Free_input(relay->from, &relay->in));
    CHECK_OK(HG_Destroy(relay->from));
    relay->server->relays--;
    free(relay);
    return HG_SUCCESS;
}

static void relay_answer(struct relay *relay)
{
    CHECK_OK(HG_Respond(relay->from, relay_over, relay, &relay->out));
}

static void relay_forward(struct relay *relay, hg_addr_t to, hg_id_t id, hg_cb_t callback, void *in)
{
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(relay->server->node.context, to, id, &handle));
    CHECK_OK(HG_Forward(handle, callback, relay, in));
    CHECK_OK(HG_Destroy(handle));
}

/* --- the store ---------------------------------------------------------------------------------------- */

static void store_look_up(struct relay *relay)
{
    unsigned int key = KEYS;

    relay->out.error = -ENOENT;
    if (sscanf(relay->in.key, "key-%u", &key) == 1 && key < KEYS) {
        relay->out.value = value_of(key);
        relay->out.error = 0;
    }
    relay_answer(relay);
    free(relay->out.value);
}

static hg_return_t store_notified(const struct hg_cb_info *info)
{
    CHECK_OK(info->ret);
    store_look_up(info->arg);
    return HG_SUCCESS;
}

static hg_return_t store_on_read(hg_handle_t handle)
{
    struct relay *relay = relay_begin(handle);
    notify_in_t in = {.key = relay->in.key};
    hg_addr_t watcher = HG_ADDR_NULL;

    if (relay->in.notify == NULL) {
        store_look_up(relay);
        return HG_SUCCESS;
    }
    CHECK_OK(HG_Addr_lookup2(relay->server->node.hg_class, relay->in.notify, &watcher));
    relay_forward(relay, watcher, relay->server->notify_id, store_notified, &in);
    return HG_Addr_free(relay->server->node.hg_class, watcher);
}

static void server_open(struct server *server, const char *protocol, hg_rpc_cb_t on_read)
{
    program_open(&server->node, protocol, true, NULL);
    server->read_id = MERCURY_REGISTER(server->node.hg_class, "read", read_in_t, read_out_t, on_read);
    server->notify_id = MERCURY_REGISTER(server->node.hg_class, "notify", notify_in_t, void, NULL);
    CHECK(server->read_id != 0 && server->notify_id != 0 && server->read_id != server->notify_id);
    CHECK_OK(HG_Register_data(server->node.hg_class, server->read_id, server, NULL));
    CHECK_OK(HG_Addr_self(server->node.hg_class, &server->self));
}

static void server_close(struct server *server)
{
    CHECK_INT(server->relays, 0);
    CHECK_OK(HG_Addr_free(server->node.hg_class, server->self));
    CHECK_OK(HG_Addr_free(server->node.hg_class, server->store));
    program_close(&server->node);
}

static void store_run(struct program_peer *parent, const char *protocol)
{
    struct server store = {.relays = 0};

    server_open(&store, protocol, store_on_read);
    program_serve(&store.node, parent);
    server_close(&store);
}

/* --- the gateway -------------------------------------------------------------------------------------- */

static hg_return_t gateway_has_value(const struct hg_cb_info *info)
{
    struct relay *relay = info->arg;
    hg_handle_t handle = info->info.forward.handle;

    CHECK_OK(info->ret);
    CHECK_OK(HG_Get_output(handle, &relay->out));
    relay->out.hops++;
    relay_answer(relay);
    return HG_Free_output(handle, &relay->out);
}

static hg_return_t gateway_on_read(hg_handle_t handle)
{
    struct relay *relay = relay_begin(handle);
    read_in_t next = relay->in;
    bool again = next.depth > 0;

    if (again)
        next.depth--;
    relay_forward(relay, again ? relay->server->self : relay->server->store, relay->server->read_id, gateway_has_value,
                  &next);
    return HG_SUCCESS;
}

static void gateway_run(struct program_peer *parent, const char *protocol)
{
    struct server gateway = {.relays = 0};

    server_open(&gateway, protocol, gateway_on_read);
    gateway.store = program_meet(&gateway.node, parent);
    program_serve(&gateway.node, parent);
    server_close(&gateway);
}

/* --- the client --------------------------------------------------------------------------------------- */

struct client {
    struct program_node node;
    hg_id_t read_id;
    hg_addr_t gateway;
    char address[PROGRAM_LINE];
    unsigned int notified[KEYS];
    unsigned int ended;
};

struct client_call {
    struct client *client;
    unsigned int key;
    uint32_t depth;
};

static hg_return_t client_on_notify(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct client *client = HG_Registered_data(info->hg_class, info->id);
    unsigned int key = KEYS;
    notify_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    CHECK(sscanf(in.key, "key-%u", &key) == 1 && key < KEYS);
    client->notified[key]++;
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static hg_return_t client_has_value(const struct hg_cb_info *info)
{
    struct client_call *call = info->arg;
    char *expected = value_of(call->key);
    read_out_t out;

    CHECK_OK(info->ret);
    CHECK_OK(HG_Get_output(info->info.forward.handle, &out));
    CHECK_INT(out.error, 0);
    CHECK_INT(out.hops, call->depth + 1);
    CHECK_TEXT(out.value, expected);
    CHECK_OK(HG_Free_output(info->info.forward.handle, &out));
    free(expected);
    call->client->ended++;
    return HG_SUCCESS;
}

static void client_start(struct client_call *call, bool watch)
{
    struct client *client = call->client;
    char key[KEY_SIZE];
    read_in_t in = {.key = key, .notify = watch ? client->address : NULL, .depth = call->depth};
    hg_handle_t handle = HG_HANDLE_NULL;

    key_text(call->key, key);
    CHECK_OK(HG_Create(client->node.context, client->gateway, client->read_id, &handle));
    CHECK_OK(HG_Forward(handle, client_has_value, call, &in));
    CHECK_OK(HG_Destroy(handle));
}

/* All keys at once, each on its own way; every second one is announced to us before it is answered. */
static void client_read_all(struct client *client)
{
    struct client_call calls[KEYS];

    for (unsigned int round = 0; round < ROUNDS; round++) {
        client->ended = 0;
        for (unsigned int key = 0; key < KEYS; key++) {
            calls[key] = (struct client_call){.client = client, .key = key, .depth = (key + round) % ROUNDS};
            client_start(&calls[key], key % 2 == 1);
        }
        WAIT_UNTIL(client->node.context, client->ended == KEYS);
    }
    for (unsigned int key = 0; key < KEYS; key++)
        CHECK_INT(client->notified[key], key % 2 == 1 ? ROUNDS : 0);
}

static void client_read_what_is_not_there(struct client *client)
{
    char key[] = "no such key";
    read_in_t in = {.key = key, .depth = 2};
    hg_handle_t handle = program_call_new(&client->node, client->gateway, client->read_id, &in);
    read_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.error, -ENOENT);
    CHECK_INT(out.hops, 3);
    CHECK_TEXT(out.value, NULL);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

static void client_open(struct client *client, const char *protocol)
{
    hg_id_t notify_id = 0;

    program_open(&client->node, protocol, true, NULL);
    client->read_id = MERCURY_REGISTER(client->node.hg_class, "read", read_in_t, read_out_t, NULL);
    notify_id = MERCURY_REGISTER(client->node.hg_class, "notify", notify_in_t, void, client_on_notify);
    CHECK_OK(HG_Register_data(client->node.hg_class, notify_id, client, NULL));
    program_address(client->node.hg_class, client->address);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("client", argc, argv);
    struct client client = {.ended = 0};
    struct program_peer store;
    struct program_peer gateway;
    char store_address[PROGRAM_LINE];
    hg_addr_t addr = HG_ADDR_NULL;

    program_start(&store, "store", store_run, protocol);
    program_start(&gateway, "gateway", gateway_run, protocol);
    program_hear(&store, store_address);
    program_say(&gateway, store_address);

    client_open(&client, protocol);
    client.gateway = program_meet(&client.node, &gateway);
    client_read_all(&client);
    client_read_what_is_not_there(&client);

    program_stop(&client.node, client.gateway);
    CHECK_OK(HG_Addr_lookup2(client.node.hg_class, store_address, &addr));
    program_stop(&client.node, addr);
    CHECK_OK(HG_Addr_free(client.node.hg_class, addr));
    CHECK_OK(HG_Addr_free(client.node.hg_class, client.gateway));
    program_close(&client.node);
    program_finish(&gateway);
    program_finish(&store);
    return EXIT_SUCCESS;
}
