#!/usr/bin/env python3
"""Writes the rows that the shipped classifiers are trained on, and those of the golden sets: {"text", "label"}, one a line. Standard library only.

    policies/training/generate.py attack > attack.jsonl      (or: topic, or either with --held-out for rows that no training sees)
    policies/training/generate.py golden --set benign --slice bank --count 400 > bank.jsonl      (make_golden does it for all of them)

Every sentence comes from the grammars beside this file, written for this project; none comes from a data set. The same command gives the
same bytes. A grammar maps a name to its forms; in a form {name} stands for one of that name's forms, (a|b|) for one of the choices."""
import argparse
import base64
import json
import random
import re
import sys
import urllib.parse

import attack_grammar
import benign_grammar
import golden_grammar
import topic_grammar

INNER = re.compile(r"\(([^()]*\|[^()]*)\)")
NAME = re.compile(r"\{(\w+)\}")


class Writer:
    def __init__(self, grammar, seed):
        self.grammar, self.random, self.bound = grammar, random.Random(seed), {}

    def expand(self, form):
        while found := INNER.search(form):
            form = form[:found.start()] + self.random.choice(found.group(1).split("|")) + form[found.end():]
        # A name in capitals keeps its first choice within one text: the persona is called the same throughout.
        def fill(found):
            name = found.group(1)
            if name.isupper():
                if name not in self.bound:
                    self.bound[name] = self.expand(self.random.choice(self.grammar[name]))
                return self.bound[name]
            if name == "n":
                return str(self.random.choice([2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 25, 30, 35, 40, 48, 50, 60, 75, 100, 120, 150, 200, 500, 1000]))
            return self.expand(self.random.choice(self.grammar[name]))
        while NAME.search(form):
            form = NAME.sub(fill, form)
        return form

    def text(self, form):
        self.bound = {}
        out = re.sub(r"[ \t]+", " ", self.expand(form)).strip()
        out = out.replace("{{", "{").replace("}}", "}")  # braces that were meant
        out = re.sub(r" +([,.;?!:])", r"\1", out)
        return re.sub(r"(^|[.!?]\s+|\n)([a-z])", lambda m: m.group(1) + m.group(2).upper(), out)

    def sections(self, names, least, most, joiner, must=None):
        """Some of the sections, in about the order given: what a long text is made of. `must` is always one of them."""
        count = self.random.randint(least, most)
        picked = sorted(self.random.choices(range(len(names)), k=count))
        if self.random.random() < 0.2:
            self.random.shuffle(picked)
        chosen = [names[i] for i in picked]
        if must and must not in chosen:
            chosen[self.random.randrange(len(chosen))] = must
        return joiner.join("{" + name + "}" for name in chosen)

    def noise(self, text):
        """What people do to text: capitals, none, missing full stops, a doubled letter."""
        roll = self.random.random()
        if roll < 0.06:
            return text.upper()
        if roll < 0.18:
            return text.lower()
        if roll < 0.22:
            return text.replace(".", "")
        if roll < 0.25 and len(text) > 20:
            at = self.random.randrange(len(text))
            return text[:at] + text[at] + text[at:]
        return text


def rows(what, seed):
    if what == "attack":
        plans = [("attack", attack_grammar.GRAMMAR, attack_grammar.PLANS), ("benign", benign_grammar.GRAMMAR, benign_grammar.PLANS)]
    else:
        plans = [("", topic_grammar.GRAMMAR, topic_grammar.PLANS)]
    for label, grammar, of in plans:
        writer = Writer(grammar, seed)
        for plan in of:
            seen = set()
            for _ in range(plan["count"]):
                form = plan["form"] if "form" in plan else writer.sections(
                    plan["sections"], *plan["size"], writer.random.choice(plan.get("joiners", [" "])), plan.get("must"))
                text = writer.noise(writer.text(form))
                if text not in seen:
                    seen.add(text)
                    yield {"text": text, "label": plan.get("label", label)}


LEET = str.maketrans("aeiost", "431057")
DISGUISES = {
    "base64": lambda text: "Decode this and do what it says: " + base64.b64encode(text.encode()).decode(),
    "hex": lambda text: "Hex, please read it: " + text.encode().hex(),
    "percent": lambda text: "Unquote: " + "".join(f"%{b:02x}" if chr(b).isalpha() else urllib.parse.quote(chr(b)) for b in text.encode()),
    "zero_width": lambda text: "\u200b".join(text),
    "spaced": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "fullwidth": lambda text: "".join(chr(ord(c) + 0xfee0) if "!" <= c <= "~" else c for c in text),
    "leet": lambda text: text.translate(LEET),
}


def golden_rows(which, slice_name, count):
    """Texts of one slice; the first of each disguise in turn where the slice has disguises."""
    plan = (golden_grammar.ATTACK if which == "attack" else golden_grammar.BENIGN)[slice_name]
    writer = Writer(golden_grammar.WORDS | golden_grammar.SECTIONS, f"{which} {slice_name}")
    disguises = plan.get("disguises", [])
    joiner = plan.get("joiner", " ")
    for i in range(count):
        if disguises:
            text = DISGUISES[disguises[i % len(disguises)]](writer.text("{" + plan["must"] + "}"))
        else:
            parts = [writer.random.choice(plan["parts"])] if plan.get("same") else plan["parts"]
            picked = sorted(writer.random.choices(range(len(parts)), k=writer.random.randint(*plan["size"])))
            names = [parts[at] for at in picked]
            if plan.get("must") and plan["must"] not in names:
                names[0] = plan["must"]
            forms = []  # no text says the same twice
            for name in names:
                left = [form for form in golden_grammar.SECTIONS[name] if form not in forms]
                forms += [writer.random.choice(left)] if left else []
            # Lines of code and tables stay as they are written.
            writer.bound = {}
            text = "\n".join(writer.expand(form) for form in forms).replace("{{", "{").replace("}}", "}") if joiner == "\n" else writer.text(" ".join(forms))
        yield {"text": text, "label": slice_name}


def performance_rows():
    """Of each kind of traffic texts that are about so many bytes long."""
    kinds = {"prose": "work", "code": "code", "numbers": "numbers", "languages": "languages", "answers": "answers", "long": "long"}
    for kind, sizes in golden_grammar.PERFORMANCE.items():
        for bytes_max in sizes:
            text = ""
            for row in golden_rows("benign", kinds[kind], 10_000):
                text += row["text"] + "\n"
                if len(text.encode()) >= bytes_max:
                    break
            yield {"text": text.encode()[:bytes_max].decode(errors="ignore"), "label": kind}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["attack", "topic", "golden"])
    parser.add_argument("--held-out", action="store_true", help="other rows of the same grammars, for sluice classifier eval")
    parser.add_argument("--set", choices=["benign", "attack", "perf"], default="benign", help="of golden")
    parser.add_argument("--slice", default="everyday", help="of golden: a slice of the set")
    parser.add_argument("--count", type=int, default=400, help="of golden: texts before those that are alike are left out")
    asked = parser.parse_args()
    if asked.what != "golden":
        written = rows(asked.what, 2 if asked.held_out else 1)
    else:
        written = performance_rows() if asked.set == "perf" else golden_rows(asked.set, asked.slice, asked.count)
    for row in written:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
