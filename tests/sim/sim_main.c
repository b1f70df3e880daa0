/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Runs seeds, and mutants. Seeds run in a child process, so that a crash is a failure like any other: the parent then
 * plays the failing seed once more, with its trace.
 *
 *   quicksilver-sim --seeds N [--from S] [--trace] [--twice] [--only NAME]
 *   quicksilver-sim --mutants [--seeds N] [--only NAME]
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim.h"
#include "util/util_hook.h"
#include "util/util_mutant.h"

enum {
    SEED_SECONDS = 60, /* of real time that one history may take */
    TRACE_LINES = 150, /* the end of a failing seed's trace that is printed */
    MUTANT_SEEDS = 5000,
    MALLOC_KEPT = 256 << 20,
    WORKERS = 2, /* that look for mutants at the same time */
};

enum util_mutant util_mutant_on;
void (*util_hook)(enum util_hook_place place, const void *object);

static const char *const mutant_names[] = {"none",
#define MUTANT_NAME(name, what) #name,
                                           UTIL_MUTANT_LIST(MUTANT_NAME)
#undef MUTANT_NAME
};
static const char *const mutant_texts[] = {"no defect",
#define MUTANT_TEXT(name, what) what,
                                           UTIL_MUTANT_LIST(MUTANT_TEXT)
#undef MUTANT_TEXT
};

struct options {
    uint64_t seeds;
    uint64_t from;
    bool trace;
    bool twice;
    bool mutants;
    const char *only;
};

/* What a child tells its parent. */
struct progress {
    volatile uint64_t seed;  /* being played */
    volatile uint64_t calls; /* so far, of the histories that are through */
    volatile uint64_t faults;
    volatile uint64_t repetitions;
    volatile uint64_t steps_max; /* of a history */
    volatile uint64_t messages_max;
    volatile uint64_t seconds; /* simulated, in ms */
};

/* Zeroed memory that children write to, too. */
static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return memory;
}

static void play(uint64_t seed, bool twice, struct progress *progress)
{
    uint64_t hash;

    progress->seed = seed;
    (void)alarm(SEED_SECONDS);
    sim_history_play(seed);
    progress->calls += sim.call_count;
    progress->faults += sim.faults;
    progress->repetitions += sim.repetitions;
    if (sim.steps > progress->steps_max)
        progress->steps_max = sim.steps;
    if (fake_fi_counts().messages > progress->messages_max)
        progress->messages_max = fake_fi_counts().messages;
    progress->seconds += (fake_fi_now_ns() - UTIL_CLOCK_NS_PER_S) / UTIL_CLOCK_NS_PER_MS;
    if (!twice)
        return;
    hash = sim.hash;
    sim_history_play(seed);
    if (hash != sim.hash)
        sim_fail("it does not repeat: %016llx, then %016llx", (unsigned long long)hash, (unsigned long long)sim.hash);
}

/* The crash of a history is no reason for a core file, nor for words but the first. */
static _Noreturn void child_main(const struct options *options, struct progress *progress, bool quiet)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    if (quiet && freopen("/dev/null", "w", stderr) == NULL)
        _exit(1);
    /* The large buffers of classes that come and go are not to be asked of the kernel each time. */
    (void)mallopt(M_MMAP_THRESHOLD, MALLOC_KEPT);
    (void)mallopt(M_TRIM_THRESHOLD, MALLOC_KEPT);
    HG_Set_log_level("none");
    sim_trace_start(options->trace);
    for (uint64_t i = 0; i < options->seeds; i++)
        play(options->from + i, options->twice, progress);
    (void)fflush(stdout);
    exit(0);
}

/* Plays the seeds in a child: true if all went well. progress->seed is the one that did not. */
static bool run_child(const struct options *options, struct progress *progress, bool quiet)
{
    pid_t child;
    int status = 0;

    memset(progress, 0, sizeof(*progress));
    (void)fflush(stdout);
    child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0)
        child_main(options, progress, quiet);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status) && !quiet)
        (void)fprintf(stderr, "seed %llu: ended by signal %d (%s)\n", (unsigned long long)progress->seed,
                      WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- a failing seed ----------------------------------------------------------------------------------------- */

static void print_end(FILE *file)
{
    static char lines[TRACE_LINES][300];
    unsigned int count = 0;

    rewind(file);
    while (fgets(lines[count % TRACE_LINES], sizeof(lines[0]), file) != NULL)
        count++;
    for (unsigned int i = count > TRACE_LINES ? count - TRACE_LINES : 0; i < count; i++)
        (void)fputs(lines[i % TRACE_LINES], stdout);
}

/* Plays the seed once more and prints the end of its trace. */
static void explain(uint64_t seed, struct progress *progress)
{
    const struct options options = {.seeds = 1, .from = seed, .trace = true};
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO);

    if (file == NULL || out < 0)
        return;
    (void)fflush(stdout);
    (void)dup2(fileno(file), STDOUT_FILENO);
    (void)run_child(&options, progress, false);
    (void)dup2(out, STDOUT_FILENO);
    (void)close(out);
    print_end(file);
    (void)fclose(file);
    (void)printf("seed %llu fails; all of its trace: ./run sim --seeds 1 --from %llu --trace\n",
                 (unsigned long long)seed, (unsigned long long)seed);
}

