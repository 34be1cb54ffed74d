"""Bodies that Sluice and an upstream could read in two ways: a short run of tests/long/differential."""
import sys
from pathlib import Path

from lab import ROOT, SLUICE, Skip
from test_sdks import matrix

sys.path.insert(0, str(ROOT / "tests/differential"))
from compare import compare  # noqa: E402


def test_no_body_is_read_otherwise_by_python_or_node(lab):
    reader = Path(SLUICE).parent / "tests/differential/read_bodies"
    if not reader.exists() or matrix.missing("openai (npm)"):
        raise Skip(f"{reader} is not built" if not reader.exists() else matrix.missing("openai (npm)"))
    told, otherwise = compare(reader, matrix.node(), 20000)
    assert not otherwise, otherwise[:3]
    assert told["taken"] > 4000 and told["refused, by Sluice alone"] > 100 and told["refused, and by Node"] > 20, told
