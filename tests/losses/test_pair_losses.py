"""Losses over views, pairs, triplets and a queue: their definitions, and what they do at edges."""

from collections.abc import Callable
from typing import Any

import pair_oracles as oracle
import pytest
import torch
from torch import Tensor

from nearfar.losses import (
    RnCLoss,
    contrastive_loss,
    info_nce_loss,
    l2_distances,
    nt_xent_loss,
    pair_likelihood_loss,
    sup_con_loss,
    triplet_loss,
)

Loss = Callable[[Tensor, Tensor], Tensor]

LABELS = {
    "pairs and a lone one": torch.tensor([0, 1, 0, 2, 1, 0, 3, 1]),
    "float class numbers": torch.tensor([2.0, 0, 0, 2, 2, 1, 1, 0], dtype=torch.float64),
    "one class": torch.zeros(8, dtype=torch.int64),
    "no two alike": torch.arange(8),
}
MINING = ("all", "batch_hard", "semi_hard")


def rows(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def halves(loss: Callable[..., Tensor], **options: Any) -> Loss:
    """A loss of two views as one of rows and labels: the halves of the rows are the views."""
    return lambda features, labels: loss(*features.chunk(2), **options)


def on_distances(loss: Callable[..., Tensor], measure: Loss | Any, *options: Any) -> Loss:
    return lambda features, labels: loss(measure(features), labels, *options)


def with_queue(features: Tensor, labels: Tensor) -> Tensor:
    return info_nce_loss(features[:3], features[3:6], features[6:], 0.5)[0]


def with_queue_oracle(features: Tensor, labels: Tensor) -> Tensor:
    return oracle.info_nce(features[:3], features[3:6], features[6:], 0.5)[0]


def wide(features: Tensor) -> Tensor:
    return oracle.distances(features.double())


CASES: dict[str, tuple[Loss, Loss]] = {
    "nt_xent": (halves(nt_xent_loss, temperature=0.3), halves(oracle.nt_xent, temperature=0.3)),
    "sup_con": (
        lambda f, y: sup_con_loss(f, y, 0.2),
        lambda f, y: oracle.sup_con(f, y, 0.2),
    ),
    "info_nce": (with_queue, with_queue_oracle),
    "pair_likelihood": (
        lambda f, y: pair_likelihood_loss(f, y, 0.7),
        lambda f, y: oracle.pair_likelihood(f, y, 0.7),
    ),
    "contrastive": (
        on_distances(contrastive_loss, l2_distances, 2.5),
        on_distances(oracle.contrastive, wide, 2.5),
    ),
    **{
        f"triplet {mining}": (
            on_distances(triplet_loss, l2_distances, 0.8, mining),
            on_distances(oracle.triplet, wide, 0.8, mining),
        )
        for mining in MINING
    },
}
LABELLED = [name for name in CASES if name not in {"nt_xent", "info_nce"}]


def value_and_gradient(loss: Loss, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    leaf = features.clone().requires_grad_()
    value = loss(leaf, labels)
    if not value.requires_grad:
        return value, torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float64, 1e-10), (torch.float32, 3e-5)], ids=["f64", "f32"]
)
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_definition(
    name: str, dtype: torch.dtype, rtol: float, labels: Tensor
) -> None:
    features = rows(8, 5, dtype=dtype)
    loss, definition = CASES[name]
    value, gradient = value_and_gradient(loss, features, labels)
    expected, slope = value_and_gradient(definition, features.double(), labels)
    assert value.dtype == gradient.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=rtol, atol=rtol)
    torch.testing.assert_close(gradient.double(), slope, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", CASES)
def test_gradcheck(name: str) -> None:
    labels = LABELS["pairs and a lone one"]
    features = rows(8, 4, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: CASES[name][0](f, labels), features)


@pytest.mark.parametrize("name", LABELLED)
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    labels = LABELS["pairs and a lone one"]
    features, order = rows(8, 5), torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    value, gradient = value_and_gradient(CASES[name][0], features, labels)
    again, moved = value_and_gradient(CASES[name][0], features[order], labels[order])
    torch.testing.assert_close(again, value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moved, gradient[order], rtol=1e-11, atol=1e-12)
    renamed, _ = value_and_gradient(CASES[name][0], features, 10 - labels)
    torch.testing.assert_close(renamed, value, rtol=1e-12, atol=1e-12)


def test_the_order_of_rows_and_views_does_not_matter_to_nt_xent() -> None:
    one, other = rows(6, 4), rows(6, 4, seed=1)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    value = nt_xent_loss(one, other)
    torch.testing.assert_close(nt_xent_loss(other, one), value)
    torch.testing.assert_close(nt_xent_loss(one[order], other[order]), value)


@pytest.mark.parametrize("name", ["triplet all", "triplet batch_hard", "triplet semi_hard"])
@pytest.mark.parametrize("kind", ["one class", "no two alike"])
def test_without_triplets_the_loss_is_zero_and_so_is_its_gradient(name: str, kind: str) -> None:
    value, gradient = value_and_gradient(CASES[name][0], rows(8, 5), LABELS[kind])
    assert float(value) == 0
    assert not gradient.any()


def test_without_positives_sup_con_is_zero_with_zero_gradient() -> None:
    leaf = rows(8, 5).requires_grad_()
    value = sup_con_loss(leaf, torch.arange(8))
    value.backward()
    assert float(value.detach()) == 0
    assert leaf.grad is not None
    assert not leaf.grad.any()


def test_an_anchor_without_a_positive_does_not_count_but_is_a_negative() -> None:
    labels = torch.tensor([0, 0, 1, 1, 2])
    features = rows(5, 3)
    nearer = features.clone()
    nearer[4] = features[0] + 0.1 * features[4]
    expected = oracle.sup_con(nearer, labels, 0.1)
    torch.testing.assert_close(sup_con_loss(nearer, labels), expected)
    assert not torch.isclose(expected, oracle.sup_con(features, labels, 0.1))


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("how", ["some equal", "all equal", "zeros", "opposite", "nearly equal"])
def test_duplicates_have_finite_gradients(name: str, how: str, labels: Tensor) -> None:
    features = rows(8, 5, dtype=torch.float32)
    if how == "some equal":
        features[3:6] = features[0]
    elif how == "all equal":
        features[:] = features[0].clone()
    elif how == "zeros":
        features[2:] = 0
    elif how == "opposite":
        features[4:] = -features[:4]
    else:
        features = features[:1] + 1e-7 * features
    value, gradient = value_and_gradient(CASES[name][0], features, labels)
    expected = CASES[name][1](features.double(), labels)
    assert gradient.isfinite().all()
    if how != "zeros" or name not in {"nt_xent", "sup_con"}:  # the oracle's cosine is 0/0 there
        torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-5)
    assert value.isfinite()


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1e-6, 1e6, 1e15])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", CASES)
def test_features_of_any_size_give_finite_numbers(name: str, scale: float, labels: Tensor) -> None:
    features = rows(8, 5, dtype=torch.float32) * scale
    value, gradient = value_and_gradient(CASES[name][0], features, labels)
    assert value.isfinite()
    assert gradient.isfinite().all()
    mixed = torch.cat([features[:4], rows(4, 5, seed=7, dtype=torch.float32)])
    value, gradient = value_and_gradient(CASES[name][0], mixed, labels)
    assert value.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("scale", [1e-15, 1e15, 1e30])
