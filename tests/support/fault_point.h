/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Places at which something can be made to fail once: the n-th time that they are passed. What stands in for libfabric or
 * for the system has them, under the names of the calls that it stands in for; a test arms one of them. Any thread may
 * pass; arm and disarm while no other does.
 */
#ifndef FAULT_POINT_H
#define FAULT_POINT_H

#include <stdint.h>

/* From now on the n-th passage of the points of this name fails with this error, once. UINT64_MAX counts alone. The name
 * must last until fault_point_disarm. */
void fault_point_arm(const char *name, uint64_t n, int error);
void fault_point_disarm(void);
/* Passages of the armed name since it was armed. */
uint64_t fault_point_passed(void);
/* For who has such a point: 0, or the error that this passage ends with. */
int fault_point_hit(const char *name);

#endif
