/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses between text and libfabric's bytes, as far as that needs no network: loopback is the
 * one interface that every machine has.
 */
#include "na/ofi/ofi_address.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_compat.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"

TestSuite(ofi_address, .init = support_begin, .fini = support_end);

/* The canonical text of our own address for an info string; the error if there is none. */
static int local_text(const char *text, const char *subnet, int format, char out[NA_ADDRESS_MAX])
{
    struct na_uri uri;
    struct ofi_address address;
    int ret = ofi_address_parse(text, &uri);

    if (ret == 0)
        ret = ofi_address_local_ip(&uri, subnet, format, &address);
    return ret != 0 ? ret : ofi_address_text(&address, uri.protocol, out);
}

Test(ofi_address, a_host_may_be_a_number_an_interface_or_a_name)
{
    char text[NA_ADDRESS_MAX];

    cr_assert_eq(local_text("tcp://127.0.0.1:5000", NULL, 0, text), 0);
    cr_assert_str_eq(text, "tcp://127.0.0.1:5000");
    cr_assert_eq(local_text("ofi+tcp://lo:5001", NULL, 4, text), 0);
    cr_assert_str_eq(text, "tcp://127.0.0.1:5001");
    cr_assert_eq(local_text("tcp://localhost", NULL, 4, text), 0);
    cr_assert_str_eq(text, "tcp://127.0.0.1:0");
}

Test(ofi_address, a_subnet_picks_the_interface)
{
    char text[NA_ADDRESS_MAX];

    cr_assert_eq(local_text("tcp", "127.0.0.0/8", 0, text), 0);
    cr_assert_str_eq(text, "tcp://127.0.0.1:0");
    cr_assert_eq(local_text("tcp://:7000", "127.0.0.1/32", 0, text), 0);
    cr_assert_str_eq(text, "tcp://127.0.0.1:7000");
    cr_assert_eq(local_text("tcp", "203.0.113.0/24", 0, text), -ENODEV);
    cr_assert_eq(local_text("tcp", "127.0.0.0/33", 0, text), -EINVAL);
    cr_assert_eq(local_text("tcp", "127.0.0/8", 0, text), -EINVAL);
    cr_assert_eq(local_text("tcp", "127.0.0.1/", 0, text), -EINVAL);
    cr_assert_eq(local_text("tcp", "/8", 0, text), -EINVAL);
}

Test(ofi_address, what_does_not_resolve_is_said)
{
    char text[NA_ADDRESS_MAX];

    util_detail_clear();
    cr_assert_eq(local_text("tcp://no-such-host.invalid", NULL, 0, text), -ENOENT);
    cr_assert(strstr(util_detail_get(), "no-such-host.invalid") != NULL);
    cr_assert_eq(local_text("tcp://[", NULL, 0, text), -EINVAL);
    cr_assert(strlen(util_detail_get()) > 0);
}

Test(ofi_address, a_peer_needs_host_and_port)
{
    struct na_uri uri;
    struct ofi_address address;

    cr_assert_eq(ofi_address_parse("tcp://127.0.0.1", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, true, &address), -EINVAL);
    cr_assert_eq(ofi_address_parse("tcp://:5000", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, true, &address), -EINVAL);
    cr_assert_eq(ofi_address_parse("tcp://127.0.0.1:5000", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, true, &address), 0);
    cr_assert_eq(address.format, (uint32_t)FI_SOCKADDR_IN);
}

/* An address that a peer sent is not looked up: a name server that does not answer would hold up all others. */
Test(ofi_address, names_are_looked_up_for_users_only)
{
    struct na_uri uri;
    struct ofi_address address;

    cr_assert_eq(ofi_address_parse("tcp://localhost:5000", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, true, &address), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, false, &address), -ENOENT);
    cr_assert_eq(ofi_address_parse("tcp://lo:5000", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, true, &address), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, false, &address), -ENOENT);
    cr_assert_eq(ofi_address_parse("tcp://127.0.0.1:5000", &uri), 0);
    cr_assert_eq(ofi_address_remote_ip(&uri, AF_INET, false, &address), 0);
}

