"""Small tasks that can be trained together, judged on rows of their own; and their twins."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import toy
from lightning_fabric import Fabric
from torch import Tensor, nn

from nearfar.data import Images
from nearfar.encoders import ENCODERS, build_encoder
from nearfar.encoders.emnist_cnn import EmnistCNN
from nearfar.heads import MLP, Linear
from nearfar.losses import CLASSIFICATION_LOSSES, ELEMENTWISE_LOSSES, REGRESSION_LOSSES
from nearfar.objectives import CachedRows, Predictor, Rows
from nearfar.stacking.predictors import stack_of
from nearfar.stacking.trainer import StackedTrainer
from nearfar.stages.models import FeatureRows, Features
from nearfar.stages.tasks import FitTask
from nearfar.train.loop import Outcome, Points, Trainer
from nearfar.train.recipe import SGD, Recipe
from nearfar.train.rounds import Round

FEATURES, CLASSES, HELD_OUT = 6, 5, 20
CPU = Fabric(accelerator="cpu", devices=1)
OUTPUTS: Any = None  # nothing but losses is looked at


class Task(FitTask):
    """A predictor on ``rows`` of ``data``; its loss on the last rows of all chooses the round."""

    def __init__(self, module: Predictor, data: Rows, rows: Tensor) -> None:
        held_out = torch.arange(len(data.targets) - HELD_OUT, len(data.targets))
        super().__init__(module, data, rows, held_out, OUTPUTS, "loss")
        self.judged = 0

    @torch.no_grad()
    def validate(self, at: Round) -> tuple[float | None, Points]:
        self.judged += 1
        told = {("train", name): value for name, value in self.module.monitor().items()}
        self.module.eval()
        shown = replace(self.data, augment=None, weights=None).batch(self.validation)
        value = float(self.module.loss(shown))
        return value, {**told, ("validation", "loss"): value}


def head(kind: str, inputs: int, outputs: int) -> nn.Module:
    return Linear(inputs, outputs) if kind == "linear" else MLP(inputs, outputs, hidden=(8,))


def features(count: int = 90) -> Tensor:
    return torch.randn(count, FEATURES, generator=torch.Generator().manual_seed(5)) + 0.5


SHOWN = FeatureRows(features())


def head_task(
    seed: int, kind: str = "linear", loss: str = "cross_entropy", rows: int = 70, **more: Any
) -> Task:
    """A head on features that are computed before, on the first ``rows`` of them."""
    signal = SHOWN.values @ torch.linspace(-1, 1, FEATURES)
    torch.manual_seed(seed)
    if loss == "cross_entropy":
        targets = (signal.clamp(-2, 1.9) + 2).floor()[:, None].double()
        made = Predictor(
            Features(FEATURES),
            head(kind, FEATURES, CLASSES),
            CLASSIFICATION_LOSSES[loss],
            trained="head",
            classifies=True,
        )
    else:
        targets = torch.stack([signal, signal.square()], 1).double()
        made = Predictor(
            Features(FEATURES),
            head(kind, FEATURES, 2),
            REGRESSION_LOSSES[loss],
            trained="head",
            elementwise=ELEMENTWISE_LOSSES[loss],
        )
    made.standardise.fit(SHOWN.values[:rows])
    return Task(made, CachedRows(SHOWN, targets, **more), torch.arange(rows))


def vector_task(seed: int, trained: Any = "all", rows: int = 70) -> Task:
    """An MLP with a linear head on vectors, on the first ``rows`` of them."""
    made = head_task(seed, rows=rows)
    torch.manual_seed(seed)
    encoder = ENCODERS["mlp"](SHOWN, hidden=8)
    loss = CLASSIFICATION_LOSSES["cross_entropy"]
    module = Predictor(encoder, Linear(8, CLASSES), loss, trained=trained, classifies=True)
    return Task(module, made.data, made.rows)


PIXELS = torch.randint(
    0, 256, (90, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(5)
)
PIXELS[:, :, :9] = 0  # equal values that compete in max-pooling
IMAGES = Images(PIXELS)
SIGNAL = PIXELS[:, 0, 12:20, 12:20].float().mean((1, 2))


def image_task(
    seed: int, kind: str = "linear", trained: Any = "all", rows: int = 70, **more: Any
) -> Task:
    """The EMNIST CNN with a head, on the first ``rows`` images."""
    torch.manual_seed(seed)
    encoder: Any = build_encoder("emnist_cnn", {}, IMAGES)
    targets = SIGNAL.argsort().argsort().mul(CLASSES).div(90).floor()[:, None].double()
    loss = CLASSIFICATION_LOSSES["cross_entropy"]
    augment = more.pop("augment", None)
    made = Predictor(
        encoder, head(kind, 32, CLASSES), loss, trained=trained, classifies=True, **more
    )
    return Task(made, Rows(IMAGES, targets, augment=augment), torch.arange(rows))


def recipe(**changes: object) -> Recipe:
    return toy.recipe(**{"optimizer": SGD(lr=0.1), "select": "best", **changes})


def alone(
    tasks: Sequence[Task], recipes: Sequence[Recipe], seeds: Sequence[int], **more: Any
) -> list[Outcome]:
    limits = more.pop("limits", [float("inf")] * len(tasks))
    return [
        Trainer(task, made, seed, CPU, checkpoint=Path("none.pt"), limit=limit, **more).run()
        for task, made, seed, limit in zip(tasks, recipes, seeds, limits, strict=True)
    ]


def together(
    tasks: Sequence[Task],
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    checkpoint: Path = Path("none.pt"),
    **more: Any,
) -> list[Outcome]:
    made = StackedTrainer(
        tasks, recipes, seeds, CPU, stack_of=stack_of, checkpoint=checkpoint, **more
    )
    return made.run()


def same_end(
    tasks: Sequence[Task],
    outcomes: Sequence[Outcome],
    others: Sequence[Task],
    expected: Sequence[Outcome],
) -> None:
    """Assert that runs ended alike: in all that is counted, and within rounding in the rest.

    Of convolutions that is more: a unit whose input is all but 0 may count in one and not in the
    other, as it does between torch's own two layouts.
    """
    images = any(isinstance(task.module.encoder, EmnistCNN) for task in tasks)
    near = {"rtol": 1e-5, "atol": 2e-4 if images else 1e-5, "equal_nan": True}
    for outcome, other in zip(outcomes, expected, strict=True):
        for name in ("status", "reason", "epochs", "steps", "selected_epoch"):
            assert getattr(outcome, name) == getattr(other, name), name
        assert [(c.epoch, c.split, c.metric) for c in outcome.curves] == [
            (c.epoch, c.split, c.metric) for c in other.curves
        ]
        got = torch.tensor([c.value for c in outcome.curves])
        torch.testing.assert_close(got, torch.tensor([c.value for c in other.curves]), **near)
        assert outcome.kept.keys() == other.kept.keys()
        for epoch, kept in other.kept.items():
            torch.testing.assert_close(outcome.kept[epoch], kept, **near)
    for task, twin in zip(tasks, others, strict=True):
        torch.testing.assert_close(
            dict(task.module.state_dict()),
            dict(twin.module.state_dict()),
            **near,
        )
