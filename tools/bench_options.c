/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_options.h. getopt_long finds the options, one small function per option takes the
 * value, and check_together refuses combinations that would measure something else than asked.
 */
#include "tools/bench_options.h"

#include "tools/bench_fault_body.h"
#include "tools/bench_help.h"
#include "tools/bench_pin.h"
#include "tools/bench_rpc.h"
#include "tools/tool_lib.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS  UINT64_C(1000000)
#define MEMORY_MAX (UINT64_C(4) << 30)

enum option_id {
    OPTION_PROVIDER = 256,
    OPTION_SIZE,
    OPTION_WINDOW,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_RUNS,
    OPTION_OP,
    OPTION_BUSY,
    OPTION_BLOCK,
    OPTION_PIN,
    OPTION_VERIFY,
    OPTION_NO_BATCH,
    OPTION_NO_LATENCY,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_QUIET,
    OPTION_TIMEOUT,
    OPTION_ADDR_FILE,
    OPTION_SEED,
    OPTION_INTERVAL,
    OPTION_LEDGER,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {{"provider", required_argument, NULL, OPTION_PROVIDER},
                                             {"size", required_argument, NULL, OPTION_SIZE},
                                             {"window", required_argument, NULL, OPTION_WINDOW},
                                             {"duration", required_argument, NULL, OPTION_DURATION},
                                             {"warmup", required_argument, NULL, OPTION_WARMUP},
                                             {"runs", required_argument, NULL, OPTION_RUNS},
                                             {"op", required_argument, NULL, OPTION_OP},
                                             {"busy", no_argument, NULL, OPTION_BUSY},
                                             {"block", no_argument, NULL, OPTION_BLOCK},
                                             {"pin", required_argument, NULL, OPTION_PIN},
                                             {"verify", no_argument, NULL, OPTION_VERIFY},
                                             {"no-batch", no_argument, NULL, OPTION_NO_BATCH},
                                             {"no-latency", no_argument, NULL, OPTION_NO_LATENCY},
                                             {"json", required_argument, NULL, OPTION_JSON},
                                             {"csv", required_argument, NULL, OPTION_CSV},
                                             {"quiet", no_argument, NULL, OPTION_QUIET},
                                             {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                             {"addr-file", required_argument, NULL, OPTION_ADDR_FILE},
                                             {"seed", required_argument, NULL, OPTION_SEED},
                                             {"interval", required_argument, NULL, OPTION_INTERVAL},
                                             {"ledger", required_argument, NULL, OPTION_LEDGER},
                                             {"help", no_argument, NULL, OPTION_HELP},
                                             {"version", no_argument, NULL, OPTION_VERSION},
                                             {NULL, 0, NULL, 0}};

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the message and where help is; always false, so that callers can return it. */
static bool complain(const char *format, ...)
{
    va_list args;

    (void)fputs("hg_bench: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputs("\nTry `hg_bench --help`.\n", stderr);
    return false;
}

const char *bench_options_mode_name(enum bench_mode mode)
{
    static const char *const names[] = {
        [BENCH_MODE_ALL] = "all", [BENCH_MODE_LAT] = "lat",     [BENCH_MODE_RATE] = "rate",
        [BENCH_MODE_BW] = "bw",   [BENCH_MODE_FAULT] = "fault", [BENCH_MODE_SERVER] = "server"};

    return names[mode];
}

static bool take_list(const char *name, const char *text, uint64_t min, uint64_t max, struct tool_list *list)
{
    const char *bad = text;
    char limit[32];

    if (tool_parse_list(text, min, max, list, &bad))
        return true;
    return complain("--%s \"%s\": not usable from \"%s\" on; wanted is a list of at most %u numbers "
                    "from %u to %s, like 64,1k,64k",
                    name, text, bad, TOOL_PARSE_LIST_MAX, (unsigned int)min,
                    tool_parse_show_size(max, limit, sizeof(limit)));
}

static bool take_duration(const char *name, const char *text, uint64_t min_ns, uint64_t *ns)
{
    uint64_t value;

    if (tool_parse_duration(text, &value) && value >= min_ns) {
        *ns = value;
        return true;
    }
    return complain("--%s \"%s\": wanted is a time like 2, 0.5, 300ms or 1m, at least %" PRIu64 "ms", name, text,
                    min_ns / NS_PER_MS);
}

static bool take_runs(const char *text, unsigned int *runs)
{
    long value;

    if (!tool_parse_int(text, 1, BENCH_OPTIONS_RUNS_MAX, &value))
        return complain("--runs \"%s\": wanted is a number from 1 to %u", text, BENCH_OPTIONS_RUNS_MAX);
    *runs = (unsigned int)value;
    return true;
}

static bool take_number(const char *name, const char *text, long max, long *value)
{
    if (tool_parse_int(text, 0, max, value))
        return true;
    return complain("--%s \"%s\": wanted is a number from 0 to %ld", name, text, max);
}

static bool take_seed(const char *text, uint64_t *seed)
{
    long value;

    if (!take_number("seed", text, LONG_MAX, &value))
        return false;
    *seed = (uint64_t)value;
    return true;
}

static bool take_ledger(const char *text, int *fd)
{
    long value;

    if (!take_number("ledger", text, INT_MAX, &value))
        return false;
    *fd = (int)value;
    return true;
}

static bool take_op(const char *text, struct bench_options *options)
{
    bool pull = strcmp(text, "pull") == 0, push = strcmp(text, "push") == 0;

    if (strcmp(text, "pull,push") == 0 || strcmp(text, "push,pull") == 0)
        pull = push = true;
    if (!pull && !push)
        return complain("--op \"%s\": wanted is pull, push or pull,push", text);
    options->pull = pull;
    options->push = push;
    return true;
}

static bool take_pin(const char *text, struct bench_options *options)
{
    char server[16];
    long cores[2];
    const char *comma = strchr(text, ',');

    if (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0) {
        options->pin_mode = text[0] == 'a' ? BENCH_PIN_AUTO : BENCH_PIN_NONE;
        return true;
    }
    if (comma != NULL && (size_t)(comma - text) < sizeof(server)) {
        memcpy(server, text, (size_t)(comma - text));
        server[comma - text] = '\0';
        if (tool_parse_int(server, 0, 1023, &cores[0]) && tool_parse_int(comma + 1, 0, 1023, &cores[1])) {
            options->pin_mode = BENCH_PIN_CORES;
            options->pin_server = (int)cores[0];
            options->pin_client = (int)cores[1];
            return true;
        }
    }
    return complain("--pin \"%s\": wanted is auto, none or SERVER_CORE,CLIENT_CORE like 0,1", text);
}

/* Splits the list in place: argv is ours to write, and the pieces live as long as it does. */
static bool take_providers(char *text, struct bench_options *options)
{
    char *save = NULL;

    options->provider_count = 0;
    for (char *item = strtok_r(text, ",", &save); item != NULL; item = strtok_r(NULL, ",", &save)) {
        if (options->provider_count == BENCH_OPTIONS_PROVIDERS_MAX)
            return complain("--provider: at most %u are taken", BENCH_OPTIONS_PROVIDERS_MAX);
        options->providers[options->provider_count++] = item;
    }
    if (options->provider_count == 0)
        return complain("--provider \"\": wanted is a list like tcp,shm");
    return true;
}

static bool take_wait(bool busy, struct bench_options *options)
{
    if (options->wait_given && options->busy != busy)
        return complain("--busy and --block exclude each other");
    options->busy = busy;
    options->wait_given = true;
    return true;
}

static bool take_measure_option(int id, char *value, struct bench_options *options)
{
    switch (id) {
    case OPTION_SIZE:
        return take_list("size", value, 0, BENCH_RPC_MOVE_MAX, &options->sizes);
    case OPTION_WINDOW:
        return take_list("window", value, 1, BENCH_OPTIONS_WINDOW_MAX, &options->windows);
    case OPTION_DURATION:
        return take_duration("duration", value, NS_PER_MS, &options->duration_ns);
    case OPTION_WARMUP:
        return take_duration("warmup", value, 0, &options->warmup_ns);
    case OPTION_TIMEOUT:
        return take_duration("timeout", value, 100 * NS_PER_MS, &options->timeout_ns);
    case OPTION_SEED:
        return take_seed(value, &options->seed);
    case OPTION_INTERVAL:
        return take_duration("interval", value, 10 * NS_PER_MS, &options->interval_ns);
    case OPTION_LEDGER:
        return take_ledger(value, &options->ledger_fd);
    case OPTION_RUNS:
        return take_runs(value, &options->runs);
    default:
        return take_op(value, options);
    }
}

static bool take_option(int id, char *value, struct bench_options *options)
{
    switch (id) {
    case OPTION_PROVIDER:
        return take_providers(value, options);
    case OPTION_BUSY:
    case OPTION_BLOCK:
        return take_wait(id == OPTION_BUSY, options);
    case OPTION_PIN:
        return take_pin(value, options);
    case OPTION_VERIFY:
        options->verify = true;
        return true;
    case OPTION_NO_BATCH:
        options->no_batch = true;
        return true;
    case OPTION_NO_LATENCY:
        options->no_latency = true;
        return true;
    case OPTION_JSON:
        options->json_path = value;
        return true;
    case OPTION_CSV:
        options->csv_path = value;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_ADDR_FILE:
        options->addr_path = value;
        return true;
    default:
        return take_measure_option(id, value, options);
    }
}

static bool take_command(const char *word, struct bench_options *options)
{
    for (int mode = BENCH_MODE_LAT; mode <= BENCH_MODE_SERVER; mode++) {
        if (strcmp(word, bench_options_mode_name((enum bench_mode)mode)) == 0) {
            options->mode = (enum bench_mode)mode;
            return true;
        }
    }
    return complain("\"%s\": no such command; there are lat, rate, bw, fault and server", word);
}

static void set_defaults(struct bench_options *options)
{
    memset(options, 0, sizeof(*options));
    options->pull = options->push = true;
    options->timeout_ns = UINT64_MAX;
    options->seed = UINT64_MAX;
    options->interval_ns = UINT64_MAX;
    options->ledger_fd = -1;
    options->duration_ns = UINT64_MAX;
    options->warmup_ns = UINT64_MAX;
    options->busy = bench_pin_count() >= 2;
}

/* Both sides sleep and are not pinned: a server that comes back must share a core with what is there. */
static void set_fault_defaults(struct bench_options *options)
{
    if (options->timeout_ns == UINT64_MAX)
        options->timeout_ns = 2000 * NS_PER_MS;
    if (options->duration_ns == UINT64_MAX)
        options->duration_ns = 10000 * NS_PER_MS;
    if (options->interval_ns == UINT64_MAX)
        options->interval_ns = 500 * NS_PER_MS;
    if (options->seed == UINT64_MAX)
        options->seed = (uint64_t)time(NULL);
    if (options->sizes.count == 0)
        options->sizes = (struct tool_list){.values = {64}, .count = 1};
    if (options->windows.count == 0)
        options->windows = (struct tool_list){.values = {16}, .count = 1};
    if (!options->wait_given)
        options->busy = false;
    if (options->pin_mode == BENCH_PIN_AUTO)
        options->pin_mode = BENCH_PIN_NONE;
    options->runs = 1;
    options->warmup_ns = 0;
}

/* The no-argument run has ten tests, five runs and two transports to fit into a minute. */
static void set_late_defaults(struct bench_options *options)
{
    bool all = options->mode == BENCH_MODE_ALL;

    if (options->mode == BENCH_MODE_FAULT)
        set_fault_defaults(options);
    if (options->runs == 0)
        options->runs = 5;
    if (options->timeout_ns == UINT64_MAX)
        options->timeout_ns = 10000 * NS_PER_MS;
    if (options->duration_ns == UINT64_MAX)
        options->duration_ns = (all ? 300 : 1000) * NS_PER_MS;
    if (options->warmup_ns == UINT64_MAX)
        options->warmup_ns = (all ? 50 : 200) * NS_PER_MS;
    if (options->provider_count == 0 && options->uri == NULL) {
        options->providers[options->provider_count++] = "tcp";
        if (options->mode != BENCH_MODE_SERVER)
            options->providers[options->provider_count++] = "shm";
    }
}

static bool list_has_zero(const struct tool_list *list)
{
    for (unsigned int i = 0; i < list->count; i++)
        if (list->values[i] == 0)
            return true;
    return false;
}

static uint64_t list_max(const struct tool_list *list)
{
    uint64_t max = 0;

    for (unsigned int i = 0; i < list->count; i++)
        max = list->values[i] > max ? list->values[i] : max;
    return max;
}

static bool check_sizes(const struct bench_options *options)
{
    uint64_t size = list_max(&options->sizes), window = list_max(&options->windows);

    if (options->mode != BENCH_MODE_BW && size > BENCH_RPC_ECHO_MAX)
        return complain("--size: an RPC payload may have at most 64M here; use `hg_bench bw` for "
                        "bulk data");
    if (options->mode == BENCH_MODE_BW && list_has_zero(&options->sizes))
        return complain("--size: a bulk transfer has at least 1 byte");
    if (size * (window > 0 ? window : 1) > MEMORY_MAX)
        return complain("--size and --window together ask for more than 4G of buffers");
    return true;
}

static bool check_fault(const struct bench_options *options)
{
    if (options->mode != BENCH_MODE_FAULT) {
        if (options->seed != UINT64_MAX || options->interval_ns != UINT64_MAX)
            return complain("--seed and --interval belong to `hg_bench fault`");
        if (options->ledger_fd >= 0 && options->mode != BENCH_MODE_SERVER)
            return complain("--ledger belongs to `hg_bench server`");
        return true;
    }
    if (options->uri != NULL)
        return complain("fault kills its server, so it starts one and takes no address");
    if (options->csv_path != NULL || options->verify || options->runs != 0 || options->warmup_ns != UINT64_MAX)
        return complain("--csv, --verify, --runs and --warmup: not for fault, which is one run and always verifies");
    if (options->sizes.count > 1 || options->windows.count > 1)
        return complain("--size and --window: fault takes one of each");
    if (options->sizes.count == 1 && options->sizes.values[0] < BENCH_FAULT_SIZE_MIN)
        return complain("--size: the payload of fault holds a number, so it has at least %u bytes",
                        BENCH_FAULT_SIZE_MIN);
    if (options->pin_mode == BENCH_PIN_CORES)
        return complain("--pin: fault does not bind its processes to cores");
    return true;
}

/* What cannot be honoured is refused, and not ignored. */
static bool check_together(const struct bench_options *options)
{
    bool server = options->mode == BENCH_MODE_SERVER, all = options->mode == BENCH_MODE_ALL;

    if ((all || server) && (options->sizes.count > 0 || options->windows.count > 0))
        return complain("--size and --window belong to lat, rate or bw");
    if (options->mode != BENCH_MODE_BW && !(options->pull && options->push))
        return complain("--op belongs to bw");
    if (options->mode == BENCH_MODE_LAT && options->windows.count > 0)
        return complain("--window: lat has one call in flight; use `hg_bench rate`");
    if (options->no_latency && options->mode != BENCH_MODE_RATE && options->mode != BENCH_MODE_BW)
        return complain("--no-latency belongs to rate and bw");
    if (server && (options->json_path != NULL || options->csv_path != NULL))
        return complain("--json and --csv belong to the client");
    if (!server && options->addr_path != NULL)
        return complain("--addr-file belongs to `hg_bench server`");
    if ((server || options->uri != NULL) && options->provider_count > 1)
        return complain("--provider: only one where an address is given or a server is started");
    if (server && options->uri != NULL && options->provider_count > 0)
        return complain("server: give an address or --provider, not both");
    if (options->json_path != NULL && options->csv_path != NULL && strcmp(options->json_path, "-") == 0 &&
        strcmp(options->csv_path, "-") == 0)
        return complain("--json - and --csv - would mix on stdout; write one to a file");
    return check_fault(options) && check_sizes(options);
}

static bool take_words(int argc, char **argv, struct bench_options *options)
{
    if (optind < argc && !take_command(argv[optind++], options))
        return false;
    if (optind < argc)
        options->uri = argv[optind++];
    if (optind < argc)
        return complain("\"%s\": one argument too many", argv[optind]);
    if (options->uri != NULL && options->uri[0] == '\0')
        return complain("the address is empty");
    if (options->uri != NULL && options->mode != BENCH_MODE_SERVER && strstr(options->uri, "://") == NULL)
        return complain("\"%s\": not an address; wanted is what the server printed, like "
                        "tcp://127.0.0.1:7000",
                        options->uri);
    return true;
}

/* What getopt_long itself found wrong, said with the option's name. */
static bool complain_option(int id, char **argv)
{
    const char *word = argv[optind - 1];

    if (id == ':')
        return complain("%s: a value is missing", word);
    if (optopt >= OPTION_PROVIDER)
        return complain("%s: this option takes no value", word);
    return complain("%s: no such option", word);
}

enum bench_options_result bench_options_parse(int argc, char **argv, struct bench_options *options)
{
    int id;

    set_defaults(options);
    opterr = 0;
    while ((id = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (id == OPTION_HELP || id == 'h') {
            bench_help_print();
            return BENCH_OPTIONS_DONE;
        }
        if (id == OPTION_VERSION) {
            (void)printf("hg_bench: %s %s, libfabric %s\n", tool_lib_name(), tool_lib_version(),
                         tool_lib_fabric_version());
            return BENCH_OPTIONS_DONE;
        }
        if (id == '?' || id == ':') {
            (void)complain_option(id, argv);
            return BENCH_OPTIONS_BAD;
        }
        if (!take_option(id, optarg, options))
            return BENCH_OPTIONS_BAD;
    }
    if (!take_words(argc, argv, options) || !check_together(options))
        return BENCH_OPTIONS_BAD;
    set_late_defaults(options);
    return BENCH_OPTIONS_RUN;
}
