"""How many trainings a cross-validation makes: its repeats become the seeds of the repeat axis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from nearfar.data.options import FOLDS
from nearfar.study.mistakes import Mistakes
from nearfar.study.placeholders import fill, placeholders

SPLIT = "split"
_REPEATS = "repeats"


def with_trainings(text: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """Return the study with ``repeats`` of its folds said by the axis ``seed``, and so left out.

    Without such an axis one is made, with a seed for each training; with one, both must say the
    same number. What is not sound in itself stays as it is: others check that.
    """
    text, splits = dict(text), _splits(text)
    if not splits or any(split.get("kind") != "folds" for split in splits):
        return text
    folds, repeats = _given(splits, "folds"), _given(splits, _REPEATS)
    if not all(map(_is_count, [*folds, *repeats])):
        return text
    if len(set(repeats)) > 1:
        given = ", ".join(map(str, dict.fromkeys(repeats)))
        mistakes.add([f"split.repeats: is the same at every value of an axis (given: {given})"])
        return text
    axes = text.get("axes", {})
    if not isinstance(axes, dict):
        return text
    trainings = (folds[0] if folds else FOLDS) * (repeats[0] if repeats else 1)
    if "seed" not in axes:
        text["axes"] = {**axes, "seed": {"role": "repeat", "values": trainings}}
    elif repeats:
        mistakes.add(_conflicts(axes["seed"], trainings, repeats[0]))
    return _without_repeats(text)


def decided_above(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` without its number of trainings, where ``above`` says it the other way.

    What is laid over a study decides whether the axis ``seed`` or ``repeats`` counts.
    """
    axes, split = above.get("axes"), above.get(SPLIT)
    by_axis = isinstance(axes, dict) and "seed" in axes
    by_repeats = isinstance(split, dict) and split.get(_REPEATS) is not None
    if by_axis and not by_repeats:
        return _without_repeats(below)
    if by_repeats and not by_axis and isinstance(below.get("axes"), dict):
        return {**below, "axes": {k: axis for k, axis in below["axes"].items() if k != "seed"}}
    return below


def _splits(text: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the study says under ``split``, at all values of the axes that stand there."""
    axes = text.get("axes")
    axes = axes if isinstance(axes, dict) else {}
    split = text.get(SPLIT, f"${SPLIT}" if SPLIT in axes else None)
    named = sorted(placeholders(split) & set(axes))
    listed = [_values(axes[name]) for name in named]
    filled = (
        fill(split, dict(zip(named, values, strict=True))) for values in itertools.product(*listed)
    )
    return [found for found in filled if isinstance(found, Mapping)]


def _given(splits: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [split[key] for split in splits if split.get(key) is not None]


def _values(axis: Any) -> list[Any]:
    """Return the values of an axis; none of what is no list and no mapping."""
    values = axis.get("values") if isinstance(axis, dict) else None
    if isinstance(values, dict):
        return list(values.values())
    return list(values) if isinstance(values, list) else []


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _conflicts(axis: Any, trainings: int, repeats: int) -> list[str]:
    """Return a line if the repeat axis has another number of seeds."""
    values = axis.get("values") if isinstance(axis, dict) else None
    seeds = values if _is_count(values) else len(_values(axis))
    if not seeds or seeds == trainings:
        return []
    return [
        f"split.repeats: {repeats} means {trainings} trainings, and axes.seed has {seeds} seeds: "
        "leave out one of the two"
    ]


def _without_repeats(text: dict[str, Any]) -> dict[str, Any]:
    """Return the study without the key, be it under ``split`` or in the values of an axis."""
    if isinstance(text.get(SPLIT), dict):
        return {**text, SPLIT: _bare(text[SPLIT])}
    axes = text.get("axes")
    for name in placeholders(text.get(SPLIT, f"${SPLIT}")):
        axis = axes.get(name) if isinstance(axes, dict) else None
        if isinstance(axis, dict) and isinstance(axis.get("values"), dict):
            values = {label: _bare(value) for label, value in axis["values"].items()}
            text = {**text, "axes": {**text["axes"], name: {**axis, "values": values}}}
    return text


def _bare(split: Any) -> Any:
    if not isinstance(split, dict):
        return split
    return {key: value for key, value in split.items() if key != _REPEATS}
