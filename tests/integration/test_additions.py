"""Words that the policy adds, on the real binary, in every dialect: beside the system's, and behind answers."""
import json

from lab import Gateway, Script, Skip, Upstream, bundle, every_dialect
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
    assert sorted(r["upstream_edits"] for r in closed) == [0] * 6 + [2] * 6, [r["upstream_edits"] for r in closed]
    assert all([f["action"] for f in r["request"]["findings"]] == ["inject_system"] * r["upstream_edits"] for r in closed) and "General only" not in json.dumps(closed)


def test_an_error_that_quotes_the_request_does_not_show_the_words(lab):
    up = Script()
    g = Gateway(lab, "errors", up.port, f"{{directory: {bundle(lab.dir / 'errors-bundle', extra=STEER)}}}")
    asked = {"model": "m", "messages": [{"role": "user", "content": "bonds?"}]}
    sent = json.dumps({"model": "m", "messages": [{"role": "system", "content": "You are the bank's."}, {"role": "user", "content": "bonds?"}, {"role": "system", "content": "General only."}]})
    whole = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}], "debug": {"body": json.loads(sent), "raw": sent}}
    for status, kind, body in ((400, "application/json", json.dumps({"error": {"message": "bad: " + sent}})), (500, "text/plain", "bad: " + sent), (200, "application/json", json.dumps(whole))):
        up.status, up.answer = status, (kind, [body.encode()])
        got, _, data = g.post(asked)
        assert got == status and b"General only" not in data and b"the bank's" not in data and b"bonds?" in data, data


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


NOTICE = "General information, no advice."
# What every dialect says in the tests below: an answer of several choices where it has some, each with its words and its end.
LENGTHS = {"stop": {"responses": "completed", "anthropic": "end_turn", "gemini": "STOP", "ollama": "stop"}, "length": {"responses": "max_output_tokens", "anthropic": "max_tokens", "gemini": "MAX_TOKENS", "ollama": "length"},
           "tool": {"responses": "completed", "openai": "tool_calls", "anthropic": "tool_use", "gemini": "STOP", "ollama": "stop"}}


def ended(kind, why):
    return LENGTHS[why].get(kind, why)


class OpenAI:
    kind, choices = "openai", 2

    def ask(self, stream, structured=False):
        body = {"model": "m", "n": 2, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
        return "/v1/chat/completions", body | ({"response_format": {"type": "json_object"}} if structured else {})

    def say(self, texts, why, stream):
        call = [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": json.dumps({"q": texts[0]})}}]
        if not stream:
            message = lambda t: {"role": "assistant", "content": None, "tool_calls": call} if why == "tool" else {"role": "assistant", "content": t}
            choices = [{"index": i, "message": message(t), "finish_reason": ended("openai", why)} for i, t in enumerate(texts)]
            return "application/json", [json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}).encode()]
        chunk = lambda i, delta, end=None: b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": i, "delta": delta, "finish_reason": end}]}).encode() + b"\n\n"
        out = [chunk(i, {"role": "assistant", "content": ""}) for i in range(len(texts))]
        if why == "tool":
            out += [chunk(i, {"tool_calls": call}) for i in range(len(texts))]
        else:
            out += [chunk(i, {"content": letter}) for i, t in enumerate(texts) for letter in t]
        return "text/event-stream", out + [chunk(i, {}, ended("openai", why)) for i in range(len(texts))] + [b"data: [DONE]\n\n"]

    def hear(self, data, stream):
        if not stream:
            return [(c["message"]["content"] or "", c["finish_reason"]) for c in json.loads(data)["choices"]]
        heard = {}
        assert data.endswith(b"data: [DONE]\n\n"), data
        for line in data.decode().splitlines():
            for c in json.loads(line[6:])["choices"] if line.startswith("data: {") else []:
                text, end = heard.get(c["index"], ("", None))
                assert end is None, "text behind the end"
                heard[c["index"]] = (text + (c["delta"].get("content") or ""), c["finish_reason"])
        return [heard[i] for i in sorted(heard)]


