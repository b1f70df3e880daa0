/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The fields of struct hg_init_info and of the na_init_info in it: each is honoured, or HG_Init refuses it with a
 * sentence. Cases are named for the field. Elsewhere are: busy polling (NA_NO_BLOCK) in hg_progress.c, eager sizes and
 * stats in hg_register.c, no_loopback in hg_self.c, no_overflow in hg_overflow.c.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "tests/contract/hg_contract.h"

static const unsigned int version = HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR);

static bool provider_is(const char *name)
{
    return strcmp(support_suite_parameter(), name) == 0;
}

/* Opening with these options fails, and the reason names the word. */
static void check_refused(const char *uri, const struct hg_init_info *init, const char *word)
{
    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Init_opt2(uri, true, version, init) == NULL);
    HG_Set_log_level("error");
    if (strstr(qs_error_detail(), word) == NULL)
        support_suite_fail("'%s' is not in: %s", word, qs_error_detail());
}

/* A pair with these options works. */
static void check_works(const struct hg_init_info *init)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.init = init});
    hg_pair_move(&pair, 100, 100);
    hg_pair_move(&pair, 40000, 40000);
    hg_pair_move(&pair, 400000, 400000);
    hg_pair_close(&pair);
}

static struct hg_init_info defaults(void)
{
    return HG_INIT_INFO_INITIALIZER;
}

/* --- the versions of the struct ------------------------------------------------------------------- */

/* Options of an older program: the fields of its time are good, and where its struct ends there is nonsense. */
static struct hg_init_info options_up_to(size_t size)
{
    struct hg_init_info init = defaults();
    struct hg_init_info nonsense;

    init.request_post_init = 3;
    init.no_bulk_eager = true;
    init.release_input_early = true;
    init.no_overflow = true;
    memset(&nonsense, 0xa5, sizeof(nonsense));
    memcpy((char *)&init + size, (const char *)&nonsense + size, sizeof(init) - size);
    return init;
}

static const struct {
    unsigned int version;
    size_t size; /* of the struct at that time */
} struct_versions[] = {
    {HG_VERSION(2, 2), offsetof(struct hg_init_info, no_multi_recv)},
    {HG_VERSION(2, 3), offsetof(struct hg_init_info, traffic_class)},
    {HG_VERSION(2, 4), sizeof(struct hg_init_info)},
};
enum { STRUCT_VERSIONS = sizeof(struct_versions) / sizeof(struct_versions[0]) };

/* A memory checker sees it when the library reads on where the program's struct ends. */
static void init_opt2_reads_no_more_than_the_struct_of_its_version_has(void)
{
    for (unsigned int i = 0; i < STRUCT_VERSIONS; i++) {
        struct hg_init_info init = options_up_to(struct_versions[i].size);
        struct hg_init_info *old = malloc(struct_versions[i].size);
        hg_class_t *hg_class;

        HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
        SUPPORT_CHECK(old != NULL);
        memcpy(old, &init, struct_versions[i].size);
        hg_class = HG_Init_opt2(hg_pair_uri(), true, struct_versions[i].version, old);
        free(old);
        if (hg_class == NULL)
            support_suite_fail("version %#x: %s", struct_versions[i].version, qs_error_detail());
        SUPPORT_CHECK(hg_class->options.request_post_init == 3 && hg_class->options.no_bulk_eager);
        SUPPORT_CHECK(hg_class->options.release_input_early == (i >= 1) && hg_class->options.no_overflow == (i >= 2));
        SUPPORT_CHECK(hg_class->options.traffic_class == NA_TC_UNSPEC);
        SUPPORT_CHECK(hg_class->options.multi_recv_op_max == 0 && hg_class->options.multi_recv_copy_threshold == 0);
        HG_PAIR_OK(HG_Finalize(hg_class));
    }
}

