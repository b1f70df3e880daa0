/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_spawn.h. The child's stdout is a pipe from which the address is read; its stderr is
 * ours, so what the library complains about is seen.
 */
#include "tools/bench_spawn.h"

#include "tools/bench_pin.h"
#include "tools/bench_watch.h"
#include "util/util_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS    2000U
#define STOP_POLL  10
#define END_MS     1000U
#define ARGS_MAX   12U
#define EXEC_ERROR 126

/* The exec closes all but the standard descriptors and this one: a server that held the connections of
 * its parent would keep them open. */
static void keep_only(int fd)
{
    (void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    (void)fcntl(fd, F_SETFD, 0);
}

static void run_child(const char *info, const struct bench_options *options, int out_fd)
{
    char pin[32], ledger[32];
    const char *args[ARGS_MAX];
    unsigned int count = 0;

    /* One that fault has stopped would sleep through SIGTERM. */
    (void)prctl(PR_SET_PDEATHSIG, options->ledger_fd >= 0 ? SIGKILL : SIGTERM);
    (void)dup2(out_fd, STDOUT_FILENO);
    args[count++] = "hg_bench";
    args[count++] = "server";
    args[count++] = options->busy ? "--busy" : "--block";
    if (options->pin_mode == BENCH_PIN_CORES || (options->pin_mode == BENCH_PIN_AUTO && bench_pin_count() >= 2)) {
        bool given = options->pin_mode == BENCH_PIN_CORES;

        (void)snprintf(pin, sizeof(pin), "%d,0", given ? options->pin_server : bench_pin_first());
        args[count++] = "--pin";
        args[count++] = pin;
    }
    if (options->ledger_fd >= 0) {
        keep_only(options->ledger_fd);
        (void)snprintf(ledger, sizeof(ledger), "%d", options->ledger_fd);
        args[count++] = "--ledger";
        args[count++] = ledger;
    }
    args[count++] = "--";
    args[count++] = info;
    args[count] = NULL;
    (void)execv("/proc/self/exe", (char *const *)args);
    _exit(EXEC_ERROR);
}

static void describe_end(struct bench_spawn *spawn)
{
    if (WIFSIGNALED(spawn->status))
        (void)snprintf(spawn->error, sizeof(spawn->error), "the server process was killed by signal %d (%s)",
                       WTERMSIG(spawn->status), strsignal(WTERMSIG(spawn->status)));
    else
        (void)snprintf(spawn->error, sizeof(spawn->error), "the server process ended with exit code %d",
                       WEXITSTATUS(spawn->status));
}

bool bench_spawn_alive(struct bench_spawn *spawn)
{
    if (spawn->pid == 0)
        return false;
    if (waitpid(spawn->pid, &spawn->status, WNOHANG) != spawn->pid)
        return true;
    describe_end(spawn);
    bench_watch_child(0);
    spawn->pid = 0;
    return false;
}

static void close_out(struct bench_spawn *spawn)
{
    if (spawn->out_fd >= 0)
        (void)close(spawn->out_fd);
    spawn->out_fd = -1;
}

enum bench_spawn_state bench_spawn_poll(struct bench_spawn *spawn, int wait_ms)
{
    while (spawn->have < sizeof(spawn->address) - 1) {
        struct pollfd wait = {.fd = spawn->out_fd, .events = POLLIN};

        if (poll(&wait, 1, wait_ms) <= 0)
            return BENCH_SPAWN_STARTING;
        if (read(spawn->out_fd, spawn->address + spawn->have, 1) <= 0)
            break;
        if (spawn->address[spawn->have] == '\n') {
            spawn->address[spawn->have] = '\0';
            close_out(spawn);
            return BENCH_SPAWN_READY;
        }
        spawn->have++;
    }
    (void)snprintf(spawn->error, sizeof(spawn->error), "the server process gave no address");
    close_out(spawn);
    return BENCH_SPAWN_FAILED;
}

/* Waits for the line with the address. */
static bool read_address(struct bench_spawn *spawn, uint64_t timeout_ns)
{
    uint64_t deadline_ns = util_clock_deadline_ns(timeout_ns);
    enum bench_spawn_state state;
    int ms;

    do {
        bench_watch_beat();
        ms = util_clock_poll_ms(util_clock_now_ns(), deadline_ns, 1000);
        state = bench_spawn_poll(spawn, ms);
    } while (state == BENCH_SPAWN_STARTING && ms > 0);
    if (state == BENCH_SPAWN_STARTING)
        (void)snprintf(spawn->error, sizeof(spawn->error), "the server process gave no address in %.1f s",
                       (double)timeout_ns / 1e9);
    close_out(spawn);
    return state == BENCH_SPAWN_READY;
}

bool bench_spawn_ended(struct bench_spawn *spawn)
{
    for (unsigned int waited = 0; waited < END_MS; waited += STOP_POLL) {
        if (!bench_spawn_alive(spawn))
            return true;
        (void)poll(NULL, 0, STOP_POLL);
    }
    return false;
}

bool bench_spawn_begin(struct bench_spawn *spawn, const char *info, const struct bench_options *options)
{
    int fds[2];

    memset(spawn, 0, sizeof(*spawn));
    spawn->out_fd = -1;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        (void)snprintf(spawn->error, sizeof(spawn->error), "pipe: %s", strerror(errno));
        return false;
    }
    spawn->pid = fork();
    if (spawn->pid == 0)
        run_child(info, options, fds[1]);
    (void)close(fds[1]);
    if (spawn->pid < 0) {
        (void)snprintf(spawn->error, sizeof(spawn->error), "fork: %s", strerror(errno));
        spawn->pid = 0;
        (void)close(fds[0]);
        return false;
    }
    spawn->out_fd = fds[0];
    bench_watch_child(spawn->pid);
    return true;
}

bool bench_spawn_start(struct bench_spawn *spawn, const char *info, const struct bench_options *options)
{
    bool good;

    if (!bench_spawn_begin(spawn, info, options))
        return false;
    good = read_address(spawn, options->timeout_ns);
    if (!good) {
        /* After end of file the exit status is a moment away, and explains more. */
        if (!bench_spawn_ended(spawn))
            (void)bench_spawn_stop(spawn);
    }
    return good;
}

void bench_spawn_kill(struct bench_spawn *spawn)
{
    close_out(spawn);
    if (spawn->pid == 0)
        return;
    (void)kill(spawn->pid, SIGKILL);
    (void)waitpid(spawn->pid, &spawn->status, 0);
    describe_end(spawn);
    bench_watch_child(0);
    spawn->pid = 0;
}

bool bench_spawn_stop(struct bench_spawn *spawn)
{
    if (!bench_spawn_alive(spawn))
        return false;
    (void)kill(spawn->pid, SIGTERM);
    for (unsigned int waited = 0; waited < STOP_MS; waited += STOP_POLL) {
        bench_watch_beat();
        if (!bench_spawn_alive(spawn))
            return WIFEXITED(spawn->status) && WEXITSTATUS(spawn->status) == 0;
        (void)poll(NULL, 0, STOP_POLL);
    }
    (void)kill(spawn->pid, SIGKILL);
    (void)waitpid(spawn->pid, &spawn->status, 0);
    (void)snprintf(spawn->error, sizeof(spawn->error), "the server process did not leave in %u s", STOP_MS / 1000U);
    bench_watch_child(0);
    spawn->pid = 0;
    return false;
}
