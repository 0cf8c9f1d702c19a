"""How a table is to be read, as far as its user says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class KnownColumn:
    """What a column was where a model learnt from it, by which other cells of it are read."""

    name: str
    kind: str
    """``number``, ``boolean``, ``date``, ``category`` or ``text``."""
    truths: tuple[str, ...] = ()
    """Of texts: how true and false are written among them."""
    codes: bool = False
    """Of texts: whether they are codes or dates, beside which ``none`` means a missing value."""
    points: bool = False
    """Of numbers: whether they have a decimal point though the study's have a comma."""


@dataclass(frozen=True)
class TableForm:
    """What a file does not say of itself; None where it is left to the file and the defaults."""

    separator: str | None = None
    """Between the fields of text; a space stands for any number of them."""
    decimal: str | None = None
    """``.`` or ``,``: the decimal sign; the other, a space or ``'`` then separates thousands."""
    encoding: str | None = None
    """Of text, where it is not UTF-8 and has no byte order mark: ``cp1252``, ``latin-1``, …"""
    sheet: str | None = None
    """Of a workbook: the sheet's name."""
    missing: tuple[str | float, ...] | None = None
    """Texts, as they are written, and numbers that stand for a missing value."""
    strict: bool = True
    """Whether what does not fit the kind of file is refused; rows to predict for may lie in another
    kind of file than the study's own."""
    needed: frozenset[str] = frozenset()
    """Columns by which it is told, where it is not strict, which reading of several is meant."""
    known: tuple[KnownColumn, ...] = ()
    """Of another file than the study's: columns whose cells are read one by one, as these were."""

    def options(self) -> dict[str, Any]:
        """Return what is said, as options of a study's ``data``."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NO_OPTIONS}
        if self.missing is not None:
            said["missing"] = list(self.missing)
        return {key: value for key, value in said.items() if value is not None}

    def interprets(self, column: str) -> bool:
        """Tell whether a column's texts are to be read as numbers, truth values and the like."""
        return self.strict or column in self.needed

    @cached_property
    def known_by_name(self) -> dict[str, KnownColumn]:
        """Known columns by their names."""
        return {column.name: column for column in self.known}

    def lenient(self, needed: Iterable[str] = (), known: Iterable[KnownColumn] = ()) -> TableForm:
        """Return the same for another file, which need not be of the same kind or form.

        Args:
            needed: columns that are looked for in it.
            known: what some of them were in the study's own file.
        """
        return replace(self, strict=False, needed=frozenset(needed), known=tuple(known))


_NO_OPTIONS = frozenset({"strict", "needed", "known"})
OPTIONS = tuple(f.name for f in fields(TableForm) if f.name not in _NO_OPTIONS)
"""Names of the options in a study's ``data``."""
