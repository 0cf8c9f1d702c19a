"""Time and memory of RnCLoss, forward and backward, as the number of rows grows.

Compared in one run, in turns, with the textbook way (a loop over k) and with the distance matrix of
the same features alone. Rows count after views; 128 features; T = 2, L1 labels, minus L2 distance.
Then the share of the loss in a step of training: 512 rows of 32×32 images through a ResNet-18, on a
processor one of a quarter of the width.

    python benchmarks/rnc.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.losses import RnCLoss
from nearfar.objectives import OBJECTIVES, Batch
from nearfar.train.device import fabric_on, precision_of

WIDTH = 128
SECONDS_PER_SIZE = 4.0
TEXTBOOK_UP_TO = 512
"""Rows; at twice as many one call takes seven seconds."""
STEP_ROWS = 512


def textbook(features: Tensor, labels: Tensor, temperature: float = 2.0) -> Tensor:
    """Rank-N-Contrast by its definition: for every k-th pair, those as far or farther."""
    rows, targets = features.transpose(0, 1).flatten(0, 1), labels.repeat(features.shape[1])
    n = len(rows)
    others = ~torch.eye(n, dtype=torch.bool, device=rows.device)
    difference = (targets[:, None] - targets).abs()[others].view(n, n - 1)
    similarity = -(rows[:, None] - rows).norm(dim=2) / temperature
    logits = similarity - similarity.max(dim=1, keepdim=True).values.detach()
    logits = logits[others].view(n, n - 1)
    weight = logits.exp()
    loss = rows.new_zeros(())
    for k in range(n - 1):
        farther = difference >= difference[:, k, None]
        loss = loss - (logits[:, k] - (farther * weight).sum(1).log()).sum()
    return loss / (n * (n - 1))


def distance_matrix(features: Tensor) -> Tensor:
    rows = features.flatten(0, 1)
    return torch.cdist(rows, rows).sum()


def steps(n: int, device: torch.device, with_textbook: bool) -> dict[str, measure.Side]:
    generator = torch.Generator().manual_seed(n)

    def batch(views: int, labels: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.randn(n // views, views, WIDTH, generator=generator).to(device)
        return features.requires_grad_(), labels.to(device)

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

    def step(function: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> measure.Side:
        def run() -> None:
            arguments[0].grad = None
            function(*arguments).backward()

        return run

    return {name: step(*case) for name, case in cases.items()}


def limit(n: int, device: torch.device) -> float:
    """Seconds of the three products of n × n × d that exact distances need, one in float64."""
    one = 2 * n * n * WIDTH
    return one / measure.product_rate(device, torch.float64) + 2 * one / measure.product_rate(
        device
    )


def training(device: torch.device) -> dict[str, measure.Side]:
    """A step of training with the loss, and the loss alone on features of the same shape."""
    torch.manual_seed(0)
    samples = STEP_ROWS // 2
    images = Images(torch.randint(0, 256, (samples, 3, 32, 32), dtype=torch.uint8))
    width = 64 if device.type == "cuda" else 16
    encoder: Any = build_encoder("resnet18", {"width": width}, images)
    objective = OBJECTIVES["rnc"](encoder, views=2)
    fabric = fabric_on(device.type, precision_of(device.type, "image"))
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.05, momentum=0.9)
    model, optimizer = fabric.setup(objective, optimizer)
    model.mark_forward_method("loss")
    view = images.to(device).select(torch.arange(samples, device=device))
    labels = torch.randint(0, 101, (samples, 1), device=device).double()
    batch = Batch((view, view.flip(-1)), labels)
    features = torch.randn(samples, 2, encoder.out_features, device=device, requires_grad=True)
    criterion = RnCLoss()

    def step() -> None:
        optimizer.zero_grad()
        with fabric.autocast():
            value = model.loss(batch)
        fabric.backward(value)
        optimizer.step()

    def loss() -> None:
        features.grad = None
        criterion(features, labels).backward()

    return {"step": step, "loss": loss}


def print_share(device: torch.device, quick: bool) -> None:
    taken = measure.in_turns(training(device), device, budget=1.0 if quick else 8.0, least=2)
    share = 100 * taken["loss"].median / taken["step"].median
    print(
        f"\n{STEP_ROWS} rows through ResNet-18, milliseconds: step {taken['step'].text()}, ", end=""
    )
    print(f"the loss in it {taken['loss'].text()}")
    measure.goal("share of the loss in a step, %", share, at_most=5)


def peak_memory(n: int) -> tuple[float, float]:
    """Seconds and peak resident memory (GB) of one forward and backward in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", str(n)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, gigabytes = map(float, out.split())
    return seconds, gigabytes


