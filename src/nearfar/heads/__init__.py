"""Predictors on features: trained by gradient (``NETWORKS``) or solved (``EXACT``)."""

from nearfar.heads.classifiers import KNN, Logistic
from nearfar.heads.exact import Forest, Mean, Ridge
from nearfar.heads.kernel import SVR
from nearfar.heads.networks import MLP, Linear, Standardise

NETWORKS: dict[str, type[Linear] | type[MLP]] = {"linear": Linear, "mlp": MLP}
ExactHead = Mean | Ridge | Forest | SVR | Logistic | KNN
EXACT: dict[str, type[ExactHead]] = {
    "mean": Mean,
    "ridge": Ridge,
    "forest": Forest,
    "svr": SVR,
    "logistic": Logistic,
    "knn": KNN,
}

__all__ = [
    "EXACT",
    "KNN",
    "MLP",
    "NETWORKS",
    "SVR",
    "ExactHead",
    "Forest",
    "Linear",
    "Logistic",
    "Mean",
    "Ridge",
    "Standardise",
]
