/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A wire between two network namespaces that can be made bad: two TAP devices, one in each, and this process, which carries
 * packets from one to the other and delays, loses, doubles, reorders, slows down or drops them on the way. For kernels
 * without netem, whose meanings it takes: a delay of each packet by itself, so jitter reorders; `reorder` is the share of
 * packets that are not delayed. The times and choices follow from a seed.
 *
 *   net_relay run NAMESPACE_A NAMESPACE_B DEVICE SOCKET [SEED]   (paths as /run/netns/NAME)
 *   net_relay tell SOCKET a|b|both [delay MS] [jitter MS] [loss %] [duplicate %] [reorder %] [rate MBIT/S] [cut]
 *
 * `run` says "ready" when the devices are there, and on SIGTERM what it has done with the packets of each side. `tell`
 * replaces all that was set for what one side sends, or both, and returns when it is in force. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "util/util_clock.h"
#include "util/util_rand.h"

enum { SIDES = 2, PACKET_MAX = 2048, QUEUE_MAX = 20000, COMMAND_MAX = 200, SKIPPED = 77 };

/* What may be done to the packets of a side: times in microseconds, shares in millionths, the rate in bits a second. */
enum relay_setting { SET_DELAY, SET_JITTER, SET_LOSS, SET_DUPLICATE, SET_REORDER, SET_RATE, SET_CUT, SETTINGS };

static const struct {
    const char *name;
    double unit; /* 0: has no value */
    double max;
} settings[SETTINGS] = {
    [SET_DELAY] = {"delay", 1e3, 60e3},
    [SET_JITTER] = {"jitter", 1e3, 60e3},
    [SET_LOSS] = {"loss", 1e4, 100},
    [SET_RATE] = {"rate", 1e6, 1e6},
    [SET_DUPLICATE] = {"duplicate", 1e4, 100},
    [SET_REORDER] = {"reorder", 1e4, 100},
    [SET_CUT] = {"cut", 0, 0},
};

struct relay_packet {
    uint64_t due_ns;
    uint64_t order; /* among those of the same time */
    size_t size;
    unsigned char data[];
};

/* What one side sends. */
struct relay_way {
    int from; /* devices */
    int to;
    uint64_t values[SETTINGS];
    uint64_t free_ns;           /* when the last packet has passed, at a limited rate */
    struct relay_packet **heap; /* owned; the first one due is at 0 */
    size_t count;
    uint64_t order;
    uint64_t received;
    uint64_t sent;
    uint64_t lost;
    uint64_t doubled;
    uint64_t overflowed;
};

static struct relay_way ways[SIDES];
static struct util_prng prng;
static volatile sig_atomic_t relay_over;

static void relay_end(int signal_number)
{
    (void)signal_number;
    relay_over = 1;
}

static _Noreturn void relay_fail(int status, const char *what)
{
    (void)fprintf(stderr, "net_relay: %s: %s\n", what, strerror(errno));
    exit(status);
}

/* --- packets that wait ----------------------------------------------------------------------------------- */

static bool is_before(const struct relay_packet *one, const struct relay_packet *other)
{
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->order < other->order;
}

static void heap_swap(struct relay_way *way, size_t i, size_t j)
{
    struct relay_packet *packet = way->heap[i];

    way->heap[i] = way->heap[j];
    way->heap[j] = packet;
}

static void heap_push(struct relay_way *way, struct relay_packet *packet)
{
    size_t i = way->count++;

    way->heap[i] = packet;
    for (; i > 0 && is_before(way->heap[i], way->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_swap(way, i, (i - 1) / 2);
}

static struct relay_packet *heap_pop(struct relay_way *way)
{
    struct relay_packet *first = way->heap[0];
    size_t i = 0;

    way->heap[0] = way->heap[--way->count];
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < way->count; child++)
            if (is_before(way->heap[child], way->heap[least]))
                least = child;
        if (least == i)
            return first;
        heap_swap(way, i, least);
        i = least;
    }
}

/* --- on the way -------------------------------------------------------------------------------------------- */

static bool happens(uint64_t millionths)
{
    return millionths > 0 && util_prng_below(&prng, 1000000) < millionths;
}

static uint64_t relay_due_ns(struct relay_way *way, size_t size, uint64_t now_ns)
{
    const uint64_t *values = way->values;
    uint64_t delay_us =
        values[SET_DELAY] + (values[SET_JITTER] > 0 ? util_prng_below(&prng, 2 * values[SET_JITTER]) : 0);

    if (values[SET_RATE] > 0) {
        way->free_ns =
            (way->free_ns > now_ns ? way->free_ns : now_ns) + size * 8 * UTIL_CLOCK_NS_PER_S / values[SET_RATE];
        now_ns = way->free_ns;
    }
    if (happens(values[SET_REORDER]) || delay_us <= values[SET_JITTER])
        return now_ns;
    return now_ns + (delay_us - values[SET_JITTER]) * UTIL_CLOCK_NS_PER_US;
}

