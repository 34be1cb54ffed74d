#!/usr/bin/env python3
"""Each public header compiles on its own: whoever includes it needs to know nothing else.

    headers_test.py COMPILE_COMMANDS
Exit 77 (skipped) when there is no compilation database.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def flags_of(module, commands):
    """How the module's own sources are compiled, without its precompiled header, its output and its input."""
    for entry in commands:
        if not entry["file"].startswith(f"{ROOT}/src/{module}/"):
            continue
        words = shlex.split(entry["command"])
        words = words[next(i for i, w in enumerate(words) if re.search(r"(clang|g)\+\+", w)):]
        out, i = [], 0
        while i < len(words):
            word = words[i]
            if word == "-Xclang" and words[i + 1] in ("-include", "-include-pch"):
                i += 4  # -Xclang -include -Xclang FILE
            elif word in ("-o", "-MT", "-MF"):
                i += 2
            else:
                if word not in ("-c", "-MD", "-Winvalid-pch", "-ffat-lto-objects", entry["file"]) and not word.startswith("-flto"):
                    out.append(word)
                i += 1
        return out
    return None


def check(header, flags):
    r = subprocess.run([*flags, "-fsyntax-only", "-Wno-pragma-once-outside-header", "-x", "c++", str(header)], capture_output=True, text=True, check=False)
    return header, r.returncode, r.stderr


def main():
    database = pathlib.Path(sys.argv[1])
    if not database.exists():
        print("no compilation database: the headers were not checked")
        return 77
    commands = json.loads(database.read_text())
    todo, problems = [], []
    for folder in sorted((ROOT / "include/sluice").iterdir()):
        flags = flags_of(folder.name, commands)
        if flags is None:
            problems.append(f"{folder}: no source of this module is compiled")
            continue
        todo += [(h, flags) for h in sorted(folder.rglob("*.hpp"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, code, said in pool.map(lambda one: check(*one), todo):
            if code != 0:
                problems.append(f"{header.relative_to(ROOT)} does not compile on its own:\n{said}")
    print("\n".join(problems) or f"{len(todo)} headers compile on their own")
    return 1 if problems or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
