/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Operations of the fake libfabric, and what arrives for them. The bytes of a message or of a put are taken when it is
 * posted; those of a get when the request is at the target. An operation is on its endpoint's list until it ends, so that
 * nothing is written to memory for one that has ended.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi_net.h"

enum { DATAGRAMS_MAX = 64 };

/* What is posted. */
struct post {
    enum fake_packet_kind kind;
    void *buf;
    size_t size;
    const void *desc;
    fi_addr_t to;
    uint64_t data;
    uint64_t address, key;
    void *context;
    bool inject;
};

/* --- receives ------------------------------------------------------------------------------------------- */

static ssize_t data_recvmsg(struct fid_ep *fid, const struct fi_msg *msg, uint64_t flags)
{
    struct fake_rx *rx = util_container_of(fid, struct fake_rx, fid);
    struct fake_buffer *buffer;
    int error = fault_point_hit("fi_recvmsg");

    if (error != 0)
        return -error;
    if (fake_chance(fake_net.troubles[rx->domain->life->node].eagain_permille))
        return -FI_EAGAIN;
    buffer = fake_alloc(sizeof(*buffer));
    buffer->base = msg->msg_iov[0].iov_base;
    buffer->size = msg->msg_iov[0].iov_len;
    buffer->context = msg->context;
    buffer->multi = (flags & FI_MULTI_RECV) != 0;
    util_list_push(&rx->buffers, &buffer->link);
    return 0;
}

static bool message_arrive(struct fake_ep *ep, struct fake_packet *packet)
{
    struct util_list *node = util_list_first(&ep->receives->buffers);
    struct fi_cq_data_entry entry = {.flags = FI_RECV | FI_MSG, .len = packet->size, .data = packet->data};
    struct fake_buffer *buffer;
    struct fake_ep *from;
    int error;

    if (node == NULL)
        return false;
    error = fault_point_hit("receive completion");
    buffer = util_container_of(node, struct fake_buffer, link);
    if (!ep->domain->datagram)
        entry.flags |= FI_REMOTE_CQ_DATA;
    entry.op_context = buffer->context;
    entry.buf = buffer->base + buffer->used;
    if (packet->size > buffer->size - buffer->used)
        fake_misuse("a receive buffer is too small");
    else
        memcpy(entry.buf, packet->bytes, packet->size);
    buffer->used += packet->size;
    if (!buffer->multi || buffer->size - buffer->used < ep->receives->room) {
        entry.flags |= buffer->multi ? FI_MULTI_RECV : 0;
        util_list_remove(&buffer->link);
        free(buffer);
    }
    fake_cq_add(ep->cq, &entry, error);
    if (error == 0 && fake_net.arrival != NULL)
        fake_net.arrival(ep->domain->life->node, packet->bytes, packet->size);
    from = packet->op != 0 ? fake_ep_find(packet->from_ep) : NULL;
    if (from != NULL)
        fake_op_end(from, packet->op, 0);
    if (error != 0 && !ep->domain->datagram) { /* no connection outlives that */
        fake_pipe_end(ep->out, true);
        fake_ep_shut(ep);
    }
    return true;
}

/* --- the ends of operations ---------------------------------------------------------------------------------- */

static struct fake_op *op_find(struct fake_ep *ep, uint64_t number)
{
    util_list_each (node, &ep->operations) {
        struct fake_op *op = util_container_of(node, struct fake_op, link);

        if (op->number == number)
            return op;
    }
    return NULL;
}

void fake_op_end(struct fake_ep *ep, uint64_t number, int error)
{
    struct fake_op *op = op_find(ep, number);
    struct fi_cq_data_entry entry = {0};

    if (op == NULL)
        return;
    entry.op_context = op->context;
    entry.flags = op->flags;
    entry.len = op->size;
    fake_cq_add(ep->cq, &entry, error);
    /* As libfabric 1.17 (net) does with what was being moved when its connection ended. */
    if (error == FI_ECANCELED && !ep->domain->datagram && fake_below(3) == 0)
        fake_cq_add(ep->cq, &entry, error);
    fake_net.touched |= 1U << ep->domain->life->node;
    if ((op->flags & FI_RMA) != 0)
        fake_trace("node %u: its operation %llu ends with error %d", ep->domain->life->node, (unsigned long long)number,
                   error);
    util_list_remove(&op->link);
    free(op);
}

void fake_data_lost(struct fake_packet *packet)
{
    bool reply = packet->kind == FAKE_PACKET_READ_REPLY || packet->kind == FAKE_PACKET_WRITE_REPLY;
    struct fake_ep *ep = fake_ep_find(reply ? packet->to_ep : packet->from_ep);

    if (ep != NULL && packet->op != 0)
        fake_op_end(ep, packet->op, FI_EHOSTUNREACH);
}

