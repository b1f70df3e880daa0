/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Keeps log lines in one buffer. See support_log.h.
 */
#include "tests/support/support_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all of the following */
static char text[65536];
static size_t used;
static unsigned int count;
static FILE *last_stream;

int support_log_line(FILE *stream, const char *format, ...)
{
    va_list args;
    int length;

    (void)pthread_mutex_lock(&lock);
    last_stream = stream;
    count++;
    va_start(args, format);
    length = vsnprintf(text + used, sizeof(text) - used, format, args);
    va_end(args);
    used += strlen(text + used);
    (void)pthread_mutex_unlock(&lock);
    return length;
}

const char *support_log_text(void)
{
    return text;
}

unsigned int support_log_count(void)
{
    unsigned int lines;

    (void)pthread_mutex_lock(&lock);
    lines = count;
    (void)pthread_mutex_unlock(&lock);
    return lines;
}

FILE *support_log_stream(void)
{
    return last_stream;
}

void support_log_forget(void)
{
    (void)pthread_mutex_lock(&lock);
    text[0] = '\0';
    used = 0;
    count = 0;
    last_stream = NULL;
    (void)pthread_mutex_unlock(&lock);
}
