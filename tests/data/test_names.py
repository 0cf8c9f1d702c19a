"""One rule says which column holds parts and which holds paths of images, for readers and init."""

from pathlib import Path

import pytest
from image_examples import load, write_images

from nearfar.data.read.names import (
    PART_COLUMNS,
    alike,
    is_division,
    part_called,
    part_column,
    part_named,
    parts_of,
    path_columns,
)
from nearfar.data.read.tables import Table
from nearfar.starter.detect import detect
from nearfar.starter.detect_images import are_images

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(15)]
PARTS = [("Train ", "dev", "test")[min(k // 5, 2) if k < 15 else 0] for k in range(30)]


def table(**columns: list[str]) -> Table:
    return Table("t.csv", dict(columns), len(next(iter(columns.values()))))


@pytest.mark.parametrize("column", sorted(PART_COLUMNS))
def test_a_column_of_parts_is_found_in_tables_and_beside_images(
    column: str, tmp_path: Path
) -> None:
    write_images(tmp_path, NAMES)
    pictures = [f"{name},{name[:3]},{part}" for name, part in zip(NAMES, PARTS, strict=True)]
    (tmp_path / "pictures.csv").write_text("\n".join([f"file,kind,{column.title()}", *pictures]))
    numbers = [f"{k % 7}.5,{k * k % 11}.25,{part}" for k, part in enumerate(PARTS)]
    (tmp_path / "numbers.csv").write_text("\n".join([f"x,y,{column.title()}", *numbers]))
    for name, target in (("pictures.csv", "kind"), ("numbers.csv", "y")):
        finding = detect(str(tmp_path / name), [target], tmp_path)
        assert finding.data.part == column.title()
        assert finding.split.kind == "predefined"
        assert finding.dataset.parts is not None
        assert sorted(set(finding.dataset.parts)) == ["test", "train", "validation"]


def test_other_columns_are_no_parts() -> None:
    assert part_column(table(fold=["0", "1", "2"]), []) is None
    assert part_column(table(split=["train", "train"]), []) is None
    assert part_column(table(name=["train", "test"]), []) is None
    assert part_column(table(split=["train", "test"]), ["split"]) is None
    assert (part_called(" Val "), part_called("valley")) == ("validation", None)
    assert (part_named("train-00000-of-00001"), part_named("trainer.csv")) == ("train", None)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["Train_set", "Dev set", "hold-out"], ["train", "validation", "test"]),
        (["train", "eval"], ["train", "test"]),
        (["train", "dev", "evaluation_set"], ["train", "validation", "test"]),
        (["train", "eval", "test"], ["train", "validation", "test"]),
        (["train", "val", "eval", "test"], ["train", "validation", None, "test"]),
        (["Training", "PublicTest", "PrivateTest"], ["train", "test", "test"]),
        (["Validation split", "train cat", "cat"], ["validation", None, None]),
        (["unsupervised", "", "evaluator"], [None, None, None]),
    ],
)
def test_what_names_that_stand_together_mean(names: list[str], parts: list[str | None]) -> None:
    assert parts_of(names) == parts


@pytest.mark.parametrize(
    "cells", [["train", "train", "val", "val"], ["Training"] * 2 + ["PrivateTest"] * 2]
)
def test_values_that_are_parts_make_a_column_of_parts(cells: list[str]) -> None:
    assert part_column(table(a=["1", "2", "3", "4"], Usage=cells), []) == "Usage"
    assert part_column(table(split=cells), []) == "split"
    assert part_column(table(Usage=[*cells[:3], "later"]), []) is None


@pytest.mark.parametrize(
    ("column", "values", "divides"),
    [
        ("fold", {"0", "1", "2"}, True),
        ("kfold", {"1.0", "2.0"}, True),
        ("cv_fold", {"fold1", "fold2"}, True),
        ("split", {"learn", "tune", "judge"}, True),
        ("Data split", {"0", "1", "2"}, True),
        ("set", {"train", "extra"}, True),
        ("is_train", {"True", "False"}, True),
        ("test", {"0", "1"}, True),
        ("set", {"1", "2", "3"}, False),
        ("part", {"wheel", "door"}, False),
        ("fold", {"0.5", "1.25"}, False),
        ("fold", {str(k) for k in range(30)}, False),
        ("blood test", {"0", "1"}, False),
        ("is_valid", {"True", "False"}, False),
        ("train", {"ICE", "TGV"}, False),
        ("split", {"train"}, False),
    ],
)
def test_columns_that_say_how_rows_were_divided(
    column: str, values: set[str], divides: bool
) -> None:
    assert is_division(column, values) is divides


def test_names_that_all_but_agree() -> None:
    names = ["Tea", "tea", "caf\u00e9", "cafe\u0301", "cat", "cats", " tea"]
    assert alike(names) == [["Tea", "tea", " tea"], ["caf\u00e9", "cafe\u0301"]]
    assert alike(["cat", "dog"]) == []


@pytest.mark.parametrize(("others", "is_path"), [(15, True), (16, False)])
def test_half_of_the_names_make_a_column_of_paths_for_the_reader_and_for_init(
    others: int, is_path: bool, tmp_path: Path
) -> None:
    write_images(tmp_path, NAMES)
    rows = [f" {name},{'cat' if k % 3 else 'dog'}" for k, name in enumerate(NAMES[:15])]
    rows += [f"note {k},{'cat' if k % 2 else 'dog'}" for k in range(others)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["file,kind", *rows]))
    assert are_images(path, None) is is_path
    if is_path:
        dataset = load(path, target="kind", task="classification", on_bad_rows="drop")
        assert len(dataset) == 15
    else:
        with pytest.raises(Exception, match="no column holds paths of images"):
            load(path, target="kind", task="classification", on_bad_rows="drop")


def test_columns_of_paths_come_in_the_order_of_their_names() -> None:
    columns = {name: ["x.PNG", "y.jpeg"] for name in ("mask_path", "ct", "imageFile", "label")}
    assert path_columns(table(note=["a", "b"], **columns)) == [
        *("imageFile", "ct", "mask_path", "label")
    ]
    assert path_columns(table(file=["", "NA"])) == []
