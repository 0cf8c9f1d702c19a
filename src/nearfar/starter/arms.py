"""The arms of a first study: what is strong for its kind of data, and what it must beat.

Which they are was found on development data; docs/log.md has the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nearfar.starter.kits import Kit

BOOSTED_MOST = 50
"""Classes and targets up to which trees are boosted: each has a hundred of its own."""
KERNEL_ROWS = 4_000
"""Training rows up to which kernel machines are asked: their time grows with the square."""

FOREST_ROWS = 20_000
KERNEL_SIDE = 16
"""Pixels of the longer side up to which images are few numbers, for a kernel machine too."""

LARGE_SIDE, QUICK_SIDE = 48, 40
"""Pixels above which a quick look reduces images, and to how many."""

_OPTIMIZER = "optimizer: {adamw: {lr: 3e-3, weight_decay: 0.05}}"
_MUON = (
    "optimizer: {muon: {lr: 3e-2, weight_decay: 0.02}}, schedule: triangular, average: lookahead"
)


@dataclass(frozen=True)
class Budget:
    """What a first study spends: small data need more epochs and smaller batches."""

    epochs: int
    quick: int
    batch: int
    contrast_batch: int

    @classmethod
    def of(cls, rows: int, kind: str = "vector") -> Budget:
        """Return a budget for so many training rows of a kind; epochs are even, to be halved."""
        passed, least, most = {
            "vector": (100_000, 20, 200),
            "molecule": (54_000, 20, 80),
            "image": (40_000, 10, 60),
        }[kind]
        epochs = min(max(passed // rows, least), most) // 2 * 2
        batch = 128 if rows >= 800 else 64 if rows >= 300 else 32
        return cls(epochs, max(epochs // 4 * 2, 6), batch, 2 * batch)


@dataclass(frozen=True)
class Arm:
    """One way from input to prediction, as lines of a study file.

    ``fit`` is its mapping without braces, where ``EPOCHS`` stands for a number that profiles
    change: ``share`` of the budget. ``quick`` and ``smoke`` are what profiles say of a fit that is
    solved.
    """

    name: str
    fit: str
    comment: str = ""
    pretrained: bool = False
    control: bool = False
    share: float = 0.0
    quick: str = ""
    smoke: str = ""


@dataclass(frozen=True)
class Arms:
    """The arms, the pre-training stage that some of them start from, and the baseline."""

    stage: str
    recipe: str
    objective: str
    baseline: str
    arms: Sequence[Arm]
    views: str = ""
    quick_data: str = ""
    quick_encoder: str = ""
    notes: Sequence[str] = field(default=())


def arms_of(
    kit: Kit,
    budget: Budget,
    rows: int,
    side: int = 0,
    targets: int = 1,
    embeddings: str = "",
    *,
    classes: int = 0,
) -> Arms:
    """Return the arms for a kind of data.

    Args:
        kit: what belongs to this kind and task.
        budget: epochs and batch sizes.
        rows: that are trained on.
        side: pixels of the longer side of images.
        targets: columns to predict.
        embeddings: path of a file of them, empty if there is none.
        classes: that are told apart; 0 where numbers are predicted.
    """
    plain = list(
        _on_pixels(kit, rows, side, targets)
        if kit.kind == "image"
        else _solved(kit, rows, targets, classes)
    )
    network = _network(kit)
    controls = [
        Arm(kit.floor, "head: mean", control=True),
        Arm(
            "untrained encoder",
            f"{network}, train: head, epochs: EPOCHS, batch: {budget.batch}",
            control=True,
            share=0.5,
        ),
    ]
    learned, baseline = list(_learned(kit, budget, network)), plain[0].name
    if kit.kind == "image":
        baseline = learned[0].name
    arms = [*plain, *learned] if kit.kind != "image" else [*learned, *plain]
    arms += _embedded(kit, rows, targets, embeddings) if embeddings else []
    recipe = f"{network}, {_recipe(kit)}" if _recipe(kit) else network
    large = kit.kind == "image" and side > LARGE_SIDE
    return Arms(
        stage=kit.stage,
        recipe=recipe,
        objective=kit.objective,
        baseline=baseline,
        arms=[*arms, *controls],
        views=kit.views,
        quick_data=f"data: {{size: {QUICK_SIDE}}}" if large else "",
        quick_encoder="{fast_cnn: {widths: [24, 96, 96]}}" if kit.encoder == "fast_cnn" else "",
        notes=_PRETRAINED if kit.kind == "image" else (),
    )


_PRETRAINED = (
    "A network that was pre-trained elsewhere (extra timm) is an arm as well, frozen or tuned:",
    "  frozen: {fit: {encoder: {timm: {name: resnet18, pretrained: true}}, train: head}}",
    "  tuned: {fit: {encoder: {timm: {name: resnet18, pretrained: true}}, train: all, epochs: 9}}",
)


def _on_pixels(kit: Kit, rows: int, side: int, targets: int) -> Iterator[Arm]:
    """Yield the arms on pixels as columns."""
    classes = kit.task != "regression"
    linear, machine = ("logistic", "svc") if classes else ("ridge", "svr")
    yield Arm(
        f"small pixels {linear}",
        f"encoder: {{pixels: {{side: 32}}}}, head: {linear}",
        "images of 32 x 32 pixels, no network",
    )
    if rows <= KERNEL_ROWS and side <= KERNEL_SIDE and targets <= 5:
        few = f"{{head: {{{machine}: {{folds: 2}}}}}}"
        yield Arm(
            f"pixels {machine.upper()}",
            f"encoder: identity, head: {{{machine}: {{folds: 5}}}}",
            "a smooth kernel on so few pixels",
            quick=few,
            smoke=few,
        )


def _solved(kit: Kit, rows: int, targets: int, classes: int) -> Iterator[Arm]:
    """Yield the arms without a network, the strongest first."""
    numbers = kit.task == "regression"
    prefix, fixed = f"{kit.inputs} ", kit.fixed
    linear = "ridge" if numbers else "logistic"
    kind = "Regressor" if numbers else "Classifier"
    boosted = Arm(
        f"{prefix}boosting",
        f"encoder: {fixed}, head: {{sklearn: {{class: ensemble.HistGradientBoosting{kind}}}}}",
        "gradient-boosted trees",
        smoke="{head: {sklearn: {options: {max_iter: 10}}}}",
    )
    machine = "svr" if numbers else "svc"
    width = ", width: columns" if kit.kind == "vector" else ""
    options = f"{{{machine}: {{folds: 5{width}}}}}"
    few = 5 if rows <= 500 else 3 if rows <= 2_000 else 2
    kernel = Arm(
        f"{prefix}{machine.upper()}",
        f"encoder: {fixed}, head: {options}",
        "a smooth kernel, its width and penalty chosen on the training rows",
        quick=f"{{head: {{{machine}: {{folds: {few}}}}}}}" if few < 5 else "",
        smoke=f"{{head: {{{machine}: {{folds: 2}}}}}}",
    )
    if rows <= KERNEL_ROWS and targets <= 5:
        yield kernel
    if max(classes, targets) <= BOOSTED_MOST:
        yield boosted
    yield Arm(f"{prefix}{linear}", f"encoder: {fixed}, head: {linear}", "linear")
    if kit.kind == "molecule" and rows <= FOREST_ROWS:
        yield Arm(
            "fingerprint forest",
            "encoder: morgan, head: {forest: {trees: 200, features_per_split: 0.1}}",
            "a random forest on Morgan fingerprints",
            quick="{head: {forest: {trees: 50}}}",
            smoke="{head: {forest: {trees: 5}}}",
        )


def _embedded(kit: Kit, rows: int, targets: int, path: str) -> Iterator[Arm]:
    """Yield the arms on embeddings from a file, alone and joined to what the kind has."""
    own = f"{{file: {{path: {json.dumps(path)}}}}}"
    classes = kit.task != "regression"
    linear, machine = ("logistic", "svc") if classes else ("ridge", "svr")
    kernel = f"{{{machine}: {{folds: 5}}}}"
    few = f"{{head: {{{machine}: {{folds: 2}}}}}}"
    quick: dict[str, Any] = {"quick": few, "smoke": few}
    kernels = rows <= KERNEL_ROWS and targets <= 5
    yield Arm(f"embeddings {linear}", f"encoder: {own}, head: {linear}", "from the file")
    if kernels:
        yield Arm(f"embeddings {machine.upper()}", f"encoder: {own}, head: {kernel}", **quick)
    if kit.kind == "image":
        return
    both = f"encoder: [{kit.fixed}, {own}]"
    name = f"{kit.inputs} and embeddings"
    if kernels:
        yield Arm(f"{name} {machine.upper()}", f"{both}, head: {kernel}", "side by side", **quick)
    else:
        yield Arm(f"{name} {linear}", f"{both}, head: {linear}", "side by side")


def _network(kit: Kit) -> str:
    if kit.encoder == "fast_cnn":
        return "encoder: {fast_cnn: {widths: [48, 192, 192]}}"
    return f"encoder: {kit.encoder}"


def _recipe(kit: Kit) -> str:
    """Return how networks of this kind are trained."""
    return {"fast_cnn": _MUON, "mpnn": _OPTIMIZER}.get(kit.encoder, "")


def _learned(kit: Kit, budget: Budget, network: str) -> Iterator[Arm]:
    """Yield the network end to end, and after pre-training; each with the same epochs in all."""
    head = ", head: mlp" if kit.kind == "molecule" else ""
    views = f", augment: {kit.views}" if kit.views else ""
    recipe = f", {_recipe(kit)}" if _recipe(kit) else ""
    smooth = kit.kind == "image" and kit.task == "classification"
    last = ", label_smoothing: 0.2" if smooth else ""
    shared = f"train: all{head}, epochs: EPOCHS, batch: {budget.batch}{recipe}{views}{last}"
    yield Arm(kit.network, f"{network}, {shared}", "a network, trained end to end", share=1.0)
    yield Arm(
        f"{kit.network}+{kit.arm}",
        shared,
        "the same after pre-training; half of the epochs each",
        pretrained=True,
        share=0.5,
    )
