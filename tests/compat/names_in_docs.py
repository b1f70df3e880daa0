#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright The Quicksilver authors
#
# names_in_docs.py SOURCE_ROOT: the functions that the compatibility headers declare are those that docs/compat.md lists, header by
# header, and those that headers_names.c and utility_names.c link. Prints what differs.
import pathlib
import re
import sys

HEADERS = ['mercury.h', 'mercury_bulk.h', 'mercury_proc.h', 'mercury_proc_bulk.h', 'mercury_proc_string.h',
           'mercury_string_object.h', 'mercury_request.h', 'mercury_atomic.h', 'mercury_hash_string.h',
           'mercury_hash_table.h', 'mercury_thread.h', 'mercury_thread_condition.h', 'mercury_thread_mutex.h',
           'mercury_thread_pool.h', 'mercury_thread_rwlock.h', 'mercury_thread_spin.h', 'mercury_time.h']
FUNCTION = re.compile(r'^(?:HG_(?:UTIL_)?PUBLIC|static HG_(?:UTIL_)?INLINE|static inline)\b[^;{]*?'
                      r'\b((?:HG_[A-Z][a-z]|hg_proc_|hg_string_object_|hg_request_|hg_thread_|'
                      r'hg_atomic_|hg_time_|hg_hash_)\w*)\s*\(', re.M)
STATES = {'same', 'better', 'absent'}


def declared(root, header):
    text = (root / 'include' / header).read_text(encoding='utf-8')
    return set(FUNCTION.findall(re.sub(r'/\*.*?\*/', '', text, flags=re.S)))


def documented(root):
    lists = {}
    header = None
    for line in (root / 'docs' / 'compat.md').read_text(encoding='utf-8').splitlines():
        title = re.match(r'### `(\w+\.h)`', line)
        row = re.match(r'\| `(\w+)` \| (\w+) \|', line)
        if title:
            header = title.group(1)
            lists[header] = {}
        elif row and header:
            lists[header][row.group(1)] = row.group(2)
    return lists


def main():
    root = pathlib.Path(sys.argv[1])
    lists = documented(root)
    linked = ''.join((root / 'tests' / 'compat' / file).read_text(encoding='utf-8')
                     for file in ('headers_names.c', 'utility_names.c'))
    wrong = []
    for header in HEADERS:
        names = declared(root, header)
        rows = lists.get(header, {})
        wrong += [f'{header}: {name} is not in docs/compat.md' for name in names - set(rows)]
        wrong += [f'docs/compat.md: {name} is not declared in {header}' for name, state in rows.items()
                  if state != 'absent' and name not in names]
        wrong += [f'docs/compat.md: {name} is declared after all' for name, state in rows.items()
                  if state == 'absent' and name in names]
        wrong += [f'docs/compat.md: {name} has the unknown state {state}' for name, state in rows.items()
                  if state not in STATES]
        wrong += [f'neither headers_names.c nor utility_names.c links {name}' for name in names
                  if not re.search(rf'\b{name}\b', linked)]
    print('\n'.join(sorted(wrong)) or 'the lists agree')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
