"""Errors that are the user's to mend: one clear line each, exit status 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A mistake in what the user gave. The message is shown as it is, without a traceback."""


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    return f"{type(error).__name__}: {error}".split("\n", 1)[0]


def shown(value: object, most: int = 80) -> str:
    """Return a value as messages show it: on one line, and cut after ``most`` characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def printable(text: str) -> str:
    """Return a text on one line: line ends, control characters and the like as escapes."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return what is allowed in place of ``given``, the nearest name first, as a phrase.

    >>> nearest("rncc", ["rnc", "moco"])
    "did you mean 'rnc'? allowed: moco, rnc"
    """
    names = sorted(allowed)
    phrase = "allowed: " + (", ".join(names) or "nothing")
    close = get_close_matches(given, names, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'? {phrase}" if close else phrase
