"""Saved and read again: the same numbers, without pickling, and damage is told."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_data import labels_of, rows
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from nearfar import sklearn as estimators
from nearfar.sklearn.saved import CONFIG, WEIGHTS

MADE: dict[str, Any] = {
    "Autoencoder": {"epochs": 1},
    "ContrastiveClassifier": {
        "encoder": estimators.SimCLR(epochs=1, projection=(8, 8)),
        "epochs": 1,
        "head": "mlp",
    },
    "ClassificationEncoder": {"epochs": 1},
    "ContrastivePairs": {"epochs": 1},
    "ContrastiveRegressor": {"encoder": estimators.RankNContrast(epochs=1, hidden=8), "epochs": 1},
    "MorganFingerprints": {"bits": 32},
    "RankNContrast": {"epochs": 1, "layers": 3, "random_state": np.random.RandomState(0)},
    "SoftmaxClassifier": {},
    "SupervisedContrastive": {"epochs": 1, "projection": ()},
    "TunedSVR": {"folds": np.int64(2)},
    "WeightedKNNClassifier": {},
}


def fitted(name: str) -> tuple[Any, Any]:
    """Return a fitted estimator, and rows to ask it."""
    model = getattr(estimators, name)(**MADE[name])
    if name == "MorganFingerprints":
        return model.fit(["CCO", "C"]), ["CCO", "c1ccccc1"]
    X, y = rows(30)
    labelled = getattr(model, "labels", "none") == "classes" or "Classifier" in name
    frame = pd.DataFrame(X, columns=list("abcd"))
    return model.fit(frame, labels_of("SupervisedContrastive", y) if labelled else y), frame


def asked(model: Any, X: Any) -> list[Any]:
    methods = ("transform", "predict", "predict_proba")
    return [getattr(model, method)(X) for method in methods if hasattr(model, method)]


def classes_of(model: Any) -> list[Any]:
    """Return the classes that an estimator met, and those that its transformer met."""
    own = (model, getattr(model, "transformer_", None))
    return [one.classes_ for one in own if hasattr(one, "classes_")]


@pytest.mark.parametrize("name", sorted(MADE))
def test_what_is_read_again_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    model, X = fitted(name)
    before = asked(model, X)
    assert before
    for _ in range(2):  # in the place of the first
        model.save(tmp_path / "kept" / "model")
    place = (tmp_path / "kept" / "model").rename(tmp_path / "elsewhere")
    assert sorted(file.name for file in place.iterdir()) == [CONFIG, WEIGHTS]
    assert not list((tmp_path / "kept").iterdir())
    for again in (
        estimators.load(place),
        getattr(estimators, name).load(str(place)),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert type(again) is type(model)
        for one, other in zip(before, asked(again, X), strict=True):
            np.testing.assert_array_equal(one, other)
        assert again.n_features_in_ == model.n_features_in_
        for one, other in zip(classes_of(model), classes_of(again), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        clone(again)
    assert "elsewhere" not in (place / CONFIG).read_text()


@pytest.mark.parametrize("name", ["ContrastiveClassifier", "SoftmaxClassifier", "PairLikelihood"])
def test_classes_that_are_texts_of_any_length_are_kept(name: str, tmp_path: Path) -> None:
    X, y = rows(30)
    texts = np.where(y > np.median(y), "far", "nearer").astype(np.dtypes.StringDType())
    model = getattr(estimators, name)(**({} if name == "SoftmaxClassifier" else {"epochs": 1}))
    model.fit(X, texts).save(tmp_path / "model")
    again = estimators.load(tmp_path / "model")
    assert again.classes_.tolist() == ["far", "nearer"]
    for one, other in zip(asked(model, X), asked(again, X), strict=True):
        np.testing.assert_array_equal(one, other)
    gaps = texts.astype(np.dtypes.StringDType(na_object=np.nan))
    gaps[3] = np.nan
    with pytest.raises(ValueError, match=f"{name}: y has nan in row 3: no class"):
        clone(model).fit(X, gaps)


def test_what_is_not_fitted_is_not_saved(tmp_path: Path) -> None:
    for name in ("RankNContrast", "ContrastiveRegressor", "TunedSVR", "SoftmaxClassifier"):
        with pytest.raises(NotFittedError):
            getattr(estimators, name)().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_saved_estimator_stands_until_the_new_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, X = fitted("SoftmaxClassifier")
    (tmp_path / "model").symlink_to(tmp_path / "first")
    model.save(tmp_path / "first")
    before, rename = asked(model, X), Path.rename
    left: list[list[str]] = []

    def interrupted(path: Path, target: Path) -> Path:
        held = json.loads((path / CONFIG).read_text())["parameters"]["penalty"]
        if held == 9.0:
            left.append([(one / CONFIG).read_text() for one in tmp_path.iterdir() if one.is_dir()])
            raise KeyboardInterrupt
        return rename(path, target)

    other = estimators.SoftmaxClassifier(penalty=9.0).fit(X, model.predict(X))
    with monkeypatch.context() as patched:
        for name in ("rename", "replace"):
            patched.setattr(Path, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            other.save(tmp_path / "model")
    assert any('"penalty": 0.001' in text for text in left[0])
    np.testing.assert_array_equal(asked(estimators.load(tmp_path / "first"), X)[0], before[0])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["first", "model"]
    other.save(tmp_path / "model")
    assert (tmp_path / "model").is_symlink()
    assert estimators.load(tmp_path / "first").penalty == 9.0


def test_nothing_else_is_written_over(tmp_path: Path) -> None:
    model, _ = fitted("SoftmaxClassifier")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "hub").mkdir()
    for name in (CONFIG, WEIGHTS):
        (tmp_path / "hub" / name).write_text('{"model_type": "bert"}')
    for name in ("thesis", "file", "hub"):
        with pytest.raises(FileExistsError, match="holds no saved estimator"):
            model.save(tmp_path / name)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "dear"
    assert (tmp_path / "file").read_text() == "dear"
    fitted("RankNContrast")[0].save(tmp_path / "kept")
    before = (tmp_path / "kept" / CONFIG).read_text()
    with pytest.raises(FileExistsError, match="kept exists and holds a RankNContrast: choose"):
        model.save(tmp_path / "kept")
    assert (tmp_path / "kept" / CONFIG).read_text() == before


def test_an_exported_model_is_told_where_it_is_read(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text('{"nearfar": "1.0", "members": [], "task": "regression"}')
    with pytest.raises(FileNotFoundError, match=r"was exported: nearfar.load\('.*'\) reads it"):
        estimators.load(tmp_path)


def test_what_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    X, _ = rows(9)
    model = estimators.SoftmaxClassifier().fit(X, [True, False, True] * 3)
    model.classes_ = np.array([b"a", b"b"], dtype=object)
    with pytest.raises(TypeError, match="a class is a bytes"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_damage_is_told_in_a_line(tmp_path: Path) -> None:
    model, _ = fitted("RankNContrast")
    with pytest.raises(FileNotFoundError, match="no folder of a saved estimator"):
        estimators.load(tmp_path / "nowhere")
    place = tmp_path / "model"
    model.save(place)
    text = (place / CONFIG).read_text()
    with pytest.raises(ValueError, match="holds a RankNContrast, not a SimCLR"):
        estimators.SimCLR.load(place)

    def changed(**values: Any) -> str:
        return json.dumps({**json.loads(text), **values})

    for content, says in (
        (text[:50], "is damaged"),
        ("[]", "describes no estimator"),
        (changed(format=99), "reads format 1"),
        (changed(estimator="RankNContras"), "did you mean 'RankNContrast'"),
        (changed(estimator="Saveable"), "holds a 'Saveable'"),
        (changed(parameters={"hidden": 4}), "is damaged"),
        (changed(parameters={"nonsense": 4}), "is damaged"),
        (changed(columns=7), "is damaged"),
        (changed(parameters=[]), "is damaged"),
        (changed(fitted=[]), "is damaged"),
    ):
        (place / CONFIG).write_text(content)
        with pytest.raises(ValueError, match=says) as told:
            estimators.load(place)
        assert "\n" not in str(told.value)
    (place / CONFIG).write_text(text)
    (place / WEIGHTS).write_bytes((place / WEIGHTS).read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged"):
        estimators.load(place)
