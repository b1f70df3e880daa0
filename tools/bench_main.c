/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * hg_bench: reads the command line, runs the server or the suite, writes the reports, and turns
 * what happened into an exit code.
 */
#include "tools/bench_fault.h"
#include "tools/bench_options.h"
#include "tools/bench_pin.h"
#include "tools/bench_progress.h"
#include "tools/bench_report.h"
#include "tools/bench_server.h"
#include "tools/bench_suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OK    0
#define EXIT_USAGE 1
#define EXIT_FAIL  2

/* A file that cannot be written is found before a minute of measuring, not after it. */
static bool can_write(const char *option, const char *path)
{
    FILE *file;

    if (path == NULL || strcmp(path, "-") == 0)
        return true;
    file = fopen(path, "a");
    if (file == NULL) {
        (void)fprintf(stderr, "hg_bench: %s %s: ", option, path);
        perror(NULL);
        return false;
    }
    (void)fclose(file);
    return true;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static bool report(const struct bench_suite *suite, const struct bench_env *env)
{
    const struct bench_options *options = suite->options;
    bool good = true;

    if (options->json_path != NULL)
        good = bench_json_write(options->json_path, suite, env) && good;
    if (options->csv_path != NULL)
        good = bench_csv_write(options->csv_path, suite) && good;
    if (!is_stdout(options->json_path) && !is_stdout(options->csv_path)) {
        bench_table_print(stdout, suite, env);
        return fflush(stdout) == 0 && good;
    }
    for (unsigned int i = 0; i < suite->failure_count; i++)
        (void)fprintf(stderr, "hg_bench: %s: %s\n", suite->failures[i].protocol, suite->failures[i].text);
    return good;
}

static int measure(const struct bench_options *options, int argc, char **argv)
{
    struct bench_suite suite;
    struct bench_env env;
    bool good;

    if (!can_write("--json", options->json_path) || !can_write("--csv", options->csv_path))
        return EXIT_USAGE;
    bench_env_read(&env, argc, argv);
    bench_progress_start(options->quiet);
    bench_suite_run(&suite, options);
    if (suite.same_machine)
        bench_progress_note("client and server share this machine");
    good = report(&suite, &env) && bench_suite_good(&suite);
    if (suite.stuck) {
        /* The library still holds calls: running its destructors could hang or crash. */
        (void)fflush(NULL);
        _exit(EXIT_FAIL);
    }
    bench_suite_fini(&suite);
    return good ? EXIT_OK : EXIT_FAIL;
}

int main(int argc, char **argv)
{
    struct bench_options options;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)bench_pin_count(); /* reads the allowed cores before anything is pinned */
    switch (bench_options_parse(argc, argv, &options)) {
    case BENCH_OPTIONS_DONE:
        return EXIT_OK;
    case BENCH_OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (options.mode == BENCH_MODE_SERVER)
        return bench_server_main(&options);
    if (options.mode == BENCH_MODE_FAULT)
        return can_write("--json", options.json_path) ? bench_fault_main(&options, argc, argv) : EXIT_USAGE;
    return measure(&options, argc, argv);
}
