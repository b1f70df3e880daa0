/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The pair: making and ending it, its handlers, its turns. One thread, or two when the target has
 * its own; what both touch is atomic or under the pair's lock.
 */
#include "tests/support/hg_pair.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIR_THREAD_PROGRESS_MS 20U
#define PAIR_SETTLE_US          20000U
#define PAIR_OUT_MAX            ((uint64_t)1 << 30)

void hg_pair_ret(hg_return_t ret, hg_return_t expected, const char *what, const char *file, int line)
{
    if (ret != expected)
        support_suite_fail("%s:%d: %s gave %s, not %s (%s)", file, line, what, HG_Error_to_string(ret),
                           HG_Error_to_string(expected), qs_error_detail());
}

struct hg_pair *hg_pair_of(hg_handle_t handle)
{
    return HG_Class_get_data(HG_Get_info(handle)->hg_class);
}

struct qs_counters hg_pair_counters(const hg_class_t *hg_class)
{
    struct qs_counters counters;

    HG_PAIR_OK(qs_class_get_counters(hg_class, &counters, sizeof(counters)));
    return counters;
}

/* --- data ---------------------------------------------------------------------------------------- */

static unsigned char pair_byte(size_t i, uint64_t seed)
{
    return (unsigned char)(i * 31U + (i >> 8) * 7U + (i >> 16) + seed * 101U);
}

void hg_pair_fill(unsigned char *data, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = pair_byte(i, seed);
}

bool hg_pair_is_filled(const unsigned char *data, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != pair_byte(i, seed)) {
            fprintf(stderr, "byte %zu of %zu is %#x, not %#x\n", i, size, data[i], pair_byte(i, seed));
            return false;
        }
    }
    return true;
}

hg_return_t hg_pair_proc_blob(hg_proc_t proc, void *data)
{
    struct hg_pair_blob *blob = data;
    hg_return_t ret;

    if (hg_proc_get_op(proc) == HG_FREE) {
        free(blob->data);
        *blob = (struct hg_pair_blob){0};
        return HG_SUCCESS;
    }
    ret = hg_proc_uint64_t(proc, &blob->size);
    if (ret != HG_SUCCESS)
        return ret;
    if (hg_proc_get_op(proc) == HG_DECODE) {
        if (blob->size > hg_proc_get_size_left(proc))
            return HG_OVERFLOW;
        blob->data = malloc(blob->size + 1);
        SUPPORT_CHECK(blob->data != NULL);
    }
    ret = hg_proc_bytes(proc, blob->data, blob->size);
    if (ret != HG_SUCCESS && hg_proc_get_op(proc) == HG_DECODE)
        free(blob->data);
    return ret;
}

hg_return_t hg_pair_proc_move_in(hg_proc_t proc, void *data)
{
    struct hg_pair_move_in *in = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &in->seed);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &in->out_size);
    return ret == HG_SUCCESS ? hg_pair_proc_blob(proc, &in->blob) : ret;
}

hg_return_t hg_pair_proc_move_out(hg_proc_t proc, void *data)
{
    struct hg_pair_move_out *out = data;
    hg_return_t ret = hg_proc_uint32_t(proc, &out->good);

    return ret == HG_SUCCESS ? hg_pair_proc_blob(proc, &out->blob) : ret;
}

/* --- handlers ------------------------------------------------------------------------------------ */

static hg_return_t pair_echo(hg_handle_t handle)
{
    struct hg_pair *pair = hg_pair_of(handle);
    struct hg_pair_blob blob = {0};

    if (HG_Get_input(handle, &blob) != HG_SUCCESS) {
        atomic_fetch_add(&pair->bad_inputs, 1);
        return HG_Destroy(handle);
    }
    /* A hostile origin may want no response. */
    if (HG_Respond(handle, NULL, NULL, &blob) != HG_SUCCESS)
        atomic_fetch_add(&pair->bad_inputs, 1);
    HG_PAIR_OK(HG_Free_input(handle, &blob));
    atomic_fetch_add(&pair->echoed, 1);
    return HG_Destroy(handle);
}

