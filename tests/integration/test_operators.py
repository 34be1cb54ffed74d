"""What people at the keyboard get wrong: it is refused before anything happens, and said so."""
import json
import os
import pwd
import subprocess

from lab import SLUICE, bundle, free_port, sluice, until
from test_exchanges import gateway
from test_policy_swaps import fleet, push


def test_a_second_gateway_in_the_same_folders_is_refused(lab):
    g, up = gateway(lab)
    g.ask("hi")
    second = lab.dir / "second.yaml"
    # Other ports, another node: only the folders are shared.
    second.write_text(g.config.read_text().replace(f"port: {g.port}", f"port: {free_port()}").replace(f"port: {g.admin}", f"port: {free_port()}"))
    for config in (g.config, second):
        r = subprocess.run([SLUICE, "serve", "--config", config], capture_output=True, text=True, timeout=30)
        assert r.returncode == 64 and "is in use by another gateway" in r.stderr and str(g.process.pid) in r.stderr, (r.returncode, r.stderr)
    assert g.ask("hi")[0] == 200
    g.records()
    sluice("audit", "verify", "--from", g.audit)
    g.kill()
    g.start()  # a gateway that was killed leaves no lock
    assert g.ask("hi")[0] == 200


def test_a_gateway_that_cannot_bind_writes_nothing(lab):
    g, up = gateway(lab)
    for key in ("port", "admin"):
        other = lab.dir / f"{key}.yaml"
        other.write_text(g.config.read_text().replace("gw-state", f"{key}-state").replace("gw-audit", f"{key}-audit")
                         .replace(f"port: {g.admin if key == 'port' else g.port}", f"port: {free_port()}"))
        r = subprocess.run([SLUICE, "serve", "--config", other], capture_output=True, text=True, timeout=30)
        assert r.returncode == 1 and f"cannot listen on 127.0.0.1:{getattr(g, key)}" in r.stderr, (r.returncode, r.stderr)
        assert not list((lab.dir / f"{key}-audit").glob("*.jsonl"))


