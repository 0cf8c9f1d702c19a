"""Which rows each training of a run learnt from, chose on and tested: read from its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nearfar.errors import UserError
from nearfar.records.run import RunFolder
from nearfar.records.samples import read_names, read_rows
from nearfar.records.stage_files import read_parts

TRAIN, LEFT_OUT = "train", "left out"


def read_splits(path: Path) -> dict[str, list[str] | list[int]]:
    """Return columns ``id``, ``seed`` and ``part``: a line for every row and finished training.

    Where rows have names, such as the files of a folder of images, a column ``name`` stands second.
    Parts are train, validation, test, and ``left out`` for rows that no condition and no target of
    the study lets a training see.

    Raises:
        UserError: no run folder, its table of stages is damaged, or no training is finished.
    """
    folder = RunFolder.open(path)
    ids, _ = read_rows(path)
    named = read_names(path)
    arms = folder.read_json("plan.json").get("arms", {})
    by_seed: dict[int, dict[tuple[str, str | None], str]] = {}
    for stage in folder.stage_rows():
        if stage.stage == "fit" and stage.status == "done":
            # A target that joins classes leaves out the rows of all others.
            place = stage.condition, arms.get(stage.arm, {}).get("own_target")
            by_seed.setdefault(stage.seed, {}).setdefault(place, stage.hash)
    rows: list[str] = []
    seeds: list[int] = []
    parts: list[str] = []
    for seed, hashes in sorted(by_seed.items()):
        found = _parts(folder, dict.fromkeys(hashes.values()), ids)
        rows += found
        seeds += [seed] * len(found)
        parts += found.values()
    if not rows:
        raise UserError(f"{path}: no training of this run is finished, so no split is known")
    names = {"name": [named[row] for row in rows]} if any(named.values()) else {}
    return {"id": rows, **names, "seed": seeds, "part": parts}


def _parts(folder: RunFolder, hashes: Iterable[str], ids: Iterable[str]) -> dict[str, str]:
    """Return the part of every row in one training, by id, as several of its stages say."""
    known: dict[str, str] = {}
    for stage_hash in hashes:
        known |= read_parts(folder.store.folder(stage_hash))
    rest = part_of_others(known)
    return {name: known.get(name, rest) for name in ids or known} if known else {}


def part_of_others(known: Mapping[str, str]) -> str:
    """Return the part of rows that predictions do not name, where these have the parts ``known``.

    Of many training rows no predictions are kept; else what is not named was left out.
    """
    return LEFT_OUT if TRAIN in known.values() else TRAIN
