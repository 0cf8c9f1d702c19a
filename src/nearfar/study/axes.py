"""The axes of a study file: read, checked, combined."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nearfar.errors import nearest, shown
from nearfar.records.conditions import ANY, OR
from nearfar.study.axis import NO_VALUES, Axis, range_mistakes
from nearfar.study.given_names import is_name
from nearfar.study.mistakes import Mistakes
from nearfar.study.placeholders import placeholders
from nearfar.study.schema import Test

CONDITIONED = ("labels", "label_noise", "unseen", "split")
"""The blocks that vary along axes of role ``condition`` alone."""
SCORED = "test"
"""The block that varies along axes of role ``score``, which stand nowhere else."""
ROLES = {**dict.fromkeys(CONDITIONED, "condition"), SCORED: "score"}
MOST_SEEDS = 10_000
MOST_POINTS = 500
"""Combinations of the values of axes: each is a study of its own, to be checked and planned."""
TESTED = tuple(Test.model_fields)
VARIED = ("stages", "arms", *CONDITIONED, SCORED)
"""The blocks of a study in which ``$name`` may stand."""


@dataclass(frozen=True)
class Combination:
    """One value of every axis of some roles: axis → its label and axis → the value itself."""

    labels: dict[str, str]
    values: dict[str, Any]


@dataclass(frozen=True)
class Varied:
    """A study, ``$name`` where a value of an axis belongs, and its axes that are sound."""

    text: dict[str, Any]
    axes: dict[str, Axis]

    @property
    def blocks(self) -> dict[str, Any]:
        """The blocks in which ``$name`` may stand."""
        return varied_blocks(self.text)

    @property
    def chosen(self) -> set[str]:
        """The axes of which one value is chosen."""
        return {name for name, axis in self.axes.items() if axis.role == "choose"}


def with_axes(text: Mapping[str, Any], mistakes: Mistakes) -> Varied:
    """Return the study with its axes read, put where they belong, and checked."""
    axes = _read_axes(text, mistakes)
    varied = Varied(_placed(text, axes), axes)
    _check_places(varied, mistakes)
    points = math.prod(len(a.labelled()) for a in axes.values() if a.role != "repeat")
    if points > MOST_POINTS:
        mistakes.add([f"axes: at most {MOST_POINTS} combinations of values (given: {points:,})"])
        mistakes.refuse()
    return varied


def _read_axes(text: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Axis]:
    given = text.get("axes", {})
    if not isinstance(given, dict):
        mistakes.add([f"axes: needs names with a role and values, not {shown(given)}"])
        return {}
    axes: dict[str, Axis] = {}
    for name, block in given.items():
        known = {"role": "repeat"} if name == "seed" and isinstance(block, dict) else {}
        axis = mistakes.validated(Axis, {**known, **block} if known else block, f"axes.{name}")
        if axis is None:
            continue
        wrong = range_mistakes(axis) or _value_mistakes(axis)
        mistakes.add(f"axes.{name}{'.' if line is NO_VALUES else ': '}{line}" for line in wrong)
        if not wrong:
            axes[str(name)] = axis
    return axes


def _check_places(varied: Varied, mistakes: Mistakes) -> None:
    """Check where axes are used."""
    text, axes = varied.text, varied.axes
    used, given = placeholders([text.get(key) for key in VARIED]), text.get("axes")
    known = {str(name) for name in given} if isinstance(given, dict) else set()
    mistakes.add(
        f"${name}: no axis has this name; {nearest(name, known)}" for name in sorted(used - known)
    )
    for name, axis in axes.items():
        mistakes.add(_misplaced(name, axis, text, used))
    arms = text.get("arms")
    for name, arm in arms.items() if isinstance(arms, dict) else []:
        for key in ("group", "against"):
            if isinstance(arm, dict) and placeholders(arm.get(key)):
                mistakes.add([f"arms.{name}.{key}: is the same at every value of an axis"])


def _misplaced(name: str, axis: Axis, text: Mapping[str, Any], used: set[str]) -> list[str]:
    """Return what is wrong with where one axis is used."""
    mistakes = []
    if axis.role == "repeat":
        if name != "seed":
            mistakes.append(f"axes.{name}: only an axis called 'seed' has the role 'repeat'")
        if name in used:
            mistakes.append(f"${name}: the repeat axis cannot stand in a stage or an arm")
        return mistakes
    if name not in used:
        place = SCORED if axis.role == "score" else "a stage or an arm"
        mistakes.append(f"axes.{name}: is not used; put ${name} in {place}")
    mistakes += [
        f"axes.{name}: {block} varies along an axis of role {shown(role)}, not {shown(axis.role)}"
        for block, role in ROLES.items()
        if axis.role != role and name in placeholders(text.get(block))
    ]
    elsewhere = [text.get(block) for block in VARIED if block != SCORED]
    if axis.role == "score" and name in placeholders(elsewhere):
        mistakes.append(f"axes.{name}: the role 'score' is for the block {shown(SCORED)} alone")
    return mistakes


def _value_mistakes(axis: Axis) -> list[str]:
    values = axis.values
    if values is None:
        return []
    if axis.role == "repeat":
        count = values if isinstance(values, int) else len(values)
        if count > MOST_SEEDS:
            return [f"at most {MOST_SEEDS:,} seeds (given: {count:,})"]
        seeds = list(values) if isinstance(values, list) else list(axis.labelled().values())
        if not seeds:
            return ["has no values"]
        bad = [seed for seed in seeds if type(seed) is not int or seed < 0]
        return ["seeds are different whole numbers from 0 up"] * (
            bool(bad) or len(set(seeds)) < len(seeds)
        )
    if isinstance(values, int):
        return [f"needs a list of values, or a mapping label: value (given: {shown(values)})"]
    labelled = axis.labelled()
    if not labelled:
        return ["has no values"]
    if isinstance(values, list) and any(isinstance(v, dict | list | None) for v in values):
        return ["values with a structure need names: a mapping label: value"]
    if len(labelled) < len(values):
        return [f"has a value twice: {shown(values)}"]
    if strange := [label for label in labelled if not is_name(label)]:
        return [
            f"the label {shown(strange[0])} is no line of text: give values names, as a mapping "
            "label: value"
        ]
    if axis.role not in {"condition", "score"}:
        return []
    return [
        f"the label {shown(label)} has a ;, = or |, or is a *, which conditions are written with: "
        "give it another one"
        for label in labelled
        if label == ANY or set(label) & {";", "=", OR}
    ]


def _placed(raw: Mapping[str, Any], axes: Mapping[str, Axis]) -> dict[str, Any]:
    """Return the study in which axes that are called as what they vary stand there, if unsaid.

    An axis ``labels`` varies the key of that name, an axis ``severity`` that of the block ``test``.
    """
    test = raw.get(SCORED, {})
    own: dict[str, Any] = {}
    own |= {name: f"${name}" for name in axes if name in CONDITIONED and name not in raw}
    if isinstance(test, Mapping):
        scored = {name for name, axis in axes.items() if axis.role == "score"} & set(TESTED)
        mine = {name: f"${name}" for name in sorted(scored - set(test))}
        own |= {SCORED: {**test, **mine}} if mine else {}
    return {**raw, **own}


def varied_blocks(text: Mapping[str, Any]) -> dict[str, Any]:
    """Return the blocks of a study in which ``$name`` may stand, as far as it has them."""
    return {key: text[key] for key in VARIED if key in text}


def combinations(axes: Mapping[str, Axis], roles: Collection[str]) -> Iterator[Combination]:
    """Yield every combination of the values of the axes of these roles."""
    varied = {name: axis.labelled() for name, axis in axes.items() if axis.role in roles}
    for labels in itertools.product(*varied.values()):
        chosen = dict(zip(varied, labels, strict=True))
        values = {name: varied[name][label] for name, label in chosen.items()}
        yield Combination(chosen, values)
