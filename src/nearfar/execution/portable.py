"""Paths of a study as seen from its run's folder, so that the run can be run again from there."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nearfar.extensions.modules import file_of
from nearfar.study.load import Resolved
from nearfar.weight_files import is_folder

OF_DATA = ("path", "mapping")
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
    blocks = ("stages", "arms", "axes")
    found: dict[str, Any] = {key: asked.text[key] for key in blocks if key in asked.text}
    found = {key: _in_block(block, asked.folder, run) for key, block in found.items()}
    named = {str(options["path"]) for options in asked.embedding_files} | {*asked.weight_files}
    if "axes" in found:
        found["axes"] = {
            name: _of_axis(axis, named, asked.folder, run) for name, axis in found["axes"].items()
        }
    return found


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
