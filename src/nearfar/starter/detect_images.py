"""What a user's images seem to be, for a first study of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.inputs.images import Images
from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.data.read.images.cifar import is_cifar_folder
from nearfar.data.read.images.idx import is_idx_folder
from nearfar.data.read.images.layouts import read_layout
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.tables import PARQUET, holds_images, parquet_files
from nearfar.data.read.names import is_image_name, part_column, path_column
from nearfar.data.read.tables import read_file
from nearfar.errors import UserError
from nearfar.starter.detect_groups import group_column, group_fact
from nearfar.starter.detect_targets import Meaning, meaning_of, seen_as_rare, target_counts
from nearfar.starter.first_split import first_split

_MANY_CLASSES = 20
_LARGE = 160
_FIRST_SIZE = 128


def are_images(path: Path, separator: str | None) -> bool:
    """Tell whether a file or folder holds images, or a table of their paths."""
    ending = path.suffix.lower()
    if path.is_dir():
        if is_idx_folder(path) or is_cifar_folder(path):
            return True
        if files := parquet_files(path):
            return holds_images(files[0])
        return any(is_image_name(entry.name) for entry in path.glob("*/**/*"))
    if ending in PARQUET:
        return holds_images(path)
    if ending in {".csv", ".tsv", ".txt"}:
        return path_column(read_file(path, separator)) is not None
    return ending == ".npz"


def table_with(folder: Path, targets: Sequence[str]) -> Path | None:
    """Return the CSV file of paths of images in a folder that has these columns, if it is one."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        table = read_file(path, None)
        if set(targets) <= table.columns.keys() and path_column(table) is not None:
            found.append(path)
    return found[0] if targets and len(found) == 1 else None


def detect_images(
    path: str,
    found: Path,
    targets: Sequence[str],
    separator: str | None,
    folder: Path,
    task: str | None = None,
) -> tuple[DataOptions, SplitOptions, Dataset, list[str]]:
    """Find out how images are stored, what their labels are, and what form they need.

    Images of several sizes, or large ones, are resized; grey and coloured ones are converted to
    colour. Images that cannot be used are left out and counted.

    Args:
        path: as the study shall say it.
        found: where that is.
        targets: the columns to predict; none for layouts that have classes of their own.
        separator: of a CSV file.
        folder: where relative paths begin.
        task: what the targets mean; None for what they look like.

    Raises:
        UserError: if nothing can be learnt from them.
    """
    chosen: dict[str, Any] = {"source": "images", "path": path, "separator": separator}
    if found.is_dir() and any(entry.name.startswith("emnist") for entry in found.iterdir()):
        chosen["transposed"] = True
    rows = read_layout(found, DataOptions(**chosen, on_bad_rows="drop"))
    if not targets and rows.target is None and "target" in rows.takes and not rows.class_names:
        columns = ", ".join(rows.table.columns)
        raise UserError(f"{found.name}: name the column to predict with --target: {columns}")
    meaning = _meaning(rows, targets, task)
    facts = meaning.facts
    chosen |= {"task": meaning.task, **meaning.options}
    if "part" in rows.takes and (part := part_column(rows.table, targets)) is not None:
        chosen["part"] = part
        facts.append(f"column '{part}' says train and test: the split is predefined")
    if "group" in rows.takes:
        group = group_column(rows.table, [*targets, chosen.get("part")])
        if group is not None:
            chosen["group"] = group
            facts.append(group_fact(group))
    dataset = load_dataset(DataOptions(**chosen, on_bad_rows="drop"), folder)
    form = _form(dataset)
    if form:
        chosen |= form
        dataset = load_dataset(DataOptions(**chosen, on_bad_rows="drop"), folder)
    facts.insert(0, f"{found.name}: {len(dataset)} images, {rows.layout}")
    dataset = seen_as_rare(dataset, chosen, folder)
    facts += [
        *target_counts(dataset),
        *_class_facts(dataset),
        *_form_facts(dataset, form),
        *_twins(dataset),
    ]
    chosen["on_bad_rows"] = "drop" if dataset.source["dropped"] else "error"
    split = first_split(dataset, predefined=dataset.parts is not None)
    return DataOptions(**chosen), split, dataset, facts


