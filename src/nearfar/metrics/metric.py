"""What a metric and a measure are: everything that the rest of nearfar knows of one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Direction = Literal["lower", "higher"]
UnitRule = Literal["target", "squared", "none"]
"""Whether values have the unit of the target, its square, or none."""


@dataclass(frozen=True)
class Margin:
    """Below which size a difference of a metric is none that matters, unless a study says another.

    ``amount`` is in the metric's own unit, or where ``relative`` a share of the baseline's value.
    ``why`` ends the sentence "a difference below … counts as none: …".
    """

    amount: float
    relative: bool
    why: str

    def size(self, baseline: float) -> float:
        """Return the margin beside a baseline's value, in the unit of that value."""
        return self.amount * abs(baseline) if self.relative else self.amount


ASKED = "the study's own margin"
"""Why a difference below a margin that the study gives is none."""
OF_BASELINE = Margin(0.1, True, "a tenth of the baseline's")
OF_ERROR = Margin(0.1, True, "less than a tenth of the baseline's error")


@dataclass(frozen=True)
class Metric:
    """A number that judges predictions.

    ``name`` is how files and study files call it, ``label`` how a reader sees it, ``better`` the
    direction of improvement. ``value`` maps (truth, prediction) of a regression,
    :class:`~nearfar.metrics.Classified` rows, or the squared errors of reconstructed rows to the
    number, nan where it is undefined; ``row_scores`` maps them to numbers per row whose mean is the
    metric and whose variance over rows, divided by n, is its sampling variance to first order, None
    where there are none. ``task`` is what is predicted; a difference below ``same`` is none that
    matters. ``two_classes`` says that it is undefined for more classes. ``labels``: where rows have
    several labels, it judges each label as two classes, of which 1 is to have it, and its mean over
    labels is reported. ``pooled``: it judges all labels of all rows together.
    No value is below ``least`` or above ``most``.
    """

    name: str
    label: str
    better: Direction
    unit: UnitRule
    value: Callable[..., float]
    row_scores: Callable[..., NDArray[np.float64]] | None = None
    task: str = "regression"
    same: Margin = OF_BASELINE
    two_classes: bool = False
    labels: bool = False
    pooled: bool = False
    least: float = -math.inf
    most: float = math.inf

    @property
    def is_error(self) -> bool:
        """Whether it is an error: of one that is never below zero, a share can be taken away."""
        return self.better == "lower" and self.least >= 0

    def judges(self, task: str) -> bool:
        """Whether it judges predictions of a task."""
        return task == self.task or (self.labels and task == "multilabel")


@dataclass(frozen=True)
class Measure:
    """A number that describes the representation of rows.

    ``better`` is None where no direction is better by itself; ``value`` maps
    :class:`~nearfar.metrics.representation.Represented` rows to the number, nan where it is
    undefined; ``of_numbers`` and ``of_classes`` tell a reader what it says where numbers or classes
    are predicted. Its unit is that of labels that are numbers, where it has one.
    """

    name: str
    label: str
    better: Direction | None
    unit: UnitRule
    value: Callable[..., float]
    of_numbers: str
    of_classes: str
