"""python main.py DRIVER BASE_URL: as main.mjs, for the Python SDKs."""
import importlib
import json
import sys


def say(what):
    print(json.dumps(what), flush=True)


def status(e):
    found = getattr(e, "status_code", None) or getattr(e, "code", None)
    return found if isinstance(found, int) and found > 0 else None


def main():
    driver, base = sys.argv[1:]
    version, calls = importlib.import_module(driver).open_calls(base)
    say({"version": version, "calls": {name: {"streamed": streamed, "wants": wants} for name, (streamed, wants, _) in calls.items()}})
    for line in sys.stdin:
        given = json.loads(line)
        try:
            say(calls[given["call"]][2](given))
        except Exception as e:  # what an SDK raises is what is asked for here
            say({"error": {"type": type(e).__name__, "status": status(e), "message": str(e)}})


if __name__ == "__main__":
    main()
