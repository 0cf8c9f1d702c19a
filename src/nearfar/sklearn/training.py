"""Training for estimators: the house's loop, on rows of numbers that are already scaled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, ValidationError
from torch import Tensor, nn

from nearfar.data import Vectors
from nearfar.encoders.mlp import MLP
from nearfar.objectives import Batch, Predictor, Rows, in_chunks
from nearfar.study.named_options import options_of
from nearfar.train.device import fabric_on
from nearfar.train.loop import Outcome, Points, Trainer
from nearfar.train.recipe import AdamW, NonNegative, OneCycle, Options, Positive, Recipe
from nearfar.train.rounds import Round

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHUNK = 8192
"""Rows whose features are computed at once."""
CLIP = 1.0


class TrainingOptions(Options):
    """How an estimator is trained: what all have."""

    epochs: PositiveInt
    batch_size: PositiveInt
    lr: Positive
    weight_decay: NonNegative
    device: Literal["cpu", "cuda", "auto"]

    def recipe(self, select: Literal["best", "last"]) -> Recipe:
        """Return the training loop's recipe: AdamW in one cycle, gradients clipped."""
        return Recipe(
            epochs=self.epochs,
            batch=self.batch_size,
            drop_last=False,
            optimizer=AdamW(lr=self.lr, weight_decay=self.weight_decay),
            schedule=OneCycle(),
            clip=CLIP,
            select=select,
        )

    @property
    def place(self) -> str:
        """The device to train on.

        Raises:
            ValueError: it is ``cuda``, and torch finds none.
        """
        there = torch.cuda.is_available()
        if self.device == "cuda" and not there:
            raise ValueError("device='cuda': torch finds no such device here; allowed: auto, cpu")
        return "cuda" if self.device != "cpu" and there else "cpu"


class PredictorOptions(TrainingOptions):
    """What estimators with a head have beside; batch norm needs two rows."""

    batch_size: Annotated[int, Field(ge=2)]
    head: Literal["linear", "mlp"]
    train: Literal["all", "head"]
    encoder_lr: NonNegative
    validation_fraction: Annotated[float, Field(ge=0, lt=1)]


def checked(kind: type[Options], given: Mapping[str, Any], owner: str) -> Any:
    """Return options made of parameters of an estimator.

    Raises:
        ValueError: one is not allowed; a line that says which, and why.
    """
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in given.items()
    }
    try:
        return kind(**plain)
    except ValidationError as error:
        raise ValueError(f"{owner}: {'; '.join(map(_told, error.errors()))}") from None


def _told(one: Any) -> str:
    place = ".".join(str(part) for part in one["loc"])
    return f"{place}={one['input']!r}: {one['msg'][0].lower()}{one['msg'][1:]}"


def constructed(kind: type[Any], *first: Any, owner: str, **options: Any) -> Any:
    """Make an encoder or objective of the house; its options are checked as in a study file."""
    chosen = checked(_options_of(kind), options, owner)  # type: ignore[arg-type]
    return kind(*first, **{name: getattr(chosen, name) for name in type(chosen).model_fields})


@cache
def _options_of(kind: Callable[..., Any]) -> type[Options]:
    assert isinstance(kind, type)
    return options_of(kind)


@cache
def _fabric(place: str) -> Fabric:
    """Return the Fabric of a device; making one takes longer than an epoch of few rows."""
    return fabric_on(place)


def fresh_encoder(columns: int, owner: str, **options: Any) -> MLP:
    """Return an encoder of rows with so many columns, with weights from torch's generator."""
    encoder: MLP = constructed(MLP, blank(columns), owner=owner, **options)
    return encoder


def blank(columns: int) -> Vectors:
    """Return a row from which an encoder reads how many columns there are."""
    return Vectors(torch.zeros(1, columns), [str(k) for k in range(columns)])


@dataclass
class Training:
    """What the training loop is given.

    ``judge`` returns the value to minimise of a module in evaluation mode, None where the last
    epoch is taken.
    """

    module: nn.Module
    data: Rows
    rows: Tensor
    judge: Callable[[], float] | None = None

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Gather rows, ``size`` at a time."""
        return self.data.batches(rows, size)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trained parameters with their learning-rate factors."""
        if isinstance(self.module, Predictor):
            return self.module.groups()
        return [([p for p in self.module.parameters() if p.requires_grad], 1.0)]

    def validate(self, at: Round) -> tuple[float | None, Points]:
        """Return the value to minimise."""
        monitor: Any = getattr(self.module, "monitor", dict)
        monitor()
        return (None if self.judge is None else self.judge()), {}


def train(task: Training, options: TrainingOptions, seed: int, owner: str, limit: float) -> Outcome:
    """Train, leave the module on the processor in evaluation mode, and torch's generators alone.

    Raises:
        ValueError: training diverged.
    """
    fabric = _fabric(options.place)
    task.data = _moved(task.data, fabric.device)
    task.rows = task.rows.to(fabric.device)
    select: Literal["best", "last"] = "last" if task.judge is None else "best"
    with tempfile.TemporaryDirectory() as folder, torch.enable_grad():
        outcome = Trainer(
            task,
            options.recipe(select),
            seed,
            fabric,
            checkpoint=Path(folder) / "checkpoint.pt",
            limit=limit,
        ).run()
    task.module.cpu().eval()
    if outcome.status != "done":
        raise ValueError(f"{owner}: training diverged: {outcome.reason}; a smaller lr may help")
    return outcome


def _moved(data: Rows, device: torch.device) -> Rows:
    augment: Any = data.augment
    if hasattr(augment, "to"):
        augment = augment.to(device)
    return Rows(data.inputs.to(device), data.targets.to(device), augment, data.views)


def rows_of(scaled: NDArray[np.float64]) -> Vectors:
    """Return scaled rows (n, columns) as encoders take them."""
    return Vectors(torch.from_numpy(scaled), [str(k) for k in range(scaled.shape[1])])


@torch.no_grad()
def outputs_of(module: nn.Module, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a module makes of scaled rows (n, columns), float64 (n, k).

    It is computed in float64, so that it does not depend on which rows stand beside a row.
    """
    exact = deepcopy(module).double().eval()
    parts = torch.split(torch.from_numpy(np.ascontiguousarray(scaled)), CHUNK)
    return torch.cat([exact(part) for part in parts]).numpy()


def loss_on(predictor: Predictor, data: Rows, rows: Tensor) -> float:
    """Return the loss of some rows; one that is not finite counts as infinite."""
    with torch.no_grad():
        outputs = in_chunks(predictor, data.inputs, rows, call=predictor.outputs)
        value = float(predictor.compare(outputs, data.targets[rows]))
    return value if np.isfinite(value) else float("inf")
