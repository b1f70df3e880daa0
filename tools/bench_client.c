/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_client.h. Every step that can fail leaves a sentence that says which step, with what,
 * and why, because "cannot connect" alone helps nobody.
 */
#include "tools/bench_client.h"

#include "tools/bench_env.h"
#include "tools/bench_watch.h"
#include "tools/tool_lib.h"
#include "util/util_clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TRIGGER_MAX    256U
#define SLEEP_MS       20U
#define CANCEL_WAIT_NS UTIL_CLOCK_NS_PER_S
#define LOOK_NS        (50 * UTIL_CLOCK_NS_PER_MS)
/* The library's own limit on connecting may be as long as ours, and its error says more. */
#define GRACE_NS (500 * UTIL_CLOCK_NS_PER_MS)

/* A begin call under way. */
struct begin_call {
    struct bench_begin_out out;
    hg_return_t ret;
    bool done;
};

static bool fail(struct bench_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct bench_client *client, const char *format, ...)
{
    const char *detail = tool_lib_detail();
    size_t used;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(client->error, sizeof(client->error), format, args);
    va_end(args);
    used = strlen(client->error);
    if (detail[0] != '\0')
        (void)snprintf(client->error + used, sizeof(client->error) - used, " (%s)", detail);
    return false;
}

void bench_client_trigger(struct bench_client *client)
{
    unsigned int count;
    hg_return_t ret;

    do {
        count = 0;
        ret = HG_Trigger(client->context, 0, TRIGGER_MAX, &count);
    } while (ret == HG_SUCCESS && count > 0);
}

hg_return_t bench_client_progress(struct bench_client *client, unsigned int sleep_ms)
{
    hg_return_t ret = HG_Progress(client->context, client->options->busy ? 0 : sleep_ms);

    bench_watch_beat();
    return ret == HG_TIMEOUT || ret == HG_AGAIN || ret == HG_INTERRUPT ? HG_SUCCESS : ret;
}

hg_return_t bench_client_turn(struct bench_client *client)
{
    bench_client_trigger(client);
    return bench_client_progress(client, SLEEP_MS);
}

/* --------------------------------------------------------------------------------- first call */

static hg_return_t begin_done(const struct hg_cb_info *info)
{
    struct begin_call *call = info->arg;
    hg_handle_t handle = info->info.forward.handle;

    call->ret = info->ret;
    if (call->ret == HG_SUCCESS) {
        call->ret = HG_Get_output(handle, &call->out);
        if (call->ret == HG_SUCCESS)
            (void)HG_Free_output(handle, &call->out);
    }
    call->done = true;
    return HG_SUCCESS;
}

/* Turns until the call is done, the server is gone or the time is up: false for the last two. */
static bool wait_begin(struct bench_client *client, struct begin_call *call, uint64_t timeout_ns)
{
    uint64_t now = util_clock_now_ns(), deadline_ns = now + timeout_ns, look_ns = now;

    while (!call->done) {
        hg_return_t ret = bench_client_turn(client);

        if (ret != HG_SUCCESS)
            return fail(client, "HG_Progress: %s", HG_Error_to_string(ret));
        now = util_clock_now_ns();
        if (now >= deadline_ns)
            return fail(client, "no answer in %.1f s", (double)timeout_ns / 1e9);
        if (client->spawn != NULL && now >= look_ns) {
            if (!bench_spawn_alive(client->spawn))
                return fail(client, "%s", client->spawn->error);
            look_ns = now + LOOK_NS;
        }
    }
    return true;
}

/* Keeps the first reason: cancelling writes over client->error otherwise. */
static void cancel_begin(struct bench_client *client, hg_handle_t handle, struct begin_call *call)
{
    char error[sizeof(client->error)];

    memcpy(error, client->error, sizeof(error));
    (void)HG_Cancel(handle);
    if (!wait_begin(client, call, CANCEL_WAIT_NS))
        client->lost++;
    memcpy(client->error, error, sizeof(error));
}

