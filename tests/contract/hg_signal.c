/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Statistics at a signal: written by whoever makes progress, also by one who was asleep, wherever the signal arrived; and never
 * unasked. Each case has a process of its own, so the handlers of one are not those of another.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/hg_contract.h"

enum { TEXT_MAX = 1 << 20, SIGNALS = 50 };

/* A file that does not exist yet. */
static void new_path(char path[100])
{
    (void)snprintf(path, 100, "/tmp/quicksilver-stats-%ld-%llu", (long)getpid(),
                   (unsigned long long)support_suite_now_us());
    (void)unlink(path);
}

/* What is in the file, or "". */
static const char *read_file(const char *path)
{
    static char text[TEXT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count;
    size_t used = 0;

    while (fd >= 0 && (count = read(fd, text + used, TEXT_MAX - 1 - used)) > 0)
        used += (size_t)count;
    if (fd >= 0)
        (void)close(fd);
    text[used] = '\0';
    return text;
}

/* Whole lines in the file, each of which is JSON with an address in it. */
static unsigned int count_lines(const char *path)
{
    const char *line = read_file(path);
    const char *end;
    unsigned int count = 0;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        struct json_tokener *tokener = json_tokener_new();
        struct json_object *root = json_tokener_parse_ex(tokener, line, (int)(end - line));

        SUPPORT_CHECK(root != NULL && json_object_object_get_ex(root, "address", NULL));
        json_object_put(root);
        json_tokener_free(tokener);
        count++;
    }
    return count;
}

static void wait_for_lines(const char *path, unsigned int count)
{
    for (struct hg_pair_patience patience = {0}; count_lines(path) < count;) {
        (void)poll(NULL, 0, 1); /* somebody else writes */
        hg_pair_patience_check(&patience, "the lines are written");
    }
    SUPPORT_CHECK(count_lines(path) == count);
}

/* --- a thread that sleeps --------------------------------------------------------------------------------- */

struct sleeper {
    struct hg_pair *pair;
    pthread_t thread;
    atomic_bool stop;
    bool takes_signals;
    bool by_events;
};

static void sleep_by_events(hg_context_t *context, int epoll_fd)
{
    struct epoll_event event;
    unsigned int count = 0;

    if (!HG_Event_ready(context))
        (void)epoll_wait(epoll_fd, &event, 1, 60000);
    HG_PAIR_OK(HG_Event_progress(context, &count));
}

static void *sleep_long(void *arg)
{
    struct sleeper *sleeper = arg;
    hg_context_t *context = sleeper->pair->origin.contexts[0];
    struct epoll_event event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sigset_t all;

    (void)sigfillset(&all);
    if (!sleeper->takes_signals)
        SUPPORT_CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    SUPPORT_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, HG_Event_get_wait_fd(context), &event) == 0);
    while (!atomic_load(&sleeper->stop)) {
        if (sleeper->by_events)
            sleep_by_events(context, epoll_fd);
        else
            (void)HG_Progress(context, 60000);
        (void)HG_Trigger(context, 0, 16, NULL);
    }
    (void)close(epoll_fd);
    return NULL;
}

static void sleeper_start(struct sleeper *sleeper, struct hg_pair *pair)
{
    uint64_t sleeps = hg_pair_counters(pair->origin.hg_class).sleeps;

    sleeper->pair = pair;
    SUPPORT_CHECK(pthread_create(&sleeper->thread, NULL, sleep_long, sleeper) == 0);
    if (sleeper->by_events) {
        (void)poll(NULL, 0, 20); /* nothing tells that it sleeps; if it does not yet, the case is easier */
        return;
    }
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair->origin.hg_class).sleeps == sleeps;)
        hg_pair_patience_check(&patience, "the other thread sleeps");
}

static void sleeper_end(struct sleeper *sleeper)
{
    struct hg_pair_call call;

    atomic_store(&sleeper->stop, true);
    hg_pair_call_start(sleeper->pair, &call, HG_PAIR_EMPTY, NULL); /* wakes it */
    HG_PAIR_OK(HG_Cancel(call.handle));
    SUPPORT_CHECK(pthread_join(sleeper->thread, NULL) == 0);
    (void)hg_pair_call_finish_raced(&call);
}

