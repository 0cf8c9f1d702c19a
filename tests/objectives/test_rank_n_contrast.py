"""The pre-training objective is the loss on the encoder's features, and it orders them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from z_units import in_z_units

from nearfar.data import Vectors
from nearfar.encoders import build_encoder
from nearfar.losses import RnCLoss
from nearfar.objectives import OBJECTIVES, RankNContrast, Rows
from nearfar.stages.tasks import PretrainTask
from nearfar.train.loop import Trainer
from nearfar.train.recipe import Adam, Constant, Recipe


def rows(targets: int = 1, count: int = 60) -> Rows:
    torch.manual_seed(1)
    values = torch.randn(count, 5)
    noise = torch.randn(count, targets)
    target = values[:, :1].tanh() + values[:, 1:2] / 2 + 0.1 * noise
    return Rows(Vectors(values, list("abcde")), target.double())


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"label_diff": "l2"},
        {"feature_sim": "cosine"},
        {"feature_sim": "l1", "temperature": 3.0},
    ],
)
def test_it_is_the_loss_on_features(options: dict[str, Any], targets: int) -> None:
    data = rows(targets)
    encoder: Any = build_encoder("mlp", {"hidden": 8}, data.inputs)
    objective = RankNContrast(encoder, **options).eval()
    batch = data.batch(torch.arange(20))
    expected = RnCLoss(**{"temperature": 2.0, **options})(encoder(batch.inputs), batch.targets)
    assert objective.loss(batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_every_option_changes_it() -> None:
    data = rows(2)
    batch = data.batch(torch.arange(20))
    variants = [
        {},
        {"temperature": 0.5},
        {"label_diff": "l2"},
        {"feature_sim": "l1"},
        {"feature_sim": "cosine"},
        {"feature_sim": "dot"},
    ]
    encoder: Any = build_encoder("mlp", {"hidden": 8}, data.inputs)
    losses = {RankNContrast(encoder, **o).eval().loss(batch).item() for o in variants}  # type: ignore[arg-type]
    assert len(losses) == len(variants)


def test_pre_training_reaches_every_weight_and_shows_in_the_probe(tmp_path: Path) -> None:
    data = rows()
    encoder: Any = build_encoder("mlp", {"hidden": 16, "layers": 2}, data.inputs)
    before = [p.detach().clone() for p in encoder.parameters()]
    task = PretrainTask(
        OBJECTIVES["rnc"](encoder),
        data,
        torch.arange(40),
        torch.arange(40, 60),
        in_z_units(data.targets),
        size=40,
        seed=0,
    )
    recipe = Recipe(
        epochs=40,
        batch=40,
        drop_last=False,
        optimizer=Adam(lr=0.01),
        schedule=Constant(),
        clip=None,
        select="last",
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    outcome = Trainer(task, recipe, 0, fabric, checkpoint=tmp_path / "c.pt").run()
    assert outcome.status == "done"
    for parameter, start in zip(encoder.parameters(), before, strict=True):
        assert not torch.equal(parameter, start)
    losses = [p.value for p in outcome.curves if (p.split, p.metric) == ("train", "loss")]
    assert losses[-1] < losses[0]
    probe = {p.epoch: p.value for p in outcome.curves if p.metric == "mae"}
    assert sorted(probe) == list(range(4, 41, 4))
    constant = (data.targets[40:] - data.targets[:40].mean()).abs().mean()
    assert probe[40] < 0.7 * float(constant)
