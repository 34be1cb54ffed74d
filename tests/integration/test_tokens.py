"""Values that leave as tokens and come back, on the real binary."""
import json
import re
import resource
import threading

from lab import Gateway, Upstream, acl_user, bundle, free_port, redis_says, until
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


def vault_rule(more):
    return RULE.replace("restore: true", f"restore: true, {more}")


def vault_fleet(lab, more, redis_port, names=("a", "b"), user=""):
    """Gateways with one secret and one vault, and the upstream behind them."""
    up = Upstream()
    (lab.dir / "secret").write_text("a secret that all of the fleet have\n")
    source = f"{{directory: {bundle(lab.dir / names[0] / 'bundle', extra=vault_rule(more))}}}"
    extra = PROXY + f"secrets: {{key_file: {lab.dir}/secret}}\nvault: {{redis: {{url: 'redis://{user}127.0.0.1:{redis_port}', ring: it}}}}\n"
    return [Gateway(lab, name, up.port, source, extra) for name in names], up


def said(gateway, up, answer, conversation="c1", tenant="acme", stream=False, question="and now?"):
    """What the client reads of an answer to a request that repeats nothing."""
    up.text = answer
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": question}]}
    status, _, got = gateway.post(body, {"x-conversation": conversation, "x-tenant": tenant})
    assert status == 200, (status, got)
    return content(got) if stream else json.loads(got)["choices"][0]["message"]["content"]


def all_of(port):
    """Every byte that the vault has in this Redis, and its keys."""
    keys = re.findall(rb"\{sluice:it\}:vault:[0-9a-f]+", redis_says(port, b"KEYS", b"*"))
    return b"".join([redis_says(port, b"HGETALL", k) for k in keys]) + b"".join(keys), keys


def test_a_value_of_an_earlier_turn_comes_back_from_the_vault_on_another_node_in_the_same_conversation_only(lab):
    port = free_port()
    lab.redis(port)
    (a, b), up = vault_fleet(lab, "vault_ttl: 10m", port, user=acl_user(port, "vault"))
    assert said(a, up, None, question="pay ACC-123456 now") == "pay ACC-123456 now"
    token = re.search(rb"<ACCOUNT_[a-z]{12}>", up.seen[-1])[0].decode()
    answer = f"I paid {token}; a link: https://x.example/{token}."
    expected = answer.replace(token, "ACC-123456", 1)
    for gateway in (b, a):
        assert said(gateway, up, answer) == expected
        for step in (1, 3, 1000):
            up.step = step
            assert said(gateway, up, answer, stream=True) == expected, step
    for elsewhere in ({"conversation": "c2"}, {"tenant": "other"}, {"conversation": "", "tenant": "acme"}, {"conversation": "c1", "tenant": ""}):
        for stream in (False, True):
            assert said(b, up, answer, stream=stream, **elsewhere) == answer, elsewhere
    kept, keys = all_of(port)
    assert len(keys) == 1 and len(kept) > 100
    for clear in (b"ACC-123456", b"123456", b"ACCOUNT", token.encode(), b"acme"):
        assert clear not in kept, clear
    for gateway in (a, b):
        written = b"".join(f.read_bytes() for f in gateway.audit.glob("*")) + (lab.dir / f"{gateway.name}.log").read_bytes()
        assert b"ACC-123456" not in written and token.encode() not in written
        metrics = gateway.get("/metrics")[1]
        assert "\nsluice_vault_connected 1\n" in metrics and "\nsluice_vault_unavailable_total 0\n" in metrics
    # A second turn that says another value: both come back.
    assert said(b, up, None, question="also ACC-654321") == "also ACC-654321"
    other = re.search(rb"<ACCOUNT_[a-z]{12}>", up.seen[-1])[0].decode()
    assert said(a, up, f"{token} and {other}", stream=True) == "ACC-123456 and ACC-654321"


def test_the_vault_forgets_in_time(lab):
    port = free_port()
    lab.redis(port)
    (a, b), up = vault_fleet(lab, "vault_ttl: 1s", port)
    assert said(a, up, None, question="pay ACC-123456 now") == "pay ACC-123456 now"
    token = re.search(rb"<ACCOUNT_[a-z]{12}>", up.seen[-1])[0].decode()
    assert said(b, up, token) == "ACC-123456"
    until("the value is forgotten", lambda: said(b, up, token) == token, 10)
    assert said(b, up, token, stream=True) == token
    until("Redis forgets it, too", lambda: not all_of(port)[1], 10)


def test_without_its_vault_an_exchange_does_what_the_rule_says(lab):
    port = free_port()
    redis = lab.redis(port)
    (keeps,), up = vault_fleet(lab, "vault_ttl: 10m", port, ["keeps"])
    (blocks,), other = vault_fleet(lab, "vault_ttl: 10m, on_vault_unavailable: block", port, ["blocks"])
    assert said(keeps, up, None, question="pay ACC-123456 now") == "pay ACC-123456 now"
    assert said(blocks, other, None, question="pay ACC-123456 now") == "pay ACC-123456 now"
    token = re.search(rb"<ACCOUNT_[a-z]{12}>", up.seen[-1])[0].decode()
    redis.kill()
    redis.wait()
    assert said(keeps, up, token) == token
    assert said(keeps, up, None, question="again ACC-123456") == "again ACC-123456"  # its own values it knows all the same
    assert keeps.records()[-1]["reason"] == "vault unavailable"
    asked = len(other.seen)
    status, _, body = blocks.post({"model": "m", "messages": [{"role": "user", "content": "hello"}]}, {"x-conversation": "c1"})
    assert status == 503 and b"gateway_busy" in body and len(other.seen) == asked, body
    status, _, _ = blocks.post({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    assert status == 200  # without a name there is nothing to recall
    assert 'sluice_exchanges_refused_total{reason="vault_unavailable"} 1' in blocks.get("/metrics")[1]
    lab.redis(port)
    until("the vault is found again", lambda: "\nsluice_vault_connected 1\n" in blocks.get("/metrics")[1])
    assert said(blocks, other, None, question="pay ACC-123456 now") == "pay ACC-123456 now"


def test_a_gateway_without_a_vault_says_which_rules_ask_for_one(lab):
    up = Upstream()
    g = Gateway(lab, "gw", up.port, f"{{directory: {bundle(lab.dir / 'b', extra=vault_rule('vault_ttl: 10m'))}}}", PROXY)
    assert said(g, up, None, question="pay ACC-123456 now") == "pay ACC-123456 now"
    assert g.records()[-1]["reason"] == "vault unavailable"
    assert "rule account asks for a vault" in (lab.dir / "gw.log").read_text()
