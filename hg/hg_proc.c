/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Processors: their life, their buffers and their checksums. The basic types are inline functions of
 * mercury_proc.h and come here only when the current buffer is too short (qs_proc_reserve); strings
 * and bulk handles have files of their own.
 *
 * The current buffer is always described by base, size, pos and size_left, whether it is the one
 * given or the extra one. All checks compare a wanted number with what is left, never a sum: sizes
 * come from the network and must not wrap.
 *
 * A processor belongs to one thread at a time; there are no locks.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hg/hg_error.h"
#include "hg/hg_proc_crc.h"
#include "hg/hg_procs.h"
#include "util/util_alloc.h"
#include "util/util_log.h"

#define HG_PROC_EXTRA_MIN ((hg_size_t)4096) /* capacity of the smallest extra buffer */

/* Sets the buffer, the operation and all that belongs to one run. */
static void hg_proc_start(struct hg_proc *proc, void *buf, hg_size_t size, hg_proc_op_t op)
{
    proc->pos = buf;
    proc->base = buf;
    proc->size = size;
    proc->size_left = size;
    proc->extra = NULL;
    proc->extra_size = 0;
    proc->extra_is_yours = 0;
    proc->op = op;
    proc->failed = HG_SUCCESS;
    proc->flags = 0;
    proc->hash_done = 0;
    proc->hash_seed = proc->hash == HG_NOHASH ? 0 : hg_proc_crc_start(proc->hash);
    proc->hash_value = 0;
}

static void hg_proc_drop_extra(struct hg_proc *proc)
{
    if (proc->extra != NULL && !proc->extra_is_yours)
        util_free(proc->extra);
    proc->extra = NULL;
    proc->extra_size = 0;
    proc->extra_is_yours = 0;
}

void hg_procs_init(struct hg_proc *proc, hg_class_t *hg_class, void *buf, hg_size_t size, hg_proc_op_t op)
{
    proc->hg_class = hg_class;
    proc->handle = HG_HANDLE_NULL;
    proc->hash = HG_NOHASH;
    proc->on_heap = 0;
    proc->extra_max = HG_PROCS_EXTRA_MAX;
    hg_proc_start(proc, buf, size, op);
}

void hg_procs_fini(struct hg_proc *proc)
{
    if (proc == NULL)
        return;
    hg_proc_drop_extra(proc);
    proc->pos = NULL;
    proc->base = NULL;
    proc->size = 0;
    proc->size_left = 0;
}

void hg_procs_limit(struct hg_proc *proc, hg_size_t extra_max)
{
    proc->extra_max = extra_max < HG_PROCS_EXTRA_MAX ? extra_max : HG_PROCS_EXTRA_MAX;
}

void *hg_procs_take_extra(struct hg_proc *proc, hg_size_t *used)
{
    void *extra = proc->extra;

    if (extra == NULL)
        return NULL;
    *used = hg_proc_get_size_used(proc);
    proc->extra = NULL;
    hg_procs_fini(proc);
    return extra;
}

static hg_return_t hg_proc_check_buf(const void *buf, hg_size_t buf_size, hg_proc_op_t op)
{
    if (buf == NULL && buf_size > 0)
        return hg_error_set(HG_INVALID_ARG, "processor: no buffer, but a size of %llu", (unsigned long long)buf_size);
    if (buf_size > HG_PROCS_EXTRA_MAX)
        return hg_error_set(HG_INVALID_ARG, "processor: impossible buffer size %llu", (unsigned long long)buf_size);
    if (op != HG_ENCODE && op != HG_DECODE && op != HG_FREE)
        return hg_error_set(HG_INVALID_ARG, "processor: unknown operation %d", (int)op);
    return HG_SUCCESS;
}

