"""A small task: regression with dropout and batch norm, judged as a test says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nearfar.train.loop import Outcome, Points, Trainer
from nearfar.train.recipe import SGD, Constant, Recipe
from nearfar.train.rounds import Round


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 1)
        )

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        return (self.net(x) - y).square().mean()


class Toy:
    """Implements the loop's ``Task``; remembers batches, and the weights after every round."""

    def __init__(self, rows: int = 40, scores: list[float] | None = None) -> None:
        torch.manual_seed(99)
        self.module: Any = Model()
        self.x = torch.randn(rows, 3)
        self.y = self.x.sum(1, keepdim=True)
        self.rows = torch.arange(rows)
        self.scores = scores
        self.seen: list[list[int]] = []
        self.after: list[dict[str, Tensor]] = []

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(rows.tolist())
        return self.x[rows], self.y[rows]

    def batches(self, rows: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self.batch, rows.split(size))

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return [(list(self.module.parameters()), 1.0)]

    def validate(self, at: Round) -> tuple[float | None, Points]:
        self.after.append(weights(self.module))
        if self.scores is None:
            self.module.eval()
            with torch.no_grad():
                score = float(self.module.loss((self.x, self.y)))
        else:
            score = self.scores[at.number - 1]
        return score, {("validation", "mae"): score}


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two states are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def recipe(**changes: object) -> Recipe:
    given: dict[str, object] = {
        "epochs": 4,
        "batch": 16,
        "drop_last": False,
        "optimizer": SGD(lr=0.05),
        "schedule": Constant(),
        "clip": None,
        "select": "last",
    }
    return Recipe.model_validate({**given, **changes})


def trainer(task: Toy, made: Recipe, folder: Path, *, seed: int = 0, **more: Any) -> Trainer:
    fabric = Fabric(accelerator="cpu", devices=1)
    return Trainer(task, made, seed, fabric, checkpoint=folder / "checkpoint.pt", **more)


def train(task: Toy, made: Recipe, folder: Path, **more: Any) -> Outcome:
    return trainer(task, made, folder, **more).run()


class StoppedError(Exception):
    """Stands for a kill."""


def stop_after(epoch: int) -> Callable[[int, float], None]:
    def report(done: int, loss: float) -> None:
        if done == epoch:
            raise StoppedError

    return report
