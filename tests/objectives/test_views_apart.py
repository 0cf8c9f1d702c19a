"""VICReg, Barlow Twins, BYOL and SimSiam: their loss on what each view alone is projected to."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from nearfar.losses import barlow_twins_loss, negative_cosine_loss, vicreg_loss
from nearfar.objectives import BYOL, OBJECTIVES, Batch, SimSiam
from nearfar.objectives.normed_projection import normed_projection


def made(name: str, **options: Any) -> Any:
    torch.manual_seed(1)
    encoder: Any = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    encoder.out_features = 4
    return OBJECTIVES[name](encoder, hidden=(6,), out=3, **options)


def two_views(rows: int = 12, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(rows, 5, generator=generator)
    noisy = tuple(base + 0.3 * torch.randn(rows, 5, generator=generator) for _ in range(2))
    return Batch(noisy, torch.zeros(rows, 1).double())


def projections(objective: Any, batch: Batch) -> list[torch.Tensor]:
    twin = deepcopy(objective)
    return [twin.projection(twin.encoder(view)) for view in batch.views]


def test_vicreg_and_barlow_twins_are_their_loss_on_views_projected_apart() -> None:
    batch = two_views()
    objective = made("vicreg", invariance=3.0, variance=2.0, covariance=0.5).train()
    expected = vicreg_loss(
        *projections(objective, batch), invariance=3.0, variance=2.0, covariance=0.5
    )
    torch.testing.assert_close(objective.loss(batch), expected)
    objective = made("barlow_twins", redundancy=0.2).train()
    expected = barlow_twins_loss(*projections(objective, batch), redundancy=0.2)
    torch.testing.assert_close(objective.loss(batch), expected)


def test_simsiam_predicts_the_other_view_which_takes_no_gradient() -> None:
    batch, objective = two_views(), made("simsiam", predictor=(2,)).train()
    one, other = projections(objective, batch)
    there = negative_cosine_loss(objective.predictor(one), other)
    back = negative_cosine_loss(objective.predictor(other), one)
    torch.testing.assert_close(objective.loss(batch), (there + back) / 2)
    objective.zero_grad()
    objective.predictor.requires_grad_(False)
    for layer in objective.predictor:
        layer.register_forward_hook(lambda module, given, found: found.detach())
    loss = objective.loss(batch)
    assert not loss.requires_grad, "a gradient reaches what is to be predicted"


def test_byol_predicts_a_target_that_follows_slowly() -> None:
    objective = made("byol", momentum=0.75, predictor=(2,)).train()
    assert isinstance(objective, BYOL)
    start = deepcopy(objective)
    optimizer = torch.optim.SGD([p for p in objective.parameters() if p.requires_grad], lr=0.1)
    for seed in range(2):
        loss = objective.loss(two_views(seed=seed))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if seed == 0:
            leader = deepcopy(objective)
    pairs = ("target_encoder", "encoder"), ("target_projection", "projection")
    for target, online in pairs:
        before, now = getattr(start, online).parameters(), getattr(objective, target).parameters()
        first = getattr(leader, online).parameters()
        for mine, old, new in zip(now, before, first, strict=True):
            assert not mine.requires_grad
            torch.testing.assert_close(mine, 0.75 * old + 0.25 * new)
    frozen = deepcopy(objective).eval()
    kept = deepcopy(frozen.state_dict())
    batch = two_views(seed=5)
    value = frozen.loss(batch)
    assert all(torch.equal(kept[name], new) for name, new in frozen.state_dict().items())
    total = 0.0
    for mine, theirs in ((0, 1), (1, 0)):
        seen = frozen.predictor(frozen.projection(frozen.encoder(batch.views[mine])))
        aim = frozen.target_projection(frozen.target_encoder(batch.views[theirs]))
        unit = torch.nn.functional.normalize
        total += float((unit(seen) - unit(aim)).detach().square().sum(1).mean())
    assert float(value.detach()) == pytest.approx(total, rel=1e-5)


def test_what_a_checkpoint_holds_goes_on_as_before() -> None:
    for name in ("byol", "simsiam"):
        objective, other = made(name).train(), made(name).train()
        objective.loss(two_views())
        other.load_state_dict(objective.state_dict())
        torch.testing.assert_close(
            objective.loss(two_views(seed=1)), other.loss(two_views(seed=1)), rtol=0, atol=0
        )


def test_the_projection_has_batch_norm_in_hidden_layers_and_where_it_is_told() -> None:
    kinds = [type(layer).__name__ for layer in normed_projection(4, (6, 5), 3)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    kinds = [type(layer).__name__ for layer in normed_projection(4, (), 3, normed_out=True)]
    assert kinds == ["Linear", "BatchNorm1d"]
    encoder: Any = nn.Linear(5, 4)
    encoder.out_features = 4
    torch.manual_seed(0)
    ends = SimSiam(encoder).train().projected(two_views(40))[0]
    torch.testing.assert_close(ends.mean(0), torch.zeros(512), rtol=0, atol=1e-5)
    torch.testing.assert_close(ends.var(0, correction=0), torch.ones(512), rtol=0, atol=1e-2)
