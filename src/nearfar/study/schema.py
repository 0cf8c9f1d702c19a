"""What a study file may say. Every key is checked, every default is written down here.

The models describe a study whose profile is chosen, whose ``defaults`` are merged into its stages
and arms, and whose axes are substituted (``load.py`` does that).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from nearfar.data.augment import VIEWS
from nearfar.data.conditions import Conditions
from nearfar.data.corruptions import CORRUPTIONS
from nearfar.data.options import DataOptions, SplitOptions
from nearfar.data.rare_targets import Weighting
from nearfar.data.targets import Name as DataName
from nearfar.encoders import ENCODERS
from nearfar.errors import nearest, shown
from nearfar.extensions import Registry
from nearfar.heads import EXACT, HEADS, READOUTS
from nearfar.losses import DISTRIBUTION_LOSSES, LOSSES
from nearfar.metrics import METRICS
from nearfar.objectives import OBJECTIVES
from nearfar.study.augmentations import Augmentations, frozen_mistake, views_in
from nearfar.study.axis import Axis
from nearfar.study.given_names import GivenName
from nearfar.study.named_classes import ClassMap, Unseen
from nearfar.study.named_options import choice_among, several_among
from nearfar.study.published import Claim, Published
from nearfar.study.rounds import MOST, SIZE
from nearfar.track import TRACKERS
from nearfar.train.recipe import AVERAGES, OPTIMIZERS, SCHEDULES, Chunk, Options, Positive, Recipe

EncoderChoice: Any = choice_among("encoder", ENCODERS, list_name="joined")
ObjectiveChoice: Any = choice_among("objective", OBJECTIVES)
HeadChoice: Any = choice_among("head", HEADS)
ReadoutChoice: Any = choice_among("readout", READOUTS)
OptimizerChoice: Any = choice_among("optimizer", OPTIMIZERS)
ScheduleChoice: Any = choice_among("schedule", SCHEDULES)
AverageChoice: Any = choice_among("average", AVERAGES)
Trackers: Any = several_among("track", TRACKERS)


Name = Annotated[str, Field(min_length=1)]

EPOCHS = 100
"""How long training takes where a study file does not say."""


def _one_of(names: Any) -> Any:
    return Literal[tuple(names)]


def _name_in(registry: Registry[Any]) -> Any:
    """Return the type of a name that is built in or a plug-in's."""

    def known(given: Any) -> str:
        if not isinstance(given, str) or given not in registry:
            allowed = nearest(str(given), registry.names())
            raise ValueError(f"unknown value {shown(given)}; {allowed}")
        return given

    return Annotated[str, BeforeValidator(known)]


