"""What the training loop adds to forward, backward and the optimiser's step, part by part.

Whole rounds of nearfar's own loop, as a study trains: rows gathered, views made, losses kept,
gradients clipped, the schedule moved, validation rows judged. While it runs, every part's own time
is taken; what no part accounts for is the rest. ResNet-18 on images of 32×32 pixels, batch 128,
views of MoCo, SGD, of a quarter of the width and of all of it; and GIN on ESOL (or, without the
data, on graphs like its), batch 128, AdamW, clipped, on one thread as studies train it.

The overhead is everything but forward, backward and the optimiser's step, as a share of the step.
Validation comes once a round and is shown apart. On a GPU every part is waited for, so there the
shares are those of a loop that never runs ahead.

    python benchmarks/loop.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

import measure
from batches import MOLECULES, like_esol
from nearfar.data import DataOptions, Images, load_dataset
from nearfar.data.augment import build_views
from nearfar.encoders import build_encoder
from nearfar.errors import UserError
from nearfar.heads import NETWORKS
from nearfar.losses import REGRESSION_LOSSES
from nearfar.metrics import METRICS
from nearfar.objectives import Predictor, Rows
from nearfar.stages.targets import Numbers
from nearfar.stages.tasks import FitTask
from nearfar.train.device import fabric_on, precision_of
from nearfar.train.loop import Trainer
from nearfar.train.recipe import SGD, AdamW, Cosine, OneCycle, Recipe
from training import checkpoint, recipe

BATCH = 128
WORK = ("forward", "backward", "optimiser")
PARTS = ("gather", "views", "clip", "schedule")
VALIDATION = "validation"


class PartClock:
    """Own time of the parts of a running program; a part within another counts for itself alone."""

    def __init__(self, clock: measure.Clock, device: torch.device) -> None:
        self.clock, self.device = clock, device
        self.seconds: Counter[str] = Counter()
        self._within = [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function``, its time counted under ``part``."""

        def call(*args: Any, **kwargs: Any) -> Any:
            measure.wait_for(self.device)
            begin = self.clock()
            self._within.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                measure.wait_for(self.device)
                spent = self.clock() - begin
                self.seconds[part] += spent - self._within.pop()
                self._within[-1] += spent

        return call

    def each(self, part: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """Return ``function``, the time of every item that it gives counted under ``part``."""

        def call(*args: Any) -> Iterator[Any]:
            following = self.timed(part, iter(function(*args)).__next__)
            while True:
                try:
                    item = following()
                except StopIteration:
                    return
                yield item

        return call


class Judge:
    """Numbers in z units, judged as a study judges them."""

    scores = staticmethod(Numbers.scores)

    def __init__(self, targets: Tensor) -> None:
        self.targets = targets.cpu().numpy()

    def value(self, metric: str, rows: Any, scores: Any) -> float:
        return METRICS[metric].value(self.targets[rows, 0], scores[:, 0])


@dataclass
class Case:
    """A training run: encoder and its options, rows, recipe, and how often a part is looked at."""

    name: str
    encoder: tuple[str, dict[str, Any]]
    inputs: Any
    train: int
    recipe: Recipe
    views: tuple[str, ...] = ()
    threads: int | None = None
    goal: float = 5.0


def images(name: str, width: int, rows: int, rounds: int) -> Case:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (rows + 64, 3, 32, 32), dtype=torch.uint8)
    optimizer = SGD(lr=0.05, weight_decay=1e-4)
    made = recipe(optimizer, BATCH, epochs=rounds + 1, schedule=Cosine(), select="best")
    return Case(name, ("resnet18", {"width": width}), Images(pixels), rows, made, ("moco",))


def molecules(rounds: int, threads: int) -> Case:
    source = {"source": "molecules", "path": "esol.csv", "target": "log_solubility"}
    try:
        inputs: Any = load_dataset(DataOptions.model_validate(source), Path()).inputs
        name = "GIN on ESOL"
    except UserError:
        inputs, name = like_esol(MOLECULES + 113), "GIN on graphs like ESOL's"
    length = {"epochs": rounds + 1, "schedule": OneCycle()}
    made = recipe(AdamW(lr=3e-3), BATCH, **length, clip=1.0, select="best")
    return Case(name, ("gin", {}), inputs, MOLECULES, made, threads=threads, goal=15.0)


def task_of(case: Case, device: torch.device) -> FitTask:
    torch.manual_seed(0)
    count = min(len(case.inputs), case.train + 113)
    encoder: Any = build_encoder(*case.encoder, case.inputs)
    head = NETWORKS["linear"](encoder.out_features, 1)
    targets = torch.randn(len(case.inputs), 1, dtype=torch.float64)
    view = build_views([(name, {}) for name in case.views]) if case.views else None
    order = torch.randperm(count)
    rows = [part.sort().values.to(device) for part in (order[: case.train], order[case.train :])]
    data = Rows(case.inputs.to(device), targets.to(device), augment=view)
    predictor = Predictor(encoder, head, REGRESSION_LOSSES["l1"])
    outputs: Any = Judge(targets)
    return FitTask(predictor, data, *rows, outputs, "mae")


