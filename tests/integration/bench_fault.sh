#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_bench fault over tcp and shared memory: the server is killed and stopped under it, what the
# library said of each call agrees with the ledger, and nothing is left behind.
HG_BENCH=$1
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"

# What a run could leave: files in the folder for temporary ones, and servers, whoever their parent
# is by then. They are known by their environment: others may run the same.
mkdir "$work/tmp"
export TMPDIR=$work/tmp
servers() {
    local process
    for process in /proc/[0-9]*; do
        if tr '\0' ' ' <"$process/cmdline" | grep -q '^hg_bench server .*--ledger' &&
            tr '\0' '\n' <"$process/environ" | grep -qxF "TMPDIR=$work/tmp"; then
            echo "$process"
        fi
    done 2>/dev/null
}
no_servers() { [ -z "$(servers)" ]; }
any_server() { [ -n "$(servers)" ]; }

# follows FILE PROTOCOL: a JSON report of a clean run in which the server was killed and stopped.
follows() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
assert report["schema"] == 1
assert report["environment"]["options"]["command"] == "fault"
fault = report["fault"]
assert fault["clean"] is True and fault["seed"] == 7 and fault["interval_s"] == 0.3
(run,) = fault["runs"]
assert run["protocol"] == sys.argv[2] and run["clean"] is True and run["failures"] == []
events = [event["what"] for event in run["events"]]
assert {"killed", "restarted", "stopped"} <= set(events), events
assert events.count("killed") == events.count("restarted"), events
times = [event["at_s"] for event in run["events"]]
assert times == sorted(times)
assert set(run["methods"]) == {"once", "idempotent", "at-most-once"}
for name, counts in run["methods"].items():
    outcomes = ("OK", "NOT_SENT", "NOT_EXECUTED", "UNKNOWN", "EXECUTED", "lost")
    assert sum(counts[key] for key in outcomes) == counts["calls"] > 0, name
    assert counts["ran"] >= counts["OK"] > 0 and counts["lost"] == 0, name
    assert name == "idempotent" or counts["ran_again"] == 0, name
assert sum(m["calls"] for m in run["methods"].values()) == run["calls"]
assert sum(run["goodput"]["succeeded"]) == sum(m["OK"] for m in run["methods"].values())
assert run["goodput"]["slice_s"] == 0.1
assert run["recovery_ms"]["count"] + run["recovery_ms"]["without"] == events.count("restarted")
assert run["recovery_ms"]["count"] > 0 and run["recovery_ms"]["max"] >= run["recovery_ms"]["median"]
ledger = run["ledger"]
assert ledger["clean"] is True and ledger["calls_broken"] == 0 and ledger["first"] == []
assert ledger["broken"] and not any(ledger["broken"].values())
PYTHON
}

for protocol in tcp shm; do
    check "clean_$protocol" exits 0 "$HG_BENCH" fault --provider $protocol --duration 3 --interval 300ms \
        --seed 7 --quiet --json "$work/$protocol.json"
    check "says_clean_$protocol" prints 'ledger: clean: none of'
    check "shows_events_$protocol" prints ' killed'
    check "shows_restarts_$protocol" prints 'from a restart to the first success'
    check "shows_outcomes_$protocol" prints 'NOT_EXECUTED'
    check "json_$protocol" follows "$work/$protocol.json" $protocol
done
check no_process_is_left no_servers
check no_file_is_left test -z "$(ls -A "$work/tmp")"

check json_on_stdout exits 0 "$HG_BENCH" fault --provider shm --duration 500ms --interval 100ms --size 20000 \
    --window 4 --quiet --json -
check json_alone_on_stdout python3 -m json.tool "$work/out"
check no_such_provider exits 2 "$HG_BENCH" fault --provider carrier-pigeon --duration 100ms --quiet
check no_such_provider_is_named prints 'carrier-pigeon'
check server_without_ledger exits 2 "$HG_BENCH" server --ledger 77 -- tcp://127.0.0.1
check server_without_ledger_says_why says '--ledger 77'

# Killed itself, whatever it was doing to its server, it takes that along.
dies_with_it() {
    "$HG_BENCH" fault --provider tcp --duration 20 --interval 50ms --quiet >/dev/null 2>&1 &
    keep $!
    wait_for 10 any_server || return 1
    kill -KILL $!
    wait $! 2>/dev/null
    wait_for 10 no_servers
}
check server_dies_with_it dies_with_it
check no_file_is_left_after_kill test -z "$(ls -A "$work/tmp")"
finish
