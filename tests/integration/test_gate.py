"""The gate: each check fails for a bundle that was made to fail it, and only that check; pushes obey it."""
import html.parser
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

from lab import ROOT, SLUICE, Gateway, Skip, Upstream, free_port, sluice

GATE = """gate:
  require: [must_block, must_pass, benign, attack, perf]
  floors: {word: 0.9}
  false_positives: {total: 0.05, slice: 0.05, rule: 0.05}
  cost: {slower: 100}
"""


STRAW = """  - id: straw
    direction: request
    match: {keywords: [straw]}
    action: {type: flag}
    tests: [{name: hit, request: straw, expect: {rules: [straw]}}, {name: miss, request: x, expect: {rules: []}}]
"""


def cases():
    """Golden cases with which the bundle below is green: as many as its limits ask for."""
    return ([{"id": "mb", "set": "must_block", "request": "a needle", "expect": {"action_at_least": "block"}},
             {"id": "mp", "set": "must_pass", "request": "hay", "response": "more hay"},
             {"id": "perf", "set": "perf", "request": "hay " * 500, "response": "more hay " * 100}] +
            [{"id": f"b{i}", "set": "benign", "slice": ["en"], "request": f"the weather on day {i}", "response": f"on day {i} it rains"} for i in range(60)] +
            [{"id": f"a{i}", "set": "attack", "slice": ["word"], "request": f"needle number {i}"} for i in range(40)])


def write(folder, golden, words=("needle",), gate=GATE, mask="#", extra=""):
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    (folder / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b, owner: o}\nmodules:\n  - {use: p, bind: {scope: global}}\n" + gate)
    (folder / "p.yaml").write_text(f"""apiVersion: sluice/v1
kind: Policy
metadata: {{name: p, owner: o}}
rules:
  - id: stop
    direction: request
    match: {{keywords: [{', '.join(words)}]}}
    action: {{type: block, message: stopped}}
    tests:
      - {{name: hit, request: a needle, expect: {{rules: [stop]}}}}
      - {{name: miss, request: hay, expect: {{rules: []}}}}
  - id: hide
    direction: response
    match: {{keywords: [secret]}}
    action: {{type: redact, mask: "{mask}"}}
    tests:
      - {{name: hit, response: the secret, expect: {{rules: [hide]}}}}
      - {{name: miss, response: hay, expect: {{rules: []}}}}
{extra}""")
    (folder / "golden" / "g.jsonl").write_text("".join(json.dumps(c) + "\n" for c in golden))
    return folder


def held(lab, golden, *args, against=None, **kw):
    """Exit code, report, and the checks that are neither passed nor skipped."""
    folder = write(lab.dir / "candidate", golden, **kw)
    more = ["--against", against] if against else []
    r = sluice("test", folder, "--json", "--now", "2026-11-23", *more, *args, check=False)
    report = json.loads(r.stdout)
    assert (r.returncode == 0) == (report["verdict"] == "PASS"), (r.returncode, report["verdict"])
    return r.returncode, report, {c["check"]: c["status"] for c in report["checks"] if c["status"] not in ("pass", "skipped")}


def what(report, check):
    return " | ".join(f["of"] + ": " + f.get("what", "") for c in report["checks"] if c["check"] == check for f in c["findings"])


def changed(golden, **by_id):
    return [c | by_id.pop(c["id"], {}) for c in golden]


def test_gate_passes_a_bundle_with_evidence_and_says_the_same_twice(lab):
    active = write(lab.dir / "active", cases())
    code, report, off = held(lab, cases(), against=active)
    assert code == 0 and off == {}, (off, report["reasons"])
    assert len(report["checks"]) == 15 and all(c["status"] == "pass" for c in report["checks"] if c["check"] not in ("expectations", "replay")), report["checks"]
    again = held(lab, cases(), against=active)[1]
    assert again["digest"] == report["digest"] and len(report["digest"]) == 64
    assert held(lab, cases()[1:] + cases()[:1], against=active)[1]["digest"] != report["digest"]


def test_gate_tests_fail(lab):
    bad = "  - id: more\n    direction: request\n    match: {keywords: [thorn]}\n    action: {type: flag}\n    tests:\n      - {name: hit, request: rose, expect: {rules: [more]}}\n      - {name: miss, request: x, expect: {rules: []}}\n"
    code, report, off = held(lab, cases(), extra=bad)
    assert code == 1 and off == {"tests": "FAIL"} and "test 'hit' failed" in what(report, "tests"), report


def test_gate_must_block_fails(lab):
    code, report, off = held(lab, cases() + [{"id": "x", "set": "must_block", "request": "a thorn"}])
    assert code == 1 and off == {"must_block": "FAIL"} and "x: expected at least" in what(report, "must_block"), report["reasons"]


def test_gate_must_pass_fails(lab):
    code, report, off = held(lab, cases() + [{"id": "x", "set": "must_pass", "response": "a secret"}])
    assert code == 1 and off == {"must_pass": "FAIL"}, report["reasons"]


