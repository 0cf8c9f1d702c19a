"""The chain of stages of one arm: what determines each, and the hash of that."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nearfar.data.conditions import Conditions
from nearfar.data.embeddings import options_key
from nearfar.encoders import ENCODERS
from nearfar.errors import UserError
from nearfar.heads import EXACT, HEADS
from nearfar.objectives import OBJECTIVES
from nearfar.plan.environment import Environment
from nearfar.plan.modules import modules_of, own_metric
from nearfar.plan.specs import (
    OWN,
    Data,
    FitSpec,
    Input,
    Named,
    PretrainSpec,
    ScoreSpec,
    SolveSpec,
    StageSpec,
    Target,
    file_digests,
)
from nearfar.study.named_options import NamedChoice, encoder_names
from nearfar.study.schema import Arm, ExactFit, Pretrain, Stage, Study, Test, TrainedFit
from nearfar.train.recipe import Recipe
from nearfar.weight_files import is_hash


@dataclass(frozen=True)
class Step:
    """One stage: its specification, and the hash of the stage it starts from."""

    name: str
    spec: StageSpec
    hash: str
    needs: str | None = None

    @property
    def recipe(self) -> Recipe | None:
        """How it is trained; None for what is solved or judged."""
        return self.spec.recipe if isinstance(self.spec, PretrainSpec | FitSpec) else None

    @property
    def unit(self) -> str:
        """What the length is counted in: ``epoch`` or ``iteration``."""
        recipe = self.recipe
        return "epoch" if recipe is None or recipe.iterations is None else "iteration"

    @property
    def length(self) -> int:
        """Epochs or iterations to train; 0 for a head that is solved."""
        recipe = self.recipe
        return 0 if recipe is None else recipe.iterations or recipe.epochs or 0

    def epochs_over(self, rows: int) -> float:
        """Return about how many epochs are trained on a data set of ``rows`` rows."""
        recipe = self.recipe
        if recipe is None or recipe.iterations is None:
            return float(self.length)
        return self.length * min(1.0, recipe.batch / rows)


FileContents = Mapping[str, Mapping[str, Any]]
"""What the study says of a file of embeddings (``options_key``) → ``digest`` and ``columns``.

And the path of a file of weights → its ``digest``.
"""

ExternalEncoder = Callable[[Pretrain, int, Data], Step]
"""(``pretrain: {run: …}``, seed, rows that are tested) → the finished stage with the encoder."""


def no_external(start: Pretrain, seed: int, data: Data) -> Step:
    """Refuse: there are no other runs."""
    raise UserError(f"pretrain: there are no other runs here, so none called {start.run!r}")


def hash_of(spec: Mapping[str, Any]) -> str:
    """Return the hash of a stage: 16 hexadecimal digits of the SHA-256 of its plain form."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def chain_of(
    study: Study,
    arm: Arm,
    seed: int,
    digest: str,
    environment: Environment,
    external: ExternalEncoder,
    files: FileContents = MappingProxyType({}),
    *,
    further: int = 0,
) -> tuple[Step, ...]:
    """Return the stages of an arm under a seed, pre-training first, the fit last.

    ``files`` says what the files of embeddings hold that encoders read. With ``further`` the split
    stays that of the seed, and what is trained starts from the so many-th seed after it.
    """
    conditions = study.conditions
    rows = digest, study.split, seed if study.split.varies else None
    labelled, whole = Data(*rows, conditions), Data(*rows, Conditions(unseen=conditions.unseen))
    common = {"seed": seed + further, "environment": environment, "threads": study.threads}
    start, before = arm.pretrain, []
    if start is not None and start.stage is not None:
        stage = study.stages[start.stage]
        reads = OBJECTIVES[stage.objective.name].reads_labels
        names = {"encoder": stage.encoder.name, "objective": stage.objective.name}
        modules = modules_of(source=study.data.source, **names)
        rows_seen = labelled if reads else whole
        own = {"environment": environment.of_parts([ENCODERS[stage.encoder.name]])}
        given = {**common, **own, "data": rows_seen, "modules": modules}
        spec = _pretrain_spec(stage, given, files)
        before = [_step(f"pretrain:{start.stage}", spec)]
    elif start is not None:
        before = [external(start, seed, labelled)]
    if not _draws(study, arm):
        common["seed"] = 0
    if study.data.task == "reconstruction":
        common |= {"data": whole, "task": study.data.task}
    else:
        common["data"] = labelled
    if arm.fit.target is not None:
        classes = tuple(study.targets[arm.fit.target].items())
        common["target"] = Target(arm.fit.target, classes)
    common["modules"] = modules_of(
        source=study.data.source,
        encoder=_encoder_names(arm, before),
        head=arm.fit.head.name,
        metric=study.metric,
    )
    if start is not None:
        common["input"] = Input(before[0].hash, start.epoch)
    needs = before[0].hash if before else None
    common["encoder"] = encoder_named(arm.fit.encoder, files)
    used = [HEADS[arm.fit.head.name], *(ENCODERS[name] for name in _encoder_names(arm, before))]
    common["environment"] = environment.of_parts(used)
    return *before, _step("fit", _fit_spec(arm.fit, study.metric, common, files), needs)


def _encoder_names(arm: Arm, before: Sequence[Step]) -> list[str]:
    """Return the names of the encoders that a fit has, be they its own or what it starts from."""
    if arm.fit.encoder is not None:
        return encoder_names(arm.fit.encoder)
    encoder = getattr(before[0].spec, "encoder", None) if before else None
    return [] if encoder is None else [str(encoder.name)]


