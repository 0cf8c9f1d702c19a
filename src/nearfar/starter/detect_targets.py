"""What the columns to predict seem to mean: numbers, classes, or several labels a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset
from nearfar.data.load import load_dataset
from nearfar.data.options import DataOptions
from nearfar.data.read.cells import infinite_among_numbers, is_code, is_pair, limit, measure, number
from nearfar.data.read.decimals import ambiguous, plain_number
from nearfar.data.read.kinds import are_names, column_kind, odd_cells
from nearfar.data.read.several import indicator, label_set
from nearfar.data.read.tables import Table, is_missing
from nearfar.errors import UserError, nearest, shown
from nearfar.starter.table_facts import common_unit

_FEW_CLASSES = 10
_CODES = range(3, 21)
"""How many classes may be called 0, 1, 2, … and still be told from a number."""
_EACH = 10
"""Rows that each of these has at least."""
_SHOWN = 10
_SEPARATORS = (";", "|", ",", " ")
TASKS = ("regression", "classification", "multilabel")


@dataclass
class Meaning:
    """The task, the options that say so, and what the user should know."""

    task: str
    options: dict[str, Any] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)


def meaning_of(
    table: Table, targets: Sequence[str], asked: str | None = None, most_classes: int = 0
) -> Meaning:
    """Find out what the target columns mean.

    Several columns of 0 and 1 are labels, and so are texts such as ``a;b`` and lists. One column of
    0 and 1 (false and true) or of text is classes. Other numbers are numbers, but for whole ones of
    which there are at most ``most_classes``.

    Args:
        table: the rows.
        targets: the columns to predict, one at least.
        asked: the task that the user wants, None for what the columns look like.
        most_classes: up to so many different whole numbers are classes.

    Raises:
        UserError: a column that is missing, empty, or not for the task that is asked for.
    """
    if asked is not None and asked not in TASKS:
        raise UserError(f"--task {asked}: {nearest(asked, TASKS)}")
    names = list(table.class_names.get(targets[0], ()))
    if names and asked in (None, "classification") and len(targets) == 1:
        some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        told = f"target '{targets[0]}': {len(names)} named classes ({some})"
        return Meaning("classification", {"task": "classification"}, [told])
    cells = {target: _present(table, target) for target in targets}
    task, separator = asked, None
    if len(targets) == 1:
        separator = _separator_of(cells[targets[0]], asked=asked == "multilabel")
    if task is None:
        task = _task_of(cells, separator, most_classes)
    if task == "multilabel":
        return _labels(table, cells, separator, given=asked is not None)
    if len(targets) > 1:
        return _several_numbers(table, cells, task)
    (target,) = targets
    _refuse_near_numbers(table.name, target, cells[target], asked)
    if task == "classification":
        return Meaning(task, {"task": task}, [_class_fact(target, cells[target], asked)])
    if not _hold_numbers(cells[target]):
        first = next(cell for cell in cells[target] if number(cell) is None)
        raise UserError(
            f"{table.name}: target '{target}' holds text such as {shown(first)}, and --task "
            "regression needs numbers"
        )
    return _numbers(targets, [_number_fact(table, target, cells[target], asked)])


def target_counts(dataset: Dataset) -> list[str]:
    """Return how many rows have each of several targets, and each of several labels."""
    found = dataset.source.get("targets")
    if not found:
        return []
    rows = len(dataset)
    if not dataset.multilabel:
        told = ", ".join(f"'{name}' in {known}" for name, known in found.items())
        return [
            f"targets are missing in some rows, and masked there: of {rows} rows, {told}; each "
            "target is learnt and judged on the rows that have it"
        ]
    names = list(found)
    shown = [
        f"'{n}' in {found[n]['true']}"
        + (f" of {found[n]['known']} known" if found[n]["known"] < rows else "")
        for n in names[:_SHOWN]
    ]
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    facts = [f"{len(names)} labels in {rows} rows: {', '.join(shown)}{more}"]
    if without := dataset.source.get("reasons", {}).get("target missing"):
        facts.append(
            f"careful: {without} rows name no label and are left out; where an empty cell means "
            "that a row has none, take --missing NA"
        )
    if any(found[n]["known"] < rows for n in names):
        facts.append("labels that are not known of a row are masked: in losses, and when judged")
    constant = [n for n in names if found[n]["true"] in (0, found[n]["known"])]
    if constant:
        facts.append(
            f"careful: label '{constant[0]}' is the same in every row that has it"
            + (f" (and {len(constant) - 1} more labels)" if len(constant) > 1 else "")
            + ": it cannot be told, and AUROC and average precision leave it out"
        )
    return facts


def _present(table: Table, target: str) -> list[Any]:
    cells = table.column(target, "target")
    present = [cell for cell in cells if isinstance(cell, list | tuple) or not is_missing(cell)]
    if not present:
        why = "".join(f"; {note}" for note in table.notes)
        if words := table.missing.get(target):
            shown = ", ".join(map(repr, words))
            why = f": {shown} stand for missing values; --missing '' takes them as words{why}"
        if table.ragged:
            few, first = len(table.ragged) < table.length, next(iter(table.ragged))
            count = f"{len(table.ragged)} of {table.length}" if few else f"all {table.length}"
            why = f": {count} rows cannot be used; {table.where(first)}: {table.ragged[first]}{why}"
        raise UserError(f"{table.name}: column '{target}' is empty{why}")
    if (unclear := ambiguous(present)) is not None:
        raise UserError(
            f"{table.name}: target '{target}' holds numbers such as {unclear!r}, whose comma may "
            "be decimal or between thousands: say --decimal , or --decimal ."
        )
    infinite = infinite_among_numbers(present)
    return [cell for position, cell in enumerate(present) if position not in infinite] or present


def _task_of(cells: dict[str, list[Any]], separator: str | None, most_classes: int) -> str:
    if len(cells) > 1:
        return "multilabel" if all(map(_are_indicators, cells.values())) else "regression"
    (only,) = cells.values()
    if separator is not None or any(isinstance(cell, list | tuple) for cell in only):
        return "multilabel"
    if _is_text(only) or _are_indicators(only) or _are_codes(only):
        return "classification"
    values = {value for cell in only if (value := number(cell)) is not None}
    whole = all(isfinite(value) and value == round(value) for value in values)
    return "classification" if whole and len(values) <= most_classes else "regression"


def _refuse_near_numbers(where: str, target: str, cells: Sequence[Any], asked: str | None) -> None:
    """Refuse a column of measurements that are no bare numbers.

    Raises:
        UserError: says what the cells hold and what to write instead.
    """
    if asked == "classification" or _hold_numbers(cells) or (asked is None and are_names(cells)):
        return
    commas = [c for c in cells if "," in str(c) and plain_number(str(c), ",") is not None]
    if 2 * len(commas) > len(cells):
        raise UserError(
            f"{where}: target '{target}': {len(commas)} cells are numbers with a decimal comma, "
            f"such as {commas[0]!r}: set data: decimal: ',', or write all numbers alike; --task "
            "classification takes each text as a class"
        )
    near = sum(number(c) is not None or limit(c) or measure(c) is not None for c in cells)
    if 2 * near > len(cells) and (odd := odd_cells(cells)):
        values = "" if "bare numbers" in odd else ": leave bare numbers, and these cells empty"
        raise UserError(
            f"{where}: target '{target}': {odd}{values}; --task classification takes each text as "
            "a class"
        )
    pairs = [cell for cell in cells if is_pair(cell)]
    if 2 * len(pairs) > len(cells) and (asked or len(set(pairs)) >= _CODES.stop):
        raise UserError(
            f"{where}: target '{target}': {len(pairs)} cells hold two numbers, such as "
            f"{pairs[0]!r}: leave one (of a fraction its value, of a range its middle); --task "
            "classification takes each text as a class"
        )


def _are_codes(cells: Sequence[Any]) -> bool:
    """Whether whole numbers are classes: 0, 1, 2, … without a gap, none of them rare.

    Counts of things begin at 0 too, but large ones are rare; grades begin at 1.
    """
    counts = Counter(number(cell) for cell in cells)
    return (
        len(counts) in _CODES
        and set(counts) == set(range(len(counts)))
        and min(counts.values()) >= max(_EACH, max(counts.values()) / 3)
    )


def _are_indicators(cells: Sequence[Any]) -> bool:
    return all(indicator(cell) is not None for cell in cells)


def _is_text(cells: Sequence[Any]) -> bool:
    """Whether cells are classes by what they are: texts, truth values or codes, not numbers."""
    kind = column_kind("", cells).kind
    if kind not in {"constant", "id"}:
        return kind not in {"number", "counter", "empty"}
    return any(is_code(cell) or number(cell) is None for cell in cells)


def _hold_numbers(cells: Sequence[Any]) -> bool:
    """Whether more than half of the cells are finite numbers, codes such as 007 among them."""
    numbers = [value for cell in cells if (value := number(cell)) is not None]
    return 2 * sum(map(isfinite, numbers)) > len(cells)


def _separator_of(cells: Sequence[Any], *, asked: bool) -> str | None:
    """Return what stands between the labels of a row in texts such as ``a;b``, None if nothing.

    Texts are sets of labels where no more labels than texts come of them, they differ in how many
    they have, and none has one twice. Spaces belong to names (``neither agree nor disagree``): one
    counts where some text has three labels or more and, unless labels are ``asked`` for, each label
    is some row's only one, or there are twice as many texts as labels.
    """
    texts = sorted({cell.strip() for cell in cells if isinstance(cell, str)})
    if not texts or len(texts) < len({str(cell) for cell in cells if not isinstance(cell, str)}):
        return None
    for sign in _SEPARATORS:
        sets = [label_set(text, sign) for text in texts]
        sizes = {len(found) for found in sets}
        labels = {name for found in sets for name in found}
        longest = max(sizes)
        if len(sizes) < 2 or longest < (3 if sign == " " else 2):
            continue
        alone = labels <= set(texts)
        if sign == " " and not (asked or alone or len(texts) >= 2 * len(labels)):
            continue
        once = all(len(set(found)) == len(found) for found in sets)
        named = sign in ";|" or any(number(name) is None for name in labels)
        if len(labels) <= len(texts) and once and named:
            return sign
    return None


def _labels(
    table: Table, cells: dict[str, list[Any]], separator: str | None, *, given: bool
) -> Meaning:
    options: dict[str, Any] = {"task": "multilabel"}
    names = ", ".join(f"'{name}'" for name in list(cells)[:5]) + ", …" * (len(cells) > 5)
    if len(cells) > 1:
        other = "" if given else "; --task regression takes them as numbers"
        if _exclude_each_other(list(cells.values())):
            other += (
                "; each row has one alone: if they exclude each other they are classes, better "
                "named in one column"
            )
        return Meaning(
            "multilabel", options, [f"targets {names}: 0 or 1 each, several labels a row{other}"]
        )
    (only,) = cells.values()
    if any(isinstance(cell, list | tuple) for cell in only):
        return Meaning("multilabel", options, [f"target {names}: lists, several labels a row"])
    if separator is None:
        raise UserError(
            f"{table.name}: target {names} has one label a row, such as {str(only[0])!r}: several "
            "labels a row are texts such as 'a;b', or several columns of 0 and 1, each named with "
            "--target"
        )
    options["label_separator"] = separator
    some = next(cell for cell in only if len(label_set(cell, separator)) > 1)
    other = "" if given else "; --task classification takes each text as a class"
    return Meaning(
        "multilabel",
        options,
        [f"target {names}: several labels a row, {separator!r} between them ({some!r}){other}"],
    )


def _exclude_each_other(columns: Sequence[Sequence[Any]]) -> bool:
    """Tell whether each row has one of the labels, and one only, none of them unknown."""
    if len({len(cells) for cells in columns}) > 1:
        return False
    return all(sum(map(bool, map(indicator, row))) == 1 for row in zip(*columns, strict=True))


def _several_numbers(table: Table, cells: dict[str, list[Any]], task: str) -> Meaning:
    if task == "classification":
        raise UserError(
            f"{table.name}: --task classification has one --target; several columns of 0 and 1 are "
            "--task multilabel"
        )
    if texts := [target for target, found in cells.items() if _is_text(found)]:
        raise UserError(
            f"{table.name}: several targets must be numbers: '{texts[0]}' holds text (labels that "
            "a row may have together are columns of 0 and 1, or one column of texts such as 'a;b')"
        )
    facts = [_number_fact(table, target, found, task) for target, found in cells.items()]
    return _numbers(list(cells), facts)


def _numbers(targets: Sequence[str], facts: list[str]) -> Meaning:
    options = {"task": "regression"}
    unit = common_unit(targets)
    if unit is not None:
        options["unit"] = unit
        facts = [*facts, f"unit of the target, from the header: {unit} (data: unit)"]
    return Meaning("regression", options, facts)


def _class_fact(target: str, cells: Sequence[Any], asked: str | None) -> str:
    texts = sorted({str(cell).strip() for cell in cells})
    some = ", ".join(repr(text) for text in texts[:3]) + (", …" if len(texts) > 3 else "")
    other = "" if asked or _is_text(cells) else "; --task regression takes them as numbers"
    if not asked and are_names(cells) and any(number(cell) is not None for cell in cells):
        other = "; --task regression learns from those that are numbers, and leaves out the others"
    return f"target '{target}': {len(texts)} classes ({some}){other}"


def _number_fact(table: Table, target: str, cells: Sequence[Any], asked: str | None) -> str:
    values = [value for cell in cells if (value := number(cell)) is not None and isfinite(value)]
    low, high = min(values), max(values)
    if low == high:
        raise UserError(
            f"{table.name}: target '{target}' is {low:g} in every row: nothing to learn"
        )
    fact = f"target '{target}': numbers from {low:g} to {high:g}, treated as regression"
    distinct = set(values)
    if len(distinct) <= _FEW_CLASSES and all(value == int(value) for value in distinct):
        if asked is None:
            fact += (
                f"; it has only {len(distinct)} different whole values: if these are classes "
                "without an order, take --task classification"
            )
    elif low > 0 and high / low > 1e4:
        fact += "; it spans more than four powers of ten: consider predicting its logarithm"
    return fact + far_off(values)


_OTHERS, _FAR_OFF = 10, 10
"""Of how many values one is far off, and how many spans of the others it lies away from them."""


def far_off(values: Sequence[float]) -> str:
    """Say that one value is far from all others: a slip of the pen decides means of errors alone.

    Empty where none is, and of few values.
    """
    ordered = sorted(values)
    if len(ordered) <= _OTHERS:
        return ""
    for far, near, span in (
        (ordered[-1], ordered[-2], ordered[-2] - ordered[0]),
        (ordered[0], ordered[1], ordered[-1] - ordered[1]),
    ):
        if span > 0 and abs(far - near) > _FAR_OFF * span:
            low, high = (ordered[0], near) if far > near else (near, ordered[-1])
            return (
                f"; careful: one value, {far:g}, is far from all others ({low:g} to {high:g}): if "
                "it is a mistake, mend it first, for it alone decides every mean of errors"
            )
    return ""


RARE = 0.2
"""Share of the rows below which one of two classes is rare, and the one that is looked for."""


def rare_share(dataset: Dataset) -> float | None:
    """Return the share of the rarer of two classes where it is rare; None otherwise."""
    if len(dataset.classes) != 2:
        return None
    counts = np.bincount(dataset.targets[:, 0].astype(np.int64), minlength=2)
    share = float(counts.min() / counts.sum())
    return share if share <= RARE else None


def seen_as_rare(dataset: Dataset, chosen: dict[str, Any], folder: Path) -> Dataset:
    """Return the data set with a rare class of two as the one that is looked for, the second.

    Where it is the first, ``chosen`` gets the option that says so.
    """
    if rare_share(dataset) is None or dataset.targets.mean() < 0.5:
        return dataset
    chosen["positive"] = dataset.classes[0]
    return load_dataset(DataOptions(**{**chosen, "on_bad_rows": "drop"}), folder)
