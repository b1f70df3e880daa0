/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Transfers through the ring, at both ends.
 *
 * The end that posted a transfer asks (GET) or sends (PUT), in order, as far as the ring has room. The other
 * end looks each piece up in its own table under the table's lock and copies it at once, so that memory
 * which was withdrawn is not touched. A transfer that is cancelled ends here at once, since only we write
 * to our memory; what the peer still sends for it is dropped. Callers serialise per context.
 */
#include "na/shm/shm_stream.h"

#include <errno.h>
#include <string.h>

#include "na/shm/shm_progress.h"
#include "na/shm/shm_rma.h"
#include "na/shm/shm_route.h"
#include "util/util_alloc.h"
#include "util/util_bytes.h"

enum {
    PIECE_SIZE = 16 * 1024,
    GET_SIZE = 32,
    DATA_HEADER = 16,
    PUT_HEADER = 32,
    END_SIZE = 16,
};

static void stream_write64(unsigned char *to, unsigned int index, uint64_t value)
{
    memcpy(to + index * sizeof(value), &value, sizeof(value));
}

static uint64_t stream_read64(const unsigned char *from, unsigned int index)
{
    uint64_t value;

    memcpy(&value, from + index * sizeof(value), sizeof(value));
    atomic_signal_fence(memory_order_seq_cst); /* and not once more by the compiler's choice: it may have changed */
    return value;
}

static struct shm_stream *stream_of(struct shm_route *route)
{
    if (route->stream == NULL)
        route->stream = util_calloc(1, sizeof(*route->stream));
    return route->stream;
}

static void stream_publish(struct shm_route *route, enum shm_record kind, size_t size)
{
    shm_ring_publish(&route->out, kind, size);
    shm_route_notify(route);
}

/* --- our transfers ------------------------------------------------------------------------------------- */

static bool stream_send_get(struct shm_route *route, struct shm_rma_op *op)
{
    const struct na_rma *rma = op->rma;
    unsigned char *room = shm_route_reserve(route, GET_SIZE);

    if (room == NULL)
        return false;
    stream_write64(room, 0, op->id);
    stream_write64(room, 1, util_bytes_get64(rma->key));
    stream_write64(room, 2, rma->remote_address + op->done);
    stream_write64(room, 3, rma->size - op->done);
    stream_publish(route, SHM_RECORD_GET, GET_SIZE);
    op->handed_over = true;
    return true;
}

static bool stream_send_put(struct shm_route *route, struct shm_rma_op *op, size_t *budget)
{
    const struct na_rma *rma = op->rma;

    while (!op->handed_over) {
        size_t left = rma->size - (size_t)op->done;
        size_t piece = left < PIECE_SIZE ? left : PIECE_SIZE;
        unsigned char *room = *budget > 0 ? shm_route_reserve(route, PUT_HEADER + piece) : NULL;

        if (room == NULL)
            return false;
        stream_write64(room, 0, op->id);
        stream_write64(room, 1, util_bytes_get64(rma->key));
        stream_write64(room, 2, rma->remote_address + op->done);
        stream_write64(room, 3, left);
        memcpy(room + PUT_HEADER, (const unsigned char *)rma->local + op->done, piece);
        stream_publish(route, SHM_RECORD_PUT, PUT_HEADER + piece);
        op->done += piece;
        op->handed_over = piece == left;
        *budget -= piece < *budget ? piece : *budget;
    }
    return true;
}

/* Hands a transfer to the peer; false when it has to wait. It is open from its first record on. */
static bool stream_send(struct shm_route *route, struct shm_rma_op *op, size_t *budget)
{
    bool was_open = op->done > 0;
    bool sent;

    if (!was_open && route->stream->open == SHM_STREAM_MAX)
        return false;
    sent = op->rma->op == NA_RMA_GET ? stream_send_get(route, op) : stream_send_put(route, op, budget);
    if (!was_open && (op->handed_over || op->done > 0))
        route->stream->open++;
    return sent;
}

/* Ends what was cancelled. One whose pieces are on their way is ended, and its last piece never comes: the peer must not
 * wait for it, so that the place it holds there is given back with it. */
