"""RnCLoss equals its definition, in value and gradient, on every path that computes it."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rnc_oracle import rnc, rnc_by_masks
from torch import Tensor

import nearfar.losses.rnc.module as module
import nearfar.losses.rnc.order as order
from nearfar.losses import RnCLoss


def assert_equal_to_oracle(
    features: Tensor, labels: Tensor, rtol: float = 1e-9, **options: Any
) -> None:
    mine = features.clone().requires_grad_()
    loss = RnCLoss(**options)(mine, labels)
    twin = features.double().requires_grad_()
    expected = rnc(twin, labels, **options)
    torch.testing.assert_close(loss.double(), expected, rtol=rtol, atol=rtol)
    (gradient,) = torch.autograd.grad(loss, mine)
    (wanted,) = torch.autograd.grad(expected, twin)
    scale = float(wanted.abs().max())
    torch.testing.assert_close(gradient.double(), wanted, rtol=rtol, atol=rtol * max(scale, 1e-3))


def some_features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=dtype)


LABELS = {
    "continuous": torch.tensor([0.31, -1.7, 2.2, 0.9, -0.4, 1.31], dtype=torch.float64),
    "tied": torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0, 3.0]),
    "decimal steps": torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.7]),
    "all equal": torch.full((6,), 4.25),
    "all zero": torch.zeros(6),
    "integers": torch.tensor([3, 1, 4, 1, 5, -9]),
    "column": torch.tensor([[0.5], [0.1], [0.9], [0.5], [-2.0], [7.0]]),
    "two columns": torch.tensor([[0.0, 1], [1, 0], [2, 2], [0, 1], [3, -1], [1, 1]]),
    "two equal columns": torch.ones(6, 2),
}


@pytest.mark.parametrize("views", [0, 1, 2, 3])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_equals_the_definition_for_every_kind_of_labels(labels: Tensor, views: int) -> None:
    features = some_features(6, views, 4) if views else some_features(6, 4)
    assert_equal_to_oracle(features, labels)


@pytest.mark.parametrize("feature_sim", ["l2", "l1", "cosine", "dot"])
@pytest.mark.parametrize("label_diff", ["l1", "l2"])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_the_definition_for_every_difference_and_similarity(
    label_diff: str, feature_sim: str, columns: int, dtype: torch.dtype
) -> None:
    assert_equal_to_oracle(
        some_features(5, 2, 3, dtype=dtype),
        some_features(5, columns),
        rtol=1e-9 if dtype == torch.float64 else 2e-6,
        temperature=0.7,
        label_diff=label_diff,
        feature_sim=feature_sim,
    )


def test_l1_and_l2_label_differences_order_columns_differently() -> None:
    features, labels = some_features(8, 3), some_features(8, 3)
    assert RnCLoss(label_diff="l1")(features, labels) != RnCLoss(label_diff="l2")(features, labels)


def test_functions_take_the_place_of_names() -> None:
    features, labels = some_features(6, 2, 3), some_features(6, 1)
    named = RnCLoss(label_diff="l1", feature_sim="l2")(features, labels)
    by_function = RnCLoss(
        label_diff=lambda a, b: (a[:, None] - b[None]).abs().sum(2),
        feature_sim=lambda a, b: -torch.cdist(a, b),
    )
    torch.testing.assert_close(by_function(features, labels), named)


def test_a_function_with_parameters_learns_them() -> None:
    features, labels = some_features(6, 3), some_features(6)
    scale = torch.ones(3, dtype=torch.float64, requires_grad=True)
    RnCLoss(feature_sim=lambda a, b: -torch.cdist(a * scale, b * scale))(
        features, labels
    ).backward()
    assert scale.grad is not None
    step = torch.tensor([1e-6, 0, 0], dtype=torch.float64)
    ahead, behind = (RnCLoss()(features * (1 + s), labels) for s in (step, -step))
    torch.testing.assert_close(scale.grad[0], (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("feature_sim", ["l2", "l1", "cosine", "dot"])
@pytest.mark.parametrize("labels", [LABELS["tied"], LABELS["two columns"]], ids=["1-d", "2-d"])
def test_gradcheck(feature_sim: str, labels: Tensor) -> None:
    features = some_features(6, 2, 3).requires_grad_()
    loss = RnCLoss(temperature=1.3, feature_sim=feature_sim)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels) * 3, (features,))


numbers = st.floats(-50, 50, width=32).map(lambda v: round(v, 3))


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, dict[str, Any]]:
    samples, views, width = (
        draw(st.integers(1, 5)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    if samples * views < 2:
        views = 2
    size = samples * views * width
    values = draw(st.lists(numbers, min_size=size, max_size=size))
    columns = draw(st.integers(1, 2))
    kinds = st.one_of(st.integers(-3, 3).map(float), numbers)
    labels = draw(st.lists(kinds, min_size=samples * columns, max_size=samples * columns))
    options = {
        "temperature": draw(st.sampled_from([0.1, 2.0, 30.0])),
        "label_diff": draw(st.sampled_from(["l1", "l2"])),
        "feature_sim": draw(st.sampled_from(["l2", "l1", "dot"])),
    }
    features = torch.tensor(values, dtype=torch.float64).reshape(samples, views, width)
    return features, torch.tensor(labels, dtype=torch.float64).reshape(samples, columns), options


@settings(max_examples=40, deadline=None, derandomize=True)
@given(batches())
def test_equals_the_definition_for_random_batches(
    batch: tuple[Tensor, Tensor, dict[str, Any]],
) -> None:
    features, labels, options = batch
    assert_equal_to_oracle(features, labels, rtol=1e-8, **options)


@pytest.mark.parametrize("pairs", [1, 30, 60, 100, 10**9])
@pytest.mark.parametrize("labels", [LABELS["continuous"], LABELS["tied"], LABELS["two columns"]])
def test_blocks_of_rows_do_not_show(
    pairs: int, labels: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = some_features(6, 2, 4)
    whole = RnCLoss()(features, labels)
    monkeypatch.setattr(module, "BLOCK_PAIRS", {"cpu": pairs})
    monkeypatch.setattr(module, "LEAST_ROWS", 1)
    torch.testing.assert_close(RnCLoss()(features, labels), whole, rtol=1e-12, atol=1e-12)
    assert_equal_to_oracle(features, labels)


def clusters(spread: float) -> Tensor:
    """Labels in five groups that are equal within rounding, in no order."""
    generator = torch.Generator().manual_seed(3)
    centre = torch.randint(1, 6, (90,), generator=generator).double()
    return centre * (1 + spread * torch.randn(90, generator=generator, dtype=torch.float64))


MANY_LABELS = {
    "distinct": some_features(90),
    "distinct float32": some_features(90, dtype=torch.float32),
    "evenly spaced": torch.arange(90).float() * 0.1,
    "half tied": torch.cat([some_features(45), torch.arange(45).double()]),
    "equal within rounding": clusters(1e-15),
    "few": torch.arange(90) % 7,
    "heavy tail": some_features(90).mul(3).exp(),
}


@pytest.mark.parametrize("pairs", [1 << 17, 90 * 7])
@pytest.mark.parametrize("labels", MANY_LABELS.values(), ids=MANY_LABELS)
def test_sorted_and_compared_labels_agree_with_masks(
    labels: Tensor, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_PAIRS", {"cpu": pairs})
    monkeypatch.setattr(module, "LEAST_ROWS", 1)
    tolerance = 1e-6 if labels.dtype == torch.float32 else 1e-12
    values = labels.double()
    wanted_input = some_features(90, 3).requires_grad_()
    wanted = rnc_by_masks(
        wanted_input, lambda i: (values - values[i]).abs(), tolerance, values.abs()
    )
    (wanted_gradient,) = torch.autograd.grad(wanted, wanted_input)
    padded = torch.stack([labels, torch.zeros_like(labels)], 1)
    for given_labels in (labels, padded):  # one column is sorted once, two are compared row by row
        features = some_features(90, 3).requires_grad_()
        loss = RnCLoss()(features, given_labels)
        torch.testing.assert_close(loss, wanted, rtol=1e-11, atol=0)
        (gradient,) = torch.autograd.grad(loss, features)
        torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("few", [0.0, 1.0])
@pytest.mark.parametrize("walk", [1, 2, 100])
@pytest.mark.parametrize("name", ["evenly spaced", "half tied", "equal within rounding"])
def test_every_way_to_find_ties_finds_the_same(
    name: str, few: float, walk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = some_features(90, 3)
    usual = RnCLoss()(features, MANY_LABELS[name])
    monkeypatch.setattr(order, "FEW_TIES", few)
    monkeypatch.setattr(order, "LONGEST_WALK", walk)
    torch.testing.assert_close(RnCLoss()(features, MANY_LABELS[name]), usual, rtol=1e-13, atol=0)
