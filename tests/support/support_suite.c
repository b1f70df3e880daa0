/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The runner of cases: fork, wait with a limit, report. The child leaves its reason for skipping in a
 * pipe; everything else that it says goes to stderr as it happens.
 */
#include "tests/support/support_suite.h"

#include <errno.h>
#include <poll.h>
#include <rdma/fabric.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/support_guard.h"

static const char *suite_parameter = "";
static int suite_reason_fd = -1; /* in the child: where the reason for a skip goes */
static bool suite_no_fork;

const char *support_suite_parameter(void)
{
    return suite_parameter;
}

void support_suite_uri(const char *provider, char *text, size_t size)
{
    const char *host = "127.0.0.1";

    if (strstr(provider, "://") != NULL)
        host = NULL; /* it is one */
    else if (strncmp(provider, "verbs", strlen("verbs")) == 0)
        host = getenv("QS_VM_RDMA0");
    else if (strcmp(provider, "shm") == 0 || strcmp(provider, "na+sm") == 0)
        host = NULL;
    (void)snprintf(text, size, host != NULL ? "%s://%s" : "%s", provider, host);
}

void support_suite_set_parameter(const char *parameter)
{
    suite_parameter = parameter;
}

uint64_t support_suite_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void support_suite_skip(const char *reason)
{
    if (suite_reason_fd >= 0)
        (void)!write(suite_reason_fd, reason, strlen(reason));
    else
        printf("# skipped: %s\n", reason);
    fflush(NULL);
    _exit(SUPPORT_SKIPPED);
}

void support_suite_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
    abort();
}

static void suite_run_case(const struct support_case *test, void (*setup)(void))
{
    support_begin();
    if (setup != NULL)
        setup();
    test->run();
    support_end();
}

/* Waits for the child at most until the limit; the wait status, or -1 when it had to be killed. The pipe ends
 * when the child does. */
static int suite_wait(pid_t child, int reason_fd, unsigned int limit_s, char *reason, size_t reason_size)
{
    uint64_t end_us = support_suite_now_us() + (uint64_t)limit_s * 1000000U;
    bool killed = false;
    size_t used = 0;
    int status = 0;

    for (;;) {
        struct pollfd pollfd = {.fd = reason_fd, .events = POLLIN};
        uint64_t now_us = support_suite_now_us();
        char buf[128];
        ssize_t count;

        if (now_us >= end_us && !killed) {
            killed = true;
            /* SIGABRT, so that a debugger or a sanitizer can say where it hung. */
            (void)kill(child, SIGABRT);
            end_us = now_us + 3000000U;
        } else if (now_us >= end_us) {
            (void)kill(child, SIGKILL);
            end_us = UINT64_MAX;
        }
        if (poll(&pollfd, 1, 100) <= 0)
            continue;
        count = read(reason_fd, buf, sizeof(buf));
        if (count <= 0)
            break;
        for (ssize_t i = 0; i < count && used + 1 < reason_size; i++)
            reason[used++] = buf[i] == '\n' ? ' ' : buf[i];
    }
    reason[used] = '\0';
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return killed ? -1 : status;
}

static bool suite_report(unsigned int number, const struct support_case *test, int status, const char *reason,
                         uint64_t took_us)
{
    unsigned int took_ms = (unsigned int)(took_us / 1000U);

    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok %u - %s\n# %u ms\n", number, test->name, took_ms);
        return true;
    }
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == SUPPORT_SKIPPED) {
        printf("ok %u - %s # SKIP %s\n", number, test->name, reason);
        return true;
    }
    printf("not ok %u - %s\n", number, test->name);
    if (status < 0)
        printf("# did not end within its limit\n");
    else if (WIFSIGNALED(status))
        printf("# ended by signal %d\n", WTERMSIG(status));
    else
        printf("# exit status %d\n", WEXITSTATUS(status));
    return false;
}

static bool suite_fork_case(unsigned int number, const struct support_case *test, void (*setup)(void))
{
    unsigned int limit_s = (test->limit_s != 0 ? test->limit_s : SUPPORT_SUITE_LIMIT_S) * support_slowness();
    uint64_t begin_us = support_suite_now_us();
    char reason[256] = "";
    int pipe_fds[2];
    pid_t child;
    int status;

    fflush(NULL);
    if (pipe(pipe_fds) != 0 || (child = fork()) < 0) {
        perror("fork");
        return false;
    }
    if (child == 0) {
        (void)close(pipe_fds[0]);
        suite_reason_fd = pipe_fds[1];
        suite_run_case(test, setup);
        exit(0);
    }
    (void)close(pipe_fds[1]);
    status = suite_wait(child, pipe_fds[0], limit_s, reason, sizeof(reason));
    (void)close(pipe_fds[0]);
    return suite_report(number, test, status, reason, support_suite_now_us() - begin_us);
}

/* What libfabric finds out at the first call of a process, once for all cases instead of in each: with verbs among its
 * providers it reads /proc/kallsyms twice, which takes 0.1 s where that list is long. What the call itself finds does not
 * matter. Not where RDMA devices are used: libfabric opens them with it, and a child cannot use those of its parent. */
static void suite_load_providers(void)
{
    struct fi_info *hints = fi_allocinfo();
    struct fi_info *found = NULL;

    if (hints != NULL && (hints->fabric_attr->prov_name = strdup("tcp")) != NULL &&
        fi_getinfo(FI_VERSION(1, 14), NULL, NULL, 0, hints, &found) == 0)
        fi_freeinfo(found);
    fi_freeinfo(hints);
}

static bool suite_one(unsigned int number, const struct support_case *test, void (*setup)(void))
{
    if (!suite_no_fork)
        return suite_fork_case(number, test, setup);
    suite_run_case(test, setup);
    printf("ok %u - %s\n", number, test->name);
    return true;
}

static bool suite_wanted(const struct support_case *test, const char *only)
{
    return only == NULL || strstr(test->name, only) != NULL;
}

static unsigned int suite_count(const struct support_case *const *tables, const char *only, bool list)
{
    unsigned int count = 0;

    for (; *tables != NULL; tables++) {
        for (const struct support_case *test = *tables; test->name != NULL; test++) {
            if (!suite_wanted(test, only))
                continue;
            count++;
            if (list)
                printf("%s\n", test->name);
        }
    }
    return count;
}

int support_suite_main(int argc, char **argv, const struct support_case *const *tables, void (*setup)(void))
{
    const char *only = NULL;
    unsigned int number = 0;
    unsigned int failed = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-fork") == 0) {
            suite_no_fork = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--list") == 0) {
            (void)suite_count(tables, only, true);
            return 0;
        } else {
            suite_parameter = argv[i];
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%u\n", suite_count(tables, only, false));
    if (!suite_no_fork && strncmp(suite_parameter, "verbs", strlen("verbs")) != 0)
        suite_load_providers();
    for (; *tables != NULL; tables++) {
        for (const struct support_case *test = *tables; test->name != NULL; test++) {
            if (suite_wanted(test, only))
                failed += !suite_one(++number, test, setup);
        }
    }
    printf("# %s: %u passed or skipped, %u failed\n", suite_parameter, number - failed, failed);
    return failed == 0 ? 0 : 1;
}
