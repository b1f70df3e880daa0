/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file util_detail.h
 * The sentence behind an error code: what failed and where, for the calling thread.
 *
 * The first function that knows why something fails sets it; the layers above leave it alone and
 * hand the code up. It is thread-local, so no lock is needed, and it stays until the next set.
 */

#ifndef UTIL_UTIL_DETAIL_H
#define UTIL_UTIL_DETAIL_H

/** Sets the sentence (cut at 511 bytes) and returns @p error, so that `return util_detail_set(-EINVAL, ...)` reads well. */
int util_detail_set(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The last sentence of this thread, "" if none. Valid until the thread's next util_detail_set(). */
const char *util_detail_get(void);

/** Forgets the sentence. */
void util_detail_clear(void);

#endif
