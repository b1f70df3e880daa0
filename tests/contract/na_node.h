/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * One end of a conversation in the contract tests of na: a class, a context, and a record of what
 * was called up.
 *
 * The provider is the suite's parameter. Frames carry a header with the sender's address, since
 * transports without connections do not say where a frame came from, and a pattern that depends on
 * their number. One thread per node.
 */
#ifndef TESTS_NA_NODE_H
#define TESTS_NA_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "na/na.h"

enum { NODE_ROUTES_MAX = 64, NODE_HEADER_SIZE = 280 };

enum node_kind {
    NODE_KIND_DATA, /* to be counted */
    NODE_KIND_ECHO, /* to be sent back as NODE_KIND_DATA with the same number and size */
};

struct node {
    struct na_class *na_class;
    struct na_context *context;
    struct na_route *accepted[NODE_ROUTES_MAX];
    uint32_t accepted_count;
    uint32_t ups;
    uint32_t downs;
    int down_error;              /* of the last route_down */
    struct na_route *down_route; /* named by it */
    uint64_t frames;             /* that arrived whole */
    uint64_t bad_frames;
    uint64_t next_seq;     /* of the frame that must come next, where order is kept */
    uint64_t out_of_order; /* frames that were not that */
    struct na_route *back; /* route to the sender of the last echo request, where there are no connections */
    char back_address[NA_ADDRESS_MAX];
    struct na_frame *replies; /* refused ones, to be tried again */
    uint64_t last_route_frames;
    bool close_on_frame;  /* close the route that a frame came by, inside the upcall */
    bool close_on_accept; /* close a route as soon as it is accepted, inside the upcall */
    bool close_on_up;     /* close a route as soon as it is up, inside the upcall */
};

/* Opens class and context 0 for the suite's provider; `host` as in "127.0.0.1" or NULL for the
 * default of the suite, which is loopback. Fails the test when that is not possible. */
void node_open(struct node *node, bool listen);
/* With all settings; `config.uri` NULL for the suite's default. Skips the test if the machine has no such
 * provider and the suite can do without. */
void node_open_config(struct node *node, const struct na_config *config);
void node_close(struct node *node);

/* The info string of the suite's provider on loopback. */
const char *node_uri(void);

/* A turn of progress. Gives the number of events. */
int node_pump(struct node *node);
/* A turn of both, and a short rest when neither had anything to do. */
void node_pump_both(struct node *one, struct node *two);

/* Upcalls for contexts that are no nodes: one that does nothing about a route, and one that closes it when it ends. */
void node_upcall_ignore(void *arg, struct na_route *route);
void node_upcall_close(void *arg, struct na_route *route, int error);

/* Opens a route to another node's address. */
struct na_route *node_route(struct node *node, const char *address);

/* Sends one frame with a pattern: what na_send said, -EAGAIN also when there is no frame to fill. */
int node_send(struct node *node, struct na_route *route, enum node_kind kind, uint64_t seq, size_t size);
/* The same, pumping both nodes while it is refused; fails the test after some seconds. */
void node_send_surely(struct node *node, struct node *other, struct na_route *route, enum node_kind kind, uint64_t seq,
                      size_t size);

/* Whether frames came in the order in which they were sent, where the transport promises that. */
bool node_kept_order(const struct node *node);

/* Opens a route to a node, sends it a frame, and waits until that has come back. `other` is the node, or NULL when it is
 * in another process. */
struct na_route *node_meet(struct node *node, struct node *other, const char *address);

/* True while `end_us` is ahead; for loops that wait for something. */
bool node_before(uint64_t end_us);
uint64_t node_deadline_us(unsigned int ms);

/* Loops, with a body that pumps, until the condition holds or the time is over. */
#define NODE_UNTIL(condition, ms) for (uint64_t end_us_ = node_deadline_us(ms); !(condition) && node_before(end_us_);)

/* A child process that runs `work` with the write end of a pipe; must be forked before this process
 * opens anything. The parent reads a line from `fd`. */
struct node_child {
    pid_t pid;
    int fd;      /* lines from the child */
    int control; /* bytes to the child */
};
void node_child_start(struct node_child *child, void (*work)(int out_fd, int control_fd, const char *argument),
                      const char *argument);
/* The child's next line, without its newline. */
void node_child_line(struct node_child *child, char *line, size_t size);
void node_child_kill(struct node_child *child);
/* Skips the case, with the child killed, where the transport does not notice deaths. */
void node_child_must_be_missed(struct node_child *child, struct node *client);
/* Ends a child that waits for its control pipe. */
void node_child_end(struct node_child *child);

/* Work for a child: a listening node that writes its address and serves until the control pipe ends. */
void node_child_serve(int out_fd, int control_fd, const char *uri);

#endif
