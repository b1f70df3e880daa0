/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A suite of named cases in a plain program, without a test framework, so that it runs under TSan,
 * too. Each case runs in a child process of its own, forked before any transport was opened: a
 * crash, a leak, an open descriptor or an endless wait fails that case and no other. The report is
 * TAP on stdout.
 *
 * Arguments of the program: [--no-fork] [--list] [--only TEXT] PARAMETER. --only runs the cases whose name
 * contains TEXT; --no-fork runs them in this process, for a debugger. PARAMETER (of which a suite
 * makes what it likes, such as the provider) is support_suite_parameter().
 */
#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct support_case {
    const char *name;     /* the promise, as an identifier; NULL ends a table */
    void (*run)(void);    /* returns when the promise held */
    unsigned int limit_s; /* its time limit; 0: SUPPORT_SUITE_LIMIT_S */
};

#define SUPPORT_SUITE_LIMIT_S 20U
#define SUPPORT_CASE(function) \
    {                          \
#function, function, 0 \
    }

/* The main function: runs all cases of `tables`, which ends with NULL. `setup`, which may be NULL, runs in
 * each child before the case, and may skip. Returns the exit status. */
int support_suite_main(int argc, char **argv, const struct support_case *const *tables, void (*setup)(void));

const char *support_suite_parameter(void);
/* The info string of a provider on this machine: its name alone where it has no hosts, with the loopback address, or with
 * that of an RDMA device, which has no loopback: the first one, or $QS_VM_RDMA0. What has
 * "://" in it is an info string already, and stays so. */
void support_suite_uri(const char *provider, char *text, size_t size);
/* For a program that a case starts itself in another role. */
void support_suite_set_parameter(const char *parameter);

/* Leaves the case as skipped, with a reason. */
_Noreturn void support_suite_skip(const char *reason);

/* Fails the case with a sentence, printf style. */
_Noreturn void support_suite_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Microseconds of the real clock. */
uint64_t support_suite_now_us(void);

#endif /* SUPPORT_SUITE_H */
