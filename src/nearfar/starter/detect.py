"""What a user's file seems to hold, for a first study of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.joined import without_columns
from nearfar.data.inputs.molecules import Molecules
from nearfar.data.inputs.smiles import read_smiles
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.leaks import leaks
from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.data.read.cells import is_missing, number
from nearfar.data.read.guess import guessed_form
from nearfar.data.read.hugging_face import read_folder
from nearfar.data.read.images.idx import is_idx_file
from nearfar.data.read.locate import locate
from nearfar.data.read.names import kept_apart
from nearfar.data.read.packed import is_table
from nearfar.data.read.table import Table
from nearfar.data.read.tables import read_file
from nearfar.data.read.times import nothing_but_parts
from nearfar.data.sources.feature_columns import named_columns, not_used, usable_columns
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError
from nearfar.numbers import counted
from nearfar.starter.asked import OFF, Asked, named_or_off
from nearfar.starter.candidates import refuse_several_tables, target_left
from nearfar.starter.counts import class_fact, known_in_training, part_facts
from nearfar.starter.detect_conditions import conditions_of
from nearfar.starter.detect_groups import chosen_group
from nearfar.starter.detect_images import are_images, detect_images, one_or_all
from nearfar.starter.detect_parts import chosen_part
from nearfar.starter.detect_targets import meaning_of, seen_as_rare, target_counts
from nearfar.starter.feature_facts import feature_facts
from nearfar.starter.first_split import first_split, split_or_without_groups
from nearfar.starter.molecule_facts import molecule_facts, second_column_facts
from nearfar.starter.table_facts import alike_facts, reading_facts

_SAMPLE = 200
_NAME_COLUMNS = frozenset(
    {"name", "names", "title", "id", "compound", "compound_name", "compound_id"}
)


_CALLED = frozenset({"smiles", "smi", "canonical_smiles"})


@dataclass
class Finding:
    """Options for a study of a file, the rows that they give, and what the user should know."""

    data: DataOptions
    split: SplitOptions
    dataset: Dataset
    facts: list[str] = field(default_factory=list)


def detect(
    path: str,
    targets: Sequence[str],
    folder: Path,
    task: str | None = None,
    asked: Asked | None = None,
) -> Finding:
    """Find out which columns of a file mean what, by reading all of it.

    SMILES are found by the column's name, then by how many cells rdkit can read; without them, the
    numeric columns become features, except those that are empty for the most part, constant, or a
    mere row count. Rows that cannot be used are left out and counted.

    Args:
        path: CSV, parquet, a folder that `datasets` can read, or images in one of the layouts of
            the source ``images``; found as in a study.
        targets: the columns to predict; none for images whose layout gives the classes.
        folder: where a relative path begins.
        task: what the targets mean; None for what they look like.
        asked: what else the user says, which wins over what is found.

    Raises:
        UserError: if there is no such file or column, or nothing can be learnt from it.
    """
    found, _ = locate(path, folder)
    asked = asked or Asked()
    form, form_facts = guessed_form(found, asked.form)
    said = asked.image is not None or asked.root is not None
    if asked.image != OFF and are_images(found, form, said=said):
        asked.check_for("images")
        return Finding(*detect_images(path, found, targets, form, folder, task, asked))
    if asked.image != OFF and found.is_dir():
        refuse_several_tables(found, targets, form)
    if not targets and found.is_file() and not is_table(found):
        _refuse_file(found, form)
    table = read_folder(found, form) if found.is_dir() else read_file(found, form)
    if not targets:
        targets = [target_left(table, found.name, asked.smiles or _smiles_column(table, but=[]))]
    meaning = meaning_of(table, targets, task)
    chosen: dict[str, Any] = {"path": path, **form.options()}
    chosen |= {"target": one_or_all(targets), **meaning.options}
    of_columns, told = _columns(table, targets, found.name, asked)
    chosen |= {**of_columns, **asked.options}
    facts = [told[0], *form_facts, *meaning.facts, *told[1:]]
    used = [*chosen.get("features", []), chosen.get("group")]
    facts += alike_facts(table, used)
    dataset = load_dataset(DataOptions(**chosen, on_bad_rows="drop"), folder)
    if asked.positive is None:
        dataset = seen_as_rare(dataset, chosen, folder)
    split_of = partial(first_split, predefined=_has_parts(table, chosen.get("part"), asked))
    insists = asked.group is not None
    split, dataset = split_or_without_groups(
        dataset, chosen, facts, folder, split_of, insists=insists
    )
    facts += _row_facts(dataset)
    chosen["on_bad_rows"] = "drop" if dataset.source["dropped"] else "error"
    return Finding(DataOptions(**chosen), split, dataset, facts)


def _refuse_file(path: Path, form: TableForm) -> None:
    """Say what is the matter with a file that is no table."""
    if is_idx_file(path):
        raise UserError(
            f"{path.name}: an IDX file holds images or their labels alone: name the folder in "
            "which both lie, called …train-images-idx3-ubyte and …train-labels-idx1-ubyte"
        )
    read_file(path, form)


def _columns(
    table: Table, targets: Sequence[str], name: str, asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return what the columns beside the targets mean, as options, and a line for each of these."""
    for purpose in ("smiles", "name", "group", "part"):
        column = getattr(asked, purpose)
        if column is not None and named_or_off(table, column) is not None:
            table.column(column, purpose)
    chosen, facts = chosen_part(table, targets, asked)
    part = chosen.get("part")
    taken = [*targets, part, *(asked.features or ())]
    parts = _has_parts(table, part, asked)
    group, told_of_group = chosen_group(table, asked.group, taken, parts=parts)
    facts += told_of_group
    if group is not None:
        chosen["group"] = group
    others = [*targets, part or "", group or ""]
    smiles = asked.smiles or _smiles_column(table, but=others)
    asked.check_for("table" if smiles is None else "molecules")
    if smiles is not None:
        told = f"molecules: SMILES in column '{smiles}'"
        chosen |= {"source": "molecules", "smiles": smiles}
        facts += second_column_facts(smiles, _smiles_column(table, but=[*others, smiles]))
        if asked.features is None:
            beside, told_of_them = conditions_of(table, but=[*others, smiles, asked.name or ""])
            facts += told_of_them
            chosen |= {"features": beside} if beside else {}
    else:
        taken_too = (nothing_but_parts(table, part), group, asked.name)
        features, left_out = _feature_columns(table, targets, taken_too, asked)
        told = counted(len(features), "feature column")
        facts += left_out
        chosen |= {"source": "table", "features": features}
    features = asked.options.get("features", chosen.get("features", []))
    taken = [*targets, smiles, part, group, *features]
    chosen["name"] = (
        _name_column(table, but=taken) if asked.name is None else named_or_off(table, asked.name)
    )
    facts += reading_facts(table, {column for column in [*taken, chosen["name"]] if column})
    return chosen, [f"{name}: {table.length} rows, {told}", *facts]


