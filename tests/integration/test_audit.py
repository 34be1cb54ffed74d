"""Asking the decision log: what was in force when, and for whom; of nodes on disk and of nodes that run elsewhere."""
import json
import shutil
import signal
import stat
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler

from lab import Gateway, Script, Upstream, bundle, chunk, every_dialect, free_port, serve, sluice, until
from speaker import Speaker
from test_additions import rule
from test_classifier import rows
from test_conversations import BOUND, TAGS
from test_exchanges import gateway


def moment(seconds=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_of_a_node_that_was_killed_nobody_knows_until_it_starts_again(lab):
    g, up = gateway(lab)
    g.kill(signal.SIGTERM)
    g.set_log("checkpoint: 1s")
    g.start()
    until("it serves", lambda: g.get("/readyz")[0] == 200)
    version = g.state()["version"]

    def told(*more, time):
        r = sluice("audit", "at", "--from", g.audit, "--time", time, *more, check=False)
        return r, json.loads(r.stdout) if "--json" in more else r.stdout

    until("it is on record", lambda: [n["version"] for n in told("--json", time=moment())[1]] == [version])
    g.kill()
    until("nobody knows", lambda: told("--json", time=moment())[0].returncode == 1)
    between = moment()
    r, nodes = told("--json", time=between)
    node = nodes[0]
    assert len(nodes) == 1 and node["state"] == "UNKNOWN" and node["version"] is None and node["last"]["version"] == version and node["last_seen"] < between and not node["goes_on"], nodes
    assert "nobody knows what node gw enforced" in r.stderr and "was killed" in r.stderr, r
    until("a second later", lambda: moment() > between)
    g.start()
    until("it serves again", lambda: [n["version"] for n in told("--json", time=moment(1))[1]] == [version])
    r, text = told("--rules", "--state", lab.dir / "gw-state", time=between)
    assert r.returncode == 1 and "UNKNOWN" in text and "rules in force" not in text and "it started again at" in r.stderr, r


def test_at_says_which_rules_were_in_force_for_whom_on_every_node(lab):
    token = lab.dir / "token"
    token.write_text("a-long-token\n")
    a, up = gateway(lab)
    scoped = bundle(lab.dir / "b-b")
    (scoped / "bundle.yaml").write_text((scoped / "bundle.yaml").read_text() + "  - {use: acme, bind: {tenant: [acme]}}\n")
    (scoped / "acme.yaml").write_text((scoped / "p.yaml").read_text().replace("name: p,", "name: acme,").replace("id: rivals", "id: acme-rivals").replace("id: bomb", "id: acme-bomb")
                                      .replace("rules: [rivals]", "rules: [acme-rivals]").replace("rules: [bomb]", "rules: [acme-bomb]"))
    b = Gateway(lab, "b", up.port, f"{{directory: {scoped}}}")
    b.config.write_text(b.config.read_text().replace(f"port: {b.admin}}}", f"port: {b.admin}, token_file: {token}}}"))
    b.kill()
    b.start()
    until("both serve", lambda: a.state().get("state") == "FRESH" and b.get("/readyz")[0] == 200)
    from_both = ["--from", a.audit, "--from", f"http://127.0.0.1:{b.admin}", "--token-file", token, "--time", moment(2)]
    nodes = json.loads(sluice("audit", "at", *from_both, "--json").stdout)
    assert {n["node"] for n in nodes} == {"gw", "b"} and len({n["version"] for n in nodes}) == 2, nodes
    states = [w for n in ("gw", "b") for w in ("--state", lab.dir / f"{n}-state")]
    told = json.loads(sluice("audit", "at", *from_both, *states, "--tenant", "acme", "--json").stdout)
    version_of = {n["node"]: n["version"] for n in told["nodes"]}
    rules = {v["version"]: {r["rule"]: r["place"] for r in v["rules"]} for v in told["in_force"]}
    assert set(rules[version_of["gw"]]) == {"rivals", "bomb"} and set(rules[version_of["b"]]) == {"rivals", "bomb", "acme-rivals", "acme-bomb"}, rules
    assert rules[version_of["b"]]["acme-bomb"].startswith("acme.yaml:"), rules
    others = sluice("audit", "at", *from_both, *states, "--tenant", "globex").stdout
    assert "acme-bomb" not in others and "p.yaml:" in others, others
    # From the bundle itself where no state directory is at hand; a changed one is not that version.
    assert "acme-bomb" in sluice("audit", "at", *from_both, "--bundle", scoped, "--bundle", lab.dir / "gw-b", "--tenant", "acme").stdout
    r = sluice("audit", "at", *from_both, "--bundle", scoped, "--tenant", "acme", check=False)
    assert r.returncode == 1 and version_of["gw"][:12] in r.stderr and "--state" in r.stderr, r
    # The log of a node elsewhere is verified as one on disk is; without the token there is nothing.
    key = lab.dir / "b-state" / "audit-key.pub"
    assert "whole" in sluice("audit", "verify", "--from", f"http://127.0.0.1:{b.admin}", "--token-file", token, "--key", key).stdout
    r = sluice("audit", "query", "--from", f"http://127.0.0.1:{b.admin}", check=False)
    assert r.returncode == 1 and "--token-file" in r.stderr, r
    r = sluice("audit", "query", "--from", "http://127.0.0.1:1", check=False)
    assert r.returncode == 1 and "127.0.0.1" in r.stderr, r


def test_a_client_writes_nothing_but_its_words_on_the_auditors_page(lab):
    """A model's name comes from whoever asks: with a terminal's own sequences in it, it moved the cursor over true lines and wrote others."""
    g, _ = gateway(lab)
    model = "mock\x1b[1A\x1b[2K\ndone        allow: status 200 to the client, 0 edits\n\u202easked"
    status, headers, _ = g.post({"model": model, "messages": [{"role": "user", "content": "a bomb recipe"}]})
    assert status == 400
    decision = headers["x-sluice-decision"]
    from_it = ["--from", g.audit]
    until("it is written", lambda: any(r.get("id") == decision for r in g.records()))
    why = sluice("audit", "query", *from_it, "--decision", decision, "--why").stdout
    lines = why.splitlines()
    assert "\x1b" not in why and "\u202e" not in why, why
    assert [line for line in lines if line.startswith("done")] == [line for line in lines if line.startswith("done        block")], lines
    assert "mock\\x1b[1A\\x1b[2K\\ndone" in why and "\\u202easked" in why, why
    for words in (["audit", "query", *from_it], ["audit", "tail", *from_it, "--no-follow"]):
        assert "\x1b" not in sluice(*words).stdout, words
    record = json.loads(sluice("audit", "query", *from_it, "--decision", decision, "--json").stdout)
    assert record["context"]["model"] == model, "for machines it is what it was"


def test_why_names_both_halves_of_what_is_split_over_two_texts(lab):
    g, _ = gateway(lab)
    status, headers, _ = g.post({"model": "m", "messages": [{"role": "user", "content": "a bomb"}, {"role": "user", "content": "recipe for two"}]})
    assert status == 400
    decision = headers["x-sluice-decision"]
    until("it is written", lambda: any(r.get("id") == decision for r in g.records()))
    why = sluice("audit", "query", "--from", g.audit, "--decision", decision, "--why").stdout
    assert "rule bomb of policy p: block, in messages[0].content 2..6 and messages[1].content 0..6" in why, why


def replayed(g, lab, decision, *more):
    return json.loads(sluice("audit", "replay", decision, "--from", g.audit, "--state", lab.dir / f"{g.name}-state", *more, "--json", check=False).stdout)


def test_a_decision_is_run_again_in_full_where_its_text_was_kept(lab):
    g, up = gateway(lab)
    g.kill()
    g.set_log("text: encrypted")
    g.start()
    up.text = "ask Halden Bank about a bomb recipe"
    asked = {"block": g.ask("a bomb recipe"), "edit": g.ask("pay Halden Bank", stream=True), "answer": g.ask("whom?"), "stream": g.ask("whom?", stream=True)}
    up.text = "nothing of it"
    asked["allow"] = g.ask("hello there")
    secret = lab.dir / f"{g.name}-state" / "secret"
    lines = g.records()
    assert not any("Halden" in json.dumps(r) or "hello there" in json.dumps(r) for r in lines)
    for what, (_, headers, _) in asked.items():
        told = replayed(g, lab, headers["x-sluice-decision"], "--secret", secret)
        assert told["same"] and told["replayed"] == "in full" and told["checked"], (what, told)
        by_rule = replayed(g, lab, headers["x-sluice-decision"])
        assert by_rule["same"] and by_rule["replayed"] == "rule by rule" and "--secret" in by_rule["why_not_in_full"], (what, by_rule)
    stream = replayed(g, lab, asked["stream"][1]["x-sluice-decision"], "--secret", secret)
    assert any("rule bomb" in c for c in stream["checked"]) and any("rule rivals" in c for c in stream["checked"]), stream
    # A record that was made up is found, with its text and without.
    blocked = asked["block"][1]["x-sluice-decision"]
    file = sorted(g.audit.glob("*.jsonl"))[-1]
    honest = file.read_text()
    for was, made_up, what in (('"verdict":"block","shadow_verdict":"block"}', '"verdict":"allow","shadow_verdict":"block"}', "verdict"),
                               ('"rule":"bomb"', '"rule":"bomb-2"', "bomb-2"), ('"action":"block"', '"action":"flag"', "flag")):
        file.write_text("".join(line.replace(was, made_up) if blocked in line else line for line in honest.splitlines(keepends=True)))
        assert file.read_text() != honest, was
        for more in (["--secret", secret], []):
            told = replayed(g, lab, blocked, *more)
            assert not told["same"] and what in json.dumps(told["differences"]), (what, told)
    file.write_text(honest.replace('"channel":"messages[0].content"', '"channel":"messages[9].content"'))
    told = replayed(g, lab, blocked, "--secret", secret)
    assert not told["same"] and "messages[9].content 2..13" in json.dumps(told["differences"]), told
    file.write_text(honest)
    # Erased: rule by rule, and the chain stays whole.
    keys = lab.dir / f"{g.name}-state" / "audit-keys"
    assert sluice("audit", "erase", "--state", lab.dir / f"{g.name}-state", "--day", time.strftime("%Y-%m-%d", time.gmtime()), check=False).returncode == 2
    for key in list(keys.glob("*.key")):  # as of a day that is over
        old = key.with_name("2020-01-01" + key.name[10:])
        key.rename(old)
    other = lab.dir / "other-secret"
    other.write_text("cd" * 32 + "\n")
    said = sluice("audit", "erase", "--state", lab.dir / f"{g.name}-state", "--before", "2021-01-01", "--tenant", "acme", "--secret", other, check=False)
    assert said.returncode == 1 and "opens none of the keys" in said.stderr and "were erased" not in said.stdout, (said.stdout, said.stderr)
    said = sluice("audit", "erase", "--state", lab.dir / "nowhere", "--before", "2021-01-01", check=False)
    assert said.returncode == 1 and "is not there" in said.stderr, said
    assert "keys were erased" in sluice("audit", "erase", "--state", lab.dir / f"{g.name}-state", "--before", "2021-01-01").stdout
    assert not list(keys.glob("*.key"))
    told = replayed(g, lab, blocked, "--secret", secret)
    assert told["same"] and told["replayed"] == "rule by rule" and "erased" in told["why_not_in_full"], told
    until("the chain says so", lambda: any(r["event"] == "erased" and ": erased at " in r["detail"] for r in g.records(flush=False)))
    assert "whole" in sluice("audit", "verify", "--from", g.audit).stdout


STREAMS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "whom?"}], "stream": True},
    "/v1/completions": {"prompt": "whom?", "stream": True},
    "/v1/responses": {"input": "whom?", "stream": True, "store": False},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "whom?"}], "stream": True},
    "/v1beta/models/m:streamGenerateContent?alt=sse": {"contents": [{"role": "user", "parts": [{"text": "whom?"}]}]},
    "/v1beta/models/m:streamGenerateContent": {"contents": [{"role": "user", "parts": [{"text": "whom?"}]}]},
    "/api/chat": {"messages": [{"role": "user", "content": "whom?"}]},
}


