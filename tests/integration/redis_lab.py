"""Redis servers that follow each other, Sentinels, and a network between them and Sluice that can be cut, slowed and watched."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from lab import Gateway, Skip, Upstream, bundle, can_connect, free_port, sluice, until

RING = "it"


class Server:
    """A redis-server of its own port and options."""

    def __init__(self, lab, *options, port=None):
        if not shutil.which("redis-server"):
            raise Skip("redis-server is not installed")
        self.lab, self.options, self.port = lab, [str(o) for o in options], port or free_port()
        self.folder = lab.dir / f"redis-{self.port}"
        self.folder.mkdir(exist_ok=True)
        self.start()

    def start(self):
        words = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder, *self.options]
        self.process = self.lab.spawn(words, subprocess.DEVNULL)
        until("Redis listens", lambda: can_connect(self.port))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def __call__(self, *words, check=True):
        r = subprocess.run(["redis-cli", "-p", str(self.port), *map(str, words)], capture_output=True, text=True, timeout=30)
        assert not check or (r.returncode == 0 and not r.stdout.startswith(("ERR", "NOAUTH", "READONLY"))), f"{words}: {r.stdout}{r.stderr}"
        return r.stdout.strip()

    def follow(self, master):
        self("replicaof", "127.0.0.1", master.port)
        until("the replica follows", lambda: "master_link_status:up" in self("info", "replication"))

    def key(self, name):
        return f"{{sluice:{RING}}}:{name}"

    def head(self):
        return self("hget", self.key("head"), "epoch") + "-" + self("hget", self.key("head"), "gen")


def sentinel(lab, master, quorum=2):
    """Three seconds: on a busy machine a server is silent for one, and a failover for that would go back to the one that came back empty."""
    port = free_port()
    conf = lab.dir / f"sentinel-{port}.conf"
    conf.write_text(f"""port {port}
