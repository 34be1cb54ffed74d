"""Who owns Redis owns nothing else: users, signatures, gates and approvals that nodes demand, and a Redis that has no room."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import time

from lab import ROOT, Gateway, sluice, until
from redis_lab import RING, Fleet, Proxy, Server, metric, traffic
from test_gate import cases, write


def test_a_redis_without_memory_refuses_a_push_and_changes_nothing(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0)
    fleet.push(wait=1)
    staged = fleet.push("Ostwick Savings", more=["--no-activate", "--json"])
    version = json.loads(staged.stdout)["version"]
    with traffic(g):
        redis("config", "set", "maxmemory", "1mb")
        for words in (["push", fleet.bundle("c", "Merrow Capital")], ["activate", version]):
            r = fleet.run(*words, check=False)
            assert r.returncode == 1 and "OOM" in r.stderr, r.stderr
        assert redis.head() == "1-1" and redis("xlen", redis.key("log")) == "1"
        assert fleet.redacts(g, "Halden Bank") and not fleet.redacts(g, "Ostwick Savings")
        redis("config", "set", "maxmemory", "0")
        fleet.run("activate", version, "--wait", "1")
        fleet.follow([g], "Ostwick Savings")
    assert g.state()["state"] == "FRESH"


def manual_users(redis, ring):
    """The users of docs/deploy.md, as they stand there."""
    lines = re.findall(r"^ACL SETUSER .*$", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE)
    assert [line.split()[2] for line in lines] == ["gateway", "publisher", "vault", "ledger", "auditor"], lines
    for line in lines:
        redis(*line.replace("{sluice:production}", "{sluice:%s}" % ring).replace("PASSWORD", "secret").split())


def test_the_users_of_the_manual_are_enough_and_no_more(lab):
    redis = Server(lab)
    manual_users(redis, RING)
    redis("acl", "setuser", "default", "off")  # from here on nobody is anonymous
    password = lab.dir / "password"
    password.write_text("secret\n")
    fleet = Fleet(lab, redis.port)
    source = lambda user: f"redis://{user}@127.0.0.1:{redis.port}"

    g = Gateway(lab, "gw0", fleet.up.port, f'{{redis: {{url: "{source("gateway")}", password_file: {password}, ring: {RING}, poll: 500ms}}}}')
    ring = ["--redis", source("publisher"), "--redis-password-file", password, "--ring", RING]
    push = lambda *words: sluice("push", fleet.bundle("b", *words), *ring, "--wait", "1")
    push()
    version = json.loads(sluice("status", *ring, "--json").stdout)["head"]["version"]
    with traffic(g):
        push("Ostwick Savings")
        sluice("freeze", *ring, "--note", "why")
        sluice("rollback", *ring, "--wait", "1")
        sluice("freeze", *ring, "--lift")
        sluice("push", fleet.bundle("c", "Merrow Capital"), *ring, "--canary", "50", "--wait", "1")
        sluice("abort", *ring, "--wait", "1")
        sluice("push", fleet.bundle("e", "Tarn Credit"), *ring, "--no-activate")
        assert "1 versions that were never live" in sluice("prune", *ring, "--older", "1ms").stdout
        sluice("revoke", json.loads(sluice("history", *ring, "--json").stdout)[-2]["version"], *ring)
    log = (lab.dir / "gw0.log").read_text()
    assert "does not let this node report" not in log and g.state()["state"] == "FRESH" and len(g.state()["nodes"]) <= 1, log
    # A node's user changes nothing that is in force, nor can it take another's name for its own.
    as_node = ["--redis", source("gateway"), "--redis-password-file", password, "--ring", RING]
    for words in (["activate", version], ["rollback", "--to", version], ["revoke", version], ["freeze", "--note", "x"], ["push", fleet.bundle("d", "Quill Trust")]):
        r = sluice(words[0], *words[1:], *as_node, check=False)
        assert r.returncode == 1 and ("NOPERM" in r.stderr or "no permissions" in r.stderr.lower()), (words, r.stderr)


def keys(lab, **holders):
    """Key files by holder, and the file of trusted keys."""
    for name, roles in holders.items():
        sluice("keygen", lab.dir / f"{name}.pem", "--name", name, "--role", roles, "--trust-file", lab.dir / "trusted.yaml")
    return {name: lab.dir / f"{name}.pem" for name in holders}


def test_a_key_goes_into_a_file_that_is_right_and_stays_so(lab):
    trusted, key = lab.dir / "trusted.yaml", lab.dir / "more.pem"
    keys(lab, ci="build", ops="activate")
    assert trusted.read_text().count("keys:") == 1 and trusted.read_text().count("name:") == 2, trusted.read_text()
    before = trusted.read_text()
    said = sluice("keygen", key, "--name", "ops", "--trust-file", trusted, check=False)
    assert said.returncode == 1 and "has a key of the name 'ops' already" in said.stderr and "another --name" in said.stderr and "by hand" not in said.stderr, said
    assert trusted.read_text() == before and not key.exists()
    for broken in (trusted.read_text() + "more: 1\n", "keys: nonsense\n"):
        trusted.write_text(broken)
        said = sluice("keygen", key, "--name", "more", "--trust-file", trusted, check=False)
        assert said.returncode == 1 and "add the entry by hand" in said.stderr and trusted.read_text() == broken and not key.exists(), said


def test_who_owns_redis_can_only_withhold(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}")
    fleet.push(wait=1, more=["--key", key["ci"]])
    old = redis("hget", redis.key("head"), "record")
    fleet.push("Ostwick Savings", wait=1, more=["--key", key["ci"]])
    true_head = redis("hget", redis.key("head"), "record")
    refused = lambda what: until(f"refused: {what}", lambda: what in json.dumps(g.state()["last_refusal"]))

    def head(epoch, gen, record):
        redis("del", redis.key("log"))
        redis("hset", redis.key("head"), "epoch", epoch, "gen", gen, "record", record)
        redis("publish", redis.key("notify"), f"{epoch}-{gen}")

    with traffic(g):
        fleet.push("Merrow Capital", more=["--unsigned"])
        refused("is not signed")
        made = json.loads(json.loads(true_head)["payload"])
        forged = json.dumps(json.loads(true_head) | {"payload": json.dumps(made | {"gen": 9})})
        head(1, 9, forged)
        refused("the signature does not fit")
        log = lambda: (lab.dir / "gw0.log").read_text()
        head(1, 1, old)  # replayed
        until("it is told", lambda: "HEAD_REGRESSED" in log())
        until("withholding shows", lambda: g.state()["state"] == "STALE")
        head(1, 2, "damaged")
        refused("damaged")
        told = fleet.run("status").stdout
        assert "DAMAGED" in told and "gw0" in told, told
        assert fleet.redacts(g, "Ostwick Savings") and not fleet.redacts(g, "Merrow Capital") and g.state()["activation"] == "1-2"
        assert metric(g, "sluice_policy_refusals_total") >= 3
        pushed = fleet.push("Quill Trust", wait=1, more=["--key", key["ci"]])  # mends it, and says what it could not go on with
        assert "what stood at the head was passed over" in pushed.stderr and "active as 2-3" in pushed.stdout, pushed
        fleet.follow([g], "Quill Trust")
    assert g.state()["state"] == "FRESH"


def test_an_honest_command_signs_nothing_of_a_forged_head(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate", operations="activate")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}")
    live = json.loads(fleet.push(wait=1, more=["--key", key["ci"], "--json"]).stdout)["version"]
    trust = ["--trust", lab.dir / "trusted.yaml"]
    bomb = lambda: g.ask("a bomb recipe")[0]
    # Whoever has Redis and no key demotes a rule, and waits for somebody who has one.
    record = json.loads(redis("hget", redis.key("head"), "record"))
    forged = json.dumps(record | {"payload": json.dumps(json.loads(record["payload"]) | {"demoted": [{"version": live, "rule": "bomb", "why": "x"}]})})
    assert bomb() == 400
    redis("del", redis.key("log"))
    redis("hset", redis.key("head"), "record", forged)
    assert bomb() == 400, "nodes take nothing of it"
    stopped = [["push", fleet.bundle("c", "Ostwick Savings"), "--shadow"], ["push", fleet.bundle("c", "Ostwick Savings"), "--canary", "5"], ["demote", "rivals"], ["rearm", "bomb"], ["promote"], ["abort"]]
    for words in stopped:
        built = ["--build-key", key["ci"]] if words[0] == "push" else []
        for more in (["--key", key["ci"]], ["--key", key["operations"], *built, *trust]):
            r = fleet.run(*words, *more, check=False)
            assert r.returncode == 1 and "the signature does not fit" in r.stderr, (words, r)
            assert redis("hget", redis.key("head"), "record") == forged
    told = fleet.run("push", fleet.bundle("b"), "--key", key["ci"], *trust, "--again", "--wait", "1")
    assert "what stood at the head was passed over" in told.stderr and bomb() == 400, told
    # Who did sign is believed by whoever has the file, and by nobody else's key alone.
    fleet.run("demote", "bomb", "--key", key["operations"], *trust, "--wait", "1")
    assert bomb() == 200
    alone = fleet.run("push", fleet.bundle("c", "Ostwick Savings"), "--shadow", "--key", key["ci"], check=False)
    assert alone.returncode == 1 and "--trust" in alone.stderr, alone
    fleet.run("push", fleet.bundle("c", "Ostwick Savings"), "--shadow", "--key", key["ci"], *trust, "--wait", "1")
    assert bomb() == 200, "a demotion that somebody signed goes on"
    bad = fleet.run("promote", "--key", key["ci"], "--trust", fleet.bundle("c") / "bundle.yaml", check=False)
    assert bad.returncode == 1 and "no file of trusted keys" in bad.stderr, bad
    alone = sluice("controller", "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING, "--key", key["ci"], check=False)
    assert alone.returncode == 2 and "--trust" in alone.stderr, alone


def test_a_rollback_goes_back_to_what_somebody_signed(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}")
    signed = ["--key", key["ci"]]
    weak = json.loads(fleet.push("Quill Trust", more=[*signed, "--no-activate", "--json"]).stdout)["version"]  # built, and never live
    fleet.push(wait=1, more=signed)
    fleet.push("Ostwick Savings", wait=1, more=signed)
    record = json.loads(json.loads(redis("hget", redis.key("head"), "record"))["payload"])
    redis("xadd", redis.key("log"), "1-3", "kind", "activate", "version", weak, "record", json.dumps(record | {"gen": 3, "version": weak}))
    told = fleet.run("rollback", *signed, "--wait", "1")
    assert "1 activations of the history are passed over" in told.stderr, told
    fleet.follow([g], "Halden Bank")
    assert not fleet.redacts(g, "Quill Trust") and not fleet.redacts(g, "Ostwick Savings")
    gone = fleet.run("rollback", "--to", weak, *signed, check=False)
    assert gone.returncode == 1 and "ever live" in gone.stderr, gone


def test_what_nodes_would_refuse_is_not_written(lab):
    """Success that is none: without --wait nobody would learn that every node refuses it."""
    redis = Server(lab)
    key = keys(lab, both="build,activate", ci="build", operations="activate", lead="approve", safety="safety", old="build,activate")
    trusted = lab.dir / "trusted.yaml"
    trusted.write_text("".join(line.replace("}", ", not_after: 2026-01-01T00:00:00Z}") + "\n" if '"old"' in line else line + "\n" for line in trusted.read_text().splitlines()))
    sluice("keygen", lab.dir / "other.pem", "--name", "other")
    fleet = Fleet(lab, redis.port)
    trust = ["--trust", trusted]
    # The very first push, by somebody who forgot his key.
    r = sluice("push", fleet.bundle("b"), "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING, env=os.environ | {"SLUICE_TRUST": str(trusted)}, check=False)
    assert r.returncode == 1 and "there is no key" in r.stderr and redis("keys", "*") == "", r
    version = json.loads(fleet.push(more=["--key", key["both"], *trust, "--json"]).stdout)["version"]
    fleet.push("Ostwick Savings", more=["--key", key["both"], *trust])
    new = fleet.bundle("c", "Merrow Capital")
    fleet.run("push", new, "--shadow", "--key", key["both"], *trust)
    commands = [["push", new], ["push", new, "--canary", "5"], ["push", new, "--no-activate"], ["activate", version], ["rollback"], ["promote"], ["abort"], ["demote", "rivals"], ["rearm"]]
    kept = lambda: (redis("hgetall", redis.key("head")), redis("xlen", redis.key("log")), redis("zrange", redis.key("versions"), "0", "-1"))
    before = kept()
    for words in commands:
        staging, takes_away = "--no-activate" in words, words[0] in ("abort", "demote")
        wrong = {"": "there is no key", "other": "is none of the keys in", "old": "expired at 2026-01-01", "lead": "may not sign this"}
        wrong |= {"operations": "'operations' has not the role build"} if words[0] == "push" else {"ci": "neither the role activate nor safety" if takes_away else "'ci' has not the role activate"}
        wrong |= {} if takes_away else {"safety": "'safety' has not the role"}
        if words[0] == "push" and not staging: wrong |= {"ci": "'ci' has not the role activate"}
        for name, why in wrong.items():
            r = fleet.run(*words, *(["--key", lab.dir / f"{name}.pem"] if name else []), *trust, check=False)
            assert r.returncode == 1 and why in r.stderr and "nothing was written" in r.stderr and kept() == before, (words, name, r)
    r = fleet.run("approve", version, "--key", key["operations"], *trust, check=False)
    assert r.returncode == 1 and "has not the role approve" in r.stderr, r
    r = sluice("rollback", "--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING, env=os.environ | {"SLUICE_TRUST": str(trusted)}, check=False)
    assert r.returncode == 1 and "there is no key" in r.stderr and kept() == before, "from the environment as well"
    fleet.run("push", new, "--no-activate", "--key", key["ci"], *trust)
    fleet.run("abort", "--key", key["safety"], *trust)
    fleet.run("rollback", "--key", key["operations"], *trust)


def test_a_signature_is_shown_as_what_it_is(lab):
    """History and status read what whoever may write to Redis wrote: an old signature beside new words was listed as if they were signed."""
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    trust = ["--trust", lab.dir / "trusted.yaml"]
    fleet = Fleet(lab, redis.port)
    fleet.push(more=["--key", key["ci"]])
    fleet.push("Ostwick Savings", more=["--key", key["ci"]])
    history = lambda *more: json.loads(fleet.run("history", *more, "--json").stdout)
    assert [(e["verified"], e["doubt"]) for e in history(*trust)] == [(True, "")] * 2
    assert [e["verified"] for e in history()] == [False, False]
    assert fleet.run("history").stdout.count("(unverified)") == 2 and "unverified" not in fleet.run("history", *trust).stdout
    assert "unverified: --trust" in fleet.run("status").stdout and "unverified" not in fleet.run("status", *trust).stdout
    record = json.loads(redis("hget", redis.key("head"), "record"))
    payload = json.dumps(json.loads(record["payload"]) | {"gen": 3, "note": "forged"})
    forged = json.dumps(record | {"payload": payload})
    redis("xadd", redis.key("log"), "1-3", "kind", "activate", "version", json.loads(payload)["version"], "record", forged)
    redis("hset", redis.key("head"), "gen", "3", "record", forged)
    top = history(*trust)[0]
    assert top["activation"] == "1-3" and not top["verified"] and "the signature does not fit" in top["doubt"], top
    told = fleet.run("history", *trust).stdout.splitlines()
    assert "(does not count)" in told[1] and "DOES NOT COUNT" in told[1] and "does not count" not in told[2], told
    assert "(unverified)" in fleet.run("history").stdout.splitlines()[1]
    status = fleet.run("status", *trust).stdout
    assert "DOES NOT COUNT: activation 1-3" in status and "the signature does not fit" in status, status
    told = json.loads(fleet.run("status", *trust, "--json").stdout)
    assert "does not fit" in told["damage"] and not told["head"]["verified"], told
    # A true record under another number is no activation either.
    redis("xadd", redis.key("log"), "1-4", "kind", "activate", "version", json.loads(payload)["version"], "record", json.dumps(record))
    assert history()[0]["kind"] == "damaged" and "copy of 1-2" in history()[0]["doubt"]


def test_a_second_key_is_asked_for_whatever_was_left_out(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate", lead="approve")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_approval: true}}")
    signed = ["--key", key["ci"], "--trust", lab.dir / "trusted.yaml"]

    def owed(*words):
        r = fleet.run("push", *words, *signed, "--json")
        made = json.loads(r.stdout)
        refusal = lambda: g.state()["last_refusal"] or {"activation": "", "message": ""}
        until("a second key is missing", lambda: refusal()["activation"] == made["activation"] and "no second key has approved it" in refusal()["message"])
        assert g.state()["version"] == live
        return made["version"], r.stderr

    two, one = write(lab.dir / "two", cases(), words=("needle", "thorn"), gate=""), write(lab.dir / "one", cases(), gate="")
    fleet.run("push", two, *signed, "--wait", "1")
    live = g.state()["version"]
    owed(one, "--emergency", "--note", "no time")
    fleet.run("rollback", *signed, "--wait", "1")
    version, told = owed(one)  # no gate block asks
    assert "weaker than what is live" in told, told
    owed(one, "--again")  # held against itself
    owed(write(lab.dir / "three", cases(), words=("needle", "rose"), gate=""))  # stronger than what nobody approved
    stranger = json.loads(sluice("keygen", lab.dir / "stranger.pem", "--name", "stranger", "--role", "build", "--json").stdout)
    lead = next(line for line in (lab.dir / "trusted.yaml").read_text().splitlines() if '"lead"' in line)
    (lab.dir / "strangers.yaml").write_text("keys:\n" + stranger["trusted_keys_entry"] + lead + "\n")
    r = fleet.run("approve", version, "--key", key["lead"], "--trust", lab.dir / "strangers.yaml", check=False)
    assert r.returncode == 1 and "does not trust" in r.stderr, r
    fleet.run("approve", version, "--key", key["lead"], "--trust", lab.dir / "trusted.yaml")
    fleet.run("activate", version, *signed, "--wait", "1")
    assert g.state()["version"] == version
    fleet.run("push", two, *signed, "--wait", "1")  # stronger than what was approved
    # What is live cannot be told: whoever cannot say that it is no weaker has not said it.
    redis("hset", redis.key("head"), "record", "damaged")
    redis("del", redis.key("log"))
    live = g.state()["version"]
    assert "nobody can tell" in owed(write(lab.dir / "four", cases(), words=("needle", "thorn", "lily"), gate=""))[1]
    # What a node runs was held against what was live when it came.
    fleet.run("push", two, "--again", *signed, "--wait", "1")


def test_a_push_is_held_against_what_it_comes_after(lab):
    redis = Server(lab)
    path = Proxy(redis.port)
    fleet = Fleet(lab, redis.port)
    fleet.run("push", write(lab.dir / "a", cases()))
    rose, thorn = write(lab.dir / "b", cases(), words=("needle", "rose")), write(lab.dir / "c", cases(), words=("needle", "thorn"))
    meanwhile = []

    def first(data):
        if b"passes_freeze" in data and not meanwhile:
            meanwhile.append(fleet.run("push", thorn))

    path.on_request = first
    r = fleet.run("push", rose, port=path.port, check=False)
    assert meanwhile and r.returncode == 1 and "1 word removed: thorn" in r.stderr, r
    assert [e["activation"] for e in json.loads(fleet.run("history", "--json").stdout)] == ["1-2", "1-1"]
    meanwhile.clear()
    stronger = write(lab.dir / "d", cases(), words=("needle", "thorn", "rose"))

    def second(data):
        if b"passes_freeze" in data and not meanwhile:
            meanwhile.append(fleet.run("push", thorn, "--again"))

    path.on_request = second
    r = fleet.run("push", stronger, port=path.port)
    assert "is active as 1-4" in r.stdout, r
    # A rollback leaves what it looked at, and nothing else.
    meanwhile.clear()

    def third(data):
        if b"passes_freeze" in data and not meanwhile:
            meanwhile.append(fleet.run("push", thorn, "--approved-by", "Ada Byron"))

    path.on_request = third
    r = fleet.run("rollback", port=path.port, check=False)
    assert meanwhile and r.returncode == 1 and "another publisher activated 1-5 meanwhile" in r.stderr, r


def test_a_key_that_expires_takes_nothing_from_what_nodes_run(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    fleet = Fleet(lab, redis.port)
    trusted = lab.dir / "trusted.yaml"
    g = fleet.node(0, trust=f"{{keys_file: {trusted}, require_signature: true}}", policy="on_unavailable: fail_closed\n  max_stale: 3s")
    fleet.push(wait=1, more=["--key", key["ci"]])
    trusted.write_text(trusted.read_text().replace("roles: [build, activate]", "roles: [build, activate], not_after: 2020-01-01T00:00:00Z"))
    with traffic(g):
        g.process.send_signal(signal.SIGHUP)
        until("it is told", lambda: "expired" in (lab.dir / "gw0.log").read_text())
        begin = time.monotonic()
        until("longer than what is fresh without contact", lambda: time.monotonic() - begin > 4)
        assert g.state()["state"] == "FRESH", g.state()
    g.kill(signal.SIGTERM)
    g.start()
    assert g.state()["state"] == "FRESH" and fleet.redacts(g, "Halden Bank"), "what it took is what it runs, also after a restart"
    fleet.push("Ostwick Savings", more=["--key", key["ci"]])
    until("it takes nothing new of that key", lambda: "expired" in json.dumps(g.state()["last_refusal"]))
    assert not fleet.redacts(g, "Ostwick Savings")


def test_a_key_that_is_added_or_removed_counts_from_the_next_hangup(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    trusted = lab.dir / "trusted.yaml"
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {trusted}, require_signature: true}}")
    fleet.push(wait=1, more=["--key", key["ci"]])
    made = json.loads(sluice("keygen", lab.dir / "new.pem", "--name", "new", "--json").stdout)
    with traffic(g):
        said = fleet.push("Ostwick Savings", wait=1, check=False, more=["--key", lab.dir / "new.pem", "--timeout", "50s"])
        assert said.returncode == 1 and "does not trust" in said.stdout + said.stderr, "the node says why, and nobody waits until the time is over"
        until("it is not trusted yet", lambda: "does not trust" in json.dumps(g.state()["last_refusal"]))
        good = trusted.read_text()
        trusted.write_text("keys: nonsense\n")
        g.process.send_signal(signal.SIGHUP)
        until("a mistake leaves what was", lambda: "the trusted keys stay as they were" in (lab.dir / "gw0.log").read_text())
        trusted.write_text(good + made["trusted_keys_entry"])
        g.process.send_signal(signal.SIGHUP)
        fleet.follow([g], "Ostwick Savings")  # the same activation, looked at again
        trusted.write_text("keys:\n" + made["trusted_keys_entry"])
        g.process.send_signal(signal.SIGHUP)
        until("both hangups were heard", lambda: (lab.dir / "gw0.log").read_text().count("reloading keys") == 3)
        fleet.push("Merrow Capital", more=["--key", key["ci"]])
        until("the old one is out", lambda: g.state()["last_refusal"]["stands"] and "does not trust" in json.dumps(g.state()["last_refusal"]))
    assert not fleet.redacts(g, "Merrow Capital") and fleet.redacts(g, "Ostwick Savings")


def test_nodes_may_demand_a_gate_and_a_second_key_for_what_is_weaker(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate", safety_lead="approve", all_in_one="build,activate,approve")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true, require_approval: true}}")
    signed = ["--key", key["ci"], "--trust", lab.dir / "trusted.yaml"]
    run = lambda *words, check=True: fleet.run(*words, check=check)
    two, one = write(lab.dir / "two", cases(), words=("needle", "thorn")), write(lab.dir / "one", cases())
    run("push", two, "--wait", "1", *signed, "--commit", "0123456789abcdef0123456789abcdef01234567")
    entry = json.loads(run("history", "--json").stdout)[0]
    assert entry["commit"].startswith("0123456789ab") and len(entry["gate_report"]) == 64, entry
    report = json.loads(sluice("test", two, "--json").stdout)
    assert len(report["digest"]) == 64
    assert re.search(r"0123456789ab +" + entry["gate_report"][:12], run("history").stdout), run("history").stdout
    live = g.state()["version"]
    # Weaker: a name is enough for the gate, and not for the nodes.
    run("push", one, *signed, "--approved-by", "Ada Byron")
    until("a second key is missing", lambda: "no second key has approved it" in json.dumps(g.state()["last_refusal"]))
    assert g.state()["version"] == live
    weaker = json.loads(run("history", "--json").stdout)[0]["version"]
    told = json.loads(run("approve", weaker[:12], "--key", key["safety_lead"], "--json").stdout)
    assert told["weaker"] and told["version"] == weaker, told
    run("activate", weaker[:12], *signed, "--wait", "1")
    assert g.state()["version"] == weaker
    # One person with every role is still one person.
    run("push", two, "--wait", "1", *signed)
    # An emergency is a word of its own, and counts as a gate that was passed.
    run("push", write(lab.dir / "urgent", cases(), words=("needle", "thorn", "rose", "lily")), *signed, "--emergency", "--note", "leak", "--wait", "1")
    urgent = json.loads(run("history", "--json").stdout)[0]
    assert g.state()["version"] == urgent["version"] and urgent["gate_verdict"] == "EMERGENCY" and "must_block" in urgent["skipped"], urgent
    made = json.loads(json.loads(redis("hget", redis.key(f"manifest:{urgent['version']}"), "manifest"))["payload"])["gate"]
    assert made["verdict"] == "EMERGENCY" and made["skipped"] == urgent["skipped"], made
    thin = write(lab.dir / "thin", cases(), words=("needle", "rose"))
    run("push", thin, "--key", key["all_in_one"], "--approved-by", "Ada Byron")
    version = json.loads(run("history", "--json").stdout)[0]["version"]
    r = run("approve", version, "--key", key["all_in_one"], check=False)
    assert r.returncode == 1 and "built it, and a second one is wanted" in r.stderr, r.stderr
    run("activate", version, *signed)
    until("one key is one", lambda: g.state()["last_refusal"]["version"] == version)
    # An unsigned push of the same content takes nobody's signature away.
    run("push", one, "--no-activate", "--approved-by", "Ada Byron")
    assert '"signatures"' in redis("hget", redis.key(f"manifest:{weaker}"), "manifest")
    # A version that no gate has seen: written by somebody who has the keys, and not by push.
    manifest = json.loads(redis("hget", redis.key(f"manifest:{weaker}"), "manifest"))
    assert json.loads(manifest["payload"])["gate"]["verdict"] == "PASS"


def test_the_history_says_from_which_commit(lab):

    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    folder = fleet.bundle("b")
    git = lambda *words: subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True, capture_output=True, text=True).stdout.strip()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    fleet.run("push", folder)
    fleet.push("Ostwick Savings")  # changed, and not committed
    history = json.loads(fleet.run("history", "--json").stdout)
    assert [e["commit"] for e in history] == [git("rev-parse", "HEAD") + "-dirty", git("rev-parse", "HEAD")], history
    fleet.run("rollback")
    assert json.loads(fleet.run("history", "--json").stdout)[0]["commit"] == git("rev-parse", "HEAD"), "a rollback is of that commit again"
    # What is live keeps its manifest, and the history goes by that.
    fleet.run("push", folder)
    again = fleet.run("push", folder, "--again", "--commit", "f" * 40)
    assert f"was published before from commit {git('rev-parse', 'HEAD')}" in again.stderr, again
    assert json.loads(fleet.run("history", "--json").stdout)[0]["commit"] == git("rev-parse", "HEAD") + "-dirty", "that of its manifest"
    # What git ignores is part of the bundle all the same.
    fleet.bundle("b", "Merrow Capital")
    (folder / ".git" / "info" / "exclude").write_text("p.yaml\n")
    git("rm", "-q", "--cached", "p.yaml")
    git("commit", "-qm", "two")
    assert git("status", "--porcelain") == ""
    fleet.run("push", folder)
    assert json.loads(fleet.run("history", "--json").stdout)[0]["commit"] == git("rev-parse", "HEAD") + "-dirty", "nobody committed it"


def raw(redis, *words):
    """One command, whatever bytes are in it."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as s:
        parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        s.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        with s.makefile("rb") as answer:
            head = answer.readline()
            assert head[:1] in b"$:+", head
            return answer.read(int(head[1:])) if head[:1] == b"$" else head[1:-2]