Test(ofi_address, names_are_taken_as_they_are)
{
    struct na_uri uri;
    struct ofi_address one;
    char text[NA_ADDRESS_MAX];
    char too_long[260];

    cr_assert_eq(ofi_address_parse("shm", &uri), 0);
    cr_assert_eq(ofi_address_name(&uri, &one), -EINVAL);
    cr_assert_eq(ofi_address_parse("na+sm://me", &uri), 0);
    cr_assert_eq(ofi_address_name(&uri, &one), 0);
    cr_assert_str_eq(ofi_address_endpoint_name(&one), "me");
    cr_assert_eq(ofi_address_text(&one, "shm", text), 0);
    cr_assert_str_eq(text, "shm://me");
    (void)snprintf(too_long, sizeof(too_long), "shm://%0248d", 7);
    if (ofi_address_parse(too_long, &uri) == 0)
        cr_assert_eq(ofi_address_name(&uri, &one), -EINVAL);
}

Test(ofi_address, other_formats_travel_in_hex)
{
    struct na_uri uri;
    struct ofi_address address;
    char text[NA_ADDRESS_MAX];

    cr_assert_eq(ofi_address_parse("psm2://00ff10a5", &uri), 0);
    cr_assert_eq(ofi_address_hex(&uri, FI_ADDR_PSMX2, &address), 0);
    cr_assert_eq(address.size, 4);
    cr_assert_eq(memcmp(address.bytes, "\x00\xff\x10\xa5", 4), 0);
    cr_assert_eq(ofi_address_text(&address, "psm2", text), 0);
    cr_assert_str_eq(text, "psm2://00ff10a5");
    cr_assert_eq(ofi_address_parse("psm2://00f", &uri), 0);
    cr_assert_eq(ofi_address_hex(&uri, FI_ADDR_PSMX2, &address), -EINVAL);
    cr_assert_eq(ofi_address_parse("psm2://zz", &uri), 0);
    cr_assert_eq(ofi_address_hex(&uri, FI_ADDR_PSMX2, &address), -EINVAL);
}

Test(ofi_address, any_address_becomes_one_that_can_be_called)
{
    struct na_uri uri;
    struct ofi_address address;
    char text[NA_ADDRESS_MAX];

    cr_assert_eq(ofi_address_parse("tcp://0.0.0.0:4321", &uri), 0);
    cr_assert_eq(ofi_address_local_ip(&uri, NULL, 4, &address), 0);
    ofi_address_make_concrete(&address);
    cr_assert_eq(ofi_address_text(&address, "tcp", text), 0);
    cr_assert(strstr(text, "0.0.0.0") == NULL);
    cr_assert(strstr(text, ":4321") != NULL);
    ofi_address_clear_port(&address);
    cr_assert_eq(ofi_address_text(&address, "tcp", text), 0);
    cr_assert(strstr(text, ":4321") == NULL);
}

Test(ofi_address, hosts_are_compared_without_their_ports)
{
    struct na_uri uri;
    struct ofi_address one;
    struct ofi_address other;

    cr_assert_eq(ofi_address_parse("tcp://127.0.0.1:5000", &uri), 0);
    cr_assert_eq(ofi_address_local_ip(&uri, NULL, 0, &one), 0);
    other = one;
    ofi_address_set_port(&other, 7);
    cr_assert_eq(ofi_address_same_host(&one, &other), 1);
    cr_assert_eq(ofi_address_parse("tcp://127.0.0.2:5000", &uri), 0);
    cr_assert_eq(ofi_address_local_ip(&uri, NULL, 0, &other), 0);
    cr_assert_eq(ofi_address_same_host(&one, &other), 0);
}

Test(ofi_address, an_address_is_inside_a_subnet_or_not)
{
    struct na_uri uri;
    struct ofi_address address;

    cr_assert_eq(ofi_address_parse("tcp://127.0.0.1", &uri), 0);
    cr_assert_eq(ofi_address_local_ip(&uri, NULL, 0, &address), 0);
    cr_assert_eq(ofi_address_inside(&address, "127.0.0.0/8"), 1);
    cr_assert_eq(ofi_address_inside(&address, "10.0.0.0/8"), 0);
    cr_assert_eq(ofi_address_inside(&address, "nonsense"), -EINVAL);
}
