"""Time of the losses over views and pairs, against those of pytorch-metric-learning.

Forward and backward of one batch of features, 128 of each row, ten classes, in turns, after a check
that both give the same value and gradient. Needs `pip install pytorch-metric-learning`; without it
there is nothing to compare with. The limit is the arithmetic of the distances: a product forward
and two backward.

    python benchmarks/losses.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import measure
from nearfar.losses import (
    contrastive_loss,
    l2_distances,
    nt_xent_loss,
    sup_con_loss,
    triplet_loss,
    unit,
)

WIDTH, CLASSES, MARGIN = 128, 10, 0.5
TOO_SLOW = 300.0
"""Milliseconds from which on the other library is not asked for twice as many rows."""
Loss = Callable[[Tensor, Tensor], Tensor]


def ours() -> dict[str, Loss]:
    """Name → (features (n, d), labels (n,)) → loss; labels of views are row numbers."""
    return {
        "NT-Xent": lambda rows, labels: nt_xent_loss(*rows.chunk(2), 0.5),
        "SupCon": lambda rows, labels: sup_con_loss(rows, labels, 0.1),
        "triplets, all": lambda rows, labels: triplet_loss(
            l2_distances(unit(rows)), labels, MARGIN, "all"
        ),
        "contrastive": lambda rows, labels: contrastive_loss(l2_distances(unit(rows)), labels, 1.0),
    }


def theirs() -> dict[str, Loss] | None:
    """The same from pytorch-metric-learning, None where it is not installed."""
    try:
        from pytorch_metric_learning import distances, losses, reducers
    except ImportError:
        return None
    euclidean = distances.LpDistance(normalize_embeddings=True, p=2, power=1)
    pairs = losses.ContrastiveLoss(
        0.0, 1.0, distance=euclidean, reducer=reducers.DoNothingReducer()
    )

    def contrastive(rows: Tensor, labels: Tensor) -> Tensor:
        """Squares of its terms, as in Hadsell et al.; the library takes the terms as they are."""
        found = pairs(rows, labels)
        terms = torch.cat([found["pos_loss"]["losses"], found["neg_loss"]["losses"]])
        return terms.square().sum() / 2 / (len(rows) * (len(rows) - 1))

    return {
        "NT-Xent": losses.NTXentLoss(temperature=0.5),
        "SupCon": losses.SupConLoss(temperature=0.1),
        "triplets, all": losses.TripletMarginLoss(margin=MARGIN, distance=euclidean),
        "contrastive": contrastive,
    }


def batch_of(name: str, n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Features that take a gradient, and labels: of views those of their row."""
    generator = torch.Generator().manual_seed(n)
    centres = torch.randn(CLASSES, WIDTH, generator=generator)
    classes = torch.randint(CLASSES, (n,), generator=generator)
    features = centres[classes] + torch.randn(n, WIDTH, generator=generator)
    labels = torch.arange(n // 2).repeat(2) if name == "NT-Xent" else classes
    return features.to(device).requires_grad_(), labels.to(device)


def step(loss: Loss, features: Tensor, labels: Tensor) -> measure.Side:
    def run() -> Tensor:
        features.grad = None
        value = loss(features, labels)
        value.backward()
        return value.detach()

    return run


def check_same(sides: dict[str, measure.Side], features: Tensor) -> None:
    """Both sides give the same value, and leave the same gradient."""
    found = {}
    for side, run in sides.items():
        value: Any = run()
        assert features.grad is not None
        found[side] = (value, features.grad.clone())
    torch.testing.assert_close(found["ours"], found["theirs"], rtol=1e-3, atol=1e-5)


def sides_of(
    name: str, mine: Loss, other: Loss | None, n: int, device: torch.device
) -> dict[str, measure.Side]:
    """What is timed with ``n`` rows, checked; the other side only where it is given."""
    features, labels = batch_of(name, n, device)
    sides = {"ours": step(mine, features, labels)}
    if other is not None:
        sides["theirs"] = step(other, features, labels)
        check_same(sides, features)
    return sides


def compare(
    table: measure.Table,
    name: str,
    mine: Loss,
    other: Loss | None,
    quick: bool,
    device: torch.device,
) -> dict[str, dict[int, float]]:
    """Print a loss's rows; return side → rows in the batch → milliseconds."""
    drawn: dict[str, dict[int, float]] = {"ours": {}, "theirs": {}}
    for n in [64, 128] if quick else [64, 128, 256, 512, 1024, 2048]:
        sides = sides_of(name, mine, other, n, device)
        taken = measure.in_turns(sides, device, budget=0.3 if quick else 1.0, slow={"theirs"})
        for side, timing in taken.items():
            drawn[side][n] = 1e3 * timing.median
        own = taken["ours"].median
        against = ("", "")
        if "theirs" in taken:
            against = taken["theirs"].text(), f"{taken['theirs'].median / own:.1f}"
        limit = 6 * n * n * WIDTH / measure.product_rate(device)
        cells = (against[0], taken["ours"].text(), against[1])
        table.row(name, f"{n:,}", *cells, f"{own / limit:.1f}")
        if drawn["theirs"].get(n, 0.0) > TOO_SLOW:
            other = None
    return drawn


def main() -> None:
    given = measure.options(__doc__)
    others = theirs()
    if others is None:
        print("passed over: pytorch-metric-learning is not installed")
        return
    measure.header(given.device, "pytorch-metric-learning")
    print("milliseconds, forward and backward: median (quartiles)\n")
    table = measure.Table("loss", "rows", "theirs", "ours", "ratio", "ours / limit")
    lines = {}
    for (name, mine), colour in zip(
        ours().items(), (measure.OURS, measure.OURS_TOO, measure.THEIRS, measure.LIMIT), strict=True
    ):
        drawn = compare(table, name, mine, others[name], given.quick, given.device)
        lines[name] = (colour, drawn["ours"])
        lines[f"{name}, theirs"] = (colour, drawn["theirs"])
    dashed = [name for name in lines if name.endswith("theirs")]
    labels = {"xlabel": "rows in the batch", "ylabel": "milliseconds"}
    measure.draw_growth(given.plot, lines, dashed=dashed, **labels)


if __name__ == "__main__":
    main()
