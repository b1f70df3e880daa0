/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Peers that are killed, stopped, busy, cut off and restarted, as processes of their own over real transports: how soon
 * their calls end, and that nothing ends which need not. The other process is this program once more, in a role.
 *
 * The parameter is the provider. `--role partition URI OWN DEVICE` is the origin of hg_partition.sh: it opens its class on
 * OWN, calls the target at URI, and takes down DEVICE, on which its way there depends.
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

static bool provider_is(const char *part)
{
    return strstr(support_suite_parameter(), part) != NULL;
}

/* Whether a death is told of, and not only found out by sending. */
static bool death_is_told(void)
{
    return !provider_is("ofi_rxm") || provider_is("+sm");
}

/* What is promised for the end of a dead peer's calls is 100 ms, or 3 s; the rest is for a loaded machine. */
static uint64_t death_limit_us(void)
{
    return (death_is_told() ? 600000U : 4000000U) * support_slowness();
}

/* --- the target, elsewhere ----------------------------------------------------------------------- */

static volatile sig_atomic_t role_busy;

static void role_signal(int signal_number)
{
    role_busy = signal_number == SIGUSR1;
}

/* Serves until its stdin ends. From SIGUSR1, which it confirms, to SIGUSR2 it is busy with something else. */
static int role_target(const char *uri)
{
    static struct hg_pair pair;
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char text[HG_PAIR_TEXT];
    bool busy = false;

    (void)signal(SIGUSR1, role_signal);
    (void)signal(SIGUSR2, role_signal);
    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.target, uri, true);
    hg_pair_address(pair.target.hg_class, text);
    printf("%s\n", text);
    fflush(stdout);
    while (poll(&in, 1, role_busy ? 10 : 0) == 0 || errno == EINTR) {
        errno = 0;
        if (role_busy && !busy)
            (void)!write(1, "b", 1);
        busy = role_busy;
        if (busy)
            continue;
        (void)HG_Progress(pair.target.contexts[0], 5);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
    hg_pair_close_target(&pair);
    return 0;
}

/* --- the origin, here ------------------------------------------------------------------------------ */

struct scene {
    struct hg_process target;
    struct hg_pair pair;
    char address[300];
    enum qs_peer_state told;
    unsigned int suspected;
    unsigned int died;
};

static void scene_note(const struct qs_peer_change *change, void *arg)
{
    struct scene *scene = arg;

    if (change->addr != scene->pair.addr)
        return;
    scene->told = change->after;
    scene->suspected += change->after == QS_PEER_SUSPECT;
    scene->died += change->after == QS_PEER_DEAD;
}

static void origin_open(struct scene *scene)
{
    struct hg_pair *pair = &scene->pair;

    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    pair->origin.hg_class = hg_pair_init(false, NULL);
    pair->origin.contexts[0] = HG_Context_create(pair->origin.hg_class);
    SUPPORT_CHECK(pair->origin.contexts[0] != NULL);
    pair->origin.context_count = 1;
    hg_pair_register(pair, &pair->origin);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, scene->address, &pair->addr));
    HG_PAIR_OK(qs_class_set_peer_callback(pair->origin.hg_class, scene_note, scene));
}

static void scene_open(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    HG_Set_log_level("none");
    hg_process_start(&scene->target, "target", hg_pair_uri(), support_suite_parameter());
    strcpy(scene->address, scene->target.line);
    origin_open(scene);
    hg_pair_check_works(&scene->pair);
}

static void scene_close(struct scene *scene)
{
    hg_pair_close_origin(&scene->pair);
    hg_process_end(&scene->target, SIGKILL);
}

static void target_restart(struct scene *scene)
{
    hg_process_start(&scene->target, "target", scene->address, support_suite_parameter());
    SUPPORT_CHECK(strcmp(scene->target.line, scene->address) == 0);
}

/* Progress that sleeps, and callbacks. */
static void scene_step(struct scene *scene, unsigned int timeout_ms)
{
    (void)HG_Progress(scene->pair.origin.contexts[0], timeout_ms);
    (void)HG_Trigger(scene->pair.origin.contexts[0], 0, 64, NULL);
}

static void scene_steps_until(struct scene *scene, uint64_t end_us)
{
    while (support_suite_now_us() < end_us)
        scene_step(scene, 20);
}

