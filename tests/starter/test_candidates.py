"""What is offered where no column is named, and a folder that holds a table of its pictures."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from image_examples import write_images

from nearfar.errors import UserError
from nearfar.starter.asked import checked
from nearfar.starter.write import write_study


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(name: str, *targets: str) -> str:
    with pytest.raises(UserError) as caught:
        write_study(Path(name), targets)
    return str(caught.value)


def facts(frame: dict[str, list[Any]], target: str) -> str:
    pd.DataFrame(frame).to_csv("d.csv", index=False)
    return "\n".join(write_study(Path("d.csv"), [target])[1])


def test_columns_called_as_targets_are_offered_first() -> None:
    names = [*(f"c{k:02}" for k in range(12)), "LogP value", "Class", "isTarget", "y"]
    pd.DataFrame({name: [1.5, 2.5] for name in names}).to_csv("d.csv", index=False)
    offered = "isTarget, Class, y, LogP value, c00, c01, c02, c03, c04, c05, and 6 more"
    words = f"d.csv: name the column to predict with --target: {offered}"
    assert refused("d.csv") == words


def test_the_only_column_beside_smiles_needs_no_name() -> None:
    smiles = ["C" * k + end for k in range(1, 13) for end in "ON"]
    frame = {
        "id": [f"m{k}" for k in range(24)],
        "smiles": smiles,
        "logS": [k / 7 for k in range(24)],
    }
    pd.DataFrame(frame).to_csv("d.csv", index=False)
    assert "target 'logS': numbers" in "\n".join(write_study(Path("d.csv"), [])[1])
    pd.DataFrame(frame).assign(other=1.5 + pd.Series(range(24))).to_csv("e.csv", index=False)
    assert "e.csv: name the column to predict with --target: " in refused("e.csv")
    pd.DataFrame({"a": [1.5, 2.5, 1.0], "b": [1, 1, 1]}).to_csv("f.csv", index=False)
    assert "name the column to predict" in refused("f.csv")


@pytest.mark.parametrize(
    "lines",
    [
        *(["CCO", "CC"], ["CCO ethanol", "CC ethane"], ["CCO a1", "CC a2"]),
        ["CCO 1520012", "CC 1520011"],
    ],
)
def test_a_list_of_molecules_has_no_target(lines: list[str]) -> None:
    Path("l.smi").write_text("\n".join(lines), encoding="utf-8")
    assert refused("l.smi").startswith("l.smi: it lists molecules, and names at most, and has no")


def test_measured_numbers_beside_molecules_are_a_target() -> None:
    Path("l.smi").write_text("".join(f"{'C' * k}O {k / 7:.2f}\n" for k in range(1, 30)))
    assert "target 'name': numbers from 0.14" in "\n".join(write_study(Path("l.smi"), [])[1])


def test_the_only_column_beside_images_needs_no_name() -> None:
    write_images(Path(), PICTURES)
    frame = pd.DataFrame({"file": PICTURES, "age": [k * 1.5 for k in range(24)]})
    frame.to_csv("d.csv", index=False)
    assert "target 'age': numbers" in "\n".join(write_study(Path("d.csv"), [])[1])


PICTURES = [f"pics/{k}.png" for k in range(24)]


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx"])
@pytest.mark.parametrize("names", [PICTURES, [name[5:] for name in PICTURES]])
def test_the_table_beside_one_folder_of_pictures_is_named(names: list[str], ending: str) -> None:
    write_images(Path("set"), PICTURES)
    frame, file = (
        pd.DataFrame({"file": names, "age": [k * 1.5 for k in range(24)]}),
        Path("set") / f"labels.{ending}",
    )
    if ending == "xlsx":
        frame.to_excel(file, index=False)
    else:
        frame.to_csv(file, index=False, sep="\t" if ending == "tsv" else ";")
    words = refused("set")
    assert (
        f"; labels.{ending} in it lists images, in column 'file': name that file, and the " in words
    )
    assert words.endswith("--target: age, file")
    assert write_study(Path("set"), ["age"])[0] == Path("set.yaml")


def test_where_two_tables_list_pictures_or_none_does_nothing_is_named() -> None:
    write_images(Path("set"), PICTURES)
    assert "lists images" not in refused("set")
    for name in ("a", "b"):
        pd.DataFrame({"file": PICTURES}).to_csv(f"set/{name}.csv", index=False)
    assert "lists images" not in refused("set")


SEVERAL = (
    "{}: labels.csv, sample.csv and train.csv in it list images: name one of these files, such as "
    "train.csv, and the column to predict with --target: {}"
)


def several_tables(folder: Path, names: list[str]) -> None:
    """Write tables that list pictures, with numbers that a table would be read with."""
    for file, count in (("labels", 6), ("sample", 8), ("train", 24)):
        frame = pd.DataFrame({"file": names, "label": ["a", "b"] * 12, "age": range(24)})
        frame.assign(age=frame.age**2 % 31).head(count).to_csv(folder / f"{file}.csv", index=False)


def test_several_tables_that_list_the_pictures_of_a_folder_are_no_table() -> None:
    names = [f"{k}.png" for k in range(24)]
    write_images(Path("set"), names)
    several_tables(Path("set"), names)
    assert refused("set", "label") == SEVERAL.format("set", "label")
    assert refused("set") == SEVERAL.format("set", "label, age, file")
    write_study(Path("set"), ["label"], Path("off.yaml"), None, checked({"image": "none"}))
    for file in ("labels", "sample"):
        pd.read_csv(f"set/{file}.csv").drop(columns="label").to_csv(f"set/{file}.csv", index=False)
    assert write_study(Path("set"), ["label"])[1][0].startswith("train.csv: 24 images")


def test_several_tables_beside_folders_of_pictures_are_named() -> None:
    write_images(Path("set"), PICTURES)
    several_tables(Path("set"), PICTURES)
    assert SEVERAL.format("; ", "label, age, file")[4:] in refused("set")


def test_tables_of_pictures_that_lie_elsewhere_are_tables() -> None:
    Path("set").mkdir()
    several_tables(Path("set"), [f"https://x.org/{k}.png" for k in range(24)])
    assert write_study(Path("set"), ["label"])[1][0].startswith("set: 24 rows")


ANSWERS = ["No", "no", "Yes", "yes ", "No", "Yes"] * 10


def test_classes_and_categories_that_differ_in_capitals_or_spaces_alone_are_told() -> None:
    colours = ["Red", "dark  red", "blue ", "Dark red", "blue", "red"] * 10
    numbers = [k + 0.5 * (k % 7) for k in range(60)]
    told = facts({"x": numbers, "colour": colours, "ok": ANSWERS, "y": ANSWERS}, "y")
    alike = "has values that differ in capitals or spaces alone"
    assert f"column 'y' {alike}" not in told
    assert "classes 'No' and 'no' are kept apart" in told
    both = "'Red' (10) and 'red' (10); 'dark  red' (10) and 'Dark red' (10)"
    assert f"careful: column 'colour' {alike}: {both}: write them alike" in told
    assert "column 'ok' has" not in told, "truth values are read as what they mean"


def test_values_that_differ_otherwise_are_not_told() -> None:
    numbers = [k + 0.5 * (k % 7) for k in range(60)]
    told = facts({"x": numbers, "c": ["a", "b", "a ", "A1"] * 15, "y": ["p", "q"] * 30}, "y")
    assert "capitals or spaces" not in told


@pytest.mark.parametrize(
    ("name", "study"),
    [("x.csv.gz", "x"), ("my.v2.csv.bz2", "my-v2"), ("x.csv", "x"), ("x.csv.zip", "x")],
)
def test_a_packed_table_gives_its_own_name(name: str, study: str) -> None:
    frame = {"a": [0.1 * k * k for k in range(40)], "y": [float(k) for k in range(40)]}
    pd.DataFrame(frame).to_csv(name, index=False)
    assert write_study(Path(name), ["y"])[0] == Path(f"{study}.yaml")


def test_one_copy_is_told_in_the_singular() -> None:
    write_images(Path("set"), [f"{name}/{k}.png" for name in "ab" for k in range(8)])
    copy = Path("set/a/0.png").read_bytes()
    Path("set/a/9.png").write_bytes(copy)
    told = "\n".join(write_study(Path("set"), [])[1])
    assert "duplicates: 1 image is a copy of another, pixel by pixel" in told
