"""Versions that come and go while exchanges go on: swaps on one node; activations and rollbacks on three that share a Redis."""
import datetime
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

from lab import SLUICE, bundle, rss_kb
from load import request_body, table, wrk


def letters(n):
    """A number as four letters, for a word that no text has."""
    return "".join("bcdfghklmn"[int(d)] for d in f"{n:04}")


class Asker(threading.Thread):
    """One client that asks plainly and streamed, in turn, and keeps what the headers said of each exchange."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.said, self.failed, self.stop = port, {}, [], threading.Event()
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.stop.is_set():
            body = request_body(stream=len(self.said) % 2 == 0)
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": "Bearer sk-bench"})
            answer = connection.getresponse()
            text = answer.read()
            whole = text.endswith(b"data: [DONE]\n\n") if len(self.said) % 2 == 0 else text.endswith(b"}")
            if answer.status != 200 or not whole:
                self.failed.append((answer.status, text[-200:]))
            self.said[answer.headers["x-sluice-decision"]] = answer.headers["x-sluice-policy"]


def versions_of(folder, said):
    """What the decision log says of versions: activations taken, exchanges, and those that show more than one version."""
    taken, seen, mixed = {}, {}, set()
    records = lambda: "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.jsonl"))
    until = time.time() + 10  # what was said last is written a moment later; what never is counts below
    while time.time() < until and not said.keys() <= {r.get("id") for r in map(json.loads, (line for line in records().splitlines(True) if line.endswith("\n")))}:
        time.sleep(0.1)
    for file in sorted(folder.glob("*.jsonl")):
        with open(file, encoding="utf-8") as lines:
            for r in map(json.loads, lines):
                if r["event"] == "activated":
                    taken[r["activation"]] = r["version"]
                if "id" not in r:
                    continue
                label = f"{r['activation']}:{r['version'][:12]}"
                if seen.setdefault(r["id"], label) != label or taken.get(r["activation"]) != r["version"]:
                    mixed.add(r["id"])
    mixed |= {i for i, label in said.items() if seen.get(i) != label}
    return len(taken), len(seen), len(mixed)


def bench_swaps(lab, args, report):
    up, _ = lab.mock(delay_ms=10)  # a model that needs time: exchanges and streams that live through swaps
    folder = bundle(lab.dir / "w-0", 20, 100, 10, 10)
    current, audit = lab.dir / "current", lab.dir / "w-audit"
    current.symlink_to("w-0")
    port, process = lab.sluice(up, current, "w")
    swaps, early = (200, 20) if args.quick else (1000, 100)
    result, stop, swapping, memory = {"requests": 0, "errors": 0, "p99": [], "p99_quiet": []}, threading.Event(), threading.Event(), {}

    def load():
        while not stop.is_set():
            phase = "p99" if swapping.is_set() else "p99_quiet"
            r = wrk(port, "/v1/chat/completions", request_body(), 16, 1, lab.dir / "swap.lua")
            for k in ("requests", "errors"):
                result[k] += r[k]
            if swapping.is_set() == (phase == "p99"):
                result[phase].append(r["p99_us"])

    policy = (folder / "words-0.yaml").read_text()
    word = re.search(r'keywords: \["[^"]*", "([^"]*)"', policy).group(1)

    def write(n):
        # A new folder, one keyword changed, and a link to it; renamed into place, it is taken at once.
        new = shutil.copytree(folder, lab.dir / f"w-{n}")
        (new / "words-0.yaml").write_text(policy.replace(word, "zoq" + letters(n)))
        (lab.dir / "next").symlink_to(new.name)

    def swap(n):
        write(n)
        os.replace(lab.dir / "next", current)
        end = time.monotonic() + 60
        while lab.status("w")["policy"]["activation"] != f"1-{n + 1}":
            if time.monotonic() > end:
                sys.exit(f"bench: swap {n} was not taken within a minute: {lab.status('w')['policy']}")
            time.sleep(0.005)
        if n > 2:
            shutil.rmtree(lab.dir / f"w-{n - 1}")
        if n % early == 0:
            memory[n] = rss_kb(process.pid)

    def all_but_the_swap(n, seconds):
        # What this program does costs time too.
        end = time.monotonic() + seconds
        write(n)
        (lab.dir / "next").unlink()
        while time.monotonic() < end:
            lab.status("w")
            time.sleep(0.005)
        shutil.rmtree(lab.dir / f"w-{n}")

    asker, loader, blocks = Asker(port), threading.Thread(target=load), 2 if args.quick else 5
    loader.start()
    for block in range(blocks):  # in turn, as long and at the same pace
        some = range(block * swaps // blocks + 1, (block + 1) * swaps // blocks + 1)
        begin = time.monotonic()
        swapping.set()
        for n in some:
            swap(n)
        swapping.clear()
        pace = (time.monotonic() - begin) / len(some)
        for _ in some:
            all_but_the_swap(some[-1] + 1, pace)
    stop.set()
    asker.stop.set()
    loader.join()
    asker.join()
    taken, exchanges, mixed = versions_of(audit, asker.said)
    failed = result["errors"] + len(asker.failed)
    table("Swaps under load, one keyword changed in each", ["taken", "exchanges", "failed", "with two versions", "p99 us quiet", "swapping", f"RSS MB at {early}", f"at {swaps}"],
          [[taken - 1, exchanges, failed, mixed, int(statistics.median(result["p99_quiet"])), int(statistics.median(result["p99"])), f"{memory[early] / 1024:.1f}", f"{memory[swaps] / 1024:.1f}"]])
    report["figures"] |= {"swaps: failed": failed, "swaps: of two versions": mixed,
                          "swaps: p99 swapping, x of quiet": statistics.median(result["p99"]) / statistics.median(result["p99_quiet"])}
    report["swaps"] = {"taken": taken - 1, "exchanges": exchanges, "failed": failed, "two_versions": mixed, **result, "rss_kb": memory}
    if asker.failed:
        print("  first failure:", asker.failed[0])


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]


class Watcher(threading.Thread):
    """Asks one node again and again, and notes when it first answered as the new rule says."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.text, self.since, self.seen = None, 0.0, threading.Event()
        self.start()

    def expect(self, text):
        self.seen.clear()
        self.text = text

    def run(self):
        while True:
            text = self.text
            if text is None or self.seen.is_set():
                time.sleep(0.001)
                continue
            body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": text}]})
            self.connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": "Bearer sk-bench"})
            answer = self.connection.getresponse()
            answer.read()
            if answer.headers["x-sluice-verdict"] == "edit" and text == self.text:
                self.since = time.time()
                self.seen.set()
            time.sleep(0.002)


