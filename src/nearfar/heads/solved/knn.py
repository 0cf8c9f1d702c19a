"""The vote of the nearest neighbours, a head for classes that is solved, as ``exact.py`` says."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

Array = NDArray[Any]
CHUNK = 1024


class KNN:
    """Vote of the nearest training rows by cosine, weighted (:func:`neighbour_votes`).

    The weights are those of Wu et al., "Unsupervised feature learning via non-parametric instance
    discrimination", 2018.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"classification", "multilabel"})
    uses_features: ClassVar[bool] = True
    draws: ClassVar[bool] = False

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
    their classes or labels, ``indicators`` (n, classes), with weight exp(cosine / temperature): Wu
    et al. 2018, "Unsupervised feature learning via non-parametric instance discrimination", section
    3.4.
    """
    bank = directions(bank)
    shares = []
    for some in torch.split(directions(queries), CHUNK):
        cosine, index = (some @ bank.T).topk(min(neighbours, len(bank)), dim=1)
        weight = (cosine.double() / temperature).softmax(1)
        shares.append(torch.einsum("mk,mkc->mc", weight, indicators[index].double()))
    return torch.cat(shares)


def directions(rows: Tensor) -> Tensor:
    """Return rows (n, d) at length 1, also where their squares overflow or vanish; zeros stay."""
    largest = rows.abs().amax(1, keepdim=True)
    return F.normalize(rows / torch.where(largest > 0, largest, 1), dim=1)
