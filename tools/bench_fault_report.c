/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What `hg_bench fault` prints: goodput with the events beside it, the outcomes, the verdict. The
 * same as JSON: the object "fault" of the envelope that other results come in.
 */
#include "tools/bench_fault.h"
#include "tools/bench_json.h"

#include <inttypes.h>
#include <stdio.h>

#include <json-c/json.h>

#define SLICES_PER_S 10U

static const char *const outcome_names[TOOL_OUTCOMES] = {[TOOL_OUTCOME_UNKNOWN] = "UNKNOWN",
                                                         [TOOL_OUTCOME_NOT_SENT] = "NOT_SENT",
                                                         [TOOL_OUTCOME_NOT_EXECUTED] = "NOT_EXECUTED",
                                                         [TOOL_OUTCOME_EXECUTED] = "EXECUTED"};

/* In the order of the table. */
static const enum tool_outcome outcome_order[TOOL_OUTCOMES] = {TOOL_OUTCOME_NOT_SENT, TOOL_OUTCOME_NOT_EXECUTED,
                                                               TOOL_OUTCOME_UNKNOWN, TOOL_OUTCOME_EXECUTED};

/* --------------------------------------------------------------------------------------- text */

static void print_events(FILE *out, const struct bench_fault_result *result, size_t second)
{
    for (size_t i = 0; i < result->event_count; i++) {
        const struct bench_fault_event *event = &result->events[i];

        if (event->at_ns / UINT64_C(1000000000) == second)
            (void)fprintf(out, "  %.2f %s", (double)event->at_ns / 1e9, bench_fault_event_name(event->kind));
    }
}

static void print_second(FILE *out, const struct bench_fault_result *result, size_t second)
{
    const struct bench_fault_series *goodput = &result->goodput;
    uint64_t slices[SLICES_PER_S] = {0}, sum = 0;

    for (size_t i = 0; i < SLICES_PER_S; i++) {
        size_t slice = second * SLICES_PER_S + i;

        slices[i] = slice < goodput->count ? goodput->values[slice] : 0;
        sum += slices[i];
    }
    (void)fprintf(out, "  %6zu %9" PRIu64 " ", second, sum);
    for (size_t i = 0; i < SLICES_PER_S; i++)
        (void)fprintf(out, " %6" PRIu64, slices[i]);
    print_events(out, result, second);
    (void)fprintf(out, "\n");
}

static void print_goodput(FILE *out, const struct bench_fault_result *result)
{
    size_t seconds = (result->goodput.count + SLICES_PER_S - 1) / SLICES_PER_S;

    if (result->event_count > 0) {
        size_t last = (size_t)(result->events[result->event_count - 1].at_ns / UINT64_C(1000000000)) + 1;

        seconds = seconds < last ? last : seconds;
    }
    (void)fprintf(out, "  %6s %9s   %s\n", "second", "succeeded", "by tenths of a second; events");
    for (size_t second = 0; second < seconds; second++)
        print_second(out, result, second);
}

static void print_counts(FILE *out, const struct bench_fault_verdict *verdict)
{
    (void)fprintf(out, "  %-12s %9s %9s", "method", "calls", "OK");
    for (unsigned int i = 0; i < TOOL_OUTCOMES; i++)
        (void)fprintf(out, " %12s", outcome_names[outcome_order[i]]);
    (void)fprintf(out, " %6s %9s %8s %9s %9s\n", "lost", "attempts", "repeats", "ran", "ran again");
    for (unsigned int method = 0; method < BENCH_FAULT_METHODS; method++) {
        const struct bench_fault_counts *counts = &verdict->methods[method];

        (void)fprintf(out, "  %-12s %9" PRIu64 " %9" PRIu64, bench_fault_method_name((enum tool_method)method),
                      counts->calls, counts->ok);
        for (unsigned int i = 0; i < TOOL_OUTCOMES; i++)
            (void)fprintf(out, " %12" PRIu64, counts->failed[outcome_order[i]]);
        (void)fprintf(out, " %6" PRIu64 " %9" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", counts->lost,
                      counts->attempts, counts->repeats, counts->runs, counts->ran_again);
    }
}

static void print_offender(FILE *out, const struct bench_fault_offender *offender)
{
    const struct bench_fault_call *call = &offender->call;

    (void)fprintf(out, "    call %" PRIu64 " (%s):", offender->number,
                  bench_fault_method_name(bench_fault_method(offender->number)));
    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        if ((offender->rules >> rule & 1U) != 0)
            (void)fprintf(out, " %s", bench_fault_rule_name((enum bench_fault_rule)rule));
    (void)fprintf(out, "; %s%s, outcome %s, %u attempts, %u callbacks, ran %" PRIu32 " times\n",
                  call->refused ? "refused with " : "", HG_Error_to_string((hg_return_t)call->ret),
                  outcome_names[call->outcome], call->attempts, call->callbacks, offender->runs);
}

