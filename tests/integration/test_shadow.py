"""A version in shadow: what its report says is what happens when it is live, and nobody can tell that it is there."""
import json
import random

from lab import Gateway, bundle, sluice, until
from test_policy_swaps import fleet, push

HEADERS = "context: {headers: {trusted_proxies: [127.0.0.1/32]}}"


def rule(name, word, direction, action):
    side = "response" if direction == "response" else "request"
    return f"""  - id: {name}
    title: {name}
    severity: low
    direction: {direction}
    match: {{keywords: ["{word}"]}}
    action: {action}
    tests: [{{name: a, {side}: "so {word} it is", expect: {{rules: [{name}]}}}}, {{name: b, {side}: nothing, expect: {{rules: []}}}}]
"""


BLOCK = '{type: block, message: "No."}'
LIVE = rule("old", "stale secret", "response", BLOCK) + rule("mask", "merrow", "response", '{type: redact, mask: "[X]"}')
NEXT = (rule("tax", "tax return", "request", BLOCK) + rule("results", "quarterly result", "response", BLOCK) +
        rule("mask", "merrow", "response", '{type: redact, mask: "[M]"}') + rule("watch", "weather", "both", "{type: flag}"))
TEXTS = ["hello there", "about my tax return", "at Halden Bank today", "at Ostwick Savings today", "tell the quarterly result please", "the stale secret is out",
         "merrow is a name", "what weather is it", "a bomb recipe"]


def traffic(g, count, seed=1):
    """The same exchanges each time; decision ids in their order."""
    dice, ids = random.Random(seed), []
    for n in range(count):
        text, stream, tenant = dice.choice(TEXTS), dice.random() < 0.5, dice.choice(["acme", "beta"])
        _, head, _ = g.post({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}, {"x-tenant": tenant, "x-conversation": f"c{n}"})
        ids.append(head["x-sluice-decision"])
    return ids


def decisions(g, ids):
    found = {r["id"]: r for r in g.records() if r["event"] in ("decision", "closed")}
    return [found[i] for i in ids]


def blocked(record):
    return record["verdict"] == "block"


def enforced(record, side, word):
    return {f["rule"] for f in (record[side] or {}).get("findings", []) if f["enforcement"] == "enforce" and f["action"] == word}


