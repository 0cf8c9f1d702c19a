"""A model in a folder of its own: config.json, and weights as safetensors; nothing is pickled.

``config.json`` says what the model is, and of every other file its size and SHA-256, which are
checked before anything is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save as arrays_to_bytes
from safetensors.torch import load as tensors_of
from safetensors.torch import save as tensors_to_bytes

from nearfar.data import Preparation
from nearfar.data.class_values import CLASS_TEXTS
from nearfar.data.read.locate import is_file
from nearfar.encoders.with_columns import JoinedEncoder
from nearfar.errors import UserError, first_line
from nearfar.extensions import use_modules
from nearfar.models.calibration import Calibration
from nearfar.models.known import KnownRows
from nearfar.models.member import Member
from nearfar.models.schema import InputSchema
from nearfar.plan.specs import FitSpec, Named, SolveSpec, from_plain
from nearfar.records.files import write_atomically
from nearfar.records.places import folder_to_write
from nearfar.stages.fitted import Fitted
from nearfar.stages.prepare import FILE as COLUMNS
from nearfar.stages.prepare import read_preparation, write_preparation
from nearfar.version import __version__
from nearfar.weight_files import ENDINGS, known_file

CONFIG = "config.json"
CALIBRATION, KNOWN = "held_out.safetensors", "training_rows.safetensors"
FORMAT = 1
"""Raised where an older nearfar could not read what is written."""

SEAL = "sha256"
"""Where config.json has the digest of the rest of it; those of the first models have none."""

_KEPT = ("study", "arm", "condition", "unit", "task", "versions", "modules")


def write_model(model: Any, folder: Path) -> None:
    """Write a model to a new folder.

    Raises:
        UserError: the folder holds something already, or the model has a part that was made in a
            Python program.
    """
    folder_to_write(folder, "save")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: is there already; name a new folder")
    _refuse_own_parts(model)
    members = []
    for member in model.members:
        place, fitted = f"seed-{member.seed}", member.fitted
        write_atomically(folder / place / "model.safetensors", tensors_to_bytes(fitted.weights()))
        if fitted.preparation is not None:
            write_preparation(folder / place, fitted.preparation)
        members.append(
            {
                "seed": member.seed,
                "stage": member.stage,
                "folder": place,
                "encoder": _kept_encoder(fitted),
                "fit": fitted.spec.to_plain(),
                "outcome": {
                    key: fitted.outcome[key]
                    for key in ("classes", "labels", "scaler", "shape")
                    if key in fitted.outcome
                },
            }
        )
    config = {
        "format": FORMAT,
        **_write_calibration(model, folder),
        "nearfar": __version__,
        **{key: getattr(model, key) for key in _KEPT},
        "targets": list(model.targets),
        "classes": list(model.classes),
        **({CLASS_TEXTS: True} if model.class_texts else {}),
        "inputs": model.schema.to_plain(),
        "members": members,
        "files": digests(folder),
    }
    write_config(folder, config)


def _kept_encoder(fitted: Fitted) -> dict[str, Any] | None:
    """Return an encoder as a study says it, or as one that needs no hub to be made again."""
    if fitted.named is None:
        return None
    encoder = fitted.encoder
    alone = encoder.alone if isinstance(encoder, JoinedEncoder) else encoder
    kept_options = getattr(alone, "kept_options", None)
    options = fitted.named.options
    return Named(fitted.named.name, kept_options(options) if kept_options else options).to_plain()


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.json, with the digest of all that it says."""
    whole = {**config, SEAL: _sealed(config)}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / CONFIG, text + "\n")


def _sealed(config: Mapping[str, Any]) -> str:
    """Return the digest of what config.json says, however it is laid out."""
    said = {key: value for key, value in config.items() if key != SEAL}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _refuse_own_parts(model: Any) -> None:
    """Refuse parts that were made in a Python program: no other program could load the model."""
    for member in model.members:
        fitted = member.fitted
        names = [fitted.spec.head.name, *([fitted.named.name] if fitted.named else [])]
        for name in names:
            if name.startswith("python-"):
                raise UserError(
                    f"{model.name}: {name} was made in this Python program, which alone can load "
                    "it: put it into a module that the study names (docs/extending.md)"
                )