def watched(task: FitTask, case: Case, device: torch.device) -> tuple[Trainer, PartClock]:
    """Return the loop, and the clock that sees its parts."""
    clock = PartClock(measure.clock_of(device), device)
    if task.data.augment is not None:
        view = clock.timed("views", task.data.augment)
        task.data = Rows(task.data.inputs, task.data.targets, augment=view)
    precision = precision_of(device.type, case.inputs.kind)
    fabric: Any = fabric_on(device.type, precision)
    trainer = Trainer(task, case.recipe, 0, fabric, checkpoint=checkpoint())
    module, optimizer, schedule = task.module, trainer.optimizer.optimizer, trainer.schedule
    watch: list[tuple[Any, str, str]] = [
        (module, "loss", "forward"),
        (optimizer, "step", "optimiser"),
        (fabric, "clip_gradients", "clip"),
        (schedule, "step", "schedule"),
        (task, "validate", VALIDATION),
    ]
    for thing, method, part in watch:
        setattr(thing, method, clock.timed(part, getattr(thing, method)))
    task.batches = clock.each("gather", task.batches)  # type: ignore[method-assign]
    return trainer, clock


def profile(case: Case, device: torch.device) -> tuple[list[Counter[str]], int]:
    """Return the seconds of every part in every round but the first, and the steps of a round."""
    trainer, clock = watched(task_of(case, device), case, device)
    backward = clock.timed("backward", Tensor.backward)
    found = []

    def one_round() -> None:
        trainer.state.round += 1
        trainer.course.after_round(trainer._round())

    with patch.object(Tensor, "backward", backward):
        for _ in trainer.course.rounds.ends:
            clock.seconds.clear()
            clock.timed("rest", one_round)()
            found.append(Counter(clock.seconds))
    return found[1:], trainer.recipe.steps_per_epoch(case.train)


def arithmetic(case: Case, device: torch.device) -> float:
    """Return the seconds of a step's products and convolutions at the rate of a matrix product."""
    task = task_of(case, device)
    module = task.module.to(device)
    batch = next(iter(task.batches(task.rows, BATCH)))
    mixed = precision_of(device.type, case.inputs.kind) != precision_of("cpu", "image")
    rate = measure.product_rate(device, torch.bfloat16 if mixed else torch.float32)
    return measure.operations(lambda: module.loss(batch).backward()) / rate


def shares(rounds: list[Counter[str]], parts: tuple[str, ...]) -> list[float]:
    """Return the parts' share of the steps in every round, in percent."""
    totals = [sum(r.values()) - r[VALIDATION] for r in rounds]
    return [
        100 * sum(r[part] for part in parts) / total
        for r, total in zip(rounds, totals, strict=True)
    ]


def report(table: measure.Table, case: Case, device: torch.device) -> dict[str, float]:
    rounds, steps = profile(case, device)
    milliseconds = median(sum(r.values()) - r[VALIDATION] for r in rounds) / steps * 1e3
    limit = 1e3 * arithmetic(case, device)
    overhead = shares(rounds, (*PARTS, "rest"))
    low, middle, high = quantiles(overhead, n=4, method="inclusive")
    found = {part: median(shares(rounds, (part,))) for part in (*WORK, *PARTS, "rest")}
    table.row(
        case.name,
        f"{milliseconds:.1f}",
        *(f"{value:.2f}" for value in found.values()),
        f"{middle:.2f} ({low:.2f} to {high:.2f})",
        f"{median(shares(rounds, (VALIDATION,))):.1f}",
        f"{100 * limit / milliseconds:.0f}",
    )
    return {**found, "overhead": middle}


def draw(results: dict[str, dict[str, float]], file: Path | None) -> None:
    colours = dict(
        zip(
            (*PARTS, "rest"),
            (measure.OURS, measure.OURS_TOO, measure.THEIRS, "black", measure.LIMIT),
            strict=True,
        )
    )
    with measure.figure(file, xlabel="share of a step, %") as axes:
        left = np.zeros(len(results))
        for part, colour in colours.items() if axes else ():
            values = [found[part] for found in results.values()]
            axes.barh(list(results), values, left=left, color=colour, label=part)
            left += values


def main() -> None:
    given = measure.options(__doc__)
    device: torch.device = given.device
    measure.header(device)
    threads = torch.get_num_threads()
    cases = [molecules(4 if given.quick else 30, given.threads or 1)]
    if given.quick:
        cases.append(images("ResNet-18, width 16", 16, BATCH, 2))
    else:
        rounds, rows = (6, 8192) if device.type == "cuda" else (4, 3 * BATCH)
        cases.append(images("ResNet-18, width 16", 16, rows, rounds))
        rows = rows if device.type == "cuda" else BATCH
        cases.append(images("ResNet-18, width 64", 64, rows, 3))
    print(f"batch {BATCH}; shares of a step in %, medians over rounds (quartiles)\n")
    columns = ("step, ms", *WORK, *PARTS, "rest", "overhead", "validation / steps")
    table = measure.Table("run", *columns, "arithmetic alone")
    results = {}
    for case in cases:
        torch.set_num_threads(case.threads or threads)
        results[case.name] = report(table, case, device)
    for case in cases:
        name = f"overhead of the loop, {case.name}, %"
        measure.goal(name, results[case.name]["overhead"], at_most=case.goal)
    draw(results, given.plot)


if __name__ == "__main__":
    main()