static uint64_t pings_of(const struct scene *scene)
{
    return hg_pair_counters(scene->pair.origin.hg_class).pings_sent;
}

/* --- killed ---------------------------------------------------------------------------------------- */

static void killed_target_ends_calls_without_time_outs(void)
{
    enum { COUNT = 20, ROUNDS = 4 };
    struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct scene scene;

    scene_open(&scene);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t begin_us;
        uint64_t took_us;

        hg_pair_check_works(&scene.pair);
        for (unsigned int i = 0; i < COUNT; i++)
            hg_pair_call_start(&scene.pair, &calls[i], HG_PAIR_HOLD, &in);
        hg_pair_check_works(&scene.pair);
        begin_us = support_suite_now_us();
        SUPPORT_CHECK(kill(scene.target.pid, SIGKILL) == 0);
        for (unsigned int i = 0; i < COUNT; i++)
            while (atomic_load(&calls[i].calls) == 0 && support_suite_now_us() - begin_us < 15000000)
                scene_step(&scene, 1000);
        took_us = support_suite_now_us() - begin_us;
        for (unsigned int i = 0; i < COUNT; i++)
            HG_PAIR_FINISH(&calls[i], HG_HOSTUNREACH);
        printf("# calls ended %.1f ms after the kill\n", (double)took_us / 1000);
        SUPPORT_CHECK(took_us < death_limit_us());
        SUPPORT_CHECK(scene.told == QS_PEER_DEAD && scene.died == round + 1);
        SUPPORT_CHECK(!death_is_told() || scene.suspected == 0);
        SUPPORT_CHECK(qs_peer_state(scene.pair.origin.hg_class, scene.pair.addr) == QS_PEER_DEAD);
        hg_process_end(&scene.target, SIGKILL);
        target_restart(&scene);
    }
    hg_pair_check_works(&scene.pair);
    SUPPORT_CHECK(scene.told == QS_PEER_ALIVE);
    scene_close(&scene);
}

static void killed_idle_target_ends_the_next_call(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct scene scene;
    uint64_t begin_us;

    scene_open(&scene);
    hg_process_end(&scene.target, SIGKILL);
    scene_steps_until(&scene, support_suite_now_us() + 300000);
    begin_us = support_suite_now_us();
    hg_pair_call_start(&scene.pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    printf("# the call ended after %.1f ms\n", (double)(support_suite_now_us() - begin_us) / 1000);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < death_limit_us());
    scene_step(&scene, 0);
    SUPPORT_CHECK(qs_peer_state(scene.pair.origin.hg_class, scene.pair.addr) == QS_PEER_DEAD);
    target_restart(&scene);
    hg_pair_check_works(&scene.pair);
    scene_close(&scene);
}

/* --- killed origins -------------------------------------------------------------------------------- */

static hg_return_t role_ignore(const struct hg_cb_info *info)
{
    (void)info;
    return HG_SUCCESS;
}

/* Exposes memory, has the target pull from it, and does nothing more: where the data must come by its progress, none does. */
static _Noreturn void role_exposer(const char *address)
{
    static struct hg_pair pair;
    hg_size_t size = 8U << 20;
    hg_handle_t handle;
    hg_bulk_t bulk;
    hg_id_t pull;

    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.origin, hg_pair_uri(), false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, address, &pair.addr));
    pull = HG_Register_name(pair.origin.hg_class, "pull", hg_proc_hg_bulk_t, NULL, NULL);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, NULL, &size, HG_BULK_READWRITE, &bulk));
    hg_pair_check_works(&(struct hg_pair){.origin = pair.origin, .addr = pair.addr});
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pull, &handle));
    HG_PAIR_OK(HG_Forward(handle, role_ignore, NULL, &bulk));
    (void)HG_Progress(pair.origin.contexts[0], 0);
    printf("exposed\n");
    fflush(stdout);
    for (;;)
        (void)pause();
}

static unsigned int pulls_begun;
static unsigned int pulls_ended;
static hg_return_t pull_ret;

static hg_return_t pulled(const struct hg_cb_info *info)
{
    pulls_ended++;
    pull_ret = info->ret;
    (void)HG_Respond(info->arg, NULL, NULL, NULL);
    return HG_Destroy(info->arg);
}

