"""A metric of two classes is refused before anything is trained on more."""

from pathlib import Path

import pytest
from small_study import small, write_small

from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare


def study(folder: Path, classes: int) -> Path:
    """Write a study of a column of so many classes."""
    arms = {
        "most": {"group": "control", "fit": {"head": "mean"}},
        "logistic": {"fit": {"encoder": "identity", "head": "logistic"}},
    }
    data = {**small()["data"], "target": "kind", "task": "classification"}
    path = write_small(folder, data=data, arms=arms, stages={}, baseline="logistic", metric="auroc")
    table = folder / "small.csv"
    lines = table.read_text().splitlines()
    kinds = ["kind", *(f"k{row % classes}" for row in range(len(lines) - 1))]
    table.write_text("\n".join(f"{a},{b}" for a, b in zip(lines, kinds, strict=True)) + "\n")
    return path


def test_two_classes_have_it(tmp_path: Path) -> None:
    assert prepare(Request(str(study(tmp_path, 2)), out=tmp_path / "runs")).plan.steps


def test_three_are_told_what_to_take(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="auroc is for two classes, and here are 3: take balanced"):
        prepare(Request(str(study(tmp_path, 3)), out=tmp_path / "runs"))
