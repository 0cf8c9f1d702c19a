"""Rare targets: bins, shots and smoothed weights against explicit loops and known cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearfar.data import rarity_weights, shots
from nearfar.data.rare_targets import TargetBins

AGES = np.repeat(np.arange(1.0, 101.0), 125)
"""Every year of age as often: 125 rows to a bin."""


def ages(counts: dict[int, int]) -> np.ndarray:
    """Ages from 1 to 100, 125 of each but where ``counts`` says otherwise."""
    return np.repeat(np.arange(1.0, 101.0), [counts.get(age, 125) for age in range(1, 101)])


def loop_weights(targets: np.ndarray, power: float) -> np.ndarray:
    """Label distribution smoothing, row by row and bin by bin."""
    bins = TargetBins.of(targets)
    number = len(bins.counts)
    weights = []
    for target in targets:
        place = min(int((target - bins.low) / bins.width), number - 1)
        rows, room = 0.0, 0.0
        for other in range(number):
            kernel = math.exp(-((place - other) ** 2) / (2 * 2.0**2))
            rows += kernel * sum(
                min(int((known - bins.low) / bins.width), number - 1) == other for known in targets
            )
            room += kernel
        least = 5 * min(1, len(targets) / number / 120)
        weights.append(max(rows / room, least) ** -power)
    return np.array(weights) / np.mean(weights)


@pytest.mark.parametrize(("weighting", "power"), [("inverse", 1.0), ("sqrt_inverse", 0.5)])
@pytest.mark.parametrize("whole", [True, False])
def test_weights_are_those_of_an_explicit_loop(weighting: str, power: float, whole: bool) -> None:
    random = np.random.default_rng(0)
    targets = random.gamma(2.0, 8.0, size=250)
    targets = np.round(targets) if whole else targets
    found = rarity_weights(targets[:, None], weighting)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, loop_weights(targets, power), rtol=1e-12)


def test_uniform_targets_have_equal_weights() -> None:
    assert np.abs(rarity_weights(AGES[:, None], "inverse") - 1).max() < 1e-12


def test_a_single_far_row_weighs_as_one_of_five() -> None:
    targets = np.append(AGES[AGES <= 50], 100.0)
    weights = rarity_weights(targets[:, None], "inverse")
    assert weights[-1] / weights[0] == pytest.approx(125 / (5 * 6251 / 100 / 120))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60, unique=True))
@settings(max_examples=60, deadline=None)
def test_weights_are_positive_with_mean_one(values: list[float]) -> None:
    weights = rarity_weights(np.array(values)[:, None], "inverse")
    assert (weights > 0).all()
    assert weights.mean() == pytest.approx(1)


def test_the_rare_weigh_more_and_the_square_root_less_so() -> None:
    targets = ages({70: 2, 71: 2, 72: 2, 73: 2, 74: 2})
    full = rarity_weights(targets[:, None], "inverse")
    root = rarity_weights(targets[:, None], "sqrt_inverse")
    rare, common = targets == 72, targets == 20
    assert full[rare][0] > 2 * full[common][0]
    assert full[rare][0] / full[common][0] == pytest.approx((root[rare][0] / root[common][0]) ** 2)


def test_weights_of_several_targets_are_the_mean_over_them() -> None:
    random = np.random.default_rng(1)
    targets = np.stack([random.gamma(2, 3, 300), random.normal(size=300) * 1e4], axis=1)
    each = [rarity_weights(targets[:, [k]], "inverse") for k in range(2)]
    np.testing.assert_allclose(rarity_weights(targets, "inverse"), np.mean(each, axis=0))


def test_shots_of_ages_are_those_of_the_paper() -> None:
    train = ages({30: 99, 40: 100, 50: 101, 60: 20, 70: 19, 80: 0})
    asked = np.array([30.0, 40, 50, 60, 70, 80, 90, 0, 101, 250])
    assert shots(train, asked).tolist() == [
        *("medium", "medium", "many", "medium", "few", "few", "many"),
        *("few", "few", "few"),
    ]


def test_bounds_shrink_where_fewer_rows_come_to_a_bin() -> None:
    train = np.repeat(np.arange(1.0, 101.0), 24)
    assert set(shots(train, train)) == {"many"}, "24 of 24 rows to a bin, bounds 20 and 4"
    fewer = train[~((train == 50) & (np.arange(len(train)) % 24 >= 19))]
    assert shots(fewer, np.array([50.0, 51])).tolist() == ["medium", "many"]
    rare = train[~((train == 50) & (np.arange(len(train)) % 24 >= 3))]
    assert shots(rare, np.array([50.0, 51])).tolist() == ["few", "many"]


def test_a_bin_of_a_continuous_target_is_a_part_of_its_range() -> None:
    random = np.random.default_rng(2)
    train = random.normal(size=902)
    bins = TargetBins.of(train)
    assert len(bins.counts) == 45
    assert bins.counts.sum() == 902
    ends = np.array([train.min(), train.max(), 99.0, -99.0])
    assert bins.places(ends).tolist() == [0, 44, -1, -1]
    found = shots(train, np.array([0.0, 3 * train.max()]))
    assert found.tolist() == ["many", "few"]


@pytest.mark.parametrize(
    ("targets", "width", "number"),
    [
        (np.repeat(np.arange(1.0, 117.0), 140), 1.0, 116),
        (np.repeat(np.arange(1.0, 117.0), 10), 2.0, 58),
        (np.repeat(np.arange(5000.0), 30), 50.0, 100),
        (np.full(40, 3.0), 1.0, 1),
    ],
)
def test_bins_of_whole_numbers_have_whole_widths(
    targets: np.ndarray, width: float, number: int
) -> None:
    bins = TargetBins.of(targets)
    assert (bins.width, len(bins.counts)) == (width, number)
    assert bins.counts.sum() == len(targets)


def test_of_several_targets_the_rarest_counts() -> None:
    common, rare = np.repeat(np.arange(1.0, 101.0), 125), np.repeat([1.0, 2.0], [12400, 100])
    asked = np.array([[50.0, 1.0], [50.0, 2.0], [500.0, 1.0]])
    assert shots(np.stack([common, rare], axis=1), asked).tolist() == ["many", "medium", "few"]


def test_unlike_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3, 2\) and \(2, 1\)"):
        shots(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        shots(np.zeros(0), np.zeros(2))
