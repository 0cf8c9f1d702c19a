"""What a loss costs whose batch several processes share, each of which computes its own anchors.

    python benchmarks/devices.py [--quick] [--processes 2] [--turns 9]

One process computes the whole batch, and all of them their shares of the same batch, in turns:
of the loss alone, forward and backward to features that are given; of a step with an encoder before
it, the mean of the gradients too. Losses and gradients are compared. The ratio is the time of all
processes, summed, over that of one: 1 where sharing costs nothing. On the wall a turn takes as long
as its slowest process, so other work on the machine shows there first; it is compared with one
process whose neighbours have nothing to do, and with one whose neighbours do the same work, each by
itself, since cores share caches and memory.
"""

import tempfile
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

import measure
from nearfar.execution import processes
from nearfar.objectives import OBJECTIVES, Batch, loss_on_ranks
from nearfar.ranks.exchange import average_gradients
from nearfar.ranks.share import ALONE, Rank, Share, sharing

GOAL = 1.3
WIDTH, CLASSES = 128, 10
OPTIONS: dict[str, dict[str, Any]] = {
    "rnc": {},
    "supcon": {"hidden": (), "out": WIDTH},
    "nt_xent": {"hidden": (), "out": WIDTH},
    "moco": {"queue": 4096, "hidden": (), "out": WIDTH, "split_batch_norm": 2},
}
SIZES = {"rnc": (512, 1024, 2048), "supcon": (1024,)}
STEPS = {"rnc": (256, 1024), "supcon": (256,), "nt_xent": (256,), "moco": (256, 1024)}
Took = tuple[float, float]
"""Seconds on the wall, and of the processor."""


Turns = tuple[list[Took], list[Took], list[Took], float]


class Given(nn.Identity):
    """Features that are given."""

    out_features = WIDTH


def convolutions() -> nn.Module:
    """Return a small encoder of images, with batch norm."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    made = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, WIDTH))
    made.out_features = WIDTH  # type: ignore[assignment]
    return made


def case(name: str, rows: int, *, alone: bool) -> tuple[nn.Module, Batch]:
    """Return an objective and a batch, the same in every process."""
    torch.manual_seed(0)
    encoder = Given() if alone else convolutions()
    objective: nn.Module = OBJECTIVES[name](encoder, **OPTIONS[name])
    views = int(getattr(objective, "views", 1))
    shape = (rows, WIDTH) if alone else (rows, 3, 32, 32)
    shown = tuple(torch.randn(shape) for _ in range(views))
    classes = (torch.arange(rows) % CLASSES)[:, None].double()
    return objective, Batch(shown, torch.randn(rows, 1).double() if name == "rnc" else classes)


def shared(batch: Batch, rank: Rank, *, alone: bool) -> Batch:
    """Return a rank's share of a batch; of features that are given, to take a gradient."""
    share = Share(rank, len(batch.targets))
    views = (share.of(view).clone().requires_grad_(alone) for view in batch.views)
    return Batch(tuple(views), share.of(batch.targets))


def step(objective: nn.Module, own: Batch, rank: Rank, rows: int) -> Tensor:
    """Compute a batch's loss and gradients, as the training loop does; return the loss."""
    share = Share(rank, rows)
    for weight in (*objective.parameters(), *own.views):
        weight.grad = None
    with sharing(share):
        loss = loss_on_ranks(objective, own)
    loss.backward()
    if rank.count == 1 or own.inputs.requires_grad:
        return loss.detach()
    return average_gradients(objective.parameters(), loss.detach(), rank)


def timed(work: Callable[[], object]) -> Took:
    """Return what a call takes."""
    wall, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - worked


def differs(objective: nn.Module, batch: Batch, rank: Rank, *, alone: bool) -> float:
    """Return by how much gradients differ from one process's, relative to the largest."""

    def found(by: Rank) -> Tensor:
        own = shared(batch, by, alone=alone)
        step(objective, own, by, len(batch.targets))
        if alone:
            grad = own.inputs.grad / by.count
            return grad if by is rank else Share(rank, len(grad)).of(grad)
        return torch.cat([p.grad.flatten() for p in objective.parameters() if p.grad is not None])

    together, whole = found(rank), found(ALONE)
    return float((together - whole).abs().max() / whole.abs().max())


