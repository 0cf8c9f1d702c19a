"""What a first study of some kind of data is made of."""

from __future__ import annotations

from dataclasses import dataclass


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
    encoder, fixed, inputs = _ENCODERS[kind]
    views = "crop" if kind == "image" else ""
    if task == "classification":
        objective, arm = ("supcon", "SupCon") if views else ("triplet", "triplet")
        return Kit(
            encoder,
            fixed,
            inputs,
            objective,
            arm,
            "of one class",
            "majority",
            "logistic",
            "metric: average_precision   # of the rare class; or auroc, f1, mcc, brier, nll"
            if rare
            else "metric: balanced_accuracy   # or accuracy, mcc, nll, ece; of 2 classes auroc, f1",
            views,
        )
    objective = "{rnc: {views: 2}}" if views else "rnc"
    metrics = "metric: mae   # or rmse, mse, r2, spearman"
    if task == "multilabel":
        return Kit(
            encoder,
            fixed,
            inputs,
            objective,
            "RnC",
            "with nearly the same labels",
            "frequencies",
            "logistic",
            "metric: average_precision   # mAP; or auroc, f1 (macro), f1_micro, mcc, brier, nll",
            views,
        )
    return Kit(
        encoder,
        fixed,
        inputs,
        objective,
        "RnC",
        "with near targets",
        "mean",
        "ridge",
        metrics,
        views,
    )
