"""Molecules and feature vectors read from tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nearfar.data.dataset import Dataset, InputRows, Inputs
from nearfar.data.inputs.columns import Columns
from nearfar.data.inputs.joined import Joined
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.options import DataOptions
from nearfar.data.read.columns import BadRows
from nearfar.data.read.hugging_face import read_folder, read_hub
from nearfar.data.read.kinds import ColumnKind
from nearfar.data.read.locate import locate, meant
from nearfar.data.read.molecules import read_molecules
from nearfar.data.read.tables import Table, read_file
from nearfar.data.read.times import nothing_but_parts
from nearfar.data.sources.feature_columns import (
    as_inputs,
    as_vectors,
    check_needed,
    columns_beside,
    joined,
    known_of,
    named_columns,
    names_of,
    not_used,
    read_columns,
    read_like,
    usable_columns,
)
from nearfar.data.sources.labels import RowLabels, keys_if_any, names_if_any, row_ids
from nearfar.data.table_form import TableForm
from nearfar.errors import UserError


def load_molecules(options: DataOptions, folder: Path) -> Dataset:
    """Read SMILES with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    column = read_molecules(options, bad)
    beside = columns_beside(table, options, bad)
    labels = RowLabels(table, options, bad)
    rows = labels.limited(bad.kept())
    inputs = column.inputs(rows)
    source |= column.account(rows)
    if options.features:
        source["features"] = [*options.features]
    return labels.dataset(
        rows,
        joined(inputs, beside, rows),
        source,
        smiles=inputs.smiles,
        identities=[column.keys],
    )


def load_vectors(options: DataOptions, folder: Path) -> Dataset:
    """Read feature columns with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    others: list[ColumnKind] = []
    if options.features:
        kinds = named_columns(table, options.features)
    else:
        kinds, others = _default_features(table, options)
    columns = read_columns(table, kinds, bad)
    labels = RowLabels(table, options, bad)
    rows = labels.limited(bad.kept())
    source["features"] = [kind.name for kind in kinds]
    if others:
        source["columns_not_used"] = not_used(others, table)
    if table.array:
        source["array"] = table.array
    return labels.dataset(rows, as_inputs(columns, rows), source)


def load_molecule_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read SMILES without targets. See ``nearfar.data.load_inputs``."""
    columns = like.columns if isinstance(like, Joined) else None
    table = _read_input_file(path, options, [options.smiles or "smiles"], columns)
    bad = BadRows(table, options.on_bad_rows or "error")
    column = read_molecules(options, bad)
    beside = None if columns is None else read_like(table, columns, bad)
    rows = bad.kept()
    inputs = column.inputs(rows)
    return InputRows(
        joined(inputs, beside, rows),
        row_ids(rows),
        names_if_any(table, options, rows),
        inputs.smiles,
        {"path": str(path), **table.account(), **bad.account(), **column.account(rows)},
        given=bad.given(),
        keys=keys_if_any(table, options, rows),
    )


def load_vector_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read feature columns without targets. See ``nearfar.data.load_inputs``."""
    assert isinstance(like, Vectors | Columns)
    table = _read_input_file(path, options, [], like)
    bad = BadRows(table, options.on_bad_rows or "error")
    columns = read_like(table, like, bad)
    rows = bad.kept()
    taken = columns.taken(np.array(rows, dtype=np.int64))
    return InputRows(
        as_vectors(taken) if isinstance(like, Vectors) else taken,
        row_ids(rows),
        names_if_any(table, options, rows),
        [],
        {"path": str(path), **table.account(), **bad.account()},
        given=bad.given(),
        keys=keys_if_any(table, options, rows),
    )


def _read(options: DataOptions, folder: Path) -> tuple[Table, dict[str, Any]]:
    if options.hub is not None:
        table = read_hub(options.hub, options.subset, options.form)
        source = {"source": options.source, "hub": options.hub}
        return table, source | table.account()
    assert options.path is not None
    path, found = locate(options.path, folder)
    table = _table_at(path, options.form)
    source = {"source": options.source, "path": options.path, "found": found}
    return table, source | table.account()


def _read_input_file(
    path: Path, options: DataOptions, more: Sequence[str], like: Columns | Vectors | None
) -> Table:
    if not path.exists():
        raise UserError(f"no such file: {path}{meant(path)}")
    needed = [*more, *names_of(like)]
    table = _table_at(path, options.form.lenient(needed, known_of(like)))
    check_needed(table, [name for name in needed if name != options.smiles or not table.structures])
    return table


def _table_at(path: Path, form: TableForm) -> Table:
    return read_folder(path, form) if path.is_dir() else read_file(path, form)


def _default_features(
    table: Table, options: DataOptions
) -> tuple[list[ColumnKind], list[ColumnKind]]:
    """Return the feature columns of a study that names none, and the columns left out.

    Raises:
        UserError: there is none.
    """
    part = nothing_but_parts(table, options.part)
    others = [*options.target_columns, options.name, options.id, options.group, part]
    used, left_out = usable_columns(table, others)
    if not used:
        found = f": {not_used(left_out, table)}; name one in data: features to use it" * bool(
            left_out
        )
        raise UserError(f"{table.name}: no column besides the target to learn from{found}")
    return used, left_out