static void init_opt_takes_the_struct_for_that_of_2_2(void)
{
    struct hg_init_info init = options_up_to(struct_versions[0].size);
    hg_class_t *hg_class;

    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
    hg_class = HG_Init_opt(hg_pair_uri(), true, &init);
    SUPPORT_CHECK(hg_class != NULL);
    SUPPORT_CHECK(hg_class->options.no_bulk_eager && !hg_class->options.no_overflow);
    SUPPORT_CHECK(!hg_class->options.no_multi_recv && hg_class->options.multi_recv_op_max == 0);
    HG_PAIR_OK(HG_Finalize(hg_class));
    hg_class = HG_Init_opt(hg_pair_uri(), true, NULL);
    SUPPORT_CHECK(hg_class != NULL);
    HG_PAIR_OK(HG_Finalize(hg_class));
    check_refused(hg_pair_uri(), &init, "multi_recv_op_max"); /* as that of today it is nonsense */
}

static void versions_that_are_none_or_to_come_are_refused_with_a_word(void)
{
    static const unsigned int versions[] = {0, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR + 1),
                                            HG_VERSION(HG_VERSION_MAJOR + 1, 0)};
    struct hg_init_info init = defaults();
    hg_class_t *hg_class;

    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
    HG_Set_log_level("none");
    for (unsigned int i = 0; i < 3; i++) {
        SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, versions[i], &init) == NULL);
        SUPPORT_CHECK(strstr(qs_error_detail(), "version") != NULL);
    }
    HG_Set_log_level("error");
    hg_class = HG_Init_opt2(hg_pair_uri(), true, 0, NULL);
    SUPPORT_CHECK(hg_class != NULL);
    HG_PAIR_OK(HG_Finalize(hg_class));
}

static void na_class_of_mercury_is_refused(void)
{
    struct hg_init_info init = defaults();

    init.na_class = (na_class_t *)(void *)&init;
    check_refused(hg_pair_uri(), &init, "na_class");
}

/* --- contexts and handles ------------------------------------------------------------------------- */

static void max_contexts_bounds_number_and_ids(void)
{
    struct hg_init_info init = defaults();
    hg_context_t *contexts[2];
    hg_class_t *hg_class;

    init.na_init_info.max_contexts = 2;
    hg_class = hg_pair_init(true, &init);
    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Context_create_id(hg_class, 2) == NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "max_contexts") != NULL);
    contexts[0] = HG_Context_create(hg_class);
    contexts[1] = HG_Context_create(hg_class);
    SUPPORT_CHECK(contexts[0] != NULL && contexts[1] != NULL);
    SUPPORT_CHECK(HG_Context_create(hg_class) == NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "max_contexts") != NULL);
    HG_Set_log_level("error");
    HG_PAIR_OK(HG_Context_destroy(contexts[0]));
    contexts[0] = HG_Context_create(hg_class);
    SUPPORT_CHECK(contexts[0] != NULL && HG_Context_get_id(contexts[0]) == 0);
    HG_PAIR_OK(HG_Context_destroy(contexts[0]));
    HG_PAIR_OK(HG_Context_destroy(contexts[1]));
    HG_PAIR_OK(HG_Finalize(hg_class));
}

/* It is what the initializer says: programs that never set it open several. */
static void max_contexts_of_one_is_no_bound(void)
{
    struct hg_init_info init = defaults();
    struct hg_pair pair;

    SUPPORT_CHECK(init.na_init_info.max_contexts == 1);
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init, .target_contexts = 3, .origin_contexts = 2});
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void request_post_init_prepares_handles(void)
{
    struct hg_init_info init = defaults();
    struct hg_pair pair;

    init.request_post_init = 5000;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    SUPPORT_CHECK(pair.target.contexts[0]->handles_idle_count[1] == 5000);
    SUPPORT_CHECK(pair.origin.contexts[0]->handles_idle_count[1] == 0); /* it does not listen */
    for (unsigned int i = 0; i < 20; i++)
        hg_pair_check_works(&pair);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(pair.target.contexts[0]->handles_count[1] == 5000);
    SUPPORT_CHECK(pair.target.contexts[0]->handles_idle_count[1] == 5000);
    hg_pair_close(&pair);
    init.request_post_init = UINT32_MAX;
    check_refused(hg_pair_uri(), &init, "request_post_init");
}

