#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# hg_info lists what is usable, says why the rest is not, and its JSON can be read.
HG_INFO=$1
# shellcheck source=tests/integration/tool_common.sh
. "$(dirname "$0")/tool_common.sh"

json_holds() {
    python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert report["schema"] == 1 and report["library"] and report["version"] and report["libfabric"]
found = report["transports"]
usable = {t["protocol"] for t in found if t["usable"]}
assert {"tcp", "shm"} <= usable, usable
for t in found:
    assert t["usable"] or t["why"], t
    assert set(t) == {"protocol", "provider", "domain", "device", "address", "usable", "why"}, t
assert any(t["protocol"] == "verbs" for t in found), "verbs is not mentioned"
' "$1"
}

check lists exits 0 "$HG_INFO"
check lists_tcp prints tcp
check lists_shm prints shm
check names_libfabric prints libfabric
check json exits 0 "$HG_INFO" --json
cp "$work/out" "$work/info.json"
check json_schema json_holds "$work/info.json"
check one_protocol exits 0 "$HG_INFO" tcp
check name_of_mercury exits 0 "$HG_INFO" ofi+tcp
check name_of_mercury_is_tcp prints tcp://
check other_name_of_mercury exits 0 "$HG_INFO" na+sm
check other_name_of_mercury_is_shm prints shm
check unknown_protocol exits 1 "$HG_INFO" carrier-pigeon
check unknown_protocol_lists_known says shm
check unknown_option exits 1 "$HG_INFO" --frobnicate
check too_many_words exits 1 "$HG_INFO" tcp shm
check help exits 0 "$HG_INFO" --help
check version exits 0 "$HG_INFO" --version
finish
