"""Time of 18 softmax heads on one set of features, solved together, against one after the other.

Six penalties times three nested label fractions, ten classes. Compared in one run, in turns:
nearfar's heads solved together; nearfar's own head, one after the other; scikit-learn's
LogisticRegression, one after the other, to within 1e-4 of the same objective; and 20 epochs of
training heads through the frozen encoder, as is usual.

Everything is in scikit-learn's favour where there was a choice: float32 features, standardised for
every label fraction before the clock starts, while nearfar's clock includes that; L-BFGS, the
fastest of its solvers here; and for every head the loosest ``tol`` of a fine grid that comes within
1e-4, where nearfar stops at about 1e-7. Tolerances are tried one after the other, and only the fit
that succeeds counts. The encoder is a ResNet-18 of a quarter of the width on 32 px images, of which
a few hundred are timed, forward and without augmentation, and the time scaled up; steps of the
heads are left out.

Features have the spectrum and the sparsity of a trained network's: a few directions hold most of
the variance, which falls with the square of their number; negative values are cut.

    python benchmarks/heads.py [--quick] [--plot FILE] [--threads N]
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from measure import header, options
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import Logistic, Problem, solve_together
from nearfar.heads.shared_rows import SharedRows

Floats = NDArray[Any]
PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
FRACTIONS = (1.0, 0.5, 0.25)
CLASSES, COLUMNS, EPOCHS = 10, 512, 20
SAME = 1e-4
LOOSEST, FINER = 1e-2, 10**0.25
IMAGES, BATCH, WIDTH = 512, 128, 16


def made(rows: int, columns: int) -> tuple[Floats, NDArray[np.int64]]:
    """Features (rows, columns), float32, and classes that a head tells apart four times of five."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, rows)
    spread = 1 / np.arange(1, columns + 1)
    centres = random.normal(size=(CLASSES, columns)) * spread * 0.3
    mixing = random.normal(size=(columns, columns)).astype("f4")
    hidden = centres[labels] + random.normal(size=(rows, columns)) * spread
    return np.maximum(hidden.astype("f4") @ mixing, 0), labels