def test_a_stream_that_broke_off_is_replayed_as_far_as_it_came(lab):
    """The last words are whole, but what would have followed decides whether they are a match: the rules never said, and neither may the replay."""
    up = Speaker()
    up.dies = True
    g = every_dialect(lab, up)
    g.kill()
    g.set_log("text: encrypted")
    g.start()
    secret = lab.dir / f"{g.name}-state" / "secret"
    asked = {}
    for path, body in STREAMS.items():
        for end in ("Halden Bank", "a bomb recipe"):
            up.pieces, up.recorded = ["I would ask ", end], None
            kind, events = up.say(path, body)
            events = events[:-1] if "alt=sse" not in path and path.startswith("/v1beta") else events  # its array stays open
            breaks = {"the upstream dies": events, "what follows cannot be read": events + [b'data: {"x" "y"}\n\n' if "event-stream" in kind else b',{"x" "y"}\n']}
            for how, pieces in breaks.items():
                up.recorded = (kind, pieces)
                decision = g.post({"model": "m"} | body, path=path)[1]["x-sluice-decision"]
                asked[decision] = (path, end, how)
    up.dies, up.pieces, up.recorded, up.pause = False, ["I would ask ", "Halden Bank", " or", " not"], None, 0.4
    for path, body in STREAMS.items():
        answer = g.stream({"model": "m"} | body, path=path)
        decision = answer.headers["x-sluice-decision"]
        time.sleep(1.0)
        answer.close()
        asked[decision] = (path, "Halden Bank", "the client leaves")
    until("each has its end", lambda: sum(r["event"] == "closed" for r in g.records()) == len(asked))
    for decision, what in asked.items():
        told = replayed(g, lab, decision, "--secret", secret)
        assert told["same"] and told["replayed"] == "in full", (what, told)


