"""Time to train a head on cached features, against training its encoder along.

The published EMNIST network and head, batch 32, Adam, on random images; epochs of each side in
turns. For so many epochs: the whole network; the head on features that are computed once, by
autograd; the same with the gradients written out, as nearfar has it. One pass over all rows for
the features is part of both. The limit is the arithmetic of the head's products.

    python benchmarks/frozen.py [--quick] [--plot FILE] [--device cpu|cuda] [--threads N]
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import measure
from nearfar.data import Images
from nearfar.encoders import build_encoder
from nearfar.heads import MLP
from nearfar.objectives import CachedRows, Rows, in_chunks
from nearfar.stages.models import FeatureRows, Features
from nearfar.train.device import fabric_on, precision_of
from nearfar.train.loop import Trainer
from nearfar.train.recipe import Adam
from training import Unjudged, checkpoint, classifier, recipe

CLASSES, HIDDEN, BATCH, EPOCHS = 47, 64, 32, 20
TURNS = 4
SIDES = ("whole network", "head, autograd", "head, written out")


def task_of(encoder: Any, data: Rows, trained: Any = "head") -> Unjudged:
    torch.manual_seed(0)
    head = MLP(encoder.out_features, CLASSES, hidden=(HIDDEN,))
    return Unjudged(classifier(encoder, head, trained), data)


def epochs_of(task: Unjudged, device: torch.device, losses: list[float]) -> Callable[[], None]:
    """Return what trains an epoch, from where the one before ended; its losses are kept."""
    made = recipe(Adam(lr=1e-3), BATCH, epochs=TURNS + 2)
    fabric = fabric_on(device.type, precision_of(device.type, "image"))
    trainer = Trainer(task, made, 0, fabric, checkpoint=checkpoint())

    def epoch() -> None:
        trainer.state.round += 1
        losses.append(trainer._round())

    return epoch


def compared(count: int, device: torch.device) -> dict[str, float]:
    """Side → seconds for 20 epochs on ``count`` rows, of medians of epochs taken in turns."""
    torch.manual_seed(0)
    images = Images(torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8)).to(device)
    targets = torch.randint(CLASSES, (count, 1), device=device).double()
    encoder: Any = build_encoder("emnist_cnn", {}, images).to(device)
    everything = torch.arange(count, device=device)

    def features() -> Tensor:
        return in_chunks(encoder, images, everything)

    cached = CachedRows(FeatureRows(features()), targets)
    whole = task_of(build_encoder("emnist_cnn", {}, images), Rows(images, targets), "all")
    heads = [task_of(Features(encoder.out_features), cached) for _ in range(2)]
    heads[0].module.step_of = lambda: None  # type: ignore[method-assign]
    losses: dict[str, list[float]] = {name: [] for name in SIDES}
    tasks = dict(zip(SIDES, (whole, *heads), strict=True))
    epochs = {name: epochs_of(task, device, losses[name]) for name, task in tasks.items()}
    taken = measure.in_turns({**epochs, "features": features}, device, least=TURNS, most=TURNS)
    for one, other in zip(losses[SIDES[1]], losses[SIDES[2]], strict=True):
        assert abs(one - other) < 1e-3 * abs(one), "the written-out gradients train otherwise"
    total = {name: EPOCHS * taken[name].median for name in SIDES}
    total |= {name: total[name] + taken["features"].median for name in SIDES[1:]}
    total["limit"] = EPOCHS * measure.operations(epochs[SIDES[2]]) / measure.product_rate(device)
    return total


def main() -> None:
    given = measure.options(__doc__, threads=1)
    measure.header(given.device)
    print(f"batch {BATCH}, {EPOCHS} epochs, seconds\n")
    table = measure.Table("rows", *SIDES, "times as fast", "the head's products alone")
    results: dict[int, dict[str, float]] = {}
    for count in [640] if given.quick else [1600, 6400, 12800]:
        results[count] = found = compared(count, given.device)
        ratio = found[SIDES[0]] / found[SIDES[2]]
        seconds = [f"{found[name]:.2f}" for name in SIDES]
        table.row(f"{count:,}", *seconds, f"{ratio:.1f}", f"{found['limit']:.3f}")
    colours = zip(
        (*SIDES, "limit"), (measure.THEIRS, "black", measure.OURS, measure.LIMIT), strict=True
    )
    lines = {name: (c, {n: found[name] for n, found in results.items()}) for name, c in colours}
    measure.draw_growth(
        given.plot, lines, xlabel="training rows", ylabel=f"seconds, {EPOCHS} epochs"
    )


if __name__ == "__main__":
    main()