DEEP = b"[" * 100_000 + b"]" * 100_000


def test_json_of_endless_depth_ends_nobody(lab):
    """Whoever may write a key of the ring: a record, a manifest, an answer, a heartbeat. Everything is read within bounds, before any signature."""
    redis = Server(lab)
    key = keys(lab, ci="build,activate")
    trust = f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}"
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, trust=trust, poll="200ms")
    signed = ["--key", key["ci"]]
    fleet.push(wait=1, more=signed)
    version = g.state()["version"]
    honest = raw(redis, "hget", redis.key("head"), "record")
    for record in (b'{"epoch":' + DEEP + b"}", b'{"epoch":1,"gen":2,"version":"' + b"a" * 64 + b'","shadow":' + DEEP + b"}", b'{"payload":' + DEEP + b"}", DEEP):
        raw(redis, "hset", redis.key("head"), "record", record)
        redis("del", redis.key("log"))
        redis("publish", redis.key("notify"), "x")
        until("it is refused", lambda: "damaged" in json.dumps(g.state()["last_refusal"]))
        assert "DAMAGED" in fleet.run("status").stdout
        g.kill(signal.SIGTERM)
        g.start()
        assert g.state()["version"] == version, "a restart, too"
    raw(redis, "hset", redis.key("head"), "record", honest)
    until("what is right counts again", lambda: g.state()["state"] == "FRESH")
    with traffic(g):
        number = g.state()["activation"]
        # An answer and a heartbeat, as a gateway's own user of Redis may write them.
        raw(redis, "hset", redis.key(f"ack:{number}"), "x", b'{"state":"ACK","compile_ms":"x","ts":' + DEEP + b"}")
        raw(redis, "hset", redis.key(f"ack:{number}"), "y", b'{"state":"ACK","compile_ms":"x","ts":"y"}')
        redis("zadd", redis.key("nodes"), int(time.time() * 1000), "x")
        for name in ("arms", "demoted", "labels", "shown"):
            raw(redis, "hset", redis.key("node:x"), "activation", number, name, DEEP if name != "arms" else b'{"activation":"' + number.encode() + b'","arms":' + DEEP + b"}")
        told = fleet.run("status", "--json")
        assert {n["id"] for n in json.loads(told.stdout)["nodes"]} == {"gw0", "x"}
        fleet.push("Ostwick Savings", more=[*signed, "--wait", "1"])
        fleet.follow([g], "Ostwick Savings")
        # Something else where heartbeats stand: they are advice.
        redis("del", redis.key("nodes"))
        redis("hset", redis.key("nodes"), "a", "b")
        assert "NODES UNKNOWN" in fleet.run("status").stdout
        fleet.push("Merrow Capital", more=[*signed, "--wait", "1"])
        fleet.run("rollback", *signed, "--trust", f"{lab.dir}/trusted.yaml", "--wait", "1")
    assert g.process.poll() is None


