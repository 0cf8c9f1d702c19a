"""What all metrics and measures have in common, and what readers of the registers see."""

import pytest

from nearfar.metrics import (
    MEASURES,
    METRICS,
    METRICS_OF,
    MONITORED,
    higher_is_better,
    label_of,
    labels,
)
from nearfar.report.wording import metric_name


def test_every_name_is_registered_once() -> None:
    assert sum(map(len, METRICS_OF.values())) == len(METRICS)
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
