#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# The documents say what is there: docs_code_test.sh TOP
#  - each block of C is introduced by a comment <!-- FILE -->, and is a run of whole lines of that file,
#    so that code which readers copy is code which the tests compile and run;
#  - each path of this tree that is named in backticks or linked exists;
#  - each identifier with an underscore that is named in backticks occurs in the sources.
set -u
exec python3 - "$1" <<'PYTHON'
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
docs = [top / "README.md", top / "CHANGELOG.md"] + sorted((top / "docs").rglob("*.md"))
folders = ("util", "na", "bulk", "hg", "include", "tools", "examples", "tests", "docs")
passed = failed = 0


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", what)


def check_code(doc, text):
    for match in re.finditer(r"^([^\n]*)\n```c\n(.*?)^```$", text, re.M | re.S):
        named = re.fullmatch(r"<!-- (\S+) -->", match.group(1))
        block = match.group(2)
        where = f"{doc.relative_to(top)}: the block of C that begins with {block.splitlines()[0]!r}"
        check(named is not None, where + " does not say which file it is from")
        if named is None:
            continue
        source = top / named.group(1)
        check(source.is_file() and "\n" + block in "\n" + source.read_text(),
              f"{where} is not in {named.group(1)} word for word")
    check(len(re.findall(r"^```", text, re.M)) % 2 == 0, f"{doc.relative_to(top)}: a block of code does not end")


def paths_of(text):
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
        if "://" not in link:
            yield link, True
    for word in re.findall(r"`([^`\n]+)`", prose):
        if re.fullmatch(r"(?:%s)/[\w./\[\]{},*-]*" % "|".join(folders), word):
            yield word, False


def expand(path):
    """a.[ch] and a.{c,h} stand for several files."""
    match = re.search(r"\[(\w+)\]", path)
    if match:
        return [p for c in match.group(1) for p in expand(path.replace(match.group(0), c, 1))]
    match = re.search(r"\{([^}]*)\}", path)
    if match:
        return [p for c in match.group(1).split(",") for p in expand(path.replace(match.group(0), c, 1))]
    return [path]


def check_paths(doc, text):
    for path, linked in paths_of(text):
        base = doc.parent if linked else top
        for one in expand(path):
            there = any(base.glob(one)) if "*" in one else (base / one).exists()
            check(there, f"{doc.relative_to(top)} names {path}, which does not exist")


def sources_text():
    files = [top / "run"]
    for folder in folders[:-1]:
        files += [f for f in (top / folder).rglob("*") if f.suffix in (".c", ".h", ".build", ".sh", ".py")]
    return "\n".join(f.read_text(errors="replace") for f in files if f.is_file())


def check_names(doc, text):
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for name in sorted(set(re.findall(r"`(?:struct )?((?:[A-Za-z]\w*\.)*[A-Za-z]\w*_\w+)`", prose))):
        if name.lower().startswith(("fi_", "ibv_", "rdma_")):
            continue  # of libfabric, libibverbs, librdmacm
        for part in name.split("."):
            check(part in words, f"{doc.relative_to(top)} names {part}, which is nowhere in the sources")


words = set(re.findall(r"[A-Za-z_]\w*", sources_text()))
for doc in docs:
    if not doc.is_file():
        check(False, f"{doc.relative_to(top)} is missing")
        continue
    text = doc.read_text()
    check_code(doc, text)
    check_paths(doc, text)
    check_names(doc, text)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
PYTHON
