"""Time of logistic regression on pixels, against scikit-learn's at the same objective.

Compared in one run, in turns: nearfar's head, which standardises and solves; scikit-learn's
LogisticRegression (L-BFGS) on features that were standardised before the clock started; and the
matrix products alone that nearfar's way took. Images are noise whose neighbouring pixels are alike,
as in photographs, with classes from noisy linear scores; or CIFAR-10, where NEARFAR_DATA has it.

    python benchmarks/logistic.py [--quick] [--cifar10] [--plot FILE] [--threads N]
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import measure
from nearfar.data import DataOptions, load_dataset
from nearfar.heads import Logistic
from nearfar.heads.solved.logistic import head as logistic
from nearfar.heads.solved.logistic import whitening

PENALTY = 0.03
SAME = 1e-4
SIZES = [(2, 2_500), (2, 5_000), (2, 9_000), (10, 1_250), (10, 2_500)]
LARGER = [(10, 5_000), (10, 10_000), (10, 45_000)]
Floats = NDArray[Any]


def made(rows: int, classes: int, side: int = 32) -> tuple[Floats, NDArray[np.int64]]:
    """Colour images with the spectrum of photographs, and classes."""
    random = np.random.default_rng(rows)
    noise = np.fft.rfft2(random.normal(size=(rows, 3, side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    images = np.fft.irfft2(noise / (frequency + 1 / side))
    images += images.mean(1, keepdims=True) * 2
    x = images.reshape(rows, -1).astype(np.float32)
    x /= x.std(0)
    weight = random.normal(size=(x.shape[1], classes)) / np.sqrt(x.shape[1])
    scores = x @ weight
    scores = scores / scores.std() + random.gumbel(size=scores.shape)
    return x, scores.argmax(1)


def photographs(rows: int, classes: int) -> tuple[Floats, NDArray[np.int64]]:
    """The first rows of CIFAR-10 that show its first classes."""
    dataset = load_dataset(DataOptions(source="cifar10"), Path())
    labels = dataset.targets[:, 0].astype(np.int64)
    chosen = np.flatnonzero((labels < classes) & (dataset.parts == "train"))[:rows]
    pixels = dataset.inputs.select(torch.from_numpy(chosen))
    return pixels.flatten(1).numpy(), labels[chosen]


class Problem:
    """Features and classes, and both ways to solve for the weights."""

    def __init__(self, features: Floats, labels: NDArray[np.int64]) -> None:
        self.features, self.labels = features, labels
        self.targets = np.eye(labels.max() + 1)[labels]
        self.scaled = (features - features.mean(0)) / features.std(0)
        self.iterations = 0
        # With two classes scikit-learn has one weight vector, the difference of ours.
        factor = 2 if self.targets.shape[1] == 2 else 1
        self.strength = factor / (PENALTY * len(labels))

    def ours(self) -> Floats:
        head = Logistic(penalty=PENALTY)
        head.fit(self.features, self.targets, 0)
        return head.weight * self.features.std(0)[:, None]

    def theirs(self) -> Floats:
        model = LogisticRegression(C=self.strength, max_iter=10_000).fit(self.scaled, self.labels)
        self.iterations = int(model.n_iter_[0])
        weight = model.coef_.T
        return weight if weight.shape[1] > 1 else np.hstack([-weight / 2, weight / 2])

    def objective(self, weight: Floats) -> float:
        """Mean cross-entropy plus penalty, at the best intercept."""
        scores = torch.from_numpy(self.scaled.astype(np.float64) @ weight)
        intercept = torch.zeros(weight.shape[1], dtype=torch.float64, requires_grad=True)
        solver = torch.optim.LBFGS([intercept], max_iter=200, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            solver.zero_grad()
            value = torch.nn.functional.cross_entropy(
                scores + intercept, torch.from_numpy(self.labels)
            )
            value.backward()
            return value

        solver.step(loss)
        return float(loss().detach()) + PENALTY / 2 * float((weight**2).sum())

    def evaluations(self) -> int:
        """How often our way asks for loss and slope."""
        count, slope = 0, logistic._cross_entropy

        def counted(*given: Any) -> Any:
            nonlocal count
            count += 1
            return slope(*given)

        logistic._cross_entropy = counted
        self.ours()
        logistic._cross_entropy = slope
        return count

    def products(self, evaluations: int) -> measure.Side:
        """The matrix products of our way: of the covariance, and two for every evaluation."""
        x = torch.from_numpy(self.features)
        rows = max(x.shape[1], whitening.FEWEST)
        some = x[:: max(1, len(x) // rows)][:rows]
        weight = torch.randn(x.shape[1], self.targets.shape[1])

        def multiply() -> None:
            whitening.covariance(some)
            for _ in range(evaluations):
                x.T @ (x @ weight)

        return multiply


def compared(problem: Problem, budget: float) -> dict[str, Any]:
    """Median seconds of each way, all in turns, after a check that both give the same."""
    evaluations, found = problem.evaluations(), dict[str, Floats]()

    def kept(way: str, solve: Callable[[], Floats]) -> None:
        found[way] = solve()

    ways = {
        "ours": partial(kept, "ours", problem.ours),
        "theirs": partial(kept, "theirs", problem.theirs),
        "products": problem.products(evaluations),
    }
    taken = measure.in_turns(ways, torch.device("cpu"), budget=budget, least=1, most=5, warm=0)
    mine, other = (problem.objective(found[way]) for way in ("ours", "theirs"))
    assert abs(mine / other - 1) < SAME, f"objectives differ: {mine}, {other}"
    return {
        **{way: timing.median for way, timing in taken.items()},
        "evaluations": evaluations,
        "iterations": problem.iterations,
        "above": mine / other - 1,
        "rounds": len(taken["ours"].seconds),
    }


def print_row(table: measure.Table, classes: int, problem: Problem, r: dict[str, Any]) -> None:
    rows, columns = problem.features.shape
    table.row(
        classes,
        f"{rows:,}",
        f"{columns:,}",
        f"{r['theirs']:.2f} ({r['iterations']})",
        f"{r['ours']:.2f} ({r['evaluations']})",
        f"{r['theirs'] / r['ours']:.1f}",
        f"{r['ours'] / r['products']:.2f}",
        f"{r['above']:+.1e}",
        r["rounds"],
    )


def draw(results: dict[tuple[int, int], dict[str, Any]], file: Path | None) -> None:
    labels = {"xlabel": "rows of 3,072 pixels", "ylabel": "seconds"}
    with measure.figure(file, xscale="log", yscale="log", **labels) as axes:
        for classes, style in ((2, "--"), (10, "-")) if axes else ():
            rows = [size[1] for size in results if size[0] == classes]
            for way, colour, name in (
                ("theirs", measure.THEIRS, "scikit-learn"),
                ("ours", measure.OURS, "nearfar"),
                ("products", measure.LIMIT, "its matrix products"),
            ):
                values = [results[classes, count][way] for count in rows]
                label = f"{name}, {classes} classes"
                axes.plot(rows, values, style, marker="o", color=colour, label=label)


def main() -> None:
    cifar10 = {"action": "store_true", "help": "real images, up to all rows"}
    given = measure.options(__doc__, cuda=False, more={"--cifar10": cifar10})
    measure.header(given.device, "scikit-learn")
    print(f"penalty {PENALTY}\n")
    table = measure.Table(
        "classes",
        "rows",
        "columns",
        "scikit-learn, s (iterations)",
        "nearfar, s (evaluations)",
        "ratio",
        "nearfar / its products",
        "nearfar's objective above",
        "rounds",
    )
    sizes = [(2, 500), (10, 500)] if given.quick else SIZES
    sizes = [*sizes, *LARGER] if given.cifar10 and not given.quick else sizes
    budget = 1.0 if given.quick else 20.0 if given.cifar10 else 4.0
    results = {}
    with threadpool_limits(torch.get_num_threads()):
        for classes, rows in sizes:
            some = made(rows, classes, 8 if given.quick else 32)
            problem = Problem(*(photographs(rows, classes) if given.cifar10 else some))
            results[classes, rows] = compared(problem, budget)
            print_row(table, classes, problem, results[classes, rows])
    draw(results, given.plot)


if __name__ == "__main__":
    main()
