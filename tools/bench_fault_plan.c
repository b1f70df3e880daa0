/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_plan.h. The sequence of what happens, and all lengths, come from the seed; how
 * long a restart takes is up to the machine, so two runs are alike, not equal.
 *
 * Where there are ports, one below those that the kernel gives to connections is taken: while
 * nobody listens on it, one of our own connections could get it otherwise, and reach itself.
 */
#include "tools/bench_fault_plan.h"

#include "tools/bench_suite.h"
#include "util/util_clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST   10000U
#define PORT_COUNT   20000U
#define PORT_TRIES   8U
#define RESTART_NS   (10 * UTIL_CLOCK_NS_PER_S)
#define TRY_AGAIN_NS (50 * UTIL_CLOCK_NS_PER_MS)

/* From half to one and a half of `mean_ns`. */
static uint64_t around(struct bench_fault_plan *plan, uint64_t mean_ns)
{
    return mean_ns / 2 + util_prng_below(&plan->prng, mean_ns + 1);
}

static void note(struct bench_fault_plan *plan, enum bench_fault_event_kind kind, uint64_t now_ns)
{
    bench_fault_result_event(plan->result, kind, now_ns);
}

/* --------------------------------------------------------------------------------- first start */

static bool has_ports(const char *info)
{
    return strstr(info, "://127.0.0.1") != NULL && strchr(strstr(info, "://") + 3, ':') == NULL;
}

bool bench_fault_plan_open(struct bench_fault_plan *plan, const struct bench_options *options,
                           struct bench_fault_result *result)
{
    char info[sizeof(plan->info)];
    bool ports;

    memset(plan, 0, sizeof(*plan));
    plan->options = options;
    plan->result = result;
    util_prng_init(&plan->prng, options->seed);
    bench_suite_local_info(result->provider, info, sizeof(info) - 8);
    ports = has_ports(info);
    for (unsigned int i = 0; i < (ports ? PORT_TRIES : 1); i++) {
        unsigned int port = PORT_FIRST + ((unsigned int)getpid() * 7 + i * 1009) % PORT_COUNT;

        (void)snprintf(plan->info, sizeof(plan->info), "%s", info);
        if (ports)
            (void)snprintf(plan->info + strlen(info), 8, ":%u", port);
        if (bench_spawn_start(&plan->spawn, plan->info, options)) {
            (void)snprintf(plan->info, sizeof(plan->info), "%s", plan->spawn.address);
            return true;
        }
    }
    bench_fault_result_fail(result, "no server on \"%s\": %s", plan->info, plan->spawn.error);
    return false;
}

/* -------------------------------------------------------------------------------------- events */

void bench_fault_plan_begin(struct bench_fault_plan *plan, uint64_t now_ns)
{
    plan->state = BENCH_FAULT_UP;
    plan->due_ns = now_ns + around(plan, plan->options->interval_ns);
}

/* By chance, but a short run is to see both: first a kill, then a stop. */
static bool next_is_kill(struct bench_fault_plan *plan)
{
    bool by_chance = util_prng_below(&plan->prng, 2) == 0;

    plan->troubles++;
    return plan->troubles == 1 || (plan->troubles > 2 && by_chance);
}

static void kill_server(struct bench_fault_plan *plan, uint64_t now_ns)
{
    bench_spawn_kill(&plan->spawn);
    note(plan, BENCH_FAULT_KILLED, now_ns);
    plan->state = BENCH_FAULT_DOWN;
    plan->restarted_ns = 0;
    plan->due_ns = now_ns + util_prng_below(&plan->prng, plan->options->interval_ns / 2 + 1);
    plan->give_up_ns = plan->due_ns + RESTART_NS;
}

static void stop_server(struct bench_fault_plan *plan, uint64_t now_ns)
{
    (void)kill(plan->spawn.pid, SIGSTOP);
    note(plan, BENCH_FAULT_STOPPED, now_ns);
    plan->state = BENCH_FAULT_HALTED;
    plan->due_ns = now_ns + around(plan, plan->options->interval_ns) / 2;
}

