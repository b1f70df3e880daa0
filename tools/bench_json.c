/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Results as JSON, "schema": 1. Readers may rely on the names here; additions are allowed, a
 * change of meaning needs another number.
 *
 *   environment   where and with what it was measured, and the options
 *   results       one object per test; "first" holds the look-up, connection and first call
 *   failures      transports that could not be measured, or not to the end
 */
#include "tools/bench_report.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#define SCHEMA 1

static void add(struct json_object *object, const char *key, struct json_object *value)
{
    (void)json_object_object_add(object, key, value);
}

/* NULL and "" become null. */
static struct json_object *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : json_object_new_string(text);
}

/* Rounded to three decimals: finer would be invented. */
static struct json_object *number(double value)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%.3f", value);
    return json_object_new_double_s(value, text);
}

static struct json_object *count(uint64_t value)
{
    return json_object_new_uint64(value);
}

/* -------------------------------------------------------------------------------- environment */

static struct json_object *list_json(const struct tool_list *list)
{
    struct json_object *array = json_object_new_array();

    for (unsigned int i = 0; i < list->count; i++)
        (void)json_object_array_add(array, count(list->values[i]));
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
    add(object, "command", json_object_new_string(bench_options_mode_name(options->mode)));
    add(object, "uri", text_or_null(options->uri));
    add(object, "provider", providers);
    add(object, "size", list_json(&options->sizes));
    add(object, "window", list_json(&options->windows));
    add(object, "pull", json_object_new_boolean(options->pull));
    add(object, "push", json_object_new_boolean(options->push));
    add(object, "duration_s", number((double)options->duration_ns / 1e9));
    add(object, "warmup_s", number((double)options->warmup_ns / 1e9));
    add(object, "runs", count(options->runs));
    add(object, "timeout_s", number((double)options->timeout_ns / 1e9));
    add(object, "busy", json_object_new_boolean(options->busy));
    add(object, "pin", json_object_new_string(pins[options->pin_mode]));
    add(object, "batch", json_object_new_boolean(!options->no_batch));
    add(object, "verify", json_object_new_boolean(options->verify));
    return object;
}

static struct json_object *environment_json(const struct bench_suite *suite, const struct bench_env *env)
{
    struct json_object *object = json_object_new_object();

    add(object, "library", json_object_new_string(env->library));
    add(object, "version", json_object_new_string(env->version));
    add(object, "libfabric", json_object_new_string(env->libfabric));
    add(object, "features", text_or_null(env->features));
    add(object, "git", text_or_null(env->git));
    add(object, "kernel", json_object_new_string(env->kernel));
    add(object, "cpu", json_object_new_string(env->cpu));
    add(object, "cores", count(env->cores));
    add(object, "governor", text_or_null(env->governor));
    add(object, "date", json_object_new_string(env->date));
    add(object, "same_machine", json_object_new_boolean(suite->same_machine));
    add(object, "others_cpu", suite->others < 0 ? NULL : number(suite->others));
    add(object, "command", json_object_new_string(env->command));
    add(object, "options", options_json(suite->options));
    return object;
}

/* ------------------------------------------------------------------------------------ results */

static struct json_object *percentile_json(struct bench_percentile found)
{
    return found.shown ? number(found.us) : NULL;
}

static struct json_object *latency_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();
    bool any = util_hist_count(&result->hist) > 0;

    add(object, "p50", percentile_json(bench_result_percentile(result, 50.0)));
    add(object, "p99", percentile_json(bench_result_percentile(result, 99.0)));
    add(object, "p999", percentile_json(bench_result_percentile(result, 99.9)));
    add(object, "min", any ? number((double)util_hist_min(&result->hist) / 1e3) : NULL);
    add(object, "max", any ? number((double)util_hist_max(&result->hist) / 1e3) : NULL);
    add(object, "mean", any ? number(util_hist_mean(&result->hist) / 1e3) : NULL);
    return object;
}

/* How many calls each percentile rests on. */
static struct json_object *counts_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    add(object, "calls", count(util_hist_count(&result->hist)));
    add(object, "beyond_p50", count(bench_result_percentile(result, 50.0).beyond));
    add(object, "beyond_p99", count(bench_result_percentile(result, 99.0).beyond));
    add(object, "beyond_p999", count(bench_result_percentile(result, 99.9).beyond));
    return object;
}

