"""What the command line says when something is not right: to people once, to machines as JSON."""
import json
import re
import resource
import signal
import subprocess

from lab import SLUICE, Gateway, Upstream, bundle, free_port, sluice
from test_policy_swaps import fleet, push


def refused(code, *words, text=""):
    """The command's failure: what it printed as JSON, and what people read."""
    r = subprocess.run([SLUICE, *map(str, words)], input=text, capture_output=True, text=True, timeout=60)
    assert r.returncode == code, (words, r)
    return json.loads(r.stdout), r.stderr


def test_a_command_that_fails_without_a_result_says_so_in_json(lab):
    nobody = f"redis://127.0.0.1:{free_port()}"
    for words in (["status"], ["history"], ["promote"], ["rollback"], ["activate", "abc"], ["freeze", "--note", "x"], ["prune"], ["demote", "r"], ["feedback", "list"]):
        told, text = refused(1, *words, "--redis", nobody, "--json")
        assert told["ok"] is False and told["error"] and told["error"] in text and told["advice"] in text, (words, told, text)
        assert set(told) == {"ok", "error", "advice"}, told
    # Wrong usage too, of which CLI11, the command or the root complains.
    for words, part in ((["push"], "bundle"), (["status", "--ringg", "x"], "--ringg"), (["statu"], "statu"), (["audit", "replay", "--from", lab.dir], "--all"), (["test", lab.dir, "--watch"], "--watch")):
        told, text = refused(2, *words, "--json")
        assert part in told["error"] and told["error"] in text, (words, told)
    # Without --json there is nothing on standard output.
    r = sluice("status", "--redis", nobody, check=False)
    assert r.returncode == 1 and r.stdout == "" and "sluice: " in r.stderr, r
    assert sluice("push", lab.dir, "--note", "a", "--", "--json", check=False).stdout == "", "behind -- it is no option"


def test_each_mistake_in_a_bundle_stands_in_the_json_of_a_push(lab):
    folder = bundle(lab.dir / "b")
    policy = folder / "p.yaml"
    policy.write_text(policy.read_text().replace("severity:", "severty:"))
    told, text = refused(1, "push", folder, "--redis", f"redis://127.0.0.1:{free_port()}", "--json")
    assert told["error"] == f"{folder} was refused in phase parse" and told["error"] == told["complaints"][-1]["error"], told
    mistakes = told["complaints"][:-1]
    assert mistakes and all(re.search(r"p\.yaml:\d+:\d+: .*", each["error"]) for each in mistakes) and "severty" in str(mistakes), told
    assert all(each["error"].split(": ", 1)[1] in text for each in mistakes), (mistakes, text)


def test_a_command_with_a_result_prints_one_document_though_it_fails(lab):
    folder = bundle(lab.dir / "b")
    (folder / "golden").mkdir()
    (folder / "golden" / "g.jsonl").write_text('{"id": "g-1", "set": "must_block", "request": "nothing that any rule knows"}\n')
    r = sluice("test", folder, "--json", check=False)
    assert r.returncode == 1 and json.loads(r.stdout)["verdict"] == "FAIL", r
    told, text = refused(1, "push", folder, "--redis", f"redis://127.0.0.1:{free_port()}", "--json")
    assert not told["ok"], told
    port, up, source, make = fleet(lab)
    lab.redis(port)
    told, text = refused(1, "push", folder, "--redis", f"redis://127.0.0.1:{port}", "--ring", "it", "--json")
    assert "the gate says FAIL" in told["error"] and any(each["error"].startswith("golden") or "must_block" in each["error"] for each in told["complaints"]), told
    (folder / "golden" / "g.jsonl").unlink()
    r = push(port, folder, "--wait", "1", "--timeout", "100ms", "--json", check=False)
    assert r.returncode == 1 and json.loads(r.stdout)["ok"] is False and "nodes" in json.loads(r.stdout) and "0 of 1 nodes answered" in r.stderr, r


def test_serve_has_its_log_and_writes_no_failure_as_json(lab):
    r = sluice("serve", "--config", lab.dir / "none.yaml", "--json", check=False)
    assert r.returncode != 0 and r.stdout == "" and r.stderr, r