class Training(Options):
    """The recipe of whatever is trained by gradient.

    Its length is in ``epochs`` or in ``iterations`` (optimiser steps).
    """

    epochs: Annotated[int, Field(ge=1)] | None = None
    iterations: Annotated[int, Field(ge=1)] | None = None
    batch: Annotated[int, Field(ge=2)] = 128
    drop_last: bool = False
    optimizer: OptimizerChoice = Field(default_factory=lambda: OptimizerChoice(adamw={}))
    schedule: ScheduleChoice = Field(default_factory=lambda: ScheduleChoice(one_cycle={}))
    clip: Positive | None = 1.0
    average: AverageChoice | None = None
    chunk: Chunk | None = None
    augment: Augmentations = Field([])

    @model_validator(mode="before")
    @classmethod
    def _one_length(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        lengths = [key for key in ("epochs", "iterations") if given.get(key) is not None]
        if len(lengths) > 1:
            raise ValueError("takes either epochs or iterations, not both")
        return given if lengths else {**given, "epochs": EPOCHS}

    def recipe(self, select: Literal["best", "last"]) -> Recipe:
        """Return the training loop's recipe."""
        return Recipe(
            epochs=self.epochs,
            iterations=self.iterations,
            batch=self.batch,
            drop_last=self.drop_last,
            optimizer=self.optimizer.options,
            schedule=self.schedule.options,
            clip=self.clip,
            average=None if self.average is None else self.average.options,
            chunk=self.chunk,
            select=select,
        )


class Stage(Training):
    """A pre-training stage: an encoder under an objective. ``keep`` lists where to probe later."""

    encoder: EncoderChoice
    objective: ObjectiveChoice
    keep: tuple[Annotated[int, Field(ge=1)], ...] = ()

    @model_validator(mode="after")
    def _can_be_trained(self) -> "Stage":
        unit = "epochs" if self.iterations is None else "iterations"
        length: int = getattr(self, unit)
        if any(point > length for point in self.keep):
            raise ValueError(f"keep: {list(self.keep)} goes beyond the {length} {unit}")
        predicts = getattr(OBJECTIVES[self.objective.name], "predicts", False)
        if self.schedule.name == "plateau" and not predicts:
            raise ValueError(
                "schedule: plateau goes by validation, which selects nothing here; that of"
                " objectives cross_entropy and regression can be followed"
            )
        if not getattr(ENCODERS[self.encoder.name], "trainable", True):
            raise ValueError(f"encoder {self.encoder.name} is fixed: there is nothing to pre-train")
        least = OBJECTIVES[self.objective.name].least_rows
        if self.batch < least:
            raise ValueError(f"batch: {self.objective.name} compares rows, so at least {least}")
        views = getattr(self.objective.options, "views", OBJECTIVES[self.objective.name].views)
        if views > 1 and not views_in(self.augment):
            raise ValueError(
                f"augment: {self.objective.name} compares {views} views of a row, so say how they"
                f" are made: {', '.join(VIEWS)}"
            )
        return self


class TrainedFit(Training):
    """A head, and as much of the encoder as ``train`` says, trained by gradient.

    ``train`` is ``head``, ``last:k`` (the encoder's last k layer groups and the head) or ``all``.
    ``standardise`` puts features at mean 0 and deviation 1 over the training rows, as the encoder
    gives them at the start. ``encoder_lr`` multiplies the encoder's learning rate, ``layer_decay``
    that of each of its layers once more for every layer after it; ``batch_norm``
    says whether the trained part of the encoder updates its running statistics. ``frozen_views``
    says how an encoder that is not trained sees ``augment``: ``cached:k``, k views of every row
    computed once, or ``fresh``, new ones in every epoch. ``target`` names one of the study's
    ``targets``; by default the data set's own is predicted. ``readout`` says how the head's outputs
    become numbers. ``label_smoothing`` is the share of a class that is spread over
    all of them. ``weights`` says how much training rows count by how rare their targets are
    (:func:`nearfar.data.rarity_weights`).
    """

    encoder: EncoderChoice | None = None
    target: DataName | None = None
    head: HeadChoice = Field(default_factory=lambda: HeadChoice(linear={}))
    train: Annotated[str, Field(pattern=r"^(head|all|last:[1-9][0-9]*)$")]
    loss: _one_of([name for losses in (*LOSSES.values(), DISTRIBUTION_LOSSES) for name in losses])  # type: ignore[valid-type]
    label_smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None
    readout: ReadoutChoice = Field(default_factory=lambda: ReadoutChoice(z={}))
    standardise: bool
    encoder_lr: Positive = 1.0
    layer_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    batch_norm: Literal["train", "eval"] = "train"
    weights: Weighting | None = None
    select: Literal["best", "last"] = "best"
    frozen_views: Annotated[str, Field(pattern=r"^(fresh|cached:[1-9][0-9]*)$")] | None = None

    @model_validator(mode="after")
    def _frozen_says_nothing_of_training(self) -> "TrainedFit":
        if self.train == "head":
            for key in ("encoder_lr", "batch_norm", "layer_decay", "chunk"):
                if key in self.model_fields_set and getattr(self, key) not in (1.0, "train", None):
                    raise ValueError(f"{key} has no meaning with train: head; leave it out")
        if self.label_smoothing is not None and self.loss != "cross_entropy":
            raise ValueError(f"label_smoothing is for cross_entropy, not for {self.loss}")
        if mistake := frozen_mistake(self.augment, self.frozen_views, frozen=self.train == "head"):
            raise ValueError(mistake)
        return self


class ExactFit(Options):
    """A head that is solved on the features of an encoder that is not trained further."""

    encoder: EncoderChoice | None = None
    target: DataName | None = None
    head: HeadChoice
    weights: Weighting | None = None


def _kind_of_fit(given: Any) -> str:
    if isinstance(given, TrainedFit | ExactFit):
        return "exact" if isinstance(given, ExactFit) else "trained"
    head = given.get("head", "linear") if isinstance(given, dict) else "linear"
    name = next(iter(head), "") if isinstance(head, dict) else head
    return "exact" if str(name) in EXACT else "trained"


Fit = Annotated[
    Annotated[TrainedFit, Tag("trained")] | Annotated[ExactFit, Tag("exact")],
    Discriminator(_kind_of_fit),
]


class Pretrain(Options):
    """Which stage an arm starts from; ``epoch`` picks one of its kept checkpoints, not the end.

    Or the encoder of ``arm`` in another run of the same folder, seed by seed: ``run`` is the name
    of its study, of which the run with the same profile is taken, or of its folder.
    """

    stage: str | None = None
    epoch: Annotated[int, Field(ge=1)] | None = None
    run: str | None = None
    arm: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: Any) -> Any:
        return {"stage": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _from_one_place(self) -> "Pretrain":
        if (self.stage is None) == (self.run is None):
            raise ValueError("takes the name of a stage, or {run: …, arm: …}")
        if (self.run is None) != (self.arm is None):
            raise ValueError("'run' and 'arm' go together: the encoder of that arm in that run")
        if self.run is not None and self.epoch is not None:
            raise ValueError("'epoch' goes with a stage of this study")
        return self


class Arm(Options):
    """A way from input to prediction: an optional pre-training stage, then a fit.

    ``group`` sorts the tables; ``against`` names the arm it is compared with (by default the
    study's baseline).
    """

    group: Literal["published", "own", "control"] = "own"
    against: str | None = None
    pretrain: Pretrain | None = None
    fit: Fit

    @model_validator(mode="after")
    def _one_encoder(self) -> "Arm":
        head = self.fit.head.name
        needs = getattr(EXACT.get(head), "uses_features", True)
        if self.pretrain is not None and self.fit.encoder is not None:
            raise ValueError("has a pre-trained encoder and names another: leave out fit.encoder")
        if not needs and (self.pretrain is not None or self.fit.encoder is not None):
            raise ValueError(f"head {head} looks at no features: leave out its encoder")
        if needs and self.pretrain is None and self.fit.encoder is None:
            raise ValueError("needs an encoder: pretrain, or fit.encoder")
        if self.fit.encoder is not None and isinstance(self.fit, TrainedFit):
            fixed = not getattr(ENCODERS[self.fit.encoder.name], "trainable", True)
            if fixed and self.fit.train != "head":
                raise ValueError(
                    f"encoder {self.fit.encoder.name} is fixed: train must be 'head',"
                    f" not {shown(self.fit.train)}"
                )
        return self


PRUNE = 0.1
"""The p-value below which a point of a search is given up."""
MOST_SEARCH_SEEDS = 100


class Search(Options):
    """What the points of ``choose`` axes may spend before one of them is chosen.

    ``epochs`` caps those of the fits, and of the stages that such an axis changes. With ``seeds``
    each point of a search by trials is trained so often within its split, and its mean counts; one
    that is worse than the best by Wilcoxon's signed-rank test over the same seeds, p below
    ``prune``, is given up before its seeds are through; 0 prunes none.
    """

    epochs: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=2, le=MOST_SEARCH_SEEDS)] | None = None
    prune: Annotated[float, Field(ge=0.0, le=0.5)] | None = None

    @model_validator(mode="after")
    def _can_prune(self) -> "Search":
        if self.seeds is None:
            if self.prune is not None:
                raise ValueError("'prune' goes with 'seeds': points are compared over their seeds")
            if self.epochs is None:
                raise ValueError("needs 'epochs', or 'seeds', or both")
            return self
        if self.prune and self.prune <= self._least:
            raise ValueError(
                f"'prune' of {self.prune:g} saves nothing with {self.seeds} seeds: before the last "
                f"p is {self._least:g} or more; take more seeds, or prune: 0"
            )
        return self

    @property
    def _least(self) -> float:
        """The smallest p-value that the test can give before the last seed."""
        return 0.5 ** ((self.seeds or 1) - 1)

    @property
    def threshold(self) -> float:
        """The p-value below which points are given up; 0 where that could save nothing."""
        return (PRUNE if self._least < PRUNE else 0.0) if self.prune is None else self.prune


