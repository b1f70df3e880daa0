/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Processors as the RPC core uses them: `struct hg_proc` (mercury_proc.h) on the stack or inside a
 * context, made ready and used again without any allocation. The file is not called hg_proc.h
 * because hg_proc_ is a family of public names.
 *
 * A processor encodes into the buffer that it is given, and goes on in an extra buffer when that
 * is full, so that everything is contiguous in the one or the other. hg_procs_take_extra hands that
 * extra buffer over. One thread at a time.
 */
#ifndef HG_HG_PROCS_H
#define HG_HG_PROCS_H

#include "mercury_proc.h"

/* The bound on the extra buffer unless hg_procs_limit sets another: what a pointer difference holds. */
#define HG_PROCS_EXTRA_MAX ((hg_size_t)PTRDIFF_MAX)

/* Makes a processor ready, without checksum, flags and handle. Never fails. `buf` is borrowed until
 * fini or the next init; it may be NULL when size is 0. Needs a fini after encoding, as there may be
 * an extra buffer; after HG_DECODE and HG_FREE the fini does nothing. */
void hg_procs_init(struct hg_proc *proc, hg_class_t *hg_class, void *buf, hg_size_t size, hg_proc_op_t op);

/* Frees the extra buffer, if there is one that has not been taken. */
void hg_procs_fini(struct hg_proc *proc);

/* The same for a processor that is not used again. */
static inline void hg_procs_end(struct hg_proc *proc)
{
    if (proc->extra != NULL)
        hg_procs_fini(proc);
}

/* hg_proc_flush, which has nothing to do for most. */
static inline hg_return_t hg_procs_flush(struct hg_proc *proc)
{
    return proc->failed == HG_SUCCESS && proc->hash == HG_NOHASH ? HG_SUCCESS : hg_proc_flush(proc);
}

/* Bounds the extra buffer; encoding more fails with HG_OVERFLOW. 0: everything must fit in the
 * buffer given. To be called before encoding starts. */
void hg_procs_limit(struct hg_proc *proc, hg_size_t extra_max);

/* Takes the extra buffer away from the processor: the caller owns it and frees it with util_free.
 * *used gets the number of bytes encoded. NULL, with *used untouched, when everything is in the
 * buffer given (hg_proc_get_size_used tells how much). The processor must be initialised again before
 * it is used again. */
void *hg_procs_take_extra(struct hg_proc *proc, hg_size_t *used);

#endif /* HG_HG_PROCS_H */