static void signal_reaches(bool takes_signals, bool by_events)
{
    struct sleeper sleeper = {.takes_signals = takes_signals, .by_events = by_events};
    struct hg_pair pair;
    char path[100];

    new_path(path);
    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, path));
    sleeper_start(&sleeper, &pair);
    for (unsigned int i = 1; i <= SIGNALS; i++) {
        SUPPORT_CHECK(takes_signals ? pthread_kill(sleeper.thread, SIGUSR1) == 0 : raise(SIGUSR1) == 0);
        wait_for_lines(path, 2 * i); /* two classes */
    }
    sleeper_end(&sleeper);
    hg_pair_close(&pair);
    SUPPORT_CHECK(unlink(path) == 0);
}

static void signal_to_another_thread_wakes_the_one_in_progress(void)
{
    signal_reaches(false, false);
}

static void signal_to_the_thread_in_progress_is_served_by_it(void)
{
    if (support_under_tsan())
        support_suite_skip("TSan may run a handler when the system call that it came before has ended");
    signal_reaches(true, false);
}

static void signal_wakes_an_event_loop(void)
{
    signal_reaches(false, true);
}

/* --- handlers of the user --------------------------------------------------------------------------------- */

static atomic_uint user_signals;
static atomic_int user_value;

static void user_handler(int signal_number, siginfo_t *info, void *ucontext)
{
    SUPPORT_CHECK(ucontext != NULL);
    atomic_fetch_add(&user_signals, (unsigned int)(signal_number == SIGUSR1));
    atomic_store(&user_value, info->si_value.sival_int);
}

static void user_simple_handler(int signal_number)
{
    atomic_fetch_add(&user_signals, (unsigned int)(signal_number == SIGUSR2));
}

static void earlier_handler_is_called_too_and_comes_back(void)
{
    struct sigaction user = {.sa_sigaction = user_handler, .sa_flags = SA_SIGINFO};
    struct sigaction now;
    struct hg_pair pair;
    char path[100];

    new_path(path);
    SUPPORT_CHECK(sigaction(SIGUSR1, &user, NULL) == 0);
    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_sigaction == user_handler);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, path));
    SUPPORT_CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && (now.sa_flags & SA_RESTART) == 0);
    HG_PAIR_RET(qs_stats_dump_on_signal(SIGUSR2, path), HG_BUSY);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, path));
    SUPPORT_CHECK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 4711}) == 0);
    SUPPORT_CHECK(atomic_load(&user_signals) == 1 && atomic_load(&user_value) == 4711);
    HG_PAIR_UNTIL(&pair, count_lines(path) == 2);
    HG_PAIR_OK(qs_stats_dump_on_signal(0, NULL));
    SUPPORT_CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_sigaction == user_handler);
    SUPPORT_CHECK(raise(SIGUSR1) == 0);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&user_signals) == 2 && count_lines(path) == 2);
    /* Now another signal can be had. */
    SUPPORT_CHECK(signal(SIGUSR2, user_simple_handler) != SIG_ERR);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR2, path));
    SUPPORT_CHECK(raise(SIGUSR2) == 0);
    SUPPORT_CHECK(atomic_load(&user_signals) == 3);
    HG_PAIR_UNTIL(&pair, count_lines(path) == 4);
    HG_PAIR_OK(qs_stats_dump_on_signal(0, NULL));
    hg_pair_close(&pair);
    SUPPORT_CHECK(unlink(path) == 0);
}

static void nothing_is_installed_unasked(void)
{
    struct sigaction now;
    struct hg_pair pair;

    SUPPORT_CHECK(unsetenv("QS_STATS_SIGNAL") == 0);
    hg_pair_open(&pair, NULL);
    for (int i = 1; i < 32; i++) {
        if (i == SIGKILL || i == SIGSTOP)
            continue;
        SUPPORT_CHECK(sigaction(i, NULL, &now) == 0);
        if (i == SIGUSR1 || i == SIGUSR2)
            SUPPORT_CHECK((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL);
    }
    hg_pair_close(&pair);
}

/* --- the environment -------------------------------------------------------------------------------------- */

static void environment_chooses_signal_and_file(void)
{
    struct hg_pair pair;
    char pattern[100];
    char path[120];

    new_path(pattern);
    (void)snprintf(path, sizeof(path), "%s-%ld", pattern, (long)getpid());
    strcat(pattern, "-%p");
    SUPPORT_CHECK(setenv("QS_STATS_SIGNAL", "SIGusr2", 1) == 0 && setenv("QS_STATS_FILE", pattern, 1) == 0);
    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(raise(SIGUSR2) == 0);
    HG_PAIR_UNTIL(&pair, count_lines(path) == 2);
    hg_pair_close(&pair);
    SUPPORT_CHECK(unlink(path) == 0);
}

static void nonsense_in_the_environment_is_told_and_harms_nobody(void)
{
    struct hg_pair pair;

    HG_Set_log_level("none");
    SUPPORT_CHECK(setenv("QS_STATS_SIGNAL", "SOMETIMES", 1) == 0);
    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* stderr when no file is named; here it leads into a file. */
static void lines_go_to_stderr_where_no_file_is_named(void)
{
    struct hg_pair pair;
    char path[100];
    int stderr_fd = dup(STDERR_FILENO);
    int fd;

    new_path(path);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    SUPPORT_CHECK(fd >= 0 && stderr_fd >= 0);
    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, NULL));
    SUPPORT_CHECK(dup2(fd, STDERR_FILENO) >= 0);
    SUPPORT_CHECK(raise(SIGUSR1) == 0);
    HG_PAIR_UNTIL(&pair, count_lines(path) == 2);
    SUPPORT_CHECK(dup2(stderr_fd, STDERR_FILENO) >= 0);
    (void)close(fd);
    (void)close(stderr_fd);
    hg_pair_close(&pair);
    SUPPORT_CHECK(unlink(path) == 0);
}

