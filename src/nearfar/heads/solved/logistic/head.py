"""Logistic (softmax) regression, solved to convergence: L-BFGS on whitened features."""

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor

from nearfar.heads.solved.exact import Affine
from nearfar.heads.solved.logistic import whitening

Array = NDArray[Any]


class Logistic(Affine):
    """Multinomial logistic (softmax) regression on standardised features, by L-BFGS.

    Minimises mean cross-entropy + ``penalty``/2 · |W|² over all rows, the intercept free, until no
    entry of the gradient, in the coordinates below, exceeds 1e-5, a step gains less than 1e-9 of
    the loss, or ``iterations`` are done. Products and the gradient's sum over rows are float32, the
    loss in float64.

    The steps are taken in the coordinates of ``whitening.py``, so some thirty suffice where
    correlated features, pixels above all, else take many hundreds; and half the squared gradient
    estimates how far the loss is above its minimum. The covariance is taken over as many rows as
    there are columns. L-BFGS is that of Liu and Nocedal, "On the limited memory BFGS method for
    large scale optimization", 1989.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    imports: ClassVar[tuple[str, ...]] = ("scipy.optimize",)

    def __init__(
        self,
        *,
        penalty: Annotated[float, Field(ge=0)] = 1e-3,
        iterations: PositiveInt = 1000,
    ) -> None:
        super().__init__()
        self.penalty, self.iterations = penalty, iterations

    def fit(self, features: Array, targets: Array, seed: int, weights: Array | None = None) -> None:
        """Solve for the weights; ``weights`` (n,) of the rows count in the mean cross-entropy."""
        from scipy.optimize import minimize

        x = torch.from_numpy(np.array(features, dtype=np.float32))
        mean, deviation = whitening.standardise(x)
        y = torch.from_numpy(targets)
        if weights is not None:
            y = y * torch.from_numpy(weights / weights.mean())[:, None]
        factor = self._hessian_factor(x, targets.shape[1])
        shape = (x.shape[1] + 1, targets.shape[1])

        def unwhitened(whitened: Tensor) -> Tensor:
            if factor is None:
                return whitened
            weight: Tensor = torch.linalg.solve_triangular(factor.T, whitened, upper=True)
            return weight

        def objective(flat: Array) -> tuple[float, Array]:
            parameters = torch.from_numpy(flat).view(shape)
            weight = unwhitened(parameters[:-1])
            loss, grad, intercept_grad = _cross_entropy(x, y, weight, parameters[-1])
            grad.add_(weight, alpha=self.penalty)
            if factor is not None:
                grad = torch.linalg.solve_triangular(factor, grad, upper=False)
            gradient = torch.cat([grad, intercept_grad[None]])
            total = loss + self.penalty / 2 * float(weight.square().sum())
            return total, gradient.flatten().numpy()

        options = {"maxiter": self.iterations, "maxcor": 20, "gtol": 1e-5, "ftol": 1e-9}
        found = minimize(
            objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options
        )
        parameters = torch.from_numpy(found.x).view(shape)
        self.weight = (unwhitened(parameters[:-1]) / deviation[:, None]).numpy()
        self.intercept = parameters[-1].numpy() - mean.numpy() @ self.weight

    def predict(self, features: Array) -> Array:
        """Return probabilities (n, classes)."""
        rows = np.split(features, range(1024, len(features), 1024))
        scores = [some.astype(np.float64) @ self.weight + self.intercept for some in rows]
        return torch.from_numpy(np.concatenate(scores)).softmax(1).numpy()

    def _hessian_factor(self, x: Tensor, classes: int) -> Tensor | None:
        """Return L of LLᵀ ≈ the Hessian, lower triangular; None where it would not pay."""
        count, columns = x.shape
        if not whitening.pays(count, columns, classes):
            return None
        some = x[whitening.spaced(count, max(columns, whitening.FEWEST))]
        return whitening.hessian_factor(whitening.covariance(some), classes, self.penalty)


def _cross_entropy(
    x: Tensor, y: Tensor, weight: Tensor, intercept: Tensor
) -> tuple[float, Tensor, Tensor]:
    """Return the mean cross-entropy, and its gradient by weight (d, classes) and by intercept.

    The rows of ``y`` (n, classes) are probabilities times the weight of the row.
    """
    narrow, loss = weight.float(), 0.0
    grad = torch.zeros(tuple(weight.T.shape), dtype=torch.float32)
    intercept_grad = torch.zeros_like(intercept)
    for rows, truth in whitening.blocks(x, y):
        log_p = (rows @ narrow).double().add_(intercept).log_softmax(1)
        loss -= float((truth * log_p).sum())
        excess = log_p.exp_().mul_(truth.sum(1, keepdim=True)).sub_(truth)
        intercept_grad += excess.sum(0)
        grad.addmm_(excess.float().T, rows)
    return loss / len(x), grad.T.double() / len(x), intercept_grad / len(x)
