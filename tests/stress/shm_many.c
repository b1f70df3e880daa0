/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Many routes at one context of shared memory, so that those that are quiet are looked at no more and have to be
 * poked; and contexts that come and go while their peers send.
 *
 * A hub has 150 routes from several classes of the same process. Whether it polls, sleeps or has lost interest in a
 * route: each frame arrives, in order and soon. A frame that does not come is a poke or a wake-up that was lost, and
 * ends the test. QS_TEST_SECONDS says how long the cases with threads run.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "na/na.h"
#include "na/shm/shm_objects.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

enum {
    CLASSES = 15,
    EACH = 10, /* routes of one class */
    ROUTES = CLASSES * EACH,
    LOOKED_AT = 64,    /* routes that the hub always looks at */
    IDLE_TURNS = 1100, /* after which it looks at no other */
    LOST_MS = 10000,
};

/* What a frame says. */
struct word {
    uint32_t route;
    uint32_t answer; /* it asks for one */
    uint64_t number;
};

/* A route between the hub and a class, and what went over it, by one thread at each end. */
struct line {
    struct na_route *near; /* at the class */
    struct na_route *far;  /* at the hub, once a frame came from there */
    uint64_t sent;
    _Atomic uint64_t arrived;
    uint64_t answered;
};

static struct {
    struct na_class *hub_class;
    struct na_context *hub;
    struct na_class *classes[CLASSES];
    struct na_context *contexts[CLASSES];
    struct line lines[ROUTES];
    uint32_t ups;
    uint32_t downs;
    atomic_bool over;
} scene;

/* --- frames ---------------------------------------------------------------------------------------------- */

static int send_word(struct na_context *context, struct na_route *route, const struct word *word, size_t size)
{
    struct na_frame *frame = na_frame_get(context);
    int ret;

    SUPPORT_CHECK(frame != NULL);
    memset(frame->data, 0, size);
    memcpy(frame->data, word, sizeof(*word));
    frame->size = size;
    ret = na_send(route, frame);
    if (ret != 0)
        na_frame_put(context, frame);
    return ret;
}

static void hub_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct word word;
    struct line *line;

    (void)arg;
    SUPPORT_CHECK(size >= sizeof(word));
    memcpy(&word, data, sizeof(word));
    line = &scene.lines[word.route];
    line->far = route;
    SUPPORT_CHECK(word.number == atomic_load(&line->arrived) + 1);
    if (word.answer != 0)
        SUPPORT_CHECK(send_word(scene.hub, route, &word, sizeof(word)) == 0);
    atomic_store(&line->arrived, word.number);
}

static void class_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct word word;

    (void)arg;
    SUPPORT_CHECK(size >= sizeof(word));
    memcpy(&word, data, sizeof(word));
    SUPPORT_CHECK(scene.lines[word.route].near == route);
    scene.lines[word.route].answered = word.number;
}

static void on_accept(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void on_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
    scene.ups++;
}

static void on_down(void *arg, struct na_route *route, int error)
{
    (void)arg;
    SUPPORT_CHECK(error == -ECONNRESET);
    scene.downs++;
    na_route_close(route);
}

static const struct na_upcalls hub_upcalls = {
    .frame = hub_frame, .accept = on_accept, .route_up = on_up, .route_down = on_down};
static const struct na_upcalls class_upcalls = {
    .frame = class_frame, .accept = on_accept, .route_up = on_up, .route_down = on_down};

/* --- the scene --------------------------------------------------------------------------------------------- */

static void turn(struct na_context *context)
{
    SUPPORT_CHECK(na_progress(context) >= 0);
}

static void class_turns(void)
{
    for (unsigned int i = 0; i < CLASSES; i++)
        turn(scene.contexts[i]);
}

static void all_turn(void)
{
    turn(scene.hub);
    class_turns();
}

static bool is_before(uint64_t deadline_ns)
{
    return util_clock_now_ns() < deadline_ns;
}

