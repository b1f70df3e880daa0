#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
"""Counts what a meson test run did and prints the closing line `N passed, N failed, N skipped`.

Meson counts programs. This counts each test of a program that reports them one by one (TAP), and
each other program as one. A program that reports no failed test but ended badly all the same (a
crash, a time-out, a leak at its end) adds one failure.

    summary.py BUILD_DIR
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


def count_cases(suite):
    """Passed, failed and skipped test cases of one junit suite, and the names of the failed."""
    passed, skipped, failed = 0, 0, []
    for case in suite.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(case.get("name", "?"))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    logs = pathlib.Path(sys.argv[1]) / "meson-logs"
    programs = [json.loads(line) for line in (logs / "testlog.json").read_text().splitlines() if line]
    suites = {}
    for suite in ElementTree.parse(logs / "testlog.junit.xml").getroot().iter("testsuite"):
        # TAP programs have a suite of their own, named <project>.<program>.
        project, _, program = suite.get("name", "").partition(".")
        if program:
            suites[program] = suite

    passed, failed, skipped = 0, [], 0
    names = [program["name"] for program in programs]
    # Their reports could not be told apart.
    failed += [f"{name}: more than one program has this name" for name in sorted(set(names)) if names.count(name) > 1]
    for program in programs:
        name, result = program["name"], program["result"]
        if name in suites and result not in SKIPPED:
            good, bad, left_out = count_cases(suites[name])
            passed += good
            skipped += left_out
            failed += [f"{name}: {case}" for case in bad]
            if result not in GOOD and not bad:
                failed.append(f"{name}: {result.lower()}")
        elif result in SKIPPED:
            skipped += 1
        elif result in GOOD:
            passed += 1
        else:
            failed.append(f"{name}: {result.lower()}")

    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
