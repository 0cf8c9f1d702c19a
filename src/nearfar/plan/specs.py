"""What determines a stage: its specification, and the plain form that is hashed and kept.

``to_plain`` gives what ``stage.yaml`` holds, and nothing for what is left at its default there;
``from_plain`` reads it. A hash is made of the plain form, so a part that is new is left out of it
where it is not given: stages that were made before it keep their hashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from nearfar.data.conditions import Conditions
from nearfar.data.options import SplitOptions
from nearfar.data.rare_targets import Weighting
from nearfar.plan.environment import Environment
from nearfar.records.stages import StageStore
from nearfar.train.recipe import Recipe

if TYPE_CHECKING:
    from nearfar.study.schema import Test

Plain = dict[str, Any]


@dataclass(frozen=True)
class Named:
    """Something registered, by its name, with all its options: ``{gin: {layers: 5}}``."""

    name: str
    options: Mapping[str, Any]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        ((name, options),) = plain.items()
        return cls(str(name), dict(options))

    def to_plain(self) -> Plain:
        """Return name → options."""
        return {self.name: dict(self.options)}


OWN = "own"
"""What a solved head is given that sees targets as the data have them."""

Z_UNITS = Named("z", {})
"""The readout that is not named in a specification."""


_EVER = ("kind", "parts", "resplit", "split_seed", "validation")
"""Options of a split that stand in every specification; others only where they say something."""


@dataclass(frozen=True)
class Data:
    """The rows, how they are split (``split_seed`` None: the same for every seed), and changed."""

    digest: str
    split: SplitOptions
    split_seed: int | None
    conditions: Conditions

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        options = dict(plain["split"])
        seed = options.pop("seed")
        split = SplitOptions.model_validate(options)
        return cls(plain["digest"], split, seed, Conditions.of(plain))

    def to_plain(self) -> Plain:
        """Return digest, split and what the conditions change."""
        split = self.split.model_dump(mode="json")
        split = {key: value for key, value in split.items() if value is not None or key in _EVER}
        split["seed"] = self.split_seed
        return {"digest": self.digest, "split": split, **self.conditions.to_plain()}


@dataclass(frozen=True)
class Target:
    """One of the study's targets: its name, and which classes become which."""

    name: str
    classes: tuple[tuple[str, str], ...]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        return cls(plain["name"], tuple((before, after) for before, after in plain["classes"]))

    def to_plain(self) -> Plain:
        """Return name and pairs of classes."""
        return {"name": self.name, "classes": [list(pair) for pair in self.classes]}


