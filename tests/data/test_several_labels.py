"""Labels and gaps among targets, as they are read and divided."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearfar.data import DataOptions, Dataset, SplitOptions, TargetScaler, load_dataset, split_rows
from nearfar.data.rare_classes import rare_in_tests
from nearfar.data.rare_targets import class_weights, rarity_weights, shots
from nearfar.data.strata import strata_of
from nearfar.errors import UserError

NAN = np.nan


def read(path: Path, target: Any, task: str = "multilabel", **options: Any) -> Dataset:
    given = {"source": "table", "path": path.name, "target": target, "features": ["a"], **options}
    return load_dataset(DataOptions(task=task, **given), path.parent)


def written(folder: Path, header: str, cells: list[str]) -> Path:
    lines = [f"a,{header}", *(f"{i}.5,{cell}" for i, cell in enumerate(cells))]
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "t.csv"


def test_columns_of_0_and_1_with_gaps(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y", ["0,1", "1.0,", "true,FALSE", ",0", "0,0"])
    dataset = read(path, ["x", "y"])
    np.testing.assert_array_equal(dataset.targets, [[0, 1], [1, NAN], [1, 0], [NAN, 0], [0, 0]])
    assert dataset.source["targets"] == {"x": {"known": 4, "true": 2}, "y": {"known": 4, "true": 1}}
    assert (dataset.multilabel, dataset.classes) == (True, ())
    numbers = read(written(tmp_path, "x,y", ["0,1", "1.0,", ",0", "0,0"]), ["x", "y"], "regression")
    again = read(tmp_path / "t.csv", ["x", "y"])
    np.testing.assert_array_equal(numbers.targets, again.targets)
    assert numbers.digest != again.digest, "the same numbers mean something else"


@pytest.mark.parametrize("cell", ["2", "-1", "maybe", "0.5"])
def test_what_is_neither_0_nor_1_is_named(tmp_path: Path, cell: str) -> None:
    path = written(tmp_path, "x,y", ["0,1", f"{cell},0", "1,0"])
    with pytest.raises(UserError, match=r"line 3.*target 'x' is .*a label is 0 or 1"):
        read(path, ["x", "y"])


@pytest.mark.parametrize(("sign", "join"), [(";", "; "), ("|", "|"), (" ", "  ")])
def test_names_with_a_separator(tmp_path: Path, sign: str, join: str) -> None:
    cells = ["b", f"a{join}b", "", f"c{join}a{join}"]
    path = written(tmp_path, "y", cells)
    dataset = read(path, "y", label_separator=sign, on_bad_rows="drop")
    assert dataset.target_names == ["a", "b", "c"]
    np.testing.assert_array_equal(dataset.targets, [[0, 1, 0], [1, 1, 0], [1, 0, 1]])
    assert dataset.source["reasons"] == {"target missing": 1}


def test_a_label_is_not_called_as_the_mean_over_all_of_them(tmp_path: Path) -> None:
    path = written(tmp_path, "y", ["red", "red;all targets", "all targets"])
    with pytest.raises(UserError, match="'all targets' is what a mean over several is called"):
        read(path, "y", label_separator=";")


def test_lists_of_a_parquet_file(tmp_path: Path) -> None:
    cells = [["dog"], [], ["cat", "dog"], None]
    pq.write_table(pa.table({"a": [0.0, 1, 2, 3], "y": cells}), tmp_path / "t.parquet")
    dataset = read(tmp_path / "t.parquet", "y", on_bad_rows="drop")
    assert dataset.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(dataset.targets, [[0, 1], [0, 0], [1, 1]])


def test_texts_without_a_separator_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "y", ["a;b", "a", "b"])
    with pytest.raises(UserError, match="data: label_separator to what stands between"):
        read(path, "y")
    with pytest.raises(UserError, match="the one label 'a'"):
        read(written(tmp_path, "y", ["a", "a", "a;a"]), "y", label_separator=";")


@pytest.mark.parametrize("mapping", [None, ("cat", "dog", "fox")])
def test_multi_hot_arrays_of_images(tmp_path: Path, mapping: tuple[str, ...] | None) -> None:
    x = np.random.default_rng(0).integers(0, 255, (4, 5, 5), dtype=np.uint8)
    y = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    np.savez(tmp_path / "m.npz", x=x, y=y)
    given: dict[str, Any] = {"source": "images", "path": "m.npz", "task": "multilabel"}
    if mapping:
        lines = "\n".join(f"{k} {name}" for k, name in enumerate(mapping))
        (tmp_path / "names.txt").write_text(lines, encoding="utf-8")
        given["mapping"] = "names.txt"
    dataset = load_dataset(DataOptions(**given), tmp_path)
    assert dataset.target_names == list(mapping or ("0", "1", "2"))
    np.testing.assert_array_equal(dataset.targets, y)
    np.savez(tmp_path / "m.npz", x=np.concatenate([x, x]), y=np.eye(3)[[0, 2, 1, 0] * 2])
    classes = load_dataset(DataOptions(source="images", path="m.npz"), tmp_path)
    assert classes.targets[:, 0].tolist() == [0, 2, 1, 0] * 2


def test_the_scale_of_a_target_goes_by_its_own_rows() -> None:
    targets = np.array([[1.0, NAN], [2.0, 5.0], [4.0, NAN], [9.0, 11.0], [NAN, 2.0]])
    rows = np.arange(4)
    scaler = TargetScaler.fit(targets, rows, ["x", "y"])
    assert scaler.mean == (4.0, 8.0)
    assert scaler.std == pytest.approx((np.std([1, 2, 4, 9], ddof=1), np.std([5, 11], ddof=1)))
    again = scaler.inverse(scaler.transform(targets))
    np.testing.assert_allclose(again, targets)
    with pytest.raises(UserError, match="target 'y' has 1 of the 3 training rows"):
        TargetScaler.fit(targets, np.arange(3), ["x", "y"])


def test_every_fold_has_its_share_of_the_rarest(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    cells = [f"{int(draw.random() < 0.5)},{int(i % 20 == 0)},{int(i % 7 == 0)}" for i in range(200)]
    dataset = read(written(tmp_path, "x,y,z", cells), ["x", "y", "z"])
    options = SplitOptions(kind="folds", folds=5)
    splits = [split_rows(dataset, options, seed) for seed in range(5)]
    for split in splits:
        assert dataset.targets[split.test, 1].sum() == 2
        assert 4 <= dataset.targets[split.test, 2].sum() <= 8
    assert rare_in_tests(dataset, splits) == {"y": 10}
    assert rare_in_tests(dataset, splits[:1])["y"] == 2
    strata = strata_of(dataset)
    assert strata is not None
    assert (strata[dataset.targets[:, 1] == 1] == strata[0]).all()


def test_a_part_without_any_row_of_a_target_is_refused(tmp_path: Path) -> None:
    cells = [f"{i / 7},{i if i < 3 else ''}" for i in range(60)]
    dataset = read(written(tmp_path, "x,y", cells), ["x", "y"], "regression")
    with pytest.raises(UserError, match=r"target 'y' is missing in all 6 rows of the .* part"):
        [split_rows(dataset, SplitOptions(kind="folds", folds=10), seed) for seed in range(10)]


def test_weights_and_shots_go_by_the_rows_that_have_a_target() -> None:
    draw = np.random.default_rng(0)
    targets = draw.normal(size=(300, 2))
    targets[:100, 1] = NAN
    weights = rarity_weights(targets, "inverse")
    alone = rarity_weights(targets[:, :1], "inverse")
    np.testing.assert_allclose(weights[:100], alone[:100])
    assert np.isfinite(weights).all()
    one = shots(targets[:, :1], targets[:100, :1])
    np.testing.assert_array_equal(shots(targets, targets[:100]), one)


def test_classes_weigh_as_scikit_learn_balances_them() -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    classes = np.array([0] * 30 + [1] * 6 + [3] * 4)
    found = class_weights(classes, "inverse")
    np.testing.assert_allclose(found, compute_sample_weight("balanced", classes))
    root = class_weights(classes, "sqrt_inverse")
    assert root[-1] / root[0] == pytest.approx((30 / 4) ** 0.5)
    assert root.mean() == pytest.approx(1)


def test_positive_is_the_second_class(tmp_path: Path) -> None:
    path = written(tmp_path, "y", ["in", "out", "out", "in", "in", "out"])
    plain, turned = (
        read(path, "y", "classification", **given) for given in ({}, {"positive": "in"})
    )
    assert (plain.classes, turned.classes) == (("in", "out"), ("out", "in"))
    np.testing.assert_array_equal(plain.targets, 1 - turned.targets)
    with pytest.raises(UserError, match="positive: no class is called 'on'; allowed: in, out"):
        read(path, "y", "classification", positive="on")
