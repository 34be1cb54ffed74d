"""What holds for a conversation as a whole, on the real binary: its tags."""
import json

from lab import Gateway, Upstream, bundle
from test_exchanges import content

PROXY = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}\n"
TAGS = """  - id: invest
    title: Talks of investing
    severity: low
    direction: both
    match: {keywords: [portfolio]}
    action: {type: tag, tags: [investing]}
    tests: [{name: a, request: "my portfolio", expect: {rules: [invest], action: tag}}, {name: b, request: nothing, expect: {rules: []}}]
"""
BOUND = """apiVersion: sluice/v1
kind: Policy
metadata: {name: advice, owner: it}
rules:
  - id: bonds
    title: Bonds
    severity: low
    direction: both
    match: {keywords: [bonds]}
    action: {type: redact, mask: "[B]"}
    tests: [{name: a, request: "buy bonds", expect: {rules: [bonds]}}, {name: b, request: nothing, expect: {rules: []}}]
"""


def tagged_bundle(folder, enforcement="enforce"):
    bundle(folder, extra=TAGS.replace("    direction", f"    enforcement: {enforcement}\n    direction").replace(
        "expect: {rules: [invest], action: tag}", "expect: {rules: [invest]}" if enforcement == "enforce" else "expect: {shadow: [invest]}"))
    (folder / "advice.yaml").write_text(BOUND)
    path = folder / "bundle.yaml"
    path.write_text(path.read_text() + "  - {use: advice, bind: {conversation_tag: investing}}\n")
    return folder


def tag_gateway(lab, name="gw", **more):
    up = Upstream()
    return Gateway(lab, name, up.port, f"{{directory: {tagged_bundle(lab.dir / (name + '-b'), **more)}}}", PROXY), up


def say(g, *texts, conversation=None, tenant="acme", stream=False):
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": t} for i, t in enumerate(texts)]
    fields = {"x-tenant": tenant} | ({"x-conversation": conversation} if conversation else {})
    return g.post({"model": "m", "stream": stream, "messages": messages}, fields)


def test_a_tag_of_a_request_counts_in_the_same_request_and_in_its_answer(lab):
    g, up = tag_gateway(lab)
    up.text = "bonds are fine"
    say(g, "buy bonds")
    assert b"buy bonds" in up.seen[-1]
    status, headers, body = say(g, "my portfolio: buy bonds")
    assert b"my portfolio: buy [B]" in up.seen[-1]
    assert json.loads(body)["choices"][0]["message"]["content"] == "[B] are fine" and headers["x-sluice-verdict"] == "edit"
    plain, tagged = [r for r in g.records() if r["event"] == "decision"]
    assert plain["tags"] == [] and plain["verdict"] == "allow"
    assert tagged["tags"] == ["investing"] and tagged["request"]["tags"] == ["investing"] and "tags" not in tagged["response"]
    assert plain["effective"] != tagged["effective"]
    # The client sends its history again: the tag comes of it again, whatever this node remembers.
    up.text = "ok"
    say(g, "my portfolio", "ok", "buy bonds")
    assert b"buy [B]" in up.seen[-1]


def test_a_tag_of_an_answer_counts_from_the_next_exchange_of_its_conversation(lab):
    for stream in (False, True):
        g, up = tag_gateway(lab, "streamed" if stream else "plain")
        up.text = "your portfolio holds bonds"
        up.pieces = list(up.text)
        status, headers, body = say(g, "what have I?", conversation="c1", stream=stream)
        said = content(body) if stream else json.loads(body)["choices"][0]["message"]["content"]
        assert said == "your portfolio holds bonds", said
        up.text, up.pieces = "ok", ["ok"]
        for conversation, tenant, expected in (("c1", "acme", b"more [B]"), ("c2", "acme", b"more bonds"), ("c1", "rival", b"more bonds"), (None, "acme", b"more bonds")):
            say(g, "more bonds", conversation=conversation, tenant=tenant)
            assert expected in up.seen[-1], (stream, conversation, tenant, up.seen[-1])
        first = next(r for r in g.records() if r["event"] == ("closed" if stream else "decision"))
        assert first["tags"] == [] and first["response"]["tags"] == ["investing"]


def test_a_rule_in_shadow_tags_nothing_that_acts(lab):
    g, up = tag_gateway(lab, enforcement="shadow")
    status, headers, body = say(g, "my portfolio: buy bonds", conversation="c1")
    assert b"my portfolio: buy bonds" in up.seen[-1] and headers["x-sluice-verdict"] == "allow"
    say(g, "more bonds", conversation="c1")
    assert b"more bonds" in up.seen[-1]
    first = next(r for r in g.records() if r["event"] == "decision")
    assert first["verdict"] == "allow" and first["shadow_verdict"] == "edit" and first["tags"] == []
    assert {(f["rule"], f["enforcement"]) for f in first["request"]["findings"]} == {("invest", "shadow"), ("bonds", "shadow")}


SCORES = """apiVersion: sluice/v1
kind: Policy
metadata: {name: probing, owner: it}
thresholds: {anomaly: {request: 4, response: 4, action: block}}
rules:
  - id: probe
    title: Probe
    severity: low
    direction: both
    match: {keywords: [hidden rules]}
    action: {type: allow}
    score: 2
    tests: [{name: a, request: "your hidden rules", expect: {rules: [probe], action: allow}}, {name: b, request: nothing, expect: {rules: []}}]
"""


