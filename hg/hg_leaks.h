/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_leaks.h
 * Names what is still open when a class or a context cannot be ended, so that a program's author need not guess. Never on
 * a hot path.
 */

#ifndef HG_HG_LEAKS_H
#define HG_HG_LEAKS_H

#include <stddef.h>

struct hg_class;
struct hg_context;

/** Room for what the functions below write. */
#define HG_LEAKS_TEXT 1024U

/** `echo (running), 0x1234 (idle) and 3 more`: the handles that the user holds. Needs the context's lock. */
void hg_leaks_of_context_locked(struct hg_context *context, char text[HG_LEAKS_TEXT]);

/** The open contexts, addresses and bulk handles of a class: how many, and the first few by id, text and size. Of the bulk
 *  handles only those that a descriptor was made of are known one by one. No lock held. */
void hg_leaks_of_class(struct hg_class *hg_class, char text[HG_LEAKS_TEXT]);

#endif
