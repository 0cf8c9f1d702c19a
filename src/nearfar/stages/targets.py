"""What a predictor puts out and how it is judged: numbers in z units, or classes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.data import Dataset, Split, TargetScaler, rarity_weights
from nearfar.data.rare_targets import Weighting
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import METRICS, Classified, evaluate_classification, evaluate_regression
from nearfar.metrics.classification import LEAST_PROBABILITY
from nearfar.records.stage_files import CLASSES_HEADER, NUMBERS_HEADER
from nearfar.stages.reconstructions import MANY_ROWS, SPLITS, Reconstructions

Floats = NDArray[np.float64]
Line = tuple[Any, ...]


class Numbers:
    """One number or more a row, trained in z units of the training rows.

    ``also`` names the metrics that are reported beside the built-in ones.
    ``targets`` and ``solved_targets`` (n, k) are z-scored; scores are predictions in z units.
    ``reported`` is the scaler of the z units that errors are reported in: where conditions have
    changed the training rows, it is that of the unchanged ones, so that errors compare. Where there
    are several targets, a metric's mean over them in z units is a metric of ``ALL_TARGETS``.
    """

    header: ClassVar[tuple[str, ...]] = NUMBERS_HEADER

    def __init__(
        self, dataset: Dataset, split: Split, reported: TargetScaler | None = None
    ) -> None:
        self.dataset, self.split = dataset, split
        self.scaler = TargetScaler.fit(dataset.targets, split.train, dataset.target_names)
        self.reported = reported or self.scaler
        self.targets = self.solved_targets = self.scaler.transform(dataset.targets)
        self.count = self.targets.shape[1]
        self.also: Sequence[str] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return what a prediction for new rows needs beside the model."""
        return {"scaler": self.scaler.to_plain()}

    @staticmethod
    def scores(outputs: Tensor) -> Floats:
        """Return scores of a predictor's outputs (n, k)."""
        return outputs.double().cpu().numpy()

    @staticmethod
    def solved_scores(predictions: Floats) -> Floats:
        """Return scores of a solved head's predictions (n, k)."""
        return predictions

    def weights(self, weighting: Weighting) -> Floats:
        """Return weights (n,) of the rows, by how rare their targets are; 1 but for training."""
        weights = np.ones(len(self.dataset))
        train = self.split.train
        weights[train] = rarity_weights(self.dataset.targets[train], weighting)
        return weights

    def constant(self) -> Tensor:
        """Return the best constant output (k,): the mean of the training targets."""
        return torch.from_numpy(self.targets[self.split.train].mean(0))

    def value(self, metric: str, rows: NDArray[np.int64], scores: Floats) -> float:
        """Return a metric of scores (r, k) of some rows, mean over targets, in z units."""
        measure = METRICS[metric].value
        pairs = zip(self.targets[rows].T, scores.T, strict=True)
        return float(np.mean([measure(truth, guess) for truth, guess in pairs]))

    def metrics(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[dict[str, Any]]:
        """Return the metrics of these parts, in z units and in the target's own.

        Of several targets, their means in z units come last.
        """
        found = []
        values, own = self.scaler.inverse(scores), self.dataset.unit or "target"
        targets = self.targets
        if self.reported != self.scaler:
            targets, scores = map(self.reported.transform, (self.dataset.targets, values))
        for split, rows, k, name in self._places(parts):
            for unit, truth, guess in (
                ("z", targets[rows, k], scores[rows, k]),
                (own, self.dataset.targets[rows, k], values[rows, k]),
            ):
                for metric, value in evaluate_regression(truth, guess, self.also).items():
                    unitless = METRICS[metric].unit == "none"
                    if not unitless or unit == "z":
                        label = "" if unitless else unit
                        found.append(_metric(split, name, metric, label, value))
        return found + (_over_targets(found) if self.count > 1 else [])

    def lines(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[Line]:
        """Return the rows of predictions.csv, in the target's own unit."""
        values = self.scaler.inverse(scores)
        return [
            (self.dataset.ids[row], split, name, *map(float, (truth, values[row, k])))
            for split, rows, k, name in self._places(parts)
            for row, truth in zip(rows, self.dataset.targets[rows, k], strict=True)
        ]

    def _places(self, parts: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64], int, str]]:
        for split in parts:
            for k, name in enumerate(self.dataset.target_names):
                yield split, getattr(self.split, split), k, name