static hg_return_t pull_handler(hg_handle_t handle)
{
    pulls_begun++;
    return hg_pair_pull(handle, pulled, false);
}

static void note_death(const struct qs_peer_change *change, void *arg)
{
    *(bool *)arg |= change->after == QS_PEER_DEAD;
}

/* A process of ours starts the origin, since that waits for an answer from here; gives the origin's process. */
static pid_t exposer_start(struct hg_pair *pair, pid_t *starter)
{
    char text[HG_PAIR_TEXT];
    struct pollfd in = {.events = POLLIN};
    pid_t pid = 0;
    int ready[2];

    hg_pair_address(pair->target.hg_class, text);
    SUPPORT_CHECK(pipe(ready) == 0);
    *starter = fork();
    SUPPORT_CHECK(*starter >= 0);
    if (*starter == 0) {
        struct hg_process origin;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);

        hg_process_start(&origin, "exposer", text, support_suite_parameter());
        (void)!write(ready[1], &origin.pid, sizeof(origin.pid));
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    in.fd = ready[0];
    HG_PAIR_UNTIL(pair, poll(&in, 1, 0) == 1 && pulls_begun == 1);
    SUPPORT_CHECK(read(ready[0], &pid, sizeof(pid)) == (ssize_t)sizeof(pid));
    (void)close(ready[0]);
    return pid;
}

static void killed_origin_ends_the_pulls_of_its_target(void)
{
    bool dead = false;
    struct hg_pair pair;
    uint64_t begin_us;
    pid_t starter;
    pid_t origin;

    HG_Set_log_level("none");
    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(HG_Register_name(pair.target.hg_class, "pull", hg_proc_hg_bulk_t, NULL, pull_handler) != 0);
    HG_PAIR_OK(qs_class_set_peer_callback(pair.target.hg_class, note_death, &dead));
    origin = exposer_start(&pair, &starter);
    begin_us = support_suite_now_us();
    SUPPORT_CHECK(kill(origin, SIGKILL) == 0);
    HG_PAIR_UNTIL(&pair, pulls_ended == 1 && dead);
    printf("# the pull ended with %s, and the origin was dead, %.1f ms after the kill\n", HG_Error_to_string(pull_ret),
           (double)(support_suite_now_us() - begin_us) / 1000);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < death_limit_us());
    SUPPORT_CHECK(pull_ret == HG_SUCCESS || pull_ret == HG_HOSTUNREACH);
    (void)kill(starter, SIGKILL);
    (void)waitpid(starter, NULL, 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* --- stopped, busy ------------------------------------------------------------------------------------ */

/* Sends the signal, and waits until it has had its effect. */
static void target_silence(const struct scene *scene, int stop)
{
    char byte;
    int status;

    SUPPORT_CHECK(kill(scene->target.pid, stop) == 0);
    if (stop == SIGSTOP)
        SUPPORT_CHECK(waitpid(scene->target.pid, &status, WUNTRACED) == scene->target.pid && WIFSTOPPED(status));
    else
        SUPPORT_CHECK(read(scene->target.out, &byte, 1) == 1);
}

/* Calls to a target that does nothing for so long, which is then suspect, and no more. `stop` and `go` are the signals. */
static void calls_outlive_a_silence(int stop, int go, uint64_t silence_us)
{
    enum { COUNT = 20 };
    struct hg_pair_call calls[COUNT];
    struct scene scene;
    uint64_t begin_us;

    scene_open(&scene);
    HG_PAIR_OK(qs_class_set_ping(scene.pair.origin.hg_class, 300000, 0));
    target_silence(&scene, stop);
    begin_us = support_suite_now_us();
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = i * 1000, .data = calloc(1, i * 1000 + 1)};

        hg_pair_call_start(&scene.pair, &calls[i], HG_PAIR_ECHO, &in);
        free(in.data);
    }
    while (scene.told != QS_PEER_SUSPECT && support_suite_now_us() - begin_us < 15000000)
        scene_step(&scene, 100);
    printf("# suspect after %.1f ms\n", (double)(support_suite_now_us() - begin_us) / 1000);
    SUPPORT_CHECK(scene.told == QS_PEER_SUSPECT);
    scene_steps_until(&scene, begin_us + silence_us);
    for (unsigned int i = 0; i < COUNT; i++)
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 0);
    SUPPORT_CHECK(kill(scene.target.pid, go) == 0);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    scene_step(&scene, 0);
    SUPPORT_CHECK(scene.told == QS_PEER_ALIVE && scene.suspected == 1 && scene.died == 0);
    hg_pair_check_works(&scene.pair);
    scene_close(&scene);
}

