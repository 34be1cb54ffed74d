"""The PyPI package langchain-openai, over Chat Completions and over Responses."""
import importlib.metadata
import json

from langchain_openai import ChatOpenAI

EVERY = ["text", "call", "object"]


def bound(model, g):
    if g["want"] == "call":
        return model.bind_tools([{"type": "function", "function": g["tool"]}])
    return model


def ending(metadata):
    incomplete = metadata.get("incomplete_details") or {}
    return metadata.get("finish_reason") or incomplete.get("reason") or metadata.get("status")


def answered(g, message):
    out = {"text": message.text, "ended": ending(message.response_metadata)}
    if g["want"] == "call" and out["ended"] != "content_filter":
        out["call"] = message.tool_calls[0]["args"]
    return out


def invoke(model, g):
    if g["want"] != "object":
        return answered(g, bound(model, g).invoke(g["ask"]))
    return {"object": model.with_structured_output(g["schema"] | {"title": "answer", "description": "answer"}, method="json_schema").invoke(g["ask"])}


def stream(model, g):
    if g["want"] == "object":
        last = None
        for last in model.with_structured_output(g["schema"] | {"title": "answer", "description": "answer"}, method="json_schema").stream(g["ask"]):
            pass
        return {"object": last, "text": json.dumps(last)}
    whole, chunks = None, bound(model, g).stream(g["ask"])
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
        if g.get("abort") and whole.text:
            chunks.close()
            return {}
    return answered(g, whole)


def open_calls(base):
    calls = {}
    for name, more in (("chat", {}), ("responses", {"use_responses_api": True})):
        model = ChatOpenAI(model="gpt-4o", base_url=f"{base}/v1", api_key="sk-x", **more)
        calls[f"ChatOpenAI.invoke, {name}"] = (False, EVERY, lambda g, model=model: invoke(model, g))
        calls[f"ChatOpenAI.stream, {name}"] = (True, EVERY, lambda g, model=model: stream(model, g))
    return importlib.metadata.version("langchain-openai"), calls