@dataclass(frozen=True)
class Input:
    """The stage whose encoder a fit starts from, at its end or at one of its kept epochs."""

    stage: str
    epoch: int | None = None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` described."""
        return cls(plain["stage"], plain["epoch"])

    def to_plain(self) -> Plain:
        """Return hash and epoch."""
        return {"stage": self.stage, "epoch": self.epoch}


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What every stage has."""

    data: Data
    seed: int
    environment: Environment
    threads: int
    modules: tuple[tuple[str, str], ...] = ()
    """The modules that bring parts of the stage which are not nearfar's own: names, versions."""

    def plain_environment(self) -> Plain:
        """Return the environment with the threads that the study fixed."""
        return {**self.environment.to_plain(), "threads": self.threads}

    def _common(self) -> Plain:
        environment = self.plain_environment()
        modules = {"modules": dict(self.modules)} if self.modules else {}
        data = self.data.to_plain()
        return {"data": data, "seed": self.seed, "environment": environment, **modules}


@dataclass(frozen=True, kw_only=True)
class PretrainSpec(_Stage):
    """An encoder is trained under an objective; ``keep`` says where it is kept along the way."""

    encoder: Named
    objective: Named
    recipe: Recipe
    keep: tuple[int, ...] = ()
    augment: tuple[Named, ...] = ()

    def to_plain(self) -> Plain:
        """Return what ``stage.yaml`` holds."""
        return {
            **self._common(),
            "kind": "pretrain",
            "encoder": self.encoder.to_plain(),
            "objective": self.objective.to_plain(),
            "recipe": self.recipe.to_plain(),
            "keep": list(self.keep),
            **_given(augment=_plain(self.augment)),
        }


@dataclass(frozen=True, kw_only=True)
class _Fit(_Stage):
    """A head on an encoder: a fresh one, that of ``input``, or none for heads without features."""

    head: Named
    encoder: Named | None = None
    weights: Weighting | None = None
    task: Literal["reconstruction"] | None = None
    target: Target | None = None
    input: Input | None = None

    def _first(self) -> Plain:
        fit = {"kind": "fit", "head": self.head.to_plain()}
        return {**self._common(), **fit, **_given(encoder=self.encoder, weights=self.weights)}

    def _last(self) -> Plain:
        return _given(task=self.task, target=self.target, input=self.input)


@dataclass(frozen=True, kw_only=True)
class FitSpec(_Fit):
    """A head, and as much of the encoder as ``train`` says, is trained by gradient."""

    train: str
    loss: str
    standardise: bool
    encoder_lr: float
    batch_norm: Literal["train", "eval"]
    recipe: Recipe
    metric: str
    augment: tuple[Named, ...] = ()
    readout: Named = Z_UNITS
    frozen_views: str | None = None
    label_smoothing: float | None = None
    layer_decay: float | None = None

    @property
    def caches_features(self) -> bool:
        """Whether the head is trained on features that are computed before."""
        return self.train == "head" and self.frozen_views != "fresh"

    @property
    def trained(self) -> Literal["all", "head"] | int:
        """``all``, ``head``, or how many of the encoder's last layers beside the head."""
        if self.train.startswith("last:"):
            return int(self.train.removeprefix("last:"))
        return "head" if self.train == "head" else "all"

    def to_plain(self) -> Plain:
        """Return what ``stage.yaml`` holds."""
        readout = None if self.readout.name == Z_UNITS.name else self.readout
        return {
            **self._first(),
            "train": self.train,
            "loss": self.loss,
            "standardise": self.standardise,
            "encoder_lr": self.encoder_lr,
            "batch_norm": self.batch_norm,
            "recipe": self.recipe.to_plain(),
            "metric": self.metric,
            **_given(augment=_plain(self.augment), readout=readout, frozen_views=self.frozen_views),
            **_given(label_smoothing=self.label_smoothing, layer_decay=self.layer_decay),
            **self._last(),
        }


@dataclass(frozen=True, kw_only=True)
class SolveSpec(_Fit):
    """A head is solved on features that stay as they are.

    ``metric`` is the study's where this is not one of nearfar's own, which are all measured.
    ``targets`` is ``OWN`` where the head learns numbers in their own unit, and classes by their
    values in the data.
    """

    metric: str | None = None
    targets: str | None = None

    def to_plain(self) -> Plain:
        """Return what ``stage.yaml`` holds."""
        given = _given(metric=self.metric, targets=self.targets)
        return {**self._first(), **given, **self._last()}


@dataclass(frozen=True, kw_only=True)
class ScoreSpec(_Stage):
    """The finished fit with the hash ``fit`` is judged on other test rows, or corrupted ones."""

    fit: str
    test: "Test"
    target: Target | None = None
    metric: str | None = None

    def to_plain(self) -> Plain:
        """Return what ``stage.yaml`` holds."""
        common = self._common()
        seed = common.pop("seed")
        return {
            **common,
            **_given(target=self.target),
            "seed": seed,
            "kind": "score",
            "input": {"stage": self.fit},
            "test": self.test.changes,
            **_given(metric=self.metric),
        }


StageSpec = PretrainSpec | FitSpec | SolveSpec | ScoreSpec
EncodedSpec = PretrainSpec | FitSpec | SolveSpec
"""Those stages that make or use an encoder of their own."""


def from_plain(plain: Mapping[str, Any]) -> StageSpec:
    """Return the specification that ``to_plain`` described, of any stage."""
    common: Plain = {
        "data": Data.from_plain(plain["data"]),
        "seed": plain["seed"],
        "environment": Environment.from_plain(plain["environment"]),
        "threads": plain["environment"]["threads"],
        "modules": tuple(plain.get("modules", {}).items()),
    }
    target = Target.from_plain(plain["target"]) if "target" in plain else None
    if plain["kind"] == "score":
        # A schema takes longer to import than the model of a fit to read.
        from nearfar.study.schema import Test

        test = Test.model_validate(plain["test"])
        common |= {"test": test, "target": target, "metric": plain.get("metric")}
        return ScoreSpec(**common, fit=plain["input"]["stage"])
    common["encoder"] = Named.from_plain(plain["encoder"]) if "encoder" in plain else None
    trained: Plain = {
        "recipe": Recipe.from_plain(plain["recipe"]) if "recipe" in plain else None,
        "augment": tuple(map(Named.from_plain, plain.get("augment", ()))),
    }
    if plain["kind"] == "pretrain":
        objective, keep = Named.from_plain(plain["objective"]), tuple(plain["keep"])
        return PretrainSpec(**common, **trained, objective=objective, keep=keep)
    common |= {
        "head": Named.from_plain(plain["head"]),
        "weights": plain.get("weights"),
        "task": plain.get("task"),
        "target": target,
        "input": Input.from_plain(plain["input"]) if "input" in plain else None,
    }
    if "train" not in plain:
        return SolveSpec(**common, metric=plain.get("metric"), targets=plain.get("targets"))
    same = ("train", "loss", "standardise", "encoder_lr", "batch_norm", "metric")
    return FitSpec(
        **common,
        **trained,
        **{key: plain[key] for key in same},
        readout=Named.from_plain(plain.get("readout", Z_UNITS.to_plain())),
        frozen_views=plain.get("frozen_views"),
        label_smoothing=plain.get("label_smoothing"),
        layer_decay=plain.get("layer_decay"),
    )


def spec_of(stage_hash: str, store: StageStore) -> StageSpec:
    """Return the specification of a finished stage."""
    return from_plain(store.read(stage_hash)["spec"])


def encoder_of(spec: EncodedSpec, store: StageStore) -> tuple[Named, int]:
    """Return the encoder that a stage has, as a study says it, and the seed that made it."""
    while spec.encoder is None:
        assert spec.input is not None, "a stage without an encoder"
        before = spec_of(spec.input.stage, store)
        assert not isinstance(before, ScoreSpec)
        spec = before
    return spec.encoder, spec.seed


def file_digests(named: Named) -> list[str]:
    """Return the hashes of the embeddings that an encoder, or a part of it, reads from files."""
    parts = named.options["parts"] if named.name == "joined" else [named.to_plain()]
    return [str(part["file"].get("digest")) for part in parts if "file" in part]


def has_encoder(spec: EncodedSpec) -> bool:
    """Whether a stage has an encoder: heads that look at no features have none."""
    return spec.encoder is not None or start_of(spec) is not None


def start_of(spec: EncodedSpec) -> Input | None:
    """Return where a stage takes its encoder from, None for a fresh one or none at all."""
    return None if isinstance(spec, PretrainSpec) else spec.input


def _plain(parts: tuple[Named, ...]) -> list[Plain]:
    return [part.to_plain() for part in parts]


def _given(**parts: Any) -> Plain:
    """Return the parts that are given, neither None nor empty, as plain values."""
    return {
        key: part.to_plain() if hasattr(part, "to_plain") else part
        for key, part in parts.items()
        if part is not None and part != []
    }
