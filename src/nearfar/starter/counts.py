"""How many rows of each class and of each part were read, as lines for a user."""

from __future__ import annotations

import numpy as np

from nearfar.data.dataset import Dataset

_MOST_SHOWN = 10
_MOST_IN_PARTS = 5
_PARTS = ("train", "validation", "test")


def counts_of_classes(dataset: Dataset) -> list[int]:
    """Return how many rows each class has, in the order of ``dataset.classes``."""
    numbers = dataset.targets[:, 0].astype(np.int64)
    return np.bincount(numbers, minlength=len(dataset.classes)).tolist()


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
    return [f"{len(names)} classes ({shown}): {spread(dataset, noun)}"]


def part_fact(dataset: Dataset) -> list[str]:
    """Return a line on the parts that the data name, with their classes where these are few."""
    if dataset.parts is None:
        return []
    of_part = {part: dataset.parts == part for part in _PARTS if (dataset.parts == part).any()}
    shown = [f"{int(rows.sum())} {part}{_classes(dataset, part)}" for part, rows in of_part.items()]
    fact = f"parts as the data give them: {', '.join(shown)}"
    if "test" not in of_part and "validation" in of_part:
        fact += "; without a test part the validation part is tested, and a tenth of train chooses"
        fact += " epochs"
    return [fact]


def _classes(dataset: Dataset, part: str) -> str:
    if not 0 < len(dataset.classes) <= _MOST_IN_PARTS:
        return ""
    targets = dataset.targets[dataset.parts == part, 0].astype(np.int64)
    counts = np.bincount(targets, minlength=len(dataset.classes))
    named = zip(counts.tolist(), dataset.classes, strict=True)
    return f" ({', '.join(f'{name}: {count}' for count, name in named)})"
