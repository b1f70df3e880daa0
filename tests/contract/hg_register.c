/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The registration of RPCs: names, ids, data, taking back, changing while calls run; and the options and
 * data of classes and contexts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"
#include "tests/support/support_log.h"

static unsigned int frees;

static void count_free(void *data)
{
    *(unsigned int *)data += 1;
}

static void names_have_ids_that_both_sides_agree_on(void)
{
    struct hg_pair pair;
    uint8_t flag = 9;
    hg_id_t id = 0;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < HG_PAIR_RPCS; i++)
        SUPPORT_CHECK(pair.target.ids[i] == pair.origin.ids[i]);
    HG_PAIR_OK(HG_Registered_name(pair.origin.hg_class, "pair_echo", &id, &flag));
    SUPPORT_CHECK(flag == HG_TRUE && id == pair.origin.ids[HG_PAIR_ECHO]);
    id = 4711;
    HG_PAIR_OK(HG_Registered_name(pair.origin.hg_class, "nobody registered this", &id, &flag));
    SUPPORT_CHECK(flag == HG_FALSE && id == 4711);
    HG_PAIR_OK(HG_Registered(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], &flag));
    SUPPORT_CHECK(flag == HG_TRUE);
    HG_PAIR_OK(HG_Registered(pair.origin.hg_class, 4711, &flag));
    SUPPORT_CHECK(flag == HG_FALSE);
    hg_pair_close(&pair);
}

/* Two pairs of names with equal hashes, found by trying many. */
#define NAME_A      "rpc 5108"
#define NAME_A_TWIN "rpc 244679"
#define NAME_B      "rpc 12228"
#define NAME_B_TWIN "rpc 236181"

static void name_whose_id_another_name_has_is_refused(void)
{
    hg_class_t *hg_class = hg_pair_init(false, NULL);
    hg_class_t *other = hg_pair_init(false, NULL);
    hg_id_t a = HG_Register_name(hg_class, NAME_A, NULL, NULL, NULL);
    hg_id_t b = HG_Register_name(hg_class, NAME_B, NULL, NULL, NULL);
    hg_id_t id = 4711;
    uint8_t flag = 9;

    SUPPORT_CHECK(a != 0 && b != 0 && a != b);
    SUPPORT_CHECK(HG_Register_name(other, NAME_A_TWIN, NULL, NULL, NULL) == a);
    SUPPORT_CHECK(HG_Register_name(other, NAME_B_TWIN, NULL, NULL, NULL) == b);
    HG_Set_log_func(support_log_line);
    SUPPORT_CHECK(HG_Register_name(hg_class, NAME_A_TWIN, hg_proc_uint32_t, NULL, NULL) == 0);
    HG_Set_log_func(NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), NAME_A) != NULL && strstr(qs_error_detail(), NAME_A_TWIN) != NULL);
    SUPPORT_CHECK(support_log_count() == 1 && strstr(support_log_text(), qs_error_detail()) != NULL);
    HG_PAIR_OK(HG_Registered_name(hg_class, NAME_A_TWIN, &id, &flag));
    SUPPORT_CHECK(flag == HG_FALSE && id == 4711);
    HG_PAIR_RET(HG_Registered_name(hg_class, NAME_A_TWIN, &id, NULL), HG_NOENTRY);
    HG_PAIR_OK(HG_Registered_name(hg_class, NAME_A, &id, NULL));
    SUPPORT_CHECK(id == a);
    /* The same name again is no other name; a name that is gone leaves room for its twin. */
    SUPPORT_CHECK(HG_Register_name(hg_class, NAME_A, NULL, NULL, NULL) == a);
    HG_PAIR_OK(HG_Deregister(hg_class, a));
    SUPPORT_CHECK(HG_Register_name(hg_class, NAME_A_TWIN, NULL, NULL, NULL) == a);
    HG_PAIR_OK(HG_Registered_name(hg_class, NAME_A, &id, &flag));
    SUPPORT_CHECK(flag == HG_FALSE);
    HG_PAIR_OK(HG_Finalize(hg_class));
    HG_PAIR_OK(HG_Finalize(other));
}

static void registered_procs_can_be_asked_for(void)
{
    hg_proc_cb_t in_proc = NULL;
    hg_proc_cb_t out_proc = NULL;
    uint8_t flag = 0;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Registered_proc_cb(pair.origin.hg_class, pair.origin.ids[HG_PAIR_MOVE], &flag, &in_proc, &out_proc));
    SUPPORT_CHECK(flag == HG_TRUE && in_proc == hg_pair_proc_move_in && out_proc == hg_pair_proc_move_out);
    HG_PAIR_OK(HG_Registered_proc_cb(pair.origin.hg_class, 4711, &flag, NULL, NULL));
    SUPPORT_CHECK(flag == HG_FALSE);
    hg_pair_close(&pair);
}

