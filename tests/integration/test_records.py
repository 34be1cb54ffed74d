"""The decision log, the admin API, and how the process ends."""
import hashlib
import http.client
import json
import re
import signal
import threading
import time

from lab import Gateway, Upstream, bundle, sluice, until
from speaker import Speaker
from test_exchanges import gateway


def test_the_chain_verifies_and_a_change_is_found(lab):
    g, up = gateway(lab)
    ids = [g.ask("hi")[1]["x-sluice-decision"] for _ in range(20)]
    blocked = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    g.records()
    assert "whole" in sluice("audit", "verify", "--from", g.audit).stdout
    found = [json.loads(l) for l in sluice("audit", "query", "--from", g.audit, "--decision", blocked, "--json").stdout.splitlines()]
    assert len(found) == 1 and found[0]["request"]["findings"][0]["rule"] == "bomb" and found[0]["version"] == g.state()["version"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    at = json.loads(sluice("audit", "at", "--from", g.audit, "--time", now, "--json").stdout)
    assert [n["version"] for n in at] == [g.state()["version"]]
    assert len(ids) == len(set(ids))
    g.kill(signal.SIGTERM)
    file = next(g.audit.glob("*.jsonl"))
    text = file.read_text()
    file.write_text(text.replace('"status":400', '"status":200'))
    assert sluice("audit", "verify", "--from", g.audit, check=False).returncode == 1


def test_checkpoints_are_signed_and_find_who_computes_every_hash_anew(lab):
    g, up = gateway(lab)
    key, anchor = (lab.dir / f"{g.name}-state" / name for name in ("audit-key.pub", "audit-checkpoint.json"))
    for boot in range(2):
        g.ask("a bomb recipe")
        g.records()
        running = sluice("audit", "verify", "--from", g.audit, "--key", key, "--anchor", anchor).stdout
        assert "whole" in running and "stand behind the last checkpoint" in running, running
        g.kill(signal.SIGTERM)
        if boot == 0:
            g.start()
    told = json.loads(sluice("audit", "verify", "--from", g.audit, "--key", key, "--anchor", anchor, "--complete", "--json").stdout)
    assert told["ok"] and told["checkpoints"] == 4 and told["boots"] == 2 and told["keys"] == [key.read_text().strip()] and told["ends"][0]["closed"], told
    files = sorted(g.audit.glob("*.jsonl"))
    honest = [f.read_bytes() for f in files]

    def verify_fails(why):
        r = sluice("audit", "verify", "--from", g.audit, "--key", key, "--anchor", anchor, "--complete", check=False)
        assert r.returncode == 1 and why in r.stdout, r.stdout
        for file, data in zip(files, honest):
            file.write_bytes(data)

    def chained_anew(lines):
        prev = "0" * 64
        for line in lines:
            body = re.sub(r',"hash":"\w{64}"}$', "}", re.sub(r'"prev":"\w{64}"', f'"prev":"{prev}"', line))
            prev = hashlib.sha256(body.encode()).hexdigest()
            yield body[:-1] + f',"hash":"{prev}"}}'

    lines = honest[0].decode().splitlines()
    forged = [line.replace('"status":400', '"status":200') for line in lines]
    assert forged != lines
    files[0].write_text("\n".join(chained_anew(forged)) + "\n")
    verify_fails("the signature of the checkpoint does not fit")
    files[1].write_bytes(b"".join(honest[1].splitlines(keepends=True)[:-2]))
    verify_fails("its end was cut off")
    files[0].unlink()
    verify_fails("boots or files before boot")
    other = lab.dir / "other.pub"
    other.write_text("ab" * 32 + "\n")
    r = sluice("audit", "verify", "--from", g.audit, "--key", other, check=False)
    assert r.returncode == 1 and "by a key that was not given" in r.stdout, r.stdout


def test_one_command_says_what_refused_a_prompt_and_why(lab):
    g, up = gateway(lab, "context: {headers: {trusted_proxies: [127.0.0.1/32]}}\n")
    for i in range(5):
        g.ask("hi")
    mine = g.post({"model": "m", "messages": [{"role": "user", "content": "a bomb recipe"}]}, {"x-user": "ann", "x-tenant": "acme"})[1]["x-sluice-decision"]
    g.ask("a bomb recipe")
    g.records()
    secret = lab.dir / f"{g.name}-state" / "secret"
    why = sluice("audit", "query", "--from", g.audit, "--user", "ann", "--secret", secret, "--since", "3d", "--verdict", "block", "--why").stdout
    assert mine in why and "rule bomb of policy p: block, in messages[0].content 2..13" in why and "tenant acme" in why, why
    assert "status 400" in why and "the upstream was not asked" in why and "ann" not in why and why.count("decision ") == 1, why
    by_value = sluice("audit", "query", "--from", g.audit, "--value", "bomb recipe", "--secret", secret, "--json").stdout.splitlines()
    assert len(by_value) == 2 and mine in by_value[0], by_value
    pages = [sluice("audit", "query", "--from", g.audit, "--event", "decision", "--limit", "3", "--page", n, "--json").stdout.splitlines() for n in (1, 2, 3)]
    assert [len(p) for p in pages] == [3, 3, 1] and len({line for p in pages for line in p}) == 7, pages
    assert "7 fit; these are the newest 3" in sluice("audit", "query", "--from", g.audit, "--event", "decision", "--limit", "3").stderr
    wrong = lab.dir / "wrong-secret"
    wrong.write_text("cd" * 32 + "\n")
    r = sluice("audit", "query", "--from", g.audit, "--user", "ann", "--secret", wrong, check=False)
    assert r.returncode == 1 and "is not the secret of these logs' gateways" in r.stderr, r.stderr
    r = sluice("audit", "query", "--from", g.audit, "--user", "nobody", "--secret", secret, check=False)
    assert r.returncode == 0 and "nothing found" in r.stderr, r.stderr
    for event in {line["event"] for line in g.records()}:
        assert sluice("audit", "query", "--from", g.audit, "--event", event, "--json").stdout.strip(), event
    r = sluice("audit", "query", "--from", g.audit, "--event", "activate", check=False)
    assert r.returncode == 2 and "did you mean 'activated'?" in r.stderr, r.stderr
    r = sluice("audit", "at", "--from", g.audit, "--time", "2200-01-01", check=False)
    assert r.returncode == 2 and "yet to come" in r.stderr, r.stderr
    r = sluice("audit", "query", "--from", g.audit, "--user", "ann", check=False)
    assert r.returncode == 2 and "--secret" in r.stderr, r


def test_queries_say_what_shadow_would_have_done_and_what_nobody_can_have_meant(lab):
    g, up = gateway(lab, "mode: shadow\n")
    g.ask("hi")
    shadowed = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    streamed = g.ask("pay Halden Bank", stream=True)[1]["x-sluice-decision"]
    g.records()
    rows = sluice("audit", "query", "--from", g.audit, "--shadow-verdict", "block", "--since", "10m").stdout.splitlines()
    assert len(rows) == 2 and "shadow" in rows[0] and shadowed in rows[1] and "block" in rows[1], rows
    found = [json.loads(l) for l in sluice("audit", "query", "--from", g.audit, "--decision", streamed, "--json").stdout.splitlines()]
    assert [r["event"] for r in found] == ["opened", "closed"] and found[0]["time"] < found[1]["time"], found
    newest = [json.loads(l) for l in sluice("audit", "query", "--from", g.audit, "--limit", "2", "--json").stdout.splitlines()]
    assert newest == found, newest
    for word, meant in (("redact", "edit"), ("blok", "block")):
        r = sluice("audit", "query", "--from", g.audit, "--verdict", word, check=False)
        assert r.returncode != 0 and f"did you mean '{meant}'?" in r.stderr and not r.stdout, (r.returncode, r.stdout, r.stderr)
    assert "sluice audit query --help" in r.stderr, r.stderr
    r = sluice("audit", "query", "--from", g.audit, "--verdict", "edit")
    assert "nothing found" in r.stderr and not r.stdout, r
    assert "{" not in sluice("audit", "tail", "--help").stdout
    text = g.get("/metrics")[1]
    assert 'sluice_exchanges_shadow_total{verdict="block"} 1' in text and 'sluice_exchanges_shadow_total{verdict="edit"} 1' in text


def test_refusals_have_their_reason_in_the_metrics(lab):
    g, up = gateway(lab)
    g.post({}, path="/v1/nothing")
    g.post(None, method="GET")
    g.post(b"{")
    text = g.get("/metrics")[1]
    for reason in ("unknown_path", "method", "unreadable_request"):
        assert f'sluice_exchanges_refused_total{{reason="{reason}"}} 1' in text, reason


def test_what_passes_on_a_path_that_is_not_read_is_counted_in_both_directions(lab):
    answer = json.dumps({"text": "an answer of Halden Bank"}).encode()
    for name, extra, path, reason in (("passes", "unreadable: {unknown_path: pass}\n", "/v1/nothing", "unknown path"), ("shadow", "mode: shadow\n", "/v1/batches", "denied path"),
                                      ("forms", "mode: shadow\n", "/v1/files", "form")):
        up = Speaker()
        up.recorded = ("application/json", [answer])
        g = Gateway(lab, name, up.port, "{directory: %s}" % bundle(lab.dir / "bundle"), extra)
        asked = json.dumps({"input": "words of Halden Bank"}).encode()
        status, head, got = g.post(asked, path=path)
        assert status == 200 and got == answer, (name, got)
        record = next(r for r in g.records() if r.get("id") == head["x-sluice-decision"])
        assert record["unscanned"] == {reason: len(asked) + len(answer)}, (name, record["unscanned"])
        assert f'sluice_unscanned_bytes_total{{dialect="openai",reason="{reason}"}} {len(asked) + len(answer)}\n' in g.get("/metrics")[1], name


def test_a_list_of_models_passes_counted_and_named(lab):
    up = Speaker()
    answer = json.dumps({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "Halden Bank"}]}).encode()
    up.recorded = ("application/json", [answer])
    g = Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "bundle"))
    status, head, got = g.post(None, path="/v1/models", method="GET")
    assert status == 200 and got == answer, got
    record = next(r for r in g.records() if r.get("id") == head["x-sluice-decision"])
    assert record["unscanned"] == {"listing": len(answer)}, record
    assert f'sluice_unscanned_bytes_total{{dialect="openai",reason="listing"}} {len(answer)}\n' in g.get("/metrics")[1]


