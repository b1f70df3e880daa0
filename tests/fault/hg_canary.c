/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Memory that was handed back: a target in another process pushes into the memory of a call for as long as it is let; the
 * call ends by a cancel, its time limit or the target's death, the memory is filled with a canary, and no byte of that may
 * change, whether the target runs, is stopped in the middle of a push, or goes on afterwards.
 *
 * The parameter is the provider. The other process is this program once more, in the role `target`.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"

enum {
    SIZE = 24 << 20,
    PIECE = 1 << 20, /* the largest piece of a transfer, on each transport */
    CANARY = 0xc5,
    SALT = 0x5a,
    WATCH_MS = 150,
    LIMIT_US = 300000,
};

static bool provider_is(const char *part)
{
    return strstr(support_suite_parameter(), part) != NULL;
}

/* --- the target, elsewhere: pushes and pushes ---------------------------------------------------------- */

struct push {
    hg_handle_t handle;
    hg_bulk_t origin;
    hg_bulk_t local;
};

static hg_return_t push_again(struct push *push);

static void push_end(struct push *push)
{
    (void)HG_Bulk_free(push->local);
    (void)HG_Free_input(push->handle, &push->origin);
    (void)HG_Respond(push->handle, NULL, NULL, NULL);
    (void)HG_Destroy(push->handle);
    free(push);
}

static hg_return_t push_ended(const struct hg_cb_info *info)
{
    struct push *push = info->arg;

    if (info->ret != HG_SUCCESS || push_again(push) != HG_SUCCESS)
        push_end(push);
    return HG_SUCCESS;
}

static hg_return_t push_again(struct push *push)
{
    const struct hg_info *info = HG_Get_info(push->handle);

    return HG_Bulk_transfer(info->context, push_ended, push, HG_BULK_PUSH, info->addr, push->origin, 0, push->local, 0,
                            HG_Bulk_get_size(push->origin), HG_OP_ID_IGNORE);
}

static hg_return_t push_handler(hg_handle_t handle)
{
    struct push *push = calloc(1, sizeof(*push));
    hg_size_t size;
    void *base;
    hg_size_t whole;
    uint32_t count;

    SUPPORT_CHECK(push != NULL);
    push->handle = handle;
    HG_PAIR_OK(HG_Get_input(handle, &push->origin));
    size = HG_Bulk_get_size(push->origin);
    HG_PAIR_OK(HG_Bulk_create(HG_Get_info(handle)->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &push->local));
    HG_PAIR_OK(HG_Bulk_access(push->local, 0, size, 0, 1, &base, &whole, &count));
    memset(base, SALT, size);
    if (push_again(push) != HG_SUCCESS)
        push_end(push);
    return HG_SUCCESS;
}

static int role_target(const char *uri)
{
    static struct hg_pair pair;
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char text[HG_PAIR_TEXT];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a case that failed must not leave it behind, stopped */
    (void)pthread_mutex_init(&pair.lock, NULL);
    HG_Set_log_level("none");
    hg_process_open_side(&pair, &pair.target, uri, true);
    SUPPORT_CHECK(HG_Register_name(pair.target.hg_class, "push", hg_proc_hg_bulk_t, NULL, push_handler) != 0);
    hg_pair_address(pair.target.hg_class, text);
    printf("%s\n", text);
    fflush(stdout);
    while (poll(&in, 1, 0) == 0 || errno == EINTR) {
        errno = 0;
        (void)HG_Progress(pair.target.contexts[0], 2);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
    hg_pair_close_target(&pair);
    return 0;
}

/* --- the origin, here ------------------------------------------------------------------------------------ */

struct scene {
    struct hg_process target;
    struct hg_pair pair;
    struct hg_pair_call call;
    unsigned char *memory;
    hg_bulk_t bulk;
    hg_id_t push;
};

static void scene_open(struct scene *scene)
{
    struct hg_pair *pair = &scene->pair;

    memset(scene, 0, sizeof(*scene));
    HG_Set_log_level("none");
    hg_process_start(&scene->target, "target", hg_pair_uri(), support_suite_parameter());
    (void)pthread_mutex_init(&pair->lock, NULL);
    pair->origin.hg_class = hg_pair_init(false, NULL);
    pair->origin.contexts[0] = HG_Context_create(pair->origin.hg_class);
    SUPPORT_CHECK(pair->origin.contexts[0] != NULL);
    pair->origin.context_count = 1;
    hg_pair_register(pair, &pair->origin);
    scene->push = HG_Register_name(pair->origin.hg_class, "push", hg_proc_hg_bulk_t, NULL, NULL);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, scene->target.line, &pair->addr));
    hg_pair_check_works(pair);
}

