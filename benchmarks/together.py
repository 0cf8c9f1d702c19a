"""Time to train several small models at once, against one after the other.

Seeds of the published EMNIST network and head (batch 32, Adam, random images), and grid points of a
linear head on cached features (50,000 x 512, ten classes, batch 256; runs of one seed, which see
the same batches). An epoch of K runs by `StackedTrainer` and an epoch of one by `Trainer`, in
turns, with the matrix products alone that K runs took. How the time grows over K says what a step
costs whatever K is (the overhead of some ninety calls), and what each model adds.

    python benchmarks/together.py [--quick] [--plot FILE] [--threads N]
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import MLP, Linear
from nearfar.objectives import CachedRows, Rows
from nearfar.stacking.predictors import stack_of
from nearfar.stacking.trainer import StackedTrainer
from nearfar.stages.models import FeatureRows, Features
from nearfar.train.loop import Trainer
from nearfar.train.recipe import SGD, Adam, Recipe
from training import Unjudged, checkpoint, classifier, recipe

CPU = Fabric(accelerator="cpu", devices=1)
SAME = 1e-4
Run = tuple[Unjudged, Recipe, int]


class Seeds:
    """Seeds of the EMNIST network."""

    name, classes, batch = "seeds of the EMNIST CNN, Adam", 47, 32

    def __init__(self, rows: int) -> None:
        torch.manual_seed(0)
        pixels = torch.randint(0, 256, (rows, 1, 28, 28), dtype=torch.uint8)
        self.data = Rows(Images(pixels), torch.randint(self.classes, (rows, 1)).double())
        self.steps = -(-rows // self.batch)

    def run(self, number: int) -> Run:
        torch.manual_seed(number)
        encoder: Any = build_encoder("emnist_cnn", {}, self.data.inputs)
        made = classifier(encoder, MLP(encoder.out_features, self.classes, hidden=(64,)))
        return Unjudged(made, self.data), recipe(Adam(lr=1e-3), self.batch), number


class Grid:
    """Learning rates of a linear head on the same features."""

    classes, batch, width = 10, 256, 512

    def __init__(self, rows: int, optimizer: type[Adam] | type[SGD]) -> None:
        torch.manual_seed(0)
        self.name = f"linear heads of one seed, {optimizer.__name__}"
        targets = torch.randint(self.classes, (rows, 1)).double()
        self.data = CachedRows(FeatureRows(torch.randn(rows, self.width)), targets)
        self.steps, self.optimizer = -(-rows // self.batch), optimizer

    def run(self, number: int) -> Run:
        torch.manual_seed(0)
        made = classifier(Features(self.width), Linear(self.width, self.classes), "head")
        optimizer = self.optimizer(lr=1e-3 * 1.3**number, weight_decay=1e-4)
        return Unjudged(made, self.data), recipe(optimizer, self.batch), 0


def alone(problem: Any, number: int) -> Trainer:
    task, made, seed = problem.run(number)
    return Trainer(task, made, seed, CPU, checkpoint=checkpoint())


def together(problem: Any, count: int) -> StackedTrainer:
    tasks, recipes, seeds = zip(*map(problem.run, range(count)), strict=True)
    return StackedTrainer(tasks, recipes, seeds, CPU, stack_of=stack_of, checkpoint=checkpoint())


def products(problem: Any, count: int) -> Callable[[], None]:
    """The matrix products alone of an epoch of ``count`` runs, on the numbers of one step."""
    called: list[tuple[Any, Any, Any]] = []
    kept = {name: getattr(torch, name) for name in ("bmm", "baddbmm")}

    def recorded(function: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            called.append((function, given, named))
            return function(*given, **named)

        return call

    trainer = together(problem, count)
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
            for _ in range(problem.steps):
                for function, given, named in called:
                    function(*given, **named)

    return multiply


def check_same(problem: Any, counts: list[int]) -> None:
    """Runs lose together what they lose alone."""
    expected = [alone(problem, number).run().curves[0].value for number in range(max(counts))]
    for count in counts:
        for found, other in zip(together(problem, count).run(), expected, strict=False):
            one = found.curves[0].value
            assert abs(one - other) < SAME * abs(other), f"{count} together train otherwise"


def each_once(trainers: list[Any]) -> measure.Side:
    """Run the next trainer: they are made before the clock starts."""
    following = iter(trainers)
    return lambda: next(following).run()


def compared(problem: Any, counts: list[int], turns: int) -> dict[int, dict[str, float]]:
    """K → milliseconds a step: of one run alone, of K together, of the products of K."""
    check_same(problem, counts)
    sides: dict[tuple[int, str], measure.Side] = {}
    for count in counts:
        sides[count, "alone"] = each_once([alone(problem, n) for n in range(turns + 1)])
        sides[count, "together"] = each_once([together(problem, count) for _ in range(turns + 1)])
        sides[count, "products"] = products(problem, count)
    taken = measure.in_turns(sides, CPU.device, least=turns, most=turns)
    results = {}
    for count in counts:
        mine = {name: taken[count, name] for name in ("alone", "together", "products")}
        pairs = zip(mine["alone"].seconds, mine["together"].seconds, strict=True)
        ratios = [many / one for one, many in pairs]
        results[count] = {name: 1e3 * t.median / problem.steps for name, t in mine.items()}
        results[count] |= {"ratio": median(ratios), "low": min(ratios), "high": max(ratios)}
    return results


def show(problem: Any, results: dict[int, dict[str, float]]) -> None:
    print(f"\n{problem.name}; milliseconds a step of {problem.batch} rows each\n")
    columns = ("one alone", "K together", "products alone", "K together / one")
    table = measure.Table("K", *columns, "K ones / K together")
    for count, r in results.items():
        spread = f"{r['ratio']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
        times = (f"{r[name]:.2f}" for name in ("alone", "together", "products"))
        table.row(count, *times, spread, f"{count / r['ratio']:.1f}")
    counts = list(results)
    each, fixed = np.polyfit(counts, [r["together"] for r in results.values()], 1)
    product, _ = np.polyfit(counts, [r["products"] for r in results.values()], 1)
    print(
        f"\na step costs {fixed:.2f} ms and {each:.2f} ms for each model,"
        f" {product:.2f} ms of these its matrix products",
        flush=True,
    )


def draw(found: dict[str, dict[int, dict[str, float]]], file: Path | None) -> None:
    """Draw the steps of K models, and their products, in steps of one."""
    lines: dict[str, tuple[str, dict[int, float]]] = {}
    colours = (measure.OURS, measure.OURS_TOO, measure.THEIRS)
    for (name, results), colour in zip(found.items(), colours, strict=True):
        one = median(r["alone"] for r in results.values())
        for side, label in (("together", name), ("products", f"{name}: products alone")):
            lines[label] = colour, {k: r[side] / one for k, r in results.items()}
    counts = sorted({count for results in found.values() for count in results})
    lines["one after the other"] = measure.LIMIT, {count: count for count in counts}
    dashed = [name for name in lines if name.endswith("products alone")]
    measure.draw_growth(file, lines, dashed=dashed, xlabel="models", ylabel="steps of one model")


def main() -> None:
    given = measure.options(__doc__, cuda=False, threads=1)
    measure.header(given.device)
    quick = given.quick
    rows = 2_000 if quick else 50_000
    problems = [Seeds(640 if quick else 1600), Grid(rows, SGD), Grid(rows, Adam)]
    counts = [[1, 5], [1, 6], [1, 6]] if quick else [[1, 2, 5, 8], [1, 6, 18], [1, 6, 18]]
    found = {}
    for problem, some in zip(problems, counts, strict=True):
        found[problem.name] = compared(problem, some, turns=2 if quick else 3)
        show(problem, found[problem.name])
    ratio = found[Seeds.name][5]["ratio"]
    measure.goal("five seeds of the EMNIST CNN over one", ratio, at_most=2.5)
    draw(found, given.plot)


if __name__ == "__main__":
    main()
