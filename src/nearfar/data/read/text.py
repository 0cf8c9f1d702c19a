"""Text files of fields between separators."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from nearfar.data.read.header import plain_name
from nearfar.data.read.row_names import TOLD, hold_row_names
from nearfar.data.read.table import Table, from_cells
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError

SEPARATORS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", " ": "spaces"}
"""What fields may be separated by, and how it is called."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = 0.3
"""So large a share of NUL bytes at odd (or even) places is text in two bytes a character."""
_MOST_COMMENTS, _START = 100, 100
csv.field_size_limit(2**27)


def decode(name: str, raw: bytes, encoding: str | None) -> str:
    """Return the text of a file: as its byte order mark says, or in ``encoding``, or else UTF-8.

    Two bytes a character without a mark (UTF-16) are told by their NUL bytes.

    Raises:
        UserError: if it is no such text; with the line and what can be done.
    """
    marked = _marked(raw)
    chosen = marked or encoding or _two_bytes(raw) or "utf-8"
    try:
        text = raw.decode(chosen)
    except LookupError as error:
        raise UserError(
            f"there is no encoding {encoding!r} (data: encoding); common are utf-8, cp1252, latin-1"
        ) from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        if marked or encoding:
            raise UserError(f"{name}, line {line}: not {chosen} text: {error.reason}") from error
        raise UserError(
            f"{name}, line {line}: not UTF-8 text (byte 0x{raw[error.start]:02x}): save the file "
            "as UTF-8, or let the study say what it is (data: encoding: cp1252)"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{name}, line {line}: a NUL byte: the file is damaged, or not text")
    return text


def own_encoding(name: str, raw: bytes, usual: str | None) -> str:
    """Return the encoding of a file that may have another than ``usual``: UTF-8 where it is that.

    A byte order mark and NUL bytes say it first. Text of seven bits with escapes (ISO-2022-JP) is
    valid UTF-8 as well, and is as usual.

    Raises:
        UserError: if it is neither.
    """
    if (told := _marked(raw) or _two_bytes(raw)) is not None:
        return told
    escapes = b"\x1b" in raw and usual is not None
    start, tried = 0, dict.fromkeys(filter(None, [usual, "utf-8"] if escapes else ["utf-8", usual]))
    for encoding in tried:
        try:
            if "\0" not in raw.decode(encoding):
                return encoding
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
    line = raw.count(b"\n", 0, start) + 1
    raise UserError(f"{name}, line {line}: not {' or '.join(tried)} text: save the file as UTF-8")


def _marked(raw: bytes) -> str | None:
    return next((kind for mark, kind in _MARKS if raw.startswith(mark)), None)


def _two_bytes(raw: bytes) -> str | None:
    sample = raw[:4096]
    for first, kind in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = sample[first::2]
        if (
            len(half) > 1
            and half.count(0) >= _WIDE * len(half)
            and not sample[1 - first :: 2].count(0)
        ):
            return kind
    return None


def parse(name: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of every record that is not empty.

    Raises:
        UserError: if a quote is not closed, or a field goes on after one.
    """
    text, _ = without_comments(text)
    if separator == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=separator == " ")
    previous = 0
    try:
        for cells in reader:
            if cells:
                yield previous + 1, cells
            previous = reader.line_num
    except csv.Error as error:
        raise UserError(f"{name}, line {previous + 1}: not valid CSV: {error}") from error


def read_text(path: Path, raw: bytes, form: TableForm, separator: str) -> Table:
    """Return the table in a text file: a header, then the row's fields in its order.

    Raises:
        UserError: if the text is no such table.
    """
    name = path.name
    text = decode(name, raw, form.encoding)
    records = list(parse(name, text, separator))
    if records and said_separator(text) is not None:
        del records[0]
    if not records:
        raise UserError(f"{name} is empty")
    header = records[0][1]
    _check_separator(name, header)
    lines, rows = [line for line, _ in records[1:]], [cells for _, cells in records[1:]]
    notes = _told_of_comments(without_comments(text)[1])
    if hold_row_names(header, rows, _begins(text, lines)):
        header, notes = ["", *header], [*notes, TOLD]
    return from_cells(name, header, rows, lines=lines, notes=notes)


def without_comments(text: str) -> tuple[str, int]:
    """Return a text whose first lines are empty where they are comments, and how many are.

    Comments begin with ``#``. The last such line is the header where it has as many fields as the
    line after it.
    """
    if not text[:_START].lstrip("\ufeff ").startswith("#"):
        return text, 0
    lines = text.split("\n", _MOST_COMMENTS)
    above = 0
    while above < len(lines) - 1 and lines[above].lstrip("\ufeff ").strip()[:1] in ("#", ""):
        above += 1
    comments = [place for place in range(above) if lines[place].strip()]
    if comments and _is_header(lines[comments[-1]].strip(), lines[above].strip()):
        above = comments.pop()
    return "\n".join([""] * above + lines[above:]), len(comments)


def _is_header(line: str, after: str) -> bool:
    """Tell whether a line has as many fields as the one after it, or both are one field."""
    signs = [sign for sign in SEPARATORS if sign in after]
    sign = max(signs, key=lambda sign: (sign != " ", after.count(sign)), default=" ")
    return line.count(sign) == after.count(sign)


def _told_of_comments(comments: int) -> list[str]:
    if comments == 1:
        return ["the first line begins with # and is left out: a comment above the header"]
    told = f"the first {comments} lines begin with # and are left out: comments above the header"
    return [told] if comments else []


def _begins(text: str, lines: Sequence[int]) -> list[str]:
    """Return the first character of each of some lines."""
    written = io.StringIO(text, newline=None).readlines()
    return [written[line - 1].lstrip()[:1] for line in lines]


def _check_separator(name: str, header: list[str]) -> None:
    if len(header) == 1:
        for separator, shown in SEPARATORS.items():
            if separator not in " ," and separator in header[0]:
                raise UserError(
                    f"{name}: the header is one column, {header[0]!r}: are its fields separated by "
                    f"{shown}? then set data: separator"
                )


def said_separator(text: str) -> str | None:
    """Return the separator that a first line such as ``sep=;`` says, as spreadsheets write it."""
    found = re.match(r"\ufeff?\"?sep=([,;|\t])\"?[,;|\t]*\r?\n", text, re.IGNORECASE)
    return None if found is None else found[1]


def likely_separator(name: str, text: str, usual: str) -> str:
    """Return what separates the fields: every row has as many as the header, and more than one.

    A first line ``sep=;`` says it. Of several that do, the one with the most fields; ``usual`` if
    none does.
    """
    if (said := said_separator(text)) is not None:
        return said
    scores = {sign: _fit(name, text, sign) for sign in SEPARATORS}
    signs = [sign for sign in scores if sign != " "]
    best = max(signs, key=lambda sign: (scores[sign], sign == usual))
    if not scores[best][0]:
        best = " "
    return best if scores[best][0] else usual


def separator_with(
    name: str, text: str, usual: Sequence[str], needed: Collection[str]
) -> str | None:
    """Return what separates the fields where the header has these columns, None if nothing does.

    Of several, the first of ``usual``.
    """
    if said_separator(text) is not None:
        text = text.split("\n", 1)[1]
    for sign in dict.fromkeys([*usual, *SEPARATORS]):
        try:
            _, header = next(parse(name, text, sign))
        except (UserError, StopIteration):
            continue
        if {*map(plain_name, needed)} <= {*map(plain_name, header)}:
            return sign
    return None


def _fit(name: str, text: str, separator: str) -> tuple[float, int]:
    """Return the share of the first rows that have as many fields as the header, and how many.

    Where all have one more, as R writes them, half a share.
    """
    sample: list[int] = []
    try:
        for _, cells in parse(name, text[:100_000], separator):
            sample.append(len(cells))
            if len(sample) > 100:
                break
    except UserError:
        if len(sample) < 2:
            return 0.0, 0
    fields = sample[0] if sample else 0
    if fields < 2:
        return 0.0, fields
    rows = sample[1:-1] if len(sample) > 2 else sample[1:]
    same = sum(count == fields for count in rows) / max(len(rows), 1)
    if rows and all(count == fields + 1 for count in rows):
        same, fields = 0.51, fields + 1
    return (same if same > 0.5 else 0.0), fields
