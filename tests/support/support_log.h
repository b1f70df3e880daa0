/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A place for log lines, so that a test can look at what was logged. Any thread.
 */
#ifndef SUPPORT_LOG_H
#define SUPPORT_LOG_H

#include <stdio.h>

/* A log function, for HG_Set_log_func or util_log_set_func: keeps the line. */
int support_log_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What was kept: the lines one after the other, cut at 64 KiB; their number; and the stream of the last one. The text
 * is valid while no line comes. */
const char *support_log_text(void);
unsigned int support_log_count(void);
FILE *support_log_stream(void);

/* Forgets all of it. */
void support_log_forget(void);

#endif /* SUPPORT_LOG_H */
