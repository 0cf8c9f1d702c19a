"""Molecules and feature vectors read from tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset, InputRows, Inputs
from nearfar.data.inputs.vectors import Vectors
from nearfar.data.options import DataOptions
from nearfar.data.read.columns import BadRows, numeric_columns
from nearfar.data.read.hugging_face import read_folder, read_hub
from nearfar.data.read.locate import locate
from nearfar.data.read.molecules import read_molecules
from nearfar.data.read.tables import Table, read_file
from nearfar.data.sources.labels import RowLabels, names_if_any, row_ids
from nearfar.errors import UserError


def load_molecules(options: DataOptions, folder: Path) -> Dataset:
    """Read SMILES with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    column = read_molecules(options, bad)
    labels = RowLabels(table, options, bad)
    rows = labels.limited(bad.kept())
    inputs = column.inputs(rows)
    source |= column.account(rows)
    return labels.dataset(rows, inputs, source, smiles=inputs.smiles, identities=[column.keys])


def load_vectors(options: DataOptions, folder: Path) -> Dataset:
    """Read feature columns with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    columns = options.features or _default_features(table, options)
    values = _features(columns, bad)
    labels = RowLabels(table, options, bad)
    rows = labels.limited(bad.kept())
    source["features"] = columns
    return labels.dataset(rows, Vectors(values[rows], columns), source)


def load_molecule_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read SMILES without targets. See ``nearfar.data.load_inputs``."""
    table = _read_input_file(path, options)
    bad = BadRows(table, options.on_bad_rows or "error")
    column = read_molecules(options, bad)
    rows = bad.kept()
    inputs = column.inputs(rows)
    return InputRows(
        inputs,
        row_ids(rows),
        names_if_any(table, options, rows),
        inputs.smiles,
        {"path": str(path), **bad.account(), **column.account(rows)},
        given=bad.given(),
    )


def load_vector_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read feature columns without targets. See ``nearfar.data.load_inputs``."""
    assert isinstance(like, Vectors)
    table = _read_input_file(path, options)
    bad = BadRows(table, options.on_bad_rows or "error")
    values = _features(like.columns, bad)
    rows = bad.kept()
    return InputRows(
        Vectors(values[rows], like.columns),
        row_ids(rows),
        names_if_any(table, options, rows),
        [],
        {"path": str(path), **bad.account()},
        given=bad.given(),
    )


def _read(options: DataOptions, folder: Path) -> tuple[Table, dict[str, Any]]:
    if options.hub is not None:
        return read_hub(options.hub, options.subset), {"source": options.source, "hub": options.hub}
    assert options.path is not None
    path, found = locate(options.path, folder)
    source = {"source": options.source, "path": options.path, "found": found}
    table = read_folder(path) if path.is_dir() else read_file(path, options.separator)
    return table, source


def _read_input_file(path: Path, options: DataOptions) -> Table:
    if not path.exists():
        raise UserError(f"no such file: {path}")
    separator = None if path.suffix.lower() in {".parquet", ".pq"} else options.separator
    return read_folder(path) if path.is_dir() else read_file(path, separator)


def _default_features(table: Table, options: DataOptions) -> list[str]:
    used = [*options.target_columns, options.name, options.group, options.part]
    columns = numeric_columns(table, [column for column in used if column])
    if not columns:
        raise UserError(f"{table.name}: no numeric column besides the target to learn from")
    return columns


def _features(columns: Sequence[str], bad: BadRows) -> npt.NDArray[np.float64]:
    values = np.stack([bad.numbers(column, "feature") for column in columns], axis=1)
    with np.errstate(over="ignore"):
        beyond = np.isinf(values.astype(np.float32))
    for row in np.flatnonzero(beyond.any(axis=1)):
        column = columns[int(np.flatnonzero(beyond[row])[0])]
        bad.add(int(row), "feature too large", f"feature '{column}' is beyond float32")
    return values
