"""What leaked, was never read or broke in other gateways: docs/defects_elsewhere.md says which defect each test would have found. Those
that it names and that are not here stand with the part that they are about."""
import hashlib
import json
import threading

from lab import Gateway, Script, bundle, chunk, every_dialect, until
from speaker import Speaker
from test_additions import SPEAKERS, Anthropic, OpenAI, lab_of, rule
from test_dialects import gateway as speaking_gateway
from test_exchanges import content, events, gateway, sse

SECRET = "sk_live_" + hashlib.sha256(b"a").hexdigest() * 4  # longer than what others carry over from piece to piece
KEY_RULE = rule("key", "both", r"{regex: '\bsk_live_[0-9a-f]{8,256}\b'}", '{type: redact, mask: "[KEY]"}', "sk_live_0123456789")


def pieces_of(text, size):
    return [text[i:i + size] for i in range(0, len(text), size)]


def said(dialect, pieces, why="stop"):
    """An answer of one choice in these pieces. The speakers say a letter at a time, so each stands for a piece."""
    kind, events_of = dialect.say(["".join(chr(0xE000 + i) for i in range(len(pieces)))], why, True)
    out = []
    for e in events_of:
        for i, piece in enumerate(pieces):
            e = e.replace(json.dumps(chr(0xE000 + i)).encode()[1:-1], json.dumps(piece).encode()[1:-1])
        out.append(e)
    return kind, out


def leaked(data, value, run=12):
    return [value[i:i + run] for i in range(len(value) - run + 1) if value[i:i + run].encode() in data]


def read_until(response, enough):
    got = b""
    while not enough(got):
        piece = response.read1(65536)
        if not piece:
            break
        got += piece
    return got


def closed(g):
    return [r for r in g.records() if r["event"] in ("closed", "decision")]


# A. Streams

def test_a_stream_of_messages_is_judged_and_the_record_says_what_was_done(lab):
    up = Script()
    g = every_dialect(lab, up)
    claude = Anthropic()
    for texts, heard, verdict in ((["at Halden Bank"], ("at [R]", "end_turn"), "edit"), (["so: a bomb recipe"], ("so: a ", "refusal"), "block"), (["all fine"], ("all fine", "end_turn"), "allow")):
        up.answer = claude.say(texts, "stop", True)
        path, body = claude.ask(True)
        status, _, data = g.post(body, path=path)
        assert (status, claude.hear(data, True)) == (200, [heard]), data
        record = closed(g)[-1]
        assert (record["dialect"], record["verdict"]) == ("anthropic", verdict) and len(record["response"]["findings"]) == (verdict != "allow"), record


def test_what_the_record_calls_redacted_did_not_leave(lab):
    up = Script()
    g = every_dialect(lab, up, rules=KEY_RULE)
    text, asked = f"It is {SECRET} indeed.", 0
    for dialect in SPEAKERS:
        for cut in range(3, len(text), 19):
            up.answer = said(dialect, [text[:cut], text[cut:]])
            path, body = dialect.ask(True)
            data = g.post(body, path=path)[2]
            assert dialect.hear(data, True)[0][0] == "It is [KEY] indeed." and not leaked(data, SECRET), (dialect.kind, cut, data)
            asked += 1
    records = closed(g)
    assert len(records) == asked and all(r["sent"]["edits"] == 1 for r in records)


def test_the_head_of_a_value_does_not_leave_however_far_back_it_begins(lab):
    up = Script()
    block = rule("block", "both", r"{regex: '(?s)BEGIN KEY.{0,3000}?END KEY'}", '{type: redact, mask: "[KEY]"}', "BEGIN KEY x END KEY")
    g = every_dialect(lab, up, rules=block + KEY_RULE)
    chat = OpenAI()
    path, body = chat.ask(True)
    for distance in (100, 600, 1100, 2990):
        inside = ("0123456789abcdef" * 200)[:distance]
        up.answer = said(chat, pieces_of(f"see BEGIN KEY{inside}END KEY.", 97))
        data = g.post(body, path=path)[2]
        assert chat.hear(data, True)[0][0] == "see [KEY]." and b"BEGIN" not in data and inside[:20].encode() not in data, (distance, data)
    # Wherever a window of 1,024 bytes would end, the value stands across its end.
    for before in range(1024 - len(SECRET), 1025, 23):
        for size in (64, 256, 1024):
            up.answer = said(chat, pieces_of("x" * (before - 1) + " " + SECRET + " x", size))
            data = g.post(body, path=path)[2]
            assert chat.hear(data, True)[0][0] == "x" * (before - 1) + " [KEY] x" and not leaked(data, SECRET), (before, size)


