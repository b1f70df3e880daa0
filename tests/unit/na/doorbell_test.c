/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The doorbell between peers that mean well: linking, ringing, sleeping, and the peer's end.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_link.h"
#include "tests/support/support_fds.h"
#include "tests/support/support_guard.h"
#include "tests/unit/na/doorbell_support.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"

TestSuite(doorbell, .init = support_begin, .fini = support_end, .timeout = 60);

/* Two ends, the first linked to the second. */
static void pair_open(struct end *a, struct end *b)
{
    end_open(a, "a");
    end_open(b, "b");
    cr_assert_eq(end_connect(a, b->name), 0);
    ends_until(a, b, &a->ups, 1);
}

static void pair_close(struct end *a, struct end *b)
{
    end_close(a);
    end_close(b);
}

Test(doorbell, connect_to_nobody_is_refused_at_once)
{
    struct end a;

    end_open(&a, "a");
    cr_assert_eq(end_connect(&a, "test-nobody"), -ECONNREFUSED);
    cr_assert_null(a.link);
    ends_turns(&a, NULL, 3);
    cr_assert_eq(a.ups + a.downs, 0);
    end_close(&a);
}

Test(doorbell, name_in_use_is_refused)
{
    struct end a;
    struct shm_doorbell_config config = {.name = a.name, .epoll_fd = -1, .socket_fd = -1};
    struct shm_doorbell *second = NULL;

    end_open(&a, "a");
    cr_assert_eq(shm_doorbell_open(&config, &second), -EADDRINUSE);
    cr_assert_null(second);
    end_close(&a);
}

Test(doorbell, bad_names_are_refused)
{
    static char too_long[SHM_DOORBELL_NAME_MAX + 1];
    const char *names[] = {NULL, "", "a\nb", "\xc3\xa4", too_long};
    struct shm_doorbell *bell = NULL;
    struct end a;

    memset(too_long, 'x', SHM_DOORBELL_NAME_MAX);
    end_open(&a, "a");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct shm_doorbell_config config = {.name = names[i], .epoll_fd = -1, .socket_fd = -1};

        cr_assert_eq(shm_doorbell_open(&config, &bell), -EINVAL);
        cr_assert_eq(end_connect(&a, names[i]), -EINVAL);
    }
    end_close(&a);
}

Test(doorbell, longest_names_link)
{
    char base[150];
    struct end a;
    struct end b;

    memset(base, 'n', sizeof(base) - 2);
    base[sizeof(base) - 1] = '\0';
    base[sizeof(base) - 2] = '1';
    end_open(&a, base);
    base[sizeof(base) - 2] = '2';
    end_open(&b, base);
    cr_assert_eq(end_connect(&a, b.name), 0);
    ends_until(&a, &b, &a.ups, 1);
    cr_assert_str_eq(shm_doorbell_link_name(a.link), b.name);
    pair_close(&a, &b);
}

Test(doorbell, link_knows_the_peer)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    cr_assert(shm_doorbell_link_up(a.link));
    cr_assert_str_eq(shm_doorbell_link_name(a.link), b.name);
    cr_assert_neq(shm_doorbell_link_id(a.link), 0);
    shm_doorbell_link_set_user(a.link, &b);
    cr_assert_eq(shm_doorbell_link_user(a.link), &b);
    pair_close(&a, &b);
}

/* What gifts lead to: memory with a number in it. */
static int gift_make(struct shm_doorbell_gift *gift, const char *text, unsigned int fd_count)
{
    int fd = memfd_create("gift", MFD_CLOEXEC);

    memset(gift, 0, sizeof(*gift));
    gift->size = (uint8_t)strlen(text);
    memcpy(gift->data, text, gift->size);
    gift->fd_count = (uint8_t)fd_count;
    for (unsigned int i = 0; i < fd_count; i++)
        gift->fds[i] = fd;
    return fd;
}

