/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Names of peers in shared memory: whatever an address looks like, its name is one that the transport takes, with room for
 * the number of a context, and names of different addresses differ.
 */
#include "hg/hg_sm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "na/shm/shm_name.h"

/* What the transport makes of the address. */
static void check_is_taken(const char *text)
{
    char address[NA_ADDRESS_MAX];
    char again[NA_ADDRESS_MAX];
    char name[NA_ADDRESS_MAX];
    char endpoint[NA_ADDRESS_MAX];

    hg_sm_address(text, address);
    cr_assert_eq(shm_name_remote(address, name), 0, "%s", address);
    shm_name_text(name, again);
    cr_assert_str_eq(again, address);
    shm_name_of_context(name, 255, endpoint);
    cr_assert_eq(strlen(endpoint), strlen(name) + strlen("#255"));
}

Test(hg_sm, an_address_is_its_own_name)
{
    char address[NA_ADDRESS_MAX];

    hg_sm_address("tcp://10.0.0.1:5000", address);
    cr_assert_str_eq(address, "shm://tcp://10.0.0.1:5000");
}

Test(hg_sm, all_kinds_of_addresses_are_taken)
{
    check_is_taken("tcp://10.0.0.1:5000");
    check_is_taken("tcp://[2001:db8::ff00:42:8329]:65535");
    check_is_taken("tcp://[fe80::1%eth0]:5000");
    check_is_taken("tcp;ofi_rxm://mlx5_0/10.0.0.1:5000");
    check_is_taken("sockets://1#2");
}

Test(hg_sm, names_of_any_length_are_taken_and_differ)
{
    char before[NA_ADDRESS_MAX] = "";

    for (size_t length = 7; length < NA_ADDRESS_MAX; length++) {
        char text[NA_ADDRESS_MAX] = "tcp://";
        char address[NA_ADDRESS_MAX];

        memset(text + 6, 'a', length - 6);
        check_is_taken(text);
        hg_sm_address(text, address);
        cr_assert_str_neq(address, before);
        strcpy(before, address);
        text[length - 1] = 'b';
        hg_sm_address(text, address);
        cr_assert_str_neq(address, before);
    }
}
