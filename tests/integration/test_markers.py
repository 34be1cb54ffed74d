"""A marker in every place of every API that the table names, through the real binary: found or refused, without an exception."""
import json
from collections import Counter

from lab import Gateway, bundle, to
from markers import DENIED, EDITED, FORMS, GONE, MARKER, NUMBERS, PASSED, STOPPED, UNKNOWN, WHERE, WORDS, beyond, form, split, stream_of, trials
from speaker import Speaker



FORM_PATHS = {path for path, *_ in FORMS.values()}


class Lab:
    """A gateway as it comes, and one that reads forms and passes what they carry; before one upstream."""

    def __init__(self, lab):
        self.up, policy = Speaker(), "{directory: %s}" % bundle(lab.dir / "bundle")
        paths = [("openai", ["/v1", "/openai"]), ("anthropic", ["/v1/messages", "/anthropic"]), ("gemini", ["/v1beta", "/google"]), ("ollama", ["/api"])]
        upstreams = "\n".join(to(self.up.port, dialect, under) for dialect, under in paths)
        self.plain = Gateway(lab, "g", self.up.port, policy, upstreams=upstreams)
        self.forms = Gateway(lab, "f", self.up.port, policy, "unreadable: {forms: scan, attachments: {audio: pass, image: pass}}\n", upstreams=upstreams)

    def rows(self):
        return json.loads(self.plain.get("/v1/coverage")[1])["coverage"]

    def ask(self, row, method, path, sent, answer=None):
        """(status, what the upstream was sent, "" when it was not asked, what the client got); `answer`: content type and text."""
        of_form = (row["dialect"], row["endpoint"]) in FORMS
        data, fields = form(sent) if of_form else (sent, None)
        self.up.recorded = answer and (answer[0], [answer[1].encode()])
        asked = len(self.up.seen)
        status, _, got = (self.forms if of_form else self.plain).post(data, fields, path=path, method=method)
        self.up.recorded = None
        return status, json.dumps(self.up.seen[-1][1]) if len(self.up.seen) > asked else "", got.decode()

    def judged(self, row, made):
        """(status, what the other side got, what the client got) of one trial."""
        path, base, _ = (WHERE | FORMS)[row["dialect"], row["endpoint"]]
        if row["direction"] == "request":
            return self.ask(row, *split(path), made, ("application/json", "{}") if path in FORM_PATHS else None)
        streamed = row["streaming"] == "yes"
        if streamed and row["dialect"] != "gemini":
            base = base | {"stream": True}
        status, _, got = self.ask(row, *split(path), base, stream_of(row, made) if streamed else ("application/json", json.dumps(made)))
        return status, got, got


def hidden(got, data):
    """Whether nobody was told the marker, or the words that it is made of."""
    whole = MARKER in got or MARKER in data or json.dumps(MARKER)[1:-1] in got
    return not whole and not all(json.dumps(word) in got + data for word in WORDS)


def fits(row, fate, status, got, data):
    """Whether what became of the marker is what the row says."""
    if not hidden(got, data):
        return False
    if fate == EDITED:
        return status == 200 and ("[R]" in got or row["kind"] == "annotation")  # an annotation may go with the text that it was of
    if fate == GONE:
        return status == 200 and "[R]" in got and str(NUMBERS[0]) not in got  # the text that it repeats stays, edited
    streamed = row["streaming"] == "yes" and status == 200  # cut within
    return streamed or status in (400, 502) and (row["direction"] == "response" or got == "")


def test_a_marker_in_any_place_is_found_or_refused(lab):
    at = Lab(lab)
    told, wrong = Counter(), []
    for row, made, fate in trials(at.rows()):
        status, got, data = at.judged(row, made)
        told[fate] += 1
        if not fits(row, fate, status, got, data):
            wrong.append((row["dialect"], row["endpoint"], row["direction"], row["streaming"], row["path"], row["class"], fate, status, (got or data)[:300]))
    print(f"  {sum(told.values()):,} places: {told[EDITED]:,} edited, {told[STOPPED]:,} blocked or refused, {told[GONE]} gone with the text; {len(wrong)} otherwise")
    assert not wrong, "\n".join(map(str, wrong[:25]))
    assert told[EDITED] > 1500 and told[STOPPED] > 4000 and told[GONE] > 30, told


def test_what_stands_in_no_place_of_the_table_does_what_its_row_says(lab):
    at = Lab(lab)
    told, wrong = Counter(), []
    for row, method, path, sent, answer, fate in beyond(at.rows()):
        streamed = row["direction"] == "response" and row["streaming"] == "yes"
        if streamed and row["dialect"] != "gemini":
            sent = sent | {"stream": True}
        said = json.dumps(answer)
        status, got, data = at.ask(row, method, path, sent, stream_of(row, answer) if streamed else ("application/json", said))
        told[fate] += 1
        fine = {
            PASSED: status == 200 and data == said,
            DENIED: status == 403 and got == "" and hidden(got, data),
            UNKNOWN: status == 404 and got == "" and hidden(got, data),
            STOPPED: hidden(data if row["direction"] == "response" else got, data) and (streamed and status == 200 and "words" not in data or status in (400, 401, 502) and (row["direction"] == "response" or got == "")),
        }[fate]  # 401: a second credential
        if not fine:
            wrong.append((row["dialect"], row["endpoint"], method, path, row["path"], fate, status, (got or data)[:300]))
    print(f"  {sum(told.values()):,} trials: {dict(told)}; {len(wrong)} otherwise")
    assert not wrong, "\n".join(map(str, wrong[:25]))
    assert told[PASSED] > 10 and told[DENIED] > 20 and told[UNKNOWN] == 4 and told[STOPPED] > 100, told
