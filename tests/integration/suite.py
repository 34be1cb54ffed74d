"""Integration tests as plain functions: each gets a Lab and says what it expects with assert."""
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from lab import Lab, Skip


# One on a line, in the order in which they run.
MODULES = [
    "test_lab",
    "test_exchanges",
    "test_sdks",
    "test_fields",
    "test_markers",
    "test_recordings",
    "test_differential",
    "test_dialects",
    "test_policy_swaps",
    "test_lost_redis",
    "test_ring_faults",
    "test_failures",
    "test_trust",
    "test_second_key",
    "test_checkpoints",
    "test_feedback",
    "test_one_address",
    "test_https_source",
    "test_gitops",
    "test_tour",
    "test_node_tables",
    "test_going_live",
    "test_breaker",
    "test_shadow",
    "test_pages",
    "test_crashes",
    "test_controller",
    "test_operators",
    "test_records",
    "test_faults",
    "test_documents",
    "test_completion",
    "test_command_line",
    "test_classifier",
    "test_policy_authors",
    "test_tokens",
    "test_examples",
    "test_audit",
    "test_conversations",
    "test_gate",
    "test_additions",
    "test_responses",
    "test_defects_elsewhere",
    "test_streams",
    "test_bodies",
    "test_server_state",
]


# These wait for events most of the time: further processes run them beside the others, each its own.
WAITING = (
    {"test_lost_redis", "test_ring_faults", "test_failures", "test_trust", "test_second_key", "test_checkpoints", "test_tour", "test_https_source", "test_server_state"},
    {"test_feedback", "test_one_address", "test_gitops", "test_node_tables", "test_going_live", "test_crashes", "test_controller", "test_breaker", "test_operators"},
)


def run(modules, wanted=()):
    """How many passed, failed and were skipped. wanted: parts of the names of tests or of modules; none: all."""
    passed, failed, skipped = 0, 0, 0
    for module in modules:
        began, before = time.monotonic(), passed + failed + skipped
        for name, function in list(vars(importlib.import_module(module)).items()):
            if not name.startswith("test_") or function.__module__ != module or (wanted and not any(w in name or w in module for w in wanted)):
                continue
            lab = Lab()
            os.environ["TMPDIR"] = str(lab.dir)  # what a command keeps, as the report of a gate that failed, goes with the lab
            try:
                function(lab)
                passed += 1
                print(f"PASS {name}", flush=True)
            except Skip as e:
                skipped += 1
                print(f"SKIP {name}: {e}", flush=True)
            except Exception:  # every failure is reported and the rest still runs
                failed += 1
                print(f"FAIL {name}: {traceback.format_exc()}", flush=True)
                for log in lab.dir.glob("*.log"):
                    print(f"  {log.name}: " + log.read_text()[-1500:])
            finally:
                lab.close()
        if passed + failed + skipped > before:
            print(f"  {module} took {time.monotonic() - began:.0f} s", flush=True)
    return passed, failed, skipped


def run_all():
    began = time.monotonic()
    beside = []
    for number in range(len(WAITING)):
        told = tempfile.TemporaryFile("w+")
        beside.append((subprocess.Popen([sys.executable, "-B", __file__, "--waiting", str(number)], stdout=told, stderr=subprocess.STDOUT), told))
    total = run(m for m in MODULES if not any(m in each for each in WAITING))
    took = time.monotonic() - began
    for number, (process, told) in enumerate(beside):
        process.wait()
        print(f"  these took {took:.0f} s, and those that wait ({number}) {max(0, time.monotonic() - began - took):.0f} s longer", flush=True)
        told.seek(0)
        *lines, last = told.read().splitlines() or [""]
        told.close()
        print("\n".join(lines), flush=True)
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
        if counts is None:
            print(f"FAIL the tests that wait ({number}): their process ended with {process.returncode}, and no count: {last}")
        total = tuple(a + int(b) for a, b in zip(total, counts.groups() if counts else (0, 1, 0)))
    return total


def main():
    # A shell without job control starts what stands behind "&" with SIGINT ignored, and so would be all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted = sys.argv[1:]
    if wanted[:1] == ["--waiting"]:
        counts = run(m for m in MODULES if m in WAITING[int(wanted[1])])
    else:
        counts = run(MODULES, wanted) if wanted else run_all()
    print("%d passed, %d failed, %d skipped" % counts)
    if not any(counts):
        print("no test and no module has any of these in its name: " + " ".join(wanted), file=sys.stderr)
    return 1 if counts[1] or not any(counts) else 0


if __name__ == "__main__":
    sys.exit(main())
