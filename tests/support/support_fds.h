/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Counts the open descriptors of this process, so that a test can show that it left none behind.
 * Any thread.
 */
#ifndef SUPPORT_FDS_H
#define SUPPORT_FDS_H

/* The number of open descriptors, or -1 when /proc is not there. */
int support_fds_count(void);

/* Writes each open descriptor and what it leads to on stderr, for the message of a failed test. */
void support_fds_print(void);

#endif /* SUPPORT_FDS_H */
