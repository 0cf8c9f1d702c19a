"""Which rows each training of a run learnt from, chose on and tested: read from its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nearfar.errors import UserError
from nearfar.records.run import RunFolder
from nearfar.records.samples import read_rows
from nearfar.records.stage_files import read_parts

TRAIN, LEFT_OUT = "train", "left out"


def read_splits(path: Path) -> dict[str, list[str] | list[int]]:
    """Return columns ``id``, ``seed`` and ``part``: a line for every row and finished training.

    Parts are train, validation, test, and ``left out`` for rows that no condition and no target of
    the study lets a training see.

    Raises:
        UserError: no run folder, its table of stages is damaged, or no training is finished.
    """
    folder = RunFolder.open(path)
    ids, _ = read_rows(path)
    arms = folder.read_json("plan.json").get("arms", {})
    by_seed: dict[int, dict[tuple[str, str | None], str]] = {}
    for row in folder.stage_rows():
        if row.stage == "fit" and row.status == "done":
            # A target that joins classes leaves out the rows of all others.
            place = row.condition, arms.get(row.arm, {}).get("own_target")
            by_seed.setdefault(row.seed, {}).setdefault(place, row.hash)
    names: list[str] = []
    seeds: list[int] = []
    parts: list[str] = []
    for seed, hashes in sorted(by_seed.items()):
        found = _parts(folder, dict.fromkeys(hashes.values()), ids)
        names += found
        seeds += [seed] * len(found)
        parts += found.values()
    if not names:
        raise UserError(f"{path}: no training of this run is finished, so no split is known")
    return {"id": names, "seed": seeds, "part": parts}


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
