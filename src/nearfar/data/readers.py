"""Molecules and feature vectors read from tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nearfar.data.columns import BadRows, numeric_columns
from nearfar.data.dataset import Dataset, InputRows, Inputs, content_digest
from nearfar.data.groups import merged_groups
from nearfar.data.hugging_face import read_folder, read_hub
from nearfar.data.locate import locate
from nearfar.data.molecules import Graph, Molecules, graph_of
from nearfar.data.options import DataOptions
from nearfar.data.smiles import canonical, read_smiles
from nearfar.data.sources import load_dataset
from nearfar.data.tables import Table, is_missing, read_file
from nearfar.data.vectors import Vectors
from nearfar.errors import UserError

PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


def load_molecules(options: DataOptions, folder: Path) -> Dataset:
    """Read SMILES with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    texts, graphs, keys = _molecules(table, options, bad)
    rest = _Rest(table, options, bad)
    rows = bad.kept()
    inputs = Molecules.from_graphs([graphs[row] for row in rows], [texts[row] for row in rows])
    return rest.dataset(rows, inputs, inputs.smiles, source, [keys])


def load_vectors(options: DataOptions, folder: Path) -> Dataset:
    """Read feature columns with targets. See ``nearfar.data.load_dataset``."""
    table, source = _read(options, folder)
    bad = BadRows(table, options.on_bad_rows or "error")
    columns = options.features or _default_features(table, options)
    values = _features(columns, bad)
    rest = _Rest(table, options, bad)
    rows = bad.kept()
    inputs = Vectors(values[rows], columns)
    source["features"] = columns
    return rest.dataset(rows, inputs, [], source, [])


def load_molecule_inputs(options: DataOptions, path: Path) -> InputRows:
    """Read SMILES without targets. See ``nearfar.data.load_inputs``."""
    table = _read_input_file(path, options)
    bad = BadRows(table, options.on_bad_rows or "error")
    texts, graphs, _ = _molecules(table, options, bad)
    rows = bad.kept()
    smiles = [texts[row] for row in rows]
    return InputRows(
        Molecules.from_graphs([graphs[row] for row in rows], smiles),
        _ids(rows),
        _names_if_any(table, options, rows),
        smiles,
        {"path": str(path), **bad.account()},
    )


def load_vector_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    """Read feature columns without targets. See ``nearfar.data.load_inputs``."""
    columns = options.features
    if columns is None:
        known = load_dataset(options, folder).inputs
        assert isinstance(known, Vectors)
        columns = known.columns
    table = _read_input_file(path, options)
    bad = BadRows(table, options.on_bad_rows or "error")
    values = _features(columns, bad)
    rows = bad.kept()
    return InputRows(
        Vectors(values[rows], columns),
        _ids(rows),
        _names_if_any(table, options, rows),
        [],
        {"path": str(path), **bad.account()},
    )


class _Rest:
    """Everything of a row but its input: targets, name, group, part."""

    def __init__(self, table: Table, options: DataOptions, bad: BadRows) -> None:
        self._table, self._options, self._bad = table, options, bad
        self._targets = np.stack(
            [bad.numbers(column, "target") for column in options.target_columns], axis=1
        )
        self._groups = bad.texts(options.group, "group") if options.group else None
        self._parts = _parts(table, options, bad)

    def dataset(
        self,
        rows: list[int],
        inputs: Inputs,
        smiles: list[str],
        source: dict[str, Any],
        identities: list[list[str]],
    ) -> Dataset:
        """Put the good rows together."""
        options = self._options
        keys = [[key[row] for row in rows] for key in identities]
        if self._groups is not None:
            keys.append([self._groups[row] for row in rows])
        groups = merged_groups(keys, len(rows))
        parts = None if self._parts is None else np.array([self._parts[row] for row in rows])
        given = InputRows(
            inputs,
            _ids(rows),
            _names(self._table, options, rows),
            smiles,
            {**source, **self._bad.account(), "group": options.group},
        )
        targets = np.ascontiguousarray(self._targets[rows])
        return Dataset(
            inputs=given.inputs,
            ids=given.ids,
            names=given.names,
            smiles=given.smiles,
            source=given.source,
            targets=targets,
            target_names=options.target_columns,
            unit=options.unit or "",
            groups=groups,
            parts=parts,
            digest=content_digest(given, targets, options.target_columns, groups, parts),
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


def _molecules(
    table: Table, options: DataOptions, bad: BadRows
) -> tuple[list[str], dict[int, Graph], list[str]]:
    """Return SMILES as given, graphs of the readable ones, and canonical SMILES."""
    texts = bad.texts(options.smiles or "smiles", "smiles")
    graphs: dict[int, Graph] = {}
    keys = [""] * len(texts)
    for row, text in enumerate(texts):
        if row in bad:
            continue
        try:
            molecule = read_smiles(text)
            graphs[row] = graph_of(molecule)
        except ValueError as error:
            bad.add(row, "molecule not readable", str(error))
            continue
        keys[row] = canonical(molecule)
    return texts, graphs, keys


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


def _parts(table: Table, options: DataOptions, bad: BadRows) -> list[str] | None:
    if options.part is None:
        return table.parts
    parts = []
    for row, text in enumerate(bad.texts(options.part, "part")):
        part = PART_NAMES.get(text.lower(), "")
        if not part:
            message = f"part '{options.part}' is {text!r}; allowed: train, validation, test"
            bad.add(row, "part unknown", message)
        parts.append(part)
    return parts


def _names(table: Table, options: DataOptions, rows: Sequence[int]) -> list[str]:
    if options.name is None:
        return [""] * len(rows)
    cells = table.column(options.name, "name")
    return ["" if is_missing(cells[row]) else str(cells[row]).strip() for row in rows]


def _names_if_any(table: Table, options: DataOptions, rows: Sequence[int]) -> list[str]:
    """Return names; rows to predict for need not have them."""
    if options.name not in table.columns:
        return [""] * len(rows)
    return _names(table, options, rows)


def _ids(rows: Sequence[int]) -> list[str]:
    return [str(row + 1) for row in rows]
