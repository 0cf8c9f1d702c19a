"""Muon: steps of weight matrices are made orthogonal (Jordan et al. 2024).

"Muon: An optimizer for hidden layers in neural networks"; step lengths and decay are those of Liu
et al. 2025, "Muon is scalable for LLM training", section 2.2, so that one learning rate serves
matrices and all other parameters, which AdamW steps.
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
    return parameter.ndim > 1 and min(len(parameter), math.prod(parameter.shape[1:])) >= SMALLEST


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return matrices (k, r, c), r ≤ c, with singular values brought near 1, some 0.7 to 1.2.

    Five Newton-Schulz iterations of an odd polynomial of degree five, in the matrices' precision.
    They multiply a matrix by polynomials of its Gram matrix, so that, smaller, is iterated.
    """
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    gram = x @ x.mT
    product = factor = _factor(gram)
    for _ in range(STEPS - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    found: Tensor = product @ x
    return found


def _factor(gram: Tensor) -> Tensor:
    """Return the factors (k, r, r) of an iteration for matrices with these Gram matrices."""
    a, b, c = COEFFICIENTS
    factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    return factor


def _lying(weight: Tensor) -> Tensor:
    """Return a weight as a matrix (r, c), r ≤ c."""
    matrix = weight.flatten(1)
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


class Muon(torch.optim.AdamW):
    """Orthogonal steps for matrices, AdamW's for biases, norms, and what is small.

    A matrix W (r, c) with the gradient G, momentum m = 0.95: M ← m M + G; W ← (1 − lr decay) W −
    lr 0.2 √max(r, c) O, where O is G + m M orthogonalised.

    Args:
        groups: as of AdamW; within a group, matrices are found by :func:`is_matrix`.
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
        """Step matrices of one shape, lying or standing, as one."""
        alike: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike[tuple(sorted(parameter.flatten(1).shape))].append(parameter)
        for (short, long), members in alike.items():
            ahead = torch.stack([_lying(self._ahead(each)) for each in members])
            steps = orthogonalised(ahead) * (-group["lr"] * RMS * math.sqrt(long))
            for parameter, step in zip(members, steps, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter += (step if len(parameter) == short else step.mT).view_as(parameter)

    def _ahead(self, parameter: Tensor) -> Tensor:
        """Return gradient plus momentum, once the gradient is part of this."""
        gradient, momentum = parameter.grad, self._momentum(parameter)
        assert gradient is not None
        momentum.mul_(MOMENTUM).add_(gradient)
        return torch.add(gradient, momentum, alpha=MOMENTUM)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            # AdamW, when its state is loaded, looks for a count of steps.
            state |= {"step": torch.zeros(()), "momentum": torch.zeros_like(parameter)}
        momentum: Tensor = state["momentum"]
        return momentum
