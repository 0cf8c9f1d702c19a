"""Every way in which images and labels are stored gives the same rows."""

import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_examples import (
    encoded,
    labels_of,
    load,
    pixels_of,
    some_pixels,
    write_idx,
    write_images,
)

from nearfar.data import SplitOptions, split_rows, straddling_groups

NAMES = ["cat/1.png", "cat/2.png", "cat/deep/3.png", "dog/1.png", "dog/2.PNG"]


def test_class_folders(tmp_path: Path) -> None:
    pixels = write_images(tmp_path, NAMES)
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "cat" / "Thumbs.db").write_text("x")
    dataset = load(tmp_path)
    assert np.array_equal(pixels_of(dataset), pixels)
    assert labels_of(dataset) == ["cat"] * 3 + ["dog"] * 2
    assert dataset.classes == ("cat", "dog")
    assert dataset.names == NAMES
    assert dataset.ids == ["1", "2", "3", "4", "5"]
    assert (dataset.target_names, dataset.unit, dataset.parts) == (["class"], "", None)
    assert dataset.source["layout"] == "a folder of class folders"
    assert dataset.targets.dtype == np.float64


def test_folders_of_parts(tmp_path: Path) -> None:
    names = [f"{part}/{name}" for part in ("Test", "train", "val") for name in NAMES]
    pixels = write_images(tmp_path, names)
    dataset = load(tmp_path)
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["test"] * 5 + ["train"] * 5 + ["validation"] * 5


def test_class_called_test_is_a_class(tmp_path: Path) -> None:
    write_images(tmp_path, ["test/1.png", "test/2.png", "other/1.png", "other/2.png"])
    dataset = load(tmp_path)
    assert (dataset.classes, dataset.parts) == (("other", "test"), None)


def test_table_of_paths(tmp_path: Path) -> None:
    names = [f"pics/{k}.png" for k in range(6)]
    pixels = write_images(tmp_path, names)
    lines = [f"{n},{10 - k}.5,{'ab'[k % 2]},{k // 2},train" for k, n in enumerate(names)]
    text = "\n".join(["file,age,kind,who,split", *lines])
    (tmp_path / "t.csv").write_text(text)
    numbers = load(tmp_path / "t.csv", target="age", task="regression", unit="years", part="split")
    assert np.array_equal(pixels_of(numbers), pixels)
    assert numbers.targets[:, 0].tolist() == [10.5, 9.5, 8.5, 7.5, 6.5, 5.5]
    assert (numbers.classes, numbers.unit, numbers.names) == ((), "years", names)
    classes = load(tmp_path / "t.csv", target="kind", group="who", name="kind", image="file")
    assert labels_of(classes) == ["a", "b"] * 3
    assert classes.groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert classes.names == ["a", "b"] * 3
    (tmp_path / "semi.csv").write_text(text.replace(",", ";"))
    other = load(tmp_path / "semi.csv", target="kind", separator=";")
    assert labels_of(other) == ["a", "b"] * 3


def write_parquet(path: Path, pixels: Any, labels: list[int], metadata: bool = True) -> None:
    cells = [{"bytes": encoded(one), "path": f"{k}.png"} for k, one in enumerate(pixels)]
    table = pa.table({"img": cells, "label": labels, "age": [k / 2 for k in labels]})
    if metadata:
        features = {
            "img": {"_type": "Image"},
            "label": {"names": ["fox", "elk", "auk"], "_type": "ClassLabel"},
        }
        noted = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(noted)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2)


@pytest.mark.parametrize("folder", ["", "data"])
def test_folder_of_parquet_files_of_hugging_face(tmp_path: Path, folder: str) -> None:
    pixels = some_pixels(8)
    for name, rows in (("test-0", [0, 1, 2]), ("train-00", [3, 4, 5]), ("train-01", [6, 7])):
        write_parquet(tmp_path / folder / f"{name}.parquet", pixels[rows], [k % 3 for k in rows])
    dataset = load(tmp_path)
    order = [3, 4, 5, 6, 7, 0, 1, 2]
    assert np.array_equal(pixels_of(dataset), pixels[order])
    assert dataset.classes == ("fox", "elk", "auk")
    assert dataset.targets[:, 0].tolist() == [k % 3 for k in order]
    assert dataset.target_names == ["label"]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 5 + ["test"] * 3
    ages = load(tmp_path, target="age", task="regression")
    assert ages.targets[:, 0].tolist() == [k % 3 / 2 for k in order]


