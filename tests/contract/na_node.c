/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One end of a conversation in the contract tests of na. Frames are laid out as: number 8, kind 4,
 * size 4, address of the sender (terminated, fixed room), pattern. One thread per node.
 */
#include "tests/contract/na_node.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_bytes.h"
#include "util/util_detail.h"

enum { OFFSET_KIND = 8, OFFSET_SIZE = 12, OFFSET_ADDRESS = 16, ADDRESS_ROOM = NODE_HEADER_SIZE - OFFSET_ADDRESS };

/* --- frames ------------------------------------------------------------------------------------------ */

static unsigned char pattern_byte(uint64_t seq, size_t offset)
{
    return (unsigned char)(seq * 31 + offset * 7 + (offset >> 8));
}

static bool frame_is_good(const unsigned char *data, size_t size)
{
    uint64_t seq;

    if (size < NODE_HEADER_SIZE || util_bytes_get32(data + OFFSET_SIZE) != size || ((uintptr_t)data & 7U) != 0)
        return false;
    seq = util_bytes_get64(data);
    for (size_t i = NODE_HEADER_SIZE; i < size; i++) {
        if (data[i] != pattern_byte(seq, i))
            return false;
    }
    return true;
}

static void frame_fill(const struct node *node, struct na_frame *frame, enum node_kind kind, uint64_t seq, size_t size)
{
    memset(frame->data, 0, NODE_HEADER_SIZE);
    util_bytes_put64(frame->data, seq);
    util_bytes_put32(frame->data + OFFSET_KIND, (uint32_t)kind);
    util_bytes_put32(frame->data + OFFSET_SIZE, (uint32_t)size);
    (void)snprintf((char *)frame->data + OFFSET_ADDRESS, ADDRESS_ROOM, "%s", na_context_address(node->context));
    for (size_t i = NODE_HEADER_SIZE; i < size; i++)
        frame->data[i] = pattern_byte(seq, i);
    frame->size = size;
}

int node_send(struct node *node, struct na_route *route, enum node_kind kind, uint64_t seq, size_t size)
{
    struct na_frame *frame = na_frame_get(node->context);
    int ret;

    if (frame == NULL)
        return -EAGAIN;
    frame_fill(node, frame, kind, seq, size);
    ret = na_send(route, frame);
    if (ret != 0)
        na_frame_put(node->context, frame);
    return ret;
}

void node_send_surely(struct node *node, struct node *other, struct na_route *route, enum node_kind kind, uint64_t seq,
                      size_t size)
{
    int ret = -EAGAIN;

    NODE_UNTIL((ret = node_send(node, route, kind, seq, size)) != -EAGAIN, 10000)
    {
        (void)node_pump(node);
        if (other != NULL)
            (void)node_pump(other);
    }
    if (ret != 0)
        support_suite_fail("frame %llu was not taken: %d", (unsigned long long)seq, ret);
}

/* --- upcalls -------------------------------------------------------------------------------------------- */

static struct na_route *route_back(struct node *node, struct na_route *route, const unsigned char *data)
{
    const char *address = (const char *)data + OFFSET_ADDRESS;

    if (route != NULL)
        return route;
    if (node->back == NULL || strcmp(node->back_address, address) != 0) {
        na_route_close(node->back);
        node->back = node_route(node, address);
        (void)snprintf(node->back_address, sizeof(node->back_address), "%s", address);
    }
    return node->back;
}

static void reply_later(struct node *node, struct na_frame *frame)
{
    struct na_frame **link = &node->replies;

    while (*link != NULL)
        link = &(*link)->next;
    frame->next = NULL;
    *link = frame;
}

static void reply(struct node *node, struct na_route *route, const unsigned char *data, size_t size)
{
    struct na_frame *frame = na_frame_get(node->context);
    struct na_route *way = route_back(node, route, data);

    SUPPORT_CHECK(frame != NULL);
    frame_fill(node, frame, NODE_KIND_DATA, util_bytes_get64(data), size);
    if (na_send(way, frame) != 0)
        reply_later(node, frame);
}

