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
#define ARGS_MAX   10U
#define EXEC_ERROR 126

static void run_child(const char *info, const struct bench_options *options, int out_fd)
{
    char pin[32];
    const char *args[ARGS_MAX];
    unsigned int count = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
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

/* Reads the line with the address. */
static bool read_address(struct bench_spawn *spawn, int fd, uint64_t timeout_ns)
{
    uint64_t deadline_ns = util_clock_deadline_ns(timeout_ns);
    size_t have = 0;

    while (have < sizeof(spawn->address) - 1) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ms = util_clock_poll_ms(util_clock_now_ns(), deadline_ns, 1000);
        ssize_t got;

        bench_watch_beat();
        if (ms == 0) {
            (void)snprintf(spawn->error, sizeof(spawn->error), "the server process gave no address in %.1f s",
                           (double)timeout_ns / 1e9);
            return false;
        }
        if (poll(&wait, 1, ms) <= 0)
            continue;
        got = read(fd, spawn->address + have, 1);
        if (got <= 0)
            break;
        if (spawn->address[have] == '\n') {
            spawn->address[have] = '\0';
            return true;
        }
        have++;
    }
    (void)snprintf(spawn->error, sizeof(spawn->error), "the server process gave no address");
    return false;
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

bool bench_spawn_start(struct bench_spawn *spawn, const char *info, const struct bench_options *options)
{
    int fds[2];
    bool good;

    memset(spawn, 0, sizeof(*spawn));
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
    bench_watch_child(spawn->pid);
    good = read_address(spawn, fds[0], options->timeout_ns);
    (void)close(fds[0]);
    if (!good) {
        /* After end of file the exit status is a moment away, and explains more. */
        if (!bench_spawn_ended(spawn))
            (void)bench_spawn_stop(spawn);
    }
    return good;
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
