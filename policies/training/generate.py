#!/usr/bin/env python3
"""Writes the rows that the shipped classifiers are trained on: {"text", "label"}, one a line. Standard library only.

    policies/training/generate.py attack > attack.jsonl      (or: topic, or either with --held-out for rows that no training sees)

Every sentence comes from the grammars beside this file, written for this project; none comes from a data set. The same command gives the
same bytes. A grammar maps a name to its forms; in a form {name} stands for one of that name's forms, (a|b|) for one of the choices."""
import argparse
import json
import random
import re
import sys

import attack_grammar
import benign_grammar
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["attack", "topic"])
    parser.add_argument("--held-out", action="store_true", help="other rows of the same grammars, for sluice classifier eval")
    asked = parser.parse_args()
    for row in rows(asked.what, 2 if asked.held_out else 1):
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
