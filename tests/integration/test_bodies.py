"""Bodies in other forms than plain JSON, through the real binary, in every dialect: compressed, with attachments, in odd encodings."""
import base64
import gzip
import http.client
import json
import os
import struct
import subprocess
import zlib
from http.server import BaseHTTPRequestHandler

from lab import Gateway, bundle, serve


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

        self.port = serve(Handler)


# dialect: (path, a request that says something, an answer, a stream of one answer, the words of an error)
chat = lambda text, **more: {"model": "m", "messages": [{"role": "user", "content": text}]} | more
DIALECTS = {
    "openai": ("/v1/chat/completions", chat, lambda t: {"choices": [{"index": 0, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}]},
               lambda t: f'data: {json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": t}, "finish_reason": None}]})}\n\ndata: [DONE]\n\n'.encode(),
               lambda e: e["error"]["type"]),
    "responses": ("/v1/responses", lambda text, **more: {"model": "m", "input": text} | more,
                  lambda t: {"id": "resp_1", "object": "response", "status": "completed", "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": t, "annotations": []}]}]},
                  lambda t: f'event: response.output_text.delta\ndata: {json.dumps({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": t, "sequence_number": 0})}\n\n'.encode() +
               f'event: response.completed\ndata: {json.dumps({"type": "response.completed", "sequence_number": 1, "response": {"id": "resp_1", "object": "response", "status": "completed", "output": []}})}\n\n'.encode(),
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
               lambda t: f'data: {json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": t}]}, "finishReason": "STOP", "index": 0}]})}\r\n\r\n'.encode(),
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


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgLsAAAB3AQACABAAZGF0YQAAAAA="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoK"
data_url = lambda kind, payload: f"data:{kind};base64,{payload}"
user = lambda part: {"model": "m", "messages": [{"role": "user", "content": [part]}]}
item = lambda part: {"model": "m", "input": [{"role": "user", "content": [part]}]}
# Each dialect's own fields: (dialect, a request with an attachment of this media type and payload, what it is asked to hold)
FIELDS = [
    ("openai", lambda kind, p: user({"type": "image_url", "image_url": {"url": data_url(kind, p)}}), ("image", "audio", "pdf")),
    ("openai", lambda kind, p: user({"type": "file", "file": {"filename": "a", "file_data": data_url(kind, p)}}), ("image", "audio", "pdf")),
    ("openai", lambda kind, p: user({"type": "input_audio", "input_audio": {"format": "wav", "data": p}}), ("audio",)),
    ("responses", lambda kind, p: item({"type": "input_image", "image_url": data_url(kind, p)}), ("image",)),
    ("responses", lambda kind, p: item({"type": "input_file", "filename": "a", "file_data": data_url(kind, p)}), ("image", "audio", "pdf")),
    ("anthropic", lambda kind, p: user({"type": "image", "source": {"type": "base64", "media_type": kind, "data": p}}) | {"max_tokens": 9}, ("image",)),
    ("anthropic", lambda kind, p: user({"type": "document", "source": {"type": "base64", "media_type": kind, "data": p}}) | {"max_tokens": 9}, ("pdf",)),
    ("gemini", lambda kind, p: {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": kind, "data": p}}]}]}, ("image", "audio", "pdf")),
    ("gemini", lambda kind, p: {"contents": [{"role": "user", "parts": [{"inline_data": {"mime_type": kind, "data": p}}]}]}, ("image", "audio", "pdf")),
    ("ollama", lambda kind, p: {"model": "m", "stream": False, "messages": [{"role": "user", "content": "x", "images": [p]}]}, ("image",)),
]
FILES = {"image": ("image/png", PNG), "audio": ("audio/wav", WAV), "pdf": ("application/pdf", PDF)}
base64_of = lambda text: base64.b64encode(text.encode()).decode()


def test_attachments_are_denied_passed_or_flagged_by_their_type_and_text_ones_are_scanned(lab):
    g, up = gateway(lab)
    some, some_up = gateway(lab, "unreadable: {attachments: {image: pass, audio: flag}}\n", name="some")
    tried = {"denied": 0, "passed": 0, "flagged": 0, "scanned": 0, "lies": 0}
    for kind, make, types in FIELDS:
        path, _, answer, _, error = DIALECTS[kind]
        for u in (up, some_up):
            u.answer = ({"content-type": "application/json"}, [json.dumps(answer("fine")).encode()])
        for of in types:
            media, payload = FILES[of]
            status, head, data = g.post(make(media, payload), path=path)
            assert status == 400 and error(json.loads(data)) and not up.seen, (kind, of, data)
            denied = [r for r in g.records() if r.get("id") == head["x-sluice-decision"]][0]
            assert denied["reason"] == "unreadable: attachment" and [(a["type"], a["treatment"]) for a in denied["attachments"]] == [(of, "deny")], denied
            tried["denied"] += 1
            status, head, data = some.post(make(media, payload), path=path)
            record = [r for r in some.records() if r.get("id") == head["x-sluice-decision"]][0]
            wanted = {"image": (200, "pass", "allow"), "audio": (200, "flag", "flag"), "pdf": (400, "deny", "block")}[of]
            assert (status, record["attachments"][0]["treatment"], record["verdict"]) == wanted and head["x-sluice-verdict"] == wanted[2], (kind, of, data, record)
            assert record["attachments"][0]["bytes"] >= len(payload) and (status == 400 or record["unscanned"] == {"attachment": record["attachments"][0]["bytes"]}), record
            tried["passed" if of == "image" else "flagged" if of == "audio" else "denied"] += 1
            # Words that call themselves a picture, and a picture that calls itself words.
            for lie in (make(media, base64_of("a bomb recipe")), make("text/plain", payload)):
                if "input_audio" in json.dumps(lie) or kind == "ollama":
                    continue
                assert some.post(lie, path=path)[0] == 400, (kind, lie)
                tried["lies"] += 1
        if kind == "openai" and types == ("audio",) or kind == "ollama":
            continue
        for media, text, wanted in (("text/plain", "nothing", "nothing"), ("text/plain", "of Halden Bank", "of [R]"), ("text/plain", "a bomb recipe", None),
                                    ("application/json", '{"a":"x"}', '{"a":"x"}'), ("application/json", '{"a":"Halden Bank"}', None)):
            count = len(up.seen)
            status, _, data = g.post(make(media, base64_of(text)), path=path)
            assert status == (400 if wanted is None else 200) and len(up.seen) == count + (status == 200), (kind, text, data)
            assert wanted is None or json.loads(up.seen[-1][2]) == make(media, base64_of(wanted)), (kind, text, up.seen[-1])
            tried["scanned"] += 1
        up.seen.clear()
    print("    " + ", ".join(f"{n} {what}" for what, n in tried.items()))
    metrics = some.get("/metrics")[1]
    assert 'sluice_unscanned_bytes_total{dialect="openai",reason="attachment"}' in metrics, metrics


def test_an_attachment_of_an_answer_is_treated_as_one_of_a_request(lab):
    for how, wanted in (("deny", 502), ("pass", 200)):
        g, up = gateway(lab, f"unreadable: {{attachments: {{image: {how}}}}}\n", name=how)
        for kind, body in (("gemini", {"candidates": [{"content": {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}, "finishReason": "STOP"}]}),
                           ("responses", {"id": "resp_1", "object": "response", "status": "completed", "output": [{"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": PNG}]})):
            up.answer = ({"content-type": "application/json"}, [json.dumps(body).encode()])
            path, ask = DIALECTS[kind][:2]
            status, _, data = g.post(ask("x"), path=path)
            assert status == wanted and (wanted == 502 or json.loads(data) == body), (kind, data)
        up.answer = ({"content-type": "text/event-stream"}, [b"data: " + json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}}]}).encode() + b"\r\n\r\n"])
        status, _, data = g.post(DIALECTS["gemini"][1]("x"), path=STREAM_PATHS["gemini"])
        assert (PNG.encode() in data) == (how == "pass"), data
        up.answer = ({"content-type": "application/json"}, [json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"inlineData": {"mimeType": "text/plain", "data": base64_of("a bomb recipe")}}]}}]}).encode()])
        assert g.post(DIALECTS["gemini"][1]("x"), path=DIALECTS["gemini"][0])[0] == 400
        g.kill()


