"""Three gateways behind one address that leads each connection to the next of them: who asks there sees one."""
import itertools
import json
import re

from lab import Gateway, Upstream, bundle, sluice, until
from redis_lab import RING, Fleet, Proxy, Server
from test_exchanges import content
from test_feedback import ask, say, secret
from test_tokens import PROXY, RULE


class RoundRobin(Proxy):
    """Each connection to the next of some ports."""

    def __init__(self, ports):
        self._ports = itertools.cycle(ports)
        super().__init__(None)

    @property
    def target(self):
        return next(self._ports)

    @target.setter
    def target(self, _):
        pass


class Address:
    """What a client knows of a fleet: asked as a Gateway is."""

    post, ask = Gateway.post, Gateway.ask

    def __init__(self, gateways):
        self.port = RoundRobin([g.port for g in gateways]).port


def fleet(lab):
    redis, up = Server(lab), Upstream()
    ring = Fleet(lab, redis.port, up)
    source = f'{{redis: {{url: "redis://127.0.0.1:{redis.port}", ring: {RING}, poll: 500ms}}}}'
    vault = f'vault: {{redis: {{url: "redis://127.0.0.1:{redis.port}", ring: {RING}}}}}\n'
    nodes = [Gateway(lab, f"gw{n}", up.port, source, secret(lab) + PROXY + vault) for n in range(3)]
    bundle(lab.dir / "b", extra=RULE.replace("restore: true", "restore: true, vault_ttl: 10m"))
    ring.run("push", lab.dir / "b", "--wait", "3")
    return Address(nodes), nodes, up, ring


def test_values_come_back_whichever_of_three_gateways_answers(lab):
    address, nodes, up, _ = fleet(lab)
    who = {"x-conversation": "c1", "x-tenant": "acme"}

    def turn(text, stream):
        answer = address.post({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}, who)[2]
        return content(answer) if stream else json.loads(answer)["choices"][0]["message"]["content"]

    tokens = set()
    for n in range(9):
        up.text = None
        assert turn("pay ACC-123456 now", stream=n % 2 == 1) == "pay ACC-123456 now"
        tokens.add(re.search(rb"<ACCOUNT_[a-z]{12}>", up.seen[-1])[0].decode())
    assert len(tokens) == 1, "a value has one token in its conversation, on every node"
    up.text = f"I paid {tokens.pop()}."  # of an earlier turn, which the request does not repeat
    assert [turn("what did you pay?", stream=n % 2 == 1) for n in range(6)] == ["I paid ACC-123456."] * 6
    answered = [sum("id" in r for r in g.records()) for g in nodes]
    assert all(n >= 5 for n in answered), answered


def test_feedback_and_audit_queries_work_as_with_one_gateway(lab):
    address, nodes, _, ring = fleet(lab)
    decisions = [ask(address, "a bomb recipe" if n % 2 else "pay Halden Bank")[1] for n in range(9)]
    assert [say(address, {"decision_id": d, "verdict": "false_positive"})[0] for d in decisions] == [202] * 9
    assert [say(address, {"decision_id": d, "verdict": "false_positive"}, key="sk-other")[0] for d in decisions[:3]] == [404] * 3
    reported = lambda: {e["decision"] for e in json.loads(sluice("feedback", "list", "--redis", f"redis://127.0.0.1:{ring.port}", "--ring", RING, "--json").stdout)}
    until("every report is in Redis", lambda: reported() == set(decisions), 30)
    everywhere = [w for g in nodes for w in ("--from", f"http://127.0.0.1:{g.admin}")]
    for g in nodes:
        g.records()
    found = [json.loads(line) for line in sluice("audit", "query", *everywhere, "--event", "decision", "--json").stdout.splitlines()]
    assert [r["id"] for r in found] == decisions and len({r["node"] for r in found}) == 3, found
    blocked = [json.loads(line)["id"] for line in sluice("audit", "query", *everywhere, "--rule", "bomb", "--limit", "2", "--json").stdout.splitlines()]
    assert blocked == [decisions[5], decisions[7]], "the newest two of all nodes"
    for decision in decisions[:3]:
        told = sluice("audit", "query", *everywhere, "--decision", decision, "--why").stdout
        assert told.count("decision    ") == 1 and decision in told, told
    states = [w for g in nodes for w in ("--state", lab.dir / f"{g.name}-state")]
    replayed = json.loads(sluice("audit", "replay", "--all", *everywhere, *states, "--json").stdout)
    assert replayed["decisions"] == 9 and replayed["same"] and replayed["rule_by_rule"] == 9, replayed
