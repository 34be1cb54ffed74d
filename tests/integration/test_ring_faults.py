"""A ring that others write into, a Redis that answers late, a clock that is wrong: what nodes and commands make of it."""
import json
import os
import signal
import threading
import time

from lab import sluice, until
from redis_lab import Fleet, Proxy, Server, clock_offset
from test_controller import controller


def heartbeat(redis, name, **fields):
    redis("hset", redis.key(f"node:{name}"), *(word for pair in fields.items() for word in pair))
    redis("expire", redis.key(f"node:{name}"), 30)
    redis("zadd", redis.key("nodes"), int(time.time() * 1000), name)


def test_a_lying_heartbeat_makes_a_push_activate_a_few_times_and_is_named(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.node(1)
    fleet.push(wait=1)
    stop = threading.Event()

    def lie():
        while not stop.is_set():
            at = redis.head()
            heartbeat(redis, "evil", activation=at, highest=at, version="f" * 64, record="00", state="FRESH", build="x", demoted="[]", labels="{}")

    liar = threading.Thread(target=lie)
    liar.start()
    until("the liar is there", lambda: "evil" in redis("zrange", redis.key("nodes"), 0, -1).split())
    before = int(redis("xlen", redis.key("log")))
    try:
        r = fleet.push("Ostwick Savings", wait="all", more=("--timeout", "12s"), check=False)
    finally:
        stop.set()
        liar.join()
    assert r.returncode == 1 and "evil" in r.stderr and "nodes say they have seen" in r.stderr, r.stdout + r.stderr
    assert int(redis("xlen", redis.key("log"))) - before <= 7, r.stdout
    version = json.loads(fleet.run("status", "--json").stdout)["head"]["version"]
    assert version[:12] in r.stdout


def test_what_one_gateways_user_says_for_another_is_no_answer(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(1)
    fleet.push(wait=1)
    g.process.send_signal(19)
    try:
        redis("hset", redis.key("ack:1-2"), g.name, '{"state":"ACK","phase":"ACTIVE","version":"","message":"","rule":"","compile_ms":3,"ts":1}')
        r = fleet.push("Ostwick Savings", wait="all", more=("--timeout", "3s"), check=False)
        assert r.returncode == 1 and f"missing: {g.name}" in r.stderr, r.stdout + r.stderr
        node = json.loads(fleet.run("status", "--json").stdout)["nodes"][0]
        assert node["id"] == g.name and node["phase"] != "active", node
    finally:
        g.process.send_signal(18)
    fleet.follow([g], "Ostwick Savings")


def test_an_activation_whose_reply_is_late_is_found_in_the_log(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    version = fleet.run("push", fleet.bundle("c", "Ostwick Savings"), "--no-activate").stdout.split()[1]
    path = Proxy(redis.port)
    path.hold_reply(b"'PUBLISH', ARGV[7]")
    r = fleet.run("activate", version, port=path.port, check=False)
    assert path.held()
    path.release()
    assert r.returncode == 0 and "1-2" in r.stdout, r.stdout + r.stderr
    assert redis.head() == "1-2"


def test_an_activation_that_nobody_can_tell_of_is_said_to_be_perhaps_live(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    version = fleet.run("push", fleet.bundle("c", "Ostwick Savings"), "--no-activate").stdout.split()[1]
    path = Proxy(redis.port)
    path.on_request = lambda data: path.__setattr__("target", 1) or "cut" if b"'PUBLISH', ARGV[7]" in data else None
    r = fleet.run("activate", version, port=path.port, check=False)
    assert r.returncode == 1 and "so it may be: see sluice history" in r.stderr, r.stdout + r.stderr


def test_a_node_whose_clock_is_days_ahead_takes_nobody_from_the_list(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    right = fleet.node(1)
    until("the first reports", lambda: right.name in redis("zrange", redis.key("nodes"), 0, -1))
    with clock_offset(lab, 2 * 86_400):
        ahead = fleet.node(2)
    until("the second reports", lambda: ahead.name in redis("zrange", redis.key("nodes"), 0, -1))
    assert right.name in redis("zrange", redis.key("nodes"), 0, -1).split(), "its heartbeat came before, and stays"
    ages = {n["id"]: n["heartbeat_age_ms"] for n in json.loads(fleet.run("status", "--json").stdout)["nodes"]}
    assert set(ages) == {right.name, ahead.name} and all(age < 60_000 for age in ages.values()), ages
    late = int(redis("zscore", redis.key("nodes"), ahead.name)) / 1000 - time.time()
    assert abs(late) < 60, late


def test_demote_says_what_it_cannot_read_and_takes_nothings_place(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    fleet.push("Ostwick Savings", name="shadowed", more=("--shadow",))
    fleet.push("Quill Trust", name="tried", more=("--canary", "5"))
    head = redis.head()
    r = fleet.run("demote", check=False)
    assert r.returncode == 1 and "would take its place" in r.stderr and redis.head() == head, r.stderr
    r = fleet.run("promote", "--shadow")
    assert "the canary, version" in r.stderr and "ends with it" in r.stderr, r.stderr
    version = json.loads(fleet.run("status", "--json").stdout)["head"]["version"]
    manifest = redis("hget", redis.key(f"manifest:{version}"), "manifest")
    digests = [f["sha256"] for f in json.loads(manifest)["files"]]
    redis("del", redis.key(f"blob:{digests[0]}"))
    r = fleet.run("demote", "rivals", check=False)
    assert r.returncode == 1 and "cannot be read" in r.stderr and "no version that decides" not in r.stderr, r.stderr


def test_nobody_waits_for_a_node_that_was_stopped(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    nodes = [fleet.node(n) for n in range(3)]
    fleet.push(wait=3)
    there = lambda: {n["id"]: n["alive"] for n in json.loads(fleet.run("status", "--json").stdout)["nodes"]}
    nodes[2].kill()  # one that died may be back in a moment, and is waited for
    begin = time.monotonic()
    nodes[1].kill(signal.SIGTERM)
    assert nodes[1].process.returncode == 0 and there() == {"gw0": True, "gw2": True}, there()
    assert "this node has left ring it" in (lab.dir / "gw1.log").read_text()
    nodes[2].start()
    told = fleet.push("Ostwick Savings", more=("--wait", "all", "--timeout", "20s"))
    assert time.monotonic() - begin < 20 and "gw1" not in told.stdout, told.stdout
    nodes[1].start()
    until("it is back", lambda: there() == {"gw0": True, "gw1": True, "gw2": True})
    # What another process of its name has written is not taken away.
    redis("hset", redis.key("node:gw1"), "boot", "another")
    nodes[1].kill(signal.SIGTERM)
    assert there()["gw1"]
    # A Redis that does not answer keeps nobody from stopping.
    os.kill(redis.process.pid, signal.SIGSTOP)
    begin = time.monotonic()
    nodes[0].kill(signal.SIGTERM)
    os.kill(redis.process.pid, signal.SIGCONT)
    assert nodes[0].process.returncode == 0 and time.monotonic() - begin < 9, time.monotonic() - begin


def test_a_controller_tells_once_that_redis_is_away(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    one = controller(lab, redis.port, "c1")
    log = lab.dir / "c1.log"
    until("it acts", lambda: "acts for the ring" in log.read_text())
    redis.kill()
    until("it says so", lambda: "the ring cannot be looked after" in log.read_text())
    time.sleep(7)  # three looks
    told = log.read_text().count("cannot be looked after")
    assert told <= 2 and log.read_text().count("is Redis running") == 0, log.read_text()
    redis.start()
    fleet.push("Ostwick Savings")
    until("it acts again", lambda: redis("get", redis.key("controller")) != "")
    one.terminate()


def test_a_controller_whose_key_expired_writes_no_head_and_says_it_once(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    trust = lab.dir / "trust.yaml"
    for role in ("build,activate", "safety"):
        sluice("keygen", lab.dir / f"{role}.pem", "--name", role.replace(",", "-"), "--role", role, "--days", "1", "--trust-file", trust)
    text = trust.read_text()
    end = time.time() + 20
    at = text.rindex("not_after: ") + len("not_after: ")
    stop = min(i for i in (text.find("}", at), text.find("\n", at)) if i >= 0)
    trust.write_text(text[:at] + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)) + text[stop:])
    fleet.push(more=("--key", lab.dir / "build,activate.pem", "--trust", trust))
    version = json.loads(fleet.run("history", "--json").stdout)[0]["version"]
    controller(lab, redis.port, "c1", "--key", lab.dir / "safety.pem", "--trust", trust)
    log = lab.dir / "c1.log"
    until("it acts", lambda: "acts for the ring" in log.read_text())
    until("its key has expired", lambda: time.time() > end + 1)

    def reports():
        heartbeat(redis, "x", activation="1-1", highest="1-1", version=version, demoted=json.dumps([{"version": version, "rule": "bomb", "why": "test"}]))
        return "expired at" in log.read_text()

    until("it says that it cannot sign", reports, 60)
    again = time.monotonic() + 6
    until("it looked three times more", lambda: reports() and time.monotonic() > again)
    assert log.read_text().count("expired at") == 1, log.read_text()
    assert redis.head() == "1-1"
