"""What a user says at ``nearfar init`` of their data; it wins over what is found there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from nearfar.data.catalogue import SOURCES
from nearfar.data.options import DataOptions
from nearfar.data.read.table import Table
from nearfar.data.spelling import composed
from nearfar.data.table_form import OPTIONS, TableForm
from nearfar.errors import UserError, nearest, plainly

OFF = "none"
CAN_BE_OFF = frozenset({"group", "features", "part", "name", "image"})
"""Options that are found out, and that ``none`` turns off."""
_NAMES = ("smiles", "name", "id", "group", "part", "image", "positive")
"""Options that name a column or a class."""
_NOUNS = {"images": "images", "molecules": "molecules", "table": "rows of a table"}
"""What a source's rows are called."""


@dataclass(frozen=True)
class Asked:
    """Options of a study's ``data`` of the same names; None where they are to be found out."""

    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    sheet: str | None = None
    missing: tuple[str | float, ...] | None = None
    smiles: str | None = None
    name: str | None = None
    id: str | None = None
    group: str | None = None
    positive: str | None = None
    image: str | None = None
    root: str | None = None
    subset: str | None = None
    size: int | None = None
    channels: int | None = None
    channel_axis: Literal["first", "last"] | None = None
    pages: Literal["first", "channels"] | None = None
    features: tuple[str, ...] | None = None
    part: str | None = None
    mapping: str | None = None
    unit: str | None = None
    range: tuple[float, float] | None = None
    label_separator: str | None = None
    standardise: bool | None = None
    transposed: bool | None = None
    pictures: bool | None = None

    def composed(self) -> Asked:
        """Return the same with names of columns and classes as readers have them."""
        said = {key: v for key in _NAMES if (v := getattr(self, key)) is not None}
        named: dict[str, Any] = {key: composed(name) for key, name in said.items()}
        if self.features is not None:
            named["features"] = tuple(map(composed, self.features))
        return replace(self, **named)

    @property
    def form(self) -> TableForm:
        """How a table is to be read."""
        return TableForm(**{key: getattr(self, key) for key in OPTIONS})

    @property
    def options(self) -> dict[str, Any]:
        """What is said that is not the form of a table, without what is turned off."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        found = {key: v for key, v in said.items() if v is not None and key not in OPTIONS}
        if self.features is not None:
            found["features"] = list(self.features)
        return {key: v for key, v in found.items() if not self._is_off(key)}

    def _is_off(self, key: str) -> bool:
        value = getattr(self, key)
        return key in CAN_BE_OFF and value in (OFF, (OFF,))

    @property
    def shape(self) -> dict[str, int]:
        """Size and channels that all images get, as far as they are said."""
        return {key: v for key, v in self.options.items() if key in {"size", "channels"}}

    def check_for(self, source: str) -> None:
        """Refuse what means nothing to a source.

        Raises:
            UserError: naming the option and what it is for.
        """
        for key in self.options:
            fitting = [name for name in _NOUNS if key in SOURCES[name].takes]
            if key == "subset":
                fitting = ["images"]
            if source not in fitting:
                meant = " and ".join(_NOUNS[name] for name in fitting)
                raise UserError(f"{option(key)} is for {meant}; these are {_NOUNS[source]}")


def named_or_off(table: Table, column: str | None) -> str | None:
    """Return the column that is said, None where it is said that there shall be none."""
    return None if column == OFF and OFF not in table.columns else column


def option(key: str) -> str:
    """Return how an option of ``data`` is said at ``nearfar init``: ``--channel-axis``."""
    return "--" + key.replace("_", "-")


AT_INIT = (*(field.name for field in fields(Asked)), "target", "task")
"""Options of ``data`` that ``nearfar init`` has too."""

_NAMED = re.compile(
    rf"(?P<set>\b(?:set|in) )?\bdata(?: option|:) '?(?P<key>{'|'.join(AT_INIT)})\b'?(?P<colon>:)?"
)


def at_init(message: str) -> str:
    """Return a message about a study's ``data`` as it reads where there is no study yet.

    >>> at_init("these are numbers: set data: task: regression")
    'these are numbers: take --task regression'
    """

    def said(match: re.Match[str]) -> str:
        word = "take " if match["set"] == "set " else match["set"] or ""
        return word + option(match["key"])

    return _NAMED.sub(said, message)


@contextmanager
def told_at_init(data: Path) -> Iterator[None]:
    """Let mistakes name the data and options of ``nearfar init``, each in one line."""
    from pydantic import ValidationError

    try:
        yield
    except UserError as error:
        said = at_init(str(error))
        about = "" if data.name in said or said.startswith("--") else f"{data.name}: "
        raise UserError(about + said) from error
    except ValidationError as error:
        said = plainly(error.errors()[0])
        raise UserError(f"{data.name}: {at_init(said)}") from error


def _missing_values(texts: list[str] | None) -> tuple[str | float, ...] | None:
    """Return what stands for a missing value: a number also where it is written otherwise."""
    if texts is None:
        return None
    values: list[str | float] = []
    for text in texts:
        values += [text, float(text)] if re.fullmatch(r"-?\d+(\.\d+)?", text) else [text]
    return tuple(values)


_LATER = frozenset({"smiles", "unit", "label_separator", "standardise", "features"})
"""Options that go with some sources or tasks alone, and are checked with these."""


def checked(options: dict[str, Any]) -> Asked:
    """Return what is asked for, as the command line gives it.

    Raises:
        UserError: if an option cannot have such a value.
    """
    from pydantic import ValidationError

    given = {key: value for key, value in options.items() if value is not None}
    given["missing"] = _missing_values(given.get("missing"))
    try:
        checkable = {
            k: v for k, v in given.items() if k not in _LATER and not (k in CAN_BE_OFF and v == OFF)
        }
        DataOptions(source="images", path="x", **checkable)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "literal_error":
            allowed = re.findall("'([^']+)'", str(first["ctx"]["expected"]))
            hint = nearest(str(given[key]), allowed)
        else:
            hint = plainly(first)
        shown = f"{option(key)} {given[key]!r}: " if key in given else ""
        raise UserError(at_init(f"{shown}{hint}")) from None
    for key in ("features", "range"):
        if given.get(key) is not None:
            given[key] = tuple(given[key])
    return Asked(**given)
