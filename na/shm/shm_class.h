/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a class, and the table by which na_transport.c knows this transport (in
 * na_transport.h).
 */
#ifndef NA_SHM_SHM_CLASS_H
#define NA_SHM_SHM_CLASS_H

#include "na/shm/shm_objects.h"

/* na_class_open and its namesakes. One thread. */
int shm_class_open(const struct na_config *config, struct na_class **class_out);
void shm_class_close(struct na_class *base);
void shm_class_stop_listening(struct na_class *base);
int shm_class_resolve(struct na_class *base, const char *text, char canonical[NA_ADDRESS_MAX]);

#endif /* NA_SHM_SHM_CLASS_H */
