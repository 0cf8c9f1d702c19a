"""From a study file to resolved studies: profile, settings, defaults, axes, checks.

All mistakes are collected and reported together, each with what is allowed and the nearest name.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nearfar.encoders import ENCODERS
from nearfar.errors import UserError, nearest
from nearfar.heads import EXACT
from nearfar.study.merge import assignment, merge, placeholders, read_yaml, replace, restore
from nearfar.study.mistakes import explain
from nearfar.study.published import unknown_arms
from nearfar.study.schema import Arm, Axis, Study

PROFILES = ("full", "quick", "smoke")
_FIXED_BY_PROFILE = ("study", "data", "metric", "baseline", "published", "claims", "profiles")


@dataclass(frozen=True)
class Point:
    """A resolved study at one combination of the values of its compare and condition axes."""

    labels: dict[str, str]
    study: Study


@dataclass(frozen=True)
class Resolved:
    """A study ready to plan: ``text`` is what study.yaml holds; ``folder`` is where paths start."""

    text: dict[str, Any]
    points: list[Point]
    folder: Path

    def names(self, point: Point) -> dict[str, str]:
        """Return arm → its name with the values, at this point, of its compare axes."""
        compare = {name for name, axis in point.study.axes.items() if axis.role == "compare"}
        return {
            arm: arm_name(arm, {axis: point.labels[axis] for axis in self.axes_of(arm) & compare})
            for arm in point.study.arms
        }

    @property
    def study(self) -> Study:
        """The study at its first point."""
        return self.points[0].study

    def axes_of(self, arm: str) -> set[str]:
        """Return the axes that ``arm``, or the stage that it starts from, depends on."""
        block = self.text["arms"][arm]
        pretrain = block.get("pretrain")
        stage = self.text["stages"][pretrain["stage"]] if pretrain else {}
        return placeholders([block, stage])

    @property
    def seeds(self) -> list[int]:
        """The values of the repeat axis; one seed, 0, where there is none."""
        for axis in self.study.axes.values():
            if axis.role == "repeat":
                return [int(value) for value in axis.labelled().values()]
        return [0]


def arm_name(name: str, axes: Mapping[str, str]) -> str:
    """Return an arm's name with the values of its compare axes."""
    suffix = ", ".join(f"{axis}={label}" for axis, label in sorted(axes.items()))
    return f"{name} [{suffix}]" if suffix else name