@pytest.mark.parametrize("loss", [CASES["nt_xent"][0], CASES["sup_con"][0]])
def test_the_cosine_losses_do_not_see_the_size_of_features(loss: Loss, scale: float) -> None:
    features, labels = rows(8, 5, dtype=torch.float32), LABELS["pairs and a lone one"]
    value, gradient = value_and_gradient(loss, features, labels)
    scaled, slope = value_and_gradient(loss, features * scale, labels)
    torch.testing.assert_close(scaled, value, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(slope.double() * scale, gradient.double(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("temperature", [1e-4, 1e4])
@pytest.mark.parametrize("name", ["nt_xent", "sup_con", "info_nce", "pair_likelihood"])
def test_extreme_temperatures(name: str, temperature: float) -> None:
    features, labels = rows(6, 4, dtype=torch.float32), torch.tensor([0, 0, 1, 1, 2, 0])
    calls: dict[str, tuple[Loss, Loss]] = {
        "nt_xent": (
            lambda f, y: nt_xent_loss(f[:3], f[3:], temperature),
            lambda f, y: oracle.nt_xent(f[:3], f[3:], temperature),
        ),
        "sup_con": (
            lambda f, y: sup_con_loss(f, y, temperature),
            lambda f, y: oracle.sup_con(f, y, temperature),
        ),
        "info_nce": (
            lambda f, y: info_nce_loss(f[:2], f[2:4], f[4:], temperature)[0],
            lambda f, y: oracle.info_nce(f[:2], f[2:4], f[4:], temperature)[0],
        ),
        "pair_likelihood": (
            lambda f, y: pair_likelihood_loss(f, y, temperature),
            lambda f, y: oracle.pair_likelihood(f, y, temperature),
        ),
    }
    value, gradient = value_and_gradient(calls[name][0], features, labels)
    expected = calls[name][1](features.double(), labels)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("margin", [1e-6, 0.3, 3.0, 1e3])
@pytest.mark.parametrize("mining", MINING)
def test_mining_picks_the_triplets_of_the_definition(mining: Any, margin: float) -> None:
    for seed in range(5):
        count = 5 + 3 * seed
        features = rows(count, 3, seed=seed)
        labels = torch.arange(count) % (2 + seed)
        d = oracle.distances(features)
        mine, theirs = d.clone().requires_grad_(), d.clone().requires_grad_()
        value = triplet_loss(mine, labels, margin, mining)
        expected = oracle.triplet(theirs, labels, margin, mining)
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
        if expected.requires_grad:
            (slope,) = torch.autograd.grad(value, mine)
            (wanted,) = torch.autograd.grad(expected, theirs)
            torch.testing.assert_close(slope, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("margin", [1.0, 1.5])
@pytest.mark.parametrize("mining", MINING)
def test_equal_distances_are_settled_as_the_definition_says(mining: Any, margin: float) -> None:
    points = torch.tensor([[0.0], [1], [2], [-1], [-2], [1], [3], [-3]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    d = oracle.distances(points)
    expected = oracle.triplet(d, labels, margin, mining)
    assert float(expected) > 0 or (mining, margin) == ("semi_hard", 1.0)
    torch.testing.assert_close(triplet_loss(d, labels, margin, mining), expected)


def test_the_three_ways_of_mining_differ() -> None:
    d, labels = oracle.distances(rows(9, 3)), torch.arange(9) % 3
    assert len({round(float(triplet_loss(d, labels, 0.5, m)), 9) for m in MINING}) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("gap", [0.0, 1.0, 15.0, 17.0, 30.0, 60.0, 80.0, 200.0])
@pytest.mark.parametrize("labels", [[0, 0, 2, 3], [0, 1, 2, 3], [0, 0, 0, 0]])
def test_pair_likelihood_is_exact_in_float32_where_one_pair_is_all_but_sure(
    labels: list[int], gap: float
) -> None:
    features = torch.tensor([[1.0, 0], [gap, 1], [0, 1], [0, -1]])
    classes = torch.tensor(labels)
    expected, slope = value_and_gradient(CASES["pair_likelihood"][1], features.double(), classes)
    value, gradient = value_and_gradient(CASES["pair_likelihood"][0], features, classes)
    assert float(value) == pytest.approx(float(expected), rel=2e-6)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-5, atol=1e-6 * (1 + gap))


@pytest.mark.parametrize("gap", [1.0, 10.0, 20.0, 40.0, 80.0])
def test_a_batch_that_is_all_but_sure_keeps_its_tiny_loss(gap: float) -> None:
    """Two pairs at right angles: p is 1 - 2 e^-gap within and e^-gap across them."""
    side = torch.tensor(gap, dtype=torch.float64).sqrt()
    features = (side * torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]])).float()
    exact = float((features[0] @ features[0]).double())
    odds = 2 * torch.tensor(-exact).double().exp()
    across = 1 / (torch.tensor(exact).double().exp() + 2)
    expected = (4 * odds.log1p() - 8 * (-across).log1p()) / 12
    value, gradient = value_and_gradient(pair_likelihood_loss, features, torch.tensor([0, 0, 1, 1]))
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    assert gradient.any()


@pytest.mark.parametrize("gap", [20.0, 40.0, 80.0, 1e4])
def test_a_sure_mistake_keeps_its_slope(gap: float) -> None:
    """Rows 0 and 1 take each other for similar: each adds its log odds, of slope 1, to the 12."""
    features, labels = torch.tensor([[gap, 0.0], [1, 0], [0, 0], [0, 0]]), torch.arange(4)
    value, gradient = value_and_gradient(pair_likelihood_loss, features, labels)
    expected = float(oracle.pair_likelihood(features, labels, 1.0))
    assert float(value) == pytest.approx(expected, rel=1e-6)
    assert float(gradient[0, 0]) == pytest.approx(2 / 12, rel=1e-5)


def test_two_rows_alone_have_no_pair_likelihood() -> None:
    for labels in (torch.tensor([0, 0]), torch.tensor([0, 1])):
        value, gradient = value_and_gradient(pair_likelihood_loss, rows(2, 3), labels)
        assert float(value) == 0
        assert not gradient.any()


def test_a_single_row_has_no_loss_by_nt_xent() -> None:
    value, gradient = value_and_gradient(halves(nt_xent_loss), rows(2, 3), torch.zeros(2))
    assert float(value) == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("views", [1, 2, 3])
def test_sup_con_takes_views(views: int) -> None:
    features, labels = rows(5, views, 4), torch.tensor([0, 1, 0, 2, 1])
    expected = oracle.sup_con(features, labels, 0.1)
    torch.testing.assert_close(sup_con_loss(features, labels), expected)


def test_sup_con_of_rows_of_their_own_class_is_nt_xent() -> None:
    one, other = rows(6, 4), rows(6, 4, seed=1)
    both = torch.stack([one, other], 1)
    value = sup_con_loss(both, torch.arange(6), 0.4)
    torch.testing.assert_close(value, nt_xent_loss(one, other, 0.4))


def test_accuracy_counts_positives_above_every_negative() -> None:
    queue = torch.nn.functional.normalize(rows(7, 3), dim=1)
    for seed in range(6):
        queries, keys = (rows(10, 3, seed=s) for s in (seed, seed + 50))
        keys = queries + 0.8 * keys
        loss, accuracy = info_nce_loss(queries, keys, queue, 0.07)
        expected, picked = oracle.info_nce(queries, keys, queue, 0.07)
        assert float(accuracy) == pytest.approx(picked)
        torch.testing.assert_close(loss, expected)
        assert 0 < picked < 1


def test_an_encoder_that_maps_all_to_one_point_picks_nothing() -> None:
    point = torch.tensor([[0.6, 0.8]])
    loss, accuracy = info_nce_loss(point.expand(4, 2), point.expand(4, 2), point.expand(7, 2))
    assert float(accuracy) == 0
    assert float(loss) == pytest.approx(torch.tensor(8.0).log().item(), rel=1e-6)


def test_an_empty_queue_leaves_nothing_to_confuse() -> None:
    loss, accuracy = info_nce_loss(rows(3, 2), rows(3, 2), rows(0, 2))
    assert (float(loss), float(accuracy)) == (0, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", CASES)
def test_short_numbers_and_autocast_are_computed_in_float32(name: str, dtype: torch.dtype) -> None:
    features, labels = rows(8, 5).to(dtype), LABELS["pairs and a lone one"]
    expected = CASES[name][0](features.float(), labels)
    value, gradient = value_and_gradient(CASES[name][0], features, labels)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = CASES[name][0](features.float(), labels)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nt_xent_loss(rows(3, 2), rows(4, 2)), "equal in shape"),
        (lambda: nt_xent_loss(rows(0, 2), rows(0, 2)), "have rows"),
        (lambda: nt_xent_loss(rows(3, 2), rows(3, 2), 0), "temperature must be positive"),
        (lambda: sup_con_loss(rows(3, 2), torch.arange(4)), "labels must be"),
        (lambda: sup_con_loss(rows(1, 2), torch.arange(1)), "two rows"),
        (lambda: sup_con_loss(rows(3, 2), torch.arange(3), float("nan")), "temperature"),
        (lambda: info_nce_loss(rows(3, 2), rows(3, 2), rows(4, 3)), "as wide"),
        (lambda: info_nce_loss(rows(3, 2), rows(2, 2), rows(4, 2)), "shaped like queries"),
        (lambda: contrastive_loss(rows(3, 3), torch.arange(3), -1), "margin must be positive"),
        (lambda: contrastive_loss(rows(3, 3), torch.zeros(3, 1)), "labels must be"),
        (lambda: triplet_loss(rows(3, 4), torch.arange(3)), r"distances must be \(n, n\)"),
        (lambda: triplet_loss(rows(3, 3), torch.arange(3), 1, "semihard"), "'semi_hard'"),  # type: ignore[arg-type]
        (lambda: pair_likelihood_loss(torch.ones(3, 2).int(), torch.arange(3)), "floating point"),
        (lambda: l2_distances(rows(3)), r"features must be \(n, d\)"),
    ],
)
def test_what_cannot_be_computed_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


ALL_LOSSES: dict[str, Loss] = {
    **{
        f"triplet, {mining}": lambda features, labels, mining=mining: triplet_loss(  # type: ignore[misc]
            l2_distances(features), labels, mining=mining
        )
        for mining in MINING
    },
    "contrastive": lambda features, labels: contrastive_loss(l2_distances(features), labels),
    "supcon": sup_con_loss,
    "pair likelihood": pair_likelihood_loss,
    "nt_xent": halves(nt_xent_loss),
    "info_nce": lambda features, _: info_nce_loss(features, features.flip(0), features[:3])[0],
    "rnc": lambda features, labels: RnCLoss()(features, labels.double()),
}


@pytest.mark.parametrize("name", ALL_LOSSES)
@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("labels", ["pairs and a lone one", "float class numbers"])
def test_features_that_are_no_numbers_have_no_finite_loss(
    name: str, everywhere: bool, value: float, labels: str
) -> None:
    features = rows(8, 4, dtype=torch.float32)
    features[: 8 if everywhere else 1] = value
    assert not ALL_LOSSES[name](features, LABELS[labels]).isfinite()
