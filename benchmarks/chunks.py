"""What a step with `chunk: ROWS` costs, and how much memory it saves.

Two processes take the same step of supervised contrastive learning, in turns: one with the whole
batch, one with 128 rows at a time (``nearfar.train.chunks``, GradCache). Gradients are compared,
with batch norms at rest, whose statistics alone differ. Memory is what a step adds to the process
at its highest. The limit of the time is 4/3: forward, forward again and backward instead of
forward and backward, where a backward is two forwards.

    python benchmarks/chunks.py [--quick] [--plot FILE] [--threads N]
"""

import time
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.execution.memory import keep_freed_memory
from nearfar.losses.sup_con import sup_con_loss
from nearfar.train.chunks import chunked

CHUNK, SIDE, WIDTHS = 128, 32, (24, 96, 96)
SIZES = (256, 512, 1024, 2048)
STATUS = Path("/proc/self/status")


class Step(nn.Module):
    """A network, a batch, and the loss that compares all its rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        inputs = Images(torch.randint(0, 256, (rows, 3, SIDE, SIDE), dtype=torch.uint8))
        self.encoder: Any = build_encoder("fast_cnn", {"widths": WIDTHS}, inputs).eval()
        self.images = inputs.select(torch.arange(rows))
        self.classes = torch.arange(rows) % 10

    def take(self, chunk: int | None) -> None:
        """Compute loss and gradients."""
        self.zero_grad()
        with chunked(self, chunk):
            sup_con_loss(self.encoder(self.images), self.classes, temperature=0.1).backward()

    def gradients(self) -> Tensor:
        """Return all gradients in one vector."""
        found = (weight.grad for weight in self.parameters() if weight.grad is not None)
        return torch.cat([grad.flatten() for grad in found])


def _memory(field: str) -> int:
    """Return a line of the process's status, in bytes."""
    found = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(found.split()[1])


def taker(pipe: Connection, threads: int, chunk: int | None) -> None:
    """Take the steps that are asked for; answer with the memory that they added."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    step: Step | None = None
    while (what := pipe.recv()) is not None:
        if isinstance(what, int):
            step = Step(what)
            before = _memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")
            step.take(chunk)
            pipe.send(_memory("VmHWM") - before)
            continue
        assert step is not None
        if what == "gradients":
            pipe.send(step.gradients())
        else:
            step.take(chunk)
            pipe.send(None)


def asked(pipe: Connection, what: object) -> Any:
    """Ask a process for something, and wait for it."""
    pipe.send(what)
    return pipe.recv()


def started(threads: int, chunk: int | None) -> Connection:
    """Start a process, and return the way to it."""
    context = get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=taker, args=(there, threads, chunk), daemon=True).start()
    return here


def main() -> None:
    """Print a row a size of batch."""
    given = measure.options(__doc__, cuda=False, threads=1)
    measure.header(given.device)
    columns = ("rows", "whole, ms", "chunks, ms", "time", "whole, MB", "chunks, MB", "memory")
    table, ratios = measure.Table(*columns), {}
    for rows in SIZES[:2] if given.quick else SIZES:
        pipes = {"whole": started(given.threads, None), "chunks": started(given.threads, CHUNK)}
        memory = {name: asked(pipe, rows) for name, pipe in pipes.items()}
        first, second = (asked(pipe, "gradients") for pipe in pipes.values())
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
        times = measure.in_turns(
            {name: partial(asked, pipe, "step") for name, pipe in pipes.items()},
            given.device,
            budget=0 if given.quick else 12,
            warm=1,
            clock=time.perf_counter,
        )
        for pipe in pipes.values():
            pipe.send(None)
        ratios[rows] = memory["chunks"] / memory["whole"]
        table.row(
            f"{rows:,}",
            *(times[name].text() for name in pipes),
            f"{times['chunks'].median / times['whole'].median:.2f}",
            *(f"{memory[name] / 1e6:,.0f}" for name in pipes),
            f"{ratios[rows]:.2f}",
        )
    with measure.figure(given.plot, xlabel="rows of a batch", ylabel="share of memory") as axes:
        if axes:
            axes.plot(list(ratios), list(ratios.values()), color=measure.OURS, marker="o")


if __name__ == "__main__":
    main()
