/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The doorbell: its listener, the lists of its links, progress, and the word that says whether it
 * sleeps. A link, its hello and the page have files of their own. The contract, with the threads, is in
 * shm_doorbell.h.
 *
 * A link begins with a hello in each direction, sent as soon as the socket is connected, and is up
 * when the peer's has arrived. When two endpoints connect to each other at once there are two links,
 * and each has both.
 *
 * Why no wake-up is lost. The sleeper makes its epoch odd, fences, looks at its queue once more,
 * and sleeps. The sender puts into that queue, fences, and looks at the epoch. Both write first and
 * read the other's word after a full fence, as in Dekker's mutual exclusion: of the two reads at
 * least one sees the other side's write. Either the sleeper finds the work, or the sender finds an
 * odd epoch and writes a byte to the socket, which keeps the epoll set readable until it is read.
 *
 * The sender rings once per odd epoch, so a byte that somebody reads must not be one that a sleeper
 * still depends on: whoever takes bytes off the socket while the epoch is odd (a thread that makes
 * progress while another sleeps) moves on to the next odd epoch, and only then looks at the queue.
 * What was put before is found by that look; what is put after rings again. A byte that comes late,
 * after the sleeper woke for another reason, costs one idle turn.
 */
#include "na/shm/shm_doorbell.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "na/shm/shm_doorbell_link.h"
#include "na/shm/shm_doorbell_page.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_list.h"
#include "util/util_log.h"
#include "util/util_rand.h"

#define SHM_DOORBELL_CONNECT_TIMEOUT_MS 10000U
#define SHM_DOORBELL_LINKS_MAX          1024U
#define SHM_DOORBELL_BACKLOG            256
/* Accepted sockets that have not said hello. Peers say it as they connect, so that these are few. */
#define SHM_DOORBELL_GREETING_MAX 64U

/* Bounds of one turn of progress. */
#define SHM_DOORBELL_EVENTS 64

/* How often sockets are looked at while busy polling, and while a handshake is under way. */
#define SHM_DOORBELL_CHECK_NS     UTIL_CLOCK_NS_PER_MS
#define SHM_DOORBELL_HANDSHAKE_NS (50U * UTIL_CLOCK_NS_PER_US)
/* Polls between two looks at the clock: few, since the next ones may be slower by orders than the last were. */
#define SHM_DOORBELL_POLLS_MAX 64U
/* How soon a listener without descriptors is tried again. */
#define SHM_DOORBELL_PAUSE_NS (100U * UTIL_CLOCK_NS_PER_MS)

/* --- connecting ------------------------------------------------------------------------------------ */

/* A new link to the named endpoint, connected or connecting; NULL with *error_out set if it cannot be. */
static struct shm_doorbell_link *shm_doorbell_dial(struct shm_doorbell *bell, const char *name,
                                                   const struct shm_doorbell_gift *gift, int *error_out)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct shm_doorbell_link *link;
    int error;

    if (fd < 0) {
        *error_out = util_detail_set(-errno, "no socket for shared-memory peer %s: %s", name, strerror(errno));
        return NULL;
    }
    link = shm_doorbell_link_create(bell, fd);
    if (link == NULL) {
        (void)close(fd);
        *error_out = -ENOMEM;
        return NULL;
    }
    link->dialled = true;
    if (gift != NULL)
        link->gift = *gift;
    (void)snprintf(link->name, sizeof(link->name), "%s", name);
    util_list_push(&bell->dialling, &link->node);
    error = shm_doorbell_link_dial(link);
    if (error == -EAGAIN) {
        link->state = SHM_DOORBELL_LINK_WAITING;
        bell->waiting_count++;
        bell->retry_ns = util_clock_deadline_ns(SHM_DOORBELL_RETRY_NS);
    } else if (error != 0) {
        shm_doorbell_link_release(link);
        shm_doorbell_link_free(link);
        *error_out = util_detail_set(error, "cannot reach shared-memory peer %s: %s", name, strerror(-error));
        return NULL;
    }
    return link;
}

int shm_doorbell_connect(struct shm_doorbell *bell, const char *name, const struct shm_doorbell_gift *gift, void *user,
                         struct shm_doorbell_link **link_out)
{
    struct shm_doorbell_link *link;
    int error = 0;

    if (shm_doorbell_hello_check_name(name) != 0)
        return util_detail_set(-EINVAL, "not the name of a shared-memory endpoint");
    if (bell->open_count >= bell->links_max)
        return util_detail_set(-ENOSPC, "%u shared-memory peers are linked already", bell->open_count);
    link = shm_doorbell_dial(bell, name, gift, &error);
    if (link == NULL)
        return error;
    bell->attention = true;
    link->owned = true;
    link->user = user;
    *link_out = link;
    return 0;
}

