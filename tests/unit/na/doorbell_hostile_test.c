/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The doorbell against peers that do not mean well: each loses its link, and nothing else happens.
 * The wrapper of each test counts descriptors, so none that was sent to us may stay open.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "na/shm/shm_doorbell_link.h"
#include "na/shm/shm_doorbell_page.h"
#include "tests/support/support_fds.h"
#include "tests/support/support_guard.h"
#include "tests/unit/na/doorbell_support.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"

#define GOOD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

TestSuite(doorbell_hostile, .init = support_begin, .fini = support_end, .timeout = 60);

/* One thing that a stranger may send. */
struct attack {
    const char *what;
    size_t size;      /* of the datagram; 0: a good hello */
    size_t spoil_at;  /* the byte to change, beyond the hello for none */
    size_t fd_count;  /* descriptors beside it */
    size_t page_size; /* of what the descriptor leads to */
    int seals;
};

static const struct attack attacks[] = {
    {"wrong magic", 0, 0, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"unknown version", 0, 4, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"wrong size field", 0, 6, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"wrong name size", 0, 20, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"control character in the name", 0, 26, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"no descriptor", 0, 999, 0, 0, 0},
    {"two descriptors", 0, 999, 2, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"many descriptors", 0, 999, 16, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"gift beyond the end", 0, 22, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"descriptors of a gift that are missing", 0, 23, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"truncated hello", 10, 999, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"one byte", 1, 999, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"oversized hello", 2000, 999, 1, SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
    {"page not sealed", 0, 999, 1, SHM_DOORBELL_PAGE_SIZE, 0},
    {"page sealed against growing only", 0, 999, 1, SHM_DOORBELL_PAGE_SIZE, F_SEAL_GROW},
    {"page too small", 0, 999, 1, 64, GOOD_SEALS},
    {"page empty", 0, 999, 1, 0, GOOD_SEALS},
    {"page too large", 0, 999, 1, 2 * SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS},
};

/* Does what the attack says on a connected socket. */
static void attack_run(const struct attack *attack, int fd, const char *name)
{
    unsigned char datagram[2048] = {0};
    size_t size = raw_hello(datagram, name);
    int page_fd = raw_page(attack->page_size, attack->seals);

    if (attack->spoil_at < size)
        datagram[attack->spoil_at] ^= 0x7f;
    raw_send(fd, datagram, attack->size != 0 ? attack->size : size, page_fd, attack->fd_count);
    close(page_fd);
}

/* The endpoint is as good as new: somebody else can link with it. */
static void still_serves(struct end *end)
{
    struct end good;

    end_open(&good, "good");
    cr_assert_eq(end_connect(&good, end->name), 0);
    ends_until(&good, end, &good.ups, 1);
    end_close(&good);
    ends_turns(end, NULL, 3);
    cr_assert(util_list_empty(&end->bell->links));
    cr_assert(util_list_empty(&end->bell->greeting));
    cr_assert_eq(end->bell->open_count, 0);
}

Test(doorbell_hostile, bad_hello_of_a_caller_costs_it_the_link)
{
    struct end end;
    int fds;

    end_open(&end, "end");
    fds = support_fds_count();
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        int fd = raw_connect(end.name);

        attack_run(&attacks[i], fd, "test-stranger");
        raw_until_hung_up(&end, fd);
        close(fd);
        cr_assert_eq(support_fds_count(), fds, "%s", attacks[i].what);
        still_serves(&end);
    }
    cr_assert_eq(end.ups + end.downs, 0);
    end_close(&end);
}

Test(doorbell_hostile, bad_hello_of_a_listener_ends_the_link)
{
    struct end end;
    int listen_fd = raw_listen("test-listener", 5);
    int fds;

    end_open(&end, "end");
    fds = support_fds_count();
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        int fd;

        cr_assert_eq(end_connect(&end, "test-listener"), 0);
        fd = accept(listen_fd, NULL, NULL);
        attack_run(&attacks[i], fd, "test-listener");
        ends_until(&end, NULL, &end.downs, (int)i + 1);
        cr_assert_eq(end.error, -EPROTO, "%s: %d", attacks[i].what, end.error);
        shm_doorbell_disconnect(end.link);
        close(fd);
        cr_assert_eq(support_fds_count(), fds, "%s", attacks[i].what);
    }
    cr_assert_eq(end.ups, 0);
    close(listen_fd);
    end_close(&end);
}

Test(doorbell_hostile, another_name_than_the_one_called_is_refused)
{
    unsigned char hello[SHM_DOORBELL_HELLO_MAX];
    int listen_fd = raw_listen("test-listener", 5);
    int page_fd = raw_page(SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS);
    struct end end;
    int fd;

    end_open(&end, "end");
    cr_assert_eq(end_connect(&end, "test-listener"), 0);
    fd = accept(listen_fd, NULL, NULL);
    raw_send(fd, hello, raw_hello(hello, "test-somebody-else"), page_fd, 1);
    ends_until(&end, NULL, &end.downs, 1);
    cr_assert_eq(end.error, -ECONNREFUSED);
    close(fd);
    close(page_fd);
    close(listen_fd);
    end_close(&end);
}

