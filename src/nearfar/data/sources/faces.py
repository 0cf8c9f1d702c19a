"""Faces with their age, UTKFace and AgeDB: from the user's folder, as nobody may pass them on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.options import DataOptions
from nearfar.data.read.images.pictures import Files, ImageRows
from nearfar.data.read.images.tables import parquet_files, read_parquet_images, read_path_table
from nearfar.data.read.locate import data_home, places
from nearfar.data.read.tables import Table
from nearfar.data.shown import PRIVATE
from nearfar.data.sources.images import assembled
from nearfar.errors import UserError

AGE = {"target": "age", "unit": "years"}
AGEDB_COLUMNS = ("path", "age", "split")
_PHOTOGRAPH = re.compile(r"(\d{1,3})_.+\.jpe?g", re.IGNORECASE)
_PHOTOGRAPHS = "images named AGE_GENDER_RACE_DATE.jpg.chip.jpg"
_HELD_OUT = 8
"""Photographs without parts: one in so many is for validation, and as many for the test."""


def load_utkface(options: DataOptions, folder: Path) -> Dataset:
    """Read UTKFace: faces with their age in years, aligned and cropped.

    Z. Zhang, Y. Song, H. Qi, "Age Progression/Regression by Conditional Adversarial Autoencoder",
    CVPR 2017. Either the original folder, whose files are called
    ``AGE_GENDER_RACE_DATE.jpg.chip.jpg``, divided 75:12.5:12.5 at random, the same for everybody;
    or parquet files of images with a column ``age``, whose names say the parts.

    Raises:
        UserError: if there is no copy; the message says where it is to be had.
    """
    for place in places(options.path, folder, ("utkface", "UTKFace", "utkface/UTKFace")):
        if files := parquet_files(place):
            rows = read_parquet_images(files, place.name, options)
            more = {"name": "file"} if "file" in rows.table.columns else {}
            return _dataset(rows, options, place, **more)
        if place.is_dir() and (photographs := _photographs(place)) is not None:
            return _dataset(photographs, options, place)
    if options.path is not None:
        raise UserError(
            f"{options.path}: holds no UTKFace: neither {_PHOTOGRAPHS} nor parquet files"
        )
    raise UserError(
        f"data source 'utkface' is not in {data_home()}: get UTKFace (aligned and cropped, for "
        "non-commercial research alone) from https://susanqq.github.io/UTKFace and put its "
        f"{_PHOTOGRAPHS} into {data_home() / 'utkface'}"
    )


def load_agedb(options: DataOptions, folder: Path) -> Dataset:
    """Read AgeDB: 16,488 photographs of well-known people with their age in years.

    S. Moschoglou et al., "AgeDB: the first manually collected, in-the-wild age database", CVPR
    workshops 2017. A folder with ``agedb.csv``, whose columns ``path`` (from that folder),
    ``age`` and ``split`` (train, val or test) name the images; Yang et al., "Delving into Deep
    Imbalanced Regression", ICML 2021, made the one that is in use.

    Raises:
        UserError: if there is none; the message says where it is asked for and what it looks like.
    """
    for place in places(options.path, folder, ("agedb", "AgeDB")):
        table = place if place.suffix.lower() == ".csv" else place / "agedb.csv"
        if table.is_file():
            chosen = options.model_copy(update={"image": "path"})
            return _dataset(_listed(table, chosen), chosen, table, part="split")
    shape = "agedb.csv (columns path, age, split) with the images beside it"
    if options.path is not None:
        raise UserError(f"{options.path}: holds no AgeDB: it needs {shape}")
    raise UserError(
        f"data source 'agedb' is not in {data_home()}: ask its authors for AgeDB (ibug, Imperial "
        f"College London, https://ibug.doc.ic.ac.uk/resources/agedb), then put {shape} into "
        f"{data_home() / 'agedb'}, or name another folder in data: path"
    )


def _photographs(folder: Path) -> ImageRows | None:
    """Return photographs with the age that each name begins with and a part, None without any."""
    try:
        there = sorted(entry.name for entry in folder.iterdir() if entry.name[0] != ".")
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror or error}") from error
    names = [name for name in there if _PHOTOGRAPH.fullmatch(name)]
    if not names:
        return None
    order = np.random.default_rng(0).permutation(len(names))
    held_out = len(names) // _HELD_OUT
    parts = np.full(len(names), "train", dtype="<U10")
    parts[order[:held_out]], parts[order[held_out : 2 * held_out]] = "test", "validation"
    ages = [name.partition("_")[0] for name in names]
    table = Table(folder.name, {"age": ages}, len(names), parts=parts.tolist())
    table.place = lambda position: str(folder / names[position])
    return ImageRows(
        table,
        Files([folder / name for name in names]),
        "a folder of photographs",
        takes=frozenset(AGE),
        titles=names,
        note={"other_files": len(there) - len(names)},
    )


def _listed(path: Path, options: DataOptions) -> ImageRows:
    rows = read_path_table(path, options.form, options.image)
    columns = rows.table.columns
    if lacking := [column for column in AGEDB_COLUMNS if column not in columns]:
        raise UserError(
            f"{path}: no column '{lacking[0]}'; needs {', '.join(AGEDB_COLUMNS)}; "
            f"has {', '.join(columns)}"
        )
    return rows


def _dataset(rows: ImageRows, options: DataOptions, path: Path, **columns: str) -> Dataset:
    chosen = options.model_copy(update={**AGE, **columns})
    note: dict[str, Any] = {"path": str(path), PRIVATE: "these pictures may not be passed on"}
    return assembled(rows, chosen, note)
