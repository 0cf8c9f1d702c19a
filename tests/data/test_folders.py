"""Folders as people have them: parts, wrapping, stray files, odd names; nothing is lost unsaid."""

import os
from pathlib import Path

import numpy as np
import pytest
from image_examples import encoded, labels_of, load, pixels_of, some_pixels, write_images
from PIL import Image

from nearfar.data import SplitOptions, split_rows
from nearfar.data.read.images.trees import tree_of
from nearfar.data.read.names import part_folder
from nearfar.errors import UserError


def pictures(root: Path, *folders: str, count: int = 3) -> None:
    """Write different pictures into each folder."""
    names = [f"{folder}/{k}.png" for folder in folders for k in range(count)]
    write_images(root, names, seed=len(str(folders)))


@pytest.mark.parametrize("name", ["none", "na", "null", "NaN", "N/A".replace("/", ""), "?", "None"])
def test_a_folder_s_name_is_never_missing(tmp_path: Path, name: str) -> None:
    pictures(tmp_path, name, "dent")
    dataset = load(tmp_path)
    assert labels_of(dataset).count(name) == 3
    assert (len(dataset), dataset.source["dropped"]) == (6, 0)


def test_names_that_all_but_agree_stay_apart_and_are_told(tmp_path: Path) -> None:
    names = ["cat", "cat ", "Cat", "café", "cafe\u0301"]
    pictures(tmp_path, *names)
    dataset = load(tmp_path)
    assert sorted(dataset.classes) == sorted(names[:4])
    assert len(dataset) == 15
    told = " ".join(dataset.source["folders"])
    assert "'Cat' and 'cat' and 'cat ' are kept apart" in told
    assert "2 folders are of one class, 'caf\u00e9': their names look alike" in told


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val"), ("train", "validation")),
        (("Training", "Validation", "Testing"), ("train", "validation", "test")),
        (("TRAIN", "dev", "holdout"), ("train", "validation", "test")),
        (("training_set", "test_set"), ("train", "test")),
        (("seg_train", "seg_test"), ("train", "test")),
        (("train", "hold-out"), ("train", "test")),
        (("valid", "test"), ("validation", "test")),
    ],
)
def test_two_folders_with_names_of_parts_are_parts(
    tmp_path: Path, folders: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    pictures(tmp_path, *(f"{folder}/{kind}" for folder in folders for kind in ("cat", "dog")))
    dataset = load(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.parts is not None
    of_folder = dict(zip(folders, parts, strict=True))
    assert dataset.parts.tolist() == [of_folder[name.split("/")[0]] for name in dataset.names]


@pytest.mark.parametrize(
    ("name", "part"),
    [("Test", "test"), ("testament", None), ("train images", "train"), ("cat", None), ("", None)],
)
def test_names_of_parts(name: str, part: str | None) -> None:
    assert part_folder(name) == part


def test_folders_without_images_are_told(tmp_path: Path) -> None:
    pictures(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.txt").write_text("x")
    (tmp_path / "train" / "emu").mkdir()
    dataset = load(tmp_path)
    assert (dataset.classes, len(dataset)) == (("cat", "dog"), 12)
    assert dataset.source["folders"] == [
        "no image in the folder docs (other files: 1)",
        "no image in the folder train/emu",
    ]
    assert dataset.source["other_names"] == ["docs/readme.txt"]


@pytest.mark.parametrize("wrap", ["pictures", "data/images", "train"])
def test_a_wrapping_folder_is_passed_through(tmp_path: Path, wrap: str) -> None:
    pictures(tmp_path, f"{wrap}/cat", f"{wrap}/dog")
    dataset = load(tmp_path)
    assert (dataset.classes, dataset.parts) == (("cat", "dog"), None)
    assert dataset.source["folders"][-1] == f"read from the folder {wrap}"
    pictures(tmp_path / "more", f"{wrap}/train/cat", f"{wrap}/train/dog", f"{wrap}/val/cat")
    inner = load(tmp_path / "more")
    assert inner.parts is not None
    assert set(inner.parts.tolist()) == {"train", "validation"}


@pytest.mark.parametrize("inner", [("train", "test"), ("images", "images")])
def test_wrapped_parts(tmp_path: Path, inner: tuple[str, str]) -> None:
    places = zip(("train", "test"), inner, strict=True)
    pictures(tmp_path, *(f"{part}/{name}/{k}" for part, name in places for k in ("cat", "dog")))
    dataset = load(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.parts is not None


def test_parts_below_the_classes(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{k}/{part}" for k in ("cat", "dog") for part in ("train", "test")))
    dataset = load(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.parts is not None
    assert dataset.parts.tolist() == (["test"] * 3 + ["train"] * 3) * 2
    assert dataset.source["folders"] == ["parts are folders in the folders of the classes"]


def test_one_name_of_a_part_is_a_class(tmp_path: Path) -> None:
    pictures(tmp_path, "cat", "test")
    assert (load(tmp_path).classes, load(tmp_path).parts) == (("cat", "test"), None)


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (
            ("train/a", "test/a", "cat"),
            "beside others with images (cat): if all are classes, rename",
        ),
        (("train/a", "val/a", "valid/a"), "two folders for one part (validation): val, valid"),
        (("train", "test"), "hold images and no class folders: if they are classes, rename them"),
    ],
)
def test_what_cannot_be_told_is_refused(
    tmp_path: Path, folders: tuple[str, ...], words: str
) -> None:
    pictures(tmp_path, *folders)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_classes_that_a_part_lacks_are_told(tmp_path: Path) -> None:
    pictures(tmp_path, "train/cat", "train/dog", "train/emu", "test/cat", "test/dog")
    assert load(tmp_path).source["folders"] == ["part test has no image of 1 class: emu"]


def test_unlabelled_part_is_no_part(tmp_path: Path) -> None:
    pictures(tmp_path, "train/cat", "train/dog", "test")
    with pytest.raises(UserError, match=r"test/0.png: target 'class' is missing; 2 more bad rows"):
        load(tmp_path)
    dataset = load(tmp_path, on_bad_rows="drop")
    assert (len(dataset), dataset.parts, dataset.source["dropped"]) == (6, None, 3)
    assert dataset.source["folders"] == ["images in test that lie in no folder of a class: 3"]


STRAYS = ["a/notes.txt", "a/x.gif", "b/y.heic", ".DS_Store", "a/Thumbs.db", "b/._0.png", "b/v.mp4"]


def test_stray_files_are_counted_and_left_out(tmp_path: Path) -> None:
    pictures(tmp_path, "a", "b")
    for name in STRAYS:
        (tmp_path / name).write_bytes(b"stray")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "0.png").write_bytes(encoded(some_pixels(1)[0]))
    dataset = load(tmp_path)
    assert len(dataset) == 6
    assert dataset.source["other_files"] == len(STRAYS) + 1
    kinds = {".db": 1, ".gif": 1, ".heic": 1, ".mp4": 1, ".txt": 1, "hidden": 3}
    assert dataset.source["other_endings"] == kinds
    assert load(tmp_path, on_bad_rows="drop").source["other_files"] == len(STRAYS) + 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_pictures_without_endings_are_read(tmp_path: Path, kind: str) -> None:
    for k, one in enumerate(some_pixels(6)):
        path = tmp_path / "ab"[k % 2] / f"picture {k}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(one, kind))
    (tmp_path / "a" / "LICENSE").write_text("BM, not a bitmap at all, and longer than a header")
    dataset = load(tmp_path)
    assert (len(dataset), dataset.source["other_names"]) == (6, ["a/LICENSE"])


def test_undecodable_pictures_are_bad_rows(tmp_path: Path) -> None:
    pictures(tmp_path, "a", "b")
    (tmp_path / "a" / "x.jpg").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"x.jpg: the image is not an image"):
        load(tmp_path)
    assert load(tmp_path, on_bad_rows="drop").source["dropped"] == 1


def test_folders_named_by_number(tmp_path: Path) -> None:
    names = ["1", "2", "10", "025"]
    pictures(tmp_path, *names)
    classes = load(tmp_path)
    assert classes.classes == ("1", "2", "10", "025")
    counted = [labels_of(classes).count(name) for name in names]
    assert counted == [3, 3, 3, 3]
    assert all(
        name.split("/")[0] == label
        for name, label in zip(classes.names, labels_of(classes), strict=True)
    )
    numbers = load(tmp_path, task="regression", unit="years")
    assert numbers.classes == ()
    assert numbers.targets[:, 0].tolist() == [float(n.split("/")[0]) for n in numbers.names]
    assert numbers.unit == "years"
    assert np.array_equal(pixels_of(numbers), pixels_of(classes))
    pictures(tmp_path, "old")
    with pytest.raises(UserError, match="class folders named by number; folder 'old' is not"):
        load(tmp_path, task="regression")


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    pictures(tmp_path, "a", "b")
    try:
        (tmp_path / "b").rename(tmp_path / os.fsdecode(b"b\xff"))
    except OSError:
        pytest.skip("the file system takes UTF-8 names alone")
    dataset = load(tmp_path)
    assert dataset.classes == ("a", "b\ufffd")
    "".join([*dataset.names, *dataset.classes]).encode()


def test_link_to_a_folder_above(tmp_path: Path) -> None:
    pictures(tmp_path, "a", "b")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    with pytest.raises(UserError, match="a link to a folder above it"):
        load(tmp_path)


def test_without_a_test_part_validation_is_tested(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{p}/{k}" for p in ("train", "val") for k in ("cat", "dog")), count=10)
    dataset = load(tmp_path)
    split = split_rows(dataset, SplitOptions(kind="predefined", validation=0.2), 0)
    assert dataset.parts is not None
    assert (dataset.parts[split.test] == "validation").all()
    sizes = len(split.train), len(split.validation), len(split.test)
    assert sizes == (16, 4, 20)


@pytest.mark.parametrize("name", ["fold{}", "Fold_{}", "k-fold-{}", "cv{}", "split {}"])
def test_folds_are_no_classes(tmp_path: Path, name: str) -> None:
    folds = [name.format(k) for k in (1, 2, 3)]
    pictures(tmp_path, *(f"{fold}/{kind}" for fold in folds for kind in ("cat", "dog")))
    with pytest.raises(UserError, match=r"named after folds .* into one folder cat; or, if"):
        load(tmp_path)


def test_folders_called_after_folds_that_hold_images_are_classes(tmp_path: Path) -> None:
    pictures(tmp_path, "fold1", "fold2")
    assert load(tmp_path).classes == ("fold1", "fold2")


@pytest.mark.parametrize("ending", ["ppm", "pgm", "pbm", "pnm"])
def test_portable_pixmaps_are_images(tmp_path: Path, ending: str) -> None:
    mode = {"pgm": "L", "pbm": "1"}.get(ending, "RGB")
    for k, kind in enumerate(["a", "a", "b", "b"]):
        (tmp_path / kind).mkdir(exist_ok=True)
        pixels = np.random.default_rng(k).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(tmp_path / kind / f"{k}.{ending}", "PPM")
    assert (len(load(tmp_path)), load(tmp_path).source["dropped"]) == (4, 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["pipe", "pipe.png"])
def test_a_pipe_among_pictures_is_not_read(tmp_path: Path, name: str) -> None:
    write_images(tmp_path, ["a.png"])
    os.mkfifo(tmp_path / name)
    tree = tree_of(tmp_path)
    assert [path.name for path in tree.pictures()] == ["a.png"]
    assert [path.name for path in tree.strangers()] == [name]
