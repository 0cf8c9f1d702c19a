"""docs/corruptions.md names every corruption with the inputs that it takes."""

import re
from pathlib import Path

from nearfar.data.corruptions import CORRUPTIONS
from nearfar.data.corruptions.molecules import SHARES
from nearfar.data.corruptions.vectors import VECTOR_CORRUPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "corruptions.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", PAGE, flags=re.MULTILINE)


def test_the_table_is_that_of_the_code() -> None:
    assert [(name, kind) for name, kind, _ in ROWS] == [
        (name, kind) for name, it in CORRUPTIONS.items() for kind in it.accepts
    ]


def test_sizes_are_those_of_the_code() -> None:
    said = {name: [float(x) for x in re.findall(r"[\d.]+", text)[:5]] for name, _, text in ROWS}
    assert said["feature_noise"] == list(VECTOR_CORRUPTIONS["feature_noise"].sizes)
    for name in ("outliers", "missing"):
        assert said[name] == [round(100 * size) for size in VECTOR_CORRUPTIONS[name].sizes]
    assert said["masked_atoms"] == [round(100 * share) for share in SHARES]
