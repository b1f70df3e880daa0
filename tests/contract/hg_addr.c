/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses: text and back, comparing, one's own, and text that is no address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

static void own_address_is_complete_before_any_context(void)
{
    hg_class_t *hg_class = hg_pair_init(true, NULL);
    char before[HG_PAIR_TEXT];
    char after[HG_PAIR_TEXT];
    hg_context_t *context;

    hg_pair_address(hg_class, before);
    SUPPORT_CHECK(strstr(before, "://") != NULL);
    context = HG_Context_create(hg_class);
    SUPPORT_CHECK(context != NULL);
    hg_pair_address(hg_class, after);
    SUPPORT_CHECK(strcmp(before, after) == 0);
    HG_PAIR_OK(HG_Context_destroy(context));
    HG_PAIR_OK(HG_Finalize(hg_class));
}

/* What is asked for as `uri` is called `name` and `protocol`, and its addresses begin with `prefix`. */
static void check_names(const char *uri, const char *name, const char *protocol, const char *prefix)
{
    hg_class_t *hg_class = HG_Init(uri, true);
    char text[HG_PAIR_TEXT];

    SUPPORT_CHECK(hg_class != NULL);
    hg_pair_address(hg_class, text);
    SUPPORT_CHECK(strncmp(text, prefix, strlen(prefix)) == 0);
    SUPPORT_CHECK(strcmp(HG_Class_get_name(hg_class), name) == 0);
    SUPPORT_CHECK(strcmp(HG_Class_get_protocol(hg_class), protocol) == 0);
    HG_PAIR_OK(HG_Finalize(hg_class));
}

/* DAOS takes an address apart at "://" and looks its beginning up among the names of providers. */
static void address_begins_with_the_provider_as_mercury_writes_it(void)
{
    char provider[64];
    char own[128];
    char uri[160];
    char prefix[128];

    /* The provider alone, without "+sm". */
    (void)snprintf(provider, sizeof(provider), "%.*s", (int)strcspn(support_suite_parameter(), "+"),
                   support_suite_parameter());
    support_suite_uri(provider, own, sizeof(own));
    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL))); /* skips where the provider is missing */
    (void)snprintf(prefix, sizeof(prefix), "ofi+%s://", provider);
    (void)snprintf(uri, sizeof(uri), "ofi+%s%s", own, strstr(own, "://") == NULL ? "://" : "");
    check_names(uri, "ofi", provider, prefix);
    check_names(uri + strlen("ofi+"), "ofi", provider, prefix);
    if (strcmp(provider, "shm") == 0) {
        check_names("na+sm", "na", "sm", "na+sm://");
        check_names("na+sm://", "na", "sm", "na+sm://");
        check_names("sm://", "na", "sm", "na+sm://");
    }
}

/* A class called na+sm and one called shm are the same to each other. */
static void address_keeps_its_identity_under_either_name(void)
{
    hg_class_t *other;
    char text[HG_PAIR_TEXT];
    char same[256];
    struct hg_pair pair;
    hg_size_t size = sizeof(same);
    hg_addr_t addr;

    if (strcmp(support_suite_parameter(), "shm") != 0)
        support_suite_skip("only shm has another name");
    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, text);
    other = HG_Init("na+sm", false);
    SUPPORT_CHECK(other != NULL);
    HG_PAIR_OK(HG_Addr_lookup2(other, text, &addr));
    HG_PAIR_OK(HG_Addr_to_string(other, same, &size, addr));
    HG_PAIR_OK(HG_Addr_free(other, addr));
    HG_PAIR_OK(HG_Finalize(other));
    SUPPORT_CHECK(strncmp(same, "na+sm://", 8) == 0 && strcmp(strstr(same, "://"), strstr(text, "://")) == 0);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, same, &addr));
    SUPPORT_CHECK(HG_Addr_cmp(pair.origin.hg_class, addr, pair.addr));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    hg_pair_close(&pair);
}

static void two_classes_have_two_addresses(void)
{
    struct hg_pair pair;
    char target[HG_PAIR_TEXT];
    char origin[HG_PAIR_TEXT];

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, target);
    hg_pair_address(pair.origin.hg_class, origin);
    SUPPORT_CHECK(strcmp(target, origin) != 0);
    hg_pair_close(&pair);
}