class Task:
    """Problems that share features, and the ways to solve them."""

    def __init__(self, rows: int, columns: int) -> None:
        features, self.labels = made(rows + rows // 5, columns)
        self.features, self.held_out = features[:rows], features[rows:]
        targets = np.eye(CLASSES)[self.labels[:rows]]
        order = np.random.default_rng(1).permutation(rows)
        chosen = [np.sort(order[: round(rows * fraction)]) for fraction in FRACTIONS]
        self.problems = [Problem(some, targets[some], p) for some in chosen for p in PENALTIES]
        self.scaled = {len(some): standardised(features[some]) for some in chosen}
        self.iterations = 0
        self.evaluations = np.zeros(len(self.problems), dtype=np.int64)
        found = zip(self.problems, self.counted(), strict=True)
        self.values = [self.objective(problem, head) for problem, head in found]

    def together(self) -> list[Logistic]:
        return solve_together(self.features, self.problems)

    def alone(self) -> list[Logistic]:
        heads = []
        for problem in self.problems:
            head = Logistic(penalty=problem.penalty)
            head.fit(self.features[problem.rows], problem.targets, 0)
            heads.append(head)
        return heads

    def theirs(self, problem: Problem, tolerance: float) -> LogisticRegression:
        count = len(problem.rows)
        model = LogisticRegression(C=1 / (count * problem.penalty), tol=tolerance, max_iter=10_000)
        return model.fit(self.scaled[count], self.labels[problem.rows])

    def objective(self, problem: Problem, found: Logistic | LogisticRegression) -> float:
        """Mean cross-entropy plus penalty, in float64."""
        x = self.features[problem.rows].astype(np.float64)
        mean, deviation = x.mean(0), x.std(0)
        if isinstance(found, Logistic):
            weight = found.weight * deviation[:, None]
            bias = found.intercept + mean @ found.weight
        else:
            weight, bias = found.coef_.T.astype(np.float64), found.intercept_.astype(np.float64)
        log_p = torch.from_numpy((x - mean) / deviation @ weight + bias).log_softmax(1).numpy()
        loss = -(log_p * problem.targets).sum(1).mean()
        return float(loss + problem.penalty / 2 * (weight**2).sum())

    def peers(self, tolerances: dict[float, float]) -> float:
        """Seconds of scikit-learn's fits, each the loosest that comes near enough.

        The search begins one step looser than the tolerance last found for the same penalty, which
        it leaves behind in ``tolerances``. Only the fit that succeeds counts.
        """
        total = 0.0
        for problem, value in zip(self.problems, self.values, strict=True):
            tolerance = tolerances.get(problem.penalty, LOOSEST) * FINER
            seconds, model = seconds_of(self.theirs, problem, tolerance)
            while self.objective(problem, model) > value * (1 + SAME):
                tolerance /= FINER
                seconds, model = seconds_of(self.theirs, problem, tolerance)
            tolerances[problem.penalty] = tolerance
            total += seconds
            self.iterations += int(model.n_iter_[0])
        return total

    def apart(self, heads: list[Logistic]) -> float:
        """By which part of the objective other heads differ at most from those solved together."""
        pairs = zip(self.problems, heads, self.values, strict=True)
        return max(abs(self.objective(problem, head) / v - 1) for problem, head, v in pairs)

    def counted(self) -> list[Logistic]:
        """Solve together and count each head's evaluations."""
        plain, counts = SharedRows.cross_entropy, self.evaluations

        def counting(shared: SharedRows, running: torch.Tensor, *rest: Any) -> Any:
            np.add.at(counts, running.numpy(), 1)
            return plain(shared, running, *rest)

        SharedRows.cross_entropy = counting  # type: ignore[assignment]
        heads = self.together()
        SharedRows.cross_entropy = plain  # type: ignore[method-assign]
        return heads

    def arithmetic(self) -> float:
        """Operations of the matrix products that solving together takes."""
        rows = np.array([len(problem.rows) for problem in self.problems])
        return float((self.evaluations * rows).sum()) * self.features.shape[1] * CLASSES * 4

    def accuracy(self, heads: list[Logistic]) -> float:
        """The best of the heads on rows of its own."""
        labels = self.labels[len(self.features) :]
        return max(float((h.predict(self.held_out).argmax(1) == labels).mean()) for h in heads)


def standardised(features: Floats) -> Floats:
    wide = features.astype(np.float64)
    return ((wide - wide.mean(0)) / wide.std(0)).astype(np.float32)


def seconds_of(way: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = way(*given)
    return time.perf_counter() - begin, found


def product_rate() -> float:
    """Operations a second of a product of large matrices, the median of some."""
    one, other = torch.randn(2, 2048, 2048)
    taken = [seconds_of(torch.mm, one, other)[0] for _ in range(8)]
    return 2 * 2048**3 / median(taken[2:])


def images_rate() -> float:
    """Images a second through the frozen encoder."""
    pictures = Images(torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8))
    encoder: Any = build_encoder("resnet18", {"width": WIDTH}, pictures).eval()
    batch = pictures.select(torch.arange(BATCH))
    with torch.inference_mode():
        taken = [seconds_of(encoder, batch)[0] for _ in range(1 + IMAGES // BATCH)]
    return BATCH / median(taken[1:])


def measure(task: Task, tolerances: dict[float, float]) -> dict[str, Any]:
    """Median seconds of each way; the slow ones run once, between the turns of the fast one."""
    together = [seconds_of(task.together)]
    alone = seconds_of(task.alone)
    together.append(seconds_of(task.together))
    peers = task.peers(tolerances)
    together.append(seconds_of(task.together))
    seconds, heads = [taken for taken, _ in together], together[-1][1]
    apart = task.apart(alone[1])
    assert apart < SAME, f"together and alone differ by {apart:.1e} of the objective"
    rows = len(task.features)
    labelled = sum(len(problem.rows) for problem in task.problems)
    rate = images_rate()
    return {
        "together": median(seconds),
        "alone": alone[0],
        "peers": peers,
        "spread": max(seconds) / min(seconds),
        "one_pass": EPOCHS * rows / rate,
        "each": EPOCHS * labelled / rate,
        "limit": task.arithmetic() / product_rate(),
        "evaluations": int(task.evaluations.sum()),
        "iterations": task.iterations,
        "accuracy": task.accuracy(heads),
        "apart": apart,
        "images": rate,
    }


def print_row(rows: int, columns: int, r: dict[str, Any]) -> None:
    ratios = " | ".join(
        f"{r[name] / r['together']:.1f}" for name in ("peers", "alone", "one_pass", "each")
    )
    print(
        f"{rows:,} × {columns} | {r['together']:.2f} ({r['evaluations']}) | {r['spread']:.2f} | "
        f"{r['alone']:.2f} | {r['peers']:.1f} ({r['iterations']}) | {r['one_pass']:,.0f} | "
        f"{r['each']:,.0f} | {ratios} | {r['together'] / r['limit']:.1f} | {r['apart']:.0e} | "
        f"{r['accuracy']:.2f}",
        flush=True,
    )


def draw(results: dict[int, dict[str, Any]], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.6), layout="constrained")
    for name, colour, label in (
        ("each", "#c7a76c", "20 epochs through the encoder, each head by itself"),
        ("one_pass", "#8c510a", "20 epochs through the encoder, all heads in one pass"),
        ("peers", "#762a83", "scikit-learn, one after the other"),
        ("alone", "#5ab4ac", "nearfar, one after the other"),
        ("together", "#01665e", "nearfar, together"),
        ("limit", "#777777", "its matrix products, at full speed"),
    ):
        values = [result[name] for result in results.values()]
        axes.plot(list(results), values, "o-", color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds, 18 heads")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    given = options(__doc__, cuda=False, threads=2)
    header(given.device, "scikit-learn")
    print(f"{len(PENALTIES) * len(FRACTIONS)} heads\n")
    print(
        "rows × columns | together, s (evaluations) | slowest / fastest | alone, s | "
        "scikit-learn, s (iterations) | encoder, one pass, s | encoder, each, s | "
        "scikit-learn / together | alone / together | one pass / together | each / together | "
        "together / limit | together and alone differ by | accuracy"
    )
    print(" | ".join(["---:"] * 14))
    sizes = (
        [(600, 32), (1_200, 32)]
        if given.quick
        else [(rows, COLUMNS) for rows in (12_500, 25_000, 50_000)]
    )
    results: dict[int, dict[str, Any]] = {}
    tolerances: dict[float, float] = {}
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(given.threads):
        Task(300, 32).together()
        for rows, columns in sizes:
            task = Task(rows, columns)
            results[rows] = measure(task, tolerances)
            print_row(rows, columns, results[rows])
    if given.plot:
        draw(results, given.plot)


if __name__ == "__main__":
    main()
