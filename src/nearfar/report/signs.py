"""Text for any terminal: nothing in it is an order, and what it cannot show has a look-alike."""

import re
import unicodedata

_LOOK_ALIKES = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "─": "-",
        "━": "-",
        "±": "+-",
        "·": "-",
        "×": "x",
        "≈": "=",
        "≤": "<=",
        "≥": ">=",
        "▲": "^",
        "▼": "v",
        "◀": "<",
        "✓": "+",
        "✕": "x",
        "…": "...",
        "→": "->",
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "•": "*",
        "°": " deg",
        "µ": "u",
        "²": "2",
        "³": "3",
    }
)
_ORDERS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tabs and line ends; what turns the direction of writing; surrogates."""


def inert(text: str) -> str:
    r"""The text with every character that a terminal would obey written out.

    >>> inert("a\x1b[31mred")
    'a\\x1b[31mred'
    """
    return _ORDERS.sub(lambda found: _written_out(found.group()), text)


def looking_alike(text: str, encoding: str) -> str:
    """The text in characters that ``encoding`` has: others by look-alikes, letters without accents.

    What has none is written out as ``\\u03b4``.

    >>> looking_alike("0.25 ± 0.01 −Größe", "ascii")  # noqa: RUF001
    '0.25 +- 0.01 -Grosse'
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_in(encoding, sign) for sign in text)
    return text


def _in(encoding: str, sign: str) -> str:
    for shown in (sign, sign.translate(_LOOK_ALIKES), _plain(sign)):
        try:
            shown.encode(encoding)
        except UnicodeEncodeError:
            continue
        if shown:
            return shown
    return _written_out(sign)


def _plain(sign: str) -> str:
    """A letter without its accents; empty where nothing stays."""
    if sign == "ß":
        return "ss"
    parts = unicodedata.normalize("NFKD", sign)
    return "".join(part for part in parts if part.isascii() and part.isprintable())


def _written_out(sign: str) -> str:
    code = f"\\x{ord(sign):02x}"
    return code if sign.isascii() else sign.encode("ascii", "backslashreplace").decode("ascii")