def test_one_parquet_file_without_metadata(tmp_path: Path) -> None:
    pixels = some_pixels(6)
    write_parquet(tmp_path / "x.parquet", pixels, [4, 10, 4, 10, 9, 9], metadata=False)
    dataset = load(tmp_path / "x.parquet", target="label")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.classes == ("4", "9", "10")
    assert labels_of(dataset) == ["4", "10", "4", "10", "9", "9"]


def test_parquet_of_paths(tmp_path: Path) -> None:
    names = [f"p/{k}.png" for k in range(4)]
    pixels = write_images(tmp_path, names)
    pq.write_table(pa.table({"image": names, "y": ["a", "b", "a", "b"]}), tmp_path / "t.parquet")
    assert np.array_equal(pixels_of(load(tmp_path / "t.parquet", target="y")), pixels)


def test_data_set_saved_by_hugging_face(tmp_path: Path) -> None:
    import datasets

    pixels = some_pixels(6)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["b", "a"])}
    )
    cells = [{"bytes": encoded(one), "path": None} for one in pixels]
    whole = datasets.Dataset.from_dict({"image": cells, "label": [0, 1] * 3}, features=features)
    parts = datasets.DatasetDict({"train": whole.select(range(4)), "test": whole.select([4, 5])})
    parts.save_to_disk(str(tmp_path / "saved"))
    dataset = load(tmp_path / "saved")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.classes == ("b", "a")
    assert labels_of(dataset) == ["b", "a"] * 3
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 4 + ["test"] * 2


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files(tmp_path: Path, zipped: bool) -> None:
    pixels = some_pixels(7, channels=1, side=5)
    pixels = pixels[:, :, :, :4]
    labels = [0, 1, 0, 1, 2, 1, 0]
    write_idx(tmp_path, "train", pixels[:5, 0], labels[:5], zipped)
    write_idx(tmp_path, "t10k", pixels[5:, 0], labels[5:], zipped)
    dataset = load(tmp_path)
    assert np.array_equal(pixels_of(dataset), pixels)
    assert labels_of(dataset) == [str(k) for k in labels]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 5 + ["test"] * 2
    upright = load(tmp_path, transposed=True)
    assert np.array_equal(pixels_of(upright), pixels.transpose(0, 1, 3, 2))
    assert upright.digest != dataset.digest


def test_class_names_of_idx_files(tmp_path: Path) -> None:
    write_idx(tmp_path, "a-set-train", some_pixels(4, 1)[:, 0], [0, 1, 0, 1], True)
    write_idx(tmp_path, "a-set-test", some_pixels(2, 1)[:, 0], [0, 1], True)
    assert load(tmp_path).classes == ("0", "1")
    (tmp_path / "names.txt").write_text("0 zero point\n1 one\n")
    named = load(tmp_path, mapping=str(tmp_path / "names.txt"))
    assert named.classes == ("zero point", "one")
    (tmp_path / "a-set-mapping.txt").write_text("0 65\n1 97\n")
    assert load(tmp_path).classes == ("A", "a")
    write_idx(tmp_path, "b-set-train", some_pixels(4, 1, seed=1)[:, 0], [0, 1, 0, 1], True)
    assert load(tmp_path, subset="b-set").parts is None
    assert load(tmp_path, subset="a-set").parts is not None


@pytest.mark.parametrize("shape", ["grey", "last", "first"])
def test_npz(tmp_path: Path, shape: str) -> None:
    pixels = some_pixels(6, channels=1 if shape == "grey" else 3)
    given = {"grey": pixels[:, 0], "last": pixels.transpose(0, 2, 3, 1), "first": pixels}[shape]
    labels = np.array(["u", "v"] * 3)
    np.savez(tmp_path / "a.npz", x=given, y=labels, more=np.array([object], dtype=object))
    dataset = load(tmp_path / "a.npz")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert labels_of(dataset) == ["u", "v"] * 3
    np.savez(
        tmp_path / "b.npz",
        x_train=given[:4],
        y_train=labels[:4, None],
        x_test=given[4:],
        y_test=labels[4:],
    )
    dataset = load(tmp_path / "b.npz")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 4 + ["test"] * 2


