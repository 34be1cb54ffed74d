"""Rules that block too much go to shadow by themselves, and only those; what they did is on record, and a command arms them again."""
import json
import random
import threading
import time

from lab import Gateway, Upstream, bundle, sluice, until
from redis_lab import metric
from test_audit import moment
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


def test_one_attacker_with_many_made_up_keys_is_one_user(lab):
    up = Upstream()
    g = Gateway(lab, "n0", up.port, "{directory: %s}" % bundle(lab.dir / "b", extra=WILD), HEADERS)
    for n in range(80):
        assert g.post({"model": "m", "messages": [{"role": "user", "content": "my tax"}]}, {"authorization": f"Bearer sk-made-up-{n}"})[0] == 400
    until("the breaker has looked at all of it", lambda: metric(g, "sluice_breaker_users ") == 1)
    assert demoted(g) == []
    for n in range(80):
        g.post({"model": "m", "messages": [{"role": "user", "content": "my tax"}]}, {"x-user": f"u{n}"})
    until("as many users trip it", lambda: demoted(g) == ["wild"])


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
    for g in nodes:
        at = ("audit", "at", "--from", g.audit, "--time", moment(2), "--state", lab.dir / f"{g.name}-state")
        told = json.loads(sluice(*at, "--tenant", "acme", "--json").stdout)
        enforcement = {r["rule"]: r["enforcement"] for r in told["in_force"][0]["rules"]}
        assert told["nodes"][0]["demoted"] == ["wild"] and enforcement == {"wild": "shadow"} | {r: "enforce" for r in enforcement if r != "wild"}, told
        assert "wild demoted to shadow" in sluice(*at, "--rules").stdout
    assert sluice("demote", "no-such-rule", *ring, check=False).returncode == 1
    sluice("rearm", "wild", "--wait", "2", *ring)
    assert all(g.ask("my tax")[0] == 400 for g in nodes)
    kinds = [e["kind"] for e in json.loads(sluice("history", "--json", *ring).stdout)]
    assert kinds == ["rearm", "thaw", "demote", "freeze", "activate"], kinds
    assert sluice("rearm", *ring, check=False).returncode == 1, "nothing is demoted any more"


def limits(g):
    """Of the version in force, by rule: its limit and where it comes from."""
    versions = json.loads(g.get("/v1/breaker")[1])["versions"]
    return {r["rule"]: (round(r["limit"], 4), r["from"]) for r in versions[0]["rules"]} if versions else {}


def in_shadow(ring, users):
    """Waits until the nodes have told the ring of so many users for whom the candidate was judged."""
    until(f"{users} users were seen in shadow", lambda: sum(n["shadow_users"] for n in json.loads(sluice("status", "--json", *ring).stdout)["nodes"]) >= users, 120)


def with_benign_cases(folder, count):
    (folder / "golden").mkdir(exist_ok=True)
    (folder / "golden" / "benign.jsonl").write_text("".join(json.dumps({"id": f"b{i}", "set": "benign", "request": f"the weather on day {i}"}) + "\n" for i in range(count)))
    return folder


def test_a_rule_that_was_quiet_in_shadow_trips_far_below_the_bundles_limit(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    push(port, with_benign_cases(bundle(lab.dir / "b"), 1000), "--wait", "1")
    until("the limits follow from the gate", lambda: set(limits(g).values()) == {(0.05, "gate")})
    sluice("push", bundle(lab.dir / "c", extra=WILD), "--shadow", "--wait", "1", *ring)
    taxes = threading.Event()

    def text_of(user, dice):
        return "about my tax return" if taxes.is_set() and user % 13 == 3 else "hello"

    with Load([g], text_of, users=500) as load:
        in_shadow(ring, 450)
        sluice("promote", "--wait", "1", *ring)
        until("the limits follow from shadow", lambda: limits(g).get("wild") == (0.02, "shadow"))
        taxes.set()  # 8 % of users: within the bundle's 10 %
        until("the rule is demoted", lambda: demoted(g) == ["wild"], 60)
    assert load.failures == [], load.failures[:5]
    why = g.state()["demotions"][0]["why"]
    assert "its limit is 2 % (in shadow it blocked 0 of " in why, why
    g.kill()
    g.start()
    until("what was shown is remembered", lambda: limits(g).get("wild") == (0.02, "shadow"))
    assert g.state()["age_seconds"] is not None


def test_a_rule_that_was_wild_in_shadow_is_not_promoted_unless_somebody_insists(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    with Load([g], everyday) as load:
        sluice("push", bundle(lab.dir / "c", extra=WILD), "--shadow", "--wait", "1", *ring)
        in_shadow(ring, 60)
        refused = sluice("promote", *ring, check=False)
        assert refused.returncode == 1 and "rule wild blocked more in shadow than it may: its limit is 10 % (the bundle's; in shadow it blocked " in refused.stderr, refused.stderr
        assert demoted(g) == [] and g.ask("about my tax return")[0] == 200
        sluice("promote", "--over-limit", "--wait", "1", *ring)
        until("the rule is demoted", lambda: demoted(g) == ["wild"], 60)
        # What somebody says of a rule counts before what was seen of it.
        stated = WILD.replace("    tests:", "    max_block_rate: 0.9\n    tests:")
        sluice("push", bundle(lab.dir / "d", extra=stated), "--shadow", "--wait", "1", *ring)
        in_shadow(ring, 60)
        sluice("promote", "--wait", "1", *ring)
        until("the limit is what was said", lambda: limits(g).get("wild") == (0.9, "max_block_rate"))
    assert load.failures == [], load.failures[:5]
    assert demoted(g) == []


def test_a_push_of_what_runs_everywhere_says_so_and_changes_nothing(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    make(0)
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    folder = bundle(lab.dir / "b")
    push(port, folder, "--wait", "1")
    again = sluice("push", folder, "--wait", "1", *ring)
    assert "is already active as 1-1 in ring it; nothing to do" in again.stdout, again.stdout
    assert json.loads(sluice("push", folder, "--json", *ring).stdout)["unchanged"]
    # A commit of golden sets alone comes through the pipeline that tries versions out.
    for trying in (("--canary", "5"), ("--shadow",)):
        assert "is already active as 1-1 in ring it; nothing to try out" in sluice("push", folder, *trying, *ring).stdout
    assert len(json.loads(sluice("history", "--json", *ring).stdout)) == 1
    assert "is active as 1-2" in sluice("push", folder, "--again", *ring).stdout
    sluice("push", bundle(lab.dir / "c", extra=WILD), "--shadow", "--wait", "1", *ring)
    assert "is active as 1-4" in sluice("push", folder, *ring).stdout, "it ends what runs beside it"
