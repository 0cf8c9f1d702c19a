"""Small data of every kind that ``nearfar init`` reads, made here, and ways to damage them.

A door writes its data into a folder. Rows, classes, parts and groups are drawn, so that every
number gives another data set of the kind.
"""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from image_examples import encoded, some_pixels, write_idx, write_images


@dataclass(frozen=True)
class Made:
    """Data that were written: what init is given, and what there is to count."""

    path: Path
    targets: tuple[str, ...]
    rows: int
    classes: int
    parts: bool = False
    groups: int | None = None


Door = Callable[[Path, random.Random], Made]


def _labels(draw: random.Random, rows: int, classes: int) -> list[int]:
    """As many of each class as may be, in a drawn order; every class has ten rows at least."""
    labels = [k % classes for k in range(rows)]
    draw.shuffle(labels)
    return labels


def _size(draw: random.Random) -> tuple[int, int]:
    return draw.randint(40, 48), draw.randint(2, 3)


def _table(draw: random.Random, grouped: bool) -> tuple[pd.DataFrame, int, int | None]:
    rows, classes = _size(draw)
    frame = pd.DataFrame(
        {
            "width": [round(draw.gauss(0, 1), 3) for _ in range(rows)],
            "colour": [draw.choice(["red", "green", "blue"]) for _ in range(rows)],
            "y": [f"kind {k}" for k in _labels(draw, rows, classes)],
        }
    )
    groups = draw.randint(15, 20) if grouped else None
    if groups is not None:
        frame["patient"] = [f"p{k % groups}" for k in range(rows)]
    return frame, classes, groups


def _of_table(name: str, write: Callable[[pd.DataFrame, Path], object]) -> Door:
    def door(folder: Path, draw: random.Random) -> Made:
        frame, classes, groups = _table(draw, draw.random() < 0.5)
        write(frame, folder / name)
        return Made(folder / name, ("y",), len(frame), classes, groups=groups)

    return door


