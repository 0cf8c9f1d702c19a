"""How many rows of each class and of each part were read, as lines for a user."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nearfar.data.dataset import Dataset
from nearfar.data.lost_classes import lost_words

_MOST_SHOWN = 10
_MOST_IN_PARTS = 5
_PARTS = ("train", "validation", "test")


def counts_of_classes(dataset: Dataset) -> list[int]:
    """Return how many rows each class has, in the order of ``dataset.classes``."""
    numbers = dataset.targets[:, 0].astype(np.int64)
    return [int(count) for count in np.bincount(numbers, minlength=len(dataset.classes))]


def spread(dataset: Dataset, noun: str) -> str:
    """Return the numbers of rows of the classes as words: of each, or of many the extremes."""
    counts = counts_of_classes(dataset)
    few, many = counts.index(min(counts)), counts.index(max(counts))
    if counts[few] == counts[many]:
        return f"{counts[few]} {noun} each"
    if len(counts) <= _MOST_SHOWN:
        return f"{', '.join(map(str, counts[:-1]))} and {counts[-1]} {noun}"
    classes = dataset.classes
    return f"from {counts[few]} {noun} ({classes[few]}) to {counts[many]} ({classes[many]})"


def class_fact(dataset: Dataset, noun: str) -> list[str]:
    """Return a line on the classes and their numbers of rows, if there are classes.

    Args:
        dataset: the rows.
        noun: what a row is, in the plural.
    """
    names = dataset.classes
    if not names:
        return []
    shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    lost = lost_words(dataset.source)
    careful = [f"careful: {lost}"] if lost else []
    return [f"{len(names)} classes ({shown}): {spread(dataset, noun)}", *careful]


def part_facts(dataset: Dataset) -> list[str]:
    """Return lines on the parts that the data name: their rows, and these of few classes."""
    if dataset.parts is None:
        return []
    of_part = {part: dataset.parts == part for part in _PARTS if (dataset.parts == part).any()}
    by_time: dict[str, str] = dataset.source.get("by_time", {})
    counts = ", ".join(
        f"{int(rows.sum())} {part}" + (f" from {by_time[part]} on" if part in by_time else "")
        for part, rows in of_part.items()
    )
    fact = f"parts as the data give them: {counts}"
    if by_time:
        fact = f"parts by time (column '{by_time['column']}'): {counts}"
    if "test" not in of_part and "validation" in of_part:
        fact += "; without a test part the validation part is tested, and a tenth of train chooses"
        fact += " epochs"
    if not 0 < len(dataset.classes) <= _MOST_IN_PARTS:
        return [fact]
    classes = "; ".join(f"{part} {_classes(dataset, rows)}" for part, rows in of_part.items())
    return [fact, f"classes in the parts: {classes}"]


def known_in_training(dataset: Dataset, copies: npt.NDArray[np.int64], noun: str) -> list[str]:
    """Return a warning of test rows that are copies of training rows, where the data name parts.

    Args:
        dataset: the rows.
        copies: a number for each row, equal of copies.
        noun: what a row is, in the plural.
    """
    if dataset.parts is None:
        return []
    of_train = set(copies[dataset.parts == "train"].tolist())
    tested = copies[dataset.parts == "test"].tolist()
    known = sum(copy in of_train for copy in tested)
    if not known:
        return []
    are = "is a copy" if known == 1 else "are copies"
    return [
        f"careful: {known} of {len(tested)} test {noun} {are} of training {noun}: their scores say "
        "nothing of new ones (--part none draws another split)"
    ]


def _classes(dataset: Dataset, rows: npt.NDArray[np.bool_]) -> str:
    targets = dataset.targets[rows, 0].astype(np.int64)
    counts = np.bincount(targets, minlength=len(dataset.classes)).tolist()
    named = zip(dataset.classes, counts, strict=True)
    return ", ".join(f"{name}: {count}" for name, count in named)