class Test(Options):
    """On which test rows, and how corrupted, finished fits are scored; nothing is trained again.

    ``rows``: all of them; those whose targets are among the study's ``unseen``, or are not; those
    with targets of which training has many, some or few rows (see ``nearfar.data.shots``).
    ``corruption`` is one that the inputs can have, of ``severity`` 1 to 5; 0 is none.
    """

    rows: Literal["all", "seen", "unseen", "many", "medium", "few"] = "all"
    corruption: _one_of(CORRUPTIONS) | None = None  # type: ignore[valid-type]
    severity: Annotated[int, Field(ge=0, le=5)] | None = None

    @model_validator(mode="after")
    def _severe(self) -> "Test":
        if (self.corruption is None) != (self.severity is None):
            raise ValueError("'corruption' and 'severity' go together: what, and how much of it")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from scoring all rows as they are, as a stage's specification has it."""
        found = {} if self.rows == "all" else {"rows": self.rows}
        changed = {"corruption": self.corruption, "severity": self.severity}
        return {**found, **changed} if self.severity else found


class Study(Options):
    """A resolved study.

    ``labels`` is the fraction of training rows whose labels are used; stages that read none see
    all rows. ``label_noise`` is the fraction of these whose label is spurious. ``unseen`` is what
    no row has that anything is trained or chosen on: targets of a range, or classes. ``rounds``
    says that arms are trained in rounds of five seeds, of which a decided arm takes no more part,
    and how many there are. ``left_out`` names the arms that the profile leaves out.
    """

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    title: str = ""
    question: str = ""
    profile: Literal["full", "efficient", "quick", "smoke"] = "full"
    left_out: tuple[Name, ...] | None = None
    data: DataOptions
    split: SplitOptions
    metric: _name_in(METRICS)  # type: ignore[valid-type]
    margin: Positive | None = None
    labels: Annotated[float, Field(gt=0, le=1)] = 1.0
    label_noise: Annotated[float, Field(ge=0, lt=1)] = 0.0
    unseen: Unseen | None = None
    test: Test = Field(default_factory=Test)
    targets: dict[str, ClassMap] = Field({})
    search: Search | None = None
    threads: Annotated[int, Field(ge=1)] = 1
    rounds: Annotated[int, Field(ge=1, le=MOST // SIZE)] | None = None
    max_epochs: Annotated[int, Field(ge=1)] | None = None
    baseline: str
    stages: dict[GivenName, Stage] = Field({})
    arms: Annotated[dict[GivenName, Arm], Field(min_length=1)]
    axes: dict[GivenName, Axis] = Field({})
    minutes: dict[Literal["full", "efficient", "quick", "smoke"], Positive] = Field({})
    published: list[Published] = Field([])
    claims: list[Claim] = Field([])
    track: Trackers | None = None
    modules: Annotated[list[Name], Field(min_length=1)] | None = None

    @property
    def conditions(self) -> Conditions:
        """Under which conditions rows are learnt from."""
        return Conditions(self.unseen, self.labels, self.label_noise)
