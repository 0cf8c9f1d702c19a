"""What a user's images seem to be, for a first study of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nearfar.data.dataset import Dataset
from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.data.read.cells import number
from nearfar.data.read.image_kinds import IMAGE_ENDINGS, called_unread, unread_among
from nearfar.data.read.images.array_names import calls_labels
from nearfar.data.read.images.cifar import is_cifar_folder
from nearfar.data.read.images.idx import is_idx_folder
from nearfar.data.read.images.image_folder import metadata_files
from nearfar.data.read.images.layouts import read_layout
from nearfar.data.read.images.lookup import column_of_images, columns_of_images
from nearfar.data.read.images.pictures import ImageRows
from nearfar.data.read.images.survey import Survey, survey
from nearfar.data.read.images.tables import (
    PARQUET,
    has_images,
    holds_images,
    names_images,
    parquet_files,
)
from nearfar.data.read.images.trees import tree_of
from nearfar.data.read.locate import locate
from nearfar.data.read.packed import is_table
from nearfar.data.read.saved import is_saved, saved_start
from nearfar.data.read.tables import read_file
from nearfar.data.sources.images import form_of
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError
from nearfar.starter.asked import Asked
from nearfar.starter.candidates import tables_of_pictures, target_left
from nearfar.starter.detect_groups import chosen_group
from nearfar.starter.detect_parts import chosen_part
from nearfar.starter.detect_targets import Meaning, far_off, meaning_of, seen_as_rare, target_counts
from nearfar.starter.first_split import first_split, split_or_without_groups
from nearfar.starter.image_facts import image_facts

_MANY_CLASSES = 20
_LARGE = 160
_FIRST_SIZE = 128
_LATER = frozenset({"name", "group", "positive", "part", "features", "unit", "label_separator"})
"""Options that are not needed to find the images."""
_AS_FOUND = TableForm()
_OTHER_DATA = (*(".csv", ".tsv", ".json", ".jsonl", ".arrow", ".parquet", ".pq", ".gz", ".zip"),)
"""Endings of what a folder without images may hold instead."""


def are_images(path: Path, form: TableForm, *, said: bool = False) -> bool:
    """Tell whether a file or folder holds images, or a table of their paths.

    Args:
        path: the file or folder.
        form: of a table.
        said: whether the user says where the images of a table are.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        if is_saved(path):
            return has_images(saved_start(path))
        if is_idx_folder(path) or is_cifar_folder(path) or metadata_files(path):
            return True
        if files := parquet_files(path):
            return holds_images(files[0])
        tree = tree_of(path)
        if tree.folders:
            return True
        others = [file.name.lower() for file in tree.strangers()]
        data = sum(name.endswith(_OTHER_DATA) for name in others)
        return not data or unread_among(others)[0] > data
    if ending in PARQUET and holds_images(path):
        return True
    if is_table(path):
        return said or column_of_images(read_file(path, form), path.parent) is not None
    return ending == ".npz" or ending in IMAGE_ENDINGS or called_unread(path.name) is not None


def table_with(folder: Path, targets: Sequence[str], form: TableForm = _AS_FOUND) -> Path | None:
    """Return the table of paths of images in a folder that has these columns, if it is one."""
    if metadata_files(folder) or not targets:
        return None
    listed = tables_of_pictures(folder, form)
    found = [path for path, table, _ in listed if set(targets) <= table.columns.keys()]
    return found[0] if len(found) == 1 else None


