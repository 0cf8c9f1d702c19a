"""A finished model handed on: a folder that is written beside its place and renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nearfar.errors import UserError
from nearfar.models.finished import FinishedModel
from nearfar.models.folder import CONFIG, digests, is_model, read_config, write_config
from nearfar.records.files import write_atomically
from nearfar.records.outputs import refuse_within_own
from nearfar.records.places import expanded, folder_to_write

CARD, ONNX = "README.md", "model.onnx"
_NAMED = 3


def check_folder(folder: Path, *, force: bool) -> Path:
    """Return the folder to write a model to; refuse where something would be lost.

    Raises:
        UserError: the folder is a file, or holds something (with ``force`` a model may go, but no
            file of the user's own and no edited card), or cannot be written.
    """
    folder = expanded(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"-o {folder}: is there already and no folder; name a new folder")
    refuse_within_own(folder, "-o")
    if not folder.exists() or not any(folder.iterdir()):
        return folder_to_write(folder, "-o")
    if not is_model(folder):
        raise UserError(f"-o {folder}: holds what is no model of nearfar; name a new folder")
    if not force:
        raise UserError(f"-o {folder}: is there already; --force puts the new model in its place")
    _refuse_own_files(folder)
    return folder_to_write(folder, "-o")


def _refuse_own_files(folder: Path) -> None:
    """Refuse a model's folder with files that nearfar did not write, or a card that was edited.

    Raises:
        UserError: names them; or config.json is damaged, so that it cannot be told.
    """
    config = read_config(folder)
    there = digests(folder)
    own = [name for name in there if name not in config["files"] and name != CARD]
    if own:
        more = f" and {len(own) - _NAMED} more" if len(own) > _NAMED else ""
        raise UserError(
            f"-o {folder}: holds files that are not the model's ({', '.join(own[:_NAMED])}{more}), "
            "which --force would remove: move them away, or name a new folder"
        )
    if CARD in there and there[CARD] != config.get("card"):
        raise UserError(
            f"-o {folder}: its card, {CARD}, was edited, and --force would replace it: move it "
            "away, or name a new folder"
        )


def onnx_of(model: FinishedModel) -> tuple[bytes, dict[str, Any]]:
    """Return a model as an ONNX file, and what config.json says of it; nothing is written.

    Raises:
        UserError: a package is missing, the arm does not export, or its file differs from it.
    """
    from nearfar.models.onnx.convert import convert, require

    require()
    from nearfar.models.onnx.check import checked
    from nearfar.models.onnx.graph import Graph
    from nearfar.models.onnx.rows import made_rows

    graph = Graph(model)
    data = convert(graph, graph.feed(made_rows(model, 3)))
    told = {
        "file": ONNX,
        "inputs": [one.to_plain() for one in graph.inputs],
        "outputs": graph.outputs,
        "targets": list(model.targets),
        "classes": list(model.classes),
        "unit": model.unit,
        "checked": checked(data, graph),
    }
    return data, told


def export_folder(
    model: FinishedModel,
    folder: Path,
    card: Callable[[Mapping[str, Any]], str],
    *,
    onnx: bool = False,
    force: bool = False,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a model to a folder of its own, with its card; the folder appears whole or not at all.

    Args:
        model: the finished model.
        folder: where it is to be; a model that is there goes with ``force`` alone.
        card: makes README.md of what config.json says about ``model.onnx``, empty without one.
        onnx: whether to add ``model.onnx``.
        force: whether the model may take the place of another.
        told: further entries of config.json.

    Returns:
        What config.json says about ``model.onnx``, empty without one.

    Raises:
        UserError: the folder may not be written, or the model does not export to ONNX.
    """
    folder = check_folder(folder, force=force)
    data, about = onnx_of(model) if onnx else (b"", {})
    beside = _beside(folder, "new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        model.save(beside)
        if onnx:
            write_atomically(beside / ONNX, data)
        write_atomically(beside / CARD, card(about))
        _complete(beside, {**(told or {}), **({"onnx": about} if onnx else {})})
        _put(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return about


def _beside(folder: Path, mark: str) -> Path:
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - symbolic links stay as they are
    return whole.with_name(f".{whole.name}.{os.getpid()}.{mark}")


def _complete(folder: Path, told: Mapping[str, Any]) -> None:
    """Add entries to config.json, and the digests of all files; the card, which may be edited,
    has its own apart, as it was written.
    """
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    files = digests(folder)
    card = files.pop(CARD)
    write_config(folder, {**config, **told, "files": files, "card": card})


def _put(beside: Path, folder: Path) -> None:
    """Rename a finished folder to its place; what was there goes once the new one stands."""
    old = _beside(folder, "old")
    there = folder.exists()
    if there:
        folder.rename(old)
    try:
        beside.rename(folder)
    except OSError:
        if there:
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
