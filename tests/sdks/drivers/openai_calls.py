"""The PyPI package openai: Chat Completions and Responses, plain, streamed, with the helpers for streams and for parsed answers."""
import json

import openai
from pydantic import BaseModel

EVERY = ["text", "call", "object"]


class Answer(BaseModel):
    place: str
    count: float


def open_calls(base):
    client = openai.OpenAI(base_url=f"{base}/v1", api_key="sk-x")
    azure = openai.AzureOpenAI(azure_endpoint=base, api_key="k", api_version="2024-10-21")
    in_azure = {f"AzureOpenAI: {name}": call for name, call in chat_calls(azure).items() if name.startswith("chat.completions.create")}
    return openai.__version__, {**chat_calls(client), **in_azure, **response_calls(client)}


def chat_calls(client):
    def asked(g, parsed=False):
        more = {}
        if g["want"] == "call":
            more["tools"] = [{"type": "function", "function": g["tool"] | {"strict": True}}]
        if g["want"] == "object":
            more["response_format"] = Answer if parsed else {"type": "json_schema", "json_schema": {"name": "answer", "schema": g["schema"], "strict": True}}
        return {"model": "m", "messages": [{"role": "user", "content": g["ask"]}]} | more

    def answered(g, choice):
        message, out = choice.message, {"text": choice.message.content or "", "ended": choice.finish_reason}
        if choice.finish_reason == "content_filter":  # who parses himself reads the end before
            return out
        if g["want"] == "call":
            out["call"] = json.loads(message.tool_calls[0].function.arguments)
        if g["want"] == "object":
            parsed = getattr(message, "parsed", None)
            out["object"] = parsed.model_dump() if parsed is not None else json.loads(message.content)
        return out

    def added(g):
        text, call, ended = "", "", None
        with client.chat.completions.create(**asked(g), stream=True) as stream:
            for chunk in stream:
                choice = chunk.choices[0]
                text += choice.delta.content or ""
                call += "".join(c.function.arguments or "" for c in choice.delta.tool_calls or [])
                ended = choice.finish_reason or ended
                if g.get("abort") and text:
                    return {}
        if ended == "content_filter":
            return {"text": text, "ended": ended}
        return {"text": text, "ended": ended} | ({"call": json.loads(call)} if g["want"] == "call" else {}) | ({"object": json.loads(text)} if g["want"] == "object" else {})

    def helper(g):
        with client.chat.completions.stream(**asked(g, parsed=True)) as stream:
            for event in stream:
                if g.get("abort") and event.type == "content.delta":
                    return {}
            return answered(g, stream.get_final_completion().choices[0])

    return {
        "chat.completions.create": (False, EVERY, lambda g: answered(g, client.chat.completions.create(**asked(g)).choices[0])),
        "chat.completions.create, stream": (True, EVERY, added),
        "chat.completions.stream": (True, EVERY, helper),
        "chat.completions.parse": (False, ["call", "object"], lambda g: answered(g, client.chat.completions.parse(**asked(g, parsed=True)).choices[0])),
    }


def response_calls(client):
    def asked(g, parsed=False):
        more = {}
        if g["want"] == "call":
            more["tools"] = [{"type": "function", "strict": True} | g["tool"]]
        if g["want"] == "object" and parsed:
            more["text_format"] = Answer
        elif g["want"] == "object":
            more["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": g["schema"], "strict": True}}
        return {"model": "m", "input": g["ask"]} | more

    def answered(g, r):
        out = {"text": r.output_text, "ended": r.incomplete_details.reason if r.incomplete_details else r.status}
        if r.status == "incomplete":
            return out
        if g["want"] == "call":
            out["call"] = json.loads(next(i for i in r.output if i.type == "function_call").arguments)
        if g["want"] == "object":
            parsed = getattr(r, "output_parsed", None)
            out["object"] = parsed.model_dump() if parsed is not None else json.loads(r.output_text)
        return out

    def added(g):
        last = None
        with client.responses.create(**asked(g), stream=True) as stream:
            for event in stream:
                last = getattr(event, "response", last)
                if g.get("abort") and event.type == "response.output_text.delta":
                    return {}
        return answered(g, last)

    def helper(g):
        with client.responses.stream(**asked(g, parsed=True)) as stream:
            for event in stream:
                if g.get("abort") and event.type == "response.output_text.delta":
                    return {}
            return answered(g, stream.get_final_response())

    return {
        "responses.create": (False, EVERY, lambda g: answered(g, client.responses.create(**asked(g)))),
        "responses.create, stream": (True, EVERY, added),
        "responses.stream": (True, EVERY, helper),
        "responses.parse": (False, ["call", "object"], lambda g: answered(g, client.responses.parse(**asked(g, parsed=True)))),
    }
