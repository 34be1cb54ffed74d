#!/usr/bin/env python3
"""Holds `sluice schema` against a validator that is not ours, and against `sluice check`.

    schema_test.py SLUICE   every document that ships and that `sluice init` and `sluice new` write is valid; mistakes that the reader
                            refuses are refused by the schema too.
Exit 77 (skipped) when SLUICE is not built or python3-jsonschema or python3-yaml is missing.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(missing)
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Loader(yaml.SafeLoader):
    """YAML 1.2's core: no dates, no times, no `off` or `yes` that is a boolean."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in every if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null")]
    for first, every in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for word in ("true", "false"):
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), [word[0]])
Loader.yaml_implicit_resolvers = {
    first: [(tag, re.compile(r"^[-+]?[0-9]+$") if tag.endswith(":int") else regexp) for tag, regexp in every]
    for first, every in Loader.yaml_implicit_resolvers.items()
}


def documents(path):
    return [d for d in yaml.load_all(path.read_text(encoding="utf-8"), Loader) if d is not None]


def problems_of(validator, document):
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(document)]


def policy(rule):
    return {"apiVersion": "sluice/v1", "kind": "Policy", "metadata": {"name": "p"}, "rules": [rule]}


def with_rule(**changes):
    rule = {"id": "r", "direction": "request", "match": {"keywords": ["needle"]}, "action": {"type": "flag"},
            "tests": [{"name": "hit", "request": "needle", "expect": {"rules": ["r"]}}, {"name": "miss", "request": "hay", "expect": {"rules": []}}]}
    rule.update(changes)
    return policy({k: v for k, v in rule.items() if v is not None})


# What both must refuse.
WRONG = {
    "a misspelt key": with_rule(directoin="request"),
    "a missing key": with_rule(match=None),
    "a wrong word": with_rule(direction="sideways"),
    "an action's key with another action": with_rule(action={"type": "flag", "mask": "x"}),
    "a number out of range": with_rule(score=1001),
    "two kinds of match": with_rule(match={"keywords": ["x"], "regex": "y"}),
    "no kind of match": with_rule(match={"min_count": 2}),
    "a validator without a regex": with_rule(match={"keywords": ["x"], "validator": "luhn"}),
    "a classifier that does not say what a timeout means": with_rule(match={"classifier": {"name": "a", "label": "b", "threshold": 0.5}}),
    "a guard": with_rule(match={"guard": {"endpoint": "x"}}),
    "a misspelt axis": dict(with_rule(), scope={"tenants": ["x"]}),
    "an unknown kind": {"apiVersion": "sluice/v1", "kind": "Polcy"},
    "an overlay without patches": {"apiVersion": "sluice/v1", "kind": "Overlay", "metadata": {"name": "o"}},
}


def reader_refuses(sluice, folder, document):
    (folder / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [{use: p, bind: global}]\n")
    (folder / "p.json").write_text(json.dumps(document))
    return subprocess.run([sluice, "check", str(folder)], capture_output=True, check=False).returncode != 0


def main():
    sluice = sys.argv[1]
    if not os.access(sluice, os.X_OK):
        print(f"{sluice} is not built")
        return 77
    schema = json.loads(subprocess.run([sluice, "schema"], capture_output=True, text=True, check=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    found, valid = [], 0
    with tempfile.TemporaryDirectory() as name:
        made = pathlib.Path(name) / "made"
        for command in (["init", str(made)], ["new", "policy", "more", "--in", str(made)], ["new", "list", "names", "--in", str(made)]):
            subprocess.run([sluice, *command], capture_output=True, check=True)
        written = [p for p in sorted(made.rglob("*")) if p.suffix in (".yaml", ".yml", ".json")]
        shipped = [p for p in sorted((ROOT / "policies").rglob("*")) if p.suffix in (".yaml", ".yml", ".json")]
        for path in shipped + written:
            for document in documents(path):
                wrong = problems_of(validator, document)
                found += [f"{path}: {w}" for w in wrong]
                valid += not wrong
        for what, document in WRONG.items():
            folder = pathlib.Path(name) / "wrong"
            folder.mkdir(exist_ok=True)
            if not problems_of(validator, document):
                found.append(f"the schema takes {what}")
            if not reader_refuses(sluice, folder, document):
                found.append(f"sluice check takes {what}")
        right = with_rule()
        if problems_of(validator, right) or reader_refuses(sluice, folder, right):
            found.append("a rule without a mistake is refused: this test proves nothing")
    if valid < 10:
        found.append(f"only {valid} documents were found: this test has gone blind")
    print("\n".join(found) if found else f"{valid} documents are valid; {len(WRONG)} mistakes are refused by the schema and by the reader.")
    return 1 if found else 0


sys.exit(main())
