/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Results as JSON, "schema": 1. Readers may rely on the names here; additions are allowed, a
 * change of meaning needs another number.
 *
 *   environment   where and with what it was measured, and the options
 *   results       one object per test; "first" holds the look-up, connection and first call
 *   failures      transports that could not be measured, or not to the end
 *
 * `hg_bench fault` has an object "fault" in place of the last two (bench_fault_report.c).
 */
#include "tools/bench_json.h"

#include "tools/bench_report.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#define SCHEMA 1

void bench_json_add(struct json_object *object, const char *key, struct json_object *value)
{
    (void)json_object_object_add(object, key, value);
}

/* NULL and "" become null. */
static struct json_object *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : json_object_new_string(text);
}

struct json_object *bench_json_number(double value)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%.3f", value);
    return json_object_new_double_s(value, text);
}

struct json_object *bench_json_count(uint64_t value)
{
    return json_object_new_uint64(value);
}

/* -------------------------------------------------------------------------------- environment */

static struct json_object *list_json(const struct tool_list *list)
{
    struct json_object *array = json_object_new_array();

    for (unsigned int i = 0; i < list->count; i++)
        (void)json_object_array_add(array, bench_json_count(list->values[i]));
    return array;
}

static struct json_object *options_json(const struct bench_options *options)
{
    struct json_object *object = json_object_new_object();
    struct json_object *providers = json_object_new_array();
    static const char *const pins[] = {
        [BENCH_PIN_AUTO] = "auto", [BENCH_PIN_NONE] = "none", [BENCH_PIN_CORES] = "cores"};

    for (unsigned int i = 0; i < options->provider_count; i++)
        (void)json_object_array_add(providers, json_object_new_string(options->providers[i]));
    bench_json_add(object, "command", json_object_new_string(bench_options_mode_name(options->mode)));
    bench_json_add(object, "uri", text_or_null(options->uri));
    bench_json_add(object, "provider", providers);
    bench_json_add(object, "size", list_json(&options->sizes));
    bench_json_add(object, "window", list_json(&options->windows));
    bench_json_add(object, "pull", json_object_new_boolean(options->pull));
    bench_json_add(object, "push", json_object_new_boolean(options->push));
    bench_json_add(object, "duration_s", bench_json_number((double)options->duration_ns / 1e9));
    bench_json_add(object, "warmup_s", bench_json_number((double)options->warmup_ns / 1e9));
    bench_json_add(object, "runs", bench_json_count(options->runs));
    bench_json_add(object, "timeout_s", bench_json_number((double)options->timeout_ns / 1e9));
    bench_json_add(object, "busy", json_object_new_boolean(options->busy));
    bench_json_add(object, "pin", json_object_new_string(pins[options->pin_mode]));
    bench_json_add(object, "batch", json_object_new_boolean(!options->no_batch));
    bench_json_add(object, "latency", json_object_new_boolean(!options->no_latency));
    if (options->mode == BENCH_MODE_FAULT) {
        bench_json_add(object, "seed", bench_json_count(options->seed));
        bench_json_add(object, "interval_s", bench_json_number((double)options->interval_ns / 1e9));
    }
    bench_json_add(object, "verify", json_object_new_boolean(options->verify));
    return object;
}

static struct json_object *environment_json(const struct bench_options *options, const struct bench_env *env,
                                            bool same_machine, double others)
{
    struct json_object *object = json_object_new_object();

    bench_json_add(object, "library", json_object_new_string(env->library));
    bench_json_add(object, "version", json_object_new_string(env->version));
    bench_json_add(object, "libfabric", json_object_new_string(env->libfabric));
    bench_json_add(object, "features", text_or_null(env->features));
    bench_json_add(object, "git", text_or_null(env->git));
    bench_json_add(object, "kernel", json_object_new_string(env->kernel));
    bench_json_add(object, "cpu", json_object_new_string(env->cpu));
    bench_json_add(object, "cores", bench_json_count(env->cores));
    bench_json_add(object, "governor", text_or_null(env->governor));
    bench_json_add(object, "date", json_object_new_string(env->date));
    bench_json_add(object, "same_machine", json_object_new_boolean(same_machine));
    bench_json_add(object, "others_cpu", others < 0 ? NULL : bench_json_number(others));
    bench_json_add(object, "command", json_object_new_string(env->command));
    bench_json_add(object, "options", options_json(options));
    return object;
}

struct json_object *bench_json_envelope(const struct bench_options *options, const struct bench_env *env,
                                        bool same_machine, double others)
{
    struct json_object *root = json_object_new_object();

    bench_json_add(root, "schema", bench_json_count(SCHEMA));
    bench_json_add(root, "environment", environment_json(options, env, same_machine, others));
    return root;
}

/* ------------------------------------------------------------------------------------ results */

static struct json_object *percentile_json(struct bench_percentile found)
{
    return found.shown ? bench_json_number(found.us) : NULL;
}