static void print_verdict(FILE *out, const struct bench_fault_result *result)
{
    const struct bench_fault_verdict *verdict = &result->verdict;

    if (bench_fault_verdict_good(verdict)) {
        (void)fprintf(out, "  ledger: clean: none of %" PRIu64 " calls broke a rule\n", result->calls);
        return;
    }
    (void)fprintf(out, "  ledger: BROKEN: %" PRIu64 " of %" PRIu64 " calls broke a rule\n", verdict->offender_count,
                  result->calls);
    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        if (verdict->broken[rule] > 0)
            (void)fprintf(out, "    %s: %" PRIu64 " (%s)\n", bench_fault_rule_name((enum bench_fault_rule)rule),
                          verdict->broken[rule], bench_fault_rule_text((enum bench_fault_rule)rule));
    for (unsigned int i = 0; i < verdict->offender_count && i < BENCH_FAULT_OFFENDERS_MAX; i++)
        print_offender(out, &verdict->offenders[i]);
}

static void print_result(FILE *out, struct bench_fault_result *result)
{
    double median_ms = bench_fault_result_recovery_median(result);

    (void)fprintf(out, "\n%s: %zu times killed, %zu restarted, %zu stopped\n", result->provider,
                  bench_fault_result_events(result, BENCH_FAULT_KILLED),
                  bench_fault_result_events(result, BENCH_FAULT_RESTARTED),
                  bench_fault_result_events(result, BENCH_FAULT_STOPPED));
    if (result->checked) {
        print_goodput(out, result);
        print_counts(out, &result->verdict);
        (void)fprintf(out,
                      "  from a restart to the first success: median %.1f ms, greatest %.1f ms, of %zu; %zu restarts "
                      "without one\n",
                      median_ms, bench_fault_result_recovery_max(result), result->recoveries.count,
                      bench_fault_result_unrecovered(result));
        print_verdict(out, result);
    }
    for (unsigned int i = 0; i < result->failure_count; i++)
        (void)fprintf(out, "  FAILED: %s\n", result->failures[i]);
}

void bench_fault_print(FILE *out, const struct bench_fault_report *report)
{
    const struct bench_options *options = report->options;
    const struct bench_env *env = report->env;

    (void)fprintf(out, "%s %s, libfabric %s, %s, %s, %u core%s\n", env->library, env->version, env->libfabric,
                  env->kernel, env->cpu, env->cores, env->cores == 1 ? "" : "s");
    (void)fprintf(out,
                  "fault: %.3g s, seed %" PRIu64 ", something happens every %.3g s or so; %" PRIu64
                  " calls under way, of %" PRIu64 " bytes, each with %.3g s\n",
                  (double)options->duration_ns / 1e9, options->seed, (double)options->interval_ns / 1e9,
                  options->windows.values[0], options->sizes.values[0], (double)options->timeout_ns / 1e9);
    for (unsigned int i = 0; i < report->count; i++)
        print_result(out, &report->results[i]);
}

/* --------------------------------------------------------------------------------------- JSON */

static struct json_object *goodput_json(const struct bench_fault_series *goodput)
{
    struct json_object *object = json_object_new_object(), *slices = json_object_new_array();

    for (size_t i = 0; i < goodput->count; i++)
        (void)json_object_array_add(slices, bench_json_count(goodput->values[i]));
    bench_json_add(object, "slice_s", bench_json_number((double)BENCH_FAULT_SLICE_NS / 1e9));
    bench_json_add(object, "succeeded", slices);
    return object;
}

static struct json_object *events_json(const struct bench_fault_result *result)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < result->event_count; i++) {
        struct json_object *object = json_object_new_object();

        bench_json_add(object, "at_s", bench_json_number((double)result->events[i].at_ns / 1e9));
        bench_json_add(object, "what", json_object_new_string(bench_fault_event_name(result->events[i].kind)));
        (void)json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *counts_json(const struct bench_fault_counts *counts)
{
    struct json_object *object = json_object_new_object();

    bench_json_add(object, "calls", bench_json_count(counts->calls));
    bench_json_add(object, "OK", bench_json_count(counts->ok));
    for (unsigned int i = 0; i < TOOL_OUTCOMES; i++)
        bench_json_add(object, outcome_names[outcome_order[i]], bench_json_count(counts->failed[outcome_order[i]]));
    bench_json_add(object, "lost", bench_json_count(counts->lost));
    bench_json_add(object, "attempts", bench_json_count(counts->attempts));
    bench_json_add(object, "repeats", bench_json_count(counts->repeats));
    bench_json_add(object, "ran", bench_json_count(counts->runs));
    bench_json_add(object, "ran_again", bench_json_count(counts->ran_again));
    return object;
}

static struct json_object *methods_json(const struct bench_fault_verdict *verdict)
{
    struct json_object *object = json_object_new_object();

    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++)
        bench_json_add(object, bench_fault_method_name((enum tool_method)i), counts_json(&verdict->methods[i]));
    return object;
}

