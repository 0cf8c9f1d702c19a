"""A finished model: the members that an arm's seeds left, and all that prediction needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nearfar.heads import HEADS
from nearfar.models.calibration import LEVEL, Calibration
from nearfar.models.folder import read_model, write_model
from nearfar.models.known import KnownRows
from nearfar.models.member import Member
from nearfar.models.runs import parts_of_run
from nearfar.models.schema import InputSchema
from nearfar.stages.fitted import ROWS

Task = Literal["regression", "classification", "multilabel", "reconstruction"]


@dataclass
class Predictions:
    """What a model says of n rows.

    ``values`` are float64 (members, n, k): numbers in the targets' own units, or the probabilities
    of k ``classes`` or ``labels``. ``targets`` names the k numbers or labels, or the one class.
    ``intervals`` holds by target the lower and upper ends (n,), ``sets`` by target which classes
    (n, classes), of a label which of 0 and 1 (n, 2), hold the truth in the share ``level`` of rows;
    targets that too few held-out rows have are in neither. ``unlike`` (n,) says which rows are
    unlike the training rows, ``nearest`` the ids of the nearest of these to each.
    """

    values: NDArray[np.float64]
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    level: float = LEVEL
    intervals: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=dict
    )
    sets: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    unlike: NDArray[np.bool_] | None = None
    nearest: list[list[str]] | None = None

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean over members (n, k)."""
        return np.asarray(self.values.mean(axis=0))

    @property
    def deviation(self) -> NDArray[np.float64] | None:
        """The sample deviation (n - 1) over members (n, k); None of one member."""
        return np.asarray(self.values.std(axis=0, ddof=1)) if len(self.values) > 1 else None


@dataclass
class FinishedModel:
    """What an arm of a run left, without the run and its data.

    Args:
        schema: the form of its inputs.
        task: what it predicts.
        targets: names of what it predicts; of classes one.
        unit: of the targets, empty if none.
        classes: names of classes in the order of their numbers; empty if it predicts none.
        members: one for each seed, at least one.
        study: the study's name.
        arm: the arm's name.
        condition: under which it was trained, empty if there were none.
        versions: of nearfar and the libraries that it was trained with.
        modules: of the user's own whose parts it has.
        calibration: errors on rows that members left out, None where there are none.
        known: training rows that new ones are compared with, None where there are none.
        class_texts: whether the classes are known to have been texts, though they look like
            numbers.
    """

    schema: InputSchema
    task: Task
    targets: tuple[str, ...]
    unit: str
    classes: tuple[str, ...]
    members: Sequence[Member]
    study: str = ""
    arm: str = ""
    condition: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    modules: Sequence[str] = ()
    calibration: Calibration | None = None
    known: KnownRows | None = None
    class_texts: bool = False

    @classmethod
    def from_run(
        cls,
        run_folder: Path | str,
        arm: str | None = None,
        *,
        seed: int | None = None,
        modules: bool = False,
    ) -> Self:
        """Return the model of an arm of a run; no data file is read.

        Args:
            run_folder: of ``nearfar run``.
            arm: the arm's name as the report shows it, with its condition if there are any:
                ``MoCo · labels=0.1``; None for the one that the run recommends.
            seed: one seed's model alone, None for all.
            modules: whether the modules that the run's study names may be imported.

        Raises:
            UserError: no such run, arm or seed, a diverged arm, a model that is not there any more,
                or modules that may not be imported or have changed.
        """
        return cls(**parts_of_run(Path(run_folder), arm, seed, modules=modules))

    @classmethod
    def load(cls, folder: Path | str, *, modules: bool = False) -> Self:
        """Read what ``save`` wrote; its files are verified first.

        ``modules``: whether installed modules that it names may be imported.

        Raises:
            UserError: there is none, it is damaged or changed, or made by a later nearfar.
        """
        return cls(**read_model(Path(folder), modules=modules))

    @property
    def name(self) -> str:
        """The arm with its condition, as tables have it."""
        return f"{self.arm} · {self.condition}" if self.condition else self.arm

    @property
    def weights_read(self) -> str:
        """How the hash of the file of weights begins that its head reads; mostly none, empty."""
        head = self.members[0].fitted.spec.head
        keys = getattr(HEADS[head.name], "weight_files", ())
        return next((str(head.options[key]) for key in keys), "")

    def of_members(self, members: Sequence[Member]) -> Self:
        """Return the model of some members alone, with the errors of what these left out."""
        places = [k for k, member in enumerate(self.members) if member in members]
        calibration = None if self.calibration is None else self.calibration.of_members(places)
        known = self.known if places[0] == 0 else None
        return replace(self, members=members, calibration=calibration, known=known)

    def member_features(
        self, inputs: Any, device: str = "cpu", batch: int = ROWS
    ) -> list[NDArray[np.float32]]:
        """Return what each member's encoder makes of inputs, float32 (n, d).

        Members that share a fixed encoder and a preparation share its features.
        """
        made: dict[tuple[str, str], NDArray[np.float32]] = {}
        found = []
        for member in self.members:
            fitted = member.fitted
            key = fitted.features_key
            if key is None:
                found.append(fitted.features(inputs, device, batch))
                continue
            if key not in made:
                made[key] = fitted.features(inputs, device, batch)
            found.append(made[key])
        return found

    def predict(
        self,
        inputs: Any,
        device: str = "cpu",
        batch: int = ROWS,
        *,
        level: float = LEVEL,
    ) -> Predictions:
        """Return predictions for inputs, as ``schema.read`` or the data set has them.

        Args:
            inputs: ``nearfar.data.Inputs`` of the form that ``schema`` describes.
            device: ``cpu`` or ``cuda``.
            batch: rows at a time.
            level: of intervals and sets: the share of rows whose truth they are to hold.

        Raises:
            UserError: a column is not there or of another kind, or a row cannot be encoded.
        """
        features = self.member_features(inputs, device, batch)
        values = np.stack(
            [
                member.fitted.values(member.fitted.scores(own, device, batch))
                for member, own in zip(self.members, features, strict=True)
            ]
        )
        labels = self.targets if self.task == "multilabel" else ()
        found = Predictions(values, self.targets, self.classes, labels, level)
        if self.known is not None:
            found.unlike, found.nearest = self.known.compared(features[0])
        if self.calibration is not None:
            self._calibrate(found, self.calibration)
        return found

    def _calibrate(self, found: Predictions, calibration: Calibration) -> None:
        """Add intervals, or sets, of those targets that have errors enough for the level."""
        for k, target in enumerate(found.targets):
            if not calibration.enough_for(found.level, k):
                continue
            if found.classes:
                found.sets[target] = calibration.sets(found.values, found.level)
            elif found.labels:
                own = found.values[:, :, k]
                found.sets[target] = calibration.sets(
                    np.stack([1 - own, own], axis=2), found.level, k
                )
            else:
                ends = calibration.intervals(found.values[:, :, k], found.level, k)
                found.intervals[target] = ends

    def features(self, inputs: Any, device: str = "cpu", batch: int = ROWS) -> NDArray[np.float32]:
        """Return the features of inputs by the first member's encoder, float32 (n, d)."""
        return self.members[0].fitted.features(inputs, device, batch)

    def save(self, folder: Path | str) -> None:
        """Write the model to a new folder: config.json, and weights as safetensors.

        Raises:
            UserError: the folder holds something already.
        """
        write_model(self, Path(folder))


def load(folder: Path | str, *, modules: bool = False) -> FinishedModel:
    """Read a model from its folder: see ``FinishedModel.load``."""
    return FinishedModel.load(folder, modules=modules)
