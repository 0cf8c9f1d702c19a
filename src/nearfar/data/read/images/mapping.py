"""Files that name classes: the number and the name of each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from nearfar.errors import UserError

_SIGNS = r"[\s,;:=|]+"
_NUMBER_FIRST = re.compile(rf"^(?P<number>-?[0-9]+){_SIGNS}(?P<name>.+)$")
_NAME_FIRST = re.compile(rf"^(?P<name>.+?){_SIGNS}(?P<number>-?[0-9]+)$")
_NAMES_FIRST = re.compile(r"^\W*(class|label|target)?\W*(names?|labels?|class(es)?|texts?)\b", re.I)

Line = tuple[int, str]
"""Its number in the file, from 1, and its text."""


def read_mapping(path: Path, codes: bool = False) -> dict[int, str]:
    """Read class numbers and their names, in ascending order of the numbers.

    A line each, in any order: the number and the name, or all of them the name and the number, with
    spaces, a tab or one of ``, ; : = |`` between. A line above without a number is a header; where
    names are numbers too, it says what comes first (else the number does). Lines that are names
    alone are those of 0, 1, 2, …. A ``.json`` file is one object, of numbers to names or of names
    to numbers. The numbers need not begin at 0, and may have gaps.

    Args:
        path: the file.
        codes: whether names that are the ASCII codes of letters and digits, as in EMNIST's files,
            stand for these; several codes in a line make one name.

    Raises:
        UserError: if a line has no number, or two have the same number or name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {words}") from error
    entries = _in_json(path, text) if path.suffix.lower() == ".json" else _in_lines(path, text)
    if not entries:
        raise UserError(f"{path}: names no class: needs lines of a class number and its name")
    names: dict[int, str] = {}
    for number, name in entries:
        if number in names:
            raise UserError(f"{path}: two classes have the number {number}")
        names[number] = name
    names = dict(sorted(names.items()))
    if codes and (letters := [_letters(name) for name in names.values()]) and all(letters):
        names = dict(zip(names, letters, strict=True))
    shown = list(names.values())
    if len(set(shown)) < len(shown):
        twice = next(name for name in shown if shown.count(name) > 1)
        raise UserError(f"{path}: two classes are called '{twice}'")
    return names


def _in_lines(path: Path, text: str) -> list[tuple[int, str]]:
    lines = [
        (place, line.strip())
        for place, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    forms = (_NUMBER_FIRST, _NAME_FIRST)
    if not any(form.match(line) for _, line in lines for form in forms):
        return list(enumerate(_plain(line) for _, line in lines))
    header = len(lines) > 1 and not any(form.match(lines[0][1]) for form in forms)
    rows = lines[1:] if header else lines
    if header and _NAMES_FIRST.match(lines[0][1]):
        forms = (_NAME_FIRST, _NUMBER_FIRST)
    found = [_matched(form, rows) for form in forms]
    good = [entries for entries in found if len(entries) == len(rows)]
    for entries in good:
        if len({number for number, _ in entries}) == len(entries):
            return entries
    if good:
        return good[0]
    form = max(forms, key=lambda form: len(_matched(form, rows)))
    bad = next(place for place, line in rows if not form.match(line))
    raise UserError(f"{path}, line {bad}: needs a class number and its name")


def _matched(form: re.Pattern[str], rows: Sequence[Line]) -> list[tuple[int, str]]:
    matches = [form.match(line) for _, line in rows]
    return [(int(m["number"]), _plain(m["name"])) for m in matches if m is not None]


def _in_json(path: Path, text: str) -> list[tuple[int, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return list(enumerate(content))
    if isinstance(content, dict):
        if all(re.fullmatch(r"-?[0-9]+", key) for key in content) and all(
            isinstance(name, str) for name in content.values()
        ):
            return [(int(key), name) for key, name in content.items()]
        if all(type(number) is int for number in content.values()):
            return [(number, key) for key, number in content.items()]
    raise UserError(f"{path}: needs one object, of class numbers to names or of names to numbers")


def _plain(name: str) -> str:
    name = name.strip()
    quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "'\""
    return name[1:-1] if quoted else name


def _letters(name: str) -> str:
    """Return the letters and digits whose ASCII codes a name consists of, empty if it does not."""
    codes = [int(word) if word.isascii() and word.isdigit() else 0 for word in name.split()]
    return "".join(map(chr, codes)) if all(c < 128 and chr(c).isalnum() for c in codes) else ""
