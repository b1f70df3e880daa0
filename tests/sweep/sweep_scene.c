/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The scene: a target and an origin in one thread, turn by turn.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quicksilver.h"
#include "tests/support/fault_point.h"
#include "tests/sweep/sweep.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"

enum {
    CALLS_MAX = 64,
    HELD_MAX = 4,
    MANY = 24, /* more than the window has room for, where it is small */
    CLOSE_TRIES = 200,
    SMALL = 100,
    PIECES = 30000,   /* more than a message */
    LARGE = 200000,   /* pulled */
    TRANSFER = 50000, /* in several operations, where those are small */
};
#define STUCK_NS     (120 * UTIL_CLOCK_NS_PER_S)
#define LIMIT_US     UINT64_C(3000000) /* of calls whose end nobody may hear of */
#define HOLD_US      UINT64_C(20000)
#define QUIET_NS     (20 * UTIL_CLOCK_NS_PER_MS)
#define SIDE_VERSION HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR)

struct bytes {
    uint64_t size;
    unsigned char *data;
};

struct move_in {
    uint8_t push;
    hg_bulk_t bulk;
};

struct move_out {
    uint32_t ret;
};

struct side {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_id_t echo, move, hold, quiet, once;
};

struct call {
    hg_handle_t handle;
    bool forwarded;
    unsigned int ends;
    hg_return_t ret;
    bool good; /* and the output was right */
};

/* What the target does for a move. */
struct work {
    hg_handle_t handle;
    hg_bulk_t remote, local;
    unsigned char *memory;
    bool push;
};

static struct scene {
    const struct sweep_world *world;
    const struct sweep_point *point;
    uint64_t n;
    const char *step;
    struct side target, origin;
    hg_addr_t addr, self;
    struct call calls[CALLS_MAX];
    unsigned int call_count;
    hg_handle_t held[HELD_MAX];
    unsigned int held_count;
    unsigned int works;
    unsigned int quiet;
    unsigned int failed;
} scene;

bool sweep_trace;

static unsigned char pattern[LARGE];

void sweep_fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s, number %llu, error %d, in step \"%s\": ", scene.point != NULL ? scene.point->what : "nothing",
            (unsigned long long)scene.n, scene.point != NULL ? scene.point->error : 0, scene.step);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(NULL);
    abort();
}

/* --- the point ---------------------------------------------------------------------------------------- */

static void point_arm(void)
{
    if (scene.point->name == NULL)
        util_alloc_fail_at(scene.n != 0 ? scene.n : UINT64_MAX);
    else
        fault_point_arm(scene.point->name, scene.n != 0 ? scene.n : UINT64_MAX, scene.point->error);
}

static uint64_t point_passed(void)
{
    return scene.point->name == NULL ? util_alloc_count() : fault_point_passed();
}

static bool point_hit(void)
{
    return scene.n != 0 && point_passed() >= scene.n;
}

static void point_disarm(void)
{
    if (scene.point->name == NULL)
        util_alloc_fail_at(0);
    else
        fault_point_disarm();
}

/* --- procs ---------------------------------------------------------------------------------------------- */

static hg_return_t proc_bytes(hg_proc_t proc, void *data)
{
    struct bytes *bytes = data;
    hg_return_t ret;

    if (hg_proc_get_op(proc) == HG_FREE) {
        free(bytes->data);
        bytes->data = NULL;
        return HG_SUCCESS;
    }
    ret = hg_proc_uint64_t(proc, &bytes->size);
    if (ret != HG_SUCCESS)
        return ret;
    if (hg_proc_get_op(proc) == HG_DECODE) {
        if (bytes->size > LARGE)
            return HG_OVERFLOW;
        bytes->data = malloc(bytes->size + 1);
        if (bytes->data == NULL)
            return HG_NOMEM;
    }
    ret = hg_proc_bytes(proc, bytes->data, bytes->size);
    if (ret != HG_SUCCESS && hg_proc_get_op(proc) == HG_DECODE)
        free(bytes->data);
    return ret;
}

