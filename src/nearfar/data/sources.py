"""The sources of rows, by name.

A new source is one line in ``SOURCES``: what kind of input it gives, which options of
``DataOptions`` mean something to it, and the function that reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nearfar.data.dataset import Dataset, InputRows
    from nearfar.data.options import DataOptions


@dataclass(frozen=True)
class Source:
    """One way to get rows."""

    kind: str
    """Kind of input: ``molecule`` or ``vector``."""
    takes: frozenset[str]
    """Options that mean something to it."""
    load: Callable[[DataOptions, Path], Dataset]
    load_inputs: Callable[[DataOptions, Path, Path], InputRows]
    """Takes options, the file to predict for, and the study's folder."""


def _molecules(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.readers import load_molecules

    return load_molecules(options, folder)


def _molecule_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    from nearfar.data.readers import load_molecule_inputs

    return load_molecule_inputs(options, path)


def _vectors(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.readers import load_vectors

    return load_vectors(options, folder)


def _vector_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    from nearfar.data.readers import load_vector_inputs

    return load_vector_inputs(options, path, folder)


def _diabetes(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.bundled import load_diabetes

    return load_diabetes(options)


_FILE = frozenset(
    {"path", "hub", "subset", "separator", "target", "name", "group", "part", "unit", "on_bad_rows"}
)

SOURCES: dict[str, Source] = {
    "molecules": Source("molecule", _FILE | {"smiles"}, _molecules, _molecule_inputs),
    "table": Source("vector", _FILE | {"features"}, _vectors, _vector_inputs),
    "diabetes": Source("vector", frozenset({"features"}), _diabetes, _vector_inputs),
}


def load_dataset(options: DataOptions, folder: Path) -> Dataset:
    """Read the rows that ``options`` names.

    Args:
        options: the ``data`` part of a study.
        folder: where relative paths begin, usually the study file's folder.

    Raises:
        UserError: if the data cannot be found or used; with the file and the row number.
    """
    return SOURCES[options.source].load(options, folder)


def load_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    """Read rows to predict for from the file ``path``: the study's input columns, no targets.

    Feature vectors get the columns of the study's data in the same order, whatever the order in the
    file. Bad rows are treated as ``options.on_bad_rows`` says.

    Raises:
        UserError: as ``load_dataset``.
    """
    return SOURCES[options.source].load_inputs(options, path, folder)
