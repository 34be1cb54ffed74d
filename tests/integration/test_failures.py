"""The failures that docs/failure_modes.md promises to survive between publisher, Redis and nodes: each row a test with real servers, and traffic that goes on."""
import json
import signal
import subprocess
import threading
import time

from lab import Gateway, sluice, until
from redis_lab import RING, Fleet, Proxy, Server, clock_offset, metric, sentinel, traffic

HOUR = 3600


def record_of(redis):
    return redis("hget", redis.key("head"), "record")


def test_a_notice_that_was_lost_costs_at_most_one_poll(lab):
    redis = Server(lab)
    path = Proxy(redis.port)
    fleet = Fleet(lab, redis.port)
    poll = 2
    g = fleet.node(0, path.port, poll=f"{poll}s")
    fleet.push(wait=1)
    path.silent = b"\r\n$7\r\nmessage\r\n"  # what Redis publishes is lost on the way
    with traffic(g):
        begin = time.monotonic()
        fleet.push("Ostwick Savings", wait=1)
        fleet.follow([g], "Ostwick Savings")
        took = time.monotonic() - begin
    assert took < poll * 1.2 + 1.5, f"{took:.1f} s"
    # And one whose subscription Redis cut off, as it does with a slow one.
    path.silent = None
    with traffic(g):
        redis("client", "kill", "type", "pubsub")
        fleet.push("Merrow Capital", wait=1)
        fleet.follow([g], "Merrow Capital")
    assert g.state()["state"] == "FRESH"


def test_what_is_activated_between_subscribing_and_reading_is_taken(lab):
    redis = Server(lab)
    path = Proxy(redis.port)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, path.port, poll="60s")
    fleet.push(wait=1)
    g.kill(signal.SIGTERM)
    path.hold_reply(b"XREVRANGE")
    g.start(wait=False)
    until("the node has read the head and not heard it yet", path.held)
    pushed = fleet.start_push("Ostwick Savings", more=["--wait", "1"])
    until("the head has moved", lambda: redis.head() == "1-2")
    path.release()
    until("the node serves", lambda: g.get("/livez")[0] == 200)
    fleet.follow([g], "Ostwick Savings", seconds=10)
    assert pushed.wait(30) == 0 and g.state()["state"] == "FRESH"


def killed_at(fleet, path, redis, forward):
    """A publisher that dies when it sends its activation, before Redis sees it or after."""
    running = {}

    def meet(data):
        if b"passes_freeze" not in data or not running:
            return None
        path.on_request = None
        if forward:
            threading.Timer(0.3, lambda: running["push"].kill()).start()
            return None
        running["push"].kill()
        return "cut"

    path.on_request = meet
    if forward:
        path.hold_reply(b"passes_freeze")
    running["push"] = fleet.start_push("Ostwick Savings", port=path.port)
    running["push"].wait(30)
    assert running["push"].returncode == -signal.SIGKILL
    path.release()


def test_a_publisher_that_dies_before_it_activates_changes_nothing(lab):
    redis = Server(lab)
    path, fleet = Proxy(redis.port), Fleet(lab, redis.port)
    g = fleet.node(0)
    fleet.push(wait=1)
    with traffic(g):
        killed_at(fleet, path, redis, forward=False)
        assert redis.head() == "1-1" and redis("zcard", redis.key("versions")) == "2"
        gone = lambda *words: json.loads(fleet.run("prune", *words, "--json").stdout)
        assert gone()["versions"] == [], "younger than a week"
        blobs = lambda: set(redis("--scan", "--pattern", redis.key("blob:*")).split())
        before = blobs()
        would = gone("--older", "1ms", "--dry-run")
        assert len(would["versions"]) == 1 and would["files"] == 1 and blobs() == before, would  # bundle.yaml is in both
        assert gone("--older", "1ms")["versions"] == would["versions"] and len(blobs()) == len(before) - 1 and redis("zcard", redis.key("versions")) == "1"
        fleet.push("Ostwick Savings", wait=1)
        fleet.follow([g], "Ostwick Savings")
        assert gone("--older", "1ms")["versions"] == [], "what was live stays"
    assert redis.head() == "1-2" and g.state()["state"] == "FRESH"


