"""What people say of decisions: on any node, only of their own, through a spool, to a patch that two people agree on."""
import json
import os
import shutil
import signal
import subprocess

from lab import SLUICE, Gateway, Upstream, bundle, sluice, until
from redis_lab import RING, Fleet, Server, metric

PATH = "/sluice/v1/feedback"


def say(g, body, key="sk-test", **more):
    status, headers, answer = g.post(body, {"authorization": f"Bearer {key}"}, path=PATH, **more)
    return status, json.loads(answer or b"{}"), headers


def ask(g, text, key="sk-test"):
    status, headers, _ = g.post({"model": "m", "messages": [{"role": "user", "content": text}]}, {"authorization": f"Bearer {key}"})
    return status, headers["x-sluice-decision"]


def secret(lab):
    file = lab.dir / "master"
    file.write_text("ab" * 32 + "\n")
    return f"secrets: {{key_file: {file}}}\n"


def alone(lab, extra="", audit="encrypted", rivals=None):
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b', rivals=rivals)}}}", secret(lab) + extra)
    g.kill(signal.SIGTERM)
    g.set_log(f"text: {audit}")
    g.start()
    return g, up


def entries(g):
    return json.loads(g.get("/v1/feedback")[1])["entries"]


def test_feedback_is_taken_of_ones_own_decisions_alone(lab):
    g, up = alone(lab, "feedback: {per_minute: 12}\n")
    _, mine = ask(g, "pay Halden Bank")
    decided = lambda: sum("id" in r for r in g.records())
    records = decided()
    asked = len(up.seen)
    good = {"decision_id": mine, "verdict": "false_positive", "note": "a customer, card 4111"}
    status, told, headers = say(g, good)
    assert status == 202 and told["decision_id"] == mine and headers["content-type"] == "application/json", told
    assert say(g, good, key="sk-other")[0] == 404, "somebody else's"
    assert say(g, good | {"decision_id": mine[:-1] + ("0" if mine[-1] != "0" else "1")})[0] == 404, "a guessed id"
    for bad, why in (({"verdict": "maybe"}, "false_positive or false_negative"), ({"verdict": "correct"}, "false_positive or"), ({"decision_id": "short"}, "32 signs"),
                     ({"by": "me"}, "no member"), ({"note": 7}, "must be a text"), ({"note": "x" * 1001}, "longer than")):
        status, told, _ = say(g, good | bad)
        assert status == 400 and why in told["error"]["message"], (bad, told)
    assert say(g, b"no json")[0] == 400 and say(g, b"x" * 20000)[0] == 413
    status, _, headers = say(g, None, method="GET")
    assert status == 405 and headers["allow"] == "POST"
    assert g.post({}, path="/sluice/v1/other")[0] == 404
    statuses = [say(g, good)[0] for _ in range(6)]
    assert statuses[-1] == 429 and 202 in statuses, statuses
    assert say(g, good, key="sk-third")[0] == 404, "one caller's rate is not another's"
    assert ask(g, "hello")[0] == 200, "and takes nothing from its traffic"
    assert decided() == records + 1 and len(up.seen) == asked + 1, "feedback is no exchange"
    kept = until("it is written", lambda: entries(g))
    assert {e["decision"] for e in kept} == {mine} and all("4111" not in json.dumps(e) and "sealed_note" in e for e in kept), kept


def test_behind_a_proxy_that_names_users_nobody_speaks_for_another(lab):
    g, _ = alone(lab, "context:\n  headers: {user: x-user, tenant: x-tenant, trusted_proxies: [127.0.0.1/32]}\n")
    ann = {"x-user": "ann", "x-tenant": "retail"}
    decision = g.post({"model": "m", "messages": [{"role": "user", "content": "pay Halden Bank"}]}, ann)[1]["x-sluice-decision"]
    body = {"decision_id": decision, "verdict": "false_positive"}
    for others in ({"x-user": "bob", "x-tenant": "retail"}, {"x-user": "ann", "x-tenant": "acme"}, {"x-tenant": "retail"}, {}):
        assert g.post(body, others, path=PATH)[0] == 404, others
    assert g.post(body, ann, path=PATH)[0] == 202
    kept = until("it is written", lambda: entries(g))
    assert len(kept) == 1 and kept[0]["tenant"] == "retail", kept


