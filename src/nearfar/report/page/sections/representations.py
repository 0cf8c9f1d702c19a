"""Measures of representations, arms side by side, with what each says in plain words."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nearfar.metrics import MEASURES
from nearfar.report.load import Run, arm_label
from nearfar.report.page.html import _cell, _grouped, _head, _row_head, _scroll
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.wording import finite, mean_std, metric_name, number


def measures_of(arm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The arm's entries of ``summary.json`` that are measures, by name, in the page's order."""
    entries = {e["metric"]: e for e in arm.get("metrics") or [] if e["split"] == "test"}
    return {name: entries[name] for name in MEASURES if name in entries}


def measured(run: Run) -> list[str]:
    """The measures that at least two arms have; empty where there is nothing to set side by side.

    Runs of before have none, nor have arms whose head sees no features.
    """
    found = [measures_of(arm) for arm in run.arms]
    return [name for name in MEASURES if sum(name in arm for arm in found) > 1]


def best_means(run: Run, name: str) -> set[str]:
    """The labels of the arms with the best mean of their target and condition.

    More than one where the best are written alike; none where only one arm has a mean, nor for a
    measure without a direction.
    """
    places: dict[tuple[str, str], dict[str, float]] = {}
    for arm in run.arms:
        mean = finite(measures_of(arm).get(name, {}).get("mean"))
        if mean is not None:
            place = run.target_of(arm), str(arm.get("condition", ""))
            places.setdefault(place, {})[arm_label(arm)] = mean
    choose = {"higher": max, "lower": min}.get(MEASURES[name].better or "")
    found: set[str] = set()
    for means in places.values():
        if choose and len(means) > 1:
            best = number(choose(means.values()))
            found |= {label for label, mean in means.items() if number(mean) == best}
    return found


def seed_values(arm: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Every measure of an arm by seed, for the plot."""
    return {
        name: {seed: finite(value) for seed, value in (entry.get("values") or {}).items()}
        for name, entry in measures_of(arm).items()
    }


def explained(run: Run, names: Sequence[str]) -> str:
    """One line for each measure, in words for numbers or for classes."""
    of_classes = any(run.classes_of(arm) for arm in run.arms)
    lines = ""
    for name in names:
        words = MEASURES[name].of_classes if of_classes else MEASURES[name].of_numbers
        lines += f"<dt>{escape(metric_name(name))}</dt><dd>{escape(words)}</dd>"
    return f'<dl class="words">{lines}</dl>'


def representations_section(run: Run) -> str:
    """Arms in rows, measures of their features in columns; empty unless two arms have some."""
    names = measured(run)
    if not names:
        return ""
    best = {name: best_means(run, name) for name in names}
    columns = [("arm", "", "")]
    for name in names:
        better = MEASURES[name].better
        units = {str(measures_of(arm).get(name, {}).get("unit") or "") for arm in run.arms}
        notes = ["z-scored"] * ("z" in units) + [f"{better} is better"] * bool(better)
        columns.append((metric_name(name), ", ".join(notes), "n"))

    def row(run: Run, arm: dict[str, Any]) -> str:
        entries, cells = measures_of(arm), ""
        for name in names:
            won = arm_label(arm) in best[name]
            mark = "✓ " if won else ""
            cells += _cell(f"{mark}{mean_std(entries.get(name))}", kind="n won" if won else "n")
        status = str(arm.get("status", "done"))
        return _row_head(arm, "" if status == "done" else status) + cells

    table = _scroll(_head(columns), _grouped(run, len(columns), row, measures_of))
    under = f" under {run.place}" if run.place else ""
    return (
        f'<p class="about">How encoders arrange test rows{escape(under)}, measured on the features '
        "at the end of training: mean ± deviation over the seeds; ✓ marks the best mean. They may "
        "say why an arm is better; nothing is chosen by them and nothing tested.</p>"
        f'{table}{explained(run, names)}<div class="controls" id="representations-controls"></div>'
        '<div id="representations-plots"></div>'
    )


def _body(page: PageContext) -> str:
    return representations_section(page.run)


def _data(page: PageContext) -> dict[str, Any]:
    """``better``: which way each measure is better; ``values``: those of each arm, by seed."""
    return {
        "better": {name: MEASURES[name].better for name in measured(page.run)},
        "values": [seed_values(arm) for arm in page.run.arms],
    }


REPRESENTATIONS = Section(
    "representations",
    "Representations",
    "Representations",
    _body,
    _data,
    ASSETS / "representations.js",
)