static struct json_object *latency_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();
    bool any = util_hist_count(&result->hist) > 0;

    bench_json_add(object, "p50", percentile_json(bench_result_percentile(result, 50.0)));
    bench_json_add(object, "p99", percentile_json(bench_result_percentile(result, 99.0)));
    bench_json_add(object, "p999", percentile_json(bench_result_percentile(result, 99.9)));
    bench_json_add(object, "min", any ? bench_json_number((double)util_hist_min(&result->hist) / 1e3) : NULL);
    bench_json_add(object, "max", any ? bench_json_number((double)util_hist_max(&result->hist) / 1e3) : NULL);
    bench_json_add(object, "mean", any ? bench_json_number(util_hist_mean(&result->hist) / 1e3) : NULL);
    return object;
}

/* How many calls each percentile rests on. */
static struct json_object *counts_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    bench_json_add(object, "calls", bench_json_count(result->calls));
    bench_json_add(object, "beyond_p50", bench_json_count(bench_result_percentile(result, 50.0).beyond));
    bench_json_add(object, "beyond_p99", bench_json_count(bench_result_percentile(result, 99.0).beyond));
    bench_json_add(object, "beyond_p999", bench_json_count(bench_result_percentile(result, 99.9).beyond));
    return object;
}

static struct json_object *runs_json(const struct bench_result *result)
{
    struct json_object *array = json_object_new_array();

    for (unsigned int i = 0; i < result->run_count; i++) {
        const struct bench_figure *run = &result->runs[i];
        struct json_object *object = json_object_new_object();
        double rate = (double)run->ops * 1e9 / (double)(run->elapsed_ns + 1);

        bench_json_add(object, "ops_per_s", bench_json_number(rate));
        bench_json_add(object, "mib_per_s", bench_json_number(bench_result_mib_per_s(result, rate)));
        bench_json_add(object, "p50_us", run->p50_ns > 0 ? bench_json_number((double)run->p50_ns / 1e3) : NULL);
        bench_json_add(object, "calls", bench_json_count(run->ops));
        (void)json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *errors_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    for (int i = 0; i < HG_RETURN_MAX; i++)
        if (result->errors[i] > 0)
            bench_json_add(object, HG_Error_to_string((hg_return_t)i), bench_json_count(result->errors[i]));
    return object;
}

static void add_rates(struct json_object *object, const struct bench_result *result)
{
    struct bench_spread rate = bench_result_ops_per_s(result);
    bool any = result->run_count > 0;

    bench_json_add(object, "ops_per_s", any ? bench_json_number(rate.median) : NULL);
    bench_json_add(object, "ops_per_s_min", any ? bench_json_number(rate.min) : NULL);
    bench_json_add(object, "ops_per_s_max", any ? bench_json_number(rate.max) : NULL);
    bench_json_add(object, "mib_per_s", any ? bench_json_number(bench_result_mib_per_s(result, rate.median)) : NULL);
}

static struct json_object *result_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    bench_json_add(object, "test", json_object_new_string(bench_result_test_name(result->test)));
    bench_json_add(object, "protocol", json_object_new_string(result->protocol));
    bench_json_add(object, "provider", json_object_new_string(result->provider));
    bench_json_add(object, "op", text_or_null(bench_result_op_name(result)));
    bench_json_add(object, "size", bench_json_count(result->size));
    bench_json_add(object, "window", bench_json_count(result->window));
    add_rates(object, result);
    bench_json_add(object, "lat_us", latency_json(result));
    bench_json_add(object, "lat_count", counts_json(result));
    bench_json_add(object, "runs", runs_json(result));
    bench_json_add(object, "errors", bench_json_count(bench_result_errors(result)));
    bench_json_add(object, "errors_by_status", errors_json(result));
    bench_json_add(object, "verified", json_object_new_boolean(result->verified));
    bench_json_add(object, "wrong", bench_json_count(result->wrong));
    bench_json_add(object, "wrong_offset", result->wrong > 0 ? bench_json_count(result->bad_offset) : NULL);
    return object;
}

static struct json_object *failure_json(const struct bench_failure *failure)
{
    struct json_object *object = json_object_new_object();

    bench_json_add(object, "protocol", json_object_new_string(failure->protocol));
    bench_json_add(object, "error", json_object_new_string(failure->text));
    return object;
}

static struct json_object *suite_json(const struct bench_suite *suite, const struct bench_env *env)
{
    struct json_object *root = bench_json_envelope(suite->options, env, suite->same_machine, suite->others);
    struct json_object *results = json_object_new_array();
    struct json_object *failures = json_object_new_array();

    for (unsigned int i = 0; i < suite->result_count; i++)
        (void)json_object_array_add(results, result_json(&suite->results[i]));
    for (unsigned int i = 0; i < suite->failure_count; i++)
        (void)json_object_array_add(failures, failure_json(&suite->failures[i]));
    bench_json_add(root, "results", results);
    bench_json_add(root, "failures", failures);
    return root;
}

bool bench_json_write_root(const char *path, struct json_object *root)
{
    bool standard = strcmp(path, "-") == 0, good = false;
    FILE *out = standard ? stdout : fopen(path, "w");

    if (out != NULL) {
        good =
            fprintf(out, "%s\n",
                    json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)) > 0;
        good = (standard ? fflush(out) : fclose(out)) == 0 && good;
    }
    if (!good)
        (void)fprintf(stderr, "hg_bench: --json %s: %s\n", path, strerror(errno));
    (void)json_object_put(root);
    return good;
}

bool bench_json_write(const char *path, const struct bench_suite *suite, const struct bench_env *env)
{
    return bench_json_write_root(path, suite_json(suite, env));
}