def test_gate_expectations_fail(lab):
    code, report, off = held(lab, cases() + [{"id": "x", "set": "perf", "request": "hay", "expect": {"action_at_least": "block"}}])
    assert code == 1 and off == {"expectations": "FAIL"}, report["reasons"]


def test_gate_false_positives_fail_in_total_and_by_slice(lab):
    bad = {f"b{i}": {"request": "a needle"} for i in range(6)}
    code, report, off = held(lab, changed(cases(), **bad), gate=GATE.replace("rule: 0.05", "rule: 0.5"))
    assert code == 1 and off == {"false_positives": "FAIL"} and "6 of 60" in what(report, "false_positives"), report["reasons"]
    # One slice is hit hard, and all of them together less than a rule may match at all.
    many = cases() + [{"id": f"d{i}", "set": "benign", "slice": ["de"], "request": "needle" if i < 12 else f"das Wetter {i}"} for i in range(300)]
    many += [{"id": f"f{i}", "set": "benign", "slice": ["fr"], "request": f"le temps {i}"} for i in range(1500)]
    loose = GATE.replace("total: 0.05, slice: 0.05, rule: 0.05", "total: 0.5, slice: 0.01, rule: 0.5")
    code, report, off = held(lab, many, gate=loose)
    assert code == 1 and off == {"false_positives": "FAIL"}, report["reasons"]
    failed = [f["of"] for c in report["checks"] for f in c["findings"] if f["status"] == "FAIL"]
    assert failed == ["de"], failed


def test_gate_rule_false_positives_fail(lab):
    bad = {f"b{i}": {"request": "a needle"} for i in range(6)}
    code, report, off = held(lab, changed(cases(), **bad), gate=GATE.replace("total: 0.05", "total: 0.5"))
    assert code == 1 and off == {"rule_false_positives": "FAIL"}, report["reasons"]
    assert "stop: 6 of 60" in what(report, "rule_false_positives")


def test_gate_recall_fails_below_the_floor_and_is_insufficient_near_it(lab):
    bad = {f"a{i}": {"request": "hay"} for i in range(20)}
    code, report, off = held(lab, changed(cases(), **bad))
    assert code == 1 and off == {"recall": "FAIL"} and "20 of 40" in what(report, "recall"), report["reasons"]
    few = [c for c in cases() if c["set"] != "attack" or int(c["id"][1:]) < 10]
    code, report, off = held(lab, few)
    assert code == 3 and off == {"recall": "INSUFFICIENT"} and "19 more cases" in what(report, "recall"), report["reasons"]
    code, report, off = held(lab, cases(), gate=GATE.replace("{word: 0.9}", "{word: 0.9, novel: 0.5}"))
    assert code == 3 and off == {"recall": "INSUFFICIENT"} and "novel" in what(report, "recall"), report["reasons"]


def test_gate_changes_fail_when_attacks_pass_anew_or_benign_decisions_change_unexplained(lab):
    open_gate = GATE.replace("floors: {word: 0.9}", "floors: {}")
    thorns = {f"a{i}": {"request": f"thorn {i}"} for i in range(10)}
    golden = changed(cases(), **thorns)
    active = write(lab.dir / "active", golden, words=("needle", "thorn"), gate=open_gate)
    code, report, off = held(lab, golden, "--approved-by", "Ada", against=active, gate=open_gate)
    assert code == 1 and off == {"changes": "FAIL"}, report["reasons"]
    assert "attack: 10 cases got worse and 0 better (p = 0.000977" in what(report, "changes"), what(report, "changes")
    loose = GATE.replace("total: 0.05, slice: 0.05, rule: 0.05", "total: 0.5, slice: 0.5, rule: 0.5")
    golden = changed(cases(), b0={"response": "a secret"})
    active = write(lab.dir / "active", golden, gate=loose)
    code, report, off = held(lab, golden, against=active, gate=loose, mask="##")
    assert code == 1 and off == {"changes": "FAIL"} and "1 of 60 change" in what(report, "changes"), report["reasons"]
    assert [c["id"] for c in report["changes"]] == ["b0"] and report["changes"][0]["text_differs"]
    code, report, off = held(lab, golden, "--expected-change", "another mask", against=active, gate=loose, mask="##")
    assert code == 0 and off == {} and report["expected_change"] == "another mask", report["reasons"]


def test_gate_weakening_needs_a_second_person(lab):
    active = write(lab.dir / "active", cases(), words=("needle", "thorn"))
    code, report, off = held(lab, cases(), against=active)
    assert code == 1 and off == {"weakening": "FAIL"} and "1 word removed: thorn" in what(report, "weakening"), report["reasons"]
    assert re.match("may be weaker than version [0-9a-f]{12}$", next(c["summary"] for c in report["checks"] if c["check"] == "weakening")), report["checks"]
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active)
    assert code == 0 and off == {} and "approved by Ada" in what(report, "weakening"), report["reasons"]
    me = sluice("test", "--help").returncode == 0 and __import__("pwd").getpwuid(__import__("os").geteuid()).pw_name
    code, report, off = held(lab, cases(), "--approved-by", me, against=active)
    assert code == 1 and off == {"weakening": "FAIL"} and "must be another" in what(report, "weakening"), report["reasons"]