static void stopped_target_is_suspect_and_its_answers_count(void)
{
    calls_outlive_a_silence(SIGSTOP, SIGCONT, 3000000);
}

static void busy_target_is_suspect_and_its_answers_count(void)
{
    calls_outlive_a_silence(SIGUSR1, SIGUSR2, 5000000);
}

/* --- pings ---------------------------------------------------------------------------------------------- */

static void idle_peers_send_nothing(void)
{
    struct qs_counters before;
    struct qs_counters after;
    struct scene scene;

    scene_open(&scene);
    HG_PAIR_OK(qs_class_set_ping(scene.pair.origin.hg_class, 20000, 0));
    hg_pair_check_works(&scene.pair);
    scene_steps_until(&scene, support_suite_now_us() + 200000);
    before = hg_pair_counters(scene.pair.origin.hg_class);
    scene_steps_until(&scene, support_suite_now_us() + 2000000);
    after = hg_pair_counters(scene.pair.origin.hg_class);
    SUPPORT_CHECK(after.frames_sent == before.frames_sent && after.frames_recv == before.frames_recv);
    SUPPORT_CHECK(after.pings_sent == 0);
    scene_close(&scene);
}

static void pings_do_not_end_a_blocking_progress(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct scene scene;
    uint64_t begin_us;

    scene_open(&scene);
    HG_PAIR_OK(qs_class_set_ping(scene.pair.origin.hg_class, 20000, 1000));
    hg_pair_call_start(&scene.pair, &call, HG_PAIR_HOLD, &in);
    scene_steps_until(&scene, support_suite_now_us() + 100000);
    begin_us = support_suite_now_us();
    HG_PAIR_RET(HG_Progress(scene.pair.origin.contexts[0], 1000), HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 1000000);
    printf("# %llu pings\n", (unsigned long long)pings_of(&scene));
    SUPPORT_CHECK(pings_of(&scene) >= 5);
    SUPPORT_CHECK(qs_peer_state(scene.pair.origin.hg_class, scene.pair.addr) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    scene_close(&scene);
}

/* --- restarted ------------------------------------------------------------------------------------------- */

/* A call that is made anew as soon as it has ended, for as long as the test wants. */
struct loader {
    struct scene *scene;
    hg_handle_t handle;
    struct hg_pair_blob in;
    unsigned char data[500];
    uint64_t seed;
    unsigned int good;
    unsigned int failed;
    bool stop;
    bool over;
};

static hg_return_t loader_next(const struct hg_cb_info *info);

static void loader_forward(struct loader *loader)
{
    loader->seed += 16;
    loader->in = (struct hg_pair_blob){.size = sizeof(loader->data), .data = loader->data};
    hg_pair_fill(loader->data, sizeof(loader->data), loader->seed);
    HG_PAIR_OK(HG_Forward(loader->handle, loader_next, loader, &loader->in));
}

static hg_return_t loader_next(const struct hg_cb_info *info)
{
    struct loader *loader = info->arg;
    struct hg_pair_blob out = {0};

    if (info->ret == HG_SUCCESS) {
        HG_PAIR_OK(HG_Get_output(loader->handle, &out));
        SUPPORT_CHECK(out.size == sizeof(loader->data) && hg_pair_is_filled(out.data, out.size, loader->seed));
        HG_PAIR_OK(HG_Free_output(loader->handle, &out));
        loader->good++;
    } else {
        HG_PAIR_RET(info->ret, HG_HOSTUNREACH);
        loader->failed++;
    }
    loader->over = loader->stop;
    if (!loader->stop)
        loader_forward(loader);
    return HG_SUCCESS;
}

static unsigned int loaders_good(const struct loader *loaders, unsigned int count)
{
    unsigned int good = 0;

    for (unsigned int i = 0; i < count; i++)
        good += loaders[i].good;
    return good;
}

/* The longest that anything may take here. */
static void steps_until_good(struct scene *scene, const struct loader *loaders, unsigned int count, unsigned int good)
{
    uint64_t begin_us = support_suite_now_us();

    while (loaders_good(loaders, count) < good) {
        scene_step(scene, 20);
        if (support_suite_now_us() - begin_us > 15000000)
            support_suite_fail("the target is not reached");
    }
}

static void target_restarted_under_load_is_reached_again(void)
{
    enum { COUNT = 8, ROUNDS = 20 };
    static struct loader loaders[COUNT];
    struct scene scene;
    uint64_t worst_us = 0;

    scene_open(&scene);
    for (unsigned int i = 0; i < COUNT; i++) {
        loaders[i].scene = &scene;
        loaders[i].seed = i;
        HG_PAIR_OK(HG_Create(scene.pair.origin.contexts[0], scene.pair.addr, scene.pair.origin.ids[HG_PAIR_ECHO],
                             &loaders[i].handle));
        loader_forward(&loaders[i]);
    }
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t begin_us;

        steps_until_good(&scene, loaders, COUNT, loaders_good(loaders, COUNT) + 50);
        hg_process_end(&scene.target, SIGKILL);
        target_restart(&scene);
        begin_us = support_suite_now_us();
        steps_until_good(&scene, loaders, COUNT, loaders_good(loaders, COUNT) + 1);
        if (support_suite_now_us() - begin_us > worst_us)
            worst_us = support_suite_now_us() - begin_us;
    }
    steps_until_good(&scene, loaders, COUNT, loaders_good(loaders, COUNT) + 100);
    for (unsigned int i = 0; i < COUNT; i++)
        loaders[i].stop = true;
    for (unsigned int i = 0; i < COUNT; i++) {
        while (!loaders[i].over)
            scene_step(&scene, 20);
        HG_PAIR_OK(HG_Destroy(loaders[i].handle));
    }
    printf("# reached again after at most %.1f ms\n", (double)worst_us / 1000);
    SUPPORT_CHECK(worst_us < death_limit_us());
    scene_close(&scene);
}

