"""Measures of representations against slow loops, and in spaces where they are known."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nearfar.metrics import METRICS
from nearfar.metrics import representation as measured
from nearfar.metrics.representation import (
    MEASURES,
    PAIRS,
    ROWS,
    Represented,
    evaluate_representation,
    measured_rows,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]


def numbers(seed: int, n: int = 40, d: int = 6, k: int = 1) -> tuple[Floats, Floats]:
    """Features that know something of the labels; labels tie, and so do two rows' features."""
    draw = np.random.default_rng(seed)
    labels = draw.normal(size=(n, k)).round(1)
    features = draw.normal(size=(n, d)) + 2 * labels @ draw.normal(size=(k, d)) + 5
    features[1] = features[0]
    return features, labels


def classes(seed: int, n: int = 40, d: int = 6) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, size=n)
    return draw.normal(size=(n, d)) + 1.5 * draw.normal(size=(3, d))[labels], labels


def counts(seed: int) -> tuple[Floats, Floats]:
    """Features many of whose rows are equally near."""
    draw = np.random.default_rng(seed)
    return draw.integers(0, 3, size=(60, 5)) / 10.0, draw.normal(size=(60, 1))


WORLDS = {
    "one target": numbers(0),
    "three targets": numbers(1, k=3),
    "more columns than rows": numbers(2, n=12, d=30),
    "two rows": (np.eye(2, 3), np.array([[0.5], [2.0]])),
    "classes": classes(4),
    "counts": counts(5),
    "few directions": (
        numbers(6, d=2)[0] @ np.random.default_rng(6).normal(size=(2, 30)),
        numbers(6)[1],
    ),
}


def slow_distance(a: Any, b: Any) -> float:
    if np.ndim(a):
        return round(math.dist(a, b), 9)
    return float(a != b)


def slow(features: Floats, labels: Floats) -> dict[str, float]:
    """Every measure by its definition, pair by pair."""
    from scipy.stats import entropy, spearmanr

    n = len(features)
    centred = features - features.mean(axis=0)
    directions = [row / np.linalg.norm(row) for row in centred]
    pairs = list(itertools.combinations(range(n), 2))
    apart = {(i, j): slow_distance(labels[i], labels[j]) for i, j in pairs}
    far = {(i, j): round(math.dist(features[i], features[j]), 9) for i, j in pairs}
    found = {}
    if len(set(apart.values())) > 1 and len(set(far.values())) > 1:
        order = [[table[pair] for pair in pairs] for table in (apart, far)]
        found["label_correlation"] = float(spearmanr(*order).statistic)

    errors = []
    for i in range(n):
        others = [(min(i, j), max(i, j)) for j in range(n) if j != i]
        least = min(far[pair] for pair in others)
        errors.append(np.mean([apart[pair] for pair in others if far[pair] == least]))
    found["neighbour_error"] = float(np.mean(errors))

    ordered = sorted(apart.values())
    closest = 0.0 if labels.ndim == 1 else ordered[math.ceil(0.05 * len(ordered)) - 1]
    on_sphere = {(i, j): math.dist(directions[i], directions[j]) ** 2 for i, j in pairs}
    alike = [on_sphere[pair] for pair in pairs if apart[pair] <= closest]
    if alike:
        found["alignment"] = float(np.mean(alike))
    found["uniformity"] = math.log(
        np.mean([math.exp(-2 * square) for square in on_sphere.values()])
    )

    values = np.linalg.svd(centred, compute_uv=False)
    found["effective_rank"] = float(np.exp(entropy(values / values.sum())))
    return found


@pytest.mark.parametrize("name", WORLDS)
def test_measures_equal_their_definitions(name: str) -> None:
    features, labels = WORLDS[name]
    found = evaluate_representation(features, labels)
    assert found == pytest.approx(slow(features, labels), rel=1e-7, abs=1e-8)
    assert len(found) == (4 if name == "two rows" else 5)


