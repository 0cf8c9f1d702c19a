"""Optimisers and learning-rate schedules, from a recipe."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from nearfar.train import recipe as r
from nearfar.train.muon import Muon

ParameterGroup = dict[str, Any]


def build_optimizer(
    options: r.Optimizer,
    groups: list[tuple[list[nn.Parameter], float]],
) -> torch.optim.Optimizer:
    """Return the optimiser for groups of (parameters, factor on the learning rate).

    One kernel steps all parameters, which is faster for small models and on a GPU.
    """
    settings: dict[str, Any] = options.model_dump()
    lr = settings.pop("lr")
    parameters: list[ParameterGroup] = [
        {"params": members, "lr": lr * factor} for members, factor in groups if members
    ]
    if isinstance(options, r.SGD):
        return torch.optim.SGD(parameters, lr=lr, fused=True, **settings)
    if isinstance(options, r.Adam):
        return torch.optim.Adam(parameters, lr=lr, fused=True, **settings)
    if isinstance(options, r.Muon):
        return Muon(parameters, lr=lr, **settings)
    return torch.optim.AdamW(parameters, lr=lr, fused=True, **settings)


def learning_rate_factor(
    options: r.Constant | r.Cosine | r.OneCycle | r.Triangular, steps: int
) -> Callable[[int], float]:
    """Return step (0 to ``steps`` - 1) → factor on the learning rate."""

    def half_cosine(start: float, end: float, progress: float) -> float:
        return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2

    if isinstance(options, r.Constant):
        return lambda step: 1.0
    if isinstance(options, r.Cosine):
        warm, end = options.warmup * steps, options.end
        return lambda step: (
            (step + 1) / (warm + 1)
            if step < warm
            else half_cosine(1.0, end, (step - warm) / max(1.0, steps - warm))
        )
    if isinstance(options, r.Triangular):
        rise, start, low = options.warmup * steps, options.start, options.end
        return lambda step: (
            start + (1 - start) * step / rise
            if step < rise
            else 1 + (low - 1) * (step - rise) / (steps - rise)
        )
    peak = max(options.warmup * steps - 1, 0.0)
    rest = max(steps - 1 - peak, 1.0)
    return lambda step: (
        half_cosine(1 / 25, 1.0, step / peak)
        if step < peak
        else half_cosine(1.0, 1 / 250_000, (step - peak) / rest)
    )


def build_schedule(
    optimizer: torch.optim.Optimizer, options: r.Schedule, steps: int
) -> LambdaLR | ReduceLROnPlateau:
    """Return a schedule over ``steps`` optimiser steps, or one that follows validation.

    The first kind is stepped after every optimiser step, the second after every round, with the
    value to minimise.
    """
    if isinstance(options, r.Plateau):
        return ReduceLROnPlateau(
            optimizer, factor=options.factor, patience=options.patience, threshold=0.0
        )
    return LambdaLR(optimizer, learning_rate_factor(options, steps))