static void registering_again_replaces_procs_and_keeps_data(void)
{
    int data = 0;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = pair.origin.ids[HG_PAIR_EMPTY];
    HG_PAIR_OK(HG_Register_data(pair.origin.hg_class, id, &data, NULL));
    HG_PAIR_OK(HG_Register(pair.origin.hg_class, id, hg_proc_uint32_t, NULL, NULL));
    SUPPORT_CHECK(HG_Registered_data(pair.origin.hg_class, id) == &data);
    HG_PAIR_RET(HG_Register(pair.origin.hg_class, 0, NULL, NULL, NULL), HG_INVALID_ARG);
    hg_pair_close(&pair);
}

static void data_of_an_rpc_is_freed_with_it(void)
{
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = pair.origin.ids[HG_PAIR_EMPTY];
    HG_PAIR_OK(HG_Register_data(pair.origin.hg_class, id, &frees, count_free));
    SUPPORT_CHECK(HG_Registered_data(pair.origin.hg_class, id) == &frees);
    HG_PAIR_OK(HG_Deregister(pair.origin.hg_class, id));
    SUPPORT_CHECK(frees == 1);
    SUPPORT_CHECK(HG_Registered_data(pair.origin.hg_class, id) == NULL);
    HG_PAIR_RET(HG_Deregister(pair.origin.hg_class, id), HG_NOENTRY);
    HG_PAIR_RET(HG_Register_data(pair.origin.hg_class, id, &frees, count_free), HG_NOENTRY);
    HG_PAIR_OK(HG_Register_data(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], &frees, count_free));
    hg_pair_close(&pair);
    SUPPORT_CHECK(frees == 2);
}

static void deregistered_rpc_is_unknown_and_can_come_back(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = pair.target.ids[HG_PAIR_EMPTY];
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Deregister(pair.target.hg_class, id));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_NOENTRY);
    hg_pair_register(&pair, &pair.target);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void many_rpcs_can_be_registered_while_calls_run(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int i = 0; i < 3000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "rpc number %u", i);
        SUPPORT_CHECK(HG_Register_name(pair.target.hg_class, name, NULL, NULL, NULL) != 0);
        if (i % 100 == 0)
            hg_pair_check_works(&pair);
    }
    hg_pair_close(&pair);
}

static void disabled_response_is_what_was_set(void)
{
    uint8_t disabled = 9;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Registered_disabled_response(pair.origin.hg_class, pair.origin.ids[HG_PAIR_QUIET], &disabled));
    SUPPORT_CHECK(disabled == HG_TRUE);
    HG_PAIR_OK(HG_Registered_disabled_response(pair.origin.hg_class, pair.origin.ids[HG_PAIR_ECHO], &disabled));
    SUPPORT_CHECK(disabled == HG_FALSE);
    HG_PAIR_RET(HG_Registered_disabled_response(pair.origin.hg_class, 4711, &disabled), HG_NOENTRY);
    HG_PAIR_RET(HG_Registered_disable_response(pair.origin.hg_class, 4711, HG_TRUE), HG_NOENTRY);
    hg_pair_close(&pair);
}

static void classes_and_contexts_keep_data_and_free_it(void)
{
    hg_class_t *hg_class = hg_pair_init(false, NULL);
    hg_context_t *context = HG_Context_create(hg_class);

    SUPPORT_CHECK(context != NULL);
    SUPPORT_CHECK(HG_Class_get_data(hg_class) == NULL && HG_Context_get_data(context) == NULL);
    HG_PAIR_OK(HG_Class_set_data(hg_class, &frees, count_free));
    HG_PAIR_OK(HG_Context_set_data(context, &frees, count_free));
    SUPPORT_CHECK(HG_Class_get_data(hg_class) == &frees && HG_Context_get_data(context) == &frees);
    SUPPORT_CHECK(HG_Context_get_class(context) == hg_class && HG_Context_get_id(context) == 0);
    HG_PAIR_OK(HG_Context_destroy(context));
    SUPPORT_CHECK(frees == 1);
    HG_PAIR_OK(HG_Finalize(hg_class));
    SUPPORT_CHECK(frees == 2);
}

