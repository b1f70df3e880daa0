/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The worst moments: a process is killed when one of its handles enters a named state (hg_handle.h), and a call is cancelled
 * when it, or what the target made of it, does. Every state, for calls of each way that a payload can take, over real
 * transports and between real processes. What the handlers did is in a ledger that outlives them: a page of a file, one
 * count for each call. The library is the one of the simulation, which has the hook (util_hook.h).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hg/hg_handle.h"
#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"
#include "util/util_hook.h"
#include "util/util_mutant.h"

enum {
    CALLS = 24, /* under way at once */
    LEDGER_CALLS = 4096,
    TEXT_MAX = 400,
    LARGE = 200000, /* pulled */
    PIECES = 20000, /* in fragments */
    BULK = 1 << 20,
};

enum util_mutant util_mutant_on;
void (*util_hook)(enum util_hook_place place, const void *object);

/* How a call moves its data. */
struct kind {
    const char *name;
    uint64_t in_size, out_size;
    bool bulk; /* the target pulls memory of the origin */
    bool quiet;
    bool self; /* to the origin's own class */
};

static const struct kind kinds[] = {
    {.name = "eager", .in_size = 100, .out_size = 100},
    {.name = "fragments", .in_size = PIECES, .out_size = PIECES},
    {.name = "large input", .in_size = LARGE, .out_size = 100},
    {.name = "large output", .in_size = 100, .out_size = LARGE},
    {.name = "bulk", .bulk = true},
    {.name = "one-way", .in_size = 100, .quiet = true},
    {.name = "self", .in_size = 100, .out_size = 100, .self = true},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), KINDS_REMOTE = KINDS - 1 };

/* --- the ledger ----------------------------------------------------------------------------------------------- */

static atomic_uint *ledger;

static void ledger_map(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);

    SUPPORT_CHECK(fd >= 0 && ftruncate(fd, LEDGER_CALLS * sizeof(*ledger)) == 0);
    ledger = mmap(NULL, LEDGER_CALLS * sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    SUPPORT_CHECK(ledger != MAP_FAILED);
    (void)close(fd);
}

static void ledger_unmap(const char *path)
{
    SUPPORT_CHECK(munmap(ledger, LEDGER_CALLS * sizeof(*ledger)) == 0);
    (void)unlink(path);
}

/* Whether what is known of a call is the truth. */
static void ledger_check(uint64_t id, const struct kind *kind, const struct qs_result *result)
{
    unsigned int ran = atomic_load(&ledger[id]);

    if (ran > 1)
        support_suite_fail("call %llu (%s) ran %u times", (unsigned long long)id, kind->name, ran);
    if ((result->outcome == QS_OUTCOME_NOT_SENT || result->outcome == QS_OUTCOME_NOT_EXECUTED) && ran != 0)
        support_suite_fail("call %llu (%s) ran: %s", (unsigned long long)id, kind->name, result->detail);
    if ((result->outcome == QS_OUTCOME_EXECUTED || (result->ret == HG_SUCCESS && !kind->quiet)) && ran != 1)
        support_suite_fail("call %llu (%s) did not run: %s", (unsigned long long)id, kind->name, result->detail);
}

/* --- RPCs ----------------------------------------------------------------------------------------------------- */

struct bulk_in {
    uint64_t id;
    hg_bulk_t bulk;
};

static hg_return_t proc_bulk_in(hg_proc_t proc, void *data)
{
    struct bulk_in *in = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &in->id);

    return ret == HG_SUCCESS ? hg_proc_hg_bulk_t(proc, &in->bulk) : ret;
}

static hg_return_t serve_move(hg_handle_t handle)
{
    struct hg_pair_move_in in;
    struct hg_pair_move_out out = {.good = 1};

    if (HG_Get_input(handle, &in) != HG_SUCCESS)
        return HG_Destroy(handle);
    atomic_fetch_add(&ledger[in.seed], 1);
    out.blob.size = in.out_size;
    out.blob.data = malloc(in.out_size + 1);
    SUPPORT_CHECK(out.blob.data != NULL);
    hg_pair_fill(out.blob.data, in.out_size, in.seed + 1);
    (void)HG_Respond(handle, NULL, NULL, &out);
    free(out.blob.data);
    (void)HG_Free_input(handle, &in);
    return HG_Destroy(handle);
}

static hg_return_t bulk_pulled(const struct hg_cb_info *info)
{
    hg_handle_t handle = info->arg;
    struct hg_pair_move_out out = {.good = info->ret == HG_SUCCESS};

    (void)HG_Bulk_free(info->info.bulk.local_handle);
    (void)HG_Respond(handle, NULL, NULL, &out);
    return HG_Destroy(handle);
}