Test(doorbell, gifts_are_exchanged)
{
    struct shm_doorbell_gift from_a;
    struct shm_doorbell_gift from_b;
    struct end a;
    struct end b;
    int fds[2] = {gift_make(&from_a, "from a, with both descriptors", SHM_DOORBELL_GIFT_FDS),
                  gift_make(&from_b, "b", 1)};
    int before;

    end_open(&a, "a");
    end_open(&b, "b");
    b.bell->gift = from_b;
    before = support_fds_count();
    cr_assert_eq(shm_doorbell_connect(a.bell, b.name, &from_a, &a, &a.link), 0);
    ends_until(&a, &b, &a.ups, 1);
    ends_until(&a, &b, &b.accepts, 1);
    cr_assert_eq(b.gift.size, from_a.size);
    cr_assert_eq(memcmp(b.gift.data, from_a.data, from_a.size), 0);
    cr_assert_eq(b.gift.fd_count, SHM_DOORBELL_GIFT_FDS);
    cr_assert_eq(a.gift.size, 1);
    cr_assert_eq(a.gift.data[0], 'b');
    cr_assert_eq(a.gift.fd_count, 1);
    cr_assert_eq(support_fds_count(), before + 2, "a socket for each, and no descriptor of a gift is left open");
    cr_assert_eq(shm_doorbell_link_pid(a.link), getpid());
    cr_assert_eq(shm_doorbell_link_pid(b.accepted), getpid());
    close(fds[0]);
    close(fds[1]);
    pair_close(&a, &b);
}

Test(doorbell, either_side_may_refuse_a_link_that_came_up)
{
    struct end a;
    struct end b;

    end_open(&a, "a");
    end_open(&b, "b");
    b.refusal = -EPROTO;
    cr_assert_eq(end_connect(&a, b.name), 0);
    ends_until(&a, &b, &a.downs, 1);
    cr_assert_eq(a.error, -ECONNRESET, "it was up for us");
    shm_doorbell_disconnect(a.link);
    cr_assert_eq(b.bell->open_count, 0);

    b.refusal = 0;
    a.refusal = -EPROTO;
    cr_assert_eq(end_connect(&a, b.name), 0);
    ends_until(&a, &b, &a.downs, 2);
    cr_assert_eq(a.error, -EPROTO);
    ends_turns(&a, &b, 5);
    cr_assert_eq(b.accepts, 0, "accepted, and told of the end");
    pair_close(&a, &b);
}

Test(doorbell, accepted_links_ring_back)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    ends_until(&a, &b, &b.accepts, 1);
    shm_doorbell_sleep_begin(a.bell);
    shm_doorbell_ring(b.accepted);
    cr_assert(end_readable(&a, 1000));
    shm_doorbell_sleep_end(a.bell);
    ends_until(&a, &b, &a.rings, 1);
    shm_doorbell_poke(a.link);
    ends_until(&a, &b, &b.rings, 1);

    shm_doorbell_disconnect(b.accepted);
    b.accepted = NULL;
    ends_until(&a, &b, &a.downs, 1);
    cr_assert_eq(a.error, -ECONNRESET);
    pair_close(&a, &b);
}

Test(doorbell, who_is_deaf_is_not_reached)
{
    struct end a;
    struct shm_doorbell_upcalls none = {0};
    struct shm_doorbell_config config = {
        .name = "test-deaf", .epoll_fd = -1, .socket_fd = -1, .deaf = true, .upcalls = &none};
    struct shm_doorbell *bell = NULL;
    struct shm_doorbell *second = NULL;

    end_open(&a, "a");
    cr_assert_eq(shm_doorbell_open(&config, &bell), 0);
    cr_assert_eq(end_connect(&a, "test-deaf"), -ECONNREFUSED);
    cr_assert_eq(shm_doorbell_open(&config, &second), -EADDRINUSE);
    shm_doorbell_close(bell);
    end_close(&a);
}