static void addresses_with_the_same_text_are_equal(void)
{
    hg_class_t *hg_class;
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];
    hg_addr_t again;
    hg_addr_t dup;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    hg_class = pair.origin.hg_class;
    hg_pair_address(pair.target.hg_class, text);
    HG_PAIR_OK(HG_Addr_lookup2(hg_class, text, &again));
    HG_PAIR_OK(HG_Addr_dup(hg_class, pair.addr, &dup));
    HG_PAIR_OK(HG_Addr_self(hg_class, &self));
    SUPPORT_CHECK(HG_Addr_cmp(hg_class, pair.addr, again));
    SUPPORT_CHECK(HG_Addr_cmp(hg_class, pair.addr, dup));
    SUPPORT_CHECK(!HG_Addr_cmp(hg_class, pair.addr, self));
    SUPPORT_CHECK(!HG_Addr_cmp(hg_class, pair.addr, HG_ADDR_NULL));
    SUPPORT_CHECK(HG_Addr_cmp(hg_class, HG_ADDR_NULL, HG_ADDR_NULL));
    HG_PAIR_OK(HG_Addr_free(hg_class, again));
    HG_PAIR_OK(HG_Addr_free(hg_class, dup));
    HG_PAIR_OK(HG_Addr_free(hg_class, self));
    hg_pair_close(&pair);
}

static void prefix_and_spelling_do_not_make_another_address(void)
{
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];
    hg_addr_t addr;

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, text);
    SUPPORT_CHECK(strncmp(text, "ofi+", 4) == 0);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text + 4, &addr));
    SUPPORT_CHECK(HG_Addr_cmp(pair.origin.hg_class, pair.addr, addr));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    hg_pair_close(&pair);
}

/* Whether the address has a host and a port; they are put into words. */
static bool host_and_port(const char *text, char host[128], unsigned int *port)
{
    const char *rest = strstr(text, "://");

    return rest != NULL && sscanf(rest, "://%100[0-9.]:%u", host, port) == 2;
}

/* With the prefix or without, by number, by the name of a host or of an interface, with a domain in front. */
static void every_form_of_an_address_is_the_same_address(void)
{
    static const char *const prefixes[] = {"ofi+", "", ""};
    static const char *const domains[] = {"", "", "lo/"};
    static const char *const hosts[] = {NULL, "localhost", "lo"};
    char text[HG_PAIR_TEXT];
    char host[128];
    unsigned int port;
    struct hg_pair pair;
    hg_addr_t addr;

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, text);
    if (!host_and_port(text, host, &port))
        support_suite_skip("its addresses have no hosts");
    for (unsigned int i = 0; i < 9; i++) {
        const char *name = hosts[i / 3] != NULL ? hosts[i / 3] : host;

        (void)snprintf(text, sizeof(text), "%s%s://%s%s:%u", prefixes[i % 3],
                       HG_Class_get_protocol(pair.target.hg_class), domains[i % 3], name, port);
        HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
        if (!HG_Addr_cmp(pair.origin.hg_class, addr, pair.addr))
            support_suite_fail("%s is another address", text);
        HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    }
    hg_pair_close(&pair);
}

static void addresses_of_two_classes_are_never_equal_and_own_ones_always_are(void)
{
    struct hg_pair pair;
    hg_addr_t here;
    hg_addr_t there;
    hg_addr_t looked_up;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &here));
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &there));
    looked_up = hg_pair_lookup(pair.target.hg_class, pair.target.hg_class);
    SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, here, there));
    SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, here, looked_up));
    SUPPORT_CHECK(
        !HG_Addr_cmp(pair.target.hg_class, here, pair.addr)); /* the same process, as another class knows it */
    SUPPORT_CHECK(!HG_Addr_cmp(pair.target.hg_class, HG_ADDR_NULL, here));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, here));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, there));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, looked_up));
    hg_pair_close(&pair);
}

static void to_string_tells_the_size_and_refuses_a_short_buffer(void)
{
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];
    hg_size_t size = 0;
    hg_size_t short_size;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, NULL, &size, pair.addr));
    SUPPORT_CHECK(size > 4 && size < sizeof(text));
    short_size = size - 1;
    memset(text, '#', sizeof(text));
    HG_PAIR_RET(HG_Addr_to_string(pair.origin.hg_class, text, &short_size, pair.addr), HG_MSGSIZE);
    SUPPORT_CHECK(short_size == size && text[0] == '#');
    HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, text, &size, pair.addr));
    SUPPORT_CHECK(strlen(text) + 1 == size);
    hg_pair_close(&pair);
}