static hg_return_t serve_bulk(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_size_t size = BULK;
    struct bulk_in in;
    hg_bulk_t local;
    hg_return_t ret;

    if (HG_Get_input(handle, &in) != HG_SUCCESS)
        return HG_Destroy(handle);
    atomic_fetch_add(&ledger[in.id], 1);
    SUPPORT_CHECK(HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &local) == HG_SUCCESS);
    ret = HG_Bulk_transfer(info->context, bulk_pulled, handle, HG_BULK_PULL, info->addr, in.bulk, 0, local, 0, BULK,
                           HG_OP_ID_IGNORE);
    (void)HG_Free_input(handle, &in);
    if (ret == HG_SUCCESS)
        return HG_SUCCESS;
    (void)HG_Bulk_free(local);
    return HG_Destroy(handle);
}

static struct {
    hg_id_t move, bulk, quiet;
} ids;

static void register_all(hg_class_t *hg_class)
{
    ids.move = HG_Register_name(hg_class, "states move", hg_pair_proc_move_in, hg_pair_proc_move_out, serve_move);
    ids.bulk = HG_Register_name(hg_class, "states bulk", proc_bulk_in, hg_pair_proc_move_out, serve_bulk);
    ids.quiet = HG_Register_name(hg_class, "states quiet", hg_pair_proc_move_in, hg_pair_proc_move_out, serve_move);
    SUPPORT_CHECK(ids.move != 0 && ids.bulk != 0 && ids.quiet != 0);
    HG_PAIR_OK(HG_Registered_disable_response(hg_class, ids.quiet, 1));
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

struct state_call {
    uint64_t id;
    const struct kind *kind;
    hg_handle_t handle;
    hg_bulk_t bulk;
    unsigned int calls; /* of the callback */
    hg_return_t ret;
};

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    struct state_call *call = info->arg;

    call->calls++;
    call->ret = info->ret;
    return HG_SUCCESS;
}

static hg_return_t call_forward_bulk(struct state_call *call, hg_class_t *hg_class)
{
    struct bulk_in in = {.id = call->id};
    hg_size_t size = BULK;

    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, NULL, &size, HG_BULK_READ_ONLY, &call->bulk));
    in.bulk = call->bulk;
    return HG_Forward(call->handle, call_ended, call, &in);
}

static hg_return_t call_forward(struct state_call *call, hg_class_t *hg_class)
{
    struct hg_pair_move_in in = {.seed = call->id, .out_size = call->kind->out_size};
    hg_return_t ret;

    if (call->kind->bulk)
        return call_forward_bulk(call, hg_class);
    in.blob.size = call->kind->in_size;
    in.blob.data = calloc(1, in.blob.size + 1);
    SUPPORT_CHECK(in.blob.data != NULL);
    ret = HG_Forward(call->handle, call_ended, call, &in);
    free(in.blob.data);
    return ret;
}

static void call_begin(struct state_call *call, uint64_t id, const struct kind *kind, hg_context_t *context,
                       hg_addr_t addr)
{
    hg_return_t ret;

    *call = (struct state_call){.id = id, .kind = kind};
    HG_PAIR_OK(HG_Create(context, addr, kind->bulk ? ids.bulk : kind->quiet ? ids.quiet : ids.move, &call->handle));
    ret = call_forward(call, HG_Context_get_class(context));
    if (ret == HG_SUCCESS)
        return;
    /* Nobody is there any more, and the transport knows. */
    HG_PAIR_RET(ret, HG_HOSTUNREACH);
    call->calls = UINT32_MAX;
    SUPPORT_CHECK(atomic_load(&ledger[id]) == 0);
}

static bool call_over(const struct state_call *call)
{
    return call->calls > 0;
}

static void call_check_output(const struct state_call *call)
{
    struct hg_pair_move_out out;

    HG_PAIR_OK(HG_Get_output(call->handle, &out));
    SUPPORT_CHECK(out.blob.size == call->kind->out_size);
    SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out.blob.size, call->id + 1));
    HG_PAIR_OK(HG_Free_output(call->handle, &out));
}

/* The call has ended: what is known of it is true. */
static void call_end(struct state_call *call)
{
    struct qs_result result;

    if (call->calls != UINT32_MAX) {
        SUPPORT_CHECK(call->calls == 1);
        HG_PAIR_OK(qs_handle_get_result(call->handle, &result, sizeof(result)));
        SUPPORT_CHECK(result.ret == call->ret);
        ledger_check(call->id, call->kind, &result);
        if (call->ret == HG_SUCCESS && !call->kind->quiet)
            call_check_output(call);
    }
    HG_PAIR_OK(HG_Destroy(call->handle));
    if (call->bulk != HG_BULK_NULL)
        HG_PAIR_OK(HG_Bulk_free(call->bulk));
}

