"""What is wrong with a plan, once the data are known."""

from __future__ import annotations

from typing import Any

from nearfar.encoders import Encoder, build_encoder
from nearfar.plan.plan import Plan
from nearfar.plan.specs import chosen


def layer_mistakes(plan: Plan, inputs: Any) -> list[str]:
    """Return what is wrong with ``train: last:k`` of arms whose encoder has fewer than k layers."""
    mistakes = {}
    for cell in plan.cells:
        chain = [plan.steps[stage_hash] for stage_hash in cell.chain]
        train = next(str(step.spec.get("train", "")) for step in chain if step.name == "fit")
        if train.startswith("last:"):
            encoder = build_encoder(*chosen(chain[0].spec["encoder"]), inputs)
            assert isinstance(encoder, Encoder)
            layers = len(encoder.layer_groups())
            if int(train.removeprefix("last:")) > layers:
                mistakes[cell.arm] = f"its encoder has {layers} layers (given: {train!r})"
    return [f"arms.{arm}.fit.train: {line}" for arm, line in mistakes.items()]