static void text_that_is_no_address_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "garbage",
                                        "://",
                                        "tcp",
                                        ":::",
                                        "tcp://",
                                        "tcp://127.0.0.1:99999",
                                        "tcp://127.0.0.1:-1",
                                        "tcp://[::1",
                                        "\n",
                                        "tcp://127.0.0.1:12x"};
    char longer[5000];
    struct hg_pair pair;
    hg_addr_t addr = HG_ADDR_NULL;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        hg_return_t ret = HG_Addr_lookup2(pair.origin.hg_class, texts[i], &addr);

        /* What would be an address of tcp is one of another protocol to other classes. */
        if (ret != HG_INVALID_ARG && (ret != HG_PROTONOSUPPORT || strncmp(hg_pair_uri(), "tcp:", 4) == 0))
            support_suite_fail("\"%s\" gave %s", texts[i], HG_Error_to_string(ret));
        SUPPORT_CHECK(addr == HG_ADDR_NULL);
        if (qs_error_detail()[0] == '\0')
            support_suite_fail("no word about \"%s\"", texts[i]);
    }
    memset(longer, 'x', sizeof(longer));
    memcpy(longer, "tcp://", 6);
    longer[sizeof(longer) - 1] = '\0';
    SUPPORT_CHECK(HG_Addr_lookup2(pair.origin.hg_class, longer, &addr) != HG_SUCCESS);
    hg_pair_close(&pair);
}

static void address_of_another_protocol_is_refused(void)
{
    struct hg_pair pair;
    hg_addr_t addr = HG_ADDR_NULL;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    HG_PAIR_RET(HG_Addr_lookup2(pair.origin.hg_class, "psm9://127.0.0.1:5", &addr), HG_PROTONOSUPPORT);
    SUPPORT_CHECK(addr == HG_ADDR_NULL);
    hg_pair_close(&pair);
}

static hg_addr_t found;

static hg_return_t looked_up(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(info->type == HG_CB_LOOKUP && info->arg == &found);
    HG_PAIR_OK(info->ret);
    found = info->info.lookup.addr;
    return HG_SUCCESS;
}

static void lookup_with_a_callback_calls_back_from_trigger(void)
{
    struct hg_pair pair;
    hg_op_id_t op_id;
    char text[HG_PAIR_TEXT];

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, text);
    HG_PAIR_OK(HG_Addr_lookup1(pair.origin.contexts[0], looked_up, &found, text, &op_id));
    SUPPORT_CHECK(found == HG_ADDR_NULL);
    HG_PAIR_UNTIL(&pair, found != HG_ADDR_NULL);
    SUPPORT_CHECK(HG_Addr_cmp(pair.origin.hg_class, found, pair.addr));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, found));
    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Addr_lookup1(pair.origin.contexts[0], looked_up, &found, "nonsense", HG_OP_ID_IGNORE) !=
                  HG_SUCCESS);
    hg_pair_settle(&pair);
    hg_pair_close(&pair);
}

static void removed_address_can_be_used_again(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    HG_PAIR_OK(HG_Addr_set_remove(pair.origin.hg_class, pair.addr));
    HG_PAIR_OK(HG_Addr_set_remove(pair.origin.hg_class, pair.addr));
    hg_pair_settle(&pair);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void thousand_addresses_leave_nothing_behind(void)
{
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];
    char *colon;

    hg_pair_open(&pair, NULL);
    hg_pair_address(pair.target.hg_class, text);
    colon = strrchr(text, ':');
    if (colon == NULL || strchr(text + 6, '.') == NULL)
        support_suite_skip("its addresses have no ports");
    for (unsigned int i = 1; i <= 1000; i++) {
        hg_addr_t addr;

        snprintf(colon, sizeof(text) - (size_t)(colon - text), ":%u", i);
        HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
        HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    }
    hg_pair_close(&pair);
}

const struct support_case hg_addr_cases[] = {
    SUPPORT_CASE(own_address_is_complete_before_any_context),
    SUPPORT_CASE(address_begins_with_the_provider_as_mercury_writes_it),
    SUPPORT_CASE(address_keeps_its_identity_under_either_name),
    SUPPORT_CASE(two_classes_have_two_addresses),
    SUPPORT_CASE(addresses_with_the_same_text_are_equal),
    SUPPORT_CASE(prefix_and_spelling_do_not_make_another_address),
    SUPPORT_CASE(every_form_of_an_address_is_the_same_address),
    SUPPORT_CASE(addresses_of_two_classes_are_never_equal_and_own_ones_always_are),
    SUPPORT_CASE(to_string_tells_the_size_and_refuses_a_short_buffer),
    SUPPORT_CASE(text_that_is_no_address_is_refused),
    SUPPORT_CASE(address_of_another_protocol_is_refused),
    SUPPORT_CASE(lookup_with_a_callback_calls_back_from_trigger),
    SUPPORT_CASE(removed_address_can_be_used_again),
    SUPPORT_CASE(thousand_addresses_leave_nothing_behind),
    {NULL, NULL, 0},
};
