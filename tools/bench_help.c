/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_help.h. Kept apart from the parser so that it can be read, and corrected, as the page
 * that a user sees.
 */
#include "tools/bench_help.h"

#include <stdio.h>

static const char text[] =
    "hg_bench measures remote procedure calls and bulk transfers.\n"
    "\n"
    "  hg_bench                       measure this machine: tcp and shm, in less than a minute\n"
    "  hg_bench lat  [URI]            latency, one call in flight\n"
    "  hg_bench rate [URI]            calls per second with a window of calls in flight\n"
    "  hg_bench bw   [URI]            bulk bandwidth: the server pulls or pushes, once per call\n"
    "  hg_bench fault                 kill, stop and restart the server while calling it, and check\n"
    "                                 that what is said of each call is true\n"
    "  hg_bench server [URI]          be the other side until SIGINT or SIGTERM\n"
    "\n"
    "Without URI the tool starts a server process of its own on this machine. With one it uses the\n"
    "server that printed it, anywhere. All parameters travel in the calls: the server needs none.\n"
    "\n"
    "What to measure\n"
    "  --provider LIST    transports, like tcp,shm or 'tcp;ofi_rxm' (default tcp,shm); with a URI:\n"
    "                     the client's own info string, if it must differ from the URI's scheme\n"
    "  --size LIST        bytes per call, like 64,1k,64k (lat, rate: both ways; default 64;\n"
    "                     bw: default 64k,1M,16M)\n"
    "  --window LIST      calls in flight (rate: default 1,16,64; bw: default 1)\n"
    "  --op pull|push     who moves: the server reads, or writes, the client's memory (bw; both)\n"
    "  --verify           check every byte of payloads and bulk data (the checks cost time)\n"
    "\n"
    "fault\n"
    "  Its calls are of three RPCs in turn: one that is sent once, an idempotent one and one that runs\n"
    "  at most once; the last two are tried again by the library. A ledger that outlives the servers\n"
    "  counts how often each call has run; at the end it is compared with what the client was told.\n"
    "  --interval TIME    between two things that happen to the server, about (default 500ms)\n"
    "  --seed N           of what happens and when (default: the time; it is printed)\n"
    "  --timeout TIME     time limit of a call (default 2 s)\n"
    "  --size, --window   one of each (default 64 and 16); --duration: default 10 s\n"
    "\n"
    "How\n"
    "  --duration TIME    of one run, like 300ms or 2 (default 1 s; 300ms without a command)\n"
    "  --warmup TIME      before each run, not counted (default 200ms; 50ms without a command)\n"
    "  --runs N           runs of each test, interleaved; medians are reported (default 5)\n"
    "  --busy | --block   both sides spin, or sleep, while they wait (default: --busy if there are\n"
    "                     at least two cores)\n"
    "  --no-batch         send each message by itself, on both sides\n"
    "  --no-latency       rate, bw: only count the calls; a look at the clock for each of them costs\n"
    "                     time, much of it in a virtual machine\n"
    "  --pin WHERE        auto (default: server on the first core, client on the last), none, or\n"
    "                     SERVER_CORE,CLIENT_CORE\n"
    "  --timeout TIME     give up when nothing has happened for so long (default 10 s)\n"
    "\n"
    "Output\n"
    "  --json FILE|-      results and environment as JSON ('-': stdout, in place of the table)\n"
    "  --csv FILE|-       results as CSV\n"
    "  --quiet            no progress line, no notes\n"
    "  --addr-file FILE   server: also write the address here, when it is ready\n"
    "  --ledger FD        server: count the calls of fault here (it starts its servers so)\n"
    "  --version, --help\n"
    "\n"
    "A percentile with fewer than 10 calls beyond it is shown as -. Failed calls are counted by\n"
    "status and enter no figure. The first call, which connects, is reported apart.\n"
    "\n"
    "Exit codes: 0 all well, 1 usage, 2 failed calls, wrong bytes or no server; fault:\n"
    "2 when the ledger shows that a rule was broken, or the run could not be made to its end.\n";

void bench_help_print(void)
{
    (void)fputs(text, stdout);
}
