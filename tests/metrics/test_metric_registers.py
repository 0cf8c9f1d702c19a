"""What all metrics and measures have in common, and what readers of the registers see."""

import pytest

from nearfar.metrics import (
    MEASURES,
    METRICS,
    METRICS_OF,
    MONITORED,
    Margin,
    Metric,
    higher_is_better,
    label_of,
    labels,
    metric_mistake,
)
from nearfar.report.wording import metric_name


def test_every_name_is_registered_once() -> None:
    of_labels = [
        name for name in METRICS_OF["multilabel"] if METRICS[name].task == "classification"
    ]
    assert sum(map(len, METRICS_OF.values())) == len(METRICS) + len(of_labels)
    assert len(labels()) == len(METRICS) + len(MEASURES) + len(MONITORED)
    assert len(set(labels().values())) == len(labels())


@pytest.mark.parametrize("name", [*METRICS, *MEASURES])
def test_a_metric_is_called_the_same_everywhere(name: str) -> None:
    entry = METRICS.get(name) or MEASURES[name]
    assert entry.name == name
    assert label_of(name) == metric_name(name) == labels()[name] == entry.label


def test_names_that_nobody_knows_are_words() -> None:
    assert label_of("share_of_pairs") == "share of pairs"
    assert not higher_is_better("share_of_pairs")
    assert higher_is_better("r2")
    assert not higher_is_better("mae")


def test_every_built_in_metric_that_is_better_lower_is_an_error() -> None:
    assert all(metric.is_error == (metric.better == "lower") for metric in METRICS.values())
    assert not Metric("density", "density", "lower", "none", float).is_error


def test_what_counts_as_no_difference() -> None:
    sizes = {name: metric.same.size(-0.5) for name, metric in METRICS.items()}
    assert sizes == pytest.approx(
        {
            **dict.fromkeys(("mae", "rmse", "nll", "sse"), 0.05),
            "mse": 0.1,
            **dict.fromkeys(("r2", "spearman", "accuracy", "top3_accuracy"), 0.02),
            **dict.fromkeys(("balanced_accuracy", "auroc", "average_precision"), 0.02),
            **dict.fromkeys(("f1", "f1_micro", "mcc"), 0.02),
            "brier": 0.05,
            "ece": 0.01,
        }
    )
    assert all(metric.same.why[0].islower() for metric in METRICS.values())
    own = Metric("own", "own", "lower", "none", float)
    assert own.same.size(3.0) == pytest.approx(0.3)
    assert metric_mistake(own) == ""
    odd = Metric("own", "own", "lower", "percent", float)  # type: ignore[arg-type]
    assert metric_mistake(odd) == "has unit='percent'; allowed: none, squared, target"


@pytest.mark.parametrize(
    ("same", "told"),
    [
        (0.1, "has same=0.1, which is not a nearfar.metrics.Margin"),
        (Margin(0, False, "why"), "has same.amount=0; allowed: a number above 0"),
        (Margin(float("nan"), False, "why"), "has same.amount=nan; allowed"),
        (Margin("1", False, "why"), "has same.amount='1'; allowed"),  # type: ignore[arg-type]
        (Margin(True, False, "why"), "has same.amount=True; allowed"),
        (Margin(0.1, 1, "why"), "has same.relative=1; allowed: "),  # type: ignore[arg-type]
        (Margin(0.1, True, " "), "has an empty same.why"),
    ],
)
def test_a_margin_that_is_none_is_told(same: Margin, told: str) -> None:
    assert told in metric_mistake(Metric("own", "own", "lower", "none", float, same=same))
