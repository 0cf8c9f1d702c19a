"""What is planned to be trained as one, by names, is what can be: by the modules themselves."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from small_study import planned, small
from stacked_examples import IMAGES, SHOWN
from torch import nn

from nearfar.data import Molecules
from nearfar.encoders import ENCODERS, build_encoder
from nearfar.heads import NETWORKS, READOUTS
from nearfar.losses import DISTRIBUTION_LOSSES, LOSSES
from nearfar.objectives import Rows
from nearfar.plan.specs import FitSpec, Named
from nearfar.stacking.kinds import can_stack_encoder, can_stack_head, can_stack_optimizer
from nearfar.stacking.optimizer import StackedOptimizer
from nearfar.stacking.predictors import Stack, stack_of
from nearfar.stages.models import Features, build_predictor
from nearfar.train.recipe import OPTIMIZERS

FIT = next(s.spec for s in planned(small()).steps.values() if isinstance(s.spec, FitSpec))
MOLECULES = Molecules.from_smiles(["CCO", "CCN"])
SLOW_TO_BUILD = {"hf", "resnet18", "timm"}
FEATURES = Named("features", {})
"""Stands for any encoder whose features are computed before."""

Part = tuple[str, dict[str, Any]]
HEADS: list[Part] = [("linear", {}), ("mlp", {"hidden": [4]}), ("mlp", {"dropout": 0.1})]
HEADS += [(name, {}) for name in NETWORKS if name not in {"linear", "mlp"}]
TRAINED: list[Part] = [
    (name, {})
    for name, kind in ENCODERS.items()
    if issubclass(kind, nn.Module) and name not in SLOW_TO_BUILD
]
TRAINED += [("mlp", {"dropout": 0.1})]
DECODERS = {"decoder", "image_decoder"}
ALL_LOSSES = sorted({name for found in (*LOSSES.values(), DISTRIBUTION_LOSSES) for name in found})


class Task:
    """As much of a task as a stack looks at."""

    def __init__(self, spec: FitSpec, encoder: nn.Module) -> None:
        decodes = spec.head.name in DECODERS
        self.module = build_predictor(spec, encoder, (1, 28, 28) if decodes else 2)
        self.data: Any = Rows(SHOWN, torch.zeros(len(SHOWN), 1))


def stacked(spec: FitSpec) -> Stack | None:
    def encoder() -> Any:
        assert spec.encoder is not None
        if spec.encoder is FEATURES:
            return Features(6)
        kinds: Any = ENCODERS[spec.encoder.name].accepts
        inputs = next(each for each in (SHOWN_VECTORS, IMAGES, MOLECULES) if each.kind in kinds)
        return build_encoder(spec.encoder.name, spec.encoder.options, inputs)

    return stack_of([Task(spec, encoder()) for _ in range(2)])


class Shown:
    """The shown features as vectors that an encoder takes."""

    kind = "vector"
    select = staticmethod(SHOWN.select)


SHOWN_VECTORS: Any = Shown()


@pytest.mark.parametrize("encoder", [None, *TRAINED], ids=lambda part: str(part))
def test_names_and_modules_agree_on_what_can_be_trained_as_one(encoder: Part | None) -> None:
    named = FEATURES if encoder is None else Named(*encoder)
    small_enough = encoder is None or can_stack_encoder(*encoder)
    found = []
    for head, readout, loss in product(HEADS, READOUTS, ALL_LOSSES):
        if head[0] in DECODERS and readout != "z":
            continue  # a decoder's images are not read out
        if READOUTS[readout].losses and loss not in DISTRIBUTION_LOSSES:
            continue  # a study file cannot ask for it
        if not READOUTS[readout].losses and loss == "binary_cross_entropy":
            continue
        spec = replace(
            FIT,
            encoder=named,
            head=Named(*head),
            readout=Named(readout, {}),
            loss=loss,
            train="head" if encoder is None else "all",
        )
        expected = small_enough and can_stack_head(*head, readout=readout, loss=loss)
        assert (stacked(spec) is not None) == expected, (head, readout, loss)
        found.append(expected)
    assert any(found) == small_enough
    assert not all(found)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_agree_too(name: str) -> None:
    options: Any = OPTIMIZERS[name]()
    arguments = ([options] * 2, torch.zeros(2, 3), torch.ones(3))
    if can_stack_optimizer(options):
        StackedOptimizer(*arguments)
    else:
        with pytest.raises(ValueError, match="cannot step together"):
            StackedOptimizer(*arguments)
    assert can_stack_optimizer(options) == (name != "muon")