static hg_return_t pair_move(hg_handle_t handle)
{
    struct hg_pair_move_in in;
    struct hg_pair_move_out out = {0};

    if (HG_Get_input(handle, &in) != HG_SUCCESS) {
        atomic_fetch_add(&hg_pair_of(handle)->bad_inputs, 1);
        return HG_Destroy(handle);
    }
    out.good = hg_pair_is_filled(in.blob.data, in.blob.size, in.seed);
    out.blob.size = in.out_size <= PAIR_OUT_MAX ? in.out_size : 0;
    out.blob.data = malloc(out.blob.size + 1);
    SUPPORT_CHECK(out.blob.data != NULL);
    hg_pair_fill(out.blob.data, out.blob.size, in.seed + 1);
    /* HG_OVERFLOW, where the class forbids large outputs, reaches the origin as an error. */
    (void)HG_Respond(handle, NULL, NULL, &out);
    free(out.blob.data);
    HG_PAIR_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static hg_return_t pair_hold(hg_handle_t handle)
{
    struct hg_pair *pair = hg_pair_of(handle);
    unsigned int count;

    (void)pthread_mutex_lock(&pair->lock);
    count = atomic_load(&pair->held_count);
    SUPPORT_CHECK(count < HG_PAIR_HELD_MAX);
    pair->held[count] = handle;
    atomic_store(&pair->held_count, count + 1);
    (void)pthread_mutex_unlock(&pair->lock);
    return HG_SUCCESS;
}

static hg_return_t pair_drop(hg_handle_t handle)
{
    return HG_Destroy(handle);
}

static hg_return_t pair_quiet(hg_handle_t handle)
{
    struct hg_pair *pair = hg_pair_of(handle);
    struct hg_pair_blob blob = {0};

    if (HG_Get_input(handle, &blob) == HG_SUCCESS) {
        if (!hg_pair_is_filled(blob.data, blob.size, blob.size))
            atomic_fetch_add(&pair->bad_inputs, 1);
        atomic_fetch_add(&pair->quiet_bytes, blob.size);
        HG_PAIR_OK(HG_Free_input(handle, &blob));
    } else {
        atomic_fetch_add(&pair->bad_inputs, 1);
    }
    atomic_fetch_add(&pair->quiet_count, 1);
    return HG_Destroy(handle);
}

static hg_return_t pair_empty(hg_handle_t handle)
{
    (void)HG_Respond(handle, NULL, NULL, NULL); /* as above */
    return HG_Destroy(handle);
}

void hg_pair_register(struct hg_pair *pair, struct hg_side *side)
{
    hg_class_t *hg_class = side->hg_class;

    HG_PAIR_OK(HG_Class_set_data(hg_class, pair, NULL));
    side->ids[HG_PAIR_ECHO] = HG_Register_name(hg_class, "pair_echo", hg_pair_proc_blob, hg_pair_proc_blob, pair_echo);
    side->ids[HG_PAIR_MOVE] =
        HG_Register_name(hg_class, "pair_move", hg_pair_proc_move_in, hg_pair_proc_move_out, pair_move);
    side->ids[HG_PAIR_HOLD] = HG_Register_name(hg_class, "pair_hold", hg_pair_proc_blob, hg_pair_proc_blob, pair_hold);
    side->ids[HG_PAIR_DROP] = HG_Register_name(hg_class, "pair_drop", hg_pair_proc_blob, hg_pair_proc_blob, pair_drop);
    side->ids[HG_PAIR_QUIET] = HG_Register_name(hg_class, "pair_quiet", hg_pair_proc_blob, NULL, pair_quiet);
    side->ids[HG_PAIR_EMPTY] = HG_Register_name(hg_class, "pair_empty", NULL, NULL, pair_empty);
    for (unsigned int i = 0; i < HG_PAIR_RPCS; i++)
        SUPPORT_CHECK(side->ids[i] != 0);
    HG_PAIR_OK(HG_Registered_disable_response(hg_class, side->ids[HG_PAIR_QUIET], HG_TRUE));
}

hg_id_t hg_pair_register_both(struct hg_pair *pair, const char *name, hg_proc_cb_t in, hg_proc_cb_t out,
                              hg_rpc_cb_t handler)
{
    hg_id_t id = HG_Register_name(pair->target.hg_class, name, in, out, handler);

    SUPPORT_CHECK(id != 0 && id == HG_Register_name(pair->origin.hg_class, name, in, out, NULL));
    return id;
}

/* --- life ---------------------------------------------------------------------------------------- */

const char *hg_pair_uri(void)
{
    static _Thread_local char uri[128];
    char provider[64];

    (void)snprintf(provider, sizeof(provider), "%.*s", (int)strcspn(support_suite_parameter(), "+"),
                   support_suite_parameter());
    support_suite_uri(provider[0] != '\0' ? provider : "tcp", uri, sizeof(uri));
    return uri;
}

hg_class_t *hg_pair_try_init(const char *uri, bool listen, const struct hg_init_info *init)
{
    struct hg_init_info options = HG_INIT_INFO_INITIALIZER;

    if (init != NULL)
        options = *init;
    if (strstr(support_suite_parameter(), "+sm") != NULL)
        options.auto_sm = true;
    return HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &options);
}