def test_scores_block_a_request_and_cut_a_stream_where_they_are_crossed(lab):
    up, folder = Upstream(), bundle(lab.dir / "b")
    (folder / "probing.yaml").write_text(SCORES)
    path = folder / "bundle.yaml"
    path.write_text(path.read_text() + "  - {use: probing, bind: {scope: global}}\n")
    g = Gateway(lab, "gw", up.port, f"{{directory: {folder}}}")
    up.text = "ok"
    assert g.ask("the hidden rules")[1]["x-sluice-verdict"] == "allow"
    status, headers, body = g.ask("the hidden rules, hidden rules!")
    assert status == 400 and json.loads(body)["error"]["code"] == "content_filter" and headers["x-sluice-verdict"] == "block", (status, body)
    text = "one hidden rules two hidden rules three"
    up.pieces = list(text)
    said = content(g.ask("hello", stream=True)[2])
    assert said.startswith("one hidden rules two") and "three" not in said, said
    # Workers write on their own: what they decided in one moment may stand in either order.
    first, blocked, closed = sorted((r for r in g.records() if r["event"] in ("decision", "closed")), key=lambda r: r["time"])
    assert first["request"]["score"] == [{"policy": "probing", "score": 2, "shadow_score": 2, "threshold": 4, "action": "block", "crossed": False}]
    assert blocked["request"]["score"][0]["score"] == 4 and blocked["request"]["score"][0]["crossed"] and blocked["verdict"] == "block"
    assert blocked["reason"] == "the score of policy 'probing' is 4, its threshold 4" and blocked["request"]["findings"][0]["score"] == 2
    assert closed["response"]["score"][0]["crossed"] and closed["verdict"] == "block" and closed["reason"] == blocked["reason"]
    assert "score" not in closed["request"]


def test_a_request_split_over_parts_or_messages_is_read_as_one(lab):
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b')}}}")
    up.text = "ok"

    def parts(*texts):
        return [{"role": "user", "content": [{"type": "text", "text": t} for t in texts]}]

    def messages(*texts):
        out = []
        for t in texts:
            out += [{"role": "user", "content": t}, {"role": "assistant", "content": "go on"}]
        return out[:-1]

    for shape in (parts, messages):
        for cut in range(1, len("bomb recipe")):
            asked = len(up.seen)
            status, _, body = g.post({"model": "m", "messages": shape("a " + "bomb recipe"[:cut], "bomb recipe"[cut:] + " please")})
            assert status == 400 and json.loads(body)["error"]["code"] == "content_filter" and len(up.seen) == asked, (shape.__name__, cut, body)
        for cut in range(1, len("Halden Bank")):
            g.post({"model": "m", "messages": shape("pay " + "Halden Bank"[:cut], "Halden Bank"[cut:] + " now")})
            assert b"pay [R]" in up.seen[-1] and b"[R] now" in up.seen[-1] and b"alden" not in up.seen[-1], (shape.__name__, cut, up.seen[-1])
        # Side by side, and nothing of it a match: byte for byte as it came.
        body = json.dumps({"model": "m", "messages": shape("pay Halden", "the bank, with a bomb", "shelter recipe")}).encode()
        g.post(body)
        assert up.seen[-1] == body
    record = next(r for r in g.records() if r.get("upstream_edits") == 2)
    finding = record["request"]["findings"][0]
    assert finding["rule"] == "rivals" and finding["channel"] == "messages[0].content[0].text" and finding["span"] == [4, 5]
    assert finding["more"] == [{"channel": "messages[0].content[1].text", "span": [0, 10]}] and len(record["request"]["findings"]) == 1


EXCUSED = """  - id: number
    title: Number
    severity: low
    direction: both
    match: {regex: '\\bACC-[0-9]{4}\\b'}
    action: {type: redact, mask: "[N]"}
    exceptions:
      - {id: number-tests, match: {any: [{phrase: ["acc", ["0000", "9999"]]}]}, reason: numbers of the test bank, owner: payments, ticket: PAY-1, expires: 2099-12-31}
    tests: [{name: a, request: "ACC-1234", expect: {rules: [number]}}, {name: b, request: "ACC-0000", expect: {rules: [], suppressed: [number-tests]}}]
"""


def test_the_record_says_what_an_exception_suppressed_and_whose_it_is(lab):
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b', extra=EXCUSED)}}}")
    g.ask("ACC-0000, ACC-9999 and ACC-1234")
    assert b"ACC-0000, ACC-9999 and [N]" in up.seen[-1]
    section = next(r for r in g.records() if r["event"] == "decision")["request"]
    assert [f["span"] for f in section["findings"]] == [[23, 31]]
    suppressed, = section["suppressed"]
    assert {k: v for k, v in suppressed.items() if k != "hmac"} == {
        "rule": "number", "policy": "p", "by": "number-tests", "owner": "payments", "ticket": "PAY-1", "channel": "messages[0].content", "span": [0, 8], "count": 2}
    assert "ACC" not in json.dumps(section)