static void back_up(struct bench_fault_plan *plan, enum bench_fault_event_kind kind, uint64_t now_ns)
{
    note(plan, kind, now_ns);
    plan->state = BENCH_FAULT_UP;
    plan->due_ns = now_ns + around(plan, plan->options->interval_ns);
}

/* One that is stopped is killed now and then before it can go on. */
static void end_stop(struct bench_fault_plan *plan, uint64_t now_ns)
{
    if (!plan->ending && util_prng_below(&plan->prng, 4) == 0) {
        kill_server(plan, now_ns);
        return;
    }
    (void)kill(plan->spawn.pid, SIGCONT);
    back_up(plan, BENCH_FAULT_CONTINUED, now_ns);
}

/* ------------------------------------------------------------------------------------- restart */

/* The address may be in use for a moment longer than the process lived. */
static bool try_again(struct bench_fault_plan *plan, uint64_t now_ns)
{
    char error[sizeof(plan->spawn.error)];

    if (now_ns >= plan->give_up_ns) {
        bench_fault_result_fail(plan->result, "no server on \"%s\" again: %s", plan->info, plan->spawn.error);
        return false;
    }
    memcpy(error, plan->spawn.error, sizeof(error));
    bench_spawn_kill(&plan->spawn);
    memcpy(plan->spawn.error, error, sizeof(error));
    plan->state = BENCH_FAULT_DOWN;
    plan->due_ns = now_ns + TRY_AGAIN_NS;
    return true;
}

static bool start_server(struct bench_fault_plan *plan, uint64_t now_ns)
{
    if (!bench_spawn_begin(&plan->spawn, plan->info, plan->options))
        return try_again(plan, now_ns);
    plan->state = BENCH_FAULT_STARTING;
    return true;
}

static bool await_server(struct bench_fault_plan *plan, uint64_t now_ns)
{
    switch (bench_spawn_poll(&plan->spawn, 0)) {
    case BENCH_SPAWN_READY:
        if (strcmp(plan->spawn.address, plan->info) != 0) {
            bench_fault_result_fail(plan->result, "the server was to listen on \"%s\" again, and does on \"%s\"",
                                    plan->info, plan->spawn.address);
            return false;
        }
        plan->restarted_ns = now_ns;
        back_up(plan, BENCH_FAULT_RESTARTED, now_ns);
        return true;
    case BENCH_SPAWN_FAILED:
        return try_again(plan, now_ns);
    default:
        if (now_ns < plan->give_up_ns)
            return true;
        bench_fault_result_fail(plan->result, "no server on \"%s\" again: it gave no address", plan->info);
        return false;
    }
}

bool bench_fault_plan_turn(struct bench_fault_plan *plan, uint64_t now_ns)
{
    bool due = now_ns >= plan->due_ns;

    switch (plan->state) {
    case BENCH_FAULT_UP:
        if (!bench_spawn_alive(&plan->spawn)) {
            bench_fault_result_fail(plan->result, "%s", plan->spawn.error);
            return false;
        }
        if (due && !plan->ending) {
            if (next_is_kill(plan))
                kill_server(plan, now_ns);
            else
                stop_server(plan, now_ns);
        }
        return true;
    case BENCH_FAULT_HALTED:
        if (due || plan->ending)
            end_stop(plan, now_ns);
        return true;
    case BENCH_FAULT_DOWN:
        return due || plan->ending ? start_server(plan, now_ns) : true;
    default:
        return await_server(plan, now_ns);
    }
}

/* ----------------------------------------------------------------------------------------- end */

void bench_fault_plan_end(struct bench_fault_plan *plan)
{
    plan->ending = true;
}

bool bench_fault_plan_is_up(const struct bench_fault_plan *plan)
{
    return plan->state == BENCH_FAULT_UP;
}

void bench_fault_plan_close(struct bench_fault_plan *plan)
{
    if (plan->state != BENCH_FAULT_UP) {
        bench_spawn_kill(&plan->spawn);
        return;
    }
    if (!bench_spawn_stop(&plan->spawn))
        bench_fault_result_fail(plan->result, "the server did not end cleanly: %s", plan->spawn.error);
}
