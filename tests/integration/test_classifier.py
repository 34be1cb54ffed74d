"""Training a classifier and measuring it, through the command line."""
import json

from lab import sluice


def rows(path):
    fruit, metal = ["apple", "pear", "plum", "melon"], ["iron", "copper", "tin", "zinc"]
    with open(path, "w") as out:
        for i in range(400):
            out.write(json.dumps({"text": f"a ripe {fruit[i % 4]} and a {fruit[i // 4 % 4]} for {i}", "label": "fruit"}) + "\n")
            out.write(json.dumps({"text": f"they melt {metal[i % 4]} with {metal[i // 4 % 4]} in {i}", "label": "metal"}) + "\n")


def test_train_then_eval(lab):
    data, model, again = lab.dir / "rows.jsonl", lab.dir / "m.ftz", lab.dir / "again.ftz"
    rows(data)
    for to in (model, again):
        done = sluice("classifier", "train", data, "-o", to, "--buckets", "2000", "--cutoff", "500", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["labels"] == {"fruit": 400, "metal": 400}
        assert not done.stderr, "progress is for terminals"
    assert model.read_bytes() == again.read_bytes()
    assert model.stat().st_size < 2 << 20
    said = sluice("classifier", "eval", model, data, "--label", "fruit", "--max-fpr", "0.01", "--json")
    assert said.returncode == 0, said.stderr
    fruit = json.loads(said.stdout)["labels"]["fruit"]
    assert fruit["counts"]["recall"] > 0.99 and fruit["shown"] and fruit["fpr_upper95"] <= 0.01
    text = sluice("classifier", "eval", model, data)
    assert text.returncode == 0 and "THRESHOLD" in text.stdout and "µs/KB" in text.stdout, text.stdout


def test_too_few_rows_are_no_evidence(lab):
    data, model, few = lab.dir / "rows.jsonl", lab.dir / "m.ftz", lab.dir / "few.jsonl"
    rows(data)
    assert sluice("classifier", "train", data, "-o", model, "--buckets", "2000", "--cutoff", "500").returncode == 0
    few.write_text('{"text": "a ripe pear", "label": "fruit"}\n{"text": "melt tin", "label": "metal"}\n')
    said = sluice("classifier", "eval", model, few, "--label", "fruit", check=False)
    assert said.returncode == 3 and "INSUFFICIENT: 1 of at least 598 rows of other labels" in said.stdout, said.stdout


def test_what_is_wrong_is_named(lab):
    data = lab.dir / "rows.jsonl"
    data.write_text('{"text": "x", "label": "a"}\n{"text": 1}\n')
    bad = sluice("classifier", "train", data, "-o", lab.dir / "m.ftz", check=False)
    assert bad.returncode == 1 and 'rows.jsonl:2: "text" is no string' in bad.stderr, bad.stderr
    data.write_text('{"text": "x", "label": "a"}\n{"label": "a"}\n[]\nx\n')
    bad = sluice("classifier", "train", data, "-o", lab.dir / "m.ftz", check=False)
    assert all(f"rows.jsonl:{n}" in bad.stderr for n in (2, 3, 4)) and 'has no "text"' in bad.stderr, bad.stderr
    (lab.dir / "cut.ftz").write_bytes(b"\xba\x16\x4f\x2f\x0c\x00\x00\x00 and then nothing")
    cut = sluice("classifier", "eval", lab.dir / "cut.ftz", data, check=False)
    assert cut.returncode == 1 and "cut.ftz" in cut.stderr and "cut off" in cut.stderr, cut.stderr
