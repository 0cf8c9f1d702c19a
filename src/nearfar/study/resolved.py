"""A study ready to plan: its points, how it is scored, and its text."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearfar.errors import shown
from nearfar.study.axes import SCORED, Varied, varied_blocks
from nearfar.study.named_options import embedding_files, weight_files
from nearfar.study.placeholders import placeholders, restore
from nearfar.study.schema import Study, Test


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
    """A study ready to plan: ``text`` is what study.yaml holds; ``folder`` is where paths start.

    ``varied`` is the study before values of its axes were filled in; ``proposed`` are the points of
    searches that were asked for so far.
    """

    text: dict[str, Any]
    points: list[Point]
    scorings: list[Scoring]
    folder: Path
    varied: Varied
    proposed: dict[str, Point] = field(default_factory=dict, compare=False, repr=False)

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
    def embedding_files(self) -> list[dict[str, Any]]:
        """What the study says of the files of embeddings that its arms read, each once."""
        studies = [one for point in self.points for one in (point.study, point.search)]
        encoders = [arm.fit.encoder for study in studies for arm in study.arms.values()]
        found = [options for encoder in encoders for options in embedding_files(encoder)]
        return list({repr(options): options for options in found}.values())

    @property
    def weight_files(self) -> list[str]:
        """The files of weights that encoders and heads of the study start from, each once."""
        studies = [one for point in self.points for one in (point.study, point.search)]
        fits = [arm.fit for study in studies for arm in study.arms.values()]
        parts = [part for fit in fits for part in (fit.encoder, fit.head)]
        parts += [stage.encoder for study in studies for stage in study.stages.values()]
        return list(dict.fromkeys(path for one in parts for path in weight_files(one)))

    @property
    def seeds(self) -> list[int]:
        """The values of the repeat axis; one seed, 0, where there is none."""
        for axis in self.study.axes.values():
            if axis.role == "repeat":
                return [int(value) for value in axis.labelled().values()]
        return [0]


def arm_of(name: str, arms: Collection[str]) -> str | None:
    """Return which of ``arms`` has a name, at any values of its compare axes; None if none has."""
    if name in arms:
        return name
    fitting = [arm for arm in arms if name.startswith(f"{arm} [")]
    return max(fitting, key=len, default=None)


def names_of_two(points: Sequence[Point], names: Callable[[Point], Mapping[str, str]]) -> list[str]:
    """Return a line for every arm that is called as another one is at values of its axes."""
    owners: dict[str, str] = {}
    lines = []
    for point in points:
        for arm, name in names(point).items():
            other = owners.setdefault(name, arm)
            if other != arm:
                plain, varied = (arm, other) if name == arm else (other, arm)
                lines.append(
                    f"arms.{plain}: {shown(varied)} is called so as well, by the values of its "
                    "axes: give one of the two another name"
                )
    return list(dict.fromkeys(lines))


def arm_name(name: str, axes: Mapping[str, str]) -> str:
    """Return an arm's name with the values of its compare axes."""
    suffix = ", ".join(f"{axis}={label}" for axis, label in sorted(axes.items()))
    return f"{name} [{suffix}]" if suffix else name


def resolved_text(points: list[Point], scorings: list[Scoring], varied: Varied) -> dict[str, Any]:
    """Return the study as plain values, defaults spelled out, placeholders where they stood."""
    plain = [point.study.model_dump(mode="json") for point in points]
    for study in plain:
        for block in ("data", "split"):
            study[block] = {key: value for key, value in study[block].items() if value is not None}
    trained = [key for key in varied_blocks(plain[0]) if key != SCORED]
    parts = restore([{key: each[key] for key in trained} for each in plain], varied.blocks)
    tests = [scoring.test.model_dump(mode="json") for scoring in scorings]
    parts[SCORED] = restore(tests, varied.text.get(SCORED, {}))
    return {**plain[0], **parts}