/* Whoever replaces a pointer still has the old one, and knows what to do with it. */
static void data_that_is_replaced_is_not_freed(void)
{
    unsigned int old_frees = 0;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    hg_class = hg_pair_init(false, NULL);
    context = HG_Context_create(hg_class);
    id = HG_Register_name(hg_class, "data", NULL, NULL, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int *data = i == 0 ? &old_frees : &frees;

        HG_PAIR_OK(HG_Register_data(hg_class, id, data, count_free));
        HG_PAIR_OK(HG_Class_set_data(hg_class, data, count_free));
        HG_PAIR_OK(HG_Context_set_data(context, data, count_free));
        HG_PAIR_OK(HG_Set_data(call.handle, data, count_free));
    }
    SUPPORT_CHECK(HG_Registered_data(hg_class, id) == &frees && HG_Get_data(call.handle) == &frees);
    SUPPORT_CHECK(old_frees == 0 && frees == 0);
    hg_pair_call_end(&call);
    SUPPORT_CHECK(frees == 1);
    HG_PAIR_OK(HG_Context_destroy(context));
    SUPPORT_CHECK(frees == 2);
    HG_PAIR_OK(HG_Finalize(hg_class)); /* of the class, and of its RPC */
    SUPPORT_CHECK(old_frees == 0 && frees == 4);
    hg_pair_close(&pair);
}

static void class_says_what_it_is(void)
{
    struct hg_pair pair;
    const char *protocol;

    hg_pair_open(&pair, NULL);
    protocol = HG_Class_get_protocol(pair.target.hg_class);
    SUPPORT_CHECK(strncmp(hg_pair_uri(), protocol, strlen(protocol)) == 0);
    SUPPORT_CHECK(strcmp(HG_Class_get_name(pair.target.hg_class), "ofi") == 0);
    SUPPORT_CHECK(HG_Class_is_listening(pair.target.hg_class) && !HG_Class_is_listening(pair.origin.hg_class));
    SUPPORT_CHECK(HG_Class_get_input_eager_size(pair.target.hg_class) >= 3900);
    SUPPORT_CHECK(HG_Class_get_output_eager_size(pair.target.hg_class) >= 3900);
    hg_pair_close(&pair);
}

static void eager_sizes_follow_the_options(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;

    init.na_init_info.max_unexpected_size = 1024;
    init.na_init_info.max_expected_size = 2048;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    SUPPORT_CHECK(HG_Class_get_input_eager_size(pair.target.hg_class) < 1024);
    SUPPORT_CHECK(HG_Class_get_output_eager_size(pair.target.hg_class) < 2048);
    SUPPORT_CHECK(HG_Class_get_output_eager_size(pair.target.hg_class) > 1024);
    hg_pair_move(&pair, 500, 1500);
    hg_pair_move(&pair, 5000, 5000);
    hg_pair_move(&pair, 500000, 500000);
    hg_pair_close(&pair);
    /* Far more than a frame: the eager payload then travels in fragments, or is pulled. */
    init.na_init_info.max_unexpected_size = 1U << 20;
    init.na_init_info.max_expected_size = 1U << 20;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_move(&pair, 5000, 9000);
    hg_pair_move(&pair, 50000, 60000);
    hg_pair_move(&pair, 900000, 900000);
    hg_pair_move(&pair, 5000000, 10);
    hg_pair_close(&pair);
}

static void counters_count(void)
{
    struct hg_diag_counters diag;
    struct qs_counters origin;
    struct qs_counters target;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_check_works(&pair);
    hg_pair_move(&pair, 400000, 400000);
    origin = hg_pair_counters(pair.origin.hg_class);
    target = hg_pair_counters(pair.target.hg_class);
    SUPPORT_CHECK(origin.rpc_req_sent == 11 && origin.rpc_resp_recv == 11);
    SUPPORT_CHECK(target.rpc_req_recv == 11 && target.rpc_resp_sent == 11);
    SUPPORT_CHECK(origin.overflow_in == 1 && target.overflow_out == 1);
    SUPPORT_CHECK(origin.frames_sent > 0 && origin.frames_recv > 0);
    SUPPORT_CHECK(origin.bad_frames == 0 && target.bad_frames == 0);
    SUPPORT_CHECK(origin.timeouts == 0 && origin.cancels == 0);
    HG_PAIR_OK(HG_Class_get_counters(pair.origin.hg_class, &diag));
    SUPPORT_CHECK(diag.rpc_req_sent_count == 11 && diag.rpc_resp_recv_count == 11 && diag.rpc_req_extra_count == 1);
    HG_PAIR_RET(qs_class_get_counters(NULL, &origin, sizeof(origin)), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Class_get_counters(pair.origin.hg_class, NULL), HG_INVALID_ARG);
    hg_pair_close(&pair);
}

static struct hg_diag_counters diag_of(const hg_class_t *hg_class)
{
    struct hg_diag_counters diag;

    HG_PAIR_OK(HG_Class_get_counters(hg_class, &diag));
    return diag;
}

