"""Fitted estimators as a folder: ``config.json`` and ``model.safetensors``; nothing is pickled."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nearfar import __version__

Plain = dict[str, Any]
Arrays = dict[str, NDArray[Any]]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1
"""Raised whenever folders of before can no longer be read."""


def write_folder(path: str | Path, config: Plain, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write both files to a new folder, whole or not at all; one of the same class is replaced.

    Raises:
        FileExistsError: there is something else at ``path``.
    """
    place = Path(path)
    place = place.resolve() if place.is_symlink() else place
    if place.exists() and (found := _held(place)) not in ("", config["estimator"]):
        held = "no saved estimator" if found is None else f"a {found}"
        raise FileExistsError(f"{place} exists and holds {held}: choose another folder to save in")
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        text = json.dumps({"format": FORMAT, "nearfar": __version__, **config}, indent=1)
        (beside / CONFIG).write_text(text + "\n", encoding="utf-8")
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, beside / WEIGHTS)
        beside.chmod(0o777 & ~_umask())
        _put(beside, place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _put(beside: Path, place: Path) -> None:
    """Rename a finished folder to its place; what was there goes once the new one stands."""
    old, there = beside.with_name(f"{beside.name}.old"), place.exists()
    if there:
        place.rename(old)
    try:
        beside.rename(place)
    except BaseException:
        if there:
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _held(place: Path) -> str | None:
    """Return the class of the estimator in a folder, "" of an empty one, None for anything else."""
    if not place.is_dir():
        return None
    names = {found.name for found in place.iterdir()}
    if names != {CONFIG, WEIGHTS}:
        return None if names else ""
    name = _config(place).get("estimator")
    return name if isinstance(name, str) else None


def read_folder(path: str | Path) -> tuple[Plain, Arrays]:
    """Return what ``write_folder`` wrote.

    Raises:
        FileNotFoundError: there is no such folder, or it lacks a file.
        ValueError: a file is damaged, or of another version's format.
    """
    place = Path(path)
    if not (place / WEIGHTS).is_file() and _is_model(place):
        raise FileNotFoundError(
            f"{place} holds a model that was exported: nearfar.load({str(place)!r}) reads it"
        )
    for name in (CONFIG, WEIGHTS):
        if not (place / name).is_file():
            raise FileNotFoundError(f"{place} is no folder of a saved estimator: no {name} in it")
    try:
        config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
        arrays: Arrays = load_file(place / WEIGHTS)
    except (ValueError, SafetensorError) as error:
        raise ValueError(f"{place} is damaged: {str(error).splitlines()[0]}") from None
    if not isinstance(config, dict) or not isinstance(config.get("estimator"), str):
        raise ValueError(f"{place / CONFIG} describes no estimator of nearfar.sklearn")
    if config.get("format") != FORMAT:
        raise ValueError(
            f"{place} was saved by nearfar {config.get('nearfar')}, in format"
            f" {config.get('format')}; this one ({__version__}) reads format {FORMAT}"
        )
    return config, arrays


def _is_model(place: Path) -> bool:
    """Whether a folder's ``config.json`` is that of a model which ``nearfar export`` wrote."""
    return {"nearfar", "members"} <= _config(place).keys()


def _config(place: Path) -> Plain:
    """Return what ``config.json`` says, nothing where it cannot be read."""
    try:
        config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def plain_value(value: Any, name: str) -> Any:
    """Return a parameter as JSON has it; a generator of random numbers is left out (null).

    Raises:
        TypeError: it is something that JSON does not have.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return None
    if isinstance(value, tuple | list):
        return [plain_value(item, name) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}, which cannot be saved")


def plain_labels(classes: NDArray[Any]) -> Plain:
    """Return classes as JSON has them, with their dtype.

    Raises:
        TypeError: they are neither numbers, truth values nor text.
    """
    return {
        "dtype": "object" if classes.dtype == object else classes.dtype.str,
        "values": [plain_value(value, "a class") for value in classes.tolist()],
    }


def labels_from(plain: Plain) -> NDArray[Any]:
    """Return the classes that ``plain_labels`` described."""
    found: NDArray[Any] = np.array(plain["values"], dtype=np.dtype(str(plain["dtype"])))
    return found