def detect_images(
    path: str,
    found: Path,
    targets: Sequence[str],
    form: TableForm,
    folder: Path,
    task: str | None = None,
    asked: Asked | None = None,
) -> tuple[DataOptions, SplitOptions, Dataset, list[str]]:
    """Find out how images are stored, what their labels are, and what form they need.

    Images of several sizes, or large ones, are resized; grey and coloured ones together, and those
    with transparency or in CMYK, are converted to colour. Images that cannot be used are left out
    and counted.

    Args:
        path: as the study shall say it.
        found: where that is.
        targets: the columns to predict; none for layouts that have classes of their own.
        form: of a table.
        folder: where relative paths begin.
        task: what the targets mean; None for what they look like.
        asked: what else the user says, which wins over what is found.

    Raises:
        UserError: if nothing can be learnt from them.
    """
    asked = asked or Asked()
    chosen, facts_of_column = _at_first(path, found, targets, form, folder, asked)
    chosen["task"] = task or "classification"
    rows, targets = _rows(found, chosen, targets, folder)
    if (left := _target_left(rows, targets, found.name)) != targets:
        rows, targets = _rows(found, chosen, left, folder)
    meaning = _meaning(rows, targets, task)
    facts = [*facts_of_column, *meaning.facts]
    chosen |= {"task": meaning.task, **meaning.options}
    own, told = _part_and_group(rows, targets, asked)
    chosen |= own
    facts += told
    chosen |= asked.options
    if "image" in rows.takes & rows.note.keys():
        chosen["image"] = rows.note["image"]
    seen = survey(rows.pictures, range(rows.table.length), form_of(DataOptions(**chosen)))
    chosen |= (shape := _form(seen) | asked.shape)
    dataset = load_dataset(DataOptions(**chosen, on_bad_rows="drop"), folder)
    facts.insert(0, f"{found.name}: {len(dataset)} images, {rows.layout}")
    if asked.positive is None:
        dataset = seen_as_rare(dataset, chosen, folder)
    facts += [*target_counts(dataset), *rows.told, *image_facts(dataset, shape, seen)]
    if "range" in dataset.source:
        chosen["range"] = dataset.source["range"]
    parts = (dataset.parts is not None and asked.part is None) or "part" in chosen
    split_of = partial(_first_split, name=found.name, predefined=parts)
    given = dataset, chosen, facts, folder, split_of
    split, dataset = split_or_without_groups(*given, insists=asked.group is not None)
    chosen["on_bad_rows"] = "drop" if dataset.source["dropped"] else "error"
    return DataOptions(**chosen), split, dataset, facts


