/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The loop over n, and the report in TAP. Each point has a process of its own, so that one that ends badly hides no other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "tests/sweep/sweep.h"

enum { ALL_OF = 64, LIMIT_S = 60 };

struct options {
    const char *parameter;
    const char *only;
    uint64_t n;
};

/* Fails the first, the second, ... until none of that number is passed. How often a step failed. */
static unsigned int run_all(const struct sweep_world *world, const struct sweep_point *point, uint64_t *plays)
{
    unsigned int failed = 0;
    uint64_t passed = sweep_play(world, point, 0).passed;

    if (passed == 0)
        sweep_fail("nothing passes this point");
    for (uint64_t n = 1; n <= passed; n += n > ALL_OF && point->stride != 0 ? point->stride : 1) {
        struct sweep_outcome outcome = sweep_play(world, point, n);

        failed += outcome.failed;
        (*plays)++;
    }
    (void)sweep_play(world, point, 0);
    return failed;
}

static void run_point(const struct sweep_world *world, const struct sweep_point *point, const struct options *options)
{
    uint64_t plays = 0;
    unsigned int failed;

    (void)alarm(LIMIT_S * support_slowness());
    HG_Set_log_level("none");
    support_begin();
    if (options->n != 0) {
        (void)sweep_play(world, point, options->n);
    } else {
        failed = run_all(world, point, &plays);
        printf("# %s, error %d: %llu scenes, in %u of which a step failed\n", point->what, point->error,
               (unsigned long long)plays, failed);
    }
    support_end();
    exit(0);
}

static bool fork_point(const struct sweep_world *world, const struct sweep_point *point, const struct options *options,
                       unsigned int number)
{
    int status = 0;
    pid_t child;
    bool good;

    fflush(NULL);
    child = fork();
    if (child == 0)
        run_point(world, point, options);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    good = child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%sok %u - %s, error %d\n", good ? "" : "not ", number, point->what, point->error);
    return good;
}

static bool wanted(const struct sweep_point *point, const struct options *options)
{
    return options->only == NULL || strstr(point->what, options->only) != NULL;
}

static struct options read_options(int argc, char **argv)
{
    struct options options = {.parameter = ""};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            sweep_trace = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            options.only = argv[++i];
        else if (strcmp(argv[i], "--n") == 0 && i + 1 < argc)
            options.n = strtoull(argv[++i], NULL, 0);
        else
            options.parameter = argv[i];
    }
    return options;
}

int sweep_main(int argc, char **argv, const struct sweep_world *(*choose)(const char *parameter))
{
    struct options options = read_options(argc, argv);
    const struct sweep_world *world = choose(options.parameter);
    unsigned int number = 0;
    unsigned int failed = 0;

    if (world == NULL) {
        fprintf(stderr, "%s: there is no \"%s\"\n", argv[0], options.parameter);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct sweep_point *const *tables = world->tables; *tables != NULL; tables++)
        for (const struct sweep_point *point = *tables; point->what != NULL; point++)
            if (wanted(point, &options))
                failed += !fork_point(world, point, &options, ++number);
    printf("1..%u\n", number);
    return failed == 0 && number > 0 ? 0 : 1;
}
