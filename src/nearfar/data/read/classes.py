"""Cells turned into class numbers.

A class has a number, by which it is stored, and a name, by which it is shown. Where the source
gives both, a stored number is a number and a text is a name, whatever the names look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.read.cells import infinite_among_numbers, is_written_truth
from nearfar.data.read.columns import BadRows, number
from nearfar.data.read.kinds import column_kind
from nearfar.data.read.tables import Table, is_missing
from nearfar.data.spelling import composed
from nearfar.errors import UserError, nearest

Names = Sequence[str] | Mapping[int, str]
"""Names of classes: by their numbers, or in the order of the numbers 0, 1, 2, …"""

Classes = tuple[npt.NDArray[np.float64], tuple[str, ...]]


def class_numbers(
    table: Table,
    column: str,
    names: Names,
    bad: BadRows,
    *,
    texts_are_names: bool = False,
    typed: bool = False,
) -> Classes:
    """Return the class of every row and the names of the classes.

    With ``names`` (which the source itself gives) a stored number is one of their numbers and a
    text is one of the names; a column of texts alone may also hold the numbers. -1, unless it has a
    name, is a missing label. Without ``names`` every different cell is a class: numbers in
    ascending order, or else texts in alphabetical order.

    Args:
        table: the rows.
        column: of the labels.
        names: of the classes, empty where the source gives none.
        bad: takes the rows without a class.
        texts_are_names: whether a text such as ``none`` is a class, because the layout gives it, as
            folders do; with ``names`` it is so in any case. Empty texts and NaN stay missing.
        typed: whether texts and numbers are told apart by the file; where they are not, ``1.0`` of
            a column of whole numbers is the class 1, as pandas writes those that have gaps.

    Returns:
        float64 (n,), places among the names, NaN where the row was noted as bad; and the names in
        the order of the numbers.

    Raises:
        UserError: if there are fewer than two classes, or hardly two rows of each, or the labels
            and the names are numbered otherwise.
    """
    cells = table.column(column, "target")
    if names:
        return _named(table, column, cells, names, bad)
    missing = _absent if texts_are_names else is_missing
    texts = [None if missing(cell) else class_text(cell) for cell in cells]
    if not (texts_are_names or typed):
        texts = _without_points(texts)
    different = list({text for text in texts if text is not None})
    infinite = {different[place] for place in infinite_among_numbers(different)}
    for position, text in enumerate(texts):
        if text is None:
            bad.add(position, "target missing", f"target '{column}' is missing")
        elif text in infinite:
            bad.add(position, "target not finite", f"target '{column}' is {text}, not finite")
    usable = {t for p, t in enumerate(texts) if t is not None and p not in bad}
    classes = _ordered(usable)
    rows = sum(t is not None and p not in bad for p, t in enumerate(texts))
    _check_classes(table, column, classes, rows)
    order = {name: float(k) for k, name in enumerate(classes)}
    return np.array([order.get(t, np.nan) if t is not None else np.nan for t in texts]), classes


def class_values(table: Table, column: str, names: Names, bad: BadRows) -> npt.NDArray[np.float64]:
    """Return the numbers that are the names of the rows' classes, float64 (n,), NaN where bad.

    Raises:
        UserError: if a name is no number.
    """
    places, classes = class_numbers(table, column, names, bad)
    values = {name: number(name) for name in classes}
    if texts := [name for name, value in values.items() if value is None]:
        raise UserError(
            f"{table.name}: target '{column}' has named classes such as '{texts[0]}', which are no "
            "numbers: set data: task: classification"
        )
    numbers = np.array([values[name] for name in classes], dtype=np.float64)
    known = ~np.isnan(places)
    found = np.full(len(places), np.nan)
    found[known] = numbers[places[known].astype(np.int64)]
    return found


def are_booleans(cells: Iterable[Any]) -> bool:
    """Tell whether all cells that are not missing are true or false, as values or as texts."""
    present = [cell for cell in cells if not is_missing(cell)]
    return bool(present) and all(map(is_written_truth, present))


def refuse_booleans(table: Table, column: str) -> None:
    """Raise a UserError if a column that shall hold numbers holds true and false."""
    if are_booleans(table.column(column, "target")):
        raise UserError(
            f"{table.name}: target '{column}' is true or false, which are classes: set data: task: "
            "classification"
        )


def _by_number(where: str, names: Names) -> dict[int, str]:
    given = names.items() if isinstance(names, Mapping) else enumerate(names)
    found = {stored: composed(name) for stored, name in given}
    if len(set(found.values())) < len(found):
        shown = list(found.values())
        twice = next(name for name in shown if shown.count(name) > 1)
        raise UserError(f"{where}: two classes are called '{twice}'")
    return dict(sorted(found.items()))


def _named(table: Table, column: str, cells: Sequence[Any], given: Names, bad: BadRows) -> Classes:
    names = _by_number(table.name, given)
    by_number = {stored: place for place, stored in enumerate(names)}
    by_name = {name: place for place, name in enumerate(names.values())}
    present = [cell for cell in cells if not _absent(cell)]
    as_numbers = bool(present) and all(isinstance(cell, str) for cell in present)
    if as_numbers:
        beside = isinstance(given, Mapping)
        as_numbers = _texts_are_numbers(table, column, present, (by_number, by_name), beside)
    _check_numbering(table, column, present, by_number)
    places = np.full(len(cells), np.nan)
    for position, cell in enumerate(cells):
        if _absent(cell) and cell not in by_name:
            bad.add(position, "target missing", f"target '{column}' is missing")
            continue
        stored = _stored(cell, as_numbers)
        place = by_number.get(stored) if stored is not None else by_name.get(_raw(cell))
        if place is None and stored is None:
            place = by_name.get(class_text(cell))
        if place is not None:
            places[position] = place
        elif stored == -1:
            bad.add(position, "target missing", f"target '{column}' is -1, which means unlabelled")
        else:
            known = _range(by_number, by_name, stored is not None)
            message = f"target '{column}' is {class_text(cell)}; {known}"
            bad.add(position, "label out of range", message)
    return places, tuple(names.values())


def _texts_are_numbers(
    table: Table,
    column: str,
    cells: Sequence[str],
    places: tuple[Mapping[int, int], Mapping[str, int]],
    beside: bool,
) -> bool:
    """Whether the texts of a column are class numbers and not names.

    Args:
        table: for messages.
        column: likewise.
        cells: the texts.
        places: of the classes by number and by name.
        beside: whether the names come from a file beside, so that texts can be either.

    Raises:
        UserError: if they can be either, and not of the same classes.
    """
    by_number, by_name = places
    texts = {composed(cell).strip() for cell in cells}
    numbers = {
        text: by_number.get(stored) for text in texts if (stored := _digits(text)) is not None
    }
    as_numbers = sum(place is not None for place in numbers.values())
    as_names = sum(text in by_name for text in texts)
    if beside and as_numbers == as_names == len(texts):
        differing = sorted(text for text in texts if numbers[text] != by_name[text])
        if differing:
            raise UserError(
                f"{table.name}: '{differing[0]}' in column '{column}' is the name of one class and "
                "the number of another: write other names, or leave out what names the classes"
            )
    return as_numbers > as_names


def _check_numbering(
    table: Table, column: str, cells: Sequence[Any], by_number: Mapping[int, int]
) -> None:
    """Refuse labels that all fit the names' numbers only if each is one less or one more."""
    stored = {value for cell in cells if (value := _stored(cell, False)) is not None} - {-1}
    if not stored or stored <= by_number.keys():
        return
    for step, word in ((1, "less"), (-1, "more")):
        if {value - step for value in stored} <= by_number.keys():
            raise UserError(
                f"{table.name}: target '{column}' holds the numbers {min(stored)} to "
                f"{max(stored)}, and the names of the classes are for {min(by_number)} to "
                f"{max(by_number)}, each one {word}: number both alike, for instance in a file "
                "that data: mapping names"
            )


