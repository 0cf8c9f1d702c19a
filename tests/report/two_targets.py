"""A finished run of one target, turned into one of two: the second is the first plus 100."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

SECOND = "melting_point"


def with_second_target(run: Path, folder: Path) -> Path:
    """Copy a run and its stages into ``folder``, give every row a second target, and return it."""
    shutil.copytree(run.parent, folder, dirs_exist_ok=True)
    for path in (folder / "stages").glob("*/predictions.csv"):
        _double(path)
    new = folder / run.name
    (new / "report.html").unlink(missing_ok=True)
    summary = json.loads((new / "summary.json").read_text(encoding="utf-8"))
    first = summary["target"]
    summary |= {"target": "all targets", "targets": [first, SECOND]}
    summary["recommended"] |= {"target": "all targets"}
    for arm in summary["arms"]:
        arm["target"] = "all targets"
        arm["metrics"] = [m for entry in arm["metrics"] for m in _thrice(entry, first)]
    summary["comparisons"] = [c for entry in summary["comparisons"] for c in _thrice(entry, first)]
    (new / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return new


def _double(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    moved = [
        {**row, "target": SECOND, **{k: float(row[k]) + 100 for k in ("truth", "prediction")}}
        for row in rows
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, *moved])


def _thrice(entry: dict[str, Any], first: str) -> list[dict[str, Any]]:
    """The entry for the mean over targets, for the first, and for the second with twice it all."""
    doubled = {
        key: 2 * entry[key]
        for key in ("mean", "std", "low", "high", "difference")
        if entry.get(key) is not None
    }
    alone = {"family": "each target"} if "family" in entry else {}
    mean = [{**entry, "target": "all targets"}] if entry["unit"] in {"z", ""} else []
    return [
        *mean,
        {**entry, "target": first, **alone},
        {**entry, "target": SECOND, **doubled, **alone},
    ]
