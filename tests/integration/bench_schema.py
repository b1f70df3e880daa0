# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# Checks a JSON report of hg_bench against what readers may rely on, and its CSV twin if given:
#   bench_schema.py REPORT.json [REPORT.csv] [--tests first,lat,...] [--protocols tcp,shm]
import argparse
import csv
import json
import sys

NUMBER = (int, float)
ENVIRONMENT = {
    "library": str, "version": str, "libfabric": str, "kernel": str, "cpu": str, "cores": int,
    "date": str, "same_machine": bool, "command": str, "options": dict,
}
RESULT = {
    "test": str, "protocol": str, "provider": str, "size": int, "window": int, "lat_us": dict,
    "lat_count": dict, "runs": list, "errors": int, "errors_by_status": dict, "verified": bool,
    "wrong": int,
}
LATENCY = ("p50", "p99", "p999", "min", "max", "mean")


def typed(where, found, wanted):
    for key, kind in wanted.items():
        assert key in found, f"{where}: no {key}"
        assert isinstance(found[key], kind), f"{where}: {key} is {found[key]!r}"


def check_result(result, latency):
    where = f"{result.get('protocol')} {result.get('test')}"
    typed(where, result, RESULT)
    assert result["test"] in ("first", "lat", "rate", "bw"), where
    assert (result["op"] in ("pull", "push")) == (result["test"] == "bw"), where
    lat = result["lat_us"]
    for key in LATENCY:
        assert lat[key] is None or isinstance(lat[key], NUMBER), f"{where}: {key}"
    for key, beyond in (("p50", "beyond_p50"), ("p99", "beyond_p99"), ("p999", "beyond_p999")):
        assert (lat[key] is None) == (result["lat_count"][beyond] < 10), f"{where}: {key}"
    known = [lat[key] for key in ("min", "p50", "p99", "p999", "max") if lat[key] is not None]
    # Histogram buckets are 0.1 % wide, minimum and maximum are exact.
    assert all(a <= b * 1.002 for a, b in zip(known, known[1:])), f"{where}: {known}"
    if result["test"] == "first":
        return
    assert (lat["mean"] is None) != latency, where
    assert all((run["p50_us"] is None) != latency for run in result["runs"]), where
    assert all(run["calls"] > 0 for run in result["runs"]), where
    assert result["ops_per_s_min"] <= result["ops_per_s"] <= result["ops_per_s_max"], where
    mib = result["ops_per_s"] * result["size"] / 2**20
    assert abs(mib - result["mib_per_s"]) <= 0.001 + mib * 0.001, where
    assert sum(run["calls"] for run in result["runs"]) == result["lat_count"]["calls"], where


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("json")
    parser.add_argument("csv", nargs="?")
    parser.add_argument("--tests")
    parser.add_argument("--protocols")
    options = parser.parse_args()
    with open(options.json, encoding="utf-8") as file:
        report = json.load(file)
    assert report["schema"] == 1
    typed("environment", report["environment"], ENVIRONMENT)
    assert report["failures"] == [], report["failures"]
    for result in report["results"]:
        check_result(result, report["environment"]["options"]["latency"])
        assert result["errors"] == 0 and result["wrong"] == 0, result
    if options.tests:
        assert {r["test"] for r in report["results"]} == set(options.tests.split(","))
    if options.protocols:
        assert {r["protocol"] for r in report["results"]} == set(options.protocols.split(","))
    if options.csv:
        with open(options.csv, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(report["results"])
        for row, result in zip(rows, report["results"]):
            assert row["test"] == result["test"] and int(row["size"]) == result["size"]
            assert int(row["calls"]) == result["lat_count"]["calls"]
    print(len(report["results"]), "results follow schema 1")


if __name__ == "__main__":
    sys.exit(main())