def _meaning(rows: ImageRows, targets: Sequence[str], task: str | None) -> Meaning:
    """Return what the targets mean, or the labels that the layout has of its own."""
    if targets and list(targets) != [rows.target]:
        if "target" not in rows.takes:
            raise UserError(f"{rows.table.name}: is {rows.layout}: it has no column '{targets[0]}'")
        named = Meaning("classification")
        if len(targets) > 1 or targets[0] not in rows.class_names or task is not None:
            named = meaning_of(rows.table, targets, task, _MANY_CLASSES)
        named.options["target"] = one_or_all(targets)
        return named
    own = rows.target
    lists = own is not None and any(isinstance(cell, list) for cell in rows.table.columns[own])
    if own is not None and (lists or task not in (None, "classification")):
        return meaning_of(rows.table, [own], task)
    return Meaning("classification")


def one_or_all(targets: Sequence[str]) -> str | list[str]:
    """Return the targets as a study file says them."""
    return targets[0] if len(targets) == 1 else list(targets)


def _form(dataset: Dataset) -> dict[str, int]:
    """Return the size and channels that the images must be brought to."""
    reasons = dataset.source["reasons"]
    form = {}
    _, height, width = dataset.source["shape"]
    if "size differs" in reasons or max(height, width) > _LARGE:
        form["size"] = min(height, width, _FIRST_SIZE)
    if "wrong channels" in reasons:
        form["channels"] = 3
    return form


def _form_facts(dataset: Dataset, form: dict[str, int]) -> Sequence[str]:
    channels, height, width = dataset.source["shape"]
    colour = "grey" if channels == 1 else "in colour"
    facts = [f"images of {width}x{height}, {colour}"]
    if "size" in form:
        facts[0] += f", resized: they are large or of several sizes (data: size: {form['size']})"
    if dataset.source["dropped"]:
        why = ", ".join(f"{count} × {why}" for why, count in dataset.source["reasons"].items())
        first = next(iter(dataset.source["dropped_rows"].values()))
        facts.append(
            f"bad rows: {dataset.source['dropped']} of {dataset.source['read']} are left out "
            f"(on_bad_rows: drop): {why}; the first: {first}"
        )
    return facts


def _class_facts(dataset: Dataset) -> list[str]:
    if not dataset.classes:
        return []
    counts = np.bincount(dataset.targets[:, 0].astype(int), minlength=len(dataset.classes))
    few, many = int(counts.argmin()), int(counts.argmax())
    names = ", ".join(dataset.classes[:10]) + (", …" if len(dataset.classes) > 10 else "")
    return [
        f"{len(dataset.classes)} classes ({names}): from {counts[few]} images "
        f"({dataset.classes[few]}) to {counts[many]} ({dataset.classes[many]})"
    ]


def _twins(dataset: Dataset) -> list[str]:
    """Tell of images that are the same in every pixel, which make groups."""
    assert isinstance(dataset.inputs, Images)
    keys = [hash(image.numpy().tobytes()) for image in dataset.inputs.pixels]
    _, first, groups = np.unique(keys, return_index=True, return_inverse=True)
    twins = len(dataset) - len(first)
    if not twins:
        return []
    original = dataset.targets[first][groups]
    unequal = (original != dataset.targets) & ~np.isnan(original) & ~np.isnan(dataset.targets)
    differ = int(unequal.any(axis=1).sum())
    labels = f", {differ} of them with another label" if differ else ""
    return [
        f"duplicates: {twins} images are copies of another, pixel by pixel{labels}; copies stay in "
        "one part of a split that is drawn"
    ]
