"""Predictors on features: trained by gradient (``NETWORKS``) or solved (``EXACT``).

``READOUTS`` says how the outputs of the former become numbers.
"""

from collections.abc import Mapping
from typing import Any

from nearfar.extensions import Part, Registry, arguments
from nearfar.heads.base import NetworkHead, SolvedHead, head_mistake, is_network
from nearfar.heads.decoders import Decoder, ImageDecoder
from nearfar.heads.estimators.boosters import Booster, CatBoost, LightGBM, XGBoost
from nearfar.heads.estimators.head import Sklearn
from nearfar.heads.estimators.in_context import InContext, TabICL, TabPFN
from nearfar.heads.networks import MLP, Linear, Standardise
from nearfar.heads.readouts import READOUTS, Readout
from nearfar.heads.solved.each_target import EachTarget, fits_task, restored_head
from nearfar.heads.solved.exact import Forest, Mean, Ridge
from nearfar.heads.solved.knn import KNN
from nearfar.heads.solved.logistic.head import Logistic
from nearfar.heads.solved.logistic.many import Problem, solve_together
from nearfar.heads.solved.pca import PrincipalComponents
from nearfar.heads.solved.svc import SVC
from nearfar.heads.solved.svr import SVR

Network = Linear | MLP | Decoder
_NETWORKS: dict[str, type[Any]] = {
    "linear": Linear,
    "mlp": MLP,
    "decoder": Decoder,
    "image_decoder": ImageDecoder,
}
ExactHead = (
    Mean
    | Ridge
    | Forest
    | SVR
    | SVC
    | Logistic
    | KNN
    | PrincipalComponents
    | Sklearn
    | Booster
    | InContext
)
_EXACT: dict[str, type[Any]] = {
    "mean": Mean,
    "ridge": Ridge,
    "forest": Forest,
    "svr": SVR,
    "svc": SVC,
    "logistic": Logistic,
    "knn": KNN,
    "pca": PrincipalComponents,
    "sklearn": Sklearn,
    "lightgbm": LightGBM,
    "xgboost": XGBoost,
    "catboost": CatBoost,
    "tabpfn": TabPFN,
    "tabicl": TabICL,
}
HEADS = Registry("head", "heads", {**_NETWORKS, **_EXACT}, head_mistake)
NETWORKS: Part[type[Any]] = Part(HEADS, is_network)
EXACT: Part[type[Any]] = Part(HEADS, lambda kind: not is_network(kind))

WeightedHead = Ridge | Forest | Logistic | Sklearn | Booster | EachTarget
WEIGHTED: dict[str, type[Any]] = {
    "ridge": Ridge,
    "forest": Forest,
    "logistic": Logistic,
    "sklearn": Sklearn,
    "lightgbm": LightGBM,
    "xgboost": XGBoost,
    "catboost": CatBoost,
}
"""Solved heads whose ``fit`` takes weights of the training rows."""


def solved_head(name: str, options: Mapping[str, Any]) -> Any:
    """Make a solved head of its options as a specification holds them, not yet fitted."""
    kind = EXACT[name]
    named = options if getattr(kind, "any_option", False) else arguments(options)
    return kind(**named)


__all__ = [
    "EXACT",
    "HEADS",
    "KNN",
    "MLP",
    "NETWORKS",
    "READOUTS",
    "SVC",
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
    "solved_head",
]
