"""What a stage minimises: views and an encoder under a loss. All have ``loss(batch)``."""

from typing import Any

from nearfar.objectives.autoencoder import AutoEncoder
from nearfar.objectives.moco import MomentumContrast
from nearfar.objectives.nt_xent import SimCLR
from nearfar.objectives.pairs import ContrastivePairs, PairLikelihood, Triplets
from nearfar.objectives.predictor import Predictor, in_chunks
from nearfar.objectives.rnc import RankNContrast
from nearfar.objectives.rows import Batch, CachedViews, Rows
from nearfar.objectives.sup_con import SupervisedContrast

OBJECTIVES: dict[str, type[Any]] = {
    "autoencoder": AutoEncoder,
    "rnc": RankNContrast,
    "moco": MomentumContrast,
    "nt_xent": SimCLR,
    "supcon": SupervisedContrast,
    "contrastive": ContrastivePairs,
    "triplet": Triplets,
    "pair_likelihood": PairLikelihood,
}
"""Name in a study file → class made of (encoder, its options)."""

__all__ = [
    "OBJECTIVES",
    "AutoEncoder",
    "Batch",
    "CachedViews",
    "ContrastivePairs",
    "MomentumContrast",
    "PairLikelihood",
    "Predictor",
    "RankNContrast",
    "Rows",
    "SimCLR",
    "SupervisedContrast",
    "Triplets",
    "in_chunks",
]
