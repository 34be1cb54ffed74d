"""Recorded answers of real APIs through the real binary: untouched they are the same bytes; a word that is redacted is nowhere in what the
client gets, and all else is as it was; a word that blocks ends the answer as the API ends a filtered one. Prints how much was tried."""
import itertools
import json
import random
import re

from lab import Gateway, Skip, to_every_dialect, until
from recordings import differences, events, places, recordings, spells
from speaker import Speaker

WORDS = 3  # of each recording


def given():
    all_of = recordings()
    if not all_of:
        raise Skip("no recordings: set SLUICE_FIXTURES")
    assert len(all_of) > 150 and {r.api.name for r in all_of} == {"chat", "completions", "responses", "messages", "gemini"}, len(all_of)
    return all_of


def pieces(data, rng):
    """The bytes as a network could cut them."""
    out, at = [], 0
    while at < len(data):
        step = rng.choice([1, 3, 17, 90, 400, 3000])
        out.append(data[at:at + step])
        at += step
    return out


def keyword(word):
    return re.compile(rf"(?i)(?<!\w){re.escape(word)}(?!\w)")


def edited(text, word):
    """A text that may be JSON is read with its escapes decoded as well: behind that of a line's end a word begins."""
    escaped = r"|(?<=\\[bfnrt])" if text.lstrip()[:1] in ("{", "[", '"') else ""
    return re.sub(rf"(?i)(?:(?<!\w){escaped}){re.escape(word)}(?!\w)", "#", text)


def chosen(recording, rng):
    """Words of letters that its texts have, and none of its keys and identifiers: those pass by what they look like (docs/coverage.md)."""
    texts, identifiers = [], re.findall(r'"(\w+)"\s*:', recording.data.decode())
    for place, leaves in recording.said.items():
        said = [l for l in leaves if isinstance(l, str)]
        if re.search(r"(^|[.\]>])(delta|text|content|thinking|refusal|reasoning|reasoning_content)$", place.split(")")[-1]):
            grows = recording.streamed and re.search(r"delta|choices|parts", place)
            texts += ["".join(said)] if grows else said
        else:
            identifiers += [l for l in said if re.fullmatch(r"[A-Za-z0-9_\-.:/+=@~,]*", l)]
    found = sorted({w for t in texts for w in re.findall(r"(?<!\w)[A-Za-z]{6,14}(?!\w)", t)})
    known = " ".join(identifiers)
    rng.shuffle(found)
    return list(itertools.islice((w for w in found if not keyword(w).search(known)), WORDS))


def bundle(folder, words):
    """For each word a rule that redacts and one that blocks, each in force for a tenant of its own."""
    folder.mkdir()
    modules = ""
    for i, word in enumerate(words):
        for name, action in ((f"r{i}", '{type: redact, mask: "#"}'), (f"b{i}", '{type: block, message: "No."}')):
            modules += f"  - {{use: {name}, bind: {{tenant: [{name}]}}}}\n"
            (folder / f"{name}.yaml").write_text(f"""apiVersion: sluice/v1
kind: Policy
metadata: {{name: {name}, title: T, owner: it}}
rules:
  - id: {name}
    direction: response
    match: {{keywords: ["{word}"]}}
    action: {action}
    tests: [{{name: a, response: "so {word} it", expect: {{rules: [{name}]}}}}, {{name: b, response: "0", expect: {{rules: []}}}}]
""")
    (folder / "bundle.yaml").write_text("apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: it, owner: it}\nmodules:\n" + modules)
    return folder


def gateway(lab, words):
    up = Speaker()
    extra = "context: {headers: {trusted_proxies: [127.0.0.1/32], tenant: x-tenant}}\nunreadable: {unknown_part: pass, server_state: pass, attachments: {image: pass, audio: pass, video: pass, pdf: pass, url: pass, other: pass}}\n"
    g = Gateway(lab, "g", up.port, f"{{directory: {bundle(lab.dir / 'bundle', words)}}}", extra, upstreams=to_every_dialect(up.port))
    until("the policy is in force", lambda: g.state().get("state") == "FRESH")
    return g, up


def stops(g):
    """How many exchanges the gateway has blocked."""
    return next(int(line.split()[-1]) for line in g.get("/metrics")[1].splitlines() if line.startswith("sluice_exchanges_blocked_total"))


def replay(g, up, recording, rng, tenant=""):
    up.recorded = (recording.kind, pieces(recording.data, rng) if recording.streamed else [recording.data])
    body, path = recording.ask()
    status, _, data = g.post(body, {"x-tenant": tenant} if tenant else {}, path=path)
    return status, data


def test_recordings_leave_as_they_came_whatever_the_cuts(lab):
    all_of, rng, count = given(), random.Random(7), 0
    g, up = gateway(lab, ["nowhere"])
    for r in all_of:
        for _ in range(4 if r.streamed else 1):
            assert replay(g, up, r, rng) == (200, r.data), r.name
            count += len(r.events())
    print(f"  {len(all_of)} recordings with {sum(len(r.events()) for r in all_of):,} events; {count:,} events sent, cut at random places")


def test_a_word_of_a_recording_is_redacted_everywhere_and_nothing_else_changes(lab):
    all_of, rng = given(), random.Random(11)
    tries = [(r, w) for r in all_of for w in chosen(r, rng)]
    g, up = gateway(lab, [w for _, w in tries])
    redacted, blocked, leaves, faults = 0, 0, 0, []
    for i, (r, w) in enumerate(tries):
        word = keyword(w)
        stopped = stops(g)
        status, data = replay(g, up, r, rng, f"r{i}")
        assert not word.search(data.decode()), (r.name, w, [line for line in data.decode().splitlines() if word.search(line)][:2])
        if stops(g) > stopped:
            blocked += 1  # it stands in a name, a signed text or a schema, too: there a redaction blocks
            assert r.api.cut(r.events(data)) if status == 200 else json.loads(data)["error"], (r.name, w, data)
            continue
        redacted += 1
        before, after = r.said, places(r.events(data))
        assert not any(spells(leaf, word) for of in after.values() for leaf in (*of, "".join(l for l in of if isinstance(l, str)))), (r.name, w)
        wrong = differences(before, after, lambda text: edited(text, w), r.streamed)
        faults += [(r.name, w, wrong[:3])] if wrong else []
        leaves += sum(map(len, after.values()))
    print(f"  {len(tries)} words: {redacted} redacted, {blocked} blocked where a redaction may not be; {leaves:,} leaves compared")
    assert not faults, (len(faults), faults[:20])
    assert redacted > 200, (redacted, blocked)


def test_a_word_of_a_recording_that_blocks_ends_it_as_its_api_does(lab):
    all_of, rng = given(), random.Random(13)
    tries = [(r, w) for r in all_of for w in chosen(r, rng)[:2]]
    g, up = gateway(lab, [w for _, w in tries])
    within, before = 0, 0
    for i, (r, w) in enumerate(tries):
        status, data = replay(g, up, r, rng, f"b{i}")
        assert not keyword(w).search(data.decode()), (r.name, w)
        if status == 200:
            assert r.streamed and r.api.cut(events(data)), (r.name, w, data[-400:])
            within += 1
        else:
            assert status == 400 and "No." in json.loads(data)["error"]["message"], (r.name, w, status, data)
            before += 1
    print(f"  {len(tries)} words: {within} ended a stream, {before} came before its first byte or in an answer in one piece")
    assert within > 100, (within, before)
