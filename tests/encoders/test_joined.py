"""Encoders side by side, in a study file and at work."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_study import small, write_small
from whole_runs import run_whole

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.encoders.joined import SideBySide
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.study.load import resolve

MLP = {"mlp": {"layers": 1, "hidden": 4}}


def test_features_stand_side_by_side_in_order() -> None:
    inputs = Vectors(torch.randn(300, 3), ["a", "b", "c"])
    joined = build_encoder("joined", {"parts": [{"identity": {}}, MLP]}, inputs)
    assert isinstance(joined, SideBySide)
    found = joined.features(inputs)
    assert found.shape == (300, joined.out_features)
    assert np.array_equal(found[:, :3], inputs.select(torch.arange(300)).numpy())
    assert joined.mixed_units


def arms(encoder: Any, **fit: Any) -> dict[str, Any]:
    both = {"fit": {"encoder": encoder, "head": "ridge", **fit}}
    mean = {"group": "control", "fit": {"head": "mean"}}
    return {"baseline": "both", "stages": {}, "arms": {"mean": mean, "both": both}}


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (["identity"], "a list joins two or more"),
        (["identity", "mpl"], "part 2: unknown name 'mpl'; did you mean 'mlp'?"),
        (["identity", {"mlp": {"layer": 1}}], "part 2: mlp: unknown key 'layer'"),
        (["identity", "identity"], "names the same encoder with the same options twice"),
        (["identity", ["identity", "mlp"]], "no lists themselves"),
        (["identity", "morgan"], "morgan does not take vector inputs"),
    ],
)
def test_mistakes_in_a_list_are_told(encoder: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(small(**arms(encoder)), Path("small.yaml"))
    assert told in str(error.value)


def test_a_joined_arm_is_run_and_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_small(tmp_path, **arms(["identity", MLP]))
    run = run_whole(Request(str(path), profile="smoke", device="cpu")).folder.path
    told = predict_file(run, "both", tmp_path / "small.csv", tmp_path / "out.csv", None)
    assert "wrote 60 predictions" in told