def test_gate_keeps_what_the_active_version_promised(lab):
    promised = cases() + [{"id": "thorn", "set": "must_block", "request": "a thorn"}]
    active = write(lab.dir / "active", promised, words=("needle", "thorn"))
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active)
    assert code == 1 and off == {"promises": "FAIL"} and "thorn: a golden case of the active version" in what(report, "promises"), report["reasons"]


def test_gate_holds_deleted_cases_against_the_change_that_deletes_them(lab):
    """A keyword more, and in the same change the harmless cases that have it are swapped; and a keyword less, with its attacks."""
    umbrellas = {f"b{i}": {"request": f"an umbrella for day {i}"} for i in range(6)}
    active = write(lab.dir / "active", changed(cases(), **umbrellas))
    loose = GATE.replace("total: 0.05, slice: 0.05, rule: 0.05", "total: 0.5, slice: 0.5, rule: 0.5")
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active, words=("needle", "umbrella"), gate=loose)
    assert code == 1 and off == {"changes": "FAIL"}, report["reasons"]
    assert "benign decisions of deleted cases: 6 of 6 change" in what(report, "changes") and "6 of them are cases of the active version that the change deletes" in what(report, "changes"), what(report, "changes")
    assert "g.jsonl:4 b0 (of the active version; deleted)" in json.dumps(report["checks"]), report["checks"]
    code, report, off = held(lab, cases(), "--expected-change", "umbrellas are a rival's", against=active, words=("needle", "umbrella"))
    assert code == 1 and off == {"false_positives": "FAIL", "rule_false_positives": "FAIL", "changes": "FAIL"}, report["reasons"]
    assert "6 of 66 benign cases" in next(c["summary"] for c in report["checks"] if c["check"] == "false_positives"), report["checks"]
    code, report, off = held(lab, cases(), against=active)
    assert code == 0 and off == {}, "cases may go that nothing speaks by"

    active = write(lab.dir / "active", changed(cases(), **{f"a{i}": {"request": f"thorn {i}"} for i in range(6)}), words=("needle", "thorn"))
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active)
    assert code == 1 and off == {"recall": "FAIL", "changes": "FAIL"}, report["reasons"]
    assert "40 of 46 attack cases caught" in json.dumps(report["checks"]) and "attack: 6 cases got worse" in what(report, "changes"), report["checks"]


SUITE = """apiVersion: sluice/v1
kind: TestSuite
metadata: {name: sharp, owner: o}
tests:
  - {name: thorn, request: a thorn, expect: {action: block}}
"""


def test_gate_keeps_a_test_suite_that_was_deleted(lab):
    active = write(lab.dir / "active", cases(), words=("needle", "thorn"))
    (active / "sharp.yaml").write_text(SUITE)
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active)
    assert code == 1 and off == {"promises": "FAIL"} and "sharp/thorn: a test of the active version" in what(report, "promises"), report["reasons"]
    assert "1 broken (one that is meant to be needs a waiver: {check: promises, of: NAME, …})" in next(c["summary"] for c in report["checks"] if c["check"] == "promises")
    waiver = "  waivers: [{check: promises, of: sharp/thorn, by: Ada, reason: thorns are fine now, expires: 2099-12-31}]\n"
    code, report, off = held(lab, cases(), "--approved-by", "Ada", against=active, gate=GATE + waiver)
    assert code == 0 and off == {"promises": "waived"}, report["reasons"]


def test_gate_sees_every_message_of_a_case_and_both_of_its_sides(lab):
    golden = cases() + [{"id": "first", "set": "must_block", "messages": [{"role": "user", "content": "a thorn"}, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "thanks"}],
                         "expect": {"text_absent": ["thorn"]}},
                        {"id": "asked", "set": "perf", "request": "a thorn", "response": "thanks", "expect": {"text_absent": ["thorn"]}}]
    code, report, off = held(lab, golden)
    assert code == 1 and off == {"must_block": "FAIL", "expectations": "FAIL"}, report["reasons"]
    assert "first: " in what(report, "must_block") and "text_absent[0] is in the text" in what(report, "must_block") and "asked: text_absent[0]" in what(report, "expectations"), report["reasons"]
    assert held(lab, golden, words=("needle", "thorn"))[2] == {}