static void turn(hg_context_t *context)
{
    unsigned int count;

    (void)HG_Progress(context, 0);
    (void)HG_Trigger(context, 0, 1, &count);
}

/* --- a process that kills itself ------------------------------------------------------------------------------ */

static struct {
    enum hg_handle_state state;
    unsigned int left; /* entries into the state until the end; 0: it lives on */
} doom;

static void doom_hook(enum util_hook_place place, const void *object)
{
    const struct hg_handle *handle = object;

    (void)place;
    if (hg_handle_state(handle) == doom.state && doom.left > 0 && --doom.left == 0)
        (void)kill(getpid(), SIGKILL);
}

/* What a role is told: "URI STATE COUNT LEDGER". */
static void doom_read(const char *argument, char uri[TEXT_MAX])
{
    char path[TEXT_MAX];
    unsigned int state;

    SUPPORT_CHECK(strlen(argument) < TEXT_MAX);
    SUPPORT_CHECK(sscanf(argument, "%s %u %u %s", uri, &state, &doom.left, path) == 4);
    doom.state = (enum hg_handle_state)state;
    ledger_map(path);
    util_hook = doom_hook;
}

static void process_start(struct hg_process *process, const char *role, const char *uri, enum hg_handle_state state,
                          unsigned int count, const char *path)
{
    char argument[TEXT_MAX];

    SUPPORT_CHECK(snprintf(argument, sizeof(argument), "%s %u %u %s", uri, (unsigned int)state, count, path) <
                  (int)sizeof(argument));
    hg_process_start(process, role, argument, support_suite_parameter());
}

static _Noreturn void role_victim(const char *argument)
{
    static struct hg_pair pair;
    char uri[TEXT_MAX];
    char text[HG_PAIR_TEXT];

    (void)pthread_mutex_init(&pair.lock, NULL);
    doom_read(argument, uri);
    hg_process_open_side(&pair, &pair.target, uri, true);
    register_all(pair.target.hg_class);
    hg_pair_address(pair.target.hg_class, text);
    printf("%s\n", text);
    fflush(stdout);
    for (;;) {
        (void)HG_Progress(pair.target.contexts[0], 20);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
}

/* Makes calls of all kinds, again and again. */
static _Noreturn void role_caller(const char *argument)
{
    static struct hg_pair pair;
    static struct state_call calls[CALLS];
    char address[TEXT_MAX];
    uint64_t next = 0;

    (void)pthread_mutex_init(&pair.lock, NULL);
    doom_read(argument, address);
    hg_process_open_side(&pair, &pair.origin, hg_pair_uri(), false);
    register_all(pair.origin.hg_class);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, address, &pair.addr));
    printf("calling\n");
    fflush(stdout);
    for (;;) {
        for (unsigned int i = 0; i < CALLS; i++)
            call_begin(&calls[i], next++ % LEDGER_CALLS, &kinds[i % KINDS_REMOTE], pair.origin.contexts[0], pair.addr);
        for (unsigned int i = 0; i < CALLS; i++) {
            while (!call_over(&calls[i]))
                turn(pair.origin.contexts[0]);
            HG_PAIR_OK(HG_Destroy(calls[i].handle));
            (void)HG_Bulk_free(calls[i].bulk);
        }
    }
}

/* --- killed targets ------------------------------------------------------------------------------------------- */

/* Counts of entries at which a process ends: the first of all, some in the middle. */
static const unsigned int counts[] = {1, 3, 8, 17};

enum { COUNTS = sizeof(counts) / sizeof(counts[0]) };

static void open_origin(struct hg_pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    pair->origin.hg_class = hg_pair_init(false, NULL);
    pair->origin.contexts[0] = HG_Context_create(pair->origin.hg_class);
    SUPPORT_CHECK(pair->origin.contexts[0] != NULL);
    pair->origin.context_count = 1;
    hg_pair_register(pair, &pair->origin);
    register_all(pair->origin.hg_class);
}

/* Calls of all kinds to a process that is about to die: each ends, with the truth. */
static void call_victim(hg_context_t *context, hg_addr_t addr)
{
    struct state_call calls[CALLS];

    for (unsigned int i = 0; i < CALLS; i++)
        call_begin(&calls[i], i, &kinds[i % KINDS_REMOTE], context, addr);
    for (unsigned int i = 0; i < CALLS; i++)
        for (struct hg_pair_patience patience = {0}; !call_over(&calls[i]);
             hg_pair_patience_check(&patience, "the call ends"))
            turn(context);
    for (unsigned int i = 0; i < CALLS; i++)
        call_end(&calls[i]);
}

