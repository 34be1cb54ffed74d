"""The PyPI package ollama."""
import importlib.metadata
import json

import ollama

EVERY = ["text", "call", "object"]


def asked(g):
    more = {"tools": [{"type": "function", "function": g["tool"]}]} if g["want"] == "call" else {}
    return {"model": "m", "messages": [{"role": "user", "content": g["ask"]}]} | more | shape(g)


def prompt(g):
    return {"model": "m", "prompt": g["ask"]} | shape(g)


def shape(g):
    return {"format": g["schema"]} if g["want"] == "object" else {}


def said(line):
    if "message" not in line:
        return line.response, None
    calls = line.message.tool_calls
    return line.message.content or "", dict(calls[0].function.arguments) if calls else None


def answered(g, text, call, ended):
    out = {"text": text, "ended": ended}
    if ended == "content_filter":
        return out
    return out | ({"call": call} if g["want"] == "call" else {}) | ({"object": json.loads(text)} if g["want"] == "object" else {})


def whole(g, line):
    return answered(g, *said(line), line.done_reason)


def added(g, stream):
    text, call, ended = "", None, None
    for line in stream:
        more, called = said(line)
        text, call, ended = text + more, call or called, line.done_reason or ended
        if g.get("abort") and text:
            stream.close()
            return {}
    return answered(g, text, call, ended)


def open_calls(base):
    client = ollama.Client(host=base)
    return importlib.metadata.version("ollama"), {
        "chat": (False, EVERY, lambda g: whole(g, client.chat(**asked(g)))),
        "chat, stream": (True, EVERY, lambda g: added(g, client.chat(**asked(g), stream=True))),
        "generate": (False, ["text", "object"], lambda g: whole(g, client.generate(**prompt(g)))),
        "generate, stream": (True, ["text", "object"], lambda g: added(g, client.generate(**prompt(g), stream=True))),
    }