Test(doorbell, a_name_can_be_held_before_there_is_a_bell)
{
    struct end a;
    struct end b;
    struct shm_doorbell_upcalls none = {0};
    struct shm_doorbell_config config = {.name = "test-held", .epoll_fd = -1, .upcalls = &none};
    struct shm_doorbell *second = NULL;
    int fd = -1;

    end_open(&a, "a");
    cr_assert_eq(shm_doorbell_bind("test-held", false, &config.socket_fd), 0);
    cr_assert_eq(shm_doorbell_bind("test-held", false, &fd), -EADDRINUSE);
    cr_assert_eq(end_connect(&a, "test-held"), 0, "waits in the socket's queue");
    cr_assert_eq(shm_doorbell_open(&config, &second), 0);
    for (int i = 0; i < 10000 && a.downs == 0 && !shm_doorbell_link_up(a.link); i++) {
        (void)a;
        ends_turns(&a, NULL, 1);
        second->upcalls = a.bell->upcalls;
        second->arg = &b;
        memset(&b, 0, sizeof(b));
        (void)shm_doorbell_progress(second);
    }
    cr_assert(shm_doorbell_link_up(a.link));
    shm_doorbell_close(second);
    end_close(&a);
}

Test(doorbell, connects_from_both_sides_at_once_give_both_a_link)
{
    struct end a;
    struct end b;

    end_open(&a, "a");
    end_open(&b, "b");
    cr_assert_eq(end_connect(&a, b.name), 0);
    cr_assert_eq(end_connect(&b, a.name), 0);
    ends_until(&a, &b, &a.ups, 1);
    ends_until(&a, &b, &b.ups, 1);
    shm_doorbell_disconnect(a.link);
    a.link = NULL;
    ends_turns(&a, &b, 5);
    cr_assert_eq(b.downs, 0, "b has its own");
    end_close(&a);
    ends_until(&b, NULL, &b.downs, 1);
    end_close(&b);
}

Test(doorbell, endpoint_links_with_itself)
{
    struct end a;

    end_open(&a, "a");
    cr_assert_eq(end_connect(&a, a.name), 0);
    ends_until(&a, NULL, &a.ups, 1);
    shm_doorbell_sleep_begin(a.bell);
    cr_assert(!end_readable(&a, 0));
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&a, 1000));
    end_close(&a);
}

Test(doorbell, two_links_to_one_name_are_two)
{
    struct end a;
    struct end b;
    struct shm_doorbell_link *second = NULL;

    pair_open(&a, &b);
    cr_assert_eq(shm_doorbell_connect(a.bell, b.name, NULL, &a, &second), 0);
    cr_assert_neq(second, a.link);
    ends_until(&a, &b, &a.ups, 2);
    end_close(&b);
    ends_until(&a, NULL, &a.downs, 2);
    end_close(&a);
}

Test(doorbell, close_of_the_peer_is_told_once)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    end_close(&b);
    ends_until(&a, NULL, &a.downs, 1);
    cr_assert_eq(a.error, -ECONNRESET);
    ends_turns(&a, NULL, 5);
    cr_assert_eq(a.downs, 1);
    shm_doorbell_ring(a.link);
    shm_doorbell_disconnect(a.link);
    end_close(&a);
}

Test(doorbell, hang_up_inside_the_upcalls)
{
    struct end a;
    struct end b;

    end_open(&a, "a");
    end_open(&b, "b");
    a.hang_up_in_upcall = true;
    cr_assert_eq(end_connect(&a, b.name), 0);
    ends_until(&a, &b, &a.ups, 1);
    cr_assert_null(a.link);

    a.hang_up_in_upcall = false;
    cr_assert_eq(end_connect(&a, b.name), 0);
    ends_until(&a, &b, &a.ups, 2);
    a.hang_up_in_upcall = true;
    end_close(&b);
    ends_until(&a, NULL, &a.downs, 1);
    cr_assert_null(a.link);
    end_close(&a);
}

