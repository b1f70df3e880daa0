/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Put and get on registered memory.
 *
 * A transfer is worked on by the side that posted it, in its turns of progress, in order. Where the system
 * lets us (process_vm_readv, which needs the right to trace the peer), we look the range up in the
 * peer's table and copy from or to its memory ourselves: the peer need not take part, as with a network
 * card. Elsewhere the data goes through the ring (shm_stream.c), and the peer does its part when it
 * makes progress.
 *
 * A process can be replaced by another one of the same number, or by another program: each copy also reads
 * the peer's cookie, and is void if that has changed. Callers serialise per context.
 */
#include "na/shm/shm_rma.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "na/shm/shm_doorbell_page.h"
#include "na/shm/shm_route.h"
#include "na/shm/shm_stream.h"
#include "na/shm/shm_wait.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"
#include "util/util_detail.h"

/* The peer's memory cannot be withdrawn for longer than one of these takes to copy. */
#define PIECE_SIZE (1024U * 1024U)

static struct shm_rma_op *rma_op(struct na_rma *rma)
{
    return (struct shm_rma_op *)(void *)rma->transport;
}

int shm_rma_post(struct na_rma *rma)
{
    struct shm_route *route = shm_route_of(rma->route);
    struct shm_rma_op *op = rma_op(rma);

    if (route->state != SHM_ROUTE_STATE_UP)
        return shm_route_refusal(route);
    if (rma->key_size != sizeof(uint64_t))
        return util_detail_set(-EINVAL, "a key of %u bytes was given where shm has 8", rma->key_size);
    *op = (struct shm_rma_op){.rma = rma, .id = ++route->rma_next_id};
    util_list_init(&op->node);
    util_list_push(&route->rma, &op->node);
    shm_rma_schedule(route);
    return 0;
}

void shm_rma_cancel(struct na_rma *rma)
{
    rma_op(rma)->cancelled = true;
    shm_rma_schedule(shm_route_of(rma->route));
}

void shm_rma_schedule(struct shm_route *route)
{
    struct shm_context *context = route->owner;

    if (util_list_empty(&route->copy_node))
        util_list_push(&context->copying, &route->copy_node);
    if (context->armed)
        shm_wait_wake(&context->base);
}

void shm_rma_end(struct shm_rma_op *op, int error)
{
    struct na_rma *rma = op->rma;

    util_list_remove(&op->node);
    rma->done(rma, error);
}

void shm_rma_end_all(struct shm_route *route, int error)
{
    struct util_list *node;

    while ((node = util_list_first(&route->rma)) != NULL) {
        struct shm_rma_op *op = util_container_of(node, struct shm_rma_op, node);

        shm_rma_end(op, op->cancelled ? -ECANCELED : error);
    }
}

void shm_rma_cancel_route(struct shm_route *route)
{
    util_list_each (node, &route->rma)
        util_container_of(node, struct shm_rma_op, node)->cancelled = true;
}

void shm_rma_forget(struct shm_route *route)
{
    while (util_list_pop(&route->rma) != NULL)
        continue;
}

/* --- copying by ourselves ---------------------------------------------------------------------------- */

static int rma_system_error(int error)
{
    switch (error) {
    case ESRCH:
        return -ECONNRESET;
    case EPERM:
        return -EAGAIN; /* the right was there before, and is no more */
    case EFAULT:
    case ENOMEM:
        return -error;
    default:
        return -EIO;
    }
}

/* Whether the process is still the peer: 0 or an error. */
static int rma_recognise(const struct shm_route *route)
{
    uint64_t cookie = 0;
    struct iovec ours = {.iov_base = &cookie, .iov_len = sizeof(cookie)};
    struct iovec theirs = {.iov_base = (void *)(uintptr_t)route->cookie_address, .iov_len = sizeof(cookie)};
    ssize_t ret = process_vm_readv(route->pid, &ours, 1, &theirs, 1, 0);

    if (ret < 0)
        return rma_system_error(errno);
    if ((size_t)ret != sizeof(cookie))
        return -EFAULT;
    return cookie == route->cookie ? 0 : -ECONNRESET;
}

/* Moves the bytes of a get, and then reads the cookie: the number of bytes that were moved, or an error. */
static ssize_t rma_read(const struct shm_route *route, void *local, uint64_t remote, size_t size)
{
    uint64_t cookie = 0;
    struct iovec ours[2] = {{.iov_base = local, .iov_len = size}, {.iov_base = &cookie, .iov_len = sizeof(cookie)}};
    struct iovec theirs[2] = {{.iov_base = (void *)(uintptr_t)remote, .iov_len = size},
                              {.iov_base = (void *)(uintptr_t)route->cookie_address, .iov_len = sizeof(cookie)}};
    ssize_t ret = process_vm_readv(route->pid, ours, 2, theirs, 2, 0);

    if (ret < 0)
        return rma_system_error(errno);
    if ((size_t)ret != size + sizeof(cookie))
        return -EFAULT;
    return cookie == route->cookie ? (ssize_t)size : -ECONNRESET;
}