def test_a_publisher_that_dies_after_it_activated_is_finished_by_the_next(lab):
    redis = Server(lab)
    path, fleet = Proxy(redis.port), Fleet(lab, redis.port)
    g = fleet.node(0)
    fleet.push(wait=1)
    with traffic(g):
        killed_at(fleet, path, redis, forward=True)
        fleet.follow([g], "Ostwick Savings")  # nobody waited for it, and it is live
        assert redis.head() == "1-2"
        status = json.loads(fleet.run("status", "--json").stdout)
        assert status["nodes"][0]["activation"] == "1-2", status
        told = fleet.push("Ostwick Savings", wait="all", more=["--json"])
        assert json.loads(told.stdout)["nodes"][0]["state"] == "ACK"


def test_a_log_that_is_ahead_of_its_head_counts(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0)
    fleet.push(wait=1)
    old = {k: redis("hget", redis.key("head"), k) for k in ("epoch", "gen", "version", "record")}
    g.kill(signal.SIGTERM)
    fleet.push("Ostwick Savings")
    redis("hset", redis.key("head"), *[w for pair in old.items() for w in pair])  # as if the script had died behind its XADD
    g.start()
    with traffic(g):
        fleet.follow([g], "Ostwick Savings")
        assert g.state()["activation"] == "1-2"
        answer = json.loads(fleet.push("Merrow Capital", wait=1, more=["--json"]).stdout)
    assert answer["activation"] == "2-3", "the publisher goes above the log too"


def test_a_stale_replica_takes_nothing_back(lab):
    master, replica = Server(lab), Server(lab)
    replica.follow(master)
    path, fleet = Proxy(master.port), Fleet(lab, master.port)
    g = fleet.node(0, path.port)
    fleet.push(wait=1)
    until("the replica has it", lambda: replica.head() == "1-1")
    replica("replicaof", "no", "one")  # it hears nothing more
    fleet.push("Ostwick Savings", wait=1)
    with traffic(g):
        path.switch(replica)
        until("it is told", lambda: "HEAD_REGRESSED" in (lab.dir / "gw0.log").read_text())
        assert fleet.redacts(g, "Ostwick Savings") and g.state()["activation"] == "1-2"
        until("being behind is no contact", lambda: g.state()["state"] == "STALE")
        path.switch(master)
        until("the master is", lambda: g.state()["state"] == "FRESH")


def test_a_failover_by_hand_that_lost_the_tail_is_repaired_by_the_next_push(lab):
    master, replica = Server(lab), Server(lab)
    replica.follow(master)
    path, fleet = Proxy(master.port), Fleet(lab, master.port)
    nodes = [fleet.node(n, path.port) for n in range(2)]
    told = fleet.push(wait=2, port=path.port)
    assert "replicas" not in told.stderr, told.stderr
    with traffic(*nodes):
        until("the replica has it", lambda: replica.head() == "1-1")
        replica("replicaof", "no", "one")
        fleet.push("Ostwick Savings", wait=2, port=path.port)
        master.kill()
        path.switch(replica)
        until("every node says so", lambda: all("HEAD_REGRESSED" in (lab.dir / f"gw{n}.log").read_text() for n in range(2)))
        assert all(g.state()["activation"] == "1-2" and fleet.redacts(g, "Ostwick Savings") for g in nodes)
        until("publishers can see it", lambda: replica("zcard", replica.key("nodes")) == "2")
        answer = json.loads(fleet.push("Merrow Capital", wait=2, port=path.port, more=["--json"]).stdout)
        assert answer["activation"] == "2-3", answer
        fleet.follow(nodes, "Merrow Capital")
    assert all(g.state()["state"] == "FRESH" for g in nodes)


