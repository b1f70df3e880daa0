/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The signal handler, its installation, and what is written. All that the handler reads was written before it was
 * installed, or is atomic.
 */

#include "hg/hg_stats_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "quicksilver.h"
#include "util/util_alloc.h"
#include "util/util_log.h"

/* Contexts that can be woken; those beyond write when they make progress by themselves. */
#define SIGNAL_PLACES    1024U
#define SIGNAL_NO_PLACE  UINT32_MAX
#define SIGNAL_FILE_MODE 0644

atomic_bool hg_stats_signal_asked;

static _Atomic(struct hg_context *) signal_places[SIGNAL_PLACES];
static atomic_uint signal_places_used; /* those beyond were never taken */
static atomic_uint signal_handlers;    /* that are at the places now */

/* What was asked for. */
static pthread_mutex_t signal_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int signal_number; /* 0: none; read by the handler */
static int signal_installed; /* the signal whose handlers ours is one of, though others may have come before it since */
static char signal_path[PATH_MAX];
static struct sigaction signal_before; /* what our handler calls; written before that is installed */
static pthread_once_t signal_once = PTHREAD_ONCE_INIT;

/* --- the handler ------------------------------------------------------------------------------------------ */

static void signal_wake_sleepers(void)
{
    unsigned int used = atomic_load(&signal_places_used);

    /* seq_cst throughout: against hg_stats_signal_remove, and progress_arm in hg_progress.c. */
    atomic_fetch_add(&signal_handlers, 1);
    for (unsigned int i = 0; i < used; i++) {
        struct hg_context *context = atomic_load(&signal_places[i]);

        if (context != NULL && atomic_load(&context->armed))
            na_wake(context->na);
    }
    atomic_fetch_sub(&signal_handlers, 1);
}

static void signal_handle(int number, siginfo_t *info, void *ucontext)
{
    int saved_errno = errno;

    if (atomic_load(&signal_number) != 0) {
        atomic_store(&hg_stats_signal_asked, true);
        signal_wake_sleepers();
    }
    errno = saved_errno;
    if ((signal_before.sa_flags & SA_SIGINFO) != 0)
        signal_before.sa_sigaction(number, info, ucontext);
    else if (signal_before.sa_handler != SIG_DFL && signal_before.sa_handler != SIG_IGN)
        signal_before.sa_handler(number);
}

void hg_stats_signal_add(struct hg_context *context)
{
    context->signal_place = SIGNAL_NO_PLACE;
    for (unsigned int i = 0; i < SIGNAL_PLACES; i++) {
        struct hg_context *none = NULL;

        if (!atomic_compare_exchange_strong(&signal_places[i], &none, context))
            continue;
        context->signal_place = i;
        for (unsigned int used = atomic_load(&signal_places_used); used <= i;)
            if (atomic_compare_exchange_weak(&signal_places_used, &used, i + 1))
                break;
        return;
    }
}

void hg_stats_signal_remove(struct hg_context *context)
{
    if (context->signal_place == SIGNAL_NO_PLACE)
        return;
    atomic_store(&signal_places[context->signal_place], NULL);
    /* A handler that has found it before is done in a moment: it runs on a thread of its own, or is over. */
    while (atomic_load(&signal_handlers) > 0)
        (void)sched_yield();
}

void hg_stats_signal_forget_all(void)
{
    for (unsigned int i = 0; i < SIGNAL_PLACES; i++)
        atomic_store_explicit(&signal_places[i], NULL, memory_order_relaxed);
    atomic_store(&signal_places_used, 0);
    atomic_store(&signal_handlers, 0);
    atomic_store(&hg_stats_signal_asked, false);
    (void)pthread_mutex_init(&signal_mutex, NULL);
}

/* --- writing ---------------------------------------------------------------------------------------------- */

/* A line for one class. */
struct signal_line {
    struct signal_line *next;
    char *text;
};

struct signal_lines {
    struct signal_line *first;
    struct signal_line **end;
    unsigned int missed; /* classes for which there was no memory */
};

static void signal_collect(struct hg_class *hg_class, void *arg)
{
    struct signal_lines *lines = arg;
    struct signal_line *line = util_calloc(1, sizeof(*line));

    if (line != NULL && qs_stats_json(hg_class, &line->text) == HG_SUCCESS) {
        *lines->end = line;
        lines->end = &line->next;
        return;
    }
    util_free(line);
    lines->missed++;
}

/* The path with the process id in it; false: it is stderr. */
static bool signal_expand_path(char path[PATH_MAX])
{
    const char *from;
    size_t used = 0;

    (void)pthread_mutex_lock(&signal_mutex);
    path[0] = '\0';
    for (from = signal_path; *from != '\0' && used < PATH_MAX - 1; from++) {
        if (from[0] == '%' && from[1] == 'p') {
            used += (size_t)snprintf(path + used, PATH_MAX - used, "%ld", (long)getpid());
            from++;
        } else {
            path[used++] = *from;
        }
    }
    if (used >= PATH_MAX)
        used = PATH_MAX - 1;
    path[used] = '\0';
    (void)pthread_mutex_unlock(&signal_mutex);
    return used > 0;
}