static void in_time(uint64_t deadline_ns, const char *condition)
{
    if (!is_before(deadline_ns))
        support_suite_fail("did not come true: %s", condition);
}

/* Loops with a body until the condition holds, and fails when that takes too long. */
#define UNTIL(condition)                                                                                       \
    for (uint64_t deadline_ns_ = util_clock_deadline_ms((uint64_t)LOST_MS * support_slowness()); !(condition); \
         in_time(deadline_ns_, #condition))

static void open_context(struct na_class **class_out, struct na_context **context_out, const struct na_upcalls *upcalls,
                         bool listen)
{
    struct na_config config = {.uri = "shm", .listen = listen, .context_count_max = 2};

    SUPPORT_CHECK(na_class_open(&config, class_out) == 0);
    SUPPORT_CHECK(na_context_open(*class_out, 0, upcalls, NULL, context_out) == 0);
}

static void scene_open(void)
{
    memset(&scene, 0, sizeof(scene));
    open_context(&scene.hub_class, &scene.hub, &hub_upcalls, true);
    for (unsigned int i = 0; i < CLASSES; i++)
        open_context(&scene.classes[i], &scene.contexts[i], &class_upcalls, false);
    for (unsigned int i = 0; i < ROUTES; i++)
        SUPPORT_CHECK(na_route_open(scene.contexts[i % CLASSES], na_class_address(scene.hub_class), 0, NULL,
                                    &scene.lines[i].near) == 0);
    UNTIL(scene.ups == ROUTES) all_turn();
}

static void scene_close(void)
{
    for (unsigned int i = 0; i < CLASSES; i++) {
        na_context_close(scene.contexts[i], 0);
        na_class_close(scene.classes[i]);
    }
    UNTIL(scene.downs >= ROUTES) turn(scene.hub);
    turn(scene.hub);
    na_context_close(scene.hub, 0);
    na_class_close(scene.hub_class);
}

/* The next frame of a line. */
static void line_send(unsigned int index, bool answer, size_t size)
{
    struct line *line = &scene.lines[index];
    struct word word = {.route = index, .answer = answer, .number = line->sent + 1};

    SUPPORT_CHECK(send_word(scene.contexts[index % CLASSES], line->near, &word, size) == 0);
    line->sent++;
}

static bool all_arrived(void)
{
    for (unsigned int i = 0; i < ROUTES; i++) {
        if (atomic_load(&scene.lines[i].arrived) != scene.lines[i].sent)
            return false;
    }
    return true;
}

static uint32_t looked_at(const struct na_context *context)
{
    return util_container_of(context, const struct shm_context, base)->polled_count;
}

/* Turns of the hub in which nothing happens, until it has lost interest in all routes but a few. */
static void cool_down(void)
{
    for (unsigned int i = 0; i < IDLE_TURNS; i++)
        turn(scene.hub);
    SUPPORT_CHECK(looked_at(scene.hub) == LOOKED_AT);
}

/* --- one thread ---------------------------------------------------------------------------------------------- */

static void quiet_routes_are_heard_when_they_speak(void)
{
    scene_open();
    for (unsigned int round = 0; round < 5; round++) {
        cool_down();
        for (unsigned int i = 0; i < ROUTES; i++)
            line_send(i, false, 100);
        UNTIL(all_arrived()) turn(scene.hub);
        for (unsigned int i = 0; i < ROUTES; i += 7) {
            cool_down();
            line_send(i, true, 100);
            UNTIL(all_arrived()) turn(scene.hub);
            UNTIL(scene.lines[i].answered == scene.lines[i].sent) class_turns();
        }
    }
    scene_close();
}

static void quiet_routes_wake_a_sleeper(void)
{
    scene_open();
    for (unsigned int i = 0; i < ROUTES; i++) {
        struct pollfd pollfd = {.fd = na_wait_fd(scene.hub), .events = POLLIN};

        cool_down();
        SUPPORT_CHECK(na_wait_prepare(scene.hub));
        line_send(i, false, 16);
        SUPPORT_CHECK(poll(&pollfd, 1, LOST_MS) == 1);
        na_wait_finish(scene.hub);
        UNTIL(all_arrived()) turn(scene.hub);
    }
    scene_close();
}

static void quiet_routes_may_fill_their_rings_and_end(void)
{
    const unsigned int last = ROUTES - 1;
    uint64_t sent = 0;

    scene_open();
    cool_down();
    for (int ret = 0; ret != -EAGAIN;) {
        struct word word = {.route = last, .number = sent + 1};

        ret = send_word(scene.contexts[last % CLASSES], scene.lines[last].near, &word, 5000);
        SUPPORT_CHECK(ret == 0 || ret == -EAGAIN);
        sent += ret == 0;
    }
    SUPPORT_CHECK(sent > 20);
    na_route_close(scene.lines[last].near);
    (void)na_progress(scene.contexts[last % CLASSES]);
    UNTIL(scene.downs == 1) turn(scene.hub);
    SUPPORT_CHECK(atomic_load(&scene.lines[last].arrived) == sent);
    scene.lines[last].sent = sent;
    scene_close();
}

static void answers_find_their_way_to_quiet_routes(void)
{
    struct na_class *many_class;
    struct na_context *many;

    scene_open();
    /* One class with all the routes, so that it is the one who loses interest. */
    open_context(&many_class, &many, &class_upcalls, false);
    for (unsigned int i = 0; i < ROUTES; i++)
        SUPPORT_CHECK(na_route_open(many, na_class_address(scene.hub_class), 0, NULL, &scene.lines[i].near) == 0);
    UNTIL(scene.ups == 2 * ROUTES)
    {
        all_turn();
        turn(many);
    }
    for (unsigned int i = 0; i < ROUTES; i++) {
        struct word word = {.route = i, .answer = 1, .number = ++scene.lines[i].sent};

        for (unsigned int k = 0; k < IDLE_TURNS; k++)
            turn(many);
        SUPPORT_CHECK(looked_at(many) == LOOKED_AT);
        SUPPORT_CHECK(send_word(many, scene.lines[i].near, &word, sizeof(word)) == 0);
        UNTIL(all_arrived()) turn(scene.hub);
        UNTIL(scene.lines[i].answered == word.number) turn(many);
    }
    na_context_close(many, 0);
    na_class_close(many_class);
    UNTIL(scene.downs == ROUTES) turn(scene.hub);
    scene_close();
}

/* --- threads -------------------------------------------------------------------------------------------------- */

static uint64_t seconds_ns(void)
{
    const char *text = getenv("QS_TEST_SECONDS");

    return (text != NULL ? (uint64_t)atoi(text) : 3) * UTIL_CLOCK_NS_PER_S;
}

/* The hub in a thread of its own: it polls for a while, long enough to lose interest or not, and sleeps. */
static void *hub_main(void *arg)
{
    struct util_prng prng;
    uint64_t polls = 0;

    (void)arg;
    util_prng_init(&prng, support_seed() + 1);
    while (!atomic_load(&scene.over)) {
        if (na_progress(scene.hub) > 0 || polls == 0)
            polls = util_prng_below(&prng, 2) * 1000 + util_prng_below(&prng, 1500);
        if (--polls != 0)
            continue;
        if (na_wait_prepare(scene.hub)) {
            struct pollfd pollfd = {.fd = na_wait_fd(scene.hub), .events = POLLIN};

            SUPPORT_CHECK(poll(&pollfd, 1, LOST_MS * (int)support_slowness()) == 1);
        }
        na_wait_finish(scene.hub);
    }
    return NULL;
}

static void a_hub_that_polls_and_sleeps_hears_everybody(void)
{
    uint64_t end_ns = util_clock_now_ns() + seconds_ns();
    struct util_prng prng;
    uint64_t frames = 0;
    pthread_t thread;

    scene_open();
    util_prng_init(&prng, support_seed());
    SUPPORT_CHECK(pthread_create(&thread, NULL, hub_main, NULL) == 0);
    while (is_before(end_ns)) {
        for (uint64_t count = 1 + util_prng_below(&prng, 4); count > 0; count--, frames++)
            line_send((unsigned int)util_prng_below(&prng, ROUTES), util_prng_below(&prng, 2) == 0, 16);
        if (util_prng_below(&prng, 4) != 0)
            UNTIL(all_arrived()) class_turns();
        for (uint64_t count = util_prng_below(&prng, 300); count > 0; count--)
            (void)na_progress(scene.contexts[0]);
    }
    UNTIL(all_arrived()) class_turns();
    atomic_store(&scene.over, true);
    na_wake(scene.hub);
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    printf("# %llu frames\n", (unsigned long long)frames);
    scene_close();
}

/* --- contexts that come and go ---------------------------------------------------------------------------------- */

/* Sends to both contexts of a class as long as there is one, and connects again when it was closed. */
struct sender {
    pthread_t thread;
    const char *address;
    uint8_t target;
    struct na_context *context;
    struct na_route *route;
    struct na_mem *mem;
    const struct na_remote_segment *remote;
    unsigned char bytes[100000];
    struct na_rma rma;
    bool moving;
    atomic_ulong sent;
    atomic_ulong moved;
    atomic_ulong lost; /* routes */
};

static struct sender senders[2];
static atomic_bool senders_over;

static void sender_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    (void)arg;
    (void)route;
    (void)data;
    (void)size;
}

static void sender_down(void *arg, struct na_route *route, int error)
{
    struct sender *sender = arg;

    (void)error;
    SUPPORT_CHECK(sender->route == route);
    atomic_fetch_add(&sender->lost, 1);
    na_route_close(route);
    sender->route = NULL;
}

static void sender_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static const struct na_upcalls sender_upcalls = {
    .frame = sender_frame, .accept = on_accept, .route_up = sender_up, .route_down = sender_down};

static void sender_moved(struct na_rma *rma, int error)
{
    struct sender *sender = util_container_of(rma, struct sender, rma);

    sender->moving = false;
    if (error == 0)
        atomic_fetch_add(&sender->moved, 1);
}

static void sender_move(struct sender *sender)
{
    sender->rma = (struct na_rma){
        .op = atomic_load(&sender->moved) % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT,
        .route = sender->route,
        .local = sender->bytes,
        .local_mem = sender->mem,
        .size = sizeof(sender->bytes),
        .remote_address = sender->remote->address,
        .key = sender->remote->key,
        .key_size = 8,
        .done = sender_moved,
    };
    sender->moving = na_rma_post(&sender->rma) == 0;
}

static void *sender_main(void *arg)
{
    struct sender *sender = arg;
    struct na_class *na_class;
    struct na_config config = {.uri = "shm"};
    struct na_segment segment = {.base = sender->bytes, .size = sizeof(sender->bytes)};
    struct word word = {0};

    SUPPORT_CHECK(na_class_open(&config, &na_class) == 0);
    SUPPORT_CHECK(na_context_open(na_class, 0, &sender_upcalls, sender, &sender->context) == 0);
    SUPPORT_CHECK(na_mem_register(na_class, &segment, 1, NA_ACCESS_LOCAL, NA_MEM_HOST, 0, &sender->mem) == 0);
    while (!atomic_load(&senders_over)) {
        if (sender->route == NULL)
            SUPPORT_CHECK(na_route_open(sender->context, sender->address, sender->target, NULL, &sender->route) == 0);
        if (send_word(sender->context, sender->route, &word, 1000) == 0)
            atomic_fetch_add(&sender->sent, 1);
        if (!sender->moving)
            sender_move(sender);
        turn(sender->context);
    }
    na_mem_deregister(sender->mem);
    na_context_close(sender->context, 0);
    na_class_close(na_class);
    return NULL;
}

static void goer_down(void *arg, struct na_route *route, int error)
{
    (void)arg;
    (void)error;
    na_route_close(route);
}

static const struct na_upcalls goer_upcalls = {
    .frame = sender_frame, .accept = on_accept, .route_up = sender_up, .route_down = goer_down};

/* Whether the sender has been through with something of each kind. */
static bool has_sent(struct sender *sender)
{
    return atomic_load(&sender->sent) > 0 && atomic_load(&sender->moved) >= 3;
}

static void contexts_come_and_go_while_peers_send(void)
{
    static unsigned char memory[100000];
    struct na_config config = {.uri = "shm", .listen = true, .context_count_max = 2};
    struct na_segment segment = {.base = memory, .size = sizeof(memory)};
    uint64_t end_ns = util_clock_now_ns() + seconds_ns();
    struct na_remote_segment remote;
    struct na_class *na_class;
    struct na_mem *mem;
    struct util_prng prng;
    unsigned long rounds = 0;

    util_prng_init(&prng, support_seed());
    SUPPORT_CHECK(na_class_open(&config, &na_class) == 0);
    SUPPORT_CHECK(na_mem_register(na_class, &segment, 1, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE, NA_MEM_HOST, 0,
                                  &mem) == 0);
    na_mem_describe(mem, 0, &remote);
    for (uint8_t i = 0; i < 2; i++) {
        senders[i] = (struct sender){.address = na_class_address(na_class), .target = i, .remote = &remote};
        SUPPORT_CHECK(pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]) == 0);
    }
    for (; is_before(end_ns) || atomic_load(&senders[0].lost) < 3 || !has_sent(&senders[0]) || !has_sent(&senders[1]);
         rounds++) {
        struct na_context *contexts[2];

        SUPPORT_CHECK(is_before(end_ns + UTIL_CLOCK_NS_PER_MS * LOST_MS * support_slowness()));
        for (uint8_t i = 0; i < 2; i++)
            SUPPORT_CHECK(na_context_open(na_class, i, &goer_upcalls, NULL, &contexts[i]) == 0);
        for (uint64_t turns = util_prng_below(&prng, 20000); turns > 0; turns--) {
            (void)na_progress(contexts[0]);
            (void)na_progress(contexts[1]);
        }
        na_context_close(contexts[rounds % 2], 0);
        na_context_close(contexts[1 - rounds % 2], 0);
    }
    atomic_store(&senders_over, true);
    for (unsigned int i = 0; i < 2; i++) {
        SUPPORT_CHECK(pthread_join(senders[i].thread, NULL) == 0);
        printf("# %lu frames, %lu transfers, %lu routes lost in %lu rounds\n", atomic_load(&senders[i].sent),
               atomic_load(&senders[i].moved), atomic_load(&senders[i].lost), rounds);
    }
    na_mem_deregister(mem);
    na_class_close(na_class);
}

static const struct support_case cases[] = {
    {"quiet_routes_are_heard_when_they_speak", quiet_routes_are_heard_when_they_speak, 60},
    {"quiet_routes_wake_a_sleeper", quiet_routes_wake_a_sleeper, 60},
    {"quiet_routes_may_fill_their_rings_and_end", quiet_routes_may_fill_their_rings_and_end, 60},
    {"answers_find_their_way_to_quiet_routes", answers_find_their_way_to_quiet_routes, 60},
    {"a_hub_that_polls_and_sleeps_hears_everybody", a_hub_that_polls_and_sleeps_hears_everybody, 60},
    {"contexts_come_and_go_while_peers_send", contexts_come_and_go_while_peers_send, 60},
    {NULL, NULL, 0},
};

static void setup(void)
{
    support_suite_set_parameter("shm");
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, setup);
}