hg_class_t *hg_pair_init(bool listen, const struct hg_init_info *init)
{
    const char *uri = hg_pair_uri();
    bool must = strncmp(uri, "tcp://", 6) == 0 || strcmp(uri, "shm") == 0;
    hg_class_t *hg_class;

    if (!must)
        HG_Set_log_level("none");
    hg_class = hg_pair_try_init(uri, listen, init);
    if (!must)
        HG_Set_log_level("error");
    if (hg_class != NULL)
        return hg_class;
    if (!must)
        support_suite_skip(qs_error_detail());
    support_suite_fail("HG_Init(%s): %s", uri, qs_error_detail());
}

static void pair_open_side(struct hg_pair *pair, struct hg_side *side, bool listen, unsigned int contexts)
{
    side->hg_class = hg_pair_init(listen, pair->options.init);
    side->context_count = contexts > 0 ? contexts : 1;
    SUPPORT_CHECK(side->context_count <= HG_PAIR_CONTEXTS_MAX);
    for (unsigned int i = 0; i < side->context_count; i++) {
        side->contexts[i] = HG_Context_create_id(side->hg_class, (uint8_t)i);
        if (side->contexts[i] == NULL)
            support_suite_fail("HG_Context_create_id(%u): %s", i, qs_error_detail());
    }
    hg_pair_register(pair, side);
}

