"""What was chosen on validation: every point that was tried, and what the winner then gave."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nearfar.metrics import METRICS
from nearfar.report.load import Run, metric_of
from nearfar.report.page.panel import ASSETS, PageContext, Section
from nearfar.report.page.sections.searches import picture_of, room_of, searched
from nearfar.report.wording import count, duration, finite, mean_std, metric_name, number

Choice = Mapping[str, Any]

_BESIDE = ("nll", "accuracy", "balanced_accuracy", "rmse", "mae")
"""Metrics of which the first two that were measured stand below the one that decides."""


def choices_section(run: Run) -> str:
    """A table of points for every choice; empty where nothing was chosen."""
    by_arm = _by_arm(run)
    if not by_arm:
        return ""
    html = "".join(_of_arm(run, k, *arm) for k, arm in enumerate(by_arm.items()))
    return (
        '<p class="about">Every point is judged on validation rows alone; ✓ marks the one that '
        "was then run with the full budget for all seeds. The metric that decides stands first."
        "</p>" + html
    )


def chosen_lines(run: Run) -> list[str]:
    """What was chosen for each arm, a line each, for the terminal."""
    lines = []
    for title, choices in _by_arm(run).items():
        if len(choices) == 1:
            lines.append(f"chosen for {title}: {_words(choices[0])}")
            continue
        tally = Counter(_pairs(choice["chosen"] or {}) for choice in choices)
        parts = [f"{pairs} ({n} of {len(choices)})" for pairs, n in tally.most_common()]
        lines.append(f"chosen for {title}, by seed: {'; '.join(parts)}")
    return lines


def _by_arm(run: Run) -> dict[str, list[Choice]]:
    found: dict[str, list[Choice]] = {}
    for choice in run.summary.get("choices") or []:
        condition = choice.get("condition")
        title = f"{choice['arm']} · {condition}" if condition else str(choice["arm"])
        found.setdefault(title, []).append(choice)
    return found


def _pairs(labels: Mapping[str, Any]) -> str:
    """``hidden=64, optimizer=adam``."""
    return ", ".join(f"{axis}={label}" for axis, label in labels.items()) or "nothing yet"


def _words(choice: Choice) -> str:
    """``hidden=64, optimizer=adam (validation accuracy 0.810)``, with a fallback said."""
    if not choice["chosen"]:
        return f"nothing yet ({choice.get('reason') or 'points are still to run'})"
    point = _point(choice, choice["chosen"]) or {}
    value = number((point.get("values") or {}).get(choice["metric"]))
    fallback = "; fallback: the first choice diverged" if choice.get("fallback") else ""
    name = metric_name(choice["metric"])
    return f"{_pairs(choice['chosen'])} (validation {name} {value}{fallback})"


def _point(choice: Choice, labels: Mapping[str, Any]) -> Mapping[str, Any] | None:
    points = choice.get("points") or []
    return next((point for point in points if point["labels"] == labels), None)


def _of_arm(run: Run, place: int, title: str, choices: Sequence[Choice]) -> str:
    html = f"<h3>{escape(title)}</h3>{_searched(choices[0])}{_pruned(choices)}"
    html += room_of(place, choices) if searched(choices) else ""
    for choice in choices:
        seeds = ", ".join(str(seed) for seed in choice.get("seeds") or [])
        table = _table(choice) + _fallback(choice)
        if len(choices) > 1:
            words = f"Seed {seeds}: {_words(choice)}"
            html += f"<details><summary>{escape(words)}</summary>{table}</details>"
        else:
            html += table
    return html + _cost(choices) + _winner(run, choices[0])


def _searched(choice: Choice) -> str:
    """What was searched, and how; empty of a grid, which is tried as a whole."""
    space: Mapping[str, Mapping[str, Any]] = choice.get("space") or {}
    if not space:
        return ""
    parts = [f"{axis} {_range(given)}" for axis, given in space.items()]
    text = (
        f"Searched: {'; '.join(parts)}. Optuna’s sampler (TPE) proposed each point in the light of "
        "those before it, seeded, and knew of validation rows alone."
    )
    return f'<p class="about">{escape(text)}</p>'


def _pruned(choices: Sequence[Choice]) -> str:
    """How many seeds each point had, and what giving points up early saved."""
    known = [choice["trainings"] for choice in choices if choice.get("trainings")]
    if not known:
        return ""
    seeds, prune = known[0]["seeds"], known[0]["prune"]
    text = f"Each point is the mean of {seeds:g} trainings within its split, the same seeds for all"
    if prune:
        points = [point for choice in choices for point in choice.get("points") or []]
        early = sum(point.get("status") == "pruned" for point in points)
        done, saved = (sum(int(one[key]) for one in known) for key in ("done", "saved"))
        text += (
            f". {count(early)} of {count(len(points))} points were given up early, worse than the "
            f"best so far by Wilcoxon’s signed-rank test over their seeds (p < {prune:g}): "
            f"{count(saved)} of {count(done + saved)} trainings were saved"
        )
    return f'<p class="about">{escape(text)}.</p>'


def _range(axis: Mapping[str, Any]) -> str:
    """``from 0.0001 to 0.1, in even ratios``; or the values."""
    if axis.get("from") is None:
        values = axis.get("values") or []
        return f"among {', '.join(map(str, values))}"
    how = ", in even ratios" if axis.get("log") else ""
    steps = f", in steps of {axis['step']}" if axis.get("step") is not None else ""
    return f"from {axis['from']} to {axis['to']}{how}{steps}"


def _cost(choices: Sequence[Choice]) -> str:
    epochs = sum(choice.get("epochs") or 0 for choice in choices)
    if not epochs:
        return ""
    seconds = duration(sum(choice.get("seconds") or 0.0 for choice in choices))
    text = f"The search took {count(epochs)} epochs, {seconds}, beside the arm’s own budget."
    return f'<p class="about">{escape(text)}</p>'


def _table(choice: Choice) -> str:
    """Two axes: rows and columns; one axis: a row; more, or a search: a list of points."""
    axes = list((choice.get("axes") or {}).items())
    if len(axes) > 2 or not axes or choice.get("space"):
        return _list(choice)
    (down, rows), (across, columns) = axes if len(axes) == 2 else [("", [None]), axes[0]]
    head = "".join(f'<th class="n" scope="col">{escape(str(label))}</th>' for label in columns)
    corner = f"{escape(down)} \\ {escape(across)}" if down else escape(across)
    body = ""
    for row in rows:
        first = "validation" if row is None else str(row)
        cells = ""
        for column in columns:
            labels = {across: column} if row is None else {down: row, across: column}
            cells += _cell(choice, _point(choice, labels))
        body += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    return _scroll(f"<th>{corner}</th>{head}", body)


def _list(choice: Choice) -> str:
    points = _in_order(choice)
    body = "".join(
        f'<tr><th scope="row">{escape(_pairs(point["labels"]))}</th>{_cell(choice, point)}</tr>'
        for point in points
    )
    return _scroll('<th>point</th><th class="n">validation</th>', body)


def _in_order(choice: Choice) -> list[Mapping[str, Any]]:
    """The points of a grid as it runs through them, those of a search best first."""
    points = list(choice.get("points") or [])
    if not choice.get("space"):
        return points
    metric = choice["metric"]
    sign = 1.0 if METRICS[metric].better == "lower" else -1.0
    values = [finite((point.get("values") or {}).get(metric)) for point in points]
    places = sorted(
        range(len(points)), key=lambda k: (values[k] is None, sign * (values[k] or 0.0), k)
    )
    return [points[k] for k in places]


def _scroll(head: str, body: str) -> str:
    return (
        '<div class="scroll chosen" tabindex="0"><table class="chosen">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(choice: Choice, point: Mapping[str, Any] | None) -> str:
    if point is None:
        return '<td class="n">–</td>'
    metric, values = choice["metric"], point.get("values") or {}
    status = str(point.get("status") or "done")
    main = number(values.get(metric))
    if status == "done" and finite(values.get(metric)) is None:
        main = "no value"
    if status != "done":
        main = status if finite(values.get(metric)) is None else f"{main}, {status}"
    small = [
        f"{metric_name(name)} {number(values[name])}" for name in _beside(choice) if name in values
    ]
    if point.get("epochs"):
        small.append(f"{count(point['epochs'])} epochs")
    won = bool(choice["chosen"]) and point["labels"] == choice["chosen"]
    below = "".join(f"<small>{escape(line)}</small>" for line in small)
    kind = "n won" if won else "n"
    return f'<td class="{kind}">{"✓ " if won else ""}{escape(main)}{below}</td>'


def _beside(choice: Choice) -> list[str]:
    known = {name for point in choice.get("points") or [] for name in point.get("values") or {}}
    return [name for name in _BESIDE if name in known and name != choice["metric"]][:2]


def _fallback(choice: Choice) -> str:
    reason = str(choice.get("reason") or "")
    if not choice.get("fallback"):
        return f'<p class="about">{escape(reason)}</p>' if reason else ""
    text = (
        f"Fallback: the first choice diverged with the full budget, so the runner-up ran. {reason}"
    )
    return f'<p class="note">{escape(text.strip())}</p>'


def _winner(run: Run, choice: Choice) -> str:
    """Mean and deviation of the arm that was then run, by metric and part."""
    key = (choice["arm"], choice.get("condition") or "")
    arm = next((a for a in run.arms if (a["arm"], a.get("condition") or "") == key), None)
    if arm is None:
        return ""
    parts = []
    for name in [choice["metric"], *_beside(choice)]:
        found = []
        for split in ("validation", "test"):
            entry = metric_of(arm, split, name, scaled=run.summary.get("unit") == "z")
            entry = entry or metric_of(arm, split, name, scaled=False)
            found += [f"{mean_std(entry)} on {split}"] if entry is not None else []
        parts += [f"{metric_name(name)} {', '.join(found)}"] if found else []
    seeds = f"{arm.get('done', 0)} seed{'' if arm.get('done') == 1 else 's'}"
    if not parts:
        return ""
    text = f"Then, over {seeds}: {'; '.join(parts)}."
    return f'<p class="winner">{escape(text)}</p>'


def _body(page: PageContext) -> str:
    return choices_section(page.run)


def _data(page: PageContext) -> list[dict[str, Any]]:
    return [
        {"room": k, **picture_of(title, choices)}
        for k, (title, choices) in enumerate(_by_arm(page.run).items())
        if searched(choices)
    ]


CHOICES = Section("chosen", "Chosen", "What was chosen", _body, _data, ASSETS / "choices.js")
