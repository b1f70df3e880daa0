/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Inside the fake libfabric: its objects, and the time line on which packets travel.
 *
 * fake_fi_net.c has the time line, the links and what dies; fake_fi_open.c opens fabrics and domains; fake_fi_queue.c has
 * completion and event queues; fake_fi_connect.c connections; fake_fi_data.c operations and what arrives for them;
 * fake_fi_memory.c registrations. A packet never holds a pointer into an endpoint: endpoints have numbers that are not
 * used again, so that either end may go at any time.
 */
#ifndef FAKE_FI_NET_H
#define FAKE_FI_NET_H

#include <netinet/in.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "tests/support/fake_fi.h"
#include "tests/support/fault_point.h"
#include "util/util_list.h"
#include "util/util_rand.h"

enum {
    FAKE_MESSAGE_MAX = 8192, /* small, so that payloads come in pieces soon */
    FAKE_INJECT_MAX = 128,
    FAKE_PRIVATE_MAX = 64,
    FAKE_PIPE_MAX = 48, /* packets that a connection holds before it refuses more */
};

/* --- the time line ------------------------------------------------------------------------------- */

struct fake_event {
    uint64_t at_ns;
    uint64_t order; /* among those of the same time */
    void (*run)(struct fake_event *event);
    void (*drop)(struct fake_event *event); /* frees it, when the network ends */
};

/* Puts an event on the time line; the event owns itself from here on. */
void fake_event_put(struct fake_event *event, uint64_t at_ns);

struct fake_life;
struct fake_pipe;

/* The network; one at a time. */
struct fake_net {
    struct util_prng prng; /* what goes wrong, and how long things take */
    uint64_t now_ns;
    uint64_t idle_ns;
    unsigned int touched; /* nodes at which something arrived */
    struct fake_event **heap;
    size_t heap_count, heap_capacity;
    uint64_t order;
    struct fake_fi_link links[FAKE_FI_NODES][FAKE_FI_NODES];
    struct fake_fi_trouble troubles[FAKE_FI_NODES];
    struct fake_fi_counts counts;
    void (*trace)(const char *line);
    void (*arrival)(unsigned int node, const void *bytes, size_t size);
    struct util_list lives;     /* of struct fake_life */
    struct util_list pipes;     /* of struct fake_pipe */
    struct util_list endpoints; /* of struct fake_ep */
    struct util_list peps;      /* of struct fake_pep */
    struct util_list requests;  /* of struct fake_request */
    uint64_t numbers;           /* given to endpoints and operations */
};
extern struct fake_net fake_net;

void fake_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Notes a use of the interface that libfabric does not allow. */
void fake_misuse(const char *what);
/* A number in [0, bound). */
uint64_t fake_below(uint64_t bound);
bool fake_chance(uint32_t permille);
/* How long a packet takes, with retransmissions as far as connections have them. */
uint64_t fake_travel_ns(unsigned int from, unsigned int to, bool connection);
bool fake_link_cut(unsigned int from, unsigned int to);
void *fake_alloc(size_t size);

/* --- objects --------------------------------------------------------------------------------------- */

/* A fabric: one life of a node's process. */
struct fake_life {
    struct fid_fabric fid;
    struct util_list link;
    unsigned int node;
    unsigned int number; /* counts the lives of all nodes */
    bool dead;
};

struct fake_domain {
    struct fid_domain fid;
    struct fake_life *life;
    bool datagram;
    struct util_list memory; /* of struct fake_mr */
};

struct fake_mr {
    struct fid_mr fid;
    struct util_list link;
    struct fake_domain *domain;
    unsigned char *base;
    size_t size;
    uint64_t access;
};

struct fake_cq {
    struct fid_cq fid;
    struct fake_life *life;
    struct util_list entries; /* of struct fake_entry */
};

struct fake_eq {
    struct fid_eq fid;
    struct fake_life *life;
    struct util_list events; /* of struct fake_notice */
};

/* Receive buffers: of a datagram endpoint, or shared by connections. */
struct fake_rx {
    struct fid_ep fid;
    struct fake_domain *domain;
    struct util_list buffers; /* of struct fake_buffer */
    size_t room;              /* a multi-receive buffer with less left is given up */
};

struct fake_buffer {
    struct util_list link;
    unsigned char *base;
    size_t size, used;
    void *context;
    bool multi;
};

struct fake_av {
    struct fid_av fid;
    struct sockaddr_in *addresses; /* sin_family 0: free */
    size_t count;
};

enum fake_ep_state {
    FAKE_EP_NEW,
    FAKE_EP_CONNECTING,
    FAKE_EP_UP,
    FAKE_EP_SHUT, /* the connection is over, as far as this end knows */
};

struct fake_ep {
    struct fake_rx rx; /* first: its fid is the endpoint's; buffers of a datagram endpoint */
    struct util_list link;
    uint64_t number;
    struct fake_domain *domain;
    struct fake_cq *cq;
    struct fake_eq *eq;
    struct fake_rx *receives; /* where messages go: its own, or the shared ones */
    struct fake_av *av;
    struct sockaddr_in address; /* of a datagram endpoint */
    enum fake_ep_state state;
    struct fake_request *request; /* the connect request that it was made for or makes */
    struct fake_pipe *out;        /* of a connection */
    struct util_list operations;  /* of struct fake_op */
    unsigned int sending;         /* its datagrams on their way */
};

struct fake_op {
    struct util_list link;
    uint64_t number;
    uint64_t flags; /* of its completion */
    void *context;
    unsigned char *local;
    size_t size;
};

struct fake_pep {
    struct fid_pep fid;
    struct util_list link;
    struct fake_life *life;
    struct fake_eq *eq;
    struct sockaddr_in address;
    bool listening;
};

