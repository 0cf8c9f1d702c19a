"""Arrays of images and labels in .npz files, in the layouts that people have."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_examples import labels_of, load, pixels_of, some_pixels

from nearfar.data import DataOptions, load_inputs
from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.joined import Joined
from nearfar.data.read.images.array_names import Meaning, meaning
from nearfar.errors import UserError
from nearfar.starter.detect import Finding, detect

X = some_pixels(60, 1)[:, 0]
Y = np.arange(60) % 3


def found(folder: Path, **arrays: Any) -> Finding:
    np.savez(folder / "a.npz", **arrays)
    return detect(str(folder / "a.npz"), [], folder)


LAYOUTS = {
    "MedMNIST": (
        "train_images",
        "train_labels",
        "val_images",
        "val_labels",
        "test_images",
        "test_labels",
    ),
    "Keras": ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
    "capitals": ("X_train", "Y_train", "X_valid", "Y_valid", "X_test", "Y_test"),
    "behind": ("trainX", "trainY", "valX", "valY", "testX", "testY"),
    "joined": ("xtrain", "ytrain", "xval", "yval", "xtest", "ytest"),
    "words": (
        "train_data",
        "train_targets",
        "dev_data",
        "dev_targets",
        "test_data",
        "test_targets",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("column", [False, True])
def test_parts(tmp_path: Path, layout: str, column: bool) -> None:
    rows = (slice(0, 36), slice(36, 48), slice(48, 60))
    y = Y[:, None] if column else Y
    names = LAYOUTS[layout]
    arrays = {n: (X if k % 2 == 0 else y)[rows[k // 2]] for k, n in enumerate(names)}
    finding = found(tmp_path, **arrays)
    dataset = finding.dataset
    assert np.array_equal(pixels_of(dataset)[:, 0], X)
    assert labels_of(dataset) == [str(k) for k in Y]
    assert Counter(dataset.parts.tolist()) == {"train": 36, "validation": 12, "test": 12}
    assert finding.split.kind == "predefined"


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("x", "y"),
        ("X", "y"),
        ("images", "labels"),
        ("data", "target"),
        ("arr_0", "arr_1"),
        ("Image", "Label"),
    ],
)
def test_without_parts(tmp_path: Path, images: str, labels: str) -> None:
    dataset = found(tmp_path, **{images: X, labels: Y}).dataset
    assert np.array_equal(pixels_of(dataset)[:, 0], X)
    assert labels_of(dataset) == [str(k) for k in Y]
    assert dataset.parts is None


def test_what_names_mean() -> None:
    assert meaning("X_train") == Meaning("images", "train")
    assert meaning("train_set_y") == Meaning("labels", "train")
    assert meaning("label_names") == Meaning("names")
    assert meaning("embedding") is meaning("train_test_x") is meaning("names") is None
    assert meaning("age_test", ["age"]) == Meaning("labels", "test")
    assert meaning("y_test", ["age"]) is None


def test_numbers(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 60)
    finding = found(tmp_path, x=X, y=z)
    assert (finding.data.task, finding.dataset.target_names) == ("regression", ["target"])
    assert finding.dataset.targets[:, 0].tolist() == z.tolist()
    several = found(tmp_path, x=X, y=np.stack([z, z**2], axis=1)).dataset
    assert several.target_names == ["target_1", "target_2"]
    assert several.targets.tolist() == np.stack([z, z**2], axis=1).tolist()
    with pytest.raises(UserError, match="labels are numbers, not classes: set data: task: regr"):
        load(tmp_path / "a.npz")


def test_whole_numbers_are_classes_with_a_word_about_regression(tmp_path: Path) -> None:
    y = np.arange(60) % 25
    finding = found(tmp_path, x=X, y=y)
    assert (finding.data.task, len(finding.dataset.classes)) == ("classification", 25)
    assert any(
        "25 different whole numbers" in fact and "regression" in fact for fact in finding.facts
    )
    numbers = load(tmp_path / "a.npz", task="regression")
    assert numbers.targets[:, 0].tolist() == y.tolist()
    finding = found(tmp_path, x=X, y=np.arange(60))
    assert finding.data.task == "regression"


def test_a_named_array_is_the_target(tmp_path: Path) -> None:
    other = np.zeros((60, 7))
    np.savez(tmp_path / "a.npz", images=X, age=np.linspace(1, 90, 60), sex=Y > 0, other=other)
    finding = detect(str(tmp_path / "a.npz"), ["age"], tmp_path)
    assert (finding.data.task, finding.dataset.target_names) == ("regression", ["age"])
    assert "arrays that are not used: other" in finding.facts
    assert finding.dataset.source["unused"] == ["other"]
    assert finding.dataset.source["columns_not_used"] == "sex (truth values)"
    finding = detect(str(tmp_path / "a.npz"), ["sex"], tmp_path)
    assert finding.dataset.classes == ("False", "True")
    with pytest.raises(UserError, match=r"no array of labels: .* it has images, age, sex, other"):
        detect(str(tmp_path / "a.npz"), [], tmp_path)


def test_indicators_of_one_class(tmp_path: Path) -> None:
    dataset = found(tmp_path, x=X, y=np.eye(3)[Y], class_names=np.array(["c", "b", "a"])).dataset
    assert labels_of(dataset) == ["cba"[k] for k in Y]
    many = np.eye(3, dtype=int)[Y]
    many[::2, 0] = 1
    several = found(tmp_path, x=X, y=many).dataset
    assert several.multilabel
    assert several.target_names == ["0", "1", "2"]
    assert several.targets.tolist() == many.tolist()


def test_a_label_that_is_a_class_and_a_number_is_one_column(tmp_path: Path) -> None:
    assert "columns_not_used" not in found(tmp_path, x=X, y=Y).dataset.source


def test_part_without_labels_is_told(tmp_path: Path) -> None:
    finding = found(tmp_path, x_train=X[:40], y_train=Y[:40], x_test=X[40:])
    assert len(finding.dataset) == 40
    assert "array x_test has no labels: its images are left out" in finding.facts


GREY = np.arange(60 * 4 * 4).reshape(60, 4, 4) % 256
VALUES = {
    "uint16": (GREY.astype(np.uint16) * 257, "(16 bits)"),
    "int64": (GREY, "read as 0 to 255"),
    "float32": (GREY.astype(np.float32), "read as 0 to 255, rounded"),
    "unit": ((GREY / 255).astype(np.float32), "read as 0 to 1, in 256 steps"),
}


@pytest.mark.parametrize("case", VALUES)
def test_scales_of_brightness(tmp_path: Path, case: str) -> None:
    given, words = VALUES[case]
    finding = found(tmp_path, x=given, y=Y)
    assert np.array_equal(pixels_of(finding.dataset)[:, 0], GREY)
    assert any(words in fact for fact in finding.facts)
    assert any(words in told for told in finding.dataset.source["told"])


def test_booleans_are_black_and_white(tmp_path: Path) -> None:
    dataset = found(tmp_path, x=X > 127, y=Y).dataset
    assert np.array_equal(pixels_of(dataset)[:, 0], 255 * (X > 127))


def test_types_that_differ_are_refused(tmp_path: Path) -> None:
    arrays = {"x_train": X, "y_train": Y, "x_test": X / 255, "y_test": Y}
    with pytest.raises(UserError, match="bring all of them to one type"):
        found(tmp_path, **arrays)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X, "images": X, "y": Y}, "several arrays of images: x and images"),
        ({"x": X, "y": Y, "labels": Y}, "several arrays of labels: y and labels"),
        ({"x": X, "y": Y, "x_test": X}, "names no part, as x_test do"),
        ({"x": X, "y": Y.astype("datetime64[D]")}, "labels are dates"),
        ({"x": X, "y": Y[:50]}, r"has shape \(50,\) for 60 images"),
        ({"x": X.reshape(60, -1), "y": Y}, r"bring them to \(n, height, width\)"),
        ({"x": X[:0], "y": Y[:0]}, "holds no image"),
    ],
)
def test_mistakes(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        found(tmp_path, **arrays)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=X, y=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole), 6):
            damaged[place] = generator.integers(256)
        (tmp_path / "b.npz").write_bytes(damaged[: generator.integers(1, len(whole) + 1)])
        said = "b.npz"
        try:
            detect(str(tmp_path / "b.npz"), [], tmp_path)
        except UserError as error:
            said = str(error)
        assert "b.npz" in said
        assert "\n" not in said


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_arrays_are_scaled_by_their_depth_and_new_ones_alike(
    tmp_path: Path, bits: int
) -> None:
    top = 2**bits - 1
    deep = (X.astype(np.int64) * top // 255).astype(np.uint16)
    deep[0, 0, 0] = top
    finding = found(tmp_path, x=deep, y=Y)
    assert finding.data.range == (0, top)
    assert np.array_equal(pixels_of(finding.dataset)[:, 0], np.rint(deep * (255 / top)))
    np.savez(tmp_path / "new.npz", x=deep[:5] // 8)
    new = load_inputs(finding.data, tmp_path / "new.npz", finding.dataset.inputs).inputs
    assert np.array_equal(new.arrays()["pixels"][:, 0], np.rint((deep[:5] // 8) * (255 / top)))


STUDIES = {
    "bytes": X,
    "fractions": X / 255,
    "numbers": X.astype(np.float32),
    "deep": X.astype(np.uint16) * 257,
    "about zero": X / 127.5 - 1,
}


@pytest.mark.parametrize("study", ["bytes", "fractions", "numbers"])
@pytest.mark.parametrize("new", ["bytes", "fractions", "numbers"])
def test_new_images_may_have_another_scale_of_brightness(
    tmp_path: Path, study: str, new: str
) -> None:
    """Each of them alone, too: the scale is not that of the pictures that came along."""
    finding = found(tmp_path, x=STUDIES[study], y=Y)
    for rows in (slice(0, 5), slice(3, 4)):
        np.savez(tmp_path / "new.npz", x=STUDIES[new][rows])
        read = load_inputs(finding.data, tmp_path / "new.npz", finding.dataset.inputs).inputs
        assert np.array_equal(read.arrays()["pixels"][:, 0], X[rows])


def test_new_images_of_edges_that_were_sharpened_are_cut(tmp_path: Path) -> None:
    for study, new in ((X / 255, X / 255), (X, X / 255), (X, X.astype(float))):
        finding = found(tmp_path, x=study, y=Y)
        np.savez(tmp_path / "new.npz", x=new * 1.02 - 0.01 * new.max())
        read = load_inputs(finding.data, tmp_path / "new.npz", finding.dataset.inputs).inputs
        expected = (X * 1.02 - 0.01 * 255).round().clip(0, 255)
        assert np.abs(read.arrays()["pixels"][:, 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("study", "new", "words"),
    [
        ("bytes", "about zero", "float64 from -1 to 1, .* from 0 to 255: give bytes, or fractions"),
        ("bytes", "deep", "uint16 from 0 to 65535"),
        ("fractions", "about zero", "from 0 to 1: bring them to that scale"),
        ("fractions", "deep", "from 0 to 1: bring"),
        ("numbers", "about zero", "from 0 to 255: bring"),
        ("numbers", "deep", "from 0 to 255: bring"),
        ("deep", "fractions", "from 0 to 65535: bring"),
        ("deep", "about zero", "from 0 to 65535: bring"),
        ("about zero", "numbers", "from -1 to 1: bring"),
        ("about zero", "deep", "from -1 to 1: bring"),
    ],
)
def test_new_images_on_a_scale_of_their_own_are_refused(
    tmp_path: Path, study: str, new: str, words: str
) -> None:
    finding = found(tmp_path, x=STUDIES[study], y=Y)
    np.savez(tmp_path / "new.npz", x=STUDIES[new])
    with pytest.raises(UserError, match=words):
        load_inputs(finding.data, tmp_path / "new.npz", finding.dataset.inputs)


def test_whole_numbers_of_dark_images_are_no_fractions(tmp_path: Path) -> None:
    finding = found(tmp_path, x=X, y=Y)
    np.savez(tmp_path / "new.npz", x=(X > 127).astype(np.int64))
    read = load_inputs(finding.data, tmp_path / "new.npz", finding.dataset.inputs).inputs
    assert np.array_equal(read.arrays()["pixels"][:, 0], X > 127)


def test_values_below_zero_are_read_from_the_lowest_to_the_highest(tmp_path: Path) -> None:
    finding = found(tmp_path, x=X / 127.5 - 1, y=Y)
    pixels = pixels_of(finding.dataset)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_all_parts_are_predicted_and_named(tmp_path: Path) -> None:
    parts = {"x_train": X[:40], "y_train": Y[:40], "x_test": X[40:], "y_test": Y[40:]}
    finding = found(tmp_path, **parts)
    np.savez(tmp_path / "a.npz", **parts)
    rows = load_inputs(finding.data, tmp_path / "a.npz", finding.dataset.inputs)
    assert len(rows) == 60
    assert rows.given is not None
    assert rows.given.columns["part"] == ["train"] * 40 + ["test"] * 20


@pytest.mark.parametrize("axis", ["first", "last"])
def test_any_number_of_channels_on_either_axis(tmp_path: Path, axis: str) -> None:
    first = some_pixels(60, 5)
    given = first if axis == "first" else first.transpose(0, 2, 3, 1)
    made = found(tmp_path, x=given, y=Y)
    assert (pixels_of(made.dataset) == first).all()
    with pytest.raises(UserError, match=r"does not tell the channels.*channel_axis to first"):
        found(tmp_path, x=first[:, :, :5, :5], y=Y)
    with pytest.raises(UserError, match=r"is 1\.5 in every row"):
        found(tmp_path, x=first, y=np.where(Y, 1.5, np.nan))


@pytest.mark.parametrize("kind", [np.int64, "S", "U"])
def test_arrays_of_one_value_a_row_are_columns(tmp_path: Path, kind: Any) -> None:
    patient, age = (np.arange(60) // 5).astype(kind), np.linspace(1, 90, 60)
    finding = found(tmp_path, x=X, y=Y, patient=patient, age=age[:, None])
    assert finding.data.group == "patient"  # as a column of a table that is called so
    assert len(np.unique(finding.dataset.groups)) == 12
    assert finding.dataset.source["columns_not_used"] == "age (numbers)"
    joined = load(tmp_path / "a.npz", features=["age"], group="patient").inputs
    assert isinstance(joined, Joined)
    assert isinstance(joined.columns, Columns)
    cells = next(column.cells for column in joined.columns.columns if column.name == "age")
    assert cells.tolist() == age.tolist()
    options = DataOptions(source="images", path="x", features=["age"], on_bad_rows="drop")
    np.savez(tmp_path / "new.npz", x=X[:5], age=age[:5])
    assert len(load_inputs(options, tmp_path / "new.npz", joined).inputs) == 5
    np.savez(tmp_path / "new.npz", x=X[:5])
    with pytest.raises(UserError, match=r"new\.npz.*age"):
        load_inputs(options, tmp_path / "new.npz", joined)


def test_columns_of_parts_are_arrays_of_each_part(tmp_path: Path) -> None:
    parts = {"x_train": X, "y_train": Y, "x_test": 255 - X[:20], "y_test": Y[:20]}
    groups = {"patient_train": np.arange(60) // 5, "patient_test": 50 + np.arange(20) // 5}
    finding = found(tmp_path, **parts, **groups, weight_train=np.arange(60))
    assert (finding.data.group, len(np.unique(finding.dataset.groups))) == ("patient", 16)
    assert "arrays that are not used: weight_train" in finding.facts


@pytest.mark.parametrize("kind", [np.int64, "S", "U"])
def test_an_array_of_parts_or_of_times_divides_the_rows(tmp_path: Path, kind: Any) -> None:
    split = np.array(["train"] * 40 + ["test"] * 20, dtype="S" if kind == "S" else "U")
    assert found(tmp_path, x=X, y=Y, split=split).data.part == "split"
    years = 2000 + (7 * np.arange(60)) % 60
    days = np.array([f"{year}-05-01" for year in years], dtype="datetime64[ns]")
    for when in (years.astype(kind), days, days.astype("datetime64[D]")):
        found(tmp_path, x=X, y=Y, when=when)
        dataset = load(tmp_path / "a.npz", part="when")
        assert (dataset.parts == "test").tolist() == (years >= 2048).tolist()
    with pytest.raises(UserError, match=r"wen.*did you mean 'when'"):
        load(tmp_path / "a.npz", part="wen")
    found(tmp_path, x=X, y=Y, when=np.where(np.arange(60) == 1, np.datetime64("NaT"), days))
    with pytest.raises(UserError, match=r"row 2: part 'when' is missing"):
        load(tmp_path / "a.npz", part="when")