def test_a_stream_under_no_rule_of_its_own_is_whole_beside_one_that_has_some(lab):
    up = Script()
    folder = bundle(lab.dir / "b")
    (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text().replace("{scope: global}", "{tenant: guarded}"))
    g = Gateway(lab, "g", up.port, f"{{directory: {folder}}}", "context: {headers: {trusted_proxies: [127.0.0.1/32]}}\n")
    up.answer = OpenAI().say(["at Halden Bank", "so"], "stop", True)
    path, body = OpenAI().ask(True)
    for _ in range(3):
        assert g.post(body, {"x-tenant": "other"})[2] == b"".join(up.answer[1])
        assert OpenAI().hear(g.post(body, {"x-tenant": "guarded"})[2], True)[0][0] == "at [R]"


def test_nothing_of_a_match_leaves_before_it_is_known_and_what_is_none_leaves_at_once(lab):
    up = Script()
    g = every_dialect(lab, up)
    for dialect in SPEAKERS:
        gates = [threading.Event(), threading.Event(), threading.Event()]
        kind, parts = said(dialect, ["safe words ", "and a bomb", " recipe here", " never"])
        at = next(i for i, p in enumerate(parts) if b"safe" in p)
        up.answer = kind, parts[:at + 1] + [gates[0]] + [parts[at + 1]] + [gates[1]] + [parts[at + 2]] + [gates[2]] + parts[at + 3:]
        path, body = dialect.ask(True)
        response = g.stream(body, path)
        got = read_until(response, lambda got: b"safe words " in got)  # while the upstream waits: it is not gathered
        gates[0].set()
        got += read_until(response, lambda got: b"and a " in got)
        assert b"bomb" not in got, (dialect.kind, got)
        gates[1].set()
        got += read_until(response, lambda got: False)  # to its end, though the upstream would say more
        gates[2].set()
        end = {"openai": "content_filter", "responses": "content_filter", "anthropic": "refusal", "gemini": "SAFETY", "ollama": "content_filter"}[dialect.kind]
        assert b"bomb" not in got and b"never" not in got and end.encode() in got, (dialect.kind, got)


def test_thousands_of_pieces_of_a_letter_pass_as_they_came(lab):
    up = Script()
    g = every_dialect(lab, up)
    chat = OpenAI()
    up.answer = chat.say(["It is a long answer about nothing. " * 100, "x"], "stop", True)
    path, body = chat.ask(True)
    assert g.post(body, path=path)[2] == b"".join(up.answer[1]) and closed(g)[-1]["verdict"] == "allow"


def test_a_rule_says_how_long_an_answer_is_held_for_it(lab):
    up = Script()
    flags = rule("noted", "response", "{keywords: [grey goose]}", "{type: flag}", "grey goose")
    full = rule("whole", "response", "{keywords: [black swan]}", '{type: redact, mask: "[S]"}', "black swan", "    stream: {hold: full}\n")
    for name, rules, words, early, late in (("flags", flags, ["a grey ", "goose"], "a grey ", "a grey goose"), ("exact", flags, ["a Halden ", "Bank"], "a ", "a [R]"),
                                            ("full", full, ["a black ", "swan"], "", "a [S]")):
        g = every_dialect(lab, up, name, rules, "deadlines: {keep_alive: 200ms}\n")
        gate = threading.Event()
        kind, parts = said(OpenAI(), words)
        at = next(i for i, p in enumerate(parts) if json.dumps(words[0]).encode() in p)
        up.answer = kind, parts[:at + 1] + [gate] + parts[at + 1:]
        path, body = OpenAI().ask(True)
        response = g.stream(body, path)
        # Of an answer that a rule wants whole there are signs of life, and nothing else.
        got = read_until(response, lambda got: got.count(b": held\n\n") > 1 if name == "full" else got.count(b"data: ") > at)
        assert content(got) == early and (name != "full" or b"data" not in got), (name, got)
        gate.set()
        got += read_until(response, lambda got: False)
        assert content(got) == late, (name, got)


