"""Signed checkpoints of the decision log in Redis: what a gateway's host cannot take back, and what whoever verifies makes of it."""
import hashlib
import json
import re
import signal

from lab import Gateway, Upstream, bundle, sluice, until
from redis_lab import RING, Server, metric
from test_documents import blocks, shell
from test_trust import manual_users


def sealed(lab, redis, name="gw0", checkpoint="200ms"):
    """A gateway with the manual's users and a checkpoint every so often."""
    password = lab.dir / "password"
    password.write_text("secret\n")
    manual_users(redis, RING)
    source = f'{{redis: {{url: "redis://gateway@127.0.0.1:{redis.port}", password_file: {password}, ring: {RING}, poll: 500ms}}}}'
    g = Gateway(lab, name, Upstream().port, source)
    g.kill(signal.SIGTERM)
    g.set_log(f"checkpoint: {checkpoint}")
    g.start()
    sluice("push", bundle(lab.dir / "b"), "--redis", f"redis://publisher@127.0.0.1:{redis.port}", "--redis-password-file", password, "--ring", RING, "--wait", "1")
    return g


def verify(lab, g, redis=None, more=(), check=False):
    ring = ["--redis", f"redis://auditor@127.0.0.1:{redis.port}", "--redis-password-file", lab.dir / "password", "--ring", RING] if redis else []
    return sluice("audit", "verify", "--from", g.audit, "--key", lab.dir / f"{g.name}-state" / "audit-key.pub", *ring, *more, check=check)


def in_redis(redis):
    """Lines of checkpoints by their entries, oldest first."""
    said = redis("xrange", redis.key("checkpoints"), "-", "+").split("\n")
    return dict(zip(said[::3], said[2::3])) if said != [""] else {}


def sequences(redis, node="gw0"):
    return [r["seq"] for r in map(json.loads, in_redis(redis).values()) if r["node"] == node]


def test_a_log_that_was_cut_looks_whole_and_is_found_by_the_checkpoints_in_redis(lab):
    redis = Server(lab)
    g = sealed(lab, redis)
    for _ in range(5):
        assert g.ask("a bomb recipe")[0] == 400
        count = len(sequences(redis))
        until("a checkpoint follows", lambda: len(sequences(redis)) > count)
    running = verify(lab, g, redis, check=True).stdout
    assert "whole" in running and re.search(r"node gw0: Redis has its checkpoints up to record \d+ of \d+; from record 1 to there it is as it was signed", running), running
    g.kill(signal.SIGTERM)
    newest = json.loads((lab.dir / "gw0-state" / "audit-checkpoint.json").read_text())
    assert sequences(redis)[-1] == newest["seq"], "the last one of a stop, too"
    told = json.loads(verify(lab, g, redis, ["--json"], check=True).stdout)
    assert told["ends"][0]["redis_seq"] == told["ends"][0]["seq"] == newest["seq"] and not told["notes"], told

    # The command of the manual.
    (lab.dir / "auditor-password").write_text("secret\n")
    command = blocks("docs/audit.md")[1][1].replace("/var/lib/sluice/audit-", f"{lab.dir}/gw0-state/audit-").replace("/var/lib/sluice/audit", str(g.audit))
    assert "the chain is whole" in shell(command.replace("6379", str(redis.port)).replace("--ring prod", f"--ring {RING}"), lab.dir)

    # Whoever owns the host cuts it behind an older checkpoint, with the state directory's copy of the newest.
    last = sorted(g.audit.glob("*.jsonl"))[-1]
    lines = last.read_text().splitlines(keepends=True)
    marks = [i for i, line in enumerate(lines) if '"event":"checkpoint"' in line]
    last.write_text("".join(lines[:marks[-3] + 1]))
    (lab.dir / "gw0-state" / "audit-checkpoint.json").write_text(lines[marks[-3]])
    looks = verify(lab, g, more=["--anchor", lab.dir / "gw0-state" / "audit-checkpoint.json"], check=True).stdout
    assert "the chain is whole" in looks, looks
    r = verify(lab, g, redis)
    gone = json.loads(lines[marks[-2]])["seq"]
    assert r.returncode == 1 and f"node gw0: its log was cut or replaced: of the checkpoints that Redis has it lacks 2, record {gone} (stream" in r.stdout, r.stdout
    assert f"to record {newest['seq']} (stream" in r.stdout, r.stdout
    assert "as it was signed" not in r.stdout and "Redis has its checkpoints up to record" in r.stdout, r.stdout

    # Also when the gateway went on behind the cut.
    g.start()
    g.kill(signal.SIGTERM)
    assert "whole" in verify(lab, g, check=True).stdout
    r = verify(lab, g, redis)
    assert r.returncode == 1 and "it lacks 2, " in r.stdout, r.stdout


def test_checkpoints_wait_for_a_redis_that_is_away(lab):
    redis = Server(lab)
    g = sealed(lab, redis)
    until("some are there", lambda: len(sequences(redis)) > 2)
    redis.kill()
    until("some wait", lambda: metric(g, "sluice_audit_checkpoints_waiting") >= 3)
    assert g.ask("hello")[0] == 200, "no exchange waits for that"
    made = [json.loads((lab.dir / "gw0-state" / "audit-checkpoint.json").read_text())["seq"]]
    log = lambda: (lab.dir / "gw0.log").read_text()
    assert log().count("checkpoints of the decision log wait for Redis") == 1, log()
    redis.start()  # empty
    manual_users(redis, RING)
    until("what waited is there", lambda: metric(g, "sluice_audit_checkpoints_waiting") <= 1 and made[0] in sequences(redis))
    assert metric(g, "sluice_audit_checkpoints_skipped_total") == 0
    until("it is told", lambda: "checkpoints of the decision log reach Redis again" in log())
    g.kill(signal.SIGTERM)
    numbers = sequences(redis)
    assert numbers == sorted(numbers), numbers
    assert "whole" in verify(lab, g, redis, check=True).stdout

    # A stop does not wait for a Redis that is gone.
    g.start()
    redis.kill()
    g.kill(signal.SIGTERM)
    assert g.process.returncode == 0


