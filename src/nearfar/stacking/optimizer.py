"""Optimiser steps of several runs at once, as torch's own optimisers would take them one by one."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from nearfar.train import recipe as r

BETAS, EPS = (0.9, 0.999), 1e-8
"""Adam's, as torch has them by default."""


STACKED_OPTIMIZERS = (r.SGD, r.Adam, r.AdamW)
"""Those that several runs can have at once."""


class StackedOptimizer:
    """SGD, Adam or AdamW of K runs, whose parameters lie in one tensor, a row for each run.

    Learning rate, weight decay and momentum are each run's own.

    Args:
        options: what each run's recipe says; of one kind.
        values: the parameters, float32 (K, p), changed in place by ``step``.
        factors: (p,), by which learning rates are multiplied.

    Raises:
        ValueError: if the runs have optimisers of different kinds, or one that cannot be stacked.
    """

    def __init__(self, options: Sequence[r.Optimizer], values: Tensor, factors: Tensor) -> None:
        kinds = {type(each) for each in options}
        if len(kinds) != 1 or not kinds <= set(STACKED_OPTIMIZERS):
            names = " and ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"runs with {names} cannot step together")
        self.kind, self.options, self.values = kinds.pop(), list(options), values
        self._all_factors = factors
        self._factors = None if bool((factors == 1).all()) else factors
        self._decay = self._column([each.weight_decay for each in options])
        self._state: dict[str, Tensor] = {}
        if issubclass(self.kind, r.SGD):
            sgd = [each for each in options if isinstance(each, r.SGD)]
            self._momentum = self._column([each.momentum for each in sgd])
            self._nesterov = self._column([float(each.nesterov) for each in sgd])
            if self._momentum is not None:
                self._state = {"momentum": torch.zeros_like(values)}
        else:
            self._state = {"mean": torch.zeros_like(values), "square": torch.zeros_like(values)}
        self.steps = 0
        self._given: list[float] = []
        self._rate = torch.empty(0)

    def _column(self, numbers: list[float]) -> Tensor | None:
        """Return the runs' numbers (K, 1), None where all are 0."""
        return self.values.new_tensor(numbers)[:, None] if any(numbers) else None

    @torch.no_grad()
    def step(self, gradients: Tensor, rates: Sequence[float]) -> None:
        """Take one step.

        Args:
            gradients: (K, p); overwritten.
            rates: the learning rate of each run.
        """
        self.steps += 1
        if rates != self._given:
            self._given, column = list(rates), self.values.new_tensor(rates)[:, None]
            self._rate = column if self._factors is None else column * self._factors
        rate = self._rate
        if self._decay is not None:
            if issubclass(self.kind, r.AdamW):
                self.values.mul_(1 - rate * self._decay)
            else:
                gradients.addcmul_(self.values, self._decay)
        if issubclass(self.kind, r.SGD):
            self._descend(gradients, rate)
        else:
            self._adapt(gradients, rate)

    def _descend(self, gradients: Tensor, rate: Tensor) -> None:
        if self._momentum is not None:
            sums = self._state["momentum"].mul_(self._momentum).add_(gradients)
            if self._nesterov is None:
                gradients = sums
            else:
                ahead = torch.addcmul(gradients, sums, self._momentum)
                gradients = torch.where(self._nesterov > 0, ahead, sums)
        self.values.addcmul_(gradients, rate, value=-1)

    def _adapt(self, gradients: Tensor, rate: Tensor) -> None:
        first, second = BETAS
        mean, square = self._state["mean"], self._state["square"]
        mean.lerp_(gradients, 1 - first)
        square.mul_(second).addcmul_(gradients, gradients, value=1 - second)
        root = square.sqrt().div_((1 - second**self.steps) ** 0.5).add_(EPS)
        self.values.addcdiv_(mean * rate, root, value=-1 / (1 - first**self.steps))

    def taking(self, runs: Sequence[int], values: Tensor) -> Self:
        """Return what goes on with some of the runs, whose parameters are in ``values`` now."""
        found = type(self)([self.options[k] for k in runs], values, self._all_factors)
        found.steps = self.steps
        found._state = {name: self._state[name][list(runs)] for name in found._state}
        return found

    def state_dict(self) -> dict[str, object]:
        """Return what a checkpoint has to hold."""
        return {"steps": self.steps, **self._state}

    def load_state_dict(self, saved: Mapping[str, object]) -> None:
        """Go on from what ``state_dict`` returned."""
        self.steps = int(str(saved["steps"]))
        for name, value in self._state.items():
            kept = saved[name]
            assert isinstance(kept, Tensor)
            value.copy_(kept)
