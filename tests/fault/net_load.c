/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See net_load.h. The side of the origin.
 */
#include "tests/fault/net_load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/net_rpc.h"
#include "tests/support/hg_pair.h"
#include "util/util_clock.h"

enum {
    REST_NS = 2000000,
    PATIENCE_US = 15000000,
    BUDGET_PERCENT = 1000,
    BUDGET_PER_SECOND = 10000,
    LEDGER_FD = NET_RPC_LEDGER_FD,
};

/* What is promised for the end of a call is its limit and 100 ms. */
#define LATE_MAX_US 100000U

struct net_call {
    struct net_load *load; /* borrowed */
    hg_handle_t handle;
    uint64_t number;
    uint64_t begin_ns;
    uint64_t timeout_us;
};

enum load_place { PLACE_SHM, PLACE_TCP, PLACE_WIRE, PLACE_VERBS_WIRE };

static enum load_place load_place(void)
{
    static const char *const names[] = {
        [PLACE_SHM] = "shm", [PLACE_TCP] = "tcp", [PLACE_WIRE] = "wire", [PLACE_VERBS_WIRE] = "verbs_wire"};
    unsigned int place = 0;

    while (strcmp(support_suite_parameter(), names[place]) != 0)
        SUPPORT_CHECK(++place < sizeof(names) / sizeof(names[0]));
    return (enum load_place)place;
}

/* What the target listens on. */
static void target_uri(char *uri, size_t size)
{
    switch (load_place()) {
    case PLACE_SHM:
        (void)snprintf(uri, size, "shm");
        break;
    case PLACE_TCP:
        (void)snprintf(uri, size, "tcp://127.0.0.1");
        break;
    case PLACE_WIRE:
        (void)snprintf(uri, size, "tcp://%s", getenv("A"));
        break;
    case PLACE_VERBS_WIRE:
        (void)snprintf(uri, size, "verbs://%s", getenv("A"));
        break;
    }
}

/* What the origin is. */
static void origin_uri(char *uri, size_t size)
{
    if (load_place() == PLACE_VERBS_WIRE)
        (void)snprintf(uri, size, "verbs://%s", getenv("B"));
    else
        (void)snprintf(uri, size, "%s", load_place() == PLACE_SHM ? "shm" : "tcp");
}

/* --- the target's process ------------------------------------------------------------------------------------ */

static void enter_namespace(const char *path)
{
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    SUPPORT_CHECK(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
    (void)close(fd);
}

/* The monotonic clock is ahead by so much, or behind where that is negative, from here on. */
static bool enter_time(int64_t offset_s)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "monotonic %lld 0", (long long)offset_s);
    bool good = false;
    int fd;

    if (unshare(CLONE_NEWTIME) != 0)
        return false;
    fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        good = write(fd, text, (size_t)length) == length;
        (void)close(fd);
    }
    fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        good = setns(fd, CLONE_NEWTIME) == 0 && good;
        (void)close(fd);
    }
    return good && fd >= 0;
}

bool net_load_clocks_differ(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(enter_time(3600) ? 0 : 1);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static _Noreturn void target_exec(const struct net_load *load, int in, int out)
{
    char uri[64], hold[24], requests[24], files[24];
    int ledger = fcntl(load->ledger.fd, F_DUPFD, 10);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    target_uri(uri, sizeof(uri));
    if (load_place() == PLACE_WIRE)
        enter_namespace(getenv("NETNS_A"));
    SUPPORT_CHECK(load->options.clock_offset_s == 0 || enter_time(load->options.clock_offset_s));
    SUPPORT_CHECK(ledger >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(ledger, LEDGER_FD) == LEDGER_FD);
    for (int fd = LEDGER_FD + 1; fd < 200; fd++)
        (void)close(fd);
    (void)snprintf(hold, sizeof(hold), "%llu", (unsigned long long)load->options.hold_us);
    (void)snprintf(requests, sizeof(requests), "%u", load->options.requests_max);
    (void)snprintf(files, sizeof(files), "%u", load->options.files_max);
    (void)execl("/proc/self/exe", "role", "--role", uri, hold, requests, files, (char *)NULL);
    _exit(99);
}

static void read_line(int fd, char *line, size_t size)
{
    size_t used = 0;

    while (used + 1 < size && read(fd, line + used, 1) == 1 && line[used] != '\n')
        used++;
    line[used] = '\0';
}

/* A line of /proc/PID/NAME. */
static void target_proc(const struct net_load *load, const char *name, char *line, int size)
{
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)load->target, name);
    file = fopen(path, "r");
    SUPPORT_CHECK(file != NULL && fgets(line, size, file) != NULL);
    (void)fclose(file);
}