def turned(features: Floats) -> Floats:
    square = np.random.default_rng(9).normal(size=(features.shape[1],) * 2)
    return features @ np.linalg.qr(square)[0]


INVARIANCES: dict[str, Callable[[Floats], Floats]] = {
    "rotation": turned,
    "scale": lambda features: features * 1e-12,
    "large scale": lambda features: features * 1e30,
    "shift": lambda features: features + 7.0,
    "reflection": lambda features: -features,
    "idle columns": lambda features: np.c_[features, np.full((len(features), 3), 4.0)],
}


@pytest.mark.parametrize("world", ["one target", "more columns than rows", "classes"])
@pytest.mark.parametrize("change", INVARIANCES)
def test_shifts_turns_and_scales_of_the_whole_change_nothing(world: str, change: str) -> None:
    features, labels = WORLDS[world]
    expected = evaluate_representation(features, labels)
    found = evaluate_representation(INVARIANCES[change](features), labels)
    assert found == pytest.approx(expected, rel=1e-6)
    stretched = evaluate_representation(features * np.arange(1, features.shape[1] + 1), labels)
    assert stretched != pytest.approx(expected, rel=1e-2)


def test_standardised_columns_may_have_any_unit() -> None:
    features, labels = WORLDS["one target"]
    units = 10.0 ** np.arange(-3, 3)
    expected = evaluate_representation(features / features.std(axis=0), labels)
    found = evaluate_representation(features * units, labels, standardise=True)
    assert found == pytest.approx(expected, rel=1e-6)
    assert evaluate_representation(features * units, labels) != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("world", ["one target", "three targets", "classes"])
def test_the_order_of_the_rows_changes_nothing(world: str) -> None:
    features, labels = WORLDS[world]
    order = np.random.default_rng(5).permutation(len(labels))
    expected = evaluate_representation(features, labels)
    assert evaluate_representation(features[order], labels[order]) == pytest.approx(expected)


def test_rows_that_stand_twice() -> None:
    features, labels = numbers(7)
    once = evaluate_representation(features, labels)
    twice = evaluate_representation(np.r_[features, features], np.r_[labels, labels])
    assert twice["effective_rank"] == pytest.approx(once["effective_rank"])
    assert twice["neighbour_error"] < 0.05 < once["neighbour_error"]
    assert twice["uniformity"] > once["uniformity"]


def test_features_that_are_the_labels_are_perfect() -> None:
    labels = np.random.default_rng(0).normal(size=(60, 1))
    found = evaluate_representation(3 * labels + 1, labels)
    assert found["label_correlation"] == pytest.approx(1)
    assert found["effective_rank"] == pytest.approx(1)
    gaps = np.diff(np.sort(labels[:, 0]))
    nearest = np.minimum(np.r_[np.inf, gaps], np.r_[gaps, np.inf])
    assert found["neighbour_error"] == pytest.approx(nearest.mean(), abs=1e-8)
    both = np.random.default_rng(1).normal(size=(60, 2))
    assert evaluate_representation(turned(both), both)["label_correlation"] == pytest.approx(1)


def test_separate_classes_are_perfect_but_for_the_ties_of_their_labels() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([4, 7, 9], 10)
    features = 50 * np.eye(10)[labels] + draw.normal(size=(30, 10))
    found = evaluate_representation(features, labels)
    assert found["neighbour_error"] == 0
    assert found["alignment"] < 0.05
    share = 3 * 45 / 435
    assert found["label_correlation"] == pytest.approx(math.sqrt(3 * share * (1 - share)), rel=1e-3)
    mixed = evaluate_representation(features, draw.permutation(labels))
    assert mixed["neighbour_error"] > 0.4
    assert abs(mixed["label_correlation"]) < 0.1
    assert mixed["alignment"] > 1


