"""Multi-label contrast as an objective: its loss on projected rows, in one view or two."""

from typing import Any

import torch
from torch import nn

from nearfar.losses import mul_sup_con_loss
from nearfar.objectives import OBJECTIVES, Batch, MultiLabelContrast
from nearfar.study.named_options import options_of


def made(**options: Any) -> Any:
    torch.manual_seed(0)
    encoder: Any = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
    encoder.out_features = 4
    return OBJECTIVES["mulsupcon"](encoder, **options)


def batch(views: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(12, 5, generator=generator) for _ in range(views)]
    labels = (torch.rand(12, 3, generator=generator) < 0.4).double()
    labels[3, 1] = torch.nan
    return Batch(tuple(rows), labels)


def test_it_is_the_loss_on_projections() -> None:
    one, two = made(temperature=0.3), made(temperature=0.3, views=2)
    assert isinstance(one, MultiLabelContrast)
    given = batch(1)
    expected = mul_sup_con_loss(one.projection(one.encoder(given.inputs)), given.targets, 0.3)
    torch.testing.assert_close(one.loss(given), expected)
    given = batch(2)
    views = torch.stack([two.projection(two.encoder(view)) for view in given.views], dim=1)
    torch.testing.assert_close(two.loss(given), mul_sup_con_loss(views, given.targets, 0.3))


def test_every_option_changes_the_loss() -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"temperature": 0.5},
        {"hidden": (6,)},
        {"out": 5},
        {"views": 2},
    ]
    options = options_of(OBJECTIVES["mulsupcon"])
    assert set().union(*variants) == set(options.model_fields)
    losses = {
        float(made(**given).loss(batch(given.get("views", 1))).detach()) for given in variants
    }
    assert len(losses) == len(variants)
    assert OBJECTIVES["mulsupcon"].tasks == {"multilabel"}


def test_training_brings_rows_of_a_label_together() -> None:
    objective, given = made(), batch(1)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    before = float(objective.loss(given).detach())
    for _ in range(60):
        optimizer.zero_grad()
        objective.loss(given).backward()
        optimizer.step()
    assert float(objective.loss(given).detach()) < before - 0.5