/* Forks a process that opens an endpoint and serves it until it is killed. */
static pid_t fork_peer(const char *tag, int ready_fd)
{
    pid_t child = fork();
    struct end end;

    if (child != 0)
        return child;
    end_open(&end, tag);
    (void)!write(ready_fd, "r", 1);
    for (;;) {
        (void)end_readable(&end, 1000);
        (void)shm_doorbell_progress(end.bell);
    }
}

Test(doorbell, killed_process_is_told)
{
    char ready;
    int pipes[2];
    char name[64];
    struct end a;
    pid_t child;
    uint64_t start_ns;

    cr_assert_eq(pipe(pipes), 0);
    child = fork_peer("killed", pipes[1]);
    cr_assert_eq(read(pipes[0], &ready, 1), 1);
    end_open(&a, "a");
    (void)snprintf(name, sizeof(name), "test-%d-killed", (int)child);
    cr_assert_eq(end_connect(&a, name), 0);
    ends_until(&a, NULL, &a.ups, 1);

    shm_doorbell_sleep_begin(a.bell);
    cr_assert(!end_readable(&a, 10));
    start_ns = util_clock_now_ns();
    kill(child, SIGKILL);
    cr_assert(end_readable(&a, 5000));
    shm_doorbell_sleep_end(a.bell);
    cr_assert(shm_doorbell_due(a.bell));
    ends_until(&a, NULL, &a.downs, 1);
    cr_assert_eq(a.error, -ECONNRESET);
    cr_log_info("death seen after %.2f ms", (double)(util_clock_now_ns() - start_ns) / 1e6);

    shm_doorbell_disconnect(a.link);
    waitpid(child, NULL, 0);
    cr_assert_eq(end_connect(&a, name), -ECONNREFUSED, "nothing stays behind");
    close(pipes[0]);
    close(pipes[1]);
    end_close(&a);
}

static uint64_t cpu_now_ns(void)
{
    struct timespec now;

    cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * UTIL_CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

Test(doorbell, killed_process_is_noticed_while_busy_polling)
{
    char ready;
    int pipes[2];
    char name[64];
    struct end a;
    pid_t child;
    uint64_t start_ns;
    uint64_t calls = 0;
    uint64_t polls = 0;

    cr_assert_eq(pipe(pipes), 0);
    child = fork_peer("busy", pipes[1]);
    cr_assert_eq(read(pipes[0], &ready, 1), 1);
    end_open(&a, "a");
    (void)snprintf(name, sizeof(name), "test-%d-busy", (int)child);
    cr_assert_eq(end_connect(&a, name), 0);
    ends_until(&a, NULL, &a.ups, 1);

    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    /* Of its own time: a thread that spins is not always the only one that wants the CPU. */
    start_ns = cpu_now_ns();
    while (a.downs == 0 && cpu_now_ns() - start_ns < 5 * UTIL_CLOCK_NS_PER_S) {
        polls++;
        if (shm_doorbell_due(a.bell)) {
            calls++;
            (void)shm_doorbell_progress(a.bell);
        }
    }
    cr_assert_eq(a.downs, 1);
    cr_assert_lt(cpu_now_ns() - start_ns, 50 * UTIL_CLOCK_NS_PER_MS * support_slowness());
    cr_assert_leq(calls, 3, "%llu system calls for %llu polls", (unsigned long long)calls, (unsigned long long)polls);
    close(pipes[0]);
    close(pipes[1]);
    end_close(&a);
}

static _Atomic uint64_t polls_now_ns = UTIL_CLOCK_NS_PER_S;

static uint64_t polls_clock(void)
{
    return atomic_load(&polls_now_ns);
}

/* Whoever polls in a loop all of his own, and then between other things, must not first use up what the fast polls were
 * granted. */
Test(doorbell, sockets_are_looked_at_soon_after_fast_polling_became_slow)
{
    struct end a;
    unsigned int polls = 0;

    util_clock_replace(polls_clock);
    end_open(&a, "a");
    (void)shm_doorbell_progress(a.bell);
    for (int i = 0; i < 1000000; i++) {
        atomic_fetch_add(&polls_now_ns, 20);
        if (shm_doorbell_due(a.bell))
            (void)shm_doorbell_progress(a.bell);
    }
    do {
        atomic_fetch_add(&polls_now_ns, UTIL_CLOCK_NS_PER_MS);
        polls++;
    } while (!shm_doorbell_due(a.bell));
    cr_assert_leq(polls, 100);
    end_close(&a);
}

Test(doorbell, ring_wakes_a_sleeper_once_per_sleep)
{
    struct end a;
    struct end b;
    char bytes[8];

    pair_open(&a, &b);
    ends_turns(&a, &b, 2);
    shm_doorbell_ring(a.link);
    cr_assert(!end_readable(&b, 20), "awake: no system call, no byte");

    shm_doorbell_sleep_begin(b.bell);
    for (int i = 0; i < 5; i++)
        shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 1000));
    shm_doorbell_sleep_end(b.bell);
    shm_doorbell_ring(a.link);

    /* One byte, whatever the number of rings: look at it beneath the bell. */
    struct shm_doorbell_link *accepted = util_container_of(b.bell->links.next, struct shm_doorbell_link, node);
    cr_assert_eq(recv(accepted->fd, bytes, sizeof(bytes), MSG_DONTWAIT), 1);
    cr_assert_eq(recv(accepted->fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);

    shm_doorbell_sleep_begin(b.bell);
    cr_assert(!end_readable(&b, 20));
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 1000), "the next sleep is rung for again");
    shm_doorbell_sleep_end(b.bell);
    (void)shm_doorbell_progress(b.bell);
    cr_assert(!end_readable(&b, 0), "progress takes the wake-up off the set");
    pair_close(&a, &b);
}