def _write_calibration(model: Any, folder: Path) -> dict[str, Any]:
    """Write errors of held-out rows and features of training rows; return what is said of them."""
    said: dict[str, Any] = {"calibration": None, "known": None}
    if (found := model.calibration) is not None:
        names = ("out", "truth", "guess", "weights")
        arrays = {name: getattr(found, name) for name in names}
        _write_arrays(folder / CALIBRATION, arrays)
        said["calibration"] = {"source": found.source}
    if (known := model.known) is not None:
        _write_arrays(folder / KNOWN, known.to_arrays())
        said["known"] = {"ids": list(known.ids), "limit": known.limit}
    return said


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    write_atomically(path, arrays_to_bytes({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def _read_calibration(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if said := config.get("calibration"):
        arrays = load_arrays(folder / CALIBRATION)
        if arrays["weights"].ndim == 1:  # of folders that had one weight for all targets of a row
            arrays["weights"] = np.repeat(arrays["weights"][:, None], arrays["truth"].shape[1], 1)
        found["calibration"] = Calibration(**arrays, **said)
    if said := config.get("known"):
        arrays = load_arrays(folder / KNOWN)
        found["known"] = KnownRows.from_arrays(said["ids"], said["limit"], arrays)
    return found


def read_model(folder: Path, *, modules: bool = False) -> dict[str, Any]:
    """Return what ``FinishedModel.load`` makes a model of, by the names of its fields.

    Raises:
        UserError: there is no model, or it is damaged, changed, or of a later nearfar.
    """
    config = read_config(folder)
    try:
        return _read(folder, config, modules=modules)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, AssertionError) as error:
        raise UserError(f"{_damaged(folder / CONFIG)} ({first_line(error)})") from error


def _damaged(path: Path) -> str:
    return f"{path}: is damaged, or no model of nearfar: copy the folder again"


def _read(folder: Path, config: Mapping[str, Any], *, modules: bool) -> dict[str, Any]:
    verify(folder, config["files"])
    for path in folder.iterdir():  # files of weights that a head reads, put there by the user
        if path.suffix.lower() in ENDINGS and path.name not in config["files"]:
            known_file(path)
    if config["modules"]:
        _use_modules(folder, config["modules"], allowed=modules)
    schema = InputSchema.from_plain(config["inputs"])
    like = schema.like()
    return {
        **{key: config[key] for key in _KEPT},
        "schema": schema,
        "targets": tuple(config["targets"]),
        "classes": tuple(config["classes"]),
        CLASS_TEXTS: bool(config.get(CLASS_TEXTS, False)),
        **_read_calibration(folder, config),
        "members": [_member(folder, plain, like) for plain in config["members"]],
    }


def _use_modules(folder: Path, names: Sequence[str], *, allowed: bool) -> None:
    if not allowed:
        raise UserError(
            f"{folder}: has parts of modules, which are code ({', '.join(names)}): load it with "
            "modules=True, predict with --modules"
        )
    use_modules(names, folder)


def _member(folder: Path, plain: Mapping[str, Any], like: Any) -> Member:
    place = folder / plain["folder"]
    spec = from_plain(plain["fit"])
    assert isinstance(spec, FitSpec | SolveSpec)
    encoder = None if plain["encoder"] is None else Named.from_plain(plain["encoder"])
    preparation: Preparation | None = None
    if (place / COLUMNS).exists():
        preparation = read_preparation(place)
    fitted = Fitted.fresh(spec, encoder, plain["outcome"], preparation, like, plain["seed"])
    fitted.load_weights(tensors_of((place / "model.safetensors").read_bytes()))
    return Member(plain["seed"], plain["stage"], fitted)


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model, by its config.json."""
    return (folder / CONFIG).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json of a model's folder.

    Raises:
        UserError: there is none, it is damaged, or made by a later nearfar.
    """
    path = folder / CONFIG
    if not path.is_file():
        run = (folder / "study.yaml").is_file()
        hint = f"; it is a run: nearfar.load_run({str(folder)!r}).model() gives its winner" * run
        if not folder.exists():
            raise UserError(
                f"{folder}: no such folder; a model on the hub is read by "
                "nearfar.Estimator.from_pretrained('owner/name')"
            )
        raise UserError(f"{folder}: is no folder of a model: it has no {CONFIG}{hint}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        version = config["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(_damaged(path)) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if "estimator" in config:
        raise UserError(
            f"{folder}: holds a saved estimator: nearfar.sklearn.load({str(folder)!r}) reads it"
        )
    if version != FORMAT:
        raise UserError(
            f"{folder}: was made by nearfar {config.get('nearfar')}, in format {version}; this is "
            f"nearfar {__version__}, which reads format {FORMAT}: install the one that made it"
        )
    if SEAL in config and config[SEAL] != _sealed(config):
        raise UserError(
            f"{path}: is not as nearfar wrote it (another SHA-256): it is damaged or was changed; "
            "copy the folder again"
        )
    return dict(config)


def digests(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of every file in a folder but config.json, by its path there."""
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / CONFIG
    }


def verify(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare the files of a model with what its config.json says of them.

    Raises:
        UserError: one is missing or is another.
    """
    for name, said in files.items():
        path = folder / name
        if not is_file(path):
            raise UserError(f"{folder}: {name} is missing: copy the whole folder again")
        if _digest(path) != dict(said):
            raise UserError(
                f"{path}: is not the file that {CONFIG} describes (another SHA-256): it is damaged "
                "or was changed; copy the folder again"
            )


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }
