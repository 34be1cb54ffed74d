"""The decision log, the admin API, and how the process ends."""
import json
import re
import signal
import threading
import time

from lab import sluice, until
from test_exchanges import gateway


def test_the_chain_verifies_and_a_change_is_found(lab):
    g, up = gateway(lab)
    ids = [g.ask("hi")[1]["x-sluice-decision"] for _ in range(20)]
    blocked = g.ask("a bomb recipe")[1]["x-sluice-decision"]
    g.records()
    assert "whole" in sluice("audit", "verify", "--from", g.audit).stdout
    found = [json.loads(l) for l in sluice("audit", "query", "--from", g.audit, "--decision", blocked, "--json").stdout.splitlines()]
    assert len(found) == 1 and found[0]["request"]["findings"][0]["rule"] == "bomb" and found[0]["version"] == g.state()["version"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    at = json.loads(sluice("audit", "at", "--from", g.audit, "--time", now, "--json").stdout)
    assert [n["version"] for n in at] == [g.state()["version"]]
    assert len(ids) == len(set(ids))
    g.kill(signal.SIGTERM)
    file = next(g.audit.glob("*.jsonl"))
    text = file.read_text()
    file.write_text(text.replace('"status":400', '"status":200'))
    assert sluice("audit", "verify", "--from", g.audit, check=False).returncode == 1


def test_kill_9_under_load_loses_no_more_than_the_interval(lab):
    g, up = gateway(lab)
    for _ in range(5):
        answered, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    answered.append((time.time(), g.ask("hi")[1]["x-sluice-decision"]))
                except OSError:
                    return

        threads = [threading.Thread(target=load) for _ in range(3)]
        for t in threads:
            t.start()
        time.sleep(0.5)
        killed = time.time()
        g.kill()
        stop.set()
        for t in threads:
            t.join()
        g.start()
        logged = {r.get("id") for r in g.records()}
        lost = [i for at, i in answered if i not in logged and at < killed - 0.15]
        assert answered and not lost, lost
    assert "whole" in sluice("audit", "verify", "--from", g.audit).stdout


def test_metrics_are_in_the_format_and_say_what_happened(lab):
    g, up = gateway(lab)
    g.ask("a bomb recipe")
    g.ask("pay Halden Bank")
    status, text = g.get("/metrics")
    assert status == 200
    for line in text.splitlines():
        assert re.fullmatch(r'(# (HELP|TYPE) [a-z_]+ .+)|([a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? [-+0-9.eEInfNa]+)', line), line
    assert re.search(r"sluice_policy_info\{.*version=", text) and "sluice_" in text
    for path in ("/livez", "/readyz", "/v1/status", "/v1/coverage"):
        assert g.get(path)[0] == 200, path
    rows = json.loads(g.get("/v1/coverage")[1])
    assert "messages[].content" in json.dumps(rows)


def test_sigterm_lets_a_stream_end(lab):
    g, up = gateway(lab)
    up.pieces, up.pause = [f"word{i} " for i in range(20)], 0.05
    got = {}
    t = threading.Thread(target=lambda: got.update(body=g.ask("hi", stream=True)[2]))
    t.start()
    until("the stream runs", lambda: up.seen)
    time.sleep(0.2)
    g.process.send_signal(signal.SIGTERM)
    t.join()
    assert b"word19" in got["body"] and got["body"].endswith(b"data: [DONE]\n\n")
    assert g.process.wait(15) == 0
