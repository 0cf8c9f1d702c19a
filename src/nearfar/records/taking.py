"""Stages and features of another store: verified without unpickling, then copied."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nearfar.records.features import FeatureStore
from nearfar.records.files import write_atomically
from nearfar.records.stage_files import PREDICTIONS
from nearfar.records.stages import StageStore

MODEL = "model.safetensors"
_NEEDED = {
    "pretrain": (MODEL,),
    "solve": (MODEL,),
    "fit": (MODEL, PREDICTIONS),
    "score": (PREDICTIONS,),
}
"""Files without which a stage of a kind that is done is of no use."""


class Damaged(Exception):  # noqa: N818 - a state, not a mistake
    """A stage, or features, are not what their name says, or cannot be read."""


def verify_stage(
    store: StageStore, stage_hash: str, described: Callable[[str, StageStore], tuple[str, str]]
) -> None:
    """Read all files of a finished stage, and compare its specification's hash with its name.

    ``described`` returns the hash and the kind of a stage's specification.

    Raises:
        Damaged: with what is wrong.
    """
    folder = store.folder(stage_hash)
    try:
        found, kind = described(stage_hash, store)
        status = store.read(stage_hash)["outcome"]["status"]
        needed = _NEEDED.get(kind, ()) if status == "done" else ()
    except Exception as error:
        raise Damaged(f"stage.yaml cannot be read ({type(error).__name__})") from None
    if found != stage_hash:
        raise Damaged(f"its specification has the hash {found}")
    for name in needed:
        if not (folder / name).is_file():
            raise Damaged(f"{name} is not there")
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            raise Damaged(f"{path.name} is no plain file")
        _read(path)


def _read(path: Path) -> None:
    try:
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                widths = {len(row) for row in csv.reader(file, strict=True)}
            if len(widths) != 1:
                raise ValueError("rows of different lengths")
        elif path.suffix == ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)
        elif path.suffix == ".safetensors":
            _read_tensors(path)
        else:
            path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise Damaged(f"{path.name} cannot be read ({error})") from None


def _read_tensors(path: Path) -> None:
    """Read the header of a file of tensors, and see that it is as long as that says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("it is cut off")
        header = json.loads(file.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) != path.stat().st_size:
        raise ValueError("it is cut off")


def take_stage(ours: StageStore, theirs: StageStore, stage_hash: str) -> None:
    """Copy a stage that was verified, under the lock of ours.

    Raises:
        StageBusy: another process is at work on it, or has finished it.
    """
    with ours.working_on(stage_hash) as (partial,):
        for left in partial.iterdir():
            left.unlink()
        for path in theirs.folder(stage_hash).iterdir():
            if path.name != "done":
                shutil.copyfile(path, partial / path.name)


def same_stage(ours: StageStore, theirs: StageStore, stage_hash: str) -> bool:
    """Return whether two finished stages hold the same bytes, but for how long they took."""
    folders = [store.folder(stage_hash) for store in (ours, theirs)]
    timed = {"done", "stage.yaml"}
    names = [{path.name for path in folder.iterdir()} - timed for folder in folders]
    if names[0] != names[1]:
        return False
    outcomes = [{**store.read(stage_hash)["outcome"], "seconds": 0} for store in (ours, theirs)]
    return outcomes[0] == outcomes[1] and all(
        _digest(folders[0] / name) == _digest(folders[1] / name) for name in names[0]
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def take_features(ours: FeatureStore, theirs: FeatureStore) -> tuple[int, list[str]]:
    """Copy the features that are not here; return how many, and the names of damaged ones."""
    taken, damaged = 0, []
    for values in sorted(theirs.root.glob("*.npy")):
        name, made = values.stem, values.with_suffix(".json")
        if ours.has(name):
            continue
        try:
            key = json.loads(made.read_text(encoding="utf-8"))["key"]
            _read(values)
            sound = ours.name(key) == name
        except (OSError, ValueError, KeyError, TypeError, Damaged):
            sound = False
        if not sound:
            damaged.append(name)
            continue
        write_atomically(ours.root / made.name, made.read_bytes())
        write_atomically(ours.root / values.name, values.read_bytes())
        taken += 1
    return taken, damaged