def test_features_in_all_directions_have_full_rank_and_are_uniform() -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(2000, 20)), draw.normal(size=(2000, 1))
    found = evaluate_representation(features, labels)
    assert found["effective_rank"] == pytest.approx(20, rel=0.01)
    assert found["alignment"] == pytest.approx(2, rel=0.02)
    assert found["label_correlation"] == pytest.approx(0, abs=0.02)
    assert found["neighbour_error"] == pytest.approx(2 / math.sqrt(math.pi), rel=0.05)
    cosines = np.linspace(-1, 1, 20001)
    weights = (1 - cosines**2) ** (17 / 2)
    expected = math.log(np.average(np.exp(-2 * (2 - 2 * cosines)), weights=weights))
    assert found["uniformity"] == pytest.approx(expected, abs=0.02)
    narrow = evaluate_representation(features * 0.5 ** np.arange(20), labels)
    assert narrow["effective_rank"] < 5
    assert narrow["uniformity"] > found["uniformity"] + 0.5


def test_what_is_undefined_is_left_out() -> None:
    features, labels = numbers(0)
    constant = np.full_like(features, 0.1)
    rounding = (
        constant.astype(np.float32) * np.float32(1 + 1e-7) ** (np.arange(len(labels)) % 2)[:, None]
    )
    for useless in (constant, rounding, features[:, :0], np.where(features > 5, np.inf, features)):
        assert evaluate_representation(useless, labels) == {}
    assert evaluate_representation(features[:1], labels[:1]) == {}
    assert evaluate_representation(features[:0], labels[:0]) == {}
    same = evaluate_representation(features, np.zeros_like(labels))
    assert set(MEASURES) - set(same) == {"label_correlation"}
    distinct = evaluate_representation(features, np.arange(len(labels)))
    assert set(MEASURES) - set(distinct) == {"label_correlation", "alignment"}
    assert Represented.of(constant, labels) is None


def test_a_row_at_the_mean_has_no_direction() -> None:
    features = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    found = evaluate_representation(features, np.array([[0.0], [0.0], [1.0]]))
    assert found["alignment"] == pytest.approx(4)
    assert found["uniformity"] == pytest.approx(math.log((math.exp(-8) + 2 * math.exp(-2)) / 3))


@pytest.mark.parametrize(
    ("shape", "labels"),
    [
        ((4,), np.zeros((4, 1))),
        ((4, 2), np.zeros((3, 1))),
        ((4, 2), np.zeros(4)),
        ((4, 2), np.zeros((4, 1), dtype=np.int64)),
    ],
)
def test_shapes_that_do_not_fit_raise(shape: tuple[int, ...], labels: Floats) -> None:
    with pytest.raises(ValueError, match=r"need features \(n, d\) and labels"):
        evaluate_representation(np.zeros(shape), labels)


def test_many_rows_are_thinned_evenly() -> None:
    few = np.arange(5, 5 + ROWS)
    assert np.array_equal(measured_rows(few), few)
    many = measured_rows(np.arange(10 * ROWS + 3))
    assert len(many) == ROWS
    assert set(np.diff(many)) == {10, 11}
    assert many[-1] >= 10 * ROWS - 10


def test_thinned_pairs_say_what_all_pairs_say(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = numbers(3, n=1200)
    rows = Represented.of(features, labels)
    assert rows is not None
    assert PAIRS / 2 < len(rows.squares) <= PAIRS
    found = evaluate_representation(features, labels)
    monkeypatch.setattr(measured, "PAIRS", 10**9)
    whole = evaluate_representation(features, labels)
    assert found != whole
    assert found == pytest.approx(whole, abs=0.02)


def test_no_measure_is_a_metric_that_a_study_could_choose() -> None:
    assert not set(MEASURES) & set(METRICS)
    assert {m.better for m in MEASURES.values()} == {"lower", "higher", None}


def test_full_size_takes_no_more_than_seconds() -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(ROWS, 512)), draw.normal(size=(ROWS, 1))
    evaluate_representation(features[:10], labels[:10])
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        evaluate_representation(features.astype(np.float32), labels)
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 5  # 0.25 s on a core of its own; some processors are slow
