"""What is wrong with a plan, once the data are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from nearfar.data import Columns, Preparation
from nearfar.data.augment import MIXTURES, VIEWS, build_views, view_of
from nearfar.data.inputs.joined import without_columns
from nearfar.encoders import ENCODERS, Encoder, FixedEncoder, build_encoder
from nearfar.errors import UserError
from nearfar.plan.plan import Plan
from nearfar.plan.specs import FitSpec, PretrainSpec, ScoreSpec


def encoder_mistakes(plan: Plan, inputs: Any) -> list[str]:
    """Return why encoders of the plan cannot be built, or do not take a row of ``inputs``.

    Only of those that ask to be checked ahead: models of other libraries, whose names, weights and
    sizes of images are theirs.
    """
    alone, found = without_columns(inputs), dict[str, str]()
    for step in plan.steps.values():
        encoder = None if isinstance(step.spec, ScoreSpec) else step.spec.encoder
        parts = [] if encoder is None else [encoder.to_plain()]
        if encoder is not None and encoder.name == "joined":
            parts = encoder.options["parts"]
        given = [item for part in parts for item in part.items()]
        for name, options in [*given, *_beside(given, alone)]:
            key = f"{name} {sorted(options.items())}"
            if key not in found and getattr(ENCODERS[name], "checked_ahead", False):
                found[key] = _why_not(name, options, alone)
    return [line for line in found.values() if line]


def device_mistakes(plan: Plan) -> list[str]:
    """Return why stages of the plan cannot be trained on several devices."""
    found = []
    for step in plan.steps.values():
        spec = step.spec
        if isinstance(spec, FitSpec | PretrainSpec) and spec.environment.devices > 1:
            found += [
                f"{step.name}: {part.name} mixes rows of a batch with each other, which --devices "
                f"{spec.environment.devices} would part: leave out one of the two"
                for part in spec.augment
                if part.name in MIXTURES
            ]
    return list(dict.fromkeys(found))


def view_mistakes(plan: Plan, inputs: Any) -> list[str]:
    """Return which views of the plan cannot be made of a row of ``inputs``."""
    alone, found = without_columns(inputs), dict[str, str]()
    if alone.kind != "image":
        return []
    row = torch.zeros(1, dtype=torch.int64)
    for step in plan.steps.values():
        parts = step.spec.augment if isinstance(step.spec, FitSpec | PretrainSpec) else ()
        views = [(part.name, part.options) for part in parts if part.name in VIEWS]
        if str(views) in found:
            continue
        try:
            with torch.random.fork_rng(devices=()):
                view_of(build_views(views), alone.select(row), row)
            found[str(views)] = ""
        except UserError as error:
            found[str(views)] = str(error)
    return [line for line in found.values() if line]


def _beside(given: Sequence[tuple[str, Any]], inputs: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the fixed encoders whose features some of these want beside the inputs."""
    kinds = [(ENCODERS[name], options) for name, options in given]
    learned = [(kind, options) for kind, options in kinds if issubclass(kind, Encoder)]
    wanted = [
        kind.wants(inputs, options) for kind, options in learned if inputs.kind in kind.accepts
    ]
    return [(name, {}) for name in wanted if name]


@torch.no_grad()
def _why_not(name: str, options: Mapping[str, Any], inputs: Any) -> str:
    try:
        encoder = build_encoder(name, options, inputs)
        if isinstance(encoder, FixedEncoder):
            return ""
        encoder.eval()
        shape = tuple(encoder(inputs.select(torch.zeros(1, dtype=torch.int64))).shape)
    except UserError as error:
        return str(error)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        said = ", ".join(f"{key}: {value}" for key, value in options.items())
        return f"encoder {name} ({said}) does not take these inputs: {first}; size: N resizes them"
    if shape != (1, encoder.out_features):
        return (
            f"encoder {name}: gives features of shape {list(shape[1:])} for a row, not "
            f"[{encoder.out_features}]: choose another pooling"
        )
    return ""


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
