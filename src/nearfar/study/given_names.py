"""Names that a person gives to arms and stages: they are shown in tables, on pages and screens."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from nearfar.errors import shown

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, turns of the reading direction, and halves of a character."""

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u3164\ufe00-\ufe0f]")
"""Signs beside those of Unicode's category Cf that show nothing, or choose between two forms."""


def is_name(name: str) -> bool:
    """Tell whether a text is one line, not blank, without control characters."""
    return bool(name.strip()) and not _UNSEEN.search(name)


def given_name(name: str) -> str:
    """Return a name as it is.

    Raises:
        ValueError: it is blank, or has line ends or control characters.
    """
    if not is_name(name):
        raise ValueError(
            f"{shown(name)}: a name is one line of text, not empty, without control characters"
        )
    return name


GivenName = Annotated[str, AfterValidator(given_name)]


def mistaken_for(names: Iterable[str]) -> list[str]:
    """Return a phrase for every name that looks like one before it.

    They differ in blanks, in characters that show nothing, or in how Unicode writes the same ones.

    >>> mistaken_for(["ridge", "ridge "])
    ["'ridge' and 'ridge ' look the same: give one of them another name"]
    """
    seen: dict[str, str] = {}
    found = []
    for name in names:
        first = seen.setdefault(_looks(name), name)
        if first != name:
            spell = repr if _composed(first) != _composed(name) else ascii
            found.append(
                f"{spell(first)} and {spell(name)} look the same: give one of them another name"
            )
    return found


def _looks(name: str) -> str:
    shown = "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
    return " ".join(_composed(_INVISIBLE.sub("", shown)).split())


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
