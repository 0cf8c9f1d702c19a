"""The maps of features on the page: one an arm, and those of checkpoints side by side."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from nearfar.plain_yaml import from_yaml
from nearfar.records.maps import features_name, kept_places
from nearfar.report.load import Run
from nearfar.report.page.embedding import (
    Array,
    embed_all,
    features_key,
    laid_over,
    read_features,
    turned,
)
from nearfar.report.page.rows import Shown

GRID = 1000
"""Maps are rounded to this many steps a side."""


def feature_maps(run: Run, shown: Shown, seeds: Sequence[int]) -> dict[str, Any]:
    """Maps ``[x, y]`` on a grid and who they are of; rows are the shown rows.

    ``arms`` holds for every arm ``[map, seed]`` or in words why there is none; ``training`` for
    every stage with kept checkpoints ``{stage, seed, arms, unit, at: [[k, map], …]}`` in the order
    of k, its end last.
    """
    arrays: dict[str, Array] = {}
    arms = [_of_arm(run, arm, shown, seeds, arrays) for arm in run.arms]
    training = _while_training(run, shown, seeds, arrays)
    maps = embed_all(run.folder, arrays)
    for key in maps:
        maps[key] = turned(maps[key], shown.truth)
    for stage in training:
        keys = [key for _, key in stage["at"]]
        for earlier, later in reversed(list(pairwise(keys))):
            maps[earlier] = laid_over(maps[earlier], maps[later])
    order = list(maps)
    for stage in training:
        stage["at"] = [[place, order.index(key)] for place, key in stage["at"]]
    return {
        "maps": [_grid(maps[key]) for key in order],
        "arms": [a if isinstance(a, str) else [order.index(a[0]), a[1]] for a in arms],
        "training": training,
    }


def _grid(points: Array) -> list[list[int]]:
    low = points.min(axis=0)
    span = float((points.max(axis=0) - low).max()) or 1.0
    grid = ((points - low) / span * GRID).round().astype(int)
    return [grid[:, 0].tolist(), grid[:, 1].tolist()]


def _of_arm(
    run: Run, arm: dict[str, Any], shown: Shown, seeds: Sequence[int], arrays: dict[str, Array]
) -> str | tuple[str, int]:
    """The key of the arm's map and its seed, the first that has one; or why there is none."""
    outcome = "did not finish"
    for seed in seeds:
        chain = run.trained(arm, seed)
        if not chain:
            continue
        read = read_features(run.stage_folder(chain[-1]["hash"]), shown.index, shown.total)
        if not isinstance(read, str):
            key = features_key(read)
            arrays[key] = read
            return key, seed
        outcome = read
    return outcome


def _while_training(
    run: Run, shown: Shown, seeds: Sequence[int], arrays: dict[str, Array]
) -> list[dict[str, Any]]:
    """Every stage that kept checkpoints, of the first seed that has them."""
    found: dict[str, dict[str, Any]] = {}
    for position, arm in enumerate(run.arms):
        for seed in seeds:
            kept = [
                (link, places)
                for link in run.chain(arm, seed)
                if (places := kept_places(run.stage_folder(link["hash"])))
            ]
            for link, places in kept:
                entry = found.setdefault(
                    link["hash"],
                    {"stage": link["stage"].partition(":")[2] or link["stage"], "seed": seed}
                    | {"arms": [], "places": places},
                )
                entry["arms"].append(position)
            if kept:
                break
    stages = []
    for digest, entry in found.items():
        places = entry.pop("places")
        unit, end = _length(run.stage_folder(digest))
        names = [(place, features_name(place)) for place in places if place != end]
        entry |= {"unit": unit, "at": []}
        for place, name in [*names, (end, features_name())]:
            read = read_features(run.stage_folder(digest), shown.index, shown.total, name)
            if not isinstance(read, str):
                key = features_key(read)
                arrays[key] = read
                entry["at"].append([place, key])
        if len(entry["at"]) > 1:
            stages.append(entry)
    return stages


def _length(folder: Path) -> tuple[str, int | None]:
    """What a stage's training is counted in, and how long it was."""
    path = folder / "stage.yaml"
    stage = from_yaml(path.read_text(encoding="utf-8")) if path.is_file() else {}
    recipe = (stage.get("spec") or {}).get("recipe") or {}
    if recipe.get("iterations"):
        return "iteration", int(recipe["iterations"])
    epochs = recipe.get("epochs")
    return "epoch", None if epochs is None else int(epochs)
