"""What a training run's recipe may say: its length, batch, optimiser, schedule, clipping."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Chunk = Annotated[int, Field(ge=4)]
"""Rows at a time: with four, every chunk has two or more, which batch norm needs."""


class Options(BaseModel):
    """A block of a study file: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _without_absent(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            name: value
            for name, value in dump(self).items()
            if value is not None or name not in fields or fields[name].default is not None
        }


class SGD(Options):
    """Stochastic gradient descent with momentum."""

    lr: Positive = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: NonNegative = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Adam(Options):
    """Adam (Kingma and Ba 2015); ``weight_decay`` is an L2 penalty on the gradient."""

    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.0


class AdamW(Options):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.01


class Muon(Options):
    """Orthogonal steps for weight matrices, AdamW's for the rest (Jordan et al. 2024)."""

    lr: Positive = 3e-3
    weight_decay: NonNegative = 0.01


class Constant(Options):
    """The learning rate stays as it is."""


class Cosine(Options):
    """From lr to ``end`` · lr along half a cosine, after ``warmup`` (fraction of the steps)."""

    end: Fraction = 0.0
    warmup: Fraction = 0.0


class OneCycle(Options):
    """Smith's one-cycle policy: lr/25 up to lr over ``warmup`` of the steps, then to lr/250,000."""

    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Triangular(Options):
    """Straight from ``start`` · lr up to lr over ``warmup`` of the steps, then to ``end`` · lr."""

    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.2
    start: Fraction = 0.2
    end: Fraction = 0.0


class Plateau(Options):
    """The learning rate falls when validation no longer improves.

    After more than ``patience`` rounds without a new best of the value that selects, it is
    multiplied by ``factor``: torch's ``ReduceLROnPlateau`` with a threshold of 0.
    """

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: Annotated[int, Field(ge=0)] = 5


class Lookahead(Options):
    """Weights that follow those of the optimiser slowly, and replace them now and then.

    Zhang et al. 2019, "Lookahead optimizer", with the growing memory of airbench: after every
    ``every`` steps at the share s of the training, slow ← d slow + (1 - d) fast with d =
    ``decay`` ^ ``every`` · s³, and fast ← slow; at the end fast ← slow.
    """

    every: Annotated[int, Field(ge=1)] = 5
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.95


OPTIMIZERS: dict[str, type[Options]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "muon": Muon}
SCHEDULES: dict[str, type[Options]] = {
    "constant": Constant,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "plateau": Plateau,
    "triangular": Triangular,
}

AVERAGES: dict[str, type[Options]] = {"lookahead": Lookahead}

Optimizer = SGD | Adam | AdamW | Muon
Schedule = Constant | Cosine | OneCycle | Plateau | Triangular


_CHOSEN = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "average": AVERAGES}
"""What a recipe chooses among, by name."""


class Recipe(Options):
    """How long and with what a stage is trained.

    The length is given in ``epochs`` or in ``iterations``, which are optimiser steps.
    ``batch`` is in rows and never larger than the rows there are; ``drop_last`` leaves out the
    last, smaller batch of an epoch, which is left out anyway where it is a single row: batch norm
    and losses over pairs of rows need two. ``clip`` bounds the gradient's L2 norm (null: no bound).
    ``average`` says how weights are averaged along the way (null: not at all). ``chunk`` is how
    many rows go through the encoder at a time, in each process (null: all of a batch).
    """

    epochs: Annotated[int, Field(ge=1)] | None = None
    iterations: Annotated[int, Field(ge=1)] | None = None
    batch: Annotated[int, Field(ge=1)]
    drop_last: bool
    optimizer: Optimizer
    schedule: Schedule
    clip: Positive | None
    select: Literal["best", "last"]
    average: Lookahead | None = None
    chunk: Chunk | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("a recipe has either epochs or iterations")
        return self

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, from which ``from_plain`` makes the recipe again."""
        plain = self.model_dump(mode="json", exclude=set(_CHOSEN))
        for key, kinds in _CHOSEN.items():
            value = getattr(self, key)
            if value is None:
                continue
            name = next(name for name, kind in kinds.items() if type(value) is kind)
            plain[key] = {name: value.model_dump(mode="json")}
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the recipe that ``to_plain`` described."""
        chosen: dict[str, Any] = dict(plain)
        for key in chosen.keys() & _CHOSEN.keys():
            kinds = _CHOSEN[key]
            ((name, options),) = plain[key].items()
            chosen[key] = kinds[name](**options)
        return cls(**chosen)

    @property
    def goes_by_validation(self) -> bool:
        """Whether validation rows choose anything of it: the round, or the rate."""
        return self.select == "best" or isinstance(self.schedule, Plateau)

    def steps_per_epoch(self, rows: int) -> int:
        """Return the number of optimiser steps in an epoch over ``rows`` rows."""
        batch = min(self.batch, rows)
        whole, rest = divmod(rows, batch)
        return whole + (rest > 1 and not self.drop_last)

    def steps(self, rows: int) -> int:
        """Return the number of optimiser steps of the whole run over ``rows`` rows."""
        if self.iterations is not None:
            return self.iterations
        assert self.epochs is not None
        return self.epochs * self.steps_per_epoch(rows)
