#!/usr/bin/env python3
"""bench/detection counts right: a sluice that is a script says what is found, in texts of a few words each."""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Finds CARD…, KEY…, JB, and edits ODD where nothing matched.
SCRIPT = r'''#!/usr/bin/env python3
import json, re, sys
for number, line in enumerate(sys.stdin, 1):
    text = json.loads(line)["text"]
    found = [(m, c) for p, c in (("CARD[0-9]*", "pii.payment_card"), ("KEY[0-9]*", "secret.x"), ("JB", "injection.jailbreak")) for m in re.finditer(p, text)]
    out = {"line": number, "verdict": "edit" if "ODD" in text else "allow", "us": 1.0, "findings": [
        {"rule": "r", "policy": "p", "category": c, "begin": len(text[:m.start()].encode()), "end": len(text[:m.end()].encode()), "action": "redact",
         "enforced": True} for m, c in found]}
    if "ODD" in text:
        out["text"] = text.replace("ODD", "")
    print(json.dumps(out))
'''


def span(text, begin, end, kind="CREDIT_CARD"):
    return {"text": text, "spans": [{"start": begin, "end": end, "type": kind}]}


def measured(folder, sluice, **more):
    corpora = {
        "pii_spans": [span("é CARD123", 2, 9), span("x CARD123 and more of it", 2, 24), {"text": "CARD9", "spans": []}],
        "secrets": [{"text_base64": base64.b64encode(t.encode()).decode(), "label": label} for t, label in (("KEY1", True), ("none", True), ("KEY2", False))],
        "jailbreaks": [{"text": "JB"}], "benign": [{"text": "fine"}, {"text": "JB"}], "hard_safe": [{"text": "fine"}], "odd_strings": [{"text": "plain"}],
    } | more
    for name, rows in corpora.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, str(ROOT / "bench/detection"), str(folder), "--sluice", str(sluice), "--bundle", str(folder), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, {each["what"]: each for each in json.loads(ran.stdout)["figures"]}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sluice = folder / "sluice"
        sluice.write_text(SCRIPT)
        sluice.chmod(0o755)
        code, got = measured(folder, sluice)
        card, secrets = got["CREDIT_CARD"], got["secrets"]
        assert (card["rows"], card["recall"]) == (2, 0.5), card  # the second is covered by less than 80 %
        assert abs(card["precision"] - 2 / 3) < 1e-9 and not card["held"], card
        assert (secrets["recall"], secrets["precision"]) == (0.5, 0.5), secrets
        assert got["jailbreaks"]["held"] and got["hard_safe"]["held"] and got["odd_strings"]["held"], got
        assert got["benign"]["false_positives"] == 0.5 and not got["benign"]["held"], got["benign"]
        assert code == 1, code
        good = {"pii_spans": [span("CARD123", 0, 7)], "benign": [{"text": "fine"}], "secrets": [{"text": "KEY1", "label": True}]}
        code, got = measured(folder, sluice, **good)
        assert code == 0 and all(each["held"] for each in got.values()), got
        code, got = measured(folder, sluice, **good, odd_strings=[{"text": "an ODD one"}])
        assert code == 1 and not got["odd_strings"]["held"], got
        (folder / "benign.jsonl").unlink()
        ran = subprocess.run([sys.executable, str(ROOT / "bench/detection"), str(folder), "--sluice", str(sluice)], capture_output=True, text=True, check=False)
        assert ran.returncode == 1 and "lacks benign.jsonl" in ran.stderr, ran.stderr
    print("bench/detection counts as it says.")


if __name__ == "__main__":
    main()
