"""Row scores: their mean is the metric, their variance over n its sampling variance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nearfar.metrics import METRICS, Classified

Rows = tuple[Any, ...]
"""What ``Metric.value`` takes."""


def numbers(draw: np.random.Generator, n: int) -> Rows:
    """A skewed truth, and a prediction that is worse where it is large."""
    truth = draw.gamma(2.0, 1.0, n)
    return truth, truth + draw.normal(0, 0.3 + 0.4 * truth)


def numbers_with_ties(draw: np.random.Generator, n: int) -> Rows:
    truth, prediction = numbers(draw, n)
    return truth.round(), prediction.round().clip(0, 4)


def classes(shares: list[float], pull: list[float]) -> Callable[..., Rows]:
    """Rows of classes with these shares, each found as well as its pull says."""

    def drawn(draw: np.random.Generator, n: int) -> Rows:
        truth = draw.choice(len(shares), p=shares, size=n)
        scores = draw.gumbel(size=(n, len(shares)))
        scores[np.arange(n), truth] += np.array(pull)[truth]
        return (Classified.of(truth, scores - np.logaddexp.reduce(scores, 1, keepdims=True)),)

    return drawn


def squares(draw: np.random.Generator, n: int) -> Rows:
    return (draw.gamma(0.5, 2.0, n),)


FIVE = classes([0.4, 0.3, 0.15, 0.1, 0.05], [2.0, 0.5, 3.0, 0.0, 1.5])
TWO = classes([0.9, 0.1], [2.5, 0.3])
WORLDS: dict[str, dict[str, Callable[..., Rows]]] = {
    "regression": {"numbers": numbers, "ties": numbers_with_ties},
    "classification": {"five classes": FIVE, "two classes": TWO},
    "multilabel": {"pairs": TWO},
    "reconstruction": {"squares": squares},
}
CASES = [
    (name, world)
    for name, metric in METRICS.items()
    if metric.row_scores is not None
    for world in WORLDS[metric.task]
    if not (metric.two_classes and world == "five classes")
]


def chosen(rows: Rows, places: np.ndarray) -> Rows:
    """Return some of the rows, which may stand more than once."""
    return tuple(
        Classified(
            **{n: column if n == "classes" else column[places] for n, column in vars(part).items()}
        )
        if isinstance(part, Classified)
        else part[places]
        for part in rows
    )


def made(name: str, world: str, n: int) -> Rows:
    return WORLDS[METRICS[name].task][world](np.random.default_rng(11), n)


def test_all_but_the_calibration_error_have_them() -> None:
    assert {name for name, metric in METRICS.items() if metric.row_scores is None} == {"ece"}


@pytest.mark.parametrize(("name", "world"), CASES)
@pytest.mark.parametrize("n", [12, 501])
def test_their_mean_is_the_metric(name: str, world: str, n: int) -> None:
    metric, rows = METRICS[name], made(name, world, n)
    assert metric.row_scores is not None
    scores = metric.row_scores(*rows)
    assert scores.shape == (n,)
    assert scores.mean() == pytest.approx(metric.value(*rows), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("name", "world"), CASES)
def test_their_variance_is_that_of_a_bootstrap(name: str, world: str) -> None:
    metric, rows = METRICS[name], made(name, world, 1500)
    assert metric.row_scores is not None
    draw = np.random.default_rng(5)
    values = [metric.value(*chosen(rows, draw.integers(0, 1500, 1500))) for _ in range(2500)]
    variance = metric.row_scores(*rows).var() / 1500
    assert variance == pytest.approx(np.var(values), rel=0.12, abs=1e-12)
    assert (variance > 0) == ((name, world) != ("top3_accuracy", "two classes"))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "auroc", "nll"])
@pytest.mark.parametrize("share", [0.5, 0.15])
def test_arms_that_differ_by_class_are_compared_by_their_true_error(
    name: str, share: float
) -> None:
    """Each arm is good at the class that the other is bad at; test rows are drawn anew."""
    metric, n = METRICS[name], 500
    assert metric.row_scores is not None
    pulls = np.array([[0.3, 3.0], [3.0, 0.3]])
    draw = np.random.default_rng(2)
    differences, variances = [], []
    for _ in range(1500):
        truth = (draw.random(n) < share).astype(int)
        noise, arms = draw.logistic(size=n), []
        for pull in pulls:
            margin = noise + 0.5 * draw.logistic(size=n) + pull[truth]
            odds = np.where(truth == 1, margin, -margin)
            log_p = -np.logaddexp(0, np.stack([odds, -odds], axis=1))
            arms.append(Classified.of(truth, log_p))
        differences.append(metric.value(arms[0]) - metric.value(arms[1]))
        first, second = map(metric.row_scores, arms)
        variances.append((first - second).var(ddof=1) / n)
    assert np.mean(variances) == pytest.approx(np.var(differences, ddof=1), rel=0.12)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_those_of_spearman_at_small_size(correlation: float) -> None:
    metric, draw = METRICS["spearman"], np.random.default_rng(8)
    assert metric.row_scores is not None
    values, variances = [], []
    for _ in range(2000):
        truth, other = draw.normal(size=(2, 200))
        prediction = correlation * truth + np.sqrt(1 - correlation**2) * other
        values.append(metric.value(truth, prediction))
        variances.append(metric.row_scores(truth, prediction).var(ddof=1) / 200)
    assert np.mean(variances) == pytest.approx(np.var(values, ddof=1), rel=0.1)


def test_those_of_spearman_are_the_change_by_one_more_row() -> None:
    """Its influence function is a derivative: taken here numerically, over weights of rows."""
    rows = made("spearman", "ties", 60)
    metric, many = METRICS["spearman"], 2000
    assert metric.row_scores is not None
    influence = metric.row_scores(*rows) - metric.value(*rows)
    base = np.repeat(np.arange(60), many)
    for place in range(0, 60, 7):
        more = chosen(rows, np.r_[base, np.full(60, place)])
        change = (metric.value(*more) - metric.value(*rows)) * many
        assert change == pytest.approx(influence[place], abs=0.01)


def test_those_of_a_perfect_order_do_not_vary() -> None:
    scores = METRICS["spearman"].row_scores
    assert scores is not None
    truth = np.array([3.0, 1.0, 1.0, 8.0, 5.0])
    np.testing.assert_allclose(scores(truth, np.exp(truth)), 1, rtol=1e-12)
    np.testing.assert_allclose(scores(truth, -truth), -1, rtol=1e-12)
    np.testing.assert_array_equal(scores(truth, np.ones(5)), np.zeros(5))
    assert np.isnan(scores(np.ones(5), truth)).all()