def test_a_revocation_and_a_freeze_say_which_replicas_lack_them(lab):
    master, replica = Server(lab), Server(lab)
    replica.follow(master)
    fleet = Fleet(lab, master.port)
    fleet.push()
    old = json.loads(fleet.run("status", "--json").stdout)["head"]["version"]
    fleet.push("Ostwick Savings")
    assert "replicas" not in fleet.run("revoke", old).stderr
    replica.process.send_signal(signal.SIGSTOP)
    for words in (["unrevoke", old], ["revoke", old], ["freeze", "--note", "w"], ["freeze", "--lift"]):
        told = fleet.run(*words).stderr
        assert "only 0 of 1 replicas of this Redis have" in told and "do it again" in told, (words, told)
    replica.process.send_signal(signal.SIGCONT)


def test_two_contents_under_one_number_are_told_apart_and_healed(lab):
    one, other = Server(lab), Server(lab)
    other.follow(one)
    paths, fleet = [Proxy(one.port), Proxy(one.port)], Fleet(lab, one.port)
    nodes = [fleet.node(n, paths[n].port) for n in range(2)]
    fleet.push(wait=2)
    with traffic(*nodes):
        until("the replica has it", lambda: other.head() == "1-1")
        other("replicaof", "no", "one")
        paths[1].switch(other)
        until("the second node follows the other server", lambda: (lab.dir / "gw1.log").read_text().count('"connected to') == 2)
        fleet.push("Ostwick Savings")
        fleet.follow(nodes[:1], "Ostwick Savings")
        # A publisher that does not look which server it writes to: another content under the same number.
        fleet.push("Merrow Capital", port=other.port)
        record = json.loads(record_of(other))
        assert (record["epoch"], record["gen"]) == (2, 2), "ours looks, and raises the epoch"
        naive = json.dumps(record | {"epoch": 1})
        other("del", other.key("log"))
        other("hset", other.key("head"), "epoch", 1, "gen", 2, "record", naive)
        other("xadd", other.key("log"), "1-2", "kind", "activate", "version", record["version"], "record", naive)
        paths[0].switch(other)
        until("the first node keeps its own", lambda: "GEN_FORK" in json.dumps(nodes[0].state()["last_refusal"]))
        assert fleet.redacts(nodes[0], "Ostwick Savings")
        assert "GEN_FORK" in other("hget", other.key("ack:1-2"), "gw0") or "GEN_FORK" in (lab.dir / "gw0.log").read_text()
        fleet.push("Quill Trust", wait=2, port=other.port)
        fleet.follow(nodes, "Quill Trust")
    assert len({g.state()["activation"] for g in nodes}) == 1 and nodes[0].state()["activation"] > "2"


def test_a_cut_off_master_refuses_a_push_that_nobody_else_would_have(lab):
    master, replica = Server(lab, "--min-replicas-to-write", 1, "--min-replicas-max-lag", 2), Server(lab)
    replica.follow(master)
    fleet = Fleet(lab, master.port)
    until("the master counts its replica", lambda: "min_slaves_good_slaves:1" in master("info", "replication"))
    g = fleet.node(0)
    fleet.push(wait=1)
    with traffic(g):
        replica.kill()
        until("the master knows", lambda: "min_slaves_good_slaves:0" in master("info", "replication"))
        r = fleet.push("Ostwick Savings", check=False)
        assert r.returncode == 1 and "NOREPLICAS" in r.stderr, r.stderr
        assert master.head() == "1-1" and fleet.redacts(g, "Halden Bank") and not fleet.redacts(g, "Ostwick Savings")
    assert g.state()["state"] == "FRESH"