def test_gate_decides_logged_decisions_again(lab):
    g = Gateway(lab, "gw", Upstream().port, f"{{directory: {write(lab.dir / 'live', cases())}}}")
    g.kill(signal.SIGTERM)
    g.set_log("text: encrypted")
    g.start()
    for n in range(8):
        g.ask(f"a thorn or {n}" if n < 3 else f"a needle or {n}" if n == 3 else f"hay {n}")
    assert len([r for r in g.records() if "id" in r]) == 8
    log = ["--decisions", g.audit, "--state", lab.dir / "gw-state", "--secret", lab.dir / "gw-state/secret"]
    same, report, off = held(lab, cases(), *log)
    replayed = report["replayed"]
    assert off == {} and replayed["decisions"] == 8 and replayed["changes"] == [] and "of 8 logged decisions 0 newly" in next(c["summary"] for c in report["checks"] if c["check"] == "replay"), report
    folder = write(lab.dir / "more", cases(), words=("needle", "thorn"))
    r = sluice("test", folder, "--now", "2026-11-23", "--json", *log, check=False)
    report = json.loads(r.stdout)
    row = next(c for c in report["checks"] if c["check"] == "replay")
    assert r.returncode == 1 and row["status"] == "FAIL" and "3 of 8 end otherwise" in json.dumps(row) and "rule stop finds more" in json.dumps(row), row
    assert all("thorn" not in json.dumps(c) for c in report["checks"]), "a report holds no text"
    assert sluice("test", folder, "--now", "2026-11-23", *log, "--expected-change", "thorns hurt").returncode == 0
    blind = json.loads(sluice("test", folder, "--json", *log[:2]).stdout)
    # What it asked is asked again by the time that it was, whenever that is.
    redis = free_port()
    lab.redis(redis)
    r = sluice("push", folder, "--redis", f"redis://127.0.0.1:{redis}", "--ring", "it", *log, "--decisions-since", "2h", check=False)
    command = re.search(r"the same again: (sluice test .*?); in an emergency", r.stderr).group(1)
    since = re.search(r"--decisions-since (\S+)", command).group(1)
    assert r.returncode == 1 and abs(time.time() - 7200 - datetime.fromisoformat(since).timestamp()) < 300, command
    again = subprocess.run(shlex.split(command.replace("sluice", SLUICE, 1)) + ["--json"], capture_output=True, text=True)
    assert again.returncode == 1 and json.loads(again.stdout)["replayed"]["decisions"] == 8, again
    assert blind["replayed"]["without_text"] == 8 and next(c for c in blind["checks"] if c["check"] == "replay")["status"] == "warning"


def test_gate_cost_fails(lab):
    code, report, off = held(lab, cases(), gate=GATE.replace("slower: 100", "slower: 100, database_bytes: 10"))
    assert code == 1 and off == {"cost": "FAIL"} and "at most 10" in what(report, "cost"), report["reasons"]
    code, report, off = held(lab, cases(), gate=GATE.replace("slower: 100", "slower: 100, compile_bytes: 4096"))
    assert code == 1 and off == {"cost": "FAIL"} and "the compiler held" in what(report, "cost"), report["reasons"]
    code, report, off = held(lab, cases(), gate=GATE.replace("slower: 100", "slower: 100, compile: 1ms"))
    assert code == 1 and off == {"cost": "FAIL"} and "compile" in what(report, "cost"), report["reasons"]
    # A rule that finds something at every word, where the others find nothing.
    straw = changed(cases(), perf={"request": "straw " * 20000})
    code, report, off = held(lab, straw, gate=GATE.replace("slower: 100", "slower: 100, rule_us: 20"), extra=STRAW)
    assert code == 1 and off == {"cost": "FAIL"} and "straw: takes" in what(report, "cost"), report["reasons"]
    active = write(lab.dir / "active", straw)
    code, report, off = held(lab, straw, against=active, gate=GATE.replace("slower: 100", "slower: 1.2"), extra=STRAW)
    assert code == 1 and off == {"cost": "FAIL"} and "evaluation: p99" in what(report, "cost"), report["reasons"]


def test_gate_self_check_fails_when_no_case_would_notice_a_bad_rule(lab):
    blind = [{"id": "mb", "set": "must_block", "request": "a needle", "expect": {"action_at_least": "allow"}},
             {"id": "mp", "set": "must_pass", "request": "hay", "expect": {"action_at_most": "block"}}]
    code, report, off = held(lab, blind, gate="gate:\n  require: [must_block, must_pass]\n")
    bad = {k: v for k, v in off.items() if v != "warning"}
    assert code == 1 and bad == {"self_check": "FAIL"}, report["reasons"]
    assert what(report, "self_check").count("cases expect?") == 2


def test_gate_without_evidence_is_insufficient_where_it_was_asked_for_and_a_warning_elsewhere(lab):
    code, report, off = held(lab, cases()[:2])
    assert code == 3 and report["verdict"] == "INSUFFICIENT", report["reasons"]
    missing = {c["check"]: [f.get("missing") for f in c["findings"]] for c in report["checks"] if c["status"] == "INSUFFICIENT"}
    assert missing["false_positives"] == [59] and missing["rule_false_positives"] == [59] and missing["recall"] == [29] and missing["cost"][-1] == 1, missing
    code, report, off = held(lab, [], gate="")
    assert code == 0 and set(off.values()) == {"warning"} and off.keys() >= {"must_block", "must_pass", "false_positives", "recall", "self_check"}, off
    code, report, off = held(lab, cases(), "--max-false-positives", "0.01", gate="")
    assert code == 3 and off["false_positives"] == "INSUFFICIENT", report["reasons"]


