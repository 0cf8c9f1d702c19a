"""How the dates of a column are written, and which of them could mean another day."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nearfar.data.read.cells import ISO, LAYOUTS, date, up_to, without_last_year

_LOOKED_AT = 200
_MONTHS = 12
_NOT_BEFORE, _NOT_AFTER = 2029, 2049
"""Years of two digits are looked at again if some are after the first; all are past if all are, and
some after the second."""


def date_layout(present: Sequence[Any]) -> tuple[str, str]:
    """Return the layout that all cells have as dates, and a note; an empty layout if none.

    Where day and month can change places in every cell, the first of ``LAYOUTS`` that fits is
    taken, the month first, with a note. Years of two digits are told where they are others than
    1969 to 2068 (``_hundred_years``). Dates and texts of which a spreadsheet program swapped some
    (``swapped``) have none.
    """
    layout, note = _first_layout(present, LAYOUTS)
    if layout not in ("", ISO) and _swapped(present, layout):
        return "", ""
    if "%y" not in layout:
        return layout, note
    dated, told = _hundred_years(present, layout)
    return dated, "; ".join(filter(None, [note, told]))


def _first_layout(present: Sequence[Any], layouts: Sequence[str]) -> tuple[str, str]:
    if all(date(cell) is not None for cell in present):
        return ISO, ""
    fits = [
        layout
        for layout in layouts
        if date(present[0], layout) and all(date(cell, layout) for cell in present)
    ]
    if not fits:
        return "", ""
    both = {("%d", "%m"), ("%m", "%d")} <= {_order(layout) for layout in fits}
    return fits[0], "day and month can change places: read as the month first" if both else ""


def _hundred_years(present: Sequence[Any], layout: str) -> tuple[str, str]:
    """Return a layout of dates whose years of two digits belong together, and a note if it differs.

    ``strptime`` takes 69 to 99 for the last century and 0 to 68 for this one, which tears births
    from 1950 to 1990 apart. Where that makes dates after 2029, the longest run of years that no
    date has lies outside, and half of it is left for rows to come; dates that are all after 2029,
    some after 2049, are those of a hundred years earlier. No clock is asked: the same cells mean
    the same dates.
    """
    years = sorted({when.year for cell in present if (when := date(cell, layout))})
    following = [*years[1:], years[0] + 100]
    gaps = [after - year for year, after in zip(years, following, strict=True)]
    widest = max(range(len(gaps)), key=lambda place: (gaps[place], place))
    last, gap = years[widest], gaps[widest]
    past = years[0] > _NOT_BEFORE and years[-1] > _NOT_AFTER
    if years[-1] <= _NOT_BEFORE or (widest == len(years) - 1 and not past):
        return layout, ""
    last -= 100 if past else 0
    found = up_to(layout, last + gap // 2)
    dates = [date(cell, found) for cell in present]
    known = [when.year for when in dates if when is not None]
    if len(known) < len(present):
        return layout, ""
    return found, f"years of two digits are read as {min(known)} to {max(known)}"


def _swapped(present: Sequence[Any], layout: str) -> bool:
    """Tell whether a spreadsheet program took day and month of some dates for each other.

    It then made dates of the texts that it could read in its own order, with a day up to 12, and
    left the others as texts: those that can mean one day alone.

    Args:
        present: cells, missing ones left out.
        layout: which the texts have.
    """
    other = _other_order(layout)
    texts = [cell for cell in present if isinstance(cell, str)]
    values = [cell for cell in present if isinstance(cell, dt.date)]
    if not texts or not values or other == layout:
        return False
    clear = all(date(text, layout) and not date(text, other) for text in texts)
    return clear and all(value.day <= _MONTHS for value in values)


def _told_as_swapped(present: Sequence[Any]) -> str:
    """Return what should be said of cells that are ``_swapped``; nothing of others."""
    layout, _ = _first_layout(present, LAYOUTS)
    if layout in ("", ISO) or not _swapped(present, layout):
        return ""
    texts = [cell for cell in present if isinstance(cell, str)]
    others = len(present) - len(texts)
    return (
        f"careful: {len(texts)} cells are texts such as {texts[0]!r}, and {others} are dates, none "
        "of a day after the 12th: a spreadsheet program took day and month of these for each "
        "other: import the file anew; taken as texts"
    )


def nearly_dates(present: Sequence[Any]) -> str:
    """Return why cells that are dates for the most part are none together, as the first ones tell.

    Asked of cells of which ``date_layout`` finds none; empty where few are dates.
    """
    if told := _told_as_swapped(present):
        return told
    looked_at = list(map(str, present[:_LOOKED_AT]))
    written: dict[frozenset[str], str] = {}
    odd = []
    for cell in looked_at:
        if fits := frozenset(layout for layout in (ISO, *LAYOUTS) if date(cell, layout)):
            written.setdefault(fits, cell)
        else:
            odd.append(cell)
    if 2 * len(odd) >= len(looked_at):
        return ""
    if frozenset.intersection(*written):
        return f"dates, but for cells such as {odd[0][:40]!r}: taken as texts" if odd else ""
    pairs = itertools.combinations(written.items(), 2)
    apart = [(one, other) for (first, one), (second, other) in pairs if not first & second]
    shown = " and ".join(map(repr, apart[0] if apart else [*written.values()][:2]))
    return f"dates in several ways, such as {shown}: taken as texts; write all in one way"


@dataclass(frozen=True)
class DateReading:
    """How the dates of a column are read where another column of the same name came first."""

    layout: str
    doubtful: Mapping[str, str] = field(default_factory=dict)
    """Cells that could be another day, each with a cell that proves it: it fits that way alone."""
    swapped: str = ""
    """A text that proves day and month of cells that are dates, no texts, to be swapped."""


def read_again(cells: Sequence[Any], usual: str) -> DateReading:
    """Return how dates are read that should be written as ``usual``.

    Where not all dates are, but all are in one other way that can mean nothing else, they are read
    in that. Where they are written in several ways, those that the others could mean too are
    doubtful. Cells that are no date in any layout prove nothing.

    Args:
        cells: the column, missing ones left out.
        usual: ``ISO`` or a layout of ``strptime``.
    """
    own = _first_layout(cells, LAYOUTS)[0] if cells else ""
    if own not in ("", ISO) and _swapped(cells, own):
        written = [cell for cell in cells if isinstance(cell, str)]
        return replace(read_again(written, usual), swapped=written[0])
    texts = list(dict.fromkeys(cell.strip() for cell in cells if isinstance(cell, str)))
    other_order = _other_order(usual)
    last = without_last_year(usual)[1]
    dated = [up_to(layout, last) for layout in LAYOUTS]
    layouts = list(dict.fromkeys([*dated, other_order, ISO]))
    fitting = {
        text: [layout for layout in layouts if date(text, layout)]
        for text in texts
        if not date(text, usual)
    }
    unlike = {text: fits for text, fits in fitting.items() if fits}
    if not unlike:
        return DateReading(usual)
    dates = [text for text in texts if text not in fitting or text in unlike]
    layout, note = _first_layout(dates, layouts)
    if layout == ISO or (layout and not note and ("%Y" in layout or "%y" in usual)):
        return DateReading(layout)
    proofs: dict[str, str] = {}
    for text, fits in unlike.items():
        for proven in fits:
            proofs.setdefault(proven, text)
        if all(_looks(proven) == _looks(other_order) for proven in fits):
            proofs.setdefault(other_order, text)
    doubtful: dict[str, str] = {}
    for text in dates:
        if text not in unlike:
            meant = date(text, usual)
            others = {layout: date(text, layout) for layout in proofs}
            proof = next((proofs[k] for k, day in others.items() if day not in (None, meant)), None)
            if proof is not None:
                doubtful[text] = proof
    return DateReading(usual, doubtful)


def _order(layout: str) -> tuple[str, ...]:
    return tuple(re.findall("%[dm]", layout))


def _other_order(layout: str) -> str:
    """Return a layout with day and month, both as numbers, in each other's place."""
    if len(_order(layout)) < 2:
        return layout
    return re.sub("%[dm]", lambda sign: "%m" if sign[0] == "%d" else "%d", layout)


def _looks(layout: str) -> str:
    """Return the order of day, month and year, and what stands between them, without the time."""
    plain, _ = without_last_year(layout)
    return plain.split(" %H")[0].split(" %I")[0].replace("%y", "%Y")
