"""Bodies made from the table of fields that the binary prints: for every place of every API, in both directions, a marker in that place.

What has to become of it is what the row's class says, and nothing else: T, J and A are edited; S, N and text in the place of an identifier, a
setting, a seal or a number block; R and B are refused; C goes when the text that it repeats is edited."""
import copy
import json
import re

MARKER = "Halden Bank"  # two words: no identifier looks so
WORDS = MARKER.split()  # where each stands for itself, no rule finds it
EDITED, STOPPED, GONE = "edited", "stopped", "gone"

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
    ("ollama", "chat"): ("/api/chat", {"model": "m", "stream": False} | ASKED, LINE),
    ("ollama", "generate"): ("/api/generate", {"model": "m", "stream": False, "prompt": "x"}, {"model": "m", "response": "x", "done": True}),
    ("ollama", "embed"): ("/api/embed", {"model": "m", "input": "x"}, {"model": "m", "embeddings": [[0.1]]}),
    ("ollama", "embeddings"): ("/api/embeddings", {"model": "m", "prompt": "x"}, {"embedding": [0.1]}),
}
# Forms: their fields are no places of a body of JSON, and tests/unit/wire/forms_test.cpp puts markers into them.
FORMS = {("openai", name) for name in ("audio.transcriptions", "audio.translations", "images.edits", "images.variations", "files")}
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


def leaves(what):
    """(leaf, what has to become of it) of a class of the table."""
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
    said = json.loads(json.dumps(made).replace('"x"', json.dumps(f"at {MARKER} now")))
    text, above = f"at {MARKER} now", steps(path)[:-1]
    if above and above[-1] == "<output_text>":
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
    return out + [r | {"endpoint": e} for r in asked for e in ("responses.input_tokens", "responses.compact")]


def trials(coverage):
    """(row, body or bytes, what has to become of the marker), the table's own rows and those that it tells once for several places."""
    for row in [r for r in coverage if r["class"] != "-" and not r["path"].startswith("?")] + again(coverage):
        key = (row["dialect"], row["endpoint"])
        if key in FORMS:
            continue
        path, base, answer = WHERE[key]
        if row["direction"] == "request":
            body = {} if row["path"].startswith("generateContentRequest") else base
        else:
            body = STREAMS[key][0] if row["streaming"] == "yes" else answer
        for leaf, fate in leaves(row["class"]):
            made = put(copy.deepcopy(body), steps(row["path"]), leaf)
            for turn in made.get("messages", []) if row["direction"] == "request" and isinstance(made.get("messages"), list) else []:
                if isinstance(turn, dict):
                    turn.setdefault("role", "user")
            if key == ("openai", "responses") and row["streaming"] == "yes":
                made = typed(made, row["path"])
            yield row, with_text(made, row["path"]) if fate == GONE else made, fate


def stream_of(row, event):
    """Content type and bytes of a stream with one event and its end."""
    end = STREAMS[row["dialect"], row["endpoint"]][1]
    if row["dialect"] in FRAMED:
        kind, written = FRAMED[row["dialect"]]
        return kind, written(event) + end
    named = f"event: {event['type']}\n" if isinstance(event.get("type"), str) and row["dialect"] != "gemini" and MARKER not in event["type"] else ""
    return "text/event-stream", f"{named}data: {json.dumps(event)}\n\n" + end
