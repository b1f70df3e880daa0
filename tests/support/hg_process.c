/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Starting, ending and being another process of a test. One thread, but for the one that watches stdin in
 * hg_process_serve.
 */
#include "tests/support/hg_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void process_read_line(struct hg_process *process)
{
    size_t used = 0;

    while (used + 1 < sizeof(process->line)) {
        ssize_t count = read(process->out, process->line + used, 1);

        if (count <= 0)
            break;
        if (process->line[used] == '\n')
            break;
        used++;
    }
    process->line[used] = '\0';
}

void hg_process_start(struct hg_process *process, const char *role, const char *argument, const char *parameter)
{
    int in[2];
    int out[2];

    SUPPORT_CHECK(pipe(in) == 0 && pipe(out) == 0);
    process->pid = fork();
    SUPPORT_CHECK(process->pid >= 0);
    if (process->pid == 0) {
        SUPPORT_CHECK(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
        for (int fd = 3; fd < 200; fd++)
            (void)close(fd);
        (void)execl("/proc/self/exe", "role", "--role", role, argument, parameter, (char *)NULL);
        _exit(99);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    process->in = in[1];
    process->out = out[0];
    process_read_line(process);
    if (strncmp(process->line, "skip", 4) == 0)
        support_suite_skip(process->line + 5);
    if (process->line[0] == '\0')
        support_suite_fail("the other process did not start");
}

void hg_process_end(struct hg_process *process, int signal_number)
{
    int status;

    if (signal_number != 0)
        (void)kill(process->pid, signal_number);
    (void)close(process->in);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)close(process->out);
    if (signal_number == 0)
        SUPPORT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

bool hg_process_has_ended(const struct hg_process *process)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process->pid;
}

static atomic_bool process_over;

static void *process_watch_stdin(void *arg)
{
    char byte;

    (void)arg;
    while (read(0, &byte, 1) > 0)
        continue;
    atomic_store(&process_over, true);
    return NULL;
}

void hg_process_open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen)
{
    side->hg_class = hg_pair_try_init(uri, listen, NULL);
    if (side->hg_class == NULL) {
        printf("skip %s\n", qs_error_detail());
        fflush(stdout);
        _exit(0);
    }
    side->contexts[0] = HG_Context_create(side->hg_class);
    SUPPORT_CHECK(side->contexts[0] != NULL);
    side->context_count = 1;
    hg_pair_register(pair, side);
}

int hg_process_serve(const char *uri)
{
    static struct hg_pair pair;
    char text[HG_PAIR_TEXT];
    pthread_t thread;

    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.target, uri, true);
    hg_pair_address(pair.target.hg_class, text);
    printf("%s\n", text);
    fflush(stdout);
    SUPPORT_CHECK(pthread_create(&thread, NULL, process_watch_stdin, NULL) == 0);
    while (!atomic_load(&process_over)) {
        (void)HG_Progress(pair.target.contexts[0], 20);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    hg_pair_close_target(&pair);
    return 0;
}