Test(doorbell, wakeup_taken_by_another_thread_does_not_silence_the_next)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    shm_doorbell_sleep_begin(b.bell);
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 1000));
    (void)shm_doorbell_progress(b.bell); /* as another thread would, while b still sleeps */
    cr_assert(!end_readable(&b, 0));
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 1000));
    pair_close(&a, &b);
}

Test(doorbell, ring_before_the_link_is_up_is_made_up_for)
{
    struct end a;
    struct end b;

    end_open(&a, "a");
    end_open(&b, "b");
    cr_assert_eq(end_connect(&a, b.name), 0);
    shm_doorbell_ring(a.link);
    (void)shm_doorbell_progress(b.bell);
    shm_doorbell_sleep_begin(b.bell);
    cr_assert(!end_readable(&b, 0));
    ends_until(&a, NULL, &a.ups, 1);
    cr_assert(end_readable(&b, 1000));
    pair_close(&a, &b);
}

Test(doorbell, full_socket_loses_no_wakeup)
{
    struct end a;
    struct end b;

    pair_open(&a, &b);
    ends_turns(&a, &b, 2);
    for (int i = 0; i < 100000; i++) {
        shm_doorbell_sleep_begin(b.bell);
        shm_doorbell_ring(a.link);
        shm_doorbell_sleep_end(b.bell);
    }
    shm_doorbell_sleep_begin(b.bell);
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 0));
    shm_doorbell_sleep_end(b.bell);
    for (int i = 0; i < 100000 && end_readable(&b, 0); i++)
        (void)shm_doorbell_progress(b.bell);
    cr_assert(!end_readable(&b, 0));
    cr_assert_eq(a.downs + b.downs, 0);
    pair_close(&a, &b);
}