void shm_doorbell_disconnect(struct shm_doorbell_link *link)
{
    if (link == NULL)
        return;
    link->owned = false;
    link->user = NULL;
    shm_doorbell_link_release(link);
    shm_doorbell_link_free(link);
}

/* --- accepting ---------------------------------------------------------------------------------- */

/* Takes the listener out of the set for a while, lest the set stay readable for nothing. */
static void shm_doorbell_pause(struct shm_doorbell *bell, int error)
{
    struct epoll_event event = {.events = 0, .data.ptr = bell};

    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA, "cannot accept shared-memory peers for now: %s",
                     strerror(error));
    (void)epoll_ctl(bell->epoll_fd, EPOLL_CTL_MOD, bell->listen_fd, &event);
    bell->listen_pause_ns = util_clock_deadline_ns(SHM_DOORBELL_PAUSE_NS);
}

static void shm_doorbell_unpause(struct shm_doorbell *bell)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = bell};

    bell->listen_pause_ns = 0;
    if (bell->listen_fd >= 0)
        (void)epoll_ctl(bell->epoll_fd, EPOLL_CTL_MOD, bell->listen_fd, &event);
}

/* Makes a link of an accepted socket, or closes it. */
static void shm_doorbell_accept(struct shm_doorbell *bell, int fd)
{
    struct shm_doorbell_link *link;
    pid_t pid = 0;

    if (bell->open_count >= bell->links_max) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA,
                         "refused a shared-memory peer: %u are linked already", bell->open_count);
        (void)close(fd);
        return;
    }
    link = shm_doorbell_link_allowed(fd, &pid) ? shm_doorbell_link_create(bell, fd) : NULL;
    if (link == NULL) {
        (void)close(fd);
        return;
    }
    link->pid = pid;
    link->gift = bell->gift;
    util_list_push(&bell->greeting, &link->node);
    bell->greeting_count++;
    if (shm_doorbell_link_greet(link) != 0) {
        shm_doorbell_link_end(link, -ECONNRESET);
        return;
    }
    /* Its hello came with the connection, unless somebody dawdles; the one that has dawdled
     * longest makes room. */
    shm_doorbell_link_read_hello(link);
    if (bell->greeting_count > SHM_DOORBELL_GREETING_MAX)
        shm_doorbell_link_end(util_container_of(util_list_first(&bell->greeting), struct shm_doorbell_link, node),
                              -ETIMEDOUT);
}

static void shm_doorbell_accept_some(struct shm_doorbell *bell)
{
    for (int i = 0; i < SHM_DOORBELL_EVENTS && bell->listen_fd >= 0; i++) {
        int fd = accept4(bell->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            shm_doorbell_accept(bell, fd);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            shm_doorbell_pause(bell, errno);
            break;
        }
    }
}

void shm_doorbell_stop_listening(struct shm_doorbell *bell)
{
    if (bell->listen_fd < 0)
        return;
    (void)epoll_ctl(bell->epoll_fd, EPOLL_CTL_DEL, bell->listen_fd, NULL);
    (void)shutdown(bell->listen_fd, SHUT_RDWR);
    (void)close(bell->listen_fd);
    bell->listen_fd = -1;
}

/* --- sleeping --------------------------------------------------------------------------------- */

static void shm_doorbell_ring_pending(struct shm_doorbell *bell)
{
    bell->rings_pending = false;
    util_list_each (node, &bell->links) {
        struct shm_doorbell_link *link = util_container_of(node, struct shm_doorbell_link, node);

        if (link->ring_pending)
            shm_doorbell_ring(link);
        if (link->poke_pending)
            shm_doorbell_poke(link);
    }
}

static void shm_doorbell_set_epoch(struct shm_doorbell *bell, uint64_t epoch)
{
    bell->epoch = epoch;
    atomic_store_explicit(&bell->page->epoch, epoch, memory_order_relaxed);
    /* Between our write of the epoch and our read of the queue: see the top of the file. */
    shm_doorbell_page_fence();
}

void shm_doorbell_sleep_begin(struct shm_doorbell *bell)
{
    bell->attention = true;
    if ((bell->epoch & 1) == 0)
        shm_doorbell_set_epoch(bell, bell->epoch + 1);
}

