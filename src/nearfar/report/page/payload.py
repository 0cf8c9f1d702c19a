"""What the scripts of several panels draw, as one JSON value; panels bring the rest."""

import base64
from typing import Any

from nearfar.metrics import labels
from nearfar.report.load import Run, arm_label, comparison_of, is_baseline, metric_of, own_unit
from nearfar.report.page.label_maps import label_maps
from nearfar.report.page.panel import PageContext
from nearfar.report.page.rows import Shown, compact, draw_rows, prediction_columns
from nearfar.report.wording import finite, higher_is_better, metric_name, verdict_name

COLOURS = 8


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
                "target": run.target_of(arm),
                "baseline": is_baseline(run, arm),
                **style,
                **{key: finite(entry.get(key)) for key in ("mean", "low", "high")},
                "values": {s: finite(v) for s, v in (entry.get("values") or {}).items()},
                "seconds": finite(budget.get("seconds")),
                "against": _rival(arm, comparison),
                "verdict": comparison.get("verdict"),
                "verdictName": verdict_name(str(comparison.get("verdict") or "")),
                "difference": [finite(comparison.get(k)) for k in ("difference", "low", "high")],
            }
        )
    return found


def _rival(arm: dict[str, Any], comparison: dict[str, Any]) -> str | None:
    """What the arm is compared with, labelled as the arm is."""
    rival = comparison.get("against")
    alone = {"label": rival} if "label" in arm else {}
    return arm_label({**comparison, "arm": rival, **alone}) if rival else None


def _thumbnails(run: Run, shown: Shown) -> dict[str, Any] | None:
    """The shown rows' pictures in base64, all of one type; None where rows are no images."""
    if not run.samples.thumbnails:
        return None
    files = [run.samples.thumbnails[row] for row in shown.index]
    first = next((file for file in files if file), b"")
    return {
        "type": "image/png" if first.startswith(b"\x89PNG") else "image/jpeg",
        "rows": [base64.b64encode(file).decode() if file else None for file in files],
    }


def _several(page: PageContext) -> list[dict[str, Any]]:
    """Where a row has several targets: what of the page's data is another's for each of them."""
    found = []
    for target, predicted, shown in page.by_target if page.run.several else []:
        unit = own_unit(page.run, target)
        found.append(
            {
                "target": target.replace("_", " "),
                "ownUnit": "" if unit == "target" else unit,
                "truth": [compact(value) for value in shown.truth],
                "predictions": prediction_columns(shown, predicted, page.seeds),
            }
        )
    return found


def payload(page: PageContext) -> dict[str, Any]:
    """Read what else the stages hold and reduce it to the page's data."""
    run, shown = page.run, page.shown
    summary = run.summary
    drawings, drawing_of = draw_rows(run, shown)
    metric = str(summary["metric"])
    return {
        "metric": metric_name(metric),
        "metricKey": metric,
        "metricNames": labels(),
        "higherIsBetter": higher_is_better(summary),
        "unit": summary.get("unit", ""),
        "ownUnit": "" if own_unit(run) == "target" else own_unit(run),
        "target": str(summary.get("target", "")).replace("_", " "),
        "baseline": summary.get("baseline", ""),
        "kind": summary.get("kind", ""),
        "labels": label_maps(run, page.predicted),
        "targets": run.targets,
        "several": _several(page),
        "seeds": page.seeds,
        "arms": _arms(run),
        "rows": {
            "id": shown.ids,
            "name": shown.names,
            "truth": [compact(value) for value in shown.truth],
            "drawing": drawing_of,
            "total": shown.total,
        },
        "drawings": drawings,
        "thumbnails": _thumbnails(run, shown),
        "predictions": prediction_columns(shown, page.predicted, page.seeds),
        "maps": page.feature_maps["maps"],
    }
