"""The form of the inputs that a model takes: read from any file, or checked, without the study."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np

from nearfar.data import Columns, DataOptions, Images, InputRows, Inputs, Vectors, load_inputs
from nearfar.data.inputs.columns import NUMERIC, Column, texts
from nearfar.data.inputs.joined import Joined, without_columns
from nearfar.data.read.array_columns import array_names
from nearfar.data.read.columns import DECIMAL_COMMA, THOUSANDS
from nearfar.data.read.decimals import plain_number
from nearfar.data.read.settle import words_of
from nearfar.errors import UserError

Kind = Literal["molecule", "vector", "image"]

_SAID_IF_SO = frozenset({"truths", "codes", "complete"})
_LEFT_OUT = frozenset({"path", "hub", "limit", "half", "mapping", "root", "group", "part"})
"""Options that say where the training rows were and which were used, not how rows are read."""


@dataclass(frozen=True)
class ColumnSchema:
    """A feature column: its kind, of dates how they are written, of texts how truth values are."""

    name: str
    kind: str = "number"
    layout: str = ""
    truths: tuple[str, ...] = ()
    codes: bool = False
    """Of texts: see ``nearfar.data.table_form.KnownColumn``."""
    complete: bool = False
    """Whether no row of the study lacked a cell."""


@dataclass(frozen=True)
class InputSchema:
    """What a model's inputs are: all that reading them needs.

    Args:
        kind: of the inputs.
        options: those of the study's ``data`` that say how rows are read, by name.
        columns: of a table, in the order that the model takes them; of molecules and images those
            that stand beside them.
        complete: whether all columns are numbers without gaps, so that no preparation fills any.
        shape: of images, (channels, height, width).
        range: of images of more than 8 bits, the values that became 0 and 255.
        digest: of the rows that the model was trained on, empty if not known.
        embeddings: by the hash of their values, how files of embeddings were read that stood beside
            the inputs, and the names of their columns.
        array: how many columns the array had that the study was of, which are called ``x0``, …;
            of those ``columns`` are what the model takes. 0 of a study of anything else.
    """

    kind: Kind
    options: Mapping[str, Any]
    columns: tuple[ColumnSchema, ...] = ()
    complete: bool = True
    shape: tuple[int, int, int] | None = None
    range: tuple[float, float] | None = None
    digest: str = field(default="", compare=False)
    embeddings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    array: int = 0

    @classmethod
    def of(
        cls,
        options: DataOptions,
        inputs: Inputs,
        digest: str = "",
        embeddings: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> Self:
        """Describe the inputs of a data set that was read with ``options``."""
        found = cls.of_options(inputs.kind, options.model_dump(mode="json"))  # type: ignore[arg-type]
        columns, complete = columns_of(inputs)
        alone = without_columns(inputs)
        image = alone if isinstance(alone, Images) else None
        return cls(
            kind=found.kind,
            options=found.options,
            columns=columns,
            complete=complete,
            shape=image.shape if image else None,
            range=image.range if image else None,
            digest=digest,
            embeddings=dict(embeddings),
        )

    @classmethod
    def of_options(cls, kind: Kind, plain: Mapping[str, Any]) -> Self:
        """Describe inputs of which the options alone are known, as a study file has them."""
        kept = {
            key: value for key, value in plain.items() if key not in _LEFT_OUT and value is not None
        }
        return cls(kind, kept)

    def of_array(self, count: int) -> Self:
        """Return the schema of a model whose study was of an array of ``count`` columns."""
        known = {*array_names(count)}
        return replace(self, array=count if known.issuperset(self.names) else 0)

    @property
    def names(self) -> list[str]:
        """Names of the columns that the model takes, in its order."""
        return [column.name for column in self.columns]

    @property
    def given_names(self) -> list[str]:
        """Names of the columns that rows have: of an array those too that the model leaves out."""
        return array_names(self.array) if self.array else self.names

    def like(self) -> Inputs:
        """Return one row of such inputs, from which encoders read sizes."""
        if self.kind == "vector":
            return self._like_columns()
        alone: Any
        if self.kind == "image":
            assert self.shape is not None
            alone = Images(np.zeros((1, *self.shape), dtype=np.uint8), self.range)
        else:
            from nearfar.data import Molecules

            alone = Molecules.from_smiles(["C"])
        return Joined(alone, self._like_columns()) if self.columns else alone

    def _like_columns(self) -> Columns | Vectors:
        if self.complete:
            return Vectors(np.zeros((1, len(self.columns))), [c.name for c in self.columns])
        return Columns(
            [
                Column(
                    column.name,
                    column.kind,  # type: ignore[arg-type]
                    np.zeros(1) if column.kind in NUMERIC else texts([""]),
                    column.layout,
                    column.truths,
                    column.codes,
                    column.complete,
                )
                for column in self.columns
            ]
        )

    def data_options(self) -> DataOptions:
        """Return the options that rows are read with; a row that cannot be used is left out."""
        known = {k: v for k, v in self.options.items() if k in DataOptions.model_fields}
        return DataOptions.model_construct(**{**known, "on_bad_rows": "drop"})

    def read(self, path: Path | str, root: Path | None = None) -> InputRows:
        """Read rows to predict for.

        Args:
            path: of a file or folder.
            root: where names of images in a table begin; None for the table's folder, and nothing
                is then said of another.

        Raises:
            UserError: the file is not there, or its rows are of another form.
        """
        try:
            options = self.data_options()
            if root is not None and self.kind == "image":
                options = options.model_copy(update={"root": str(root)})
            rows = load_inputs(options, Path(path), self.like())
        except UserError as error:
            raise UserError(without_study_keys(str(error))) from error
        if rows.given is None:
            return rows
        reasons = {row: without_study_keys(why) for row, why in rows.given.reasons.items()}
        return replace(rows, given=replace(rows.given, reasons=reasons))

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain = asdict(self)
        plain["options"] = dict(self.options)
        plain["columns"] = [
            {key: value for key, value in column.items() if key not in _SAID_IF_SO or value}
            for column in plain["columns"]
        ]
        if not self.embeddings:
            del plain["embeddings"]
        if not self.array:
            del plain["array"]
        return {key: value for key, value in plain.items() if value is not None}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        values = dict(plain)
        values["columns"] = tuple(
            ColumnSchema(**{**column, "truths": tuple(column.get("truths", ()))})
            for column in plain.get("columns", ())
        )
        for key in ("shape", "range"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        return cls(**values)


_REMEDIES = {
    DECIMAL_COMMA: (",", "with a decimal point, as other numbers here are written"),
    THOUSANDS: (".", "without signs between thousands"),
}
"""Hint of a study's option → decimal sign that a cell has, and how to write it where no study file
can be changed."""
_CELL = r"'([^']*)', not a number"


def _without_option(message: str, hint: str) -> str:
    """Return a message that says how to write a number, not which option of a study reads it."""
    sign, how = _REMEDIES[hint]
    found = re.search(_CELL + re.escape(hint), message)
    plain = None if found is None else plain_number(found[1], sign)
    return message.replace(hint, f": write {plain}, {how}" if plain else f": write it {how}")


def without_study_keys(message: str) -> str:
    """Return a message about rows as it reads where no study file can be changed.

    >>> without_study_keys("t.csv: no column holds images: set data: image to one of a, b")
    't.csv: no column holds images; columns: a, b'
    """
    message = re.sub(r": set data: image to one of", "; columns:", message)
    message = re.sub(r" \(data: [^)]*\)", "", message)
    for hint in _REMEDIES:
        message = _without_option(message, hint)
    return re.sub(r"[:;?][^:;?]*\bset data: .*", "", message)


def columns_of(inputs: Inputs) -> tuple[tuple[ColumnSchema, ...], bool]:
    """Return the feature columns of inputs, and whether they are complete numbers."""
    if isinstance(inputs, Joined):
        return columns_of(inputs.columns)
    if isinstance(inputs, Vectors):
        return named(inputs.columns), True
    if isinstance(inputs, Columns):
        return tuple(map(_column_schema, inputs.columns)), False
    return (), True


def _column_schema(column: Column) -> ColumnSchema:
    truths, codes = ((), False) if column.kind in NUMERIC else words_of(column.cells.tolist())
    complete = not column.gaps.any()
    return ColumnSchema(column.name, column.kind, column.layout, truths, codes, complete)


def named(names: Sequence[str]) -> tuple[ColumnSchema, ...]:
    """Return columns of numbers with these names."""
    return tuple(map(ColumnSchema, names))