def test_a_failover_by_sentinel_is_followed_and_loses_no_push(lab):
    master, replica = Server(lab), Server(lab)
    replica.follow(master)
    sentinels = [sentinel(lab, master) for _ in range(3)]  # two of them have to agree, as where people run them
    ask = lambda port, *words: subprocess.run(["redis-cli", "-p", str(port), "sentinel", *words, "sluice"], capture_output=True, text=True).stdout
    until("the Sentinels know the replica", lambda: all(str(replica.port) in ask(p, "replicas") for p in sentinels), 30)
    until("the Sentinels know each other", lambda: all(sum(str(o) in ask(p, "sentinels") for o in sentinels if o != p) == 2 for p in sentinels), 30)
    fleet = Fleet(lab, master.port)
    names = json.dumps([f"127.0.0.1:{p}" for p in sentinels])
    source = f'{{redis: {{url: "redis://sluice", sentinels: {names}, ring: {RING}, poll: 500ms}}}}'
    nodes = [Gateway(lab, f"gw{n}", fleet.up.port, source) for n in range(2)]
    ring = ["--redis", "redis://sluice", "--sentinel", ",".join(f"127.0.0.1:{p}" for p in sentinels), "--ring", RING]
    sluice("push", fleet.bundle("b"), *ring, "--wait", "2")
    with traffic(*nodes):
        master.kill()
        # It begins while the Sentinels still name the dead one.
        pushed = sluice("push", fleet.bundle("b", "Ostwick Savings"), *ring, "--wait", "2", "--timeout", "60s", "--json")
        answer = json.loads(pushed.stdout)
        assert answer["activation"].startswith("2-"), answer
        fleet.follow(nodes, "Ostwick Savings", 30)
        assert replica.head() == answer["activation"]
        until("the Sentinels agree", lambda: all(str(replica.port) in ask(p, "get-master-addr-by-name") for p in sentinels), 30)
        # The old one comes back as a replica of the new; nobody goes back to it.
        master.start()
        until("it follows", lambda: master("role", check=False).startswith("slave"), 30)  # the Sentinel closes all connections of one that it turns round
        sluice("push", fleet.bundle("b", "Merrow Capital"), *ring, "--wait", "2", "--timeout", "60s")
        fleet.follow(nodes, "Merrow Capital")
    assert all(g.state()["state"] == "FRESH" for g in nodes)


