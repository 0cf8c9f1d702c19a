"""L-BFGS for many functions in step: each takes its own steps, all are evaluated together."""

import torch
from torch import Tensor

MEMORY = 10
"""Steps from which the curvature is estimated."""

FLAT = 1e-5
"""A function is done where no entry of its gradient is larger."""

GAIN = 1e-9
"""It is done where a step gains less than this, or less than this part of its value."""

SHORTEST = 1e-6
"""It is done where no longer step, as a part of the full one, leads down."""

DECREASE = 1e-4
"""Part of the decrease that the gradient promises which a step has to reach (Armijo's rule)."""

LEAST_CURVATURE = 1e-8


class Descent:
    """Minimises K smooth convex functions of P numbers each, from ``start`` (K, P), float64.

    Evaluate ``trial`` (k, P), whose rows belong to the functions ``running`` (k,), and ``take``
    their values (k,) and gradients (k, P), until none is running; ``solutions`` (K, P) then holds
    where each has arrived. Every function's steps are those that it would take alone: a trial that
    does not lead down enough is shortened while others go on, and a function that is done, after
    ``iterations`` steps at the latest, drops out. The direction is that of Byrd, Nocedal and
    Schnabel, "Representations of quasi-Newton matrices", 1994, eq. (3.1) and theorem 2.2.
    """

    def __init__(self, start: Tensor, iterations: int) -> None:
        count, size = start.shape
        self.solutions = start.clone()
        self.running = torch.arange(count)
        self.trial = start.clone()
        self.iterations = iterations
        self._round = 0
        self._state = {
            "point": start.clone(),
            "value": start.new_full((count,), torch.inf),
            "gradient": torch.zeros_like(start),
            "direction": torch.zeros_like(start),
            "promise": start.new_zeros(count),
            "step": start.new_ones(count),
            "taken": start.new_zeros(count),
            "scale": start.new_ones(count),
            "pairs": start.new_zeros(count, 2, MEMORY, size),
            "sy": start.new_zeros(count, MEMORY, MEMORY),
            "yy": start.new_zeros(count, MEMORY, MEMORY),
        }

    def take(self, value: Tensor, grad: Tensor) -> None:
        """Go on from ``value`` (k,) and ``gradient`` (k, P) of the functions at their trials."""
        now = self._state
        better = value <= now["value"] + DECREASE * now["step"] * now["promise"]
        gain = torch.where(better, now["value"] - value, torch.inf)
        shorter = _shortened(now["step"], now["promise"], value - now["value"])
        curvature = self._remember(better, grad)
        now["value"] = torch.where(better, value, now["value"])
        now["point"] = torch.where(better[:, None], self.trial, now["point"])
        now["gradient"] = torch.where(better[:, None], grad, now["gradient"])
        now["taken"] += better
        direction = self._direction(curvature)
        now["direction"] = torch.where(better[:, None], direction, now["direction"])
        now["promise"] = (now["direction"] * now["gradient"]).sum(1)
        now["step"] = torch.where(better, 1.0, shorter)
        enough = GAIN * now["value"].clamp(min=1)
        self._drop(
            (gain <= enough)
            | (-now["promise"] / 2 <= enough)
            | (now["gradient"].abs().amax(1) <= FLAT)
            | (now["taken"] > self.iterations)
            | (now["step"] < SHORTEST)
        )
        self._round += 1
        now = self._state
        self.trial = now["point"] + now["step"][:, None] * now["direction"]

    def _remember(self, better: Tensor, grad: Tensor) -> Tensor:
        """Keep the step and the change of gradient; return [S, Y] times it and the gradient.

        (k, 2 · MEMORY, 2). Steps not taken, and those without curvature, leave a blank.
        """
        now, slot = self._state, self._round % MEMORY
        step, change = self.trial - now["point"], grad - now["gradient"]
        along, square = (step * change).sum(1), change.square().sum(1)
        kept = better & (along > LEAST_CURVATURE * square)
        now["scale"] = torch.where(kept, along / square, now["scale"])
        blank = ~kept[:, None]
        pairs = now["pairs"]
        pairs[:, 0, slot] = step.masked_fill_(blank, 0)
        pairs[:, 1, slot] = change.masked_fill_(blank, 0)
        products = torch.bmm(pairs.flatten(1, 2), torch.stack([change, grad], 2))
        now["sy"][:, :, slot] = products[:, :MEMORY, 0]
        now["yy"][:, :, slot] = now["yy"][:, slot] = products[:, MEMORY:, 0]
        return products[:, :, 1]

    def _direction(self, products: Tensor) -> Tensor:
        """Return minus the inverse Hessian's estimate times the gradient, by its products."""
        now = self._state
        order = (torch.arange(MEMORY) + self._round + 1) % MEMORY
        upper = now["sy"][:, order][:, :, order].triu()
        diagonal = upper.diagonal(dim1=1, dim2=2)
        curvature = diagonal.clone()
        diagonal.add_(curvature == 0)
        scale = now["scale"][:, None]
        with_steps, with_changes = products.view(-1, 2, MEMORY)[:, :, order].unbind(1)
        solved = _triangular(upper, with_steps, upper=True)
        spread = torch.einsum("kij,kj->ki", now["yy"][:, order][:, :, order], solved)
        inner = curvature * solved + scale * (spread - with_changes)
        parts = torch.zeros_like(products).view(-1, 2, MEMORY)
        parts[:, 0, order] = _triangular(upper.mT, inner, upper=False)
        parts[:, 1, order] = -scale * solved
        combined = torch.bmm(parts.flatten(1)[:, None], now["pairs"].flatten(1, 2))[:, 0]
        return -(scale * now["gradient"] + combined)

    def _drop(self, done: Tensor) -> None:
        if done.any():
            self.solutions[self.running[done]] = self._state["point"][done]
            self.running = self.running[~done]
            self._state = {name: kept[~done] for name, kept in self._state.items()}


def _shortened(step: Tensor, promise: Tensor, rise: Tensor) -> Tensor:
    """Return the step to the minimum of the parabola through what is known, within 0.1 to 0.5."""
    found = -promise * step.square() / (2 * (rise - promise * step))
    found = torch.where(found.isfinite(), found, 0.0)
    return torch.maximum(torch.minimum(found, 0.5 * step), 0.1 * step)


def _triangular(matrix: Tensor, right: Tensor, *, upper: bool) -> Tensor:
    solved: Tensor = torch.linalg.solve_triangular(matrix, right[:, :, None], upper=upper)
    return solved[:, :, 0]
