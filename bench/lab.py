"""What a measurement runs on: processes in a folder of their own, what the kernel accounted to them, and made-up bundles."""
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLUICE = ROOT / "build/release/sluice"
WORDS = ("the account balance shows that your payment was received on time and the next statement will follow by mail at the end of "
         "this month together with a short note about our opening hours during the holidays and the new branch near the station ").split()


def prose(size, seed):
    rng = random.Random(seed)
    out = []
    while sum(len(w) + 1 for w in out) < size:
        out.append(rng.choice(WORDS))
    return " ".join(out)[:size].strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, what):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"bench: {what} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench: {what} did not listen on {port}")


def cpu_ns(pid):
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split():
        total += cpu_ns(int(child))
    return total


def rss_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Lab:
    """Processes and files of one run, in a folder of their own."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.processes = []
        self.admin = {}

    def status(self, name):
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{self.admin[name]}/v1/status", timeout=10))

    def close(self):
        for p in self.processes:
            p.send_signal(signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, words, port, what):
        log = open(self.dir / f"{what}.log", "w")
        p = subprocess.Popen([str(w) for w in words], stdout=log, stderr=log)
        self.processes.append(p)
        wait_port(port, p, what)
        return p

    def mock(self, delay_ms=0):
        port = free_port()
        script = self.dir / f"mock-{port}.jsonl"
        script.write_text(json.dumps({"when": "", "answer": prose(800, 7)}) + "\n")
        return port, self.start([SLUICE, "mock-upstream", "--listen", f"127.0.0.1:{port}", "--delay-ms", delay_ms, "--script", script], port,
                                f"mock-{port}")

    def nginx(self, upstream):
        port = free_port()
        conf = self.dir / f"nginx-{port}.conf"
        conf.write_text(f"""
worker_processes 1; daemon off; error_log {self.dir}/nginx.err; pid {self.dir}/nginx-{port}.pid;
events {{ worker_connections 8192; }}
http {{ access_log off; client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p; fastcgi_temp_path {self.dir}/f;
  uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s; keepalive_requests 100000000;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /stream/ {{ proxy_pass http://mock/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }} }}
""")
        return port, self.start(["nginx", "-c", conf], port, "nginx")

    def redis(self):
        port = free_port()
        self.start(["redis-server", "--port", port, "--save", "", "--appendonly", "no", "--dir", self.dir], port, "redis")
        return port

    def sluice(self, upstream, bundle, name, redis=None):
        source = f"redis: {{url: 'redis://127.0.0.1:{redis}', ring: bench}}" if redis else f"directory: {bundle}"
        port, admin = free_port(), free_port()
        self.admin[name] = admin
        conf = self.dir / f"{name}.yaml"
        conf.write_text(f"""
listen: {{address: 127.0.0.1, port: {port}}}
admin: {{address: 127.0.0.1, port: {admin}}}
workers: 1
upstreams:
  - {{name: mock, base_url: "http://127.0.0.1:{upstream}", dialect: openai, paths: ["/v1"]}}
  - {{name: messages, base_url: "http://127.0.0.1:{upstream}", dialect: anthropic, paths: ["/v1/messages"]}}
policy:
  source: {{{source}}}
  state_directory: {self.dir}/{name}-state
audit: {{directory: {self.dir}/{name}-audit}}
""")
        p = self.start([SLUICE, "serve", "--config", conf], port, name)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{admin}/{'livez' if redis else 'readyz'}", timeout=1)
                return port, p
            except OSError:
                time.sleep(0.1)
        sys.exit(f"bench: {name} did not become ready: {(self.dir / (name + '.log')).read_text()}")


def bundle(folder, keyword_policies=0, words_each=0, regex_policies=0, regexes_each=0):
    """A bundle whose rules are real (they would redact) and whose words do not occur in the traffic."""
    folder.mkdir(parents=True)
    rng = random.Random(1)
    modules = []

    def word():
        return "".join(rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(3, 5))) + rng.choice("xq")

    for p in range(keyword_policies):
        modules.append(f"words-{p}")
        words = [f"{word()} {word()}" if rng.random() < 0.3 else word() for _ in range(words_each)]
        (folder / f"words-{p}.yaml").write_text(f"""apiVersion: sluice/v1
kind: Policy
metadata: {{name: words-{p}, title: Words {p}, owner: bench}}
rules:
  - id: words-{p}-1
    title: Words {p}
    severity: low
    direction: both
    match: {{keywords: {json.dumps(words)}}}
    action: {{type: redact, mask: "[WORD]"}}
    tests:
      - {{name: hit, request: {json.dumps("say " + words[0] + " now")}, expect: {{rules: [words-{p}-1]}}}}
      - {{name: miss, request: "say nothing", expect: {{rules: []}}}}
""")
    shapes = [r"\b{}_[A-Za-z0-9]{{24,40}}\b", r"\b{}-[0-9a-f]{{32}}\b", r"(?i)\b{}[ _-]?(?:key|token|secret)[ :=]{{1,3}}[A-Za-z0-9]{{16,40}}\b",
              r"\b{}[0-9]{{2}}(?:[ ]?[0-9]{{4}}){{3,5}}\b", r"\b{}\.[A-Za-z0-9_-]{{20,60}}\.[A-Za-z0-9_-]{{20,60}}\b"]
    examples = ["{}_" + "Ab3" * 9, "{}-" + "0123456789abcdef" * 2, "{} token: " + "Zy9" * 7, "{}12 3456 7890 1234", "{}." + "ab" * 12 + "." + "cd" * 12]
    for p in range(regex_policies):
        modules.append(f"shapes-{p}")
        rules = []
        for r in range(regexes_each):
            n = (p * regexes_each + r) % len(shapes)
            head = "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(4))
            rules.append(f"""  - id: shapes-{p}-{r}
    title: Shape {p} {r}
    severity: high
    direction: both
    match: {{regex: {json.dumps(shapes[n].format(head))}}}
    action: {{type: redact, mask: "[SECRET]"}}
    tests:
      - {{name: hit, request: {json.dumps("use " + examples[n].format(head) + " here")}, expect: {{rules: [shapes-{p}-{r}]}}}}
      - {{name: miss, request: "use nothing here", expect: {{rules: []}}}}
""")
        (folder / f"shapes-{p}.yaml").write_text(f"apiVersion: sluice/v1\nkind: Policy\nmetadata: {{name: shapes-{p}, title: Shapes {p}, owner: bench}}\nrules:\n"
                                                 + "".join(rules))
    (folder / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: bench, owner: bench}\nlimits: {max_patterns: 200000}\nmodules:\n"
                                        + "".join(f"  - {{use: {m}, bind: {{scope: global}}}}\n" for m in modules) if modules else
                                        "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: bench, owner: bench}\nmodules: []\n")
    return folder