def test_a_flushed_redis_takes_no_policy_away_and_is_filled_by_the_next_push(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    nodes = [fleet.node(n) for n in range(2)]
    fleet.push(wait=2)
    with traffic(*nodes):
        redis("flushall")
        until("an empty ring is no contact", lambda: all(g.state()["state"] == "STALE" for g in nodes))
        assert all(g.state()["activation"] == "1-1" for g in nodes)
        until("publishers can see what was there", lambda: redis("zcard", redis.key("nodes")) == "2")
        answer = json.loads(fleet.push("Ostwick Savings", wait=2, more=["--json"]).stdout)
        assert answer["activation"] == "2-2", answer
        fleet.follow(nodes, "Ostwick Savings")
    assert all(g.state()["state"] == "FRESH" for g in nodes)


def test_a_hostile_blob_is_refused_once_and_not_tried_again(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0)
    fleet.push(wait=1)
    g.kill(signal.SIGTERM)
    fleet.push("Ostwick Savings")
    blobs = redis("--scan", "--pattern", redis.key("blob:*")).split()
    hostile = next(b for b in blobs if "Ostwick" in redis("get", b))
    redis("setrange", hostile, 30, "X")
    g.start()
    with traffic(g):
        until("it is refused", lambda: "VERIFY" in json.dumps(g.state()["last_refusal"]))
        first = (redis("get", hostile), metric(g, "sluice_policy_refusals_total"), redis("info", "commandstats"))
        ends = time.monotonic() + 3  # six polls
        until("polls have passed", lambda: time.monotonic() > ends)
        assert metric(g, "sluice_policy_refusals_total") == first[1] == 1
        assert json.loads(redis("hget", redis.key("ack:1-2"), "gw0"))["phase"] == "VERIFY"
        assert fleet.redacts(g, "Halden Bank") and g.state()["activation"] == "1-1"
        fleet.push("Ostwick Savings", wait=1)  # uploads what is not what it should be
        fleet.follow([g], "Ostwick Savings")


def test_a_version_that_explodes_on_a_node_is_refused_there(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, policy="compile_cpu_max: 1s")
    fleet.push(wait=1)
    heavy = "".join(f"""  - id: heavy{n}
    title: H
    severity: low
    direction: request
    match: {{regex: '(?i)(order|invoice|ticket){n} .{{0,90}} (paid|due|late) .{{0,90}} end'}}
    action: {{type: flag}}
    tests: [{{name: a, request: "order{n} x paid x end", expect: {{rules: [heavy{n}]}}}}, {{name: b, request: nothing, expect: {{rules: []}}}}]
""" for n in range(1200))
    with traffic(g):
        r = fleet.run("push", fleet.bundle("heavy", extra=heavy), "--wait", "1", "--json", check=False)
        answer = json.loads(r.stdout)["nodes"][0]
        assert r.returncode == 1 and answer["state"] == "NACK" and answer["phase"] == "compile", answer
        assert "took" in answer["message"] and "simplify" in answer["message"], answer
        assert g.state()["activation"] == "1-1" and g.state()["last_refusal"]["phase"] == "compile"


def test_nodes_that_all_start_again_at_once_serve_from_disk_and_do_not_storm(lab):
    redis = Server(lab)
    paths, fleet = [Proxy(redis.port) for _ in range(3)], Fleet(lab, redis.port)
    nodes = [fleet.node(n, paths[n].port) for n in range(3)]
    fleet.push(wait=3)
    for g in nodes:
        g.kill()
    redis.kill()
    before = [p.connections for p in paths]
    for g in nodes:
        g.start(wait=False)
    until("all serve", lambda: all(g.get("/livez")[0] == 200 for g in nodes))
    with traffic(*nodes):
        assert all(g.state()["state"] == "STALE" for g in nodes)
        ends = time.monotonic() + 6
        until("some time has passed", lambda: time.monotonic() > ends)
        asked = [p.connections - b for p, b in zip(paths, before)]
        assert all(n <= 12 for n in asked), f"{asked} attempts in 6 s: 0.2 s, doubled up to 5 s"
        redis.start()
        until("all are back", lambda: all(g.state()["connected"] for g in nodes))
        fleet.push("Ostwick Savings", wait=3)
        fleet.follow(nodes, "Ostwick Savings")


def test_a_wrong_clock_changes_no_order_and_no_state(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0)
    g.kill(signal.SIGTERM)
    with clock_offset(lab, 40 * 24 * HOUR):
        g.start()
    fleet.push(wait=1)
    with traffic(g):
        with clock_offset(lab, -90 * 24 * HOUR):
            late = fleet.start_push("Ostwick Savings", more=["--wait", "1"])
        assert late.wait(60) == 0, late.stdout.read()
        fleet.follow([g], "Ostwick Savings")
        years = [e["time"][:10] for e in json.loads(fleet.run("history", "--json").stdout)]
        assert years[0] < years[1], f"the later one was written with the earlier time: {years}"
        assert g.state()["activation"] == "1-2" and g.state()["state"] == "FRESH", g.state()
        fleet.push("Merrow Capital", wait=1)
        fleet.follow([g], "Merrow Capital")


def test_a_partition_that_drops_or_delays_stops_news_and_no_traffic(lab):
    redis = Server(lab)
    paths, fleet = [Proxy(redis.port), Proxy(redis.port)], Fleet(lab, redis.port)
    nodes = [fleet.node(n, paths[n].port) for n in range(2)]
    fleet.push(wait=2)
    with traffic(*nodes):
        paths[0].dark = True
        pushed = fleet.push("Ostwick Savings", wait="all", more=["--timeout", "3s"], check=False)
        assert pushed.returncode == 1 and "1 of 2 nodes answered" in pushed.stderr and "gw0" in pushed.stderr, pushed.stderr
        until("the node that hears nothing says so", lambda: nodes[0].state()["state"] == "STALE", 20)
        assert nodes[1].state()["state"] == "FRESH" and fleet.redacts(nodes[1], "Ostwick Savings")
        paths[0].dark = False
        fleet.follow(nodes, "Ostwick Savings", 20)
        for p in paths:
            p.delay = 0.2  # each piece, each way
        fleet.push("Merrow Capital", wait=2)
        fleet.follow(nodes, "Merrow Capital")
        for p in paths:
            p.cut()
        fleet.push("Quill Trust", wait=2)
    until("all are well", lambda: all(g.state()["state"] == "FRESH" for g in nodes))
