"""Errors that are the user's to mend: one clear line each, exit status 2."""

import contextlib
import errno
import sys
from collections.abc import Iterable
from difflib import get_close_matches

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a disk, or somebody's share of it, is full, or a file may not grow."""


class UserError(Exception):
    """A mistake in what the user gave, or several, a line each.

    Its text is shown without a traceback. What came into a line from somebody's data, such as a
    line end in a column's name, is escaped, so that it stays one line.
    """

    def __str__(self) -> str:
        return "\n".join(printable(str(line)) for line in self.args)


class DiskFull(Exception):  # noqa: N818 - a state of the machine, not a mistake
    """There is no room for a file: the message names it, and what it needs."""


def full_disk(error: BaseException | None) -> str:
    """Return what to say where an error, or what it came of, is a full disk; else nothing."""
    seen: list[BaseException] = []  # what an error came of may have come of it again
    while error is not None and error not in seen:
        seen.append(error)
        if isinstance(error, DiskFull):
            return str(error)
        if isinstance(error, OSError) and error.errno in FULL:
            return f"{error.filename or 'a file'}: {error.strerror}"
        error = error.__cause__ or error.__context__
    return ""


def tell(line: str) -> None:
    """Say on standard error, in one line, what was done about something that was amiss."""
    with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
        print(f"nearfar: {line}", file=sys.stderr, flush=True)


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


def alike(given: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like another, whatever the case of letters; None if none is."""
    known = sorted(names)
    same = [name for name in known if name.casefold() == given.casefold()]
    found = same or get_close_matches(given, known, n=1, cutoff=0.6)
    return found[0] if found else None


def nearest(given: object, allowed: Iterable[str]) -> str:
    """Return what is allowed in place of ``given``, the nearest name first, as a phrase.

    >>> nearest("rncc", ["rnc", "moco"])
    "did you mean 'rnc'? allowed: moco, rnc"
    """
    names, given = sorted(allowed), str(given)
    phrase = "allowed: " + (", ".join(names) or "nothing")
    close = alike(given, names)
    return phrase if close is None else f"did you mean '{close}'? {phrase}"
