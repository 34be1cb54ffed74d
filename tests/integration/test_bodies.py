"""Bodies in other forms than plain JSON, through the real binary, in every dialect: compressed ones, both ways."""
import gzip
import json
import os
import struct
import subprocess
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab import Gateway, bundle


class Skip(Exception):
    pass


class Plain:
    """An upstream that keeps each request as it came and answers with what the test says: `answer` is (fields, pieces)."""

    def __init__(self):
        self.seen, self.answer = [], ({"content-type": "application/json"}, [b"{}"])
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                outer.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers.get("content-length") or 0))))
                fields, pieces = outer.answer
                self.send_response(200)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                try:
                    for piece in pieces:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    pass

            do_POST = do_GET = do_DELETE = handle_one

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# dialect: (path, a request that says something, an answer, a stream of one answer, the words of an error)
chat = lambda text, **more: {"model": "m", "messages": [{"role": "user", "content": text}]} | more
DIALECTS = {
    "openai": ("/v1/chat/completions", chat, lambda t: {"choices": [{"index": 0, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}]},
               lambda t: f'data: {json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": t}, "finish_reason": None}]})}\n\ndata: [DONE]\n\n'.encode(),
               lambda e: e["error"]["type"]),
    "responses": ("/v1/responses", lambda text, **more: {"model": "m", "input": text} | more,
                  lambda t: {"id": "resp_1", "object": "response", "status": "completed", "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": t, "annotations": []}]}]},
                  lambda t: f'event: response.output_text.delta\ndata: {json.dumps({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": t, "sequence_number": 0})}\n\n'.encode(),
                  lambda e: e["error"]["type"]),
    "anthropic": ("/v1/messages", lambda text, **more: chat(text, max_tokens=9) | more,
                  lambda t: {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": t}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}},
                  lambda t: b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in [
                      {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
                      {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                      {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}, {"type": "content_block_stop", "index": 0}, {"type": "message_stop"}]),
                  lambda e: e["error"]["type"]),
    "gemini": ("/v1beta/models/m:generateContent", lambda text, **more: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
               lambda t: {"candidates": [{"content": {"role": "model", "parts": [{"text": t}]}, "finishReason": "STOP"}]},
               lambda t: f'data: {json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": t}]}, "index": 0}]})}\r\n\r\n'.encode(),
               lambda e: e["error"]["status"]),
    "ollama": ("/api/chat", lambda text, **more: chat(text, stream=False) | more, lambda t: {"model": "m", "message": {"role": "assistant", "content": t}, "done": True},
               lambda t: json.dumps({"model": "m", "message": {"role": "assistant", "content": t}, "done": True}).encode() + b"\n", lambda e: e["error"]),
}
STREAM_PATHS = {"gemini": "/v1beta/models/m:streamGenerateContent?alt=sse"}
STREAM_TYPES = {"ollama": "application/x-ndjson"}


def gateway(lab, extra="", rules="", name="g"):
    up = Plain()
    g = Gateway(lab, name, up.port, "{directory: %s}" % bundle(lab.dir / (name + "-bundle"), extra=rules), extra)
    text = g.config.read_text()
    one = f'  - {{name: up, base_url: "http://127.0.0.1:{up.port}", dialect: openai, paths: ["/v1"]}}\n'
    more = "".join(f'  - {{name: {d}, base_url: "http://127.0.0.1:{up.port}", dialect: {d}, paths: ["{p}"]}}\n'
                   for d, p in (("anthropic", "/v1/messages"), ("gemini", "/v1beta"), ("ollama", "/api")))
    assert one in text
    g.config.write_text(text.replace(one, one + more))
    g.kill()
    g.start()
    return g, up


def stored_zstd(data):
    """RFC 8878 without compressing anything: one segment of raw blocks."""
    blocks = [data[i:i + 100_000] for i in range(0, len(data), 100_000)] or [b""]
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + b"".join(
        struct.pack("<I", (1 if i + 1 == len(blocks) else 0) | len(b) << 3)[:3] + b for i, b in enumerate(blocks))


def node_brotli(data):
    return subprocess.run(["node", "-e", "const c=[];process.stdin.on('data',d=>c.push(d)).on('end',()=>process.stdout.write(require('zlib').brotliCompressSync(Buffer.concat(c))))"],
                          input=data, capture_output=True, check=True).stdout


def raw_deflate(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "Deflate": raw_deflate, "br": node_brotli, "zstd": stored_zstd}


def test_compressed_requests_are_read_and_go_upstream_without_their_coding(lab):
    g, up = gateway(lab)
    for kind, (path, ask, answer, _, error) in DIALECTS.items():
        up.answer = ({"content-type": "application/json"}, [json.dumps(answer("fine")).encode()])
        for coding, pack in CODINGS.items():
            send = lambda text: g.post(pack(json.dumps(ask(text)).encode()), {"content-encoding": coding}, path=path)
            status, head, data = send("of Halden Bank")
            asked, fields, body = up.seen[-1]
            assert status == 200 and json.loads(body) == ask("of [R]") and "content-encoding" not in fields and fields["accept-encoding"] == "identity", (kind, coding, data, body)
            count = len(up.seen)
            status, _, data = send("a bomb recipe")
            assert status == 400 and "Not here." in data.decode() and len(up.seen) == count, (kind, coding, data)
    print(f"    {len(DIALECTS) * len(CODINGS)} pairs of dialect and coding")


def test_what_cannot_be_decoded_is_refused_in_every_dialect_and_a_bomb_costs_nothing(lab):
    g, up = gateway(lab)
    bomb = gzip.compress(b'{"messages":"' + b"a" * (400 << 20) + b'"}', 9)
    rss = lambda: int(open(f"/proc/{g.process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    for kind, (path, ask, _, _, error) in DIALECTS.items():
        body = gzip.compress(json.dumps(ask("hi")).encode())
        for fields, data, wanted in (({"content-encoding": "gzip"}, body[:-1], 400), ({"content-encoding": "gzip"}, body + b"{}", 400), ({"content-encoding": "br"}, body, 400),
                                     ({"content-encoding": "gzip"}, bomb, 413), ({"content-encoding": "compress"}, body, 415), ({"content-encoding": "gzip, gzip"}, gzip.compress(body), 415)):
            before = rss()
            status, head, got = g.post(data, fields, path=path)
            assert status == wanted and error(json.loads(got)) and head["x-should-retry"] == "false" and head["x-sluice-decision"] in got.decode(), (kind, fields, status, got)
            assert ("accept-encoding" in head) == (wanted == 415) and rss() - before < 16 << 20, (kind, rss() - before)
    assert not up.seen


def test_compressed_answers_are_read_and_leave_without_their_coding(lab):
    g, up = gateway(lab)
    tried = 0
    for kind, (path, ask, answer, stream, _) in DIALECTS.items():
        for coding, pack in CODINGS.items():
            say = lambda data, of="application/json": setattr(up, "answer", ({"content-type": of, "content-encoding": coding}, [data[i:i + 9] for i in range(0, len(data), 9)]))
            say(pack(json.dumps(answer("ask Halden Bank")).encode()))
            status, head, data = g.post(ask("x"), path=path)
            assert status == 200 and json.loads(data) == answer("ask [R]") and "content-encoding" not in head, (kind, coding, data)
            say(pack(json.dumps(answer("a bomb recipe")).encode()))
            assert g.post(ask("x"), path=path)[0] == 400, (kind, coding)
            for bad in (pack(json.dumps(answer("hello")).encode())[:-2], json.dumps(answer("hello")).encode()):
                say(bad)
                status, _, data = g.post(ask("x"), path=path)
                assert status == 502 and b"hello" not in data, (kind, coding, data)
            say(pack(stream("of Halden Bank")), STREAM_TYPES.get(kind, "text/event-stream"))
            status, head, data = g.post(ask("x", stream=True), path=STREAM_PATHS.get(kind, path))
            assert status == 200 and b"[R]" in data and b"Halden" not in data and "content-encoding" not in head, (kind, coding, data)
            tried += 1
    print(f"    {tried} pairs of dialect and coding, plain and streamed")
