"""Muon: steps of weight matrices are made orthogonal (Jordan et al. 2024).

"Muon: An optimizer for hidden layers in neural networks"; step lengths and decay are those of Liu
et al. 2025, "Muon is scalable for LLM training", section 2.2, so that one learning rate serves
matrices and all other parameters, which AdamW sees to.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
SMALLEST = 16
"""Rows and columns from which a weight counts as a matrix: inputs and outputs are often smaller."""
COEFFICIENTS, STEPS = (3.4445, -4.7750, 2.0315), 5
"""Of Jordan's iteration."""
RMS = 0.2
"""The root mean square of AdamW's steps, as Liu et al. found it."""


def is_matrix(parameter: Tensor) -> bool:
    """Whether ``parameter`` is a matrix of some size, or a convolution's kernels as its rows."""
    return parameter.ndim > 1 and min(len(parameter), parameter[0].numel()) >= SMALLEST


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return matrices (k, r, c) with all their singular values brought near 1, roughly 0.7 to 1.2.

    Five Newton-Schulz iterations of an odd polynomial of degree five, in the matrices' precision.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.AdamW):
    """Orthogonal steps for matrices, AdamW's for biases, norms, and what is small.

    A matrix W (r, c) with the gradient G, momentum m = 0.95: M ← m M + G; W ← (1 − lr decay) W −
    lr 0.2 √max(r, c) O, where O is G + m M orthogonalised.

    Args:
        groups: as of AdamW; within a group, matrices are told apart by :func:`is_matrix`.
        lr: learning rate.
        weight_decay: decoupled from the gradient.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, weight_decay: float) -> None:
        parts: list[dict[str, Any]] = []
        for group in groups:
            for matrices in (True, False):
                members = [p for p in group["params"] if is_matrix(p) is matrices]
                if members:
                    parts.append({**group, "params": members, "matrices": matrices})
        super().__init__(parts, lr=lr, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step with the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        for group in groups:
            if group["matrices"]:
                self._orthogonal_step(group)
        self.param_groups = [group for group in groups if not group["matrices"]]
        try:
            super().step()
        finally:
            self.param_groups = groups
        return loss

    def _orthogonal_step(self, group: dict[str, Any]) -> None:
        """Step matrices of one shape as one."""
        alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike[len(parameter), parameter[0].numel()].append(parameter)
        for shape, members in alike.items():
            gradients = [p.grad for p in members if p.grad is not None]
            momenta = [self._momentum(p) for p in members]
            torch._foreach_mul_(momenta, MOMENTUM)
            torch._foreach_add_(momenta, gradients)
            ahead = torch._foreach_add(gradients, momenta, alpha=MOMENTUM)
            steps = orthogonalised(torch.stack([each.flatten(1) for each in ahead]))
            steps = steps * (-group["lr"] * RMS * math.sqrt(max(shape)))
            torch._foreach_mul_(members, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(
                members, [step.view_as(p) for step, p in zip(steps, members, strict=True)]
            )

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            # AdamW, when its state is loaded, looks for a count of steps.
            state |= {"step": torch.zeros(()), "momentum": torch.zeros_like(parameter)}
        momentum: Tensor = state["momentum"]
        return momentum