def test_a_client_that_waits_for_held_text_is_kept_alive(lab):
    up = Script()
    full = rule("whole", "response", "{keywords: [black swan]}", '{type: redact, mask: "[S]"}', "black swan", "    stream: {hold: full}\n")
    g = every_dialect(lab, up, rules=full, config="deadlines: {keep_alive: 200ms}\n")
    for dialect in SPEAKERS:
        gate = threading.Event()
        kind, parts = said(dialect, ["a black ", "swan"])
        at = next(i for i, p in enumerate(parts) if b"a black " in p)
        up.answer = kind, parts[:at + 1] + [gate] + parts[at + 1:]
        path, body = dialect.ask(True)
        response = g.stream(body, path)
        signs = lambda got: (len(got) - len(got.rstrip(b"\r\n")) - 4) // 2 if dialect.kind == "gemini" else got.count(b": held\n\n") + got.count(b'"done":false}\n')
        got = read_until(response, lambda got: signs(got) >= 2)
        assert b"black" not in got, (dialect.kind, got)
        gate.set()
        got += read_until(response, lambda got: False)
        assert dialect.hear(got, True)[0][0] == "a [S]", (dialect.kind, got)


def test_a_cut_keeps_what_the_client_has_and_says_once_that_it_ended(lab):
    up = Script()
    g = every_dialect(lab, up)
    for dialect in SPEAKERS:
        up.answer = said(dialect, ["You may ", "read this. ", "A bomb recipe", " a bomb recipe", " a bomb recipe", " and more"])
        path, body = dialect.ask(True)
        data = g.post(body, path=path)[2]
        text, end = dialect.hear(data, True)[0]  # whoever hears two ends complains
        assert text == "You may read this. A " or text == "You may read this. ", (dialect.kind, text)
        assert b"more" not in data and b'"error":{' not in data and b"event: error" not in data, data


# B. Surfaces and fields

