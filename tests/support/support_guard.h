/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What every test is wrapped in, and checks for programs without a test framework.
 *
 * A Criterion suite names the wrappers once:
 *     TestSuite(util_pool, .init = support_begin, .fini = support_end);
 * They make a test fail that leaves a descriptor open, leaks memory (under AddressSanitizer, whose
 * report Criterion would otherwise swallow), or leaves a replaced clock or an armed allocation
 * fault behind. A plain program calls them itself around its work, or leaves it to SUPPORT_MAIN.
 */
#ifndef SUPPORT_GUARD_H
#define SUPPORT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Exit status of a plain program that could not run here; meson counts it as skipped. */
#define SUPPORT_SKIPPED 77

/* Around each test. support_end prints what is wrong and aborts the test. */
void support_begin(void);
void support_end(void);

/* Whether this program was compiled for ThreadSanitizer, which cannot do all that a program may. */
bool support_under_tsan(void);

/* The multiplier for time limits: 1, or more where a sanitizer slows the program down, or SUPPORT_SLOWNESS says so. */
unsigned int support_slowness(void);

/* The seed of this run's random tests: SUPPORT_SEED from the environment, or a fresh one; printed
 * once on stderr, so that a failure can be repeated. Any thread. */
uint64_t support_seed(void);

/* Prints the failed condition and aborts. */
_Noreturn void support_check_failed(const char *file, int line, const char *condition);

/* An assertion that stays in release builds. */
#define SUPPORT_CHECK(condition)                                  \
    do {                                                          \
        if (!(condition))                                         \
            support_check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

/* The main of a plain program: int work(void) gives the exit status. */
#define SUPPORT_MAIN(work) \
    int main(void)         \
    {                      \
        int status;        \
                           \
        support_begin();   \
        status = work();   \
        support_end();     \
        return status;     \
    }

#endif /* SUPPORT_GUARD_H */
