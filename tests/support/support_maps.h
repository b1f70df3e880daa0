/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Counts the mappings of this process, so that a test can show that it left none behind. Any thread.
 */
#ifndef SUPPORT_MAPS_H
#define SUPPORT_MAPS_H

/* The number of mappings whose line in /proc/self/maps contains `part`, such as "memfd:"; -1 without /proc. */
int support_maps_count(const char *part);

#endif /* SUPPORT_MAPS_H */
