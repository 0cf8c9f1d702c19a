"""Predictors on features: trained by gradient (``NETWORKS``) or solved (``EXACT``)."""

from nearfar.heads.exact import ExactHead, Forest, Mean, Ridge
from nearfar.heads.networks import MLP, Linear, Standardise

NETWORKS: dict[str, type[Linear] | type[MLP]] = {"linear": Linear, "mlp": MLP}
EXACT: dict[str, type[ExactHead]] = {"mean": Mean, "ridge": Ridge, "forest": Forest}

__all__ = [
    "EXACT",
    "MLP",
    "NETWORKS",
    "ExactHead",
    "Forest",
    "Linear",
    "Mean",
    "Ridge",
    "Standardise",
]
