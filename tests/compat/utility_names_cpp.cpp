/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/* The same list, as C++: linkage and types hold there, too. */
#include "utility_names.c"
