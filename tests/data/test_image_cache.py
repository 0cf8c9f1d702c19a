"""Decoded pixels are kept on disk, and given back only while their files are the same."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from image_examples import load, pixels_of, write_images
from pyarrow import parquet

from nearfar.data import DataOptions, load_inputs
from nearfar.data.read.images import cache, decode
from nearfar.errors import UserError

NAMES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(4)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[decode.Encoded]:
    """What is decoded; everything is kept, however small."""
    monkeypatch.setattr(cache, "KEPT_FROM", 1)
    seen: list[decode.Encoded] = []
    real = decode.decode

    def counted(encoded: decode.Encoded, *form: Any) -> decode.Pixels:
        seen.append(encoded)
        return real(encoded, *form)

    monkeypatch.setattr(decode, "decode", counted)
    return seen


def test_second_reading_decodes_nothing(
    tmp_path: Path, decoded: list[decode.Encoded], own_cache: Path
) -> None:
    pixels = write_images(tmp_path, NAMES)
    first = load(tmp_path)
    assert len(decoded) == 8
    again = load(tmp_path)
    assert len(decoded) == 8
    assert again.digest == first.digest
    assert np.array_equal(pixels_of(again), pixels)
    assert sorted(path.suffix for path in (own_cache / "images").iterdir()) == [".json", ".npy"]


def test_changed_file_or_option_decodes_again(
    tmp_path: Path, decoded: list[decode.Encoded]
) -> None:
    write_images(tmp_path, NAMES)
    load(tmp_path)
    load(tmp_path, size=4)
    assert len(decoded) == 16
    pixels = write_images(tmp_path, NAMES, seed=1)
    for name in NAMES:
        os.utime(tmp_path / name, (1, 1))
    assert np.array_equal(pixels_of(load(tmp_path)), pixels)
    assert len(decoded) == 24
    load(tmp_path, limit={"rows": 4})
    assert len(decoded) == 28


@pytest.mark.parametrize("form", ["structs", "texts"])
def test_changed_file_that_a_parquet_file_names_is_decoded_again(
    tmp_path: Path, decoded: list[decode.Encoded], own_cache: Path, form: str
) -> None:
    write_images(tmp_path, NAMES)
    cells = NAMES if form == "texts" else [{"bytes": None, "path": name} for name in NAMES]
    labels = [name[:3] for name in NAMES]
    parquet.write_table(pa.table({"image": cells, "label": labels}), tmp_path / "t.parquet")
    first = load(tmp_path / "t.parquet", target="label")
    assert load(tmp_path / "t.parquet", target="label").digest == first.digest
    assert len(decoded) == 8
    (tmp_path / NAMES[0]).write_bytes((tmp_path / NAMES[5]).read_bytes())
    again = load(tmp_path / "t.parquet", target="label")
    assert np.array_equal(pixels_of(again)[0], pixels_of(first)[5])


def test_bad_images_are_remembered(tmp_path: Path, decoded: list[decode.Encoded]) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / NAMES[5]).write_text("junk")
    first = load(tmp_path, on_bad_rows="drop")
    again = load(tmp_path, on_bad_rows="drop")
    assert len(decoded) == 8
    assert again.ids == first.ids
    assert "6" not in again.ids
    assert again.source == first.source
    assert again.digest == first.digest
    with pytest.raises(UserError, match=r"dog/1.png: the image is not an image"):
        load(tmp_path)


def test_same_files_of_other_rows_are_decoded_again(
    tmp_path: Path, decoded: list[decode.Encoded]
) -> None:
    pixels = write_images(tmp_path, NAMES)

    def table(gap: int) -> Path:
        cells = [*NAMES[:gap], "", *NAMES[gap:]]
        lines = [f"{cell},{row}" for row, cell in enumerate(cells)]
        (tmp_path / f"{gap}.csv").write_text("\n".join(["image,y", *lines]) + "\n")
        return tmp_path / f"{gap}.csv"

    options = DataOptions(source="images", path="t.csv", target="y", task="regression")
    for gap in (2, 6):
        rows = load(table(gap), target="y", task="regression", on_bad_rows="drop")
        assert rows.targets[:, 0].tolist() == [row for row in range(9) if row != gap]
        assert np.array_equal(pixels_of(rows), pixels)
        assert rows.source["reasons"] == {"image missing": 1}
        new = load_inputs(
            options.model_copy(update={"on_bad_rows": "drop"}), table(gap), rows.inputs
        )
        assert new.given is not None
        assert new.given.reasons == {gap: "the image is missing"}
    assert len(decoded) == 32


@pytest.mark.parametrize("damage", ["half", "empty"])
def test_damaged_cache_is_made_again(
    tmp_path: Path, decoded: list[decode.Encoded], own_cache: Path, damage: str
) -> None:
    pixels = write_images(tmp_path, NAMES)
    load(tmp_path)
    (kept,) = (own_cache / "images").glob("*.npy")
    kept.write_bytes(kept.read_bytes()[: 200 if damage == "half" else 0])
    assert np.array_equal(pixels_of(load(tmp_path)), pixels)
    assert len(decoded) == 16


def test_large_arrays_stay_on_disk(
    tmp_path: Path, decoded: list[decode.Encoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = write_images(tmp_path, NAMES)
    in_memory = load(tmp_path).digest
    monkeypatch.setattr(cache, "IN_MEMORY_UP_TO", 100)
    mapped = load(tmp_path)
    assert mapped.digest == in_memory
    assert np.array_equal(pixels_of(mapped), pixels)
    assert len(decoded) == 8
    found = cache.PixelCache(cache.fingerprint([], "gone")).read()
    assert found is None
    (key,) = {path.stem for path in (cache.cache_home() / "images").iterdir()}
    kept = cache.PixelCache(key).read()
    assert kept is not None
    assert isinstance(kept[0], np.memmap)
    room = cache.PixelCache(key).room((3, 100))
    assert isinstance(room, np.memmap)
    room[:] = 7
    assert int(room.sum()) == 2100


def test_folder_that_cannot_be_written_to_is_no_mistake(
    tmp_path: Path, decoded: list[decode.Encoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = write_images(tmp_path / "data", NAMES)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert np.array_equal(pixels_of(load(tmp_path / "data")), pixels)


def test_small_arrays_are_not_kept(tmp_path: Path, own_cache: Path) -> None:
    write_images(tmp_path, NAMES)
    load(tmp_path)
    assert not (own_cache / "images").exists()