def test_reasoning_calls_counts_and_long_words_are_judged(lab):
    g, up = gateway(lab)
    delta = lambda **what: {"id": "c1", "created": 1, "model": "m", "choices": [{"index": 0, "delta": what, "finish_reason": None}]}
    up.raw = (200, "text/event-stream", sse(delta(role="assistant", reasoning_content="of Hal"), delta(reasoning_content="den Bank"), chunk("fine"), chunk(None, finish="stop")))
    data = g.ask("x", stream=True)[2]
    assert "".join(c["delta"].get("reasoning_content", "") for e in events(data) for c in e["choices"]) == "of [R]" and b"Halden" not in data and b"den Bank" not in data, data
    call = lambda text, **more: delta(tool_calls=[{"index": 0, "function": {"arguments": text} | more} | ({"id": "t", "type": "function"} if more else {})])
    up.raw = (200, "text/event-stream", sse(call("", name="f"), call('{"q":"a bo'), call('mb recipe"}'), chunk(None, finish="tool_calls")))
    data = g.ask("x", stream=True)[2]
    assert b"mb recipe" not in data and events(data)[-1]["choices"][0]["finish_reason"] == "content_filter", data
    up.raw = (200, "text/event-stream", sse(chunk("w" * 400_000 + " a bomb recipe", role=True), chunk(None, finish="stop")))
    data = g.ask("x", stream=True)[2]
    assert b"bomb" not in data and b"content_filter" in data
    speaking, heard = speaking_gateway(lab_of(lab, "counts"))
    for path, body in (("/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "a bomb recipe"}]}),
                       ("/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "a bomb recipe"}]}]})):
        assert speaking.post(body, path=path)[0] == 400 and heard.seen == [], path


def test_thoughts_are_masked_or_the_answer_stops(lab):
    up = Script()
    g = every_dialect(lab, up)
    event = lambda e: f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode()
    up.answer = Anthropic().say(["fine"], "stop", True)
    start, rest = up.answer[1][0], up.answer[1][1:]
    think = [event({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}})] + \
        [event({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": t}}) for t in ("of Hal", "den Bank")] + \
        [event({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}), event({"type": "content_block_stop", "index": 0})]
    up.answer = "text/event-stream", [start, *think, *[p.replace(b'"index": 0', b'"index": 1') for p in rest]]
    data = g.post(Anthropic().ask(True)[1], path="/v1/messages")[2]
    assert b"Hal" not in data.replace(b'"of ', b"") and b"den Bank" not in data and b'"refusal"' in data, data  # a signed thought cannot be edited
    said_so = {"candidates": [{"content": {"parts": [{"text": "of Halden Bank", "thought": True}, {"text": "fine"}], "role": "model"}, "finishReason": "STOP", "index": 0}]}
    up.answer = "application/json", [json.dumps(said_so).encode()]
    data = g.post({"contents": [{"parts": [{"text": "x"}]}]}, path="/v1beta/models/m:generateContent")[2]
    assert json.loads(data)["candidates"][0]["content"]["parts"][0]["text"] == "of [R]", data


def test_harmless_words_beside_a_field_that_nobody_knows_do_not_cover_for_it(lab):
    g, up = gateway(lab)
    for more in ({"content_blocks": [{"type": "text", "text": "a bomb recipe"}]}, {"parts": [{"text": "a bomb recipe"}]}, {"text": "a bomb recipe"}, {"Content": "a bomb recipe"}):
        status, _, data = g.post({"model": "m", "messages": [{"role": "user", "content": "hello"} | more]})
        assert status == 400 and json.loads(data)["error"]["param"].startswith("messages"), (more, data)
    for text in ('{"model":"m","messages":[{"role":"user","content":"hello"}],"messages":[{"role":"user","content":"a bomb recipe"}]}',
                 '{"model":"m","messages":[{"role":"user","content":"hello","content":"a bomb recipe"}]}'):
        assert g.post(text.encode())[0] == 400
    assert up.seen == []


TOOL_RESULTS = [
    ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "t", "content": "%s"}]}),
    ("/v1/responses", {"model": "m", "input": [{"type": "function_call_output", "call_id": "t", "output": "%s"}]}),
    ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "%s"}]}]}),
    ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "%s"}]}]}]}),
    ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "%s"}}}]}]}),
    ("/api/chat", {"model": "m", "messages": [{"role": "tool", "tool_name": "f", "content": "%s"}]}),
]


def test_what_a_tool_returns_is_judged_in_every_dialect(lab):
    up = Script()
    g = every_dialect(lab, up)
    for path, body in TOOL_RESULTS:
        assert g.post(json.dumps(body).replace("%s", "a bomb recipe").encode(), path=path)[0] == 400 and up.seen == [], path
    for path, body in TOOL_RESULTS:
        g.post(json.dumps(body).replace("%s", "at Halden Bank").encode(), path=path)
        assert "at [R]" in json.dumps(up.seen[-1]) and "Halden" not in json.dumps(up.seen[-1]), path


def test_a_path_that_nobody_reads_is_refused_and_not_passed(lab):
    up = Script()
    g = every_dialect(lab, up)
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {"role": "user", "parts": [{"kind": "text", "text": "a bomb recipe"}]}}}
    for path in ("/", "/a2a", "/mcp", "/v1/rerank", "/v1/messages/x", "/v1/chat/completions/x", "/v1beta/models/m:predict", "/api/other"):
        status, _, data = g.post(call, path=path)
        assert status in (403, 404) and b"error" in data, (path, status, data)
    assert up.seen == []


