/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/* The same checks, as C++. */
#include "headers_values.c"
