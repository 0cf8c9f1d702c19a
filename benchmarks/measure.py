"""What the benchmarks share: their options, sides timed in turns, tables, plots, and the limits.

A limit is what the machine itself can do, measured on it in the same run: the arithmetic of a
matrix product and the bytes of a copy.
"""

import argparse
import platform
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

OURS, OURS_TOO, THEIRS, LIMIT = "#01665e", "#5ab4ac", "#8c510a", "#777777"
"""Colours: nearfar, another case of it, what it is compared with, what cannot be undercut."""

FEWEST = 3
"""Rounds of a side that is too slow to take part in all."""

Name = TypeVar("Name", bound=Hashable)
Found = TypeVar("Found")
Side = Callable[[], object]
Clock = Callable[[], float]
More = Mapping[str, dict[str, Any]]
"""Options of one benchmark alone: what ``add_argument`` takes, by name."""


def options(
    doc: str | None,
    *,
    cuda: bool = True,
    threads: int | None = None,
    more: More | None = None,
) -> argparse.Namespace:
    """Read the command line of a benchmark: quick, plot, device, threads, and ``more``.

    ``device`` comes back as a torch device. A benchmark that means nothing on a GPU (not ``cuda``)
    says so there and ends well. ``threads``: where not told otherwise, those that torch takes.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    parser.add_argument("--quick", action="store_true", help="small sizes, seconds")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="where to draw the results")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=threads, help="of the processor")
    for name, keywords in (more or {}).items():
        parser.add_argument(name, **keywords)
    given = parser.parse_args()
    if given.device == "cuda" and not cuda:
        print("passed over: nothing here runs on a GPU")
        raise SystemExit(0)
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no such device here")
    given.device = torch.device(given.device)
    if given.threads:
        torch.set_num_threads(given.threads)
    return given


def header(device: torch.device, *packages: str, clock: Clock | None = None) -> None:
    """Print versions, the processor or GPU, threads, the clock, and the limits.

    ``clock``: another than ``clock_of`` the device.
    """
    versions = [f"{name} {version(name)}" for name in ("torch", *packages)]
    place = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    threads = torch.get_num_threads()
    kind = "processor" if (clock or clock_of(device)) is time.process_time else "wall"
    print(f"{', '.join(versions)}, Python {platform.python_version()}, {place}")
    print(f"{threads} thread{'s' * (threads > 1)}, {kind} time")
    rates = f"{product_rate(device) / 1e9:,.0f} GFLOP/s"
    if device.type == "cpu" and threads > 1:
        rates += f" ({_on_one_thread(device) / 1e9:,.0f} on one thread)"
    if device.type == "cuda":
        rates += f" ({product_rate(device, torch.bfloat16) / 1e9:,.0f} in bfloat16)"
    copied = copy_rate(device) / 1e9
    print(f"limits: {rates} in a float32 product, {copied:,.1f} GB/s in a copy\n", flush=True)


def clock_of(device: torch.device) -> Clock:
    """Return the clock: that of the processor, which other work disturbs less, for one thread."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(
    side: Callable[[], Found], device: torch.device, clock: Clock | None = None
) -> tuple[float, Found]:
    """Return the seconds that one call takes, until the device is done, and what it found."""
    clock = clock or clock_of(device)
    wait_for(device)
    begin = clock()
    found = side()
    wait_for(device)
    return clock() - begin, found


@dataclass(frozen=True)
class Timing:
    """Seconds of every round of a side."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The seconds that half of the rounds stay below."""
        return median(self.seconds)

    def text(self) -> str:
        """Return median and quartiles in milliseconds."""
        if len(self.seconds) < 2:
            return f"{1e3 * self.median:.4g}"
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return f"{1e3 * self.median:.4g} ({1e3 * low:.4g} to {1e3 * high:.4g})"


