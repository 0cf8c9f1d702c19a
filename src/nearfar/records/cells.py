"""Text in cells of CSV files: what a spreadsheet would compute is kept from it, and read back."""

import re
from typing import Any

_COMPUTED = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
_QUOTED = re.compile(r"''*[=+\-@＝＋－＠\t\r\n]")
_FIRST = frozenset("'=+-@＝＋－＠\t\r\n")
_HARMLESS = re.compile(
    r"[+-]+|[+-](?:inf(?:inity)?|nan|[.,]?\d[\d., ]*(?:e[+-]?\d+)?%?)", re.IGNORECASE
)
"""Signs alone, and numbers as people write them."""


def quoted(value: Any) -> Any:
    """A cell as it is written: text that a spreadsheet would compute has an apostrophe before it.

    That is text that begins with ``= + - @``, a tab or a line's end (OWASP, "CSV injection"), but
    no number; spreadsheets show what follows the apostrophe as text. Other values stay.

    >>> quoted("=1+2"), quoted("-1.5"), quoted("plain"), quoted(-1.5)
    ("'=1+2", '-1.5', 'plain', -1.5)
    """
    if not isinstance(value, str) or value[:1] not in _FIRST:
        return value
    if not _COMPUTED.match(value) or _HARMLESS.fullmatch(value):
        return value
    return f"'{value}"


def unquoted(text: str) -> str:
    """The text that :func:`quoted` wrote as a cell.

    >>> unquoted("'=1+2"), unquoted("'s")
    ('=1+2', "'s")
    """
    return text[1:] if text[:1] == "'" and _QUOTED.match(text) else text
