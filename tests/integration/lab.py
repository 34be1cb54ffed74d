"""Processes of one integration test: gateways, a scripted upstream, Redis. Everything on free loopback ports, in a folder of its own."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLUICE = os.environ["SLUICE_BINARY"]


# Below those that the kernel gives to whoever asks for any. A server that is killed must find its port free again, whatever another test
# process started meanwhile: so each takes ports from blocks that are its own, as long as it lives. What says whose a block is, a socket
# with an abstract name, is as wide as ports are and goes with its process.
_BLOCK = 200
_claims = []


def _ports():
    blocks = list(range(10_000, 32_000, _BLOCK))
    begin = os.getpid() * 37 % len(blocks)
    for first in blocks[begin:] + blocks[:begin]:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0sluice-test-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield from range(first, first + _BLOCK)
    raise AssertionError("no ports are left: too many tests run on this machine")


_free = _ports()


def free_port():
    for port in _free:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(what, condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def chunk(text, index=0, finish=None, role=False):
    delta = {"content": text} if text is not None else {}
    if role:
        delta["role"] = "assistant"
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


class Skip(Exception):
    """Raised by a test that cannot run here; its words say what is missing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # a test may ask a thousand times at once

    def handle_error(self, *_):
        pass  # gateways are killed here on purpose