def print_memory_of(n: int) -> None:
    device = torch.device("cpu")
    run = steps(n, device, with_textbook=False)["rnc"]
    seconds, _ = measure.timed(run, device, time.perf_counter)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def print_memory(sizes: list[int], device: torch.device) -> None:
    for n in sizes:
        if device.type == "cuda":
            run = steps(n, device, with_textbook=False)["rnc"]
            torch.cuda.reset_peak_memory_stats()
            seconds = measure.in_turns({"rnc": run}, device, least=1)["rnc"].median
            gigabytes = torch.cuda.max_memory_allocated() / 1e9
        else:
            seconds, gigabytes = peak_memory(n)
        print(f"\nn = {n:,}: {seconds:.2f} s, peak memory {gigabytes:.2f} GB")


def print_tables(results: dict[int, dict[str, measure.Timing]], device: torch.device) -> None:
    names = ("textbook", "distance", "rnc", "rnc, two views", "rnc, ages")
    print("milliseconds, forward and backward: median (quartiles)\n")
    table = measure.Table(
        "rows", "textbook", "distance matrix", "RnC", "RnC, 2 views", "RnC, 2 views, ages"
    )
    for n, timings in results.items():
        table.row(f"{n:,}", *(timings[name].text() if name in timings else "" for name in names))
    print("\nratios of medians\n")
    table = measure.Table(
        "rows",
        "textbook / RnC",
        "RnC / distance",
        "2 views / distance",
        "ages / distance",
        "RnC / limit",
    )
    for n, timings in results.items():
        rnc, distance = timings["rnc"].median, timings["distance"].median
        gain = f"{timings['textbook'].median / rnc:.0f}" if "textbook" in timings else ""
        ratios = [f"{timings[name].median / distance:.2f}" for name in names[2:]]
        table.row(f"{n:,}", gain, *ratios, f"{rnc / limit(n, device):.1f}")


def main() -> None:
    memory_of = {"type": int, "help": argparse.SUPPRESS}
    given = measure.options(__doc__, more={"--memory-of": memory_of})
    device = given.device
    if given.memory_of:
        print_memory_of(given.memory_of)
        return
    measure.header(device)
    sizes = [128, 256] if given.quick else [128, 256, 512, 1024, 2048, 4096]
    budget = 0.5 if given.quick else SECONDS_PER_SIZE
    results: dict[int, dict[str, measure.Timing]] = {}
    for n in sizes:
        sides = steps(n, device, with_textbook=n <= TEXTBOOK_UP_TO)
        results[n] = measure.in_turns(sides, device, budget=budget, slow={"textbook"})
    print_tables(results, device)
    ratios = {n: r["rnc"].median / r["distance"].median for n, r in results.items()}
    measure.goal(
        "RnC over the distance matrix, from 512 rows",
        max(ratios[n] for n in ratios if n >= 512 or given.quick),
        at_most=3,
    )
    print_share(device, given.quick)
    print_memory([1024] if given.quick else [8192, 16384], device)
    lines = {
        "textbook: loop over k": ("textbook", measure.THEIRS),
        "RnCLoss, one view": ("rnc", measure.OURS),
        "RnCLoss, two views, ages": ("rnc, ages", measure.OURS_TOO),
        "distance matrix alone": ("distance", measure.LIMIT),
    }
    drawn = {
        label: (colour, {n: 1e3 * r[name].median for n, r in results.items() if name in r})
        for label, (name, colour) in lines.items()
    }
    title = "Rank-N-Contrast, forward and backward"
    measure.draw_growth(
        given.plot, drawn, xlabel="rows in the batch", ylabel="milliseconds", title=title
    )


if __name__ == "__main__":
    main()