/* Writes one line; with one system call where that takes all of it, so that lines of several processes do not mix. */
static bool signal_write_line(int fd, char *text)
{
    size_t size = strlen(text) + 1;
    size_t done = 0;

    text[size - 1] = '\n'; /* in place of the terminator */
    while (done < size) {
        ssize_t count = write(fd, text + done, size - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

static void signal_write(const struct signal_lines *lines)
{
    char path[PATH_MAX];
    bool to_file = signal_expand_path(path);
    int fd =
        to_file ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, SIGNAL_FILE_MODE) : STDERR_FILENO;

    if (fd < 0) {
        UTIL_LOG_ERROR(UTIL_LOG_AREA_DIAG, "what is counted cannot be written to %s: %s", path, strerror(errno));
        return;
    }
    for (const struct signal_line *line = lines->first; line != NULL; line = line->next) {
        if (signal_write_line(fd, line->text))
            continue;
        UTIL_LOG_ERROR(UTIL_LOG_AREA_DIAG, "what is counted cannot be written to %s: %s", to_file ? path : "stderr",
                       strerror(errno));
        break;
    }
    if (to_file)
        (void)close(fd);
}

void hg_stats_signal_serve(void)
{
    struct signal_lines lines = {.end = &lines.first};

    if (!atomic_exchange(&hg_stats_signal_asked, false))
        return;
    hg_class_each(signal_collect, &lines);
    signal_write(&lines);
    while (lines.first != NULL) {
        struct signal_line *line = lines.first;

        lines.first = line->next;
        qs_stats_free(line->text);
        util_free(line);
    }
    if (lines.missed > 0)
        UTIL_LOG_ERROR(UTIL_LOG_AREA_DIAG, "no memory to write what %u classes have counted", lines.missed);
}

/* --- installing ------------------------------------------------------------------------------------------- */

/* Whether our handler is the one in force. */
static bool signal_is_ours(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == signal_handle;
}

/* Our handler has the flags and the mask of the one before it, if there was one: the program may count on them. */
static int signal_install(int number)
{
    struct sigaction ours = {.sa_sigaction = signal_handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    bool real;

    if (sigaction(number, NULL, &signal_before) != 0)
        return -errno;
    real = (signal_before.sa_flags & SA_SIGINFO) != 0 ||
           (signal_before.sa_handler != SIG_DFL && signal_before.sa_handler != SIG_IGN);
    (void)sigemptyset(&ours.sa_mask);
    if (real) {
        ours.sa_flags = (signal_before.sa_flags & (SA_RESTART | SA_ONSTACK | SA_NODEFER)) | SA_SIGINFO;
        ours.sa_mask = signal_before.sa_mask;
    }
    return sigaction(number, &ours, NULL) == 0 ? 0 : -errno;
}

/* Those that tell of a defect of the program, or cannot be caught. */
static bool signal_is_usable(int number)
{
    static const int unusable[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

    if (number < 1 || number > SIGRTMAX)
        return false;
    for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
        if (number == unusable[i])
            return false;
    return true;
}

/* Puts back what was there before, unless another handler has come since, which may call ours. */
static void signal_uninstall(void)
{
    if (signal_installed == 0 || !signal_is_ours(signal_installed))
        return;
    (void)sigaction(signal_installed, &signal_before, NULL);
    signal_installed = 0;
}

static hg_return_t signal_choose_locked(int number, const char *path)
{
    int error = 0;

    if (number == 0) {
        atomic_store(&signal_number, 0);
        signal_uninstall();
        return HG_SUCCESS;
    }
    if (!signal_is_usable(number))
        return hg_error_set(HG_INVALID_ARG, "qs_stats_dump_on_signal: signal %d cannot be had for this", number);
    if (path != NULL && strlen(path) >= sizeof(signal_path))
        return hg_error_set(HG_INVALID_ARG, "qs_stats_dump_on_signal: a path of %zu bytes is longer than %zu",
                            strlen(path), sizeof(signal_path) - 1);
    if (signal_installed != 0 && signal_installed != number)
        return hg_error_set(HG_BUSY, "qs_stats_dump_on_signal: signal %d was chosen already", signal_installed);
    (void)snprintf(signal_path, sizeof(signal_path), "%s", path != NULL ? path : "");
    if (signal_installed == 0)
        error = signal_install(number);
    if (error != 0)
        return hg_error_set(HG_INVALID_ARG, "qs_stats_dump_on_signal: signal %d: %s", number, strerror(-error));
    signal_installed = number;
    atomic_store(&signal_number, number);
    return HG_SUCCESS;
}

hg_return_t qs_stats_dump_on_signal(int number, const char *path)
{
    hg_return_t ret;

    (void)pthread_mutex_lock(&signal_mutex);
    ret = signal_choose_locked(number, path);
    (void)pthread_mutex_unlock(&signal_mutex);
    return ret;
}

/* --- the environment -------------------------------------------------------------------------------------- */

/* "USR1", "SIGUSR1" or "10"; -1: no such signal. */
static int signal_parse(const char *text)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (end != text && *end == '\0')
        return number > 0 && number <= SIGRTMAX ? (int)number : -1;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *name = sigabbrev_np(i);

        if (name != NULL && strcasecmp(name, text) == 0)
            return i;
    }
    return -1;
}

static void signal_init_once(void)
{
    const char *text = getenv("QS_STATS_SIGNAL");
    int number;

    if (text == NULL || text[0] == '\0')
        return;
    if (atomic_load(&signal_number) != 0)
        return; /* the program has chosen */
    number = signal_parse(text);
    if (number < 0 || qs_stats_dump_on_signal(number, getenv("QS_STATS_FILE")) != HG_SUCCESS)
        UTIL_LOG_ERROR(UTIL_LOG_AREA_DIAG, "QS_STATS_SIGNAL=%s: %s", text,
                       number < 0 ? "there is no such signal" : qs_error_detail());
}

void hg_stats_signal_init_from_env(void)
{
    (void)pthread_once(&signal_once, signal_init_once);
}

/* The handler is our code, which may be unloaded. */
__attribute__((destructor)) static void signal_fini(void)
{
    signal_uninstall();
}
