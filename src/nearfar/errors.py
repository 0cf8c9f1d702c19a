"""Errors that are the user's to mend: one clear line each, exit status 2."""

import contextlib
import errno
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

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


_BLOCK = "needs a block of keys and values"
_LIST = "needs a list, such as [a, b]"
_WHOLE = "needs a whole number"
_NUMBER = "needs a number"
_TRUTH = "needs true or false"
_KINDS = {
    "dict_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "string_type": "needs a text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "missing": "is missing",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
_LENGTHS = (
    ("too_short", "needs", "min_length", "at least"),
    ("too_long", "takes", "max_length", "at most"),
)


def plainly(mistake: Mapping[str, Any]) -> str:
    """Return what is needed, where pydantic speaks of Python's types.

    >>> plainly({"type": "int_parsing", "msg": "Input should be a valid integer, …", "input": "x"})
    'needs a whole number'

    Args:
        mistake: one of the ``errors()`` of a validation, with its type, message and input.
    """
    kind, given, context = mistake["type"], mistake["input"], mistake.get("ctx") or {}
    if kind == "string_type" and isinstance(given, bool | int | float):
        read = "a truth value" if isinstance(given, bool) else "a number"
        return f"needs a text, and this is read as {read}: put it in quotes"
    if kind == "int_type" and isinstance(given, float) and given.is_integer():
        return f"{_WHOLE}, written without a point or an exponent"
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"has to be {words} {context[bound]:,}".removesuffix(".0")
    if kind == "literal_error":
        return f"needs {context['expected']}"
    for ending, verb, bound, words in _LENGTHS:
        if kind.endswith(ending):
            count = "one" if context[bound] == 1 else context[bound]
            unit = f" character{'' if count == 'one' else 's'}" if kind.startswith("string") else ""
            return f"{verb} {count}{unit} {words}"
    return str(mistake["msg"]).removeprefix("Value error, ")