def _draws(study: Study, arm: Arm) -> bool:
    """Whether anything in the chain of an arm depends on the seed; if not, one stage serves all."""
    if study.split.varies or study.conditions.draws or arm.pretrain is not None:
        return True
    if not isinstance(arm.fit, ExactFit) or EXACT[arm.fit.head.name].draws:
        return True
    encoder = arm.fit.encoder
    return any(_is_trainable(name) for name in ([] if encoder is None else encoder_names(encoder)))


def without_seed(spec: FitSpec | SolveSpec) -> FitSpec | SolveSpec:
    """Return a fit without its seed where nothing but its split depends on it."""
    trained = spec.input is not None or not isinstance(spec, SolveSpec)
    if trained or EXACT[spec.head.name].draws:
        return spec
    return spec if spec.encoder and _is_trainable(spec.encoder.name) else replace(spec, seed=0)


def _is_trainable(encoder: str) -> bool:
    return bool(getattr(ENCODERS[encoder], "trainable", True))


def scoring_of(fit: Step, test: Test, seed: int) -> Step:
    """Return the step that judges a finished fit otherwise than on its test rows as they are."""
    known = fit.spec
    assert isinstance(known, FitSpec | SolveSpec)
    spec = ScoreSpec(
        data=known.data,
        seed=seed,
        environment=known.environment.alone,
        threads=known.threads,
        target=known.target,
        modules=known.modules,
        metric=None if known.metric is None else own_metric(known.metric),
        fit=fit.hash,
        test=test,
    )
    return _step("score", spec, fit.hash)


def _step(name: str, spec: StageSpec, needs: str | None = None) -> Step:
    return Step(name, spec, hash_of(spec.to_plain()), needs)


def _pretrain_spec(stage: Stage, common: Mapping[str, Any], files: FileContents) -> PretrainSpec:
    encoder = encoder_named(stage.encoder, files)
    assert encoder is not None
    return PretrainSpec(
        **common,
        encoder=encoder,
        objective=_named(stage.objective),
        recipe=stage.recipe("last"),
        keep=stage.keep,
        augment=tuple(map(_named, stage.augment)),
    )


def _fit_spec(
    fit: TrainedFit | ExactFit, metric: str, common: Mapping[str, Any], files: FileContents
) -> FitSpec | SolveSpec:
    head, environment = _head_named(fit.head, files), common["environment"]
    if isinstance(fit, ExactFit):
        common = {**common, "metric": own_metric(metric), "environment": environment.alone}
        sees = getattr(EXACT[head.name], "sees_own_targets", None)
        targets = OWN if sees is not None and sees(head.options) else None
        return SolveSpec(**common, head=head, weights=fit.weights, targets=targets)
    spec = FitSpec(
        **common,
        head=head,
        weights=fit.weights,
        train=fit.train,
        loss=fit.loss,
        standardise=fit.standardise,
        encoder_lr=fit.encoder_lr,
        batch_norm=fit.batch_norm,
        recipe=fit.recipe(fit.select),
        metric=metric,
        augment=tuple(map(_named, fit.augment)),
        readout=_named(fit.readout),
        frozen_views=fit.frozen_views,
        label_smoothing=fit.label_smoothing,
        layer_decay=fit.layer_decay,
    )
    return replace(spec, environment=environment.alone) if spec.caches_features else spec


def encoder_named(choice: NamedChoice | None, files: FileContents) -> Named | None:
    """Return the encoder of a fit; of files of embeddings it has what they hold, not their names.

    Without ``files`` these are what the study says of them: then nothing is known of their content.
    """
    if choice is None:
        return None
    plain = choice.model_dump(mode="json")
    for part in plain[choice.name]["parts"] if choice.name == choice.list_name else [plain]:
        ((name, options),) = part.items()
        if name == "file":
            part[name] = dict(files.get(options_key(options), options))
        elif weights := getattr(ENCODERS[name], "weight_files", ()):
            part[name] = _with_weights(ENCODERS[name], options, weights, files)
    return Named.from_plain(plain)


def _head_named(choice: NamedChoice, files: FileContents) -> Named:
    """Return the head of a fit; of files of weights it has their hashes, not their names."""
    plain = choice.model_dump(mode="json")
    kind = HEADS[choice.name]
    if weights := getattr(kind, "weight_files", ()):
        plain[choice.name] = _with_weights(kind, plain[choice.name], weights, files)
    return Named.from_plain(plain)


def _with_weights(
    kind: Any, options: Mapping[str, Any], weights: Sequence[str], files: FileContents
) -> dict[str, Any]:
    """Return options with the hashes of files of weights in the place of their names."""
    given = {key: value for key, value in options.items() if value is not None}
    for key in weights:
        if given.get(key) in files:
            found = files[given[key]]
            given |= {**kind.facts_of(found["place"]), key: found["digest"]}
    return given


def files_read(spec: StageSpec) -> set[str]:
    """Return the hashes of the files of embeddings and weights that the parts of a stage read."""
    if isinstance(spec, ScoreSpec):
        return set()
    encoder = spec.encoder
    found: set[str] = set() if encoder is None else set(file_digests(encoder))
    plain = [] if encoder is None else [encoder.to_plain()]
    if encoder is not None and encoder.name == "joined":
        plain = encoder.options["parts"]
    named: list[tuple[Any, str, Mapping[str, Any]]] = [
        (ENCODERS, name, options) for part in plain for name, options in part.items()
    ]
    if not isinstance(spec, PretrainSpec):
        named.append((HEADS, spec.head.name, spec.head.options))
    for registry, name, options in named:
        keys = getattr(registry.get(name), "weight_files", ())
        found |= {str(options[key]) for key in keys if is_hash(options.get(key))}
    return found


def _named(choice: NamedChoice) -> Named:
    return Named.from_plain(choice.model_dump(mode="json"))