def _has_parts(table: Table, part: str | None, asked: Asked) -> bool:
    """Whether the data name the parts of the split, and these are wanted."""
    return part is not None or bool(table.parts and asked.part is None)


def _row_facts(dataset: Dataset) -> list[str]:
    return [
        *molecule_facts(dataset.source),
        *class_fact(dataset, "rows"),
        *kept_apart(dataset.classes),
        *part_facts(dataset),
        *target_counts(dataset),
        _bad_rows_fact(dataset),
        *_duplicate_facts(dataset),
        *(f"careful: {leak}" for leak in leaks(dataset)),
    ]


def _smiles_column(table: Table, but: Sequence[str]) -> str | None:
    """Return the column of SMILES: a fitting name needs half of its cells readable, others all.

    ``solvent_smiles``, with few different molecules, stands behind a column of many.
    """
    texts = {
        column: [cell for cell in cells if isinstance(cell, str) and not is_missing(cell)]
        for column, cells in table.columns.items()
        if column and column not in but
    }
    named = sorted(
        (column for column in texts if "smiles" in column.lower() or column.lower() == "smi"),
        key=lambda column: (column.lower() != "smiles", len(column)),
    )
    called = next((column for column in named if _readable(texts[column]) >= 0.5), None)
    if called is not None and (called.lower() in _CALLED or _vary(texts[called])):
        return called
    return next((column for column, cells in texts.items() if _are_smiles(cells)), called)


def _vary(cells: Sequence[str]) -> bool:
    return len(set(cells)) > len(cells) / 2