def test_gate_waivers_have_a_person_a_reason_and_an_end(lab):
    bad = {f"a{i}": {"request": "hay"} for i in range(20)}
    waiver = "  waivers:\n    - {check: recall, of: word, by: Ada, reason: the new model comes in May, expires: 2026-12-31}\n"
    code, report, off = held(lab, changed(cases(), **bad), gate=GATE + waiver)
    assert code == 0 and off == {"recall": "waived"} and "waived by Ada until 2026-12-31: the new model" in what(report, "recall"), report
    code, report, off = held(lab, changed(cases(), **bad), gate=GATE + waiver.replace("2026-12-31", "2026-11-22"))
    assert code == 1 and off == {"recall": "FAIL"} and "ended on 2026-11-22" in what(report, "recall"), report
    code, report, off = held(lab, changed(cases(), **bad), gate=GATE + waiver.replace("of: word", "of: other"))
    assert code == 1 and off == {"recall": "FAIL"}, report


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.problems = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "wbr"):  # these have no end
            self.open.append(tag)
        self.problems += [f"{tag} {k}={v}" for k, v in attrs if k in ("src", "href", "action") or k.startswith("on")]

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}>")


def test_gate_report_is_one_page_that_asks_for_nothing(lab):
    golden = changed(cases(), **{f"b{i}": {"request": "a needle"} for i in range(6)})
    active = write(lab.dir / "active", cases(), words=("needle", "<thorn>"))
    page, xml = lab.dir / "r.html", lab.dir / "r.xml"
    held(lab, golden, "--html", page, "--junit", xml, against=active)
    text = page.read_text()
    read = Page()
    read.feed(text)
    assert read.problems == [] and read.open == [], (read.problems, read.open)
    assert {"svg", "table", "figure"} <= read.tags and "script" not in read.tags and "link" not in read.tags
    assert "prefers-color-scheme:dark" in text and "max-width:40rem" in text and "url(" not in text and "@import" not in text
    assert "FAIL" in text and "rule_false_positives" in text
    assert 'classname="gate" name="weakening"' in xml.read_text() and "second person" in xml.read_text()
    for secret in ("needle number", "weather on day"):
        assert secret not in text, "a report names cases and never their text"