def _range(by_number: Mapping[int, int], by_name: Mapping[str, int], numbers: bool) -> str:
    if not numbers:
        shown = ", ".join(list(by_name)[:5]) + (", …" if len(by_name) > 5 else "")
        return f"the classes are {shown}"
    return f"there are {len(by_number)} classes, {min(by_number)} to {max(by_number)}"


def _stored(cell: Any, texts: bool) -> int | None:
    """Return the class number that a cell holds, None where it holds a name or a fraction."""
    if isinstance(cell, str):
        return _digits(cell.strip()) if texts else None
    if isinstance(cell, int | float | Decimal) and isfinite(cell) and cell == int(cell):
        return int(cell)
    return None


def _digits(text: str) -> int | None:
    plain = whole_text(text)
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() else None


def _without_points(texts: Sequence[str | None]) -> list[str | None]:
    """Return whole numbers without a point if all texts are whole numbers, else the same texts."""
    plain = {text: whole_text(text) for text in texts if text is not None}
    if any(_digits(text) is None for text in plain):
        return list(texts)
    return [None if text is None else plain[text] for text in texts]


def _absent(cell: Any) -> bool:
    """Tell whether a label is missing where every text is a name: None, NaN, or no text at all."""
    if isinstance(cell, str | bytes):
        return not cell.strip()
    return cell is None or (isinstance(cell, float | Decimal) and cell != cell)