def in_turns(
    sides: Mapping[Name, Side],
    device: torch.device,
    *,
    budget: float = 0.0,
    least: int = 5,
    most: int = 200,
    warm: int = 1,
    slow: Collection[Name] = (),
    clock: Clock | None = None,
) -> dict[Name, Timing]:
    """Time every side once a round, for ``budget`` seconds of wall time and ``least`` rounds.

    ``warm`` rounds before do not count. Sides that are ``slow`` are not warmed up, and leave off
    after ``FEWEST`` rounds when they have had a third of the budget. ``clock``: another than
    ``clock_of`` the device, where processes take part.
    """
    seconds: dict[Name, list[float]] = {name: [] for name in sides}
    for _ in range(warm):
        for name, side in sides.items():
            if name not in slow:
                side()
    begin, rounds = time.perf_counter(), 0
    while rounds < least or (rounds < most and time.perf_counter() - begin < budget):
        rounds += 1
        for name, side in sides.items():
            had = seconds[name]
            if name in slow and len(had) >= FEWEST and sum(had) > budget / 3:
                continue
            had.append(timed(side, device, clock)[0])
    return {name: Timing(values) for name, values in seconds.items()}


def product_rate(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Return the operations a second of a matrix product: a multiplication and an addition count.

    The best of some, with the threads that torch has.
    """
    return _product_rate(device, dtype, torch.get_num_threads())


@cache
def _product_rate(device: torch.device, dtype: torch.dtype, threads: int) -> float:
    side = 1024 if device.type == "cpu" else 8192
    one = torch.randn(side, side, device=device).to(dtype)
    other, out = one.T.contiguous(), torch.empty_like(one)
    return 2 * side**3 / _best(lambda: torch.mm(one, other, out=out), device)


@cache
def copy_rate(device: torch.device) -> float:
    """Return the bytes a second of a copy between arrays beyond any cache, read and written."""
    one = torch.ones(2**25 if device.type == "cpu" else 2**28, device=device)
    other = torch.empty_like(one)
    return 2 * one.nbytes / _best(lambda: other.copy_(one), device)


def _on_one_thread(device: torch.device) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rate = product_rate(device)
    torch.set_num_threads(threads)
    return rate


def _best(side: Side, device: torch.device) -> float:
    side()
    return min(timed(side, device)[0] for _ in range(7))


def operations(side: Side) -> int:
    """Return the floating-point operations of the matrix products and convolutions of a call."""
    with FlopCounterMode(display=False) as counter:
        side()
    return int(counter.get_total_flops())


class Table:
    """A table in Markdown, printed row by row as its numbers come."""

    def __init__(self, *columns: str) -> None:
        self.row(*columns)
        self.row(*["---:"] * len(columns))

    def row(self, *cells: object) -> None:
        """Print a row."""
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def goal(name: str, value: float, *, at_most: float | None = None, at_least: float = 0.0) -> None:
    """Print a goal, what was measured, and whether it is reached."""
    wanted = f"at least {at_least:g}" if at_most is None else f"at most {at_most:g}"
    reached = value >= at_least and (at_most is None or value <= at_most)
    said = "reached" if reached else "NOT reached"
    print(f"\ngoal: {name} {wanted}: {value:.3g}, {said}", flush=True)


@contextmanager
def figure(file: Path | None, **settings: Any) -> Iterator[Any]:
    """Give axes to draw on, or None without a ``file``; then set, tidy and save them."""
    if file is None:
        yield None
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(figsize=(8, 4.6), layout="constrained")
    yield axes
    axes.set(**settings)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        drawn.legend(loc="outside right upper", frameon=False, fontsize="small")
    drawn.savefig(file)


def draw_growth(
    file: Path | None,
    lines: Mapping[str, tuple[str, Mapping[int, float]]],
    *,
    dashed: Collection[str] = (),
    **settings: Any,
) -> None:
    """Draw lines by name, each with its colour and size → value, on logarithmic scales."""
    with figure(file) as axes:
        for name, (colour, values) in lines.items() if axes else ():
            style = "o--" if name in dashed else "o-"
            axes.plot(list(values), list(values.values()), style, color=colour, label=name)
        if axes:
            axes.set(**{"xscale": "log", "yscale": "log", **settings})
            sizes = sorted({size for _, values in lines.values() for size in values})
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.set_xticks([], minor=True)
