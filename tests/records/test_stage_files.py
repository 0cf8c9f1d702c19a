"""Files of stages and runs are read as they were written, by one module each."""

from pathlib import Path

import numpy as np

from nearfar.records.maps import (
    features_name,
    kept_places,
    read_kept_features,
    read_maps,
    write_features,
    write_maps,
)
from nearfar.records.samples import read_samples, write_samples
from nearfar.records.stage_files import (
    CLASSES_HEADER,
    NUMBERS_HEADER,
    RECONSTRUCTIONS_HEADER,
    read_curves,
    read_points,
    read_prediction_rows,
    read_predictions,
    write_curves,
    write_predictions,
)


def test_predictions_of_numbers(tmp_path: Path) -> None:
    lines = [
        ("1", "train", "y", 1.0, 2.0),
        ("2", "test", "y", 1 / 3, -5e-20),
        ("2", "test", "z", 1, 1),
    ]
    write_predictions(tmp_path, NUMBERS_HEADER, lines)
    text = (tmp_path / "predictions.csv").read_bytes()
    assert text == (
        b"id,split,target,truth,prediction\n1,train,y,1,2\n"
        b"2,test,y,0.3333333333333333,-5e-20\n2,test,z,1,1\n"
    )
    read = read_predictions(tmp_path, "y")
    assert read is not None
    assert read.parts == {"1": "train", "2": "test"}
    assert read.prediction == {"1": 2.0, "2": -5e-20}
    (row,) = read_prediction_rows(tmp_path, "y", "test")
    assert row["truth"] == "0.3333333333333333"


def test_predictions_of_classes_are_read_as_numbers(tmp_path: Path) -> None:
    line = ("7", "test", "kind", "cat", "dog", -0.5, 2, 0.6)
    write_predictions(tmp_path, CLASSES_HEADER, [line])
    read = read_predictions(tmp_path, "kind", ["cat", "dog"])
    assert read is not None
    assert (read.truth, read.prediction) == ({"7": 0.0}, {"7": 1.0})


def test_without_predictions_there_are_none(tmp_path: Path) -> None:
    assert read_predictions(tmp_path, "y") is None
    assert read_prediction_rows(tmp_path, "y", "test") == []
    write_predictions(tmp_path, RECONSTRUCTIONS_HEADER, [("1", "test", "image", 0.5)])
    assert read_predictions(tmp_path, "image") is None
    assert read_prediction_rows(tmp_path, "image", "test")[0]["sse"] == "0.5"


def test_curves(tmp_path: Path) -> None:
    assert read_points(tmp_path) == []
    assert read_curves(tmp_path) == {}
    points = [
        (0.5, "train", "loss", 2.0),
        (0.5, "validation", "mae", 0.25),
        (1.0, "train", "loss", 1.5),
    ]
    write_curves(tmp_path, points)
    first = (tmp_path / "curves.csv").read_bytes().splitlines()[:2]
    assert first == [b"epoch,split,metric,value", b"0.5,train,loss,2"]
    assert read_points(tmp_path) == points
    curve = read_curves(tmp_path)["train", "loss"]
    assert (curve.epochs.tolist(), curve.values.tolist()) == ([0.5, 1.0], [2.0, 1.5])


def test_features_at_the_end_and_before(tmp_path: Path) -> None:
    assert read_kept_features(tmp_path, features_name()) is None
    values, rows = np.arange(6.0).reshape(3, 2), np.array([1, 4, 9])
    for place in (None, 20, 3):
        write_features(tmp_path, features_name(place), values, rows)
    assert kept_places(tmp_path) == [3, 20]
    kept = read_kept_features(tmp_path, features_name(20))
    assert kept is not None
    assert (kept[0].dtype, kept[0].tolist()) == (np.float32, values.tolist())
    assert kept[1] is not None
    assert (kept[1].dtype, kept[1].tolist()) == (np.int32, rows.tolist())


def test_maps_asked_for(tmp_path: Path) -> None:
    assert read_maps(tmp_path, ["a"]) == {}
    write_maps(tmp_path, {key: np.full((2, 2), k, np.float32) for k, key in enumerate("ba")})
    assert [(key, found[0, 0]) for key, found in read_maps(tmp_path, ["a", "c"]).items()] == [
        ("a", 1.0)
    ]


def test_samples(tmp_path: Path) -> None:
    assert read_samples(tmp_path).ids == []
    columns = {"id": ["1", "2"], "name": ["x", None], "shown": [False, True]}
    write_samples(tmp_path, columns)
    read = read_samples(tmp_path)
    assert (read.ids, read.names, read.shown, read.classes) == (["1", "2"], ["x", ""], [1], [])