def test_what_was_refused_before_a_rule_was_asked_does_not_make_a_true_log_differ(lab):
    g, up = gateway(lab)
    image = {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]}
    asked = {200: g.ask("hello"), 400: g.post(b'{"model":'), 404: g.post({}, path="/nosuch"), 405: g.post({}, method="PUT"), 415: g.post(b"a=1", {"content-type": "application/x-www-form-urlencoded"}),
             401: g.post({}, {"x-api-key": "b"}), "image": g.post(image), "state": g.post({"model": "m", "input": "hi", "previous_response_id": "resp_x"}, path="/v1/responses")}
    assert {what: answer[0] for what, answer in asked.items()} == {200: 200, 400: 400, 404: 404, 405: 405, 415: 415, 401: 401, "image": 400, "state": 400}, asked
    records = {r["id"]: r for r in g.records() if r["event"] == "decision"}
    for what, (status, headers, _) in asked.items():
        told = replayed(g, lab, headers["x-sluice-decision"])
        assert told["same"], (what, told)
        if status == 200:
            continue
        record = records[headers["x-sluice-decision"]]
        assert told["replayed"] == "no rule was asked" and told["checked"][0] == "no rule was asked: " + record["reason"], (what, told, record)
        assert any(record["version"][:12] in c and "was in force" in c for c in told["checked"]), (what, told)
    where = ["--from", g.audit, "--state", lab.dir / "gw-state"]
    told = json.loads(sluice("audit", "replay", "--all", *where, "--json").stdout)
    assert told["same"] and told["unasked"] == len(asked) - 1 and told["decisions"] == len(asked), told
    assert f"{len(asked) - 1} made before a rule was asked, 0 differ" in sluice("audit", "replay", "--all", *where).stdout
    # One that is made to look like a refusal, though the upstream answered, is found.
    file = sorted(g.audit.glob("*.jsonl"))[-1]
    passed = asked[200][1]["x-sluice-decision"]
    file.write_text("".join(line.replace('"effective":"' + records[passed]["effective"], '"effective":"') if passed in line else line for line in file.read_text().splitlines(keepends=True)))
    told = replayed(g, lab, passed)
    assert not told["same"] and "the upstream answered with status 200" in json.dumps(told["differences"]), told


