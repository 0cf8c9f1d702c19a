"""``utkface`` and ``agedb``: read where they are, or a line that says where to ask for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import encoded, pixels_of, some_pixels, write_images
from pydantic import ValidationError

from nearfar.data import DataOptions, Dataset, SplitOptions, load_dataset, load_inputs, split_rows
from nearfar.data.shown import thumbnails_of
from nearfar.errors import UserError

PARTS = ("train", "validation", "test")


def read(source: str, folder: Path = Path("nowhere"), **more: Any) -> Dataset:
    return load_dataset(DataOptions.model_validate({"source": source, **more}), folder)


def refused(source: str, folder: Path = Path("nowhere"), **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(source, folder, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_parquet(folder: Path, counts: dict[str, int]) -> tuple[np.ndarray, list[float]]:
    """Write made images with ages 1, 2, … in the parts; return their pixels and ages."""
    folder.mkdir()
    pixels = some_pixels(sum(counts.values()))
    ages = [float(k + 1) for k in range(len(pixels))]
    begin = 0
    for part, count in counts.items():
        rows = range(begin, begin + count)
        table = {
            "image": [{"bytes": encoded(pixels[k]), "path": None} for k in rows],
            "age": pa.array([ages[k] for k in rows], pa.float32()),
            "gender": [0] * count,
            "file": [f"{k}.jpg" for k in rows],
        }
        pq.write_table(pa.table(table), folder / f"{part}-00000-of-00001.parquet")
        begin += count
    return pixels, ages


def write_photographs(folder: Path, count: int) -> list[str]:
    names = [f"{1 + 7 * k % 90}_{k % 2}_{k % 5}_{20170100 + k}.jpg.chip.jpg" for k in range(count)]
    write_images(folder, names)
    return names


def write_agedb(folder: Path, ages: list[int], splits: list[str]) -> np.ndarray:
    names = [f"AgeDB/{k}_Somebody_{age}_f.png" for k, age in enumerate(ages)]
    pixels = write_images(folder, names)
    lines = [f"{age},{name},{split}" for age, name, split in zip(ages, names, splits, strict=True)]
    text = "\n".join(["age,path,split", *lines]) + "\n"
    (folder / "agedb.csv").write_text(text, encoding="utf-8")
    return pixels


def test_utkface_in_parquet_files_has_their_parts_and_ages(home: Path) -> None:
    pixels, ages = write_parquet(home / "utkface", {"train": 6, "validation": 2, "test": 3})
    dataset = read("utkface")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.targets[:, 0].tolist() == ages
    assert (dataset.target_names, dataset.unit, dataset.classes) == (["age"], "years", ())
    assert dataset.names[:2] == ["0.jpg", "1.jpg"]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 3


def test_the_original_folder_of_utkface(home: Path) -> None:
    names = write_photographs(home / "UTKFace", 40)
    (home / "UTKFace" / "readme.txt").write_text("ages", encoding="utf-8")
    dataset = read("utkface")
    assert dataset.names == sorted(names)
    assert dataset.targets[:, 0].tolist() == [float(n.split("_")[0]) for n in sorted(names)]
    assert dataset.source["other_files"] == 1
    split = split_rows(dataset, SplitOptions(kind="predefined"), 0)
    assert [len(getattr(split, part)) for part in PARTS] == [30, 5, 5]
    assert read("utkface").digest == dataset.digest
    assert read("utkface", path=str(home / "UTKFace")).digest == dataset.digest
    # Drawn, not cut from the sorted names, whose order is that of the ages.
    assert len(set(np.diff(split.test))) > 1


def test_faces_are_resized_and_limited(home: Path) -> None:
    write_photographs(home / "utkface", 40)
    dataset = read("utkface", size=5, channels=1, limit={"train": 7, "test": 3})
    assert pixels_of(dataset).shape == (7 + 5 + 3, 1, 5, 5)


def test_agedb_is_read_from_its_table(home: Path) -> None:
    splits = ["train", "val", "test", "train", "test"]
    pixels = write_agedb(home / "agedb", [30, 5, 101, 48, 7], splits)
    dataset = read("agedb")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.targets[:, 0].tolist() == [30, 5, 101, 48, 7]
    assert (dataset.target_names, dataset.unit) == (["age"], "years")
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train", "validation", "test", "train", "test"]
    for path in (home / "agedb", home / "agedb" / "agedb.csv"):
        assert read("agedb", path=str(path)).digest == dataset.digest
    assert read("agedb", home, path="agedb").digest == dataset.digest


@pytest.mark.parametrize("source", ["utkface", "agedb"])
def test_no_page_gets_a_picture_of_a_face(source: str, home: Path) -> None:
    write_photographs(home / "utkface", 4)
    write_agedb(home / "agedb", [1, 2, 3, 4], ["train"] * 4)
    assert thumbnails_of(read(source), np.arange(4)) is None


@pytest.mark.parametrize("source", ["utkface", "agedb"])
def test_new_faces_can_be_predicted_for(source: str, home: Path) -> None:
    write_photographs(home / "utkface", 16)
    write_agedb(home / "agedb", [1, 2, 3, 4], ["train"] * 4)
    pixels = write_images(home / "new", ["a.png", "b.png"], seed=1)
    options = DataOptions(source=source)
    rows = load_inputs(options, home / "new", load_dataset(options, home).inputs)
    assert np.array_equal(rows.inputs.arrays()["pixels"], pixels)


def test_lines_that_say_where_faces_are_asked_for(home: Path) -> None:
    assert refused("utkface") == (
        f"data source 'utkface' is not in {home}: get UTKFace (aligned and cropped, for "
        "non-commercial research alone) from https://susanqq.github.io/UTKFace and put its images "
        f"named AGE_GENDER_RACE_DATE.jpg.chip.jpg into {home / 'utkface'}"
    )
    assert refused("agedb") == (
        f"data source 'agedb' is not in {home}: ask its authors for AgeDB (ibug, Imperial College "
        "London, https://ibug.doc.ic.ac.uk/resources/agedb), then put agedb.csv (columns path, "
        f"age, split) with the images beside it into {home / 'agedb'}, or name another folder in "
        "data: path"
    )


def test_other_folders_are_refused(home: Path) -> None:
    (home / "x").mkdir()
    (home / "x" / "holiday.jpg").write_bytes(b"")
    assert refused("utkface", path=str(home / "x")).startswith(f"{home / 'x'}: holds no UTKFace: ")
    said = refused("agedb", path=str(home / "x"))
    assert said == (
        f"{home / 'x'}: holds no AgeDB: it needs agedb.csv (columns path, age, split) with the "
        "images beside it"
    )
    assert "no such file or folder" in refused("agedb", path=str(home / "y"))


def test_tables_of_agedb_that_lack_something(home: Path) -> None:
    folder = home / "agedb"
    write_agedb(folder, [30, 5], ["train", "validate"])
    assert "row 2 (line 3): part 'split' is 'validate'; allowed: train" in refused("agedb")
    (folder / "agedb.csv").write_text("age,path\n30,a.png\n", encoding="utf-8")
    said = refused("agedb")
    assert said.endswith("no column 'split'; needs path, age, split; has age, path")
    (folder / "agedb.csv").write_text("age,path,split\n30,a.png,train\n", encoding="utf-8")
    assert "No such file or directory" in refused("agedb")
    (folder / "agedb.csv").write_text("age,path,split\nold,a.png,train\n", encoding="utf-8")
    assert "target 'age' is 'old', not a number" in refused("agedb")


def test_parquet_files_without_ages_are_refused(home: Path) -> None:
    (home / "utkface").mkdir()
    table = pa.table({"image": [{"bytes": encoded(some_pixels(1)[0]), "path": None}], "old": [3]})
    pq.write_table(table, home / "utkface" / "faces.parquet")
    assert "no column 'age'" in refused("utkface")


@pytest.mark.parametrize("source", ["utkface", "agedb"])
@pytest.mark.parametrize("more", [{"target": "gender"}, {"task": "classification"}, {"hub": "a/b"}])
def test_faces_have_one_target_and_one_place(source: str, more: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"has no option|is for regression"):
        DataOptions.model_validate({"source": source, **more})
