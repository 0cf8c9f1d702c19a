"""Distances: exact near and far, and a learned matrix that stays positive semi-definite."""

import pair_oracles as oracle
import pytest
import torch

from nearfar.losses import Mahalanobis, contrastive_loss, l2_distances, unit


def rows(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *((d, s) for d in (torch.float64, torch.float32) for s in (1e-30, 1e-10, 1.0, 1e10, 1e30)),
        (torch.float64, 1e-200),
        (torch.float64, 1e200),
    ],
)
def test_distances_and_their_gradient(dtype: torch.dtype, scale: float) -> None:
    features = (rows(7, 4) * scale).to(dtype)
    weights = rows(7, 7, seed=1).to(dtype)
    mine, twin = features.clone().requires_grad_(), features.double().requires_grad_()
    distances, expected = l2_distances(mine), oracle.distances(twin)
    rtol = 1e-12 if dtype == torch.float64 else 1e-6
    torch.testing.assert_close(distances.double(), expected, rtol=rtol, atol=0)
    (slope,) = torch.autograd.grad(distances, mine, weights)
    (wanted,) = torch.autograd.grad(expected, twin, weights.double())
    torch.testing.assert_close(slope.double(), wanted, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_close_rows_far_from_the_origin_are_told_apart_exactly(dtype: torch.dtype) -> None:
    features = torch.full((4, 3), 1000.0, dtype=dtype)
    step = torch.nextafter(features[0, 0], features.new_tensor(torch.inf)) - features[0, 0]
    features[1, 0] += step
    features[2, 1] -= 4 * step
    distances = l2_distances(features)
    assert float(distances[0, 3]) == 0
    assert float(distances[0, 1]) == pytest.approx(float(step), rel=1e-4)
    assert float(distances[1, 2]) == pytest.approx(float(step) * 17**0.5, rel=1e-4)
    leaf = features.clone().requires_grad_()
    (slope,) = torch.autograd.grad(l2_distances(leaf)[0, 1], leaf)
    assert slope[0].tolist() == pytest.approx([-1, 0, 0], abs=1e-3)
    assert slope[2:].abs().max() < 1e-6


def test_the_gradient_of_close_rows_far_from_the_origin() -> None:
    near = rows(6, 3).mul(1024).round() / 1024**2  # held exactly, 1e8 away too
    slopes = []
    for offset in (0.0, 1e8):
        leaf = (near + offset).requires_grad_()
        slopes += torch.autograd.grad(l2_distances(leaf), leaf, rows(6, 6, seed=1))
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_distances_of_no_pairs(count: int) -> None:
    features = torch.ones(count, 3, requires_grad=True)
    distances = l2_distances(features)
    (slope,) = torch.autograd.grad(distances.sum(), features)
    assert distances.tolist() == [[0.0]] * count
    assert slope.tolist() == [[0.0] * 3] * count


def test_small_rows_beside_a_huge_one_keep_their_distances() -> None:
    features = rows(4, 3, dtype=torch.float32)
    features[0] *= 1e12
    expected = oracle.distances(features.double())
    within = l2_distances(features)[1:, 1:].double()
    torch.testing.assert_close(within, expected[1:, 1:], rtol=1e-3, atol=0)


def test_unit_rows_have_length_one_at_any_size() -> None:
    features = rows(6, 5, dtype=torch.float32)
    sizes = torch.tensor([1e-29, 1e-10, 1, 1e10, 1e25, 1e37])[:, None]
    made = unit(features * sizes)
    torch.testing.assert_close(made, torch.nn.functional.normalize(features), rtol=1e-6, atol=1e-7)
    zero = torch.zeros(2, 3, requires_grad=True)
    result = unit(zero)
    result.sum().backward()
    assert not result.any()
    assert zero.grad is not None
    assert zero.grad.isfinite().all()
    tiny = (rows(4, 3) * 1e-38).float().requires_grad_()
    (slope,) = torch.autograd.grad(unit(tiny), tiny, torch.full((4, 3), 100.0))
    assert slope.isfinite().all()
    assert torch.autograd.gradcheck(unit, rows(4, 3).requires_grad_())


def test_a_fresh_learned_distance_is_the_euclidean_one() -> None:
    features = rows(6, 4, dtype=torch.float32)
    torch.testing.assert_close(
        Mahalanobis(4)(features), l2_distances(features), rtol=1e-6, atol=1e-6
    )


def test_the_learned_distance_is_that_of_its_matrix() -> None:
    distance = Mahalanobis(3)
    with torch.no_grad():
        distance.factor.copy_(rows(3, 3))
    features = rows(5, 3)
    m = distance.matrix().detach().double()
    for i, j in torch.cartesian_prod(torch.arange(5), torch.arange(5)).tolist():
        difference = features[i] - features[j]
        expected = float((difference @ m @ difference).clamp_min(0).sqrt())
        assert float(distance(features)[i, j].detach()) == pytest.approx(expected, rel=1e-6)


def test_the_matrix_stays_positive_semi_definite_whatever_training_does() -> None:
    torch.manual_seed(0)
    distance = Mahalanobis(6)
    optimizer = torch.optim.SGD(distance.parameters(), lr=0.3)
    start = distance.matrix().detach().clone()
    for step in range(60):
        features, labels = rows(12, 6, seed=step, dtype=torch.float32), torch.arange(12) % 3
        sign = -1 if step % 7 == 0 else 1  # away from the minimum, too
        loss = sign * contrastive_loss(distance(features), labels, 4.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        m = distance.matrix().detach().double()
        torch.testing.assert_close(m, m.T, rtol=1e-5, atol=1e-6)
        values = torch.linalg.eigvalsh(m)
        assert float(values[0]) >= -1e-6 * float(values[-1])
    assert not torch.allclose(m.float(), start, atol=0.1)


def test_gradients_reach_features_and_matrix() -> None:
    distance = Mahalanobis(3).double()
    with torch.no_grad():
        distance.factor.copy_(rows(3, 3, seed=4))
    features = rows(5, 3).requires_grad_()

    def call(f: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(distance, {"factor": factor}, (f,))
        return result.triu(1).square().sum() + result.triu(1).sum()

    factor = distance.factor.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(call, (features, factor))