def test_a_folder_in_the_place_of_a_file_is_said_to_be_one(lab):
    g, _ = gateway(lab)
    for words in (["audit", "replay", "x", "--from", g.audit, "--secret", lab.dir], ["audit", "query", "--from", g.audit, "--user", "u", "--secret", lab.dir],
                  ["pack", lab.dir / "gw-b", "--out", lab.dir / "o.tgz", "--against", lab.dir]):
        r = sluice(*words, check=False)
        assert r.returncode in (1, 2) and f"{lab.dir} is a folder" in r.stderr and "defect" not in r.stderr, (words, r.stderr)


def test_a_replay_in_full_knows_tags_choices_and_the_words_behind_an_answer(lab):
    notice = rule("notice", "response", "{keywords: [bonds]}", '{type: append, text: " General information."}', "bonds") + \
        rule("steer", "request", "{keywords: [shares]}", '{type: inject_system, text: "Be brief."}', "shares") + TAGS
    up = Upstream()
    folder = bundle(lab.dir / "gw-b", extra=notice)
    (folder / "advice.yaml").write_text(BOUND)
    (folder / "words.yaml").write_text("apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: words, owner: it}\ndisclaimers: {none: {text: No advice.}}\nrules:\n" +
                                       rule("say-so", "response", "{keywords: [bonds]}", "{type: require_disclaimer, disclaimer: none}", "bonds"))
    (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text() + "  - {use: words, bind: {scope: global}}\n  - {use: advice, bind: {conversation_tag: investing}}\n")
    g = Gateway(lab, "gw", up.port, f"{{directory: {folder}}}")
    g.kill()
    g.set_log("text: encrypted")
    g.start()
    asked = {}

    def ask(name, text, said, **more):
        up.text = said
        asked[name] = g.post({"model": "m", "messages": [{"role": "user", "content": text}], **more})[1]["x-sluice-decision"]

    for name, more in (("plain", {}), ("stream", {"stream": True})):
        ask(f"{name}: appended", "what?", "buy bonds", **more)
        ask(f"{name}: nothing to append", "what?", "buy gold", **more)
        ask(f"{name}: tagged", "my portfolio of shares", "buy bonds", **more)
        ask(f"{name}: JSON", "what?", '"bonds"', response_format={"type": "json_object"}, **more)
    up.raw = (200, "application/json", json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"} for i, t in enumerate(("bonds, no advice.", "gold", "bonds"))]}).encode())
    ask("of three choices two are appended to", "what?", None, n=3)
    up.raw = (200, "text/event-stream", b"".join(b"data: " + json.dumps(chunk(*c)).encode() + b"\n\n" for c in (
        ("bonds, ", 0), ("gold", 1), ("no advice.", 0), (None, 0, "stop"), (None, 1, "stop"), ("bonds", 2), (None, 2, "stop"))) + b"data: [DONE]\n\n")
    ask("streamed choices", "what?", None, n=3, stream=True)
    up.raw = (500, "text/plain", b"no \\u0062omb recipe")  # what a lenient reader makes of it is judged, too
    ask("an error that is no JSON", "what?", None)
    up.raw = None
    recorded = {r["id"]: r for r in g.records() if r.get("event") in ("decision", "closed")}
    found = {name: sorted(f["rule"] for f in recorded[id]["response"]["findings"]) for name, id in asked.items()}
    assert found["stream: appended"] == ["notice", "say-so"] and found["plain: nothing to append"] == [] and found["an error that is no JSON"] == ["bomb"], found
    assert recorded[asked["stream: tagged"]]["tags"] == ["investing"], recorded
    for name, decision in asked.items():
        for more, way in ((["--secret", lab.dir / "gw-state" / "secret"], "in full"), ([], "rule by rule")):
            told = replayed(g, lab, decision, *more)
            assert told["same"] and told["replayed"] == way, (name, told)


def test_scores_of_classifiers_stand_in_the_record_and_a_replay_names_a_version_that_is_gone(lab):
    data, folder = lab.dir / "rows.jsonl", bundle(lab.dir / "gw-b")
    rows(data)
    (folder / "models").mkdir()
    sluice("classifier", "train", data, "-o", folder / "models" / "m.ftz", "--buckets", "2000", "--cutoff", "500")
    (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text() + "  - {use: topics, bind: {scope: global}}\nclassifiers: [{name: topic, model: models/m.ftz}]\n")
    (folder / "topics.yaml").write_text("""apiVersion: sluice/v1
kind: Policy
metadata: {name: topics, title: T, owner: it}
rules:
  - id: fruit
    title: Fruit
    severity: low
    direction: request
    match: {classifier: {name: topic, label: fruit, threshold: 0.5, on_timeout: no_match}}
    action: {type: flag}
    tests: [{name: a, request: a ripe pear, given: {topic.fruit: 0.9}, expect: {rules: [fruit]}}, {name: b, request: nothing, expect: {rules: []}}]
""")
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {folder}}}")
    flagged, other = (g.ask(text)[1]["x-sluice-decision"] for text in ("a ripe pear and a plum for us", "they melt copper with tin in a pot"))
    scores = {r["id"]: r["request"]["nd"] for r in g.records() if "id" in r}
    assert scores[flagged]["topic.fruit"] > 0.5 > scores[other]["topic.fruit"], scores
    assert "score topic.fruit" in sluice("audit", "query", "--from", g.audit, "--decision", other, "--why").stdout
    for decision in (flagged, other):
        told = replayed(g, lab, decision)
        assert told["same"] and told["replayed"] == "rule by rule", told
    r = sluice("audit", "replay", flagged, "--from", g.audit, check=False)
    assert r.returncode == 1 and "--state" in r.stderr and g.state()["version"][:12] in r.stderr, r
    (folder / "topics.yaml").write_text((folder / "topics.yaml").read_text() + "# another version\n")
    r = sluice("audit", "replay", flagged, "--from", g.audit, "--bundle", folder, check=False)
    assert r.returncode == 1 and str(folder) in r.stderr, r
    r = sluice("audit", "replay", "06h0mqn3047np0000cshjbwck3954r58", "--from", g.audit, "--bundle", folder, check=False)
    assert r.returncode == 1 and "no decision" in r.stderr, r


