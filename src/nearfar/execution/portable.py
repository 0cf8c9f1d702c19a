"""Paths of a study as seen from its run's folder, so that the run can be run again from there."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nearfar.extensions.modules import file_of
from nearfar.study.load import Resolved
from nearfar.study.placeholders import placeholders
from nearfar.weight_files import is_folder

OF_DATA = ("path", "mapping", "root")
OF_PARTS = {
    "file": ("path",),
    "timm": ("checkpoint",),
    "hf": ("model",),
    "tabpfn": ("weights",),
    "tabicl": ("weights",),
}
"""Options of encoders and heads that are paths, those of hf where they are written as such."""


def portable(
    block: Mapping[str, Any], study: Path, run: Path, keys: Sequence[str] = OF_DATA
) -> dict[str, Any]:
    """Return a block with paths beside the study file as seen from the run folder."""
    beside = {
        key: _relative(study / block[key], run)
        for key in keys
        if isinstance(block.get(key), str) and (study / block[key]).exists()
    }
    return {**block, **beside}


def _relative(place: Path, run: Path) -> str:
    """Return a path as seen from the run; a folder within it begins with a dot, as it must."""
    found = os.path.relpath(place.resolve(), run.resolve())
    return f"./{found}" if place.is_dir() and not found.startswith(".") else found


def portable_modules(names: list[str], study: Path, run: Path) -> list[str]:
    """Return the modules of a study with files as seen from the run folder."""
    files = [file_of(name, study) for name in names]
    return [
        name if file is None else os.path.relpath(file.resolve(), run.resolve())
        for name, file in zip(names, files, strict=True)
    ]


def portable_files(asked: Resolved, run: Path) -> dict[str, Any]:
    """Return the blocks of a study whose encoders and heads name files, as seen from the run."""
    named = {str(options["path"]) for options in asked.embedding_files} | {*asked.weight_files}
    return _blocks(asked.text, named, asked.folder, run)


def moved(text: Mapping[str, Any], place: Path, to: Path) -> dict[str, Any]:
    """Return the study of a run folder as seen from another, as far as its files are here."""
    axes: set[str] = set().union(*(_axes_of_files(text.get(key)) for key in _BLOCKS))
    named: set[str] = set().union(*(_texts(text["axes"][name].get("values")) for name in axes))
    data = {"data": portable(text["data"], place, to)}
    modules = text.get("modules")
    also = {"modules": portable_modules(modules, place, to)} if modules else {}
    return {**text, **data, **also, **_blocks(text, named, place, to)}


_BLOCKS = ("stages", "arms", "axes")
"""Where encoders and heads stand in a study."""


def _blocks(
    text: Mapping[str, Any], named: Collection[str], place: Path, to: Path
) -> dict[str, Any]:
    found = {key: _in_block(text[key], place, to) for key in _BLOCKS if key in text}
    if "axes" in found:
        axes = found["axes"].items()
        found["axes"] = {name: _of_axis(axis, named, place, to) for name, axis in axes}
    return found


def _axes_of_files(block: Any) -> set[str]:
    """Return the axes whose values are files that encoders or heads read."""
    if isinstance(block, list):
        return set().union(*map(_axes_of_files, block))
    if not isinstance(block, dict):
        return set()
    found: set[str] = set().union(*map(_axes_of_files, block.values()))
    for part, keys in OF_PARTS.items():
        if isinstance(block.get(part), dict):
            found |= placeholders([block[part].get(key) for key in keys])
    return found


def _texts(values: Any) -> set[str]:
    listed = values.values() if isinstance(values, dict) else values
    return {value for value in listed if isinstance(value, str)} if listed else set()


def _in_block(block: Any, study: Path, run: Path) -> Any:
    if isinstance(block, list):
        return [_in_block(part, study, run) for part in block]
    if not isinstance(block, dict):
        return block
    found = {key: _in_block(value, study, run) for key, value in block.items()}
    for part, keys in OF_PARTS.items():
        if isinstance(found.get(part), dict) and _names_files(part, found[part]):
            found[part] = portable(found[part], study, run, keys)
    return found


def _names_files(part: str, options: Mapping[str, Any]) -> bool:
    given = options.get("model") if part == "hf" else None
    return given is None or (isinstance(given, str) and is_folder(given))


def _of_axis(axis: dict[str, Any], named: Collection[str], study: Path, run: Path) -> Any:
    """Return an axis; values that are files keep their names as labels."""
    values = axis.get("values")
    if not isinstance(values, list | dict):
        return axis
    labelled = values if isinstance(values, dict) else {str(value): value for value in values}
    if not any(isinstance(value, str) and value in named for value in labelled.values()):
        return axis
    return {
        **axis,
        "values": {
            label: portable({"": value}, study, run, ("",))[""] if value in named else value
            for label, value in labelled.items()
        },
    }