def test_what_is_forged_or_removed_in_redis_is_named(lab):
    redis = Server(lab)
    g, other = sealed(lab, redis), sealed(lab, redis, "gw1")
    until("both are there", lambda: sequences(redis, "gw0") and sequences(redis, "gw1"))
    for each in (g, other):
        each.kill(signal.SIGTERM)
    stream, as_node = redis.key("checkpoints"), ["--user", "gateway", "--pass", "secret", "--no-auth-warning"]
    r = verify(lab, g, redis)
    assert r.returncode == 1 and "signed by a key that was not given" in r.stdout, "the other gateway has a secret of its own"
    keys = lab.dir / "gw1-state" / "audit-key.pub"
    told = verify(lab, g, redis, ["--key", keys], check=True).stdout
    assert "whole" in told and "checkpoints of node gw1, of which no log was given" in told, told
    assert "checkpoints of node gw1" not in verify(lab, g, redis, ["--key", keys, "--from", other.audit], check=True).stdout
    r = verify(lab, g, redis, ["--key", keys, "--node", "gw0", "--node", "gw1"])
    assert r.returncode == 1 and "there is no log of node gw1 in these folders" in r.stdout, r.stdout
    verify(lab, g, redis, ["--key", keys, "--node", "gw0", "--node", "gw1", "--from", other.audit], check=True)

    # A gateway's user can add, and that is all.
    for words in (["del", stream], ["unlink", stream], ["xtrim", stream, "maxlen", "1"], ["xdel", stream, "0-1"], ["expire", stream, "1"], ["set", stream, "x"], ["xsetid", stream, "1-1"],
                  ["eval", "return redis.call('del', KEYS[1])", "1", stream]):
        assert "NOPERM" in redis(*as_node, *words, check=False), words
    for user in ("publisher", "auditor"):
        assert "NOPERM" in redis("--user", user, "--pass", "secret", "--no-auth-warning", "del", stream, check=False)

    # What it adds in the name of others says so.
    genuine = list(in_redis(redis).values())[-1]
    record = json.loads(genuine)
    body = re.sub(r',"hash":"\w{64}"}$', "}", genuine).replace(f'"seq":{record["seq"]},', f'"seq":{record["seq"] + 1},')
    again = body[:-1] + f',"hash":"{hashlib.sha256(body.encode()).hexdigest()}"}}'
    for forged, why in ((genuine.replace('"seq":', '"seq":1'), "its bytes do not fit their hash"), (again, "the signature of the checkpoint does not fit"), ("nonsense", "this is no checkpoint")):
        entry = redis(*as_node, "xadd", stream, "*", "checkpoint", forged)
        r = verify(lab, g, redis, ["--key", keys])
        assert r.returncode == 1 and f"Redis, stream {stream}, entry {entry}: " in r.stdout and why in r.stdout, (why, r.stdout)
        redis("xdel", stream, entry)
    # XADD can cut what is old; Redis counts on.
    r = verify(lab, g, redis, ["--key", keys])
    assert "somebody removed the others" in r.stdout, r.stdout
    redis("del", stream)
    redis("xadd", stream, "*", "checkpoint", genuine)
    redis("xadd", stream, "*", "checkpoint", genuine)
    assert verify(lab, g, redis, ["--key", keys]).returncode == 0
    redis(*as_node, "xadd", stream, "maxlen", "1", "*", "checkpoint", genuine)
    r = verify(lab, g, redis, ["--key", keys])
    assert r.returncode == 1 and "of 3 checkpoints that were added it has 1" in r.stdout, r.stdout
    r = sluice("audit", "verify", "--from", g.audit, "--redis", f"redis://127.0.0.1:{redis.port}", check=False)
    assert r.returncode != 0 and "--key" in r.stderr, r.stderr


def test_a_forged_record_of_retirement_excuses_nothing(lab):
    redis = Server(lab)
    g = sealed(lab, redis)
    until("some are there", lambda: len(sequences(redis)) > 3)
    g.kill(signal.SIGTERM)
    assert "whole" in verify(lab, g, redis, check=True).stdout
    file = sorted(g.audit.glob("*.jsonl"))[-1]
    whole = file.read_text()
    lines = whole.splitlines()[:4]
    last = json.loads(lines[-1])
    line = re.sub(r'"seq":\d+', f'"seq":{last["seq"] + 1}', re.sub(r',"prev":.*', "", lines[0]), count=1).replace('"event":"start"', '"event":"retired"')
    line += f',"retired_through":1000000000000000,"retired_hash":"{last["hash"]}","prev":"{last["hash"]}"}}'
    file.write_text("\n".join([*lines, line[:-1] + f',"hash":"{hashlib.sha256(line.encode()).hexdigest()}"}}']) + "\n")
    r = verify(lab, g, redis)
    assert r.returncode == 1 and "node gw0: its log was cut or replaced" in r.stdout and "itself among them" in r.stdout, r.stdout
    g.start()
    g.kill(signal.SIGTERM)
    r = verify(lab, g, redis)
    assert r.returncode == 1 and "node gw0: its log was cut or replaced" in r.stdout, r.stdout
