"""The PyPI package google-genai."""
import json

from google import genai
from google.genai import types
from pydantic import BaseModel

EVERY = ["text", "call", "object"]


class Answer(BaseModel):
    place: str
    count: float


def config(g):
    if g["want"] == "call":
        tool = g["tool"]
        declared = types.FunctionDeclaration(name=tool["name"], description=tool["description"], parameters_json_schema=tool["parameters"])
        return types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    if g["want"] == "object":
        return types.GenerateContentConfig(response_mime_type="application/json", response_schema=Answer)
    return None


def ending(r):
    reason = r.candidates[0].finish_reason if r.candidates else None
    return reason.value if reason else None


def answered(g, r):
    out = {"text": r.text or "", "ended": ending(r)}
    if out["ended"] == "SAFETY":
        return out
    if g["want"] == "call":
        out["call"] = r.function_calls[0].args
    if g["want"] == "object":
        out["object"] = r.parsed.model_dump()
    return out


def added(g, stream):
    text, call, ended = "", None, None
    for chunk in stream:
        text += chunk.text or ""
        call = call or (chunk.function_calls[0].args if chunk.function_calls else None)
        ended = ending(chunk) or ended
        if g.get("abort") and text:
            stream.close()
            return {}
    out = {"text": text, "ended": ended}
    if ended == "SAFETY":
        return out
    return out | ({"call": call} if g["want"] == "call" else {}) | ({"object": json.loads(text)} if g["want"] == "object" else {})


def open_calls(base):
    client = genai.Client(api_key="k", http_options={"base_url": base})
    asked = lambda g: {"model": "m", "contents": g["ask"], "config": config(g)}
    chat = lambda g: client.chats.create(model="m", config=config(g))
    return genai.__version__, {
        "models.generate_content": (False, EVERY, lambda g: answered(g, client.models.generate_content(**asked(g)))),
        "models.generate_content_stream": (True, EVERY, lambda g: added(g, client.models.generate_content_stream(**asked(g)))),
        "chats.send_message": (False, EVERY, lambda g: answered(g, chat(g).send_message(g["ask"]))),
        "chats.send_message_stream": (True, EVERY, lambda g: added(g, chat(g).send_message_stream(g["ask"]))),
    }
