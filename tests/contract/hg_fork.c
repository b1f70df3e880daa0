/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A process that forks: in the child, what the parent opened is dead and says so, without blocking and without harm to
 * the parent.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/hg_contract.h"

/* Runs in the child; what failed is its exit status. */
#define CHILD_CHECK(condition)         \
    do {                               \
        if (!(condition))              \
            _exit(__LINE__ % 250 + 1); \
    } while (0)

#define CHILD_FAULT(expression)                                 \
    do {                                                        \
        CHILD_CHECK((expression) == HG_FAULT);                  \
        CHILD_CHECK(strstr(qs_error_detail(), "fork") != NULL); \
    } while (0)

/* Waits for the child, which must be satisfied. */
static void child_wait(pid_t child)
{
    int status = 0;

    SUPPORT_CHECK(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        support_suite_fail("the child ended with %s %d (line modulo 250, plus 1)",
                           WIFEXITED(status) ? "status" : "signal",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void child_uses_context(const struct hg_pair *pair, hg_handle_t handle)
{
    hg_context_t *context = pair->origin.contexts[0];
    struct hg_pair_blob in = {0};
    hg_handle_t other = HG_HANDLE_NULL;
    unsigned int count = 0;

    CHILD_FAULT(HG_Progress(context, 1000));
    CHILD_FAULT(HG_Trigger(context, 1000, 1, &count));
    CHILD_CHECK(HG_Event_ready(context));
    CHILD_CHECK(HG_Event_get_wait_fd(context) == -1);
    CHILD_FAULT(HG_Event_progress(context, &count));
    CHILD_FAULT(HG_Event_trigger(context, 1, &count));
    CHILD_FAULT(HG_Create(context, pair->addr, pair->origin.ids[HG_PAIR_ECHO], &other));
    CHILD_FAULT(HG_Forward(handle, NULL, NULL, &in));
    CHILD_FAULT(HG_Reset(handle, pair->addr, 0));
    CHILD_FAULT(HG_Set_target_id(handle, 1));
    CHILD_FAULT(HG_Cancel(handle));
    CHILD_FAULT(HG_Ref_incr(handle));
    CHILD_FAULT(qs_handle_set_timeout(handle, 1));
    CHILD_FAULT(HG_Destroy(handle));
    CHILD_FAULT(HG_Context_unpost(context));
    CHILD_FAULT(HG_Context_destroy(context));
}

static void child_uses_held(hg_handle_t held)
{
    struct hg_pair_blob in = {0};
    hg_size_t size = 0;
    void *buf = NULL;

    CHILD_FAULT(HG_Get_input(held, &in));
    CHILD_FAULT(HG_Free_input(held, &in));
    CHILD_FAULT(HG_Get_output_buf(held, &buf, &size));
    CHILD_FAULT(HG_Release_input_buf(held));
    CHILD_FAULT(HG_Respond(held, NULL, NULL, &in));
    CHILD_FAULT(HG_Destroy(held));
}

static void child_uses_class(const struct hg_pair *pair, hg_bulk_t bulk)
{
    hg_class_t *hg_class = pair->origin.hg_class;
    hg_size_t size = 8;
    struct qs_counters counters;
    char text[HG_PAIR_TEXT];
    hg_bulk_t other = HG_BULK_NULL;
    hg_addr_t addr = HG_ADDR_NULL;

    CHILD_CHECK(HG_Context_create(hg_class) == NULL && HG_Context_create_id(hg_class, 3) == NULL);
    CHILD_CHECK(HG_Register_name(hg_class, "late", NULL, NULL, NULL) == 0);
    CHILD_FAULT(HG_Register(hg_class, 4711, NULL, NULL, NULL));
    CHILD_FAULT(HG_Deregister(hg_class, pair->origin.ids[HG_PAIR_ECHO]));
    CHILD_FAULT(HG_Addr_lookup2(hg_class, "tcp://127.0.0.1:1", &addr));
    CHILD_FAULT(HG_Addr_self(hg_class, &addr));
    CHILD_FAULT(HG_Addr_dup(hg_class, pair->addr, &addr));
    CHILD_FAULT(HG_Addr_free(hg_class, pair->addr));
    CHILD_FAULT(HG_Bulk_create(hg_class, 1, NULL, &size, HG_BULK_READWRITE, &other));
    CHILD_FAULT(HG_Bulk_ref_incr(bulk));
    CHILD_FAULT(HG_Bulk_serialize(text, sizeof(text), 0, bulk));
    CHILD_FAULT(
        HG_Bulk_transfer(pair->origin.contexts[0], NULL, NULL, HG_BULK_PULL, pair->addr, bulk, 0, bulk, 0, 1, NULL));
    CHILD_FAULT(HG_Bulk_free(bulk));
    CHILD_FAULT(qs_class_set_timeout(hg_class, 1));
    CHILD_FAULT(qs_class_get_counters(hg_class, &counters, sizeof(counters)));
    HG_Diag_dump_counters(); /* of no class */
}

/* With calls at every stage, so that there is something to free and to disturb. */
static void child_is_told_and_parent_goes_on(bool threaded)
{
    struct hg_pair_blob in = {0};
    hg_size_t size = 100;
    struct hg_pair_call call;
    struct hg_pair_call idle;
    struct hg_pair pair;
    hg_handle_t held;
    hg_bulk_t bulk;
    pid_t child;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = threaded});
    held = hg_pair_call_hold(&pair, &call, &in);
    hg_pair_call_begin(&pair, &idle, HG_PAIR_ECHO);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, NULL, &size, HG_BULK_READWRITE, &bulk));
    child = fork();
    if (child == 0) {
        HG_Set_log_level("none");
        child_uses_context(&pair, idle.handle);
        child_uses_held(held);
        child_uses_class(&pair, bulk);
        CHILD_CHECK(HG_Finalize(pair.origin.hg_class) == HG_SUCCESS);
        CHILD_CHECK(HG_Finalize(pair.target.hg_class) == HG_SUCCESS);
        _exit(0);
    }
    child_wait(child);
    hg_pair_respond(held, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_call_end(&idle);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_move(&pair, 100, 100000);
    hg_pair_move(&pair, 400000, 400000);
    hg_pair_close(&pair);
}

static void fork_makes_everything_dead_in_the_child_alone(void)
{
    child_is_told_and_parent_goes_on(false);
}

/* Whatever lock the thread holds when the process forks. */
static void fork_beside_a_busy_thread_does_not_hang_the_child(void)
{
    for (unsigned int i = 0; i < 10; i++)
        child_is_told_and_parent_goes_on(true);
}

static void child_may_open_classes_of_its_own(void)
{
    struct hg_pair pair;
    pid_t child;

    if (support_under_tsan())
        support_suite_skip("TSan allows no threads in the child of a process with threads");
    if (strncmp(support_suite_parameter(), "verbs", strlen("verbs")) == 0)
        support_suite_skip("a child cannot use RDMA devices that its parent has opened");
    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    child = fork();
    if (child == 0) {
        struct hg_pair own;

        hg_pair_open(&own, NULL);
        hg_pair_move(&own, 1000, 300000);
        hg_pair_close_origin(&own);
        hg_pair_close_target(&own);
        _exit(0);
    }
    child_wait(child);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

const struct support_case hg_fork_cases[] = {
    SUPPORT_CASE(fork_makes_everything_dead_in_the_child_alone),
    SUPPORT_CASE(fork_beside_a_busy_thread_does_not_hang_the_child),
    SUPPORT_CASE(child_may_open_classes_of_its_own),
    {NULL, NULL, 0},
};
