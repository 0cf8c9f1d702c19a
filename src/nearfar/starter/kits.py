"""What a first study of some kind of data is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Kit:
    """What a first study of some kind of data is made of.

    ``fixed`` computes features for the classical controls, called ``inputs``; ``arm`` is what the
    pre-trained arms are called; ``views`` is how training changes images, empty for other data.
    """

    encoder: str
    fixed: str
    inputs: str
    objective: str
    arm: str
    near: str
    floor: str
    linear: str
    metrics: str
    views: str = ""

    @property
    def stage(self) -> str:
        """The name of the pre-training stage."""
        return self.arm.lower()


_ENCODERS = {
    "molecule": ("gin", "morgan", "fingerprint"),
    "vector": ("mlp", "identity", "columns"),
    "image": ("cnn", "identity", "pixels"),
}


def kit_of(kind: str, task: str, *, rare: bool = False) -> Kit:
    """Return what suits molecules, vectors or images, and numbers, classes or labels.

    ``rare``: of two classes one is rare.
    """
    views = "crop" if kind == "image" else ""
    suited = partial(Kit, *_ENCODERS[kind], views=views)
    if task == "classification":
        objective, arm = ("supcon", "SupCon") if views else ("triplet", "triplet")
        return suited(
            objective=objective,
            arm=arm,
            near="of one class",
            floor="majority",
            linear="logistic",
            metrics="metric: average_precision   # of the rare class; or auroc, f1, mcc, brier, nll"
            if rare
            else "metric: balanced_accuracy   # or accuracy, mcc, nll, ece; of 2 classes auroc, f1",
        )
    suited = partial(suited, objective="{rnc: {views: 2}}" if views else "rnc", arm="RnC")
    if task == "multilabel":
        return suited(
            near="with nearly the same labels",
            floor="frequencies",
            linear="logistic",
            metrics="metric: average_precision   # mAP; or auroc, f1 (macro), f1_micro, mcc, "
            "brier, nll",
        )
    return suited(
        near="with near targets",
        floor="mean",
        linear="ridge",
        metrics="metric: mae   # or rmse, mse, r2, spearman",
    )
