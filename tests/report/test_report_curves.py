import numpy as np

from nearfar.records.stage_files import Curve
from nearfar.report.page.sections.curves import MAX_POINTS, summarise


def _curve(*values: float) -> Curve:
    return Curve(np.arange(1.0, len(values) + 1), np.array(values))


def test_mean_and_range_are_over_sound_seeds_alone() -> None:
    found = summarise({0: _curve(3, 2), 1: _curve(5, 4), 2: _curve(1e9, 1e12)}, diverged=[2])
    assert found["x"] == [1, 2]
    assert found["mean"] == [4, 3]
    assert (found["low"], found["high"]) == ([3, 2], [5, 4])
    assert found["diverged"] == [[2, [1, 2], [1e9, 1e12]]]


def test_a_diverged_curve_ends_at_its_last_finite_value() -> None:
    found = summarise({0: _curve(1, 7, np.inf, np.nan)}, diverged=[0])
    assert found["x"] == []
    assert found["diverged"] == [[0, [1, 2], [1, 7]]]


def test_seeds_of_different_length_are_compared_where_all_have_values() -> None:
    found = summarise({0: _curve(4, 3, 2), 1: _curve(2, 1)}, diverged=[])
    assert found["mean"] == [3, 2]


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    found = summarise({0: _curve(*np.linspace(5, 1, 4000))}, diverged=[])
    assert len(found["x"]) == MAX_POINTS
    assert (found["x"][0], found["x"][-1]) == (1, 4000)
    assert (found["mean"][0], found["mean"][-1]) == (5, 1)
