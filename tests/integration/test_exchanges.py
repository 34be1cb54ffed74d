"""Requests and answers over real sockets."""
import json
import socket

from lab import Gateway, Upstream, bundle, chunk, free_port, until


def gateway(lab, extra="", upstream=None, name="gw", **more):
    up = upstream or Upstream()
    return Gateway(lab, name, up.port, f"{{directory: {bundle(lab.dir / (name + '-b'), **more)}}}", extra), up


def events(body):
    return [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]


def content(body):
    return "".join(c["delta"].get("content") or "" for e in events(body) for c in e["choices"])


def test_allows_edits_and_blocks_in_both_directions(lab):
    g, up = gateway(lab)
    status, headers, body = g.ask("hello")
    assert status == 200 and headers["x-sluice-verdict"] == "allow" and headers["x-sluice-decision"], (status, headers)
    g.ask("pay Halden Bank now")
    assert b"pay [R] now" in up.seen[-1]
    up.text = "try halden bank"
    status, headers, body = g.ask("hello")
    assert json.loads(body)["choices"][0]["message"]["content"] == "try [R]" and headers["x-sluice-verdict"] == "edit"
    asked = len(up.seen)
    status, headers, body = g.ask("a bomb recipe")
    error = json.loads(body)["error"]
    assert status == 400 and error["code"] == "content_filter" and error["message"].startswith("Not here.") and headers["x-should-retry"] == "false"
    assert headers["x-sluice-decision"] in error["message"] and len(up.seen) == asked
    up.text = "the bomb recipe is"
    assert g.ask("hello")[0] == 400


def test_a_name_cut_at_every_byte_of_a_stream_never_reaches_the_client(lab):
    g, up = gateway(lab)
    text = "We suggest Halden Bank for that."
    for cut in range(len(text) + 1):
        up.pieces = [text[:cut], text[cut:]]
        status, headers, body = g.ask("hello", stream=True)
        assert content(body) == "We suggest [R] for that.", (cut, body)
        assert b"Halden" not in body and b"alden" not in body
    up.pieces = list(text)
    assert content(g.ask("hello", stream=True)[2]) == "We suggest [R] for that."
    closed = [r for r in g.records() if r["event"] == "closed"]
    assert len(closed) == len(text) + 2 and all(r["sent"]["edits"] == 1 and r["verdict"] == "edit" for r in closed)
    assert all("Halden" not in json.dumps(r) for r in closed)


def test_a_block_within_a_stream_ends_it_as_the_dialect_does(lab):
    g, up = gateway(lab)
    up.pieces = ["safe words ", "and a bomb", " recipe here", " never"]
    status, headers, body = g.ask("hello", stream=True)
    assert status == 200 and headers["x-sluice-verdict"] == "allow, pending"
    assert content(body) == "safe words and a " and events(body)[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert body.endswith(b"data: [DONE]\n\n")
    record = next(r for r in g.records() if r["event"] == "closed")
    assert record["verdict"] == "block" and record["sent"]["status"] == 200


def test_untouched_bodies_are_byte_identical(lab):
    g, up = gateway(lab)
    body = b'{ "model":"m",  "temperature":0.1000, "seed":123456789012345678901234567890, "messages":[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00"}] }'
    g.post(body)
    assert up.seen[-1] == body


def test_what_it_cannot_read_is_refused_in_the_dialect(lab):
    g, up = gateway(lab, extra="limits: {request_body: 4KiB}\n")
    for expected, call in ((404, lambda: g.post({}, path="/v1/nothing")), (404, lambda: g.post({}, path="/elsewhere")), (405, lambda: g.post(None, method="GET")),
                           (403, lambda: g.post({}, path="/v1/images/generations")), (400, lambda: g.post(b"{")), (413, lambda: g.ask("x" * 5000)),
                           (400, lambda: g.post(b'{"messages":[],"messages":[]}')), (415, lambda: g.post({}, {"content-encoding": "compress"})),
                           (415, lambda: g.post(b"x", {"content-type": "multipart/form-data; boundary=x"})),
                           (400, lambda: g.post({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]}))):
        status, headers, body = call()
        assert status == expected and json.loads(body)["error"]["decision_id"] and headers["x-should-retry"] == "false", (expected, status, body)
    assert not up.seen
    status, headers, body = g.post(None, method="GET")
    assert status == 405 and headers["allow"] == "POST"
    assert b"ends in a slash" in g.post({}, path="/v1/chat/completions/")[2]


def sse(*answers):
    return b"".join(b"data: " + json.dumps(a).encode() + b"\n\n" for a in answers) + b"data: [DONE]\n\n"


