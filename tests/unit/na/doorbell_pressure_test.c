/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The doorbell where the system has no memory for a byte, or has too many descriptors under way between
 * processes: what cannot be sent now is sent later, and nobody waits for it in vain.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_link.h"
#include "tests/support/support_guard.h"
#include "tests/unit/na/doorbell_support.h"
#include "util/util_clock.h"

TestSuite(doorbell_pressure, .init = support_begin, .fini = support_end, .timeout = 60);

/* Calls of send that fail from now on, and how. */
static atomic_int sends_to_fail;
static atomic_int send_errno;

/* Takes the place of the C library's in this program. */
ssize_t send(int fd, const void *data, size_t size, int flags)
{
    if (atomic_load(&sends_to_fail) > 0) {
        atomic_fetch_sub(&sends_to_fail, 1);
        errno = atomic_load(&send_errno);
        return -1;
    }
    return (ssize_t)syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

static void fail_sends(int count, int error)
{
    atomic_store(&send_errno, error);
    atomic_store(&sends_to_fail, count);
}

static void pair_open(struct end *a, struct end *b)
{
    end_open(a, "a");
    end_open(b, "b");
    cr_assert_eq(end_connect(a, b->name), 0);
    ends_until(a, b, &a->ups, 1);
    ends_turns(a, b, 2);
}

static const int passing_errors[] = {ENOBUFS, ENOMEM, EINTR};

Test(doorbell_pressure, ring_without_memory_is_made_up_for)
{
    for (size_t i = 0; i < sizeof(passing_errors) / sizeof(passing_errors[0]); i++) {
        struct end a;
        struct end b;

        pair_open(&a, &b);
        shm_doorbell_sleep_begin(b.bell);
        fail_sends(3, passing_errors[i]);
        shm_doorbell_ring(a.link);
        cr_assert(!end_readable(&b, 10));
        cr_assert(shm_doorbell_due(a.bell));
        cr_assert_neq(shm_doorbell_next_deadline_ns(a.bell), UTIL_CLOCK_NEVER);
        ends_turns(&a, NULL, 5);
        cr_assert_eq(atomic_load(&sends_to_fail), 0);
        cr_assert(end_readable(&b, 1000));
        end_close(&a);
        end_close(&b);
    }
}

/* The peer is awake, and does not look at what we wrote until it is poked. */
Test(doorbell_pressure, poke_without_memory_is_made_up_for)
{
    for (size_t i = 0; i < sizeof(passing_errors) / sizeof(passing_errors[0]); i++) {
        struct end a;
        struct end b;

        pair_open(&a, &b);
        fail_sends(3, passing_errors[i]);
        shm_doorbell_poke(a.link);
        cr_assert(!end_readable(&b, 10));
        cr_assert(shm_doorbell_due(a.bell));
        cr_assert_neq(shm_doorbell_next_deadline_ns(a.bell), UTIL_CLOCK_NEVER);
        ends_turns(&a, NULL, 5);
        cr_assert_eq(atomic_load(&sends_to_fail), 0);
        cr_assert(end_readable(&b, 1000));
        ends_turns(&a, &b, 2);
        cr_assert(!end_readable(&b, 10), "once");
        end_close(&a);
        end_close(&b);
    }
}

Test(doorbell_pressure, poke_of_a_peer_that_is_gone_is_given_up)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    end_close(&b);
    shm_doorbell_poke(a.link);
    ends_until(&a, NULL, &a.downs, 1);
    shm_doorbell_poke(a.link);
    cr_assert_eq(shm_doorbell_next_deadline_ns(a.bell), UTIL_CLOCK_NEVER);
    end_close(&a);
}

/* A peer with as many descriptors as it wants. */
static pid_t peer_start(char *name, size_t size)
{
    struct end end;
    int pipes[2];
    pid_t child;
    char byte;

    SUPPORT_CHECK(pipe(pipes) == 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        end_open(&end, "peer");
        (void)!write(pipes[1], "r", 1);
        for (;;) {
            (void)end_readable(&end, 1000);
            (void)shm_doorbell_progress(end.bell);
        }
    }
    SUPPORT_CHECK(read(pipes[0], &byte, 1) == 1);
    close(pipes[0]);
    close(pipes[1]);
    (void)snprintf(name, size, "test-%d-peer", (int)child);
    return child;
}

/* Of each caller three descriptors are under way, and it has one socket: the limit is between the two. */
enum { CALLERS = 60, LIMIT = 160 };

/* More connections than the system lets the descriptors of be under way: 0, or where it went wrong. */
static int connect_many(void)
{
    struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = LIMIT};
    struct shm_doorbell_gift gift = {.fd_count = 2, .fds = {0, 1}};
    struct end end;
    char name[64];
    pid_t peer;

    if (getuid() == 0 && setuid(65534) != 0)
        return 1;
    peer = peer_start(name, sizeof(name));
    if (kill(peer, SIGSTOP) != 0 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    end_open(&end, "end");
    for (int i = 0; i < CALLERS; i++) {
        if (shm_doorbell_connect(end.bell, name, &gift, &end, &end.link) != 0)
            return 3;
    }
    if (end.bell->waiting_count == 0 || shm_doorbell_next_deadline_ns(end.bell) == UTIL_CLOCK_NEVER)
        return 4;
    (void)kill(peer, SIGCONT);
    ends_until(&end, NULL, &end.ups, CALLERS);
    /* The peer's hello may be here before ours could leave. */
    for (int i = 0; i < 10000 && end.bell->waiting_count != 0; i++)
        ends_turns(&end, NULL, 1);
    if (end.downs != 0 || end.bell->waiting_count != 0)
        return 5;
    end_close(&end);
    (void)kill(peer, SIGKILL);
    return waitpid(peer, NULL, 0) == peer ? 0 : 6;
}

Test(doorbell_pressure, too_many_descriptors_under_way_delay_the_hello)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(connect_many());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "status %#x", (unsigned)status);
}