static void request_post_incr_is_how_many_more_are_made(void)
{
    struct hg_init_info init = defaults();
    struct hg_pair_blob in = {0};
    struct hg_pair_call calls[3];
    struct hg_pair pair;

    init.request_post_init = 2;
    init.request_post_incr = 10;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    for (unsigned int i = 0; i < 3; i++) {
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == i + 1);
        SUPPORT_CHECK(pair.target.contexts[0]->handles_count[1] == (i < 2 ? 2 : 12));
    }
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 0; i < 3; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
    init.request_post_incr = -2;
    check_refused(hg_pair_uri(), &init, "request_post_incr");
}

/* No call is lost: it is answered with HG_AGAIN, or, where nobody waits for an answer, it runs. */
static void request_post_incr_of_minus_one_refuses_with_again(void)
{
    enum { COUNT = 4 };
    struct hg_init_info init = defaults();
    struct hg_pair_blob small = {0};
    struct hg_pair_blob large = {.size = 60000};
    struct hg_pair_call calls[COUNT];
    struct hg_pair_call more;
    struct hg_pair pair;

    init.request_post_init = COUNT;
    init.request_post_incr = -1;
    HG_Set_log_level("none");
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &small);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == COUNT);
    large.data = malloc(large.size);
    hg_pair_fill(large.data, large.size, large.size);
    for (unsigned int i = 0; i < 20; i++) {
        hg_pair_call_start(&pair, &more, HG_PAIR_ECHO, i % 2 == 0 ? &small : &large);
        HG_PAIR_FINISH(&more, HG_AGAIN);
        hg_pair_call_start(&pair, &more, HG_PAIR_QUIET, &large);
        HG_PAIR_FINISH(&more, HG_SUCCESS);
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == i + 1);
    }
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    free(large.data);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(pair.target.contexts[0]->handles_count[1] == COUNT);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&calls[0], HG_SUCCESS);
    hg_pair_settle(&pair);
    hg_pair_check_works(&pair);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 1; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static atomic_uint freed_count;

/* A program's code may call the library. */
static void free_data(void *data)
{
    struct hg_pair *pair = data;

    SUPPORT_CHECK(hg_pair_counters(pair->target.hg_class).rpc_req_recv > 0);
    atomic_fetch_add(&freed_count, 1);
}

static hg_return_t data_handler(hg_handle_t handle)
{
    HG_PAIR_OK(HG_Set_data(handle, hg_pair_of(handle), free_data));
    return HG_Destroy(handle);
}