def on_ring(redis):
    """A function that runs a command on the bench's ring and returns what it prints."""
    def call(*words):
        r = subprocess.run([str(SLUICE), *map(str, words), "--redis", f"redis://127.0.0.1:{redis}", "--ring", "bench", "--json"], capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit(f"bench: sluice {' '.join(map(str, words))}: exit {r.returncode}\n{r.stdout}{r.stderr}")
        return json.loads(r.stdout)

    return call


def bench_activation(lab, args, report):
    redis, (up, _) = lab.redis(), lab.mock()
    folder = bundle(lab.dir / "a-full", 20, 100, 10, 10)
    call = on_ring(redis)
    nodes = [lab.sluice(up, None, f"a-{n}", redis)[0] for n in range(3)]
    call("push", folder, "--wait", "3")
    watchers = [Watcher(port) for port in nodes]
    rows = []
    for name, file, pattern, text in (("keyword", "words-0.yaml", r'keywords: \["[^"]*", "([^"]*)"', "say {} now"),
                                      ("regex", "shapes-0.yaml", r"([a-z]{4})_\[", "use {}_" + "Ab3" * 9 + " here")):
        original = (folder / file).read_text()
        old = re.search(pattern, original).group(1)
        arrived, own = [], []
        for n in range(5 if args.quick else 100):
            new = ("zoq" if name == "keyword" else "") + letters(n)
            (folder / file).write_text(original.replace(old, new))
            for w in watchers:
                w.expect(text.format(new))
            time.sleep(0.05)
            begin = time.time()
            pushed = call("push", folder)
            own.append(time.time() - begin)
            for w in watchers:
                if not w.seen.wait(60):
                    sys.exit(f"bench: {pushed['activation']} was not enforced within a minute")
            head = call("history", "--limit", 1)[0]
            active = datetime.datetime.fromisoformat(head["time"].replace("Z", "+00:00")).timestamp()
            arrived.append(max(w.since for w in watchers) - active)
        ms = lambda values, p: f"{percentile(values, p) * 1000:.0f}"
        rows.append([f"one {name} changed", len(arrived), ms(arrived, 50), ms(arrived, 99), ms(own, 50), ms(own, 99)])
        report["figures"][f"activation, one {name}, p99 ms"] = percentile(arrived, 99) * 1000
        report[f"activation_{name}"] = {"arrived_s": arrived, "command_s": own}
    table("Activation to the first enforced answer on the last of three nodes", ["", "pushes", "p50 ms", "p99 ms", "command p50 ms", "command p99 ms"], rows)


def bench_rollbacks(lab, args, report):
    """Back and forth between two versions, while three nodes are asked."""
    redis, (up, _) = lab.redis(), lab.mock(delay_ms=10)
    folder = bundle(lab.dir / "r-full", 20, 100, 10, 10)
    call = on_ring(redis)
    nodes = [lab.sluice(up, None, f"r-{n}", redis)[0] for n in range(3)]
    policy = (folder / "words-0.yaml").read_text()
    versions = []
    for n in range(2):
        (folder / "words-0.yaml").write_text(policy.replace("say nothing", f"say nothing {n}"))
        versions.append(call("push", folder, "--wait", "3")["version"])
    askers, stop, result = [Asker(port) for port in nodes], threading.Event(), {"requests": 0, "errors": 0}

    def load():
        while not stop.is_set():
            for port in nodes:
                r = wrk(port, "/v1/chat/completions", request_body(), 4, 1, lab.dir / "rollback.lua")
                for k in result:
                    result[k] += r[k]

    loader = threading.Thread(target=load)
    loader.start()
    took = []
    for n in range(20 if args.quick else 100):
        begin = time.time()
        call("rollback", "--to", versions[n % 2], "--wait", "3")
        took.append(time.time() - begin)
    stop.set()
    for each in askers:
        each.stop.set()
    for each in (loader, *askers):
        each.join()
    mixed, taken = 0, []
    for n, asker in enumerate(askers):
        activations, _, wrong = versions_of(lab.dir / f"r-{n}-audit", asker.said)
        mixed += wrong
        taken.append(activations - 2)
    failed = result["errors"] + sum(len(a.failed) for a in askers)
    table("Rollbacks under load, until the last of three nodes has acknowledged", ["rollbacks", "taken by each node", "exchanges", "failed", "with two versions", "p50 ms", "p99 ms"],
          [[len(took), taken, result["requests"] + sum(len(a.said) for a in askers), failed, mixed, f"{percentile(took, 50) * 1000:.0f}", f"{percentile(took, 99) * 1000:.0f}"]])
    report["figures"] |= {"rollbacks: failed": failed, "rollbacks: of two versions": mixed, "rollback, p99 ms": percentile(took, 99) * 1000}
    report["rollbacks"] = {"took_s": took, "taken": taken, **result}