static void relay_enter(struct relay_way *way, const unsigned char *data, size_t size, uint64_t now_ns)
{
    struct relay_packet *packet;

    if (way->count == QUEUE_MAX) {
        way->overflowed++;
        return;
    }
    packet = malloc(sizeof(*packet) + size);
    if (packet == NULL)
        relay_fail(1, "memory for a packet");
    packet->due_ns = relay_due_ns(way, size, now_ns);
    packet->order = way->order++;
    packet->size = size;
    memcpy(packet->data, data, size);
    heap_push(way, packet);
}

/* Takes in what a side has sent. */
static void relay_read(struct relay_way *way)
{
    unsigned char data[PACKET_MAX];
    uint64_t now_ns = util_clock_now_ns();
    ssize_t size;

    while ((size = read(way->from, data, sizeof(data))) > 0) {
        way->received++;
        if (way->values[SET_CUT] > 0 || happens(way->values[SET_LOSS])) {
            way->lost++;
            continue;
        }
        relay_enter(way, data, (size_t)size, now_ns);
        if (!happens(way->values[SET_DUPLICATE]))
            continue;
        way->doubled++;
        relay_enter(way, data, (size_t)size, now_ns);
    }
}

/* Hands over what is due; a cut holds for what was on the way, too. */
static void relay_write(struct relay_way *way, uint64_t now_ns)
{
    while (way->count > 0 && way->heap[0]->due_ns <= now_ns) {
        struct relay_packet *packet = heap_pop(way);

        if (way->values[SET_CUT] > 0 || write(way->to, packet->data, packet->size) < 0)
            way->lost++;
        else
            way->sent++;
        free(packet);
    }
}

/* --- commands ------------------------------------------------------------------------------------------------ */

/* One setting with its value, from the words that are left. NULL, or what is wrong. */
static const char *command_setting(uint64_t values[SETTINGS], const char *name, char **rest)
{
    for (unsigned int i = 0; i < SETTINGS; i++) {
        const char *text;
        double value;
        char *end;

        if (strcmp(settings[i].name, name) != 0)
            continue;
        values[i] = 1;
        if (settings[i].unit == 0)
            return NULL;
        text = strtok_r(NULL, " ", rest);
        if (text == NULL)
            return "a setting without its value";
        value = strtod(text, &end);
        if (*end != '\0' || !(value >= 0 && value <= settings[i].max))
            return "a value that is no number, or out of range";
        values[i] = (uint64_t)(value * settings[i].unit + 0.5);
        return NULL;
    }
    return "an unknown setting";
}

static const char *command_obey(char *command)
{
    uint64_t values[SETTINGS] = {0};
    char *rest = NULL;
    const char *side = strtok_r(command, " ", &rest), *word;

    if (side == NULL || (strcmp(side, "a") != 0 && strcmp(side, "b") != 0 && strcmp(side, "both") != 0))
        return "neither a, b nor both";
    while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
        const char *wrong = command_setting(values, word, &rest);

        if (wrong != NULL)
            return wrong;
    }
    for (unsigned int i = 0; i < SIDES; i++)
        if (strcmp(side, "both") == 0 || side[0] == "ab"[i])
            memcpy(ways[i].values, values, sizeof(values));
    return NULL;
}

static void command_serve(int listener)
{
    const struct timeval patience = {.tv_sec = 1};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    char command[COMMAND_MAX];
    const char *wrong;
    ssize_t size;

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    size = recv(fd, command, sizeof(command) - 1, 0);
    if (size > 0) {
        command[size] = '\0';
        wrong = command_obey(command);
        (void)send(fd, wrong != NULL ? wrong : "ok", wrong != NULL ? strlen(wrong) : 2, MSG_NOSIGNAL);
    }
    (void)close(fd);
}

static int command_socket(const char *path, struct sockaddr_un *addr)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(addr->sun_path, path);
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int command_tell(int argc, char **argv)
{
    char text[COMMAND_MAX] = "";
    struct sockaddr_un addr;
    int fd = command_socket(argv[2], &addr);
    ssize_t size;

    for (int i = 3; i < argc; i++) {
        if (strlen(text) + strlen(argv[i]) + 2 > sizeof(text)) {
            errno = E2BIG;
            relay_fail(1, "tell");
        }
        strcat(strcat(text, i > 3 ? " " : ""), argv[i]);
    }
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
        relay_fail(1, argv[2]);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 || (size = recv(fd, text, sizeof(text) - 1, 0)) < 0)
        relay_fail(1, argv[2]);
    text[size] = '\0';
    if (strcmp(text, "ok") == 0)
        return 0;
    (void)fprintf(stderr, "net_relay: %s\n", text);
    return 1;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

