"""The training rows that a run's model knows are those that it was trained on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from nearfar.models.runs import _known
from nearfar.records.maps import features_name, write_features
from nearfar.records.run import RunFolder
from nearfar.records.samples import write_samples
from nearfar.records.stage_files import NUMBERS_HEADER, write_predictions

PARTS = ["train"] * 40 + ["test"] * 10 + ["left out"] * 10
IDS = [str(k) for k in range(len(PARTS))]


def known_ids(path: Path, kept: set[str]) -> list[str]:
    """Return what is known of a run whose predictions name the rows of the parts ``kept``."""
    folder = RunFolder(path / "run")
    stage = folder.store.folder("a")
    lines = [(i, part, "y", 1.0, 2.0) for i, part in zip(IDS, PARTS, strict=True) if part in kept]
    write_predictions(stage, NUMBERS_HEADER, lines)
    values = np.random.default_rng(0).normal(size=(len(IDS), 3))
    write_features(stage, features_name(), values, np.arange(len(IDS)))
    write_samples(folder.path, {"id": IDS})
    encoder = SimpleNamespace(out_features=3)
    member: Any = SimpleNamespace(stage="a", fitted=SimpleNamespace(encoder=encoder))
    found = _known(folder, member)
    assert found is not None
    return list(found.ids)


def test_rows_that_a_condition_or_a_target_leaves_out_are_not_known(tmp_path: Path) -> None:
    assert known_ids(tmp_path, {"train", "test"}) == IDS[:40]


def test_of_many_training_rows_all_that_are_not_named_are_known(tmp_path: Path) -> None:
    assert known_ids(tmp_path, {"test"}) == IDS[:40] + IDS[50:]