def _at_first(
    path: str, found: Path, targets: Sequence[str], form: TableForm, folder: Path, asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return the options with which the images are found, and what should be said of them."""
    chosen: dict[str, Any] = {"source": "images", "path": path, **form.options()}
    chosen |= {key: value for key, value in asked.options.items() if key not in _LATER}
    if found.is_dir() and any(entry.name.startswith("emnist") for entry in found.iterdir()):
        chosen["transposed"] = True
    of_column, facts = _image_column(found, form, targets, folder, asked)
    return chosen | of_column, facts


def _image_column(
    found: Path, form: TableForm, targets: Sequence[str], folder: Path, asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return the column of paths of images as an option, and what to say of others like it."""
    if asked.image is not None or found.is_dir() or not is_table(found):
        return {}, []
    if found.suffix.lower() in PARQUET and not names_images(found, None):
        return {}, []
    base = found.parent if asked.root is None else locate(asked.root, folder)[0]
    columns = columns_of_images(read_file(found, form), base)
    columns = [column for column in columns if column not in targets]
    if not columns:
        return {}, []
    taken, *others = columns
    told = ", ".join(f"'{column}'" for column in others)
    careful = (
        f"careful: the images are those of column '{taken}'; {told} "
        f"{'names' if len(others) == 1 else 'name'} others (--image takes another column)"
    )
    return {"image": taken}, [careful] * bool(others)


def _target_left(rows: ImageRows, targets: Sequence[str], name: str) -> Sequence[str]:
    """Return the column to predict where nothing else says what it is."""
    given = targets or rows.target is not None or rows.numbers or rows.class_names
    if given or "target" not in rows.takes:
        return targets
    return [target_left(rows.table, name, rows.note.get("image"))]


def _part_and_group(
    rows: ImageRows, targets: Sequence[str], asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of parts and groups, where the layout has columns, and words on them."""
    chosen: dict[str, Any] = {}
    facts: list[str] = []
    if "part" in rows.takes:
        own, told = chosen_part(rows.table, targets, asked)
        chosen |= own
        facts += told
    if "group" in rows.takes:
        taken = [*targets, chosen.get("part"), *(asked.features or ())]
        parts = "part" in chosen or bool(rows.table.parts and asked.part is None)
        group, told = chosen_group(rows.table, asked.group, taken, parts=parts)
        facts += told
        if group is not None:
            chosen["group"] = group
    return chosen, facts


def _meaning(rows: ImageRows, targets: Sequence[str], task: str | None) -> Meaning:
    """Return what the targets mean, or the labels that the layout has of its own."""
    if targets and list(targets) != [rows.target]:
        if "target" not in rows.takes:
            raise UserError(
                f"{rows.table.name}: is {rows.layout}: it has no column '{targets[0]}': leave out "
                "--target, its labels are its own"
            )
        named = Meaning("classification")
        if len(targets) > 1 or targets[0] not in rows.class_names or task is not None:
            named = meaning_of(rows.table, targets, task, _MANY_CLASSES)
        named.options["target"] = one_or_all(targets)
        return named
    if rows.numbers and task in (None, "regression"):
        return _own_meaning(rows, task)
    own = rows.target
    lists = own is not None and any(isinstance(cell, list) for cell in rows.table.columns[own])
    if own is not None and (lists or task not in (None, "classification")):
        return meaning_of(rows.table, [own], task)
    return Meaning("classification")


def one_or_all(targets: Sequence[str]) -> str | list[str]:
    """Return the targets as a study file says them."""
    return targets[0] if len(targets) == 1 else list(targets)


def _rows(
    found: Path, chosen: dict[str, Any], targets: Sequence[str], folder: Path
) -> tuple[ImageRows, Sequence[str]]:
    """Return the rows, and the targets: none where a word such as ``label`` means the data's own.

    Raises:
        UserError: if nothing can be read.
    """

    mapping, root = (
        locate(chosen[key], folder)[0] if key in chosen else None for key in ("mapping", "root")
    )

    def read(targets: Sequence[str]) -> ImageRows:
        named = _named_arrays(found, targets)
        options = DataOptions(**{**chosen, **named}, on_bad_rows="drop")
        if mapping is not None and targets:
            options = options.model_copy(update={"target": one_or_all(targets)})
        return read_layout(found, options, mapping, root)

    usual = len(targets) == 1 and calls_labels(targets[0])
    try:
        rows = read(targets)
    except UserError:
        if not usual or found.suffix.lower() != ".npz":
            raise
        return read(()), ()
    own = usual and "target" not in rows.takes and rows.target is not None
    return rows, () if own else targets


def _named_arrays(found: Path, targets: Sequence[str]) -> dict[str, Any]:
    """Return the options with which a file of arrays is read whose targets have names."""
    if not targets or found.suffix.lower() != ".npz":
        return {}
    return {"target": one_or_all(targets), "task": "regression"}


def _own_meaning(rows: ImageRows, task: str | None) -> Meaning:
    """Return what labels without a column's name are, and a word about what else they could be.

    Whole numbers are classes where there are twice as many rows at least.
    """
    if rows.target is None or task is not None:
        return Meaning("regression", facts=[_range_fact(rows, name) for name in rows.numbers])
    values = {number(cell) for cell in rows.table.columns[rows.numbers[0]]} - {None}
    few = 2 * len(values) <= rows.table.length
    if rows.class_names or (few and len(values) <= _MANY_CLASSES):
        return Meaning("classification")
    if few:
        told = f"labels: {len(values)} different whole numbers, treated as classes"
        return Meaning("classification", facts=[f"{told}; --task regression takes them as numbers"])
    word = ": nearly every image has its own, so they are no classes"
    return Meaning("regression", facts=[_range_fact(rows, rows.numbers[0]) + word])


def _range_fact(rows: ImageRows, name: str) -> str:
    values = [v for cell in rows.table.columns[name] if (v := number(cell)) is not None]
    low, high = min(values, default=0), max(values, default=0)
    if low == high:
        raise UserError(f"{rows.table.name}: target '{name}' is {low:g} in every row that has it")
    return (
        f"target '{name}': numbers from {low:g} to {high:g} ({len(set(values))} different), "
        f"treated as regression{far_off(values)}"
    )


def _form(seen: Survey) -> dict[str, int]:
    """Return the size and channels that the images must be brought to."""
    form = {}
    if len(seen.sizes) > 1 or seen.longest_side > _LARGE:
        form["size"] = min(seen.typical_side, _FIRST_SIZE)
    layered = {"transparent", "grey with transparency", "CMYK"} & seen.kinds.keys()
    grey = {"grey", "grey with transparency"} & seen.kinds.keys()
    coloured = {"colour", "transparent", "CMYK"} & seen.kinds.keys()
    if "channels" not in seen.kinds and (layered or (grey and coloured)):
        form["channels"] = 3 if coloured else 1
    return form


def _first_split(dataset: Dataset, name: str, *, predefined: bool) -> SplitOptions:
    try:
        return first_split(dataset, predefined=predefined)
    except UserError as error:
        if not predefined:
            raise
        raise UserError(
            f"{name}: the parts of the data cannot be used: {error}: move images between the parts"
        ) from error