hg_return_t hg_proc_create_set(hg_class_t *hg_class, void *buf, hg_size_t buf_size, hg_proc_op_t op,
                               hg_proc_hash_t hash, hg_proc_t *proc_p)
{
    struct hg_proc *proc = NULL;
    hg_return_t ret = hg_proc_check_buf(buf, buf_size, op);

    if (ret != HG_SUCCESS)
        return ret;
    if (proc_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_create: no place for the processor");
    if (hash != HG_NOHASH && hg_proc_crc_size(hash) == 0)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_create: unknown checksum %d", (int)hash);
    proc = util_malloc(sizeof(*proc));
    if (proc == NULL)
        return hg_error_set(HG_NOMEM, "hg_proc_create: out of memory");
    hg_procs_init(proc, hg_class, buf, buf_size, op);
    proc->on_heap = 1;
    proc->hash = hash;
    proc->hash_seed = hg_proc_crc_start(hash);
    *proc_p = proc;
    return HG_SUCCESS;
}

hg_return_t hg_proc_create(hg_class_t *hg_class, hg_proc_hash_t hash, hg_proc_t *proc_p)
{
    return hg_proc_create_set(hg_class, NULL, 0, HG_ENCODE, hash, proc_p);
}

hg_return_t hg_proc_free(hg_proc_t proc)
{
    if (proc == HG_PROC_NULL)
        return HG_SUCCESS;
    hg_procs_fini(proc);
    /* A proc function has no business freeing the processor that it is given, but if it does, only
     * the extra buffer goes: the struct is not on the heap. */
    if (proc->on_heap)
        util_free(proc);
    return HG_SUCCESS;
}

hg_return_t hg_proc_reset(hg_proc_t proc, void *buf, hg_size_t buf_size, hg_proc_op_t op)
{
    hg_return_t ret = hg_proc_check_buf(buf, buf_size, op);

    if (proc == HG_PROC_NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_reset: no processor");
    if (ret != HG_SUCCESS)
        return ret;
    hg_proc_drop_extra(proc);
    hg_proc_start(proc, buf, buf_size, op);
    return HG_SUCCESS;
}

/* Makes the extra buffer hold `capacity` bytes, with what has been encoded so far in front. */
static hg_return_t hg_proc_move_to_extra(struct hg_proc *proc, hg_size_t capacity)
{
    hg_size_t used = hg_proc_get_size_used(proc);
    bool first = proc->extra == NULL || proc->extra_is_yours;
    void *extra = first ? util_malloc((size_t)capacity) : util_realloc(proc->extra, (size_t)capacity);

    if (extra == NULL)
        return hg_error_set(HG_NOMEM, "encoding: no memory for a buffer of %llu bytes", (unsigned long long)capacity);
    if (first && used > 0)
        memcpy(extra, proc->base, (size_t)used);
    proc->extra = extra;
    proc->extra_size = capacity;
    proc->extra_is_yours = 0;
    proc->base = extra;
    proc->size = capacity;
    proc->pos = proc->base + used;
    proc->size_left = capacity - used;
    return HG_SUCCESS;
}

static hg_return_t hg_proc_grow(struct hg_proc *proc, hg_size_t size)
{
    hg_size_t capacity = HG_PROC_EXTRA_MIN;

    if (size > proc->extra_max) {
        UTIL_LOG_INFO(UTIL_LOG_AREA_PROC, "encoding %llu bytes or more exceeds the bound of %llu",
                      (unsigned long long)size,
                      (unsigned long long)(proc->extra_max > proc->size ? proc->extra_max : proc->size));
        return hg_error_set(HG_OVERFLOW, "encoding: at least %llu bytes do not fit in %llu", (unsigned long long)size,
                            (unsigned long long)(proc->extra_max > proc->size ? proc->extra_max : proc->size));
    }
    /* Doubling from the size at hand: the cost of copying stays proportional to the final size. */
    if (capacity < proc->size)
        capacity = proc->size;
    while (capacity < size || capacity <= proc->size) {
        if (capacity > proc->extra_max / 2) {
            capacity = proc->extra_max;
            break;
        }
        capacity *= 2;
    }
    if (capacity > proc->extra_max)
        capacity = proc->extra_max;
    return hg_proc_move_to_extra(proc, capacity);
}

/* The end of what a peer has sent is reached: the peer may do that as often as it likes. */
static hg_return_t hg_proc_past_end(const struct hg_proc *proc, hg_size_t wanted)
{
    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_PROC,
                     "decoding past the end: %llu bytes wanted, %llu of %llu left", (unsigned long long)wanted,
                     (unsigned long long)proc->size_left, (unsigned long long)proc->size);
    return hg_error_set(HG_OVERFLOW, "decoding: %llu bytes wanted, %llu of %llu left", (unsigned long long)wanted,
                        (unsigned long long)proc->size_left, (unsigned long long)proc->size);
}

hg_return_t qs_proc_reserve(hg_proc_t proc, hg_size_t data_size)
{
    hg_size_t used = 0;

    if (proc->op == HG_FREE || data_size <= proc->size_left)
        return HG_SUCCESS;
    if (proc->op == HG_DECODE)
        return hg_proc_past_end(proc, data_size);
    used = hg_proc_get_size_used(proc);
    if (data_size > HG_PROCS_EXTRA_MAX - used)
        return hg_error_set(HG_OVERFLOW, "encoding: impossible size of %llu bytes", (unsigned long long)data_size);
    return hg_proc_grow(proc, used + data_size);
}

hg_return_t hg_proc_set_size(hg_proc_t proc, hg_size_t buf_size)
{
    if (proc == HG_PROC_NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_set_size: no processor");
    if (proc->op == HG_FREE || buf_size <= proc->size)
        return HG_SUCCESS;
    if (proc->op == HG_DECODE)
        return hg_proc_past_end(proc, buf_size - proc->size);
    return hg_proc_grow(proc, buf_size);
}

hg_return_t hg_proc_set_extra_buf_is_mine(hg_proc_t proc, uint8_t mine)
{
    if (proc == HG_PROC_NULL || proc->extra == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_set_extra_buf_is_mine: no extra buffer");
    proc->extra_is_yours = mine != 0;
    return HG_SUCCESS;
}

void *hg_proc_save_ptr(hg_proc_t proc, hg_size_t data_size)
{
    char *data = NULL;
    hg_return_t ret = HG_SUCCESS;

    if (proc == HG_PROC_NULL || proc->op == HG_FREE)
        return NULL;
    ret = qs_proc_reserve(proc, data_size);
    if (ret != HG_SUCCESS) {
        proc->failed = ret;
        return NULL;
    }
    data = proc->pos;
    if (data_size > 0) {
        proc->pos += data_size;
        proc->size_left -= data_size;
    }
    return data;
}

/* save_ptr has moved on already, and the checksum is taken over the buffer at the end. */
hg_return_t hg_proc_restore_ptr(hg_proc_t proc, void *data, hg_size_t data_size)
{
    (void)proc;
    (void)data;
    (void)data_size;
    return HG_SUCCESS;
}

hg_return_t hg_proc_flush(hg_proc_t proc)
{
    uint64_t state = 0;

    if (proc == HG_PROC_NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_flush: no processor");
    if (proc->failed != HG_SUCCESS)
        return hg_error_set(proc->failed, "hg_proc_save_ptr had not enough bytes");
    if (proc->hash == HG_NOHASH || proc->op == HG_FREE)
        return HG_SUCCESS;
    state = hg_proc_crc_update(proc->hash, proc->hash_seed, proc->base, (size_t)hg_proc_get_size_used(proc));
    proc->hash_value = hg_proc_crc_finish(proc->hash, state);
    proc->hash_done = 1;
    return HG_SUCCESS;
}

/* Size of the finished checksum, 0 if there is none. */
static size_t hg_proc_hash_size(hg_proc_t proc)
{
    if (proc == HG_PROC_NULL || !proc->hash_done)
        return 0;
    return hg_proc_crc_size(proc->hash);
}

hg_return_t hg_proc_checksum_get(hg_proc_t proc, void *hash, hg_size_t hash_size)
{
    size_t size = hg_proc_hash_size(proc);

    if (size == 0 || hash == NULL)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_checksum_get: no checksum, or hg_proc_flush was not called");
    if (hash_size < size)
        return hg_error_set(HG_OVERFLOW, "hg_proc_checksum_get: %zu bytes needed, %llu given", size,
                            (unsigned long long)hash_size);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)hash)[i] = (uint8_t)(proc->hash_value >> (8 * i));
    return HG_SUCCESS;
}

hg_return_t hg_proc_checksum_verify(hg_proc_t proc, const void *hash, hg_size_t hash_size)
{
    size_t size = hg_proc_hash_size(proc);
    uint64_t value = 0;

    if (size == 0 || hash == NULL || hash_size != size)
        return hg_error_set(HG_INVALID_ARG, "hg_proc_checksum_verify: no checksum, not flushed, or wrong size");
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)((const uint8_t *)hash)[i] << (8 * i);
    if (value == proc->hash_value)
        return HG_SUCCESS;
    util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_PROC, "checksum 0x%llx expected, 0x%llx computed",
                     (unsigned long long)value, (unsigned long long)proc->hash_value);
    return hg_error_set(HG_CHECKSUM_ERROR, "checksum 0x%llx expected, 0x%llx computed", (unsigned long long)value,
                        (unsigned long long)proc->hash_value);
}

void hg_proc_checksum_update(hg_proc_t proc, void *data, hg_size_t data_size)
{
    if (proc == HG_PROC_NULL || data == NULL || proc->hash == HG_NOHASH || proc->op == HG_FREE)
        return;
    proc->hash_seed = hg_proc_crc_update(proc->hash, proc->hash_seed, data, (size_t)data_size);
}
