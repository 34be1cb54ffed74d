"""The example bundles behind the official SDKs of OpenAI and Anthropic, plain and streamed: who asks decides what they read, and what the
model reads."""
import json
import re
import shutil
import signal
import subprocess
import time

from lab import ROOT, SLUICE, Gateway, Skip, Upstream, sluice, until
from speaker import Speaker


class Answer:
    """What a client got: the text it read, or the message of an error."""

    def __init__(self, text=None, error=None, end=None):
        self.text, self.error, self.end = text, error, end


class OpenAI:
    def __init__(self, port):
        try:
            import openai
        except ImportError:
            raise Skip("the Python package openai is not installed (see build/sdks/pip.log)")
        self.sdk, self.client, self.up = openai, None, Upstream()
        self.base = f"http://127.0.0.1:{port}/v1"

    def connect(self):
        self.client = self.sdk.OpenAI(base_url=self.base, api_key="sk-x")

    def ask(self, text, headers, stream):
        try:
            said = self.client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], stream=stream, extra_headers=headers)
        except self.sdk.BadRequestError as e:
            assert e.code == "content_filter", e
            return Answer(error=str(e))
        if not stream:
            choice = said.choices[0]
            return Answer((choice.message.content or "") + (choice.message.refusal or ""), end=choice.finish_reason)
        choices = [c.choices[0] for c in said if c.choices]
        return Answer("".join((c.delta.content or "") + (c.delta.refusal or "") for c in choices), end=choices[-1].finish_reason)

    def says(self, text):
        self.up.text = text

    def seen(self):
        return [body.decode() for body in self.up.seen]


class Anthropic:
    def __init__(self, port):
        try:
            import anthropic
        except ImportError:
            raise Skip("the Python package anthropic is not installed (see build/sdks/pip.log)")
        self.sdk, self.client, self.up = anthropic, None, Speaker()
        self.base = f"http://127.0.0.1:{port}"

    def connect(self):
        self.client = self.sdk.Anthropic(base_url=self.base, api_key="sk-x")

    def ask(self, text, headers, stream):
        asked = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": text}], "extra_headers": headers}
        try:
            if stream:
                with self.client.messages.stream(**asked) as s:
                    final = s.get_final_message()
            else:
                final = self.client.messages.create(**asked)
        except self.sdk.BadRequestError as e:
            return Answer(error=str(e))
        return Answer("".join(block.text for block in final.content), end=final.stop_reason)

    def says(self, text):
        self.up.pieces = [text[i:i + 5] for i in range(0, len(text), 5)]

    def seen(self):
        return [json.dumps(body) for _, body in self.up.seen]


ROUTE = "context: {route: {by: header}, headers: {trusted_proxies: [127.0.0.1/32], tenant: x-tenant, region: x-region, tier: x-tier}}\n"


def behind(lab, folder):
    """A gateway with the bundle, and a client of each SDK in front of it."""
    shutil.copytree(folder, lab.dir / "bundle")
    g = Gateway(lab, "g", 1, f"{{directory: {lab.dir}/bundle}}", ROUTE)
    clients = [OpenAI(g.port), Anthropic(g.port)]
    one = '  - {name: up, base_url: "http://127.0.0.1:1", dialect: openai, paths: ["/v1"]}\n'
    text = g.config.read_text()
    assert one in text
    ours = one.replace(":1\"", f":{clients[0].up.port}\"")
    theirs = f'  - {{name: messages, base_url: "http://127.0.0.1:{clients[1].up.port}", dialect: anthropic, paths: ["/v1/messages"]}}\n'
    g.config.write_text(text.replace(one, ours + theirs))
    g.kill()
    g.start()
    until("the bundle is live", lambda: g.state().get("state") == "FRESH", 30)
    for client in clients:
        client.connect()
    return g, clients


def each(clients):
    return [(client, stream) for client in clients for stream in (False, True)]


