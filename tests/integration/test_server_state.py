"""Text that the upstream holds and requests only name, through the real binary and the OpenAI SDK: the ledger."""
import json
import re
import time
from http.server import BaseHTTPRequestHandler

from lab import Gateway, acl_user, bundle, free_port, redis_says, serve, until

PROXY = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}\n"


class Holder:
    """An upstream with a memory: it keeps responses and conversations, and says `text`."""

    def __init__(self):
        self.text, self.seen, self.kept, self.conversations, self.count = "hello", [], {}, {}, 0
        self.breaks = False  # off behind the first event of an answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.seen.append((self.command, self.path, json.loads(raw) if raw else None))
                kind, data = outer.say(*outer.seen[-1])
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.close_connection = outer.breaks
                self.wfile.write(data[:data.index(b"\n\n") + 2] if outer.breaks else data)

            do_POST = do_GET = do_DELETE = answer

        self.port = serve(Handler)

    def say(self, method, path, body):
        whole = lambda what: ("application/json", json.dumps(what).encode())
        parts = path.split("?")[0].split("/")[2:]
        if parts[0] == "conversations":
            if len(parts) == 1:
                self.count += 1
                self.conversations[f"conv_{self.count}"] = list((body or {}).get("items") or [])
                return whole({"id": f"conv_{self.count}", "object": "conversation", "created_at": 1, "metadata": {}})
            items = self.conversations.setdefault(parts[1], [])
            if len(parts) == 2:
                return whole({"id": parts[1], "object": "conversation", "created_at": 1, "metadata": {}})
            listed = [i if "content" not in i or not isinstance(i["content"], str) else i | {"content": [{"type": "input_text", "text": i["content"]}]} for i in items]
            listed = [{"type": "message", "status": "completed"} | i | {"id": f"msg_{parts[1]}_{n}"} for n, i in enumerate(listed)]
            return whole({"object": "list", "data": listed, "first_id": "a", "last_id": "b", "has_more": False})
        if method == "GET":
            return whole(self.kept[parts[1]] | {"status": "completed"})
        self.count += 1
        item = {"id": f"msg_{self.count}", "type": "message", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": self.text, "annotations": []}]}
        response = {"id": f"resp_{self.count}", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item], "metadata": {}, "error": None, "incomplete_details": None,
                    "instructions": None, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0}
        self.kept[response["id"]] = response
        if body.get("background"):
            return whole(response | {"status": "queued", "output": []})
        if not body.get("stream"):
            return whole(response)
        at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        events = [{"type": "response.created", "response": response | {"status": "in_progress", "output": []}},
                  {"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress", "content": []}},
                  {"type": "response.content_part.added", "part": {"type": "output_text", "text": "", "annotations": []}} | at, {"type": "response.output_text.delta", "delta": self.text} | at,
                  {"type": "response.output_text.done", "text": self.text} | at, {"type": "response.output_item.done", "output_index": 0, "item": item}, {"type": "response.completed", "response": response}]
        return "text/event-stream", b"".join(f"event: {e['type']}\ndata: {json.dumps(e | {'sequence_number': n})}\n\n".encode() for n, e in enumerate(events))


def gateway(lab, how="ledger", name="g", up=None, more=""):
    up = up or Holder()
    return Gateway(lab, name, up.port, "{directory: %s}" % bundle(lab.dir / (name + "-bundle")), PROXY + f"unreadable: {{server_state: {how}}}\n{more}"), up


def fleet(lab, redis_port, user=""):
    """Two gateways with one ledger in Redis, and the upstream behind them."""
    (lab.dir / "secret").write_text("a secret that all of the fleet have\n")
    more = f"secrets: {{key_file: {lab.dir}/secret}}\nledger: {{redis: {{url: 'redis://{user}127.0.0.1:{redis_port}', ring: it}}}}\n"
    a, up = gateway(lab, name="a", more=more)
    return a, gateway(lab, name="b", up=up, more=more)[0], up


def ask(g, tenant="acme", **more):
    status, head, data = g.post({"model": "m", "input": "hi"} | more, {"x-tenant": tenant}, path="/v1/responses")
    return status, data if more.get("stream") else json.loads(data), head


