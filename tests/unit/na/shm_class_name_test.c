/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The names that classes take when they are given none: the first free of PID-0, PID-1 and so on, whoever has the
 * others, and for as long as the class lives.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/na.h"
#include "na/shm/shm_doorbell.h"
#include "na/shm/shm_name.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"

TestSuite(shm_class_name, .init = support_begin, .fini = support_end, .timeout = 60);

enum { THREADS = 4, CLASSES = 12 };

static void ignore_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    (void)arg;
    (void)route;
    (void)data;
    (void)size;
}

static void ignore_route(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void close_route(void *arg, struct na_route *route, int error)
{
    (void)arg;
    (void)error;
    na_route_close(route);
}

static const struct na_upcalls upcalls = {
    .frame = ignore_frame, .accept = ignore_route, .route_up = ignore_route, .route_down = close_route};

static struct na_class *open_class(const char *uri, bool listen)
{
    struct na_config config = {.uri = uri, .listen = listen};
    struct na_class *na_class = NULL;

    cr_assert_eq(na_class_open(&config, &na_class), 0, "%s: %s", uri, util_detail_get());
    return na_class;
}

static struct na_context *open_context(struct na_class *na_class, uint8_t index)
{
    struct na_context *context = NULL;

    cr_assert_eq(na_context_open(na_class, index, &upcalls, NULL, &context), 0, "%s", util_detail_get());
    return context;
}

static void check_number(const struct na_class *na_class, unsigned int number)
{
    char expected[NA_ADDRESS_MAX];

    (void)snprintf(expected, sizeof(expected), "shm://%d-%u", (int)getpid(), number);
    cr_assert_str_eq(na_class_address(na_class), expected);
}

Test(shm_class_name, classes_of_a_process_are_numbered_from_0)
{
    struct na_class *classes[CLASSES];

    for (unsigned int i = 0; i < CLASSES; i++) {
        classes[i] = open_class(i % 3 == 0 ? "na+sm" : "shm://", i % 2 == 0);
        check_number(classes[i], i);
        cr_assert_str_eq(util_detail_get(), "", "names that were taken are no error");
    }
    for (unsigned int i = 0; i < CLASSES; i++)
        na_class_close(classes[i]);
}

Test(shm_class_name, number_is_free_again_when_its_class_is_closed)
{
    struct na_class *first = open_class("shm", true);
    struct na_class *second = open_class("shm", true);

    na_class_close(first);
    first = open_class("shm", true);
    check_number(first, 0);
    check_number(second, 1);
    na_class_close(second);
    na_class_close(first);
}

Test(shm_class_name, name_that_somebody_else_has_is_passed_over)
{
    char name[NA_ADDRESS_MAX];
    char held[NA_ADDRESS_MAX];
    struct na_class *na_class;
    struct na_class *named;
    char uri[NA_ADDRESS_MAX + 8];
    int fds[2];

    /* An endpoint without a class, a class without an endpoint, and a class that asked for the name. */
    shm_name_numbered(0, name);
    cr_assert_eq(shm_doorbell_bind(name, true, &fds[0]), 0);
    shm_name_numbered(1, name);
    shm_name_of_class(name, held);
    cr_assert_eq(shm_doorbell_bind(held, true, &fds[1]), 0);
    shm_name_numbered(2, name);
    (void)snprintf(uri, sizeof(uri), "shm://%s", name);
    named = open_class(uri, false);
    na_class = open_class("shm", true);
    check_number(na_class, 3);
    na_class_close(na_class);
    na_class_close(named);
    (void)close(fds[0]);
    (void)close(fds[1]);
    na_class = open_class("shm", true);
    check_number(na_class, 0);
    na_class_close(na_class);
}

Test(shm_class_name, name_stays_with_its_class_when_its_contexts_are_gone)
{
    struct na_class *first = open_class("shm", true);
    struct na_context *context = open_context(first, 0);
    struct na_class *second;
    struct na_class *third;

    na_context_stop_listening(context);
    second = open_class("shm", true);
    check_number(second, 1);
    na_context_close(context, 0);
    third = open_class("shm", true);
    check_number(third, 2);
    context = open_context(first, 0);
    cr_assert_str_eq(na_context_address(context), na_class_address(first));
    na_context_close(context, 0);
    na_class_close(third);
    na_class_close(second);
    na_class_close(first);
}

Test(shm_class_name, named_class_keeps_its_name_in_the_same_way)
{
    struct na_config config = {.uri = "shm://test-kept", .listen = true};
    struct na_class *first = open_class(config.uri, true);
    struct na_context *context = open_context(first, 0);
    struct na_class *second = NULL;

    na_context_close(context, 0);
    cr_assert_eq(na_class_open(&config, &second), -EADDRINUSE);
    cr_assert_not_null(strstr(util_detail_get(), "test-kept is in use"));
    context = open_context(first, 0);
    na_context_close(context, 0);
    na_class_close(first);
    second = open_class(config.uri, true);
    na_class_close(second);
}

/* As where a process that is dead had our id, and a child of it lives on with its sockets. */
Test(shm_class_name, sockets_that_a_child_has_inherited_are_passed_over)
{
    struct na_class *na_class = open_class("shm", true);
    int pipe_fds[2];
    pid_t child;
    char byte;

    cr_assert_eq(pipe(pipe_fds), 0);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)close(pipe_fds[1]);
        _exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)close(pipe_fds[0]);
    na_class_close(na_class);
    na_class = open_class("shm", true);
    check_number(na_class, 1);
    (void)close(pipe_fds[1]);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    na_class_close(na_class);
    na_class = open_class("shm", true);
    check_number(na_class, 0);
    na_class_close(na_class);
}

