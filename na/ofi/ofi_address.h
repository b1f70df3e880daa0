/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses between their three forms: what a user wrote, canonical text, and libfabric's bytes.
 *
 * Host names and interface names are looked up here, and nowhere else. Nobody is contacted except
 * the resolver. No state; any thread.
 */
#ifndef NA_OFI_OFI_ADDRESS_H
#define NA_OFI_OFI_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "na/na.h"
#include "na/na_uri.h"

#define OFI_ADDRESS_BYTES_MAX 256U

/* An address as libfabric takes it. */
struct ofi_address {
    uint32_t format; /* FI_SOCKADDR_IN, FI_SOCKADDR_IN6, FI_ADDR_STR, or the provider's own */
    size_t size;
    union {
        struct sockaddr sa;
        struct sockaddr_storage storage;
        char bytes[OFI_ADDRESS_BYTES_MAX];
    };
};

/* Takes a user's text apart; its protocol must have been checked by the caller. -EINVAL with a detail. */
int ofi_address_parse(const char *text, struct na_uri *uri);

/* Our own IP address for an info string: host by name, number or interface; without a host the
 * first interface inside ip_subnet (if not NULL), else the first that is up and not loopback, else
 * loopback. addr_format 4 or 6 limits the family. -ENODEV, -ENOENT, -EINVAL with a detail. */
int ofi_address_local_ip(const struct na_uri *uri, const char *ip_subnet, int addr_format, struct ofi_address *out);

/* A peer's IP address, which needs a host and a port. `family` is that of our own address. Unless `named`, the host must be in
 * figures, and nobody is asked for it. */
int ofi_address_remote_ip(const struct na_uri *uri, int family, bool named, struct ofi_address *out);

/* A named endpoint's address. */
int ofi_address_name(const struct na_uri *uri, struct ofi_address *out);

/* The bytes of a provider's own format, as written by ofi_address_text. */
int ofi_address_hex(const struct na_uri *uri, uint32_t format, struct ofi_address *out);

/* Canonical text. */
int ofi_address_text(const struct ofi_address *address, const char *protocol, char text[NA_ADDRESS_MAX]);

/* Makes the port, if there is one, any port. */
void ofi_address_clear_port(struct ofi_address *address);
/* Sets the port of an IP address. */
void ofi_address_set_port(struct ofi_address *address, int port);

/* 1 if two IP addresses are the same but for their ports, else 0. */
int ofi_address_same_host(const struct ofi_address *one, const struct ofi_address *other);
/* 1 if an IP address is inside a subnet such as 10.0.0.0/8, else 0. -EINVAL with a detail if that is none. */
int ofi_address_inside(const struct ofi_address *address, const char *ip_subnet);

/* Puts an address of this machine in the place of 0.0.0.0 or [::], since peers need one to call. */
void ofi_address_make_concrete(struct ofi_address *address);

/* The name inside a FI_ADDR_STR address, without its scheme. */
const char *ofi_address_endpoint_name(const struct ofi_address *address);

#endif
