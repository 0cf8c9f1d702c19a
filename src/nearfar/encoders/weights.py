"""Files of pre-trained weights that a study names: found once, known by their content afterwards.

A stage is made of the content, not of the name of its file. Whoever builds the encoder later, in
this process or another, finds the file again by its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nearfar.errors import UserError

ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
_INNER = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "module")
_WRAPPERS = ("module.", "_orig_mod.")
_places: dict[str, Path] = {}
_hashes: dict[tuple[str, int, int], str] = {}


def known_file(path: Path) -> str:
    """Return the hash of a file of weights, and remember where it lies.

    Raises:
        UserError: it is no file, or does not end as files of weights do.
    """
    if not path.is_file() or path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: weights are read from a file: {', '.join(ENDINGS)}")
    seen = path.stat()
    key = (str(path.resolve()), seen.st_size, seen.st_mtime_ns)
    if key not in _hashes:
        with path.open("rb") as file:
            _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    _places[_hashes[key]] = path.resolve()
    return _hashes[key]


def place_of(digest: str) -> Path | None:
    """Return where the file with this hash lies, None if it is not known."""
    place = _places.get(digest)
    there = place is not None and place.is_file() and known_file(place) == digest
    return place if there else None


def read_weights(path: Path) -> dict[str, Any]:
    """Return tensors by name from safetensors, or what ``torch.load`` reads as weights alone.

    Dictionaries that hold the weights under a usual name are opened, prefixes of wrappers dropped.

    Raises:
        UserError: the file is damaged, holds other objects, or no tensors by name.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "global" not in str(error).lower():
            raise UserError(f"{path.name}: is damaged or no file of weights") from error
        raise UserError(
            f"{path.name}: holds Python objects beside weights, which are not unpickled: save "
            "model.state_dict() alone, or as safetensors"
        ) from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path.name}: is damaged or no file of weights ({first})") from error
    for name in _INNER:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not found:
        raise UserError(f"{path.name}: holds no tensors by name: save model.state_dict()")
    weights = {str(name): value for name, value in found.items() if torch.is_tensor(value)}
    for prefix in _WRAPPERS:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    if not weights:
        raise UserError(f"{path.name}: holds no tensors by name: save model.state_dict()")
    return weights