/* --- packets ------------------------------------------------------------------------------------------ */

enum fake_packet_kind {
    FAKE_PACKET_MESSAGE,
    FAKE_PACKET_READ,
    FAKE_PACKET_READ_REPLY,
    FAKE_PACKET_WRITE,
    FAKE_PACKET_WRITE_REPLY,
    FAKE_PACKET_END, /* of a connection */
};

struct fake_packet {
    struct fake_event event; /* first: of a datagram */
    struct util_list link;   /* on its pipe */
    enum fake_packet_kind kind;
    unsigned int from_node, to_node;
    uint64_t from_ep, to_ep;
    struct sockaddr_in to; /* of a datagram, where to_ep is 0 */
    uint64_t op;           /* of the sender: what is completed by it or by its reply; 0: nothing */
    uint64_t ready_ns;     /* on a pipe: not before */
    uint64_t give_up_ns;   /* of a datagram */
    uint64_t address, key; /* of remote memory */
    uint64_t data;         /* remote completion data */
    bool counted;          /* in `sending` of its endpoint */
    int error;             /* of a reply */
    size_t wanted;         /* of a read */
    size_t size;
    unsigned char bytes[];
};

/* One direction of a connection. */
struct fake_pipe {
    struct fake_event event; /* of its first packet */
    struct util_list link;
    struct util_list packets;
    unsigned int count;
    unsigned int from_node, to_node;
    uint64_t from_ep, to_ep;
    struct fake_pipe *back;
    uint64_t last_ns; /* when its last packet will be ready */
    bool armed;
    bool broken; /* takes packets and loses them */
};

/* A connection being made. */
struct fake_request {
    struct fid fid; /* the handle in fi_info */
    struct util_list link;
    uint64_t origin; /* endpoint */
    uint64_t target; /* endpoint, once accepted */
    unsigned int origin_node, target_node;
    struct fake_pep *pep; /* that it was told to; NULL: none yet, or it is gone */
    struct sockaddr_in to;
    unsigned char param[FAKE_PRIVATE_MAX];
    size_t param_size;
    bool answered;
};

/* --- between the files ---------------------------------------------------------------------------------- */

/* Whether the life of a domain, endpoint or queue is over. */
static inline bool fake_ep_dead(const struct fake_ep *ep)
{
    return ep->domain->life->dead;
}

struct fake_ep *fake_ep_find(uint64_t number);
/* The datagram endpoint of a living process at an address, or NULL. */
struct fake_ep *fake_ep_at(const struct sockaddr_in *address);
unsigned int fake_node_of(const struct sockaddr_in *address);
/* Ends every operation of the endpoint with an error, or forgets them. */
void fake_ep_flush(struct fake_ep *ep, int error);
/* The connection is over for this end, which is told. */
void fake_ep_shut(struct fake_ep *ep);

/* An info with empty attributes. */
struct fi_info *fake_info_new(void);
int fake_domain_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **out, void *context);
int fake_pep_open(struct fid_fabric *fabric, struct fi_info *info, struct fid_pep **out, void *context);
int fake_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **out, void *context);
int fake_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **out, void *context);
int fake_av_open(struct fid_domain *domain, struct fi_av_attr *attr, struct fid_av **out, void *context);
int fake_ep_open(struct fid_domain *domain, struct fi_info *info, struct fid_ep **out, void *context);
int fake_srx_open(struct fid_domain *domain, struct fi_rx_attr *attr, struct fid_ep **out, void *context);
extern struct fi_ops_mr fake_mr_ops;
int fake_ep_connect(struct fid_ep *ep, const void *addr, const void *param, size_t paramlen);
int fake_ep_accept(struct fid_ep *ep, const void *param, size_t paramlen);
extern struct fi_ops_msg fake_msg_ops;
extern struct fi_ops_rma fake_rma_ops;

/* Adds a completion, good (error 0) or bad. */
void fake_cq_add(struct fake_cq *cq, const struct fi_cq_data_entry *entry, int error);
/* Adds an event about an endpoint, or about a request (info); takes the info over. */
void fake_eq_add(struct fake_eq *eq, uint32_t kind, fid_t fid, struct fi_info *info, int error, const void *param,
                 size_t param_size);
/* Forgets the events that name the object. */
void fake_eq_purge(struct fake_eq *eq, const struct fid *fid);

/* The registration behind a key, if it gives the whole range that kind of access; else an error. */
int fake_mr_check(struct fake_domain *domain, const struct fake_packet *packet, uint64_t access, size_t size,
                  unsigned char **memory_out);
/* Whether a local buffer is what the provider asks for. */
void fake_mr_check_local(const struct fake_ep *ep, const void *buf, size_t size, const void *desc);

struct fake_pipe *fake_pipe_make(const struct fake_ep *from, unsigned int to_node, uint64_t to_ep);
/* Sends a packet on its pipe, or by itself; takes it over. */
void fake_packet_send(struct fake_ep *ep, struct fake_packet *packet);
/* The end of the connection follows what is on the pipe, or takes its place (`lose`). NULL is allowed. */
void fake_pipe_end(struct fake_pipe *pipe, bool lose);
void fake_pipe_clear(struct fake_pipe *pipe);
/* A packet has arrived: false where it must wait for room. The packet remains the caller's. */
bool fake_data_arrive(struct fake_ep *ep, struct fake_packet *packet);
void fake_data_lost(struct fake_packet *packet);
struct fake_packet *fake_packet_make(enum fake_packet_kind kind, const void *bytes, size_t size);
/* The operation of this number ends. */
void fake_op_end(struct fake_ep *ep, uint64_t number, int error);
void fake_connect_forget(struct fake_pep *pep);
void fake_connect_free_all(void);

#endif