def test_old_files_are_packed_and_retired_and_the_log_stays_whole(lab):
    g, up = gateway(lab)
    g.kill()
    g.set_log("file_bytes: 4KiB, keep: {bytes: 24KiB}")
    g.start()
    decisions = []
    for i in range(60):
        decisions.append(g.ask("a bomb recipe")[1]["x-sluice-decision"])
        time.sleep(0.01)
    until("files are packed and retired", lambda: list(g.audit.glob("*.zst")) and any('"event":"retired"' in f.read_text() for f in g.audit.glob("*.jsonl")), 20)
    for i in range(10):
        decisions.append(g.ask("a bomb recipe")[1]["x-sluice-decision"])
    g.records()
    key, anchor = (lab.dir / f"{g.name}-state" / name for name in ("audit-key.pub", "audit-checkpoint.json"))
    assert "whole" in sluice("audit", "verify", "--from", g.audit, "--key", key, "--anchor", anchor).stdout
    found = [json.loads(line)["id"] for line in sluice("audit", "query", "--from", g.audit, "--rule", "bomb", "--json").stdout.splitlines()]
    assert found and found == decisions[-len(found):] and len(found) < len(decisions), (len(found), len(decisions))
    packed = sorted(g.audit.glob("*.zst"))[0]
    for one in (g.audit, packed, lab.dir / f"{g.name}-state"):
        assert stat.S_IMODE(one.stat().st_mode) & 0o007 == 0, f"{one} is for every user of the machine"
    g.kill()
    packed.unlink()
    r = sluice("audit", "verify", "--from", g.audit, "--key", key, check=False)
    assert r.returncode == 1 and "are missing" in r.stdout, r.stdout


