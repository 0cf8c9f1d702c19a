"""What the benchmarks of training share: a recipe, a classifier, a task that nothing judges."""

import atexit
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.objectives import Predictor, Rows
from nearfar.stages.tasks import FitTask
from nearfar.train.recipe import Constant, Recipe
from nearfar.train.rounds import Round
from nearfar.train.state import Points

_FOLDER = TemporaryDirectory()
atexit.register(_FOLDER.cleanup)
_NUMBERS = count()


def checkpoint() -> Path:
    """Return a file that is not there yet, and not there any more when the program has ended."""
    return Path(_FOLDER.name) / f"{next(_NUMBERS)}.pt"


def recipe(optimizer: Any, batch: int, **more: Any) -> Recipe:
    """Return one epoch at a constant rate, its end kept, but for what is told otherwise."""
    given = {"epochs": 1, "drop_last": False, "schedule": Constant(), "clip": None}
    return Recipe(optimizer=optimizer, batch=batch, **{**given, "select": "last", **more})


def classifier(encoder: Any, head: nn.Module, trained: Any = "all") -> Predictor:
    """Return a predictor of classes."""
    loss = CLASSIFICATION_LOSSES["cross_entropy"]
    return Predictor(encoder, head, loss, trained=trained, classifies=True)


class Unjudged(FitTask):
    """Training on all rows; there are none to validate on."""

    def __init__(self, module: Predictor, data: Rows) -> None:
        rows = torch.arange(len(data.targets), device=data.targets.device)
        outputs: Any = None
        super().__init__(module, data, rows, rows[:0], outputs, "")

    def validate(self, at: Round) -> tuple[float | None, Points]:
        """Return nothing, and forget what the module has to tell."""
        self.module.monitor()
        return None, {}
