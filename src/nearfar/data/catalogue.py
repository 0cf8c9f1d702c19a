"""The sources of rows, by name.

A new source is a file in ``sources/`` and one line in ``_BUILT_IN``: what kind of input it gives,
which options of ``DataOptions`` mean something to it, and where the functions that read it are.
Nothing is imported here, so that options can be checked without any reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nearfar.extensions import Registry


@dataclass(frozen=True)
class Source:
    """One way to get rows."""

    kind: str
    """Kind of input: ``molecule``, ``vector`` or ``image``."""
    takes: frozenset[str]
    """Options that mean something to it."""
    dataset: str | Callable[..., Any]
    """Its reader, (options, the study's folder) → ``Dataset``, or where it is, ``module:name``."""
    inputs: str | Callable[..., Any]
    """The same for rows to predict for: (options, path, the study's own inputs) → ``InputRows``."""
    tasks: tuple[str, ...] = ("regression", "classification", "multilabel")
    """What its target can be; the first is the default."""
    needs_target: bool = False
    """Whether ``target`` must be given."""

    @property
    def reads_files(self) -> bool:
        """Whether it reads what the user names: a ``path``, or a name on the ``hub``."""
        return {"path", "hub"} <= self.takes


_ANY = frozenset({"task"})
_FILE = _ANY | {
    *("path", "hub", "subset", "separator", "target", "name", "id", "group", "part", "unit"),
    *("label_separator", "positive"),
    *("on_bad_rows", "limit", "half", "decimal", "encoding", "sheet", "missing"),
}
_FORM = _ANY | {"size", "channels", "limit"}
_CLASSES = ("classification", "reconstruction")
_NUMBERS = ("regression",)
_MOLECULE_INPUTS = "nearfar.data.sources.tables:load_molecule_inputs"
_VECTOR_INPUTS = "nearfar.data.sources.tables:load_vector_inputs"
_IMAGE_INPUTS = "nearfar.data.sources.images:load_image_inputs"

_BUILT_IN: dict[str, Source] = {
    "molecules": Source(
        "molecule",
        _FILE | {"smiles", "standardise", "features"},
        "nearfar.data.sources.tables:load_molecules",
        _MOLECULE_INPUTS,
        needs_target=True,
    ),
    "table": Source(
        "vector",
        _FILE | {"features"},
        "nearfar.data.sources.tables:load_vectors",
        _VECTOR_INPUTS,
        needs_target=True,
    ),
    "diabetes": Source(
        "vector",
        _ANY | {"features"},
        "nearfar.data.sources.diabetes:load_diabetes",
        _VECTOR_INPUTS,
        tasks=_NUMBERS,
    ),
    "images": Source(
        "image",
        _FILE
        | _FORM
        | {"image", "transposed", "mapping", "root", "features"}
        | {"channel_axis", "pages", "range", "pictures"},
        "nearfar.data.sources.images:load_images",
        _IMAGE_INPUTS,
        tasks=("classification", "regression", "multilabel", "reconstruction"),
    ),
    "cifar10": Source(
        "image",
        _FORM | {"path"},
        "nearfar.data.sources.cifar10_emnist:load_cifar10",
        _IMAGE_INPUTS,
        tasks=_CLASSES,
    ),
    "emnist": Source(
        "image",
        _FORM | {"path", "subset"},
        "nearfar.data.sources.cifar10_emnist:load_emnist",
        _IMAGE_INPUTS,
        tasks=_CLASSES,
    ),
    "utkface": Source(
        "image",
        _FORM | {"path"},
        "nearfar.data.sources.faces:load_utkface",
        _IMAGE_INPUTS,
        tasks=_NUMBERS,
    ),
    "agedb": Source(
        "image",
        _FORM | {"path"},
        "nearfar.data.sources.faces:load_agedb",
        _IMAGE_INPUTS,
        tasks=_NUMBERS,
    ),
}


def _mistake(source: Any) -> str:
    """Return what an object lacks to be a source of a study file, empty if nothing."""
    if not isinstance(source, Source):
        return "is not a nearfar.data.catalogue.Source"
    for place in (source.dataset, source.inputs):
        if not callable(place) and ":" not in place:
            return f"has a reader that is neither a function nor module:function: {place!r}"
    return ""


SOURCES = Registry("data source", "sources", _BUILT_IN, _mistake)