def take_turns(name: str, rows: int, rank: Rank, turns: int, *, alone: bool) -> Turns:
    """Time one process (rank 0 alone), each by itself, and all together; compare gradients."""
    objective, batch = case(name, rows, alone=alone)
    # Keys have moved and queues are fuller after a step, so MoCo is compared in the tests.
    apart = 0.0 if name == "moco" else differs(objective, batch, rank, alone=alone)
    whole, own = (shared(batch, by, alone=alone) for by in (ALONE, rank))
    one, each, together = [], [], []
    for _ in range(turns):
        dist.barrier()
        if rank.leads:
            one.append(timed(lambda: step(objective, whole, ALONE, rows)))
        dist.barrier()
        each.append(timed(lambda: step(objective, whole, ALONE, rows)))
        dist.barrier()
        together.append(timed(lambda: step(objective, own, rank, rows)))
    return one, each, together, apart


def rank_of_several(
    folder: str, number: int, count: int, asked: list[tuple[str, int, bool]], turns: int, pipe: Any
) -> None:
    """Be a rank; send the times of every case."""
    torch.set_num_threads(1)
    given = {"rank": number, "world_size": count, "init_method": f"file://{folder}/meeting"}
    dist.init_process_group("gloo", **given)
    rank = Rank(number, count)
    for name, rows, alone in asked:
        pipe.send(take_turns(name, rows, rank, turns, alone=alone))
    dist.destroy_process_group()


def slowest(turns: list[list[Took]]) -> float:
    """Return the least time of a turn, which takes as long as its slowest process."""
    return min(max(took[0] for took in turn) for turn in zip(*turns, strict=True))


def ratios(ranks: list[Turns]) -> tuple[float, list[float], float]:
    """Return one process's seconds, three ratios, and by how much gradients differ.

    Of processor time; on the wall with one process alone; with each by itself.
    """
    together = [found[2] for found in ranks]
    wall = slowest(together) * len(ranks)
    worked = median(sum(took[1] for took in turn) for turn in zip(*together, strict=True))
    one = median(took[1] for took in ranks[0][0])
    alone = min(took[0] for took in ranks[0][0])
    each = slowest([found[1] for found in ranks])
    return one, [worked / one, wall / alone, wall / each], max(found[3] for found in ranks)


def main() -> None:
    """Measure and print a table."""
    import devices

    more: measure.More = {
        "--processes": {"type": int, "default": 2},
        "--turns": {"type": int, "default": 9},
    }
    given = measure.options(__doc__, cuda=False, threads=1, more=more)
    measure.header(given.device)
    sizes = {name: of[:1] for name, of in SIZES.items()} if given.quick else SIZES
    asked = [(name, rows, True) for name, of in sizes.items() for rows in of]
    steps = {name: of[:1] for name, of in STEPS.items()} if given.quick else STEPS
    asked += [(name, rows, False) for name, of in steps.items() for rows in of]
    pipes: list[Connection] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.processes):
            here, there = Pipe()
            place = folder, number, given.processes, asked, given.turns, there
            processes.start(devices.rank_of_several, *place)
            there.close()
            pipes.append(here)
        print(f"{given.processes} processes; goal: ratio ≤ {GOAL}")
        titles = "rows", "one process, ms", "processor", "wall, one alone", "wall, each", "differ"
        print(f"| | {' | '.join(titles)} |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, rows, alone in asked:
            one, found, apart = ratios([pipe.recv() for pipe in pipes])
            what = f"{name}, {'the loss alone' if alone else 'a step'}"
            shown = " | ".join(f"{ratio:.2f}" for ratio in found)
            differ = "" if name == "moco" else f"{apart:.0e}"
            print(f"| {what} | {rows:,} | {one * 1000:.1f} | {shown} | {differ} |", flush=True)


if __name__ == "__main__":
    main()
