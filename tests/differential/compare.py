"""compare.py READ_BODIES NODE COUNT [SEED]: mutated bodies of requests, read by Sluice, by Python and by Node.

Where Sluice takes a body, both others must take it, and find in it the same keys, strings and numbers at the same places: else an upstream
could act on words that no rule has seen. What Sluice refuses is counted by who would have taken it."""
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
BATCH = 20000

SEEDS = [
    {"model": "m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "caf\u00e9 \U0001f600 \"quoted\" \\ \n"}]}], "n": 1, "temperature": 0.7, "stream": True},
    {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": \"\\u0065\"}"}}]}], "stop": ["x", ""], "logit_bias": {"12": -100, "7": 1e2}},
    {"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r", "is_error": False}]}]},
    {"contents": [{"role": "user", "parts": [{"text": "hi"}, {"functionCall": {"name": "f", "args": {"x": [1, 2.50, {"y": None}]}}}]}], "systemInstruction": {"parts": [{"text": "s"}]}, "generationConfig": {"stopSequences": ["a"]}},
    {"model": "m", "prompt": "why?", "options": {"num_ctx": 123456789012345678901234567890, "seed": -0}, "stream": False},
    {"model": "m", "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "\u2028 \u00df"}]}], "metadata": {"__proto__": "p", "1": "one", "constructor": "c"}},
]
# What readers have disagreed about.
ODD = [b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"\x00", b"\x0b", b"\xc2\xa0", b"\xe2\x80\xa8", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"01", b"+1", b".5", b"1.", b"-0.0", b"0x1",
       b"\\ud800", b"\\udc00\\ud800", b"\\ud83d\\ude00", b"\\u006dodel", b"\\u0000", b"\\x41", b"\\'", b"'", b"/**/", b"//x\n", b",", b",}", b",]", b"{}", b"[[[[", b"]", b"\"model\":1,", b"\"Model\":1,", b"\"a\":1,\"a\":2,",
       b"\"\\u0061\":1,\"a\":2,", b"True", b"None", b"\t", b"\r\n", b" ", b"1_000", b"9" * 40, b"1E+2", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"e\xcc\x81"]
ALPHABET = b"{}[]:,\"\\ \n\t0123456789.-+eEtrufalsn\x01\x7f\x80\xc3\xa9/u"


def mutated(rng):
    seed = rng.choice(SEEDS)
    body = bytearray(json.dumps(seed, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 1])).encode())
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        at, kind = rng.randrange(len(body) + 1), rng.randrange(6)
        if kind == 0:
            body[at:at] = rng.choice(ODD)
        elif kind == 1:
            body[at:at + 1] = bytes([rng.choice(ALPHABET)])
        elif kind == 2:
            del body[at:at + rng.randrange(1, 4)]
        elif kind == 3:
            begin = rng.randrange(len(body) + 1)
            body[at:at] = body[begin:begin + rng.randrange(1, 30)]
        elif kind == 4:  # a letter of a string or a key as its escape
            if at < len(body) and chr(body[at]).isalpha():
                body[at:at + 1] = b"\\u%04x" % body[at]
        else:  # where a member or an element begins
            places = [i + 1 for i, c in enumerate(body) if c in b"{[,"]
            at = rng.choice(places) if places else 0
            body[at:at] = rng.choice(ODD)
        if not body:
            break
    if rng.random() < 0.01:
        return bytes(body).decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"]))
    if rng.random() < 0.005:
        return b"[" * 70 + bytes(body) + b"]" * 70
    return bytes(body)


class Raw(str):
    """A number as it was written."""


def written(what, text):
    data = text.encode()
    return b"%s%d:%s" % (what, len(data), data)


def write(value):
    if isinstance(value, Raw):
        return written(b"n", value)
    if isinstance(value, str):
        return written(b"s", value)
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, list):
        return b"[" + b"".join(map(write, value)) + b"]"
    return b"{" + b"".join(written(b"k", k) + write(value[k]) for k in sorted(value, key=str.encode)) + b"}"


def read(body):
    try:
        return hashlib.sha256(write(json.loads(body, parse_int=Raw, parse_float=Raw, parse_constant=Raw))).hexdigest()
    except (ValueError, RecursionError):  # UnicodeError among them: a lone surrogate that Python takes and cannot write
        return "-"


def ask(program, bodies):
    data = b"".join(struct.pack("<I", len(b)) + b for b in bodies)
    r = subprocess.run(program, input=data, capture_output=True, timeout=300)
    assert r.returncode == 0, f"{program}: exit {r.returncode}: {r.stderr.decode()}"
    lines = r.stdout.decode().split()
    assert len(lines) == len(bodies), f"{program} read {len(lines)} of {len(bodies)} bodies"
    return lines


def batch(programs, seed, count):
    rng = random.Random(seed)
    bodies = [mutated(rng) for _ in range(count)]
    ours, nodes = (ask(p, bodies) for p in programs)
    told, otherwise = Counter(), []
    for body, mine, theirs, pythons in zip(bodies, ours, nodes, map(read, bodies)):
        if mine == "-":
            told["refused, " + {(True, True): "and by both", (True, False): "and by Node", (False, True): "and by Python", (False, False): "by Sluice alone"}[theirs == "-", pythons == "-"]] += 1
            continue
        told["taken"] += 1
        if (theirs, pythons) != (mine, mine):
            otherwise.append((body, mine, theirs, pythons))
    return told, otherwise


def compare(reader, node, count, seed=1):
    """(counts, bodies that were read otherwise)."""
    programs = [[str(reader)], [str(node), str(HERE / "read_bodies.mjs")]]
    sizes = [min(BATCH, count - at) for at in range(0, count, BATCH)]
    told, otherwise = Counter(), []
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for each, bad in pool.map(lambda at: batch(programs, f"{seed}-{at}", sizes[at]), range(len(sizes))):
            told.update(each)
            otherwise += bad
    return told, otherwise


def main():
    told, otherwise = compare(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:5])
    for body, *readings in otherwise[:20]:
        print(f"read otherwise (Sluice, Node, Python: {' '.join(r[:8] for r in readings)}): {body!r}")
    print("; ".join(f"{n:,} {what}" for what, n in told.most_common()))
    print(f"{sum(told.values()) - len(otherwise)} passed, {len(otherwise)} failed")
    return 1 if otherwise else 0


if __name__ == "__main__":
    sys.exit(main())