def test_gate_holds_ten_thousand_cases_in_ten_seconds_of_two_cores(lab):
    long = lab.dir / "long.jsonl"
    words = "please look at the figures of our branch in the north and tell me what changed since spring".split()
    with open(long, "w") as out:
        for i in range(10_000):
            text = " ".join(words[(i + j * 7) % len(words)] for j in range(60)) + f" {i}"
            out.write(json.dumps({"id": f"x{i}", "set": "benign", "slice": [str(i % 3)], ("response" if i % 4 == 0 else "request"): text}) + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    r = sluice("test", ROOT / "policies", "--golden", long, "--json", check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(r.stdout)["golden"] > 10_000 and "%" not in r.stderr, "progress is for terminals"
    # Time of the processor, because others share it: twenty seconds of it are ten of two cores.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 20, spent


def test_golden_import_takes_each_text_once_and_holds_some_out(lab):
    table, out, kept = lab.dir / "t.csv", lab.dir / "b" / "golden" / "benign.jsonl", lab.dir / "kept" / "deep" / "benign.jsonl"  # a folder that nobody has made
    write(lab.dir / "b", cases())
    with open(table, "w") as f:
        f.write("id,prompt\n" + "".join(f'{i},"question {i * i}, about ""{i * 7919}"" and {i * i * i}"\n' for i in range(200)) + '900,"Question 0,  about ""0"" and 0"\n')
    into = ["golden", "import", table, "--column", "prompt", "--set", "benign", "--slice", "en", "--alike", "0.95", "--out", out, "--holdout", kept, "--holdout-percent", "20"]
    told = json.loads(sluice(*into, "--json").stdout)
    assert told["rows"] == 201 and told["duplicates"] == 1 and told["cases"] + told["holdout"] == 200 and 20 < told["holdout"] < 60, told
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == told["cases"] and lines[0]["slice"] == ["en"] and len(kept.read_text().splitlines()) == told["holdout"]
    again = json.loads(sluice(*into, "--json").stdout)
    assert again["cases"] == again["holdout"] == 0 and again["duplicates"] == 201, "what is there is not added again"
    assert sluice("test", lab.dir / "b", "--golden", kept).returncode == 0
    r = sluice(*into[:-3], lab.dir / "b" / "golden" / "h.jsonl", "--holdout-percent", "20", check=False)
    assert r.returncode == 2 and "in one folder" in r.stderr, r.stderr
    r = sluice(*into[:4], "promt", *into[5:], check=False)
    assert r.returncode == 1 and "no column 'promt'; the first line has id, prompt" in r.stderr, r.stderr


def test_golden_add_appends_a_case_that_the_gate_reads(lab):
    folder = write(lab.dir / "b", cases())
    out = folder / "golden" / "reported.jsonl"
    add = lambda text, *args: subprocess.run([SLUICE, "golden", "add", "--out", out, *args], input=text, capture_output=True, text=True, timeout=30)
    r = add("a needle, please\n", "--set", "must_block", "--slice", "reported", "--rule", "stop", "--at-least", "block")
    assert r.returncode == 0, r.stderr
    case = json.loads(out.read_text())
    assert case["request"] == "a needle, please" and case["expect"] == {"action_at_least": "block", "rules_any": ["stop"]}
    assert sluice("test", folder).returncode == 0
    r = add("a needle, please\n", "--set", "must_block")
    assert r.returncode == 1 and "exists already" in r.stderr, r.stderr
    r = add("text", "--set", "must_pass", "--at-most", "blok")
    assert r.returncode == 1 and "'blok' is no value of 'action_at_most'" in r.stderr, r.stderr
    assert add("", "--set", "must_pass").returncode == 1
    r = subprocess.run([SLUICE, "golden", "add", "--out", out, "--set", "benign"], input=b"caf\xe9", capture_output=True, timeout=30)
    assert r.returncode == 1 and b"no UTF-8" in r.stderr, r.stderr
    assert len(out.read_text().splitlines()) == 1


def test_golden_add_takes_a_decision_of_the_log(lab):
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {write(lab.dir / 'live', cases())}}}")
    g.kill(signal.SIGTERM)
    out = lab.dir / "b" / "golden" / "reported.jsonl"
    folder = write(lab.dir / "b", cases())
    add = lambda decision, *more: sluice("golden", "add", "--decision", decision, "--out", out, "--from", g.audit, *more, check=False)
    keys = ["--state", lab.dir / "gw-state", "--secret", lab.dir / "gw-state/secret"]
    g.set_log("text: encrypted")
    g.start()
    blocked = g.ask("a needle, for ann@example.org")[1]["x-sluice-decision"]
    up.text = "straw for everybody"
    passed = g.ask("hay", stream=True)[1]["x-sluice-decision"]
    assert len([r for r in g.records() if "id" in r]) == 3  # an answer waits for no record
    r = add(blocked, "--set", "must_block", "--slice", "reported", "--rule", "stop", *keys)
    assert r.returncode == 0 and "mask what is personal" in r.stderr, r.stderr
    r = add(passed, "--set", "must_pass", "--note", "harmless", *keys)
    assert r.returncode == 0, r.stderr
    first, second = [json.loads(line) for line in out.read_text().splitlines()]
    assert first["messages"] == [{"role": "user", "content": "a needle, for ann@example.org"}] and first["label"] == {"source": f"decision {blocked}"}, first
    assert first["context"]["route"] and "time" in first["context"] and "user" not in first["context"], first
    assert second["response"] == "straw for everybody" and second["id"] == f"decision-{passed}" and second["note"] == "harmless", second
    assert json.loads(add(passed, "--set", "benign", "--direction", "request", "--id", "asked", "--json", *keys).stdout)["messages"][0]["content"] == "hay"
    assert sluice("test", folder).returncode == 0
    before = out.read_text()
    for r, what in ((add(blocked, "--set", "must_block", *keys), "exists already"), (add(blocked, "--set", "must_block"), "without --secret its text cannot be opened"),
                    (add("06h0mqn3047np0000cshjbwck3954r58", "--set", "must_block", *keys), "these logs have no decision"),
                    (sluice("golden", "add", "--decision", blocked, "--set", "benign", "--out", out, check=False), "needs the logs that hold it")):
        assert r.returncode == 1 and what in r.stderr, r.stderr
    g.kill(signal.SIGTERM)
    g.set_log("")
    g.start()
    unkept = g.ask("hay")[1]["x-sluice-decision"]
    g.records()
    r = add(unkept, "--set", "benign", *keys)
    assert r.returncode == 1 and "the log keeps no text" in r.stderr and "standard input" in r.stderr, r.stderr
    assert out.read_text() == before