static void *open_some(void *arg)
{
    struct na_class **classes = arg;

    for (unsigned int i = 0; i < CLASSES; i++)
        classes[i] = open_class("shm", true);
    return NULL;
}

Test(shm_class_name, threads_that_open_at_once_get_different_names)
{
    struct na_class *classes[THREADS][CLASSES];
    pthread_t threads[THREADS];
    bool taken[THREADS * CLASSES] = {false};

    for (unsigned int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, open_some, classes[i]), 0);
    for (unsigned int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    for (unsigned int i = 0; i < THREADS * CLASSES; i++) {
        const char *address = na_class_address(classes[i / CLASSES][i % CLASSES]);
        unsigned int number = THREADS * CLASSES;

        cr_assert_eq(sscanf(strrchr(address, '-'), "-%u", &number), 1);
        cr_assert_lt(number, THREADS * CLASSES, "%s", address);
        cr_assert(!taken[number], "%s", address);
        taken[number] = true;
    }
    for (unsigned int i = 0; i < THREADS * CLASSES; i++)
        na_class_close(classes[i / CLASSES][i % CLASSES]);
}

/* Process 1 of a pid namespace of its own opens a class and says its address; it goes on when told. */
static void be_process_1(int out_fd, int in_fd)
{
    struct na_config config = {.uri = "shm", .listen = true};
    struct na_class *na_class = NULL;
    char byte;

    if (na_class_open(&config, &na_class) != 0 ||
        write(out_fd, na_class_address(na_class), strlen(na_class_address(na_class))) <= 0)
        _exit(1);
    (void)close(out_fd);
    if (read(in_fd, &byte, 1) != 0)
        _exit(1);
    na_class_close(na_class);
    _exit(0);
}

struct namespace_child {
    pid_t pid;
    int control;
};

/* What the process 1 of a new pid namespace said; skips the case where there can be none. */
static struct namespace_child start_process_1(char address[NA_ADDRESS_MAX])
{
    int out[2];
    int in[2];
    ssize_t size;
    struct namespace_child child;

    cr_assert(pipe(out) == 0 && pipe(in) == 0);
    child.pid = fork();
    cr_assert_geq(child.pid, 0);
    if (child.pid == 0) {
        pid_t inner;
        int status = 0;

        (void)close(in[1]);
        if (unshare(CLONE_NEWPID) != 0)
            _exit(77);
        inner = fork();
        if (inner == 0)
            be_process_1(out[1], in[0]);
        (void)close(out[1]);
        _exit(inner > 0 && waitpid(inner, &status, 0) == inner && status == 0 ? 0 : 1);
    }
    (void)close(out[1]);
    (void)close(in[0]);
    size = read(out[0], address, NA_ADDRESS_MAX - 1);
    address[size < 0 ? 0 : size] = '\0';
    (void)close(out[0]);
    child.control = in[1];
    return child;
}

static int end_process_1(const struct namespace_child *child)
{
    int status = 0;

    (void)close(child->control);
    cr_assert_eq(waitpid(child->pid, &status, 0), child->pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(shm_class_name, processes_of_several_pid_namespaces_may_have_one_id)
{
    char one_address[NA_ADDRESS_MAX];
    char two_address[NA_ADDRESS_MAX];
    struct namespace_child one = start_process_1(one_address);
    struct namespace_child two = start_process_1(two_address);
    int one_status;
    int two_status;

    /* The second has a copy of the first one's pipe: it must end first. */
    two_status = end_process_1(&two);
    one_status = end_process_1(&one);
    if (one_status == 77)
        cr_skip_test("no pid namespaces here");
    cr_assert_eq(one_status, 0);
    cr_assert_eq(two_status, 0);
    cr_assert_str_eq(one_address, "shm://1-0");
    cr_assert_str_eq(two_address, "shm://1-1");
}
