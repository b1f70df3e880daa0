/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * libfabric's error numbers as errno values and as words.
 *
 * libfabric returns negative errno values and, from 256 on, its own; the rest of the library knows
 * errno alone. Pure functions, any thread.
 */
#ifndef NA_OFI_OFI_ERROR_H
#define NA_OFI_OFI_ERROR_H

#include <sys/types.h>

/* The negative errno for what libfabric returned (negative) or reported (positive); 0 for 0. */
int ofi_error(ssize_t ret);

/* The error with which a completion ended, as na_rma::done gives it: cancelled by a connection's end
 * becomes -ECONNRESET. */
int ofi_error_completion(int err);

/* What a completion of a queue pair failed with: its positive errno, from libfabric's error and the status that the device
 * gave (enum ibv_wc_status). A connection that the device gave up is ECONNRESET. */
int ofi_error_status(int err, int status);

/* What a connection attempt failed with, where libfabric reports most failures as a time-out and only prov_errno is exact. */
int ofi_error_cm(int err, int prov_errno);

/* Why a route ended, in the values that route_down knows: -ECONNRESET, or those of a connection that
 * could not be made. */
int ofi_error_route(int err);

/* The reason why a connection attempt failed, in the values that route_down knows:
 * -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT, -ECONNRESET, or -ENOMEM where it is this machine that lacks something. */
int ofi_error_connect(int err);

/* libfabric's words for it, sign ignored. Static text. */
const char *ofi_error_text(ssize_t ret);

#endif
