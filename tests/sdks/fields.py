"""Every place of the SDKs' own types that can hold a string, held against the table of fields that the gateway reads bodies by.

types/walk.mjs lists the places, GET /v1/coverage the table. What the table does not know and types/exceptions.txt does not excuse is a
field that an API has got since: it belongs into the dialect's table in src/wire/."""
import json
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
COVERS = "SAPCRB"  # classes whose row is about everything below it, where no row goes deeper

# Where the table says "as …": what stands again elsewhere is told once. The endpoint's own direction and form, unless named.
AGAIN = [
    (r"^<[a-z_.]+>\.response\.(?:output|instructions)\[\]", None, "item"),
    (r"^<[a-z_.]+>\.response\.tools\[\]", ("responses", "response", "no"), "tools[]"),
    (r"^instructions\[\]", None, "output[]"),
    (r"^data\[\]", ("responses", "request", "no"), "input[]"),
    (r"^items\[\]", ("responses", "request", "no"), "input[]"),
    (r"<[a-z_]*_output>\.tools\[\]|<additional_tools>\.tools\[\]", None, "tools[]"),
]


def steps(path):
    """"a[]<t>.b" as ["a", "[]", "<t>", "b"]; what a form writes "a[b]" is "a.b"."""
    return re.findall(r"\[\]|<[^>]*>|[^.\[<]+", re.sub(r"\[(\w+)\]", r".\1", path))


class Table:
    """The rows of one endpoint, direction and form, as a tree; a step "<t>" is what holds for a type beside what holds for all."""

    def __init__(self, rows):
        self.root = {}
        for row in rows:
            node = self.root
            for step in steps(row["path"]):
                node = node.setdefault(step, {})
            node[None] = row["class"]

    def knows(self, path):
        at = [self.root]
        for step in steps(path):
            if any(n.get(None, "") in COVERS and set(n) == {None} for n in at if None in n):
                return True
            if step.startswith("<"):
                at = at + [n[step] for n in at if step in n]
            else:
                at = [n[step] for n in at if step in n] or [n["{*}"] for n in at if "{*}" in n]
        return any(None in n for n in at)


def again(where, path):
    """The place that the table tells this one by: a table's key and a path."""
    if where[:2] == ("openai", "conversations.item") and path.startswith("<"):
        return ("openai", "responses", "request", "no"), "input[]" + path
    for pattern, table, instead in AGAIN:
        if where[1].startswith(("responses", "conversations")) and where[0] == "openai":
            m = re.search(pattern, path)
            if m:
                key = (where[0], *table) if table else where
                if instead == "tools[]" and table is None and where[3] == "yes":
                    key = (where[0], "responses", "response", "no")
                return key, instead + path[m.end():]
    return where, path


def exceptions():
    """(pattern, reason) of each line; a reason stands above its patterns as a comment."""
    out, reason = [], ""
    for line in (HERE / "types/exceptions.txt").read_text().splitlines():
        if line.startswith("#"):
            reason = line[1:].strip()
        elif line.strip():
            assert reason, f"{line} has no reason above it"
            out.append((line.strip(), reason))
    return out


def places(sdks, node):
    """[(dialect, endpoint, direction, streamed), path] of every place of the types."""
    shutil.copytree(HERE / "types", sdks / "types", dirs_exist_ok=True)
    roots = json.loads((HERE / "types/roots.json").read_text())
    r = subprocess.run([str(node), str(sdks / "types/walk.mjs"), str(sdks / "types/roots.json")], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stderr
    for line in r.stdout.splitlines():
        i, path = json.loads(line)
        yield tuple(roots[i][k] for k in ("dialect", "endpoint", "direction", "streamed")), path


def unknown(coverage, found):
    """What the table does not know, and the exceptions that excuse nothing."""
    rows = {}
    for row in coverage:
        rows.setdefault((row["dialect"], row["endpoint"], row["direction"], row["streaming"]), []).append(row)
    tables = {key: Table(of) for key, of in rows.items()}
    excused, used, out = exceptions(), set(), []
    for where, path in found:
        at, moved = again(where, path)
        while (at, moved) != again(at, moved):
            at, moved = again(at, moved)
        if tables[at].knows(moved):
            continue
        name = f"{where[0]} {where[1]} {where[2]} {path}"
        fits = [e for e, _ in excused if re.fullmatch(e, name)]
        used.update(fits)
        if not fits:
            out.append(name)
    return out, [e for e, _ in excused if e not in used]
