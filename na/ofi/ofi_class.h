/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a class, and the list of what this machine offers.
 */
#ifndef NA_OFI_OFI_CLASS_H
#define NA_OFI_OFI_CLASS_H

#include "na/ofi/ofi_objects.h"

/* na_class_open, na_class_close, na_class_resolve. */
int ofi_class_open(const struct na_config *config, struct na_class **class_out);
void ofi_class_close(struct na_class *base);
int ofi_class_resolve(struct na_class *base, const char *text, char canonical[NA_ADDRESS_MAX]);

#endif
