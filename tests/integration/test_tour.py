"""docs/tour.md, step by step: its commands in one shell, against the fleet that `sluice demo` starts, and its output held against what came. Ids,
times, ports and counts differ from run to run and are masked on both sides. SLUICE_WRITE_DOCS=1 writes the output in the page anew."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from lab import ROOT, SLUICE, Skip, until

PAGE = ROOT / "docs/tour.md"
MASKS = [
    (r"/tmp/sluice-demo-\w{6}", "DIRECTORY"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME"),
    (r"\b(?=[a-z]*\d)[0-9a-z]{32}\b", "DECISION"),
    (r"\b(?=[a-f]*\d)[0-9a-f]{8,64}\b", "HEX"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"by \S+@[\w.-]+", "by WHO"),
    (r"(?<![\w.-])\d[\d,.]*(?![\w-])", "N"),
    (r"[ \t]+", " "),
]


def masked(text):
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    # Nodes answer in any order.
    lines, out = [line.strip() for line in text.strip().splitlines()], []
    while lines:
        run = []
        while lines and re.match(r"gw\d[: ]|DEMOTED by gw\d", lines[0]):
            run.append(lines.pop(0))
        out += sorted(run) or [lines.pop(0)]
    return out


class Shell:
    """One shell for all commands, as a reader has it."""

    def __init__(self, lab, folder):
        env = os.environ | {"PATH": f"{os.path.dirname(SLUICE)}:{os.environ['PATH']}"}
        self.process = subprocess.Popen(["bash", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        lab.processes.append(self.process)

    def run(self, text):
        self.process.stdin.write(text + "\nprintf '\\n--- end ---\\n'\n")
        self.process.stdin.flush()
        out = ""
        while not out.endswith("\n--- end ---\n"):
            line = self.process.stdout.readline()
            assert line, f"the shell ended:\n{out}"
            out += line
        return out.removesuffix("\n--- end ---\n").rstrip("\n") + "\n"

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


class Demo:
    def __init__(self, lab, *options):
        if not shutil.which("redis-server") or not shutil.which("curl"):
            raise Skip("redis-server or curl is not installed")
        self.log = lab.dir / "demo.log"
        out = open(self.log, "w")
        env = {k: v for k, v in os.environ.items() if k != "TMPDIR"}
        self.process = subprocess.Popen([SLUICE, "demo", *options], stdout=subprocess.PIPE, stderr=out, text=True, env=env, start_new_session=True)
        lab.processes.append(self.process)

    def read_until(self, words):
        out = ""
        while words not in out:
            line = self.process.stdout.readline()
            assert line, f"the demo ended: {self.log.read_text()}"
            out += line
        return out

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log.read_text()


def processes_in(folder):
    """Ids of processes whose command or working directory names the folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words, place = (each / "cmdline").read_text(), os.readlink(each / "cwd")
        except OSError:
            continue
        if folder in words or place.startswith(folder):
            found.append((int(each.name), words.replace("\0", " ")))
    return found


def of_each(shell, path):
    """What the admin ports of the three gateways answer."""
    return [urllib.request.urlopen(url + path, timeout=5).read().decode() for url in shell.run("echo $ADMIN1 $ADMIN2 $ADMIN3").split()]


def judged(shell):
    return [int(float(re.search(r"(?m)^sluice_shadow_judged_total (\S+)", text)[1])) for text in of_each(shell, "/metrics")]