static struct json_object *offender_json(const struct bench_fault_offender *offender)
{
    struct json_object *object = json_object_new_object(), *rules = json_object_new_array();
    const struct bench_fault_call *call = &offender->call;

    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        if ((offender->rules >> rule & 1U) != 0)
            (void)json_object_array_add(rules,
                                        json_object_new_string(bench_fault_rule_name((enum bench_fault_rule)rule)));
    bench_json_add(object, "call", bench_json_count(offender->number));
    bench_json_add(object, "method",
                   json_object_new_string(bench_fault_method_name(bench_fault_method(offender->number))));
    bench_json_add(object, "rules", rules);
    bench_json_add(object, "ret", json_object_new_string(HG_Error_to_string((hg_return_t)call->ret)));
    bench_json_add(object, "refused", json_object_new_boolean(call->refused));
    bench_json_add(object, "outcome", json_object_new_string(outcome_names[call->outcome]));
    bench_json_add(object, "attempts", bench_json_count(call->attempts));
    bench_json_add(object, "callbacks", bench_json_count(call->callbacks));
    bench_json_add(object, "ran", bench_json_count(offender->runs));
    return object;
}

static struct json_object *ledger_json(const struct bench_fault_verdict *verdict)
{
    struct json_object *object = json_object_new_object(), *broken = json_object_new_object();
    struct json_object *offenders = json_object_new_array();

    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        bench_json_add(broken, bench_fault_rule_name((enum bench_fault_rule)rule),
                       bench_json_count(verdict->broken[rule]));
    for (unsigned int i = 0; i < verdict->offender_count && i < BENCH_FAULT_OFFENDERS_MAX; i++)
        (void)json_object_array_add(offenders, offender_json(&verdict->offenders[i]));
    bench_json_add(object, "clean", json_object_new_boolean(bench_fault_verdict_good(verdict)));
    bench_json_add(object, "calls_broken", bench_json_count(verdict->offender_count));
    bench_json_add(object, "broken", broken);
    bench_json_add(object, "first", offenders);
    return object;
}

static struct json_object *recovery_json(struct bench_fault_result *result)
{
    struct json_object *object = json_object_new_object();
    bool any = result->recoveries.count > 0;

    bench_json_add(object, "count", bench_json_count(result->recoveries.count));
    bench_json_add(object, "without", bench_json_count(bench_fault_result_unrecovered(result)));
    bench_json_add(object, "median", any ? bench_json_number(bench_fault_result_recovery_median(result)) : NULL);
    bench_json_add(object, "max", any ? bench_json_number(bench_fault_result_recovery_max(result)) : NULL);
    return object;
}

static struct json_object *result_json(struct bench_fault_result *result)
{
    struct json_object *object = json_object_new_object(), *failures = json_object_new_array();

    for (unsigned int i = 0; i < result->failure_count; i++)
        (void)json_object_array_add(failures, json_object_new_string(result->failures[i]));
    bench_json_add(object, "protocol", json_object_new_string(result->provider));
    bench_json_add(object, "clean", json_object_new_boolean(bench_fault_result_good(result)));
    bench_json_add(object, "calls", bench_json_count(result->calls));
    bench_json_add(object, "goodput", goodput_json(&result->goodput));
    bench_json_add(object, "events", events_json(result));
    bench_json_add(object, "methods", result->checked ? methods_json(&result->verdict) : NULL);
    bench_json_add(object, "recovery_ms", recovery_json(result));
    bench_json_add(object, "ledger", result->checked ? ledger_json(&result->verdict) : NULL);
    bench_json_add(object, "failures", failures);
    return object;
}

bool bench_fault_json_write(const char *path, const struct bench_fault_report *report)
{
    struct json_object *root = bench_json_envelope(report->options, report->env, true, -1.0);
    struct json_object *fault = json_object_new_object(), *runs = json_object_new_array();
    bool clean = true;

    for (unsigned int i = 0; i < report->count; i++) {
        clean = clean && bench_fault_result_good(&report->results[i]);
        (void)json_object_array_add(runs, result_json(&report->results[i]));
    }
    bench_json_add(fault, "clean", json_object_new_boolean(clean));
    bench_json_add(fault, "seed", bench_json_count(report->options->seed));
    bench_json_add(fault, "interval_s", bench_json_number((double)report->options->interval_ns / 1e9));
    bench_json_add(fault, "runs", runs);
    bench_json_add(root, "fault", fault);
    return bench_json_write_root(path, root);
}
