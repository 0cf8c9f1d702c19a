"""Pictures of many bits, pages and channels: one rule for a whole data set, told, and kept."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from image_examples import encoded, load, pixels_of, some_pixels
from PIL import Image

from nearfar.data import DataOptions, Dataset, load_inputs
from nearfar.data.read.images.depth import Extent, as_bytes
from nearfar.data.read.images.stored import BadImageError, channels_last
from nearfar.errors import UserError

Array = npt.NDArray[Any]


def write(folder: Path, arrays: list[Array], ending: str = "tif", **more: Any) -> None:
    """Write pictures in turn to the classes a and b."""
    for k, array in enumerate(arrays):
        path = folder / "ab"[k % 2] / f"{k:02d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == "npy":
            np.save(path, array)
        elif ending == "png":
            Image.fromarray(array).save(path)
        else:
            tifffile.imwrite(path, array, **more)


def in_order(dataset: Dataset) -> Array:
    """The pixels in the order of writing, (n, channels, height, width)."""
    order = np.argsort([name[2:] for name in dataset.names])
    return pixels_of(dataset)[order]


def values(kind: str, count: int = 6, high: float = 4000, shape: tuple[int, ...] = (5, 7)) -> Any:
    drawn = np.random.default_rng(0).uniform(0, high, size=(count, *shape))
    drawn.flat[0] = high
    return drawn.astype(kind)


@pytest.mark.parametrize("ending", ["tif", "png", "npy"])
def test_sixteen_bits_are_scaled_by_one_rule(tmp_path: Path, ending: str) -> None:
    found = values("uint16")
    found[3] //= 40  # a dark picture stays dark
    write(tmp_path, list(found), ending)
    dataset = load(tmp_path)
    expected = (found / 4095 * 255).round().astype(np.uint8)
    assert np.array_equal(in_order(dataset)[:, 0], expected)
    assert dataset.source["range"] == [0, 4095]
    said = "values from 0 to 4095 become 0 to 255, in every picture alike"
    assert dataset.source["depth"] == said
    wide = load(tmp_path, range=(0, 65535))
    assert np.array_equal(in_order(wide)[:, 0], (found / 257).round().astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "low", "high", "expected"),
    [
        ("uint16", 0, 200, (0, 255)),
        ("uint16", 0, 1023, (0, 1023)),
        ("uint16", 7, 20_000, (0, 65535)),
        ("uint32", 0, 5e6, (0, 5e6)),
        ("int16", -1000, 3000, (-1000, 3000)),
        ("float32", 0, 1, (0, 1)),
        ("float64", 3, 400, (3, 400)),
        ("float32", -2, 2, (-2, 2)),
    ],
)
def test_the_range_follows_all_values(
    kind: str, low: float, high: float, expected: tuple[float, float]
) -> None:
    extent = Extent()
    extent.add(np.array([high], dtype=kind))
    extent.add(np.array([low], dtype=kind))
    assert extent.range() == expected


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int32", "uint32", "int16"])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_types_of_tiff(tmp_path: Path, kind: str, colours: tuple[int, ...]) -> None:
    found = values(kind, high=500, shape=(5, 7, *colours))
    photometric = "rgb" if colours else "minisblack"
    write(tmp_path, list(found), photometric=photometric)
    dataset = load(tmp_path)
    between = dataset.source["range"]
    expected = as_bytes(found, (between[0], between[1])).reshape(6, 5, 7, -1)
    assert np.array_equal(in_order(dataset), expected.transpose(0, 3, 1, 2))


def test_constant_and_empty_extents_can_be_used() -> None:
    assert Extent().range() == (0, 1)
    extent = Extent()
    extent.add(np.full((2, 2), 3.5))
    low, high = extent.range()
    assert low < high
    assert Extent().range()[0] < Extent().range()[1]


def test_eight_bits_stay_beside_sixteen(tmp_path: Path) -> None:
    write(tmp_path, list(values("uint16", count=4)))
    plain = some_pixels(1, 1)[0, 0, :5, :7]
    write(tmp_path / "x", [plain])
    (tmp_path / "x" / "a" / "00.tif").rename(tmp_path / "a" / "99.tif")
    for folder in (tmp_path / "x" / "a", tmp_path / "x"):
        folder.rmdir()
    assert np.array_equal(in_order(load(tmp_path))[-1, 0], plain)


def test_values_that_are_no_numbers_are_bad_rows(tmp_path: Path) -> None:
    found = values("float32", high=1)
    found[2, 0, 0] = np.nan
    write(tmp_path, list(found))
    with pytest.raises(UserError, match=r"02.tif: the image holds values that are no finite"):
        load(tmp_path)
    kept = load(tmp_path, on_bad_rows="drop")
    assert (len(kept), kept.source["reasons"]) == (5, {"not finite": 1})


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_many_channels_in_a_tiff(tmp_path: Path, planar: str, kind: str) -> None:
    found = values(kind, high=250, shape=(5, 7, 5))
    shown = found if planar == "contig" else found.transpose(0, 3, 1, 2)
    write(tmp_path, list(shown), planarconfig=planar, photometric="minisblack")
    dataset = load(tmp_path)
    assert np.array_equal(in_order(dataset), found.transpose(0, 3, 1, 2).astype(np.uint8))
    assert load(tmp_path, channels=5).digest == dataset.digest
    assert load(tmp_path, size=4).source["shape"] == [5, 4, 4]
    with pytest.raises(UserError, match="has 5 channels where 3 are wanted"):
        load(tmp_path, channels=3)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_pages(tmp_path: Path, kind: str) -> None:
    found = values(kind, high=250, shape=(4, 5, 7))
    write(tmp_path, list(found), photometric="minisblack")
    first = load(tmp_path)
    assert np.array_equal(in_order(first)[:, 0], found[:, 0].astype(np.uint8))
    assert first.source["images"] == {"first of several pages used": 6}
    stacked = load(tmp_path, pages="channels")
    assert np.array_equal(in_order(stacked), found.astype(np.uint8))
    assert stacked.source["images"] == {"pages taken as channels": 6}
    write(tmp_path, [found[0, :3]] * 2, photometric="minisblack")
    with pytest.raises(UserError, match=r"3 channels\) where 4 are wanted"):
        load(tmp_path, pages="channels")


def test_arrays_with_an_axis_of_channels(tmp_path: Path) -> None:
    found = some_pixels(4, channels=2, side=9)
    write(tmp_path / "first", list(found), "npy")
    write(tmp_path / "last", list(found.transpose(0, 2, 3, 1)), "npy")
    for folder in ("first", "last"):
        assert np.array_equal(in_order(load(tmp_path / folder)), found)
        assert load(tmp_path / folder, channel_axis=folder).source["shape"] == [2, 9, 9]
    assert load(tmp_path / "first", channel_axis="last").source["shape"] == [9, 2, 9]
    cubes = [np.zeros((6, 5, 6), np.uint8)] * 4
    write(tmp_path / "cube", cubes, "npy")
    with pytest.raises(UserError, match="shape 6x5x6, which does not tell its channels: set data"):
        load(tmp_path / "cube")
    assert load(tmp_path / "cube", channel_axis="first").source["shape"] == [6, 5, 6]


@pytest.mark.parametrize(
    "array",
    [np.zeros(5), np.zeros((2, 2, 2, 2)), np.zeros((0, 3)), np.array(["x"]), np.array([{}])],
    ids=["line", "four", "empty", "text", "objects"],
)
def test_arrays_that_are_no_picture(tmp_path: Path, array: Array) -> None:
    write(tmp_path, [*some_pixels(4, 1)[:, 0]], "npy")
    np.save(tmp_path / "a" / "00.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=r"00.npy: the image is (an|no) array"):
        load(tmp_path)
    assert len(load(tmp_path, on_bad_rows="drop")) == 3


def test_booleans_are_black_and_white(tmp_path: Path) -> None:
    found = some_pixels(4, 1)[:, 0] > 99
    write(tmp_path, list(found), "npy")
    assert np.array_equal(in_order(load(tmp_path))[:, 0], found * np.uint8(255))


def test_axis_of_channels_of_one_picture() -> None:
    assert channels_last(np.zeros((4, 5)), None).shape == (4, 5, 1)
    assert channels_last(np.zeros((3, 8, 8)), None).shape == (8, 8, 3)
    with pytest.raises(BadImageError, match="does not tell"):
        channels_last(np.zeros((40, 50, 200)), None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_upright(tmp_path: Path, orientation: int) -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    wide = np.stack([grey * 40] * 5, axis=-1).astype(np.uint16)
    for name, array in (("grey", grey), ("wide", wide)):
        more: dict[str, Any] = {"extratags": [(274, 3, 1, orientation, True)]}
        more["photometric"] = "minisblack"
        if name == "wide":
            more["planarconfig"] = "contig"
        write(tmp_path / name, [array] * 4, **more)
    plain = Image.fromarray(grey)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", exif=exif)
    (tmp_path / "grey" / "a" / "00.png").write_bytes(buffer.getvalue())
    upright = pixels_of(load(tmp_path / "grey"))
    assert (upright == upright[0]).all()
    assert np.array_equal(pixels_of(load(tmp_path / "wide"))[0, 0], upright[0, 0] * 40)
    turned = orientation >= 5
    assert upright.shape[2:] == ((3, 2) if turned else (2, 3))


def test_the_rule_is_the_same_at_predict(tmp_path: Path) -> None:
    found = values("uint16")
    write(tmp_path / "study", list(found))
    training = load(tmp_path / "study")
    dark = found[0] // 30
    (tmp_path / "new").mkdir()
    tifffile.imwrite(tmp_path / "new" / "x.tif", dark)
    options = DataOptions(source="images", path=str(tmp_path / "study"))
    rows = load_inputs(options, tmp_path / "new", training.inputs)
    expected = (dark / 4095 * 255).round().astype(np.uint8)
    assert np.array_equal(rows.inputs.arrays()["pixels"][0, 0], expected)
    assert rows.source["range"] == [0, 4095]


def test_a_picture_of_numbers_where_the_study_has_fractions(tmp_path: Path) -> None:
    found = values("float32", high=1)
    write(tmp_path / "study", list(found))
    training = load(tmp_path / "study")
    tifffile.imwrite(tmp_path / "x.tif", found[0] * 255)
    options = DataOptions(source="images", path=str(tmp_path / "study"))
    with pytest.raises(UserError, match="the study's images from 0 to 1: bring it to that scale"):
        load_inputs(options, tmp_path / "x.tif", training.inputs)


def test_deep_picture_where_the_study_has_none(tmp_path: Path) -> None:
    write(tmp_path / "study", list(some_pixels(4, 1, 5)[:, 0]), "png")
    training = load(tmp_path / "study")
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((5, 5), np.uint16))
    options = DataOptions(source="images", path=str(tmp_path / "study"))
    with pytest.raises(UserError, match="more than 8 bits a channel, the study's images have 8"):
        load_inputs(options, tmp_path / "x.tif", training.inputs)


def test_range_is_kept_with_the_decoded_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nearfar.data.read.images import cache

    monkeypatch.setattr(cache, "KEPT_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(tmp_path / "study", list(values("uint16", shape=(2, 5, 7))), photometric="minisblack")
    first, again = load(tmp_path / "study"), load(tmp_path / "study")
    assert any((tmp_path / "cache").rglob("*.npy"))
    assert again.digest == first.digest
    assert again.source == first.source
    assert first.source["images"] == {"first of several pages used": 6}


def test_damaged_tiff_is_one_line(tmp_path: Path) -> None:
    found = list(values("uint16", shape=(5, 7, 5)))
    write(tmp_path, found, photometric="minisblack", planarconfig="contig")
    whole = (tmp_path / "a" / "00.tif").read_bytes()
    for cut in (9, 60, len(whole) - 90):
        (tmp_path / "a" / "00.tif").write_bytes(whole[:cut])
        with pytest.raises(UserError, match=r"00.tif: the image ") as caught:
            load(tmp_path)
        assert "\n" not in str(caught.value)
        assert len(load(tmp_path, on_bad_rows="drop")) == 5


def png_of_16_bits(found: Array) -> bytes:
    """A PNG file of colours, with or without transparency."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checked = name + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    height, width, channels = found.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    step, lines, last = 2 * channels, b"", bytes(2 * channels * width)
    for number, line in enumerate(found.astype(">u2")):
        now = line.tobytes()
        beside = (bytes(step) + now)[: len(now)] if number % 2 else last
        less = bytes((one - other) % 256 for one, other in zip(now, beside, strict=True))
        lines += bytes([1 if number % 2 else 2]) + less
        last = now
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def write_deep_png(folder: Path, arrays: Array) -> None:
    for k, array in enumerate(arrays):
        path = folder / "ab"[k % 2] / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_of_16_bits(array))


