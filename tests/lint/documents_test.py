#!/usr/bin/env python3
"""Holds documents against what the program does.

    documents_test.py SLUICE   docs/configuration.md: each YAML example is accepted as it stands, and its keys, those that
                               `config show` prints and those that the source reads are the same; docs/deploy.md names each metric.
Exit 77 (skipped) when SLUICE is not built.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def yaml_examples(text):
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def documented_keys(text):
    return {m for m in re.findall(r"^\| `([a-z_.\[\]]+)` \|", text, re.MULTILINE)}


def shown_keys(yaml):
    """Dotted keys of `config show`, which writes block style, one key a line; the first key of a list's item follows '- '."""
    stack, keys = [], set()
    for line in yaml.splitlines():
        match = re.match(r'^(\s*)(- )?("?)([^":]+)\3:(.*)$', line)
        if not match:
            continue
        indent = len(match[1]) + len(match[2] or "")
        while stack and stack[-1][0] >= indent:
            stack.pop()
        name = match[4]
        path = ".".join([s[1] for s in stack] + [name])
        if match[2]:
            path = re.sub(r"^(\w+)\.", r"\1[].", path)
            stack[-1] = (stack[-1][0], stack[-1][1] + ("[]" if not stack[-1][1].endswith("[]") else ""))
        if not match[5].strip():
            stack.append((indent, name))
        else:
            keys.add(path)
    return keys


def check_examples(sluice, text):
    problems, shown = [], set()
    examples = yaml_examples(text)
    if len(examples) < 2:
        problems.append("docs/configuration.md has lost its examples")
    for number, example in enumerate(examples, 1):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sluice.yaml"
            path.write_text(example)
            checked = subprocess.run([sluice, "config", "check", "--file-only", str(path)], capture_output=True, text=True, check=False)
            if checked.returncode != 0:
                problems.append(f"docs/configuration.md, example {number} is refused:\n{checked.stderr}")
                continue
            out = subprocess.run([sluice, "config", "show", str(path)], capture_output=True, text=True, check=False)
            if out.returncode != 0:
                problems.append(f"docs/configuration.md, example {number} cannot be shown:\n{out.stderr}")
            path.write_text(out.stdout)
            again = subprocess.run([sluice, "config", "check", "--file-only", str(path)], capture_output=True, text=True, check=False)
            if again.returncode != 0:
                problems.append(f"what `config show` prints of example {number} is refused:\n{again.stderr}")
            shown |= shown_keys(out.stdout)
    return problems, shown


def read_keys():
    """The last words of keys that the readers of the configuration ask for."""
    source = "".join((ROOT / "src/app" / name).read_text(encoding="utf-8") for name in ("config.cpp", "config_policy.cpp"))
    calls = r'\b(?:\w+)\.(?:text|path|file|number|port|boolean|duration|duration_or_zero|bytes|choice|list)\("(\w+)"|\bread\("(\w+)"'
    return {a or b for a, b in re.findall(calls, source)}


def check_configuration(sluice):
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    problems, shown = check_examples(sluice, text)
    documented = documented_keys(text)
    free = {k for k in shown if k.startswith("node.labels.")}
    for key in sorted(shown - documented - free):
        problems.append(f"docs/configuration.md does not explain '{key}', which `config show` prints")
    last = {k.rsplit(".", 1)[-1] for k in documented}
    for word in sorted(read_keys() - last):
        problems.append(f"docs/configuration.md does not explain a key '{word}', which src/app/config*.cpp reads")
    for word in sorted(last - read_keys() - {"labels"}):
        problems.append(f"docs/configuration.md explains a key '{word}', which src/app/config*.cpp does not read")
    for key in sorted(documented):
        top, word = key.split(".")[0].removesuffix("[]"), key.rsplit(".", 1)[-1]
        example = yaml_examples(text)[1]
        if key in ("policy.source.directory", "policy.trust.keys_file") or key.startswith("policy.source.https."):  # exclude redis; is refused
            continue
        if not re.search(rf"^{top}:", example, re.MULTILINE) or not re.search(rf"\b{word}:", example):
            problems.append(f"'{key}' is missing in the example with every key")
    return problems


def check_metrics():
    source = (ROOT / "src/telemetry/metrics.cpp").read_text(encoding="utf-8")
    families = set(re.findall(r'(?:out\.family\(|total\{|level_now\{|name = )"((?:sluice|process)_\w+)"', source))
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `((?:sluice|process)_\w+)", text, re.MULTILINE))
    problems = [f"docs/deploy.md does not explain the metric {m}" for m in sorted(families - documented)]
    problems += [f"docs/deploy.md explains a metric {m} that does not exist" for m in sorted(documented - families)]
    return problems + ([] if families else ["no metric was found in src/telemetry/metrics.cpp: this test has gone blind"])


def main():
    sluice = sys.argv[1]
    if not os.access(sluice, os.X_OK):
        print(f"skipped: {sluice} is not built")
        sys.exit(77)
    problems = check_configuration(sluice) + check_metrics()
    print("\n".join(problems) or "The documents say what the program does.")
    sys.exit(1 if problems else 0)


main()
