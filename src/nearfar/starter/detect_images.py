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
from nearfar.data.read.classes import are_booleans
from nearfar.data.read.columns import number
from nearfar.data.read.images.cifar import is_cifar_folder
from nearfar.data.read.images.idx import is_idx_folder
from nearfar.data.read.images.layouts import read_layout
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.tables import PARQUET, holds_images, parquet_files
from nearfar.data.read.names import is_image_name, part_column, path_column
from nearfar.data.read.tables import is_missing, read_file
from nearfar.errors import UserError
from nearfar.starter.detect_groups import group_column, group_fact
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
    path: str, found: Path, targets: Sequence[str], separator: str | None, folder: Path
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

    Raises:
        UserError: if nothing can be learnt from them.
    """
    chosen: dict[str, Any] = {"source": "images", "path": path, "separator": separator}
    if found.is_dir() and any(entry.name.startswith("emnist") for entry in found.iterdir()):
        chosen["transposed"] = True
    named = _named_arrays(found, targets)
    rows = read_layout(found, DataOptions(**chosen, **named, on_bad_rows="drop"))
    given = targets or rows.target is not None or rows.numbers or rows.class_names
    if not given and "target" in rows.takes:
        columns = ", ".join(rows.table.columns)
        raise UserError(f"{found.name}: name the column to predict with --target: {columns}")
    facts: list[str] = []
    chosen["task"] = "classification"
    if not targets and rows.numbers:
        chosen["task"], facts = _own_task(rows)
    if targets and list(targets) != [rows.target]:
        chosen["target"] = one_or_all(targets)
        found_tasks = [_task(rows, target) for target in targets]
        tasks = [task for task, _ in found_tasks]
        facts = [fact for _, about in found_tasks for fact in about]
        chosen["task"] = tasks[0]
        if len(targets) > 1 and "classification" in tasks:
            name = targets[tasks.index("classification")]
            raise UserError(f"{found.name}: several targets must be numbers: '{name}' has classes")
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
    facts += rows.told
    facts += [*_class_facts(dataset), *_form_facts(dataset, form), *_twins(dataset)]
    chosen["on_bad_rows"] = "drop" if dataset.source["dropped"] else "error"
    split = first_split(dataset, predefined=dataset.parts is not None)
    return DataOptions(**chosen), split, dataset, facts


def one_or_all(targets: Sequence[str]) -> str | list[str]:
    """Return the targets as a study file says them."""
    return targets[0] if len(targets) == 1 else list(targets)


def _task(rows: ImageRows, target: str) -> tuple[str, list[str]]:
    if "target" not in rows.takes:
        raise UserError(f"{rows.table.name}: is {rows.layout}: it has no column '{target}'")
    if target in rows.class_names:
        return "classification", []
    cells = [cell for cell in rows.table.column(target, "target") if not is_missing(cell)]
    if not cells:
        raise UserError(f"{rows.table.name}: column '{target}' is empty")
    if are_booleans(cells):
        return "classification", [f"target '{target}': true or false, treated as classes"]
    values = [value for cell in cells if (value := number(cell)) is not None]
    distinct = len(set(values))
    whole = all(value == round(value) for value in values)
    if len(values) < len(cells) or (whole and distinct <= _MANY_CLASSES):
        return "classification", [f"target '{target}': treated as classes"]
    return "regression", [_range_fact(rows, target)]


def _named_arrays(found: Path, targets: Sequence[str]) -> dict[str, Any]:
    """Return the options with which a file of arrays is read whose targets have names."""
    if not targets or found.suffix.lower() != ".npz":
        return {}
    return {"target": one_or_all(targets), "task": "regression"}


def _own_task(rows: ImageRows) -> tuple[str, list[str]]:
    """Return what labels without a column's name are, and a word about what else they could be.

    Whole numbers are classes where there are twice as many rows at least.
    """
    if rows.target is None:
        return "regression", [_range_fact(rows, name) for name in rows.numbers]
    values = {number(cell) for cell in rows.table.columns[rows.numbers[0]]} - {None}
    few = 2 * len(values) <= rows.table.length
    if rows.class_names or (few and len(values) <= _MANY_CLASSES):
        return "classification", []
    if few:
        return "classification", [
            f"labels: {len(values)} different whole numbers, treated as classes; if they are "
            "quantities, set task: regression, metric: mae and loss: l1"
        ]
    word = ": nearly every image has its own, so they are no classes"
    return "regression", [_range_fact(rows, rows.numbers[0]) + word]


def _range_fact(rows: ImageRows, name: str) -> str:
    values = [v for cell in rows.table.columns[name] if (v := number(cell)) is not None]
    low, high = min(values, default=0), max(values, default=0)
    return (
        f"target '{name}': numbers from {low:g} to {high:g} ({len(set(values))} different), "
        "treated as regression"
    )


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
    differ = int((original != dataset.targets).any(axis=1).sum())
    labels = f", {differ} of them with another label" if differ else ""
    return [
        f"duplicates: {twins} images are copies of another, pixel by pixel{labels}; copies stay in "
        "one part of a split that is drawn"
    ]
