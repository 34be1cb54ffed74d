"""The PyPI package anthropic."""
import json

import anthropic
from pydantic import BaseModel

EVERY = ["text", "call", "object"]


class Answer(BaseModel):
    place: str
    count: float


def asked(g):
    more = {}
    if g["want"] == "call":
        tool = g["tool"]
        more["tools"] = [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}]
    if g["want"] == "object":
        more["output_config"] = {"format": {"type": "json_schema", "schema": g["schema"]}}
    return {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": g["ask"]}]} | more


def answered(g, message):
    text = "".join(getattr(b, "text", "") for b in message.content)
    out = {"text": text, "ended": message.stop_reason}
    if message.stop_reason == "refusal":
        return out
    if g["want"] == "call":
        out["call"] = next(b for b in message.content if b.type == "tool_use").input
    if g["want"] == "object":
        parsed = getattr(message, "parsed_output", None)
        out["object"] = parsed.model_dump() if parsed is not None else json.loads(text)
    return out


def open_calls(base):
    client = anthropic.Anthropic(base_url=base, api_key="sk-x")

    def added(g):
        text, call, ended = "", "", None
        with client.messages.create(**asked(g), stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta":
                    text += getattr(event.delta, "text", "")
                    call += getattr(event.delta, "partial_json", "")
                ended = event.delta.stop_reason if event.type == "message_delta" else ended
                if g.get("abort") and text:
                    return {}
        out = {"text": text, "ended": ended}
        if ended == "refusal":
            return out
        return out | ({"call": json.loads(call)} if g["want"] == "call" else {}) | ({"object": json.loads(text)} if g["want"] == "object" else {})

    def helper(g):
        with client.messages.stream(**asked(g)) as stream:
            for event in stream:
                if g.get("abort") and event.type == "text":
                    return {}
            return answered(g, stream.get_final_message())

    def parse(g):
        plain = asked(g)
        del plain["output_config"]
        return answered(g, client.messages.parse(**plain, output_format=Answer))

    return anthropic.__version__, {
        "messages.create": (False, EVERY, lambda g: answered(g, client.messages.create(**asked(g)))),
        "messages.create, stream": (True, EVERY, added),
        "messages.stream": (True, EVERY, helper),
        "messages.parse": (False, ["object"], parse),
    }
