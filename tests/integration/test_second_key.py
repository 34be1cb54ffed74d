"""What is live stays what it was when it went live, and a second key is got around by nothing: policy.trust.require_approval."""
import json
import signal

from lab import sluice, until
from redis_lab import Fleet, Proxy, Server
from test_gate import STRAW, cases, write
from test_trust import keys


def ring(lab):
    """A fleet whose nodes demand everything, its keys, and the words with which one person pushes."""
    redis = Server(lab)
    key = keys(lab, ci="build", one="build,activate", lead="approve", controller="safety")
    trust = ["--trust", lab.dir / "trusted.yaml"]
    fleet = Fleet(lab, redis.port)
    demands = f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true, require_approval: true}}"
    return redis, key, fleet, ["--key", key["one"], *trust], lambda n: fleet.node(n, trust=demands)


def test_a_repeated_push_changes_nothing_of_what_is_live(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    a, b, c = (write(lab.dir / name, cases(), words=words) for name, words in (("a", ["needle"]), ("b", ["needle", "thorn"]), ("c", ["needle", "thorn", "rose"])))
    fleet.run("push", a, *signed, "--wait", "1")
    # A first version can be gone on with, too.
    fleet.run("demote", "hide", *signed, "--wait", "1")
    fleet.run("rearm", "hide", *signed, "--wait", "1")
    fleet.run("push", a, "--again", *signed, "--wait", "1")
    fleet.run("activate", g.state()["version"], *signed, "--wait", "1")
    fleet.run("push", b, *signed, "--wait", "1")
    live = g.state()["version"]
    assert "nothing to do" in fleet.run("push", b, *signed, "--wait", "1").stdout
    fleet.run("push", c, "--canary", "50", *signed, "--wait", "1")
    # Staged once more by CI, which knows no other key, beside a running canary.
    fleet.run("push", b, "--build-key", key["ci"], "--no-activate")
    fleet.run("abort", *signed, "--wait", "1")
    fleet.run("demote", "hide", "--key", key["controller"], *signed[2:], "--wait", "1")
    young = node(1)
    until("a new node takes it", lambda: young.state()["version"] == live)
    fleet.run("push", b, "--again", *signed, "--wait", "2")


def test_the_golden_sets_of_what_is_live_are_those_that_it_went_live_with(lab):
    redis, key, fleet, signed, node = ring(lab)
    node(0)
    thorn = {"id": "t1", "set": "must_block", "request": "a thorn", "expect": {"action_at_least": "block"}}
    words = ["needle", "thorn"]
    fleet.run("push", write(lab.dir / "a", cases() + [thorn], words=words), *signed, "--wait", "1")
    narrow = write(lab.dir / "narrow", cases())
    approved = ["--approved-by", "Ada Byron"]
    assert fleet.run("push", narrow, *signed, *approved, check=False).returncode == 1, "the sets of what is live say that a thorn is stopped"
    emptied = write(lab.dir / "emptied", cases(), words=words)
    r = fleet.run("push", emptied, *signed, "--wait", "1")
    assert "nothing to do" in r.stdout and "its golden sets are not those that it is live with" in r.stderr, r
    fleet.run("push", emptied, "--build-key", key["ci"], "--no-activate")
    fleet.run("push", emptied, "--again", *signed, "--wait", "1")
    r = fleet.run("push", narrow, *signed, *approved, check=False)
    assert r.returncode == 1 and "t1" in r.stderr, r


def test_nobody_goes_back_to_what_no_node_took(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now = ["--wait", "1", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases()), *signed, *now)
    first = g.state()["version"]
    late = json.loads(fleet.run("push", write(lab.dir / "late", cases(), words=["needle", "rose"]), *signed, "--no-activate", "--json").stdout)["version"]
    fleet.run("push", write(lab.dir / "two", cases(), words=["needle", "thorn"]), *signed, *now)
    two = g.state()["version"]
    # Held against the first one, and weaker than the second.
    r = fleet.run("activate", late, "--approved-by", "Ada Byron", *signed, *now, check=False)
    assert r.returncode == 1 and "sluice approve, then sluice activate; or, where the ring has a version to go back to, sluice rollback, then push it again" in r.stdout + r.stderr, r
    fleet.run("rollback", *signed, *now)
    assert g.state()["version"] == two
    r = fleet.run("rollback", "--to", late, *signed, check=False)
    assert r.returncode == 1 and "every node refused it" in r.stderr, r
    # Whoever stays with the rollback has still made one: the next one would undo it.
    fleet.run("demote", "hide", *signed, *now)
    r = fleet.run("rollback", *signed, check=False)
    assert r.returncode == 1 and "goes on with a rollback" in r.stderr, r
    # What was refused or revoked is passed over.
    fleet.run("push", write(lab.dir / "three", cases(), words=["needle", "thorn", "lily"]), *signed, *now)
    fleet.run("activate", late, "--approved-by", "Ada Byron", *signed, *now, check=False)
    fleet.run("approve", late, "--key", key["lead"], *signed[2:])
    fleet.run("activate", late, *signed, *now)
    assert g.state()["version"] == late
    three = json.loads(fleet.run("history", "--json").stdout)[2]["version"]
    fleet.run("revoke", three)
    r = fleet.run("rollback", *signed, *now)
    assert "is revoked" in r.stderr and g.state()["version"] == two, r
    assert first != two


def test_who_does_not_know_the_keys_compares_all_the_same(lab):
    redis, key, fleet, signed, node = ring(lab)
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed)
    staged = lambda name, words, *more: json.loads(fleet.run("push", write(lab.dir / name, cases(), words=words), *signed, "--no-activate", "--json", *more).stdout)["version"]
    weak, strong = staged("weak", ["needle"], "--approved-by", "Ada Byron"), staged("strong", ["needle", "thorn", "rose"])
    other = keys(lab, other="activate")["other"]
    r = fleet.run("activate", weak, "--key", other, check=False)
    assert r.returncode == 1 and "it is weaker than version" in r.stderr, r
    r = fleet.run("activate", strong, "--key", other)
    assert "nobody can tell" in r.stderr and redis.head() == "1-2", r