static hg_return_t proc_move_in(hg_proc_t proc, void *data)
{
    struct move_in *in = data;
    hg_return_t ret = hg_proc_uint8_t(proc, &in->push);

    return ret == HG_SUCCESS ? hg_proc_hg_bulk_t(proc, &in->bulk) : ret;
}

static hg_return_t proc_move_out(hg_proc_t proc, void *data)
{
    return hg_proc_uint32_t(proc, &((struct move_out *)data)->ret);
}

/* --- the target ------------------------------------------------------------------------------------------- */

static hg_return_t serve_echo(hg_handle_t handle)
{
    struct bytes bytes = {0};

    if (HG_Get_input(handle, &bytes) == HG_SUCCESS) {
        if (memcmp(bytes.data, pattern, bytes.size) != 0)
            sweep_fail("the input is not what was sent");
        (void)HG_Respond(handle, NULL, NULL, &bytes);
        (void)HG_Free_input(handle, &bytes);
    }
    return HG_Destroy(handle);
}

static hg_return_t serve_quiet(hg_handle_t handle)
{
    struct bytes bytes = {0};

    if (HG_Get_input(handle, &bytes) == HG_SUCCESS) {
        scene.quiet++;
        (void)HG_Free_input(handle, &bytes);
    }
    return HG_Destroy(handle);
}

static hg_return_t serve_hold(hg_handle_t handle)
{
    if (scene.held_count == HELD_MAX)
        return HG_Destroy(handle);
    scene.held[scene.held_count++] = handle;
    return HG_SUCCESS;
}

static void held_end(bool answer)
{
    struct bytes bytes = {.size = SMALL, .data = pattern};

    while (scene.held_count > 0) {
        hg_handle_t handle = scene.held[--scene.held_count];

        if (answer)
            (void)HG_Respond(handle, NULL, NULL, &bytes);
        if (HG_Destroy(handle) != HG_SUCCESS)
            sweep_fail("a handle cannot be destroyed: %s", qs_error_detail());
    }
}

static void work_end(struct work *work, hg_return_t ret)
{
    struct move_out out = {.ret = (uint32_t)ret};

    (void)HG_Respond(work->handle, NULL, NULL, &out);
    (void)HG_Bulk_free(work->local);
    (void)HG_Bulk_free(work->remote);
    (void)HG_Destroy(work->handle);
    free(work->memory);
    free(work);
    scene.works--;
}

static hg_return_t work_moved(const struct hg_cb_info *info)
{
    struct work *work = info->arg;

    if (info->ret == HG_SUCCESS && !work->push && memcmp(work->memory, pattern, TRANSFER) != 0)
        sweep_fail("what was pulled is not what was there");
    work_end(work, info->ret);
    return HG_SUCCESS;
}

static hg_return_t work_start(struct work *work)
{
    const struct hg_info *info = HG_Get_info(work->handle);
    void *memory = work->memory;
    hg_size_t size = TRANSFER;
    hg_return_t ret;

    memcpy(work->memory, pattern, work->push ? TRANSFER : 0);
    ret = HG_Bulk_create(info->hg_class, 1, &memory, &size, HG_BULK_READWRITE, &work->local);
    if (ret != HG_SUCCESS)
        return ret;
    return HG_Bulk_transfer(info->context, work_moved, work, work->push ? HG_BULK_PUSH : HG_BULK_PULL, info->addr,
                            work->remote, 0, work->local, 0, size, HG_OP_ID_IGNORE);
}

