/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * No wake-up is lost in a million: two sides play ping-pong through a mailbox in shared memory and
 * sleep on their doorbells alone. Each side polls a random number of times before it sleeps, so that
 * the other's message falls into every gap between looking and sleeping. A sleep that nobody ends is
 * a lost wake-up, and ends the test.
 *
 * Three games share the million (a fifth of it, unless SUPPORT_LONG is in the environment): two processes; two threads; two threads of which one has a helper
 * that makes progress on its bell while it sleeps, takes wake-ups off its sockets, and hands on what
 * it then finds. The number of round trips may be given as argument.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/shm/shm_doorbell.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

#define LOST_MS 20000

/* What both sides write to; a page of its own for each word would change nothing. */
struct board {
    _Alignas(64) _Atomic uint64_t box[2]; /* the last message to side 0 and side 1 */
    _Alignas(64) atomic_bool over;
};

struct side {
    unsigned int index; /* 0 serves, 1 returns */
    uint64_t rounds;
    struct board *board;
    char name[64];
    char peer_name[64];

    pthread_mutex_t lock; /* serialises bell and link, for the helper */
    struct shm_doorbell *bell;
    struct shm_doorbell_link *link;
    int wake_fd; /* the helper's way to wake its owner */
    struct util_prng prng;
    uint64_t sleeps;
};

static int on_up(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift)
{
    (void)arg;
    (void)link;
    (void)gift;
    return 0;
}

static void on_down(void *arg, struct shm_doorbell_link *link, int error)
{
    struct side *side = arg;

    (void)link;
    if (atomic_load(&side->board->over))
        return;
    fprintf(stderr, "%s: link down: %d\n", side->name, error);
    abort();
}

static const struct shm_doorbell_upcalls upcalls = {.link_accept = on_up, .link_up = on_up, .link_down = on_down};

static void side_open(struct side *side)
{
    struct shm_doorbell_config config = {
        .name = side->name, .epoll_fd = -1, .socket_fd = -1, .upcalls = &upcalls, .arg = side};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1};

    pthread_mutex_init(&side->lock, NULL);
    SUPPORT_CHECK(shm_doorbell_open(&config, &side->bell) == 0);
    side->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    SUPPORT_CHECK(epoll_ctl(shm_doorbell_fd(side->bell), EPOLL_CTL_ADD, side->wake_fd, &event) == 0);
}

static void side_connect(struct side *side)
{
    uint64_t deadline_ns = util_clock_deadline_ms(LOST_MS);

    /* The other process may not have opened its bell yet. */
    while (shm_doorbell_connect(side->bell, side->peer_name, NULL, side, &side->link) != 0) {
        SUPPORT_CHECK(util_clock_now_ns() < deadline_ns);
        sched_yield();
    }
}

static void side_close(struct side *side)
{
    shm_doorbell_disconnect(side->link);
    shm_doorbell_close(side->bell);
    close(side->wake_fd);
    pthread_mutex_destroy(&side->lock);
}

static bool side_has(const struct side *side, uint64_t message)
{
    return atomic_load_explicit(&side->board->box[side->index], memory_order_acquire) >= message;
}

static void side_put(struct side *side, uint64_t message)
{
    pthread_mutex_lock(&side->lock);
    /* Nothing in between: no lock may stand in for the fence of shm_doorbell_ring. */
    atomic_store_explicit(&side->board->box[1 - side->index], message, memory_order_release);
    shm_doorbell_ring(side->link);
    pthread_mutex_unlock(&side->lock);
}

static void side_turn(struct side *side)
{
    if (shm_doorbell_due(side->bell))
        (void)shm_doorbell_progress(side->bell);
}

/* Sleeps until rung. Called and left with the lock held. */
static void side_sleep(struct side *side, uint64_t message)
{
    struct epoll_event event;
    eventfd_t wakes;
    int count;

    shm_doorbell_sleep_begin(side->bell);
    if (!side_has(side, message)) {
        side->sleeps++;
        pthread_mutex_unlock(&side->lock);
        do {
            count = epoll_wait(shm_doorbell_fd(side->bell), &event, 1, LOST_MS);
        } while (count < 0 && errno == EINTR);
        if (count == 0) {
            fprintf(stderr, "%s: nobody woke us for message %llu%s\n", side->name, (unsigned long long)message,
                    side_has(side, message) ? ", which is here: the wake-up was lost" : "");
            abort();
        }
        (void)eventfd_read(side->wake_fd, &wakes);
        pthread_mutex_lock(&side->lock);
    }
    shm_doorbell_sleep_end(side->bell);
}

static void side_await(struct side *side, uint64_t message)
{
    uint64_t polls = util_prng_below(&side->prng, 8) == 0 ? 0 : util_prng_below(&side->prng, 400);

    pthread_mutex_lock(&side->lock);
    for (;;) {
        side_turn(side);
        if (side_has(side, message))
            break;
        if (polls > 0)
            polls--;
        else
            side_sleep(side, message);
    }
    pthread_mutex_unlock(&side->lock);
}