def write_cifar(folder: Path, kind: str) -> tuple[Any, list[int]]:
    """Two training batches and a test batch, as CIFAR has them."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, labels = some_pixels(9, side=32), [3, 0, 3, 0, 1, 1, 3, 0, 1]
    for name, rows in (
        ("data_batch_1", [0, 1, 2]),
        ("data_batch_2", [3, 4, 5]),
        ("test_batch", [6, 7, 8]),
    ):
        flat, chosen = pixels[rows].reshape(3, -1), [labels[k] for k in rows]
        if kind == "binary":
            column = np.array(chosen, dtype=np.uint8)[:, None]
            (folder / f"{name}.bin").write_bytes(np.hstack([column, flat]).tobytes())
        else:
            content = pickle.dumps({b"data": flat, b"labels": chosen}, 2)
            (folder / name).write_bytes(content)
    names = ["plane", "car", "bird", "cat"]
    if kind == "binary":
        (folder / "batches.meta.txt").write_text("\n".join([*names, ""]))
    else:
        (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": names}, 2))
    return pixels, labels


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_batches_of_cifar(tmp_path: Path, kind: str) -> None:
    pixels, labels = write_cifar(tmp_path, kind)
    dataset = load(tmp_path)
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.classes == ("plane", "car", "bird", "cat")
    assert dataset.targets[:, 0].tolist() == labels
    assert dataset.parts is not None
    assert dataset.parts.tolist() == ["train"] * 6 + ["test"] * 3


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_cifar10_by_name_in_the_official_layouts(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "cifar10" / f"cifar-10-batches-{'bin' if kind == 'binary' else 'py'}"
    pixels, _ = write_cifar(inner, kind)
    monkeypatch.setenv("NEARFAR_DATA", str(tmp_path))
    dataset = load_named("cifar10")
    assert np.array_equal(pixels_of(dataset), pixels)
    assert dataset.classes[3] == "cat"
    assert len(dataset.classes) == 10
    assert dataset.source["copy"] == "official pixels"
    if kind == "binary":
        with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
            archive.add(inner, "cifar-10-batches-bin")
        assert load(tmp_path / "cifar-10-binary.tar.gz", "cifar10").digest == dataset.digest


def load_named(source: str, **more: Any) -> Any:
    from nearfar.data import DataOptions, load_dataset

    return load_dataset(DataOptions(source=source, **more), Path("nowhere"))


def test_size_and_channels(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_images(folder, NAMES)
    small = load(folder, size=4, channels=1)
    assert pixels_of(small).shape == (5, 1, 4, 4)
    np.savez(tmp_path / "a.npz", x=pixels_of(load(folder)), y=np.array([0, 0, 0, 1, 1]))
    array = load(tmp_path / "a.npz", size=4, channels=1)
    assert np.array_equal(pixels_of(array), pixels_of(small))
    assert len({small.digest, load(folder).digest, load(folder, size=4).digest}) == 3


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    pixels = write_images(tmp_path / "one", NAMES)
    write_images(tmp_path / "other", NAMES)
    one = load(tmp_path / "one")
    assert load(tmp_path / "other").digest == one.digest
    np.savez(tmp_path / "a.npz", x=pixels, y=np.array(["cat"] * 3 + ["dog"] * 2))
    assert load(tmp_path / "a.npz").digest == one.digest
    np.savez(tmp_path / "a.npz", x=pixels, y=np.array(["cat"] * 3 + ["fox"] * 2))
    assert load(tmp_path / "a.npz").digest != one.digest


def test_copies_of_an_image_stay_together(tmp_path: Path) -> None:
    x = some_pixels(40)
    x[20:30] = x[:10]
    np.savez(tmp_path / "a.npz", x=x, y=np.array([0, 1] * 20))
    dataset = load(tmp_path / "a.npz")
    assert dataset.groups.tolist() == [*range(20), *range(10), *range(20, 30)]
    for seed in range(5):
        split = split_rows(dataset, SplitOptions(parts=(0.6, 0.2, 0.2)), seed)
        assert straddling_groups(dataset, split) == 0


def test_split_of_predefined_parts_takes_validation_from_every_class(tmp_path: Path) -> None:
    x = some_pixels(60, 1, 2)
    y = np.array([0] * 30 + [1] * 20)
    np.savez(tmp_path / "a.npz", x_train=x[:50], y_train=y, x_test=x[50:], y_test=y[25:35])
    dataset = load(tmp_path / "a.npz")
    split = split_rows(dataset, SplitOptions(kind="predefined", validation=0.2), 0)
    assert np.bincount(dataset.targets[split.validation, 0].astype(int)).tolist() == [6, 4]
    assert split.test.tolist() == list(range(50, 60))
