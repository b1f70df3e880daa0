#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
"""Counts what a meson test run did and prints the closing line `N passed, N failed, N skipped`.

Meson counts programs. This counts each test of a program that reports them one by one (TAP), and
each other program as one. A program that reports no failed test but ended badly all the same (a
crash, a time-out, a leak at its end) adds one failure. The end of what a failed program printed comes first, its
complaints on top, so that the end of a long log tells what happened.

    summary.py BUILD_DIR
"""

import json
import pathlib
import re
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


# Lines of a long output that say what went wrong: a failed test, the place of a check, a sanitizer's report.
COMPLAINT = re.compile(r"^not ok|\.c:\d+: |Sanitizer|runtime error:")


def show(program, lines=15):
    """Prints the complaints and the end of what a failed program wrote."""
    for stream in ("stdout", "stderr"):
        text = (program.get(stream) or "").splitlines()
        complaints = [line for line in text[:-lines] if COMPLAINT.search(line)]
        for line in complaints[-lines:] + text[-lines:]:
            print(f"{program['name']}: {line}")


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
        name, result, before = program["name"], program["result"], len(failed)
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
        if len(failed) != before:
            show(program)

    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
