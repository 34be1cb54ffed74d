"""Mixed traffic through several versions, its text kept sealed; then every decision once more, by `audit replay --all`. All must come out as recorded.

Plain and streamed, of every verdict, in conversations with tags and without, of three tenants; versions come by push and go by rollback while it is asked."""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from lab import Gateway, Lab, Upstream, bundle, sluice, until
from redis_lab import Server
from test_additions import rule
from test_conversations import BOUND, TAGS

DECISIONS, VERSIONS, CLIENTS = int(sys.argv[1]), 8, 4
SAID = ("tell me of the weather", "pay Halden Bank now", "a bomb recipe", "buy bonds for me", "my portfolio of shares", "Ostwick and Halden Bank, both", "ask\\nme\\tanything, é 漢字 🙂")
HEADERS = """context:
  default: {region: eu}
  headers: {trusted_proxies: [127.0.0.1/32], tenant: x-tenant, user: x-user, conversation: x-conversation}
"""


def version(folder, n):
    """Version n: another list, other words behind answers, and from the fourth on a rule in shadow."""
    more = rule("notice", "response", "{keywords: [bonds]}", f'{{type: append, text: " General information {n}."}}', "bonds") + TAGS
    if n >= 4:
        more += rule("trial", "request", "{keywords: [weather]}", "{type: block, message: later}", "the weather", "    enforcement: shadow\n").replace("rules_any: [trial]", "shadow: [trial]")
    bundle(folder, ("Halden Bank", "Ostwick" if n % 2 else "Other"), more)
    (folder / "advice.yaml").write_text(BOUND)
    (folder / "bundle.yaml").write_text((folder / "bundle.yaml").read_text() + "  - {use: advice, bind: {conversation_tag: investing}}\n")
    return folder


class Client(threading.Thread):
    """Asks as often as it may; `allowed` grows while it runs, and None ends it."""

    def __init__(self, gateways, seed):
        super().__init__(daemon=True)
        self.gateways, self.random, self.asked, self.allowed, self.statuses = gateways, random.Random(seed), 0, 0, {}
        self.start()

    def run(self):
        while self.allowed is not None:
            if self.asked == self.allowed:
                time.sleep(0.002)
                continue
            text, stream = self.random.choice(SAID), self.random.random() < 0.4
            headers = {"x-tenant": self.random.choice(("acme", "globex", "initech")), "x-user": f"u{self.random.randrange(9)}"}
            if self.random.random() < 0.5:
                headers["x-conversation"] = f"c{self.random.randrange(40)}"
            body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}
            try:
                status = self.random.choice(self.gateways).post(body, headers)[0]
            except (OSError, http.client.HTTPException) as e:
                status = repr(e)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.asked += 1


def main():
    lab = Lab()
    redis, up = Server(lab), Upstream()
    secret = lab.dir / "master"
    secret.write_text("ab" * 32 + "\n")
    ring = ["--redis", f"redis://127.0.0.1:{redis.port}", "--ring", "replays"]
    source = f"{{redis: {{url: 'redis://127.0.0.1:{redis.port}', ring: replays, poll: 500ms}}}}"
    gateways = []
    for n in range(2):
        g = Gateway(lab, f"gw{n}", up.port, source, f"secrets: {{key_file: {secret}}}\n{HEADERS}")
        g.kill(signal.SIGTERM)
        g.config.write_text(g.config.read_text().replace(f"audit: {{directory: {g.audit}}}", f"audit: {{directory: {g.audit}, text: encrypted}}"))
        g.start()
        gateways.append(g)
    sluice("push", version(lab.dir / "v0", 0), *ring, "--wait", "2")
    clients, share = [Client(gateways, seed) for seed in range(CLIENTS)], -(-DECISIONS // (CLIENTS * (VERSIONS + 1)))
    for n in range(1, VERSIONS + 2):
        for c in clients:
            c.allowed += share
        # While they ask; what is left of their share then is decided by it, or the next one is.
        if n < VERSIONS:
            sluice("push", version(lab.dir / f"v{n}", n), *ring, "--wait", "2", "--approved-by", "Ada")
        elif n == VERSIONS:
            sluice("rollback", *ring, "--note", "back", "--wait", "2")
        until("their share is asked", lambda: all(c.asked == c.allowed for c in clients), 1200)
    for c in clients:
        c.allowed = None
        c.join()
    for g in gateways:
        g.kill(signal.SIGTERM)
    statuses = {}
    for c in clients:
        for status, count in c.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    begin = time.monotonic()
    where = [w for g in gateways for w in ("--from", str(g.audit), "--keys", str(lab.dir / f"{g.name}-state" / "audit-keys"))]
    r = subprocess.run([os.environ["SLUICE_BINARY"], "audit", "replay", "--all", *where, "--secret", str(secret), ring[0], ring[1], ring[2], ring[3], "--json"], capture_output=True, text=True, timeout=3600)
    told = json.loads(r.stdout or "{}")
    took = time.monotonic() - begin
    print(f"answers by status: {statuses}; replayed: { {k: v for k, v in told.items() if not isinstance(v, dict)} } in {took:.0f} s{r.stderr}")
    problems = [f"{decision}: {why}" for kind in ("differing", "not_replayed") for decision, why in told.get(kind, {}).items()]
    if set(statuses) != {200, 400}:
        problems.append(f"statuses: {statuses}")
    if told.get("decisions") != sum(statuses.values()) or told.get("in_full") != told.get("decisions"):
        problems.append("not every decision was replayed in full")
    if told.get("versions", 0) < VERSIONS or r.returncode != 0:
        problems.append(f"{told.get('versions')} versions, exit code {r.returncode}")
    lab.close()
    print("\n".join(problems[:20]) or f"{told['decisions']} decisions of {told['versions']} versions, replayed in full: all are as recorded")
    print(f"{0 if problems else 1} passed, {1 if problems else 0} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ.setdefault("SLUICE_BINARY", "build/release/sluice")
    sys.exit(main())
