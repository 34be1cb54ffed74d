"""The official SDKs, unchanged but for the base URL: the whole matrix, one SDK a test, held against docs/sdks.md."""
import os
import sys
from pathlib import Path

from lab import ROOT, Skip

sys.path.insert(0, str(ROOT / "tests/sdks"))
import matrix  # noqa: E402

SDKS = Path(os.environ["SLUICE_SDKS"])


def holds(sdk):
    def test(lab):
        if matrix.missing(sdk):
            raise Skip(matrix.missing(sdk))
        matrix.prepare()
        rows = matrix.run(sdk)
        faults = [(call, column, wrong) for (_, call), cells in rows.items() for column, (_, wrong) in cells.items() if wrong]
        assert not faults, faults
        name, where = sdk.split(" (")
        written = [line for line in (ROOT / "docs/sdks.md").read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} ") and line.split(" |")[0].endswith(where)]
        assert written == matrix.table(rows)[2:], "docs/sdks.md is not as run: tests/sdks/matrix --write"

    return test


for sdk in matrix.DRIVERS:
    globals()["test_the_matrix_of_" + "".join(c if c.isalnum() else "_" for c in sdk).strip("_")] = holds(sdk)