def test_what_came_meanwhile_is_compared_with_nothing_and_so_nothing_follows_it(lab):
    """Between the comparison of `sluice activate` and its script somebody else makes another version live."""
    redis, key, fleet, signed, node = ring(lab)
    fleet.run("push", write(lab.dir / "a", cases()), *signed)
    staged = lambda name, words: json.loads(fleet.run("push", write(lab.dir / name, cases(), words=words), *signed, "--no-activate", "--json").stdout)["version"]
    mine, stronger = staged("mine", ["needle", "thorn"]), staged("stronger", ["needle", "thorn", "rose"])
    path, met = Proxy(redis.port), []

    def meanwhile(data):
        if b"EVAL" in data and not met:  # all that it compares it has read
            met.append(fleet.run("activate", stronger, *signed))

    path.on_request = meanwhile
    r = fleet.run("activate", mine, *signed, port=path.port, check=False)
    assert met and r.returncode == 1 and "meanwhile" in r.stderr, r
    assert json.loads(fleet.run("history", "--json").stdout)[0]["version"] == stronger
    r = fleet.run("activate", mine, *signed, check=False)
    assert r.returncode == 1 and "it is weaker than version" in r.stderr, r


def test_the_history_says_who_agreed_by_word_and_whose_key_did(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, "--wait", "1")
    weak = json.loads(fleet.run("push", write(lab.dir / "weak", cases()), *signed, "--no-activate", "--approved-by", "Ada Byron", "--json").stdout)["version"]
    lead = json.loads(fleet.run("approve", weak, "--key", key["lead"], *signed[2:], "--json").stdout)["key"]
    fleet.run("activate", weak, *signed, "--wait", "1")
    assert g.state()["version"] == weak
    told = lambda *more: (json.loads(fleet.run("history", "--json", *more).stdout)[0], fleet.run("history", *more).stdout.splitlines()[1])
    top, row = told(*signed[2:])
    assert top["approved_by"] == "Ada Byron" and top["second_keys"] == [{"key": lead, "name": "lead", "verified": True, "doubt": ""}], top
    assert "may be weaker, approved" not in row and "approved by Ada Byron, approved with key lead" in row, row
    top, row = told()
    assert [k["verified"] for k in top["second_keys"]] == [False] and f"approved with key {lead} (unverified)" in row, row
    # What was held against something else than what is live, and what is no weaker: who said so when it was activated.
    strong = json.loads(fleet.run("push", write(lab.dir / "strong", cases(), words=["needle", "rose"]), *signed, "--no-activate", "--json").stdout)["version"]
    fleet.run("activate", strong, "--approved-by", "Grace Murray", *signed, "--wait", "1")
    top, row = told(*signed[2:])
    assert top["approved_by"] == "Grace Murray" and not top["weaker"] and top["second_keys"] == [] and "approved by Grace Murray" in row, row
    # Whoever does not know the keys compares with nothing that counts; his second person is on record all the same.
    other = keys(lab, other="activate")["other"]
    fleet.run("activate", weak, "--key", other, "--approved-by", "Eve Curie")
    top, row = told()
    assert top["weaker"] and top["approved_by"] == "Eve Curie" and "may be weaker; approved by Eve Curie, approved with key" in row, row


