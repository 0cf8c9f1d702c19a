"""What share of a machine's arithmetic ``fast_cnn`` gets in training, and what two cores do best.

The network of the profile ``efficient`` of ``cifar10-classes`` and half of its width, on images of
32×32 pixels in batches of 500, by its recipe: views (shift, alternating flip), Nesterov SGD,
lookahead, label smoothing. The step is forward, backward and the optimiser's; the operations of
its convolutions and products are counted and set against a matrix product of the same precision
and threads in the same run. Views and loop are what whole rounds of nearfar's trainer take more.
A loop below 0 is noise.
bfloat16 is shown where the processor computes in it. Then two trainings at once, a thread each, in
processes of their own, against one after the other on two threads.

    python benchmarks/efficient.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch
from torch import nn

import measure
from nearfar.data import Images
from nearfar.data.augment import build_views
from nearfar.encoders import build_encoder
from nearfar.losses.classification import cross_entropy
from nearfar.objectives import Predictor, Rows
from nearfar.train.device import FULL, Precision, fabric_on, precision_of
from nearfar.train.loop import Trainer
from nearfar.train.recipe import SGD, Lookahead, Triangular
from training import Unjudged, checkpoint, recipe

BATCH, CLASSES, SIDE = 500, 10, 32
WIDTHS = {"half": (24, 96, 96), "whole": (48, 192, 192)}
SHARE, OVERHEAD = 45.0, 6.0
"""Goals, in percent: of the product's rate in a step at least, of views and loop at most."""


class Case:
    """A network in training: whole rounds of ``steps`` batches, and the bare steps."""

    def __init__(
        self, widths: tuple[int, ...], steps: int, precision: Precision, device: torch.device
    ) -> None:
        torch.manual_seed(0)
        rows = steps * BATCH
        pixels = torch.randint(0, 256, (rows, 3, SIDE, SIDE), dtype=torch.uint8)
        inputs = Images(pixels)
        encoder: Any = build_encoder("fast_cnn", {"widths": widths}, inputs)
        encoder.start_from(inputs.select(torch.arange(BATCH)))
        head, loss = (
            nn.Linear(encoder.out_features, CLASSES),
            partial(cross_entropy, label_smoothing=0.2),
        )
        views = build_views([("shift", {}), ("alternating_flip", {})])
        targets = torch.randint(CLASSES, (rows, 1)).double()
        data = Rows(inputs.to(device), targets.to(device), augment=views)
        self.task = Unjudged(Predictor(encoder, head, loss, classifies=True), data)
        optimizer = SGD(lr=0.1, momentum=0.85, weight_decay=1e-3, nesterov=True)
        given = {"epochs": 10_000, "schedule": Triangular(), "average": Lookahead()}
        made, self.fabric = recipe(optimizer, BATCH, **given), fabric_on(device.type, precision)
        self.trainer = Trainer(self.task, made, 0, self.fabric, checkpoint=checkpoint())
        self.batches = list(self.task.batches(self.task.rows, BATCH))
        self.trainer.model.train()

    def rounds(self) -> None:
        """Train a round as a study does."""
        self.trainer.state.round += 1
        self.trainer._round()

    def steps(self) -> None:
        """Take the steps of a round on batches that are there."""
        for batch in self.batches:
            self.trainer._gradients(batch)
            self.trainer.optimizer.step()
        self.task.module.monitor()

    def views(self) -> None:
        """Gather the rows of a round and make their views."""
        for _ in self.task.batches(self.task.rows, BATCH):
            pass

    def operations(self) -> int:
        """Return those of forward and backward of a round."""
        return len(self.batches) * measure.operations(
            lambda: self.trainer._gradients(self.batches[0])
        )


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the context, torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shares(case: Case, device: torch.device, precision: Precision, budget: float) -> list[float]:
    """Return images/s, GFLOP/s, and percent: of the product's rate, of views, of the loop."""
    sides: dict[str, Callable[[], object]] = {"round": case.rounds, "steps": case.steps}
    sides["views"] = case.views
    timing = measure.in_turns(sides, device, budget=budget, least=3)
    whole, bare, views = (timing[name].median for name in ("round", "steps", "views"))
    rate = case.operations() / bare
    dtype = torch.float32 if precision == FULL else torch.bfloat16
    product = measure.product_rate(device, dtype)
    images, loop = len(case.batches) * BATCH / whole, 100 * (whole - bare - views) / whole
    return [images, rate / 1e9, 100 * rate / product, 100 * views / whole, loop]


def seconds_of_rounds(widths: tuple[int, ...], steps: int, rounds: int, count: int) -> float:
    """Return the seconds that ``rounds`` take on ``count`` threads, in a process of its own."""
    torch.set_num_threads(count)
    case = Case(widths, steps, precision_of("cpu", "image"), torch.device("cpu"))
    case.rounds()
    begin = time.perf_counter()
    for _ in range(rounds):
        case.rounds()
    return time.perf_counter() - begin


def two_at_once(widths: tuple[int, ...], steps: int, rounds: int) -> float:
    """Return how many times the images a second two processes train, as one on two threads does."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        alone = pool.submit(seconds_of_rounds, widths, steps, rounds, 2).result()
        both = [pool.submit(seconds_of_rounds, widths, steps, rounds, 1) for _ in range(2)]
        return 2 * alone / max(future.result() for future in both)


def main() -> None:
    """Print the tables."""
    given = measure.options(__doc__)
    device, steps = given.device, 1 if given.quick else 4
    measure.header(device)
    precisions = list(dict.fromkeys([FULL, precision_of(device.type, "image")]))
    cores = os.cpu_count() or 1
    counts = [given.threads] if given.threads else [1, 2][: 1 if device.type == "cuda" else cores]
    table = measure.Table(
        "widths",
        "precision",
        "threads",
        "images/s",
        "GFLOP/s",
        "% of a product",
        "% views",
        "% loop",
    )
    found: dict[tuple[str, Precision, int], list[float]] = {}
    for name, widths in WIDTHS.items():
        for precision in precisions:
            for count in counts:
                with threads(count):
                    case = Case(widths, steps, precision, device)
                    row = shares(case, device, precision, 0 if given.quick else 8)
                found[name, precision, count] = row
                table.row(widths, precision, count, *(f"{value:.1f}" for value in row))
    if device.type == "cpu" and cores > 1:
        ratio = two_at_once(WIDTHS["half"], steps, 1 if given.quick else 3)
        print(f"\ntwo trainings at once, a thread each: {ratio:.2f} times as many images a second")
        print("as one on two threads")
    whole = found["whole", FULL, counts[0]]
    measure.goal("% of the product's rate in a float32 step", whole[2], at_least=SHARE)
    measure.goal("% of views and loop", whole[3] + max(0.0, whole[4]), at_most=OVERHEAD)
    with measure.figure(given.plot, ylabel="% of a matrix product's rate") as axes:
        if axes:
            labels = [f"{name}\n{p}, {count}" for name, p, count in found]
            axes.bar(labels, [row[2] for row in found.values()], color=measure.OURS)
            axes.axhline(SHARE, color=measure.LIMIT, linestyle="--")


if __name__ == "__main__":
    main()