static struct json_object *runs_json(const struct bench_result *result)
{
    struct json_object *array = json_object_new_array();

    for (unsigned int i = 0; i < result->run_count; i++) {
        const struct bench_figure *run = &result->runs[i];
        struct json_object *object = json_object_new_object();
        double rate = (double)run->ops * 1e9 / (double)(run->elapsed_ns + 1);

        add(object, "ops_per_s", number(rate));
        add(object, "mib_per_s", number(bench_result_mib_per_s(result, rate)));
        add(object, "p50_us", number((double)run->p50_ns / 1e3));
        add(object, "calls", count(run->ops));
        (void)json_object_array_add(array, object);
    }
    return array;
}

static struct json_object *errors_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    for (int i = 0; i < HG_RETURN_MAX; i++)
        if (result->errors[i] > 0)
            add(object, HG_Error_to_string((hg_return_t)i), count(result->errors[i]));
    return object;
}

static void add_rates(struct json_object *object, const struct bench_result *result)
{
    struct bench_spread rate = bench_result_ops_per_s(result);
    bool any = result->run_count > 0;

    add(object, "ops_per_s", any ? number(rate.median) : NULL);
    add(object, "ops_per_s_min", any ? number(rate.min) : NULL);
    add(object, "ops_per_s_max", any ? number(rate.max) : NULL);
    add(object, "mib_per_s", any ? number(bench_result_mib_per_s(result, rate.median)) : NULL);
}

static struct json_object *result_json(const struct bench_result *result)
{
    struct json_object *object = json_object_new_object();

    add(object, "test", json_object_new_string(bench_result_test_name(result->test)));
    add(object, "protocol", json_object_new_string(result->protocol));
    add(object, "provider", json_object_new_string(result->provider));
    add(object, "op", text_or_null(bench_result_op_name(result)));
    add(object, "size", count(result->size));
    add(object, "window", count(result->window));
    add_rates(object, result);
    add(object, "lat_us", latency_json(result));
    add(object, "lat_count", counts_json(result));
    add(object, "runs", runs_json(result));
    add(object, "errors", count(bench_result_errors(result)));
    add(object, "errors_by_status", errors_json(result));
    add(object, "verified", json_object_new_boolean(result->verified));
    add(object, "wrong", count(result->wrong));
    add(object, "wrong_offset", result->wrong > 0 ? count(result->bad_offset) : NULL);
    return object;
}

static struct json_object *failure_json(const struct bench_failure *failure)
{
    struct json_object *object = json_object_new_object();

    add(object, "protocol", json_object_new_string(failure->protocol));
    add(object, "error", json_object_new_string(failure->text));
    return object;
}

static struct json_object *suite_json(const struct bench_suite *suite, const struct bench_env *env)
{
    struct json_object *root = json_object_new_object();
    struct json_object *results = json_object_new_array();
    struct json_object *failures = json_object_new_array();

    for (unsigned int i = 0; i < suite->result_count; i++)
        (void)json_object_array_add(results, result_json(&suite->results[i]));
    for (unsigned int i = 0; i < suite->failure_count; i++)
        (void)json_object_array_add(failures, failure_json(&suite->failures[i]));
    add(root, "schema", count(SCHEMA));
    add(root, "environment", environment_json(suite, env));
    add(root, "results", results);
    add(root, "failures", failures);
    return root;
}

bool bench_json_write(const char *path, const struct bench_suite *suite, const struct bench_env *env)
{
    bool standard = strcmp(path, "-") == 0, good;
    FILE *out = standard ? stdout : fopen(path, "w");
    struct json_object *root;

    if (out == NULL) {
        (void)fprintf(stderr, "hg_bench: --json %s: %s\n", path, strerror(errno));
        return false;
    }
    root = suite_json(suite, env);
    good = fprintf(out, "%s\n",
                   json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)) > 0;
    good = (standard ? fflush(out) : fclose(out)) == 0 && good;
    (void)json_object_put(root);
    if (!good)
        (void)fprintf(stderr, "hg_bench: --json %s: %s\n", path, strerror(errno));
    return good;
}
