"""Everything of a row but its input: target, name, group, part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, InputRows, Inputs, content_digest
from nearfar.data.lost_classes import LOST, without_lost
from nearfar.data.options import Amount, DataOptions
from nearfar.data.read.cells import number
from nearfar.data.read.classes import (
    Names,
    class_numbers,
    class_values,
    refuse_booleans,
    with_positive,
)
from nearfar.data.read.columns import BadRows
from nearfar.data.read.embeddings import id_text
from nearfar.data.read.kinds import column_kinds
from nearfar.data.read.names import parts_of
from nearfar.data.read.several import known_rows, labels_of, several_numbers
from nearfar.data.read.tables import Table, is_missing
from nearfar.data.read.times import parts_by_time, times_of
from nearfar.data.sources.feature_columns import not_used
from nearfar.data.spelling import composed
from nearfar.data.split.groups import merged_groups
from nearfar.data.split.stratified import draw
from nearfar.errors import UserError

_LIMIT_SEED = 0
_TYPED = frozenset(
    {".parquet", ".pq", ".arrow", ".feather", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm"}
)
"""Endings of files whose columns, or cells, have types."""


class RowLabels:
    """The other columns of a table, read before its inputs so that few inputs need be read.

    Args:
        table: the rows.
        options: the ``data`` part of a study.
        bad: takes the rows that cannot be used.
        own: the columns of the target where the source has some of its own.
        class_names: names of class numbers that the source gives, by column.
    """

    def __init__(
        self,
        table: Table,
        options: DataOptions,
        bad: BadRows,
        own: Sequence[str] = (),
        class_names: Mapping[str, Names] | None = None,
    ) -> None:
        self._table, self._options, self._bad = table, options, bad
        self._columns = self._read = list(own) or options.target_columns
        self.classes: tuple[str, ...] = ()
        typed = any(end.lower() in _TYPED for end in Path(options.path or "").suffixes[-2:])
        named = {**table.class_names, **(class_names or {})}
        names = named.get(self._columns[0], ())
        if options.task == "multilabel":
            known = tuple(names.values()) if isinstance(names, Mapping) else tuple(names)
            between = options.label_separator
            blank = options.missing is not None and "" not in options.missing
            self._targets, self._columns = labels_of(
                table, self._columns, between, bad, known, blank=blank
            )
        elif options.label_task == "classification":
            numbers, self.classes = class_numbers(
                table, self._columns[0], names, bad, texts_are_names=bool(own), typed=typed
            )
            if options.positive is not None:
                numbers, self.classes = with_positive(numbers, self.classes, options.positive)
            self._targets = numbers[:, None]
        elif names:
            values = [class_values(table, c, named.get(c, ()), bad) for c in self._columns]
            self._targets = np.stack(values, axis=1)
        else:
            for column in self._columns:
                refuse_booleans(table, column)
            self._targets = several_numbers(self._columns, bad)
        plain = (number(name) is not None or name in ("False", "True") for name in self.classes)
        self._texts = typed and all(plain) and _all_texts(table, self._columns[0])
        self._groups = _groups(options.group, bad) if options.group else None
        self._keys = None if options.id is None else row_keys(table, options.id, bad)
        self._by_time: dict[str, str] = {}
        self._times: npt.NDArray[np.float64] | None = None
        self._parts = self._read_parts()

    def _read_parts(self) -> list[str] | None:
        column = self._options.part
        if column is None:
            return self._table.parts
        self._times = times_of(self._table.column(column, "part"))
        if self._times is None:
            return _named_parts(column, self._options, self._bad)
        texts = self._bad.texts(column, "part")
        for row in np.flatnonzero(np.isnan(self._times)).tolist():
            self._bad.add(row, "part no time", f"part '{column}' is {texts[row]!r}, no time")
        return None

    def _divide_by_time(self, rows: list[int]) -> None:
        """Divide the rows that can be used, once: the latest often lack a target still."""
        column = self._options.part
        if self._times is None or column is None or self._parts is not None:
            return
        times = np.full(len(self._times), np.nan)
        times[rows] = self._times[rows]
        found = parts_by_time(column, times)
        cells = self._table.columns[column]
        self._by_time = {"column": column}
        for part, row in found.firsts.items():
            self._by_time[part] = _written(cells[row])
        self._parts = found.parts

    def _told(self) -> dict[str, Any]:
        found: dict[str, Any] = {"by_time": self._by_time} if self._by_time else {}
        return {**found, "class_texts": True} if self.classes and self._texts else found

    def limited(self, rows: list[int]) -> list[int]:
        """Return the rows that ``options.limit`` leaves.

        Raises:
            UserError: if it names a part that is not there.
        """
        limit = self._options.limit
        if limit is None:
            return rows
        rng = np.random.default_rng(_LIMIT_SEED)
        if limit.rows is not None:
            if self._parts is not None:
                raise UserError("data: limit: rows is for data without parts: name train and test")
            return self._drawn(rows, limit.rows, rng)
        self._divide_by_time(rows)
        left: list[int] = []
        for part in ("train", "validation", "test"):
            there = [r for r in rows if self._parts is not None and self._parts[r] == part]
            amount: Amount | None = getattr(limit, part)
            if amount is not None and not there:
                known = sorted(set(self._parts or []))
                hint = f"the parts are {', '.join(known)}" if known else "use limit: {rows: …}"
                raise UserError(f"data: limit: the data have no predefined part {part}: {hint}")
            left += there if amount is None else self._drawn(there, amount, rng)
        return sorted(left)

    def _drawn(self, rows: list[int], amount: Amount, rng: np.random.Generator) -> list[int]:
        size = amount if isinstance(amount, int) else max(round(amount * len(rows)), 2)
        if size >= len(rows):
            return rows
        labels = np.zeros(len(rows), dtype=np.int64)
        if self.classes:
            labels = self._targets[rows, 0].astype(np.int64)
        return [rows[k] for k in draw(labels, size, rng)]

    def dataset(
        self,
        rows: list[int],
        inputs: Inputs,
        source: dict[str, Any],
        *,
        smiles: list[str] | None = None,
        identities: Sequence[Sequence[str | bytes]] = (),
        titles: Sequence[str] | None = None,
    ) -> Dataset:
        """Put the good rows together.

        Args:
            rows: their positions in the table.
            inputs: their inputs, in this order.
            source: provenance.
            smiles: of ``rows``, for molecules.
            identities: labellings of all rows of the table; equal values stay in one part.
            titles: names of all rows of the table, where no column of names is chosen.

        Raises:
            UserError: these rows are of one class.
        """
        options = self._options
        targets, classes, noted = self._used(rows)
        self._divide_by_time(rows)
        known = [*identities, *([] if self._groups is None else [self._groups])]
        groups = merged_groups([[key[row] for row in rows] for key in known], len(rows))
        parts = None if self._parts is None else np.array([self._parts[row] for row in rows])
        given = InputRows(
            inputs,
            row_ids(rows),
            row_names(self._table, options, rows, titles),
            smiles or [],
            {**source, **self._bad.account(), **_named(options), **self._told(), **noted},
            keys=_keys_of(rows, self._keys or titles),
        )
        if beside := self._beside(source):
            given.source["columns_not_used"] = beside
        if options.limit is not None:
            limit = options.limit.model_dump(exclude_none=True)
            given.source["limit"] = limit | {"used": len(rows)}
        multilabel = options.task == "multilabel"
        described = targets, self._columns, groups, parts, classes
        return Dataset(
            inputs=given.inputs,
            ids=given.ids,
            names=given.names,
            smiles=given.smiles,
            keys=given.keys,
            source=given.source,
            targets=targets,
            target_names=self._columns,
            unit=options.unit or "",
            groups=groups,
            parts=parts,
            digest=content_digest(given, *described, multilabel=multilabel),
            classes=classes,
            multilabel=multilabel,
        )

    def _used(
        self, rows: list[int]
    ) -> tuple[npt.NDArray[np.float64], tuple[str, ...], dict[str, Any]]:
        """Return the targets of ``rows``, their classes, and what is noted of both."""
        if not self.classes:
            targets = np.ascontiguousarray(self._targets[rows])
            labels = self._options.task == "multilabel"
            gaps = labels or np.isnan(targets).any()
            known = known_rows(targets, self._columns, labels=labels) if gaps else None
            return targets, (), {"targets": known} if gaps else {}
        where = f"{self._table.name}: target '{self._columns[0]}'"
        found = without_lost(self._targets[:, 0], self.classes, rows, self._bad, where)
        numbers, classes, lost = found
        return numbers[:, None], classes, {LOST: lost} if lost else {}

    def _beside(self, source: Mapping[str, Any]) -> str:
        """Return the columns beside molecules or images that nothing is made of, as words.

        A column that is there under two names, as a class and as a number, is one.
        """
        options, table = self._options, self._table
        if options.kind == "vector":
            return ""
        used = [*self._read, options.smiles, table.structures, source.get("image")]
        used += options.features or []
        known = [name for name in [*used, *_others(options)] if name]
        cells = [table.columns.get(name) for name in known]
        twins = [name for name, own in table.columns.items() if any(own is c for c in cells)]
        found = column_kinds(table, but=[*known, *twins])
        return not_used([kind for kind in found if kind.name], table)


def _all_texts(table: Table, column: str) -> bool:
    """Tell whether a column held texts alone when it was read."""
    cells = [cell for cell in table.as_written().get(column, ()) if not is_missing(cell)]
    return bool(cells) and all(isinstance(cell, str) for cell in cells)


def _named(options: DataOptions) -> dict[str, Any]:
    """Return the columns of groups and of ids, as the provenance has them."""
    return {"group": options.group, **({"id": options.id} if options.id is not None else {})}


def _others(options: DataOptions) -> list[str | None]:
    return [options.name, options.id, options.group, options.part]


def row_keys(table: Table, column: str, bad: BadRows | None = None) -> list[str]:
    """Return what all rows of a table are called in other files, "" where a cell is missing.

    Such rows are noted as ``bad``, if that is given.
    """
    keys = [id_text(cell) for cell in table.column(column, "id")]
    for position, key in enumerate(keys if bad is not None else []):
        if not key:
            assert bad is not None
            bad.add(position, "id missing", f"id '{column}' is missing")
    return keys


def keys_if_any(
    table: Table, options: DataOptions, rows: Sequence[int], titles: Sequence[str] | None = None
) -> list[str] | None:
    """Return what ``rows`` to predict for are called in other files, None if nothing says so."""
    if options.id is None:
        return _keys_of(rows, titles)
    return _keys_of(rows, row_keys(table, options.id)) if options.id in table.columns else None


def _keys_of(rows: Sequence[int], keys: Sequence[str] | None) -> list[str] | None:
    return None if keys is None else [composed(keys[row]) for row in rows]


def _groups(column: str, bad: BadRows) -> list[str]:
    """Return the groups of all rows: one value is one group, however it is written."""
    return [id_text(text) for text in bad.texts(column, "group")]


def _written(time: Any) -> str:
    """Return a time as a person writes it: a year without a point, a day without its midnight."""
    if (value := number(time)) is not None:
        return f"{value:.15g}"
    return str(time).strip().removesuffix(" 00:00:00")


def _named_parts(column: str, options: DataOptions, bad: BadRows) -> list[str]:
    texts = bad.texts(column, "part")
    if column in (options.features or ()):
        raise UserError(
            f"column '{column}' is named twice in data, under 'features' and 'part': that is for "
            "times alone"
        )
    values = sorted(set(texts))
    meant, parts = dict(zip(values, parts_of(values), strict=True)), []
    for row, text in enumerate(texts):
        part = meant[text] or ""
        if not part:
            message = (
                f"part '{column}' is {text!r}; allowed: train, validation, test; or in every "
                "row a time: a date, a year, or a number if 20 differ"
            )
            bad.add(row, "part unknown", message)
        parts.append(part)
    return parts


def row_names(
    table: Table,
    options: DataOptions,
    rows: Sequence[int],
    titles: Sequence[str] | None = None,
) -> list[str]:
    """Return the display names of ``rows``, empty strings if there are none."""
    if options.name is None:
        return [titles[row] if titles else "" for row in rows]
    cells = table.column(options.name, "name")
    return ["" if is_missing(cells[row]) else str(cells[row]).strip() for row in rows]


def names_if_any(
    table: Table,
    options: DataOptions,
    rows: Sequence[int],
    titles: Sequence[str] | None = None,
) -> list[str]:
    """Return names; rows to predict for need not have them."""
    if options.name is not None and options.name not in table.columns:
        return [titles[row] if titles else "" for row in rows]
    return row_names(table, options, rows, titles)


def row_ids(rows: Sequence[int]) -> list[str]:
    """Return the numbers of rows in their source, from 1, as text."""
    return [str(row + 1) for row in rows]
