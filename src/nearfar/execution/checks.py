"""What is wrong with a plan, once the data are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from nearfar.data import Columns, Preparation
from nearfar.data.inputs.joined import without_columns
from nearfar.encoders import Encoder, build_encoder
from nearfar.plan.plan import Plan
from nearfar.plan.specs import FitSpec, PretrainSpec


def layer_mistakes(plan: Plan, inputs: Any) -> list[str]:
    """Return what is wrong with ``train: last:k`` of arms whose encoder has fewer than k layers."""
    inputs = without_columns(inputs)
    if isinstance(inputs, Columns):
        inputs = Preparation.fit(inputs, np.arange(len(inputs))).apply(inputs)
    mistakes = {}
    for cell in plan.cells:
        chain = [plan.steps[stage_hash] for stage_hash in cell.chain]
        first, fit = chain[0].spec, next(step.spec for step in chain if step.name == "fit")
        if isinstance(fit, FitSpec) and isinstance(fit.trained, int):
            assert isinstance(first, PretrainSpec | FitSpec)
            assert first.encoder is not None
            encoder = build_encoder(first.encoder.name, first.encoder.options, inputs)
            assert isinstance(encoder, Encoder)
            layers = len(encoder.layer_groups())
            if fit.trained > layers:
                mistakes[cell.arm] = f"its encoder has {layers} layers (given: {fit.train!r})"
    return [f"arms.{arm}.fit.train: {line}" for arm, line in mistakes.items()]
