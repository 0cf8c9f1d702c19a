"""The precision in which losses are computed: never less than float32, whatever autocast says."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def in_full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Make ``function`` take float16 and bfloat16 tensors as float32, with autocast off."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next((a.device.type for a in args if isinstance(a, Tensor)), "cpu")
        named: Any = {name: _widened(value) for name, value in kwargs.items()}
        if not torch.is_autocast_enabled(device):
            return function(*map(_widened, args), **named)
        with torch.autocast(device, enabled=False):
            return function(*map(_widened, args), **named)

    return call


def _widened(value: Any) -> Any:
    short = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if short else value
