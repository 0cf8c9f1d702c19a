"""Trainings in rounds: a study that stops where it is decided says after how many it did."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from nearfar.errors import UserError, shown

SIZE = 5
"""Trainings of an arm in a round."""

MOST = 30
"""Trainings of an arm after which nothing is added."""

KEY = "rounds"

NUMBERS_OF_TRAININGS = frozenset({KEY, "axes", "axes.seed", "split.repeats"})
"""Keys of a study that say how many trainings an arm has."""


def with_rounds(text: Mapping[str, Any]) -> dict[str, Any]:
    """Return the study with the seeds that its rounds can need, where it says no number of them."""
    axes = text.get("axes", {})
    if text.get(KEY) is None or not isinstance(axes, dict) or "seed" in axes:
        return dict(text)
    return {**text, "axes": {**axes, "seed": {"role": "repeat", "values": MOST}}}


def rounds_mistakes(text: Mapping[str, Any]) -> list[str]:
    """Return a line if a study in rounds has another number of seeds than rounds can need."""
    axes = text.get("axes", {})
    if (
        text.get(KEY) is None
        or not isinstance(axes, dict)
        or not isinstance(axes.get("seed"), dict)
    ):
        return []
    values = axes["seed"].get("values")
    if values in (MOST, list(range(MOST))):
        return []
    return [
        f"rounds: go up to {MOST} trainings, and axes.seed says {shown(values)}: give it {MOST}"
    ]


def joined_rounds(before: Mapping[str, Any], asked: Mapping[str, Any]) -> int | None:
    """Return the rounds of a run that is asked for again; None where it has none."""
    given = [study[KEY] for study in (before, asked) if study.get(KEY) is not None]
    return max(given, default=None)


def seconds_of(budget: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``2h`` or ``1h30m``.

    Raises:
        UserError: it is none of these, or no time at all.
    """
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", budget.strip())
    if not parts or not any(parts.groups()):
        raise UserError(f"--budget {budget}: needs a time such as 90s, 30m, 2h or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise UserError(f"--budget {budget}: needs more than no time")
    return float(total)


def asked_rounds(
    until: str | None,
    budget: str | None,
    seeds: int | None,
    settings: Iterable[str] = (),
    only_seeds: Collection[int] = (),
) -> tuple[bool, float | None]:
    """Return whether rounds were asked for on the command line, and their budget in seconds.

    Raises:
        UserError: something else than ``decided``, or options that do not go together.
    """
    if only_seeds and seeds is not None:
        raise UserError("--seed and --seeds: give one of the two")
    if until is None:
        if budget is not None:
            raise UserError("--budget goes with --until decided: it bounds the rounds")
        return False, None
    if until != "decided":
        raise UserError(f"--until: unknown value {shown(until)}; allowed: decided")
    if seeds is not None or only_seeds:
        given = "--seed" if only_seeds else "--seeds"
        raise UserError(f"--until decided finds the number of seeds itself: leave out {given}")
    for key in (setting.partition("=")[0] for setting in settings):
        if key in NUMBERS_OF_TRAININGS or key.startswith("axes.seed."):
            raise UserError(
                f"--until decided finds the number of trainings itself: leave out --set {key}"
            )
    return True, None if budget is None else seconds_of(budget)
