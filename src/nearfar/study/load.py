"""From a study file to resolved studies: profile, settings, defaults, axes, checks.

All mistakes are collected and reported together, each with what is allowed and the nearest name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nearfar.errors import UserError, nearest
from nearfar.extensions import use_modules
from nearfar.study.axes import SCORED, VARIED, axis_mistakes, combinations, placed, read_axes
from nearfar.study.budgets import searching, settled
from nearfar.study.checks import impossible, unused
from nearfar.study.mistakes import explain
from nearfar.study.overlay import assignment, merge
from nearfar.study.placeholders import placeholders, replace, restore
from nearfar.study.profiles import with_defaults, with_profile
from nearfar.study.published import unknown_arms, unknown_axes
from nearfar.study.schema import Axis, Study, Test
from nearfar.study.yaml_files import read_yaml

TRAINED = {"compare", "condition", "choose"}
"""The roles of the axes that decide what is trained."""


@dataclass(frozen=True)
class Point:
    """A resolved study at one combination of the values of the axes that decide what is trained.

    ``search`` is the study with the budgets of the search, where its axes have something to choose.
    """

    labels: dict[str, str]
    study: Study
    search: Study

    def along(self, role: str) -> dict[str, str]:
        """Return axis → label of the axes of one role, sorted by name."""
        axes = self.study.axes
        return {axis: self.labels[axis] for axis in sorted(self.labels) if axes[axis].role == role}


@dataclass(frozen=True)
class Scoring:
    """How finished fits are scored, at one combination of the values of the score axes."""

    labels: dict[str, str]
    test: Test


@dataclass(frozen=True)
class Resolved:
    """A study ready to plan: ``text`` is what study.yaml holds; ``folder`` is where paths start."""

    text: dict[str, Any]
    points: list[Point]
    scorings: list[Scoring]
    folder: Path

    def names(self, point: Point) -> dict[str, str]:
        """Return arm → its name with the values, at this point, of its compare axes."""
        compared = point.along("compare")
        return {
            arm: arm_name(
                arm, {a: label for a, label in compared.items() if a in self.axes_of(arm)}
            )
            for arm in point.study.arms
        }

    @property
    def study(self) -> Study:
        """The study at its first point."""
        return self.points[0].study

    def axes_of(self, arm: str) -> set[str]:
        """Return the axes that ``arm``, or a stage that it starts from, depends on."""
        pretrains = (point.study.arms[arm].pretrain for point in self.points)
        stages = {pretrain.stage for pretrain in pretrains if pretrain is not None}
        blocks = [block for name, block in self.text["stages"].items() if name in stages]
        return placeholders([self.text["arms"][arm], *blocks])

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
    folder = Path(str(files("nearfar.study.shipped")))
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
    raw, mistakes = with_profile(dict(raw), profile, path)
    for setting in settings:
        raw = merge(raw, assignment(setting))
    use_modules(named_modules(raw), path.parent)
    raw, more = with_defaults(raw)
    axes, wrong = read_axes(raw)
    raw = placed(raw, axes)
    mistakes += more + wrong + axis_mistakes(raw, axes)
    points = []
    varied = {name for name, axis in axes.items() if axis.role != "repeat"}
    filled = placeholders(_parts(raw)) <= varied
    scorings, unsound = _scorings(raw, axes) if filled else ([], [])
    mistakes += unsound
    first = {**raw, SCORED: scorings[0].test.model_dump() if scorings else {}}
    for labels, values in combinations(axes, TRAINED) if filled else []:
        try:
            points.append(_point(first, axes, labels, values))
        except ValidationError as error:
            mistakes += explain(error, Study)
        else:
            mistakes += impossible(points[-1].study, [scoring.test for scoring in scorings])
    mistakes += unused([point.study for point in points])
    if len({point.study.split.resplit for point in points}) > 1:
        mistakes.append("split: either all values of its axis draw new splits for seeds, or none")
    if points and scorings:
        resolved = Resolved(_text(points, scorings, raw), points, scorings, path.parent)
        study = resolved.study
        names = {name for point in points for name in resolved.names(point).values()}
        mistakes += unknown_arms(study.published, study.claims, names)
        roles = {name: axis.role for name, axis in study.axes.items()}
        mistakes += unknown_axes(study.published, study.claims, roles)
    _refuse(mistakes, path)
    return resolved


def named_modules(text: Mapping[str, Any]) -> list[str]:
    """Return the modules that a study names, as far as they can be read before it is checked."""
    given = text.get("modules")
    return [name for name in given if isinstance(name, str)] if isinstance(given, list) else []


def _scorings(raw: Mapping[str, Any], axes: Mapping[str, Axis]) -> tuple[list[Scoring], list[str]]:
    found, mistakes = [], []
    for labels, values in combinations(axes, {"score"}):
        block = replace(raw.get(SCORED, {}), lambda name: values.get(name, f"${name}"))  # noqa: B023
        try:
            found.append(Scoring(labels, Test.model_validate(block)))
        except ValidationError as error:
            mistakes += explain(error, Test, SCORED)
    return found, mistakes


def _point(
    raw: dict[str, Any], axes: dict[str, Axis], labels: dict[str, str], values: dict[str, Any]
) -> Point:
    filled = {**raw, **replace(_parts(raw), lambda name: values.get(name, f"${name}"))}

    def study(text: dict[str, Any]) -> Study:
        return Study.model_validate({**settled(text), "axes": axes})

    final = study(filled)
    chosen = {name for name, axis in axes.items() if axis.role == "choose"}
    if final.search is None or not chosen:
        return Point(labels, final, final)
    stages = {name for name, stage in raw.get("stages", {}).items() if placeholders(stage) & chosen}
    return Point(labels, final, study(searching(filled, stages, final.search.epochs)))


def _refuse(mistakes: list[str], path: Path) -> None:
    if mistakes:
        raise UserError("\n".join(f"{path}: {line}" for line in dict.fromkeys(mistakes)))


def _text(points: list[Point], scorings: list[Scoring], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the study as plain values, defaults spelled out, placeholders where they stood."""
    texts = [point.study.model_dump(mode="json") for point in points]
    for text in texts:
        for block in ("data", "split"):
            text[block] = {key: value for key, value in text[block].items() if value is not None}
    trained = [key for key in _parts(texts[0]) if key != SCORED]
    parts = restore([{key: each[key] for key in trained} for each in texts], _parts(raw))
    tests = [scoring.test.model_dump(mode="json") for scoring in scorings]
    parts[SCORED] = restore(tests, raw.get(SCORED, {}))
    return {**texts[0], **parts}


def _parts(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: raw[key] for key in VARIED if key in raw}