def test_gate_decides_what_a_push_uploads(lab):
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    port = free_port()
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    history = lambda: json.loads(sluice("history", *ring, "--json").stdout)
    push = lambda folder, *args: sluice("push", folder, *ring, *args, check=False)

    folder = write(lab.dir / "b", cases()[:2])
    r = push(folder)
    assert r.returncode == 1 and "the gate says INSUFFICIENT, so nothing was uploaded" in r.stderr and "58 more" not in r.stderr, r.stderr
    r = push(write(lab.dir / "b", cases()[:2], gate=""))
    assert r.returncode == 0, r.stderr  # nobody demanded more
    r = push(write(lab.dir / "b", cases(), words=("needle", "thorn")), "--json")
    told = json.loads(r.stdout)
    assert r.returncode == 0 and told["gate"]["verdict"] == "PASS" and len(told["gate"]["report"]) == 64, r.stderr
    # Weaker than what is live: the ring's own version is what it is held against.
    folder = write(lab.dir / "b", cases())
    files = {name: lab.dir / f"gate.{name}" for name in ("json", "html", "xml")}
    r = push(folder, "--report", files["json"], "--html", files["html"], "--junit", files["xml"])
    assert r.returncode == 1 and "1 word removed: thorn" in r.stderr and "--approved-by" in r.stderr, r.stderr
    assert json.loads(files["json"].read_text())["verdict"] == "FAIL" and "weakening" in files["html"].read_text() and "weakening" in files["xml"].read_text()
    # What it saw is kept, and comes to the same again.
    kept, command = re.search(r"its report: (\S+); the same again: (sluice test .*?); in an emergency", r.stderr).groups()
    again = subprocess.run(shlex.split(command.replace("sluice", SLUICE, 1)) + ["--json"], capture_output=True, text=True)
    assert again.returncode == 1 and json.loads(again.stdout)["digest"] == json.load(open(kept))["digest"], again
    assert sluice("test", folder, check=False).returncode == 0, "alone it shows nothing of it"
    shutil.rmtree(Path(kept).parent)
    r = push(folder, "--approved-by", "Ada")
    assert r.returncode == 0, r.stderr
    assert re.search(r"gate report [0-9a-f]{12}$", r.stdout, re.MULTILINE), r.stdout

    # A gate is not got rid of by leaving it out.
    r = push(write(lab.dir / "b", cases(), gate=""))
    assert r.returncode == 1 and "gate: it asks for less (the block is gone)" in r.stderr, r.stderr

    failing = write(lab.dir / "b", cases() + [{"id": "x", "set": "must_block", "request": "a thorn"}], words=("needle", "rose"))
    assert push(failing).returncode == 1
    r = push(failing, "--emergency")
    assert r.returncode == 2 and "--note" in r.stderr, r.stderr
    before = len(history())
    r = push(failing, "--emergency", "--note", "the rose incident")
    assert r.returncode == 0 and history()[0]["note"] == "EMERGENCY, golden sets not asked: the rose incident" and len(history()) == before + 1, r.stderr
    assert "the gate says EMERGENCY: not asked were must_block, must_pass, " in r.stderr and history()[0]["gate_verdict"] == "EMERGENCY", r.stderr
    assert "; not asked: must_block, must_pass, " in sluice("history", *ring).stdout and "EMERGENCY: the gate of version" in sluice("status", *ring).stdout
    told = json.loads(sluice("status", *ring, "--json").stdout)["head"]
    assert told["gate_verdict"] == "EMERGENCY" and {"must_block", "weakening"} < set(told["skipped"]) and "cost" not in told["skipped"], told
    # It stays one whichever way it goes live, and a version in shadow is the one that its row is about.
    urgent = json.loads(push(write(lab.dir / "c", cases(), words=("needle", "rose", "lily")), "--no-activate", "--emergency", "--note", "the lily incident", "--json").stdout)["version"]
    live = history()[0]["version"]
    assert push(write(lab.dir / "c", cases(), words=("needle", "rose", "lily")), "--shadow", "--emergency", "--note", "try").returncode == 0
    beside = history()[0]
    assert beside["kind"] == "shadow" and beside["version"] == live and beside["shadow"] == urgent and beside["emergency"], beside
    assert f"shadow {urgent[:12]}" in sluice("history", *ring).stdout
    sluice("activate", urgent[:12], *ring, "--note", "now")
    assert history()[0]["emergency"] and "now; EMERGENCY" in sluice("history", *ring).stdout, history()[0]
    # Its sets hold: the same version once more, and the history says both.
    r = push(write(lab.dir / "c", cases(), words=("needle", "rose", "lily")))
    assert r.returncode == 0 and history()[0]["gate_verdict"] == "PASS" and not history()[0]["emergency"] and history()[0]["version"] == urgent, (r.stderr, history()[0])
    assert history()[1]["emergency"] and "EMERGENCY" not in sluice("status", *ring).stdout, history()[1]
    before += 3
    r = push(write(lab.dir / "b", cases(), words=("needle", "lily"), gate=GATE.replace("slower: 100", "database_bytes: 10")), "--emergency", "--note", "why")
    assert r.returncode == 1 and "at most 10" in r.stderr, r.stderr
    for limit, told in (("compile: 1ms", "compiled from nothing in"), ("compile_bytes: 4096", "the compiler held"), ("rule_us: 20", "straw: takes")):
        straw = changed(cases(), perf={"request": "straw " * 20000})
        r = push(write(lab.dir / "b", straw, words=("needle", "lily"), gate=GATE.replace("slower: 100", limit), extra=STRAW), "--emergency", "--note", "why")
        assert r.returncode == 1 and told in r.stderr, (limit, r.stderr)
    bad = "  - id: more\n    direction: request\n    match: {keywords: [thorn]}\n    action: {type: flag}\n    tests: [{name: hit, request: rose, expect: {rules: [more]}}, {name: miss, request: x, expect: {rules: []}}]\n"
    assert push(write(lab.dir / "b", cases(), extra=bad), "--emergency", "--note", "why").returncode == 1
    assert len(history()) == before + 1


