"""Mixed load on two gateways and one Redis for so many seconds. Nothing may fail, mix versions, grow or break the chain."""
import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time

from lab import Gateway, Lab, Upstream, bundle, free_port, sluice, until

SECONDS = float(sys.argv[1])
RSS_GROWTH_MAX = 1.25  # of a gateway after its warm-up; Redis' outages and swaps included


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


class Load(threading.Thread):
    """One client: plain and streamed questions, some that must be edited, some that must be blocked, some that it does not wait for."""

    def __init__(self, gateway, seed, stop):
        super().__init__(daemon=True)
        self.gateway, self.random, self.stop, self.asked, self.failed, self.said = gateway, random.Random(seed), stop, 0, [], {}
        self.start()

    def run(self):
        while not self.stop.is_set():
            kind = self.random.choice(("plain", "stream", "edit", "block", "leave"))
            try:
                self.leave() if kind == "leave" else self.ask(kind)
            except (OSError, http.client.HTTPException, AssertionError, ValueError) as e:
                self.failed.append((kind, repr(e)))
            self.asked += 1

    def ask(self, kind):
        text = {"edit": "pay Halden Bank now", "block": "a bomb recipe"}.get(kind, "tell me of the weather " * self.random.randint(1, 30))
        status, headers, body = self.gateway.ask(text, stream=kind in ("stream", "edit"))
        assert status == (400 if kind == "block" else 200), (status, body)
        if kind != "block":
            assert body.endswith(b"data: [DONE]\n\n") if kind in ("stream", "edit") else json.loads(body), body[-100:]
        assert b"Halden" not in body
        self.said[headers["x-sluice-decision"]] = headers["x-sluice-policy"]

    def leave(self):
        with socket.create_connection(("127.0.0.1", self.gateway.port), 5) as s:
            body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"long story"}]}'
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            s.recv(200)


def mixed_versions(gateway, said):
    records, wrong = gateway.records(), []
    taken = {r["activation"]: r["version"] for r in records if r["event"] == "activated"}
    for r in records:
        label = f"{r.get('activation')}:{r.get('version', '')[:12]}"
        if r.get("id") in said and (label != said[r["id"]] or taken.get(r["activation"]) != r["version"]):
            wrong.append(r["id"])
    missing = set(said) - {r.get("id") for r in records}
    return wrong, missing


def main():
    lab, port, stop = Lab(), free_port(), threading.Event()
    redis, up = lab.redis(port), Upstream()
    url, swaps, outages, problems = f"redis://127.0.0.1:{port}", 0, 0, []
    push = lambda n: sluice("push", bundle(lab.dir / "b", ("Halden Bank", f"Other {n}")), "--redis", url, "--ring", "soak", check=False)
    nodes = [Gateway(lab, f"soak-{n}", up.port, f"{{redis: {{url: '{url}', ring: soak, poll: 1s}}}}") for n in range(2)]
    assert push(0).returncode == 0
    for node in nodes:
        until("the first version is taken", lambda: node.get("/readyz")[0] == 200, 30)
    loads = [Load(node, n, stop) for n, node in enumerate(nodes * 2)]
    end, warm, rss, told = time.monotonic() + SECONDS, None, [], 0.0
    while time.monotonic() < end:
        time.sleep(1)
        swaps += push(swaps + 1).returncode == 0
        if swaps % 20 == 10:
            redis.send_signal(signal.SIGKILL)
            redis.wait(10)
            time.sleep(2)
            redis, outages = lab.redis(port), outages + 1
        rss = [rss_kb(node.process.pid) for node in nodes]
        warm = warm or (list(rss) if time.monotonic() > end - 0.8 * SECONDS else None)
        if sys.stdout.isatty() or time.monotonic() > told + 30:
            told = time.monotonic()
            print(f"{max(0, end - told):5.0f} s left, {swaps} swaps, {outages} outages, {sum(l.asked for l in loads)} exchanges, RSS {rss} kB",
                  end="\r" if sys.stdout.isatty() else "\n", flush=True)
    stop.set()
    for load in loads:
        load.join()
    print()
    for n, node in enumerate(nodes):
        said = {i: label for load in loads if load.gateway is node for i, label in load.said.items()}
        wrong, missing = mixed_versions(node, said)
        problems += [f"{node.name}: {len(wrong)} of two versions"] * bool(wrong) + [f"{node.name}: {len(missing)} not on record"] * bool(missing)
        if rss[n] > warm[n] * RSS_GROWTH_MAX:
            problems.append(f"{node.name} grew from {warm[n]} to {rss[n]} kB")
        if "whole" not in sluice("audit", "verify", "--from", node.audit, check=False).stdout:
            problems.append(f"{node.name}: its chain does not verify")
    problems += [f"failed: {one}" for load in loads for one in load.failed[:3]]
    print("\n".join(problems) or f"{sum(l.asked for l in loads)} exchanges, {swaps} swaps, {outages} outages of Redis: nothing failed")
    lab.close()
    print(f"{0 if problems else 1} passed, {1 if problems else 0} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    os.environ.setdefault("SLUICE_BINARY", "build/release/sluice")
    sys.exit(main())