def test_a_version_that_is_none_ends_no_command(lab):
    """Whoever may write the log and the index: 64 bytes that are no digits, which a command might cut within a letter."""
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    fleet.push()
    raw(redis, "zadd", redis.key("versions"), 1, b"\xff" * 64)
    raw(redis, "sadd", redis.key("revoked"), b"\xff" * 64)
    told = json.loads(fleet.run("prune", "--older", "1s", "--dry-run", "--json").stdout)
    assert told["versions"] == ["\ufffd" * 64], told
    record = json.loads(redis("hget", redis.key("head"), "record"))
    letters = "ab" + "\u20ac" * 20 + "cd"  # of 64 bytes, and the twelfth is within a letter
    for n, other in enumerate(({"version": letters}, {"canary": {"version": letters, "basis_points": 500, "salt": "s"}}, {"shadow": letters})):
        raw(redis, "xadd", redis.key("log"), f"1-{n + 2}", "kind", "activate", "version", record["version"], "record", json.dumps(record | {"gen": n + 2} | other).encode())
    history = json.loads(fleet.run("history", "--json").stdout)
    assert [e["kind"] for e in history] == ["damaged"] * 3 + ["activate"], history
    assert fleet.run("history").stdout.count("damaged") >= 3
    fleet.push("Ostwick Savings")
    assert redis.head() == "2-5", "above what nobody can read"