void hg_pair_address(hg_class_t *hg_class, char text[HG_PAIR_TEXT])
{
    hg_size_t size = HG_PAIR_TEXT;
    hg_addr_t self;

    HG_PAIR_OK(HG_Addr_self(hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(hg_class, text, &size, self));
    SUPPORT_CHECK(size == strlen(text) + 1);
    HG_PAIR_OK(HG_Addr_free(hg_class, self));
}

hg_addr_t hg_pair_lookup(hg_class_t *who, hg_class_t *whom)
{
    char text[HG_PAIR_TEXT];
    hg_addr_t addr;

    hg_pair_address(whom, text);
    HG_PAIR_OK(HG_Addr_lookup2(who, text, &addr));
    return addr;
}

static void *pair_drive(void *arg)
{
    struct hg_pair *pair = arg;
    hg_context_t *context = pair->target.contexts[0];

    while (!atomic_load(&pair->stop)) {
        unsigned int count;

        (void)HG_Progress(context, PAIR_THREAD_PROGRESS_MS);
        while (HG_Trigger(context, 0, 16, &count) == HG_SUCCESS && count > 0)
            continue;
    }
    return NULL;
}

void hg_pair_open(struct hg_pair *pair, const struct hg_pair_options *options)
{
    memset(pair, 0, sizeof(*pair));
    if (options != NULL)
        pair->options = *options;
    (void)pthread_mutex_init(&pair->lock, NULL);
    pair_open_side(pair, &pair->target, true, pair->options.target_contexts);
    pair_open_side(pair, &pair->origin, pair->options.origin_listens, pair->options.origin_contexts);
    pair->addr = hg_pair_lookup(pair->origin.hg_class, pair->target.hg_class);
    if (pair->options.threaded)
        SUPPORT_CHECK(pthread_create(&pair->thread, NULL, pair_drive, pair) == 0);
}

static void pair_close_side(struct hg_side *side)
{
    if (side->hg_class == NULL)
        return;
    while (side->context_count > 0)
        HG_PAIR_OK(HG_Context_destroy(side->contexts[--side->context_count]));
    HG_PAIR_OK(HG_Finalize(side->hg_class));
    side->hg_class = NULL;
}

static void pair_stop_thread(struct hg_pair *pair)
{
    if (!pair->options.threaded)
        return;
    atomic_store(&pair->stop, true);
    SUPPORT_CHECK(pthread_join(pair->thread, NULL) == 0);
    pair->options.threaded = false;
}

void hg_pair_close_origin(struct hg_pair *pair)
{
    if (pair->origin.hg_class == NULL)
        return;
    HG_PAIR_OK(HG_Addr_free(pair->origin.hg_class, pair->addr));
    pair_close_side(&pair->origin);
}

void hg_pair_close_target(struct hg_pair *pair)
{
    pair_stop_thread(pair);
    while (pair->target.hg_class != NULL && hg_pair_answer(pair))
        continue;
    pair_close_side(&pair->target);
}

void hg_pair_close(struct hg_pair *pair)
{
    pair_stop_thread(pair);
    while (pair->target.hg_class != NULL && hg_pair_answer(pair))
        continue;
    hg_pair_close_origin(pair);
    hg_pair_close_target(pair);
    (void)pthread_mutex_destroy(&pair->lock);
}

/* --- turns --------------------------------------------------------------------------------------- */

unsigned int hg_pair_step(hg_context_t *context)
{
    hg_return_t ret = HG_Progress(context, 0);
    unsigned int count = 0;

    if (ret != HG_SUCCESS && ret != HG_TIMEOUT)
        support_suite_fail("HG_Progress gave %s", HG_Error_to_string(ret));
    ret = HG_Trigger(context, 0, 64, &count);
    if (ret != HG_SUCCESS && ret != HG_TIMEOUT)
        support_suite_fail("HG_Trigger gave %s", HG_Error_to_string(ret));
    return count;
}

static unsigned int pair_step_side(struct hg_side *side)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < side->context_count; i++)
        count += hg_pair_step(side->contexts[i]);
    return count;
}

unsigned int hg_pair_step_target(struct hg_pair *pair)
{
    return pair->target.hg_class != NULL ? pair_step_side(&pair->target) : 0;
}

unsigned int hg_pair_step_origin(struct hg_pair *pair)
{
    return pair->origin.hg_class != NULL ? pair_step_side(&pair->origin) : 0;
}

void hg_pair_turn(struct hg_pair *pair)
{
    unsigned int count = hg_pair_step_origin(pair);

    if (!pair->options.threaded && !pair->options.silent_target)
        count += hg_pair_step_target(pair);
    if (count == 0)
        (void)sched_yield();
}

void hg_pair_alternate(struct hg_pair *pair, unsigned int turns)
{
    for (unsigned int turn = 0; turn < turns; turn++)
        (void)(turn % 2 == 0 ? hg_pair_step_target(pair) : hg_pair_step_origin(pair));
}

void hg_pair_settle(struct hg_pair *pair)
{
    uint64_t end_us = support_suite_now_us() + PAIR_SETTLE_US;

    while (support_suite_now_us() < end_us) {
        unsigned int count = hg_pair_step_origin(pair);

        if (!pair->options.threaded && !pair->options.silent_target)
            count += hg_pair_step_target(pair);
        if (count > 0)
            end_us = support_suite_now_us() + PAIR_SETTLE_US;
    }
}

