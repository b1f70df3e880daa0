#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
"""Measures Quicksilver beside Mercury and prints medians with their spread as Markdown.

Every round runs each test with each candidate, one after the other, so that a slow phase of the
machine falls on all of them; ratios are taken within a round for the same reason. The candidates:

  quicksilver   hg_bench of this tree
  no-batch      the same with --no-batch (rate only)
  mercury       hg_bench built against Mercury by build.sh: the same harness
  perf          Mercury's own hg_rate, hg_bw_read (server push), hg_bw_write (server pull)

A run during which other processes took more than --disturbance of the machine is repeated, up to
--retries times, whoever's run it is; what stayed disturbed is counted below the tables.

Mercury's tools post all calls of a window and wait for all of them; hg_bench starts each call
again from its callback. Both ends spin, the server on the first core, the client on the last.
"""
import argparse
import json
import operator
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BYTES = {"64k": 64 << 10, "1M": 1 << 20, "16M": 16 << 20}
TESTS = [("rate", "64", 1), ("rate", "64", 16), ("rate", "64", 64)] + [
    (op, size, 1) for op in ("pull", "push") for size in BYTES]


class Machine:
    """Repeats runs that others disturbed: their share is what the machine was busy with, less
    the processor time of our own children."""

    def __init__(self, limit, retries):
        self.limit, self.retries = limit, retries
        self.runs = self.disturbed = 0

    @staticmethod
    def _now():
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, own.ru_utime + own.ru_stime

    def run(self, function, *arguments):
        self.runs += 1
        for attempt in range(self.retries + 1):
            start, busy, own = self._now()
            result = function(*arguments)
            end, busy_end, own_end = self._now()
            others = (busy_end - busy) - (own_end - own)
            if others <= self.limit * (end - start) * os.cpu_count():
                return result
            if attempt < self.retries:
                time.sleep(1)
        self.disturbed += 1
        return result


def bench(program, info, test, duration, extra=()):
    """One run of hg_bench: calls per second."""
    kind, size, window = test
    command = [program, "rate" if kind == "rate" else "bw", "--provider", info, "--size", size,
               "--window", str(window), "--runs", "1", "--duration", f"{duration}", "--warmup",
               "100ms", "--quiet", "--json", "-", "--busy", *extra]
    if kind != "rate":
        command += ["--op", kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}")
    result = [r for r in json.loads(done.stdout)["results"] if r["test"] != "first"][0]
    return result["ops_per_s"]


def perf_command(prefix, tool, info, port_file):
    plugin, protocol = info.split("+")
    command = [os.path.join(prefix, "bin", tool), "-c", plugin, "-p", protocol, "-b", "-f", port_file]
    return command + (["-H", "127.0.0.1"] if protocol == "tcp" else [])


def perf(prefix, info, test, duration, last_rate):
    """One run of Mercury's own tool: calls per second. The number of loops comes from last_rate,
    as these tools take no duration."""
    kind, size, window = test
    tool = {"rate": "hg_rate", "pull": "hg_bw_write", "push": "hg_bw_read"}[kind]
    count = max(20, int(duration * last_rate / window))
    cores = sorted(os.sched_getaffinity(0))
    nbytes = str(BYTES.get(size, 0) or int(size))
    with tempfile.TemporaryDirectory() as folder:
        port = os.path.join(folder, "port.cfg")
        server = subprocess.Popen(
            ["taskset", "-c", str(cores[0]), *perf_command(prefix, "hg_perf_server", info, port)],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if os.path.exists(port) and os.path.getsize(port) > 0:
                    break
                time.sleep(0.02)
            command = ["taskset", "-c", str(cores[-1]), *perf_command(prefix, tool, info, port),
                       "-l", str(count), "-x", str(window), "-y", nbytes, "-z", nbytes]
            if kind != "rate":
                command += ["-w", "1"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120,
                                  check=False)
        finally:
            server.terminate()
            server.wait()
    for line in done.stdout.splitlines():
        found = re.match(rf"^{nbytes}\s+([0-9.]+)\s+", line)
        if found:
            value = float(found.group(1))
            return value if kind == "rate" else value * 2**20 / int(nbytes)
    raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def measure(options, machine):
    """{(transport, test): {candidate: [calls per second, ...]}}"""
    found = {}
    for number in range(options.runs):
        for transport, mercury in (("tcp", "ofi+tcp"), ("shm", "ofi+shm"), ("shm", "na+sm")):
            for test in TESTS:
                row = found.setdefault((transport, test), {})
                print(f"round {number + 1}/{options.runs}: {transport} {mercury} {test}",
                      file=sys.stderr)
                measure_test(options, machine, row, transport, mercury, test)
    return found


def measure_test(options, machine, row, transport, mercury, test):
    """One round of one test by all candidates."""
    duration = options.duration
    suffix = " na+sm" if mercury == "na+sm" else ""
    if not suffix:
        row.setdefault("quicksilver", []).append(
            machine.run(bench, options.bench, transport, test, duration))
        if test[0] == "rate":
            row.setdefault("no-batch", []).append(
                machine.run(bench, options.bench, transport, test, duration, ["--no-batch"]))
    rate = machine.run(bench, options.mercury_bench, mercury, test, duration)
    row.setdefault("mercury" + suffix, []).append(rate)
    if options.mercury_prefix:
        try:
            row.setdefault("perf" + suffix, []).append(
                machine.run(perf, options.mercury_prefix, mercury, test, duration, rate))
        except RuntimeError as error:
            print(error, file=sys.stderr)


def shown(test, values):
    kind, size, _ = test
    scale = 1e-3 if kind == "rate" else BYTES[size] / 2**30
    low, mid, high = (scale * v for v in (min(values), statistics.median(values), max(values)))
    return f"{mid:.1f} [{low:.1f}-{high:.1f}]" if kind == "rate" else \
        f"{mid:.2f} [{low:.2f}-{high:.2f}]"


def report(found):
    for transport in ("tcp", "shm"):
        rows = {test: row for (name, test), row in found.items() if name == transport}
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        print(f"\n{transport}: rate in thousand calls/s, pull and push in GiB/s; "
              "median [least-greatest]; the ratio is quicksilver / mercury within a round, "
              "median of the rounds\n")
        print("| test | size | window | " + " | ".join(names) + " | ratio |")
        print("|" + "---|" * (len(names) + 4))
        for test, row in rows.items():
            cells = [shown(test, row[name]) if name in row else "" for name in names]
            ratio = statistics.median(map(operator.truediv, row["quicksilver"], row["mercury"]))
            print(f"| {test[0]} | {test[1]} | {test[2]} | " + " | ".join(cells) +
                  f" | {ratio:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="hg_bench of this tree")
    parser.add_argument("--mercury-bench", required=True, help="hg_bench built by build.sh")
    parser.add_argument("--mercury-prefix", help="where Mercury's own perf tools are installed")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--duration", type=float, default=1.0, help="seconds per run")
    parser.add_argument("--disturbance", type=float, default=0.05,
                        help="share of the machine that others may take during a run")
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--json", help="also write all figures to this file")
    options = parser.parse_args()
    machine = Machine(options.disturbance, options.retries)
    found = measure(options, machine)
    report(found)
    print(f"\n{machine.disturbed} of {machine.runs} runs stayed disturbed by other processes.")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([{"transport": name, "test": test, "ops_per_s": row}
                       for (name, test), row in found.items()], file, indent=1)


if __name__ == "__main__":
    main()