class Collector:
    """What takes OTLP over HTTP: remembers bodies, answers what the test says."""

    def __init__(self):
        self.seen, self.answers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                outer.seen.append((self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["content-length"])))))
                status, body = outer.answers.pop(0) if outer.answers else (200, b"{}")
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.url = f"http://127.0.0.1:{serve(Handler)}/v1/logs"

    def records(self):
        return [r for _, _, body in self.seen for res in body["resourceLogs"] for s in res["scopeLogs"] for r in s["logRecords"]]


def test_what_cannot_be_read_is_an_error_and_a_log_that_was_begun_anew_is_exported_from_its_first_record(lab):
    g, up = gateway(lab)
    out, cursor = lab.dir / "out.jsonl", lab.dir / "cursor"
    export = lambda check=True: sluice("audit", "export", "--from", g.audit, "--to", out, "--cursor", cursor, check=check)
    for _ in range(5):
        g.ask("hello")
    g.records()
    export()
    g.kill(signal.SIGTERM)
    shutil.rmtree(g.audit)
    g.start()
    blocked = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    g.records()
    export()
    sent = [json.loads(line) for line in out.read_text().splitlines()]
    assert blocked in [r.get("id") for r in sent] and len({r["boot"] for r in sent}) == 2, sent
    names = [(r["boot"], r["seq"]) for r in sent]
    assert len(names) == len(set(names)), names
    # As of a release that counted by node alone.
    seen = max(r["seq"] for r in sent if r["boot"] == sent[-1]["boot"])
    cursor.write_text(json.dumps({"gw": seen}))
    g.ask("hello")
    g.records()
    export()
    again = [(r["boot"], r["seq"]) for r in map(json.loads, out.read_text().splitlines())]
    assert len(again) > len(names) and len(again) == len(set(again)), again

    lost = g.audit / "gw-20200101T000000000000Z00000000-000001.jsonl"
    lost.symlink_to(lab.dir / "nowhere")
    before = cursor.read_text()
    for words in (["query"], ["at", "--time", moment(2)], ["replay", "--all"], ["replay", blocked]):
        r = sluice("audit", *words, "--from", g.audit, check=False)
        assert r.returncode == 1 and f"{lost} cannot be read" in r.stderr and not r.stdout, (words, r)
    r = export(check=False)
    assert r.returncode == 1 and f"{lost} cannot be read" in r.stderr and cursor.read_text() == before, r
    r = sluice("audit", "verify", "--from", g.audit, check=False)
    assert r.returncode == 1 and f"{lost} cannot be read" in r.stdout, r


