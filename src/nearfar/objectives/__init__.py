"""What a stage minimises: views and an encoder under a loss. All have ``loss(batch)``."""

from typing import Any

from nearfar.extensions import Registry
from nearfar.objectives.autoencoder import AutoEncoder
from nearfar.objectives.base import Objective, objective_mistake
from nearfar.objectives.batches import Batch, CachedRows, CachedViews, Rows
from nearfar.objectives.moco import MomentumContrast
from nearfar.objectives.nt_xent import NTXent
from nearfar.objectives.pairs import ContrastivePairs, PairLikelihood, Triplets
from nearfar.objectives.predictor import Predictor, in_chunks
from nearfar.objectives.rnc import RankNContrast
from nearfar.objectives.sup_con import SupervisedContrast
from nearfar.objectives.supervised import BinaryCrossEntropy, CrossEntropy, Regression

_BUILT_IN: dict[str, type[Any]] = {
    "autoencoder": AutoEncoder,
    "cross_entropy": CrossEntropy,
    "bce": BinaryCrossEntropy,
    "regression": Regression,
    "rnc": RankNContrast,
    "moco": MomentumContrast,
    "nt_xent": NTXent,
    "supcon": SupervisedContrast,
    "contrastive": ContrastivePairs,
    "triplet": Triplets,
    "pair_likelihood": PairLikelihood,
}
OBJECTIVES = Registry("objective", "objectives", _BUILT_IN, objective_mistake)
"""Name in a study file → class made of (encoder, its options); those that predict take the number
of outputs after the encoder."""

__all__ = [
    "OBJECTIVES",
    "AutoEncoder",
    "Batch",
    "BinaryCrossEntropy",
    "CachedRows",
    "CachedViews",
    "ContrastivePairs",
    "CrossEntropy",
    "MomentumContrast",
    "NTXent",
    "Objective",
    "PairLikelihood",
    "Predictor",
    "RankNContrast",
    "Regression",
    "Rows",
    "SupervisedContrast",
    "Triplets",
    "in_chunks",
]
