"""What breaks beneath a running gateway: its memory, its disk, its upstream's addresses."""
import contextlib
import errno
import json
import signal
import subprocess

from lab import SLUICE, Gateway, Skip, Upstream, bundle, sluice, until

BANK = """apiVersion: sluice/v1
kind: Policy
metadata: {name: bank, owner: it}
audit: {on_full: block}
rules:
  - id: transfers
    direction: both
    match: {keywords: [transfer]}
    action: {type: flag}
    tests: [{name: a, request: a transfer, expect: {rules: [transfers]}}, {name: b, request: nothing, expect: {rules: []}}]
"""


def redacts(g, up, name):
    g.ask(f"pay {name} now")
    return b"[R]" in up.seen[-1]


def events(g, kind):
    return [r for r in g.records() if r.get("event") == kind]


def test_a_damaged_memory_is_told_and_what_was_enforced_stays_enforced(lab):
    for number, damage in enumerate((lambda p: p.write_text(p.read_text()[:40]), lambda p: p.write_text('{"format": 7}'), lambda p: p.unlink())):
        up = Upstream()
        folder = bundle(lab.dir / f"b{number}")
        g = Gateway(lab, f"g{number}", up.port, f"{{directory: {folder}}}")
        assert redacts(g, up, "Halden Bank")
        g.kill(signal.SIGTERM)
        damage(lab.dir / f"g{number}-state" / "state.json")
        folder.rename(lab.dir / f"gone{number}")
        g.start()
        assert redacts(g, up, "Halden Bank"), "a good version is on disk"
        state = g.state()
        assert state["highest_lost"] and state["state"] == "STALE", state
        assert any("state.json" in e["detail"] for e in events(g, "state"))
        g.kill(signal.SIGTERM)
        g.start()
        assert g.state()["highest_lost"], "it is remembered"
        (lab.dir / f"gone{number}").rename(folder)
        until("the folder is followed again", lambda: not g.state()["highest_lost"])
        assert int(g.state()["activation"].split("-")[0]) > 1_000_000, "no number is given twice"


@contextlib.contextmanager
def small_disk(folder, size="8m"):
    """A file system there, which can be full."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True).returncode != 0:
        raise Skip("no right to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError as full:
            assert full.errno == errno.ENOSPC


def test_a_decision_log_on_a_full_disk_stops_requests_and_its_retention_makes_room(lab):
    up = Upstream()
    audit = lab.dir / "g-audit"
    with small_disk(audit):
        g = Gateway(lab, "g", up.port, f"{{directory: {bundle(lab.dir / 'b')}}}")
        g.set_log("file_bytes: 8KiB")
        g.kill(signal.SIGTERM)
        g.start()
        for _ in range(60):
            assert g.ask("hello")[0] == 200
        until("there are old files", lambda: sum(r["event"] == "decision" for r in g.records(flush=False)) >= 60)
        fill(audit)
        until("requests are refused", lambda: g.ask("hello")[0] == 503)
        told = json.loads(g.get("/v1/status")[1])["audit"]
        assert told["failed"] and "No space left" in told["failure"], told
        g.kill(signal.SIGTERM)
        # It begins on the full disk, too.
        g.set_log("file_bytes: 8KiB, keep: {bytes: 24KiB}")
        g.start()
        assert g.ask("hello")[0] == 503
        until("old files made room", lambda: g.ask("hello")[0] == 200, 30)
        assert events(g, "retired") and "whole" in sluice("audit", "verify", "--from", audit).stdout
        g.kill(signal.SIGTERM)


def test_a_policy_refuses_what_a_full_log_cannot_record_although_the_node_drops(lab):
    up = Upstream()
    audit = lab.dir / "g-audit"
    with small_disk(audit):
        folder = bundle(lab.dir / "b")
        (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text() + "  - {use: bank, bind: {tenant: [bank]}}\n")
        (folder / "bank.yaml").write_text(BANK)
        g = Gateway(lab, "g", up.port, f"{{directory: {folder}}}", "context: {headers: {trusted_proxies: [127.0.0.1/32], tenant: x-tenant}}\n")
        g.set_log("on_full: drop")
        g.kill(signal.SIGTERM)
        g.start()

        def ask(tenant):
            return g.post({"model": "m", "messages": [{"role": "user", "content": f"hello from {tenant}"}]}, {"x-tenant": tenant})

        assert ask("bank")[0] == ask("shop")[0] == 200
        fill(audit)
        until("what the bank asks is refused", lambda: ask("bank")[0] == 503)
        before = len(up.seen)
        status, head, body = ask("bank")
        assert status == 503 and "a policy wants this one on record" in body.decode() and len(up.seen) == before, (status, body)
        assert head["x-sluice-verdict"] == "block", head
        for _ in range(50):
            assert ask("shop")[0] == 200, "the node says drop"
        assert len(up.seen) == before + 50
        assert g.get("/readyz")[0] == 200, "it serves others"
        (audit / "filler").unlink()
        until("the bank is served again", lambda: ask("bank")[0] == 200)
        last = [r for r in g.records() if r.get("context", {}).get("tenant") == "bank" and r["sent"]["status"] == 200][-1]
        assert last["verdict"] == "allow" and "whole" in sluice("audit", "verify", "--from", audit).stdout
        # An older bundle without it is told apart: weaker, and where.
        (lab.dir / "older").mkdir()
        for file in folder.iterdir():
            (lab.dir / "older" / file.name).write_text(file.read_text().replace("audit: {on_full: block}\n", ""))
        told = json.loads(sluice("diff", folder, lab.dir / "older", "--json").stdout)
        assert told["effect"] == "WEAKER" and told["bundle"] == ["audit.on_full: block is not asked for any more: tenant=bank"], told
        r = subprocess.run([SLUICE, "explain", folder, "--tenant", "bank"], input="hello", capture_output=True, text=True)
        assert "log full  refused, as policy bank says (bank.yaml:4:8)" in r.stdout, r.stdout + r.stderr
        g.kill(signal.SIGTERM)


def test_a_version_for_which_the_disk_has_no_room_waits_for_it(lab):
    up = Upstream()
    state = lab.dir / "g-state"
    with small_disk(state, "16m"):
        g = Gateway(lab, "g", up.port, f"{{directory: {bundle(lab.dir / 'b')}}}")
        assert redacts(g, up, "Halden Bank")
        fill(state)
        bundle(lab.dir / "b", ("Ostwick Savings",))
        refusal = until("the refusal is told", lambda: g.state()["last_refusal"])
        assert refusal["phase"] == "STORE" and "No space left" in refusal["message"] and refusal["stands"], refusal
        assert redacts(g, up, "Halden Bank") and not redacts(g, up, "Ostwick Savings")
        assert not list(state.glob("**/*.new"))
        (state / "filler").unlink()
        until("it is in force once there is room", lambda: redacts(g, up, "Ostwick Savings"))
        assert not g.state()["last_refusal"]["stands"] and len(g.state()["stored_versions"]) == 2
        g.kill(signal.SIGTERM)