def test_sixteen_bits_a_colour_in_png_follow_the_rule(tmp_path: Path) -> None:
    found = values("uint16", count=4, shape=(5, 7, 3))
    write_deep_png(tmp_path, found)
    dataset = load(tmp_path)
    expected = (found / 4095 * 255).round().astype(np.uint8).transpose(0, 3, 1, 2)
    assert np.array_equal(in_order(dataset), expected)
    assert dataset.source["range"] == [0, 4095]
    assert not dataset.source.get("images")
    wide = in_order(load(tmp_path, range=(0, 65535)))
    assert np.array_equal(wide, (found / 257).round().astype(np.uint8).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("channels", [2, 4])
def test_the_upper_half_beside_transparency_is_told_and_follows_the_range(
    tmp_path: Path, channels: int
) -> None:
    found = np.random.default_rng(0).integers(0, 65536, (4, 5, 7, channels), dtype=np.uint16)
    write_deep_png(tmp_path, found)
    upper = (found >> 8).transpose(0, 3, 1, 2)
    for between in (None, (0, 32_896)):
        dataset = load(tmp_path, channels=channels, **({"range": between} if between else {}))
        expected = upper.copy()
        if between:
            expected[:, :-1] = (upper[:, :-1] * (257 * 255 / 32_896)).round().clip(0, 255)
        assert np.array_equal(in_order(dataset), expected)
        told = "16 bits a colour beside transparency, of which the upper 8 are used"
        assert dataset.source["images"][told] == 4


def test_transparency_as_a_channel_or_on_white(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(0, 255, (4, 6, 6, 4), dtype=np.uint8)
    write(tmp_path, list(found), "png")
    four = load(tmp_path, channels=4)
    assert np.array_equal(in_order(four), found.transpose(0, 3, 1, 2))
    assert four.source["images"] == {"transparency kept as a channel": 4}
    white = load(tmp_path, channels=3)
    assert white.source["images"] == {"transparency laid on white": 4}
    grey = load(tmp_path, channels=1)
    assert grey.source["images"] == {"transparency laid on white": 4, "colour made grey": 4}
    (tmp_path / "a" / "00.png").write_bytes(encoded(some_pixels(1, 3, 6)[0]))
    mixed = load(tmp_path, channels=4)
    assert mixed.source["images"]["opaque where transparency is a channel"] == 1
    assert (in_order(mixed)[0, 3] == 255).all()