def test_what_the_gateway_stops_itself_is_a_block_in_header_and_record_in_both_modes(lab):
    image = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]}
    for mode in ("enforce", "shadow"):
        g, up = gateway(lab, extra=f"mode: {mode}\nlimits: {{request_body: 4KiB}}\n", name=mode)
        asked = [("no upstream", lambda: g.post({}, path="/elsewhere")), ("limit", lambda: g.ask("x" * 5000)), ("keys", lambda: g.post({}, {"x-api-key": "sk-other"})),
                 ("unknown path", lambda: g.post({}, path="/v1/nothing")), ("method", lambda: g.post(None, method="GET")), ("denied path", lambda: g.post({}, path="/v1/images/generations")),
                 ("no JSON", lambda: g.post(b"{")), ("unknown part", lambda: g.post(image)), ("coding", lambda: g.post({}, {"content-encoding": "gzip"}))]
        up.text = "fine"
        for what, ask in asked:
            before = len(up.seen)
            status, head, _ = ask()
            records = [r for r in g.records() if r.get("id") == head["x-sluice-decision"]]
            assert len(records) == 1, (mode, what, records)
            record = records[0]
            assert record["verdict"] == head["x-sluice-verdict"], (mode, what, head, record)
            if record["upstream_status"] == 0 and status != 502:  # the scripted upstream hangs up on a body that is no chat
                assert record["verdict"] == "block" and record["reason"] and len(up.seen) == before, (mode, what, record)
            else:
                assert mode == "shadow" and record["verdict"] == "allow" and record["shadow_verdict"] == "block", (what, record)


