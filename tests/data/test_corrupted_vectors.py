"""Corruptions of feature vectors: sizes in each column's own unit."""

import math

import pytest
import torch
from torch import Tensor

from nearfar.data import Vectors
from nearfar.data.corruptions import corrupt

SCALES = torch.tensor([1.0, 100.0, 0.01, 0.0])


def some_values(rows: int = 4000) -> Tensor:
    """Columns of very different scales about 7; the last is constant."""
    drawn = torch.randn(rows, 4, generator=torch.Generator().manual_seed(1))
    return 7 + drawn * SCALES


def corrupted(values: Tensor, name: str, severity: int, seed: int = 0) -> Tensor:
    columns = [str(column) for column in range(values.shape[1])]
    seen = corrupt(Vectors(values, columns), name, severity, seed)
    assert isinstance(seen, Vectors)
    assert seen.columns == columns
    return seen.values


@pytest.mark.parametrize(("severity", "size"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.7), (5, 1.0)])
def test_noise_is_in_units_of_each_column(severity: int, size: float) -> None:
    values = some_values()
    noise = corrupted(values, "feature_noise", severity) - values
    for column in range(3):
        assert float(noise[:, column].std() / values[:, column].std()) == pytest.approx(
            size, rel=0.05
        )
    assert torch.equal(noise[:, 3], torch.zeros(len(values)))
    assert float(torch.corrcoef(noise[:, :3].T).fill_diagonal_(0).abs().max()) < 0.06


def test_noise_of_two_severities_differs_in_size_alone() -> None:
    values = some_values(50)
    small, large = (corrupted(values, "feature_noise", s) - values for s in (2, 4))
    assert torch.allclose(large, 3.5 * small, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "shares"),
    [("outliers", (0.01, 0.02, 0.05, 0.1, 0.2)), ("missing", (0.05, 0.1, 0.2, 0.35, 0.5))],
)
def test_a_share_of_the_values_is_hit_and_more_each_time(
    name: str, shares: tuple[float, ...]
) -> None:
    values, before = some_values(), torch.zeros(4000, 4, dtype=torch.bool)
    for severity, share in enumerate(shares, start=1):
        hit = corrupted(values, name, severity) != values
        assert not bool((before & ~hit).any())
        found = float(hit[:, :3].double().mean())
        assert abs(found - share) < 4 * math.sqrt(share / 12000)
        before = hit


def test_outliers_lie_far_out_on_both_sides() -> None:
    values = some_values()
    seen = corrupted(values, "outliers", 5)
    deviation, mean = torch.std_mean(values, dim=0, correction=0)
    for column in range(3):
        out = (seen - mean)[:, column] / deviation[column]
        far = out[seen[:, column] != values[:, column]]
        assert float(far.abs().min()) > 4.99
        assert float(far.abs().max()) < 10.01
        assert float(far.abs().mean()) == pytest.approx(7.5, abs=0.2)
        assert 0.4 < float((far > 0).double().mean()) < 0.6


def test_missing_values_become_the_mean() -> None:
    values = some_values()
    seen = corrupted(values, "missing", 3)
    for column in range(3):
        hit = seen[:, column] != values[:, column]
        gap = (seen[:, column][hit] - values[:, column].mean()).abs().max()
        assert float(gap / SCALES[column]) < 1e-3


def test_planted_sensitivity_grows_as_theory_says() -> None:
    """Noise of size s adds s² Σ (weight × deviation)² to a linear predictor's squared error."""
    values = some_values(20_000)[:, :2] - 7
    target = values[:, 0] + values[:, 1] / 100
    truth = {"one column": torch.tensor([2.0, 0.0]), "both": torch.tensor([1.0, 0.01])}
    error = {}
    for name, weights in truth.items():
        clean = (values @ weights - target).square().mean()
        for severity, size in ((1, 0.1), (5, 1.0)):
            seen = corrupted(values, "feature_noise", severity)
            error[name, severity] = float((seen @ weights - target).square().mean() - clean)
            expected = size**2 * float((weights * SCALES[:2]).square().sum())
            assert error[name, severity] == pytest.approx(expected, rel=0.15)
    assert error["one column", 5] > 1.8 * error["both", 5]
