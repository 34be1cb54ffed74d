"""Rules that change under a running gateway: from a folder and through Redis, and when Redis is gone."""
import json
import os
import shutil
import signal
import threading
import time

from lab import Gateway, Skip, Upstream, bundle, free_port, sluice, until
from test_exchanges import content, events, gateway


def redacts(g, up, name):
    g.ask(f"pay {name} now")
    return b"[R]" in up.seen[-1]


def test_a_folder_is_followed_and_a_bad_file_changes_nothing(lab):
    g, up = gateway(lab)
    folder = lab.dir / "gw-b"
    assert not redacts(g, up, "Ostwick Savings")
    bundle(folder, ("Ostwick Savings",))
    until("the swap by rename is enforced", lambda: redacts(g, up, "Ostwick Savings"))
    assert not redacts(g, up, "Halden Bank")
    in_place = (folder / "p.yaml").read_text()
    (folder / "p.yaml").write_text(in_place.replace("Ostwick Savings", "Merrow Capital"))
    until("the edit in place is enforced", lambda: redacts(g, up, "Merrow Capital"))
    version = g.state()["version"]
    (folder / "p.yaml").write_text(in_place.replace("keywords", "keywrods"))
    until("the refusal is told", lambda: g.state()["last_refusal"])
    assert g.state()["version"] == version and "keywrods" in json.dumps(g.state()["last_refusal"]) and redacts(g, up, "Merrow Capital")


def test_swaps_under_load_fail_nothing_and_mix_nothing(lab):
    current = lab.dir / "current"
    current.symlink_to(bundle(lab.dir / "v"))
    g = Gateway(lab, "gw", Upstream().port, f"{{directory: {current}}}")
    stop, bad, said = threading.Event(), [], {}

    def load():
        while not stop.is_set():
            status, headers, body = g.ask("pay Halden Bank", stream=len(said) % 2 == 0)
            said[headers["x-sluice-decision"]] = headers["x-sluice-policy"]
            if status != 200 or b"[R]" not in body:
                bad.append((status, headers, body))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    for n in range(20):
        before = g.state()["version"]
        (lab.dir / "next").symlink_to(bundle(lab.dir / f"v{n}", ("Halden Bank", f"Other {n}")))
        os.replace(lab.dir / "next", current)
        until(f"swap {n} is taken", lambda: g.state()["version"] != before)
    stop.set()
    for t in threads:
        t.join()
    records = g.records()
    taken = {r["activation"]: r["version"] for r in records if r["event"] == "activated"}
    assert not bad and len(said) > 50 and len(taken) >= 20, (bad[:2], len(said), len(taken))
    # Each record of an exchange, opened and closed, names one version, the one that its headers named.
    seen = {}
    for r in records:
        if r.get("id") in said:
            seen.setdefault(r["id"], set()).add(f"{r['activation']}:{r['version'][:12]}")
            assert taken[r["activation"]] == r["version"], r
    assert seen == {i: {label} for i, label in said.items()}


def fleet(lab, extra="", poll="500ms"):
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    port = free_port()
    up = Upstream()
    source = f'{{redis: {{url: "redis://127.0.0.1:{port}", ring: it, poll: {poll}}}}}'
    return port, up, source, (lambda n: Gateway(lab, f"gw{n}", up.port, source, extra))


def push(port, folder, *more, check=True):
    return sluice("push", folder, "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", *more, check=check)


def streams(g, count):
    """Long streams; what each came to: its text, how it ended, its record's reason."""
    out = [None] * count

    def one(i):
        status, head, body = g.ask("tell", stream=True)
        out[i] = (content(body), events(body)[-1]["choices"][0]["finish_reason"], head["x-sluice-policy"])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    return out, threads


def metric(g, name):
    return next(float(line.split()[-1]) for line in g.get("/metrics")[1].splitlines() if line.startswith(name))


def swaps(g, up, folder, names):
    for name in names:
        begin = time.monotonic()
        bundle(folder, (name,))
        until(f"{name} is enforced", lambda: redacts(g, up, name))
        assert time.monotonic() - begin < 10, "no swap waits for a stream"


def test_streams_on_old_versions_end_after_pin_max_and_swaps_do_not_wait_for_them(lab):
    g, up = gateway(lab)
    g.kill(signal.SIGTERM)
    g.config.write_text(g.config.read_text().replace("  state_directory", "  pin_max: 3s\n  state_directory"))
    g.start()
    up.pieces, up.pause = ["word "] * 400, 0.05
    old, threads = streams(g, 5)
    until("the streams are under way", lambda: metric(g, "sluice_streams_total") >= 5)
    up.pieces, up.pause = None, 0
    swaps(g, up, lab.dir / "gw-b", [f"Rival {i}" for i in range(8)])
    up.pieces, up.pause = ["late "] * 60, 0.05
    new, later = streams(g, 2)
    for t in threads + later:
        t.join(60)
    assert all(text.startswith("word ") and end == "content_filter" for text, end, _ in old), old
    assert all(text == "late " * 60 and end == "stop" for text, end, _ in new), "what is in force is not touched"
    closed = [r for r in g.records() if r["event"] == "closed"]
    ended = [r for r in closed if r.get("reason") == "policy_superseded"]
    assert len(ended) == 5 and all(r["verdict"] == "block" and r["activation"] == "1-1" for r in ended), closed
    assert 'reason="policy_superseded"} 5' in g.get("/metrics")[1]
    until("nothing old is held", lambda: metric(g, "sluice_policy_pinned_snapshots") == 0)