def _are_smiles(cells: Sequence[str]) -> bool:
    """Tell whether cells are SMILES whatever their column is called: various, long, readable."""
    distinct = set(cells)
    long = sum(map(len, distinct)) > 3 * len(distinct)
    numeric = any(number(cell) is not None for cell in cells[:_SAMPLE])
    return _vary(cells) and long and not numeric and _readable(cells) >= 0.95


def _readable(cells: Sequence[str]) -> float:
    sample = cells[:: max(1, len(cells) // _SAMPLE)]
    good = 0
    for text in sample:
        try:
            read_smiles(text.strip())
            good += 1
        except ValueError:
            pass
    return good / len(sample) if sample else 0.0


def _feature_columns(
    table: Table, targets: Sequence[str], others: Sequence[str | None], asked: Asked
) -> tuple[list[str], list[str]]:
    """Return the columns to learn from, and what should be said of them and of the others.

    ``others`` are taken: for the parts of the split (but for a time), for groups and for names.
    """
    told = partial(feature_facts, lost=len(table.ragged))
    if "features" in asked.options:
        named = named_columns(table, asked.options["features"])
        return [column.name for column in named], told(named, [])
    used, left_out = usable_columns(table, [*targets, *others])
    if not used:
        but = "', '".join(targets)
        takes = any(
            kind.name and kind.kind not in {"empty", "constant", "other"} for kind in left_out
        )
        found = f": {not_used(left_out, table)}" if left_out else ""
        found += "; --features takes one" if takes else ""
        raise UserError(
            f"{table.name}: no column of SMILES, and no column to learn from but '{but}'{found}"
        )
    return [column.name for column in used], told(used, left_out)


def _name_column(table: Table, but: Sequence[str | None]) -> str | None:
    for column in table.columns:
        if column.lower() in _NAME_COLUMNS and column not in but:
            return column
    return None


def _bad_rows_fact(dataset: Dataset) -> str:
    source = dataset.source
    if not source["dropped"]:
        if isinstance(dataset.inputs, Columns) and dataset.inputs.has_gaps:
            return "every row is used"
        gaps = " but those of targets" if np.isnan(dataset.targets).any() else ""
        return f"no missing values{gaps} and no unreadable rows"
    why = ", ".join(f"{count} × {reason}" for reason, count in source["reasons"].items())
    row, words = next(iter(source["dropped_rows"].items()))
    return (
        f"bad rows: {source['dropped']} of {source['read']} are left out (on_bad_rows: drop): {why}"
        f"; the first is row {row}: {words}{_kept_by(source['reasons'])}"
    )


def _kept_by(reasons: Iterable[str]) -> str:
    """Return how rows are kept that are lost to one cell of a feature, if any are."""
    if not {"feature not a number", "feature not finite"} & set(reasons):
        return ""
    return "; --missing VALUE, again for several, takes such a cell as a gap and keeps its row"


def _duplicate_facts(dataset: Dataset) -> list[str]:
    given = without_columns(dataset.inputs)
    if isinstance(given, Molecules):
        labels, kept = dataset.groups, "; copies stay in one part of the split"
        noun = "molecules"
    else:
        assert isinstance(given, Vectors | Columns)
        rows = given.codes() if isinstance(given, Columns) else given.values.numpy()
        labels = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
        noun, kept = (
            "feature rows",
            "; they may stand in different parts: name a group to prevent it",
        )
    if dataset.parts is not None:
        kept = ""
    counts = np.bincount(labels)
    low = np.full((len(counts), dataset.targets.shape[1]), np.inf)
    high = -low
    np.fmin.at(low, labels, dataset.targets)
    np.fmax.at(high, labels, dataset.targets)
    several = counts > 1
    if not several.any():
        return []
    spread = (high - low)[several]
    differ = int((spread > 0).any(axis=1).sum())
    are_numbers = not dataset.classes and not dataset.multilabel and spread.shape[1] == 1
    apart = f" (up to {spread.max():g} apart)" if are_numbers else ""
    values = f", {differ} of them with different values{apart}"
    count = int(several.sum())
    of_them = f"{count} {noun} occur" if count > 1 else f"1 {noun.removesuffix('s')} occurs"
    return [
        f"duplicates: {of_them} more than once{values if differ else ', with equal values'}{kept}",
        *known_in_training(dataset, labels, "rows"),
    ]
