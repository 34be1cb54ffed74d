"""Anthropic, Gemini and Ollama through the real binary, each behind its own path of one gateway; the SDKs where they are installed."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab import Gateway, bundle


class Skip(Exception):
    pass


class Speaker:
    """An upstream that says `pieces` in the dialect of the path that is asked for."""

    def __init__(self):
        self.pieces, self.seen, self.status = ["hello"], [], 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.seen.append((self.path, body))
                if self.path.startswith("/v1/messages"):
                    kind, data = outer.anthropic(body)
                elif self.path.startswith("/v1beta/"):
                    kind, data = outer.gemini(self.path)
                else:
                    kind, data = outer.ollama(body)
                self.send_response(outer.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(sum(map(len, data))))
                self.end_headers()
                for piece in data:
                    self.wfile.write(piece)
                    self.wfile.flush()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def anthropic(self, body):
        if self.status != 200:
            return "application/json", [json.dumps({"type": "error", "error": {"type": "api_error", "message": "upstream says no"}}).encode()]
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not body.get("stream"):
            message |= {"content": [{"type": "text", "text": "".join(self.pieces)}], "stop_reason": "end_turn"}
            return "application/json", [json.dumps(message).encode()]
        events = [{"type": "message_start", "message": message}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
        events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in self.pieces]
        events += [{"type": "content_block_stop", "index": 0},
                   {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
        return "text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]

    def gemini(self, path):
        said = lambda text, end: {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0} | ({"finishReason": "STOP"} if end else {})]}
        if ":stream" not in path:
            return "application/json", [json.dumps(said("".join(self.pieces), True)).encode()]
        answers = [said(p, False) for p in self.pieces] + [said("", True)]
        if "alt=sse" in path:
            return "text/event-stream", [b"data: " + json.dumps(a).encode() + b"\r\n\r\n" for a in answers]
        return "application/json; charset=UTF-8", [(b"[" if i == 0 else b",\r\n") + json.dumps(a).encode() for i, a in enumerate(answers)] + [b"\n]\n"]

    def ollama(self, body):
        line = lambda text, done: {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}, "done": done}
        if body.get("stream") is False:
            return "application/json; charset=utf-8", [json.dumps(line("".join(self.pieces), True)).encode()]
        return "application/x-ndjson", [json.dumps(line(p, False)).encode() + b"\n" for p in self.pieces] + [json.dumps(line("", True) | {"done_reason": "stop"}).encode() + b"\n"]


def gateway(lab, rules=""):
    up = Speaker()
    g = Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "bundle", extra=rules))
    text = g.config.read_text()
    one = f'  - {{name: up, base_url: "http://127.0.0.1:{up.port}", dialect: openai, paths: ["/v1"]}}\n'
    more = "".join(f'  - {{name: {d}, base_url: "http://127.0.0.1:{up.port}", dialect: {d}, paths: ["{p}"]}}\n'
                   for d, p in (("anthropic", "/v1/messages"), ("gemini", "/v1beta"), ("ollama", "/api")))
    assert one in text
    g.config.write_text(text.replace(one, one + more))
    g.kill()
    g.start()
    return g, up


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
                       ("/api/chat", {"model": "m", "stream": False, "messages": [{"role": "user", "content": "x"}]})):
        status, _, data = g.post(body, path=path)
        assert status == 200 and b"ask [R] today" in data, (path, data)
        assert any(r.get("dialect") in ("anthropic", "gemini", "ollama") for r in g.records())
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


def test_anthropic_python_sdk(lab):
    try:
        import anthropic
    except ImportError:
        raise Skip("the Python package anthropic is not installed (see build/sdks/pip.log)")
    g, up = gateway(lab)
    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{g.port}", api_key="sk-x")
    ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert client.messages.create(**ask).content[0].text == "ask [R] today"
    with client.messages.stream(**ask) as s:
        assert s.get_final_message().content[0].text == "ask [R] today"
    asked = len(up.seen)
    try:
        client.messages.create(**ask | {"messages": [{"role": "user", "content": "a bomb recipe"}]})
        raise AssertionError("not blocked")
    except anthropic.BadRequestError as e:
        assert "Not here." in str(e) and len(up.seen) == asked
    up.pieces = ["fine ", "a bomb ", "recipe"]
    with client.messages.stream(**ask) as s:
        final = s.get_final_message()
    assert final.stop_reason == "refusal" and "bomb" not in final.content[0].text
    up.status = 500
    try:
        client.messages.create(**ask)
        raise AssertionError("no error")
    except anthropic.InternalServerError as e:
        assert "upstream says no" in str(e)


def test_gemini_python_sdk(lab):
    try:
        from google import genai
    except ImportError:
        raise Skip("the Python package google-genai is not installed (see build/sdks/pip.log)")
    g, up = gateway(lab)
    client = genai.Client(api_key="x", http_options={"base_url": f"http://127.0.0.1:{g.port}"})
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert client.models.generate_content(model="m", contents="hi").text == "ask [R] today"
    assert "".join(c.text or "" for c in client.models.generate_content_stream(model="m", contents="hi")) == "ask [R] today"
    try:
        client.models.generate_content(model="m", contents="a bomb recipe")
        raise AssertionError("not blocked")
    except genai.errors.ClientError as e:
        assert e.code == 400 and "Not here." in str(e)
    up.pieces = ["fine ", "a bomb ", "recipe"]
    chunks = list(client.models.generate_content_stream(model="m", contents="hi"))
    assert chunks[-1].candidates[0].finish_reason == "SAFETY"


def test_ollama_python_sdk(lab):
    try:
        import ollama
    except ImportError:
        raise Skip("the Python package ollama is not installed (see build/sdks/pip.log)")
    g, up = gateway(lab)
    client = ollama.Client(host=f"http://127.0.0.1:{g.port}")
    ask = lambda text, **more: client.chat(model="m", messages=[{"role": "user", "content": text}], **more)
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert ask("hi").message.content == "ask [R] today"
    assert "".join(c.message.content for c in ask("hi", stream=True)) == "ask [R] today"
    try:
        ask("a bomb recipe")
        raise AssertionError("not blocked")
    except ollama.ResponseError as e:
        assert e.status_code == 400 and "Not here." in e.error
    up.pieces = ["fine ", "a bomb ", "recipe"]
    assert list(ask("hi", stream=True))[-1].done_reason == "content_filter"


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
