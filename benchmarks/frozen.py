"""Time to train a head on cached features, against training its encoder along.

The published EMNIST network and head, batch 32, Adam, on random images; epochs of each side in
turns. For so many epochs: the whole network; the head on features that are computed once, by
autograd; the same with the gradients written out, as nearfar has it. One pass over all rows for
the features is part of both. The limit is the arithmetic of the head's products.

    python benchmarks/frozen.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from measure import (
    LIMIT,
    OURS,
    THEIRS,
    Table,
    draw_growth,
    header,
    in_turns,
    operations,
    options,
    product_rate,
)
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import MLP
from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.objectives import CachedRows, Predictor, Rows, in_chunks
from nearfar.study.models import FeatureRows, Features
from nearfar.train.device import fabric_on, precision_of
from nearfar.train.loop import Points, Trainer
from nearfar.train.recipe import Adam, Constant, Recipe
from nearfar.train.rounds import Round

CLASSES, HIDDEN, BATCH, EPOCHS = 47, 64, 32, 20
TURNS = 4
SIDES = ("whole network", "head, autograd", "head, written out")


class Task:
    """A predictor, its rows, and nothing to validate."""

    def __init__(self, encoder: Any, inputs: Any, targets: Tensor, trained: Any) -> None:
        torch.manual_seed(0)
        head = MLP(encoder.out_features, CLASSES, hidden=(HIDDEN,))
        loss = CLASSIFICATION_LOSSES["cross_entropy"]
        self.module = Predictor(encoder, head, loss, trained=trained, classifies=True)
        self.rows = torch.arange(len(targets), device=targets.device)
        self.data = (CachedRows if trained == "head" else Rows)(inputs, targets)

    def batches(self, rows: Tensor, size: int) -> Any:
        return self.data.batches(rows, size)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return self.module.groups()

    def validate(self, at: Round) -> tuple[float | None, Points]:
        return None, {}


def epochs_of(task: Task, device: torch.device, losses: list[float]) -> Callable[[], None]:
    """Return what trains an epoch, from where the one before ended; its losses are kept."""
    recipe = Recipe(
        epochs=TURNS + 2,
        batch=BATCH,
        drop_last=False,
        optimizer=Adam(lr=1e-3),
        schedule=Constant(),
        clip=None,
        select="last",
    )
    fabric = fabric_on(device.type, precision_of(device.type, "image"))
    trainer = Trainer(task, recipe, 0, fabric, checkpoint=Path("none.pt"))

    def epoch() -> None:
        trainer.state.round += 1
        losses.append(trainer._round())

    return epoch


def measure(count: int, device: torch.device) -> dict[str, float]:
    """Side → seconds for 20 epochs on ``count`` rows, of medians of epochs taken in turns."""
    torch.manual_seed(0)
    images = Images(torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8)).to(device)
    targets = torch.randint(CLASSES, (count, 1), device=device).double()
    encoder: Any = build_encoder("emnist_cnn", {}, images).to(device)
    everything = torch.arange(count, device=device)

    def features() -> Tensor:
        return in_chunks(encoder, images, everything)

    cached = FeatureRows(features())
    whole = Task(build_encoder("emnist_cnn", {}, images), images, targets, "all")
    heads = [Task(Features(encoder.out_features), cached, targets, "head") for _ in range(2)]
    heads[0].module.step_of = lambda: None  # type: ignore[method-assign]
    losses: dict[str, list[float]] = {name: [] for name in SIDES}
    tasks = dict(zip(SIDES, (whole, *heads), strict=True))
    epochs = {name: epochs_of(task, device, losses[name]) for name, task in tasks.items()}
    taken = in_turns({**epochs, "features": features}, device, least=TURNS, most=TURNS)
    for one, other in zip(losses[SIDES[1]], losses[SIDES[2]], strict=True):
        assert abs(one - other) < 1e-3 * abs(one), "the written-out gradients train otherwise"
    total = {name: EPOCHS * taken[name].median for name in SIDES}
    total |= {name: total[name] + taken["features"].median for name in SIDES[1:]}
    total["limit"] = EPOCHS * operations(epochs[SIDES[2]]) / product_rate(device)
    return total


def main() -> None:
    given = options(__doc__, threads=1)
    header(given.device)
    print(f"batch {BATCH}, {EPOCHS} epochs, seconds\n")
    table = Table("rows", *SIDES, "times as fast", "the head's products alone")
    results: dict[int, dict[str, float]] = {}
    for count in [640] if given.quick else [1600, 6400, 12800]:
        results[count] = found = measure(count, given.device)
        ratio = found[SIDES[0]] / found[SIDES[2]]
        seconds = [f"{found[name]:.2f}" for name in SIDES]
        table.row(f"{count:,}", *seconds, f"{ratio:.1f}", f"{found['limit']:.3f}")
    colours = zip((*SIDES, "limit"), (THEIRS, "black", OURS, LIMIT), strict=True)
    lines = {name: (c, {n: found[name] for n, found in results.items()}) for name, c in colours}
    draw_growth(given.plot, lines, xlabel="training rows", ylabel=f"seconds, {EPOCHS} epochs")


if __name__ == "__main__":
    main()
