"""Names that a person gives to arms and stages: they are shown in tables, on pages and screens."""

import re
from typing import Annotated

from pydantic import AfterValidator

from nearfar.errors import shown

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, turns of the reading direction, and halves of a character."""


def given_name(name: str) -> str:
    """Return a name as it is.

    Raises:
        ValueError: it is blank, or has line ends or control characters.
    """
    if not name.strip() or _UNSEEN.search(name):
        raise ValueError(
            f"{shown(name)}: a name is one line of text, not empty, without control characters"
        )
    return name


GivenName = Annotated[str, AfterValidator(given_name)]
