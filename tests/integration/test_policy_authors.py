"""What people who write policies ask of the command line, and what it tells them."""
import json
import subprocess

from lab import SLUICE, Gateway, Upstream, bundle, sluice, until

BUNDLE = "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b, owner: o}\nmodules:\n  - {use: p, bind: {scope: global}}\n"


def rule(name, match, hit, direction="request", action="{type: flag}", more=""):
    way = "response" if direction == "response" else "request"
    return (f"  - id: {name}\n    direction: {direction}\n    match: {match}\n    action: {action}\n{more}    tests:\n"
            f"      - {{name: hit, {way}: {json.dumps(hit)}, expect: {{rules_any: [{name}]}}}}\n      - {{name: miss, {way}: \"~\", expect: {{rules: []}}}}\n")


def write(folder, rules, bundle=BUNDLE, head="", **files):
    folder.mkdir(exist_ok=True)
    (folder / "bundle.yaml").write_text(bundle)
    (folder / "p.yaml").write_text("apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\n" + head + "rules:\n" + rules)
    for name, text in files.items():
        (folder / (name + ".yaml")).write_text(text)
    return folder


def explain(folder, text, *words, check=True):
    r = subprocess.run([SLUICE, "explain", folder, *words], input=text, capture_output=True, text=True, timeout=90)
    assert not check or r.returncode == 0, r.stderr
    return r


def test_a_text_in_messages_is_explained_as_one(lab):
    folder = write(lab.dir / "b", rule("thrice", "{keywords: [cherry], min_count: 3}", "cherry cherry cherry") + rule("both", "{all: [{keywords: [melon]}, {keywords: [grape]}]}", "melon grape") +
                   rule("beside", "{keywords: [peach], near: [plum], within: 30}", "peach plum") + rule("key", "{regex: 'AKIA[0-9]{4}', prefilter: [token]}", "token AKIA1234"))
    asked = {("cherry cherry", "cherry"): ["thrice"], ("cherry", "cherry", "cherry"): ["thrice"], ("melon is", "tasty and", "grape"): ["both"], ("peach and pl", "um"): ["beside"],
             ("plum is", "peach is"): ["beside"], ("token", "AKIA1234"): ["key"], ("AKIA", "1234 tok", "en"): ["key"], ("cherry", "melon", "peach", "AKIA1234"): []}
    lines = "".join(json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}) + "\n" for texts in asked)
    for texts, line in zip(asked, explain(folder, lines, "--lines").stdout.splitlines(), strict=True):
        assert sorted({f["rule"] for f in json.loads(line)["findings"]}) == asked[texts], (texts, line)


def test_a_bundle_that_its_own_test_refuses_is_explained(lab):
    folder = write(lab.dir / "b", rule("words", "{keywords: [needle]}", "a neeedle"))
    refused = sluice("check", folder, check=False)
    assert refused.returncode == 1 and "test 'hit' failed: expected one of the rules [words], got []" in refused.stderr and "sluice explain" in refused.stderr, refused.stderr
    why = explain(folder, "a needle")
    assert "verdict   flag" in why.stdout and "this is what it would do" in why.stderr, (why.stdout, why.stderr)
    (folder / "p.yaml").write_text("nothing")
    assert explain(folder, "a needle", check=False).returncode == 1


def test_at_a_time_exceptions_have_expired(lab):
    exception = "    exceptions: [{id: e, when: {route: pay}, reason: r, owner: o, ticket: t, expires: 2027-03-01}]\n"
    folder = write(lab.dir / "b", rule("words", "{keywords: [needle]}", "a needle", more=exception))
    at = lambda time, *words: explain(folder, "needle", "--route", "pay", *(("--time", time) if time else ()), *words)
    assert "verdict   allow" in at("2027-03-01T12:00:00Z").stdout
    for late in (at("2027-03-02T00:00:00Z"), at(None, "--now", "2027-03-02")):
        assert "verdict   flag" in late.stdout and "exception 'e' of rule 'words' expired on 2027-03-01" in late.stderr, (late.stdout, late.stderr)


def test_check_says_what_it_did_not_look_at_and_each_mistake_once(lab):
    folder = write(lab.dir / "b", rule("words", "{keywords: [needle]}", "a needle").replace("direction:", "dirction:") + rule("more", "{keywords: [x], near: [y], within: 501}", "x"))
    said = sluice("check", folder, check=False).stderr
    assert "did you mean 'direction'?" in said and "needs 'direction'" not in said, said
    assert "'within' must be a whole number from 1 to 500" in said and "compiling and tests come after that" in said, said
    lines = [int(line.split(":")[1]) for line in said.splitlines() if "p.yaml:" in line]
    assert lines == sorted(lines), said
    folder = write(lab.dir / "z", rule("words", "{keywords: [needle]}", "a needle"), head="scope: {time: {tz: Europe/Berln}}\n")
    assert "p.yaml:4:20: error: time zone 'Europe/Berln' does not exist; did you mean 'Europe/Berlin'?" in sluice("check", folder, check=False).stderr
    folder = write(lab.dir / "e", rule("words", "{keywords: [needle]}", "a needle", direction="").replace("direction: ", "direction:"))
    assert "p.yaml:6:5: error: rule words: 'direction' has no value" in sluice("check", folder, check=False).stderr


def test_a_rule_that_would_stop_everything_is_refused_without_harmless_texts(lab):
    folder = write(lab.dir / "b", rule("all", "{regex: '\\S'}", "a needle", action="{type: block, message: m}").replace('      - {name: miss, request: "~", expect: {rules: []}}\n', ""))
    said = sluice("check", folder, check=False)
    assert said.returncode == 1 and "it matches 20 of 20 everyday sentences, so it would block nearly everything" in said.stderr, said.stderr