def test_an_edit_is_counted_where_it_was_sent(lab):
    g, up = gateway(lab)
    up.text = "nothing of it"
    asked = [g.ask("pay Halden Bank")]
    up.text = "ask Halden Bank"
    asked += [g.ask("whom?"), g.ask("whom?", stream=True)]
    # By id: workers write on their own, and what they decided in the same millisecond may stand in either order.
    records = {r["id"]: r for r in g.records() if r["event"] in ("decision", "closed")}
    records = [records[headers["x-sluice-decision"]] for _, headers, _ in asked]
    assert [(r["upstream_edits"], r["sent"]["edits"]) for r in records] == [(1, 0), (0, 1), (0, 1)], records


def test_kill_9_twenty_times_under_load_loses_no_more_than_the_interval(lab):
    g, up = gateway(lab)
    total, torn, closed, logged, read = 0, 0, set(), set(), set()
    for n in range(20):
        answered, stop = [], threading.Event()

        def load(stream):
            while not stop.is_set():
                try:
                    headers, body = g.ask("hi", stream=stream)[1:]
                except (OSError, http.client.HTTPException):
                    return
                answered.append((time.monotonic(), stream, headers["x-sluice-decision"]))
                assert not stream or body.endswith(b"data: [DONE]\n\n")

        threads = [threading.Thread(target=load, args=(k == 2,)) for k in range(3)]
        for t in threads:
            t.start()
        time.sleep(0.3)
        killed = time.monotonic()
        g.kill()
        stop.set()
        for t in threads:
            t.join()
        last = max(g.audit.glob("*.jsonl"))  # by its boot's name: a tail that is cut off and the next file's first line may be of one tick of the disk's clock
        if n % 4 == 3:  # what a power cut leaves, which a signal seldom does
            with open(last, "ab") as f:
                f.write(b'{"v":1,"seq":9999,"torn')
            torn += 1
        g.start()
        for f in set(g.audit.glob("*.jsonl")) - read:
            for r in map(json.loads, f.read_text().splitlines()):
                logged.add(r.get("id"))
                closed.add(r.get("id") if r["event"] == "closed" else None)
        read = set(g.audit.glob("*.jsonl")) - {max(g.audit.glob("*.jsonl"))}
        lost = [i for at, stream, i in answered if i not in (closed if stream else logged) and at < killed - 0.15]
        assert answered and not lost, lost
        total += len(answered)
    starts = [r for r in g.records() if r["event"] == "start"]
    assert len({r["boot"] for r in starts}) == 21 and sum("torn" in r["detail"] for r in starts) >= torn, starts
    assert "whole" in sluice("audit", "verify", "--from", g.audit).stdout and total > 100, total


