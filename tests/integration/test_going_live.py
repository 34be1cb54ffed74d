"""A version that is tried on a share of conversations first, and what stops one from becoming live."""
import json
import re
import threading
import time

from lab import bundle, free_port, sluice, until
from redis_lab import Fleet, Server
from test_policy_swaps import fleet, push, redacts

HEADERS = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}"


def ring(port, command, *more, check=True):
    return sluice(command, *more, "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", check=check)


def arms(g, up, conversations):
    """The conversations that the new version decided."""
    mine = set()
    for n in conversations:
        g.post({"model": "m", "messages": [{"role": "user", "content": "pay Ostwick Savings now"}]}, {"x-conversation": f"c{n}"})
        if b"[R]" in up.seen[-1]:
            mine.add(n)
    return mine


def test_a_canary_keeps_to_its_conversations_on_every_node_and_grows_and_ends(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    nodes = [make(n) for n in range(2)]
    push(port, bundle(lab.dir / "b"), "--wait", "2")
    some = range(200)
    assert arms(nodes[0], up, some) == set()
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"))
    push(port, trial, "--canary", "20", "--wait", "2")
    first = arms(nodes[0], up, some)
    assert 20 <= len(first) <= 64, f"{len(first)} of 200 conversations, and 20 % were asked for"  # 40 ± more than 4 sigma
    assert arms(nodes[1], up, some) == first, "every node finds the same share"
    assert redacts(nodes[0], up, "Halden Bank"), "what is live decides for the others"
    records = [r for r in nodes[1].records() if r.get("arm")]
    by_arm = {arm: {r["version"] for r in records if r["arm"] == arm} for arm in ("stable", "canary")}
    assert len(by_arm["canary"]) == 1 and by_arm["canary"].isdisjoint(by_arm["stable"]), by_arm
    assert sum(r["arm"] == "canary" for r in records) == len(first)
    assert "canary: version" in ring(port, "status").stdout
    push(port, trial, "--canary", "50", "--wait", "2")
    assert first < arms(nodes[0], up, some), "a larger share holds the smaller one"
    ring(port, "abort", "--wait", "2")
    assert arms(nodes[0], up, some) == set() == arms(nodes[1], up, some)
    assert ring(port, "promote", check=False).returncode != 0, "there is none any more"
    push(port, trial, "--canary", "5", "--wait", "2")
    canary = json.loads(ring(port, "status", "--json").stdout)["canary"]["version"]
    for other in ("0" * 64, "0" * 8, canary[:4]):
        r = ring(port, "promote", other, check=False)
        assert r.returncode == 1 and ("not 00000000" in r.stderr or "too short" in r.stderr), r.stderr
    assert ring(port, "abort", "0" * 12, check=False).returncode == 1
    ring(port, "promote", canary[:12], "--wait", "2")
    assert arms(nodes[0], up, some) == set(some) == arms(nodes[1], up, some)
    kinds = [e["kind"] for e in json.loads(ring(port, "history", "--json").stdout)]
    assert kinds == ["promote", "canary", "abort", "canary", "canary", "activate"], kinds


def test_whoever_ends_the_trial_of_another_is_told_whose_it_was(lab):
    port = free_port()
    lab.redis(port)
    words = (f"{name} Bank" for name in ("Mere", "Tarn", "Fell", "Dale", "Beck", "Crag", "Holm", "Wick"))
    next_one = lambda: bundle(lab.dir / "b", ("Halden Bank", next(words)))
    told = lambda command, *more: (lambda r: (r.stderr, json.loads(r.stdout)))(ring(port, command, *more, "--json"))
    pushed = lambda *more: told("push", next_one(), *more)
    ended = lambda answer, *expected: [w in answer[0] for w in answer[1]["warnings"]] == [True] * len(expected) and all(e in w for e, w in zip(expected, answer[1]["warnings"]))
    first = pushed()
    assert ended(first), first
    canary = pushed("--canary", "5", "--actor", "ada")[1]["version"][:12]
    answer = pushed("--canary", "50", "--actor", "ben")
    assert ended(answer, f"the canary, version {canary}, which ada began, ends with it"), answer
    canary = answer[1]["version"][:12]
    ring(port, "push", lab.dir / "b", "--canary", "70", "--actor", "cleo")  # which grows: nothing ends
    beside = pushed("--shadow", "--actor", "dora")
    assert ended(beside), "both go on"
    answer = pushed()
    assert ended(answer, f"the canary, version {canary}, which ben began", f"the version in shadow, {beside[1]['version'][:12]}, which dora began"), answer

    shadow = pushed("--shadow", "--actor", "dora")[1]["version"][:12]
    answer = told("rollback", "--to", first[1]["activation"])
    assert ended(answer, f"the version in shadow, {shadow}, which dora began"), answer
    staged = pushed("--no-activate")[1]["version"]
    ring(port, "push", next_one(), "--canary", "5", "--actor", "ada")
    answer = told("activate", staged, "--approved-by", "Eve")
    assert ended(answer, ", which ada began, ends with it"), answer
    ring(port, "push", lab.dir / "b", "--canary", "5")
    answer = told("promote")
    assert ended(answer), "what becomes live does not end"


def test_whom_a_canary_decides_for_stays_with_it_while_it_grows(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"))
    push(port, trial, "--canary", "20", "--wait", "1")
    one = {"x-conversation": f"c{min(arms(g, up, range(200)))}"}

    def version():
        return g.post({"model": "m", "messages": [{"role": "user", "content": "hello"}]}, one)[1]["x-sluice-policy"].split(":")[-1]

    new, seen, stop = version(), [], threading.Event()

    def ask():
        while not stop.is_set():
            seen.append(version())

    asking = threading.Thread(target=ask)
    asking.start()
    for share in ("50", "60", "70"):
        push(port, trial, "--canary", share, "--wait", "1")
    stop.set()
    asking.join(20)
    assert len(seen) > 30 and set(seen) == {new}, f"{len(seen) - seen.count(new)} of {len(seen)} by what is live"


def says(r, number, state, version):
    """What a node that is there answers, as its own user of Redis writes it."""
    r("zadd", r.key("nodes"), int(time.time() * 1000), "gw0")
    r("hset", r.key(f"ack:{number}"), "gw0", json.dumps({"state": state, "phase": "ACTIVE" if state == "ACK" else "VERIFY", "version": version}))
    r("hset", r.key("node:gw0"), "activation", number, "version", version, "build", "b", "answer", f"{number} {state}")


def test_a_rollback_takes_the_manifest_that_a_node_took(lab):
    """One version twice in the history, from two commits: every node refused the second."""
    redis = Server(lab)
    it = Fleet(lab, redis.port)
    version = json.loads(it.push(name="a", more=["--commit", "a" * 40, "--json"]).stdout)["version"]
    it.push("Ostwick Savings", name="two")
    it.push(name="a", more=["--commit", "c" * 40])
    last = lambda: json.loads(it.run("history", "--json").stdout)[0]
    assert last()["commit"] == "c" * 40 and last()["activation"] == "1-3", last()
    says(redis, "1-1", "ACK", version)
    says(redis, "1-3", "NACK", version)
    for number, to in (("1-5", version), ("1-7", "1-3")):
        it.push("Merrow Capital", name="three", more=["--again"])
        it.run("rollback", "--to", to)
        assert (last()["activation"], last()["version"], last()["commit"]) == (number, version, "a" * 40), last()


def test_a_rollback_that_revoked_nothing_is_not_told_as_one_that_did(lab):
    redis = Server(lab)
    it = Fleet(lab, redis.port)
    pushed = lambda *words: json.loads(it.push(*words, name=f"b{len(words)}", more=["--json", "--again"]).stdout)["version"]
    first, second = pushed(), pushed("Ostwick Savings")
    back = lambda *more: (lambda r: (r.returncode, json.loads(r.stdout)))(it.run("rollback", "--json", *more, check=False))
    code, told = back()
    assert (code, told["ok"], told["revoked"], told["version"]) == (0, True, None, first), told
    pushed("Ostwick Savings")
    says(redis, "1-5", "NACK", first)  # to the rollback that comes next
    code, told = back("--revoke")
    assert (code, told["ok"], told["revoked"], told["activation"]) == (1, False, False, "1-5"), told
    assert redis("smembers", redis.key("revoked")) == "", told
    pushed("Ostwick Savings")
    says(redis, "1-1", "ACK", first)  # what no node answered to is no way back where nodes do answer
    says(redis, "1-7", "ACK", first)
    code, told = back("--revoke")
    assert (code, told["ok"], told["revoked"], told["activation"]) == (0, True, True, "1-7"), told
    assert redis("smembers", redis.key("revoked")) == second


def test_a_freeze_and_a_revocation_stop_what_they_name(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "one"), "--wait", "1")
    bad = bundle(lab.dir / "two", ("Ostwick Savings",))
    push(port, bad, "--wait", "1")
    ring(port, "freeze", "--note", "audit until Friday")
    stopped = push(port, bundle(lab.dir / "three", ("Merrow Capital",)), check=False)
    assert stopped.returncode == 1 and "audit until Friday" in stopped.stderr
    assert "audit until Friday" in ring(port, "status").stdout
    ring(port, "rollback", "--revoke", "--wait", "1")
    assert redacts(g, up, "Halden Bank"), "a rollback passes a freeze"
    ring(port, "freeze", "--lift", "--note", "audit is done")
    again = push(port, bad, check=False)
    assert again.returncode == 1 and "is revoked, by " in again.stderr and "nothing was uploaded" in again.stderr and "sluice unrevoke" in again.stderr, again
    until("the node keeps no revoked version", lambda: len(g.state()["stored_versions"]) == 1, seconds=45)
    told = json.loads(ring(port, "history", "--json").stdout)
    assert [e["kind"] for e in told] == ["thaw", "revoke", "rollback", "freeze", "activate", "activate"], told
    assert told[0]["note"] == "audit is done", told[0]
    version = told[1]["version"]
    assert version != g.state()["version"] and told[3]["note"] == "audit until Friday" and all(e["actor"] and e["time"] for e in told), told
    rows = ring(port, "history", "--limit", "3").stdout.splitlines()
    assert len(rows) == 4 and "thaw" in rows[1] and f"{version[:12]}  revoke" in rows[2], rows
    # Nothing of it goes on its way to be live, and everybody sees which it is.
    for words in (["push", bad, "--no-activate"], ["push", bad, "--shadow"], ["activate", version[:12]]):
        r = ring(port, *words, check=False)
        assert r.returncode == 1 and f"version {version[:12]} is revoked, by " in r.stderr and f"sluice unrevoke {version[:12]}" in r.stderr, r
    assert json.loads(ring(port, "status", "--json").stdout)["revoked"] == [version] and f"revoked: {version[:12]}" in ring(port, "status").stdout
    marked = {e["activation"]: e["revoked"] for e in json.loads(ring(port, "history", "--json").stdout) if e["activation"]}
    assert marked == {"1-1": False, "1-2": True, "1-3": False}, marked
    assert sum("REVOKED" in row for row in ring(port, "history").stdout.splitlines()) == 1
    ring(port, "unrevoke", version[:12])
    push(port, bad, "--wait", "1")
    assert "revoked" not in ring(port, "status").stdout
    assert redacts(g, up, "Ostwick Savings")


def test_what_is_live_and_revoked_all_the_same_does_not_look_well(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    version = json.loads(fleet.push(more=["--json"]).stdout)["version"]
    redis("sadd", redis.key("revoked"), version)  # no command does that
    told = fleet.run("status").stdout
    assert f"REVOKED: version {version[:12]}, which is live" in told and f"sluice unrevoke {version[:12]}" in told, told
    r = fleet.push(check=False)
    assert r.returncode == 1 and f"version {version[:12]} is revoked" in r.stderr and "nothing to do" not in r.stdout, r


def test_a_freeze_over_a_freeze_says_what_it_takes_the_place_of(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    assert "1-1 is the head, and no node is there that could run it" in fleet.run("abort", check=False).stderr
    first = fleet.run("freeze", "--note", "audit until Friday", "--actor", "ada")
    assert "frozen already" not in first.stderr, first
    second = fleet.run("freeze", "--note", "year end", "--json")
    assert "the ring was frozen already: audit until Friday (ada)" in second.stderr and json.loads(second.stdout)["replaced"] == "audit until Friday (ada)", second
    assert "year end" in fleet.run("status").stdout
    # A mistyped name looks like a new ring: whoever asks of it is asked whether it is meant.
    for more in ([], ["--json"]):
        elsewhere = sluice("status", "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", "itt", *more)
        assert "nothing was ever activated in ring 'itt', and no node follows it" in elsewhere.stderr and "is --ring (or SLUICE_RING) the fleet's name?" in elsewhere.stderr, elsewhere
    assert json.loads(elsewhere.stdout)["head"] is None and fleet.run("status").stderr == ""


def test_a_note_stays_in_its_row(lab):
    """Who may write to Redis writes notes and names: none of them looks like another row, or moves the cursor over one."""
    port, up, source, make = fleet(lab)
    lab.redis(port)
    forged = "x\n9-99  deadbeefdead  activate  2026-01-01T00:00:00Z  Ada  \x1b[31mred\x1b[1A\u202e"
    push(port, bundle(lab.dir / "one"), "--note", forged, "--actor", "Eve\r\nMallory\x1b[2K")
    ring(port, "freeze", "--note", forged)
    for words in (["history"], ["status"]):
        told = ring(port, *words).stdout
        assert not any(each in told for each in ("\x1b", "\r", "\u202e")) and "x\\n9-99" in told and "Eve\\r\\nMallory\\x1b[2K" in told, told
        assert not any(line.startswith("9-99") for line in told.splitlines()), told
    stopped = push(port, bundle(lab.dir / "two", ("Ostwick Savings",)), check=False)
    assert stopped.returncode == 1 and "\x1b" not in stopped.stderr and "\\x1b[31mred" in stopped.stderr and not re.search("^9-99", stopped.stderr, re.M), stopped
    assert json.loads(ring(port, "history", "--json").stdout)[1]["note"] == forged, "for machines it is what it was"