static void on_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct node *node = arg;

    if (!frame_is_good(data, size)) {
        node->bad_frames++;
        return;
    }
    if (util_bytes_get64(data) != node->next_seq)
        node->out_of_order++;
    node->next_seq = util_bytes_get64(data) + 1;
    node->frames++;
    if (node->close_on_frame && route != NULL) {
        node->accepted_count = 0;
        na_route_close(route);
        return;
    }
    if (util_bytes_get32((const unsigned char *)data + OFFSET_KIND) == NODE_KIND_ECHO)
        reply(node, route, data, size);
}

static void on_accept(void *arg, struct na_route *route)
{
    struct node *node = arg;

    if (node->close_on_accept) {
        na_route_close(route);
        return;
    }
    SUPPORT_CHECK(node->accepted_count < NODE_ROUTES_MAX);
    node->accepted[node->accepted_count++] = route;
}

static void on_up(void *arg, struct na_route *route)
{
    struct node *node = arg;

    node->ups++;
    if (node->close_on_up)
        na_route_close(route);
}

static void on_down(void *arg, struct na_route *route, int error)
{
    struct node *node = arg;

    node->downs++;
    node->down_error = error;
    node->down_route = route;
    for (uint32_t i = 0; i < node->accepted_count; i++) {
        if (node->accepted[i] == route) {
            node->accepted[i] = node->accepted[--node->accepted_count];
            na_route_close(route);
            return;
        }
    }
    if (route == node->back) {
        node->back = NULL;
        na_route_close(route);
    }
}

static const struct na_upcalls upcalls = {
    .frame = on_frame, .accept = on_accept, .route_up = on_up, .route_down = on_down};

/* --- open and close ---------------------------------------------------------------------------------------- */

