"""A finished model where scikit-learn takes a fitted estimator."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_models import fit_spec, made_model, table_schema
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    get_scorer,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from nearfar.data import DataOptions, load_dataset
from nearfar.errors import UserError
from nearfar.models.estimator import Estimator, load

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=["x0", "x1", "x2", "x3"])


def estimator(task: str = "regression", outputs: int = 1) -> Estimator:
    options: dict[str, Any] = {"task": task, "outputs": outputs}
    return Estimator(made_model(table_schema(), {"mlp": {"hidden": 8}}, fit_spec(), **options))


def test_importance_and_dependence_of_columns_are_those_of_its_predictions() -> None:
    model = estimator()
    y = model.predict(ROWS)
    found = permutation_importance(model, ROWS, y, n_repeats=2, random_state=0)
    shuffled = permutation_importance(
        model, ROWS, y, scoring="r2", n_repeats=2, random_state=0
    ).importances_mean
    np.testing.assert_allclose(found.importances_mean, shuffled, rtol=1e-4)
    assert (shuffled > 0).all()
    curve = partial_dependence(model, ROWS, ["x1"], grid_resolution=3)
    at = ROWS.assign(x1=curve["grid_values"][0][0])
    assert curve["average"][0, 0] == pytest.approx(model.predict(at).mean(), rel=1e-6)


def test_pipelines_and_calibration_take_it_frozen() -> None:
    model = estimator()
    piped = make_pipeline(FrozenEstimator(model)).fit(ROWS, model.predict(ROWS))
    np.testing.assert_allclose(piped.predict(ROWS), model.predict(ROWS), rtol=1e-6)
    features = make_pipeline(FrozenEstimator(model)).fit(ROWS).transform(ROWS)
    np.testing.assert_allclose(features, model.transform(ROWS), rtol=1e-5, atol=1e-6)
    sorts = estimator("classification", 3)
    y = np.resize(sorts.classes_, 60)
    calibrated = CalibratedClassifierCV(FrozenEstimator(sorts)).fit(ROWS, y)
    assert calibrated.predict_proba(ROWS).shape == (60, 3)


@pytest.mark.parametrize(("task", "outputs"), [("classification", 3), ("multilabel", 2)])
def test_it_is_a_classifier_whose_score_is_accuracy(task: str, outputs: int) -> None:
    model = estimator(task, outputs)
    found = model.predict(ROWS)
    y = np.where((np.arange(60) % 3 == 0).reshape(-1, *[1] * (found.ndim - 1)), found, found[::-1])
    y[0] = model.classes_[1] if task == "classification" else 1 - found[0]
    assert is_classifier(model)
    assert model.score(ROWS, y) == accuracy_score(y, found) < 1


def test_it_is_a_regressor_whose_score_is_r2() -> None:
    for outputs in (1, 2):
        model = estimator(outputs=outputs)
        exact = model.predict(ROWS)
        y = exact + np.random.default_rng(1).normal(size=exact.shape)
        assert is_regressor(model)
        assert model.score(ROWS, y) == pytest.approx(r2_score(y, exact))
    assert model.score(ROWS, pd.DataFrame(y)) == pytest.approx(model.score(ROWS, y.tolist()))


def test_classes_that_are_numbers_are_those_of_their_names() -> None:
    model = estimator("classification", 2)
    model.model.classes = ("0", "1")
    given = model.predict(ROWS)
    as_texts = given.astype(float).astype(str)  # "0.0"
    for y in (given.astype(int), given.astype(float), given.astype(int).tolist(), given, as_texts):
        assert model.score(ROWS, y) == 1.0
    strange = given.astype(int).astype(object)
    strange[0] = "new"
    assert model.score(ROWS, strange) == pytest.approx(59 / 60), "a class that is not known"
    with pytest.raises(UserError, match=r"y: no such class: 'yes'; allowed: 0, 1"):
        model.score(ROWS, ["yes"] * 60)


@pytest.mark.parametrize(
    ("names", "values", "kind"),
    [
        (("0", "1"), [0, 1], "i"),
        (("10", "-2"), [10, -2], "i"),
        (("False", "True"), [False, True], "b"),
        (("0", "01"), ["0", "01"], "U"),
        (("0", "b"), ["0", "b"], "U"),
        (("1", "9" * 30), ["1", "9" * 30], "U"),
    ],
)
def test_classes_are_of_the_kind_that_they_were(
    names: tuple[str, ...], values: list[Any], kind: str, tmp_path: Path
) -> None:
    model = estimator("classification", 2)
    model.model.classes = names
    assert model.classes_.dtype.kind == kind
    assert model.classes_.tolist() == values
    y = np.resize(np.array(values), 60)
    assert 0 < model.score(ROWS, y) == get_scorer("accuracy")(model, ROWS, y) < 1
    assert model.score(ROWS, y) == model.score(ROWS, np.resize(np.array(names), 60))
    assert ConfusionMatrixDisplay.from_estimator(model, ROWS, y).confusion_matrix.sum() == 60
    model.model.class_texts = True
    model.save(tmp_path / "m")
    assert load(tmp_path / "m").classes_.tolist() == list(names)


def test_the_curve_of_classes_that_are_numbers_is_drawn() -> None:
    model = estimator("classification", 2)
    model.model.classes = ("0", "1")
    y = np.resize([0, 1], 60)
    shown = RocCurveDisplay.from_estimator(model, ROWS, y)
    assert shown.roc_auc == pytest.approx(roc_auc_score(y, model.predict_proba(ROWS)[:, 1]))
    found = permutation_importance(model, ROWS, y, scoring="accuracy", n_repeats=1)
    assert np.isfinite(found.importances_mean).all()


@pytest.mark.parametrize(
    ("ending", "y", "texts"),
    [
        ("parquet", ["0", "1"], True),
        ("parquet", ["False", "True"], True),
        ("parquet", [0, 1], False),
        ("parquet", ["a", "b"], False),
        ("csv", ["0", "1"], False),
    ],
)
def test_texts_like_numbers_are_known_by_the_type_of_their_column(
    ending: str, y: list[Any], texts: bool, tmp_path: Path
) -> None:
    frame, path = ROWS.assign(y=np.resize(np.array(y, dtype=object), 60)), tmp_path / f"t.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    read = DataOptions(source="table", path=str(path), target="y", task="classification")
    assert load_dataset(read, tmp_path).source.get("class_texts", False) is texts


def test_its_confusion_is_drawn() -> None:
    model = estimator("classification", 3)
    y = np.resize(model.classes_, 60)
    shown = ConfusionMatrixDisplay.from_estimator(model, ROWS, y)
    assert shown.confusion_matrix.sum() == 60
    assert shown.confusion_matrix.trace() == round(60 * model.score(ROWS, y))


def test_it_is_never_fitted_anew() -> None:
    model = estimator()
    assert clone(model) is model
    with pytest.raises(UserError, match=r"is trained already: sklearn\.frozen\.FrozenEstimator"):
        model.fit(ROWS, model.predict(ROWS))
    with pytest.raises(UserError, match="is trained already"):
        cross_val_score(model, ROWS, model.predict(ROWS), error_score="raise")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0], r"y: needs the truth of every row, \(60,\), not \(1,\)"),
        (["a"] * 60, "y: needs a finite number for every row"),
        ([np.nan] * 60, "y: needs a finite number for every row"),
    ],
)
def test_what_is_no_truth_is_refused(y: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        estimator().score(ROWS, y)