/* Handles beyond the limit end with their requests, and with them what the user has put there. */
static void data_of_handles_beyond_the_limit_is_freed_without_a_lock(void)
{
    struct hg_init_info init = defaults();
    struct hg_pair_blob nothing = {0};
    struct hg_pair_call held;
    struct hg_pair_call more;
    struct hg_pair pair;
    hg_id_t id;

    init.request_post_init = 1;
    init.request_post_incr = -1;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    id = hg_pair_register_both(&pair, "data", hg_pair_proc_blob, NULL, data_handler);
    HG_PAIR_OK(HG_Registered_disable_response(pair.origin.hg_class, id, 1));
    hg_pair_call_start(&pair, &held, HG_PAIR_HOLD, &nothing);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    for (unsigned int i = 0; i < 10; i++) {
        hg_pair_call_start_id(&pair, &more, id, &nothing);
        HG_PAIR_FINISH(&more, HG_SUCCESS);
        HG_PAIR_UNTIL(&pair, atomic_load(&freed_count) == i + 1);
    }
    SUPPORT_CHECK(pair.target.contexts[0]->handles_count[1] == 1);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&held, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* --- receiving ------------------------------------------------------------------------------------- */

static void multi_recv_op_max_sets_the_receive_buffers(void)
{
    static const unsigned int counts[] = {1, 3, 16};
    struct hg_init_info init = defaults();

    for (unsigned int i = 0; i < 3; i++) {
        init.multi_recv_op_max = counts[i];
        check_works(&init);
    }
    init.multi_recv_op_max = 100000;
    check_refused(hg_pair_uri(), &init, "multi_recv_op_max");
}

static void no_multi_recv_works(void)
{
    struct hg_init_info init = defaults();

    init.no_multi_recv = true;
    check_works(&init);
}

static void multi_recv_copy_threshold_is_at_most_the_buffers(void)
{
    struct hg_init_info init = defaults();

    init.multi_recv_copy_threshold = 4;
    check_works(&init);
    init.multi_recv_copy_threshold = 5; /* there are 4 by default */
    check_refused(hg_pair_uri(), &init, "multi_recv_copy_threshold");
    init.multi_recv_op_max = 5;
    check_works(&init);
}

static hg_return_t get_input_twice(hg_handle_t handle)
{
    struct hg_pair_blob in;
    struct hg_pair_blob again;
    uint32_t out;

    HG_PAIR_OK(HG_Get_input(handle, &in));
    out = (uint32_t)HG_Get_input(handle, &again);
    if (out == HG_SUCCESS)
        HG_PAIR_OK(HG_Free_input(handle, &again));
    HG_PAIR_OK(HG_Free_input(handle, &in));
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, &out));
    return HG_Destroy(handle);
}

static void release_input_early_lets_input_be_got_once(void)
{
    struct hg_init_info init = defaults();

    for (unsigned int early = 0; early < 2; early++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call = {0};
        struct hg_pair pair;
        uint32_t out = 0;
        hg_id_t id;

        init.release_input_early = (uint8_t)early;
        hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
        id = hg_pair_register_both(&pair, "twice", hg_pair_proc_blob, hg_proc_uint32_t, get_input_twice);
        hg_pair_call_start_id(&pair, &call, id, &in);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_OK(HG_Get_output(call.handle, &out));
        SUPPORT_CHECK(out == (early ? HG_FAULT : HG_SUCCESS));
        HG_PAIR_OK(HG_Free_output(call.handle, &out));
        hg_pair_call_end(&call);
        hg_pair_close(&pair);
    }
}

/* --- progress and threads --------------------------------------------------------------------------- */

/* Forwards a handle again and again until it is taken, while both sides move; how often it was refused. */
static unsigned int forward_in_the_end(struct hg_pair_call *call, struct hg_pair_blob *in)
{
    unsigned int refused = 0;

    for (struct hg_pair_patience patience = {0};; refused++) {
        hg_return_t ret = HG_Forward(call->handle, hg_pair_call_cb, call, in);

        if (ret == HG_SUCCESS)
            return refused;
        HG_PAIR_RET(ret, HG_AGAIN);
        SUPPORT_CHECK(strstr(qs_error_detail(), "NA_NO_RETRY") != NULL);
        SUPPORT_CHECK(HG_Ref_get(call->handle) == 1);
        hg_pair_turn(call->pair);
        hg_pair_patience_check(&patience, "a call that is refused");
    }
}

/* What cannot leave is refused, and nothing was taken: here the window of a peer that takes nothing up is full. */
static void progress_mode_no_retry_refuses_with_again(void)
{
    enum { WINDOW = 512, COUNT = WINDOW + 100 };
    static struct hg_pair_call calls[COUNT];
    struct hg_init_info init = defaults();
    struct hg_pair_blob in = {0};
    unsigned int refused = 0;
    struct hg_pair pair;

    init.na_init_info.progress_mode = NA_NO_RETRY;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_ECHO);
        refused += forward_in_the_end(&calls[i], &in);
        SUPPORT_CHECK(i < WINDOW || refused > 0);
    }
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static void progress_mode_of_unknown_bits_is_refused(void)
{
    struct hg_init_info init = defaults();

    init.na_init_info.progress_mode = 4;
    check_refused(hg_pair_uri(), &init, "progress_mode");
}

