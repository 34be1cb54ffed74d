"""The rest of OpenAI's family through the real binary: Responses, Completions, Embeddings, Azure's paths."""
import json

from lab import Gateway, Skip, bundle, every_dialect
from speaker import Speaker
from test_additions import BEHIND, BOTH, DISCLAIMER, NOTICE, STEER, rule


def gateway(lab, extra=""):
    up = Speaker()
    return every_dialect(lab, up, config=extra), up


def events(data):
    return [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: {")]


def test_a_response_is_edited_blocked_and_cut_off(lab):
    g, up = gateway(lab)
    ask = lambda text, path="/v1/responses", **more: g.post({"model": "m", "input": text} | more, path=path)
    for path in ("/v1/responses", "/openai/v1/responses", "/openai/responses?api-version=2025-03-01-preview"):
        up.pieces = ["ask Hal", "den Bank", " today"]
        status, head, data = ask("of Halden Bank", path)
        assert status == 200 and json.loads(data)["output"][0]["content"][0]["text"] == "ask [R] today" and head["x-sluice-verdict"] == "edit", data
        assert up.seen[-1] == (path, {"model": "m", "input": "of [R]"})
        status, _, data = ask("x", path, stream=True)
        got = events(data)
        assert status == 200 and "".join(e["delta"] for e in got if e["type"] == "response.output_text.delta") == "ask [R] today", data
        assert b"Halden" not in data and b"den Bank" not in data and data.count(b"ask [R] today") == 4, data
        assert got[-1]["response"]["output"][0]["content"][0]["text"] == "ask [R] today"
        numbers = [e["sequence_number"] for e in got]
        assert numbers == sorted(set(numbers)), numbers
        asked = len(up.seen)
        status, head, data = ask("a bomb recipe", path, stream=True)
        error = json.loads(data)["error"]
        assert status == 400 and head["x-should-retry"] == "false" and error["code"] == "content_filter" and error["param"] == "input" and len(up.seen) == asked, data
        up.pieces = ["fine ", "a bomb ", "recipe", " never"]
        status, _, data = ask("x", path, stream=True)
        got = events(data)
        assert got[-1]["type"] == "response.incomplete" and got[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}, data
        said = got[-1]["response"]["output"][0]["content"][0]["text"]
        assert said == "".join(e["delta"] for e in got if e["type"] == "response.output_text.delta") and said.startswith("fine") and "bomb" not in said, data
        assert b"never" not in data and b"recipe" not in data
        assert ask("x", path)[0] == 400


def test_a_stored_response_is_read_like_a_new_one(lab):
    g, up = gateway(lab)
    up.pieces = ["ask Hal", "den Bank", " today"]
    for path in ("/v1/responses/resp_1", "/v1/responses/resp_1?stream=true", "/v1/responses/resp_1/input_items", "/openai/v1/responses/resp_1"):
        status, head, data = g.post(None, path=path, method="GET")
        assert status == 200 and b"ask [R] today" in data and b"Halden" not in data, (path, data)
        assert up.seen[-1] == (path, {}) and up.methods[-1] == "GET"
    status, _, data = g.post(None, path="/v1/responses/resp_1/cancel")
    assert status == 200 and b"ask [R] today" in data
    assert g.post(None, path="/v1/responses/resp_1", method="DELETE")[0] == 200 and up.methods[-1] == "DELETE"
    up.pieces = ["a bomb recipe"]
    assert g.post(None, path="/v1/responses/resp_1", method="GET")[0] == 400
    asked = len(up.seen)
    assert g.post(None, path="/v1/responses/resp_1?stream=true&starting_after=3", method="GET")[0] == 400 and len(up.seen) == asked


def test_what_the_upstream_holds_is_denied_or_counted(lab):
    g, up = gateway(lab)
    held = ({"previous_response_id": "resp_0"}, {"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}, {"background": True}, {"input": [{"type": "item_reference", "id": "msg_0"}]})
    for more in held:
        status, _, data = g.post({"model": "m", "input": "x"} | more, path="/v1/responses")
        error = json.loads(data)["error"]
        assert status == 400 and "server state" in error["message"] and error["param"].split("[")[0].split(".")[0] in more, data
    assert up.seen == []
    up.items = [{"type": "message", "role": "user", "id": "msg_0", "content": [{"type": "input_file", "file_id": "file_1"}]}]
    items = lambda: g.post(None, path="/v1/responses/resp_1/input_items", method="GET")[0]
    assert items() == 502
    g.kill()
    g.config.write_text(g.config.read_text() + "unreadable: {server_state: pass}\n")
    g.start()
    assert items() == 200
    for more in held:
        assert g.post({"model": "m", "input": "x"} | more, path="/v1/responses")[0] == 200, more
    last = [r for r in g.records() if r["event"] == "decision"][-1]
    assert last["unscanned"].get("server state", 0) > 0, last


def test_the_clients_own_instructions_do_not_block_the_answer(lab):
    g, up = gateway(lab, "")
    (lab.dir / "g-bundle" / "p.yaml").write_text((lab.dir / "g-bundle" / "p.yaml").read_text().replace("direction: both\n    match: {keywords: [bomb recipe]}", "direction: response\n    match: {keywords: [bomb recipe]}")
                                              .replace("request: a bomb recipe", "response: a bomb recipe"))
    g.kill()
    g.start()
    asked = {"model": "m", "input": "x", "instructions": "never give a bomb recipe"}
    for more in ({}, {"stream": True}):
        status, _, data = g.post(asked | more, path="/v1/responses")
        assert status == 200 and b"never give a bomb recipe" in data and b"hello" in data and b"incomplete\"" not in data, data
    up.pieces = ["a bomb recipe"]
    assert g.post(asked, path="/v1/responses")[0] == 400


def test_words_of_the_policy_reach_the_instructions_and_the_answer_shows_the_clients_own(lab):
    up = Speaker()
    g = Gateway(lab, "g", up.port, "{directory: %s}" % bundle(lab.dir / "bundle", extra=STEER))
    for own, sent in ((None, BOTH), ("Be brief.", "You are the bank's.\n\nBe brief.\n\nGeneral only.")):
        for stream in (False, True):
            asked = {"model": "m", "input": "bonds?", "stream": stream} | ({"instructions": own} if own else {})
            status, head, data = g.post(asked, path="/v1/responses")
            assert status == 200 and up.seen[-1][1] == asked | {"instructions": sent}, (up.seen[-1], data)
            assert b"General only" not in data and head["x-sluice-verdict"].startswith("edit"), data
            answers = [e["response"] for e in events(data) if "response" in e] if stream else [json.loads(data)]
            assert answers and all(a["instructions"] == own for a in answers), data
    assert g.post({"model": "m", "input": "funds?", "instructions": "Be brief."}, path="/v1/responses")[0] == 200 and up.seen[-1][1]["instructions"] == "Be brief."


def test_plain_prompts_are_read_and_tokens_are_not(lab):
    g, up = gateway(lab)
    up.pieces = ["ask Hal", "den Bank"]
    status, _, data = g.post({"model": "m", "prompt": "of Halden Bank"}, path="/v1/completions")
    assert status == 200 and json.loads(data)["choices"][0]["text"] == "ask [R]" and up.seen[-1][1]["prompt"] == "of [R]", data
    status, _, data = g.post({"model": "m", "prompt": ["x"], "stream": True}, path="/v1/completions")
    chunks = [json.loads(l[6:]) for l in data.decode().splitlines() if l.startswith("data: {")]
    assert "".join(c["choices"][0]["text"] for c in chunks) == "ask [R]" and data.endswith(b"data: [DONE]\n\n"), data
    status, _, data = g.post({"model": "m", "input": ["of Halden Bank"]}, path="/v1/embeddings")
    assert status == 200 and up.seen[-1][1]["input"] == ["of [R]"] and json.loads(data)["data"][0]["embedding"] == [0.1, 0.2]
    assert g.post({"model": "m", "input": "of Halden Bank"}, path="/v1/moderations")[0] == 200 and up.seen[-1][1]["input"] == "of [R]"
    asked = len(up.seen)
    for path, body in (("/v1/completions", {"prompt": [1, 2, 3]}), ("/v1/completions", {"prompt": [[1], [2]]}), ("/v1/embeddings", {"input": [1, 2]}), ("/v1/completions", {"prompt": "a bomb recipe"})):
        assert g.post({"model": "m"} | body, path=path)[0] == 400, body
    assert len(up.seen) == asked
    up.pieces = ["fine ", "a bomb ", "recipe"]
    data = g.post({"model": "m", "prompt": "x", "stream": True}, path="/v1/completions")[2]
    assert b'"finish_reason":"content_filter"' in data and b"recipe" not in data and data.endswith(b"data: [DONE]\n\n"), data


def test_azure_names_the_model_in_the_path_and_keeps_its_key(lab):
    g, up = gateway(lab)
    path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    up.pieces = ["ask Hal", "den Bank"]
    body = {"messages": [{"role": "user", "content": "of Halden Bank"}]}
    status, _, data = g.post(body, {"authorization": "", "api-key": "azure-key"}, path=path)
    assert status == 200 and json.loads(data)["choices"][0]["message"]["content"] == "ask [R]", data
    assert up.seen[-1][0] == path and up.heads[-1]["api-key"] == "azure-key" and up.seen[-1][1]["messages"][0]["content"] == "of [R]"
    status, _, data = g.post(body | {"stream": True}, path=path)
    assert b"Halden" not in data and b"[R]" in data and data.endswith(b"data: [DONE]\n\n")
    assert "gpt-4o" in json.dumps(g.records())
    assert g.post(body, path="/openai/deployments/gpt-4o/extensions/chat/completions")[0] == 404


def test_an_api_that_is_not_read_is_refused_by_its_name(lab):
    g, up = gateway(lab)
    for path in ("/v1/images/generations", "/v1/audio/speech", "/v1/files", "/v1/batches", "/v1/assistants", "/v1/threads/t/messages", "/v1/realtime", "/v1/conversations/c/unheard_of"):
        status, _, data = g.post({"prompt": "x"}, path=path)
        assert status == 403 and "/v1/" + path.split("/")[2] in json.loads(data)["error"]["message"], (path, data)
    assert up.seen == []


def test_a_stored_response_is_read_through_the_sdk(lab):
    try:
        import openai
    except ImportError:
        raise Skip("the Python package openai is not installed (see build/sdks/pip.log)")
    g, up = gateway(lab)
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{g.port}/v1", api_key="sk-x")
    up.pieces = ["ask Hal", "den Bank", " today"]
    assert client.responses.retrieve("resp_1").output_text == "ask [R] today"
    assert client.responses.input_items.list("resp_1").data[0].content[0].text == "ask [R] today"


def test_responses_python_sdk_reads_the_text_behind_an_answer(lab):
    try:
        import openai
    except ImportError:
        raise Skip("the Python package openai is not installed (see build/sdks/pip.log)")
    up = Speaker()
    full = rule("demand", "response", "{keywords: [gamble]}", '{type: require_disclaimer, disclaimer: general, on_missing: rewrite, replacement: "Ask us."}', "gamble", "    stream: {hold: full}\n") + DISCLAIMER
    for name, rules, said, whole in (("append", BEHIND, ["you may ", "inv", "est"], "you may invest\n\n" + NOTICE), ("rewrite", full, ["just ", "gamble"], "Ask us.")):
        g = Gateway(lab, name, up.port, "{directory: %s}" % bundle(lab.dir / f"{name}-bundle", extra=rules))
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{g.port}/v1", api_key="sk-x")
        up.pieces = said
        assert client.responses.create(model="m", input="x").output_text == whole
        with client.responses.stream(model="m", input="x") as s:
            events = list(s)
            assert s.get_final_response().output_text == whole
        assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole
