"""The table of fields, as the binary prints it: whole, written down, and knowing every place where an SDK's types have text."""
import json

from lab import ROOT, Skip
from test_exchanges import gateway
from test_sdks import SDKS, matrix

import fields  # of tests/sdks, where test_sdks looks


def coverage(g):
    return json.loads(g.get("/v1/coverage")[1])["coverage"]


def test_the_coverage_page_is_what_the_binary_prints_and_no_cell_is_empty(lab):
    g, _ = gateway(lab)
    page, dialect = [], ""
    for line in (ROOT / "docs/coverage.md").read_text(encoding="utf-8").splitlines():
        dialect = line[3:] if line.startswith("## ") else dialect
        cells = [c.strip().strip("`") for c in line.strip("|").split(" | ")]
        if line.startswith("| ") and dialect and cells[0] != "endpoint":
            page.append(dict(zip(("dialect", "endpoint", "direction", "streaming", "path", "class", "role", "kind", "policy"), [dialect, *cells])))
    printed = coverage(g)
    assert page == printed, [pair for pair in zip(page, printed) if pair[0] != pair[1]][:3]
    assert all(v and "unknown" not in v.replace("unknown_p", "").replace("unknown type", "") for row in printed for v in row.values())


def test_the_table_knows_every_string_of_the_sdks_own_types(lab):
    if matrix.missing("openai (npm)"):
        raise Skip(matrix.missing("openai (npm)"))
    g, _ = gateway(lab)
    found = list(fields.places(SDKS, matrix.node()))
    assert len(found) > 15000, f"only {len(found)} places were found: the walk itself is broken"
    unknown, unused = fields.unknown(coverage(g), found)
    assert not unknown, f"{len(unknown)} places that the tables in src/wire/ do not know, of {len(found)}: " + "; ".join(unknown[:20])
    assert not unused, f"exceptions that excuse nothing any more (tests/sdks/types/exceptions.txt): {unused}"
    # The alarm rings: without the row of a field, the field is found.
    less = [row for row in coverage(g) if row["path"] != "messages[].content[]<refusal>.refusal"]
    assert fields.unknown(less, found)[0], "a field that the table lacks was not noticed"