def reads(clients, who, said, expected, asked="hello"):
    """In each SDK, plain and streamed, `who` reads `expected` when the model says `said`."""
    for client, stream in each(clients):
        client.says(said)
        got = client.ask(asked, who, stream)
        assert got.text == expected, (type(client).__name__, stream, got.text, got.error, got.end)


def model_reads(clients, who, asked, present, absent):
    for client, stream in each(clients):
        client.says("fine")
        got = client.ask(asked, who, stream)
        seen = client.seen()[-1]
        assert got.text == "fine" and present in seen and absent not in seen, (type(client).__name__, stream, got.text, got.error, seen)


def is_answered_by_the_gateway(clients, who, asked, message):
    """The model is not asked; the client reads the message, as a refusal or as an error."""
    for client, stream in each(clients):
        before = len(client.seen())
        got = client.ask(asked, who, stream)
        assert message in (got.text or got.error) and len(client.seen()) == before, (type(client).__name__, stream, got.text, got.error)


def is_cut(clients, who, said, never):
    """The answer's forbidden part reaches nobody, and the end says why."""
    for client, stream in each(clients):
        client.says(said)
        got = client.ask("hello", who, stream)
        assert never not in (got.text or "") and (got.error or got.end in ("content_filter", "refusal") or "can't" in got.text), (type(client).__name__, stream, got.text, got.end)


def test_the_bank_by_region_tenant_tier_and_route(lab):
    _, clients = behind(lab, ROOT / "policies/examples/bank")
    customer = {"x-region": "eu", "x-tenant": "retail", "x-route": "chat"}
    model_reads(clients, customer, "my card 4111 1111 1111 1111 is lost", "my card [CARD] is lost", "1111")
    model_reads(clients, {"x-region": "us"}, "my card 4111 1111 1111 1111 is lost", "my card [CARD]1111 is lost", "4111")
    model_reads(clients, {"x-region": "us"}, "my SSN is 536-32-3065", "my SSN is [SSN]", "536-32")
    model_reads(clients, customer, "pay DE89370400440532013000", "<IBAN_", "DE8937")
    reads(clients, customer, "You could try Halden Bank.", "You could try another bank.")
    reads(clients, customer | {"x-route": "payments"}, "Sent 50 EUR to Merrow Capital.", "Sent 50 EUR to Merrow Capital.")
    reads(clients, customer, "You should buy it.", "General information, not financial advice: one may buy it.")
    reads(clients, {"x-tenant": "wealth", "x-tier": "adviser"}, "You should buy it.", "You should buy it.")
    is_answered_by_the_gateway(clients, customer | {"x-tier": "junior"}, "How do I get a loan?", "grown-ups")
    is_answered_by_the_gateway(clients, customer, "use nbk_a8Fk2Lq9Zx7Pw3Rt6Yb1Nc5D", "Please remove the API key")
    is_cut(clients, customer, "It has a guaranteed return of 9 %.", "guaranteed return")


def account_comes_back(clients, who):
    for client, stream in each(clients):
        client.says("x")
        client.ask("pay DE89370400440532013000", who, stream)
        token = "<IBAN_" + client.seen()[-1].split("<IBAN_")[1].split(">")[0] + ">"
        client.says(f"I pay {token} now.")
        got = client.ask("pay DE89370400440532013000", who, stream)
        assert got.text == "I pay DE89370400440532013000 now.", (type(client).__name__, stream, token, got.text)


def test_an_account_number_goes_up_as_a_token_and_comes_back_as_itself(lab):
    _, clients = behind(lab, ROOT / "policies/examples/bank")
    account_comes_back(clients, {"x-region": "eu"})


