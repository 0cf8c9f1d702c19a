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
    """Kind of input: ``molecule``, ``vector`` or ``image``."""
    takes: frozenset[str]
    """Options that mean something to it."""
    load: Callable[[DataOptions, Path], Dataset]
    load_inputs: Callable[[DataOptions, Path, Path], InputRows]
    """Takes options, the file to predict for, and the study's folder."""
    tasks: tuple[str, ...] = ("regression", "classification")
    """What its target can be; the first is the default."""
    needs_target: bool = False
    """Whether ``target`` must be given."""

    @property
    def reads_files(self) -> bool:
        """Whether it reads what the user names: a ``path``, or a name on the ``hub``."""
        return {"path", "hub"} <= self.takes


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


def _images(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.images_read import load_images

    return load_images(options, folder)


def _image_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    from nearfar.data.images_read import load_image_inputs

    return load_image_inputs(options, path, folder)


def _cifar10(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.named import load_cifar10

    return load_cifar10(options, folder)


def _emnist(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.named import load_emnist

    return load_emnist(options, folder)


def _utkface(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.faces import load_utkface

    return load_utkface(options, folder)


def _agedb(options: DataOptions, folder: Path) -> Dataset:
    from nearfar.data.faces import load_agedb

    return load_agedb(options, folder)


_ANY = frozenset({"task"})
_FILE = _ANY | {
    *("path", "hub", "subset", "separator", "target", "name", "group", "part", "unit"),
    *("on_bad_rows", "limit", "half"),
}
_FORM = _ANY | {"size", "channels", "limit"}
_CLASSES = ("classification", "reconstruction")
_NUMBERS = ("regression",)

SOURCES: dict[str, Source] = {
    "molecules": Source(
        "molecule", _FILE | {"smiles"}, _molecules, _molecule_inputs, needs_target=True
    ),
    "table": Source("vector", _FILE | {"features"}, _vectors, _vector_inputs, needs_target=True),
    "diabetes": Source("vector", _ANY | {"features"}, _diabetes, _vector_inputs, tasks=_NUMBERS),
    "images": Source(
        "image",
        _FILE | _FORM | {"image", "transposed", "mapping"},
        _images,
        _image_inputs,
        tasks=("classification", "regression", "reconstruction"),
    ),
    "cifar10": Source("image", _FORM | {"path"}, _cifar10, _image_inputs, tasks=_CLASSES),
    "emnist": Source("image", _FORM | {"path", "subset"}, _emnist, _image_inputs, tasks=_CLASSES),
    "utkface": Source("image", _FORM | {"path"}, _utkface, _image_inputs, tasks=_NUMBERS),
    "agedb": Source("image", _FORM | {"path"}, _agedb, _image_inputs, tasks=_NUMBERS),
}


def load_dataset(options: DataOptions, folder: Path) -> Dataset:
    """Read the rows that ``options`` names.

    Args:
        options: the ``data`` part of a study.
        folder: where relative paths begin, usually the study file's folder.

    Raises:
        UserError: if the data cannot be found or used; with the file and the row number.
    """
    dataset = SOURCES[options.source].load(options, folder)
    if options.half is None:
        return dataset
    from nearfar.data.halves import half_of

    return half_of(dataset, options.half)


def load_inputs(options: DataOptions, path: Path, folder: Path) -> InputRows:
    """Read rows to predict for from the file ``path``: the study's input columns, no targets.

    Feature vectors get the columns of the study's data in the same order, whatever the order in the
    file. Bad rows are treated as ``options.on_bad_rows`` says.

    Raises:
        UserError: as ``load_dataset``.
    """
    return SOURCES[options.source].load_inputs(options, path, folder)
