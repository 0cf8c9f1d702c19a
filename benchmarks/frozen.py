"""Time to train a head on cached features, against training its encoder along.

The published EMNIST network and head, batch 32, Adam, on random images; epochs of each side in
turns. For so many epochs: the whole network; the head on features that are computed once, by
autograd; the same with the gradients written out, as nearfar has it. One pass over all rows for
the features is part of both. Times are those of the processor, one thread.

    python benchmarks/frozen.py [--quick] [--plot FILE]
"""

import argparse
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import MLP
from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.objectives import CachedRows, Predictor, Rows, in_chunks
from nearfar.study.models import FeatureRows, Features
from nearfar.train.loop import Points, Trainer
from nearfar.train.recipe import Adam, Constant, Recipe
from nearfar.train.rounds import Round

CLASSES, HIDDEN, BATCH, EPOCHS = 47, 64, 32, 20
TURNS = 5
SIDES = ("whole network", "head, autograd", "head, written out")


class Task:
    """A predictor, its rows, and nothing to validate."""

    def __init__(self, encoder: Any, inputs: Any, targets: Tensor, trained: Any) -> None:
        torch.manual_seed(0)
        head = MLP(encoder.out_features, CLASSES, hidden=(HIDDEN,))
        loss = CLASSIFICATION_LOSSES["cross_entropy"]
        self.module = Predictor(encoder, head, loss, trained=trained, classifies=True)
        self.rows = torch.arange(len(targets))
        self.data = (CachedRows if trained == "head" else Rows)(inputs, targets)

    def batches(self, rows: Tensor, size: int) -> Any:
        return self.data.batches(rows, size)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return self.module.groups()

    def validate(self, at: Round) -> tuple[float | None, Points]:
        return None, {}


def trainer(task: Task, epochs: int) -> Trainer:
    recipe = Recipe(
        epochs=epochs,
        batch=BATCH,
        drop_last=False,
        optimizer=Adam(lr=1e-3),
        schedule=Constant(),
        clip=None,
        select="last",
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    return Trainer(task, recipe, 0, fabric, checkpoint=Path("none.pt"))


def measure(count: int) -> dict[str, float]:
    """Side → seconds for 20 epochs on ``count`` rows, of medians of epochs taken in turns."""
    torch.manual_seed(0)
    images = Images(torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8))
    targets = torch.randint(CLASSES, (count, 1)).double()
    encoder: Any = build_encoder("emnist_cnn", {}, images)
    everything = torch.arange(count)

    def features() -> Tensor:
        return in_chunks(encoder, images, everything)

    cached = FeatureRows(features())
    whole = Task(build_encoder("emnist_cnn", {}, images), images, targets, "all")
    heads = [Task(Features(encoder.out_features), cached, targets, "head") for _ in range(2)]
    heads[0].module.step_of = lambda: None  # type: ignore[method-assign]
    trainers = dict(zip(SIDES, (trainer(task, TURNS + 1) for task in (whole, *heads)), strict=True))
    taken: dict[str, list[float]] = {name: [] for name in (*SIDES, "features")}
    losses: dict[str, list[float]] = {name: [] for name in SIDES}
    for turn in range(1, TURNS + 2):
        for name, side in trainers.items():
            begin = time.process_time()
            side.state.round = turn
            losses[name].append(side._round())
            taken[name].append(time.process_time() - begin)
        begin = time.process_time()
        features()
        taken["features"].append(time.process_time() - begin)
    for one, other in zip(losses[SIDES[1]], losses[SIDES[2]], strict=True):
        assert abs(one - other) < 1e-3 * abs(one), "the written-out gradients train otherwise"
    epoch = {name: median(seconds[1:]) for name, seconds in taken.items()}
    total = {name: EPOCHS * epoch[name] for name in SIDES}
    return {n: s + (epoch["features"] if n != SIDES[0] else 0.0) for n, s in total.items()}


def draw(results: dict[int, dict[str, float]], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, colour in zip(SIDES, ("#8c510a", "#777777", "#01665e"), strict=True):
        axes.plot(
            list(results), [r[name] for r in results.values()], "o-", color=colour, label=name
        )
    axes.set(xscale="log", yscale="log", xlabel="training rows", ylabel=f"seconds, {EPOCHS} epochs")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one small size, seconds")
    parser.add_argument("--plot", type=Path, help="where to draw the times")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    print(f"one thread, batch {BATCH}, {EPOCHS} epochs\n")
    print("rows | " + " | ".join(f"{name}, s" for name in SIDES) + " | times as fast")
    print("---: | " + " | ".join("---:" for _ in SIDES) + " | ---:")
    results = {}
    for count in [640] if arguments.quick else [1600, 6400, 25600]:
        results[count] = measure(count)
        seconds = " | ".join(f"{results[count][name]:.1f}" for name in SIDES)
        ratio = results[count][SIDES[0]] / results[count][SIDES[2]]
        print(f"{count:,} | {seconds} | {ratio:.1f}", flush=True)
    if arguments.plot:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()
