/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The server's life: class and context, address, progress loop, end. One thread does everything.
 * What the calls do is in bench_serve.c.
 *
 * A client may ask the server to spin. That wish lapses when no call has come for two seconds, so
 * a client that dies does not leave a burning core behind.
 */
#include "tools/bench_server.h"

#include "tools/bench_fault_serve.h"
#include "tools/bench_pin.h"
#include "tools/bench_serve.h"
#include "tools/bench_watch.h"
#include "tools/tool_lib.h"
#include "util/util_clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXIT_OK         0
#define EXIT_FAIL       2
#define TRIGGER_MAX     256U
#define SLEEP_MS        100U
#define FAULT_SLEEP_MS  5U /* answers that are held are due without an event of the library */
#define SPIN_TURNS      1024U
#define BUSY_LAPSE_NS   (2 * UTIL_CLOCK_NS_PER_S)
#define SHUTDOWN_MAX_NS (5 * UTIL_CLOCK_NS_PER_S)
#define ADDRESS_MAX     512U

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

/* Writes beside the file and renames, so that a reader never sees half an address. */
static bool write_address_file(const char *path, const char *address)
{
    char temporary[4096];
    FILE *file;
    bool good;

    if (snprintf(temporary, sizeof(temporary), "%s.part", path) >= (int)sizeof(temporary))
        return false;
    file = fopen(temporary, "w");
    if (file == NULL)
        return false;
    good = fprintf(file, "%s\n", address) > 0;
    good = fclose(file) == 0 && good;
    return good && rename(temporary, path) == 0;
}

static bool publish_address(hg_class_t *hg_class, const struct bench_options *options)
{
    char address[ADDRESS_MAX];
    hg_size_t size = sizeof(address);
    hg_addr_t self = HG_ADDR_NULL;
    hg_return_t ret = HG_Addr_self(hg_class, &self);

    if (ret == HG_SUCCESS) {
        ret = HG_Addr_to_string(hg_class, address, &size, self);
        (void)HG_Addr_free(hg_class, self);
    }
    if (ret != HG_SUCCESS) {
        (void)fprintf(stderr, "hg_bench server: no address: %s\n", HG_Error_to_string(ret));
        return false;
    }
    if (options->addr_path != NULL && !write_address_file(options->addr_path, address)) {
        (void)fprintf(stderr, "hg_bench server: --addr-file %s: %s\n", options->addr_path, strerror(errno));
        return false;
    }
    if (printf("%s\n", address) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "hg_bench server: stdout: %s\n", strerror(errno));
        return false;
    }
    return true;
}

/* One turn: run what has arrived, then look for more. */
static bool turn(struct bench_serve *serve, bool busy)
{
    unsigned int count;
    hg_return_t ret;

    do {
        count = 0;
        ret = HG_Trigger(serve->context, 0, TRIGGER_MAX, &count);
    } while (ret == HG_SUCCESS && count > 0);
    if (serve->fault != NULL)
        bench_fault_serve_answer(serve->fault, false);
    ret = HG_Progress(serve->context, busy ? 0 : serve->fault != NULL ? FAULT_SLEEP_MS : SLEEP_MS);
    if (ret == HG_SUCCESS || ret == HG_TIMEOUT || ret == HG_AGAIN || ret == HG_INTERRUPT)
        return true;
    (void)fprintf(stderr, "hg_bench server: HG_Progress: %s %s\n", HG_Error_to_string(ret), tool_lib_detail());
    return false;
}

static bool serve_until_signal(struct bench_serve *serve)
{
    uint64_t calls_seen = 0, last_call_ns = util_clock_now_ns();
    bool busy = serve->busy;

    while (stop_signal == 0) {
        for (unsigned int i = 0; i < SPIN_TURNS && stop_signal == 0; i++)
            if (!turn(serve, busy))
                return false;
        if (serve->calls != calls_seen) {
            calls_seen = serve->calls;
            last_call_ns = util_clock_now_ns();
        }
        busy = serve->busy && util_clock_now_ns() - last_call_ns < BUSY_LAPSE_NS;
    }
    return true;
}

/* Lets transfers end whose memory we are about to free; bounded by the watch. */
static void drain(struct bench_serve *serve)
{
    unsigned int count;

    if (serve->fault != NULL)
        bench_fault_serve_answer(serve->fault, true);
    while (serve->moving > 0) {
        (void)HG_Progress(serve->context, SLEEP_MS);
        (void)HG_Trigger(serve->context, 0, TRIGGER_MAX, &count);
    }
}

static int fail(const char *what, const char *info)
{
    (void)fprintf(stderr, "hg_bench server: %s for \"%s\" failed: %s\n", what, info, tool_lib_detail());
    return EXIT_FAIL;
}

static hg_class_t *open_class(const char *info, bool busy)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    if (busy)
        init.na_init_info.progress_mode = NA_NO_BLOCK;
    return HG_Init_opt2(info, true, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
}

static int run(struct bench_serve *serve, const struct bench_options *options)
{
    bool good = publish_address(serve->hg_class, options) && serve_until_signal(serve);

    bench_watch_start(SHUTDOWN_MAX_NS, "shutting the server down");
    drain(serve);
    bench_serve_fini(serve);
    return good ? EXIT_OK : EXIT_FAIL;
}

/* With the calls of `hg_bench fault`, if it has started us. */
static int run_counting(struct bench_serve *serve, const struct bench_options *options)
{
    static struct bench_fault_serve fault;
    int code;

    if (options->ledger_fd < 0)
        return run(serve, options);
    if (!bench_fault_serve_init(&fault, serve->hg_class, serve->scratch, options->ledger_fd)) {
        bench_serve_fini(serve);
        return EXIT_FAIL;
    }
    serve->fault = &fault;
    code = run(serve, options);
    bench_fault_serve_fini(&fault);
    return code;
}

int bench_server_main(const struct bench_options *options)
{
    const char *info = options->uri != NULL ? options->uri : options->providers[0];
    struct bench_serve serve;
    hg_class_t *hg_class;
    int code = EXIT_FAIL;

    catch_signals();
    if (options->pin_mode == BENCH_PIN_CORES && !bench_pin_to(options->pin_server))
        (void)fprintf(stderr, "hg_bench server: cannot run on core %d\n", options->pin_server);
    hg_class = open_class(info, options->wait_given && options->busy);
    if (hg_class == NULL)
        return fail("initialization", info);
    if (bench_serve_init(&serve, hg_class)) {
        serve.busy = options->wait_given && options->busy;
        code = run_counting(&serve, options);
    } else {
        code = fail("context", info);
    }
    if (HG_Finalize(hg_class) != HG_SUCCESS) {
        (void)fprintf(stderr, "hg_bench server: HG_Finalize failed: %s\n", tool_lib_detail());
        code = EXIT_FAIL;
    }
    bench_watch_stop();
    return code;
}