def test_a_call_of_a_tool_that_would_harm_does_not_come_back(lab):
    up = Script()
    shell = rule("shell", "response", r"{regex: '\brm\s{1,8}-rf\s{1,8}/'}", '{type: block, message: "No."}', "rm -rf /")
    g = every_dialect(lab, up, rules=shell)
    for dialect in SPEAKERS[:-1]:  # the last one calls no tools
        for stream in (False, True):
            up.answer = dialect.say(["rm -rf /"] * dialect.choices, "tool", stream)
            path, body = dialect.ask(stream)
            status, _, data = g.post(body, path=path)
            assert b"rm -rf" not in data and (status == 400 or any(end in data for end in (b"content_filter", b"refusal", b"SAFETY"))), (dialect.kind, stream, data)
        up.answer = dialect.say(["ls"] * dialect.choices, "tool", True)
        data = g.post(body, path=path)[2]
        assert b"ls" in data and not any(end in data for end in (b"content_filter", b"refusal", b"SAFETY")), (dialect.kind, data)


def test_a_rule_for_one_model_holds_on_every_path_to_it(lab):
    up = Script()
    g = every_dialect(lab, up)
    folder = lab.dir / "g-bundle"
    (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text().replace("{scope: global}", "{model: guarded}"))
    g.kill()
    g.start()
    for path, body in TOOL_RESULTS:
        ask = lambda model: g.post(json.dumps(body | {"model": model}).replace("%s", "a bomb recipe").encode(), path=path.replace("/m:", f"/{model}:"))[0]
        if "beta" in path:
            body = {k: v for k, v in body.items() if k != "model"}
            ask = lambda model: g.post(json.dumps(body).replace("%s", "a bomb recipe").encode(), path=path.replace("/m:", f"/{model}:"))[0]
        seen = len(up.seen)
        assert ask("guarded") == 400 and len(up.seen) == seen, path
        ask("free")
        assert len(up.seen) == seen + 1, path


def test_a_turn_that_is_only_an_image_is_refused_unless_told_otherwise(lab):
    up = Script()
    g = every_dialect(lab, up)
    png = "iVBORw0KGgo="
    for path, body in (("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + png}}]}]}),
                       ("/v1/responses", {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64," + png}]}]}),
                       ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}}]}]}),
                       ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": png}}]}]}),
                       ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": "", "images": [png]}]})):
        status, _, data = g.post(body, path=path)
        assert status == 400 and b"attachment" in data and up.seen == [], (path, status, data)


def test_every_turn_is_judged_and_not_only_the_last(lab):
    up = Script()
    g = every_dialect(lab, up)
    users = lambda first: [{"role": "user", "content": first}, {"role": "user", "content": "and this"}]
    history = lambda first: [{"role": "user", "content": first}, {"role": "assistant", "content": "Well."}, {"role": "user", "content": "and this"}]
    system = lambda first: [{"role": "system", "content": first}, {"role": "user", "content": "and this"}]
    claims = lambda first: [{"role": "user", "content": "x"}, {"role": "assistant", "content": first}, {"role": "user", "content": "and this"}]
    bad = "a bomb recipe"
    asks = [("/v1/chat/completions", {"model": "m", "messages": make(bad)}) for make in (users, history, system, claims)] + \
           [("/v1/messages", {"model": "m", "max_tokens": 9, "messages": make(bad)}) for make in (users, history, claims)] + \
           [("/v1/responses", {"model": "m", "input": make(bad)}) for make in (users, history, system, claims)] + \
           [("/api/chat", {"model": "m", "messages": make(bad)}) for make in (users, history, system, claims)] + \
           [("/v1beta/models/m:generateContent", {"contents": [{"role": {"assistant": "model"}.get(m["role"], m["role"]), "parts": [{"text": m["content"]}]} for m in make(bad)]}) for make in (users, history, claims)]
    for path, body in asks:
        assert g.post(body, path=path)[0] == 400 and up.seen == [], (path, body)


def test_an_answer_that_was_stored_is_read_by_the_rules_of_today(lab):
    up = Speaker()
    up.pieces = ["see the Weser Club"]
    g = Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "b"))
    read = lambda: g.post(None, path="/v1/responses/resp_1", method="GET")[2]
    assert b"Weser Club" in read()
    bundle(lab.dir / "b", words=("Halden Bank", "Weser Club"))
    until("the new rule reads what was stored before it", lambda: b"see the [R]" in read())
    assert b"Weser" not in read()


