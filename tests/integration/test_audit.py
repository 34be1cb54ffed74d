"""Asking the decision log: what was in force when, and for whom; of nodes on disk and of nodes that run elsewhere."""
import json
import time

from lab import Gateway, Upstream, bundle, sluice, until
from test_exchanges import gateway


def moment(seconds=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_at_says_which_rules_were_in_force_for_whom_on_every_node(lab):
    token = lab.dir / "token"
    token.write_text("a-long-token\n")
    a, up = gateway(lab)
    scoped = bundle(lab.dir / "b-b")
    (scoped / "bundle.yaml").write_text((scoped / "bundle.yaml").read_text() + "  - {use: acme, bind: {tenant: [acme]}}\n")
    (scoped / "acme.yaml").write_text((scoped / "p.yaml").read_text().replace("name: p,", "name: acme,").replace("id: rivals", "id: acme-rivals").replace("id: bomb", "id: acme-bomb")
                                      .replace("rules: [rivals]", "rules: [acme-rivals]").replace("rules: [bomb]", "rules: [acme-bomb]"))
    b = Gateway(lab, "b", up.port, f"{{directory: {scoped}}}")
    b.config.write_text(b.config.read_text().replace(f"port: {b.admin}}}", f"port: {b.admin}, token_file: {token}}}"))
    b.kill()
    b.start()
    until("both serve", lambda: a.state().get("state") == "FRESH" and b.get("/readyz")[0] == 200)
    from_both = ["--from", a.audit, "--from", f"http://127.0.0.1:{b.admin}", "--token-file", token, "--time", moment(2)]
    nodes = json.loads(sluice("audit", "at", *from_both, "--json").stdout)
    assert {n["node"] for n in nodes} == {"gw", "b"} and len({n["version"] for n in nodes}) == 2, nodes
    states = [w for n in ("gw", "b") for w in ("--state", lab.dir / f"{n}-state")]
    told = json.loads(sluice("audit", "at", *from_both, *states, "--tenant", "acme", "--json").stdout)
    version_of = {n["node"]: n["version"] for n in told["nodes"]}
    rules = {v["version"]: {r["rule"]: r["place"] for r in v["rules"]} for v in told["in_force"]}
    assert set(rules[version_of["gw"]]) == {"rivals", "bomb"} and set(rules[version_of["b"]]) == {"rivals", "bomb", "acme-rivals", "acme-bomb"}, rules
    assert rules[version_of["b"]]["acme-bomb"].startswith("acme.yaml:"), rules
    others = sluice("audit", "at", *from_both, *states, "--tenant", "globex").stdout
    assert "acme-bomb" not in others and "p.yaml:" in others, others
    # From the bundle itself where no state directory is at hand; a changed one is not that version.
    assert "acme-bomb" in sluice("audit", "at", *from_both, "--bundle", scoped, "--bundle", lab.dir / "gw-b", "--tenant", "acme").stdout
    r = sluice("audit", "at", *from_both, "--bundle", scoped, "--tenant", "acme", check=False)
    assert r.returncode == 1 and version_of["gw"][:12] in r.stderr and "--state" in r.stderr, r
    # The log of a node elsewhere is verified as one on disk is; without the token there is nothing.
    key = lab.dir / "b-state" / "audit-key.pub"
    assert "whole" in sluice("audit", "verify", "--from", f"http://127.0.0.1:{b.admin}", "--token-file", token, "--key", key).stdout
    r = sluice("audit", "query", "--from", f"http://127.0.0.1:{b.admin}", check=False)
    assert r.returncode == 1 and "--token-file" in r.stderr, r
    r = sluice("audit", "query", "--from", "http://127.0.0.1:1", check=False)
    assert r.returncode == 1 and "127.0.0.1" in r.stderr, r
