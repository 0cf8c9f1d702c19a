"""Time and memory of RnCLoss, forward and backward, as the number of rows grows.

Compared in one run, in turns, with the textbook way (a loop over k) and with the distance matrix of
the same features alone. Rows count after views; 128 features; T = 2, L1 labels, minus L2 distance.

    python benchmarks/rnc.py [--quick] [--plot FILE]
"""

import argparse
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import torch
from torch import Tensor

from nearfar.losses import RnCLoss

WIDTH = 128
SECONDS_PER_SIZE = 12.0
Step = Callable[[], Tensor]


def textbook(features: Tensor, labels: Tensor, temperature: float = 2.0) -> Tensor:
    """Rank-N-Contrast by its definition: for every k-th pair, those as far or farther."""
    rows, targets = features.transpose(0, 1).flatten(0, 1), labels.repeat(features.shape[1])
    n = len(rows)
    others = ~torch.eye(n, dtype=torch.bool)
    difference = (targets[:, None] - targets).abs()[others].view(n, n - 1)
    similarity = -(rows[:, None] - rows).norm(dim=2) / temperature
    logits = similarity - similarity.max(dim=1, keepdim=True).values.detach()
    logits = logits[others].view(n, n - 1)
    weight = logits.exp()
    loss = torch.zeros(())
    for k in range(n - 1):
        farther = difference >= difference[:, k, None]
        loss = loss - (logits[:, k] - (farther * weight).sum(1).log()).sum()
    return loss / (n * (n - 1))


def distance_matrix(features: Tensor) -> Tensor:
    rows = features.flatten(0, 1)
    return torch.cdist(rows, rows).sum()


@dataclass
class Timing:
    """Seconds of each round."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return median(self.seconds)

    def text(self) -> str:
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return f"{1e3 * self.median:.4g} ({1e3 * low:.4g} to {1e3 * high:.4g})"


def steps(n: int, with_textbook: bool) -> dict[str, Step]:
    generator = torch.Generator().manual_seed(n)

    def batch(views: int, labels: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.randn(n // views, views, WIDTH, generator=generator)
        return features.requires_grad_(), labels

    criterion = RnCLoss()
    single = batch(1, torch.randn(n, generator=generator))
    double = batch(2, torch.randn(n // 2, generator=generator))
    ages = batch(2, torch.randint(0, 101, (n // 2,), generator=generator))
    cases: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
        "distance": (distance_matrix, single[:1]),
        "rnc": (criterion, single),
        "rnc, two views": (criterion, double),
        "rnc, ages": (criterion, ages),
    }
    if with_textbook:
        cases["textbook"] = (textbook, single)
        torch.testing.assert_close(criterion(*single), textbook(*single), rtol=1e-4, atol=1e-4)

    def step(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> Step:
        def run() -> Tensor:
            arguments[0].grad = None
            loss = function(*arguments)
            loss.backward()
            return loss

        return run

    return {name: step(*case) for name, case in cases.items()}


def measure(n: int, with_textbook: bool, budget: float) -> dict[str, Timing]:
    """Every case once per round, until the budget is spent; the slow textbook in few rounds."""
    runs = steps(n, with_textbook)
    for name, run in runs.items():
        if name != "textbook":
            run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    begin = time.perf_counter()
    while len(seconds["rnc"]) < 5 or (
        time.perf_counter() - begin < budget and len(seconds["rnc"]) < 200
    ):
        for name, run in runs.items():
            spent = sum(seconds[name])
            if name == "textbook" and len(seconds[name]) >= 3 and spent > budget / 3:
                continue
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}


def peak_memory(n: int) -> tuple[float, float]:
    """Seconds and peak resident memory (GB) of one forward and backward in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", str(n)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, gigabytes = map(float, out.split())
    return seconds, gigabytes


def print_memory(n: int) -> None:
    run = steps(n, with_textbook=False)["rnc"]
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def print_table(results: dict[int, dict[str, Timing]]) -> None:
    print("\nmilliseconds, forward and backward: median (quartiles)\n")
    print("| rows | textbook | distance matrix | RnC | RnC, 2 views | RnC, 2 views, ages |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    names = ("textbook", "distance", "rnc", "rnc, two views", "rnc, ages")
    for n, timings in results.items():
        cells = [timings[name].text() if name in timings else "" for name in names]
        print(f"| {n:,} | " + " | ".join(cells) + " |")
    print("\nratios of medians\n")
    print("| rows | textbook / RnC | RnC / distance | 2 views / distance | ages / distance |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for n, timings in results.items():
        rnc, distance = timings["rnc"].median, timings["distance"].median
        gain = f"{timings['textbook'].median / rnc:.0f}" if "textbook" in timings else ""
        ratios = [timings[name].median / distance for name in names[2:]]
        print(f"| {n:,} | {gain} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")


def draw(results: dict[int, dict[str, Timing]], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.6), layout="constrained")
    styles = {
        "textbook": ("textbook: loop over k", "#8c510a", "s"),
        "rnc": ("RnCLoss, one view", "#01665e", "o"),
        "rnc, ages": ("RnCLoss, two views, ages", "#5ab4ac", "^"),
        "distance": ("distance matrix alone", "#777777", "x"),
    }
    for name, (label, colour, marker) in styles.items():
        sizes = [n for n in results if name in results[n]]
        values = [1e3 * results[n][name].median for n in sizes]
        axes.plot(sizes, values, marker=marker, color=colour)
        axes.annotate(
            label, (sizes[-1], values[-1]), (8, -3), textcoords="offset points", color=colour
        )
    axes.set(xscale="log", yscale="log", xlabel="rows in the batch", ylabel="milliseconds")
    axes.set_xticks(list(results), [f"{n:,}" for n in results])
    axes.set_xticks([], minor=True)
    axes.set_xlim(right=max(results) * 6)
    axes.set_title("Rank-N-Contrast, forward and backward", loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small sizes, seconds in all")
    parser.add_argument("--plot", type=Path, help="where to draw the growth over n")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print_memory(arguments.memory_of)
        return
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    print(f"{torch.get_num_threads()} threads")
    sizes = [128, 256] if arguments.quick else [128, 256, 512, 1024, 2048, 4096]
    budget = 1.0 if arguments.quick else SECONDS_PER_SIZE
    results: dict[int, dict[str, Timing]] = {}
    for n in sizes:
        results[n] = measure(n, n <= 1024, budget)
        ratio = results[n]["rnc"].median / results[n]["distance"].median
        print(f"n = {n}: {ratio:.2f} distance matrices", flush=True)
    print_table(results)
    for n in [2048] if arguments.quick else [8192, 16384]:
        seconds, gigabytes = peak_memory(n)
        print(f"\nn = {n:,}: {seconds:.2f} s, peak resident memory {gigabytes:.2f} GB")
    if arguments.plot:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()
