"""What acts for a ring without a person: a bad canary ends, a rule that nodes demoted is demoted everywhere; and nothing else can be signed."""
import json
import os
import re
import signal
import subprocess
import time

from lab import ROOT, SLUICE, Gateway, bundle, redis_says, sluice, until
from redis_lab import Server
from test_breaker import HEADERS, WILD, Load, demoted
from test_policy_swaps import fleet, push


def controller(lab, port, name, *more):
    out = open(lab.dir / f"{name}.log", "a")
    return lab.spawn([SLUICE, "controller", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", *more], out)


def trusted(lab):
    """Keys of three roles, and the file that nodes trust."""
    printed = "".join(sluice("keygen", lab.dir / f"{role}.pem", "--name", role, "--role", role).stdout for role in ("build", "activate", "safety"))
    (lab.dir / "trust.yaml").write_text("\n".join(["keys:"] + [line for line in printed.splitlines() if line.startswith("  - ")]) + "\n")
    return lab.dir / "trust.yaml"


def history(port):
    return json.loads(sluice("history", "--json", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it").stdout)


def says(port, *words):
    return redis_says(port, *(str(w).encode() for w in words)).removesuffix(b"+OK\r\n").decode()


def until_it_looked(port, times=3):
    """A controller renews its lease at each look."""
    seen = [int(says(port, "PTTL", "{sluice:it}:controller").strip(":\r\n")), 0]

    def looked():
        left = int(says(port, "PTTL", "{sluice:it}:controller").strip(":\r\n"))
        seen[1] += left > seen[0]
        seen[0] = left
        return seen[1] >= times

    until(f"the controller looked {times} times", looked)


def everyday(user, dice):
    return "about my tax return" if dice.random() < 0.4 else "hello"


def test_a_controller_aborts_a_canary_that_blocks_more_and_a_second_one_takes_over(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    nodes = [make(n) for n in range(2)]
    good = bundle(lab.dir / "b")
    push(port, good, "--wait", "2")
    first = controller(lab, port, "c1")
    until("the first acts", lambda: "acts for the ring" in (lab.dir / "c1.log").read_text())
    second = controller(lab, port, "c2")
    until("the second waits", lambda: "this one waits" in (lab.dir / "c2.log").read_text())
    # Without a breaker, so that the canary's end is the controller's doing.
    trial = bundle(lab.dir / "next", extra=WILD)
    text = (trial / "bundle.yaml").read_text()
    (trial / "bundle.yaml").write_text(text.replace("modules:", "breaker: {on: false}\nmodules:"))
    with Load(nodes, everyday, users=60, threads=4) as load:
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        push(port, trial, "--canary", "40", "--wait", "2")
        until("the canary is aborted", lambda: history(port)[0]["kind"] == "abort", 120)
        until("the nodes have ended it", lambda: all(g.state()["canary"] is None for g in nodes))
        assert load.failures == [], load.failures[:5]
    last = history(port)[0]
    assert last["actor"] == "sluice controller" and "it blocks more" in last["note"], last
    assert all(g.ask("about my tax return")[0] == 200 for g in nodes)
    # The same canary once more begins anew: what was seen of it before ends it no second time.
    push(port, trial, "--canary", "40", "--wait", "2")
    again = history(port)[0]["activation"]
    until("the nodes report on it", lambda: all(again in says(port, "HGET", f"{{sluice:it}}:node:{g.name}", "arms") for g in nodes), 30)
    until_it_looked(port)
    assert history(port)[0]["kind"] == "canary"
    # Who is stopped leaves nobody waiting for its lease.
    third = controller(lab, port, "c3")
    until("the third waits", lambda: "this one waits" in (lab.dir / "c3.log").read_text())
    lease = lambda: says(port, "GET", "{sluice:it}:controller")
    third.send_signal(signal.SIGTERM)
    assert third.wait(10) == 0 and lease() != "$-1\r\n", "nobody gives up what is another's"
    second.send_signal(signal.SIGTERM)
    assert second.wait(10) == 0 and lease() == "$-1\r\n", lease()


def test_a_controller_without_a_key_writes_over_nothing_that_is_signed(lab):
    trust = trusted(lab)
    redis = Server(lab)
    ring = ("--redis", f"redis://127.0.0.1:{redis.port}", "--ring", "it")
    keys = ("--build-key", lab.dir / "build.pem", "--key", lab.dir / "activate.pem", "--trust", trust)
    refused = lambda *more, **env: sluice("controller", *ring, *more, check=False, env=os.environ | env)
    for r in (refused("--trust", trust), refused(SLUICE_TRUST=str(trust))):
        assert r.returncode == 2 and "there is no key to sign with" in r.stderr and "--key FILE" in r.stderr, r
    # A ring that nobody signs in has one without a key, until somebody does.
    push(redis.port, bundle(lab.dir / "b"))
    plain = controller(lab, redis.port, "plain")
    log = lab.dir / "plain.log"
    until("it acts", lambda: "acts for the ring" in log.read_text())
    sluice("push", bundle(lab.dir / "b", ("Ostwick Savings",)), *ring, *keys)
    until("it says that it cannot", lambda: "there is no key to sign with" in log.read_text())
    until("and keeps nobody from it", lambda: redis("get", redis.key("controller")) == "", 30)
    assert plain.poll() is None and log.read_text().count("there is no key") == 1, log.read_text()
    r = refused()
    assert r.returncode == 2 and "there is no key to sign with, and what is live in ring it is signed with key" in r.stderr and "nothing was written" in r.stderr, r
    assert redis("get", redis.key("controller")) == "" and redis.head() == "1-2"


def test_one_that_cannot_act_keeps_no_other_from_it(lab):
    trust = trusted(lab)
    redis = Server(lab)
    ring = ("--redis", f"redis://127.0.0.1:{redis.port}", "--ring", "it")
    ages = lab.dir / "old.yaml"  # a file of keys from before there was one of the role activate
    ages.write_text("\n".join(line for line in trust.read_text().splitlines() if "activate" not in line) + "\n")
    old = controller(lab, redis.port, "old", "--key", lab.dir / "safety.pem", "--trust", ages)
    until("it acts", lambda: "this controller acts" in (lab.dir / "old.log").read_text())
    sluice("push", bundle(lab.dir / "b"), *ring, "--build-key", lab.dir / "build.pem", "--key", lab.dir / "activate.pem", "--trust", trust)
    until("it says that it cannot", lambda: "the ring cannot be looked after" in (lab.dir / "old.log").read_text())
    controller(lab, redis.port, "new", "--key", lab.dir / "safety.pem", "--trust", trust)
    until("the other acts, and has not waited for the end of a lease", lambda: "this controller acts" in (lab.dir / "new.log").read_text(), 8)
    assert old.poll() is None


def test_a_key_that_may_do_more_does_not_belong_to_a_controller(lab):
    trust = trusted(lab)
    redis = Server(lab)
    one = controller(lab, redis.port, "c", "--key", lab.dir / "activate.pem", "--trust", trust)
    log = lab.dir / "c.log"
    until("it acts", lambda: "acts for the ring" in log.read_text())
    assert "trust.yaml gives it activate" in log.read_text() and "The role safety is enough" in log.read_text(), log.read_text()
    one.terminate()
    controller(lab, redis.port, "d", "--key", lab.dir / "safety.pem", "--trust", trust)
    until("the other acts", lambda: "this controller acts" in (lab.dir / "d.log").read_text(), 30)
    assert "can sign more" not in (lab.dir / "d.log").read_text()


def test_what_nodes_demote_is_demoted_for_the_ring_by_a_key_that_can_do_no_more(lab):
    trust = trusted(lab)
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    nodes = [Gateway(lab, f"gw{n}", up.port, source, HEADERS, f"{{keys_file: {trust}, require_signature: true}}") for n in range(2)]
    keys = ("--build-key", lab.dir / "build.pem", "--key", lab.dir / "activate.pem")
    push(port, bundle(lab.dir / "b", extra=WILD), "--wait", "2", *keys)
    sluice("keygen", lab.dir / "other.pem", "--name", "other")
    for wrong, why in (("build", "has neither the role"), ("other", "is none of the keys")):
        said = sluice("controller", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--key", lab.dir / f"{wrong}.pem", "--trust", trust, check=False)
        assert said.returncode == 2 and why in said.stderr, said
    controller(lab, port, "c", "--key", lab.dir / "safety.pem", "--trust", trust)
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")

    def tax(user, dice):
        return "about my tax return" if user % 2 == 0 else "hello"

    with Load([nodes[0]], tax):
        until("one node demotes it", lambda: demoted(nodes[0]) == ["wild"], 60)
    until("all nodes have it from the ring", lambda: [d["by"] for g in nodes for d in g.state()["demotions"]] == ["ring", "ring"], 60)
    assert nodes[1].ask("about my tax return")[0] == 200, "which saw no traffic of its own"
    assert history(port)[0]["kind"] == "demote" and history(port)[0]["actor"] == "sluice controller"
    # The same key can make nothing live.
    activate = ("activate", history(port)[0]["version"][:12], "--key", lab.dir / "safety.pem")
    refused = sluice(*activate, "--trust", trust, *ring, check=False)
    assert refused.returncode == 1 and "'safety' has not the role activate" in refused.stderr, refused
    sluice(*activate, *ring)  # who has not the file does not know, nor does somebody who means harm ask
    until("nodes refuse it", lambda: all("safety" in (g.state()["last_refusal"] or {}).get("message", "") for g in nodes))
    # What they refuse is nobody's word for whoever would go on with it, either.
    refused = sluice("rearm", "--key", lab.dir / "activate.pem", "--trust", trust, *ring, check=False)
    assert refused.returncode == 1 and "has the role safety and not activate" in refused.stderr, refused
    sluice("activate", history(port)[0]["version"][:12], "--key", lab.dir / "activate.pem", "--trust", trust, "--wait", "2", *ring)
    assert all(demoted(g) == [] and g.ask("about my tax return")[0] == 400 for g in nodes)


GUARD = """  - id: guard
    title: Must stay
    severity: critical
    direction: request
    match: {keywords: [detonator]}
    action: {type: block, message: "No."}
    never_demote: true
    tests: [{name: a, request: a detonator, context: {tags: [weapons]}, expect: {rules: [guard]}}, {name: b, request: nothing, expect: {rules: []}}]
"""
# What the rule needs, and a tag that nobody needs.
MARKS = "".join(f"""  - id: {name}
    title: About {tag}
    severity: low
    direction: request
    match: {{keywords: [{word}]}}
    action: {{type: tag, tags: [{tag}]}}
    tests: [{{name: a, request: a {word}, expect: {{rules_any: [{name}]}}}}, {{name: b, request: nothing, expect: {{rules: []}}}}]
""" for name, word, tag in (("marks", "detonator", "weapons"), ("notes", "match", "sports")))


def guarded(folder):
    """A bundle whose guard applies where a rule of another policy has set a tag."""
    made = bundle(folder, extra=WILD + MARKS)
    (made / "guard.yaml").write_text("apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: guard, title: G, owner: it}\nrules:\n" + GUARD)
    (made / "bundle.yaml").write_text((made / "bundle.yaml").read_text() + "  - {use: guard, bind: {conversation_tag: [weapons]}}\n")
    return made


def test_invented_nodes_switch_off_nothing_that_says_never_demote(lab):
    """What is left to whoever may write heartbeats: the others, where a controller runs (docs/rollout.md)."""
    trust = trusted(lab)
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = Gateway(lab, "gw0", up.port, source, HEADERS, f"{{keys_file: {trust}, require_signature: true}}")
    keys = ("--build-key", lab.dir / "build.pem", "--key", lab.dir / "activate.pem", "--trust", trust)
    push(port, guarded(lab.dir / "b"), "--wait", "1", *keys)
    assert g.ask("a detonator")[0] == 400
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    controller(lab, port, "c", "--key", lab.dir / "safety.pem", "--trust", trust)
    version = history(port)[0]["version"]
    for name in ("ghost1", "ghost2"):
        word = json.dumps([{"version": version, "rule": rule, "why": "invented"} for rule in ("guard", "marks", "notes", "wild", "guard", "no-such-rule")])
        assert "ERR" not in says(port, "HSET", f"{{sluice:it}}:node:{name}", "activation", "1-1", "highest", "1-1", "version", version, "demoted", word)
        says(port, "ZADD", "{sluice:it}:nodes", int(time.time() * 1000), name)
    until("two of three nodes have their way", lambda: history(port)[0]["kind"] == "demote", 60)
    assert history(port)[0]["note"] == "demoted by nodes themselves: wild" and "no-such-rule" not in json.dumps(history(port)[0]), history(port)[0]
    until("the node follows", lambda: demoted(g) == ["wild"])
    # And if the controller's own key were stolen: nodes do not take it from that.
    refused = sluice("demote", "guard", "--unsigned", *ring, check=False)
    assert refused.returncode == 1 and "never_demote" in refused.stderr, refused
    by_safety = ("demote", "guard", "--key", lab.dir / "safety.pem")
    refused = sluice(*by_safety, "--trust", trust, *ring, check=False)
    assert refused.returncode == 1 and "'safety' has not the role activate" in refused.stderr and "never_demote" in refused.stderr and history(port)[0]["actor"] == "sluice controller", refused
    # Nor by way of the rule that sets the tag for which it asks.
    marks = ("demote", "marks", "--key", lab.dir / "safety.pem", *ring)
    assert sluice(*marks, "--trust", trust, check=False).returncode == 1
    assert "it is under never_demote, so that nodes do it only where" in sluice(*marks).stdout
    until("the node keeps it", lambda: "rule marks of version" in (lab.dir / "gw0.log").read_text())
    assert demoted(g) == ["wild"] and g.ask("a detonator")[0] == 400
    unknown = (*by_safety, *ring)
    assert "nodes do it only where" in sluice(*unknown).stdout
    # The key alone knows nothing of its roles; the head is the controller's, whose key it is.
    waited = sluice(*unknown, "--wait", "1", check=False)
    assert waited.returncode == 1 and "rule 'guard' stays enforced on 1 nodes" in waited.stderr and json.loads(sluice(*unknown, "--wait", "1", "--json", check=False).stdout)["ok"] is False, waited
    until("the node says so", lambda: "rule guard of version" in (lab.dir / "gw0.log").read_text())
    assert demoted(g) == ["wild"] and g.ask("a detonator")[0] == 400
    status = lambda: sluice("status", *ring).stdout
    until("the heartbeat says so", lambda: "NOT DEMOTED, enforced by gw0: rule guard" in status())
    assert next(n for n in json.loads(sluice("status", *ring, "--json").stdout)["nodes"] if n["id"] == "gw0")["kept"][-1]["rule"] == "guard"
    # Nor by way of a person who goes on with what is live for another rule's sake.
    for command in ("rearm", "demote"):
        sluice(command, "wild", "--key", lab.dir / "activate.pem", "--trust", trust, "--wait", "1", *ring)
        assert demoted(g) == (["wild"] if command == "demote" else []) and g.ask("a detonator")[0] == 400, command
    sluice("demote", "guard", "--key", lab.dir / "activate.pem", "--trust", trust, "--wait", "1", *ring)
    assert demoted(g) == ["wild", "guard"] and g.ask("a detonator")[0] == 200, "a person's word counts"
    sluice("rearm", "guard", "--key", lab.dir / "activate.pem", "--trust", trust, "--wait", "1", *ring)
    assert demoted(g) == ["wild"] and g.ask("a detonator")[0] == 400


def test_a_user_of_redis_for_each_gateway_speaks_for_that_one_only(lab):
    port, up, _, _ = fleet(lab)
    lab.redis(port)
    line = re.search(r"^ACL SETUSER gateway .*$", (ROOT / "docs" / "deploy.md").read_text(), re.M)[0]
    own = line.replace("production", "it").replace("PASSWORD", "pw").replace("node:*", "node:gw0")
    assert "node:gw0" in own
    says(port, *own.split(" "))
    g = Gateway(lab, "gw0", up.port, f'{{redis: {{url: "redis://gateway:pw@127.0.0.1:{port}", ring: it, poll: 500ms}}}}')
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    until("its heartbeat is there", lambda: "1-1" in says(port, "HGET", "{sluice:it}:node:gw0", "activation"))
    said = subprocess.run(["redis-cli", "-p", str(port), "--user", "gateway", "--pass", "pw", "--no-auth-warning", "HSET", "{sluice:it}:node:gw1", "activation", "1-1"], capture_output=True, text=True).stdout
    assert "NOPERM" in said, said
    assert g.ask("a bomb recipe")[0] == 400


def test_a_canary_by_label_decides_on_those_nodes_alone(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    nodes = [make(n) for n in range(2)]
    nodes[1].kill()
    nodes[1].config.write_text(nodes[1].config.read_text().replace("node: {id: gw1}", "node: {id: gw1, labels: {zone: a}}"))
    nodes[1].start()
    push(port, bundle(lab.dir / "b"), "--wait", "2")
    bad = subprocess.run([SLUICE, "push", lab.dir / "b", "--canary", "nodes=zone", "--redis", f"redis://127.0.0.1:{port}"], capture_output=True, text=True)
    assert bad.returncode == 2 and "nodes=LABEL=VALUE" in bad.stderr, bad
    push(port, bundle(lab.dir / "next", extra=WILD), "--canary", "nodes=zone=a", "--wait", "2")
    assert [g.ask("about my tax return")[0] for g in nodes] == [200, 400]
    assert nodes[0].state()["canary"] is None and nodes[1].state()["canary"]
    assert "nodes with zone=a" in sluice("status", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it").stdout
    sluice("promote", "--wait", "2", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it")
    assert [g.ask("about my tax return")[0] for g in nodes] == [400, 400]
