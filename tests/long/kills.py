"""kill -9 of gateways and of Redis, so many times each, under load. With `audit.sync: always` no record is lost that the log had
acknowledged, no activation that a push or a rollback had acknowledged, and the chains verify from the first boot to the last, by the
checkpoints in Redis as well.

A record is acknowledged when `sluice_audit_records_total` counts it: it is written and synced then. So are the records of all answers that were
whole before the log counted twice more: a count that follows another is of a turn of the log that began after that one had ended."""
import http.client
import json
import os
import random
import signal
import sys
import threading
import time

from lab import Gateway, Lab, Upstream, bundle, sluice, until
from redis_lab import Server, metric

ROUNDS = int(sys.argv[1])


class Client(threading.Thread):
    """Asks one gateway, plainly or streamed, until it is told to stop; keeps when each whole answer came and which decision it names."""

    def __init__(self, gateway, stream, stop):
        super().__init__(daemon=True)
        self.gateway, self.stream, self.stop, self.whole, self.wrong = gateway, stream, stop, [], []
        self.start()

    def run(self):
        while not self.stop.is_set():
            try:
                status, headers, body = self.gateway.ask("pay Halden Bank now", stream=self.stream)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)  # killed; the next one asks the next process
                continue
            if status != 200 or b"Halden" in body or b"[R]" not in body:
                self.wrong.append((status, body[-200:]))
            elif not self.stream or body.endswith(b"data: [DONE]\n\n"):
                self.whole.append((time.monotonic(), headers["x-sluice-decision"]))


class Acknowledged(threading.Thread):
    """What the log of one gateway last said of this boot: so many records are on disk; and until when answers are among them."""

    def __init__(self, gateway, stop):
        super().__init__(daemon=True)
        self.gateway, self.stop, self.records, self.counted = gateway, stop, 0, []  # counted: when each count was asked for
        self.start()

    def run(self):
        while not self.stop.is_set():
            asked = time.monotonic()
            try:
                records = int(metric(self.gateway, "sluice_audit_records_total"))
            except (StopIteration, ValueError):  # it was killed while it answered
                return
            if records > self.records:
                self.records = records
                self.counted.append(asked)
            time.sleep(0.005)

    def until(self):
        return self.counted[-3] if len(self.counted) > 2 else 0


def newest_boot(gateway):
    """The records of the boot that was killed, without a line that the kill tore: boots have files of their own, and the newest sorts last."""
    lines = max(gateway.audit.glob("*.jsonl")).read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


class Run:
    def __init__(self):
        self.lab, self.problems, self.random = Lab(), [], random.Random(20261129)
        self.redis = Server(self.lab, "--appendonly", "yes", "--appendfsync", "always")
        self.up, self.ring = Upstream(), ["--redis", f"redis://127.0.0.1:{self.redis.port}", "--ring", "kills"]
        source = f"{{redis: {{url: 'redis://127.0.0.1:{self.redis.port}', ring: kills, poll: 500ms}}}}"
        self.gateways = [Gateway(self.lab, f"gw{n}", self.up.port, source) for n in range(2)]
        for g in self.gateways:
            g.kill(signal.SIGTERM)
            g.config.write_text(g.config.read_text().replace(f"audit: {{directory: {g.audit}}}", f"audit: {{directory: {g.audit}, sync: always}}"))
            g.start()
        self.answers, self.records, self.activated = 0, 0, []  # acknowledged ones
        self.push(0)
        for g in self.gateways:
            until("the first version is taken", lambda g=g: g.get("/readyz")[0] == 200, 30)

    def push(self, n):
        """Whatever is killed meanwhile: an exit code of 0 is an acknowledgement."""
        r = sluice("push", bundle(self.lab.dir / "b", ("Halden Bank", f"Other {n}")), *self.ring, "--json", check=False)
        if r.returncode == 0:
            self.activated.append(json.loads(r.stdout)["activation"])

    def kill_redis(self):
        self.redis.kill()
        self.redis.start()

    def one(self, n):
        g, stop = self.gateways[n % 2], threading.Event()
        clients = [Client(g, stream, stop) for stream in (False, False, True)]
        told = Acknowledged(g, stop)
        pushing = threading.Thread(target=self.push, args=(n + 1,))
        pushing.start()
        time.sleep(self.random.uniform(0.1, 0.5))
        first, second = (self.kill_redis, g.kill) if n % 4 < 2 else (g.kill, self.kill_redis)
        first()
        time.sleep(self.random.uniform(0, 0.1))
        second()
        stop.set()
        for each in (*clients, told, pushing):
            each.join(60)
        boot = newest_boot(g)
        if len(boot) < told.records:
            self.problems.append(f"round {n}: the log said that {told.records} records are on disk, and {len(boot)} are")
        there = {r.get("id") for r in boot}
        answered = [(when, i) for c in clients for when, i in c.whole]
        lost = [i for when, i in answered if when < told.until() and i not in there]
        if lost:
            self.problems.append(f"round {n}: {len(lost)} answers are not on record, {lost[0]} first")
        self.problems += [f"round {n}: {w}" for c in clients for w in c.wrong[:1]]
        self.answers, self.records = self.answers + sum(when < told.until() for when, _ in answered), self.records + told.records
        g.start()
        until("it is ready again", lambda: g.get("/readyz")[0] == 200, 30)

    def settle(self):
        for g in self.gateways:
            g.kill(signal.SIGTERM)
            state = self.lab.dir / f"{g.name}-state"
            r = sluice("audit", "verify", "--from", g.audit, "--key", state / "audit-key.pub", "--anchor", state / "audit-checkpoint.json", check=False)
            if r.returncode != 0 or "whole" not in r.stdout:
                self.problems.append(f"{g.name}: its chain does not verify: {r.stdout}{r.stderr}")
        # Redis, too, was killed each time: what it kept of the checkpoints is in the logs.
        logs = [word for g in self.gateways for word in ("--from", g.audit, "--key", self.lab.dir / f"{g.name}-state" / "audit-key.pub")]
        r = sluice("audit", "verify", *logs, *self.ring, "--json", check=False)
        vouched = [end["redis_seq"] for end in json.loads(r.stdout)["ends"]] if r.stdout else []
        if r.returncode != 0 or len(vouched) != len(self.gateways) or not all(vouched):
            self.problems.append(f"the checkpoints in Redis do not fit the logs: {r.stdout}{r.stderr}")
        history = {entry["activation"] for entry in json.loads(sluice("history", *self.ring, "--limit", str(2 * ROUNDS + 10), "--json").stdout)}
        self.problems += [f"activation {a} was acknowledged and is not in the history" for a in self.activated if a not in history]


def main():
    run = Run()
    begin = time.monotonic()
    for n in range(ROUNDS):
        run.one(n)
        if n % 10 == 9:
            print(f"{n + 1} of {ROUNDS} rounds, {run.records} records, {run.answers} answers and {len(run.activated)} activations acknowledged, {len(run.problems)} problems", flush=True)
    run.settle()
    run.lab.close()
    print("\n".join(run.problems) or f"{ROUNDS} kills of gateways and {ROUNDS} of Redis in {time.monotonic() - begin:.0f} s: {run.records} records, {run.answers} answers and "
          f"{len(run.activated)} activations were acknowledged, none of them is lost; both chains are whole")
    print(f"{0 if run.problems else 1} passed, {1 if run.problems else 0} failed")
    return 1 if run.problems else 0


if __name__ == "__main__":
    os.environ.setdefault("SLUICE_BINARY", "build/release/sluice")
    sys.exit(main())
