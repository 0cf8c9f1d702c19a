"""TabPFN and TabICL as heads, with stand-ins of the packages: what is kept, found and refused."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from small_study import small, write_small
from whole_runs import run_whole

import nearfar
from nearfar.commands.models import export_run
from nearfar.errors import UserError
from nearfar.execution.predict import predict_file
from nearfar.execution.prepared import Request
from nearfar.execution.run import prepare
from nearfar.heads import EachTarget, restored_head
from nearfar.heads.estimators.in_context import InContext, TabICL, TabPFN
from nearfar.models import FinishedModel
from nearfar.weight_files import known_file

STAND_IN = '''
"""Means of rows by how near they are, scaled by the weights: a stand-in of {title}."""

import numpy as np
import torch
from safetensors.torch import load_file


class _Near:
    def __init__(self, *, n_estimators=8, softmax_temperature=0.9, device="auto", random_state=0,
                 {own}):
        self.__dict__.update({{k: v for k, v in locals().items() if k != "self"}})

    def fit(self, X, y):
        assert not getattr(self, "allow_auto_download", False)
        path = str(self.model_path)
        read = load_file if path.endswith(".safetensors") else torch.load
        self.scale = float(read(path)["scale"])
        if X.shape[1] > 50:
            raise ValueError("too many columns\\nand more")
        self.X, self.y = X, np.asarray(y)
        self.classes_ = np.unique(self.y)
        return self

    def near(self, X):
        distance = ((X[:, None] - self.X[None]) ** 2).sum(2)
        weight = np.exp(-distance * self.scale) + 1e-12 + self.random_state * 1e-6
        return weight / weight.sum(1, keepdims=True)


class {title}Regressor(_Near):
    def predict(self, X):
        return (self.near(X) @ self.y).astype(np.float32)


class {title}Classifier(_Near):
    def predict_proba(self, X):
        return self.near(X) @ (self.y[:, None] == self.classes_[None]).astype(float)
'''
OWN = {
    "tabpfn": 'model_path="auto", n_preprocessing_jobs=1, fit_mode="fit_preprocessors"',
    "tabicl": 'model_path=None, allow_auto_download=True, checkpoint_version="v2", verbose=False',
}
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(40, 3)).astype(np.float32)
Y = np.column_stack([X[:, 0], X[:, 1] ** 2]).astype(np.float64)
CLASSES = np.eye(4)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]  # no row has the last


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand-ins of both packages, and files of weights; return the folder of the files."""
    for kind in (TabPFN, TabICL):
        text = STAND_IN.format(title=kind.title, own=OWN[kind.library])
        (tmp_path / f"{kind.library}.py").write_text(text)
        monkeypatch.delitem(sys.modules, kind.library, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    torch.save({"scale": torch.tensor(3.0)}, tmp_path / "weights.ckpt")
    save_file({"scale": torch.tensor(5.0)}, tmp_path / "weights.safetensors")
    yield tmp_path
    for kind in (TabPFN, TabICL):
        sys.modules.pop(kind.library, None)


@pytest.mark.parametrize("kind", [TabPFN, TabICL])
@pytest.mark.parametrize("file", ["weights.ckpt", "weights.safetensors"])
def test_the_training_rows_are_kept_and_nothing_of_the_weights(
    kind: type[InContext], file: str, packages: Path
) -> None:
    digest = known_file(packages / file)
    for targets in (Y, Y[:, :1], CLASSES, np.eye(2)[[1] * 40]):
        head = kind(weights=digest, n_estimators=2)
        head.fit(X, targets, 7)
        arrays = head.arrays()
        assert {array.dtype.kind for array in arrays.values()} <= set("fiu")
        assert sum(array.nbytes for array in arrays.values()) < 4000
        again = restored_head(kind, arrays)
        found = again.predict(X)
        assert found.shape == targets.shape
        assert np.array_equal(found, head.predict(X))
    assert found.sum(axis=1) == pytest.approx(1)
    other = kind(weights=digest)
    other.fit(X, Y, 8)
    assert not np.array_equal(other.predict(X)[:, 0], again.predict(X)[:, 0])


def test_a_target_with_gaps_has_a_head_of_its_own(packages: Path) -> None:
    digest = known_file(packages / "weights.ckpt")
    targets = Y.copy()
    targets[::3, 1] = np.nan
    head = EachTarget(lambda: TabPFN(weights=digest))
    head.fit(X, targets, 0)
    again = restored_head(TabPFN, head.arrays())
    assert np.array_equal(again.predict(X), head.predict(X))


def told(kind: type[InContext], **options: Any) -> list[str]:
    return kind.objections(options, "regression", scores=False, weighted=False)


def test_options_are_the_librarys_but_for_what_would_fetch(packages: Path) -> None:
    assert told(TabPFN, weights="a.ckpt", n_estimators=4, softmax_temperature=0.5) == []
    assert told(TabPFN, weights="a.ckpt", n_estimator=4) == [
        "TabPFN has no option 'n_estimator'; did you mean 'n_estimators'? allowed: device, "
        "n_estimators, random_state, softmax_temperature"
    ]
    for option in ("allow_auto_download", "checkpoint_version", "model_path"):
        (line,) = told(TabICL, weights="a.ckpt", **{option: True})
        assert line == f"option {option!r} is not the study's to say; leave it out"
    (line,) = told(TabICL)
    assert "needs weights: the path of a file of TabICL's weights" in line
    assert "nothing is fetched" in line


def test_a_missing_package_and_weights_that_are_code_are_refused(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch made_by_a_pickle",)

    monkeypatch.chdir(packages)
    torch.save({"scale": torch.tensor(1.0), "config": Code()}, packages / "code.ckpt")
    with pytest.raises(UserError, match="Python objects beside weights"):
        TabPFN(weights=known_file(packages / "code.ckpt")).fit(X, Y, 0)
    assert not (packages / "made_by_a_pickle").exists()
    with pytest.raises(UserError, match=r"TabICL refuses the 40 training rows.*too many columns$"):
        TabICL(weights=known_file(packages / "weights.ckpt")).fit(np.tile(X, 20), Y, 0)
    monkeypatch.setitem(sys.modules, "tabicl", None)
    (line,) = told(TabICL, weights="a.ckpt")
    assert "pip install 'nearfar[tabicl]'" in line


def test_a_whole_run_its_export_and_weights_that_are_gone(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(packages)
    arms = {name: small()["arms"][name] for name in ("ridge",)}
    for library, file in (("tabpfn", "weights.ckpt"), ("tabicl", "weights.safetensors")):
        arms[library] = {"fit": {"encoder": "identity", "head": {library: {"weights": file}}}}
    study = write_small(packages, arms=arms, stages={}, baseline="ridge")
    run = run_whole(Request(str(study), out=packages / "runs")).folder.path
    predict_file(run, "tabpfn", packages / "small.csv", packages / "a.csv")
    digest = FinishedModel.from_run(run, "tabpfn").weights_read
    assert digest == known_file(packages / "weights.ckpt")
    said = export_run(run, packages / "model", "tabpfn")
    assert f"it reads a file of weights (SHA-256 {digest}…), which goes into that folder" in said
    card = (packages / "model" / "README.md").read_text()
    assert "holds features of the training rows" in card
    assert f"`{digest}`): put it into this folder" in card
    shutil.move(packages / "weights.ckpt", packages / "away")
    with pytest.raises(UserError, match=r"no such data file: weights\.ckpt"):
        prepare(Request(str(study), out=packages / "runs"))
    rows = pd.read_csv(packages / "small.csv")
    with pytest.raises(UserError, match=rf"TabPFN's file of weights .* begins with {digest}\)"):
        nearfar.load(packages / "model").predict(rows)
    shutil.move(packages / "away", packages / "model" / "own name.ckpt")
    found = nearfar.load(packages / "model").predict(rows)
    before = pd.read_csv(packages / "a.csv")["y_pred"]
    np.testing.assert_allclose(found, before, rtol=1e-8)
