"""Boosted trees as arrays predict what scikit-learn predicts, to the last bit, without it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.datasets import fetch_openml
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps

from nearfar.errors import UserError
from nearfar.heads import EachTarget, restored_head, solved_head
from nearfar.heads.estimators.grown import MARK, Grown
from nearfar.heads.estimators.head import Sklearn
from nearfar.heads.estimators.stored import from_array, to_array

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(300, 5)).astype(np.float32)
X[::7, 1] = np.nan
X[3, 2], X[4, 2] = np.inf, -np.inf
Y = np.abs(np.nan_to_num(X[:, :1], posinf=1, neginf=1)) + (X[:, 3:4] > 0) + 0.1
CLASSES = np.eye(13)[(Y[:, 0] * 4).astype(int).clip(0, 11)]  # nobody has the last


def boosted(kind: str, **options: Any) -> Sklearn:
    named = f"ensemble.HistGradientBoosting{kind}"
    head: Sklearn = solved_head("sklearn", {"class": named, "options": options})
    return head


@pytest.mark.parametrize(
    ("kind", "options", "targets"),
    [
        ("Regressor", {}, Y),
        ("Regressor", {"loss": "poisson", "max_iter": 20}, Y),
        ("Regressor", {"loss": "quantile", "quantile": 0.9, "max_leaf_nodes": None}, Y),
        ("Classifier", {"max_iter": 15}, CLASSES),
        ("Classifier", {"max_iter": 15}, np.eye(3)[(Y[:, 0] > 1).astype(int) * 2]),
        ("Classifier", {"max_iter": 5}, np.eye(2)[[1] * len(X)]),
    ],
)
def test_the_same_to_the_last_bit(kind: str, options: Any, targets: Any) -> None:
    head = boosted(kind, **options)
    head.fit(X, targets, 3)
    arrays = head.arrays()
    again = restored_head(Sklearn, arrays)
    assert (f"{MARK}root" in arrays) == (targets.shape[1] != 2)
    assert np.array_equal(again.predict(X), head.predict(X))
    assert again.predict(X).shape == targets.shape
    assert np.array_equal(again.predict(X[:1]), head.predict(X)[:1])
    assert {name: a.tobytes() for name, a in again.arrays().items()} == {
        name: a.tobytes() for name, a in arrays.items()
    }
    without = restored_head(Sklearn, {k: a for k, a in arrays.items() if not k.startswith(MARK)})
    assert np.array_equal(without.predict(X), head.predict(X))  # of a model before there were such


def test_other_estimators_and_categories_have_none() -> None:
    head = solved_head("sklearn", {"class": "linear_model.Ridge"})
    head.fit(X[:, 3:], Y, 0)
    assert not [name for name in head.arrays() if name.startswith(MARK)]
    head = boosted("Regressor", categorical_features=[1], max_iter=3)
    head.fit(np.column_stack([X[:, 0], np.arange(len(X)) % 4]), Y, 0)
    assert Grown.of(head.fitted) is None
    again = restored_head(Sklearn, head.arrays())
    asked = np.column_stack([X[:, 0], np.arange(len(X)) % 5])
    assert np.array_equal(again.predict(asked), head.predict(asked))


def test_a_head_for_each_target_keeps_the_trees_of_each() -> None:
    targets = np.column_stack([Y[:, 0], -Y[:, 0]])
    targets[::5, 1] = np.nan
    head = EachTarget(lambda: boosted("Regressor", max_iter=5))
    head.fit(X, targets, 0)
    again = restored_head(Sklearn, head.arrays())
    assert np.array_equal(again.predict(X), head.predict(X))


def test_predictions_import_neither_skops_nor_scikit_learn(tmp_path: Path) -> None:
    head = boosted("Classifier", max_iter=5)
    head.fit(X, CLASSES, 3)
    save_file(head.arrays(), tmp_path / "head.safetensors")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, numpy as np\n"
        "from safetensors.numpy import load_file\n"
        "from nearfar.heads import restored_head\n"
        "from nearfar.heads.estimators.head import Sklearn\n"
        "head = restored_head(Sklearn, load_file('head.safetensors'))\n"
        "np.save('found.npy', head.predict(np.load('x.npy')))\n"
        "print(sorted({'skops', 'sklearn', 'pandas'} & set(sys.modules)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"
    assert np.array_equal(np.load(tmp_path / "found.npy"), head.predict(X))


@pytest.mark.parametrize("function", [os.system, fetch_openml])
def test_of_functions_that_check_of_cells_alone_is_read_back(function: Any) -> None:
    transformer = FunctionTransformer(func=partial(function, "true"))
    with pytest.raises(UserError, match=r"FunctionTransformer with .* read back: take another"):
        to_array(transformer)
    with pytest.raises(UserError, match="no class of scikit-learn"):
        from_array(np.frombuffer(dumps(transformer), dtype=np.uint8))
