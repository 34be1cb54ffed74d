"""What the fleet does when Redis is gone, and when it comes back with nothing in it."""
import json
import shutil
import signal
import subprocess
import threading
import time

from lab import SLUICE, Gateway, bundle, sluice, until
from test_policy_swaps import fleet, push, redacts


def cli(port, *words):
    return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, check=True).stdout.strip()


def pushes(lab, port, words, *more):
    return subprocess.Popen([SLUICE, "push", str(bundle(lab.dir / "b", words)), "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", *more],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_first_push_into_an_empty_redis_is_followed_whatever_the_timing(lab):
    port, up, source, make = fleet(lab)
    redis = lab.redis(port)
    nodes = [make(n) for n in range(3)]
    for words in ("Halden Bank",), ("Ostwick Savings",):
        push(port, bundle(lab.dir / "b", words), "--wait", "3")
    for words, more in ((("Merrow Capital",), ["--wait", "3"]), (("Quill Trust",), ["--wait", "all"]), (("Tarn Credit",), [])):
        before = max(g.state()["activation"] for g in nodes)
        for g in nodes:
            g.process.send_signal(signal.SIGSTOP)  # so that surely nobody is back when the push counts
        redis.kill()
        redis.wait()
        redis = lab.redis(port)
        running = pushes(lab, port, words, *more)
        told = running.stdout.readline()
        assert "holds nothing: watching up to 7 s for nodes that have seen an activation" in told, told
        if more:  # back only when it has given them up, and waits for their answers
            until("the push counts from one", lambda: cli(port, "hget", "{sluice:it}:head", "gen"))
            assert cli(port, "hget", "{sluice:it}:head", "epoch") == "1"
        for g in nodes:
            g.process.send_signal(signal.SIGCONT)
        said = running.communicate(timeout=60)[0]
        assert running.returncode == 0 and ("which this Redis has lost" in said) == bool(more), said
        until("every node enforces it", lambda: all(redacts(g, up, words[0]) for g in nodes))
        assert {g.state()["activation"] for g in nodes} == {f"{int(before.split('-')[0]) + 1}-{int(before.split('-')[1]) + 1}"}


def test_a_push_after_a_long_outage_arrives_within_two_polls(lab):
    poll = 5
    port, up, source, make = fleet(lab, poll=f"{poll}s")
    redis = lab.redis(port)
    nodes = [make(n) for n in range(3)]
    push(port, bundle(lab.dir / "b"), "--wait", "3")
    redis.kill()
    redis.wait()
    end = time.monotonic() + 8  # long enough for the nodes to ask seldom
    while time.monotonic() < end:
        for g in nodes:
            assert g.ask("hi")[0] == 200 and redacts(g, up, "Halden Bank"), "traffic goes on"
        time.sleep(0.05)
    lab.redis(port)
    back = time.monotonic()
    running = pushes(lab, port, ("Merrow Capital",), "--wait", "3")
    until("every node enforces it", lambda: all(redacts(g, up, "Merrow Capital") for g in nodes), 40)
    took = time.monotonic() - back
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 0, said
    assert took < 2 * poll * 1.2, f"{took:.1f} s after Redis came back"


def test_without_redis_a_node_enforces_its_last_good_version_or_denies(lab):
    port, up, source, make = fleet(lab)
    redis = lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    g.kill(signal.SIGTERM)
    redis.kill()
    redis.wait()
    g.start()
    assert g.ask("hi")[0] == 200 and redacts(g, up, "Halden Bank") and g.ask("a bomb recipe")[0] == 400
    assert g.state()["state"] == "STALE" and not g.state()["connected"]
    fresh = make(1)
    asked = len(up.seen)
    status, _, body = fresh.ask("hi")
    assert status == 503 and b"policy_unavailable" in body and len(up.seen) == asked and fresh.get("/readyz")[0] != 200


def test_two_nodes_pushed_to_at_once_by_two_people_agree(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    nodes = [make(n) for n in range(2)]
    push(port, bundle(lab.dir / "b"), "--wait", "2")
    folders = [bundle(lab.dir / f"b{n}", (f"Person {n}",)) for n in range(6)]
    answers = []
    threads = [threading.Thread(target=lambda f=f: answers.append(push(port, f, "--wait", "2", check=False))) for f in folders]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert any(a.returncode == 0 for a in answers), answers
    assert all(a.returncode == 0 or "another push overtook" in a.stderr for a in answers), answers
    history = json.loads(sluice("history", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--json").stdout)
    assert len(history) == 7, history
    until("both run the last", lambda: len({g.state()["version"] for g in nodes} | {history[0]["version"]}) == 1)
    assert {g.state()["activation"] for g in nodes} == {"1-7"}, "nothing was lost, so nothing was activated twice"


def test_an_exception_that_expired_does_not_stop_a_node(lab):
    words = ("Halden Bank",)
    rule = """  - id: tarn
    title: Tarn
    severity: low
    direction: both
    match: {keywords: [Tarn Credit]}
    action: {type: redact, mask: "[R]"}
    exceptions:
      - {id: tarn-all, when: {region: [eu]}, reason: r, owner: o, ticket: T-1, expires: 2020-01-01}
    tests: [{name: a, request: Tarn Credit, expect: {rules: [tarn]}}, {name: b, request: nothing, expect: {rules: []}},
            {name: c, context: {region: eu}, request: Tarn Credit, expect: {rules: [], suppressed: [tarn-all]}}]
"""
    folder = bundle(lab.dir / "b", words, rule)
    refused = sluice("check", folder, check=False)
    assert refused.returncode == 1 and "exception 'tarn-all' expired on 2020-01-01" in refused.stderr + refused.stdout
    port, up, source, make = fleet(lab)
    g = Gateway(lab, "old", up.port, f"{{directory: {folder}}}", "context: {default: {region: eu}}")
    assert redacts(g, up, "Tarn Credit") and g.state()["state"] == "FRESH"
    g.kill()
    g.start()
    assert redacts(g, up, "Tarn Credit")
    told = (lab.dir / "old.log").read_text().count("exception 'tarn-all' of rule 'tarn' expired on 2020-01-01")
    assert told == 2, f"once in each life, not {told} times"
    assert not shutil.which("redis-server") or push(lab.redis(port) and port, folder, check=False).returncode == 1
