"""Which column of a user's file says whose rows belong together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from shlex import quote
from typing import Any

from nearfar.data.read.cells import all_numbers, number
from nearfar.data.read.kinds import is_truth
from nearfar.data.read.tables import Table, is_missing
from nearfar.starter.asked import named_or_off
from nearfar.starter.first_split import GROUP_FACT

_BEINGS = (
    *("person", "subject", "patient", "participant", "identity", "individual", "donor", "group"),
    *("animal", "mouse", "rat", "dog", "cow", "fish", "monkey", "volunteer", "respondent"),
    *("speaker", "author", "writer", "user", "customer", "client", "student", "employee", "pupil"),
    *("family", "household", "litter", "pair", "specimen", "cohort", "twin", "subj", "usubj"),
    *("pid", "mrn", "case", "lesion", "firm", "company", "cluster"),
)
"""Whose rows are alike whoever looks at them."""
_PLACES = (
    *("session", "visit", "recording", "video", "clip", "slide", "tissue", "biopsy", "culture"),
    *("strain", "plate", "batch", "lot", "experiment", "site", "hospital", "clinic", "center"),
    *("centre", "scanner", "camera", "farm", "herd", "document", "well"),
)
"""What rows come from."""
_BY_NUMBER = frozenset(
    {"pat", "pers", "child", "infant", "sibling", "teacher", "fam", "hh", "sch", "school"}
    | {"town", "city", "village", "vill", "county", "district", "dist", "unit", "station"}
    | {"sensor", "device", "machine", "player", "team", "account", "member", "order", "trip"}
)
"""Whose rows are alike where a column holds their numbers: ``schoolid``, ``trip_no``."""
_ENDINGS = ("id", "ids", "no", "nr", "num", "number", "code", "key", "name", "label", "uid")
_NUMBERS = frozenset({"id", "ids", "uid", "no", "nr", "num"})
_IDS = frozenset({"id", "ids", "uid", "idno", "idnr", "idnum", "idcode"})
"""A column's whole name where it holds what panels and repeated measurements are told apart by."""
_NO_GROUPS = frozenset(
    {"class", "label", "category", "type", "kind", "target", "color", "colour", "row", "image"}
    | {"species", "genus", "breed", "taxon", "choice", "option", "party"}
)
"""What ``_id`` may stand behind without saying whose a row is."""
_FEW, _FEWEST = 5, 10
_ALONE = 0.8
"""The share of different values beyond which numbers tell rows apart, few of which occur twice."""
_LARGEST_FAMILY = 30


def group_column(table: Table, but: Collection[str | None]) -> str | None:
    """Return a column such as ``patient_id``, ``Mouse No.`` or ``plateID`` that rows share.

    Several rows have one value and none is missing. There are at least 5 different values. A column
    called ``id``, or whose name ends so, counts if there are 10, and a fifth of the rows repeat
    one. A well is a place on its plate: where a column says the plate, it is no group. Nor is what
    says the same as texts in ``but``, such as a target: its classes would each lie in one part.
    """
    nouns = {column: _noun(column) for column in table.columns if column not in but}
    on_plates = "plate" in nouns.values()
    others = [cells for name, cells in table.columns.items() if name in but]
    classes = [cells for cells in others if all_numbers(cells) is None]
    found = {
        column: rank
        for column, noun in nouns.items()
        if not (on_plates and noun == "well")
        and (rank := _rank(column, table.columns[column])) is not None
        and not any(_same(table.columns[column], cells) for cells in classes)
    }
    return min(found, key=lambda column: found[column]) if found else None


def few_fact(table: Table, but: Collection[str | None]) -> list[str]:
    """Return a line on a column that would make groups, had it more values."""
    for column, cells in table.columns.items():
        named = _noun(column) in {*_BEINGS, *_PLACES} and column not in but
        if not named or any(is_missing(cell) or not _is_name(cell) for cell in cells):
            continue
        sizes = Counter(str(cell).strip() for cell in cells).values()
        if is_truth([*cells]) or {number(cell) for cell in cells} == {0, 1}:
            continue
        if 1 < len(sizes) < _FEW:
            told = (
                f"careful: '{column}' has only {len(sizes)} values, so rows with one of them may "
                "stand in different parts of a split: "
            )
            if len(sizes) == 2:
                return [f"{told}two cannot be learnt from, choose epochs and be tested"]
            unequal = max(sizes) > 2 * min(sizes)
            keeps = f"--group {quote(column)} keeps them together"
            return [told + keeps + ", if so unequal ones can be" * unequal]
    return []


