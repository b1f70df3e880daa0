/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The functions of the real libfabric as points of fault_point.h, by their own names. Most of them are inline and go through
 * tables in libfabric's objects; objects that come from a fabric that was handed in here have copies of those tables, with a
 * point in front of each function that na/ofi calls. One provider at a time.
 */
#ifndef WRAP_FABRIC_H
#define WRAP_FABRIC_H

#include <rdma/fabric.h>

void wrap_fabric(struct fid_fabric *fabric);

#endif
