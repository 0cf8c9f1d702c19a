"""Predictors on features: trained by gradient (``NETWORKS``) or solved (``EXACT``).

``READOUTS`` says how the outputs of the former become numbers.
"""

from typing import Any

from nearfar.extensions import Part, Registry
from nearfar.heads.base import NetworkHead, SolvedHead, head_mistake, is_network
from nearfar.heads.decoders import Decoder, ImageDecoder
from nearfar.heads.networks import MLP, Linear, Standardise
from nearfar.heads.readouts import READOUTS, Readout
from nearfar.heads.solved.each_target import EachTarget, fits_task, restored_head
from nearfar.heads.solved.exact import Forest, Mean, Ridge
from nearfar.heads.solved.knn import KNN
from nearfar.heads.solved.logistic.head import Logistic
from nearfar.heads.solved.logistic.many import Problem, solve_together
from nearfar.heads.solved.pca import PrincipalComponents
from nearfar.heads.solved.svr import SVR

Network = Linear | MLP | Decoder
_NETWORKS: dict[str, type[Any]] = {
    "linear": Linear,
    "mlp": MLP,
    "decoder": Decoder,
    "image_decoder": ImageDecoder,
}
ExactHead = Mean | Ridge | Forest | SVR | Logistic | KNN | PrincipalComponents
_EXACT: dict[str, type[Any]] = {
    "mean": Mean,
    "ridge": Ridge,
    "forest": Forest,
    "svr": SVR,
    "logistic": Logistic,
    "knn": KNN,
    "pca": PrincipalComponents,
}
HEADS = Registry("head", "heads", {**_NETWORKS, **_EXACT}, head_mistake)
NETWORKS: Part[type[Any]] = Part(HEADS, is_network)
EXACT: Part[type[Any]] = Part(HEADS, lambda kind: not is_network(kind))

WeightedHead = Ridge | Forest | Logistic | EachTarget
WEIGHTED: dict[str, type[Any]] = {"ridge": Ridge, "forest": Forest, "logistic": Logistic}
"""Solved heads whose ``fit`` takes weights of the training rows."""

__all__ = [
    "EXACT",
    "HEADS",
    "KNN",
    "MLP",
    "NETWORKS",
    "READOUTS",
    "SVR",
    "WEIGHTED",
    "Decoder",
    "EachTarget",
    "ExactHead",
    "Forest",
    "Linear",
    "Logistic",
    "Mean",
    "Network",
    "NetworkHead",
    "PrincipalComponents",
    "Problem",
    "Readout",
    "Ridge",
    "SolvedHead",
    "Standardise",
    "WeightedHead",
    "fits_task",
    "restored_head",
    "solve_together",
]
