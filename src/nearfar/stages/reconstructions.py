"""The images themselves as what a predictor puts out."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearfar.data import Dataset, Images, Split
from nearfar.metrics import METRICS
from nearfar.records.stage_files import RECONSTRUCTIONS_HEADER

Floats = NDArray[np.float64]
Shape = tuple[int, int, int]
SPLITS = ("train", "validation", "test")
IMAGE = "image"
MANY_ROWS = 10_000
"""Training rows above which their errors are not kept."""
CHUNK = 4096


class PixelTargets:
    """Images in the place of a tensor of targets: ``[index]`` gathers them as floats in [0, 1]."""

    def __init__(self, images: Images) -> None:
        self.images = images

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.pixels.device

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Tensor:
        return self.images.select(index)


class Reconstructions:
    """Every row's own image, values in [0, 1].

    ``count`` is the shape (c, h, w) of an image; scores are reconstructions (n, c · h · w).
    """

    header: ClassVar[tuple[str, ...]] = RECONSTRUCTIONS_HEADER

    def __init__(self, dataset: Dataset, split: Split) -> None:
        assert isinstance(dataset.inputs, Images)
        self.dataset, self.split = dataset, split
        self.also: Sequence[str] = ()
        self.count: Shape = dataset.inputs.shape
        pixels: NDArray[np.uint8] = dataset.inputs.arrays()["pixels"]
        self.pixels = pixels.reshape(len(pixels), -1)

    @property
    def solved_targets(self) -> NDArray[np.float32]:
        """The images (n, c · h · w)."""
        return self.pixels.astype(np.float32) / np.float32(255)

    def to_plain(self) -> dict[str, Any]:
        """Return what a reconstruction of new rows needs beside the model."""
        return {"shape": list(self.count)}

    @staticmethod
    def scores(outputs: Tensor) -> NDArray[Any]:
        """Return scores of a decoder's logits (n, c, h, w)."""
        return outputs.sigmoid().flatten(1).cpu().numpy()

    @staticmethod
    def solved_scores(predictions: NDArray[Any]) -> NDArray[Any]:
        """Return scores of a solved head's predictions (n, c · h · w), brought into [0, 1]."""
        return predictions.clip(0, 1)

    def constant(self) -> Tensor:
        """Return the best constant logits (c, h, w): those of the mean training image."""
        mean = self.pixels[self.split.train].mean(axis=0, dtype=np.float64) / 255
        return torch.from_numpy(mean).float().logit(1e-4).view(self.count)

    def value(self, metric: str, rows: NDArray[np.int64], scores: NDArray[Any]) -> float:
        """Return a metric of scores of some rows."""
        return METRICS[metric].value(self._squares(rows, scores, np.arange(len(rows))))

    def metrics(self, scores: NDArray[Any], parts: Sequence[str] = SPLITS) -> list[dict[str, Any]]:
        """Return the metrics of these parts."""
        return [
            _metric(split, metric, METRICS[metric].value(squares))
            for split, _, squares in self._errors(scores, parts)
            for metric in ("sse", *self.also)
        ]

    def lines(self, scores: NDArray[Any], parts: Sequence[str] = SPLITS) -> list[tuple[Any, ...]]:
        """Return the rows of predictions.csv; of many training rows, none."""
        return [
            (self.dataset.ids[row], split, IMAGE, square)
            for split, rows, squares in self._errors(scores, parts)
            if split != "train" or len(rows) <= MANY_ROWS
            for row, square in zip(rows, squares.tolist(), strict=True)
        ]

    def _errors(
        self, scores: NDArray[Any], parts: Sequence[str]
    ) -> Iterator[tuple[str, NDArray[np.int64], Floats]]:
        for split in parts:
            rows = getattr(self.split, split)
            yield split, rows, self._squares(rows, scores, rows)

    def _squares(
        self, rows: NDArray[np.int64], scores: NDArray[Any], places: NDArray[np.int64]
    ) -> Floats:
        """Return the squared errors (r,) of ``rows``, whose scores stand at ``places``."""
        squares = np.empty(len(rows))
        for start in range(0, len(rows), CHUNK):
            some = slice(start, start + CHUNK)
            truth = self.pixels[rows[some]] / np.float32(255)
            squares[some] = np.square(scores[places[some]] - truth).sum(axis=1)
        return squares


def _metric(split: str, metric: str, value: float) -> dict[str, Any]:
    return {"split": split, "target": IMAGE, "metric": metric, "unit": "", "value": value}