static void file_that_cannot_be_written_harms_nobody(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, "/nonexistent/directory/file"));
    for (unsigned int i = 0; i < 3; i++) {
        SUPPORT_CHECK(raise(SIGUSR1) == 0);
        hg_pair_check_works(&pair);
    }
    hg_pair_close(&pair);
}

/* Signals come while contexts come and go, and wake whom they find. */
static void *signal_without_end(void *arg)
{
    atomic_bool *stop = arg;

    while (!atomic_load(stop))
        (void)raise(SIGUSR1);
    return NULL;
}

static void contexts_may_go_while_signals_come(void)
{
    struct hg_pair pair;
    atomic_bool stop = false;
    pthread_t thread;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, "/dev/null"));
    SUPPORT_CHECK(pthread_create(&thread, NULL, signal_without_end, &stop) == 0);
    for (unsigned int i = 0; i < 20; i++) {
        HG_PAIR_OK(HG_Context_destroy(pair.origin.contexts[0]));
        pair.origin.contexts[0] = HG_Context_create_id(pair.origin.hg_class, 0);
        SUPPORT_CHECK(pair.origin.contexts[0] != NULL);
        (void)HG_Progress(pair.origin.contexts[0], 1);
    }
    atomic_store(&stop, true);
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* A child shares the parent's descriptors, and must neither wake nor tell of what is its parent's. */
static void forked_child_tells_of_its_own_classes_alone(void)
{
    struct hg_pair pair;
    char path[100];
    int status = 0;
    pid_t child;

    if (support_under_tsan())
        support_suite_skip("TSan does not follow forks of programs with threads");
    new_path(path);
    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_stats_dump_on_signal(SIGUSR1, path));
    child = fork();
    SUPPORT_CHECK(child >= 0);
    if (child == 0) {
        hg_class_t *own = HG_Init(hg_pair_uri(), false);
        hg_context_t *context = HG_Context_create(own);

        SUPPORT_CHECK(own != NULL && context != NULL && raise(SIGUSR1) == 0);
        for (unsigned int i = 0; i < 100; i++)
            (void)HG_Progress(context, 0);
        SUPPORT_CHECK(HG_Context_destroy(context) == HG_SUCCESS && HG_Finalize(own) == HG_SUCCESS);
        _exit(count_lines(path) == 1 ? 0 : 1);
    }
    SUPPORT_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(count_lines(path) == 1);
    hg_pair_close(&pair);
    SUPPORT_CHECK(unlink(path) == 0);
}

const struct support_case hg_signal_cases[] = {
    SUPPORT_CASE(signal_to_another_thread_wakes_the_one_in_progress),
    SUPPORT_CASE(signal_to_the_thread_in_progress_is_served_by_it),
    SUPPORT_CASE(signal_wakes_an_event_loop),
    SUPPORT_CASE(earlier_handler_is_called_too_and_comes_back),
    SUPPORT_CASE(nothing_is_installed_unasked),
    SUPPORT_CASE(environment_chooses_signal_and_file),
    SUPPORT_CASE(nonsense_in_the_environment_is_told_and_harms_nobody),
    SUPPORT_CASE(lines_go_to_stderr_where_no_file_is_named),
    SUPPORT_CASE(file_that_cannot_be_written_harms_nobody),
    SUPPORT_CASE(contexts_may_go_while_signals_come),
    SUPPORT_CASE(forked_child_tells_of_its_own_classes_alone),
    {NULL, NULL, 0},
};