void hg_pair_patience_check(struct hg_pair_patience *patience, const char *what)
{
    uint64_t now_us = support_suite_now_us();

    if (patience->end_us == 0)
        patience->end_us = now_us + (uint64_t)HG_PAIR_LIMIT_S * support_slowness() * 1000000U;
    if (now_us > patience->end_us)
        support_suite_fail("did not come true: %s", what);
}

/* --- calls --------------------------------------------------------------------------------------- */

void hg_pair_call_begin(struct hg_pair *pair, struct hg_pair_call *call, enum hg_pair_rpc rpc)
{
    memset(call, 0, sizeof(*call));
    call->pair = pair;
    HG_PAIR_OK(HG_Create(pair->origin.contexts[0], pair->addr, pair->origin.ids[rpc], &call->handle));
}

hg_return_t hg_pair_call_cb(const struct hg_cb_info *info)
{
    struct hg_pair_call *call = info->arg;

    SUPPORT_CHECK(info->type == HG_CB_FORWARD);
    SUPPORT_CHECK(info->info.forward.handle == call->handle);
    call->ret = info->ret;
    if (call->read_blob && info->ret == HG_SUCCESS) {
        call->read_ret = HG_Get_output(call->handle, &call->out);
        if (call->read_ret == HG_SUCCESS) {
            struct hg_pair_blob copy = {.size = call->out.size, .data = malloc(call->out.size + 1)};

            SUPPORT_CHECK(copy.data != NULL);
            memcpy(copy.data, call->out.data, copy.size);
            HG_PAIR_OK(HG_Free_output(call->handle, &call->out));
            call->out = copy;
        }
    }
    atomic_fetch_add(&call->calls, 1);
    return HG_SUCCESS;
}

void hg_pair_call_forward(struct hg_pair_call *call, void *in)
{
    atomic_store(&call->calls, 0);
    HG_PAIR_OK(HG_Forward(call->handle, hg_pair_call_cb, call, in));
}

void hg_pair_call_start(struct hg_pair *pair, struct hg_pair_call *call, enum hg_pair_rpc rpc, void *in)
{
    hg_pair_call_begin(pair, call, rpc);
    hg_pair_call_forward(call, in);
}

void hg_pair_call_start_id(struct hg_pair *pair, struct hg_pair_call *call, hg_id_t id, void *in)
{
    *call = (struct hg_pair_call){.pair = pair};
    HG_PAIR_OK(HG_Create(pair->origin.contexts[0], pair->addr, id, &call->handle));
    hg_pair_call_forward(call, in);
}

hg_return_t hg_pair_call_wait(struct hg_pair_call *call)
{
    HG_PAIR_UNTIL(call->pair, atomic_load(&call->calls) > 0);
    SUPPORT_CHECK(atomic_load(&call->calls) == 1);
    return call->ret;
}

void hg_pair_call_end(struct hg_pair_call *call)
{
    SUPPORT_CHECK(atomic_load(&call->calls) <= 1);
    HG_PAIR_OK(HG_Destroy(call->handle));
    free(call->out.data);
    call->out = (struct hg_pair_blob){0};
    call->handle = HG_HANDLE_NULL;
}

bool hg_pair_call_finish_raced(struct hg_pair_call *call)
{
    hg_return_t ret = hg_pair_call_wait(call);

    if (ret != HG_CANCELED)
        HG_PAIR_OK(ret);
    hg_pair_call_end(call);
    return ret == HG_CANCELED;
}

