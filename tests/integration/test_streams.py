"""Streams on the real binary: what long ones cost, and what is left of those whose upstream dies."""
import json
import socket
import threading

from lab import Gateway, Script, Skip, bundle, every_dialect, until
from test_additions import SPEAKERS, rule
from test_responses import Speaker as ResponsesSpeaker


PIECE = ("Nothing of this is worth a rule. " * 32)[:1024]


def resident_kb(pid, peak=False):
    text = open(f"/proc/{pid}/status").read()
    return int(text.split("VmHWM:" if peak else "VmRSS:")[1].split()[0])


def forget_peak(pid):
    open(f"/proc/{pid}/clear_refs", "w").write("5")


def long_answer(dialect, pieces):
    kind, events = dialect.say(["Q"] * dialect.choices, "stop", True)
    return kind, [p for e in events for p in ([e.replace(b'"Q"', json.dumps(PIECE).encode())] * (pieces // dialect.choices) if b'"Q"' in e else [e])]


def read_all(response):
    size, tail = 0, b""
    while piece := response.read1(1 << 16):
        size += len(piece)
        tail = (tail + piece)[-4096:]
    return size, tail


def test_ten_megabytes_stream_in_bounded_memory(lab):
    up = Script()
    g = every_dialect(lab, up)
    for dialect in (d for d in SPEAKERS if d.kind != "responses"):  # which says everything again at its end, in one event
        path, body = dialect.ask(True)
        up.answer = long_answer(dialect, 200)
        read_all(g.stream(body, path))  # what a first stream makes the process keep
        up.answer = long_answer(dialect, 10_240)
        expected = sum(map(len, up.answer[1]))
        assert expected > 10 << 20
        before = resident_kb(g.process.pid)
        forget_peak(g.process.pid)
        size, tail = read_all(g.stream(body, path))
        grown = resident_kb(g.process.pid, peak=True) - before
        print(f"  {dialect.kind} {path}: {size >> 20} MiB streamed, {grown} KB more at the peak")
        assert size == expected and grown < 4096, (dialect.kind, size, expected, grown)


def test_a_response_of_a_megabyte_is_followed_and_let_go(lab):
    up = ResponsesSpeaker()
    g = Gateway(lab, "r", up.port, "{directory: %s}" % bundle(lab.dir / "bundle"))
    ask = {"model": "m", "input": "x", "stream": True}
    up.pieces = [PIECE] * 16
    read_all(g.stream(ask, "/v1/responses"))
    up.pieces = [PIECE] * 1024
    before = resident_kb(g.process.pid)
    for _ in range(5):  # what one needed serves the next
        forget_peak(g.process.pid)
        _, tail = read_all(g.stream(ask, "/v1/responses"))
        assert b'"status": "completed"' in tail or PIECE.encode()[-20:] in tail, tail
    grown = resident_kb(g.process.pid, peak=True) - before
    print(f"  a response of 1 MiB, told five times: {grown} KB more at the peak")
    assert grown < 32 * 1024, grown


def test_what_is_held_of_an_upstream_that_dies_is_dropped_and_the_error_is_the_dialects(lab):
    up = Script()
    g = every_dialect(lab, up)
    up.dies = True
    errors = {"openai": b'data: {"error":{"message":', "responses": b"event: error\n", "anthropic": b"event: error\n", "gemini": b'data: {"error":{"code":', "ollama": b'{"error":"'}
    for dialect in SPEAKERS:
        kind, events = dialect.say(["Q"] * dialect.choices, "stop", True)
        at = next(i for i, e in enumerate(events) if b'"Q"' in e)
        up.answer = kind, events[:at] + [events[at].replace(b'"Q"', b'"safe words at Halden"')]
        path, body = dialect.ask(True)
        data = g.stream(body, path).read()
        assert b"safe words at" in data and b"Halden" not in data and errors[dialect.kind] in data, (dialect.kind, data)
        assert not any(end in data for end in (b"[DONE]", b"message_stop", b"finishReason", b"response.completed", b'"done":true')), (dialect.kind, data)
    assert {r["verdict"] for r in g.records() if r["event"] == "closed"} == {"allow"}


FAILURES = {"openai": b'data: {"error":{"message":"out of order","type":"server_error"}}\n\n',
            "responses": b'event: error\ndata: {"type":"error","sequence_number":99,"code":"x","message":"out of order","param":null}\n\n',
            "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"out of order"}}\n\n',
            "gemini": b'data: {"error":{"code":500,"message":"out of order","status":"INTERNAL"}}\r\n\r\n', "ollama": b'{"error":"out of order"}\n'}


def test_what_left_is_judged_to_its_end_however_the_answer_ends(lab):
    up = Script()
    g = every_dialect(lab, up, rules=rule("gem", "response", "{keywords: [topaz]}", "{type: flag}", "a topaz"))
    asked = 0
    for dialect in SPEAKERS:
        kind, events = dialect.say(["Q"] * dialect.choices, "stop", True)
        at = next(i for i, e in enumerate(events) if b'"Q"' in e)
        begun = events[:at] + [events[at].replace(b'"Q"', b'"a topaz"')]
        for how in ("error", "death", "no end"):
            up.dies = how == "death"
            up.answer = kind, begun + ([FAILURES[dialect.kind]] if how == "error" else [])
            path, body = dialect.ask(True)
            assert b"topaz" in g.stream(body, path).read(), (dialect.kind, how)
            asked += 1
            records = until("it is on record", lambda: (lambda all: all if len(all) >= asked else None)([r for r in g.records() if r["event"] == "closed"]))
            assert len(records) == asked and records[-1]["verdict"] == "flag" and "topaz" not in json.dumps(records[-1]), (dialect.kind, how, records[-1])
    # The client leaves.
    held = threading.Event()
    up.dies, up.answer = False, (kind, begun + [held])
    answer = g.stream(body, path)
    until("the word is out", lambda: b"topaz" in answer.read1(1 << 16))
    answer.close()
    assert until("it is on record", lambda: next((r for r in g.records() if r.get("reason") == "client closed"), None))["verdict"] == "flag"
    held.set()


def test_an_error_of_an_upstream_that_calls_itself_a_stream_passes_as_it_came(lab):
    up = Script()
    g = every_dialect(lab, up)
    for dialect in SPEAKERS:
        kind = dialect.say(["Q"] * dialect.choices, "stop", True)[0]
        path, body = dialect.ask(True)
        for status, bytes_ in ((429, b'{"error":{"message":"slow down"}}'), (503, b"Not Found"), (500, b""), (529, FAILURES[dialect.kind])):
            up.status, up.answer = status, (kind, [bytes_])
            got, _, data = g.post(body, path=path)
            assert got == status and data == bytes_, (dialect.kind, status, got, data)
        # Whoever reads it as a stream all the same reads a word over two events: judged as one where it is one.
        up.status, up.answer = 400, (kind, [b"x: 1\n", *(e.replace(b'"Q"', json.dumps(text).encode()) for text in ("at Halden", " Bank now") for e in dialect.say(["Q"] * dialect.choices, "stop", True)[1] if b'"Q"' in e)])
        if dialect.kind in ("openai", "anthropic", "gemini"):
            assert b"Bank now" not in g.post(body, path=path)[2], dialect.kind
        up.answer = kind, [b'{"error":{"message":"at Halden Bank"}}']
        assert b"at [R]" in g.post(body, path=path)[2]


def test_python_sdks_raise_their_error_once_when_an_upstream_dies(lab):
    try:
        import anthropic
        import openai
    except ImportError as e:
        raise Skip(f"a Python SDK is not installed (see build/sdks/pip.log): {e}")
    up = Script()
    g = every_dialect(lab, up)
    up.dies = True
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{g.port}/v1", api_key="sk-x")
    messages = anthropic.Anthropic(base_url=f"http://127.0.0.1:{g.port}", api_key="sk-x")
    user = [{"role": "user", "content": "x"}]
    calls = {"openai": (openai.APIError, lambda: client.chat.completions.create(model="m", messages=user, stream=True)),
             "responses": (openai.APIError, lambda: client.responses.create(model="m", input="x", stream=True)),
             "anthropic": (anthropic.APIError, lambda: messages.messages.create(model="m", max_tokens=9, messages=user, stream=True))}
    for dialect in (d for d in SPEAKERS if d.kind in calls):
        kind, events = dialect.say(["Q"] * dialect.choices, "stop", True)
        at = next(i for i, e in enumerate(events) if b'"Q"' in e)
        up.answer = kind, events[:at + 1]
        raises, call = calls[dialect.kind]
        asked, heard = len(up.seen), 0
        try:
            for _ in call():
                heard += 1
            raise AssertionError(f"{dialect.kind}: no error")
        except raises as e:
            assert "broke off" in str(e) and heard > 0 and len(up.seen) == asked + 1, (dialect.kind, str(e), heard)


class Tap:
    """A wire between a client and the gateway; `seen` is set when the gateway has sent `sign` once more."""

    def __init__(self, port):
        self.sign, self.seen, self.to = b"", threading.Event(), port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def wait_for_sign(self, dialect):
        """The next sign of life, as the dialect gives it."""
        self.sign = {"ollama": b'"done":false}\n', "gemini": b"2\r\n\r\n\r\n"}.get(dialect, b": held\n\n")
        self.seen = threading.Event()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            gateway = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.copy, args=(client, gateway, False), daemon=True).start()
            threading.Thread(target=self.copy, args=(gateway, client, True), daemon=True).start()

    def copy(self, source, sink, back):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
                if back and self.sign in data:
                    self.seen.set()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def python_calls(port):
    """A streamed answer's text and the reason of its end, by each SDK, in the order of SPEAKERS."""
    import anthropic
    import ollama
    import openai
    from google import genai
    url, user = f"http://127.0.0.1:{port}", [{"role": "user", "content": "x"}]
    gpt, claude = openai.OpenAI(base_url=url + "/v1", api_key="sk-x"), anthropic.Anthropic(base_url=url, api_key="sk-x")
    google, llama = genai.Client(api_key="x", http_options={"base_url": url}), ollama.Client(host=url)

    def chat():
        pieces = [c.choices[0] for c in gpt.chat.completions.create(model="m", messages=user, stream=True) if c.choices and c.choices[0].index == 0]
        return "".join(c.delta.content or "" for c in pieces), pieces[-1].finish_reason

    def responses():
        events = list(gpt.responses.create(model="m", input="x", stream=True))
        last = events[-1].response
        return "".join(e.delta for e in events if e.type == "response.output_text.delta"), last.incomplete_details.reason if last.incomplete_details else last.status

    def messages():
        with claude.messages.stream(model="m", max_tokens=9, messages=user) as s:
            said = s.get_final_message()
        return "".join(b.text for b in said.content), said.stop_reason

    def gemini():
        chunks = list(google.models.generate_content_stream(model="m", contents="x"))
        return "".join(c.text or "" for c in chunks), chunks[-1].candidates[0].finish_reason.value

    def chat_of_ollama():
        pieces = list(llama.chat(model="m", messages=user, stream=True))
        return "".join(c.message.content for c in pieces), pieces[-1].done_reason
    return [(chat, openai.BadRequestError), (responses, openai.BadRequestError), (messages, anthropic.BadRequestError), (gemini, genai.errors.ClientError), (chat_of_ollama, ollama.ResponseError)]


def test_python_sdks_see_an_error_where_an_answer_that_is_wanted_whole_is_blocked(lab):
    """And the dialect's cut-off where signs of life had to be given before."""
    try:
        python_calls(1)
    except ImportError as e:
        raise Skip(f"a Python SDK is not installed (see build/sdks/pip.log): {e}")
    up = Script()
    full = rule("whole", "response", "{keywords: [black swan]}", "{type: block, message: Not this.}", "black swan", "    stream: {hold: full}\n")
    patient, quick = every_dialect(lab, up, "patient", full), every_dialect(lab, up, "quick", full, "deadlines: {keep_alive: 200ms}\n")
    tap = Tap(quick.port)
    for dialect, (call, error), (late, _) in zip(SPEAKERS, python_calls(patient.port), python_calls(tap.port)):
        kind, events = dialect.say(["QZ"], "stop", True)
        events = [e.replace(b'"QZ"', b'"a black swan"').replace(b'"Q"', b'"a black "').replace(b'"Z"', b'"swan"') for e in events]
        up.answer = kind, events
        asked = len(up.seen)
        try:
            raise AssertionError(f"{dialect.kind}: no error, but {call()}")
        except error as e:
            assert "Not this." in str(e) and len(up.seen) == asked + 1, (dialect.kind, e)
        tap.wait_for_sign(dialect.kind)
        at = next(i for i, e in enumerate(events) if b"black " in e)
        up.answer = kind, events[:at] + [tap.seen] + events[at:]
        said, end = late()
        assert (said, end) == ("", {"openai": "content_filter", "responses": "content_filter", "anthropic": "refusal", "gemini": "SAFETY", "ollama": "content_filter"}[dialect.kind]), (dialect.kind, said, end)


def test_python_sdks_read_over_the_signs_of_life_of_held_text(lab):
    try:
        python_calls(1)
    except ImportError as e:
        raise Skip(f"a Python SDK is not installed (see build/sdks/pip.log): {e}")
    up = Script()
    full = rule("whole", "response", "{keywords: [black swan]}", '{type: redact, mask: "[S]"}', "black swan", "    stream: {hold: full}\n")
    g = every_dialect(lab, up, rules=full, config="deadlines: {keep_alive: 200ms}\n")
    tap = Tap(g.port)
    for dialect, (call, _) in zip(SPEAKERS, python_calls(tap.port)):
        kind, events = dialect.say(["QZ"], "stop", True)
        words = {b'"Q"': b'"a black "', b'"Z"': b'"swan"', b'"QZ"': b'"a black swan"'}
        events = [next((e.replace(q, w) for q, w in words.items() if q in e), e) for e in events]
        if dialect.kind == "responses":  # whose end says it three times
            events = [e.replace(b'"QZ"', b'"a black swan"') for e in events]
        tap.wait_for_sign(dialect.kind)
        at = next(i for i, e in enumerate(events) if b'"a black "' in e)
        up.answer = kind, events[:at + 1] + [tap.seen] + events[at + 1:]
        said, _ = call()
        assert said == "a [S]" and tap.seen.is_set(), (dialect.kind, said)
