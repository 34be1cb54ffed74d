"""A scripted upstream: it says what the test decides, in the dialect of the path that it is asked on, and remembers what it was sent."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler

from lab import serve


class Speaker:
    def __init__(self):
        self.pieces = ["hello"]     # what is said, and how a stream cuts it
        self.call = None            # arguments of a call of the first tool that the request offers, instead of text
        self.status = 200           # another one: an error of the dialect
        self.dies = False           # a stream ends behind the text, without its end
        self.pause = 0.0            # seconds between the events of a stream
        self.items = None           # of Responses' input_items
        self.recorded = None        # content type and pieces of the next answers, as they are
        self.seen, self.heads, self.methods = [], [], []
        self.aborted = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def log_message(self, *_):
                pass

            def answer(self):
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                form = self.headers.get("content-type", "").startswith("multipart/")
                body = raw.decode("latin-1") if form else json.loads(raw) if raw else {}
                outer.seen.append((self.path, body))
                outer.heads.append(self.headers)
                outer.methods.append(self.command)
                kind, data = outer.say(self.path, body)
                self.send_response(outer.status)
                self.send_header("content-type", kind)
                if kind.startswith("application/json"):
                    self.send_header("content-length", str(sum(map(len, data))))
                    self.end_headers()
                    self.wfile.write(b"".join(data))
                    return
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.stream(data)

            def stream(self, data):
                pause, dies = outer.pause, outer.dies  # of this answer, whatever the test decides for the next
                try:
                    for piece in data:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                        if pause:
                            time.sleep(pause)
                    self.close_connection = dies
                    if not dies:
                        self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    outer.aborted.set()

            do_POST = do_GET = do_DELETE = answer

        self.port = serve(Handler)

    @property
    def text(self):
        return "".join(self.pieces)

    def say(self, path, body):
        """Content type and pieces of the answer."""
        if self.recorded is not None:
            return self.recorded
        if path.startswith("/v1/messages"):
            return self.error(anthropic_error) or self.anthropic(body)
        if path.startswith(("/v1beta/", "/v1/models/")):
            return self.error(gemini_error) or self.gemini(path, body)
        if path.startswith("/api/"):
            return self.error(ollama_error) or self.ollama(path, body)
        if self.status != 200:
            return self.error(openai_error)
        if "/embeddings" in path:
            return whole({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        if "/moderations" in path:
            return whole({"id": "modr_1", "model": "m", "results": [{"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.1}}]})
        if "/responses" in path:
            return self.responses(path, body)
        return self.chat(body) if "/chat/" in path else self.completions(body)

    def error(self, body):
        return whole(body(self.status, self.text)) if self.status != 200 else None

    def arguments(self):
        """Of the call: as text, and as a stream cuts it."""
        text = json.dumps(self.call)
        return text, [text[i:i + 7] for i in range(0, len(text), 7)]

    def chat(self, body):
        head = {"id": "c1", "created": 1, "model": "m"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        of_call = lambda **function: [{"index": 0, "id": "call_1", "type": "function", "function": function}]
        end = "tool_calls" if self.call is not None else "stop"
        if not body.get("stream"):
            said = {"role": "assistant", "content": self.text}
            if self.call is not None:
                said = {"role": "assistant", "content": None, "tool_calls": [{k: v for k, v in c.items() if k != "index"} for c in of_call(name=tool_name(body), arguments=self.arguments()[0])]}
            return whole(head | {"object": "chat.completion", "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": end}], "usage": usage})
        deltas = [{"content": p} for p in self.pieces]
        if self.call is not None:
            deltas = [{"tool_calls": of_call(name=tool_name(body), arguments="")}] + [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in self.arguments()[1]]
        chunk = lambda delta, finish=None: head | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        chunks = [chunk({"role": "assistant", "content": ""})] + [chunk(d) for d in deltas]
        return "text/event-stream", plain_events(chunks if self.dies else chunks + [chunk({}, end)]) + ([] if self.dies else [b"data: [DONE]\n\n"])

    def completions(self, body):
        choice = lambda said, end: {"index": 0, "text": said, "logprobs": None, "finish_reason": end}
        answer = lambda said, end: {"id": "c1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice(said, end)]}
        if not body.get("stream"):
            return whole(answer(self.text, "stop"))
        return "text/event-stream", plain_events([answer(p, None) for p in self.pieces] + [answer("", "stop")]) + [b"data: [DONE]\n\n"]

    def responses(self, path, body):
        part = lambda said: {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
        item = lambda how, parts: {"id": "msg_1", "type": "message", "status": how, "role": "assistant", "content": parts}
        call = lambda how, said: {"id": "fc_1", "type": "function_call", "status": how, "call_id": "call_1", "name": tool_name(body), "arguments": said}
        usage = {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}
        response = lambda how, output: {"id": "resp_1", "object": "response", "created_at": 1, "status": how, "error": None, "incomplete_details": None, "instructions": body.get("instructions"),
                                        "metadata": {}, "model": "m", "output": output, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
                                        "usage": usage if how == "completed" else None, "background": False}
        if path.endswith("/input_items"):
            return whole({"object": "list", "data": self.items or [item("completed", [part(self.text)])], "first_id": "msg_1", "last_id": "msg_1", "has_more": False})
        done = call("completed", self.arguments()[0]) if self.call is not None else item("completed", [part(self.text)])
        if not body.get("stream") and "stream=true" not in path:
            return whole(response("completed", [done]))
        events = [{"type": "response.created", "response": response("in_progress", [])}, {"type": "response.in_progress", "response": response("in_progress", [])}]
        if self.call is not None:
            at, (text, pieces) = {"item_id": "fc_1", "output_index": 0}, self.arguments()
            events += [{"type": "response.output_item.added", "output_index": 0, "item": call("in_progress", "")}]
            events += [{"type": "response.function_call_arguments.delta", "delta": p, "obfuscation": "zz"} | at for p in pieces]
            ends = [{"type": "response.function_call_arguments.done", "name": tool_name(body), "arguments": text} | at]
        else:
            at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
            events += [{"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", [])}, {"type": "response.content_part.added", "part": part("")} | at]
            events += [{"type": "response.output_text.delta", "delta": p, "logprobs": [], "obfuscation": "zzzz"} | at for p in self.pieces]
            ends = [{"type": "response.output_text.done", "text": self.text, "logprobs": []} | at, {"type": "response.content_part.done", "part": part(self.text)} | at]
        ends += [{"type": "response.output_item.done", "output_index": 0, "item": done}, {"type": "response.completed", "response": response("completed", [done])}]
        return "text/event-stream", named_events([e | {"sequence_number": n} for n, e in enumerate(events if self.dies else events + ends)])

    def anthropic(self, body):
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 1, "output_tokens": 1}}
        end = "tool_use" if self.call is not None else "end_turn"
        block = lambda given: {"type": "tool_use", "id": "toolu_1", "name": tool_name(body), "input": given}
        if not body.get("stream"):
            return whole(message | {"content": [block(self.call) if self.call is not None else {"type": "text", "text": self.text}], "stop_reason": end})
        deltas = [{"type": "text_delta", "text": p} for p in self.pieces]
        if self.call is not None:
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in self.arguments()[1]]
        events = [{"type": "message_start", "message": message}, {"type": "content_block_start", "index": 0, "content_block": block({}) if self.call is not None else {"type": "text", "text": ""}}]
        events += [{"type": "content_block_delta", "index": 0, "delta": d} for d in deltas]
        ends = [{"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": None}, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
        return "text/event-stream", named_events(events if self.dies else events + ends)

    def gemini(self, path, body):
        answer = lambda parts, end: {"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0} | ({"finishReason": "STOP"} if end else {})],
                                     "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}
        call = [{"functionCall": {"name": tool_name(body), "args": self.call}}]
        if ":stream" not in path:
            return whole(answer(call if self.call is not None else [{"text": self.text}], True), "application/json; charset=UTF-8")
        answers = [answer(call, False)] if self.call is not None else [answer([{"text": p}], False) for p in self.pieces]
        answers += [] if self.dies else [answer([{"text": ""}], True)]
        if "alt=sse" in path:
            return "text/event-stream", [e.replace(b"\n", b"\r\n") for e in plain_events(answers)]
        return "application/json; charset=UTF-8", [(b"[" if i == 0 else b",\r\n") + json.dumps(a).encode() for i, a in enumerate(answers)] + [b"\n]\n"]

    def ollama(self, path, body):
        of_chat = path.startswith("/api/chat")
        head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
        said = lambda text: {"message": {"role": "assistant", "content": text}} if of_chat else {"response": text}
        line = lambda what, done: head | what | {"done": done} | ({"done_reason": "stop"} if done else {})
        call = {"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": tool_name(body), "arguments": self.call}}]}}
        if body.get("stream") is False:
            return whole(line(call if self.call is not None else said(self.text), True), "application/json; charset=utf-8")
        lines = [line(call, False)] if self.call is not None else [line(said(p), False) for p in self.pieces]
        return "application/x-ndjson", [json.dumps(l).encode() + b"\n" for l in (lines if self.dies else lines + [line(said(""), True)])]


def whole(answer, kind="application/json"):
    return kind, [json.dumps(answer).encode()]


def plain_events(answers):
    return [b"data: " + json.dumps(a).encode() + b"\n\n" for a in answers]


def named_events(events):
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


def tool_name(body):
    """Of the first tool that the request offers, wherever its dialect writes that."""
    for tool in body.get("tools") or []:
        for place in (tool, tool.get("function", {}), *tool.get("functionDeclarations", [])):
            if place.get("name"):
                return place["name"]
    return "lookup"


def openai_error(status, message):
    return {"error": {"message": message, "type": "invalid_request_error", "code": "boom", "param": None}}


def anthropic_error(status, message):
    kinds = {400: "invalid_request_error", 404: "not_found_error", 500: "api_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}


def gemini_error(status, message):
    return {"error": {"code": status, "message": message, "status": {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}.get(status, "INTERNAL")}}


def ollama_error(status, message):
    return {"error": message}