static int stream_end_cancelled(struct shm_route *route)
{
    int count = 0;

    for (struct util_list *node = route->rma.next; node != &route->rma;) {
        struct shm_rma_op *op = util_container_of(node, struct shm_rma_op, node);

        node = node->next;
        if (!op->cancelled)
            continue;
        if (op->rma->op == NA_RMA_PUT && op->done > 0 && !op->handed_over)
            route->stream->open--;
        shm_rma_end(op, -ECANCELED);
        count++;
        node = route->rma.next; /* the done call may have changed the list */
    }
    return count;
}

bool shm_stream_work(struct shm_route *route, size_t *budget, int *count)
{
    bool waits = false;
    bool owes;

    if (stream_of(route) == NULL) {
        shm_rma_end_all(route, -ENOMEM);
        return false;
    }
    *count += stream_end_cancelled(route);
    if (route->state != SHM_ROUTE_STATE_UP)
        return false;
    owes = shm_stream_serve(route, budget);
    util_list_each (node, &route->rma) {
        struct shm_rma_op *op = util_container_of(node, struct shm_rma_op, node);

        if (!op->handed_over && !stream_send(route, op, budget)) {
            waits = true;
            break;
        }
    }
    return owes || (waits && *budget == 0);
}

static struct shm_rma_op *stream_find(struct shm_route *route, uint64_t id, enum na_rma_op kind)
{
    util_list_each (node, &route->rma) {
        struct shm_rma_op *op = util_container_of(node, struct shm_rma_op, node);

        if (op->id == id)
            return op->rma->op == kind && (kind == NA_RMA_PUT || op->handed_over) ? op : NULL;
    }
    return NULL;
}

/* One place at the peer is free again. */
static int stream_closed(struct shm_route *route)
{
    if (route->stream == NULL || route->stream->open == 0)
        return -EPROTO;
    route->stream->open--;
    if (!util_list_empty(&route->rma))
        shm_rma_schedule(route);
    return 0;
}

static int stream_receive_data(struct shm_route *route, const struct shm_ring_record *record)
{
    size_t piece = record->size - DATA_HEADER;
    uint64_t left = stream_read64(record->data, 1);
    struct shm_rma_op *op = stream_find(route, stream_read64(record->data, 0), NA_RMA_GET);
    int error = 0;

    if (piece > left)
        return -EPROTO;
    if (op != NULL) {
        if (left != op->rma->size - op->done)
            return -EPROTO;
        memcpy((unsigned char *)op->rma->local + op->done, record->data + DATA_HEADER, piece);
        op->done += piece;
    }
    shm_ring_take(&route->in, record);
    if (piece == left)
        error = stream_closed(route);
    if (error == 0 && piece == left && op != NULL)
        shm_rma_end(op, op->cancelled ? -ECANCELED : 0);
    return error;
}

static int stream_receive_end(struct shm_route *route, const struct shm_ring_record *record)
{
    uint64_t id = stream_read64(record->data, 0);
    int64_t status = (int64_t)stream_read64(record->data, 1);
    struct shm_rma_op *op = stream_find(route, id, NA_RMA_PUT);
    int error;

    shm_ring_take(&route->in, record);
    if (op == NULL && status != 0)
        op = stream_find(route, id, NA_RMA_GET);
    if (status > 0 || status < -4095 || (op != NULL && !op->handed_over))
        return -EPROTO;
    error = stream_closed(route);
    if (error == 0 && op != NULL)
        shm_rma_end(op, op->cancelled ? -ECANCELED : (int)status);
    return error;
}

/* --- the peer's transfers --------------------------------------------------------------------------------- */

/* A place for what the peer is owed, or NULL when it asked for more than it may. */
static struct shm_stream_job *stream_add_job(struct shm_route *route)
{
    struct shm_stream *stream = stream_of(route);
    struct shm_stream_job *job;

    if (stream == NULL || stream->job_count == SHM_STREAM_MAX)
        return NULL;
    job = &stream->jobs[(stream->job_first + stream->job_count++) % SHM_STREAM_MAX];
    *job = (struct shm_stream_job){0};
    shm_rma_schedule(route);
    return job;
}

