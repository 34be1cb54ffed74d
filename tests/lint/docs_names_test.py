#!/usr/bin/env python3
"""Holds documents against the tree: names of code in docs/life_of_a_request.md and docs/threading.md exist in the sources, and
links of every page lead to files that are there; so are the tests that docs/failure_modes.md names."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = ["docs/life_of_a_request.md", "docs/threading.md"]
found = []

files = [p.read_text() for d in ("include", "src") for p in sorted((ROOT / d).rglob("*.[ch]pp"))]
words_of = {text: set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text)) for text in files}
words = set().union(*words_of.values())


def stands_in(name):
    """A qualified name stands where its owner is declared: a member that is gone is not saved by another class that has one."""
    *owners, last = name.split("::")
    if not owners:
        return last in words
    declared = re.compile(rf"(?:class|struct|namespace) (?:\w+::)*{owners[-1]}\b")
    return any(last in words_of[text] and declared.search(text) for text in files)


for page in NAMED:
    names = re.findall(r"`([a-z_]+(?:::[a-z_]+)*)`", (ROOT / page).read_text())
    checked = 0
    for name in names:
        last = name.split("::")[-1]
        if last in ("block", "drop", "cut", "opened", "closed", "edited"):  # also plain words
            continue
        checked += 1
        if not stands_in(name):
            found.append(f"{page}: `{name}` is not in the sources")
    if checked < 3:
        found.append(f"{page}: names hardly any code; is the pattern of this test still right?")

# A promise that names its test: the test is there.
tests = {m for p in (ROOT / "tests/integration").glob("test_*.py") for m in re.findall(r"^def (test_\w+)", p.read_text(), re.MULTILINE)}
promised = re.findall(r"`(test_\w+)`", (ROOT / "docs/failure_modes.md").read_text())
found += [f"docs/failure_modes.md: there is no test `{name}`" for name in promised if name not in tests]
if len(promised) < 10:
    found.append("docs/failure_modes.md: hardly any row names its test; is the pattern of this test still right?")

pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
for page in pages:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (page.parent / target).exists():
            found.append(f"{page.relative_to(ROOT)}: the link to {target} leads nowhere")

print("\n".join(found) if found else f"{len(pages)} pages name what is there.")
sys.exit(1 if found else 0)