class Anthropic:
    kind, choices = "anthropic", 1

    def ask(self, stream, structured=False):
        body = {"model": "m", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
        return "/v1/messages", body | ({"output_config": {"format": {"type": "json_schema", "schema": {}}}} if structured else {})

    def say(self, texts, why, stream):
        blocks = [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": texts[0]}}] if why == "tool" else [{"type": "text", "text": texts[0]}]
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not stream:
            return "application/json", [json.dumps(message | {"content": blocks, "stop_reason": ended("anthropic", why)}).encode()]
        events = [{"type": "message_start", "message": message}]
        if why == "tool":
            events += [{"type": "content_block_start", "index": 0, "content_block": blocks[0] | {"input": {}}},
                       {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": json.dumps(blocks[0]["input"])}}]
        else:
            events += [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
            events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": letter}} for letter in texts[0]]
        events += [{"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": ended("anthropic", why), "stop_sequence": None}, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
        return "text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]

    def hear(self, data, stream):
        if not stream:
            message = json.loads(data)
            return [("".join(b.get("text", "") for b in message["content"]), message["stop_reason"])]
        events = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: ")]
        open_blocks = set()
        for e in events:  # every delta stands in an open block
            if e["type"] == "content_block_start":
                open_blocks.add(e["index"])
            if e["type"] == "content_block_stop":
                open_blocks.remove(e["index"])
            assert e["type"] != "content_block_delta" or e["index"] in open_blocks, data
        assert not open_blocks and events[-1]["type"] == "message_stop"
        return [("".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta"), [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"][-1])]


class Gemini:
    kind, choices = "gemini", 2

    def ask(self, stream, structured=False):
        body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
        return "/v1beta/models/m:" + ("streamGenerateContent?alt=sse" if stream else "generateContent"), body | ({"generationConfig": {"responseMimeType": "application/json"}} if structured else {})

    def say(self, texts, why, stream):
        part = lambda t: {"functionCall": {"name": "f", "args": {"q": t}}} if why == "tool" else {"text": t}
        said = lambda i, t, end: {"candidates": [{"content": {"parts": [part(t)], "role": "model"}, "index": i} | ({"finishReason": ended("gemini", why)} if end else {})]}
        if not stream:
            return "application/json", [json.dumps({"candidates": [said(i, t, True)["candidates"][0] for i, t in enumerate(texts)]}).encode()]
        if why == "tool":
            answers = [said(i, t, True) for i, t in enumerate(texts)]
        else:
            answers = [said(i, letter, False) for i, t in enumerate(texts) for letter in t]
            answers += [{"candidates": [{"finishReason": ended("gemini", why), "index": i}]} for i in range(len(texts))]
        return "text/event-stream", [b"data: " + json.dumps(a).encode() + b"\r\n\r\n" for a in answers]

    def hear(self, data, stream):
        answers = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: ")] if stream else [json.loads(data)]
        heard = {}
        for c in (c for a in answers for c in a["candidates"]):
            text, end = heard.get(c["index"], ("", None))
            assert end is None, "text behind the end"
            heard[c["index"]] = (text + "".join(p.get("text", "") for p in c.get("content", {}).get("parts", [])), c.get("finishReason"))
        return [heard[i] for i in sorted(heard)]


class Ollama:
    kind, choices = "ollama", 1

    def __init__(self, generate=False):
        self.generate = generate

    def ask(self, stream, structured=False):
        body = {"model": "m", "stream": stream} | ({"prompt": "x"} if self.generate else {"messages": [{"role": "user", "content": "x"}]})
        return "/api/generate" if self.generate else "/api/chat", body | ({"format": "json"} if structured else {})

    def say(self, texts, why, stream):
        def line(text, done):
            out = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": done} | ({"done_reason": ended("ollama", why)} if done else {})
            if self.generate:
                return out | {"response": text}
            call = {"tool_calls": [{"function": {"name": "f", "arguments": {"q": texts[0]}}}]} if why == "tool" and text else {}
            return out | {"message": {"role": "assistant", "content": "" if call else text} | call}
        if not stream:
            return "application/json", [json.dumps(line(texts[0], True)).encode()]
        lines = [line(texts[0], False)] if why == "tool" else [line(letter, False) for letter in texts[0]]
        return "application/x-ndjson", [json.dumps(l).encode() + b"\n" for l in lines + [line("", True)]]

    def hear(self, data, stream):
        lines = [json.loads(l) for l in data.decode().splitlines()] if stream else [json.loads(data)]
        assert [l["done"] for l in lines] == [False] * (len(lines) - 1) + [True]
        return [("".join(l["response"] if self.generate else l["message"]["content"] for l in lines), lines[-1]["done_reason"])]


class Responses:
    kind, choices = "responses", 1

    def ask(self, stream, structured=False):
        return "/v1/responses", {"model": "m", "input": "x", "stream": stream} | ({"text": {"format": {"type": "json_object"}}} if structured else {})

    def say(self, texts, why, stream):
        limit = why == "length"
        part = lambda text: {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = lambda how, parts: {"id": "msg_1", "type": "message", "status": how, "role": "assistant", "content": parts}
        call = lambda how, arguments: {"id": "fc_1", "type": "function_call", "call_id": "t", "name": "f", "arguments": arguments, "status": how}
        arguments = json.dumps({"q": texts[0]})
        done = call("completed", arguments) if why == "tool" else message("incomplete" if limit else "completed", [part(texts[0])])
        response = lambda how, output: {"id": "resp_1", "object": "response", "created_at": 1, "status": how, "error": None, "instructions": None, "metadata": {}, "model": "m",
                                        "incomplete_details": {"reason": "max_output_tokens"} if how == "incomplete" else None, "output": output, "usage": None}
        whole = response("incomplete" if limit else "completed", [done])
        if not stream:
            return "application/json", [json.dumps(whole).encode()]
        at = {"item_id": done["id"], "output_index": 0}
        events = [{"type": "response.created", "response": response("in_progress", [])}, {"type": "response.output_item.added", "output_index": 0, "item": call("in_progress", "") if why == "tool" else message("in_progress", [])}]
        if why == "tool":
            events += [{"type": "response.function_call_arguments.delta", "delta": arguments} | at, {"type": "response.function_call_arguments.done", "arguments": arguments} | at]
        else:
            at |= {"content_index": 0}
            events += [{"type": "response.content_part.added", "part": part("")} | at] + [{"type": "response.output_text.delta", "delta": letter, "logprobs": []} | at for letter in texts[0]]
            events += [{"type": "response.output_text.done", "text": texts[0], "logprobs": []} | at, {"type": "response.content_part.done", "part": part(texts[0])} | at]
        events += [{"type": "response.output_item.done", "output_index": 0, "item": done}, {"type": "response." + whole["status"], "response": whole}]
        return "text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e | {'sequence_number': n})}\n\n".encode() for n, e in enumerate(events)]

    def hear(self, data, stream):
        events = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: ")] if stream else [{"response": json.loads(data)}]
        last = events[-1]["response"]
        text = "".join(p["text"] for i in last["output"] if i["type"] == "message" for p in i["content"])
        if stream:  # what grew is what the end repeats, and numbers rise
            assert "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta") == text, data
            numbers = [e["sequence_number"] for e in events]
            assert numbers == sorted(set(numbers)) and [e["type"] for e in events].count("response." + last["status"]) == 1, data
        return [(text, last["incomplete_details"]["reason"] if last["status"] == "incomplete" else last["status"])]


SPEAKERS = [OpenAI(), Responses(), Anthropic(), Gemini(), Ollama(), Ollama(generate=True)]
BEHIND = rule("notice", "response", "{keywords: [invest]}", '{type: append, text: "%s"}' % NOTICE, "invest")


def scripted(lab, rules, more=""):
    up = Script()
    return every_dialect(lab, up, "s", rules + more), up


def each_way():
    return [(dialect, stream) for dialect in SPEAKERS for stream in (False, True)]


def asked(g, up, dialect, stream, texts, why="stop", structured=False):
    """What a client gets for an answer of these texts: status, and what each choice said and how it ended."""
    up.answer = dialect.say(texts[:dialect.choices], why, stream)
    path, body = dialect.ask(stream, structured)
    status, head, data = g.post(body, path=path)
    return status, data, dialect.hear(data, stream) if status == 200 else head["x-sluice-verdict"]


def test_a_text_comes_behind_each_choice_whole_streamed_and_cut_by_length(lab):
    g, up = scripted(lab, BEHIND)
    for dialect, stream in each_way():
        for why in ("stop", "length"):
            _, data, heard = asked(g, up, dialect, stream, ["you may invest", "or not"], why)
            end = ended(dialect.kind, why)
            assert heard == [("you may invest\n\n" + NOTICE, end), ("or not", end)][:dialect.choices], (dialect.kind, stream, data)
        sent = dialect.say(["all is well", "as it is"][:dialect.choices], "stop", stream)
        status, data, _ = asked(g, up, dialect, stream, ["all is well", "as it is"])
        assert status == 200 and data == b"".join(sent[1]), (dialect.kind, stream)  # without a match each byte is as it came
        # Held text comes before it, and an edit beside it.
        _, data, heard = asked(g, up, dialect, stream, ["invest at Halden Bank", "x"])
        assert heard[0][0] == "invest at [R]\n\n" + NOTICE, (dialect.kind, stream, data)
    closed = [r for r in g.records() if r["event"] in ("closed", "decision")]
    assert sorted(r["sent"]["edits"] for r in closed) == sorted([1, 1, 0, 2] * len(each_way())), [r["sent"]["edits"] for r in closed]
    assert all(f["action"] in ("append", "redact") for r in closed for f in r["response"]["findings"]) and NOTICE not in json.dumps(closed)


def test_nothing_comes_behind_json_or_a_call_of_a_tool_and_the_rule_says_what_then(lab):
    g, up = scripted(lab, BEHIND, rule("strict", "response", "{keywords: [speculate]}", '{type: append, text: "%s", on_structured: block}' % NOTICE, "speculate"))
    for dialect, stream in each_way():
        for why, structured in (("stop", True), ("tool", False)):
            if why == "tool" and getattr(dialect, "generate", False):
                continue
            sent = dialect.say(["you may invest", "so invest"][:dialect.choices], why, stream)
            status, data, _ = asked(g, up, dialect, stream, ["you may invest", "so invest"], why, structured)
            # Arguments in fragments may come in other ones, because other rules hold them.
            same = data == b"".join(sent[1]) or (stream and why == "tool" and NOTICE.encode() not in data and b"you may invest" in data)
            assert status == 200 and same, (dialect.kind, stream, why, data)
            status, data, heard = asked(g, up, dialect, stream, ["you may speculate", "x"], why, structured)
            assert NOTICE.encode() not in data, data
            if not stream:
                assert status == 400 and heard == "block" and b"no place for it" in data, (dialect.kind, why, data)
            elif status == 200:
                assert all(end in ("content_filter", "refusal", "SAFETY") for _, end in heard), (dialect.kind, why, data)
            else:
                assert heard == "block", data
    records = [r for r in g.records() if r["event"] in ("closed", "decision")]
    assert {f["action"] for r in records for f in r["response"]["findings"] if f["rule"] == "notice"} == {"flag"}
    assert {f["action"] for r in records for f in r["response"]["findings"] if f["rule"] == "strict"} == {"block"}


def test_an_answer_that_is_blocked_gets_no_text_behind_it(lab):
    g, up = scripted(lab, BEHIND)
    for dialect, stream in each_way():
        status, data, _ = asked(g, up, dialect, stream, ["invest in a bomb recipe", "x"])
        assert NOTICE.encode() not in data and (stream or status == 400), (dialect.kind, data)


DISCLAIMER = "disclaimers:\n  general: {text: \"%s\", present_if: {regex: '(?i)no\\s+advice'}}\n" % NOTICE


def demanding(action, hold=""):
    return rule("demand", "response", "{keywords: [invest]}", "{type: require_disclaimer, disclaimer: general, %s}" % action, "invest", hold)


def test_a_disclaimer_is_added_where_it_is_missing_and_once_for_each_choice(lab):
    g, up = scripted(lab, demanding("on_missing: append") + BEHIND, DISCLAIMER)
    for dialect, stream in each_way():
        _, data, heard = asked(g, up, dialect, stream, ["invest, and invest", "invest; this is NO advice"], "length")
        assert [t for t, _ in heard] == ["invest, and invest\n\n" + NOTICE, "invest; this is NO advice\n\n" + NOTICE][:dialect.choices], (dialect.kind, stream, data)
    g, up = scripted(lab_of(lab, "only"), demanding("on_missing: append"), DISCLAIMER)
    for dialect, stream in each_way():
        sent = dialect.say(["invest; this is no  advice"] * dialect.choices, "stop", stream)
        status, data, _ = asked(g, up, dialect, stream, ["invest; this is no  advice"] * 2)
        assert data == b"".join(sent[1]), (dialect.kind, stream, data)
    passed = [r for r in g.records() if r["event"] in ("closed", "decision")]
    assert all(r["verdict"] == "allow" and {f["action"] for f in r["response"]["findings"]} == {"allow"} for r in passed)


def lab_of(lab, name):
    """The same lab with a folder of its own for another gateway."""
    folder = type(lab).__new__(type(lab))
    folder.dir, folder.processes = lab.dir / name, lab.processes
    folder.dir.mkdir()
    return folder


def test_a_missing_disclaimer_rewrites_or_blocks_the_answer_before_any_of_it_leaves(lab):
    full = "    stream: {hold: full}\n"
    g, up = scripted(lab_of(lab, "rewrites"), demanding("on_missing: rewrite, replacement: Ask a person.", full), DISCLAIMER)
    for dialect, stream in each_way():
        status, data, heard = asked(g, up, dialect, stream, ["you should invest", "hello"])
        assert [t for t, _ in heard] == ["Ask a person.", "hello"][:dialect.choices] and b"should" not in data, (dialect.kind, stream, data)
        assert [t for t, _ in asked(g, up, dialect, stream, ["invest: no advice", "x"])[2]][0] == "invest: no advice"
    assert {r["sent"]["edits"] for r in g.records() if r["event"] in ("closed", "decision")} == {0, 1}
    g, up = scripted(lab_of(lab, "blocks"), demanding("on_missing: block, message: Not like this., message_in_stream: true", full), DISCLAIMER)
    for dialect, stream in each_way():
        status, data, heard = asked(g, up, dialect, stream, ["you should invest", "hello"])
        assert b"should" not in data and b"Not like this." in data, (dialect.kind, stream, data)
        assert (status == 400 and heard == "block") or all(end in ("content_filter", "refusal", "SAFETY", "stop") for _, end in heard), (dialect.kind, stream, data)
        assert asked(g, up, dialect, stream, ["invest: no advice", "x"])[2][0][0] == "invest: no advice"


def test_rules_in_shadow_add_nothing(lab):
    shadow = "    enforcement: shadow\n    stream: {hold: full}\n"
    tried = rule("later", "response", "{keywords: [invest]}", '{type: append, text: "%s", on_structured: block}' % NOTICE, "invest", shadow) + \
        rule("strict", "response", "{keywords: [invest]}", "{type: require_disclaimer, disclaimer: general, on_missing: block, message: No.}", "invest", shadow)
    tried = tried.replace("expect: {rules_any: [later]}", "expect: {shadow: [later]}").replace("expect: {rules_any: [strict]}", "expect: {shadow: [strict]}")
    g, up = scripted(lab, tried, DISCLAIMER)
    for dialect, stream in each_way():
        sent = dialect.say(["you should invest", "invest"][:dialect.choices], "stop", stream)
        status, data, _ = asked(g, up, dialect, stream, ["you should invest", "invest"])
        assert status == 200 and data == b"".join(sent[1]), (dialect.kind, stream, data)
    closed = [r for r in g.records() if r["event"] in ("closed", "decision")]
    assert all((r["response"]["verdict"], r["response"]["shadow_verdict"], r["sent"]["edits"]) == ("allow", "block", 0) for r in closed), closed
    assert {(f["rule"], f["action"], f["enforcement"]) for r in closed for f in r["response"]["findings"]} == {("later", "append", "shadow"), ("strict", "block", "shadow")}


def test_python_sdks_read_the_text_behind_an_answer(lab):
    try:
        import anthropic
        import ollama
        from google import genai
    except ImportError as e:
        raise Skip(f"a Python SDK is not installed (see build/sdks/pip.log): {e}")
    g, up = gateway(lab, BEHIND)
    up.pieces = ["you may ", "inv", "est"]
    said = "you may invest\n\n" + NOTICE
    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{g.port}", api_key="sk-x")
    ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert client.messages.create(**ask).content[0].text == said
    with client.messages.stream(**ask) as s:
        assert s.get_final_message().content[0].text == said
    client = genai.Client(api_key="x", http_options={"base_url": f"http://127.0.0.1:{g.port}"})
    assert client.models.generate_content(model="m", contents="hi").text == said
    assert "".join(c.text or "" for c in client.models.generate_content_stream(model="m", contents="hi")) == said
    client = ollama.Client(host=f"http://127.0.0.1:{g.port}")
    messages = [{"role": "user", "content": "hi"}]
    assert client.chat(model="m", messages=messages).message.content == said
    assert "".join(c.message.content for c in client.chat(model="m", messages=messages, stream=True)) == said
