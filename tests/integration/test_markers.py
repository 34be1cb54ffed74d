"""A marker in every place of every API that the table names, through the real binary: found or refused, without an exception."""
import json
from collections import Counter

from lab import Gateway, bundle, to_every_dialect
from markers import EDITED, GONE, MARKER, STOPPED, WHERE, WORDS, stream_of, trials
from speaker import Speaker


def gateway(lab):
    up = Speaker()
    return Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "bundle"), upstreams=to_every_dialect(up.port)), up


def judged(g, up, row, made):
    """(status, what the other side got) of one trial."""
    path, base, _ = WHERE[row["dialect"], row["endpoint"]]
    method, path = path.split(" ") if " " in path else ("POST", path)
    if row["direction"] == "request":
        asked = len(up.seen)
        status, _, data = g.post(made, path=path)
        return status, json.dumps(up.seen[-1][1]) if len(up.seen) > asked else "", data
    if row["streaming"] == "yes":
        kind, text = stream_of(row, made)
        up.recorded, body = (kind, [text.encode()]), base | ({} if row["dialect"] == "gemini" else {"stream": True})
    else:
        up.recorded, body = ("application/json", [json.dumps(made).encode()]), base
    status, _, data = g.post(body, path=path, method=method)
    up.recorded = None
    return status, data.decode(), data


def fits(row, fate, status, got, data):
    """Whether what became of the marker is what the row says."""
    if MARKER in got or MARKER in data.decode() or json.dumps(MARKER)[1:-1] in got:
        return False
    if all(json.dumps(word) in got + data.decode() for word in WORDS):
        return False
    if fate == EDITED:
        return status == 200 and ("[R]" in got or row["kind"] == "annotation")  # an annotation may go with the text that it was of
    if fate == GONE:
        return True
    streamed = row["streaming"] == "yes" and status == 200  # cut within
    return streamed or status in (400, 502) and (row["direction"] == "response" or got == "")


def test_a_marker_in_any_place_is_found_or_refused(lab):
    g, up = gateway(lab)
    rows = json.loads(g.get("/v1/coverage")[1])["coverage"]
    told, wrong = Counter(), []
    for row, made, fate in trials(rows):
        status, got, data = judged(g, up, row, made)
        told[fate] += 1
        if not fits(row, fate, status, got, data):
            wrong.append((row["dialect"], row["endpoint"], row["direction"], row["streaming"], row["path"], row["class"], fate, status, (got or data.decode())[:300]))
    print(f"  {sum(told.values()):,} places: {told[EDITED]:,} edited, {told[STOPPED]:,} blocked or refused, {told[GONE]} gone with the text; {len(wrong)} otherwise")
    assert not wrong, "\n".join(map(str, wrong[:25]))
    assert told[EDITED] > 1500 and told[STOPPED] > 4000, told