def test_what_nodes_refused_or_have_not_answered_is_marked_and_called_live_by_nobody(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    first = json.loads(fleet.run("push", write(lab.dir / "a", cases()), *signed, "--wait", "1", "--json").stdout)["version"]
    taken = lambda: json.loads(fleet.run("history", "--json").stdout)[0]["nodes"]
    assert taken() == {"taken": 1, "refused": 0, "unanswered": 0, "gone": 0, "refused_in": []}, taken()
    r = fleet.run("abort", *signed, check=False)
    assert r.returncode == 1 and "1-1 is live for everybody" in r.stderr, r
    unsigned = write(lab.dir / "b", cases(), words=["needle", "rose"])
    assert fleet.run("push", unsigned, "--unsigned", "--wait", "1", check=False).returncode == 1
    assert taken() == {"taken": 0, "refused": 1, "unanswered": 0, "gone": 0, "refused_in": ["VERIFY"]}, taken()
    rows = fleet.run("history").stdout.splitlines()
    assert "REFUSED by 1 (VERIFY)" in rows[1] and "1 took it" in rows[2], rows
    r = fleet.run("abort", check=False)
    assert r.returncode == 1 and "1-2 is live nowhere: 1 node refused it (VERIFY) and went on with what was live before" in r.stderr, r
    assert "live for everybody" not in r.stderr and "sluice rollback" in r.stderr, r
    # A node that says nothing: nobody knows what it runs.
    fleet.run("rollback", "--to", "1-1", *signed, "--wait", "1")
    assert g.state()["version"] == first
    g.process.send_signal(signal.SIGSTOP)
    try:
        r = fleet.run("push", write(lab.dir / "c", cases(), words=["needle", "lily"]), *signed, "--wait", "1", "--timeout", "1s", check=False)
        assert r.returncode == 1 and "0 of 1 nodes answered" in r.stderr, r
        assert taken() == {"taken": 0, "refused": 0, "unanswered": 1, "gone": 0, "refused_in": []}, taken()
        r = fleet.run("abort", *signed, check=False)
        assert "is the head, and no node has taken it yet" in r.stderr and "live for everybody" not in r.stderr, r
    finally:
        g.process.send_signal(signal.SIGCONT)
    until("it takes it after all", lambda: taken()["taken"] == 1)
    # Who was taken away owes no answer, of what is live or of what was.
    g.kill(signal.SIGTERM)
    until("its heartbeats are over", lambda: not redis("exists", redis.key(f"node:{g.name}")) == "1", seconds=60)
    fleet.run("push", write(lab.dir / "d", cases(), words=["needle", "lily", "daisy"]), *signed)
    nodes = [e["nodes"] for e in json.loads(fleet.run("history", "--json").stdout)]
    assert all(n["unanswered"] == 0 for n in nodes) and nodes[0]["gone"] == 0 and nodes[1]["gone"] == 1, nodes
    assert "1 gone since" in fleet.run("history").stdout and "without an answer" not in fleet.run("history").stdout


def test_an_emergency_that_was_approved_is_one_until_what_passed_is_approved_too(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, "--wait", "1")
    folder = write(lab.dir / "weak", cases())
    urgent = ["push", folder, *signed, "--emergency", "--note", "leak"]
    version = json.loads(fleet.run(*urgent, "--no-activate", "--json").stdout)["version"]
    fleet.run("approve", version, "--key", key["lead"], *signed[2:])
    fleet.run("activate", version, *signed, "--wait", "1")
    assert g.state()["version"] == version
    top = lambda: json.loads(fleet.run("history", "--json").stdout)[0]
    r = fleet.run("push", folder, *signed, "--wait", "1")
    assert "stays on record as an emergency" in r.stderr and f"sluice approve {version[:12]}" in r.stderr and "nothing to do" in r.stdout, r
    assert top()["emergency"] and top()["activation"] == "1-2", top()
    fleet.run("approve", version, "--key", key["lead"], *signed[2:])
    r = fleet.run("push", folder, *signed, "--wait", "1")
    assert "emergency" not in r.stderr and top()["gate_verdict"] == "PASS" and not top()["emergency"] and top()["activation"] == "1-3", (r, top())
    assert [k["key"] for k in top()["second_keys"]] and "EMERGENCY" not in fleet.run("status").stdout, top()


def test_the_history_says_of_a_damaged_manifest_that_nobody_can_tell_who_approved_it(lab):
    redis, key, fleet, signed, node = ring(lab)
    version = json.loads(fleet.run("push", write(lab.dir / "a", cases()), *signed, "--json").stdout)["version"]
    told = lambda: json.loads(fleet.run("history", "--json").stdout)[0]
    assert told()["second_keys_unknown"] is None and told()["second_keys"] == [], told()
    for field in redis("hkeys", redis.key(f"manifest:{version}")).split():
        if field not in ("digest", "signed"):
            redis("hset", redis.key(f"manifest:{version}"), field, "{")
    assert "damaged" in told()["second_keys_unknown"] and "which keys approved it, nobody can tell (its manifest cannot be read" in fleet.run("history").stdout, told()


def test_what_is_told_of_a_version_is_what_it_was_activated_with(lab):
    """Between the look of a command and its activation somebody publishes the same version from another commit."""
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    first, second = "1" * 40, "2" * 40
    fleet.run("push", write(lab.dir / "a", cases()))
    for n, command in enumerate(("activate", "push")):
        folder = write(lab.dir / "b", cases(), words=["needle", f"thorn{n}"])
        version = json.loads(fleet.run("push", folder, "--no-activate", "--commit", first, "--approved-by", "Ada", "--json").stdout)["version"]
        path, met = Proxy(redis.port), []

        def meanwhile(data):
            if b"another manifest was staged" in data and not met:  # as it pins the one that it has read
                met.append(fleet.run("push", folder, "--no-activate", "--commit", second, "--approved-by", "Ada"))

        path.on_request = meanwhile
        words = [version, "--approved-by", "Ada"] if command == "activate" else [folder, "--commit", first, "--approved-by", "Ada"]
        r = fleet.run(command, *words, port=path.port)
        assert met and json.loads(fleet.run("history", "--json").stdout)[0]["commit"] == second, (command, r)
        assert command == "activate" or f"was published before from commit {second}" in r.stderr, r


def test_a_version_that_waited_is_held_against_the_promises_of_what_came_meanwhile(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now = ["--wait", "1", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases()), *signed, *now)
    folder = write(lab.dir / "late", cases(), words=["needle", "rose"], extra=STRAW)
    late = json.loads(fleet.run("push", folder, *signed, "--no-activate", "--json").stdout)["version"]
    rose = {"id": "rosemp", "set": "must_pass", "request": "a rose"}
    fleet.run("push", write(lab.dir / "b", cases() + [rose], extra=STRAW), *signed, *now)
    live = g.state()["version"]
    approved = fleet.run("approve", late, "--key", key["lead"], *signed[2:])
    assert "is approved" in approved.stdout, approved
    for more in ([], ["--approved-by", "Ada Byron"]):
        r = fleet.run("activate", late, *signed, *more, check=False)
        assert r.returncode == 1 and "rosemp" in r.stderr and "is not what it was held against when it was pushed" in r.stderr, r
    assert g.state()["version"] == live and g.ask("a rose")[0] == 200


def test_an_approval_that_came_later_is_none_of_an_earlier_activation(lab):
    redis, key, fleet, signed, node = ring(lab)
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed)
    weak = json.loads(fleet.run("push", write(lab.dir / "weak", cases()), *signed, "--approved-by", "Ada Byron", "--json").stdout)["version"]
    fleet.run("approve", weak, "--key", key["lead"], *signed[2:])
    last = lambda: json.loads(fleet.run("history", "--json", *signed[2:]).stdout)[0]
    assert [(k["verified"], k["doubt"]) for k in last()["second_keys"]] == [(False, "has signed after this activation")], last()
    fleet.run("activate", weak, *signed)
    assert [k["verified"] for k in last()["second_keys"]] == [True], last()