static hg_return_t serve_move(hg_handle_t handle)
{
    struct move_in in = {0};
    struct work *work;
    hg_return_t ret = HG_Get_input(handle, &in);

    if (ret != HG_SUCCESS)
        return HG_Destroy(handle);
    work = calloc(1, sizeof(*work));
    if (work == NULL || (work->memory = calloc(1, TRANSFER)) == NULL)
        sweep_fail("the test has no memory");
    scene.works++;
    work->handle = handle;
    work->push = in.push != 0;
    work->remote = in.bulk;
    (void)HG_Bulk_ref_incr(in.bulk);
    (void)HG_Free_input(handle, &in);
    ret = work_start(work);
    if (ret != HG_SUCCESS)
        work_end(work, ret);
    return HG_SUCCESS;
}

/* --- turns --------------------------------------------------------------------------------------------------- */

static unsigned int side_turn(struct side *side)
{
    unsigned int count = 0;
    hg_return_t ret;

    if (side->context == NULL)
        return 0;
    ret = HG_Progress(side->context, 0);
    if (ret != HG_SUCCESS && ret != HG_TIMEOUT && !point_hit())
        sweep_fail("HG_Progress gives %s (%s)", HG_Error_to_string(ret), qs_error_detail());
    ret = HG_Trigger(side->context, 0, 64, &count);
    if (ret != HG_SUCCESS && ret != HG_TIMEOUT)
        sweep_fail("HG_Trigger gives %s", HG_Error_to_string(ret));
    return count;
}

static void turn(void)
{
    unsigned int count = side_turn(&scene.origin) + side_turn(&scene.target);

    scene.world->rest(count == 0);
}

