"""Words that the policy adds, on the real binary, in every dialect: beside the system's, and behind answers."""
import json

from lab import Gateway, Upstream, bundle
from test_dialects import gateway


def rule(name, direction, match, action, hit, more=""):
    expect = "{rules_any: [%s]}" % name
    way = "request" if direction == "request" else "response"
    return f"""  - id: {name}
    title: {name}
    severity: low
    direction: {direction}
    match: {match}
    action: {action}
{more}    tests: [{{name: a, {way}: "{hit}", expect: {expect}}}, {{name: b, {way}: nothing, expect: {{rules_none: [{name}]}}}}]
"""


STEER = rule("steer", "request", "{keywords: [bonds]}", '{type: inject_system, text: "General only."}', "bonds?") + \
    rule("front", "request", "{keywords: [bonds]}", '{type: inject_system, position: prepend, text: "You are the bank\'s."}', "bonds?") + \
    rule("mild", "request", "{keywords: [stocks]}", '{type: inject_system, text: "Mild.", on_structured: skip}', "stocks?")
BOTH = "You are the bank's.\n\nGeneral only."


def test_system_words_reach_each_dialects_own_place_and_nothing_else_changes(lab):
    g, up = gateway(lab, STEER)
    asks = [
        ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "bonds?"}]}, {"system": BOTH}),
        ("/v1/messages", {"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be brief."}], "messages": [{"role": "user", "content": "bonds?"}]},
         {"system": [{"type": "text", "text": "You are the bank's."}, {"type": "text", "text": "Be brief."}, {"type": "text", "text": "General only."}]}),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "bonds?"}]}]},
         {"systemInstruction": {"parts": [{"text": "You are the bank's."}, {"text": "General only."}]}}),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", {"system_instruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"parts": [{"text": "bonds?"}]}]},
         {"system_instruction": {"parts": [{"text": "You are the bank's."}, {"text": "Be brief."}, {"text": "General only."}]}}),
        ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": "bonds?"}]},
         {"messages": [{"role": "system", "content": BOTH}, {"role": "user", "content": "bonds?"}]}),
        ("/api/generate", {"model": "m", "prompt": "bonds?", "system": "Be brief."}, {"system": "You are the bank's.\n\nBe brief.\n\nGeneral only."}),
    ]
    for path, body, changed in asks:
        status, head, data = g.post(body, path=path)
        assert status == 200 and up.seen[-1][1] == body | changed, (path, up.seen[-1], data)
        assert head["x-sluice-verdict"].startswith("edit") and b"General only" not in data and b"bank's" not in data, (path, head, data)
    for path, body, _ in asks:  # without a match each byte is as it came
        same = json.loads(json.dumps(body).replace("bonds", "funds"))
        assert g.post(same, path=path)[0] == 200 and up.seen[-1][1] == same
    closed = [r for r in g.records() if r["event"] in ("closed", "decision")]
    assert [r["upstream_edits"] for r in closed] == [2] * 6 + [0] * 6, [r["upstream_edits"] for r in closed]
    assert [f["action"] for f in closed[0]["request"]["findings"]] == ["inject_system"] * 2 and "General only" not in json.dumps(closed)


def chat_gateway(lab, rules):
    up = Upstream()
    return Gateway(lab, "chat", up.port, f"{{directory: {bundle(lab.dir / 'chat-bundle', extra=rules)}}}"), up


def test_chat_completions_gets_system_messages_that_no_answer_shows(lab):
    g, up = chat_gateway(lab, STEER)
    user, own = {"role": "user", "content": "bonds?"}, {"role": "developer", "content": "Be brief."}
    for stream in (False, True):
        status, head, data = g.post({"model": "m", "stream": stream, "messages": [user]})
        assert status == 200 and json.loads(up.seen[-1])["messages"] == [{"role": "system", "content": BOTH}, user], up.seen[-1]
        assert b"General only" not in data and head["x-sluice-verdict"].startswith("edit")
    g.post(b'{"messages": [ {"role":"developer", "content":"Be brief."},{"role":"user","content":"bonds?"} ], "model": "m"}')
    assert up.seen[-1] == b'{"messages": [ {"role":"developer","content":"You are the bank\'s."},{"role":"developer", "content":"Be brief."},' \
                          b'{"role":"developer","content":"General only."},{"role":"user","content":"bonds?"} ], "model": "m"}'
    first = up.seen[-1]
    g.post({"model": "m", "messages": [own, user, {"role": "assistant", "content": "Well."}, {"role": "user", "content": "And?"}]})
    assert json.loads(up.seen[-1])["messages"][:4] == json.loads(first)["messages"], "the next turn begins as this one did"


def test_a_request_without_a_place_for_system_words_is_refused_or_flagged_as_the_rule_says(lab):
    g, up = gateway(lab, STEER)
    for path, body in (("/api/generate", {"model": "m", "raw": True, "prompt": "%s?"}), ("/api/embed", {"model": "m", "input": "%s?"}),
                       ("/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "%s?"}]}}), ("/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "%s?"}]}]})):
        asked = len(up.seen)
        status, head, data = g.post(json.dumps(body).replace("%s", "bonds").encode(), path=path)
        assert status == 400 and b"no place" in data and head["x-sluice-verdict"] == "block" and len(up.seen) == asked, (path, data)
        sent = json.dumps(body).replace("%s", "stocks")
        status, head, _ = g.post(sent.encode(), path=path)
        assert status == 200 and up.seen[-1][1] == json.loads(sent) and head["x-sluice-verdict"].startswith("flag"), (path, head)
    skipped = [r for r in g.records() if r.get("verdict") == "flag"]
    assert skipped and all(r["request"]["findings"][0]["action"] == "flag" and r["upstream_edits"] == 0 for r in skipped)
