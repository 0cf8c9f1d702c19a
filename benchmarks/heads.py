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

    python benchmarks/heads.py [--quick] [--large] [--plot FILE] [--threads N]
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import Logistic, Problem, solve_together
from nearfar.heads.solved.logistic.shared_rows import SharedRows

Floats = NDArray[Any]
PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
FRACTIONS = (1.0, 0.5, 0.25)
HEADS = len(PENALTIES) * len(FRACTIONS)
ROWS, LARGEST, COLUMNS = (3_125, 12_500), 50_000, 512
CLASSES, EPOCHS = 10, 20
SAME = 1e-4
LOOSEST, FINER = 1e-2, 10**0.25
IMAGES, BATCH, WIDTH = 512, 128, 16
CPU = torch.device("cpu")


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
        self.scales = {len(some): scales(features[some]) for some in chosen}
        self.exact = {len(some): self.standardised(some) for some in chosen}
        self.scaled = {count: exact.astype(np.float32) for count, exact in self.exact.items()}
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

    def timed(self, problem: Problem, tolerance: float) -> tuple[float, LogisticRegression]:
        return measure.timed(lambda: self.theirs(problem, tolerance), CPU)

    def standardised(self, rows: NDArray[np.int64]) -> Floats:
        mean, deviation = self.scales[len(rows)]
        return (self.features[rows] - mean) / deviation

    def objective(self, problem: Problem, found: Logistic | LogisticRegression) -> float:
        """Mean cross-entropy plus penalty, in float64."""
        count = len(problem.rows)
        mean, deviation = self.scales[count]
        if isinstance(found, Logistic):
            weight = found.weight * deviation[:, None]
            bias = found.intercept + mean @ found.weight
        else:
            weight, bias = found.coef_.T.astype(np.float64), found.intercept_.astype(np.float64)
        log_p = torch.from_numpy(self.exact[count] @ weight + bias).log_softmax(1).numpy()
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
            seconds, model = self.timed(problem, tolerance)
            while self.objective(problem, model) > value * (1 + SAME):
                tolerance /= FINER
                seconds, model = self.timed(problem, tolerance)
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


def scales(features: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of every column, in float64."""
    wide = features.astype(np.float64)
    return wide.mean(0), wide.std(0)


def images_rate() -> float:
    """Images a second through the frozen encoder."""
    pictures = Images(torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8))
    encoder: Any = build_encoder("resnet18", {"width": WIDTH}, pictures).eval()
    batch = pictures.select(torch.arange(BATCH))
    turns = IMAGES // BATCH
    with torch.inference_mode():
        sides = {"forward": lambda: encoder(batch)}
        taken = measure.in_turns(sides, CPU, least=turns, most=turns)
    return BATCH / taken["forward"].median


def compared(task: Task, tolerances: dict[float, float]) -> dict[str, Any]:
    """Seconds of each way; the slow ones run once, between the turns of the fast one."""
    turns = [measure.timed(task.together, CPU)]
    alone, heads = measure.timed(task.alone, CPU)
    turns.append(measure.timed(task.together, CPU))
    peers = task.peers(tolerances)
    turns.append(measure.timed(task.together, CPU))
    seconds = [taken for taken, _ in turns]
    apart = task.apart(heads)
    assert apart < SAME, f"together and alone differ by {apart:.1e} of the objective"
    rows = len(task.features)
    labelled = sum(len(problem.rows) for problem in task.problems)
    rate = images_rate()
    return {
        "together": measure.Timing(seconds).median,
        "alone": alone,
        "peers": peers,
        "spread": max(seconds) / min(seconds),
        "one_pass": EPOCHS * rows / rate,
        "each": EPOCHS * labelled / rate,
        "limit": task.arithmetic() / measure.product_rate(CPU),
        "evaluations": int(task.evaluations.sum()),
        "iterations": task.iterations,
        "accuracy": task.accuracy(turns[-1][1]),
        "apart": apart,
    }


def print_row(table: measure.Table, rows: int, columns: int, r: dict[str, Any]) -> None:
    table.row(
        f"{rows:,} × {columns}",
        f"{r['together']:.2f} ({r['evaluations']})",
        f"{r['spread']:.2f}",
        f"{r['alone']:.2f}",
        f"{r['peers']:.1f} ({r['iterations']})",
        f"{r['one_pass']:,.0f}",
        f"{r['each']:,.0f}",
        *(f"{r[name] / r['together']:.1f}" for name in ("peers", "alone", "one_pass", "each")),
        f"{r['together'] / r['limit']:.1f}",
        f"{r['apart']:.0e}",
        f"{r['accuracy']:.2f}",
    )


def draw(results: dict[int, dict[str, Any]], file: Path | None) -> None:
    through = "20 epochs through the encoder"
    lines = {
        f"{through}, each head by itself": ("each", measure.THEIRS),
        f"{through}, all heads in one pass": ("one_pass", measure.THEIRS),
        "scikit-learn, one after the other": ("peers", "black"),
        "nearfar, one after the other": ("alone", measure.OURS_TOO),
        "nearfar, together": ("together", measure.OURS),
        "its matrix products, at full speed": ("limit", measure.LIMIT),
    }
    drawn = {
        label: (colour, {rows: r[name] for rows, r in results.items()})
        for label, (name, colour) in lines.items()
    }
    labels = {"xlabel": "rows", "ylabel": f"seconds, {HEADS} heads"}
    measure.draw_growth(file, drawn, dashed=[f"{through}, each head by itself"], **labels)


def main() -> None:
    large = {"action": "store_true", "help": f"{LARGEST:,} rows too: ten minutes in all"}
    given = measure.options(__doc__, cuda=False, threads=2, more={"--large": large})
    measure.header(given.device, "scikit-learn")
    print(f"{HEADS} heads\n")
    table = measure.Table(
        "rows × columns",
        "together, s (evaluations)",
        "slowest / fastest",
        "alone, s",
        "scikit-learn, s (iterations)",
        "encoder, one pass, s",
        "encoder, each, s",
        "scikit-learn / together",
        "alone / together",
        "one pass / together",
        "each / together",
        "together / limit",
        "together and alone differ by",
        "accuracy",
    )
    sizes = [(rows, COLUMNS) for rows in (*ROWS, *[LARGEST] * given.large)]
    sizes = [(600, 32), (1_200, 32)] if given.quick else sizes
    results: dict[int, dict[str, Any]] = {}
    tolerances: dict[float, float] = {}
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(given.threads):
        Task(300, 32).together()
        for rows, columns in sizes:
            results[rows] = compared(Task(rows, columns), tolerances)
            print_row(table, rows, columns, results[rows])
    found = results[max(results)]
    goals = [] if given.quick else [("scikit-learn", "peers", 5), ("the encoder", "one_pass", 50)]
    for name, way, least in goals:
        ratio = found[way] / found["together"]
        measure.goal(f"{HEADS} heads: seconds by {name} over together", ratio, at_least=least)
    draw(results, given.plot)


if __name__ == "__main__":
    main()
