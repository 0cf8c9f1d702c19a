"""What a step of Muon costs: matrices of one shape as one, by their Gram matrices, against others.

Eight weights of an MLP that is four times as wide inside, half of them lying, half standing, with
gradients that are there already. Compared, in turns: nearfar's Muon; the textbook's, one matrix
after the other, the iteration on the matrix itself, in float32; torch's own, which computes in
bfloat16, where this torch has one; and AdamW in one kernel. Nearfar's and the textbook's must move
the weights alike. The limit is the arithmetic of nearfar's products.

    python benchmarks/optimizers.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

import measure
from nearfar.train.muon import COEFFICIENTS, MOMENTUM, RMS, STEPS, Muon

WIDTHS, QUICK = (32, 64, 128, 256), (16, 32)
INSIDE, MATRICES = 4, 8
LR, DECAY = 3e-3, 0.01
SETTINGS = {"lr": LR, "weight_decay": DECAY}


def weights(width: int, device: torch.device) -> list[nn.Parameter]:
    """Weights with gradients, the same at every call."""
    generator = torch.Generator().manual_seed(width)

    def random(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    shapes = [(INSIDE * width, width), (width, INSIDE * width)] * (MATRICES // 2)
    made = [nn.Parameter(random(shape)) for shape in shapes]
    for parameter in made:
        parameter.grad = random(parameter.shape)
    return made


class Textbook:
    """Muon as it is written down, one matrix after the other."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.momenta = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def step(self) -> None:
        a, b, c = COEFFICIENTS
        for parameter, momentum in zip(self.parameters, self.momenta, strict=True):
            assert parameter.grad is not None
            momentum.mul_(MOMENTUM).add_(parameter.grad)
            x = parameter.grad + MOMENTUM * momentum
            x = x.T if len(x) > x.shape[1] else x
            x = x / x.norm()
            for _ in range(STEPS):
                gram = x @ x.T
                x = a * x + (b * gram + c * gram @ gram) @ x
            x = x if len(x) == len(parameter) else x.T
            parameter.mul_(1 - LR * DECAY)
            parameter.sub_(x, alpha=LR * RMS * math.sqrt(max(x.shape)))


def sides_of(width: int, device: torch.device) -> dict[str, Any]:
    """Optimisers by name, each of weights of its own."""
    sides: dict[str, Any] = {
        "ours": Muon([{"params": weights(width, device)}], **SETTINGS),
        "textbook": Textbook(weights(width, device)),
        "adamw": torch.optim.AdamW(weights(width, device), fused=True, **SETTINGS),
    }
    theirs: Any = getattr(torch.optim, "Muon", None)
    if theirs is not None:
        some = weights(width, device)
        sides["torch"] = theirs(some, adjust_lr_fn="match_rms_adamw", **SETTINGS)
    return sides


def check(width: int, device: torch.device) -> None:
    """Nearfar's weights must be the textbook's after three steps."""
    ours, textbook = weights(width, device), weights(width, device)
    for optimizer in (Muon([{"params": ours}], **SETTINGS), Textbook(textbook)):
        for _ in range(3):
            optimizer.step()
    for one, other in zip(ours, textbook, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def main() -> None:
    given = measure.options(__doc__, threads=1)
    device = given.device
    measure.header(device)
    table = measure.Table(
        "matrices", "ours, ms", "textbook / ours", "torch's / ours", "ours / AdamW", "ours / limit"
    )
    drawn: dict[str, dict[int, float]] = {}
    for width in QUICK if given.quick else WIDTHS:
        check(width, device)
        sides = sides_of(width, device)
        budget = 0.3 if given.quick else 5.0
        taken = measure.in_turns({k: s.step for k, s in sides.items()}, device, budget=budget)
        times = {name: timing.median for name, timing in taken.items()}
        limit = measure.operations(sides["ours"].step) / measure.product_rate(device)
        torchs = f"{times['torch'] / times['ours']:.2f}" if "torch" in times else ""
        table.row(
            f"{MATRICES} of {width} × {INSIDE * width}",
            taken["ours"].text(),
            f"{times['textbook'] / times['ours']:.2f}",
            torchs,
            f"{times['ours'] / times['adamw']:.1f}",
            f"{times['ours'] / limit:.1f}",
        )
        for name, seconds in {**times, "limit": limit}.items():
            drawn.setdefault(name, {})[width] = seconds
    colours = {"ours": measure.OURS, "textbook": measure.THEIRS, "torch": "black"}
    colours |= {"adamw": measure.OURS_TOO, "limit": measure.LIMIT}
    lines = {name: (colours[name], points) for name, points in drawn.items()}
    measure.draw_growth(given.plot, lines, xlabel="width", ylabel=f"seconds, {MATRICES} matrices")


if __name__ == "__main__":
    main()