static void kill_target_at(enum hg_handle_state state)
{
    struct hg_process victim;
    struct hg_pair pair;
    hg_addr_t addr;
    char path[TEXT_MAX];

    (void)snprintf(path, sizeof(path), "/tmp/hg_states.%d", (int)getpid());
    HG_Set_log_level("none"); /* each death has its lines */
    open_origin(&pair);
    for (unsigned int i = 0; i < COUNTS; i++) {
        ledger_map(path);
        process_start(&victim, "victim", hg_pair_uri(), state, counts[i], path);
        HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, victim.line, &addr));
        call_victim(pair.origin.contexts[0], addr);
        hg_process_end(&victim, SIGKILL);
        HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
        ledger_unmap(path);
    }
    hg_pair_close_origin(&pair);
}

static void target_killed_while_receiving(void)
{
    kill_target_at(HG_HANDLE_RECEIVING);
}

static void target_killed_with_a_request_ready(void)
{
    kill_target_at(HG_HANDLE_READY);
}

static void target_killed_before_its_handler(void)
{
    kill_target_at(HG_HANDLE_RUNNING);
}

static void target_killed_while_responding(void)
{
    kill_target_at(HG_HANDLE_RESPONDING);
}

static void target_killed_when_it_has_responded(void)
{
    kill_target_at(HG_HANDLE_RESPONDED);
}

/* --- killed origins ------------------------------------------------------------------------------------------- */

/* Nothing of the dead is left: no request, no session. */
static bool target_is_clean(const struct hg_context *context)
{
    return context->admit.requests == 0 && util_list_empty(&context->sessions);
}

static void kill_origin_at(enum hg_handle_state state)
{
    struct hg_pair pair;
    struct hg_process caller;
    char address[HG_PAIR_TEXT];
    char path[TEXT_MAX];

    (void)snprintf(path, sizeof(path), "/tmp/hg_states.%d", (int)getpid());
    HG_Set_log_level("none");
    hg_pair_open(&pair, NULL);
    register_all(pair.target.hg_class);
    hg_pair_address(pair.target.hg_class, address);
    hg_pair_close_origin(&pair);
    ledger_map(path);
    for (unsigned int i = 0; i < COUNTS; i++) {
        process_start(&caller, "caller", address, state, counts[i] * 3, path);
        for (struct hg_pair_patience patience = {0}; !hg_process_has_ended(&caller);
             hg_pair_patience_check(&patience, "the caller dies"))
            turn(pair.target.contexts[0]);
        for (struct hg_pair_patience patience = {0}; !target_is_clean(pair.target.contexts[0]);
             hg_pair_patience_check(&patience, "the target lets go of the dead"))
            turn(pair.target.contexts[0]);
        hg_process_end(&caller, SIGKILL);
    }
    ledger_unmap(path);
    hg_pair_close_target(&pair);
}

static void origin_killed_with_a_call_waiting(void)
{
    kill_origin_at(HG_HANDLE_WAITING);
}

static void origin_killed_when_it_has_sent(void)
{
    kill_origin_at(HG_HANDLE_SENT);
}

static void origin_killed_while_pulling(void)
{
    kill_origin_at(HG_HANDLE_PULLING);
}

static void origin_killed_with_an_answer(void)
{
    kill_origin_at(HG_HANDLE_COMPLETED);
}

static void origin_killed_after_a_call(void)
{
    kill_origin_at(HG_HANDLE_IDLE);
}

/* --- cancels -------------------------------------------------------------------------------------------------- */

static struct {
    const void *origin; /* the handle */
    bool target;        /* it is the target's handle that is watched */
    enum hg_handle_state state;
    bool reached;
} watch;

static void watch_hook(enum util_hook_place place, const void *object)
{
    const struct hg_handle *handle = object;

    (void)place;
    if (hg_handle_state(handle) != watch.state)
        return;
    if (watch.target ? handle->target : object == watch.origin)
        watch.reached = true;
}

/* A call that is cancelled as soon as it, or what the target made of it, has reached a state. Whether it came there. */
static bool cancel_at(struct hg_pair *pair, uint64_t id, const struct kind *kind, bool target,
                      enum hg_handle_state state)
{
    hg_context_t *context = kind->self ? pair->target.contexts[0] : pair->origin.contexts[0];
    struct state_call call;
    hg_addr_t addr = pair->addr;
    bool cancelled = false;