static int tap_open(const char *namespace, const char *device)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int net = open(namespace, O_RDONLY | O_CLOEXEC), fd;

    if (net < 0 || setns(net, CLONE_NEWNET) != 0)
        relay_fail(SKIPPED, namespace);
    (void)close(net);
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        relay_fail(SKIPPED, "/dev/net/tun");
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (ioctl(fd, TUNSETIFF, &request) != 0)
        relay_fail(SKIPPED, "a TAP device");
    return fd;
}

static int relay_open(char **argv, const char *seed)
{
    struct sockaddr_un addr;
    int listener = command_socket(argv[5], &addr);

    if (listener < 0 || bind(listener, (const struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(listener, 8) != 0)
        relay_fail(1, argv[5]);
    for (unsigned int i = 0; i < SIDES; i++) {
        ways[i].from = tap_open(argv[2 + i], argv[4]);
        ways[i].heap = malloc(QUEUE_MAX * sizeof(struct relay_packet *));
        if (ways[i].heap == NULL)
            relay_fail(1, "memory for the queues");
    }
    for (unsigned int i = 0; i < SIDES; i++)
        ways[i].to = ways[1 - i].from;
    util_prng_init(&prng, strtoull(seed, NULL, 0));
    return listener;
}

/* Until the next packet is due, or for ever. */
static const struct timespec *relay_wait(struct timespec *wait)
{
    uint64_t now_ns = util_clock_now_ns(), next_ns = UINT64_MAX;

    for (unsigned int i = 0; i < SIDES; i++)
        if (ways[i].count > 0 && ways[i].heap[0]->due_ns < next_ns)
            next_ns = ways[i].heap[0]->due_ns;
    if (next_ns == UINT64_MAX)
        return NULL;
    next_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    wait->tv_sec = (time_t)(next_ns / UTIL_CLOCK_NS_PER_S);
    wait->tv_nsec = (long)(next_ns % UTIL_CLOCK_NS_PER_S);
    return wait;
}

static void relay_run(int listener, const sigset_t *mask)
{
    struct pollfd polls[SIDES + 1] = {{.fd = ways[0].from, .events = POLLIN},
                                      {.fd = ways[1].from, .events = POLLIN},
                                      {.fd = listener, .events = POLLIN}};

    while (!relay_over) {
        struct timespec wait;
        uint64_t now_ns;

        if (ppoll(polls, SIDES + 1, relay_wait(&wait), mask) < 0 && errno != EINTR)
            relay_fail(1, "ppoll");
        if (polls[SIDES].revents != 0)
            command_serve(listener);
        for (unsigned int i = 0; i < SIDES; i++)
            relay_read(&ways[i]);
        now_ns = util_clock_now_ns();
        for (unsigned int i = 0; i < SIDES; i++)
            relay_write(&ways[i], now_ns);
    }
}

static void relay_close(int listener)
{
    (void)close(listener);
    for (unsigned int i = 0; i < SIDES; i++) {
        struct relay_way *way = &ways[i];

        printf("net_relay: from %c: %llu packets, %llu handed over, %llu lost, %llu doubled, %llu beyond the queue, "
               "%zu left\n",
               "ab"[i], (unsigned long long)way -> received, (unsigned long long)way -> sent,
               (unsigned long long)way -> lost, (unsigned long long)way -> doubled,
               (unsigned long long)way -> overflowed, way -> count);
        while (way->count > 0)
            free(heap_pop(way));
        free(way->heap);
        (void)close(way->from);
    }
}

/* SIGTERM comes only while it waits. */
static void relay_mask(sigset_t *mask)
{
    sigset_t term;

    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, mask);
    (void)sigdelset(mask, SIGTERM);
    (void)signal(SIGTERM, relay_end);
}

int main(int argc, char **argv)
{
    sigset_t mask;
    int listener;

    if (argc >= 4 && strcmp(argv[1], "tell") == 0)
        return command_tell(argc, argv);
    if (argc < 6 || argc > 7 || strcmp(argv[1], "run") != 0) {
        (void)fprintf(stderr, "usage: net_relay run NAMESPACE_A NAMESPACE_B DEVICE SOCKET [SEED]\n"
                              "       net_relay tell SOCKET a|b|both [SETTING [VALUE]]...\n");
        return 1;
    }
    relay_mask(&mask);
    listener = relay_open(argv, argc > 6 ? argv[6] : "1");
    printf("ready\n");
    (void)fflush(stdout);
    relay_run(listener, &mask);
    relay_close(listener);
    (void)unlink(argv[5]);
    return 0;
}