void shm_doorbell_sleep_end(struct shm_doorbell *bell)
{
    if ((bell->epoch & 1) == 0)
        return;
    bell->epoch++;
    /* No fence: a sender that still sees the odd epoch rings once for nothing. */
    atomic_store_explicit(&bell->page->epoch, bell->epoch, memory_order_relaxed);
}

/* --- progress ----------------------------------------------------------------------------------- */

static bool shm_doorbell_shaking_hands(const struct shm_doorbell *bell)
{
    return !util_list_empty(&bell->dialling) || !util_list_empty(&bell->greeting);
}

bool shm_doorbell_due(struct shm_doorbell *bell)
{
    uint64_t interval_ns;
    uint64_t elapsed_ns;
    uint64_t now_ns;

    if (bell->attention)
        return true;
    if (bell->polls_left > 0) {
        bell->polls_left--;
        return false;
    }
    /* Grant as many polls as took a quarter of the interval, so that the clock is read four times an interval however long a
     * poll takes; not more than a few, because the next ones may come a thousand times more slowly. */
    interval_ns = shm_doorbell_shaking_hands(bell) ? SHM_DOORBELL_HANDSHAKE_NS : SHM_DOORBELL_CHECK_NS;
    now_ns = util_clock_now_ns();
    elapsed_ns = now_ns - bell->polled_ns;
    if (elapsed_ns > interval_ns / 4)
        bell->polls = bell->polls / 2;
    else
        bell->polls = bell->polls * 2 + 1;
    if (bell->polls > SHM_DOORBELL_POLLS_MAX)
        bell->polls = SHM_DOORBELL_POLLS_MAX;
    bell->polls_left = bell->polls;
    bell->polled_ns = now_ns;
    return now_ns - bell->checked_ns >= interval_ns;
}

/* Ends the handshakes of a list that took too long; the list is in order of their deadlines. */
static void shm_doorbell_expire(struct util_list *list, uint64_t now_ns)
{
    for (struct util_list *node = util_list_first(list); node != NULL; node = util_list_first(list)) {
        struct shm_doorbell_link *link = util_container_of(node, struct shm_doorbell_link, node);

        if (link->deadline_ns > now_ns)
            break;
        shm_doorbell_link_end(link, -ETIMEDOUT);
    }
}

/* Connects again where the backlog was full, and says hello where that was not possible. */
static void shm_doorbell_retry_link(struct shm_doorbell_link *link)
{
    int error = 0;

    if (link->hello_due) {
        error = shm_doorbell_link_say_hello(link);
        if (error == -EPIPE) /* as when its hang-up is read from the socket */
            error = link->state == SHM_DOORBELL_LINK_UP ? -ECONNRESET : -ECONNREFUSED;
    } else if (link->state == SHM_DOORBELL_LINK_WAITING) {
        error = shm_doorbell_link_dial(link);
        if (error == -EAGAIN)
            return;
        if (error == 0) {
            link->state = SHM_DOORBELL_LINK_HELLO;
            link->bell->waiting_count--;
        }
    }
    if (error != 0)
        shm_doorbell_link_end(link, error);
}

static void shm_doorbell_retry(struct shm_doorbell *bell, uint64_t now_ns)
{
    struct util_list *lists[] = {&bell->dialling, &bell->greeting, &bell->links};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        util_list_each_safe (node, next, lists[i])
            shm_doorbell_retry_link(util_container_of(node, struct shm_doorbell_link, node));
    }
    bell->retry_ns = now_ns + SHM_DOORBELL_RETRY_NS;
}

static void shm_doorbell_serve_timers(struct shm_doorbell *bell)
{
    uint64_t now_ns = util_clock_now_ns();

    bell->checked_ns = now_ns;
    shm_doorbell_expire(&bell->dialling, now_ns);
    shm_doorbell_expire(&bell->greeting, now_ns);
    if (bell->waiting_count > 0 && now_ns >= bell->retry_ns)
        shm_doorbell_retry(bell, now_ns);
    if (bell->listen_pause_ns != 0 && now_ns >= bell->listen_pause_ns)
        shm_doorbell_unpause(bell);
    if (bell->rings_pending)
        shm_doorbell_ring_pending(bell);
}

/* Takes wake-ups off a link, and says whose they were; gives their number. */
static int shm_doorbell_serve_link(struct shm_doorbell_link *link)
{
    const struct shm_doorbell *bell = link->bell;
    int drained = shm_doorbell_link_drain(link);

    if (drained > 0 && link->state == SHM_DOORBELL_LINK_UP && link->told_up && bell->upcalls->link_rung != NULL)
        bell->upcalls->link_rung(bell->arg, link);
    return drained;
}