void hg_pair_check_works(struct hg_pair *pair)
{
    unsigned char text[] = "does it work?";
    struct hg_pair_blob in = {.size = sizeof(text), .data = text};
    struct hg_pair_call call;

    hg_pair_call_begin(pair, &call, HG_PAIR_ECHO);
    call.read_blob = true;
    hg_pair_call_forward(&call, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(call.read_ret);
    SUPPORT_CHECK(call.out.size == sizeof(text) && memcmp(call.out.data, text, sizeof(text)) == 0);
    hg_pair_call_end(&call);
}

void hg_pair_move(struct hg_pair *pair, uint64_t in_size, uint64_t out_size)
{
    struct hg_pair_move_in in = {.seed = in_size * 3 + out_size, .out_size = out_size, .blob = {.size = in_size}};
    struct hg_pair_move_out out = {0};
    struct hg_pair_call call;

    in.blob.data = malloc(in_size + 1);
    SUPPORT_CHECK(in.blob.data != NULL);
    hg_pair_fill(in.blob.data, in_size, in.seed);
    hg_pair_call_begin(pair, &call, HG_PAIR_MOVE);
    hg_pair_call_forward(&call, &in);
    /* The input was encoded: what the caller does with it now is his own affair. */
    memset(in.blob.data, 0, in_size);
    free(in.blob.data);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Get_output(call.handle, &out));
    SUPPORT_CHECK(out.good == 1);
    SUPPORT_CHECK(out.blob.size == out_size);
    SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out.blob.size, in.seed + 1));
    HG_PAIR_OK(HG_Free_output(call.handle, &out));
    hg_pair_call_end(&call);
}

hg_handle_t hg_pair_take_held(struct hg_pair *pair)
{
    hg_handle_t handle = HG_HANDLE_NULL;
    unsigned int count;

    (void)pthread_mutex_lock(&pair->lock);
    count = atomic_load(&pair->held_count);
    if (count > 0) {
        handle = pair->held[0];
        memmove(pair->held, pair->held + 1, (count - 1) * sizeof(pair->held[0]));
        atomic_store(&pair->held_count, count - 1);
    }
    (void)pthread_mutex_unlock(&pair->lock);
    return handle;
}

hg_handle_t hg_pair_wait_held(struct hg_pair *pair)
{
    HG_PAIR_UNTIL(pair, atomic_load(&pair->held_count) > 0);
    SUPPORT_CHECK(atomic_load(&pair->held_count) == 1);
    return hg_pair_take_held(pair);
}

hg_handle_t hg_pair_call_hold(struct hg_pair *pair, struct hg_pair_call *call, struct hg_pair_blob *in)
{
    hg_pair_call_start(pair, call, HG_PAIR_HOLD, in);
    return hg_pair_wait_held(pair);
}

hg_return_t hg_pair_pull(hg_handle_t handle, hg_cb_t done, bool by_id)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_size_t size;
    hg_return_t ret;

    HG_PAIR_OK(HG_Get_input(handle, &origin));
    size = HG_Bulk_get_size(origin);
    HG_PAIR_OK(HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &local));
    if (by_id)
        ret = HG_Bulk_transfer_id(info->context, done, handle, HG_BULK_PULL, info->addr, info->context_id, origin, 0,
                                  local, 0, size, HG_OP_ID_IGNORE);
    else
        ret = HG_Bulk_transfer(info->context, done, handle, HG_BULK_PULL, info->addr, origin, 0, local, 0, size,
                               HG_OP_ID_IGNORE);
    HG_PAIR_OK(HG_Bulk_free(local));
    HG_PAIR_OK(HG_Free_input(handle, &origin));
    return ret;
}

void hg_pair_respond(hg_handle_t held, struct hg_pair_blob *out)
{
    HG_PAIR_OK(HG_Respond(held, NULL, NULL, out));
    HG_PAIR_OK(HG_Destroy(held));
}

bool hg_pair_answer(struct hg_pair *pair)
{
    hg_handle_t handle = hg_pair_take_held(pair);
    struct hg_pair_blob blob = {0};

    if (handle == HG_HANDLE_NULL)
        return false;
    HG_PAIR_OK(HG_Get_input(handle, &blob));
    /* The origin may be gone: then nobody hears it, and that is no error of the caller. */
    (void)HG_Respond(handle, NULL, NULL, &blob);
    HG_PAIR_OK(HG_Free_input(handle, &blob));
    HG_PAIR_OK(HG_Destroy(handle));
    return true;
}