/* --- arrivals ---------------------------------------------------------------------------------------------- */

static void reply(struct fake_ep *ep, const struct fake_packet *to, enum fake_packet_kind kind, int error,
                  const void *bytes, size_t size)
{
    struct fake_packet *packet = fake_packet_make(kind, bytes, size);

    packet->op = to->op;
    packet->error = error;
    packet->to_node = to->from_node;
    packet->to_ep = to->from_ep;
    fake_packet_send(ep, packet);
}

static void read_arrive(struct fake_ep *ep, const struct fake_packet *packet)
{
    unsigned char *memory = NULL;
    int error = fake_mr_check(ep->domain, packet, FI_REMOTE_READ, packet->wanted, &memory);

    reply(ep, packet, FAKE_PACKET_READ_REPLY, error, memory, error == 0 ? packet->wanted : 0);
}

static void write_arrive(struct fake_ep *ep, const struct fake_packet *packet)
{
    unsigned char *memory = NULL;
    int error = fake_mr_check(ep->domain, packet, FI_REMOTE_WRITE, packet->size, &memory);

    if (error == 0)
        memcpy(memory, packet->bytes, packet->size);
    reply(ep, packet, FAKE_PACKET_WRITE_REPLY, error, NULL, 0);
}

static void reply_arrive(struct fake_ep *ep, const struct fake_packet *packet)
{
    struct fake_op *op = op_find(ep, packet->op);

    if (op != NULL && packet->error == 0 && packet->kind == FAKE_PACKET_READ_REPLY)
        memcpy(op->local, packet->bytes, packet->size);
    fake_op_end(ep, packet->op, packet->error);
}

bool fake_data_arrive(struct fake_ep *ep, struct fake_packet *packet)
{
    if (ep->state == FAKE_EP_CONNECTING)
        return false;
    if (ep->state != FAKE_EP_UP)
        return true;
    switch (packet->kind) {
    case FAKE_PACKET_MESSAGE:
        return message_arrive(ep, packet);
    case FAKE_PACKET_READ:
        read_arrive(ep, packet);
        return true;
    case FAKE_PACKET_WRITE:
        write_arrive(ep, packet);
        return true;
    case FAKE_PACKET_READ_REPLY:
    case FAKE_PACKET_WRITE_REPLY:
        reply_arrive(ep, packet);
        return true;
    case FAKE_PACKET_END:
        fake_trace("node %u sees the end of a connection with node %u", packet->to_node, packet->from_node);
        fake_ep_shut(ep);
        return true;
    }
    return true;
}

/* --- posting --------------------------------------------------------------------------------------------------- */

static const struct sockaddr_in *post_address(const struct fake_ep *ep, fi_addr_t to)
{
    if (to >= ep->av->count || ep->av->addresses[to].sin_family == 0)
        return NULL;
    return &ep->av->addresses[to];
}

/* Whether the provider takes anything now: 0 or an error. */
static ssize_t post_refused(struct fake_ep *ep, const struct post *post)
{
    unsigned int node = ep->domain->life->node;
    const struct sockaddr_in *to;

    if (fake_ep_dead(ep) || ep->state == FAKE_EP_SHUT)
        return -FI_ENOTCONN;
    if (ep->state != FAKE_EP_UP) {
        fake_misuse("an operation was posted before its connection is there");
        return -FI_ENOTCONN;
    }
    if (fake_chance(fake_net.troubles[node].eagain_permille))
        return -FI_EAGAIN;
    if (!ep->domain->datagram)
        return ep->out->count >= FAKE_PIPE_MAX ? -FI_EAGAIN : 0;
    to = post_address(ep, post->to);
    if (to == NULL) {
        fake_misuse("an operation names an address that is not there");
        return -FI_EINVAL;
    }
    if (ep->sending >= DATAGRAMS_MAX)
        return -FI_EAGAIN;
    return fake_ep_at(to) == NULL && !fake_link_cut(node, fake_node_of(to)) ? -FI_EAGAIN : 0;
}

static struct fake_op *post_op(struct fake_ep *ep, const struct post *post)
{
    struct fake_op *op = fake_alloc(sizeof(*op));

    op->number = ++fake_net.numbers;
    op->context = post->context;
    op->size = post->size;
    op->local = post->buf;
    op->flags = FI_SEND | FI_MSG;
    if (post->kind != FAKE_PACKET_MESSAGE)
        op->flags = FI_RMA | (post->kind == FAKE_PACKET_READ ? FI_READ : FI_WRITE);
    util_list_push(&ep->operations, &op->link);
    return op;
}

/* An operation that was taken, and ends with an error; what it would have sent is lost. */
static bool post_fails_later(struct fake_ep *ep, const struct post *post)
{
    int error = 0;

    if (!post->inject)
        error = fault_point_hit(post->kind == FAKE_PACKET_MESSAGE ? "send completion" : "rma completion");
    if (error != 0)
        fake_op_end(ep, post_op(ep, post)->number, error);
    return error != 0;
}