static void thread_mode_of_each_kind_works(void)
{
    struct hg_init_info init = defaults();

    for (uint8_t mode = 0; mode < 4; mode++) {
        init.na_init_info.thread_mode = mode;
        check_works(&init);
    }
    init.na_init_info.thread_mode = 4;
    check_refused(hg_pair_uri(), &init, "thread_mode");
}

static unsigned int thread_count(void)
{
    DIR *dir = opendir("/proc/self/task");
    unsigned int count = 0;

    SUPPORT_CHECK(dir != NULL);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

/* What waits for its turn is sent by a thread of the library where nobody makes progress; a program that promises to have
 * one thread gets none. */
static void thread_mode_of_one_thread_starts_none(void)
{
    struct hg_init_info init = defaults();
    struct hg_pair_call calls[20];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    unsigned int before;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
    before = thread_count();
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init, .silent_target = true});
    for (unsigned int i = 0; i < 20; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    SUPPORT_CHECK(thread_count() == before);
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < 20; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    SUPPORT_CHECK(thread_count() == before);
    hg_pair_close(&pair);
}

/* --- addresses and the fabric ------------------------------------------------------------------------ */

/* Whether a class opens with these options; its address. */
static bool opens(const char *uri, const struct hg_init_info *init, char text[HG_PAIR_TEXT])
{
    hg_class_t *hg_class;

    HG_Set_log_level("none");
    hg_class = HG_Init_opt2(uri, true, version, init);
    HG_Set_log_level("error");
    if (hg_class == NULL)
        return false;
    hg_pair_address(hg_class, text);
    HG_PAIR_OK(HG_Finalize(hg_class));
    return true;
}

static void addr_format_picks_the_family(void)
{
    struct hg_init_info init = defaults();
    char text[HG_PAIR_TEXT];

    init.na_init_info.addr_format = (enum na_addr_format)4;
    check_refused(hg_pair_uri(), &init, "addr_format");
    if (!provider_is("tcp"))
        return;
    init.na_init_info.addr_format = NA_ADDR_IPV4;
    SUPPORT_CHECK(opens("tcp://lo", &init, text) && strstr(text, "ofi+tcp://127.") == text);
    check_refused("tcp://[::1]", &init, "::1");
    init.na_init_info.addr_format = NA_ADDR_IPV6;
    check_refused("tcp://127.0.0.1", &init, "127.0.0.1");
    if (opens("tcp://[::1]", &init, text))
        SUPPORT_CHECK(strstr(text, "ofi+tcp://[::1]:") == text);
    init.na_init_info.addr_format = NA_ADDR_NATIVE;
    SUPPORT_CHECK(opens("tcp://127.0.0.1", &init, text));
}

static void ip_subnet_picks_the_interface(void)
{
    struct hg_init_info init = defaults();
    char text[HG_PAIR_TEXT];

    init.na_init_info.ip_subnet = "127.0.0.0/8";
    if (provider_is("shm")) {
        check_refused("shm", &init, "ip_subnet");
        return;
    }
    if (!opens(support_suite_parameter(), &init, text))
        support_suite_skip(qs_error_detail());
    SUPPORT_CHECK(strstr(text, "://127.0.0.1:") != NULL);
    init.na_init_info.ip_subnet = "203.0.113.0/24";
    check_refused(support_suite_parameter(), &init, "203.0.113.0/24");
    init.na_init_info.ip_subnet = "somewhere";
    check_refused(support_suite_parameter(), &init, "somewhere");
}

static void auth_key_is_refused_where_there_is_none(void)
{
    struct hg_init_info init = defaults();

    init.na_init_info.auth_key = "secret";
    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL))); /* the provider is there */
    check_refused(hg_pair_uri(), &init, "authentication key");
    SUPPORT_CHECK(strstr(qs_error_detail(), "secret") == NULL);
}