static ssize_t rma_write(const struct shm_route *route, void *local, uint64_t remote, size_t size)
{
    struct iovec ours = {.iov_base = local, .iov_len = size};
    struct iovec theirs = {.iov_base = (void *)(uintptr_t)remote, .iov_len = size};
    ssize_t ret = process_vm_writev(route->pid, &ours, 1, &theirs, 1, 0);

    if (ret < 0)
        return rma_system_error(errno);
    return (size_t)ret == size ? ret : -EFAULT;
}

/* Where the peer's side of a piece is. Acquire: behind an open door the peer waits for us, and tells what it withdrew. */
static int rma_find(const struct shm_route *route, const struct na_rma *rma, uint64_t address, size_t left,
                    uint64_t *base_out)
{
    unsigned int access = rma->op == NA_RMA_GET ? NA_ACCESS_REMOTE_READ : NA_ACCESS_REMOTE_WRITE;

    switch (atomic_load_explicit(&route->peer_busy->door, memory_order_acquire)) {
    case SHM_DOOR_NOT_YET:
        return -EINPROGRESS;
    case SHM_DOOR_OPEN:
        return shm_table_view_find(route->view, address, util_bytes_get64(rma->key), left, access, base_out);
    default:
        return -ECONNRESET;
    }
}

/* One piece: its size, or an error. While `busy` names the entry its owner waits for us before it lets go of the memory
 * or of the route: it is set before the door and the entry are looked at, with a full fence in between (shm_mem.c and
 * shm_route.c have the other halves). */
static ssize_t rma_copy_piece(struct shm_route *route, const struct shm_rma_op *op)
{
    const struct na_rma *rma = op->rma;
    uint64_t address = rma->remote_address + op->done;
    size_t left = rma->size - (size_t)op->done;
    size_t piece = left < PIECE_SIZE ? left : PIECE_SIZE;
    unsigned char *local = (unsigned char *)rma->local + op->done;
    uint64_t base = 0;
    /* Before the look at the table: there shall be no call of the system between that and a write, at which we might be
     * stopped. */
    ssize_t ret = rma->op == NA_RMA_PUT ? rma_recognise(route) : 0;

    if (ret != 0)
        return ret;
    atomic_store_explicit(&route->busy->entry, (uint64_t)shm_table_entry_of(address) + 1, memory_order_relaxed);
    shm_doorbell_page_fence();
    ret = rma_find(route, rma, address, left, &base);
    if (ret == 0 && piece > 0)
        ret = rma->op == NA_RMA_GET ? rma_read(route, local, base, piece) : rma_write(route, local, base, piece);
    /* Release: the copy is over before this is seen. */
    atomic_store_explicit(&route->busy->entry, 0, memory_order_release);
    return ret;
}

/* The peer's door is not open yet, as it is as soon as the peer has made progress: waited for as long as a connection is. */
static bool rma_door_is_late(struct shm_route *route)
{
    if (route->door_ns == 0)
        route->door_ns = util_clock_deadline_ns(route->owner->owner->connect_timeout_ms * UTIL_CLOCK_NS_PER_MS);
    return util_clock_now_ns() >= route->door_ns;
}

/* Works on the first transfer: true when it has ended. */
static bool rma_copy(struct shm_route *route, struct shm_rma_op *op, size_t *budget)
{
    while (*budget > 0) {
        ssize_t moved = rma_copy_piece(route, op);

        if (moved == -EINPROGRESS && !rma_door_is_late(route))
            return false;
        if (moved == -EINPROGRESS)
            moved = -ECONNRESET; /* it will not come any more */
        if (moved == -EAGAIN) {  /* from now on by the ring, this one from its start */
            route->direct = false;
            op->done = 0;
            return false;
        }
        if (moved < 0) {
            shm_rma_end(op, (int)moved);
            return true;
        }
        *budget -= (size_t)moved < *budget ? (size_t)moved : *budget;
        op->done += (uint64_t)moved;
        if (op->done == op->rma->size) {
            shm_rma_end(op, 0);
            return true;
        }
    }
    return false;
}

static int rma_work_direct(struct shm_route *route, size_t *budget)
{
    struct util_list *node;
    int count = 0;

    while (route->state == SHM_ROUTE_STATE_UP && route->direct && *budget > 0 &&
           (node = util_list_first(&route->rma)) != NULL) {
        struct shm_rma_op *op = util_container_of(node, struct shm_rma_op, node);

        if (op->cancelled)
            shm_rma_end(op, -ECANCELED);
        else if (!rma_copy(route, op, budget))
            break;
        count++;
    }
    return count;
}

int shm_rma_work(struct shm_route *route, size_t *budget)
{
    int count = 0;
    bool more;

    if (route->direct) {
        count = rma_work_direct(route, budget);
        more = !util_list_empty(&route->rma);
    } else {
        more = shm_stream_work(route, budget, &count);
    }
    /* The peer may depend on us although we do not depend on it. */
    if (route->direct && route->state == SHM_ROUTE_STATE_UP && route->stream != NULL)
        more = shm_stream_serve(route, budget) || more;
    if (more && route->state == SHM_ROUTE_STATE_UP && util_list_empty(&route->copy_node))
        util_list_push(&route->owner->copying, &route->copy_node);
    return count;
}