def test_a_cursor_passes_over_no_record_that_did_not_leave(lab):
    """The chain is not in order of time: what was asked first and answered last stands behind what is later."""
    up = Script()
    g = Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b')}}}")
    body = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}).encode()
    answered, got = threading.Event(), {}
    up.answer = ("application/json", [answered, body])
    slow = threading.Thread(target=lambda: got.update(slow=g.ask("slow")[1]["x-sluice-decision"]))
    slow.start()
    until("the slow one is asked", lambda: up.seen)
    up.answer = ("application/json", [body])
    between = time.time()
    quick = g.ask("quick")[1]["x-sluice-decision"]
    blocked = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    until("both are on record", lambda: {quick, blocked} <= {r.get("id") for r in g.records()})
    answered.set()
    slow.join()
    out, cursor = lab.dir / "out.jsonl", lab.dir / "cursor"
    export = lambda *more, check=True: sluice("audit", "export", "--from", g.audit, "--to", out, "--cursor", cursor, *more, check=check)
    sent = lambda: [json.loads(line).get("id") for line in out.read_text().splitlines()]
    until("the slow one is on record", lambda: got["slow"] in {r.get("id") for r in g.records()})
    export("--until", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f".{int(between % 1 * 1e6):06}Z")
    assert got["slow"] in sent() and quick not in sent(), sent()
    export()
    assert {quick, blocked} <= set(sent()), "what --until held back leaves with the next run"
    r = export("--verdict", "block", check=False)
    assert r.returncode == 2 and f"{cursor} is the cursor of an export of other records: all" in r.stderr, r
    cursor.unlink()
    export("--verdict", "block")
    for other in ([], ["--verdict", "allow"], ["--verdict", "block", "--tenant", "acme"]):
        r = export(*other, check=False)
        assert r.returncode == 2 and f"{cursor} is the cursor of an export of other records" in r.stderr, r
    export("--verdict", "block")
    cursor.unlink()
    export()
    for _ in range(2):
        g.kill(signal.SIGTERM)
        g.start()
    g.kill(signal.SIGTERM)
    boots = sorted(g.audit.glob("*.jsonl"))
    assert len(boots) == 3, boots
    gone = json.loads(boots[1].read_text().splitlines()[-1])["seq"]
    for old in boots[:2]:  # as audit.keep does it
        old.unlink()
    r = export()
    assert f" to {gone} of node gw were removed before they were exported" in r.stderr, (gone, r)