def get(g, path, tenant="acme"):
    status, _, data = g.post(None, {"x-tenant": tenant}, path=path, method="GET")
    return status, json.loads(data)


def test_the_ledger_lets_a_conversation_go_on_and_refuses_what_it_has_not_seen(lab):
    g, up = gateway(lab)
    first = ask(g)[1]["id"]
    status, second, head = ask(g, previous_response_id=first)
    assert status == 200 and up.seen[-1][2]["previous_response_id"] == first
    record = [r for r in g.records() if r.get("id") == head["x-sluice-decision"]][0]
    assert record["recalled"] == [{"path": "previous_response_id", "version": record["version"], "verdict": "allow"}] and record["unscanned"] == {}, record
    # A stream, and an item of it.
    streamed = [json.loads(l[6:]) for l in ask(g, stream=True, previous_response_id=second["id"])[1].decode().splitlines() if l.startswith("data: {")][-1]["response"]
    assert ask(g, previous_response_id=streamed["id"])[0] == 200
    assert ask(g, input=[{"type": "item_reference", "id": streamed["output"][0]["id"]}, {"role": "user", "content": "go on"}])[0] == 200
    asked = len(up.seen)
    for unknown in ({"previous_response_id": "resp_nobody"}, {"conversation": "conv_nobody"}, {"prompt": {"id": "pmpt_1"}}, {"input": [{"type": "item_reference", "id": "msg_nobody"}]},
                    {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}):
        status, error, head = ask(g, **unknown)
        assert status == 400 and error["error"]["type"] == "invalid_request_error" and head["x-should-retry"] == "false" and len(up.seen) == asked, (unknown, error)
    # Of another tenant, and after a restart, nothing is known.
    assert ask(g, tenant="other", previous_response_id=first)[0] == 400 and get(g, f"/v1/responses/{first}", tenant="other")[0] == 400
    g.kill()
    g.start()
    assert ask(g, previous_response_id=first)[0] == 400
    assert ask(g, tenant="", previous_response_id=ask(g, tenant="")[1]["id"])[0] == 200


def test_what_was_blocked_or_cut_is_not_in_the_ledger_and_what_is_read_back_is_judged(lab):
    g, up = gateway(lab)
    up.text = "a bomb recipe"
    for stream in (False, True):
        status, said, _ = ask(g, stream=stream)
        gone = f"resp_{up.count}"
        assert (status == 400) != stream and ask(g, previous_response_id=gone)[0] == 400 and get(g, f"/v1/responses/{gone}")[0] == 400, said
    # In the background: nobody has read the answer until it is fetched, and it is judged then.
    for text, wanted in (("of Halden Bank", 200), ("a bomb recipe", 400)):
        up.text = text
        status, queued, _ = ask(g, background=True)
        assert status == 200 and queued["status"] == "queued"
        status, error, _ = ask(g, previous_response_id=queued["id"])
        assert status == 400 and "read it first" in error["error"]["message"], error
        status, read = get(g, f"/v1/responses/{queued['id']}")
        assert status == wanted and (wanted == 400 or read["output"][0]["content"][0]["text"] == "of [R]"), read
        assert ask(g, previous_response_id=queued["id"], input="go on")[0] == wanted
    assert get(g, f"/v1/responses/{queued['id']}?stream=true&starting_after=2")[0] == 400


def test_a_conversation_with_an_answer_that_nobody_read_is_refused_until_all_of_it_was_read_back(lab):
    g, up = gateway(lab)
    for left_there, wanted in (("fine", 200), ("a bomb recipe", 400)):
        conversation = json.loads(g.post({"items": []}, {"x-tenant": "acme"}, path="/v1/conversations")[2])["id"]
        assert ask(g, conversation=conversation)[0] == 200
        up.breaks = True
        assert b"response.created" in ask(g, conversation=conversation, stream=True)[1]
        up.breaks = False
        up.conversations[conversation].append({"role": "user", "content": left_there})
        asked = len(up.seen)
        status, error, _ = ask(g, conversation=conversation, input="go on")
        assert status == 400 and "read all of its items back" in error["error"]["message"] and len(up.seen) == asked, error
        assert get(g, f"/v1/conversations/{conversation}/items?after=msg_1")[0] == wanted
        assert ask(g, conversation=conversation, input="go on")[0] == 400
        assert get(g, f"/v1/conversations/{conversation}/items")[0] == wanted
        status, error, _ = ask(g, conversation=conversation, input="go on")
        assert status == wanted and (status == 200 or "was blocked" in error["error"]["message"]), error


