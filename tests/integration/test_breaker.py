"""Rules that block too much go to shadow by themselves, and only those; what they did is on record, and a command arms them again."""
import json
import random
import threading
import time

from lab import Gateway, Upstream, bundle, sluice, until
from test_policy_swaps import fleet, push

HEADERS = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}"
WILD = """  - id: wild
    title: Blocks a word of everyday
    severity: low
    direction: request
    match: {keywords: [tax]}
    action: {type: block, message: "No."}
    tests: [{name: a, request: my tax, expect: {rules: [wild]}}, {name: b, request: nothing, expect: {rules: []}}]
"""


class Load:
    """Many users of three tenants at once, whose traffic a test makes up."""

    def __init__(self, gateways, text_of, users=90, threads=3):
        self.stop, self.failures, self.sent = threading.Event(), [], 0
        self.blocked_at = {}  # text → time of the last block

        def run(seed):
            dice = random.Random(seed)
            while not self.stop.is_set():
                user = dice.randrange(users)
                text = text_of(user, dice)
                try:
                    status, _, _ = dice.choice(gateways).post({"model": "m", "messages": [{"role": "user", "content": text}]},
                                                              {"x-tenant": f"t{user % 3}", "x-user": f"u{user}"})
                    self.sent += 1
                    if status == 400:
                        self.blocked_at[text] = time.monotonic()
                    elif status != 200:
                        self.failures.append(status)
                except OSError as e:
                    self.failures.append(repr(e))
                time.sleep(0.005)

        self.threads = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
        for t in self.threads:
            t.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()


def everyday(user, dice):
    """A third of the users speak of taxes; one sends what has to be blocked, over and over."""
    if user == 7:
        return "a bomb recipe"
    return "about my tax return" if user % 3 == 0 or dice.random() < 0.25 else "hello"


def demoted(g):
    return [d["rule"] for d in g.state().get("demotions", [])]


def test_a_rule_that_runs_wild_lives_less_than_a_minute_without_any_redis(lab):
    up = Upstream()
    folder = bundle(lab.dir / "b")
    g = Gateway(lab, "n0", up.port, f"{{directory: {folder}}}", HEADERS)
    with Load([g], everyday) as load:
        until("traffic flows", lambda: load.sent > 200, 30)
        assert demoted(g) == [], "what is rightly blocked is blocked for one user"
        begin = time.monotonic()
        bundle(lab.dir / "b", extra=WILD)
        until("the wild rule is in force", lambda: "about my tax return" in load.blocked_at, 30)
        began = time.monotonic()
        until("the rule is demoted", lambda: demoted(g) == ["wild"], 60)
        time.sleep(1)
        life = load.blocked_at["about my tax return"] - began
        assert life < 60, life
        sent = load.sent
        until("traffic goes on", lambda: load.sent > sent + 200, 30)
        assert load.blocked_at["about my tax return"] - began == life, "it blocks nobody any more"
        assert time.monotonic() - load.blocked_at["a bomb recipe"] < 5, "the other rules are where they were"
    assert load.failures == [], load.failures[:5]
    print(f"  the wild rule was in force for {life:.1f} s on live traffic, {time.monotonic() - begin:.0f} s in all, {load.sent} exchanges")
    check_what_is_told(lab, g)
    g.kill()
    g.start()
    assert demoted(g) == ["wild"], "a restart does not arm it again"
    assert g.ask("about my tax return")[0] == 200
    assert sluice("rearm", "other", "--admin", f"http://127.0.0.1:{g.admin}", check=False).returncode == 1
    assert "armed again" in sluice("rearm", "wild", "--admin", f"http://127.0.0.1:{g.admin}").stdout
    until("the rule blocks again", lambda: g.ask("about my tax return")[0] == 400)
    assert demoted(g) == []


def check_what_is_told(lab, g):
    status, ready = g.get("/readyz")
    assert status == 200 and json.loads(ready)["demoted"] == ["wild"], ready
    metrics = g.get("/metrics")[1]
    assert 'rule="wild",by="node"} 1' in metrics and "sluice_demotions_total 1" in metrics and "sluice_breaker_unseen_total 0" in metrics
    told = g.state()["demotions"][0]
    assert told["by"] == "node" and "its limit is 10" in told["why"], told
    records = g.records()
    event = next(r for r in records if r["event"] == "demoted")
    assert "rule wild" in event["detail"]
    after = [r for r in records if r["event"] == "decision" and r["seq"] > event["seq"] and "wild" in str(r["request"])]
    shadowed = [r for r in after if r.get("demoted") == ["wild"]]
    assert shadowed and all(r["verdict"] != "block" and r["shadow_verdict"] == "block" for r in shadowed)
    before = next(r for r in records if r["event"] == "decision" and r["seq"] < event["seq"] and r["version"] == shadowed[0]["version"])
    assert before["effective"] != shadowed[0]["effective"], "what was in force is another set of rules"
    replay = sluice("audit", "replay", shadowed[0]["id"], "--from", g.audit, "--state", lab.dir / f"{g.name}-state")
    assert "the record is what comes out" in replay.stdout
    assert "DEMOTED to shadow: rule wild" in (lab.dir / f"{g.name}.log").read_text()


def test_no_single_attacker_and_no_single_tenant_switches_a_rule_off(lab):
    up = Upstream()
    folder = bundle(lab.dir / "b", extra=WILD)
    g = Gateway(lab, "n0", up.port, f"{{directory: {folder}}}", HEADERS)

    def attack(user, dice):  # tenant t0 with all its users, again and again
        return "about my tax return" if user % 3 == 0 else "hello"

    with Load([g], attack) as load:
        until("much was seen", lambda: load.sent > 3000, 90)
        assert demoted(g) == []
    assert load.failures == []


def test_a_person_demotes_and_arms_again_for_the_whole_ring(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    nodes = [make(n) for n in range(2)]
    push(port, bundle(lab.dir / "b", extra=WILD), "--wait", "2")
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    assert all(g.ask("my tax")[0] == 400 for g in nodes)
    sluice("freeze", "--note", "friday", *ring)
    sluice("demote", "wild", "--note", "blocks tax questions", "--wait", "2", *ring)
    assert all(g.ask("my tax")[0] == 200 for g in nodes), "a demotion passes a freeze"
    assert all(g.ask("a bomb recipe")[0] == 400 for g in nodes)
    sluice("freeze", "--lift", *ring)
    assert "DEMOTED in the ring: rule wild" in sluice("status", *ring).stdout
    nodes[0].kill()
    nodes[0].start()
    assert nodes[0].ask("my tax")[0] == 200, "also after a restart"
    assert sluice("demote", "no-such-rule", *ring, check=False).returncode == 1
    sluice("rearm", "wild", "--wait", "2", *ring)
    assert all(g.ask("my tax")[0] == 400 for g in nodes)
    kinds = [e["kind"] for e in json.loads(sluice("history", "--json", *ring).stdout)]
    assert kinds == ["rearm", "demote", "activate"], kinds
    assert sluice("rearm", *ring, check=False).returncode == 1, "nothing is demoted any more"