/* Providers differ in what they take; none takes it and forgets it. */
static void traffic_class_is_honoured_or_refused(void)
{
    struct hg_init_info init = defaults();
    char text[HG_PAIR_TEXT];

    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
    for (int class = NA_TC_UNSPEC; class <= NA_TC_NETWORK_CTRL; class ++) {
        init.traffic_class = (enum na_traffic_class) class;
        if (!opens(hg_pair_uri(), &init, text))
            SUPPORT_CHECK(class != NA_TC_UNSPEC && strstr(qs_error_detail(), "traffic_class") != NULL);
    }
    if (provider_is("shm"))
        check_refused("shm", &init, "traffic_class");
    init.traffic_class = (enum na_traffic_class)7;
    check_refused(hg_pair_uri(), &init, "traffic_class");
}

static void request_mem_device_is_honoured_or_refused(void)
{
    struct hg_init_info init = defaults();
    char text[HG_PAIR_TEXT];

    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL)));
    init.na_init_info.request_mem_device = true;
    if (!opens(hg_pair_uri(), &init, text))
        SUPPORT_CHECK(strstr(qs_error_detail(), "device memory") != NULL);
    if (provider_is("shm"))
        check_refused("shm", &init, "device memory");
}

static void sm_info_string_without_auto_sm_is_refused(void)
{
    struct hg_init_info init = defaults();

    init.sm_info_string = "na+sm";
    check_refused(hg_pair_uri(), &init, "sm_info_string");
}

/* --- messages --------------------------------------------------------------------------------------- */

/* Far more than a frame. The blob's size and the seed come in front of its bytes. */
static void max_unexpected_and_expected_size_of_any_size_work(void)
{
    static const size_t sizes[] = {65536, 1U << 20};

    for (unsigned int i = 0; i < 2; i++) {
        struct hg_init_info init = defaults();
        struct hg_pair pair;
        hg_size_t in;
        hg_size_t out;

        init.na_init_info.max_unexpected_size = sizes[i];
        init.na_init_info.max_expected_size = sizes[1 - i];
        hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
        in = HG_Class_get_input_eager_size(pair.target.hg_class);
        out = HG_Class_get_output_eager_size(pair.target.hg_class);
        SUPPORT_CHECK(in > sizes[i] - 100 && in <= sizes[i]);
        SUPPORT_CHECK(out > sizes[1 - i] - 100 && out <= sizes[1 - i]);
        for (unsigned int less = 0; less < 40; less += 3)
            hg_pair_move(&pair, in - less, out - less);
        hg_pair_move(&pair, 2 * in, 2 * out);
        hg_pair_close(&pair);
        init.na_init_info.max_expected_size = (1U << 20) + 1;
        check_refused(hg_pair_uri(), &init, "max_expected_size");
    }
}

static hg_handle_t kept;
static unsigned char pulled_byte;

static hg_return_t keep_handle(hg_handle_t handle)
{
    kept = handle;
    return HG_SUCCESS;
}

static hg_return_t pulled(const struct hg_cb_info *info)
{
    unsigned char *data = NULL;
    hg_size_t size = 0;
    uint32_t count = 0;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Bulk_access(info->info.bulk.local_handle, 0, info->info.bulk.size, HG_BULK_READWRITE, 1,
                              (void **)&data, &size, &count));
    SUPPORT_CHECK(count == 1 && size > 0);
    pulled_byte = data[0];
    HG_PAIR_OK(HG_Respond(info->arg, NULL, NULL, NULL));
    return HG_Destroy(info->arg);
}