def steps(page):
    """(command, output, where the output stands) for each shell block; output: of the block behind it, or None where the command says nothing."""
    found = list(re.finditer(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    out = []
    for n, block in enumerate(found):
        behind = found[n + 1] if n + 1 < len(found) and found[n + 1][1] != "sh" else None
        if block[1] == "sh":
            out.append((block[2], behind and behind[2], behind and behind.span(2)))
        else:
            assert n and found[n - 1][1] == "sh", f"whose output is this? {block[2]}"
    return out


def wait_before(command, shell, folder):
    """What a reader waits for, told by the prose between two blocks."""
    nodes = lambda: json.loads(shell.run("sluice status --json"))["nodes"]
    if "shadow report" in command:
        until("each node has judged enough", lambda: min(judged(shell)) >= 150, 60)
    if command.startswith("sluice status\nask") or command.startswith("sluice rearm") or command.startswith("sluice status |"):
        until("all three have demoted the rule", lambda: all(json.loads(text)["policy"]["demotions"] for text in of_each(shell, "/v1/status")), 60)
        since = time.monotonic()
        until("and have said so to the ring since", lambda: all(n["demoted"] and n["heartbeat_age_ms"] < 1000 * (time.monotonic() - since) for n in nodes()), 30)
    if command.startswith("ask") and "redis-server" in command:
        until("Redis has ended", lambda: not (folder / "redis/pid").exists())
    if command.startswith("sluice status\nsluice push"):
        until("Redis answers", lambda: shell.run("sluice status --json").startswith("{"), 30)  # it was started behind the prompt
        until("the nodes have found Redis", lambda: sum(n["alive"] for n in nodes()) == 3, 30)
    if "\ncat traffic" in command:
        written = (folder / "traffic").stat().st_mtime_ns
        until("the counts are new", lambda: (folder / "traffic").stat().st_mtime_ns > written)


def test_the_tour_step_by_step(lab):
    page = PAGE.read_text(encoding="utf-8")
    (first, shown, _), *rest = steps(page)
    assert first.strip() == "sluice demo"
    demo = Demo(lab)
    begun = time.monotonic()
    told = demo.read_until("removes the directory.\n")
    folder = Path(re.search(r"/tmp/sluice-demo-\w{6}", told)[0])
    shell, outputs = Shell(lab, lab.dir), [told]
    for command, _, _ in rest:
        command = re.sub(r"/tmp/sluice-demo-\w{6}", str(folder), command)
        wait_before(command, shell, folder)
        outputs.append(shell.run(command.rstrip("\n")))
    took = time.monotonic() - begun
    shell.close()  # it stands in the directory that is to go
    demo.end()
    until("nothing of it is left", lambda: not folder.exists() and not processes_in(str(folder)))
    check_what_came(outputs)
    if os.environ.get("SLUICE_WRITE_DOCS") == "1":
        write(page, outputs)
    for (command, expected, _), came in zip(steps(PAGE.read_text(encoding="utf-8")), outputs):
        assert masked(expected or "") == masked(came), f"docs/tour.md, behind {command.splitlines()[-1]!r}, shows\n{expected}\nand this came:\n{came}\nSLUICE_WRITE_DOCS=1 writes it anew"
    print(f"  the tour took {took:.0f} s without its reader")


def write(page, outputs):
    for (_, _, place), came in reversed(list(zip(steps(page), outputs))):
        if place:
            page = page[:place[0]] + came + page[place[1]:]
    folder = re.search(r"/tmp/sluice-demo-\w{6}", outputs[0])[0]
    PAGE.write_text(re.sub(r"/tmp/sluice-demo-\w{6}", folder, page), encoding="utf-8")


def check_what_came(outputs):
    """What the page says of each step, held against its real figures."""
    (_, first, noon, muted, gate, shadow, report, promoted, tripped, rearmed, back, mended, _, gone, healed, at, why, replay, verify) = outputs
    lines = first.splitlines()[-3:]
    assert lines[0].startswith("200 ") and lines[0].endswith("Is another bank cheaper than you are?"), first
    assert "[CARD]1111" in lines[1] and lines[2].startswith("400 block ") and "We cannot help with that." in lines[2], first
    after = [int(ms) for ms in re.findall(r"(?m)^  gw\d: active after (\d+) ms", noon)]
    assert len(after) == 3 and max(after) < 5000, noon
    assert noon.count("Is another bank open on Saturday?") == 3 and "Ostwick" not in noon.split("took")[1] and "400 block " in noon, noon
    assert "What is new about the [not discussed at the moment]?" in muted, muted
    assert "the gate says FAIL, so nothing was uploaded" in gate and "is active" not in gate, gate
    assert "is judged in shadow" in shadow and "changes nothing" in shadow, shadow
    exchanges, blocked = map(int, re.search(r"(?m)^all +(\d+) +(\d+) \(", report).groups())
    assert exchanges >= 300 and 0.25 < blocked / exchanges < 0.45, report
    assert promoted.splitlines()[-1].startswith("400 block "), promoted
    assert len(re.findall(r"(?m)^DEMOTED by gw\d: rule transfer-scam .*its limit is 5", tripped)) == 3, tripped
    assert re.search(r"(?m)^200 allow \w+: How long does a transfer to Spain take\?$", tripped), tripped
    assert "rule transfer-scam is armed again" in rearmed and back.startswith("3\n") and "back to version" in back, (rearmed, back)
    assert re.search(r"(?m)^200 allow .*Spain", mended) and re.search(r"(?m)^400 block .*Please call us", mended), mended
    assert "Is another bank open on Saturday?" in gone and "is Redis running at" in gone and "is active" not in gone, gone
    assert "LOST: nodes have seen 1-8" in healed and "is active as 2-" in healed, healed
    for text in (tripped, healed):
        assert re.search(r"sent \d+: \d+ answered, \d+ blocked by a rule, 0 failed", text), text
    assert re.search(r"rival-named +brand +enforce +rewrite +brand\.yaml:\d+", at) and "transfer-scam" not in at, at
    assert "rule forged-paper of policy fraud: block" in why, why
    assert "the record is what comes out" in replay and "rule by rule" not in replay, replay
    assert not re.search(r"(?i)wrong|missing", verify), verify


def test_the_demo_says_where_all_is_and_cleans_up_whatever_ends_it(lab):
    demo = Demo(lab, "--json", "--traffic", "0")
    told = json.loads(demo.read_until("\n"))
    assert [g["name"] for g in told["gateways"]] == ["gw1", "gw2", "gw3"] and Path(told["env"]).exists(), told
    for g in told["gateways"]:
        assert urllib.request.urlopen(g["admin"] + "/readyz", timeout=5).status == 200
    folder = told["directory"]
    demo.process.send_signal(signal.SIGKILL)
    demo.process.wait(10)
    until("what it started ends with it", lambda: not processes_in(folder), 40)
    shutil.rmtree(folder)
    # A gateway that is killed is started again; one that keeps dying ends the demo, with its last words.
    demo = Demo(lab, "--json", "--traffic", "0")
    told = json.loads(demo.read_until("\n"))
    killed = None
    for _ in range(3):
        find = lambda: next((pid for pid, words in processes_in(told["directory"]) if "/gw2/" in words and pid != killed), None)
        until("the gateway runs", find)
        killed = find()
        os.kill(killed, signal.SIGKILL)
    assert demo.process.wait(60) == 1
    said = demo.log.read_text()
    assert said.count("gateway gw2 was ended by signal 9; the others go on, and it is started again") == 2, said
    assert "gateway gw2 was ended by signal 9, 3 times within a minute" in said, said
    assert not Path(told["directory"]).exists() and not processes_in(told["directory"])


def test_the_demo_says_what_is_missing(lab):
    empty = lab.dir / "bin"
    empty.mkdir()
    r = subprocess.run([SLUICE, "demo"], capture_output=True, text=True, timeout=30, env={"PATH": str(empty)})
    assert r.returncode == 1 and "there is no redis-server in PATH" in r.stderr and "apt-get install redis-server" in r.stderr, r
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        r = subprocess.run([SLUICE, "demo", "--port", str(min(port, 65528))], capture_output=True, text=True, timeout=30)
        assert r.returncode == 1 and "is in use" in r.stderr and "--port" in r.stderr, r
