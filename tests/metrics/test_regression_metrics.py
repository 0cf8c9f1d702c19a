"""Regression metrics against the libraries' and against hand-made numbers."""

import subprocess
import sys

import numpy as np
import pytest

from nearfar.metrics import METRICS, REGRESSION, evaluate_regression


def rows(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.normal(2.0, 3.0, n)
    return truth, np.round(0.7 * truth + draw.normal(0, 1.5, n))  # rounding makes ties


@pytest.mark.parametrize("seed", range(5))
def test_values_equal_those_of_scikit_learn_and_scipy(seed: int) -> None:
    from scipy.stats import spearmanr

    from sklearn import metrics

    truth, prediction = rows(seed)
    expected = {
        "mae": metrics.mean_absolute_error(truth, prediction),
        "rmse": metrics.root_mean_squared_error(truth, prediction),
        "mse": metrics.mean_squared_error(truth, prediction),
        "r2": metrics.r2_score(truth, prediction),
        "spearman": spearmanr(truth, prediction).statistic,
    }
    assert evaluate_regression(truth, prediction) == pytest.approx(expected, rel=1e-12)


def test_values_by_hand() -> None:
    found = evaluate_regression([0.0, 1.0, 2.0], [0.0, 2.0, 4.0])
    assert found == pytest.approx(
        {"mae": 1.0, "rmse": (5 / 3) ** 0.5, "mse": 5 / 3, "r2": -1.5, "spearman": 1.0}
    )


def test_direction_of_every_metric_agrees_with_a_better_prediction() -> None:
    truth, prediction = rows(0)
    better = evaluate_regression(truth, truth + 0.2 * (prediction - truth))
    worse = evaluate_regression(truth, prediction)
    for name, metric in REGRESSION.items():
        improvement = better[name] - worse[name]
        assert improvement < 0 if metric.better == "lower" else improvement > 0, name


def test_undefined_metrics_are_left_out() -> None:
    for constant in (np.ones(4), np.full(3, 0.1)):  # of three 0.1 the mean is a little more
        found = evaluate_regression(constant, np.arange(float(len(constant))))
        assert set(found) == {"mae", "rmse", "mse"}


def test_a_constant_prediction_has_every_metric() -> None:
    truth, _ = rows(0)
    found = evaluate_regression(truth, np.full(truth.size, 1.5))
    assert set(found) == set(REGRESSION)
    assert found["spearman"] == 0.0


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([], [], "n ≥ 1"),
        ([1.0, 2.0], [1.0], r"\(2,\) and \(1,\)"),
        ([[1.0]], [[1.0]], r"\(1, 1\)"),
        ([1.0, 2.0], [1.0, np.nan], "prediction has 1 of 2 values that are not finite"),
        ([1.0, np.inf], [1.0, 2.0], "truth has 1 of 2"),
    ],
)
def test_what_cannot_be_a_number_raises(truth: object, prediction: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_regression(truth, prediction)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [n for n, m in REGRESSION.items() if m.row_scores is not None])
def test_row_scores_give_the_metric_and_its_sampling_variance(name: str) -> None:
    metric = METRICS[name]
    assert metric.row_scores is not None
    truth, prediction = rows(1)
    assert metric.row_scores(truth, prediction).mean() == pytest.approx(
        metric.value(truth, prediction)
    )

    draw = np.random.default_rng(3)
    n, values, variances = 400, [], []
    for _ in range(1500):
        truth = draw.normal(0, 1, n)
        prediction = 0.8 * truth + draw.normal(0, 0.5, n)
        values.append(metric.value(truth, prediction))
        variances.append(metric.row_scores(truth, prediction).var(ddof=1) / n)
    assert np.mean(variances) == pytest.approx(np.var(values, ddof=1), rel=0.12)


def test_row_scores_of_degenerate_rows() -> None:
    exact = np.arange(3.0)
    assert METRICS["rmse"].row_scores(exact, exact).tolist() == [0, 0, 0]  # type: ignore[misc]
    for constant in (1.0, 0.1):
        scores = METRICS["r2"].row_scores(np.full(3, constant), exact)  # type: ignore[misc]
        assert np.isnan(scores).all()


def test_importing_metrics_is_light() -> None:
    code = (
        "import sys, nearfar.metrics; "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
