"""Time to train several small models at once, against one after the other.

Seeds of the published EMNIST network and head (batch 32, Adam, random images), and grid points of a
linear head on cached features (50,000 x 512, ten classes, batch 256; runs of one seed, which see
the same batches). An epoch of K runs by `TogetherTrainer` and an epoch of each by `Trainer`, in
turns, with the matrix products alone that K runs took. Times are those of the processor, one
thread. How the time grows over K says what a step costs whatever K is (the overhead of some ninety
calls), and what each model adds.

    python benchmarks/together.py [--quick] [--plot FILE] [--threads N]
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from measure import header, options
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import MLP, Linear
from nearfar.losses import CLASSIFICATION_LOSSES
from nearfar.objectives import CachedRows, Predictor, Rows
from nearfar.objectives.stacked import stack_of
from nearfar.study.models import FeatureRows, Features
from nearfar.train.loop import Points, Trainer
from nearfar.train.recipe import SGD, Adam, Constant, Recipe
from nearfar.train.rounds import Round
from nearfar.train.together import TogetherTrainer

CPU = Fabric(accelerator="cpu", devices=1)
NOWHERE = Path("none.pt")
SAME = 1e-4
Sides = dict[str, list[float]]


class Task:
    """A predictor and its rows; nothing is validated."""

    def __init__(self, module: Predictor, data: Rows) -> None:
        self.module, self.data = module, data
        self.rows = torch.arange(len(data.targets))

    def batches(self, rows: Tensor, size: int) -> Any:
        return self.data.batches(rows, size)

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        return self.module.groups()

    def validate(self, at: Round) -> tuple[float | None, Points]:
        self.module.monitor()
        return None, {}


class Seeds:
    """Seeds of the EMNIST network."""

    name, classes, batch = "seeds of the EMNIST CNN, Adam", 47, 32

    def __init__(self, rows: int) -> None:
        torch.manual_seed(0)
        pixels = torch.randint(0, 256, (rows, 1, 28, 28), dtype=torch.uint8)
        self.data = Rows(Images(pixels), torch.randint(self.classes, (rows, 1)).double())
        self.steps = -(-rows // self.batch)

    def task(self, number: int) -> tuple[Task, Recipe, int]:
        torch.manual_seed(number)
        encoder: Any = build_encoder("emnist_cnn", {}, self.data.inputs)
        head = MLP(encoder.out_features, self.classes, hidden=(64,))
        loss = CLASSIFICATION_LOSSES["cross_entropy"]
        made = Predictor(encoder, head, loss, classifies=True)
        return Task(made, self.data), recipe(self.batch, Adam(lr=1e-3)), number


class Grid:
    """Learning rates of a linear head on the same features."""

    classes, batch, width = 10, 256, 512

    def __init__(self, rows: int, optimizer: type[Adam] | type[SGD]) -> None:
        torch.manual_seed(0)
        self.name = f"linear heads of one seed, {optimizer.__name__}"
        targets = torch.randint(self.classes, (rows, 1)).double()
        self.data = CachedRows(FeatureRows(torch.randn(rows, self.width)), targets)
        self.steps, self.optimizer = -(-rows // self.batch), optimizer

    def task(self, number: int) -> tuple[Task, Recipe, int]:
        torch.manual_seed(0)
        head = Linear(self.width, self.classes)
        loss = CLASSIFICATION_LOSSES["cross_entropy"]
        made = Predictor(Features(self.width), head, loss, trained="head", classifies=True)
        options = self.optimizer(lr=1e-3 * 1.3**number, weight_decay=1e-4)
        return Task(made, self.data), recipe(self.batch, options), 0


def recipe(batch: int, optimizer: Any) -> Recipe:
    return Recipe(
        epochs=1,
        batch=batch,
        drop_last=False,
        optimizer=optimizer,
        schedule=Constant(),
        clip=None,
        select="last",
    )


def alone(problem: Any, number: int) -> tuple[float, float]:
    """Seconds and loss of one epoch of one run."""
    task, made, seed = problem.task(number)
    trainer = Trainer(task, made, seed, CPU, checkpoint=NOWHERE)
    begin = time.process_time()
    outcome = trainer.run()
    return time.process_time() - begin, outcome.curves[0].value


def trainer_of(problem: Any, count: int) -> TogetherTrainer:
    tasks, recipes, seeds = zip(*map(problem.task, range(count)), strict=True)
    return TogetherTrainer(tasks, recipes, seeds, CPU, stack_of=stack_of, checkpoint=NOWHERE)


def together(problem: Any, count: int) -> tuple[float, list[float]]:
    """Seconds and losses of one epoch of ``count`` runs."""
    trainer = trainer_of(problem, count)
    begin = time.process_time()
    outcomes = trainer.run()
    return time.process_time() - begin, [outcome.curves[0].value for outcome in outcomes]


def products(problem: Any, count: int) -> Callable[[], None]:
    """The matrix products alone of a step of ``count`` runs, on the numbers of one."""
    called: list[tuple[Any, Any, Any]] = []
    kept = {name: getattr(torch, name) for name in ("bmm", "baddbmm")}

    def recorded(function: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            called.append((function, given, named))
            return function(*given, **named)

        return call

    trainer = trainer_of(problem, count)
    data: Rows = problem.data
    rows = torch.arange(problem.batch)
    shared = [data.batch(rows)] * count
    batches = shared if isinstance(problem, Grid) else [data.batch(rows) for _ in shared]
    for name, function in kept.items():
        setattr(torch, name, recorded(function))
    trainer.stack.step(batches)
    for name, function in kept.items():
        setattr(torch, name, function)

    def multiply() -> None:
        with torch.no_grad():
            for function, given, named in called:
                function(*given, **named)

    return multiply


def measure(problem: Any, counts: list[int], turns: int) -> dict[int, dict[str, float]]:
    """K → milliseconds a step: of one run alone, of K together, of the products of K."""
    expected = [alone(problem, number)[1] for number in range(max(counts))]
    for count in counts:
        for one, other in zip(together(problem, count)[1], expected, strict=False):
            assert abs(one - other) < SAME * abs(other), f"{count} together train otherwise"
    replayed = {count: products(problem, count) for count in counts}
    taken: dict[int, Sides] = {k: {"alone": [], "together": [], "products": []} for k in counts}
    for turn in range(turns + 1):
        for count in counts:
            sides = taken[count]
            sides["alone"].append(alone(problem, turn)[0])
            sides["together"].append(together(problem, count)[0])
            begin = time.process_time()
            for _ in range(problem.steps):
                replayed[count]()
            sides["products"].append(time.process_time() - begin)
    results = {}
    for count, sides in taken.items():
        steps = 1000 / problem.steps
        kept = {name: seconds[1:] for name, seconds in sides.items()}
        ratios = [b / a for a, b in zip(kept["alone"], kept["together"], strict=True)]
        results[count] = {name: steps * median(seconds) for name, seconds in kept.items()}
        results[count] |= {"ratio": median(ratios), "low": min(ratios), "high": max(ratios)}
    return results


def show(problem: Any, results: dict[int, dict[str, float]]) -> None:
    print(f"{problem.name}; milliseconds a step of {problem.batch} rows each\n")
    print("K | one alone | K together | products alone | K together / one | K ones / K together")
    print("---: | ---: | ---: | ---: | ---: | ---:")
    for count, r in results.items():
        spread = f"{r['ratio']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
        times = f"{r['alone']:.2f} | {r['together']:.2f} | {r['products']:.2f}"
        print(f"{count} | {times} | {spread} | {count / r['ratio']:.1f}")
    if len(results) > 1:
        counts = list(results)
        each, fixed = np.polyfit(counts, [r["together"] for r in results.values()], 1)
        product, _ = np.polyfit(counts, [r["products"] for r in results.values()], 1)
        print(
            f"\na step costs {fixed:.2f} ms and {each:.2f} ms for each model,"
            f" {product:.2f} ms of these its matrix products\n",
            flush=True,
        )


def draw(found: dict[str, dict[int, dict[str, float]]], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, every = pyplot.subplots(
        1, len(found), figsize=(4 * len(found), 4), layout="constrained"
    )
    for axes, (name, results) in zip(np.atleast_1d(every), found.items(), strict=True):
        counts = list(results)
        one = median(r["alone"] for r in results.values())
        lines = {
            "one after the other": ("#8c510a", [k * one for k in counts]),
            "together": ("#01665e", [r["together"] for r in results.values()]),
            "matrix products alone": ("#777777", [r["products"] for r in results.values()]),
        }
        for label, (colour, values) in lines.items():
            axes.plot(counts, values, "o-", color=colour, label=label)
        axes.set(xlabel="models", ylabel="milliseconds a step", title=name, ylim=(0, None))
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    given = options(__doc__, cuda=False, threads=1)
    header(given.device)
    quick = given.quick
    rows = 2_000 if quick else 50_000
    problems = [Seeds(640 if quick else 3200), Grid(rows, SGD), Grid(rows, Adam)]
    counts = [[1, 3], [1, 6], [1, 6]] if quick else [[1, 2, 3, 5, 8], [1, 6, 18], [1, 6, 18]]
    found = {}
    for problem, some in zip(problems, counts, strict=True):
        found[problem.name] = measure(problem, some, turns=2 if quick else 5)
        show(problem, found[problem.name])
    if given.plot:
        draw(found, given.plot)


if __name__ == "__main__":
    main()
