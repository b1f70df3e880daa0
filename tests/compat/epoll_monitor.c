/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A monitoring daemon with an event loop of its own: one epoll set holds the descriptor of the RPC library, a timer
 * that takes samples, and a pipe with commands. It sends its samples to a dashboard, answers queries, wakes at once
 * for either, and uses no processor time while nothing happens.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

MERCURY_GEN_PROC(sample_in_t, ((uint64_t)(number))((uint64_t)(taken_ns))((hg_const_string_t)(sensor)))
MERCURY_GEN_PROC(status_out_t, ((uint64_t)(samples))((uint64_t)(commands))((uint64_t)(queries)))

enum {
    SAMPLES = 25,
    SAMPLE_MS = 4,
    QUERIES = 300,
    IDLE_TIMES = 3,
    IDLE_MS = 400,
    IDLE_CPU_PERCENT = 10, /* of a sanitized build on a busy machine; spinning takes ten times as much */
    IDLE_WAKEUPS_MAX = 40, /* a tenth of one in each millisecond */
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* --- an event loop -------------------------------------------------------------------------------------- */

struct loop {
    hg_context_t *context;
    int epoll_fd;
    int hg_fd;
    int timer_fd;
    int command_fd;
    uint64_t wakeups;
    void (*on_timer)(void *arg);
    void (*on_command)(void *arg, char command);
    void *arg;
};

static void loop_add(struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    CHECK(fd >= 0);
    CHECK(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void loop_open(struct loop *loop, hg_context_t *context, int command_fd)
{
    loop->context = context;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->command_fd = command_fd;
    loop->hg_fd = HG_Event_get_wait_fd(context);
    loop_add(loop, loop->hg_fd);
    loop_add(loop, loop->timer_fd);
    loop_add(loop, loop->command_fd);
}

static void loop_close(struct loop *loop)
{
    CHECK_INT(HG_Event_get_wait_fd(loop->context), loop->hg_fd);
    CHECK(close(loop->timer_fd) == 0);
    CHECK(close(loop->epoll_fd) == 0);
}

static void loop_set_timer(struct loop *loop, unsigned int first_ms, unsigned int every_ms)
{
    struct itimerspec spec = {.it_value = {.tv_nsec = (long)first_ms * 1000000},
                              .it_interval = {.tv_nsec = (long)every_ms * 1000000}};

    CHECK(timerfd_settime(loop->timer_fd, 0, &spec, NULL) == 0);
}

/* Everything that the library has to do now. */
static void loop_serve_hg(struct loop *loop)
{
    unsigned int ready = 0;
    unsigned int ran = 0;

    CHECK_OK(HG_Event_progress(loop->context, &ready));
    while (ready > 0) {
        CHECK_OK(HG_Event_trigger(loop->context, ready, &ran));
        CHECK(ran > 0 && ran <= ready);
        CHECK_OK(HG_Event_progress(loop->context, &ready));
    }
}

static void loop_serve_fd(struct loop *loop, int fd)
{
    uint64_t expirations = 0;
    char command = '\0';

    if (fd == loop->timer_fd) {
        ssize_t size = read(fd, &expirations, sizeof(expirations));

        CHECK(size == (ssize_t)sizeof(expirations) || (size < 0 && errno == EAGAIN));
        if (size > 0)
            loop->on_timer(loop->arg);
    } else if (fd == loop->command_fd) {
        CHECK(read(fd, &command, 1) == 1);
        loop->on_command(loop->arg, command);
    }
}

/* One turn: sleeps without a limit unless the library has work. */
static void loop_turn(struct loop *loop)
{
    struct epoll_event events[8];
    int timeout_ms = HG_Event_ready(loop->context) ? 0 : -1;
    int count = epoll_wait(loop->epoll_fd, events, 8, timeout_ms);

    CHECK(count >= 0 || errno == EINTR);
    loop->wakeups++;
    loop_serve_hg(loop);
    for (int i = 0; i < count; i++)
        loop_serve_fd(loop, events[i].data.fd);
}

#define LOOP_UNTIL(loop, condition)                                        \
    for (program_waits_for(__FILE__, __LINE__, #condition); !(condition);) \
    loop_turn(loop)

/* --- the daemon ----------------------------------------------------------------------------------------- */

struct monitor {
    struct program_node node;
    struct loop loop;
    hg_addr_t dashboard;
    hg_id_t sample_id;
    status_out_t status;
    uint64_t acknowledged;
    bool timer_fired;
};

static hg_return_t monitor_sample_taken(const struct hg_cb_info *info)
{
    struct monitor *monitor = info->arg;

    CHECK_OK(info->ret);
    monitor->acknowledged++;
    return HG_SUCCESS;
}

static void monitor_take_sample(struct monitor *monitor)
{
    sample_in_t in = {.number = monitor->status.samples++, .taken_ns = now_ns(CLOCK_MONOTONIC), .sensor = "load"};
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(monitor->node.context, monitor->dashboard, monitor->sample_id, &handle));
    CHECK_OK(HG_Forward(handle, monitor_sample_taken, monitor, &in));
    CHECK_OK(HG_Destroy(handle));
}

static void monitor_on_timer(void *arg)
{
    struct monitor *monitor = arg;

    monitor->timer_fired = true;
    if (monitor->status.samples < SAMPLES)
        monitor_take_sample(monitor);
}

static hg_return_t monitor_on_status(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct monitor *monitor = HG_Registered_data(info->hg_class, info->id);

    monitor->status.queries++;
    CHECK_OK(HG_Respond(handle, NULL, NULL, &monitor->status));
    return HG_Destroy(handle);
}

/* Processor time in percent of the time that goes by with nothing to do. */
static uint64_t monitor_idle_percent(struct monitor *monitor)
{
    uint64_t begin_ns = now_ns(CLOCK_MONOTONIC);
    uint64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t took_ns = 0;

    monitor->loop.wakeups = 0;
    monitor->timer_fired = false;
    loop_set_timer(&monitor->loop, IDLE_MS, 0);
    LOOP_UNTIL(&monitor->loop, monitor->timer_fired);
    cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    took_ns = now_ns(CLOCK_MONOTONIC) - begin_ns;
    CHECK(took_ns >= IDLE_MS * UINT64_C(1000000));
    if (monitor->loop.wakeups > IDLE_WAKEUPS_MAX)
        program_fail(__FILE__, __LINE__, "%llu wake-ups in %d ms of idleness",
                     (unsigned long long)monitor->loop.wakeups, IDLE_MS);
    return cpu_ns * 100 / took_ns;
}

/* On a busy machine a measurement may be wrong; most of them are not. */
static void monitor_be_idle(struct monitor *monitor)
{
    unsigned int too_much = 0;

    for (unsigned int i = 0; i < IDLE_TIMES; i++) {
        uint64_t percent = monitor_idle_percent(monitor);

        printf("idle: %llu %% of the processor, %llu wake-ups\n", (unsigned long long)percent,
               (unsigned long long)monitor->loop.wakeups);
        too_much += percent > IDLE_CPU_PERCENT;
    }
    CHECK(too_much <= IDLE_TIMES / 2);
}

/* Commands: s starts sampling, any other is only counted. */
static void monitor_on_command(void *arg, char command)
{
    struct monitor *monitor = arg;

    monitor->status.commands++;
    if (command == 's')
        loop_set_timer(&monitor->loop, SAMPLE_MS, SAMPLE_MS);
}

static void monitor_run(struct program_peer *parent, const char *protocol)
{
    static struct monitor monitor;
    char address[PROGRAM_LINE];
    hg_id_t id = 0;

    program_open(&monitor.node, protocol, true, NULL);
    monitor.sample_id = MERCURY_REGISTER(monitor.node.hg_class, "sample", sample_in_t, void, NULL);
    id = MERCURY_REGISTER(monitor.node.hg_class, "status", void, status_out_t, monitor_on_status);
    CHECK_OK(HG_Register_data(monitor.node.hg_class, id, &monitor, NULL));
    monitor.dashboard = program_meet(&monitor.node, parent);
    monitor.loop = (struct loop){.on_timer = monitor_on_timer, .on_command = monitor_on_command, .arg = &monitor};
    loop_open(&monitor.loop, monitor.node.context, parent->in);
    program_address(monitor.node.hg_class, address);
    program_say(parent, address);

    LOOP_UNTIL(&monitor.loop, monitor.acknowledged == SAMPLES);
    LOOP_UNTIL(&monitor.loop, monitor.status.queries == QUERIES);
    monitor_be_idle(&monitor);
    program_say(parent, "rested");
    LOOP_UNTIL(&monitor.loop, monitor.node.stopped);
    loop_close(&monitor.loop);
    CHECK_OK(HG_Addr_free(monitor.node.hg_class, monitor.dashboard));
    program_close(&monitor.node);
    FORGET(monitor);
}

/* --- the dashboard -------------------------------------------------------------------------------------- */

struct dashboard {
    struct program_node node;
    uint64_t samples;
    uint64_t number_sum;
    uint64_t last_ns;
};

static hg_return_t dashboard_on_sample(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct dashboard *dashboard = HG_Registered_data(info->hg_class, info->id);
    sample_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    CHECK_TEXT(in.sensor, "load");
    CHECK(in.taken_ns <= now_ns(CLOCK_MONOTONIC));
    dashboard->samples++;
    dashboard->number_sum += in.number;
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static status_out_t dashboard_ask(struct dashboard *dashboard, hg_addr_t monitor, hg_id_t id)
{
    hg_handle_t handle = program_call_new(&dashboard->node, monitor, id, NULL);
    status_out_t status;

    CHECK_OK(HG_Get_output(handle, &status));
    CHECK_OK(HG_Free_output(handle, &status));
    CHECK_OK(HG_Destroy(handle));
    return status;
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("dashboard", argc, argv);
    struct dashboard dashboard = {.samples = 0};
    struct program_peer monitor;
    char line[PROGRAM_LINE];
    hg_addr_t addr = HG_ADDR_NULL;
    status_out_t status;
    hg_id_t sample_id = 0;
    hg_id_t status_id = 0;

    program_start(&monitor, "monitor", monitor_run, protocol);
    program_open(&dashboard.node, protocol, true, NULL);
    sample_id = MERCURY_REGISTER(dashboard.node.hg_class, "sample", sample_in_t, void, dashboard_on_sample);
    status_id = MERCURY_REGISTER(dashboard.node.hg_class, "status", void, status_out_t, NULL);
    CHECK_OK(HG_Register_data(dashboard.node.hg_class, sample_id, &dashboard, NULL));
    program_address(dashboard.node.hg_class, line);
    program_say(&monitor, line);
    addr = program_meet(&dashboard.node, &monitor);

    CHECK(write(monitor.out, "s", 1) == 1);
    WAIT_UNTIL(dashboard.node.context, dashboard.samples == SAMPLES);
    CHECK_INT(dashboard.number_sum, SAMPLES * (SAMPLES - 1) / 2);
    for (uint64_t i = 0; i < QUERIES; i++) {
        /* Each one finds the monitor asleep, or with a command to look at first. */
        if (i % 10 == 0)
            CHECK(write(monitor.out, "c", 1) == 1);
        status = dashboard_ask(&dashboard, addr, status_id);
        CHECK_INT(status.samples, SAMPLES);
        CHECK_INT(status.queries, i + 1);
        CHECK(status.commands >= 1 && status.commands <= 2 + i / 10);
    }
    program_hear(&monitor, line);
    CHECK_TEXT(line, "rested");
    program_stop(&dashboard.node, addr);
    CHECK_OK(HG_Addr_free(dashboard.node.hg_class, addr));
    program_close(&dashboard.node);
    program_finish(&monitor);
    return EXIT_SUCCESS;
}