def test_what_runs_in_shadow_is_approved_for_the_day_on_which_it_is_activated(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now = ["--wait", "1", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, *now)
    folder = write(lab.dir / "weak", cases())
    fleet.run("push", folder, *signed, "--approved-by", "Ada Byron", "--shadow", *now)
    weak = json.loads(fleet.run("push", folder, *signed, "--approved-by", "Ada Byron", "--no-activate", "--commit", "2" * 40, "--json").stdout)["version"]
    fleet.run("approve", weak, "--key", key["lead"], *signed[2:])
    fleet.run("activate", weak, *signed, *now)
    assert g.state()["version"] == weak


def test_a_rollback_passes_over_what_only_nodes_that_are_gone_might_have_taken_and_revokes_nothing_before_somebody_runs_it(lab):
    redis, key, fleet, signed, node = ring(lab)
    g, other = node(0), node(1)
    now = ["--wait", "2", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, *now)
    first = g.state()["version"]
    assert fleet.run("push", write(lab.dir / "b", cases()), *signed, "--approved-by", "Ada Byron", *now, check=False).returncode == 1, "no second key has approved it"
    third = json.loads(fleet.run("push", write(lab.dir / "c", cases(), words=["needle", "thorn", "rose"]), *signed, "--no-activate", "--json").stdout)["version"]
    fleet.run("approve", third, "--key", key["lead"], *signed[2:])
    fleet.run("activate", third, *signed, *now)
    other.kill(signal.SIGTERM)
    until("its heartbeats are gone", lambda: redis("exists", redis.key(f"node:{other.name}")).strip() == "0", seconds=60)
    r = fleet.run("rollback", "--revoke", *signed, "--wait", "1", "--timeout", "30s")
    assert g.state()["version"] == first and "is passed over" in r.stderr and "will not be activated again" in r.stdout, r
    assert redis("smembers", redis.key("revoked")).split() == [third]


def test_what_nobody_vouches_for_is_no_measure_of_what_follows(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true}}")
    now = ["--wait", "1", "--timeout", "30s"]
    good, weak = write(lab.dir / "good", cases(), words=["needle", "thorn"]), write(lab.dir / "weak", cases())
    fleet.run("push", good, *signed, *now)
    live = g.state()["version"]
    # A head that every node refuses, by somebody who can write there; then one that is damaged.
    evil = lab.dir / "evil.pem"
    sluice("keygen", evil, "--name", "evil", "--role", "build,activate")
    forged = json.loads(fleet.run("push", weak, "--key", evil, "--emergency", "--note", "forged", "--json").stdout)["version"]
    own = signed[:2]  # without --trust a publisher knows its own key alone
    r = fleet.run("activate", forged, *own, check=False)
    assert r.returncode == 1 and "it is weaker than version" in r.stderr, r
    for damage in (lambda: None, lambda: redis("hset", redis.key("head"), "record", "{")):
        damage()
        r = fleet.run("push", weak, *own, check=False)
        assert r.returncode == 1 and "a second person must agree" in r.stderr, r
        fleet.run("push", good, *own, *now)
        assert g.state()["version"] == live


