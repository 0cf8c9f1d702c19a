"""Tables with several columns of paths of images: which is taken, and that it stays so."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from image_examples import load, pixels_of, write_images

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.errors import UserError
from nearfar.execution.run import write_schema
from nearfar.models.schema import InputSchema
from nearfar.models.told import reading_notes
from nearfar.starter.asked import checked
from nearfar.starter.detect import detect
from nearfar.starter.write import write_study

ROWS = range(24)


def frame(**columns: str) -> pd.DataFrame:
    given = {name: [form.format(k) for k in ROWS] for name, form in columns.items()}
    return pd.DataFrame({**given, "label": ["a", "b"] * 12})


def two_folders(folder: Path) -> np.ndarray:
    """Write pictures and masks of the same names; return the pixels of the pictures."""
    write_images(folder, [f"masks/{k}.png" for k in ROWS], seed=1)
    return write_images(folder, [f"photos/{k}.png" for k in ROWS], seed=2)


@pytest.mark.parametrize(
    "columns",
    [
        {"image": "photos/{}.png", "mask": "masks/{}.png"},
        {"mask": "masks/{}.png", "image": "photos/{}.png"},
        {"label_file": "masks/{}.png", "ct": "photos/{}.png"},
    ],
)
def test_the_column_called_as_images_are_is_taken_and_written(
    tmp_path: Path, columns: dict[str, str]
) -> None:
    pixels = two_folders(tmp_path)
    frame(**columns).to_csv(tmp_path / "t.csv", index=False)
    finding = detect(str(tmp_path / "t.csv"), ["label"], tmp_path)
    (taken,) = {"image", "ct"} & columns.keys()
    (other,) = columns.keys() - {taken}
    assert finding.data.image == taken
    assert np.array_equal(pixels_of(finding.dataset), pixels)
    told = f"careful: the images are those of column '{taken}'; '{other}' names others"
    assert any(fact.startswith(told) for fact in finding.facts)
    words = rf"t\.csv: several columns of images: set data: image to one of {taken}, {other}"
    with pytest.raises(UserError, match=words):
        load(tmp_path / "t.csv", target="label")
    load(tmp_path / "t.csv", target="label", image=other)


@pytest.mark.parametrize(
    "other", ["/photos/{}.png", "https://x.org/{}.png", "gone/{}.png", "{}", "photos/../photos/{}"]
)
def test_columns_of_the_same_pictures_or_of_none_are_no_question(
    tmp_path: Path, other: str
) -> None:
    pixels = write_images(tmp_path, [f"photos/{k}.png" for k in ROWS])
    frame(url=other, image="photos/{}.png").to_csv(tmp_path / "t.csv", index=False)
    finding = detect(str(tmp_path / "t.csv"), ["label"], tmp_path)
    assert finding.data.image == "image"
    assert not any(fact.startswith("careful: the images") for fact in finding.facts)
    assert np.array_equal(pixels_of(load(tmp_path / "t.csv", target="label")), pixels)


def schema_of(dataset: Dataset) -> InputSchema:
    """Return the schema that a run of a study without ``image`` writes."""
    written: dict[str, Any] = {}
    options = DataOptions(source="images", path="t.csv", target="label")
    prepared: Any = SimpleNamespace(
        dataset=dataset,
        resolved=SimpleNamespace(study=SimpleNamespace(data=options)),
        folder=SimpleNamespace(write_json=lambda _, plain: written.update(plain)),
    )
    write_schema(prepared)
    return InputSchema.from_plain(written)


def test_rows_to_predict_for_are_read_by_the_column_that_was_learnt_from(tmp_path: Path) -> None:
    pixels = two_folders(tmp_path)
    file = tmp_path / "t.csv"
    both = frame(mask="masks/{}.png", image="photos/{}.png")
    both[["image", "label"]].to_csv(file, index=False)
    dataset = load(file, target="label")
    schema = schema_of(dataset)
    both.to_csv(file, index=False)
    assert np.array_equal(schema.read(file).inputs.pixels, pixels)
    both.rename(columns={"image": "img"}).to_csv(file, index=False)
    with pytest.raises(UserError, match="no column 'image'"):
        schema.read(file)
    both[["image"]].rename(columns={"image": "img"}).to_csv(file, index=False)
    rows = schema.read(file)
    assert np.array_equal(rows.inputs.pixels, pixels)
    told = "t: no column 'image' of images, as the study has: 'img' is taken"
    assert told in reading_notes(rows, "t")


@pytest.mark.parametrize("form", ["{}.png", "{}"])
@pytest.mark.parametrize("said", [{"root": "photos"}, {"root": "photos", "image": "scan"}])
def test_pictures_of_a_table_are_looked_at_where_the_root_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, said: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(Path("photos"), [f"p{k}.png" for k in ROWS], side=12)
    write_images(Path("photos"), [f"p{k}.png" for k in range(8)], side=16, channels=1)
    Path("tables").mkdir()
    frame(scan=f"p{form}").to_csv("tables/t.csv", index=False)
    study, facts = write_study(
        Path("tables/t.csv"), ["label"], Path("tables/s.yaml"), None, checked(said)
    )
    assert "t.csv: 24 images" in facts[0]
    data = yaml.safe_load(study.read_text(encoding="utf-8"))["data"]
    kept = {"image": "scan", "size": 12, "channels": 3, "on_bad_rows": "error"}
    assert kept.items() <= data.items()
    assert len(load_dataset(DataOptions(**data), study.parent)) == 24
    there = (
        ": no column holds paths of images: take --image" if form == "{}" else ".* cannot be read"
    )
    with pytest.raises(UserError, match=rf"t\.csv{there}"):
        write_study(Path("tables/t.csv"), ["label"], None, None, checked({"root": "tables"}))


@pytest.mark.parametrize("target", [["kind"], []])
def test_names_of_class_numbers_are_read_at_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(Path(), [f"{k}.png" for k in ROWS])
    table = frame(file="{}.png").drop(columns="label").assign(kind=[0, 1] * 12)
    table.to_csv("t.csv", index=False)
    Path("names.txt").write_text("0 cat\n1 dog\n", encoding="utf-8")
    finding = detect("t.csv", target, tmp_path, None, checked({"mapping": "names.txt"}))
    assert finding.dataset.classes == ("cat", "dog")
