"""RankSim, ordinal entropy and SupReMix as objectives: regression with more, and contrast."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.losses import ordinal_entropy_loss, ranksim_loss, supremix_loss
from nearfar.objectives import OBJECTIVES, Batch, SupReMix
from nearfar.study.named_options import options_of

NAN = float("nan")
PREDICTING = ("ranksim", "ordinal_entropy")


def made(name: str, targets: int = 1, **options: Any) -> tuple[Any, Batch]:
    torch.manual_seed(0)
    values = torch.randn(24, 4)
    encoder = build_encoder("mlp", {"layers": 2, "hidden": 8}, Vectors(values, list("abcd")))
    outputs = (targets,) if name in PREDICTING else ()
    truth = values[:, :targets].double() * torch.tensor([2.0, -3.0])[:targets]
    return OBJECTIVES[name](encoder, *outputs, **options), Batch((values,), truth)


def gapped(batch: Batch) -> Batch:
    targets = batch.targets.clone()
    targets[:9, 0], targets[7:, 1] = NAN, NAN
    return Batch(batch.views, targets)


@pytest.mark.parametrize("targets", [1, 2])
def test_the_regulariser_is_added_to_the_regression_loss(targets: int) -> None:
    for name, options, loss in (
        (
            "ranksim",
            {"weight": 3.0, "interpolation": 1.5},
            lambda f, y: 3 * ranksim_loss(f, y, 1.5),
        ),
        (
            "ordinal_entropy",
            {"diversity": 2.0, "tightness": 0.5},
            lambda f, y: ordinal_entropy_loss(f, y, diversity=2.0, tightness=0.5),
        ),
    ):
        objective, batch = made(name, targets, loss="mse", **options)
        objective.eval()
        features = objective.encoder(batch.inputs)
        plain = (objective.head(features) - batch.targets.float()).square().mean()
        expected = plain + loss(features, batch.targets).float()
        torch.testing.assert_close(objective.loss(batch), expected, rtol=1e-5, atol=1e-6)


def test_the_weight_of_ranksim_multiplies_its_gradient() -> None:
    found = []
    for weight in (1.0, 7.0):
        objective, batch = made("ranksim", weight=weight)
        features = torch.randn(24, 8, generator=torch.Generator().manual_seed(2)).requires_grad_()
        value = objective.added(features, batch.targets)
        found.append((float(value.detach()), *torch.autograd.grad(value, features)))
    assert found[1][0] == pytest.approx(7 * found[0][0], rel=1e-6)
    torch.testing.assert_close(found[1][1], 7 * found[0][1])
    assert found[0][1].any()


@pytest.mark.parametrize("name", [*PREDICTING, "supremix"])
def test_of_rows_that_lack_targets_each_target_counts_alone(name: str) -> None:
    objective, whole = made(name, 2)
    objective.eval()
    batch = gapped(whole)
    torch.manual_seed(3)
    found = objective.loss(batch)
    features, torch_seed = objective.encoder(batch.inputs), torch.manual_seed(3)
    assert torch_seed is not None
    parts = []
    for column in batch.targets.T:
        rows = ~column.isnan()
        parts.append(alone(objective, name, features[rows], column[rows]))
    expected = torch.stack(parts).mean()
    if name in PREDICTING:
        known = ~batch.targets.isnan()
        gaps = (objective.head(features) - batch.targets.float())[known].abs()
        expected = expected + gaps.mean()
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)
    assert not objective.loss(Batch(batch.views, batch.targets * NAN)).isnan()


def alone(objective: Any, name: str, features: Tensor, labels: Tensor) -> Tensor:
    if name == "ranksim":
        return 0.01 * ranksim_loss(features, labels)
    if name == "ordinal_entropy":
        return ordinal_entropy_loss(features, labels)
    shares = objective._shares(len(labels), features.device)
    return supremix_loss(features, labels, shares)


def test_supremix_draws_shares_and_takes_views() -> None:
    objective, batch = made("supremix", beta=(5.0, 5.0))
    objective.eval()
    shares = objective._shares(200, torch.device("cpu"))
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(shares.var()) == pytest.approx(1 / 44, abs=0.002)
    with_views = SupReMix(objective.encoder, views=2).eval()
    two = Batch((batch.views[0], batch.views[0] + 1), batch.targets)
    torch.manual_seed(1)
    found = with_views.loss(two)
    torch.manual_seed(1)
    drawn = with_views._shares(48, torch.device("cpu"))
    features = torch.stack([with_views.encoder(view) for view in two.views], 1)
    torch.testing.assert_close(found, supremix_loss(features, two.classes, drawn))


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("ranksim", [{"loss": "mse"}, {"weight": 1.0}, {"interpolation": 2.0}]),
        ("ordinal_entropy", [{"loss": "huber"}, {"diversity": 0.0}, {"tightness": 0.0}]),
        ("supremix", [{"temperature": 1.0}, {"window": 2.0}, {"beta": (8.0, 2.0)}, {"views": 2}]),
    ],
)
def test_every_option_changes_training(name: str, variants: list[dict[str, Any]]) -> None:
    options = options_of(OBJECTIVES[name])
    assert set().union(*variants) == set(options.model_fields)
    ends = set()
    for changed in [{}, *variants]:
        options.model_validate(changed)
        objective, batch = made(name, **changed)
        batch.targets.round_()
        batch = Batch(batch.views * objective.views, batch.targets)
        optimizer = torch.optim.SGD(objective.parameters(), lr=0.05)
        for step in range(3):
            torch.manual_seed(step)
            optimizer.zero_grad()
            objective.train().loss(batch).backward()
            optimizer.step()
        weights = torch.cat([p.detach().flatten() for p in objective.encoder.parameters()])
        ends.add(round(float(weights.abs().sum()), 5))
    assert len(ends) == len(variants) + 1


@pytest.mark.parametrize("name", [*PREDICTING, "supremix"])
def test_the_encoder_learns_what_the_targets_say(name: str) -> None:
    objective, batch = made(name, **({"window": 1.0} if name == "supremix" else {}))
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    objective.train()
    for _ in range(150):
        optimizer.zero_grad()
        objective.loss(batch).backward()
        nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
    features = nn.functional.normalize(objective.eval().encoder(batch.inputs).detach().double())
    design = torch.cat([features, torch.ones(24, 1)], 1)
    gram = design.T @ design + 1e-3 * torch.eye(9)
    left = batch.targets - design @ torch.linalg.solve(gram, design.T @ batch.targets)
    assert float(left.std() / batch.targets.std()) < 0.4


@pytest.mark.parametrize("name", [*PREDICTING, "supremix"])
def test_it_is_for_numbers_and_takes_few_rows(name: str) -> None:
    kind = OBJECTIVES[name]
    assert kind.tasks == {"regression"}
    assert kind.reads_labels
    objective, batch = made(name)
    for rows in (2, 3):
        for targets in (batch.targets[:rows], torch.zeros(rows, 1).double()):
            objective.zero_grad()
            loss = objective.loss(Batch((batch.inputs[:rows],), targets))
            loss.backward()
            assert loss.isfinite()
            grads = [p.grad for p in objective.encoder.parameters() if p.grad is not None]
            assert all(bool(grad.isfinite().all()) for grad in grads)
