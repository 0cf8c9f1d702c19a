"""Files of pre-trained weights that a study names: found once, known by their content afterwards.

A stage is made of the content, not of the name of its file. Whoever builds the encoder later, in
this process or another, finds the file again by its hash.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nearfar.errors import UserError, first_line

ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
_INNER = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "module")
_WRAPPERS = ("module.", "_orig_mod.")
_places: dict[str, Path] = {}
_hashes: dict[tuple[tuple[str, int, int], ...], str] = {}
CONFIG = "config.json"
"""What makes a folder a model of transformers."""
_HASH = re.compile(r"[0-9a-f]{16}")


def is_hash(given: object) -> bool:
    """Whether an option is the hash of a file or folder, not the name of a model elsewhere."""
    return isinstance(given, str) and _HASH.fullmatch(given) is not None


def known_file(path: Path) -> str:
    """Return the hash of a file of weights, or of a folder of them, and remember where it lies.

    Raises:
        UserError: it is neither: no file that ends as files of weights do, and no folder with a
            configuration and safetensors.
    """
    parts = _parts_of(path)
    seen = [(str(part.resolve()), part.stat()) for part in parts]
    key = tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in seen)
    if key not in _hashes:
        digests = []
        for part in parts:
            with part.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        whole = digests[0]
        if path.is_dir():
            named = [f"{part.name} {digest}" for part, digest in zip(parts, digests, strict=True)]
            whole = hashlib.sha256("\n".join(named).encode()).hexdigest()
        _hashes[key] = whole[:16]
    _places[_hashes[key]] = path.resolve()
    return _hashes[key]


def _parts_of(path: Path) -> list[Path]:
    """Return the files that weights are read from: one, or those of a folder."""
    if not path.is_dir():
        if not path.is_file() or path.suffix.lower() not in ENDINGS:
            raise UserError(f"{path}: weights are read from a file: {', '.join(ENDINGS)}")
        return [path]
    tensors = sorted(path.glob("*.safetensors"))
    if not (path / CONFIG).is_file():
        raise UserError(
            f"{path}: is a folder without {CONFIG}: weights are a file, {', '.join(ENDINGS)}, or "
            "for transformers the folder that model.save_pretrained(FOLDER) writes"
        )
    if not tensors:
        raise UserError(
            f"{path}: has no .safetensors; other weights of a folder are not read: load them where "
            "you trust them, and call model.save_pretrained(FOLDER)"
        )
    about = (path / name for name in (CONFIG, "preprocessor_config.json"))
    index = sorted(path.glob("*.safetensors.index.json"))
    return [*(part for part in about if part.is_file()), *index, *tensors]


def place_of(digest: str) -> Path | None:
    """Return where the file with this hash lies, None if it is not known."""
    place = _places.get(digest)
    there = place is not None and place.exists() and known_file(place) == digest
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
        raise UserError(
            f"{path.name}: is damaged or no file of weights ({first_line(error)})"
        ) from error
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
    check_finite(path.name, weights)
    return weights


def check_finite(source: Path | str, weights: Mapping[str, Any]) -> None:
    """Refuse weights that are infinite or no numbers.

    Raises:
        UserError: with the first of them.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(f"{source}: some weights in {name} are no finite numbers")


def is_folder(name: str) -> bool:
    """Whether a model is named as a folder here, by how it begins, and not as one on the hub."""
    return name.startswith((".", "/", "~"))