def test_an_activation_that_was_there_before_is_told_without_a_time(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    make(0)
    folder = bundle(lab.dir / "b")
    first = json.loads(push(port, folder, "--wait", "all", "--json").stdout)
    assert first["unchanged"] is False and 0 <= first["nodes"][0]["after_ms"] < 30_000, first
    again = json.loads(push(port, folder, "--wait", "all", "--json").stdout)
    assert again["unchanged"] is True and again["nodes"][0]["state"] == "ACK" and again["nodes"][0]["after_ms"] is None, again
    text = push(port, folder, "--wait", "all").stdout
    assert "gw0: active, built in" in text and "active after" not in text, text
    assert "gw0: active after" in push(port, folder, "--again", "--wait", "all").stdout


def test_a_canary_for_a_label_that_no_node_has_is_warned_of(lab):
    port, up, source, make = fleet(lab)
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    node = make(0)
    node.kill()
    node.config.write_text(node.config.read_text().replace("node: {id: gw0}", "node: {id: gw0, labels: {zone: a, tier: x=y}}"))
    node.start()
    push(port, bundle(lab.dir / "b"), "--wait", "1")
    assert json.loads(sluice("status", *ring, "--json").stdout)["nodes"][0]["labels"] == {"tier": "x=y", "zone": "a"}
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"))
    for label in ("zone=a", "tier=x=y"):
        r = push(port, trial, "--canary", f"nodes={label}", "--json")
        assert "no living node" not in r.stderr and json.loads(r.stdout)["warnings"] == [], r
    r = push(port, trial, "--canary", "nodes=zone=b", "--json")
    warning = "no living node of ring 'it' has the label zone=b, so nobody gets the canary"
    assert r.returncode == 0 and json.loads(r.stdout)["warnings"] == [warning], r
    assert warning in r.stderr and "living nodes have tier=x=y, zone=a" in r.stderr, r
    r = sluice("promote", *ring, "--json")
    assert "zone=b" in json.loads(r.stdout)["warnings"][0] and "zone=b" in r.stderr, r


def test_what_a_replay_cannot_do_is_told_by_reason(lab):
    folder = bundle(lab.dir / "b")
    g = Gateway(lab, "gw", Upstream().port, f"{{directory: {folder}}}")
    ids = [g.ask(f"question {n}")[1]["x-sluice-decision"] for n in range(5)]
    g.records()
    r = sluice("audit", "replay", "--all", "--from", g.audit, check=False)
    lines = [line for line in r.stdout.splitlines() if "NOT REPLAYED" in line]
    assert r.returncode == 1 and len(lines) == 1 and "5 decisions: " in lines[0], r.stdout
    named = r.stdout.split(lines[0])[1]
    assert sum(each in named for each in ids) == 3 and "and 2 more; --json names them all" in named, r.stdout
    told = json.loads(sluice("audit", "replay", "--all", "--from", g.audit, "--json", check=False).stdout)
    assert set(told["not_replayed"]) == set(ids), told


def test_a_replay_of_nothing_is_no_proof(lab):
    folder, secret = bundle(lab.dir / "b"), lab.dir / "master"
    secret.write_text("ab" * 32)
    g = Gateway(lab, "gw", Upstream().port, f"{{directory: {folder}}}", f"secrets: {{key_file: {secret}}}\n")
    g.kill(signal.SIGTERM)
    g.set_log("text: encrypted")
    g.start()
    g.ask("hello")
    g.records()
    of = ("audit", "replay", "--all", "--from", g.audit, "--state", lab.dir / "gw-state", "--json")
    r = sluice(*of, "--until", "2020-01-01", check=False)
    told = json.loads(r.stdout)
    assert r.returncode == 1 and told["decisions"] == 0 and not told["same"] and "nothing was replayed" in r.stderr and "audit query" in r.stderr, r
    told = json.loads(sluice(*of, "--secret", secret).stdout)
    assert told["same"] and told["in_full"] == 1 and told["why_not_in_full"] == {}, told
    told = json.loads(sluice(*of).stdout)
    assert told["same"] and told["rule_by_rule"] == 1 and list(told["why_not_in_full"].values()) == [1] and "--secret" in list(told["why_not_in_full"])[0], told
    other = lab.dir / "other"
    other.write_text("cd" * 32)
    r = sluice(*of, "--secret", other, check=False)
    assert r.returncode == 1 and "opens none of the 1 sealed texts" in r.stderr and "another master secret" in r.stdout, r


def test_an_import_writes_both_files_or_none(lab):
    table, out = lab.dir / "t.csv", lab.dir / "golden.jsonl"
    table.write_text("text\n" + "".join(f"question {i * i} about {i * 7919} and {i * i * i}\n" for i in range(60)))
    words = ["golden", "import", table, "--set", "benign", "--alike", "0.95", "--out", out, "--holdout", lab.dir / "none" / "kept.jsonl", "--holdout-percent", "30"]
    (lab.dir / "none").write_text("a file where the folder should be")
    r = sluice(*words, check=False)
    assert r.returncode == 1 and "kept.jsonl cannot be written, so no case was added to any file" in r.stderr and not out.exists(), r
    before = '{"id": "a", "set": "benign", "request": "as it was"}'
    out.write_text(before)
    told, text = refused(1, *words, "--json")
    assert out.read_text() == before and "no case was added" in told["error"], told
    # Both can be opened, and the second takes less than it is given: both become what they were.
    kept = lab.dir / "none" / "kept.jsonl"
    kept.parent.unlink()
    kept.parent.mkdir()
    held = "".join(json.dumps({"id": f"h-{i}", "set": "benign", "request": f"{i * 104729} is held out since {i * i * 31}"}) + "\n" for i in range(400))
    kept.write_text(held)
    size = len(held) + 100
    r = subprocess.run([SLUICE, *map(str, words)], capture_output=True, text=True, timeout=60, restore_signals=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    assert r.returncode == 1 and "kept.jsonl cannot be written, so no case was added to any file" in r.stderr, r
    assert out.read_text() == before and kept.read_text() == held
    assert json.loads(sluice(*words, "--json").stdout)["holdout"] > 0
    assert kept.read_text().startswith(held) and out.read_text().startswith(before + "\n"), "the line before was ended"


def test_a_time_that_is_none_is_complained_of_once_and_is_wrong_usage(lab):
    folder = bundle(lab.dir / "b")
    logs = lab.dir / "logs"
    logs.mkdir()
    days = [[command, folder] for command in ("test", "check", "rules", "explain")] + [["diff", folder, folder]]
    for words in days:
        r = sluice(*words, "--now", "yesterday", check=False)
        assert r.returncode == 2 and r.stderr.count("sluice: ") == 1 and r.stderr.count("yesterday") == 1 and "2026-12-31" in r.stderr, (words, r)
    assert sluice("test", folder, "--now", "2026-12-31", check=False).returncode == 0
    times = [[*words, option] for words in (["audit", "query", "--from", logs], ["audit", "replay", "--all", "--from", logs], ["audit", "export", "--from", logs, "--to", "-"], ["shadow", "report", "--from", logs]) for option in ("--since", "--until")]
    times += [["feedback", "report", "--spool", logs, "--from", logs, "--since"], ["test", folder, "--decisions", logs, "--decisions-since"], ["audit", "at", "--from", logs, "--time"]]
    for words in times:
        r = sluice(*words, "yesterday", check=False)
        assert r.returncode == 2 and r.stderr.count("sluice: ") == 1 and r.stderr.count("yesterday") == 1 and "10m" in r.stderr, (words, r)


def test_options_say_what_they_take(lab):
    r = sluice("audit", "export", "--from", lab.dir, "--to", "ftp://example/records", check=False)
    assert r.returncode == 2 and "'ftp://' is not known" in r.stderr and all(each in r.stderr for each in ("redis://", "rediss://", "http://", "https://", "a file's path")), r
    assert not (lab.dir / "ftp:").exists()
    for days in ("-3", "0", "181", "many"):
        r = sluice("feedback", "export", "--bundle", lab.dir, "--out", lab.dir / "p", "--days", days, check=False)
        complaint = [line for line in r.stderr.splitlines() if not line.startswith("  → ")]
        assert r.returncode == 2 and len(complaint) == 1 and f"--days: takes 1 to 180 days, not '{days}'" in complaint[0], r


def test_what_names_nothing_is_not_taken_for_something(lab):
    """A limit below 0, a version of one digit, a key for no days, a folder that is no log."""
    port = free_port()
    lab.redis(port)
    ring = ["--redis", f"redis://127.0.0.1:{port}", "--ring", "it"]
    for limit in ("-1", "x", "1000001"):
        r = sluice("history", *ring, "--limit", limit, check=False)
        assert r.returncode == 2 and f"takes a number from 0 to 1000000, not '{limit}'" in r.stderr, r
    versions = [json.loads(sluice("push", bundle(lab.dir / name, (word,)), *ring, "--json").stdout)["version"] for name, word in (("one", "Halden Bank"), ("two", "Ostwick Savings"))]
    for words in (["activate"], ["revoke"], ["rollback", "--to"]):
        r = sluice(*words, versions[0][:5], *ring, check=False)
        assert r.returncode == 1 and "too short for a version" in r.stderr and "6 digits" in r.stderr, r
    for second in ("Ada Byron", " ada byron", "ADA BYRON@elsewhere"):
        r = sluice("activate", versions[0], *ring, "--actor", "Ada Byron", "--approved-by", second, check=False)
        assert r.returncode == 1 and "let a second person agree" in r.stderr, (second, r)
    # Also where nobody would have asked for a second one: what counts for nothing is not on record.
    before = sluice("history", *ring).stdout
    for words in (["activate", versions[1]], ["push", lab.dir / "two", "--again"]):
        r = sluice(*words, *ring, "--actor", "Ada Byron", "--approved-by", "ada byron", check=False)
        assert r.returncode == 1 and "one person is no two" in r.stderr, (words, r)
    assert sluice("history", *ring).stdout == before
    r = sluice("pack", lab.dir / "two", "--out", lab.dir / "two.tar.gz", "--actor", "Ada Byron", "--approved-by", "Ada Byron@desk", check=False)
    assert r.returncode == 1 and "nothing was written" in r.stderr and not (lab.dir / "two.tar.gz").exists(), r
    sluice("activate", versions[0][:6], *ring, "--approved-by", "Ada Byron")  # which is weaker than what is live
    for days in ("0", "-1", "many", "36501"):
        r = sluice("keygen", lab.dir / "k.pem", "--name", "k", "--days", days, check=False)
        assert r.returncode == 2 and f"not '{days}'" in r.stderr and not (lab.dir / "k.pem").exists(), r
    for words in (["query"], ["at", "--time", "1m"], ["replay", "--all"], ["export", "--to", "-"]):
        r = sluice("audit", *words, "--from", lab.dir / "one", check=False)
        assert r.returncode == 1 and "holds no decision log" in r.stderr and r.stdout == "", (words, r)


def test_help_of_a_command_does_not_end_with_that_of_the_root(lab):
    assert "First steps:" in sluice("--help").stdout
    names = lambda text: re.findall(r"^  ([a-z][a-z-]+) {2,}\S", text.split("\nExample")[0], re.M)
    seen = 0
    for command in names(sluice("--help").stdout.split("First steps:")[0]):
        text = sluice(command, "--help").stdout
        seen += 1
        assert "First steps:" not in text, command
        if "SUBCOMMAND" in text:
            assert "Example" in text, f"sluice {command} --help shows how"
            for below in names(text.split("SUBCOMMANDS:")[-1].split("Subcommands:")[-1]):
                assert "First steps:" not in sluice(command, below, "--help").stdout, (command, below)
    assert seen > 25, seen


def test_a_file_without_an_end_is_read_up_to_its_bound(lab):
    keyless = subprocess.run([SLUICE, "golden", "import", "/dev/zero", "--set", "benign", "--out", lab.dir / "out.jsonl"], capture_output=True, text=True, timeout=60,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
    assert keyless.returncode == 1 and "/dev/zero has more than" in keyless.stderr, keyless