class Classes:
    """One of several classes a row.

    ``targets`` (n, 1) are class numbers, ``solved_targets`` (n, classes) their indicators; scores
    are log probabilities (n, classes).
    """

    header: ClassVar[tuple[str, ...]] = CLASSES_HEADER

    def __init__(self, dataset: Dataset, split: Split) -> None:
        self.dataset, self.split = dataset, split
        self.targets = dataset.targets
        self.numbers = dataset.targets[:, 0].astype(np.int64)
        self.count = len(dataset.classes)
        self.also: Sequence[str] = ()

    @property
    def solved_targets(self) -> Floats:
        """Indicators (n, classes) of the classes."""
        return np.eye(self.count)[self.numbers]

    def to_plain(self) -> dict[str, Any]:
        """Return what a prediction for new rows needs beside the model."""
        return {"classes": list(self.dataset.classes)}

    @staticmethod
    def scores(outputs: Tensor) -> Floats:
        """Return scores of a predictor's logits (n, classes)."""
        return outputs.double().log_softmax(1).cpu().numpy()

    @staticmethod
    def solved_scores(predictions: Floats) -> Floats:
        """Return scores of a solved head's probabilities (n, classes), of 0 too."""
        return np.log(np.maximum(predictions, LEAST_PROBABILITY))

    def constant(self) -> Tensor:
        """Return the best constant logits (classes,): log frequencies, by Laplace's rule."""
        counts = np.bincount(self.numbers[self.split.train], minlength=self.count)
        return torch.from_numpy(np.log((counts + 1) / (counts.sum() + self.count)))

    def value(self, metric: str, rows: NDArray[np.int64], scores: Floats) -> float:
        """Return a metric of scores (r, classes) of some rows."""
        return METRICS[metric].value(Classified.of(self.numbers[rows], scores))

    def metrics(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[dict[str, Any]]:
        """Return the metrics of these parts."""
        (name,) = self.dataset.target_names
        return [
            _metric(split, name, metric, "", value)
            for split in parts
            for metric, value in evaluate_classification(
                self._classified(split, scores), self.also
            ).items()
        ]

    def lines(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[Line]:
        """Return the rows of predictions.csv; of many training rows, none."""
        found: list[Line] = []
        names: Sequence[str] = self.dataset.classes
        (target,) = self.dataset.target_names
        for split in parts:
            if split == "train" and len(self.split.train) > MANY_ROWS:
                continue
            rows, classified = getattr(self.split, split), self._classified(split, scores)
            columns = (
                classified.truth,
                classified.prediction,
                classified.log_probability,
                classified.rank,
                classified.confidence,
            )
            for row, truth, guess, log_probability, rank, confidence in zip(
                rows, *(column.tolist() for column in columns), strict=True
            ):
                place = (self.dataset.ids[row], split, target, names[truth], names[guess])
                found.append((*place, round(log_probability, 6), rank, round(confidence, 9)))
        return found

    def _classified(self, split: str, scores: Floats) -> Classified:
        rows = getattr(self.split, split)
        return Classified.of(self.numbers[rows], scores[rows])


Outputs = Numbers | Classes | Reconstructions


def outputs_of(
    dataset: Dataset,
    split: Split,
    task: str | None = None,
    reported: TargetScaler | None = None,
) -> Outputs:
    """Return what is to be put out for this data set; ``task`` "reconstruction": its images.

    Raises:
        UserError: a target that is the same in all training rows.
    """
    if task == "reconstruction":
        return Reconstructions(dataset, split)
    return Classes(dataset, split) if dataset.classes else Numbers(dataset, split, reported)


def kept_outputs(
    outcome: Mapping[str, Any],
) -> tuple[type[Outputs], int | tuple[int, int, int]]:
    """Return, of a finished fit, what it puts out and the ``count`` of it, by its ``to_plain``."""
    if "shape" in outcome:
        channels, height, width = outcome["shape"]
        return Reconstructions, (channels, height, width)
    if "classes" in outcome:
        return Classes, len(outcome["classes"])
    return Numbers, len(outcome["scaler"]["mean"])


def _over_targets(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean over targets of every metric of every part, in z units or without one."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for entry in metrics:
        if entry["unit"] in {"", "z"}:
            place = (entry["split"], entry["metric"], entry["unit"])
            values.setdefault(place, []).append(entry["value"])
    return [
        _metric(split, ALL_TARGETS, metric, unit, float(np.mean(found)))
        for (split, metric, unit), found in values.items()
    ]


def _metric(split: str, target: str, metric: str, unit: str, value: float) -> dict[str, Any]:
    return {
        "split": split,
        "target": target,
        "metric": metric,
        "unit": unit,
        "value": float(value),
    }
