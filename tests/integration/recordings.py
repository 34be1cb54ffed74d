"""Recorded answers of real APIs (SLUICE_FIXTURES, or ../shared/fixtures beside the sources), as bytes of an upstream, and what they say.

What an answer says is read here by a plain walk over its JSON that knows no dialect: the strings and numbers of each place, in order, where a
place is the path of keys, with what tells one item, block or choice from another. A text that grows over events is one string then."""
import base64
import binascii
import functools
import itertools
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lab import ROOT

FOLDER = Path(os.environ.get("SLUICE_FIXTURES", ROOT.parent / "shared/fixtures"))


@dataclass
class Api:
    name: str
    path: str
    body: dict
    of_stream: str  # what only its streams have
    of_answer: str  # what only its whole answers have
    cut: object     # whether what a client got ends as a cut answer of this API does

    def sse(self, line):
        event = json.loads(line)
        named = f"event: {event['type']}\n" if self.name in ("responses", "messages") else ""
        return f"{named}data: {line}\n\n"


def last(events, key):
    """The last value of a key, wherever it stands."""
    found = [v for e in events for p, v in flat(e) if p.split(".")[-1] == key and v is not None]
    return found[-1] if found else None


CHAT = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
APIS = [
    Api("chat", "/v1/chat/completions", CHAT, '"chat.completion.chunk"', '"chat.completion"', lambda es: last(es, "finish_reason") == "content_filter"),
    Api("completions", "/v1/completions", {"model": "m", "stream": True, "prompt": "x"}, '"text_completion"', '"text_completion"', lambda es: last(es, "finish_reason") == "content_filter"),
    Api("responses", "/v1/responses", {"model": "m", "stream": True, "input": "x"}, '"response.created"', '"response"',
        lambda es: es[-1]["type"] == "response.incomplete" and last(es, "reason") == "content_filter"),
    Api("messages", "/v1/messages", {"model": "m", "stream": True, "max_tokens": 9, "messages": CHAT["messages"]}, '"content_block_start"', '"message"',
        lambda es: last(es, "stop_reason") == "refusal" and es[-1]["type"] == "message_stop"),
    Api("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "x"}]}]}, '"candidates"', '"candidates"', lambda es: last(es, "finishReason") == "SAFETY"),
]


@dataclass
class Recording:
    name: str
    api: Api
    streamed: bool
    data: bytes

    @property
    def kind(self):
        return "text/event-stream" if self.streamed else "application/json"

    @functools.cached_property
    def said(self):
        return places(self.events())

    def ask(self):
        body = {k: v for k, v in self.api.body.items() if k != "stream" or self.streamed}
        return body, self.api.path if self.streamed else self.api.path.replace("streamGenerateContent?alt=sse", "generateContent")

    def events(self, data=None):
        return events(self.data if data is None else data, self.streamed)


def events(data, streamed=True):
    if not streamed:
        return [json.loads(data)]
    return [json.loads(line[5:]) for line in data.decode().splitlines() if line.startswith("data:") and line[5:].strip().startswith("{")]


def recordings():
    """Those of APIs that the gateway reads; the answers of one file apart."""
    out = []
    for file in sorted(FOLDER.rglob("*")):
        if file.suffix not in (".txt", ".sse", ".json") or "interactions" in str(file):
            continue
        text = file.read_text(encoding="utf-8")
        name = str(file.relative_to(FOLDER))
        if file.suffix == ".json":
            answer = json.loads(text)
            said = [answer.get("object") if isinstance(answer, dict) else None, answer.get("type") if isinstance(answer, dict) else None]
            api = next((a for a in APIS if a.of_answer.strip('"') in (said[1:] if a.name == "messages" else said[:1])), None)
            if api is None and isinstance(answer, dict) and "candidates" in answer:
                api = APIS[-1]
            if api:
                out.append(Recording(name, api, False, text.encode()))
            continue
        api = next((a for a in APIS if a.of_stream in text), None)
        if api is None:
            continue
        if not text.startswith("{"):
            out.append(Recording(name, api, True, text.encode()))
            continue
        sse = ""
        try:
            for line in text.splitlines():
                sse += api.sse(line) if line.strip() else ""
                if '"message_stop"' in line:
                    out.append(Recording(name, api, True, sse.encode()))
                    sse = ""
        except ValueError:
            continue  # a recording that is no JSON
        if sse:
            out.append(Recording(name, api, True, (sse + ("data: [DONE]\n\n" if api.name in ("chat", "completions") else "")).encode()))
    return out


NUMBERS = ("output_index", "content_index", "summary_index", "command_index", "index")


def flat(value, path=""):
    """(place, leaf) of a JSON value."""
    if isinstance(value, dict):
        if path and value.get("thought") is True:
            path += "<thought>"
        for key, v in value.items():
            yield from flat(v, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for v in value:
            number = v.get("index") if isinstance(v, dict) else None
            yield from flat(v, f"{path}[{'' if number is None else number}]")
        if not value:
            yield path, None
    else:
        yield path, value


def places(all_events):
    """{place: [leaves in order]} over the events of an answer."""
    out = defaultdict(list)
    for e in all_events:
        which = ",".join(str(e[k]) for k in NUMBERS if not isinstance(e.get(k), (dict, list, type(None)))) if isinstance(e, dict) else ""
        which = which or (e.get("item_id", "") if isinstance(e, dict) else "")
        kind = e.get("type", "") if isinstance(e, dict) else ""
        for path, leaf in flat(e):
            out[f"{kind}({which}){path}"].append(leaf)
    return out


# What repeats text in pieces or counts in it, pads events or counts them: gone or other where a text left otherwise than it came.
REPEATS = re.compile(r"logprobs|obfuscation|sequence_number|start_index|end_index|startIndex|endIndex|logprobsResult|avgLogprobs")


def spells(leaf, word):
    """Whether a leaf says a word, in the open or in base64."""
    if not isinstance(leaf, str):
        return False
    if word.search(leaf):
        return True
    if len(leaf) < 12 or re.search(r"[^A-Za-z0-9+/=]", leaf):
        return False
    try:
        return bool(word.search(base64.b64decode(leaf + "=" * (-len(leaf) % 4)).decode("utf-8", "ignore")))
    except binascii.Error:
        return False


def differences(before, after, redact, streamed=True):
    """Places where what a client got is not what was recorded, with the word redacted. An answer in one piece has each leaf, as often and in the
    same order; of a stream, events may go whose text is all in another."""
    out = []
    for place in sorted(set(before) | set(after)):
        was, is_now = before.get(place, []), after.get(place, [])
        if not streamed and not REPEATS.search(place):
            if [redact(l) if isinstance(l, str) else l for l in was] != is_now:
                out.append((place, was[:3], is_now[:3]))
            continue
        grown = lambda leaves: "".join(l for l in leaves if isinstance(l, str))
        if redact(grown(was)) == grown(is_now) and {repr(l) for l in was if not isinstance(l, str)} >= {repr(l) for l in is_now if not isinstance(l, str)}:
            continue
        told = lambda leaves, of=lambda s: s: [l for l, _ in itertools.groupby(of(l) if isinstance(l, str) else repr(l) for l in leaves if l not in (None, ""))]
        if told(was, redact) == told(is_now) or REPEATS.search(place):
            continue
        if place.endswith(")item_id") and set(told(is_now)) <= set(told(was)):  # of an event whose whole text left with another; some APIs change the id each time
            continue
        out.append((place, grown(was)[:200] or was[:3], grown(is_now)[:200] or is_now[:3]))
    return out
