"""What a stage minimises: views and an encoder under a loss. All have ``loss(batch)``."""

from typing import Any

from nearfar.extensions import Registry
from nearfar.objectives.autoencoder import AutoEncoder
from nearfar.objectives.barlow_twins import BarlowTwins
from nearfar.objectives.base import Objective, objective_mistake
from nearfar.objectives.batches import Batch, CachedRows, CachedViews, Rows
from nearfar.objectives.byol import BYOL
from nearfar.objectives.moco import MomentumContrast
from nearfar.objectives.mul_sup_con import MultiLabelContrast
from nearfar.objectives.nt_xent import NTXent
from nearfar.objectives.on_ranks import loss_on_ranks
from nearfar.objectives.ordinal_entropy import OrdinalEntropy
from nearfar.objectives.pairs import ContrastivePairs, PairLikelihood, Triplets
from nearfar.objectives.predictor import Predictor, in_chunks
from nearfar.objectives.ranksim import RankSim
from nearfar.objectives.rnc import RankNContrast
from nearfar.objectives.simsiam import SimSiam
from nearfar.objectives.sup_con import SupervisedContrast
from nearfar.objectives.supervised import BinaryCrossEntropy, CrossEntropy, Regression
from nearfar.objectives.supremix import SupReMix
from nearfar.objectives.vicreg import VICReg

_BUILT_IN: dict[str, type[Any]] = {
    "autoencoder": AutoEncoder,
    "cross_entropy": CrossEntropy,
    "bce": BinaryCrossEntropy,
    "regression": Regression,
    "ranksim": RankSim,
    "ordinal_entropy": OrdinalEntropy,
    "rnc": RankNContrast,
    "supremix": SupReMix,
    "moco": MomentumContrast,
    "nt_xent": NTXent,
    "vicreg": VICReg,
    "barlow_twins": BarlowTwins,
    "byol": BYOL,
    "simsiam": SimSiam,
    "supcon": SupervisedContrast,
    "mulsupcon": MultiLabelContrast,
    "contrastive": ContrastivePairs,
    "triplet": Triplets,
    "pair_likelihood": PairLikelihood,
}
OBJECTIVES = Registry("objective", "objectives", _BUILT_IN, objective_mistake)
"""Name in a study file → class made of (encoder, its options); those that predict take the number
of outputs after the encoder."""

__all__ = [
    "BYOL",
    "OBJECTIVES",
    "AutoEncoder",
    "BarlowTwins",
    "Batch",
    "BinaryCrossEntropy",
    "CachedRows",
    "CachedViews",
    "ContrastivePairs",
    "CrossEntropy",
    "MomentumContrast",
    "MultiLabelContrast",
    "NTXent",
    "Objective",
    "OrdinalEntropy",
    "PairLikelihood",
    "Predictor",
    "RankNContrast",
    "RankSim",
    "Regression",
    "Rows",
    "SimSiam",
    "SupReMix",
    "SupervisedContrast",
    "Triplets",
    "VICReg",
    "in_chunks",
    "loss_on_ranks",
]
