/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_progress.h. Writing costs the client's core some microseconds, so it happens twice a
 * second on a terminal and every two seconds otherwise.
 */
#include "tools/bench_progress.h"

#include "util/util_clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define TTY_PERIOD_NS   (500 * UTIL_CLOCK_NS_PER_MS)
#define PLAIN_PERIOD_NS (2 * UTIL_CLOCK_NS_PER_S)

static struct {
    bool quiet;
    bool tty;
    bool line_open; /* a line without its newline stands on the terminal */
    uint64_t start_ns;
    uint64_t next_ns; /* when to write again */
    char text[160];   /* the test under way */
} progress;

void bench_progress_start(bool quiet)
{
    progress.quiet = quiet;
    progress.tty = isatty(STDERR_FILENO) == 1;
    progress.start_ns = util_clock_now_ns();
    progress.next_ns = 0;
    progress.text[0] = '\0';
}

void bench_progress_tick(void)
{
    uint64_t now = util_clock_now_ns();
    double elapsed_s;

    if (progress.quiet || now < progress.next_ns || progress.text[0] == '\0')
        return;
    progress.next_ns = now + (progress.tty ? TTY_PERIOD_NS : PLAIN_PERIOD_NS);
    elapsed_s = (double)(now - progress.start_ns) / 1e9;
    if (progress.tty)
        (void)fprintf(stderr, "\r\033[K%5.1f s  %s", elapsed_s, progress.text);
    else
        (void)fprintf(stderr, "%5.1f s  %s\n", elapsed_s, progress.text);
    progress.line_open = progress.tty;
    (void)fflush(stderr);
}

void bench_progress_test(const struct bench_result *result, unsigned int run, unsigned int done, unsigned int total)
{
    char size[32];
    const char *op = bench_result_op_name(result);

    (void)snprintf(progress.text, sizeof(progress.text), "%.40s: %u of %u: %s%s%s %s, window %u, run %u",
                   result->protocol, done + 1, total, bench_result_test_name(result->test), op != NULL ? " " : "",
                   op != NULL ? op : "", tool_parse_show_size(result->size, size, sizeof(size)), result->window, run);
    bench_progress_tick();
}

void bench_progress_end(void)
{
    if (progress.line_open)
        (void)fputs("\r\033[K", stderr);
    progress.line_open = false;
    progress.text[0] = '\0';
}

void bench_progress_note(const char *format, ...)
{
    va_list args;

    if (progress.quiet)
        return;
    if (progress.line_open)
        (void)fputs("\r\033[K", stderr);
    progress.line_open = false;
    (void)fputs("hg_bench: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputs("\n", stderr);
}