def test_what_is_kept_of_a_refused_emergency_asks_no_more_than_it_did(lab):
    port = free_port()
    lab.redis(port)
    # Golden sets that fail, and a cost that an emergency is asked for, too.
    folder = write(lab.dir / "b", cases() + [{"id": "x", "set": "must_block", "request": "a thorn"}], gate=GATE.replace("slower: 100", "database_bytes: 10"))
    refused = lambda: sluice("push", folder, "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--emergency", "--note", "why", check=False)
    r = refused()
    kept, command = re.search(r"its report: (\S+); the same again: (sluice test .*)", r.stderr).groups()
    again = subprocess.run(shlex.split(command.replace("sluice", SLUICE, 1)) + ["--json"], capture_output=True, text=True)
    assert command.endswith(" --emergency") and json.loads(again.stdout)["digest"] == json.load(open(kept))["digest"], again
    assert Path(kept).parent.stat().st_mode & 0o777 == 0o700
    # They do not pile up, and nothing goes that is no such folder.
    place = Path(kept).parent.parent
    for n in range(30):
        (place / f"sluice-gate-{n:012x}-00000000").mkdir()
        (place / f"sluice-gate-{n:012x}-00000000/report.json").write_text("{}")
    mine = [place / "sluice-gate-golden-work", place / "sluice-gate-0123456789ab-0123abcd"]  # another name; no report in it
    for each in mine:
        each.mkdir(exist_ok=True)
        (each / "precious").write_text("x")
        os.utime(each, (1, 1))
    link, file, last = place / "sluice-gate-link", place / "sluice-gate-file", re.search(r"its report: (\S+);", refused().stderr).group(1)
    link.symlink_to(lab.dir / "b")
    file.write_text("")
    for _ in range(2):
        last = re.search(r"its report: (\S+);", refused().stderr).group(1)
        assert len([f for f in place.glob("sluice-gate-*/report.json") if not f.parent.is_symlink()]) == 20 and Path(last).exists(), list(place.iterdir())
    assert link.is_symlink() and file.exists() and (lab.dir / "b/bundle.yaml").exists() and all((each / "precious").exists() for each in mine)
    for each in mine:
        shutil.rmtree(each)


def test_each_version_is_told_with_its_own_verdict(lab):
    port = free_port()
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    live = json.loads(sluice("push", write(lab.dir / "a", cases()), *ring, "--commit", "1" * 40, "--json").stdout)["version"]
    trial = json.loads(sluice("push", write(lab.dir / "b", cases(), words=("needle", "thorn")), *ring, "--canary", "5", "--emergency", "--note", "try", "--commit", "2" * 40, "--json").stdout)["version"]
    status = lambda: json.loads(sluice("status", *ring, "--json").stdout)

    def each_its_own():
        told = status()
        assert told["head"]["version"] == live and told["head"]["gate_verdict"] == "PASS" and told["head"]["skipped"] == [] and told["head"]["commit"] == "1" * 40, told
        assert told["canary"]["version"] == trial and told["canary"]["gate_verdict"] == "EMERGENCY" and "must_block" in told["canary"]["skipped"] and told["canary"]["commit"] == "2" * 40, told
        assert f"EMERGENCY: the gate of version {trial[:12]}, which is the canary, was not asked for" in sluice("status", *ring).stdout

    each_its_own()
    rows = sluice("history", *ring).stdout.splitlines()
    assert rows[1].startswith("1-2") and live[:12] in rows[1] and f"canary {trial[:12]}" in rows[1] and "EMERGENCY" not in rows[1] and "2" * 12 not in rows[1], rows
    assert rows[2].split()[0] == trial[:12] and "beside it" in rows[2] and "2" * 12 in rows[2] and "EMERGENCY, golden sets not asked: try; not asked: must_block" in rows[2], rows
    top = json.loads(sluice("history", *ring, "--json").stdout)[0]
    assert top["version"] == live and top["origin_of"] == trial and top["emergency"], top
    # What is done to the one that is live is about that one, and the canary is what it was.
    sluice("demote", "hide", *ring)
    each_its_own()
    rows = sluice("history", *ring).stdout.splitlines()
    assert rows[1].startswith("1-3") and "1" * 12 in rows[1] and "EMERGENCY" not in rows[1] and rows[2].startswith("1-2"), rows
    again = ["push", lab.dir / "b", *ring, "--shadow", "--emergency", "--note", "try", "--commit", "2" * 40]
    r = sluice(*again, check=False)
    assert r.returncode == 1 and "is the canary: it decides for some already" in r.stderr, r
    sluice("abort", *ring)
    sluice(*again)
    assert status()["shadow_origin"]["gate_verdict"] == "EMERGENCY" and status()["head"]["gate_verdict"] == "PASS", status()