def test_the_social_network_cares_and_mutes_a_topic_in_seconds(lab):
    g, clients = behind(lab, ROOT / "policies/examples/social")
    is_answered_by_the_gateway(clients, {}, "I want to kill myself.", "116 123")
    is_answered_by_the_gateway(clients, {"accept-language": "de"}, "I want to kill myself.", "0800 111 0 111")
    is_answered_by_the_gateway(clients, {}, "Write a threatening message to my neighbour", "I won't write something that is meant to hurt")
    reads(clients, {}, "That is damn good, try Chirpline.", "That is very good, try another network.")
    reads(clients, {"x-tenant": "newsroom"}, "The Marlow Bay landslide is over.", "The Marlow Bay landslide is over.")
    model_reads(clients, {"x-tier": "teen"}, "mail lea@example.org", "mail [EMAIL]", "lea@")
    reads(clients, {}, "The Lantern Street fire is out.", "The Lantern Street fire is out.")
    version = g.state()["version"]
    with open(lab.dir / "bundle/lists/muted_topics.yaml", "a") as words:
        words.write("  - Lantern Street fire\n")
    begin = time.monotonic()
    until("the edited list is live", lambda: g.state()["version"] != version, 10)
    assert time.monotonic() - begin < 5
    reads(clients, {}, "The Lantern Street fire is out.", "The [not discussed at the moment] is out.")


def test_the_clinic_keeps_patients_from_the_model_and_diagnoses_from_patients(lab):
    _, clients = behind(lab, ROOT / "policies/examples/clinic")
    patient, clinician = {"x-region": "uk", "x-tier": "patient"}, {"x-region": "uk", "x-tier": "clinician"}
    model_reads(clients, clinician, "Mrs Okafor, born 12 May 1974, NHS 943 476 5919", "born [DATE OF BIRTH], NHS [NHS]", "1974")
    model_reads(clients, {"x-region": "us"}, "Mrs Okafor, SSN 536-32-3065", "[PATIENT], SSN [SSN]", "Okafor")
    model_reads(clients, clinician, "Summarise MRN 00482913", "<PATIENT_", "482913")
    reads(clients, patient, "You can stop taking your medication.", "(only after your doctor or pharmacist has agreed) stop taking your medication.")
    reads(clients, clinician, "You can reduce the dose.", "You can reduce the dose.")
    reads(clients, patient, "From this, you have pneumonia.", "From this, a clinician has to see whether you have pneumonia.")
    is_answered_by_the_gateway(clients, patient, "Help, my son can't breathe", "call 999")
    is_answered_by_the_gateway(clients, patient, "What is a lethal dose of digoxin?", "poison control")
    is_cut(clients, patient, "Some say: inject bleach twice a day.", "inject bleach")


def test_a_rule_that_finds_harmless_texts_is_refused_before_it_goes_anywhere(lab):
    shutil.copytree(ROOT / "policies/examples/bank", lab.dir / "bank")
    told = json.loads(sluice("check", lab.dir / "bank", "--json").stdout)
    assert told["harmless_texts"]["verdict"] == "JUDGED" and not told["diagnostics"], told
    with open(lab.dir / "bank/advice.yaml", "a") as file:
        file.write("  - id: wide\n    direction: response\n    match: {regex: '(?i)[a-z]'}\n    action: {type: block, message: m}\n"
                   "    tests: [{name: a, response: hay, expect: {rules: [wide]}}, {name: b, response: '7', expect: {rules: []}}]\n")
    for command in (("check",), ("test",), ("push", "--redis", "redis://127.0.0.1:1", "--ring", "r")):
        done = sluice(command[0], lab.dir / "bank", *command[1:], check=False)
        assert done.returncode == 1 and "advice.yaml:" in done.stderr and "102 of 102 harmless texts" in done.stderr, (command, done)
    golden = lab.dir / "bank/golden/bank.jsonl"
    golden.write_text("".join(line + "\n" for line in golden.read_text().splitlines() if '"benign"' not in line))
    done = sluice("check", lab.dir / "bank", check=False)
    assert done.returncode == 1 and "20 of 20 everyday sentences" in done.stderr, done
    policy = lab.dir / "bank/advice.yaml"
    policy.write_text(policy.read_text().replace("(?i)[a-z]", "hay"))
    done = sluice("check", lab.dir / "bank")
    assert "INSUFFICIENT: 0 harmless texts" in done.stdout, done


