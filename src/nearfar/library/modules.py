"""Functions of a program that make a ``torch.nn.Module``, as encoders."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nearfar.encoders.base import KINDS, Encoder
from nearfar.errors import UserError
from nearfar.library.fingerprint import fingerprint
from nearfar.library.own_code import FIRM, is_own

Make = Callable[..., nn.Module]


class OwnEncoder(Encoder):
    """A module that a function makes, anew for every seed, in the place of an encoder.

    The function is called without arguments, or where it needs one with the shape of a row:
    ``(columns,)`` or ``(c, h, w)``. The module takes a batch, float32 (b, columns) or images
    (b, c, h, w) in [0, 1], or a batch of molecules, and gives features (b, d).
    """

    accepts: ClassVar[frozenset[str]] = KINDS
    make: ClassVar[Make]

    def __init__(self, inputs: Any) -> None:
        super().__init__()
        first = inputs.select(torch.arange(min(2, len(inputs))))
        self.in_shape = tuple(first.shape[1:]) if isinstance(first, Tensor) else None
        self.module = made(type(self).make, self.in_shape)
        self.out_features = _width(self.module, first)

    def forward(self, batch: Any) -> Tensor:
        """Return the module's features (b, ``out_features``)."""
        features: Tensor = self.module(batch)
        return features

    def layer_groups(self) -> list[nn.Module]:
        """Return the module's children, or itself."""
        return list(self.module.children()) or [self.module]


def encoder_of(make: Make) -> type[OwnEncoder]:
    """Return the class of encoders whose modules ``make`` makes."""
    return type("OwnModule", (OwnEncoder,), {"make": staticmethod(make)})


def made(make: Make, shape: tuple[int, ...] | None) -> nn.Module:
    """Return a module of ``make``.

    Raises:
        UserError: it makes something else, or cannot be called like this.
    """
    needed = [
        parameter
        for parameter in inspect.signature(make).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(needed) > 1 or (needed and shape is None):
        names = ", ".join(parameter.name for parameter in needed)
        raise UserError(
            f"{_name(make)}({names}): is called without arguments, or with the shape of a row, "
            "(columns,) or (c, h, w); molecules have none"
        )
    module: Any = make(shape) if needed else make()
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise UserError(f"{_name(make)}: makes {kind}, not a torch.nn.Module")
    return module


def fingerprint_of(make: Make, shape: tuple[int, ...] | None) -> str:
    """Return what tells a function from others: its code, and the module that it makes.

    Of the module count its parts, their classes and what they hold beside parts and hooks, and
    its first weights.

    Raises:
        UserError: as :func:`made` and :func:`~nearfar.library.fingerprint.fingerprint`.
    """
    before = torch.random.get_rng_state()
    torch.manual_seed(0)
    try:
        module = made(make, shape)
    finally:
        torch.random.set_rng_state(before)
    digest = hashlib.sha256(fingerprint(make).encode())
    digest.update(re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module)).encode())
    parts = [*module.modules()]
    digest.update(fingerprint([*dict.fromkeys(type(part) for part in parts)]).encode())
    digest.update(fingerprint([_held(part) for part in parts]).encode())
    for name, value in module.state_dict().items():
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _held(part: nn.Module) -> dict[str, Any]:
    """Return what a module holds that is neither a part, a weight nor PyTorch's own.

    Objects of other installed packages are left out: some remember what was done before.
    """
    usual = vars(nn.Module())
    held = {name: item for name, item in vars(part).items() if name not in usual}
    return {name: item for name, item in held.items() if _counts(item)}


def _counts(item: Any) -> bool:
    module = type(item).__module__
    known = module.split(".")[0] in FIRM | sys.stdlib_module_names
    return not isinstance(item, nn.Module) and (known or is_own(module))


@torch.no_grad()
def _width(module: nn.Module, batch: Any) -> int:
    """Return how many features a module gives.

    Raises:
        UserError: it gives something else than features (b, d).
    """
    module.eval()
    found = module(batch)
    module.train()
    if not isinstance(found, Tensor) or found.ndim != 2 or not found.is_floating_point():
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"a module of your own gives {shape}, not features (rows, d)")
    return int(found.shape[1])


def _name(make: Make) -> str:
    return str(getattr(make, "__name__", type(make).__name__))
