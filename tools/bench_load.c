/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_load.h. One loop: start what is idle, make progress, see whether we are stalled. The
 * callbacks do the counting and keep the window full, so that the loop itself costs nothing per
 * call.
 */
#include "tools/bench_load.h"

#include "tools/bench_progress.h"
#include "tools/bench_watch.h"
#include "util/util_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANCEL_WAIT_NS  UTIL_CLOCK_NS_PER_S
#define LOOK_NS         (50 * UTIL_CLOCK_NS_PER_MS)
#define FAILURES_IN_ROW 64U
#define TURNS_PER_CLOCK 64U
/* Turns that may sleep. */
#define SLEEPS_PER_CLOCK 8U

static hg_return_t call_done(const struct hg_cb_info *info);

/* ------------------------------------------------------------------------------------ calling */

/* The time, for a call that begins or ends. */
static uint64_t call_time(const struct bench_load *load)
{
    return load->client->options->no_latency ? load->now_ns : util_clock_now_ns();
}

/* Counts a call that ended at `now`; ret and bad_offset say how. */
static void count(struct bench_load *load, uint64_t started_ns, uint64_t now, hg_return_t ret, uint64_t bad_offset)
{
    struct bench_sample *sample = load->sample;

    if (ret != HG_SUCCESS) {
        sample->errors[ret < HG_RETURN_MAX ? ret : HG_OTHER_ERROR]++;
        if (++load->failures_in_row >= FAILURES_IN_ROW)
            load->stop = true;
        return;
    }
    load->failures_in_row = 0;
    if (bad_offset != BENCH_RPC_NO_OFFSET) {
        if (sample->wrong++ == 0)
            sample->bad_offset = bad_offset;
        return;
    }
    sample->ops++;
    if (load->hist != NULL)
        util_hist_record(load->hist, now - started_ns);
}

/* HG_AGAIN leaves the slot idle for the loop to try again: the library asks to make progress. */
static void start_call(struct bench_load *load, struct bench_slot *slot, uint64_t now)
{
    hg_return_t ret;

    slot->start_ns = now;
    if (load->config.verify) {
        slot->seed = load->next_seed++;
        load->config.ops->prepare(slot);
        slot->start_ns = call_time(load);
    }
    slot->state = BENCH_SLOT_FLYING;
    load->flying++;
    ret = load->config.ops->forward(slot, call_done);
    if (ret == HG_SUCCESS)
        return;
    slot->state = BENCH_SLOT_IDLE;
    load->flying--;
    if (ret != HG_AGAIN)
        count(load, slot->start_ns, now, ret, BENCH_RPC_NO_OFFSET);
}

static hg_return_t call_done(const struct hg_cb_info *info)
{
    struct bench_slot *slot = info->arg;
    struct bench_load *load = slot->load;
    uint64_t bad_offset = BENCH_RPC_NO_OFFSET, started_ns = slot->start_ns, now;
    hg_return_t ret = info->ret;

    slot->state = BENCH_SLOT_IDLE;
    load->flying--;
    if (ret == HG_SUCCESS)
        ret = load->config.ops->finish(slot, &bad_offset);
    now = call_time(load);
    if (now >= load->end_ns || load->stop)
        now = util_clock_now_ns(); /* it may be the last one */
    load->last_ns = now;
    /* A good answer is counted while the next call is on its way; a bad one may stop the run. */
    if (ret != HG_SUCCESS)
        count(load, started_ns, now, ret, bad_offset);
    if (now < load->end_ns && !load->stop)
        start_call(load, slot, now);
    if (ret == HG_SUCCESS)
        count(load, started_ns, now, ret, bad_offset);
    return HG_SUCCESS;
}

static void start_idle(struct bench_load *load)
{
    for (unsigned int i = 0; i < load->config.window && !load->stop; i++)
        if (load->slots[i].state == BENCH_SLOT_IDLE)
            start_call(load, &load->slots[i], call_time(load));
}

/* ----------------------------------------------------------------------------------- stalling */

static void give_up(struct bench_load *load, const char *why)
{
    uint64_t deadline_ns = util_clock_deadline_ns(CANCEL_WAIT_NS);

    load->stop = true;
    load->sample->gave_up = true;
    (void)snprintf(load->sample->why, sizeof(load->sample->why), "%s", why);
    for (unsigned int i = 0; i < load->config.window; i++)
        if (load->slots[i].state == BENCH_SLOT_FLYING)
            (void)HG_Cancel(load->slots[i].handle);
    while (load->flying > 0 && util_clock_now_ns() < deadline_ns)
        if (bench_client_turn(load->client) != HG_SUCCESS)
            break;
}

