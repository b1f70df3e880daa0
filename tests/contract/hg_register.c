/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The registration of RPCs: names, ids, data, taking back, changing while calls run; and the options and
 * data of classes and contexts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

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
    HG_PAIR_OK(HG_Registered_name(pair.origin.hg_class, "nobody registered this", &id, &flag));
    SUPPORT_CHECK(flag == HG_FALSE);
    HG_PAIR_OK(HG_Registered(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], &flag));
    SUPPORT_CHECK(flag == HG_TRUE);
    HG_PAIR_OK(HG_Registered(pair.origin.hg_class, 4711, &flag));
    SUPPORT_CHECK(flag == HG_FALSE);
    hg_pair_close(&pair);
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
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Deregister(pair.target.hg_class, id));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_NOENTRY);
    hg_pair_register(&pair, &pair.target);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    hg_pair_call_end(&call);
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

static char dumped[16384];

static int keep_dump(FILE *stream, const char *format, ...)
{
    size_t used = strlen(dumped);
    va_list args;

    (void)stream;
    va_start(args, format);
    (void)vsnprintf(dumped + used, sizeof(dumped) - used, format, args);
    va_end(args);
    return 0;
}

/* Whether the dump says that the counter of this class has this value. */
static bool dump_says(hg_class_t *hg_class, const char *name, unsigned int value)
{
    char address[256];
    char line[512];
    hg_size_t size = sizeof(address);
    hg_addr_t self;

    HG_PAIR_OK(HG_Addr_self(hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(hg_class, address, &size, self));
    HG_PAIR_OK(HG_Addr_free(hg_class, self));
    (void)snprintf(line, sizeof(line), "%s: %s %u\n", address + strlen("ofi+"), name, value);
    return strstr(dumped, line) != NULL;
}

static void counters_of_open_classes_are_dumped_to_the_log(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true});
    for (unsigned int i = 0; i < 3; i++)
        hg_pair_check_works(&pair);
    HG_Set_log_func(keep_dump);
    HG_Diag_dump_counters();
    SUPPORT_CHECK(dumped[0] == '\0'); /* not at the level of errors */
    HG_Set_log_level("info");
    HG_Diag_dump_counters();
    SUPPORT_CHECK(dump_says(pair.origin.hg_class, "rpc_req_sent", 3));
    SUPPORT_CHECK(dump_says(pair.target.hg_class, "rpc_req_recv", 3));
    SUPPORT_CHECK(strstr(dumped, "bad_frames") == NULL);
    HG_Set_log_level("error");
    hg_pair_close(&pair);
    HG_Set_log_level("info");
    dumped[0] = '\0';
    HG_Diag_dump_counters();
    SUPPORT_CHECK(dumped[0] == '\0');
    HG_Set_log_level("error");
    HG_Set_log_func(NULL);
}

const struct support_case hg_register_cases[] = {
    SUPPORT_CASE(names_have_ids_that_both_sides_agree_on),
    SUPPORT_CASE(registered_procs_can_be_asked_for),
    SUPPORT_CASE(registering_again_replaces_procs_and_keeps_data),
    SUPPORT_CASE(data_of_an_rpc_is_freed_with_it),
    SUPPORT_CASE(deregistered_rpc_is_unknown_and_can_come_back),
    SUPPORT_CASE(many_rpcs_can_be_registered_while_calls_run),
    SUPPORT_CASE(disabled_response_is_what_was_set),
    SUPPORT_CASE(classes_and_contexts_keep_data_and_free_it),
    SUPPORT_CASE(class_says_what_it_is),
    SUPPORT_CASE(eager_sizes_follow_the_options),
    SUPPORT_CASE(counters_count),
    SUPPORT_CASE(counters_of_open_classes_are_dumped_to_the_log),
    {NULL, NULL, 0},
};