static int stream_receive_get(struct shm_route *route, const struct shm_ring_record *record)
{
    struct shm_stream_job *job = stream_add_job(route);

    if (job == NULL)
        return -EPROTO;
    job->reading = true;
    job->id = stream_read64(record->data, 0);
    job->key = stream_read64(record->data, 1);
    job->address = stream_read64(record->data, 2);
    job->left = stream_read64(record->data, 3);
    shm_ring_take(&route->in, record);
    return 0;
}

static int stream_receive_put(struct shm_route *route, const struct shm_ring_record *record)
{
    struct shm_stream *stream = stream_of(route);
    size_t piece = record->size - PUT_HEADER;
    uint64_t id = stream_read64(record->data, 0);
    uint64_t left = stream_read64(record->data, 3);
    struct shm_stream_job *job;

    if (stream == NULL || piece > left)
        return -EPROTO;
    if (stream->put_id != id) {
        stream->put_id = id;
        stream->put_status = 0;
    }
    if (stream->put_status == 0)
        stream->put_status = shm_table_write(route->owner->owner->table, stream_read64(record->data, 2),
                                             stream_read64(record->data, 1), left, record->data + PUT_HEADER, piece);
    shm_ring_take(&route->in, record);
    if (piece < left)
        return 0;
    job = stream_add_job(route);
    if (job == NULL)
        return -EPROTO;
    job->id = id;
    job->status = stream->put_status;
    return 0;
}

static bool stream_send_end(struct shm_route *route, const struct shm_stream_job *job)
{
    unsigned char *room = shm_route_reserve(route, END_SIZE);

    if (room == NULL)
        return false;
    stream_write64(room, 0, job->id);
    stream_write64(room, 1, (uint64_t)(int64_t)job->status);
    stream_publish(route, SHM_RECORD_END, END_SIZE);
    return true;
}

/* Sends data from our memory: false when the ring is full, or the budget used up. */
static bool stream_send_data(struct shm_route *route, struct shm_stream_job *job, size_t *budget)
{
    for (;;) {
        size_t piece = job->left < PIECE_SIZE ? (size_t)job->left : PIECE_SIZE;
        unsigned char *room = *budget > 0 ? shm_route_reserve(route, DATA_HEADER + piece) : NULL;

        if (room == NULL)
            return false;
        job->status =
            shm_table_read(route->owner->owner->table, job->address, job->key, job->left, room + DATA_HEADER, piece);
        if (job->status != 0) /* the room is used for this instead */
            return stream_send_end(route, job);
        stream_write64(room, 0, job->id);
        stream_write64(room, 1, job->left);
        stream_publish(route, SHM_RECORD_DATA, DATA_HEADER + piece);
        job->address += piece;
        job->left -= piece;
        *budget -= piece < *budget ? piece : *budget;
        if (job->left == 0)
            return true;
    }
}

bool shm_stream_serve(struct shm_route *route, size_t *budget)
{
    struct shm_stream *stream = route->stream;

    while (stream->job_count > 0) {
        struct shm_stream_job *job = &stream->jobs[stream->job_first];
        bool done = job->reading ? stream_send_data(route, job, budget) : stream_send_end(route, job);

        if (!done)
            return *budget == 0;
        stream->job_first = (stream->job_first + 1) % SHM_STREAM_MAX;
        stream->job_count--;
    }
    return false;
}

int shm_stream_receive(struct shm_route *route, const struct shm_ring_record *record)
{
    switch (record->kind) {
    case SHM_RECORD_GET:
        return record->size == GET_SIZE ? stream_receive_get(route, record) : -EPROTO;
    case SHM_RECORD_DATA:
        return record->size >= DATA_HEADER ? stream_receive_data(route, record) : -EPROTO;
    case SHM_RECORD_PUT:
        return record->size >= PUT_HEADER ? stream_receive_put(route, record) : -EPROTO;
    case SHM_RECORD_END:
        return record->size == END_SIZE ? stream_receive_end(route, record) : -EPROTO;
    default:
        return -EPROTO;
    }
}