def test_a_gateway_that_enforces_nothing_keeps_no_old_version(lab):
    current = lab.dir / "current"
    current.symlink_to(bundle(lab.dir / "v"))
    g = Gateway(lab, "gw", Upstream().port, f"{{directory: {current}}}", "mode: shadow")
    for n in range(5):
        assert g.ask("pay Halden Bank")[0] == 200
        before = g.state()["version"]
        (lab.dir / "next").symlink_to(bundle(lab.dir / f"v{n}", ("Halden Bank", f"Other {n}")))
        os.replace(lab.dir / "next", current)
        until(f"swap {n} is taken", lambda: g.state()["version"] != before)
    until("nothing old is held", lambda: metric(g, "sluice_policy_pinned_snapshots") <= 1)  # a worker keeps one until it judges again
    assert metric(g, "sluice_breaker_unseen_total") == 0


def test_streams_on_the_oldest_versions_end_at_the_bound_of_memory(lab):
    g, up = gateway(lab)
    g.kill(signal.SIGTERM)
    g.config.write_text(g.config.read_text().replace("  state_directory", "  snapshot_bytes_max: 1KiB\n  state_directory"))
    g.start()
    up.pieces, up.pause = ["word "] * 200, 0.05
    old, threads = streams(g, 3)
    until("the streams are under way", lambda: metric(g, "sluice_streams_total") >= 3)
    up.pieces, up.pause = None, 0
    begin = time.monotonic()
    swaps(g, up, lab.dir / "gw-b", ["Ostwick Savings"])
    for t in threads:
        t.join(30)
    assert time.monotonic() - begin < 8 and all(end == "content_filter" for _, end, _ in old), old
    assert [r["reason"] for r in g.records() if r["event"] == "closed"] == ["policy_superseded"] * 3


def test_a_push_reaches_every_node_and_survives_redis(lab):
    port, up, source, make = fleet(lab)
    redis = lab.redis(port)
    nodes = [make(n) for n in range(3)]
    assert all(g.ask("hi")[0] == 503 for g in nodes), "an empty state denies"
    until("heartbeats", lambda: len(json.loads(sluice("status", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--json").stdout)["nodes"]) == 3)
    push(port, bundle(lab.dir / "b"), "--wait", "all", "--note", "first")
    assert all(redacts(g, up, "Halden Bank") for g in nodes)
    push(port, bundle(lab.dir / "b", ("Ostwick Savings",)), "--wait", "all")
    assert all(redacts(g, up, "Ostwick Savings") and not redacts(g, up, "Halden Bank") for g in nodes)
    sluice("rollback", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--wait", "all")
    assert all(redacts(g, up, "Halden Bank") for g in nodes)
    redis.kill()
    redis.wait()
    assert all(g.ask("hi")[0] == 200 for g in nodes)
    nodes[0].kill()
    nodes[0].start()  # without Redis, from disk
    assert redacts(nodes[0], up, "Halden Bank")
    lab.redis(port)  # empty
    until("the nodes are back", lambda: all(g.state()["connected"] for g in nodes))
    answer = json.loads(push(port, bundle(lab.dir / "b", ("Merrow Capital",)), "--wait", "3", "--json").stdout)
    assert answer["activation"].startswith("2-"), answer
    assert all(redacts(g, up, "Merrow Capital") for g in nodes)


def test_fail_closed_refuses_past_max_stale(lab):
    port, up, source, make = fleet(lab)
    redis = lab.redis(port)
    g = Gateway(lab, "closed", up.port, source)
    g.kill()
    g.config.write_text(g.config.read_text().replace("  state_directory", "  on_unavailable: fail_closed\n  max_stale: 2s\n  state_directory"))
    g.start()
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    assert g.ask("hi")[0] == 200
    redis.kill()
    until("past max_stale it refuses", lambda: g.ask("hi")[0] == 503)
    assert g.state()["state"] == "EXPIRED" and g.get("/readyz")[0] != 200
    refused = g.ask("hi")[1]["x-sluice-decision"]
    g.records()
    told = json.loads(sluice("audit", "replay", refused, "--from", g.audit, "--state", lab.dir / f"{g.name}-state", "--json").stdout)
    assert told["same"] and "no rule was asked" in told["checked"][0], told
    g.kill()
    g.start()
    assert g.ask("hi")[0] == 503, "a restart does not make it younger"


def test_a_changed_byte_in_redis_is_refused(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    import subprocess
    cli = lambda *w: subprocess.run(["redis-cli", "-p", str(port), *w], capture_output=True, text=True, check=True).stdout
    g.kill(signal.SIGTERM)
    push(port, bundle(lab.dir / "b", ("Ostwick Savings",)))
    for key in cli("--scan", "--pattern", "{sluice:it}:blob:*").split():
        if "Ostwick" in cli("get", key):
            cli("setrange", key, "20", "X")
    g.start()
    refusal = until("the refusal is told", lambda: g.state()["last_refusal"])
    assert "VERIFY" in json.dumps(refusal) and redacts(g, up, "Halden Bank")