Test(doorbell, callers_epoll_set_is_shared)
{
    struct end b;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int event_fd = eventfd(1, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    struct end hub = {0};
    struct shm_doorbell_config config = {.name = "test-shared", .epoll_fd = epoll_fd, .socket_fd = -1, .arg = &hub};
    struct shm_doorbell *bell = NULL;

    cr_assert_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event), 0);
    end_open(&b, "b");
    config.upcalls = b.bell->upcalls;
    cr_assert_eq(shm_doorbell_open(&config, &bell), 0);
    cr_assert_eq(shm_doorbell_fd(bell), epoll_fd);
    cr_assert_eq(shm_doorbell_progress(bell), 0);
    cr_assert_eq(end_connect(&b, "test-shared"), 0);
    for (int i = 0; i < 1000 && b.ups == 0; i++) {
        (void)shm_doorbell_progress(bell);
        ends_turns(&b, NULL, 1);
    }
    cr_assert_eq(b.ups, 1);
    shm_doorbell_close(bell);
    cr_assert_eq(epoll_wait(epoll_fd, &event, 1, 0), 1);
    cr_assert_eq(event.data.u64, 7);
    end_close(&b);
    close(event_fd);
    close(epoll_fd);
}

Test(doorbell, stop_listening_refuses_new_peers_and_keeps_the_old)
{
    struct end a;
    struct end b;
    struct end c;

    pair_open(&a, &b);
    shm_doorbell_stop_listening(b.bell);
    shm_doorbell_stop_listening(b.bell);
    end_open(&c, "c");
    cr_assert_eq(end_connect(&c, b.name), -ECONNREFUSED);
    shm_doorbell_sleep_begin(b.bell);
    shm_doorbell_ring(a.link);
    cr_assert(end_readable(&b, 1000));
    cr_assert_eq(a.downs, 0);
    pair_close(&a, &b);
    end_close(&c);
}

Test(doorbell, links_are_bounded)
{
    struct end hub;
    struct end ends[6];
    int up = 0;
    int refused = 0;

    end_open_with(&hub, "hub", 0, 4);
    for (int i = 0; i < 6; i++) {
        end_open(&ends[i], (char[]){'e', (char)('0' + i), '\0'});
        cr_assert_eq(end_connect(&ends[i], hub.name), 0);
    }
    for (int i = 0; i < 6; i++) {
        for (int turn = 0; turn < 1000 && ends[i].ups + ends[i].downs == 0; turn++)
            ends_turns(&hub, &ends[i], 1);
        up += ends[i].ups;
        refused += ends[i].downs;
        cr_assert(ends[i].ups == 1 || ends[i].error == -ECONNREFUSED);
    }
    cr_assert_eq(up, 4);
    cr_assert_eq(refused, 2);
    cr_assert_eq(end_connect(&hub, hub.name), -ENOSPC);
    end_close(&ends[0]);
    ends_turns(&hub, NULL, 3);
    cr_assert_eq(end_connect(&hub, ends[1].name), 0, "there is room again");
    for (int i = 1; i < 6; i++)
        end_close(&ends[i]);
    end_close(&hub);
}

static _Atomic uint64_t fake_now_ns = UTIL_CLOCK_NS_PER_S;

static uint64_t fake_clock(void)
{
    return atomic_load(&fake_now_ns);
}

Test(doorbell, silent_peer_is_given_up_in_time)
{
    struct end a;
    int listen_fd;

    util_clock_replace(fake_clock);
    end_open_with(&a, "a", 500, 0);
    cr_assert_eq(shm_doorbell_next_deadline_ns(a.bell), UTIL_CLOCK_NEVER);
    listen_fd = raw_listen("test-silent", 5);
    cr_assert_eq(end_connect(&a, "test-silent"), 0);
    cr_assert_eq(shm_doorbell_next_deadline_ns(a.bell), fake_clock() + 500 * UTIL_CLOCK_NS_PER_MS);
    atomic_fetch_add(&fake_now_ns, 499 * UTIL_CLOCK_NS_PER_MS);
    (void)shm_doorbell_progress(a.bell);
    cr_assert_eq(a.downs, 0);
    atomic_fetch_add(&fake_now_ns, 1 * UTIL_CLOCK_NS_PER_MS);
    (void)shm_doorbell_progress(a.bell);
    cr_assert_eq(a.downs, 1);
    cr_assert_eq(a.error, -ETIMEDOUT);
    cr_assert_eq(shm_doorbell_next_deadline_ns(a.bell), UTIL_CLOCK_NEVER);
    close(listen_fd);
    end_close(&a);
}