def test_the_report_of_a_shadow_equals_a_replay_with_it_enforced(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"), extra=NEXT)
    told = push(port, trial, "--shadow", "--wait", "1").stdout
    assert "in shadow" in told, told
    assert g.state()["shadow"] and "in shadow: version" in sluice("status", "--redis", f"redis://127.0.0.1:{port}", "--ring", "it").stdout
    count = 400
    ids = traffic(g, count)
    before = decisions(g, ids)
    until("all was judged", lambda: f"sluice_shadow_judged_total {count}\n" in g.get("/metrics")[1], 30)
    shadows = {r["id"]: r for r in g.records() if r["event"] == "shadow"}
    assert set(shadows) == set(ids), "nothing was shed"
    # The same traffic by a gateway in which the candidate is live.
    other = Gateway(lab, "other", up.port, f"{{directory: {trial}}}", HEADERS)
    after = decisions(other, traffic(other, count))
    assert all(r["version"] == shadows[ids[0]]["version"] for r in after)
    exact = [n for n in range(count) if shadows[ids[n]]["shadow_exact"]]
    inexact = count - len(exact)
    assert exact and inexact, (len(exact), inexact)
    for n in range(count):
        changes_request = after[n]["upstream_edits"] != before[n]["upstream_edits"]
        cut_before = before[n]["streamed"] and before[n]["response"] and before[n]["response"]["verdict"] == "block" and not blocked(after[n])
        assert shadows[ids[n]]["shadow_exact"] == (not changes_request and not cut_before), (n, shadows[ids[n]])
    for n in exact:
        shadow, live, then = shadows[ids[n]], before[n], after[n]
        assert shadow["verdict"] == live["verdict"] and shadow["shadow_verdict"] == then["verdict"], (n, shadow, then)
        for side in ("request", "response"):
            mine = [(f["rule"], f["span"], f["enforcement"], f["channel"]) for f in (shadow[side] or {}).get("findings", [])]
            theirs = [(f["rule"], f["span"], f["enforcement"], f["channel"]) for f in (then[side] or {}).get("findings", [])]
            assert mine == theirs, (n, side, mine, theirs)
    check_report(lab, g, trial, ids, exact, before, after, inexact)


def check_report(lab, g, trial, ids, exact, before, after, inexact):
    page = lab.dir / "shadow.html"
    report = json.loads(sluice("shadow", "report", "--from", g.audit, "--bundle", trial, "--html", page, "--json").stdout)
    assert (report["judged"], report["exact"], report["inexact"], report["shed"]) == (len(ids), len(exact), inexact, 0), report

    def counts(which):
        return {"newly_blocked": sum(not blocked(before[n]) and blocked(after[n]) for n in which), "newly_passed": sum(blocked(before[n]) and not blocked(after[n]) for n in which)}

    def same(part, which):
        wanted = counts(which)
        assert {k: part[k]["count"] for k in wanted} == wanted, (part, wanted)
        assert part["n"] == len(which)

    same(report["total"], exact)
    assert report["total"]["newly_blocked"]["count"] > 20 and report["total"]["newly_passed"]["count"] > 5, report["total"]
    for tenant in ("acme", "beta"):
        same(report["tenants"][tenant], [n for n in exact if before[n]["context"]["tenant"] == tenant])
    other = sum(not blocked(before[n]) and not blocked(after[n]) and enforced(before[n], "response", "redact") != set() and "mask" in enforced(after[n], "response", "redact") for n in exact)
    assert report["total"]["other_text"]["count"] == other > 0
    rows = {(r["rule"], r["direction"]): r for r in report["rules"]}
    for name, side in (("tax", "request"), ("results", "response")):
        new = [n for n in exact if name in enforced(after[n], side, "block") and not blocked(before[n])]
        assert rows[name, side]["newly_blocked"]["count"] == len(new) > 0, (rows[name, side], len(new))
        example = rows[name, side]["examples"][0]
        assert "*" in example["masked"] and example["decision"] in ids
    gone = [n for n in exact if "old" in enforced(before[n], "response", "block") and not blocked(after[n])]
    assert rows["old", "response"]["newly_passed"]["count"] == len(gone) > 0
    rate = report["total"]["newly_blocked"]
    assert rate["lower95"] < rate["rate"] < rate["upper95"]
    html = page.read_text()
    assert html.startswith("<!doctype html>") and "Newly blocked, by rule" in html and "quarterly result" not in html
    text = sluice("shadow", "report", "--from", f"http://127.0.0.1:{g.admin}").stdout
    assert "newly blocked" in text and any(line.split()[:2] == ["tax", "request"] for line in text.splitlines()), text


def test_a_shadow_is_promoted_or_ends_and_changes_no_byte(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    ring = ("--redis", f"redis://127.0.0.1:{port}", "--ring", "it")

    def answers():
        out = []
        for text in TEXTS:
            for stream in (False, True):
                status, _, body = g.post({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]})
                out.append((status, body if status == 200 else json.loads(body)["error"]["code"]))
        return out, [json.loads(b) for b in up.seen]

    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    first = answers()
    up.seen.clear()
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"), extra=NEXT)
    push(port, trial, "--shadow", "--wait", "1")
    assert answers() == first, "status, bytes to the client and to the upstream"
    until("they were judged", lambda: "sluice_shadow_judged_total 0\n" not in g.get("/metrics")[1])
    assert all('"event":"shadow"' not in line for line in sluice("audit", "query", "--from", g.audit, "--json").stdout.splitlines())
    assert sluice("audit", "verify", "--from", g.audit).returncode == 0
    sluice("abort", "--wait", "1", *ring)
    assert g.state()["shadow"] is None
    assert sluice("promote", *ring, check=False).returncode == 1
    push(port, trial, "--canary", "30", "--wait", "1")
    sluice("demote", "--wait", "1", *ring)
    assert g.state()["shadow"] and g.state()["canary"] is None, "a canary goes to shadow"
    sluice("promote", "--wait", "1", *ring)
    assert g.state()["shadow"] is None and g.ask("about my tax return")[0] == 400


def test_what_a_canary_decides_beside_a_shadow_is_counted_and_not_judged(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    trial = json.loads(push(port, bundle(lab.dir / "trial", ("Halden Bank", "Merrow Capital"), extra=LIVE), "--canary", "40", "--wait", "1", "--json").stdout)["version"]
    push(port, bundle(lab.dir / "next", extra=NEXT), "--shadow", "--wait", "1")
    for n in range(30):
        assert g.post({"model": "m", "messages": [{"role": "user", "content": "hello"}]}, {"x-tenant": "acme", "x-user": f"u{n}", "x-conversation": f"c{n}"})[0] == 200
    arms = [r["arm"] for r in g.records() if r["event"] == "decision"]
    stable, canary = arms.count("stable"), arms.count("canary")
    assert stable + canary == 30 and canary > 3, arms
    until("the others were judged", lambda: f"sluice_shadow_judged_total {stable}\n" in g.get("/metrics")[1], 30)
    g.records()
    report = json.loads(sluice("shadow", "report", "--from", g.audit, "--json").stdout)
    assert report["judged"] == stable and report["shed"] == 0 and report["canary"] == {"decided": canary, "versions": [trial]}, report
    told = sluice("shadow", "report", "--from", g.audit).stdout
    assert f"{canary} exchanges were decided by a canary beside it, version {trial[:12]}, and not judged" in told, told


def test_a_conversation_that_is_sent_again_is_one_hit_of_each_rule(lab):
    """A chat of eight turns: what stands in it counts once in the report of a shadow."""
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    push(port, bundle(lab.dir / "next", extra=NEXT), "--shadow", "--wait", "1")
    for chat in range(3):
        messages = [{"role": "user", "content": "about my tax return"}]
        for turn in range(8):
            assert g.post({"model": "m", "messages": messages}, {"x-tenant": "acme", "x-user": f"u{chat}", "x-conversation": f"c{chat}"})[0] == 200
            messages += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": f"and then {turn}?"}]
    g.post({"model": "m", "messages": messages}, {"x-tenant": "acme", "x-user": "late", "x-conversation": "late"})
    until("all was judged", lambda: "sluice_shadow_judged_total 25\n" in g.get("/metrics")[1], 30)
    found = [f for r in g.records() if r["event"] == "shadow" for f in r["request"]["findings"] if f["rule"] == "tax"]
    assert len(found) == 25 and sum(f.get("last_turn", True) for f in found) == 3, found[:2]
    report = json.loads(sluice("shadow", "report", "--from", g.audit, "--json").stdout)
    assert report["total"]["n"] == 25 and report["total"]["newly_blocked"]["count"] == 4, report["total"]
    assert next(r for r in report["rules"] if r["rule"] == "tax")["matched"] == 4, report["rules"]


def test_a_shadow_that_costs_too_much_is_shed_and_not_the_traffic(lab):
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    g.kill()
    g.config.write_text(g.config.read_text().replace("  state_directory", "  shadow_cpu_percent: 1\n  state_directory"))
    g.start()
    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    push(port, bundle(lab.dir / "next", extra=NEXT), "--shadow", "--wait", "1")
    long = "so much of weather and of wind " * 8000  # 250 KB: more than a hundredth of a processor can read
    until("some was shed", lambda: g.ask(long)[0] == 200 and 'shed_total{reason="budget"} 0\n' not in g.get("/metrics")[1], 60)
    report = json.loads(sluice("shadow", "report", "--from", g.audit, "--json").stdout)
    assert report["judged"] >= 1 and report["exact"] >= 1, report
