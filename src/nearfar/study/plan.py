"""Arms × axes → stages. Equal stages are one, addressed by the hash of all that determines it."""

import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import Any

from nearfar import __version__
from nearfar.data.options import SplitOptions
from nearfar.study.load import Point, Resolved
from nearfar.study.schema import Arm, ExactFit, Stage, Study, TrainedFit, Training


@dataclass(frozen=True)
class Step:
    """One stage: its specification, and the hash of the stage it starts from."""

    name: str
    spec: dict[str, Any]
    hash: str
    needs: str | None = None

    @property
    def epochs(self) -> int:
        """Epochs to train; 0 for a head that is solved."""
        return int(self.spec.get("recipe", {}).get("epochs", 0))


@dataclass(frozen=True, order=True)
class Cell:
    """One arm under one seed and condition, and the hashes of its chain of stages."""

    arm: str
    seed: int
    condition: str
    chain: tuple[str, ...]


@dataclass(frozen=True)
class PlannedArm:
    """An arm after its compare axes became part of its name."""

    group: str
    against: str


@dataclass(frozen=True)
class Plan:
    """Every stage of a study, each once, in an order in which they can run; and who uses them."""

    steps: dict[str, Step]
    cells: list[Cell]
    arms: dict[str, PlannedArm]
    baseline: str

    @property
    def epochs(self) -> int:
        """Epochs to train in all stages together."""
        return sum(step.epochs for step in self.steps.values())


@dataclass(frozen=True)
class Environment:
    """What beside the study determines numbers."""

    torch: str
    device: str
    nearfar: str = __version__


def stage_hash(spec: dict[str, Any]) -> str:
    """Return the address of a stage: 16 hexadecimal digits of the SHA-256 of its specification."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(resolved: Resolved, digest: str, environment: Environment) -> Plan:
    """Plan a study on the data with this digest."""
    steps: dict[str, Step] = {}
    cells: dict[tuple[str, int, str], Cell] = {}
    for seed, point in itertools.product(resolved.seeds, resolved.points):
        names = resolved.names(point)
        for base, arm in point.study.arms.items():
            chain = _chain(point.study, arm, seed, digest, environment)
            for step in chain:
                steps.setdefault(step.hash, step)
            key = (names[base], seed, _condition(point))
            cells[key] = Cell(*key, tuple(step.hash for step in chain))
    first = resolved.names(resolved.points[0])
    return Plan(steps, list(cells.values()), _arms(resolved), first[resolved.study.baseline])


def _arms(resolved: Resolved) -> dict[str, PlannedArm]:
    """Return the arms in the study's order, those of one compare axis beside each other."""
    arms: dict[str, PlannedArm] = {}
    for base in resolved.study.arms:
        for point in resolved.points:
            names, arm = resolved.names(point), point.study.arms[base]
            against = arm.against or point.study.baseline
            arms.setdefault(names[base], PlannedArm(arm.group, names[against]))
    return arms


def _condition(point: Point) -> str:
    axes = point.study.axes
    return ";".join(
        f"{name}={label}"
        for name, label in sorted(point.labels.items())
        if axes[name].role == "condition"
    )


def _chain(
    study: Study, arm: Arm, seed: int, digest: str, environment: Environment
) -> tuple[Step, ...]:
    common = {
        "data": {"digest": digest, "split": _split(study.split, seed)},
        "seed": seed,
        "environment": {
            "nearfar": environment.nearfar,
            "torch": environment.torch,
            "device": environment.device,
            "threads": study.threads,
        },
    }
    chain: list[Step] = []
    if arm.pretrain is not None:
        spec = {**common, **_pretrain_spec(study.stages[arm.pretrain.stage])}
        chain.append(Step(f"pretrain:{arm.pretrain.stage}", spec, stage_hash(spec)))
    fit = {**common, **_fit_spec(arm.fit, study.metric)}
    if arm.pretrain is not None:
        fit["input"] = {"stage": chain[0].hash, "epoch": arm.pretrain.epoch}
    chain.append(Step("fit", fit, stage_hash(fit), chain[0].hash if chain else None))
    return tuple(chain)


def _split(options: SplitOptions, seed: int) -> dict[str, Any]:
    return {**options.model_dump(mode="json"), "seed": seed if options.resplit else None}


def _pretrain_spec(stage: Stage) -> dict[str, Any]:
    return {
        "kind": "pretrain",
        "encoder": stage.encoder.model_dump(mode="json"),
        "objective": stage.objective.model_dump(mode="json"),
        "recipe": stage.recipe("last").to_plain(),
        "keep": list(stage.keep),
        **_augment(stage),
    }


def _fit_spec(fit: TrainedFit | ExactFit, metric: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"kind": "fit", "head": fit.head.model_dump(mode="json")}
    if fit.encoder is not None:
        spec["encoder"] = fit.encoder.model_dump(mode="json")
    if isinstance(fit, ExactFit):
        return spec
    return {
        **spec,
        "train": fit.train,
        "loss": fit.loss,
        "standardise": fit.standardise,
        "encoder_lr": fit.encoder_lr,
        "batch_norm": fit.batch_norm,
        "recipe": fit.recipe(fit.select).to_plain(),
        "metric": metric,
        **_augment(fit),
        **({"frozen_views": fit.frozen_views} if fit.frozen_views else {}),
    }


def _augment(training: Training) -> dict[str, Any]:
    views = [view.model_dump(mode="json") for view in training.augment]
    return {"augment": views} if views else {}
