#!/usr/bin/env python3
"""bench/evasion can fail: of a small bundle that holds every bound, each copy that was made worse in one way breaks the bound it should."""
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUNDLE = "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b, owner: o}\nmodules:\n  - {use: p, bind: {scope: global}}\n"
ALL_VIEWS = "normalize: [nfkc, strip_zero_width, confusables, collapse_space, leet, strip_marks], decode: [base64, hex, percent, html, rot13, unicode_tags, variation_selectors], max_depth: 2"


def rule(name, match, text, direction="request"):
    return (f"  - id: {name}\n    direction: {direction}\n    match: {match}\n    action: {{type: block, message: No.}}\n"
            f"    tests: [{{name: hit, {direction}: {json.dumps(text, ensure_ascii=False)}, expect: {{rules_any: [{name}]}}}}, {{name: miss, {direction}: \"?\", expect: {{rules: []}}}}]\n")


def asked(views=ALL_VIEWS):
    return rule("asked", f"{{phrase: 'open the secret door', {views}}}", "please open the secret door now")


ANSWERED = rule("answered", "{keywords: [the hidden stair]}", "it is behind the hidden stair", "response")
FAR = "open " + "one " * 700 + "door"
# What is done to the bundle, and which lines break. "ordinary" stands for the text that must not be touched.
WORSE = {
    "a rule that is wider than what is looked at around a seam": (asked() + ANSWERED + rule("wide", "{regex: '(?i)open[ -~]{0,2900}door'}", FAR), {"split over parts", "split over messages"}),
    "a rule that asks for no decoding": (asked(ALL_VIEWS[:ALL_VIEWS.index(", decode")]) + ANSWERED, {"base64", "hex", "percent", "percent behind no UTF-8", "HTML entities", "padded entities", "entities without ;", "tag characters", "selector bytes", "rot13"}),
    "a rule that asks for no spaced text": (asked(ALL_VIEWS.replace("collapse_space, ", "")) + ANSWERED, {"spaced", "spaced alike", "spaced by two", "a letter on a line"}),
    "no rule on answers": (asked(), {"split over stream events"}),
    "a rule that stops invisible signs": (asked() + ANSWERED + rule("signs", r"{regex: '\p{RI}\p{RI}'}", "\U0001f1e9\U0001f1ea"), {"ordinary"}),
}


def measured(sluice, rules):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "bundle.yaml").write_text(BUNDLE)
        (folder / "p.yaml").write_text("apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules, encoding="utf-8")
        ran = subprocess.run([sys.executable, "-B", str(ROOT / "bench/evasion"), "--bundle", name, "--sluice", sluice, "--json"], capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    told = json.loads(ran.stdout)
    broken = {line["what"] for line in told["disguises"] if not line["held"]} | ({"ordinary"} if told["ordinary"]["touched"] else set())
    assert (ran.returncode == 0) == (not broken), (ran.returncode, broken)
    return broken


def main():
    sluice = sys.argv[1]
    good = measured(sluice, asked() + ANSWERED)
    assert not good, f"the bundle that the others are worse than breaks {good}"
    for what, (rules, expected) in WORSE.items():
        broken = measured(sluice, rules)
        assert expected <= broken, f"{what} breaks {sorted(broken)}, and not {sorted(expected - broken)}"
    print(f"bench/evasion is red for each of {len(WORSE)} worse bundles.")


if __name__ == "__main__":
    main()
