"""The table of nodes that changes in its place on a terminal, and what stands instead of it where there is none."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading

from lab import SLUICE, until
from redis_lab import RING, Fleet, Proxy, Server, metric
from test_trust import keys


class Screen:
    """A command on a terminal of its own. `rows()`: what stands on it now, as a terminal shows it."""

    def __init__(self, lab, *words, size=(24, 100)):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen([SLUICE, *map(str, words)], stdout=slave, stderr=slave, stdin=slave, env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"}, start_new_session=True)
        os.close(slave)
        lab.processes.append(self.process)
        self.master, self.bytes = master, b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while select.select([self.master], [], [], 60)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # nobody has the other end any more
                return
            if not data:
                return
            self.bytes += data

    def rows(self):
        lines, at = [""], 0
        for piece in re.split(r"(\x1b\[\d*[AKJ]|\r?\n)", self.bytes.decode(errors="ignore")):
            if piece.endswith("\n"):
                at += 1
                lines += [""] * (at + 1 - len(lines))
            elif piece.startswith("\x1b["):
                count = int(piece[2:-1] or 1)
                if piece.endswith("A"):
                    at -= count
                    assert at >= 0, "above the screen"
                elif piece.endswith("J"):
                    del lines[at + 1:]
                    lines[at] = ""
            elif piece:
                lines[at] = piece
        return [line.rstrip() for line in lines]

    def end(self, code=0):
        assert self.process.wait(60) == code, self.rows()
        self.reader.join(10)
        return self.rows()


def table(rows):
    """node → the words of its row, of the last table."""
    heads = [n for n, line in enumerate(rows) if line.startswith("node ")]
    return {line.split()[0]: line.split()[1:] for line in rows[heads[-1] + 1:] if line.startswith("gw")} if heads else {}


def test_a_push_shows_its_nodes_in_place_while_they_answer(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    slow = Proxy(redis.port)
    nodes = [fleet.node(0), fleet.node(1, port=slow.port)]
    fleet.push(wait=2)
    ring = ("--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING)
    before = redis.head()
    first = nodes[0].state()["version"]
    slow.dark = True
    screen = Screen(lab, "push", fleet.bundle("b", "Ostwick Savings"), *ring, "--wait", "all")
    until("one has it and the other is waited for", lambda: (lambda t: t.get("gw0", [""])[0] == "active" and t.get("gw1", [""])[0] == "waiting")(table(screen.rows())))
    assert table(screen.rows())["gw1"][1:] == [first[:12], "-", "-"], "what it runs meanwhile"
    slow.dark = False
    rows = screen.end()
    final = table(rows)
    version = nodes[0].state()["version"][:12]
    for node in ("gw0", "gw1"):
        assert final[node][:2] == ["active", version] and final[node][2].isdigit() and final[node][3].isdigit(), rows
    assert int(final["gw0"][2]) <= int(final["gw1"][2]), rows
    assert sum(line.startswith("node ") for line in rows) == 1 and sum(line.startswith("gw0") for line in rows) == 1, rows
    assert rows[-2].startswith("took ") or rows[-1].startswith("took "), rows
    # The others that wait, with the same table; without a terminal a line for each node, and JSON for machines.
    for words in (("rollback", *ring, "--wait", "all"), ("activate", version, *ring, "--wait", "2")):
        final = table(Screen(lab, *words).end())
        assert {node: row[0] for node, row in final.items()} == {"gw0": "active", "gw1": "active"}, final
    told = fleet.run("rollback", "--to", before, "--wait", "all").stdout
    assert len(re.findall(r"(?m)^  gw[01]: active after \d+ ms, built in \d+ ms$", told)) == 2 and "\x1b" not in told, told
    told = json.loads(fleet.run("activate", version, "--wait", "all", "--json").stdout)
    assert told["ok"] and {n["node"]: n["state"] for n in told["nodes"]} == {"gw0": "ACK", "gw1": "ACK"}, told
    assert all(n["after_ms"] >= 0 and n["version"].startswith(version) for n in told["nodes"]), told


def test_a_refusal_stands_in_the_table_and_at_length_below_it(lab):
    redis = Server(lab)
    key = keys(lab, ci="build,activate", other="activate")
    fleet = Fleet(lab, redis.port)
    fleet.node(0, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true}}")
    fleet.push(wait=1, more=["--key", key["ci"]])
    ring = ("--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING)
    screen = Screen(lab, "push", fleet.bundle("b", "Ostwick Savings"), *ring, "--wait", "all", "--key", key["ci"], "--build-key", key["other"], size=(24, 60))
    rows = screen.end(1)
    row = next(line for line in rows if line.startswith("gw0 "))
    assert row.startswith("gw0   refused in VERIFY  ") and len(row) < 60, rows
    assert any(line.startswith("gw0: ") and len(line) > 30 for line in rows), rows
    assert any("1 nodes refused" in line for line in rows), rows
    screen = Screen(lab, "status", "--watch", *ring)
    until("the status says it too", lambda: table(screen.rows()).get("gw0", [])[:3] == ["refused", "in", "VERIFY"])
    screen.process.send_signal(signal.SIGINT)
    screen.end(-signal.SIGINT)


def test_status_watches_in_place_and_elsewhere_tells_what_changes(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    node = fleet.node(0)
    fleet.push(wait=1)
    ring = ("--redis", f"redis://127.0.0.1:{redis.port}", "--ring", RING)
    screen = Screen(lab, "status", "--watch", *ring)
    plain, machine = (subprocess.Popen([SLUICE, "status", "--watch", *ring, *more], stdout=subprocess.PIPE, text=True) for more in ((), ("--json",)))
    lab.processes += [plain, machine]
    phase = lambda: (table(screen.rows()).get("gw0") or ["", ""])[:2]
    until("the first activation is shown", lambda: phase() == ["active", redis.head()])
    assert json.loads(machine.stdout.readline())["nodes"][0]["phase"] == "active"
    fleet.push("Ostwick Savings", wait=1)
    until("the second one is", lambda: phase() == ["active", redis.head()])
    version = node.state()["version"]
    until("a machine is told", lambda: (lambda n: n["version"] == version and n["phase"] == "active")(json.loads(machine.stdout.readline())["nodes"][0]))
    line = ""
    while version[:12] + ", FRESH" not in line:
        line = plain.stdout.readline()
        assert line, "the command ended"
    assert re.fullmatch(r"  gw0: active, \d+-\d+ version \w{12}, FRESH\n", line), line
    assert sum(row.startswith("ring ") for row in screen.rows()) == 1, screen.rows()
    screen.process.send_signal(signal.SIGINT)
    screen.end(-signal.SIGINT)
    # It ends with an error when Redis does.
    redis.kill()
    assert machine.wait(20) == 1 and plain.wait(20) == 1


def test_two_gateways_of_one_name_say_so(lab):
    redis = Server(lab)
    fleet = Fleet(lab, redis.port)
    nodes = [fleet.node(0), fleet.node(1)]
    fleet.push(wait=2)
    assert all(metric(g, "sluice_node_name_given_twice") == 0 for g in nodes)
    other = nodes[1]
    other.kill(signal.SIGTERM)
    other.config.write_text(other.config.read_text().replace("node: {id: gw1}", "node: {id: gw0}"))
    other.start()
    until("both have noticed", lambda: all(metric(g, "sluice_node_name_given_twice") == 1 for g in nodes), 90)
    assert all(g.state()["name_given_twice"] for g in nodes)
    status = fleet.run("status").stdout
    assert "NAME GIVEN TWICE: several gateways report as gw0" in status, status
    assert all("NAME GIVEN TWICE" in (lab.dir / f"{g.name}.log").read_text() for g in nodes)
    other.kill(signal.SIGTERM)
    until("one is left, and says so", lambda: metric(nodes[0], "sluice_node_name_given_twice") == 0, 90)
