"""Classes of which no row can be used, though the source has some: a study has none of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nearfar.errors import UserError

if TYPE_CHECKING:
    from nearfar.data.read.columns import BadRows

LOST = "classes_lost"
"""Where a data set's provenance names them: class → its rows."""
_NAMED = 5


def without_lost(
    numbers: npt.NDArray[np.float64],
    classes: tuple[str, ...],
    rows: Sequence[int],
    bad: BadRows,
    where: str,
) -> tuple[npt.NDArray[np.float64], tuple[str, ...], dict[str, int]]:
    """Return the classes of the rows that are used, without those that lost every row.

    Args:
        numbers: the class of every row of the source, float64 (n,), NaN where it is not known.
        classes: their names.
        rows: those that are used.
        bad: those that cannot be.
        where: the source and its target, for messages.

    Returns:
        The classes of ``rows``, float64 (rows,), places among the names; the names that are left;
        and the others with the number of their rows.

    Raises:
        UserError: one class alone has rows that are used.
    """
    used = numbers[list(rows)].astype(np.int64)
    there = set(used.tolist())
    left_out = [row for row in np.flatnonzero(~np.isnan(numbers)).tolist() if row in bad]
    lost = {k: 0 for k in range(len(classes)) if k not in there}
    for row in left_out:
        if (place := int(numbers[row])) in lost:
            lost[place] += 1
    lost = {place: count for place, count in lost.items() if count}
    if len(there) < 2:
        why = [bad.told(row) for row in left_out if int(numbers[row]) in lost]
        first = f"; of the others no row can be used, the first is {why[0]}" if why else ""
        raise UserError(f"{where} is {classes[used[0]]!r} in every row that is left{first}")
    kept = [place for place in range(len(classes)) if place not in lost]
    return (
        np.searchsorted(kept, used).astype(np.float64),
        tuple(classes[place] for place in kept),
        {classes[place]: count for place, count in lost.items()},
    )


def lost_words(source: Mapping[str, Any]) -> str:
    """Return which classes a data set has lost, as a sentence's words; empty for none."""
    lost: Mapping[str, int] = source.get(LOST, {})
    if not lost:
        return ""
    shown = ", ".join(f"{name!r} (of {count})" for name, count in list(lost.items())[:_NAMED])
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    are = "is no class" if len(lost) == 1 else "are no classes"
    return f"no row can be used of {shown}{more}, which {are} of the study"