bind 127.0.0.1
dir {lab.dir}
sentinel monitor sluice 127.0.0.1 {master.port} {quorum}
sentinel down-after-milliseconds sluice 3000
sentinel failover-timeout sluice 5000
""")
    lab.spawn(["redis-server", conf, "--sentinel"], subprocess.DEVNULL)
    until("the Sentinel listens", lambda: can_connect(port))
    return port


class Proxy:
    """A TCP path to `target`, which may change. dark: bytes wait, nothing is refused. delay: seconds for each piece. on_request(bytes) is
    asked before they go on and may return "cut"; hold_reply(marker) keeps back what answers the next request with the marker, until release()."""

    def __init__(self, target):
        self.target, self.delay, self.dark, self.on_request, self.connections = target, 0.0, False, None, 0
        self.silent = None  # bytes: replies that hold them are lost
        self._marker, self._release, self._held = None, threading.Event(), threading.Event()
        self._pairs, self._lock = set(), threading.Lock()
        self._listen = socket.create_server(("127.0.0.1", 0))
        self.port = self._listen.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listen.accept()
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            holds = threading.Event()
            threading.Thread(target=self._pump, args=(client, server, pair, True, holds), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, pair, False, holds), daemon=True).start()

    def _pump(self, source, sink, pair, request, holds):
        try:
            while data := source.recv(65536):
                while self.dark:
                    time.sleep(0.01)
                if self.delay:
                    time.sleep(self.delay)
                if request and self.on_request and self.on_request(data) == "cut":
                    break
                if request and self._marker and self._marker in data:
                    self._marker = None
                    holds.set()
                if not request and self.silent and self.silent in data:
                    continue
                if not request and holds.is_set():
                    self._held.set()
                    self._release.wait(30)
                    holds.clear()
                sink.sendall(data)
        except OSError:
            pass
        self._close(pair)

    def _close(self, pair):
        for s in pair:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        with self._lock:
            self._pairs.discard(pair)

    def cut(self):
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._close(pair)

    def switch(self, server):
        self.target = server.port
        self.cut()

    def hold_reply(self, marker):
        self._release.clear()
        self._held.clear()
        self._marker = marker

    def held(self):
        return self._held.is_set()

    def release(self):
        self._release.set()


@contextlib.contextmanager
def clock_offset(lab, seconds):
    """What is started within has a wall clock that is so far ahead."""
    if not shutil.which("clang-19"):
        raise Skip("clang-19 is not installed")
    shim = lab.dir / "clock.so"
    subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", shim, os.path.join(os.path.dirname(__file__), "clock_offset.c")], check=True, timeout=60)
    wrong = {"LD_PRELOAD": str(shim), "CLOCK_OFFSET_SECONDS": str(seconds)}
    os.environ.update(wrong)
    try:
        yield
    finally:
        for name in wrong:
            del os.environ[name]


class traffic:
    """Requests to every node until the block ends: each must be answered, and by the rules."""

    def __init__(self, *nodes, least=5):
        self.nodes, self.least, self.stop, self.bad, self.good = nodes, least, threading.Event(), [], {g.name: 0 for g in nodes}

    def __enter__(self):
        self.threads = [threading.Thread(target=self._run, args=(g,)) for g in self.nodes]
        for t in self.threads:
            t.start()
        return self

    def _run(self, g):
        while not self.stop.is_set():
            try:
                status, _, body = g.ask("pay Halden Bank now")
            except OSError as e:
                status, body = 0, repr(e).encode()
            if status == 200 and b"[R]" in body and b"Halden" not in body:
                self.good[g.name] += 1
            else:
                self.bad.append((g.name, status, body))
            self.stop.wait(0.005)

    def __exit__(self, kind, *_):
        if kind is None:
            until("each node has answered", lambda: self.bad or all(n >= self.least for n in self.good.values()))
        self.stop.set()
        for t in self.threads:
            t.join(30)
        if kind is None:
            assert not self.bad, f"failed requests: {self.bad[:3]} and {len(self.bad)} in all"


class Fleet:
    """Nodes of ring `it`, and the commands of whoever publishes."""

    def __init__(self, lab, port, upstream=None):
        self.lab, self.port, self.up = lab, port, upstream or Upstream()

    def node(self, n, port=None, poll="500ms", more="", trust="", policy=""):
        source = f'{{redis: {{url: "redis://127.0.0.1:{port or self.port}", ring: {RING}, poll: {poll}{more}}}}}'
        g = Gateway(self.lab, f"gw{n}", self.up.port, source, trust=trust)
        if policy:
            g.kill(signal.SIGTERM)
            g.config.write_text(g.config.read_text().replace("  state_directory", f"  {policy}\n  state_directory"))
            g.start()
        return g

    def bundle(self, name, *words, extra=""):
        return bundle(self.lab.dir / name, ("Halden Bank", *words), extra)

    def run(self, command, *words, port=None, check=True):
        return sluice(command, *words, "--redis", f"redis://127.0.0.1:{port or self.port}", "--ring", RING, check=check)

    def history(self):
        """The activations, the newest first."""
        return [e for e in json.loads(self.run("history", "--json", "--limit", "0").stdout) if e["activation"]]

    def push(self, *words, name="b", wait=None, port=None, check=True, more=()):
        wait = ["--wait", str(wait)] if wait else []
        return self.run("push", self.bundle(name, *words), *wait, *more, port=port, check=check)

    def start_push(self, *words, name="b", port=None, more=()):
        command = [os.environ["SLUICE_BINARY"], "push", str(self.bundle(name, *words)), "--redis", f"redis://127.0.0.1:{port or self.port}", "--ring", RING, *more]
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lab.processes.append(p)
        return p

    def redacts(self, g, word):
        return b"[R]" in g.ask(f"at {word}")[2]

    def follow(self, nodes, word, seconds=15):
        until(f"{word} is enforced everywhere", lambda: all(self.redacts(g, word) for g in nodes), seconds)


def metric(g, name):
    return next(float(line.split()[-1]) for line in g.get("/metrics")[1].splitlines() if line.startswith(name))
