"""Anthropic, Gemini and Ollama through the real binary, each behind its own path of one gateway."""
import json

from lab import Gateway, Script, bundle, every_dialect, to
from speaker import Speaker


def gateway(lab, rules=""):
    up = Speaker()
    return every_dialect(lab, up, rules=rules), up


def words(kind, data):
    """The text and the end that a client reads of an answer."""
    if kind == "anthropic":
        events = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: ")]
        return ("".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta"),
                [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"][-1])
    if kind == "ollama":
        lines = [json.loads(l) for l in data.decode().splitlines()]
        return "".join(l["message"]["content"] for l in lines), lines[-1]["done_reason"]
    answers = json.loads(data) if data.startswith(b"[") else [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: ")]
    all_of = [c for a in answers for c in a["candidates"]]
    return "".join(p.get("text", "") for c in all_of for p in c.get("content", {}).get("parts", [])), all_of[-1]["finishReason"]


ASKED = [("anthropic", "/v1/messages", lambda t: {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": t}]}, "end_turn", "refusal"),
         ("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse", lambda t: {"contents": [{"role": "user", "parts": [{"text": t}]}]}, "STOP", "SAFETY"),
         ("gemini", "/v1beta/models/m:streamGenerateContent", lambda t: {"contents": [{"role": "user", "parts": [{"text": t}]}]}, "STOP", "SAFETY"),
         ("ollama", "/api/chat", lambda t: {"model": "m", "messages": [{"role": "user", "content": t}]}, "stop", "content_filter")]


def test_each_dialect_is_edited_blocked_and_cut_off_behind_its_own_path(lab):
    g, up = gateway(lab)
    for kind, path, body, end, cut in ASKED:
        up.pieces = ["ask Hal", "den Bank", " today"]
        status, head, data = g.post(body("hello"), path=path)
        assert (status, words(kind, data)) == (200, ("ask [R] today", end)), (path, data)
        status, _, data = g.post(body("of Halden Bank"), path=path)
        assert "Halden" not in json.dumps(up.seen[-1][1]), path
        asked = len(up.seen)
        status, head, data = g.post(body("a bomb recipe"), path=path)
        assert status == 400 and head["x-should-retry"] == "false" and b"Not here." in data and len(up.seen) == asked, (path, data)
        up.pieces = ["fine ", "a bomb ", "recipe", " never"]
        status, _, data = g.post(body("hello"), path=path)
        said, ended = words(kind, data)
        assert ended == cut and "bomb" not in said and "never" not in said and said.startswith("fine"), (path, data)


def test_each_dialect_answers_in_one_piece(lab):
    g, up = gateway(lab)
    up.pieces = ["ask Halden Bank today"]
    for path, body in (("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
                       ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
                       ("/v1/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
                       ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
                       ("/api/chat", {"model": "m", "stream": False, "messages": [{"role": "user", "content": "x"}]})):
        status, _, data = g.post(body, path=path)
        assert status == 200 and b"ask [R] today" in data, (path, data)
        assert any(r.get("dialect") in ("anthropic", "gemini", "ollama", "openai") for r in g.records())
    for path in ("/v1/messages/batches", "/v1beta/files", "/api/pull"):
        assert g.post({"model": "m"}, path=path)[0] == 403, path
    assert g.post({"Messages": []}, path="/api/chat")[0] == 400


def test_two_credentials_that_differ_are_refused_in_the_dialect(lab):
    g, up = gateway(lab)
    body = {"anthropic": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}, "x-api-key", lambda e: e["error"]["type"] == "authentication_error"),
            "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}, "x-goog-api-key", lambda e: e["error"]["status"] == "UNAUTHENTICATED")}
    for kind, (path, ask, field, fits) in body.items():
        assert g.post(ask, {"authorization": "", field: "sk-test"}, path=path)[0] == 200
        assert g.post(ask, {field: "sk-test"}, path=path)[0] == 200, "the same one twice is one"
        asked = len(up.seen)
        for headers, where in (({field: "sk-other"}, path), ({"api-key": "sk-other"}, path), ({}, path + "?key=sk-other"), ({"authorization": ""}, path + "?key=sk-test&key=sk-other")):
            status, head, data = g.post(ask, headers, path=where)
            assert status == 401 and fits(json.loads(data)) and head["x-should-retry"] == "false", (kind, headers, status, data)
            assert b"sk-" not in data and len(up.seen) == asked
    record = g.records()[-1]
    assert record["verdict"] == "block" and "more than one key" in record["reason"] and "sk-other" not in json.dumps(record)


def test_the_model_chooses_between_upstreams_of_one_path(lab):
    g, up = gateway(lab)
    other = Speaker()
    other.pieces = ["from the other"]
    text = g.config.read_text()
    one = f'{{name: ollama, base_url: "http://127.0.0.1:{up.port}", dialect: ollama, paths: ["/api"]}}'
    assert one in text
    g.config.write_text(text.replace(one, one + f'\n  - {{name: big, base_url: "http://127.0.0.1:{other.port}", dialect: ollama, paths: ["/api"], models: ["llama-*-big", "qwen*"]}}'))
    g.kill()
    g.start()
    ask = lambda model: g.post({"model": model, "stream": False, "messages": [{"role": "user", "content": "x"}]}, path="/api/chat")
    for model, name in (("llama-3-big", b"from the other"), ("qwen3", b"from the other"), ("llama-3", b"hello"), ("bigger", b"hello")):
        status, _, data = ask(model)
        assert status == 200 and name in data, (model, data)


def test_what_stands_before_an_apis_path_chooses_the_upstream_and_goes(lab):
    first, second = Script(), Script()
    line = f'\n  - {{name: second, base_url: "http://127.0.0.1:{second.port}", paths: ["/vllm/v1"]}}'
    g = Gateway(lab, "prefix", first.port, "{directory: %s}" % bundle(lab.dir / "prefix-bundle"), upstreams=to(first.port) + line)
    assert g.ask("x")[0] == 200 and first.seen[-1][0] == "/v1/chat/completions" and not second.seen
    ask = {"model": "m", "messages": [{"role": "user", "content": "of Halden Bank"}]}
    status, _, data = g.post(ask, path="/vllm/v1/chat/completions")
    assert status == 200 and second.seen[-1][0] == "/v1/chat/completions", (status, data, second.seen)
    assert second.seen[-1][1]["messages"][0]["content"] == "of [R]", second.seen[-1]
    assert g.post(ask, path="/vllm/v1/nothing")[0] == 404 and g.post(ask, path="/vllm/chat/completions")[0] == 404
    assert g.records()[-3]["path"] == "/vllm/v1/chat/completions"
