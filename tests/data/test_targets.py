"""Target scaling from the training rows."""

import json

import numpy as np
import pytest

from nearfar.data import TargetScaler
from nearfar.errors import UserError


def test_mean_and_sample_deviation_come_from_the_training_rows_alone() -> None:
    targets = np.array([[1.0], [2.0], [6.0], [1e6]])
    scaler = TargetScaler.fit(targets, np.array([0, 1, 2]))
    assert scaler.mean == (3.0,)
    assert scaler.std[0] == pytest.approx(np.sqrt(7.0))
    assert scaler.transform(targets)[3, 0] == pytest.approx((1e6 - 3) / np.sqrt(7))


def test_every_target_has_its_own_scale() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal([5, -300], [0.1, 70], size=(50, 2))
    scaler = TargetScaler.fit(targets, np.arange(40))
    scores = scaler.transform(targets)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores[:40].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scores[:40].std(axis=0, ddof=1), 1)
    np.testing.assert_allclose(scaler.inverse(scores), targets, rtol=1e-12)


def test_plain_form_survives_json() -> None:
    scaler = TargetScaler.fit(np.array([[0.1, 3], [0.7, 9]]), np.array([0, 1]))
    assert TargetScaler.from_plain(json.loads(json.dumps(scaler.to_plain()))) == scaler


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
def test_constant_target_is_refused_by_name(value: float) -> None:
    targets = np.array([[1.0, value], [2.0, value], [3.0, value], [4.0, 7.0]])
    with pytest.raises(UserError, match=r"target 'b' is .* in all 3 training rows"):
        TargetScaler.fit(targets, np.arange(3), ["a", "b"])


def test_one_row_is_too_few() -> None:
    with pytest.raises(UserError, match="1 training row"):
        TargetScaler.fit(np.array([[1.0], [2.0]]), np.array([0]))


@pytest.mark.parametrize(("factor", "words"), [(1e-200, "too little"), (1e300, "too much")])
def test_a_target_that_varies_beyond_numbers_is_not_called_constant(
    factor: float, words: str
) -> None:
    targets = np.array([[1.0], [2.0], [3.0]]) * factor
    with np.errstate(over="ignore"), pytest.raises(UserError, match=words) as refused:
        TargetScaler.fit(targets, np.arange(3), ["a"])
    assert "target 'a' runs from" in str(refused.value)
