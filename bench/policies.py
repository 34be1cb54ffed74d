"""Figures of the policies themselves: how long a node takes to build them, what they hold back of answers, and what it costs to know
whose rules apply."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import yaml

from lab import ROOT
from load import table

RELEASE = ROOT / "build/release"
BUILT = re.compile(r"is in force as \S+ from .*, built in (\d+) ms")


def program(name):
    """A program of bench/ that the ordinary build leaves out."""
    subprocess.run(["ninja", "-C", str(RELEASE), name], check=True, stdout=subprocess.DEVNULL)
    return RELEASE / "bench" / name


def shipped_bundle(to):
    return shutil.copytree(ROOT / "policies", to, ignore=shutil.ignore_patterns("examples", "training"))


def harmless_texts(lab):
    """Labelled text where it is beside the tree (SLUICE_CORPORA), else what the shipped golden sets call harmless."""
    corpora = os.environ.get("SLUICE_CORPORA", ROOT.parent / "shared/corpora")
    labelled = Path(corpora) / "benign.jsonl"
    if labelled.is_file():
        return labelled
    own = lab.dir / "harmless.jsonl"
    with open(own, "w", encoding="utf-8") as out:
        for file in sorted((ROOT / "policies/golden").glob("*.jsonl")):
            for case in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
                text = case.get("response", case.get("request"))
                if case["set"] == "benign" and isinstance(text, str):
                    out.write(json.dumps({"text": text}) + "\n")
    return own


def builds_of(lab, name):
    """Milliseconds that each build of a node took, in order."""
    return [int(ms) for ms in BUILT.findall((lab.dir / f"{name}.log").read_text())]


def bench_compile(lab, args, report):
    up, _ = lab.mock()
    rounds, changes = (1, 3) if args.quick else (5, 20)
    cold, changed = [], {"one keyword changed": [], "one regex changed": []}
    for n in range(rounds):  # each with a state directory of its own: nothing compiled is there
        name = f"compile-{n}"
        folder = shipped_bundle(lab.dir / name)
        lab.sluice(up, folder, name)
        cold += builds_of(lab, name)
    for what, file, pattern, form in (("one keyword changed", "topics.yaml", r"keywords: \[", "keywords: [zoq{}, "),
                                      ("one regex changed", "secrets.yaml", r"pplx-\[", "(?:pplx|zoq{})-[")):
        original = (folder / file).read_text()
        for n in range(changes):
            before = len(builds_of(lab, name))
            (folder / ".new").write_text(re.sub(pattern, form.format("".join("bcdfghklmn"[int(d)] for d in f"{n:03}")), original, count=1))
            os.replace(folder / ".new", folder / file)
            end = time.monotonic() + 60
            while len(builds_of(lab, name)) == before:
                if time.monotonic() > end:
                    sys.exit(f"bench: a changed {file} was not in force within a minute: {(lab.dir / (name + '.log')).read_text()[-800:]}")
                time.sleep(0.02)
            changed[what].append(builds_of(lab, name)[-1])
        (folder / file).write_text(original)
        time.sleep(1)
    rows = [["cold", len(cold), int(statistics.median(cold)), max(cold)]] + [[what, len(ms), int(statistics.median(ms)), max(ms)] for what, ms in changed.items()]
    table("The shipped policies built by a node", ["", "builds", "median ms", "most ms"], rows)
    report["figures"] |= {"shipped bundle built cold, ms": statistics.median(cold), "shipped bundle, one keyword changed, ms": statistics.median(changed["one keyword changed"]),
                          "shipped bundle, one regex changed, ms": statistics.median(changed["one regex changed"])}
    report["compile"] = {"cold": cold, **changed}


def with_email_flagged(folder):
    """The shipped bundle with every e-mail rule that would change text made one that flags."""
    for file in folder.rglob("*.yaml"):
        documents = list(yaml.safe_load_all(file.read_text()))
        rules = [r for d in documents for r in d.get("rules", []) if r.get("category") == "pii.email" and r["action"]["type"] not in ("allow", "flag")]
        for rule in rules:
            rule["action"] = {"type": "flag"}
            rule["tests"] = [t | {"expect": {k: v for k, v in t["expect"].items() if k not in ("text", "action")}} for t in rule["tests"]]
        if rules:
            file.write_text(yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False))
    return folder


def bench_held(lab, args, report):
    texts = harmless_texts(lab)
    if args.quick:
        few = lab.dir / "few.jsonl"
        few.write_text("".join(texts.read_text(encoding="utf-8").splitlines(keepends=True)[:100]), encoding="utf-8")
        texts = few
    folder = with_email_flagged(shipped_bundle(lab.dir / "held"))
    said = subprocess.run([program("sluice_hold_price"), folder, texts], capture_output=True, text=True, check=True).stdout
    at_once, by_next = map(float, re.search(r"^all rules +([\d.]+) % +([\d.]+) %", said, re.MULTILINE).groups())
    oracle = subprocess.run([program("sluice_hold_oracle"), folder, "pii-email", texts], capture_output=True, text=True, check=False)
    if oracle.returncode not in (0, 1) or not oracle.stdout:
        sys.exit(f"bench: sluice_hold_oracle: {oracle.stderr}")
    email = json.loads(oracle.stdout)
    table(f"Harmless answers of {texts.name}, a word or four letters an event", ["", "left with its event", "by the next", "events held unlike PCRE2"],
          [["shipped, e-mail flagged", f"{at_once:.2f} %", f"{by_next:.2f} %", "–"],
           ["e-mail redacted, alone", f"{100 * email['at_once']:.2f} %", f"{100 * email['by_next']:.2f} %", f"{email['unlike']} of {email['events']}"]])
    report["figures"] |= {"harmless text not out by the next event, %": 100 - by_next, "events held unlike the oracle, e-mail redacted": email["unlike"]}
    report["held"] = {"at_once": at_once, "by_next": by_next, "email": email}


def bench_scopes(lab, args, report):
    of = json.loads(subprocess.run([program("sluice_scope_price"), "1000"], capture_output=True, text=True, check=True).stdout)
    table("Whose rules apply: a policy for each of 1,000 tenants and of 2 regions, exceptions by route, tags, hours",
          ["look-up ns", "KB a policy", "of 250 tenants", "bytes for a million contexts", "compile ms"],
          [[of["lookup_ns"], f"{of['bytes_a_policy'] / 1024:.1f}", f"{of['bytes_a_policy_of_a_quarter'] / 1024:.1f}", of["bytes_grown"], of["compile_ms"]]])
    report["figures"] |= {"look-up of a context, ns": of["lookup_ns"], "memory a policy, x of a quarter of the policies": of["bytes_a_policy"] / of["bytes_a_policy_of_a_quarter"],
                          "memory grown by a million contexts, bytes": of["bytes_grown"]}
    report["scopes"] = of
