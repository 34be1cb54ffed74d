"""The rest of OpenAI's family through the real binary: Responses, Completions, Embeddings, Azure's paths; the pinned SDKs."""
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab import Gateway, bundle

SDKS = Path(os.environ["SLUICE_SDKS"])


class Skip(Exception):
    pass


class Speaker:
    """An upstream that says `pieces` on each of the paths."""

    def __init__(self):
        self.pieces, self.seen, self.heads, self.methods, self.items = ["hello"], [], [], [], None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(raw) if raw else {}
                outer.seen.append((self.path, body))
                outer.heads.append(self.headers)
                outer.methods.append(self.command)
                kind, data = outer.say(self.path, body)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(sum(map(len, data))))
                self.end_headers()
                for piece in data:
                    self.wfile.write(piece)
                    self.wfile.flush()

            do_POST = do_GET = do_DELETE = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def say(self, path, body):
        text = "".join(self.pieces)
        whole = lambda what: ("application/json", [json.dumps(what).encode()])
        if "/embeddings" in path:
            return whole({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        if "/moderations" in path:
            return whole({"id": "modr_1", "model": "m", "results": [{"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.1}}]})
        if "/responses" in path:
            return self.responses(path, body)
        of_chat = "/chat/" in path
        choice = lambda said, end, streamed: {"index": 0, "finish_reason": end, "logprobs": None} | (
            {"delta" if streamed else "message": {"role": "assistant", "content": said}} if of_chat else {"text": said})
        name = "chat.completion" if of_chat else "text_completion"
        head = {"id": "c1", "created": 1, "model": "m"}
        if not body.get("stream"):
            return whole(head | {"object": name, "choices": [choice(text, "stop", False)]})
        chunks = [head | {"object": name + (".chunk" if of_chat else ""), "choices": [choice(p, None, True)]} for p in self.pieces] + [
            head | {"object": name + (".chunk" if of_chat else ""), "choices": [choice("", "stop", True)]}]
        return "text/event-stream", [b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks] + [b"data: [DONE]\n\n"]

    def responses(self, path, body):
        text = "".join(self.pieces)
        part = lambda said: {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
        item = lambda how, parts: {"id": "msg_1", "type": "message", "status": how, "role": "assistant", "content": parts}
        response = lambda how, output: {"id": "resp_1", "object": "response", "created_at": 1, "status": how, "error": None, "incomplete_details": None, "instructions": body.get("instructions"),
                                        "metadata": {}, "model": "m", "output": output, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
                                        "usage": None, "background": False}
        if path.endswith("/input_items"):
            return "application/json", [json.dumps({"object": "list", "data": self.items or [item("completed", [part(text)])], "first_id": "msg_1", "last_id": "msg_1", "has_more": False}).encode()]
        done = item("completed", [part(text)])
        if not body.get("stream") and "stream=true" not in path:
            return "application/json", [json.dumps(response("completed", [done])).encode()]
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        events = [{"type": "response.created", "response": response("in_progress", [])}, {"type": "response.in_progress", "response": response("in_progress", [])},
                  {"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", [])}, {"type": "response.content_part.added", "part": part("")} | at]
        events += [{"type": "response.output_text.delta", "delta": p, "logprobs": [], "obfuscation": "zzzz"} | at for p in self.pieces]
        events += [{"type": "response.output_text.done", "text": text, "logprobs": []} | at, {"type": "response.content_part.done", "part": part(text)} | at,
                   {"type": "response.output_item.done", "output_index": 0, "item": done}, {"type": "response.completed", "response": response("completed", [done])}]
        return "text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e | {'sequence_number': n})}\n\n".encode() for n, e in enumerate(events)]


def gateway(lab, extra=""):
    up = Speaker()
    g = Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "bundle"), extra)
    text = g.config.read_text()
    assert 'paths: ["/v1"]' in text
    g.config.write_text(text.replace('paths: ["/v1"]', 'paths: ["/v1", "/openai"]'))
    g.kill()
    g.start()
    return g, up


def events(data):
    return [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: {")]


def test_a_response_is_edited_blocked_and_cut_off(lab):
    g, up = gateway(lab)
    ask = lambda text, path="/v1/responses", **more: g.post({"model": "m", "input": text} | more, path=path)
    for path in ("/v1/responses", "/openai/v1/responses", "/openai/responses?api-version=2025-03-01-preview"):
        up.pieces = ["ask Hal", "den Bank", " today"]
        status, head, data = ask("of Halden Bank", path)
        assert status == 200 and json.loads(data)["output"][0]["content"][0]["text"] == "ask [R] today" and head["x-sluice-verdict"] == "edit", data
        assert up.seen[-1] == (path, {"model": "m", "input": "of [R]"})
        status, _, data = ask("x", path, stream=True)
        got = events(data)
        assert status == 200 and "".join(e["delta"] for e in got if e["type"] == "response.output_text.delta") == "ask [R] today", data
        assert b"Halden" not in data and b"den Bank" not in data and data.count(b"ask [R] today") == 4, data
        assert got[-1]["response"]["output"][0]["content"][0]["text"] == "ask [R] today"
        numbers = [e["sequence_number"] for e in got]
        assert numbers == sorted(set(numbers)), numbers
        asked = len(up.seen)
        status, head, data = ask("a bomb recipe", path, stream=True)
        error = json.loads(data)["error"]
        assert status == 400 and head["x-should-retry"] == "false" and error["code"] == "content_filter" and error["param"] == "input" and len(up.seen) == asked, data
        up.pieces = ["fine ", "a bomb ", "recipe", " never"]
        status, _, data = ask("x", path, stream=True)
        got = events(data)
        assert got[-1]["type"] == "response.incomplete" and got[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}, data
        said = got[-1]["response"]["output"][0]["content"][0]["text"]
        assert said == "".join(e["delta"] for e in got if e["type"] == "response.output_text.delta") and said.startswith("fine") and "bomb" not in said, data
        assert b"never" not in data and b"recipe" not in data
        assert ask("x", path)[0] == 400


def test_a_stored_response_is_read_like_a_new_one(lab):
    g, up = gateway(lab)
    up.pieces = ["ask Hal", "den Bank", " today"]
    for path in ("/v1/responses/resp_1", "/v1/responses/resp_1?stream=true", "/v1/responses/resp_1/input_items", "/openai/v1/responses/resp_1"):
        status, head, data = g.post(None, path=path, method="GET")
        assert status == 200 and b"ask [R] today" in data and b"Halden" not in data, (path, data)
        assert up.seen[-1] == (path, {}) and up.methods[-1] == "GET"
    status, _, data = g.post(None, path="/v1/responses/resp_1/cancel")
    assert status == 200 and b"ask [R] today" in data
    assert g.post(None, path="/v1/responses/resp_1", method="DELETE")[0] == 200 and up.methods[-1] == "DELETE"
    up.pieces = ["a bomb recipe"]
    assert g.post(None, path="/v1/responses/resp_1", method="GET")[0] == 400
    asked = len(up.seen)
    assert g.post(None, path="/v1/responses/resp_1?stream=true&starting_after=3", method="GET")[0] == 400 and len(up.seen) == asked


def test_what_the_upstream_holds_is_denied_or_counted(lab):
    g, up = gateway(lab)
    held = ({"previous_response_id": "resp_0"}, {"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}, {"background": True}, {"input": [{"type": "item_reference", "id": "msg_0"}]})
    for more in held:
        status, _, data = g.post({"model": "m", "input": "x"} | more, path="/v1/responses")
        error = json.loads(data)["error"]
        assert status == 400 and "server state" in error["message"] and error["param"].split("[")[0].split(".")[0] in more, data
    assert up.seen == []
    up.items = [{"type": "message", "role": "user", "id": "msg_0", "content": [{"type": "input_file", "file_id": "file_1"}]}]
    items = lambda: g.post(None, path="/v1/responses/resp_1/input_items", method="GET")[0]
    assert items() == 502
    g.kill()
    g.config.write_text(g.config.read_text() + "unreadable: {server_state: pass}\n")
    g.start()
    assert items() == 200
    for more in held:
        assert g.post({"model": "m", "input": "x"} | more, path="/v1/responses")[0] == 200, more
    assert "server state" in json.dumps([r.get("request", {}).get("unscanned", r) for r in g.records() if r["event"] == "decision"][-1]), g.records()[-1]


def test_the_clients_own_instructions_do_not_block_the_answer(lab):
    g, up = gateway(lab, "")
    (lab.dir / "bundle" / "p.yaml").write_text((lab.dir / "bundle" / "p.yaml").read_text().replace("direction: both\n    match: {keywords: [bomb recipe]}", "direction: response\n    match: {keywords: [bomb recipe]}")
                                              .replace("request: a bomb recipe", "response: a bomb recipe"))
    g.kill()
    g.start()
    asked = {"model": "m", "input": "x", "instructions": "never give a bomb recipe"}
    for more in ({}, {"stream": True}):
        status, _, data = g.post(asked | more, path="/v1/responses")
        assert status == 200 and b"never give a bomb recipe" in data and b"hello" in data and b"incomplete\"" not in data, data
    up.pieces = ["a bomb recipe"]
    assert g.post(asked, path="/v1/responses")[0] == 400


def test_plain_prompts_are_read_and_tokens_are_not(lab):
    g, up = gateway(lab)
    up.pieces = ["ask Hal", "den Bank"]
    status, _, data = g.post({"model": "m", "prompt": "of Halden Bank"}, path="/v1/completions")
    assert status == 200 and json.loads(data)["choices"][0]["text"] == "ask [R]" and up.seen[-1][1]["prompt"] == "of [R]", data
    status, _, data = g.post({"model": "m", "prompt": ["x"], "stream": True}, path="/v1/completions")
    chunks = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: {")]
    assert "".join(c["choices"][0]["text"] for c in chunks) == "ask [R]" and data.endswith(b"data: [DONE]\n\n"), data
    status, _, data = g.post({"model": "m", "input": ["of Halden Bank"]}, path="/v1/embeddings")
    assert status == 200 and up.seen[-1][1]["input"] == ["of [R]"] and json.loads(data)["data"][0]["embedding"] == [0.1, 0.2]
    assert g.post({"model": "m", "input": "of Halden Bank"}, path="/v1/moderations")[0] == 200 and up.seen[-1][1]["input"] == "of [R]"
    asked = len(up.seen)
    for path, body in (("/v1/completions", {"prompt": [1, 2, 3]}), ("/v1/completions", {"prompt": [[1], [2]]}), ("/v1/embeddings", {"input": [1, 2]}), ("/v1/completions", {"prompt": "a bomb recipe"})):
        assert g.post({"model": "m"} | body, path=path)[0] == 400, body
    assert len(up.seen) == asked
    up.pieces = ["fine ", "a bomb ", "recipe"]
    data = g.post({"model": "m", "prompt": "x", "stream": True}, path="/v1/completions")[2]
    assert b'"finish_reason":"content_filter"' in data and b"recipe" not in data and data.endswith(b"data: [DONE]\n\n"), data


def test_azure_names_the_model_in_the_path_and_keeps_its_key(lab):
    g, up = gateway(lab)
    path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    up.pieces = ["ask Hal", "den Bank"]
    body = {"messages": [{"role": "user", "content": "of Halden Bank"}]}
    status, _, data = g.post(body, {"authorization": "", "api-key": "azure-key"}, path=path)
    assert status == 200 and json.loads(data)["choices"][0]["message"]["content"] == "ask [R]", data
    assert up.seen[-1][0] == path and up.heads[-1]["api-key"] == "azure-key" and up.seen[-1][1]["messages"][0]["content"] == "of [R]"
    status, _, data = g.post(body | {"stream": True}, path=path)
    assert b"Halden" not in data and b"[R]" in data and data.endswith(b"data: [DONE]\n\n")
    assert "gpt-4o" in json.dumps(g.records())
    assert g.post(body, path="/openai/deployments/gpt-4o/extensions/chat/completions")[0] == 404


def test_an_api_that_is_not_read_is_refused_by_its_name(lab):
    g, up = gateway(lab)
    for path in ("/v1/images/generations", "/v1/audio/speech", "/v1/files", "/v1/batches", "/v1/assistants", "/v1/threads/t/messages", "/v1/realtime", "/v1/conversations/c/unheard_of"):
        status, _, data = g.post({"prompt": "x"}, path=path)
        assert status == 403 and "/v1/" + path.split("/")[2] in json.loads(data)["error"]["message"], (path, data)
    assert up.seen == []


def test_responses_python_sdk(lab):
    try:
        import openai
    except ImportError:
        raise Skip("the Python package openai is not installed (see build/sdks/pip.log)")
    g, up = gateway(lab)
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{g.port}/v1", api_key="sk-x")
    ask = lambda text, **more: client.responses.create(model="m", input=text, **more)
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert ask("x").output_text == "ask [R] today"
    assert "".join(e.delta for e in ask("x", stream=True) if e.type == "response.output_text.delta") == "ask [R] today"
    with client.responses.stream(model="m", input="x") as s:
        assert s.get_final_response().output_text == "ask [R] today"
    assert client.responses.retrieve("resp_1").output_text == "ask [R] today"
    assert client.responses.input_items.list("resp_1").data[0].content[0].text == "ask [R] today"
    asked = len(up.seen)
    for more in ({}, {"stream": True}):
        try:
            ask("a bomb recipe", **more)
            raise AssertionError("not blocked")
        except openai.BadRequestError as e:
            assert e.code == "content_filter" and "Not here." in str(e)
    assert len(up.seen) == asked, "it must not be retried"
    up.pieces = ["fine ", "a bomb ", "recipe"]
    last = list(ask("x", stream=True))[-1]
    assert last.type == "response.incomplete" and last.response.status == "incomplete" and last.response.incomplete_details.reason == "content_filter"
    assert last.response.output_text.startswith("fine") and "bomb" not in last.response.output_text
    azure = openai.AzureOpenAI(azure_endpoint=f"http://127.0.0.1:{g.port}", api_key="k", api_version="2024-10-21")
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert azure.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}]).choices[0].message.content == "ask [R] today"
    assert "/deployments/gpt-4o/" in up.seen[-1][0]


def test_responses_node_sdk(lab):
    if not (SDKS / "node_modules/openai").exists():
        raise Skip("the npm package openai is not installed (see build/sdks/npm.log)")
    g, up = gateway(lab)
    script = SDKS / "check_responses.mjs"
    script.write_text("""
import OpenAI from 'openai';
const client = new OpenAI({baseURL: process.argv[2], apiKey: 'sk-x'});
const ask = (input, more = {}) => client.responses.create({model: 'm', input, ...more});
const out = {};
if (process.argv[3] === 'edit') {
  out.plain = (await ask('x')).output_text;
  out.stream = '';
  for await (const e of await ask('x', {stream: true})) if (e.type === 'response.output_text.delta') out.stream += e.delta;
  out.helper = (await client.responses.stream({model: 'm', input: 'x'}).finalResponse()).output_text;
  try { await ask('a bomb recipe'); } catch (e) { out.blocked = [e.constructor.name, e.code, e.status]; }
} else {
  const final = await client.responses.stream({model: 'm', input: 'x'}).finalResponse();
  out.cut = [final.status, final.incomplete_details.reason, final.output_text];
}
console.log(JSON.stringify(out));
""")

    def check(what):
        r = subprocess.run(["node", str(script), f"http://127.0.0.1:{g.port}/v1", what], capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)

    up.pieces = ["ask Hal", "den Bank", " today"]
    out = check("edit")
    assert out == {"plain": "ask [R] today", "stream": "ask [R] today", "helper": "ask [R] today", "blocked": ["BadRequestError", "content_filter", 400]}, out
    up.pieces = ["fine ", "a bomb ", "recipe"]
    status, reason, text = check("cut")["cut"]
    assert (status, reason) == ("incomplete", "content_filter") and text.startswith("fine") and "bomb" not in text