/* Every 50 ms: is there still a server, and does anything move? */
static void look(struct bench_load *load, uint64_t now)
{
    struct bench_client *client = load->client;
    char why[128];

    bench_progress_tick();
    if (client->spawn != NULL && !bench_spawn_alive(client->spawn)) {
        give_up(load, client->spawn->error);
    } else if (now > load->last_ns && now - load->last_ns > client->options->timeout_ns) {
        (void)snprintf(why, sizeof(why), "no call has ended for %.1f s, %u are in flight",
                       (double)(now - load->last_ns) / 1e9, load->flying);
        give_up(load, why);
    }
}

static bool unfinished(const struct bench_load *load, uint64_t now)
{
    if (load->sample->gave_up)
        return false;
    return load->flying > 0 || (now < load->end_ns && !load->stop);
}

/* The library reports a dead server faster than the kernel lets us wait for its process. */
static void explain_failures(struct bench_load *load)
{
    struct bench_sample *sample = load->sample;
    struct bench_spawn *spawn = load->client->spawn;

    sample->gave_up = true;
    (void)snprintf(sample->why, sizeof(sample->why), "%u calls failed in a row", load->failures_in_row);
    if (spawn != NULL && bench_spawn_ended(spawn))
        (void)snprintf(sample->why, sizeof(sample->why), "%s", spawn->error);
}

/* A turn that spins is shorter than reading the clock. */
static unsigned int turns_between_looks(const struct bench_options *options)
{
    if (options->busy)
        return TURNS_PER_CLOCK;
    return options->no_latency ? SLEEPS_PER_CLOCK : 1U;
}

void bench_load_run(struct bench_load *load, uint64_t duration_ns, struct util_hist *hist, struct bench_sample *sample)
{
    uint64_t start_ns = util_clock_now_ns(), now = start_ns, look_ns = start_ns + LOOK_NS;
    unsigned int turns = 0, turns_per_clock = turns_between_looks(load->client->options);

    memset(sample, 0, sizeof(*sample));
    sample->bad_offset = BENCH_RPC_NO_OFFSET;
    load->sample = sample;
    load->hist = load->client->options->no_latency ? NULL : hist;
    load->stop = false;
    load->failures_in_row = 0;
    load->now_ns = load->last_ns = start_ns;
    load->end_ns = start_ns + duration_ns;
    while (unfinished(load, now)) {
        hg_return_t ret;

        if (load->flying < load->config.window && now < load->end_ns)
            start_idle(load);
        ret = bench_client_turn(load->client);
        if (ret != HG_SUCCESS)
            give_up(load, HG_Error_to_string(ret));
        if (load->flying > 0 && ++turns % turns_per_clock != 0)
            continue;
        load->now_ns = now = util_clock_now_ns();
        if (now >= look_ns) {
            look_ns = now + LOOK_NS;
            look(load, now);
        }
    }
    if (load->failures_in_row >= FAILURES_IN_ROW && !sample->gave_up)
        explain_failures(load);
    sample->elapsed_ns = load->last_ns - start_ns;
}

/* --------------------------------------------------------------------------------------- life */

static bool open_slot(struct bench_load *load, struct bench_slot *slot, char *error, size_t error_size)
{
    struct bench_client *client = load->client;
    hg_return_t ret;

    slot->load = load;
    slot->seed = load->next_seed++;
    ret = HG_Create(client->context, client->addr, load->config.ops->rpc_id(client), &slot->handle);
    if (ret == HG_SUCCESS)
        ret = load->config.ops->open(slot);
    if (ret == HG_SUCCESS)
        return true;
    (void)snprintf(error, error_size, "cannot set up a call of %llu bytes: %s", (unsigned long long)load->config.size,
                   HG_Error_to_string(ret));
    return false;
}

bool bench_load_open(struct bench_load *load, struct bench_client *client, const struct bench_load_config *config,
                     char *error, size_t error_size)
{
    memset(load, 0, sizeof(*load));
    load->client = client;
    load->config = *config;
    load->next_seed = util_clock_now_ns();
    load->slots = calloc(config->window, sizeof(*load->slots));
    load->reply = malloc(config->size + 1);
    if (load->slots == NULL || load->reply == NULL) {
        (void)snprintf(error, error_size, "out of memory");
        bench_load_close(load);
        return false;
    }
    for (unsigned int i = 0; i < config->window; i++) {
        if (!open_slot(load, &load->slots[i], error, error_size)) {
            bench_load_close(load);
            return false;
        }
    }
    return true;
}

void bench_load_close(struct bench_load *load)
{
    load->client->lost += load->flying;
    if (load->flying > 0)
        return;
    for (unsigned int i = 0; load->slots != NULL && i < load->config.window; i++) {
        if (load->slots[i].load != NULL)
            load->config.ops->close(&load->slots[i]);
        if (load->slots[i].handle != HG_HANDLE_NULL)
            (void)HG_Destroy(load->slots[i].handle);
    }
    free(load->slots);
    free(load->reply);
    load->slots = NULL;
    load->reply = NULL;
}
