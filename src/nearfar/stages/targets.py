"""What a predictor puts out and how it is judged: numbers in z units, or classes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.data import Dataset, Split, TargetScaler, check_targets, rarity_weights
from nearfar.data.rare_targets import Weighting, class_weights
from nearfar.data.targets import ALL_TARGETS
from nearfar.metrics import (
    METRICS,
    MULTILABEL,
    REGRESSION,
    Classified,
    evaluate_classification,
    evaluate_label,
    evaluate_pooled,
    evaluate_regression,
    of_label,
)
from nearfar.metrics.classification import LEAST_PROBABILITY
from nearfar.records.stage_files import CLASSES_HEADER, LABELS_HEADER, NUMBERS_HEADER
from nearfar.stages.over_targets import (
    OverTargets,
    defines_of_label,
    defines_of_numbers,
    defines_of_one,
    mean_of_defined,
    metric_entry,
    scaled,
    unit_of,
)
from nearfar.stages.reconstructions import MANY_ROWS, SPLITS, Reconstructions

LIMIT = 27.6
"""Largest log odds that are told apart: probabilities are between 1e-12 and 1 - 1e-12."""

LABELLED_ROWS = "give it values there, larger parts or a larger fraction of labels"
"""What can be done for a label that no training row has."""

Floats = NDArray[np.float64]
Line = tuple[Any, ...]


class Numbers:
    """One number or more a row, trained in z units of the training rows.

    ``also`` names the metrics that are reported beside the built-in ones. Built-in ones are the
    same on z units, or that of the target over its deviation; others, such as a relative error,
    need not be: they are given the target's own unit, and what they find is scaled.
    ``targets`` and ``solved_targets`` (n, k) are z-scored, NaN where a row lacks one of several;
    scores are predictions in z units. Every number of a target goes by the rows that have it.
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
        known = self.targets[self.split.train]
        gaps = np.isnan(known).any()
        return torch.from_numpy(np.nanmean(known, axis=0) if gaps else known.mean(0))

    def value(self, metric: str, rows: NDArray[np.int64], scores: Floats) -> float:
        """Return a metric of scores (r, k) of some rows, mean over targets, in z units."""
        measure, found = METRICS[metric].value, []
        truths, guesses, deviations = self.targets[rows], scores, (1.0,) * self.count
        if metric not in METRICS.built_in:
            truths, guesses = self.dataset.targets[rows], self.scaler.inverse(scores)
            deviations = self.scaler.std
        for truth, guess, deviation in zip(truths.T, guesses.T, deviations, strict=True):
            known = ~np.isnan(truth)
            value = measure(truth[known], guess[known]) if known.any() else float("nan")
            value = scaled(metric, value, deviation)
            found.append((value, partial(defines_of_numbers, metric, truth[known])))
        return mean_of_defined(found)

    def metrics(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[dict[str, Any]]:
        """Return the metrics of these parts, in z units and in the target's own.

        Of several targets, their means in z units come last; of a part in which no row has one of
        them, there are none.
        """
        found, over = [], OverTargets()
        values, own = self.scaler.inverse(scores), self.dataset.unit or "target"
        targets = self.targets
        if self.reported != self.scaler:
            targets, scores = map(self.reported.transform, (self.dataset.targets, values))
        names = [*REGRESSION, *self.also]
        for split, rows, k, name in self._places(parts):
            if not len(rows):
                over.take(split, "z", names, {}, lambda _: True)
                continue
            truth, in_z = self.dataset.targets[rows, k], targets[rows, k]
            unscaled = evaluate_regression(truth, values[rows, k], self.also)
            valued = evaluate_regression(in_z, scores[rows, k])
            for metric in unscaled.keys() & set(self.also):
                valued[metric] = scaled(metric, unscaled[metric], self.reported.std[k])
            for unit, of_unit in (("z", valued), (own, unscaled)):
                for metric, value in of_unit.items():
                    label = unit_of(metric, unit)
                    if label or unit == "z":
                        found.append(metric_entry(split, name, metric, label, value))
            truths = {**dict.fromkeys(REGRESSION, in_z), **dict.fromkeys(self.also, truth)}
            over.take(split, "z", names, valued, partial(defines_of_one, truths))
        return found + (over.means() if self.count > 1 else [])

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
                rows = getattr(self.split, split)
                yield split, rows[~np.isnan(self.dataset.targets[rows, k])], k, name


class Labels:
    """Several labels a row, each there or not.

    ``targets`` and ``solved_targets`` (n, k) are 1 where a row has the label, 0 where not, and NaN
    where that is not known; scores are log odds (n, k). A label is judged as two classes are, by
    the rows of which it is known, and a metric's mean over labels is one of ``ALL_TARGETS``. Labels
    of which it is undefined, such as the AUROC of one that no row has, do not count in the mean.

    Raises:
        UserError: a label that is known of no training row.
    """

    header: ClassVar[tuple[str, ...]] = LABELS_HEADER

    def __init__(self, dataset: Dataset, split: Split) -> None:
        check_targets(dataset, "the training part", split.train, LABELLED_ROWS)
        self.dataset, self.split = dataset, split
        self.targets = self.solved_targets = dataset.targets
        self.count = dataset.targets.shape[1]
        self.also: Sequence[str] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return what a prediction for new rows needs beside the model."""
        return {"labels": list(self.dataset.target_names)}

    @staticmethod
    def scores(outputs: Tensor) -> Floats:
        """Return scores of a predictor's logits (n, k), within ±LIMIT."""
        return np.asarray(np.clip(outputs.double().cpu().numpy(), -LIMIT, LIMIT))

    @staticmethod
    def solved_scores(predictions: Floats) -> Floats:
        """Return scores of a solved head's probabilities (n, k), within ±LIMIT."""
        with np.errstate(divide="ignore"):
            chances = np.clip(predictions, 0.0, 1.0)
            odds = np.log(chances) - np.log1p(-chances)
        return np.asarray(np.clip(odds, -LIMIT, LIMIT))

    def weights(self, weighting: Weighting) -> Floats:
        """Return weights (n, k) by how rare a label is, or its absence; 1 but for training."""
        train, weights = self.split.train, np.ones(self.targets.shape, dtype=np.float64)
        for k, truth in enumerate(self.targets[train].T):
            known = ~np.isnan(truth)
            weights[train[known], k] = class_weights(truth[known].astype(np.int64), weighting)
        return weights

    def constant(self) -> Tensor:
        """Return the best constant logits (k,): of the labels' frequencies, by Laplace's rule."""
        known = self.targets[self.split.train]
        there, rows = np.nansum(known, axis=0), (~np.isnan(known)).sum(axis=0)
        return torch.from_numpy(np.log((there + 1) / (rows - there + 1)))

    def value(self, metric: str, rows: NDArray[np.int64], scores: Floats) -> float:
        """Return a metric of scores (r, k) of some rows, mean over labels."""
        measure = METRICS[metric]
        judged = self._judged(rows, scores, pooled=measure.pooled)
        return mean_of_defined(
            [(measure.value(c), partial(defines_of_label, metric, c.truth)) for _, c in judged]
        )

    def metrics(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[dict[str, Any]]:
        """Return the metrics of these parts, label by label, then their means over labels."""
        found, over = [], OverTargets()
        names = [n for n in [*MULTILABEL, *self.also] if not METRICS[n].pooled]
        for split in parts:
            rows = getattr(self.split, split)
            for name, classified in self._judged(rows, scores[rows]):
                valued = evaluate_label(classified, self.also)
                for metric, value in valued.items():
                    found.append(metric_entry(split, name, metric, "", value))
                defined = partial(defines_of_label, truth=classified.truth)
                over.take(split, "", names, valued, defined)
        found += over.means()
        for split in parts:
            rows = getattr(self.split, split)
            for _, pooled in self._judged(rows, scores[rows], pooled=True):
                for metric, value in evaluate_pooled(pooled, self.also).items():
                    found.append(metric_entry(split, ALL_TARGETS, metric, "", value))
        return found

    def lines(self, scores: Floats, parts: Sequence[str] = SPLITS) -> list[Line]:
        """Return the rows of predictions.csv: truth, probability, decision, log odds."""
        found: list[Line] = []
        for split in parts:
            rows = getattr(self.split, split)
            for k, name in enumerate(self.dataset.target_names):
                known = rows[~np.isnan(self.targets[rows, k])]
                odds, truth = scores[known, k], self.targets[known, k].astype(int).tolist()
                chances = probabilities(odds).tolist()
                said = zip(chances, (odds > 0).astype(int).tolist(), odds.tolist(), strict=True)
                for row, true, (chance, decision, log_odds) in zip(known, truth, said, strict=True):
                    place = (self.dataset.ids[row], split, name)
                    found.append((*place, true, chance, decision, log_odds))
        return found

    def _judged(
        self, rows: NDArray[np.int64], scores: Floats, *, pooled: bool = False
    ) -> Iterator[tuple[str, Classified]]:
        """Yield what was said of each label of some rows, or once of all labels together."""
        truth = self.targets[rows]
        known = ~np.isnan(truth)
        if pooled:
            yield ALL_TARGETS, of_label(truth[known], scores[known])
            return
        for k, name in enumerate(self.dataset.target_names):
            here = known[:, k]
            if here.any():
                yield name, of_label(truth[here, k], scores[here, k])


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

    def weights(self, weighting: Weighting) -> Floats:
        """Return weights (n,) of the rows, by how rare their class is; 1 but for training."""
        weights = np.ones(len(self.dataset))
        weights[self.split.train] = class_weights(self.numbers[self.split.train], weighting)
        return weights

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
            metric_entry(split, name, metric, "", value)
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
                found.append((*place, log_probability, rank, confidence))
        return found

    def _classified(self, split: str, scores: Floats) -> Classified:
        rows = getattr(self.split, split)
        return Classified.of(self.numbers[rows], scores[rows])


Outputs = Numbers | Labels | Classes | Reconstructions


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
    if dataset.multilabel:
        return Labels(dataset, split)
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
    if "labels" in outcome:
        return Labels, len(outcome["labels"])
    return Numbers, len(outcome["scaler"]["mean"])


def probabilities(scores: Floats) -> Floats:
    """Return probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-scores)))
