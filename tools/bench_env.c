/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_env.h. Reads /proc and /sys; what is not there is left out, never guessed.
 */
#include "tools/bench_env.h"

#include "tools/bench_pin.h"
#include "tools/tool_lib.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "bench_git.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* The first line of a file without its newline; empty when it cannot be read. */
static void read_line(const char *path, char *buf, int size)
{
    FILE *file = fopen(path, "r");

    buf[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(buf, size, file) == NULL)
        buf[0] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    (void)fclose(file);
}

static void read_cpu(char *buf, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

    (void)snprintf(buf, size, "unknown");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(buf, size, "%s", colon + (colon[1] == ' ' ? 2 : 1));
        break;
    }
    (void)fclose(file);
}

static void read_kernel(char *buf, size_t size)
{
    struct utsname name;

    if (uname(&name) == 0)
        (void)snprintf(buf, size, "%.40s %.80s", name.sysname, name.release);
    else
        (void)snprintf(buf, size, "unknown");
}

static void read_date(char *buf, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;

    buf[0] = '\0';
    if (gmtime_r(&now, &utc) != NULL)
        (void)strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void join_command(char *buf, size_t size, int argc, char **argv)
{
    size_t used = (size_t)snprintf(buf, size, "hg_bench");

    for (int i = 1; i < argc && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, " %s", argv[i]);
}

void bench_env_read(struct bench_env *env, int argc, char **argv)
{
    memset(env, 0, sizeof(*env));
    env->library = tool_lib_name();
    env->version = tool_lib_version();
    env->libfabric = tool_lib_fabric_version();
    env->features = tool_lib_features();
    env->git = BENCH_GIT_ID;
    env->cores = bench_pin_count();
    read_kernel(env->kernel, sizeof(env->kernel));
    read_cpu(env->cpu, sizeof(env->cpu));
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", env->governor, sizeof(env->governor));
    read_date(env->date, sizeof(env->date));
    join_command(env->command, sizeof(env->command), argc, argv);
}

uint64_t bench_env_machine(void)
{
    char boot_id[64];
    uint64_t hash = FNV_BASIS;

    read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
    for (const char *c = boot_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * FNV_PRIME;
    return hash;
}