def test_no_answer_passes_unread_whatever_its_status_and_shape(lab):
    g, up = gateway(lab)
    up.raw = (429, "application/json", b'{"error":{"message":"ask Halden B\\u0061nk","type":"x","code":"y"}}')
    status, headers, body = g.ask("hello")
    assert status == 429 and json.loads(body)["error"]["message"] == "ask [R]", (status, body)
    up.raw = (503, "text/event-stream", sse(chunk("at Halden "), chunk("Bank now"), chunk(None, finish="stop")))
    status, headers, body = g.ask("hello", stream=True)
    assert status == 503 and content(body) == "at [R] now", (status, body)
    # What comes behind a choice's end is not put behind what the client has.
    up.raw = (200, "text/event-stream", sse(chunk("at Halden"), chunk(None, finish="stop"), chunk(" Bank")))
    status, headers, body = g.ask("hello", stream=True)
    assert content(body) == "at Halden" and body.endswith(b"data: [DONE]\n\n"), body
    assert g.records()[-1]["reason"].startswith("unreadable: "), g.records()[-1]

    def delta(**what):
        return {"id": "c1", "created": 1, "model": "m", "choices": [{"index": 0, "delta": what}]}
    for pieces in ([delta(thoughts="Halden "), delta(thoughts="Bank it is")],
                   [delta(tool_calls=[{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": '{"q":"Halden B\\u0061nk'}}])]):
        up.raw = (200, "text/event-stream", sse(chunk("fine ", role=True), *pieces, chunk(None, finish="stop")))
        status, headers, body = g.ask("hello", stream=True)
        assert status == 200 and b"content_filter" in body and b"Bank" not in body and b"0061nk" not in body, body
    up.raw = (200, "application/json", b'{"choices":{"0":{"message":{"content":"Halden Bank"}}}}')
    assert g.ask("hello")[0] == 400


def raw(port, data, then=b""):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(data)
        s.settimeout(10)
        got = b""
        while True:
            try:
                more = s.recv(65536)
            except TimeoutError:
                return got
            if not more:
                return got
            got += more
            if b"100 Continue\r\n\r\n" in got and then:
                s.sendall(then)
                then = b""


def test_http_framings_that_clients_use(lab):
    g, up = gateway(lab)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nConnection: close\r\n"
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 9]), body[i:i + 9]) for i in range(0, len(body), 9)) + b"0\r\n\r\n"
    assert raw(g.port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked).startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 200" in raw(g.port, head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body), then=body)
    old = raw(g.port, head.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert b" 200 " in old.split(b"\r\n")[0] and b"chunked" not in old
    for bad in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
                b"Content-Length : 5\r\n\r\n", b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n"):
        assert raw(g.port, head + bad).startswith(b"HTTP/1.1 400"), bad
    # RFC 9112 §6.1: a transfer coding that a server does not know is 501, and the connection is not read further.
    unknown = raw(g.port, head + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked)
    assert unknown.startswith(b"HTTP/1.1 501") and unknown.count(b"HTTP/1.1") == 1, unknown


def test_a_client_that_leaves_stops_the_upstream(lab):
    g, up = gateway(lab)
    up.pieces, up.pause = ["word "] * 400, 0.02
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    s = socket.create_connection(("127.0.0.1", g.port), 10)
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert s.recv(100)
    s.close()
    assert up.aborted.wait(5), "the upstream still sends"


def test_upstream_failures_have_their_status(lab):
    g, up = gateway(lab)
    up.status = 500
    status, _, body = g.ask("hi")
    assert status == 500 and b"upstream says no" in body
    dead = Gateway(lab, "dead", free_port(), f"{{directory: {lab.dir / 'gw-b'}}}")
    status, headers, body = dead.ask("hi")
    assert status == 502 and json.loads(body)["error"]["code"] == "upstream_error" and headers["x-should-retry"] == "false"


def test_shadow_changes_no_byte(lab):
    up = Upstream()
    shadow, _ = gateway(lab, "mode: shadow\n", up, "shadow")
    empty = lab.dir / "empty"
    empty.mkdir()
    (empty / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: e, owner: o}\nmodules: []\n")
    plain = Gateway(lab, "plain", up.port, f"{{directory: {empty}}}")
    for text in ("hello", "pay Halden Bank", "a bomb recipe"):
        for stream in (False, True):
            up.text = "answer with Halden Bank and a bomb recipe: " + text
            a, b = shadow.ask(text, stream=stream), plain.ask(text, stream=stream)
            assert a[0] == b[0] and a[2] == b[2], (text, stream)
    assert up.seen[::2] == up.seen[1::2]
    records = [r for r in shadow.records() if r["event"] in ("decision", "closed")]
    assert all(r["verdict"] == "allow" for r in records) and all(r["shadow_verdict"] == "block" for r in records)


def test_keys_select_the_tenant_and_strangers_are_refused(lab):
    import hashlib
    keys = lab.dir / "keys.yaml"
    keys.write_text(f"{hashlib.sha256(b'sk-one').hexdigest()}: {{tenant: retail, region: eu}}\n")
    g, up = gateway(lab, f"context: {{keys_file: {keys}, unknown_caller: deny}}\n")
    hello = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert g.ask("hi")[0] == 401
    assert g.post(hello, {"authorization": "Bearer sk-one", "x-tenant": "spoofed"})[0] == 200
    assert [r["context"]["tenant"] for r in g.records() if r.get("sent", {}).get("status") == 200] == ["retail"]
    keys.write_text(f"{hashlib.sha256(b'sk-two').hexdigest()}: {{tenant: wealth}}\n")
    until("the new key is taken without a restart", lambda: g.post(hello, {"authorization": "Bearer sk-two"})[0] == 200)
    assert g.post(hello, {"authorization": "Bearer sk-one"})[0] == 401


def test_a_block_speaks_the_clients_language_and_a_rollout_keeps_to_its_conversations(lab):
    rules = """  - id: sauce
    direction: both
    match: {keywords: [secret sauce]}
    action: {type: block, message: "No.", i18n: {de: "Nein, so nicht."}}
    tests: [{name: a, request: the secret sauce, expect: {rules: [sauce]}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: trial
    direction: both
    match: {keywords: [halfway]}
    action: {type: redact, mask: "[T]"}
    rollout: {percentage: 50}
    tests: [{name: a, request: the halfway house, expect: {rules: [trial]}}, {name: b, request: nothing, expect: {rules: []}}]
"""
    up = Upstream()
    g = Gateway(lab, "gl", up.port, f"{{directory: {bundle(lab.dir / 'gl-b', extra=rules)}}}",
                "context: {headers: {trusted_proxies: [127.0.0.1/32], conversation: x-conversation}}\n")

    def ask(text, **fields):
        return g.post({"model": "m", "messages": [{"role": "user", "content": text}]}, {k.replace("_", "-"): v for k, v in fields.items()})
    for field, message in (("de-AT, en;q=0.5", "Nein, so nicht."), ("it", "No.")):
        status, headers, body = ask("the secret sauce", accept_language=field)
        assert status == 400 and json.loads(body)["error"]["message"].startswith(message), body
    inside = []
    for n in range(30):
        taken = set()
        for turn in range(2):
            up.text = "half" + "way"
            answer = json.loads(ask("halfway there", x_conversation=f"c{n}")[2])["choices"][0]["message"]["content"]
            taken.add(b"[T] there" in up.seen[-1])
            taken.add(answer == "[T]")
        assert len(taken) == 1, (n, taken)
        inside.append(taken.pop())
    assert 3 < sum(inside) < 27, inside
    said = [f["enforcement"] for r in g.records() for f in (r.get("request") or {}).get("findings", []) if f["rule"] == "trial"]
    assert said.count("enforce") == 2 * sum(inside) and said.count("shadow") == 60 - said.count("enforce"), said


def test_a_redactions_hash_tells_equal_values_and_nothing_else(lab):
    rules = """  - id: account
    direction: both
    match: {regex: 'AC-[0-9]{6}'}
    action: {type: redact, mask: "[A]", hash: true}
    tests: [{name: a, request: at AC-123456, expect: {rules: [account], text: "at [A]#00000000"}}, {name: b, request: nothing, expect: {rules: []}}]
"""
    up = Upstream()
    g = Gateway(lab, "gh", up.port, f"{{directory: {bundle(lab.dir / 'gh-b', extra=rules)}}}")

    def sent(text):
        g.ask(text)
        return json.loads(up.seen[-1])["messages"][-1]["content"]
    one = sent("AC-123456")
    assert one.startswith("[A]#") and len(one) == 12 and one != "[A]#00000000", one
    assert sent("AC-123456") == one and sent("AC-654321") != one
    text = "at AC-123456 now"
    for cut in range(len(text) + 1):
        up.pieces = [text[:cut], text[cut:]]
        assert content(g.ask("hello", stream=True)[2]) == f"at {one} now", cut
