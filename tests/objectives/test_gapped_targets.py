"""Pre-training where rows lack some of several targets."""

import itertools
import math
from typing import Any

import pytest
import torch
from sklearn.metrics.pairwise import nan_euclidean_distances
from torch import nn

from nearfar.objectives import Batch, BinaryCrossEntropy, RankNContrast, Regression
from nearfar.objectives.rnc import SharedTargets

NAN = float("nan")


class Same(nn.Module):
    """Features are the inputs."""

    out_features = 3

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch


def gapped(rows: int = 7, targets: int = 3) -> torch.Tensor:
    draw = torch.Generator().manual_seed(3)
    values = torch.randn(rows, targets, generator=draw, dtype=torch.float64)
    values[torch.rand(rows, targets, generator=draw) < 0.4] = NAN
    values[0], values[1] = torch.tensor([1.0, NAN, NAN]), torch.tensor([NAN, 2.0, NAN])
    values[values.isnan().all(1)] = 0.5
    return values


def test_euclidean_differences_are_those_of_scikit_learn() -> None:
    targets = gapped()
    shared = SharedTargets(2)
    shared.begin(targets)
    labels = SharedTargets.with_known(targets)
    found = shared(labels, labels).numpy()
    expected = nan_euclidean_distances(targets.numpy())
    apart = torch.from_numpy(expected).isnan().numpy()
    assert apart[0, 1]
    off = ~apart
    torch.testing.assert_close(torch.from_numpy(found[off]), torch.from_numpy(expected[off]))
    pairs = off.copy()
    pairs[range(len(pairs)), range(len(pairs))] = False
    assert found[apart] == pytest.approx(expected[pairs].mean())


def loop(features: list[list[float]], targets: list[list[float]], temperature: float) -> float:
    """Rank-N-Contrast by its definition, differences over what both rows have."""
    n, k = len(features), len(targets[0])

    def difference(i: int, j: int) -> float | None:
        both = [(a, b) for a, b in zip(targets[i], targets[j], strict=True) if a == a and b == b]
        return sum(abs(a - b) for a, b in both) * k / len(both) if both else None

    known = [
        d for i, j in itertools.permutations(range(n), 2) if (d := difference(i, j)) is not None
    ]
    mean = sum(known) / len(known)
    d = [[difference(i, j) for j in range(n)] for i in range(n)]
    far = [[mean if value is None else value for value in row] for row in d]
    near = [[-math.dist(a, b) / temperature for b in features] for a in features]
    terms = []
    for i, j in itertools.permutations(range(n), 2):
        others = [m for m in range(n) if m != i and far[i][m] >= far[i][j] - 1e-9]
        terms.append(math.log(sum(math.exp(near[i][m]) for m in others)) - near[i][j])
    return sum(terms) / len(terms)


def test_rank_n_contrast_compares_what_both_rows_have() -> None:
    targets = gapped()
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(7, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    objective = RankNContrast(Same(), temperature=1.5)
    found = objective.loss(Batch((features,), targets))
    assert found.item() == pytest.approx(loop(features.tolist(), targets.tolist(), 1.5))
    found.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        (Regression, torch.tensor([[0.5, NAN], [NAN, 2.0], [1.0, -1.0]], dtype=torch.float64)),
        (BinaryCrossEntropy, torch.tensor([[1, NAN], [NAN, 0], [1, 0]], dtype=torch.float64)),
    ],
)
def test_what_is_not_known_changes_no_gradient(kind: Any, targets: torch.Tensor) -> None:
    torch.manual_seed(0)
    objective, inputs = kind(Same(), 2), torch.randn(3, 3)
    objective.loss(Batch((inputs,), targets)).backward()
    weight = objective.head.map.weight.grad.clone()
    objective.zero_grad()
    changed = inputs.clone()
    changed[1] = 0
    first = Batch((changed,), targets)
    objective.loss(first).backward()
    torch.testing.assert_close(objective.head.map.weight.grad[0], weight[0])
    assert not torch.equal(objective.head.map.weight.grad[1], weight[1])
