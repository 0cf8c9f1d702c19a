"""Weights that are averaged while they are trained."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nearfar.train import recipe as r


class Lookahead:
    """The slow weights of :class:`nearfar.train.recipe.Lookahead`, of a module in training.

    Parameters that are trained have them, and the running statistics of batch norms. ``steps`` is
    the length of the whole run.
    """

    def __init__(
        self, options: r.Lookahead, module: nn.Module, trained: list[Tensor], steps: int
    ) -> None:
        self.options, self.steps = options, steps
        norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
        found = [(norm.running_mean, norm.running_var) for norm in norms]
        running = [buffer for pair in found for buffer in pair if buffer is not None]
        self.fast = [p.detach() for p in trained] + running
        self.slow = [value.clone() for value in self.fast]

    @torch.no_grad()
    def after(self, step: int) -> None:
        """Follow, and replace, the weights where this is due after ``step`` optimiser steps."""
        if step == self.steps:
            torch._foreach_copy_(self.fast, self.slow)
        elif step % self.options.every == 0:
            memory = self.options.decay**self.options.every * (step / self.steps) ** 3
            torch._foreach_lerp_(self.slow, self.fast, 1 - memory)
            torch._foreach_copy_(self.fast, self.slow)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold."""
        return {"slow": self.slow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` returned."""
        torch._foreach_copy_(self.slow, state["slow"])