static void scene_close(struct scene *scene, int signal_number)
{
    hg_pair_close_origin(&scene->pair);
    hg_process_end(&scene->target, signal_number);
}

static void scene_turn_for(struct scene *scene, unsigned int ms)
{
    uint64_t end_us = support_suite_now_us() + (uint64_t)ms * 1000U;

    while (support_suite_now_us() < end_us)
        (void)hg_pair_step(scene->pair.origin.contexts[0]);
}

/* Calls, with this memory, or with the library's own (NULL); returns when the target is writing, or was too
 * late for that. */
static void scene_call(struct scene *scene, void *memory, uint64_t limit_us)
{
    hg_size_t size = SIZE;
    void *base = memory;
    hg_size_t whole;
    uint32_t count;

    HG_PAIR_OK(HG_Bulk_create(scene->pair.origin.hg_class, 1, memory == NULL ? NULL : &base, &size, HG_BULK_READWRITE,
                              &scene->bulk));
    HG_PAIR_OK(HG_Bulk_access(scene->bulk, 0, size, 0, 1, &base, &whole, &count));
    scene->memory = base;
    scene->call = (struct hg_pair_call){.pair = &scene->pair};
    HG_PAIR_OK(HG_Create(scene->pair.origin.contexts[0], scene->pair.addr, scene->push, &scene->call.handle));
    HG_PAIR_OK(qs_handle_set_timeout(scene->call.handle, limit_us));
    hg_pair_call_forward(&scene->call, &scene->bulk);
    for (struct hg_pair_patience patience = {0};
         ((volatile unsigned char *)scene->memory)[SIZE / 3] != SALT && atomic_load(&scene->call.calls) == 0;) {
        (void)hg_pair_step(scene->pair.origin.contexts[0]);
        hg_pair_patience_check(&patience, "the target writes");
    }
}

/* Stops the target, and takes in what it had handed to the system: it stands in the middle of a push. */
static void scene_stop_target(struct scene *scene)
{
    int status;

    SUPPORT_CHECK(kill(scene->target.pid, SIGSTOP) == 0);
    SUPPORT_CHECK(waitpid(scene->target.pid, &status, WUNTRACED) == scene->target.pid && WIFSTOPPED(status));
    scene_turn_for(scene, 30);
}

/* Fills the memory, lets everything go on, and counts the bytes that change. */
static size_t scene_harm(struct scene *scene)
{
    size_t harm = 0;

    memset(scene->memory, CANARY, SIZE);
    SUPPORT_CHECK(kill(scene->target.pid, SIGCONT) == 0 || errno == ESRCH);
    scene_turn_for(scene, WATCH_MS);
    for (size_t i = 0; i < SIZE; i++)
        harm += scene->memory[i] != CANARY;
    return harm;
}

/* --- the target answers the cancel: the connection stays, and so may the handle ---------------------------- */