def gap_fact(table: Table, but: Collection[str | None]) -> list[str]:
    """Return a line on a column that would make groups, had each row a value."""
    for column, cells in table.columns.items():
        present = [cell for cell in cells if not is_missing(cell)]
        missing = len(cells) - len(present)
        if missing and present and column not in but and _rank(column, present) is not None:
            lacking = "1 row has" if missing == 1 else f"{missing} rows have"
            return [
                f"careful: rows with one value of '{column}' may stand in different parts of a "
                f"split, since {lacking} none: --group {quote(column)} keeps them "
                "together, and leaves those out"
            ]
    return []


def _rank(column: str, cells: Sequence[Any]) -> int | None:
    """Return how far down the list of names a column stands, None where it is no group."""
    words, known = words_of(column), _noun(column)
    named = "".join(words) in _IDS
    by_number = len(words) > 1 and (
        (words[-1] in {"id", "ids", "uid"} and words[-2] not in _NO_GROUPS)
        or (words[-1] in _NUMBERS and words[-2] in _BY_NUMBER)
    )
    if known is None and not named and not by_number:
        return None
    if any(is_missing(cell) or not _is_name(cell) for cell in cells):
        return None
    distinct, rows = len({str(cell).strip() for cell in cells}), len(cells)
    names = [*_BEINGS, "", *_PLACES]
    if known is not None:
        counts = known in {"family", "household"} and _are_sizes(cells, distinct)
        return names.index(known) if _FEW <= distinct < rows and not counts else None
    if not _FEWEST <= distinct <= _ALONE * rows:
        return None
    return names.index("") if named else len(names)


def _are_sizes(cells: Sequence[Any], distinct: int) -> bool:
    """Tell whether numbers say how many belong to a family, not which one it is."""
    largest = max(number(cell) or _LARGEST_FAMILY + 1 for cell in cells)
    return largest <= _LARGEST_FAMILY < len(cells) / distinct


def _same(cells: Sequence[Any], others: Sequence[Any]) -> bool:
    """Tell whether two columns say the same: each value of one stands beside one of the other."""
    pairs = {(str(one), str(other)) for one, other in zip(cells, others, strict=True)}
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def _noun(column: str) -> str | None:
    """Return which of the known names a column has: ``plate`` of ``Plate No.``; None if none."""
    words = words_of(column)
    numbered = len(words) > 1 and words[-1] in _ENDINGS
    noun, last = "".join(words[:-1] if numbered else words), (words or [""])[-2 if numbered else -1]
    known = {*_BEINGS, *_PLACES}
    return next((name for name in (noun, last, noun.removesuffix("s")) if name in known), None)


def _is_name(cell: Any) -> bool:
    """Tell whether a cell can be a name: a text or a whole number."""
    value = None if isinstance(cell, list | tuple | dict) else number(cell)
    return isinstance(cell, str | int) if value is None else value.is_integer()


def words_of(column: str) -> list[str]:
    """Return the words of a column's name in small letters: ``PatientID`` is patient, id."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", column)
    words = [word for word in re.split(r"[\W_]+", parted.lower()) if word]
    ends = [word for word in words if not word.isdigit()]
    if ends and (found := re.fullmatch(r"([a-z]{2,})(id|nr|no|num)", ends[-1])):
        known = {*_BEINGS, *_PLACES, *_BY_NUMBER}
        return [*ends[:-1], found[1], found[2]] if found[1] in known else ends
    return ends


def chosen_group(
    table: Table, asked: str | None, but: Collection[str | None], *, parts: bool = False
) -> tuple[str | None, list[str]]:
    """Return the column of groups, as said or as found, and what a user should know of it.

    Args:
        table: the rows.
        asked: a column, ``none`` for no groups, or None for what is found.
        but: columns that are something else.
        parts: whether the data name the parts of the split, which no group changes.
    """
    group = named_or_off(table, asked) if asked is not None else group_column(table, but)
    if group is None:
        told = asked is None and not parts
        return None, (gap_fact(table, but) or few_fact(table, but)) if told else []
    fact = f"{GROUP_FACT.format(group)} (data: group"
    return group, [fact + ("; --group none turns it off)" if asked is None else ")")]