/* Serves what the epoll set names; gives the number of wake-ups taken off the sockets. */
static int shm_doorbell_serve_sockets(struct shm_doorbell *bell)
{
    struct epoll_event events[SHM_DOORBELL_EVENTS];
    int count = epoll_wait(bell->epoll_fd, events, SHM_DOORBELL_EVENTS, 0);
    int drained = 0;

    for (int i = 0; i < count; i++) {
        struct shm_doorbell_link *link = events[i].data.ptr;

        if (events[i].data.u64 < SHM_DOORBELL_TAG_MIN)
            continue;
        if (events[i].data.ptr == bell)
            shm_doorbell_accept_some(bell);
        else if (link->state == SHM_DOORBELL_LINK_HELLO)
            shm_doorbell_link_read_hello(link);
        else if (link->state == SHM_DOORBELL_LINK_UP)
            drained += shm_doorbell_serve_link(link);
    }
    return drained;
}

/* Says that a link is up, and ends it if that is not wanted. The upcall may have given it back. */
static void shm_doorbell_report_up(struct shm_doorbell *bell, struct shm_doorbell_link *link)
{
    const struct shm_doorbell_upcalls *upcalls = bell->upcalls;
    bool dialled = link->dialled;
    int error;

    link->told_up = true;
    link->owned = true;
    error = (dialled ? upcalls->link_up : upcalls->link_accept)(bell->arg, link, &link->received);
    shm_doorbell_link_close_received(link); /* a link that was given back is freed only later */
    if (error == 0)
        return;
    link->owned = dialled;
    shm_doorbell_link_end(link, error);
}

/* Makes the upcalls that are due; gives their number. */
static int shm_doorbell_report(struct shm_doorbell *bell)
{
    struct util_list *node;
    int count = 0;

    while ((node = util_list_pop(&bell->reports)) != NULL) {
        struct shm_doorbell_link *link = util_container_of(node, struct shm_doorbell_link, report);

        if (link->state == SHM_DOORBELL_LINK_DOWN)
            bell->upcalls->link_down(bell->arg, link, link->error);
        else
            shm_doorbell_report_up(bell, link);
        count++;
    }
    return count;
}

static void shm_doorbell_free_all(struct util_list *list)
{
    struct util_list *node;

    while ((node = util_list_pop(list)) != NULL)
        util_free(util_container_of(node, struct shm_doorbell_link, node));
}

int shm_doorbell_progress(struct shm_doorbell *bell)
{
    int drained;
    int count;

    assert(!bell->in_progress);
    bell->in_progress = true;
    bell->attention = false;
    drained = shm_doorbell_serve_sockets(bell);
    shm_doorbell_serve_timers(bell);
    if ((bell->epoch & 1) != 0) {
        bell->attention = true;
        /* Somebody else sleeps, or is about to: what we took was his (see the top of the file). */
        if (drained > 0)
            shm_doorbell_set_epoch(bell, bell->epoch + 2);
    }
    count = shm_doorbell_report(bell);
    bell->in_progress = false;
    shm_doorbell_free_all(&bell->garbage);
    return count;
}

uint64_t shm_doorbell_next_deadline_ns(const struct shm_doorbell *bell)
{
    const struct util_list *lists[2] = {&bell->dialling, &bell->greeting};
    uint64_t next_ns = UTIL_CLOCK_NEVER;

    for (int i = 0; i < 2; i++) {
        struct util_list *node = util_list_first(lists[i]);
        struct shm_doorbell_link *link;

        if (node == NULL)
            continue;
        link = util_container_of(node, struct shm_doorbell_link, node);
        next_ns = link->deadline_ns < next_ns ? link->deadline_ns : next_ns;
    }
    if (bell->waiting_count > 0 && bell->retry_ns < next_ns)
        next_ns = bell->retry_ns;
    if (bell->listen_pause_ns != 0 && bell->listen_pause_ns < next_ns)
        next_ns = bell->listen_pause_ns;
    if (bell->rings_pending && bell->checked_ns + SHM_DOORBELL_RETRY_NS < next_ns)
        next_ns = bell->checked_ns + SHM_DOORBELL_RETRY_NS;
    return next_ns;
}

/* --- the bell ----------------------------------------------------------------------------------- */

static int shm_doorbell_bind_socket(int fd, const char *name, bool deaf)
{
    struct sockaddr_un address;
    socklen_t size = shm_doorbell_link_address(name, &address);

    if (bind(fd, (struct sockaddr *)&address, size) != 0)
        return -errno;
    return deaf || listen(fd, SHM_DOORBELL_BACKLOG) == 0 ? 0 : -errno;
}

