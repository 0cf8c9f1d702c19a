"""Means over targets: of the same targets for whatever is predicted."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from made_rows import made_rows

from nearfar.data import Dataset, Split
from nearfar.data.targets import ALL_TARGETS
from nearfar.stages.over_targets import (
    OverTargets,
    defines_of_label,
    defines_of_numbers,
    mean_of_defined,
)
from nearfar.stages.targets import Labels, Numbers

SPLIT = Split(np.arange(20), np.arange(20, 30), np.arange(30, 40))


def rows_with(targets: np.ndarray, *, multilabel: bool) -> Dataset:
    names = [f"t{k}" for k in range(targets.shape[1])]
    made = made_rows(range(len(targets)))
    return replace(made, targets=targets, target_names=names, multilabel=multilabel)


def judged(outputs: Numbers | Labels, scores: np.ndarray, metric: str) -> dict[str, float]:
    return {
        entry["target"]: entry["value"]
        for entry in outputs.metrics(scores, ["test"])
        if entry["metric"] == metric
    }


def test_a_constant_for_one_target_counts_in_the_mean_of_correlations() -> None:
    targets = np.random.default_rng(0).normal(size=(40, 2))
    outputs = Numbers(rows_with(targets, multilabel=False), SPLIT)
    scores = outputs.targets.copy()
    scores[:, 1] = 0.0
    found = judged(outputs, scores, "spearman")
    assert found == pytest.approx({"t0": 1.0, "t1": 0.0, ALL_TARGETS: 0.5})
    value = outputs.value("spearman", SPLIT.test, scores[SPLIT.test])
    assert value == pytest.approx(found[ALL_TARGETS])


@pytest.mark.parametrize("odds", [-1.0, 1.0], ids=["no hit", "false alarms"])
def test_a_label_that_no_tested_row_has_is_in_no_mean_of_f1(odds: float) -> None:
    targets = np.tile([[0.0, 1.0], [1.0, 0.0]], (20, 1))
    targets[SPLIT.test, 1] = 0.0
    outputs = Labels(rows_with(targets, multilabel=True), SPLIT)
    scores = np.where(targets == 1, 1.0, -1.0)
    scores[SPLIT.test, 1] = odds
    assert judged(outputs, scores, "f1") == {"t0": 1.0, ALL_TARGETS: 1.0}
    assert outputs.value("f1", SPLIT.test, scores[SPLIT.test]) == 1.0


def test_there_is_no_mean_without_a_target_that_its_truth_defines() -> None:
    truth = {"lacking": np.array([1.0, 2.0, 4.0]), "constant": np.ones(3)}
    for name, means in (("lacking", []), ("constant", [0.5])):
        over = OverTargets()
        over.take("test", "z", ["r2"], {"r2": 0.5}, lambda _: True)
        over.take("test", "z", ["r2"], {}, partial(defines_of_numbers, truth=truth[name]))
        assert [entry["value"] for entry in over.means()] == means
        pairs = [(0.5, lambda: True), (np.nan, partial(defines_of_numbers, "r2", truth[name]))]
        assert mean_of_defined(pairs) == pytest.approx(means[0] if means else np.nan, nan_ok=True)


def test_a_target_without_a_tested_row_has_no_numbers_and_leaves_no_mean() -> None:
    targets = np.random.default_rng(0).normal(size=(40, 2))
    targets[SPLIT.test, 1] = np.nan
    outputs = Numbers(rows_with(targets, multilabel=False), SPLIT)
    assert set(judged(outputs, np.zeros((40, 2)), "mae")) == {"t0"}


def test_what_the_truth_defines() -> None:
    assert defines_of_label("auroc", np.array([0.0, 1.0]))
    assert not defines_of_label("auroc", np.zeros(2))
    assert not defines_of_label("f1", np.zeros(2))
    assert defines_of_numbers("spearman", np.array([0.0, 1.0]))
    assert not defines_of_numbers("spearman", np.empty(0))