/* The target's clock is what was asked for. */
static void check_clock(const struct net_load *load)
{
    long long offset_s = -1;
    char line[64];

    if (load->options.clock_offset_s == 0)
        return;
    target_proc(load, "timens_offsets", line, sizeof(line));
    SUPPORT_CHECK(sscanf(line, "monotonic %lld", &offset_s) == 1 && offset_s == load->options.clock_offset_s);
}

static void target_start(struct net_load *load)
{
    int in[2], out[2];

    SUPPORT_CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    load->target = fork();
    SUPPORT_CHECK(load->target >= 0);
    if (load->target == 0)
        target_exec(load, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    load->target_in = in[1];
    load->target_out = out[0];
    read_line(load->target_out, load->address, sizeof(load->address));
    if (load->address[0] == '\0')
        support_suite_fail("the target did not start");
    check_clock(load);
}

static void target_end(struct net_load *load, struct net_report *report)
{
    unsigned long long expired, shed, repeats, cancelled;
    char line[200];
    int status;

    (void)close(load->target_in);
    read_line(load->target_out, line, sizeof(line));
    SUPPORT_CHECK(sscanf(line, "%u %llu %llu %llu %llu", &report->held_max, &expired, &shed, &repeats, &cancelled) ==
                  5);
    report->expired = expired;
    report->shed = shed;
    report->repeats = repeats;
    report->cancelled = cancelled;
    while (waitpid(load->target, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)close(load->target_out);
    SUPPORT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

uint64_t net_load_target_cpu_us(const struct net_load *load)
{
    unsigned long long user, system;
    char line[1000];

    target_proc(load, "stat", line, sizeof(line));
    SUPPORT_CHECK(strrchr(line, ')') != NULL);
    SUPPORT_CHECK(
        sscanf(strrchr(line, ')') + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system) == 2);
    return (user + system) * 1000000U / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t net_load_target_memory(const struct net_load *load)
{
    unsigned long long pages;
    char line[200];

    target_proc(load, "statm", line, sizeof(line));
    SUPPORT_CHECK(sscanf(line, "%*s %llu", &pages) == 1);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

static bool answer_is_right(const struct net_call *call)
{
    struct hg_pair_blob out = {0};
    bool right;

    if (HG_Get_output(call->handle, &out) != HG_SUCCESS)
        return false;
    right = net_rpc_is_filled(&out, call->number, BENCH_FAULT_ANSWER);
    return HG_Free_output(call->handle, &out) == HG_SUCCESS && right;
}

static void note_result(struct net_load *load, struct bench_fault_call *made, const struct hg_cb_info *info)
{
    struct qs_result result;

    HG_PAIR_OK(qs_handle_get_result(info->info.forward.handle, &result, sizeof(result)));
    made->ret = (uint8_t)info->ret;
    made->outcome = (uint8_t)result.outcome;
    made->attempts = (uint8_t)(result.attempts < UINT8_MAX ? result.attempts : UINT8_MAX);
    if (info->ret == HG_AGAIN && result.retry_after_us < load->retry_after_us)
        load->retry_after_us = result.retry_after_us;
}

static hg_return_t call_done(const struct hg_cb_info *info)
{
    struct net_call *call = info->arg;
    struct net_load *load = call->load;
    struct bench_fault_call *made = &load->made[call->number];
    uint64_t now_ns = util_clock_now_ns();
    uint64_t took_us = (now_ns - call->begin_ns) / UTIL_CLOCK_NS_PER_US;

    if (++made->callbacks > 1)
        return HG_SUCCESS; /* the check says so */
    load->under_way--;
    note_result(load, made, info);
    if (took_us > call->timeout_us && took_us - call->timeout_us > load->late_us)
        load->late_us = took_us - call->timeout_us;
    if (info->ret == HG_SUCCESS) {
        load->good++;
        made->wrong_body = !answer_is_right(call);
        if (load->first_good_ns == 0)
            load->first_good_ns = now_ns;
    } else {
        load->rest_until_ns = now_ns + REST_NS;
    }
    return HG_Destroy(call->handle);
}

void net_load_call(struct net_load *load)
{
    struct net_call *call = &load->calls[load->count];
    struct hg_pair_blob in;
    hg_return_t ret;

    SUPPORT_CHECK(load->count < NET_LOAD_CALLS_MAX);
    *call = (struct net_call){.load = load, .number = load->count, .timeout_us = load->timeout_us};
    HG_PAIR_OK(HG_Create(load->context, load->addr, load->ids[bench_fault_method(call->number)], &call->handle));
    HG_PAIR_OK(qs_handle_set_timeout(call->handle, call->timeout_us));
    net_rpc_fill(&in, call->number, BENCH_FAULT_REQUEST);
    call->begin_ns = util_clock_now_ns();
    ret = qs_forward(call->handle, call_done, call, &in);
    load->count++;
    if (ret == HG_SUCCESS) {
        load->under_way++;
        return;
    }
    load->made[call->number].refused = true;
    load->made[call->number].ret = (uint8_t)ret;
    load->rest_until_ns = call->begin_ns + REST_NS;
    HG_PAIR_OK(HG_Destroy(call->handle));
}

void net_load_step(struct net_load *load, unsigned int timeout_ms)
{
    (void)HG_Progress(load->context, timeout_ms);
    (void)HG_Trigger(load->context, 0, 256, NULL);
}

/* Calls go on meanwhile: it takes long where starting programs does, and limits are to be kept. */
void net_load_wire(struct net_load *load, const char *what)
{
    char command[500];
    int status = -1;
    pid_t child;

    (void)snprintf(command, sizeof(command), "exec $WIRE %s", what);
    fflush(NULL);
    child = fork();
    SUPPORT_CHECK(child >= 0);
    if (child == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while (waitpid(child, &status, WNOHANG) == 0)
        if (load->context != NULL)
            net_load_step(load, 2);
        else
            (void)usleep(2000);
    if (status != 0)
        support_suite_fail("the wire does not take: %s", what);
}

static void load_fill(struct net_load *load)
{
    while (load->under_way < load->options.window && util_clock_now_ns() >= load->rest_until_ns)
        net_load_call(load);
    net_load_step(load, 2);
}

void net_load_run_for(struct net_load *load, uint64_t time_us)
{
    uint64_t end_us = support_suite_now_us() + time_us;

    while (support_suite_now_us() < end_us)
        load_fill(load);
}

void net_load_run_good(struct net_load *load, uint64_t good)
{
    uint64_t end_us = support_suite_now_us() + (uint64_t)PATIENCE_US * support_slowness();
    uint64_t goal = load->good + good;

    while (load->good < goal) {
        load_fill(load);
        if (support_suite_now_us() > end_us)
            support_suite_fail("%llu calls of %llu have not succeeded in time", (unsigned long long)(goal - load->good),
                               (unsigned long long)good);
    }
}

void net_load_drain(struct net_load *load)
{
    uint64_t end_us = support_suite_now_us() + load->options.timeout_us + PATIENCE_US;

    while (load->under_way > 0) {
        net_load_step(load, 10);
        if (support_suite_now_us() > end_us)
            support_suite_fail("%u calls have no callback", load->under_way);
    }
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

static void set_methods(struct net_load *load)
{
    const struct net_load_options *options = &load->options;
    struct qs_retry retry = {.attempts_max = options->attempts_max, .attempt_timeout_us = options->attempt_timeout_us};

    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        if (i != TOOL_METHOD_ONCE)
            HG_PAIR_OK(qs_registered_set_method(load->hg_class, load->ids[i], (enum qs_method)i, &retry));
    }
    if (options->silence_limit_us > 0)
        HG_PAIR_OK(qs_class_set_silence_limit(load->hg_class, options->silence_limit_us));
    if (options->rich)
        HG_PAIR_OK(qs_class_set_retry_budget(load->hg_class, BUDGET_PERCENT, BUDGET_PER_SECOND));
}

void net_load_open(struct net_load *load, const struct net_load_options *options)
{
    char uri[64];

    memset(load, 0, sizeof(*load));
    load->options = *options;
    load->timeout_us = options->timeout_us;
    load->retry_after_us = UINT64_MAX;
    load->made = calloc(NET_LOAD_CALLS_MAX, sizeof(*load->made));
    load->calls = calloc(NET_LOAD_CALLS_MAX, sizeof(*load->calls));
    SUPPORT_CHECK(load->made != NULL && load->calls != NULL);
    SUPPORT_CHECK(bench_fault_ledger_create(&load->ledger, NET_LOAD_CALLS_MAX));
    HG_Set_log_level("none");
    if (load_place() >= PLACE_WIRE)
        net_load_wire(load, "both"); /* a case that failed has left it as it was */
    target_start(load);
    origin_uri(uri, sizeof(uri));
    load->hg_class = HG_Init(uri, false);
    if (load->hg_class == NULL)
        support_suite_fail("HG_Init: %s", qs_error_detail());
    load->context = HG_Context_create(load->hg_class);
    SUPPORT_CHECK(load->context != NULL);
    net_rpc_register(load->hg_class, NULL, load->ids);
    set_methods(load);
    HG_PAIR_OK(HG_Addr_lookup2(load->hg_class, load->address, &load->addr));
}

static void print_counts(const struct net_load *load, const struct bench_fault_verdict *verdict)
{
    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        const struct bench_fault_counts *counts = &verdict->methods[i];

        printf("# %s: %llu calls, %llu ok, %llu not sent, %llu not executed, %llu unknown, %llu executed without their "
               "answer; %llu repeated, %llu ran again\n",
               bench_fault_method_name((enum tool_method)i), (unsigned long long)counts->calls,
               (unsigned long long)counts->ok, (unsigned long long)counts->failed[TOOL_OUTCOME_NOT_SENT],
               (unsigned long long)counts->failed[TOOL_OUTCOME_NOT_EXECUTED],
               (unsigned long long)counts->failed[TOOL_OUTCOME_UNKNOWN],
               (unsigned long long)counts->failed[TOOL_OUTCOME_EXECUTED], (unsigned long long)counts->repeats,
               (unsigned long long)counts->ran_again);
    }
    printf("# calls ended at most %.1f ms after their limits\n", (double)load->late_us / 1000);
}

static void check_verdict(const struct net_load *load)
{
    struct bench_fault_verdict verdict;

    bench_fault_check(load->ledger.map, load->made, load->count, &verdict);
    print_counts(load, &verdict);
    for (unsigned int i = 0; i < BENCH_FAULT_RULES; i++)
        if (verdict.broken[i] > 0)
            support_suite_fail("%llu times: %s; the first is call %llu, which ran %u times",
                               (unsigned long long)verdict.broken[i], bench_fault_rule_text((enum bench_fault_rule)i),
                               (unsigned long long)verdict.offenders[0].number, verdict.offenders[0].runs);
    SUPPORT_CHECK(load->late_us <= (uint64_t)LATE_MAX_US * support_slowness());
}

void net_load_close(struct net_load *load, struct net_report *report)
{
    struct net_report unread;

    net_load_drain(load);
    target_end(load, report != NULL ? report : &unread);
    HG_PAIR_OK(HG_Addr_free(load->hg_class, load->addr));
    HG_PAIR_OK(HG_Context_destroy(load->context));
    HG_PAIR_OK(HG_Finalize(load->hg_class));
    check_verdict(load);
    bench_fault_ledger_close(&load->ledger);
    free(load->made);
    free(load->calls);
}