/* A program that calls in a loop before its server is there. */
static void server_that_starts_late_is_reached_at_once(void)
{
    struct hg_pair_call call = {0};
    struct scene scene;
    uint64_t begin_us;
    unsigned int calls = 0;
    pid_t starter;
    int ready[2];
    char byte;

    scene_open(&scene);
    hg_pair_close_origin(&scene.pair);
    hg_process_end(&scene.target, SIGKILL);
    origin_open(&scene);
    call.pair = &scene.pair;
    HG_PAIR_OK(
        HG_Create(scene.pair.origin.contexts[0], scene.pair.addr, scene.pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    /* Its start waits for a line from it, so that another process must start it. */
    SUPPORT_CHECK(pipe(ready) == 0);
    starter = fork();
    SUPPORT_CHECK(starter >= 0);
    if (starter == 0) {
        struct hg_process late;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);

        (void)usleep(400000);
        hg_process_start(&late, "target", scene.address, support_suite_parameter());
        (void)!write(ready[1], "x", 1);
        (void)usleep(15000000);
        _exit(0);
    }
    (void)close(ready[1]);
    begin_us = support_suite_now_us();
    for (;;) {
        hg_return_t ret;

        hg_pair_call_forward(&call, NULL);
        calls++;
        ret = hg_pair_call_wait(&call);
        if (ret == HG_SUCCESS)
            break;
        HG_PAIR_RET(ret, HG_HOSTUNREACH);
        SUPPORT_CHECK(support_suite_now_us() - begin_us < 15000000);
    }
    SUPPORT_CHECK(read(ready[0], &byte, 1) == 1);
    printf("# %u calls; done %.1f ms after the first\n", calls, (double)(support_suite_now_us() - begin_us) / 1000);
    hg_pair_call_end(&call);
    hg_pair_close_origin(&scene.pair);
    (void)kill(starter, SIGKILL);
    (void)waitpid(starter, NULL, 0);
    (void)close(ready[0]);
}

/* --- cut off: in a network namespace -------------------------------------------------------------------- */

static const char *link_device;

static void link_set(const char *state)
{
    char command[64];

    (void)snprintf(command, sizeof(command), "ip link set %s %s", link_device, state);
    SUPPORT_CHECK(system(command) == 0);
}

static void until_told(struct scene *scene, enum qs_peer_state state)
{
    uint64_t begin_us = support_suite_now_us();

    while (scene->told != state) {
        scene_step(scene, 50);
        if (support_suite_now_us() - begin_us > 15000000)
            support_suite_fail("the peer is not %s", qs_peer_state_text(state));
    }
}

/* The link comes back: nothing has failed. */
static void partition_that_heals(struct scene *scene)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    link_set("down");
    hg_pair_call_start(&scene->pair, &call, HG_PAIR_ECHO, &in);
    until_told(scene, QS_PEER_SUSPECT);
    scene_steps_until(scene, support_suite_now_us() + 1000000);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    link_set("up");
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    until_told(scene, QS_PEER_ALIVE);
    printf("the partition that healed cost nothing\n");
}