void node_upcall_ignore(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

void node_upcall_close(void *arg, struct na_route *route, int error)
{
    (void)arg;
    (void)error;
    na_route_close(route);
}

const char *node_uri(void)
{
    static char uri[96];

    support_suite_uri(support_suite_parameter(), uri, sizeof(uri));
    return uri;
}

void node_open_config(struct node *node, const struct na_config *config)
{
    struct na_config own = *config;
    int ret;

    memset(node, 0, sizeof(*node));
    if (own.uri == NULL)
        own.uri = node_uri();
    ret = na_class_open(&own, &node->na_class);
    if (ret == -ENODEV || ret == -EPROTONOSUPPORT) {
        if (strcmp(support_suite_parameter(), "tcp") == 0 || strcmp(support_suite_parameter(), "shm") == 0)
            support_suite_fail("a provider that every machine has is missing: %s", util_detail_get());
        support_suite_skip(util_detail_get());
    }
    if (ret != 0)
        support_suite_fail("%s does not open: %d, %s", own.uri, ret, util_detail_get());
    ret = na_context_open(node->na_class, 0, &upcalls, node, &node->context);
    if (ret != 0)
        support_suite_fail("a context of %s does not open: %d, %s", own.uri, ret, util_detail_get());
}

void node_open(struct node *node, bool listen)
{
    node_open_config(node, &(struct na_config){.listen = listen});
}

void node_close(struct node *node)
{
    while (node->replies != NULL) {
        struct na_frame *frame = node->replies;
        node->replies = frame->next;
        na_frame_put(node->context, frame);
    }
    na_context_close(node->context, 100);
    na_class_close(node->na_class);
    memset(node, 0, sizeof(*node));
}

int node_pump(struct node *node)
{
    int count = na_progress(node->context);

    if (count < 0)
        support_suite_fail("na_progress failed: %d", count);
    while (node->replies != NULL && node->back != NULL) {
        struct na_frame *frame = node->replies;
        struct na_frame *next = frame->next;
        if (na_send(node->back, frame) != 0)
            break;
        node->replies = next;
    }
    return count;
}

void node_pump_both(struct node *one, struct node *two)
{
    if (node_pump(one) + node_pump(two) == 0)
        (void)usleep(20);
}

struct na_route *node_route(struct node *node, const char *address)
{
    struct na_route *route = NULL;
    int ret = na_route_open(node->context, address, 0, node, &route);

    if (ret != 0)
        support_suite_fail("no route to %s: %d, %s", address, ret, util_detail_get());
    return route;
}

bool node_kept_order(const struct node *node)
{
    return node->out_of_order == 0 || !na_class_limits(node->na_class)->ordered;
}

struct na_route *node_meet(struct node *node, struct node *other, const char *address)
{
    struct na_route *route = node_route(node, address);
    uint64_t frames = node->frames;

    node_send_surely(node, other, route, NODE_KIND_ECHO, frames, 1000);
    NODE_UNTIL(node->frames > frames, 10000)
    {
        if (other != NULL)
            node_pump_both(node, other);
        else
            (void)node_pump(node);
    }
    SUPPORT_CHECK(node->frames == frames + 1);
    return route;
}

uint64_t node_deadline_us(unsigned int ms)
{
    return support_suite_now_us() + (uint64_t)ms * 1000 * support_slowness();
}

bool node_before(uint64_t end_us)
{
    return support_suite_now_us() < end_us;
}

/* --- children --------------------------------------------------------------------------------------------------- */

void node_child_start(struct node_child *child, void (*work)(int out_fd, int control_fd, const char *argument),
                      const char *argument)
{
    int out[2];
    int control[2];

    SUPPORT_CHECK(pipe(out) == 0 && pipe(control) == 0);
    (void)fflush(NULL);
    child->pid = fork();
    SUPPORT_CHECK(child->pid >= 0);
    if (child->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a case that failed must not leave it behind */
        (void)close(out[0]);
        (void)close(control[1]);
        work(out[1], control[0], argument);
        _exit(0);
    }
    (void)close(out[1]);
    (void)close(control[0]);
    child->fd = out[0];
    child->control = control[1];
}

void node_child_line(struct node_child *child, char *line, size_t size)
{
    size_t used = 0;
    char ch = 0;

    while (used + 1 < size && read(child->fd, &ch, 1) == 1 && ch != '\n')
        line[used++] = ch;
    line[used] = '\0';
    if (ch != '\n')
        support_suite_fail("the child ended early, after '%s'", line);
}

static void child_reap(struct node_child *child)
{
    (void)waitpid(child->pid, NULL, 0);
    if (child->fd >= 0)
        (void)close(child->fd);
    if (child->control >= 0)
        (void)close(child->control);
    child->fd = -1;
    child->control = -1;
}

void node_child_kill(struct node_child *child)
{
    (void)kill(child->pid, SIGKILL);
    child_reap(child);
}

void node_child_must_be_missed(struct node_child *child, struct node *client)
{
    if (na_class_limits(client->na_class)->death_notice)
        return;
    node_close(client);
    node_child_kill(child);
    support_suite_skip("the transport does not notice deaths");
}

void node_child_end(struct node_child *child)
{
    (void)close(child->control);
    child->control = -1;
    child_reap(child);
}

static bool control_ended(int control_fd)
{
    struct pollfd pollfd = {.fd = control_fd, .events = POLLIN};
    char ch;

    return poll(&pollfd, 1, 0) > 0 && read(control_fd, &ch, 1) <= 0;
}

void node_child_serve(int out_fd, int control_fd, const char *uri)
{
    struct node node;

    node_open_config(&node, &(struct na_config){.uri = uri, .listen = true});
    (void)dprintf(out_fd, "%s\n", na_class_address(node.na_class));
    for (unsigned int turn = 0; turn % 64 != 0 || !control_ended(control_fd); turn++) {
        if (node_pump(&node) == 0)
            (void)usleep(20);
    }
    node_close(&node);
}
