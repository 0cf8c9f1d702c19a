"""Rank-N-Contrast: labels → farness order, features → similarities, both → loss and gradient."""

from nearfar.losses.rnc.module import RnCLoss

__all__ = ["RnCLoss"]