/* --- the two ways to run ------------------------------------------------------------------------------------- */

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int run_seeds(const struct options *options, struct progress *progress)
{
    double start = seconds_now();
    bool good = run_child(options, progress, false);
    double seconds = seconds_now() - start;

    if (!good) {
        if (!options->trace)
            explain(progress->seed, progress);
        (void)printf("0 passed, 1 failed\n");
        return 1;
    }
    (void)printf(
        "%llu histories from seed %llu: %llu calls, %llu repetitions of those that run once, %llu faults, %llu "
        "simulated s, at most %llu steps and "
        "%llu messages, %.1f "
        "s, %.0f a minute\n",
        (unsigned long long)options->seeds, (unsigned long long)options->from, (unsigned long long)progress->calls,
        (unsigned long long)progress->repetitions, (unsigned long long)progress->faults,
        (unsigned long long)(progress->seconds / 1000), (unsigned long long)progress->steps_max,
        (unsigned long long)progress->messages_max, seconds, 60.0 * (double)options->seeds / seconds);
    (void)printf("1 passed, 0 failed\n");
    return 0;
}

/* Whether the seed that a mutant failed with is good without it. */
static bool sound_without(uint64_t seed, struct progress *progress)
{
    const struct options once = {.seeds = 1, .from = seed};

    util_mutant_on = UTIL_MUTANT_NONE;
    return run_child(&once, progress, true);
}

static bool run_mutant(enum util_mutant mutant, const struct options *options, struct progress *progress)
{
    const char *name = mutant_names[mutant];
    const char *text = mutant_texts[mutant];
    uint64_t seed;

    util_mutant_on = mutant;
    if (run_child(options, progress, true)) {
        (void)printf("%-24s NOT caught in %llu seeds: %s\n", name, (unsigned long long)options->seeds, text);
        return false;
    }
    seed = progress->seed;
    if (!sound_without(seed, progress)) {
        (void)printf("%-24s cannot be told: seed %llu fails without it, too\n", name, (unsigned long long)seed);
        return false;
    }
    (void)printf("%-24s caught by seed %llu: %s\n", name, (unsigned long long)seed, text);
    return true;
}

/* What a worker has found. */
struct tally {
    volatile unsigned int caught;
    volatile unsigned int missed;
};

/* Runs every so-manieth mutant, beginning with the first of its own. */
static _Noreturn void worker_main(const struct options *options, unsigned int worker, struct tally *tally)
{
    const struct options each = {.seeds = options->seeds, .from = options->from};
    struct progress *progress = shared(sizeof(*progress));

    for (unsigned int i = 1 + worker; i < UTIL_MUTANT_COUNT; i += WORKERS) {
        if (options->only != NULL && strcmp(options->only, mutant_names[i]) != 0)
            continue;
        if (run_mutant((enum util_mutant)i, &each, progress))
            tally->caught++;
        else
            tally->missed++;
    }
    (void)fflush(stdout);
    _exit(0);
}

static int run_mutants(const struct options *options)
{
    struct tally *tallies = shared(WORKERS * sizeof(*tallies));
    struct tally sum = {0};
    pid_t children[WORKERS];
    int status;

    (void)fflush(stdout);
    for (unsigned int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            worker_main(options, i, &tallies[i]);
    }
    for (unsigned int i = 0; i < WORKERS; i++) {
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR)
            continue;
        sum.caught += tallies[i].caught;
        sum.missed += tallies[i].missed + (children[i] < 0 || !WIFEXITED(status));
    }
    (void)printf("%u passed, %u failed\n", sum.caught, sum.missed);
    return sum.caught > 0 && sum.missed == 0 ? 0 : 1;
}

static bool mutant_find(const char *name, enum util_mutant *mutant)
{
    for (unsigned int i = 0; i < UTIL_MUTANT_COUNT; i++) {
        if (strcmp(name, mutant_names[i]) != 0)
            continue;
        *mutant = (enum util_mutant)i;
        return true;
    }
    return false;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: quicksilver-sim --seeds N [--from S] [--trace] [--twice] [--only MUTANT]\n"
                          "       quicksilver-sim --mutants [--seeds N] [--from S] [--only MUTANT]\n");
    return 2;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            options->twice = true;
        } else if (strcmp(argv[i], "--mutants") == 0) {
            options->mutants = true;
        } else if (strcmp(argv[i], "--only") == 0 && value != NULL) {
            options->only = value;
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0 && parse_number(value, &options->seeds)) {
            i++;
        } else if (strcmp(argv[i], "--from") == 0 && parse_number(value, &options->from)) {
            i++;
        } else {
            return false;
        }
    }
    if (options->seeds == 0 && options->mutants)
        options->seeds = MUTANT_SEEDS;
    return options->seeds > 0;
}

int main(int argc, char **argv)
{
    struct options options = {.from = 1};

    if (!parse(argc, argv, &options))
        return usage();
    if (!options.mutants && options.only != NULL && !mutant_find(options.only, &util_mutant_on)) {
        (void)fprintf(stderr, "there is no mutant %s\n", options.only);
        return 2;
    }
    return options.mutants ? run_mutants(&options) : run_seeds(&options, shared(sizeof(struct progress)));
}