/* It does not: a call ends by its time-out, the other by the silence limit, or when an RDMA device has sent the same so often
 * that it ends the connection. */
static void partition_that_stays(struct scene *scene)
{
    const uint64_t least_us = provider_is("verbs") ? 2000000 : 4000000;
    struct hg_pair_blob in = {0};
    struct hg_pair_call limited;
    struct hg_pair_call call;
    uint64_t begin_us;

    hg_pair_call_start(&scene->pair, &call, HG_PAIR_HOLD, &in);
    hg_pair_check_works(&scene->pair);
    HG_PAIR_OK(qs_class_set_silence_limit(scene->pair.origin.hg_class, 4000000));
    link_set("down");
    begin_us = support_suite_now_us();
    hg_pair_call_begin(&scene->pair, &limited, HG_PAIR_ECHO);
    HG_PAIR_OK(qs_handle_set_timeout(limited.handle, 2000000));
    hg_pair_call_forward(&limited, &in);
    HG_PAIR_FINISH(&limited, HG_TIMEOUT);
    SUPPORT_CHECK(scene->told == QS_PEER_SUSPECT && atomic_load(&call.calls) == 0);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    printf("a call with a silence limit of 4 s ended after %.1f s\n",
           (double)(support_suite_now_us() - begin_us) / 1000000);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= least_us);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 7000000U * support_slowness());
    link_set("up");
    HG_PAIR_OK(qs_class_set_silence_limit(scene->pair.origin.hg_class, 0));
    hg_pair_check_works(&scene->pair);
    until_told(scene, QS_PEER_ALIVE);
}

static int role_partition(const char *address, const char *own, const char *device)
{
    static struct scene scene;

    link_device = device;
    support_suite_set_parameter(own);
    (void)snprintf(scene.address, sizeof(scene.address), "%s", address);
    origin_open(&scene);
    HG_PAIR_OK(qs_class_set_ping(scene.pair.origin.hg_class, 300000, 0));
    hg_pair_check_works(&scene.pair);
    partition_that_heals(&scene);
    partition_that_stays(&scene);
    SUPPORT_CHECK(scene.died == 0 || provider_is("verbs"));
    hg_pair_close_origin(&scene.pair);
    return 0;
}

static const struct support_case cases[] = {
    {"killed_target_ends_calls_without_time_outs", killed_target_ends_calls_without_time_outs, 60},
    SUPPORT_CASE(killed_idle_target_ends_the_next_call),
    SUPPORT_CASE(killed_origin_ends_the_pulls_of_its_target),
    {"stopped_target_is_suspect_and_its_answers_count", stopped_target_is_suspect_and_its_answers_count, 40},
    {"busy_target_is_suspect_and_its_answers_count", busy_target_is_suspect_and_its_answers_count, 40},
    SUPPORT_CASE(idle_peers_send_nothing),
    SUPPORT_CASE(pings_do_not_end_a_blocking_progress),
    {"target_restarted_under_load_is_reached_again", target_restarted_under_load_is_reached_again, 120},
    {"server_that_starts_late_is_reached_at_once", server_that_starts_late_is_reached_at_once, 40},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 6 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "partition") == 0)
        return role_partition(argv[3], argv[4], argv[5]);
    if (argc >= 4 && strcmp(argv[1], "--role") == 0) {
        if (argc > 4)
            support_suite_set_parameter(argv[4]);
        if (strcmp(argv[2], "target") == 0)
            return role_target(argv[3]);
        role_exposer(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