# Where servers of Chat Completions put what is no text: an answer's message with a URL; the last two in no table.
ANSWER_FIELDS = {
    "images": lambda url: {"images": [{"type": "image_url", "index": 0, "image_url": {"url": url}}]},
    "content": lambda url: {"content": [{"type": "image_url", "image_url": {"url": url}}]},
    "vendor": lambda url: {"vendor": {"made": [url]}},
    "citation": lambda url: {"annotations": [{"type": "url_citation", "url_citation": {"title": "x", "url": url}}]},
}


def say(up, message, streamed):
    head = {"id": "c", "created": 1, "model": "m"}
    chunk = lambda delta, why: head | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}
    if not streamed:
        body = json.dumps(head | {"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "here"} | message, "finish_reason": "stop"}]}).encode()
        up.answer = ({"content-type": "application/json"}, [body])
    else:
        events = [chunk({"role": "assistant", "content": "here"}, None)] + [chunk(m, None) for m in (message if isinstance(message, list) else [message])] + [chunk({}, "stop")]
        up.answer = ({"content-type": "text/event-stream"}, [b"data: " + json.dumps(e).encode() + b"\n\n" for e in events] + [b"data: [DONE]\n\n"])
    return b"".join(up.answer[1])


def test_a_data_url_of_an_answer_is_an_attachment_in_fields_of_the_table_and_in_others(lab):
    tried = 0
    for how in ("deny", "pass"):
        g, up = gateway(lab, f"unreadable: {{attachments: {{image: {how}}}}}\n", name=how)
        for field, make in ANSWER_FIELDS.items():
            for streamed in (False, True):
                said = say(up, make(data_url("image/png", PNG)), streamed)
                status, head, data = g.post(chat("x", stream=streamed))
                record = [r for r in g.records() if r.get("id") == head["x-sluice-decision"]][-1]
                seen = [(a["type"], a["treatment"]) for a in record["attachments"]]
                assert seen == [("image", how)], (field, streamed, record)
                if how == "deny":
                    assert PNG.encode() not in data and status == (200 if streamed else 502), (field, data)
                    assert b'"content_filter"' in data if streamed else json.loads(data)["error"]["type"], (field, data)
                else:
                    assert (status, data) == (200, said) and record["unscanned"] == {"attachment": record["attachments"][0]["bytes"]}, (field, data, record)
                # What calls itself text is read: edited where the table knows the field, and blocked elsewhere.
                coded = lambda text: (data_url("text/plain", base64_of(text)), "data:text/plain," + text.replace(" ", "%20"))
                for url, edited in zip(coded("of Halden Bank"), coded("of [R]")):
                    said = say(up, make(url), streamed)
                    status, _, data = g.post(chat("x", stream=streamed))
                    if field in ("images", "content"):
                        wanted = said.replace(url.encode(), edited.replace("[R]", "%5BR%5D").encode() if "base64" not in edited else edited.encode())
                        assert (status, data) == (200, wanted), (field, data)
                    else:
                        assert url.encode() not in data and b"content_filter" in data, (field, data)
                for url in coded("a bomb recipe"):
                    say(up, make(url), streamed)
                    status, _, data = g.post(chat("x", stream=streamed))
                    assert status == (200 if streamed else 400) and url.encode() not in data and b"content_filter" in data, (field, data)
                    for cut in range(1, len(url), 5) if streamed else ():
                        say(up, [make(url[:cut]), make(url[cut:])], True)
                        data = g.post(chat("x", stream=True))[2]
                        assert json.dumps(url[cut:]).encode() not in data and b"content_filter" in data, (field, cut, data)
                        tried += 1
                tried += 1
        metrics = g.get("/metrics")[1]
        assert ('sluice_unscanned_bytes_total{dialect="openai",reason="attachment"}' in metrics) == (how == "pass"), metrics
        g.kill()
    print(f"    {tried} answers")


def raw_post(g, path, body, *fields):
    c = http.client.HTTPConnection("127.0.0.1", g.port, timeout=20)
    c.putrequest("POST", path)
    for name, value in fields:
        c.putheader(name, value)
    c.putheader("content-length", str(len(body)))
    c.endheaders(body)
    r = c.getresponse()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()


def test_a_body_that_another_parser_may_read_otherwise_is_refused_in_every_dialect(lab):
    g, up = gateway(lab)
    tried = 0
    for kind, (path, ask, _, _, error) in DIALECTS.items():
        text = json.dumps(ask("hi"))
        whole = text.encode()
        with_field = lambda raw: whole[:-1] + b"," + raw + b"}"
        bad = {"UTF-16": text.encode("utf-16"), "UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"), "UTF-32": text.encode("utf-32"), "UTF-32LE": text.encode("utf-32-le"),
               "UTF-32BE": text.encode("utf-32-be"), "BOM": b"\xef\xbb\xbf" + whole, "NaN": with_field(b'"temperature":NaN'), "Infinity": with_field(b'"temperature":-Infinity'),
               "half a surrogate pair": text.replace("hi", "\\ud83d").encode(), "the wrong half": text.replace("hi", "\\udc00\\ud83d").encode(), "a surrogate in UTF-8": whole.replace(b"hi", b"\xed\xa0\x80"),
               "overlong": whole.replace(b"hi", b"\xc0\xaf"), "latin1": whole.replace(b"hi", b"\xe9"), "twice": with_field(b'"x":1,"x":1'), "twice, escaped": with_field(b'"x":1,"\\u0078":1'),
               "the first key again": with_field(b'"' + next(iter(ask("hi"))).encode() + b'":[]'), "deep": with_field(b'"x":' + b"[" * 100 + b"]" * 100), "trailing": whole + b"{}", "two": whole + b"\n" + whole,
               "garbage behind": whole + b"x", "NUL behind": whole + b"\0", "a comma too many": whole[:-1] + b",}", "a comment": whole[:-1] + b"/* x */}", "cut off": whole[:-1], "empty": b"", "white space": b"  ",
               "single quotes": whole.replace(b'"', b"'"), "a raw control character": whole.replace(b"hi", b"h\ni"), "a leading zero": with_field(b'"x":01'), "no object": b"[]", "a string": b'"hi"'}
        if kind == "ollama":
            bad |= {"folded": with_field(b'"Messages":[]'), "folded beyond ASCII": with_field(b'"me\xc5\xbfsages":[]'), "in another case alone": whole.replace(b'"messages"', b'"MESSAGES"')}
        if kind == "gemini":
            bad |= {"both spellings": with_field(b'"system_instruction":{"parts":[]},"systemInstruction":{"parts":[]}')}
        for what, body in bad.items():
            status, head, data = g.post(body, path=path)
            assert status == 400 and error(json.loads(data)) and head["x-should-retry"] == "false" and head["x-sluice-decision"] in data.decode(), (kind, what, status, data)
            tried += 1
        types = ("application/json; charset=utf-16", "application/json;charset=utf-7", "text/plain; charset=latin1", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=utf-16")
        for type_ in types + (() if kind == "ollama" else ("application/x-www-form-urlencoded",)):
            status, head, data = g.post(whole, {"content-type": type_}, path=path)
            assert status == 415 and error(json.loads(data)), (kind, type_, status, data)
            tried += 1
        assert raw_post(g, path, whole, ("content-type", "application/json"), ("content-type", "application/json; charset=utf-8"))[0] == 415
    assert not up.seen
    print(f"    {tried} bodies refused")


def test_json_is_json_whatever_it_calls_itself_in_every_dialect(lab):
    g, up = gateway(lab)
    for kind, (path, ask, answer, _, _) in DIALECTS.items():
        up.answer = ({"content-type": "application/json"}, [json.dumps(answer("fine")).encode()])
        for fields in ((), (("content-type", "text/plain"),), (("content-type", "text/plain; charset=UTF-8"),), (("content-type", "application/octet-stream"),), (("content-type", "application/json; charset=utf-8"),),
                       (("content-type", ""),), (("content-type", "application/vnd.api+json"),)) + (((("content-type", "application/x-www-form-urlencoded"),),) if kind == "ollama" else ()):
            status, _, data = raw_post(g, path, json.dumps(ask("of Halden Bank")).encode(), *fields)
            assert status == 200 and json.loads(up.seen[-1][2]) == ask("of [R]"), (kind, fields, data)
            assert "urlencoded" not in up.seen[-1][1].get("content-type", ""), "who is behind is to read what was read here"
            asked = len(up.seen)
            assert raw_post(g, path, json.dumps(ask("a bomb recipe")).encode(), *fields)[0] == 400 and len(up.seen) == asked, (kind, fields)


def form(*fields):
    """(name, content) or (name, content, filename, type)"""
    out = b""
    for name, content, *file in fields:
        out += b'--XyZ\r\nContent-Disposition: form-data; name="%s"' % name.encode() + (b'; filename="%s"\r\nContent-Type: %s' % (file[0].encode(), file[1].encode()) if file else b"") + b"\r\n\r\n"
        out += (content if isinstance(content, bytes) else content.encode()) + b"\r\n"
    return out + b"--XyZ--\r\n"


def test_forms_are_refused_unless_the_operator_says_so_and_then_read_field_by_field(lab):
    multipart = {"content-type": "multipart/form-data; boundary=XyZ"}
    wav = base64.b64decode(WAV)
    speech = [("model", "whisper-1"), ("file", wav, "a.wav", "audio/wav"), ("prompt", "of Halden Bank")]
    closed, up = gateway(lab, name="closed")
    for path in ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations", "/v1/files"):
        status, _, data = closed.post(form(*speech), multipart, path=path)
        assert status == 403 and "unreadable.forms" in data.decode() and not up.seen, (path, data)
    g, up = gateway(lab, "unreadable: {forms: scan, attachments: {audio: pass}, server_state: ledger}\n")
    transcribe = lambda *fields, path="/v1/audio/transcriptions": g.post(form(*fields), multipart, path=path)
    up.answer = ({"content-type": "application/json"}, [b'{"text":"call Halden Bank"}'])
    status, head, data = transcribe(*speech)
    assert status == 200 and json.loads(data) == {"text": "call [R]"} and up.seen[-1][2] == form(*speech).replace(b"Halden Bank", b"[R]"), data
    assert up.seen[-1][1]["content-type"] == multipart["content-type"]
    up.answer = ({"content-type": "application/json"}, [b'{"text":"a bomb recipe"}'])
    assert transcribe(*speech[:2])[0] == 400
    asked = len(up.seen)
    for fields, wanted in ((speech[:2] + [("prompt", "a bomb recipe")], 400), (speech[:1] + [("file", wav, "a bomb recipe.wav", "audio/wav")], 400), (speech + [("secret", "x")], 400), (speech + [("stream", "true")], 400),
                           (speech + [("response_format", "srt")], 400), (speech[:1] + [("file", base64.b64decode(PNG), "a.png", "image/png")], 400), (speech + [("prompt", "again")], 400)):
        status, head, data = transcribe(*fields)
        assert status == wanted and json.loads(data)["error"]["type"] and len(up.seen) == asked, (fields[-1][0], data)
        said = {"stream": "ask for the answer in one piece", "response_format": "ask for json or verbose_json"}.get(fields[-1][0], "")
        assert said in json.loads(data)["error"]["message"], data
    for body, fields, wanted in ((form(*speech)[:-8], multipart, 400), (b"hello\r\n" + form(*speech), multipart, 400), (form(*speech) + b"behind", multipart, 400), (b"{}", {"content-type": "application/json"}, 415),
                                 (form(*speech), {"content-type": "multipart/form-data"}, 415), (form(*speech), {"content-type": "multipart/mixed; boundary=XyZ"}, 415)):
        assert g.post(body, fields, path="/v1/audio/transcriptions")[0] == wanted and len(up.seen) == asked, (body[:9], fields)
    # What a part says of itself is read, too; two ways of writing one name are one.
    for type_ in ("audio/wav; note=\"a bomb recipe\"", "audio/wav;codecs=1;halden=\"Halden Bank\""):
        assert transcribe(speech[0], ("file", wav, "a.wav", type_))[0] == 400 and len(up.seen) == asked, type_
    up.answer = ({"content-type": "application/json"}, [b'{"text":"fine"}'])
    assert transcribe(speech[0], ("file", wav, "a.wav", "audio/wav;codecs=1"))[0] == 200
    assert transcribe(speech[0], ("file", wav, "a.wav\"; filename*=\"utf-8''a.wav", "audio/wav"))[0] == 200
    asked = len(up.seen)
    # A text file is read, and then a request may name it.
    up.answer = ({"content-type": "application/json"}, [b'{"id":"file-1","object":"file","bytes":5,"created_at":1,"filename":"a.txt","purpose":"user_data","status":"processed"}'])
    upload = lambda text: transcribe(("purpose", "user_data"), ("file", text, "a.txt", "text/plain"), path="/v1/files")
    assert upload("a bomb recipe")[0] == 400 and upload("of Halden Bank")[0] == 400 and len(up.seen) == asked
    assert upload("nothing")[0] == 200 and up.seen[-1][2] == form(("purpose", "user_data"), ("file", "nothing", "a.txt", "text/plain"))
    up.answer = ({"content-type": "application/json"}, [json.dumps(DIALECTS["responses"][2]("fine")).encode()])
    for name, wanted in (("file-1", 200), ("file-2", 400)):
        assert g.post(item({"type": "input_file", "file_id": name}), path="/v1/responses")[0] == wanted, name


def test_inputs_that_an_api_takes_each_by_itself_are_judged_each_by_itself(lab):
    """Four columns of four digits are four documents; the same digits in the parts of one input are a card number."""
    rule = """  - id: card
    direction: request
    match: {regex: '\\b[0-9](?:[ -]?[0-9]){12,18}\\b', validator: luhn}
    action: {type: block, message: "No cards."}
    tests: [{name: a, request: 4111 1111 1111 1111, expect: {rules: [card]}}, {name: b, request: nothing, expect: {rules: []}}]
"""
    g, up = gateway(lab, rules=rule)
    columns = ["4111", "1111", "1111", "1111"]
    gemini = lambda *inputs: {"requests": [{"content": {"parts": [{"text": t} for t in parts]}} for parts in inputs]}
    embedded = {"object": "list", "model": "m", "data": []}
    for path, apart, together, answer in (
            ("/v1/embeddings", {"model": "m", "input": columns}, {"model": "m", "input": [" ".join(columns)]}, embedded),
            ("/v1/moderations", {"model": "m", "input": columns}, {"model": "m", "input": [{"type": "text", "text": t} for t in columns]}, {"id": "m", "model": "m", "results": []}),
            ("/v1beta/models/m:batchEmbedContents", gemini(*([t] for t in columns)), gemini(["one"], columns), {"embeddings": []}),
            ("/api/embed", {"model": "m", "input": columns}, {"model": "m", "input": ["one", "-".join(columns)]}, {"model": "m", "embeddings": []})):
        up.answer = ({"content-type": "application/json"}, [json.dumps(answer).encode()])
        up.seen.clear()
        status, _, data = g.post(apart, path=path)
        assert status == 200 and json.loads(up.seen[0][2]) == apart, (path, data)
        status, _, data = g.post(together, path=path)
        assert status == 400 and b"No cards." in data and len(up.seen) == 1, (path, data)


def test_a_text_that_is_json_is_read_as_its_reader_decodes_it_in_every_dialect(lab):
    """Words that only escapes spell are found in what a user says and in an answer, plain and streamed; what leaves is JSON."""
    rule = """  - id: patient
    direction: both
    match: {keywords: ["Jürgen Müller"]}
    action: {type: redact, mask: 'a "patient"'}
    tests: [{name: a, request: Jürgen Müller, expect: {rules: [patient]}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: account
    direction: both
    match: {regex: '\\b[0-9]{9}\\b'}
    action: {type: redact, mask: "[ID]"}
    tests: [{name: a, request: "123456789", expect: {rules: [account]}}, {name: b, request: nothing, expect: {rules: []}}]
"""
    g, up = gateway(lab, rules=rule)
    said, left = json.dumps({"who": "Jürgen\nMüller", "room": 4}), {"who": 'a "patient"', "room": 4}
    assert "\\u00fc" in said
    for kind, (path, ask, answer, stream, _) in DIALECTS.items():
        up.answer = ({"content-type": "application/json"}, [json.dumps(answer(said)).encode()])
        up.seen.clear()
        status, _, data = g.post(ask(said), path=path)
        assert status == 200 and ask("%") == json.loads(up.seen[0][2].decode().replace(json.dumps(json.dumps(left))[1:-1], "%")), (kind, up.seen)
        assert answer("%") == json.loads(data.decode().replace(json.dumps(json.dumps(left))[1:-1], "%")), (kind, data)
        for wanted, number in ((400, 123456789), (200, "123456789")):
            up.answer = ({"content-type": "application/json"}, [json.dumps(answer(json.dumps({"n": number}))).encode()])
            status, _, data = g.post(ask("x"), path=path)
            assert status == wanted and b"123456789" not in data, (kind, data)
        up.answer = ({"content-type": STREAM_TYPES.get(kind, "text/event-stream")}, [stream(said)])
        status, _, data = g.post(ask("x", stream=True), path=STREAM_PATHS.get(kind, path))
        assert status == 200 and b"patient" in data and b"rgen" not in data, (kind, data)