def with_positive(
    numbers: npt.NDArray[np.float64], classes: tuple[str, ...], positive: str
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Return numbers (n,) and names of two classes, ``positive`` as the second.

    Raises:
        UserError: there are other than two classes, or none is called so.
    """
    if positive not in classes:
        raise UserError(
            f"data: positive: no class is called {positive!r}; {nearest(positive, classes)}"
        )
    if len(classes) != 2:
        raise UserError(f"data: positive: goes with two classes, and here are {len(classes)}")
    if classes[1] == positive:
        return numbers, classes
    return 1 - numbers, (classes[1], classes[0])


def _instead(values: Sequence[str]) -> str:
    """Return what cells that are no classes seem to be, and what to do."""
    kind = column_kind("", values)
    if kind.kind == "date":
        return "they are dates: predict a number, such as the days since a first one"
    if kind.note:
        return kind.note
    if 2 * sum(number(value) is not None for value in values) > len(values):
        return "if it is a number, set data: task: regression"
    return "they name the rows, or are free text: take another column as the target"


def _check_classes(table: Table, column: str, classes: Sequence[str], rows: int) -> None:
    if len(classes) == 1:
        one = classes[0]
        said = f"{one!r} in every row: one class" if number(one) is None else _constant(one)
        raise UserError(f"{table.name}: target '{column}' is {said}")
    if classes and 2 * len(classes) > rows:
        raise UserError(
            f"{table.name}: target '{column}' has {len(classes)} different values in {rows} rows: "
            f"these are no classes; {_instead(classes)}"
        )
    fractions = [name for name in classes if (value := number(name)) and not value.is_integer()]
    if fractions and all(number(name) is not None for name in classes):
        raise UserError(
            f"{table.name}: target '{column}' holds numbers such as {fractions[0]}, not classes: "
            "set data: task: regression"
        )


def _constant(cell: str) -> str:
    return f"{cell} in every row: nothing to learn, as a number or as a class"


def _raw(cell: Any) -> str:
    return composed(cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell))


def whole_text(text: str) -> str:
    """Return a whole number that is written with a point and zeros without them, else the text."""
    return text.partition(".")[0] if re.fullmatch(r"-?[0-9]+\.0+", text) else text


def class_text(cell: Any) -> str:
    """Return the name of the class that a cell stands for: 3.0 is 3, midnight is its day."""
    if isinstance(cell, float | Decimal) and isfinite(cell) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, datetime) and cell.tzinfo is None and not any(cell.timetuple()[3:6]):
        return cell.date().isoformat()
    return _raw(cell).strip()


def _ordered(texts: set[str]) -> tuple[str, ...]:
    values = {text: number(text) for text in texts}
    if all(value is not None for value in values.values()):
        return tuple(sorted(texts, key=lambda text: (values[text], text)))
    return tuple(sorted(texts))
