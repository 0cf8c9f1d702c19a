"""What turns columns of any kind into numbers, learnt from the training rows of a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nearfar.data.inputs.columns import NUMERIC, Column, Columns
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.prepare.steps import (
    LEAST_LABELS,
    MOST_CATEGORIES,
    STEPS,
    Floats,
    Step,
    TargetCodes,
    learn_codes,
    learn_numbers,
    learn_one_hot,
    learn_words,
)
from nearfar.data.scales import Scales
from nearfar.errors import UserError, nearest

Arrays = dict[str, npt.NDArray[Any]]
_ARRAYS = ("kept", "mean", "deviation", "rows", "crossed")
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Prepared:
    """One column of cells, and the step that makes numbers of it."""

    name: str
    kind: str
    layout: str
    step: Step


@dataclass(frozen=True)
class Preparation:
    """Columns → :class:`Vectors`, each column at mean 0 and deviation 1 over the training rows.

    Indicators of categories too: a rare one is then far out where it is 1, as far as
    ``learn_one_hot`` lets it (10 deviations for a hundredth of the rows). Batch norm, ridge and
    distances would put it there anyway, and a batch norm that starts at a year of 2,020 would need
    a hundred steps.

    ``kept`` (w,) says which of the steps' columns vary over the training rows, by more than the
    rounding of float64 and in whatever unit; others would be infinitely far out where they vary
    later. ``mean`` and ``deviation`` are of these columns.
    ``rows`` are the training rows, and ``crossed`` (rows, c) their target codes, each made without
    the row's own label; without target codes both are empty.
    """

    parts: tuple[Prepared, ...]
    kept: npt.NDArray[np.bool_]
    mean: Floats
    deviation: Floats
    rows: npt.NDArray[np.int64]
    crossed: Floats

    @classmethod
    def fit(
        cls,
        columns: Columns,
        train: npt.NDArray[np.int64],
        labels: Floats | None = None,
        groups: npt.NDArray[np.int64] | None = None,
    ) -> Self:
        """Learn from the rows ``train`` alone.

        Args:
            columns: of all rows.
            train: the rows that may be learnt from.
            labels: theirs (train, k), NaN where there is none; None where labels may not be seen:
                then no category is encoded by them.
            groups: theirs (train,): what a row's target code is made of has no row of its group.

        Raises:
            UserError: no column varies over these rows.
        """
        usable = labels is not None and _enough(labels)
        groups = np.arange(len(train)) if groups is None else groups
        parts, values, crossed = [], [], []
        for column in columns.columns:
            cells = column.cells[train]
            step, codes = _learnt(column, cells, labels if usable else None, groups)
            if step is None:
                continue
            parts.append(Prepared(column.name, column.kind, column.layout, step))
            values.append(step.apply(cells) if codes is None else codes)
            crossed += [] if codes is None else [codes]
        found = np.concatenate(values, axis=1) if values else np.zeros((len(train), 0))
        mean, deviation, scales = found.mean(axis=0), found.std(axis=0), Scales.of(found)
        kept, relative = scales.varies, scales.deviation * scales.largest
        deviation = np.where(deviation > 0, deviation, relative)  # whose squares are below float64
        if not kept.any():
            raise UserError(
                f"none of the {len(columns.columns)} feature columns varies over the "
                f"{len(train)} training rows: there is nothing to learn from"
            )
        scale = kept, mean[kept], deviation[kept]
        if not crossed:
            return cls(tuple(parts), *scale, np.zeros(0, np.int64), np.zeros((0, 0)))
        return cls(tuple(parts), *scale, train, np.concatenate(crossed, axis=1))

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns of numbers."""
        named = [name for part in self.parts for name in part.step.names(part.name)]
        return [name for name, kept in zip(named, self.kept, strict=True) if kept]

    @cached_property
    def key(self) -> str:
        """A hash of all that it consists of."""
        plain, arrays = self.to_plain()
        digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
        for name, array in sorted(arrays.items()):
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def apply(self, inputs: Columns | Vectors) -> Vectors:
        """Return the numbers of any rows; those that it has made are returned as they are.

        Raises:
            UserError: a column is not there, or of another kind.
        """
        if isinstance(inputs, Vectors):
            if inputs.columns == self.names:
                return inputs
            inputs = Columns.of_any(inputs)
        return self._scaled(self._values(inputs))

    def apply_to_own(self, columns: Columns) -> Vectors:
        """Return the numbers of the data set that it was fitted on: see ``crossed``."""
        values, place = self._values(columns), 0
        for start, part in zip(self._starts(), self.parts, strict=True):
            if isinstance(part.step, TargetCodes):
                width = len(part.step.mean)
                own = self.crossed[:, place : place + width]
                values[self.rows, start : start + width] = own
                place += width
        return self._scaled(values)

    def _scaled(self, values: Floats) -> Vectors:
        scaled = (values[:, self.kept] - self.mean) / self.deviation
        return Vectors(np.clip(scaled, -_LARGEST, _LARGEST).astype(np.float32), self.names)

    def _values(self, columns: Columns) -> Floats:
        there = {column.name: column for column in columns.columns}
        values = []
        for part in self.parts:
            if part.name not in there:
                hint = nearest(part.name, there).replace("allowed:", "columns:")
                raise UserError(f"no column '{part.name}', which the model was trained on; {hint}")
            column = there[part.name]
            if (column.kind in NUMERIC) != (part.kind in NUMERIC):
                raise UserError(
                    f"column '{part.name}' is of kind {column.kind}, and the model was trained on "
                    f"one of kind {part.kind}"
                )
            values.append(part.step.apply(column.cells))
        return np.concatenate(values, axis=1)

    def _starts(self) -> Sequence[int]:
        widths = [len(part.step.names(part.name)) for part in self.parts]
        starts: list[int] = np.cumsum([0, *widths])[:-1].tolist()
        return starts

    def to_plain(self) -> tuple[dict[str, Any], Arrays]:
        """Return plain values and arrays that ``from_plain`` makes it of again."""
        arrays: Arrays = {name: getattr(self, name) for name in _ARRAYS}
        parts = []
        for place, part in enumerate(self.parts):
            values = {field.name: getattr(part.step, field.name) for field in fields(part.step)}
            found = {key: value for key, value in values.items() if isinstance(value, np.ndarray)}
            arrays |= {f"{place}.{key}": value for key, value in found.items()}
            plain = {key: value for key, value in values.items() if key not in found}
            named = {"name": part.name, "kind": part.kind, "layout": part.layout}
            parts.append({**named, "step": type(part.step).__name__, "values": plain})
        return {"parts": parts}, arrays

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        parts = []
        for place, part in enumerate(plain["parts"]):
            kind: Any = STEPS[part["step"]]
            values = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in part["values"].items()
            }
            missing = {field.name for field in fields(kind)} - set(values)
            values |= {key: arrays[f"{place}.{key}"] for key in missing}
            parts.append(Prepared(part["name"], part["kind"], part["layout"], kind(**values)))
        return cls(tuple(parts), *(arrays[name] for name in _ARRAYS))


def _enough(labels: Floats) -> bool:
    return bool((np.isfinite(labels).sum(axis=0) >= LEAST_LABELS).any())


def _learnt(
    column: Column,
    cells: npt.NDArray[Any],
    labels: Floats | None,
    groups: npt.NDArray[np.int64],
) -> tuple[Step | None, Floats | None]:
    """Return the step of a column, and its target codes of these rows if it has any."""
    if column.kind in NUMERIC:
        return learn_numbers(cells, column.kind), None
    if column.kind == "text":
        return learn_words(cells), None
    if labels is None or len(set(cells)) <= MOST_CATEGORIES:
        return learn_one_hot(cells), None
    return learn_codes(cells, labels, groups)
