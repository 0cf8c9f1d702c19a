"""Reading a study's rows, and rows to predict for, by the source that the study names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearfar.data.catalogue import SOURCES
from nearfar.data.split.halves import half_of
from nearfar.data.targets import ALL_TARGETS
from nearfar.errors import UserError
from nearfar.references import referred

if TYPE_CHECKING:
    from nearfar.data.dataset import Dataset, InputRows, Inputs
    from nearfar.data.options import DataOptions


def load_dataset(options: DataOptions, folder: Path) -> Dataset:
    """Read the rows that ``options`` names.

    Args:
        options: the ``data`` part of a study.
        folder: where relative paths begin, usually the study file's folder.

    Raises:
        UserError: if the data cannot be found or used; with the file and the row number.
    """
    dataset: Dataset = _reader(SOURCES[options.source].dataset)(options, folder)
    if ALL_TARGETS in dataset.target_names:  # labels within cells, and what plug-ins read
        raise UserError(f"target '{ALL_TARGETS}' is what a mean over several is called: rename it")
    return dataset if options.half is None else half_of(dataset, options.half)


def load_inputs(options: DataOptions, path: Path, like: Inputs) -> InputRows:
    """Read rows to predict for from the file ``path``: the study's input columns, no targets.

    They get the form of ``like``, the inputs of the study's own rows: feature vectors the same
    columns in the same order, whatever the order in the file; images the same size and channels.
    Bad rows are treated as ``options.on_bad_rows`` says.

    Raises:
        UserError: as ``load_dataset``.
    """
    rows: InputRows = _reader(SOURCES[options.source].inputs)(options, path, like)
    return rows


def _reader(place: str | Callable[..., Any]) -> Any:
    """Return a function, or the one that is referred to."""
    return place if callable(place) else referred(place)