def _molecules(name: str) -> Door:
    def door(folder: Path, draw: random.Random) -> Made:
        rows = draw.randint(40, 48)
        tails = ("O", "N", "Cl", "C(=O)O")
        smiles = ["C" * (k // 4 + 1) + tails[k % 4] for k in range(rows)]
        values = [round(len(text) + draw.random(), 3) for text in smiles]
        path = folder / name
        if path.suffix == ".smi":
            lines = [f"{s} m{k} {v}" for k, (s, v) in enumerate(zip(smiles, values, strict=True))]
            path.write_text("\n".join(["smiles name y", *lines]) + "\n")
            return Made(path, ("y",), rows, 0)
        from rdkit import Chem

        writer = Chem.SDWriter(str(path))
        for text, value in zip(smiles, values, strict=True):
            molecule = Chem.MolFromSmiles(text)
            molecule.SetProp("y", str(value))
            writer.write(molecule)
        writer.close()
        return Made(path, ("y",), rows, 0)

    return door


def _jsonl(frame: pd.DataFrame, path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")) + "\n")


def _nested(frame: pd.DataFrame, path: Path) -> None:
    """A list of records, each with its features in a record within."""
    inner = ["width", "colour"]
    outer = frame.drop(columns=inner).to_dict(orient="records")
    found = zip(outer, frame[inner].to_dict(orient="records"), strict=True)
    path.write_text(json.dumps([{**row, "measured": some} for row, some in found]))


def _utf16(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-16")


def _merged_workbook(folder: Path, draw: random.Random) -> Made:
    """A sheet with a title alone, and one whose groups are merged cells."""
    frame, classes, _ = _table(draw, grouped=False)
    each = draw.randint(2, 4)
    with pd.ExcelWriter(folder / "m.xlsx") as book:
        pd.DataFrame({"of Ann": []}).to_excel(book, sheet_name="About", index=False)
        frame.insert(0, "plate", [f"P{k // each}" * (k % each == 0) for k in range(len(frame))])
        frame.to_excel(book, sheet_name="Data", index=False)
        for first in range(2, len(frame) + 2, each):
            book.sheets["Data"].merge_cells(f"A{first}:A{min(first + each, len(frame) + 2) - 1}")
    groups = -(-len(frame) // each)
    return Made(folder / "m.xlsx", ("y",), len(frame), classes, groups=groups)


def _zipped(frame: pd.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("t.csv", frame.to_csv(index=False))


def _npz(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    pixels = some_pixels(rows, side=6, seed=draw.randrange(1000)).transpose(0, 2, 3, 1)
    np.savez_compressed(folder / "d.npz", x_train=pixels, y_train=_labels(draw, rows, classes))
    return Made(folder / "d.npz", (), rows, classes)


def _medmnist(folder: Path, draw: random.Random) -> Made:
    classes, arrays, total = draw.randint(2, 3), {}, 0
    for part, rows in (("train", 30 + draw.randrange(6)), ("val", 12), ("test", 12)):
        arrays[f"{part}_images"] = some_pixels(rows, side=6, seed=draw.randrange(1000))[:, 0]
        arrays[f"{part}_labels"] = np.array(_labels(draw, rows, classes))[:, None]
        total += rows
    np.savez(folder / "med.npz", **arrays)
    return Made(folder / "med.npz", (), total, classes, parts=True)


def _idx(folder: Path, draw: random.Random) -> Made:
    classes, zipped = draw.randint(2, 3), draw.random() < 0.5
    for stem, rows in (("train", 36), ("t10k", 12)):
        pixels = some_pixels(rows, channels=1, side=6, seed=draw.randrange(1000))[:, 0]
        write_idx(folder / "idx", stem, pixels, _labels(draw, rows, classes), zipped)
    return Made(folder / "idx", (), 48, classes, parts=True)


def _folders(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    names = [
        f"{['ant', 'bee', 'cat'][k]}/{row}.png"
        for row, k in enumerate(_labels(draw, rows, classes))
    ]
    write_images(folder / "pics", names, seed=draw.randrange(1000), side=6)
    return Made(folder / "pics", (), rows, classes)


def _arrays(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    for row, k in enumerate(_labels(draw, rows, classes)):
        path = folder / "arrays" / "abc"[k] / f"{row}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = [[draw.random() for _ in range(6)] for _ in range(6)]
        np.save(path, np.array(values, dtype=np.float32))
    return Made(folder / "arrays", (), rows, classes)


def _table_of_parts(folder: Path, draw: random.Random) -> Made:
    frame, classes, _ = _table(draw, grouped=False)
    words = draw.choice([("Train_set", "Dev_set", "Test_set"), ("training", "dev", "eval")])
    frame["split"] = [words[max(k // 8 - 2, 0)] if k < 40 else words[0] for k in range(len(frame))]
    frame.to_csv(folder / "p.tsv", sep="\t", index=False)
    return Made(folder / "p.tsv", ("y",), len(frame), classes, parts=True)


def _folders_of_parts(folder: Path, draw: random.Random) -> Made:
    classes, names = draw.randint(2, 3), []
    for part, rows in (("train", 30 + draw.randrange(6)), ("val", 12), ("test", 12)):
        names += [
            f"{part}/{'abc'[k]}/{row}.png" for row, k in enumerate(_labels(draw, rows, classes))
        ]
    write_images(folder / "parts", names, seed=draw.randrange(1000), side=6)
    return Made(folder / "parts", (), len(names), classes, parts=True)


def _image_table(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    names = [f"img/{row}.png" for row in range(rows)]
    write_images(folder / "listed", names, seed=draw.randrange(1000), side=6)
    groups = draw.randint(15, 20) if draw.random() < 0.5 else None
    frame = pd.DataFrame({"file": names, "y": [f"k{k}" for k in _labels(draw, rows, classes)]})
    if groups is not None:
        frame["patient"] = [f"p{k % groups}" for k in range(rows)]
    frame.to_csv(folder / "listed" / "t.csv", index=False)
    return Made(folder / "listed" / "t.csv", ("y",), rows, classes, groups=groups)


def _image_folder(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    names = [f"{row}.png" for row in range(rows)]
    write_images(folder / "hf", names, seed=draw.randrange(1000), side=6)
    frame = pd.DataFrame({"file_name": names, "y": [f"k{k}" for k in _labels(draw, rows, classes)]})
    frame.to_csv(folder / "hf" / "metadata.csv", index=False)
    return Made(folder / "hf", ("y",), rows, classes)


def _image_parquet(folder: Path, draw: random.Random) -> Made:
    rows, classes = _size(draw)
    pixels = some_pixels(rows, side=6, seed=draw.randrange(1000))
    frame = pd.DataFrame({"image": [{"bytes": encoded(one), "path": None} for one in pixels]})
    frame["label"] = [f"k{k}" for k in _labels(draw, rows, classes)]
    frame.to_parquet(folder / "im.parquet")
    return Made(folder / "im.parquet", ("label",), rows, classes)


def _saved_table(folder: Path, draw: random.Random) -> Made:
    import datasets

    frame, classes, groups = _table(draw, draw.random() < 0.5)
    datasets.disable_progress_bars()
    datasets.Dataset.from_pandas(frame, preserve_index=False).save_to_disk(str(folder / "table"))
    return Made(folder / "table", ("y",), len(frame), classes, groups=groups)


def _saved_images(folder: Path, draw: random.Random) -> Made:
    import datasets

    classes, pieces, total = draw.randint(2, 3), {}, 0
    names = [str(k + 1) for k in range(classes)]
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    for part, rows in (("train", 30 + draw.randrange(6)), ("val", 12), ("test", 12)):
        pixels = some_pixels(rows, side=6, seed=draw.randrange(1000))
        cells = [{"bytes": encoded(one), "path": None} for one in pixels]
        columns = {"image": cells, "label": _labels(draw, rows, classes)}
        pieces[part] = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
        total += rows
    datasets.disable_progress_bars()
    datasets.DatasetDict(pieces).save_to_disk(str(folder / "pictures"))
    return Made(folder / "pictures", (), total, classes, parts=True)


def _conditions(folder: Path, draw: random.Random) -> Made:
    rows = draw.randint(40, 48)
    tails = ("O", "N", "Cl", "C(=O)O")
    frame = pd.DataFrame(
        {
            "smiles": ["C" * (k // 4 + 1) + tails[k % 4] for k in range(rows)],
            "Temp (K)": [draw.choice([280, 290.5, None]) for _ in range(rows)],
            "solvent": [draw.choice(["water", "ethanol"]) for _ in range(rows)],
            "y": [round(draw.gauss(0, 1), 3) for _ in range(rows)],
        }
    )
    frame.to_csv(folder / "c.csv", index=False)
    return Made(folder / "c.csv", ("y",), rows, 0)


DOORS: dict[str, Door] = {
    "csv": _of_table("t.csv", lambda frame, path: frame.to_csv(path, index=False)),
    "csv.gz": _of_table("t.csv.gz", lambda frame, path: frame.to_csv(path, index=False)),
    "csv.zip": _of_table("t.csv.zip", _zipped),
    "xlsx": _of_table("t.xlsx", lambda frame, path: frame.to_excel(path, index=False)),
    "merged cells": _merged_workbook,
    "UTF-16": _of_table("t.csv", _utf16),
    "json": _of_table("t.json", _nested),
    "jsonl": _of_table("t.jsonl", _jsonl),
    "parquet": _of_table("t.parquet", lambda frame, path: frame.to_parquet(path)),
    "feather": _of_table("t.feather", lambda frame, path: frame.to_feather(path)),
    "tsv of parts": _table_of_parts,
    "sdf": _molecules("m.sdf"),
    "smi": _molecules("m.smi"),
    "npz": _npz,
    "npz of parts": _medmnist,
    "idx": _idx,
    "folders": _folders,
    "folders of arrays": _arrays,
    "folders of parts": _folders_of_parts,
    "table of images": _image_table,
    "ImageFolder": _image_folder,
    "parquet of images": _image_parquet,
    "saved table": _saved_table,
    "saved images": _saved_images,
    "molecules with conditions": _conditions,
}
"""Every kind of data that ``nearfar init`` reads."""


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(1, max(len(content), 2))]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 8, 64])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _header(content: bytes, draw: random.Random) -> bytes:
    start = bytearray(content)
    for _ in range(4):
        start[draw.randrange(min(len(start), 64))] = draw.randrange(256)
    return bytes(start)


def _longer(content: bytes, draw: random.Random) -> bytes:
    return content + draw.randbytes(draw.choice([1, 100, 5000]))


def _hole(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + bytes(20) + content[at + 20 :]


def _inner(content: bytes, draw: random.Random) -> bytes:
    """Damage what is packed, and pack it again, so that it is found only behind the packing."""
    if content[:2] == b"\x1f\x8b":
        return gzip.compress(_flipped(_cut(gzip.decompress(content), draw), draw))
    if content[:2] != b"PK":
        return _cut(_flipped(content, draw), draw)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    hurt, made = draw.choice(sorted(members)), io.BytesIO()
    members[hurt] = draw.choice([_cut, _flipped, _header])(members[hurt] or b"x", draw)
    with zipfile.ZipFile(made, "w") as packed:
        for name, member in members.items():
            packed.writestr(name, member)
    return made.getvalue()


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": _cut,
    "flipped": _flipped,
    "header": _header,
    "longer": _longer,
    "hole": _hole,
    "inner": _inner,
    "emptied": lambda content, draw: b"",
    "noise": lambda content, draw: draw.randbytes(len(content)),
}
"""What can happen to a file's content."""


def damage(made: Made, how: str, draw: random.Random) -> list[Path]:
    """Damage the data's file, or one to a few files of a folder; return which."""
    whole = made.path if made.path.is_dir() else made.path.parent
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    if not made.path.is_dir() and draw.random() < 0.7:
        files = [made.path]
    hurt = draw.sample(files, min(draw.choice([1, 1, 3]), len(files)))
    for path in hurt:
        path.write_bytes(DAMAGE[how](path.read_bytes(), draw))
    return hurt
