"""What a training step costs where the memory that it frees stays with the process.

Two processes train the same network on the same images, in turns: one as the C library has it,
which gives large blocks back to the system at once, one as ``nearfar run`` does
(``nearfar.execution.memory``). Weights after the same steps are compared. The fault is a page that
the system clears and hands out. Nothing is to be seen where the C library is not glibc.

    python benchmarks/freed_memory.py [--quick] [--plot FILE] [--threads N]
"""

import resource
import time
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.execution.memory import keep_freed_memory

CLASSES, SIDE = 10, 32
Case = tuple[str, dict[str, Any], int]
CASES: tuple[Case, ...] = (
    ("fast_cnn", {"widths": (16, 64, 64)}, 128),
    ("fast_cnn", {"widths": (24, 96, 96)}, 500),
    ("fast_cnn", {"widths": (64, 256, 256)}, 500),
    ("resnet18", {}, 128),
)


class Training:
    """A network, a batch, and an optimiser."""

    def __init__(self, case: Case) -> None:
        name, options, rows = case
        torch.manual_seed(0)
        inputs = Images(torch.randint(0, 256, (rows, 3, SIDE, SIDE), dtype=torch.uint8))
        encoder: Any = build_encoder(name, options, inputs)
        self.images = inputs.select(torch.arange(rows))
        self.model = nn.Sequential(encoder, nn.Linear(encoder.out_features, CLASSES))
        self.classes = torch.arange(rows) % CLASSES
        self.optimizer = torch.optim.SGD(self.model.parameters(), 1e-3)

    def step(self) -> None:
        """Take a step."""
        loss = nn.functional.cross_entropy(self.model(self.images), self.classes)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def weights(self) -> Tensor:
        """Return all weights in one vector."""
        return torch.cat([weight.detach().flatten() for weight in self.model.parameters()])


def trainer(pipe: Connection, threads: int, *, keeps: bool) -> None:
    """Take a step of the case that is asked for, whenever it is; answer with the page faults."""
    if keeps:
        keep_freed_memory()
    torch.set_num_threads(threads)
    training: Training | None = None
    while (asked := pipe.recv()) is not None:
        if asked == "weights":
            assert training is not None
            pipe.send(training.weights())
            continue
        if isinstance(asked, tuple):
            training = Training(asked)
        assert training is not None
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        training.step()
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def asked(pipe: Connection, what: object) -> Any:
    """Ask a process for something, and wait for it."""
    pipe.send(what)
    return pipe.recv()


def main() -> None:
    """Print a row a network."""
    given = measure.options(__doc__, cuda=False, threads=1)
    measure.header(given.device)
    pipes: dict[str, Any] = {}
    context = get_context("spawn")
    for name, keeps in (("given back", False), ("kept", True)):
        here, there = context.Pipe()
        work = partial(trainer, there, given.threads, keeps=keeps)
        context.Process(target=work, daemon=True).start()
        pipes[name] = here
    columns = ("network", "rows", "given back, ms", "kept, ms", "ratio", "faults a step")
    table, ratios = measure.Table(*columns), {}
    for case in CASES[:2] if given.quick else CASES:
        for pipe in pipes.values():
            asked(pipe, case)
        sides = {name: partial(asked, pipe, "step") for name, pipe in pipes.items()}
        times = measure.in_turns(
            sides,
            given.device,
            budget=0 if given.quick else 12,
            warm=2,
            clock=time.perf_counter,
        )
        faults = [asked(pipe, "step") for pipe in pipes.values()]
        first, second = (asked(pipe, "weights") for pipe in pipes.values())
        torch.testing.assert_close(first, second)
        back, kept = (times[name] for name in pipes)
        widths = ", ".join(map(str, case[1].get("widths", ())))
        ratios[f"{case[0]} {widths}".strip()] = back.median / kept.median
        table.row(
            f"{case[0]} {widths}",
            case[2],
            back.text(),
            kept.text(),
            f"{back.median / kept.median:.2f}",
            f"{faults[0]:,} and {faults[1]:,}",
        )
    for pipe in pipes.values():
        pipe.send(None)
    with measure.figure(given.plot, xlabel="times as fast where memory is kept") as axes:
        if axes:
            axes.barh(list(ratios), list(ratios.values()), color=measure.OURS)


if __name__ == "__main__":
    main()
