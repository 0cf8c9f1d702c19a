"""In which order rows of a file without ids lie where the data are pictures in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nearfar.errors import UserError, shown


def by_sorted_path(paths: Sequence[str], file: str, remedy: str) -> list[int]:
    """Return the place of each path among all when sorted.

    Paths are sorted as texts by some programs and folder by folder by others (``sorted`` of texts
    and of ``pathlib.Path``). That differs where names have characters below the slash: as a text
    ``apple-old/1.png`` lies before ``apple/1.png``.

    Args:
        paths: of all pictures of a folder, relative to it.
        file: whose rows lie in the order of the sorted paths, for messages.
        remedy: what can be done where that order is not known.

    Raises:
        UserError: the two orders differ.
    """
    as_texts = sorted(range(len(paths)), key=lambda row: paths[row])
    by_folder = sorted(range(len(paths)), key=lambda row: Path(paths[row]).parts)
    for one, other in zip(as_texts, by_folder, strict=True):
        if one != other:
            raise UserError(
                f"{file}: which row is of which picture cannot be told: sorted as texts "
                f"{shown(paths[one], 60)} lies before {shown(paths[other], 60)}, sorted folder by "
                f"folder behind it: {remedy}"
            )
    places = [0] * len(paths)
    for place, row in enumerate(as_texts):
        places[row] = place
    return places