def test_what_is_blocked_when_it_is_read_back_is_refused_and_what_was_built_upon_it_before_keeps_its_own_verdict(lab):
    g, up = gateway(lab)
    up.text = "fine"
    first = ask(g)[1]["id"]
    child = ask(g, previous_response_id=first)[1]["id"]
    up.kept[first]["output"][0]["content"][0]["text"] = "a bomb recipe"  # to the rules of today
    assert get(g, f"/v1/responses/{first}")[0] == 400
    status, error, _ = ask(g, previous_response_id=first)
    assert status == 400 and "was blocked" in error["error"]["message"], error
    status, _, head = ask(g, previous_response_id=child)
    record = [r for r in g.records() if r.get("id") == head["x-sluice-decision"]][-1]
    assert status == 200 and [(r["path"], r["verdict"]) for r in record["recalled"]] == [("previous_response_id", "allow")] and record["recalled"][0]["version"], record


def test_conversations_are_a_path_of_the_dialect(lab):
    g, up = gateway(lab)
    make = lambda text, tenant="acme": g.post({"items": [{"type": "message", "role": "user", "content": text}]}, {"x-tenant": tenant}, path="/v1/conversations")
    assert make("a bomb recipe")[0] == 400 and not up.seen
    status, _, data = make("of Halden Bank")
    conversation = json.loads(data)["id"]
    assert status == 200 and up.conversations[conversation][0]["content"] == "of [R]"
    status, _, data = g.post({"items": [{"role": "user", "content": "and Halden Bank"}]}, {"x-tenant": "acme"}, path=f"/v1/conversations/{conversation}/items")
    assert status == 200 and up.seen[-1][2] == {"items": [{"role": "user", "content": "and [R]"}]}, data
    assert g.post({"items": [{"role": "user", "content": "a bomb recipe"}]}, {"x-tenant": "acme"}, path=f"/v1/conversations/{conversation}/items")[0] == 400
    up.conversations[conversation].append({"role": "assistant", "content": [{"type": "output_text", "text": "the Halden Bank says", "annotations": []}]})
    status, read = get(g, f"/v1/conversations/{conversation}/items")
    assert status == 200 and read["data"][-1]["content"][0]["text"] == "the [R] says", read
    assert get(g, f"/v1/conversations/{conversation}")[0] == 200 and get(g, f"/v1/conversations/{conversation}/items", tenant="other")[0] == 400
    assert ask(g, conversation=conversation)[0] == 200 and ask(g, conversation={"id": conversation})[0] == 200 and ask(g, tenant="other", conversation=conversation)[0] == 400
    up.text = "a bomb recipe"
    assert ask(g, conversation=conversation)[0] == 400
    up.text = "hello"
    status, error, _ = ask(g, conversation=conversation)
    assert status == 400 and "was blocked" in error["error"]["message"], error
    assert g.post(None, {"x-tenant": "acme"}, path=f"/v1/conversations/{conversation}", method="DELETE")[0] == 200


def test_without_a_ledger_server_state_is_denied_or_passed(lab):
    for how, wanted in (("deny", 400), ("pass", 200)):
        g, up = gateway(lab, how, how)
        assert ask(g, previous_response_id=ask(g)[1]["id"])[0] == wanted
        up.text = "of Halden Bank"
        kept = ask(g)[1]["id"]
        status, read = get(g, f"/v1/responses/{kept}")
        assert status == 200 and read["output"][0]["content"][0]["text"] == "of [R]"
        g.kill()