static ssize_t post(struct fid_ep *fid, const struct post *post)
{
    struct fake_ep *ep = util_container_of(fid, struct fake_ep, rx.fid);
    int error = fault_point_hit(post->inject ? "fi_inject" : post->kind == FAKE_PACKET_MESSAGE ? "fi_send" : "fi_rma");
    ssize_t ret = error != 0 ? -error : post_refused(ep, post);
    struct fake_packet *packet;
    struct fake_op *op;

    if (post->inject && post->size > FAKE_INJECT_MAX)
        fake_misuse("too much was injected");
    if (post->size > FAKE_MESSAGE_MAX)
        return -FI_EMSGSIZE;
    if (ret != 0)
        return ret;
    if (!post->inject)
        fake_mr_check_local(ep, post->buf, post->size, post->desc);
    if (post_fails_later(ep, post))
        return 0;
    packet = fake_packet_make(post->kind, post->buf, post->kind == FAKE_PACKET_READ ? 0 : post->size);
    packet->data = post->data;
    packet->address = post->address;
    packet->key = post->key;
    packet->wanted = post->size;
    if (ep->domain->datagram) {
        packet->to = *post_address(ep, post->to);
        packet->to_node = fake_node_of(&packet->to);
    } else {
        packet->to_node = ep->out->to_node;
    }
    op = post->inject ? NULL : post_op(ep, post);
    if (op != NULL && post->kind == FAKE_PACKET_MESSAGE && fake_below(2) == 0)
        fake_op_end(ep, op->number, 0); /* the kernel has taken it */
    else if (op != NULL)
        packet->op = op->number;
    fake_net.counts.messages += post->kind == FAKE_PACKET_MESSAGE;
    if (post->kind != FAKE_PACKET_MESSAGE)
        fake_trace("node %u: operation %llu %s %zu bytes at node %u", ep->domain->life->node,
                   (unsigned long long)packet->op, post->kind == FAKE_PACKET_READ ? "gets" : "puts", post->size,
                   packet->to_node);
    fake_packet_send(ep, packet);
    return 0;
}

static ssize_t data_send(struct fid_ep *ep, const void *buf, size_t len, void *desc, fi_addr_t to, void *context)
{
    const struct post args = {.buf = (void *)(uintptr_t)buf, .size = len, .desc = desc, .to = to, .context = context};

    return post(ep, &args);
}

static ssize_t data_senddata(struct fid_ep *ep, const void *buf, size_t len, void *desc, uint64_t data, fi_addr_t to,
                             void *context)
{
    const struct post args = {
        .buf = (void *)(uintptr_t)buf, .size = len, .desc = desc, .data = data, .to = to, .context = context};

    return post(ep, &args);
}

static ssize_t data_inject(struct fid_ep *ep, const void *buf, size_t len, fi_addr_t to)
{
    const struct post args = {.buf = (void *)(uintptr_t)buf, .size = len, .to = to, .inject = true};

    return post(ep, &args);
}

static ssize_t data_injectdata(struct fid_ep *ep, const void *buf, size_t len, uint64_t data, fi_addr_t to)
{
    const struct post args = {.buf = (void *)(uintptr_t)buf, .size = len, .data = data, .to = to, .inject = true};

    return post(ep, &args);
}

struct fi_ops_msg fake_msg_ops = {.size = sizeof(struct fi_ops_msg),
                                  .recvmsg = data_recvmsg,
                                  .send = data_send,
                                  .senddata = data_senddata,
                                  .inject = data_inject,
                                  .injectdata = data_injectdata};

static ssize_t data_read(struct fid_ep *ep, void *buf, size_t len, void *desc, fi_addr_t to, uint64_t address,
                         uint64_t key, void *context)
{
    const struct post args = {.kind = FAKE_PACKET_READ,
                              .buf = buf,
                              .size = len,
                              .desc = desc,
                              .to = to,
                              .address = address,
                              .key = key,
                              .context = context};

    return post(ep, &args);
}

static ssize_t data_writemsg(struct fid_ep *ep, const struct fi_msg_rma *msg, uint64_t flags)
{
    const struct post args = {.kind = FAKE_PACKET_WRITE,
                              .buf = msg->msg_iov[0].iov_base,
                              .size = msg->msg_iov[0].iov_len,
                              .desc = msg->desc[0],
                              .to = msg->addr,
                              .address = msg->rma_iov[0].addr,
                              .key = msg->rma_iov[0].key,
                              .context = msg->context};

    (void)flags;
    return post(ep, &args);
}

struct fi_ops_rma fake_rma_ops = {.size = sizeof(struct fi_ops_rma), .read = data_read, .writemsg = data_writemsg};