def serve(handler):
    """A server of its own on a port of its own, for as long as the test runs. Returns the port."""
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Upstream:
    """An OpenAI endpoint whose next answers the test decides; remembers what it was sent."""

    def __init__(self):
        self.seen, self.pieces, self.text, self.status, self.aborted = [], None, None, 200, threading.Event()
        self.raw = None  # (status, content type, bytes): the next answers as they are
        self.pause, self.step = 0.0, 4  # seconds between events; letters of one
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.seen.append(body)
                request = json.loads(body)
                if outer.raw is not None:
                    return self.whole(outer.raw[2], outer.raw[0], outer.raw[1])
                said = outer.text if outer.text is not None else request["messages"][-1]["content"]
                if outer.status != 200:
                    return self.whole(json.dumps({"error": {"message": "upstream says no", "type": "server_error", "code": "boom", "param": None}}).encode())
                if not request.get("stream"):
                    choices = [{"index": i, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"} for i in range(request.get("n", 1))]
                    return self.whole(json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}).encode())
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                pause = outer.pause  # of this answer, whatever the test decides for the next
                pieces = outer.pieces if outer.pieces is not None else [said[i:i + outer.step] for i in range(0, len(said), outer.step)]
                events = [chunk("", role=True)] + [chunk(p) for p in pieces] + [chunk(None, finish="stop")]
                try:
                    for e in events:
                        self.piece(b"data: " + json.dumps(e).encode() + b"\n\n")
                        if pause:
                            time.sleep(pause)
                    self.piece(b"data: [DONE]\n\n")
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    outer.aborted.set()

            def piece(self, data):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

            def whole(self, data, status=None, kind="application/json"):
                self.send_response(status or outer.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.port = serve(Handler)


class Script:
    """An upstream that answers whatever it is asked with what the test puts into `answer`: a content type and the pieces of a body. A piece
    that is a threading.Event is waited for. `dies`: behind the last piece the connection breaks."""

    def __init__(self):
        self.answer, self.status, self.dies, self.seen = ("application/json", [b"{}"]), 200, False, []  # seen: (path, body)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.seen.append((self.path, json.loads(body or b"null")))
                kind, pieces = outer.answer
                dies = outer.dies
                self.send_response(outer.status)
                self.send_header("content-type", kind)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    if isinstance(piece, threading.Event):
                        piece.wait(20)
                    elif piece:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                self.close_connection = dies
                if not dies:
                    self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST

        self.port = serve(Handler)


def to(port, dialect="openai", paths=("/v1",)):
    """A line of `upstreams:`."""
    return f'  - {{name: {"up" if dialect == "openai" else dialect}, base_url: "http://127.0.0.1:{port}", dialect: {dialect}, paths: {json.dumps(paths)}}}'


def to_every_dialect(port):
    """`upstreams:` that lead each dialect's paths to one server."""
    return "\n".join([to(port, "openai", ["/v1", "/openai"]), to(port, "anthropic", ["/v1/messages"]), to(port, "gemini", ["/v1beta", "/v1"]), to(port, "ollama", ["/api"])])


class Gateway:
    def __init__(self, lab, name, upstream, policy, extra="", trust="", upstreams=None):
        self.lab, self.name, self.port, self.admin = lab, name, free_port(), free_port()
        self.audit = lab.dir / f"{name}-audit"
        self.config = lab.dir / f"{name}.yaml"
        self.config.write_text(f"""
listen: {{address: 127.0.0.1, port: {self.port}}}
admin: {{address: 127.0.0.1, port: {self.admin}}}
node: {{id: {name}}}
workers: 2
upstreams:
{upstreams or to(upstream)}
policy:
  source: {policy}
  state_directory: {lab.dir}/{name}-state
{"  trust: " + trust if trust else ""}
audit: {{directory: {self.audit}}}
{extra}""")
        self.start()

    def start(self, wait=True):
        self.log = open(self.lab.dir / f"{self.name}.log", "a")
        self.process = self.lab.spawn([SLUICE, "serve", "--config", self.config], self.log)
        if wait:
            until(f"{self.name} answers", lambda: self.get("/livez")[0] == 200)

    def set_log(self, options):
        """What its decision log is told beside its folder, from the next start on."""
        log = f"audit: {{directory: {self.audit}"
        self.config.write_text(re.sub(re.escape(log) + ".*", lambda _: f"{log}, {options}}}", self.config.read_text()))

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(40)

    def get(self, path):
        try:
            c = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
            c.request("GET", path)
            r = c.getresponse()
            return r.status, r.read().decode()
        except OSError:
            return 0, ""

    def state(self):
        return json.loads(self.get("/v1/status")[1] or "{}").get("policy", {})

    def post(self, body, headers=None, path="/v1/chat/completions", method="POST"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        c.request(method, path, data, {"content-type": "application/json", "authorization": "Bearer sk-test"} | (headers or {}))
        r = c.getresponse()
        return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()

    def ask(self, text, **more):
        return self.post({"model": "m", "messages": [{"role": "user", "content": text}]} | more)

    def stream(self, body, path="/v1/chat/completions"):
        """The answer, to be read as it comes."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request("POST", path, json.dumps(body).encode(), {"content-type": "application/json", "authorization": "Bearer sk-test"})
        return c.getresponse()

    def records(self, flush=True):
        """What the log has; `flush`: once nothing more comes within one turn of its writer (50 ms)."""
        def look():
            return [f.read_text() for f in sorted(self.audit.glob("*.jsonl"))]

        before, now = None, look()
        while flush and before != now:  # a line that is being written is no record yet
            time.sleep(0.12)
            before, now = now, look()
        # The chain takes what each worker has in turn: only the times say what came first.
        return sorted((json.loads(line) for text in now for line in text.splitlines()), key=lambda r: r["time"])


def every_dialect(lab, up, name="g", rules="", config=""):
    """A gateway with each dialect behind its own path, all of them in front of `up`. `rules`, `config`: more of each, as YAML."""
    return Gateway(lab, name, up.port, "{directory: %s}" % bundle(lab.dir / f"{name}-bundle", extra=rules), config, upstreams=to_every_dialect(up.port))


class Lab:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-it-"))
        self.processes = []

    def spawn(self, words, out):
        p = subprocess.Popen([str(w) for w in words], stdout=out, stderr=out)
        self.processes.append(p)
        return p

    def redis(self, port):
        p = self.spawn(["redis-server", "--port", port, "--save", "", "--appendonly", "no", "--dir", self.dir], subprocess.DEVNULL)
        until("Redis listens", lambda: can_connect(port))
        return p

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
        for p in self.processes:
            p.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    except OSError:
        return False


def redis_says(port, *words):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in (words, (b"QUIT",))))
        got = b""
        while piece := s.recv(65536):
            got += piece
    return got


def acl_user(port, name):
    """A user of Redis with what docs/deploy.md gives it, and nothing more; how a URL names it."""
    line = re.search(rf"^ACL SETUSER {name} .*$", (ROOT / "docs" / "deploy.md").read_text(), re.M)[0]
    said = redis_says(port, *line.replace("production", "it").replace("PASSWORD", "pw").encode().split(b" "))
    assert said.startswith(b"+OK"), said
    return f"{name}:pw@"


def sluice(*words, check=True, env=None):
    r = subprocess.run([SLUICE, *map(str, words)], capture_output=True, text=True, timeout=90, env=env)
    if check and r.returncode != 0:
        raise AssertionError(f"sluice {' '.join(map(str, words))}: exit {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def bundle(folder, words=("Halden Bank",), extra="", rivals=None):
    """A bundle with a redacting list, a card rule and a block; `rivals`: what the list's rule looks for instead."""
    folder.mkdir(parents=True, exist_ok=True)
    items = json.dumps(list(words))
    (folder / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: it, owner: it}\nmodules:\n  - {use: p, bind: {scope: global}}\n")
    new = folder / ".p.new"
    new.write_text(f"""apiVersion: sluice/v1
kind: Policy
metadata: {{name: p, title: P, owner: it}}
rules:
  - id: rivals
    title: Rivals
    severity: low
    direction: both
    match: {rivals or f"{{keywords: {items}}}"}
    action: {{type: redact, mask: "[R]"}}
    tests: [{{name: a, request: {json.dumps("at " + words[0])}, expect: {{rules: [rivals]}}}}, {{name: b, request: nothing, expect: {{rules: []}}}}]
  - id: bomb
    title: Bomb
    severity: high
    direction: both
    match: {{keywords: [bomb recipe]}}
    action: {{type: block, message: "Not here."}}
    tests: [{{name: a, request: a bomb recipe, expect: {{rules: [bomb]}}}}, {{name: b, request: nothing, expect: {{rules: []}}}}]
{extra}""")
    os.replace(new, folder / "p.yaml")
    return folder
