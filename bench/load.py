"""Load on one port after the other, and tables of what it cost."""
import json
import statistics
import subprocess
import sys

from lab import cpu_ns, prose


NUMBER = "@NUMBER@"  # of a body: stands for the number of its request, in letters, so that no two are alike
NUMBERED = f"""
local sent, body = 0, wrk.body
request = function()
  sent = sent + 1
  local letters = string.gsub(tostring(sent), '%d', function(digit) return string.char(97 + digit) end)
  return wrk.format(nil, nil, nil, (string.gsub(body, '{NUMBER}', letters)))
end
"""


def wrk(port, path, body, connections, duration, lua):
    lua.write_text(f"wrk.method='POST'\nwrk.headers['content-type']='application/json'\nwrk.headers['authorization']='Bearer sk-bench'\nwrk.body={json.dumps(body)}\n"
                   + (NUMBERED if NUMBER in body else "") + "done=function(s,l,r) io.write(string.format('RESULT %d %d %d %d %d\\n', s.requests, s.errors.status+s.errors.connect+s.errors.read+s.errors.timeout, "
                   "l:percentile(50), l:percentile(99), s.duration)) end\n")
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "-s", str(lua), f"http://127.0.0.1:{port}{path}"], capture_output=True,
                         text=True, check=True).stdout
    line = next(l for l in out.splitlines() if l.startswith("RESULT")).split()
    return {"requests": int(line[1]), "errors": int(line[2]), "p50_us": int(line[3]), "p99_us": int(line[4]), "seconds": int(line[5]) / 1e6}


def request_body(stream=False, number=""):
    return json.dumps({"model": "mock", "stream": stream, "messages": [{"role": "user", "content": (number + " " + prose(880, 3)).strip()}]})


def paired(lab, targets, path_of, body, connections, duration, rounds):
    """Each round runs every target once, in turn; returns the median per target. `body`: one for all, or a function of the target's name."""
    seen = {name: [] for name in targets}
    for n in range(rounds + 1):
        for name, (port, process) in targets.items():
            before = cpu_ns(process.pid)
            r = wrk(port, path_of(name), body(name) if callable(body) else body, connections, duration, lab.dir / "load.lua")
            r["cpu_us"] = (cpu_ns(process.pid) - before) / 1000 / max(1, r["requests"])
            if n > 0:  # the first round warms up
                seen[name].append(r)
    return {name: {k: statistics.median(r[k] for r in rs) for k in rs[0]} | {"errors": sum(r["errors"] for r in rs)} for name, rs in seen.items()}


def table(title, head, rows):
    widths = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    print(f"\n{title}")
    for r in [head] + rows:
        print("  " + "  ".join(str(c).rjust(w) if i else str(c).ljust(w) for i, (c, w) in enumerate(zip(r, widths))))
    sys.stdout.flush()
