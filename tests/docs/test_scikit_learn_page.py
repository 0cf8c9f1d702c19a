"""docs/scikit-learn.md names every estimator, and no other."""

import re
from pathlib import Path

from nearfar import sklearn as estimators

PAGE = (Path(__file__).parents[2] / "docs" / "scikit-learn.md").read_text(encoding="utf-8")


def test_the_table_has_every_estimator() -> None:
    table = PAGE.split("## Encoder and head")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(estimators.__all__) - {"load"}


def test_the_first_example_is_a_program() -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    compile(example, "docs/scikit-learn.md", "exec")
    assert "RankNContrast(" in example
