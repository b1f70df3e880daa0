/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_result.h
 * What is known of a call that has ended: noted in its handle, told by qs_handle_get_result().
 */

#ifndef HG_HG_RESULT_H
#define HG_HG_RESULT_H

#include "quicksilver.h"

struct hg_handle;

/** The call ends now, with handle->ret. Needs the owner's lock. */
void hg_result_note_locked(struct hg_handle *handle, enum qs_outcome outcome);

#endif
