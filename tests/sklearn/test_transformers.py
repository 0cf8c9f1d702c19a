"""Transformers at work: in pipelines, on data frames, with few rows, with odd parameters."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from estimator_data import TRANSFORMERS, labels_of, rows
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from nearfar import sklearn as estimators
from nearfar.sklearn import (
    Autoencoder,
    ContrastiveClassifier,
    MorganFingerprints,
    RankNContrast,
    SimCLR,
    SoftmaxClassifier,
    SupervisedContrastive,
    UntrainedEncoder,
)
from nearfar.sklearn.scaling import scale_of
from nearfar.sklearn.views import Corruption


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_same_seed_gives_the_same_features_and_leaves_torch_alone(name: str) -> None:
    X, y = rows()
    made = [
        getattr(estimators, name)(epochs=2, hidden=8, random_state=seed).fit(X, labels_of(name, y))
        for seed in (0, 0, 1)
    ]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    again = getattr(estimators, name)(epochs=1, random_state=0).fit(X, labels_of(name, y))
    assert torch.rand(1) == expected
    one, other, third = (estimator.transform(X) for estimator in made)
    assert one.shape == (60, 8 if "hidden" in made[0].get_params() else 0)
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, third)
    assert len(again.loss_curve_) == (name != "UntrainedEncoder")


def test_rank_n_contrast_orders_features_by_the_target() -> None:
    """What it is for: nearness in features tells nearness of targets, on rows not seen."""
    X, y = rows(300)
    order = []
    for kind in (RankNContrast, UntrainedEncoder):
        features = kind(epochs=40, random_state=0).fit(X[:200], y[:200]).transform(X[200:])
        distances = np.linalg.norm(features[:, None] - features[None], axis=2).ravel()
        gaps = np.abs(y[200:, None] - y[None, 200:]).ravel()
        order.append(np.corrcoef(distances.argsort().argsort(), gaps.argsort().argsort())[0, 1])
    assert order[0] > 0.9 > order[1]


def test_it_works_in_pipelines_searches_and_cross_validation() -> None:
    X, y = rows()
    pipeline = make_pipeline(RankNContrast(epochs=3, random_state=0), Ridge())
    scores = cross_val_score(pipeline, X, y, cv=2)
    assert np.isfinite(scores).all()
    grid = {"rankncontrast__temperature": np.array([1.0, 2.0]), "rankncontrast__hidden": [4]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_[0].transform(X).shape == (60, 4)


def test_data_frames_keep_names_in_and_out() -> None:
    pl = pytest.importorskip("polars", reason="polars is not installed")
    X, y = rows()
    frame = pd.DataFrame(X, columns=list("abcd"), index=range(100, 160))
    made = RankNContrast(epochs=1, hidden=3, random_state=0).fit(frame, y)
    assert made.feature_names_in_.tolist() == list("abcd")
    assert made.n_features_in_ == 4
    names = ["rankncontrast0", "rankncontrast1", "rankncontrast2"]
    assert made.get_feature_names_out().tolist() == names
    found = made.set_output(transform="pandas").transform(frame)
    assert found.columns.tolist() == names
    assert found.index.tolist() == frame.index.tolist()
    polars = made.set_output(transform="polars").transform(pl.DataFrame(dict(frame)))
    assert polars.columns == names
    np.testing.assert_array_equal(polars.to_numpy(), found.to_numpy())
    with pytest.raises(ValueError, match="feature names"):
        made.transform(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_rows_work_or_are_told_in_scikit_learns_words(name: str, count: int) -> None:
    kind = getattr(estimators, name)
    X, y = np.arange(3.0 * count).reshape(count, 3), np.arange(count) % 2
    if count < kind.least_rows:
        with pytest.raises(ValueError, match=f"{count} sample"):
            kind(epochs=1).fit(X, y)
        return
    made = kind(epochs=1, random_state=0).fit(X, y)
    assert np.isfinite(made.transform(X[:1])).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"temperature": -1}, "RankNContrast: temperature=-1: input should be greater than 0"),
        ({"label_diff": "l3"}, "RankNContrast: label_diff='l3': input should be 'l1' or 'l2'"),
        ({"epochs": 0}, "RankNContrast: epochs=0: input should be greater than 0"),
        ({"hidden": 2.5}, "RankNContrast: hidden=2.5: input should be a valid integer"),
        ({"device": "gpu"}, "RankNContrast: device='gpu': input should be 'cpu', 'cuda' or 'auto'"),
        ({"lr": float("nan")}, "RankNContrast: lr=nan: "),
        ({"dropout": "some"}, "RankNContrast: dropout='some': "),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(given: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as told:
        RankNContrast(**given).fit(*rows())
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", [RankNContrast, SupervisedContrastive, SimCLR, Autoencoder])
def test_a_batch_of_one_row_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"^{kind.__name__}: batch_size=1: needs 2 or more"):
        kind(batch_size=1, epochs=1).fit(np.eye(6), np.arange(6) % 2)


@pytest.mark.parametrize(
    ("y", "missing"),
    [
        (np.array(["a", "b", None, "a"], dtype=object), "None"),
        (["a", "b", None, "a"], "None"),
        (pd.Series(["a", "b", pd.NA, "a"], dtype="string"), "<NA>"),
        (pd.Series(["a", "b", pd.NA, "a"], dtype=object), "<NA>"),
    ],
)
@pytest.mark.parametrize("kind", [SupervisedContrastive, SoftmaxClassifier, ContrastiveClassifier])
def test_a_row_without_a_class_is_named(kind: Any, y: Any, missing: str) -> None:
    with pytest.raises(ValueError, match=f"y has {missing} in row 2: no class"):
        kind().fit(np.eye(4), y)


def test_labels_that_teach_nothing_are_refused() -> None:
    X, y = rows()
    with pytest.raises(ValueError, match="y is 7 in all n_samples=60 rows"):
        RankNContrast().fit(X, np.full(60, 7))
    with pytest.raises(ValueError, match="column 1 of y is 0 in all"):
        RankNContrast().fit(X, np.stack([y, y * 0], axis=1))
    with pytest.raises(ValueError, match="y has 1 class, 'a'"):
        SupervisedContrastive().fit(X, ["a"] * 60)
    with pytest.raises(ValueError, match="Unknown label type"):
        SupervisedContrastive().fit(X, y)
    with pytest.raises(ValueError, match="corruption=2"):
        SimCLR(corruption=2).fit(X)


def test_several_targets_and_columns_of_any_size() -> None:
    X, y = rows()
    huge = X * np.array([1e300, 1e-300, 1e9, 0]) + np.array([0, 0, 1e12, 3])
    made = RankNContrast(epochs=1, random_state=0).fit(huge, np.stack([y, y**2 * 1e6], axis=1))
    assert np.isfinite(made.transform(huge)).all()
    mean, deviation = scale_of(np.array([[1e308, 5.0], [-1e308, 5.0]]))
    np.testing.assert_allclose(deviation, [1e308, 5.0])
    np.testing.assert_allclose(mean, [0, 5])


def test_training_that_diverges_is_told() -> None:
    X, y = rows()
    with pytest.raises(ValueError, match=r"RegressionEncoder: training diverged: .* smaller lr"):
        estimators.RegressionEncoder(loss="mse", lr=1e12, epochs=30, random_state=0).fit(X, y)


def test_a_view_takes_cells_from_its_column_alone() -> None:
    bank = torch.arange(12.0).reshape(3, 4)
    torch.manual_seed(0)
    view = Corruption(bank, 0.5)(bank.repeat(100, 1))
    assert all(set(view[:, k].tolist()) <= set(bank[:, k].tolist()) for k in range(4))
    changed = (view != bank.repeat(100, 1)).float().mean()
    assert 0.28 < changed < 0.39  # a third of the draws is the row's own cell
    assert torch.equal(Corruption(bank, 0.0)(bank), bank)


def test_a_svr_behind_it_sees_features_of_the_rows_dtype() -> None:
    X, y = rows()
    narrow = make_pipeline(RankNContrast(epochs=1, random_state=0), SVR()).fit(X.astype("f4"), y)
    assert narrow[0].transform(X.astype("f4")).dtype == np.float32
    assert narrow[0].transform(X).dtype == np.float64


@pytest.mark.parametrize(
    ("smiles", "says"),
    [
        (["CCO", "bad"], "MorganFingerprints: molecule 2: SMILES 'bad' cannot be read"),
        (["CCO", None], "MorganFingerprints: molecule 2 is None, which is no SMILES"),
        (
            [["CCO", "C"]],
            "MorganFingerprints: needs SMILES, shape (n,) or (n, 1), got shape (1, 2)",
        ),
    ],
)
def test_molecules_that_cannot_be_read_are_counted_alike(smiles: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}"):
        MorganFingerprints().fit_transform(smiles)
