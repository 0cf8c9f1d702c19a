"""Classes: their numbers, stratified splits, limits."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearfar.data import DataOptions, Dataset, SplitOptions, load_dataset, split_rows
from nearfar.data.split.stratified import draw, place_stratified
from nearfar.errors import UserError


def table(folder: Path, labels: list[str], **more: Any) -> Dataset:
    lines = [f"{k},{k % 3},{label},{k // 2}" for k, label in enumerate(labels)]
    (folder / "t.csv").write_text("\n".join(["a,b,y,g", *lines]), encoding="utf-8")
    chosen = {"source": "table", "path": "t.csv", "target": "y", "features": ["a", "b"]}
    return load_dataset(DataOptions(**{**chosen, "task": "classification", **more}), folder)


def test_texts_become_classes_in_alphabetical_order(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["no", "yes", "maybe"] * 3)
    assert dataset.classes == ("maybe", "no", "yes")
    assert dataset.targets.tolist() == [[1], [2], [0]] * 3
    assert dataset.targets.dtype == np.float64


def test_numbers_become_classes_in_ascending_order(tmp_path: Path) -> None:
    assert table(tmp_path, ["10", "9", "-1"] * 3).classes == ("-1", "9", "10")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["1.0", "0.0", ""], ("0", "1")),  # as pandas writes whole numbers beside a gap
        (["2", "1.0", "1"], ("1", "2")),
        (["-1.00", "10.0", "2.0"], ("-1", "2", "10")),
        (["1.0", "beta", "1"], ("1", "1.0", "beta")),  # names
    ],
)
def test_whole_numbers_with_a_point_are_the_classes_without(
    tmp_path: Path, cells: list[str], classes: tuple[str, ...]
) -> None:
    assert table(tmp_path, cells * 4, on_bad_rows="drop").classes == classes


def test_texts_of_a_file_with_types_stay_as_they_are(tmp_path: Path) -> None:
    cells = pa.array(["1.0", "0.0"] * 6)
    pq.write_table(pa.table({"a": pa.array(range(12)), "y": cells}), tmp_path / "t.parquet")
    told = {"source": "table", "path": "t.parquet", "target": "y", "features": ["a"]}
    options = DataOptions(**told, task="classification")
    assert load_dataset(options, tmp_path).classes == ("0.0", "1.0")


def test_names_of_classes_enter_the_digest(tmp_path: Path) -> None:
    one, other = (table(tmp_path, [a, b] * 3) for a, b in (("a", "b"), ("a", "c")))
    assert one.targets.tolist() == other.targets.tolist()
    assert one.digest != other.digest


def test_missing_class_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 3 \(line 4\): target 'y' is missing"):
        table(tmp_path, ["a", "b", "", "a", "b"])
    dataset = table(tmp_path, ["a", "b", "", "a", "b"], on_bad_rows="drop")
    assert dataset.targets[:, 0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("cell", ["1e999", "inf", "-inf"])
def test_infinite_number_among_numbers_is_a_bad_row_and_a_name_among_names(
    tmp_path: Path, cell: str
) -> None:
    with pytest.raises(UserError, match=f"row 3 .line 4.: target 'y' is {cell}, not finite"):
        table(tmp_path, ["0", "1", cell, "0", "1"])
    dataset = table(tmp_path, ["0", "1", cell, "0", "1"], on_bad_rows="drop")
    assert dataset.source["reasons"] == {"target not finite": 1}
    assert set(table(tmp_path, ["sup", cell] * 3).classes) == {"sup", cell}


def test_molecules_have_classes_too(tmp_path: Path) -> None:
    lines = [f"{'C' * k},{'even' if k % 2 == 0 else 'odd'}" for k in range(1, 9)]
    (tmp_path / "m.csv").write_text("\n".join(["smiles,y", *lines]))
    options = DataOptions(source="molecules", path="m.csv", target="y", task="classification")
    dataset = load_dataset(options, tmp_path)
    assert dataset.classes == ("even", "odd")
    split = split_rows(dataset, SplitOptions(parts=(0.5, 0.25, 0.25)), 0)
    assert dataset.targets[split.test, 0].tolist() in ([0, 1], [1, 0])


@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=8),
    shares=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 999),
)
@settings(max_examples=100, deadline=None)
def test_single_rows_are_split_in_proportion(
    counts: list[int], shares: tuple[int, int], seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    n = len(labels)
    validation, test = (n * share // 10 for share in shares)
    wished = (n - validation - test, validation, test)
    part = place_stratified(np.arange(n), labels, wished, np.random.default_rng(seed))
    assert np.bincount(part, minlength=3).tolist() == list(wished)
    table = np.zeros((len(counts), 3))
    np.add.at(table, (labels, part), 1)
    fair = np.outer(counts, wished) / n
    if fair.min() >= 1:
        assert np.abs(table - fair).max() < 2
    if min(validation, test) >= len(counts):
        assert (table[np.array(counts) >= 3] > 0).all()
        assert (table[:, 0] > 0).all()


def test_big_classes_get_their_share_to_a_row() -> None:
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    part = place_stratified(np.arange(1000), labels, (800, 100, 100), np.random.default_rng(0))
    table = np.zeros((3, 3), dtype=int)
    np.add.at(table, (labels, part), 1)
    assert table.tolist() == [[400, 50, 50], [240, 30, 30], [160, 20, 20]]


def test_small_class_has_a_row_in_every_part(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["big"] * 97 + ["tiny"] * 3)
    for seed in range(5):
        split = split_rows(dataset, SplitOptions(), seed)
        for rows in (split.train, split.validation, split.test):
            assert dataset.targets[rows, 0].sum() == 1
        assert [len(r) for r in (split.train, split.validation, split.test)] == [80, 10, 10]


def test_draws_differ_by_seed_and_repeat(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["a", "b"] * 50)
    tests = [split_rows(dataset, SplitOptions(), seed).test.tolist() for seed in (0, 1, 0)]
    assert tests[0] == tests[2] != tests[1]


def test_groups_stay_together_and_classes_in_proportion(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["a", "a", "a", "a", "b", "b"] * 50, group="g")
    split = split_rows(dataset, SplitOptions(kind="group"), 3)
    for one, other in ((split.train, split.test), (split.train, split.validation)):
        assert not set(dataset.groups[one]) & set(dataset.groups[other])
    for rows, size in ((split.validation, 30), (split.test, 30)):
        assert len(rows) == size
        assert abs((dataset.targets[rows, 0] == 1).mean() - 1 / 3) < 0.1


def test_class_in_one_group_alone_is_told(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["a"] * 38 + ["b"] * 2, group="g")
    said = set()
    for seed in range(40):
        try:
            split_rows(dataset, SplitOptions(kind="group", parts=(0.5, 0.25, 0.25)), seed)
        except UserError as error:
            said.add(str(error))
    assert said == {
        f"class 'b' has 2 rows in the {part} part and none for training: give it rows in more "
        "groups, or leave its rows out of the data"
        for part in ("validation", "test")
    }


def test_limit_takes_its_share_of_every_class(tmp_path: Path) -> None:
    labels = ["a"] * 60 + ["b"] * 38 + ["c"] * 2
    dataset = table(tmp_path, labels, limit={"rows": 20})
    assert Counter(dataset.targets[:, 0].tolist()) == {0: 12, 1: 7, 2: 1}
    assert dataset.ids == sorted(dataset.ids, key=int)
    assert dataset.classes == ("a", "b", "c")
    assert table(tmp_path, labels, limit={"rows": 20}).digest == dataset.digest
    assert len(table(tmp_path, labels, limit={"rows": 0.5})) == 50
    assert len(table(tmp_path, labels, limit={"rows": 1000})) == 100
    assert dataset.source["limit"] == {"rows": 20, "used": 20}


def test_limit_of_parts(tmp_path: Path) -> None:
    part = {"part": "p"}
    lines = [f"{k / 2},{'ab'[k % 2]},{'train' if k < 60 else 'test'}" for k in range(100)]
    (tmp_path / "p.csv").write_text("\n".join(["x,y,p", *lines]))

    def read(**limit: Any) -> Dataset:
        options = {"source": "table", "path": "p.csv", "target": "y", "task": "classification"}
        return load_dataset(DataOptions(**{**options, **part, "limit": limit}), tmp_path)

    half = read(train=0.5)
    counts = Counter(zip(half.parts.tolist(), half.targets[:, 0].tolist(), strict=True))
    assert counts == {("train", 0): 15, ("train", 1): 15, ("test", 0): 20, ("test", 1): 20}
    assert Counter(read(train=10, test=4).parts.tolist()) == {"train": 10, "test": 4}
    with pytest.raises(UserError, match="no predefined part validation: the parts are test, train"):
        read(validation=4)
    with pytest.raises(UserError, match="rows is for data without parts"):
        read(rows=4)
    part.clear()
    with pytest.raises(UserError, match="no predefined part train: use limit:"):
        read(train=4)


def test_drawn_rows_are_ascending_and_different() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    rows = draw(labels, 10, np.random.default_rng(0))
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert (rows < 50).sum() == 5