static void *side_play(void *arg)
{
    struct side *side = arg;

    for (uint64_t i = 1; i <= side->rounds; i++) {
        if (side->index == 0)
            side_put(side, i);
        side_await(side, i);
        if (side->index == 1)
            side_put(side, i);
    }
    return NULL;
}

/* Makes progress on a bell whose owner may be asleep. Having taken a wake-up off the socket it looks
 * for messages, as anybody must, and hands a new one to the owner. */
static void *helper_play(void *arg)
{
    struct side *side = arg;
    struct util_prng prng;
    uint64_t seen = 0;

    util_prng_init(&prng, support_seed() + 7);
    while (!atomic_load(&side->board->over)) {
        pthread_mutex_lock(&side->lock);
        (void)shm_doorbell_progress(side->bell);
        if (side_has(side, seen + 1)) {
            seen = atomic_load(&side->board->box[side->index]);
            SUPPORT_CHECK(eventfd_write(side->wake_fd, 1) == 0);
        }
        pthread_mutex_unlock(&side->lock);
        for (uint64_t i = util_prng_below(&prng, 2000); i > 0; i--)
            (void)side_has(side, 0);
        sched_yield();
    }
    return NULL;
}

static void sides_init(struct side sides[2], struct board *board, uint64_t rounds)
{
    board->box[0] = 0;
    board->box[1] = 0;
    atomic_store(&board->over, false);
    for (unsigned int i = 0; i < 2; i++) {
        sides[i] = (struct side){.index = i, .rounds = rounds, .board = board};
        util_prng_init(&sides[i].prng, support_seed() + i);
        (void)snprintf(sides[i].name, sizeof(sides[i].name), "stress-%d-%u", (int)getpid(), i);
        (void)snprintf(sides[i].peer_name, sizeof(sides[i].peer_name), "stress-%d-%u", (int)getpid(), 1 - i);
    }
}

static void report(const char *game, uint64_t rounds, uint64_t sleeps, uint64_t start_ns)
{
    printf("%s: %llu round trips, %llu sleeps, %.1f s, no wake-up lost\n", game, (unsigned long long)rounds,
           (unsigned long long)sleeps, (double)(util_clock_now_ns() - start_ns) / 1e9);
    fflush(stdout);
}

static void play_threads(struct board *board, uint64_t rounds, bool with_helper)
{
    uint64_t start_ns = util_clock_now_ns();
    struct side sides[2];
    pthread_t player;
    pthread_t helper;

    sides_init(sides, board, rounds);
    side_open(&sides[0]);
    side_open(&sides[1]);
    side_connect(&sides[0]);
    side_connect(&sides[1]);
    SUPPORT_CHECK(pthread_create(&player, NULL, side_play, &sides[1]) == 0);
    if (with_helper)
        SUPPORT_CHECK(pthread_create(&helper, NULL, helper_play, &sides[1]) == 0);
    side_play(&sides[0]);
    pthread_join(player, NULL);
    atomic_store(&board->over, true);
    if (with_helper)
        pthread_join(helper, NULL);
    side_close(&sides[0]);
    side_close(&sides[1]);
    report(with_helper ? "threads and a helper" : "threads", rounds, sides[0].sleeps + sides[1].sleeps, start_ns);
}

static void play_processes(struct board *board, uint64_t rounds)
{
    uint64_t start_ns = util_clock_now_ns();
    struct side sides[2];
    int status = -1;
    pid_t child;

    sides_init(sides, board, rounds);
    child = fork();
    SUPPORT_CHECK(child >= 0);
    if (child == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct side *mine = &sides[child == 0 ? 1 : 0];
    side_open(mine);
    side_connect(mine);
    side_play(mine);
    if (child == 0) {
        /* Until the parent has the last message it must not see us end. */
        while (!atomic_load(&board->over))
            usleep(1000);
        side_close(mine);
        _exit(0);
    }
    atomic_store(&board->over, true);
    SUPPORT_CHECK(waitpid(child, &status, 0) == child && status == 0);
    side_close(mine);
    report("processes", rounds, mine->sleeps, start_ns);
}

int main(int argc, char **argv)
{
    uint64_t million = getenv("SUPPORT_LONG") != NULL ? 1000000 : 200000;
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : million / support_slowness();
    struct board *board;

    support_begin();
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SUPPORT_CHECK(board != MAP_FAILED);
    play_processes(board, rounds / 5 * 2);
    play_threads(board, rounds / 5 * 2, false);
    play_threads(board, rounds / 5, true);
    (void)munmap(board, sizeof(*board));
    support_end();
    return 0;
}
