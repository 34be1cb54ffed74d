#!/usr/bin/env python3
"""Holds docs/defects_elsewhere.md and docs/evidence.md against the tests: every defect has a row, and every test that a row names is there and runs."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPECTED = [f"A{n}" for n in range(1, 18)] + [f"B{n}" for n in range(18, 34)] + [f"F{n}" for n in range(1, 6)]
found = []

rows = dict(re.findall(r"^\| (\w+) \|.*\| ([^|]+) \|$", (ROOT / "docs/defects_elsewhere.md").read_text(), re.MULTILINE))
if list(rows) != EXPECTED:
    found.append(f"the rows are {list(rows)} and not {EXPECTED}")
shown = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\|$", (ROOT / "docs/evidence.md").read_text(), re.MULTILINE)[1:]

units = set()
for source in (ROOT / "tests/unit").rglob("*_test.cpp"):
    if source.name in (source.parent / "CMakeLists.txt").read_text():
        units |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", source.read_text(), re.MULTILINE)}
modules = re.findall(r'"(test_\w+)"', (ROOT / "tests/integration/suite.py").read_text())
integration = {name for module in modules for name in re.findall(r"^def (test_\w+)\(", (ROOT / f"tests/integration/{module}.py").read_text(), re.MULTILINE)}

for row, tests in rows.items():
    names = re.findall(r"`([^`]+)`", tests)
    if not names:
        found.append(f"{row} names no test")
    found += [f"{row}: there is no test {name}" for name in names if name not in units | integration]

for row, by in shown:
    if not re.search(r"`|\.md", by):
        found.append(f"evidence.md: nothing shows that {row}")
    for name in re.findall(r"`([^`]+)`", by):
        command = name.split()[0]
        if not (name in units | integration or ("/" in command and (ROOT / command).exists())):
            found.append(f"evidence.md: there is neither a test nor a command {name}")

print("\n".join(found) if found else f"{len(rows)} defects and {len(shown)} points of evidence have their tests.")
sys.exit(1 if found else 0)
