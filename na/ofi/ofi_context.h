/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a context: its endpoint, buffers, waiting and place in the class.
 */
#ifndef NA_OFI_OFI_CONTEXT_H
#define NA_OFI_OFI_CONTEXT_H

#include "na/ofi/ofi_objects.h"

/* na_context_open, na_context_close, na_context_stop_listening. */
int ofi_context_open(struct na_class *base, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                     struct na_context **context_out);
void ofi_context_close(struct na_context *base, uint32_t linger_ms);
void ofi_context_stop_listening(struct na_context *base);

#endif
