"""Texts that others wrote, as names of arms, columns and classes are, in a page of Markdown.

Each comes on one line, is read as it was written, and marks nothing up: no tag, link, heading,
emphasis, code or formula begins or ends in it.
"""

import re
from html import escape

from nearfar.errors import printable

_MARKS = re.compile(r"[`*\[\]~$]|\\(?=[!-/:-@[-`{-~]|$)|(?<![^\W_])_|_(?![^\W_])")
"""Signs that may mark something up: of backslashes those before signs, of underscores those at the
edge of a word."""
_BLOCK = re.compile(r"^(\d*)([#+=.)-]+)(?=\s|$)")
"""What would begin a heading, a list or a rule."""


def plain(text: str) -> str:
    """Return a text for a line of prose, a heading or an entry of a list."""
    marked = _MARKS.sub(r"\\\g<0>", printable(text).strip())
    return escape(_BLOCK.sub(r"\1\\\2", marked), quote=False)


def cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return plain(text).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as a span of code, between more backticks than stand in it side by side."""
    text = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    edged = not text or "`" in (text[0], text[-1]) or text[0] == text[-1] == " "
    return f"{fence} {text} {fence}" if edged else f"{fence}{text}{fence}"