Test(doorbell, full_backlog_is_waited_for)
{
    struct end a;
    struct end fillers[3];
    int listen_fd;
    int fd;

    util_clock_replace(fake_clock);
    listen_fd = raw_listen("test-full", 0);
    end_open_with(&a, "a", 500, 0);
    for (int i = 0; i < 3; i++) {
        end_open(&fillers[i], (char[]){'f', (char)('0' + i), '\0'});
        cr_assert_eq(end_connect(&fillers[i], "test-full"), 0);
    }
    cr_assert_eq(end_connect(&a, "test-full"), 0);
    cr_assert_lt(shm_doorbell_next_deadline_ns(a.bell), fake_clock() + 10 * UTIL_CLOCK_NS_PER_MS);
    cr_assert_eq(shm_doorbell_link_up(a.link), false);
    while ((fd = accept(listen_fd, NULL, NULL)) >= 0)
        close(fd);
    atomic_fetch_add(&fake_now_ns, 10 * UTIL_CLOCK_NS_PER_MS);
    (void)shm_doorbell_progress(a.bell);
    fd = accept(listen_fd, NULL, NULL);
    cr_assert_geq(fd, 0, "connected once there was room");
    close(fd);
    ends_until(&a, NULL, &a.downs, 1);
    cr_assert_eq(a.error, -ECONNREFUSED);

    for (int i = 0; i < 3; i++)
        end_close(&fillers[i]);
    end_close(&a);
    close(listen_fd);
}

Test(doorbell, waiting_link_can_be_given_back_or_time_out)
{
    struct end ends[5];
    int listen_fd;

    util_clock_replace(fake_clock);
    listen_fd = raw_listen("test-full2", 0);
    for (int i = 0; i < 5; i++) {
        end_open_with(&ends[i], (char[]){'f', (char)('0' + i), '\0'}, 500, 0);
        cr_assert_eq(end_connect(&ends[i], "test-full2"), 0);
    }
    shm_doorbell_disconnect(ends[4].link);
    atomic_fetch_add(&fake_now_ns, UTIL_CLOCK_NS_PER_S);
    (void)shm_doorbell_progress(ends[3].bell);
    (void)shm_doorbell_progress(ends[4].bell);
    cr_assert_eq(ends[3].error, -ETIMEDOUT);
    cr_assert_eq(ends[4].downs, 0);
    close(listen_fd);
    for (int i = 0; i < 5; i++)
        end_close(&ends[i]);
}

Test(doorbell, out_of_memory_leaves_nothing)
{
    struct end b;
    struct shm_doorbell_upcalls none = {0};
    struct shm_doorbell_config config = {.name = "test-oom", .epoll_fd = -1, .socket_fd = -1, .upcalls = &none};

    end_open(&b, "b");
    for (uint64_t n = 1; n < 20; n++) {
        struct shm_doorbell *bell = NULL;
        struct shm_doorbell_link *link = NULL;
        int error;

        util_alloc_fail_at(n);
        error = shm_doorbell_open(&config, &bell);
        if (error == 0)
            error = shm_doorbell_connect(bell, b.name, NULL, NULL, &link);
        util_alloc_fail_at(0);
        shm_doorbell_close(bell);
        if (error == 0)
            break;
        cr_assert_eq(error, -ENOMEM);
        cr_assert_lt(n, 10);
    }
    end_close(&b);
}

Test(doorbell, close_takes_null_and_half_open_links)
{
    struct end a;
    struct end b;

    shm_doorbell_close(NULL);
    shm_doorbell_disconnect(NULL);
    end_open(&a, "a");
    end_open(&b, "b");
    cr_assert_eq(end_connect(&a, b.name), 0);
    pair_close(&a, &b);
}