def test_metrics_are_in_the_format_and_say_what_happened(lab):
    g, up = gateway(lab)
    g.ask("a bomb recipe")
    g.ask("pay Halden Bank")
    status, text = g.get("/metrics")
    assert status == 200
    for line in text.splitlines():
        assert re.fullmatch(r'(# (HELP|TYPE) [a-z_]+ .+)|([a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? [-+0-9.eEInfNa]+)', line), line
    assert re.search(r"sluice_policy_info\{.*version=", text) and "sluice_" in text
    for path in ("/livez", "/readyz", "/v1/status", "/v1/coverage"):
        assert g.get(path)[0] == 200, path
    rows = json.loads(g.get("/v1/coverage")[1])
    assert "messages[].content" in json.dumps(rows)
    one = json.loads(g.get("/v1/coverage?dialect=gemini")[1])["coverage"]
    assert one == [row for row in rows["coverage"] if row["dialect"] == "gemini"] and one
    status, told = g.get("/v1/coverage?dialect=gemin")
    assert status == 400 and "openai, anthropic, gemini, ollama" in told, told


def test_sigterm_lets_a_stream_end(lab):
    g, up = gateway(lab)
    up.pieces, up.pause = [f"word{i} " for i in range(20)], 0.05
    got = {}
    t = threading.Thread(target=lambda: got.update(body=g.ask("hi", stream=True)[2]))
    t.start()
    until("the stream runs", lambda: up.seen)
    time.sleep(0.2)
    g.process.send_signal(signal.SIGTERM)
    t.join()
    assert b"word19" in got["body"] and got["body"].endswith(b"data: [DONE]\n\n")
    assert g.process.wait(15) == 0


def test_a_key_that_a_rule_finds_stands_neither_in_the_error_nor_in_the_log(lab):
    card = "4111111111111111"
    up = Upstream()
    folder = bundle(lab.dir / "keys", extra=f"""  - id: cards
    direction: both
    match: {{regex: '4[0-9]{{15}}'}}
    action: {{type: redact}}
    tests: [{{name: a, request: "{card}", expect: {{rules: [cards]}}}}, {{name: b, request: nothing, expect: {{rules: []}}}}]
""")
    g = Gateway(lab, "gw", up.port, f"{{directory: {folder}}}")
    user = {"role": "user", "content": "hi"}
    called = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": json.dumps({card: 1})}}]}
    schema = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {card: {"description": f"the card {card}"}}}}}
    for body in ({"messages": [user], "metadata": {card: "of a customer"}}, {"messages": [user, called]}, {"messages": [user], "tools": [schema]}, {"messages": [user], card: "x"},
                 {"messages": [{**user, card: "a b"}]}):
        status, _, answer = g.post({"model": "m", **body})
        assert status == 400 and card not in answer.decode(), answer
    up.raw = (200, "application/json", json.dumps({"choices": [{"index": 0, "message": called, "finish_reason": "tool_calls"}]}).encode())
    assert card not in g.ask("hi")[2].decode()
    g.records()
    log = "".join(f.read_text() for f in g.audit.glob("*.jsonl"))
    told = sluice("audit", "query", "--from", g.audit, "--reason", "unknown part", "--why").stdout
    assert "unread      messages[0].*: unknown part, deny" in told, told
    assert log.count('"rule":"cards"') >= 4 and "properties.*.description" in log and "metadata.*" in log, log
    assert card not in log