def test_diff_says_what_changed(lab):
    hours = "scope: {time: {tz: Europe/Berlin, days: [mon, tue, wed, sat], from: \"09:00\", to: \"17:30\"}}\n"
    gate = BUNDLE + "gate:\n  require: [%s]\n"
    a = write(lab.dir / "a", rule("words", "{keywords: [needle, thorn]}", "a needle"), bundle=gate % "must_block, benign")
    b = write(lab.dir / "b", rule("words", "{keywords: [needle]}", "a needle"), bundle=gate % "must_block", head=hours)
    said = sluice("diff", a, b).stdout
    assert "outside mon-wed,sat 09:00-17:30 in Europe/Berlin" in said and "1 word removed: thorn" in said, said
    assert "the gate asks for less, so a second person must agree: set benign is not required any more" in said, said
    assert json.loads(sluice("diff", a, b, "--json").stdout)["gate_asks_less"] == ["set benign is not required any more"]


def test_new_rules_do_not_find_what_others_find(lab):
    folder = lab.dir / "b"
    assert sluice("init", folder).returncode == 0
    policy = folder / "first-policy.yaml"
    policy.write_text(policy.read_text() + sluice("new", "rule", "r2", "--in", folder).stdout)
    assert sluice("check", folder).returncode == 0 and sluice("test", folder, check=False).returncode == 0
    again = sluice("new", "rule", "r2", "--in", folder, check=False)
    assert again.returncode == 1 and not again.stdout and "rule 'r2' exists already, at first-policy.yaml:" in again.stderr, again.stderr


def test_scores_of_classifiers_are_shown(lab):
    data = lab.dir / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": f"should i buy {w} bonds {i}", "label": "money"}) + "\n" + json.dumps({"text": f"the {w} garden was wet {i}", "label": "none"}) + "\n"
                            for i in range(150) for w in ("some", "my")))
    folder = write(lab.dir / "b", rule("topic", "{all: [{keywords: [bonds]}, {classifier: {name: topic, label: money, threshold: 0.5, on_timeout: no_match}}]}", "my bonds")
                   .replace("name: hit,", "name: hit, given: {topic.money: 0.9},"), bundle=BUNDLE + "classifiers:\n  - {name: topic, model: models/topic.ftz}\n")
    (folder / "models").mkdir()
    sluice("classifier", "train", data, "-o", folder / "models/topic.ftz", "--buckets", "2000", "--cutoff", "500")
    short = json.loads(explain(folder, "buy bonds", "--json").stdout)
    assert short["classifiers"]["topic.money"] > 0.5 and short["verdict"] == "flag", short
    assert "model     topic.money: 0." in explain(folder, "buy bonds").stdout
    assert json.loads(explain(folder, "buy gold", "--json").stdout)["classifiers"] == {}, "no other member of the rule holds"
    row = json.loads(explain(folder, '{"text": "buy bonds"}\n', "--lines").stdout)
    assert abs(row["classifiers"]["topic.money"] - short["classifiers"]["topic.money"]) < 1e-6
    policy = folder / "p.yaml"
    policy.write_text(policy.read_text().replace("topic.money: 0.9", "topic.mony: 0.9"))
    said = sluice("check", folder, check=False)
    assert said.returncode == 1 and "did you mean 'topic.money'?" in said.stderr, said.stderr


def test_a_folder_is_served_where_check_takes_it_and_stays_so(lab):
    up = Upstream()
    folder = bundle(lab.dir / "b")
    g = Gateway(lab, "g", up.port, f"{{directory: {folder}}}")
    live = until("it is live", lambda: g.state().get("version"))
    wide = "  - id: %s\n    direction: both\n    match: %s\n    action: {type: redact}\n    tests: [{name: a, request: \"%s\", expect: {rules_any: [%s]}}, {name: b, request: nothing, expect: {rules: []}}]\n"
    for what, more in (("decided at the end of an answer", wide % ("spaced", "{keywords: [needle], normalize: [collapse_space]}", "a needle", "spaced") + wide % ("endless", "{regex: 'SEC-\\w+'}", "a SEC-a", "endless")),
                       ("everyday sentences", wide % ("all", "{regex: '[a-z]{1,9} [a-z]{1,9} [a-z]{1,9} [a-z]{1,9}'}", "one two three four", "all")), ("the rule has no tests", "  - {id: untold, direction: both, match: {keywords: [x]}, action: {type: flag}}\n")):
        bundle(folder, extra=more)
        said = sluice("check", folder, check=False)
        assert said.returncode == 1 and what in said.stderr, said
        refused = until(what, lambda: (g.state().get("last_refusal") or {}) if what in (g.state().get("last_refusal") or {}).get("message", "") else None)
        errors = [line.split(": error: ")[1] for line in said.stderr.splitlines() if ": error: " in line]
        assert errors and all(e in refused["message"] for e in errors), (errors, refused)
        assert g.state()["version"] == live and g.state()["state"] == "FRESH"
    fresh = Gateway(lab, "fresh", up.port, f"{{directory: {folder}}}")
    assert fresh.get("/readyz")[0] != 200 and fresh.ask("hello")[0] == 503
    # What has run here goes on: a newer release may refuse more.
    bundle(folder)
    g.kill()
    g.start()
    until("it is live again", lambda: g.state().get("version") == live and g.get("/readyz")[0] == 200)
