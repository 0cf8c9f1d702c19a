"""Time of the losses of two views without negatives, against those of lightly.

Forward and backward of VICReg, Barlow Twins and the negative cosine of SimSiam and BYOL, of batches
that get wider, in turns, after a check that both give the same value and gradient. Needs `pip
install lightly`, and a torchvision that it can import; without it there is nothing to compare with.
The limit is the arithmetic of the products.

    python benchmarks/two_views.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import measure
from nearfar.losses import barlow_twins_loss, negative_cosine_loss, vicreg_loss

ROWS = 256
Loss = Callable[[Tensor, Tensor], Tensor]
OURS: dict[str, Loss] = {
    "VICReg": vicreg_loss,
    "Barlow Twins": barlow_twins_loss,
    "negative cosine": lambda one, other: negative_cosine_loss(one, other.detach()),
}
PRODUCTS = {"VICReg": 2, "Barlow Twins": 1, "negative cosine": 0}
"""Products of ROWS × width matrices, forward; backward has twice as many."""


def theirs() -> dict[str, Loss] | None:
    """The same from lightly, None where it cannot be imported."""
    try:
        from lightly import loss
    except ImportError:
        return None
    cosine = loss.NegativeCosineSimilarity()
    return {
        "VICReg": loss.VICRegLoss(),
        "Barlow Twins": loss.BarlowTwinsLoss(),
        "negative cosine": lambda one, other: cosine(one, other.detach()),
    }


def two_views(width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Projections of two views, which take a gradient."""
    generator = torch.Generator().manual_seed(width)
    one = torch.randn(ROWS, width, generator=generator)
    other = one + 0.5 * torch.randn(ROWS, width, generator=generator)
    return one.to(device).requires_grad_(), other.to(device).requires_grad_()


def step(loss: Loss, one: Tensor, other: Tensor) -> measure.Side:
    def run() -> Tensor:
        one.grad = other.grad = None
        value = loss(one, other)
        value.backward()
        return value.detach()

    return run


def check_same(sides: dict[str, measure.Side], one: Tensor) -> None:
    """Both sides give the same value, and leave the same gradient."""
    found = {}
    for side, run in sides.items():
        value: Any = run()
        assert one.grad is not None
        found[side] = (value, one.grad.clone())
    torch.testing.assert_close(found["ours"], found["theirs"], rtol=1e-4, atol=1e-6)


def main() -> None:
    given = measure.options(__doc__)
    others = theirs()
    if others is None:
        print("passed over: lightly is not installed")
        return
    measure.header(given.device, "lightly")
    print(f"milliseconds, forward and backward, {ROWS} rows: median (quartiles)\n")
    table = measure.Table("loss", "width", "theirs", "ours", "ratio", "ours / limit")
    lines: dict[str, Any] = {}
    colours = (measure.OURS, measure.OURS_TOO, measure.THEIRS)
    for (name, mine), colour in zip(OURS.items(), colours, strict=True):
        drawn: dict[str, dict[int, float]] = {"ours": {}, "theirs": {}}
        for width in [32, 64] if given.quick else [64, 128, 512, 2048]:
            one, other = two_views(width, given.device)
            sides = {"ours": step(mine, one, other), "theirs": step(others[name], one, other)}
            check_same(sides, one)
            taken = measure.in_turns(
                sides, given.device, budget=0.3 if given.quick else 1.0, slow={"theirs"}
            )
            for side, timing in taken.items():
                drawn[side][width] = 1e3 * timing.median
            own, narrow = taken["ours"].median, min(width, ROWS)
            limit = 6 * PRODUCTS[name] * ROWS * width * narrow / measure.product_rate(given.device)
            share = f"{own / limit:.1f}" if limit else ""
            ratio = f"{taken['theirs'].median / own:.1f}"
            cells = (taken["theirs"].text(), taken["ours"].text(), ratio, share)
            table.row(name, f"{width:,}", *cells)
        lines[name] = (colour, drawn["ours"])
        lines[f"{name}, theirs"] = (colour, drawn["theirs"])
    dashed = [name for name in lines if name.endswith("theirs")]
    labels = {"xlabel": "width of the projections", "ylabel": "milliseconds"}
    measure.draw_growth(given.plot, lines, dashed=dashed, **labels)


if __name__ == "__main__":
    main()