/* `call` must outlive the handle's callback, so it is not on the stack of this function. */
static bool begin(struct bench_client *client, int32_t core, struct begin_call *call)
{
    struct bench_begin_in in = {.version = BENCH_RPC_VERSION,
                                .core = core,
                                .busy = client->options->busy ? 1 : 0,
                                .no_batch = client->options->no_batch ? 1 : 0};
    hg_handle_t handle = HG_HANDLE_NULL;
    hg_return_t ret;
    bool good = true;

    memset(call, 0, sizeof(*call));
    ret = HG_Create(client->context, client->addr, client->ids.begin, &handle);
    if (ret != HG_SUCCESS)
        return fail(client, "HG_Create: %s", HG_Error_to_string(ret));
    do {
        ret = HG_Forward(handle, begin_done, call, &in);
    } while (ret == HG_AGAIN && bench_client_turn(client) == HG_SUCCESS);
    if (ret != HG_SUCCESS) {
        good = fail(client, "the first call was refused: %s", HG_Error_to_string(ret));
    } else if (!wait_begin(client, call, client->options->timeout_ns + GRACE_NS)) {
        cancel_begin(client, handle, call);
        good = false;
    } else if (call->ret != HG_SUCCESS) {
        bool ended = client->spawn != NULL && bench_spawn_ended(client->spawn);

        tool_lib_note_failure(handle);
        good = ended ? fail(client, "%s", client->spawn->error)
                     : fail(client, "the first call failed: %s", HG_Error_to_string(call->ret));
    }
    if (client->lost == 0)
        (void)HG_Destroy(handle);
    return good;
}

/* --------------------------------------------------------------------------------------- life */

static bool open_class(struct bench_client *client, const char *info)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    if (client->options->busy)
        init.na_init_info.progress_mode = NA_NO_BLOCK;
    client->hg_class = HG_Init_opt2(info, false, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    if (client->hg_class == NULL)
        return fail(client, "cannot open \"%s\"", info);
    if (client->options->no_batch)
        (void)tool_lib_set_batching(client->hg_class, false);
    bench_rpc_register(client->hg_class, NULL, NULL, NULL, &client->ids);
    client->context = HG_Context_create(client->hg_class);
    if (client->context == NULL)
        return fail(client, "cannot create a context for \"%s\"", info);
    return true;
}

static bool call_first(struct bench_client *client, const char *uri, struct begin_call *call)
{
    uint64_t start_ns = util_clock_now_ns();
    hg_return_t ret = HG_Addr_lookup2(client->hg_class, uri, &client->addr);

    if (ret != HG_SUCCESS)
        return fail(client, "cannot look up \"%s\": %s", uri, HG_Error_to_string(ret));
    if (!begin(client, BENCH_RPC_CORE_KEEP, call))
        return false;
    client->first_ns = util_clock_now_ns() - start_ns;
    if (call->out.version != BENCH_RPC_VERSION)
        return fail(client, "the server speaks version %u of the benchmark, we speak %u", call->out.version,
                    BENCH_RPC_VERSION);
    client->server_pid = call->out.pid;
    client->same_machine = call->out.machine == bench_env_machine();
    return true;
}

/* A server that we started was pinned at its start; another one on this machine is asked to
 * leave our core, and one elsewhere only goes where the user said. */
static bool place_server(struct bench_client *client, struct begin_call *call)
{
    const struct bench_options *options = client->options;

    if (client->spawn != NULL)
        return true;
    if (options->pin_mode == BENCH_PIN_CORES)
        return begin(client, options->pin_server, call);
    if (options->pin_mode == BENCH_PIN_AUTO && client->same_machine)
        return begin(client, BENCH_RPC_CORE_AUTO, call);
    return true;
}

bool bench_client_open(struct bench_client *client, const char *info, const char *uri,
                       const struct bench_options *options, struct bench_spawn *spawn)
{
    /* Static: a call that the library never gives back may still write to it. */
    static struct begin_call call;

    memset(client, 0, sizeof(*client));
    client->options = options;
    client->spawn = spawn;
    bench_watch_phase("opening the client's class");
    if (open_class(client, info)) {
        bench_watch_phase("the first call");
        if (call_first(client, uri, &call) && place_server(client, &call))
            return true;
    }
    (void)bench_client_close(client);
    return false;
}

bool bench_client_close(struct bench_client *client)
{
    bool good = client->lost == 0;

    if (!good)
        return false;
    bench_watch_phase("closing the client's class");
    if (client->addr != HG_ADDR_NULL)
        good = HG_Addr_free(client->hg_class, client->addr) == HG_SUCCESS && good;
    client->addr = HG_ADDR_NULL;
    if (client->context != NULL)
        good = HG_Context_destroy(client->context) == HG_SUCCESS && good;
    client->context = NULL;
    if (client->hg_class != NULL)
        good = HG_Finalize(client->hg_class) == HG_SUCCESS && good;
    client->hg_class = NULL;
    return good;
}
