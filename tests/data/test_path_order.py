"""Embeddings without ids of pictures in folders: joined in the order of the sorted paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearfar.data import DataOptions, Dataset, load_dataset
from nearfar.data.embeddings import embeddings_of, with_embeddings
from nearfar.data.read.embeddings import read_embeddings
from nearfar.data.sources.images import load_image_inputs
from nearfar.errors import UserError

OPTIONS = DataOptions(source="images", path="pictures", on_bad_rows="drop")


def _laid(folder: Path, *names: str) -> list[str]:
    """Write pictures, and of each its path as an embedding; return their paths."""
    for number, name in enumerate(names):
        path = folder / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(path)
    pictures = folder / "pictures"
    paths = sorted(str(path.relative_to(pictures)) for path in pictures.rglob("*.png"))
    np.save(folder / "e.npy", np.arange(len(paths))[:, None])
    np.savez(folder / "e.npz", ids=np.array(paths), embeddings=np.arange(len(paths))[:, None])
    return paths


def _joined(folder: Path, file: str, **more: str) -> Dataset:
    return with_embeddings(load_dataset(OPTIONS, folder), [{"path": file, **more}], folder)


def test_pictures_beside_the_folders_of_classes_do_not_shift_the_others(tmp_path: Path) -> None:
    paths = _laid(tmp_path, "b/1.png", "b/2.png", "z.png", "d/1.png", "d/2.png", "c.png")
    dataset = _joined(tmp_path, "e.npy")
    (found,) = dataset.embeddings.values()
    assert dataset.names == ["b/1.png", "b/2.png", "d/1.png", "d/2.png"]
    assert [paths[int(number)] for number in found.values[:, 0]] == dataset.names
    assert "joined by row number: b/1.png, b/2.png, c.png, …, the sorted paths" in found.told
    like = dataset.inputs
    rows = load_image_inputs(OPTIONS, tmp_path / "pictures", like)
    new = embeddings_of(rows, read_embeddings(tmp_path / "e.npy"))
    assert [paths[int(number)] for number in new.values[:, 0]] == rows.keys


@pytest.mark.parametrize("sign", [" ", "-", ".", "(", "+"])
def test_orders_that_differ_are_refused_with_what_to_do(tmp_path: Path, sign: str) -> None:
    name = f"apple{sign}old"
    paths = _laid(tmp_path, "apple/1.png", "apple/2.png", f"{name}/1.png", f"{name}/2.png")
    with pytest.raises(UserError, match=r"as texts .* ids=paths, embeddings=…\)$"):
        _joined(tmp_path, "e.npy")
    with pytest.raises(UserError, match="leave match out to join them by id"):
        _joined(tmp_path, "e.npz", match="row")
    dataset = _joined(tmp_path, "e.npz")
    (found,) = dataset.embeddings.values()
    assert [paths[int(number)] for number in found.values[:, 0]] == dataset.keys
    rows = load_image_inputs(OPTIONS, tmp_path / "pictures", dataset.inputs)
    with pytest.raises(UserError, match="ids=paths, embeddings"):
        embeddings_of(rows, read_embeddings(tmp_path / "e.npy"))
