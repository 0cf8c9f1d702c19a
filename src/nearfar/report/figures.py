"""Everything that the page's plots need, as one JSON value."""

from collections.abc import Sequence
from typing import Any

from nearfar.report.curves import fit_curves, pretrain_curves
from nearfar.report.embedding import embed_all, features_key, read_features, turned
from nearfar.report.load import Run, arm_label, comparison_of, metric_of, own_unit
from nearfar.report.rows import (
    ArmPredictions,
    Shown,
    choose_rows,
    compact,
    draw_rows,
    example_rows,
    prediction_columns,
)
from nearfar.report.wording import HIGHER_IS_BETTER, finite, metric_name

COLOURS = 8
GRID = 1000
"""Embeddings are rounded to this many steps a side."""


def styles(run: Run) -> list[dict[str, Any]]:
    """How each arm is drawn: a colour (``b`` baseline, ``g`` control) and a repeat of it.

    Repeats are told apart by line and marker.
    """
    used: dict[str, int] = {}
    found = []
    for arm in run.arms:
        if arm["arm"] == run.summary.get("baseline") and not used.get("b"):
            colour, repeat = "b", 0
        elif arm.get("group") == "control":
            colour, repeat = "g", used.get("g", 0)
        else:
            place = used.get("colour", 0)
            colour, repeat = str(place % COLOURS), place // COLOURS
            used["colour"] = place + 1
        used[colour] = repeat + 1
        found.append({"colour": colour, "repeat": repeat})
    return found


def _arms(run: Run) -> list[dict[str, Any]]:
    summary = run.summary
    scaled = summary.get("unit") == "z"
    found = []
    for arm, style in zip(run.arms, styles(run), strict=True):
        entry = metric_of(arm, "test", summary["metric"], scaled=scaled) or {}
        budget = arm.get("budget") or {}
        comparison = comparison_of(run, arm) or {}
        found.append(
            {
                "label": arm_label(arm),
                "group": arm.get("group", ""),
                "status": arm.get("status", ""),
                **style,
                **{key: finite(entry.get(key)) for key in ("mean", "low", "high")},
                "values": {s: finite(v) for s, v in (entry.get("values") or {}).items()},
                "seconds": finite(budget.get("seconds")),
                "against": comparison.get("against"),
                "verdict": comparison.get("verdict"),
                "difference": [finite(comparison.get(k)) for k in ("difference", "low", "high")],
            }
        )
    return found


def _embeddings(run: Run, shown: Shown, seeds: Sequence[int]) -> dict[str, Any]:
    """Maps ``[x, y]`` on a grid, and for every arm ``[map, seed]`` or in words why there is none.

    The map's rows are the shown rows, whatever part they belong to.
    """
    arrays, chosen = {}, []
    for arm in run.arms:
        outcome: Any = "did not finish"
        for seed in seeds:
            chain = run.chain(arm, seed)
            if not chain:
                continue
            read = read_features(run.stage_folder(chain[-1]["hash"]), shown.index, shown.total)
            if not isinstance(read, str):
                key = features_key(read)
                arrays[key] = read
                outcome = [key, seed]
                break
            outcome = read
        chosen.append(outcome)
    maps = embed_all(run.folder, arrays)
    order = list(maps)
    grids = []
    for key in order:
        points = turned(maps[key], shown.truth)
        low = points.min(axis=0)
        span = float((points.max(axis=0) - low).max()) or 1.0
        grid = ((points - low) / span * GRID).round().astype(int)
        grids.append([grid[:, 0].tolist(), grid[:, 1].tolist()])
    arms = [item if isinstance(item, str) else [order.index(item[0]), item[1]] for item in chosen]
    return {"maps": grids, "arms": arms}


def payload(run: Run, predicted: Sequence[ArmPredictions]) -> dict[str, Any]:
    """Read what else the stages hold and reduce it to the page's data."""
    summary = run.summary
    seeds = [int(seed) for seed in summary.get("seeds", [])]
    shown = choose_rows(run, predicted)
    drawings, drawing_of = draw_rows(run, shown)
    metric = str(summary["metric"])
    return {
        "metric": metric_name(metric),
        "metricKey": metric,
        "higherIsBetter": metric in HIGHER_IS_BETTER,
        "unit": summary.get("unit", ""),
        "ownUnit": "" if own_unit(run) == "target" else own_unit(run),
        "target": str(summary.get("target", "")).replace("_", " "),
        "baseline": summary.get("baseline", ""),
        "kind": summary.get("kind", ""),
        "classes": summary.get("classes") or [],
        "seeds": seeds,
        "arms": _arms(run),
        "rows": {
            "id": shown.ids,
            "name": shown.names,
            "truth": [compact(value) for value in shown.truth],
            "drawing": drawing_of,
            "total": shown.total,
        },
        "drawings": drawings,
        "examples": example_rows(shown),
        "predictions": prediction_columns(shown, predicted, seeds),
        "embeddings": _embeddings(run, shown, seeds),
        "curves": {"fit": fit_curves(run), "pretrain": pretrain_curves(run)},
    }
