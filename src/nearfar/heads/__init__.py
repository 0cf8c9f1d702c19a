"""Predictors on features: trained by gradient (``NETWORKS``) or solved (``EXACT``).

``READOUTS`` says how the outputs of the former become numbers.
"""

from nearfar.heads.decoders import Decoder
from nearfar.heads.networks import MLP, Linear, Standardise
from nearfar.heads.readouts import READOUTS, Readout
from nearfar.heads.solved.exact import Forest, Mean, Ridge
from nearfar.heads.solved.knn import KNN
from nearfar.heads.solved.logistic.head import Logistic
from nearfar.heads.solved.logistic.many import Problem, solve_together
from nearfar.heads.solved.pca import PrincipalComponents
from nearfar.heads.solved.svr import SVR

Network = Linear | MLP | Decoder
NETWORKS: dict[str, type[Network]] = {"linear": Linear, "mlp": MLP, "decoder": Decoder}
ExactHead = Mean | Ridge | Forest | SVR | Logistic | KNN | PrincipalComponents
EXACT: dict[str, type[ExactHead]] = {
    "mean": Mean,
    "ridge": Ridge,
    "forest": Forest,
    "svr": SVR,
    "logistic": Logistic,
    "knn": KNN,
    "pca": PrincipalComponents,
}

WeightedHead = Ridge | Forest
WEIGHTED: dict[str, type[WeightedHead]] = {"ridge": Ridge, "forest": Forest}
"""Solved heads whose ``fit`` takes weights of the training rows."""

__all__ = [
    "EXACT",
    "KNN",
    "MLP",
    "NETWORKS",
    "READOUTS",
    "SVR",
    "WEIGHTED",
    "Decoder",
    "ExactHead",
    "Forest",
    "Linear",
    "Logistic",
    "Mean",
    "Network",
    "PrincipalComponents",
    "Problem",
    "Readout",
    "Ridge",
    "Standardise",
    "WeightedHead",
    "solve_together",
]
