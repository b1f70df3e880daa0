/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Misuse gets an error, never a crash: NULL arguments, objects of the wrong kind, closing what is in use,
 * options that cannot be honoured. And what the log and qs_error_detail() say about it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mercury_request.h"
#include "mercury_string_object.h"
#include "tests/contract/hg_contract.h"
#include "tests/support/support_log.h"

static void null_classes_and_contexts_are_refused(void)
{
    uint8_t flag;
    hg_id_t id;
    hg_addr_t addr;
    hg_size_t size = 0;
    hg_handle_t handle;
    unsigned int count;

    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Init(NULL, true) == NULL);
    SUPPORT_CHECK(HG_Context_create(NULL) == NULL && HG_Context_create_id(NULL, 3) == NULL);
    SUPPORT_CHECK(HG_Context_get_class(NULL) == NULL && HG_Context_get_data(NULL) == NULL);
    SUPPORT_CHECK(HG_Class_get_name(NULL) == NULL && HG_Class_get_protocol(NULL) == NULL);
    SUPPORT_CHECK(!HG_Class_is_listening(NULL) && HG_Class_get_input_eager_size(NULL) == 0);
    HG_PAIR_RET(HG_Class_set_data(NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Class_set_input_offset(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Class_set_handle_create_callback(NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Context_set_data(NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Context_unpost(NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Progress(NULL, 0), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Trigger(NULL, 0, 1, &count), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Event_progress(NULL, &count), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Event_trigger(NULL, 1, &count), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Event_get_wait_fd(NULL) == -1 && !HG_Event_ready(NULL));
    SUPPORT_CHECK(HG_Register_name(NULL, "x", NULL, NULL, NULL) == 0);
    HG_PAIR_RET(HG_Register(NULL, 1, NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Deregister(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Registered(NULL, 1, &flag), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Registered_name(NULL, "x", &id, &flag), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Register_data(NULL, 1, NULL, NULL), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Registered_data(NULL, 1) == NULL);
    HG_PAIR_RET(HG_Registered_disable_response(NULL, 1, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_lookup2(NULL, "tcp://127.0.0.1:1", &addr), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_self(NULL, &addr), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_to_string(NULL, NULL, &size, HG_ADDR_NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Create(NULL, HG_ADDR_NULL, 0, &handle), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_timeout(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_registered_set_timeout(NULL, 1, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_batching(NULL, true), HG_INVALID_ARG);
}

static void null_handles_and_places_are_refused(void)
{
    struct hg_pair pair;
    hg_size_t size;
    void *buf;
    int value;

    hg_pair_open(&pair, NULL);
    HG_PAIR_RET(HG_Forward(HG_HANDLE_NULL, NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Respond(HG_HANDLE_NULL, NULL, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Cancel(HG_HANDLE_NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Reset(HG_HANDLE_NULL, pair.addr, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Ref_incr(HG_HANDLE_NULL), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Ref_get(HG_HANDLE_NULL) < 0 && HG_Get_info(HG_HANDLE_NULL) == NULL);
    SUPPORT_CHECK(HG_Get_data(HG_HANDLE_NULL) == NULL);
    HG_PAIR_RET(HG_Set_data(HG_HANDLE_NULL, &value, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Set_target_id(HG_HANDLE_NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_input(HG_HANDLE_NULL, &value), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Free_input(HG_HANDLE_NULL, &value), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_output(HG_HANDLE_NULL, &value), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Free_output(HG_HANDLE_NULL, &value), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_input_buf(HG_HANDLE_NULL, &buf, &size), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_output_extra_buf(HG_HANDLE_NULL, &buf, &size), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Release_input_buf(HG_HANDLE_NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_timeout(HG_HANDLE_NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Create(pair.origin.contexts[0], pair.addr, 0, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_lookup2(pair.origin.hg_class, NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_lookup1(pair.origin.contexts[0], NULL, NULL, "x", NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_self(pair.origin.hg_class, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_dup(pair.origin.hg_class, HG_ADDR_NULL, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Addr_to_string(pair.origin.hg_class, NULL, NULL, pair.addr), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Registered(pair.origin.hg_class, 1, NULL), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Register_name(pair.origin.hg_class, NULL, NULL, NULL, NULL) == 0);
    hg_pair_close(&pair);
}

/* A refusal says something of itself: the words begin with the function's name, whatever failed before. */
static void check_words(hg_return_t ret, const char *call)
{
    size_t length = strcspn(call, "(");

    if (ret != HG_INVALID_ARG)
        support_suite_fail("%s gave %s", call, HG_Error_to_string(ret));
    if (strncmp(qs_error_detail(), call, length) != 0)
        support_suite_fail("%s left the words: %s", call, qs_error_detail());
}
#define CHECK_WORDS(call) check_words(call, #call)

static void each_refusal_of_a_class_or_context_is_put_into_words(void)
{
    hg_addr_t addr = HG_ADDR_NULL;
    struct hg_diag_counters diag;
    struct qs_counters counters;
    unsigned int count;
    uint8_t flag;

    CHECK_WORDS(HG_Class_set_data(NULL, NULL, NULL));
    CHECK_WORDS(HG_Class_set_input_offset(NULL, 1));
    CHECK_WORDS(HG_Class_set_output_offset(NULL, 1));
    CHECK_WORDS(HG_Class_set_handle_create_callback(NULL, NULL, NULL));
    CHECK_WORDS(HG_Class_get_counters(NULL, &diag));
    CHECK_WORDS(qs_class_get_counters(NULL, &counters, sizeof(counters)));
    CHECK_WORDS(qs_class_set_timeout(NULL, 1));
    CHECK_WORDS(qs_class_set_batching(NULL, true));
    CHECK_WORDS(HG_Context_set_data(NULL, NULL, NULL));
    CHECK_WORDS(HG_Context_unpost(NULL));
    CHECK_WORDS(HG_Progress(NULL, 0));
    CHECK_WORDS(HG_Trigger(NULL, 0, 1, &count));
    CHECK_WORDS(HG_Event_progress(NULL, &count));
    CHECK_WORDS(HG_Event_trigger(NULL, 1, &count));
    CHECK_WORDS(HG_Register(NULL, 1, NULL, NULL, NULL));
    CHECK_WORDS(HG_Deregister(NULL, 1));
    CHECK_WORDS(HG_Registered(NULL, 1, &flag));
    CHECK_WORDS(HG_Registered_proc_cb(NULL, 1, &flag, NULL, NULL));
    CHECK_WORDS(HG_Register_data(NULL, 1, NULL, NULL));
    CHECK_WORDS(HG_Registered_disable_response(NULL, 1, 1));
    CHECK_WORDS(HG_Registered_disabled_response(NULL, 1, &flag));
    CHECK_WORDS(qs_registered_set_timeout(NULL, 1, 1));
    CHECK_WORDS(HG_Addr_self(NULL, &addr));
    CHECK_WORDS(HG_Addr_dup(NULL, addr, &addr));
    CHECK_WORDS(HG_Addr_set_remove(NULL, addr));
    CHECK_WORDS(HG_Get_na_protocol_info("tcp", NULL));
    CHECK_WORDS(qs_transport_list(NULL, NULL));
    SUPPORT_CHECK(HG_Context_create(NULL) == NULL && strstr(qs_error_detail(), "HG_Context_create: ") != NULL);
    SUPPORT_CHECK(HG_Context_create_id(NULL, 1) == NULL && strstr(qs_error_detail(), "HG_Context_create_id: ") != NULL);
    SUPPORT_CHECK(HG_Registered_data(NULL, 1) == NULL && strstr(qs_error_detail(), "HG_Registered_data: ") != NULL);
}

static void each_refusal_of_a_handle_is_put_into_words(void)
{
    hg_size_t size;
    void *buf;
    int value;

    CHECK_WORDS(HG_Cancel(HG_HANDLE_NULL));
    CHECK_WORDS(HG_Forward(HG_HANDLE_NULL, NULL, NULL, NULL));
    CHECK_WORDS(HG_Respond(HG_HANDLE_NULL, NULL, NULL, NULL));
    CHECK_WORDS(HG_Reset(HG_HANDLE_NULL, HG_ADDR_NULL, 1));
    CHECK_WORDS(HG_Ref_incr(HG_HANDLE_NULL));
    CHECK_WORDS(HG_Set_data(HG_HANDLE_NULL, &value, NULL));
    CHECK_WORDS(HG_Set_target_id(HG_HANDLE_NULL, 1));
    CHECK_WORDS(HG_Get_input(HG_HANDLE_NULL, &value));
    CHECK_WORDS(HG_Get_output(HG_HANDLE_NULL, &value));
    CHECK_WORDS(HG_Free_input(HG_HANDLE_NULL, &value));
    CHECK_WORDS(HG_Free_output(HG_HANDLE_NULL, &value));
    CHECK_WORDS(HG_Get_input_buf(HG_HANDLE_NULL, &buf, &size));
    CHECK_WORDS(HG_Get_output_buf(HG_HANDLE_NULL, &buf, &size));
    CHECK_WORDS(HG_Get_input_extra_buf(HG_HANDLE_NULL, &buf, &size));
    CHECK_WORDS(HG_Get_output_extra_buf(HG_HANDLE_NULL, &buf, &size));
    CHECK_WORDS(HG_Release_input_buf(HG_HANDLE_NULL));
    CHECK_WORDS(qs_handle_set_timeout(HG_HANDLE_NULL, 1));
    CHECK_WORDS(HG_Bulk_ref_incr(HG_BULK_NULL));
    CHECK_WORDS(HG_Bulk_bind(HG_BULK_NULL, NULL));
    CHECK_WORDS(HG_Bulk_access(HG_BULK_NULL, 0, 0, 0, 0, NULL, NULL, NULL));
    CHECK_WORDS(HG_Bulk_serialize(NULL, 0, 0, HG_BULK_NULL));
    CHECK_WORDS(HG_Bulk_cancel(HG_OP_ID_NULL));
}

static void ending_nothing_is_allowed(void)
{
    hg_class_t *hg_class = hg_pair_init(false, NULL);
    void *arg = &hg_class;

    HG_PAIR_OK(HG_Finalize(NULL));
    HG_PAIR_OK(HG_Context_destroy(NULL));
    HG_PAIR_OK(HG_Destroy(HG_HANDLE_NULL));
    HG_PAIR_OK(HG_Addr_free(hg_class, HG_ADDR_NULL));
    HG_PAIR_RET(HG_Addr_free(NULL, HG_ADDR_NULL), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_free(HG_BULK_NULL));
    HG_PAIR_OK(hg_proc_free(HG_PROC_NULL));
    HG_PAIR_OK(hg_string_object_free(NULL));
    HG_Free_na_protocol_info(NULL);
    qs_transport_list_free(NULL, 0);
    hg_request_destroy(NULL);
    hg_request_finalize(NULL, &arg);
    SUPPORT_CHECK(arg == &hg_class);
    HG_PAIR_OK(HG_Finalize(hg_class));
}

static void handles_of_the_wrong_side_are_refused(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_RET(HG_Respond(call.handle, NULL, NULL, &in), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_input(call.handle, &in), HG_INVALID_ARG);
    SUPPORT_CHECK(HG_Get_output(call.handle, &in) != HG_SUCCESS);
    hg_pair_call_forward(&call, &in);
    SUPPORT_CHECK(HG_Get_output(call.handle, &in) != HG_SUCCESS);
    held = hg_pair_wait_held(&pair);
    HG_PAIR_RET(HG_Forward(held, hg_pair_call_cb, &call, &in), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Get_output(held, &in), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Reset(held, HG_ADDR_NULL, 0), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Set_target_id(held, 1), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Cancel(held));
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* --- closing what is in use ---------------------------------------------------------------------- */

static void finalize_with_something_open_is_busy_and_says_what(void)
{
    hg_class_t *hg_class = hg_pair_init(true, NULL);
    hg_context_t *context = HG_Context_create(hg_class);
    hg_size_t size = 10;
    hg_addr_t addr;
    hg_bulk_t bulk;
    char text[HG_PAIR_TEXT];

    HG_Set_log_func(support_log_line);
    HG_PAIR_RET(HG_Finalize(hg_class), HG_BUSY);
    SUPPORT_CHECK(strstr(support_log_text(), "1 context") != NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "1 contexts (id 0)") != NULL);
    HG_PAIR_OK(HG_Context_destroy(context));
    HG_PAIR_OK(HG_Addr_self(hg_class, &addr));
    support_log_forget();
    HG_PAIR_RET(HG_Finalize(hg_class), HG_BUSY);
    SUPPORT_CHECK(strstr(support_log_text(), "1 address") != NULL);
    hg_pair_address(hg_class, text);
    SUPPORT_CHECK(strstr(qs_error_detail(), text) != NULL);
    HG_PAIR_OK(HG_Addr_free(hg_class, addr));
    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, NULL, &size, HG_BULK_READWRITE, &bulk));
    support_log_forget();
    HG_PAIR_RET(HG_Finalize(hg_class), HG_BUSY);
    SUPPORT_CHECK(strstr(support_log_text(), "1 bulk") != NULL);
    /* Known by its size once it has a descriptor. */
    size = sizeof(text);
    HG_PAIR_OK(HG_Bulk_serialize(text, size, 0, bulk));
    HG_PAIR_RET(HG_Finalize(hg_class), HG_BUSY);
    SUPPORT_CHECK(strstr(qs_error_detail(), "1 bulk handles (of bytes 10)") != NULL);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    HG_PAIR_OK(HG_Finalize(hg_class));
    HG_Set_log_func(NULL);
}

static void context_with_an_open_handle_is_busy(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    HG_Set_log_level("none");
    HG_PAIR_RET(HG_Context_destroy(pair.origin.contexts[0]), HG_BUSY);
    HG_Set_log_level("error");
    SUPPORT_CHECK(strstr(qs_error_detail(), "1 handle") != NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "pair_empty (idle)") != NULL);
    /* It was not harmed by the try. */
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void address_of_another_class_cannot_be_freed(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_RET(HG_Addr_free(pair.target.hg_class, pair.addr), HG_INVALID_ARG);
    SUPPORT_CHECK(strstr(qs_error_detail(), "another class") != NULL);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void address_that_is_borrowed_cannot_be_freed(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    held = hg_pair_call_hold(&pair, &call, &in);
    HG_PAIR_RET(HG_Addr_free(pair.target.hg_class, HG_Get_info(held)->addr), HG_INVALID_ARG);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* --- opening ------------------------------------------------------------------------------------- */

static void unknown_protocol_lists_the_known_ones(void)
{
    HG_Set_log_func(support_log_line);
    SUPPORT_CHECK(HG_Init("carrier-pigeon://nest", true) == NULL);
    HG_Set_log_func(NULL);
    if (strstr(qs_error_detail(), "carrier-pigeon") == NULL || strstr(qs_error_detail(), "tcp") == NULL ||
        strstr(qs_error_detail(), "shm") == NULL)
        support_suite_fail("it says: %s", qs_error_detail());
    SUPPORT_CHECK(strstr(support_log_text(), "carrier-pigeon") != NULL);
}

static void bad_info_strings_get_a_word(void)
{
    static const char *const uris[] = {"",      "://",       "tcp://nobody.invalid",    "tcp://127.0.0.1:99999",
                                       "ofi+",  "tcp://[",   "tcp://127.0.0.1:http",    "tcp:// ",
                                       "tcp:/", "tcp://:-5", "tcp://203.0.113.77:4000", "tcp://no-such-if0"};

    HG_Set_log_level("none");
    for (unsigned int i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        if (HG_Init(uris[i], true) != NULL)
            support_suite_fail("\"%s\" was accepted", uris[i]);
        if (qs_error_detail()[0] == '\0')
            support_suite_fail("no word about \"%s\"", uris[i]);
    }
}

static void port_in_use_gets_a_word(void)
{
    struct hg_pair pair;
    char text[256];
    hg_size_t size = sizeof(text);

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, text, &size, pair.addr));
    HG_Set_log_func(support_log_line);
    SUPPORT_CHECK(HG_Init(text, true) == NULL);
    HG_Set_log_func(NULL);
    if (strstr(qs_error_detail(), "in use") == NULL)
        support_suite_fail("it says: %s", qs_error_detail());
    SUPPORT_CHECK(strstr(support_log_text(), "in use") != NULL);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void options_that_cannot_be_honoured_are_refused(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    const unsigned int version = HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR);

    HG_Set_log_level("none");
    init.checksum_level = (hg_checksum_level_t)3;
    SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, version, &init) == NULL);
    SUPPORT_CHECK(strstr(qs_error_detail(), "checksum") != NULL);
    init = HG_INIT_INFO_INITIALIZER;
    init.na_class = (na_class_t *)&init;
    SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, version, &init) == NULL);
    init = HG_INIT_INFO_INITIALIZER;
    init.na_init_info.max_unexpected_size = SIZE_MAX;
    SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, version, &init) == NULL);
    init = HG_INIT_INFO_INITIALIZER;
    SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, HG_VERSION(9, 0), &init) == NULL);
    SUPPORT_CHECK(HG_Init_opt2(hg_pair_uri(), true, 0, &init) == NULL);
}

static void offset_beyond_the_eager_size_is_refused(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(HG_Class_set_input_offset(pair.origin.hg_class, 1U << 20) != HG_SUCCESS);
    SUPPORT_CHECK(HG_Class_set_output_offset(pair.origin.hg_class, UINT64_MAX) != HG_SUCCESS);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void log_function_gets_the_stream_untouched(void)
{
    HG_Set_log_func(support_log_line);
    HG_Set_log_stream("error", (FILE *)(uintptr_t)3);
    SUPPORT_CHECK(HG_Init("carrier-pigeon", true) == NULL);
    SUPPORT_CHECK(strstr(support_log_text(), "carrier-pigeon") != NULL);
    HG_Set_log_func(NULL);
    HG_Set_log_stream("error", NULL);
    support_log_forget();
    HG_Set_log_func(support_log_line);
    HG_Set_log_level("none");
    SUPPORT_CHECK(HG_Init("carrier-pigeon", true) == NULL);
    SUPPORT_CHECK(support_log_count() == 0);
    HG_Set_log_func(NULL);
}

static void errors_have_names(void)
{
    SUPPORT_CHECK(strcmp(HG_Error_to_string(HG_SUCCESS), "HG_SUCCESS") == 0);
    SUPPORT_CHECK(strcmp(HG_Error_to_string(HG_HOSTUNREACH), "HG_HOSTUNREACH") == 0);
    SUPPORT_CHECK(HG_Error_to_string((hg_return_t)12345) != NULL);
}

const struct support_case hg_misuse_cases[] = {
    SUPPORT_CASE(null_classes_and_contexts_are_refused),
    SUPPORT_CASE(null_handles_and_places_are_refused),
    SUPPORT_CASE(each_refusal_of_a_class_or_context_is_put_into_words),
    SUPPORT_CASE(each_refusal_of_a_handle_is_put_into_words),
    SUPPORT_CASE(ending_nothing_is_allowed),
    SUPPORT_CASE(handles_of_the_wrong_side_are_refused),
    SUPPORT_CASE(finalize_with_something_open_is_busy_and_says_what),
    SUPPORT_CASE(context_with_an_open_handle_is_busy),
    SUPPORT_CASE(address_of_another_class_cannot_be_freed),
    SUPPORT_CASE(address_that_is_borrowed_cannot_be_freed),
    SUPPORT_CASE(unknown_protocol_lists_the_known_ones),
    SUPPORT_CASE(bad_info_strings_get_a_word),
    SUPPORT_CASE(port_in_use_gets_a_word),
    SUPPORT_CASE(options_that_cannot_be_honoured_are_refused),
    SUPPORT_CASE(offset_beyond_the_eager_size_is_refused),
    SUPPORT_CASE(log_function_gets_the_stream_untouched),
    SUPPORT_CASE(errors_have_names),
    {NULL, NULL, 0},
};