static void check_memory_is_ours(struct scene *scene, bool keep)
{
    if (!keep)
        HG_PAIR_OK(HG_Bulk_free(scene->bulk));
    SUPPORT_CHECK(scene_harm(scene) == 0);
    SUPPORT_CHECK(hg_pair_counters(scene->pair.origin.hg_class).route_down == 0);
    if (keep)
        HG_PAIR_OK(HG_Bulk_free(scene->bulk));
    hg_pair_check_works(&scene->pair);
}

static void cancel_under_way(bool keep)
{
    unsigned char *memory = calloc(1, SIZE);
    struct scene scene;

    scene_open(&scene);
    HG_PAIR_OK(qs_class_set_bulk_grace(scene.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    for (int i = 0; i < 4; i++) {
        memset(memory, 0, SIZE);
        scene_call(&scene, memory, 0);
        HG_PAIR_OK(HG_Cancel(scene.call.handle));
        SUPPORT_CHECK(HG_Trigger(scene.pair.origin.contexts[0], 0, 1, NULL) == HG_TIMEOUT);
        HG_PAIR_FINISH(&scene.call, HG_CANCELED);
        check_memory_is_ours(&scene, keep);
    }
    scene_close(&scene, 0);
    free(memory);
}

static void cancelled_calls_memory_is_not_written(void)
{
    cancel_under_way(false);
}

static void cancelled_calls_memory_is_not_written_though_its_handle_lives(void)
{
    cancel_under_way(true);
}

static void timed_out_calls_memory_is_not_written(void)
{
    unsigned char *memory = calloc(1, SIZE);
    struct scene scene;

    scene_open(&scene);
    HG_PAIR_OK(qs_class_set_bulk_grace(scene.pair.origin.hg_class, QS_BULK_GRACE_MAX_US));
    for (int i = 0; i < 3; i++) {
        memset(memory, 0, SIZE);
        scene_call(&scene, memory, (uint64_t)LIMIT_US * support_slowness());
        HG_PAIR_FINISH(&scene.call, HG_TIMEOUT);
        check_memory_is_ours(&scene, i % 2 == 0);
    }
    scene_close(&scene, 0);
    free(memory);
}

/* --- the target does not answer ------------------------------------------------------------------------------ */

/* What may land nevertheless: docs/bulk-path.md. Over connections nothing. Elsewhere the rest of a piece: the
 * connections of rxm can be cut only where libfabric is told to, and over shared memory a process may stop between its last look and the copy. */
static size_t harm_allowed(void)
{
    const char *direct = getenv("QS_SHM_DIRECT");
    bool streams = direct != NULL && strcmp(direct, "off") == 0;
    bool shared = provider_is("shm") || provider_is("+sm");

    return (provider_is("ofi_rxm") && !shared && getenv("FI_AV_REMOVE_CLEANUP") == NULL) || (shared && !streams) ? PIECE
                                                                                                                 : 0;
}

static void stopped_targets_rest_does_not_land(void)
{
    unsigned char *memory = calloc(1, SIZE);
    struct scene scene;
    size_t harm;

    for (int i = 0; i < 4; i++) {
        uint64_t begin_us;

        memset(memory, 0, SIZE);
        scene_open(&scene);
        scene_call(&scene, memory, 0);
        scene_stop_target(&scene);
        begin_us = support_suite_now_us();
        HG_PAIR_OK(HG_Cancel(scene.call.handle));
        HG_PAIR_FINISH(&scene.call, HG_CANCELED);
        SUPPORT_CHECK(support_suite_now_us() - begin_us >= QS_BULK_GRACE_DEFAULT_US);
        HG_PAIR_OK(HG_Bulk_free(scene.bulk));
        harm = scene_harm(&scene);
        if (harm > 0)
            printf("# %zu bytes landed\n", harm);
        SUPPORT_CHECK(harm <= harm_allowed());
        hg_pair_check_works(&scene.pair); /* perhaps by another connection */
        scene_close(&scene, 0);
    }
    free(memory);
}

/* The library's own memory is given to nobody else before the target has let go of it: it is still there after the
 * free, and the connection need not be cut. */
static void memory_of_the_library_outlives_a_stopped_target(void)
{
    struct scene scene;

    scene_open(&scene);
    scene_call(&scene, NULL, 0);
    scene_stop_target(&scene);
    HG_PAIR_OK(HG_Cancel(scene.call.handle));
    HG_PAIR_FINISH(&scene.call, HG_CANCELED);
    HG_PAIR_OK(HG_Bulk_free(scene.bulk));
    SUPPORT_CHECK(scene.memory[SIZE / 3] == SALT);
    SUPPORT_CHECK(hg_pair_counters(scene.pair.origin.hg_class).route_down == 0);
    SUPPORT_CHECK(kill(scene.target.pid, SIGCONT) == 0);
    hg_pair_check_works(&scene.pair);
    scene_close(&scene, 0);
}

static void killed_targets_call_ends_with_its_memory_alone(void)
{
    unsigned char *memory = calloc(1, SIZE);
    struct scene scene;

    for (int i = 0; i < 3; i++) {
        memset(memory, 0, SIZE);
        scene_open(&scene);
        scene_call(&scene, memory, 0);
        SUPPORT_CHECK(kill(scene.target.pid, SIGKILL) == 0);
        HG_PAIR_FINISH(&scene.call, HG_HOSTUNREACH);
        SUPPORT_CHECK(scene_harm(&scene) == 0);
        HG_PAIR_OK(HG_Bulk_free(scene.bulk));
        scene_close(&scene, SIGKILL);
    }
    free(memory);
}

/* Whoever does not want to wait gets the callback at once, and the fence with the handle. */
static void without_grace_the_handle_is_the_fence(void)
{
    unsigned char *memory = calloc(1, SIZE);
    struct scene scene;

    for (int i = 0; i < 4; i++) {
        memset(memory, 0, SIZE);
        scene_open(&scene);
        HG_PAIR_OK(qs_class_set_bulk_grace(scene.pair.origin.hg_class, 0));
        HG_PAIR_RET(qs_class_set_bulk_grace(scene.pair.origin.hg_class, QS_BULK_GRACE_MAX_US + 1), HG_INVALID_ARG);
        HG_PAIR_RET(qs_class_set_bulk_grace(NULL, 0), HG_INVALID_ARG);
        scene_call(&scene, memory, 0);
        HG_PAIR_OK(HG_Cancel(scene.call.handle));
        HG_PAIR_OK(HG_Trigger(scene.pair.origin.contexts[0], 0, 1, NULL));
        SUPPORT_CHECK(atomic_load(&scene.call.calls) == 1);
        hg_pair_call_end(&scene.call);
        HG_PAIR_OK(HG_Bulk_free(scene.bulk));
        SUPPORT_CHECK(scene_harm(&scene) <= (provider_is("shm") || provider_is("+sm") ? 0 : harm_allowed()));
        hg_pair_check_works(&scene.pair);
        scene_close(&scene, 0);
    }
    free(memory);
}

static const struct support_case cases[] = {
    {"cancelled_calls_memory_is_not_written", cancelled_calls_memory_is_not_written, 40},
    {"cancelled_calls_memory_is_not_written_though_its_handle_lives",
     cancelled_calls_memory_is_not_written_though_its_handle_lives, 40},
    {"timed_out_calls_memory_is_not_written", timed_out_calls_memory_is_not_written, 40},
    {"stopped_targets_rest_does_not_land", stopped_targets_rest_does_not_land, 60},
    {"memory_of_the_library_outlives_a_stopped_target", memory_of_the_library_outlives_a_stopped_target, 40},
    {"killed_targets_call_ends_with_its_memory_alone", killed_targets_call_ends_with_its_memory_alone, 60},
    {"without_grace_the_handle_is_the_fence", without_grace_the_handle_is_the_fence, 40},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        support_suite_set_parameter(argv[4]);
        return role_target(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
