/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A libfabric in memory, on a simulated clock: many nodes in one process, and a network between them whose faults are
 * chosen by a seed.
 *
 * It defines the six functions that na/ofi calls by name (fi_getinfo and so on); everything else goes through the tables
 * inside the objects that they open. A program that has it is not linked with libfabric. Two providers are there: `tcp`,
 * with connected endpoints as of libfabric 1.20, and FAKE_FI_DATAGRAM, with datagram endpoints that keep no order, take
 * multi-receive buffers and want every local buffer registered.
 *
 * A node is a host, 10.0.0.<node + 1>. A fabric opened with that address as its source lives on the node, and is one
 * life of the node's process: fake_fi_kill() ends it as SIGKILL would, and the next fabric on the node is the next life.
 *
 * Time stands still while the library runs, apart from fake_fi_set_idle_ns(). fake_fi_advance() moves it, and what is on
 * its way arrives in queues of the receivers, whom the caller then lets make progress. Everything depends on the seed
 * alone: random numbers of the library come from here, too. One thread.
 *
 * Each function of the interface is a point of fault_point.h, by its own name: a test can make the n-th call of it fail. Besides,
 * "send completion", "receive completion" and "rma completion" are operations that were taken and end with an error; what was
 * sent by such a one is lost.
 */
#ifndef FAKE_FI_H
#define FAKE_FI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_FI_NODES    8U
#define FAKE_FI_DATAGRAM "fake_rdm"

/* One direction between two nodes. Connections lose nothing: there a drop is a retransmission, which takes its time. */
struct fake_fi_link {
    bool cut;                    /* nothing arrives; it waits for the cut to heal */
    uint32_t delay_ns;           /* one way, at least */
    uint32_t jitter_ns;          /* added by chance; reorders datagrams */
    uint32_t drop_permille;      /* of packets */
    uint32_t duplicate_permille; /* of datagrams with messages */
};

/* What goes wrong inside a node's own libfabric. */
struct fake_fi_trouble {
    uint32_t eagain_permille; /* of posted operations */
    uint32_t memory_permille; /* of registrations, which fail with FI_ENOMEM */
};

/* What is open in libfabric, and what has been seen to be wrong about its use. */
struct fake_fi_counts {
    unsigned int fabrics, domains, queues, endpoints, registrations, addresses, infos;
    unsigned int messages; /* sent since fake_fi_begin() */
    unsigned int misuses;  /* of the interface by the library; each is told to the trace */
};

/* Starts a network without nodes, puts its clock and its random numbers in force. */
void fake_fi_begin(uint64_t seed);
/* Ends it; what the library left open is freed. */
void fake_fi_end(void);

/* Told of whatever happens, as one line without an end; NULL for nobody. */
void fake_fi_set_trace(void (*trace)(const char *line));

/* Told of each message when it enters the receiver's completion queue; NULL for nobody. */
void fake_fi_set_arrival(void (*arrival)(unsigned int node, const void *bytes, size_t size));

uint64_t fake_fi_now_ns(void);
/* When something will arrive next; UINT64_MAX: nothing is on its way. */
uint64_t fake_fi_next_ns(void);
/* Moves time to to_ns (not back); gives the nodes at which something arrived, one bit each. */
unsigned int fake_fi_advance(uint64_t to_ns);
/* How much time passes with each look into an empty completion queue: 0, or more around calls that wait by themselves. */
void fake_fi_set_idle_ns(uint64_t idle_ns);

struct fake_fi_link *fake_fi_link(unsigned int from, unsigned int to);
struct fake_fi_trouble *fake_fi_trouble(unsigned int node);

/* Ends the process on the node as a signal would: nothing leaves it any more, its peers see their connections end. The
 * library's objects stay until they are closed. */
void fake_fi_kill(unsigned int node);

/* Ends one connection, chosen by chance among all; false if there is none. The two ends learn of it at different times: with
 * `half`, one of them only after seconds. */
bool fake_fi_reset_connection(bool half);

struct fake_fi_counts fake_fi_counts(void);

#endif
