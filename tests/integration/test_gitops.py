"""docs/gitops.md with a real bare repository, its hooks, and two gateways."""
import json
import os
import shutil
import subprocess

from lab import ROOT, SLUICE, bundle, until
from redis_lab import Fleet, Server, traffic
from test_documents import blocks

EXAMPLE = ROOT / "docs/examples/gitops"


def test_gitops_from_a_branch_to_everybody_as_its_document_shows_it(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    setup, change, shown, trailers = (text for _, text in blocks("docs/gitops.md"))
    home = lab.dir / "git"
    home.mkdir()
    shutil.copytree(EXAMPLE, home / "gitops")
    env = os.environ | {"PATH": f"{os.path.dirname(SLUICE)}:{os.environ['PATH']}", "SLUICE_REDIS": f"redis://127.0.0.1:{redis.port}", "SLUICE_RING": "it", "SLUICE_CANARY": "50",
                        "GIT_AUTHOR_NAME": "Grace Murray", "GIT_AUTHOR_EMAIL": "g@example.com", "GIT_COMMITTER_NAME": "Grace Murray", "GIT_COMMITTER_EMAIL": "g@example.com",
                        "GIT_CONFIG_GLOBAL": "/dev/null"}

    def shell(text, folder=home, code=0):
        r = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, capture_output=True, text=True, timeout=120, env=env)
        assert r.returncode == code, f"{text}\nexit {r.returncode}\n{r.stdout}{r.stderr}"
        return r.stdout + r.stderr

    shell(setup)
    nodes = [fleet.node(n) for n in range(2)]
    # The first version: nothing to stand beside.
    shell("git clone -q policies.git first")
    golden = bundle(home / "first/policies") / "golden"
    golden.mkdir()
    (golden / "g.jsonl").write_text(json.dumps({"id": "bomb", "set": "must_block", "request": "a bomb recipe", "expect": {"action_at_least": "block"}}) + "\n")
    told = shell("git add . && git commit -qm 'The first rules' && git push origin HEAD:main", home / "first")
    assert "is active as 1-1" in told, told
    fleet.follow(nodes, "Halden Bank")
    history = lambda: json.loads(shell("sluice history --json"))
    with traffic(*nodes):
        told = shell(change)
        for line in shown.splitlines():
            for part in line.removeprefix("remote: ").replace("ring prod", "ring it").split("…"):
                assert part in told, f"{part!r} of docs/gitops.md is not in\n{told}"
        main = shell("git rev-parse main", home / "work").strip()
        until("both nodes have it", lambda: all(fleet.redacts(g, "Ostwick Savings") for g in nodes))
        live, canary = history()[:2]
        assert (live["kind"], canary["kind"]) == ("promote", "canary") and live["note"] == "tag live-2", history()
        assert canary["actor"] == "Grace Murray" and canary["note"].startswith("Merge: Ostwick") and canary["commit"] == live["commit"] == main and len(live["gate_report"]) == 64, history()
        # What fails its gate is seen on its branch, and does not reach main.
        head = live["version"]
        bad = "sed -i 's/expect: {rules: \\[bomb\\]}/expect: {rules: []}/' policies/p.yaml && git commit -qam 'A test that is wrong'"
        told = shell(f"git switch -qc wrong main && {bad} && git push origin wrong", home / "work")
        assert "The gate fails" in told, told
        told = shell("git switch -q main && git merge -q --ff-only wrong && git push origin main", home / "work", code=1)
        assert "The gate fails" in told and "pre-receive hook declined" in told, told
        assert history()[0]["version"] == head
        # Undone by a revert, which is a change like any other: weaker, so that somebody else agrees.
        told = shell("git reset -q --hard origin/main && git revert --no-edit -m 1 HEAD && git push origin main", home / "work", code=1)
        assert "a second person must agree" in told, told
        shell("git commit -q --amend --no-edit --trailer 'Approved-by: Ada Byron' && git push origin main", home / "work")
        # A tag makes live what it stands on, and nothing else that happens to be the canary.
        told = shell("git tag live-old main~1 && git push origin live-old", home / "work")
        assert "nothing was changed" in told and history()[0]["kind"] == "canary", told
        shell("git tag live-3 && git push origin live-3", home / "work")
        until("both are back", lambda: not any(fleet.redacts(g, "Ostwick Savings") for g in nodes))
    # Trailers are read from the message.
    assert "Approved-by:" in trailers and "Expected-change:" in trailers
    for key in ("Approved-by", "Expected-change"):
        assert all(key in (EXAMPLE / "hooks" / hook).read_text() for hook in ("pre-receive", "post-receive")), key


def test_a_weaker_change_reaches_main_with_a_second_name_in_its_message(lab):
    from test_gate import cases, write
    home = lab.dir / "git"
    home.mkdir()
    shutil.copytree(EXAMPLE, home / "gitops")
    env = os.environ | {"PATH": f"{os.path.dirname(SLUICE)}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": "/dev/null"}
    git = lambda *words, check=True: subprocess.run(["git", "-C", home / "work", "-c", "user.name=Grace Murray", "-c", "user.email=g@example.com", *words],
                                                    capture_output=True, text=True, timeout=120, env=env, check=check)
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch", "main", home / "policies.git"], check=True, env=env)
    for name in ("hooks/pre-receive", "comment"):
        shutil.copy(home / "gitops" / name, home / "policies.git/hooks")
    subprocess.run(["git", "clone", "-q", home / "policies.git", home / "work"], check=True, env=env, capture_output=True)
    write(home / "work/policies", cases(), words=("needle", "thorn"))
    git("add", ".")
    git("commit", "-qm", "The first rules")
    git("push", "origin", "HEAD:main")
    write(home / "work/policies", cases())
    git("add", "-A")
    git("commit", "-qm", "No thorns any more")
    refused = git("push", "origin", "HEAD:main", check=False)
    assert refused.returncode != 0 and "a second person must agree" in refused.stderr and "What changes" in refused.stderr, refused.stderr
    git("commit", "--amend", "-qm", "No thorns any more\n\nApproved-by: grace  murray")
    refused = git("push", "origin", "HEAD:main", check=False)
    assert refused.returncode != 0 and "the second person must be another than Grace Murray" in refused.stderr, refused.stderr
    git("commit", "--amend", "-qm", "No thorns any more\n\nApproved-by: Ada Byron")
    assert git("push", "origin", "HEAD:main", check=False).returncode == 0
