"""The chain of stages of one arm: what determines each, and the hash of that."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from nearfar import __version__
from nearfar.data.conditions import Conditions
from nearfar.data.options import SplitOptions
from nearfar.encoders import ENCODERS
from nearfar.errors import UserError
from nearfar.heads import EXACT
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES
from nearfar.plan.modules import modules_of
from nearfar.study.schema import (
    Arm,
    ExactFit,
    Pretrain,
    Stage,
    Study,
    Test,
    TrainedFit,
    Training,
)
from nearfar.train.device import FULL

SCORE = "score"
"""The stage, and its kind, that judges a finished fit on other test rows."""


@dataclass(frozen=True)
class Step:
    """One stage: its specification, and the hash of the stage it starts from."""

    name: str
    spec: dict[str, Any]
    hash: str
    needs: str | None = None

    @property
    def unit(self) -> str:
        """What the length is counted in: ``epoch`` or ``iteration``."""
        return "iteration" if "iterations" in self.spec.get("recipe", {}) else "epoch"

    @property
    def length(self) -> int:
        """Epochs or iterations to train; 0 for a head that is solved."""
        return int(self.spec.get("recipe", {}).get(f"{self.unit}s", 0))

    def epochs_over(self, rows: int) -> float:
        """Return about how many epochs are trained on a data set of ``rows`` rows."""
        if self.unit == "epoch":
            return float(self.length)
        batch: int = self.spec["recipe"]["batch"]
        return self.length * min(1.0, batch / rows)


ExternalEncoder = Callable[[Pretrain, int], Step]
"""(``pretrain: {run: …}``, seed) → the finished stage that holds the encoder."""


def no_external(start: Pretrain, seed: int) -> Step:
    """Refuse: there are no other runs."""
    raise UserError(f"pretrain: there are no other runs here, so none called {start.run!r}")


@dataclass(frozen=True)
class Environment:
    """What beside the study determines numbers."""

    torch: str
    device: str
    nearfar: str = __version__
    precision: str = FULL

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the environment that stands in the specification of a stage."""
        return cls(
            **{field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        )

    def to_plain(self) -> dict[str, Any]:
        """Return what stands in specifications; full precision is not named."""
        plain = asdict(self)
        if self.precision == FULL:
            del plain["precision"]
        return plain


def hash_of(spec: dict[str, Any]) -> str:
    """Return the hash of a stage: 16 hexadecimal digits of the SHA-256 of its specification."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def chain_of(
    study: Study,
    arm: Arm,
    seed: int,
    digest: str,
    environment: Environment,
    external: ExternalEncoder,
) -> tuple[Step, ...]:
    """Return the stages of an arm under a seed, pre-training first, the fit last."""
    conditions = study.conditions
    given = {"digest": digest, "split": _split(study.split, seed)}
    labelled = {**given, **conditions.to_plain()}
    whole = {**given, **Conditions(unseen=conditions.unseen).to_plain()}
    common = {
        "data": labelled,
        "seed": seed,
        "environment": {**environment.to_plain(), "threads": study.threads},
    }
    chain: list[Step] = []
    fit = {**common, **_fit_spec(arm.fit, study.metric)}
    if study.data.task == "reconstruction":
        fit |= {"task": study.data.task, "data": whole}
    if arm.fit.target is not None:
        classes = [list(pair) for pair in study.targets[arm.fit.target].items()]
        fit["target"] = {"name": arm.fit.target, "classes": classes}
    start, encoder, parts = arm.pretrain, "", (study.data.source, study.metric)
    if start is not None and start.stage is not None:
        stage = study.stages[start.stage]
        reads = OBJECTIVES[stage.objective.name].reads_labels
        spec = {**common, "data": labelled if reads else whole, **_pretrain_spec(stage)}
        spec |= modules_of(spec, *parts)
        encoder = stage.encoder.name
        chain.append(Step(f"pretrain:{start.stage}", spec, hash_of(spec)))
        fit["input"] = {"stage": chain[0].hash, "epoch": start.epoch}
    elif start is not None:
        chain.append(external(start, seed))
        ((encoder, _),) = chain[0].spec["encoder"].items()
        fit["input"] = {"stage": chain[0].hash, "epoch": None}
    if not _draws(study, arm):
        fit["seed"] = 0
    fit |= modules_of(fit, *parts, encoder)
    chain.append(Step("fit", fit, hash_of(fit), chain[0].hash if chain else None))
    return tuple(chain)


def _draws(study: Study, arm: Arm) -> bool:
    """Whether anything in the chain of an arm depends on the seed; if not, one stage serves all."""
    if study.split.resplit or study.conditions.draws or arm.pretrain is not None:
        return True
    if not isinstance(arm.fit, ExactFit) or EXACT[arm.fit.head.name].draws:
        return True
    encoder = arm.fit.encoder
    return encoder is not None and bool(getattr(ENCODERS[encoder.name], "trainable", True))


def scoring_of(fit: Step, test: Test, seed: int) -> Step:
    """Return the step that judges a finished fit otherwise than on its test rows as they are."""
    known = ("data", "environment", "target", "modules")
    spec: dict[str, Any] = {key: fit.spec[key] for key in known if key in fit.spec}
    spec |= {"seed": seed, "kind": SCORE, "input": {"stage": fit.hash}, "test": test.changes}
    if fit.spec.get("metric") not in METRICS.built_in and "metric" in fit.spec:
        spec["metric"] = fit.spec["metric"]
    return Step(SCORE, spec, hash_of(spec), fit.hash)


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
    if fit.weights is not None:
        spec["weights"] = fit.weights
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
        **({} if fit.readout.name == "z" else {"readout": fit.readout.model_dump(mode="json")}),
        **({"frozen_views": fit.frozen_views} if fit.frozen_views else {}),
    }


def _augment(training: Training) -> dict[str, Any]:
    views = [view.model_dump(mode="json") for view in training.augment]
    return {"augment": views} if views else {}