def test_who_pushes_to_a_ring_that_was_lost_hears_what_is_lost_with_it(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true}}")
    now = ["--wait", "1", "--timeout", "30s"]
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, *now)
    redis("flushall")
    until("the node says what it runs", lambda: redis("exists", redis.key(f"node:{g.name}")).strip() == "1")
    r = fleet.run("push", write(lab.dir / "b", cases()), *signed, *now)
    assert "of which this Redis knows nothing any more" in r.stderr and "perhaps a freeze and what was revoked in the last moments with it" in r.stderr, r
    last = json.loads(fleet.run("history", "--json", *signed[2:]).stdout)[0]
    assert last["weaker"], last


def test_an_approval_is_of_one_step_and_no_version_that_came_since_is_passed_by_it(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    now, trust = ["--wait", "1", "--timeout", "30s"], signed[2:]
    fleet.run("push", write(lab.dir / "a", cases(), words=["needle", "thorn"]), *signed, *now)
    first = g.state()["version"]
    weak = json.loads(fleet.run("push", write(lab.dir / "weak", cases()), *signed, "--approved-by", "Ada Byron", "--no-activate", "--json").stdout)["version"]
    told = fleet.run("approve", weak, "--key", key["lead"], *trust).stdout
    assert f"to follow version {first[:12]} in ring it" in told, told
    fleet.run("push", write(lab.dir / "b", cases(), words=["needle", "thorn", "rose"]), *signed, *now)
    live = g.state()["version"]
    r = fleet.run("activate", weak, *signed, check=False)
    assert r.returncode == 1 and "it is weaker than version" in r.stderr and g.state()["version"] == live, r
    # By the word of a second person: nodes want his key, and for this step.
    r = fleet.run("activate", weak, *signed, "--approved-by", "Ada Byron", *now, check=False)
    assert r.returncode == 1 and "no second key has approved it" in r.stdout + r.stderr and g.state()["version"] == live, r
    fleet.run("rollback", "--to", live, *signed, *now)
    assert "approved with key" not in fleet.run("history", "--limit", "1", *trust).stdout, "who goes back asks nobody"
    told = json.loads(fleet.run("approve", weak, "--key", key["lead"], *trust, "--json").stdout)
    assert told["after"] == [live] and told["ring"] == "it", told
    r = fleet.run("activate", weak, *signed, *now)
    assert "it is weaker than version" in r.stderr and g.state()["version"] == weak, r
    assert "approved with key lead" in fleet.run("history", "--limit", "1", *trust).stdout


def test_nothing_unsigned_takes_the_place_of_what_is_signed(lab):
    redis, key, fleet, signed, node = ring(lab)
    g = node(0)
    fleet.run("push", write(lab.dir / "a", cases()), *signed, "--wait", "1")
    head = redis("hget", redis.key("head"), "record")
    for words in (["push", write(lab.dir / "b", cases(), words=["needle", "thorn"])], ["demote", "hide"], ["rollback"], ["activate", g.state()["version"]]):
        r = fleet.run(*words, check=False)
        assert r.returncode == 1 and "is signed with key" in r.stderr and "nothing was written" in r.stderr and "--unsigned" in r.stderr, r
        assert redis("hget", redis.key("head"), "record") == head
    fleet.run("demote", "hide", "--unsigned")
    assert redis("hget", redis.key("head"), "record") != head, "nodes may want none any more"
