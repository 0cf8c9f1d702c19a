"""Stages and features of another store: verified without unpickling, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from nearfar.records.features import FeatureStore
from nearfar.records.files import write_atomically
from nearfar.records.seals import Damaged, check_readable, digest_of_file
from nearfar.records.stages import StageStore


def verify_stage(
    store: StageStore, stage_hash: str, described: Callable[[str, StageStore], tuple[str, str]]
) -> None:
    """Read all files of a finished stage, and compare its specification's hash with its name.

    ``described`` returns the hash and the kind of a stage's specification.

    Raises:
        Damaged: with what is wrong.
    """
    folder = store.folder(stage_hash)
    if wrong := store.damage(stage_hash, deep=True):
        raise Damaged(wrong)
    try:
        found, kind = described(stage_hash, store)
        status = str(store.read(stage_hash)["outcome"]["status"])
    except Exception as error:
        raise Damaged(f"stage.yaml cannot be read ({type(error).__name__})") from None
    if found != stage_hash:
        raise Damaged(f"its specification has the hash {found}")
    check_readable(folder, kind if status == "done" else "")


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
        digest_of_file(folders[0] / name) == digest_of_file(folders[1] / name) for name in names[0]
    )


def take_features(ours: FeatureStore, theirs: FeatureStore) -> tuple[int, list[str]]:
    """Copy the features that are not here; return how many, and the names of damaged ones."""
    taken, damaged = 0, []
    for values in sorted(theirs.root.glob("*.npy")):
        name, made = values.stem, values.with_suffix(".json")
        if ours.has(name):
            continue
        try:
            theirs.check(name)
            contents = made.read_bytes(), values.read_bytes()
        except (OSError, Damaged):
            damaged.append(name)
            continue
        write_atomically(ours.root / made.name, contents[0])
        write_atomically(ours.root / values.name, contents[1])
        taken += 1
    return taken, damaged