def test_a_mistyped_option_activates_nothing(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    folder = bundle(lab.dir / "b")
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    for words in (["--wait", "alll"], ["--wait", "-1"], ["--wait", "0"], ["--wait", "1", "--timeout", "abc"], ["--timeout", "3s"]):
        r = push(port, folder, *words, check=False)
        assert r.returncode != 0 and words[-2].lstrip("-") in r.stderr, (words, r.stderr)
    assert json.loads(sluice("history", *ring, "--json").stdout) == []
    r = push(port, folder, "--wait", "all", check=False)
    assert r.returncode == 1 and "there are no nodes in ring 'it'" in r.stderr, (r.returncode, r.stdout, r.stderr)


def test_config_check_finds_what_serve_would_stumble_over(lab):
    (lab.dir / "keys.yaml").write_text("abc: {tenant: a}\n")
    (lab.dir / "bad.pem").write_text("no certificate\n")
    config = lab.dir / "sluice.yaml"
    config.write_text('''listen: {port: 8080, tls: {certificate: bad.pem, key: gone.pem}}
admin: {port: 8080, token_file: gone-token}
upstreams:
  - {name: up, base_url: "https://api.example", ca_file: bad.pem}
policy: {source: {directory: nowhere}, state_directory: keys.yaml/state}
context: {keys_file: keys.yaml}
secrets: {key_file: gone-secret}
''')
    r = sluice("config", "check", config, check=False)
    said = r.stderr.splitlines()
    assert r.returncode == 64, r
    for line, words in ((1, "gone.pem cannot be read"), (2, "the same port"), (2, "gone-token"), (4, "upstreams[0].ca_file"), (5, "warning: 'policy.source.directory'"),
                        (5, "cannot be written"), (7, "gone-secret")):
        assert any(s.startswith(f"{config}:{line}:") and words in s for s in said), (line, words, r.stderr)
    assert any(s.startswith(f"{lab.dir}/keys.yaml:1:1") and "SHA-256" in s for s in said), r.stderr
    served = sluice("serve", "--config", config, check=False)
    assert served.returncode == 64
    # A gateway says the same, all at once; and nothing was made.
    assert [s for s in said if not s.startswith(("sluice:", "  →"))] == [s for s in served.stderr.splitlines() if not s.startswith(("sluice:", "  →"))]
    config.write_text('listen: {tls: {certificate: bad.pem, key: bad.pem}}\nupstreams: [{name: up, base_url: "https://api.example"}]\npolicy: {source: {directory: .}, state_directory: s}\n')
    r = sluice("config", "check", config, check=False)
    assert r.returncode == 64 and f"{config}:1:" in r.stderr and "PEM" in r.stderr, r.stderr
    config.write_text('listen: {port: 8080, tls: {certificate: bad.pem, key: gone.pem}}\nadmin: {port: 8080}\nupstreams: [{name: up, base_url: "https://api.example"}]\npolicy: {source: {directory: .}}\n')
    assert sorted(p.name for p in lab.dir.iterdir()) == ["bad.pem", "keys.yaml", "sluice.yaml"]
    told = sluice("config", "check", config, "--file-only", check=False).stderr
    assert "the same port" in told and "gone.pem" not in told, told


def test_what_config_show_prints_means_the_same_elsewhere(lab):
    (lab.dir / "conf").mkdir()
    (lab.dir / "conf" / "sluice.yaml").write_text('upstreams: [{name: up, base_url: "http://127.0.0.1:1"}]\npolicy: {source: {directory: policies}, state_directory: ../state}\n')
    shown = sluice("config", "show", lab.dir / "conf" / "sluice.yaml").stdout
    (lab.dir / "again.yaml").write_text(shown)
    assert sluice("config", "show", lab.dir / "again.yaml").stdout == shown
    assert f'directory: "{lab.dir}/conf/policies"' in shown and f'state_directory: "{lab.dir}/state"' in shown


def test_a_failing_golden_case_stops_a_push(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    folder = bundle(lab.dir / "b")
    (folder / "golden").mkdir()
    (folder / "golden" / "g.jsonl").write_text('{"id": "g-1", "set": "must_block", "request": "nothing that any rule knows"}\n')
    r = push(port, folder, check=False)
    assert r.returncode == 1 and "g-1" in r.stderr and "nothing was uploaded" in r.stderr, (r.returncode, r.stderr)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    assert json.loads(sluice("history", *ring, "--json").stdout) == []


def test_a_rollback_that_is_repeated_does_not_undo_itself(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    node = make(0)
    push(port, bundle(lab.dir / "good", ("Halden Bank",)), "--wait", "1")
    push(port, bundle(lab.dir / "bad", ("Ostwick Savings",)), "--wait", "1")
    bad = node.state()["version"]
    sluice("rollback", *ring, "--wait", "1", "--actor", "night shift")
    good = node.state()["version"]
    assert good != bad
    r = sluice("rollback", *ring, check=False)
    assert r.returncode == 1 and "is a rollback already" in r.stderr and "night shift" in r.stderr, (r.returncode, r.stderr)
    assert node.state()["version"] == good
    assert sluice("rollback", *ring, "--to", "", check=False).returncode != 0
    second = json.loads(sluice("history", *ring, "--json").stdout)[1]
    assert second["version"] == bad
    sluice("rollback", *ring, "--to", second["activation"], "--wait", "1")
    assert node.state()["version"] == bad


def test_the_history_names_who_pushed_also_without_user_in_the_environment(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    subprocess.run([SLUICE, "push", bundle(lab.dir / "b"), *ring, "--timeout", "1s", "--wait", "1"], capture_output=True, timeout=60, env={k: v for k, v in os.environ.items() if k != "USER"})
    actor = json.loads(sluice("history", *ring, "--json").stdout)[0]["actor"]
    assert actor.split("@")[0] == pwd.getpwuid(os.geteuid()).pw_name, actor


def test_a_refused_number_is_spent_and_a_refusal_ends_when_the_folder_is_right_again(lab):
    g, up = gateway(lab)
    policy = lab.dir / "gw-b" / "p.yaml"
    right = policy.read_text()
    before = g.state()["activation"]
    policy.write_text(right.replace("keywords", "keywrods"))
    refused = until("the refusal is told", lambda: g.state()["last_refusal"])
    policy.write_text(right)
    assert refused["stands"]
    until("the refusal is history", lambda: not g.state()["last_refusal"]["stands"])
    assert g.state()["activation"] == before
    policy.write_text(right.replace("Halden Bank", "Merrow Capital"))
    until("the new words are live", lambda: g.state()["activation"] != before)
    assert g.state()["activation"] != refused["activation"], refused
    log = (lab.dir / "gw.log").read_text()
    assert "is in force as " + g.state()["activation"] + " from directory " in log, log
