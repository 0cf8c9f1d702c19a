"""Layers of an encoder that learn the slower the earlier they stand."""

from pathlib import Path
from typing import Any

import pytest
import torch
from small_study import planned, resolved, small, with_arms, write_small
from torch import nn
from whole_runs import run_whole

from nearfar.encoders import Adapter
from nearfar.errors import UserError
from nearfar.execution.prepared import Request
from nearfar.objectives import Predictor
from nearfar.plan.specs import FitSpec, from_plain


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(3))
        self.parts = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.parts(batch + self.position)
        return result


def predictor(**options: Any) -> tuple[Network, Predictor]:
    network = Network()
    layers = [network.parts[0], network.parts[2]]
    encoder = Adapter(network, 2, layers=layers)
    return network, Predictor(encoder, nn.Linear(2, 1), nn.functional.l1_loss, **options)


def rates(made: Predictor) -> dict[int, float]:
    return {id(p): factor for members, factor in made.groups() for p in members}


def test_each_layer_learns_slower_than_the_one_after_it() -> None:
    network, made = predictor(encoder_lr=0.5, layer_decay=0.1)
    found = rates(made)
    assert found[id(network.parts[2].weight)] == pytest.approx(0.5)
    assert found[id(network.parts[0].bias)] == pytest.approx(0.05)
    assert found[id(network.position)] == pytest.approx(0.005)
    assert found[id(made.head.weight)] == 1
    assert len(found) == len(list(made.parameters()))


def test_layers_that_are_not_trained_have_no_rate() -> None:
    network, made = predictor(trained=1, layer_decay=0.1)
    found = rates(made)
    assert id(network.parts[0].weight) not in found
    assert found[id(network.parts[2].weight)] == 1


def test_a_study_says_it_and_what_says_nothing_keeps_its_hash(tmp_path: Path) -> None:
    plain = small()["arms"]["plain"]["fit"]
    plan = planned(with_arms(decayed={"fit": {**plain, "layer_decay": 0.5}}))
    specs = [step.spec for step in plan.steps.values() if isinstance(step.spec, FitSpec)]
    said = {spec.layer_decay for spec in specs}
    assert said == {None, 0.5}
    for spec in specs:
        assert ("layer_decay" in spec.to_plain()) == (spec.layer_decay is not None)
        assert from_plain(spec.to_plain()) == spec
    assert {cell.chain for cell in planned(small()).cells} <= {cell.chain for cell in plan.cells}
    with pytest.raises(UserError, match="layer_decay has no meaning with train: head"):
        resolved(
            with_arms(frozen={"pretrain": "rnc", "fit": {"train": "head", "layer_decay": 0.5}})
        )
    arms = {"plain": {"fit": plain}, "decayed": {"fit": {**plain, "layer_decay": 0.5}}}
    study = write_small(tmp_path, arms=arms, stages={})
    run_whole(Request(str(study), out=tmp_path / "runs"))
