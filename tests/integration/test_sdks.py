"""The official SDKs, unchanged but for the base URL."""
import json
import os
import subprocess
from pathlib import Path

from test_exchanges import gateway

SDKS = Path(os.environ["SLUICE_SDKS"])


class Skip(Exception):
    pass


def python_client(g):
    try:
        import openai
    except ImportError:
        raise Skip("the Python package openai is not installed (see build/sdks/pip.log)")
    return openai, openai.OpenAI(base_url=f"http://127.0.0.1:{g.port}/v1", api_key="sk-x")


def test_python_sdk(lab):
    g, up = gateway(lab)
    openai, client = python_client(g)
    ask = lambda text, **more: client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], **more)
    assert ask("hello").choices[0].message.content == "hello"
    assert [c.message.content for c in ask("hi", n=2).choices] == ["hi", "hi"]
    up.text = "ask Halden Bank today"
    assert ask("x").choices[0].message.content == "ask [R] today"
    assert "".join(c.choices[0].delta.content or "" for c in ask("x", stream=True)) == "ask [R] today"
    up.text, asked = None, len(up.seen)
    before = len([r for r in g.records() if r["event"] == "decision"])
    try:
        ask("a bomb recipe", stream=True)
        raise AssertionError("not blocked")
    except openai.BadRequestError as e:
        assert e.code == "content_filter" and "Not here." in str(e)
    assert len(up.seen) == asked and len([r for r in g.records() if r["event"] == "decision"]) == before + 1, "it must not be retried"
    up.pieces = ["fine ", "a bomb ", "recipe"]
    ends = [c.choices[0] for c in ask("x", stream=True)]
    assert ends[-1].finish_reason == "content_filter" and "bomb" not in "".join(c.delta.content or "" for c in ends)


def test_node_sdk(lab):
    if not (SDKS / "node_modules/openai").exists():
        raise Skip("the npm package openai is not installed (see build/sdks/npm.log)")
    g, up = gateway(lab)
    up.text = "ask Halden Bank today"
    script = SDKS / "check.mjs"
    script.write_text("""
import OpenAI from 'openai';
const client = new OpenAI({baseURL: process.argv[2], apiKey: 'sk-x'});
const ask = (content, more = {}) => client.chat.completions.create({model: 'm', messages: [{role: 'user', content}], ...more});
const out = {};
out.plain = (await ask('x')).choices[0].message.content;
out.stream = '';
for await (const c of await ask('x', {stream: true})) out.stream += c.choices[0]?.delta?.content ?? '';
const final = await client.chat.completions.stream({model: 'm', messages: [{role: 'user', content: 'x'}]}).finalChatCompletion();
out.helper = final.choices[0].message.content;
try { await ask('a bomb recipe'); } catch (e) { out.blocked = [e.constructor.name, e.code, e.status]; }
console.log(JSON.stringify(out));
""")
    r = subprocess.run(["node", str(script), f"http://127.0.0.1:{g.port}/v1"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    out = json.loads(r.stdout)
    assert out == {"plain": "ask [R] today", "stream": "ask [R] today", "helper": "ask [R] today", "blocked": ["BadRequestError", "content_filter", 400]}, out
