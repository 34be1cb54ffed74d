"""Integration tests as plain functions: each gets a Lab and says what it expects with assert."""
import importlib
import sys
import traceback

from lab import Lab


class Skip(Exception):
    pass


def main():
    wanted = sys.argv[1:]
    passed, failed, skipped = 0, 0, 0
    for module in ("test_exchanges", "test_sdks", "test_dialects", "test_policy_swaps", "test_lost_redis", "test_failures", "test_trust", "test_feedback", "test_https_source", "test_gitops", "test_going_live", "test_operators", "test_records", "test_faults", "test_documents", "test_completion", "test_classifier", "test_tokens", "test_examples", "test_audit", "test_conversations", "test_gate", "test_additions", "test_responses"):
        for name, function in list(vars(importlib.import_module(module)).items()):
            if not name.startswith("test_") or function.__module__ != module or (wanted and not any(w in name for w in wanted)):
                continue
            lab = Lab()
            try:
                function(lab)
                passed += 1
                print(f"PASS {name}", flush=True)
            except Exception as e:  # every failure is reported and the rest still runs
                if type(e).__name__ == "Skip":
                    skipped += 1
                    print(f"SKIP {name}: {e}", flush=True)
                    continue
                failed += 1
                print(f"FAIL {name}: {traceback.format_exc()}", flush=True)
                for log in lab.dir.glob("*.log"):
                    print(f"  {log.name}: " + log.read_text()[-1500:])
            finally:
                lab.close()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
