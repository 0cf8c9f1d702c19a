"""``nearfar init`` finds out how images are stored and what form they need."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_examples import load, some_pixels, write_idx, write_images

from nearfar.errors import UserError
from nearfar.starter.detect import Finding, detect
from nearfar.starter.detect_images import table_with

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(15)]


def found(path: Path, target: str | None = None) -> tuple[dict[str, Any], str, Finding]:
    finding = detect(str(path), [target] if target else [], Path("nowhere"))
    chosen = finding.data.model_dump(exclude_none=True)
    assert chosen.pop("path") == str(path)
    assert chosen.pop("source") == "images"
    assert load(path, **chosen).digest == finding.dataset.digest
    return chosen, "\n".join(finding.facts), finding


def test_class_folders(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    chosen, facts, finding = found(tmp_path)
    assert chosen == {"task": "classification", "on_bad_rows": "error"}
    assert finding.split.kind == "folds"
    assert f"{tmp_path.name}: 30 images, a folder of class folders" in facts
    assert "2 classes (cat, dog): 15 images each" in facts
    assert "images of 8x8, in colour" in facts


def test_mixed_sizes_channels_and_damaged_files(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    write_images(tmp_path, ["cat/20.png"], side=12)
    write_images(tmp_path, ["cat/21.png"], channels=1)
    (tmp_path / "dog" / "22.png").write_text("junk")
    chosen, facts, finding = found(tmp_path)
    assert chosen == {
        "size": 8,
        "channels": 3,
        "task": "classification",
        "on_bad_rows": "drop",
    }
    assert len(finding.dataset) == 32
    assert "bad rows: 1 of 33 are left out (on_bad_rows: drop): 1 × no image" in facts
    assert "dog/22.png: the image is not an image" in facts


def test_one_picture_and_pictures_that_are_not_read_are_no_data_set(tmp_path: Path) -> None:
    """Told as pictures, not asked to be tables; also where a few tables lie beside them."""
    write_images(tmp_path, ["one.png"])
    for name in ("cat", "dog"):
        (tmp_path / "gifs" / name).mkdir(parents=True)
        (tmp_path / "gifs" / name / "1.gif").write_bytes(b"GIF89a")
    (tmp_path / "gifs" / "notes.csv").write_text("a,b\n1,2\n")
    for name, words in (
        ("one.png", "one image is no data set: images need a folder for each class, or beside"),
        ("gifs/cat/1.gif", "GIF is not read: convert it to png or jpg"),
        ("gifs", r"no image in this folder that is read: 2 are GIF \(cat/1.gif, …\): convert"),
    ):
        with pytest.raises(UserError, match=words):
            detect(str(tmp_path / name), [], Path("nowhere"))


def test_large_images_are_resized_and_twins_told(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
    x = np.repeat(some_pixels(1, side=200), 24, axis=0)
    x[:20, 0, 0, 0] = np.arange(20) * 9
    np.savez(tmp_path / "x.npz", x=x, y=np.array(["a", "b"] * 12))
    chosen, facts, _ = found(tmp_path / "x.npz")
    assert chosen["size"] == 128
    assert "images are copies of another, pixel by pixel" in facts


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["x", "y"] * 15, "classification", "classes ("),
        ([1, 2, 3] * 10, "classification", "classes ("),
        (list(range(30)), "regression", "numbers from 0 to 29, treated as regression"),
        ([0.5, 1.5] * 15, "regression", "numbers from 0.5 to 1.5"),
    ],
)
def test_target_of_a_table(tmp_path: Path, values: list[Any], task: str, words: str) -> None:
    write_images(tmp_path, NAMES)
    lines = [
        f"{n};{v};{'train' if k % 4 else 'test'}"
        for k, (n, v) in enumerate(zip(NAMES, values, strict=True))
    ]
    (tmp_path / "t.csv").write_text("\n".join(["file;age;split", *lines]))
    chosen, facts, finding = found(tmp_path / "t.csv", "age")
    assert (chosen["task"], chosen["part"], chosen["separator"]) == (task, "split", ";")
    assert finding.split.kind == "predefined"
    assert words in facts
    with pytest.raises(UserError, match=r"no column 'agee' .* did you mean 'age'"):
        found(tmp_path / "t.csv", "agee")


def test_emnist_is_turned_upright(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_idx(tmp_path, f"emnist-x-{part}", some_pixels(24, 1)[:, 0], [0, 1] * 12, True)
    chosen, _, finding = found(tmp_path)
    assert chosen["transposed"] is True
    assert finding.split.kind == "predefined"


def test_tables_of_numbers_still_need_a_target(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(UserError, match="name the column to predict with --target"):
        detect(str(tmp_path / "n.csv"), [], tmp_path)


def test_target_where_there_are_no_columns(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    with pytest.raises(UserError, match="a folder of class folders: it has no column 'age'"):
        detect(str(tmp_path), ["age"], tmp_path)


def test_twins_are_told_apart_from_rows_of_one_group(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    lines = [f"{name},{k % 5 + 0.5 * k},p{k // 2}" for k, name in enumerate(NAMES)]
    (tmp_path / "t.csv").write_text("\n".join(["file,age,person", *lines]))
    chosen, facts, _ = found(tmp_path / "t.csv", "age")
    assert chosen["group"] == "person"
    assert "copies of another" not in facts


def test_a_table_without_a_target_asks_for_one(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / "t.csv").write_text("\n".join(["file,age", *(f"{n},1" for n in NAMES)]))
    with pytest.raises(
        UserError, match=r"t.csv: name the column to predict with --target: age, file"
    ):
        found(tmp_path / "t.csv")


def test_the_table_in_a_folder_of_images(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    assert table_with(tmp_path, ["age"]) is None
    (tmp_path / "t.csv").write_text("\n".join(["file,age", *(f"{n},1" for n in NAMES)]))
    (tmp_path / "other.csv").write_text("a,age\n1,2\n")
    assert table_with(tmp_path, ["age"]) == tmp_path / "t.csv"
    assert table_with(tmp_path, ["size"]) is None
    assert table_with(tmp_path, []) is None
    (tmp_path / "u.csv").write_text((tmp_path / "t.csv").read_text())
    assert table_with(tmp_path, ["age"]) is None