int shm_doorbell_bind(const char *name, bool deaf, int *socket_fd_out)
{
    int fd;
    int error;

    if (shm_doorbell_hello_check_name(name) != 0)
        return util_detail_set(-EINVAL, "not the name of a shared-memory endpoint");
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    error = fd < 0 ? -errno : shm_doorbell_bind_socket(fd, name, deaf);
    if (error == 0) {
        *socket_fd_out = fd;
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    if (error == -EADDRINUSE)
        return util_detail_set(error, "the shared-memory name %s is in use by another endpoint", name);
    return util_detail_set(error, "no socket for shared-memory endpoint %s: %s", name, strerror(-error));
}

/* Opens the descriptors of a bell whose fields are set. */
static int shm_doorbell_start(struct shm_doorbell *bell, const struct shm_doorbell_config *config)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = bell};
    int error = shm_doorbell_page_create(&bell->page, &bell->page_fd);

    if (error != 0)
        return error;
    bell->epoll_owned = config->epoll_fd < 0;
    bell->epoll_fd = config->epoll_fd < 0 ? epoll_create1(EPOLL_CLOEXEC) : config->epoll_fd;
    if (bell->epoll_fd < 0)
        return -errno;
    bell->listen_fd = config->socket_fd;
    if (bell->listen_fd < 0)
        error = shm_doorbell_bind(config->name, config->deaf, &bell->listen_fd);
    if (error == 0 && !config->deaf && epoll_ctl(bell->epoll_fd, EPOLL_CTL_ADD, bell->listen_fd, &event) != 0)
        error = -errno;
    return error;
}

int shm_doorbell_open(const struct shm_doorbell_config *config, struct shm_doorbell **bell_out)
{
    struct shm_doorbell *bell;
    int error;

    if (shm_doorbell_hello_check_name(config->name) != 0)
        return util_detail_set(-EINVAL, "not the name of a shared-memory endpoint");
    bell = util_calloc(1, sizeof(*bell));
    if (bell == NULL)
        return util_detail_set(-ENOMEM, "no memory for shared-memory endpoint %s", config->name);
    (void)snprintf(bell->name, sizeof(bell->name), "%s", config->name);
    do {
        bell->id = util_rand_u64();
    } while (bell->id == 0);
    bell->upcalls = config->upcalls;
    bell->arg = config->arg;
    bell->connect_timeout_ns =
        (config->connect_timeout_ms != 0 ? config->connect_timeout_ms : SHM_DOORBELL_CONNECT_TIMEOUT_MS) *
        UTIL_CLOCK_NS_PER_MS;
    bell->links_max = config->links_max != 0 ? config->links_max : SHM_DOORBELL_LINKS_MAX;
    if (config->gift != NULL)
        bell->gift = *config->gift;
    bell->epoll_fd = -1;
    bell->listen_fd = -1;
    bell->page_fd = -1;
    struct util_list *lists[] = {&bell->dialling, &bell->greeting, &bell->links,
                                 &bell->ended,    &bell->reports,  &bell->garbage};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        util_list_init(lists[i]);
    error = shm_doorbell_start(bell, config);
    if (error != 0) {
        if (config->socket_fd >= 0)
            bell->listen_fd = -1; /* stays the caller's */
        shm_doorbell_close(bell);
        return util_detail_set(error, "cannot open shared-memory endpoint %s: %s", config->name, strerror(-error));
    }
    *bell_out = bell;
    return 0;
}

static void shm_doorbell_release_all(struct util_list *list)
{
    struct util_list *node;

    while ((node = util_list_first(list)) != NULL) {
        struct shm_doorbell_link *link = util_container_of(node, struct shm_doorbell_link, node);

        shm_doorbell_link_release(link);
        shm_doorbell_link_free(link);
    }
}

void shm_doorbell_close(struct shm_doorbell *bell)
{
    if (bell == NULL)
        return;
    assert(!bell->in_progress);
    shm_doorbell_stop_listening(bell);
    shm_doorbell_release_all(&bell->dialling);
    shm_doorbell_release_all(&bell->greeting);
    shm_doorbell_release_all(&bell->links);
    shm_doorbell_release_all(&bell->ended);
    shm_doorbell_page_unmap(bell->page);
    if (bell->page_fd >= 0)
        (void)close(bell->page_fd);
    if (bell->epoll_owned && bell->epoll_fd >= 0)
        (void)close(bell->epoll_fd);
    util_free(bell);
}

int shm_doorbell_fd(const struct shm_doorbell *bell)
{
    return bell->epoll_fd;
}
