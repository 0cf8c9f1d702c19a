"""Designs of folds that come in an odd order, or whose folds hold a single group."""

import numpy as np
import pytest

from nearfar.analysis.estimate import estimate_rows
from nearfar.analysis.variance import Tested as Training


def test_folds_are_recognised_in_any_order() -> None:
    random = np.random.default_rng(3)
    rows = [part for _ in range(2) for part in np.array_split(random.permutation(97), 10)]
    scores = [random.normal(size=len(part)) for part in rows]
    ordered = estimate_rows([Training(r, s) for r, s in zip(rows, scores, strict=True)], 97)
    order = random.permutation(20)
    mixed = estimate_rows([Training(rows[k], scores[k]) for k in order], 97)
    assert ordered is not None
    assert mixed is not None
    assert ordered.design == mixed.design == "folds"
    assert (mixed.mean, mixed.error) == pytest.approx((ordered.mean, ordered.error))


def test_a_fold_of_a_single_group_does_not_end_the_test() -> None:
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(8), 5)
    folds = [np.flatnonzero(groups == g) for g in range(8)]
    shift = random.normal(1.0, 0.1, 8)
    trainings = [Training(f, shift[g] + random.normal(0, 0.1, 5)) for g, f in enumerate(folds)]
    found = estimate_rows(trainings, 40, groups)
    assert found is not None
    assert found.p_value() < 1e-3
    means = np.array([t.mean for t in trainings])
    assert found.parts is not None
    assert found.parts.own == pytest.approx(means.var(ddof=1))
    assert estimate_rows(trainings, 40, np.zeros(40, dtype=np.int64)) is None
