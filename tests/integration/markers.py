"""Bodies made from the table of fields that the binary prints: for every place of every API, in both directions, a marker in that place.

What has to become of it is what the row's class says, and nothing else: T, J and A are edited; S, N and text in the place of an identifier, a
setting, a seal or a number block; R and B are refused; C goes when the text that it repeats is edited. Rows of no class say in words what becomes of
what they stand for: beyond() has what that is."""
import base64
import copy
import json
import re

MARKER = "Halden Bank"  # two words: no identifier looks so
WORDS = MARKER.split()  # where each stands for itself, no rule finds it
SAID = f"at {MARKER} now"
NUMBERS = [4711, 4712]
EDITED, STOPPED, GONE, PASSED, DENIED, UNKNOWN = "edited", "stopped", "gone", "passed", "denied", "unknown"

ASKED = {"messages": [{"role": "user", "content": "x"}]}
PART = {"parts": [{"text": "x"}]}
CONTENTS = {"contents": [{"role": "user"} | PART]}
CHAT_ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "x"}}]}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": []}
CONVERSATION = {"id": "conv_1", "object": "conversation", "created_at": 1, "metadata": {}}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": {"output_tokens": 1}}
CANDIDATE = {"candidates": [{"index": 0, "content": {"role": "model"} | PART, "finishReason": "STOP"}]}
LINE = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "x"}, "done": True, "done_reason": "stop"}