/* Small read-only data travels as it is when the call is made; with the option it is read when it is wanted. */
static void no_bulk_eager_reads_what_is_there_at_the_transfer(void)
{
    for (unsigned int no_eager = 0; no_eager < 2; no_eager++) {
        struct hg_init_info init = defaults();
        struct hg_pair_call call = {0};
        unsigned char data[32] = {1};
        void *buf = data;
        hg_size_t size = sizeof(data);
        struct hg_pair pair;
        hg_bulk_t bulk;
        hg_id_t id;

        init.no_bulk_eager = (uint8_t)no_eager;
        hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
        id = hg_pair_register_both(&pair, "kept", hg_proc_hg_bulk_t, NULL, keep_handle);
        HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, &buf, &size, HG_BULK_READ_ONLY, &bulk));
        kept = HG_HANDLE_NULL;
        hg_pair_call_start_id(&pair, &call, id, &bulk);
        HG_PAIR_UNTIL(&pair, kept != HG_HANDLE_NULL);
        data[0] = 2;
        HG_PAIR_OK(hg_pair_pull(kept, pulled, false));
        HG_PAIR_OK(hg_pair_call_wait(&call));
        SUPPORT_CHECK(pulled_byte == (no_eager ? 2 : 1));
        hg_pair_call_end(&call);
        HG_PAIR_OK(HG_Bulk_free(bulk));
        hg_pair_close(&pair);
    }
}

static void checksum_level_of_each_kind_works(void)
{
    struct hg_init_info init = defaults();

    for (unsigned int level = 0; level < 3; level++) {
        struct hg_pair pair;

        init.checksum_level = (hg_checksum_level_t)level;
        hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
        for (uint64_t size = 0; size < 50000; size = size * 3 + 1)
            hg_pair_move(&pair, size, size / 2);
        hg_pair_move(&pair, 3000000, 3000000);
        SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 0);
        SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).checksum_errors == 0);
        hg_pair_close(&pair);
    }
    init.checksum_level = (hg_checksum_level_t)3;
    check_refused(hg_pair_uri(), &init, "checksum_level");
}

const struct support_case hg_options_cases[] = {
    SUPPORT_CASE(init_opt2_reads_no_more_than_the_struct_of_its_version_has),
    SUPPORT_CASE(init_opt_takes_the_struct_for_that_of_2_2),
    SUPPORT_CASE(versions_that_are_none_or_to_come_are_refused_with_a_word),
    SUPPORT_CASE(na_class_of_mercury_is_refused),
    SUPPORT_CASE(max_contexts_bounds_number_and_ids),
    SUPPORT_CASE(max_contexts_of_one_is_no_bound),
    SUPPORT_CASE(request_post_init_prepares_handles),
    SUPPORT_CASE(request_post_incr_is_how_many_more_are_made),
    SUPPORT_CASE(request_post_incr_of_minus_one_refuses_with_again),
    SUPPORT_CASE(data_of_handles_beyond_the_limit_is_freed_without_a_lock),
    SUPPORT_CASE(multi_recv_op_max_sets_the_receive_buffers),
    SUPPORT_CASE(no_multi_recv_works),
    SUPPORT_CASE(multi_recv_copy_threshold_is_at_most_the_buffers),
    SUPPORT_CASE(release_input_early_lets_input_be_got_once),
    SUPPORT_CASE(progress_mode_no_retry_refuses_with_again),
    SUPPORT_CASE(progress_mode_of_unknown_bits_is_refused),
    SUPPORT_CASE(thread_mode_of_each_kind_works),
    SUPPORT_CASE(thread_mode_of_one_thread_starts_none),
    SUPPORT_CASE(addr_format_picks_the_family),
    SUPPORT_CASE(ip_subnet_picks_the_interface),
    SUPPORT_CASE(auth_key_is_refused_where_there_is_none),
    SUPPORT_CASE(traffic_class_is_honoured_or_refused),
    SUPPORT_CASE(request_mem_device_is_honoured_or_refused),
    SUPPORT_CASE(sm_info_string_without_auto_sm_is_refused),
    SUPPORT_CASE(max_unexpected_and_expected_size_of_any_size_work),
    SUPPORT_CASE(no_bulk_eager_reads_what_is_there_at_the_transfer),
    SUPPORT_CASE(checksum_level_of_each_kind_works),
    {NULL, NULL, 0},
};