def shipped_studies() -> dict[str, Path]:
    """Return the names and files of the studies inside the package."""
    folder = Path(str(files("nearfar.studies")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_study(name: str) -> Path:
    """Return the file of a shipped study or of a path.

    Raises:
        UserError: it is neither.
    """
    shipped = shipped_studies()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        return path
    raise UserError(f"no study is called {name!r}, nor is it a file; {nearest(name, shipped)}")


def load_study(name: str, profile: str | None = None, settings: tuple[str, ...] = ()) -> Resolved:
    """Read, resolve and check a study.

    Args:
        name: a shipped study or the path of a study file.
        profile: full, quick or smoke; by default the one a resolved file was made with, else full.
        settings: ``key=value`` assignments laid over the file.

    Raises:
        UserError: all mistakes found, a line each.
    """
    path = find_study(name)
    return resolve(read_yaml(path), path, profile, settings)


def resolve(
    raw: dict[str, Any], path: Path, profile: str | None = None, settings: tuple[str, ...] = ()
) -> Resolved:
    """Resolve and check the mapping of a study file (see ``load_study``)."""
    raw = _with_profile(dict(raw), profile, path)
    for setting in settings:
        raw = merge(raw, assignment(setting))
    raw = _capped(_with_defaults(raw))
    axes = _axes(raw)
    points, mistakes = [], _axis_mistakes(raw, axes)
    for labels, values in [] if mistakes else _combinations(axes):
        filled = _fill({**raw, **replace(_parts(raw), values.__getitem__)})
        try:
            study = Study.model_validate(filled)
        except ValidationError as error:
            mistakes += explain(error, Study)
        else:
            mistakes += _cross_check(study)
            points.append(Point(labels, study))
    _refuse(mistakes, path)
    text = points[0].study.model_dump(mode="json")
    for block in ("data", "split"):
        text[block] = {key: value for key, value in text[block].items() if value is not None}
    text.update(restore({key: text[key] for key in _parts(text)}, _parts(raw)))
    resolved = Resolved(text, points, path.parent)
    study = resolved.study
    names = {name for point in points for name in resolved.names(point).values()}
    _refuse(unknown_arms(study.published, study.claims, names), path)
    return resolved


def _refuse(mistakes: list[str], path: Path) -> None:
    if mistakes:
        raise UserError("\n".join(f"{path}: {line}" for line in dict.fromkeys(mistakes)))


def _with_profile(raw: dict[str, Any], profile: str | None, path: Path) -> dict[str, Any]:
    profiles = raw.pop("profiles", None) or {}
    made_with = raw.get("profile")
    chosen = profile or made_with or "full"
    if chosen not in PROFILES:
        raise UserError(f"no profile is called {chosen!r}; {nearest(chosen, PROFILES)}")
    if made_with is not None and chosen != made_with:
        raise UserError(f"{path}: was resolved with profile {made_with!r}, asked for {chosen!r}")
    mistakes = [
        f"profiles: no profile is called {name!r}; {nearest(str(name), PROFILES)}"
        for name in profiles
        if name not in PROFILES
    ]
    patch = profiles.get(chosen) or {}
    for key in _FIXED_BY_PROFILE:
        if key in patch:
            mistakes.append(f"profiles.{chosen}: a profile may not change {key!r}")
    if isinstance(patch.get("arms"), dict):
        mistakes += [
            f"profiles.{chosen}.arms: no arm is called {arm!r}; {nearest(arm, raw.get('arms', {}))}"
            for arm in patch["arms"]
            if arm not in raw.get("arms", {})
        ]
    _refuse(mistakes, path)
    merged: dict[str, Any] = merge(raw, patch)
    return {**merged, "profile": chosen}


def _with_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    defaults = raw.pop("defaults", None) or {}
    if not isinstance(defaults, dict) or set(defaults) - {"stage", "fit"}:
        raise UserError(f"defaults: takes the keys 'fit' and 'stage', not {defaults!r}")
    stages, arms = raw.get("stages"), raw.get("arms")
    if isinstance(stages, dict):
        base = defaults.get("stage") or {}
        raw["stages"] = {name: merge(base, stage) for name, stage in stages.items()}
    if isinstance(arms, dict) and isinstance(defaults.get("fit"), dict):
        raw["arms"] = {name: _with_fit(arm, defaults["fit"]) for name, arm in arms.items()}
    return raw


def _capped(raw: dict[str, Any]) -> dict[str, Any]:
    """Apply ``max_epochs``: no stage or fit trains longer, no checkpoint lies beyond."""
    most = raw.pop("max_epochs", None)
    if most is None:
        return raw
    if not isinstance(most, int) or most < 1:
        raise UserError(f"max_epochs: needs a whole number from 1 up, not {most!r}")

    def capped(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: capped(item, name) for name, item in value.items()}
        if key == "keep" and isinstance(value, list):
            return sorted({min(epoch, most) for epoch in value})
        return min(value, most) if key in {"epochs", "epoch"} and isinstance(value, int) else value

    def bounded(block: Any) -> Any:
        if not isinstance(block, dict) or _head_of(block) in EXACT:
            return block
        return capped({"epochs": most, **block})

    stages, arms = raw.get("stages"), raw.get("arms")
    if isinstance(stages, dict):
        raw["stages"] = {name: bounded(stage) for name, stage in stages.items()}
    if isinstance(arms, dict):
        raw["arms"] = {
            name: {**capped(arm), "fit": bounded(arm.get("fit"))} if isinstance(arm, dict) else arm
            for name, arm in arms.items()
        }
    return raw


def _head_of(fit: Mapping[str, Any]) -> str:
    head = fit.get("head", "linear")
    return str(next(iter(head), "")) if isinstance(head, dict) else str(head)


def _with_fit(arm: Any, base: dict[str, Any]) -> Any:
    if not isinstance(arm, dict) or not isinstance(arm.get("fit"), dict):
        return arm
    if _head_of(arm["fit"]) in EXACT:
        return arm
    return {**arm, "fit": merge(base, arm["fit"])}


def _fill(raw: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults that depend on the rest of an arm: ``train`` and ``standardise``."""

    def filled(arm: Any) -> Any:
        fit = arm.get("fit") if isinstance(arm, dict) else None
        if not isinstance(fit, dict) or _head_of(fit) in EXACT:
            return arm
        encoder = fit.get("encoder")
        name = next(iter(encoder), "") if isinstance(encoder, dict) else encoder
        fixed = not getattr(ENCODERS.get(str(name)), "trainable", True)
        train = fit.get("train", "head" if fixed else "all")
        standardise = fit.get("standardise", train == "head" or "pretrain" in arm)
        return {**arm, "fit": {**fit, "train": train, "standardise": standardise}}

    arms = raw.get("arms")
    if not isinstance(arms, dict):
        return raw
    return {**raw, "arms": {name: filled(arm) for name, arm in arms.items()}}


def _parts(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: raw[key] for key in ("stages", "arms") if key in raw}


def _axes(raw: Mapping[str, Any]) -> dict[str, Axis]:
    axes = raw.get("axes") or {}
    if not isinstance(axes, dict):
        raise UserError(f"axes: needs names with a role and values, not {axes!r}")
    made, mistakes = {}, []
    for name, axis in axes.items():
        try:
            made[name] = Axis.model_validate(axis)
        except ValidationError as error:
            mistakes += [f"axes.{name}.{line}" for line in explain(error, Axis)]
    if mistakes:
        raise UserError("\n".join(mistakes))
    return made


def _axis_mistakes(raw: Mapping[str, Any], axes: Mapping[str, Axis]) -> list[str]:
    used = placeholders(_parts(raw))
    mistakes = [
        f"${name}: no axis has this name; {nearest(name, axes)}" for name in used - set(axes)
    ]
    for name, axis in axes.items():
        values = axis.labelled()
        if not values:
            mistakes.append(f"axes.{name}: has no values")
        if axis.role == "repeat":
            if name != "seed":
                mistakes.append(f"axes.{name}: only an axis called 'seed' has the role 'repeat'")
            bad = [v for v in values.values() if not isinstance(v, int) or v < 0]
            if bad or len(set(values.values())) < len(values):
                mistakes.append(f"axes.{name}: seeds are different whole numbers from 0 up")
            if name in used:
                mistakes.append(f"${name}: the repeat axis cannot stand in a stage or an arm")
        elif name not in used:
            mistakes.append(f"axes.{name}: is not used; put ${name} in a stage or an arm")
    return mistakes


def _combinations(axes: Mapping[str, Axis]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    varied = {name: axis.labelled() for name, axis in axes.items() if axis.role != "repeat"}
    for labels in itertools.product(*varied.values()):
        chosen = dict(zip(varied, labels, strict=True))
        yield chosen, {name: varied[name][label] for name, label in chosen.items()}


def _cross_check(study: Study) -> list[str]:
    arms, mistakes = study.arms, []
    if study.baseline not in arms:
        mistakes.append(
            f"baseline: no arm is called {study.baseline!r}; {nearest(study.baseline, arms)}"
        )
    for name, arm in arms.items():
        mistakes += [f"arms.{name}.{line}" for line in _arm_mistakes(name, arm, study)]
    kind = study.data.kind
    for where, holder in [
        *((f"stages.{name}", stage) for name, stage in study.stages.items()),
        *((f"arms.{name}.fit", arm.fit) for name, arm in arms.items()),
    ]:
        encoder = holder.encoder
        if encoder is not None and kind not in ENCODERS[encoder.name].accepts:
            fitting = [n for n, e in ENCODERS.items() if kind in e.accepts]
            mistakes.append(
                f"{where}.encoder: {encoder.name} does not take {kind} inputs; "
                f"{nearest(encoder.name, fitting)}"
            )
    unused = set(study.stages) - {arm.pretrain.stage for arm in arms.values() if arm.pretrain}
    mistakes += [f"stages.{name}: no arm uses it" for name in sorted(unused)]
    return mistakes


def _arm_mistakes(name: str, arm: Arm, study: Study) -> list[str]:
    mistakes = []
    if arm.against is not None and (arm.against not in study.arms or arm.against == name):
        others = [other for other in study.arms if other != name]
        mistakes.append(
            f"against: no other arm is called {arm.against!r}; {nearest(arm.against, others)}"
        )
    if arm.pretrain is not None:
        stage = study.stages.get(arm.pretrain.stage)
        if stage is None:
            mistakes.append(
                f"pretrain: no stage is called {arm.pretrain.stage!r}; "
                f"{nearest(arm.pretrain.stage, study.stages)}"
            )
        elif arm.pretrain.epoch is not None and arm.pretrain.epoch not in stage.keep:
            mistakes.append(
                f"pretrain.epoch: {arm.pretrain.epoch} is not among the epochs that "
                f"stages.{arm.pretrain.stage}.keep lists: {list(stage.keep)}"
            )
    return mistakes