# (dialect, endpoint): path, the least that a request has, and an answer in one piece.
WHERE = {
    ("openai", "chat.completions"): ("/v1/chat/completions", {"model": "m"} | ASKED, CHAT_ANSWER),
    ("openai", "responses"): ("/v1/responses", {"model": "m", "input": "x"}, RESPONSE),
    ("openai", "responses.input_items"): ("GET /v1/responses/resp_1/input_items", None, {"object": "list", "data": [], "has_more": False}),
    ("openai", "responses.input_tokens"): ("/v1/responses/input_tokens", {"model": "m", "input": "x"}, {"object": "response.input_tokens", "input_tokens": 1}),
    ("openai", "responses.compact"): ("/v1/responses/compact", {"model": "m", "input": "x"}, RESPONSE),
    ("openai", "responses.retrieve"): ("GET /v1/responses/resp_1", None, RESPONSE),
    ("openai", "responses.cancel"): ("/v1/responses/resp_1/cancel", None, RESPONSE),
    ("openai", "conversations"): ("/v1/conversations", {"items": []}, CONVERSATION),
    ("openai", "conversations.retrieve"): ("GET /v1/conversations/conv_1", None, CONVERSATION),
    ("openai", "conversations.update"): ("/v1/conversations/conv_1", {}, CONVERSATION),
    ("openai", "conversations.items"): ("GET /v1/conversations/conv_1/items", None, {"object": "list", "data": [], "has_more": False}),
    ("openai", "conversations.items.create"): ("/v1/conversations/conv_1/items", {"items": []}, {"object": "list", "data": [], "has_more": False}),
    ("openai", "conversations.item"): ("GET /v1/conversations/conv_1/items/msg_1", None, {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": []}),
    ("openai", "completions"): ("/v1/completions", {"model": "m", "prompt": "x"}, {"id": "c1", "model": "m", "choices": [{"index": 0, "text": "x", "finish_reason": "stop"}]}),
    ("openai", "embeddings"): ("/v1/embeddings", {"model": "m", "input": "x"}, {"object": "list", "data": [], "model": "m"}),
    ("openai", "moderations"): ("/v1/moderations", {"model": "m", "input": "x"}, {"id": "m1", "model": "m", "results": []}),
    ("anthropic", "messages"): ("/v1/messages", {"model": "m", "max_tokens": 9} | ASKED, MESSAGE),
    ("anthropic", "messages.count_tokens"): ("/v1/messages/count_tokens", {"model": "m"} | ASKED, {"input_tokens": 1}),
    ("gemini", "generateContent"): ("/v1beta/models/m:generateContent", CONTENTS, CANDIDATE),
    ("gemini", "streamGenerateContent"): ("/v1beta/models/m:streamGenerateContent?alt=sse", CONTENTS, CANDIDATE),
    ("gemini", "countTokens"): ("/v1beta/models/m:countTokens", CONTENTS, {"totalTokens": 1}),
    ("gemini", "embedContent"): ("/v1beta/models/m:embedContent", {"content": PART}, {"embedding": {"values": [0.1]}}),
    ("gemini", "batchEmbedContents"): ("/v1beta/models/m:batchEmbedContents", {"requests": [{"content": PART}]}, {"embeddings": [{"values": [0.1]}]}),
    ("gemini", "cachedContents"): ("/v1beta/cachedContents", {"model": "m"} | CONTENTS, {"name": "cachedContents/c1"}),
    ("gemini", "cachedContents.get"): ("GET /v1beta/cachedContents/c1", None, {"name": "cachedContents/c1"}),
    ("ollama", "chat"): ("/api/chat", {"model": "m", "stream": False} | ASKED, LINE),
    ("ollama", "generate"): ("/api/generate", {"model": "m", "stream": False, "prompt": "x"}, {"model": "m", "response": "x", "done": True}),
    ("ollama", "embed"): ("/api/embed", {"model": "m", "input": "x"}, {"model": "m", "embeddings": [[0.1]]}),
    ("ollama", "embeddings"): ("/api/embeddings", {"model": "m", "prompt": "x"}, {"embedding": [0.1]}),
}
# Forms: path, the least fields, and an answer. A file is (content, name, type).
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
SPEECH = {"model": "m", "file": (WAV, "a.wav", "audio/wav")}
PICTURE = {"model": "m", "image": (PNG, "a.png", "image/png")}
FORMS = {
    ("openai", "audio.transcriptions"): ("/v1/audio/transcriptions", SPEECH, {"text": "x"}),
    ("openai", "audio.translations"): ("/v1/audio/translations", SPEECH, {"text": "x"}),
    ("openai", "images.edits"): ("/v1/images/edits", PICTURE | {"prompt": "x"}, {"created": 1, "data": []}),
    ("openai", "images.variations"): ("/v1/images/variations", PICTURE, {"created": 1, "data": []}),
    ("openai", "files"): ("/v1/files", {"purpose": "user_data", "file": (b"x", "a.txt", "text/plain")}, {"id": "f1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a.txt", "purpose": "user_data"}),
}
# Endpoints without text of a conversation, and of each dialect some that are denied and one that is not known.
PASSING = {
    ("openai", "models"): ("GET /v1/models", "GET /v1/models/m"),
    ("openai", "responses.delete"): ("DELETE /v1/responses/r1",),
    ("openai", "conversations.delete, conversations.item.delete"): ("DELETE /v1/conversations/c1", "DELETE /v1/conversations/c1/items/i1"),
    ("anthropic", "models"): ("GET /anthropic/v1/models", "GET /anthropic/v1/models/m"),
    ("gemini", "models"): ("GET /v1beta/models", "GET /v1beta/models/m"),
    ("gemini", "cachedContents.delete"): ("DELETE /v1beta/cachedContents/c1",),
    ("ollama", "tags, show, version, ps"): ("GET /api/tags", "POST /api/show", "GET /api/version", "GET /api/ps"),
}
DENYING = {
    "openai": ("/v1/images/generations", "/v1/audio/speech", "GET /v1/files/f1/content", "/v1/uploads", "/v1/batches", "/v1/assistants", "/v1/threads/t/messages", "/v1/realtime", "/v1/vector_stores", "GET /v1/chat/completions/c1"),
    "anthropic": ("/v1/messages/batches", "/anthropic/v1/files", "/anthropic/v1/skills", "/anthropic/v1/agents", "/anthropic/v1/sessions", "/anthropic/v1/memory_stores", "/anthropic/v1/complete"),
    "gemini": ("/v1beta/models/m:batchGenerateContent", "/v1beta/files", "GET /v1beta/cachedContents", "PATCH /v1beta/cachedContents/c1", "/v1beta/interactions"),
    "ollama": ("/api/pull", "/api/push", "/api/create", "/api/copy", "DELETE /api/delete", "/api/blobs/x"),
}
STRANGE = {"openai": "/v1/unheard_of", "anthropic": "/anthropic/v1/unheard_of", "gemini": "/v1beta2/unheard_of", "ollama": "/api/unheard_of"}
# An event that a stream's row may stand in, and what ends the stream.
STREAMS = {
    ("openai", "chat.completions"): (CHUNK, "data: [DONE]\n\n"),
    ("openai", "completions"): ({"id": "c1", "model": "m", "choices": [{"index": 0, "text": "x"}]}, "data: [DONE]\n\n"),
    ("openai", "responses"): ({}, 'event: response.completed\ndata: {"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","status":"completed","output":[]}}\n\n'),
    ("anthropic", "messages"): ({}, 'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    ("gemini", "streamGenerateContent"): (CANDIDATE, ""),
    ("ollama", "chat"): (LINE | {"done": False}, '{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'),
    ("ollama", "generate"): ({"model": "m", "response": "x", "done": False}, '{"model":"m","response":"","done":true}\n'),
}
# Streams that are no server-sent events: their content type, and how an event is written.
FRAMED = {"ollama": ("application/x-ndjson", lambda event: json.dumps(event) + "\n")}


def steps(path):
    return re.findall(r"\[\]|<[^>]*>|[^.\[<]+", path)


def put(at, path, leaf):
    """`at` with the leaf where the steps lead."""
    if not path:
        return leaf
    step, rest = path[0], path[1:]
    if step == "[]":
        items = at if isinstance(at, list) and at else [None]
        return [put(items[0], rest, leaf), *items[1:]]
    at = at if isinstance(at, dict) else {}
    if step.startswith("<"):
        named = step[1:-1]
        if named and at.get("type") != named:
            at = {"type": named}  # what another type has is no field of this one
        return put(at, rest, leaf)
    key = "k" if step == "{*}" else step
    return at | {key: put(at.get(key), rest, leaf)}


def leaves(row):
    """(leaf, what has to become of it) of a row of the table."""
    what = row["class"]
    if row["path"] == "any other list of numbers":
        return [([ord(c) for c in MARKER], STOPPED), ([7, *MARKER.encode(), None], STOPPED)]
    if what == "T":
        return [(f"at {MARKER} now", EDITED)]
    if what == "J":
        return [(json.dumps({"k": f"at {MARKER} now"}), EDITED), (json.dumps({MARKER: 1}), STOPPED)]
    if what == "A":
        return [({"k": [f"at {MARKER} now"]}, EDITED), ({"k": {MARKER: 1}}, STOPPED)]
    if what == "S":
        return [({"k": [MARKER]}, STOPPED), ({"k": {MARKER: 1}}, STOPPED)]
    if what == "P":
        return [({"k": [MARKER]}, STOPPED), ({MARKER: 1}, STOPPED)]
    if what == "C":
        if row["policy"].startswith("numbers") or row["path"].endswith("token_ids"):
            return [(NUMBERS, GONE), ([{"token": MARKER}], STOPPED)]
        if "unreadable.unknown_part" in row["policy"]:  # the words of a transcript, with their times
            return [([{"word": word} for word in SAID.split()], GONE), ([{"word": MARKER}], STOPPED)]
        return [([{"token": MARKER}], GONE)]
    if what in "BR":
        return [(MARKER, STOPPED), ([{"word": word} for word in WORDS], STOPPED)]
    return [(MARKER, STOPPED)]


def typed(event, path):
    """An event of Responses whose row is of no one type, as one that may have the field."""
    of = {"part": "response.content_part.done", "annotation": "response.output_text.annotation.added", "item": "response.output_item.done", "response": "response.completed"}
    kind = of.get(steps(path)[0], "response.output_text.delta")
    return event if "type" in event else {"type": kind} | ({"delta": "x"} if kind.endswith("delta") else {}) | event


def with_text(made, path):
    """A copy repeats a text: the marker stands there, too."""
    said = json.loads(json.dumps(made).replace('"x"', json.dumps(SAID)))
    text, above = SAID, steps(path)[:-1]
    if above and above[-1] in ("<output_text>", "audioTranscription"):
        return put(said, [*above, "text"], text)
    if text in json.dumps(said):
        return said
    # An answer that counts or embeds says nothing; what it would repeat is a text that it has all the same.
    return put(said, ["candidates", "[]", "content", "parts", "[]", "text"] if path.startswith("candidates") else ["message", "content"], text)


def again(rows):
    """Rows of the places that the table tells by another place ("as item"), which are as real as the others."""
    of = lambda direction, streaming: [r for r in rows if (r["dialect"], r["endpoint"], r["direction"], r["streaming"]) == ("openai", "responses", direction, streaming) and r["class"] != "-"]
    plain, asked, events = of("response", "no"), of("request", "no"), of("response", "yes")
    moved = lambda told, place, instead, **more: [r | {"path": instead + r["path"][len(place):]} | more for r in told if r["path"].startswith(place)]
    out = moved(plain, "output[]", "instructions[]") + moved(asked, "input[]", "data[]", endpoint="responses.input_items", direction="response")
    for place in ("<response.completed>.response.output[]", "<response.created>.response.instructions[]"):
        out += moved(events, "item", place)
    out += moved(plain, "tools[]", "<response.created>.response.tools[]", streaming="yes")
    out += moved(asked, "tools[]", "input[]<tool_search_output>.tools[]") + moved(asked, "tools[]", "output[]<tool_search_output>.tools[]", direction="response")
    for endpoint in ("responses.retrieve", "responses.cancel", "responses.compact"):
        out += [r | {"endpoint": endpoint} for r in plain]
    for endpoint in ("conversations", "conversations.update", "conversations.items.create"):
        out += moved(asked, "input[]", "items[]", endpoint=endpoint)
    for endpoint in ("conversations.items", "conversations.items.create"):
        out += moved(asked, "input[]", "data[]", endpoint=endpoint, direction="response")
    out += [r for r in moved(asked, "input[]", "", endpoint="conversations.item", direction="response") if r["path"].startswith("<") and not r["path"].startswith("<>")]
    return out + [r | {"endpoint": e} for r in asked for e in ("responses.input_tokens", "responses.compact")]


def trials(coverage):
    """(row, body or bytes, what has to become of the marker), the table's own rows and those that it tells once for several places."""
    for row in [r for r in coverage if r["class"] != "-" and not r["path"].startswith("?")] + again(coverage):
        key = (row["dialect"], row["endpoint"])
        if key in FORMS and row["direction"] == "request":
            yield from fields_of(row)
            continue
        path, base, answer = (WHERE | FORMS)[key]
        if row["direction"] == "request":
            body = {} if row["path"].startswith("generateContentRequest") else base
        else:
            body = STREAMS[key][0] if row["streaming"] == "yes" else answer
        for leaf, fate in leaves(row):
            made = put(copy.deepcopy(body), steps(row["path"]), leaf)
            for turn in made.get("messages", []) if row["direction"] == "request" and isinstance(made.get("messages"), list) else []:
                if isinstance(turn, dict):
                    turn.setdefault("role", "user")
            if key == ("openai", "responses") and row["streaming"] == "yes":
                made = typed(made, row["path"])
            again_in_text = fate == GONE or row["path"] == "segments[].text"  # which goes with an edit of it, and the whole stays
            yield row, with_text(made, row["path"]) if again_in_text else made, fate


def stream_of(row, event):
    """Content type and bytes of a stream with one event and its end."""
    end = STREAMS[row["dialect"], row["endpoint"]][1]
    if row["dialect"] in FRAMED:
        kind, written = FRAMED[row["dialect"]]
        return kind, written(event) + end
    named = f"event: {event['type']}\n" if isinstance(event.get("type"), str) and row["dialect"] != "gemini" and MARKER not in event["type"] else ""
    return "text/event-stream", f"{named}data: {json.dumps(event)}\n\n" + end


def fields_of(row):
    """The trials of one field of a form."""
    _, base, _ = FORMS[row["dialect"], row["endpoint"]]
    if row["path"] == "a file's name":
        file = next(name for name, value in base.items() if isinstance(value, tuple))
        yield row, base | {file: (base[file][0], MARKER, base[file][2])}, STOPPED
        return
    values = {"T": [(f"at {MARKER} now", EDITED)], "B": [((MARKER.encode(), "a.txt", "text/plain"), STOPPED), (MARKER, STOPPED)]}
    for value, fate in values.get(row["class"], [(MARKER, STOPPED)]):
        yield row, base | {row["path"]: value}, fate


def form(fields):
    """Bytes of a form, and its content type."""
    out = b""
    for name, value in fields.items():
        content, file, kind = value if isinstance(value, tuple) else (value.encode(), None, None)
        head = f'content-disposition: form-data; name="{name}"' + (f'; filename="{file}"\r\ncontent-type: {kind}' if file else "")
        out += b"--bound\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return out + b"--bound--\r\n", {"content-type": "multipart/form-data; boundary=bound"}


def split(path):
    """(method, path)."""
    return path.split(" ") if " " in path else ("POST", path)


def beyond(coverage):
    """What the rows of no class say, and those of a query: (row, method, path, what is sent, what is answered, what has to become of it). A row
    that says something else than these did is an error here."""
    for row in coverage:
        key, told, how = (row["dialect"], row["endpoint"]), row["path"], row["policy"]
        if told.startswith("?") or told == "any other parameter of the query":
            end = PASSING[key][0] if key in PASSING else WHERE[key][0] if key in WHERE else next(where[0] for of, where in WHERE.items() if of[0] == key[0])
            sent = next((base for where, base, _ in WHERE.values() if where == end), None)
            method, path = split(end)
            yield row, method, path + ("&" if "?" in path else "?") + (told[1:] if told.startswith("?") else "words") + "=Halden%20Bank", sent, {}, STOPPED
        elif row["class"] != "-" or how.startswith(("as ", "what stands here ")) or told.startswith("as of "):
            continue  # trials() has them
        elif how.startswith("passed: no text of a conversation"):
            for end in PASSING[key]:
                yield row, *split(end), None, {"words": MARKER}, PASSED
                yield row, *split(end), {"words": MARKER}, {}, STOPPED  # where no body belongs
        elif how.startswith("denied"):
            for end in DENYING[key[0]]:
                yield row, *split(end), {"words": MARKER}, {}, DENIED
        elif how == "unreadable.unknown_path":
            yield row, "POST", STRANGE[key[0]], {"words": MARKER}, {}, UNKNOWN
        elif row["direction"] == "request":
            path, base, _ = (FORMS | WHERE)[key]
            for sent in unread_requests(told, base):
                yield row, *split(path), sent, {}, STOPPED
        else:
            path, base, answer = WHERE[key]
            for streaming in ("no", "yes") if row["streaming"] == "both" else (row["streaming"],):
                yield row | {"streaming": streaming}, *split(path), base, unread_answer(told, STREAMS[key][0] if streaming == "yes" else answer), STOPPED


def unread_requests(told, base):
    """Requests with what a row of no class calls so."""
    strings = [base | {"words": MARKER}]
    objects = [base | {"words": {"words": [MARKER]}}]
    text = "prompt" if "prompt" in base else "input"
    return {
        "any other string": strings,
        "any other string or object": strings + objects,
        "any other string, object or list": strings + objects + [base | {"words": [MARKER]}],
        "any other string or object (template is one)": strings + objects + [base | {"template": "x"}],
        "any other number or flag, and its key": [base | {MARKER: 1}, base | {MARKER: True}],
        "any other tool": [base | {"tools": [{"crystalBall": {}}]}],
        "a tool of an unknown type": [base | {"tools": [{"type": "crystal_ball_20270101", "name": "x"}]}],
        "tokens as numbers": [base | {text: [1, 2, 3]}, base | {text: [[1, 2], [3]]}],
        "input[]<compaction>.encrypted_content, .id": [base | {"input": [{"type": "compaction", "encrypted_content": "QUJD"}]}, base | {"input": [{"type": "compaction", "id": "c1"}]}],
        "input[]<image_generation_call>.id without a result": [base | {"input": [{"type": "image_generation_call", "id": "i1"}]}],
        "stream: an answer in pieces": [base | {"stream": "true"}],
        "response_format: text, srt, vtt": [base | {"response_format": kind} for kind in ("text", "srt", "vtt")],
        "any other field": [base | {"words": MARKER}],
    }[told]


def unread_answer(told, base):
    """An answer, or an event, with what a row of no class calls so."""
    return {
        "a delta of an unknown type": {"type": "response.unheard_of.delta", "output_index": 0, "delta": MARKER},
    }[told]