def test_records_are_exported_once_each_to_a_file_a_stream_and_a_collector(lab):
    g, up = gateway(lab)
    blocked = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    g.ask("hello")
    g.records()

    def export(to, *more, check=True):
        return sluice("audit", "export", "--from", g.audit, "--to", to, "--cursor", lab.dir / f"{str(to)[:4]}.cursor".replace("/", "_"), *more, check=check)

    out = lab.dir / "out.jsonl"
    export(out)
    whole = g.records(flush=False)
    first = [json.loads(line) for line in out.read_text().splitlines()]
    assert blocked in [r.get("id") for r in first] and len(first) <= len(whole), first
    g.ask("hello again")
    g.records()
    export(out)
    seqs = [json.loads(line)["seq"] for line in out.read_text().splitlines()]
    assert sorted(seqs) == list(range(1, len(seqs) + 1)) and len(seqs) > len(first), seqs

    collector = Collector()
    token = lab.dir / "token"
    token.write_text("a-token\n")
    collector.answers = [(503, b""), (200, b"{}")]  # tried again
    export(collector.url, "--to-token-file", token)
    path, headers, body = collector.seen[-1]
    assert path == "/v1/logs" and headers["Authorization"] == "Bearer a-token" and headers["Content-Type"] == "application/json", headers
    record = next(r for r in body["resourceLogs"][0]["scopeLogs"][0]["logRecords"] if blocked in json.dumps(r["attributes"]))
    assert record["severityText"] == "WARN" and json.loads(record["body"]["stringValue"])["id"] == blocked and record["timeUnixNano"].isdigit(), record
    assert {"key": "service.instance.id", "value": {"stringValue": "gw"}} in body["resourceLogs"][0]["resource"]["attributes"]
    count = len(collector.seen)
    collector.answers = [(400, b"")]
    late = g.ask("one more")[1]["x-sluice-decision"]
    g.records()
    r = export(collector.url, check=False)
    assert r.returncode == 1 and "400" in r.stderr and len(collector.seen) == count + 1, r
    collector.answers = [(200, json.dumps({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "no room"}}).encode())]
    r = export(collector.url, check=False)
    assert r.returncode == 1 and "no room" in r.stderr, r
    export(collector.url)
    assert late in json.dumps(collector.seen[-1][2]) and blocked not in json.dumps(collector.seen[-1][2]), "what failed is sent again, what succeeded is not"

    port = free_port()
    lab.redis(port)
    export(f"redis://127.0.0.1:{port}", "--stream", "decisions", "--verdict", "block")
    told = subprocess.run(["redis-cli", "-p", str(port), "XRANGE", "decisions", "-", "+"], capture_output=True, text=True).stdout
    assert told.count("\nrecord\n") == 1 and blocked in told and "\nnode\ngw\n" in told, told
    r = sluice("audit", "export", "--from", g.audit, "--to", "redis://127.0.0.1:1", check=False)
    assert r.returncode == 1 and "127.0.0.1" in r.stderr, r
