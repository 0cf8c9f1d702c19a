"""Logistic (softmax) regression, solved to convergence: L-BFGS on whitened features."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor

from nearfar.heads.exact import Affine

Array = NDArray[Any]
BLOCK = 2**18
"""Numbers of a block of rows: few enough that both products of a step find it in the cache."""

WIDEST = 4096
"""Columns up to which features are whitened; the effort grows with their cube."""

WORTH = 2000
"""Whitening costs columns³, and each step that it saves rows × columns × classes. So many of the
latter outweigh one of the former: it saves hundreds of steps, whose products run slower."""

FEWEST = 1024
"""Rows that the covariance is taken over at least, where there are so many."""

DAMPING = 1e-4
"""Added to the variances of all directions, so that those without any can be whitened too."""


class Logistic(Affine):
    """Multinomial logistic (softmax) regression on standardised features, by L-BFGS.

    Minimises mean cross-entropy + ``penalty``/2 · |W|² over all rows, the intercept free, until no
    entry of the gradient, in the coordinates below, exceeds 1e-5, a step gains less than 1e-9 of
    the loss, or ``iterations`` are done. Products and the slope's sum over rows are in float32, the
    loss in float64.

    The steps are taken in coordinates in which the covariance C of the features, scaled by p(1 - p)
    at p = 1/classes, plus the penalty is the identity. That sum is nearly the Hessian (Böhning,
    "Multinomial logistic regression algorithm", 1992, bounds it by such a product), so some thirty
    steps suffice where correlated features, pixels above all, else take many hundreds; and half the
    squared gradient estimates how far the loss is above its minimum. C is taken over as many
    rows as there are columns, evenly spaced: whatever it is, the minimum stays the same.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    uses_features: ClassVar[bool] = True

    def __init__(
        self,
        *,
        penalty: Annotated[float, Field(ge=0)] = 1e-3,
        iterations: PositiveInt = 1000,
    ) -> None:
        super().__init__()
        self.penalty, self.iterations = penalty, iterations

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Solve for the weights."""
        from scipy.optimize import minimize

        x = torch.from_numpy(np.array(features, dtype=np.float32))
        mean, deviation = _standardise(x)
        y = torch.from_numpy(targets)
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
            loss, slope, intercept_slope = _cross_entropy(x, y, weight, parameters[-1])
            slope.add_(weight, alpha=self.penalty)
            if factor is not None:
                slope = torch.linalg.solve_triangular(factor, slope, upper=False)
            gradient = torch.cat([slope, intercept_slope[None]])
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
        if columns > WIDEST or columns**2 > WORTH * count * classes:
            return None
        enough = max(columns, FEWEST)
        x = x[:: max(1, count // enough)][:enough]
        hessian = _lower_product(x).mul_((1 - 1 / classes) / classes / len(x))
        hessian.diagonal().add_(max(self.penalty, DAMPING))
        rounded, failed = torch.linalg.cholesky_ex(hessian)
        factor: Tensor = torch.linalg.cholesky(hessian.double()) if failed else rounded.double()
        return factor


def _lower_product(x: Tensor, width: int = 512) -> Tensor:
    """Return xᵀx, of which the lower triangle alone is complete: that is all that is asked for."""
    product = torch.zeros(x.shape[1], x.shape[1])
    for begin in range(0, x.shape[1], width):
        end = begin + width
        product[begin:end, :end] = x[:, begin:end].T @ x[:, :end]
    return product


def _blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same few rows of each tensor, the first of which says how many fit a block."""
    rows = max(64, BLOCK // max(1, tensors[0].shape[1]))
    return zip(*(torch.split(tensor, rows) for tensor in tensors), strict=True)


def _standardise(x: Tensor) -> tuple[Tensor, Tensor]:
    """Bring ``x`` (n, d) in place to mean 0 and deviation 1; return both as they were, float64.

    Columns that do not vary keep deviation 1.
    """
    mean = torch.zeros(x.shape[1], dtype=torch.float64)
    for (some,) in _blocks(x):
        mean += some.sum(0)
    mean = (mean / len(x)).float().double()
    square = torch.zeros_like(mean)
    for (some,) in _blocks(x):
        square += some.sub_(mean.float()).square().sum(0)
    deviation = (square / len(x)).sqrt()
    deviation = torch.where(deviation > 1e-6 * (1 + mean.abs()), deviation, 1.0).float().double()
    for (some,) in _blocks(x):
        some.div_(deviation.float())
    return mean, deviation


def _cross_entropy(
    x: Tensor, y: Tensor, weight: Tensor, intercept: Tensor
) -> tuple[float, Tensor, Tensor]:
    """Return the mean cross-entropy, and its slope by weight (d, classes) and by intercept."""
    narrow, loss = weight.float(), 0.0
    slope = torch.zeros(tuple(weight.T.shape), dtype=torch.float32)
    intercept_slope = torch.zeros_like(intercept)
    for rows, truth in _blocks(x, y):
        log_p = (rows @ narrow).double().add_(intercept).log_softmax(1)
        loss -= float((truth * log_p).sum())
        excess = log_p.exp_().sub_(truth)
        intercept_slope += excess.sum(0)
        slope.addmm_(excess.float().T, rows)
    return loss / len(x), slope.T.double() / len(x), intercept_slope / len(x)
