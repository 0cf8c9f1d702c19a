"""Solved heads for classes: logistic regression to convergence, and nearest neighbours.

They are fitted to indicators (n, classes) and predict probabilities, as ``exact.py`` says.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from nearfar.heads.exact import Affine

Array = NDArray[Any]
CHUNK = 1024


class Logistic(Affine):
    """Multinomial logistic (softmax) regression on standardised features, by L-BFGS.

    Minimises mean cross-entropy + ``penalty``/2 · |W|² over all rows, the intercept free, until the
    gradient is small or ``iterations`` are done. Products are in float32, sums in float64.
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

        x = torch.from_numpy(np.asarray(features, dtype=np.float32))
        mean, deviation = x.mean(0), x.std(0, correction=0)
        deviation = torch.where(deviation > 1e-6 * (1 + mean.abs()), deviation, 1.0)
        x = (x - mean) / deviation
        y = torch.from_numpy(targets)
        shape = (x.shape[1] + 1, targets.shape[1])

        def objective(flat: Array) -> tuple[float, Array]:
            parameters = torch.from_numpy(flat).view(shape)
            weight, intercept = parameters[:-1], parameters[-1]
            scores = (x @ weight.float()).double().add_(intercept)
            log_p = scores.log_softmax(1)
            loss = -(y * log_p).sum() / len(x) + self.penalty / 2 * weight.square().sum()
            slope = log_p.exp_().sub_(y).div_(len(x))
            downhill = (x.T @ slope.float()).double().add_(weight, alpha=self.penalty)
            gradient = torch.cat([downhill, slope.sum(0, keepdim=True)])
            return float(loss), gradient.flatten().numpy()

        options = {"maxiter": self.iterations, "maxcor": 20, "gtol": 1e-5, "ftol": 1e-9}
        found = minimize(
            objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options
        )
        parameters = found.x.reshape(shape)
        scale = deviation.double().numpy()
        self.weight = (parameters[:-1] / scale[:, None]).astype(np.float64)
        self.intercept = parameters[-1] - mean.double().numpy() @ self.weight

    def predict(self, features: Array) -> Array:
        """Return probabilities (n, classes)."""
        scores = np.asarray(features, dtype=np.float64) @ self.weight + self.intercept
        return torch.from_numpy(scores).softmax(1).numpy()


class KNN:
    """Vote of the nearest training rows by cosine, weighted (:func:`neighbour_votes`)."""

    tasks: ClassVar[frozenset[str]] = frozenset({"classification"})
    uses_features: ClassVar[bool] = True

    def __init__(
        self,
        *,
        neighbours: PositiveInt = 200,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
    ) -> None:
        self.neighbours, self.temperature = neighbours, temperature
        self.bank: Array = np.zeros(0)
        self.votes: Array = np.zeros(0)

    def fit(self, features: Array, targets: Array, seed: int) -> None:
        """Keep the rows."""
        self.bank = np.asarray(features, dtype=np.float32)
        self.votes = targets

    def predict(self, features: Array) -> Array:
        """Return shares of the votes (n, classes)."""
        shares = neighbour_votes(
            torch.from_numpy(self.bank),
            torch.from_numpy(self.votes),
            torch.from_numpy(np.asarray(features, dtype=np.float32)),
            self.neighbours,
            self.temperature,
        )
        return shares.numpy()

    def arrays(self) -> dict[str, Array]:
        """Return what ``from_arrays`` needs."""
        settings = np.array([self.neighbours, self.temperature])
        return {"bank": self.bank, "votes": self.votes, "settings": settings}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Make the fitted head again."""
        neighbours, temperature = arrays["settings"]
        head = cls(neighbours=int(neighbours), temperature=float(temperature))
        head.bank, head.votes = arrays["bank"], arrays["votes"]
        return head


def neighbour_votes(
    bank: Tensor,
    indicators: Tensor,
    queries: Tensor,
    neighbours: int = 200,
    temperature: float = 0.1,
) -> Tensor:
    """Return each class's share of the votes of the nearest rows, float64 (m, classes).

    The ``neighbours`` rows of ``bank`` (n, d) with the largest cosine to a query (m, d) vote for
    their classes, ``indicators`` (n, classes), with weight exp(cosine / temperature): Wu et al.
    2018, "Unsupervised feature learning via non-parametric instance discrimination", section 3.4.
    """
    directions = F.normalize(bank, dim=1)
    shares = []
    for some in torch.split(F.normalize(queries, dim=1), CHUNK):
        cosine, index = (some @ directions.T).topk(min(neighbours, len(bank)), dim=1)
        weight = (cosine.double() / temperature).softmax(1)
        shares.append(torch.einsum("mk,mkc->mc", weight, indicators[index].double()))
    return torch.cat(shares)