def test_a_request_with_nothing_to_judge_is_answered_by_the_upstream(lab):
    up = Script()
    up.answer = "application/json", [b'{"object":"list","data":[]}']
    g = every_dialect(lab, up)
    for path, body in (("/v1/chat/completions", {"model": "m", "messages": [{"role": "system", "content": "Be brief."}]}), ("/v1/chat/completions", {"model": "m", "messages": []}),
                       ("/v1/embeddings", {"model": "m", "input": ["one", "two"]}), ("/v1/responses", {"model": "m", "instructions": "Be brief.", "input": ""})):
        status, _, data = g.post(body, path=path)
        assert status == 200 and data == up.answer[1][0] and up.seen[-1] == (path, body), (path, data)
    assert g.post({"model": "m", "messages": [{"role": "system", "content": "a bomb recipe"}]})[0] == 400 and g.post({"model": "m", "input": ["one", "a bomb recipe"]}, path="/v1/embeddings")[0] == 400


# F. What stands in sources

def test_text_outside_of_the_first_choices_content_does_not_pass(lab):
    g, up = gateway(lab)
    delta = lambda index, **what: {"id": "c1", "created": 1, "model": "m", "choices": [{"index": index, "delta": what, "finish_reason": None}]}
    second = [delta(0, content="fine"), delta(1, content="a bomb recipe")]
    refusal = [delta(0, refusal="no bomb recipe")]
    broken = [delta(0, content="fine")]
    for name, pieces in (("second", second), ("refusal", refusal)):
        up.raw = (200, "text/event-stream", sse(*pieces, chunk(None, finish="stop")))
        data = g.ask("x", stream=True, n=2)[2]
        assert b"bomb recipe" not in data and b"mb recipe" not in data and b"Not here" in data or b"content_filter" in data, (name, data)
    up.raw = (200, "text/event-stream", sse(*broken)[:-len(b"data: [DONE]\n\n")] + b"data: {\"choices\": [a bomb recipe\n\n" + sse(chunk("more")))
    data = g.ask("x", stream=True)[2]
    assert b"bomb" not in data and b"more" not in data and events(data)[-1]["choices"][0]["finish_reason"] == "content_filter", data


def test_a_matcher_that_gives_up_stops_what_it_could_not_judge(lab):
    up = Script()
    tiring = rule("tiring", "both", "{regex: 'zz', unless_near: [qq], within: 3}", '{type: redact, mask: "[X]"}', "a zz", "    stream: {hold: full}\n")
    g = every_dialect(lab, up, rules=tiring)
    flood = "zz qq " * 20_000  # each place is looked at, and none is one
    chat = OpenAI()
    path, body = chat.ask(True)
    up.answer = said(chat, ["fine ", flood, " end"])
    data = g.post(body, path=path)[2]
    assert b"zz qq" not in data and b"content_filter" in data, data[:300]
    assert "matcher unavailable" in closed(g)[-1]["reason"], closed(g)[-1]
    assert g.post({"model": "m", "messages": [{"role": "user", "content": flood}]})[0] == 400


def test_a_matcher_that_gives_up_is_told_in_no_rules_words(lab):
    """Nobody knows what the text says: that it is about what the rule looks for would be a guess, and an answer of status 200 a worse one."""
    up = Script()
    tiring = rule("tiring", "request", "{regex: 'zz', unless_near: [qq], within: 3}", '{type: block, message: "Not about zz.", http_status: 200}', "a zz")
    g = every_dialect(lab, up, rules=tiring)
    flood = "zz qq " * 20_000
    for path, body in (("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": flood}]}), ("/v1/responses", {"model": "m", "input": flood, "store": False}),
                       ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": flood}]}),
                       ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": flood}]}]}), ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": flood}]})):
        status, head, data = g.post(body, path=path)
        assert status == 400 and head["x-should-retry"] == "false" and head["x-sluice-verdict"] == "block", (path, status, data)
        assert b"too long to be checked" in data and b"120000 bytes" in data and b"about zz" not in data and head["x-sluice-decision"].encode() in data, (path, data)
        assert g.records()[-1]["reason"] == "matcher unavailable: rule tiring", path
    assert not up.seen
