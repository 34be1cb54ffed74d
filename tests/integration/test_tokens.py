"""Values that leave as tokens and come back, on the real binary."""
import json
import re
import resource
import threading

from lab import Gateway, Upstream, bundle
from test_exchanges import content

RULE = """  - id: account
    title: Account
    severity: high
    direction: both
    match: {regex: '\\bACC-[0-9]{6}\\b'}
    action: {type: tokenize, token: "<ACCOUNT_{n}>", restore: true}
    tests: [{name: a, request: "ACC-123456", expect: {rules: [account], text: "<ACCOUNT_1>"}}, {name: b, request: nothing, expect: {rules: []}}]
"""
PROXY = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}\n"


def token_gateway(lab):
    up = Upstream()
    up.server.socket.listen(1024)
    up.step = 1
    return Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b', extra=RULE)}}}", PROXY), up


def room_for_sockets(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def at_once(count, call):
    """call(i) for each i, all under way together; what they returned."""
    out, together = [None] * count, threading.Barrier(count)

    def one(i):
        together.wait()
        out[i] = call(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert all(o is not None for o in out), [i for i, o in enumerate(out) if o is None]
    return out


def test_a_token_comes_back_at_every_cut_of_a_stream_and_in_a_plain_answer(lab):
    g, up = token_gateway(lab)
    assert json.loads(g.ask("pay ACC-123456 now")[2])["choices"][0]["message"]["content"] == "pay ACC-123456 now"
    sent = json.loads(up.seen[-1])["messages"][0]["content"]
    token = re.search(r"<ACCOUNT_[a-z]{12}>", sent)[0]
    assert sent == f"pay {token} now"
    text = f"use {token}, not https://x.example/{token} or <ACCOUNT_bcdfghjkmnpq>."
    expected = text.replace(token, "ACC-123456", 1)
    for pieces in [[text[:cut], text[cut:]] for cut in range(len(text) + 1)] + [list(text)]:
        up.pieces = pieces
        assert content(g.ask("pay ACC-123456 now", stream=True)[2]) == expected, pieces
    closed = [r for r in g.records() if r["event"] == "closed"]
    assert len(closed) == len(text) + 2 and all(r["sent"]["edits"] == 1 for r in closed)
    assert all(f["action"] == "tokenize" for r in closed for f in r["request"]["findings"])
    assert "ACC-123456" not in json.dumps(closed) and token not in json.dumps(closed)


def test_a_thousand_conversations_at_once_keep_their_values_apart_and_lose_none(lab):
    count = 1000
    room_for_sockets(5 * count)  # the gateway's too, which inherits it
    g, up = token_gateway(lab)
    values = [f"ACC-{100000 + i // 2}" for i in range(count)]  # each of two conversations

    def ask(i, messages):
        status, _, body = g.post({"model": "m", "stream": True, "messages": messages}, {"x-conversation": f"c{i}", "x-tenant": "acme"})
        return status, content(body)

    first = [{"role": "user", "content": f"number {i}, account {values[i]}."} for i in range(count)]
    for i, (status, said) in enumerate(at_once(count, lambda i: ask(i, [first[i]]))):
        assert status == 200 and said == first[i]["content"], (i, said)
    tokens = {}
    for body in up.seen:
        assert b"ACC-" not in body
        number, token = re.search(rb"number ([0-9]+), account (<ACCOUNT_[a-z]+>)", body).groups()
        tokens[int(number)] = token.decode()
    assert len(tokens) == count and len(set(tokens.values())) == count
    # The second turn repeats the history, and brings the token of another conversation, which may hold the same value.
    up.seen.clear()

    def second(i):
        said = {"role": "assistant", "content": first[i]["content"]}
        return ask(i, [first[i], said, {"role": "user", "content": f"theirs {tokens[(i + 1) % count]}, mine {values[i]}!"}])

    for i, (status, said) in enumerate(at_once(count, second)):
        assert status == 200 and said == f"theirs {tokens[(i + 1) % count]}, mine {values[i]}!", (i, said)
    for body in up.seen:
        number = int(re.search(rb"number ([0-9]+),", body)[1])
        assert b"ACC-" not in body and body.count(tokens[number].encode()) == 3