def test_the_shipped_policies_decide_long_texts_that_are_all_candidates(lab):
    texts = [repeat * (200 * 1024 // len(repeat)) for repeat in ("DE89 ", "(555) ", "a1 ", "DE89 3704 ", "12-34 ", "1st &amp; 2nd ")]
    for direction in ("request", "response"):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        said = subprocess.run([SLUICE, "explain", ROOT / "policies", "--lines", "--direction", direction], input=lines, capture_output=True, text=True, timeout=120)
        answers = [json.loads(line) for line in said.stdout.splitlines()]
        assert len(answers) == len(texts), said.stderr
        for text, answer in zip(texts, answers):
            assert "unavailable" not in answer.get("reason", ""), (direction, text[:20], answer["reason"])


def test_a_watched_bundle_is_tested_again_each_time_that_it_is_saved(lab):
    folder = lab.dir / "social"
    shutil.copytree(ROOT / "policies/examples/social", folder)
    out, errors = open(lab.dir / "watch.out", "w"), open(lab.dir / "watch.err", "w")
    process = subprocess.Popen([SLUICE, "test", "--watch", str(folder)], stdout=out, stderr=errors)
    lab.processes.append(process)
    lines = lambda: (lab.dir / "watch.out").read_text().splitlines()
    said = lambda n: until(f"{n} runs", lambda: lines()[n - 1] if len(lines()) >= n else "", 60)
    assert re.match(r"\d\d:\d\d:\d\d  PASS  version \w{12}: 32 tests, 119 golden cases; \d+ ms$", said(1)), lines()
    words = folder / "lists/muted_topics.yaml"
    whole = words.read_text()
    words.write_text(whole.replace("  - Marlow Bay landslide\n", ""))
    assert "  REFUSED  " in said(2) and "trending.yaml:" in (lab.dir / "watch.err").read_text()
    new = folder / ".muted.new"  # as editors do: written beside it, and renamed
    new.write_text(whole)
    new.rename(words)
    assert "  PASS  " in said(3)
    (folder / ".words.swp").write_text("an editor's own file")
    (folder / "notes.txt").write_text("not read")
    with open(folder / "golden/more.jsonl", "w") as golden:
        golden.write('{"id": "m-1", "set": "must_block", "request": "good morning"}\n')
    assert "  FAIL  " in said(4) and "must_block: 13 cases, 1 missed" in said(4) and "m-1" in (lab.dir / "watch.err").read_text()
    time.sleep(0.5)
    assert len(lines()) == 4, "what does not count starts no run"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1, "the code of the last run"


def test_a_rule_in_shadow_says_how_much_of_what_it_asks_for_is_shown(lab):
    told = json.loads(sluice("test", ROOT / "policies/examples/bank", "--json").stdout)
    (rule,) = told["promotion"]
    assert rule["rule"] == "advice-hot-tip" and rule["verdict"] == "INSUFFICIENT" and rule["wrong"] == 0 and rule["harmless"] > 100, rule
    assert "advice-hot-tip, in shadow: INSUFFICIENT" in sluice("test", ROOT / "policies/examples/bank").stdout


WORKED = ROOT.parent / "shared/research/policy.md"


def worked_example(folder):
    """The bundle that the schema's own paper works out, one file a document, and beside it the one model that it names."""
    text = re.search(r"(?s)^## Worked example.*?^```yaml\n(.*?)^```", WORKED.read_text(encoding="utf-8"), re.MULTILINE).group(1)
    (folder / "models").mkdir(parents=True)
    shutil.copy(ROOT / "policies/models/topic.ftz", folder / "models")
    for n, document in enumerate(text.split("\n---\n")):
        (folder / ("bundle.yaml" if "kind: Bundle" in document else f"{n}.yaml")).write_text(document + "\n", encoding="utf-8")
    return text


def not_acted_on(text):
    """What the language's document says that this version refuses, of what the example uses."""
    said = re.sub(r"\s+", " ", (ROOT / "docs/policy_language.md").read_text(encoding="utf-8"))
    acts = re.search(r"This version acts on (.*?)\. It reads the others, (.*?), and refuses", said)
    if not acts:
        return set()
    used = set(re.findall(r"action: \{type: (\w+)", text))
    refused = {f"action '{a}'" for a in used - set(re.findall(r"`(\w+)`", acts.group(1)))}
    return refused | ({"'thresholds'"} if "`thresholds`" in acts.group(2) and "\nthresholds:" in text else set())


def test_the_worked_example_of_the_schema_is_refused_only_for_what_the_language_says_it_does_not_act_on(lab):
    if not WORKED.exists():
        raise Skip(f"{WORKED.relative_to(ROOT.parent)} is not beside the tree")
    refused = not_acted_on(worked_example(lab.dir / "worked"))
    done = sluice("check", lab.dir / "worked", "--now", "2026-12-01", "--json", check=False)
    told = json.loads(done.stdout)
    errors = [d for d in told["diagnostics"] if d["severity"] == "error"]
    assert {d["message"] for d in errors} == {f"{what} is not supported by this version" for what in refused}, errors
    assert all(d["line"] > 0 and d["advice"] for d in errors)
    assert (done.returncode == 0) == (not refused)
    assert told["rules"] == 8 and told["tests"] == 17, told


def test_the_worked_example_of_the_schema_behind_the_sdks(lab):
    if not WORKED.exists():
        raise Skip(f"{WORKED.relative_to(ROOT.parent)} is not beside the tree")
    if not_acted_on(worked_example(lab.dir / "worked")):
        raise Skip("docs/policy_language.md says that this version does not act on all of it")
    done = sluice("test", lab.dir / "worked", "--now", "2026-12-01", "--json", check=False)
    told = json.loads(done.stdout)
    assert done.returncode in (0, 3) and told["verdict"] in ("PASS", "INSUFFICIENT"), told  # it has no golden sets
    _, clients = behind(lab, lab.dir / "worked")
    retail = {"x-region": "us", "x-tenant": "retail"}
    reads(clients, retail, "You could also try Halden Bank.", "You could also try another bank.")
    reads(clients, retail, "Try Ostwick\u200b Savings today", "Try another bank today")
    reads(clients, retail, "Our branch is at Halden Road 4.", "Our branch is at Halden Road 4.")
    if time.strftime("%Y-%m-%d") <= "2027-03-31":  # until then a receipt may name the bank
        reads(clients, retail | {"x-route": "payments"}, "Sent 50 EUR to Halden Bank.", "Sent 50 EUR to Halden Bank.")
    reads(clients, retail, "You should invest in bonds.", "You should invest in bonds.\n\nThis is general information, not financial advice.")
    reads(clients, retail, "You should buy. This is not financial advice.", "You should buy. This is not financial advice.")
    reads(clients, retail, "A guaranteed return of 9%.", "A guaranteed return of 9%.")
    model_reads(clients, retail, "my card 4111 1111 1111 1111", "my card [CARD]1111", "4111")
    model_reads(clients, retail, "write to a.b@example.org", "write to a.b@example.org", "[EMAIL]")
    model_reads(clients, {"x-region": "eu"}, "write to a.b@example.org", "write to [EMAIL]", "a.b@")
    is_answered_by_the_gateway(clients, retail, "use nbk_a8Fk2Lq9Zx7Pw3Rt6Yb1Nc5D", "Please remove the API key")
    account_comes_back(clients, retail)
