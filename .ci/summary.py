#!/usr/bin/env python3
"""Adds up what ./test ran: names each failed and each skipped test, then one line "N passed, N failed, N skipped".

Reads a results folder: ctest.xml (JUnit), gtest/*.xml (cases of each GoogleTest binary), and integration.log with
integration.exit, whose last "N passed, N failed, N skipped" counts and whose lines "SKIP name: reason" and "FAIL name" name tests.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


class Sum:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []


def add_ctest(results, total):
    """Every ctest entry; those that reported their cases count as their cases."""
    report = results / "ctest.xml"
    if not report.is_file():
        total.failed.append("ctest: it left no report")
        return
    for entry in xml.parse(report).getroot().iter("testcase"):
        name = entry.get("name")
        failed = entry.find("failure") is not None or entry.get("status") == "fail"
        not_run = entry.find("skipped") is not None or entry.get("status") in ("notrun", "disabled")
        cases = results / "gtest" / f"{name}_tests.xml"
        if cases.is_file():
            before = len(total.failed)
            if add_cases(name, cases, total) and failed and len(total.failed) == before:
                total.failed.append(f"{name}: the binary failed outside its tests")
        elif failed:
            total.failed.append(f"{name}: it crashed, or is no GoogleTest binary")
        elif not_run:
            said = (entry.findtext("system-out") or "").strip().splitlines()
            total.skipped.append(f"{name}: {said[-1].removeprefix('skipped: ') if said else 'not run'}")
        else:
            total.passed += 1


def add_cases(binary, report, total):
    try:
        cases = list(xml.parse(report).getroot().iter("testcase"))
    except xml.ParseError:
        total.failed.append(f"{binary}: its report cannot be read")
        return False
    for case in cases:
        name = f"{binary}: {case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None:
            total.failed.append(name)
        elif case.get("result") == "skipped" or case.get("status") == "notrun":
            skip = case.find("skipped")
            # GoogleTest puts "file:line" on a line of its own before the reason.
            lines = (skip.get("message") if skip is not None else "").splitlines()
            reason = " ".join(line for line in lines if line and not re.match(r".*:\d+$", line)).strip()
            total.skipped.append(f"{name}: {reason or 'no reason given'}")
        else:
            total.passed += 1
    return True


def add_integration(results, total):
    log = results / "integration.log"
    if not log.is_file():
        total.skipped.append("integration: tests/integration/run does not exist")
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    code = (results / "integration.exit").read_text().strip()
    found = [line for line in text.splitlines() if re.search(r"\b\d+ passed\b", line)]
    if not found:
        if code == "0":
            total.passed += 1
        else:
            total.failed.append(f"integration: exit {code}, and no count of tests")
        return
    count = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped)", found[-1])}
    total.passed += count.get("passed", 0)
    named = [m.group(1) for m in re.finditer(r"^FAIL(?:ED)?:? +(.+)$", text, re.MULTILINE)]
    total.failed += ["integration: " + n for n in named]
    total.failed += ["integration: a test whose name it did not print"] * (count.get("failed", 0) - len(named))
    skips = [m.group(1) for m in re.finditer(r"^SKIP(?:PED)?:? +(.+)$", text, re.MULTILINE)]
    total.skipped += ["integration: " + n for n in skips]
    total.skipped += ["integration: a test whose name it did not print"] * (count.get("skipped", 0) - len(skips))
    if code != "0" and not count.get("failed") and not named:
        total.failed.append(f"integration: exit {code} although no test failed")


def main():
    results = pathlib.Path(sys.argv[1])
    total = Sum()
    add_ctest(results, total)
    add_integration(results, total)
    print()
    for name in total.skipped:
        print("skipped  " + name)
    for name in total.failed:
        print("FAILED   " + name)
    print(f"{total.passed} passed, {len(total.failed)} failed, {len(total.skipped)} skipped")
    sys.exit(1 if total.failed else 0)


main()