def test_notes_are_kept_as_the_log_keeps_text(lab):
    for audit, check in (("masked", lambda e: e["note"] == "my card ####-## of [address] fails"), ("none", lambda e: "note" not in e and "sealed_note" not in e)):
        g, _ = alone(lab, audit=audit)
        _, mine = ask(g, "pay Halden Bank")
        assert say(g, {"decision_id": mine, "verdict": "false_positive", "note": "my card 4111-22 of ada@example.com  fails"})[0] == 202
        kept = until("it is written", lambda: [e for e in entries(g) if e["decision"] == mine])
        assert check(kept[0]), kept
        g.kill(signal.SIGTERM)
        for name in ("gw-state", "gw-audit"):
            shutil.rmtree(lab.dir / name)


def test_feedback_reaches_redis_from_any_node_and_waits_while_it_is_gone(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    extra = secret(lab)
    source = f'{{redis: {{url: "redis://127.0.0.1:{redis.port}", ring: {RING}, poll: 500ms}}}}'
    one, other = (Gateway(lab, f"gw{n}", fleet.up.port, source, extra) for n in range(2))
    fleet.push(wait=2)
    _, mine = ask(one, "pay Halden Bank")
    assert say(other, {"decision_id": mine, "verdict": "false_positive"})[0] == 202, "the id's MAC tells, on any node"
    assert say(other, {"decision_id": mine, "verdict": "false_positive"}, key="sk-other")[0] == 404
    listed = lambda: json.loads(sluice("feedback", "list", "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING, "--json").stdout)
    until("it is in Redis", lambda: [e["decision"] for e in listed()] == [mine])
    until("the metrics say so", lambda: metric(other, "sluice_feedback_forwarded_total") == 1)
    assert metric(other, "sluice_feedback_received_total") == 1 and metric(other, "sluice_feedback_spool_bytes") == metric(other, "sluice_feedback_dropped_total") == 0
    assert metric(one, "sluice_feedback_received_total") == 0, "each counts its own"
    redis.kill()
    _, second = ask(one, "a bomb recipe")
    assert say(one, {"decision_id": second, "verdict": "false_positive"})[0] == 202
    spool = lab.dir / "gw0-state/feedback.jsonl"
    until("it is on the disk", lambda: spool.exists() and second in spool.read_text())
    until("its bytes are counted", lambda: metric(one, "sluice_feedback_spool_bytes") == spool.stat().st_size)
    one.kill()
    one.start()
    assert metric(one, "sluice_feedback_spool_bytes") == spool.stat().st_size, "also after a restart"
    redis.start()
    until("what waited has arrived", lambda: second in {e["decision"] for e in listed()}, 30)
    until("nothing waits any more", lambda: metric(one, "sluice_feedback_spool_bytes") == 0)


def test_feedback_that_came_after_the_spool_was_emptied_is_sent_by_the_next_start_too(lab):
    redis = Server(lab)
    g = Fleet(lab, redis.port).node(0)
    state = lab.dir / "gw0-state"
    spool, sent = state / "feedback.jsonl", state / "feedback.sent"
    entry = lambda n: json.dumps({"kind": "report", "decision": f"{n:032d}", "verdict": "false_positive", "by": "a", "note": "x" * 900, "time": "2026-11-29T12:00:00Z"}) + "\n"
    redis_has = lambda: {e["decision"] for e in json.loads(sluice("feedback", "list", "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING, "--json").stdout)}
    g.kill(signal.SIGTERM)
    spool.write_text("".join(entry(n) for n in range(1200)))
    g.start()
    until("the spool is emptied once Redis has it all", lambda: spool.stat().st_size == 0, 30)
    assert len(redis_has()) == 1200
    assert sent.read_text() == "0\n", "nothing of the empty file was sent"
    # What came while Redis was away, until a restart.
    g.kill()
    spool.write_text("".join(entry(n) for n in range(2000, 3300)))
    g.start()
    until("all of it has arrived", lambda: len(redis_has()) == 2500, 30)


def labelled(lab, g, decision, verdict, *people):
    admin = f"http://127.0.0.1:{g.admin}"
    for person in people:
        sluice("feedback", "triage", decision, "--verdict", verdict, "--by", person, "--spool", admin)


def test_reports_push_out_no_label_and_none_is_taken_twice(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = Gateway(lab, "gw", fleet.up.port, f'{{redis: {{url: "redis://127.0.0.1:{redis.port}", ring: {RING}, poll: 500ms}}}}', secret(lab))
    fleet.push(wait=1)
    _, mine = ask(g, "pay Halden Bank")
    for n in range(5):
        assert say(g, {"decision_id": mine, "verdict": "false_positive", "note": f"again {n}"})[0] == 202
    labelled(lab, g, mine, "false_positive", "Ada Byron", "Ada Byron")
    where = ["--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING]
    sluice("feedback", "triage", mine, "--verdict", "false_positive", "--by", "Grace Murray", *where)
    lengths = lambda: [int(redis("xlen", redis.key(stream))) for stream in ("feedback", "labels")]
    until("both are in their streams", lambda: lengths() == [1, 2])
    assert metric(g, "sluice_feedback_received_total") == 2, "who says the same again adds nothing"
    # Of an older release, which wrote labels among the reports; and then those are cut.
    old = {"kind": "label", "decision": "0" * 32, "verdict": "correct", "by": "Ada Byron", "time": "2026-11-29T12:00:00Z"}
    redis("xadd", redis.key("feedback"), "*", "entry", json.dumps(old))
    listed = lambda: {e["decision"]: e["state"] for e in json.loads(sluice("feedback", "list", *where, "--json").stdout)}
    assert "0" * 32 in listed() and listed()[mine] == "false_positive", listed()
    redis("xtrim", redis.key("feedback"), "MAXLEN", 0)
    assert listed() == {mine: "false_positive"}, listed()


def test_two_labels_make_a_patch_and_nothing_changes_by_itself(lab):
    g, up = alone(lab, "context: {default: {tenant: retail}}\n", rivals="{regex: 'Halden B[a-z]{1,8}'}")
    state, audit = lab.dir / "gw-state", g.audit
    spool = ["--spool", f"http://127.0.0.1:{g.admin}", "--secret", lab.dir / "master"]
    logs = ["--from", audit, "--state", state]
    wrong = [ask(g, f"please pay Halden Bank the rent of flat {n}", key=f"sk-{n}")[1] for n in range(3)]
    right = ask(g, "how do I hide Halden Bank money", key="sk-9")[1]
    missed = ask(g, "tell me of the bomb", key="sk-9")[1]
    for n, decision in enumerate(wrong):
        assert say(g, {"decision_id": decision, "verdict": "false_positive", "note": f"my bank {n}"}, key=f"sk-{n}")[0] == 202
    assert say(g, {"decision_id": missed, "verdict": "false_negative", "note": "should be stopped"}, key="sk-9")[0] == 202
    until("they are written", lambda: len(entries(g)) == 4)
    version = g.state()["version"]
    patch = lab.dir / "feedback.patch"
    export = lambda: json.loads(sluice("feedback", "export", "--bundle", lab.dir / "b", "--out", patch, *spool, *logs, "--json").stdout)
    labelled(lab, g, wrong[0], "false_positive", "Ada Byron", "Ada Byron")
    until("the label is written", lambda: len(entries(g)) == 5)
    assert export()["cases"] == 0 and patch.read_text() == "", "one person twice is one person"
    labelled(lab, g, wrong[0], "false_positive", "Grace Murray")
    labelled(lab, g, missed, "false_negative", "Ada Byron", "Grace Murray")
    labelled(lab, g, right, "correct", "Ada Byron", "Grace Murray")
    labelled(lab, g, wrong[1], "false_positive", "Ada Byron")
    labelled(lab, g, wrong[1], "correct", "Grace Murray")
    until("all labels are written", lambda: len(entries(g)) == 12)
    listed = {e["decision"]: e for e in json.loads(sluice("feedback", "list", *spool, "--json").stdout)}
    assert [listed[d]["state"] for d in (*wrong, missed)] == ["false_positive", "disputed", "open", "false_negative"], listed
    assert listed[wrong[0]]["notes"].startswith("my bank 0"), "sealed notes open with the secret"
    elsewhere = {**os.environ, "SLUICE_REDIS": "redis://127.0.0.1:1", "SLUICE_RING": "other"}
    assert json.loads(sluice("feedback", "list", *spool, "--json", env=elsewhere).stdout), "what is named goes before the environment"
    report = json.loads(sluice("feedback", "report", *spool, *logs, "--json").stdout)
    rule = next(r for r in report["rules"] if r["rule"] == "rivals")
    assert (rule["hits"], rule["reported"], rule["reporters"], rule["settled_wrong"], rule["settled_right"]) == (4, 3, 3, 1, 1), rule
    assert 0.02 < rule["precision_low"] < 0.03 and 0.97 < rule["precision_high"] < 0.98, rule  # 1 of 2, Clopper and Pearson
    assert sorted(report["clusters"][0]) == sorted(wrong), report["clusters"]
    told = export()
    assert told["cases"] == 2 and told["exceptions"] == 1 and told["left_out"] == [], told
    text = patch.read_text()
    assert "must_pass" in text and "must_block" in text and "+    exceptions:" in text and "Ada Byron and Grace Murray agree" in text, text
    git = lambda *words: subprocess.run(["git", "-C", lab.dir / "b", "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True, capture_output=True, text=True)
    git("init", "-q")
    git("apply", "--check", patch)
    assert g.state()["version"] == version, "nothing changes a policy by itself"
    # Outside of the folder that the gateway follows: what the patch does.
    shutil.copytree(lab.dir / "b", lab.dir / "c", ignore=shutil.ignore_patterns(".git"))
    subprocess.run(["git", "apply", "--unsafe-paths", f"--directory={lab.dir}/c", patch], check=True, cwd=lab.dir, capture_output=True)
    tested = json.loads(sluice("test", lab.dir / "c", "--json", check=False).stdout)
    failed = {c["check"]: [f["of"] for f in c["findings"] if f["status"] == "FAIL"] for c in tested["checks"] if c["status"] == "FAIL"}
    assert set(failed) == {"must_block"}, f"the exception lets the wrongly stopped case pass; what was missed is for somebody to write a rule for: {failed}"
    explained = subprocess.run([SLUICE, "explain", lab.dir / "c", "--tenant", "retail"], input="pay Halden Bank", capture_output=True, text=True)
    assert "feedback-" in explained.stdout, explained.stdout


def test_one_proposal_that_the_bundle_does_not_take_stops_no_other(lab):
    g, up = alone(lab, rivals="{regex: 'Halden B[a-z]{1,8}| {6,9}'}")  # nobody says of which tenant a request is
    words = ask(g, "please pay Halden Broker the rent")[1]
    blanks = ask(g, "please       wait")[1]
    for decision in (words, blanks):
        labelled(lab, g, decision, "false_positive", "Ada Byron", "Grace Murray")
    until("all labels are written", lambda: len(entries(g)) == 4)
    g.records()
    patch = lab.dir / "feedback.patch"
    command = ["feedback", "export", "--bundle", lab.dir / "b", "--out", patch, "--spool", f"http://127.0.0.1:{g.admin}/", "--secret", lab.dir / "master", "--from", g.audit, "--state", lab.dir / "gw-state"]
    told = json.loads(sluice(*command, "--json").stdout)
    assert told["cases"] == 2 and told["exceptions"] == 0 and told["refused"] == [], told
    assert len(told["left_out"]) == 2 and all("would hold for everybody" in each and "--for-everybody" in each for each in told["left_out"]), told
    assert "exceptions:" not in patch.read_text()
    r = sluice(*command, "--for-everybody", "--json", check=False)
    told = json.loads(r.stdout)
    assert r.returncode == 1 and told["cases"] == 2 and told["exceptions"] == 1, r
    assert len(told["refused"]) == 1 and "of rule rivals is refused" in told["refused"][0] and "an empty word" in told["refused"][0], told
    text = patch.read_text()
    assert 'match: {keywords: ["Halden Broker"]}' in text and "when:" not in text and text.count('"must_pass"') == 2, text
    # The secret of another gateway opens nothing: that is no word that nothing is new.
    (lab.dir / "other").write_text("cd" * 32 + "\n")
    r = sluice(*[lab.dir / "other" if w == lab.dir / "master" else w for w in command], "--json", check=False)
    assert r.returncode == 1 and "--secret opens none of the 2 sealed texts of labelled decisions" in r.stderr + r.stdout and "left as it was" in r.stderr + r.stdout, r
    assert patch.read_text() == text, "what was proposed before stays"
    # What was taken over once is not proposed again.
    subprocess.run(["git", "init", "-q", lab.dir / "b"], check=True)
    subprocess.run(["git", "apply", patch], check=True, cwd=lab.dir / "b", capture_output=True)
    told = json.loads(sluice(*command, "--for-everybody", "--json", check=False).stdout)
    assert told["exceptions"] == 0 and len(told["refused"]) == 1, told


def test_feedback_lies_where_other_commands_are_told_to_look(lab):
    g, up = alone(lab)
    mine = ask(g, "pay Halden Bank")[1]
    assert say(g, {"decision_id": mine, "verdict": "false_positive", "note": "n"})[0] == 202
    until("it is written", lambda: len(entries(g)) == 1)
    state, admin = lab.dir / "gw-state", f"http://127.0.0.1:{g.admin}"
    (state / "log").mkdir()
    for option, place in (("--spool", state), ("--from", state), ("--from", state / "log"), ("--from", admin), ("--from", admin + "/")):
        listed = json.loads(sluice("feedback", "list", option, place, "--json").stdout)
        assert [e["decision"] for e in listed] == [mine], (option, place, listed)
    r = sluice("feedback", "list", "--from", lab.dir / "nowhere", check=False)
    assert r.returncode == 1 and "nowhere/feedback.jsonl" in r.stderr, r
    r = sluice("feedback", "list", "--from", state / "lgo", check=False)
    assert r.returncode == 1 and f"there is no folder {state}/lgo" in r.stderr and r.stdout == "", "what is misspelt is not the folder above it"


def test_the_ring_of_the_command_line_goes_before_that_of_the_environment(lab):
    redis = Server(lab)
    where = ["--redis", f"redis://127.0.0.1:{redis.port}"]
    other = {**os.environ, "SLUICE_RING": "prod"}
    label = ["feedback", "triage", "0" * 32, "--verdict", "correct", "--by", "Ada Byron", *where]
    sluice(*label, "--ring", "it", env=other)
    sluice(*label, env=other | {"SLUICE_RING": "it"})
    rings = lambda: {ring: int(redis("xlen", "{sluice:%s}:labels" % ring)) for ring in ("it", "prod")}
    assert rings() == {"it": 2, "prod": 0}, rings()
    listed = lambda *words: json.loads(sluice("feedback", "list", *where, *words, "--json", env=other).stdout)
    assert listed("--ring", "it") and not listed() and not listed("--ring", "nosuch"), "each command reads the ring that it is told"