    if (kind->self)
        HG_PAIR_OK(HG_Addr_self(pair->target.hg_class, &addr));
    watch.target = target;
    watch.state = state;
    watch.reached = false;
    watch.origin = NULL;
    call = (struct state_call){.id = id, .kind = kind};
    HG_PAIR_OK(HG_Create(context, addr, kind->bulk ? ids.bulk : kind->quiet ? ids.quiet : ids.move, &call.handle));
    watch.origin = call.handle;
    HG_PAIR_OK(call_forward(&call, HG_Context_get_class(context)));
    for (struct hg_pair_patience patience = {0}; !call_over(&call);
         hg_pair_patience_check(&patience, "the call ends")) {
        if (watch.reached && !cancelled)
            HG_PAIR_OK(HG_Cancel(call.handle));
        cancelled = watch.reached;
        turn(pair->target.contexts[0]);
        if (watch.reached && !cancelled)
            HG_PAIR_OK(HG_Cancel(call.handle));
        cancelled = watch.reached;
        turn(pair->origin.contexts[0]);
    }
    if (call.ret != HG_SUCCESS && !(cancelled && call.ret == HG_CANCELED))
        support_suite_fail("%s, %s %s: the call ends with %s", kind->name, target ? "target" : "origin",
                           hg_handle_state_text(state), HG_Error_to_string(call.ret));
    hg_pair_settle(pair); /* what the target still has to do for it */
    call_end(&call);
    if (kind->self)
        HG_PAIR_OK(HG_Addr_free(pair->target.hg_class, addr));
    return watch.reached;
}

static void calls_can_be_cancelled_in_every_state(void)
{
    static const enum hg_handle_state origin_states[] = {HG_HANDLE_WAITING, HG_HANDLE_SENT, HG_HANDLE_PULLING,
                                                         HG_HANDLE_COMPLETED, HG_HANDLE_IDLE};
    static const enum hg_handle_state target_states[] = {HG_HANDLE_RECEIVING,  HG_HANDLE_READY,     HG_HANDLE_RUNNING,
                                                         HG_HANDLE_RESPONDING, HG_HANDLE_RESPONDED, HG_HANDLE_IDLE};
    unsigned int reached[2][HG_HANDLE_STATES] = {{0}};
    struct hg_pair pair;
    char path[TEXT_MAX];
    uint64_t id = 0;

    (void)snprintf(path, sizeof(path), "/tmp/hg_states.%d", (int)getpid());
    ledger_map(path);
    hg_pair_open(&pair, NULL);
    register_all(pair.target.hg_class);
    register_all(pair.origin.hg_class);
    hg_pair_check_works(&pair);
    util_hook = watch_hook;
    for (unsigned int k = 0; k < KINDS; k++) {
        for (unsigned int i = 0; i < sizeof(origin_states) / sizeof(origin_states[0]); i++)
            reached[0][origin_states[i]] += cancel_at(&pair, id++, &kinds[k], false, origin_states[i]);
        for (unsigned int i = 0; i < sizeof(target_states) / sizeof(target_states[0]); i++)
            reached[1][target_states[i]] += cancel_at(&pair, id++, &kinds[k], true, target_states[i]);
    }
    util_hook = NULL;
    for (unsigned int i = 0; i < sizeof(origin_states) / sizeof(origin_states[0]); i++)
        SUPPORT_CHECK(reached[0][origin_states[i]] > 0);
    for (unsigned int i = 0; i < sizeof(target_states) / sizeof(target_states[0]); i++)
        SUPPORT_CHECK(reached[1][target_states[i]] > 0);
    SUPPORT_CHECK(pair.target.contexts[0]->admit.requests == 0);
    hg_pair_check_works(&pair);
    ledger_unmap(path);
    hg_pair_close(&pair);
}

static const struct support_case cases[] = {
    SUPPORT_CASE(target_killed_while_receiving),         SUPPORT_CASE(target_killed_with_a_request_ready),
    SUPPORT_CASE(target_killed_before_its_handler),      SUPPORT_CASE(target_killed_while_responding),
    SUPPORT_CASE(target_killed_when_it_has_responded),   SUPPORT_CASE(origin_killed_with_a_call_waiting),
    SUPPORT_CASE(origin_killed_when_it_has_sent),        SUPPORT_CASE(origin_killed_while_pulling),
    SUPPORT_CASE(origin_killed_with_an_answer),          SUPPORT_CASE(origin_killed_after_a_call),
    SUPPORT_CASE(calls_can_be_cancelled_in_every_state), {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        support_suite_set_parameter(argv[4]);
        if (strcmp(argv[2], "victim") == 0)
            role_victim(argv[3]);
        role_caller(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
