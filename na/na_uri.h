/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Info strings and addresses as text:
 *
 *     [ofi+]PROTOCOL                                  "tcp", "ofi+verbs", "tcp;ofi_rxm"
 *     [ofi+]PROTOCOL://[domain/][host][:port]         "tcp://eth0", "verbs://mlx5_0/10.0.0.1:5000"
 *     shm://[name], na+sm, na+sm://[name]             the rest is one name, slashes included
 *
 * A host is a name, an IPv4 address, an interface or an IPv6 address in brackets; which of them is
 * for the transport to find out. Which protocols exist is not known here either.
 *
 * Pure functions of their arguments: no allocation, no look-up, any thread, and any bytes for input.
 */
#ifndef NA_URI_H
#define NA_URI_H

#include <stdbool.h>
#include <stddef.h>

#define NA_URI_PROTOCOL_SIZE 64U
#define NA_URI_DOMAIN_SIZE   64U
#define NA_URI_HOST_SIZE     256U

/* No canonical text is longer than this, terminator included. */
#define NA_URI_TEXT_SIZE 416U

struct na_uri {
    char protocol[NA_URI_PROTOCOL_SIZE]; /* without prefix; "shm" also for na+sm */
    char domain[NA_URI_DOMAIN_SIZE];     /* "" if absent */
    char host[NA_URI_HOST_SIZE];         /* "" if absent; IPv6 without its brackets; for shm the name */
    int port;                            /* 0 to 65535, -1 if absent */
    bool ofi_prefix;                     /* the text began with "ofi+" */
    bool sm_alias;                       /* the text said na+sm (or sm) for shm */
};

/* Takes `text` apart: 0, or -EINVAL (also for NULL) with a sentence in `why`, if that is not NULL,
 * which says what is wrong and at which character. */
int na_uri_parse(const char *text, struct na_uri *out, char *why, size_t why_size);

/* Writes the canonical text, terminated, into `buf` of *size bytes and sets *size to what it takes:
 * 0, or -EMSGSIZE when the buffer is too small (nothing is written). `buf` NULL only asks for the
 * size. Parsing the text gives `uri` back. */
int na_uri_format(const struct na_uri *uri, char *buf, size_t *size);

#endif /* NA_URI_H */