def flipped(bytes_, at):
    return bytes_[:at] + bytes([bytes_[at] ^ (1 << at % 8)]) + bytes_[at + 1:]


def test_one_changed_byte_anywhere_is_refused_and_named(lab):
    redis = Server(lab)
    path = Proxy(redis.port)
    key = keys(lab, ci="build,activate")
    fleet = Fleet(lab, redis.port)
    g = fleet.node(0, path.port, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}", poll="200ms")
    fleet.push(wait=1, more=["--key", key["ci"]])
    dice = random.Random(7)
    with traffic(g):
        for trial in range(15):
            before, refusals = g.state()["version"], metric(g, "sluice_policy_refusals_total")
            path.dark = True
            answer = json.loads(fleet.push(f"Rival {trial}", more=["--key", key["ci"], "--json"]).stdout)
            blobs = redis("--scan", "--pattern", redis.key("blob:*")).split()
            # The node has the blobs of what it runs: one of those that are new is what it will read.
            blob = next(b for b in blobs if f"Rival {trial}" in redis("get", b))
            # The manifest that the activation names, by its digest.
            pinned = json.loads(json.loads(redis("hget", redis.key("head"), "record"))["payload"])["manifests"][answer["version"]]
            where = [("get", "set", blob), ("hget", "hset", redis.key(f"manifest:{answer['version']}"), pinned), ("hget", "hset", redis.key("head"), "record")][trial % 3]
            whole = raw(redis, where[0], *where[2:])
            raw(redis, where[1], *where[2:], flipped(whole, dice.randrange(len(whole))))
            if where[2] == redis.key("head"):
                redis("del", redis.key("log"))  # what lies in the log would be right
            path.dark = False
            until(f"trial {trial} in {where[2]} is refused", lambda: metric(g, "sluice_policy_refusals_total") > refusals)
            refusal = g.state()["last_refusal"]
            assert refusal["phase"] in ("VERIFY", "GEN_FORK") and refusal["message"] and g.state()["version"] == before, (where, refusal)
            raw(redis, where[1], *where[2:], whole)
            fleet.push(f"Rival {trial}", wait=1, more=["--key", key["ci"]])
            assert g.state()["version"] == answer["version"]