Test(doorbell_hostile, pages_with_wrong_content_are_refused)
{
    const struct shm_doorbell_page *page = NULL;
    int pipes[2];
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("zeros", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    cr_assert_eq(ftruncate(fd, SHM_DOORBELL_PAGE_SIZE), 0);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, GOOD_SEALS), 0);
    cr_assert_eq(shm_doorbell_page_map(fd, &page), -EPROTO, "wrong magic");
    close(fd);
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(shm_doorbell_page_map(pipes[0], &page), -EPROTO, "a pipe");
    cr_assert_eq(shm_doorbell_page_map(file, &page), -EPROTO, "a file");
    cr_assert_null(page);
    close(pipes[0]);
    close(pipes[1]);
    close(file);
}

Test(doorbell_hostile, own_page_cannot_be_written_or_cut_by_others)
{
    struct shm_doorbell_page *own = NULL;
    const struct shm_doorbell_page *seen = NULL;
    int fd = -1;

    cr_assert_eq(shm_doorbell_page_create(&own, &fd), 0);
    cr_assert_eq(shm_doorbell_page_map(fd, &seen), 0);
    atomic_store(&own->epoch, 5);
    cr_assert_eq(atomic_load(&seen->epoch), 5);
    cr_assert_neq(ftruncate(fd, 0), 0);
    cr_assert_eq(mmap(NULL, SHM_DOORBELL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    cr_assert_neq(mprotect((void *)(uintptr_t)seen, SHM_DOORBELL_PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    cr_assert_neq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    shm_doorbell_page_unmap(seen);
    shm_doorbell_page_unmap(own);
    shm_doorbell_page_unmap(NULL);
    close(fd);
}

Test(doorbell_hostile, anything_but_wakeups_on_a_link_ends_it)
{
    unsigned char hello[SHM_DOORBELL_HELLO_MAX];
    struct end end;
    int fds;

    end_open(&end, "end");
    fds = support_fds_count();
    for (int i = 0; i < 3; i++) {
        int page_fd = raw_page(SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS);
        int fd = raw_connect(end.name);

        raw_send(fd, hello, raw_hello(hello, "test-stranger"), page_fd, 1);
        raw_send(fd, "!", 1, -1, 0);
        ends_until(&end, NULL, &end.accepts, 1);
        end.link = end.accepted; /* as if it were ours: its end is counted */
        end.accepted = NULL;
        if (i == 0)
            raw_send(fd, "hello again", 11, -1, 0);
        else if (i == 1)
            raw_send(fd, hello, raw_hello(hello, "test-stranger"), page_fd, 16);
        else
            raw_send(fd, "", 0, -1, 0);
        ends_until(&end, NULL, &end.downs, i + 1);
        cr_assert_eq(end.error, i < 2 ? -EPROTO : -ECONNRESET);
        shm_doorbell_disconnect(end.link);
        end.accepts = 0;
        close(fd);
        close(page_fd);
        cr_assert_eq(support_fds_count(), fds);
        still_serves(&end);
    }
    end_close(&end);
}

Test(doorbell_hostile, descriptors_sent_with_wakeups_are_closed)
{
    unsigned char hello[SHM_DOORBELL_HELLO_MAX];
    int page_fd = raw_page(SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS);
    struct end end;
    int fds;
    int fd;

    end_open(&end, "end");
    fd = raw_connect(end.name);
    raw_send(fd, hello, raw_hello(hello, "test-stranger"), page_fd, 1);
    ends_turns(&end, NULL, 3);
    fds = support_fds_count();
    for (int i = 0; i < 20; i++)
        raw_send(fd, "!", 1, page_fd, 4);
    ends_turns(&end, NULL, 5);
    cr_assert_eq(support_fds_count(), fds);
    cr_assert(!util_list_empty(&end.bell->links));
    close(fd);
    close(page_fd);
    end_close(&end);
}

Test(doorbell_hostile, flickering_epoch_does_no_harm)
{
    unsigned char hello[SHM_DOORBELL_HELLO_MAX];
    int page_fd = raw_page(SHM_DOORBELL_PAGE_SIZE, GOOD_SEALS);
    struct shm_doorbell_page *page = mmap(NULL, SHM_DOORBELL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
    struct end end;
    int fd;

    cr_assert_neq(page, MAP_FAILED);
    end_open(&end, "end");
    fd = raw_connect(end.name);
    raw_send(fd, hello, raw_hello(hello, "test-stranger"), page_fd, 1);
    ends_until(&end, NULL, &end.accepts, 1);
    end.link = end.accepted;
    end.accepted = NULL;
    for (uint64_t i = 1; i < 20000; i++) {
        atomic_store(&page->epoch, i * 2 + 1);
        shm_doorbell_ring(end.link);
    }
    cr_assert_eq(end.downs, 0);
    close(fd);
    ends_until(&end, NULL, &end.downs, 1);
    shm_doorbell_ring(end.link);
    munmap(page, SHM_DOORBELL_PAGE_SIZE);
    close(page_fd);
    end_close(&end);
}

Test(doorbell_hostile, silent_callers_make_room_for_others)
{
    enum { CALLERS = 150 };
    struct end end;
    int callers[CALLERS];

    end_open(&end, "end");
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = raw_connect(end.name);
        (void)shm_doorbell_progress(end.bell);
        cr_assert_leq(end.bell->greeting_count, 64);
    }
    cr_assert_eq(end.bell->greeting_count, 64);
    cr_assert_eq(end.bell->open_count, 64);
    for (int i = 0; i < CALLERS; i++)
        close(callers[i]);
    ends_turns(&end, NULL, 5);
    still_serves(&end);
    end_close(&end);
}

static _Atomic uint64_t fake_now_ns = UTIL_CLOCK_NS_PER_S;

static uint64_t fake_clock(void)
{
    return atomic_load(&fake_now_ns);
}

Test(doorbell_hostile, silent_caller_is_given_up_in_time)
{
    struct end end;
    int fd;

    util_clock_replace(fake_clock);
    end_open_with(&end, "end", 300, 0);
    fd = raw_connect(end.name);
    ends_turns(&end, NULL, 2);
    cr_assert_eq(end.bell->greeting_count, 1);
    atomic_fetch_add(&fake_now_ns, 300 * UTIL_CLOCK_NS_PER_MS);
    ends_turns(&end, NULL, 1);
    cr_assert_eq(end.bell->open_count, 0);
    close(fd);
    end_close(&end);
}

Test(doorbell_hostile, another_user_is_refused)
{
    struct end end;
    int status = -1;
    pid_t child;

    if (getuid() != 0)
        cr_skip_test("needs root to become somebody else");
    end_open(&end, "end");
    child = fork();
    if (child == 0) {
        struct shm_doorbell_link *link = NULL;
        struct end other;
        char byte;
        int fd;

        if (setuid(65534) != 0)
            _exit(1);
        /* Its own bell trusts root, so that it connects; root's does not trust it. */
        fd = raw_connect(end.name);
        while (recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN)
            usleep(1000);
        if (recv(fd, &byte, 1, 0) != 0)
            _exit(2);
        end_open(&other, "other");
        /* Refused at once if the other side was quick, else a moment later. */
        other.error = shm_doorbell_connect(other.bell, end.name, NULL, &other, &link);
        if (other.error == 0)
            ends_until(&other, NULL, &other.downs, 1);
        _exit(other.error == -ECONNREFUSED ? 0 : 3);
    }
    for (int i = 0; i < 10000 && waitpid(child, &status, WNOHANG) == 0; i++) {
        ends_turns(&end, NULL, 1);
        cr_assert_eq(end.bell->open_count, 0);
    }
    cr_assert_eq(status, 0, "status %#x", (unsigned)status);
    end_close(&end);
}

Test(doorbell_hostile, listener_of_another_user_is_refused)
{
    struct end end;
    int pipes[2];
    char byte;
    pid_t child;

    if (getuid() != 0)
        cr_skip_test("needs root to become somebody else");
    cr_assert_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        if (setuid(65534) != 0)
            _exit(1);
        (void)raw_listen("test-squatter", 5);
        (void)!write(pipes[1], "r", 1);
        pause();
        _exit(0);
    }
    cr_assert_eq(read(pipes[0], &byte, 1), 1);
    end_open(&end, "end");
    cr_assert_eq(end_connect(&end, "test-squatter"), -ECONNREFUSED);
    cr_assert_eq(end.bell->open_count, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    end_close(&end);
}

Test(doorbell_hostile, running_out_of_descriptors_is_survived)
{
    struct rlimit old_limit;
    struct rlimit limit;
    struct end end;
    struct end peer;
    int spare[64];
    int count = 0;

    util_clock_replace(fake_clock);
    end_open(&end, "end");
    end_open(&peer, "peer");
    cr_assert_eq(end_connect(&peer, end.name), 0);
    getrlimit(RLIMIT_NOFILE, &old_limit);
    limit = old_limit;
    limit.rlim_cur = (rlim_t)support_fds_count() + 20;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (count < 64 && (spare[count] = dup(0)) >= 0)
        count++;

    cr_assert(end_readable(&end, 1000));
    cr_assert_eq(shm_doorbell_progress(end.bell), 0);
    cr_assert(!end_readable(&end, 0), "the set must not stay readable for nothing");
    cr_assert_leq(shm_doorbell_next_deadline_ns(end.bell), fake_clock() + UTIL_CLOCK_NS_PER_S);
    cr_assert_lt(end_connect(&end, peer.name), 0);

    while (count > 0)
        close(spare[--count]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
    atomic_fetch_add(&fake_now_ns, UTIL_CLOCK_NS_PER_S);
    ends_until(&peer, &end, &peer.ups, 1);
    end_close(&peer);
    end_close(&end);
}