/* Turns until the condition is true. */
#define UNTIL(condition)                                                              \
    for (uint64_t until_ns_ = scene.world->now_ns() + STUCK_NS; !(condition); turn()) \
        if (scene.world->now_ns() > until_ns_)                                        \
    sweep_fail("does not come true: %s", #condition)

/* Lets what is on its way arrive. */
static void settle(void)
{
    uint64_t until_ns = scene.world->now_ns() + QUIET_NS;

    while (scene.world->now_ns() < until_ns)
        turn();
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    struct call *call = info->arg;
    const struct hg_info *what = HG_Get_info(call->handle);
    hg_return_t ret = info->ret;

    if (++call->ends > 1)
        sweep_fail("a callback runs twice");
    if (!call->forwarded)
        sweep_fail("a callback runs of what was refused");
    call->ret = ret;
    if (ret == HG_SUCCESS && what->id == scene.origin.move) {
        struct move_out out = {0};

        ret = HG_Get_output(call->handle, &out);
        if (ret == HG_SUCCESS)
            (void)HG_Free_output(call->handle, &out);
        call->ret = ret == HG_SUCCESS ? (hg_return_t)out.ret : ret;
    } else if (ret == HG_SUCCESS && what->id != scene.origin.quiet) {
        struct bytes bytes = {0};

        call->ret = HG_Get_output(call->handle, &bytes);
        if (call->ret != HG_SUCCESS)
            return HG_SUCCESS;
        if (memcmp(bytes.data, pattern, bytes.size) != 0)
            sweep_fail("the output is not what was sent");
        (void)HG_Free_output(call->handle, &bytes);
    }
    return HG_SUCCESS;
}

/* Forwards a call; what is wrong with it, if it cannot be. */
static hg_return_t call_start(hg_addr_t addr, hg_id_t id, void *in, uint64_t limit_us, struct call **call_out)
{
    struct call *call = &scene.calls[scene.call_count++];
    hg_return_t ret;

    if (scene.call_count == CALLS_MAX)
        sweep_fail("too many calls for the test");
    *call_out = call;
    ret = HG_Create(scene.origin.context, addr, id, &call->handle);
    if (ret != HG_SUCCESS)
        return ret;
    if (limit_us != 0 && qs_handle_set_timeout(call->handle, limit_us) != HG_SUCCESS)
        sweep_fail("no time limit can be set: %s", qs_error_detail());
    call->forwarded = true;
    ret = HG_Forward(call->handle, call_ended, call, in);
    call->forwarded = ret == HG_SUCCESS;
    return ret;
}

static void call_finish(struct call *call)
{
    if (call->forwarded)
        UNTIL(call->ends == 1);
    if (call->handle != HG_HANDLE_NULL && HG_Destroy(call->handle) != HG_SUCCESS)
        sweep_fail("a handle cannot be destroyed: %s", qs_error_detail());
    call->handle = HG_HANDLE_NULL;
}

static uint64_t usual_limit(void)
{
    return scene.point->silent ? LIMIT_US : 0;
}

static hg_return_t call_bytes(hg_addr_t addr, hg_id_t id, size_t size)
{
    struct bytes in = {.size = size, .data = pattern};
    struct call *call;
    hg_return_t ret = call_start(addr, id, &in, usual_limit(), &call);

    call_finish(call);
    return ret == HG_SUCCESS ? call->ret : ret;
}

/* --- steps ----------------------------------------------------------------------------------------------------- */

static hg_return_t step_small(void)
{
    return call_bytes(scene.addr, scene.origin.echo, SMALL);
}

static hg_return_t step_pieces(void)
{
    return call_bytes(scene.addr, scene.origin.echo, PIECES);
}

static hg_return_t step_large(void)
{
    return call_bytes(scene.addr, scene.origin.echo, LARGE);
}

static hg_return_t step_self(void)
{
    return call_bytes(scene.self, scene.origin.echo, PIECES);
}

static hg_return_t step_once(void)
{
    return call_bytes(scene.addr, scene.origin.once, SMALL);
}

/* All at once: what is wrong with the first that fails. When a connection ends, all end that are on it. */
static hg_return_t step_many(void)
{
    struct bytes in = {.size = SMALL, .data = pattern};
    struct call *calls[MANY];
    hg_return_t rets[MANY];
    hg_return_t ret = HG_SUCCESS;

    for (unsigned int i = 0; i < MANY; i++)
        rets[i] = call_start(scene.addr, scene.origin.echo, &in, usual_limit(), &calls[i]);
    for (unsigned int i = 0; i < MANY; i++) {
        call_finish(calls[i]);
        if (ret == HG_SUCCESS)
            ret = rets[i] == HG_SUCCESS ? calls[i]->ret : rets[i];
    }
    return ret;
}

static hg_return_t step_quiet(void)
{
    hg_return_t ret = call_bytes(scene.addr, scene.origin.quiet, SMALL);

    if (ret == HG_SUCCESS)
        settle();
    return ret;
}

static hg_return_t move(bool push)
{
    unsigned char *memory = calloc(1, TRANSFER);
    struct move_in in = {.push = push};
    hg_size_t size = TRANSFER;
    struct call *call;
    hg_return_t ret;

    if (memory == NULL)
        sweep_fail("the test has no memory");
    if (!push)
        memcpy(memory, pattern, TRANSFER);
    ret = HG_Bulk_create(scene.origin.hg_class, 1, (void **)&memory, &size, HG_BULK_READWRITE, &in.bulk);
    if (ret == HG_SUCCESS) {
        ret = call_start(scene.addr, scene.origin.move, &in, usual_limit(), &call);
        call_finish(call);
        ret = ret == HG_SUCCESS ? call->ret : ret;
        if (ret == HG_SUCCESS && memcmp(memory, pattern, TRANSFER) != 0)
            sweep_fail("what was pushed is not there");
        if (HG_Bulk_free(in.bulk) != HG_SUCCESS)
            sweep_fail("memory cannot be taken back: %s", qs_error_detail());
        UNTIL(scene.works == 0); /* the call may have ended before it */
    }
    free(memory);
    return ret;
}

static hg_return_t step_pull(void)
{
    return move(false);
}

static hg_return_t step_push(void)
{
    return move(true);
}

static hg_return_t step_cancel(void)
{
    struct bytes in = {.size = SMALL, .data = pattern};
    struct call *call;
    hg_return_t ret = call_start(scene.addr, scene.origin.hold, &in, usual_limit(), &call);

    if (ret != HG_SUCCESS) {
        call_finish(call);
        return ret;
    }
    UNTIL(scene.held_count > 0 || call->ends > 0);
    if (call->ends == 0) {
        ret = HG_Cancel(call->handle);
        if (ret != HG_SUCCESS)
            held_end(true);
    }
    call_finish(call);
    held_end(false);
    return ret == HG_SUCCESS && call->ret == HG_CANCELED ? HG_SUCCESS : ret == HG_SUCCESS ? call->ret : ret;
}

static hg_return_t step_timeout(void)
{
    struct bytes in = {.size = PIECES, .data = pattern};
    struct call *call;
    hg_return_t ret = call_start(scene.addr, scene.origin.hold, &in, HOLD_US, &call);

    call_finish(call);
    held_end(false);
    settle();
    held_end(false);
    if (ret == HG_SUCCESS && call->ret == HG_SUCCESS)
        sweep_fail("a call succeeds that nobody answered");
    return ret == HG_SUCCESS && call->ret == HG_TIMEOUT ? HG_SUCCESS : ret == HG_SUCCESS ? call->ret : ret;
}

static const struct step {
    const char *name;
    hg_return_t (*run)(void);
} steps[] = {
    {"a small call", step_small},
    {"a call in pieces", step_pieces},
    {"a call that is pulled", step_large},
    {"a pull", step_pull},
    {"a push", step_push},
    {"a call without an answer", step_quiet},
    {"a cancelled call", step_cancel},
    {"a call that times out", step_timeout},
    {"many calls", step_many},
    {"a call to oneself", step_self},
    {"a call that runs at most once", step_once},
    {"another small call", step_small},
};

/* --- life -------------------------------------------------------------------------------------------------------- */

static bool side_register(struct side *side)
{
    side->echo = HG_Register_name(side->hg_class, "echo", proc_bytes, proc_bytes, serve_echo);
    side->move = HG_Register_name(side->hg_class, "move", proc_move_in, proc_move_out, serve_move);
    side->hold = HG_Register_name(side->hg_class, "hold", proc_bytes, proc_bytes, serve_hold);
    side->quiet = HG_Register_name(side->hg_class, "quiet", proc_bytes, NULL, serve_quiet);
    side->once = HG_Register_name(side->hg_class, "once", proc_bytes, proc_bytes, serve_echo);
    return side->echo != 0 && side->move != 0 && side->hold != 0 && side->quiet != 0 && side->once != 0 &&
           qs_registered_set_method(side->hg_class, side->once, QS_METHOD_AT_MOST_ONCE, NULL) == HG_SUCCESS &&
           HG_Registered_disable_response(side->hg_class, side->quiet, HG_TRUE) == HG_SUCCESS;
}

static bool side_open(struct side *side, const char *uri, bool listen)
{
    struct hg_init_info info = HG_INIT_INFO_INITIALIZER;

    info.auto_sm = scene.world->auto_sm;
    if (!scene.world->threaded) {
        info.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
        info.na_init_info.progress_mode = NA_NO_BLOCK;
    }
    side->hg_class = HG_Init_opt2(uri, listen, SIDE_VERSION, &info);
    if (side->hg_class == NULL)
        return false;
    side->context = HG_Context_create(side->hg_class);
    return side->context != NULL && side_register(side);
}

static bool open_all(void)
{
    char text[256];
    hg_size_t size = sizeof(text);
    hg_addr_t self = HG_ADDR_NULL;
    bool good;

    scene.step = "opening";
    if (!side_open(&scene.target, scene.world->target_uri, true) ||
        !side_open(&scene.origin, scene.world->origin_uri, false))
        return false;
    if (HG_Addr_self(scene.target.hg_class, &self) != HG_SUCCESS)
        return false;
    good = HG_Addr_to_string(scene.target.hg_class, text, &size, self) == HG_SUCCESS;
    (void)HG_Addr_free(scene.target.hg_class, self);
    return good && HG_Addr_lookup2(scene.origin.hg_class, text, &scene.addr) == HG_SUCCESS &&
           HG_Addr_self(scene.origin.hg_class, &scene.self) == HG_SUCCESS;
}

static void side_close(struct side *side)
{
    hg_return_t ret = HG_SUCCESS;

    if (side->context != NULL) {
        ret = HG_Context_destroy(side->context);
        for (unsigned int i = 0; ret == HG_BUSY && i < CLOSE_TRIES; i++) {
            turn();
            ret = HG_Context_destroy(side->context);
        }
    }
    if (ret != HG_SUCCESS)
        sweep_fail("a context cannot be destroyed: %s (%s)", HG_Error_to_string(ret), qs_error_detail());
    side->context = NULL;
    if (side->hg_class != NULL)
        ret = HG_Finalize(side->hg_class);
    if (ret != HG_SUCCESS)
        sweep_fail("a class cannot be finalized: %s (%s)", HG_Error_to_string(ret), qs_error_detail());
    side->hg_class = NULL;
}

static void close_all(void)
{
    scene.step = "closing";
    held_end(false);
    if (scene.addr != HG_ADDR_NULL && HG_Addr_free(scene.origin.hg_class, scene.addr) != HG_SUCCESS)
        sweep_fail("an address cannot be freed: %s", qs_error_detail());
    if (scene.self != HG_ADDR_NULL && HG_Addr_free(scene.origin.hg_class, scene.self) != HG_SUCCESS)
        sweep_fail("the own address cannot be freed: %s", qs_error_detail());
    side_close(&scene.origin);
    side_close(&scene.target);
    for (unsigned int i = 0; i < scene.call_count; i++)
        if (scene.calls[i].ends != scene.calls[i].forwarded)
            sweep_fail("call %u was ended %u times", i, scene.calls[i].ends);
}

static void step_failed(hg_return_t ret)
{
    if (sweep_trace)
        fprintf(stderr, "# %s %llu: %s gives %s (%s)\n", scene.point->what, (unsigned long long)scene.n, scene.step,
                HG_Error_to_string(ret), qs_error_detail());
    if (!point_hit())
        sweep_fail("it gives %s (%s), though nothing has failed", HG_Error_to_string(ret), qs_error_detail());
    if (scene.failed++ > 0)
        sweep_fail("it gives %s (%s), after another step has failed for it already", HG_Error_to_string(ret),
                   qs_error_detail());
}

static void play_steps(void)
{
    for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        hg_return_t ret;

        scene.step = steps[i].name;
        ret = steps[i].run();
        if (ret != HG_SUCCESS)
            step_failed(ret);
    }
}

static void scene_begin(const struct sweep_world *world, const struct sweep_point *point, uint64_t n)
{
    memset(&scene, 0, sizeof(scene));
    for (unsigned int i = 0; i < LARGE; i++)
        pattern[i] = (unsigned char)(i * 7 + (i >> 8));
    scene.world = world;
    scene.point = point;
    scene.n = n;
    world->begin();
}

struct sweep_outcome sweep_play(const struct sweep_world *world, const struct sweep_point *point, uint64_t n)
{
    struct sweep_outcome outcome;

    scene_begin(world, point, n);
    point_arm();
    if (open_all()) {
        play_steps();
    } else {
        if (qs_error_detail()[0] == '\0')
            sweep_fail("nothing says why it fails");
        step_failed(HG_OTHER_ERROR);
    }
    close_all();
    outcome = (struct sweep_outcome){.failed = scene.failed, .passed = point_passed()};
    point_disarm();
    scene.step = "after closing";
    world->end();
    return outcome;
}
