"""Two ways of learning compared by the scores of tested rows: ``nearfar.compare_scores``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearfar.analysis.estimate import (
    ALPHA,
    MIN_SEEDS,
    Estimate,
    estimate_rows,
    right_or_wrong,
    score_scale,
)
from nearfar.analysis.statistics import Direction, Verdict, decide
from nearfar.analysis.variance import Design, Tested
from nearfar.metrics import METRICS
from nearfar.metrics.metric import OF_BASELINE

SMALLEST, LARGEST = 1e-100, 1e100
"""Sizes of scores whose squares a float holds."""


@dataclass(frozen=True)
class ScoreComparison:
    """How ``a`` stands to ``b``; all differences are in the unit of the scores.

    Attributes:
        difference: mean of a minus mean of b; over re-splits, rows are weighted by what they tell.
        low: lower end of its 95% interval, nan where there is none.
        high: upper end.
        p: two-sided p of no difference.
        p_better: probability that a is better by more than the margin (flat prior).
        p_same: probability that the difference lies within the margin.
        p_worse: probability that a is worse by more than the margin.
        verdict: of a: better, worse, same, undecided; withheld where a score is not finite.
        margin: what counts as no relevant difference.
        smallest_margin: the smallest margin at which the verdict could be ``same`` at 5%.
        standard_error: of the difference.
        df: degrees of freedom of the standard error.
        design: folds, resplits or fixed, as recognised from the tested rows.
        n: how many trainings.
    """

    difference: float
    low: float
    high: float
    p: float
    p_better: float
    p_same: float
    p_worse: float
    verdict: Verdict
    margin: float
    smallest_margin: float
    standard_error: float
    df: float
    design: Design | None
    n: int


def compare_scores(
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    *,
    test_rows: Sequence[ArrayLike],
    n_rows: int,
    better: Direction = "lower",
    margin: float | None = None,
    groups: ArrayLike | None = None,
) -> ScoreComparison:
    """Compare two ways of learning, trained on the same splits, by the scores of tested rows.

    Args:
        a: an entry a training: the scores of its tested rows, float (tested,): an error, or 0 and 1
            for wrong and right.
        b: the same of what ``a`` is compared with, row for row.
        test_rows: the numbers of the rows that each training tested, int (tested,), from 0, none
            twice: disjoint ones for folds, overlapping ones for re-splits, equal ones for trainings
            on one fixed split. The design is recognised; over a fixed split the verdict is for this
            split.
        n_rows: how many rows the data set has.
        better: whether ``lower`` or ``higher`` scores are better.
        margin: the largest difference that counts as none, in the unit of the scores; a sure
            difference inside it is ``same``. By default 0.02 where all scores are 0 or 1, else a
            tenth of the mean of ``b``; then a sure difference is told as one however small.
        groups: the group of every row, (n_rows,), of any type that can be sorted: rows of one group
            count as one, and are best tested together.

    Returns:
        Difference (a - b), interval, p, probabilities and verdict; at least 3 trainings are needed
        for any but the difference. The estimator is that of ``nearfar run`` (docs/statistics.md):
        the variance of Nadeau and Bengio (2003) in parts, t quantiles after Satterthwaite (1946).

    Raises:
        ValueError: lengths that do not fit, rows that are not there or twice in a training, a
            margin that is not above 0, a row without a group, scores of a size beyond 1e±100.
    """
    rows = _row_numbers(test_rows, n_rows)
    first, second = _scores(a, rows, "a"), _scores(b, rows, "b")
    units = _group_numbers(groups, n_rows)
    _check_options(better, margin)
    everything = np.concatenate([*first, *second])
    if not np.isfinite(everything).all():
        return _untested(math.nan, margin or math.nan, "withheld", len(rows))
    counts = margin or _default_margin(second, everything)
    trainings = [
        Tested(numbers, mine - base)
        for numbers, mine, base in zip(rows, first, second, strict=True)
    ]
    scale = score_scale(everything)
    if scale and not SMALLEST <= scale <= LARGEST:
        raise ValueError(f"scores must be of a size between 1e-100 and 1e100, got {scale:g}")
    estimate = None
    if len(trainings) >= MIN_SEEDS:
        estimate = estimate_rows(trainings, n_rows, units, scale)
    if estimate is None:
        difference = float(np.mean([training.mean for training in trainings]))
        return _untested(difference, counts, "undecided", len(rows))
    return _tested(estimate, counts, better, asked=margin is not None)


def _check_options(better: str, margin: float | None) -> None:
    if better not in ("lower", "higher"):
        raise ValueError(f"better must be 'lower' or 'higher', got {better!r}")
    if margin is not None and not _is_size(margin):
        raise ValueError(f"margin must be a number above 0, got {margin!r}")


def _is_size(margin: object) -> bool:
    if isinstance(margin, bool) or not isinstance(margin, int | float | np.number):
        return False
    return math.isfinite(float(margin)) and float(margin) > 0


def _tested(
    estimate: Estimate, margin: float, better: Direction, *, asked: bool
) -> ScoreComparison:
    p, p_same = estimate.p_value(), estimate.equivalence_p(margin)
    low, high = estimate.interval(1 - ALPHA)
    chances = estimate.chances(margin, better)
    return ScoreComparison(
        difference=estimate.mean,
        low=low,
        high=high,
        p=p,
        p_better=chances.better,
        p_same=chances.same,
        p_worse=chances.worse,
        verdict=decide(estimate.mean, p, p_same, better, asked=asked),
        margin=margin,
        smallest_margin=estimate.smallest_margin(),
        standard_error=estimate.error,
        df=estimate.df,
        design=estimate.design,
        n=estimate.n,
    )


def _untested(difference: float, margin: float, verdict: Verdict, n: int) -> ScoreComparison:
    nothing: Any = dict.fromkeys(
        ("low", "high", "p", "p_better", "p_same", "p_worse", "smallest_margin"), math.nan
    )
    return ScoreComparison(
        difference=difference,
        verdict=verdict,
        margin=margin,
        standard_error=math.nan,
        df=math.nan,
        design=None,
        n=n,
        **nothing,
    )


def _row_numbers(test_rows: Sequence[ArrayLike], n_rows: int) -> list[NDArray[np.int64]]:
    if isinstance(n_rows, bool) or not isinstance(n_rows, int | np.integer) or n_rows < 1:
        raise ValueError(f"n_rows must be a whole number above 0, got {n_rows!r}")
    if not len(test_rows):
        raise ValueError("test_rows is empty: needs the tested rows of every training")
    found = []
    for k, given in enumerate(test_rows):
        rows = np.asarray(given)
        if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iu":
            raise ValueError(
                f"test_rows[{k}] must be whole numbers (tested,), got {rows.dtype} {rows.shape}"
            )
        if rows.min() < 0 or rows.max() >= n_rows:
            raise ValueError(
                f"test_rows[{k}] holds {rows.min()} to {rows.max()}; rows are 0 to {n_rows - 1}"
            )
        if len(np.unique(rows)) < len(rows):
            raise ValueError(f"test_rows[{k}] holds a row twice")
        found.append(rows.astype(np.int64))
    return found


def _scores(
    given: Sequence[ArrayLike], rows: Sequence[NDArray[np.int64]], name: str
) -> list[NDArray[np.float64]]:
    if len(given) != len(rows):
        raise ValueError(f"{name} has {len(given)} trainings, test_rows {len(rows)}")
    found = []
    for k, (scores, numbers) in enumerate(zip(given, rows, strict=True)):
        array = np.asarray(scores, dtype=np.float64)
        if array.shape != numbers.shape:
            raise ValueError(
                f"{name}[{k}] must be scores {numbers.shape}, one a tested row, got {array.shape}"
            )
        found.append(array)
    return found


def _group_numbers(groups: ArrayLike | None, n_rows: int) -> NDArray[np.int64] | None:
    if groups is None:
        return None
    array = np.asarray(groups)
    _check_no_group_missing(np.asarray(groups, dtype=object) if _listed(groups) else array)
    if array.shape != (n_rows,):
        raise ValueError(f"groups must be ({n_rows},), the group of every row, got {array.shape}")
    try:
        _, numbers = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"groups must be of one type that can be sorted: {error}") from None
    return None if len(np.unique(numbers)) == n_rows else numbers.astype(np.int64)


def _listed(given: object) -> bool:
    """Whether cells have types of their own, which an array of all of them would lose."""
    return isinstance(given, list | tuple)


def _check_no_group_missing(cells: NDArray[Any]) -> None:
    """Refuse a row without a group: all of these would be one, and each of its own is a choice."""
    if cells.dtype.kind not in "OfcmM":
        return
    for row, cell in enumerate(cells.ravel()):
        if _is_missing(cell):
            raise ValueError(
                f"groups[{row}] is missing ({cell}): give the group of every row, and a row that "
                "belongs to none a group of its own"
            )


def _is_missing(cell: Any) -> bool:
    try:
        return cell is None or bool(cell != cell)
    except (TypeError, ValueError):  # pandas' NA is neither equal nor unequal
        return not isinstance(cell, np.ndarray | list | tuple)


def _default_margin(
    second: Sequence[NDArray[np.float64]], everything: NDArray[np.float64]
) -> float:
    same = METRICS["accuracy"].same if right_or_wrong(everything) else OF_BASELINE
    return same.size(float(np.mean([scores.mean() for scores in second])))
