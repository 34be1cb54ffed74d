"""How a trial ends: whichever is meant, against what is live by then, and only where somebody runs it."""
import json
import signal

from lab import bundle, until
from redis_lab import Fleet, Server
from test_gate import cases, write
from test_going_live import ring as command
from test_policy_swaps import fleet, push
from test_second_key import ring


def test_of_two_trials_the_one_that_is_meant_ends(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    make(0)
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    push(port, bundle(lab.dir / "c", ("Halden Bank", "Ostwick Savings")), "--canary", "20", "--wait", "1")
    told = push(port, bundle(lab.dir / "s", ("Halden Bank", "Merrow Capital")), "--shadow", "--wait", "1")
    now = json.loads(command(port, "status", "--json").stdout)
    canary, shadow = now["canary"]["version"], now["shadow"]
    assert f"sluice promote {shadow[:12]}" in told.stdout, told
    for name in "promote", "abort":
        r = command(port, name, check=False)
        assert r.returncode == 1 and canary[:12] in r.stderr and shadow[:12] in r.stderr and f"sluice {name} VERSION" in r.stderr, r
        assert json.loads(command(port, "status", "--json").stdout)["head"] == now["head"], "nothing was changed"
    command(port, "abort", shadow[:12], "--wait", "1")
    now = json.loads(command(port, "status", "--json").stdout)
    assert now["canary"]["version"] == canary and now["shadow"] is None, now
    push(port, bundle(lab.dir / "s", ("Halden Bank", "Merrow Capital")), "--shadow", "--wait", "1")
    command(port, "promote", shadow[:12], "--wait", "1")
    now = json.loads(command(port, "status", "--json").stdout)
    assert now["head"]["version"] == shadow, now


def test_what_went_live_since_a_trial_began_is_asked_of_its_promotion(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0)
    thorn = {"id": "t1", "set": "must_block", "request": "a thorn", "expect": {"action_at_least": "block"}}
    fleet.run("push", write(lab.dir / "a", cases()), "--wait", "1")
    fleet.run("push", write(lab.dir / "b", cases() + [thorn], words=["needle", "thorn"]), "--canary", "50", "--wait", "1")
    fleet.run("push", write(lab.dir / "c", cases(), words=["needle", "rose"]), "--shadow", "--wait", "1")
    now = json.loads(fleet.run("status", "--json").stdout)
    fleet.run("promote", now["canary"]["version"], "--wait", "1")
    live = g.state()["version"]
    # The thorn that is stopped now was not when the version in shadow was held against what was live.
    r = fleet.run("promote", now["shadow"], check=False)
    assert r.returncode == 1 and "t1" in r.stderr and "nothing was changed" in r.stderr, r
    assert g.state()["version"] == live and json.loads(fleet.run("status", "--json").stdout)["shadow"] == now["shadow"]


def test_what_every_node_refused_is_not_promoted(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, "--wait", "1")
    live = g.state()["version"]
    r = fleet.run("push", write(lab.dir / "weak", cases()), "--canary", "30", "--approved-by", "Ada Byron", *signed, "--wait", "1", check=False)
    assert r.returncode == 1 and "no second key has approved it" in r.stdout + r.stderr, r
    r = fleet.run("promote", *signed, check=False)
    assert r.returncode == 1 and "no node runs the canary" in r.stderr and "REFUSED by 1 (VERIFY)" in r.stderr and "nothing was changed" in r.stderr, r
    fleet.run("abort", *signed, "--wait", "1")
    assert g.state()["version"] == live
    until("it is over", lambda: not json.loads(fleet.run("status", "--json").stdout).get("canary"))


def test_a_ring_that_was_lost_is_mended_by_what_its_nodes_run(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now = ["--wait", "1", "--timeout", "30s"]
    good = write(lab.dir / "a", cases(), words=["needle", "thorn"])
    fleet.run("push", good, *signed, *now)
    live = g.state()["version"]
    redis("flushall")
    until("the node says what it runs", lambda: redis("exists", redis.key(f"node:{g.name}")) == "1")
    assert "LOST: nodes have seen 1-1" in fleet.run("status").stdout and json.loads(fleet.run("status", "--json").stdout)["lost"]["highest"] == "1-1"
    for words in (["history"], ["rollback", *signed]):
        r = fleet.run(*words, check=False)
        assert "has lost what was activated" in r.stderr and "push the version that they run" in r.stderr, r
    r = fleet.run("push", write(lab.dir / "other", cases(), words=["needle", "rose"]), *signed, *now, check=False)
    assert r.returncode == 1 and f"push version {live[:12]} first" in r.stderr and g.state()["version"] == live, r
    # No node took that one, and nobody's rules become weaker by what they run.
    r = fleet.run("push", good, *signed, *now)
    assert "every node refused what is at the head" in r.stderr and g.state()["version"] == live and g.state()["state"] == "FRESH", r
    fleet.run("approve", live, "--key", key["lead"], *signed[2:])
    fleet.run("push", write(lab.dir / "next", cases(), words=["needle", "thorn", "rose"]), *signed, *now)
    young = node(1)
    until("a new node takes it", lambda: young.state()["version"] == g.state()["version"])


def test_what_every_node_refused_after_a_loss_is_no_version_to_go_back_to(lab):
    redis, key, fleet, signed, node = ring(lab)
    nodes = [node(0), node(1)]
    now = ["--wait", "2", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases()), *signed, *now)
    good = write(lab.dir / "ab", cases(), words=["needle", "thorn"])
    fleet.run("push", good, *signed, *now)
    first, live = fleet.history()[1]["version"], nodes[0].state()["version"]
    redis("flushall")
    # No heartbeat may be back yet: the push waits for what nodes say.
    r = fleet.run("push", write(lab.dir / "weak", cases(), words=["needle", "rose"]), *signed, *now, check=False)
    assert r.returncode == 1 and "of which this Redis knows nothing any more" in r.stderr, r
    weak = fleet.history()[0]["version"]
    young = node(2)
    until("a new node refuses it, too", lambda: (young.state()["last_refusal"] or {}).get("version") == weak)
    young.kill(signal.SIGTERM)
    fleet.run("push", good, *signed, *now)
    for to in ([], ["--to", weak], ["--to", fleet.history()[-1]["activation"]]):
        r = fleet.run("rollback", *to, *signed, *now, check=False)
        assert r.returncode == 1 and all(g.state()["version"] == live for g in nodes), (to, r)
    assert first not in {e["version"] for e in fleet.history()}


def test_a_backup_that_is_older_than_what_nodes_run_is_no_measure(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now = ["--wait", "1", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases()), *signed, *now)
    old = {name: redis("hgetall", redis.key(name)).splitlines() for name in ["head"]}
    entry = redis("--raw", "xrange", redis.key("log"), "-", "+")
    fleet.run("push", write(lab.dir / "ab", cases(), words=["needle", "thorn"]), *signed, *now)
    live = g.state()["version"]
    redis("hset", redis.key("head"), *old["head"])  # as the backup had it
    redis("xdel", redis.key("log"), "1-2")
    assert entry
    until("the node says that it is ahead", lambda: json.loads(fleet.run("status", "--json").stdout)["lost"])
    r = fleet.run("push", write(lab.dir / "ah", cases(), words=["needle", "rose"]), *signed, *now, check=False)
    assert r.returncode == 1 and f"runs version {live[:12]}, of which this Redis knows nothing any more" in r.stderr and g.state()["version"] == live, r
    assert "sluice rollback, then push it again" not in r.stdout + r.stderr, r
