"""What a first study of some kind of data is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Kit:
    """What a first study of some kind of data is made of.

    ``fixed`` computes features for the classical arms, called ``inputs``; ``network`` is what the
    network is called, and ``arm`` its pre-training; ``views`` is how training changes images, empty
    for other data.
    """

    kind: str
    task: str
    encoder: str
    fixed: str
    inputs: str
    network: str
    objective: str
    arm: str
    near: str
    floor: str
    metrics: str
    views: str = ""

    @property
    def stage(self) -> str:
        """The name of the pre-training stage."""
        return self.arm.lower()


_ENCODERS = {
    "molecule": ("mpnn", "descriptors", "descriptors", "MPNN"),
    "vector": ("mlp", "identity", "columns", "MLP"),
    "image": ("fast_cnn", "pixels", "pixels", "CNN"),
}


LEAST_SIDE = 12
"""Pixels of a side below which ``fast_cnn`` has nothing left to halve."""
_LEAST_SHIFTED = 3
"""Pixels of a side below which ``shift`` has no mirror image as wide as it moves by default."""


def _views(side: int, *, mirrored: bool) -> str:
    """Return how training changes images whose shorter side has so many pixels, as YAML."""
    shift = "shift" if side >= _LEAST_SHIFTED else f"{{shift: {{padding: {side - 1}}}}}"
    views = [shift] * (side > 1) + ["alternating_flip"] * mirrored
    return views[0] if len(views) == 1 else f"[{', '.join(views)}]" if views else ""


def kit_of(
    kind: str, task: str, *, rare: bool = False, mirrored: bool = True, side: int = LEAST_SIDE
) -> Kit:
    """Return what suits molecules, vectors or images, and numbers, classes or labels.

    ``rare``: of two classes one is rare; ``mirrored``: an image means the same in a mirror;
    ``side``: pixels of an image's shorter side.
    """
    views = _views(side, mirrored=mirrored) if kind == "image" else ""
    encoder, fixed, inputs, network = _ENCODERS[kind]
    encoder = "cnn" if kind == "image" and side < LEAST_SIDE else encoder
    suited = partial(Kit, kind, task, encoder, fixed, inputs, network, views=views)
    if task == "classification":
        objective, arm = ("supcon", "SupCon") if views else ("triplet", "triplet")
        return suited(
            objective=objective,
            arm=arm,
            near="of one class",
            floor="majority",
            metrics="metric: average_precision   # of the rare class; or auroc, f1, mcc, brier, nll"
            if rare
            else "metric: balanced_accuracy   # or accuracy, mcc, nll, ece; of 2 classes auroc, f1",
        )
    suited = partial(suited, objective="{rnc: {views: 2}}" if views else "rnc", arm="RnC")
    if task == "multilabel":
        return suited(
            near="with nearly the same labels",
            floor="frequencies",
            metrics="metric: average_precision   # mAP; or auroc, f1 (macro), f1_micro, mcc, "
            "brier, nll",
        )
    return suited(
        near="with near targets",
        floor="mean",
        metrics="metric: mae   # or rmse, mse, r2, spearman",
    )