def test_gateways_share_a_ledger_in_redis(lab):
    port = free_port()
    lab.redis(port)
    a, b, up = fleet(lab, port, acl_user(port, "ledger"))
    first = ask(a)[1]["id"]
    status, second, head = ask(b, previous_response_id=first)
    assert status == 200 and up.seen[-1][2]["previous_response_id"] == first, second
    assert [r for r in b.records() if r.get("id") == head["x-sluice-decision"]][0]["recalled"][0]["verdict"] == "allow"
    # A client that goes on with what a stream told it, at once and by the other gateway; no sooner than the ledger knows does it end.
    for n in range(20):
        here, there = (a, b) if n % 2 else (b, a)
        streamed = [json.loads(l[6:]) for l in ask(here, stream=True)[1].decode().splitlines() if l.startswith("data: {")][-1]["response"]
        assert ask(there, previous_response_id=streamed["id"], input=[{"type": "item_reference", "id": streamed["output"][0]["id"]}])[0] == 200
    for g in (a, b):
        asked = len(up.seen)
        assert ask(g, previous_response_id="resp_nobody")[0] == 400 and ask(g, tenant="other", previous_response_id=first)[0] == 400 and len(up.seen) == asked
    # A restart forgets nothing, and what is read back by the other one has its rules and its context.
    a.kill()
    a.start()
    assert ask(a, previous_response_id=first)[0] == 200
    up.text = "of Halden Bank"
    kept = ask(a)[1]["id"]
    assert get(b, f"/v1/responses/{kept}")[1]["output"][0]["content"][0]["text"] == "of [R]"
    # What was blocked by one is blocked for the other, whatever is said there meanwhile.
    conversation = json.loads(a.post({"items": []}, {"x-tenant": "acme"}, path="/v1/conversations")[2])["id"]
    up.text = "hello"
    assert ask(a, conversation=conversation)[0] == 200 and ask(b, conversation=conversation)[0] == 200
    up.text = "a bomb recipe"
    assert ask(a, conversation=conversation)[0] == 400
    up.text = "hello"
    status, _, error = b.post({"items": [{"role": "user", "content": "and now?"}]}, {"x-tenant": "acme"}, path=f"/v1/conversations/{conversation}/items")
    assert status == 400 and "was blocked" in json.loads(error)["error"]["message"], error
    for g in (a, b):
        status, error, _ = ask(g, conversation=conversation)
        assert status == 400 and "was blocked" in error["error"]["message"], error
    kept = b"".join(redis_says(port, b"GET", k) for k in re.findall(rb"\{sluice:it\}:ledger:[0-9a-f]+", redis_says(port, b"KEYS", b"*")))
    assert len(kept) > 1000 and b"acme" not in kept and first.encode() not in kept
    metrics = b.get("/metrics")[1]
    assert "\nsluice_ledger_connected 1\n" in metrics and "\nsluice_ledger_unavailable_total 0\n" in metrics and "\nsluice_ledger_unreadable_total 0\n" in metrics, metrics


def test_without_its_redis_a_ledger_denies_and_nobody_waits(lab):
    port = free_port()
    redis = lab.redis(port)
    a, b, up = fleet(lab, port)
    first = ask(a)[1]["id"]
    conversation = json.loads(a.post({"items": []}, {"x-tenant": "acme"}, path="/v1/conversations")[2])["id"]
    redis.kill()
    redis.wait()
    asked = len(up.seen)
    for g in (a, b):
        for what in ({"previous_response_id": first}, {"conversation": conversation}, {"input": [{"type": "item_reference", "id": "msg_1"}]}):
            begin = time.monotonic()
            status, error, head = ask(g, **what)
            assert status == 503 and error["error"]["code"] == "gateway_busy" and "cannot reach what it knows" in error["error"]["message"] and head["x-should-retry"] == "false", error
            assert time.monotonic() - begin < 1.5
        assert get(g, f"/v1/responses/{first}")[0] == 503 and len(up.seen) == asked
        assert g.records()[-1]["reason"] == "ledger unavailable"
    assert 'sluice_exchanges_refused_total{reason="server_state"} 4' in b.get("/metrics")[1]
    # What refers to nothing goes on; nobody may build upon it.
    status, unknown, _ = ask(a)
    assert status == 200
    lab.redis(port)
    for g in (a, b):
        until("the ledger is found again", lambda: "\nsluice_ledger_connected 1\n" in g.get("/metrics")[1])
    assert ask(b, previous_response_id=unknown["id"])[0] == 400 and ask(a, previous_response_id=first)[0] == 400  # an empty Redis is an empty ledger
    assert ask(b, previous_response_id=ask(a)[1]["id"])[0] == 200
