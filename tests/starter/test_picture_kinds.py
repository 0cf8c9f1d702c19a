"""``nearfar init`` on pictures of every kind: what it writes can be read, what is done is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from image_examples import load, write_images
from PIL import Image

from nearfar.data.table_form import TableForm
from nearfar.errors import UserError
from nearfar.starter.asked import checked
from nearfar.starter.detect import Finding, detect
from nearfar.starter.detect_images import detect_images
from nearfar.starter.scalars import scalar
from nearfar.starter.write import write_study
from nearfar.study.load import load_study

RNG = np.random.default_rng(0)


def noise(path: Path, mode: str, size: tuple[int, int] = (40, 24)) -> None:
    """Write a picture of width and height ``size``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = {"RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4}.get(mode, 1)
    shape = (size[1], size[0], bands)[: 2 + (bands > 1)]
    if mode == "I;16":
        Image.fromarray(RNG.integers(0, 4096, shape, dtype=np.uint16)).save(path)
        return
    picture = Image.fromarray(RNG.integers(0, 255, shape, dtype=np.uint8))
    if mode == "CMYK":
        picture = Image.frombytes("CMYK", size, RNG.bytes(4 * size[0] * size[1]))
    elif mode == "P":
        picture = picture.convert("RGB").quantize(8)
    picture.save(path)


def folder(root: Path, *modes: str, ending: str = "png", **more: Any) -> Path:
    """Write two classes of 12 pictures, of these modes in turn."""
    for k in range(24):
        mode = modes[k % len(modes)]
        noise(
            root / "ab"[k % 2] / f"{k}.{'tif' if mode in ('CMYK', 'I;16') else ending}",
            mode,
            **more,
        )
    return root


def study_of(path: Path, *targets: str) -> tuple[dict[str, Any], str, Finding]:
    """Write a study, resolve it and read its data again."""
    out = path.parent / "study.yaml"
    out.unlink(missing_ok=True)
    _, facts = write_study(path, targets, out)
    data = yaml.safe_load(out.read_text(encoding="utf-8"))["data"]
    resolved = load_study(str(out)).study.data
    finding = detect(str(path), list(targets), Path("nowhere"))
    chosen = resolved.model_dump(exclude_none=True) | {"path": str(path)}
    assert load(**chosen).digest == finding.dataset.digest
    return data, "\n".join(facts), finding


@pytest.mark.parametrize(
    ("modes", "form", "words"),
    [
        (("RGB",), {}, "images of 40x24, in colour"),
        (("L",), {}, "images of 40x24, grey"),
        (("P",), {}, "24 images: a palette made RGB"),
        (("RGBA",), {"channels": 3}, "24 images: transparency laid on white"),
        (("RGBA",), {"channels": 3}, "channels: 4 keeps it as a fourth channel"),
        (("RGB", "RGB", "RGB", "RGBA"), {"channels": 3}, "6 images: transparency laid on white"),
        (("LA", "L"), {"channels": 1}, "12 images: transparency laid on white"),
        (("L", "RGB"), {"channels": 3}, "12 images: grey repeated in three channels"),
        (("CMYK",), {"channels": 3}, "24 images: CMYK made RGB"),
        (("CMYK", "L", "RGBA"), {"channels": 3}, "8 images: CMYK made RGB"),
        (("I;16",), {"range": [0.0, 4095.0]}, "values from 0 to 4095 become 0 to 255, in every"),
    ],
)
def test_modes(tmp_path: Path, modes: tuple[str, ...], form: dict[str, Any], words: str) -> None:
    data, facts, finding = study_of(folder(tmp_path / "pics", *modes))
    assert {key: data[key] for key in ("size", "channels", "range") if key in data} == form
    assert words in facts
    assert len(finding.dataset) == 24
    assert data["on_bad_rows"] == "error"


def test_large_and_mixed_sizes(tmp_path: Path) -> None:
    data, facts, _ = study_of(folder(tmp_path / "large", "RGB", size=(200, 200)))
    assert data["size"] == 128
    assert "images of 128x128, in colour, resized from 200x200 (antialiased" in facts
    for k, size in enumerate([(30, 20), (20, 30), (25, 25), (90, 60)]):
        folder(tmp_path / "mixed", "RGB", size=(20, 20))
        noise(tmp_path / "mixed" / "a" / f"x{k}.png", "RGB", size)
    data, facts, finding = study_of(tmp_path / "mixed")
    assert data["size"] == 20
    assert "resized from 5 sizes from 20x20 to 90x60" in facts
    assert len(finding.dataset) == 28


def test_stray_files_and_folders_are_told_and_counted_as_run_does(tmp_path: Path) -> None:
    root = folder(tmp_path / "pics", "RGB")
    (root / "a" / "notes.txt").write_text("x")
    noise(root / "a" / "x.gif", "P")
    (root / "docs").mkdir()
    data, facts, finding = study_of(root)
    assert (
        "left out: 2 files that are not read as images (1 × .gif, 1 × .txt): a/notes.txt, a/x.gif"
        in facts
    )
    assert "no image in the folder docs" in facts
    assert (len(finding.dataset), data["on_bad_rows"]) == (24, "error")


def test_parts_are_told(tmp_path: Path) -> None:
    for part in ("train", "val"):
        folder(tmp_path / "pics" / part, "RGB")
    _, facts, finding = study_of(tmp_path / "pics")
    assert finding.split.kind == "predefined"
    assert "24 train, 24 validation; without a test part the validation part is tested" in facts
    folder(tmp_path / "pics" / "val" / "emu", "RGB")
    with pytest.raises(UserError, match="the parts of the data cannot be used: class 'emu' has 24"):
        study_of(tmp_path / "pics")


def test_folders_named_by_number(tmp_path: Path) -> None:
    for age in ("1", "2", "10", "025"):
        for k in range(8):
            noise(tmp_path / "ages" / age / f"{k}.png", "RGB")
    _, facts, finding = study_of(tmp_path / "ages")
    assert finding.dataset.classes == ("1", "2", "10", "025")
    assert "--task regression predicts the numbers" in facts
    path = tmp_path / "ages"
    options, _, dataset, _ = detect_images(str(path), path, [], TableForm(), tmp_path, "regression")
    assert options.task == "regression"
    assert sorted(set(dataset.targets[:, 0])) == [1, 2, 10, 25]


def test_pages_of_tiff_are_told(tmp_path: Path) -> None:
    for k in range(24):
        path = tmp_path / "pics" / "ab"[k % 2] / f"{k}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        pages = [Image.fromarray(RNG.integers(0, 255, (9, 9), dtype=np.uint8)) for _ in range(3)]
        pages[0].save(path, save_all=True, append_images=pages[1:])
    _, facts, _ = study_of(tmp_path / "pics")
    assert "24 images: first of several pages used (data: pages: channels takes all" in facts


def test_many_channels(tmp_path: Path) -> None:
    for k in range(24):
        path = tmp_path / "pics" / "ab"[k % 2] / f"{k}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, RNG.integers(0, 2000, (5, 30, 20), dtype=np.uint16))
    data, facts, _ = study_of(tmp_path / "pics")
    assert data["range"] == [0, 4095]
    assert "images of 20x30, of 5 channels" in facts


def test_unused_columns_are_told(tmp_path: Path) -> None:
    names = [f"{k:02d}.png" for k in range(30)]
    write_images(tmp_path / "pics", names)
    lines = [f"{name[:2]},{'ab'[k % 2]},{k * 1.5}" for k, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join(["id,label,weight", *lines]))
    data, facts, _ = study_of(tmp_path / "t.csv", "label")
    assert data["image"] == "id"
    assert "columns not used: weight (numbers)" in facts
    assert "30 images found by name, in column 'id'" in facts


@pytest.mark.parametrize("name", ["tab\there", "line\nfeed: x", "del\x7f", "ne\x85xt", "ü\u2028é"])
def test_control_characters_in_names(tmp_path: Path, name: str) -> None:
    names = [f"{k:02d}.png" for k in range(30)]
    write_images(tmp_path, names)
    lines = [f"{n},{'ab'[k % 2]}" for k, n in enumerate(names)]
    (tmp_path / "t.csv").write_text("\n".join([f'file,"{name}"', *lines]), encoding="utf-8")
    column = " ".join(name.split()) if len(name.split()) > 1 else name
    data, _, _ = study_of(tmp_path / "t.csv", column)
    assert data["target"] == column
    root = folder(tmp_path / name.replace("/", ""), "RGB")
    (root / "a").rename(root / name)
    _, _, finding = study_of(root)
    assert name in finding.dataset.classes


@pytest.mark.parametrize("value", [True, False, 3, 0.5, 4095.0, -1, "no", "1", "a: b", "\x07", "é"])
def test_scalars_come_back(value: Any) -> None:
    back = yaml.safe_load(f"x: {scalar(value)}\n")["x"]
    assert back == value
    assert isinstance(back, str) is isinstance(value, str)


@pytest.mark.parametrize("names", [[], ["a/1.heic", "b/2.heic"]])
def test_a_folder_without_images_is_told_as_such(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "pics").mkdir()
    for name in names:
        (tmp_path / "pics" / name).parent.mkdir()
        (tmp_path / "pics" / name).write_bytes(b"x")
    words = r"2 are HEIC \(a/1.heic, …\)" if names else "the folder is empty"
    with pytest.raises(UserError, match=words):
        study_of(tmp_path / "pics")


def test_numbers_in_a_table_are_no_pictures_that_are_called_so(tmp_path: Path) -> None:
    for age in range(20, 50):
        noise(tmp_path / "photos" / f"{age}.png", "L", (12, 12))
    rows = [f"{20 + k % 30},{'ab'[k // 3 % 2]}" for k in range(60)]
    (tmp_path / "survey.csv").write_text("\n".join(["age,mood", *rows]), encoding="utf-8")
    data, facts, _ = study_of(tmp_path / "survey.csv", "mood")
    assert (data["source"], data["features"]) == ("table", ["age"])
    assert "found by name" not in facts
    once = [f"{20 + k},{'ab'[k // 3 % 2]},{k * 7 % 11}" for k in range(30)]
    (tmp_path / "once.csv").write_text("\n".join(["no,mood,x", *once]), encoding="utf-8")
    _, facts, _ = study_of(tmp_path / "once.csv", "mood")
    assert "30 images found by name, in column 'no' (--image none takes the table as" in facts
    asked = checked({"image": "none"})
    write_study(tmp_path / "once.csv", ["mood"], tmp_path / "none.yaml", None, asked)
    read = yaml.safe_load((tmp_path / "none.yaml").read_text(encoding="utf-8"))["data"]
    assert (read["source"], read["features"]) == ("table", ["x"])