/* One-way requests are finished without a response. */
static void counters_have_mercurys_names_and_meanings(void)
{
    struct hg_pair_blob in = {0};
    struct hg_diag_counters diag;
    struct hg_pair_call calls[3];
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_move(&pair, 10, 400000);
    hg_pair_move(&pair, 400000, 10);
    hg_pair_call_start(&pair, &calls[0], HG_PAIR_QUIET, &in);
    HG_PAIR_FINISH(&calls[0], HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == 1);
    for (unsigned int i = 0; i < 3; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 3);
    hg_pair_settle(&pair);
    diag = diag_of(pair.target.hg_class);
    SUPPORT_CHECK(diag.rpc_req_recv_count == 6 && diag.rpc_resp_sent_count == 2 && diag.rpc_resp_extra_count == 1);
    SUPPORT_CHECK(diag.rpc_req_recv_active_count == 3 && diag.rpc_multi_recv_copy_count == 6);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 0; i < 3; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_settle(&pair);
    diag = diag_of(pair.target.hg_class);
    SUPPORT_CHECK(diag.rpc_req_recv_active_count == 0 && diag.rpc_resp_sent_count == 5);
    diag = diag_of(pair.origin.hg_class);
    SUPPORT_CHECK(diag.rpc_req_sent_count == 6 && diag.rpc_resp_recv_count == 5 && diag.rpc_req_extra_count == 1);
    SUPPORT_CHECK(diag.rpc_req_recv_count == 0 && diag.rpc_req_recv_active_count == 0);
    hg_pair_close(&pair);
}

/* Asked for explicitly, so it comes at the level that is there without a word of the user, and below. */
static void counters_of_each_open_class_are_dumped_at_any_level(void)
{
    static const char *const levels[] = {NULL, "error", "none"};
    struct hg_pair pair;

    HG_Set_log_func(support_log_line);
    HG_Diag_dump_counters();
    SUPPORT_CHECK(support_log_count() == 0);
    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < 3; i++) {
        if (levels[i] != NULL)
            HG_Set_log_level(levels[i]);
        support_log_forget();
        HG_Diag_dump_counters();
        SUPPORT_CHECK(support_log_count() == 2);
        SUPPORT_CHECK(strstr(support_log_text(), "rpc_req_sent 2, rpc_req_recv 0, ") != NULL);
        SUPPORT_CHECK(strstr(support_log_text(), "rpc_req_sent 0, rpc_req_recv 2, ") != NULL);
        SUPPORT_CHECK(strstr(support_log_text(), ", sleeps ") != NULL);
    }
    HG_Set_log_level("error");
    hg_pair_close_origin(&pair);
    support_log_forget();
    HG_Diag_dump_counters();
    SUPPORT_CHECK(support_log_count() == 1);
    hg_pair_close(&pair);
    support_log_forget();
    HG_Diag_dump_counters();
    SUPPORT_CHECK(support_log_count() == 0);
    HG_Set_log_func(NULL);
}

static void counters_of_a_class_are_written_at_its_end_if_its_options_say_so(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;

    init.stats = true;
    HG_Set_log_func(support_log_line);
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
    SUPPORT_CHECK(support_log_count() == 2);
    SUPPORT_CHECK(strstr(support_log_text(), "rpc_req_sent 1, rpc_req_recv 0, ") != NULL);
    HG_Set_log_func(NULL);
}

const struct support_case hg_register_cases[] = {
    SUPPORT_CASE(names_have_ids_that_both_sides_agree_on),
    SUPPORT_CASE(name_whose_id_another_name_has_is_refused),
    SUPPORT_CASE(registered_procs_can_be_asked_for),
    SUPPORT_CASE(registering_again_replaces_procs_and_keeps_data),
    SUPPORT_CASE(data_of_an_rpc_is_freed_with_it),
    SUPPORT_CASE(deregistered_rpc_is_unknown_and_can_come_back),
    SUPPORT_CASE(many_rpcs_can_be_registered_while_calls_run),
    SUPPORT_CASE(disabled_response_is_what_was_set),
    SUPPORT_CASE(classes_and_contexts_keep_data_and_free_it),
    SUPPORT_CASE(data_that_is_replaced_is_not_freed),
    SUPPORT_CASE(class_says_what_it_is),
    SUPPORT_CASE(eager_sizes_follow_the_options),
    SUPPORT_CASE(counters_count),
    SUPPORT_CASE(counters_have_mercurys_names_and_meanings),
    SUPPORT_CASE(counters_of_each_open_class_are_dumped_at_any_level),
    SUPPORT_CASE(counters_of_a_class_are_written_at_its_end_if_its_options_say_so),
    {NULL, NULL, 0},
};
