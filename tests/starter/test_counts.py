"""What ``nearfar init`` says of classes and parts, whatever these are called and wherever."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_examples import some_pixels, write_images

from nearfar.data.load import load_dataset
from nearfar.errors import UserError
from nearfar.starter.asked import Asked
from nearfar.starter.detect import Finding, detect
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

ROWS = 60
TRAIN_AND_VALIDATION = (
    "parts as the data give them: 24 train, 24 validation; without a test part the validation part "
    "is tested, and a tenth of train chooses epochs",
    "classes in the parts: train cat: 12, dog: 12; validation cat: 12, dog: 12",
)
THREE_PARTS = (
    "parts as the data give them: 40 train, 10 validation, 10 test",
    "classes in the parts: train 0: 14, 1: 13, 2: 13; validation 0: 3, 1: 4, 2: 3; test 0: 3, 1: 3"
    ", 2: 4",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def frame(**columns: object) -> pd.DataFrame:
    draw = random.Random(0)
    kinds = [["cat", "dog", "fox"][k % 3] for k in range(ROWS)]
    return pd.DataFrame({"x": [draw.gauss(0, 1) for _ in range(ROWS)], **columns, "y": kinds})


def found(data: pd.DataFrame, target: str = "y", **asked: object) -> Finding:
    data.to_csv("t.csv", index=False)
    finding = detect("t.csv", [target], Path(), asked=Asked(**asked))  # type: ignore[arg-type]
    assert len(load_dataset(finding.data, Path())) == len(finding.dataset)
    return finding


def pictures(*folders: str, each: int = 12) -> None:
    write_images(Path("p"), [f"{place}/{k}.png" for place in folders for k in range(each)], side=6)


def several(parts: list[str], counts: list[int]) -> list[str]:
    return [part for part, count in zip(parts, counts, strict=True) for _ in range(count)]


def test_class_folders_in_parts_are_counted_in_each() -> None:
    pictures("train/cat", "train/dog", "val/cat", "val/dog")
    finding = detect("p", [], Path())
    assert finding.dataset.classes == ("cat", "dog")
    assert finding.facts[1:4] == ["2 classes (cat, dog): 24 images each", *TRAIN_AND_VALIDATION]


@pytest.mark.parametrize("target", ["label", "labels", "class", "y", "train_labels", None])
def test_usual_words_for_labels_mean_those_of_an_npz_file(target: str | None) -> None:
    images, labels = some_pixels(ROWS, channels=1, side=6)[:, 0], np.arange(ROWS) % 3
    places = {"train": slice(40), "val": slice(40, 50), "test": slice(50, ROWS)}
    arrays = {f"{part}_images": images[place] for part, place in places.items()}
    arrays |= {f"{part}_labels": labels[place, None] for part, place in places.items()}
    np.savez("med.npz", **arrays)
    path, facts = write_study(Path("med.npz"), [target] if target else [])
    assert "3 classes (0, 1, 2): 20 images each" in facts
    assert set(THREE_PARTS) <= set(facts)
    read = load_dataset(load_study(str(path)).study.data, Path())
    assert read.targets[:, 0].tolist() == labels.tolist()
    with pytest.raises(UserError, match="no array 'age' to predict; it has train_images"):
        detect("med.npz", ["age"], Path())


@pytest.mark.parametrize("target", ["label", "class", "target"])
def test_usual_words_for_labels_mean_class_folders(target: str) -> None:
    pictures("cat", "dog")
    assert detect("p", [target], Path()).dataset.classes == ("cat", "dog")
    with pytest.raises(UserError, match="no column 'age': leave out --target"):
        detect("p", ["age"], Path())


def test_unequal_classes_are_counted_one_by_one() -> None:
    pictures("cat", "dog", "fox")
    pictures("dog", each=15)
    assert "3 classes (cat, dog, fox): 12, 15 and 12 images" in detect("p", [], Path()).facts
    finding = found(frame(z=range(3, ROWS + 3)).iloc[1:])
    assert "3 classes (cat, dog, fox): 19, 20 and 20 rows" in finding.facts


@pytest.mark.parametrize(
    ("parts", "read"),
    [
        (["Train_set", "Dev_set", "Test_set"], ["train", "validation", "test"]),
        (["training", "dev", "eval"], ["train", "validation", "test"]),
        (["train", "Validation split", "test_public"], ["train", "validation", "test"]),
    ],
)
@pytest.mark.parametrize("column", ["split", "Phase"])
def test_parts_in_any_words_are_parts(column: str, parts: list[str], read: list[str]) -> None:
    finding = found(frame(**{column: several(parts, [36, 12, 12])}))
    assert finding.data.part == column
    assert finding.dataset.parts is not None
    assert finding.dataset.parts.tolist() == several(read, [36, 12, 12])
    assert finding.data.features == ["x"]


def test_a_table_of_train_and_validation_has_parts() -> None:
    finding = found(frame(split=several(["train", "val"], [40, 20])))
    assert finding.split.kind == "predefined"
    assert any("without a test part the validation part is tested" in f for f in finding.facts)
    assert finding.facts[2].startswith("column 'split' says train and validation: the split is")


def test_a_time_divides_the_rows_and_is_told(folder: Path) -> None:
    days = [f"2024-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(ROWS)]
    data = frame(**{"sold on": days})
    finding = found(data, part="sold on")
    assert finding.split.kind == "predefined"
    assert finding.data.features == ["x", "sold on"]
    assert (
        "parts by time (column 'sold on'): 42 train, 6 validation from 2024-02-15 on, 12 test "
        + ("from 2024-02-21 on")
        in [fact.split(";")[0] for fact in finding.facts]
    )
    assert not any("come later" in fact for fact in finding.facts)
    file, _ = write_study(Path("t.csv"), ["y"], Path("first.yaml"), None, Asked(part="sold on"))
    assert load_study(str(file)).study.data.part == "sold on"


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("fold", [k % 5 for k in range(ROWS)]),
        ("is_train", [k % 4 > 0 for k in range(ROWS)]),
        ("split", several(["learn", "tune", "judge"], [30, 20, 10])),
        ("subset", several(["train", "extra"], [40, 20])),
    ],
)
def test_what_divided_rows_before_is_told_and_not_learnt_from(
    column: str, cells: list[object]
) -> None:
    data = frame(**{column: cells})
    finding = found(data)
    assert finding.data.features == ["x"]
    assert finding.dataset.parts is None
    told = [fact for fact in finding.facts if column in fact]
    assert len(told) == 1
    assert told[0].startswith(f"left out: column '{column}' says how the rows were divided before")
    assert ("--group fold keeps its values together" in told[0]) is (column == "fold")
    assert found(data, features=("x", column)).data.features == ["x", column]


def test_folds_of_the_data_can_be_the_folds_of_the_study() -> None:
    finding = found(frame(fold=[k % 5 for k in range(ROWS)]), group="fold")
    assert (finding.split.kind, finding.split.folds) == ("folds", 5)
    assert len(np.unique(finding.dataset.groups)) == 5


def test_a_part_beside_folders_of_the_same_classes_is_refused() -> None:
    pictures("train/cat", "train/dog", "later/cat", "later/dog")
    with pytest.raises(UserError, match=r"\(train\) stands beside later, and all hold folders cat"):
        detect("p", [], Path())
    pictures("eval/cat", "eval/dog")
    for place in ("cat", "dog"):
        for file in (Path("p/later") / place).iterdir():
            file.unlink()
    finding = detect("p", [], Path())
    assert finding.dataset.classes == ("cat", "dog")
    assert finding.dataset.parts is not None
    assert sorted(set(finding.dataset.parts)) == ["test", "train"]


def test_folders_within_classes_are_told() -> None:
    pictures("cat/male", "cat/female", "dog/male", "dog/female")
    finding = detect("p", [], Path())
    assert finding.dataset.classes == ("cat", "dog")
    assert "folders in those of the classes are looked through: female, male" in finding.facts
    assert (
        "careful: cat, dog are taken as the classes, and all hold the folders female, male"
        in (finding.facts[-1].partition(": if")[0])
    )
    pictures("bird/young")
    assert not any("careful" in fact for fact in detect("p", [], Path()).facts)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train", "dev", "holdout"], ["train", "validation", "test"]),
        (["train", "eval"], ["train", "test"]),
        (["train", "unsupervised"], None),
    ],
)
def test_pieces_of_saved_data_are_parts_or_told(names: list[str], parts: list[str] | None) -> None:
    import datasets

    datasets.disable_progress_bars()
    draw, pieces = random.Random(0), {}
    for name in names:
        columns = {"x": [draw.random() for _ in range(20)], "y": [k % 2 for k in range(20)]}
        pieces[name] = datasets.Dataset.from_dict(columns)
    datasets.DatasetDict(pieces).save_to_disk("saved")
    finding = detect("saved", ["y"], Path())
    told = [fact for fact in finding.facts if fact.startswith("careful: train (20), unsupervised")]
    if parts is None:
        assert finding.dataset.parts is None
        assert len(told) == 1
        assert "'unsupervised' is the name of no part" in told[0]
    else:
        assert finding.dataset.parts is not None
        assert finding.dataset.parts.tolist() == several(parts, [20] * len(parts))
        assert told == []


def test_classes_whose_names_all_but_agree_are_told() -> None:
    data = frame()
    data["y"] = ["tea", "cat"] * 20 + ["Tea", "cat"] * 10
    assert "classes 'Tea' and 'tea' are kept apart: their names all but agree" in found(data).facts
    data["split"] = several(["train", "test"], [40, 20])
    with pytest.raises(UserError, match="where 'tea' is another class: if they are one, spell"):
        found(data)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("{} %", "60 cells hold a number with '%', such as '0 %'"),
        ("<{}", "60 cells are limits and no values"),
        ("2020-02-01 00:00:{:02d}", "they are dates: predict a number"),
        ("n{}x", "they name the rows, or are free text: take another column"),
    ],
)
def test_targets_that_are_no_classes_are_told_by_what_they_are(cell: str, said: str) -> None:
    data = frame()
    data["y"] = [cell.format(k) for k in range(ROWS)]
    data.to_csv("t.csv", index=False)
    with pytest.raises(UserError) as caught:
        write_study(Path("t.csv"), ["y"])
    assert said in str(caught.value)


def test_a_column_of_many_molecules_stands_before_one_of_few() -> None:
    drugs = ["C" * (k // 4 + 1) + ("O", "N", "Cl", "C(=O)O")[k % 4] for k in range(ROWS)]
    data = frame(drug=drugs, solvent_smiles=["C" * (k % 12 + 1) + "O" for k in range(ROWS)]).drop(
        columns="x"
    )
    finding = found(data)
    assert finding.data.smiles == "drug"
    assert any("'solvent_smiles' holds molecules too" in fact for fact in finding.facts)
    assert found(data.drop(columns="drug")).data.smiles == "solvent_smiles"


def test_a_column_of_patients_with_gaps_is_told() -> None:
    data = frame(patient=[None if k == 3 else f"p{k % 10}" for k in range(ROWS)])
    told = [fact for fact in found(data).facts if "--group patient keeps them together" in fact]
    assert len(told) == 1
    assert "since 1 row has none" in told[0]
    kept = found(data, group="patient").dataset
    assert (len(kept), len(np.unique(kept.groups))) == (ROWS - 1, 10)


def test_labels_of_which_each_row_has_one_may_be_classes() -> None:
    data = frame(cat=[1, 0, 0] * 20, dog=[0, 1, 0] * 20, fox=[0, 0, 1] * 20).drop(columns="y")
    data.to_csv("t.csv", index=False)
    word = "each row has one alone: if they exclude each other they are classes"
    assert any(word in fact for fact in detect("t.csv", ["cat", "dog", "fox"], Path()).facts)
    data.loc[0, "dog"] = 1
    data.to_csv("t.csv", index=False)
    assert not any(word in fact for fact in detect("t.csv", ["cat", "dog", "fox"], Path()).facts)
