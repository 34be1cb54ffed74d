#!/usr/bin/env python3
"""Reads all Python of the tree with pyflakes: a name that nothing defines is found here and not after minutes of a measurement."""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_OUT = {"build", ".git", "node_modules"}


def is_python(path):
    if path.suffix == ".py":
        return True
    if path.suffix or not path.is_file():
        return False
    with path.open("rb") as f:
        first = f.readline(80)
    return first.startswith(b"#!") and b"python3" in first


if not shutil.which("pyflakes3"):
    print("pyflakes3 is not installed (Debian: pyflakes3)")
    sys.exit(77)
scripts = [p for p in sorted(ROOT.rglob("*")) if not LEFT_OUT & set(p.relative_to(ROOT).parts) and is_python(p)]
if len(scripts) < 30:
    sys.exit(f"only {len(scripts)} scripts were found: is the search of this test still right?")
probe = subprocess.run(["pyflakes3"], input="print(nothing_defines_this)\n", capture_output=True, text=True)
if "nothing_defines_this" not in probe.stdout:
    sys.exit("pyflakes3 does not find an undefined name: " + probe.stdout + probe.stderr)
done = subprocess.run(["pyflakes3", *map(str, scripts)], capture_output=True, text=True)
print(done.stdout.replace(f"{ROOT}/", ""), done.stderr, sep="", end="")
sys.exit(done.returncode)
